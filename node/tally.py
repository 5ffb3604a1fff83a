"""What a node counts while it runs: plain numbers, so that counting costs an addition and needs no package.

Each tally has one owner that changes it (named at each); whoever reads sees numbers that may be a step apart from each
other, which is what a graph needs. `node/metrics.py` makes Prometheus metrics of them when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger.append import Outcome
from ledger.errors import Refusal

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
METHODS = ("GET", "HEAD", "POST", "PUT")
COUNTS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16_384.0)


class Spread:
    """How often values fell between which bounds, and their sum: a histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        """`bounds`: ascending; a value belongs to the first bound that it doesn't pass."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, int]]:
        """Bound and count of the values up to it, as Prometheus wants them, `+Inf` last."""
        rows, up_to = [], 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), tuple(self.counts), strict=True):
            up_to += count
            rows.append((bound, up_to))
        return rows


@dataclass(slots=True)
class WriterTally:
    """The writer's rounds. Owner: the writer thread. `began`: when the round under way did (seconds of
    time.monotonic), None between rounds; `commit_s`: the durable write of a group; `sign_s`: signature and sign record
    together; `group_records`, `group_requests`: what one write held."""

    began: float | None = None
    commit_s: Spread = field(default_factory=Spread)
    sign_s: Spread = field(default_factory=Spread)
    group_records: Spread = field(default_factory=lambda: Spread(COUNTS))
    group_requests: Spread = field(default_factory=lambda: Spread(COUNTS))


@dataclass(slots=True)
class HttpTally:
    """What was asked and answered. Owner: the event loop. `requests`: by (method, route, status), routes as the
    application has them; `seconds`: by route, but for streams, which end when they are told to; `refused`: batches by
    problem type; `body_bytes`: of writes, as they came; `refused_connections`: beyond `http.connections_max`;
    `storage_failures`: requests that met a damaged database."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    seconds: dict[str, Spread] = field(default_factory=dict)
    batches_taken: int = 0
    batches_repeated: int = 0
    records_taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    body_bytes: int = 0
    refused_connections: int = 0
    storage_failures: int = 0

    def count_request(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """One request that was answered; `seconds` None for a stream."""
        self.requests[method if method in METHODS else "other", route, status] += 1
        if seconds is not None:
            spread = self.seconds.get(route)
            if spread is None:
                spread = self.seconds[route] = Spread()
            spread.add(seconds)

    def count_results(self, results: Iterable[Outcome | Refusal]) -> None:
        """The batches of one write, as they were answered."""
        for result in results:
            if isinstance(result, Refusal):
                self.refused[result.type] += 1
            elif result.repeated:
                self.batches_repeated += 1
            else:
                self.batches_taken += 1
                self.records_taken += result.count
