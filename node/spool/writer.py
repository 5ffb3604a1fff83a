"""The appending half of the spool: what one process logs goes to a segment of its own (docs/spool.md).

`append` returns when the kernel has the record, so that the process may be killed right after; a background thread
makes it durable against a loss of power within `sync_interval_s`, `sync` does so at once.

Invariants: one process writes a segment, under the segment's flock; every record is one `write` that appends, at the
position that it names. A write that failed or was interrupted is cut off before the next one, or the segment is left
for good, so no record ever stands behind a piece of another. A fork never writes its parent's segment.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ledger.errors import StorageError
from node.errors import FileError
from node.spool.errors import DamageError
from node.spool.folder import sync_folder
from node.spool.segment import (
    ID_BYTES,
    SEGMENT_BYTES_MAX,
    SegmentReader,
    make_header,
    pack_end,
    pack_record,
    segment_name,
)

SYNC_INTERVAL_S = 1.0


def clock_ms() -> int:
    """Unix milliseconds by this machine's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """A segment that a writer made, by its path and id. `begin`: where its records begin."""

    path: str
    id: str
    begin: int


@dataclass(slots=True)
class _Segment:
    """An open segment. `position`: where the next record begins; `writing`: bytes of a write that may not have come to
    its end (0: none); `synced`: up to where everything is durable. Owner: the writer's lock."""

    handle: int
    path: str
    begin: int
    position: int
    synced: int
    writing: int = 0


class SpoolWriter:
    """Appends bodies to a spool's folder. Safe for any number of threads, across a fork, and in signal handlers.

    `count`: records appended in this process; `made`: its segments, oldest first, those that are still there at least.
    """

    _segment: _Segment | None

    def __init__(
        self, folder: str, vkey_text: str, *, key: bytes | None = None, sync_interval_s: float = SYNC_INTERVAL_S,
        segment_bytes_max: int = SEGMENT_BYTES_MAX, now_ms: Callable[[], int] = clock_ms,
    ) -> None:  # fmt: skip
        """Makes the folder (mode 0700) and this process's segment. `vkey_text`: the log's; `key`: the public key that
        is to sign, 32 bytes, None to leave it to the sender. Raises StorageError where the folder can't be written."""
        self.folder = folder
        self._vkey, self._key = vkey_text, key
        self._interval_s = sync_interval_s
        self._bytes_max = segment_bytes_max
        self._now_ms = now_ms
        self._last_ms = 0
        self._closed = False
        self._renew()
        self._segment = self._next_segment()
        _writers.append(self)

    def _renew(self) -> None:
        """What belongs to one process alone: locks, thread, open segments."""
        self._segment = None
        # Owner of all of the below. Reentrant: a signal handler may append while its thread is appending.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # to the thread: something was appended, or it is over
        self._sync_lock = threading.RLock()  # taken before the other one; only its holder closes segments
        self._busy = 0  # the thread that is appending
        self._deferred: list[bytes] = []
        self.count = 0
        self.made: list[Made] = []
        self._left: list[_Segment] = []  # ended, to be synced and closed
        self._failure: StorageError | None = None  # of the thread
        self._is_dirty = False
        self._thread: threading.Thread | None = None

    def append(self, body: bytes) -> None:
        """Store one body, judged by the caller. When this returns, it survives the end of the process.

        Raises StorageError where the disk is full or unwritable (nothing of the record is then stored, and the next
        one may be again), or where what was stored before could not be made durable, once; InputError for a body of
        another size than 1 to 60,000 bytes.
        """
        with self._lock:
            if self._busy:  # this thread is appending: a signal handler has come in between
                self._deferred.append(body)
                return
            self._busy = threading.get_ident()
            try:
                self._append(body)
            finally:
                self._busy = 0
                if self._deferred:
                    self._append_deferred()

    def _append(self, body: bytes) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._closed:
            raise StorageError(f"the spool {self.folder} is closed: open it anew to write to it")
        segment = self._segment
        if segment is None:
            segment = self._segment = self._next_segment()
        elif segment.writing:
            segment = self._mend(segment)
        elif segment.position >= self._bytes_max and segment.position > segment.begin:
            segment = self._turn(segment)
        record = pack_record(body, position=segment.position)
        segment.writing = size = len(record)
        try:
            written = os.write(segment.handle, record)
        except OSError as error:
            self._cut(segment)
            raise _cannot_write(segment.path, error) from None
        if written != size:  # a crash here leaves a torn tail
            self._cut(segment)
            raise StorageError(f"the disk of {segment.path} is full: free some space; the record is not stored")
        segment.position += size
        segment.writing = 0
        self.count += 1
        if not self._is_dirty:
            self._is_dirty = True
            self._changed.notify()
            if self._thread is None:
                self._start_thread(segment)

    def _append_deferred(self) -> None:
        bodies, self._deferred = self._deferred, []
        for body in bodies:
            self.append(body)

    def _mend(self, segment: _Segment) -> _Segment:
        """After a write that an exception interrupted (a signal's): it is whole, or it is cut off."""
        if self._is_whole(segment):
            return segment
        self._cut(segment)
        found = self._segment
        if found is None:
            found = self._segment = self._next_segment()
        return found

    def _is_whole(self, segment: _Segment) -> bool:
        """Whether an interrupted write came to its end; its record counts then: a sender may have read it by now."""
        if os.fstat(segment.handle).st_size != segment.position + segment.writing:
            return False
        segment.position += segment.writing
        segment.writing = 0
        return True

    def _cut(self, segment: _Segment) -> None:
        """Cut the piece of a record off; where that fails, leave the segment: the piece is a torn tail at its end."""
        try:
            os.ftruncate(segment.handle, segment.position)
        except OSError:
            self._segment = None
            self._left.append(segment)
        segment.writing = 0

    def _turn(self, segment: _Segment) -> _Segment:
        """Go on in a new segment; the full one is closed by the next sync."""
        new = self._segment = self._next_segment()
        self._left.append(segment)
        with contextlib.suppress(OSError):  # without its mark the segment is as good
            os.write(segment.handle, pack_end(position=segment.position))
        self._is_dirty = False  # so that the thread is woken for the one that is left
        return new

    def sync(self) -> None:
        """Return when all that was appended before is durable. Raises StorageError where the disk says that it isn't,
        or where the segment was removed."""
        if self._busy == threading.get_ident():  # a signal handler: the locks may be its own thread's, or wait for it
            self._sync_now(self._segment)
            return
        with self._sync_lock:
            with self._lock:
                self._is_dirty = False
                left = list(self._left)
                current = self._segment
                position = current.position if current else 0
            failure = None
            for segment in left:
                failure = self._sync_one(segment, segment.position) or failure
                with self._lock:
                    self._left.remove(segment)
                os.close(segment.handle)
            if current is not None:
                failure = self._sync_one(current, position) or failure
            if failure is not None:
                raise failure

    def _sync_one(self, segment: _Segment, position: int) -> StorageError | None:
        if segment.synced >= position:
            return None
        try:
            os.fsync(segment.handle)
            gone = not os.fstat(segment.handle).st_nlink
            failure = StorageError(f"{segment.path} was removed, and with it what was written to it") if gone else None
        except OSError as error:
            # What the kernel couldn't write it may have dropped: a second fsync that succeeds would say nothing.
            why = f"the disk failed to keep {segment.path} ({error.strerror}): its last records may be lost"
            failure = StorageError(f"{why}; check the disk")
        if failure is None:
            segment.synced = position
        else:
            with self._lock:
                if self._segment is segment:
                    self._segment = None
                    self._left.append(segment)
                    segment.synced = segment.position  # said once
        return failure

    def close(self) -> None:
        """Sync, mark the end and let go; may be called again. Raises as `sync`, after letting go."""
        if self._busy == threading.get_ident():  # a signal handler: the end of the process lets go
            self.sync()
            return
        with self._sync_lock, self._lock:
            self._closed = True
            self._changed.notify()
            try:
                self.sync()
            finally:
                current, self._segment = self._segment, None
                left, self._left = self._left, []
                for segment in left:
                    os.close(segment.handle)
                if current is not None:
                    self._end(current)
        _writers[:] = [writer for writer in _writers if writer is not self]

    def _end(self, segment: _Segment) -> None:
        if segment.writing and not self._is_whole(segment):
            self._cut(segment)
        with contextlib.suppress(OSError):  # the records are safe: a mark or a file too many harms nobody
            if self._is_empty(segment):
                os.unlink(segment.path)
            elif segment.position > segment.begin:
                os.write(segment.handle, pack_end(position=segment.position))
                os.fsync(segment.handle)
        os.close(segment.handle)

    def _is_empty(self, segment: _Segment) -> bool:
        return segment.position == segment.begin

    def _next_segment(self) -> _Segment:
        """A new segment in the folder, seen by others only when it has its header and its lock."""
        self._last_ms = max(self._now_ms(), self._last_ms + 1)
        name = segment_name(now_ms=self._last_ms, pid=os.getpid(), random=os.urandom(4))
        id = os.urandom(ID_BYTES)
        header = make_header(vkey=self._vkey, key=self._key, id=id)
        hidden, path = os.path.join(self.folder, f".new-{name}"), os.path.join(self.folder, name)
        handle = None
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            handle = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_header(handle, header)
            os.rename(hidden, path)
            sync_folder(self.folder)
        except OSError as error:
            if handle is not None:
                os.close(handle)
            with contextlib.suppress(OSError):
                os.unlink(hidden)
            raise _cannot_write(self.folder, error) from None
        self.made = [*(made for made in self.made if os.path.exists(made.path)), Made(path, id.hex(), len(header))]
        return _Segment(handle, path, len(header), len(header), len(header))

    def _start_thread(self, segment: _Segment) -> None:
        thread = threading.Thread(target=self._sync_loop, name="usance-spool-sync", daemon=True)
        try:
            thread.start()
            self._thread = thread
        except RuntimeError:  # none is to be had, as when the interpreter ends
            self._is_dirty = False
            self._sync_now(segment)

    def _sync_now(self, segment: _Segment | None) -> None:
        try:
            if segment is not None:
                os.fsync(segment.handle)
        except OSError as error:
            raise _cannot_write(self.folder, error) from None

    def _sync_loop(self) -> None:
        """The background thread: a little after something was appended, make it durable."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_dirty or self._closed)
                if self._changed.wait_for(lambda: self._closed, self._interval_s):
                    return  # `close` syncs by itself
            try:
                self.sync()
            except StorageError as error:
                self._failure = error  # the next append says it

    def _after_fork(self) -> None:
        """In a child: let go of the parent's segments without unlocking them, and begin one of its own when needed."""
        current = self._segment
        inherited = [*self._left, *([] if current is None else [current])]
        self._renew()
        for segment in inherited:
            with contextlib.suppress(OSError):
                os.close(segment.handle)


class OfflineWriter(SpoolWriter):
    """Appends bodies to one file, to be sent from another machine (`usance spool send FILE`). A file of an earlier run
    is gone on with."""

    def __init__(
        self, path: str, vkey_text: str, *, key: bytes | None = None, sync_interval_s: float = SYNC_INTERVAL_S,
        now_ms: Callable[[], int] = clock_ms,
    ) -> None:  # fmt: skip
        """Raises StorageError where the file can't be written, FileError where it is damaged, another log's or key's,
        or in use."""
        self._path, self._owner = os.path.abspath(path), os.getpid()
        super().__init__(
            os.path.dirname(self._path), vkey_text, key=key, sync_interval_s=sync_interval_s,
            segment_bytes_max=2**63, now_ms=now_ms,
        )  # fmt: skip

    def _next_segment(self) -> _Segment:
        path = self._path
        if os.getpid() != self._owner:  # a fork's records go to a file beside its parent's
            stem, suffix = os.path.splitext(path)
            path = f"{stem}-{os.getpid()}-{os.urandom(4).hex()}{suffix}"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise _cannot_write(path, error) from None
        try:
            return self._take(handle, path)
        except OSError as error:
            os.close(handle)
            raise _cannot_write(path, error) from None
        except BaseException:
            os.close(handle)
            raise

    def _take(self, handle: int, path: str) -> _Segment:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileError(
                f"another process writes to {path}", field="offline", expected="a file for each process"
            ) from None
        if os.fstat(handle).st_size == 0:
            header = make_header(vkey=self._vkey, key=self._key, id=os.urandom(ID_BYTES))
            _write_header(handle, header)
            sync_folder(self.folder)
            return _Segment(handle, path, len(header), len(header), len(header))
        try:
            with open(handle, "rb", closefd=False) as file:
                reader = SegmentReader(file)
                for _ in reader.records():
                    pass
        except DamageError as error:
            raise FileError(
                f"{path} is no spool file that can be gone on with: {error.detail}", field="offline",
                expected="a new file, or one of an earlier run",
            ) from None  # fmt: skip
        if (reader.header.vkey, reader.header.key) != (self._vkey, self._key):
            raise FileError(
                f"{path} was begun for another log, or with another key (USANCE_KEY) or none", field="offline",
                expected="the log and key of its first run, or a new file",
            )  # fmt: skip
        os.ftruncate(handle, reader.position)  # a torn tail was never said to be safe
        return _Segment(handle, path, reader.header.size, reader.position, reader.header.size)

    def _is_empty(self, segment: _Segment) -> bool:
        return False  # the file was asked for by name


def _write_header(handle: int, header: bytes) -> None:
    if os.write(handle, header) != len(header):
        os.ftruncate(handle, 0)
        raise OSError(28, "No space left on device")
    os.fsync(handle)


def _cannot_write(path: str, error: OSError) -> StorageError:
    return StorageError(
        f"can't write to the spool {path}: {error.strerror}; free or mend the disk, or name another folder with spool= "
        "or USANCE_SPOOL"
    )


_writers: list[SpoolWriter] = []
"""Every open writer of this process, for the children that it forks. Owner: the interpreter's lock."""


def _after_fork() -> None:
    for writer in _writers:
        writer._after_fork()


os.register_at_fork(after_in_child=_after_fork)
