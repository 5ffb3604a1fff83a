"""ledger.terms: who may publish and grant what, shares at registration, withdrawals (design sections 4 and 5)."""

from typing import Any

import pytest

from ledger import postings
from ledger.accounts import figures_at
from proofs import codec
from proofs.ref import Ref, unpack_ref
from tests.ledger.market import Market, offer, plain, splits, terms
from tests.ledger.support import AT, NAME, asset, body, delegate, none, public, source, usage


@pytest.fixture
def log() -> Market:
    """A log with five parties."""
    return Market()


GHOST = b"\x07" * 32
"""A party that never joined."""


def body_unchecked(kind: str, **fields: Any) -> bytes:
    """A record as it is, whatever the field rules say."""
    return codec.encode({"kind": kind, "at": AT, **fields})


def published(ref: bytes, *offers: dict[str, Any], **fields: Any) -> bytes:
    """The body of a terms record."""
    return body("terms", asset=ref, **terms(*offers, **fields))


# Who may publish


def test_terms_of_somebody_elses_asset_are_refused(log: Market) -> None:
    """Terms for an asset of another party, of no asset or of another log's: refused, at their position."""
    ref = log.register("owner", "corpus")
    refusal = log.rule("third", none(), published(ref), field="asset", position=1)
    assert "owns" in refusal.expected
    for wrong in (ref[:8] + bytes(32), bytes(40), log.ref(1), (log.size + 5).to_bytes(8, "big") + ref[8:]):
        log.rule("owner", published(wrong), field="asset")
    log.publish("owner", ref)
    log.put("owner", delegate("agent", "owner", "terms"))
    log.put("agent", published(ref))
    log.check()


def test_terms_for_a_record_of_the_same_batch_are_refused(log: Market) -> None:
    """A reference can't be known before its entry is in the log, so guessing it is of no use."""
    data = asset("new")
    guess = log.sign("owner", data, none())
    ref = Ref(log.size, log.prepare(guess).leaves[0]).pack()
    log.rule("owner", data, published(ref), field="asset", position=1)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"owner": 9_999}, "splits"),
        ({"owner": 5_000, "third": 5_001}, "splits"),
        ({"owner": 10_000, "third": 1}, "splits"),
        ({"owner": 0}, "splits"),
    ],
)
def test_splits_that_do_not_add_up_are_refused(log: Market, parts: dict[str, int], field: str) -> None:
    """Splits that come to more or less than 10,000 are a bad field, in terms and in inline terms."""
    ref = log.register("owner", "corpus")
    bad = body_unchecked("terms", asset=ref, **terms(splits=splits(**parts)))
    log.refused(log.sign("owner", bad), 422, "usance:field", position=0, field=field)
    inline = body_unchecked("asset", type="work", name="w", terms=terms(splits=splits(**parts)))
    log.refused(log.sign("owner", inline), 422, "usance:field", position=0, field="terms.splits")


@pytest.mark.parametrize("bad", ["twice", "nine"])
def test_splits_name_nobody_twice_and_at_most_eight(log: Market, bad: str) -> None:
    """A party twice, and nine parties, are bad fields."""
    ref = log.register("owner", "corpus")
    parts = [{"party": public("owner"), "bps": 5000}] * 2
    if bad == "nine":
        parts = [{"party": bytes([n]) * 32, "bps": 2000 if n == 8 else 1000} for n in range(9)]
    data = body_unchecked("terms", asset=ref, **terms(splits=parts))
    log.refused(log.sign("owner", data), 422, "usance:field", position=0, field="splits")


@pytest.mark.parametrize("where", ["terms", "inline"])
def test_parties_that_are_named_must_be_bound(log: Market, where: str) -> None:
    """A split, an arbiter or a licensee that is no party of the log is refused by its place; a delegate's key is none,
    a party that has ended is one."""
    ref = log.register("owner", "corpus")
    log.put("owner", delegate("agent", "owner", "terms"))
    prefix = "" if where == "terms" else "terms."

    def offered(**fields: Any) -> bytes:
        return published(ref, **fields) if where == "terms" else asset("x", terms=terms(**fields))

    for ghost in (GHOST, public("agent")):
        half = [{"party": public("owner"), "bps": 5000}, {"party": ghost, "bps": 5000}]
        log.rule("owner", offered(splits=half), field=f"{prefix}splits.1.party")
        log.rule("owner", offered(arbiter=ghost), field=f"{prefix}arbiter")
    log.put("fourth", body("revoke", key=public("fourth")))
    log.put("owner", offered(splits=splits(owner=1, fourth=9_999), arbiter=public("fourth")))
    log.check()


# Offers, currencies, faults


def test_one_offer_for_a_use_and_unit(log: Market) -> None:
    """Two offers for the same use and unit, and a price above 2^53, are bad fields; 2^53 is allowed."""
    ref = log.register("owner", "corpus")
    twice = body_unchecked("terms", asset=ref, **terms(offer(1), offer(2)))
    log.refused(log.sign("owner", twice), 422, "usance:field", position=0, field="offers")
    dear = body_unchecked("terms", asset=ref, **terms(offer(2**53 + 1)))
    log.refused(log.sign("owner", dear), 422, "usance:field", position=0, field="offers.0.price")
    free = body_unchecked("terms", asset=ref, **terms(offer(1, per=0)))
    log.refused(log.sign("owner", free), 422, "usance:field", position=0, field="offers.0.per")
    log.publish("owner", ref, offer(2**53), offer(0, unit="call"), offer(2, use="ground"))


def test_a_currency_is_for_ever(log: Market) -> None:
    """The first terms fix an asset's currency, also where they offer nothing."""
    ref = log.register("owner", "corpus")
    log.put("owner", body("terms", asset=ref, currency="EUR", offers=[]))
    refusal = log.rule("owner", published(ref, currency="USD"), field="currency")
    assert refusal.expected == "EUR"
    log.publish("owner", ref)
    log.check()


def test_a_currency_is_that_of_the_sources(log: Market) -> None:
    """What pays a source is priced in the source's currency, in terms and inline, also through others; a source that
    has no share binds nobody."""
    a = log.sell("owner", "a", derivatives=500)
    free = log.sell("owner", "free", currency="USD")
    shares = [source(a, bps=500), source(free)]
    for currency in ("USD", "EURX"):
        bad = asset("b", sources=shares, terms=terms(currency=currency))
        assert log.rule("maker", bad, field="terms.currency").expected == "EUR"
    b = log.register("maker", "b", sources=shares)
    c = log.register("third", "c", sources=[source(b)])
    for who, ref in (("maker", b), ("third", c)):
        assert log.rule(who, published(ref, currency="USD"), field="currency").expected == "EUR"
        log.publish(who, ref)
    log.check()


def oversubscribed(log: Market) -> bytes:
    """An asset of `maker` whose sources ask for 10,001 bps."""
    a = log.sell("owner", "a", derivatives=9_000)
    b = log.sell("third", "b", derivatives=1_001)
    return log.register("maker", "over", sources=[source(a, bps=9_000), source(b, bps=1_001)])


def mixed(log: Market) -> bytes:
    """An asset of `maker` that would have to pay in two currencies."""
    a = log.sell("owner", "a", derivatives=1)
    b = log.sell("third", "b", derivatives=1, currency="USD")
    return log.register("maker", "mixed", sources=[source(a, bps=1), source(b, bps=1)])


def too_many(log: Market) -> bytes:
    """An asset of `maker` with 33 assets in its closure."""
    first = log.put("owner", *[asset(f"s{n}", terms=terms(derivatives=1)) for n in range(33)]).first_index
    return log.register("maker", "many", sources=[source(log.ref(first + n), bps=1) for n in range(33)])


@pytest.mark.parametrize("make", [oversubscribed, mixed, too_many])
def test_who_cannot_pay_all_sources_cannot_sell(log: Market, make: Any) -> None:
    """Such an asset may be registered, but have no offers, nor may anything made from it; terms without offers and
    uses are fine."""
    ref = make(log)
    refusal = log.rule("maker", published(ref), field="offers")
    assert refusal.expected == "no offers"
    log.put("maker", body("terms", asset=ref, currency="EUR", offers=[]))
    log.rule("maker", asset("x", sources=[source(ref)], terms=terms()), field="terms.offers")
    below = log.register("third", "below", sources=[source(ref)])
    log.rule("third", published(below), field="offers")
    assert log.verdict(log.use("lab", below)) == ("unlicensed", "no-terms")
    assert log.verdict(log.use("lab", ref)) == ("unpriced", "no-offer")
    log.check()


def test_the_whole_may_be_given_away(log: Market) -> None:
    """Shares of exactly 10,000 bps, and 32 assets, can be sold; the owner gets what is left."""
    a = log.sell("owner", "a", derivatives=10_000)
    b = log.sell("maker", "b", source(a, bps=10_000))
    assert log.lines(log.use("lab", b, 77)) == {"owner": 77}
    first = log.put("owner", *[asset(f"s{n}", terms=terms(derivatives=100)) for n in range(32)]).first_index
    c = log.sell("third", "c", *[source(log.ref(first + n), bps=100) for n in range(32)])
    assert log.lines(log.use("lab", c, 1000)) == {"owner": 320, "third": 680}
    log.check()


# Shares at registration


def test_a_share_is_the_one_that_is_asked(log: Market) -> None:
    """A source's bps that isn't what its newest terms ask is refused, with the right one; 0 where it has no terms."""
    a = log.sell("owner", "a", derivatives=500)
    bare = log.register("owner", "bare")
    for sources, field, right in (
        ([source(a)], "sources.0.bps", "500"),
        ([source(bare), source(a, bps=499)], "sources.1.bps", "500"),
        ([source(NAME), source(bare, bps=1)], "sources.1.bps", "0"),
        ([source(a, bps=500), source(a, "contains", bps=1)], "sources.1.bps", "500"),
    ):
        refusal = log.rule("maker", plain(sources=sources), field=field)
        assert refusal.expected == right
    log.publish("owner", a, derivatives=700)
    assert log.rule("maker", plain(sources=[source(a, bps=500)]), field="sources.0.bps").expected == "700"
    log.register("maker", "b", sources=[source(a, bps=700), source(a, "contains", bps=700), source(a, "evaluated_on")])
    log.check()


def test_nothing_can_be_asked_for_what_is_no_source(log: Market) -> None:
    """A share for an external name, for evaluated_on or in a description is a bad field."""
    a = log.sell("owner", "a", derivatives=500)
    for kind, fields, field in (
        ("asset", {"type": "work", "name": "x", "sources": [source(NAME, bps=1)]}, "sources.0.bps"),
        ("asset", {"type": "work", "name": "x", "sources": [source(a, "evaluated_on", bps=500)]}, "sources.0.bps"),
        ("description", {"type": "work", "name": NAME, "sources": [source(a, bps=500)]}, "sources"),
    ):
        log.refused(log.sign("maker", body_unchecked(kind, **fields)), 422, "usance:field", position=0, field=field)


def test_a_share_stays_as_it_was_registered(log: Market) -> None:
    """What a source asks later changes nothing for what was made from it before."""
    a, b, _ = log.chain()
    log.publish("owner", a, derivatives=9_000)
    assert log.lines(log.use("lab", b, 1000)) == {"owner": 50, "maker": 950}


def test_granted_terms_keep_their_share(log: Market) -> None:
    """Whoever was granted older terms may register by their share as well as by the newest; nobody else, and not
    after the grant has ended."""
    a = log.sell("owner", "a", derivatives=500)
    old = a
    log.publish("owner", a, derivatives=900)
    made = [plain(f"m{n}", sources=[source(a, bps=500)]) for n in range(3)]
    assert log.rule("maker", made[0], field="sources.0.bps").expected == "900"
    granted = log.ref(log.put("owner", body("grant", terms=old, licensee=public("maker"))).first_index)
    log.put("maker", made[0])
    log.register("maker", "by the newest", sources=[source(a, bps=900)])
    log.rule("third", made[1], field="sources.0.bps")
    log.put("owner", body("withdraw", target=granted))
    log.rule("maker", made[2], field="sources.0.bps")
    log.check()


# Grants


def test_who_may_grant_what_to_whom(log: Market) -> None:
    """Only the owner grants, only terms, only to a party of the log, and once while the grant stands."""
    ref = log.register("owner", "corpus")
    offered = log.publish("owner", ref)
    grant = {"terms": offered, "licensee": public("lab")}
    log.rule("third", body("grant", **grant), field="terms")
    for wrong in (ref, log.ref(1), bytes(40), offered[:8] + bytes(32)):
        log.rule("owner", body("grant", **{**grant, "terms": wrong}), field="terms")
    log.rule("owner", body("grant", **{**grant, "licensee": GHOST}), field="licensee")
    standing = log.put("owner", body("grant", **grant)).first_index
    assert str(standing) in log.rule("owner", body("grant", **grant), field="licensee").detail
    log.put("owner", body("withdraw", target=log.ref(standing)))
    log.put("owner", body("grant", **grant), body("grant", **{**grant, "licensee": public("owner")}))
    log.check()


def test_withdrawing_a_grant(log: Market) -> None:
    """Only its signer's party ends a grant, once; by then the licensee can't use the old terms any more."""
    ref = log.sell("owner", "corpus")
    log.publish("owner", ref, offer(2))
    granted = log.ref(log.put("owner", body("grant", terms=ref, licensee=public("lab"))).first_index)
    log.use("lab", ref, terms=ref)
    log.rule("lab", body("withdraw", target=granted), field="target")
    log.rule("third", body("withdraw", target=granted), field="target")
    log.put("owner", body("withdraw", target=granted))
    log.rule("owner", body("withdraw", target=granted), field="target")
    log.rule("lab", usage(ref, terms=ref), field="terms", problem="usance:terms")
    log.check()


def test_a_grant_lets_old_terms_be_used_by_their_licensee_alone(log: Market) -> None:
    """The licensee uses older terms by naming them, whatever came since; without naming it agrees to the newest."""
    ref = log.sell("owner", "corpus")
    newest = log.publish("owner", ref, offer(5))
    log.put("owner", body("grant", terms=ref, licensee=public("lab")))
    assert log.lines(log.use("lab", ref, 10, terms=ref)) == {"owner": 10}
    assert log.lines(log.use("lab", ref, 10)) == {"owner": 50}
    assert log.lines(log.use("lab", ref, 10, terms=newest)) == {"owner": 50}
    refusal = log.rule("third", usage(ref, terms=ref), field="terms", problem="usance:terms")
    assert refusal.extra["terms"] == refusal.expected == str(unpack_ref(newest))
    log.check()


# First terms and free rides


def test_the_first_terms_give_uses_so_far_their_currency(log: Market) -> None:
    """Uses of an asset without terms count in every account with its owner; from its first terms on in those of their
    currency alone; a statement's `to` before that sees them as they were known then."""
    bare = log.register("owner", "bare")
    for currency in ("EUR", "USD"):
        log.use("lab", log.sell("owner", currency, currency=currency))
    log.use("lab", bare)
    log.put("lab", usage(bare), usage(bare))
    log.use("third", bare)
    before = log.size
    log.publish("owner", bare, currency="USD")

    def unlicensed(currency: str, to: int) -> int:
        return figures_at(log.state, log.account(currency=currency), to).unlicensed

    assert [unlicensed(currency, before) for currency in ("EUR", "USD")] == [3, 3]
    assert [unlicensed(currency, log.size) for currency in ("EUR", "USD")] == [0, 3]
    assert unlicensed("EUR", before - 2) == 2
    assert log.verdict(log.use("lab", bare, 7)) == ("licensed", "")
    log.check()


def test_of_very_many_users_some_stay_without_a_currency(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many users of an asset without terms are followed; the uses of others go on to count in every account,
    so that no first terms can cost without bound."""
    monkeypatch.setattr(postings, "RIDERS_MAX", 2)
    bare = log.register("owner", "bare")
    for currency in ("EUR", "USD"):
        ref = log.sell("owner", currency, currency=currency)
        for who in ("lab", "third", "fourth"):
            log.use(who, ref)
    for who in ("lab", "third", "lab", "fourth", "fourth", "lab"):
        log.use(who, bare)
    log.publish("owner", bare)

    def unlicensed(who: str) -> tuple[int, int]:
        eur, usd = (
            figures_at(log.state, log.account(who, currency=currency), log.size).unlicensed
            for currency in ("EUR", "USD")
        )
        return eur, usd

    assert [unlicensed(who) for who in ("lab", "third", "fourth")] == [(3, 0), (1, 0), (2, 2)]
    log.check()
