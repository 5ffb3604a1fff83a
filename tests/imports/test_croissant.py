"""Croissant: each data set a description, exactly; what a record can't hold is listed by name and place."""

import functools
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import FileError
from node.imports.croissant import read_croissant
from node.imports.croissanttimes import MS_MAX, read_time, read_timeframe, show_time
from node.imports.datasetnames import best_name, page_of
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from proofs.errors import InputError
from proofs.manifest import Item, Manifest
from tests.imports.foreign import (
    DATA,
    check_any,
    check_hostile_files,
    check_reading,
    json_values,
    notes,
    read_document,
    replaced,
    sources,
)

read = functools.partial(read_croissant, place="croissant.json")
EXAMPLE: dict[str, Any] = json.loads((DATA / "quay.croissant.json").read_text())
URL = "https://a.example/set"
VERSION = "http://mlcommons.org/croissant/1.0"
FILES = [Item("data/arrivals.csv", 3, sha256(b"abc").digest()), Item("data/departures.csv", 0, sha256(b"").digest())]


def dataset(**fields: Any) -> dict[str, Any]:
    """A data set of these properties; `__` for a colon."""
    named = {name.replace("__", ":"): value for name, value in fields.items()}
    return {"@type": "sc:Dataset", "conformsTo": VERSION, "url": URL, **named}


def only(document: Any) -> tuple[dict[str, Any], Reading]:
    """The fields of the one data set."""
    reading = read_document(read, document)
    check_reading(reading)
    (made,) = reading.materials
    return dict(made.fields), reading


def file(item: Item, **more: Any) -> dict[str, Any]:
    """A file of a distribution."""
    return {
        "@type": "cr:FileObject", "@id": item.path, "contentUrl": item.path, "contentSize": f"{item.size} B",
        "encodingFormat": "text/csv", "sha256": item.sha256.hex(), **more,
    }  # fmt: skip


def test_a_whole_document() -> None:
    """Name, licence, version, dates, origin, media, manifest and sources become a description; the rest is listed."""
    reading = read(str(DATA / "quay.croissant.json"))
    check_reading(reading)
    (made,) = reading.materials
    assert (made.name, made.type) == ("pkg:huggingface/harbour/quay-logs", "dataset")
    assert made.fields == {
        "title": "Quay logs", "version": "1.20", "license": "CC-BY-SA-4.0", "media": "text/csv", "origin": "crawled",
        "uri": "https://huggingface.co/datasets/harbour/quay-logs",
        "collected_from": read_time("2024-05-01T00:00:00Z", is_end=False),
        "collected_until": read_time("2025-04-30T23:59:59.999Z", is_end=True),
        "root": Manifest(FILES).root, "items": 2, "bytes": 3,
    }  # fmt: skip
    assert sources(made) == [
        ("derived_from", "https://harbour.example/books"), ("derived_from", "doi:10.5281/zenodo.1234567"),
        ("derived_from", "pkg:huggingface/harbour/tides"), ("generated_by", "pkg:huggingface/Harbour/Scribe-7B"),
    ]  # fmt: skip
    for field in (
        "sameAs", "prov:wasDerivedFrom", "description", "creator", "datePublished", "citeAs", "isLiveDataset",
        "rai:dataCollection", "recordSet",
    ):  # fmt: skip
        assert [note.reason for note in notes(reading, field)] == [NOT_CARRIED], field
    assert [note.reason for note in notes(reading, "usageInfo")] == [NOT_CARRIED, NOT_CARRIED]
    assert reading.terms == []


def test_nulls_say_nothing() -> None:
    """A null is no value, alone or in a list, under a property that is read or not: nothing is told as left out."""
    fields = dict.fromkeys(("identifier", "license", "version", "distribution", "encodingFormat", "usageInfo"))
    lists = {key: [None] for key in ("hasPart", "isBasedOn", "sameAs", "rai__dataCollectionType")}
    made, reading = only(dataset(name="x", creator=None, description="", **fields, **lists))
    assert (reading.notes, made) == ([], {"title": "x"})


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["https://huggingface.co/datasets/org/set"], "pkg:huggingface/org/set"),
        (["https://a.example/x", "https://huggingface.co/datasets/set"], "pkg:huggingface/set"),
        (["10.5281/zenodo.12"], "doi:10.5281/zenodo.12"),
        (["doi:10.5281/ZENODO.12"], "doi:10.5281/zenodo.12"),
        (["DOI: 10.1002/(SICI)1097-AB"], "doi:10.1002/(sici)1097-ab"),
        (["doi:10.5555/x%28"], "doi:10.5555/x%28"),
        (["http://dx.doi.org/10.1002/%28SICI%291097-Ab"], "doi:10.1002/(sici)1097-ab"),
        (["https://doi.org/10.5555/x%20Y"], "doi:10.5555/x%20y"),
        (["https://doi.org/10.5555/É"], "doi:10.5555/É"),
        (["https://doi.org/10.5281/zenodo.12", "https://a.example"], "doi:10.5281/zenodo.12"),
        (["https://huggingface.co/datasets/org/set", "pkg:generic/x/y"], "pkg:generic/x/y"),
        (["a local number", "https://b.example/x"], "https://b.example/x"),
        (["urn:x:y", "ftp://a.example", ""], None),
    ],
)
def test_the_best_name_is_taken(texts: list[str], name: str | None) -> None:
    """One material, one name, whoever imports it: packages and DOIs before addresses."""
    assert best_name(texts)[0] == name


def test_a_page_leads_back_to_its_name() -> None:
    """Of every name that has one."""
    for name in ("pkg:huggingface/org/set", "pkg:huggingface/set@v1/a", "doi:10.5281/zenodo.12", "https://a.example/x"):
        page = page_of(name, "dataset")
        assert page is not None
        assert best_name([page])[0] == name
    assert page_of("pkg:huggingface/org/set@5f3c", "model") == "https://huggingface.co/org/set/tree/5f3c"
    for name in ("pkg:huggingface/org/set#part", "pkg:huggingface/org/set@main", "pkg:huggingface/org/set@5F3C" * 10):
        assert page_of(name, "dataset") is None
    assert page_of("model:openai/gpt-3", "model") is None


def test_a_models_page_is_not_a_data_sets() -> None:
    """By the type of what has the name; both lead back to it."""
    pages = [page_of("pkg:huggingface/org/Name", type) for type in ("model", "dataset", "outputs")]
    assert pages == ["https://huggingface.co/org/Name", *["https://huggingface.co/datasets/org/Name"] * 2]
    assert {best_name([page])[0] for page in pages if page} == {"pkg:huggingface/org/Name"}
    assert page_of("pkg:huggingface/gpt2", "model") == "https://huggingface.co/gpt2"
    assert page_of("pkg:huggingface/docs", "model") is None


def test_a_data_set_without_a_name_is_listed() -> None:
    """And the others of the document are taken."""
    graph = [
        {"@type": "Dataset", "name": "nameless"}, {"@type": "Dataset", "url": URL},
        {"@type": "Dataset", "url": URL, "name": "again"}, {"@type": "Person"}, 7,
    ]  # fmt: skip
    reading = read_document(read, {"@graph": graph})
    check_reading(reading)
    assert [(made.name, made.place) for made in reading.materials] == [(URL, "/@graph/1")]
    assert [(note.reason, note.place) for note in notes(reading, "name")] == [
        (REFUSED, "/@graph/0"), (AMBIGUOUS, "/@graph/2"),
    ]  # fmt: skip
    assert [note.place for note in notes(reading, "@type")] == ["/@graph/3"]
    assert len(notes(reading, "conformsTo")) == 1


@pytest.mark.parametrize(
    "context",
    [
        None, "https://schema.org/", {"@vocab": "http://schema.org/", "cr": "http://mlcommons.org/croissant/"},
        {"s": "https://schema.org/", "p": "http://www.w3.org/ns/prov#"}, ["https://schema.org/", {"x": "y"}], 7,
    ],
)  # fmt: skip
def test_names_mean_the_same_under_any_prefix(context: Any) -> None:
    """Prefixes are declared, usual or spelt out; a context that is an address is not fetched."""
    short = {"s": "s:", "p": "p:"} if isinstance(context, dict) and "s" in context else {"s": "", "p": "prov:"}
    written = {
        "@context": context, "@type": "https://schema.org/Dataset", f"{short['s']}url": URL, "sc:version": "2",
        "http://schema.org/license": "MIT", "dct:conformsTo": [VERSION],
        f"{short['p']}wasDerivedFrom": {"@id": "https://b.example/"},
    }  # fmt: skip
    fields, reading = only(written)
    assert fields == {"version": "2", "license": "MIT"}
    assert sources(reading.materials[0]) == [("derived_from", "https://b.example/")]
    assert reading.notes == []


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        ("https://spdx.org/licenses/Apache-2.0.html", "Apache-2.0"), ("MIT", "MIT"), ("CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ({"@type": "CreativeWork", "url": "https://creativecommons.org/licenses/by/4.0/"}, "CC-BY-4.0"),
        ({"@type": "CreativeWork", "name": "LicenseRef-own"}, "LicenseRef-own"), ({"@id": "MIT"}, "MIT"),
        (["MIT", "https://creativecommons.org/publicdomain/zero/1.0/"], "MIT AND CC0-1.0"),
        (["MIT OR Apache-2.0", "MIT"], "(MIT OR Apache-2.0) AND MIT"), ([], None), ("unknown", None), (7, None),
    ],
)  # fmt: skip
def test_licences(value: Any, expression: str | None) -> None:
    """By name, id, address or object; several at once are all of them."""
    fields, _ = only(dataset(license=value))
    assert fields.get("license") == expression


def test_a_licence_that_nobody_knows_is_kept_and_listed() -> None:
    """As a reference of its name."""
    fields, reading = only(dataset(license="The Harbour Licence"))
    assert str(fields["license"]).startswith("LicenseRef-")
    assert [note.reason for note in notes(reading, "license")] == [UNKNOWN]


def test_a_manifest_is_made_only_where_it_is_exact() -> None:
    """Of paths, sizes and hashes that all stand there; else the reason is listed."""
    root = {"root": Manifest(FILES).root, "items": 2, "bytes": 3, "media": "text/csv"}
    good = [file(item) for item in FILES]
    assert only(dataset(distribution=good))[0] == root
    inner = {"@type": "cr:FileSet", "containedIn": {"@id": "x"}, "includes": "*", "encodingFormat": "text/csv"}
    assert only(dataset(distribution=[*good, inner]))[0] == root
    for bad in (
        {"contentSize": "3 KB"}, {"contentSize": "3.0"}, {"contentSize": None}, {"sha256": "abc"}, {"sha256": 7},
        {"contentUrl": "https://a.example/x.csv"}, {"contentUrl": "../x"}, {"contentUrl": "/x"}, {"contentUrl": None},
        {"@type": "cr:FileSet"}, {"contentUrl": FILES[1].path}, {"contentSize": "9" * 18},
    ):  # fmt: skip
        fields, reading = only(dataset(distribution=[file(FILES[0], **bad), file(FILES[1])]))
        if bad == {"contentSize": "9" * 18}:
            assert fields["bytes"] == int("9" * 18)
            continue
        assert "root" not in fields, bad
        assert [note.reason for note in notes(reading, "distribution")] == [NOT_CARRIED], bad
    huge = [file(Item(f"f{n}", 10**18 - 1, bytes(32))) for n in range(10)]
    assert "root" not in only(dataset(distribution=huge))[0]


def test_a_stated_root_must_be_that_of_the_files() -> None:
    """Neither is taken where they differ; a root without its figures is refused."""
    good = [file(item) for item in FILES]
    said = {"urn:usance:v1:root": Manifest(FILES).root.hex(), "usance:items": 2, "usance:bytes": 3}
    assert only({**dataset(distribution=good), **said})[0]["root"] == Manifest(FILES).root
    fields, reading = only({**dataset(distribution=good), **said, "usance:bytes": 4})
    assert "root" not in fields
    assert [note.reason for note in notes(reading, "usance:root")] == [AMBIGUOUS]
    for wrong in ({"usance:items": -1}, {"usance:bytes": 2**63}, {"usance:bytes": True}, {"usance:items": None}):
        fields, reading = only({**dataset(), **said, **wrong})
        assert "root" not in fields
        assert [note.reason for note in notes(reading, "usance:root")] == [REFUSED]


def test_times() -> None:
    """Dates are whole days, times are exact and in UTC; what is no time frame is refused by name."""
    frame = "rai__dataCollectionTimeframe"
    assert only(dataset(**{frame: "2024-05-01/.."}))[0] == {"collected_from": 1714521600000}
    assert only(dataset(**{frame: "../2024-05-01"}))[0] == {"collected_until": 1714521600000 + 86_399_999}
    day = {"collected_from": 1714521600000, "collected_until": 1714521600000 + 86_399_999}
    assert only(dataset(**{frame: "2024-05-01"}))[0] == day
    same = ["2024-05-01T02:00:00+02:00", "2024-05-01 23:59:59.9999"]
    assert only(dataset(**{frame: same}))[0] == day
    for bad in ("2024", "May 2024", ["2024-05-02", "2024-05-01"], ["1969-01-01", "2024-01-01"], ["a", "b", "c"],
                "2024-02-30", "10000-01-01", "a/b/c", "2024-05-01T25:00Z"):  # fmt: skip
        fields, reading = only(dataset(**{frame: bad}))
        assert fields == {}
        assert [note.reason for note in notes(reading, "rai:dataCollectionTimeframe")] == [REFUSED]


@given(st.integers(0, MS_MAX))
def test_a_time_is_read_as_it_was_written(ms: int) -> None:
    """To the millisecond, up to the year 9999."""
    assert read_time(show_time(ms), is_end=True) == ms
    assert read_timeframe([show_time(ms) + "/.."]) == (ms, None)


def test_times_before_the_epoch_are_refused() -> None:
    """No record can hold them."""
    with pytest.raises(InputError, match="before 1970"):
        read_time("1969-12-31T23:59:59.999Z", is_end=False)


def test_several_values_of_one_are_none() -> None:
    """A name in several languages, two versions: none is taken, and it is listed."""
    fields, reading = only(dataset(name=[{"@value": "a", "@language": "en"}, {"@value": "b"}], version=["1", "2"]))
    assert fields == {}
    assert [note.reason for note in reading.notes] == [AMBIGUOUS, AMBIGUOUS]
    assert only(dataset(name={"@value": "  Two\n lines "}))[0] == {"title": "Two lines"}


def test_what_a_record_cant_hold_is_refused_by_name() -> None:
    """And the rest of the data set is taken."""
    fields, reading = only(
        dataset(
            name="x" * 2000,
            version="1\u202e",
            encodingFormat="text",
            usance__origin="stolen",
            usance__iscc="no",
            usance__type="thing",
            license="MIT",
        )
    )
    assert fields == {"license": "MIT"}
    for field in ("name", "version", "encodingFormat", "usance:origin", "usance:iscc", "usance:type"):
        assert [note.reason for note in notes(reading, field)] == [REFUSED], field


def test_it_must_be_a_data_set() -> None:
    """A document of anything else is refused as a whole."""
    for document in ({}, [], 7, {"@type": "Person"}, {"@graph": []}, {"@graph": {"@type": "Thing"}}, [[]], None):
        with pytest.raises(FileError, match="no data set"):
            read_document(read, document)


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    """Other encodings, half a file, depth, a name twice, no numbers, 100 MB."""
    check_hostile_files(read, tmp_path)


@settings(max_examples=300)
@given(replaced(EXAMPLE))
def test_any_value_anywhere_ends_in_a_reading_or_a_refusal(document: Any) -> None:
    """Whatever stands in any place of a document: records can be made of what was read."""
    check_any(read, json.dumps(document))


@given(st.dictionaries(st.sampled_from(["license", "distribution", "isBasedOn", "usageInfo", "prov:wasGeneratedBy",
                                        "@context", "identifier", "rai:dataCollectionType"]), json_values))  # fmt: skip
def test_any_values_of_what_is_read(fields: dict[str, Any]) -> None:
    """The same, all at once."""
    check_any(read, json.dumps({**dataset(), **fields}))


def test_what_stays_a_guess_is_listed() -> None:
    """An origin from a word, a document that doesn't call itself Croissant."""
    fields, reading = only({"@type": "Dataset", "url": URL, "rai:dataCollectionType": ["Web Scraping"]})
    assert fields == {"origin": "crawled"}
    assert [note.reason for note in reading.notes] == [GUESSED, GUESSED]
    fields, reading = only(dataset(rai__dataCollectionType=["Web Scraping", "Surveys"]))
    assert fields == {}
    assert [note.reason for note in reading.notes] == [NOT_CARRIED]


def test_what_stands_within_is_listed() -> None:
    """Of sources, licences, activities and files: whatever is read of none of them."""
    document = dataset(
        license={"name": "MIT", "text": "on Sundays"},
        isBasedOn={"@id": "https://b.example/", "license": "MIT"},
        prov__wasGeneratedBy={"prov:label": "Writing", "prov:wasAssociatedWith": ["model:a/b", "A. Person"]},
        distribution=[file(FILES[0], md5="x"), file(FILES[1]), {"@type": "cr:FileSet", "containedIn": "a"}],
        encodingFormat="application/zip",
    )
    fields, reading = only(document)
    assert fields["root"] == Manifest(FILES).root
    for field in ("license/text", "isBasedOn/license", "prov:wasGeneratedBy/prov:label", "prov:wasGeneratedBy",
                  "distribution/md5", "distribution/containedIn", "distribution/encodingFormat"):  # fmt: skip
        assert [note.reason for note in notes(reading, field)] == [NOT_CARRIED], field
