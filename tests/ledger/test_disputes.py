"""ledger.disputes: who may dispute what, and who ends it (design section 4)."""

import pytest

from ledger.disputes import dispute_state
from ledger.errors import Refusal
from tests.ledger.market import CENT, Market, plain, splits
from tests.ledger.support import NAME, body, delegate, none, public, source, usage


@pytest.fixture
def log() -> Market:
    """A log with five parties."""
    return Market()


def disputed(target: bytes) -> bytes:
    """The body of a dispute."""
    return body("dispute", target=target, reason="wrong")


def resolved(log: Market, dispute: int, outcome: str) -> bytes:
    """The body of a resolution."""
    return body("resolution", dispute=log.ref(dispute), outcome=outcome)


def dispute(log: Market, who: str, target: int) -> int:
    """A dispute; its index."""
    return log.put(who, disputed(log.ref(target))).first_index


def state(log: Market, index: int) -> str:
    """How a dispute stands."""
    found = dispute_state(log.state, index)
    assert found is not None
    return found[2]


def may_dispute(log: Market, target: int) -> set[str]:
    """Who may dispute the entry, of everybody."""
    found = set()
    for who in ("owner", "maker", "lab", "third", "fourth", "operator"):
        batch = log.sign(who, disputed(log.ref(target)))
        try:
            log.take(batch)
        except Refusal:
            log.refused(batch, 422, "usance:rule", position=0, field="target")
        else:
            found.add(who)
    return found


# Who may dispute


def test_a_use_concerns_its_signer_and_those_it_pays(log: Market) -> None:
    """A charged use: the user, the owner of the asset, and every payee; not a party that got nothing of it."""
    a = log.sell("owner", "a", derivatives=500, splits=splits(owner=5000, fourth=5000))
    b = log.sell("maker", "b", source(a, bps=500), splits=splits(third=10_000))
    assert may_dispute(log, log.use("lab", b, 1000)) == {"lab", "maker", "owner", "fourth", "third"}
    assert may_dispute(log, log.use("lab", b, 1)) == {"lab", "maker", "third"}
    log.check()


def test_an_uncharged_use_concerns_the_owner(log: Market) -> None:
    """Unlicensed by reference: the asset's owner; by name: the only claimant; contested: nobody but the user; seen by
    a provider: also whom it names."""
    bare = log.register("owner", "bare")
    assert may_dispute(log, log.use("lab", bare)) == {"lab", "owner"}
    seen = log.use("maker", bare, seen_by="provider", party=public("lab"))
    assert may_dispute(log, seen) == {"maker", "owner", "lab"}
    log.put("owner", plain(aka=[NAME]))
    assert may_dispute(log, log.use("lab", NAME)) == {"lab", "owner"}
    log.put("third", plain(aka=[NAME]))
    assert may_dispute(log, log.use("lab", NAME)) == {"lab"}
    log.check()


def test_money_concerns_payer_and_payee(log: Market) -> None:
    """Statements, payments and receipts: both sides of the account; corrections: as their usage; acceptances: the
    payee that accepted and the payer."""
    _, _, c = log.chain()
    index = log.use("lab", c, 100 * CENT)
    statement = log.bill()
    payment = log.put("lab", log.receipt(statement, CENT, kind="payment")).first_index
    for target in (statement, payment, log.pay(statement, CENT)):
        assert may_dispute(log, target) == {"lab", "owner"}
    correction = log.correct(index, token=1)
    assert may_dispute(log, correction) == {"lab", "owner", "maker", "third"}
    assert may_dispute(log, log.accept(correction, "maker")) == {"lab", "maker"}
    log.check()


def test_assets_grants_and_descriptions(log: Market) -> None:
    """An asset: its owner, the owners of what it lists under whatever relation, and others who claim its names now; a
    grant: owner and licensee; a description: its author and the owners of what it lists."""
    a = log.register("owner", "a")
    e = log.register("fourth", "e")
    made = log.put("maker", plain(sources=[source(a), source(e, "evaluated_on")], aka=[NAME, NAME + "2"])).first_index
    assert may_dispute(log, made) == {"maker", "owner", "fourth"}
    rival = log.put("third", plain(aka=[NAME + "2"])).first_index
    assert may_dispute(log, made) == {"maker", "owner", "fourth", "third"}
    log.put("third", body("withdraw", target=log.ref(rival)))
    assert may_dispute(log, made) == {"maker", "owner", "fourth"}
    sold = log.sell("owner", "sold")
    grant = log.put("owner", body("grant", terms=sold, licensee=public("lab"))).first_index
    assert may_dispute(log, grant) == {"owner", "lab"}
    told = body("description", name=NAME, type="work", sources=[source(a), source("pkg:pypi/x")])
    assert may_dispute(log, log.put("third", told).first_index) == {"third", "owner"}
    log.check()


def test_what_cannot_be_disputed(log: Market) -> None:
    """Records without another side, and references to nothing: refused."""
    sold = log.sell("owner", "sold")
    terms = log.publish("owner", sold)
    nil = log.ref(log.put("owner", none()).first_index)
    made = dispute(log, "lab", log.use("lab", sold))
    for target in (terms, nil, log.ref(0), log.ref(1), log.ref(made), bytes(40), sold[:8] + bytes(32)):
        log.rule("owner", none(), disputed(target), field="target", position=1)


# How it ends


def charged(log: Market, arbiter: str = "fourth") -> int:
    """A use of the lab that pays `owner`, under terms with an arbiter."""
    return log.use("lab", log.sell("owner", "corpus", arbiter=public(arbiter)))


@pytest.mark.parametrize(("disputer", "other"), [("lab", "owner"), ("owner", "lab")])
def test_the_other_side_concedes_or_rejects(log: Market, disputer: str, other: str) -> None:
    """Conceded ends it; rejected leaves it open to everybody else, and is said once."""
    index = charged(log)
    first, second = dispute(log, disputer, index), dispute(log, disputer, index)
    for who in (disputer, "third", "maker"):
        for outcome in ("conceded", "rejected", "upheld"):
            log.rule(who, resolved(log, first, outcome), field="outcome")
    log.put(other, resolved(log, first, "conceded"))
    assert state(log, first) == "conceded"
    log.put(other, resolved(log, second, "rejected"))
    log.rule(other, resolved(log, second, "rejected"), field="outcome")
    assert state(log, second) == "rejected"
    log.put(other, resolved(log, second, "conceded"))
    assert state(log, second) == "conceded"
    log.check()


def test_only_the_disputer_withdraws(log: Market) -> None:
    """Also after the other side has rejected."""
    index = dispute(log, "lab", charged(log))
    for who in ("owner", "fourth", "third"):
        log.rule(who, resolved(log, index, "withdrawn"), field="outcome")
    log.put("owner", resolved(log, index, "rejected"))
    log.put("lab", delegate("agent", "lab", "resolution"))
    log.put("agent", resolved(log, index, "withdrawn"))
    assert state(log, index) == "withdrawn"


@pytest.mark.parametrize(("outcome", "after"), [("upheld", "upheld"), ("rejected", "dismissed")])
def test_the_arbiter_has_the_last_word(log: Market, outcome: str, after: str) -> None:
    """Before and after the other side has spoken; it neither concedes nor withdraws."""
    usage_index = charged(log)
    for is_rejected in (False, True):
        index = dispute(log, "owner", usage_index)
        if is_rejected:
            log.put("lab", resolved(log, index, "rejected"))
        for wrong in ("conceded", "withdrawn"):
            log.rule("fourth", resolved(log, index, wrong), field="outcome")
        log.put("fourth", resolved(log, index, outcome))
        assert state(log, index) == after
    log.check()


def test_what_has_ended_stays_ended(log: Market) -> None:
    """After conceded, withdrawn, upheld or the arbiter's rejection nothing follows, from whomever."""
    usage_index = charged(log)
    for who, outcome in (("owner", "conceded"), ("lab", "withdrawn"), ("fourth", "upheld"), ("fourth", "rejected")):
        index = dispute(log, "lab", usage_index)
        log.put(who, resolved(log, index, outcome))
        for again in ("owner", "lab", "fourth"):
            for other in ("conceded", "rejected", "withdrawn", "upheld"):
                log.rule(again, resolved(log, index, other), field="dispute")
    log.check()


def test_whose_arbiter_it_is(log: Market) -> None:
    """A usage's own terms name the arbiter, whatever came since; an asset's newest for a dispute about it; none where
    no terms name one."""
    ref = log.sell("owner", "corpus", arbiter=public("fourth"))
    index = log.use("lab", ref)
    log.publish("owner", ref, arbiter=public("third"))
    log.rule("third", resolved(log, dispute(log, "lab", index), "upheld"), field="outcome")
    log.put("fourth", resolved(log, log.size - 1, "upheld"))
    correction = log.correct(index, token=1)
    log.put("fourth", resolved(log, dispute(log, "owner", correction), "upheld"))
    accept = log.accept(correction)
    log.put("fourth", resolved(log, dispute(log, "lab", accept), "upheld"))
    made = log.put("maker", plain(sources=[source(ref)])).first_index
    about_asset = dispute(log, "owner", made)
    log.rule("third", resolved(log, about_asset, "upheld"), field="outcome")
    about_own = dispute(log, "owner", int.from_bytes(ref[:8], "big"))
    log.put("third", resolved(log, about_own, "upheld"))
    bare = log.use("lab", log.register("owner", "bare"))
    log.rule("fourth", resolved(log, dispute(log, "owner", bare), "upheld"), field="outcome")
    log.check()


@pytest.mark.parametrize("arbiter", ["owner", "lab"])
def test_nobody_arbitrates_a_dispute_of_his_own(log: Market, arbiter: str) -> None:
    """An owner, or a user, whom the terms name as arbiter stays a side: it can't uphold its own dispute, and its
    rejection is the other side's."""
    index = charged(log, arbiter)
    other = "lab" if arbiter == "owner" else "owner"
    own = dispute(log, arbiter, index)
    log.rule(arbiter, resolved(log, own, "upheld"), field="outcome")
    log.rule(arbiter, resolved(log, own, "rejected"), field="outcome")
    theirs = dispute(log, other, index)
    log.rule(arbiter, resolved(log, theirs, "upheld"), field="outcome")
    log.put(arbiter, resolved(log, theirs, "rejected"))
    assert state(log, theirs) == "rejected"
    log.check()


def test_only_a_dispute_can_be_resolved(log: Market) -> None:
    """References to other kinds and to nothing are refused."""
    index = charged(log)
    made = dispute(log, "lab", index)
    log.put("owner", resolved(log, made, "rejected"))
    for wrong in (log.ref(index), log.ref(log.size - 1), bytes(40), log.ref(made)[:8] + bytes(32)):
        data = body("resolution", dispute=wrong, outcome="conceded")
        log.rule("owner", none(), data, field="dispute", position=1)


def test_a_dispute_erases_nothing(log: Market) -> None:
    """Lines, dues and statuses are the same with disputes, however they end."""
    index = charged(log)
    before = (log.balance(), log.verdict(index), log.figures(to=index + 1))
    made = dispute(log, "lab", index)
    log.put("owner", resolved(log, made, "conceded"))
    log.put("lab", usage(log.register("lab", "own")))
    assert (log.balance(), log.verdict(index), log.figures(to=index + 1)) == before
    log.check()
