"""An item and its prints: what every other part of detection hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from node.detect.text import normalise, pieces
from node.detect.winnow import Hashes, Winnower
from proofs.errors import InputError

PART_CHARS_MAX = 1024 * 1024
"""Longer texts are cut into parts, each an item of its own."""
PRINTS_MAX = 4 * 1024 * 1024
"""Of one item. English has 78,000 in PART_CHARS_MAX; only text made for it has more."""
OCCURRENCES_MAX = 4
"""Places of one print that are kept of an item, the first ones: ten million equal lines are a handful of prints."""

Offsets = np.ndarray[Any, np.dtype[np.uint32]]


@dataclass(frozen=True, slots=True)
class Item:
    """Something looked at. `name`: where it is, for people; `sha256`: of its bytes, or of its text's UTF-8 where it is
    a part, a row's field or of a stream; `text`: None for what is no text, of which only the hash counts."""

    name: str
    sha256: bytes
    text: str | None


@dataclass(frozen=True, slots=True)
class Prints:
    """An item's prints, in the text's order. `length`: characters of the normal form; `hashes`; `places`: of each the
    first byte of its gram in the normal form. Of one hash at most OCCURRENCES_MAX."""

    name: str
    sha256: bytes
    length: int
    hashes: Hashes
    places: Offsets

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def distinct(self) -> Hashes:
        """Each hash once, ascending."""
        return np.unique(self.hashes)


NO_HASHES: Hashes = np.zeros(0, np.uint64)
NO_PLACES: Offsets = np.zeros(0, np.uint32)


def print_item(item: Item, winnower: Winnower) -> Prints:
    """The prints of an item; none of one that is no text. Raises InputError for more than PRINTS_MAX."""
    length = 0

    def forms() -> Any:
        nonlocal length
        for piece in pieces([item.text or ""]):
            form = normalise(piece)
            length += count_chars(form)
            yield form

    parts = list(winnower.prints(forms()))
    hashes = np.concatenate([NO_HASHES, *(part[0] for part in parts)])
    places = np.concatenate([NO_PLACES, *(part[1].astype(np.uint32) for part in parts)])
    kept = first_occurrences(hashes)
    if len(kept) > PRINTS_MAX:
        raise InputError(
            f"{item.name} has {len(kept):,} prints", field="text", expected=f"at most {PRINTS_MAX:,} of an item"
        )
    return Prints(item.name, item.sha256, length, hashes[kept], places[kept])


def count_chars(form: bytes) -> int:
    """Characters of well-formed UTF-8."""
    if form.isascii():
        return len(form)
    return int(np.count_nonzero((np.frombuffer(form, np.uint8) & 0xC0) != 0x80))


def first_occurrences(hashes: Hashes) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Indices, ascending, of the first OCCURRENCES_MAX of each hash."""
    if len(hashes) <= OCCURRENCES_MAX:
        return np.arange(len(hashes))
    order = np.argsort(hashes, kind="stable")
    is_first = np.ones(len(hashes), np.bool_)
    # In this order the hash stands OCCURRENCES_MAX places before already.
    is_first[order[OCCURRENCES_MAX:]] = hashes[order[OCCURRENCES_MAX:]] != hashes[order[:-OCCURRENCES_MAX]]
    return np.flatnonzero(is_first)
