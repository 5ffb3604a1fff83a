"""What is found of real text that was copied in part or changed, and what where nothing was: with the package's table
and boilerplate, at a size for every run, and at the size that the issue asks for in the long form."""

import json
import secrets
from pathlib import Path

import pytest

from node.detect.calibration import wilson
from scripts.benchmark.detectionrecall import (
    Recall,
    Text,
    changed,
    excerpt,
    false_positives,
    joined_answers,
    python_texts,
)

SEED = 20261122
PAIRS = 100
PAIRS_LONG = 2_000
LOWER = {"excerpt of 10 %": 0.98, "excerpt of 20 %": 0.98, "5 % of words": 0.98, "20 % of words": 0.9}
"""What the issue asks of the lower bound."""


@pytest.fixture(scope="module")
def texts() -> list[Text]:
    """What is wherever Python is; with a hundred or more of them."""
    found = python_texts()
    assert len(found) >= 100
    return found


def test_copies_are_found(texts: list[Text], capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred pairs a row: the bound is what a hundred can show. 40 % of changed words is beyond what is claimed."""
    rows = Recall(texts, SEED).rows(PAIRS)
    with capsys.disabled():
        print(f"\nrecall, seed {SEED}: " + ", ".join(f"{name} {row['found']}" for name, row in rows.items()))
    for name in LOWER:
        assert rows[name]["pairs"] == PAIRS
        assert rows[name]["lower"] >= (0.84 if name == "excerpt of 10 %" else 0.9), (name, rows[name])
    assert rows["40 % of words"]["found"] < rows["20 % of words"]["found"]


def test_unrelated_texts_are_not(texts: list[Text]) -> None:
    """What packages say of themselves: hardly a pair of many hundred. (So few can't show the rate: the table does.)"""
    rows = false_positives([text for text in texts if text.owner not in ("library", "reference")], SEED)
    single = [row for row in rows.values() if not row["joined"]]
    assert sum(row["pairs"] for row in single) > 500
    assert sum(row["false"] for row in single) <= 0.01 * sum(row["pairs"] for row in single), rows


def test_an_excerpt_is_the_share_that_it_says() -> None:
    """So many of the letters and digits, in one piece, inside the other text, which is whole around it."""
    import random

    source, host = "ab cd, ef; gh ij " * 40, "XYZ " * 50
    for _ in range(20):
        made = excerpt(source, host, random.Random(secrets.randbits(32)), share=0.1)
        taken = "".join(char for char in made if char not in "XYZ")
        assert sum(char.isalnum() for char in taken) == 40
        assert taken.strip() in source
        assert sum(char in "XYZ" for char in made) == 150


def test_changed_words_are_the_share_that_it_says() -> None:
    """Words are replaced by chance, everything between them stays."""
    import random

    source = "one, two; " * 5_000
    made = changed(source, ["new"], random.Random(SEED), share=0.2)
    assert abs(made.count("new") / 10_000 - 0.2) < 0.02
    assert [char for char in made if not char.isalnum()] == [char for char in source if not char.isalnum()]


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_recall_is_what_is_asked(shared_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of two thousand pairs, of a seed that is drawn and printed: the lower bound is what the issue asks."""
    folder = shared_dir / "real" / "outputs"
    if not folder.is_dir():
        pytest.skip(f"no real outputs at {folder}")
    seed = secrets.randbelow(2**32)
    texts = joined_answers(folder, seed)
    assert len(texts) >= 1_000
    rows = Recall(texts, seed).rows(PAIRS_LONG)
    with capsys.disabled():
        print(f"\nrecall, seed {seed}, {len(texts)} texts: {json.dumps(rows, indent=1)}")
    for name, least in LOWER.items():
        assert float(wilson(rows[name]["found"], rows[name]["pairs"], upper=False)) >= least, name
