"""A lineage in W3C PROV, as PROV-JSON (W3C member submission of 2013-04-24; terms: PROV-DM).

What the log itself and the owners of assets say stands in the document: assets and external names are entities, parties
are agents, an asset is attributed to its owner. What a curator says stands apart: each description is a bundle of its
own, named by its record and attributed to its author, with the licence, the title and the sources that he names. So a
reader who merges all can still tell whose word it is, and nothing of a curator's reads as the owner's.

Names are in namespaces of our own, percent-encoded, so that no text of a log can end a name or begin another.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import quote

from node.imports.jsonld import USANCE
from node.lineage.graph import Edge, Graph, Node
from node.printable import safe_line
from proofs.amounts import show_amount

MADE_BY = ("trained_on", "generated_by", "distilled_from")
"""Relations of something that was done with the source: these have an activity, too."""
_DESCRIBED = ("title", "version", "license", "uri", "iscc", "origin", "modality", "media")

Records = dict[str, dict[str, Any]]


def prov_json(graph: Graph, *, origin: str) -> dict[str, Any]:
    """The document as JSON values. `origin`: of the log; names of its entries are under it. Every node is an entity and
    every edge a derivation (`alternateOf` for a claim), in the document or in the bundle of whoever says it."""
    log = f"{USANCE}log:{quote(origin, safe='')}:"
    writer = _Writer(graph)
    for node in graph.nodes:
        writer.node(node)
    for edge in graph.edges:
        writer.edge(edge)
    document: dict[str, Any] = {
        "prefix": {
            "usance": USANCE, "asset": f"{log}asset:", "record": f"{log}record:", "activity": f"{log}activity:",
            "name": f"{USANCE}name:", "party": f"{USANCE}party:", "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        **writer.own.value(),
    }  # fmt: skip
    bundles = {name: bundle.value() for name, bundle in sorted(writer.bundles.items())}
    return document | ({"bundle": bundles} if bundles else {})


def local_name(text: str) -> str:
    """Any text as the local part of a qualified name (PROV-N's PN_LOCAL), one to one: letters, digits, `_`, `-`, `/`,
    `@` and inner dots stay, everything else is percent-encoded."""
    plain = quote(text, safe="/@").replace("~", "%7E")
    if plain.startswith("."):
        plain = "%2E" + plain[1:]
    return plain[:-1] + "%2E" if plain.endswith(".") else plain


class _Container:
    """The records of a document or a bundle. Statements without a name get blank ones, unique in the whole."""

    def __init__(self, numbers: defaultdict[str, int]) -> None:
        self._records: dict[str, Records] = {}
        self._numbers = numbers

    def state(self, kind: str, fields: dict[str, Any]) -> None:
        self._numbers[kind] += 1
        self._records.setdefault(kind, {})[f"_:{kind}{self._numbers[kind]}"] = fields

    def has(self, kind: str, name: str) -> bool:
        return name in self._records.get(kind, {})

    def put(self, kind: str, name: str, fields: dict[str, Any]) -> None:
        self._records.setdefault(kind, {}).setdefault(name, {}).update(fields)

    def value(self) -> dict[str, Records]:
        return self._records


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self.own = _Container(self._numbers)
        self.bundles: dict[str, _Container] = {}

    def node(self, node: Node) -> None:
        name = self._name(node.id)
        if node.is_asset:
            self._asset(node, name)
        else:
            self.own.put("entity", name, {"usance:name": node.id})
            for said in node.descriptions:
                bundle = self._bundle(said.index, said.party, said.party_name)
                fields = {f"usance:{field}": said.record[field] for field in _DESCRIBED if field in said.record}
                bundle.put("entity", name, {"prov:type": _term(str(said.record["type"])), **fields})
        for use in node.uses:
            self._numbers["use"] += 1
            activity = f"activity:use/{self._numbers['use']}"
            fields = {
                "prov:type": _term(use.use), "usance:status": use.status, "usance:uses": _integer(use.uses),
                "usance:into": use.into,
                "usance:charge": show_amount(use.charge, use.currency) if use.currency else None,
            }  # fmt: skip
            self.own.put("activity", activity, {key: value for key, value in fields.items() if value is not None})
            self.own.state("used", {"prov:activity": activity, "prov:entity": name})
            party = self._party(use.party, use.party_name)
            self.own.state("wasAssociatedWith", {"prov:activity": activity, "prov:agent": party})

    def _asset(self, node: Node, name: str) -> None:
        fields: dict[str, Any] = {
            "prov:type": _term(str(node.record["type"])), "prov:label": safe_line(node.title), "usance:ref": node.ref,
            **{f"usance:{field}": node.record[field] for field in _DESCRIBED if field in node.record},
        }  # fmt: skip
        if node.declared:
            fields["usance:license"] = list(node.declared)
        if node.retired:
            fields["usance:retired"] = True
        if node.earned:
            fields["usance:earned_before_credits"] = [show_amount(one.amount, one.currency) for one in node.earned]
        credited = [show_amount(one.credited, one.currency) for one in node.earned if one.credited]
        if credited:
            fields["usance:credited_by_all_payees"] = credited
        if node.disputes:
            fields["usance:dispute"] = [f"{one.index} {one.state}" for one in node.disputes]
        if node.findings:
            fields["usance:finding"] = [f"{one.index} {one.kind}" for one in node.findings]
        self.own.put("entity", name, fields)
        party = self._party(str(node.party), str(node.party_name))
        self.own.state("wasAttributedTo", {"prov:entity": name, "prov:agent": party})

    def edge(self, edge: Edge) -> None:
        derived = self._graph.node(edge.derived)
        owner = self._graph.node(edge.source if edge.is_claim else edge.derived).party
        places = [
            self.own
            if speaker.party == owner and not edge.is_claim
            else self._bundle(speaker.index, speaker.party, speaker.party_name)
            for speaker in edge.said_by
        ] or [self.own]
        for place in dict.fromkeys(places):
            if edge.is_claim:
                ends = {"prov:alternate1": self._name(edge.derived), "prov:alternate2": self._name(edge.source)}
                place.state("alternateOf", ends)
            else:
                self._derivation(place, edge, derived)

    def _derivation(self, place: _Container, edge: Edge, derived: Node) -> None:
        made, source = self._name(edge.derived), self._name(edge.source)
        fields: dict[str, Any] = {
            "prov:generatedEntity": made, "prov:usedEntity": source,
            "prov:type": [_term(relation) for relation in edge.relations],
        }  # fmt: skip
        if edge.bps:
            fields["usance:bps"] = _integer(edge.bps)
        if edge.earned:
            fields["usance:earned_before_credits"] = [show_amount(one.amount, one.currency) for one in edge.earned]
        done = [relation for relation in edge.relations if relation in MADE_BY]
        if done:
            activity = "activity:making/" + local_name(derived.id)
            if not place.has("activity", activity):
                place.put("activity", activity, {"prov:type": _term("making")})
                place.state("wasGeneratedBy", {"prov:entity": made, "prov:activity": activity})
            role = [_term(one) for one in done]
            place.state("used", {"prov:activity": activity, "prov:entity": source, "prov:role": role})
            fields["prov:activity"] = activity
        place.state("wasDerivedFrom", fields)

    def _bundle(self, index: int, party: str, party_name: str) -> _Container:
        """What the record at a leaf says: a bundle, itself an entity attributed to who signed it."""
        name = f"record:{index}"
        if name not in self.bundles:
            self.bundles[name] = _Container(self._numbers)
            self.own.put("entity", name, {"prov:type": {"$": "prov:Bundle", "type": "prov:QUALIFIED_NAME"}})
            agent = self._party(party, party_name)
            self.own.state("wasAttributedTo", {"prov:entity": name, "prov:agent": agent})
        return self.bundles[name]

    def _party(self, party: str, name: str) -> str:
        agent = f"party:{party}"
        if not self.own.has("agent", agent):
            self.own.put("agent", agent, {"prov:label": safe_line(name)})
        return agent

    def _name(self, node_id: str) -> str:
        return f"asset:{node_id}" if self._graph.node(node_id).is_asset else f"name:{local_name(node_id)}"


def _term(name: str) -> dict[str, str]:
    return {"$": f"usance:{name}", "type": "prov:QUALIFIED_NAME"}


def _integer(number: int) -> dict[str, str]:
    return {"$": str(number), "type": "xsd:integer"}
