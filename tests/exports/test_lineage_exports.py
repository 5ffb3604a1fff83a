"""`usance export prov` and `openlineage`: a node's lineage, or one recomputed, in the words of both."""

import io
import itertools
import json

import pytest
from prov.model import ProvDocument

from tests.node.clitool import Cli
from tests.node.harness import NodeProcess, body
from tests.node.moneyworld import HOSTILE, World, make_world

NAME = "https://hub.example/a/b c?d=ü".replace(" ", "%20")

DEEP = [f"https://hub.example/step/{number}" for number in range(3)]


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """A model from a corpus of a hostile name, that was used; and a name with slashes made from the corpus."""
    made = make_world(node, name=HOSTILE)
    made.use(made.lab, made.model, use="infer", quantities={"output_token": 1000})
    sources = [{"asset": made.corpus.pack(), "as": "derived_from"}]
    made.partner.log(body("description", name=NAME, type="dataset", title="=1+1", sources=sources))
    for made_of, name in itertools.pairwise(DEEP):
        sources = [{"asset": made_of, "as": "derived_from"}]
        made.partner.log(body("description", name=name, type="dataset", title=name, sources=sources))
    return made


def test_prov_is_read_back(cli: Cli, world: World) -> None:
    """Every material is an entity and every edge a derivation for the PROV package; names stay names."""
    done = cli.ok("export", "prov", world.corpus.index)
    document = ProvDocument.deserialize(source=io.StringIO(done.out), format="json")
    bundles = [document, *document.bundles]
    text = "".join(bundle.get_provn() for bundle in bundles)
    assert text.count("wasDerivedFrom(") >= 2
    assert "owned" in text
    value = json.loads(done.out)
    assert any(entity.get("prov:label") == HOSTILE + " corpus@2026" for entity in value["entity"].values())


def test_openlineage_is_one_event_for_each_thing_made(cli: Cli, world: World) -> None:
    """A line a material that has sources: the model and the described name, each with the corpus as its input."""
    events = [json.loads(line) for line in cli.ok("export", "openlineage", world.corpus.index).out.splitlines()]
    assert len(events) == 2
    assert {event["eventType"] for event in events} == {"COMPLETE"}
    assert len({json.dumps(event["inputs"][0]["name"]) for event in events}) == 1


@pytest.mark.parametrize("format", ["prov", "openlineage"])
def test_a_replay_says_what_the_node_says(cli: Cli, world: World, format: str) -> None:
    """--verify recomputes the lineage from the log; of an honest node it is the same, and the summary tells which."""
    for asset, counts in ((world.corpus.index, (3, 2, [])), (NAME, (2, 1, []))):
        told = cli.json("export", format, asset, "-o", "told")
        found = cli.json("export", format, asset, "--verify", "-o", "found")
        assert (told["verified"], found["verified"]) == (False, True)
        assert (told["materials"], told["edges"], told["notes"]) == counts
        assert (cli.folder / "told").read_bytes() == (cli.folder / "found").read_bytes()


@pytest.mark.parametrize("format", ["prov", "openlineage"])
@pytest.mark.parametrize("bound", [("--limit", 1), ("--depth", 1)])
def test_what_was_left_out_is_said(cli: Cli, world: World, format: str, bound: tuple[str, int]) -> None:
    """A bound leaves materials out: the file is whole in itself, stderr and the summary say what is missing, and the
    exit code is 3, with and without a replay."""
    root = DEEP[-1] if bound[0] == "--depth" else world.corpus.index
    for options in ((), ("--verify",)):
        done = cli("export", format, root, *bound, *options)
        assert (done.code, done.err.count("lineage: not carried: ")) == (3, 1), done.err
        assert all(json.loads(line) for line in ([done.out] if format == "prov" else done.out.splitlines()))
        told = cli("export", format, root, *bound, *options, "--json", "-o", "x")
        assert (told.code, len(told.json()["notes"])) == (3, 1)
        assert (cli.folder / "x").read_text() == done.out
    assert cli("export", format, root, "-o", "x").code == 0


def test_bounds_are_checked(cli: Cli, world: World) -> None:
    """A depth of none is no question, and nothing has no lineage."""
    assert "--depth 0" in cli.fails(2, "export", "openlineage", world.corpus.index, "--depth", 0)
    assert "is called" in cli.fails(2, "export", "prov", "nobody's", "-o", "y")
    assert not (cli.folder / "y").exists()
