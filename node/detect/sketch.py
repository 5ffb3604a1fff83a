"""How many distinct items somebody took, and how many of them another took too, in bounded memory.

The smallest `KEPT` hashes of a set are a uniform sample of it, the same for everybody (a bottom-k or KMV sketch: Beyer
and others, "On synopses for distinct-value estimation", 2007). Up to KEPT distinct items all are kept and every figure
is exact. Beyond, the size is (KEPT - 1) / (the largest kept hash, as a part of all hashes), with a standard error of
1 / sqrt(KEPT - 2): 2.2 %, however often each was added. Two such samples can be compared as far as both reach: up to
the smaller of their largest hashes both are complete. Each hash stands beside the time at which it was first added and
how often it was added: whatever is kept at the end was kept from its first time on, so both are exact for the sample.
The hash is keyed: who doesn't know the key can't choose items which it leaves out.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from hashlib import blake2b

KEPT = 2048
SPACE = 1 << 64
"""Hashes are below it."""
WEIGHT_MAX = 2**63 - 1


def item_hash(item: bytes, *, key: bytes) -> int:
    """64 bits of a keyed BLAKE2b; `key`: at most 64 bytes."""
    return int.from_bytes(blake2b(item, digest_size=8, key=key).digest(), "big")


class Distinct:
    """The smallest hashes of what was added, ascending; of each the time of its first addition, and how often it was
    added. `added`: all additions."""

    __slots__ = ("added", "hashes", "is_full", "times", "weights")

    def __init__(self) -> None:
        self.hashes = array("Q")
        self.times = array("Q")
        self.weights = array("Q")
        self.added = 0
        self.is_full = False
        """Whether something was left out, so that sizes are estimates."""

    def add(self, value: int, time: int, weight: int = 1) -> bool:
        """Add a hash `weight` times, first at `time` (any unit); answers False only where it is known to have been
        added before."""
        self.added += weight
        return self._keep(value, time, weight)

    def _keep(self, value: int, time: int, weight: int) -> bool:
        hashes = self.hashes
        at = bisect_left(hashes, value)
        if at < len(hashes) and hashes[at] == value:
            self.times[at] = min(self.times[at], time)
            self.weights[at] = min(self.weights[at] + weight, WEIGHT_MAX)
            return False
        if at >= KEPT:
            self.is_full = True
            return True
        hashes.insert(at, value)
        self.times.insert(at, time)
        self.weights.insert(at, min(weight, WEIGHT_MAX))
        if len(hashes) > KEPT:
            for kept in (hashes, self.times, self.weights):
                kept.pop()
            self.is_full = True
        return True

    def merge(self, other: Distinct) -> None:
        """Add all that the other one was given."""
        for value, time, weight in zip(other.hashes, other.times, other.weights, strict=True):
            self._keep(value, time, weight)
        self.added += other.added
        self.is_full = self.is_full or other.is_full

    @property
    def returns(self) -> int:
        """Additions of what had been added before: exact unless `is_full`. Then what the sample has of them, which is
        near where hardly anything was added twice, and held within two standard errors of what `count` leaves: what
        was added very often need not be in the sample."""
        if not self.is_full:
            return self.added - len(self.hashes)
        sampled = self.added * (1 - len(self.hashes) / sum(self.weights))
        error = 2 * self.count / math.sqrt(KEPT - 2)
        left = self.added - self.count
        return max(0, round(min(max(sampled, left - error), left + error)))

    @property
    def reach(self) -> int:
        """Every hash up to this one that was added is kept."""
        return self.hashes[-1] if self.is_full else SPACE - 1

    @property
    def count(self) -> int:
        """How many distinct ones there are: exact unless `is_full`, then an estimate by the sample's reach."""
        return size_below(KEPT, self.reach) if self.is_full else len(self.hashes)


def size_below(kept: int, reach: int) -> int:
    """The size of a set of which `kept` hashes are at or below `reach`: `kept` itself where that is all of them."""
    if reach >= SPACE - 1 or kept < 2:
        return kept
    return max(kept, round((kept - 1) * SPACE / (reach + 1)))


def union(sets: list[Distinct]) -> Distinct:
    """The sketch of all of them together."""
    whole = Distinct()
    for one in sets:
        whole.merge(one)
    return whole
