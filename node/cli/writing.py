"""What the commands that log one record share: the body made, signed, logged and reported."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from node.cli.common import Signing, now_ms
from node.cli.text import emit, show_value
from node.errors import ProblemError
from proofs.errors import InputError
from proofs.records import make_body
from proofs.ref import Ref


def fields_given(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def body_of(fields: dict[str, Any]) -> bytes:
    """A record's body, dated now unless `at` is among the fields. Raises InputError naming the field."""
    return make_body({"at": now_ms(), **fields_given(fields)})


def log_one(signing: Signing, fields: dict[str, Any]) -> tuple[Ref, str]:
    """Log one record; answers its place, verified, and its status, the node's word. Raises as Client.log."""
    body = body_of(fields)
    try:
        taken = signing.client.log(signing.key, [body])
    except ProblemError as error:
        error.position = None  # there is one record only: its number in the batch would tell nobody anything
        raise
    return taken.refs[0], taken.statuses[0]


def report(
    args: argparse.Namespace, kind: str, ref: Ref, status: str, *, lines: Iterable[str] = (),
    json: dict[str, Any] | None = None, **more: Any,
) -> None:  # fmt: skip
    """Say where a record stands. `lines`: more of it for people, `json`: more of it for programs, `more`: for both."""
    shown = [f"{kind} logged as {ref}" + (f", {status}" if status != "logged" else "")]
    shown += [f"  {name} {show_value(name, value)}" for name, value in more.items() if value is not None]
    value = {"kind": kind, "ref": str(ref), "index": ref.index, "status": status, **fields_given(more), **(json or {})}
    emit(value, as_json=args.json, lines=[*shown, *lines])


def split_pair(text: str, *, option: str, expected: str) -> tuple[str, str]:
    """NAME and VALUE of `NAME=VALUE`. Raises InputError."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise InputError(f"{option} {text[:80]!r}", field=option, expected=expected)
    return name, value
