"""Prints: winnowed hashes of a text's grams (Schleimer, Wilkerson, Aiken 2003; docs/detect.md).

Every run of GRAM normalised bytes has a 64-bit hash, a polynomial of its bytes mod 2^64, stirred. Of each WINDOW
neighbouring hashes the one with the least upper 48 bits is kept, of equal ones the rightmost. So two texts that share
`gram + window - 1` bytes share a print, and no other state is needed: prints don't depend on what stands around.

The hash hides nothing: whoever has a passage has its prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofs.errors import InputError, InvariantError, excerpt

GRAM_BYTES_MAX = 64
WINDOW_MAX = 256
BLOCK_BYTES = 32 * 1024
"""Hashed at a time: the working arrays stay in a core's cache. Positions within it fit the key's 16 bits."""

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Places = np.ndarray[Any, np.dtype[np.int64]]

NO_HASHES: Hashes = np.zeros(0, np.uint64)
NO_PLACES: Places = np.zeros(0, np.int64)

_BASE = 0x9E3779B97F4A7C15
_STIR = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
_PLACE = np.uint64(0xFFFF)
_NO_KEY = np.uint64(2**64 - 1)
"""Above each key that counts: those end in 0xFFFF - place, and place 0 with all other bits set is as good as never."""
_NAME = re.compile(r"winnow-v1 gram=([1-9][0-9]?) window=([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Scheme:
    """How prints are made. `gram`: normalised bytes in a gram, 8 to GRAM_BYTES_MAX; `window`: hashes of which one is
    kept, 1 to WINDOW_MAX. Raises InputError for others."""

    gram: int = 25
    window: int = 26

    def __post_init__(self) -> None:
        if not 8 <= self.gram <= GRAM_BYTES_MAX or not 1 <= self.window <= WINDOW_MAX:
            raise InputError(
                f"no scheme: gram {self.gram}, window {self.window}", field="scheme",
                expected=f"a gram of 8 to {GRAM_BYTES_MAX} bytes, a window of 1 to {WINDOW_MAX}",
            )  # fmt: skip

    def __str__(self) -> str:
        return f"winnow-v1 gram={self.gram} window={self.window}"

    @property
    def span(self) -> int:
        """Bytes that two texts must share to share a print for certain."""
        return self.gram + self.window - 1


DEFAULT = Scheme()


def parse_scheme(text: str) -> Scheme:
    """A scheme from the name that records and files give it. Raises InputError."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise InputError(
            f"unknown scheme {excerpt(text)}", field="scheme", expected=f"as {DEFAULT}: another program's prints "
            "can't be compared with ours",
        )  # fmt: skip
    return Scheme(int(found[1]), int(found[2]))


class Winnower:
    """Makes prints of any number of texts, one after the other, in memory of its own that doesn't grow."""

    def __init__(self, scheme: Scheme = DEFAULT) -> None:
        self.scheme = scheme
        self._size = BLOCK_BYTES + scheme.span - 1
        self._levels = [np.empty(self._size, np.uint64) for _ in range(scheme.gram.bit_length())]
        self._one, self._other = np.empty(self._size, np.uint64), np.empty(self._size, np.uint64)
        self._places = _PLACE - np.arange(self._size, dtype=np.uint64)

    def prints(self, chunks: Iterable[bytes]) -> Iterator[tuple[Hashes, Places]]:
        """Prints of one normalised text that comes in pieces, with the place of each gram's first byte, in order.

        A text shorter than a gram has none; one shorter than `scheme.span` has one.
        """
        gram, span = self.scheme.gram, self.scheme.span
        held = b""
        begins = 0  # place of held[0] in the text: the first window that wasn't looked at
        last = -1
        for chunk in chunks:
            held += chunk
            at = 0
            while len(held) - at >= self._size:
                found, places = self._winnow(held[at : at + self._size], begins + at)
                yield found[places > last], places[places > last]
                last = int(places[-1])
                at += BLOCK_BYTES
            held = held[at:]
            begins += at
        if len(held) >= (span if begins else gram):
            found, places = self._winnow(held, begins)
            yield found[places > last], places[places > last]

    def prints_of_each(self, forms: Sequence[bytes]) -> tuple[Hashes, Places, Places]:
        """As `prints` gives of each of these texts: hashes, places, and the numbers of the texts; in order.

        For many short ones: together, with `window` bytes between each two, at most BLOCK_BYTES. Raises InvariantError
        for more.
        """
        gram, window = self.scheme.gram, self.scheme.window
        # So much between two texts that no window has grams of both.
        joined = bytes(window).join(forms)
        if len(joined) > BLOCK_BYTES:
            raise InvariantError(f"{len(joined)} bytes are no block")
        sizes = np.array([len(form) for form in forms], np.int64)
        begins = np.cumsum(sizes + window) - sizes - window
        grams = np.maximum(sizes - gram + 1, 0)
        hashes = self._hash(np.frombuffer(joined, np.uint8)) if len(joined) >= gram else NO_HASHES
        if not grams.any():
            return NO_HASHES, NO_PLACES, NO_PLACES
        keys = self._keys(hashes)
        keys[_outside(begins, grams, len(keys))] = _NO_KEY
        # Of each text the windows that are whole within it, or the one over all that it has.
        windows = np.where(grams > 0, np.maximum(grams - window + 1, 1), 0)
        padded = np.append(keys, np.full(window - 1, _NO_KEY, np.uint64))  # the last text may be a short one
        least = self._windowed(padded, window)[~_outside(begins, windows, len(keys))]
        is_new = np.concatenate(([True], least[1:] != least[:-1]))
        at = (_PLACE - (least[is_new] & _PLACE)).astype(np.int64)
        numbers = np.searchsorted(begins, at, "right") - 1
        # An empty text begins where the next one does not: begins ascend strictly, since a separator follows each.
        return hashes[at], at - begins[numbers], numbers

    def _winnow(self, block: bytes, begins: int) -> tuple[Hashes, Places]:
        """Prints of at most `_size` bytes, the first of which is at `begins`."""
        hashes = self._hash(np.frombuffer(block, np.uint8))
        at = self._least(hashes)
        return hashes[at], at + begins

    def _hash(self, block: np.ndarray[Any, np.dtype[np.uint8]]) -> Hashes:
        """Of each gram: sum of byte_i * BASE^(gram-1-i) mod 2^64, stirred. In a buffer that the next call writes over.

        Hashes of 1, 2, 4, 8… bytes come from two of half the length; those that make up the gram are put together.
        """
        gram = self.scheme.gram
        level = self._levels[0][: len(block)]
        np.copyto(level, block)
        levels = [level]
        while 2 ** len(levels) <= gram:
            half = 2 ** (len(levels) - 1)
            out = self._levels[len(levels)][: len(levels[-1]) - half]
            levels.append(_joined(levels[-1], levels[-1], half, half, out))
        done, width = levels[-1], 2 ** (len(levels) - 1)
        buffers = (self._one, self._other)
        for power in range(len(levels) - 2, -1, -1):
            if gram >> power & 1:
                out = buffers[0][: len(done) - 2**power]
                done = _joined(done, levels[power], width, 2**power, out)
                buffers, width = buffers[::-1], width + 2**power
        if done is levels[-1]:
            out = self._one[: len(done)]
            np.copyto(out, done)
            done = out
        stirred = self._levels[0][: len(done)]
        for _ in range(2):
            np.right_shift(done, _HALF, out=stirred)
            np.bitwise_xor(done, stirred, out=done)
            if _ == 0:
                np.multiply(done, _STIR, out=done)
        return done

    def _least(self, hashes: Hashes) -> Places:
        """Indices of the least of each window, of equal ones the rightmost, each once, ascending."""
        keys = self._windowed(self._keys(hashes), min(self.scheme.window, len(hashes)))
        is_new = np.empty(len(keys), np.bool_)
        is_new[0] = True
        np.not_equal(keys[1:], keys[:-1], out=is_new[1:])
        return (_PLACE - (keys[is_new] & _PLACE)).astype(np.int64)

    def _keys(self, hashes: Hashes) -> Hashes:
        """The hashes' upper 48 bits and below them the places, the last one least. In a buffer."""
        keys = self._levels[0][: len(hashes)]
        np.bitwise_or(hashes, _PLACE, out=keys)
        np.bitwise_xor(keys, _PLACE, out=keys)
        np.bitwise_or(keys, self._places[: len(hashes)], out=keys)
        return keys

    def _windowed(self, keys: Hashes, window: int) -> Hashes:
        """The least of each `window` neighbours. In a buffer."""
        one, other = self._levels[0], self._levels[1]
        width = 1
        while width < window:
            step = min(width, window - width)
            keys = np.minimum(keys[:-step], keys[step:], out=other[: len(keys) - step])
            one, other = other, one
            width += step
        return keys


def _outside(begins: Places, counts: Places, size: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of `size` places those that are in none of these stretches, which don't touch."""
    steps = np.zeros(size + 1, np.int8)
    inner = counts > 0
    steps[begins[inner]] = 1
    steps[(begins + counts)[inner]] = -1
    return np.cumsum(steps[:-1], dtype=np.int8) == 0


def _joined(left: Hashes, right: Hashes, offset: int, width: int, out: Hashes) -> Hashes:
    """Hashes of a left part and the right part `offset` bytes after its start, which is `width` bytes long."""
    np.multiply(left[: len(out)], np.uint64(pow(_BASE, width, 2**64)), out=out)
    np.add(out, right[offset : offset + len(out)], out=out)
    return out
