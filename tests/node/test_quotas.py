"""Rates by party: never more than rate times time and a burst, in bounded memory, and no wait longer than was said."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.quotas import Kind, Quotas, Rate

PARTIES = [bytes([at]) * 32 for at in range(6)]
CLOSE = 1e-6


@dataclass
class Clock:
    """Time as the test says."""

    now: float = 1e6

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@dataclass
class Bench:
    """Quotas with one rate, and all that was let through."""

    rate: Rate
    parties_max: int = 1000
    clock: Clock = field(default_factory=Clock)
    taken: dict[bytes, list[tuple[float, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.quotas = Quotas({Kind.RECORDS: self.rate}, clock=self.clock, parties_max=self.parties_max)

    def take(self, party: bytes, amount: float) -> float:
        """Ask for an amount; 0 where it was let through, else the seconds to wait."""
        over = self.quotas.take(party, {Kind.RECORDS: amount})
        if over is not None:
            return over.wait_s
        self.taken.setdefault(party, []).append((self.clock.now, amount))
        return 0.0

    def check(self) -> None:
        """In no window of time did anybody take more than its rate allows."""
        for events in self.taken.values():
            for first in range(len(events)):
                total = 0.0
                for at, amount in events[first:]:
                    total += amount
                    allowed = self.rate.per_s * (at - events[first][0]) + self.rate.burst
                    assert total <= allowed * (1 + CLOSE) + CLOSE


steps = st.lists(st.tuples(st.sampled_from(PARTIES), st.floats(0, 40), st.floats(0, 5)), min_size=1, max_size=80)
rates = st.builds(Rate, per_s=st.floats(0.1, 100), burst=st.floats(40, 200))


@given(rate=rates, steps=steps, parties_max=st.integers(1, 8))
def test_nobody_takes_more_than_its_rate(rate: Rate, steps: list[tuple[bytes, float, float]], parties_max: int) -> None:
    """In any time t at most rate * t + burst goes through for each party, also where there is room for fewer parties
    than come."""
    bench = Bench(rate, parties_max)
    for party, amount, wait_s in steps:
        bench.clock.now += wait_s
        bench.take(party, amount)
        assert len(bench.quotas) <= parties_max
    bench.check()


@given(rate=rates, steps=steps)
def test_waiting_as_long_as_was_said_is_enough(rate: Rate, steps: list[tuple[bytes, float, float]]) -> None:
    """What is refused goes through after the seconds named, if its party sends nothing else; not much before."""
    bench = Bench(rate)
    for party, amount, wait_s in steps:
        bench.clock.now += wait_s
        left_s = bench.take(party, amount)
        if left_s > 0:
            if left_s > 0.01:
                bench.clock.now += left_s * 0.9
                assert bench.take(party, amount) > 0
                left_s *= 0.1
            bench.clock.now += left_s + CLOSE
            assert bench.take(party, amount) == 0


@given(steps=steps)
def test_refusals_cost_nothing(steps: list[tuple[bytes, float, float]]) -> None:
    """Asking again and again while over the quota makes the wait no longer."""
    rate = Rate(2, 50)
    once, often = Bench(rate), Bench(rate)
    for party, amount, wait_s in steps:
        once.clock.now += wait_s
        often.clock.now += wait_s
        expected = once.take(party, amount)
        if expected:
            for _ in range(5):
                assert often.take(party, amount) == pytest.approx(expected)
        else:
            assert often.take(party, amount) == 0


def test_parties_do_not_share() -> None:
    """One that has used everything up leaves the others theirs."""
    bench = Bench(Rate(1, 10))
    assert bench.take(PARTIES[0], 10) == 0
    assert bench.take(PARTIES[0], 1) == pytest.approx(1)
    assert bench.take(PARTIES[1], 10) == 0


def test_all_kinds_or_none() -> None:
    """Where one kind is over, nothing of the others is counted; the longest wait is named."""
    clock = Clock()
    quotas = Quotas({Kind.RECORDS: Rate(1, 10), Kind.BYTES: Rate(10, 1000)}, clock=clock)
    party = PARTIES[0]
    assert quotas.take(party, {Kind.RECORDS: 10, Kind.BYTES: 100}) is None
    over = quotas.take(party, {Kind.RECORDS: 1, Kind.BYTES: 950})
    assert over is not None
    assert (over.kind, over.retry_after_s) == (Kind.BYTES, 5)
    over = quotas.take(party, {Kind.RECORDS: 3, Kind.BYTES: 0})
    assert over is not None
    assert (over.kind, over.retry_after_s) == (Kind.RECORDS, 3)
    assert quotas.take(party, {Kind.BYTES: 900}) is None


def test_what_was_done_is_earned_before_anything_else() -> None:
    """`spend` may pass the burst; then nothing goes through until all of it is earned down to a burst."""
    clock = Clock()
    quotas = Quotas({Kind.STEPS: Rate(10, 100)}, clock=clock)
    quotas.spend(PARTIES[0], Kind.STEPS, 350)
    over = quotas.check(PARTIES[0], Kind.STEPS, 0)
    assert over is not None
    assert over.wait_s == pytest.approx(25)
    clock.now += 25.001
    assert quotas.check(PARTIES[0], Kind.STEPS, 0) is None
    assert quotas.check(PARTIES[0], Kind.STEPS, 1) is not None
    assert quotas.check(PARTIES[1], Kind.STEPS, 100) is None


def test_kinds_without_a_rate_are_unbounded() -> None:
    """Nothing is counted, and nobody remembered, for a rate of 0 or none."""
    quotas = Quotas({Kind.RECORDS: Rate(0, 10)}, clock=Clock())
    for _ in range(100):
        assert quotas.take(PARTIES[0], {Kind.RECORDS: 1000, Kind.BYTES: 10**12}) is None
    assert len(quotas) == 0
    assert quotas.rate(Kind.RECORDS) is None


def test_more_than_a_burst_waits_for_a_whole_one() -> None:
    """An amount above the burst isn't barred for ever: it goes when the party has been quiet, and is paid back."""
    bench = Bench(Rate(1, 10))
    assert bench.take(PARTIES[0], 25) == 0
    assert bench.take(PARTIES[0], 25) == pytest.approx(25)


def test_flooding_the_table_frees_nobody() -> None:
    """A party that others pushed out of the table begins as the busiest of those forgotten, until that is earned."""
    bench = Bench(Rate(1, 10), parties_max=2)
    assert bench.take(PARTIES[0], 10) == 0
    assert bench.take(PARTIES[1], 1) == 0
    assert bench.take(PARTIES[2], 1) == 0  # PARTIES[0] is forgotten
    assert bench.take(PARTIES[0], 1) > 0
    assert bench.take(PARTIES[3], 1) > 0
    bench.clock.now += 5
    assert bench.take(PARTIES[0], 5) == 0
    assert bench.take(PARTIES[0], 1) > 0
    bench.clock.now += 6
    assert bench.take(PARTIES[3], 6) == 0


def test_rates_can_change_while_it_runs() -> None:
    """A new rate counts from then on; what was taken stays taken."""
    clock = Clock()
    quotas = Quotas({Kind.RECORDS: Rate(1, 10)}, clock=clock)
    quotas.take(PARTIES[0], {Kind.RECORDS: 10})
    quotas.set_rates({Kind.RECORDS: Rate(100, 10)})
    assert quotas.take(PARTIES[0], {Kind.RECORDS: 10}) is not None
    clock.now += 10
    assert quotas.take(PARTIES[0], {Kind.RECORDS: 10}) is None
    clock.now += 0.1
    assert quotas.take(PARTIES[0], {Kind.RECORDS: 10}) is None
    quotas.set_rates({})
    assert quotas.take(PARTIES[0], {Kind.RECORDS: 10**9}) is None


def test_who_is_at_work_is_remembered() -> None:
    """Where there is no room, the one that has been quiet the longest is forgotten, not the one that came first."""
    bench = Bench(Rate(1, 10), parties_max=2)
    for party, amount in ((PARTIES[0], 5), (PARTIES[1], 1), (PARTIES[0], 1), (PARTIES[2], 1)):
        assert bench.take(party, amount) == 0
    assert bench.take(PARTIES[3], 8) == 0
