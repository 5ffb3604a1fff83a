"""The node's check workers: processes that judge requests, handed out one request at a time.

Owner: the event loop. A worker that ends unasked is replaced; the request that it held is answered 503, to be sent
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from node.checkwork import LENGTH_BYTES, Verdict, read_verdict
from node.children import command
from proofs.errors import RetryableError

log = logging.getLogger("usance.check")

STOP_S = 5


class CheckPool:
    """`count` worker processes for a log's origin."""

    def __init__(self, count: int, origin: str) -> None:
        self._count = count
        self._origin = origin
        self._idle: asyncio.LifoQueue[asyncio.subprocess.Process] = asyncio.LifoQueue()
        self._all: set[asyncio.subprocess.Process] = set()
        self.pending = 0
        """Requests that are being judged or wait for it; read by the writer thread too."""

    async def start(self) -> None:
        """Start the workers."""
        for _ in range(self._count):
            self._idle.put_nowait(await self._spawn())

    async def check(self, data: bytes) -> list[Verdict]:
        """Judge the body of one request; waits for a free worker.

        Raises InputError where the request is refused as a whole, RetryableError where the worker was lost.
        """
        self.pending += 1
        try:
            return read_verdict(await self._ask(data))
        finally:
            self.pending -= 1

    async def _ask(self, data: bytes) -> bytes:
        worker = await self._idle.get()
        try:
            return await _ask(worker, data)
        except (OSError, asyncio.IncompleteReadError) as error:
            log.error("a check worker ended: %s", error)
            worker = await self._replace(worker)
            raise RetryableError("the request could not be checked, send it again", retry_after_s=1) from None
        except asyncio.CancelledError:  # between question and answer its pipe can't be used again
            worker = await self._replace(worker)
            raise
        finally:
            self._idle.put_nowait(worker)

    async def stop(self) -> None:
        """Close the workers' inputs, and wait for them to end."""
        for worker in list(self._all):
            await self._end(worker)

    async def _spawn(self) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            *command("node.checkwork", self._origin), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._all.add(worker)
        return worker

    async def _replace(self, worker: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        await self._end(worker)
        return await self._spawn()

    async def _end(self, worker: asyncio.subprocess.Process) -> None:
        self._all.discard(worker)
        if worker.stdin is not None:
            worker.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await worker.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()


async def _ask(worker: asyncio.subprocess.Process, data: bytes) -> bytes:
    if worker.stdin is None or worker.stdout is None:
        raise OSError("a worker without pipes")
    worker.stdin.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
    await worker.stdin.drain()
    head = await worker.stdout.readexactly(LENGTH_BYTES)
    return await worker.stdout.readexactly(int.from_bytes(head, "big"))
