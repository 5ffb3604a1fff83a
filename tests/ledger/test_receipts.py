"""ledger.accounts: payments and receipts (design sections 4 and 6)."""

import pytest

from ledger.accounts import account_row, statement_row
from proofs import codec
from tests.ledger.market import CENT, Market
from tests.ledger.support import body, delegate, none, usage


@pytest.fixture
def log() -> Market:
    """A log in which `lab` owes `owner` 50 cents by a statement, entry 8."""
    made = Market()
    ref = made.sell("owner", "corpus")
    made.use("lab", ref, 50 * CENT)
    assert made.bill() == 8
    return made


def received(log: Market, statement: int = 8) -> int:
    """What was acknowledged of a statement."""
    row = statement_row(log.state, statement)
    assert row is not None
    return row.received


def test_receipts_add_up_to_what_is_due(log: Market) -> None:
    """Several receipts for one statement, each with a reference of its own, up to what is due and no nano further."""
    log.pay(8, 20 * CENT, "one")
    assert log.rule("owner", log.receipt(8, 30 * CENT + 1, "two"), field="amount").expected == f"at most {30 * CENT}"
    log.pay(8, 30 * CENT - 1, "two")
    log.pay(8, 1, "three")
    assert received(log) == log.due(8) == account_row(log.state, log.account()).received
    assert log.rule("owner", log.receipt(8, 1, "four"), field="amount").expected == "at most 0"
    log.check()


def test_one_reference_counts_once_for_a_statement(log: Market) -> None:
    """The same money twice is refused, and told which receipt stands; for another statement the reference is free."""
    first = log.pay(8, CENT, "end-to-end 1")
    refusal = log.rule("owner", log.receipt(8, CENT, "end-to-end 1"), field="reference")
    assert f"entry {first}" in refusal.detail
    log.pay(8, CENT, "end-to-end 10")
    log.pay(8, CENT, "end-to-end")
    log.use("lab", log.ref(6), CENT)
    log.pay(log.bill(), CENT, "end-to-end 1")
    log.check()


def test_the_wrong_payees_receipt_is_refused(log: Market) -> None:
    """Only the payee says that money came: not the payer, nor the payee of another account."""
    other = log.sell("third", "other")
    log.use("lab", other, CENT)
    log.bill(account=log.account("lab", "third"))
    for who in ("lab", "third", "operator"):
        log.rule(who, log.receipt(8, CENT), field="statement")
    log.put("owner", delegate("teller", "owner", "receipt"))
    log.pay(8, CENT, who="teller")
    assert received(log) == CENT


def test_only_the_payer_says_that_money_was_sent(log: Market) -> None:
    """A payment is the payer's word; it settles nothing and is bounded by nothing."""
    for who in ("owner", "third"):
        log.rule(who, log.receipt(8, CENT, kind="payment"), field="statement")
    for amount in (0, CENT, 900 * CENT):
        log.put("lab", log.receipt(8, amount, "same", kind="payment"))
    assert received(log) == 0
    log.check()


@pytest.mark.parametrize("kind", ["payment", "receipt"])
def test_what_is_no_statement_cannot_be_paid(log: Market, kind: str) -> None:
    """A reference to another kind, to another hash, or to nothing."""
    who = "lab" if kind == "payment" else "owner"
    right = log.ref(8)
    wrong = [log.ref(6), log.ref(7), log.ref(0), right[:8] + bytes(32), bytes(40), (99).to_bytes(8, "big") + right[8:]]
    for statement in wrong:
        data = body(kind, statement=statement, amount=1, method="bank", reference="r")
        log.rule(who, none(), data, field="statement", position=1)


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_a_receipt_is_of_something(log: Market, amount: int) -> None:
    """An amount below 1, or beyond what money can be, is a bad field."""
    fields = codec.sort_maps({**codec.unpack(log.receipt(8, 1)), "amount": amount})
    log.refused(log.sign("owner", codec.pack(fields)), 422, "usance:field", position=0)


def test_receipts_of_one_batch_count_together(log: Market) -> None:
    """What stands before a receipt in its batch counts; the batch is taken or refused whole."""
    parts = [log.receipt(8, 20 * CENT, f"r{n}") for n in range(3)]
    log.rule("owner", *parts, field="amount", position=2)
    log.rule("owner", parts[0], parts[0], field="reference", position=1)
    log.put("owner", *parts[:2])
    assert received(log) == 40 * CENT
    log.check()


def test_what_comes_later_leaves_a_statement_due(log: Market) -> None:
    """Credits, newer statements and disputes change nothing of what an older statement says is due."""
    log.accept(log.correct(7))
    log.rule("lab", log.statement(), field="due")
    log.put("lab", body("dispute", target=log.ref(8), reason="paid otherwise"))
    log.put("lab", usage(log.ref(6), quantities={"token": 60 * CENT}))
    second = log.bill()
    assert (log.due(8), log.due(second)) == (50 * CENT, 10 * CENT)
    log.pay(8, 50 * CENT)
    log.pay(second, 10 * CENT)
    assert account_row(log.state, log.account()).received == 60 * CENT
    log.check()
