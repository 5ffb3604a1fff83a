"""proofs.evidencecheck on honest files: every status, ways to be paid or not yet, keys, splits, grants, corrections."""

from typing import Any

import pytest

from proofs import commitment
from proofs.commitment import Call
from proofs.evidence import ShownLeaf, format_evidence, parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.verdict import FAILED, GOOD, INCOMPLETE, Verdict
from tests.proofs.evidence_builder import MILLION, NOW_MS, ORIGIN, POLICY, Story, World, fill, offer, public, story

PRICE = 100 * 10**9


def judged(world: World, usage: int, *indices: int, **more: Any) -> Verdict:
    """The verdict on a file of these entries, written and read once."""
    data = format_evidence(world.evidence(usage, indices, **more))
    return check_evidence(parse_evidence(data), policy=POLICY)


def says(verdict: Verdict, step: str) -> str:
    """The words of the steps of this name."""
    return " | ".join(one.says for one in verdict.steps if one.name == step)


def begun(*parties: str) -> tuple[World, dict[str, int]]:
    """A log with these parties: operator, user and owner first."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    named = {name: world.party(name) for name in ("user", "owner", *parties)}
    fill(world, "operator", 3)
    return world, named


# Settled or not


@pytest.mark.parametrize("sources", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("named_terms", [True, False])
def test_settled_for_every_payee(sources: int, named_terms: bool) -> None:
    """The design's example and longer chains, with terms named or by the tree head: good."""
    verdict = check_evidence(story(sources=sources, named_terms=named_terms).evidence(), policy=POLICY)
    assert verdict.result == GOOD
    assert len(verdict.more["payees"]) == sources + 1
    if sources == 2:
        assert "85.00 USD" in says(verdict, "shares")
        assert "10.00 USD" in says(verdict, "shares")
        assert "5.00 USD" in says(verdict, "shares")


def test_not_settled_is_incomplete() -> None:
    """No receipts, receipts of a part, a payee without its line: good as far as it goes, and which part is missing."""
    told = story(settle=False)
    verdict = check_evidence(told.evidence(), policy=POLICY)
    assert verdict.result == INCOMPLETE
    assert "acknowledged nothing yet" in says(verdict, "receipt")
    part = told.world.receipt("model", told.statements[0], 10**9)
    verdict = check_evidence(told.evidence(plus=[part]), policy=POLICY)
    assert verdict.result == INCOMPLETE
    assert "424.00 USD of 425.00 USD is open" in says(verdict, "receipt")
    told = story()
    told.statements.pop()
    left_out = {name: told.named.pop(name) for name in ("receipt source1", "earlier source1")}
    verdict = check_evidence(told.evidence(), policy=POLICY)
    assert left_out
    assert verdict.result == INCOMPLETE
    assert "10.00 USD is owed" in says(verdict, "line")
    assert [payee["settled"] for payee in verdict.more["payees"]] == [True, False, True]


def test_several_receipts_and_payments_add_up() -> None:
    """A statement may be paid in parts; what the payer says that it sent is shown as its word."""
    told = story(sources=0, settle=False)
    world, statement = told.world, told.statements[0]
    sent = world.add("user", "payment", statement=world.ref(statement), amount=PRICE, method="sepa", reference="x")
    due = world.body(statement)["due"]
    parts = [world.receipt("model", statement, due - 5, "a"), world.receipt("model", statement, 5, "b")]
    verdict = check_evidence(told.evidence(plus=[sent, *parts]), policy=POLICY)
    assert verdict.result == GOOD
    assert "says that it sent" in says(verdict, "payment")


def test_one_payee_alone() -> None:
    """A file for one payee shows its line and leaves the others open."""
    told = story(sources=1)
    kept = told.statements[1:]
    without = [name for name in told.named if name in ("receipt model", "earlier model")]
    told.statements = kept
    verdict = check_evidence(told.evidence(without=without), policy=POLICY)
    assert verdict.result == INCOMPLETE
    assert [payee["settled"] for payee in verdict.more["payees"]] == [False, True]


def test_the_first_statement_needs_none_before_it() -> None:
    """What was billed before is 0 in an account's first statement."""
    told = story(sources=0)
    world = told.world
    first = next(index for index in range(world.size) if world.entry(index).body.find(b"statement") > 0)
    usage = first - 1
    paid = world.receipt("model", first, world.body(first)["due"])
    again = Story(world, usage, {name: told.named[name] for name in told.named if "party" in name}, [first], [paid])
    again.named |= {name: told.named[name] for name in ("asset model", "terms model")}
    verdict = check_evidence(again.evidence(), policy=POLICY)
    assert verdict.result == GOOD
    assert "the account's first" in says(verdict, "statement")


def test_the_users_own_part_is_not_shown() -> None:
    """A part of the charge that comes back to the user is on no line, so that nothing tests it: left out are newer
    splits that give it to somebody else, and the verdict names the sum."""
    world, named = begun("heir")
    data = world.asset("user", "data")
    asked = world.terms("user", data, derivatives=1000)
    model = world.asset("owner", "model", (data, 1000))
    terms = world.terms("owner", model, offer(PRICE))
    newer = world.terms("user", data, derivatives=1000, splits=[{"party": public("heir"), "bps": 10_000}])
    usage = world.use("user", model, terms=world.ref(terms))
    world.charge(usage, "user", {"owner": PRICE - PRICE // 10, "heir": PRICE // 10})
    statement = world.state("owner", "user", "owner")
    paid = world.receipt("owner", statement, world.body(statement)["due"])
    shown = [named["user"], named["owner"], data, asked, model, terms, paid]
    verdict = judged(world, usage, *shown, statements=[statement])
    assert verdict.result == GOOD
    assert any("10.00 USD of the charge is the user's own" in line for line in verdict.not_shown)
    whole = judged(world, usage, *shown, newer, statements=[statement])
    assert whole.result == INCOMPLETE
    assert "10.00 USD is owed" in says(whole, "line")
    assert not any("the user's own" in line for line in whole.not_shown)


# Keys


def test_delegates_and_rotated_keys_act_for_their_party() -> None:
    """Use by a delegate, asset and terms by the first key, statement by a rotated key's delegate, receipt by the main
    key after a rotation: each bound, step by step."""
    world, named = begun()
    meter = world.delegate("user", "meter", "usage")
    asset = world.asset("owner", "data")
    terms = world.terms("owner", asset, offer(PRICE))
    usage = world.use("meter", asset, terms=world.ref(terms))
    world.charge(usage, "user", {"owner": PRICE})
    new = world.rotate("user", "user2")
    agent = world.delegate("user", "agent", "receipt", "statement", signer="user2")
    statement = world.state("agent", "user", "owner")
    newer = world.rotate("owner", "owner2")
    paid = world.receipt("owner2", statement, PRICE)
    more = [named["user"], named["owner"], meter, asset, terms, new, agent, newer, paid]
    verdict = judged(world, usage, *more, statements=[statement])
    assert verdict.result == GOOD
    assert "its delegate for usage" in says(verdict, "signer")
    assert verdict.more["usage"]["party"] == public("user").hex()
    assert verdict.more["usage"]["owner"] == public("owner").hex()


def test_the_operator_is_a_party_by_its_genesis() -> None:
    """Entry 0 binds its signer: the operator may own and use as any other."""
    world, named = begun()
    asset = world.asset("operator", "data")
    usage = world.use("user", asset)
    verdict = judged(world, usage, 0, named["user"], asset)
    assert verdict.more["usage"]["owner"] == public("operator").hex()


# Statuses without a charge


def test_a_providers_meter_only_observes() -> None:
    """Provider-seen use is never charged: nothing is owed, whatever the terms."""
    world, named = begun("provider")
    asset = world.asset("owner", "data")
    world.terms("owner", asset, offer(PRICE))
    usage = world.use("provider", asset, seen_by="provider", party=public("user"))
    verdict = judged(world, usage, named["provider"], named["owner"], asset)
    assert (verdict.result, verdict.more["usage"]["status"]) == (GOOD, "observed")
    assert verdict.more["payees"] == []


def test_no_terms_can_be_said_only_as_far_as_the_file_goes() -> None:
    """A file that holds no terms can't show that there are none: incomplete, unlike what the usage itself names."""
    world, named = begun()
    asset = world.asset("owner", "data")
    usage = world.use("user", asset)
    verdict = judged(world, usage, named["user"], named["owner"], asset)
    assert (verdict.result, verdict.more["usage"]["reason"]) == (INCOMPLETE, "no-terms")
    assert "unless the file leaves out terms" in says(verdict, "price")


@pytest.mark.parametrize("named_terms", [True, False])
@pytest.mark.parametrize(
    ("terms", "status", "reason"),
    [
        ({"offers": [offer(5)], "prohibits": ["infer"]}, "unlicensed", "prohibited"),
        ({"offers": [offer(5, use="train")]}, "unpriced", "no-offer"),
        ({"offers": [offer(5, unit="token")]}, "unpriced", "no-offer"),
        ({"offers": [offer(2**53, per=1)]}, "unpriced", "overflow"),
        ({"offers": [offer(0)]}, "licensed", ""),
    ],
)
def test_uncharged_by_terms(terms: dict, status: str, reason: str, named_terms: bool) -> None:
    """Named terms settle it; by the head alone, newer ones might have been left out."""
    world, named = begun()
    asset = world.asset("owner", "data")
    rest = {name: value for name, value in terms.items() if name != "offers"}
    made = world.terms("owner", asset, *terms["offers"], **rest)
    more = {"terms": world.ref(made)} if named_terms else {}
    usage = world.use("user", asset, quantities={"output_token": 10**9}, **more)
    verdict = judged(world, usage, named["user"], named["owner"], asset, made)
    usage_value = verdict.more["usage"]
    assert (usage_value["status"], usage_value["reason"], usage_value["charge"]) == (status, reason, "0")
    assert verdict.result == (GOOD if named_terms else INCOMPLETE)


def test_a_retired_asset_has_no_offers() -> None:
    """The withdrawal in the file settles it."""
    world, named = begun()
    asset = world.asset("owner", "data")
    terms = world.terms("owner", asset, offer(PRICE))
    gone = world.add("owner", "withdraw", target=world.ref(asset))
    usage = world.use("user", asset)
    verdict = judged(world, usage, named["user"], named["owner"], asset, terms, gone)
    assert (verdict.result, verdict.more["usage"]["reason"]) == (GOOD, "retired")


def test_terms_that_need_a_grant() -> None:
    """Without one in the file: unlicensed, as far as it goes. With it: charged."""
    world, named = begun()
    asset = world.asset("owner", "data")
    terms = world.terms("owner", asset, offer(PRICE), needs_grant=True)
    shut = world.use("user", asset, terms=world.ref(terms))
    verdict = judged(world, shut, named["user"], named["owner"], asset, terms)
    assert (verdict.result, verdict.more["usage"]["reason"]) == (INCOMPLETE, "no-grant")
    granted = world.grant("owner", terms, "user")
    usage = world.use("user", asset, terms=world.ref(terms))
    verdict = judged(world, usage, named["user"], named["owner"], asset, terms, granted)
    assert (verdict.result, verdict.more["usage"]["status"]) == (INCOMPLETE, "licensed")
    assert "no statement" in says(verdict, "line")
    assert "granted to the user" in says(verdict, "terms")


def test_use_by_an_external_name() -> None:
    """Unclaimed, claimed by one, by several: never charged without terms, so that each is good; with terms of a
    claiming asset it is judged as that asset."""
    world, named = begun("rival")
    name = "doi:10.1234/x"
    first = world.use("user", name)
    one = world.asset("owner", "data", aka=[name])
    second = world.use("user", name)
    other = world.asset("rival", "data too", aka=[name])
    third = world.use("user", name)
    for usage, claims, status in (
        (first, [], "unclaimed"),
        (second, [one], "unlicensed"),
        (third, [one, other], "contested"),
    ):
        owners = [named["owner"], named["rival"]][: len(claims)]
        verdict = judged(world, usage, named["user"], *owners, *claims)
        assert (verdict.result, verdict.more["usage"]["status"]) == (GOOD, status)
        assert says(verdict, "price").count("claims it") == len(claims)
    terms = world.terms("owner", one, offer(PRICE))
    usage = world.use("user", name, terms=world.ref(terms))
    world.charge(usage, "user", {"owner": PRICE})
    statement = world.state("owner", "user", "owner")
    paid = world.receipt("owner", statement, PRICE)
    verdict = judged(world, usage, named["user"], named["owner"], one, terms, paid, statements=[statement])
    assert (verdict.result, verdict.more["usage"]["status"]) == (GOOD, "licensed")


def test_ones_own_use_reaches_nobody() -> None:
    """The payer's own part is dropped; nothing else is owed, as far as the file goes."""
    world, named = begun()
    asset = world.asset("user", "data")
    terms = world.terms("user", asset, offer(PRICE))
    usage = world.use("user", asset, terms=world.ref(terms))
    verdict = judged(world, usage, named["user"], asset, terms)
    assert (verdict.result, verdict.more["payees"]) == (INCOMPLETE, [])
    assert "the user's own" in says(verdict, "lines")


# Charges


def settled(world: World, usage: int, payer: str, parts: dict[str, int], *indices: int) -> Verdict:
    """The verdict once every part is stated and received."""
    world.charge(usage, payer, parts)
    statements = [world.state(payer, payer, payee) for payee in parts]
    paid = [world.receipt(payee, at, world.body(at)["due"]) for payee, at in zip(parts, statements, strict=True)]
    return judged(world, usage, *indices, *paid, statements=statements)


def test_part_priced() -> None:
    """Units without an offer are named; the others are charged."""
    world, named = begun()
    asset = world.asset("owner", "data")
    terms = world.terms("owner", asset, offer(PRICE))
    usage = world.use("user", asset, quantities={"call": 3, "output_token": MILLION})
    verdict = settled(world, usage, "user", {"owner": PRICE}, named["user"], named["owner"], asset, terms)
    assert (verdict.result, verdict.more["usage"]["status"]) == (GOOD, "part-priced")
    assert "3 call without an offer" in says(verdict, "price")


def test_splits_and_inline_terms() -> None:
    """The issue's 3334/3333/3333 bps of 100 nanos: 34, 33, 33; by terms that stand in the asset itself."""
    world, named = begun("two", "three")
    splits = [{"party": public(name), "bps": bps} for name, bps in (("owner", 3334), ("two", 3333), ("three", 3333))]
    inline = {"currency": "NANOS", "offers": [offer(100)], "splits": splits}
    asset = world.asset("owner", "data", terms=inline)
    usage = world.use("user", asset, terms=world.ref(asset))
    parts = {"owner": 34, "two": 33, "three": 33}
    world.charge(usage, "user", parts, "NANOS")
    statements = [world.state("user", "user", payee, currency="NANOS") for payee in parts]
    paid = [world.receipt(payee, at, world.body(at)["due"]) for payee, at in zip(parts, statements, strict=True)]
    verdict = judged(world, usage, *named.values(), asset, *paid, statements=statements)
    assert verdict.result == GOOD, verdict.steps[-1]
    assert [one["amount"] for one in verdict.more["payees"]] == ["34", "33", "33"]


def test_granted_terms_stay_open_and_the_newest_split() -> None:
    """The price is that of the granted terms, the money goes where the newest say."""
    world, named = begun("heir")
    asset = world.asset("owner", "data")
    cheap = world.terms("owner", asset, offer(PRICE))
    grant = world.grant("owner", cheap, "user")
    dear = world.terms("owner", asset, offer(2 * PRICE), splits=[{"party": public("heir"), "bps": 10_000}])
    usage = world.use("user", asset, terms=world.ref(cheap))
    verdict = settled(world, usage, "user", {"heir": PRICE}, *named.values(), asset, cheap, grant, dear)
    assert verdict.result == GOOD, verdict.steps[-1]


def test_a_head_before_newer_terms_needs_a_grant() -> None:
    """Terms by the tree head that the signer saw, replaced before the leaf: the grant keeps them."""
    world, named = begun()
    asset = world.asset("owner", "data")
    cheap = world.terms("owner", asset, offer(PRICE))
    grant = world.grant("owner", cheap, "user")
    head = world.size
    dear = world.terms("owner", asset, offer(2 * PRICE))
    usage = world.use("user", asset, head=head)
    verdict = settled(world, usage, "user", {"owner": PRICE}, named["user"], named["owner"], asset, cheap, grant, dear)
    assert verdict.result == GOOD, verdict.steps[-1]


def test_diamonds_repeats_and_unpaid_sources() -> None:
    """The largest share of what comes twice, sources at 0 bps and what stands behind them, evaluated_on and outside
    material left apart: the closure is that of all of it."""
    world, named = begun("a", "b", "c", "free")
    data = world.asset("a", "data")
    asked = world.terms("a", data, derivatives=500)
    more = world.asset("b", "more", (data, 500))
    dear = world.terms("b", more, derivatives=1000)
    raised = world.terms("a", data, derivatives=700)
    other = world.asset("c", "other", (data, 700))
    gratis = world.asset("free", "gratis", (other, 0))
    bench = world.asset("free", "bench")
    sources = [
        {"asset": world.ref(more), "as": "derived_from", "bps": 1000},
        {"asset": world.ref(more), "as": "contains", "bps": 1000},
        {"asset": world.ref(gratis), "as": "trained_on"},
        {"asset": world.ref(bench), "as": "evaluated_on"},
        {"asset": "doi:10.1234/x", "as": "trained_on"},
    ]
    model = world.add("owner", "asset", type="model", name="model", sources=sources)
    terms = world.terms("owner", model, offer(PRICE))
    usage = world.use("user", model, terms=world.ref(terms))
    parts = {"a": PRICE * 7 // 100, "b": PRICE // 10, "owner": PRICE - PRICE * 17 // 100}
    assert bench
    assert asked
    entries = [named[name] for name in ("user", "owner", "a", "b")]
    verdict = settled(world, usage, "user", parts, *entries, data, raised, more, dear, other, gratis, model, terms)
    assert verdict.result == GOOD, verdict.steps[-1]
    assert f"entry {data} 700 bps, entry {more} 1000 bps" in says(verdict, "sources")
    assert any("3 of 6 sources" in what for what in verdict.not_shown)


def test_a_granted_share_of_a_source() -> None:
    """A source's share may be that of terms granted to the registrant: the grant and those terms are in the file."""
    world, named = begun("source")
    data = world.asset("source", "data")
    low = world.terms("source", data, derivatives=100)
    grant = world.grant("source", low, "owner")
    high = world.terms("source", data, derivatives=900)
    model = world.asset("owner", "model", (data, 100))
    terms = world.terms("owner", model, offer(PRICE))
    usage = world.use("user", model, terms=world.ref(terms))
    parts = {"source": PRICE // 100, "owner": PRICE - PRICE // 100}
    verdict = settled(world, usage, "user", parts, *named.values(), data, low, grant, high, model, terms)
    assert verdict.result == GOOD, verdict.steps[-1]


# Later


def test_corrections_and_what_was_credited() -> None:
    """Each payee's own part, from its base downwards: 100 to 60 to 20, accepted by one payee twice, by another once."""
    told = story(sources=1)
    world, usage = told.world, told.usage
    first = world.correct("user", usage, output_token=600_000)
    taken = [world.accept("source0", first)]
    second = world.correct("user", usage, output_token=200_000)
    taken += [world.accept("source0", second), world.accept("model", second)]
    verdict = check_evidence(told.evidence(plus=[first, second, *taken]), policy=POLICY)
    assert verdict.result == GOOD, verdict.steps[-1]
    assert [int(one["amount"]) for one in verdict.more["credits"]] == [2 * 10**9, 2 * 10**9, 76 * 10**9]
    assert "credited later: 76.00 USD" in says(verdict, "credit")
    assert [int(ref.split(":")[0]) for ref in verdict.more["corrections"]] == [first, second]
    nothing = world.correct("user", usage)
    verdict = check_evidence(told.evidence(plus=[first, second, nothing, *taken]), policy=POLICY)
    assert "corrected to nothing" in says(verdict, "correction")


def test_disclosed_fields_and_calls() -> None:
    """What the usage committed to is shown where the file opens it; the rest stays hidden."""
    world, named = begun()
    fields = commitment.hide({"model": "m-1", "prompt": "hello", "raw": b"\1\2"}, [bytes([at]) * 16 for at in range(3)])
    leaves = [field.leaf() for field in fields]
    calls = [Call(bytes([at]) * 16, f"c-{at}", NOW_MS, {"token": at + 1}).leaf() for at in range(5)]
    usage = world.use(
        "user", "model:x/y", commitment=commitment.root(leaves), names=["model", "prompt", "raw"], calls=5,
        detail=commitment.root(calls),
    )  # fmt: skip
    shown = (
        ShownLeaf(usage, "commitment", 0, leaves[0], commitment.path(leaves, 0)),
        ShownLeaf(usage, "commitment", 2, leaves[2], commitment.path(leaves, 2)),
        ShownLeaf(usage, "detail", 4, calls[4], commitment.path(calls, 4)),
    )
    verdict = judged(world, usage, named["user"], disclosed=shown)
    assert verdict.result == GOOD, verdict.steps[-1]
    assert verdict.more["disclosed"] == [
        {"of": "commitment", "name": "model", "value": "m-1"},
        {"of": "commitment", "name": "raw", "value": "0102"},
        {"of": "detail", "call": "c-4", "at": NOW_MS, "quantities": {"token": "5"}},
    ]
    assert 'hidden field "model" is "m-1"' in says(verdict, "disclosed")
    for wrong in (
        ShownLeaf(usage, "commitment", 1, leaves[0], commitment.path(leaves, 0)),
        ShownLeaf(usage, "detail", 0, leaves[0], commitment.path(leaves, 0)),
        ShownLeaf(usage, "commitment", 0, leaves[0], commitment.path(leaves, 1)),
        ShownLeaf(named["user"], "commitment", 0, leaves[0], commitment.path(leaves, 0)),
    ):
        verdict = judged(world, usage, named["user"], disclosed=(wrong,))
        assert (verdict.result, verdict.steps[-1].name) == (FAILED, "disclosed")


def test_strangers_words_cant_pass_for_ours() -> None:
    """Names and reasons stand in quotes that they can't end, cut where they are long."""
    world, named = begun()
    loud = world.add("loud", "party", name='x" (trusted) \\ and ' + "y" * 500)
    usage = world.use("loud", "model:x/y")
    verdict = judged(world, usage, loud)
    assert '"x\\" (trusted) \\\\ and ' in says(verdict, "signer")
    assert "y" * 50 not in says(verdict, "signer")
    assert named
