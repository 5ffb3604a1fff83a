"""`GET /openapi.json`: what can be asked of a node, as an OpenAPI 3.1 document.

It is made of one table. Tests compare the table with the application's routes, arguments and real answers, and send
requests that are made from the document to a running node, so it can't say what isn't so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

from ledger.query import PAGE_MAX
from node.openapischemas import CURRENCY, HEX, REF, SCHEMAS, Schema, one_of, ref, text
from node.readers import SCOPED
from proofs.fields import EXTERNAL
from proofs.kinds import KINDS

OPENAPI = "3.1.0"
JSON, PROBLEM, PLAIN, BYTES = "application/json", "application/problem+json", "text/plain", "application/octet-stream"
MSGPACK, EVENTS = "application/msgpack", "text/event-stream"

DECIMAL = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
LIMIT = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": 100}
NAME = text(minLength=1)
INDEX_OR_REF = {"anyOf": [DECIMAL, REF]}
PATH_PARAMETERS: dict[str, Schema] = {
    "index": DECIMAL,
    "key": HEX,
    "party": HEX,
    "payer": HEX,
    "payee": HEX,
    "currency": CURRENCY,
    "ref": INDEX_OR_REF,
    "material": {"anyOf": [INDEX_OR_REF, text(description=EXTERNAL.expected)]},
    "path": text(description="`<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`, as C2SP tlog-tiles writes it"),
}

STATUSES = {
    400: "A path, an argument or a body is malformed.",
    401: "A token is needed to read (`admission.readers`), or to ask for matches.",
    403: "The token is known, but not for detection.",
    404: "Nothing is there in this log.",
    408: "The body came too slowly.",
    410: "The log is closed and its key erased: only its last head is provable.",
    413: "The body is larger than 8 MiB, or a print set than `detect.set_bytes_max`.",
    415: "Another content type, or a content encoding.",
    417: "Another expectation than 100-continue.",
    429: "Every batch is over a quota of its party, or the token over its prints of the hour.",
    501: "The node has no numpy, which detection needs.",
    503: "Nothing was done; the same request may succeed after Retry-After seconds.",
}
EVERYWHERE = (400, 401, 417, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. `content`: content type and schema of its good answer; `query`: its arguments; `required`: of those;
    `statuses`: problems besides those of every route; `body`: content type of what is sent."""

    method: str
    path: str
    summary: str
    content: dict[str, Schema]
    query: dict[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    body: str = ""


_HEX, _CURRENCY = "[0-9a-f]{64}", "[0-9A-Z]{3,12}"
_ACCOUNT = "/accounts/{payer}/{payee}/{currency}"

OPERATIONS = (
    Operation("GET", "/checkpoint", "The newest signed checkpoint", {PLAIN: text()}),
    Operation("GET", "/tile/{path}", "A tile of hashes, or an entry bundle", {BYTES: {}}, statuses=(404,)),
    Operation("GET", "/proof/{index}", "The tlog-proof of an entry", {PLAIN: text()}, {"size": DECIMAL},
              statuses=(404, 410)),
    Operation("GET", "/closed", "The closing note of a log that has ended", {PLAIN: text()}, statuses=(404,)),
    Operation("GET", "/consistency", "The consistency proof between two sizes", {PLAIN: text()},
              {"from": DECIMAL, "to": DECIMAL}, required=("from",)),
    Operation("POST", "/records", "Log 1 to 256 batches", {JSON: ref("Answer")}, body=MSGPACK,
              statuses=(408, 413, 415, 429)),
    Operation("GET", "/records", "A page of records", {JSON: ref("Records")},
              {"from": DECIMAL, "limit": LIMIT, "kind": one_of(*KINDS),
               "asset": {"anyOf": [DECIMAL, REF, text(description=EXTERNAL.expected)]}, "party": HEX,
               "against": HEX},
              statuses=(404,)),
    Operation("GET", "/records/stream", "Records as they are published", {EVENTS: text()}, {"from": DECIMAL}),
    Operation("GET", "/records/{index}", "One record, with what the log knows of it", {JSON: ref("Record")},
              statuses=(404,)),
    Operation("GET", "/genesis", "Entry 0", {JSON: ref("Record")}),
    Operation("GET", "/evidence/{index}", "The evidence file of a usage", {JSON: ref("Evidence")}, {"payee": HEX},
              statuses=(404,)),
    Operation("GET", "/keys/{key}", "A key's binding and next number", {JSON: ref("Key")}),
    Operation("GET", "/parties/{party}", "A party with its keys", {JSON: ref("Party")}, statuses=(404,)),
    Operation("GET", "/assets", "A page of assets and descriptions, by one of the last four", {JSON: ref("Assets")},
              {"from": DECIMAL, "limit": LIMIT, "name": NAME, "party": HEX, "root": HEX, "aka": NAME}),
    Operation("GET", "/assets/{ref}", "One asset or description", {JSON: ref("Asset")}, statuses=(404,)),
    Operation("GET", "/assets/{material}/lineage", "What a material was made from, and what was made from it",
              {JSON: ref("Lineage")},
              {"direction": one_of("both", "up", "down"), "depth": LIMIT, "since": DECIMAL, "limit": LIMIT,
               "party": HEX, "to": {"anyOf": [DECIMAL, REF, text(description=EXTERNAL.expected)]}},
              statuses=(404,)),
    Operation("POST", "/detect", "Which registered assets have what these items have", {JSON: ref("Matches")},
              body=MSGPACK, statuses=(403, 404, 408, 413, 415, 429, 501)),
    Operation("PUT", "/assets/{ref}/prints", "Send the print set that an asset's record names", {JSON: ref("PrintSet")},
              body=BYTES, statuses=(403, 404, 408, 413, 415, 501)),
    Operation("GET", "/accounts", "A page of accounts", {JSON: ref("Accounts")},
              {"party": HEX, "from": text(pattern=f"^(pays|paid):{_HEX}:{_HEX}:{_CURRENCY}$"), "limit": LIMIT}),
    Operation("GET", _ACCOUNT, "One account, with its newest statements", {JSON: ref("Account")}),
    Operation("GET", f"{_ACCOUNT}/draft", "The statement to sign", {JSON: ref("Draft")}, {"to": DECIMAL}),
    Operation("GET", f"{_ACCOUNT}/lines", "A page of an account's lines, or of its credits", {JSON: ref("Lines")},
              {"of": one_of("lines", "credits"), "from": DECIMAL, "limit": LIMIT}),
    Operation("GET", "/conflicts", "Signed batches over numbers that were used", {JSON: ref("Conflicts")},
              {"key": HEX}),
    Operation("GET", "/healthz", "Whether the process answers", {PLAIN: text()}),
    Operation("GET", "/readyz", "Whether a write would be taken now", {PLAIN: text()}),
    Operation("GET", "/metrics", "Prometheus metrics, where `http.metrics` serves them here", {PLAIN: text()},
              statuses=(404,)),
    Operation("GET", "/openapi.json", "This document", {JSON: {"type": "object", "required": ["openapi"]}}),
)  # fmt: skip
"""Every route of a node."""


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    inside = [
        {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    query = [
        {"name": name, "in": "query", "required": name in operation.required, "schema": schema}
        for name, schema in operation.query.items()
    ]
    return inside + query


def _responses(operation: Operation) -> dict[str, Any]:
    good = {"description": operation.summary, "content": {kind: _content(s) for kind, s in operation.content.items()}}
    problems = {
        str(status): {"description": STATUSES[status], "content": {PROBLEM: {"schema": ref("Problem")}}}
        for status in sorted({*EVERYWHERE, *operation.statuses})
    }
    for status in ("429", "503"):
        if status in problems:
            problems[status]["headers"] = {"Retry-After": {"schema": {"type": "string"}, "required": True}}
    return {"200": good, **problems}


def _content(schema: Schema) -> dict[str, Any]:
    return {"schema": schema} if schema else {}


def _operation(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": _identifier(operation),
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.path in SCOPED:
        made["security"] = [{"token": []}]
    if operation.body:
        made["requestBody"] = {"required": True, "content": {operation.body: {}}}
    return made


def _identifier(operation: Operation) -> str:
    words = re.findall(r"\w+", operation.path.replace("{", "by_"))
    return "_".join([operation.method.lower(), *words])


def _version() -> str:
    try:
        return metadata.version("usance")
    except metadata.PackageNotFoundError:
        return "unknown"


def document() -> dict[str, Any]:
    """The document."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Usance node",
            "version": _version(),
            "description": "A log of the uses of AI material. HEAD is answered as GET, without a body; `path` of "
            "/tile/ has slashes; an argument that a route doesn't know is refused. docs/http.md says more.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


@cache
def document_bytes() -> bytes:
    """The same as it is served."""
    return json.dumps(document(), separators=(",", ":"), ensure_ascii=False).encode()
