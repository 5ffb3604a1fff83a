"""How much each party may ask of a node: rates with bursts, in bounded memory (design section 8, "quotas per party").

A rate is kept as one number for each party and kind: the time by which all that was taken will have been earned (the
generic cell rate algorithm). So it decays by itself, and forgetting is easy to bound:

- over any t seconds a party takes at most per_s * t + burst of a kind (`take`); what is counted after the fact
  (`spend`) may pass that by the amount that was under way, and is earned before anything else is let through;
- waiting for as long as a refusal says is enough, if the party sends nothing else meanwhile;
- what is refused here isn't counted, so a refusal never makes the next wait longer;
- at most `parties_max` parties are remembered. A party that comes anew after others were forgotten begins as the
  busiest of those, so flooding this table with names gives nobody more than its rate.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

PARTIES_MAX = 16_384
EVERYBODY: bytes = b""
"""Stands for all who are no party yet: they share what one party has, for a key costs nothing."""


class Kind(IntEnum):
    """What is counted: records, their bytes, the rules' steps, wrong statements, parties that join, and, of tokens,
    prints looked up."""

    RECORDS = 0
    BYTES = 1
    STEPS = 2
    STATEMENTS = 3
    JOINS = 4
    PRINTS = 5


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` of a kind in the long run, 0 for any number; `burst` at once, after a rest."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Over:
    """What there is too much of, and the seconds after which the same would be let through."""

    kind: Kind
    wait_s: float

    @property
    def retry_after_s(self) -> int:
        """Whole seconds, at least 1."""
        return max(1, math.ceil(self.wait_s))


class Quotas:
    """Owner: its lock; used by the event loop, reading threads and the writer. `clock()`: seconds, never backwards."""

    def __init__(
        self, rates: Mapping[Kind, Rate], *, clock: Callable[[], float] = time.monotonic, parties_max: int = PARTIES_MAX
    ) -> None:
        """Kinds without a rate are unbounded."""
        self._clock = clock
        self._parties_max = parties_max
        self._lock = threading.Lock()
        # By party: for each kind, when what it took will have been earned. In the order of last use.
        self._earned: OrderedDict[bytes, list[float]] = OrderedDict()
        self._forgotten = [-math.inf] * len(Kind)
        self.set_rates(rates)

    def set_rates(self, rates: Mapping[Kind, Rate]) -> None:
        """Replace all rates; what was taken before is earned as it would have been."""
        found = {kind: rate for kind, rate in rates.items() if rate.per_s > 0}
        # One assignment: others may be reading it.
        self._rates: dict[Kind, Rate] = found

    def rate(self, kind: Kind) -> Rate | None:
        """The rate of a kind, None where there is none."""
        return self._rates.get(kind)

    def take(self, party: bytes, amounts: Mapping[Kind, float]) -> Over | None:
        """Take all of it, or nothing and say what there is too much of (the longest wait). An amount above the burst is
        let through once a whole burst is there."""
        with self._lock:
            now = self._clock()
            over = self._over(party, amounts, now)
            if over is None:
                for kind, amount in amounts.items():
                    self._count(party, kind, amount, now)
            return over

    def check(self, party: bytes, kind: Kind, amount: float) -> Over | None:
        """Whether so much would be let through; nothing is counted."""
        with self._lock:
            return self._over(party, {kind: amount}, self._clock())

    def spend(self, party: bytes, kind: Kind, amount: float) -> None:
        """Count what was done already, however much it is."""
        with self._lock:
            self._count(party, kind, amount, self._clock())

    def _over(self, party: bytes, amounts: Mapping[Kind, float], now: float) -> Over | None:
        """Under the lock."""
        known = self._earned.get(party, self._forgotten)
        over: Over | None = None
        for kind, amount in amounts.items():
            rate = self._rates.get(kind)
            if rate is None:
                continue
            room = rate.burst - min(amount, rate.burst)
            wait_s = max(known[kind], now) - now - room / rate.per_s
            if wait_s > 0 and (over is None or wait_s > over.wait_s):
                over = Over(kind, wait_s)
        return over

    def _count(self, party: bytes, kind: Kind, amount: float, now: float) -> None:
        """Under the lock."""
        rate = self._rates.get(kind)
        if rate is None or not amount:
            return
        row = self._earned.get(party)
        if row is None:
            row = self._earned[party] = list(self._forgotten)
            if len(self._earned) > self._parties_max:
                _, gone = self._earned.popitem(last=False)
                self._forgotten = [max(pair) for pair in zip(self._forgotten, gone, strict=True)]
        else:
            self._earned.move_to_end(party)
        row[kind] = max(row[kind], now) + amount / rate.per_s

    def __len__(self) -> int:
        """Parties remembered."""
        return len(self._earned)
