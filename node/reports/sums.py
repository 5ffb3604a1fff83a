"""Sums over a model's direct sources: each figure once, no part beside its whole, and of how many sources they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from node.reports.authority import Fact
from node.reports.document import COUNTED, DIFFER, NOBODY, Answer, Item, item
from node.reports.materials import Entry, Training

CUT = " among those read: the lineage was cut"


def direct_words(count: int, training: Training) -> str:
    """`3 direct sources`; of a lineage that isn't whole with a word that these aren't all."""
    return f"{count:,} direct source{'s'[: count != 1]}{CUT if training.is_cut else ''}"


def sum_item(
    label: str, groups: Iterable[tuple[str, tuple[Entry, ...]]], name: str, unit: str, training: Training
) -> Item:
    """Sums of one figure over direct sources, for each group with its name (a stranger's text, or ""). What isn't in
    them is noted: sources of which nobody says one, those whose authors differ, and parts of others."""
    answers: list[Answer] = []
    parts = _parts(training, name)
    records: set[str] = set()
    again, differ, silent, total = 0, 0, 0, 0
    for group, entries in groups:
        total += len(entries)
        figures: list[Fact] = []
        for one in entries:
            fact = one.material.figure(name)
            if fact is None:
                differ += one.material.differ(name)
                silent += not one.material.facts(name)
            elif one.material.id in parts or fact.source.record in records:
                again += 1
            else:
                records.add(fact.source.record)
                figures.append(fact)
        if figures:
            answers.append(_sum_answer(figures, group, unit, len(entries), training))
    notes = [
        f"{words} {count:,} of {total:,} direct sources{end}" for words, count, end in (
            ("Not logged for", silent, ": no sum has them"),
            ("The authors differ of", differ, ": no sum has them"),
            ("Parts of others, or other names of the same, are", again, ": not added again"),
        ) if count
    ]  # fmt: skip
    note = ". ".join(notes) if answers or differ else ""
    return item(label, answers, missing=DIFFER if differ else NOBODY, note=note)


def _sum_answer(figures: list[Fact], group: str, unit: str, count: int, training: Training) -> Answer:
    total = sum(fact.value for fact in figures)
    words = f"{total:,} {unit} (sum over {len(figures):,} of {direct_words(count, training)})"
    value = {"sum": str(total), "of": len(figures), "sources": count, "cut": training.is_cut, "group": group or None}
    return Answer(
        f"{words}, modality" if group else words, COUNTED, tuple(fact.source for fact in figures), quoted=group,
        value=value,
    )  # fmt: skip


def _parts(training: Training, name: str) -> set[str]:
    """Direct sources that are in another one's figure: what it contains, and names that it claims, to any depth. Of
    several that contain each other the first is the whole. Cost: linear in what went into the model."""
    holds: dict[str, list[str]] = {}
    for one in training.data:
        holds.setdefault(one.material.id, []).extend(one.material.names)
        for way in one.ways:
            if "contains" in way.relations:
                holds.setdefault(way.made.id, []).append(one.material.id)
    parts: set[str] = set()
    seen: set[str] = set()
    for start in (one.material for one in training.direct if one.material.figure(name) is not None):
        if start.id in parts:
            continue
        queue = deque([start.id])
        while queue:
            for part in holds.get(queue.popleft(), ()):
                if part != start.id:
                    parts.add(part)
                    if part not in seen:
                        seen.add(part)
                        queue.append(part)
    return parts
