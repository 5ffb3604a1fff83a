"""The lineage that a node answers, read strictly: what is right comes out whole, what isn't is refused by its place."""

from collections.abc import Callable
from typing import Any

import pytest

from node.lineage.graph import DOWN, UP, parse_graph
from proofs.errors import InputError
from tests.lineage import making

ALPACA = "pkg:huggingface/tatsu-lab/alpaca"


def test_a_right_answer_is_read_whole() -> None:
    """Every node, edge, sum and mark of the JSON stands in the values."""
    graph = parse_graph(making.small())
    assert (graph.root, graph.size, graph.direction, graph.depth) == ("30", 100_000, "both", 16)
    assert graph.truncated == ("depth 16 reached at 2 nodes",)
    archive = graph.node("10")
    assert archive.is_asset
    assert archive.type == "dataset"
    assert [(e.through, e.amount, e.currency) for e in archive.earned] == [
        ("10", 12_000_000_000, "USD"),
        ("30", 350_000_000, "USD"),
    ]
    assert archive.disputes[0].state == "open"
    assert graph.node("5").retired
    edge = graph.sources("30")[1]
    assert (edge.derived, edge.source, edge.bps, edge.uses[0].charge) == ("30", "10", 1000, 12_000_000_000)
    assert len(graph.nodes) == 7
    assert len(graph.edges) == 6


def test_the_owner_and_curators_are_kept_apart() -> None:
    """A licence in a description is a curator's conclusion and never stands among those declared."""
    graph = parse_graph(making.small())
    alpaca = graph.node(ALPACA)
    assert alpaca.declared == ()
    assert alpaca.concluded == (("CC-BY-NC-4.0", "Data Curators e.V."), ("Apache-2.0", "Lab & <Sons>"))
    assert graph.node("10").declared == ("CC-BY-4.0",)
    assert graph.node("10").concluded == ()
    assert graph.node("30").declared == ("LicenseRef-lab",)


def test_children_come_in_the_order_of_a_tree() -> None:
    """By relation, then title, whatever order the node listed them in."""
    value = making.small()
    value["edges"].reverse()
    graph = parse_graph(value)
    assert [node.id for _, node in graph.children("30", UP)] == [ALPACA, "10"]
    assert [node.id for _, node in graph.children("30", DOWN)] == ["pkg:huggingface/someone/chat-tuned"]
    assert [node.id for _, node in graph.children("10", DOWN)] == ["30", "pkg:huggingface/archive/all"]


def test_claims_of_several_parties_contest_a_name() -> None:
    """Two assets of one party don't; one that isn't in the lineage may be another's."""
    value = making.small()
    name = next(node for node in value["nodes"] if node["id"] == "pkg:huggingface/archive/all")
    for claimed, is_contested in ((["10"], False), (["10", "5"], False), (["10", "30"], True), (["10", "77"], True)):
        name["claimed_by"] = claimed
        graph = parse_graph(value)
        assert graph.is_contested(graph.node(name["id"])) is is_contested


def _node(value: dict[str, Any], name: str) -> dict[str, Any]:
    return next(node for node in value["nodes"] if node["id"] == name)


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


BAD: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "another format": ("format", lambda v: v.update(format="usance/lineage/v2")),
    "no nodes": ("nodes", lambda v: v.pop("nodes")),
    "nodes in a map": ("nodes", lambda v: v.update(nodes={})),
    "a node that is text": ("nodes[0]", lambda v: v["nodes"].insert(0, "0")),
    "root unknown": ("root", lambda v: v.update(root="9")),
    "root a number": ("root", lambda v: v.update(root=30)),
    "size negative": ("size", lambda v: v.update(size=-1)),
    "size true": ("size", lambda v: v.update(size=True)),
    "depth a float": ("depth", lambda v: v.update(depth=1.0)),
    "direction": ("direction", lambda v: v.update(direction="sideways")),
    "truncated text": ("truncated", lambda v: v.update(truncated="whole")),
    "truncated escape": ("truncated[0]", lambda v: v.update(truncated=["\x1b[2J"])),
    "truncated too long": ("truncated", lambda v: v.update(truncated=["x"] * 65)),
    "a node twice": ("nodes[1].id", lambda v: v["nodes"].insert(1, v["nodes"][0])),
    "an index with a zero": ("nodes[0].id", lambda v: v["nodes"][0].update(id="030")),
    "an asset by name": ("nodes[0].id", lambda v: v["nodes"][0].update(id="pkg:a/b")),
    "a name with a space": ("nodes[3].id", lambda v: v["nodes"][3].update(id="pkg:a/b c")),
    "a level of text": ("nodes[0].level", lambda v: v["nodes"][0].update(level="0")),
    "a level too far": ("nodes[0].level", lambda v: v["nodes"][0].update(level=10**9)),
    "an empty title": ("nodes[0].title", lambda v: v["nodes"][0].update(title="")),
    "a title with an escape": ("nodes[0].title", lambda v: v["nodes"][0].update(title="a\x9b31m")),
    "a title that turns around": ("nodes[0].title", lambda v: v["nodes"][0].update(title="a\u202eb")),
    "a title too long": ("nodes[0].title", lambda v: v["nodes"][0].update(title="x" * 2050)),
    "a ref of another leaf": ("nodes[0].ref", lambda v: v["nodes"][0].update(ref="31:" + "0" * 64)),
    "a ref cut short": ("nodes[0].ref", lambda v: v["nodes"][0].update(ref="30:00")),
    "a party in capitals": ("nodes[0].party", lambda v: v["nodes"][0].update(party="AA" * 32)),
    "retired 1": ("nodes[0].retired", lambda v: v["nodes"][0].update(retired=1)),
    "no record": ("nodes[0].record", lambda v: v["nodes"][0].pop("record")),
    "a record of another kind": ("nodes[0].record.kind", lambda v: v["nodes"][0]["record"].update(kind="party")),
    "a record with an unknown field": ("nodes[0].record.x", lambda v: v["nodes"][0]["record"].update(x=1)),
    "a record's bad licence": ("nodes[1].record.license", lambda v: v["nodes"][1]["record"].update(license="A B")),
    "a record too deep": ("nodes[0].record", lambda v: v["nodes"][0]["record"].update(sources=_deep(400))),
    "a float in a record": ("nodes[0].record.items", lambda v: v["nodes"][0]["record"].update(items=1e3)),
    "a description of another": (
        "nodes[3].descriptions[0].record.name",
        lambda v: _node(v, ALPACA)["descriptions"][0]["record"].update(name="pkg:a/b"),
    ),
    "claimed by a name": ("nodes[3].claimed_by[0]", lambda v: _node(v, ALPACA).update(claimed_by=["pkg:a/b"])),
    "an unknown use": ("nodes[0].uses[0].use", lambda v: v["nodes"][0]["uses"][0].update(use="eat")),
    "an unknown status": ("nodes[0].uses[0].status", lambda v: v["nodes"][0]["uses"][0].update(status="paid")),
    "a charge in a number": ("nodes[0].uses[0].charge", lambda v: v["nodes"][0]["uses"][0].update(charge=5)),
    "a charge with a sign": ("nodes[0].uses[0].charge", lambda v: v["nodes"][0]["uses"][0].update(charge="-5")),
    "a charge in Arabic digits": ("nodes[0].uses[0].charge", lambda v: v["nodes"][0]["uses"][0].update(charge="٥")),
    "an amount past 2^128": ("nodes[0].earned[0].amount", lambda v: v["nodes"][0]["earned"][0].update(amount="9" * 39)),
    "a small currency": ("nodes[0].earned[0].currency", lambda v: v["nodes"][0]["earned"][0].update(currency="usd")),
    "into nothing": ("nodes[0].uses[0].into", lambda v: v["nodes"][0]["uses"][0].update(into="=")),
    "terms of text": ("nodes[0].terms", lambda v: v["nodes"][0].update(terms="free")),
    "a dispute without state": ("nodes[1].disputes[0].state", lambda v: v["nodes"][1]["disputes"][0].pop("state")),
    "an edge to nowhere": ("edges[0].to", lambda v: v["edges"][0].update(to="99")),
    "an edge from nowhere": ("edges[0].from", lambda v: v["edges"][0].update({"from": "pkg:no/where"})),
    "an edge twice": ("edges[1]", lambda v: v["edges"].insert(0, v["edges"][0])),
    "no relation": ("edges[0].relations", lambda v: v["edges"][0].update(relations=[])),
    "an unknown relation": ("edges[0].relations[0]", lambda v: v["edges"][0].update(relations=["likes"])),
    "bps past all": ("edges[0].bps", lambda v: v["edges"][0].update(bps=10_001)),
    "a kind of its own": ("edges[0].kind", lambda v: v["edges"][0].update(kind="rumour")),
    "a claim between assets": ("edges[0]", lambda v: v["edges"][0].update(kind="claim")),
    "said by a number": ("edges[0].said_by", lambda v: v["edges"][0].update(said_by=7)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_right_is_refused_by_its_place(name: str) -> None:
    """A wrong type, a bound passed or parts that don't fit: InputError with the field and what was expected."""
    field, break_it = BAD[name]
    value = making.small()
    break_it(value)
    with pytest.raises(InputError) as raised:
        parse_graph(value)
    assert raised.value.field == field
    assert raised.value.expected
    assert len(raised.value.detail) < 400


@pytest.mark.parametrize("value", [None, [], "{}", 1, {}, {"format": {}}, {"format": _deep(900)}, _deep(900)], ids=str)
def test_no_lineage_at_all_is_refused(value: Any) -> None:
    """Whatever JSON can be: an InputError and nothing else."""
    with pytest.raises(InputError):
        parse_graph(value)


@pytest.mark.parametrize(
    "make", [making.hostile, making.star, making.ring, making.large], ids=lambda make: make.__name__
)
def test_every_made_lineage_is_taken(make: Callable[[], dict[str, Any]]) -> None:
    """Hostile names, cycles, self edges and width are lawful: the printers must stand them."""
    value = make()
    graph = parse_graph(value)
    assert len(graph.nodes) == len(value["nodes"])
    assert len(graph.edges) == len(value["edges"])


def test_unknown_fields_are_passed_over() -> None:
    """A newer node may say more of the same version."""
    value = making.small()
    value["later"] = {"x": 1}
    value["nodes"][0]["later"] = value["edges"][0]["later"] = 1.5
    assert parse_graph(value) == parse_graph(making.small())
