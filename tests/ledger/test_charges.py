"""ledger.usages with terms in force: which terms are agreed to, status and reason, lines and free rides (design
sections 4 and 5)."""

from typing import Any

import pytest

from ledger import context, keys
from ledger.accounts import figures_at
from ledger.context import STEPS_MAX
from proofs.ref import Ref, unpack_ref
from tests.ledger.market import Market, offer, plain, splits, terms
from tests.ledger.support import NAME, Log, asset, body, delegate, none, public, rotate, source, usage


@pytest.fixture
def log() -> Market:
    """A log with five parties."""
    return Market()


def shown(ref: bytes) -> str:
    """A reference in its text form."""
    return str(unpack_ref(ref))


# Terms agreed to


def test_terms_that_were_replaced_a_moment_before_are_refused(log: Market) -> None:
    """Named terms that aren't the newest at the usage's leaf are 422 `terms`, with those now in force."""
    ref = log.sell("owner", "corpus")
    second = log.publish("owner", ref, offer(2))
    refusal = log.rule("lab", none(), usage(ref, terms=ref), field="terms", position=1, problem="usance:terms")
    assert refusal.expected == refusal.extra["terms"] == shown(second)
    assert log.lines(log.use("lab", ref, 10, terms=second)) == {"owner": 20}
    log.check()


def test_what_a_signer_agrees_to_without_naming_it(log: Market) -> None:
    """Without a name it is what was in force at the tree head that the batch signed: newer terms since then refuse the
    batch, the same ones don't."""
    ref = log.sell("owner", "corpus")
    head = (log.size, log.root)
    log.put("third", none())
    log.put("lab", usage(ref), head=head)
    newest = log.publish("owner", ref, offer(3))
    refusal = log.refused(log.sign("lab", usage(ref), head=head), 422, "usance:terms", position=0, field="terms")
    assert refusal.expected == shown(newest)
    log.refused(log.sign("lab", none(), usage(ref), head=head), 422, "usance:terms", position=1, field="terms")
    log.put("lab", usage(ref, terms=newest), head=head)
    log.put("lab", usage(ref))
    log.check()


def test_terms_that_came_after_the_head_are_refused(log: Market) -> None:
    """Nothing in force at the head, but some at the leaf: 422 `terms`; a head before the asset itself too."""
    bare = log.register("owner", "bare")
    head = (log.size, log.root)
    first = log.publish("owner", bare)
    for size_and_root in (head, (0, Log(begin=False).root)):
        refusal = log.refused(
            log.sign("lab", usage(bare), head=size_and_root), 422, "usance:terms", position=0, field="terms"
        )
        assert refusal.expected == shown(first)
    log.put("lab", usage(bare, terms=first), head=head)


def test_terms_published_in_the_same_batch_bind_who_named_none(log: Market) -> None:
    """An owner that changes terms and uses the asset in one batch is refused like anybody, with terms that can be
    named once they are in the log."""
    ref = log.sell("owner", "corpus")
    change = body("terms", asset=ref, **terms(offer(2)))
    batch = log.sign("owner", change, usage(ref))
    refusal = log.refused(batch, 422, "usance:terms", position=1, field="terms")
    assert refusal.expected == str(Ref(log.size, log.prepare(batch).leaves[0]))
    log.put("owner", usage(ref), change)
    log.check()


def test_terms_of_another_asset_are_refused(log: Market) -> None:
    """A reference to another asset's terms, to no terms, or to terms of an asset that has none: 422 `terms`."""
    ref, other = log.sell("owner", "corpus"), log.sell("owner", "other")
    bare = log.register("owner", "bare")
    for wrong in (other, bare, log.ref(1), bytes(40), ref[:8] + bytes(32)):
        refusal = log.rule("lab", usage(ref, terms=wrong), field="terms", problem="usance:terms")
        assert refusal.expected == shown(ref)
    refusal = log.rule("lab", usage(bare, terms=ref), field="terms", problem="usance:terms")
    assert "has none" in refusal.expected


def test_terms_are_judged_before_the_status(log: Market) -> None:
    """Old terms are refused also where the use would be prohibited or the asset is retired."""
    ref = log.sell("owner", "corpus")
    log.publish("owner", ref, prohibits=["train"])
    log.rule("lab", usage(ref, terms=ref), field="terms", problem="usance:terms")
    log.put("owner", body("withdraw", target=ref))
    log.rule("lab", usage(ref, terms=ref), field="terms", problem="usance:terms")
    assert log.verdict(log.use("lab", ref)) == ("unlicensed", "prohibited")


def test_provider_seen_use_knows_no_terms(log: Market) -> None:
    """It is observed and never charged, whatever the terms; naming some is a bad field."""
    ref = log.sell("owner", "corpus")
    index = log.use("third", ref, seen_by="provider", party=public("lab"))
    assert (log.verdict(index), log.lines(index)) == (("observed", ""), {})
    head = (log.size, log.root)
    log.publish("owner", ref, offer(2))
    log.put("third", usage(ref, seen_by="provider", party=public("lab")), head=head)
    assert log.balance() == (0, 0, 0)
    log.check()


# Status and reason


def test_each_status_and_reason(log: Market) -> None:
    """All that a use by reference can come to, one after the other."""
    full = log.sell(
        "owner", "full", offers=[offer(1), offer(0, unit="call"), offer(2**53, unit="item")], prohibits=["distill"]
    )
    closed = log.sell("owner", "closed", needs_grant=True)
    gone = log.sell("owner", "gone")
    log.put("owner", body("withdraw", target=gone))
    bare = log.register("owner", "bare")

    def look(ref: bytes, **fields: Any) -> tuple[str, str]:
        return log.verdict(log.put("lab", usage(ref, **fields)).first_index)

    assert look(full) == ("licensed", "")
    assert look(full, quantities={"call": 9}) == ("licensed", "")
    assert look(full, quantities={"byte": 1, "token": 9}) == ("part-priced", "")
    assert look(full, quantities={"byte": 1}) == ("unpriced", "no-offer")
    assert look(full, use="embed") == ("unpriced", "no-offer")
    assert look(full, quantities={"item": 2000}) == ("unpriced", "overflow")
    assert look(full, use="distill") == ("unlicensed", "prohibited")
    assert look(closed) == ("unlicensed", "no-grant")
    assert look(gone) == ("unlicensed", "retired")
    assert look(bare) == ("unlicensed", "no-terms")
    log.put("owner", body("grant", terms=closed, licensee=public("lab")))
    assert look(closed) == ("licensed", "")
    log.check()


def test_order_of_reasons(log: Market) -> None:
    """Prohibited before retired, retired before a missing grant."""
    ref = log.sell("owner", "all", needs_grant=True, prohibits=["infer"])
    log.put("owner", body("withdraw", target=ref))
    assert log.verdict(log.use("lab", ref, use="infer")) == ("unlicensed", "prohibited")
    assert log.verdict(log.use("lab", ref)) == ("unlicensed", "retired")


def test_a_grant_is_of_one_version_of_the_terms(log: Market) -> None:
    """Where newer terms need a grant too, one of the older doesn't do for them; of the party, not of one key."""
    ref = log.sell("owner", "closed", needs_grant=True)
    log.put("owner", body("grant", terms=ref, licensee=public("lab")))
    log.put("lab", delegate("agent", "lab", "usage"), rotate("lab-2", "lab"))
    log.publish("owner", ref, offer(2), needs_grant=True)
    assert log.verdict(log.use("agent", ref)) == ("unlicensed", "no-grant")
    assert log.verdict(log.use("lab-2", ref, terms=ref)) == ("licensed", "")
    assert log.balance()[0] == 1000
    log.check()


# Uses by name


def test_use_by_name_is_charged_only_where_it_names_terms(log: Market) -> None:
    """Naming terms of a claiming asset it is judged as that asset, also while others claim the name; without them it
    is unclaimed, unlicensed or contested, and free."""
    assert log.verdict(log.use("lab", NAME)) == ("unclaimed", "")
    ref = log.sell("owner", "claims", aka=[NAME])
    assert log.verdict(log.use("lab", NAME)) == ("unlicensed", "by-name")
    index = log.use("lab", NAME, 10, terms=ref)
    assert (log.verdict(index), log.lines(index)) == (("licensed", ""), {"owner": 10})
    rival = log.sell("third", "rival", aka=[NAME])
    assert log.verdict(log.use("lab", NAME)) == ("contested", "")
    assert log.lines(log.use("lab", NAME, 10, terms=ref)) == {"owner": 10}
    assert log.lines(log.use("lab", NAME, 10, terms=rival)) == {"third": 10}
    log.check()


def test_only_the_newest_claim_of_a_party_counts(log: Market) -> None:
    """Terms of an asset that doesn't claim the name, that claims it no more, or by which its party claimed it before:
    422 `terms`."""
    first = log.sell("owner", "first", aka=[NAME])
    second = log.sell("owner", "second", aka=[NAME])
    other = log.sell("owner", "other", aka=[NAME + "x"])
    for wrong in (first, other, log.ref(1), bytes(40)):
        log.rule("lab", usage(NAME, terms=wrong), field="terms", problem="usance:terms")
    log.put("owner", body("withdraw", target=second))
    log.rule("lab", usage(NAME, terms=second), field="terms", problem="usance:terms")
    assert log.verdict(log.use("lab", NAME, terms=first)) == ("licensed", "")
    log.check()


def test_old_terms_by_name_are_refused_too(log: Market) -> None:
    """What holds for references holds for names: replaced terms only by a grant."""
    ref = log.sell("owner", "claims", aka=[NAME])
    newest = log.publish("owner", ref, offer(2))
    refusal = log.rule("lab", usage(NAME, terms=ref), field="terms", problem="usance:terms")
    assert refusal.expected == shown(newest)
    log.put("owner", body("grant", terms=ref, licensee=public("lab")))
    assert log.lines(log.use("lab", NAME, 10, terms=ref)) == {"owner": 10}


# Lines


def test_the_design_example_from_the_log(log: Market) -> None:
    """A asks 5 %, B from A asks 10 %, C from B: 100.00 on C give 85.00, 10.00 and 5.00."""
    _, _, c = log.chain()
    index = log.use("lab", c, 100 * 10**9)
    assert log.lines(index) == {"third": 85 * 10**9, "maker": 10 * 10**9, "owner": 5 * 10**9}
    assert log.row(index).charge == 100 * 10**9
    log.check()


def test_ones_own_part_is_dropped(log: Market) -> None:
    """Whoever uses its own asset, or what it was made from, pays the others only; lines and the dropped part come to
    the charge."""
    _, b, c = log.chain()
    for who, ref, right in (
        ("third", c, {"owner": 50, "maker": 100}), ("maker", c, {"owner": 50, "third": 850}),
        ("owner", b, {"maker": 950}), ("maker", b, {"owner": 50}),
    ):  # fmt: skip
        index = log.use(who, ref, 1000)
        assert (log.lines(index), log.row(index).charge) == (right, 1000)
    own = log.sell("lab", "own")
    index = log.use("lab", own, 1000)
    assert (log.verdict(index), log.lines(index)) == (("licensed", ""), {})
    assert not list(log.store.scan(keys.LIST_HEAD + b"l" + public("lab"), keys.LIST_HEAD + b"l" + public("lab") + b"~"))
    log.check()


def test_a_payee_gets_one_line_a_leaf(log: Market) -> None:
    """Whoever owns several assets of a closure, and stands in several splits, gets the sum as one line."""
    a = log.sell("owner", "a", derivatives=500)
    b = log.sell("owner", "b", source(a, bps=500), derivatives=1000, splits=splits(owner=5000, maker=5000))
    c = log.sell("maker", "c", source(b, bps=1000), splits=splits(maker=9000, owner=1000))
    index = log.use("lab", c, 1000)
    assert log.lines(index) == {"owner": 50 + 50 + 85, "maker": 50 + 765}
    assert log.balance("lab", "owner")[0] == 185
    log.check()


def test_splits_are_the_newest_before_the_leaf(log: Market) -> None:
    """Who gets an asset's part is said by its newest terms at the leaf, not by those that the use was agreed under."""
    ref = log.sell("owner", "corpus", splits=splits(owner=10_000))
    log.publish("owner", ref, offer(2), splits=splits(third=10_000))
    log.put("owner", body("grant", terms=ref, licensee=public("lab")))
    old = log.use("lab", ref, 10, terms=ref)
    assert log.lines(old) == {"third": 10}
    log.publish("owner", ref, offer(3))
    assert log.lines(log.use("lab", ref, 10, terms=ref)) == {"owner": 10}
    assert log.lines(old) == {"third": 10}
    log.check()


def test_remainders_go_to_the_largest_fraction(log: Market) -> None:
    """3334/3333/3333 bps of 100 nanos: 34, 33, 33."""
    ref = log.sell("owner", "corpus", splits=splits(owner=3334, maker=3333, third=3333))
    assert log.lines(log.use("lab", ref, 100)) == {"owner": 34, "maker": 33, "third": 33}
    ref = log.sell("owner", "corpus", splits=splits(owner=3333, maker=3333, third=3334))
    assert log.lines(log.use("lab", ref, 100)) == {"owner": 33, "maker": 33, "third": 34}


def test_terms_of_a_batch_hold_for_what_stands_behind_them(log: Market) -> None:
    """Splits changed, and an asset retired, in a batch count for the uses behind them in it, and for none before."""
    ref = log.sell("owner", "corpus", derivatives=500)
    made = log.sell("maker", "made", source(ref, bps=500))
    use = usage(made, quantities={"token": 1000})
    change = body("terms", asset=ref, **terms(derivatives=500, splits=splits(third=10_000)))
    first = log.put("owner", use, change, use).first_index
    assert [log.lines(first), log.lines(first + 2)] == [{"maker": 950}, {"maker": 950, "third": 50}]
    outcome = log.put("owner", usage(ref), body("withdraw", target=ref), usage(ref), use)
    assert outcome.statuses == ["licensed", "logged", "unlicensed", "licensed"]
    assert log.lines(outcome.first_index + 3) == {"maker": 950, "third": 50}
    log.check()


# Free rides


def rides(log: Market, payer: str = "lab", currency: str = "EUR") -> tuple[int, int]:
    """(unpriced, unlicensed) of the account with `owner`."""
    figures = figures_at(log.state, log.account(payer, currency=currency), log.size)
    return figures.unpriced, figures.unlicensed


def test_which_uses_count_as_free_rides(log: Market) -> None:
    """Unpriced and part-priced in one count, unlicensed in the other; licensed, observed, contested and unclaimed ones
    in none; nor one's own."""
    ref = log.sell("owner", "corpus", prohibits=["distill"])
    bare = log.register("owner", "bare")
    assert rides(log) == (0, 0)
    log.use("lab", ref)
    log.put("lab", usage(ref, "embed"), usage(ref, quantities={"call": 1, "token": 1}))
    assert rides(log) == (2, 0)
    log.put("lab", usage(ref, "distill"), usage(bare), usage(bare))
    assert rides(log) == (2, 3)
    log.put("third", usage(ref, "embed", seen_by="provider", party=public("lab")))
    log.put("owner", usage(bare), usage(ref, "embed"), usage(ref, "distill"))
    assert rides(log) == (2, 3)
    assert rides(log, "third") == (0, 0)
    log.check()


def test_free_rides_by_name_count_for_the_only_claimant(log: Market) -> None:
    """A use by a name that one party claims counts for that party, in the currency of its claiming asset; unclaimed
    and contested ones for nobody, also when that changes later."""
    log.use("lab", NAME)
    log.sell("owner", "claims", aka=[NAME])
    log.use("lab", NAME)
    assert rides(log) == (0, 1)
    rival = log.sell("third", "rival", aka=[NAME], currency="USD")
    log.use("lab", NAME)
    log.put("third", body("withdraw", target=rival))
    assert rides(log) == (0, 1)
    assert rides(log, currency="USD") == (0, 0)
    log.check()


def test_a_refused_batch_leaves_no_plan_behind(log: Market) -> None:
    """What a refused batch said of an asset that it registered isn't taken for the asset that comes to stand there."""
    claim = asset("claims", aka=[NAME])
    batch = log.sign("third", none(), claim, usage(NAME), usage(bytes(40)))
    index = log.size + 1
    log.refused(batch, 422, "usance:rule", position=3)
    log.put("fourth", none())
    bare = log.register("owner", "bare")
    assert unpack_ref(bare).index == index
    log.use("lab", bare)
    assert rides(log) == (0, 1)
    assert figures_at(log.state, log.account("lab", "third"), log.size).unlicensed == 0
    ref = log.sell("owner", "corpus")
    change = body("terms", asset=ref, **terms(offer(9)))
    log.refused(log.sign("owner", change, usage(bytes(40))), 422, "usance:rule", position=1)
    assert log.row(log.use("lab", ref, 10)).charge == 10
    log.check()


# What a batch may cost


def test_work_of_a_batch_is_bounded(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that passes the bound is refused at the record that does, which says how many fit; these, and that
    record, are taken as batches of their own."""
    a = log.sell("owner", "a", derivatives=500)
    b = log.sell("maker", "b", source(a, bps=500), splits=splits(maker=5000, third=5000))
    uses = [usage(b, quantities={"token": 1000 + n}) for n in range(9)]
    # Two assets looked up, three accounts, three parts a use.
    monkeypatch.setattr(context, "STEPS_MAX", 2 * 8 + 3 * 4 + 4 * 3)
    refusal = log.rule("lab", *uses, field="asset", position=4)
    assert refusal.extra == {"batch_max": 4}
    log.put("lab", *uses[:4])
    log.put("lab", *uses[4:8])
    log.put("lab", uses[8])
    log.check()


def test_what_counts_as_work(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of work is counted as docs/spec.md says, at whatever place in the batch, and the same in a replay,
    which remembers nothing."""
    a, _, c = log.chain()
    spare = log.register("owner", "bare")
    log.use("lab", spare)
    used = log.use("lab", c)
    log.use("fourth", c, 10**9)
    correction = log.correct(used, token=1)
    use = usage(c, quantities={"token": 1000})
    twice = [use, body("terms", asset=a, **terms(derivatives=500)), usage(c, "embed")]
    cases: list[tuple[int, str, list[bytes]]] = [
        (8 * 3 + 3 * 4 + 3, "lab", [use]),
        (8 * 3 + 3 * 4 + 2 * 3, "lab", [use, use]),
        (8, "lab", [usage(spare)]),
        (8 * 3 + 2 * 4 + 3 + 8 * 3, "owner", twice),
        (8 * 2, "third", [plain(sources=[source(c), source(spare, "evaluated_on"), source(NAME)])]),
        (16 * 3, "owner", [log.acceptance(correction)]),
        (16 * 3, "maker", [body("dispute", target=log.ref(used), reason="r")]),
        (16 * 3, "lab", [body("dispute", target=log.ref(correction), reason="r")]),
        (8, "maker", [body("dispute", target=c, reason="r")]),
        (16, "owner", [body("terms", asset=spare, **terms())]),
        (512, "third", [log.statement(log.account("fourth", "third"))]),
    ]  # fmt: skip
    for steps, who, bodies in cases:
        last = len(bodies) - 1
        monkeypatch.setattr(context, "STEPS_MAX", steps - 1)
        refusal = log.refused(log.sign(who, *bodies), 422, "usance:rule", position=last)
        assert refusal.extra == {"batch_max": last}, (steps, refusal.detail)
        monkeypatch.setattr(context, "STEPS_MAX", steps)
        log.put(who, *bodies)
    monkeypatch.setattr(context, "STEPS_MAX", STEPS_MAX)
    log.check()


def test_long_records_that_are_read_again_count_as_work(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Correcting, accepting and disputing a use of 50 KiB costs 8 steps for each of them, whoever asks: a thousand
    disputes over one such use are too much for one batch."""
    ref = log.sell("owner", "corpus")
    used = log.use("lab", ref, attrs={f"k{n:04d}": "v" * 45 for n in range(1024)})
    kib = len(log.state.record(used)) // 1024
    assert kib >= 50
    disputes = [body("dispute", target=log.ref(used), reason="r")] * 1024
    fits = log.refused(log.sign("owner", *disputes), 422, "usance:rule", position=STEPS_MAX // (16 * kib + 16))
    assert fits.extra == {"batch_max": fits.position}
    cases = [
        (8 * kib, "lab", lambda: log.correction(used, token=7)),
        (8 * kib + 16, "owner", lambda: log.acceptance(log.size - 1)),
        (2 * 8 * kib + 16, "owner", lambda: disputes[0]),
        (2 * 8 * kib + 16, "lab", lambda: body("resolution", dispute=log.ref(log.size - 1), outcome="conceded")),
    ]
    for steps, who, make in cases:
        record = make()
        monkeypatch.setattr(context, "STEPS_MAX", steps - 1)
        log.refused(log.sign(who, record), 422, "usance:rule", position=0)
        monkeypatch.setattr(context, "STEPS_MAX", steps)
        log.put(who, record)
    monkeypatch.setattr(context, "STEPS_MAX", STEPS_MAX)
    log.check()


def test_the_heaviest_record_fits_a_batch(log: Market) -> None:
    """One use of an asset whose closure has 32 assets with 8 payees each is always taken, and so are 400 of them."""
    names = [f"payee {n}" for n in range(264)]
    for name in names:
        log.join(name, name=name)

    def eight(at: int) -> list[dict[str, Any]]:
        return splits(**dict.fromkeys(names[8 * at : 8 * at + 8], 1250))

    first = log.put("owner", *[asset(f"s{n}", terms=terms(derivatives=300, splits=eight(n))) for n in range(32)])
    shares = [source(log.ref(first.first_index + n), bps=300) for n in range(32)]
    top = log.sell("owner", "top", *shares, splits=eight(32))
    index = log.use("lab", top, 10**9)
    assert len(log.lines(index)) == 264
    assert sum(log.lines(index).values()) == log.row(index).charge == 10**9
    assert len(log.put("lab", *[usage(top)] * 400).statuses) == 400
