"""A lineage for Graphviz: DOT, read by `dot`, `sfdp` and whatever else draws graphs.

Names of nodes are ours (`n0`, `n1`, …); what a log says stands in quoted labels and tooltips only. In these a backslash
begins an escape (`\\N` is the node's name) and `&` an entity, so both are written as what shows them.
"""

from __future__ import annotations

from collections.abc import Iterator

from node.lineage.distinct import with_distinct_names
from node.lineage.graph import UP, Edge, Graph, Node
from node.lineage.palette import BOXES, LINES, box_style, line_style
from node.lineage.useplaces import UsePlaces
from node.lineage.wording import (
    all_credited_words,
    curators,
    cut,
    earned_words,
    license_words,
    mark_words,
    names,
    relation_words,
    share_words,
    use_words,
    where_words,
)  # fmt: skip
from node.printable import safe_line

TITLE_CELLS, LINE_CELLS = 48, 60


def render_dot(graph: Graph) -> str:
    """The graph, from sources to what was made of them. Every node and every edge is in it; the text is UTF-8."""
    graph = with_distinct_names(graph)
    places = UsePlaces(graph)
    name = {node.id: f"n{at}" for at, node in enumerate(graph.nodes)}
    lines = [
        "digraph lineage {",
        f"  graph [rankdir=LR, charset={_quoted('UTF-8')}, label={_label(_about(graph))}, labelloc=t, labeljust=l];",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=11];',
        '  edge [fontname="sans-serif", fontsize=9];',
    ]
    for node in graph.nodes:
        lines.append(f"  {name[node.id]} [{_attributes(_of_node(graph, node, places))}];")
    for edge in graph.edges:
        ends = f"{name[edge.source]} -> {name[edge.derived]}"
        lines.append(f"  {ends} [{_attributes(_of_edge(graph, edge, places))}];")
    return "\n".join([*lines, "}"]) + "\n"


def _about(graph: Graph) -> list[str]:
    root = graph.node(graph.root)
    return [
        f"Lineage of {cut(safe_line(root.title), TITLE_CELLS)}",
        f"{len(graph.nodes):,} nodes, {len(graph.edges):,} edges, {graph.size:,} entries in the log",
        *(f"not shown: {safe_line(note)}" for note in graph.truncated),
    ]


def _of_node(graph: Graph, node: Node, places: UsePlaces) -> Iterator[tuple[str, str]]:
    title = cut(safe_line(node.title), TITLE_CELLS)
    lines = [title, cut(where_words(node), LINE_CELLS)]
    lines += [cut(words, LINE_CELLS) for words in license_words(node)]
    lines += [mark.upper() for mark in mark_words(graph, node)]
    money = earned_words(node.earned)
    lines += [f"earned {money}"] if money else []
    lines += filter(None, (all_credited_words(node),))
    yield "label", _label(lines)
    uses = [*use_words(node.uses), *places.direct_words(node)]
    yield "tooltip", _label([safe_line(node.title), where_words(node), *uses])
    yield "fillcolor", _quoted(BOXES[box_style(node)][0])
    styles = ["rounded", "filled", *([] if node.is_asset else ["dashed"])]
    yield "style", _quoted(",".join(styles))
    if node.id == graph.root:
        yield "penwidth", "3"
    if mark_words(graph, node):
        yield "color", _quoted("#b00020")


def _of_edge(graph: Graph, edge: Edge, places: UsePlaces) -> Iterator[tuple[str, str]]:
    money = earned_words(edge.earned)
    lines = [relation_words(edge, UP)]
    lines += [f"share {share_words(edge.bps)}"] if edge.bps else []
    lines += [f"earned {money}"] if money else []
    said = curators(graph, edge)
    yield "label", _label(lines)
    yield "tooltip", _label([*lines, *places.edge_words(edge), *([f"said by {names(said)}"] if said else [])])
    line, _, dashes = LINES[line_style(edge)]
    yield "color", _quoted(line)
    yield "fontcolor", _quoted(line)
    if dashes:
        yield "style", "dashed"
    if money:
        yield "penwidth", "2.5"


def _attributes(pairs: Iterator[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={value}" for name, value in pairs)


def _label(lines: list[str]) -> str:
    """Lines as the text of a label, each as it is to be seen."""
    shown = (line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(shown) + '"'


def _quoted(text: str) -> str:
    """A text of ours that is no label."""
    return f'"{text}"'
