"""JSON answers of the read routes: records, keys, parties and assets as section 3.1 writes them in JSON."""

from __future__ import annotations

from typing import Any

from ledger.query import Conflict, Query, Record
from ledger.state import KeyRow
from node.moneyviews import asset_extras, record_extras
from proofs.jsonform import to_json
from proofs.ref import Ref


def record(query: Query, found: Record) -> dict[str, Any]:
    """One record with what the log knows of it."""
    entry = found.entry
    return {
        "index": found.ref.index,
        "ref": str(found.ref),
        "leaf": found.ref.leaf.hex(),
        "status": found.status,
        "signer": {"key": entry.key.hex(), "party": found.party.hex()},
        "number": entry.number,
        "batch": {
            "first": entry.first,
            "count": entry.count,
            "position": entry.position,
            "size": entry.size,
            "root": entry.root.hex(),
            "signature": entry.signature.hex(),
        },
        "record": to_json(found.body),
        **record_extras(query, found.ref.index, str(found.body["kind"])),
    }


def key(query: Query, raw: bytes, row: KeyRow | None) -> dict[str, Any]:
    """A key's row; for an unknown key only its next number."""
    if row is None:
        return {"next": 0}
    return {
        "key": raw.hex(),
        "party": row.party.hex(),
        "role": row.role,
        "kinds": list(row.kinds),
        "status": query.state.key_status(row),
        "next": row.next,
        "bound": row.bound,
    }


def party(query: Query, raw: bytes) -> dict[str, Any] | None:
    """A party with its profile and keys (the first 1,000), or None."""
    row = query.state.party(raw)
    if row is None:
        return None
    profile = query.record(row.profile)
    body = to_json(profile.body)
    keys = []
    for _, member in zip(range(1000), query.state.party_keys(raw), strict=False):
        keys.append(key(query, member, query.state.key(member)))
    return {
        "party": raw.hex(),
        **{name: body[name] for name in ("name", "url", "contact") if name in body},
        "profile": str(profile.ref),
        "main": row.main.hex(),
        "ended": row.ended,
        "keys": keys,
    }


def asset_row(query: Query, index: int) -> dict[str, Any]:
    """An asset or description in a list."""
    found = query.record(index)
    row = query.state.asset(index)
    shown = to_json(found.body)
    return {
        "index": index,
        "ref": str(found.ref),
        "kind": found.body["kind"],
        "party": found.party.hex(),
        "retired": bool(row is not None and row.retired),
        **{name: shown[name] for name in ("type", "name", "title", "version", "license", "aka") if name in shown},
    }


def asset(query: Query, index: int) -> dict[str, Any] | None:
    """An asset or description, whole, with other assets of the same manifest root; None for another kind."""
    found = query.record(index)
    if found.body["kind"] not in ("asset", "description"):
        return None
    row = query.state.asset(index)
    answer: dict[str, Any] = {**asset_row(query, index), "record": to_json(found.body), "status": found.status}
    if row is not None and row.retired:
        answer["withdrawn_by"] = str(_ref(query, row.retired))
    if row is not None:
        answer.update(asset_extras(query, index))
    root = found.body.get("root")
    if row is not None and isinstance(root, bytes):
        same = query.assets(start=0, limit=100, root=root).indices
        answer["same_root"] = [str(_ref(query, other)) for other in same if other != index]
    return answer


def conflict(found: Conflict) -> dict[str, Any]:
    """A conflict: five signed lines and their signature."""
    return {
        "key": found.key.hex(),
        "lines": found.lines.decode(),
        "signature": found.signature.hex(),
        "first": found.first,
        "count": found.count,
    }


def _ref(query: Query, index: int) -> Ref:
    return Ref(index, query.reader.tree.leaf(index))
