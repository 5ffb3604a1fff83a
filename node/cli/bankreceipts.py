"""`usance receipt --bank FILE`: receipts for the money in a bank's file (docs/settlement.md)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from node.agents.agent import Agent
from node.agents.bank import load_bank_file
from node.agents.receipts import BankRun, NotReceipted, receipt_bank
from node.cli.common import open_agent
from node.cli.outcome import INCOMPLETE, OK
from node.cli.text import emit, short, table
from proofs.amounts import show_amount

LISTED_MAX = 20


def run_bank(args: argparse.Namespace) -> int:
    """Exit 3 where money that names a statement of this party got no receipt, or less than came."""
    file = load_bank_file(args.bank)
    agent: Agent = open_agent(args)
    run = receipt_bank(agent, file, dry_run=args.dry_run)
    emit(run.value(), as_json=args.json, lines=_lines(run))
    return INCOMPLETE if run.unmatched or run.skipped else OK


def _lines(run: BankRun) -> Iterator[str]:
    yield f"{run.log}: replayed up to {run.size}, root {run.root.hex()}"
    verb = "would be signed" if run.dry_run else "signed"
    if run.signed:
        yield f"receipts {verb}: {len(run.signed)}"
        cells = [("receipt", "statement", "amount", "bank's reference", "booked")]
        cells += [
            (str(one.receipt.index) if one.receipt else "", str(one.statement.index),
             show_amount(one.amount, one.account.currency), short(one.incoming.bank_reference), one.incoming.booked)
            for one in run.signed
        ]  # fmt: skip
        yield from (f"  {line}" for line in table(cells))
    else:
        yield "no new receipts"
    if run.known:
        yield f"receipted before: {len(run.known)}"
    yield from _left("no receipt, to be looked at", run.unmatched)
    if run.skipped:
        yield f"not readable as money that came: {len(run.skipped)}"
        yield from (f"  {one.where}: {one.reason}" for one in run.skipped[:LISTED_MAX])
        yield from _more(len(run.skipped))
    yield from _left("of no statement to this party", run.unrelated)


def _left(title: str, rows: Sequence[NotReceipted]) -> Iterator[str]:
    if rows:
        yield f"{title}: {len(rows)}"
        for one in rows[:LISTED_MAX]:
            money = one.incoming
            amount = show_amount(one.amount, money.currency)
            yield f"  {amount} {money.booked} {short(money.bank_reference)}: {one.reason}"
        yield from _more(len(rows))


def _more(count: int) -> Iterator[str]:
    if count > LISTED_MAX:
        yield f"  and {count - LISTED_MAX} more; --json lists them"
