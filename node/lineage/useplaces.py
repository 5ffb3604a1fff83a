"""Where the uses of a material stand in a drawing of its lineage.

A use stands beside the edge to what it says it went into. Where no edge leads there, as from a part of a data set to
the model that was trained on the whole, it stands beside the material, with the name of what it went into. A use that
names no version went into any of those that the party registered by that name: it stands at each, and says so.
"""

from __future__ import annotations

from collections import defaultdict

from node.lineage.graph import Edge, Graph, Node, UseSum
from node.lineage.wording import cut, use_words
from node.printable import safe_line

AT_EACH = "counted at each version of that name"
NAME_CELLS = 60


class UsePlaces:
    """Answers from one lineage."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._joined = {(edge.derived, edge.source) for edge in graph.edges if not edge.is_claim}

    def edge_words(self, edge: Edge) -> list[str]:
        """Uses along an edge, in words; those that stand at several versions are marked."""
        one: list[UseSum] = []
        several: list[UseSum] = []
        for use in edge.uses:
            made = [into for into in self._graph.made_by(use) if (into, edge.source) in self._joined]
            (several if len(made) > 1 else one).append(use)
        return [*use_words(one), *(f"{words}, {AT_EACH}" for words in use_words(several))]

    def direct_words(self, node: Node) -> list[str]:
        """Uses of a material into something of the lineage to which no edge leads, in words: `used directly for …`."""
        found: dict[str, list[UseSum]] = defaultdict(list)
        for use in node.uses:
            made = self._graph.made_by(use)
            if made and not any((into, node.id) in self._joined for into in made):
                name = self._graph.node(made[0]).title if len(made) == 1 else str(use.into)[1:]
                found[name].append(use)
        return [
            f"used directly for {cut(safe_line(name), NAME_CELLS)}: {', '.join(use_words(uses))}"
            for name, uses in found.items()
        ]
