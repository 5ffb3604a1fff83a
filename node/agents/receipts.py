"""The payee's agent: receipts for the money in a bank's file, each once (design section 6; docs/settlement.md).

Which statements there are and what was received on them is read from a replay of the whole log, and money is matched by
the reference that it carries (node/agents/matching.py). The log itself takes no reference twice for a statement and
nothing above what is due, so runs may be repeated, killed, or started side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ledger.postings import Account
from node.agents.agent import Agent
from node.agents.books import Books, read_books
from node.agents.incoming import BankFile, Incoming, Skipped
from node.agents.logeach import BATCH_RECORDS, log_each
from node.agents.matching import NO_REFERENCE, Matched, OpenStatement, match
from node.errors import ProblemError
from proofs.amounts import show_amount
from proofs.records import make_body
from proofs.ref import Ref

METHOD = "bank"


@dataclass(frozen=True, slots=True)
class Receipted:
    """A receipt. `receipt`: its record, None in a dry run; `incoming`: the money."""

    statement: Ref
    account: Account
    amount: int
    incoming: Incoming
    receipt: Ref | None = None

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "statement": str(self.statement), "payer": self.account.payer.hex(), "currency": self.account.currency,
            "amount": str(self.amount), "reference": self.incoming.bank_reference, "booked": self.incoming.booked,
            "receipt": None if self.receipt is None else str(self.receipt),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class NotReceipted:
    """Money, or a part of it, for which nothing was signed, and why."""

    incoming: Incoming
    amount: int
    reason: str

    def value(self) -> dict[str, Any]:
        """As JSON."""
        money = self.incoming
        return {"amount": str(self.amount), "currency": money.currency, "reference": money.bank_reference,
                "booked": money.booked, "text": money.text, "reason": self.reason}  # fmt: skip


@dataclass(slots=True)
class BankRun:
    """What came of a bank's file. `known`: money that has its receipts already; `unrelated`: that names no statement of
    the party; `unmatched`: that names one and got no receipt, or less than came; `skipped`: what the file's reader
    couldn't take."""

    log: str
    party: bytes
    size: int
    root: bytes
    dry_run: bool
    signed: list[Receipted] = field(default_factory=list)
    known: list[Incoming] = field(default_factory=list)
    unmatched: list[NotReceipted] = field(default_factory=list)
    unrelated: list[NotReceipted] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "log": self.log, "size": self.size, "root": self.root.hex(), "verified": True, "party": self.party.hex(),
            "dry_run": self.dry_run, "signed": [one.value() for one in self.signed], "known": len(self.known),
            "unmatched": [one.value() for one in self.unmatched],
            "unrelated": [one.value() for one in self.unrelated],
            "skipped": [{"where": one.where, "reason": one.reason} for one in self.skipped],
        }  # fmt: skip


def receipt_bank(agent: Agent, file: BankFile, *, dry_run: bool) -> BankRun:
    """Sign a receipt for all money in the file that pays a statement of the agent's party.

    Raises as read_books and Client.log do; whatever it raises, running it again goes on where it stopped.
    """
    books = read_books(agent)
    books.check_may_sign("receipt")
    run = BankRun(agent.client.origin, books.party, books.size, books.checkpoint.root, dry_run)
    run.skipped = list(file.skipped)
    statements = _statements(books)
    known = {reference for statement in statements for reference in statement.receipts}
    matches = match(file.incoming, statements)
    for one in matches.unmatched:
        money = one.incoming
        if one.reason == NO_REFERENCE:
            run.unrelated.append(NotReceipted(money, money.amount_nanos, one.reason))
        elif money.bank_reference in known:
            run.known.append(money)
        else:
            run.unmatched.append(NotReceipted(money, money.amount_nanos, one.reason))
    for matched in matches.matched:
        if matched.excess_nanos:
            open_text = show_amount(matched.amount_nanos, matched.statement.currency)
            reason = f"beyond what was open on entry {matched.statement.statement.index}, {open_text}"
            run.unmatched.append(NotReceipted(matched.incoming, matched.excess_nanos, reason))
    if dry_run:
        run.signed = [_receipted(one) for one in matches.matched]
    else:
        _sign(agent, matches.matched, run)
    return run


def _statements(books: Books) -> list[OpenStatement]:
    return [
        OpenStatement(one.ref, one.account.payer, one.account.payee, one.account.currency, one.due, one.received,
                      one.receipts)
        for one in books.statements.values() if one.account.payee == books.party
    ]  # fmt: skip


def _receipted(matched: Matched) -> Receipted:
    statement = matched.statement
    account = Account(statement.payer, statement.payee, statement.currency)
    return Receipted(statement.statement, account, matched.amount_nanos, matched.incoming)


def _sign(agent: Agent, matched: Sequence[Matched], run: BankRun) -> None:
    now = agent.now_ms()
    rows = [_receipted(one) for one in matched]
    bodies = [
        make_body({"kind": "receipt", "at": now, "statement": row.statement.pack(), "amount": row.amount,
                   "method": METHOD, "reference": row.incoming.bank_reference})
        for row in rows
    ]  # fmt: skip
    with agent.show("signing", "receipts", len(bodies)) as update:
        for done, results in enumerate(log_each(agent.client, agent.key, bodies), start=1):
            for at, outcome in results:
                _note(run, rows[at], outcome)
            update(min(len(bodies), done * BATCH_RECORDS))
            agent.reached("receipted")


def _note(run: BankRun, row: Receipted, outcome: Ref | ProblemError) -> None:
    if isinstance(outcome, Ref):
        run.signed.append(replace(row, receipt=outcome))
    elif outcome.field == "reference":  # another run was faster
        run.known.append(row.incoming)
    else:
        run.unmatched.append(NotReceipted(row.incoming, row.amount, f"the log refuses it: {outcome.detail}"))
