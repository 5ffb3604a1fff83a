"""JSON in its canonical form, RFC 8785 (JCS), for the values that our files hold: text, whole numbers, lists and maps.

One byte string for each value: no whitespace, names in the order of their UTF-16 code units, the shortest escapes.
Numbers are whole and below 2^53 in size, where JSON's readers agree; larger ones stand as decimal strings.
"""

from __future__ import annotations

import json
from typing import Any

from proofs.errors import InputError, excerpt

INTEGER_MAX = 2**53 - 1
"""Above it, readers that know doubles only part from those that know integers (RFC 8785, appendix D)."""


def encode(value: Any) -> bytes:
    """The canonical bytes of a value of str, int, bool, list and dict. Raises InputError for another type, a number
    beyond INTEGER_MAX, a name that is no text, or text that has no UTF-8."""
    try:
        return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise InputError("text without UTF-8", field="json", expected="no lone surrogates") from None


def _ordered(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is bool:
        return value
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise InputError(f"the number {excerpt(value)}", field="json", expected="below 2^53 in size")
        return value
    if kind is list:
        return [_ordered(item) for item in value]
    if kind is dict and all(type(name) is str for name in value):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return {name: _ordered(value[name]) for name in names}
    raise InputError(f"type {kind.__name__} in JSON", field="json", expected="text, whole number, boolean, list or map")


def load(data: bytes, *, field: str, bytes_max: int) -> Any:
    """The value in JSON text of at most `bytes_max` bytes. Whether the form is canonical is *not* checked: rebuild and
    compare. Raises InputError naming `field` for anything that is no JSON, a fraction or an exponent."""
    if len(data) > bytes_max:
        raise InputError(f"more than {bytes_max} bytes", field=field, expected=f"at most {bytes_max} bytes")
    try:
        return json.loads(data.decode("utf-8"), parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}"[:200], field=field, expected="JSON in UTF-8") from None


def _refuse(text: str) -> Any:
    raise ValueError(f"the number {text[:20]} is not whole")
