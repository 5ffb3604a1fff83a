"""What the routes share: one `NodeContext` in the application, owned by the event loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from ledger.query import Query
from ledger.signrecord import Signer
from node.config import Config
from node.published import Published
from node.writer import Writer
from proofs.errors import InputError

T = TypeVar("T")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass
class NodeContext:
    """`check_pool`: threads for signatures and fields; `read_pool`: threads for LevelDB reads. `bytes_in_flight` is
    touched on the event loop only."""

    config: Config
    writer: Writer
    signer: Signer
    check_pool: ThreadPoolExecutor
    read_pool: ThreadPoolExecutor
    bytes_in_flight: int = 0
    streams: int = 0
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def published(self) -> Published:
        """The newest published state; a handler takes it once and keeps to it."""
        return self.writer.board.published

    async def read(self, work: Callable[[], T]) -> T:
        """Run a read on the read threads, so that a cold disk never stalls the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.read_pool, work)

    async def query(self, work: Callable[[Query], T]) -> T:
        """Run a look-up over the newest published state."""
        published = self.published
        return await self.read(lambda: work(Query(published.reader)))


CONTEXT: web.AppKey[NodeContext] = web.AppKey("context", NodeContext)


def decimal(text: str, field_name: str) -> int:
    """A strict decimal of 0 … 2^63−1 from a path or query. Raises InputError."""
    if _DECIMAL.fullmatch(text) is None or int(text) >= 2**63:
        raise InputError(f"{text[:80]!r} is no number", field=field_name, expected="a decimal of 0 to 2^63-1")
    return int(text)


def hex_bytes(text: str, length: int, field_name: str) -> bytes:
    """`length` bytes in lower-case hex. Raises InputError."""
    if re.fullmatch(rf"[0-9a-f]{{{2 * length}}}", text) is None:
        raise InputError(f"{text[:80]!r} is no hex", field=field_name, expected=f"{2 * length} lower-case hex digits")
    return bytes.fromhex(text)


def query_args(request: web.Request, *allowed: str) -> dict[str, str]:
    """The query's arguments, each at most once and all of them known. Raises InputError."""
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in allowed:
            raise InputError(
                f"unknown argument {name[:80]!r}", field=name[:80], expected="one of " + (", ".join(allowed) or "none")
            )
        if name in found:
            raise InputError(f"{name} is there twice", field=name, expected="once")
        found[name] = value
    return found
