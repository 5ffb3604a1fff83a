"""Which licences stand behind an asset, what they ask, along which path, and who says so.

The walk goes upstream from the lineage's root. `evaluated_on` carries nothing: what a model was measured on is not in
it. Where a model's outputs were used (node/lineage/outputs.py), a licence reaches only if it speaks of outputs; whether
it does is marked, not decided.

A *material* is what was logged: the id in an edge or a use. What an owner says of his own asset is *declared*, what a
curator says of material that isn't his is *concluded*; what the owner of an asset says that claims a name is *claimed*
of that name, for a claim is no ownership. They are never mixed, and where they differ about one material they stand
side by side. What is said of a package holds for a version of which nobody says it; what is said of one version holds
for no other, and claims join no two names. Nothing here is legal advice.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag

from node.lineage.graph import VERSION_OF, Edge, Graph, Node, Speaker
from node.lineage.licenseclasses import ACADEMIC, NON_COMMERCIAL, UNKNOWN, UNSPECIFIED, Classes
from node.lineage.licenseexpr import NO, OPEN, YES, Outcomes, Read, is_sure, read_expression
from node.lineage.outputs import is_of_outputs
from proofs.ref import parse_ref

DECLARED, CONCLUDED, BY_CLAIM = "declared", "concluded", "claimed"
RIVALS, COMMERCE, SHARE_ALIKE, ATTRIBUTION, NOT_KNOWN = (
    "forbids rival models", "restricts commercial use", "share-alike", "attribution", "not known",
)  # fmt: skip
ASKS = (RIVALS, COMMERCE, SHARE_ALIKE, ATTRIBUTION, NOT_KNOWN)
CLAIMS, CLAIMED = "claims", "claimed_by"
CONTESTED = "contested"
"""Steps between an asset and an external name that its owner claims. Stands beside them where several parties claim the
name."""
PATH_STEPS_MAX = 32
"""Of a longer path the middle is left out, and counted."""
SPEAKERS_MAX = 8
_NOTHING_CARRIED = "evaluated_on"
_UNCARRIED_USE = "evaluate"
_USE = "use: "


@dataclass(frozen=True, slots=True)
class Statement:
    """Who says which licence of which node. `standing`: DECLARED, CONCLUDED or BY_CLAIM; `party`: hex; `record`: the
    reference where it is said; `disputes`: the states of disputes of that record."""

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
    """One step upstream, to `node`. `relations`: of the edge, `use: …` for logged uses, CLAIMS or CLAIMED; `said_by`:
    at most SPEAKERS_MAX, and how many `others` say it too."""

    node: str
    relations: tuple[str, ...]
    said_by: tuple[Speaker, ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """A node that was reached: by `step` from the way of number `before`; both are None at the root."""

    before: int | None
    step: Step | None


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
    `speaks_of_outputs`: yes, no or unknown, whether the licence has a term for these; `way`: the number of the one that
    `path` shows."""

    statement: Statement
    read: Read
    asks: tuple[Ask, ...]
    path: Path
    way: int
    through_outputs: bool
    speaks_of_outputs: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """`findings`: nearest first; `unlicensed`: ids and titles of materials of which nobody says a licence; `conflicts`:
    what was said of one material in different words; `free`: statements that ask nothing; `contested`: ids and titles
    of names that assets of several parties claim; `nodes`: how many were reached, the root too; `ways`: how, all of
    them; `left_out`: what the lineage itself left out."""

    root: str
    title: str
    size: int
    nodes: int
    findings: tuple[Finding, ...]
    unlicensed: tuple[tuple[str, str], ...]
    conflicts: tuple[tuple[Statement, ...], ...]
    free: tuple[Statement, ...]
    contested: tuple[tuple[str, str], ...]
    ways: tuple[Way, ...]
    left_out: tuple[str, ...]

    def asking(self, what: str) -> Iterator[tuple[Finding, Ask]]:
        """The findings that ask one thing."""
        for finding in self.findings:
            for ask in finding.asks:
                if ask.what == what:
                    yield finding, ask


class _May(IntFlag):
    """What counts of a node that was reached: what is said of its licence, its sources, its package, its claims."""

    WORDS = 1
    SOURCES = 2
    PACKAGE = 4
    CLAIMS = 8
    ALL = 15


_State = tuple[str, bool, _May]
"""A node, whether it was reached through outputs, and what counts of it: ALL of what was logged."""
_HALF = PATH_STEPS_MAX // 2


@dataclass(frozen=True, slots=True)
class _Came:
    """How a state was reached: the `number`-th, from which one, by which step, after how many; `head`: the first _HALF
    steps."""

    number: int
    before: _State | None
    step: Step | None
    length: int
    head: tuple[Step, ...]


def reason(graph: Graph, classes: Classes) -> Reasoning:
    """The licences upstream of the graph's root, by these classes.

    One shortest path for each node and so for each licence said of it, a direct one before one through outputs. Time
    and memory are linear in the graph (each node is visited a few times at most), whatever cycles there are; paths are
    cut to PATH_STEPS_MAX steps.
    """
    words = _Words(graph)
    came = _walk(graph, words)
    reads: dict[str, Read] = {}
    findings: list[Finding] = []
    free: list[Statement] = []
    for state, is_own in _spoken_of(came):
        path, number = _path(came, state), came[state].number
        for statement in words.of(state[0], DECLARED if is_own else BY_CLAIM):
            text = statement.license
            read = reads.get(text) or reads.setdefault(text, read_expression(text, classes))
            asks = tuple(_asks(read))
            if asks:
                outputs = _outcome(read.effect.outputs)
                findings.append(Finding(statement, read, asks, path, number, state[1], outputs))
            else:
                free.append(statement)
    findings.sort(key=lambda one: one.path.length)
    reached = dict.fromkeys(node for node, _, _ in came)
    materials = dict.fromkeys(node for node, _, may in came if may == _May.ALL)
    contested = (graph.node(one) for one in reached if graph.is_contested(graph.node(one)))
    silent = (graph.node(one) for one in materials if not any(words.about(one)))
    ways = (Way(None if one.before is None else came[one.before].number, one.step) for one in came.values())
    return Reasoning(
        graph.root, graph.node(graph.root).title, graph.size, len(reached), tuple(findings),
        tuple((one.id, one.title) for one in silent), tuple(words.conflicts(materials)), tuple(free),
        tuple((one.id, one.title) for one in contested), tuple(ways), graph.truncated,
    )  # fmt: skip


def _spoken_of(came: dict[_State, _Came]) -> Iterator[tuple[_State, bool]]:
    """Each node whose licence counts, by its best state: a direct one first, then one that was logged. And whether the
    node itself was logged, not only claimed."""
    best: dict[str, _State] = {}
    logged = set()
    for state in came:
        node, through, may = state
        if may == _May.ALL:
            logged.add(node)
        if _May.WORDS in may:
            have = best.setdefault(node, state)
            if (through, -may) < (have[1], -have[2]):
                best[node] = state
    for node, state in best.items():
        yield state, node in logged


class _Words:
    """What is said of licences: of a node itself, and about a material under its names."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._said: dict[tuple[str, str], tuple[Statement, ...]] = {}
        self._of_names: dict[str, tuple[Statement, ...]] = {}

    def of(self, node_id: str, standing: str) -> tuple[Statement, ...]:
        """Of a node itself. `standing`: of what the owner says, where it is an asset."""
        key = node_id, standing
        if key not in self._said:
            self._said[key] = tuple(statements(self._graph.node(node_id), standing))
        return self._said[key]

    def of_name(self, name: str) -> tuple[Statement, ...]:
        """Of an external name: what curators conclude, and what the owners of assets say that claim it."""
        if name not in self._of_names:
            claimants = (edge.source for edge in self._graph.sources(name) if edge.is_claim)
            claimed = (one for asset in claimants for one in self.of(asset, BY_CLAIM))
            self._of_names[name] = (*self.of(name, CONCLUDED), *claimed)
        return self._of_names[name]

    def about(self, node_id: str) -> Iterator[tuple[str, tuple[Statement, ...]]]:
        """About a material: for each name of an asset what is said of both, for a name what is said of it; where
        nobody says anything, what is said of the package. Each with what it is about; without statements, nothing."""
        if not self._graph.node(node_id).is_asset:
            of_name, package = self.of_name(node_id), self._package(node_id)
            if of_name:
                yield node_id, of_name
            elif package and self.of_name(package):
                yield package, self.of_name(package)
            return
        own, is_alone = self.of(node_id, DECLARED), True
        for name in (edge.derived for edge in self._graph.made_from(node_id) if edge.is_claim):
            said, package = own + self.of(name, CONCLUDED), self._package(name)
            if not said and package:
                said = self.of(package, CONCLUDED)
            if len(said) > len(own):
                is_alone = False
                yield name, said
        if own and is_alone:
            yield node_id, own

    def _package(self, name: str) -> str | None:
        return next((edge.source for edge in self._graph.sources(name) if VERSION_OF in edge.relations), None)

    def conflicts(self, materials: Iterable[str]) -> Iterator[tuple[Statement, ...]]:
        """What was said of one material in different words; once, where it is said of the package of several."""
        by_name: dict[str, tuple[Statement, ...]] = {}
        for about, said in (pair for node_id in materials for pair in self.about(node_id)):
            by_name[about] = max(by_name.get(about, ()), said, key=len)
        for said in by_name.values():
            if len({" ".join(one.license.split()) for one in said}) > 1:
                yield said


def statements(node: Node, standing: str = DECLARED) -> Iterator[Statement]:
    """Who says which licence of a node: of an asset, its record and its newest terms where these differ, with this
    `standing`; of an external name, each curator's description."""
    if node.is_asset:
        refs = {str(node.record.get("license") or ""): str(node.ref)}
        if node.terms and node.terms.license:
            refs.setdefault(node.terms.license, node.terms.ref)
        for text, ref in refs.items():
            if text:
                party, name = str(node.party), str(node.party_name)
                yield Statement(node.id, node.title, text, standing, party, name, ref, _disputes(node, ref))
        return
    for one in node.descriptions:
        if "license" in one.record:
            text = str(one.record["license"])
            disputes = _disputes(node, one.ref)
            yield Statement(node.id, node.title, text, CONCLUDED, one.party, one.party_name, one.ref, disputes)


def _disputes(node: Node, ref: str) -> tuple[str, ...]:
    index = parse_ref(ref).index
    return tuple(dict.fromkeys(one.state for one in node.disputes if one.target == index))


def _walk(graph: Graph, words: _Words) -> dict[_State, _Came]:
    """How each node was first reached, directly and through outputs; breadth first, so by a shortest way."""
    used = _used_into(graph)
    start: _State = (graph.root, False, _May.ALL)
    came = {start: _Came(0, None, None, 0, ())}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        here = came[state]
        for step, is_outputs, may in _steps(graph, state, used, words):
            after = (step.node, state[1] or is_outputs)
            if not _is_covered(came, *after, may):
                head = here.head if here.length >= _HALF else (*here.head, step)
                came[*after, may] = _Came(len(came), state, step, here.length + 1, head)
                queue.append((*after, may))
    return came


def _is_covered(came: dict[_State, _Came], node: str, through: bool, may: _May) -> bool:
    """Whether a node was reached before in a way of which as much counts."""
    ways = (False, True) if through else (False,)
    return any((node, way, kind) in came for way in ways for kind in (may, _May.ALL))


def _steps(
    graph: Graph, state: _State, used: dict[str, list[Step]], words: _Words
) -> Iterator[tuple[Step, bool, _May]]:
    """Each step from a state, whether it is one to a model whose outputs were used, and what counts where it leads."""
    node_id, _, may = state
    joined: dict[str, bool] = {}
    for edge in graph.sources(node_id):
        relations = carried(edge)
        if edge.is_claim:
            if _May.CLAIMS in may:
                yield _claim(graph, edge, edge.source, CLAIMED), False, may & (_May.WORDS | _May.SOURCES)
        elif relations == (VERSION_OF,):
            rest = _left_to_package(graph, node_id, may, words)
            if rest & (_May.WORDS | _May.SOURCES):
                yield _step(edge.source, relations, edge), False, rest
        elif relations and _May.SOURCES in may:
            joined[edge.source] = is_of_outputs(relations)
            yield _step(edge.source, relations, edge), joined[edge.source], _May.ALL
    for edge in graph.made_from(node_id):
        if edge.is_claim and _May.CLAIMS in may:
            yield _claim(graph, edge, edge.derived, CLAIMS), False, may & ~_May.CLAIMS
    for step in used.get(node_id, ()) if _May.SOURCES in may else ():
        is_outputs = is_of_outputs(uses=[relation.removeprefix(_USE) for relation in step.relations])
        if joined.get(step.node, True) and (step.node not in joined or not is_outputs):
            yield step, is_outputs, _May.ALL


def _left_to_package(graph: Graph, name: str, may: _May, words: _Words) -> _May:
    """What counts of a version's package: what nobody says of the version."""
    if _May.PACKAGE not in may:
        return _May(0)
    rest = may & _May.CLAIMS
    if not words.of_name(name):
        rest |= may & _May.WORDS
    if not any(set(carried(edge)) - {VERSION_OF} for edge in graph.sources(name) if not edge.is_claim):
        rest |= may & _May.SOURCES
    return rest


def _step(to: str, relations: tuple[str, ...], edge: Edge) -> Step:
    return Step(to, relations, edge.said_by[:SPEAKERS_MAX], max(0, len(edge.said_by) - SPEAKERS_MAX))


def _claim(graph: Graph, edge: Edge, to: str, relation: str) -> Step:
    is_contested = graph.is_contested(graph.node(edge.derived))
    return _step(to, (relation, CONTESTED) if is_contested else (relation,), edge)


def carried(edge: Edge) -> tuple[str, ...]:
    """The relations of an edge along which a licence reaches what was made."""
    return tuple(relation for relation in edge.relations if relation != _NOTHING_CARRIED)


def _used_into(graph: Graph) -> dict[str, list[Step]]:
    """Logged uses of material that name what was made with it, by that."""
    found: dict[str, list[Step]] = defaultdict(list)
    for node in graph.nodes:
        into: dict[str, set[str]] = defaultdict(set)
        for one in node.uses:
            for made in graph.made_by(one) if one.use != _UNCARRIED_USE else ():
                into[made].add(_USE + one.use)
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
    details = list(_open_details(read))
    if details:
        outcomes, wanted = (effect.open, YES) if YES in effect.open else (effect.rivals, OPEN)
        yield Ask(NOT_KNOWN, "; ".join(details), is_sure(outcomes, lambda one: one == wanted))


def _open_details(read: Read) -> Iterator[str]:
    """What isn't known of an expression. A part that isn't known stays so beside a part that is strict."""
    effect = read.effect
    for commercial, words in ((UNKNOWN, "unknown licence"), (UNSPECIFIED, "no licence is stated")):
        parts = [one.text for one in read.licenses if one.found.commercial == commercial]
        if commercial in effect.commercial:
            yield words
        elif parts:
            yield f"{words} in it: {', '.join(parts)}"
    if YES not in effect.open and OPEN in effect.rivals:
        yield "whether it forbids rival models"


def _outcome(outcomes: Outcomes) -> str:
    """One word for outcomes: yes or no where all choices agree."""
    return (
        next(iter(outcomes)) if len(outcomes) == 1 else (YES if YES in outcomes else OPEN if OPEN in outcomes else NO)
    )
