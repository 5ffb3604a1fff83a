"""The node's check workers: processes that judge requests, handed out one request at a time.

Owner: the event loop. Each place has a task that starts its worker, waits for its end and starts the next, so one that
dies idle is back before anybody needs it; a request that a worker held when it died is answered 503, to be sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from node.checkwork import LENGTH_BYTES, Verdict, read_verdict
from node.children import command
from node.logs import event
from proofs.errors import RetryableError

log = logging.getLogger("usance.check")

STOP_S = 5
RESTART_S = 1.0
"""Between two starts of one worker: one that dies at once must not take a processor for itself."""
WAIT_S = 5.0
"""A request waits so long where no worker is alive."""

Process = asyncio.subprocess.Process


class CheckPool:
    """`count` worker processes for a log's origin."""

    def __init__(self, count: int, origin: str) -> None:
        self.count = count
        self._origin = origin
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        self._all: set[Process] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.ended = 0
        """Workers that ended unasked so far."""
        self.pending = 0
        """Requests that are being judged or wait for it; read by the writer thread too."""

    async def start(self) -> None:
        """Start the workers. Raises OSError where a process can't be started."""
        for _ in range(self.count):
            worker = await self._spawn()
            self._tasks.append(asyncio.create_task(self._keep(worker)))

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [worker.pid for worker in self._all if worker.returncode is None]

    async def check(self, data: bytes) -> list[Verdict]:
        """Judge the body of one request; waits for a free worker.

        Raises InputError where the request is refused as a whole, RetryableError where the worker was lost or there
        is none.
        """
        self.pending += 1
        try:
            return read_verdict(await self._ask(data))
        finally:
            self.pending -= 1

    async def _ask(self, data: bytes) -> bytes:
        worker = await self._take()
        try:
            answer = await _ask(worker, data)
        except (OSError, asyncio.IncompleteReadError):
            _kill(worker)
            raise RetryableError("the request could not be checked, send it again", retry_after_s=1) from None
        except BaseException:  # between question and answer its pipe can't be used again
            _kill(worker)
            raise
        self._idle.put_nowait(worker)
        return answer

    async def _take(self) -> Process:
        """A worker that is free and alive. Raises RetryableError where none comes to life."""
        while True:
            try:
                async with asyncio.timeout(WAIT_S):
                    worker = await self._idle.get()
            except TimeoutError:
                if not self.pids:
                    raise RetryableError("no check worker runs, send the request again", retry_after_s=1) from None
                continue
            if worker.returncode is None:
                return worker

    async def stop(self) -> None:
        """Close the workers' inputs, and wait for them to end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in list(self._all):
            await _end(worker)

    async def _keep(self, worker: Process) -> None:
        """Keep one place filled, from this worker on."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            code = await worker.wait()
            self._all.discard(worker)
            self._drop_dead()
            self.ended += 1
            log.error("a check worker ended (%s)", code, extra=event("check-worker-ended", pid=worker.pid, code=code))
            await asyncio.sleep(max(0.0, began + RESTART_S - clock()))
            worker = await self._replace()

    async def _replace(self) -> Process:
        """Start a worker, however often it takes."""
        while True:
            try:
                return await self._spawn()
            except OSError as error:
                log.error("a check worker can't be started: %s", error, extra=event("check-worker-missing"))
                await asyncio.sleep(RESTART_S)

    def _drop_dead(self) -> None:
        """Take the dead ones out of those that are free."""
        free = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for worker in reversed(free):
            if worker.returncode is None:
                self._idle.put_nowait(worker)

    async def _spawn(self) -> Process:
        worker = await asyncio.create_subprocess_exec(
            *command("node.checkwork", self._origin), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._all.add(worker)
        self._idle.put_nowait(worker)
        return worker


def _kill(worker: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()


async def _end(worker: Process) -> None:
    if worker.stdin is not None:
        worker.stdin.close()
    try:
        async with asyncio.timeout(STOP_S):
            await worker.wait()
    except TimeoutError:
        _kill(worker)
        await worker.wait()


async def _ask(worker: Process, data: bytes) -> bytes:
    if worker.stdin is None or worker.stdout is None:
        raise OSError("a worker without pipes")
    worker.stdin.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
    await worker.stdin.drain()
    head = await worker.stdout.readexactly(LENGTH_BYTES)
    return await worker.stdout.readexactly(int.from_bytes(head, "big"))
