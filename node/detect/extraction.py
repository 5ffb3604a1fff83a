"""Who took an unusual amount of an asset's items: each user beside the others of the asset and beside its own past.

What a user took is looked at as each of its meters has it, its own and each provider's, and it is listed by whichever
shows most: none hides another. Four measures, each held against all users of the same asset (node/detect/measures.py):
*breadth*, distinct items; *return*, distinct items beside what others reach with as many takings (who goes through a
catalogue comes back to little); *burst* and *growth*, which strengthen and never suffice. Where nobody's records name
items, takings stand in for the first two. What is found is to be looked at: no measure can tell extraction from other
heavy use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from node.agents.meters import Target
from node.detect.measures import (
    NO_GROWTH,
    NO_PACE,
    Growth,
    Law,
    Pace,
    Spread,
    growth,
    heaps_law,
    pace,
    quantiles,
    spread,
    together,
)
from node.detect.slots import SLOT_MS, Slots
from node.detect.takings import AllTaken, Taken

TAKINGS_MIN = 20
"""Who took less of an asset is too small to be looked at."""
POPULATION_MIN = 30
"""Of fewer users nothing is said about who is unusual."""
BREADTH_MIN = 100
"""Distinct items, or takings where none is named, below which nobody is listed."""
NAMED_PART = 0.5
"""Users of an asset whose records name items are compared by items where they are this part of all."""
STEPS_MIN = 1.0
"""Who is not among the broadest quarter (one step above the median) is not listed, however it took."""
FEW = 10
"""Added to how often users return to an item, and to how often others do: 0 and 5 times are alike."""
STEPS_HELP = 5.0
"""Burst and growth count for no more steps than these."""
ALARMS = 0.1
"""Ordinary users listed in a run, as the model has it, at the most."""
LISTED_MAX = 500
MARGIN_MS = 7 * 86_400_000
FLOORS = {"breadth": 0.25, "return": 0.1, "burst": 0.25, "growth": 1.0, "volume": 0.25}

BREADTH, RETURN, BURST, GROWTH, VOLUME = "breadth", "return", "burst", "growth", "volume"
HELPERS = (BURST, GROWTH)

OVERFULL = 1.1
"""Times an asset's items from which on more were named than it has; below, an estimate may err."""


@dataclass(slots=True, eq=False)
class Look:
    """One user of one asset, as one of its meters has it, looked at. `breadth`: distinct items, at the least; `begin`,
    `end`: when it took, but for what lies outside of the log's time; `other_meters`, `other_records`: its meters that
    aren't this one, and their records; `usual`: distinct items that others reach with as many takings; `steps`: how
    far above the median each measure lies; `rarity`: the part of ordinary users as far out in all of them; `expected`:
    how many of those looked at in this run that would be."""

    taken: Taken
    breadth: int
    begin: int
    end: int
    other_meters: int = 0
    other_records: int = 0
    usual: float = 0.0
    pace: Pace = NO_PACE
    growth: Growth = NO_GROWTH
    steps: dict[str, float] = field(default_factory=dict)
    rarity: float = 1.0
    expected: float = math.inf
    is_listed: bool = False

    @property
    def named(self) -> int:
        """Items that its records name, each as often as a record does."""
        return self.taken.named

    @property
    def user(self) -> tuple[bytes, bytes]:
        """Who it is: party and end user."""
        return self.taken.party, self.taken.user

    def values(self) -> dict[str, float]:
        """The measures, as they are compared."""
        few = math.log((max(0.0, self.named - self.usual) + FEW) / (self.taken.returns + FEW)) if self.usual else 0.0
        return {BREADTH: math.log1p(self.breadth), RETURN: few, BURST: self.pace.burst, GROWTH: self.growth.steps,
                VOLUME: math.log1p(self.taken.takings)}  # fmt: skip


@dataclass(slots=True, eq=False)
class AssetLook:
    """All users of one asset. `items`: how many it has, where its record says so; `seen`: distinct items that anybody
    took, at the least; `looks`: those that took enough, broadest first, each as the meter has it that shows most;
    `meters`: all meters of these; `small`: how many others there are; `population`: how many are held against each
    other, and `unnamed` how many aren't, since they name too few items; `outside`: takings outside of the log's time;
    `overfull`: distinct items that one user named where those are more than the asset's record has (which then isn't
    used), else 0;
    `measure`: breadth or volume; `spreads`: by measure, none where the population is too small; `law`: none
    without items."""

    asset: Target
    items: int | None
    looks: list[Look]
    meters: list[Look]
    small: int
    population: int = 0
    unnamed: int = 0
    outside: int = 0
    overfull: int = 0
    measure: str = BREADTH
    spreads: dict[str, Spread] = field(default_factory=dict)
    law: Law | None = None
    quantiles: tuple[float, ...] = ()

    @property
    def is_compared(self) -> bool:
        """Whether there are users enough to say who is unusual."""
        return bool(self.spreads)

    def size_of(self, look: Look) -> int:
        """Breadth, or takings where no items are named."""
        return look.breadth if self.measure == BREADTH else look.taken.takings


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a run looked at. `compared`: users of assets who were held against others; `listed`: those to be looked at,
    the rarest first; `more`: listed beyond LISTED_MAX."""

    assets: list[AssetLook]
    compared: int
    alarms: float
    listed: list[tuple[AssetLook, Look]]
    more: int
    window_ms: int
    since: int
    until: int


ItemsOf = Callable[[Target], int | None]


@dataclass(frozen=True, slots=True)
class Time:
    """When a log's records are of, in ms. Whoever signs a record says of when it is, so the first and the last tenth of
    the users, one at least, have no say in it: `usual_end` is when the others ended; `since` and `until` lie as far
    beyond their beginning and end as those lie apart, and what is of before or after is outside."""

    since: int
    usual_end: int
    until: int

    def nearest(self, ms: int) -> int:
        """The time in it that is nearest."""
        return min(max(ms, self.since), self.until - 1)

    def inside(self, slots: Slots) -> tuple[Slots, int]:
        """What lies in it, and how much doesn't."""
        at, sums = slots
        low, high = np.searchsorted(at, (self.since // SLOT_MS, self.until // SLOT_MS))
        return (at[low:high], sums[low:high]), round(float(sums.sum() - sums[low:high].sum()))


def log_time(takers: Sequence[Taken]) -> Time:
    """Of these users; of those who took enough to be looked at, where there are any."""
    enough = [one for one in takers if one.takings >= TAKINGS_MIN] or takers
    if not enough:
        return Time(0, 0, 0)
    firsts, lasts = sorted(one.first for one in enough), sorted(one.last for one in enough)
    beyond = max(len(enough) // 10, 1) if len(enough) > 2 else 0
    first, last = firsts[beyond], lasts[-1 - beyond]
    apart = max(last - first, MARGIN_MS)
    return Time(max(0, first - apart), last, last + apart + 1)


def look_at(
    taken: AllTaken, *, items_of: ItemsOf, window_ms: int, alarms: float = ALARMS, least: int = BREADTH_MIN
) -> Extraction:
    """Hold each user of each asset against the others. `items_of`: an asset's number of items, where it is known;
    `window_ms`: steps of growth; `alarms`, `least`: as ALARMS and BREADTH_MIN."""
    time = log_time(taken.takers)
    assets = []
    for asset, meters in groupby(taken.takers, key=lambda one: one.asset):
        found = _look_at_asset(asset, list(meters), items_of(asset), window_ms, time)
        if found.population >= POPULATION_MIN:
            _compare(found, least)
        assets.append(found)
    compared = sum(found.population for found in assets if found.is_compared)
    listed = []
    for found in assets:
        _choose(found, compared, alarms)
        listed += [(found, look) for look in found.looks if look.is_listed]
    listed.sort(key=lambda pair: (pair[1].rarity, -pair[1].breadth, pair[1].taken.party, pair[1].taken.user))
    for _, look in listed[LISTED_MAX:]:
        look.is_listed = False
    looks = [look for found in assets for look in found.looks]
    return Extraction(
        assets, compared, alarms, listed[:LISTED_MAX], len(listed[LISTED_MAX:]), window_ms,
        min((look.begin for look in looks), default=time.since), max((look.end for look in looks), default=0) + 1,
    )  # fmt: skip


def _look_at_asset(
    asset: Target, meters: Sequence[Taken], items: int | None, window_ms: int, time: Time
) -> AssetLook:  # fmt: skip
    enough = [one for one in meters if one.takings >= TAKINGS_MIN]
    looks, outside = [], 0
    named_most = max((one.breadth_least for one in meters), default=0)
    overfull = items is not None and named_most > items * OVERFULL
    if overfull:  # the record's count is old, or of other things: to cut what was seen to it would hide who took it
        items = None
    for taken in enough:
        breadth = taken.breadth_least if items is None else min(taken.breadth_least, items)
        look = Look(taken, breadth, time.nearest(taken.first), time.nearest(taken.last))
        if taken.short_slots is not None and taken.all_slots is not None:
            inside, left_out = time.inside(taken.all_slots)
            look.pace = pace(taken.short_slots)
            look.growth = growth(inside, window_ms=window_ms, until=time.usual_end + 1)
            if left_out and len(inside[0]):
                look.begin = max(taken.first, int(inside[0][0]) * SLOT_MS)
                look.end = min(taken.last, int(inside[0][-1]) * SLOT_MS)
            outside += left_out
        looks.append(look)
    users = len({(one.party, one.user) for one in meters})
    found = AssetLook(asset, items, [], looks, 0, outside=outside, overfull=named_most if overfull else 0)
    found.looks = _broadest(found)
    found.small = users - len(found.looks)
    named = sum(look.named >= TAKINGS_MIN for look in found.looks)
    found.population = named
    if named < POPULATION_MIN and (named < NAMED_PART * len(found.looks) or len(found.looks) >= POPULATION_MIN):
        found.measure, found.population = VOLUME, len(found.looks)
        found.looks = _broadest(found)
    found.unnamed = len(found.looks) - found.population
    return found


def _broadest(found: AssetLook) -> list[Look]:
    """Of each user the meter that shows most, the broadest user first."""
    chosen: dict[tuple[bytes, bytes], Look] = {}
    for look in sorted(found.meters, key=lambda look: (-found.size_of(look), -look.named, -look.taken.takings)):
        chosen.setdefault(look.user, look)
    return list(chosen.values())


def _compare(found: AssetLook, least: int) -> None:
    """Set the steps and rarity of each user's meters; each user counts once for what is usual."""
    measures = (BREADTH, RETURN, BURST, GROWTH) if found.measure == BREADTH else (VOLUME, BURST, GROWTH)
    population = [look for look in found.looks if found.measure == VOLUME or look.named >= TAKINGS_MIN]
    meters = [look for look in found.meters if found.measure == VOLUME or look.named >= TAKINGS_MIN]
    if found.measure == BREADTH:
        found.law = heaps_law([look.named for look in population], [look.breadth for look in population])
        for look in meters:
            look.usual = found.law.expected(look.named, most=found.items)
    rows = [look.values() for look in population]
    found.spreads = {name: spread([row[name] for row in rows], floor=FLOORS[name]) for name in measures}
    found.quantiles = quantiles([found.size_of(look) for look in population])
    for look in meters:
        row = look.values()
        look.steps = {name: found.spreads[name].steps(row[name]) for name in measures}
        main = [found.spreads[name].part(row[name]) for name in measures if name not in HELPERS]
        help_ = [max(found.spreads[name].part(row[name]), 0.5 * 2.0**-STEPS_HELP) for name in HELPERS]
        if look.steps[found.measure] >= STEPS_MIN and found.size_of(look) >= least:
            # Two ways of looking: each may be right by chance, so the better one counts twice.
            look.rarity = min(1.0, 2 * min(together(main), together(main + help_)))


def _choose(found: AssetLook, compared: int, alarms: float) -> None:
    """List who is unusual as any of its meters has it: by the one of these that names most items one by one, then the
    broadest; show others by their broadest."""
    by_user: dict[tuple[bytes, bytes], list[Look]] = {}
    for look in found.meters:
        if found.is_compared:
            look.expected = look.rarity * compared
        by_user.setdefault(look.user, []).append(look)
    for place, broadest in enumerate(found.looks):
        meters = by_user[broadest.user]
        unusual = [look for look in meters if look.expected <= alarms]
        chosen = max(unusual, key=lambda look: (look.taken.items.count, found.size_of(look)), default=broadest)
        chosen.is_listed = bool(unusual)
        chosen.other_meters = len(meters) - 1
        chosen.other_records = sum(look.taken.records for look in meters) - chosen.taken.records
        found.looks[place] = chosen
    found.looks.sort(key=lambda look: (-found.size_of(look), look.user))
