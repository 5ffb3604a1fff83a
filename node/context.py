"""What the routes share: one `NodeContext` in the application, owned by the event loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl

from aiohttp import web

from ledger.query import Query
from ledger.signrecord import Signer
from node.admission import Gate
from node.checkers import CheckPool
from node.config import Config
from node.detection import Detection
from node.logfolder import Closed
from node.published import Published
from node.readers import Readers
from node.room import Room
from node.statements import StatementGuard
from node.tally import HttpTally
from node.tls import Tls
from node.vitals import Vitals
from node.writer import Writer
from proofs.errors import InputError, excerpt

T = TypeVar("T")
UPLOAD_GRACE_S = 1.0
DECODED_BYTES_MAX = 16 * 1024 * 1024
"""Of each kind: several groups of the writer's, so that it never waits for what is to come."""
QUERY_FIELDS_MAX = 32
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class Missing(InputError):
    """Well asked for, but not in this log: 404."""


@dataclass
class NodeContext:
    """`checks`: processes for signatures and fields; `read_pool`: threads for LevelDB reads; `folder`: the node's;
    `gate`: who may write, and how much; `http`: what was asked and answered; `vitals`: room, sizes, memory;
    `witnesses`: what each said at start; `closed`: how the log was ended; `connections()`: how many are open.
    `bytes_in_flight` and `uploads` (of bodies being read) are touched on the event loop only."""

    config: Config
    writer: Writer
    signer: Signer
    checks: CheckPool
    read_pool: ThreadPoolExecutor
    folder: str
    gate: Gate
    readers: Readers
    tls: Tls | None
    statements: StatementGuard = field(init=False)
    detection: Detection = field(init=False)
    bytes_in_flight: int = 0
    # Requests that are decoded, for the writer: small ones never wait for large ones.
    small_decoded: Room = field(default_factory=lambda: Room(DECODED_BYTES_MAX))
    large_decoded: Room = field(default_factory=lambda: Room(DECODED_BYTES_MAX))
    streams: int = 0
    http: HttpTally = field(default_factory=HttpTally)
    vitals: Vitals = field(default_factory=Vitals)
    witnesses: dict[str, str] = field(default_factory=dict)
    closed: Closed | None = None
    connections: Callable[[], int] = lambda: 0
    uploads: set[asyncio.Timeout] = field(default_factory=set)
    grown: asyncio.Condition = field(default_factory=asyncio.Condition)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.statements = StatementGuard(self.gate)
        self.detection = Detection(self.folder, self.config)

    @property
    def published(self) -> Published:
        """The newest published state; a handler takes it once and keeps to it."""
        return self.writer.board.published

    async def read(self, work: Callable[[], T]) -> T:
        """Run a read on the read threads, so that a cold disk never stalls the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.read_pool, work)

    def refresh(self, config: Config | None = None) -> None:
        """Take on what may change while the node runs: certificate and tokens; and with a configuration that was read
        again who may write, how much, and how many may join."""
        if config is not None:
            self.gate.reload(config)
            self.detection.reload(config)
        if self.readers.tokens is not None:
            self.readers.tokens.refresh()
        if self.tls is not None:
            self.tls.refresh()

    async def stop(self) -> None:
        """Take no more writes, and let bodies that are still arriving do so for at most a second: once the server
        closes its connections it no longer reads them, and they would hold up the stop until they time out."""
        self.stopping.set()
        self.detection.stop()
        async with self.grown:
            self.grown.notify_all()
        end = asyncio.get_running_loop().time() + UPLOAD_GRACE_S
        for upload in tuple(self.uploads):
            if not upload.expired():
                upload.reschedule(min(end, upload.when() or end))
        while self.uploads:  # noqa: ASYNC110 (at most a second, once)
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Wait for the threads that read and detect. Not on the event loop."""
        self.read_pool.shutdown()
        self.detection.close()

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
    """The query's arguments, each at most once, all of them known, their escapes UTF-8. Raises InputError."""
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(
            request.rel_url.raw_query_string, keep_blank_values=True, errors="strict", max_num_fields=QUERY_FIELDS_MAX
        )
    except ValueError:
        raise InputError("the query can't be read", field="query", expected="name=value pairs in UTF-8") from None
    for name, value in pairs:
        if name not in allowed:
            raise InputError(
                f"unknown argument {excerpt(name)}",
                field=name[:80],
                expected="one of " + (", ".join(allowed) or "none"),
            )
        if name in found:
            raise InputError(f"{name} is there twice", field=name, expected="once")
        found[name] = value
    return found
