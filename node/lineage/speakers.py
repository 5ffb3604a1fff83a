"""Who says what of a lineage. One curator often says nearly all of it: then he is named once, and beside each thing
stands only who else says it.

What is said: each edge by the owner of what was made, by curators, or, of a version and its package, by their names
alone; each licence of an external name by the curators that conclude it. What owners declare is always said as theirs.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from node.lineage.graph import Edge, Graph
from node.lineage.wording import curators, names
from node.printable import safe_line

SAID_MIN = 4
"""Of edges and licences that one curator says, before he is named once for all."""
BY_NAMES = "by the names alone"


def usual_speaker(graph: Graph) -> str | None:
    """The name of the party that says, alone, most of the edges and concluded licences; None where nobody does, where
    it would save nothing, or where the party goes by several names. No two parties of the lineage have one name
    (node/lineage/distinct.py). Cost: linear in the lineage."""
    said = Counter(frozenset(speaker.party for speaker in edge.said_by) for edge in graph.edges)
    called: dict[str, set[str]] = defaultdict(set)
    for node in graph.nodes:
        concluded: dict[str, set[str]] = defaultdict(set)
        for one in node.descriptions:
            called[one.party].add(safe_line(one.party_name))
            if "license" in one.record:
                concluded[str(one.record["license"])].add(one.party)
        said.update(map(frozenset, concluded.values()))
    for speaker in (speaker for edge in graph.edges for speaker in edge.said_by):
        called[speaker.party].add(safe_line(speaker.party_name))
    most, count = max(said.items(), key=lambda item: item[1], default=(frozenset(), 0))
    if len(most) != 1 or count < SAID_MIN or 2 * count <= said.total():
        return None
    names_of = called[next(iter(most))]
    return next(iter(names_of)) if len(names_of) == 1 else None


def speaker_words(graph: Graph, edge: Edge, usual: str | None) -> str:
    """Who says that an edge is there; "" where it is as the head of the tree says: by `usual`, or, without one, by the
    owner of what was made."""
    if usual is None:
        said = curators(graph, edge)
        return f"said by {names(said)}" if said else ""
    everybody = [safe_line(speaker.party_name) for speaker in edge.said_by]
    if not everybody:
        return BY_NAMES
    return "" if set(everybody) == {usual} else f"said by {names(everybody)}"
