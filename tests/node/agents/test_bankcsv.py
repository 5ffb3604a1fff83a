"""Bookings as CSV: fixed columns in any sequence, both delimiters, exact amounts."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.agents.amounts import format_amount
from node.agents.bank import parse_bank_file
from node.agents.bankcsv import COLUMNS, OPTIONAL
from node.agents.incoming import Incoming
from proofs.errors import InputError
from tests.node.agents.statements import csv_file
from tests.node.agents.support import amounts
from tests.strategies import mutated

HEAD = [*COLUMNS, *OPTIONAL]
ROW = ["2026-02-02", "12.50", "EUR", "B1", "thanks", "E1"]
MONEY = Incoming(12_500_000_000, "EUR", "thanks", ("E1",), "B1", "2026-02-02")


@pytest.mark.parametrize(
    "data",
    [
        csv_file([HEAD, ROW]),
        csv_file([HEAD, ROW], delimiter=";", end="\r\n"),
        csv_file([HEAD, [*ROW[:1], "12,50", *ROW[2:]]], delimiter=";"),
        b"\xef\xbb\xbf" + csv_file([HEAD, ROW]),
        csv_file([HEAD[::-1], ROW[::-1]]),
        csv_file([["Own", *map(str.upper, HEAD)], ["x", *ROW]]),
        csv_file([[f'"{name} "' for name in HEAD], [f'"{cell} "' for cell in ROW]]),
        csv_file([HEAD, [], ROW, []]),
        csv_file([HEAD, ROW]).rstrip(b"\n"),
    ],
    ids=["comma", "semicolon", "decimal comma", "mark", "sequence", "other columns", "quoted", "empty lines", "no end"],
)
def test_the_documented_forms_are_read(data: bytes) -> None:
    """Each gives the same credit."""
    assert parse_bank_file(data).incoming == [MONEY]


def test_the_optional_column_may_be_missing() -> None:
    """Then the text alone has the reference."""
    one = parse_bank_file(csv_file([HEAD[:5], ROW[:5]])).incoming[0]
    assert (one.references, one.text) == ((), "thanks")


def test_debits_are_counted_and_unclear_credits_named() -> None:
    """Negative amounts are debits; what is no amount is skipped with its line and the reason."""
    cells = ["-3.00", "0.00", "1.234", "1.234,56", "+1.00", "(1.00)", "", "5.00"]
    file = parse_bank_file(csv_file([HEAD, *[[*ROW[:1], f'"{cell}"', *ROW[2:]] for cell in cells]]))
    assert (file.debits, [one.amount_nanos for one in file.incoming]) == (1, [5 * 10**9])
    assert [skipped.where for skipped in file.skipped] == [f"line {n}" for n in range(3, 9)]


def test_a_thousands_point_is_not_taken_for_a_decimal_one() -> None:
    """1.234 in a file with semicolons is no amount of euros, since cents are hundredths."""
    file = parse_bank_file(csv_file([HEAD, [*ROW[:1], "1.234", *ROW[2:]]], delimiter=";"))
    assert not file.incoming
    assert "paid in one piece" in file.skipped[0].reason


def test_credits_without_a_reference_are_told_apart() -> None:
    """By what they say, and by their number where they say the same."""
    rows = [[*ROW[:3], "", text, ""] for text in ("a", "b", "a")]
    names = [one.bank_reference for one in parse_bank_file(csv_file([HEAD, *rows])).incoming]
    assert len(set(names)) == 3
    assert all(name.startswith("derived-") for name in names)


WRONG = {
    "empty": b"",
    "no UTF-8": csv_file([HEAD]) + b"\xff",
    "missing": csv_file([HEAD[1:], ROW[1:]]),
    "twice": csv_file([[*HEAD, "amount"], [*ROW, "1"]]),
    "short row": csv_file([HEAD, ROW[:-1]]),
    "long row": csv_file([HEAD, [*ROW, ""]]),
    "open quote": csv_file([HEAD, ['"x']]),
    "quote inside": csv_file([HEAD, ['"x"y', *ROW[1:]]]),
    "many columns": csv_file([[*HEAD, *["x"] * 200]]),
    "large cell": csv_file([HEAD, ["x" * 200_000]]),
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_such_file_is_refused(name: str) -> None:
    """Each with an error, none with a traceback."""
    with pytest.raises(InputError) as caught:
        parse_bank_file(WRONG[name])
    assert caught.value.field == "bank"


@given(st.lists(amounts("EUR"), max_size=8), st.sampled_from(",;"))
def test_amounts_are_read_exactly(cents: list[int], delimiter: str) -> None:
    """To the cent, up to the largest amount."""
    rows = [[*ROW[:1], format_amount(nanos, "EUR"), *ROW[2:]] for nanos in cents]
    file = parse_bank_file(csv_file([HEAD, *rows], delimiter=delimiter))
    assert [one.amount_nanos for one in file.incoming] == cents


@given(st.data())
def test_any_changed_byte_ends_in_credits_or_an_error(data: st.DataObject) -> None:
    """Never in another kind of exception."""
    with contextlib.suppress(InputError):
        parse_bank_file(data.draw(mutated(csv_file([HEAD, ROW, ROW]))))
