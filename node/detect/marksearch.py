"""Marks of canaries in texts: whole, or a run of one that chance doesn't bring (node/detect/canaries.py counts it).

Every eight bytes of a mark's normal form of which most were drawn are looked up at every byte of a text: through a
table of bits first, then exactly. Where they stand, the run goes on in both directions until the forms differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from node.detect.canaries import Part, Passage
from node.detect.text import normalise

SEED_BYTES = 8
SEED_DRAWN_MIN = 6
"""Of a seed's bytes: our sentences' own words, which stand in other texts, make none."""
PART_BITS_MIN = 64
"""A run that covers fewer random bits isn't kept."""
_TABLE_BITS = 22
_STIR = np.uint64(0x9E3779B97F4A7C15)

Keys = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Run:
    """Equal bytes of a mark's normal form and a text's. `mark`: its position in the file; `start`, `size`: in the
    mark's form; `place`: where it begins in the text's; `product`: of the choices of drawn parts wholly in it."""

    mark: int
    start: int
    size: int
    place: int
    product: int
    is_whole: bool


class MarkSearch:
    """Looks for the marks of a file. Raises InputError for a passage that is none."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        formed = [passage.form() for passage in passages]
        self._forms: list[bytes] = [form for form, _ in formed]
        self._parts: list[tuple[Part, ...]] = [parts for _, parts in formed]
        self.parts = sum(map(len, self._parts))
        self._seeds: dict[int, list[tuple[int, int]]] = {}
        for mark, form in enumerate(self._forms):
            drawn = np.zeros(len(form), np.int64)
            for part in self._parts[mark]:
                drawn[part.start : part.end] = 1
            inside = np.convolve(drawn, np.ones(SEED_BYTES, np.int64), "valid")
            for at in np.flatnonzero(inside >= SEED_DRAWN_MIN).tolist():
                key = int.from_bytes(form[at : at + SEED_BYTES], "little")
                self._seeds.setdefault(key, []).append((mark, at))
        self._keys: Keys = np.array(sorted(self._seeds), np.uint64)
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._table[_slots(self._keys)] = True

    def look(self, text: str) -> tuple[int, list[Run]]:
        """Bytes of the text's normal form, and every run in it of PART_BITS_MIN or more, in the text's order."""
        form = normalise(text)
        ends: dict[tuple[int, int], int] = {}  # by mark and diagonal: where its last run ended
        found = []
        for place in self._places(form).tolist():
            for mark, at in self._seeds[int.from_bytes(form[place : place + SEED_BYTES], "little")]:
                if place < ends.get((mark, place - at), 0):
                    continue
                run = self._extend(form, place, mark, at)
                ends[mark, place - at] = run.place + run.size
                if run.product >> PART_BITS_MIN:
                    found.append(run)
        return len(form), found

    def _places(self, form: bytes) -> np.ndarray[Any, np.dtype[np.intp]]:
        """Where seeds stand, ascending."""
        places = []
        for phase in range(min(SEED_BYTES, max(0, len(form) - SEED_BYTES + 1))):
            count = (len(form) - phase) // SEED_BYTES
            keys = np.frombuffer(form, "<u8", count, phase)
            likely = np.flatnonzero(self._table[_slots(keys)])
            at = np.minimum(np.searchsorted(self._keys, keys[likely]), len(self._keys) - 1)
            places.append(likely[self._keys[at] == keys[likely]] * SEED_BYTES + phase)
        return np.sort(np.concatenate(places)) if places else np.zeros(0, np.intp)

    def _extend(self, form: bytes, place: int, mark: int, at: int) -> Run:
        other = self._forms[mark]
        before = _equal(zip(reversed(form[max(0, place - at) : place]), reversed(other[:at]), strict=False))
        after = _equal(zip(form[place : place + len(other) - at], other[at:], strict=False))
        start, end = at - before, at + after
        inside = (part.choices for part in self._parts[mark] if start <= part.start and part.end <= end)
        return Run(mark, start, end - start, place - before, prod(inside), end - start == len(other))


def _equal(pairs: Iterator[tuple[int, int]]) -> int:
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _slots(keys: Keys) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return (keys * _STIR) >> np.uint64(64 - _TABLE_BITS)
