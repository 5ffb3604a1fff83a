"""`usance audit`: judge a whole log, over HTTP or from a folder, on the base dependencies alone."""

from __future__ import annotations

import argparse
import os
import time

from ledger.errors import StorageError
from ledger.replay import AuditFailure
from node.audit import Audit, audit
from node.cli.common import add_log, add_output, find_policy, need_log
from node.cli.outcome import FAILED, OK, explain
from node.cli.progress import progress
from node.cli.text import emit, note_line
from node.errors import ForkError, IncompleteError
from node.heads import HeadStore, state_folder
from node.sources import open_source
from proofs.checkpoint import Checkpoint
from proofs.errors import VerifyError
from proofs.note import VerifierKey


def configure_audit(parser: argparse.ArgumentParser) -> None:
    """Where the log is, and its key."""
    parser.add_argument(
        "where", metavar="URL|DIR",
        help="a node or mirror, a folder with checkpoint and tile/, or the folder of a node that stands still",
    )  # fmt: skip
    add_log(parser)
    parser.add_argument("--policy", metavar="FILE", help="a trust policy instead: logs, witnesses and a quorum")
    add_output(parser)
    parser.set_defaults(run=run_audit)


def run_audit(args: argparse.Namespace) -> int:
    """Replay everything; the first thing that is wrong ends it, with its leaf."""
    began = time.monotonic()
    policy = find_policy(args)
    if policy is None:
        need_log(args)
        return FAILED
    only = policy.logs[0].key if len(policy.logs) == 1 else None
    source = open_source(args.where, only)
    try:
        note = source.checkpoint()
        checked = policy.check(note)
        size = checked.checkpoint.size
        with progress("auditing", unit="records", total=size, quiet=args.json) as bar:
            found = audit(source, checked.checkpoint, checked.log, progress=bar.update)
        seen = _compare_with_seen(found, note, checked.log)
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
    value = {**found.value(), "cosigners": [cosigner.name for cosigner in checked.cosigners],
             "seen_before": seen, "seconds": round(seconds, 3), "records_per_s": round(size / seconds)}  # fmt: skip
    emit(value, as_json=args.json, lines=_lines(found, seen, seconds, len(checked.cosigners)))
    if seen is not None and seen > size:
        raise IncompleteError(
            f"good as far as it goes: it ends at size {size}, but a checkpoint of size {seen} was seen before: whether "
            "that continues this one can only be told with the entries between"
        )
    return OK


def _compare_with_seen(found: Audit, note: bytes, vkey: VerifierKey) -> int | None:
    """Compare with the newest checkpoint that this user has verified; keeps the newer one. Answers the size of the
    one seen before, which may be beyond this log's. Raises ForkError where they aren't one history."""
    store = HeadStore(state_folder(os.environ), vkey)
    old = store.load()
    seen: Checkpoint | None = old.checkpoint if old else None
    if seen is not None and seen.size > found.checkpoint.size:
        return seen.size
    if seen is not None and found.root_at(seen.size) != seen.root:
        kept = store.keep_evidence(note)
        raise ForkError(
            f"the log passes by itself, but isn't the continuation of the checkpoint of size {seen.size} seen before: "
            f"show both notes, {store.path} and {kept}, to others who use this log", field="checkpoint",
        )  # fmt: skip
    try:
        store.replace(old, note)
    except StorageError as error:
        note_line(f"remark: the checkpoint isn't kept for later: {error.detail}")
    return seen.size if seen else None


def _lines(found: Audit, seen: int | None, seconds: float, cosigners: int) -> list[str]:
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
    lines.append(f"  every signature, number, head and rule holds; {found.tiles} tiles hash to the root")
    if seen is not None and seen <= head.size:
        lines.append(f"  one history with the checkpoint of size {seen} seen before")
    lines.append("NOT SHOWN: uses that nobody logged; who parties are in the world; what the log shows to others")
    return lines
