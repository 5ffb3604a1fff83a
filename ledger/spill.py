"""A store for replays: in memory, but for the rows that there is one of for every record, which lie in a file.

Rules look back at single entries (a correction at its usage, a dispute at its target), so a replay has to keep them
all; in memory that would be a kilobyte each. The file is temporary and has no name: it ends with the process.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from ledger.errors import StorageError
from ledger.store import MemoryStore, Row, View
from proofs.errors import InvariantError

BUFFER_BYTES = 1 << 20
KEY_BYTES = 9


class _Column:
    """The rows of one prefix: keys are the prefix and 8 bytes, ascending as they come, never changed or deleted."""

    __slots__ = ("ends", "numbers", "starts")

    def __init__(self) -> None:
        self.numbers = array("Q")
        self.starts = array("Q")
        self.ends = array("Q")


class SpillStore(MemoryStore):
    """`spill`: first bytes of the prefixes that go to the file; `drop`: of those not kept at all."""

    def __init__(self, *, spill: tuple[bytes, ...], drop: tuple[bytes, ...] = ()) -> None:
        super().__init__(drop=drop)
        self._columns = {prefix[0]: _Column() for prefix in spill}
        self._fd, path = tempfile.mkstemp(prefix="usance-replay-")
        os.unlink(path)
        self._end = weakref.finalize(self, os.close, self._fd)
        self._buffer = bytearray()
        self._written = 0

    def get(self, key: bytes) -> bytes | None:
        """See View."""
        column = self._columns.get(key[0])
        if column is None:
            return super().get(key)
        number = int.from_bytes(key[1:], "big")
        at = bisect_left(column.numbers, number)
        if len(key) != KEY_BYTES or at == len(column.numbers) or column.numbers[at] != number:
            return None
        return self._read(column.starts[at], column.ends[at])

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See View; within one prefix."""
        column = self._columns.get(start[0])
        if column is None:
            yield from super().scan(start, stop, reverse=reverse)
            return
        prefix = start[:1]
        first = bisect_left(column.numbers, int.from_bytes(start[1:KEY_BYTES].ljust(8, b"\0"), "big"))
        end = len(column.numbers)
        if stop[:1] == prefix:
            end = bisect_left(column.numbers, int.from_bytes(stop[1:KEY_BYTES].ljust(8, b"\0"), "big"))
        for at in reversed(range(first, end)) if reverse else range(first, end):
            key = prefix + column.numbers[at].to_bytes(8, "big")
            yield key, self._read(column.starts[at], column.ends[at])

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """See Store; durable only as long as the process. Raises StorageError where the file can't be written."""
        columns, others = self._columns, {}
        for key, value in rows.items():
            column = columns.get(key[0])
            if column is None:
                others[key] = value
                continue
            number = int.from_bytes(key[1:], "big")
            if value is None or len(key) != KEY_BYTES or (column.numbers and number <= column.numbers[-1]):
                raise InvariantError("rows that lie in the file come once, in order")
            column.numbers.append(number)
            column.starts.append(self._written + len(self._buffer))
            self._buffer += value
            column.ends.append(self._written + len(self._buffer))
        if len(self._buffer) >= BUFFER_BYTES:
            self._flush()
        super().write(others)

    def _flush(self) -> None:
        try:
            view = memoryview(self._buffer)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise StorageError(f"the temporary file can't be written: {error}") from None
        self._written += len(self._buffer)
        self._buffer = bytearray()

    def _read(self, start: int, end: int) -> bytes:
        if start >= self._written:
            return bytes(self._buffer[start - self._written : end - self._written])
        data = os.pread(self._fd, end - start, start)
        if len(data) != end - start:
            raise StorageError("the temporary file was cut")
        return data

    def snapshot(self) -> View:
        """The store itself: whoever reads while it is written sees what is added."""
        return self

    def close(self) -> None:
        """Let go of the file."""
        self._end()
