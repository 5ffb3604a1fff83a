"""Times of a collection as catalogues write them, to milliseconds: exactly, in UTC, or not at all."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from proofs.errors import InputError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY_MS = 24 * 60 * 60 * 1000
OPEN = ".."
"""The end of an interval that nobody knows (ISO 8601-2)."""
MS_MAX = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MS
"""The last millisecond that a date of four digits can say."""


def read_time(text: str, *, is_end: bool) -> int:
    """Milliseconds since 1970 of a date or time (ISO 8601). A date means its first millisecond, with `is_end` its
    last; a time without a zone is UTC's; of a fraction milliseconds count. Raises InputError for other forms, and
    before 1970."""
    text = text.strip()
    is_day = _DAY.fullmatch(text) is not None
    try:
        if not is_day and _TIME.fullmatch(text) is None:
            raise ValueError
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        ms = (found - _EPOCH) // _MS
    except (ValueError, OverflowError):
        raise InputError("no date or time", field="time", expected="as 2024-05-01 or 2024-05-01T12:00:00Z") from None
    if ms < 0:
        raise InputError("before 1970", field="time", expected="a time since 1970")
    return ms + _DAY_MS - 1 if is_end and is_day else ms


def read_timeframe(texts: list[str]) -> tuple[int | None, int | None]:
    """Begin and end of a time frame: two times, one interval (`FROM/UNTIL`, either `..`), or one date, which is both.
    Raises InputError."""
    if len(texts) == 1 and "/" in texts[0]:
        texts = texts[0].split("/")
    elif len(texts) == 1:
        texts = texts * 2
    if len(texts) != 2:
        raise InputError("no time frame", field="time", expected="two times, or an interval FROM/UNTIL")
    begin, end = (text.strip() for text in texts)
    return (
        None if begin in (OPEN, "") else read_time(begin, is_end=False),
        None if end in (OPEN, "") else read_time(end, is_end=True),
    )


def show_time(ms: int) -> str:
    """What read_time takes back to `ms`, 0 to MS_MAX."""
    return (_EPOCH + ms * _MS).isoformat(timespec="milliseconds").replace("+00:00", "Z")
