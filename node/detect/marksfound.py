"""What `usance canary check` found: the best run of each mark in each item, and what chance can do (canaries.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from node.detect.canaries import CHANCE_MAX, Chance, Passage, bits_of, chance_of, expected
from node.detect.marksearch import MarkSearch, Run
from node.detect.passages import Side
from node.detect.prints import Item

FINDINGS_MAX = 10_000
"""Kept, the first ones; the others are counted."""
PASSAGE_CHARS_MAX = 400


@dataclass(frozen=True, slots=True)
class Found:
    """A mark in an item, by its best run there. `number`: the mark's, from 1; `sha256`: the item's; `at`, `end`:
    characters of the item; `times`: runs of this mark in it."""

    number: int
    item: str
    sha256: bytes
    at: int
    end: int
    run: Run
    times: int
    passage: str

    @property
    def bits(self) -> int:
        """Drawn at random in the run."""
        return bits_of((self.run.product,))

    @property
    def rank(self) -> tuple[bool, int]:
        """Whole marks before parts, then the least likely first."""
        return not self.run.is_whole, -self.run.product


@dataclass
class MarksFound:
    """`parts`: drawn parts of all marks; `form_bytes`: of normal form looked at; `best`: of each mark found, the most
    that a run covers; `more`: findings that aren't kept."""

    parts: int
    form_bytes: int = 0
    best: dict[int, int] = field(default_factory=dict)
    kept: list[Found] = field(default_factory=list)
    more: int = 0

    def rate(self, product: int) -> Fraction:
        """Runs that good to be expected by chance in all that was looked at, at most."""
        return expected(places=self.form_bytes, parts=self.parts, product=product)

    def chance(self, one: Found) -> Chance:
        """The same for people."""
        return chance_of(self.rate(one.run.product))

    @property
    def numbers(self) -> list[int]:
        """Marks that were found, ascending."""
        return sorted(number for number, product in self.best.items() if self.rate(product) <= CHANCE_MAX)

    @property
    def findings(self) -> list[Found]:
        """Those that chance doesn't bring, the best first."""
        good = [one for one in self.kept if self.rate(one.run.product) <= CHANCE_MAX]
        return sorted(good, key=lambda one: one.rank)

    @property
    def too_little(self) -> int:
        """Runs that chance may have brought, among so much text."""
        return len(self.kept) - len(self.findings)

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "found": self.numbers, "findings": [self._row(one) for one in self.findings], "more": self.more,
            "too_little": self.too_little,
        }  # fmt: skip

    def _row(self, one: Found) -> dict[str, Any]:
        chance = self.chance(one)
        return {
            "number": one.number, "item": one.item, "sha256": one.sha256.hex(),
            "is": "whole" if one.run.is_whole else "part", "at": one.at, "end": one.end, "form_bytes": one.run.size,
            "bits": one.bits, "by_chance": {"times": chance.times, "in": f"10^{chance.zeros}"}, "times": one.times,
            "passage": one.passage,
        }  # fmt: skip


def find_marks(passages: Sequence[Passage], items: Iterable[Item], progress: Callable[[], None]) -> MarksFound:
    """Look for the marks in all items that are text. `progress()`: called after each."""
    search = MarkSearch(passages)
    found = MarksFound(search.parts)
    for item in items:
        if item.text is not None:
            size, runs = search.look(item.text)
            found.form_bytes += size
            _add(found, item, item.text, runs)
        progress()
    return found


def _add(found: MarksFound, item: Item, text: str, runs: Sequence[Run]) -> None:
    by_mark: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_mark[run.mark].append(run)
    side = None
    for mark, several in sorted(by_mark.items()):
        best = max(several, key=lambda run: run.product)
        found.best[mark + 1] = max(best.product, found.best.get(mark + 1, 0))
        if len(found.kept) == FINDINGS_MAX:
            found.more += 1
            continue
        side = side or Side(text)
        at, end = side.span(best.place, best.size)
        passage = text[at:end] if end - at <= PASSAGE_CHARS_MAX else text[at : at + PASSAGE_CHARS_MAX - 1] + "…"
        found.kept.append(Found(mark + 1, item.name, item.sha256, at, end, best, len(several), passage))
