"""POST /records: read, bound, check, queue, and answer what is durable (design section 8)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from ledger.append import Outcome, Prepared, check_head
from ledger.errors import Refusal
from node.checkwork import Verdict
from node.connections import expect, says_too_large, too_large
from node.context import CONTEXT, NodeContext, query_args
from node.problems import bad_input, problem, refusal
from node.published import Board, Published
from node.writer import Job, Result
from proofs import codec
from proofs.entry import REQUEST_BYTES_MAX, Batch, reparse_request
from proofs.errors import InputError, RetryableError

MEDIA_TYPE = "application/msgpack"
SMALL_BYTES = 128 * 1024


class TooLarge(Exception):
    """A body of more than REQUEST_BYTES_MAX bytes."""


class _Room:
    """The bytes of one request while it is under way, counted as they come: a client that only announces many, or sends
    them slowly, takes no room from others."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._bytes = 0

    def take(self, count: int) -> None:
        """Count more. Raises RetryableError where there is no room for them."""
        context = self._context
        if context.bytes_in_flight + count > context.config.in_flight_bytes_max:
            raise RetryableError("too many requests are under way", retry_after_s=1)
        context.bytes_in_flight += count
        self._bytes += count

    def leave(self) -> None:
        """Give all of it back."""
        self._context.bytes_in_flight -= self._bytes
        self._bytes = 0


async def _body(request: web.Request, context: NodeContext, room: _Room) -> bytes:
    """The request's body. Raises TooLarge, RetryableError, or TimeoutError for a client that is too slow."""
    parts: list[bytes] = []
    size = 0
    timeout = asyncio.timeout(context.config.request_timeout_s)
    context.uploads.add(timeout)
    try:
        async with timeout:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > REQUEST_BYTES_MAX:
                    raise TooLarge
                room.take(len(chunk))
                parts.append(chunk)
    finally:
        context.uploads.discard(timeout)
    return b"".join(parts)


async def _admit(context: NodeContext, batches: list[Batch], verdicts: list[Verdict]) -> None:
    """Count the batches against their parties; those over a quota get its refusal for a verdict."""
    gate, reader = context.gate, context.published.reader
    unknown = gate.unknown(batches, verdicts)
    if unknown:
        await context.read(lambda: gate.learn(unknown, reader))
    late = gate.charge(batches, verdicts)
    if late:
        await context.read(lambda: gate.settle(batches, verdicts, late, reader))


def _job(batches: list[Batch], verdicts: list[Verdict], board: Board) -> tuple[Job, bool]:
    """Put a judged request together for the writer: bodies again, and the heads compared; and whether it holds
    statements, which are checked before they are queued."""
    items: list[Prepared | Refusal] = []
    has_statements = False
    for batch, verdict in zip(batches, verdicts, strict=True):
        if isinstance(verdict, Refusal):
            items.append(verdict)
            continue
        bodies = [] if verdict.fields else [codec.unpack(body) for body in batch.bodies]
        head = check_head(batch, board.root_at)
        items.append(Prepared(batch, bodies, verdict.leaves, verdict.lines, head, verdict.fields))
        has_statements = has_statements or any(body["kind"] == "statement" for body in bodies)
    return Job(items), has_statements


def _check_statements(job: Job, context: NodeContext) -> None:
    reader = context.published.reader
    job.batches = [
        context.statements.prepare(item, reader) if isinstance(item, Prepared) else item for item in job.batches
    ]


def _proven(results: list[Result]) -> int | None:
    """The leaf index of a request's one record, where it held one and it was taken."""
    first = results[0]
    if len(results) == 1 and isinstance(first, Outcome) and first.count == 1:
        return first.first_index
    return None


def _over(results: Sequence[Result | Verdict]) -> web.Response | None:
    """The answer to a request all of whose batches are over a quota: by the soonest of them."""
    waits: list[int] = []
    for result in results:
        if not isinstance(result, Refusal) or result.status != 429:
            return None
        waits.append(result.extra["retry_after_s"])
    first = results[0]
    if not isinstance(first, Refusal):
        return None
    return problem(429, first.detail, field=first.field, expected=first.expected, retry_after_s=min(waits))


def _answer(results: list[Result], published: Published) -> bytes:
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
    proven = _proven(results)
    if proven is not None:
        answer["proof"] = published.proof(proven).decode()
    return json.dumps(answer, separators=(",", ":")).encode()


async def post_records(request: web.Request) -> web.StreamResponse:
    """Take 1 to 256 batches; every batch is answered for itself."""
    context = request.app[CONTEXT]
    query_args(request)
    if request.content_type != MEDIA_TYPE:
        return problem(
            415, f"the content type is {request.content_type[:80]}", field="Content-Type", expected=MEDIA_TYPE,
            Accept=MEDIA_TYPE,
        )  # fmt: skip
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        return problem(
            415, f"the content encoding is {coding[:80]}", field="Content-Encoding", expected="identity",
            Accept_Encoding="identity",
        )  # fmt: skip
    if says_too_large(request):
        return too_large()
    room = _Room(context)
    try:
        return await _take(request, context, room)
    except TooLarge:
        return too_large()
    except TimeoutError:
        if context.stopping.is_set():
            return problem(503, "the node is stopping", retry_after_s=1)
        return problem(408, "the request came too slowly", expected=f"within {context.config.request_timeout_s} s")
    except RetryableError as error:
        return problem(503, error.detail, retry_after_s=error.retry_after_s)
    except InputError as error:
        return bad_input(400, error)
    finally:
        room.leave()


async def _take(request: web.Request, context: NodeContext, room: _Room) -> web.Response:
    if context.stopping.is_set():
        raise RetryableError("the node is stopping", retry_after_s=1)
    context.writer.check_ready()
    data = await _body(request, context, room)
    context.http.body_bytes += len(data)
    verdicts = await context.checks.check(data)
    board = context.writer.board
    # A small request is put together sooner than it is handed to a thread.
    small = len(data) <= SMALL_BYTES
    batches = reparse_request(data) if small else await context.read(lambda: reparse_request(data))
    await _admit(context, batches, verdicts)
    over = _over(verdicts)
    if over is not None:
        context.http.count_results([verdict for verdict in verdicts if isinstance(verdict, Refusal)])
        return over
    async with (context.small_decoded if small else context.large_decoded).hold(len(data)):
        job, has_statements = (
            _job(batches, verdicts, board) if small else await context.read(lambda: _job(batches, verdicts, board))
        )
        if has_statements:
            await context.read(lambda: _check_statements(job, context))
        context.writer.submit(job)
        # Shielded: a client that goes away takes its answer with it, never its batch.
        results, published = await asyncio.shield(asyncio.wrap_future(job.done))
        context.http.count_results(results)
    context.gate.note(batches, results)
    over = _over(results)
    if over is not None:
        return over
    # A proof is read from the database, on its threads; the other answers are sooner written than handed over.
    proven = _proven(results)
    return web.Response(
        body=_answer(results, published) if proven is None else await context.read(lambda: _answer(results, published)),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_post("/records", post_records, expect_handler=expect)
