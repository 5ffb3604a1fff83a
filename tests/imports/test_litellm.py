"""litellm's price table: models, and terms with exact prices."""

import functools
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import FileError
from node.imports.litellm import read_litellm
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, Reading
from tests.imports.foreign import (
    DATA,
    check_any,
    check_hostile_files,
    check_reading,
    material,
    notes,
    read_document,
    read_text,
    replaced,
)  # fmt: skip

read = functools.partial(read_litellm, place="prices.json")
TABLE = json.loads((DATA / "prices.json").read_bytes())


@pytest.fixture(scope="module")
def reading() -> Reading:
    """The example."""
    return read(str(DATA / "prices.json"))


def offers(reading: Reading, name: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Price and per by use and unit."""
    terms = next(draft.terms for draft in reading.terms if draft.name == name)
    return {(o["use"], o["unit"]): (o["price"], o["per"]) for o in terms["offers"]}  # type: ignore[attr-defined]


def test_the_example_makes_records(reading: Reading) -> None:
    """Each model once, in lower case, without the provider twice, and the sample isn't one."""
    check_reading(reading)
    assert [made.name for made in reading.materials] == [
        "model:archive/herring-mini", "model:archive/herring-embed", "model:archive/1024-x-1024/herring-draw",
        "model:archive/herring-hear", "model:archive/herring-rank", "model:archive/herring-speak",
        "model:archive/herring-odd",
    ]  # fmt: skip
    assert material(reading, "model:archive/1024-x-1024/herring-draw").fields["modality"] == "image"


def test_prices_of_tokens(reading: Reading) -> None:
    """Input, output and cached tokens, in nanos of a dollar; where the prices stand is the terms' address."""
    assert offers(reading, "model:archive/herring-mini") == {
        ("infer", "input_token"): (150, 1), ("infer", "output_token"): (600, 1), ("infer", "cached_token"): (75, 1),
    }  # fmt: skip
    assert reading.terms[0].terms["currency"] == "USD"
    assert reading.terms[0].terms["url"] == "https://archive.example/prices"
    assert offers(reading, "model:archive/herring-embed")["embed", "input_token"] == (125, 1000)


def test_other_units_where_they_mean_one_thing(reading: Reading) -> None:
    """Images made, seconds of sound, queries; two equal prices of one unit are one."""
    assert offers(reading, "model:archive/1024-x-1024/herring-draw") == {("infer", "item"): (40_000_000, 1)}
    assert offers(reading, "model:archive/herring-hear") == {("infer", "second"): (100_000, 1)}
    assert offers(reading, "model:archive/herring-rank") == {("infer", "call"): (2_000_000, 1)}
    assert [note.reason for note in notes(reading, "input_cost_per_second, output_cost_per_second")] == [GUESSED]


def test_what_no_offer_can_hold_is_noted(reading: Reading) -> None:
    """Tiers and units that a ledger hasn't, each by its model and field; what is no price once, with its count."""
    for field in ("input_cost_per_token_batches", "input_cost_per_token_above_128k_tokens", "input_cost_per_character",
                  "cache_creation_input_token_cost"):  # fmt: skip
        (note,) = notes(reading, field)
        assert (note.reason, note.place) in (
            (NOT_CARRIED, "herring-mini"), (NOT_CARRIED, "herring-speak"),
        )  # fmt: skip
    assert notes(reading, "input_cost_per_character")[0].value == "'0.000015'"
    (note,) = notes(reading, "supports_vision")
    assert note.value == "'1 entries'"


def test_impossible_prices_are_refused_by_name(reading: Reading) -> None:
    """Negative, a text, too small for an offer: noted with model and field, the model is described all the same."""
    refused = {note.field for note in reading.notes if note.reason == REFUSED and note.place == "herring-odd"}
    assert refused == {"input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost"}
    assert "model:archive/herring-odd" not in [draft.name for draft in reading.terms]
    assert [note.place for note in notes(reading, "litellm_provider")] == ["no-provider"]


def test_different_prices_for_one_unit() -> None:
    """An asset has one price for a use and unit: of two different ones none is taken, and nothing beside is a price."""
    entry = {"litellm_provider": "a", "mode": "audio_speech", "input_cost_per_second": 1e-4}
    made = read_document(
        read, {"x": {**entry, "output_cost_per_second": 2e-4}, "y": {**entry, "output_cost_per_second": 0}}
    )
    assert [note.reason for note in made.notes if note.place == "x"] == [AMBIGUOUS]
    assert offers(made, "model:a/y") == {("infer", "second"): (100_000, 1)}
    assert [draft.name for draft in made.terms] == ["model:a/y"]


def test_nulls_say_nothing() -> None:
    """No price, source or size: nothing is told as left out, and the prices that are there are taken."""
    entry = {"litellm_provider": "openai", "input_cost_per_token": None, "source": "",
             "output_cost_per_token": 1, "max_tokens": None}  # fmt: skip
    found = read_document(read, {"a": entry})
    assert (found.notes, list(offers(found, "model:openai/a"))) == ([], [("infer", "output_token")])


def test_an_image_shown_is_no_image_made() -> None:
    """Where images made have a price of their own, the other is of images shown to the model, and no offer's."""
    entry = {"litellm_provider": "a", "mode": "image_generation", "input_cost_per_image": 0.001}
    made = read_document(read, {"x": {**entry, "output_cost_per_image": 0.1}, "y": entry})
    assert offers(made, "model:a/x") == {("infer", "item"): (100_000_000, 1)}
    assert [(note.place, note.reason) for note in notes(made, "input_cost_per_image")] == [("x", NOT_CARRIED)]
    assert offers(made, "model:a/y") == {("infer", "item"): (1_000_000, 1)}


def test_two_entries_of_one_name() -> None:
    """The second is noted and left out, its prices too."""
    made = read_document(
        read,
        {"X": {"litellm_provider": "a", "input_cost_per_token": 1e-6},
         "a/x": {"litellm_provider": "A", "input_cost_per_token": 2e-6}},
    )  # fmt: skip
    assert offers(made, "model:a/x") == {("infer", "input_token"): (1000, 1)}
    assert len(made.materials) == len(made.terms) == 1
    assert [(note.place, note.reason) for note in notes(made, "name")] == [("a/x", AMBIGUOUS)]


@given(st.decimals(0, 10, allow_nan=False, allow_infinity=False, places=14))
def test_a_price_in_the_file_is_the_price_in_the_terms(price: Decimal) -> None:
    """Through the file, in exponent form or not, never by way of a binary float."""
    for text in (f"{price:f}", f"{price:e}"):
        made = read_text(read, f'{{"x": {{"litellm_provider": "a", "input_cost_per_token": {text}}}}}')
        ((_key, (nanos, per)),) = offers(made, "model:a/x").items()
        assert Fraction(nanos, per) == Fraction(price) * 10**9


@given(replaced(TABLE))
@settings(deadline=None)
def test_any_value_in_any_place(document: object) -> None:
    """Whatever stands in a field: a reading that makes records, or a refusal that says what was expected."""
    check_any(read, json.dumps(document))


def test_hostile_files(tmp_path: Path) -> None:
    """Encodings, depth, names twice, numbers out of range and 100 MB are refused with the file's name."""
    check_hostile_files(read, tmp_path)
    for text in ("[]", "{}", '{"a": 1}', "null", '{"sample": {"mode": "chat"}}'):
        with pytest.raises(FileError, match=r"prices\.json is no price table"):
            read_text(read, text)


def test_a_source_or_mode_that_isnt_taken_is_listed() -> None:
    """Where an entry has no address, or no terms that could hold it; a mode that changes nothing is counted."""
    entry = {"litellm_provider": "a", "mode": "chat"}
    reading = read_document(read, {
        "b": {**entry, "input_cost_per_token": 1e-6, "source": "a book"}, "c": {**entry, "source": "https://a.example/"},
    })  # fmt: skip
    assert [note.value for note in notes(reading, "source")] == ["'a book'", "'https://a.example/'"]
    assert [note.value for note in notes(reading, "mode")] == ["'2 entries'"]
