"""Money meets statements: never more than is open, never twice, and what isn't clear is left with its reason."""

import dataclasses
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.agents.bank import parse_bank_file
from node.agents.incoming import Incoming
from node.agents.matching import Matches, OpenStatement, match
from node.agents.pain001 import Pain001
from node.agents.payments import Order, prepare, reference_of
from proofs.errors import InputError
from tests.node.agents.statements import NEW, booked, detail, document, entry
from tests.node.agents.support import BOOK, EUR_CENT, PAYEES, PAYER, TIMING, order, orders, statement
from tests.node.agents.test_pain001 import texts

DUE = 1000 * EUR_CENT
A, B, C = (reference_of(statement(number).leaf) for number in (1, 2, 3))


def owed(number: int, due: int = DUE, *, currency: str = "EUR", **receipts: int) -> OpenStatement:
    """A statement with these receipts so far."""
    got = sum(receipts.values())
    return OpenStatement(statement(number), PAYER, PAYEES[0], currency, due, got, receipts)


def money(text: str, amount: int = DUE, name: str = "m1", *, currency: str = "EUR", reference: str = "") -> Incoming:
    """A credit with this text, and perhaps an end-to-end id."""
    return Incoming(amount, currency, text, (reference,) if reference else (), name, "2026-02-02")


def taken(matches: Matches) -> list[tuple[int, int, int]]:
    """Statement number, amount and excess of each receipt."""
    return [(one.statement.statement.index, one.amount_nanos, one.excess_nanos) for one in matches.matched]


def reasons(matches: Matches) -> list[str]:
    """Why the rest is left."""
    return [one.reason for one in matches.unmatched]


@pytest.mark.parametrize(
    "text",
    [
        A, A.lower(), f"{A} usance 1:00", f"EREF+{A}SVWZ+x", f"x{A}y", " ".join(A), "\n".join([A[:27], A[27:]]),
        f"{A[:10]}-{A[10:20]}/{A[20:]}", f"INVOICE 7 {A[:16]} {A[16:]} THANK YOU", f"ä{A[:5]}\u00a0{A[5:]}",
    ],
)  # fmt: skip
def test_a_reference_is_found_however_a_bank_has_cut_it(text: str) -> None:
    """In capitals or not, with spaces, breaks or marks in it, with anything around it."""
    assert taken(match([money(text)], [owed(1), owed(2)])) == [(1, DUE, 0)]
    assert taken(match([money("", reference=text)], [owed(1), owed(2)])) == [(1, DUE, 0)]


@pytest.mark.parametrize("text", ["", A[:31], A[1:], A[:31] + ("A" if A[31] != "A" else "B"), A[::-1], C])
def test_another_reference_matches_nothing(text: str) -> None:
    """A letter missing or changed, or a statement that isn't there."""
    assert reasons(match([money(text)], [owed(1), owed(2)])) == ["no statement's reference in it"]


def test_parts_add_up_and_the_excess_is_told() -> None:
    """Three parts, the last one too large: receipts together are what was due, never more."""
    parts = [money(A, 400 * EUR_CENT, "m1"), money(A, 400 * EUR_CENT, "m2"), money(A, 300 * EUR_CENT, "m3")]
    done = match([*parts, money(A, 1, "m4")], [owed(1)])
    assert taken(done) == [(1, 400 * EUR_CENT, 0), (1, 400 * EUR_CENT, 0), (1, 200 * EUR_CENT, 100 * EUR_CENT)]
    assert reasons(done) == ["the statement that it names is settled already"]


def test_what_was_received_before_counts() -> None:
    """Only what is still open is receipted."""
    assert taken(match([money(A)], [owed(1, early=600 * EUR_CENT)])) == [(1, 400 * EUR_CENT, 600 * EUR_CENT)]


def test_another_currency_is_left() -> None:
    """The same reference and figure in another currency is no payment of it."""
    assert reasons(match([money(A, currency="USD")], [owed(1)])) == ["it came in USD, the statement is in EUR"]


def test_the_same_money_is_receipted_once() -> None:
    """Twice in a file, or in a file that is read again after its receipts were signed."""
    twice = match([money(A, DUE // 2), money(A, DUE // 2)], [owed(1)])
    assert (taken(twice), reasons(twice)) == ([(1, DUE // 2, 0)], ["the bank's reference stands twice in the file"])
    assert reasons(match([money(A, DUE // 2)], [owed(1, m1=DUE // 2)])) == ["receipted already"]
    assert reasons(match([money(A, DUE * 2)], [owed(1, m1=DUE)])) == ["receipted already"]
    assert reasons(match([money(B)], [owed(1, m1=DUE), owed(2)])) == ["receipted already, for other statements"]


def test_one_payment_of_several_statements() -> None:
    """If it brings exactly what they have open; else a person decides. A crash between two receipts costs nothing."""
    both = f"{A} {B}"
    assert taken(match([money(both, 3 * DUE)], [owed(1), owed(2, 2 * DUE)])) == [(1, DUE, 0), (2, 2 * DUE, 0)]
    unclear = match([money(both, 3 * DUE - 1)], [owed(1), owed(2, 2 * DUE)])
    assert taken(unclear) == []
    assert reasons(unclear) == ["it names 2 statements, of which 30 EUR are open, 29.999999999 came"]
    assert taken(match([money(both, 3 * DUE)], [owed(1, m1=DUE), owed(2, 2 * DUE)])) == [(2, 2 * DUE, 0)]
    assert taken(match([money(both)], [owed(1, old=DUE), owed(2)])) == [(2, DUE, 0)]


def test_money_for_several_statements_fits_after_later_money() -> None:
    """In one reading, whatever their sequence in the file."""
    several, one = money(f"{A} {B}", 2 * DUE - 1), money(A, 1, "m2")
    assert taken(match([several, one], [owed(1), owed(2)])) == [(1, DUE - 1, 0), (2, DUE, 0), (1, 1, 0)]


def test_statements_that_contradict_themselves_are_refused() -> None:
    """The same one twice, or more received than due."""
    with pytest.raises(InputError):
        match([], [owed(1), owed(1)])
    with pytest.raises(InputError):
        match([], [owed(1, early=DUE + 1)])


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Incoming], list[OpenStatement]]:
    """Some statements, and credits that name none, one or several of them, some names of money repeated."""
    count = draw(st.integers(1, 4))
    statements = []
    for number in range(count):
        due = draw(st.integers(1, 20))
        early = {f"m{draw(st.integers(0, 5))}": draw(st.integers(1, due))} if draw(st.booleans()) else {}
        statements.append(owed(number, due, currency=draw(st.sampled_from(["EUR", "EUR", "USD"])), **early))
    credits = []
    for _ in range(draw(st.integers(0, 8))):
        named = draw(st.lists(st.integers(0, count), max_size=2))
        text = " ".join(reference_of(statement(number).leaf) for number in named)
        credits.append(money(text, draw(st.integers(1, 30)), f"m{draw(st.integers(0, 5))}"))
    return credits, statements


def signed(statements: list[OpenStatement], matches: Matches) -> list[OpenStatement]:
    """The statements after the receipts were signed."""
    after = []
    for one in statements:
        new = {m.incoming.bank_reference: m.amount_nanos for m in matches.matched if m.statement == one}
        got = one.received_nanos + sum(new.values())
        after.append(dataclasses.replace(one, received_nanos=got, receipts={**one.receipts, **new}))
    return after


@given(cases())
def test_no_statement_gets_too_much_and_no_money_counts_twice(case: tuple[list[Incoming], list[OpenStatement]]) -> None:
    """Whatever comes: receipts ≤ due, receipts of a credit ≤ its amount, and all money stands in one of the lists."""
    credits, statements = case
    done = match(credits, statements)
    for one in signed(statements, done):
        assert one.received_nanos <= one.due_nanos
    before = Counter[str]()
    for one in statements:
        before.update(one.receipts)
    for name in {one.incoming.bank_reference for one in done.matched}:
        mine = [one for one in done.matched if one.incoming.bank_reference == name]
        assert len({id(one.incoming) for one in mine}) == 1
        assert before[name] + sum(one.amount_nanos for one in mine) <= mine[0].incoming.amount_nanos
        assert sum(one.amount_nanos + one.excess_nanos for one in mine) + before[name] == mine[0].incoming.amount_nanos
    assert all(one.amount_nanos > 0 and one.incoming.currency == one.statement.currency for one in done.matched)
    placed = {id(one.incoming) for one in (*done.matched, *done.unmatched)}
    assert placed == {id(one) for one in credits}


@given(cases(), st.integers(0, 20))
def test_reading_the_same_file_again_gives_no_new_receipt(
    case: tuple[list[Incoming], list[OpenStatement]], kept: int
) -> None:
    """Also where a crash let only the first receipts through: the second run stays within what is due."""
    credits, statements = case
    first = match(credits, statements)
    assert match(credits, signed(statements, first)).matched == ()
    some = Matches(first.matched[:kept], ())
    after = signed(statements, some)
    for one in signed(after, match(credits, after)):
        assert one.received_nanos <= one.due_nanos


@given(orders(currency="EUR", nanos_max=10**15), st.integers())
def test_from_order_to_receipt(made: list[Order], seed: int) -> None:
    """What pain.001 says, booked by a bank in one batch in any sequence, settles every statement exactly."""
    file = prepare(Pain001(), made, BOOK, TIMING).file
    assert file is not None
    paid = list(
        zip(texts(file.data, "EndToEndId"), texts(file.data, "InstdAmt"), texts(file.data, "Ustrd"), strict=True)
    )
    random.Random(seed).shuffle(paid)
    details = [detail(f"{t}"[:27], f"{t}"[27:], end_to_end=f"{e}", amount=booked(f"{a}")) for e, a, t in paid]
    total = sum(one.amount_nanos for one in made)
    whole = entry(f"{total // 10**9}.{total % 10**9 // EUR_CENT:02}", *details)
    bank = parse_bank_file(document(whole, version=NEW))
    open_now = [OpenStatement(one.statement, one.payer, one.payee, one.currency, one.amount_nanos, 0) for one in made]
    done = match(bank.incoming, open_now)
    assert (done.unmatched, bank.skipped) == ((), [])
    assert {one.statement.statement: one.amount_nanos for one in done.matched} == {
        one.statement: one.amount_nanos for one in made
    }
    assert all(one.excess_nanos == 0 for one in done.matched)


def test_the_reference_of_the_tests_is_an_order_s() -> None:
    """A, B and C are what the orders carry."""
    assert order(1).reference == A
