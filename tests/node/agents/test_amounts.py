"""Amounts as text: exact both ways, against Python's decimals as the oracle."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.agents.amounts import format_amount, is_payable, parse_amount
from proofs.currencies import MINOR_UNIT_DIGITS
from proofs.errors import InputError
from tests.node.agents.support import amounts, currencies


@given(st.data())
def test_an_amount_is_written_exactly_and_read_back(data: st.DataObject) -> None:
    """Text and nanos are the same number, with exactly the digits of the minor unit."""
    currency = data.draw(currencies)
    nanos = data.draw(amounts(currency))
    text = format_amount(nanos, currency)
    with localcontext() as context:
        context.prec = 60
        assert Decimal(text) == Decimal(nanos).scaleb(-9)
    assert len(text.partition(".")[2]) == MINOR_UNIT_DIGITS.get(currency, 9)
    assert not text.endswith(".")
    assert parse_amount(text, field="amount") == nanos


@given(st.integers(0, 2**63 - 1), currencies)
def test_an_amount_with_a_fraction_of_a_minor_unit_is_never_written(nanos: int, currency: str) -> None:
    """What can't be paid exactly is refused rather than rounded."""
    if is_payable(nanos, currency):
        format_amount(nanos, currency)
    else:
        with pytest.raises(InputError, match="minor units"):
            format_amount(nanos, currency)


@pytest.mark.parametrize(
    "text",
    ["", "1,5", "-1", "+1", "1.", ".5", "1e3", "0x1", "1_000", " 1", "1\n", "١", "NaN", "1.0000000001", "9223372036.9",
     "9" * 19, "1." + "0" * 19, "1.2.3"],
)  # fmt: skip
def test_other_forms_of_numbers_are_refused(text: str) -> None:
    """Only digits with a point; nothing finer than a nano, nothing above 2^63-1."""
    with pytest.raises(InputError) as caught:
        parse_amount(text, field="amount")
    assert caught.value.field == "amount"


@pytest.mark.parametrize(
    ("text", "nanos"),
    [("0", 0), ("007.50", 7_500_000_000), ("1.000000001000", 1_000_000_001), ("9223372036", 9223372036 * 10**9)],
)
def test_forms_that_banks_use_are_read(text: str, nanos: int) -> None:
    """Leading zeros, and zeros after the last decimal that counts."""
    assert parse_amount(text, field="amount") == nanos
