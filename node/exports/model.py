"""What a writer of a foreign format gets of the log, and what it gives back: bytes, and a list of what they can't say.

A writer is a pure function: no I/O, no clock. What it can't carry it lists as notes of node/imports/model.py with
reason NOT_CARRIED, so that nobody takes the file for the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from node.imports.model import Note
from proofs.manifest import Item


@dataclass(frozen=True, slots=True)
class ExportMaterial:
    """One asset or description as the log has it.

    `name`: the name under which the file speaks of it: a description's name; of an asset its external name (its
    oldest `aka`), or its own name where it has none. `record`: the fields of the `asset` or `description` record as
    decoded from the log (binaries as bytes, sources' refs as 40 bytes). `ref`: INDEX:HEX of that entry. `terms`: the
    fields of the terms in force (those inline in the asset as well), None where there are none; `terms_ref` the entry
    that they stand in. `owner`: hex of the party that owns the asset, None for a description; `owner_name` its name;
    `said_by`: name or hex of the party that signed a description. `source_names`: external names by INDEX:HEX for the
    sources that are assets of this log (what isn't in it is named as a note). `files`: the manifest where it is at
    hand; it must hash to the record's root.
    """

    name: str
    record: Mapping[str, object]
    ref: str | None = None
    terms: Mapping[str, object] | None = None
    terms_ref: str | None = None
    owner: str | None = None
    owner_name: str | None = None
    said_by: str | None = None
    source_names: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Item] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """`data`: the whole file. `notes`: what of the material it doesn't say, by field."""

    data: bytes
    notes: list[Note] = field(default_factory=list)
