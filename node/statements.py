"""Statements checked before they are queued (design section 6): on a snapshot, off the writer's path.

What an account comes to below a leaf never changes, so it is added up here, by a reading thread, and the writer only
compares. A wrong statement counts against its sender: whoever sends many is answered 429 without anything being added
up (node/admission.py). A stale one doesn't count: the other side was faster.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from ledger.accounts import (
    STATEMENT_STEPS,
    AccountRow,
    Figures,
    account_row,
    check_statement,
    compare_statement,
    figures_at,
)
from ledger.append import Prepared
from ledger.context import STEPS_MAX, Body
from ledger.errors import Refusal
from ledger.postings import Account
from ledger.reader import Reader
from ledger.state import State
from node.admission import Gate
from node.quotas import Kind

FIGURES_MAX = 4096
STATEMENTS_MAX = STEPS_MAX // STATEMENT_STEPS
"""Statements that one batch can hold; at the next, the writer refuses it for what it costs."""

Answer = Figures | Refusal


class StatementGuard:
    """Owner: its lock; used by reading threads. `gate` counts the wrong ones."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._lock = threading.Lock()
        self._figures: OrderedDict[tuple[bytes, int], Figures] = OrderedDict()

    def prepare(self, prepared: Prepared, reader: Reader) -> Prepared:
        """The batch with what its statements ought to say, as published up to now; as it is where it holds none."""
        at = [position for position, body in enumerate(prepared.bodies) if body["kind"] == "statement"]
        if not at or prepared.fields is not None or prepared.head is not None:
            return prepared
        state = State(reader.tree.view)
        row = state.key(prepared.batch.key)
        party = prepared.batch.key if row is None else row.party
        answers: dict[int, Answer] = {}
        stated: dict[Account, AccountRow] = {}
        refused = self._gate.over(party, Kind.STATEMENTS, 1)
        for position in at[:STATEMENTS_MAX]:
            # After the first that is wrong nothing is taken, so nothing is added up either.
            answers[position] = refused or self._judge(
                state, prepared.bodies[position], stated, party=party, size=reader.size
            )
            answer = answers[position]
            if isinstance(answer, Refusal):
                refused = answer
        return replace(prepared, figures=answers)

    def _judge(
        self, state: State, body: Body, stated: dict[Account, AccountRow], *, party: bytes, size: int
    ) -> Answer:  # fmt: skip
        """`stated`: what earlier statements of the batch leave of their accounts."""
        account, to = Account(body["payer"], body["payee"], body["currency"]), body["to"]
        row = account_row(state, account)
        try:
            check_statement(row, account, party=party, to=to, size=size)
        except Refusal as refusal:
            return refusal
        figures = self._figures_at(state, account, to)
        row = stated.get(account, row)
        try:
            compare_statement(body, account, row, figures)
        except Refusal:
            self._gate.quotas.spend(party, Kind.STATEMENTS, 1)
        stated[account] = replace(
            row, to=to, lines=figures.lines, credit_lines=figures.credit_lines, billed=row.billed + body["due"]
        )
        # The writer compares once more: what was billed may have changed by then.
        return figures

    def _figures_at(self, state: State, account: Account, to: int) -> Figures:
        key = (account.key, to)
        with self._lock:
            known = self._figures.get(key)
        if known is None:
            known = figures_at(state, account, to)
            with self._lock:
                self._figures[key] = known
                if len(self._figures) > FIGURES_MAX:
                    self._figures.popitem(last=False)
        return known
