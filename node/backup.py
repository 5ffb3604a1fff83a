"""`usance backup`: a log in one file, through the read API of a running node (design section 8; docs/backup.md).

A run fetches the newest checkpoint, makes sure that it continues what the file holds, then adds what is new: every
bundle is compared with the log's tiles as it comes, and nothing counts before the root over all entries is the one that
the log signed. What is wrong leaves the file as it was; what is cut (a crash, a lost network) is continued.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from ledger.query import Conflict
from ledger.signrecord import write_durably
from node.backupbeside import Beside, check_conflict
from node.backupfile import BackupReader, ClosingNote, Entries, Mark, Squeezed, squeeze
from node.backupwriter import BackupWriter, open_backup
from node.errors import FileError, ForkError, IncompleteError
from node.sources import Source, in_order
from proofs import merkle, tiles
from proofs.checkpoint import Checkpoint
from proofs.closing import Closing, open_closing
from proofs.errors import InputError, VerifyError
from proofs.logkeys import LogKeys
from proofs.merkle import CompactRange, NodeReader

FETCH_THREADS = 2
"""A node rebuilds one bundle at a time; more would only wait for one another there."""

Show = Callable[[int, int], AbstractContextManager[Callable[[int], None]]]
"""`show(done, total)`: a progress bar, which takes how many entries are done."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a file holds. `added`: entries that this run fetched; `resumed`: entries that a run that was cut had left;
    `bytes`: of the file; `conflicts`: in the file; `conflicts_served`: whether whoever was asked told any."""

    checkpoint: Checkpoint
    added: int
    resumed: int
    bytes: int
    conflicts: int
    conflicts_served: bool
    is_closed: bool


@dataclass(frozen=True, slots=True)
class CheckedBackup:
    """A file that was read whole. `tail_bytes`: behind its last checkpoint, which don't count; `tail`: what is wrong
    with them, empty where they are whole blocks."""

    checkpoint: Checkpoint
    note: bytes
    at_ms: int
    checkpoints: int
    conflicts: int
    is_closed: bool
    bytes: int
    tail_bytes: int
    tail: str


class _Piece(NamedTuple):
    bundle: int
    leaves: list[bytes]
    payload: Squeezed


def backup(
    source: Source, path: str, keys: LogKeys, *, beside: Callable[[], Beside], clock_ms: Callable[[], int], show: Show
) -> Backup:
    """Bring the file up to the log's newest checkpoint. `beside()` asks for what isn't in the tree.

    Raises VerifyError where what is served isn't the log's, ForkError where it isn't the backed-up log's continuation,
    BackupDamage and FileError for the file, StorageError where it can't be written, and what the source raises.
    """
    other = beside()  # before the checkpoint: so what it is about is in the entries
    note = source.checkpoint()
    checkpoint = keys.open_checkpoint(note)
    is_closed = _check_closing(other.closing, checkpoint, keys)
    with open_backup(path, write=True) as handle:
        reader = BackupReader(handle, path=path)
        _check_origin(reader, keys)
        read = tiles.tile_node_reader(source.tile, checkpoint.size)
        _check_continues(reader, checkpoint, note, read, keys)
        known, ended = _beside_in(reader, keys)
        if ended is not None and not ended.allows(checkpoint):
            raise ForkError(
                f"the log ended at size {ended.size}, as its closing note in the backup says, and now shows a head of "
                f"size {checkpoint.size}: the backup is left as it is; show it and {_keep(reader, note)} to others who "
                "use this log", field="checkpoint",
            )  # fmt: skip
        writer = BackupWriter(handle, reader, origin=keys.origin)
        sealed = writer.offset
        tree = reader.mark.range() if reader.mark is not None else CompactRange()
        before = tree.size
        try:
            resumed = _resume(reader, writer, tree, checkpoint.size, read)
            _add(source, writer, tree, checkpoint.size, read, show)
            if tree.root() != checkpoint.root:
                raise VerifyError(
                    f"the {checkpoint.size} entries that are served hash to {tree.root().hex()}: nothing of this run "
                    "counts", field="root", expected=checkpoint.root.hex(),
                )  # fmt: skip
        except VerifyError:
            writer.cut(sealed)
            raise
        listed = {(one.key, one.lines): one for one in other.conflicts or ()}
        fresh = [one for name, one in listed.items() if name not in known]
        writer.conflicts(fresh)
        if is_closed and ended is None and other.closing is not None:
            writer.closing(other.closing)
        if writer.offset != sealed or reader.mark is None or reader.mark.note != note:
            writer.seal(peaks=tree.hashes, note=note, at_ms=clock_ms())
        return Backup(
            checkpoint, checkpoint.size - before - resumed, resumed, writer.offset, len(known) + len(fresh),
            other.conflicts is not None, is_closed or ended is not None,
        )  # fmt: skip


def _check_closing(note: bytes | None, checkpoint: Checkpoint, keys: LogKeys) -> bool:
    """Whether the log has ended at this checkpoint."""
    if note is None:
        return False
    closing = open_closing(note, keys)
    if not closing.allows(checkpoint):
        raise ForkError(
            f"the log says that it ended at size {closing.size}, and shows another head of size {checkpoint.size}",
            field="checkpoint",
        )
    return closing.size == checkpoint.size


def _check_origin(reader: BackupReader, keys: LogKeys) -> None:
    if reader.origin not in ("", keys.origin):
        raise FileError(
            f"{reader.path} is a backup of the log {reader.origin}, and is left as it is", field="FILE",
            expected=f"one of {keys.origin}, or a new file",
        )  # fmt: skip


def _check_continues(reader: BackupReader, new: Checkpoint, note: bytes, read: NodeReader, keys: LogKeys) -> None:
    """Raise unless the log, as it is now, is the continuation of what is backed up."""
    mark = reader.mark
    if mark is None:
        return
    if new.size < mark.size:
        if reader.root_at(new.size) != new.root:
            raise _forked(reader, mark, new, note, keys)
        raise VerifyError(
            f"the log that is served has {new.size} entries, the backup {mark.size} of the same log: the node was "
            "rolled back (restore it from this backup: `usance node restore`), or this is a copy that lags",
            field="size", expected=f"{mark.size} entries or more",
        )  # fmt: skip
    if mark.size == new.size or mark.size == 0:
        is_same = new.root == mark.checkpoint.root or mark.size == 0
    else:
        path = merkle.consistency_path(old_size=mark.size, new_size=new.size, read=read)
        try:
            merkle.check_consistency(
                old_size=mark.size, new_size=new.size, old_root=mark.checkpoint.root, new_root=new.root, path=path
            )
            is_same = True
        except VerifyError:
            is_same = False
    if not is_same:
        raise _forked(reader, mark, new, note, keys)


def _forked(reader: BackupReader, mark: Mark, new: Checkpoint, note: bytes, keys: LogKeys) -> InputError:
    try:
        keys.open_checkpoint(mark.note)
    except VerifyError:
        return FileError(
            f"{reader.path} is the backup of another log of this name, under another key, and is left as it is",
            field="FILE", expected="the key that signed it beside the new one, where the log's key was changed",
        )  # fmt: skip
    return ForkError(
        f"the log's checkpoint of size {new.size} isn't one history with the backup's of size {mark.size}: the backup "
        f"is left as it is; show its last note (`usance backup --check {reader.path} --json`) and "
        f"{_keep(reader, note)} to others who use this log", field="checkpoint",
    )  # fmt: skip


def _keep(reader: BackupReader, note: bytes) -> str:
    """Write what shows a fork beside the file; answers its name. Raises StorageError."""
    kept = f"{reader.path}.fork-{sha256(note).hexdigest()[:16]}"
    write_durably(kept, note)
    return kept


def _resume(reader: BackupReader, writer: BackupWriter, tree: CompactRange, size: int, read: NodeReader) -> int:
    """Take what a run that was cut left, as far as it is of this log; answers how many entries."""
    before = tree.size
    for found, end in reader.unsealed():
        leaves = merkle.leaf_hashes(found.entries)
        if tree.size + len(leaves) > size or not _fits(tree, leaves, read):
            break
        tree.extend(leaves)
        writer.keep(len(leaves), end)
    writer.cut(writer.offset)
    return tree.size - before


def _fits(tree: CompactRange, leaves: list[bytes], read: NodeReader) -> bool:
    """Whether the bundle that these leaves finish, if they do, is the one of the log's tiles."""
    trial = tree.copy()
    completed = trial.extend(leaves)
    if len(completed) <= tiles.TILE_HEIGHT:
        return True
    return completed[tiles.TILE_HEIGHT][-1] == read(tiles.TILE_HEIGHT, trial.size // tiles.TILE_WIDTH - 1)


def _add(
    source: Source, writer: BackupWriter, tree: CompactRange, size: int, read: NodeReader, show: Show
) -> None:  # fmt: skip
    """Fetch the entries from the tree's size on, up to `size`; each bundle is compared with the tiles as it is full."""
    start = tree.size

    def fetch(index: int) -> _Piece:
        entries = source.bundle(index, tiles.tile_width(0, index, size))
        fresh = entries[max(0, start - index * tiles.TILE_WIDTH) :]
        return _Piece(index, merkle.leaf_hashes(fresh), squeeze(tiles.encode_bundle(fresh)))

    bundles = range(start // tiles.TILE_WIDTH, -(-size // tiles.TILE_WIDTH))
    with show(start, size) as update:
        for piece in in_order(bundles if start < size else (), fetch, threads=FETCH_THREADS):
            completed = tree.extend(piece.leaves)
            if len(completed) > tiles.TILE_HEIGHT and completed[tiles.TILE_HEIGHT][-1] != read(
                tiles.TILE_HEIGHT, piece.bundle
            ):
                raise VerifyError(
                    f"{tiles.entries_path(piece.bundle)} isn't what the log's tiles hold: nothing of this run counts",
                    field="bundle",
                )
            writer.entries(piece.payload, len(piece.leaves))
            update(tree.size)


def _beside_in(reader: BackupReader, keys: LogKeys) -> tuple[set[tuple[bytes, bytes]], Closing | None]:
    """(key, lines) of the conflicts that the file has, and the log's end, where it tells one."""
    known: set[tuple[bytes, bytes]] = set()
    ended = None
    for found in reader.besides():
        if isinstance(found, ClosingNote):
            ended = open_closing(found.note, keys)
        else:
            known |= {(one.key, one.lines) for one in found}
    return known, ended


@dataclass(slots=True)
class Gathered:
    """What a backup holds beside its entries, filled while these are read; all of it judged."""

    mark: Mark | None = None
    checkpoints: int = 0
    closing: bytes | None = None
    conflicts: dict[tuple[bytes, bytes], Conflict] | None = None

    def add(self, part: Mark | ClosingNote | list[Conflict], keys: LogKeys) -> None:
        """One more part that is no entries. Raises InputError for a signature that doesn't hold."""
        if isinstance(part, Mark):
            self.mark, self.checkpoints = part, self.checkpoints + 1
        elif isinstance(part, ClosingNote):
            open_closing(part.note, keys)
            self.closing = part.note
        else:
            held = self.conflicts = self.conflicts or {}
            for one in part:
                check_conflict(one, keys.origin)
                held[one.key, one.lines] = one


def check_backup(path: str, keys: LogKeys, *, show: Show) -> CheckedBackup:
    """Read a file whole and judge every byte of it; needs no network.

    Raises BackupDamage naming the block that isn't what was written, FileError for another log's or no backup,
    VerifyError where the log's key didn't sign its last checkpoint, IncompleteError where it has none yet.
    """
    with open_backup(path, write=False) as handle:
        reader = BackupReader(handle, path=path)
        mark = check_sealed(reader, keys)
        gathered = Gathered()
        with show(0, mark.size) as update:
            for part in reader.parts():
                if isinstance(part, Entries):
                    update(part.first + len(part.entries))
                else:
                    gathered.add(part, keys)
        tail = reader.tail.detail if reader.tail is not None else ""
        return CheckedBackup(
            mark.checkpoint, mark.note, mark.at_ms, gathered.checkpoints, len(gathered.conflicts or ()),
            gathered.closing is not None, reader.bytes, reader.bytes - reader.sealed, tail,
        )  # fmt: skip


def check_sealed(reader: BackupReader, keys: LogKeys) -> Mark:
    """The last checkpoint of a backup of this log, its signature judged. Raises as `check_backup`."""
    _check_origin(reader, keys)
    if reader.mark is None:
        why = f" ({reader.tail.detail})" if reader.tail is not None else ""
        raise IncompleteError(
            f"{reader.path} holds no checkpoint{why}, so nothing in it counts: run `usance backup URL {reader.path}` "
            "again"
        )
    keys.open_checkpoint(reader.mark.note)
    return reader.mark
