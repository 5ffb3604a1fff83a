"""`usance settle`: state what is due, hand it over to be paid, and log that (design section 6; docs/settlement.md)."""

from __future__ import annotations

import argparse
import datetime
import os
from collections.abc import Iterator

from node.agents.books import PAYEE, PAYER
from node.agents.limits import parse_limits
from node.agents.payees import load_payees
from node.agents.payments import Timing
from node.agents.settle import ADAPTERS, Options, Paying, settle
from node.agents.settlement import Settlement
from node.cli.common import add_key, add_node, now_ms, open_agent
from node.cli.outcome import INCOMPLETE, OK
from node.cli.text import emit, short
from node.heads import state_folder
from proofs.amounts import show_amount
from proofs.errors import InputError, excerpt

DEFAULT_ADAPTER = "csv"


def configure_settle(parser: argparse.ArgumentParser) -> None:
    """Which side, how it is paid, and how much of it."""
    parser.add_argument("--dry-run", action="store_true", help="show what would be done: sign nothing, write nothing")
    parser.add_argument("--as", dest="side", choices=(PAYER, PAYEE), default=PAYER,
                        help="payer: state and pay what it owes (default); payee: state what it is owed")  # fmt: skip
    paying = parser.add_argument_group("how it is paid (without a payees file it is only stated)")
    paying.add_argument("--payees", metavar="FILE", help="payees.toml, private: whose money goes to which account")
    paying.add_argument("--adapter", choices=tuple(ADAPTERS), default=DEFAULT_ADAPTER,
                        help=f"what makes the payment files (default: {DEFAULT_ADAPTER})")  # fmt: skip
    paying.add_argument("--out", metavar="DIR", help="the folder that payment files are put into")
    paying.add_argument("--execute", metavar="DATE", help="the day on which the bank is to pay (default: today, UTC)")
    paying.add_argument("--state", metavar="DIR", help="what remembers each payment that was handed over; one for all "
                        "runs of a party, never deleted (default: `settle` in USANCE_STATE)")  # fmt: skip
    limits = parser.add_argument_group("limits of this run (each may come once for each currency; in other currencies "
                                       "nothing is settled then)")  # fmt: skip
    limits.add_argument("--limit-per-payee", metavar="AMOUNT", action="append", default=[], help="as 100.00EUR")
    limits.add_argument("--limit-total", metavar="AMOUNT", action="append", default=[], help="as 1000.00EUR")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_settle)


def run_settle(args: argparse.Namespace) -> int:
    """Exit 3 where something is left that a person has to look at."""
    limits = parse_limits(per_payee=args.limit_per_payee, total=args.limit_total)
    paying = _paying(args)
    state = args.state or os.path.join(state_folder(os.environ), "settle")
    agent = open_agent(args)
    result = settle(agent, Options(state, args.side, limits, paying, args.dry_run))
    emit(result.value(), as_json=args.json, lines=_lines(result))
    return INCOMPLETE if result.left else OK


def _paying(args: argparse.Namespace) -> Paying | None:
    if args.payees is None:
        if args.out or args.execute:
            raise InputError("--out and --execute go with --payees")
        return None
    if args.out is None:
        raise InputError("no folder for the payment files: give --out DIR")
    payees = load_payees(args.payees)
    now = now_ms()
    return Paying(payees, ADAPTERS[args.adapter], args.out, Timing(now, _day(args.execute, now)))


def _day(text: str | None, now: int) -> datetime.date:
    today = datetime.datetime.fromtimestamp(now / 1000, datetime.UTC).date()
    if text is None:
        return today
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{excerpt(text)} is no day", field="--execute", expected="as 2026-01-31") from None
    if day < today:
        raise InputError(f"{day} is past", field="--execute", expected=f"{today} or later")
    return day


def _lines(result: Settlement) -> Iterator[str]:
    yield f"{result.log}: replayed up to {result.size}, root {result.root.hex()}; the node's drafts say the same"
    would = "would be " if result.dry_run else ""
    other = PAYEE if result.side == PAYER else PAYER
    for one in result.stated:
        where = f"entry {one.statement.index}" if one.statement else "new"
        by = f", by the {other}" if one.by_other else ""
        party = _party(result, getattr(one.account, other))
        yield (
            f"{would}stated{by}: {where}, {show_amount(one.due, one.account.currency)}, {other} {party}, "
            f"{one.lines} line{'' if one.lines == 1 else 's'} up to {one.to}"
        )
    for path in result.files:
        yield f"{would}handed over: {path}"
    for paid in result.paid:
        where = f"entry {paid.statement.index}" if paid.statement else "the new statement"
        said = f", logged as entry {paid.payment.index}" if paid.payment else ""
        earlier = " by an earlier run" if paid.earlier else ""
        yield (
            f"{would}paid{earlier}: {where}, {show_amount(paid.amount, paid.account.currency)} to "
            f"{_party(result, paid.account.payee)}{said}"
        )
    for left in result.left:
        where = f"entry {left.statement.index}" if left.statement else "not stated"
        if any(
            one.statement is None and (one.account, one.due) == (left.account, left.amount) for one in result.stated
        ):
            where = "the new statement, not paid"
        yield (
            f"LEFT: {where}, {show_amount(left.amount, left.account.currency)}, {other} "
            f"{_party(result, getattr(left.account, other))}: {left.reason}"
        )
    if result.is_idle:
        yield "nothing to settle"


def _party(result: Settlement, party: bytes) -> str:
    name = result.names.get(party, "")
    return short(party.hex()) + (f" {short(name)!r}" if name else "")
