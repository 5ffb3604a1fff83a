"""From what a payee gets to the money: line, statement, receipts, credits (design sections 5 to 7).

A line stands in the sum tree of the first statement that covers it, whose count, total and root the statement gives.
The statement before it shows what had been billed, and that it didn't cover the line already. All of it is recomputed
from entries inside the file; each function raises VerifyError where something doesn't fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from proofs import sumtree
from proofs.currencies import minor_unit_nanos, round_down
from proofs.errors import VerifyError
from proofs.evidence import Account, ShownLine
from proofs.evidencelog import Entries, Logged
from proofs.merkle import EMPTY_ROOT
from proofs.pricing import OBSERVED
from proofs.ref import Ref


@dataclass(frozen=True, slots=True)
class Stated:
    """A line in its statement. `signer`: the payer or the payee; `previous`: the statement before it of the account;
    `received`: nanos that the payee acknowledged so far, of `due`."""

    line: ShownLine
    statement: Logged
    signer: bytes
    previous: Logged | None
    payments: tuple[Logged, ...]
    receipts: tuple[Logged, ...]
    due: int
    received: int

    @property
    def is_settled(self) -> bool:
        """Whether the receipts add up to what is due."""
        return self.received == self.due


@dataclass(frozen=True, slots=True)
class Credit:
    """What a payee's acceptance of a correction gave back, in nanos, after those before it in the file."""

    correction: Logged
    accept: Logged
    payee: bytes
    amount: int


def check_line(entries: Entries, usage: Logged, *, account: Account, amount: int, line: ShownLine) -> Stated:
    """Check that the usage's line in this account, of this recomputed amount (nanos), stands in the first statement
    that covers it. Answers what was paid and acknowledged of that. Raises VerifyError."""
    if line.account != account:
        raise VerifyError("a line of another account", field="lines", expected=_words(account))
    if line.amount != amount:
        raise VerifyError(
            f"the line says {line.amount} nanos", field="lines", expected=f"{amount} nanos, as recomputed"
        )
    statement = entries.at(line.statement, "statement", what="statement")
    signer = _check_statement(entries, statement, account)
    body = statement.body
    if usage.index >= body["to"]:
        raise VerifyError(
            f"the statement at entry {statement.index} covers what stands below {body['to']}", field="to",
            expected=f"above {usage.index}",
        )  # fmt: skip
    sumtree.check_line(
        index=usage.index, amount=amount, position=line.position, lines=body["lines"], total=_sum(body["gross"]),
        root=body["root"], path=line.path,
    )  # fmt: skip
    previous = _previous(entries, statement, account)
    if previous is not None and not (previous.body["to"] <= usage.index and previous.body["lines"] <= line.position):
        raise VerifyError(
            f"the statement at entry {previous.index}, before it, covers the line already", field="statement",
            expected="the first statement that covers the line",
        )  # fmt: skip
    payments = _about(entries, "payment", statement, party=account.payer)
    receipts = _about(entries, "receipt", statement, party=account.payee)
    received = sum(receipt.body["amount"] for receipt in receipts)
    if received > body["due"] or len({receipt.body["reference"] for receipt in receipts}) < len(receipts):
        raise VerifyError(
            "receipts of more than is due, or one money acknowledged twice", field="receipt",
            expected=f"at most {body['due']} nanos together, each with a reference of its own",
        )  # fmt: skip
    return Stated(line, statement, signer, previous, payments, receipts, body["due"], received)


def _words(account: Account) -> str:
    return f"payer {account.payer.hex()}, payee {account.payee.hex()}, {account.currency}"


def _sum(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _account(statement: Logged) -> Account:
    body = statement.body
    return Account(body["payer"], body["payee"], body["currency"])


def _check_statement(entries: Entries, statement: Logged, account: Account) -> bytes:
    """A statement of the account, by one of its two sides, whose own figures fit; answers who signed it."""
    body = statement.body
    if _account(statement) != account:
        raise VerifyError(
            f"the statement at entry {statement.index} is of another account", field="statement",
            expected=_words(account),
        )  # fmt: skip
    signer = entries.party_of(statement)
    if signer not in account[:2]:
        raise VerifyError(f"the statement at entry {statement.index} is by a stranger", expected="its payer or payee")
    gross, credits, billed, due = _sum(body["gross"]), _sum(body["credits"]), _sum(body["billed"]), body["due"]
    right = round_down(max(0, gross - credits - billed), account.currency)
    if due != right or not due:
        raise VerifyError(
            f"the statement at entry {statement.index} says {due} nanos due", field="due",
            expected=f"{right}: gross less credits less billed, rounded down to {minor_unit_nanos(account.currency)}",
        )  # fmt: skip
    if body["to"] > statement.index or body["lines"] > body["to"] or body["credit_lines"] > body["to"]:
        raise VerifyError(f"the statement at entry {statement.index} states what wasn't there yet", field="to")
    for count, total, root in (("lines", gross, "root"), ("credit_lines", credits, "credit_root")):
        if not (body[count] <= total and (body[count] > 0) == (total > 0) == (body[root] != EMPTY_ROOT)):
            raise VerifyError(
                f"the statement at entry {statement.index} has a count without its sum or root", field=count,
                expected="amounts above 0, or the empty tree",
            )  # fmt: skip
    return signer


def _previous(entries: Entries, statement: Logged, account: Account) -> Logged | None:
    """The account's statement before this one: in the file wherever there is one, for its `billed` and `to`."""
    before = [
        one for one in entries.of_kind("statement")
        if one.index < statement.index and _account(one) == account
    ]  # fmt: skip
    billed = _sum(statement.body["billed"])
    if not before:
        if billed:
            raise VerifyError(
                f"the statement at entry {statement.index} says that {billed} nanos were billed before, and the "
                "statement before it is not in the file", field="billed",
            )  # fmt: skip
        return None
    previous, later = before[-1], statement.body
    _check_statement(entries, previous, account)
    entries.use(previous)
    body = previous.body
    if billed != _sum(body["billed"]) + body["due"]:
        raise VerifyError(
            f"the statement at entry {statement.index} says {billed} nanos billed", field="billed",
            expected=f"{_sum(body['billed']) + body['due']}: what the one at entry {previous.index} billed and has due",
        )  # fmt: skip
    for name in ("to", "lines", "credit_lines", "gross", "credits"):  # sums of one length order as bytes do
        if later[name] < body[name] or (name == "to" and later[name] == body[name]):
            raise VerifyError(
                f"{name} of the statement at entry {statement.index} falls behind the one at entry {previous.index}",
                field=name,
            )  # fmt: skip
    return previous


def _about(entries: Entries, kind: str, statement: Logged, *, party: bytes) -> tuple[Logged, ...]:
    """The payments or receipts of a statement in the file, each by the side whose word it is."""
    raw = statement.ref.pack()
    found = tuple(one for one in entries.of_kind(kind) if one.body["statement"] == raw)
    for one in found:
        if entries.party_of(entries.use(one)) != party:
            raise VerifyError(f"the {kind} at entry {one.index} is by another party", expected=party.hex())
        if one.index <= statement.index:
            raise VerifyError(f"the {kind} at entry {one.index} stands before its statement", field=kind)
    return found


def check_corrections(entries: Entries, usage: Logged, *, party: bytes, status: str) -> list[Logged]:
    """The corrections of the usage in the file, ascending: by its party, each lower than the one before."""
    found = [one for one in entries.of_kind("correction") if one.body["usage"] == usage.ref.pack()]
    before: Mapping[str, int] = usage.body["quantities"]
    for one in found:
        if one.index <= usage.index or entries.party_of(entries.use(one)) != party or status == OBSERVED:
            raise VerifyError(
                f"the correction at entry {one.index} can't be of this usage", field="correction",
                expected="a later record by the party of a user-seen usage",
            )  # fmt: skip
        after = one.body["quantities"]
        if after == before or any(count > before.get(unit, 0) for unit, count in after.items()):
            raise VerifyError(f"the correction at entry {one.index} doesn't lower the usage", field="quantities")
        before = after
    return found


def check_accepts(
    entries: Entries,
    corrections: list[Logged],
    *,
    payer: bytes,
    base: Mapping[bytes, int],
    handed: Callable[[Mapping[str, int]], Mapping[bytes, int]],
) -> list[Credit]:
    """What payees credited by accepting these corrections (section 5): each its own part, from its base downwards.

    `base`: what the usage brought each party; `handed(q)`: what quantities q would have. The payees' credits sum to the
    same whichever acceptances a file leaves out before the last.
    """
    left = dict(base)
    taken: set[tuple[bytes, Ref]] = set()
    credits = []
    by_ref = {one.ref.pack(): one for one in corrections}
    for accept in entries.of_kind("accept"):
        correction = by_ref.get(accept.body["correction"])
        if correction is None:
            continue  # no check needs it, which the end of the judgement refuses
        payee = entries.party_of(entries.use(accept))
        newest = [one for one in corrections if one.index < accept.index][-1:]
        if newest != [correction] or payee == payer or not base.get(payee) or (payee, correction.ref) in taken:
            raise VerifyError(
                f"the acceptance at entry {accept.index} can't stand", field="accept",
                expected="a payee of the usage taking its newest correction, once",
            )  # fmt: skip
        taken.add((payee, correction.ref))
        lowered = handed(correction.body["quantities"]).get(payee, 0)
        credits.append(Credit(correction, accept, payee, max(0, left[payee] - lowered)))
        left[payee] = min(left[payee], lowered)
    return credits
