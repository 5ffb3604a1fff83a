"""How many of the pairs looked at would match if all were unrelated: rates times pairs (docs/calibration.md)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction

from node.detect.calibration import Rate
from node.detect.finding import PPM
from node.detect.prints import Prints
from node.detect.winnow import Scheme

BYTES_PERCENT_MAX = 125
"""Bytes for 100 letters and digits: of more, a quarter isn't ASCII."""
Prompt = bytes
"""The beginning of a prompt's SHA-256: answers are compared with answers to the same one, and with what answers nobody
knows what (None)."""
UNASKED: Prompt = b""
"""Of all items together whose prompts are known and no source answers: they are compared with unknown ones alone."""


@dataclass
class Sizes:
    """Items by class of lengths (None: of no class). `chances`: for a class and a higher one, or the same, as how many
    items of the second count to an item of the first (`Rate.stretches`): a longer one is more chances to match.
    `within`: items by their class and how many they count to another of it."""

    items: Counter[int | None] = field(default_factory=Counter)
    chances: Counter[tuple[int, int]] = field(default_factory=Counter)
    within: Counter[tuple[int, int]] = field(default_factory=Counter)

    def take(self, others: Sizes) -> None:
        """Count those of others, too."""
        self.items.update(others.items)
        self.chances.update(others.chances)
        self.within.update(others.within)

    def of_pairs(self, one: int, others: Sizes, other: int) -> int:
        """Chances of pairs of our items of a class with the others' of another, or the same."""
        mine, theirs = self.items[one], others.items[other]
        if one < other:
            return mine * others.chances[one, other]
        if one > other:
            return theirs * self.chances[other, one]
        return _sum_of_longer(self._stretches(one), others._stretches(one))

    def _stretches(self, one: int) -> Counter[int]:
        return Counter({times: count for (own, times), count in self.within.items() if own == one})


def _sum_of_longer(ours: Counter[int], theirs: Counter[int]) -> int:
    """Of all pairs of one of ours and one of theirs: the sum of what the longer one counts."""
    total, below_ours, below_theirs = 0, 0, 0
    for times in sorted(ours.keys() | theirs.keys()):
        mine, others = ours[times], theirs[times]
        total += times * (mine * below_theirs + others * below_ours + mine * others)
        below_ours += mine
        below_theirs += others
    return total


class Counted:
    """Sizes by prompt, where answers to the same ones are compared."""

    def __init__(self, rates: Sequence[Rate]) -> None:
        """`rates`: of one rule, ascending."""
        self.rates = rates
        self.by_prompt: dict[Prompt | None, Sizes] = {}

    def add(self, length: int, prompt: Prompt | None = None, *, times: int = 1) -> None:
        """Count items of this length."""
        sizes = self.by_prompt.setdefault(prompt, Sizes())
        own = self.class_of(length)
        sizes.items[own] += times
        if own is not None:
            for lower, rate in enumerate(self.rates[: own + 1]):
                sizes.chances[lower, own] += times * rate.stretches(length)
            sizes.within[own, self.rates[own].stretches(length)] += times

    def class_of(self, length: int) -> int | None:
        """The class's number, None where none was measured."""
        for at, rate in enumerate(self.rates):
            if rate.low <= length and (rate.high is None or length < rate.high):
                return at
        return None


def measured_length(prints: Prints, scheme: Scheme) -> int:
    """An item's length, or 0, which is of no class, where rates don't hold: they are of scripts whose letters take a
    byte, and a run of 85 bytes is 28 letters of another. What its prints show of the normal form tells that."""
    size = int(prints.places[-1]) + scheme.gram if len(prints) else 0
    return 0 if size * 100 > prints.length * BYTES_PERCENT_MAX else prints.length


def expected_of(looked: Counted, sources: Counted) -> tuple[int, str | None, str | None]:
    """How many pairs were looked at, and how many of them would match if they were unrelated, and at most (decimals;
    None where a class wasn't measured)."""
    chances: Counter[int] = Counter()
    total, is_measured = 0, True
    for mine, theirs in _compared(looked, sources):
        if not (mine.items and theirs.items):
            continue
        total += mine.items.total() * theirs.items.total()
        is_measured = is_measured and not (mine.items[None] or theirs.items[None])
        for one, other in itertools.product(mine.items, theirs.items):
            if one is not None and other is not None:
                chances[min(one, other)] += mine.of_pairs(one, theirs, other)
    if total and not is_measured:
        return total, None, None
    return total, *_sums(looked.rates, chances)


def _compared(looked: Counted, sources: Counted) -> Iterator[tuple[Sizes, Sizes]]:
    """What is held against what: equal prompts, and whatever is unknown against everything."""
    known, everything = Sizes(), Sizes()
    for prompt, sizes in looked.by_prompt.items():
        if prompt is not None:
            known.take(sizes)
            if prompt in sources.by_prompt:
                yield sizes, sources.by_prompt[prompt]
    for sizes in sources.by_prompt.values():
        everything.take(sizes)
    if None in looked.by_prompt:
        yield looked.by_prompt[None], everything
    if None in sources.by_prompt:
        yield known, sources.by_prompt[None]


def expected_of_any(looked: Counted, sources: int | None) -> tuple[int | None, str | None, str | None]:
    """The same where only the number of sources is known: as if each were of the worst class no longer than the item.
    `sources`: None where not even that is known."""
    if sources is None:
        return None, None, None
    total, worst = 0, Counter[int]()
    for mine in looked.by_prompt.values():
        total += mine.items.total() * sources
        if mine.items[None]:
            return total, None, None
        by_class: dict[int, list[tuple[int, int]]] = {}
        for (lower, own), count in mine.chances.items():
            by_class.setdefault(own, []).append((count * looked.rates[lower].upper_ppm, lower))
        for own, rows in by_class.items():
            lower = max(rows)[1]
            worst[lower] += mine.chances[lower, own] * sources
    return total, *_sums(looked.rates, worst)


def _sums(rates: Sequence[Rate], chances: Counter[int]) -> tuple[str, str]:
    used = [(rates[at], count) for at, count in chances.items()]
    expected = sum((Fraction(count * rate.false, rate.pairs) for rate, count in used), Fraction())
    upper = sum((Fraction(count * rate.upper_ppm, PPM) for rate, count in used), Fraction())
    return decimal_text(expected), decimal_text(upper)


def decimal_text(value: Fraction) -> str:
    """A number with three digits that count, rounded up, in plain decimals."""
    context = Context(prec=3, rounding=ROUND_CEILING)
    rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    return format(rounded.normalize(), "f")
