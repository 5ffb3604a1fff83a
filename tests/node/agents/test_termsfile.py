"""A file of terms: exact, strict, and every complaint names the key as it stands in the file."""

import os
from pathlib import Path

import pytest

from node.agents.termsfile import TERMS_FILE_BYTES_MAX, parse_terms, read_terms_file
from node.errors import FileError
from proofs.errors import InputError
from proofs.fields import PRICE_MAX

FIRST, SECOND = "01" * 32, "02" * 32
GOOD = f"""
currency = "USD"
derivatives = 500
needs_grant = false
prohibits = ["redistribute"]
duties = ["attribution"]
text = "{"ab" * 32}"
arbiter = "{SECOND}"

[[offers]]
use = "infer"
unit = "output_token"
price = "2.50"
per = 1_000_000

[[offers]]
use = "train"
unit = "token"
price_nanos = 7
per = 1

[[splits]]
party = "{FIRST}"
bps = 9000

[[splits]]
party = "{SECOND}"
bps = 1000
"""


def test_a_file_becomes_the_fields_of_the_record() -> None:
    """Prices are exact nanos, binaries are bytes, everything else is as it stands."""
    assert parse_terms(GOOD.encode()) == {
        "currency": "USD",
        "derivatives": 500,
        "needs_grant": False,
        "prohibits": ["redistribute"],
        "duties": ["attribution"],
        "text": b"\xab" * 32,
        "arbiter": b"\x02" * 32,
        "offers": [
            {"use": "infer", "unit": "output_token", "price": 2_500_000_000, "per": 1_000_000},
            {"use": "train", "unit": "token", "price": 7, "per": 1},
        ],
        "splits": [{"party": b"\x01" * 32, "bps": 9000}, {"party": b"\x02" * 32, "bps": 1000}],
    }


def test_the_smallest_file_offers_nothing() -> None:
    """A currency alone is enough: terms may be there only to prohibit, or to end all offers."""
    assert parse_terms(b'currency = "EUR"') == {"currency": "EUR", "offers": []}


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0", 0),
        ("0.000000001", 1),
        ("0.1", 100_000_000),
        ("9007199.254740992", PRICE_MAX),
        ("1.5000000000", 1_500_000_000),
    ],
)
def test_a_price_is_exact(text: str, nanos: int) -> None:
    """No price passes through a float: each nano that is written is in the record."""
    assert parse_terms(GOOD.replace("2.50", text).encode())["offers"][0]["price"] == nanos


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('currency = "USD"', "", "currency"),
        ('"USD"', '"usd"', "currency"),
        ("derivatives", "derivative", "derivative"),
        ("500", "10001", "derivatives"),
        ("500", "2026-01-01", "derivatives"),
        ("500", "5.0", "derivatives"),
        ("needs_grant = false", "needs_grant = 0", "needs_grant"),
        ('"attribution"', '"attribute"', "duties"),
        ("ab" * 32, "AB" * 32, "text"),
        ("ab" * 32, "ab" * 31, "text"),
        (f'arbiter = "{SECOND}"', "arbiter = 2", "arbiter"),
        ('"2.50"', "2.5", "[[offers]] 1, price"),
        ('"2.50"', "2", "[[offers]] 1, price"),
        ('"2.50"', '"2,50"', "[[offers]] 1, price"),
        ('"2.50"', '"-2.50"', "[[offers]] 1, price"),
        ('"2.50"', '"2.5e1"', "[[offers]] 1, price"),
        ('"2.50"', '"0.0000000001"', "[[offers]] 1, price"),
        ('"2.50"', '"9007199.254740993"', "[[offers]] 1, price"),
        ('price = "2.50"', "", "[[offers]] 1, price"),
        ('price = "2.50"', 'price = "2.50"\nprice_nanos = 1', "[[offers]] 1, price"),
        ("price_nanos = 7", "price_nanos = -1", "[[offers]] 2, price_nanos"),
        ("price_nanos = 7", "price_nanos = true", "[[offers]] 2, price_nanos"),
        ("per = 1_000_000", "", "[[offers]] 1, per"),
        ("per = 1_000_000", "per = 0", "[[offers]] 1, per"),
        ('use = "train"', 'use = "training"', "[[offers]] 2, use"),
        ('unit = "token"', "", "[[offers]] 2, unit"),
        ('unit = "token"', 'unit = "token"\nnote = "x"', "[[offers]] 2, note"),
        ('use = "train"\nunit = "token"', 'use = "infer"\nunit = "output_token"', "[[offers]] 2"),
        ("bps = 9000", "bps = 8999", "[[splits]], bps"),
        ("bps = 9000", "bps = true", "[[splits]] 1, bps"),
        (FIRST, SECOND, "[[splits]] 2"),
        (f'party = "{FIRST}"', 'party = "me"', "[[splits]] 1, party"),
        ("[[splits]]", "[[split]]", "split"),
        ('currency = "USD"', 'currency = "USD"\nasset = "x"', "asset"),
        ("[[offers]]", "[offers]", "terms"),
        ("500", "9" * 5000, "terms"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(old: str, new: str, field: str) -> None:
    """Each fault is refused, and the message says where it stands in the file."""
    with pytest.raises(InputError) as refused:
        parse_terms(GOOD.replace(old, new, 1 if old != "[[splits]]" else 2).encode())
    assert refused.value.field == field


def test_nine_splits_are_too_many() -> None:
    """The record's own bounds hold: at most eight parties share."""
    splits = "".join(f'[[splits]]\nparty = "{n:064x}"\nbps = {10_000 if n == 1 else 0}\n' for n in range(1, 10))
    with pytest.raises(InputError) as refused:
        parse_terms(f'currency = "USD"\n{splits}'.encode())
    assert refused.value.field == "splits"


def test_a_file_is_read_within_bounds(tmp_path: Path) -> None:
    """A missing, oversized or undecodable file, a folder and a pipe are refused by name; nothing waits."""
    big, junk, pipe = tmp_path / "big", tmp_path / "junk", tmp_path / "pipe"
    big.write_bytes(b"#" * (TERMS_FILE_BYTES_MAX + 1))
    junk.write_bytes(b'currency = "\xff"')
    os.mkfifo(pipe)
    for path in (tmp_path / "none", tmp_path, big, junk, pipe):
        with pytest.raises(FileError, match=str(path)):
            read_terms_file(str(path))
    good = tmp_path / "terms.toml"
    good.write_text(GOOD)
    assert read_terms_file(str(good)) == parse_terms(GOOD.encode())
