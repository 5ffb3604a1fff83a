"""Prices of other places as offers have them: nanos for so many units, exactly, or not at all (design section 4)."""

from __future__ import annotations

from decimal import Decimal

from proofs.codec import INT_MAX
from proofs.currencies import NANOS_DIGITS
from proofs.errors import InputError
from proofs.fields import PRICE_MAX

_EXPECTED = "a decimal of 0 to 2^53 nanos for at most 10^18 units, exactly"
_PER_DIGITS_MAX = len(str(INT_MAX)) - 1
_PRICE_DIGITS_MAX = len(str(PRICE_MAX))


def exact_price(value: object, *, field: str = "price") -> tuple[int, int]:
    """`(price, per)` with price / per = `value` × 10^9, in integers: nanos of the currency for so many units.

    `value`: an int or a Decimal, of one unit of use in units of the currency; never a float. `per` is the least power
    of ten that does: 7.5e-08 is 75 nanos per 1, 1.25e-10 is 125 per 1,000. Cost: bounded, whatever the exponent.
    Raises InputError naming `field` where no such integers are within a record's bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InputError("no number", field=field, expected=_EXPECTED)
    sign, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int):
        raise InputError("no finite number", field=field, expected=_EXPECTED)
    if not any(digits):
        return 0, 1
    if sign:
        raise InputError("a negative price", field=field, expected=_EXPECTED)
    shift = exponent + NANOS_DIGITS
    end = len(digits)
    while digits[end - 1] == 0:
        end -= 1
        shift += 1
    if max(end + max(shift, 0), 1) > _PRICE_DIGITS_MAX or -shift > _PER_DIGITS_MAX:
        raise InputError("a price out of bounds", field=field, expected=_EXPECTED)
    price = int("".join(map(str, digits[:end]))) * 10 ** max(shift, 0)
    if price > PRICE_MAX:
        raise InputError("a price out of bounds", field=field, expected=_EXPECTED)
    return price, 10 ** max(-shift, 0)
