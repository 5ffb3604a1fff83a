"""Ways to pay less than was agreed, or to make others pay more, each of them shut (design sections 4 to 6)."""

import pytest

from ledger.accounts import figures_at
from proofs.codec import INT_MAX
from proofs.currencies import round_down
from tests.ledger.market import CENT, Market, offer, plain, splits, terms
from tests.ledger.support import NAME, asset, body, source, usage


@pytest.fixture
def log() -> Market:
    """A log with five parties; the cheat is `maker`'s, mostly, and `owner` its victim."""
    return Market()


def test_laundering_a_share_through_an_own_asset_in_between(log: Market) -> None:
    """However many assets of its own a maker puts between the source and what it sells, asking nothing for them, the
    source's share of each charge stays what it was agreed to be."""
    a = log.sell("owner", "A", derivatives=500)
    last = log.register("maker", "a copy", sources=[source(a, bps=500)])
    for number in range(9):
        last = log.register("maker", f"a copy of the copy, {number}", sources=[source(last)])
        if number % 3 == 0:
            log.publish("maker", last, derivatives=0)
    sold = log.sell("maker", "sold", source(last))
    assert log.lines(log.use("lab", sold, 1000)) == {"owner": 50, "maker": 950}
    # Nor does it help to ask a share for the copy and take it oneself: shares are of the charge, not of what is left.
    greedy = log.sell("maker", "greedy", source(a, bps=500), derivatives=9_500)
    sold = log.sell("maker", "sold too", source(greedy, bps=9_500))
    assert log.lines(log.use("lab", sold, 1000)) == {"owner": 50, "maker": 950}
    log.rule("maker", asset("x", sources=[source(a)], terms=terms()), field="sources.0.bps")
    # Nor to list the source a second time under a relation that asks less.
    log.rule("maker", plain(sources=[source(a, "contains", bps=500), source(a)]), field="sources.1.bps")
    log.check()


def test_laundering_by_retiring_what_lies_in_between(log: Market) -> None:
    """An asset that was withdrawn, or whose terms ask nothing any more, goes on to hand its ancestors' shares down."""
    _, b, c = log.chain()
    log.publish("maker", b, derivatives=0)
    log.put("maker", body("withdraw", target=b))
    assert log.lines(log.use("lab", c, 1000)) == {"owner": 50, "maker": 100, "third": 850}
    d = log.sell("fourth", "D", source(b))
    assert log.lines(log.use("lab", d, 1000)) == {"owner": 50, "fourth": 950}
    log.check()


def test_diluting_a_share_with_sock_puppet_sources(log: Market) -> None:
    """Sources of one's own that ask for much leave the others' shares as they are: all together fit, or nothing can be
    sold; a 33rd source bars selling as well."""
    a = log.sell("owner", "A", derivatives=500)
    puppets = log.put("fourth", *[asset(f"puppet {n}", terms=terms(derivatives=950)) for n in range(10)]).first_index
    shares = [source(log.ref(puppets + n), bps=950) for n in range(10)]
    sold = log.sell("maker", "sold", source(a, bps=500), *shares)
    assert log.lines(log.use("lab", sold, 1000)) == {"owner": 50, "fourth": 950}
    one_more = log.sell("fourth", "one more", derivatives=1)
    data = asset("over", sources=[source(a, bps=500), *shares, source(one_more, bps=1)], terms=terms())
    log.rule("maker", data, field="terms.offers")
    small = log.put("fourth", *[asset(f"small {n}", terms=terms(derivatives=1)) for n in range(32)]).first_index
    many = [source(log.ref(small + n), bps=1) for n in range(32)]
    log.rule("maker", asset("many", sources=[source(a, bps=500), *many], terms=terms()), field="terms.offers")
    log.check()


def test_a_terms_change_that_overtakes_a_signed_batch(log: Market) -> None:
    """An owner who sees a batch coming and raises the price before it stands in the log gets nothing: the batch is
    refused with the new terms, whether it named the old ones or none, and also for a first price."""
    ref, bare = log.sell("owner", "corpus"), log.register("owner", "bare")
    signed = [
        log.sign("lab", usage(ref, quantities={"token": 1000})),
        log.sign("third", usage(ref, quantities={"token": 1000}, terms=ref)),
        log.sign("fourth", usage(bare, quantities={"token": 1000})),
    ]
    group = log.ledger.group()
    raised = [body("terms", asset=target, **terms(offer(10**6))) for target in (ref, bare)]
    log.take(log.sign("owner", *raised), group)
    group.commit()
    for batch in signed:
        refusal = log.refused(batch, 422, "usance:terms", position=0, field="terms")
        assert refusal.extra["terms"] == refusal.expected
    for who in ("lab", "third", "fourth"):
        assert log.balance(who) == (0, 0, 0)
    log.check()


def test_a_currency_change_that_overtakes_a_signed_batch(log: Market) -> None:
    """Terms may change, their currency never: a use agreed to in one is not owed in another."""
    ref = log.sell("owner", "corpus")
    log.rule("owner", body("terms", asset=ref, **terms(currency="CHF")), field="currency")


def test_a_claim_on_a_name_that_bills_its_users(log: Market) -> None:
    """Claiming a name bills nobody: neither uses before nor after, as long as they don't name the claimant's terms;
    and another party's claim doesn't take away what a use has agreed to."""
    log.use("lab", NAME, 10**6)
    ref = log.sell("maker", "mine, says the maker", aka=[NAME])
    log.use("lab", NAME, 10**6)
    log.publish("maker", ref, offer(10**6))
    log.use("lab", NAME, 10**6)
    assert log.balance("lab", "maker") == (0, 0, 0)
    assert log.figures(log.account("lab", "maker"))["unlicensed"] == 2
    rival = log.sell("owner", "the owner's", aka=[NAME])
    assert log.lines(log.use("lab", NAME, 7, terms=rival)) == {"owner": 7}
    log.check()


def test_raising_an_old_cheap_usage(log: Market) -> None:
    """A use logged under cheap terms can't be raised once these are replaced: corrections go down only, also after they
    went down, and no new use may name the old terms."""
    ref = log.sell("owner", "corpus", needs_grant=False)
    index = log.use("lab", ref, 1000)
    log.publish("owner", ref, offer(10**6))
    log.rule("lab", log.correction(index, token=1001), field="quantities.token")
    log.correct(index, token=1)
    log.rule("lab", log.correction(index, token=1000), field="quantities.token")
    log.rule("lab", log.correction(index, token=1, call=1), field="quantities.call")
    log.rule("lab", usage(ref, terms=ref), field="terms", problem="usance:terms")
    assert log.balance() == (1000, 0, 0)


def test_correcting_away_the_shares_of_others(log: Market) -> None:
    """A user and the seller who agree on a correction to nothing undo the seller's part; what stands behind gets what
    it got, until it agrees itself. Nor can a payee accept in another's place, or twice."""
    _, _, c = log.chain()
    index = log.use("lab", c, 100_000)
    correction = log.correct(index)
    log.accept(correction, "third")
    assert log.balance("lab", "third") == (85_000, 85_000, 0)
    assert log.balance("lab", "maker") == (10_000, 0, 0)
    assert log.balance("lab", "owner") == (5_000, 0, 0)
    log.rule("third", log.acceptance(correction), field="correction")
    # Splits that are changed afterwards don't make anybody a payee of the old use.
    log.publish("owner", log.ref(6), derivatives=500, splits=splits(fourth=10_000))
    log.rule("fourth", log.acceptance(correction), field="correction")
    log.check()


def test_moving_money_between_payees_by_a_correction(log: Market) -> None:
    """A correction that would give one payee more of what is left takes nothing from it and pays it nothing: bases only
    go down."""
    ref = log.sell("owner", "corpus", splits=splits(owner=5001, maker=4999))
    index = log.use("lab", ref, 3)  # 2 and 1
    correction = log.correct(index, token=1)  # 1 and 0
    log.accept(correction, "maker")
    log.accept(correction)
    assert (log.balance(), log.balance("lab", "maker")) == ((2, 1, 0), (1, 1, 0))
    assert log.row(index).charge == 3
    log.check()


def test_overflow_that_bars_a_payer(log: Market) -> None:
    """A price at which a use comes to more than money can be leaves the use unpriced and the user free to go on; sums
    of many large charges overflow nowhere."""
    dear = log.sell("maker", "dear", offers=[offer(2**53)], currency="USDC")
    assert log.verdict(log.use("lab", dear, INT_MAX)) == ("unpriced", "overflow")
    assert log.verdict(log.use("lab", dear, 1025)) == ("unpriced", "overflow")
    for _ in range(5):
        assert log.verdict(log.use("lab", dear, 1023)) == ("licensed", "")
    account = log.account("lab", "maker", "USDC")
    gross, _, _ = log.balance("lab", "maker", "USDC")
    assert gross == 5 * 1023 * 2**53 > 2**64
    refusal = log.rule("lab", log.statement(account, due=INT_MAX), field="to")
    assert "lower" in refusal.expected
    first = log.size - 5
    for to in range(first + 1, first + 6):
        assert log.due(log.bill(account=account, to=to)) == 1023 * 2**53
    log.check()


def test_an_account_that_a_huge_line_puts_out_of_reach(log: Market) -> None:
    """A fraction of a cent left open, and then the largest charge there is: the account can still be stated, by a `to`
    that every party finds, and everything after it."""
    ref = log.sell("owner", "corpus")
    log.use("lab", ref, CENT - 1)
    assert log.verdict(log.use("lab", ref, INT_MAX)) == ("unpriced", "overflow")
    largest = round_down(INT_MAX, "EUR")
    log.use("lab", ref, largest)
    log.use("lab", ref, largest)
    log.rule("lab", log.statement(due=largest), field="to")
    assert log.due(log.bill(to=log.size - 1)) == largest
    assert log.due(log.bill()) == largest
    log.use("lab", ref, 1)
    assert log.due(log.bill()) == CENT
    log.check()


def test_shredding_a_use_into_records_too_small_to_charge(log: Market) -> None:
    """A million tokens at a nano a thousand, in records of one token: each is rounded up, so shredding costs a
    thousandfold; what is below a cent adds up to cents."""
    ref = log.sell("owner", "cheap", offers=[offer(1, per=1000)])
    whole = log.use("lab", ref, 1000)
    assert log.row(whole).charge == 1
    first = log.put("lab", *[usage(ref, quantities={"token": 1})] * 1000).first_index
    assert sum(log.row(first + n).charge for n in range(1000)) == 1000
    dust = log.sell("owner", "dust", offers=[offer(CENT // 100)])
    log.put("lab", *[usage(dust, quantities={"token": 1})] * 250)
    assert log.figures()["due"] == 2 * CENT
    log.check()


def test_paying_sources_in_a_worthless_currency(log: Market) -> None:
    """Whoever owes a share in one currency can't sell in another: by terms, inline, through assets in between, or by a
    source of its own whose currency it chose; and no terms change a currency."""
    a = log.sell("owner", "A", derivatives=500)
    made = log.register("maker", "made", sources=[source(a, bps=500)])
    log.rule("maker", body("terms", asset=made, **terms(currency="BEANS")), field="currency")
    between = log.register("maker", "between", sources=[source(made)])
    inline = asset("x", sources=[source(between)], terms=terms(currency="BEANS"))
    log.rule("maker", inline, field="terms.currency")
    beans = log.sell("maker", "beans", currency="BEANS", derivatives=1)
    mixed = log.register("maker", "mixed", sources=[source(between), source(beans, bps=1)])
    for currency in ("EUR", "BEANS"):
        log.rule("maker", body("terms", asset=mixed, **terms(currency=currency)), field="offers")
    # An empty offer first, in the wrong currency, doesn't get a foot in the door.
    log.rule("maker", body("terms", asset=made, currency="BEANS", offers=[]), field="currency")
    log.check()


def test_hiding_a_use_behind_a_unit_that_is_free(log: Market) -> None:
    """A use in a unit without an offer, reported together with one that is free, is part-priced and stands in the
    statement's count; a free unit that covers everything is licensed, for that is the offer."""
    ref = log.sell("owner", "corpus", offers=[offer(0, unit="call"), offer(CENT, unit="item")])
    index = log.put("lab", usage(ref, quantities={"call": 1, "token": 10**9})).first_index
    assert log.verdict(index) == ("part-priced", "")
    log.put("lab", usage(ref, quantities={"token": 10**9}))
    assert log.verdict(log.put("lab", usage(ref, quantities={"call": 1})).first_index) == ("licensed", "")
    assert log.figures()["unpriced"] == 2
    log.put("lab", usage(ref, quantities={"item": 1}))
    log.rule("lab", log.statement(unpriced=1), field="unpriced")
    log.bill()
    log.check()


def test_an_account_that_can_never_be_stated_after_a_refund(log: Market) -> None:
    """More was credited after payment than has been used since: nothing is due, and nothing is refused for ever; the
    refund is used up by later uses, to the nano, and then the account is stated again."""
    ref = log.sell("owner", "corpus")
    index = log.use("lab", ref, 100 * CENT)
    log.pay(log.bill(), 100 * CENT)
    log.accept(log.correct(index, token=30 * CENT))
    assert log.balance() == (100 * CENT, 70 * CENT, 100 * CENT)
    log.rule("owner", log.statement(), field="due")
    log.use("lab", ref, 69 * CENT)
    assert log.figures()["due"] == 0
    log.rule("lab", log.statement(), field="due")
    log.use("lab", ref, 2 * CENT + 5)
    statement = log.bill()
    assert log.due(statement) == CENT
    log.pay(statement, CENT)
    gross, credited, billed = log.balance()
    assert 0 <= gross - credited - billed < CENT
    log.check()


def test_an_account_that_was_credited_whole(log: Market) -> None:
    """Everything that was ever charged, credited: the account goes on with the next use that passes what was paid."""
    ref = log.sell("owner", "corpus")
    paid = [log.use("lab", ref, 10 * CENT) for _ in range(3)]
    log.bill()
    for index in paid:
        log.accept(log.correct(index))
    assert log.balance() == (30 * CENT, 30 * CENT, 30 * CENT)
    log.use("lab", ref, 30 * CENT)
    log.rule("lab", log.statement(), field="due")
    log.use("lab", ref, CENT)
    assert log.due(log.bill()) == CENT
    log.check()


def test_hiding_free_rides_by_a_first_price_in_another_currency(log: Market) -> None:
    """Uses of an asset without terms stand in the statements of every currency; once it has terms, in those of its own,
    also where these are stated for the first time; a statement of before keeps the count of before."""
    priced = log.sell("owner", "priced")
    bare = log.register("owner", "bare")
    log.put("lab", usage(priced, quantities={"token": CENT}), *[usage(bare)] * 3)
    before = log.size
    log.publish("owner", bare, currency="USD")
    log.use("lab", priced, CENT)
    counts = [figures_at(log.state, log.account(), to).unlicensed for to in (before, log.size)]
    assert counts == [3, 0]
    log.rule("lab", log.statement(to=before, unlicensed=0), field="unlicensed")
    log.bill(to=before)
    assert figures_at(log.state, log.account(currency="USD"), log.size).unlicensed == 3
    log.check()
