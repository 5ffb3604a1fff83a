"""A material in the making: what a record can hold is taken, the rest is noted, within bounds."""

from decimal import Decimal

import pytest

from node.imports.drafting import NOTES_MAX, Draft, Drafts, name_license, shown
from node.imports.model import AMBIGUOUS, NOT_CARRIED, REFUSED, UNKNOWN, Reading
from proofs.fields import LIST_MAX
from tests.imports.foreign import check_reading


def begin(drafts: Drafts, name: str) -> Draft:
    """A draft that there has to be."""
    draft = drafts.begin(name, "dataset", "row 1")
    assert draft is not None
    return draft


def test_fields_by_the_records_own_rules() -> None:
    """What the rule of a field refuses is noted with what was expected; nothing is said of what isn't there."""
    reading = Reading()
    draft = begin(Drafts(reading), "pkg:generic/x/y")
    assert draft.put("title", "Harbour", "name")
    assert not draft.put("title", None, "name")
    for value in ("", "x" * 1025, "\x1b[2J", 7, ["Harbour"], True):
        assert not draft.put("title", value, "name")
    draft.finish()
    check_reading(reading)
    assert reading.materials[0].fields == {"title": "Harbour"}
    assert [note.reason for note in reading.notes] == [REFUSED] * 6
    assert "1 to 1,024 bytes" in reading.notes[0].detail


def test_sources_once_and_no_more_than_a_record_holds() -> None:
    """The same source twice is one; past a record's list the rest is noted."""
    reading = Reading()
    draft = begin(Drafts(reading), "pkg:generic/x/y")
    for number in range(LIST_MAX + 5):
        for _twice in range(2):
            draft.add_source(f"model:a/{number}"[:20], "trained_on", "datasets")
    draft.add_source("no name", "trained_on", "datasets")
    draft.finish()
    check_reading(reading)
    taken = len(reading.materials[0].sources)
    assert 500 < taken <= LIST_MAX
    assert len(reading.notes) == 2 * (LIST_MAX + 5 - taken) + 1


def test_names_of_materials() -> None:
    """Only external names, each once; the second says who has it."""
    reading = Reading()
    drafts = Drafts(reading)
    assert drafts.begin("no name", "dataset", "row 1") is None
    assert drafts.begin("model:a/b", "model", "row 2") is not None
    assert drafts.begin("model:a/b", "model", "row 3") is None
    assert [(note.place, note.reason) for note in reading.notes] == [("row 1", REFUSED), ("row 3", AMBIGUOUS)]
    assert "row 2" in reading.notes[1].detail


@pytest.mark.parametrize(
    ("value", "expression", "reason"),
    [
        ("mit", "MIT", ""), ("unknown", None, UNKNOWN), ("NOASSERTION", None, UNKNOWN), ("", None, UNKNOWN),
        ("Harbour terms!", "LicenseRef-Harbour-terms", UNKNOWN), ("§", "LicenseRef-unnamed", UNKNOWN),
        (7, None, REFUSED), (["mit"], None, REFUSED),
    ],
)  # fmt: skip
def test_licenses(value: object, expression: str | None, reason: str) -> None:
    """A known one is its expression; one that nobody knows keeps its name; words for none are none."""
    found, noted = name_license(value)
    assert (found, noted[0] if noted else "") == (expression, reason)


def test_notes_are_bounded_and_can_be_shown() -> None:
    """A file can't fill memory with notes, nor write to a terminal through the names in it; decimals are as written."""
    reading = Reading()
    drafts = Drafts(reading)
    drafts.note("row 1", "\x1b[2J", Decimal("1.5e-07"), NOT_CARRIED, "no field holds it")
    assert (reading.notes[0].field, reading.notes[0].value) == ("'\\x1b[2J'", "'1.5E-7'")
    for _ in range(NOTES_MAX + 10):
        drafts.note("row 2", "x", "y", NOT_CARRIED, "no field holds it")
    assert len(reading.notes) == NOTES_MAX + 1
    assert "the rest isn't listed" in reading.notes[-1].detail
    assert shown("x" * 500).endswith("\N{HORIZONTAL ELLIPSIS}")
    assert shown("ai_typeOfModel") == "ai_typeOfModel"


def test_what_says_nothing_is_not_told_as_left_out() -> None:
    """A null, an empty text, list or object under a name that no reader takes; False and 0 do say something."""
    reading = Reading(source="f")
    draft = begin(Drafts(reading), "pkg:generic/a")
    values = {"a": None, "b": "", "c": [], "d": {}, "e": False, "f": Decimal(0), "g": [None], "taken": "x"}
    draft.leave_out(values, ("taken",))
    assert [note.field for note in reading.notes] == ["e", "f", "g"]
