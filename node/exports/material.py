"""What a writer of a licence or data set format gets of the log: one asset or description, its terms, its owner.

Entries are verified. Which terms are the newest, whether an asset was withdrawn, whose a key is and what a party is
called are the node's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.agents.inforce import terms_in_force
from node.client import Client, VerifiedEntry
from node.errors import ProblemError
from node.exports.model import ExportMaterial
from node.resolve import candidate, resolve
from proofs.errors import InputError, VerifyError, excerpt
from proofs.fields import is_text
from proofs.manifest import Item, Manifest
from proofs.ref import Ref, unpack_ref

LISTED_MAX = 100


def find_material(client: Client, text: str, *, manifest: Manifest | None = None) -> ExportMaterial:
    """The one material that an ASSET argument means. `manifest`: of its files. Raises InputError where there is none or
    several, or the manifest is another's; and as Client.entry."""
    found = resolve(client, text)
    entry = found.entry if found.entry is not None else _described(client, text)
    record = {name: value for name, value in entry.body.items() if name not in ("kind", "at")}
    files: Sequence[Item] = ()
    if manifest is not None:
        if manifest.root != record.get("root"):
            raise InputError(
                f"{excerpt(text)} has another manifest root than {manifest.root.hex()}", field="--manifest",
                expected="the manifest of this asset",
            )  # fmt: skip
        files = manifest.items
    party = _party_of(client, entry)
    names = _source_names(client, record)
    if entry.body["kind"] == "description":
        said_by = _name_of(client, party) or party
        return ExportMaterial(
            str(record["name"]), record, ref=str(entry.ref), said_by=said_by, source_names=names, files=files
        )
    # An asset that was withdrawn is offered no more, whatever its last terms say.
    retired = bool(client.get(f"/assets/{entry.ref}").get("retired"))
    terms = None if retired else terms_in_force(client, entry.ref)
    return ExportMaterial(
        str((record.get("aka") or [record["name"]])[0]), record, ref=str(entry.ref),
        terms=None if terms is None else terms.fields, terms_ref=None if terms is None else str(terms.ref),
        owner=party, owner_name=_name_of(client, party), source_names=names, files=files,
    )  # fmt: skip


def _described(client: Client, name: str) -> VerifiedEntry:
    """The asset that alone claims an external name, else the newest description by the one party that describes it."""
    rows = [row for row in _rows(client, aka=name) if row["kind"] == "asset"]  # a withdrawn one claims nothing
    if not rows:
        newest: dict[str, dict[str, Any]] = {}
        for row in _rows(client, name=name):
            if row["kind"] == "description" and row.get("name") == name:
                newest[str(row.get("party"))] = max(row, newest.get(str(row.get("party")), row), key=_place)
        rows = list(newest.values())
    if not rows:
        raise InputError(
            f"nothing on this log claims or describes {excerpt(name)}", field="ASSET",
            expected="an asset or a description: `usance assets` lists them",
        )  # fmt: skip
    if len(rows) > 1:
        said = "; ".join(candidate(row) for row in rows[:8])
        raise InputError(f"{excerpt(name)} could mean: {said}", field="ASSET", expected="the index of one of them")
    entry = client.entry(_place(rows[0]))
    body = entry.body
    if name not in body.get("aka", ()) and (body["kind"] != "description" or body["name"] != name):
        raise VerifyError(f"the node answers {excerpt(name)} with entry {entry.ref.index}, which doesn't say it")
    return entry


def _rows(client: Client, **filters: str) -> list[dict[str, Any]]:
    """The first of what the node lists; the entries are verified where they count."""
    listed = client.get("/assets", limit=LISTED_MAX, **filters).get("assets")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return [row for row in rows if type(row.get("index")) is int and row.get("kind") in ("asset", "description")]


def _place(row: dict[str, Any]) -> int:
    return int(row["index"])


def _party_of(client: Client, entry: VerifiedEntry) -> str:
    state = client.key_state(entry.entry.key)
    return (state.party or entry.entry.key).hex()


def _name_of(client: Client, party: str) -> str | None:
    try:
        name = client.get(f"/parties/{party}").get("name")
    except ProblemError:
        return None
    return name if isinstance(name, str) and is_text(name) else None


def _source_names(client: Client, record: dict[str, Any]) -> dict[str, str]:
    """External names of the sources that are assets of this log and claim one."""
    found: dict[str, str] = {}
    for source in record.get("sources", ()):
        if isinstance(source["asset"], bytes):
            ref: Ref = unpack_ref(source["asset"])
            entry = client.entry(ref.index)
            if entry.ref != ref:
                raise VerifyError(f"the log has another entry at {ref.index}", field="sources", expected=str(ref))
            names = entry.body.get("aka", ())
            if names:
                found[str(ref)] = names[0]
    return found
