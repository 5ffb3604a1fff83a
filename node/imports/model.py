"""What any foreign format comes to before it is logged: materials, terms to publish, and what was not carried over.

A reader makes a `Reading` of a file; node/imports/plan.py compares it with the log and makes records of it. An importer
speaks for a curator: a material is described under an external name, it is never claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proofs.errors import excerpt

NOT_CARRIED = "not carried"
"""The format says it, and no field of a record can hold it."""
UNKNOWN = "unknown"
"""A value that nobody has heard of, as a licence; kept where something can hold it."""
AMBIGUOUS = "ambiguous"
"""It could mean several things, so none was taken."""
REFUSED = "refused"
"""It breaks a rule; the thing that it stands in is left out."""
GUESSED = "guessed"
"""Taken in the sense that the format most likely means; the note says which."""
REPLACED = "replaced"
"""The curator has said it before, and this file doesn't: a description takes the whole place of the one before."""
REASONS = (NOT_CARRIED, UNKNOWN, AMBIGUOUS, REFUSED, GUESSED, REPLACED)


@dataclass(frozen=True, slots=True)
class Note:
    """One thing of the file that was not, or not simply, carried over. `place`: where it stands, for people (`row 12`,
    `line 3`, `/recordSet/0/field/2`); `field`: the format's own name for it; `value`: an excerpt; `reason`: one of
    REASONS; `detail`: what was done and why."""

    place: str
    field: str
    value: str
    reason: str
    detail: str

    @classmethod
    def of(cls, place: str, field_name: str, value: object, reason: str, detail: str) -> Note:
        """With an excerpt of any value."""
        return cls(place, field_name, excerpt(value), reason, detail)


@dataclass(frozen=True, slots=True)
class SourceOf:
    """What a material was made from. `name`: an external name; `relation`: one of proofs.fields.RELATIONS."""

    name: str
    relation: str


@dataclass(frozen=True, slots=True)
class Material:
    """Something that a `description` can be made of. `name`: an external name; `type`: dataset, model, outputs or work;
    `fields`: further fields of a description as the record has them (title, version, license, uri, origin, modality,
    collected_from, …), checked by proofs.records when the record is made; `place`: where in the file it stands."""

    name: str
    type: str
    place: str
    fields: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[SourceOf, ...] = ()


@dataclass(frozen=True, slots=True)
class TermsDraft:
    """Terms that the format states for a material. `name`: its external name; `terms`: fields of a `terms` record
    except `asset`, as the record has them (money in nanos). Written as a terms file for the owner; logged only where
    the importer owns the asset that claims the name."""

    name: str
    place: str
    terms: Mapping[str, object]


@dataclass(slots=True)
class Reading:
    """What a file holds. `source`: what the file calls itself, for people."""

    source: str = ""
    materials: list[Material] = field(default_factory=list)
    terms: list[TermsDraft] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
