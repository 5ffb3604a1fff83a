"""payees.toml: strict, private, and what is wrong is named by its key, without showing bank details."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.agents.iban import SEPA_IBAN_LENGTHS, check_bic, check_iban
from node.agents.payees import PAYEES_BYTES_MAX, PAYEES_MAX, load_payees, parse_payees
from node.errors import FileError
from proofs.errors import InputError
from tests.node.agents.support import BODIES, DUTCH, GERMAN, PAYEES, PAYER, iban, write_private

PAYEE = PAYEES[0].hex()
DEBTOR = f'[debtor]\nparty = "{PAYER.hex()}"\nname = "Acme Models"\niban = "{GERMAN}"\n'
GOOD = DEBTOR + f'[payees.{PAYEE}]\nname = "Archive Ltd"\niban = "{DUTCH[:4]} {DUTCH[4:]}"\nbic = "ABNANL2A"\n'


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """Parties, names, IBANs without their spaces, BICs; free accounts for CSV."""
    text = GOOD + f'[payees.{PAYEES[3].hex()}]\nname = "Studio"\naccount = "sort code 12-34-56, 1234"\n'
    book = load_payees(write_private(tmp_path / "payees.toml", text))
    assert (book.payer, book.debtor.name, book.debtor.iban, book.debtor.bic) == (PAYER, "Acme Models", GERMAN, "")
    assert (book.accounts[PAYEES[0]].iban, book.accounts[PAYEES[0]].bic) == (DUTCH, "ABNANL2A")
    assert book.accounts[PAYEES[3]].account == "sort code 12-34-56, 1234"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o620])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Readable or writable by group or others: refused, with the command that mends it."""
    path = write_private(tmp_path / "payees.toml", GOOD)
    os.chmod(path, mode)
    with pytest.raises(FileError) as caught:
        load_payees(path)
    assert f"{mode:04o}" in caught.value.detail
    assert f"chmod 600 {path}" in caught.value.expected


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    """A missing file, a folder and a pipe are errors that name the path; no pipe blocks, and nothing stays open."""
    before = len(os.listdir("/proc/self/fd"))
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(FileError, match=str(path)):
            load_payees(str(path))
    assert len(os.listdir("/proc/self/fd")) <= before


WRONG = {
    "debtor": GOOD[len(DEBTOR) :],
    "creditor": GOOD.replace("[debtor]", "[creditor]"),
    "debtor.party": GOOD.replace(PAYER.hex(), PAYER.hex()[:-1]),
    "debtor.iban": GOOD.replace(GERMAN, "DE00" + GERMAN[4:]),
    "debtor.name": GOOD.replace('name = "Acme Models"\n', ""),
    "debtor.account": GOOD.replace(f'iban = "{GERMAN}"', 'account = ""'),
    "payees": DEBTOR,
    "surplus": "surplus = 1\n" + GOOD,
    "debtor.color": GOOD.replace('name = "Acme', 'color = 1\nname = "Acme'),
    f"payees.{PAYEE}.party": GOOD + f'party = "{PAYEE}"\n',
    f"payees.{PAYEE}.Iban": GOOD + 'Iban = "x"\n',
    f"payees.{PAYEE}.name": GOOD.replace("Archive Ltd", "A" * 71),
    f"payees.{PAYEE}.iban": GOOD.replace(f'iban = "{DUTCH[:4]} {DUTCH[4:]}"\nbic = "ABNANL2A"', ""),
    f"payees.{PAYEE}.bic": GOOD.replace("ABNANL2A", "ABNANL2"),
    f"payees.{PAYEE.upper()}": GOOD.replace(PAYEE, PAYEE.upper()),
    "payees.7": GOOD + "[payees.7]\nname = 'x'\n",
}


@pytest.mark.parametrize("field", WRONG)
def test_what_is_wrong_is_named_by_its_key(field: str) -> None:
    """Each error says which key is wrong and what was expected."""
    with pytest.raises(InputError) as caught:
        parse_payees(WRONG[field].encode())
    assert caught.value.field == field
    assert caught.value.expected


@pytest.mark.parametrize(
    "name", ['"a\\nb"', '"a\\u202Eb"', '" a"', '"a "', '""', "7", "[]", '"\\uFFFE"', '"\\u2028x"', "true"]
)
def test_names_are_printable_text(name: str) -> None:
    """No control or bidirectional characters, no outer spaces, nothing that XML can't hold; and only strings."""
    with pytest.raises(InputError) as caught:
        parse_payees(GOOD.replace('"Archive Ltd"', name).encode())
    assert caught.value.field == f"payees.{PAYEE}.name"


@pytest.mark.parametrize(
    "data",
    [b"\xff", b"[debtor", b"a = " + b"[" * 5000, b"#" * (PAYEES_BYTES_MAX + 1), GOOD.encode() + GOOD.encode(), b"",
     GOOD.encode() + b"".join(b'[payees."%d"]\n' % n for n in range(PAYEES_MAX))],
    ids=["no UTF-8", "cut", "deep", "large", "twice", "empty", "many"],
)  # fmt: skip
def test_what_is_no_such_toml_is_refused(data: bytes) -> None:
    """Broken, deeply nested, oversized and repeated tables end in an error, not in a traceback."""
    with pytest.raises(InputError):
        parse_payees(data)


def test_messages_and_reprs_show_no_bank_details() -> None:
    """Account numbers stay out of errors and of what a traceback or a log would print."""
    bad = GERMAN[:-1] + ("1" if GERMAN[-1] != "1" else "2")
    with pytest.raises(InputError) as caught:
        parse_payees(GOOD.replace(GERMAN, bad).encode())
    assert bad not in str(caught.value) + caught.value.expected
    assert GERMAN not in repr(parse_payees(GOOD.encode()))


@given(st.sampled_from([GERMAN, DUTCH]), st.data())
def test_an_iban_with_a_slip_is_refused(right: str, data: st.DataObject) -> None:
    """Any one character changed for another of its kind, and any two neighbours swapped, break the check digits."""
    at = data.draw(st.integers(0, len(right) - 1))
    kind = "0123456789" if right[at].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    changed = right[:at] + data.draw(st.sampled_from(kind)) + right[at + 1 :]
    swapped = right[:at] + right[at : at + 2][::-1] + right[at + 2 :]
    for other in {changed, swapped} - {right}:
        with pytest.raises(InputError):
            check_iban(other, field="iban")


@pytest.mark.parametrize("country", SEPA_IBAN_LENGTHS)
def test_a_country_has_one_length(country: str) -> None:
    """Right check digits over a wrong length are refused, over the right one taken."""
    length = SEPA_IBAN_LENGTHS[country] - 4
    assert check_iban(iban(country, "1" * length), field="iban")
    for other in (length - 1, length + 1):
        with pytest.raises(InputError):
            check_iban(iban(country, "1" * other), field="iban")


@pytest.mark.parametrize("text", ["", "DE", GERMAN.lower(), GERMAN + "\n", "٤" + GERMAN[1:], "DE" + "1" * 40, "1" * 22])
def test_what_has_no_form_of_an_iban_is_refused(text: str) -> None:
    """Capital letters and digits, nothing else."""
    with pytest.raises(InputError):
        check_iban(text, field="iban")


def test_an_iban_of_a_country_outside_sepa_is_taken() -> None:
    """The check digits are the same everywhere; whether a transfer reaches it is another question."""
    assert check_iban(iban("US", BODIES["US"]), field="iban")


@pytest.mark.parametrize("bic", ["COBADEFF", "COBADEFFXXX", "ABNANL2A", "PSSTFRPP123"])
def test_a_bic_is_taken(bic: str) -> None:
    """8 or 11 characters."""
    assert check_bic(bic, field="bic") == bic


@pytest.mark.parametrize(
    "bic", ["", "COBADEF", "COBADEFFX", "cobadeff", "COBADE0F", "C0BADEFF", "COBADEFO", "COBADEFFXXX "]
)
def test_another_form_is_no_bic(bic: str) -> None:
    """Anything else is refused."""
    with pytest.raises(InputError):
        check_bic(bic, field="bic")
