"""proofs.amounts: amounts for people."""

import pytest

from proofs.amounts import show_amount


@pytest.mark.parametrize(
    ("nanos", "currency", "shown"),
    [
        (2_500_000_000, "USD", "2.50 USD"),
        (0, "EUR", "0.00 EUR"),
        (125, "USD", "0.000000125 USD"),
        (1_001_000_000, "USD", "1.001 USD"),
        (12 * 10**9, "JPY", "12 JPY"),
        (12 * 10**9 + 5, "JPY", "12.000000005 JPY"),
        (1_500_000_000, "KWD", "1.500 KWD"),
        (10**9, "XAU", "1 XAU"),
        (7, "TOKENS", "0.000000007 TOKENS"),
        (-2_500_000_000, "USD", "-2.50 USD"),
        (2**127, "USD", "170141183460469231731687303715.884105728 USD"),
    ],
)
def test_no_digit_is_lost_or_invented(nanos: int, currency: str, shown: str) -> None:
    """The minor unit's digits at least, all that are there at most."""
    assert show_amount(nanos, currency) == shown
