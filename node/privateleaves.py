"""Private files: what opens a commitment or the single calls behind a usage, kept by whoever logged it (section 4).

JSON: a list of leaves, or an object with such a list as `leaves` (as `usance use` writes). A hidden field
is `{"salt", "name", "value"}` or `[salt, name, value]`, a call `{"salt", "call", "at", "quantities"}` or
`[salt, call, at, quantities]`; salts are hex, whole numbers may be decimal strings where they are times or quantities.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from proofs.commitment import Call, Field
from proofs.errors import InputError
from proofs.evidence import COMMITMENT

PRIVATE_BYTES_MAX = 64 * 1024 * 1024
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_FIELD = ("salt", "name", "value")
_CALL = ("salt", "call", "at", "quantities")


@dataclass(frozen=True, slots=True)
class PrivateLeaves:
    """All leaves in the order of their tree. `of`: commitment or detail; `names`: of fields, or the calls' ids."""

    of: str
    leaves: list[bytes]
    names: list[str]


def parse_private(data: bytes, *, of: str) -> PrivateLeaves:
    """Read a private file. Hidden fields are put in the order of their names, as the record has them; calls stay in
    theirs. Raises InputError that says which leaf is wrong."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("the private file is no JSON", field="--from", expected="a list of leaves") from None
    listed = value.get("leaves") if isinstance(value, dict) else value
    if not isinstance(listed, list) or not listed:
        raise InputError("the private file has no leaves", field="--from", expected="a list of leaves")
    found: list[tuple[str, bytes]] = []
    for position, item in enumerate(listed):
        try:
            found.append(_read_field(item) if of == COMMITMENT else _read_call(item))
        except InputError as error:
            raise InputError(
                f"leaf {position} of the private file: {error.detail}", field=error.field, expected=error.expected
            ) from None
    if of == COMMITMENT:
        found.sort(key=lambda pair: pair[0])
    return PrivateLeaves(of, [leaf for _, leaf in found], [name for name, _ in found])


def _parts(item: Any, names: tuple[str, ...]) -> list[Any]:
    if isinstance(item, dict) and set(item) == set(names):
        return [item[name] for name in names]
    if isinstance(item, list) and len(item) == len(names):
        return item
    raise InputError("another form", field="--from", expected="[" + ", ".join(names) + "], or an object of these")


def _read_field(item: Any) -> tuple[str, bytes]:
    salt, name, value = _parts(item, _FIELD)
    return name, Field(_salt(salt), name, value).leaf()


def _read_call(item: Any) -> tuple[str, bytes]:
    salt, call, at, quantities = _parts(item, _CALL)
    if not isinstance(quantities, dict):
        raise InputError("no quantities", field="quantities", expected="an object of units and counts")
    counts = {unit: _number(count) for unit, count in quantities.items()}
    return call, Call(_salt(salt), call, _number(at), counts).leaf()


def _salt(value: Any) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise InputError("no salt", field="salt", expected="lower-case hexadecimal")
    return bytes.fromhex(value)


def _number(value: Any) -> Any:
    """A decimal string's number; whatever else comes is judged where it is used."""
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
