"""ledger.accounts: what a statement may say, and when (design section 6)."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.accountquery import AccountQuery
from ledger.accounts import covering_statement, figures_at, statement_row
from ledger.append import Prepared
from ledger.errors import Refusal
from ledger.query import Query
from ledger.sumlist import SumTree
from proofs import sumtree
from proofs.codec import INT_MAX
from proofs.currencies import round_down
from proofs.merkle import EMPTY_ROOT
from tests.ledger.market import CENT, Market, offer
from tests.ledger.support import body, delegate, none, public, revoke, rotate, source, usage
from tests.proofs.sums import naive_root


@pytest.fixture
def log() -> Market:
    """A log in which `lab` has used an asset of `owner` three times, for 30 cents and a fraction."""
    made = Market()
    ref = made.sell("owner", "corpus")
    made.put("lab", *[usage(ref, quantities={"token": 10 * CENT + n}) for n in (1, 2, 3)])
    return made


def ref(log: Market) -> bytes:
    """The asset."""
    return log.ref(6)


def use(log: Market, tokens: int) -> int:
    """One more use of it."""
    return log.use("lab", ref(log), tokens)


# What it says


def test_a_statement_by_hand(log: Market) -> None:
    """Every figure of a first statement, computed by hand; what rounding leaves is carried by itself."""
    lines = [(7, 10 * CENT + 1), (8, 10 * CENT + 2), (9, 10 * CENT + 3)]
    assert log.figures() == {
        "payer": public("lab"), "payee": public("owner"), "currency": "EUR", "to": 10, "lines": 3,
        "gross": (30 * CENT + 6).to_bytes(16, "big"), "root": naive_root(lines)[:32], "credit_lines": 0,
        "credits": bytes(16), "credit_root": EMPTY_ROOT, "billed": bytes(16), "due": 30 * CENT, "unpriced": 0,
        "unlicensed": 0,
    }  # fmt: skip
    first = log.bill()
    use(log, 10 * CENT - 6)
    fields = log.figures()
    assert (fields["billed"], fields["due"]) == ((30 * CENT).to_bytes(16, "big"), 10 * CENT)
    second = log.bill("owner")
    assert log.balance() == (40 * CENT, 0, 40 * CENT)
    row = statement_row(log.state, second)
    assert row is not None
    assert (row.previous, row.billed) == (first, 30 * CENT)
    log.check()


def test_the_next_tree_holds_the_last_one(log: Market) -> None:
    """A statement's tree is a prefix of the next one's: its root is the later tree's at its count."""
    log.bill()
    for tokens in (CENT, 2 * CENT, 3 * CENT):
        use(log, tokens)
    before, after = (figures_at(log.state, log.account(), to) for to in (10, log.size))
    assert (before.lines, after.lines) == (3, 6)
    lines = [(7, 10 * CENT + 1), (8, 10 * CENT + 2), (9, 10 * CENT + 3), (11, CENT), (12, 2 * CENT), (13, 3 * CENT)]
    assert before.root == naive_root(lines[:3])[:32]
    assert after.root == naive_root(lines)[:32]


@pytest.mark.parametrize(
    ("currency", "unit"), [("EUR", CENT), ("JPY", 10**9), ("KWD", 10**6), ("CLF", 10**5), ("USDC", 1), ("XAU", 1)]
)
def test_due_is_whole_minor_units(log: Market, currency: str, unit: int) -> None:
    """Rounded down to the currency's minor unit; other assets aren't rounded; below one unit nothing is due."""
    made = log.sell("maker", currency, currency=currency)
    account = log.account("lab", "maker", currency)
    if unit > 1:
        log.use("lab", made, unit - 1)
        log.rule("lab", log.statement(account), field="due")
        log.use("lab", made, 3 * unit)
        assert log.due(log.bill(account=account)) == 3 * unit
        log.use("lab", made, 1)
        assert log.due(log.bill(account=account)) == unit
    else:
        log.use("lab", made, 7)
        assert log.due(log.bill(account=account)) == 7


def test_either_side_states_the_same(log: Market) -> None:
    """Payer and payee, by whatever key of theirs that may sign it, make the same statement; whoever is second is
    told which one stands."""
    log.put("owner", delegate("agent", "owner", "statement"))
    log.put("lab", rotate("lab-2", "lab"))
    statement = log.statement(to=10)
    first = log.put("agent", statement).first_index
    refusal = log.refused(log.sign("lab-2", statement), 409, "usance:stale", position=0, field="to")
    assert refusal.extra["statement"] == first
    assert "10" in refusal.expected
    log.check()


def test_below_the_leaf_of_its_own(log: Market) -> None:
    """`to` may reach up to the statement's own leaf: uses before it in its own batch count."""
    account = log.account()
    size = log.size
    more = usage(ref(log), quantities={"token": 5 * CENT})
    # What it says has to be known before: the same batch on a copy of the log tells.
    copy = Market()
    copy.sell("owner", "corpus")
    copy.put("lab", *[usage(ref(copy), quantities={"token": 10 * CENT + n}) for n in (1, 2, 3)])
    copy.put("lab", more)
    statement = copy.statement(to=size + 1)
    log.put("lab", more, statement)
    assert log.balance()[2] == 35 * CENT
    assert covering_statement(log.state, account, size) == size + 1
    log.check()


# What is refused


FIGURES = (
    "lines",
    "gross",
    "root",
    "credit_lines",
    "credits",
    "credit_root",
    "billed",
    "due",
    "unpriced",
    "unlicensed",
)


def altered(value: Any, by: int) -> Any:
    """A figure, a little higher or lower."""
    if isinstance(value, int):
        return value + by
    if len(value) == 32:
        return value[:31] + bytes([value[31] ^ 1])
    return (int.from_bytes(value, "big") + by).to_bytes(16, "big")


@pytest.mark.parametrize("who", ["lab", "owner"])
@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("figure", FIGURES)
def test_a_wrong_figure_is_refused_with_the_right_ones(log: Market, figure: str, by: int, who: str) -> None:
    """Each figure altered by one, up and down, by either side: 422, naming it, with all of the right ones."""
    bare = log.register("owner", "bare")
    log.put("lab", usage(bare), usage(ref(log), "embed"))
    log.bill()
    use(log, 30 * CENT)
    log.accept(log.correct(7, token=CENT))
    right = log.figures()
    assert all(int.from_bytes(right[name], "big") for name in ("gross", "credits", "billed"))
    assert right["unpriced"] == right["unlicensed"] == 1
    # A cent more or less than is due is a wrong figure as well as a nano.
    step = by * CENT if figure == "due" else by
    wrong = altered(right[figure], step)
    refusal = log.rule(who, none(), log.statement(**{figure: wrong}), field=figure, position=1)
    assert refusal.extra["figures"] == right
    if isinstance(right[figure], int):
        assert refusal.expected == str(right[figure])


def test_a_past_to_is_stale(log: Market) -> None:
    """A `to` at or below the newest statement's is 409 with that statement, whatever else it says, also if it was
    never stated itself."""
    newest = log.bill(to=10)
    use(log, 5 * CENT)
    for to in (0, 1, 9, 10):
        refusal = log.refused(log.sign("lab", log.statement(to=to)), 409, "usance:stale", position=0, field="to")
        assert refusal.extra["statement"] == newest
    wrong = log.statement(to=10, due=1, lines=99)
    log.refused(log.sign("owner", none(), wrong), 409, "usance:stale", position=1, field="to")
    log.bill(to=11 + 1)


def test_a_to_that_is_not_reached_is_refused(log: Market) -> None:
    """Above the statement's own leaf: 422, also by much."""
    for to in (log.size + 1, log.size + 2, INT_MAX):
        log.rule("lab", log.statement(to=to), field="to")
    log.rule("lab", none(), log.statement(to=log.size + 2), field="to", position=1)
    log.put("lab", none(), log.statement(to=log.size + 1))


def test_without_anything_new_there_is_nothing_to_state(log: Market) -> None:
    """No new line or credit below `to`: refused, also for an account that never had any."""
    log.bill()
    log.put("third", none())
    log.rule("lab", log.statement(), field="to")
    for account in (log.account("lab", "third"), log.account("owner", "lab"), log.account(currency="USD")):
        log.rule("lab" if account.payer != public("owner") else "owner", log.statement(account), field="to")
    log.rule("lab", log.statement(log.account("lab", "lab")), field="to")


def test_a_strangers_statement_is_refused(log: Market) -> None:
    """Only payer and payee state their account; not their own key after the party has ended."""
    for who in ("third", "operator"):
        log.rule(who, log.statement(), field="payer")
    log.put("owner", delegate("agent", "owner", "usage"))
    log.refused(log.sign("agent", log.statement()), 403, "usance:key", position=0)
    log.put("owner", revoke("owner"))
    log.refused(log.sign("owner", log.statement()), 403, "usance:key")
    log.bill("lab")
    log.check()


def test_below_a_minor_unit_nothing_is_due(log: Market) -> None:
    """A statement of nothing is refused, also where there are new lines."""
    log.bill()
    use(log, CENT - 7)
    log.rule("lab", log.statement(), field="due")
    use(log, 1)
    assert log.due(log.bill()) == CENT


def test_two_statements_of_a_batch(log: Market) -> None:
    """The second one of an account in a batch goes on from the first; the same one again is stale."""
    first = log.statement(to=9)
    batch = log.sign("lab", first, first)
    log.refused(batch, 409, "usance:stale", position=1)
    second = log.statement(to=10, billed=(20 * CENT).to_bytes(16, "big"), due=10 * CENT)
    log.put("lab", first, second)
    assert log.balance() == (30 * CENT + 6, 0, 30 * CENT)
    log.check()


def test_accounts_are_apart(log: Market) -> None:
    """Another payer, payee or currency, or the two sides exchanged, is another account, with figures of its own."""
    made = log.sell("owner", "dollars", currency="USD")
    log.use("lab", made, 5 * CENT)
    log.use("third", ref(log), 7 * CENT)
    back = log.sell("lab", "own")
    log.use("owner", back, 9 * CENT)
    found = [
        log.figures(account)["due"]
        for account in (
            log.account(), log.account(currency="USD"), log.account("third"), log.account("owner", "lab"),
            log.account("lab", "third"),
        )
    ]  # fmt: skip
    assert found == [30 * CENT, 5 * CENT, 7 * CENT, 9 * CENT, 0]
    log.check()


# Lines and statements


def test_each_line_is_covered_by_the_first_statement_above_it(log: Market) -> None:
    """The first statement whose `to` is above a line covers it, and no other; open lines have none; the line's path
    leads to that statement's root."""
    one = log.bill(to=9)
    last = use(log, 50 * CENT)
    two = log.bill()
    account = log.account()
    assert [covering_statement(log.state, account, index) for index in (7, 8, 9, last)] == [one, one, two, two]
    use(log, 3)
    assert covering_statement(log.state, account, log.size - 1) is None
    for index, statement in ((8, one), (9, two), (last, two)):
        row = statement_row(log.state, statement)
        assert row is not None
        figures = figures_at(log.state, account, row.to)
        tree = SumTree(log.store, account.lines, row.to)
        position = tree.position(index)
        amount = log.lines(index)["owner"]
        sumtree.check_line(
            index=index, amount=amount, position=position, lines=figures.lines, total=figures.gross, root=figures.root,
            path=tree.path(position),
        )  # fmt: skip


# Figures that were computed before


def prepared(log: Market, who: str, statement: bytes, answer: Any) -> Prepared:
    """A batch with what its statement ought to say at hand, as a node queues it."""
    return replace(log.prepare(log.sign(who, statement)), figures={0: answer})


def test_figures_at_hand_are_used_and_billed_is_looked_up(log: Market) -> None:
    """The writer takes figures that were added up on a snapshot; what was billed meanwhile still refuses, and a
    refusal that was found before is given as it is."""
    figures = figures_at(log.state, log.account(), 10)
    statement, wrong = log.statement(to=10), log.statement(to=10, due=29 * CENT)
    early = Refusal("too many", status=429, type="usance:quota")
    with pytest.raises(Refusal) as caught:
        log.ledger.group().take(prepared(log, "lab", statement, early))
    assert (caught.value.status, caught.value.position) == (429, 0)
    with pytest.raises(Refusal) as caught:
        log.ledger.group().take(prepared(log, "lab", wrong, figures))
    assert caught.value.field == "due"
    log.bill(to=8)
    with pytest.raises(Refusal) as caught:
        log.ledger.group().take(prepared(log, "lab", statement, figures))
    assert caught.value.field == "billed"
    group = log.ledger.group()
    group.take(prepared(log, "owner", log.statement(to=10), figures))
    group.commit()
    log.check()


# Large sums


def test_open_sums_beyond_2_63_are_stated_in_parts(log: Market) -> None:
    """Where more is open than `due` can say, a statement is refused by its `to`, and a lower one is taken; sums of the
    account itself have no such bound."""
    made = log.sell("owner", "dear", currency="USDC")
    account = log.account(currency="USDC")
    for _ in range(3):
        log.use("lab", made, INT_MAX)
    size = log.size
    refusal = log.rule("lab", log.statement(account, due=INT_MAX), field="to")
    assert refusal.extra["figures"]["due"] == 3 * INT_MAX
    for to in (size - 2, size - 1, size):
        assert log.due(log.bill(account=account, to=to)) == INT_MAX
    assert log.balance(currency="USDC") == (3 * INT_MAX, 0, 3 * INT_MAX)
    log.check()


@pytest.mark.parametrize("refunded", [0, 1, 3, 4])
def test_a_draft_of_more_than_one_statement_can_say_is_always_found(log: Market, refunded: int) -> None:
    """However much was billed, refunded since and used again: the draft can be signed, one after the other, until
    nothing is due; each is at most what one statement can say."""
    made = log.sell("owner", "dear", currency="USDC")
    account = log.account(currency="USDC")
    old = [log.use("lab", made, INT_MAX) for _ in range(4)]
    for index in old:
        log.bill(account=account, to=index + 1)
    for index in old[:refunded]:
        log.accept(log.correct(index))
    for _ in range(2 * len(old)):
        log.use("lab", made, INT_MAX - 1)
    for index in range(log.size - 3, log.size):
        log.accept(log.correct(index, token=7))
    dues = []
    while (draft := AccountQuery(Query(log.reader())).draft(account)).fields["due"]:
        assert draft.reason == ""
        dues.append(log.due(log.put("lab", body("statement", **draft.fields)).first_index))
    gross, credited, billed = log.balance(currency="USDC")
    assert billed == max(gross - credited, 4 * INT_MAX)
    assert all(0 < due <= INT_MAX for due in dues)
    log.check()


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "CLF"])
def test_the_largest_line_on_top_of_a_remainder_can_be_stated(log: Market, currency: str) -> None:
    """The most that rounding can leave, and then the largest charge there is: still one statement."""
    made = log.sell("maker", "dear", currency=currency)
    account = log.account("lab", "maker", currency)
    largest = round_down(INT_MAX, currency)
    remainder = 10**9 // {"EUR": 100, "JPY": 1, "KWD": 1000, "CLF": 10_000}[currency] - 1
    log.use("lab", made, remainder)
    assert log.verdict(log.use("lab", made, INT_MAX)) == ("unpriced", "overflow")
    log.use("lab", made, largest)
    assert log.due(log.bill(account=account)) == largest
    log.use("lab", made, 1)
    log.bill(account=account)
    assert log.balance("lab", "maker", currency)[2] == largest + remainder + 1
    log.check()


def test_many_small_uses_are_due_by_their_sum(log: Market) -> None:
    """A thousand uses, each far below a cent, are due together."""
    made = log.sell("owner", "cheap", offers=[offer(1, per=10**9)])
    log.bill()
    log.put("lab", *[usage(made, quantities={"token": 1})] * 1000)
    assert log.balance()[0] == 30 * CENT + 6 + 1000
    derived = log.sell("maker", "derived", source(made))
    log.use("lab", derived, 5)
    assert log.balance("lab", "maker")[0] == 5
