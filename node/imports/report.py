"""What an import tells people and programs: counts, and what was not carried over, summed by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from node.imports.model import REASONS, Note, Reading
from node.imports.plan import CHANGED, NEW, UNCHANGED, Plan

FORMAT = "usance/import/v1"
PLACES_SHOWN = 3
_NO_VALUES = ("", "''", "None")
"""Where something is missing, there is no value to show."""


@dataclass(slots=True)
class NoteGroup:
    """Notes of one reason and field. `places`: the first ones; `first`: the first note."""

    first: Note
    count: int
    places: list[str]


def group_notes(notes: Iterable[Note]) -> list[NoteGroup]:
    """By reason in the order of REASONS, in each by count, largest first."""
    groups: dict[tuple[str, str], NoteGroup] = {}
    for note in notes:
        group = groups.setdefault((note.reason, note.field), NoteGroup(note, 0, []))
        group.count += 1
        if len(group.places) < PLACES_SHOWN and note.place not in group.places:
            group.places.append(note.place)
    order = {reason: at for at, reason in enumerate(REASONS)}
    return sorted(groups.values(), key=lambda g: (order.get(g.first.reason, 99), -g.count, g.first.field))


def summary(format: str, files: list[str], reading: Reading, plan: Plan) -> dict[str, Any]:
    """The counts and grouped notes of an import, before or after it was logged."""
    return {
        "format": FORMAT,
        "import": format,
        "files": files,
        "materials": len(plan.planned),
        "types": dict(sorted(Counter(one.material.type for one in plan.planned).items())),
        "new": len(plan.of(NEW)),
        "changed": len(plan.of(CHANGED)),
        "unchanged": len(plan.of(UNCHANGED)),
        "left_out": plan.refused,
        "notes": [
            {
                "reason": group.first.reason, "field": group.first.field, "count": group.count, "places": group.places,
                "value": group.first.value, "detail": group.first.detail,
            }
            for group in group_notes(reading.notes)
        ],
    }  # fmt: skip


def whole(format: str, files: list[str], reading: Reading, plan: Plan) -> dict[str, Any]:
    """`summary`, every material with what became of it, and every note."""
    return {
        **summary(format, files, reading, plan),
        "described": [
            {"name": one.material.name, "place": one.material.place, "state": one.state, "record": one.record}
            for one in plan.planned
        ],
        "all_notes": [
            {"place": note.place, "field": note.field, "value": note.value, "reason": note.reason,
             "detail": note.detail}
            for note in reading.notes
        ],
    }  # fmt: skip


def note_rows(notes: Iterable[Note]) -> list[tuple[str, ...]]:
    """The groups as rows for a person: reason, field, count, places, and what the first one says."""
    return [
        (
            group.first.reason, group.first.field or "(all of it)", f"{group.count:,}",
            ", ".join(group.places) + (", …" if group.count > len(group.places) else ""),
            group.first.detail if group.first.value in _NO_VALUES else f"{group.first.value}: {group.first.detail}",
        )
        for group in group_notes(notes)
    ]  # fmt: skip
