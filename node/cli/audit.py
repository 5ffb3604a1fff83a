"""`usance audit`: judge a whole log, over HTTP or from a folder, on the base dependencies alone.

Every charge, line, statement and receipt is recomputed from the entries. What a node makes of them is compared: over
HTTP its answers about money, in a stopped node's folder every derived row of the database.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ledger.errors import StorageError
from ledger.replay import AuditFailure
from ledger.state import State
from node.audit import Audit, audit
from node.cli.common import add_access, add_log, add_output, find_policy, need_log, node_access
from node.cli.outcome import FAILED, OK, explain
from node.cli.progress import progress
from node.cli.text import counted, emit, note_line
from node.errors import ForkError, IncompleteError
from node.heads import HeadStore, state_folder
from node.moneyaudit import Compared, MoneyAudit, all_accounts
from node.sources import HttpSource, NodeFolderSource, Source, open_source
from node.transport import Transport
from proofs.checkpoint import Checkpoint
from proofs.closing import open_closing
from proofs.errors import InputError, VerifyError
from proofs.logkeys import LogKeys

SAMPLED = ", evenly over the log (--deep: all)"


def configure_audit(parser: argparse.ArgumentParser) -> None:
    """Where the log is, and its key."""
    parser.add_argument(
        "where", metavar="URL|DIR",
        help="a node or mirror, a folder with checkpoint and tile/, or the folder of a node that stands still",
    )  # fmt: skip
    add_log(parser)
    add_access(parser)
    parser.add_argument(
        "--deep", action="store_true",
        help="of a node, compare what it says of every record and account, and not only of samples (slower)",
    )  # fmt: skip
    add_output(parser)
    parser.set_defaults(run=run_audit)


@dataclass(frozen=True, slots=True)
class Money:
    """What of money was recomputed, and what of a node's state was held against it. `rows`: of a database; `answers`:
    of a node; `why_not`: why neither."""

    accounts: int
    rows: int = 0
    answers: Compared | None = None
    why_not: str = ""

    def value(self) -> dict[str, object]:
        """As JSON."""
        found: dict[str, object] = {"accounts": self.accounts, "compared": None}
        if self.answers is not None:
            found |= {"compared": "answers", "statements": self.answers.statements, "records": self.answers.records,
                      "node_size": self.answers.size}  # fmt: skip
        elif self.rows:
            found |= {"compared": "database", "rows": self.rows}
        else:
            found["why_not"] = self.why_not
        return found


def run_audit(args: argparse.Namespace) -> int:
    """Replay everything; the first thing that is wrong ends it, with its leaf."""
    began = time.monotonic()
    policy = find_policy(args)
    if policy is None:
        need_log(args)
        return FAILED
    only = policy.keys_of(policy.origins[0]) if len(policy.origins) == 1 else None
    source = open_source(args.where, only, access=node_access(args))
    try:
        note = source.checkpoint()
        checked = policy.check(note)
        size, keys = checked.checkpoint.size, policy.keys_of(checked.checkpoint.origin)
        is_closed = _is_closed(source, checked.checkpoint, keys)
        found, money, replayed_s = _audit(args, source, checked.checkpoint, keys)
        seen = _compare_with_seen(found, note, keys)
    except VerifyError as error:
        if not args.json:
            raise
        leaf = error.index if isinstance(error, AuditFailure) else None
        emit({"verdict": "failed", "entry": leaf, "detail": error.detail}, as_json=True, lines=())
        note_line(f"usance audit: {explain(error)}")
        return FAILED
    finally:
        source.close()
    seconds = time.monotonic() - began
    value = {**found.value(), "money": money.value(), "cosigners": [cosigner.name for cosigner in checked.cosigners],
             "seen_before": seen, "closed": is_closed, "seconds": round(seconds, 3),
             "replay_seconds": round(replayed_s, 3), "records_per_s": round(size / replayed_s)}  # fmt: skip
    lines = _lines(found, money, seen, replayed_s, len(checked.cosigners))
    if is_closed:
        lines.insert(-1, "  closed for good at this size, by the log's own word")
    emit(value, as_json=args.json, lines=lines)
    if seen is not None and seen > size:
        raise IncompleteError(
            f"good as far as it goes: it ends at size {size}, but a checkpoint of size {seen} was seen before: whether "
            "that continues this one can only be told with the entries between"
        )
    return OK


def _is_closed(source: Source, checkpoint: Checkpoint, keys: LogKeys) -> bool:
    """Whether the log has ended at this checkpoint, by a note that its own key signed; anything else that is served in
    its place is nobody's word. Raises ForkError where the log has gone on after its end."""
    data = source.closing()
    try:
        closing = None if data is None else open_closing(data, keys)
    except InputError:
        return False
    if closing is not None and not closing.allows(checkpoint):
        raise ForkError(
            f"the log has signed that it ended at size {closing.size}, root {closing.root.hex()}, and another head of "
            f"size {checkpoint.size}: keep both notes (GET /closed, GET /checkpoint)", field="checkpoint",
        )  # fmt: skip
    return closing is not None and closing.size == checkpoint.size


def _audit(
    args: argparse.Namespace, source: Source, checkpoint: Checkpoint, keys: LogKeys
) -> tuple[Audit, Money, float]:
    """Replay, then compare what the source has made of the entries; answers how many seconds the first took, too. What
    it keeps is let go of at the command's end."""
    began = time.monotonic()
    store, size = None, checkpoint.size
    if isinstance(source, NodeFolderSource):
        from ledger.bulk import scratch_store  # needs LevelDB, as the source does

        store, size = args.at_end.enter_context(scratch_store(source.view)), max(size, source.size)
    with progress("auditing", unit="records", total=size, quiet=args.json) as bar:
        found = audit(source, checkpoint, keys, progress=bar.update, store=store, size=size)
    replayed_s = time.monotonic() - began
    accounts = len(all_accounts(State(found.replay.ledger.store)))
    if isinstance(source, NodeFolderSource) and store is not None:
        from ledger.rowcheck import compare_rows

        with progress("comparing", unit="rows", quiet=args.json) as bar:
            rows = compare_rows(source.view, store, size=size, progress=bar.update)
        return found, Money(accounts, rows=rows), replayed_s
    if not isinstance(source, HttpSource):
        return found, Money(accounts, why_not="a copy of the log holds no state"), replayed_s
    transport = Transport(args.where, access=node_access(args))
    args.at_end.callback(transport.close)
    compared = MoneyAudit(transport.get_json, found.replay, size=size)
    why_not = compared.is_served()
    if why_not:
        return found, Money(accounts, why_not=f"{args.where} answers nothing about accounts ({why_not})"), replayed_s
    with progress("comparing", unit="answers", quiet=args.json) as bar:
        answers = compared.compare(deep=args.deep, progress=bar.update)
    return found, Money(accounts, answers=answers), replayed_s


def _compare_with_seen(found: Audit, note: bytes, keys: LogKeys) -> int | None:
    """Compare with the newest checkpoint that this user has verified; keeps the newer one. Answers the size of the
    one seen before, which may be beyond this log's. Raises ForkError where they aren't one history."""
    store = HeadStore(state_folder(os.environ), keys)
    heads = store.heads()
    old = heads[0] if heads else None
    for head in heads:
        seen = head.checkpoint
        if seen.size <= found.checkpoint.size and found.root_at(seen.size) != seen.root:
            kept = store.keep_evidence(note)
            raise ForkError(
                f"the log passes by itself, but isn't the continuation of the checkpoint of size {seen.size} seen "
                f"before: show both notes, {head.path} and {kept}, to others who use this log", field="checkpoint",
            )  # fmt: skip
    if old is not None and old.checkpoint.size > found.checkpoint.size:
        return old.checkpoint.size
    try:
        store.replace(old, note)
    except StorageError as error:
        note_line(f"remark: the checkpoint isn't kept for later: {error.detail}")
    return old.checkpoint.size if old else None


def _money_lines(found: Audit, money: Money) -> Iterator[str]:
    counts = [(money.accounts, "account")]
    counts += [(found.kinds.get(kind, 0), kind) for kind in ("statement", "receipt", "correction")]
    shown = ", ".join(counted(count, what) for count, what in counts)
    yield f"  money: {shown}: every charge, line, statement and receipt recomputed from the entries alone"
    if money.answers is not None:
        said, known = money.answers, max(money.accounts, money.answers.accounts)
        yield (
            f"  the node says the same of {said.accounts} of {counted(known, 'account')}, "
            f"{counted(said.statements, 'statement')} and "
            f"{said.records} of {found.checkpoint.size} records" + SAMPLED * (said.records < found.checkpoint.size)
        )
        if said.size > found.checkpoint.size:
            yield f"  it has gone on to {said.size} entries meanwhile: compared as of {found.checkpoint.size}"
    elif money.rows:
        yield f"  the database's {money.rows} derived rows are as recomputed"
    else:
        yield f"  not compared with a node's state: {money.why_not}"


def _lines(found: Audit, money: Money, seen: int | None, seconds: float, cosigners: int) -> list[str]:
    head = found.checkpoint
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items())
    statuses = ", ".join(f"{count} {status}" for status, count in found.statuses.items())
    lines = [
        f"{head.origin}: GOOD: {head.size} records in {found.batches} batches, {seconds:.1f} s, "
        f"{head.size / seconds:,.0f} records/s",
        f"  root {head.root.hex()}, signed by the log" + (f" and {cosigners} witnesses" if cosigners else ""),
        f"  {kinds}",
    ]
    if statuses:
        lines.append(f"  usage: {statuses}")
    lines.append(f"  every signature, number, head and rule holds; the root is that of {counted(found.tiles, 'tile')}")
    lines += _money_lines(found, money)
    if seen is not None and seen <= head.size:
        lines.append(f"  one history with the checkpoint of size {seen} seen before")
    lines.append("NOT SHOWN: uses that nobody logged; who parties are in the world; what the log shows to others")
    return lines
