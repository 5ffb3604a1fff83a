"""Walks through lineage: what stands behind a material, what was made from it, and how one leads to another.

Assets refer backwards only, but what is said of external names may come at any time and say anything: there may be
cycles. An asset that claims a name (`aka`) and the name are the same material, so walks step from each to the other.
`evaluated_on` is no step: what a model was tested on doesn't stand behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ledger.lineage import Target, descriptions, said_of, standing_names
from ledger.state import State
from proofs.errors import InputError

EVALUATED_ON = ("evaluated_on",)
CLAIMANTS_MAX = 64
"""Of one name, that a walk steps to."""
AUTHORS_MAX = 64
"""Who describe one name, whose word a walk goes by: the first by their keys."""
PATH_EDGES_MAX = 500_000
"""Edges met in search of a path: a second or two of a read thread."""


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


def sources_of(state: State, target: Target) -> Iterator[Target]:
    """One step up: what a material was made from, and what it is the same as."""
    if isinstance(target, int):
        yield from state.asset_more(target).sources
    else:
        yield from described_sources(state, target)
    yield from same_as(state, target)


def described_sources(state: State, name: str) -> Iterator[Target]:
    """What those who describe a name say that it was made from."""
    for _, (_, index) in zip(range(AUTHORS_MAX), descriptions(state, name), strict=False):
        yield from state.asset_more(index).sources


def same_as(state: State, target: Target) -> Iterator[Target]:
    """The names that an asset claims, and the assets that claim a name."""
    if isinstance(target, int):
        yield from standing_names(state, target)
    else:
        for _, asset in state.claimants(target, most=CLAIMANTS_MAX):
            yield asset


def made_from(state: State, target: Target) -> Iterator[Target]:
    """One step down: what was made from a material, and what it is the same as."""
    for said in said_of(state, target):
        if said.relations != EVALUATED_ON:
            yield said.made
    yield from same_as(state, target)


Step = Callable[[State, Target], Iterable[Target]]


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
                if found in before:
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

    Searched from both ends, a level at a time, always from the end where there is less to follow. Assets that can't
    lie between are left aside: one without external names behind it leads to earlier assets only. The way is a short
    one, if not always the shortest. Raises TooFarError after `edges_max` edges.
    """
    if made == source:
        return [made]
    budget = Budget(edges_max)
    top_has_names = isinstance(made, str) or state.asset_more(made).has_names
    up = _Side(state, made, sources_of, lambda target: _may_reach(state, target, source))
    down = _Side(state, source, made_from, lambda target: top_has_names or _is_below(target, made))
    while up.edge and down.edge:
        side, other = (up, down) if len(up.edge) <= len(down.edge) else (down, up)
        meeting = side.advance(other, budget)
        if meeting is not None:
            return up.path_from(meeting)[::-1] + down.path_from(meeting)[1:]
    return None


def _may_reach(state: State, target: Target, source: Target) -> bool:
    if isinstance(target, str):
        return True
    if isinstance(source, int) and target > source:
        return True
    return state.asset_more(target).has_names


def _is_below(target: Target, made: Target) -> bool:
    """Of a search whose upper end has no names behind it: there are assets only, and earlier ones."""
    return isinstance(target, int) and isinstance(made, int) and target < made


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
                if found in levels:
                    continue
                if len(levels) >= materials_max:
                    return Found(levels, before, False)
                levels[found] = level
                before[found] = target
                following.append(found)
        edge = following
        if not edge:
            return Found(levels, before, True)
    is_whole = all(found in levels for target in edge for found in step(state, target))
    return Found(levels, before, is_whole)
