"""An item and its prints: what every other part of detection hands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.detect.text import normalise, pieces
from node.detect.winnow import BLOCK_BYTES, Hashes, Places, Winnower
from node.detect.winnow import NO_HASHES as NO_HASHES
from proofs.errors import InputError

PART_CHARS_MAX = 1024 * 1024
"""Longer texts are cut into parts, each an item of its own."""
PRINTS_MAX = 4 * 1024 * 1024
"""Of one item. English has 78,000 in PART_CHARS_MAX; only text made for it has more."""
SHORT_CHARS = 8 * 1024
"""Items up to this are printed many at a time."""
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
        return unique(self.hashes)


NO_PLACES: Offsets = np.zeros(0, np.uint32)


def unique(hashes: Hashes) -> Hashes:
    """Each hash once, ascending. (Sorting them is several times as fast as numpy's own way, and lets other threads
    work meanwhile.)"""
    ordered = np.sort(hashes)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


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
    if kept is not None:
        hashes, places = hashes[kept], places[kept]
    if len(hashes) > PRINTS_MAX:
        raise InputError(
            f"{item.name} has {len(hashes):,} prints", field="text", expected=f"at most {PRINTS_MAX:,} of an item"
        )
    return Prints(item.name, item.sha256, length, hashes, places)


def print_short(items: Sequence[Item], winnower: Winnower) -> list[Prints]:
    """The prints of items of about SHORT_CHARS at most, as `print_item` gives them one by one, in less time."""
    forms = [normalise(item.text or "") for item in items]
    found: list[Prints] = []
    begin = size = 0
    for end, form in enumerate(forms):
        size += len(form) + winnower.scheme.window
        if size > BLOCK_BYTES and end > begin:
            found += _print_block(items[begin:end], forms[begin:end], winnower)
            begin, size = end, len(form) + winnower.scheme.window
    return found + _print_block(items[begin:], forms[begin:], winnower)


def _print_block(items: Sequence[Item], forms: Sequence[bytes], winnower: Winnower) -> list[Prints]:
    if len(items) == 1:  # maybe one whose form is longer than a block
        return [print_item(items[0], winnower)]
    hashes, wide, numbers = winnower.prints_of_each(forms)
    kept = first_occurrences(hashes, numbers)
    if kept is not None:
        hashes, wide, numbers = hashes[kept], wide[kept], numbers[kept]
    places = wide.astype(np.uint32)
    bounds = np.searchsorted(numbers, np.arange(len(items) + 1)).tolist()
    return [
        Prints(item.name, item.sha256, count_chars(form), hashes[low:high].copy(), places[low:high].copy())
        for item, form, low, high in zip(items, forms, bounds, bounds[1:], strict=False)
    ]


def count_chars(form: bytes) -> int:
    """Characters of well-formed UTF-8."""
    if form.isascii():
        return len(form)
    return int(np.count_nonzero((np.frombuffer(form, np.uint8) & 0xC0) != 0x80))


def first_occurrences(hashes: Hashes, numbers: Places | None = None) -> np.ndarray[Any, np.dtype[np.intp]] | None:
    """Indices, ascending, of the first OCCURRENCES_MAX of each hash; None for all. `numbers`: of each the text that it
    is in, ascending, where there are several."""
    if len(hashes) <= OCCURRENCES_MAX:
        return None
    ascending = np.sort(hashes)
    often = ascending[OCCURRENCES_MAX:][ascending[OCCURRENCES_MAX:] == ascending[:-OCCURRENCES_MAX]]
    if not len(often):
        return None
    at = np.flatnonzero(often[np.searchsorted(often[:-1], hashes)] == hashes)
    order = at[np.argsort(hashes[at], kind="stable")]
    # In this order, texts ascend within a hash: it stands OCCURRENCES_MAX places before already, in the same text.
    here, before = order[OCCURRENCES_MAX:], order[:-OCCURRENCES_MAX]
    again = hashes[here] == hashes[before]
    if numbers is not None:
        again &= numbers[here] == numbers[before]
    is_first = np.ones(len(hashes), np.bool_)
    is_first[here[again]] = False
    return np.flatnonzero(is_first)
