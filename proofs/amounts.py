"""Amounts of money in words for people: exact, from integers (design section 3.1)."""

from __future__ import annotations

from proofs.currencies import MINOR_UNIT_DIGITS, NANOS_DIGITS


def show_amount(nanos: int, currency: str) -> str:
    """`2.50 USD`, `0.000000125 USD`, `12 JPY`: at least the digits of the currency's minor unit (none for an asset that
    has none), as many more as the amount has. `nanos` may be negative."""
    sign, size = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(size, 10**NANOS_DIGITS)
    kept = MINOR_UNIT_DIGITS.get(currency, 0)
    digits = f"{rest:0{NANOS_DIGITS}d}"
    tail = digits[:kept] + digits[kept:].rstrip("0")
    return f"{sign}{whole}{'.' + tail if tail else ''} {currency}"
