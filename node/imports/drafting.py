"""A material in the making: what a description can hold is taken, and whatever can't be is noted, with its place.

A reader of a foreign format begins a `Draft` for each thing that the file tells of, puts in what it finds, whatever
type that is, and finishes it. What comes out makes a record: every field has been judged by the record's own rules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from node.imports.foreignnames import same_name
from node.imports.model import AMBIGUOUS, NOT_CARRIED, REFUSED, UNKNOWN, Material, Note, Reading, SourceOf
from node.imports.spdxlicenses import license_expression, license_ref
from proofs.errors import excerpt
from proofs.fields import LIST_MAX, is_external_name
from proofs.kinds import KINDS

NOTES_MAX = 100_000
"""Of one file: a hostile one could fill memory with them."""

SOURCES_BYTES_MAX = 40_000
"""Of a material's sources together: a record has 60,000 bytes."""
_SOURCE_FRAME_BYTES = 40  # of one source in a record, beside its name

SAYS_NOTHING = frozenset(("", "unknown", "none", "unspecified", "noassertion", "not specified", "n/a", "null"))
"""Words in place of a licence's name that state no licence."""

_EMPTY: tuple[object, ...] = (None, "", [], {})
_RULES = KINDS["description"].optional
_NAME_CHARS_MAX = 120


def shown(name: str) -> str:
    """A name out of a file as a message can show it: short, without control characters."""
    return name if name and name.isprintable() and len(name) <= _NAME_CHARS_MAX else excerpt(name)


class Drafts:
    """The materials of one file. Belongs to the thread that reads it. `reading`: where they and the notes go."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._places: dict[str, str] = {}  # of each name that was begun

    def note(self, place: str, foreign: str, value: object, reason: str, detail: str) -> None:
        """What was not, or not simply, carried over. `foreign`: the format's own name of it."""
        notes = self.reading.notes
        if isinstance(value, Decimal):
            value = str(value)  # the number, without Python's name of its type
        if len(notes) < NOTES_MAX:
            notes.append(Note.of(place, shown(foreign), value, reason, detail))
        elif len(notes) == NOTES_MAX:
            notes.append(Note.of(place, "", "", NOT_CARRIED, f"more than {NOTES_MAX:,} notes: the rest isn't listed"))

    def begin(self, name: str, type: str, place: str) -> Draft | None:
        """A material of this name; None, noted, where the name is none that a record can hold, or where an earlier
        material of the file has it: one name stands for one thing."""
        if not is_external_name(name):
            self.note(place, "name", name, REFUSED, "no external name: pkg:, http(s)://, doi:10. or model:")
            return None
        if name in self._places:
            self.note(place, "name", name, AMBIGUOUS, f"{self._places[name]} has this name: only that was taken")
            return None
        self._places[name] = place
        return Draft(self, name, type, place)


class Draft:
    """One material. `name`: an external name; `type`: dataset, model, outputs or work; `place`: where it stands."""

    def __init__(self, drafts: Drafts, name: str, type: str, place: str) -> None:
        self.name, self.type, self.place = name, type, place
        self.fields: dict[str, object] = {}
        self._drafts = drafts
        self._sources: dict[SourceOf, None] = {}
        self._sources_bytes = 0

    def note(self, foreign: str, value: object, reason: str, detail: str) -> None:
        """As Drafts.note, at this material's place."""
        self._drafts.note(self.place, foreign, value, reason, detail)

    def put(self, field: str, value: object, foreign: str) -> bool:
        """Take a value for a field of the description where the record's rule allows it; else it is noted. None is
        no value. Answers whether it was taken."""
        if value is None:
            return False
        rule = _RULES[field]
        if not rule.ok(value):
            self.note(foreign, value, REFUSED, f"{field} has to be {rule.expected}")
            return False
        self.fields[field] = value
        return True

    def add_source(self, name: str, relation: str, foreign: str) -> None:
        """What it was made from. Twice the same is one; what can't be a source is noted."""
        source = SourceOf(name, relation)
        if name == self.name:
            self.note(foreign, name, REFUSED, f"nothing is {relation} itself{same_name(name)}")
        elif not is_external_name(name):
            self.note(foreign, name, REFUSED, "no external name: pkg:, http(s)://, doi:10. or model:, without spaces")
        elif source not in self._sources:
            size = len(name.encode()) + _SOURCE_FRAME_BYTES
            if len(self._sources) == LIST_MAX or self._sources_bytes + size > SOURCES_BYTES_MAX:
                self.note(foreign, name, REFUSED, f"a description holds no more than {len(self._sources):,} of these")
                return
            self._sources[source] = None
            self._sources_bytes += size

    def leave_out(self, values: Mapping[str, Any], taken: Collection[str], detail: str = "no field holds it") -> None:
        """Note every name of a foreign object that the reader doesn't take. A null and an empty value say nothing."""
        for name, value in values.items():
            if name not in taken and value not in _EMPTY:
                self.note(name, value, NOT_CARRIED, detail)

    def finish(self) -> None:
        """Put the material into the reading."""
        made = Material(self.name, self.type, self.place, self.fields, tuple(self._sources))
        self._drafts.reading.materials.append(made)


def name_license(value: object) -> tuple[str | None, tuple[str, str] | None]:
    """The expression for a licence by any of its names, and what has to be noted of it: the reason and the detail."""
    if not isinstance(value, str):
        return None, (REFUSED, "a licence has to be a text")
    if value.strip().casefold() in SAYS_NOTHING:
        return None, (UNKNOWN, "it states no licence")
    expression = license_expression(value)
    if expression is not None:
        return expression, None
    made = license_ref(value)
    return made, (UNKNOWN, f"no licence that is known by this name: taken as {made}")
