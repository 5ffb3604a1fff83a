"""The aiohttp application: routes, and problem+json for everything that goes wrong on the way to them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from ledger.errors import StorageError
from node.context import CONTEXT, Missing, NodeContext
from node.problems import CONTENT_TYPE, bad_input, problem
from node.routes import evidence, money, reads, writes
from node.routes import log as log_routes
from proofs.entry import REQUEST_BYTES_MAX
from proofs.errors import InputError

log = logging.getLogger("usance.http")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
        log.critical("storage failed: %s", error.detail)
        return problem(503, error.detail, retry_after_s=60)
    except UnicodeEncodeError:
        return problem(400, "the request holds text that is no UTF-8", expected="UTF-8")
    except (ConnectionResetError, ConnectionAbortedError):
        raise
    except Exception:
        log.exception("a request failed: %s %r", request.method, request.path[:200])
        return problem(500, "the node failed on this request; its log says how")


async def _as_problem(request: web.Request, response: web.StreamResponse) -> None:
    """The library's own refusals before any handler (an expectation on a path that is no route) as problems too."""
    if response.status >= 400 and isinstance(response, web.Response) and response.content_type != CONTENT_TYPE:
        made = problem(response.status, response.reason or "refused")
        response.body = made.body
        response.headers.update(made.headers)
        response.headers["Content-Length"] = str(len(made.body) if isinstance(made.body, bytes) else 0)


def make_app(context: NodeContext) -> web.Application:
    """The application over a running writer."""
    app = web.Application(middlewares=[problems], client_max_size=REQUEST_BYTES_MAX)
    app[CONTEXT] = context
    app.on_response_prepare.append(_as_problem)
    for module in (log_routes, writes, reads, money, evidence):
        module.setup(app)
    return app
