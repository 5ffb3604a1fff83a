"""node.checkers: workers that end are replaced, and a request never waits for ever (real processes)."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine

import pytest

from ledger.append import Checked
from node import checkers
from node.checkers import CheckPool
from proofs.entry import encode_request
from proofs.errors import RetryableError
from tests.ledger.support import ORIGIN, Log, none


def request() -> bytes:
    """A good request of one batch."""
    log = Log()
    log.join("a")
    return encode_request([log.sign("a", none())])


def run(work: Callable[[CheckPool], Coroutine[None, None, None]], *, count: int = 1) -> None:
    """Run a test over a pool of real workers, and stop it."""

    async def whole() -> None:
        pool = CheckPool(count, ORIGIN)
        await pool.start()
        try:
            async with asyncio.timeout(60):
                await work(pool)
        finally:
            await pool.stop()
        assert pool.pids == []

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own timeout ends it."""
    while not condition():  # noqa: ASYNC110 (what is waited for is outside of this program)
        await asyncio.sleep(0.001)


async def replaced(pool: CheckPool, ended: int) -> None:
    """Wait until so many have ended and as many as wanted run."""
    await until(lambda: pool.ended >= ended and len(pool.pids) == pool.count)


def test_a_worker_killed_idle_costs_no_request_anything() -> None:
    """The next request is judged, by its successor."""
    data = request()

    async def work(pool: CheckPool) -> None:
        for round_ in range(1, 4):
            (pid,) = pool.pids
            os.kill(pid, signal.SIGKILL)
            await until(lambda pid=pid: pid not in pool.pids)  # type: ignore[misc]
            assert isinstance((await pool.check(data))[0], Checked)
            assert pool.ended == round_
            assert pool.pids != [pid]

    run(work)


def test_a_worker_killed_at_work_answers_to_be_sent_again() -> None:
    """The request that it held is refused as retryable; nothing is left pending; the next one is judged."""
    data = request()

    async def work(pool: CheckPool) -> None:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        asked = asyncio.create_task(pool.check(data))
        await asyncio.sleep(0.1)
        assert pool.pending == 1
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(RetryableError, match="again"):
            await asked
        assert pool.pending == 0
        assert isinstance((await pool.check(data))[0], Checked)

    run(work)


def test_a_check_that_is_given_up_leaves_a_pool_that_works() -> None:
    """A worker whose answer nobody takes any more isn't used again: its answer would be another request's."""
    data = request()

    async def work(pool: CheckPool) -> None:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        asked = asyncio.create_task(pool.check(data))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        await replaced(pool, 1)
        assert pool.pids != [pid]
        assert isinstance((await pool.check(data))[0], Checked)

    run(work)


def test_without_workers_a_request_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none can be started it isn't left waiting; once they start again, it is judged."""
    data = request()
    monkeypatch.setattr(checkers, "WAIT_S", 0.3)
    monkeypatch.setattr(checkers, "RESTART_S", 0.1)

    async def work(pool: CheckPool) -> None:
        real, pids = checkers.command, pool.pids
        monkeypatch.setattr(checkers, "command", lambda *words: ["/nonexistent/python", *words])
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: not pool.pids)
        with pytest.raises(RetryableError, match="no check worker"):
            await pool.check(data)
        monkeypatch.setattr(checkers, "command", real)
        await replaced(pool, 2)
        assert isinstance((await pool.check(data))[0], Checked)

    run(work, count=2)


def test_workers_that_die_at_once_are_started_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that can't live doesn't take a processor for itself, and leaves nothing behind in the pool."""
    monkeypatch.setattr(checkers, "RESTART_S", 0.2)

    async def work(pool: CheckPool) -> None:
        real = checkers.command
        monkeypatch.setattr(checkers, "command", lambda *_: ["/bin/false"])
        os.kill(pool.pids[0], signal.SIGKILL)
        began = time.monotonic()
        await until(lambda: pool.ended >= 8)
        assert time.monotonic() - began > 1
        assert pool._idle.qsize() <= 1
        monkeypatch.setattr(checkers, "command", real)
        await replaced(pool, pool.ended)

    run(work)
