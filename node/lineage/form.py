"""Fields of a node's JSON answers, read strictly: each parser takes a value and its place (as `nodes[3].title`) and
raises InputError naming the place for what isn't as the specification says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from proofs.codec import INT_MAX
from proofs.errors import InputError, excerpt
from proofs.fields import BPS_MAX, CURRENCY, is_external_name, is_text
from proofs.ref import parse_ref

LEVELS_MAX = 8
"""How deep maps and lists of a record stand in each other, at most."""
LEVEL_MAX = 1_000_000
TITLE_CHARS_MAX = 2_049
"""A name and a version, `name@version`."""
SUM_MAX = 2**128

T = TypeVar("T")
_INDEX = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_NANOS = re.compile(r"0|[1-9][0-9]{0,38}", re.ASCII)
_PARTY = re.compile(r"[0-9a-f]{64}", re.ASCII)


def levels(value: Any) -> int:
    """How deep maps and lists stand in each other; counts no further than one above LEVELS_MAX."""
    level, inner = 0, [value]
    while inner and level <= LEVELS_MAX:
        nested = [item for item in inner if isinstance(item, dict | list)]
        level += bool(nested)
        inner = [part for item in nested for part in (item.values() if isinstance(item, dict) else item)]
    return level


def an_object(value: Any, place: str) -> dict[str, Any]:
    """A JSON object, as it is."""
    if type(value) is not dict:
        raise InputError(f"{place} is {shown(value)}", field=place, expected="an object")
    return value


def required(said: dict[str, Any], name: str, place: str, parse: Callable[[Any, str], T]) -> T:
    """A field that must be there. `place`: of the object, "" for the outermost."""
    where = f"{place}.{name}" if place else name
    if name not in said:
        raise InputError("it is missing", field=where, expected="this field")
    return parse(said[name], where)


def optional(said: dict[str, Any], name: str, place: str, parse: Callable[[Any, str], T]) -> T | None:
    """A field that may be missing or null."""
    value = said.get(name)
    return None if value is None else parse(value, f"{place}.{name}")


def listed(said: dict[str, Any], name: str, place: str, parse: Callable[[Any, str], T], most: int) -> tuple[T, ...]:
    """A field with a list of at most `most`, each item parsed."""
    where = f"{place}.{name}" if place else name
    items = said.get(name)
    if type(items) is not list or len(items) > most:
        raise InputError(f"{where} is {shown(items)}", field=where, expected=f"a list of at most {most}")
    return tuple(parse(item, f"{where}[{at}]") for at, item in enumerate(items))


def shown(value: Any) -> str:
    """A value for a message; a list or an object is never gone into, since it may be of any size and depth."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return excerpt(value)


def checked(ok: Callable[[Any], bool], expected: str) -> Callable[[Any, str], Any]:
    """A parser that takes what `ok` says yes to."""

    def parse(value: Any, place: str) -> Any:
        if not ok(value):
            raise InputError(f"{place} is {shown(value)}", field=place, expected=expected)
        return value

    return parse


def one_of(allowed: tuple[str, ...]) -> Callable[[Any, str], str]:
    """A parser that takes one of these strings."""
    return checked(lambda value: type(value) is str and value in allowed, "one of " + ", ".join(allowed))


def is_asset_id(value: Any) -> bool:
    """A leaf index in decimal."""
    return type(value) is str and _INDEX.fullmatch(value) is not None and int(value) <= INT_MAX


def _is_id(value: Any) -> bool:
    return is_asset_id(value) or is_external_name(value)


def nanos(value: Any, place: str) -> int:
    """An amount, from its decimal string."""
    if type(value) is not str or _NANOS.fullmatch(value) is None or int(value) >= SUM_MAX:
        raise InputError(f"{place} is {shown(value)}", field=place, expected="nanos, a decimal string below 2^128")
    return int(value)


def reference(value: Any, place: str) -> str:
    """A reference in its text form."""
    if type(value) is not str:
        raise InputError(f"{place} is {shown(value)}", field=place, expected="INDEX:HEX")
    try:
        return str(parse_ref(value))
    except InputError as error:
        raise InputError(error.detail, field=place, expected=error.expected) from error


def _is_title(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= TITLE_CHARS_MAX and all(map(is_text, _pieces(value)))


def _pieces(value: str) -> list[str]:
    """A title in pieces that are short enough for the rule of a text."""
    return [value[at : at + 256] for at in range(0, len(value), 256)]


node_id = checked(_is_id, "a leaf index in decimal, or an external name")
asset_id = checked(is_asset_id, "a leaf index in decimal")
made_thing = checked(
    lambda value: _is_id(value) or (type(value) is str and value[:1] == "=" and is_text(value[1:])),
    "a leaf index in decimal, an external name, or `=` and a name",
)
text = checked(is_text, "1 to 1,024 bytes of text without control characters")
title = checked(_is_title, f"1 to {TITLE_CHARS_MAX} characters without control characters")
party = checked(lambda value: type(value) is str and _PARTY.fullmatch(value) is not None, "64 hexadecimal digits")
currency = checked(CURRENCY.ok, CURRENCY.expected)
count = checked(lambda value: type(value) is int and 0 <= value <= INT_MAX, "an integer of 0 to 2^63-1")
level = checked(lambda value: type(value) is int and abs(value) <= LEVEL_MAX, f"-{LEVEL_MAX} to {LEVEL_MAX}")
bps = checked(lambda value: type(value) is int and 0 <= value <= BPS_MAX, f"an integer of 0 to {BPS_MAX}")
boolean = checked(lambda value: type(value) is bool, "true or false")
