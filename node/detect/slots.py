"""How much was taken in each five minutes, for very many users at once: sorted arrays, 16 bytes for each that is not 0.

A record's `from` is any integer below 2^63 milliseconds, so a slot's number fits 45 bits; the taker's number has the
other 19 of a key's 64.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from proofs.errors import InputError

SLOT_MS = 300_000
SLOT_BITS = 45
TAKERS_MAX = 1 << (64 - SLOT_BITS)
SLOTS_MAX = 8_000_000
"""Of one run: 128 MB, and about as much again while new ones are merged in."""
WEIGHT_MAX = 2**32
"""One record counts for no more: sums of any number of records that fits a log stay exact enough."""

_BUFFER = 262_144
_MASK = np.uint64((1 << SLOT_BITS) - 1)
_SHIFT = np.uint64(SLOT_BITS)

Slots = tuple[np.ndarray, np.ndarray]
"""Slot numbers, ascending, each once; what was taken in each."""


class SlotCounts:
    """Sums by taker and slot; `add` in any order."""

    def __init__(self, *, slots_max: int = SLOTS_MAX) -> None:
        self._max = slots_max
        self._keys = np.empty(0, np.uint64)
        self._sums = np.empty(0, np.float64)
        self._new_keys = array("Q")
        self._new_sums = array("d")
        self._merge_at = _BUFFER

    def add(self, taker: int, ms: int, weight: int) -> None:
        """Count `weight` for the taker (its number) at a time in milliseconds. Raises InputError past the bound."""
        self._new_keys.append(taker << SLOT_BITS | ms // SLOT_MS)
        self._new_sums.append(min(weight, WEIGHT_MAX))
        if len(self._new_keys) >= self._merge_at:
            self._merge()

    def _merge(self) -> None:
        keys = np.concatenate((self._keys, np.array(self._new_keys, np.uint64)))
        sums = np.concatenate((self._sums, np.array(self._new_sums, np.float64)))
        self._keys, self._sums = _summed(keys, sums)
        self._new_keys, self._new_sums = array("Q"), array("d")
        self._merge_at = max(_BUFFER, len(self._keys) // 4)  # so that merging costs a few passes in all
        if len(self._keys) > self._max:
            raise InputError(
                f"more than {self._max:,} times of five minutes in which somebody took something: one run keeps no "
                "more", field="filters", expected="a run for one asset or party, or a shorter time",
            )  # fmt: skip

    def finish(self, numbers: Sequence[int], count: int) -> list[Slots]:
        """The slots of each of `count` takers; `numbers`: what each number that was added for is now."""
        self._merge()
        if not len(self._keys):
            return [(np.empty(0, np.int64), np.empty(0, np.float64))] * count
        new = np.array(numbers, np.uint64)
        keys, sums = _summed(new[self._keys >> _SHIFT] << _SHIFT | (self._keys & _MASK), self._sums)
        bounds = np.searchsorted(keys >> _SHIFT, np.arange(count + 1, dtype=np.uint64))
        slots = (keys & _MASK).astype(np.int64)
        return [(slots[low:high], sums[low:high]) for low, high in pairwise(bounds)]


def _summed(keys: np.ndarray, sums: np.ndarray) -> Slots:
    """Each key once, ascending, with the sum of its sums."""
    if not len(keys):
        return keys, sums
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[first], np.add.reduceat(sums[order], first)
