"""The aiohttp application: routes, and problem+json for everything that goes wrong on the way to them."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from ledger.errors import StorageError
from node.context import CONTEXT, Missing, NodeContext
from node.logs import event
from node.problems import CONTENT_TYPE, bad_input, problem
from node.readers import is_public, refuse
from node.routes import detect, evidence, lineage, money, operate, reads, writes
from node.routes import log as log_routes
from proofs.entry import REQUEST_BYTES_MAX
from proofs.errors import InputError

log = logging.getLogger("usance.http")

REQUEST_ID = "usance_request_id"
UNMATCHED = "(none)"
"""The route of a request for a path that is none."""
GONE = 499
"""Counted where a client left before its answer had begun."""
_RUN_ID = os.urandom(4).hex()
_numbers = itertools.count(1)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request a name, count its answer, and write a line about it where the configuration wants that."""
    context = request.app[CONTEXT]
    request[REQUEST_ID] = f"{_RUN_ID}-{next(_numbers):x}"
    resource = request.match_info.route.resource
    route = UNMATCHED if resource is None else resource.canonical
    status, began = GONE, time.perf_counter()
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        seconds = time.perf_counter() - began
        is_stream = route == reads.STREAM_ROUTE
        context.http.count_request(request.method, route, status, None if is_stream else seconds)
        wanted = context.config.access_log
        if wanted == "all" or (wanted == "failed" and status >= 400):
            log.info(
                "%s %s %s %.4f s", request.method[:20], request.path[:200], status, seconds,
                extra=event(
                    "request", request=request[REQUEST_ID], method=request.method[:20], path=request.path[:200],
                    route=route, status=status, seconds=round(seconds, 6), client=request.remote,
                ),
            )  # fmt: skip


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into a problem answer; nothing of the inside gets out."""
    try:
        return await handler(request)
    except Missing as error:
        return bad_input(404, error)
    except InputError as error:
        return bad_input(400, error)
    except web.RequestPayloadError:
        return problem(
            400, "the body can't be read", field="body", expected="the length or the chunks that its head says"
        )
    except web.HTTPMethodNotAllowed as error:
        return problem(405, f"{error.method} is not allowed here"[:200], Allow=", ".join(sorted(error.allowed_methods)))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem(error.status, error.reason or "refused")
    except StorageError as error:
        request.app[CONTEXT].http.storage_failures += 1
        log.critical("storage failed: %s", error.detail, extra=event("storage-failed", request=request.get(REQUEST_ID)))
        return problem(503, error.detail, retry_after_s=60)
    except UnicodeEncodeError:
        return problem(400, "the request holds text that is no UTF-8", expected="UTF-8")
    except (ConnectionResetError, ConnectionAbortedError):
        raise
    except Exception:
        log.exception(
            "a request failed: %s %r", request.method, request.path[:200],
            extra=event("request-failed", request=request.get(REQUEST_ID)),
        )  # fmt: skip
        return problem(500, "the node failed on this request; its log says how")


@web.middleware
async def readers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only those who may read, and let no cache answer others."""
    asked = request.app[CONTEXT].readers
    if not asked.allows(request):
        return refuse(request)
    response = await handler(request)
    kept = response.headers.get("Cache-Control", "")
    # Without the word, an answer to a request with a token is no shared cache's to keep (RFC 9111 section 3.5).
    if "public" in kept and asked.tokens is not None and not is_public(request):
        response.headers["Cache-Control"] = kept.replace("public", "private")
    return response


async def _as_problem(request: web.Request, response: web.StreamResponse) -> None:
    """The library's own refusals before any handler (an expectation on a path that is no route) as problems too; and
    the request's name in every answer that no cache keeps."""
    name = request.get(REQUEST_ID)
    if name is not None and response.headers.get("Cache-Control") == "no-store":
        response.headers["X-Request-Id"] = name
    if response.status >= 400 and isinstance(response, web.Response) and response.content_type != CONTENT_TYPE:
        made = problem(response.status, response.reason or "refused")
        response.body = made.body
        response.headers.update(made.headers)
        response.headers["Content-Length"] = str(len(made.body) if isinstance(made.body, bytes) else 0)


def make_app(context: NodeContext) -> web.Application:
    """The application over a running writer."""
    app = web.Application(middlewares=[counted, problems, readers], client_max_size=REQUEST_BYTES_MAX)
    app[CONTEXT] = context
    app.on_response_prepare.append(_as_problem)
    for module in (log_routes, writes, reads, lineage, money, evidence, detect, operate):
        module.setup(app)
    return app


def make_metrics_app(context: NodeContext) -> web.Application:
    """The application of the port that `http.metrics` names: health, readiness and metrics alone."""
    app = web.Application(middlewares=[problems])
    app[CONTEXT] = context
    app.on_response_prepare.append(_as_problem)
    operate.setup_apart(app)
    return app
