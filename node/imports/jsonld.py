"""JSON-LD as far as data sets need it: property names in one short form, whatever prefixes a document declares.

Nothing is fetched: a context that is an address is not read, and the usual prefixes hold. Names of schema.org and of
Croissant lose their prefix (`sc:name`, `http://schema.org/name` and `name` are one), others have a fixed one (`rai:`,
`prov:`, `dct:`, `odrl:`, and `usance:` for what none of them has a word for).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

USANCE = "urn:usance:v1:"
PREFIXES = {
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "usance": USANCE,
}
"""The prefixes that our own documents declare."""

_USUAL = {**PREFIXES, "schema": PREFIXES["sc"], "dcterms": PREFIXES["dct"], "croissant": PREFIXES["cr"]}
_USUAL_TERMS = {"conformsTo": "dct:conformsTo"}
"""Croissant's own examples use it without declaring it."""
_SHORT = (  # longest first
    ("mlcommons.org/croissant/RAI/", "rai:"), ("mlcommons.org/croissant/", ""), ("schema.org/", ""),
    ("purl.org/dc/terms/", "dct:"), ("www.w3.org/ns/prov#", "prov:"), ("www.w3.org/ns/odrl/2/", "odrl:"),
)  # fmt: skip
_SCHEME = re.compile(r"https?://(?:www\.(?=schema\.org|mlcommons\.org))?")
_TERMS_MAX = 1000


class Context:
    """What a document's `@context` says of names. `declared`: its value, of any type."""

    def __init__(self, declared: object) -> None:
        self._terms: dict[str, str] = {}
        for part in declared if isinstance(declared, list) else [declared]:
            if isinstance(part, dict):
                for name, value in list(part.items())[:_TERMS_MAX]:
                    iri = value.get("@id") if isinstance(value, dict) else value
                    if isinstance(iri, str):
                        self._terms[name] = iri

    def short(self, name: str) -> str:
        """A property's, type's or thing's name in its one short form; what belongs to no known vocabulary stays."""
        if name.startswith("@"):
            return name
        return _shorten(self._expand(name))

    def view(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """An object by the short forms of its names. Of two names that are one the first stays under it; the other
        keeps its own."""
        seen: dict[str, Any] = {}
        for name, item in value.items():
            short = self.short(name)
            seen[name if short in seen else short] = item
        return seen

    def types(self, value: Mapping[str, Any]) -> set[str]:
        """The short forms of an object's types."""
        return {self.short(item) for item in each(value.get("@type")) if isinstance(item, str)}

    def _expand(self, name: str) -> str:
        alias = self._terms.get(name, _USUAL_TERMS.get(name))
        if alias is not None and not name.endswith(":"):
            name = alias  # one step: an alias of an alias isn't followed
        prefix, colon, rest = name.partition(":")
        if not colon:
            return self._terms.get("@vocab", PREFIXES["sc"]) + name
        if rest.startswith("//"):
            return name
        known = self._terms.get(prefix) or _USUAL.get(prefix)
        return name if known is None else known + rest


def _shorten(iri: str) -> str:
    if iri.startswith(USANCE):
        return "usance:" + iri.removeprefix(USANCE)
    found = _SCHEME.match(iri)
    if found is not None:
        rest = iri[found.end() :]
        for start, prefix in _SHORT:
            if rest.startswith(start) and len(rest) > len(start):
                return prefix + rest.removeprefix(start)
    return iri


def each(value: object) -> list[Any]:
    """The values of a property: those in a list or `@list`, one, or none. A null is no value (JSON-LD 1.1)."""
    if isinstance(value, dict) and "@list" in value:
        value = value["@list"]
    return [item for item in (value if isinstance(value, list) else [value]) if item is not None]


def text_of(value: object) -> str | None:
    """A literal as text: strings, numbers as they were written, and what stands in an `@value`."""
    if isinstance(value, dict):
        value = value.get("@value")
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return None
