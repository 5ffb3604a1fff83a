"""The elements of an SPDX 3 document (JSON-LD, spec v3.0.1, section "JSON-LD serialization"), and what its licence
elements say as one expression (Simple Licensing, Expanded Licensing).

Only the form that SPDX prescribes is read: one flat `@graph`, names compacted by SPDX's own context. References are
identifiers; an element written in the place of a reference is taken too.
"""

from __future__ import annotations

from typing import Any

from node.errors import FileError
from node.imports.spdxlicenses import license_expression, license_ref
from proofs.fields import TEXT_BYTES_MAX, is_spdx_expression

Element = dict[str, Any]

LICENSE_DEPTH_MAX = 64
"""Of licence sets within each other."""

_TERMS = "https://spdx.org/rdf/3."
_LISTED = ("https://spdx.org/licenses/", "http://spdx.org/licenses/")
_NOTHING = frozenset((
    "expandedlicensing_NoAssertionLicense", "expandedlicensing_NoneLicense", "NoAssertionElement", "NoneElement",
))  # fmt: skip
_SETS = {"expandedlicensing_ConjunctiveLicenseSet": " AND ", "expandedlicensing_DisjunctiveLicenseSet": " OR "}


class Graph:
    """The elements by their identifiers, in the file's order. Belongs to the thread that reads the file."""

    def __init__(self, document: Any, place: str) -> None:
        """Raises InputError where the document is no SPDX 3 in JSON-LD."""
        nodes = document.get("@graph", [document]) if isinstance(document, dict) else None
        if isinstance(document, dict) and "spdxVersion" in document:
            raise FileError(f"{place} is SPDX 2", field="FILE", expected="SPDX 3 in JSON-LD: convert it first")
        if not isinstance(nodes, list) or not any(_mentions_spdx(node) for node in (document, *nodes)):
            raise FileError(
                f"{place} is no SPDX 3 document", field="FILE",
                expected="JSON-LD with SPDX's @context and the elements in @graph",
            )  # fmt: skip
        self.elements: dict[str, Element] = {}
        self.unnamed = 0  # without an identifier, or no object: nothing can refer to them
        self.repeated: list[str] = []
        for node in nodes:
            self._take(node)
        self._expressions: dict[str, str | None] = {}
        self._depth = 0

    def _take(self, node: Any) -> None:
        name = element_id(node)
        if name is None:
            self.unnamed += 1
        elif name in self.elements:
            self.repeated.append(name)
        else:
            self.elements[name] = node

    def refer(self, value: Any) -> str | None:
        """The identifier that a reference names; an element in its place is taken into the graph. None for neither."""
        if isinstance(value, str):
            return value
        name = element_id(value)
        if name is not None:
            self.elements.setdefault(name, value)
        return name

    def license(self, name: str) -> str | None:
        """The expression that a licence element stands for; None where it states none. Cycles, what lies deeper than
        LICENSE_DEPTH_MAX and what grows past a record's bound state none. Cost: each element once."""
        if name not in self._expressions and self._depth < LICENSE_DEPTH_MAX:
            self._expressions[name] = None  # what a cycle finds
            self._depth += 1
            made = self._make_license(name)
            self._depth -= 1
            if made is not None and " " not in made:  # GPL-2.0 is GPL-2.0-only, as every other reader calls it
                made = license_expression(made) or made
            self._expressions[name] = made if made is not None and is_spdx_expression(made) else None
        return self._expressions.get(name)

    def _make_license(self, name: str) -> str | None:
        short = name.rsplit("/", 1)[-1] if name.startswith(_TERMS) else name
        if short in _NOTHING or "expandedlicensing_" + short in _NOTHING:
            return None
        element = self.elements.get(name)
        if name.startswith(_LISTED):
            return name.rsplit("/", 1)[-1].removesuffix(".html")
        if element is None:
            return None
        kind = element_type(element)
        if kind == "simplelicensing_LicenseExpression":
            return _plain_expression(element.get("simplelicensing_licenseExpression"))
        if kind in _SETS:
            return self._make_set(element.get("expandedlicensing_member"), _SETS[kind])
        if kind == "expandedlicensing_OrLaterOperator":
            base = self._inner(element.get("expandedlicensing_subjectLicense"))
            if base is None or " " in base:
                return None
            return base if base.endswith("-or-later") else base + "+"
        if kind == "expandedlicensing_WithAdditionOperator":
            base = self._inner(element.get("expandedlicensing_subjectExtendableLicense"))
            addition = self._inner(element.get("expandedlicensing_subjectAddition"))
            return f"{base} WITH {addition}" if base and addition and " " not in base + addition else None
        if kind.startswith(("expandedlicensing_", "simplelicensing_")):
            title = element.get("name")
            if not isinstance(title, str):
                return license_ref(name.rsplit("#", 1)[-1].rsplit("/", 1)[-1])
            listed = kind.startswith("expandedlicensing_Listed") and is_spdx_expression(title)
            return title if listed else license_expression(title) or license_ref(title)
        return None

    def _inner(self, value: Any) -> str | None:
        name = self.refer(value)
        return None if name is None else self.license(name)

    def _make_set(self, members: Any, sign: str) -> str | None:
        """None as soon as one member states nothing: what it would add is not known."""
        parts: dict[str, None] = {}
        length = 0
        for member in members if isinstance(members, list) else [members]:
            part = self._inner(member)
            length += len(part or "")
            if part is None or length > TEXT_BYTES_MAX:
                return None
            parts[f"({part})" if " " in part else part] = None
        return sign.join(parts) if parts else None


def element_id(node: Any) -> str | None:
    """Its `spdxId` (or `@id`); None where it has none."""
    if not isinstance(node, dict):
        return None
    for key in ("spdxId", "@id"):
        if isinstance(node.get(key), str) and node[key]:
            return str(node[key])
    return None


def element_type(element: Element) -> str:
    """Its type as SPDX's context compacts it (`ai_AIPackage`), also where it is written as a whole IRI; "" for none."""
    kind = element.get("type", element.get("@type"))
    if not isinstance(kind, str):
        return ""
    if not kind.startswith(_TERMS):
        return kind
    profile, _, name = kind.partition("/terms/")[2].partition("/")
    return name if profile == "Core" else f"{profile.lower()}_{name}"


def texts_of(value: Any) -> list[str]:
    """The texts of a property that may hold one or several."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str) and item]


def _plain_expression(value: Any) -> str | None:
    if not isinstance(value, str) or value.strip().upper() in ("NOASSERTION", "NONE"):
        return None
    return value.strip() if is_spdx_expression(value.strip()) else license_expression(value)


def _mentions_spdx(node: Any) -> bool:
    """By SPDX's context, by a type of its vocabulary, or by an identifier of an element."""
    if not isinstance(node, dict):
        return False
    contexts = node.get("@context")
    named = contexts if isinstance(contexts, list) else [contexts]
    return "spdxId" in node or any(isinstance(item, str) and item.startswith(_TERMS) for item in named)
