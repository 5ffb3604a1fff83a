"""The lineage of a material: `GET /assets/<material>/lineage` (docs/http.md)."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ledger import trace
from ledger.lineage import Target
from ledger.query import Query
from ledger.trace import BOTH, DEPTH_MAX, DOWN, MATERIALS_MAX, UP, Asked
from node import lineageviews
from node.connections import expect
from node.context import CONTEXT, decimal, hex_bytes, query_args
from node.routes.reads import index_of
from proofs.errors import InputError, excerpt
from proofs.fields import is_external_name

LIMIT_DEFAULT = 500
LINEAGE_BYTES_MAX = 32 * 1024 * 1024
"""Of one answer: what clients take."""
DIRECTIONS = (BOTH, UP, DOWN)


def _target(text: str, query: Query, field: str) -> Target:
    return text if is_external_name(text) else index_of(text, query, field)


def _number(args: dict[str, str], name: str, default: int, *, high: int) -> int:
    value = decimal(args.get(name, str(default)), name)
    if not 1 <= value <= high:
        raise InputError(f"{name} {value}", field=name, expected=f"1 to {high}")
    return value


async def get_lineage(request: web.Request) -> web.StreamResponse:
    """What an asset or an external name was made from, what was made from it, and what its uses came to."""
    args = query_args(request, "direction", "depth", "since", "limit", "party", "to")
    direction = args.get("direction", BOTH)
    if direction not in DIRECTIONS:
        raise InputError(f"direction {excerpt(direction)}", field="direction", expected=" or ".join(DIRECTIONS))
    if "party" in args and "to" in args:
        raise InputError("both party and to", field="to", expected="one of them")
    depth = _number(args, "depth", DEPTH_MAX, high=DEPTH_MAX)
    limit = _number(args, "limit", LIMIT_DEFAULT, high=MATERIALS_MAX)
    since = decimal(args.get("since", "0"), "since")
    party = hex_bytes(args["party"], 32, "party") if "party" in args else None
    text = request.match_info["material"]

    def find(query: Query) -> bytes:
        asked = Asked(
            _target(text, query, "material"), direction, depth, since, limit, party,
            _target(args["to"], query, "to") if "to" in args else None,
        )  # fmt: skip
        tree = query.reader.tree
        found = trace.trace(query.state, asked)
        return _encode(lineageviews.lineage(query.state, found, size=query.reader.size, leaf_at=tree.leaf))

    body = await request.app[CONTEXT].query(find)
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-cache"})


def _encode(value: dict[str, Any]) -> bytes:
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    if len(data) > LINEAGE_BYTES_MAX:
        raise InputError(f"the answer would have {len(data)} bytes", field="limit", expected="fewer materials")
    return data


def setup(app: web.Application) -> None:
    """Add the route."""
    # A name's slashes may come escaped or as they are.
    app.router.add_get("/assets/{material:.+}/lineage", get_lineage, expect_handler=expect)
