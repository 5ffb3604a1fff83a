"""Whose word counts in a report about a model: one rule, for every field and every edge (docs/reports.md).

A source is what was logged: an asset or an external name, never merged with another one. Of each field the first group
that says anything of it counts: the owner, of his own asset; the model's own provider; everybody else. To the last two
belong descriptions and, of an external name, the records of assets that claim it: a claim is no ownership. Within a
group what is said of a package holds for its versions where the group says nothing of the version itself; what is said
of one version holds for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.lineage.graph import VERSION_OF, Edge, Graph, Node
from node.reports.document import CLAIMED, CONCLUDED, DECLARED, Source

NEAR_MAX = 64
"""Names of an asset, and assets of a name, that are heard: the first that the asset lists, the oldest assets."""
_INTEGERS = ("bytes", "items", "collected_from", "collected_until")
"""Large ones are decimal strings in a record's JSON form."""
_NAMING = ("name", "title", "version")
"""Fields that say what a thing is called: those of a package aren't its versions'."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One field that one record says. `standing`: DECLARED, CONCLUDED or CLAIMED."""

    value: Any
    standing: str
    source: Source


@dataclass(frozen=True, slots=True)
class Word:
    """What one record says of a material."""

    record: Mapping[str, Any]
    standing: str
    source: Source


@dataclass(frozen=True, slots=True)
class Statement:
    """Who says, in which records, by which relations one material is in another."""

    relations: tuple[str, ...]
    standing: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """One asset or external name. `own`: nodes that speak of it itself, it first: of an asset the names that it
    claims, of a name the assets that claim it; `packages`: nodes that speak of its package; `ranks`: (records, whether
    they are of the package), whose word counts first; `contested`: names of it that several parties claim."""

    id: str
    title: str
    own: tuple[Node, ...]
    packages: tuple[Node, ...]
    ranks: tuple[tuple[tuple[Word, ...], bool], ...]
    contested: tuple[str, ...]

    def facts(self, name: str) -> list[Fact]:
        """What counts in one field: all that the first group says that says anything of it."""
        for words, is_package in self.ranks:
            said = [one for one in words if name in one.record and not (is_package and name in _NAMING)]
            if said:
                return [Fact(_value(one.record, name), one.standing, one.source) for one in said]
        return []

    def figure(self, name: str) -> Fact | None:
        """What a sum may take. None where nobody says one, or where those whose word counts differ."""
        said = self.facts(name)
        return said[0] if len({one.value for one in said}) == 1 else None

    def differ(self, name: str) -> bool:
        """Whether several parties whose word counts say different things."""
        said = self.facts(name)
        return len({one.value for one in said}) > 1 and len({one.source.party for one in said}) > 1

    @property
    def owner(self) -> Node | None:
        """The node itself where it is an asset: its party owns it. A name has no owner here."""
        return self.own[0] if self.own[0].is_asset else None

    @property
    def claimants(self) -> tuple[Node, ...]:
        """Assets that claim it, of a name."""
        return tuple(node for node in self.own[1:] if node.is_asset)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it claims, of an asset."""
        return tuple(node.id for node in self.own[1:] if not node.is_asset)


def _value(record: Mapping[str, Any], name: str) -> Any:
    return int(record[name]) if name in _INTEGERS else record[name]


def source_of(node: Node) -> Source:
    """An asset's record as a source."""
    return Source(str(node.ref), str(node.party), str(node.party_name))


class Authority:
    """Applies the rule to a lineage. `curators`: parties in hex; of everybody else's words only theirs count; None:
    all do."""

    def __init__(self, graph: Graph, curators: Iterable[str] | None = None) -> None:
        self._graph = graph
        self._provider = graph.node(graph.root).party
        self._curators = None if curators is None else frozenset(curators)
        self._materials: dict[str, Material] = {}

    def material(self, node_id: str) -> Material:
        """The asset or name of this id, with the words that count of it. Cost: linear in what is next to it."""
        if node_id not in self._materials:
            self._materials[node_id] = self._made(self._graph.node(node_id))
        return self._materials[node_id]

    def statements(self, made: Material, heard: set[str]) -> Iterator[tuple[str, Statement]]:
        """(id of a source, who says so) for each edge that counts: of the material itself, else of its package.

        `heard`: nodes that spoke of another material already; what they say is told once, for a walk has its sources
        then. So a walk over any materials costs no more than its edges.
        """
        for nodes in (made.own, made.packages):
            is_said = False
            for node in nodes:
                is_borrowed = node.id != made.id
                if is_borrowed and node.id in heard:
                    is_said = True
                    continue
                for edge in self._graph.sources(node.id):
                    said = self._statement(made, node, edge)
                    if said is not None:
                        is_said = True
                        heard.update({node.id} if is_borrowed else ())
                        yield edge.source, said
            if is_said:
                return

    def rivals(self, material: Material) -> Iterator[tuple[str, Node]]:
        """(name, asset) for each asset of another party that claims one of its names too."""
        for name in material.contested:
            for node in map(self._graph.node, self._claimants(name)):
                if material.owner is None or node.party != material.owner.party:
                    yield name, node

    def counts(self, node: Node, made: Material) -> bool:
        """Whether an asset may speak of a material: its own does, another one that claims it as everybody else."""
        return node.id == made.id or self._is_heard(node.party)

    def _is_heard(self, party: str | None) -> bool:
        return self._curators is None or party in self._curators or (party is not None and party == self._provider)

    def _statement(self, made: Material, node: Node, edge: Edge) -> Statement | None:
        relations = tuple(one for one in edge.relations if one != VERSION_OF)
        if edge.is_claim or not relations:
            return None
        is_own = node.id == made.id and node.is_asset
        heard = [one for one in edge.said_by if is_own or self._is_heard(one.party)]
        if not heard and self._curators is not None and not is_own:
            return None
        standing = DECLARED if is_own else CLAIMED if node.is_asset else CONCLUDED
        return Statement(relations, standing, tuple(Source(str(one.index), one.party, one.party_name) for one in heard))

    def _made(self, node: Node) -> Material:
        near = self._names(node.id) if node.is_asset else self._claimants(node.id)
        packages: dict[str, None] = {}
        for at in (node.id, *near):
            for package in self._packages(at):
                packages[package] = None
                if not node.is_asset:
                    packages.update(dict.fromkeys(self._claimants(package)))
        own = tuple(map(self._graph.node, (node.id, *near)))
        behind = tuple(self._graph.node(at) for at in packages if at != node.id and at not in near)
        names = (one for one in own if not one.is_asset)
        contested = tuple(one.id for one in names if self._graph.is_contested(one))
        return Material(node.id, node.title, own, behind, tuple(self._ranks(node, own, behind)), contested)

    def _ranks(
        self, node: Node, own: tuple[Node, ...], packages: tuple[Node, ...]
    ) -> Iterator[tuple[tuple[Word, ...], bool]]:
        if node.is_asset:
            yield tuple(_asset_words(node, DECLARED)), False
        itself = list(_words(one for one in own if one is not node or not node.is_asset))
        package = list(_words(packages))
        for is_provider in (True, False):
            for words, is_package in ((itself, False), (package, True)):
                yield tuple(
                    one for one in words
                    if (one.source.party == self._provider) == is_provider and self._is_heard(one.source.party)
                ), is_package  # fmt: skip

    def _names(self, asset: str) -> tuple[str, ...]:
        claimed = {edge.derived for edge in self._graph.made_from(asset) if edge.is_claim}
        return tuple(name for name in self._graph.node(asset).record.get("aka", ()) if name in claimed)[:NEAR_MAX]

    def _claimants(self, name: str) -> tuple[str, ...]:
        claimants = (edge.source for edge in self._graph.sources(name) if edge.is_claim)
        return tuple(sorted(claimants, key=int)[:NEAR_MAX])

    def _packages(self, name: str) -> tuple[str, ...]:
        return tuple(edge.source for edge in self._graph.sources(name) if VERSION_OF in edge.relations)


def _words(nodes: Iterable[Node]) -> Iterator[Word]:
    """Descriptions of names, and the records of assets that claim one."""
    for node in nodes:
        if node.is_asset:
            yield from _asset_words(node, CLAIMED)
        for one in node.descriptions:
            yield Word(one.record, CONCLUDED, Source(one.ref, one.party, one.party_name))


def _asset_words(node: Node, standing: str) -> Iterator[Word]:
    """An asset's record, and the licence in its terms where that says another one."""
    said = source_of(node)
    yield Word(node.record, standing, said)
    if node.terms and node.terms.license not in (None, node.record.get("license")):
        yield Word({"license": node.terms.license}, standing, Source(node.terms.ref, said.party, said.party_name))
