"""`usance.AsyncRecorder`: the recorder for asyncio (docs/library.md). Nothing that touches a disk or a network runs in
the event loop; records are stored by one thread, in the order in which they were awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from node.backgroundsender import Left
from node.recorder import Asset, Recorder
from node.saidfields import UsageFields
from proofs.errors import InputError

_T = TypeVar("_T")


class AsyncRecorder:
    """As Recorder, with coroutines. `await uses.use(…)` returns when the record survives the end of the process."""

    def __init__(self, **options: Any) -> None:
        """`options`: as Recorder takes them. Nothing is opened before the first call or `async with`, which raise what
        Recorder raises when it is made."""
        self._options = options
        self._recorder: Recorder | None = None  # owner: the thread
        self._is_closed = False  # owner: the event loop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="usance-record")
        self._waiting = ThreadPoolExecutor(1, thread_name_prefix="usance-wait")

    async def _in_thread(self, work: Callable[[Recorder], _T]) -> _T:
        """Do it in the thread, with the recorder. A cancelled caller doesn't undo it, once it has begun."""
        if self._is_closed:
            raise InputError("the recorder is closed", expected="a new usance.AsyncRecorder")
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(self._opened()))

    def _opened(self) -> Recorder:
        if self._recorder is None:
            self._recorder = Recorder(**self._options)
        return self._recorder

    async def use(
        self, asset: Asset, use: str, *, quantities: dict[str, int] | None = None, from_: int | datetime | None = None,
        until: int | datetime | None = None, into: Asset | None = None, **fields: Unpack[UsageFields],
    ) -> None:  # fmt: skip
        """Log one use. Raises as Recorder.use."""
        await self._in_thread(
            lambda recorder: recorder.use(
                asset, use, quantities=quantities, from_=from_, until=until, into=into, **fields
            )
        )

    async def record(self, kind: str, **fields: Any) -> None:
        """Log a record of any kind. Raises as Recorder.record."""
        await self._in_thread(lambda recorder: recorder.record(kind, **fields))

    async def flush(self, timeout_s: float = 0.0) -> Left:
        """As Recorder.flush; others may record meanwhile."""
        recorder = await self._in_thread(lambda recorder: recorder)
        return await asyncio.get_running_loop().run_in_executor(self._waiting, recorder.flush, timeout_s)

    async def close(self, timeout_s: float | None = None) -> Left:
        """As Recorder.close, after everything that was awaited before."""
        if self._is_closed:
            return Left(0, 0, "")
        self._is_closed = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._close, timeout_s)
        finally:
            self._pool.shutdown(wait=False)
            self._waiting.shutdown(wait=False)

    def _close(self, timeout_s: float | None) -> Left:
        recorder, self._recorder = self._recorder, None
        return Left(0, 0, "") if recorder is None else recorder.close(timeout_s)

    async def __aenter__(self) -> Self:
        await self._in_thread(lambda recorder: None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
