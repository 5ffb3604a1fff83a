"""Colours of a drawn lineage: for each type the tint of its box, for each relation its line, in light and in dark.

They differ in lightness too, and most lines have a dash of their own, so that colour isn't all that tells them apart.
"""

from __future__ import annotations

from node.lineage.graph import VERSION_OF, Edge, Node

UNKNOWN = "unknown"
CLAIMED = "claim"

BOXES = {
    "dataset": ("#e3eefb", "#20354d"), "model": ("#fbe7d4", "#4d3520"), "outputs": ("#efe3fa", "#3c2a4f"),
    "work": ("#e2f3e4", "#203f29"), UNKNOWN: ("#eeeeee", "#333333"),
}  # fmt: skip
"""Light and dark, by type."""
LINES = {
    "derived_from": ("#5b6b7c", "#9fb0c2", ""), "contains": ("#2f7d4f", "#6cc391", "2 3"),
    "generated_by": ("#8a3fb0", "#c893e6", ""), "trained_on": ("#c25a12", "#f0a060", ""),
    "distilled_from": ("#b3264a", "#f0809a", "8 3"), "evaluated_on": ("#8a7a1f", "#d0c060", "1 4"),
    VERSION_OF: ("#5a6b7a", "#9fb2c4", "2 2"), CLAIMED: ("#1f6fbf", "#6db3f2", "10 3 2 3"),
}  # fmt: skip
"""Light, dark and the pattern of dashes, by relation; "" is a whole line."""


def box_style(node: Node) -> str:
    """The key of BOXES."""
    return node.type or UNKNOWN


def line_style(edge: Edge) -> str:
    """The key of LINES: the first of several relations."""
    return CLAIMED if edge.is_claim else edge.relations[0]
