"""Errors on the wire: RFC 9457 `application/problem+json`, one shape for every route (design sections 3.4 and 8)."""

from __future__ import annotations

import http
import json
from typing import Any

from aiohttp import web

from ledger.errors import CLOSED, FIELD, HISTORY, KEY, QUOTA, RULE, SEQUENCE, SIGNATURE, STALE, TERMS, Refusal
from proofs.errors import InputError
from proofs.jsonform import to_json

CONTENT_TYPE = "application/problem+json"

TITLES = {
    SEQUENCE: "Out of sequence",
    STALE: "A newer statement stands",
    HISTORY: "The signed tree head is not this log's past",
    TERMS: "Other terms are in force",
    SIGNATURE: "The signature doesn't hold",
    KEY: "This key may not do that",
    FIELD: "A field is not allowed as it is",
    RULE: "A rule of the log doesn't hold",
    QUOTA: "Too much of that",
    CLOSED: "The log is closed",
}
"""Problem types of refused batches with their titles; every other problem is `about:blank` with its status' phrase."""


def refusal(error: Refusal) -> dict[str, Any]:
    """A refused batch as a problem object."""
    problem: dict[str, Any] = {
        "type": error.type,
        "title": TITLES[error.type],
        "status": error.status,
        "detail": error.detail,
    }
    if error.position is not None:
        problem["position"] = error.position
    if error.field:
        problem["field"] = error.field
    if error.expected:
        problem["expected"] = error.expected
    return {**problem, **_extra(error)}


def _extra(error: Refusal) -> dict[str, Any]:
    """What else helps, as JSON: the right figures of a statement among it."""
    extra = dict(error.extra)
    if "figures" in extra:
        figures = to_json(extra["figures"])
        extra["figures"] = {**figures, "due": str(figures["due"])}
    return extra


def problem(
    status: int,
    detail: str,
    *,
    field: str = "",
    expected: str = "",
    retry_after_s: int = 0,
    extra: dict[str, Any] | None = None,
    **headers: str,
) -> web.Response:
    """A problem answer. `retry_after_s`: seconds for Retry-After, 0 for none; `extra`: what else helps, by name;
    `headers`: others, `_` for `-`."""
    body: dict[str, Any] = {"type": "about:blank", "title": _phrase(status), "status": status, "detail": detail}
    if field:
        body["field"] = field
    if expected:
        body["expected"] = expected
    body.update(extra or {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after_s:
        named["Retry-After"] = str(retry_after_s)
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type=CONTENT_TYPE,
        headers={**named, "Cache-Control": "no-store"},
    )


def bad_input(status: int, error: InputError) -> web.Response:
    """The problem for input that was refused, with its field and what was expected."""
    return problem(status, error.detail, field=error.field, expected=error.expected)


def _phrase(status: int) -> str:

    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"
