"""Who took an unusual amount of an asset's items: each user beside the others of the asset and beside its own past.

Four measures, each held against all users of the same asset (node/detect/measures.py): *breadth*, distinct items;
*return*, distinct items beside what others reach with as many takings (who goes through a catalogue comes back to
little); *burst* and *growth*, which strengthen and never suffice. Where nobody's records name items, takings stand in
for the first two. What is found is to be looked at: no measure can tell extraction from other heavy use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

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
FLOORS = {"breadth": 0.25, "return": 0.1, "burst": 0.25, "growth": 1.0, "volume": 0.25}

BREADTH, RETURN, BURST, GROWTH, VOLUME = "breadth", "return", "burst", "growth", "volume"
HELPERS = (BURST, GROWTH)


@dataclass(slots=True, eq=False)
class Look:
    """One user of one asset, looked at. `usual`: distinct items that others reach with as many takings; `steps`: how
    far above the median each measure lies; `rarity`: the part of ordinary users as far out in all of them; `expected`:
    how many of those looked at in this run that would be."""

    taken: Taken
    breadth: int
    usual: float = 0.0
    pace: Pace = NO_PACE
    growth: Growth = NO_GROWTH
    steps: dict[str, float] = field(default_factory=dict)
    rarity: float = 1.0
    expected: float = math.inf
    is_listed: bool = False

    @property
    def named(self) -> int:
        """Takings whose records name items."""
        return self.taken.named

    def values(self) -> dict[str, float]:
        """The measures, as they are compared."""
        few = math.log((max(0.0, self.named - self.usual) + FEW) / (self.taken.returns + FEW)) if self.usual else 0.0
        return {BREADTH: math.log1p(self.breadth), RETURN: few, BURST: self.pace.burst, GROWTH: self.growth.steps,
                VOLUME: math.log1p(self.taken.takings)}  # fmt: skip


@dataclass(slots=True, eq=False)
class AssetLook:
    """All users of one asset. `items`: how many it has, where its record says so; `seen`: distinct items that anybody
    took, at the least; `looks`: those that took enough, broadest first; `small`: how many others there are; `measure`:
    breadth or volume; `spreads`: by measure, none where the population is too small; `law`: none without items."""

    asset: Target
    items: int | None
    looks: list[Look]
    small: int
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


def look_at(
    taken: AllTaken, *, items_of: ItemsOf, window_ms: int, alarms: float = ALARMS, least: int = BREADTH_MIN
) -> Extraction:
    """Hold each user of each asset against the others. `items_of`: an asset's number of items, where it is known;
    `window_ms`: steps of growth; `alarms`, `least`: as ALARMS and BREADTH_MIN."""
    until = max((one.last for one in taken.takers), default=0) + 1
    since = min((one.first for one in taken.takers), default=0)
    assets = []
    for asset, users in groupby(taken.takers, key=lambda one: one.asset):
        found = _look_at_asset(asset, list(users), items_of(asset), window_ms, until, least)
        assets.append(found)
    compared = sum(len(found.looks) for found in assets if found.is_compared)
    listed = []
    for found in assets:
        for look in found.looks if found.is_compared else ():
            look.expected = look.rarity * compared
            look.is_listed = look.expected <= alarms
            if look.is_listed:
                listed.append((found, look))
    listed.sort(key=lambda pair: (pair[1].rarity, -pair[1].breadth, pair[1].taken.party, pair[1].taken.user))
    for _, look in listed[LISTED_MAX:]:
        look.is_listed = False
    return Extraction(
        assets, compared, alarms, listed[:LISTED_MAX], len(listed[LISTED_MAX:]), window_ms, since, until
    )  # fmt: skip


def _look_at_asset(
    asset: Target, users: Sequence[Taken], items: int | None, window_ms: int, until: int, least: int
) -> AssetLook:
    enough = [one for one in users if one.takings >= TAKINGS_MIN]
    looks = [Look(one, one.breadth if items is None else min(one.breadth, items)) for one in enough]
    for look in looks:
        short, every = look.taken.short_slots, look.taken.all_slots
        if short is not None and every is not None:
            look.pace, look.growth = pace(short), growth(every, window_ms=window_ms, until=until)
    found = AssetLook(asset, items, looks, len(users) - len(enough))
    with_items = [look for look in looks if look.named >= TAKINGS_MIN]
    if len(with_items) < NAMED_PART * len(looks):
        found.measure = VOLUME
    looks.sort(key=lambda look: (-found.size_of(look), look.taken.party, look.taken.user))
    if len(looks) >= POPULATION_MIN:
        if found.measure == BREADTH:
            found.law = heaps_law([look.named for look in with_items], [look.breadth for look in with_items])
            for look in with_items:
                look.usual = found.law.expected(look.named, most=items)
        _compare(found, least)
    return found


def _compare(found: AssetLook, least: int) -> None:
    """Set each user's steps and rarity."""
    measures = (BREADTH, RETURN, BURST, GROWTH) if found.measure == BREADTH else (VOLUME, BURST, GROWTH)
    rows = [look.values() for look in found.looks]
    found.spreads = {name: spread([row[name] for row in rows], floor=FLOORS[name]) for name in measures}
    found.quantiles = quantiles([found.size_of(look) for look in found.looks])
    for look, row in zip(found.looks, rows, strict=True):
        look.steps = {name: found.spreads[name].steps(row[name]) for name in measures}
        main = [found.spreads[name].part(row[name]) for name in measures if name not in HELPERS]
        help_ = [max(found.spreads[name].part(row[name]), 0.5 * 2.0**-STEPS_HELP) for name in HELPERS]
        if look.steps[found.measure] >= STEPS_MIN and found.size_of(look) >= least:
            # Two ways of looking: each may be right by chance, so the better one counts twice.
            look.rarity = min(1.0, 2 * min(together(main), together(main + help_)))
