"""fsck: a stopped log's database recomputed from its own entries (design sections 1, 8 and 9).

The log itself is read row by row, whatever the tree head's row says: every batch, and as many entries as it names, from
leaf 0 on without a gap. They are replayed, which judges every hash, path, signature, number, head and rule; the root at
the size that was signed last has to be the one that was signed. Every other row (tiles, head, version, all that is
derived) is then compared with what the replay made. Nothing is written.

Rows can be made anew (ledger/rebuild.py) out of entries that hash to the signed root. An answer leaves a node only
after the sign record is durable, so entries behind its size were never acknowledged: where those are damaged, what is
whole of them is kept, and whoever sent the rest sends it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from ledger import keys
from ledger.bulk import scratch_store
from ledger.context import LogIdentity
from ledger.errors import StorageError, UnreadableError
from ledger.replay import AuditFailure, Replay
from ledger.rowcheck import find_differences
from ledger.signrecord import SignRecord
from ledger.store import Row, View
from ledger.tree import read_head
from proofs import codec
from proofs.entry import BATCH_RECORDS_MAX, Batch
from proofs.errors import InputError
from proofs.records import BODY_BYTES_MAX

Show = Callable[[str, str, int], AbstractContextManager[Callable[[int], None]]]
"""`show(what, unit, total)`: a progress bar for a step, called with how much is done; a total of 0 isn't known."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as it should be. `where`: entries, sign record, rows, or a file; `leaf`: the first entry
    that it is about, where there is one."""

    where: str
    detail: str
    leaf: int | None = None


@dataclass(slots=True)
class Checked:
    """What a database holds. `size`, `root`: of its good entries; `rows`: derived ones compared; `findings`: what is
    wrong, the first difference first. `can_rebuild`: the good entries hash to what was signed last, so all that was
    ever acknowledged is there and every other row can be made anew."""

    size: int = 0
    root: bytes = b""
    batches: int = 0
    rows: int = 0
    conflicts: int = 0
    can_rebuild: bool = False
    findings: list[Finding] = field(default_factory=list)


def stored_size(view: View) -> int:
    """How many entries the database seems to have, by its last entry's row; for progress and bounds only."""
    last = next(iter(view.scan(keys.ENTRY, keys.after(keys.ENTRY), reverse=True)), None)
    return 0 if last is None else int.from_bytes(last[0][1:9], "big") + 1


def stored_entries(view: View) -> Iterator[list[bytes]]:
    """The log's entries as its own rows hold them, a batch at a time. ENTRY and BATCH rows have had one form in all
    store versions. Raises AuditFailure naming the first leaf whose row is missing or has another form."""
    bodies = view.scan(keys.ENTRY, keys.after(keys.ENTRY))
    index = 0
    try:
        for key, value in view.scan(keys.BATCH, keys.after(keys.BATCH)):
            if key != keys.BATCH + keys.number(index):
                raise AuditFailure(index, f"no batch begins here: the next BATCH row is {key[1:].hex()}")
            count, make = _batch_row(index, value)
            made = make(tuple(_next_body(bodies, index + at) for at in range(count)))
            yield made.entries()
            index += count
        past = next(bodies, None)
    except UnreadableError as error:
        raise AuditFailure(index, f"the rows of its batch or behind it can't be read ({error.detail})") from None
    if past is not None:
        raise AuditFailure(index, f"an ENTRY row {past[0][1:].hex()} that no batch names")


def _batch_row(index: int, value: bytes) -> tuple[int, Callable[[tuple[bytes, ...]], Batch]]:
    """How many records a batch has, and what makes it of their bodies. Raises AuditFailure for another form."""
    try:
        key, size, root, first, count, signature = codec.decode(value, field="batch")
    except (InputError, ValueError, TypeError) as error:
        raise AuditFailure(index, f"the BATCH row can't be read ({error})") from None
    is_good = (
        all(type(item) is bytes and len(item) == length for item, length in ((key, 32), (root, 32), (signature, 64)))
        and all(type(item) is int and item >= 0 for item in (size, first))
        and type(count) is int
        and 1 <= count <= BATCH_RECORDS_MAX
    )
    if not is_good:
        raise AuditFailure(index, "the BATCH row has another form: expected [key, size, root, first, count, signature]")
    return count, lambda bodies: Batch(key, size, root, first, signature, bodies)


def _next_body(bodies: Iterator[Row], index: int) -> bytes:
    row = next(bodies, None)
    if row is None or row[0] != keys.ENTRY + keys.number(index):
        there = "none is left" if row is None else f"the next is {row[0][1:].hex()}"
        raise AuditFailure(index, f"its ENTRY row is missing: {there}")
    if not 0 < len(row[1]) <= BODY_BYTES_MAX:
        raise AuditFailure(index, f"its ENTRY row holds {len(row[1])} bytes: expected 1 to {BODY_BYTES_MAX}")
    return row[1]


def check_database(
    view: View, *, log: LogIdentity, signed: SignRecord | None, executor: Executor | None, show: Show
) -> Checked:
    """Recompute everything from the entries. `signed`: what the log signed last, None where that isn't known; then no
    database counts as good. `executor`: as for Replay. Cost: a replay, and as much disk for a while as the derived rows
    have. Raises StorageError where the temporary database can't be written or this one can't be read at all.
    """
    found = Checked()
    with scratch_store(view) as made:
        replay = Replay(log, executor=executor, store=made)
        is_whole = _replay(view, replay, found, show)
        found.size, found.root, found.batches = replay.size, replay.root, replay.batches
        found.can_rebuild = _check_signed(replay, signed, found)
        if not is_whole:
            return found
        with show("comparing", "rows", 0) as progress:
            rows = find_differences(view, made, size=replay.size, origin=log.origin, progress=progress)
        found.rows = rows.rows
        if rows.first is not None:
            found.findings.append(Finding("rows", rows.text, rows.first.leaf))
    found.conflicts = _count(view)
    return found


def _replay(view: View, replay: Replay, found: Checked, show: Show) -> bool:
    """Whether the entries are whole and keep every rule."""
    try:
        with show("recomputing", "records", stored_size(view)) as progress:
            _feed(view, replay, progress)
        if not replay.size:
            raise AuditFailure(0, "its rows are missing: the database holds no entry")
        head = _head_size(view)
        if head is not None and head > replay.size:
            raise AuditFailure(replay.size, f"its rows are missing: the tree head names {head} entries")
    except AuditFailure as error:
        found.findings.append(Finding("entries", error.detail, error.index))
        return False
    except StorageError as error:  # a rule that looked back, or the last row of all
        found.findings.append(Finding("entries", error.detail, replay.size))
        return False
    return True


def _feed(view: View, replay: Replay, progress: Callable[[int], None]) -> None:
    batches = stored_entries(view)
    missing: AuditFailure | None = None
    while missing is None:
        try:
            entries = next(batches, None)
        except AuditFailure as error:
            missing = error
            continue
        if entries is None:
            break
        replay.feed(entries)
        progress(replay.size)
    replay.finish()  # an earlier batch, which is still being examined, may be wrong: that comes first
    if missing is not None:
        raise missing


def _head_size(view: View) -> int | None:
    """The size in the tree head's row, None where it can't be read; that it is wrong then shows with the rows."""
    try:
        size = read_head(view)[0]
    except (StorageError, InputError, ValueError, TypeError):
        return None
    return size if type(size) is int else None


def _check_signed(replay: Replay, signed: SignRecord | None, found: Checked) -> bool:
    """Whether what was signed last is a prefix of the entries."""
    if signed is None:
        return False
    if signed.size > replay.size:
        detail = f"size {signed.size} was signed, and there are {replay.size} entries: the newest ones are missing"
        found.findings.append(Finding("sign record", detail, replay.size))
        return False
    root = replay.ledger.root_at(signed.size)
    if root != signed.root:
        detail = f"the first {signed.size} entries don't hash to the root that was signed, {signed.root.hex()}"
        found.findings.append(Finding("sign record", detail))
        return False
    return True


def _count(view: View) -> int:
    try:
        return sum(1 for _ in view.scan(keys.CONFLICT, keys.after(keys.CONFLICT)))
    except UnreadableError:
        return 0  # found already, with the rows
