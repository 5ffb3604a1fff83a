"""One material under its names: an asset, and the external names that its owner claims, are the same thing."""

from __future__ import annotations

from collections import deque

from node.lineage.graph import VERSION_OF, Graph


def same_material(graph: Graph, node_id: str) -> tuple[str, ...]:
    """The ids that claims join with a node, and the package of a version, the node's own first; each once, however
    claims go round. Cost: linear in what they join."""
    reached = {node_id: None}
    queue = deque([node_id])
    while queue:
        at = queue.popleft()
        near = [edge.source for edge in graph.sources(at) if edge.is_claim or VERSION_OF in edge.relations]
        near += [edge.derived for edge in graph.made_from(at) if edge.is_claim]
        for other in near:
            if other not in reached:
                reached[other] = None
                queue.append(other)
    return tuple(reached)
