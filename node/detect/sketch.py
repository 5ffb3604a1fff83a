"""How many distinct items somebody took, and how many of them another took too, in bounded memory.

The smallest `KEPT` hashes of a set are a uniform sample of it, the same for everybody (a bottom-k or KMV sketch: Beyer
and others, "On synopses for distinct-value estimation", 2007). Up to KEPT distinct items all are kept and every figure
is exact. Beyond, the size is (KEPT - 1) / (the largest kept hash, as a part of all hashes), with a standard error of
1 / sqrt(KEPT - 2): 2.2 %. Two such samples can be compared as far as both reach: below the smaller of their largest
hashes both are complete. Each hash stands beside the time at which it was first added, so that breadth over time is
known too. The hash is keyed: who doesn't know the key can't choose items which it leaves out.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b

KEPT = 2048
SPACE = 1 << 64
"""Hashes are below it."""


def item_hash(item: bytes, *, key: bytes) -> int:
    """64 bits of a keyed BLAKE2b; `key`: at most 64 bytes."""
    return int.from_bytes(blake2b(item, digest_size=8, key=key).digest(), "big")


class Distinct:
    """The smallest hashes of what was added, ascending, with the time of each one's first addition."""

    __slots__ = ("hashes", "is_full", "times")

    def __init__(self) -> None:
        self.hashes = array("Q")
        self.times = array("Q")
        self.is_full = False
        """Whether something was left out, so that sizes are estimates."""

    def add(self, value: int, time: int) -> bool:
        """Add a hash, taken at `time` (any unit); answers False only where it is known to have been added before."""
        hashes = self.hashes
        at = bisect_left(hashes, value)
        if at < len(hashes) and hashes[at] == value:
            self.times[at] = min(self.times[at], time)
            return False
        if at >= KEPT:
            self.is_full = True
            return True
        hashes.insert(at, value)
        self.times.insert(at, time)
        if len(hashes) > KEPT:
            hashes.pop()
            self.times.pop()
            self.is_full = True
        return True

    def merge(self, other: Distinct) -> None:
        """Add all that the other one holds."""
        for value, time in zip(other.hashes, other.times, strict=True):
            self.add(value, time)
        self.is_full = self.is_full or other.is_full

    @property
    def reach(self) -> int:
        """Below this every hash that was added is kept."""
        return self.hashes[-1] if self.is_full else SPACE

    @property
    def count(self) -> int:
        """How many distinct ones there are: exact unless `is_full`, then an estimate."""
        return size_below(len(self.hashes), self.reach)


def size_below(kept: int, reach: int) -> int:
    """The size of a set of which `kept` hashes are at or below `reach`: `kept` itself where that is all of them."""
    if reach >= SPACE or kept < 2:
        return kept
    return max(kept, round((kept - 1) * SPACE / (reach + 1)))


def union(sets: list[Distinct]) -> Distinct:
    """The sketch of all of them together."""
    whole = Distinct()
    for one in sets:
        whole.merge(one)
    return whole
