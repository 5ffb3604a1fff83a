"""ledger.assets: registration, sources, claims on names, what `into_name` asks for, withdrawal (design section 4)."""

import pytest

from ledger import assets, keys
from ledger.errors import Refusal
from proofs.merkle import leaf_hash
from proofs.ref import Ref
from tests.ledger.support import NAME, Log, asset, body, delegate, none, party, public, rotate, source, usage

OTHER_NAME = "pkg:pypi/other"


@pytest.fixture
def log() -> Log:
    """A log with an `owner`, a `lab` and a `third` party."""
    made = Log()
    for who in ("owner", "lab", "third"):
        made.join(who, name=who)
    return made


def index_of(ref: bytes) -> int:
    return int.from_bytes(ref[:8], "big")


def claims(log: Log, name: str = NAME) -> list[tuple[bytes, int]]:
    return log.state.claimants(name, most=10)


def test_an_asset_is_its_signers_partys(log: Log) -> None:
    """Type, name, version, owner and leaf are those of the record and its entry."""
    ref = log.register("owner", "corpus", type="model", version="2", root=bytes(32), items=1, bytes=2)
    row = log.state.asset(index_of(ref))
    assert (row.leaf, row.party, row.type, row.name, row.version, row.retired) == (
        ref[8:], public("owner"), "model", "corpus", "2", 0,
    )  # fmt: skip
    assert log.state.asset_by_ref(Ref(index_of(ref), ref[8:])) == row
    assert log.state.asset_by_ref(Ref(index_of(ref), bytes(32))) is None
    assert log.state.asset(index_of(ref) - 1) is None


def test_the_same_name_may_be_registered_again(log: Log) -> None:
    """Names are claims: the same name, version and root by the same and by another party are taken."""
    for who in ("owner", "owner", "lab"):
        log.register(who, "corpus", version="1", root=bytes(32), items=0, bytes=0)
    prefix = keys.ASSET_NAME + keys.text("corpus")
    assert len(list(log.store.scan(prefix, keys.after(prefix)))) == 3
    log.check()


def test_a_share_must_be_asked_for(log: Log) -> None:
    """A share above 0 of a source that asks none is refused with the right one; 0 and no share at all are the same."""
    ref = log.register("owner", "corpus")
    refusal = log.rule("lab", asset("model", sources=[source(NAME), source(ref, bps=5)]), field="sources.1.bps")
    assert refusal.expected == "0"
    log.register("lab", "model", sources=[source(ref, bps=0)])


def bad_refs(log: Log) -> dict[str, bytes]:
    """References that name no asset of this log."""
    ref = log.register("owner", "corpus")
    index = index_of(ref)
    return {
        "another hash": ref[:8] + bytes(32),
        "another index": (index - 1).to_bytes(8, "big") + ref[8:],
        "a party record": log.ref(1),
        "the genesis": log.ref(0),
        "a description": log.ref(log.put("lab", body("description", name=NAME, type="work")).first_index),
        "the future": (log.size + 1).to_bytes(8, "big") + ref[8:],
        "itself": log.size.to_bytes(8, "big") + bytes(32),
        "far away": b"\x7f" + b"\xff" * 7 + ref[8:],
        "a usage": log.ref(log.put("lab", usage(ref)).first_index),
    }


def test_references_name_assets_of_this_log(log: Log) -> None:
    """A ref to another hash, another kind or a later leaf is refused, wherever an asset is named."""
    for name, wrong in bad_refs(log).items():
        log.rule("lab", asset("m", sources=[source(NAME), source(wrong)]), field="sources.1.asset")
        log.rule("lab", asset("m", sources=[source(wrong, "evaluated_on")]), field="sources.0.asset")
        log.rule("lab", body("description", name=NAME, type="work", sources=[source(wrong)]), field="sources.0.asset")
        log.rule("lab", usage(wrong), field="asset")
        log.rule("lab", usage(NAME, into=wrong), field="into")
        assert log.rule("owner", body("withdraw", target=wrong), field="target"), name


def test_records_of_one_batch_cannot_refer_to_each_other(log: Log) -> None:
    """A reference to a record of the same batch is no reference to an asset."""
    batch = log.sign("lab", asset("a"))
    entry = batch.entries()[0]
    guess = Ref(log.size, leaf_hash(entry)).pack()
    log.rule("lab", asset("a"), usage(guess), field="asset", position=1)


def test_an_asset_of_the_same_group_can_be_named(log: Log) -> None:
    """A later batch of the same group may refer to an asset that is taken but not yet committed."""
    batch = log.sign("owner", asset("corpus"))
    ref = Ref(log.size, leaf_hash(batch.entries()[0])).pack()
    group = log.ledger.group()
    log.take(batch, group)
    assert log.take(log.sign("lab", usage(ref)), group).statuses == ["unlicensed"]
    group.commit()
    log.check()


def test_claims_stand_from_their_leaf_until_withdrawn(log: Log) -> None:
    """`aka` claims every name listed; of a party the newest asset stands; a withdrawal ends its own claims alone."""
    first = log.register("owner", "corpus", aka=[NAME, OTHER_NAME])
    assert claims(log) == claims(log, OTHER_NAME) == [(public("owner"), index_of(first))]
    second = log.register("owner", "corpus", version="2", aka=[NAME])
    assert claims(log) == [(public("owner"), index_of(second))]
    rival = log.register("lab", "mine", aka=[NAME])
    assert sorted(claims(log)) == sorted([(public("owner"), index_of(second)), (public("lab"), index_of(rival))])
    log.put("owner", body("withdraw", target=second))
    assert dict(claims(log))[public("owner")] == index_of(first)
    log.put("owner", body("withdraw", target=first))
    assert claims(log) == [(public("lab"), index_of(rival))]
    assert claims(log, OTHER_NAME) == []
    log.put("lab", body("withdraw", target=rival))
    assert claims(log) == []
    log.check()


def test_claims_are_of_the_exact_name(log: Log) -> None:
    """A claim on a name says nothing of a longer, shorter or otherwise written one."""
    log.register("owner", "corpus", aka=["doi:10.1234/abc"])
    for name in (
        "doi:10.1234/ab",
        "doi:10.1234/abcd",
        "doi:10.1234/ABC",
        "doi:10.1234/abc/",
        "http://doi.org/10.1234/abc",
    ):
        assert claims(log, name) == []
        assert log.put("lab", usage(name)).statuses == ["unclaimed"]
    assert log.put("lab", usage("doi:10.1234/abc")).statuses == ["unlicensed"]


def test_claimants_are_found_among_many(log: Log) -> None:
    """However many assets parties claim a name with, each party stands once,
    with its newest; keys of all bytes work."""
    newest = {}
    for number in range(40):
        who = f"claimant {number % 7}"
        if number < 7:
            log.join(who)
        newest[public(who)] = index_of(log.register(who, f"a{number}", aka=[NAME]))
    assert sorted(claims(log)) == sorted(newest.items())
    assert len(log.state.claimants(NAME)) == 2


def test_a_claim_changes_what_is_logged_after_it_only(log: Log) -> None:
    """Uses before a claim keep their status; a repeat of such a batch answers with the old one."""
    batch = log.sign("lab", usage(NAME))
    assert log.take(batch).statuses == ["unclaimed"]
    log.register("owner", "corpus", aka=[NAME])
    assert log.put("lab", usage(NAME)).statuses == ["unlicensed"]
    assert log.take(batch).statuses == ["unclaimed"]


def test_withdrawal_is_the_owners(log: Log) -> None:
    """Only the owner's party retires an asset, once; its delegates and later main keys may, too."""
    refs = [log.register("owner", f"a{number}") for number in range(3)]
    for who in ("lab", "third", "operator"):
        log.rule(who, body("withdraw", target=refs[0]), field="target")
    log.put("owner", body("withdraw", target=refs[0]))
    refusal = log.rule("owner", body("withdraw", target=refs[0]), field="target")
    assert f"entry {log.size - 1}" in refusal.detail
    log.put("owner", delegate("clerk", "owner", "withdraw"))
    log.put("clerk", body("withdraw", target=refs[1]))
    log.put("owner", rotate("owner-2", "owner"))
    log.put("owner-2", body("withdraw", target=refs[2]))
    assert all(log.state.asset(index_of(ref)).retired for ref in refs)
    log.rule("owner-2", body("withdraw", target=refs[1]), field="target")
    log.check()


def test_a_retired_asset_is_still_there(log: Log) -> None:
    """What happened stays: a retired asset can be used, named as a source, and made into."""
    ref = log.register("owner", "corpus", aka=[NAME])
    log.put("owner", body("withdraw", target=ref))
    assert log.put("lab", usage(ref)).statuses == ["unlicensed"]
    made = log.register("lab", "model", sources=[source(ref)])
    log.put("lab", body("withdraw", target=made))
    log.put("lab", usage(ref, into=made))
    assert log.put("lab", usage(NAME)).statuses == ["unclaimed"]
    log.check()


def test_descriptions_give_no_ownership(log: Log) -> None:
    """Anyone may describe material, several side by side; a description claims nothing and can't be withdrawn."""
    for who in ("owner", "lab", "third"):
        index = log.put(
            who, body("description", name=NAME, type="work", title="A work", sources=[source(OTHER_NAME)])
        ).first_index
        log.rule(who, body("withdraw", target=log.ref(index)), field="target")
    assert claims(log) == []
    assert log.put("lab", usage(NAME)).statuses == ["unclaimed"]
    for text in (NAME, "A work"):
        prefix = keys.ASSET_NAME + keys.text(text)
        assert [value for _, value in log.store.scan(prefix, keys.after(prefix))] == [b"d"] * 3
    log.check()


def test_into_name_asks_for_its_sources(log: Log) -> None:
    """Registering the named thing lists all that was used for it,
    by ref and by external name; 422 lists the missing."""
    ref = log.register("owner", "corpus")
    log.put("lab", usage(ref, into_name="model"), usage(NAME, "finetune", into_name="model"))
    refusal = log.rule("lab", asset("model"), field="sources")
    assert f"{index_of(ref)}:{ref[8:].hex()}" in refusal.detail
    assert NAME in refusal.detail
    refusal = log.rule("lab", asset("model", sources=[source(NAME)]), field="sources")
    assert NAME not in refusal.detail
    log.rule("lab", asset("model", sources=[source(ref)]), field="sources")
    log.rule("lab", asset("model", sources=[source(ref), source(NAME, "evaluated_on")]), field="sources")
    log.register("lab", "model", sources=[source(ref, "trained_on"), source(NAME, "contains")])
    log.rule("lab", asset("model"), field="sources")  # and for ever after
    log.check()


def test_into_name_looks_through_listed_sources(log: Log) -> None:
    """What was used may stand behind a listed source, at any depth, but not behind an evaluated_on."""
    ref = log.register("owner", "corpus", sources=[source(NAME)])
    middle = log.register("owner", "middle", sources=[source(ref)])
    outer = log.register("third", "outer", sources=[source(middle, "generated_by")])
    beside = log.register("third", "beside", sources=[source(ref, "evaluated_on")])
    log.put("lab", usage(ref, into_name="model"), usage(NAME, into_name="model"))
    log.rule("lab", asset("model", sources=[source(beside)]), field="sources")
    log.rule("lab", asset("model", sources=[source(outer, "evaluated_on")]), field="sources")
    log.register("lab", "model", sources=[source(outer)])
    log.check()


def test_into_name_with_a_version(log: Log) -> None:
    """`name@version` asks of that version alone, `name` of every version, and a name that contains @ of itself."""
    log.put("lab", usage(NAME, into_name="model@2"))
    log.register("lab", "model")
    log.register("lab", "model", version="1")
    log.rule("lab", asset("model", version="2"), field="sources")
    log.rule("lab", asset("model@2"), field="sources")
    log.register("lab", "model", version="2", sources=[source(NAME)])
    log.put("lab", usage(OTHER_NAME, into_name="model"))
    for version in ("1", "2", "3"):
        log.rule("lab", asset("model", version=version, sources=[source(NAME)]), field="sources")
    log.register("lab", "model", version="2", sources=[source(NAME), source(OTHER_NAME)])
    log.register("lab", "models")
    log.check()


def test_into_name_is_the_partys_own_earlier_use(log: Log) -> None:
    """Evaluation, provider-seen use, other parties' use and later use ask for nothing; a delegate's use does."""
    seen = {"seen_by": "provider", "party": public("lab")}
    log.put("lab", usage(NAME, "evaluate", into_name="model"), usage(NAME, into_name="model", **seen))
    log.put("third", usage(NAME, into_name="model"))
    log.register("lab", "model")
    log.put("lab", delegate("agent", "lab", "usage"))
    log.put("agent", usage(NAME, into_name="model"))
    log.rule("lab", asset("model"), field="sources")
    log.rule("lab", asset("model"), usage(OTHER_NAME, into_name="model"), field="sources")
    log.rule("lab", usage(OTHER_NAME, into_name="other"), asset("other"), field="sources", position=1)
    log.put("lab", asset("another"), usage(OTHER_NAME, into_name="another"))
    log.check()


def test_many_missing_sources_are_cut_short(log: Log) -> None:
    """A refusal lists some of the missing, not thousands."""
    log.put("lab", *[usage(f"pkg:pypi/p{number:04}", into_name="model") for number in range(1000)])
    refusal = log.rule("lab", asset("model"), field="sources")
    assert refusal.detail.count("pkg:pypi/") == assets.MISSING_SHOWN


def hub(log: Log, number: int, count: int, *more: bytes | str) -> bytes:
    """An asset with so many external names behind it."""
    names = [f"doi:10.1234/{number}-{at}" for at in range(count - len(more))]
    return log.register("owner", f"hub {number}", sources=[source(name, "contains") for name in (*names, *more)])


def test_a_walk_through_lineage_is_bounded(log: Log) -> None:
    """EDGES_MAX edges are walked, one more is 422: for what `into_name` asks and for what stands behind an `into`."""
    hubs = [hub(log, number, 1024) for number in range(15)]
    last = hub(log, 15, assets.EDGES_MAX - 15 * 1025 - 1, NAME)
    within = [source(ref) for ref in (*hubs, last)]
    beyond = [*within, source("doi:10.1234/one-more")]
    log.put("lab", usage(NAME, into_name="model"))
    refusal = log.rule("lab", asset("model", sources=beyond), field="sources")
    assert str(assets.EDGES_MAX) in refusal.expected
    log.register("lab", "model", sources=within)
    made = log.register("lab", "unnamed", sources=within)
    too_much = log.register("lab", "too much", sources=beyond)
    assert log.put("lab", usage(NAME, into=made)).statuses == ["unclaimed"]
    for _ in range(2):
        log.rule("lab", usage(NAME, into=too_much), field="into")
    log.put("lab", usage(NAME, "evaluate", into=too_much))


def test_the_walks_of_one_batch_share_the_bound(log: Log) -> None:
    """Two assets that are walkable alone are too much for one batch, remembered or not; the same one twice is not."""
    hubs = [source(hub(log, number, 1024)) for number in range(9)]
    one, other = (log.register("lab", name, sources=[*hubs, source(NAME)]) for name in ("one", "other"))
    for _ in range(2):
        refusal = log.rule("lab", usage(NAME, into=one), usage(NAME, into=other), position=1, field="into")
        assert "one batch" in refusal.expected
        log.put("lab", usage(NAME, into=one), usage(NAME, into=one))
        log.put("lab", usage(NAME, into=other))


def test_walks_of_one_batch_share_the_bound(log: Log) -> None:
    """The walks for one batch come to EDGES_MAX edges together; an asset that is named again costs nothing more."""
    hubs = [hub(log, number, 1000, NAME) for number in range(9)]
    made = [log.register("lab", f"m{at}", sources=[source(ref) for ref in hubs]) for at in range(2)]
    log.put("lab", *[usage(NAME, into=made[0])] * 5)
    log.rule("lab", usage(NAME, into=made[0]), usage(NAME, into=made[1]), field="into", position=1)
    log.put("lab", usage(NAME, into=made[1]))
    log.put("lab", usage(NAME, into=made[0]))


def test_what_is_remembered_changes_no_verdict(log: Log) -> None:
    """What a walk costs a batch is the same whatever this process still remembers: an audit agrees with a node that was
    started anew, and a node that runs on with one that was."""
    hubs = [hub(log, number, 1000, NAME) for number in range(11)]
    large = log.register("lab", "large", sources=[source(ref) for ref in hubs[:7]])
    other = log.register("lab", "other", sources=[source(ref) for ref in hubs[7:]])
    small = [
        log.register("lab", f"s{number}", sources=[source(NAME)]) for number in range(log.ledger.memo.entries_max - 1)
    ]
    for ref in (large, *small):  # the memo is full, and the large one is what it forgets first
        log.put("lab", usage(NAME, into=ref))
    mixed = [usage(NAME, into=ref) for ref in (large, other, large, other, large)]
    log.put("lab", *mixed)
    log.open()
    log.put("lab", *mixed)
    log.check()


def test_edges_that_meet_again_are_counted_but_end(log: Log) -> None:
    """A web in which every asset lists all the ones before it is walked in bounded steps, and the answer is right."""
    web = [log.register("owner", "web 0", sources=[source(NAME)])]
    for number in range(1, 60):
        web.append(log.register("owner", f"web {number}", sources=[source(ref) for ref in web]))
    log.put("lab", usage(NAME, into_name="model"))
    log.register("lab", "model", sources=[source(web[-1])])
    made = log.register("lab", "made", sources=[source(web[-1])])
    log.put("lab", usage(web[0], into=made))
    log.rule("lab", usage(OTHER_NAME, into=made), field="into")


def test_what_is_remembered_of_lineage_stays_bounded(log: Log) -> None:
    """The memo of what stands behind assets forgets, and answers the same with and without it."""
    made = [log.register("lab", f"m{n}", sources=[source(NAME), source(f"pkg:pypi/p{n}")]) for n in range(80)]
    for number, ref in enumerate(made):
        log.put("lab", usage(f"pkg:pypi/p{number}", into=ref))
    memo = log.ledger.memo
    assert len(memo.behind) <= memo.entries_max < 80
    log.put("lab", usage("pkg:pypi/p0", into=made[0]))
    log.rule("lab", usage("pkg:pypi/p1", into=made[0]), field="into")
    log.open()
    log.put("lab", usage("pkg:pypi/p0", into=made[0]))
    log.rule("lab", usage("pkg:pypi/p1", into=made[0]), field="into")


def test_a_refused_asset_leaves_no_claim(log: Log) -> None:
    """An asset in a batch that is refused later on has claimed nothing, neither in its group nor after it."""
    group = log.ledger.group()
    batch = log.sign("owner", asset("corpus", aka=[NAME]), usage(bytes(40)))
    with pytest.raises(Refusal):
        log.take(batch, group)
    assert log.take(log.sign("lab", usage(NAME)), group).statuses == ["unclaimed"]
    group.commit()
    assert claims(log) == []


def test_a_long_registration(log: Log) -> None:
    """The most that fits: 1,024 sources and 1,024 claims are taken and found again."""
    names = [f"doi:10.1234/{number:04}" for number in range(1024)]
    ref = log.register("owner", "long", aka=names)
    log.register("lab", "sourced", sources=[source(name) for name in names])
    assert claims(log, names[0]) == claims(log, names[-1]) == [(public("owner"), index_of(ref))]
    log.put("owner", body("withdraw", target=ref))
    assert all(claims(log, name) == [] for name in names)
    log.put("third", party("still here"), none())
    log.check()
