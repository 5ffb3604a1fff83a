"""pain.001 files hold against the banks' own schemas, and say exactly what is due."""

import xml.etree.ElementTree as ET
from functools import cache
from importlib.resources import files

import pytest
import xmlschema
from hypothesis import given, settings

from node.agents.amounts import parse_amount
from node.agents.pain001 import SEPA_AMOUNT_NANOS_MAX, VERSIONS, Pain001
from node.agents.payments import Order, identity_of, prepare
from tests.node.agents.support import ACCOUNTS, BOOK, EUR_CENT, GERMAN, TIMING, order, orders


@cache
def schema(version: str) -> xmlschema.XMLSchema:
    """The real schema, as the sepaxml package ships it."""
    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / f"{version}.xsd"))


def render(version: str, made: list[Order]) -> bytes:
    """The file of orders that can all be paid."""
    prepared = prepare(Pain001(version), made, BOOK, TIMING)
    assert prepared.file is not None
    assert not prepared.refused
    return prepared.file.data


def texts(data: bytes, path: str) -> list[str | None]:
    """The texts of the elements that a path of names leads to."""
    root = ET.fromstring(data)
    inner = "/".join(f"{{*}}{name}" for name in path.split("/"))
    return [found.text for found in root.iterfind(f".//{inner}")]


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=25)
@given(made=orders(currency="EUR", nanos_max=SEPA_AMOUNT_NANOS_MAX))
def test_files_hold_against_the_schema_and_are_exact(version: str, made: list[Order]) -> None:
    """Valid; every amount, total, count, reference and account is the orders' own."""
    data = render(version, made)
    schema(version).validate(data.decode())
    by_reference = {one.reference: one for one in made}
    assert texts(data, "MsgId") == [identity_of(made)]
    assert texts(data, "NbOfTxs") == [str(len(made))] * 2
    total = sum(one.amount_nanos for one in made)
    # Above what one amount can be: the sum is compared as text, put together apart from the code under test.
    assert texts(data, "CtrlSum") == [f"{total // 10**9}.{total % 10**9 // EUR_CENT:02}"] * 2
    references = texts(data, "PmtId/EndToEndId")
    assert references == sorted(by_reference)
    paid = zip(
        references, texts(data, "InstdAmt"), texts(data, "CdtrAcct/Id/IBAN"), texts(data, "Cdtr/Nm"), strict=True
    )
    for reference, amount, account, name in paid:
        one = by_reference[reference or ""]
        assert parse_amount(amount or "", field="amount") == one.amount_nanos
        assert (account, name) == (ACCOUNTS[one.payee].iban, ACCOUNTS[one.payee].name)
    assert texts(data, "RmtInf/Ustrd") == [by_reference[reference or ""].remittance for reference in references]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("amount", [EUR_CENT, SEPA_AMOUNT_NANOS_MAX])
def test_the_smallest_and_the_largest_transfer_hold(version: str, amount: int) -> None:
    """One cent, and the scheme's limit to the cent."""
    data = render(version, [order(1, amount=amount)])
    schema(version).validate(data.decode())
    assert texts(data, "InstdAmt") == ["0.01" if amount == EUR_CENT else "999999999.99"]


def test_the_debtor_stands_in_the_file_once() -> None:
    """One block from the debtor's own account, executed on the day that was asked for, in euros, costs shared."""
    data = render(VERSIONS[0], [order(n) for n in range(4)])
    assert texts(data, "DbtrAcct/Id/IBAN") == [GERMAN]
    assert texts(data, "DbtrAgt/FinInstnId/BICFI") == ["COBADEFFXXX"]
    assert texts(data, "ReqdExctnDt/Dt") == ["2026-02-02"]
    assert texts(data, "CreDtTm") == ["2026-01-31T12:00:00Z"]
    assert (texts(data, "SvcLvl/Cd"), texts(data, "ChrgBr")) == (["SEPA"], ["SLEV"])


def test_names_cannot_break_out_of_their_element() -> None:
    """What a payee's name has of markup is text."""
    data = render(VERSIONS[0], [order(1, payee=0)])
    assert texts(data, "Cdtr/Nm") == ["Archive & <Sons> Ltd"]
    assert b"<Sons>" not in data


def test_the_schema_refuses_what_is_wrong() -> None:
    """The judge of these tests isn't blind: an IBAN's letter changed, an element left out."""
    text = render(VERSIONS[0], [order(1)]).decode()
    for wrong in (text.replace("DE", "dE", 1), text.replace("<ChrgBr>SLEV</ChrgBr>", "<ChrgBr>X</ChrgBr>")):
        assert wrong != text
        with pytest.raises(xmlschema.XMLSchemaValidationError):
            schema(VERSIONS[0]).validate(wrong)
