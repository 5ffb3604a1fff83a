"""Groups of users who share out an asset's items between them, or take the same ones (docs/watch.md).

Every pair of users who took enough distinct items is compared by their samples (node/detect/sketch.py), which reach
equally far. *Parts of one whole*: far fewer items in common than two who chose by themselves would have, while both
hardly return to anything and take at a like rate at the same time. *The same items*: much in common of what few others
take; what everybody takes says nothing. Both thresholds rise with the number of pairs. Where readers keep to topics
two of them have little in common as well: what two would have in common by chance is counted down by how alike the
others' use of both is. Users who are too few to be compared are in no group, nor is who names only roots over several
items. A user who has several meters is looked at as the one has it that names most items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.detect.extraction import RETURN, AssetLook, Look
from node.detect.sketch import SPACE, union

MEMBERS_MAX = 500
"""Users of one asset whose items are compared: those who name most. Every two of them with ITEMS_MIN are a pair."""
ITEMS_MIN = 100
"""Distinct items that a user must have taken, each named by itself."""
COMPLEMENT_MOST = 0.25
"""Parts of one whole have at most this part of the items in common that chance would give them."""
RETURN_STEPS = 1.0
"""Their members are among the quarter that returns least."""
OTHERS_MIN = 20
"""Items, each as often as a third user took it, by which it is seen whether two choose from the same ones."""
RATE_ALIKE = 3.0
"""The items that they name a day are within this factor."""
TOGETHER_MIN = 0.5
"""The part of the shorter one's time in which the other was there too."""
SAME_LEAST = 0.6
"""Of the rarer items that either of two took, the part that both took."""
RARE_PART = 0.05
RARE_FEWEST = 4
RARE_MOST = 0.2
"""An item is rare where no more users of those compared took it, or no larger part of them, and never where more than
RARE_MOST of them did."""
RARE_MIN = 30
_SLAB = 4096
_ULP = float(SPACE)

PARTS, SAME = "parts of one whole", "the same items"


@dataclass(frozen=True, slots=True)
class Group:
    """Users of one asset who belong together. `breadth`: distinct items of all; `by_chance`: what as many would reach
    that took as much each, choosing evenly and by themselves; `shared`: for each pair of members (rows and columns in
    their order) the part of the smaller one's items that the other has too; `expected`: how many pairs among all that
    were compared would be as far out as its least sure one."""

    what: str
    asset: AssetLook
    members: tuple[Look, ...]
    breadth: int
    by_chance: int
    shared: tuple[tuple[float, ...], ...]
    expected: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Groups:
    """What was found in an asset, the broadest first. `users`: of how many every pair was compared, none where users
    are too few to be compared; `left_out`: how many more took enough; `opaque`: how many name items by roots only."""

    found: list[Group]
    users: int
    left_out: int
    opaque: int


@dataclass(frozen=True, slots=True)
class _Pairs:
    """For each two users: items in common within both samples' reach, and each one's own there (`own[i, j]`: of i,
    within j's reach too); the same of rare items only; `alike`: how alike the others' use of both's items is, 0 to
    1."""

    looks: list[Look]
    alike: np.ndarray
    common: np.ndarray
    own: np.ndarray
    rare_common: np.ndarray
    rare_own: np.ndarray
    reach: np.ndarray


def find_groups(found: AssetLook, *, alarms: float) -> Groups:
    """Look at every pair of users of one asset. `alarms`: how many pairs of the two sorts together may be found by
    chance, as the model has it."""
    users = _seen(found)
    opaque = sum(not look.taken.items.hashes and look.taken.rooted > 0 for look in found.looks)
    enough = sum(look.taken.items.count >= ITEMS_MIN for look in users)
    looks = users[:MEMBERS_MAX]
    paired = min(enough, len(looks))
    if not found.is_compared or paired < 2:
        return Groups([], paired if found.is_compared else 0, enough - paired, opaque)
    pairs = _compare(looks)
    count = paired * (paired - 1) // 2
    whole = _size(found, looks)
    groups = []
    for what, expected in ((PARTS, _parts(pairs, whole) * count), (SAME, _same(pairs) * count)):
        near = expected <= alarms / 2
        near[paired:] = near[:, paired:] = False  # these only say what others take
        for members in _cliques(near, expected):
            groups.append(_group(what, found, pairs, members, expected, whole))
    groups.sort(key=lambda group: (-group.breadth, group.what, group.members[0].taken.party))
    return Groups(groups, paired, enough - paired, opaque)


def _seen(found: AssetLook) -> list[Look]:
    """Users who name items, each as the meter has it that names most; most first."""
    by_count = sorted(
        (look for look in found.meters if look.taken.items.hashes),
        key=lambda look: (-look.taken.items.count, look.user, look.taken.side, look.taken.signer),
    )
    chosen: dict[tuple[bytes, bytes], Look] = {}
    for look in by_count:
        chosen.setdefault(look.user, look)
    return list(chosen.values())


def _size(found: AssetLook, looks: Sequence[Look]) -> int:
    """How many items the asset has: as its record says, or as many as anybody took, which makes chance overlap
    larger than it is: then users count as apart more easily, and `items` of the asset's record should be given."""
    seen = union([look.taken.items for look in looks]).count
    return max(seen, found.items or 0)


def _compare(looks: list[Look]) -> _Pairs:
    samples = [np.array(look.taken.items.hashes, np.uint64) for look in looks]
    reach = np.array([look.taken.items.reach for look in looks], np.uint64)
    hashes, counts = np.unique(np.concatenate(samples), return_counts=True)
    # Of how many users each hash would be in the sample, had they taken the item.
    could = len(looks) - np.searchsorted(np.sort(reach), hashes, side="left")
    rare = (counts <= np.maximum(RARE_FEWEST, RARE_PART * could)) & (counts <= RARE_MOST * could)
    shared = counts > 1  # whatever one alone took is in no overlap
    common = _overlaps(samples, hashes[shared], len(looks))
    rare_common = _overlaps(samples, hashes[shared & rare], len(looks))
    rare_samples = [sample[rare[np.searchsorted(hashes, sample)]] for sample in samples]
    own = np.array([np.searchsorted(sample, reach, side="right") for sample in samples])
    rare_own = np.array([np.searchsorted(sample, reach, side="right") for sample in rare_samples])
    return _Pairs(looks, _alike(common), common, own, rare_common, rare_own, np.minimum(reach[:, None], reach))


def _overlaps(samples: Sequence[np.ndarray], hashes: np.ndarray, users: int) -> np.ndarray:
    """How many of these hashes each two samples have in common, some thousands of hashes at a time."""
    total = np.zeros((users, users))
    for start in range(0, len(hashes), _SLAB):
        slab = hashes[start : start + _SLAB]
        taken = np.zeros((users, len(slab)), np.float32)
        for row, sample in enumerate(samples):
            part = sample[np.searchsorted(sample, slab[0]) : np.searchsorted(sample, slab[-1], side="right")]
            places = np.searchsorted(slab, part)
            taken[row, places[slab[places] == part]] = 1
        total += taken @ taken.T
    return total


def _alike(common: np.ndarray) -> np.ndarray:
    """How alike the items of each two spread over what each third user took (the cosine between what they have in
    common with each, beside the root of how much that one took: 1 where alike, 0 where whoever takes of one's items
    takes none of the other's, or too few take any to say)."""
    sizes = np.maximum(np.diag(common), 1)
    others = common.copy()
    np.fill_diagonal(others, 0)
    # A third user is neither of the two: what they have in common themselves is no part of it.
    totals = others.sum(axis=1)[:, None] - others
    enough = np.minimum(totals, totals.T) >= OTHERS_MIN
    others /= np.sqrt(sizes)
    squares = (others**2).sum(axis=1)[:, None] - others**2
    lengths = np.sqrt(np.maximum(squares * squares.T, 1e-12))
    return np.where(enough, np.minimum(others @ others.T / lengths, 1.0), 0.0)


def _parts(pairs: _Pairs, whole: int) -> np.ndarray:
    """How likely as little in common is by chance for each pair, 1 where they aren't alike otherwise."""
    part = (pairs.reach.astype(float) + 1) / _ULP  # of all items that both samples reach
    chance = pairs.alike * pairs.own * pairs.own.T / np.maximum(whole * part, 1)
    likely = _poisson_most(pairs.common, chance)
    likely[pairs.common > COMPLEMENT_MOST * chance] = 1
    apart = np.array([look.steps.get(RETURN, 0.0) >= RETURN_STEPS for look in pairs.looks])
    likely[~(apart[:, None] & apart)] = 1
    likely[~_alike_in_time(pairs.looks)] = 1
    np.fill_diagonal(likely, 1)
    return likely


def _poisson_most(seen: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """An upper bound (Chernoff) of the chance that a Poisson number with this mean is `seen` or less, 1 above it."""
    low = np.minimum(seen, mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(low > 0, low * np.log(mean / np.maximum(low, 1e-300)), 0.0) - (mean - low)
    return np.where(seen < mean, np.exp(np.minimum(log, 0.0)), 1.0)


def _alike_in_time(looks: Sequence[Look]) -> np.ndarray:
    """Which two took at a like rate in much the same time."""
    first = np.array([look.begin for look in looks], float)
    last = np.array([look.end for look in looks], float)
    length = np.maximum(last - first, 1)
    rates = np.array([look.named for look in looks], float) / np.maximum(length, 86_400_000)
    alike = np.abs(np.log(rates[:, None]) - np.log(rates)) <= math.log(RATE_ALIKE)
    both = np.minimum(last[:, None], last) - np.maximum(first[:, None], first)
    # A moment counts as in common where it lies within the other's time.
    shorter = np.minimum(length[:, None], length)
    return alike & ((both + 1) / shorter >= TOGETHER_MIN)


def _same(pairs: _Pairs) -> np.ndarray:
    """How likely so much of the rare in common is by chance for each pair, had both chosen from all that is rare."""
    either = pairs.rare_own + pairs.rare_own.T - pairs.rare_common
    enough = np.minimum(pairs.rare_own, pairs.rare_own.T) >= RARE_MIN
    alike = enough & (pairs.rare_common >= SAME_LEAST * np.maximum(either, 1))
    np.fill_diagonal(alike, False)
    # So much of dozens of rare items in common isn't chance: what remains is how many pairs are so alike anyway.
    return np.where(alike, np.exp2(-pairs.rare_common), 1.0)


def _cliques(near: np.ndarray, expected: np.ndarray) -> list[list[int]]:
    """Sets of users of whom each two are near: greedily from the surest pair, each user in one set at most."""
    left = set(np.flatnonzero(near.any(axis=1)).tolist())
    found = []
    rows, columns = np.nonzero(np.triu(near, 1))
    order = np.lexsort((columns, rows, expected[rows, columns]))
    for at in order:
        one, other = int(rows[at]), int(columns[at])
        if one not in left or other not in left:
            continue
        members = [one, other]
        for more in sorted(left - {one, other}):
            if near[more, members].all():
                members.append(more)
        left -= set(members)
        found.append(sorted(members))
    return found


def _group(
    what: str, found: AssetLook, pairs: _Pairs, places: Sequence[int], expected: np.ndarray, whole: int
) -> Group:  # fmt: skip
    members = tuple(pairs.looks[place] for place in places)
    missing = math.prod(1 - min(1.0, look.taken.items.count / whole) for look in members)
    sizes = np.minimum(pairs.own, pairs.own.T)
    shared = tuple(
        tuple(1.0 if a == b else float(pairs.common[a, b] / max(1, sizes[a, b])) for b in places) for a in places
    )
    least = max(float(expected[a, b]) for a in places for b in places if a != b)
    breadth = union([look.taken.items for look in members]).count
    return Group(
        what, found, members, min(breadth, whole), round(whole * (1 - missing)), shared, least,
        min(look.begin for look in members), max(look.end for look in members),
    )  # fmt: skip
