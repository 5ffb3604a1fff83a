"""`usance node restore`: a node's database from a backup, and from where the backup ends on from a copy of the log
(docs/backup.md).

Nothing that stands is written over: no database, no key, and the sign record only to say that the log has ended. What
the node may have signed decides whether the entries at hand are enough: its sign record, the mark of a closed log, and
what witnesses saw. The database is made in a folder beside its place and renamed into it last, so a restore that was
killed leaves that folder and no more.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass

from ledger import signrecord, swap
from ledger.context import LogIdentity
from ledger.errors import StartupError, StorageError
from ledger.rebuild import rebuild
from ledger.store import Row
from node.backup import Gathered, Show, check_sealed
from node.backupbeside import Beside, check_conflict, conflict_rows
from node.backupfile import BackupReader, ClosingNote, Entries, Mark
from node.backupwriter import open_backup
from node.errors import ForkError
from node.logfolder import SIGN_RECORD_FILE, check_closed, keep_closed, read_closed
from node.sources import Source, in_order
from proofs import merkle, tiles
from proofs.checkpoint import Checkpoint
from proofs.closing import open_closing
from proofs.errors import InputError, VerifyError
from proofs.logkeys import LogKeys
from proofs.merkle import NodeReader

NEEDED_FILES = ("node.toml", "log.key", "log.vkey")

Seen = Iterable[tuple[str, Checkpoint]]
"""(who, checkpoint): what witnesses have seen of the log."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A copy of the log that goes on behind the backup. `where`: as it was named; `beside()`: what it has that isn't in
    the tree."""

    source: Source
    where: str
    beside: Callable[[], Beside]


@dataclass(frozen=True, slots=True)
class Restored:
    """What the new database holds. `tail`: entries that came from the tail; `missing`: files that the node needs and
    that the folder hasn't; `is_signed`: whether the sign record is there."""

    size: int
    root: bytes
    tail: int
    conflicts: int
    missing: tuple[str, ...]
    is_signed: bool
    is_closed: bool


def restore(
    path: str, folder: str, keys: LogKeys, *, tail: Tail | None, witnessed: Callable[[], Seen], executor: Executor,
    show: Show,
) -> Restored:  # fmt: skip
    """Make the database of the node in `folder`, which is made where it doesn't exist. `witnessed()`: what witnesses
    have seen.

    Raises StartupError where a database is there already, a node runs on it, or more was signed or seen than is at
    hand; BackupDamage, VerifyError and AuditFailure for what isn't the log's; StorageError where it can't be written.
    """
    with locked_folder(folder), open_backup(path, write=False) as handle:
        _check_place(folder)
        reader = BackupReader(handle, path=path)
        sources = _Sources(reader, check_sealed(reader, keys), tail, keys)
        _check_signed(folder, sources, keys, witnessed)
        build = os.path.join(folder, swap.RESTORE)
        swap.remove(build)  # a restore that was killed has left it
        with show(0, sources.size) as update:
            made = rebuild(
                sources.entries(), build, log=LogIdentity(keys.origin, keys.public), size=sources.size,
                root=sources.root, executor=executor, conflicts=sources.conflicts(), progress=update,
            )  # fmt: skip
        _check_place(folder)
        # Before the database, without which no node starts: a closed log must not be found open.
        is_closed = _close(folder, sources, keys)
        _move_in(folder, build)
        missing = tuple(name for name in NEEDED_FILES if not os.path.exists(os.path.join(folder, name)))
        return Restored(
            made.size, made.root, made.size - sources.mark.size, sources.conflict_count, missing,
            os.path.exists(os.path.join(folder, SIGN_RECORD_FILE)), is_closed,
        )  # fmt: skip


@contextmanager
def locked_folder(folder: str) -> Iterator[None]:
    """The folder, made where it isn't there, held against a second restore or a repair. Raises StartupError."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StartupError(f"can't restore into {folder}: {error.strerror}") from None
    with swap.alone(folder):
        yield


def _check_place(folder: str) -> None:
    database = swap.database_path(folder)
    if not os.path.lexists(database):
        return
    if _is_held(database):
        raise StartupError(f"a node runs on {folder}: stop it first; a restore never writes over a database")
    raise StartupError(
        f"{database} is there, and a restore never writes over a database: stop what uses it and move it away first"
    )


def _is_held(database: str) -> bool:
    """Whether a process has the database open. LevelDB's own lock is asked, and nothing else of it touched."""
    try:
        handle = os.open(os.path.join(database, "LOCK"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


class _Sources:
    """Where the entries come from: the backup up to its last checkpoint, then the tail up to its own."""

    def __init__(self, reader: BackupReader, mark: Mark, tail: Tail | None, keys: LogKeys) -> None:
        self._reader = reader
        self._tail = tail
        self._keys = keys
        self._parts = reader.parts(check_roots=False)  # the rebuilt tree's root says as much
        self._gathered = Gathered()
        self._beside = Beside()
        self._nodes: NodeReader | None = None
        self.mark = mark
        self.head, self.note = mark.checkpoint, mark.note
        self.conflict_count = 0
        if tail is not None:
            self._open_tail(tail)
            self._beside = tail.beside()

    def _open_tail(self, tail: Tail) -> None:
        note = tail.source.checkpoint()
        head = self._keys.open_checkpoint(note)
        if head.size <= self.mark.size:
            if self._reader.root_at(head.size) != head.root:
                raise ForkError(f"{tail.where} is another history of this log than the backup", field="--tail")
            return
        nodes = tiles.tile_node_reader(tail.source.tile, head.size)
        if self.mark.size:
            path = merkle.consistency_path(old_size=self.mark.size, new_size=head.size, read=nodes)
            try:
                merkle.check_consistency(
                    old_size=self.mark.size, new_size=head.size, old_root=self.mark.checkpoint.root,
                    new_root=head.root, path=path,
                )  # fmt: skip
            except VerifyError:
                raise ForkError(
                    f"{tail.where} isn't a continuation of the backup: another history, or damaged", field="--tail"
                ) from None
        self._nodes, self.head, self.note = nodes, head, note

    @property
    def size(self) -> int:
        """Entries that there will be."""
        return self.head.size

    @property
    def root(self) -> bytes:
        """Their root."""
        return self.head.root

    def root_at(self, size: int) -> bytes:
        """The root of the first `size` of them."""
        if size <= self.mark.size or self._nodes is None:
            return self._reader.root_at(size)
        return merkle.root_at(size, self._nodes)

    def entries(self) -> Iterator[Sequence[bytes]]:
        """All entries, in order."""
        came = 0
        while came < self.mark.size:
            part = next(self._parts)
            if isinstance(part, Entries):
                came += len(part.entries)
                yield part.entries
            else:
                self._gathered.add(part, self._keys)
        self._finish()
        if self._tail is not None and self._nodes is not None:
            yield from self._tail_entries(self._tail.source)

    def _finish(self) -> None:
        """Read what stands behind the last entry: the root over all of them is checked there."""
        for part in self._parts:
            if not isinstance(part, Entries):
                self._gathered.add(part, self._keys)

    def _tail_entries(self, source: Source) -> Iterator[Sequence[bytes]]:
        start, size = self.mark.size, self.size

        def fetch(index: int) -> list[bytes]:
            entries = source.bundle(index, tiles.tile_width(0, index, size))
            return entries[max(0, start - index * tiles.TILE_WIDTH) :]

        bundles = range(start // tiles.TILE_WIDTH, -(-size // tiles.TILE_WIDTH))
        yield from in_order(bundles, fetch)

    def conflicts(self) -> Iterator[Row]:
        """The rows of conflicts; asked for when the entries were read."""
        self._finish()
        held = dict(self._gathered.conflicts or {})
        for one in self._beside.conflicts or ():
            check_conflict(one, self._keys.origin)
            held.setdefault((one.key, one.lines), one)
        rows = conflict_rows(held.values())
        self.conflict_count = len(rows)
        yield from rows

    def closings(self) -> Iterator[tuple[str, bytes]]:
        """(where, note): what the backup and the tail say of the log's end."""
        for part in self._reader.besides():
            if isinstance(part, ClosingNote):
                yield "the backup's closing note", part.note
        if self._tail is not None and self._beside.closing is not None:
            yield f"the closing note of {self._tail.where}", self._beside.closing


def _check_signed(folder: str, sources: _Sources, keys: LogKeys, witnessed: Callable[[], Seen]) -> None:
    """Refuse while more of the log was signed, or another log, than the entries at hand."""
    record = signrecord.load(os.path.join(folder, SIGN_RECORD_FILE), keys)
    if record is not None:
        _check_seen("the sign record of this node", record.size, record.root, sources)
    closed = read_closed(folder, keys, record)
    ends = [("the mark of the closed log", closed.closing)] if closed is not None else []
    for who, end in [*ends, *((who, open_closing(note, keys)) for who, note in sources.closings())]:
        _check_seen(who, end.size, end.root, sources)
        if sources.size > end.size:
            raise ForkError(
                f"the log was closed at size {end.size}, as {who} says, and there are {sources.size} entries: it broke "
                "its word; nothing was restored"
            )
    for who, seen in witnessed():
        _check_seen(f"the witness {who}", seen.size, seen.root, sources)


def _check_seen(who: str, size: int, root: bytes, sources: _Sources) -> None:
    if size > sources.size:
        raise StartupError(
            f"{size - sources.size} entries are missing: {who} knows {size}, at hand are {sources.size}; nothing was "
            "restored. Name a copy of the log that has them with --tail: a mirror's URL, a folder with checkpoint and "
            "tile/, or the old node's folder"
        )
    if sources.root_at(size) != root:
        raise StartupError(
            f"{who} knows another log of {size} entries than is at hand: one of them is a fork, and a node that ran on "
            "it would show two histories; nothing was restored"
        )


def _close(folder: str, sources: _Sources, keys: LogKeys) -> bool:
    """Write the mark of a log that has ended, as `_check_signed` has judged it; whether it has."""
    signer = signrecord.Signer(
        os.path.join(folder, SIGN_RECORD_FILE), origin=keys.origin, private_keys=(), retired=keys.keys,
        clock_ms=lambda: time.time_ns() // 1_000_000,
    )  # fmt: skip
    closed = read_closed(folder, keys, signer.last)
    note = next((note for _, note in sources.closings()), None) if closed is None else None
    if note is not None:
        closed = check_closed(note, sources.note, keys)
    if closed is not None:
        keep_closed(folder, signer, closed)
    return closed is not None


def _move_in(folder: str, build: str) -> None:
    database = os.path.join(folder, swap.DATABASE)
    try:
        os.rename(build, database)
    except OSError as error:
        raise StorageError(
            f"the database is whole in {build}, but can't be renamed to {database}: {error.strerror}; rename it by hand"
        ) from None
    signrecord.settle(database)


def check_named(folder: str, keys: LogKeys, known: LogKeys) -> LogKeys:
    """The keys of the folder's log together with those given. Raises VerifyError where they are of another log."""
    if keys.origin != known.origin or not keys.public & known.public:
        raise VerifyError(f"{folder} is the node of the log {known.text}", field="--log", expected="that key")
    try:
        return LogKeys(tuple(dict.fromkeys((*known.keys, *keys.keys))))
    except InputError as error:
        raise VerifyError(f"the keys given and those in {folder} don't go together: {error.detail}") from None
