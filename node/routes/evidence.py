"""`GET /evidence/<index>`: one file that shows what a use came to and that it was paid (design section 7)."""

from __future__ import annotations

from aiohttp import web

from ledger.evidence import make_evidence
from ledger.query import Query
from node.connections import expect
from node.context import CONTEXT, Missing, decimal, hex_bytes, query_args
from node.problems import problem
from proofs.evidence import format_evidence


async def get_evidence(request: web.Request) -> web.StreamResponse:
    """The evidence file of a use, under the newest checkpoint; of its payees all, or one."""
    context = request.app[CONTEXT]
    args = query_args(request, "payee")
    index = decimal(request.match_info["index"], "index")
    payee = hex_bytes(args["payee"], 32, "payee") if "payee" in args else None
    published = context.published
    if index >= published.size:
        return problem(404, f"no entry {index}", field="index", expected=f"0 to {published.size - 1}")

    def make() -> bytes:
        query = Query(published.reader)
        if query.state.usage(index) is None:
            raise Missing(f"entry {index} is no usage", field="index", expected="the index of a usage record")
        return format_evidence(make_evidence(query, index, checkpoint=published.checkpoint, payee=payee))

    headers = {"Cache-Control": "no-cache"}
    return web.Response(body=await context.read(make), content_type="application/json", headers=headers)


def setup(app: web.Application) -> None:
    """Add the route."""
    app.router.add_get("/evidence/{index}", get_evidence, expect_handler=expect)
