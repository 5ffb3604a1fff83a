"""Connections: how many, how long idle, and a problem answer for what isn't HTTP at all.

Too many connections would take the file descriptors that LevelDB needs to write, so those beyond a bound are closed
before anything is spent on them (node/listener.py). A client that doesn't read its answer is cut off: what was rendered
for it would stay in memory.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from typing import Any

from aiohttp import HttpVersion11, web

from node.context import CONTEXT
from node.logs import event
from node.problems import problem
from node.tally import HttpTally
from proofs.entry import REQUEST_BYTES_MAX

log = logging.getLogger("usance.http")

DESCRIPTORS_RESERVED = 256
"""File descriptors kept for the database, logs and whatever else the process opens."""
GUARD_S = 1.0
LINGERING_S = 2.0
"""Seconds for which the rest of a refused body is read and dropped, so that its sender comes to read the refusal."""


async def expect(request: web.Request) -> web.StreamResponse | None:
    """What answers an `Expect` header, for every route: a problem where it isn't 100-continue, or the request says
    itself that it is too large; else the client is told to go on."""
    if request.headers["Expect"].lower() == "100-continue" and says_too_large(request):
        return too_large()
    return await expect_larger(request)


async def expect_larger(request: web.Request) -> web.StreamResponse | None:
    """The same for a route with a bound of its own."""
    if request.headers["Expect"].lower() != "100-continue":
        return problem(417, "another expectation", field="Expect", expected="100-continue")
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # nothing of the answer itself has been sent
    return None


def says_too_large(request: web.Request) -> bool:
    """Whether a request says itself that its body is too large."""
    return request.content_length is not None and request.content_length > REQUEST_BYTES_MAX


def too_large() -> web.Response:
    """The answer to it."""
    return problem(413, "the request is too large", field="request", expected=f"at most {REQUEST_BYTES_MAX} bytes")


class _Connection(web.RequestHandler):
    """One connection; what the HTTP parser refuses is answered as every other error is."""

    __slots__ = ("on_made", "tally")

    tally: HttpTally
    on_made: Callable[[], object]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection counts among the server's from here on."""
        super().connection_made(transport)
        self.on_made()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what reached no handler. Raises ConnectionError where an answer has begun."""
        if isinstance(exc, UnicodeEncodeError):
            # An `Expect` that is no UTF-8, where no route is to judge it: the framework's own refusal repeats it.
            status = 417
        if isinstance(exc, ConnectionError):
            log.debug("a client went away")
        elif status >= 500:
            log.error("a request failed outside of its handler", exc_info=exc, extra=event("request-failed"))
        else:
            log.info("not HTTP from %s: %s", request.remote, type(exc).__name__, extra=event("not-http"))
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun")
        self.tally.count_request("other", "(none)", status, None)
        detail = "the request is no HTTP/1.1 within the limits" if status < 500 else "the node failed on this request"
        if status == 417:
            response = problem(status, "another expectation", field="Expect", expected="100-continue")
        else:
            response = problem(status, detail)
        response.force_close()
        return response


class _Server(web.Server):
    """Makes connections."""

    def __init__(self, like: web.Server, *, tally: HttpTally, **options: Any) -> None:
        super().__init__(
            like.request_handler, request_factory=like.request_factory,
            handler_cancellation=like.handler_cancellation,
        )  # fmt: skip
        self._tally = tally
        self._options = options

    def begin(self, on_made: Callable[[], object]) -> asyncio.Protocol:
        """The protocol of the next connection; `on_made()` once it is one."""
        made = _Connection(self, loop=asyncio.get_running_loop(), **self._options)
        made.tally, made.on_made = self._tally, on_made
        return made


class Runner(web.AppRunner):
    """Runs the application over bounded connections."""

    __slots__ = ("_connections_max", "_guard", "_timeout_s")

    def __init__(
        self, app: web.Application, *, connections_max: int, idle_timeout_s: int, read_timeout_s: int, grace_s: int
    ) -> None:
        """`idle_timeout_s`: between requests, and for a request's head. `read_timeout_s`: for a client that doesn't
        take its answer. `grace_s`: how long `cleanup` waits for handlers."""
        # Bodies come as they were sent: a compressed one is refused, not unpacked.
        super().__init__(
            app, access_log=None, shutdown_timeout=grace_s, handler_cancellation=False, auto_decompress=False,
            keepalive_timeout=idle_timeout_s, lingering_time=LINGERING_S,
        )  # fmt: skip
        self._connections_max = connections_max
        self._timeout_s = read_timeout_s
        self._guard: asyncio.Task[None] | None = None

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self.server.connections) if self.server is not None else 0

    def begin_connection(self, on_made: Callable[[], object]) -> asyncio.Protocol:
        """The protocol of a new connection; `on_made()` once it is open. Raises ConnectionError where the server has
        been closed."""
        if not isinstance(self.server, _Server):
            raise ConnectionError("the server is closed")
        return self.server.begin(on_made)

    def takes_connection(self, beginning: int) -> bool:
        """Whether there is room for one more, beside those that are open and `beginning` others; counts it if not."""
        if self.open_connections + beginning < self._connections_max:
            return True
        self.app[CONTEXT].http.refused_connections += 1
        return False

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        options = {name: value for name, value in self._kwargs.items() if name != "handler_cancellation"}
        tally = self.app[CONTEXT].http
        server = _Server(made, tally=tally, **options)
        self._guard = asyncio.create_task(_cut_stuck(server, self._timeout_s))
        return server

    async def _cleanup_server(self) -> None:
        await super()._cleanup_server()
        if self._guard is not None:
            self._guard.cancel()


async def _cut_stuck(server: web.Server, timeout_s: float) -> None:
    """Cut off each connection of which no byte was taken for so long while an answer waits."""
    loop = asyncio.get_running_loop()
    waiting: dict[Any, tuple[int, float]] = {}
    while True:
        await asyncio.sleep(GUARD_S)
        now = loop.time()
        seen: dict[Any, tuple[int, float]] = {}
        for connection in server.connections:
            transport = connection.transport
            size = transport.get_write_buffer_size() if transport is not None else 0
            if transport is None or not size:
                continue
            known = waiting.get(connection)
            since = known[1] if known is not None and known[0] == size else now
            if now - since >= timeout_s:
                transport.abort()
                continue
            seen[connection] = (size, since)
        waiting = seen


def reserve_descriptors(connections_max: int) -> int:
    """Raise the process' limit on open files as far as it goes and is needed; returns how many connections it bears."""
    wanted = connections_max + DESCRIPTORS_RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY:
        return connections_max
    borne = max(1, min(connections_max, soft - DESCRIPTORS_RESERVED))
    if borne < connections_max:
        log.warning(
            "the limit on open files (%s) bears %s connections only: raise it (ulimit -n)", soft, borne,
            extra=event("few-descriptors"),
        )  # fmt: skip
    return borne
