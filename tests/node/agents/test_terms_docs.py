"""docs/terms.md says what the code does: keys, bounds, and its example is read."""

import re
from pathlib import Path

import pytest

from node.agents import termsfile
from node.agents.termsfile import TERMS_FILE_BYTES_MAX, parse_terms
from proofs.errors import InputError
from proofs.fields import DUTIES, UNITS, USES
from proofs.kinds import KINDS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "terms.md").read_text(encoding="utf-8")
TABLES = [re.findall(r"^\| `([^`]+)` \|", part, re.M) for part in re.split(r"^\| key", PAGE, flags=re.M)[1:]]
PARTY = "ab" * 32


def test_keys_are_the_code_s() -> None:
    """The record's own fields, those of an offer and of a split, and no others."""
    fields, offer, split = TABLES
    assert set(fields) == {*KINDS["terms"].required, *KINDS["terms"].optional} - {"asset", "offers", "splits"}
    assert tuple(offer) == termsfile._OFFER
    assert tuple(split) == termsfile._SPLIT


def test_the_example_is_read() -> None:
    """With its parties written out, to the prices that it names."""
    text = re.findall(r"```toml\n(.*?)```", PAGE, re.S)[0]
    fields = parse_terms(re.sub(r"([0-9a-f]{4})…", lambda found: found[1] * 16, text).encode())
    assert [(offer["price"], offer["per"]) for offer in fields["offers"]] == [(2_500_000_000, 10**6), (400_000, 1)]
    assert [split["bps"] for split in fields["splits"]] == [9000, 1000]


def test_required_keys_are_required() -> None:
    """What the page calls required can't be left out, the rest can."""
    required = re.findall(r"^\| `(\w+)` \| required", PAGE, re.M)
    whole = {
        "currency": 'currency = "EUR"', "use": 'use = "train"', "unit": 'unit = "token"', "per": "per = 1",
        "party": f'party = "{PARTY}"', "bps": "bps = 10000",
    }  # fmt: skip
    assert sorted(required) == sorted(whole)

    def file(*, without: str = "") -> bytes:
        rows = {name: "" if name == without else line for name, line in whole.items()}
        return "\n".join(
            [rows["currency"], "[[offers]]", rows["use"], rows["unit"], rows["per"], 'price = "1"', "[[splits]]",
             rows["party"], rows["bps"]]
        ).encode()  # fmt: skip

    parse_terms(file())
    for name in required:
        with pytest.raises(InputError, match="missing"):
            parse_terms(file(without=name))


def test_names_and_bounds_are_the_code_s() -> None:
    """Uses, units, duties and the file's size."""
    for names, joint in ((USES, " or "), (UNITS, " or ")):
        assert f"{', '.join(names[:-1])}{joint}{names[-1]}" in PAGE
    assert ", ".join(DUTIES) in PAGE
    assert f"{TERMS_FILE_BYTES_MAX >> 10} KiB" in PAGE
