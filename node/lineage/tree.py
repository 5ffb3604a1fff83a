"""A lineage as a tree for a terminal: the asset on top, what it was made from, what was made from it.

Each node is opened once, where it is nearest to the root; elsewhere a line says where that is, so cycles end and the
output has at most one line for each edge, wrapped to the width. Long lists are folded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from node.lineage.distinct import with_distinct_names
from node.lineage.graph import BOTH, DOWN, UP, Edge, Graph, Node
from node.lineage.speakers import speaker_words, usual_speaker
from node.lineage.useplaces import UsePlaces
from node.lineage.wording import (
    all_credited_words,
    cells,
    credited_words,
    cut,
    earned_words,
    finding_words,
    license_parts,
    mark_words,
    relation_words,
    share_words,
    short_license,
    use_words,
    where_words,
)  # fmt: skip
from node.printable import safe_line

WIDTH_MIN = 60
TITLE_CELLS = 60
PART_CELLS = 480
"""Most of one part, as a licence: a long one is broken between words, over several lines."""
LICENSE_LINES = 4 / 3
"""How much of a line's width a licence may take below the root, whose licence is shown whole."""
SAME = "the same licence"
LIMIT = 100
INDENT_LEVELS_MAX = 12
"""How many levels are indented, in a third of the width at most; deeper ones say their level instead."""
_HEADINGS = {UP: "made from", DOWN: "what was made from it"}
NOTHING = "nothing that the log knows of"


@dataclass(frozen=True, slots=True)
class _Signs:
    branch: str
    last: str
    pass_by: str
    space: str
    above: str
    below: str
    dot: str


_UNICODE = _Signs("├─ ", "└─ ", "│  ", "   ", "↑ shown above", "↓ shown below", " · ")
_ASCII = _Signs("|- ", "`- ", "|  ", "   ", "^ shown above", "v shown below", " - ")


@dataclass(frozen=True, slots=True)
class _Page:
    """What is drawn, and how. `usual`: who says what has no name beside it, if somebody says most; `places`: where uses
    stand."""

    graph: Graph
    signs: _Signs
    width: int
    usual: str | None
    places: UsePlaces


@dataclass(slots=True)
class _Child:
    edge: Edge
    node: Node
    opens: bool


@dataclass(slots=True)
class _Plan:
    """Which children stand under which node. `folded`: how many of a node's aren't listed."""

    children: dict[str, list[_Child]] = field(default_factory=dict)
    folded: dict[str, int] = field(default_factory=dict)


def render_tree(
    graph: Graph, *, width: int, direction: str = BOTH, limit: int = LIMIT, is_ascii: bool = False,
    nothing: str = NOTHING,
) -> list[str]:  # fmt: skip
    """The lines, without line ends. `width`: columns, at least WIDTH_MIN are taken; `direction`: BOTH, UP or DOWN;
    `limit`: children listed under one node, 0 for all; `is_ascii`: nothing but ASCII; `nothing`: what stands
    where there is no material, since a lineage may have been asked for in part. No line has control characters,
    whatever the log says."""
    width = max(width, WIDTH_MIN)
    graph = with_distinct_names(graph)
    usual = usual_speaker(graph)
    page = _Page(graph, _ASCII if is_ascii else _UNICODE, width, usual, UsePlaces(graph))
    lines = list(_root_lines(page, limit))
    printed = {graph.root}
    for way in (UP, DOWN) if direction == BOTH else (direction,):
        lines += ["", f"{_HEADINGS[way]}:"]
        plan = _planned(graph, way, limit, printed)
        if not plan.children:
            lines.append(f"  {nothing}")
        lines += _section(page, plan, printed)
    if graph.truncated:
        lines += ["", *(cut(f"not shown: {safe_line(note)}", width) for note in graph.truncated)]
    if not is_ascii:
        return lines
    return [line.replace("…", "...").replace("×", "x").encode("ascii", "backslashreplace").decode() for line in lines]


def _root_lines(page: _Page, limit: int) -> Iterator[str]:
    """The root, all that it was used for and earned, and who says most of what follows."""
    graph, width = page.graph, page.width
    node = graph.node(graph.root)
    yield from _wrapped("", "  ", list(_node_parts(graph, node)), page)
    since = f" since {graph.since}" if graph.since else ""
    for text in use_words(node.uses):
        yield cut(f"  used{since}: {text}", width)
    earned = sorted(node.earned, key=lambda one: (one.currency, -one.amount, one.payer))
    shown = earned[:limit] if limit else earned
    for one in shown:
        through = "its own uses" if one.through in (None, node.id) else f"uses of {_name_of(graph, str(one.through))}"
        text = f"earned{since}: {earned_words([one]) or 'nothing'} from {safe_line(one.payer_name)}, {through}"
        credited = credited_words(node, one, is_since=bool(graph.since))
        yield from _wrapped("  ", "    ", [f"{text} ({one.uses:,}){credited}"], page)
    if len(shown) < len(earned):
        yield f"  … and {len(earned) - len(shown):,} more (--limit)"
    if len(earned) > 1:
        yield f"  earned{since} in all: {earned_words(earned)}"
    if page.usual is not None:
        yield from _wrapped("  ", "  ", [f"below: said and concluded by {page.usual} unless noted"], page)


def _name_of(graph: Graph, node_id: str) -> str:
    return cut(safe_line(graph.node(node_id).title), TITLE_CELLS) if node_id in graph else f"asset {node_id}"


def _planned(graph: Graph, way: str, limit: int, printed: set[str]) -> _Plan:
    """The children of each node that is opened; breadth first, so that a node stands where it is nearest."""
    plan = _Plan()
    opened = {graph.root}
    queue = deque([graph.root])
    while queue:
        at = queue.popleft()
        found = graph.children(at, way)
        kept = found[:limit] if limit else found
        if len(kept) < len(found):
            plan.folded[at] = len(found) - len(kept)
        for edge, node in kept:
            opens = node.id not in opened and node.id not in printed
            if edge.is_claim and not opens:
                continue  # it stands where it was met, and both ends say so
            plan.children.setdefault(at, []).append(_Child(edge, node, opens))
            if opens:
                opened.add(node.id)
                queue.append(node.id)
    return plan


def _section(page: _Page, plan: _Plan, printed: set[str]) -> Iterator[str]:
    """The lines of one direction, depth first along the plan; adds to `printed`."""
    graph, signs, width = page.graph, page.signs, page.width
    stack = [_level(plan, graph.root, "", 0)]
    indented = min(INDENT_LEVELS_MAX, width // 3 // len(signs.space))
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            continue
        child, prefix, level, is_last = step
        if child is None:
            yield f"{prefix}{signs.last}… and {level:,} more (--limit)"
            continue
        head = prefix + (signs.last if is_last else signs.branch)
        below = prefix + (signs.space if is_last else signs.pass_by) if level < indented else prefix
        deep = f"[level {level + 1}] " if level >= indented else ""
        parts = [
            deep
            + relation_words(child.edge, UP if child.node.id == child.edge.source else DOWN)
            + ": "
            + _title(child.node)
        ]
        if child.opens:
            printed.add(child.node.id)
            parts += list(_node_parts(graph, child.node, page, above=_other_end(graph, child)))[1:]
            parts += page.places.direct_words(child.node)
            parts += filter(None, (all_credited_words(child.node),))
        else:
            parts += [f"asset {child.node.id}"] if child.node.is_asset else []
            parts.append(signs.above if child.node.id in printed else signs.below)
        parts += _edge_parts(page, child.edge)
        has_more = child.opens and child.node.id in plan.children
        yield from _wrapped(head, below + (signs.pass_by if has_more else signs.space) + "  ", parts, page)
        if has_more:
            stack.append(_level(plan, child.node.id, below, level + 1))


def _level(plan: _Plan, at: str, prefix: str, level: int) -> Iterator[tuple[_Child | None, str, int, bool]]:
    """Each child of a node with the prefix of its line, its level, and whether nothing comes after it; then None with
    the number of those that are folded."""
    children, folded = plan.children.get(at, []), plan.folded.get(at, 0)
    for number, child in enumerate(children, 1):
        yield child, prefix, level, number == len(children) and not folded
    if folded:
        yield None, prefix, folded, True


def _title(node: Node) -> str:
    return cut(safe_line(node.title), TITLE_CELLS)


def _other_end(graph: Graph, child: _Child) -> Node:
    """What a child hangs on."""
    edge = child.edge
    return graph.node(edge.derived if child.node.id == edge.source else edge.source)


def _node_parts(graph: Graph, node: Node, page: _Page | None = None, above: Node | None = None) -> Iterator[str]:
    """What is said of a node; in full for the root, which is on no page and hangs on nothing."""
    yield _title(node)
    if node.type:
        yield node.type
    if node.is_asset or node.title != node.id:
        yield where_words(node)
    licenses = license_parts(node, page.usual if page else None)
    known = {text for text, _ in license_parts(above)} if above else set()
    for text, who in licenses:
        shown = short_license(text, int(page.width * LICENSE_LINES)) if page else text
        yield f"{SAME if known == {text} and cells(shown) > len(SAME) else shown} ({who})"
    if not licenses:
        yield "no licence said"
    yield from finding_words(node)
    yield from (mark.upper() for mark in mark_words(graph, node))


def _edge_parts(page: _Page, edge: Edge) -> Iterator[str]:
    if edge.bps:
        yield f"share {share_words(edge.bps)}"
    if edge.uses:
        yield "used: " + ", ".join(page.places.edge_words(edge))
    earned = earned_words(edge.earned)
    if earned:
        yield f"earned {earned} along here"
    said = speaker_words(page.graph, edge, page.usual)
    if said:
        yield said


def _wrapped(head: str, hang: str, parts: list[str], page: _Page) -> Iterator[str]:
    """Parts joined by dots, broken between parts, at most at `width`; a part that is longer than a line is broken
    between its words."""
    signs, width = page.signs, page.width
    line, used, is_begun = head, cells(head), False
    for part in parts:
        for at, text in enumerate(_broken(cut(part, PART_CELLS), max(20, width - cells(hang)))):
            size = cells(text)
            if is_begun and (at or used + len(signs.dot) + size > width):
                yield line
                line, used, is_begun = hang, cells(hang), False
            if is_begun:
                line, used = line + signs.dot, used + len(signs.dot)
            line, used, is_begun = line + text, used + size, True
    yield line


def _broken(text: str, room: int) -> Iterator[str]:
    """A text in pieces of at most so many columns, broken between words; a longer word is cut."""
    piece = ""
    for word in text.split(" "):
        longer = f"{piece} {word}" if piece else word
        if piece and cells(longer) > room:
            yield cut(piece, room)
            longer = word
        piece = longer
    yield cut(piece, room)
