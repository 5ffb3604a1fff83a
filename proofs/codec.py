"""Canonical MessagePack (design section 3.1): one byte string for each value, and no second way to write it.

Invariants: `decode(encode(v)) == v`; `encode(decode(b)) == b` for every `b` that `decode` accepts. What was signed is
hashed as it came: encoding again only *tests* the form, the result is thrown away.
"""

from __future__ import annotations

from typing import Any

import msgpack

from proofs.errors import InputError

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1
DEPTH_MAX = 6
"""Levels of maps and arrays in a value, the outermost counting as one."""


def pack(value: Any) -> bytes:
    """Write a value that is already in canonical order, as `unpack` gave it. For hot paths; it checks nothing."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def unpack(data: bytes, *, field: str = "body") -> Any:
    """Read one MessagePack value; canonical form is *not* checked yet (compare with `pack`, check types and order).

    Raises InputError naming `field` where the bytes are cut, too long, not UTF-8, nested past the library's stack, or
    hold a map key that is no string.
    """
    try:
        return msgpack.unpackb(data, raw=False, use_list=True, strict_map_key=True)
    except (ValueError, msgpack.exceptions.UnpackException, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"not MessagePack: {error}", field=field, expected="canonical MessagePack") from None


def unpack_wide(data: bytes, *, field: str, items_max: int, containers_max: int) -> Any:
    """As `unpack`, for input of megabytes: at most `containers_max` arrays and maps of at most `items_max` items each.

    Without the bounds, 8 MiB of empty arrays become 600 MB of memory before anything can be judged.
    """
    left = containers_max

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"more than {containers_max} arrays and maps")
        return container

    try:
        return msgpack.unpackb(
            data, raw=False, use_list=True, strict_map_key=True, max_array_len=items_max, max_map_len=items_max,
            max_ext_len=0, list_hook=count, object_hook=count,
        )  # fmt: skip
    except (ValueError, msgpack.exceptions.UnpackException, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"not MessagePack: {error}"[:200], field=field, expected="canonical MessagePack") from None


def sort_maps(value: Any) -> Any:
    """The same value with every map's keys in ascending order (code points order as UTF-8 bytes do), tuples as lists.

    Raises InputError for keys that can't be ordered, and for what is nested past the interpreter's stack.
    """
    try:
        return _sorted(value)
    except TypeError:
        raise InputError("a map key is no string", field="body", expected="string keys") from None
    except RecursionError:
        raise InputError("nested too deeply", field="body", expected=f"at most {DEPTH_MAX} levels") from None


def _sorted(value: Any) -> Any:
    if type(value) is dict:
        # Most values are plain: asking here saves a call each, on a path that a training loop waits for.
        return {key: item if type(item := value[key]) not in _NESTED else _sorted(item) for key in sorted(value)}
    if type(value) in _NESTED:
        return [_sorted(item) for item in value]
    return value


_NESTED = frozenset((dict, list, tuple))


def check_form(value: Any, *, depth_max: int = DEPTH_MAX, field: str = "body") -> None:
    """Raise InputError unless the value has only allowed types and ranges, sorted string keys and bounded depth."""
    kind = type(value)
    if kind is dict or kind is list:
        if depth_max < 1:
            raise InputError("nested too deeply", field=field, expected=f"at most {DEPTH_MAX} levels")
        if kind is dict:
            keys = list(value)
            if any(type(key) is not str for key in keys) or keys != sorted(keys):
                raise InputError("map keys out of order", field=field, expected="string keys, ascending")
            for key in keys:
                _check_utf8(key, field)
        for item in value.values() if kind is dict else value:
            check_form(item, depth_max=depth_max - 1, field=field)
    elif kind is int:
        if not INT_MIN <= value <= INT_MAX:
            raise InputError("integer out of range", field=field, expected="an integer of -2^63 to 2^63-1")
    elif kind is str:
        _check_utf8(value, field)
    elif kind is not bytes and kind is not bool:
        raise InputError(
            f"type {kind.__name__} is not allowed", field=field, expected="map, array, str, bin, int or bool"
        )


def _check_utf8(text: str, field: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError("a string with a lone surrogate", field=field, expected="valid UTF-8") from None


def encode(value: Any) -> bytes:
    """Write a value in canonical form, sorting its maps. Tuples become arrays.

    Raises InputError for a float, None, an int outside -2^63 … 2^63-1, a key that is no string, text that is not
    UTF-8, or over 6 levels.
    """
    ordered = sort_maps(value)
    check_form(ordered)
    return pack(ordered)


def decode(data: bytes, *, field: str = "body", depth_max: int = DEPTH_MAX) -> Any:
    """Read one value in canonical form. Raises InputError, naming `field`, for anything else (section 3.1)."""
    value = unpack(data, field=field)
    check_form(value, depth_max=depth_max, field=field)
    if pack(value) != data:
        raise InputError("not the shortest encoding, or a key twice", field=field, expected="canonical MessagePack")
    return value
