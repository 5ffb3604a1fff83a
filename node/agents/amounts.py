"""Amounts as decimal text and as nanos, exactly: integers only, never a float (design sections 3.1 and 6)."""

from __future__ import annotations

import re

from proofs.amounts import show_amount
from proofs.codec import INT_MAX
from proofs.currencies import MINOR_UNIT_DIGITS, NANOS_DIGITS, minor_unit_nanos
from proofs.errors import InputError, excerpt

UNIT_NANOS = 10**NANOS_DIGITS
_MONEY = re.compile(r"([0-9.]{1,40})(?: ([A-Z0-9]{3,12})|([A-Z][A-Z0-9]{2,11}))", re.ASCII)
_DECIMAL = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?", re.ASCII)


def format_amount(nanos: int, currency: str) -> str:
    """An amount (nanos ≥ 0) in units, with exactly the digits of the currency's minor unit: `12.50` EUR, `12` JPY.

    Nine digits for what is not in ISO 4217's table. Raises InputError where that would drop a digit.
    """
    check_payable(nanos, currency)
    digits = MINOR_UNIT_DIGITS.get(currency, NANOS_DIGITS)
    whole, rest = divmod(nanos, UNIT_NANOS)
    return f"{whole}.{rest:09d}"[: len(str(whole)) + 1 + digits].removesuffix(".")


def parse_amount(text: str, *, field: str) -> int:
    """The nanos in a decimal number of units: digits, and a point with digits behind it or neither.

    Raises InputError for any other form, for more than nine decimals that count, and above 2^63-1 nanos.
    """
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise InputError(f"no amount: {excerpt(text)}", field=field, expected="digits, and a point before decimals")
    decimals = (found[2] or "").rstrip("0")
    if len(decimals) > NANOS_DIGITS:
        raise InputError(f"finer than a nano: {excerpt(text)}", field=field, expected=f"≤ {NANOS_DIGITS} decimals")
    nanos = int(found[1]) * UNIT_NANOS + int(decimals.ljust(NANOS_DIGITS, "0"))
    if nanos > INT_MAX:
        raise InputError(f"too large: {excerpt(text)}", field=field, expected="at most 2^63-1 nanos")
    return nanos


def parse_money(text: str, *, field: str) -> tuple[int, str]:
    """Nanos and currency of an amount with its currency: `100.00 EUR`, or `100.00EUR` where it begins with a letter.

    Raises InputError for any other form.
    """
    found = _MONEY.fullmatch(text)
    if found is None:
        raise InputError(f"no amount of money: {excerpt(text)}", field=field, expected="as 100.00EUR, or '100.00 EUR'")
    return parse_amount(found[1], field=field), found[2] or found[3]


def is_payable(nanos: int, currency: str) -> bool:
    """Whether the amount is a whole number of the currency's minor units, so that somebody can pay exactly it."""
    return nanos >= 0 and nanos % minor_unit_nanos(currency) == 0


def check_payable(nanos: int, currency: str) -> None:
    """Raises InputError unless `is_payable`."""
    if not is_payable(nanos, currency):
        raise InputError(
            f"{show_amount(nanos, currency)} is no whole number of minor units",
            field="amount",
            expected=f"a multiple of {show_amount(minor_unit_nanos(currency), currency)}",
        )
