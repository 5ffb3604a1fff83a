"""What is printed: safe on a terminal whoever wrote it, times and counts that a person reads, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from node.printable import safe_line
from proofs.errors import InputError, excerpt

MS_MAX = 2**63 - 1
COLUMN_CHARS_MAX = 40
TIMES = ("at", "from", "until", "collected_from", "collected_until")
_LONG_HEX = re.compile(r"([0-9]+:|)([0-9a-f]{16})[0-9a-f]{48}")


def emit(value: dict[str, Any], *, as_json: bool, lines: Iterable[str]) -> None:
    """Print one object as JSON, or lines for a person."""
    if as_json:
        print(json.dumps(value, ensure_ascii=True, indent=2))
        return
    for line in lines:
        print(safe_line(line))


def note_line(text: str) -> None:
    """A remark on stderr."""
    print(safe_line(text), file=sys.stderr)


def show_value(name: str, value: Any) -> str:
    """A record's field (its JSON form) for a person: times as dates too, maps and lists as words."""
    if name in TIMES and type(value) is int:
        return f"{value} ({show_time(value)})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {show_value(key, item)}" for key, item in value.items())
    if isinstance(value, list):
        return "; ".join(show_value("", item) for item in value)
    return str(value)


def counted(count: int, noun: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short(text: str) -> str:
    """A text for a column: references and keys by their beginning, others cut where they are long, with … for the
    rest."""
    found = _LONG_HEX.fullmatch(text)
    if found:
        return f"{found[1]}{found[2]}…"
    return text if len(text) <= COLUMN_CHARS_MAX else text[: COLUMN_CHARS_MAX - 1] + "…"


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as lines with columns of equal width, two spaces between."""
    kept = [tuple(safe_line(cell) for cell in row) for row in rows]
    if not kept:
        return []
    widths = [max(len(row[at]) for row in kept) for at in range(len(kept[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in kept]


def right(rows: list[tuple[str, ...]], first: int, end: int) -> list[tuple[str, ...]]:
    """The columns `first` to `end` - 1 of a table with what they hold at their right, as figures stand."""
    widths = [max(len(row[at]) for row in rows) if first <= at < end else 0 for at in range(len(rows[0]))]
    return [tuple(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def parse_time(text: str, *, field: str) -> int:
    """Unix milliseconds from a decimal number of them, or an ISO 8601 date or time (UTC where it names no zone).

    Raises InputError.
    """
    expected = "milliseconds since 1970, or ISO 8601 as 2026-01-31 or 2026-01-31T12:00:00Z"
    if text.isascii() and text.isdigit() and 9 <= len(text) <= 19:
        value = int(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            value = round(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise InputError(f"{excerpt(text)} is no time", field=field, expected=expected) from None
    if not 0 <= value <= MS_MAX:
        raise InputError(f"{excerpt(text)} is out of range", field=field, expected=expected)
    return value


def show_time(ms: int) -> str:
    """Unix milliseconds as ISO 8601 in UTC, or the number itself where no calendar has it."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"
