"""Values of our JSON files, read strictly: maps of known fields, texts, indices, binaries in base64, inclusion paths.

Each function takes a value as `jcs.load` gives it and `where` it stands, and raises InputError that names the place.
Base64 is taken in whatever form: that it is the canonical one shows when the file is rebuilt and compared.
"""

from __future__ import annotations

import binascii
from typing import Any

from proofs import jcs, merkle
from proofs.errors import InputError

INDEX_MAX = jcs.INTEGER_MAX


def members(value: Any, where: str, *names: str) -> list[Any]:
    """The values of a map with exactly these fields, in this order."""
    if type(value) is not dict or set(value) != set(names):
        raise InputError("other fields than these", field=where, expected=", ".join(names))
    return [value[name] for name in names]


def text(value: Any, where: str) -> str:
    """A string, of any length."""
    if type(value) is not str:
        raise InputError("not a text", field=where, expected="a string")
    return value


def index(value: Any, where: str) -> int:
    """A number of 0 to INDEX_MAX."""
    if type(value) is not int or not 0 <= value <= INDEX_MAX:
        raise InputError("not an index", field=where, expected="a number of 0 to 2^53-1")
    return value


def binary(value: Any, where: str, bytes_max: int) -> bytes:
    """1 to `bytes_max` bytes."""
    data = _decode(value, where)
    if not 0 < len(data) <= bytes_max:
        raise InputError(f"{len(data)} bytes", field=where, expected=f"1 to {bytes_max} bytes")
    return data


def digest(value: Any, where: str) -> bytes:
    """A SHA-256 hash."""
    data = _decode(value, where)
    if len(data) != merkle.HASH_BYTES:
        raise InputError(f"{len(data)} bytes", field=where, expected=f"{merkle.HASH_BYTES} bytes")
    return data


def path(value: Any, where: str) -> list[Any]:
    """A list of at most as many siblings as an inclusion path has, of whatever form."""
    if type(value) is not list or len(value) > merkle.PATH_HASHES_MAX:
        raise InputError("not a path", field=where, expected=f"a list of at most {merkle.PATH_HASHES_MAX}")
    return value


def hashes(value: Any, where: str) -> tuple[bytes, ...]:
    """An inclusion path, leaf upwards."""
    return tuple(digest(item, where) for item in path(value, where))


def _decode(value: Any, where: str) -> bytes:
    try:
        return binascii.a2b_base64(text(value, where), strict_mode=True)
    except ValueError:
        raise InputError("not base64", field=where, expected="canonical base64") from None
