"""camt.053: what banks write in several versions is read exactly; what is no such money is named or passed over."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import xmlstream
from node.agents import incoming as incoming_module
from node.agents.amounts import format_amount
from node.agents.bank import BANK_BYTES_MAX, load_bank_file, parse_bank_file
from node.agents.camt053 import read_camt053
from node.agents.incoming import Incoming
from node.errors import FileError
from proofs.errors import InputError
from tests.node.agents.statements import NEW, NEWEST, OLD, booked, detail, document, entry, ordered
from tests.node.agents.support import EUR_CENT, amounts, order
from tests.strategies import mutated

REFERENCE = order(1).reference


def only(data: bytes) -> Incoming:
    """The one credit of a file that holds no other."""
    file = read_camt053(data)
    assert (len(file.incoming), file.skipped, file.debits) == (1, [], 0)
    return file.incoming[0]


def reason(one: str) -> str:
    """Why an entry is skipped."""
    file = read_camt053(document(entry("7.00"), one))
    assert [incoming.amount_nanos for incoming in file.incoming] == [700 * EUR_CENT]
    assert file.skipped[0].where == "entry 2"
    return file.skipped[0].reason


@pytest.mark.parametrize("version", [f"001.{number:02}" for number in range(2, 14)])
def test_every_version_is_read(version: str) -> None:
    """001.02 to 001.13, with the status as each writes it, and times for days."""
    status = "<Sts>BOOK</Sts>" if version == OLD else "<Sts><Cd>BOOK</Cd></Sts>"
    one = entry(
        "1250.00", detail("Thanks", end_to_end=REFERENCE), status=status, booked="<DtTm>2026-02-02T10:00:00</DtTm>"
    )
    assert only(document(one, version=version)) == Incoming(
        1250 * 10**9, "EUR", "Thanks", (REFERENCE,), "B1", "2026-02-02"
    )


@pytest.mark.parametrize(
    "namespace",
    ["camt.053.001.01", "camt.053.001.14", "camt.052.001.08", "camt.054.001.08", "camt.053.002.02", "pain.001.001.09"],
)
def test_what_is_no_statement_of_a_known_version_is_refused(namespace: str) -> None:
    """Interim reports and notifications aren't statements; an unknown version may name things otherwise."""
    data = document(entry()).replace(b"camt.053.001.02", namespace.encode())
    with pytest.raises(InputError) as caught:
        read_camt053(data)
    assert namespace in caught.value.detail
    assert "camt.053.001.02 to camt.053.001.13" in caught.value.expected


def test_texts_are_read_from_wherever_banks_put_them() -> None:
    """Purpose lines, structured references, remarks of the detail and of the entry."""
    one = only(document(entry("1.00", detail("line one,", "line two", creditor="RF18"), remark="SEPA CREDIT")))
    assert (one.text, one.references) == ("line one, line two SEPA CREDIT", ("RF18",))
    assert only(document(entry("1.00", remark=f"EREF+{REFERENCE}"))).text == f"EREF+{REFERENCE}"


def test_white_space_and_other_namespaces_do_not_matter() -> None:
    """Line breaks in an element are spaces; what a bank adds in its own namespace is passed over."""
    one = entry("\n 1.00 ", detail("a\n   b<o:Ustrd>junk</o:Ustrd>"), more="<o:Sts>PDNG</o:Sts>")
    assert (only(document(one)).text, only(document(one)).amount_nanos) == ("a b", 10**9)


@pytest.mark.parametrize("how", [booked, ordered])
def test_a_batch_booking_is_as_many_credits_as_it_has_details(how) -> None:
    """Each with its own amount and references; the bank's reference of the whole is numbered."""
    details = [detail(f"t{n}", end_to_end=f"E{n}", amount=how(f"{n}.50")) for n in (1, 2, 3)]
    found = read_camt053(document(entry("7.50", *details), version=NEW)).incoming
    assert [(one.amount_nanos, one.references, one.bank_reference) for one in found] == [
        (n * 10**9 + 5 * 10**8, (f"E{n}",), f"B1/{n}") for n in (1, 2, 3)
    ]


def test_details_with_references_of_their_own_keep_them() -> None:
    """If each has another; one that several share is no name of either."""
    own = [detail(reference=f"R{n}", amount=booked("1.00")) for n in (1, 2)]
    assert [one.bank_reference for one in read_camt053(document(entry("2.00", *own))).incoming] == ["R1", "R2"]
    shared = [detail(reference="R", amount=booked("1.00"))] * 2
    assert [one.bank_reference for one in read_camt053(document(entry("2.00", *shared))).incoming] == ["B1/1", "B1/2"]


def test_a_single_detail_counts_what_was_booked() -> None:
    """What was ordered may have been more, before charges."""
    assert only(document(entry("98.50", detail("x", amount=ordered("100.00"))))).amount_nanos == 9850 * EUR_CENT


SKIPPED = {
    "not booked": (entry(status="<Sts>PDNG</Sts>"), "isn't booked"),
    "informational": (entry(status="<Sts><Cd>INFO</Cd></Sts>"), "isn't booked"),
    "no status": (entry(status=""), "isn't booked"),
    "reversal": (entry(more="<RvslInd>true</RvslInd>"), "takes back"),
    "no side": (entry(side=""), "whether it is a credit"),
    "zero": (entry("0.00"), "paid in one piece"),
    "fraction of a cent": (entry("1.005"), "paid in one piece"),
    "no number": (entry("1,00"), "no amount"),
    "exponent": (entry("1E3"), "no amount"),
    "too large": (entry("99999999999.00"), "too large"),
    "currency": (entry(currency="eur"), "no currency"),
    "sum": (entry("3.00", *[detail(amount=booked("1.00"))] * 2), "don't add up"),
    "detail without amount": (entry("2.00", detail(amount=booked("1.00")), detail()), "has no amount"),
    "detail in dollars": (entry("2.00", *[detail(amount=ordered("1.00", "CHF"))] * 2), "has no amount"),
    "mixed": (entry("0.50", detail(amount=booked("1.00")), detail(amount=booked("0.50", "DBIT"))), "is a debit"),
}


@pytest.mark.parametrize("name", SKIPPED)
def test_an_entry_that_is_no_clear_credit_is_skipped_with_the_reason(name: str) -> None:
    """It is named by its place; the entries around it are read."""
    one, expected = SKIPPED[name]
    assert expected in reason(one)


def test_debits_are_counted_only() -> None:
    """Money that left is none that came, whatever else the entry says."""
    file = read_camt053(document(entry(side="DBIT"), entry("x", side="DBIT", status=""), entry()))
    assert (len(file.incoming), file.skipped, file.debits) == (1, [], 2)


@pytest.mark.parametrize("given_name", ["", "NONREF", "NOTPROVIDED", "n" * 141, "a\u202eb"])
def test_a_credit_without_a_reference_gets_a_name_of_its_own(given_name: str) -> None:
    """Made of what it says: the same in another file that has it, another for anything else; equal ones are counted."""
    first, second = entry("1.00", detail("a"), reference=given_name), entry("1.00", detail("b"), reference=given_name)
    whole = [one.bank_reference for one in read_camt053(document(first, second, first)).incoming]
    assert all(name.startswith("derived-") for name in whole)
    assert len(set(whole)) == 3
    assert whole[2] == whole[0] + "-2"
    assert [one.bank_reference for one in read_camt053(document(second, version=NEWEST)).incoming] == [whole[1]]
    assert only(document(first, account="NL00")).bank_reference not in whole


BOMB = "<!DOCTYPE d [" + "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9)) + '<!ENTITY l0 "lol">]>'
HOSTILE = {
    "entities": document(entry(remark="&l9;"), head=BOMB),
    "external entity": document(entry(remark="&x;"), head='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    "external type": document(entry(), head='<!DOCTYPE d SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "parameter entity": document(entry(), head='<!DOCTYPE d [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>'),
    "harmless type": document(entry(), head="<!DOCTYPE Document>"),
    "unknown entity": document(entry(remark="&nbsp;")),
    "deep": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">' + b"<a>" * 100_000,
    "cut": document(entry())[:-20],
    "behind": document(entry()) + b"<x/>",
    "wrong UTF-8": document(entry(remark="@")).replace(b"@", b"\xff"),
    "control character": document(entry(remark="@")).replace(b"@", b"\x01"),
    "unknown encoding": document(entry()).replace(b"UTF-8", b"utf-7"),
    "no encoding": document(entry()).replace(b"UTF-8", b"nonsense"),
    "empty": b"<",
    "not namespaced": b"<Document><BkToCstmrStmt/></Document>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused(name: str) -> None:
    """Document types of any kind, entities, broken or bottomless XML: an error at once, nothing fetched or expanded."""
    started = time.monotonic()
    with pytest.raises(InputError):
        parse_bank_file(HOSTILE[name])
    assert time.monotonic() - started < 30


def test_a_type_is_refused_as_such() -> None:
    """Not for something behind it: the bomb's message is about the document type."""
    for name in ("entities", "external entity", "external type", "parameter entity", "harmless type"):
        with pytest.raises(InputError, match="document type"):
            parse_bank_file(HOSTILE[name])


def test_an_entry_has_a_bound_and_a_file_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements held at a time, credits in a file; many entries in turn don't add up."""
    monkeypatch.setattr(xmlstream, "NODES_MAX", 60)
    monkeypatch.setattr(incoming_module, "INCOMING_MAX", 30)
    assert len(read_camt053(document(*[entry("1.00", detail("x"))] * 30)).incoming) == 30
    with pytest.raises(InputError, match="too many entries"):
        read_camt053(document(*[entry("1.00", detail("x"))] * 31))
    with pytest.raises(InputError, match="too many entries"):
        read_camt053(document(*[entry("0.00", detail("x"))] * 31))
    with pytest.raises(InputError, match="too much XML"):
        read_camt053(document(entry("1.00", *[detail("x")] * 10)))


@given(st.lists(st.tuples(amounts("EUR"), st.text(st.characters(categories=("L", "N", "P", "S")))), max_size=8))
def test_amounts_are_read_exactly(rows: list[tuple[int, str]]) -> None:
    """To the cent, up to the largest amount, whatever the texts beside them."""
    escape = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
    entries = [entry(format_amount(nanos, "EUR"), detail(text.translate(escape))) for nanos, text in rows]
    file = read_camt053(document(*entries))
    assert [one.amount_nanos for one in file.incoming] == [nanos for nanos, _ in rows]
    assert not file.skipped


@given(st.data())
def test_any_changed_byte_ends_in_credits_or_an_error(data: st.DataObject) -> None:
    """Never in another kind of exception."""
    whole = document(entry("1.00", detail("x", amount=booked("1.00"))), entry("2.00"))
    with contextlib.suppress(InputError):
        parse_bank_file(data.draw(mutated(whole)))


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_other_encodings_are_read(encoding: str) -> None:
    """As the document declares them."""
    text = document(entry(remark="Müller")).decode().replace("UTF-8", encoding.removesuffix("-sig"))
    assert parse_bank_file(text.encode(encoding)).incoming[0].text == "Müller"


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    """What is wrong names the file; a file above the bound is not read to its end."""
    path = tmp_path / "statement.xml"
    path.write_bytes(document(entry()))
    assert len(load_bank_file(str(path)).incoming) == 1
    path.write_bytes(b"<x/>")
    with pytest.raises(FileError, match=str(path)):
        load_bank_file(str(path))
    with path.open("wb") as file:
        file.truncate(BANK_BYTES_MAX + 1)
    for wrong in (path, tmp_path, tmp_path / "none"):
        with pytest.raises(FileError):
            load_bank_file(str(wrong))
