"""What runs beside a serving node for its operator: the watch over the machine, and the port of the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from ledger.errors import StartupError
from node.app import make_metrics_app
from node.connections import Runner
from node.context import NodeContext
from node.health import watch
from node.listener import Listener
from node.logs import event

log = logging.getLogger("usance.node")

CONNECTIONS_MAX = 16
TIMEOUT_S = 30
GRACE_S = 1


@contextlib.asynccontextmanager
async def operating(context: NodeContext) -> AsyncIterator[None]:
    """Watch the machine and serve the metrics' port until the block ends. Raises StartupError where that port can't be
    opened."""
    metrics = context.config.metrics
    runner = await _metrics_port(context, *metrics) if isinstance(metrics, tuple) else None
    task = asyncio.create_task(watch(context))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if runner is not None:
            await runner.cleanup()


async def _metrics_port(context: NodeContext, host: str, port: int) -> Runner:
    runner = Runner(
        make_metrics_app(context), connections_max=CONNECTIONS_MAX, idle_timeout_s=TIMEOUT_S, read_timeout_s=TIMEOUT_S,
        grace_s=GRACE_S,
    )  # fmt: skip
    await runner.setup()
    try:
        await Listener(runner, host, port).start()
    except (OSError, UnicodeError) as error:
        await runner.cleanup()
        reason = error.strerror if isinstance(error, OSError) else "no such host name"
        raise StartupError(f"can't listen on {host}:{port} for metrics: {reason}") from None
    address = runner.addresses[0]
    log.info("served at %s port %s", address[0], address[1], extra=event("metrics", port=address[1]))
    return runner
