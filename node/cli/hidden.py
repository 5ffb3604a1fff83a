"""What `usance use` logs only a hash of: hidden fields and the single calls behind a record, and the salts that open
them later (design section 4; `usance disclose` opens them)."""

from __future__ import annotations

import argparse
import json
import os
import secrets
from dataclasses import dataclass
from typing import Any

from node.cli.common import read_file
from node.cli.writing import split_pair
from node.errors import FileError
from node.privateleaves import PRIVATE_BYTES_MAX, parse_private
from proofs import commitment
from proofs.errors import InputError
from proofs.evidence import DETAIL
from proofs.fields import is_text

SALT_BYTES = 32
COMMITMENT_FORMAT = "usance/commitment/v1"
DETAIL_FORMAT = "usance/detail/v1"
_CALL = {"call", "at", "quantities"}


@dataclass(frozen=True, slots=True)
class Hidden:
    """The record's fields, and what opens them: (option, path, private JSON)."""

    fields: dict[str, Any]
    openings: list[tuple[str, str, dict[str, Any]]]

    def write(self, origin: str) -> None:
        """Durable before the record is sent: without it, what was committed to can never be shown."""
        for option, path, value in self.openings:
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                raise FileError(f"{path} exists already", field=option, expected="a new file") from None
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps({"log": origin, **value}, indent=1, ensure_ascii=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())


def add_hidden(group: argparse._ArgumentGroup) -> None:
    """--commit, --detail-from and where their salts go."""
    group.add_argument("--commit", metavar="NAME=VALUE", action="append", default=[],
                       help="a detail that only its hash is logged of (repeatable), with --commit-out")  # fmt: skip
    group.add_argument("--commit-out", metavar="FILE", help="where the salts go that open it later: keep it, private")
    group.add_argument("--detail-from", metavar="FILE",
                       help="a JSON list of the calls that this record stands for, {call, at, quantities} each: sets "
                       "--calls and --detail, with --detail-out")  # fmt: skip
    group.add_argument("--detail-out", metavar="FILE", help="where their salts go: keep it, private")


def read_hidden(args: argparse.Namespace) -> Hidden:
    """What the options come to, with fresh salts. Raises InputError."""
    fields: dict[str, Any] = {}
    openings = []
    if bool(args.commit) != bool(args.commit_out):
        raise InputError("--commit and --commit-out go together: without the salts nothing can be shown later")
    if bool(args.detail_from) != bool(args.detail_out):
        raise InputError("--detail-from and --detail-out go together: without the salts no call can be shown later")
    if args.commit:
        made, opening = _commit(args.commit)
        fields.update(made)
        openings.append(("--commit-out", args.commit_out, opening))
    if args.detail_from:
        if args.calls is not None or args.detail is not None:
            raise InputError("--detail-from sets --calls and --detail itself")
        made, opening = _detail(read_file(args.detail_from, bytes_max=PRIVATE_BYTES_MAX, what="the calls"))
        fields.update(made)
        openings.append(("--detail-out", args.detail_out, opening))
    return Hidden(fields, openings)


def _commit(given: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    pairs = dict(split_pair(text, option="--commit", expected="NAME=VALUE") for text in given)
    if len(pairs) < len(given):
        raise InputError("--commit: a name twice", field="--commit", expected="each name once")
    for name, value in pairs.items():
        if not is_text(name) or not is_text(value):
            raise InputError(
                f"--commit {name[:80]!r}", field="--commit", expected="1 to 1,024 bytes of plain text each"
            )
    hidden = commitment.hide(pairs, [secrets.token_bytes(SALT_BYTES) for _ in pairs])
    root = commitment.root([field.leaf() for field in hidden])
    leaves = [{"salt": field.salt.hex(), "name": field.name, "value": field.value} for field in hidden]
    opening = {"format": COMMITMENT_FORMAT, "commitment": root.hex(), "leaves": leaves}
    return {"commitment": root, "names": [field.name for field in hidden]}, opening


def _detail(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        listed = json.loads(data)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(item, dict) and set(item) == _CALL for item in listed):
        raise InputError("no list of calls", field="--detail-from", expected="a JSON list of {call, at, quantities}")
    leaves = [{"salt": secrets.token_hex(SALT_BYTES), **item} for item in listed]
    private = parse_private(json.dumps(leaves).encode(), of=DETAIL)
    root = commitment.root(private.leaves)
    opening = {"format": DETAIL_FORMAT, "detail": root.hex(), "leaves": leaves}
    return {"calls": len(leaves), "detail": root}, opening
