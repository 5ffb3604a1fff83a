"""A store for filling a database fast: what was written last is in memory, and reaches the disk in large batches.

A replay writes once a batch of records, and a synchronous write each would take most of its time. Here rows are held
in memory until they are worth a write; a write always ends where a replayed batch ends, so whatever reached the disk
when the process was killed is the database of a shorter log, complete in itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from ledger import keys
from ledger.leveldb import LevelStore
from ledger.store import Overlay, Row, Store, View

BUFFER_BYTES = 32 * 1024 * 1024
"""Keys and values held in memory before they are written, and ROW_BYTES for each. As many again are being written."""
ROW_BYTES = 200
"""About what the interpreter needs for a row beside its bytes."""
SCRATCH_PREFIX = "usance-replay-"
_LOG_ITSELF = frozenset((keys.ENTRY[0], keys.BATCH[0]))


class BulkStore:
    """A store over another one, written in batches of about BUFFER_BYTES by a thread of its own, one at a time.

    `log`: where entries and batches are read from; given, they aren't written at all (a replay of rows that lie in
    another database already). Owner: one thread; the one that writes only reads the rows that it was handed.
    """

    def __init__(self, store: Store, *, log: View | None = None, buffer_bytes: int = BUFFER_BYTES) -> None:
        self._store = store
        self._log = log
        self._passed = _LOG_ITSELF if log is not None else frozenset()
        # Newest first: what is held, what is being written or was written last, and the store.
        self._written = Overlay(store)
        self._buffer = Overlay(self._written)
        self._held_bytes = 0
        self._buffer_bytes = buffer_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="usance-bulk")
        self._writing: Future[None] | None = None

    def get(self, key: bytes) -> bytes | None:
        """See View."""
        if self._log is not None and key[0] in self._passed:
            return self._log.get(key)
        return self._buffer.get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See View; within one prefix."""
        if self._log is not None and start[0] in self._passed:
            return self._log.scan(start, stop, reverse=reverse)
        return self._buffer.scan(start, stop, reverse=reverse)

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """See Store; durable after `flush`. Raises StorageError where the disk is full, perhaps with a later call."""
        if self._passed:
            rows = {key: value for key, value in rows.items() if key[0] not in self._passed}
        self._buffer.put_all(rows)
        self._held_bytes += sum(map(len, rows)) + sum(map(len, filter(None, rows.values()))) + ROW_BYTES * len(rows)
        if self._held_bytes >= self._buffer_bytes:
            self._hand_over()

    def _hand_over(self) -> None:
        """Let the thread write what is held, as soon as it has written what it was handed before."""
        self._wait()
        self._buffer.rebase(self._store)
        self._written, self._held_bytes = self._buffer, 0
        self._buffer = Overlay(self._written)
        rows = self._written.rows()
        if rows:
            self._writing = self._thread.submit(self._store.write, rows)

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def flush(self) -> None:
        """Write what is held; durable when this returns. Raises StorageError."""
        self._hand_over()
        self._wait()

    def snapshot(self) -> View:
        """The store itself: whoever reads while it is written sees what is added."""
        return self

    def close(self) -> None:
        """Let go of the store below; what wasn't flushed is lost."""
        self._thread.shutdown()
        self._store.close()


@contextmanager
def scratch_store(log: View) -> Iterator[BulkStore]:
    """An empty store for a replay that keeps every row, in a folder among the temporary files that is gone after the
    block; entries and batches are read from `log`. A crash leaves the folder `usance-replay-…`, which may be deleted.
    """
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX) as folder:
        store = BulkStore(LevelStore(f"{folder}/db", create=True), log=log)
        try:
            yield store
        finally:
            store.close()
