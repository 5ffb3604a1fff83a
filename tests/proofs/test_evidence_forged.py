"""proofs.evidencecheck attacked: by whoever controls the file and some keys, and by a log that signs what breaks the
rules. Each forgery is refused, at the step that it is about and with the reason."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from proofs import codec
from proofs.checkpoint import log_vkey, sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.entry import parse_entry, rotate_message, sign_batch
from proofs.evidence import Account, Evidence, format_evidence, parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.merkle import leaf_hash
from proofs.policy import log_policy
from proofs.ref import Ref
from proofs.verdict import FAILED, GOOD, INCOMPLETE
from tests.proofs.evidence_builder import (
    LOG_KEY,
    MILLION,
    NOW_MS,
    ORIGIN,
    POLICY,
    Story,
    World,
    fill,
    key_of,
    offer,
    public,
    story,
)

PRICE = 100 * 10**9
TOLD = story()
WAITING: list[bytes] = []
"""What was signed ahead of its place."""


def refused(evidence: Evidence, step: str, reason: str) -> None:
    """The file is of the form, and fails at this step for this reason."""
    verdict = check_evidence(parse_evidence(format_evidence(evidence)), policy=POLICY)
    last = verdict.steps[-1]
    assert (verdict.result, last.name) == (FAILED, step), last
    assert reason in last.says, last.says


def with_line(evidence: Evidence, at: int, **changed: Any) -> Evidence:
    """The file with one line changed."""
    lines = list(evidence.lines)
    lines[at] = dataclasses.replace(lines[at], **changed)
    return dataclasses.replace(evidence, lines=tuple(sorted(lines, key=lambda line: line.account)))


def with_entry(evidence: Evidence, index: int, /, **changed: Any) -> Evidence:
    """The file with one entry changed."""
    entries = [
        dataclasses.replace(one, **changed) if one.index == index else one for one in evidence.entries
    ]  # fmt: skip
    return dataclasses.replace(evidence, entries=tuple(sorted(entries, key=lambda one: one.index)))


# The checkpoint and the entries


def test_another_logs_checkpoint() -> None:
    """A key that isn't the log's, another origin, a head of another tree."""
    made = TOLD.evidence()
    root, size = TOLD.world.root(TOLD.world.size), TOLD.world.size
    other = sign_checkpoint(origin=ORIGIN, size=size, root=root, private_key=key_of("mallory"))
    refused(dataclasses.replace(made, checkpoint_note=other), "checkpoint", "isn't signed by that log")
    other = sign_checkpoint(origin="log.example/fork", size=size, root=root, private_key=LOG_KEY)
    refused(dataclasses.replace(made, checkpoint_note=other), "checkpoint", "isn't signed by that log")
    policy = log_policy(log_vkey(origin="log.example/fork", public_key=public_bytes(LOG_KEY)))
    verdict = check_evidence(dataclasses.replace(made, checkpoint_note=other), policy=policy)
    assert (verdict.result, verdict.steps[-1].name) == (FAILED, "entries")  # signed for another log
    old = sign_checkpoint(origin=ORIGIN, size=size - 1, root=TOLD.world.root(size - 1), private_key=LOG_KEY)
    refused(dataclasses.replace(made, checkpoint_note=old), "entries", "inclusion proof")
    refused(dataclasses.replace(made, checkpoint_note=b"no note\n"), "checkpoint", "")


def test_entries_that_are_not_in_the_log() -> None:
    """Another path, another index, an entry that the log never took."""
    made = TOLD.evidence()
    first = made.entries[0]
    refused(with_entry(made, first.index, path=first.path[:-1]), "entries", "too short")
    refused(with_entry(made, first.index, path=(*first.path, bytes(32))), "entries", "too long")
    refused(with_entry(made, first.index, path=(bytes(32), *first.path[1:])), "entries", "doesn't lead to the root")
    refused(with_entry(made, first.index, index=10), "entries", "doesn't lead")
    refused(with_entry(made, first.index, index=10**9), "entries", "no leaf")
    forged = World()
    forged.party("user")
    refused(with_entry(made, first.index, entry=forged.entries[0]), "entries", "doesn't lead to the root")


def test_an_entry_swapped_for_another_valid_one() -> None:
    """Every entry in the file, replaced by one that isn't needed: what rested on it is missing."""
    spare = next(index for index in range(TOLD.world.size) if index not in TOLD.indices)
    made = TOLD.evidence()
    for index in TOLD.indices:
        if index in (TOLD.usage, *TOLD.statements):
            continue
        kept = [one for one in made.entries if one.index != index]
        swapped = sorted([*kept, TOLD.world.shown(spare)], key=lambda one: one.index)
        verdict = check_evidence(dataclasses.replace(made, entries=tuple(swapped)), policy=POLICY)
        assert verdict.result == FAILED, index


def test_every_entry_is_needed_and_no_other() -> None:
    """Leaving out any entry fails, or leaves that payee's receipt open; adding any fails."""
    made = TOLD.evidence()
    for index in TOLD.indices:
        fewer = dataclasses.replace(made, entries=tuple(one for one in made.entries if one.index != index))
        result = check_evidence(fewer, policy=POLICY).result
        is_receipt = any(TOLD.named.get(name) == index for name in TOLD.named if name.startswith("receipt"))
        assert result == (INCOMPLETE if is_receipt else FAILED), index
    for index in set(range(TOLD.world.size)) - set(TOLD.indices):
        more = sorted([*made.entries, TOLD.world.shown(index)], key=lambda one: one.index)
        assert check_evidence(dataclasses.replace(made, entries=tuple(more)), policy=POLICY).result == FAILED, index
    spare = next(index for index in range(5, TOLD.world.size) if index not in TOLD.indices)
    refused(TOLD.evidence(plus=[spare]), "complete", "no check needs the entry")


def test_the_usage_is_a_usage() -> None:
    """Its index must name one that is in the file."""
    made = TOLD.evidence()
    refused(dataclasses.replace(made, usage=0), "usage", "not in the file")
    refused(dataclasses.replace(made, usage=TOLD.named["asset model"]), "usage", "no usage")


def test_a_log_that_breaks_its_own_order() -> None:
    """Numbers of a key twice or backwards, a record before what its signer saw, two histories: signed by the log, and
    refused all the same."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    user = world.party("user")
    fill(world, "operator", 5)
    world.use("user", "model:x/y")
    world.numbers[public("user")] = 1
    again = world.use("user", "model:x/y", quantities={"call": 1})
    refused(world.evidence(again, [user, again - 1]), "entries", "of one key")
    world.numbers[public("user")] = 30
    skipped = world.use("user", "model:x/y")
    refused(world.evidence(skipped, [user]), "entries", "can't stand at leaf")
    world.numbers[public("user")] = 4
    honest, world.root = world.root, lambda size: bytes(32)  # type: ignore[method-assign]
    forked = world.use("user", "model:x/y", head=7)
    world.root = honest  # type: ignore[method-assign]
    other = world.use("operator", "model:x/y", head=7)
    refused(world.evidence(other, [user, forked]), "entries", "saw two trees")


# Whose it is


def asset_world(*parties: str) -> tuple[World, list[int], int, int]:
    """Parties user and owner, and an asset with terms: (world, party entries, asset, terms)."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    founded = [world.party(name) for name in ("user", "owner", *parties)]
    asset = world.asset("owner", "data")
    return world, founded, asset, world.terms("owner", asset, offer(PRICE))


def test_a_key_not_bound_to_the_party() -> None:
    """Unknown, bound later, bound for another kind, by a delegate, without accepting, rotated away, bound twice."""
    world, founded, asset, terms = asset_world("other")
    rest = [*founded[:2], asset, terms]
    usage = world.use("stranger", asset)
    refused(world.evidence(usage, rest), "signer", "binds its key")
    late = world.add("stranger", "party", name="late")  # its second record
    refused(world.evidence(usage, [*rest, late]), "signer", "binds its key")
    meter = world.delegate("user", "meter", "none", "receipt")
    usage = world.use("meter", asset)
    refused(world.evidence(usage, [*rest, meter]), "signer", "may not sign usage")
    early = world.use("soon", asset)
    soon = world.delegate("user", "soon", "usage")
    refused(world.evidence(early, [*rest, soon]), "signer", "binds its key")
    nested = world.delegate("user", "nested", "usage", signer="meter")
    refused(world.evidence(world.use("nested", asset), [*rest, meter, nested]), "entries", "may not sign delegate")
    silent = world.add("user", "delegate", key=public("silent"), kinds=["usage"], accept=bytes(64))
    refused(world.evidence(world.use("silent", asset), [*rest, silent]), "entries", "")
    accept = key_of("moved").sign(rotate_message(origin=ORIGIN, party=public("other")))
    wrong = world.add("user", "rotate", key=public("moved"), accept=accept)
    refused(world.evidence(world.use("moved", asset), [*rest, wrong]), "entries", "doesn't hold")
    twice = [world.delegate("other", "twice", "usage"), world.delegate("user", "twice", "usage")]
    refused(world.evidence(world.use("twice", asset), [*rest, founded[2], *twice]), "entries", "bound already")
    gone = world.rotate("owner", "owner2")
    refused(world.evidence(world.use("owner", asset), [founded[1], asset, terms, gone]), "signer", "rotated away")


def ahead(world: World, name: str, kind: str, /, **fields: Any) -> tuple[bytes, int]:
    """An entry as it would come behind one other, signed before that: its leaf hash is known already. Answers its
    reference, and the leaf at which `come` has to put it."""
    twin = copy.deepcopy(world)
    twin.add(name, kind, **fields)
    world.numbers[public_bytes(key_of(name))] = twin.numbers[public_bytes(key_of(name))]
    WAITING.append(twin.entries[-1])
    return Ref(world.size + 1, leaf_hash(twin.entries[-1])).pack(), world.size + 1


def come(world: World) -> None:
    """What was signed ahead comes into the log."""
    world.entries.append(WAITING.pop())


def test_a_reference_is_to_an_entry_before_it() -> None:
    """A log that takes a use of an asset, or a receipt of a statement, that stands only behind it, breaks the rules."""
    world, founded, _, _ = asset_world()
    late, at = ahead(world, "owner", "asset", type="model", name="late")
    usage = world.add("user", "usage", asset=late, use="infer", quantities={"call": 1}, from_=NOW_MS, until=NOW_MS)
    come(world)
    refused(world.evidence(usage, [*founded, at]), "terms", "doesn't stand before entry")
    told = story(sources=0, settle=False)
    world = told.world
    account = Account(public("user"), public("model"), "USD")
    world.stated[account].pop()
    right = world.figures(account, world.size)
    ref, at = ahead(world, "user", "statement", **right)
    paid = world.add("model", "receipt", statement=ref, amount=right["due"], method="sepa", reference="r")
    come(world)
    told.statements = [at]
    refused(told.evidence(plus=[paid]), "line", "stands before its statement")


def test_a_reference_is_to_that_very_entry() -> None:
    """The leaf alone doesn't name an entry: its hash has to be the reference's."""
    world, founded, asset, _ = asset_world()
    other = Ref(asset, bytes(32)).pack()
    usage = world.add("user", "usage", asset=other, use="infer", quantities={"call": 1}, from_=NOW_MS, until=NOW_MS)
    refused(world.evidence(usage, [*founded, asset]), "terms", "is another one than")


def test_a_genesis_of_another_log() -> None:
    """Only entry 0, and only with this log's origin, founds the operator's party."""
    world = World()
    world.add("operator", "genesis", origin="log.example/other", name="operator")
    usage = world.use("operator", "model:x/y")
    refused(world.evidence(usage, [0]), "entries", "genesis of another log")
    world = World()
    world.party("user")
    second = world.add("operator", "genesis", origin=ORIGIN, name="operator")
    refused(world.evidence(world.use("operator", "model:x/y"), [second]), "entries", "genesis of another log")


def test_an_owner_who_isnt() -> None:
    """Terms, grants and withdrawals by another party than the asset's owner."""
    world, founded, asset, _ = asset_world("thief")
    stolen = world.terms("thief", asset, offer(1))
    usage = world.use("user", asset, terms=world.ref(stolen))
    refused(world.evidence(usage, [*founded, asset, stolen]), "terms", "not by the asset's owner")
    shut = world.terms("owner", asset, offer(PRICE), needs_grant=True)
    grant = world.grant("thief", shut, "user")
    usage = world.use("user", asset, terms=world.ref(shut))
    refused(world.evidence(usage, [*founded, asset, shut, grant]), "terms", "not by the asset's owner")
    world, founded, asset, terms = asset_world("thief")
    gone = world.add("thief", "withdraw", target=world.ref(asset))
    usage = world.use("user", asset, terms=world.ref(terms))
    refused(world.evidence(usage, [*founded, asset, terms, gone]), "terms", "not by the asset's owner")


# The price


def test_terms_of_another_asset() -> None:
    """Named by the usage or slipped in: they are no terms of the used one."""
    world, founded, asset, _ = asset_world()
    other = world.asset("owner", "other")
    cheap = world.terms("owner", other, offer(1))
    usage = world.use("user", asset, terms=world.ref(cheap))
    refused(
        world.evidence(usage, [*founded, asset, other, cheap]), "terms", "not in the file as terms of the used asset"
    )
    usage = world.use("user", asset)
    refused(world.evidence(usage, [*founded, asset, cheap]), "complete", "no check needs")
    made = TOLD.evidence(without=["terms model"], plus=[])
    refused(made, "terms", "not in the file as terms")
    made = TOLD.evidence(without=["terms 1"])
    refused(made, "sources", "its terms are not in the file")
    made = TOLD.evidence(without=["asset 0"])
    refused(made, "sources", "a source of the asset")


def test_terms_that_were_replaced() -> None:
    """Newer terms in the file need a grant of the agreed ones: to the user, and before the use."""
    world, founded, asset, cheap = asset_world("friend")
    head = world.size
    dear = world.terms("owner", asset, offer(2 * PRICE))
    for more in ({"terms": world.ref(cheap)}, {"head": head}):
        usage = world.use("user", asset, **more)
        refused(world.evidence(usage, [*founded[:2], asset, cheap, dear]), "terms", "had been replaced")
        grant = world.grant("owner", cheap, "friend")
        refused(world.evidence(usage, [*founded[:2], asset, cheap, dear, grant]), "terms", "had been replaced")
        late = world.grant("owner", cheap, "user")
        refused(world.evidence(usage, [*founded[:2], asset, cheap, dear, late]), "terms", "had been replaced")
    fresh = world.asset("owner", "fresh")
    seen = world.size
    first = world.terms("owner", fresh, offer(PRICE))
    usage = world.use("user", fresh, head=seen)
    refused(world.evidence(usage, [*founded[:2], fresh, first]), "terms", "came after the tree")


def test_older_terms_dont_make_another_price() -> None:
    """A forger leaves the newest terms out: the price doesn't come to the line that stands in the statement; without
    the line, the outcome says that nothing is settled."""
    world, founded, asset, cheap = asset_world()
    dear = world.terms("owner", asset, offer(2 * PRICE))
    usage = world.use("user", asset)
    world.charge(usage, "user", {"owner": 2 * PRICE})
    statement = world.state("user", "user", "owner")
    paid = world.receipt("owner", statement, 2 * PRICE)
    honest = world.evidence(usage, [*founded, asset, dear, paid], statements=[statement])
    assert check_evidence(honest, policy=POLICY).result == GOOD
    forged = world.evidence(usage, [*founded, asset, cheap, paid], statements=[statement])
    refused(forged, "line", "as recomputed")
    without = check_evidence(world.evidence(usage, [*founded, asset, cheap]), policy=POLICY)
    assert without.result == INCOMPLETE


def test_a_name_that_the_asset_doesnt_claim() -> None:
    """Use by an external name under terms of an asset that doesn't list it bills nobody."""
    world, founded, asset, terms = asset_world()
    usage = world.use("user", "doi:10.1234/x", terms=world.ref(terms))
    refused(world.evidence(usage, [*founded, asset, terms]), "terms", "doesn't claim")
    claims = [world.asset("owner", f"claim {at}", aka=["doi:10.1234/y"]) for at in range(2)]
    usage = world.use("user", "doi:10.1234/y")
    refused(world.evidence(usage, [*founded, *claims]), "terms", "more claims")


def share_world(bps: int, **terms: Any) -> tuple[World, list[int], int]:
    """A source whose terms ask 500 bps, an asset that lists it at `bps`, and a charged use of that."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    entries = [world.party(name) for name in ("user", "owner", "source")]
    data = world.asset("source", "data")
    asked = world.terms("source", data, **{"derivatives": 500, **terms})
    model = world.asset("owner", "model", (data, bps))
    made = world.terms("owner", model, offer(PRICE))
    usage = world.use("user", model, terms=world.ref(made))
    return world, [*entries, data, asked, model, made], usage


def test_a_share_that_the_source_didnt_ask() -> None:
    """Less than its terms asked, more, or nothing; or by a grant to somebody else."""
    for bps in (400, 600, 0):
        world, entries, usage = share_world(bps)
        refused(world.evidence(usage, entries), "sources", f"at {bps} bps")
    world, entries, usage = share_world(500, currency="EUR")
    refused(world.evidence(usage, entries), "sources", "another currency")


def test_an_oversubscribed_asset_cant_sell() -> None:
    """Shares of more than the whole: the log would have refused the offers."""
    world = World()
    world.add("operator", "genesis", origin=ORIGIN, name="operator")
    entries = [world.party(name) for name in ("user", "owner", "source")]
    sources = []
    for _ in range(3):
        data = world.asset("source", "data")
        entries += [data, world.terms("source", data, derivatives=4000)]
        sources.append((data, 4000))
    model = world.asset("owner", "model", *sources)
    terms = world.terms("owner", model, offer(PRICE))
    usage = world.use("user", model, terms=world.ref(terms))
    refused(world.evidence(usage, [*entries, model, terms]), "sources", "oversubscribed")


def test_a_source_that_is_no_asset() -> None:
    """References must name assets in the file, before what lists them."""
    world, founded, _, terms = asset_world()
    model = world.asset("owner", "model", (terms, 0))
    made = world.terms("owner", model, offer(PRICE))
    usage = world.use("user", model, terms=world.ref(made))
    refused(world.evidence(usage, [*founded, terms, model, made]), "sources", "of kind terms")


# The money


def test_a_line_of_another_account() -> None:
    """Another payee's line, another payer's, a currency that isn't the terms', a stranger's, one for a free use."""
    made = TOLD.evidence()
    first, second = made.lines[0], made.lines[1]
    one = dataclasses.replace(made, lines=(dataclasses.replace(second, account=first.account), *made.lines[1:]))
    refused(one, "line", "as recomputed")
    wrong = Account(public("model"), first.account.payee, "USD")
    refused(with_line(made, 0, account=wrong), "line", "another account")
    wrong = first.account._replace(currency="EUR")
    refused(with_line(made, 0, account=wrong), "line", "another account")
    for stranger in (public("user"), public("stranger")):
        refused(with_line(made, 0, account=first.account._replace(payee=stranger)), "lines", "doesn't reach")
    refused(with_line(made, 0, statement=second.statement), "line", "of another account")
    refused(with_line(made, 0, statement=TOLD.named["terms model"]), "line", "is no statement")
    refused(with_line(made, 0, amount=first.amount + 1), "line", "as recomputed")
    twice = (*made.lines, dataclasses.replace(first, account=first.account._replace(currency="EUR")))
    both = dataclasses.replace(made, lines=tuple(sorted(twice, key=lambda line: line.account)))
    refused(both, "lines", "doesn't reach")
    world, founded, asset, _ = asset_world()
    usage = world.use("user", asset, use="train")
    world.charge(usage, "user", {"owner": PRICE})
    statement = world.state("user", "user", "owner")
    bad = world.evidence(usage, [*founded, asset, asset + 1], statements=[statement])
    refused(bad, "lines", "doesn't reach")


def test_sum_tree_proofs_of_another_shape_or_sum() -> None:
    """Too short, too long, at another position, an oversized sum, value moved between siblings, another root."""
    made = TOLD.evidence()
    line = made.lines[0]
    (first, total), *rest = line.path
    refused(with_line(made, 0, path=line.path[:-1]), "line", "too short")
    refused(with_line(made, 0, path=(*line.path, (bytes(32), 1))), "line", "too long")
    refused(with_line(made, 0, path=()), "line", "too short")
    for sum_ in (2**128 - 1, 2**127, total * 10**6):
        refused(with_line(made, 0, path=((first, sum_), *rest)), "line", "doesn't fit the total")
    refused(with_line(made, 0, path=((first, total - 1), *rest)), "line", "don't come to the total")
    moved = ((first, total - 1), (rest[0][0], rest[0][1] + 1), *rest[1:])
    refused(with_line(made, 0, path=moved), "line", "doesn't lead to the statement's root")
    refused(with_line(made, 0, path=((bytes(32), total), *rest)), "line", "doesn't lead")
    for position in (0, 1, 2, 3, 5):
        refused(with_line(made, 0, position=position), "line", "")
    refused(with_line(made, 0, position=6), "line", "no line 6")


def changed_statement(signer: str = "user", **figures: Any) -> tuple[Story, int]:
    """A story of one payee whose statement says something else."""
    told = story(sources=0, settle=False)
    world = told.world
    account = Account(public("user"), public("model"), "USD")
    world.stated[account].pop()
    right = world.figures(account, world.size)
    made = {name: figure(right[name]) if callable(figure) else figure for name, figure in figures.items()}
    statement = world.state(signer, "user", "model", **made)
    told.statements = [statement]
    return told, statement


def _sum(add: int) -> Callable[[bytes], bytes]:
    return lambda raw: (int.from_bytes(raw, "big") + add).to_bytes(16, "big")


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"due": lambda due: due - 10**7}, "nanos due"),
        ({"due": lambda due: due + 10**7}, "nanos due"),
        ({"due": 0}, "nanos due"),
        ({"gross": _sum(-(10**7))}, "nanos due"),
        ({"gross": _sum(10**7), "due": lambda due: due + 10**7}, "don't come to the total"),
        ({"billed": _sum(10**7), "due": lambda due: due - 10**7}, "what the one at entry"),
        ({"credits": _sum(10**7), "due": lambda due: due - 10**7}, "without its sum or root"),
        ({"credits": _sum(10**7), "credit_lines": 1, "due": lambda due: due - 10**7}, "without its sum or root"),
        ({"lines": lambda lines: lines - 1}, "line"),
        ({"lines": lambda lines: lines + 1}, "line"),
        ({"lines": 10**6}, "wasn't there yet"),
        ({"root": bytes(32)}, "doesn't lead to the statement's root"),
        ({"to": 10**6}, "wasn't there yet"),
        ({"to": 40}, "covers what stands below 40"),
        ({"payer": public("other")}, "of another account"),
        ({"payee": public("other")}, "of another account"),
        ({"currency": "EUR"}, "of another account"),
    ],
)
def test_a_statement_with_any_wrong_figure(figures: dict[str, Any], reason: str) -> None:
    """Even where the log took it: the figures in the file don't fit each other or the line."""
    told, statement = changed_statement(**figures)
    good = Story(told.world, told.usage, told.named, [])
    line = story(sources=0, settle=False).evidence().lines[0]
    made = good.evidence(plus=[statement])
    refused(dataclasses.replace(made, lines=(dataclasses.replace(line, statement=statement),)), "line", reason)


def test_a_statement_by_a_stranger() -> None:
    """Neither payer nor payee signed it; or a key that isn't bound did."""
    told, _ = changed_statement(signer="other")
    refused(told.evidence(), "line", "binds its key")
    world = told.world
    other = world.party("third")
    assert other
    told.world.stated[Account(public("user"), public("model"), "USD")].pop()
    told.statements = [world.state("third", "user", "model")]
    refused(told.evidence(plus=[other]), "line", "by a stranger")


def test_only_the_first_statement_that_covers_it_counts() -> None:
    """A later one needs the one before it, which covers the line already; the one before may not be left out."""
    told = story(sources=0)
    world = told.world
    more = world.use("user", told.named["asset model"], terms=world.ref(told.named["terms model"]))
    world.charge(more, "user", {"model": PRICE})
    later = world.state("model", "user", "model")
    paid = world.receipt("model", later, world.body(later)["due"], "r-2")
    covering = told.statements[0]
    told.statements = [later]
    base = ["receipt model", "earlier model"]
    refused(told.evidence(without=base, plus=[paid]), "line", "not in the file")
    refused(told.evidence(without=["receipt model"], plus=[paid]), "line", "what the one at entry")
    refused(told.evidence(without=base, plus=[paid, covering]), "line", "covers the line already")


@pytest.mark.parametrize("is_position", [False, True])
def test_the_statement_before_must_not_cover_it(is_position: bool) -> None:
    """Neither by its `to` nor by its count of lines, whatever its other figures say."""
    told = story(sources=0, settle=False)
    world = told.world
    account = Account(public("user"), public("model"), "USD")
    world.stated[account].pop()
    right = world.figures(account, told.usage)
    wrong = {"lines": world.figures(account, world.size)["lines"]} if is_position else {"to": world.size}
    before = world.state("user", "user", "model", **{**right, **wrong})
    told.statements = [world.state("user", "user", "model")]
    refused(told.evidence(without=["earlier model"], plus=[before]), "line", "covers the line already")


@pytest.mark.parametrize("figure", ["credits", "credit_lines", "lines", "to"])
def test_no_figure_falls_behind_the_statement_before(figure: str) -> None:
    """What was counted once stays counted: a later statement with less of it contradicts the one before."""
    told = story(sources=0, settle=False)
    world = told.world
    account = Account(public("user"), public("model"), "USD")
    world.stated[account].pop()
    world.credits[account] = credits = [(told.usage - 1, 10**7)]
    right, now = world.figures(account, told.usage), world.figures(account, world.size)
    more = {"credit_lines": 2, "lines": now["lines"] + 1, "to": world.size}
    before = world.state("user", "user", "model", **{**right, **({figure: more[figure]} if figure in more else {})})
    world.credits[account] = [(told.usage - 1, 10**6)] if figure == "credits" else credits
    to = world.size - 1 if figure == "to" else world.size
    told.statements = [world.state("user", "user", "model", **world.figures(account, to))]
    bad = told.evidence(without=["earlier model"], plus=[before])
    refused(bad, "line", f"{figure} of the statement at entry {told.statements[0]} falls behind")


def test_nothing_due_is_no_statement() -> None:
    """A statement that says that nothing is due is none, though its figures fit."""
    told = story(sources=0, settle=False)
    world = told.world
    account = Account(public("user"), public("model"), "USD")
    world.stated[account].pop()
    right = world.figures(account, world.size)
    world.credits[account] = [(told.usage + 1, int.from_bytes(right["gross"], "big"))]
    told.statements = [world.state("user", "user", "model", due=0)]
    refused(told.evidence(), "line", "says 0 nanos due")


def test_receipts_that_dont_count() -> None:
    """By another party, of more than is due, one money twice, before the statement, of another statement."""
    told = story(sources=0, settle=False)
    world, statement = told.world, told.statements[0]
    due = world.body(statement)["due"]
    by_payer = world.receipt("user", statement, due)
    refused(told.evidence(plus=[by_payer]), "line", "by another party")
    much = world.receipt("model", statement, due + 1)
    refused(told.evidence(plus=[much]), "line", "more than is due")
    twice = [world.receipt("model", statement, 5, "same") for _ in range(2)]
    refused(told.evidence(plus=twice), "line", "more than is due")
    other = world.receipt("model", told.named["earlier model"], 5)
    refused(told.evidence(plus=[other]), "complete", "no check needs")
    sent = world.add("model", "payment", statement=world.ref(statement), amount=5, method="sepa", reference="x")
    refused(told.evidence(plus=[sent]), "line", "by another party")


# Corrections


def test_corrections_and_acceptances_that_cant_stand() -> None:
    """By another party, raising, lowering nothing; acceptance by no payee, by the payer, twice, of an older one."""
    told = story(sources=1)
    world, usage = told.world, told.usage
    refused(
        told.evidence(plus=[world.correct("model", usage, output_token=1)]), "corrections", "can't be of this usage"
    )
    refused(
        told.evidence(plus=[world.correct("user", usage, output_token=2 * MILLION)]), "corrections", "doesn't lower"
    )
    refused(told.evidence(plus=[world.correct("user", usage, output_token=MILLION)]), "corrections", "doesn't lower")
    refused(told.evidence(plus=[world.correct("user", usage, call=1)]), "corrections", "doesn't lower")
    first = world.correct("user", usage, output_token=600_000)
    second = world.correct("user", usage, output_token=700_000)
    refused(told.evidence(plus=[first, second]), "corrections", "doesn't lower")
    second = world.correct("user", usage, output_token=500_000)
    old = world.accept("model", first)
    refused(told.evidence(plus=[first, second, old]), "corrections", "can't stand")
    refused(told.evidence(plus=[first, second, world.accept("user", second)]), "corrections", "can't stand")
    refused(told.evidence(plus=[first, world.accept("source0", second)]), "complete", "no check needs")
    twice = [world.accept("model", second) for _ in range(2)]
    refused(told.evidence(plus=[first, second, *twice]), "corrections", "can't stand")
    other = world.party("other")
    taken = world.accept("other", second)
    refused(told.evidence(plus=[other, first, second, taken]), "corrections", "can't stand")
    free = world.use("user", told.named["asset model"], use="train", terms=world.ref(told.named["terms model"]))
    lowered = world.correct("user", free)
    rest = [told.named[name] for name in ("party user", "party model", "asset model", "terms model")]
    verdict = check_evidence(world.evidence(free, [*rest, lowered]), policy=POLICY)
    assert (verdict.result, verdict.more["usage"]["status"]) == (GOOD, "unpriced")
    taken = world.accept("model", lowered)
    refused(world.evidence(free, [*rest, lowered, taken]), "complete", "no check needs")


def test_the_payer_accepts_nothing_of_its_own() -> None:
    """A user with a part in its own charge is no payee of it."""
    world, founded, _, _ = asset_world()
    data = world.asset("user", "data")
    asked = world.terms("user", data, derivatives=1000)
    model = world.asset("owner", "model", (data, 1000))
    terms = world.terms("owner", model, offer(PRICE))
    usage = world.use("user", model, terms=world.ref(terms))
    lowered = world.correct("user", usage, output_token=1)
    shown = [*founded, data, asked, model, terms, lowered]
    assert check_evidence(world.evidence(usage, shown), policy=POLICY).result == INCOMPLETE
    refused(world.evidence(usage, [*shown, world.accept("user", lowered)]), "corrections", "can't stand")


def test_a_provider_seen_use_has_no_corrections() -> None:
    """The second meter isn't corrected: the user's is."""
    world, founded, asset, _ = asset_world()
    usage = world.use("user", asset, seen_by="provider", party=public("owner"))
    lowered = world.correct("user", usage)
    refused(world.evidence(usage, [*founded, asset, lowered]), "corrections", "can't be of this usage")


def test_a_body_that_no_log_would_take() -> None:
    """Signed by its key, logged by a log that doesn't look: the form is judged all the same."""
    world = World()
    world.party("user")
    body = codec.encode({"kind": "usage", "at": NOW_MS, "asset": "model:x/y", "use": "sing"})
    batch = sign_batch(key_of("user"), origin=ORIGIN, size=1, root=world.root(1), first=1, bodies=[body])
    world.entries += batch.entries()
    refused(world.evidence(1, [0]), "entries", "a required field is missing")
    entry = parse_entry(world.entries[1])
    world.entries[1] = dataclasses.replace(entry, signature=bytes(64)).encode()
    refused(world.evidence(1, [0]), "entries", "")
