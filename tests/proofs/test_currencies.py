"""Minor units: the frozen table in code and specification, and rounding down to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import currencies
from proofs.currencies import MINOR_UNIT_DIGITS, minor_unit_nanos, round_down
from proofs.fields import CURRENCY
from tests.test_docs import SPEC, code, section, table

codes = st.one_of(st.sampled_from(sorted(MINOR_UNIT_DIGITS)), st.from_regex(r"[A-Z0-9]{3,12}", fullmatch=True))


def test_the_specification_has_the_same_table() -> None:
    """Codes, digits, nanos, counts and the list's date stand in the spec as in the code, each code once."""
    text = section(SPEC, "Currencies and minor units")
    said: dict[str, int] = {}
    for digits, nanos, count, listed in table(text, "digits", "minor unit in nanos"):
        found = listed.split()
        assert len(found) == int(count)
        assert found == sorted(found)
        assert not said.keys() & set(found)
        said.update(dict.fromkeys(found, int(digits)))
        assert {minor_unit_nanos(name) for name in found} == {int(nanos.replace(",", ""))}
    assert said == MINOR_UNIT_DIGITS
    assert f"published {currencies.LIST_DATE}" in " ".join(text.split())
    assert f"{len(said)} codes" in text


def test_codes_without_a_minor_unit_are_named_in_the_specification() -> None:
    """The official codes that have no minor unit are listed as other assets, and aren't rounded."""
    text = section(SPEC, "Currencies and minor units")
    without = [code(row[0]) for row in table(text, "code", "what")]
    assert len(without) == 13
    assert not set(without) & MINOR_UNIT_DIGITS.keys()
    assert {minor_unit_nanos(name) for name in without} == {1}


@pytest.mark.parametrize(
    ("currency", "nanos"),
    [
        ("EUR", 10**7),
        ("USD", 10**7),
        ("JPY", 10**9),
        ("KWD", 10**6),
        ("CLF", 10**5),
        ("XAU", 1),
        ("XDR", 1),
        ("USDC", 1),
    ],
)
def test_known_minor_units(currency: str, nanos: int) -> None:
    """A cent, a yen, a fils, a ten-thousandth; a nano where ISO 4217 has no minor unit or doesn't know the code."""
    assert minor_unit_nanos(currency) == nanos


def test_every_code_is_a_currency_of_ours() -> None:
    """Each code of the table passes the field rule of `currency`."""
    assert all(CURRENCY.ok(name) and len(name) == 3 for name in MINOR_UNIT_DIGITS)


@given(currency=codes, nanos=st.integers(0, 2**130))
def test_rounding_down(currency: str, nanos: int) -> None:
    """What is left is a whole number of minor units, not above, and less than one unit below."""
    unit = minor_unit_nanos(currency)
    rounded = round_down(nanos, currency)
    assert rounded % unit == 0
    assert 0 <= nanos - rounded < unit
