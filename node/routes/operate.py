"""What operators and their programs ask: is it alive, is it ready, how is it doing, what can be asked."""

from __future__ import annotations

from aiohttp import web

from node.connections import expect
from node.context import CONTEXT, query_args
from node.health import reasons
from node.metrics import CONTENT_TYPE, Exposition
from node.openapi import document_bytes
from node.problems import problem

EXPOSITION: web.AppKey[Exposition] = web.AppKey("exposition", Exposition)
NO_STORE = {"Cache-Control": "no-store"}


async def get_healthz(request: web.Request) -> web.StreamResponse:
    """The process answers."""
    query_args(request)
    return web.Response(text="ok\n", headers=NO_STORE)


async def get_readyz(request: web.Request) -> web.StreamResponse:
    """A write would be taken now; else every reason why not."""
    query_args(request)
    found = reasons(request.app[CONTEXT])
    if found:
        return problem(
            503, "; ".join(reason.detail for reason in found), retry_after_s=max(r.retry_after_s for r in found),
            extra={"reasons": [reason.code for reason in found]},
        )  # fmt: skip
    return web.Response(text="ok\n", headers=NO_STORE)


async def get_metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus metrics, where the configuration serves them here."""
    query_args(request)
    exposition = request.app.get(EXPOSITION)
    if exposition is None:
        return problem(404, "metrics are not served here", expected="http.metrics in node.toml says where they are")
    return web.Response(body=exposition.text(), headers={**NO_STORE, "Content-Type": CONTENT_TYPE})


async def get_openapi(request: web.Request) -> web.StreamResponse:
    """The OpenAPI document of all routes."""
    query_args(request)
    return web.Response(body=document_bytes(), content_type="application/json", headers={"Cache-Control": "no-cache"})


def setup(app: web.Application) -> None:
    """Add the routes; metrics answer where the node's are served on its main port."""
    context = app.get(CONTEXT)
    if context is not None and context.config.metrics == "main":
        app[EXPOSITION] = Exposition(context)
    _add_state(app)
    app.router.add_get("/openapi.json", get_openapi, expect_handler=expect)


def setup_apart(app: web.Application) -> None:
    """Add those of a port of its own, where metrics always answer."""
    app[EXPOSITION] = Exposition(app[CONTEXT])
    _add_state(app)


def _add_state(app: web.Application) -> None:
    app.router.add_get("/healthz", get_healthz, expect_handler=expect)
    app.router.add_get("/readyz", get_readyz, expect_handler=expect)
    app.router.add_get("/metrics", get_metrics, expect_handler=expect)
