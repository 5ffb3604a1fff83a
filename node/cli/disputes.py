"""`usance dispute` and `resolve`: what a party holds to be wrong, and how that ends (design section 4)."""

from __future__ import annotations

import argparse

from node.cli.common import add_key, add_node, hex_bytes, open_signing
from node.cli.outcome import OK
from node.cli.writing import log_one, report
from node.resolve import find_entry, find_kind
from proofs.jsonform import to_json

OUTCOMES = ("conceded", "rejected", "withdrawn", "upheld")


def configure_dispute(parser: argparse.ArgumentParser) -> None:
    """What is wrong, and why."""
    parser.add_argument("target", metavar="TARGET", help="the record: an index or a reference")
    parser.add_argument("--reason", required=True, help="what is wrong with it, for everybody to read")
    parser.add_argument("--note", help="more words")
    parser.add_argument("--evidence", metavar="HEX", help="the SHA-256 of a file that shows it")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_dispute)


def run_dispute(args: argparse.Namespace) -> int:
    """Say that a record is wrong; it is noted beside it and erases nothing."""
    evidence = None if args.evidence is None else hex_bytes(args.evidence, length=32, field="--evidence")
    signing = open_signing(args)
    target = find_entry(signing.client, args.target, field="TARGET")
    fields = {"kind": "dispute", "target": target.ref.pack(), "reason": args.reason, "note": args.note}
    ref, status = log_one(signing, {**fields, "evidence": evidence})
    report(args, "dispute", ref, status, target=str(target.ref), target_kind=target.body["kind"], reason=args.reason)
    return OK


def configure_resolve(parser: argparse.ArgumentParser) -> None:
    """Which dispute, and how it ends."""
    parser.add_argument("dispute", metavar="DISPUTE", help="the dispute: an index or a reference")
    parser.add_argument(
        "--outcome", required=True, choices=OUTCOMES,
        help="conceded or rejected by the other side, withdrawn by the disputer, upheld or rejected by the arbiter of "
        "the terms",
    )  # fmt: skip
    parser.add_argument("--note", help="why, for everybody to read")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_resolve)


def run_resolve(args: argparse.Namespace) -> int:
    """End a dispute, or reject it and leave it to the arbiter."""
    signing = open_signing(args)
    found = find_kind(signing.client, args.dispute, "dispute", field="DISPUTE")
    fields = {"kind": "resolution", "dispute": found.ref.pack(), "outcome": args.outcome, "note": args.note}
    ref, status = log_one(signing, fields)
    report(args, "resolution", ref, status, dispute=str(found.ref), target=to_json(found.body)["target"],
           outcome=args.outcome)  # fmt: skip
    return OK
