"""Orders and the files made of them: pure, the same for the same orders, and nothing left out in silence."""

import base64
import csv
import dataclasses
import io
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.agents.amounts import parse_amount
from node.agents.csvpay import COLUMNS, CsvPayments
from node.agents.pain001 import VERSIONS, Pain001
from node.agents.payees import Payees
from node.agents.payments import ORDERS_MAX, Adapter, Order, Timing, identity_of, prepare, reference_of
from proofs.errors import InputError
from tests.node.agents.support import (
    ACCOUNTS,
    BOOK,
    EUR_CENT,
    LATER,
    PAYEES,
    PAYER,
    TIMING,
    leaf_hashes,
    order,
    orders,
    statement,
)  # fmt: skip

ADAPTERS: list[Adapter] = [CsvPayments(), *map(Pain001, VERSIONS)]


def rows(data: bytes) -> list[dict[str, str]]:
    """A CSV file's rows."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def reason(adapter: Adapter, one: Order, book: Payees = BOOK) -> str:
    """Why an order alone is refused."""
    made = prepare(adapter, [one], book, TIMING)
    assert made.file is None
    assert [refused.order for refused in made.refused] == [one]
    return made.refused[0].reason


@given(leaf_hashes)
def test_the_reference_is_base32_of_the_leaf_hash(leaf: bytes) -> None:
    """32 characters of A-Z 2-7, and the first 20 bytes come back."""
    reference = reference_of(leaf)
    assert len(reference) == 32
    assert base64.b32decode(reference) == leaf[:20]


def test_a_reference_needs_a_leaf_hash() -> None:
    """Another length is refused."""
    with pytest.raises(InputError):
        reference_of(bytes(20))


@pytest.mark.parametrize(
    "change", [{"amount_nanos": 0}, {"amount_nanos": -1}, {"amount_nanos": 2**63}, {"amount_nanos": True},
               {"amount_nanos": 1.0}, {"currency": "eur"}, {"currency": ""}, {"payer": b"x"}, {"payee": b""}]
)  # fmt: skip
def test_an_order_out_of_range_is_refused(change: dict[str, Any]) -> None:
    """Amount, currency and parties are checked as an order is made."""
    with pytest.raises(InputError):
        dataclasses.replace(order(1), **change)


@pytest.mark.parametrize("created", [-1, 2**60, True])
def test_a_time_out_of_range_is_refused(created: int) -> None:
    """The creation time is Unix milliseconds that a file can hold."""
    with pytest.raises(InputError):
        Timing(created, TIMING.execute)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: getattr(adapter, "version", adapter.name))
@given(made=orders(currency="EUR", nanos_max=10**17), seed=st.integers())
def test_the_same_orders_give_the_same_file(adapter: Adapter, made: list[Order], seed: int) -> None:
    """Byte for byte, whatever the sequence; the name holds nothing but which orders they are."""
    shuffled = random.Random(seed).sample(made, len(made))
    first, second = prepare(adapter, made, BOOK, TIMING), prepare(adapter, shuffled, BOOK, TIMING)
    assert first == second
    assert first.file is not None
    assert prepare(adapter, made, BOOK, LATER).file.name == first.file.name
    assert first.file.name == f"usance-{identity_of(made)}{adapter.suffix}"
    assert set(first.file.orders) == set(made)


@given(orders())
def test_csv_has_every_amount_exactly(made: list[Order]) -> None:
    """Each order is one row with its own amount, account and reference, by currency; the columns are the documented."""
    file = prepare(CsvPayments(), made, BOOK, TIMING).file
    assert file is not None
    found = rows(file.data)
    assert tuple(found[0]) == COLUMNS
    assert [row["currency"] for row in found] == sorted(order.currency for order in made)
    by_reference = {row["reference"]: row for row in found}
    assert len(found) == len(by_reference) == len(made)
    for one in made:
        row = by_reference[one.reference]
        to = ACCOUNTS[one.payee]
        assert parse_amount(row["amount"], field="amount") == one.amount_nanos
        assert (row["currency"], row["payee"], row["statement"]) == (
            one.currency,
            one.payee.hex(),
            str(one.statement),
        )
        assert (row["name"], row["iban"], row["bic"], row["account"]) == (to.name, to.iban, to.bic, to.account)
        assert row["remittance"] == f"{one.reference} usance {one.statement}"
        assert row["execution_date"] == "2026-02-02"


def test_no_cell_of_a_csv_file_is_a_formula() -> None:
    """What a spreadsheet would run gets an apostrophe before it."""
    file = prepare(CsvPayments(), [order(1, payee=3)], BOOK, TIMING).file
    assert file is not None
    row = rows(file.data)[0]
    assert (row["name"], row["account"]) == ("'=SUM(A1:A9)", "'+49 170 0000")


def test_the_remittance_fits_into_140_characters() -> None:
    """Even for the largest index, so that no bank has to cut it."""
    one = dataclasses.replace(order(1), statement=dataclasses.replace(statement(1), index=2**63 - 1))
    assert len(one.remittance) <= 140


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: getattr(adapter, "version", adapter.name))
def test_what_no_adapter_can_pay_is_refused_with_the_reason(adapter: Adapter) -> None:
    """Unknown payee, fraction of a cent, another payer's account: each says so."""
    assert f"no [payees.{PAYEES[5].hex()}]" in reason(adapter, order(1, payee=5))
    assert "can't be paid exactly" in reason(adapter, order(1, amount=EUR_CENT + 1))
    assert "pays for" in reason(adapter, order(1), dataclasses.replace(BOOK, payer=b"\7" * 32))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_sepa_cannot_pay_is_refused_with_the_reason(version: str) -> None:
    """Another currency, no IBAN at either end, a country that it doesn't reach, more than its limit."""
    adapter = Pain001(version)
    assert "EUR only, not JPY" in reason(adapter, order(1, currency="JPY", amount=10**9))
    assert f"[payees.{PAYEES[3].hex()}] has no iban" in reason(adapter, order(1, payee=3))
    assert "doesn't reach" in reason(adapter, order(1, payee=4))
    assert "at most 999,999,999.99" in reason(adapter, order(1, amount=10**18))
    poor = dataclasses.replace(BOOK, debtor=dataclasses.replace(BOOK.debtor, iban="", account="x"))
    assert "[debtor] has no iban" in reason(adapter, order(1), poor)


def test_the_others_are_paid() -> None:
    """One order that is refused doesn't stop the rest, and stands in no file."""
    good, bad = [order(n) for n in range(3)], order(9, currency="USD")
    made = prepare(Pain001(), [*good, bad], BOOK, TIMING)
    assert made.file is not None
    assert set(made.file.orders) == set(good)
    assert bad.reference.encode() not in made.file.data
    assert [refused.order for refused in made.refused] == [bad]


def test_a_statement_is_not_paid_twice_in_a_file() -> None:
    """The same statement twice among the orders is refused as a whole."""
    with pytest.raises(InputError, match="twice"):
        prepare(CsvPayments(), [order(1), order(1, payee=1)], BOOK, TIMING)


def test_a_file_holds_a_bounded_number_of_orders() -> None:
    """More than ORDERS_MAX are refused."""
    with pytest.raises(InputError, match=str(ORDERS_MAX + 1)):
        prepare(CsvPayments(), [order(1)] * (ORDERS_MAX + 1), BOOK, TIMING)


def test_payer_and_version_are_known() -> None:
    """The test's book is the payer's; an unknown version of pain.001 is refused."""
    assert order(1).payer == PAYER == BOOK.payer
    with pytest.raises(InputError, match=r"pain\.001\.001\.02"):
        Pain001("pain.001.001.02")
