"""A trace as JSON, `usance/lineage/v1` (docs/http.md): what the route answers, and what a command makes of a replay.

Records stand in it without what the edges and sums say better, or what only their owners need: sources, terms, prints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger.findings import finding_row
from ledger.lineage import Target
from ledger.state import State
from ledger.stored import party_of
from ledger.trace import EarnedSum, Link, Material, Trace, UseSum
from proofs.jsonform import to_json
from proofs.ref import Ref, unpack_ref

FORMAT = "usance/lineage/v1"
_LEFT_OUT = ("sources", "terms", "prints")


def lineage(state: State, found: Trace, *, size: int, leaf_at: Callable[[int], bytes]) -> dict[str, Any]:
    """The whole answer, from the tree of `size`."""
    return _View(state, leaf_at).show(found, size)


def material_id(target: Target) -> str:
    """An asset's leaf index in decimal, or the external name."""
    return target if isinstance(target, str) else str(target)


class _View:
    def __init__(self, state: State, leaf_at: Callable[[int], bytes]) -> None:
        self._state, self._leaf_at = state, leaf_at
        self._names: dict[bytes, str] = {}
        self._currencies: dict[int, str | None] = {}

    def show(self, found: Trace, size: int) -> dict[str, Any]:
        asked = found.asked
        answer: dict[str, Any] = {
            "format": FORMAT,
            "root": material_id(asked.root),
            "size": size,
            "since": asked.since,
            "direction": asked.direction if asked.party is None and asked.to is None else "up",
            "depth": asked.depth,
            "truncated": found.left_out,
            "nodes": [self._node(material) for material in found.materials],
            "edges": [self._edge(link) for link in found.links],
        }
        if asked.to is not None:
            answer["path"] = None if found.path is None else [material_id(target) for target in found.path]
        return answer

    def _name(self, party: bytes) -> str:
        name = self._names.get(party)
        if name is None:
            row = self._state.party(party)
            name = self._names[party] = "" if row is None else row.name
        return name

    def _ref(self, index: int) -> str:
        return str(Ref(index, self._leaf_at(index)))

    def _record(self, index: int) -> dict[str, Any]:
        body = {name: value for name, value in self._state.body(index).items() if name not in _LEFT_OUT}
        shown: dict[str, Any] = to_json(body)
        return shown

    def _node(self, found: Material) -> dict[str, Any]:
        target = found.target
        node: dict[str, Any] = {"id": material_id(target), "level": found.level}
        node.update(self._external(found) if isinstance(target, str) else self._asset(target))
        node["uses"] = [self._use(one, target) for one in found.uses]
        if isinstance(target, int):
            node["earned"] = [self._earned(one) for one in found.earned]
        node["disputes"] = [{"index": index, "target": at, "state": state} for index, at, state in found.disputes]
        node["findings"] = [self._finding(index) for index, _ in found.findings]
        node["findings_left_out"] = None if found.findings_left_out < 0 else found.findings_left_out
        node["claims_withdrawn"] = found.findings_withdrawn
        return node

    def _finding(self, index: int) -> dict[str, Any]:
        """A claim or a canary."""
        body, party = self._state.body(index), party_of(self._state.view, index)
        shown: dict[str, Any] = {
            "index": index, "kind": body["kind"], "party": party.hex(), "party_name": self._name(party),
        }  # fmt: skip
        if body["kind"] == "canary":
            return {**shown, "count": body["count"]}
        row = finding_row(self._state, index)
        what, value = next(iter(body["against"].items()))
        accused = None if row is None else row.accused
        return {
            **shown,
            "asset": str(unpack_ref(body["asset"]).index),
            "against": {what: str(unpack_ref(value).index) if what == "asset" else value.hex()},
            "accused": None if accused is None else self._name(accused),
        }

    def _asset(self, index: int) -> dict[str, Any]:
        state, row = self._state, self._state.asset(index)
        have = state.asset_terms(index)
        terms = None
        if have is not None:
            published = state.body(have.newest)
            fields: dict[str, Any] = dict(published["terms"]) if published["kind"] == "asset" else published
            terms = {"ref": self._ref(have.newest), "license": fields.get("license"), "currency": have.currency}
        return {
            "kind": "asset",
            "title": "" if row is None else f"{row.name}@{row.version}" if row.version else row.name,
            "ref": self._ref(index),
            "party": "" if row is None else row.party.hex(),
            "party_name": "" if row is None else self._name(row.party),
            "retired": row is not None and row.retired > 0,
            "record": self._record(index),
            "terms": terms,
        }

    def _external(self, found: Material) -> dict[str, Any]:
        descriptions: list[dict[str, Any]] = [
            {"index": index, "ref": self._ref(index), "party": author.hex(), "party_name": self._name(author),
             "record": self._record(index)}
            for author, index in found.described
        ]  # fmt: skip
        titles = [one["record"]["title"] for one in descriptions if "title" in one["record"]]
        return {
            "kind": "external",
            "title": titles[0] if titles else material_id(found.target),
            "descriptions": descriptions,
            "claimed_by": [str(asset) for asset in found.claimed_by],
        }

    def _currency(self, asset: int) -> str | None:
        if asset not in self._currencies:
            have = self._state.asset_terms(asset)
            self._currencies[asset] = None if have is None else have.currency
        return self._currencies[asset]

    def _use(self, found: UseSum, target: Target) -> dict[str, Any]:
        made = found.made
        return {
            "use": found.use, "status": found.status, "party": found.party.hex(), "party_name": self._name(found.party),
            "into": None if made is None else f"={made}" if isinstance(made, str) else str(made),
            "uses": found.uses, "charge": str(found.charge),
            "currency": self._currency(target) if isinstance(target, int) else None,
        }  # fmt: skip

    def _earned(self, found: EarnedSum) -> dict[str, Any]:
        shown = {
            "through": str(found.used), "payer": found.payer.hex(), "payer_name": self._name(found.payer),
            "currency": found.currency, "uses": found.lines, "amount": str(found.amount),
        }  # fmt: skip
        return {**shown, "credited": str(found.credited)} if found.credited else shown

    def _edge(self, found: Link) -> dict[str, Any]:
        return {
            "from": material_id(found.made),
            "to": material_id(found.source),
            "kind": "claim" if found.is_claim else "source",
            "relations": found.relations,
            "bps": found.bps,
            "said_by": [
                {"index": index, "party": author.hex(), "party_name": self._name(author)}
                for index, author in found.said_by
            ],
            "uses": [self._use(one, found.source) for one in found.uses],
            "earned": [self._earned(one) for one in found.earned],
        }
