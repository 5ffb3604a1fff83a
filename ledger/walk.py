"""Walks through lineage: what stands behind a material, what was made from it, and how one leads to another.

Assets refer backwards only, but what is said of external names may come at any time and say anything: there may be
cycles. An asset that claims a name (`aka`) and the name are the same material, so walks step from each to the other. A
version of a package (`pkg:…/name@revision`) leads up to the package, and the package down to its versions.
`evaluated_on` is no step: what a model was tested on doesn't stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ledger import keys
from ledger.lineage import Target, descriptions, is_known, said_of, standing_names, unversioned, versions
from ledger.state import State, unpack_assets
from proofs.errors import InputError

EVALUATED_ON = ("evaluated_on",)
CLAIMANTS_MAX = 4096
"""Of one name, that a walk steps to."""
PATH_EDGES_MAX = 500_000
"""Edges met in search of a path through external names: a second or two of a read thread."""
SEARCH_EDGES = 10_000
"""Edges met in search of a path between assets, before all rows between them are gone through."""
SWEEP_MAX = 4_000_000
"""Rows gone through between two assets, and edges of those that are behind the upper: some seconds of a read thread."""
SWEEP_LEAVES = 8192
"""Gone through at a time; their rows are in memory."""


class TooFarError(InputError):
    """A walk met more edges than it may."""


@dataclass(slots=True)
class Budget:
    """Edges that a walk may still meet. Owner: the walk."""

    left: int

    def spend(self, count: int = 1) -> None:
        """Raises TooFarError where none is left."""
        self.left -= count
        if self.left < 0:
            raise TooFarError(
                "too much lies between these: the search was given up",
                field="to",
                expected="one about materials that are nearer to each other",
            )


def sources_of(state: State, target: Target) -> Iterator[Target | None]:
    """One step up: what a material was made from, what it is a version of, and what it is the same as; None for what
    was looked at and leads nowhere: walks count that too."""
    if isinstance(target, int):
        yield from state.asset_more(target).sources
    else:
        yield from described_sources(state, target)
        package = package_of(state, target)
        if package is not None:
            yield package
    yield from same_as(state, target)


def described_sources(state: State, name: str) -> Iterator[Target | None]:
    """What those who describe a name say that it was made from; None for each of them besides."""
    for _, index in descriptions(state, name):
        yield None
        yield from state.asset_more(index).sources


def same_as(state: State, target: Target) -> Iterator[Target]:
    """The names that an asset claims, and the assets that claim a name."""
    if isinstance(target, int):
        yield from standing_names(state, target)
    else:
        for _, asset in state.claimants(target, most=CLAIMANTS_MAX):
            yield asset


def package_of(state: State, name: str) -> str | None:
    """The package that a name is a version of, where somebody describes or claims it: what is said of it holds for its
    versions, but what is said of one version doesn't hold for another."""
    whole = unversioned(name)
    return whole if whole != name and is_known(state, whole) else None


def made_from(state: State, target: Target) -> Iterator[Target | None]:
    """One step down: what was made from a material, its versions, and what it is the same as; None as in sources_of."""
    for said in said_of(state, target):
        yield None if said is None or said.relations == EVALUATED_ON else said.made
    if isinstance(target, str) and is_known(state, target):
        yield from versions(state, target)
    yield from same_as(state, target)


Step = Callable[[State, Target], Iterable[Target | None]]


def is_material(state: State, target: Target) -> bool:
    """Whether there is such an asset; any external name may stand for something."""
    return isinstance(target, str) or state.asset(target) is not None


class _Side:
    """One half of a search: what was reached, from where, and what to go on from."""

    def __init__(self, state: State, start: Target, step: Step, may_lead: Callable[[Target], bool]) -> None:
        self._state, self._step, self._may_lead = state, step, may_lead
        self.before: dict[Target, Target | None] = {start: None}
        self.edge = [start]

    def advance(self, other: _Side, budget: Budget) -> Target | None:
        """One level further; answers where the two sides meet, if they do."""
        following: list[Target] = []
        before, met = self.before, other.before
        for target in self.edge:
            for found in self._step(self._state, target):
                budget.spend()
                if found is None or found in before:
                    continue
                before[found] = target
                if found in met:
                    return found
                if self._may_lead(found):
                    following.append(found)
        self.edge = following
        return None

    def path_from(self, target: Target) -> list[Target]:
        """From a material that was reached back to the start, both included."""
        found: list[Target] = []
        at: Target | None = target
        while at is not None:
            found.append(at)
            at = self.before[at]
        return found


def find_path(state: State, made: Target, source: Target, *, edges_max: int = PATH_EDGES_MAX) -> list[Target] | None:
    """A way from something made up to a source of it, both included; None where none leads there.

    Where external names are in play, it is searched from both ends, a level at a time, up to `edges_max` edges; then
    TooFarError is raised. Between assets that no names are behind, the answer costs milliseconds, mostly.
    """
    if made == source:
        return [made]
    if isinstance(made, int) and isinstance(source, int) and not state.asset_more(made).has_names:
        return _between_assets(state, made, source)
    up = _Side(state, made, sources_of, lambda target: True)
    down = _Side(state, source, made_from, lambda target: True)
    return _meet(up, down, Budget(edges_max))


def _meet(up: _Side, down: _Side, budget: Budget) -> list[Target] | None:
    """Search from both ends, from the one where there is less to follow."""
    while up.edge and down.edge:
        side, other = (up, down) if len(up.edge) <= len(down.edge) else (down, up)
        meeting = side.advance(other, budget)
        if meeting is not None:
            return up.path_from(meeting)[::-1] + down.path_from(meeting)[1:]
    return None


def _between_assets(state: State, made: int, source: int) -> list[Target] | None:
    """A way between assets, of which the upper has no names behind it: references point backwards only, so everything
    on the way stands between the two in the log.

    What the source rests on, everything made from it rests on: where that isn't so, one look tells. Else a search from
    both ends finds a short way, or comes to an end soon. Where it doesn't, one pass through all rows between the two
    tells, a few microseconds each.
    """
    behind = state.roots(source)
    if made < source or not behind or behind & ~state.roots(made):
        return None
    up = _Side(state, made, sources_of, lambda target: isinstance(target, int) and target > source)
    down = _Side(state, source, made_from, lambda target: isinstance(target, int) and target < made)
    try:
        return _meet(up, down, Budget(SEARCH_EDGES))
    except TooFarError:
        return _sweep(state, made, source)


def _sweep(state: State, made: int, source: int) -> list[Target] | None:
    """The same for assets without names behind them, by going back through all rows between them once."""
    found: dict[int, int] = {made: made}
    more = keys.ASSET_MORE
    budget = Budget(SWEEP_MAX)
    for end in range(made + 1, source, -SWEEP_LEAVES):
        start = max(source + 1, end - SWEEP_LEAVES)
        rows = list(state.view.scan(more + keys.number(start), more + keys.number(end)))
        budget.spend(len(rows))
        for key, row in reversed(rows):
            index = int.from_bytes(key[1:], "big")
            if index in found:
                assets = unpack_assets(row)
                budget.spend(len(assets))
                found.update(dict.fromkeys(assets, index))
        if source in found:
            break
    if source not in found:
        return None
    way: list[Target] = [source]
    at = source
    while at != made:
        at = found[at]
        way.append(at)
    return way[::-1]


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk came by. `levels`: steps from its start; `before`: the material that led to it; `is_whole`: nothing
    was left out."""

    levels: dict[Target, int]
    before: dict[Target, Target]
    is_whole: bool


def walk(state: State, start: Target, step: Step, *, depth: int, materials_max: int, edges_max: int) -> Found:
    """Everything within `depth` steps, nearest first, at most `materials_max` of them and `edges_max` edges; where
    there is more, it says so."""
    levels: dict[Target, int] = {start: 0}
    before: dict[Target, Target] = {}
    edge: list[Target] = [start]
    left = edges_max
    for level in range(1, depth + 1):
        following: list[Target] = []
        for target in edge:
            for found in step(state, target):
                left -= 1
                if left < 0:
                    return Found(levels, before, False)
                if found is None or found in levels:
                    continue
                if len(levels) >= materials_max:
                    return Found(levels, before, False)
                levels[found] = level
                before[found] = target
                following.append(found)
        edge = following
        if not edge:
            return Found(levels, before, True)
    for looks, beyond in enumerate(found for target in edge for found in step(state, target)):
        if looks == left or (beyond is not None and beyond not in levels):
            return Found(levels, before, False)
    return Found(levels, before, True)
