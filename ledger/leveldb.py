"""The store on LevelDB. The only module that imports plyvel.

plyvel's safe options are off by default, so each is set here once: `paranoid_checks` (without it one flipped bit in
the write-ahead log silently drops acknowledged rows), `sync` and `transaction` on every write batch, checksums on
every read. `max_open_files` is small because LevelDB maps the tables that it holds open into memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from ledger.errors import StartupError, StorageError, UnreadableError
from ledger.store import Row, View
from proofs.errors import FatalError

try:
    import plyvel
except ImportError:  # newer Pythons, for which only the successor package has wheels
    try:
        import plyvel_next as plyvel
    except ImportError:
        plyvel = None

WRITE_BUFFER_BYTES = 8 * 1024 * 1024
BULK_BUFFER_BYTES = 96 * 1024 * 1024
"""Few large tables: merging many small ones cost a restore more processor time than writing them. In memory it may be
held twice, while one is filled and one written."""
CACHE_BYTES = 16 * 1024 * 1024
OPEN_FILES_MAX = 32
TABLE_SUFFIXES = (".ldb", ".sst")
READ_ADVICE = "the database is damaged; `usance node fsck DIR` on the stopped node says where, and what can be mended"
HELD = "IO error: lock "
"""How LevelDB begins to say that a process has the database open."""
BLOCK_BYTES = 16 * 1024


# The stores that this process has open, by folder. LevelDB notices a second opening too, but by then it has opened and
# closed the lock file once more, and with that (any close does, says POSIX) given up what keeps other processes out.
_open_stores: weakref.WeakValueDictionary[str, LevelStore] = weakref.WeakValueDictionary()


class DamagedError(StartupError):
    """LevelDB doesn't open a database because of what is in its files. `said`: why."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"the database can't be opened: {said}; `usance node fsck DIR` says whether it can be mended, else restore "
            "it from a backup"
        )
        self.said = f"the database can't be opened: {said}"


class HeldError(StartupError):
    """Another process has the database open."""

    def __init__(self, path: str) -> None:
        # What LevelDB says names files, and a folder may be named anyhow.
        super().__init__(
            f"another process holds the database {path}: a node probably runs on {os.path.dirname(path) or '.'}. Stop "
            "it, then try again; what asks the running node by its URL needs no stop, as `usance backup` and `usance "
            "audit`"
        )


def _said(error: Exception) -> str:
    """What LevelDB said, which comes as bytes."""
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


def _cannot_open(said: str, path: str, *, is_io: bool) -> StartupError:
    if said.startswith(HELD):
        return HeldError(path)
    if is_io and "Permission denied" in said:
        return StartupError(
            f"the database can't be opened: {said}; run every command on the folder as the user that runs the node, "
            "and chown to it what another user's have made"
        )
    # A start writes too. What fails for want of room or rights has damaged nothing, and a backup would lose entries.
    if is_io and "No such file" not in said:
        return StartupError(f"the database can't be opened: {said}; free space or mend the disk, then start again")
    return DamagedError(said)


class _Reads:
    """get and scan over a plyvel database or snapshot."""

    def __init__(self, reads: Any) -> None:
        self._reads = reads

    def get(self, key: bytes) -> bytes | None:
        """See store.View. Raises UnreadableError where a checksum doesn't match."""
        try:
            value: bytes | None = self._reads.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise UnreadableError(f"the database can't be read: {_said(error)}: {READ_ADVICE}") from None
        return value

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See store.View. Raises UnreadableError where a checksum doesn't match."""
        try:
            rows = self._backwards(start, stop) if reverse else self._forwards(start, stop)
            yield from rows
        except plyvel.Error as error:
            raise UnreadableError(f"the database can't be read: {_said(error)}: {READ_ADVICE}") from None

    def _forwards(self, start: bytes, stop: bytes) -> Iterator[Row]:
        with self._reads.iterator(start=start, stop=stop, verify_checksums=True) as rows:
            yield from rows

    def _backwards(self, start: bytes, stop: bytes) -> Iterator[Row]:
        """plyvel 1.5.1's own reverse iterator skips a row that equals `start` and is the only one in the range."""
        with contextlib.closing(self._reads.raw_iterator(verify_checksums=True)) as cursor:
            cursor.seek(stop)
            if cursor.valid():
                cursor.prev()
            else:
                cursor.seek_to_last()
            while cursor.valid():
                key, value = cursor.item()
                if key < start:
                    return
                yield key, value
                cursor.prev()


class LevelStore(_Reads):
    """A LevelDB database in a folder of its own, held by one process at a time."""

    def __init__(self, path: str, *, create: bool = False, bulk: bool = False) -> None:
        """Open it, or `create` it in a new folder. `bulk`: for large writes, at the price of memory. Raises
        StartupError where it is missing, damaged, or held by another process."""
        if plyvel is None:
            raise FatalError("no LevelDB binding: install the node extra (pip install 'usance[node]')")
        if not create and not os.path.isdir(path):
            raise StartupError(
                f"no database at {path}: name the node's folder, or mount its disk; what is lost `usance node restore` "
                "makes anew of a backup; a log that never was begins with `usance node init`"
            )
        self._folder = os.path.realpath(path)
        if self._folder in _open_stores:
            raise StartupError(f"this process holds the database {path} already: close it first")
        try:
            self._db = plyvel.DB(
                path,
                create_if_missing=create,
                error_if_exists=create,
                paranoid_checks=True,
                write_buffer_size=BULK_BUFFER_BYTES if bulk else WRITE_BUFFER_BYTES,
                lru_cache_size=CACHE_BYTES,
                max_open_files=OPEN_FILES_MAX,
                block_size=BLOCK_BYTES,
                bloom_filter_bits=10,
            )
        except plyvel.Error as error:
            raise _cannot_open(_said(error), path, is_io=isinstance(error, plyvel.IOError)) from None
        super().__init__(self._db)
        _open_stores[self._folder] = self

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """See store.Store: one LevelDB batch, synchronous."""
        try:
            with self._db.write_batch(transaction=True, sync=True) as batch:
                for key, value in rows.items():
                    if value is None:
                        batch.delete(key)
                    else:
                        batch.put(key, value)
        except (plyvel.Error, OSError) as error:
            raise StorageError(
                f"the database can't be written: {_said(error)}; free space or mend the disk, restart"
            ) from None

    def snapshot(self) -> View:
        """See store.Store."""
        return _Reads(self._db.snapshot())

    def compact(self) -> None:
        """Rewrite all tables without what was deleted or overwritten. Takes seconds for each GB."""
        self._db.compact_range()

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._db.close()
        if _open_stores.get(self._folder) is self:
            del _open_stores[self._folder]


def salvage(path: str, into: str) -> None:
    """Put together in a new folder what can be read of a database that won't open; its own files stay as they are.

    LevelDB leaves out what its checksums don't cover, in the write-ahead log and in tables, and builds a new list of
    tables: what comes out may lack rows, and show old values of others. Whoever uses it judges the entries. Raises
    StorageError.
    """
    try:
        os.makedirs(into)
        for name in os.listdir(path):
            source, copy = os.path.join(path, name), os.path.join(into, name)
            if name.endswith(TABLE_SUFFIXES):
                try:
                    os.link(source, copy)  # tables are never changed, only made and deleted
                except OSError:
                    shutil.copyfile(source, copy)
            elif name.endswith(".log"):
                shutil.copyfile(source, copy)
        plyvel.repair_db(into, paranoid_checks=True, bloom_filter_bits=10)
    except (OSError, plyvel.Error) as error:
        raise StorageError(f"nothing can be read of the database ({_said(error)}): restore it from a backup") from None
