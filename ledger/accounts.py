"""Accounts, statements, payments and receipts (design section 6).

An account is (payer, payee, currency): a list of lines and a list of credits, each with its sum tree. A statement is to
an account what a checkpoint is to a log: it covers everything below leaf `to` since the beginning, so nothing can be
left out or counted twice, and what rounding leaves is carried by itself.

What an account holds below a leaf never changes once the log has passed it, so `figures_at` may be asked on a snapshot
before a statement is queued; what earlier statements billed may change until it is taken, and is looked up then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ledger import keys
from ledger.context import Body, Context
from ledger.errors import STALE, Refusal, RuleRefusal
from ledger.events import note_event
from ledger.postings import LINES, Account, account_of, free_rides
from ledger.state import LOGGED, State
from ledger.sumlist import SumTree
from proofs import codec, sumtree
from proofs.codec import INT_MAX
from proofs.currencies import round_down

DUE_MAX = INT_MAX
STATEMENT_STEPS = 512
"""See Context.spend: the tails of two trees are hashed, at most 255 entries a level, where nobody did so before."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What an account comes to below a leaf: facts that later entries can't change. Sums in nanos."""

    lines: int
    gross: int
    root: bytes
    credit_lines: int
    credits: int
    credit_root: bytes
    unpriced: int
    unlicensed: int


@dataclass(frozen=True, slots=True)
class AccountRow:
    """What was stated of an account. `statement`: index of the newest; `to`, `lines`, `credit_lines`: as it says;
    `billed`: the sum of all dues; `received`: of all receipts."""

    statement: int
    to: int
    lines: int
    credit_lines: int
    billed: int
    received: int

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack(
            [self.statement, self.to, self.lines, self.credit_lines, _sum(self.billed), _sum(self.received)]
        )


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A statement in the log. `previous`: index of the one before of its account, 0 without one; `billed`: what those
    before came to; `received`: the sum of its receipts."""

    account: Account
    to: int
    due: int
    billed: int
    received: int
    previous: int

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.account.key, self.to, self.due, _sum(self.billed), self.received, self.previous])

    @property
    def open(self) -> int:
        """What is not acknowledged yet."""
        return self.due - self.received


NOTHING_STATED = AccountRow(0, 0, 0, 0, 0, 0)


def _sum(value: int) -> bytes:
    return value.to_bytes(sumtree.SUM_BYTES, "big")


def account_row(state: State, account: Account) -> AccountRow:
    """What was stated of an account so far."""
    data = state.view.get(keys.ACCOUNT + account.key)
    if data is None:
        return NOTHING_STATED
    statement, to, lines, credit_lines, billed, received = codec.unpack(data, field="row")
    return AccountRow(
        statement, to, lines, credit_lines, int.from_bytes(billed, "big"), int.from_bytes(received, "big")
    )


def statement_row(state: State, index: int) -> StatementRow | None:
    """The statement at this leaf."""
    data = state.view.get(keys.STATEMENT + keys.number(index))
    if data is None:
        return None
    key, to, due, billed, received, previous = codec.unpack(data, field="row")
    return StatementRow(account_of(key), to, due, int.from_bytes(billed, "big"), received, previous)


def covering_statement(state: State, account: Account, index: int) -> int | None:
    """Index of the first statement that covers the account's line at leaf `index`."""
    prefix = keys.STATED + account.key
    rows = state.view.scan(prefix + keys.number(index + 1), keys.after(prefix))
    found = next(iter(rows), None)
    return None if found is None else int.from_bytes(found[1], "big")


def accounts_of(state: State, party: bytes | None = None) -> Iterator[Account]:
    """Every account, or those of a party, first where it pays, then where it is paid."""
    prefix = keys.LIST_HEAD + LINES + (party or b"")
    for key, _ in state.view.scan(prefix, keys.after(prefix)):
        yield account_of(key[2:])
    if party is not None:
        prefix = keys.PAYEE + party
        for key, _ in state.view.scan(prefix, keys.after(prefix)):
            yield Account(key[33:65], key[1:33], key[65:-1].decode())


def figures_at(state: State, account: Account, to: int) -> Figures:
    """What the account comes to below leaf `to`, which the log has reached. Costs the lists' tails."""
    lines = SumTree(state.view, account.lines, to)
    credits = SumTree(state.view, account.credits, to)
    unpriced, unlicensed = free_rides(state, account, to)
    return Figures(
        lines=lines.extent.count,
        gross=lines.extent.total,
        root=lines.root()[:32],
        credit_lines=credits.extent.count,
        credits=credits.extent.total,
        credit_root=credits.root()[:32],
        unpriced=unpriced,
        unlicensed=unlicensed,
    )


def due_of(figures: Figures, *, billed: int, currency: str) -> int:
    """What is due on top of what was billed, in nanos: never below 0, rounded down to the currency's minor unit."""
    return round_down(max(0, figures.gross - figures.credits - billed), currency)


def statement_fields(account: Account, figures: Figures, *, to: int, billed: int) -> dict[str, Any]:
    """The fields of the statement of an account at `to` (but kind and at). `due` may pass what a statement can say."""
    return {
        "payer": account.payer,
        "payee": account.payee,
        "currency": account.currency,
        "to": to,
        "lines": figures.lines,
        "gross": _sum(figures.gross),
        "root": figures.root,
        "credit_lines": figures.credit_lines,
        "credits": _sum(figures.credits),
        "credit_root": figures.credit_root,
        "billed": _sum(billed),
        "due": due_of(figures, billed=billed, currency=account.currency),
        "unpriced": figures.unpriced,
        "unlicensed": figures.unlicensed,
    }


def statement(state: State, context: Context, body: Body) -> str:
    """Payer or payee state what the account comes to below `to`: each figure exact."""
    account = Account(body["payer"], body["payee"], body["currency"])
    to = body["to"]
    row = account_row(state, account)
    check_statement(row, account, party=context.party, to=to, size=context.index)
    figures = context.figures.get(context.position)
    if isinstance(figures, Refusal):
        raise figures
    context.spend(STATEMENT_STEPS, "to")
    # Also where the figures are at hand: what a batch has cost must not hang on that.
    context.postings.flush(state.overlay)
    if figures is None:
        figures = figures_at(state, account, to)
    compare_statement(body, account, row, figures)
    due = body["due"]
    billed = row.billed + due
    overlay = state.overlay
    made = StatementRow(account, to, due, row.billed, 0, row.statement)
    overlay.put(keys.STATEMENT + keys.number(context.index), made.pack())
    overlay.put(keys.STATED + account.key + keys.number(to), keys.number(context.index))
    after = AccountRow(context.index, to, figures.lines, figures.credit_lines, billed, row.received)
    overlay.put(keys.ACCOUNT + account.key, after.pack())
    return LOGGED


def check_statement(row: AccountRow, account: Account, *, party: bytes, to: int, size: int) -> None:
    """What can be said of a statement before anything is added up. `size`: the log's, at most the statement's own leaf.

    Raises Refusal: a stranger's, a past `to` (409 with the newest statement), one not reached yet.
    """
    if party not in (account.payer, account.payee):
        raise RuleRefusal("a statement by a stranger", field="payer", expected="the signer's party as payer or payee")
    if row.statement and to <= row.to:
        raise Refusal(
            f"entry {row.statement} states this account up to {row.to} already", status=409, type=STALE, field="to",
            expected=f"above {row.to}", extra={"statement": row.statement},
        )  # fmt: skip
    if to > size:
        raise RuleRefusal("a `to` that the log has not reached", field="to", expected=f"at most {size}")


def compare_statement(body: Body, account: Account, row: AccountRow, figures: Figures) -> None:
    """Hold a statement against the account. Raises RuleRefusal with the right figures."""
    if figures.lines == row.lines and figures.credit_lines == row.credit_lines:
        raise RuleRefusal("nothing new to state", field="to", expected="a new line or credit below `to`")
    right = statement_fields(account, figures, to=body["to"], billed=row.billed)
    if right["due"] > DUE_MAX:
        raise RuleRefusal(
            "more is due than one statement can say", field="to", expected="a lower `to`", extra={"figures": right}
        )
    for field, value in right.items():
        if body[field] != value:
            raise RuleRefusal(
                f"{field} is not what the log says", field=field, expected=_show(value), extra={"figures": right}
            )
    if not right["due"]:
        raise RuleRefusal("nothing is due", field="due", expected="above 0: at least one minor unit of the currency")


def _show(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) == 32 else str(int.from_bytes(value, "big"))
    return str(value)


def _statement_for(state: State, context: Context, body: Body) -> tuple[int, StatementRow]:
    expected = "a reference to a statement"
    index = context.check_ref(body["statement"], "statement", expected)
    row = statement_row(state, index)
    if row is None:
        raise RuleRefusal("not a statement", field="statement", expected=expected)
    return index, row


def payment(state: State, context: Context, body: Body) -> str:
    """The payer says that money was sent."""
    index, row = _statement_for(state, context, body)
    if context.party != row.account.payer:
        raise RuleRefusal("a payment by another party", field="statement", expected="a statement that the signer owes")
    note_event(state, index, context.index, "payment")
    return LOGGED


def receipt(state: State, context: Context, body: Body) -> str:
    """The payee says that money came."""
    index, row = _statement_for(state, context, body)
    if context.party != row.account.payee:
        raise RuleRefusal("a receipt by another party", field="statement", expected="a statement that pays the signer")
    key = keys.RECEIPT + keys.number(index) + keys.text(body["reference"])
    known = state.view.get(key)
    if known is not None:
        raise RuleRefusal(
            f"this money was acknowledged already, by entry {int.from_bytes(known, 'big')}", field="reference",
            expected="a reference not used for this statement before",
        )  # fmt: skip
    amount = body["amount"]
    if amount > row.open:
        raise RuleRefusal("more than is due", field="amount", expected=f"at most {row.open}")
    account = account_row(state, row.account)
    put = state.overlay.put
    put(key, keys.number(context.index))
    put(keys.STATEMENT + keys.number(index), replace(row, received=row.received + amount).pack())
    put(keys.ACCOUNT + row.account.key, replace(account, received=account.received + amount).pack())
    note_event(state, index, context.index, "receipt")
    return LOGGED
