"""The Data Provenance Collection: which name a row gets, who is meant by a free text, what is noted."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import FileError
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Material, Reading
from node.imports.plan import make_plan, record_of
from node.imports.provenance import read_provenance
from node.imports.provenancemodels import name_model
from node.imports.provenancenames import repository_of
from proofs.errors import InputError
from tests.imports.foreign import json_values, read_text

HUB = "https://huggingface.co/datasets/"
ALPACA = "pkg:huggingface/tatsu-lab/alpaca"


def row(id: str, **values: object) -> dict[str, object]:
    """A row with the fields that every one has."""
    return {
        "id": id, "name": id, "collection": f"{id} alone", "url": "", "hf_url": "", "creators": [], "licenses": [],
        "model_generated": [], "derived_from": [], "text_sources": [], "languages": [], "dialogs": None, **values,
    }  # fmt: skip


def read(*rows: object) -> Reading:
    """What the reader makes of these rows."""
    text = "".join(json.dumps(value) + "\n" for value in rows)
    return read_text(lambda path: read_provenance(path, place="f"), text, "f.jsonl")


def by_title(reading: Reading) -> dict[object, Material]:
    """The materials by their titles, which nobody shares."""
    found = {material.fields["title"]: material for material in reading.materials}
    assert len(found) == len(reading.materials)
    return found


def sources(reading: Reading, title: str) -> list[tuple[str, str]]:
    """The edges of the material with a title."""
    return [(source.name, source.relation) for source in by_title(reading)[title].sources]


def notes(reading: Reading, field: str) -> list[tuple[str, str]]:
    """Place and reason of the notes about a field."""
    return [(note.place, note.reason) for note in reading.notes if note.field == field]


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        (HUB + "tatsu-lab/alpaca", "tatsu-lab/alpaca"),
        ("https://hf.co/datasets/arbml/CIDAR", "arbml/CIDAR"),
        ("huggingface.co/datasets/Anthropic/hh-rlhf", "Anthropic/hh-rlhf"),
        (HUB + "xquad", "xquad"),
        (HUB + "xquad/viewer/default", "xquad"),
        (HUB + "THUDM/AgentInstruct/viewer/default/os", "THUDM/AgentInstruct"),
        (HUB + "laion/OIG/blob/main/a.jsonl?x=1", "laion/OIG"),
        ("https://huggingface.co/project-baize", ""),
        ("https://huggingface.co/datasets/winograd_wsc; https://github.com/x/y", ""),
        ("https://github.com/nomic-ai/gpt4all", ""),
        ("https://evil.example/huggingface.co/datasets/a/b", ""),
        (HUB, ""),
    ],
)
def test_addresses_of_the_hub(text: str, repository: str) -> None:
    """Whatever page of a repository, with a scheme or without; nothing else."""
    assert repository_of(text) == repository


def test_each_row_has_a_name_of_its_own() -> None:
    """The repository's where a row is alone there, by case-insensitive comparison; else with its id; an own address;
    else a name within the collection."""
    reading = read(
        row("a", hf_url=HUB + "org/one"),
        row("b/1", hf_url=HUB + "org/two"),
        row("b 2", hf_url="https://hf.co/datasets/ORG/Two/viewer"),
        row("c", url="https://c.example/data"),
        row("d", url="https://d.example/"),
        row("e", url="https://d.example/"),
        row("f f", url="missing"),
        row("g", url=HUB + "org/three"),
        row("h", hf_url="https://github.com/x/y"),
    )
    names = {title: material.name for title, material in by_title(reading).items()}
    assert names == {
        "a": "pkg:huggingface/org/one", "b/1": "pkg:huggingface/org/two#b%2F1", "b 2": "pkg:huggingface/ORG/Two#b%202",
        "c": "https://c.example/data", "d": "pkg:generic/data-provenance/d", "e": "pkg:generic/data-provenance/e",
        "f f": "pkg:generic/data-provenance/f%20f", "g": "pkg:huggingface/org/three",
        "h": "pkg:generic/data-provenance/h",
    }  # fmt: skip
    assert notes(reading, "url") == [("line 7", UNKNOWN)]
    assert notes(reading, "hf_url") == [("line 9", NOT_CARRIED)]
    assert by_title(reading)["c"].fields["uri"] == "https://c.example/data"


def test_two_data_sets_of_one_id_stay_two() -> None:
    """Told apart by a number, and listed, even where an id looks like such a number."""
    reading = read(row("a"), row("a"), row("a:2"), row("a", hf_url=HUB + "o/n"))
    assert [material.fields["title"] for material in reading.materials] == ["a", "a (3)", "a:2", "a (4)"]
    assert len({material.name for material in reading.materials}) == 4
    told = [(note.place, note.detail) for note in reading.notes if note.reason == AMBIGUOUS]
    assert told == [
        ("line 2", "line 1 has this id too, and says the same: this one is taken as a (3)"),
        ("line 4", "line 1 has this id too, and says something else: this one is taken as a (4)"),
    ]


def test_whom_a_free_text_means() -> None:
    """An address, an id, a name, a collection of one row: without case; what could be several stands for itself."""
    reading = read(
        row("alpaca", name="alpaca", collection="Alpaca", hf_url=HUB + "tatsu-lab/alpaca"),
        row("fc-snli", name="SNLI", collection="Flan"),
        row("fc-mnli", name="MNLI", collection="Flan"),
        row("two-1", hf_url=HUB + "org/two"),
        row("two-2", hf_url=HUB + "org/two"),
        row("own", url="https://own.example/x"),
        row("p", derived_from=["Alpaca"]),
        row("q", derived_from=["alpaca "]),
        row("r", derived_from=["huggingface.co/datasets/tatsu-lab/alpaca"]),
        row("s", derived_from=[HUB + "Tatsu-Lab/Alpaca"]),
        row("t", derived_from=["ALPACA  instructions dataset"]),
        row("u", derived_from=["SNLI", "snli dataset"]),
        row("v", derived_from=["Flan"]),
        row("w", derived_from=[HUB + "org/two", HUB + "org/else"]),
        row("x", derived_from=["http://own.example/x/", "https://else.example/y"]),
        row("y", derived_from=["Wang et al. 2010", "wang  et al. 2010", "Y"]),
    )
    for title in "pqrst":
        assert sources(reading, title) == [(ALPACA, "derived_from")], title
    generic = "pkg:generic/data-provenance/"
    assert [name for name, _ in sources(reading, "u")] == [generic + "snli", generic + "snli%20dataset"]
    assert [name for name, _ in sources(reading, "v")] == [generic + "flan"]
    assert [name for name, _ in sources(reading, "w")] == ["pkg:huggingface/org/two", "pkg:huggingface/org/else"]
    assert [name for name, _ in sources(reading, "x")] == ["https://own.example/x", "https://else.example/y"]
    assert [name for name, _ in sources(reading, "y")] == [generic + "wang%20et%20al.%202010"]
    assert notes(reading, "derived_from") == [
        ("line 11", GUESSED), ("line 12", AMBIGUOUS), ("line 12", AMBIGUOUS), ("line 13", AMBIGUOUS),
        ("line 14", AMBIGUOUS), ("line 16", UNKNOWN), ("line 16", UNKNOWN), ("line 16", AMBIGUOUS),
    ]  # fmt: skip
    assert by_title(reading)["Wang et al. 2010"].type == "dataset"
    assert reading.notes[-1].detail.startswith("its own name"), "y is not derived from itself"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("OpenAI GPT-3", "model:openai/gpt-3"), ("OpenAI GPT-3.5-turbo", "model:openai/gpt-3.5-turbo"),
        ("Google Cloud Translation API", "model:google/cloud-translation-api"),
        ("m-a-p/Kun-LabelModel", "pkg:huggingface/m-a-p/Kun-LabelModel"), ("Llama 13B", "model:meta-llama/llama-13b"),
        ("Command R+", "model:cohere/command-r+"), ("pplm_distil", "model:unknown/pplm_distil"),
    ],
)  # fmt: skip
def test_names_of_models(text: str, name: str) -> None:
    """The maker in front, lower case; one that no table knows is unknown."""
    assert name_model(text) == (name, "model:unknown/" not in name)


def test_models_are_described_and_what_is_none_is_noted() -> None:
    """A description of each model with the spelling that most rows use, and a title that no data set has."""
    reading = read(
        row("alpaca", model_generated=["OpenAI GPT-3", "templates", "Other"]),
        row("b", model_generated=["alpaca", "openai gpt-3", "OpenAI GPT-3"], derived_from=["alpaca"]),
        row("c", model_generated=["alpaca", "Nobody's"]),
    )
    models = {material.name: material.fields for material in reading.materials if material.type == "model"}
    assert models == {
        "model:openai/gpt-3": {"title": "OpenAI GPT-3"}, "model:tatsu-lab/alpaca": {"title": "alpaca (model)"},
        "model:unknown/nobody's": {"title": "Nobody's"},
    }  # fmt: skip
    assert sources(reading, "b") == [
        ("model:openai/gpt-3", "generated_by"), ("pkg:generic/data-provenance/alpaca", "derived_from")
    ]  # fmt: skip
    assert sources(reading, "c")[0] == ("model:tatsu-lab/alpaca", "generated_by")
    assert notes(reading, "model_generated") == [
        ("line 1", UNKNOWN), ("line 1", UNKNOWN), ("line 2", GUESSED), ("line 3", GUESSED), ("line 3", UNKNOWN)
    ]  # fmt: skip


def test_licences_that_apply_together_are_joined() -> None:
    """Each once, in one order; one that states nothing is none, one that nobody knows is kept by its name."""
    listed = [
        {"License": name, "License URL": url}
        for name, url in [
            ("OpenAI", "https://x.example"), ("CC BY-NC 4.0", "None"), ("OpenAI", ""), ("Unspecified", ""),
            ("Köln's own!", ""),
        ]
    ]  # fmt: skip
    reading = read(row("a", licenses=listed), row("b", licenses=[{"License": "Unspecified"}, "MIT", {}]))
    assert by_title(reading)["a"].fields["license"] == ("CC-BY-NC-4.0 AND LicenseRef-K-ln-s-own AND LicenseRef-OpenAI")
    assert "license" not in by_title(reading)["b"].fields
    assert Counter(notes(reading, "licenses")) == {("line 1", UNKNOWN): 2, ("line 2", UNKNOWN): 2}
    assert notes(reading, "licenses.License URL") == [("line 1", NOT_CARRIED)]


def test_bad_rows_are_listed_and_the_rest_is_taken() -> None:
    """No object, no id, no JSON, wrong types in every field."""
    reading = read_text(
        lambda path: read_provenance(path, place="f"),
        b'{"id": "a"}\n[1]\n{"id": 5}\n{"id": " "}\n{"id": "b", "id": "c"}\n\xff\n'
        b'{"id": "d", "licenses": {"a": 1}, "derived_from": "alpaca", "model_generated": [3, ""], "url": 7}\n',
        "f.jsonl",
    )
    assert [material.fields["title"] for material in reading.materials] == ["a", "d"]
    refused = [note.place for note in reading.notes if note.reason == REFUSED]
    assert refused == ["line 2", "line 3", "line 4", "line 5", "line 6", "line 7", "line 7"]
    assert [material.sources for material in reading.materials] == [(), ()]


def test_a_name_too_long_for_a_record_is_refused_alone() -> None:
    """The id's percent-encoded form counts; the other row stands."""
    reading = read(row("ä" * 400), row("b"))
    assert [material.fields["title"] for material in reading.materials] == ["b"]
    assert [(note.place, note.reason) for note in reading.notes if note.field == "name"] == [("line 1", REFUSED)]


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound on what is held."""
    monkeypatch.setattr("node.imports.provenance.ROWS_MAX", 2)
    with pytest.raises(Exception, match="f holds too many rows"):
        read(row("a"), row("b"), row("c"))


def test_cycles_are_kept_and_listed() -> None:
    """Two data sets that are said to be made from each other."""
    reading = read(row("a", derived_from=["b"]), row("b", derived_from=["c"]), row("c", derived_from=["a"]))
    plan = make_plan(reading, {})
    assert [len(one.material.sources) for one in plan.planned] == [1, 1, 1]
    (note,) = (note for note in reading.notes if note.field == "cycle")
    assert (note.place, note.reason) == ("line 1", AMBIGUOUS)


@settings(max_examples=200)
@given(st.lists(st.fixed_dictionaries({"id": st.sampled_from("abc") | json_values}, optional={
    name: json_values | st.lists(st.sampled_from(["a", "B", "alpaca", HUB + "o/n", "Other"]) | json_values, max_size=3)
    for name in ("name", "url", "hf_url", "collection", "licenses", "model_generated", "derived_from", "dialogs")
}), max_size=5))  # fmt: skip
def test_any_values_make_records_or_notes(rows) -> None:
    """Whatever stands in the fields: what is read makes records, no two of one name, and no error comes out."""
    reading = read(row("always"), *rows)
    assert len({material.name for material in reading.materials}) == len(reading.materials)
    for material in reading.materials:
        record_of(material)


def test_the_order_of_rows_changes_nothing() -> None:
    """But the numbers that tell rows of one id apart."""
    rows = [
        row("alpaca", hf_url=HUB + "o/alpaca"), row("b", derived_from=["Alpaca", "Snli"], model_generated=["bart"]),
        row("c", derived_from=["SNLI", "b"], model_generated=["BART"]), row("d", derived_from=["SNLI"]),
    ]  # fmt: skip
    expected = [one.record for one in make_plan(read(*rows), {}).planned]
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        assert [one.record for one in make_plan(read(*rows), {}).planned] == expected


def test_what_is_no_collection_is_refused(tmp_path: Path) -> None:
    """A file that can't be read as a whole, or that no line of is a row: of another format, or empty."""
    for text in ("", "{}\n", '{"name": "x"}\n{"name": "y"}\n'):
        (tmp_path / "other.jsonl").write_text(text)
        with pytest.raises(InputError, match="no row of the Data Provenance Collection"):
            read_provenance(str(tmp_path / "other.jsonl"), place="other.jsonl")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b'{"id": "a"}' * 100)[:-8])
    for name in ("cut.gz", "missing"):
        with pytest.raises(FileError, match=name):
            read_provenance(str(tmp_path / name), place=name)


def test_the_real_collection(real_collection: Path) -> None:
    """All of it, as counted by hand in the file: who hangs on alpaca, and which fields aren't carried."""
    rows = [json.loads(line) for line in gzip.decompress(real_collection.read_bytes()).splitlines()]
    reading = read_provenance(str(real_collection), place="f")
    titles = by_title(reading)
    assert {value["id"] for value in rows} <= titles.keys()
    assert len(rows) == 2311
    free = sum(
        material.name.startswith("pkg:generic/") and "uri" not in material.fields for material in titles.values()
    )
    assert len(rows) <= sum(material.type == "dataset" for material in titles.values()) <= len(rows) + free
    alpaca = titles["alpaca"]
    assert (alpaca.name, alpaca.fields["license"]) == (ALPACA, "CC-BY-NC-4.0 AND LicenseRef-OpenAI")
    assert sources(reading, "alpaca") == [("model:openai/gpt-3", "generated_by")]
    named = ("alpaca", "Alpaca", "Alpaca instructions dataset", HUB + "tatsu-lab/alpaca")
    by_hand = sorted(value["id"] for value in rows if set(named) & set(value["derived_from"]))
    hanging = sorted(
        str(title) for title, material in titles.items()
        if any((source.name, source.relation) == (ALPACA, "derived_from") for source in material.sources)
    )  # fmt: skip
    assert hanging == by_hand
    assert len(hanging) == 13
    with_edge = sum(any(text not in ("Other", "templates") for text in value["model_generated"]) for value in rows)
    made = sum(any(s.relation == "generated_by" for s in material.sources) for material in titles.values())
    assert with_edge - 5 <= made <= with_edge  # wikisql, SVM and the like apart
    carried = Counter(note.field for note in reading.notes if note.reason == NOT_CARRIED)
    for field in ("creators", "languages", "text_sources", "collection", "dialogs"):
        assert carried[field] == sum(value[field] not in (None, [], "", ["unknown"]) for value in rows), field
    urls = Counter(str(listed["License URL"]) for value in rows for listed in value["licenses"])
    nothing = sum(urls[text] for text in ("None", "", "Unspecified", "unknown"))
    assert (carried["licenses.License URL"], nothing) == (urls.total() - nothing, 635)
    assert not [note for note in reading.notes if note.reason == REFUSED]
    assert make_plan(reading, {}).refused == 0


def test_a_field_that_a_row_has_not_is_not_listed() -> None:
    """A note names what the file says: a row without a name isn't told that its name is lost."""
    reading = read({"id": "a"}, row("b", name=""), row("c", name="Harbour"))
    assert notes(reading, "name") == [("line 3", NOT_CARRIED)]


@pytest.mark.parametrize("nothing", [None, "", " ", "None", "Unspecified", "unknown"])
def test_nothing_in_any_field_is_not_listed(nothing: object) -> None:
    """Nulls, and texts that stand for one, aren't said to be left out, alone, in a list or in an object; beside
    something they are."""
    listed = [{"License": "MIT", "License URL": nothing, "more": nothing}]
    fields = {"dialogs": nothing, "more": {"a": [nothing]}, "url": nothing, "hf_url": nothing, "collection": nothing}
    lists = {"creators": [nothing], "model_generated": [nothing], "derived_from": [nothing]}
    reading = read(row("a", licenses=listed, **fields, **lists))
    assert (reading.notes, [made.sources for made in reading.materials]) == ([], [()])
    assert notes(read(row("a", creators=[nothing, "A. Harbour"])), "creators") == [("line 1", NOT_CARRIED)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (json.dumps(row("a")).encode("utf-16"), "is UTF-16"), (json.dumps(row("a")).encode("utf-16-le"), "is UTF-16"),
        (json.dumps(row("a")).encode("utf-16-be"), "is UTF-16"), (json.dumps(row("a")).encode("utf-32-le"), "UTF-32"),
        (json.dumps(row("a")).encode("utf-16") + b'\n{"id": "b"}\n', "is UTF-16"),
        (b'\n{"id": "\xe9"}\n{"id": "\xe9"}\n', "line 2, is not UTF-8: byte 0xe9 at offset 8"),
        (b'{"id": "a"}\n{"id": "\xe9"}\n', ""), (b'{"id": \n', "line 1, column 8: no JSON"),
    ],
)  # fmt: skip
def test_another_encoding_is_named(data: bytes, words: str) -> None:
    """A file of another encoding is refused as that, not as one without rows; one with rows keeps them and lists the
    lines that can't be read."""
    if words:
        with pytest.raises(FileError, match=words):
            read_text(lambda path: read_provenance(path, place="f"), data, "f.jsonl")
    else:
        reading = read_text(lambda path: read_provenance(path, place="f"), data, "f.jsonl")
        assert [(made.fields["title"], note.place) for made in reading.materials for note in reading.notes] == [
            ("a", "line 2")
        ]
