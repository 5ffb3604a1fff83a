"""The definition of a text's normal form, without numpy: what `usance verify` and canaries use (docs/prints.md).

node/detect/text.py gives the same, faster.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise

RUN_MAX = 64
"""Characters in a row that are no start; the next of them is read as if a text began with it. Sorting marks takes time
by the square of how many stand together. No language has so many: UAX #15's stream-safe format stops at 30."""


def normalise_slowly(text: str) -> str:
    """NFKC, case folded, NFKC again; of that letters and digits alone. Runs that are too long are cut before that."""
    cuts = [0, *_long_runs(text), len(text)]
    return "".join(_normalise(text[start:end]) for start, end in pairwise(cuts))


def _normalise(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in folded if char.isalnum())


def _long_runs(text: str) -> list[int]:
    """Where runs of more than RUN_MAX characters that are no start are cut."""
    cuts: list[int] = []
    done = 0
    # Such a run has one of these characters: the others needn't be looked at.
    for at in () if text.isascii() else range(RUN_MAX, len(text), RUN_MAX + 1):
        if at < done or is_start(text[at]):
            continue
        start = end = at
        while start > done and not is_start(text[start - 1]):
            start -= 1
        while end < len(text) and not is_start(text[end]):
            end += 1
        cuts += range(start + RUN_MAX, end, RUN_MAX)
        done = end
    return cuts


@lru_cache(maxsize=4096)
def is_start(char: str) -> bool:
    """Whether text may be cut before this character: it never becomes one with what stands before it."""
    first = unicodedata.normalize("NFKC", char)[0]  # half-width marks and vowels become such as stand below
    return _begins(char) if first == char else _begins(char) and _begins(first)


def _begins(char: str) -> bool:
    return not (
        unicodedata.category(char)[0] == "M"
        or unicodedata.combining(char)
        or 0x1161 <= ord(char) <= 0x1175  # Hangul vowels and finals, the only others
        or 0x11A8 <= ord(char) <= 0x11C2
    )
