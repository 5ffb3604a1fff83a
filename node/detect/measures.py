"""What is measured of each user, and robust statistics to hold it against everybody else (docs/watch.md).

Nothing is assumed to be Gaussian: use is heavy-tailed, so quantities are compared as logarithms, by the median and by
how far above it the upper quartile lies, or the upper tenth as the model below has it where that is further (`upper`):
less than a tenth of the users can't move either much, however far out they are. How rare a value is follows from one
stated model: above the median, each further `upper` halves how many there are, which for a logarithm is a power law of
what was measured. By construction no more than a quarter lies beyond the first, and no more than a tenth beyond 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.detect.slots import SLOT_MS, Slots

HOUR_SLOTS = 3_600_000 // SLOT_MS
PAIRS_OF = 400
"""Users of whom every pair gives a slope."""
TENTH_STEPS = math.log2(5)
"""Of a half, halved so many times, a tenth is left."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a quantity is spread over a population: its median, and from there one step up, never below a floor."""

    count: int
    median: float
    upper: float

    def steps(self, value: float) -> float:
        """How many times `upper` the value lies above the median; 0 at or below it."""
        return max(0.0, (value - self.median) / self.upper)

    def part(self, value: float) -> float:
        """The part of a population that the model has at the value or beyond it: 1 at the median and below (nothing is
        said of small values), a half just above, a quarter one step on."""
        return 0.5 * 2.0 ** -self.steps(value) if value > self.median else 1.0


def spread(values: Sequence[float], *, floor: float) -> Spread:
    """The spread of at least one value; `floor`: the least that `upper` may be, above 0."""
    median, quarter, tenth = (float(value) for value in np.quantile(np.asarray(values, float), (0.5, 0.75, 0.9)))
    return Spread(len(values), median, max(quarter - median, (tenth - median) / TENTH_STEPS, floor))


def together(parts: Sequence[float]) -> float:
    """How rare it is to be as far out as this in several measures at once: Fisher's product of independent parts.

    With q the product of k of them, q times the sum of (-ln q)^i / i! for i < k.
    """
    product = math.prod(parts)
    if product <= 0:
        return 0.0
    log = -math.log(product)
    return min(1.0, product * sum(log**i / math.factorial(i) for i in range(len(parts))))


@dataclass(frozen=True, slots=True)
class Law:
    """Heaps' law, as this population follows it: distinct items = factor * takings ^ power."""

    factor: float
    power: float

    def expected(self, takings: float, *, most: int | None) -> float:
        """How many distinct items so many takings come to, never more than they are or than `most` (all there are)."""
        found = min(float(takings), self.factor * max(takings, 1) ** self.power)
        return max(1.0, found if most is None else min(found, float(most)))


def heaps_law(takings: Sequence[int], distinct: Sequence[int]) -> Law:
    """The law by Theil and Sen: the median of the slopes of all pairs in logarithms (of at most PAIRS_OF users, evenly
    chosen by takings), and the median of what it then leaves. So a quarter of the users may be anything at all."""
    x, y = np.log(np.asarray(takings, float)), np.log(np.maximum(np.asarray(distinct, float), 1))
    order = np.argsort(x, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, min(len(order), PAIRS_OF)).astype(int))]
    across, up = x[chosen][:, None] - x[chosen], y[chosen][:, None] - y[chosen]
    slopes = up[across > 0.1] / across[across > 0.1]
    power = min(1.0, max(0.0, float(np.median(slopes)))) if len(slopes) else 1.0
    return Law(float(np.exp(np.median(y - power * x))), power)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a user took: takings of the busiest hour that slides in steps of five minutes, when it began (ms), the median
    of the clock hours in which it took anything, and how many hours those were; of the busiest day (UTC)."""

    peak_hour: int
    peak_at: int
    usual_hour: float
    hours: int
    peak_day: int

    @property
    def burst(self) -> float:
        """The logarithm of busiest beside usual, with 10 added to both: 1 and 20 takings are no burst."""
        return math.log((self.peak_hour + 10) / (self.usual_hour + 10))


NO_PACE = Pace(0, 0, 0.0, 0, 0)


def pace(slots: Slots) -> Pace:
    """From what was taken in each five minutes."""
    at, sums = slots
    if not len(at):
        return NO_PACE
    before = np.concatenate(([0.0], np.cumsum(sums)))
    # Where the hour that begins in each slot ends; none that begins elsewhere holds more.
    ends = np.searchsorted(at, at + HOUR_SLOTS)
    hours = before[ends] - before[:-1]
    busiest = int(np.argmax(hours))
    clock = _sums(at // HOUR_SLOTS, sums)
    days = _sums(at // (24 * HOUR_SLOTS), sums)
    return Pace(
        round(hours[busiest]), int(at[busiest]) * SLOT_MS, float(np.median(clock)), len(clock), round(days.max())
    )  # fmt: skip


def _sums(groups: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The sum of each group; groups ascend."""
    return np.add.reduceat(sums, np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1]))))


@dataclass(frozen=True, slots=True)
class Growth:
    """A user beside its own past: the median takings of its last windows and of those before, and how many median
    absolute deviations of the earlier ones (as logarithms, never below 0.25) lie between."""

    earlier: float
    recent: float
    steps: float
    windows: int


NO_GROWTH = Growth(0.0, 0.0, 0.0, 0)
WINDOWS_MIN = 8
LEAST_DEVIATION = 0.25
WINDOWS_MAX = 100_000


def growth(slots: Slots, *, window_ms: int, until: int) -> Growth:
    """The last quarter of the windows from its first taking to `until` (ms), or its last where that is later, against
    the three before; of fewer than WINDOWS_MIN windows nothing is said. Windows in which it took nothing count as 0."""
    at, sums = slots
    if not len(at):
        return NO_GROWTH
    places = at * SLOT_MS // window_ms
    first, last = int(places[0]), max(int(places[-1]), (until - 1) // window_ms)
    count = last - first + 1
    if not WINDOWS_MIN <= count <= WINDOWS_MAX:
        return NO_GROWTH
    counts = np.log1p(np.bincount(places - first, sums, count))
    earlier, recent = counts[: -(count // 4)], counts[-(count // 4) :]
    middle = float(np.median(earlier))
    deviation = max(LEAST_DEVIATION, float(np.median(np.abs(earlier - middle))))
    now = float(np.median(recent))
    return Growth(math.expm1(middle), math.expm1(now), (now - middle) / deviation, count)


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """Those of QUANTILES."""
    return tuple(float(value) for value in np.quantile(np.asarray(values, float), QUANTILES))
