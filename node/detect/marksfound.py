"""What `usance canary check` found: the best run of each mark in each item, and what chance can do (canaries.py)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from node.detect.canaries import CHANCE_MAX, Chance, Passage, bits_of, chance_of, expected
from node.detect.marksearch import MarkSearch, Run
from node.detect.markup import without_markup
from node.detect.passages import Side
from node.detect.prints import Item
from node.detect.remarks import HTML, JSON, Remarks

FINDINGS_MAX = 10_000
"""Kept, the first ones; the others are counted."""
PASSAGE_CHARS_MAX = 400
HEAD_CHARS = 1000
"""From which it is told whether an item is JSON or HTML."""

_JSON = re.compile(r"\s*[\[{]\s*[\"{\[]")
_HTML = re.compile(r"\s*<[A-Za-z!?]")


@dataclass(frozen=True, slots=True)
class Found:
    """A mark in an item, by its best run there. `number`: the mark's, from 1; `sha256`: the item's; `at`, `end`:
    characters of the item, or where `is_plain` of its `plain_text`; `times`: runs of this mark in it."""

    number: int
    item: str
    sha256: bytes
    at: int
    end: int
    run: Run
    times: int
    passage: str
    is_plain: bool = False

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
            "is": "whole" if one.run.is_whole else "part", "without_markup": one.is_plain, "at": one.at,
            "end": one.end, "form_bytes": one.run.size,
            "bits": one.bits, "by_chance": {"times": chance.times, "in": f"10^{chance.zeros}"},
            "times": one.times, "passage": one.passage,
        }  # fmt: skip


def find_marks(
    passages: Sequence[Passage], items: Iterable[Item], progress: Callable[[], None], remarks: Remarks
) -> MarksFound:
    """Look for the marks in all items that are text, as it stands and where that is something else without its markup:
    what was looked at twice counts twice. `progress()`: called after each."""
    search = MarkSearch(passages)
    found = MarksFound(search.parts)
    for item in items:
        if item.text is not None:
            if _JSON.match(item.text[:HEAD_CHARS]):
                remarks.note(JSON, item.name)
            elif _HTML.match(item.text[:HEAD_CHARS]):
                remarks.note(HTML, item.name)
            looked = [_look(search, found, item.text)]
            plain = without_markup(item.text)
            if plain != item.text:
                looked.append(_look(search, found, plain))
            _add(found, item, looked)
        progress()
    return found


Looked = tuple[str, dict[int, list[Run]]]
"""A text that was looked at, and its runs by mark."""


def _look(search: MarkSearch, found: MarksFound, text: str) -> Looked:
    size, runs = search.look(text)
    found.form_bytes += size
    by_mark: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        by_mark[run.mark].append(run)
    return text, by_mark


def _add(found: MarksFound, item: Item, looked: Sequence[Looked]) -> None:
    """Of each mark its best run, in the text as it stands where that is as good."""
    sides: dict[int, Side] = {}
    for mark in sorted({mark for _, runs in looked for mark in runs}):
        best, which = max(
            ((run, which) for which, (_, runs) in enumerate(looked) for run in runs.get(mark, ())),
            key=lambda pair: (pair[0].product, -pair[1]),
        )
        found.best[mark + 1] = max(best.product, found.best.get(mark + 1, 0))
        if len(found.kept) == FINDINGS_MAX:
            found.more += 1
            continue
        text, runs = looked[which]
        side = sides[which] if which in sides else sides.setdefault(which, Side(text))
        at, end = side.span(best.place, best.size)
        passage = text[at:end] if end - at <= PASSAGE_CHARS_MAX else text[at : at + PASSAGE_CHARS_MAX - 1] + "…"
        found.kept.append(
            Found(mark + 1, item.name, item.sha256, at, end, best, len(runs[mark]), passage, is_plain=which > 0)
        )
