"""A lineage as OpenLineage run events (specification 2-0-2): for each material that was made from others one COMPLETE
event, whose inputs are the sources and whose output is the material.

A run stands for the making that a record states, not for a job that was watched: its id follows from the log's origin
and the material's name, so that sending the events again changes nothing. What OpenLineage has no words for stands in
facets of our own, `usance_material` and `usance_source`; there, "declared" is the owner's word and "concluded" a
curator's.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from node.imports.jsonld import USANCE
from node.lineage.graph import Edge, Graph, Node

SCHEMA_URL = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
PRODUCER = f"{USANCE}lineage"
MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999."""
_FACETS = "https://openlineage.io/spec/facets/"
_OWNERSHIP = f"{_FACETS}1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet"
_SYMLINKS = f"{_FACETS}1-0-1/SymlinksDatasetFacet.json#/$defs/SymlinksDatasetFacet"
_TYPE = f"{_FACETS}1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet"


def openlineage_events(graph: Graph, *, origin: str, time_ms: int) -> list[dict[str, Any]]:
    """The events, in the order of the nodes. `origin`: of the log; `time_ms`: Unix milliseconds for what has no time of
    its own: an external name that nobody here describes, or a record whose clock is beyond the year 9999."""
    events = []
    for node in graph.nodes:
        edges = [edge for edge in graph.sources(node.id) if not edge.is_claim]
        if edges:
            events.append(_event(graph, node, edges, origin, time_ms))
    return events


def _event(graph: Graph, node: Node, edges: list[Edge], origin: str, time_ms: int) -> dict[str, Any]:
    namespace, name = _dataset_name(node, origin)
    return {
        "eventType": "COMPLETE",
        "eventTime": _time(node, time_ms),
        "producer": PRODUCER,
        "schemaURL": SCHEMA_URL,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_log(origin)}/making/{quote(node.ref or node.id)}"))},
        "job": {"namespace": _log(origin), "name": f"making/{node.ref or node.id}"},
        "inputs": [_input(graph, edge, origin) for edge in edges],
        "outputs": [{"namespace": namespace, "name": name, "facets": _facets(graph, node, origin)}],
    }


def _input(graph: Graph, edge: Edge, origin: str) -> dict[str, Any]:
    node = graph.node(edge.source)
    namespace, name = _dataset_name(node, origin)
    said = {
        "relations": list(edge.relations),
        "bps": edge.bps,
        "said_by": [{"record": one.index, "party": one.party, "name": one.party_name} for one in edge.said_by],
        "earned_before_credits": [{"currency": one.currency, "amount_nanos": str(one.amount)} for one in edge.earned],
    }
    return {
        "namespace": namespace,
        "name": name,
        "facets": _facets(graph, node, origin),
        "inputFacets": {"usance_source": _facet(f"{USANCE}openlineage:source", said)},
    }


def _facets(graph: Graph, node: Node, origin: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "kind": node.kind,
        "title": node.title,
        "declared": [{"license": text, "by": node.party_name} for text in node.declared],
        "concluded": [{"license": text, "by": curator} for text, curator in node.concluded],
        "retired": node.retired,
        "contested": graph.is_contested(node),
    }
    if node.is_asset:
        said["ref"] = node.ref
    facets = {"usance_material": _facet(f"{USANCE}openlineage:material", said)}
    if node.type:
        facets["datasetType"] = _facet(_TYPE, {"datasetType": node.type.upper()})
    if node.party:
        owner = {"name": f"{USANCE}party:{node.party}", "type": "OWNER"}
        facets["ownership"] = _facet(_OWNERSHIP, {"owners": [owner]})
    same = [graph.node(edge.derived) for edge in graph.made_from(node.id) if edge.is_claim]
    if same:
        pairs = [_dataset_name(other, origin) for other in same]
        names = [{"namespace": namespace, "name": name, "type": "CLAIMED"} for namespace, name in pairs]
        facets["symlinks"] = _facet(_SYMLINKS, {"identifiers": names})
    return facets


def _facet(schema: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": schema, **fields}


def _log(origin: str) -> str:
    return f"usance://{quote(origin)}"


def _dataset_name(node: Node, origin: str) -> tuple[str, str]:
    """Namespace and name: of an asset the log and its reference; of an external name what stands before and after its
    first single slash, as `pkg:huggingface` and `org/name`, or `https://host` and `path`."""
    if node.is_asset:
        return _log(origin), str(node.ref)
    begin = node.id.find("://") + 3 if node.id.startswith("http") else 0
    slash = node.id.find("/", begin)
    return (node.id[:slash], node.id[slash + 1 :]) if 0 < slash < len(node.id) - 1 else (node.id, "/")


def _time(node: Node, time_ms: int) -> str:
    """When the record says that it was signed: the asset's, or the newest description."""
    said = [node.record.get("at")] if node.is_asset else [one.record.get("at") for one in node.descriptions]
    known = [one for one in said if type(one) is int and 0 <= one <= MS_MAX]
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=max(known, default=min(time_ms, MS_MAX)))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
