"""Bounds of traces and walks over content that is made to be dear: what is passed over counts, and what is left out is
said in words that clients take."""

import itertools

import pytest

from ledger import trace as trace_module
from ledger import walk
from ledger.lineage import Target
from ledger.trace import Asked, Trace, trace
from ledger.walk import TooFarError, find_path
from node import lineageviews
from node.lineage.graph import parse_graph
from proofs.ref import unpack_ref
from tests.ledger.market import Market
from tests.ledger.support import Log, body, source, usage

NAME = "pkg:generic/a/name"


@pytest.fixture
def log() -> Market:
    """Parties, and nothing else."""
    return Market()


def description(name: str, *targets: bytes | str, relation: str = "derived_from") -> bytes:
    """What somebody says of a name."""
    listed = {"sources": [source(target, relation) for target in targets]} if targets else {}
    return body("description", type="dataset", name=name, **listed)


def index_of(ref: bytes) -> int:
    return unpack_ref(ref).index


def asked(log: Log, root: Target, **more: object) -> Trace:
    """A trace that a client takes."""
    found = trace(log.state, Asked(root, **more))  # type: ignore[arg-type]
    parse_graph(lineageviews.lineage(log.state, found, size=log.size, leaf_at=log.ledger.view().leaf))
    return found


def test_earnings_of_sums_that_were_cut_are_left_out(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an asset earned of its own uses is a difference: where not all sums were read, it is left out and said."""
    below = log.sell("lab", "below", derivatives=5000)
    top = log.sell("owner", "top", source(below, bps=5000))
    for tokens, name in ((1000, "a"), (1000, "b"), (10**6, "z")):
        log.use("lab", top, tokens, into_name=name)
    own = [one for one in asked(log, index_of(top)).materials[0].earned if one.used == index_of(top)]
    assert [one.amount for one in own] == [501_000]
    for bound in ("LISTS_MATERIAL_MAX", "LISTS_MAX"):
        for most in (2, 3):
            with monkeypatch.context() as patch:
                patch.setattr(trace_module, bound, most)
                found = asked(log, index_of(top))
            if bound == "LISTS_MATERIAL_MAX" and most == 3:
                assert found.materials[0].earned == own
            else:
                assert found.materials[0].earned == []
                assert "what an asset with very many users earned of its own uses" in found.left_out


def test_many_authors_are_left_out_in_few_words(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many long names have more authors than are shown, a client takes the answer."""
    names = [f"pkg:generic/{'x' * 990}{at}" for at in range(70)]
    for who in ("owner", "maker", "lab"):
        log.put(who, *[description(name, NAME) for name in names])
    monkeypatch.setattr(trace_module, "AUTHORS_MAX", 2)
    found = asked(log, NAME)
    assert {len(one.described) for one in found.materials if one.target != NAME} == {2}
    assert len(found.left_out) == 1


def test_an_older_claim_of_the_same_party_is_another_material(log: Market) -> None:
    """Of one party's claims on a name the newest counts, from either side; when that is withdrawn, the older one."""
    older, newer = (log.register("owner", name, aka=[NAME]) for name in ("older", "newer"))
    made = index_of(log.register("maker", "made", sources=[source(NAME)]))
    assert [one.target for one in asked(log, index_of(older)).materials] == [index_of(older)]
    assert find_path(log.state, made, index_of(older)) is None
    assert find_path(log.state, made, index_of(newer)) == [made, NAME, index_of(newer)]
    log.put("owner", body("withdraw", target=newer))
    assert find_path(log.state, made, index_of(older)) == [made, NAME, index_of(older)]
    assert find_path(log.state, made, index_of(newer)) is None


@pytest.mark.parametrize("what", ["replaced", "tests", "versions", "authors"])
def test_what_is_passed_over_counts(log: Market, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Replaced descriptions, tests, versions of other parts and descriptions that list nothing lead nowhere, but
    looking at them costs: walks count them, and give up."""
    root: Target = NAME
    if what == "replaced":
        log.put("owner", *[description("doi:10.1234/x", NAME) for _ in range(40)])
    elif what == "tests":
        log.put("owner", *[description(f"doi:10.1234/{at}", NAME, relation="evaluated_on") for at in range(40)])
    elif what == "versions":
        log.put("owner", description(NAME), description("doi:10.1234/x", *[f"{NAME}@{at}#part" for at in range(40)]))
    else:
        for at in range(40):
            log.join(f"author {at}", description(NAME))
    assert trace(log.state, Asked(root)).left_out == []
    goal = "doi:10.1234/beyond"
    up, down = (root, goal) if what == "authors" else (goal, root)
    assert find_path(log.state, up, down) is None or what == "versions"
    monkeypatch.setattr(trace_module, "EDGES_MAX", 20)
    assert trace(log.state, Asked(root)).left_out
    side = walk.sources_of if what == "authors" else walk.made_from
    assert not walk.walk(log.state, root, side, depth=9, materials_max=99, edges_max=20).is_whole
    assert walk.walk(log.state, root, side, depth=9, materials_max=99, edges_max=50).is_whole


def star(log: Market, up: int, down: int) -> None:
    """NAME with so many sources, and so many things made from it."""
    log.put("owner", description(NAME, *[f"doi:10.1234/up-{at}" for at in range(up)]))
    for at in range(down):
        log.put("maker", description(f"doi:10.1234/down-{at}", NAME))


@pytest.mark.parametrize(
    ("up", "down", "most", "shown_up", "shown_down"),
    [(20, 0, 10, 9, 0), (20, 3, 10, 6, 3), (3, 20, 10, 3, 6), (20, 20, 10, 5, 4), (20, 20, 2, 1, 0), (20, 9, 1, 0, 0)],
)
def test_room_that_one_direction_leaves_is_the_other_s(
    log: Market, up: int, down: int, most: int, shown_up: int, shown_down: int
) -> None:
    """Half is kept for each only where both have so much; the limit is used up, and never passed."""
    star(log, up, down)
    found = asked(log, NAME, most=most)
    assert len(found.materials) <= most
    assert sum(one.level < 0 for one in found.materials) == shown_up
    assert sum(one.level > 0 for one in found.materials) == shown_down


@pytest.mark.parametrize(
    ("up", "down", "more", "advice"),
    [
        (20, 0, {"most": 10}, "9 shown, a larger limit shows more"),
        (20, 0, {"most": 12}, "11 shown, a trace of one of these goes on from there"),
        (20, 2, {"most": 12}, "9 shown, one direction alone (--up, --down) shows more"),
        (20, 2, {"most": 12, "direction": "up"}, "11 shown, a trace of one of these goes on from there"),
        (2, 0, {"depth": 1}, "2 shown, a larger depth shows more"),
    ],
)
def test_what_shows_more_is_advice_that_can_be_followed(
    log: Market, monkeypatch: pytest.MonkeyPatch, up: int, down: int, more: dict[str, object], advice: str
) -> None:
    """No larger limit is named than there is, and no larger depth where the limit is what cut it off."""
    monkeypatch.setattr(trace_module, "MATERIALS_MAX", 12)
    star(log, up, down)
    log.put("owner", description("doi:10.1234/up-0", "doi:10.1234/behind"))
    assert asked(log, NAME, **{"most": 12, **more}).left_out == [f"more of what it was made from: {advice}"]


def test_a_search_counts_what_it_passes_over(log: Market) -> None:
    """A way through a name that was described over and over is given up, not searched for at any cost."""
    made, middle = "doi:10.1234/made", "doi:10.1234/middle"
    log.put("owner", *[description("doi:10.1234/x", NAME) for _ in range(40)], description(made, middle))
    log.put("maker", description(made, "doi:10.1234/z"), description(middle, "doi:10.1234/w"))
    with pytest.raises(TooFarError):
        find_path(log.state, made, NAME, edges_max=20)
    assert find_path(log.state, made, NAME, edges_max=60) is None


def test_a_way_is_as_long_as_can_be_shown(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way of more materials than a trace may have is refused, by the field that asked for it."""
    names = [f"doi:10.1234/{at}" for at in range(7)]
    log.put("owner", *[description(one, other) for one, other in itertools.pairwise(names)])
    monkeypatch.setattr(trace_module, "MATERIALS_MAX", 7)
    assert asked(log, names[0], to=names[-1], most=7).path == names
    monkeypatch.setattr(trace_module, "MATERIALS_MAX", 6)
    with pytest.raises(TooFarError) as caught:
        trace(log.state, Asked(names[0], to=names[-1], most=6))
    assert caught.value.field == "to"


def test_a_pass_over_all_rows_ends(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass through the rows between two assets is given up where there are too many."""
    first = log.register("owner", "first")
    for at in range(12):
        last = log.register("owner", f"next {at}", sources=[source(first)])
    monkeypatch.setattr(walk, "SEARCH_EDGES", 0)
    assert find_path(log.state, index_of(last), index_of(first)) is not None
    monkeypatch.setattr(walk, "SWEEP_MAX", 10)
    with pytest.raises(TooFarError):
        find_path(log.state, index_of(last), index_of(first))


def test_records_that_are_read_are_bounded(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many bytes, or so many sayings, records are read no more, and the answer says so."""
    log.put("owner", *[description(f"doi:10.1234/{at}", NAME) for at in range(9)])
    assert len(asked(log, NAME).links) == 9
    with monkeypatch.context() as patch:
        patch.setattr(trace_module, "RECORD_BYTES_MAX", 200)
        found = asked(log, NAME)
    assert len(found.links) < 9
    assert found.left_out == ["what further records say that materials were made from"]
    monkeypatch.setattr(trace_module, "SAYINGS_MAX", 4)
    found = asked(log, NAME)
    assert (len(found.links), len(found.left_out)) == (4, 1)


def test_uses_and_names_stand_apart(log: Market) -> None:
    """A use into a name that only begins like another's counts for that alone."""
    log.put("lab", *[usage(NAME, into_name=name) for name in ("a", "ab", "a@1")])
    found = asked(log, NAME).materials[0].uses
    assert {(one.made, one.uses) for one in found} == {("a", 1), ("ab", 1), ("a@1", 1)}
