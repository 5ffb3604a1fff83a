"""Keys in order, for the store in memory: a list of short sorted lists, so that putting one among a million costs
moving a few hundred.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

BUCKET_MAX = 1024


class SortedKeys:
    """Distinct keys, ascending. Not safe for changes during an iteration. Owner: the store."""

    __slots__ = ("_buckets", "_lasts")

    def __init__(self) -> None:
        self._buckets: list[list[bytes]] = []
        # The last key of each bucket; no bucket is empty.
        self._lasts: list[bytes] = []

    def add(self, key: bytes) -> None:
        """Put in a key that isn't there."""
        at = bisect_left(self._lasts, key)
        if at == len(self._buckets):  # past the end, as most are
            if not at or len(self._buckets[-1]) >= BUCKET_MAX:
                self._buckets.append([key])
                self._lasts.append(key)
            else:
                self._buckets[-1].append(key)
                self._lasts[-1] = key
            return
        bucket = self._buckets[at]
        insort(bucket, key)
        if len(bucket) > BUCKET_MAX:
            half = len(bucket) // 2
            self._buckets[at : at + 1] = [bucket[:half], bucket[half:]]
            self._lasts.insert(at, bucket[half - 1])

    def remove(self, key: bytes) -> None:
        """Take out a key that is there."""
        at = bisect_left(self._lasts, key)
        bucket = self._buckets[at]
        bucket.pop(bisect_left(bucket, key))
        if bucket:
            self._lasts[at] = bucket[-1]
        else:
            del self._buckets[at], self._lasts[at]

    def between(self, start: bytes, stop: bytes, *, reverse: bool) -> Iterator[bytes]:
        """Keys with start <= key < stop, ascending or backwards."""
        first = bisect_left(self._lasts, start)
        last = min(bisect_left(self._lasts, stop), len(self._buckets) - 1)
        order = range(last, first - 1, -1) if reverse else range(first, last + 1)
        for at in order:
            bucket = self._buckets[at]
            low = bisect_left(bucket, start) if at == first else 0
            high = bisect_left(bucket, stop) if at == last else len(bucket)
            found = bucket[low:high]
            yield from reversed(found) if reverse else found
