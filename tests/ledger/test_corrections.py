"""ledger.corrections: what was logged too high is lowered, and each payee credits its own part (design section 5)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.corrections import base_of, basis_of, newest_correction
from ledger.sumlist import iterate
from tests.ledger.market import Market, offer, splits
from tests.ledger.support import NAME, body, delegate, none, public, source, usage


@pytest.fixture
def log() -> Market:
    """A log with five parties."""
    return Market()


def credits(log: Market, payee: str, payer: str = "lab") -> list[tuple[int, int]]:
    """The credits of an account: leaf and amount."""
    return list(iterate(log.store, log.account(payer, payee).credits, start=0, below=log.size))


# What may be corrected, and to what


def test_a_correction_only_lowers(log: Market) -> None:
    """No unit above what was logged, or above the newest correction; one below; a unit that wasn't there is one too
    many."""
    ref = log.sell("owner", "corpus", offers=[offer(1), offer(1, unit="call")])
    index = log.put("lab", usage(ref, quantities={"call": 5, "token": 1000})).first_index
    for wrong, unit, most in (
        ({"token": 1001, "call": 5}, "token", 1000), ({"call": 6}, "call", 5), ({"item": 1}, "item", 0),
        ({"call": 5, "token": 999, "item": 1}, "item", 0),
    ):  # fmt: skip
        refusal = log.rule("lab", log.correction(index, **wrong), field=f"quantities.{unit}")
        assert refusal.expected == f"at most {most}"
    log.rule("lab", log.correction(index, call=5, token=1000), field="quantities")
    log.correct(index, call=5, token=400)
    newest = newest_correction(log.state, index)
    assert newest is not None
    assert newest.quantities == {"call": 5, "token": 400}
    log.rule("lab", log.correction(index, call=5, token=400), field="quantities")
    log.rule("lab", log.correction(index, call=5, token=401), field="quantities.token")
    log.correct(index, token=400)
    log.rule("lab", log.correction(index, call=1, token=400), field="quantities.call")
    log.correct(index)
    log.rule("lab", log.correction(index), field="quantities")
    log.check()


def test_only_the_user_corrects_and_only_what_it_saw(log: Market) -> None:
    """Another party, a provider-seen use, and what is no usage: refused; another key of the party may."""
    ref = log.sell("owner", "corpus")
    index = log.use("lab", ref)
    seen = log.use("lab", ref, seen_by="provider", party=public("third"))
    for who, target in (
        ("owner", log.ref(index)), ("third", log.ref(seen)), ("lab", log.ref(seen)), ("lab", ref), ("lab", log.ref(0)),
        ("lab", log.ref(index)[:8] + bytes(32)), ("lab", bytes(40)),
    ):  # fmt: skip
        data = body("correction", usage=target, quantities={}, reason="r")
        log.rule(who, none(), data, field="usage", position=1)
    log.put("lab", delegate("agent", "lab", "correction"))
    log.correct(index, who="agent", token=1)
    log.check()


def test_what_was_not_charged_can_be_corrected_but_credits_nobody(log: Market) -> None:
    """Unlicensed, unclaimed and unpriced uses: the record is put right, there is nothing to accept."""
    ref = log.sell("owner", "corpus")
    bare = log.register("owner", "bare")
    for index in (log.use("lab", bare), log.use("lab", NAME), log.use("lab", ref, use="embed")):
        correction = log.correct(index, token=1)
        log.rule("owner", log.acceptance(correction), field="correction")
    assert credits(log, "owner") == []
    log.check()


# Acceptance


def test_a_correction_alone_lowers_nothing(log: Market) -> None:
    """Downward without acceptance: the account stays as it is."""
    ref = log.sell("owner", "corpus")
    index = log.use("lab", ref, 1000)
    correction = log.correct(index, token=400)
    assert log.balance() == (1000, 0, 0)
    accepted = log.accept(correction)
    assert log.balance() == (1000, 600, 0)
    assert credits(log, "owner") == [(accepted, 600)]
    log.check()


def test_who_may_accept(log: Market) -> None:
    """A payee of that usage, once, of the newest correction: no payee of another account, not the payer, no stranger,
    nothing but a correction."""
    _, b, c = log.chain()
    index = log.use("lab", c, 1000)
    other = log.use("lab", b, 1000)
    first = log.correct(index, token=500)
    second = log.correct(index, token=400)
    refusal = log.rule("owner", log.acceptance(first), field="correction")
    assert f"entry {second}" in refusal.detail
    for who in ("lab", "fourth", "operator"):
        log.rule(who, log.acceptance(second), field="correction")
    log.rule("third", log.acceptance(log.correct(other, token=1)), field="correction")  # it has no part in B
    for wrong in (log.ref(index), log.ref(0), log.ref(second)[:8] + bytes(32), bytes(40)):
        log.rule("owner", none(), body("accept", correction=wrong), field="correction", position=1)
    for who in ("owner", "maker", "third"):
        log.accept(second, who)
        assert "already" in log.rule(who, log.acceptance(second), field="correction").detail
    log.check()


def test_each_payee_credits_its_own_part_alone(log: Market) -> None:
    """Of a charge of 1,000 corrected to 400, each payee that accepts credits six tenths of its line, the others
    nothing."""
    _, _, c = log.chain()
    correction = log.correct(log.use("lab", c, 1000), token=400)
    log.accept(correction, "maker")
    assert [log.balance("lab", who)[1] for who in ("owner", "maker", "third")] == [0, 60, 0]
    log.accept(correction, "owner")
    log.accept(correction, "third")
    assert [log.balance("lab", who)[1] for who in ("owner", "maker", "third")] == [30, 60, 510]
    log.check()


def test_accepting_one_after_the_other_is_as_accepting_the_last(log: Market) -> None:
    """A payee that accepts each of several corrections has credited in all what one acceptance of the last would."""
    ref = log.sell("owner", "corpus", splits=splits(owner=3333, maker=6667))
    index = log.use("lab", ref, 1000)
    for tokens in (700, 699, 20, 0):
        correction = log.correct(index, **({"token": tokens} if tokens else {}))
        log.accept(correction)
        basis = basis_of(log.state, index, log.row(index))
        assert basis is not None
        left = basis.handed_down({"token": tokens} if tokens else {}).get(public("owner"), 0)
        gross, credited, _ = log.balance()
        assert gross - credited == left
    log.accept(correction, "maker")
    assert log.balance("lab", "maker") == (667, 667, 0)
    log.check()


def test_a_lower_use_that_would_pay_a_payee_more_credits_nothing(log: Market) -> None:
    """Where rounding gives a payee more of a smaller charge (of 11 it gets 1, of 10 it gets 2), its acceptance credits
    nothing, and its base stays: later ones credit what it got and no more."""
    ref = log.sell("owner", "corpus", splits=splits(owner=4286, maker=4286, third=1428))
    index = log.use("lab", ref, 11)
    assert log.lines(index) == {"owner": 5, "maker": 5, "third": 1}
    correction = log.correct(index, token=10)
    log.accept(correction, "third")
    assert credits(log, "third") == []
    assert base_of(log.state, index, public("third")) == (1, correction)
    log.accept(correction)
    assert log.balance() == (5, 1, 0)
    last = log.correct(index)
    for who in ("third", "owner", "maker"):
        log.accept(last, who)
    assert [log.balance("lab", who) for who in ("owner", "maker", "third")] == [(5, 5, 0), (5, 5, 0), (1, 1, 0)]
    log.check()


def test_a_base_never_rises(log: Market) -> None:
    """What a payee accepted once stays credited, whatever later corrections would give it."""
    ref = log.sell("owner", "corpus", offers=[offer(1), offer(1000, unit="call")])
    index = log.put("lab", usage(ref, quantities={"call": 1, "token": 500})).first_index
    log.accept(log.correct(index, call=1))
    assert log.balance() == (1500, 500, 0)
    log.accept(log.correct(index))
    assert log.balance() == (1500, 1500, 0)


def test_corrections_go_by_the_usages_own_terms(log: Market) -> None:
    """Terms, shares and splits that changed since don't change what a corrected use comes to, nor who gets it back."""
    a = log.sell("owner", "a", derivatives=500)
    ref = log.sell("maker", "corpus", source(a, bps=500), splits=splits(maker=10_000))
    index = log.use("lab", ref, 1000)
    log.publish("maker", ref, offer(9), splits=splits(third=10_000))
    log.publish("owner", a, derivatives=0, splits=splits(third=10_000))
    correction = log.correct(index, token=400)
    log.rule("third", log.acceptance(correction), field="correction")
    log.accept(correction, "maker")
    log.accept(correction, "owner")
    assert [log.balance("lab", who)[1] for who in ("owner", "maker", "third")] == [30, 570, 0]
    log.check()


def test_granted_terms_are_a_usages_own_too(log: Market) -> None:
    """A use under older, granted terms is corrected by these."""
    ref = log.sell("owner", "corpus", offers=[offer(2)])
    log.publish("owner", ref, offer(9))
    log.put("owner", body("grant", terms=ref, licensee=public("lab")))
    index = log.use("lab", ref, 100, terms=ref)
    log.accept(log.correct(index, token=50))
    assert log.balance() == (200, 100, 0)


def test_ones_own_part_is_nobodys_to_accept(log: Market) -> None:
    """Whoever used what it gets a part of itself has no line for that part, and nothing to credit."""
    _, b, _ = log.chain()
    correction = log.correct(log.use("maker", b, 1000), "maker", token=1)
    log.rule("maker", log.acceptance(correction), field="correction")
    log.accept(correction)
    assert log.balance("maker", "owner") == (50, 50, 0)


def test_corrections_and_acceptances_within_batches(log: Market) -> None:
    """Several corrections of one usage in a batch: each lowers the one before, and the last one counts."""
    ref = log.sell("owner", "corpus")
    index = log.use("lab", ref, 1000)
    first = log.put("lab", log.correction(index, token=600), log.correction(index, token=500)).first_index
    log.rule("lab", log.correction(index, token=400), log.correction(index, token=450), field="quantities.token",
             position=1)  # fmt: skip
    log.rule("owner", log.acceptance(first), field="correction")
    log.rule("owner", log.acceptance(first + 1), log.acceptance(first + 1), field="correction", position=1)
    log.accept(first + 1)
    assert log.balance() == (1000, 500, 0)
    log.check()


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    st.lists(st.sampled_from(["owner", "maker", "third"]), min_size=1, max_size=8),
    st.integers(1, 10**6),
)
def test_no_order_of_acceptances_credits_more_than_a_line(
    lowered: list[int], accepting: list[str], tokens: int
) -> None:
    """Whoever accepts what and when: no account's credits pass its lines, and after everybody has accepted the last
    correction each is credited at least down to its part of it."""
    log = Market()
    a = log.sell("owner", "a", derivatives=3333)
    ref = log.sell("maker", "corpus", source(a, bps=3333), splits=splits(maker=3333, third=3334, owner=3333))
    index = log.use("lab", ref, tokens)
    correction = None
    for step in sorted({n for n in lowered if n < tokens}, reverse=True):
        correction = log.correct(index, **({"token": step} if step else {}))
        for who in accepting:
            offered = log.sign(who, log.acceptance(correction))
            held = base_of(log.state, index, public(who))
            if log.lines(index).get(who) and (held is None or held[1] != correction):
                log.take(offered)
    if correction is None:
        return
    quantities: dict[str, Any] = {"token": step} if step else {}
    basis = basis_of(log.state, index, log.row(index))
    assert basis is not None
    for who, line in log.lines(index).items():
        gross, credited, _ = log.balance("lab", who)
        assert (gross, credited <= gross) == (line, True)
        held = base_of(log.state, index, public(who))
        if held is not None and held[1] == correction:
            assert gross - credited <= basis.handed_down(quantities).get(public(who), 0)
            assert gross - credited == held[0]
