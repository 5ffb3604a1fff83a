"""A store for replays: in memory, but for the rows that there is one of for every record, which lie in a file.

Rules look back at single entries (a correction at its usage, a dispute at its target), so a replay has to keep them
all; in memory that would be a kilobyte each. The file is temporary and has no name: it ends with the process.
"""

from __future__ import annotations

import itertools
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

    __slots__ = ("ends", "fresh", "numbers", "starts")

    def __init__(self) -> None:
        self.fresh: list[tuple[bytes, bytes | None]] = []
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
        columns = self._columns
        others: dict[bytes, bytes | None] = {}
        for key, value in rows.items():
            if key[0] in columns:
                columns[key[0]].fresh.append((key, value))
            elif key[0] not in self._drop:
                others[key] = value
        for column in columns.values():
            if column.fresh:
                self._append(column)
        if len(self._buffer) >= BUFFER_BYTES:
            self._flush()
        super().write(others)

    def _append(self, column: _Column) -> None:
        """Put a column's new rows behind those before."""
        numbers = [int.from_bytes(key[1:], "big") for key, _ in column.fresh if len(key) == KEY_BYTES]
        values = [value for _, value in column.fresh if value is not None]
        last = column.numbers[-1] if column.numbers else -1
        ascending = all(left < right for left, right in itertools.pairwise((last, *numbers)))
        if not len(numbers) == len(values) == len(column.fresh) or not ascending:
            raise InvariantError("rows that lie in the file come once, in order")
        at = self._written + len(self._buffer)
        ends = list(itertools.accumulate(map(len, values), initial=at))
        column.numbers.extend(numbers)
        column.starts.extend(ends[:-1])
        column.ends.extend(ends[1:])
        self._buffer += b"".join(values)
        column.fresh.clear()

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
