"""Read routes in JSON: records, keys, parties, assets, conflicts, genesis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from ledger.query import PAGE_MAX, Page, Query
from node import views
from node.connections import expect
from node.context import CONTEXT, Missing, NodeContext, decimal, hex_bytes, query_args
from node.problems import problem
from proofs.errors import InputError, excerpt
from proofs.fields import EXTERNAL, TEXT, is_external_name
from proofs.kinds import KINDS
from proofs.ref import parse_ref

PAGE_DEFAULT = 100
PAGE_BYTES = 4 * 1024 * 1024
"""Of JSON in one page: a record has up to 60,000 bytes, and 1,000 of them would fill memory and a client's patience."""
KEEPALIVE_S = 15
STREAM_ROUTE = "/records/stream"


def json_answer(value: Any) -> web.Response:
    """A JSON answer that caches must ask about again."""
    return web.Response(
        body=json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-cache"},
    )


def _page_args(args: dict[str, str]) -> tuple[int, int]:
    start = decimal(args.get("from", "0"), "from")
    limit = decimal(args.get("limit", str(PAGE_DEFAULT)), "limit")
    if not 1 <= limit <= PAGE_MAX:
        raise InputError(f"limit {limit}", field="limit", expected=f"1 to {PAGE_MAX}")
    return start, limit


def index_of(text: str, query: Query, field: str) -> int:
    """The leaf index that an index or a reference means. Raises InputError, Missing for one that isn't in this log."""
    if ":" not in text:
        index = decimal(text, field)
        if index >= query.reader.size:
            raise Missing(f"no entry {index}", field=field, expected=f"0 to {query.reader.size - 1}")
        return index
    ref = parse_ref(text)
    if ref.index >= query.reader.size or query.reader.tree.leaf(ref.index) != ref.leaf:
        raise Missing(f"{ref} is not in this log", field=field, expected="a reference to an entry of this log")
    return ref.index


def _fill(page: Page, show: Callable[[int], dict[str, Any]]) -> tuple[list[dict[str, Any]], int | None]:
    """The rows of a page up to PAGE_BYTES, at least one, and the index to go on from."""
    shown: list[dict[str, Any]] = []
    size = 0
    for index in page.indices:
        row = show(index)
        size += len(json.dumps(row))
        if shown and size > PAGE_BYTES:
            return shown, index
        shown.append(row)
    return shown, page.next


async def get_record(request: web.Request) -> web.StreamResponse:
    """One entry, decoded."""
    query_args(request)
    context = request.app[CONTEXT]
    index = decimal(request.match_info["index"], "index")
    if index >= context.published.size:
        return problem(404, f"no entry {index}", field="index", expected=f"0 to {context.published.size - 1}")
    return json_answer(await context.query(lambda query: views.record(query, query.record(index))))


async def get_genesis(request: web.Request) -> web.StreamResponse:
    """Entry 0."""
    query_args(request)
    return json_answer(await request.app[CONTEXT].query(lambda query: views.record(query, query.record(0))))


async def get_records(request: web.Request) -> web.StreamResponse:
    """A page of records, by kind, asset and party, or claims against a party."""
    args = query_args(request, "from", "limit", "kind", "asset", "party", "against")
    start, limit = _page_args(args)
    kind = args.get("kind")
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown kind {kind[:80]!r}", field="kind", expected="one of " + ", ".join(KINDS))
    party, against = (hex_bytes(args[name], 32, name) if name in args else None for name in ("party", "against"))

    def find(query: Query) -> dict[str, Any]:
        asset: int | str | None = args.get("asset")
        if isinstance(asset, str) and not is_external_name(asset):
            asset = index_of(asset, query, "asset")
        page = query.records(start=start, limit=limit, kind=kind, asset=asset, party=party, against=against)
        shown, following = _fill(page, lambda index: views.record(query, query.record(index)))
        return {"records": shown, "next": following, "size": query.reader.size}

    return json_answer(await request.app[CONTEXT].query(find))


async def get_stream(request: web.Request) -> web.StreamResponse:
    """Records as they are published, as server-sent events; `from` or Last-Event-ID says where to begin."""
    context = request.app[CONTEXT]
    args = query_args(request, "from")
    start = context.published.size
    if "Last-Event-ID" in request.headers:
        start = decimal(request.headers["Last-Event-ID"], "Last-Event-ID") + 1
    elif "from" in args:
        start = decimal(args["from"], "from")
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    if request.method == "HEAD":  # it would hold a place and never get a byte
        return web.Response(headers=headers)
    if context.streams >= context.config.streams_max:
        return problem(503, "too many streams are open", retry_after_s=10)
    context.streams += 1
    try:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await _stream(request, response, start)
        return response
    finally:
        context.streams -= 1


async def _stream(request: web.Request, response: web.StreamResponse, start: int) -> None:
    context = request.app[CONTEXT]
    index = start
    # A token that was removed ends its streams, with the next record or sign of life.
    while not context.stopping.is_set() and context.readers.allows(request):
        published = context.published
        if index < published.size:
            first, end = index, min(published.size, index + PAGE_DEFAULT)
            index, events = await context.query(partial(_events, first=first, end=end))
            await response.write(events)
            continue
        try:
            async with asyncio.timeout(KEEPALIVE_S), context.grown:
                # By its condition: a wake-up that comes while the lock is waited for is not missed.
                await context.grown.wait_for(partial(_is_past, context, index))
        except TimeoutError:
            await response.write(b": still here\n\n")


def _is_past(context: NodeContext, index: int) -> bool:
    return context.published.size > index or context.stopping.is_set()


def _events(query: Query, *, first: int, end: int) -> tuple[int, bytes]:
    """Events of the records first … end − 1, up to PAGE_BYTES, and the index to go on from."""
    lines: list[str] = []
    size = 0
    for at in range(first, end):
        data = json.dumps(views.record(query, query.record(at)), separators=(",", ":"))
        lines.append(f"id: {at}\nevent: record\ndata: {data}\n\n")
        size += len(data)
        if size > PAGE_BYTES:
            return at + 1, "".join(lines).encode()
    return end, "".join(lines).encode()


async def get_key(request: web.Request) -> web.StreamResponse:
    """A key's binding and its next number."""
    query_args(request)
    raw = hex_bytes(request.match_info["key"], 32, "key")
    return json_answer(await request.app[CONTEXT].query(lambda query: views.key(query, raw, query.state.key(raw))))


async def get_party(request: web.Request) -> web.StreamResponse:
    """A party: what it says of itself, and its keys."""
    query_args(request)
    raw = hex_bytes(request.match_info["party"], 32, "party")
    found = await request.app[CONTEXT].query(lambda query: views.party(query, raw))
    if found is None:
        return problem(404, "no such party", field="party", expected="a party's first key, in hex")
    return json_answer(found)


async def get_asset(request: web.Request) -> web.StreamResponse:
    """One asset or description, by reference or index."""
    query_args(request)
    text = request.match_info["ref"]
    found = await request.app[CONTEXT].query(lambda query: views.asset(query, index_of(text, query, "ref")))
    if found is None:
        return problem(404, "that entry is no asset", field="ref", expected="an asset or description")
    return json_answer(found)


async def get_assets(request: web.Request) -> web.StreamResponse:
    """A page of assets and descriptions, by one of name, party, root and aka."""
    args = query_args(request, "from", "limit", "name", "party", "root", "aka")
    start, limit = _page_args(args)
    filters = [name for name in ("name", "party", "root", "aka") if name in args]
    if len(filters) > 1:
        raise InputError("more than one filter", field=filters[1], expected="one of name, party, root, aka")
    for name, rule in (("name", TEXT), ("aka", EXTERNAL)):
        if name in args and not rule.ok(args[name]):
            raise InputError(f"no {name}: {excerpt(args[name])}", field=name, expected=rule.expected)
    party = hex_bytes(args["party"], 32, "party") if "party" in args else None
    root = hex_bytes(args["root"], 32, "root") if "root" in args else None

    def find(query: Query) -> dict[str, Any]:
        page = query.assets(
            start=start, limit=limit, name=args.get("name"), party=party, root=root, aka=args.get("aka")
        )
        shown, following = _fill(page, lambda index: views.asset_row(query, index))
        return {"assets": shown, "next": following}

    return json_answer(await request.app[CONTEXT].query(find))


async def get_conflicts(request: web.Request) -> web.StreamResponse:
    """Validly signed batches over numbers that were used already."""
    args = query_args(request, "key")
    start = hex_bytes(args["key"], 32, "key") if "key" in args else b""
    found = await request.app[CONTEXT].query(lambda query: query.conflicts(start=start))
    return json_answer({"conflicts": [views.conflict(item) for item in found]})


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/records", get_records, expect_handler=expect)
    app.router.add_get(STREAM_ROUTE, get_stream, expect_handler=expect)
    app.router.add_get("/records/{index}", get_record, expect_handler=expect)
    app.router.add_get("/genesis", get_genesis, expect_handler=expect)
    app.router.add_get("/keys/{key}", get_key, expect_handler=expect)
    app.router.add_get("/parties/{party}", get_party, expect_handler=expect)
    app.router.add_get("/assets", get_assets, expect_handler=expect)
    app.router.add_get("/assets/{ref}", get_asset, expect_handler=expect)
    app.router.add_get("/conflicts", get_conflicts, expect_handler=expect)
