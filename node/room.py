"""Room for so many bytes at a time, given in the order that it was asked for.

A decoded request takes several times its bytes on the wire (up to twenty times, where it is made of many small values),
so requests are decoded only when the writer is near to them; until then they wait as the bytes that came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Room:
    """Owner: the event loop. `bytes_max`: together; one that is larger is let in alone."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._turn = asyncio.Lock()  # in order; whoever holds it is next
        self._left = asyncio.Event()
        self.used = 0
        """Bytes that are in now."""

    @contextlib.asynccontextmanager
    async def hold(self, count: int) -> AsyncIterator[None]:
        """Wait for room for so many bytes, and keep it to the block's end."""
        async with self._turn:
            while self.used and self.used + count > self._bytes_max:
                self._left.clear()
                await self._left.wait()
            self.used += count
        try:
            yield
        finally:
            self.used -= count
            self._left.set()
