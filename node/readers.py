"""Who may read (design section 8): everybody, or whoever has a token.

With `admission.readers = "token"` a route needs one unless it stands in PUBLIC. What is there says nothing of what was
logged but the hashes, and submitters, witnesses and monitors of the tree go on to work without a token.
"""

from __future__ import annotations

import re

from aiohttp import web

from node.problems import problem
from node.tokens import READ, Token, Tokens

PUBLIC = frozenset(
    ("/checkpoint", "/closed", "/consistency", "/keys/{key}", "/healthz", "/readyz", "/openapi.json", "/records POST",
     "/tile/{path}")
)  # fmt: skip
"""Routes that need no token, by path, with the method where the path has several. Of tiles, those of hashes."""
SCOPED = frozenset(("/detect", "/assets/{ref}/prints"))
"""Routes that always need a token, of a scope of their own, and ask for it themselves (node/routes/detect.py)."""
BUNDLES = "entries/"
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]{1,512}=*) *")


class Readers:
    """The readers of a node: `tokens` None for everybody. Owner: the event loop."""

    def __init__(self, tokens: Tokens | None) -> None:
        self.tokens = tokens

    def allows(self, request: web.Request) -> bool:
        """Whether the request may have its answer."""
        return self.tokens is None or is_public(request) or self._may_read(self.tokens, request)

    @staticmethod
    def _may_read(tokens: Tokens, request: web.Request) -> bool:
        found = token_of(tokens, request)
        return found is not None and READ in found.may


def token_of(tokens: Tokens, request: web.Request) -> Token | None:
    """What is known of the token that a request carries; None where it has none, or one that isn't known."""
    given = request.headers.getall("Authorization", [])
    match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return None if match is None else tokens.find(match[1])


def is_public(request: web.Request) -> bool:
    """Whether a request needs no token; so is one for a path that is no route, which has nothing to hide."""
    resource = request.match_info.route.resource
    if resource is None:
        return True
    path = resource.canonical
    if path == "/tile/{path}":
        return not request.match_info["path"].startswith(BUNDLES)
    return path in PUBLIC or path in SCOPED or f"{path} {request.method}" in PUBLIC


def refuse(request: web.Request) -> web.Response:
    """401, for a wrong token with `error` (RFC 6750)."""
    is_wrong = "Authorization" in request.headers
    return problem(
        401, "this token is not known here" if is_wrong else "this node's readers need a token", field="Authorization",
        expected="Bearer and a token that the operator gave out",
        WWW_Authenticate='Bearer realm="usance"' + (', error="invalid_token"' if is_wrong else ""),
    )  # fmt: skip
