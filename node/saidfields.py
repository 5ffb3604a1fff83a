"""What a program says of a use, as the fields of a record: texts of references and digests become bytes, units become
quantities, a missing period becomes now (docs/library.md). proofs/records.py judges the result.
"""

from __future__ import annotations

import operator
from datetime import datetime
from typing import Any, TypedDict

from proofs.errors import InputError
from proofs.fields import UNITS
from proofs.jsonform import from_json
from proofs.ref import Ref

UNIT_ARGUMENTS = frozenset(UNITS) - {"item", "call", "use"}
"""Units that are arguments of their own; the other three are names of something else there."""
_PLAIN = frozenset((bytes, int, bool))


class UsageFields(TypedDict, total=False):
    """What `use` takes by name beside `quantities`, `from_`, `until` and `into`: the fields of a usage record
    (docs/spec.md), and how much of a unit was used."""

    token: int
    input_token: int
    cached_token: int
    output_token: int
    byte: int
    second: int
    at: int | datetime
    terms: str | bytes | Ref
    into_name: str
    item: str | bytes
    items: str | bytes
    item_count: int
    calls: int
    detail: str | bytes
    seen_by: str
    party: str | bytes
    user: str | bytes
    call: str
    commitment: str | bytes
    names: list[str]
    attrs: dict[str, str | int]
    claim: str | bytes | Ref


def plain_usage(
    asset: bytes | str, use: str, now_ms: int, quantities: dict[str, int] | None, start: Any, until: Any,
    said: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The fields of a usage record whose values need no conversion; where one does, the rules refuse it, and
    `usage_fields` says the same with conversions. `start`, `until`: one that is None is the other, or now. Raises
    InputError for a unit said twice."""
    amounts = dict(quantities) if quantities else {}
    fields: dict[str, Any] = {"kind": "usage", "at": now_ms, "asset": asset, "use": use, "quantities": amounts}
    if start is None:
        fields["from"] = now_ms if until is None else until
        fields["until"] = now_ms if until is None else until
    else:  # a clock that was set back since must not turn the period around
        fields["from"] = start
        fields["until"] = until if until is not None else now_ms if type(start) is not int else max(start, now_ms)
    for name, value in said.items():
        if name not in UNIT_ARGUMENTS:
            fields[name] = value
        elif name in amounts:
            raise InputError(f"{name} is said twice", field="quantities", expected="each unit once")
        else:
            amounts[name] = value
    return fields


def usage_fields(
    asset: bytes | str, use: str, now_ms: int, quantities: dict[str, int] | None, start: Any, until: Any,
    said: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """As plain_usage, from what people write: texts of references and digests, datetimes, numbers of other libraries;
    what is None is left out. Raises InputError for a unit said twice, a time without its zone, and a text that is no
    reference or digest."""
    start, until = (None if time is None else field_value("from", time, kind="usage") for time in (start, until))
    given = {
        name: _whole(value) if name in UNIT_ARGUMENTS else field_value(name, value, kind="usage")
        for name, value in said.items()
        if value is not None
    }
    amounts = {unit: _whole(count) for unit, count in quantities.items()} if quantities else None
    return plain_usage(asset, use, now_ms, amounts, start, until, given)


def record_fields(kind: str, now_ms: int, said: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record of any kind. A name that Python reserves is said with an underscore behind it (`from_`).
    Raises as usage_fields."""
    fields: dict[str, Any] = {"kind": kind, "at": now_ms}
    for name, value in said.items():
        if value is not None:
            plain = name.removesuffix("_")
            fields[plain] = field_value(plain, value, kind=kind)
    return fields


def field_value(name: str, value: Any, *, kind: str) -> Any:
    """One field's value: `INDEX:HEX` and hexadecimal as bytes, datetimes as milliseconds, numbers of other libraries as
    numbers. Raises InputError naming the field."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Ref):
        return value.pack()
    if isinstance(value, str):
        return from_json({"kind": kind, name: str(value)})[name] if name != "kind" else value
    if isinstance(value, datetime):
        return _milliseconds(name, value)
    if isinstance(value, dict):
        if name == "attrs":
            return {key: item if isinstance(item, str) else _whole(item) for key, item in value.items()}
        inner = "quantities" if name == "quantities" else None
        return {key: field_value(inner or str(key), item, kind=kind) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [field_value(name, item, kind=kind) for item in value]
    return _whole(value)


def _whole(value: Any) -> Any:
    """A number of another library (numpy, torch) as Python's; anything else as it is, for the rules to refuse."""
    if type(value) in _PLAIN or isinstance(value, bool | str | float):
        return value
    try:
        return operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        return value


def _milliseconds(name: str, time: datetime) -> int:
    if time.tzinfo is None:
        raise InputError("a time without its zone", field=name, expected="a datetime with tzinfo, or milliseconds")
    return int(time.timestamp() * 1000)
