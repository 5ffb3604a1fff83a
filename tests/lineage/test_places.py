"""Where uses, money and names stand in a drawing of a lineage: nothing is lost, or can be taken for another."""

from typing import Any

import pytest

from node.lineage.dot import render_dot
from node.lineage.graph import UP, parse_graph
from node.lineage.prov import prov_json
from node.lineage.svg import render_svg
from node.lineage.tree import render_tree
from tests.lineage import making
from tests.lineage.making import LAB, NAMES, OWNER, Maker, earned, use


def tree(value: dict[str, Any], **said: Any) -> list[str]:
    """The lines, wide enough for all of them."""
    return render_tree(parse_graph(value), **{"width": 500, **said})


def mixed(into: str = "30", **said: Any) -> Maker:
    """A lab's model, trained on a mix that contains material which was also used for `into`."""
    make = Maker("30")
    make.asset(30, "model@1", type="model", party=LAB, record={"name": "model", "version": "1"})
    make.asset(20, "mix")
    make.asset(10, "paid", uses=[use(into=into, charge=100 * 10**9, currency="EUR")], **said)
    make.edge("30", "20", "trained_on")
    make.edge("20", "10", "contains")
    return make


@pytest.mark.parametrize("into", ["30", "=model", "=model@1"])
def test_a_use_for_something_farther_away_stands_at_the_material(into: str) -> None:
    """No edge joins the two, so the line of the used material names what it went into; every drawing says so."""
    value = mixed(into).json()
    words = "used directly for model@1: 1 train licensed (100.00 EUR)"
    (line,) = [line for line in tree(value, direction=UP) if "contains: paid" in line]
    assert f" · {words}" in line
    assert words in render_dot(parse_graph(value))
    assert words in render_svg(parse_graph(value))


def test_a_use_beside_an_edge_stands_there_alone() -> None:
    """It isn't repeated at the material; one into something that isn't here, or that names nothing, stands nowhere."""
    make = mixed("20")
    make.value["edges"][-1]["uses"] = [use(into="20", charge=100 * 10**9, currency="EUR")]
    text = "\n".join(tree(make.json()))
    assert text.count("100.00 EUR") == 1
    assert " · used: 1 train licensed (100.00 EUR)" in text
    assert "used directly" not in "\n".join(tree(mixed("99").json()))
    assert "used directly" not in "\n".join(tree(mixed("=other").json()))


def test_a_use_that_names_no_version_is_marked_at_each() -> None:
    """It stands beside every version of that name, in full, and says so; one that names its version doesn't."""
    one, other = use(into="=model", charge=25 * 10**8, currency="EUR"), use("finetune", into="=model@1")
    make = Maker("10")
    make.asset(10, "paid", uses=[one, other])
    for index, version in ((30, "1"), (31, "2")):
        make.asset(index, f"model@{version}", type="model", party=LAB, record={"name": "model", "version": version})
        make.edge(str(index), "10", "trained_on", uses=[one, other] if version == "1" else [one])
    value = make.json()
    marked = "1 train licensed (2.50 EUR), counted at each version of that name"
    first, second = (line for line in tree(value) if "trained on it: model@" in line)
    assert f"used: 1 finetune licensed, {marked} · " in first
    assert f"used: {marked} · " in second
    assert render_dot(parse_graph(value)).count(marked) == 2
    assert render_svg(parse_graph(value)).count(marked) == 2
    del value["nodes"][2], value["edges"][1]
    assert "counted at each" not in "\n".join(tree(value))


def test_every_figure_of_money_is_before_credits() -> None:
    """In all drawings and exports: at the material, along the edge, and in all."""
    value = making.small()
    root = next(node for node in value["nodes"] if node["id"] == "30")
    root["earned"][0]["credited"] = "3500000000"
    graph = parse_graph(value)
    for text in ("\n".join(tree(value)), render_dot(graph)):
        assert text.count("earned") == text.count("USD before credits")
    drawn = render_svg(graph)
    assert drawn.count("earned: ") + drawn.count("earned along here: ") == drawn.count("USD before credits")
    assert "earned, before credits" in drawn
    said = prov_json(graph, origin="log.example.org")
    asset = said["entity"]["asset:30"]
    assert (asset["usance:earned_before_credits"], asset["usance:credited_by_all_payees"]) == (
        ["3.15 USD"], ["3.50 USD"],
    )  # fmt: skip
    assert all("usance:earned" not in fields for fields in said["entity"].values())
    derived = next(fields for fields in said["wasDerivedFrom"].values() if "usance:bps" in fields)
    assert derived["usance:earned_before_credits"] == ["0.35 USD"]


def test_what_was_credited_stands_at_each_asset() -> None:
    """Not at the root alone: a use that was corrected and credited doesn't read as money that is owed."""
    make = mixed()
    make.value["nodes"][-1]["earned"] = [
        {**earned(90 * 10**9, through="10", currency="EUR"), "credited": str(60 * 10**9)},
        {**earned(9 * 10**9, through="10", currency="EUR"), "credited": str(4 * 10**9)},
    ]
    words = "of charges for its uses 64.00 EUR were credited by all payees"
    value = make.json()
    (line,) = [line for line in tree(value) if words in line]
    assert "contains: paid" in line
    assert words in render_dot(parse_graph(value))
    assert words in render_svg(parse_graph(value))


def alike(name: str, other: str) -> dict[str, Any]:
    """An asset of a party called `name`, made from one of a party called `other`; both described."""
    make = Maker("1")
    make.asset(1, "made", party_name=name, party=OWNER, record={"license": "MIT"})
    make.asset(2, "source", party=LAB, party_name=other, record={"license": "ISC"}, earned=[earned(10**9, through="2")])
    make.external("pkg:generic/x/y", {"license": "0BSD"}, {"license": "Zlib", "party": LAB})
    make.value["nodes"][2]["descriptions"][1]["party_name"] = other
    make.value["nodes"][1]["earned"][0]["payer_name"] = other
    for end, party in (("2", LAB), ("pkg:generic/x/y", OWNER)):
        shown = other if party == LAB else name
        make.edge("1", end, said_by=[{"index": 9, "party": party, "party_name": shown}])
    return make.json()


@pytest.mark.parametrize(
    ("name", "other", "names"),
    [
        ("Press", "Press", ("Press (aaaaaaaa)", "Press (cccccccc)")),
        ("Press", "PRESS", ("Press (aaaaaaaa)", "PRESS (cccccccc)")),
        ("Press", "Presse", ("Press", "Presse")),
    ],
)
def test_parties_of_one_name_are_told_apart(name: str, other: str, names: tuple[str, str]) -> None:
    """The beginning of the key stands behind each, wherever a name stands: owners, licences, edges."""
    value = alike(name, other)
    for text in ("\n".join(tree(value)), render_dot(parse_graph(value)), render_svg(parse_graph(value))):
        assert f"asset 1 of {names[0]}" in text
        assert f"asset 2 of {names[1]}" in text
        assert f"MIT (declared by {names[0]})" in text
        assert f"ISC (declared by {names[1]})" in text
        assert f"Zlib (concluded by {names[1]})" in text
        assert f"said by {names[1]}" in text


def test_a_name_that_looks_like_another_with_its_key_is_told_apart() -> None:
    """Also where keys begin alike: as many digits as it takes."""
    make = Maker("1")
    parties = {"aa" * 32: "Press", "aa" * 4 + "bb" * 28: "Press", "cc" * 32: "Press (aaaaaaaaaaaaaaaa)"}
    for index, (party, name) in enumerate(parties.items(), 1):
        make.asset(index, f"a{index}", party=OWNER, party_name=name)
        make.value["nodes"][-1]["party"] = party
        make.edge("1", str(index), said_by=[]) if index > 1 else None
    text = "\n".join(tree(make.json()))
    shown = [line.split(" of ")[1].split(" · ")[0] for line in text.splitlines() if " of " in line and "asset" in line]
    assert len(set(shown)) == 3
    assert all(name.count("(") for name in shown)


def test_names_that_differ_stay_as_they_are() -> None:
    """Nobody's name has a key behind it where nothing has to be told apart."""
    assert all("(aaaaaaaa)" not in line for line in tree(making.small()))
    assert NAMES[OWNER] in "\n".join(tree(making.small()))
