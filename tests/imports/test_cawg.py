"""CAWG's training and data mining assertion: what isn't allowed, of which work."""

import functools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from node.errors import FileError
from node.imports.cawg import read_cawg
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from tests.imports.foreign import (
    DATA,
    check_any,
    check_hostile_files,
    check_reading,
    notes,
    read_document,
    read_text,
    replaced,
)  # fmt: skip

NAME = "https://archive.example/works/9"
read = functools.partial(read_cawg, place="manifest.json")
read_named = functools.partial(read_cawg, place="manifest.json", name=NAME)
STORE = json.loads((DATA / "manifest-store.json").read_bytes())


@pytest.fixture(scope="module")
def reading() -> Reading:
    """The example."""
    return read(str(DATA / "manifest-store.json"))


def entries(**uses: object) -> dict[str, object]:
    """A bare assertion: use by entry, or the whole entry."""
    made = {f"cawg.{key}": use if isinstance(use, dict) else {"use": use} for key, use in uses.items()}
    return {"entries": made}


def test_the_active_manifest_counts(reading: Reading) -> None:
    """The asset's own manifest, not an ingredient's; its instance is the name where it is an address."""
    check_reading(reading)
    (made,) = reading.materials
    assert (made.name, made.type) == ("https://archive.example/works/7", "work")
    assert made.fields == {"title": "Herring at dawn", "media": "image/jpeg"}


def test_uses_that_are_not_allowed(reading: Reading) -> None:
    """Each entry forbids the uses that it allows one to do; constrained without a word counts as notAllowed, with words
    it asks for a grant and gives their address."""
    (draft,) = reading.terms
    assert draft.terms == {
        "offers": [], "prohibits": ["distill", "embed", "finetune", "index", "search", "train"], "needs_grant": True,
        "url": "https://archive.example/terms",
    }  # fmt: skip


def test_a_permission_is_no_offer(reading: Reading) -> None:
    """What is allowed has no price and no currency, so it is noted; so are other trainings, and words of others."""
    assert [note.reason for note in notes(reading, "cawg.ai_training")] == [NOT_CARRIED]
    assert [note.reason for note in notes(reading, "ai_generative_training and ai_training")] == [GUESSED]
    assert [note.reason for note in notes(reading, "example.printing")] == [NOT_CARRIED]
    assert [note.reason for note in notes(reading, "cawg.ai_inference")] == [GUESSED]
    assert [note.reason for note in notes(reading, "currency")] == [NOT_CARRIED]
    made = read_document(read_named, entries(data_mining="allowed"))
    assert (made.terms, len(made.materials)) == ([], 1)


@pytest.mark.parametrize(
    "document",
    [
        entries(data_mining="notAllowed"),
        {"label": "cawg.training-mining", "data": entries(data_mining="notAllowed")},
        {"assertions": [{"label": "cawg.training-mining__2", "data": entries(data_mining="notAllowed")}]},
        {"assertions": [{"label": "c2pa.training-mining", "data": {
            "entries": {"c2pa.data_mining": {"use": "notAllowed"}}}}]},
        {"assertion_store": {"cawg.training-mining": entries(data_mining="notAllowed")}},
        {"cawg.training-mining": entries(data_mining="notAllowed")},
        {"cawg.data_mining": {"use": "notAllowed"}},
        {"active_manifest": "m", "manifests": {"m": {"assertions": [
            {"label": "cawg.training-mining", "data": {"cawg.data_mining": {"use": "notAllowed"}}}]}}},
    ],
)  # fmt: skip
def test_every_form_of_it(document: object) -> None:
    """A store, one manifest, the detailed report, the bare assertion, and C2PA's own of 1.x say the same."""
    made = read_document(read_named, document)
    assert made.terms[0].terms["prohibits"] == ["embed", "index", "search"]
    assert made.terms[0].name == NAME


def test_constraints() -> None:
    """A licence in the words is the terms' licence; what is said twice counts as its stricter word."""
    made = read_document(read_named, entries(ai_training={"use": "constrained", "constraint_info": "CC BY-NC 4.0"}))
    assert made.terms[0].terms == {"offers": [], "needs_grant": True, "license": "CC-BY-NC-4.0"}
    twice = {"assertions": [
        {"label": "cawg.training-mining", "data": entries(ai_inference="notAllowed")},
        {"label": "cawg.training-mining__1", "data": entries(ai_inference="allowed")},
    ]}  # fmt: skip
    made = read_document(read_named, twice)
    assert made.terms[0].terms["prohibits"] == ["embed", "ground", "infer"]
    assert AMBIGUOUS in [note.reason for note in notes(made, "cawg.ai_inference")]


def test_an_entry_that_cant_be_read_forbids() -> None:
    """Who wrote something for a use didn't mean to be silent: it is refused by name, and the use with it."""
    made = read_document(read_named, entries(ai_inference="notallowed", data_mining={"use": 7}))
    assert [note.reason for note in notes(made, "cawg.ai_inference")] == [REFUSED]
    assert made.terms[0].terms["prohibits"] == ["embed", "ground", "index", "infer", "search"]


def test_findings_on_the_signature_are_said() -> None:
    """What the exporter found wrong is noted: no signature is checked here."""
    made = read_document(read_named, {**STORE, "validation_state": "Invalid"})
    assert [note.reason for note in notes(made, "validation_state")] == [UNKNOWN]


def test_which_asset() -> None:
    """Without a name that a record can hold nothing is made; the caller's goes before the manifest's."""
    with pytest.raises(FileError, match="which asset"):
        read_document(read, entries(data_mining="allowed"))
    with pytest.raises(FileError, match="'no name'"):
        read_document(functools.partial(read_cawg, place="x", name="no name"), entries(data_mining="allowed"))
    assert read_document(read_named, STORE).materials[0].name == NAME


@given(replaced(STORE))
@settings(deadline=None)
def test_any_value_in_any_place(document: object) -> None:
    """Whatever stands in a field: a reading that makes records, or a refusal that says what was expected."""
    for reader in (read, read_named):
        check_any(reader, json.dumps(document))


def test_hostile_files(tmp_path: Path) -> None:
    """Encodings, depth, names twice, numbers out of range and 100 MB are refused with the file's name."""
    check_hostile_files(read, tmp_path)
    for text in ("[]", "{}", '{"manifests": {}}', '{"assertions": []}', '{"entries": []}', "null"):
        with pytest.raises(FileError, match=r"manifest\.json"):
            read_text(read_named, text)
