"""Record bodies: bytes in, checked fields out (design sections 3.1, 3.3 and 4).

A body is judged by a plan that is compiled once for each *shape*, the sequence of its keys: order, unknown and missing
fields and pairs are settled when the plan is made, so a body of a known shape costs its values' checks only. What a
plan can't see (shortest encodings, keys twice, trailing bytes) shows when the decoded body is packed and compared.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from proofs import codec
from proofs.errors import InputError
from proofs.fields import MS, Predicate, Rule
from proofs.kinds import KINDS, Cross, Kind

BODY_BYTES_MAX = 60_000
"""Keeps an entry under the 65,535 bytes of a tlog-tiles bundle."""

_PLANS_MAX = 4096
_AT: dict[str, Rule] = {"at": MS}


@dataclass(frozen=True, slots=True)
class _Plan:
    checks: tuple[tuple[str, Predicate], ...]
    cross: tuple[Cross, ...]
    kind: Kind


# Shape -> plan. Written under the interpreter's lock by any thread; two threads may compile the same plan, which is
# harmless. Emptied when it is full, so that hostile shapes can't fill memory.
_plans: dict[tuple[str, ...], _Plan] = {}


def _compile(shape: tuple[str, ...]) -> _Plan:
    """The plan for a body with these keys, the kind's name first. Raises InputError for a shape that is never right."""
    kind = KINDS.get(shape[0])
    if kind is None:
        raise InputError(f"unknown kind {shape[0][:80]!r}", field="kind", expected="one of " + ", ".join(KINDS))
    keys = shape[1:]
    rules = {**kind.required, **kind.optional, **_AT}
    for name in keys:
        if name != "kind" and name not in rules:
            raise InputError(
                f"unknown field of {kind.name}",
                field=str(name)[:80] or "body",
                expected="one of " + ", ".join(sorted(rules)),
            )
    for name in (*kind.required, "at"):
        if name not in keys:
            raise InputError("a required field is missing", field=name, expected=rules[name].expected)
    for earlier, later in itertools.pairwise(keys):
        if later <= earlier:
            raise InputError("map keys out of order", field=later, expected="keys ascending by their bytes")
    for group in kind.together:
        present = [name for name in group if name in keys]
        if present and len(present) < len(group):
            missing = next(name for name in group if name not in keys)
            raise InputError("comes only together", field=missing, expected="all of " + ", ".join(group) + ", or none")
    for group in kind.apart:
        present = [name for name in group if name in keys]
        if len(present) > 1:
            raise InputError("exclude each other", field=present[1], expected="one of " + ", ".join(group))
    plan = _Plan(tuple((name, rules[name].ok) for name in keys if name != "kind"), kind.cross, kind)
    if len(_plans) >= _PLANS_MAX:
        _plans.clear()
    _plans[shape] = plan
    return plan


def _refuse(kind: Kind, name: str, value: Any) -> InputError:
    rule = {**kind.required, **kind.optional, **_AT}[name]
    deeper = rule.inner(value) if rule.inner else ""
    field = f"{name}.{deeper}" if deeper else name
    return InputError(f"not allowed in {field} of {kind.name}", field=field, expected=rule.expected)


def _locate(data: bytes, body: dict[str, Any]) -> str:
    """The field where the bytes that came part from the canonical ones; for the error message only."""
    canonical = codec.pack(body)
    common = next((i for i, (a, b) in enumerate(zip(data, canonical, strict=False)) if a != b), len(canonical))
    end = len(canonical) - sum(len(codec.pack(part)) for item in body.items() for part in item)  # the map's head
    for name, value in body.items():
        end += len(codec.pack(name)) + len(codec.pack(value))
        if common < end:
            return name
    return "body"


def _judge(body: dict[str, Any]) -> None:
    """Every rule that the fields of one record can be judged by alone; `body` has its keys in order."""
    name = body.get("kind")
    if type(name) is not str:
        raise InputError("no kind", field="kind", expected="one of " + ", ".join(KINDS))
    shape = (name, *body)
    plan = _plans.get(shape) or _compile(shape)
    for field, ok in plan.checks:
        if not ok(body[field]):
            raise _refuse(plan.kind, field, body[field])
    for rule in plan.cross:
        rule(body)


def check_body(data: bytes) -> dict[str, Any]:
    """Decode one record body and check every field rule that needs no log.

    `data`: 1 to 60,000 bytes of canonical MessagePack. Returns the decoded map. Raises InputError with the field's
    name and what was expected. Cost: about 10 µs for a usage record.
    """
    if not 0 < len(data) <= BODY_BYTES_MAX:
        raise InputError(f"{len(data)} bytes", field="body", expected=f"1 to {BODY_BYTES_MAX} bytes")
    body = codec.unpack(data)
    if type(body) is not dict:
        raise InputError("not a map", field="body", expected="a map with kind and at")
    _judge(body)
    if codec.pack(body) != data:
        raise InputError(
            "not in canonical form", field=_locate(data, body), expected="the shortest encoding, no key twice"
        )
    return body


def peek(data: bytes) -> dict[Any, Any]:
    """The map in a body that is not checked yet, with a text as its `kind`: "" where there is none or it can't be read.

    For refusals that come before the field rules; nothing else in it can be relied on.
    """
    try:
        body = codec.unpack(data) if len(data) <= BODY_BYTES_MAX else None
    except InputError:
        body = None
    if type(body) is not dict or type(body.get("kind")) is not str:
        return {"kind": ""}
    return body


def make_body(fields: dict[str, Any]) -> bytes:
    """The canonical bytes of a record with these fields (`kind` and `at` among them), in any order, judged by the rules
    that judge what comes in: `check_body` takes what this answers.

    Every field has a rule that tells exact types, bounds and order, so what passes them is canonical once packed.
    Raises InputError as check_body does. Cost: about 20 µs for a usage record.
    """
    body = codec.sort_maps(fields)
    if type(body) is not dict:
        raise InputError("not a map", field="body", expected="a map with kind and at")
    _judge(body)
    data = codec.pack(body)
    if len(data) > BODY_BYTES_MAX:
        raise InputError(f"{len(data)} bytes", field="body", expected=f"1 to {BODY_BYTES_MAX} bytes")
    return data
