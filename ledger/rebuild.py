"""Making a database anew from a log's entries: for a restore, a repair and a migration (design sections 8 and 9).

Every entry is judged as a replay judges it, and every row is kept. What results is the database that a node would have
that took these batches one by one: entries, batches, tiles, head, version and all derived rows. It is written into a
folder of its own, so nothing that stands is touched; whoever wants it in another's place renames it there.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from ledger import keys
from ledger.bulk import BulkStore
from ledger.context import LogIdentity
from ledger.errors import StorageError
from ledger.leveldb import LevelStore
from ledger.replay import Replay
from ledger.signrecord import settle
from ledger.state import State
from ledger.store import Row, View
from proofs import codec, ed25519
from proofs.errors import VerifyError

Progress = Callable[[int], None]
"""`progress(entries)`: judged so far."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a new database holds: its head, and counts of batches, record kinds and usages' statuses."""

    size: int
    root: bytes
    batches: int
    kinds: dict[str, int]
    statuses: dict[str, int]


def rebuild(
    entries: Iterable[Sequence[bytes]], folder: str, *, log: LogIdentity, size: int, root: bytes,
    executor: Executor | None = None, conflicts: Iterable[Row] = (), progress: Progress = lambda entries: None,
) -> Rebuilt:  # fmt: skip
    """Make the database of `size` entries with this root in `folder`, which must not exist; durable when this returns.

    `entries`: encoded entries from leaf 0 on, in lists of any length; what comes behind `size` is not read.
    `executor`: as for Replay. `conflicts`: rows of signed batches that were refused, which no entry tells; those that
    can't have been, by what the log holds, are left out.
    Raises AuditFailure naming the first entry that is wrong, VerifyError where they are fewer or hash to another root,
    StorageError or StartupError where it can't be written, and what `entries` raises; then the folder is gone again.
    """
    store = LevelStore(folder, create=True, bulk=True)
    try:
        bulk = BulkStore(store)
        try:
            made = _fill(bulk, entries, log, size, executor, progress)
            if made.root != root:
                raise VerifyError(f"the {size} entries hash to {made.root.hex()}", field="root", expected=root.hex())
            bulk.write(_checked_conflicts(bulk, conflicts))
            bulk.flush()
        finally:
            bulk.close()
        settle(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
        raise
    return made


def _fill(
    bulk: BulkStore, entries: Iterable[Sequence[bytes]], log: LogIdentity, size: int, executor: Executor | None,
    progress: Progress,
) -> Rebuilt:  # fmt: skip
    replay = Replay(log, executor=executor, store=bulk)
    came = 0
    for some in entries:
        replay.feed(some[: size - came])
        came += len(some)
        progress(min(came, size))
        if came >= size:
            break
    replay.finish()
    if replay.size != size:
        raise VerifyError(f"there are {replay.size} entries", field="size", expected=f"{size} entries")
    return Rebuilt(
        size, replay.root, replay.batches, dict(sorted(replay.kinds.items())), dict(sorted(replay.statuses.items()))
    )


def _checked_conflicts(view: View, rows: Iterable[Row]) -> dict[bytes, bytes | None]:
    """The rows that accuse a key of another batch over numbers that it has used; each key's numbered from 0 on."""
    found: dict[bytes, bytes | None] = {}
    counts: Counter[bytes] = Counter()
    for name, value in rows:
        if name[:1] != keys.CONFLICT:
            raise StorageError(f"row {name.hex()} is not one of a conflict")
        key = name[1:33]
        lines, _, first, _ = codec.unpack(value, field="conflict")
        row = State(view).key(key)
        if row is None or first >= row.next or _is_logged(view, key, first, lines):
            continue
        found[keys.CONFLICT + key + bytes([counts[key]])] = value
        counts[key] += 1
    return found


def _is_logged(view: View, key: bytes, first: int, lines: bytes) -> bool:
    """Whether the batch of these lines is in the log: its signature there holds for no others."""
    index = view.get(keys.KEY_BATCH + key + keys.number(first))
    data = view.get(keys.BATCH + index) if index is not None else None
    if data is None:
        return False
    signature = codec.unpack(data, field="batch")[5]
    try:
        ed25519.check(key, lines, signature)
    except VerifyError:
        return False
    return True
