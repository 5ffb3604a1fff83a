"""node.writer: rounds that end in time, whoever sends what (design section 8)."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.append import Outcome, Prepared
from ledger.errors import Refusal
from ledger.signrecord import Signer
from node.writer import GROUP_S_MAX, Job, Writer
from proofs.entry import Batch
from tests.ledger.support import LOG_KEY, ORIGIN, Log, none


@contextmanager
def running(log: Log, folder: Path, clock: Callable[[], float], *jobs: Job) -> Iterator[Writer]:
    """A writer that finds these jobs in its queue when it starts."""
    signer = Signer(str(folder / "signed"), origin=ORIGIN, private_keys=(LOG_KEY,), clock_ms=lambda: 1)
    made = Writer(
        log.ledger, signer, folder=str(folder), queue_requests_max=64, group_records_max=16_384,
        disk_free_bytes_min=0, clock=clock,
    )  # fmt: skip
    for job in jobs:
        made.submit(job)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def steps(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so much whenever it is asked."""
    ticks = itertools.count()
    return lambda: next(ticks) * seconds


def batches(log: Log, who: str, count: int) -> list[Prepared | Refusal]:
    """Batches of one record each, one after the other."""
    first = log.next(who)
    made: list[Batch] = [log.sign(who, none(), first=first + number) for number in range(count)]
    return [log.prepare(batch) for batch in made]


def places(job: Job) -> list[int]:
    """Where a job's batches came to stand."""
    results, _ = job.done.result(timeout=30)
    assert all(isinstance(result, Outcome) for result in results)
    return [result.first_index for result in results if isinstance(result, Outcome)]


def test_a_long_request_lets_others_in_between(tmp_path: Path) -> None:
    """Where each batch takes a whole round's time, a request of many batches is judged one a round, and those that
    came behind it have their turn before its second; all are answered, in their own order."""
    log = Log()
    for who in ("slow", "b", "c"):
        log.join(who)
    slow, b, c = Job(batches(log, "slow", 5)), Job(batches(log, "b", 1)), Job(batches(log, "c", 2))
    with running(log, tmp_path, steps(GROUP_S_MAX * 1.1), slow, b, c):
        found = places(slow)
        assert found == sorted(found)
        assert found[0] < places(b)[0] < places(c)[0] < found[1]
        assert places(c)[1] < found[4]
    log.check()


def test_quick_requests_share_a_round(tmp_path: Path) -> None:
    """Where time stands still, everything that waits is one group: one signature."""
    log = Log()
    for who in ("a", "b"):
        log.join(who)
    jobs = [Job(batches(log, "a", 3)), Job(batches(log, "b", 2))]
    with running(log, tmp_path, lambda: 0.0, *jobs) as writer:
        assert places(jobs[0]) == [3, 4, 5]
        assert places(jobs[1]) == [6, 7]
        assert jobs[0].done.result()[1] is jobs[1].done.result()[1] is writer.board.published
    log.check()


def test_a_stop_finishes_what_is_held_over(tmp_path: Path) -> None:
    """A writer that is stopped in the midst of requests judges all of them first; refused batches count as judged."""
    log = Log()
    log.join("a")
    good = batches(log, "a", 4)
    refused = Refusal("x", status=403, type="usance:key")
    job, late = Job([refused, *good, refused]), Job(batches(log, "a", 1))
    with running(log, tmp_path, steps(GROUP_S_MAX * 1.1), job, late):
        pass
    results, published = job.done.result(timeout=0)
    assert [isinstance(result, Outcome) for result in results] == [False, True, True, True, True, False]
    assert published.size == log.size == 6
    # The same batch as the other request's first: its first answer, whichever of the two came first.
    assert late.done.result(timeout=0)[0][0].first_index == 2
    log.check()
