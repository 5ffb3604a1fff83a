"""A store for filling a database fast: what was written last is in memory, and reaches the disk in large batches.

A replay writes once a batch of records, and a synchronous write each would take most of its time. Here rows are held
in memory until they are worth a write; a write always ends where a replayed batch ends, so whatever reached the disk
when the process was killed is the database of a shorter log, complete in itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ledger import keys
from ledger.leveldb import LevelStore
from ledger.store import Overlay, Row, Store, View

BUFFER_BYTES = 48 * 1024 * 1024
"""Keys and values held in memory before they are written, and ROW_BYTES for each."""
ROW_BYTES = 200
"""About what the interpreter needs for a row beside its bytes."""
SCRATCH_PREFIX = "usance-replay-"
_LOG_ITSELF = frozenset((keys.ENTRY[0], keys.BATCH[0]))


class BulkStore:
    """A store over another one, written in batches of about BUFFER_BYTES. Owner: one thread.

    `log`: where entries and batches are read from; given, they aren't written at all (a replay of rows that lie in
    another database already).
    """

    def __init__(self, store: Store, *, log: View | None = None) -> None:
        self._store = store
        self._log = log
        self._passed = _LOG_ITSELF if log is not None else frozenset()
        self._buffer = Overlay(store)
        self._buffered_bytes = 0

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
        """See Store; durable after `flush`. Raises StorageError where the disk is full."""
        buffer, passed = self._buffer, self._passed
        held = 0
        for key, value in rows.items():
            if key[0] in passed:
                continue
            if value is None:
                buffer.delete(key)
            else:
                buffer.put(key, value)
                held += len(value)
            held += len(key) + ROW_BYTES
        self._buffered_bytes += held
        if self._buffered_bytes >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held, in one durable batch. Raises StorageError."""
        rows = self._buffer.rows()
        if rows:
            self._store.write(rows)
        self._buffer = Overlay(self._store)
        self._buffered_bytes = 0

    def snapshot(self) -> View:
        """The store itself: whoever reads while it is written sees what is added."""
        return self

    def close(self) -> None:
        """Let go of the store below; what wasn't flushed is lost."""
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
