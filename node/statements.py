"""Statements checked before they are queued (design section 6): on a snapshot, off the writer's path.

What an account comes to below a leaf never changes, so it is added up here, by a reading thread, and the writer only
compares. A wrong statement counts against its sender: whoever sends many is answered 429 without anything being added
up. A stale one doesn't count: the other side was faster.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
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
from ledger.errors import QUOTA, Refusal
from ledger.postings import Account
from ledger.reader import Reader
from ledger.state import State

FIGURES_MAX = 4096
STATEMENTS_MAX = STEPS_MAX // STATEMENT_STEPS
"""Statements that one batch can hold; at the next, the writer refuses it for what it costs."""
PARTIES_MAX = 10_000
WRONG_BURST = 20
WRONG_PER_S = 2.0

Answer = Figures | Refusal


class StatementGuard:
    """Owner: its lock; used by reading threads. `clock()`: seconds, never backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._figures: OrderedDict[tuple[bytes, int], Figures] = OrderedDict()
        # By party: wrong statements so far, less what was forgiven, and when that was brought up to date.
        self._wrong: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

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
        refused: Refusal | None = self._over_quota(party)
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
            self._count(party)
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

    def _over_quota(self, party: bytes) -> Refusal | None:
        with self._lock:
            count = self._count_now(party)
        if count < WRONG_BURST:
            return None
        return Refusal(
            "too many wrong statements", status=429, type=QUOTA, field="statement",
            expected=f"at most {WRONG_PER_S:g} wrong ones a second; read the draft first",
            extra={"retry_after_s": 1},
        )  # fmt: skip

    def _count_now(self, party: bytes) -> float:
        count, since = self._wrong.get(party, (0.0, 0.0))
        return max(0.0, count - (self._clock() - since) * WRONG_PER_S)

    def _count(self, party: bytes) -> None:
        with self._lock:
            self._wrong[party] = (self._count_now(party) + 1, self._clock())
            self._wrong.move_to_end(party)
            if len(self._wrong) > PARTIES_MAX:
                self._wrong.popitem(last=False)
