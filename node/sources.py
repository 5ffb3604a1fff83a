"""Where an audit reads a log from: a node or mirror over HTTP, a folder as tlog-tiles lays it out, or the folder of a
node that stands still. What a source gives is judged elsewhere; it only bounds it (C2SP tlog-tiles).
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

from ledger.errors import StartupError
from ledger.store import View
from node.access import PUBLIC, Access
from node.errors import FileError, ProblemError
from node.logfolder import current_keys, read_closed
from node.transport import Transport
from proofs import note, tiles
from proofs.errors import InputError, VerifyError
from proofs.logkeys import LogKeys, log_keys
from proofs.note import VerifierKey

BUNDLE_BYTES_MAX = tiles.TILE_WIDTH * (tiles.LENGTH_BYTES + tiles.ENTRY_BYTES_MAX)
READ_THREADS = 3
WINDOW = 8
"""Bundles or tiles that are read ahead: bounds memory to as many times BUNDLE_BYTES_MAX."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Source(Protocol):
    """A log to read. Its methods may be called by several threads at once."""

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint's note."""

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile. Raises VerifyError where it is missing."""

    def bundle(self, index: int, width: int) -> list[bytes]:
        """The first `width` entries of a bundle. Raises VerifyError where it is missing or malformed."""

    def closing(self) -> bytes | None:
        """The closing note of a log that has ended, not judged; None where there is none to be had."""

    def close(self) -> None:
        """Let go of connections and files."""


class _Files(ABC):
    """What HTTP and folders share: partial tiles may be gone once the full one is there."""

    @abstractmethod
    def _read(self, path: str, bytes_max: int) -> bytes | None:
        """A file of the log by its path, at most so many bytes of it; None where it isn't there."""

    def tile(self, level: int, index: int, width: int) -> bytes:
        """See Source."""
        data = self._first(
            [tiles.tile_path(level, index, at) for at in dict.fromkeys((width, tiles.TILE_WIDTH))], tiles.TILE_BYTES
        )
        return data[: width * 32]

    def bundle(self, index: int, width: int) -> list[bytes]:
        """See Source."""
        widths = tuple(dict.fromkeys((width, tiles.TILE_WIDTH)))
        for at in widths:
            path = tiles.entries_path(index, at)
            data = self._read(path, BUNDLE_BYTES_MAX)
            if data is not None:
                try:
                    return tiles.parse_bundle(data, at)[:width]
                except InputError as error:
                    raise VerifyError(f"{path}: {error.detail}", field="bundle") from None
        raise VerifyError(f"the log doesn't hold {tiles.entries_path(index, width)}", field="bundle")

    def closing(self) -> bytes | None:
        """See Source."""
        try:
            return self._read("closed", note.NOTE_BYTES_MAX)
        except (ProblemError, VerifyError):  # some servers answer otherwise than 404 for what they don't have
            return None

    def _first(self, paths: Iterable[str], bytes_max: int) -> bytes:
        missing = ""
        for path in paths:
            data = self._read(path, bytes_max)
            if data is not None:
                return data
            missing = missing or path
        raise VerifyError(f"the log doesn't hold {missing}", field="tile")


class HttpSource(_Files):
    """A log over HTTP; each thread has a connection of its own."""

    def __init__(self, url: str, *, access: Access = PUBLIC) -> None:
        """Raises InputError for a bad URL."""
        self._url, self._access = Transport(url, access=access).url, access
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[Transport] = []  # under _lock

    def _transport(self) -> Transport:
        found: Transport | None = getattr(self._local, "transport", None)
        if found is None:
            found = self._local.transport = Transport(self._url, access=self._access)
            with self._lock:
                self._all.append(found)
        return found

    def checkpoint(self) -> bytes:
        """See Source. Raises NetworkError, ProblemError."""
        return self._transport().get_bytes("/checkpoint", bytes_max=note.NOTE_BYTES_MAX)

    def _read(self, path: str, bytes_max: int) -> bytes | None:
        try:
            return self._transport().get_bytes(f"/{path}", bytes_max=bytes_max)
        except ProblemError as error:
            if error.status == 404:
                return None
            raise

    def close(self) -> None:
        """Close every thread's connection; the threads have ended."""
        with self._lock:
            for transport in self._all:
                transport.close()


class FolderSource(_Files):
    """A folder with `checkpoint` and `tile/…`, as a mirror or a web server's root has them."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def checkpoint(self) -> bytes:
        """See Source. Raises FileError."""
        data = self._read("checkpoint", note.NOTE_BYTES_MAX)
        if data is None:
            raise FileError(
                f"{self._folder} holds no checkpoint", field="DIR", expected="a folder with checkpoint and tile/"
            )
        return data

    def _read(self, path: str, bytes_max: int) -> bytes | None:
        full = os.path.join(self._folder, *path.split("/"))
        try:
            with open(full, "rb") as file:
                data = file.read(bytes_max + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise FileError(f"can't read {full}: {error.strerror}", field="DIR") from None
        if len(data) > bytes_max:
            raise VerifyError(f"{full} has more than {bytes_max} bytes", field="tile")
        return data

    def close(self) -> None:
        """Nothing is held open."""


class NodeFolderSource:
    """The folder of a node that isn't running: its database, and the checkpoint in its sign record. `view`: all of the
    database's rows."""

    def __init__(self, folder: str, keys: VerifierKey | LogKeys) -> None:
        """`keys`: what is known of the log's. Raises StartupError where the database is missing, damaged, or held by a
        running node."""
        # Only here, so that an audit over HTTP or of a copy needs no database package.
        from ledger.append import Ledger
        from ledger.context import LogIdentity
        from ledger.leveldb import LevelStore
        from ledger.reader import EntryCache, Reader
        from ledger.signrecord import load
        from ledger.swap import database_path

        log = log_keys(keys)
        _check_named(folder, log)
        record = load(os.path.join(folder, "sign-record.json"), log)
        if record is None:
            raise StartupError(f"{folder} has no sign record, so there is no signed checkpoint to audit it against")
        self._note = record.note
        self._store = LevelStore(database_path(folder))
        try:
            closed = read_closed(folder, log, record)
            self._closing = None if closed is None else closed.note
            ledger = Ledger(self._store, log=LogIdentity(log.origin, log.public))
        except BaseException:
            self._store.close()
            raise
        self.view: View = self._store.snapshot()
        self._reader = Reader(ledger.tree.view(self.view), EntryCache())

    @property
    def size(self) -> int:
        """Entries in the database: more than the checkpoint's where the node ended before it had signed them."""
        return self._reader.size

    def checkpoint(self) -> bytes:
        """See Source."""
        return self._note

    def closing(self) -> bytes | None:
        """See Source."""
        return self._closing

    def tile(self, level: int, index: int, width: int) -> bytes:
        """See Source."""
        try:
            return self._reader.tile(level, index, width)
        except InputError as error:
            raise VerifyError(f"the database is behind its checkpoint: {error.detail}", field="tile") from None

    def bundle(self, index: int, width: int) -> list[bytes]:
        """See Source."""
        try:
            return list(self._reader.entries(index * tiles.TILE_WIDTH, width))
        except InputError as error:
            raise VerifyError(f"the database is behind its checkpoint: {error.detail}", field="bundle") from None

    def close(self) -> None:
        """Close the database."""
        self._store.close()


def _check_named(folder: str, keys: LogKeys) -> None:
    """That a key of the folder's own log, where they can be read, is among those given: a wrong --log is no damage."""
    try:
        own = current_keys(folder)
    except (StartupError, InputError):
        return
    if own.texts.isdisjoint(keys.texts):
        raise VerifyError(f"{folder} is the node of the log {own.text}", field="--log", expected="that key")


def open_source(where: str, keys: VerifierKey | LogKeys | None, *, access: Access = PUBLIC) -> Source:
    """The source that a URL or folder stands for. Raises InputError, StartupError."""
    if where.startswith(("http://", "https://")):
        return HttpSource(where, access=access)
    if not os.path.isdir(where):
        raise FileError(f"{where} is no folder and no URL", field="URL|DIR", expected="http(s)://… or a folder")
    if os.path.exists(os.path.join(where, "node.toml")):
        if keys is None:
            raise FileError(f"{where} is a node's folder", field="DIR", expected="--log with the log's key")
        return NodeFolderSource(where, keys)
    return FolderSource(where)


def in_order(items: Iterable[Item], work: Callable[[Item], Result], *, threads: int = READ_THREADS) -> Iterator[Result]:
    """`work` of each item by several threads, results in order, at most WINDOW of them ahead. Raises what it raises."""
    rest = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="usance-read") as pool:
        ahead: deque[Future[Result]] = deque(pool.submit(work, item) for item in islice(rest, WINDOW))
        try:
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(work, item) for item in islice(rest, 1))
                yield result
        finally:
            for future in ahead:
                future.cancel()
