"""`usance terms --dry-run` against a real node: nothing is logged, and what is shown is what the node then does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.node.clitool import Cli
from tests.node.fakelog import Answer, serving
from tests.node.harness import Actor, NodeProcess, body
from tests.node.moneyworld import Proxy, World, make_world, offer

TERMS = """
currency = "EUR"
prohibits = ["train"]
derivatives = 500
[[offers]]
use = "infer"
unit = "output_token"
price = "2.50"
per = 1000000
[[offers]]
use = "ground"
unit = "call"
price = "0.001"
per = 1
"""


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """A corpus, and a model made from it that pays it 10 %."""
    return make_world(node)


@pytest.fixture
def cli(tmp_path: Path, node: NodeProcess) -> Cli:
    """Somebody with the log's key and a file of terms."""
    (tmp_path / "t.toml").write_text(TERMS)
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text})


def test_what_is_shown_for_people(cli: Cli, world: World) -> None:
    """Costs of typical uses with payees by name and key, rules, and what changes; the log doesn't grow."""
    before = world.node.checkpoint().size
    text = cli.ok("terms", world.model.index, "t.toml", "--dry-run").out
    assert world.node.checkpoint().size == before
    maker, publisher = world.maker.key.hex()[:16], world.publisher.key.hex()[:16]
    for line in (
        "infer, 1,000,000 output tokens: 2.50 EUR",
        f"  of it 2.25 EUR to {maker}… 'Maker'",
        f"  of it 0.125 EUR to {publisher}… 'Publisher'",
        "ground, 1,000 calls: 1.00 EUR",
        "prohibited: train",
        "assets made from it owe it 5 % of their charges",
        "  infer, 1,000,000 output tokens: 1000.00 EUR -> 2.50 EUR, -99.8 %",
        "  ground, 1,000 calls: 1.00 EUR, new",
        "  prohibited from now on: train",
        f"10 % of each charge is asset {world.corpus.index}'s, 'Publisher corpus'",
    ):
        assert line in text, line
    assert "the node's word" in text


def test_what_is_shown_is_what_happens(cli: Cli, node: NodeProcess) -> None:
    """The terms are published and the same quantity is used: charge and lines are those of the preview."""
    world = make_world(node)
    shown = cli.json("terms", world.model.index, "t.toml", "--dry-run")["examples"][0]
    offers = [offer("infer", "output_token", 2_500_000_000, 1_000_000)]
    fields = {"asset": world.model.pack(), "currency": "EUR", "offers": offers, "derivatives": 500}
    terms = world.refs(world.maker.log(body("terms", **fields)))[0]
    usage = world.use(world.lab, world.model, use="infer", quantities={"output_token": 1_000_000}, terms=terms.pack())
    said = node.json(f"/records/{usage.index}")
    assert (said["charge"], said["status"]) == (shown["charge"], shown["status"])
    lines = {line["payee"]: line["amount"] for line in said["lines"]}
    assert lines == {part["payee"]: part["amount"] for part in shown["parts"]}


def test_what_a_node_would_refuse_is_shown_and_ends_with_2(cli: Cli, world: World, tmp_path: Path) -> None:
    """Another currency, another's asset, a party that isn't there: named as the file has them, before anything is
    logged; the same is what the node says when it is asked."""
    key = tmp_path / "me.key"
    cli.ok("key", "new", "me.key")
    cli.ok("party", "Me", "--key", key)
    done = cli("terms", world.model.index, "t.toml", "--dry-run", "--key", key)
    assert (done.code, "the asset of another party" in done.err) == (2, True)
    assert "REFUSED by a node: the asset of another party" in done.out
    said = "the asset of another party"
    assert said in cli.fails(2, "terms", world.model.index, "t.toml", "--key", key)
    (tmp_path / "t.toml").write_text(TERMS.replace("EUR", "USD"))
    text = cli("terms", world.model.index, "t.toml", "--dry-run").out
    assert "currency: EUR -> USD" in text
    assert "USD -> " not in text  # old prices aren't in the new currency
    done = cli("terms", world.model.index, "t.toml", "--dry-run", "--json")
    assert done.code == 2
    assert done.json()["refusals"] == [
        {"detail": "the asset's currency is another, for ever", "field": "currency", "expected": "EUR"}
    ]
    splits = f'\n[[splits]]\nparty = "{"ab" * 32}"\nbps = 10000\n'
    (tmp_path / "t.toml").write_text(TERMS + splits)
    assert "[[splits]] 1, party" in cli("terms", world.model.index, "t.toml", "--dry-run").err


def test_an_oversubscribed_asset_can_t_sell(cli: Cli, world: World) -> None:
    """Sources that ask for more than the whole: the closure is computed from the entries."""
    greedy = []
    for at in range(2):
        terms = {"currency": "EUR", "offers": [], "derivatives": 6000}
        made = world.maker.log(body("asset", type="model", name=f"greedy {at}", terms=terms))
        greedy += world.refs(made)
    sources = [{"asset": ref.pack(), "as": "derived_from", "bps": 6000} for ref in greedy]
    asset = world.refs(world.lab.log(body("asset", type="model", name="too much", sources=sources)))[0]
    assert "can't pay all its sources" in cli("terms", asset.index, "t.toml", "--dry-run").err


def test_grants_stay_open(cli: Cli, world: World) -> None:
    """Licensees of the terms in force may go on under them, and that is said."""
    world.maker.log(body("grant", terms=world.model.pack(), licensee=world.lab.key))
    said = cli.ok("terms", world.model.index, "t.toml", "--dry-run").out
    assert "were granted 1 time: those licensees may go on under them" in said


@contextmanager
def changed(world: World, change: Any) -> Iterator[str]:
    """A node that lies about an asset; its URL."""

    def alter(path: str, answer: Answer) -> Answer:
        if not path.startswith("/assets/") or answer[0] != 200:
            return answer
        value = json.loads(answer[2])
        change(value)
        return answer[0], answer[1], json.dumps(value).encode()

    with serving(Proxy(world.node.url, alter)) as proxy:  # type: ignore[arg-type]
        yield proxy.url


def test_a_node_that_lies_about_an_asset_is_caught(cli: Cli, world: World) -> None:
    """Other payees, other terms or no owner: the entries say otherwise, and the command fails."""
    lies = (
        lambda value: value.pop("pays", None),
        lambda value: value.update(terms_in_force=str(world.corpus)),
        lambda value: value.update(party="xx"),
    )
    for lie in lies:
        with changed(world, lie) as url:
            cli.fails(1, "terms", world.model.index, "t.toml", "--dry-run", "--node", url)


def test_an_asset_without_terms_and_a_name(cli: Cli, world: World) -> None:
    """Nothing to compare with; an external name has no terms."""
    owner = Actor(world.node).join("Owner")
    asset = world.refs(owner.log(body("asset", type="work", name="new")))[0]
    text = cli.ok("terms", asset.index, "t.toml", "--dry-run").out
    assert "the asset has no terms yet: its uses so far are unlicensed" in text
    assert f"of it 2.50 EUR to {owner.key.hex()[:16]}… 'Owner'" in text
    cli.fails(2, "terms", "model:x/y", "t.toml", "--dry-run")
