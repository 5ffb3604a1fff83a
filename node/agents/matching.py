"""Which money pays which statement: by the reference that the payment carries (design section 6).

A statement never gets more than what is open on it, and the same money never counts twice: the bank's reference of each
receipt is known. Whatever isn't clear is left to a person, with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from node.agents.amounts import UNIT_NANOS
from node.agents.incoming import Incoming
from node.agents.payments import REFERENCE_CHARS, reference_of
from proofs.errors import InputError
from proofs.ref import Ref

# Banks break texts into lines and put spaces and marks between; a reference is letters and digits only.
_BETWEEN = re.compile(r"[^A-Z0-9]+")
NO_REFERENCE = "no statement's reference in it"
"""Why most money of a bank's file gets no receipt: it has nothing to do with the log."""
ROUNDS_MAX = 16
"""How often money for several statements is looked at again."""


@dataclass(frozen=True, slots=True)
class OpenStatement:
    """A statement that is to be paid. `received_nanos`: by receipts so far; `receipts`: nanos by the bank reference of
    each receipt. Settled statements belong here as well, so that money which comes twice is told from new money."""

    statement: Ref
    payer: bytes
    payee: bytes
    currency: str
    due_nanos: int
    received_nanos: int
    receipts: Mapping[str, int] = field(default_factory=dict)

    @property
    def open_nanos(self) -> int:
        """What is still to come."""
        return self.due_nanos - self.received_nanos


@dataclass(frozen=True, slots=True)
class Matched:
    """A receipt to sign. `excess_nanos`: what came beyond, and belongs to no statement."""

    statement: OpenStatement
    amount_nanos: int
    incoming: Incoming
    excess_nanos: int


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Money for which no receipt is to be signed, and why."""

    incoming: Incoming
    reason: str


@dataclass(frozen=True, slots=True)
class Matches:
    """All money of a file: each stands in one of the lists, or several times in `matched` if it pays several."""

    matched: tuple[Matched, ...]
    unmatched: tuple[Unmatched, ...]


def match(incoming: Iterable[Incoming], statements: Iterable[OpenStatement]) -> Matches:
    """Match money to statements, in the sequence of `incoming`. Pure; nothing is signed.

    Raises InputError where a statement comes twice or more was received on it than is due.
    """
    return _Matcher(statements).run(incoming)


class _Unclear(str):
    """A reason that other money may take away."""


class _Matcher:
    def __init__(self, statements: Iterable[OpenStatement]) -> None:
        self._by_reference: dict[str, OpenStatement] = {}
        self._open: dict[str, int] = {}
        self._receipted: Counter[str] = Counter()  # nanos by bank reference, over all statements
        self._seen: set[str] = set()
        for statement in statements:
            reference = reference_of(statement.statement.leaf)
            if reference in self._by_reference or statement.open_nanos < 0:
                raise InputError(f"the statement {statement.statement} is there twice or overpaid", field="statements")
            self._by_reference[reference] = statement
            self._open[reference] = statement.open_nanos
            self._receipted.update(statement.receipts)

    def run(self, incoming: Iterable[Incoming]) -> Matches:
        credits = list(incoming)
        verdicts: list[list[Matched] | str] = []
        for money in credits:
            if money.bank_reference in self._seen:
                verdicts.append("the bank's reference stands twice in the file")
                continue
            self._seen.add(money.bank_reference)
            verdicts.append(self._judge(money))
        self._judge_again(credits, verdicts)
        matched: list[Matched] = []
        unmatched: list[Unmatched] = []
        for money, verdict in zip(credits, verdicts, strict=True):
            if isinstance(verdict, str):
                unmatched.append(Unmatched(money, verdict))
            else:
                matched += verdict
        return Matches(tuple(matched), tuple(unmatched))

    def _judge_again(self, credits: list[Incoming], verdicts: list[list[Matched] | str]) -> None:
        """Money for several statements may fit once later money has paid a part of them. Without this, it would fit
        only when the same file is read again."""
        for _ in range(ROUNDS_MAX):
            unclear = [at for at, verdict in enumerate(verdicts) if isinstance(verdict, _Unclear)]
            for at in unclear:
                verdicts[at] = self._judge(credits[at])
            if all(isinstance(verdicts[at], _Unclear) for at in unclear):
                return

    def _judge(self, money: Incoming) -> list[Matched] | str:
        """The receipts, or the reason why there are none."""
        named = list(dict.fromkeys(self._named(money)))
        if not named:
            return NO_REFERENCE
        fresh = [name for name in named if money.bank_reference not in self._by_reference[name].receipts]
        if not fresh:
            return "receipted already"
        if any(self._by_reference[name].currency != money.currency for name in fresh):
            return f"it came in {money.currency}, the statement is in {self._by_reference[fresh[0]].currency}"
        left = money.amount_nanos - self._receipted[money.bank_reference]
        if left <= 0:
            return "receipted already, for other statements"
        unpaid = [name for name in fresh if self._open[name]]
        if not unpaid:
            return "the statement that it names is settled already"
        if len(named) == 1:
            return [self._take(unpaid[0], money, min(left, self._open[unpaid[0]]), left)]
        total = sum(self._open[name] for name in unpaid)
        if total != left:
            told = f"{_show(total)} {money.currency} are open, {_show(left)} came"
            return _Unclear(f"it names {len(unpaid)} statements, of which {told}")
        return [self._take(name, money, self._open[name], self._open[name]) for name in unpaid]

    def _take(self, name: str, money: Incoming, amount: int, left: int) -> Matched:
        self._open[name] -= amount
        return Matched(self._by_reference[name], amount, money, left - amount)

    def _named(self, money: Incoming) -> Iterator[str]:
        """References of known statements in it, however a bank has cut the text, in their sequence there."""
        for text in (*money.references, money.text):
            plain = _BETWEEN.sub("", text.upper())
            for at in range(len(plain) - REFERENCE_CHARS + 1):
                if plain[at : at + REFERENCE_CHARS] in self._by_reference:
                    yield plain[at : at + REFERENCE_CHARS]


def _show(nanos: int) -> str:
    return f"{nanos // UNIT_NANOS}.{nanos % UNIT_NANOS:09d}".rstrip("0").rstrip(".")
