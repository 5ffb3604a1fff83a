"""POST /records: read, bound, check, queue, and answer what is durable (design section 8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from ledger.append import Outcome, Prepared, prepare
from ledger.errors import Refusal
from node.context import CONTEXT, NodeContext
from node.problems import bad_input, problem, refusal
from node.published import Published
from node.writer import Job, Result
from proofs.entry import REQUEST_BYTES_MAX, parse_request
from proofs.errors import InputError, RetryableError

MEDIA_TYPE = "application/msgpack"


class TooLarge(Exception):
    """A body of more than REQUEST_BYTES_MAX bytes."""


@asynccontextmanager
async def _room(context: NodeContext, wanted: int) -> AsyncIterator[None]:
    """Count a request's bytes while it is under way. Raises RetryableError where there is no room."""
    if context.bytes_in_flight + wanted > context.config.in_flight_bytes_max:
        raise RetryableError("too many requests are under way", retry_after_s=1)
    context.bytes_in_flight += wanted
    try:
        yield
    finally:
        context.bytes_in_flight -= wanted


async def _body(request: web.Request, context: NodeContext) -> bytes:
    """The request's body. Raises TooLarge, or TimeoutError for a client that is too slow."""
    parts: list[bytes] = []
    size = 0
    async with asyncio.timeout(context.config.request_timeout_s):
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > REQUEST_BYTES_MAX:
                raise TooLarge
            parts.append(chunk)
    return b"".join(parts)


def _prepare(data: bytes, context: NodeContext) -> Job:
    """Parse and check a request, on a check thread. Raises InputError where it is refused as a whole."""
    board = context.writer.board
    checked: list[Prepared | Refusal] = []
    for batch in parse_request(data):
        try:
            checked.append(prepare(batch, origin=context.config.origin, root_at=board.root_at))
        except Refusal as error:
            checked.append(error)
    return Job(checked)


def _answer(job: Job, results: list[Result], published: Published) -> bytes:
    """The answer's JSON; with a proof where the request held one record and it was taken."""
    rows: list[dict[str, Any]] = []
    for result in results:
        if isinstance(result, Outcome):
            rows.append(
                {
                    "status": 200,
                    "first_index": result.first_index,
                    "count": result.count,
                    "statuses": result.statuses,
                }
            )
        else:
            rows.append(refusal(result))
    answer: dict[str, Any] = {"results": rows, "checkpoint": published.checkpoint.decode()}
    if len(results) == 1 and isinstance(results[0], Outcome) and results[0].count == 1:
        answer["proof"] = published.proof(results[0].first_index).decode()
    return json.dumps(answer, separators=(",", ":")).encode()


async def post_records(request: web.Request) -> web.StreamResponse:
    """Take 1 to 256 batches; every batch is answered for itself."""
    context = request.app[CONTEXT]
    if request.content_type != MEDIA_TYPE:
        return problem(
            415, f"the content type is {request.content_type[:80]}", field="Content-Type", expected=MEDIA_TYPE,
            Accept=MEDIA_TYPE,
        )  # fmt: skip
    length = request.content_length
    too_large = problem(413, "the request is too large", field="request", expected=f"at most {REQUEST_BYTES_MAX} bytes")
    if length is not None and length > REQUEST_BYTES_MAX:
        return too_large
    loop = asyncio.get_running_loop()
    try:
        context.writer.check_ready()
        async with _room(context, length if length is not None else REQUEST_BYTES_MAX):
            data = await _body(request, context)
            job = await loop.run_in_executor(context.check_pool, _prepare, data, context)
            context.writer.submit(job)
            # Shielded: a client that goes away takes its answer with it, never its batch.
            results, published = await asyncio.shield(asyncio.wrap_future(job.done))
            return web.Response(
                body=await context.read(lambda: _answer(job, results, published)),
                content_type="application/json",
                headers={"Cache-Control": "no-store"},
            )
    except TooLarge:
        return too_large
    except TimeoutError:
        return problem(408, "the request came too slowly", expected=f"within {context.config.request_timeout_s} s")
    except RetryableError as error:
        return problem(503, error.detail, retry_after_s=error.retry_after_s)
    except InputError as error:
        return bad_input(400, error)


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_post("/records", post_records)
