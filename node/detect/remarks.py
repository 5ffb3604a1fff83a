"""What a reading leaves out or doesn't read as it stands, counted by its reason: nothing is left out silently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

NAMES_MAX = 20
"""Names kept for each reason, the first ones."""

BINARY = "no text: binary, or in an encoding that isn't known; only compared byte for byte"
BROKEN = "not all of it is UTF-8; the rest is read"
CUT = "unpacks to more than is read; the beginning is read"
DAMAGED = "damaged gzip; what comes before the damage is read"
EMPTY = "empty"
HTML = "looks like HTML: its tags and entities count as text; looked at without them as well"
JSON = "looks like JSON: names and escapes count as text, unless a column of rows is named"
LINK = "a symbolic link, not followed"
NO_COLUMN = "has no such column"
NO_JSON = "no JSON object on the line"
NO_PROMPT = "no text in the prompt's column; read without one"
NO_ROW = "no CSV record"
NO_TEXT = "no text in the column"
NOT_A_FILE = "no regular file"
OTHER_UNICODE = "UTF-16 or UTF-32, read as such"
PAGE = "HTML, read as what its reader sees: without tags, scripts and styles"
PROMPT_CUT = "a prompt longer than a part; only its beginning is left out of the answer's prints"
REPEATED = "the same as one before"
ROWS_WHOLE = "rows read as plain text, since no column is named"
SURROGATES = "half a character (lone surrogate), read as U+FFFD"
TOO_LONG = "a record longer than is read"
TOO_MANY = "more prints than an item may have"
TWICE = "a column's name twice in the object; not read"
UNREADABLE = "can't be read"

INCOMPLETE = frozenset((CUT, DAMAGED, NO_COLUMN, NO_JSON, NO_PROMPT, NO_ROW, TOO_LONG, TOO_MANY, TWICE, UNREADABLE))
"""Reasons by which something that was asked for wasn't looked at."""


@dataclass
class Remarks:
    """`counts`: by reason, one of the sentences above; `names`: the first NAMES_MAX of each; `items`: items that were
    handed on; `size`: bytes read, unpacked; `broken`: bytes that are no UTF-8."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)
    items: int = 0
    size: int = 0
    broken: int = 0

    def note(self, reason: str, name: str) -> None:
        """Count it, and keep the name where it is one of the first."""
        self.counts[reason] += 1
        names = self.names.setdefault(reason, [])
        if len(names) < NAMES_MAX:
            names.append(name)

    @property
    def is_incomplete(self) -> bool:
        """Whether something that was asked for wasn't looked at."""
        return any(self.counts[reason] for reason in INCOMPLETE)

    def value(self) -> list[dict[str, Any]]:
        """As findings have it: reason, count, names; most first."""
        return [
            {"reason": reason, "count": count, "names": list(self.names[reason])}
            for reason, count in sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ]

    def lines(self, *, names: int = 3) -> list[str]:
        """For people, one line a reason, with so many names as they are: whoever prints them makes them safe."""
        said = []
        for one in self.value():
            shown = ", ".join(one["names"][:names])
            more = f" and {one['count'] - names:,} more" if one["count"] > names else ""
            said.append(f"{one['reason']}: {shown}{more}")
        return said
