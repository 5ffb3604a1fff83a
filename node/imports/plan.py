"""What of a reading is to be logged: the materials that the curator hasn't described yet, or described otherwise.

What is described already is the node's word, asked for in pages, not name by name. A node that lies about it makes an
importer log a description once more, or leave one out; it can't make it say something else. Nothing here depends on
the order of the materials: a plan lists them by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from node.client import Client
from node.errors import NetworkError
from node.imports.cycles import note_cycles
from node.imports.drafting import Drafts
from node.imports.foreignnames import same_name
from node.imports.model import AMBIGUOUS, REFUSED, REPLACED, Material, Note, Reading
from proofs import codec
from proofs.errors import InputError
from proofs.jsonform import to_json
from proofs.records import make_body

PAGE_RECORDS = 1000
PAGES_MAX = 100_000

NEW, CHANGED, UNCHANGED = "new", "changed", "unchanged"


@dataclass(frozen=True, slots=True)
class Planned:
    """A material with its record. `record`: a description in JSON form, without `at`; `state`: NEW, CHANGED or
    UNCHANGED."""

    material: Material
    record: dict[str, Any]
    state: str


@dataclass(slots=True)
class Plan:
    """`planned`: every material that makes a record, by name; `refused`: how many make none, or came twice."""

    planned: list[Planned] = field(default_factory=list)
    refused: int = 0

    def of(self, state: str) -> list[Planned]:
        """Those in a state."""
        return [one for one in self.planned if one.state == state]

    @property
    def to_log(self) -> list[Planned]:
        """What is new or changed."""
        return [one for one in self.planned if one.state != UNCHANGED]


def merge(readings: list[tuple[str, Reading]]) -> Reading:
    """Several files as one, with the file before each place. One alone stays as it is."""
    if len(readings) == 1:
        return readings[0][1]
    whole = Reading(source=", ".join(file for file, _ in readings))
    for file, reading in readings:
        whole.materials += [
            Material(one.name, one.type, f"{file}, {one.place}", one.fields, one.sources) for one in reading.materials
        ]
        whole.terms += [type(one)(one.name, f"{file}, {one.place}", one.terms) for one in reading.terms]
        whole.notes += [
            Note(f"{file}, {one.place}", one.field, one.value, one.reason, one.detail) for one in reading.notes
        ]
    return whole


def make_plan(reading: Reading, present: dict[str, dict[str, Any]]) -> Plan:
    """Compare a reading with what its curator says on the log (`present_descriptions`).

    A material that no record can be made of, and a second one of a name that says something else, are left out and
    noted in the reading; the first of a name stands. Cycles are noted and stay.
    """
    plan = Plan()
    made: dict[str, tuple[Material, dict[str, Any]]] = {}
    for material in reading.materials:
        try:
            record = record_of(material)
        except InputError as error:
            detail = f"{error.detail}; expected {error.expected}" if error.expected else error.detail
            reading.notes.append(Note.of(material.place, error.field, material.name, REFUSED, detail))
            plan.refused += 1
            continue
        first = made.setdefault(material.name, (material, record))
        if first[1] != record:
            detail = f"{first[0].place} describes it otherwise: that one was taken"
            reading.notes.append(Note.of(material.place, "name", material.name, AMBIGUOUS, detail))
            plan.refused += 1
    for name in sorted(made):
        material, record = made[name]
        old = present.get(name)
        state = NEW if old is None else UNCHANGED if old == record else CHANGED
        plan.planned.append(Planned(material, record, state))
        if old is not None and state == CHANGED:
            reading.notes += _lost(material, old, record)
    note_cycles(Drafts(reading))
    return plan


def _lost(material: Material, old: dict[str, Any], record: dict[str, Any]) -> list[Note]:
    """What the description that is replaced said, and the new one doesn't."""
    detail = f"said of {material.name} before, not here: the new description takes the place of the old one"
    kept = record.get("sources", [])
    gone: list[tuple[str, Any]] = [(name, value) for name, value in old.items() if name not in record]
    gone = [one for one in gone if one[0] != "sources"]
    gone += [("sources", f"{one.get('as')} {one.get('asset')}") for one in old.get("sources", []) if one not in kept]
    notes = [Note.of(material.place, name, value, REPLACED, detail) for name, value in gone]
    if old.get("type") != record["type"]:
        other = f"{material.name} was a {old.get('type')}, and is a {record['type']} from here on"
        notes.append(Note.of(material.place, "type", old.get("type"), REPLACED, other + same_name(material.name)))
    return notes


def record_of(material: Material) -> dict[str, Any]:
    """The description of a material in JSON form, without `at`, judged by the record's rules; sources in one order
    whatever the file's. Raises InputError naming the field."""
    record: dict[str, Any] = {"kind": "description", "name": material.name, "type": material.type, **material.fields}
    if material.sources:
        sources = sorted({(source.name, source.relation) for source in material.sources})
        record["sources"] = [{"asset": name, "as": relation} for name, relation in sources]
    body = codec.decode(make_body({"at": 0, **record}), field="description")
    return _comparable(to_json(body))


def present_descriptions(client: Client, party: bytes, names: Collection[str]) -> dict[str, dict[str, Any]]:
    """The newest description that a party gave of each of these names, in JSON form without `at`; of what it hasn't
    described, nothing. Cost: a walk over the party's descriptions, a request for each 1,000. Raises as Client.get."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows_of(client, "/records", "records", kind="description", party=party.hex()):
        record = row.get("record")
        if isinstance(record, dict) and record.get("kind") == "description" and record.get("name") in names:
            found[record["name"]] = _comparable(record)
    return found


def rows_of(client: Client, path: str, field: str, **filters: str) -> Iterator[dict[str, Any]]:
    """The rows of all pages of a route; `field`: where a page has them. Raises as Client.get, and NetworkError where
    the pages don't go on or never end."""
    start: int | None = 0
    for _ in range(PAGES_MAX):
        page = client.get(path, **filters, from_=start, limit=PAGE_RECORDS)
        rows, following = page.get(field), page.get("next")
        yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        if following is None:
            return
        if type(following) is not int or following <= (start or 0):
            break
        start = following
    raise NetworkError(f"{client.transport.url} lists {field} without an end; is that a Usance node?")


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    """Without the time: what was said then and would be said now is the same."""
    return {name: value for name, value in record.items() if name != "at"}
