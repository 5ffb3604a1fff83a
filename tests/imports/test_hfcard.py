"""Hugging Face cards: data sets and models by the headers of their README.md."""

import functools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import FileError
from node.imports.hfcard import read_hfcard
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from tests.imports.foreign import (
    DATA,
    check_any,
    check_reading,
    json_values,
    material,
    notes,
    read_text,
    sources,
)  # fmt: skip

read = functools.partial(read_hfcard, place="README.md", name="archive/harbour")
KEYS = (
    "license", "license_name", "license_link", "pretty_name", "model_name", "source_datasets", "datasets", "base_model",
    "base_model_relation", "model-index", "tags", "dataset_info", "language",
)  # fmt: skip


def card(**header: str) -> str:
    """A card of these lines."""
    return "---\n" + "".join(f"{key.replace('__', '-')}: {value}\n" for key, value in header.items()) + "---\nWords.\n"


def only(reading: Reading) -> dict[str, object]:
    """The fields of the one material."""
    check_reading(reading)
    (made,) = reading.materials
    return dict(made.fields)


def test_a_data_set() -> None:
    """Name, licence, title, parents on the hub; what a description can't hold is noted by its key."""
    reading = read(str(DATA / "dataset-card.md"))
    assert only(reading) == {
        "title": "Harbour logs", "license": "CC-BY-NC-4.0", "origin": "synthetic", "modality": "text",
        "uri": "https://huggingface.co/datasets/archive/harbour",
    }  # fmt: skip
    made = material(reading, "pkg:huggingface/archive/harbour")
    assert made.type == "dataset"
    assert sources(made) == [
        ("derived_from", "pkg:huggingface/glue"), ("derived_from", "pkg:huggingface/archive/quay-logs"),
    ]  # fmt: skip
    for key in ("language", "size_categories", "annotations_creators", "dataset_info", "configs"):
        assert [note.reason for note in notes(reading, key)] == [NOT_CARRIED]
    assert [note.value for note in notes(reading, "language")] == ["['no', 'en']"]  # Norwegian, not False
    assert [note.reason for note in notes(reading, "source_datasets")] == [NOT_CARRIED, UNKNOWN]
    assert [note.reason for note in notes(reading, "tags")] == [GUESSED, NOT_CARRIED]


def test_a_model() -> None:
    """Base models are what it derives from, data sets what it was trained on, results what it was evaluated on."""
    reading = read(str(DATA / "model-card.md"))
    assert only(reading) == {
        "title": "archive/harbour", "license": "LicenseRef-harbour-terms-1.0",
        "uri": "https://huggingface.co/archive/harbour",
    }  # fmt: skip
    made = material(reading, "pkg:huggingface/archive/harbour")
    assert made.type == "model"
    assert sources(made) == [
        ("trained_on", "pkg:huggingface/archive/harbour-logs"), ("trained_on", "pkg:huggingface/squad"),
        ("derived_from", "pkg:huggingface/Archive/Sprat-7B"), ("derived_from", "pkg:huggingface/archive/kipper"),
        ("evaluated_on", "pkg:huggingface/archive/harbour-questions"),
    ]  # fmt: skip
    assert [note.reason for note in notes(reading, "license")] == [UNKNOWN]
    assert [note.value for note in notes(reading, "license_link")] == ["'https://archive.example/terms'"]
    assert [note.reason for note in notes(reading, "base_model_relation")] == [NOT_CARRIED]


@pytest.mark.parametrize(
    ("header", "license", "reasons"),
    [
        ({"license": "mit"}, "MIT", []), ({"license": "[mit, apache-2.0]"}, "MIT AND Apache-2.0", [GUESSED]),
        ({"license": "[mit, MIT]"}, "MIT", []), ({"license": "unknown"}, None, [UNKNOWN]),
        ({"license": "other"}, "LicenseRef-Other", [UNKNOWN]), ({"license": "cc"}, "LicenseRef-cc", [UNKNOWN]),
        ({"license": "other", "license_link": "https://creativecommons.org/licenses/by/4.0/"}, "CC-BY-4.0", []),
        ({"license": "other", "license_name": "Llama 2"}, "LicenseRef-Llama-2", []),
        ({"license": "2.0"}, None, [REFUSED]), ({"license": "no"}, "LicenseRef-no", [UNKNOWN]), ({}, None, []),
        ({"license": "[mit, {a: b}]"}, "MIT", [REFUSED]),
    ],
)  # fmt: skip
def test_licenses(header: dict[str, str], license: str | None, reasons: list[str]) -> None:
    """Known ones by their expression, several as all of them, unknown ones kept by their name and noted."""
    reading = read_text(read, card(**header), "README.md")
    assert only(reading).get("license") == license
    assert [note.reason for note in notes(reading, "license")] == reasons


def test_nulls_say_nothing() -> None:
    """Names without a value, and nulls and empty texts in lists: nothing is refused or told as left out."""
    text = "---\nlicense: null\nlanguage:\ntags: [null, '']\ndatasets: []\nbase_model: ''\nlibrary_name:\n---\n"
    found = read_text(read, text, "README.md")
    assert (found.notes, found.materials[0].sources) == ([], ())


def test_distilled_models() -> None:
    """A relation that says so makes it distilled from its base; one that nobody knows is noted."""
    made = read_text(read, card(base_model="Archive/Whale", base_model_relation="distillation"), "README.md")
    assert sources(made.materials[0]) == [("distilled_from", "pkg:huggingface/Archive/Whale")]
    made = read_text(read, card(base_model="Archive/Whale", base_model_relation="soup"), "README.md")
    assert sources(made.materials[0]) == [("derived_from", "pkg:huggingface/Archive/Whale")]
    assert [note.reason for note in notes(made, "base_model_relation")] == [UNKNOWN]


def place(folder: Path, *parts: str, text: str = card(license="mit", size_categories="n<1K")) -> str:
    """A card in folders of these names."""
    path = folder.joinpath(*parts)
    path.mkdir(parents=True)
    (path / "README.md").write_text(text, encoding="utf-8")
    return str(path / "README.md")


def test_whose_card_it_is(tmp_path: Path) -> None:
    """By the hub's cache, with its revision; by the folders, noted as a guess; by the caller's words before both."""
    revision = "0123456789abcdef0123456789abcdef01234567"
    path = place(tmp_path, "datasets--archive--harbour--logs", "snapshots", revision)
    (made,) = read_hfcard(path, place=path).materials
    assert (made.name, made.fields["version"]) == ("pkg:huggingface/archive/harbour--logs", revision)
    path = place(tmp_path, "models--Archive--Herring", "snapshots", revision)
    assert read_hfcard(path, place=path).materials[0].name == "pkg:huggingface/Archive/Herring"
    path = place(tmp_path, "archive", "harbour-logs")
    reading = read_hfcard(path, place=path)
    assert reading.materials[0].name == "pkg:huggingface/archive/harbour-logs"
    assert [note.reason for note in notes(reading, "name")] == [GUESSED]
    for name, external in (
        ("https://huggingface.co/datasets/a/b", "pkg:huggingface/a/b"), ("a/b", "pkg:huggingface/a/b"),
        ("https://huggingface.co/A/b", "pkg:huggingface/A/b"), ("pkg:generic/x/y", "pkg:generic/x/y"),
    ):  # fmt: skip
        assert read_hfcard(path, place=path, name=name).materials[0].name == external
    for name in ("a b", "", "a/b/c"):
        with pytest.raises(FileError) as refused:
            read_hfcard(path, place=path, name=name)
        assert refused.value.field == "--name"
    with pytest.raises(FileError, match="whose card"):
        read_hfcard(place(tmp_path, "a b", "c"), place="README.md")
    with pytest.raises(FileError, match="whose card"):  # folders of anything don't name a card
        read_hfcard(str(DATA / "dataset-card.md"), place="dataset-card.md")


def test_a_card_that_doesnt_say_what_it_is() -> None:
    """Neither a data set's fields nor a model's: taken as a data set, and noted."""
    reading = read_text(read, card(license="mit"), "README.md")
    assert reading.materials[0].type == "dataset"
    assert [note.reason for note in notes(reading, "name")] == [GUESSED]


def test_what_a_model_was_evaluated_on_has_a_name() -> None:
    """A result without a data set's name is noted, whatever its type."""
    reading = read_text(read, card(model__index="[{results: [{dataset: {name: x}}, 7]}]"), "README.md")
    assert [note.reason for note in notes(reading, "model-index")] == [AMBIGUOUS, AMBIGUOUS, NOT_CARRIED]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Words only", "no YAML header"), ("", "no YAML header"), ("---\nlicense: mit\n", "has no end"),
        ("---\n- a\n---\n", "no mapping"), ("---\nlicense: mit\nlicense: gpl\n---\n", "line 3"),
        ("---\na: &a [x, x]\nb: [*a, *a]\n---\n", "alias"), ("---\na: !!python/object:x.y {}\n---\n", "tag"),
        ("---\na: " + "[" * 5000 + "\n---\n", "nested too deep"), ("---\na: {\n---\n", "no YAML"),
        ("---\na: \x07\n---\n", "no YAML"),
    ],
)  # fmt: skip
def test_headers_that_cant_be_read(text: str, words: str) -> None:
    """Refused with the file's name and, where there is one, the line of the file."""
    with pytest.raises(FileError, match=words) as refused:
        read_text(read, text, "README.md")
    assert "README.md" in refused.value.detail


def test_hostile_files(tmp_path: Path) -> None:
    """Another encoding and 100 MB are refused; a mark at the beginning, other line ends and blank lines aren't."""
    for data, words in ((card(license="mit").encode("utf-16"), "UTF-16"), (b"---\na: \xe9\n---\n", "not UTF-8")):
        with pytest.raises(FileError, match=words):
            read_text(read, data, "README.md")
    large = tmp_path / "README.md"
    with large.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(FileError, match="104,857,600 bytes"):
        read(str(large))
    made = read_text(read, b"\xef\xbb\xbf\r\n---\r\nlicense: mit\r\n---\r\n", "README.md")
    assert only(made)["license"] == "MIT"


@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=6))
@settings(deadline=None)
def test_any_value_in_any_field(header: dict[str, object]) -> None:
    """Whatever stands in a field: a reading that makes records, or a refusal that says what was expected."""
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in header.items())
    check_any(read, f"---\n{lines}---\n", "README.md")


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_header(text: str) -> None:
    """Whatever stands between the dashes is read or refused."""
    if not any(0xD800 <= ord(sign) < 0xE000 for sign in text):
        check_any(read, f"---\n{text}\n---\n", "README.md")


def test_no_licence_name_is_lost() -> None:
    """Without `license` it is the licence; beside another one it is noted. So is a second title."""
    alone = read_text(read, card(license_name="llama3"))
    assert only(alone)["license"] == "LicenseRef-Llama-3"
    assert [note.reason for note in notes(alone, "license_name")] == [GUESSED]
    both = read_text(read, card(license="mit", license_name="super-nc", pretty_name="A", model_name="B"))
    assert only(both) == {**only(both), "license": "MIT", "title": "A"}
    assert [note.reason for note in notes(both, "license_name")] == [AMBIGUOUS]
    assert [note.reason for note in notes(both, "model_name")] == [NOT_CARRIED]
    many = read_text(read, card(license="[" + "mit, " * 65 + "]"))
    assert [note.reason for note in notes(many, "license")] == [REFUSED]
