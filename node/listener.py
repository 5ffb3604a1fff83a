"""A port: accepts connections itself, so that their bound holds before anything is spent on one.

With TLS a connection takes a descriptor, memory and time from its first byte on, long before it is one to the HTTP
server. So those whose handshake is under way count as well, and a handshake has a time to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket

from aiohttp import web

from node.connections import Runner
from node.logs import event
from node.tls import Tls

log = logging.getLogger("usance.http")

BACKLOG = 1024
HANDSHAKE_S = 10.0
RETRY_S = 0.5
"""Seconds for which nothing is accepted after the system had no descriptor or memory for it."""
_GONE = (errno.ECONNABORTED, errno.ECONNRESET, errno.EPROTO)


class _Sockets:
    """What the runner asks a site's server for."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets

    def close(self) -> None:
        """Close them."""
        for opened in self.sockets:
            opened.close()


class Listener(web.BaseSite):
    """One port of a runner. `tls`: the certificate that it shows, None for plain HTTP."""

    __slots__ = ("_beginning", "_host", "_listens", "_port", "_tasks", "_tls")

    def __init__(self, runner: Runner, host: str, port: int, *, tls: Tls | None = None) -> None:
        super().__init__(runner)
        self._listens = runner
        self._host, self._port, self._tls = host, port, tls
        self._tasks: set[asyncio.Task[None]] = set()
        # Sockets that are no connections yet.
        self._beginning: set[socket.socket] = set()

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Open the port. Raises OSError, or UnicodeError for a host that is no name."""
        sockets = await _bind(self._host, self._port)
        await super().start()
        self._server = _Sockets(sockets)  # type: ignore[assignment]
        self._tasks.update(asyncio.create_task(self._accept(opened)) for opened in sockets)

    async def stop(self) -> None:
        """Accept no more; connections that have none yet of what they asked for are dropped."""
        ending = tuple(self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await super().stop()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                opened, _ = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno not in _GONE:
                    log.error("can't accept a connection: %s", error.strerror, extra=event("accept-failed"))
                    await asyncio.sleep(RETRY_S)
                continue
            if not self._listens.takes_connection(len(self._beginning)):
                opened.close()
                continue
            self._beginning.add(opened)
            task = loop.create_task(self._begin(opened))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _begin(self, opened: socket.socket) -> None:
        """Make a connection of it, after its handshake where there is TLS."""
        context = None if self._tls is None else self._tls.context
        try:
            with contextlib.suppress(OSError):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._listens.begin_connection(lambda: self._beginning.discard(opened)), opened,
                ssl=context, ssl_handshake_timeout=None if context is None else HANDSHAKE_S,
            )  # fmt: skip
        except (OSError, TimeoutError) as error:  # an SSLError is an OSError
            log.debug("no connection came of it: %s", type(error).__name__)
            opened.close()
        finally:
            self._beginning.discard(opened)


async def _bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for all addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            opened = socket.socket(family, kind, protocol)
        except OSError as error:
            failed = error
            continue
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setblocking(False)
            opened.bind(address)
            opened.listen(BACKLOG)
            sockets.append(opened)
        except OSError as error:
            opened.close()
            failed = error
            if error.errno != errno.EADDRNOTAVAIL:  # a name may have an address of a family that isn't set up here
                break
    if failed is not None and (not sockets or failed.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)):
        for opened in sockets:
            opened.close()
        raise failed
    return sockets
