"""Cycles in a file's provenance: foreign formats allow that two things were made from each other."""

from __future__ import annotations

from collections.abc import Mapping

from node.imports.drafting import Drafts
from node.imports.model import AMBIGUOUS

_SHOWN = 5


def note_cycles(drafts: Drafts) -> None:
    """Note each group of the reading's materials that stand behind each other. Their edges are kept: the log says who
    says so, and external names may form cycles. Being evaluated on something is no part of being made from it. Cost:
    linear in materials and sources."""
    materials = drafts.reading.materials
    edges = {
        made.name: [source.name for source in made.sources if source.relation != "evaluated_on"] for made in materials
    }
    places = {made.name: made.place for made in materials}
    for group in find_cycles(edges):
        names = ", ".join(group[:_SHOWN]) + (f" and {len(group) - _SHOWN} more" if len(group) > _SHOWN else "")
        drafts.note(places[group[0]], "cycle", names, AMBIGUOUS, "each is said to be made from the others: all kept")


def find_cycles(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """The strongly connected groups of more than one name, each sorted (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []
    is_waiting: set[str] = set()
    groups: list[list[str]] = []
    for root in edges:
        if root in index:
            continue
        path = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        waiting.append(root)
        is_waiting.add(root)
        while path:
            name, following = path[-1]
            for other in following:
                if other not in edges:
                    continue  # nothing is known behind it
                if other not in index:
                    index[other] = low[other] = len(index)
                    waiting.append(other)
                    is_waiting.add(other)
                    path.append((other, iter(edges[other])))
                    break
                if other in is_waiting:
                    low[name] = min(low[name], index[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[name])
                if low[name] == index[name]:
                    group = _close(name, waiting, is_waiting)
                    if len(group) > 1:
                        groups.append(sorted(group))
    return groups


def _close(name: str, waiting: list[str], is_waiting: set[str]) -> list[str]:
    """The names that waited since this one, itself included."""
    group: list[str] = []
    while not group or group[-1] != name:
        group.append(waiting.pop())
        is_waiting.discard(group[-1])
    return group
