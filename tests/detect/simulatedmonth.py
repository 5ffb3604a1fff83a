"""A month of usage records of one large catalogue, with ordinary users of all sorts and extractors among them.

Ordinary use: how much a user takes is heavy-tailed (log-normal, the largest some 300 times the median), what it takes
follows interests (topics) and popularity (Zipf) with much coming back to what it knows, and when follows hours and
weekdays. Some are unusual for good reasons: a nightly batch over its own list, a search service, a customer who grows,
a person who reads ever further, one who takes what is new each day and never returns to it, two jobs over one list.
Extractors go through the catalogue, whatever their pace. All by a seed.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from ledger.replay import Judged
from proofs.ref import Ref

START_MS = 1_767_225_600_000  # 2026-01-01, a Thursday
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DAYS = 30
ITEMS = 20_000
TOPICS = 40
ASSET = Ref(7, sha256(b"catalogue").digest()).pack()
GATEWAY = sha256(b"gateway").digest()
FIRST_INDEX = 1_000

ITEM_IDS = [sha256(b"item %d" % number).digest() for number in range(ITEMS)]
SHARDS = 5
RETRIED = 0.03


@dataclass
class Month:
    """What was made. `times` and `items` of each user; `planted`: extractors, by what they do; `heavy`: ordinary ones
    with much use."""

    users: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    planted: dict[str, list[str]] = field(default_factory=dict)
    heavy: dict[str, list[str]] = field(default_factory=dict)

    @property
    def extractors(self) -> set[str]:
        """Everybody who was planted."""
        return {name for names in self.planted.values() for name in names}

    def records(self) -> Iterator[Judged]:
        """As a replay shows them: provider-seen by one gateway, in the order of time."""
        names = list(self.users)
        parties = [party_of(name) for name in names]
        times = np.concatenate([self.users[name][0] for name in names])
        items = np.concatenate([self.users[name][1] for name in names])
        who = np.repeat(np.arange(len(names)), [len(self.users[name][0]) for name in names])
        order = np.argsort(times, kind="stable")
        rows = zip(times[order].tolist(), items[order].tolist(), who[order].tolist(), strict=True)
        for number, (time, item, user) in enumerate(rows):
            yield usage(FIRST_INDEX + number, parties[user], time, item)


def party_of(name: str) -> bytes:
    """The party that a user is."""
    return sha256(name.encode()).digest()


def usage(index: int, party: bytes, time: int, item: int | None = None, **fields: Any) -> Judged:
    """One usage record, seen by the gateway."""
    body: dict[str, Any] = {
        "kind": "usage", "asset": ASSET, "use": "ground", "quantities": {"token": 400, "call": 1}, "from": time,
        "until": time, "seen_by": "provider", "party": party,
    }  # fmt: skip
    if item is not None:
        body["item"] = ITEM_IDS[item]
    body.update(fields)
    return Judged(index, index.to_bytes(32, "big"), GATEWAY, "priced", body)


_HOURS = np.array([1, 1, 1, 1, 1, 2, 3, 6, 10, 12, 12, 11, 9, 11, 12, 12, 10, 8, 6, 5, 4, 3, 2, 1], float)


class _Maker:
    """Draws users of one month."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        ranks = self.random.permutation(ITEMS) + 1
        self.popularity = ranks**-0.9
        self.topics = self.random.integers(0, TOPICS, ITEMS)
        days = np.arange(DAYS)
        weekend = np.isin((days + 3) % 7, (5, 6))  # the first day is a Thursday
        week = np.where(weekend, 0.25, 1.0)
        self.hours = (week[:, None] * _HOURS[None, :]).ravel()

    def times(self, count: int, *, growth: float = 0.0, first_day: int = 0) -> np.ndarray:
        """Working hours; `growth`: how many times more at the end than at the beginning, less one."""
        weights = self.hours * np.linspace(1, 1 + growth, len(self.hours))
        weights[: first_day * 24] = 0
        # Sessions: what a person asks for comes in runs of some minutes.
        sessions = max(1, count // 6)
        hours = self.random.choice(len(weights), sessions, p=weights / weights.sum())
        begin = hours * HOUR_MS + self.random.integers(0, HOUR_MS, sessions)
        chosen = self.random.integers(0, sessions, count)
        offsets = self.random.exponential(4 * 60_000, count).astype(np.int64)
        return self.ordered(begin[chosen] + offsets)

    def even(self, count: int, *, first: float = 0, until: float = DAYS) -> np.ndarray:
        """Day and night alike, from one day to another."""
        return self.ordered(self.random.uniform(first * DAY_MS, until * DAY_MS, count).astype(np.int64))

    def ordered(self, times: np.ndarray) -> np.ndarray:
        return START_MS + np.sort(np.minimum(times, DAYS * DAY_MS - 1)).astype(np.int64)

    def liked(self, count: int, *, topics: int, back: float) -> np.ndarray:
        """Items by interest and popularity; a part `back` of them are ones that it took before."""
        wanted = self.random.choice(TOPICS, topics, replace=False)
        weights = self.popularity * np.where(np.isin(self.topics, wanted), 1.0, 0.02)
        drawn = self.random.choice(ITEMS, count, p=weights / weights.sum())
        again = self.random.random(count) < back
        again[0] = False
        earlier = (self.random.random(count) * np.arange(count)).astype(int)
        for at in np.flatnonzero(again):
            drawn[at] = drawn[earlier[at]]
        return drawn


def simulate(seed: int, *, ordinary: int = 300, extractors: bool = True, scale: float = 1.0) -> Month:
    """A month. `scale`: how much each ordinary user takes, by this factor."""
    make, month = _Maker(seed), Month()
    random = make.random
    volumes = np.exp(random.normal(np.log(80 * scale), 1.25, ordinary)).astype(int) + 1
    for number, volume in enumerate(np.minimum(volumes, int(25_000 * scale))):
        topics, back = int(random.integers(1, 8)), float(random.uniform(0.1, 0.6))
        first = int(random.integers(0, 20)) if random.random() < 0.2 else 0
        month.users[f"user {number}"] = make.times(int(volume), first_day=first), make.liked(
            int(volume), topics=topics, back=back
        )  # fmt: skip
    _heavy(month, make)
    if extractors:
        _plant(month, make)
    return month


def _heavy(month: Month, make: _Maker) -> None:
    """Much use for good reasons."""
    random = make.random
    nightly = random.choice(ITEMS, 600, replace=False)
    hour = np.arange(DAYS)[:, None] * DAY_MS + 2 * HOUR_MS
    month.users["nightly batch"] = (
        make.ordered((hour + random.integers(0, HOUR_MS, (DAYS, 600))).ravel()), np.tile(nightly, DAYS)
    )  # fmt: skip
    month.users["search service"] = make.times(30_000), make.liked(30_000, topics=TOPICS, back=0.3)
    month.users["new customer"] = make.times(4_000, growth=30, first_day=8), make.liked(4_000, topics=6, back=0.3)
    month.users["reader"] = make.times(1_500), make.liked(1_500, topics=20, back=0.05)
    new = random.permutation(ITEMS)[: DAYS * 20]  # what the publisher adds, 20 a day: each taken once, never again
    month.users["feed"] = make.ordered(np.repeat(np.arange(DAYS), 20) * DAY_MS + random.integers(0, DAY_MS, 600)), new
    watched = random.choice(ITEMS, 300, replace=False)
    for number in range(2):
        mine = np.concatenate([random.permutation(watched) for _ in range(4)])
        month.users[f"watcher {number}"] = make.times(len(mine)), mine
    names = ("nightly batch", "search service", "new customer", "reader", "feed", "watcher 0", "watcher 1")
    month.heavy = {name: [name] for name in names}


def _plant(month: Month, make: _Maker) -> None:
    """Extractors: each takes what it hasn't yet, but for what it fetches again because something failed."""
    random = make.random

    def put(what: str, name: str, times: np.ndarray, items: np.ndarray) -> None:
        taken = items[: len(times)].copy()
        failed = np.flatnonzero(random.random(len(taken)) < RETRIED)
        taken[failed] = taken[np.maximum(failed - 1, 0)]
        month.users[name] = times, taken
        month.planted.setdefault(what, []).append(name)

    def through(count: int) -> np.ndarray:
        return random.choice(ITEMS, count, replace=False)

    put("fast", "fast scraper", make.even(16_000, first=11.2, until=12.6), through(16_000))
    put("slow", "slow scraper", make.even(6_000), through(6_000))
    hidden = make.liked(200, topics=3, back=0.3)
    burst = np.sort(np.concatenate((make.times(200), make.even(3_000, first=20.40, until=20.45))))
    put("burst", "one burst", burst, np.concatenate((hidden, through(3_000))))
    growing = make.times(7_000, growth=60)
    first = make.liked(300, topics=4, back=0.3)
    put("growing", "growing extractor", growing, np.concatenate((first, through(6_700))))
    shards = np.array_split(random.permutation(ITEMS), SHARDS)
    for number, shard in enumerate(shards):
        part = shard[: int(len(shard) * 0.7)]
        put("shards", f"shard {number}", make.even(len(part), first=5, until=24), random.permutation(part))
    both = through(3_000)
    for number in range(2):
        mine = random.permutation(both)[:2_700]
        put("pair", f"pair {number}", make.even(2_700, first=3, until=27), mine)


def described(month: Month) -> str:
    """How much of what there is, for people."""
    begun = datetime.datetime.fromtimestamp(START_MS / 1000, datetime.UTC).date()
    total = sum(len(times) for times, _ in month.users.values())
    return f"{total:,} records of {len(month.users)} users in {DAYS} days from {begun}"
