"""Which licences stand behind an asset, what they ask, along which path, and who says so.

The walk goes upstream from the lineage's root. `evaluated_on` carries nothing: what a model was measured on is not in
it. Beyond a `generated_by` the way leads through a model's outputs, where a licence reaches only if it speaks of
outputs; whether it does is marked, not decided. A claim joins an external name with the asset whose owner claims it:
the same material. What an owner says of his own asset is *declared*, what a curator says of material that isn't his is
*concluded*; they are never mixed, and where they differ they stand side by side. Nothing here is legal advice.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from node.lineage.graph import Edge, Graph, Node, Speaker
from node.lineage.licenseclasses import ACADEMIC, NON_COMMERCIAL, UNKNOWN, UNSPECIFIED, Classes
from node.lineage.licenseexpr import NO, OPEN, YES, Outcomes, Read, is_sure, read_expression
from node.lineage.material import same_material
from proofs.ref import parse_ref

DECLARED, CONCLUDED = "declared", "concluded"
RIVALS, COMMERCE, SHARE_ALIKE, ATTRIBUTION, NOT_KNOWN = (
    "forbids rival models", "restricts commercial use", "share-alike", "attribution", "not known",
)  # fmt: skip
ASKS = (RIVALS, COMMERCE, SHARE_ALIKE, ATTRIBUTION, NOT_KNOWN)
CLAIMS, CLAIMED = "claims", "claimed_by"
CONTESTED = "contested"
"""Steps between an asset and the external name that its owner claims: the same material, by that owner's word. Stands
beside them where several parties claim the name."""
PATH_STEPS_MAX = 32
"""Of a longer path the middle is left out, and counted."""
SPEAKERS_MAX = 8
_NOTHING_CARRIED = "evaluated_on"
_OUTPUTS = "generated_by"
_UNCARRIED_USE = "evaluate"


@dataclass(frozen=True, slots=True)
class Statement:
    """Who says which licence of which node. `standing`: DECLARED or CONCLUDED; `party`: hex; `record`: the reference
    where it is said; `disputes`: the states of disputes of that record."""

    node: str
    title: str
    license: str
    standing: str
    party: str
    party_name: str
    record: str
    disputes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step upstream, to `node`. `relations`: of the edge, `use: …` for logged uses, CLAIMS or CLAIMED."""

    node: str
    relations: tuple[str, ...]
    said_by: tuple[Speaker, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A shortest way upstream, from the root. `omitted`: steps left out in the middle; `at`: before which step."""

    steps: tuple[Step, ...]
    omitted: int = 0
    at: int = 0

    @property
    def length(self) -> int:
        """All steps, those left out too."""
        return len(self.steps) + self.omitted


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a licence asks: of ASKS. `detail`: the outcomes, for COMMERCE and NOT_KNOWN; `is_sure`: whether
    every choice that the licence offers leads to it."""

    what: str
    detail: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A licence that asks something, and how it reaches the root. `through_outputs`: only by way of a model's outputs;
    `speaks_of_outputs`: yes, no or unknown, whether the licence has a term for these."""

    statement: Statement
    read: Read
    asks: tuple[Ask, ...]
    path: Path
    through_outputs: bool
    speaks_of_outputs: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """`findings`: nearest first; `unlicensed`: ids and titles of materials of which nobody says a licence; `conflicts`:
    what was said of one material, by its owner and curators, in different words; `free`: statements that ask nothing;
    `nodes`: how many were reached, the root too; `left_out`: what the lineage itself left out."""

    root: str
    title: str
    size: int
    nodes: int
    findings: tuple[Finding, ...]
    unlicensed: tuple[tuple[str, str], ...]
    conflicts: tuple[tuple[Statement, ...], ...]
    free: tuple[Statement, ...]
    left_out: tuple[str, ...]

    def asking(self, what: str) -> Iterator[tuple[Finding, Ask]]:
        """The findings that ask one thing."""
        for finding in self.findings:
            for ask in finding.asks:
                if ask.what == what:
                    yield finding, ask


_State = tuple[str, bool]
_HALF = PATH_STEPS_MAX // 2


@dataclass(frozen=True, slots=True)
class _Came:
    """How a state was reached: from which one, by which step, after how many; `head`: the first _HALF steps."""

    before: _State | None
    step: Step | None
    length: int
    head: tuple[Step, ...]


def reason(graph: Graph, classes: Classes) -> Reasoning:
    """The licences upstream of the graph's root, by these classes.

    One shortest path for each node and so for each licence said of it, a direct one before one through outputs. Time
    and memory are linear in the graph (each node is visited at most twice), whatever cycles there are; paths are cut
    to PATH_STEPS_MAX steps.
    """
    came = _walk(graph)
    reads: dict[str, Read] = {}
    findings: list[Finding] = []
    free: list[Statement] = []
    by_material = _Statements(graph)
    for state in came:
        node_id, through = state
        if through and (node_id, False) in came:
            continue
        path = _path(came, state)
        for statement in by_material.add(node_id):
            text = statement.license
            read = reads.get(text) or reads.setdefault(text, read_expression(text, classes))
            asks = tuple(_asks(read))
            if asks:
                findings.append(Finding(statement, read, asks, path, through, _outcome(read.effect.outputs)))
            else:
                free.append(statement)
    findings.sort(key=lambda one: one.path.length)
    return Reasoning(
        graph.root, graph.node(graph.root).title, graph.size, len({node for node, _ in came}), tuple(findings),
        tuple(by_material.unlicensed()), tuple(by_material.conflicts()), tuple(free), graph.truncated,
    )  # fmt: skip


class _Statements:
    """What is said of each material under all its names."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._material_of: dict[str, str] = {}
        self._said: dict[str, list[Statement]] = {}

    def add(self, node_id: str) -> list[Statement]:
        """The statements of a node, which from here on count for its material."""
        if node_id not in self._material_of:
            self._material_of.update(dict.fromkeys(same_material(self._graph, node_id), node_id))
        said = list(statements(self._graph.node(node_id)))
        self._said.setdefault(self._material_of[node_id], []).extend(said)
        return said

    def unlicensed(self) -> Iterator[tuple[str, str]]:
        """Materials of which nobody says a licence, each by the name by which it was reached first, with its title."""
        return ((at, self._graph.node(at).title) for at, said in self._said.items() if not said)

    def conflicts(self) -> Iterator[tuple[Statement, ...]]:
        """What was said of one material in different words."""
        for said in self._said.values():
            if len({" ".join(one.license.split()) for one in said}) > 1:
                yield tuple(said)


def statements(node: Node) -> Iterator[Statement]:
    """Who says which licence of a node: of an asset, its record and its newest terms where these differ; of an external
    name, each curator's description."""
    if node.is_asset:
        refs = {str(node.record.get("license") or ""): str(node.ref)}
        if node.terms and node.terms.license:
            refs.setdefault(node.terms.license, node.terms.ref)
        for text, ref in refs.items():
            if text:
                party, name = str(node.party), str(node.party_name)
                yield Statement(node.id, node.title, text, DECLARED, party, name, ref, _disputes(node, ref))
        return
    for one in node.descriptions:
        if "license" in one.record:
            text = str(one.record["license"])
            disputes = _disputes(node, one.ref)
            yield Statement(node.id, node.title, text, CONCLUDED, one.party, one.party_name, one.ref, disputes)


def _disputes(node: Node, ref: str) -> tuple[str, ...]:
    index = parse_ref(ref).index
    return tuple(dict.fromkeys(one.state for one in node.disputes if one.target == index))


def _walk(graph: Graph) -> dict[_State, _Came]:
    """How each node was first reached, directly and through outputs; breadth first, so by a shortest way."""
    used = _used_into(graph)
    start: _State = (graph.root, False)
    came = {start: _Came(None, None, 0, ())}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        here = came[state]
        for step, is_outputs in _steps(graph, state[0], used):
            after = (step.node, state[1] or is_outputs)
            if after not in came and (step.node, False) not in came:
                head = here.head if here.length >= _HALF else (*here.head, step)
                came[after] = _Came(state, step, here.length + 1, head)
                queue.append(after)
    return came


def _steps(graph: Graph, node_id: str, used: dict[str, list[Step]]) -> Iterator[tuple[Step, bool]]:
    joined = set()
    for edge in graph.sources(node_id):
        if edge.is_claim:
            yield _claim(graph, edge, edge.source, CLAIMED), False
            continue
        relations = carried(edge)
        if relations:
            joined.add(edge.source)
            yield Step(edge.source, relations, edge.said_by[:SPEAKERS_MAX]), set(relations) == {_OUTPUTS}
    for edge in graph.made_from(node_id):
        if edge.is_claim:
            yield _claim(graph, edge, edge.derived, CLAIMS), False
    for step in used.get(node_id, ()):
        if step.node not in joined:
            yield step, False


def _claim(graph: Graph, edge: Edge, to: str, relation: str) -> Step:
    is_contested = graph.is_contested(graph.node(edge.derived))
    return Step(to, (relation, CONTESTED) if is_contested else (relation,), edge.said_by[:SPEAKERS_MAX])


def carried(edge: Edge) -> tuple[str, ...]:
    """The relations of an edge along which a licence reaches what was made."""
    return tuple(relation for relation in edge.relations if relation != _NOTHING_CARRIED)


def _used_into(graph: Graph) -> dict[str, list[Step]]:
    """Logged uses of material that name what was made with it, by that."""
    found: dict[str, list[Step]] = defaultdict(list)
    for node in graph.nodes:
        into: dict[str, set[str]] = defaultdict(set)
        for one in node.uses:
            if one.into is not None and one.into in graph and one.use != _UNCARRIED_USE:
                into[one.into].add(f"use: {one.use}")
        for made, uses in into.items():
            found[made].append(Step(node.id, tuple(sorted(uses)), ()))
    return found


def _path(came: dict[_State, _Came], state: _State) -> Path:
    """From the root to a state. Only the ends of a long path are kept and gone along, so that many of them take no more
    room and time than PATH_STEPS_MAX steps each."""
    end = came[state]
    last: list[Step] = []
    at = end
    while at.before is not None and at.step is not None and at.length > _HALF and len(last) < _HALF:
        last.append(at.step)
        at = came[at.before]
    steps = (*end.head, *reversed(last))
    return Path(steps, end.length - len(steps), len(end.head))


def _asks(read: Read) -> Iterator[Ask]:
    effect = read.effect
    for what, outcomes in (
        (RIVALS, effect.rivals),
        (SHARE_ALIKE, effect.share_alike),
        (ATTRIBUTION, effect.attribution),
    ):
        if YES in outcomes:
            yield Ask(what, "", is_sure(outcomes, lambda one: one == YES))
    strict = effect.commercial & {NON_COMMERCIAL, ACADEMIC}
    if strict:
        yield Ask(COMMERCE, " or ".join(sorted(strict)), is_sure(effect.commercial, lambda one: one in strict))
    open_ones = effect.commercial & {UNKNOWN, UNSPECIFIED}
    details = ["no licence is stated" if one == UNSPECIFIED else "unknown licence" for one in sorted(open_ones)]
    if not open_ones and OPEN in effect.rivals:
        details.append("whether it forbids rival models")
    if details:
        yield Ask(NOT_KNOWN, "; ".join(details), is_sure(effect.commercial, lambda one: one in open_ones))


def _outcome(outcomes: Outcomes) -> str:
    """One word for outcomes: yes or no where all choices agree."""
    return (
        next(iter(outcomes)) if len(outcomes) == 1 else (YES if YES in outcomes else OPEN if OPEN in outcomes else NO)
    )
