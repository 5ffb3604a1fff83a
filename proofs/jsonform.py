"""The JSON form of record bodies (design section 3.1): for people, tools and `usance submit`.

Binaries are lower-case hex, references `INDEX:HEX`, money and quantities decimal strings (they can pass 2^53), sums
decimal strings of nanos. The form is for reading and writing by hand; what is signed and hashed is MessagePack alone.
Invariant: `from_json(to_json(body)) == body` for every body that `check_body` accepts.
"""

from __future__ import annotations

import re
from typing import Any

from proofs.errors import InputError, excerpt
from proofs.ref import REF_BYTES, parse_ref, unpack_ref

SAFE_INTEGER = 2**53
_REFS = frozenset(("asset", "terms", "into", "claim", "target", "correction", "usage", "statement", "dispute"))
_SUMS = frozenset(("gross", "credits", "billed"))
_BINS = frozenset(
    ("key", "accept", "party", "root", "item", "detail", "user", "commitment", "evidence", "digest", "text", "licensee",
     "payer", "payee", "credit_root", "arbiter")
)  # fmt: skip
_STRING_INTEGERS = frozenset(("price", "per", "amount", "due", "quantities"))
_INTEGERS = _STRING_INTEGERS | frozenset(
    ("at", "from", "until", "bytes", "bps", "derivatives", "collected_from", "collected_until", "item_count", "calls",
     "count", "to", "lines", "credit_lines", "unpriced", "unlicensed", "score", "threshold", "fpr", "length", "items")
)  # fmt: skip
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,38}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")


def to_json(body: dict[str, Any]) -> dict[str, Any]:
    """A checked body in its JSON form: maps, lists, strings, numbers and booleans only."""
    return {name: _out(name, value) for name, value in body.items()}


def _out(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        if len(value) == REF_BYTES:
            return str(unpack_ref(value))
        return str(int.from_bytes(value, "big")) if name in _SUMS else value.hex()
    if isinstance(value, dict):
        if name == "attrs":
            return dict(value)
        return {key: _out(name if name == "quantities" else key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_out(name, item) for item in value]
    if type(value) is int and (name in _STRING_INTEGERS or abs(value) > SAFE_INTEGER):
        return str(value)
    return value


def from_json(fields: dict[str, Any]) -> dict[str, Any]:
    """The body that a JSON object means; `make_body` judges it afterwards.

    Integers are taken as numbers or decimal strings. Raises InputError naming the field for a float, a null, bad hex
    or a bad reference.
    """
    if not isinstance(fields, dict):
        raise InputError("not a JSON object", field="record", expected="an object with kind and at")
    usage = fields.get("kind") == "usage"
    return {name: _in(name, value, usage=usage) for name, value in fields.items()}


def _in(name: str, value: Any, *, usage: bool) -> Any:
    if isinstance(value, dict):
        if name == "attrs":
            return value
        return {key: _in(name if name == "quantities" else key, item, usage=usage) for key, item in value.items()}
    if isinstance(value, list):
        return [_in(name, item, usage=usage) for item in value]
    if isinstance(value, str):
        return _in_text(name, value, usage=usage)
    if isinstance(value, bool) or type(value) is int:
        return value
    raise InputError(
        f"{excerpt(value)} in {name}", field=name, expected="an object, array, string, whole number or boolean"
    )


def _in_text(name: str, value: str, *, usage: bool) -> Any:
    if name in _REFS:
        return parse_ref(value).pack() if re.match(r"[0-9]+:[0-9a-f]", value) else value
    if name in _BINS or (name == "items" and usage):
        if _HEX.fullmatch(value) is None:
            raise InputError(f"{excerpt(value)} is no lower-case hex", field=name, expected="lower-case hexadecimal")
        return bytes.fromhex(value)
    if name in _INTEGERS or name in _SUMS:
        if _DECIMAL.fullmatch(value) is None:
            raise InputError(f"{excerpt(value)} is no whole number", field=name, expected="a decimal whole number")
        number = int(value)
        if name not in _SUMS:
            return number
        if not 0 <= number < 2**128:
            raise InputError("a sum out of range", field=name, expected="0 to 2^128-1 nanos")
        return number.to_bytes(16, "big")
    return value
