"""A lineage as values: the JSON `usance/lineage/v1` of a node (docs/spec.md), read strictly, and questions to it.

A node's answer is a stranger's text until it is parsed here: every text, number, list and record is bounded and judged,
records by the rules that the log itself has. Fields that this version doesn't know are passed over. What holds
afterwards: ids are unique, both ends of every edge are there, `root` is there, and every record is of its node. Texts
are without control characters, but otherwise anybody's: whoever prints them goes through node/printable.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.lineage import form
from proofs.errors import InputError, excerpt
from proofs.fields import RELATIONS, USES
from proofs.jsonform import from_json
from proofs.pricing import STATUSES
from proofs.records import make_body
from proofs.ref import parse_ref

FORMAT = "usance/lineage/v1"
NODES_MAX = 100_000
EDGES_MAX = 1_000_000
SUMS_MAX = 10_000
"""Uses, earnings, speakers or disputes of one node or edge."""
NOTES_MAX = 64

ASSET, EXTERNAL = "asset", "external"
SOURCE, CLAIM = "source", "claim"
UP, DOWN, BOTH = "up", "down", "both"
DIRECTIONS = (BOTH, UP, DOWN)

VERSION_OF = "version_of"
"""The relation of a version to its package, by their names; no record states it."""
RELATIONS_SHOWN = (*RELATIONS, VERSION_OF)
_UNRELATED = len(RELATIONS_SHOWN)


@dataclass(frozen=True, slots=True)
class UseSum:
    """Usages of one kind, added up. `party`: who used it, hex; `into`: what was made with it: an id, `=` and the name
    of a thing not registered yet, or None; `uses`: records; `charge`: nanos of `currency`, 0 where there is none."""

    use: str
    status: str
    party: str
    party_name: str
    into: str | None
    uses: int
    charge: int
    currency: str | None


@dataclass(frozen=True, slots=True)
class EarnedSum:
    """What an asset got of charges, before credits. `through`: id of the asset that was used; `amount`: nanos;
    `credited`: of its own uses, what all their payees took back."""

    through: str | None
    payer: str
    payer_name: str
    currency: str
    uses: int
    amount: int
    credited: int = 0


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who said it, in the record at leaf `index`; `party` in hex."""

    index: int
    party: str
    party_name: str


@dataclass(frozen=True, slots=True)
class Description:
    """What a curator says of an external name. `record`: the description in JSON form, judged."""

    index: int
    ref: str
    party: str
    party_name: str
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute at leaf `index` of the record at leaf `target`."""

    index: int
    target: int
    state: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim or a canary at leaf `index`, of `party` (hex). Of a canary: `count`, its marks. Of a claim: the `asset`
    that its owner says was found (an id); `accused`, the party's name, "" of a digest."""

    index: int
    kind: str
    party: str
    party_name: str
    count: int = 0
    asset: str = ""
    accused: str = ""


@dataclass(frozen=True, slots=True)
class TermsOf:
    """The newest terms of an asset."""

    ref: str
    license: str | None
    currency: str


@dataclass(frozen=True, slots=True)
class Node:
    """An asset of the log, or an external name. `level`: 0 the root, negative upstream, positive downstream. Of an
    asset alone: `ref`, `party` (hex), `party_name`, `retired`, `record` (JSON form, judged), `earned`, `terms`; of an
    external name alone: `descriptions` and `claimed_by`, ids of assets."""

    id: str
    level: int
    kind: str
    title: str
    ref: str | None = None
    party: str | None = None
    party_name: str | None = None
    retired: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)
    descriptions: tuple[Description, ...] = ()
    claimed_by: tuple[str, ...] = ()
    uses: tuple[UseSum, ...] = ()
    earned: tuple[EarnedSum, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    findings: tuple[Finding, ...] = ()
    findings_left_out: int | None = 0
    terms: TermsOf | None = None

    @property
    def is_asset(self) -> bool:
        """Whether it is an asset of the log."""
        return self.kind == ASSET

    @property
    def type(self) -> str | None:
        """dataset, model, outputs or work: as its owner says, else as the first curator does; None if nobody says."""
        said = self.record if self.is_asset else self.descriptions[0].record if self.descriptions else {}
        return str(said["type"]) if "type" in said else None

    @property
    def declared(self) -> tuple[str, ...]:
        """Licences that the owner declares: in the asset's record, and in its newest terms where they differ."""
        said = [self.record.get("license"), self.terms.license if self.terms else None]
        return tuple(dict.fromkeys(str(text) for text in said if text))

    @property
    def concluded(self) -> tuple[tuple[str, str], ...]:
        """Licences that curators conclude, each with the curator's name. Never the owner's word."""
        return tuple(
            (str(said.record["license"]), said.party_name) for said in self.descriptions if "license" in said.record
        )


@dataclass(frozen=True, slots=True)
class Edge:
    """`derived` was made from `source` (kind `source`), or the external name `derived` is claimed by the asset
    `source` (kind `claim`: the same material). `bps`: the share of charges that is passed on; `uses`: of `source` into
    `derived`; `earned`: what `source` got of charges on `derived`."""

    derived: str
    source: str
    relations: tuple[str, ...]
    bps: int
    said_by: tuple[Speaker, ...]
    kind: str
    uses: tuple[UseSum, ...] = ()
    earned: tuple[EarnedSum, ...] = ()

    @property
    def is_claim(self) -> bool:
        """Whether both ends are the same material, by the owner's claim."""
        return self.kind == CLAIM


@dataclass(frozen=True, slots=True)
class Graph:
    """A lineage. `size`: of the tree that it was answered from; `since`: leaf index from which uses are counted;
    `truncated`: what was left out, in words, nothing if it is whole."""

    root: str
    size: int
    since: int
    direction: str
    depth: int
    truncated: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    _by_id: Mapping[str, Node] = field(init=False, repr=False, compare=False)
    _up: Mapping[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    _down: Mapping[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    _by_name: Mapping[tuple[str | None, str], tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {node.id: node for node in self.nodes}
        object.__setattr__(self, "_by_name", _by_name(self.nodes))
        up, down = defaultdict(list), defaultdict(list)
        for edge in self.edges:
            up[edge.derived].append(edge)
            down[edge.source].append(edge)
        object.__setattr__(self, "_by_id", by_id)
        object.__setattr__(self, "_up", {at: _in_order(edges, by_id, _source_of) for at, edges in up.items()})
        object.__setattr__(self, "_down", {at: _in_order(edges, by_id, _derived_of) for at, edges in down.items()})

    def node(self, node_id: str) -> Node:
        """The node of an id. Raises InputError for one that isn't there."""
        found = self._by_id.get(node_id)
        if found is None:
            raise InputError(f"{excerpt(node_id)} isn't in this lineage", field="id", expected="a node's id")
        return found

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._by_id

    def is_contested(self, node: Node) -> bool:
        """Whether assets of several parties claim this name; one that isn't here may be of any party."""
        owners = {self._by_id[asset].party if asset in self._by_id else asset for asset in node.claimed_by}
        return len(owners) > 1

    def sources(self, node_id: str) -> tuple[Edge, ...]:
        """The edges to what a node was made from, in a tree's order: by relation, then title."""
        return self._up.get(node_id, ())

    def made_from(self, node_id: str) -> tuple[Edge, ...]:
        """The edges to what was made from a node, in the same order."""
        return self._down.get(node_id, ())

    def made_by(self, use: UseSum) -> tuple[str, ...]:
        """What of this lineage a use says it went into. A use that names no version went into any of those that its
        party registered by that name: all of them."""
        if use.into is None:
            return ()
        return (use.into,) if use.into in self._by_id else self._by_name.get((use.party, use.into), ())

    def children(self, node_id: str, direction: str) -> tuple[tuple[Edge, Node], ...]:
        """A node's children in a tree that goes UP or DOWN, each with the edge that leads to it. A name and an asset
        that claims it are the same material, so each is the other's child, whichever way the tree goes."""
        up = ((edge, edge.source) for edge in self.sources(node_id) if direction == UP or edge.is_claim)
        down = ((edge, edge.derived) for edge in self.made_from(node_id) if direction == DOWN or edge.is_claim)
        return tuple((edge, self._by_id[other]) for edge, other in (*up, *down))


def _by_name(nodes: Iterable[Node]) -> dict[tuple[str | None, str], tuple[str, ...]]:
    """Assets by their party and what its uses with `into_name` may call them: `=name` and `=name@version`."""
    found: dict[tuple[str | None, str], tuple[str, ...]] = {}
    for node in nodes:
        name, version = node.record.get("name"), node.record.get("version")
        if node.is_asset:
            for text in (f"={name}", f"={name}@{version}") if version else (f"={name}",):
                key = (node.party, text)
                found[key] = (*found.get(key, ()), node.id)
    return found


def _source_of(edge: Edge) -> str:
    return edge.source


def _derived_of(edge: Edge) -> str:
    return edge.derived


def _in_order(edges: Iterable[Edge], by_id: Mapping[str, Node], end: Callable[[Edge], str]) -> tuple[Edge, ...]:
    def key(edge: Edge) -> tuple[int, str, str]:
        rank = RELATIONS_SHOWN.index(edge.relations[0]) if edge.relations else _UNRELATED
        return rank, by_id[end(edge)].title.casefold(), end(edge)

    return tuple(sorted(edges, key=key))


def parse_graph(value: Any) -> Graph:
    """The lineage in a parsed JSON value. At most NODES_MAX nodes and EDGES_MAX edges. Raises InputError naming the
    field (as `nodes[3].title`) for whatever is missing, of a wrong type, out of bounds or doesn't fit together."""
    top = form.an_object(value, "lineage")
    if top.get("format") != FORMAT:
        raise InputError(f"the format is {form.shown(top.get('format'))}", field="format", expected=FORMAT)
    graph_direction = form.required(top, "direction", "", form.one_of(DIRECTIONS))
    nodes = form.listed(top, "nodes", "", _node, NODES_MAX)
    known: set[str] = set()
    for at, node in enumerate(nodes):
        if node.id in known:
            raise InputError(f"{excerpt(node.id)} stands twice", field=f"nodes[{at}].id", expected="each node once")
        known.add(node.id)
    edges = form.listed(top, "edges", "", _edge, EDGES_MAX)
    assets = {node.id for node in nodes if node.is_asset}
    seen: set[tuple[str, str, str]] = set()
    for at, edge in enumerate(edges):
        _check_ends(edge, f"edges[{at}]", known, assets, seen)
    root = form.required(top, "root", "", form.node_id)
    if root not in known:
        raise InputError("the root isn't among the nodes", field="root", expected="a node's id")
    return Graph(
        root=root,
        size=form.required(top, "size", "", form.count),
        since=form.required(top, "since", "", form.count),
        direction=graph_direction,
        depth=form.required(top, "depth", "", form.count),
        truncated=form.listed(top, "truncated", "", form.text, NOTES_MAX),
        nodes=nodes,
        edges=edges,
    )


def _check_ends(edge: Edge, place: str, known: set[str], assets: set[str], seen: set[tuple[str, str, str]]) -> None:
    for name, end in (("from", edge.derived), ("to", edge.source)):
        if end not in known:
            raise InputError(f"{excerpt(end)} isn't among the nodes", field=f"{place}.{name}", expected="a node's id")
    if edge.is_claim and (edge.derived in assets or edge.source not in assets):
        raise InputError("a claim between these", field=place, expected="from an external name to an asset")
    if (edge.derived, edge.source, edge.kind) in seen:
        raise InputError("this edge stands twice", field=place, expected="each edge once")
    seen.add((edge.derived, edge.source, edge.kind))


def _node(value: Any, place: str) -> Node:
    said = form.an_object(value, place)
    node_id = form.required(said, "id", place, form.node_id)
    kind = form.required(said, "kind", place, form.one_of((ASSET, EXTERNAL)))
    if form.is_asset_id(node_id) != (kind == ASSET):
        raise InputError(f"{kind} {excerpt(node_id)}", field=f"{place}.id", expected="an asset's leaf index or a name")
    level = form.required(said, "level", place, form.level)
    title = form.required(said, "title", place, form.title)
    uses = form.listed(said, "uses", place, _use_sum, SUMS_MAX)
    disputes = form.listed(said, "disputes", place, _dispute, SUMS_MAX)
    findings = form.listed(said, "findings", place, _finding, SUMS_MAX)
    left_out = form.optional(said, "findings_left_out", place, form.count)
    if kind == EXTERNAL:
        descriptions = form.listed(said, "descriptions", place, _description, SUMS_MAX)
        for at, one in enumerate(descriptions):
            if one.record["name"] != node_id:
                where = f"{place}.descriptions[{at}].record.name"
                raise InputError("the description is of another name", field=where, expected=node_id)
        claimed_by = form.listed(said, "claimed_by", place, form.asset_id, SUMS_MAX)
        return Node(
            node_id, level, kind, title,
            descriptions=descriptions, claimed_by=claimed_by, uses=uses, disputes=disputes, findings=findings,
            findings_left_out=left_out,
        )  # fmt: skip
    ref = form.required(said, "ref", place, form.reference)
    if parse_ref(ref).index != int(node_id):
        raise InputError("the reference is of another leaf", field=f"{place}.ref", expected=f"{node_id}:HEX")
    terms = said.get("terms")
    return Node(
        node_id, level, kind, title,
        ref=ref,
        party=form.required(said, "party", place, form.party),
        party_name=form.required(said, "party_name", place, form.text),
        retired=form.required(said, "retired", place, form.boolean),
        record=_record(said.get("record"), f"{place}.record", "asset"),
        uses=uses,
        earned=form.listed(said, "earned", place, _earned, SUMS_MAX),
        disputes=disputes,
        findings=findings,
        findings_left_out=left_out,
        terms=None if terms is None else _terms(terms, f"{place}.terms"),
    )  # fmt: skip


def _edge(value: Any, place: str) -> Edge:
    said = form.an_object(value, place)
    kind = form.required(said, "kind", place, form.one_of((SOURCE, CLAIM)))
    relations = form.listed(said, "relations", place, form.one_of(RELATIONS_SHOWN), len(RELATIONS_SHOWN))
    if kind == SOURCE and not relations:
        raise InputError(
            "no relation", field=f"{place}.relations", expected="one or more of " + ", ".join(RELATIONS_SHOWN)
        )
    return Edge(
        derived=form.required(said, "from", place, form.node_id),
        source=form.required(said, "to", place, form.node_id),
        relations=tuple(sorted(set(relations), key=RELATIONS_SHOWN.index)),
        bps=form.required(said, "bps", place, form.bps),
        said_by=form.listed(said, "said_by", place, _speaker, SUMS_MAX),
        kind=kind,
        uses=form.listed(said, "uses", place, _use_sum, SUMS_MAX),
        earned=form.listed(said, "earned", place, _earned, SUMS_MAX),
    )


def _use_sum(value: Any, place: str) -> UseSum:
    said = form.an_object(value, place)
    return UseSum(
        use=form.required(said, "use", place, form.one_of(USES)),
        status=form.required(said, "status", place, form.one_of(STATUSES)),
        party=form.required(said, "party", place, form.party),
        party_name=form.required(said, "party_name", place, form.text),
        into=form.optional(said, "into", place, form.made_thing),
        uses=form.required(said, "uses", place, form.count),
        charge=form.required(said, "charge", place, form.nanos),
        currency=form.optional(said, "currency", place, form.currency),
    )


def _earned(value: Any, place: str) -> EarnedSum:
    said = form.an_object(value, place)
    return EarnedSum(
        through=form.optional(said, "through", place, form.asset_id),
        payer=form.required(said, "payer", place, form.party),
        payer_name=form.required(said, "payer_name", place, form.text),
        currency=form.required(said, "currency", place, form.currency),
        uses=form.required(said, "uses", place, form.count),
        amount=form.required(said, "amount", place, form.nanos),
        credited=form.optional(said, "credited", place, form.nanos) or 0,
    )


def _speaker(value: Any, place: str) -> Speaker:
    said = form.an_object(value, place)
    return Speaker(
        form.required(said, "index", place, form.count),
        form.required(said, "party", place, form.party),
        form.required(said, "party_name", place, form.text),
    )


def _dispute(value: Any, place: str) -> Dispute:
    said = form.an_object(value, place)
    return Dispute(
        form.required(said, "index", place, form.count),
        form.required(said, "target", place, form.count),
        form.required(said, "state", place, form.text),
    )


def _finding(value: Any, place: str) -> Finding:
    said = form.an_object(value, place)
    kind = form.required(said, "kind", place, form.one_of(("claim", "canary")))
    index = form.required(said, "index", place, form.count)
    party = form.required(said, "party", place, form.party)
    name = form.required(said, "party_name", place, form.text)
    if kind == "canary":
        return Finding(index, kind, party, name, count=form.required(said, "count", place, form.count))
    return Finding(
        index, kind, party, name,
        asset=form.required(said, "asset", place, form.asset_id),
        accused=form.optional(said, "accused", place, form.text) or "",
    )  # fmt: skip


def _terms(value: Any, place: str) -> TermsOf:
    said = form.an_object(value, place)
    return TermsOf(
        form.required(said, "ref", place, form.reference),
        form.optional(said, "license", place, form.text),
        form.required(said, "currency", place, form.currency),
    )


def _description(value: Any, place: str) -> Description:
    said = form.an_object(value, place)
    return Description(
        index=form.required(said, "index", place, form.count),
        ref=form.required(said, "ref", place, form.reference),
        party=form.required(said, "party", place, form.party),
        party_name=form.required(said, "party_name", place, form.text),
        record=_record(said.get("record"), f"{place}.record", "description"),
    )


def _record(value: Any, place: str, kind: str) -> Mapping[str, Any]:
    """A record in JSON form, judged by the log's own rules."""
    said = form.an_object(value, place)
    if said.get("kind") != kind:
        raise InputError(f"of kind {form.shown(said.get('kind'))}", field=f"{place}.kind", expected=kind)
    if form.levels(said) > form.LEVELS_MAX:
        raise InputError("nested too deeply", field=place, expected=f"at most {form.LEVELS_MAX} levels")
    try:
        make_body(from_json(said))
    except InputError as error:
        raise InputError(error.detail, field=f"{place}.{error.field}", expected=error.expected) from error
    return said
