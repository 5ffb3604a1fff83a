"""Adding to a backup file: blocks at its end, made durable in the order that makes a cut file a good one.

What a checkpoint block vouches for is on the disk before that block is written. Owner: one thread of one process, which
holds a lock on the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ledger.errors import StorageError
from ledger.query import Conflict
from ledger.signrecord import settle
from node import backupfile
from node.backupfile import BackupReader, Squeezed, squeeze
from node.errors import FileError

FILE_MODE = 0o600
"""Of a new file: a node with `readers = token` serves what is in it to some readers only."""
SYNC_BYTES = 2 * 1024 * 1024
"""Written between two syncs: a large one would hold up whoever else syncs on that disk, such as the node."""


@contextmanager
def open_backup(path: str, *, write: bool) -> Iterator[int]:
    """A descriptor of the file for the time of the block; for writing, made where it doesn't exist and locked.

    Raises FileError where it can't be opened, StorageError where it can't be made, or another process writes to it.
    """
    try:
        handle = os.open(path, os.O_RDWR if write else os.O_RDONLY)
    except FileNotFoundError:
        if not write:
            raise FileError(f"there is no file {path}", field="FILE", expected="a backup file") from None
        handle = _make(path)
    except OSError as error:
        raise FileError(f"can't open {path}: {error.strerror}", field="FILE") from None
    try:
        if write:
            _lock(handle, path)
        yield handle
    finally:
        os.close(handle)


def _make(path: str) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise StorageError(f"can't make {path}: {error.strerror}; mend the path or its permissions") from None
    settle(path)
    return handle


def _lock(handle: int, path: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StorageError(f"another process writes to {path}: wait for its end") from None


class BackupWriter:
    """Continues a file behind what counts of it; what stood behind that is cut off. `size`: entries in the file."""

    def __init__(self, handle: int, reader: BackupReader, *, origin: str) -> None:
        """The file's own beginning is written where it has none yet. Raises StorageError."""
        self._handle = handle
        self._path = reader.path
        self._unsynced = 0
        self.size = reader.size
        self.offset = reader.sealed
        if not reader.begin:
            self.cut(0)
            self._write(backupfile.MAGIC)
            self._append(backupfile.LOG, squeeze(origin.encode(), packing=backupfile.RAW), count=0)

    def keep(self, entries: int, end: int) -> None:
        """Count a block of entries that stands at the file's end already."""
        self.size += entries
        self.offset = end

    def cut(self, offset: int) -> None:
        """Drop what stands behind an offset. Raises StorageError."""
        try:
            os.ftruncate(self._handle, offset)
        except OSError as error:
            raise StorageError(f"can't cut {self._path}: {error.strerror}; mend the disk, then try again") from None
        self.offset = offset

    def entries(self, payload: Squeezed, count: int) -> None:
        """Add the next entries. Raises StorageError; what the file held counts as before."""
        self._append(backupfile.ENTRIES, payload, count=count)
        self.size += count

    def conflicts(self, conflicts: list[Conflict]) -> None:
        """Add conflicts. Raises StorageError."""
        most = backupfile.CONFLICTS_BLOCK_MAX
        for at in range(0, len(conflicts), most):
            some = conflicts[at : at + most]
            self._append(backupfile.CONFLICTS, squeeze(backupfile.pack_conflicts(some)), count=len(some))

    def closing(self, note: bytes) -> None:
        """Add a closing note. Raises StorageError."""
        self._append(backupfile.CLOSING, squeeze(note), count=0)

    def seal(self, *, peaks: tuple[bytes, ...], note: bytes, at_ms: int) -> None:
        """Make what was added count, by a checkpoint that holds for all of it. Raises StorageError."""
        self._sync()
        payload = backupfile.pack_mark(peaks=peaks, note=note, at_ms=at_ms)
        self._append(backupfile.CHECKPOINT, squeeze(payload, packing=backupfile.RAW), count=0)
        self._sync()

    def _append(self, kind: str, payload: Squeezed, *, count: int) -> None:
        self._write(backupfile.make_block(kind, payload, offset=self.offset, first=self.size, count=count))

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        offset = self.offset
        try:
            while rest:
                done = os.pwrite(self._handle, rest, offset)
                rest, offset = rest[done:], offset + done
        except OSError as error:
            with contextlib.suppress(StorageError):
                self.cut(self.offset)
            raise StorageError(
                f"can't write {self._path}: {error.strerror}; free space or mend the disk, then run it again"
            ) from None
        self.offset = offset
        self._unsynced += len(data)
        if self._unsynced >= SYNC_BYTES:
            self._sync()

    def _sync(self) -> None:
        try:
            os.fdatasync(self._handle)
        except OSError as error:
            raise StorageError(f"can't sync {self._path}: {error.strerror}; mend the disk, then run it again") from None
        self._unsynced = 0
