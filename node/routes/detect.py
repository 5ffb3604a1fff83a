"""Detection: `POST /detect` looks prints up, `PUT /assets/<ref>/prints` takes a print set in (docs/detect-index.md).

Both need a token of the scope `detect`, whoever may read here: an open one would tell anybody what was registered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from ledger.errors import StartupError, StorageError
from ledger.query import Query
from node import views
from node.connections import expect, expect_larger, says_too_large, too_large
from node.context import CONTEXT, Missing, NodeContext, query_args
from node.detection import AbsentError
from node.health import reasons
from node.problems import bad_input, problem
from node.readers import refuse, token_of
from node.routes.reads import index_of
from node.tokens import DETECT, Token
from proofs.entry import REQUEST_BYTES_MAX
from proofs.errors import InputError, RetryableError

LOOK_TYPE = "application/msgpack"
SET_TYPE = "application/octet-stream"
WRITE_BYTES = 1024 * 1024
SLOWEST_BYTES_S = 64 * 1024
"""A print set that comes more slowly than this takes too long."""
RETRY_AFTER_S = 60

Handler = Callable[[web.Request, NodeContext, Token], Awaitable[web.StreamResponse]]


class TooLarge(Exception):
    """A body with more bytes than are allowed."""


def _admitted(request: web.Request, context: NodeContext) -> Token | web.Response:
    """Whose token it is, or the refusal."""
    try:
        tokens = context.detection.tokens(context.readers.tokens)
    except InputError as error:
        return problem(503, f"the tokens can't be read: {error.detail}", retry_after_s=RETRY_AFTER_S)
    token = token_of(tokens, request)
    if token is None:
        return refuse(request)
    if DETECT not in token.may:
        return problem(
            403, "this token is not for detection", field="Authorization",
            expected="one of `usance node token DIR add NAME --may detect`",
        )  # fmt: skip
    return token


async def _guarded(request: web.Request, handle: Handler) -> web.StreamResponse:
    """Whoever may ask, is answered; what can go wrong on the way is a problem."""
    context = request.app[CONTEXT]
    token = _admitted(request, context)
    if not isinstance(token, Token):
        return token
    if context.stopping.is_set():
        return problem(503, "the node is stopping", retry_after_s=1)
    try:
        return await handle(request, context, token)
    except TimeoutError:
        if context.stopping.is_set():
            return problem(503, "the node is stopping", retry_after_s=1)
        return problem(408, "the request came too slowly", expected=f"within {context.config.request_timeout_s} s")
    except Missing as error:
        return bad_input(404, error)
    except InputError as error:
        return bad_input(400, error)
    except RetryableError as error:
        return problem(503, error.detail, retry_after_s=error.retry_after_s)
    except AbsentError as error:
        return problem(
            501,
            f"this node has no {error}, which detection needs",
            expected="pip install 'usance[detect]', and a start",
        )
    except (StorageError, StartupError) as error:  # said in the node's own log; the rest of the node works on
        context.detection.note_failure(error.detail)
        return problem(503, "the index of prints can't be used; the node's log says why", retry_after_s=RETRY_AFTER_S)


def _wrong_type(request: web.Request, wanted: str) -> web.Response | None:
    if request.content_type != wanted:
        return problem(
            415, f"the content type is {request.content_type[:80]}", field="Content-Type", expected=wanted,
            Accept=wanted,
        )  # fmt: skip
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        return problem(
            415, f"the content encoding is {coding[:80]}", field="Content-Encoding", expected="identity",
            Accept_Encoding="identity",
        )  # fmt: skip
    return None


async def _chunks(request: web.Request, context: NodeContext, bytes_max: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises TooLarge, and TimeoutError for a client that is too slow."""
    size = 0
    began = asyncio.get_running_loop().time()
    timeout = asyncio.timeout(context.config.request_timeout_s)
    context.uploads.add(timeout)
    try:
        async with timeout:
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > bytes_max:
                    raise TooLarge
                if not context.stopping.is_set():
                    timeout.reschedule(began + context.config.request_timeout_s + size / SLOWEST_BYTES_S)
                yield chunk
    finally:
        context.uploads.discard(timeout)


async def post_detect(request: web.Request) -> web.StreamResponse:
    """Which registered assets have what the items that are sent have."""
    query_args(request)
    return await _guarded(request, _look)


async def _look(request: web.Request, context: NodeContext, token: Token) -> web.StreamResponse:
    wrong = _wrong_type(request, LOOK_TYPE)
    if wrong is not None:
        return wrong
    if says_too_large(request):
        return too_large()
    detection = context.detection
    prints_max = detection.prints_max
    with detection.looking(token):
        try:
            body = b"".join([chunk async for chunk in _chunks(request, context, REQUEST_BYTES_MAX)])
        except TooLarge:
            return too_large()
        asked = await detection.look(lambda serving: serving.parse(body, prints_max=prints_max))
        over = detection.charge(token, asked.prints)
        if over is not None:
            context.gate.refused[over.kind] += 1
            return problem(
                429, "this token has looked up as many prints as it may", field="prints",
                expected=f"{context.config.prints_per_hour:,} prints an hour", retry_after_s=over.retry_after_s,
            )  # fmt: skip
        answer, work = await detection.look(lambda serving: serving.look(asked))
        detection.charge_work(token, work)
        owners = await context.query(lambda query: _owners(query, {pair["owner"] for pair in answer["pairs"]}))
    tally = detection.tally
    tally.looks += 1
    tally.items += len(asked.items)
    tally.prints += asked.prints
    tally.pairs += len(answer["pairs"])
    return _answer({**answer, "owners": owners})


def _owners(query: Query, refs: set[str]) -> dict[str, Any]:
    """What the log says of assets that matched: title, and what their terms in force say about a match."""
    found = {}
    for text in sorted(refs):
        shown = views.asset(query, index_of(text, query, "ref")) or {}
        policy = shown.get("terms", {}).get("on_match")
        title = shown.get("title", shown.get("name"))
        found[text] = {"title": title, "on_match": policy, "retired": bool(shown.get("retired"))}
    return found


async def put_prints(request: web.Request) -> web.StreamResponse:
    """Take in the print set that an asset's record names."""
    query_args(request)
    return await _guarded(request, _take)


async def _take(request: web.Request, context: NodeContext, token: Token) -> web.StreamResponse:
    wrong = _wrong_type(request, SET_TYPE)
    if wrong is not None:
        return wrong
    if _set_says_too_large(request):
        return _set_too_large(context)
    text = request.match_info["ref"]
    ref, prints = await context.query(lambda query: _registered(query, text))
    async with context.detection.uploading(token) as path:
        try:
            await _store(request, context, path)
        except TooLarge:
            return _set_too_large(context)
        taken = await context.detection.change(lambda serving: serving.take(ref, path, serving.summary(prints)))
    context.detection.tally.sets_taken += taken["status"] == "taken"
    return _answer(taken)


def _registered(query: Query, text: str) -> tuple[str, dict[str, Any]]:
    """An asset's reference, and what its record says of its prints. Raises InputError, Missing."""
    found = query.record(index_of(text, query, "ref"))
    prints = found.body.get("prints")
    if found.body["kind"] != "asset":
        raise Missing("that entry is no asset", field="ref", expected="an asset")
    if not isinstance(prints, dict):
        raise InputError(
            "this asset was registered without prints", field="prints", expected="an asset of `usance asset … --prints`"
        )
    return str(found.ref), prints


async def _store(request: web.Request, context: NodeContext, path: str) -> None:
    """The body, to disk as it comes. Raises TooLarge, RetryableError where the disk is nearly full, StorageError."""
    held = bytearray()
    async for chunk in _chunks(request, context, context.config.set_bytes_max):
        held += chunk
        if len(held) >= WRITE_BYTES:
            data = bytes(held)
            held.clear()
            await context.read(partial(_append, path, data))
            _check_room(context)
    await context.read(partial(_append, path, bytes(held)))


def _append(path: str, data: bytes) -> None:
    try:
        with open(path, "ab") as file:
            file.write(data)
    except OSError as error:
        raise StorageError(f"a print set can't be stored: {error.strerror}; free space or mend the disk") from None


def _check_room(context: NodeContext) -> None:
    if any(reason.code in ("disk-full", "disk-lost", "disk-read-only") for reason in reasons(context)):
        raise RetryableError("the disk is nearly full", retry_after_s=RETRY_AFTER_S)


def _set_says_too_large(request: web.Request) -> bool:
    length, config = request.content_length, request.app[CONTEXT].config
    return length is not None and length > config.set_bytes_max


def _set_too_large(context: NodeContext) -> web.Response:
    bound = context.config.set_bytes_max
    return problem(413, "the print set is too large", field="request", expected=f"at most {bound} bytes")


async def expect_set(request: web.Request) -> web.StreamResponse | None:
    """As node/connections.py's, with a print set's own bound."""
    if request.headers["Expect"].lower() == "100-continue" and _set_says_too_large(request):
        return _set_too_large(request.app[CONTEXT])
    return await expect_larger(request)


def _answer(value: dict[str, Any]) -> web.Response:
    return web.Response(
        body=json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )  # fmt: skip


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_post("/detect", post_detect, expect_handler=expect)
    app.router.add_put("/assets/{ref}/prints", put_prints, expect_handler=expect_set)
