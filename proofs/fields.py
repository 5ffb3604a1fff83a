"""Field rules: what one value of a record may be (design sections 3.1 and 4).

A rule is a predicate and the words that say what was expected. Predicates are closures without state, because half of a
node's time goes into them: they test the exact type first (`True` is no integer), then the bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proofs.codec import INT_MAX

Predicate = Callable[[Any], bool]

TEXT_BYTES_MAX = 1024
LIST_MAX = 1024
PRICE_MAX = 2**53
BPS_MAX = 10_000

USES = (
    "train", "finetune", "distill", "ground", "index", "search", "infer", "embed", "evaluate", "redistribute",
)  # fmt: skip
UNITS = ("token", "input_token", "cached_token", "output_token", "byte", "item", "call", "second", "use")
DUTIES = ("attribution", "share-alike", "notice", "open")
RELATIONS = ("derived_from", "contains", "generated_by", "trained_on", "distilled_from", "evaluated_on")
ASSET_TYPES = ("dataset", "model", "outputs", "work")
ASSET_ORIGINS = ("public", "licensed", "crawled", "user", "synthetic", "other")

# U+0000-001F and U+007F-009F control characters, and every character with the Unicode property Bidi_Control: they can
# make two different strings look alike on a screen. Lone surrogates have no UTF-8 at all.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_EXTERNAL = re.compile(
    r"(?:pkg:[A-Za-z][A-Za-z0-9.+-]*/\S+|https?://[^\s/?#]+\S*|doi:10\.[0-9]{4,}/\S+|model:[^\s/]+/\S+)"
)
_CURRENCY = re.compile(r"[A-Z0-9]{3,12}")
_URL = re.compile(r"https?://[^\s/?#]+\S*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_MEDIA = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_ISCC = re.compile(r"ISCC:[A-Z2-7]{10,128}")
_SPDX_TOKEN = re.compile(r" *([()]|[A-Za-z0-9.:+-]+)")
_SPDX_LICENSE = re.compile(r"[A-Za-z0-9.-]+\+?|(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_SPDX_EXCEPTION = re.compile(r"[A-Za-z0-9.-]+")
_SPDX_SYMBOLS = frozenset(("(", ")", "AND", "OR", "WITH"))
_SPDX_AFTER = {
    "(": ("(", "AND", "OR"),
    ")": ("id", "exception", ")"),
    "AND": ("id", "exception", ")"),
    "OR": ("id", "exception", ")"),
    "WITH": ("id",),
    "id": ("(", "AND", "OR"),
    "exception": ("WITH",),
}
"""What may stand before each part of an SPDX expression; its begin is as an opening parenthesis."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`ok` says whether a value is allowed; `expected` says in words what is. `inner` names the part that is wrong."""

    ok: Predicate
    expected: str
    inner: Callable[[Any], str] | None = None


def is_text(value: Any) -> bool:
    """1 to 1,024 bytes of UTF-8 without control and bidirectional control characters."""
    if type(value) is not str:
        return False
    if value.isascii() and value.isprintable():
        return 0 < len(value) <= TEXT_BYTES_MAX
    return not _FORBIDDEN.search(value) and 0 < len(value.encode()) <= TEXT_BYTES_MAX


def is_external_name(value: Any) -> bool:
    """A name of material whose owner is not here: `pkg:`, `http(s)://`, `doi:10.` or `model:`, without spaces."""
    return is_text(value) and _EXTERNAL.fullmatch(value) is not None


def is_ref(value: Any) -> bool:
    """40 bytes: leaf index below 2^63, then a leaf hash."""
    return type(value) is bytes and len(value) == 40 and value[0] < 0x80


def is_target(value: Any) -> bool:
    """A reference or an external name."""
    return is_ref(value) if type(value) is bytes else is_external_name(value)


def is_digest(value: Any) -> bool:
    """32 bytes."""
    return type(value) is bytes and len(value) == 32


def _matches(pattern: re.Pattern[str]) -> Predicate:
    return lambda value: is_text(value) and pattern.fullmatch(value) is not None


def binary(length: int, expected: str) -> Rule:
    """Exactly `length` bytes."""
    return Rule(lambda value: type(value) is bytes and len(value) == length, expected)


def integer(low: int, high: int, expected: str = "") -> Rule:
    """An integer of `low` … `high`, both included; never a bool."""
    words = expected or f"an integer of {low} to {high}"
    return Rule(lambda value: type(value) is int and low <= value <= high, words)


def one_of(*allowed: str) -> Rule:
    """One of these strings."""
    known = frozenset(allowed)
    return Rule(lambda value: type(value) is str and value in known, "one of " + ", ".join(allowed))


def unique_list(item: Rule, *, low: int, high: int = LIST_MAX, is_sorted: bool = False) -> Rule:
    """A list of `low` … `high` strings or bins, none twice; ascending too where `is_sorted`."""

    def ok(value: Any) -> bool:
        if type(value) is not list or not low <= len(value) <= high or not all(map(item.ok, value)):
            return False
        return len(set(value)) == len(value) and (not is_sorted or value == sorted(value))

    order = ", ascending" if is_sorted else ""
    return Rule(ok, f"a list of {low} to {high}, none twice{order}; each: {item.expected}")


def is_quantities(value: Any) -> bool:
    """A map of 1 to 8 known units to integers of 1 … 2^63-1, keys ascending."""
    return type(value) is dict and len(value) > 0 and is_lowered_quantities(value)


def is_lowered_quantities(value: Any) -> bool:
    """The same, but perhaps empty: a correction may lower a use to nothing."""
    if type(value) is not dict or len(value) > 8:
        return False
    last = ""
    for unit, count in value.items():
        if unit not in _UNIT_SET or unit <= last or type(count) is not int or not 1 <= count <= INT_MAX:
            return False
        last = unit
    return True


_UNIT_SET = frozenset(UNITS)


def is_attributes(value: Any) -> bool:
    """A map of 1 to 1,024 strings to strings or non-negative integers, keys ascending (OpenTelemetry `gen_ai.*`)."""
    if type(value) is not dict or not 1 <= len(value) <= LIST_MAX:
        return False
    last = ""
    for key, item in value.items():
        if not is_text(key) or key <= last:
            return False
        if not (0 <= item <= INT_MAX if type(item) is int else is_text(item)):
            return False
        last = key
    return True


def is_spdx_expression(value: Any) -> bool:
    """An SPDX licence expression (SPDX 2.3 annex D): licences, each perhaps WITH an exception, joined by AND and OR in
    balanced parentheses. Operators are in capitals; whether SPDX lists an identifier is not judged."""
    if not is_text(value):
        return False
    position, depth, before = 0, 0, "("
    text = value.rstrip(" ")
    while position < len(text):
        match = _SPDX_TOKEN.match(text, position)
        if match is None:
            return False
        position, token = match.end(), match[1]
        role = token if token in _SPDX_SYMBOLS else "id"
        if role == "id" and before == "WITH":
            role = "exception"
        pattern = _SPDX_EXCEPTION if role == "exception" else _SPDX_LICENSE
        depth += (role == "(") - (role == ")")
        if (
            before not in _SPDX_AFTER[role]
            or depth < 0
            or (role in ("id", "exception") and not pattern.fullmatch(token))
        ):
            return False
        before = role
    return before in ("id", "exception", ")") and depth == 0


def struct(required: dict[str, Rule], optional: dict[str, Rule] | None = None) -> Rule:
    """A map with these fields and no others, keys ascending."""
    optional = optional or {}
    rules = {**required, **optional}

    def wrong(value: dict[Any, Any]) -> str | None:
        for name in required:
            if name not in value:
                return name
        for name, item in value.items():
            if name not in rules or not rules[name].ok(item):
                return str(name)  # perhaps "", a field like any other unknown one
        return None

    def inner(value: Any) -> str:
        return (wrong(value) or "") if type(value) is dict else ""

    def ok(value: Any) -> bool:
        return type(value) is dict and wrong(value) is None and list(value) == sorted(value)

    names = ", ".join(list(required) + [name + "?" for name in optional])
    return Rule(ok, f"a map of {names}, keys ascending", inner)


def list_of(item: Rule, *, low: int, high: int = LIST_MAX, distinct: Callable[[Any], Any] | None = None) -> Rule:
    """A list of `low` … `high` maps; where `distinct` is given, no two with the same key by it."""

    def ok(value: Any) -> bool:
        if type(value) is not list or not low <= len(value) <= high or not all(map(item.ok, value)):
            return False
        return distinct is None or len({distinct(entry) for entry in value}) == len(value)

    def inner(value: Any) -> str:
        if type(value) is list:
            for position, entry in enumerate(value):
                if not item.ok(entry):
                    deeper = item.inner(entry) if item.inner else ""
                    return f"{position}.{deeper}" if deeper else str(position)
        return ""

    return Rule(ok, f"a list of {low} to {high}, none twice; each: {item.expected}", inner)


TEXT = Rule(is_text, "1 to 1,024 bytes of text without control characters")
REF = Rule(is_ref, "a reference: 40 bytes, leaf index and leaf hash (in JSON INDEX:HEX)")
TARGET = Rule(
    is_target, "a reference (40 bytes, in JSON INDEX:HEX) or an external name (pkg:, http(s)://, doi:10., model:)"
)
EXTERNAL = Rule(is_external_name, "an external name (pkg:, http(s)://, doi:10., model:), without spaces")
DIGEST = Rule(is_digest, "32 bytes, a SHA-256 digest")
KEY = binary(32, "32 bytes, an Ed25519 public key")
PARTY = binary(32, "32 bytes, a party's first key")
SIGNATURE = binary(64, "64 bytes, an Ed25519 signature")
SUM = binary(16, "16 bytes, big-endian nanos")
MS = integer(0, INT_MAX, "integer milliseconds since 1970, 0 to 2^63-1")
MONEY = integer(0, INT_MAX, "integer nanos, 0 to 2^63-1")
COUNT = integer(0, INT_MAX, "an integer of 0 to 2^63-1")
POSITIVE = integer(1, INT_MAX, "an integer of 1 to 2^63-1")
BPS = integer(0, BPS_MAX, "basis points, 0 to 10,000")
BOOL = Rule(lambda value: type(value) is bool, "true or false")
CURRENCY = Rule(_matches(_CURRENCY), "an ISO 4217 code, or 3 to 12 of A-Z 0-9")
URL = Rule(_matches(_URL), "an http or https URL without spaces")
URI = Rule(_matches(_URI), "a URI without spaces")
MEDIA = Rule(_matches(_MEDIA), "a media type, type/subtype")
ISCC = Rule(_matches(_ISCC), "an ISCC code, ISCC: and base32")
LICENSE = Rule(is_spdx_expression, "an SPDX licence expression (LicenseRef-… for one that SPDX doesn't list)")
USE = one_of(*USES)
UNIT = one_of(*UNITS)
QUANTITIES = Rule(is_quantities, "a map of 1 to 8 units to integers of 1 to 2^63-1; units: " + ", ".join(UNITS))
LOWERED = Rule(is_lowered_quantities, "a map of 0 to 8 units to integers of 1 to 2^63-1; units: " + ", ".join(UNITS))
ATTRIBUTES = Rule(is_attributes, "a map of 1 to 1,024 names to texts or integers of 0 to 2^63-1, keys ascending")
