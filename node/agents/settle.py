"""The payer's agent (design section 6, "automatically settled"): state what is due, have it paid, and say so; once.

Of each account the figures are the party's own, from a replay of the whole log, and nothing is signed where the node's
differ. What comes first is durable before what comes next, and each step finds out what was done before it, so that a
run may end anywhere and be run again:

1. statements   signed and logged: the log takes none twice
2. orders       handed over through the journal (node/agents/handover.py): none twice, whatever the log says
3. payments     logged for what the journal knows and the log doesn't

A party's runs share one state folder, held by one run at a time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from ledger.accountquery import Draft
from ledger.errors import SEQUENCE, STALE
from ledger.postings import Account
from node.agents.agent import Agent
from node.agents.alone import alone
from node.agents.books import PAYEE, PAYER, Books, Stated, fields_of, party_of, read_books
from node.agents.csvpay import CsvPayments
from node.agents.drafts import Moved, compare, new_drafts, newer_statement, standing
from node.agents.handed import Handed
from node.agents.limits import Allowance, Limits
from node.agents.logeach import log_each
from node.agents.pain001 import Pain001
from node.agents.payees import Payees
from node.agents.payments import Adapter, Order, Timing
from node.agents.payrun import PayRun, hand_over, plan
from node.agents.settlement import Left, PaidNow, Settlement, StatedNow
from node.errors import FileError, ProblemError
from proofs.amounts import show_amount
from proofs.errors import InputError
from proofs.records import make_body
from proofs.ref import Ref

ROUNDS_MAX = 3
"""Replays in one run, where the other side keeps stating meanwhile."""
ADAPTERS: dict[str, Adapter] = {"csv": CsvPayments(), "pain001": Pain001()}
MORE_THAN_ONE_STATEMENT = "more is due than one statement can say: the rest comes with the next run"


@dataclass(frozen=True, slots=True)
class Paying:
    """How statements are paid. `outbox`: the folder that payment files are put into."""

    payees: Payees
    adapter: Adapter
    outbox: str
    timing: Timing


@dataclass(frozen=True, slots=True)
class Options:
    """`side`: PAYER or PAYEE, who states only; `state`: the folder that remembers what was handed over; `paying`: None
    to state only; `dry_run`: sign nothing and write nothing."""

    state: str
    side: str = PAYER
    limits: Limits = field(default_factory=Limits)
    paying: Paying | None = None
    dry_run: bool = False


def settle(agent: Agent, options: Options) -> Settlement:
    """One run. What it couldn't settle is in `left`, with the reason.

    Raises VerifyError where the node's figures aren't those of the log's entries, and what replaying, logging and
    handing over raise; RetryableError where another run holds the state folder, or the log moves too fast. Whatever it
    raises, running it again goes on where it stopped.
    """
    _check(agent, options)
    party = party_of(agent)
    result = Settlement(agent.client.origin, party, options.side, options.dry_run)
    with contextlib.ExitStack() as held:
        if not options.dry_run:
            held.enter_context(_alone(options.state, party))
            agent.reached("locked")
        for left in reversed(range(ROUNDS_MAX)):
            try:
                _Round(agent, options, result, is_last=not left).run()
                break
            except Moved:
                if not left:
                    raise
                result.left.clear()
    return result


def _check(agent: Agent, options: Options) -> None:
    """What can be known before anything is asked."""
    paying = options.paying
    if paying is None:
        return
    if options.side == PAYEE:
        raise InputError("a payee states, and pays nothing", field="--payees", expected="the payer's side")
    if not os.path.isdir(paying.outbox):
        raise FileError(
            f"{paying.outbox} is no folder", field="--out", expected=f"a folder that is there: mkdir {paying.outbox}"
        )


def _alone(state: str, party: bytes) -> contextlib.AbstractContextManager[None]:
    """Hold the party's runs with this state folder, which is made where it is missing."""
    try:
        os.makedirs(state, mode=0o700, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"can't make {state}: {error.strerror}", field="--state", expected="a writable folder"
        ) from None
    path = os.path.join(state, f"settle-{party[:8].hex()}.lock")
    return alone(path, field="--state", busy=f"another settle is under way with {state}")


class _Round:
    """One replay and what follows from it. `is_last`: no other comes after it."""

    def __init__(self, agent: Agent, options: Options, result: Settlement, *, is_last: bool) -> None:
        self.agent, self.options, self.result, self.is_last = agent, options, result, is_last
        self.client = agent.client
        self.books: Books = read_books(agent)
        agent.reached("replayed")
        result.party, result.size, result.root = self.books.party, self.books.size, self.books.checkpoint.root
        self.allowance = Allowance(options.limits)
        for order in result.handed.values():  # an earlier round's
            self.allowance.take(_account(order), order.amount_nanos)
        self.owed: dict[Account, int] = {}
        self.signed = 0  # records of this round: they raise the key's next number

    def run(self) -> None:
        """See settle."""
        books, options = self.books, self.options
        books.check_may_sign("statement", *(["payment"] if options.paying else []))
        if options.paying is not None and options.paying.payees.payer != books.party:
            raise InputError(
                f"the payees file pays for {options.paying.payees.payer.hex()}", field="debtor.party",
                expected=books.party.hex(),
            )  # fmt: skip
        drafts = self._drafts()
        self.agent.reached("compared")
        to_pay = self._unpaid() if options.side == PAYER else []
        wanted = self._admit(drafts)
        if options.dry_run:
            to_pay += [self._would_state(account, draft) for account, draft in wanted]
        else:
            to_pay += self._state(wanted)
        if options.side == PAYER:
            self._pay(to_pay)
        rows: list[StatedNow | PaidNow | Left] = [*self.result.stated, *self.result.paid, *self.result.left]
        for party in {party for row in rows for party in (row.account.payer, row.account.payee)} | {books.party}:
            self.result.names[party] = books.name(party)

    def _drafts(self) -> list[tuple[Account, Draft]]:
        """The drafts that can be signed, all of them compared with the node's."""
        found = new_drafts(self.books, self.options.side)
        with self.agent.show("comparing", "accounts", len(found)) as update:
            for done, (account, draft) in enumerate(found, start=1):
                compare(self.client, self.books, account, draft)
                update(done)
        return [(account, draft) for account, draft in found if not draft.reason]

    def _leave(self, account: Account, amount: int, statement: Ref | None, reason: str) -> None:
        self.result.left.append(Left(account, amount, statement, reason))

    # Statements

    def _admit(self, drafts: Sequence[tuple[Account, Draft]]) -> list[tuple[Account, Draft]]:
        """The drafts within the limits; the payee's side has none to keep."""
        admitted = []
        for account, draft in drafts:
            due = draft.fields["due"]
            over = self.allowance.take(account, due) if self.options.side == PAYER else ""
            if over:
                self._leave(account, due, None, over)
                continue
            admitted.append((account, draft))
            if draft.fields["to"] < self.books.size:
                self._leave(account, 0, None, MORE_THAN_ONE_STATEMENT)
        return admitted

    def _would_state(self, account: Account, draft: Draft) -> Stated:
        fields = draft.fields
        self.result.stated.append(StatedNow(account, fields["to"], fields["lines"], fields["due"], None))
        # A reference that no entry can have, for an order that is only thought of.
        return Stated(Ref(fields["to"], sha256(account.key).digest()), account, fields["to"], fields["due"], b"")

    def _state(self, drafts: Sequence[tuple[Account, Draft]]) -> list[Stated]:
        """Sign and log the statements; where the other side was faster, its statement in their place."""
        now = self.agent.now_ms()
        bodies = [make_body({**fields_of(draft), "at": now}) for _, draft in drafts]
        stated: list[Stated] = []
        with self.agent.show("stating", "statements", len(bodies)) as update:
            for results in log_each(self.client, self.agent.key, bodies):
                for at, outcome in results:
                    stated.append(self._stated(*drafts[at], outcome))
                update(len(stated))
                self.agent.reached("stated")
        return stated

    def _stated(self, account: Account, draft: Draft, outcome: Ref | ProblemError) -> Stated:
        fields = draft.fields
        if isinstance(outcome, Ref):
            self.signed += 1
            self.result.stated.append(StatedNow(account, fields["to"], fields["lines"], fields["due"], outcome))
            return Stated(outcome, account, fields["to"], fields["due"], self.books.party)
        if outcome.type == STALE:
            found = standing(self.client, self.books, account, outcome.extra.get("statement"))
            lines = self.books.draft(account, found.to).fields["lines"]
            self.result.stated.append(StatedNow(account, found.to, lines, found.due, found.ref, by_other=True))
            return found
        if newer_statement(self.client, self.books, account) is not None:
            raise Moved("an account was stated meanwhile; try again")
        raise outcome

    # Payments

    def _unpaid(self) -> list[Stated]:
        """The party's statements that are to be paid in this run, and those that were handed over but not logged."""
        books, paying = self.books, self.options.paying
        found = [
            one for one in books.statements.values() if one.account.payer == books.party and one.due and not one.paid_by
        ]
        if paying is None:
            for one in found:
                if one.received < one.due:
                    self._leave(one.account, one.due, one.ref, "stated, and not paid: no payees file is given")
            return []
        planned = self._plan([_order(one) for one in found], paying)
        handed = {one.order.statement for one in planned.earlier}
        self.owed = owed_of(books, handed)
        refused = {one.order.statement: one.reason for one in planned.refused}
        return [one for one in found if one.ref in handed or self._is_payable(one, refused.get(one.ref, ""))]

    def _is_payable(self, one: Stated, refusal: str) -> bool:
        if one.received >= one.due:
            return False
        objection = self.books.objection(one)
        if objection is not None:
            reason = (
                f"entry {objection} disputes it, which was neither withdrawn nor rejected: pay what is right by hand"
            )
        elif one.received:
            reason = "a part of it was received without a payment record: pay the rest by hand"
        elif one.due > self.owed[one.account]:
            left = show_amount(max(0, self.owed[one.account]), one.account.currency)
            reason = f"credits that it doesn't count leave {left} owed: paid when that much is, or by hand before"
        else:
            reason = refusal or self.allowance.take(one.account, one.due)
        if reason:
            self._leave(one.account, one.due, one.ref, reason)
        else:
            self.owed[one.account] -= one.due
        return not reason

    def _plan(self, orders: Sequence[Order], paying: Paying) -> PayRun:
        return plan(
            orders, adapter=paying.adapter, payees=paying.payees, timing=paying.timing, state=self.options.state
        )

    def _pay(self, statements: Sequence[Stated]) -> None:
        paying = self.options.paying
        if paying is None:
            for one in statements:
                if not self.options.dry_run:
                    self._leave(one.account, one.due, one.ref, "stated, and not paid: no payees file is given")
            return
        orders = [_order(one) for one in statements]
        if self.options.dry_run:
            run = self._plan(orders, paying)
            self.result.files += [file.name for file in run.files]
        else:
            run = hand_over(
                orders, adapter=paying.adapter, payees=paying.payees, timing=paying.timing, state=self.options.state,
                outbox=paying.outbox,
            )  # fmt: skip
            self.result.files += [run.recovered.path] if run.recovered else []
            self.result.files += [os.path.join(paying.outbox, file.name) for file in run.files]
            self.result.handed |= {order.reference: order for file in run.files for order in file.orders}
            self.agent.reached("handed")
        thought_of = {one.ref for one in statements if not one.signer}
        for refused in run.refused:
            order = refused.order
            self._leave(_account(order), order.amount_nanos, None if order.statement in thought_of else order.statement,
                        refused.reason)  # fmt: skip
        paid = [replace(one, earlier=one.earlier and one.reference not in self.result.handed)
                for one in _paid(run, paying.adapter)]  # fmt: skip
        self._log_payments(paid, thought_of)

    def _log_payments(self, paid: Sequence[PaidNow], thought_of: set[Ref]) -> None:
        """Say on the log what was handed over."""
        if self.options.dry_run:
            self.result.paid += [
                replace(one, statement=None, reference="") if one.statement in thought_of else one for one in paid
            ]
            return
        now = self.agent.now_ms()
        bodies = [
            make_body({"kind": "payment", "at": now, "statement": one.statement.pack(), "amount": one.amount,
                       "method": one.method, "reference": one.reference})
            for one in paid if one.statement is not None
        ]  # fmt: skip
        # The log takes a payment record as often as it comes. One of a killed run may still be on its way, so ours get
        # the number that the books know: only one of the two can have it. In the last round it is long there, and the
        # key must be one that other programs log with: then any number will do.
        number = None if self.is_last else self.books.key.next + self.signed
        try:
            with self.agent.show("logging", "payments", len(bodies)) as update:
                for results in log_each(self.client, self.agent.key, bodies, number=number):
                    for at, outcome in results:
                        self._logged(paid[at], outcome)
                    update(len(self.result.paid))
                    self.agent.reached("paid")
        except ProblemError as error:
            if error.type != SEQUENCE or self.is_last:
                raise
            raise Moved("the key has signed something else meanwhile; try again") from None

    def _logged(self, one: PaidNow, outcome: Ref | ProblemError) -> None:
        if isinstance(outcome, Ref):
            self.result.paid.append(replace(one, payment=outcome))
        else:
            reason = f"handed over, but the log refuses to say so: {outcome.detail}"
            self._leave(one.account, one.amount, one.statement, reason)


def owed_of(books: Books, handed: Container[Ref]) -> dict[Account, int]:
    """What the accounts that the party has statements of come to now, less what it has paid: lines less credits, less
    the dues of statements that it paid or handed over, less other money that was received; nanos, perhaps negative.

    A statement is exact at its `to`, which whoever states it chooses: also one below a credit that was accepted before.
    """
    found: dict[Account, int] = {}
    for one in books.statements.values():
        account = one.account
        if account not in found:
            found[account] = books.accrued(account)
        found[account] -= one.due if one.paid_by or one.ref in handed else one.received
    return found


def _order(one: Stated) -> Order:
    return Order(one.ref, one.account.payer, one.account.payee, one.account.currency, one.due)


def _account(order: Order) -> Account:
    return Account(order.payer, order.payee, order.currency)


def _paid(run: PayRun, adapter: Adapter) -> list[PaidNow]:
    """What was handed over, by this run and by earlier ones, in the statements' order."""
    found = [(order, adapter.name, False) for file in run.files for order in file.orders]
    found += [(one.order, _method(one, adapter), True) for one in run.earlier]
    return [
        PaidNow(order.statement, _account(order), order.amount_nanos, order.reference, method, None, earlier)
        for order, method, earlier in sorted(found, key=lambda item: item[0].statement.index)
    ]


def _method(handed: Handed, adapter: Adapter) -> str:
    """The adapter that made a file, by its name; the present one where no other fits."""
    names = [name for name, known in ADAPTERS.items() if handed.file.endswith(known.suffix)]
    return names[0] if len(names) == 1 else adapter.name
