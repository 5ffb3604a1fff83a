"""Groups: users who share out an asset's items, or take the same; what is near by chance; groups planted in months."""

import random
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest

from ledger.replay import Judged
from node.detect import groups as groups_module
from node.detect.extraction import AssetLook, look_at
from node.detect.groups import PARTS, SAME, Group, Groups, find_groups
from node.detect.takings import read_takings
from tests.detect.months import compared, read_month
from tests.detect.simulatedmonth import DAY_MS, HOUR_MS, START_MS, party_of, usage

WHOLE = 4_000


def asset_of(records: Iterable[Judged], items: int | None = WHOLE) -> AssetLook:
    """The one asset that these records are about."""
    taken = read_takings(records, key=b"key", body_of=lambda ref: {})
    return look_at(taken, items_of=lambda target: items, window_ms=DAY_MS).assets[0]


def grouped(records: Iterable[Judged], items: int | None = WHOLE, alarms: float = 0.1) -> Groups:
    """Groups in them."""
    return find_groups(asset_of(records, items), alarms=alarms)


def take(name: str, items: Iterable[int], *, start: int = 0, every: int = HOUR_MS) -> list[Judged]:
    """One user's takings, evenly."""
    return [usage(at, party_of(name), START_MS + start + at * every, item) for at, item in enumerate(items)]


def crowd(count: int = 40) -> list[Judged]:
    """Ordinary users, who return to what they know."""
    rng = random.Random(4)
    return [
        record for number in range(count)
        for record in take(f"user {number}", (rng.randrange(50) for _ in range(40)), every=5 * HOUR_MS)
    ]  # fmt: skip


def names(group: Group) -> set[bytes]:
    """Who is in it."""
    return {look.taken.party for look in group.members}


def parties(*named: str) -> set[bytes]:
    """Of these users."""
    return {party_of(name) for name in named}


def test_shards_of_a_catalogue_are_one_group() -> None:
    """Four users who take every fourth item: all together, with their breadth beside what chance would give."""
    shards = [record for part in range(4) for record in take(f"shard {part}", range(part, 2_000, 4))]
    (group,) = grouped([*crowd(), *shards]).found
    assert (group.what, names(group)) == (PARTS, parties("shard 0", "shard 1", "shard 2", "shard 3"))
    assert (group.breadth, group.by_chance) == (2_000, round(WHOLE * (1 - (1 - 500 / WHOLE) ** 4)))
    assert (np.array(group.shared) == np.eye(4)).all()
    assert group.expected < 1e-20


def test_who_takes_the_same_rare_items_is_a_group() -> None:
    """Nine in ten in common of what nobody else takes; where everybody takes them it says nothing."""
    rng = random.Random(9)
    items = rng.sample(range(100, WHOLE), 400)
    pair = [*take("one", items[:380]), *take("two", rng.sample(items[20:], 380), start=DAY_MS)]
    (group,) = grouped([*crowd(), *pair]).found
    assert (group.what, names(group), group.breadth) == (SAME, parties("one", "two"), 400)
    assert group.shared[0][1] == pytest.approx(360 / 380, abs=0.02)
    everybody = [record for number in range(30) for record in take(f"user {number}", items, every=2 * HOUR_MS)]
    assert grouped([*everybody, *pair]).found == []


def test_every_two_members_belong_together() -> None:
    """Two who are each apart from a third, and take the same items, aren't parts of one whole with it, both."""
    first = take("first", range(0, 2_000, 4))
    others = [*take("one", range(1, 2_000, 4)), *take("two", [*range(1, 1_200, 4), *range(2, 802, 4)])]
    groups = [group for group in grouped([*crowd(), *first, *others]).found if group.what == PARTS]
    assert [len(group.members) for group in groups] == [2]


@pytest.mark.parametrize(
    ("case", "second"),
    [
        ("by chance", {"items": random.Random(5).sample(range(WHOLE), 500)}),
        ("faster", {"items": range(1, 2_000, 4), "every": HOUR_MS // 8}),
        ("later", {"items": range(1, 2_000, 4), "start": 30 * DAY_MS}),
        ("returns", {"items": [*range(1, 401, 4)] * 5}),
        ("too few", {"items": range(1, 390, 4)}),
    ],
)
def test_what_is_apart_otherwise_is_no_group(case: str, second: dict[str, object]) -> None:
    """Overlap as by chance, another rate, another time, much returning, or too few items: no parts of one whole."""
    first = take("first", range(0, 2_000, 4))
    assert grouped([*crowd(), *first, *take("second", range(1, 2_000, 4))]).found
    assert grouped([*crowd(), *first, *take("second", **second)]).found == [], case  # type: ignore[arg-type]


def test_few_items_apart_prove_nothing() -> None:
    """Two who took 100 of 4,000 each have 2.5 in common by chance: none is no sign; with 1,000 items in all it is."""
    both = [*take("one", range(0, 200, 2)), *take("two", range(1, 200, 2))]
    assert grouped([*crowd(), *both]).found == []
    assert grouped([*crowd(), *both], items=400).found


def test_the_threshold_rises_with_the_pairs() -> None:
    """What two alone would be is nothing where every two of dozens are compared."""
    both = [*take("one", range(0, 200, 2)), *take("two", range(1, 200, 2))]
    others = [
        record for number in range(40)
        for record in take(f"other {number}", random.Random(number).sample(range(900), 100) * 2, every=2 * HOUR_MS)
    ]  # fmt: skip
    few, many = asset_of([*crowd(), *both], 1_100), asset_of([*crowd(), *both, *others], 1_100)
    assert [names(group) for group in find_groups(few, alarms=0.1).found] == [parties("one", "two")]
    assert find_groups(many, alarms=0.1).found == []
    assert find_groups(many, alarms=100).found


def test_samples_reach_equally_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what a sketch keeps, groups and their breadth are found by samples, near what they are."""
    monkeypatch.setattr("node.detect.sketch.KEPT", 256)
    shards = [record for part in range(3) for record in take(f"shard {part}", range(part, 3_600, 3 + 1))]
    small = take("small", range(3, 1_203, 4))
    twins = [*take("twin 0", range(2_400, 3_900)), *take("twin 1", range(2_450, 3_950), start=DAY_MS)]
    found = grouped([*crowd(), *shards, *small, *twins]).found
    by = {group.what: group for group in found}
    assert parties("shard 0", "shard 1", "shard 2") <= names(by[PARTS])
    assert by[PARTS].breadth == pytest.approx(2_700 + (300 if len(by[PARTS].members) == 4 else 0), rel=0.2)
    assert names(by[SAME]) == parties("twin 0", "twin 1")
    assert by[SAME].shared[0][1] == pytest.approx(1_450 / 1_500, abs=0.06)


def test_overlaps_are_those_of_plain_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slab by slab, whatever their size."""
    rng = random.Random(6)
    sets = [sorted(rng.sample(range(500), rng.randrange(1, 200))) for _ in range(12)]
    samples = [np.array(values, np.uint64) for values in sets]
    plain = np.array([[len(set(a) & set(b)) for b in sets] for a in sets])
    for slab in (1, 7, 4096):
        monkeypatch.setattr(groups_module, "_SLAB", slab)
        found = groups_module._overlaps(samples, np.arange(500, dtype=np.uint64), len(sets))
        assert (found == plain).all()


def test_opaque_users_are_in_no_group_and_counted() -> None:
    """A root over items tells nobody which; who is beyond the bound of pairs is counted too."""
    roots = [
        usage(at, party_of(f"opaque {at % 2}"), START_MS + at * HOUR_MS, items=bytes([at]) * 32, item_count=50)
        for at in range(60)
    ]
    both = [*take("one", range(0, 2_000, 2)), *take("two", range(1, 2_000, 2))]
    found = grouped([*crowd(), *roots, *both])
    assert (found.opaque, found.users, len(found.found)) == (2, 2, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups_module, "MEMBERS_MAX", 1)
        cut = grouped([*crowd(), *both])
    assert (cut.users, cut.left_out, cut.found) == (1, 1, [])
    assert grouped([*crowd(), *take("alone", range(300))]).users == 1


def test_few_users_are_in_no_group() -> None:
    """Where users aren't compared nothing says what is usual of them: shards, twins and readers alike."""
    shards = [record for part in range(4) for record in take(f"shard {part}", range(part, 2_000, 4))]
    found = grouped([*crowd(25), *shards])
    assert (found.users, found.found) == (0, [])
    assert grouped([*crowd(26), *shards]).found


def test_a_small_asset_that_everybody_takes_makes_no_group() -> None:
    """Four ordinary users of 150 items, of which each takes most, beside many who name roots only: what all of them
    take isn't rare, however few they are."""
    rng = random.Random(2)
    weights = [(item + 1) ** -0.7 for item in range(150)]
    records = [record for number in range(4)
               for record in take(f"user {number}", rng.choices(range(150), weights, k=400))]  # fmt: skip
    roots = [usage(at, party_of(f"opaque {at % 40}"), START_MS + at * HOUR_MS, items=bytes([at]) * 32, item_count=20)
             for at in range(80)]  # fmt: skip
    found = grouped([*records, *roots], items=150)
    assert (found.users, found.opaque, found.found) == (4, 40, [])


def test_readers_of_topics_are_no_parts_of_a_whole() -> None:
    """30 users who each read once through much of one of ten topics have nothing in common with readers of others, as
    everybody there: no parts of one whole. Four keys that share out everything among them are, beside them."""
    rng = random.Random(3)
    topics = [range(start, start + 300) for start in range(0, 3_000, 300)]
    readers = [record for number in range(30)
               for record in take(f"reader {number}", rng.sample(topics[number % 10], 220))]  # fmt: skip
    back = [record for number in range(100)
            for record in take(f"back {number}", list(range(number, 3_000, 60)) * 2)]  # fmt: skip
    mixed = rng.sample(range(3_000), 3_000)
    keys = [record for part in range(4) for record in take(f"key {part}", mixed[part * 500 : part * 500 + 500])]
    assert [group for group in grouped([*readers, *back], items=3_000).found if group.what == PARTS] == []
    found = [group for group in grouped([*readers, *back, *keys], items=3_000).found if group.what == PARTS]
    assert [names(group) for group in found] == [parties("key 0", "key 1", "key 2", "key 3")]


def test_a_user_of_two_meters_is_in_no_group_with_itself() -> None:
    """Two providers log the same: the group has each user once."""
    shards = [record for part in range(3) for record in take(f"shard {part}", range(part, 2_000, 4))]
    other = [Judged(one.index, one.leaf, party_of("reseller"), one.status, one.body) for one in shards]
    (group,) = grouped([*crowd(), *shards, *other]).found
    assert (group.what, len(group.members)) == (PARTS, 3)


def test_planted_groups_are_found_and_ordinary_users_in_none(
    long_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """Over several seeds: the five keys and the pair, whole and alone; of ordinary users only the two who watch one
    list, which is what they do."""
    seeds = range(100, 140) if long_run else range(100, 101)
    found, others = Counter[str](), Counter[str]()
    for seed in seeds:
        month, taken = read_month(seed)
        by = {party_of(name): name for name in month.users}
        planted = {frozenset(month.planted[what]): what for what in ("shards", "pair")}
        for group in find_groups(compared(taken).assets[0], alarms=0.1).found:
            who = frozenset(by[party] for party in names(group))
            found[planted.get(who, "")] += 1
            if who not in planted:
                others[", ".join(sorted(who))] += 1
    with capsys.disabled():
        print(f"\ngroups found in {len(seeds)} months: {dict(found)}; not planted: {dict(others)}")
    assert found["shards"] >= 0.95 * len(seeds)
    assert found["pair"] >= 0.95 * len(seeds)
    assert others["watcher 0, watcher 1"] == len(seeds)
    assert others.total() - len(seeds) <= 0.02 * len(seeds)
