"""docs/settlement.md says what the code does: columns, keys, versions, bounds, and its example is read."""

import re
from pathlib import Path

import pytest

from node.agents import bankcsv, camt053, csvpay, handover, incoming, pain001, payees, payments
from node.agents.bank import BANK_BYTES_MAX
from node.agents.payees import parse_payees
from proofs.errors import InputError
from tests.node.agents.support import PAYEES, order

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "settlement.md").read_text(encoding="utf-8")


def part(title: str, *, within: str = "") -> str:
    """What stands under a heading, down to the next one."""
    text = PAGE[PAGE.index(f"\n## {within}") :] if within else PAGE
    return re.split(r"\n##+ ", text.split(f"# {title}\n", 1)[1])[0]


def first_cells(text: str) -> list[str]:
    """The names in backticks that begin the rows of a table."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.M)


def test_columns_are_the_code_s() -> None:
    """Both CSV files, written and read."""
    assert first_cells(part("CSV", within="Payment files")) == list(csvpay.COLUMNS)
    assert first_cells(part("CSV", within="Bank statements")) == [*bankcsv.COLUMNS, *bankcsv.OPTIONAL]


def test_keys_are_the_code_s() -> None:
    """The payees file takes the documented keys and no other."""
    keys = first_cells(part("payees.toml"))
    assert keys == ["party", "name", "iban", "bic", "account"]
    party = f'party = "{PAYEES[0].hex()}"\n'
    for key in (*keys, "surplus"):
        with pytest.raises(InputError) as caught:
            parse_payees(f"[debtor]\n{party if key != 'party' else ''}{key} = 7\n[payees]\n".encode())
        assert ("unknown" in caught.value.detail) == (key == "surplus")


def test_the_example_is_read() -> None:
    """With its parties written out."""
    text = re.findall(r"```toml\n(.*?)```", PAGE, re.S)[0]
    text = re.sub(r"([0-9a-f]{4})…", lambda found: found[1] * 16, text)
    assert len(parse_payees(text.encode()).accounts) == 2


def test_bounds_and_versions_are_the_code_s() -> None:
    """Every figure of the page."""
    for stated in (
        f"{payees.PAYEES_MAX:,} payees", f"{payees.PAYEES_BYTES_MAX >> 20} MiB and", f"{payments.ORDERS_MAX:,} orders",
        f"1 to {payees.NAME_CHARS_MAX} printable", f"1 to {payees.ACCOUNT_CHARS_MAX} printable",
        f"{BANK_BYTES_MAX >> 20} MiB and {incoming.INCOMING_MAX:,} credits", f"`{pain001.VERSIONS[0]}`",
        f"`{pain001.VERSIONS[1]}`", f"`camt.053.001.{camt053.VERSIONS[0]:02}`",
        f"`camt.053.001.{camt053.VERSIONS[-1]:02}`", f"at most {len(order(1).remittance) + 18} characters",
    ):  # fmt: skip
        assert stated in " ".join(PAGE.split()), stated


def test_the_steps_are_the_code_s() -> None:
    """As many steps of a handover as its module tells."""
    told = re.findall(r"^(\d)\. ", handover.__doc__ or "", re.M)
    assert re.findall(r"^\| (\d)\. ", PAGE, re.M) == told
