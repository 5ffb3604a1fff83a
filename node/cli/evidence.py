"""`usance evidence` and `disclose`: the file that shows a use, checked before it is written, and what it may reveal."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ledger.signrecord import write_durably
from node.cli.common import add_node, add_output, open_client, public_key_of, read_file
from node.cli.files import emit_file
from node.cli.outcome import OK
from node.cli.text import emit
from node.client import Client
from node.errors import FileError
from node.privateleaves import PRIVATE_BYTES_MAX, PrivateLeaves, parse_private
from proofs import commitment
from proofs.entry import parse_entry
from proofs.errors import InputError, VerifyError, excerpt
from proofs.evidence import (
    COMMITMENT,
    DETAIL,
    EVIDENCE_BYTES_MAX,
    Evidence,
    ShownLeaf,
    format_evidence,
    parse_evidence,
)
from proofs.evidencecheck import check_evidence
from proofs.policy import log_policy
from proofs.records import check_body
from proofs.ref import Ref, parse_ref
from proofs.text import parse_decimal
from proofs.verdict import FAILED, Verdict


def configure_evidence(parser: argparse.ArgumentParser) -> None:
    """Which use, for whom, into which file."""
    parser.add_argument("usage", metavar="REF", help="an index or a reference of a usage record")
    parser.add_argument(
        "--payee", metavar="PARTY", help="only the line of this payee, its key in hex or a file of it (default: all)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write it here (default: print it)")
    add_node(parser)
    parser.set_defaults(run=run_evidence)


def configure_disclose(parser: argparse.ArgumentParser) -> None:
    """The evidence, what opens it, and which of it."""
    parser.add_argument("evidence", metavar="EVIDENCE", help="an evidence file")
    parser.add_argument(
        "--from", dest="private", metavar="FILE", required=True,
        help="the private file with the salts: --commit-out or --detail-out of `usance use`, or a list of leaves",
    )  # fmt: skip
    parser.add_argument("--field", metavar="NAME", action="append", default=[], help="a hidden field (repeatable)")
    parser.add_argument("--call", metavar="ID", action="append", default=[], help="a single call (repeatable)")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="write the larger evidence file here")
    add_output(parser)
    parser.set_defaults(run=run_disclose)


def run_evidence(args: argparse.Namespace) -> int:
    """Nothing that doesn't hold is written; what is missing (a receipt, a statement) is said."""
    ref = parse_ref(args.usage) if ":" in args.usage else None
    if ref is None and not (args.usage.isascii() and args.usage.isdigit()):
        raise InputError(f"{excerpt(args.usage)} is no record", field="REF", expected="an index, or INDEX:HEX")
    index = ref.index if ref else parse_decimal(args.usage, field="REF")
    query = f"?payee={public_key_of(args.payee).hex()}" if args.payee else ""
    client = open_client(args)
    data = client.transport.get_bytes(f"/evidence/{index}{query}", bytes_max=EVIDENCE_BYTES_MAX)
    verdict = _check(client, data, index=index, ref=ref)
    size = verdict.checkpoint.size if verdict.checkpoint else 0
    value = {"ref": str(verdict.ref), "size": size, "verdict": verdict.result, "payees": verdict.more["payees"]}
    if args.output is None:
        emit_file({**value, "evidence": data.decode()}, data, as_json=args.json)
        return OK
    _write(args.output, data)
    lines = [f"{args.output}: evidence of {verdict.ref} in the tree of size {size}, verified: {_summary(verdict)}"]
    emit({**value, "file": args.output}, as_json=args.json, lines=lines)
    return OK


def _check(client: Client, data: bytes, *, index: int, ref: Ref | None) -> Verdict:
    """The verdict on what the node answered. Raises VerifyError for a file that fails, or is of another use."""
    try:
        shown = parse_evidence(data)
    except InputError as error:
        raise VerifyError(f"the node's evidence can't be read: {error.detail}", field=error.field) from None
    client.accept(shown.checkpoint_note)  # one history with what was seen before
    verdict = check_evidence(shown, policy=log_policy(client.keys))
    if verdict.result == FAILED:
        step = verdict.steps[-1]
        raise VerifyError(f"the node's evidence doesn't hold: {step.says}", field=step.name)
    if shown.usage != index or (ref is not None and verdict.ref != ref):
        raise VerifyError(f"the log has another entry at {index}", field="REF", expected=str(verdict.ref))
    return verdict


def _summary(verdict: Verdict) -> str:
    usage, payees = verdict.more["usage"], verdict.more["payees"]
    if not payees:
        return str(usage["status"])
    settled = sum(bool(payee["settled"]) for payee in payees)
    return f"{usage['status']}, settled for {settled} of {len(payees)} payees"


def _write(path: str, data: bytes) -> None:
    if os.path.isdir(path):
        raise FileError(f"{path} is a folder", field="-o", expected="a file")
    write_durably(path, data)


def run_disclose(args: argparse.Namespace) -> int:
    """The same evidence with more to see, written only where it holds."""
    if not args.field and not args.call:
        raise InputError("nothing to disclose: name a --field or a --call")
    if args.field and args.call:
        raise InputError("--field and --call open two lists, each from a file of its own: disclose one after the other")
    data = read_file(args.evidence, bytes_max=EVIDENCE_BYTES_MAX, what="the evidence")
    try:
        shown = parse_evidence(data)
    except InputError as error:
        raise FileError(
            f"{args.evidence} is not a readable evidence file: {error.detail}", field=error.field,
            expected=error.expected,
        ) from None  # fmt: skip
    raw = read_file(args.private, bytes_max=PRIVATE_BYTES_MAX, what="the private file")
    private = parse_private(raw, of=COMMITMENT if args.field else DETAIL)
    larger = _disclose(shown, private, args.field or args.call)
    verdict = check_evidence(larger, policy=None)
    if verdict.result == FAILED:
        step = verdict.steps[-1]
        raise VerifyError(f"{args.evidence} doesn't hold: {step.says}", field=step.name)
    _write(args.output, format_evidence(larger))
    disclosed = verdict.more["disclosed"]
    lines = [f"{args.output}: {len(disclosed)} of what entry {shown.usage} commits to can be seen"]
    lines += [f"  {step.says}" for step in verdict.steps if step.name == "disclosed"]
    emit({"file": args.output, "disclosed": disclosed}, as_json=args.json, lines=lines)
    return OK


def _disclose(shown: Evidence, private: PrivateLeaves, names: list[str]) -> Evidence:
    """The evidence with these leaves open. Raises InputError where the private file isn't the usage's, or has no such
    name."""
    body = _usage_body(shown)
    root = body.get(private.of)
    if root is None:
        raise InputError(f"entry {shown.usage} has no {private.of}: there is nothing to disclose", field=private.of)
    if commitment.root(private.leaves) != root:
        raise InputError(
            f"the private file is not that of entry {shown.usage}: its root differs", field=private.of,
            expected=root.hex(),
        )  # fmt: skip
    open_leaves = {(leaf.entry, leaf.of, leaf.position): leaf for leaf in shown.disclosed}
    for name in names:
        found = [at for at, known in enumerate(private.names) if known == name]
        if not found:
            raise InputError(f"the private file has no {excerpt(name)}", field="--from", expected="a name that it has")
        for at in found:
            leaf = ShownLeaf(shown.usage, private.of, at, private.leaves[at], commitment.path(private.leaves, at))
            open_leaves[shown.usage, private.of, at] = leaf
    ordered = tuple(open_leaves[key] for key in sorted(open_leaves))
    return Evidence(shown.checkpoint_note, shown.entries, shown.usage, shown.lines, ordered)


def _usage_body(shown: Evidence) -> dict[str, Any]:
    for entry in shown.entries:
        if entry.index == shown.usage:
            return check_body(parse_entry(entry.entry).body)
    raise VerifyError(f"the usage, entry {shown.usage}, is not in the evidence", field="usage")
