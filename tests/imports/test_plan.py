"""What of a reading is logged: what is new or changed, whatever the order, and never the same twice."""

import pytest

from node.imports.model import AMBIGUOUS, REFUSED, REPLACED, Material, Note, Reading, SourceOf, TermsDraft
from node.imports.plan import CHANGED, NEW, UNCHANGED, make_plan, merge, present_descriptions, record_of
from node.imports.report import group_notes
from proofs.errors import RetryableError


def material(name: str, place: str = "line 1", *, sources: tuple[SourceOf, ...] = (), **fields) -> Material:
    """A data set with a title unless told."""
    return Material(name, "dataset", place, {"title": "t", **fields}, sources)


A, B = "pkg:generic/x/a", "pkg:generic/x/b"


def test_a_plan_is_what_the_log_lacks() -> None:
    """New, changed in any field, or said in the same words already."""
    reading = Reading(materials=[material(B, license="MIT"), material(A), material("doi:10.1234/x")])
    present = {
        A: record_of(material(A)), B: record_of(material(B, license="ISC")), "doi:10.1234/gone": {"kind": "description"}
    }  # fmt: skip
    plan = make_plan(reading, present)
    assert [(one.material.name, one.state) for one in plan.planned] == [
        ("doi:10.1234/x", NEW), (A, UNCHANGED), (B, CHANGED)
    ]  # fmt: skip
    assert [one.material.name for one in plan.to_log] == ["doi:10.1234/x", B]
    assert make_plan(reading, {one.material.name: one.record for one in plan.planned}).to_log == []


def test_what_a_new_description_no_longer_says_is_noted() -> None:
    """Fields and sources that the same curator gave before, and this file doesn't, are named with what they said."""
    first, second = SourceOf(B, "derived_from"), SourceOf("doi:10.1234/x", "contains")
    before = record_of(material(A, license="MIT", version="2", sources=(first, second)))
    reading = Reading(materials=[material(A, "line 9", version="3", sources=(second,))])
    make_plan(reading, {A: before})
    assert [(one.place, one.field, one.value, one.reason) for one in reading.notes] == [
        ("line 9", "license", "'MIT'", REPLACED), ("line 9", "sources", f"'derived_from {B}'", REPLACED)
    ]  # fmt: skip


def test_sources_come_in_one_order_each_once() -> None:
    """However the file lists them, the record is the same."""
    first, second = SourceOf(A, "derived_from"), SourceOf(B, "contains")
    one = record_of(material("pkg:generic/x/c", sources=(first, second)))
    assert one == record_of(material("pkg:generic/x/c", sources=(second, first, second)))
    assert one["sources"] == [{"asset": A, "as": "derived_from"}, {"asset": B, "as": "contains"}]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (Material("no name", "dataset", "line 7"), "name"),
        (Material(A, "data", "line 7"), "type"),
        (material(A, "line 7", title="\x1b[2J"), "title"),
        (material(A, "line 7", license="MIT OR"), "license"),
        (material(A, "line 7", aka=[B]), "aka"),
        (material(A, "line 7", sources=(SourceOf(B, "copied_from"),)), "sources.0.as"),
        (material(A, "line 7", root=b"x"), "items"),
    ],
)
def test_bad_material_is_refused_by_name_and_place(bad: Material, field: str) -> None:
    """What no record can be made of; the rest is planned."""
    reading = Reading(materials=[bad, material(B)])
    plan = make_plan(reading, {})
    assert ([one.material.name for one in plan.planned], plan.refused) == ([B], 1)
    (note,) = reading.notes
    assert (note.place, note.field, note.reason) == ("line 7", field, REFUSED)
    assert bad.name in note.value


def test_of_two_with_one_name_the_first_stands() -> None:
    """Said in the same words it is one; else the other is listed and left out."""
    reading = Reading(materials=[material(A), material(A, "line 2"), material(A, "line 3", title="else")])
    plan = make_plan(reading, {})
    assert [(one.material.place, one.record["title"]) for one in plan.planned] == [("line 1", "t")]
    assert plan.refused == 1
    assert [(note.place, note.reason, note.detail) for note in reading.notes] == [
        ("line 3", AMBIGUOUS, "line 1 describes it otherwise: that one was taken")
    ]


def test_several_files_are_one_reading() -> None:
    """With the file before each place; and cycles through several of them are seen."""
    first = Reading("f", [material(A, sources=(SourceOf(B, "derived_from"),))], [TermsDraft(A, "x", {})])
    second = Reading(
        "g", [material(B, sources=(SourceOf(A, "derived_from"),))], [], [Note("y", "f", "v", REFUSED, "d")]
    )
    whole = merge([("f", first), ("g", second)])
    assert [one.place for one in whole.materials] == ["f, line 1", "g, line 1"]
    assert (whole.terms[0].place, whole.notes[0].place) == ("f, x", "g, y")
    make_plan(whole, {})
    assert [(note.place, note.field) for note in whole.notes] == [("g, y", "f"), ("f, line 1", "cycle")]
    assert merge([("f", first)]) is first


def test_notes_are_summed_by_reason_and_field() -> None:
    """With the first places, each once, and the most frequent first."""
    made = [Note(f"line {at // 2}", field, "v", reason, "d") for at, (field, reason) in enumerate([
        ("a", AMBIGUOUS), ("b", REFUSED), ("a", REFUSED), ("a", REFUSED), ("a", AMBIGUOUS), ("a", REFUSED),
    ])]  # fmt: skip
    assert [(group.first.reason, group.first.field, group.count, group.places) for group in group_notes(made)] == [
        (AMBIGUOUS, "a", 2, ["line 0", "line 2"]), (REFUSED, "a", 3, ["line 1", "line 2"]),
        (REFUSED, "b", 1, ["line 0"]),
    ]  # fmt: skip


class Pages:
    """A node's answers to `Client.get`, one after the other."""

    class transport:
        url = "http://node.example"

    def __init__(self, *pages: dict) -> None:
        self.pages, self.asked = list(pages), []

    def get(self, path: str, **parameters: object) -> dict:
        """The next page."""
        self.asked.append(parameters["from_"])
        return self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]


def described(name: str, **fields) -> dict:
    """A row of a page."""
    return {"record": {"kind": "description", "at": 5, "name": name, **fields}}


def test_the_newest_description_of_each_name_counts() -> None:
    """Over all pages, in the log's order, without its time; other names and what is no row aside."""
    pages = Pages(
        {"records": [described(A, title="old"), described("pkg:generic/x/z"), 3, {"record": None}], "next": 9},
        {"records": [described(A, title="new"), {"record": {"kind": "asset", "name": A}}], "next": None},
    )
    assert present_descriptions(pages, bytes(32), {A, B}) == {A: {"kind": "description", "name": A, "title": "new"}}
    assert pages.asked == [0, 9]


def test_pages_without_an_end_are_refused() -> None:
    """A node that goes round in circles keeps nobody."""
    pages = Pages({"records": [], "next": 7})
    with pytest.raises(RetryableError, match="without an end"):
        present_descriptions(pages, bytes(32), {A})
    assert pages.asked == [0, 7]
    with pytest.raises(RetryableError, match="without an end"):
        present_descriptions(Pages({"records": [], "next": "x"}), bytes(32), {A})
