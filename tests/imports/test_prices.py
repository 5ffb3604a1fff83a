"""Prices as offers have them: exactly, in integers, or not at all."""

import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.imports.prices import exact_price
from proofs.errors import InputError
from proofs.fields import PRICE_MAX


@given(st.integers(0, PRICE_MAX), st.integers(-40, 10))
def test_price_by_per_is_the_decimal(digits: int, exponent: int) -> None:
    """price / per / 10^9 is the decimal to the last digit, within a record's bounds, or it is refused; what a whole
    price for at most 10^18 units can say is never refused."""
    value = Decimal(digits).scaleb(exponent)
    exact = Fraction(value) * 10**9
    try:
        price, per = exact_price(value)
    except InputError:
        price, per = _least(exact)
        assert price > PRICE_MAX or per > 10**18
        return
    assert Fraction(price, per) == exact
    assert 0 <= price <= PRICE_MAX
    assert 1 <= per <= 2**63 - 1
    assert (price, per) == _least(exact)


def _least(exact: Fraction) -> tuple[int, int]:
    """By trying powers of ten, one after the other."""
    per = next(10**k for k in range(60) if (exact * 10**k).denominator == 1)
    return int(exact * per), per


@pytest.mark.parametrize(
    ("text", "offer"),
    [
        ("1.5e-07", (150, 1)), ("7.5e-08", (75, 1)), ("1.25e-10", (125, 1000)), ("0.000001", (1000, 1)), ("0", (0, 1)),
        ("0.0", (0, 1)), ("0e-300", (0, 1)), ("2.50", (2_500_000_000, 1)), ("1E+3", (10**12, 1)), ("-0.0", (0, 1)),
        ("1e-27", (1, 10**18)), ("9007199.254740992", (PRICE_MAX, 1)), ("1.5000e-07", (150, 1)),
    ],
)  # fmt: skip
def test_known_prices(text: str, offer: tuple[int, int]) -> None:
    """As tables write them, with exponents and with zeros at the end."""
    assert exact_price(Decimal(text)) == offer


@pytest.mark.parametrize(
    "value",
    [
        Decimal("-1e-06"), Decimal("NaN"), Decimal("Infinity"), Decimal("9007199.254740993"), Decimal("1e-28"),
        Decimal("1e999999"), Decimal("1e-999999"), Decimal("1.00000000000000001e-9"), 1.5e-07, "1.5e-07", True, None,
        [], 10**30, -1,
    ],
)  # fmt: skip
def test_impossible_prices(value: object) -> None:
    """Below nothing, no number, a binary float, or past what an offer holds: refused with the field's name."""
    with pytest.raises(InputError) as refused:
        exact_price(value, field="input_cost_per_token")
    assert refused.value.field == "input_cost_per_token"


def test_an_absurd_exponent_costs_nothing() -> None:
    """The largest exponents that a Decimal can have are refused without making their integers."""
    began = time.process_time()
    for text in ("1e999999999999999999", "1e-999999999999999999", "9" * 20_000 + "e-19990"):
        with pytest.raises(InputError):
            exact_price(Decimal(text))
    assert time.process_time() - began < 1
