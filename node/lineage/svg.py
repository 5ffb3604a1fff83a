"""A lineage as a drawing: SVG without scripts, fonts or references to anything outside; sources on the left, what was
made from them on the right.

Every text of the log is made printable and escaped. The same lineage gives the same bytes. docs/decisions/0021 tells
why the layout is our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from node.lineage.distinct import with_distinct_names
from node.lineage.graph import UP, Edge, Graph, Node
from node.lineage.layout import Arc, Layout, Sizes, Step, lay_out
from node.lineage.palette import BOXES, CLAIMED, LINES, box_style, line_style
from node.lineage.useplaces import UsePlaces
from node.lineage.wording import (
    BEFORE_CREDITS,
    all_credited_words,
    cells,
    curators,
    earned_words,
    license_words,
    mark_words,
    names,
    relation_words,
    share_words,
    sums_earned,
    use_words,
    where_words,
)  # fmt: skip
from node.printable import safe_line

NODES_MAX = 1_500
"""Boxes drawn; those farther from the root are left out, and the drawing says so."""
EDGES_MAX = 6_000
BOX_WIDTH, BOX_HEIGHT = 212, 40
MARGIN, HEAD_HEIGHT, LEGEND_ROW = 24, 64, 22
WIDTH_MIN = 760
TEXT_INSET = 9
TITLE_PX, SMALL_PX, HEADING_PX = 12.5, 10.5, 17
BOLD = 1.06
"""How much wider bold letters are."""
TOOLTIP_CHARS_MAX = 1_200
STYLES = tuple(LINES)
SIZES = Sizes(
    box_width=BOX_WIDTH, box_height=BOX_HEIGHT, box_gap=10, track_gap=7, column_gap=72, column_gap_max=120
)  # fmt: skip


def render_svg(graph: Graph) -> str:
    """The drawing, an XML document. At most NODES_MAX nodes nearest to the root and EDGES_MAX edges between them are
    drawn. Cost: about 0.2 s of CPU for 500 nodes and 700 edges, 3 s for as many as may be."""
    graph = with_distinct_names(graph)
    places = UsePlaces(graph)
    nodes = sorted(graph.nodes, key=lambda node: (abs(node.level), node.level))[:NODES_MAX]
    number = {node.id: at for at, node in enumerate(nodes)}
    edges = [edge for edge in graph.edges if edge.source in number and edge.derived in number][:EDGES_MAX]
    arcs = [Arc(number[edge.source], number[edge.derived], STYLES.index(line_style(edge))) for edge in edges]
    layout = lay_out(len(nodes), arcs, SIZES)
    width = max(WIDTH_MIN, round(layout.width + 2 * MARGIN))
    legend, legend_height = _legend(graph, edges, width)
    top = HEAD_HEIGHT + legend_height + MARGIN
    height = round(top + layout.height + MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' role="img" aria-labelledby="lineage-title lineage-desc" font-family="sans-serif">',
        *_head(graph, nodes, edges),
        *legend,
        f'<g transform="translate({MARGIN} {top})">',
        *_lines(graph, edges, layout, places),
        *_loops(graph, edges, layout, number, places),
        *_boxes(graph, nodes, layout, places),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _head(graph: Graph, nodes: list[Node], edges: list[Edge]) -> Iterator[str]:
    root = graph.node(graph.root)
    title = f"Lineage of {_fitted(safe_line(root.title), 700, HEADING_PX)}"
    parts = [f"{len(graph.nodes):,} nodes, {len(graph.edges):,} edges", f"{graph.size:,} entries in the log"]
    parts += [f"uses since {graph.since}"] if graph.since else []
    if len(nodes) < len(graph.nodes) or len(edges) < len(graph.edges):
        parts.append(f"NOT DRAWN: {len(graph.nodes) - len(nodes):,} nodes, {len(graph.edges) - len(edges):,} edges")
    parts += [f"NOT SHOWN: {safe_line(note)}" for note in graph.truncated]
    about = f"{safe_line(where_words(root))}. Sources are on the left, what was made from them on the right. "
    yield f'<title id="lineage-title">{escape(title)}</title>'
    yield f'<desc id="lineage-desc">{escape(about + "; ".join(parts))}</desc>'
    yield f"<style>{_css()}</style>"
    yield "<defs>"
    for style in STYLES:
        yield (
            f'<marker id="to-{style}" class="h-{style}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8"'
            ' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0.5 8 4 0 7.5z"/>'
            "</marker>"
        )
    yield f'<clipPath id="box"><rect width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/></clipPath>'
    yield "</defs>"
    yield '<rect class="page" width="100%" height="100%"/>'
    yield f'<text class="t" x="{MARGIN}" y="{MARGIN + 8}" font-size="{HEADING_PX}">{escape(title)}</text>'
    yield f'<text class="s" x="{MARGIN}" y="{MARGIN + 27}" font-size="12">{escape(" · ".join(parts))}</text>'


def _css() -> str:
    """Colours in light, and again for whoever prefers dark; plain classes, since not every viewer knows variables."""
    light, dark = [], []
    for name, (fill, dim) in BOXES.items():
        light.append(f".b-{name}{{fill:{fill}}}")
        dark.append(f".b-{name}{{fill:{dim}}}")
    for name, (line, dim, dash) in LINES.items():
        dashes = f";stroke-dasharray:{dash}" if dash else ""
        light.append(f".e-{name}{{stroke:{line}{dashes}}}.h-{name}{{fill:{line}}}")
        dark.append(f".e-{name}{{stroke:{dim}}}.h-{name}{{fill:{dim}}}")
    return (
        ".page{fill:#fff}.t{fill:#14181d;font-weight:600}.s{fill:#4a5560}.w{fill:#b00020;font-weight:600}"
        ".b{stroke:#66707c;stroke-width:1}.x{stroke-dasharray:4 3}.r{stroke:#14181d;stroke-width:2.5}"
        ".o{fill-opacity:.35}.e{fill:none;stroke-width:1.3;stroke-linejoin:round}.m{stroke-width:2.6}.e:hover{stroke-width:4}"
        + "".join(light)
        + "@media (prefers-color-scheme:dark){.page{fill:#14181d}.t{fill:#eef2f6}.s{fill:#aab6c2}.w{fill:#ff8a95}"
        ".b{stroke:#8b97a4}.r{stroke:#eef2f6}" + "".join(dark) + "}"
    )


def _legend(graph: Graph, edges: list[Edge], width: int) -> tuple[list[str], int]:
    """What the colours, lines and marks mean, as far as they occur; in as many rows as it takes."""
    items: list[tuple[str, str]] = []
    kinds = {box_style(node) for node in graph.nodes}
    for kind in BOXES:
        if kind in kinds:
            items.append((f'<rect class="b b-{kind}" y="-9" width="22" height="13" rx="3"/>', kind))
    for node_kind, words in ((True, "asset of this log"), (False, "external name")):
        if any(node.is_asset == node_kind for node in graph.nodes):
            dashed = "" if node_kind else " x"
            items.append((f'<rect class="b{dashed}" fill="none" y="-9" width="22" height="13" rx="3"/>', words))
    for style in STYLES:
        if any(line_style(edge) == style for edge in edges):
            line = f'<path class="e e-{style}" d="M0 -3H24" marker-end="url(#to-{style})"/>'
            items.append((line, "claims that name" if style == CLAIMED else style.replace("_", " ")))
    if any(edge.earned for edge in edges):
        items.append(('<path class="e m e-derived_from" d="M0 -3H22"/>', "thick: money came along it"))
    if any(node.earned for node in graph.nodes):
        items.append(('<text class="s" x="-4" y="2" font-size="12">1.00</text>', f"earned, {BEFORE_CREDITS}"))
    if any(not node.declared and node.concluded for node in graph.nodes):
        items.append(
            (
                '<text class="s" x="-4" y="2" font-size="12">…?</text>',
                "a licence concluded by a curator, not the owner's word",
            )
        )
    parts, x, row = [], float(MARGIN), 0
    for sign, words in items:
        room = 30 + _width(words, 12) + 18
        if x + room > width - MARGIN and x > MARGIN:
            x, row = float(MARGIN), row + 1
        y = HEAD_HEIGHT + MARGIN / 2 + row * LEGEND_ROW
        parts.append(
            f'<g transform="translate({_n(x)} {_n(y)})">{sign}'
            f'<text class="s" x="30" y="2" font-size="12">{words}</text></g>'
        )
        x += room
    return parts, (row + 1) * LEGEND_ROW


def _lines(graph: Graph, edges: list[Edge], layout: Layout, places: UsePlaces) -> Iterator[str]:
    for at, edge in enumerate(edges):
        steps = layout.routes[at]
        if steps:
            end = "marker-start" if at in layout.turned else "marker-end"
            yield _line(graph, edge, _curve(steps), end, places)


def _line(graph: Graph, edge: Edge, path: str, end: str, places: UsePlaces) -> str:
    style, money = line_style(edge), " m" if edge.earned else ""
    return (
        f'<path class="e e-{style}{money}" d="{path}" {end}="url(#to-{style})">'
        f"<title>{_edge_tooltip(graph, edge, places)}</title></path>"
    )


def _curve(steps: list[Step]) -> str:
    """The path of a route: curves that leave and come in level."""
    x, y, _ = steps[0]
    path = [f"M{_n(x)} {_n(y)}"]
    for next_x, next_y, is_bend in steps[1:]:
        if not is_bend:
            path.append(f"L{_n(next_x)} {_n(next_y)}")
        elif next_y == y:
            path.append(f"H{_n(next_x)}")
        else:
            middle = (x + next_x) / 2
            path.append(f"C{_n(middle)} {_n(y)} {_n(middle)} {_n(next_y)} {_n(next_x)} {_n(next_y)}")
        x, y = next_x, next_y
    return "".join(path)


def _loops(graph: Graph, edges: list[Edge], layout: Layout, number: dict[str, int], places: UsePlaces) -> Iterator[str]:
    """Edges from a node to itself, above the right corner of its box."""
    for edge in edges:
        if edge.source == edge.derived:
            x, y = layout.boxes[number[edge.source]]
            right, middle = x + BOX_WIDTH, y + BOX_HEIGHT / 2
            path = f"M{_n(right)} {_n(middle)}c26 -2 22 -26 2 -18"
            yield _line(graph, edge, path, "marker-end", places)


def _boxes(graph: Graph, nodes: list[Node], layout: Layout, places: UsePlaces) -> Iterator[str]:
    for node, (x, y) in zip(nodes, layout.boxes, strict=True):
        shape = "b b-" + box_style(node)
        shape += "" if node.is_asset else " x"
        shape += " r" if node.id == graph.root else ""
        shape += " o" if node.retired else ""
        marks = mark_words(graph, node)
        room = BOX_WIDTH - 2 * TEXT_INSET
        title = _fitted(_short_title(node), room, TITLE_PX * BOLD)
        yield f'<g class="n" transform="translate({_n(x)} {_n(y)})"><title>{_node_tooltip(graph, node, places)}</title>'
        yield f'<rect class="{shape}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/><g clip-path="url(#box)">'
        yield f'<text class="t" x="{TEXT_INSET}" y="16.5" font-size="{TITLE_PX}">{escape(title)}</text>'
        small, y_small = _fitted(_second_line(node), room, SMALL_PX), 31.5
        if marks:
            words = ", ".join(marks)
            mark = _fitted(words, room * 0.6, SMALL_PX)
            left = room - _width(mark, SMALL_PX) - 8
            small = _fitted(_second_line(node), left, SMALL_PX)
            yield (
                f'<text class="w" x="{BOX_WIDTH - TEXT_INSET}" y="{y_small}" font-size="{SMALL_PX}" text-anchor="end">'
                f"{escape(mark)}</text>"
            )
        yield f'<text class="s" x="{TEXT_INSET}" y="{y_small}" font-size="{SMALL_PX}">{escape(small)}</text></g></g>'


def _short_title(node: Node) -> str:
    """A title; of an external name that nobody gave one, its last part, for the whole name stands below."""
    title = safe_line(node.title)
    return title if node.is_asset or node.title != node.id else title.rpartition("/")[2] or title


def _second_line(node: Node) -> str:
    """Money that it got (before credits, as the legend says), and its licence (with a question mark where only curators
    say so; `LicenseRef-` left out, for the tooltip has it whole); else where to find it."""
    said = [safe_line(text) for text in node.declared] or [f"{safe_line(text)}?" for text, _ in node.concluded[:2]]
    money = sums_earned(node.earned)
    parts = ([money] if money else []) + (list(dict.fromkeys(said)) or [where_words(node)])
    return " · ".join(part.replace("LicenseRef-", "") for part in parts)


def _node_tooltip(graph: Graph, node: Node, places: UsePlaces) -> str:
    lines = [safe_line(node.title), " · ".join(filter(None, (node.type, where_words(node))))]
    lines += license_words(node) or ["no licence said"]
    lines += [mark.upper() for mark in mark_words(graph, node)]
    lines += [f"used: {words}" for words in use_words(node.uses)]
    lines += places.direct_words(node)
    money = earned_words(node.earned)
    lines += [f"earned: {money}"] if money else []
    lines += filter(None, (all_credited_words(node),))
    return escape("\n".join(lines)[:TOOLTIP_CHARS_MAX])


def _edge_tooltip(graph: Graph, edge: Edge, places: UsePlaces) -> str:
    ends = graph.node(edge.derived).title, graph.node(edge.source).title
    derived, source = (_fitted(safe_line(title), 500, SMALL_PX) for title in ends)
    lines = [f"{derived} — {relation_words(edge, UP)} — {source}"]
    lines += [f"share {share_words(edge.bps)}"] if edge.bps else []
    lines += [f"used: {words}" for words in places.edge_words(edge)]
    money = earned_words(edge.earned)
    lines += [f"earned along here: {money}"] if money else []
    said = curators(graph, edge)
    lines += [f"said by {names(said)}"] if said else []
    return escape("\n".join(lines)[:TOOLTIP_CHARS_MAX])


def _width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif font of `size`; rather too wide."""
    wide = sum(c.isupper() or c in "mwMW@%—…" for c in text)
    narrow = sum(c in "iljtf.,:;'|!()[]/-· " for c in text)
    return size * (0.56 * cells(text) + 0.16 * wide - 0.22 * narrow)


def _fitted(text: str, room: float, size: float) -> str:
    """As much of a text as fits. Where it is cut, its end is kept too: names of one family differ there."""
    if _width(text, size) <= room:
        return text
    low, high = 0, min(len(text), int(room))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(_cut(text, middle), size) <= room else (low, middle - 1)
    return _cut(text, low)


def _cut(text: str, kept: int) -> str:
    end = kept // 3
    return f"{text[: kept - end].rstrip()}…{text[len(text) - end :].lstrip() if end else ''}"


def _n(number: float) -> str:
    """A coordinate with at most one digit after the point."""
    return f"{number:.1f}".removesuffix(".0")
