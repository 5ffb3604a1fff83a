"""`usance pay` and `receipt`: that money was sent, and that it came (design sections 4 and 6)."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

from node.agents.amounts import check_payable, parse_amount, parse_money
from node.agents.payments import reference_of
from node.cli.bankreceipts import run_bank
from node.cli.common import add_key, add_node, open_signing
from node.cli.moneytext import extras_of
from node.cli.outcome import OK
from node.cli.text import note_line
from node.cli.writing import log_one, report
from node.client import Client, VerifiedEntry
from node.errors import ProblemError
from node.resolve import find_kind
from proofs.amounts import show_amount
from proofs.errors import InputError
from proofs.fields import TEXT

BY_HAND = "manual"
_AT_MOST = re.compile(r"at most ([0-9]{1,19})", re.ASCII)


def _configure(parser: argparse.ArgumentParser, whose: str) -> None:
    parser.add_argument("--amount", metavar="AMOUNT", help="as 2.50, or '2.50 EUR' (default: all that is due on it)")
    parser.add_argument("--method", default=BY_HAND, help=f"how it was paid (default: {BY_HAND})")
    parser.add_argument("--reference", metavar="TEXT", help=f"{whose} (default: the statement's end-to-end reference)")
    add_key(parser)
    add_node(parser)


def configure_pay(parser: argparse.ArgumentParser) -> None:
    """Which statement, and what was sent."""
    parser.add_argument("statement", metavar="STATEMENT", help="the statement: an index or a reference")
    _configure(parser, "what the payment carries")
    parser.set_defaults(run=run_pay)


def configure_receipt(parser: argparse.ArgumentParser) -> None:
    """Which statement and what came, or a bank's file."""
    parser.add_argument("statement", metavar="STATEMENT", nargs="?", help="the statement: an index or a reference")
    parser.add_argument(
        "--bank", metavar="FILE",
        help="a bank's file instead, camt.053 or CSV: receipts for all money in it that pays this party's statements",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="with --bank: show what would be signed, sign nothing")
    _configure(parser, "the bank's name of the money")
    parser.set_defaults(run=run_receipt)


@dataclass(frozen=True, slots=True)
class _Sum:
    statement: VerifiedEntry
    amount: int
    currency: str
    reference: str


def _read(args: argparse.Namespace, client: Client) -> _Sum:
    """The statement is verified: what is due on it, and in which currency, is what its signer signed."""
    found = find_kind(client, args.statement, "statement", field="STATEMENT")
    currency, due = found.body["currency"], found.body["due"]
    amount = due if args.amount is None else _amount(args.amount, currency)
    if amount > due:
        raise InputError(
            f"more than is due on entry {found.ref.index}", field="--amount",
            expected=f"at most {show_amount(due, currency)}",
        )  # fmt: skip
    return _Sum(found, amount, currency, args.reference or reference_of(found.ref.leaf))


def _amount(text: str, currency: str) -> int:
    if text.strip("0123456789."):
        amount, given = parse_money(text, field="--amount")
        if given != currency:
            raise InputError(f"{given} is another currency", field="--amount", expected=f"an amount of {currency}")
    else:
        amount = parse_amount(text, field="--amount")
    check_payable(amount, currency)
    if amount < 1:
        raise InputError("nothing", field="--amount", expected="more than zero")
    return amount


def _check_texts(args: argparse.Namespace) -> None:
    for name in ("method", "reference"):
        value = getattr(args, name)
        if value is not None and not TEXT.ok(value):
            raise InputError(f"--{name} can't be logged", field=f"--{name}", expected=TEXT.expected)


def _log(args: argparse.Namespace, kind: str) -> int:
    _check_texts(args)
    signing = open_signing(args)
    found = _read(args, signing.client)
    fields = {"statement": found.statement.ref.pack(), "amount": found.amount, "method": args.method}
    before = _paid_before(signing.client, found.statement) if kind == "payment" else []
    try:
        ref, status = log_one(signing, {"kind": kind, **fields, "reference": found.reference})
    except ProblemError as error:
        most = _AT_MOST.fullmatch(error.expected)
        if error.field == "amount" and most:
            error.expected = f"at most {show_amount(int(most[1]), found.currency)}: --amount says how much came"
        raise
    shown = show_amount(found.amount, found.currency)
    report(args, kind, ref, status, statement=str(found.statement.ref), method=args.method, reference=found.reference,
           lines=[f"  {shown} of {show_amount(found.statement.body['due'], found.currency)} due"],
           json={"amount": str(found.amount), "currency": found.currency})  # fmt: skip
    if before:
        note_line(f"remark: a payment of this statement was logged before, says the node: entry {before[0]}")
    return OK


def _paid_before(client: Client, statement: VerifiedEntry) -> list[int]:
    events = extras_of(client, statement.ref.index).get("events")
    rows = [event for event in (events if isinstance(events, list) else []) if isinstance(event, dict)]
    return [row["index"] for row in rows if row.get("kind") == "payment" and type(row.get("index")) is int]


def run_pay(args: argparse.Namespace) -> int:
    """Say that money was sent for a statement; this moves none."""
    return _log(args, "payment")


def run_receipt(args: argparse.Namespace) -> int:
    """Say that money came."""
    if args.bank is not None:
        if args.statement or args.amount or args.reference:
            raise InputError("--bank goes without STATEMENT, --amount and --reference: they are in the file")
        return run_bank(args)
    if args.statement is None:
        raise InputError("nothing to acknowledge: give STATEMENT, or --bank FILE")
    if args.dry_run:
        raise InputError("--dry-run goes with --bank")
    return _log(args, "receipt")
