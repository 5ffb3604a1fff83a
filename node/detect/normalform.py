"""The definition of a text's normal form, without numpy: what `usance verify` and canaries use (docs/detect.md).

node/detect/text.py gives the same, faster.
"""

from __future__ import annotations

import unicodedata


def normalise_slowly(text: str) -> str:
    """NFKC, case folded, NFKC again; of that letters and digits alone."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in folded if char.isalnum())


def is_start(char: str) -> bool:
    """Whether text may be cut before this character: it never becomes one with what stands before it."""
    return not (
        unicodedata.category(char).startswith("M")
        or unicodedata.combining(char)
        or 0x1161 <= ord(char) <= 0x1175  # Hangul vowels and finals, the only others
        or 0x11A8 <= ord(char) <= 0x11C2
    )
