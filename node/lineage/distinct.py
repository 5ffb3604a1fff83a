"""Names of parties that can be told apart. A name is a claim that anybody may make, and the key is what counts: where
names of different parties of a lineage coincide, the beginning of the key stands behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from node.lineage.graph import Edge, Graph, Node
from node.printable import safe_line

DIGITS = 8
"""Hexadecimal digits of a key, and as many more as it takes."""
_ROUNDS = 3
"""A name may itself look like another with its key; the second round tells these apart."""

_Shown = Mapping[tuple[str, str], str]


def with_distinct_names(graph: Graph) -> Graph:
    """The same lineage, each party by a name that no other party in it has. Cost: linear in the lineage."""
    shown = _distinct(dict.fromkeys(_parties(graph)))
    if all(name == safe_line(pair[1]) for pair, name in shown.items()):
        return graph
    return replace(
        graph,
        nodes=tuple(_renamed_node(node, shown) for node in graph.nodes),
        edges=tuple(_renamed_edge(edge, shown) for edge in graph.edges),
    )


def _parties(graph: Graph) -> Iterator[tuple[str, str]]:
    for node in graph.nodes:
        if node.party is not None:
            yield node.party, node.party_name or ""
        yield from ((one.party, one.party_name) for one in node.descriptions)
        yield from ((one.party, one.party_name) for one in node.uses)
        yield from ((one.payer, one.payer_name) for one in node.earned)
    for edge in graph.edges:
        yield from ((one.party, one.party_name) for one in edge.said_by)
        yield from ((one.party, one.party_name) for one in edge.uses)
        yield from ((one.payer, one.payer_name) for one in edge.earned)


def _distinct(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    shown = {pair: safe_line(pair[1]) for pair in pairs}
    for _ in range(_ROUNDS):
        parties: dict[str, set[str]] = defaultdict(set)
        for (party, _), name in shown.items():
            parties[name.casefold()].add(party)
        alike = {name: keys for name, keys in parties.items() if len(keys) > 1}
        if not alike:
            break
        digits = {name: _digits(keys) for name, keys in alike.items()}
        for (party, said), name in shown.items():
            if name.casefold() in digits:
                shown[party, said] = f"{name} ({party[: digits[name.casefold()]]})"
    return shown


def _digits(keys: set[str]) -> int:
    """How many digits tell these keys apart."""
    digits = DIGITS
    while len({key[:digits] for key in keys}) < len(keys):
        digits += DIGITS
    return digits


def _renamed_node(node: Node, shown: _Shown) -> Node:
    return replace(
        node,
        party_name=None if node.party is None else shown[node.party, node.party_name or ""],
        descriptions=tuple(replace(one, party_name=shown[one.party, one.party_name]) for one in node.descriptions),
        uses=tuple(replace(one, party_name=shown[one.party, one.party_name]) for one in node.uses),
        earned=tuple(replace(one, payer_name=shown[one.payer, one.payer_name]) for one in node.earned),
    )


def _renamed_edge(edge: Edge, shown: _Shown) -> Edge:
    return replace(
        edge,
        said_by=tuple(replace(one, party_name=shown[one.party, one.party_name]) for one in edge.said_by),
        uses=tuple(replace(one, party_name=shown[one.party, one.party_name]) for one in edge.uses),
        earned=tuple(replace(one, payer_name=shown[one.payer, one.payer_name]) for one in edge.earned),
    )
