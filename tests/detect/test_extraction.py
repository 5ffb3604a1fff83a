"""Bulk extraction: sketches against plain sets, slots against plain sums, measures by hand, and a month with extractors
planted in it: how many are found, and how many others are listed."""

import math
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.replay import Judged
from node.agents.reconcile import Filters
from node.detect import measures, sketch, slots
from node.detect.extraction import BREADTH, BURST, GROWTH, LISTED_MAX, RETURN, VOLUME, Extraction, Look, look_at
from node.detect.groups import find_groups
from node.detect.sketch import Distinct, item_hash, union
from node.detect.slots import SLOT_MS, SlotCounts
from node.detect.takings import AllTaken, Limits, read_takings
from node.detect.watchwords import look_words
from proofs.errors import InputError
from proofs.ref import Ref
from tests.detect.months import compared, read_month
from tests.detect.simulatedmonth import ASSET, DAY_MS, GATEWAY, HOUR_MS, ITEMS, START_MS, party_of, simulate, usage

KEY = b"root of the checkpoint"
NAME = "pkg:generic/catalogue"


def read(records: Iterable[Judged], **given: Any) -> AllTaken:
    """What was taken, where nothing was corrected."""
    return read_takings(records, key=KEY, body_of=lambda ref: {}, **given)


def looked(records: Iterable[Judged], **given: Any) -> Extraction:
    """The same, compared by days."""
    return look_at(read(records), items_of=lambda target: ITEMS, window_ms=DAY_MS, **given)


# --- sketches


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100), st.integers(1, 5)), max_size=80), st.integers(2, 70))
def test_a_sketch_is_the_smallest_hashes_of_a_set(given: list[tuple[int, int, int]], kept: int) -> None:
    """Against a plain dictionary: kept hashes, first times and how often; exact while all fit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketch, "KEPT", kept)
        made, plain, first = Distinct(), Counter[int](), dict[int, int]()
        for value, at, weight in given:
            known = value in plain
            new = made.add(value, at, weight)
            assert new or known
            plain[value] += weight
            first[value] = min(first.get(value, at), at)
        smallest = sorted(plain)[:kept]
        assert list(made.hashes) == smallest
        assert list(made.times) == [first[value] for value in smallest]
        assert list(made.weights) == [plain[value] for value in smallest]
        assert made.is_full == (len(plain) > kept)
        assert made.added == plain.total()
        if not made.is_full:
            assert (made.count, made.returns) == (len(plain), plain.total() - len(plain))


def test_a_sketch_knows_that_something_was_left_out() -> None:
    """One item more than it keeps, and larger than all: the figures are estimates from there on."""
    made = Distinct()
    for value in range(sketch.KEPT):
        made.add(value << 40, 0)
    assert not made.is_full
    made.add(2**63, 0)
    assert made.is_full


@pytest.mark.parametrize("again", [1, 1.05, 3])
def test_beyond_its_bound_a_sketch_estimates(again: float) -> None:
    """20,000 distinct items, 12 times: within four standard errors, and without bias, however often each was taken."""
    errors = []
    for seed in range(12):
        numbers = np.random.default_rng(seed).integers(0, 2**64, 20_000, np.uint64)
        rng = np.random.default_rng(seed + 100)
        made = Distinct()
        for value, weight in zip(numbers.tolist(), rng.poisson(again - 1, 20_000) + 1, strict=True):
            made.add(value, 0, int(weight))
        errors.append(made.count / 20_000 - 1)
        assert abs(made.returns - (made.added - 20_000)) <= 0.05 * made.added
    assert max(map(abs, errors)) < 4 / math.sqrt(sketch.KEPT - 2)
    assert abs(sum(errors) / 12) < 0.02


def test_what_is_heavy_and_not_in_the_sample_is_no_error() -> None:
    """5,000 items, a third of them taken more often by a heavy tail, and one 20,000 times that is mostly outside of the
    sample: the size is within the error that is documented, and returns are too."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        made, total = Distinct(), 0
        for value, weight in zip(
            rng.integers(0, 2**64, 5_000, np.uint64).tolist(), rng.pareto(1.1, 5_000), strict=True
        ):
            made.add(value, 0, 1 + int(weight))
            total += 1 + int(weight)
        made.add((1 << 63) + seed, 0, 20_000)
        error = 4 * 5_001 / math.sqrt(sketch.KEPT - 2)
        assert abs(made.count - 5_001) < error
        assert abs(made.returns - (total + 20_000 - 5_001)) < 2 * error


def test_what_is_put_together_is_as_if_it_had_been_one() -> None:
    """A union's sketch is the sketch of everything."""
    rng = random.Random(1)
    values = [rng.randrange(2**64) for _ in range(9_000)]
    parts, whole = [Distinct() for _ in range(3)], Distinct()
    for at, value in enumerate(values):
        parts[at % 3].add(value, at)
        whole.add(value, at)
    made = union(parts)
    assert (made.hashes, made.times, made.count) == (whole.hashes, whole.times, whole.count)


def test_the_hash_is_keyed() -> None:
    """Who doesn't know the key can't tell which items are sampled."""
    assert item_hash(b"item", key=b"one") != item_hash(b"item", key=b"two")
    assert 0 <= item_hash(b"item", key=b"one") < sketch.SPACE


# --- slots


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2**63 - 1), st.integers(1, 9)), max_size=60))
def test_slots_are_plain_sums(given: list[tuple[int, int, int]]) -> None:
    """Of each taker and five minutes, whatever the time; two numbers that turn out to be one are put together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "_BUFFER", 7)
        counts, plain = SlotCounts(), Counter[tuple[int, int]]()
        merged = [0, 1, 2, 2, 4, 0]
        for taker, ms, weight in given:
            counts.add(taker, ms, weight)
            plain[merged[taker], ms // SLOT_MS] += weight
        found = counts.finish(merged, 6)
    assert {(taker, int(at)): total for taker, (ats, totals) in enumerate(found)
            for at, total in zip(ats, totals, strict=True)} == plain  # fmt: skip
    assert all((np.diff(ats) > 0).all() for ats, _ in found)


# --- measures


def test_a_spread_is_moved_by_no_few() -> None:
    """Median and upper distance are those of the many, with a tenth anywhere at all; a quarter lies a step on."""
    values = np.linspace(0, 10, 1001).tolist()
    clean = measures.spread(values, floor=0.1)
    assert (clean.median, clean.upper) == pytest.approx((5, 2.5), abs=0.01)
    dirty = measures.spread(values + [1e9] * 100, floor=0.1)
    assert dirty.median < 5.6
    assert dirty.upper < 3.4
    assert [clean.part(value) for value in (1, 5, 7.5, 10)] == pytest.approx([1, 1, 0.25, 0.125], rel=0.01)
    assert measures.spread([3, 3, 3], floor=0.5).upper == 0.5


def test_parts_together_are_fishers_product() -> None:
    """Of uniform parts, as many are as rare as they say."""
    rng = np.random.default_rng(1)
    found = [measures.together(row.tolist()) for row in rng.random((4000, 3))]
    for part in (0.5, 0.1, 0.01):
        assert sum(one <= part for one in found) / 4000 == pytest.approx(part, rel=0.35)
    assert measures.together([1, 1]) == 1


def test_heaps_law_is_found_among_others() -> None:
    """Exact users follow it; a fifth who never return don't move it."""
    takings = [int(20 * 1.05**at) for at in range(100)]
    distinct = [3 * n**0.6 for n in takings]
    for at in range(0, 100, 5):
        distinct[at] = takings[at]
    law = measures.heaps_law(takings, [round(n) for n in distinct])
    assert law.power == pytest.approx(0.6, abs=0.03)
    assert law.expected(400, most=None) == pytest.approx(3 * 400**0.6, rel=0.08)
    assert law.expected(10**9, most=1000) == 1000
    assert law.expected(1, most=None) == 1


def slot_counts(times: Iterable[int]) -> slots.Slots:
    """The slots of one user."""
    counts = SlotCounts()
    for at in times:
        counts.add(0, at, 1)
    return counts.finish([0], 1)[0]


def test_the_busiest_hour_slides() -> None:
    """Twenty takings around a full hour count together, though each clock hour has ten; the usual hour is a median."""
    around = [10 * HOUR_MS + offset * 60_000 for offset in range(-20, 20, 2)]
    steady = [day * DAY_MS + hour * HOUR_MS for day in range(1, 5) for hour in range(8)]
    found = measures.pace(slot_counts([*around, *steady]))
    assert (found.peak_hour, found.usual_hour, found.hours, found.peak_day) == (20, 1.0, 34, 20)
    assert found.peak_at == 10 * HOUR_MS - 20 * 60_000
    assert measures.pace(slot_counts([])) == measures.NO_PACE


def test_growth_is_beside_ones_own_past() -> None:
    """Ten times as much in the last quarter is many deviations; steady use is none; of a short time nothing is said."""
    steady = [day * DAY_MS + n * HOUR_MS for day in range(20) for n in range(10 + day % 3)]
    assert abs(measures.growth(slot_counts(steady), window_ms=DAY_MS, until=20 * DAY_MS).steps) < 2
    grown = [*steady, *(day * DAY_MS + n * 60_000 for day in range(15, 20) for n in range(100))]
    found = measures.growth(slot_counts(grown), window_ms=DAY_MS, until=20 * DAY_MS)
    assert found.steps > 8
    assert found.recent > 9 * found.earlier
    assert measures.growth(slot_counts(steady), window_ms=7 * DAY_MS, until=20 * DAY_MS) == measures.NO_GROWTH
    # Who stopped has a last quarter of nothing.
    assert measures.growth(slot_counts(steady), window_ms=DAY_MS, until=40 * DAY_MS).recent == 0


# --- what is taken


def test_takings_are_summed_as_they_stand() -> None:
    """Items, roots, calls, units, meters and times of one user; what it logged itself is another meter."""
    lab, digest = party_of("lab"), bytes([9]) * 32
    roots = [sha256(b"root %d" % n).digest() for n in range(2)]
    records = [
        usage(1, lab, START_MS, 1, user=digest),
        usage(2, lab, START_MS + 5, 1, user=digest, calls=3, detail=bytes(32)),
        usage(3, lab, START_MS + 9, items=roots[0], item_count=40, user=digest),
        usage(4, lab, START_MS + 9, items=roots[0], item_count=40, user=digest),
        usage(5, lab, START_MS, items=roots[1], item_count=7, user=digest, until=START_MS + DAY_MS),
        usage(6, lab, START_MS, user=digest),
        usage(7, lab, START_MS, 1),
        Judged(8, bytes(32), lab, "priced", {**usage(8, lab, START_MS, 1).body, "seen_by": "user", "user": digest}),
    ]
    del records[-1].body["party"]
    one, own, other = read(records).takers
    assert (other.user, other.records, one.user) == (digest, 6, b"")
    assert (own.user, own.records, own.side, own.signer) == (digest, 1, 0, lab)
    assert (other.takings, other.named, other.long) == (1 + 3 + 40 + 40 + 7 + 1, 89, 7)
    assert (other.breadth_least, other.breadth) == (40, 48)
    assert (other.returns_least, other.returns) == (1 + 40, 49)
    assert (other.quantities["token"], other.side, other.signer) == (2400, 1, GATEWAY)
    assert [ref.index for ref in other.shown_refs()] == [1, 2, 3, 4, 5, 6]
    assert (other.first, other.last) == (START_MS, START_MS + 9)


def test_a_name_is_the_asset_that_alone_claims_it() -> None:
    """What one user took under both is put together, slots and sketches too; a name that nobody claims stands alone."""
    lab = party_of("lab")
    records = [usage(at, lab, START_MS + at * HOUR_MS, at, asset=NAME if at % 2 else ASSET) for at in range(10)]
    (one,) = read(records, claimed=lambda name: (ASSET,)).takers
    assert (one.asset, one.records, one.items.count, one.short_slots[1].sum()) == (ASSET, 10, 10, 10)
    assert len(read(records).takers) == 2
    roots = [usage(at, lab, START_MS, items=bytes(32), item_count=50, asset=name)
             for at, name in enumerate((NAME, ASSET, ASSET))]  # fmt: skip
    (rooted,) = read(roots, claimed=lambda name: (ASSET,)).takers
    assert (rooted.breadth_least, rooted.breadth, rooted.named) == (50, 50, 150)
    narrow = read(records, claimed=lambda name: (ASSET,), filters=Filters(asset=ASSET, aka=(NAME,)))
    assert narrow.records == 10
    assert read(records, filters=Filters(asset=ASSET)).records == 5
    assert read(records, filters=Filters(since=START_MS + 3 * HOUR_MS, until=START_MS + 5 * HOUR_MS)).records == 2
    assert read(records, filters=Filters(party=party_of("other"))).records == 0


def test_corrected_records_are_counted() -> None:
    """As many as were corrected, each once; a correction of another's kind of use is nobody's here."""
    lab = party_of("lab")
    own = {"seen_by": "user", "from": START_MS}
    records = [usage(at, lab, START_MS, at) for at in range(3)]
    for record in records:
        record.body.update(own)
        del record.body["party"]
    bodies = {at: record.body for at, record in enumerate(records)}
    fixes = [
        Judged(9 + n, bytes(32), party, "logged",
               {"kind": "correction", "usage": Ref(at, bytes(32)).pack(), "quantities": {}, "reason": "x"})
        for n, (at, party) in enumerate([(0, GATEWAY), (0, GATEWAY), (2, GATEWAY)])
    ]  # fmt: skip
    found = read_takings([*records, *fixes], key=KEY, body_of=lambda ref: bodies[ref.index])
    assert (found.corrected, found.takers[0].corrected, found.takers[0].party) == (2, 2, GATEWAY)


@pytest.mark.parametrize(
    ("limits", "named"),
    [(Limits(users=3), "3 users"), (Limits(slots=3), "3 times of five minutes"), (Limits(corrected=0), "0 corrected")],
)
def test_what_is_kept_is_bounded(limits: Limits, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a bound a run ends and says which, and what to do."""
    monkeypatch.setattr(slots, "_BUFFER", 4)
    records = [usage(at, party_of(str(at)), START_MS + at * HOUR_MS, at) for at in range(6)]
    if not limits.corrected:
        body = {"kind": "correction", "usage": Ref(0, bytes(32)).pack(), "quantities": {}, "reason": "x"}
        records.append(Judged(9, bytes(32), GATEWAY, "logged", body))
    with pytest.raises(InputError, match=named) as caught:
        read(records, limits=limits)
    assert "asset or party" in (caught.value.expected or "")


# --- who is listed


def crowd(count: int, *, named: bool = True) -> Iterator[Judged]:
    """Ordinary users, alike."""
    rng = random.Random(3)
    for number in range(count):
        for at in range(25):
            item = rng.randrange(30) if named else None
            yield usage(number * 100 + at, party_of(f"user {number}"), START_MS + rng.randrange(20 * DAY_MS), item)


def through(count: int, *, named: bool = True) -> list[Judged]:
    """One who takes an item after another."""
    return [
        usage(10**6 + at, party_of("x"), START_MS + at * HOUR_MS // 4, at if named else None) for at in range(count)
    ]


def test_small_populations_are_not_compared() -> None:
    """With 28 others nobody is listed, whatever he took; with 29 he is."""
    few = looked([*crowd(28), *through(500)])
    assert (few.compared, few.listed, few.assets[0].is_compared) == (0, [], False)
    enough = looked([*crowd(29), *through(500)])
    assert [look.taken.party for _, look in enough.listed] == [party_of("x")]


def test_what_is_little_is_not_listed() -> None:
    """However it was taken: fewer items than `least`, or takings too few to be looked at."""
    assert looked([*crowd(40), *through(99)]).listed == []
    assert len(looked([*crowd(40), *through(99)], least=99).listed) == 1
    tiny = looked([*crowd(40), *through(19)], least=1)
    assert (tiny.listed, tiny.assets[0].small) == ([], 1)


def test_a_count_that_is_too_low_hides_nobody() -> None:
    """Where a user named more items than the asset's record has, that count isn't used, and it is said; a count that
    one may reach is."""
    records = [*crowd(40), *through(300)]
    found = look_at(read(records), items_of=lambda target: 27, window_ms=DAY_MS)
    assert [(look.taken.party, look.breadth) for _, look in found.listed] == [(party_of("x"), 300)]
    assert (found.assets[0].items, found.assets[0].overfull) == (None, 300)
    exact = look_at(read(records), items_of=lambda target: 300, window_ms=DAY_MS)
    assert (exact.assets[0].items, exact.assets[0].overfull) == (300, 0)


def test_who_comes_back_is_unusual_by_no_return() -> None:
    """150 items ten times each, and 150 items once: the second alone stands out by how little it comes back."""
    often = [usage(at, party_of("often"), START_MS + at * HOUR_MS // 4, at % 150) for at in range(1500)]
    by = {look.taken.party: look for look in looked([*crowd(40), *often, *through(150)]).assets[0].looks}
    assert by[party_of("often")].steps[RETURN] == 0
    assert by[party_of("x")].steps[RETURN] > 5


def test_where_no_items_are_named_takings_count() -> None:
    """Who took 100,000 times is listed by that alone, and the measure says so."""
    burst = [usage(10**6, party_of("x"), START_MS, calls=100_000, detail=bytes(32))]
    found = looked([*crowd(40, named=False), *burst, *through(30, named=False)])
    assert found.assets[0].measure == VOLUME
    assert set(found.listed[0][1].steps) == {VOLUME, BURST, GROWTH}


def test_opaque_items_count_at_the_least() -> None:
    """A root a day over what may be the same items lists nobody, though it may be a month's breadth; one root over many
    items does, and the words say "at least" where it isn't known."""
    lab = party_of("x")
    roots = [usage(10**6 + n, lab, START_MS + n * HOUR_MS, items=sha256(b"%d" % n).digest(), item_count=50)
             for n in range(40)]  # fmt: skip
    found = looked([*crowd(40), *roots])
    (look,) = [look for look in found.assets[0].looks if look.taken.party == lab]
    assert (look.breadth, look.taken.breadth, look.taken.returns_least, look.taken.returns) == (50, 2000, 0, 1950)
    assert found.listed == []
    words = look_words(look, found.assets[0], DAY_MS)
    assert "Took at least 50 of 20,000 items" in words
    assert "before at least 0 and at most 1,950 times" in words
    big = usage(10**6 + 50, lab, START_MS, items=bytes(32), item_count=900)
    ((_, look),) = looked([*crowd(40), big]).listed
    assert (look.breadth, look.taken.breadth, look.taken.returns) == (900, 900, 0)


# --- meters that lie


def of_x(found: Extraction) -> Look:
    """How the one who takes an item after another is looked at."""
    (look,) = [look for look in found.assets[0].looks if look.taken.party == party_of("x")]
    return look


def as_user(record: Judged) -> Judged:
    """The same, logged by the user itself."""
    body = {name: value for name, value in record.body.items() if name != "party"}
    return Judged(record.index, record.leaf, record.body["party"], record.status, {**body, "seen_by": "user"})


def by_other(record: Judged) -> Judged:
    """The same, logged by another provider."""
    return Judged(record.index + 10**7, record.leaf, party_of("other gateway"), record.status, record.body)


MANY = usage(10**8, party_of("x"), START_MS, 5, calls=10**5, detail=bytes(32))
ROOT = usage(10**8, party_of("x"), START_MS, items=bytes(32), item_count=10**6, until=START_MS + DAY_MS)


@pytest.mark.parametrize("lies", [[as_user(MANY)], [by_other(MANY)], [MANY], [as_user(ROOT)] * 3, [by_other(ROOT)] * 3],
                         ids=["own calls", "stranger's calls", "calls", "own roots", "stranger's roots"])  # fmt: skip
def test_no_meter_hides_another(lies: list[Judged]) -> None:
    """Records with very many calls, or with one root again and again, by the user, by a stranger or in the same meter:
    who takes item after item stays listed by the meter that shows it."""
    look = of_x(looked([*crowd(40), *through(600), *lies]))
    assert look.is_listed
    assert (look.taken.side, look.taken.signer, look.breadth) == (1, GATEWAY, 600)
    assert look.other_records == (0 if lies == [MANY] else len(lies))


def test_two_providers_of_the_same_use_double_nothing() -> None:
    """A gateway and a reseller both log everything: takings, returns, users and what is expected stay as they were."""
    records = [*crowd(40), *through(600)]
    one, both = looked(records), looked([*records, *map(by_other, records)])
    assert (of_x(both).taken.takings, of_x(both).taken.returns, both.compared) == (600, 0, one.compared)
    assert of_x(both).expected == of_x(one).expected
    assert (of_x(both).other_meters, of_x(both).other_records) == (1, 600)
    assert "signed by" in look_words(of_x(both), both.assets[0], DAY_MS)


def test_the_greatest_amounts_break_nothing() -> None:
    """Calls and counts of 2^63 - 1, again and again: every figure, plot-less word and group is still made."""
    most = 2**63 - 1
    huge = [usage(10**8 + n, party_of("x"), START_MS, 5, calls=most, quantities={"token": most}) for n in range(3)]
    roots = [usage(10**8 + n, party_of("y"), START_MS, items=bytes([n]) * 32, item_count=most) for n in range(5)]
    found = looked([*crowd(40), *through(150), *huge, *roots])
    assert of_x(found).taken.takings == 150 + 3 * slots.WEIGHT_MAX
    assert of_x(found).is_listed
    for look in found.assets[0].looks:
        assert look_words(look, found.assets[0], DAY_MS)
    find_groups(found.assets[0], alarms=0.1)


def test_few_who_name_items_are_not_mixed_with_who_names_none() -> None:
    """Strangers who log calls without items change neither the measure nor the median of those who name them."""
    strangers = [usage(10**8 + n, party_of(f"s{n}"), START_MS, calls=50, detail=bytes(32)) for n in range(200)]
    found = looked([*crowd(40), *through(500), *strangers])
    assert (found.assets[0].measure, found.assets[0].population, found.assets[0].unnamed) == (BREADTH, 41, 200)
    assert [look.taken.party for _, look in found.listed] == [party_of("x")]


@pytest.mark.parametrize("at", [0, 10**14, 2**63 - 1])
def test_a_record_of_another_time_bends_nothing(at: int) -> None:
    """In the year 5138, at the end of all time or at its beginning: growth stays what it was, of others and of the one
    whose record it is, no axis reaches there, and how much lies outside is told."""
    grown = [usage(10**6 + n, party_of("x"), START_MS + (day * 24 + n % 24) * HOUR_MS, n) for n, day in
             enumerate(day for day in range(20) for _ in range(2 if day < 15 else 40))]  # fmt: skip
    plain = looked([*crowd(40), *grown])
    assert of_x(plain).growth.steps > 5
    for who in ("y", "user 3", "x"):
        found = looked([*crowd(40), *grown, usage(10**8, party_of(who), at, 3, calls=30)])
        assert of_x(found).growth.steps == pytest.approx(of_x(plain).growth.steps, rel=0.05)
        assert found.assets[0].outside == 30
        assert START_MS - 40 * DAY_MS <= found.since <= found.until <= START_MS + 60 * DAY_MS


def test_a_fifth_of_large_customers_is_ordinary() -> None:
    """Four in five take little, one in five very much: no customer is listed, and who goes through everything is."""
    rng = random.Random(5)
    many = []
    for number in range(50):
        known = rng.sample(range(5_000), 400)
        for at in range(rng.randrange(20, 40) if number < 40 else rng.randrange(700, 1_200)):
            item = rng.choice(known) if rng.random() < 0.5 else rng.randrange(5_000)
            many.append(
                usage(number * 2_000 + at, party_of(f"user {number}"), START_MS + rng.randrange(20 * DAY_MS), item)
            )
    found = looked([*many, *through(3_000)])
    assert [look.taken.party for _, look in found.listed] == [party_of("x")]


def test_the_threshold_follows_how_many_are_looked_at() -> None:
    """Rarity is the same, but of three times as many users three times as many are expected; fewer alarms, fewer are
    listed; the rarest come first, and those beyond the bound are counted."""

    _, taken = read_month(100)
    found = compared(taken)
    by_rarity = [look.rarity for _, look in found.listed]
    assert by_rarity == sorted(by_rarity)
    assert all(look.expected == look.rarity * found.compared <= 0.1 for _, look in found.listed)
    strict = compared(taken, alarms=by_rarity[2] * found.compared)
    assert len(strict.listed) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.detect.extraction.LISTED_MAX", 2)
        cut = compared(taken)
    assert (len(cut.listed), cut.more) == (2, len(found.listed) - 2)
    assert sum(look.is_listed for look in cut.assets[0].looks) == 2
    assert LISTED_MAX == 500


# --- the simulated month


def test_planted_extractors_are_found_and_few_others_listed(long_run: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Over several seeds: every sort of extractor, and beside them only the one ordinary user who never returns to an
    item; where nobody is planted, nobody else either."""
    seeds = range(100, 140) if long_run else range(100, 101)
    planted, found, false, ordinary = Counter[str](), Counter[str](), Counter[str](), 0
    months = 0
    for seed in seeds:
        for extractors in (True, False) if long_run else (True,):
            months += 1
            month, taken = read_month(seed, extractors=extractors)
            names = {party_of(name): name for name in month.users}
            listed = [names[look.taken.party] for _, look in compared(taken).listed]
            for what, members in month.planted.items():
                planted[what] += len(members)
                found[what] += len(set(members) & set(listed))
            ordinary += len(month.users) - len(month.extractors)
            for name in set(listed) - month.extractors:
                false[name if name in month.heavy else "user"] += 1
    with capsys.disabled():
        print(f"\nextractors found: {dict(found)} of {dict(planted)}; listed of {ordinary:,} ordinary: {dict(false)}")
    assert found.total() >= 0.97 * planted.total()
    assert all(found[what] >= 0.9 * planted[what] for what in planted)
    assert false["feed"] == months  # takes what is new, never again: nothing in the records tells it apart
    assert false.total() - false["feed"] <= 0.0005 * ordinary
    assert set(false) <= {"feed", "user", "reader"}


def test_measures_say_why() -> None:
    """The fast one is broad and returns to little; the burst is a burst; the growing one has grown."""
    asset = compared(read_month(100)[1]).assets[0]
    by = {look.taken.party: look for look in asset.looks}
    assert by[party_of("fast scraper")].steps[BREADTH] > 4
    assert by[party_of("slow scraper")].steps[RETURN] > 8
    assert by[party_of("one burst")].steps[BURST] > 10
    assert by[party_of("growing extractor")].growth.recent > 2 * by[party_of("growing extractor")].growth.earlier
    assert by[party_of("nightly batch")].breadth == 600
    assert by[party_of("nightly batch")].steps[BURST] < 2


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_million_records_stream_by(capsys: pytest.CaptureFixture[str]) -> None:
    """A month of 1,000,000 records of 2,000 users: processor time, and memory beyond the records themselves."""
    month = simulate(7, ordinary=2_000, scale=1.8)
    total = sum(len(times) for times, _ in month.users.values())
    repeated = (record for _ in range(-(-1_000_000 // total)) for record in month.records())
    records = (record for _, record in zip(range(1_000_000), repeated, strict=False))
    rows = list(records)
    began = time.process_time()
    taken = read(iter(rows))
    streamed = time.process_time() - began
    look_at(taken, items_of=lambda target: ITEMS, window_ms=DAY_MS)
    looked_s = time.process_time() - began - streamed
    del taken
    tracemalloc.start()
    taken = read(iter(rows))
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with capsys.disabled():
        print(f"\n{len(rows):,} records of {len(taken.takers):,} users: {streamed:.1f} s to stream "
              f"({len(rows) / streamed:,.0f}/s), {looked_s:.1f} s to compare; {size / 2**20:.0f} MiB kept, "
              f"{peak / 2**20:.0f} MiB at most")  # fmt: skip
    assert streamed < 120
    assert peak < 400 * 2**20
