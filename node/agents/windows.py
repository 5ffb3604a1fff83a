"""Windows of time in UTC: days, calendar months, equal lengths, or all of it (for reports over usage records).

A record's `from` is any integer of 0 to 2^63-1 milliseconds; calendars of the standard library end long before, so
months are found in the 400-year cycle that the Gregorian calendar repeats for ever.
"""

from __future__ import annotations

from datetime import date

from proofs.errors import InputError

DAY = "day"
MONTH = "month"
ALL = "all"
NAMED = (DAY, MONTH, ALL)

Window = str | int
"""`day`, `month`, `all`, or a length in milliseconds, counted from 1970."""

_DAY_MS = 86_400_000
_CYCLE_DAYS = 146_097
_CYCLE_YEARS = 400
_EPOCH = date(1970, 1, 1).toordinal()


def check_window(window: Window) -> None:
    """Raise InputError for what is no window."""
    good = window in NAMED if isinstance(window, str) else type(window) is int and window > 0
    if not good:
        raise InputError(f"{window!r} is no window", field="window", expected="day, month, all, or milliseconds")


def window_start(ms: int, window: Window) -> int:
    """The first millisecond of the window that holds `ms` (Unix milliseconds, 0 or more)."""
    if window == ALL:
        return 0
    if window == MONTH:
        cycles, day = _in_cycle(ms)
        first = day.replace(day=1).toordinal() + cycles * _CYCLE_DAYS
        return max(0, first - _EPOCH) * _DAY_MS
    length = _DAY_MS if isinstance(window, str) else window
    return ms - ms % length


def window_label(start: int, window: Window) -> str:
    """A window's name for people: `2026-01-31`, `2026-01`, `all`, or where a window of so many ms begins."""
    if window == ALL:
        return ALL
    if not isinstance(window, str):
        return str(start)
    cycles, day = _in_cycle(start)
    month = f"{day.year + cycles * _CYCLE_YEARS:04d}-{day.month:02d}"
    return month if window == MONTH else f"{month}-{day.day:02d}"


def _in_cycle(ms: int) -> tuple[int, date]:
    """How many 400-year cycles lie before, and the day in years 1 to 400 that stands for it."""
    cycles, day = divmod(ms // _DAY_MS + _EPOCH - 1, _CYCLE_DAYS)
    return cycles, date.fromordinal(day + 1)
