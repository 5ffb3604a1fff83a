"""The C2SP tlog-tiles read API, and proofs: what any client of a transparency log reads (design section 8)."""

from __future__ import annotations

import re

from aiohttp import web

from node.connections import expect
from node.context import CONTEXT, decimal, query_args
from node.problems import bad_input, problem
from proofs.errors import InputError
from proofs.text import encode_base64
from proofs.tiles import parse_tile_path
from proofs.tlogproof import TlogProof, format_tlog_proof

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-cache"}


async def get_checkpoint(request: web.Request) -> web.StreamResponse:
    """The newest signed checkpoint."""
    query_args(request)
    return web.Response(
        body=request.app[CONTEXT].published.checkpoint, content_type="text/plain", charset="utf-8", headers=FRESH
    )


async def get_tile(request: web.Request) -> web.StreamResponse:
    """A tile or an entry bundle, of any width up to what exists."""
    context = request.app[CONTEXT]
    query_args(request)
    reader = context.published.reader
    try:
        # The path as it came: an escaped spelling is another URL to a cache, and no tile's.
        tile = parse_tile_path(request.rel_url.raw_path.removeprefix("/"))
    except InputError as error:
        return bad_input(404, error)
    try:
        if tile.level is None:
            data = await context.read(lambda: reader.bundle(tile.index, tile.width))
        else:
            level = tile.level
            data = await context.read(lambda: reader.tile(level, tile.index, tile.width))
    except InputError as error:
        return bad_input(404, error)
    response = web.Response(body=data, content_type="application/octet-stream", headers=IMMUTABLE)
    if tile.level is None:
        response.headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request.headers.get("Accept-Encoding", "")):
            response.enable_compression(web.ContentCoding.gzip)
    return response


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names gzip with a weight above 0 (RFC 9110 section 12.5.3)."""
    for item in accepted.split(","):
        coding, _, weight = item.partition(";")
        if coding.strip().lower() == "gzip":
            return re.fullmatch(r"\s*q=0(\.0*)?\s*", weight, re.IGNORECASE) is None
    return False


async def get_proof(request: web.Request) -> web.StreamResponse:
    """The tlog-proof of an entry, at the present or at any earlier size."""
    context = request.app[CONTEXT]
    args = query_args(request, "size")
    index = decimal(request.match_info["index"], "index")
    published = context.published
    size = decimal(args["size"], "size") if "size" in args else published.size
    if index >= published.size:
        return problem(404, f"no entry {index}", field="index", expected=f"0 to {published.size - 1}")
    if size < published.size and not context.signer.can_sign:
        return problem(
            410, "the log is closed and its key erased: no other head than its last is signed any more", field="size",
            expected=f"{published.size}; a consistency proof leads to it from heads that were signed before",
        )  # fmt: skip

    def make() -> bytes:
        if size == published.size:
            return published.proof(index)
        reader = published.reader
        path = tuple(reader.inclusion(index, size))
        note = context.signer.sign_past(size, reader.root_at(size))
        return format_tlog_proof(TlogProof(index=index, path=path, checkpoint_note=note, extra=reader.entry(index)))

    return web.Response(body=await context.read(make), content_type="text/plain", charset="utf-8", headers=FRESH)


async def get_closed(request: web.Request) -> web.StreamResponse:
    """The closing note of a log that has ended."""
    query_args(request)
    closed = request.app[CONTEXT].closed
    if closed is None:
        return problem(404, "the log isn't closed")
    return web.Response(body=closed.note, content_type="text/plain", charset="utf-8", headers=FRESH)


async def get_consistency(request: web.Request) -> web.StreamResponse:
    """The consistency proof between two sizes, one base64 hash a line."""
    context = request.app[CONTEXT]
    args = query_args(request, "from", "to")
    published = context.published
    if "from" not in args:
        raise InputError("from is missing", field="from", expected="a size")
    old = decimal(args["from"], "from")
    new = decimal(args["to"], "to") if "to" in args else published.size
    path = await context.read(lambda: published.reader.consistency(old, new))
    text = "".join(f"{encode_base64(digest)}\n" for digest in path)
    return web.Response(text=text, content_type="text/plain", charset="utf-8", headers=FRESH)


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/checkpoint", get_checkpoint, expect_handler=expect)
    app.router.add_get("/closed", get_closed, expect_handler=expect)
    app.router.add_get("/tile/{path:.+}", get_tile, expect_handler=expect)
    app.router.add_get("/proof/{index}", get_proof, expect_handler=expect)
    app.router.add_get("/consistency", get_consistency, expect_handler=expect)
