"""`usance export rsl` and `croissant`: what the writers get of the log, and what is told about the file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from proofs.manifest import Item, Manifest
from proofs.ref import Ref
from tests.node.clitool import Cli
from tests.node.harness import NOW_MS, Actor, NodeProcess, body
from tests.node.moneyworld import HOSTILE, offer

NAME = "https://press.example/paper?a=1&b=2"
LONE = "pkg:generic/lone"
TWICE = "pkg:generic/twice"
MANIFEST = Manifest([Item("a.txt", 10, bytes(32)), Item("=b.txt", 20, bytes([1]) * 32)])


@dataclass
class Library:
    """What there is to export."""

    press: Actor
    curator: Actor
    paper: Ref
    bare: Ref


def ref_of(node: NodeProcess, result: dict[str, Any]) -> Ref:
    """Where a single record stands."""
    index, _, leaf = node.json(f"/records/{result['first_index']}")["ref"].partition(":")
    return Ref(int(index), bytes.fromhex(leaf))


@pytest.fixture(scope="module")
def library(node: NodeProcess) -> Library:
    """A newspaper under newer terms than its first, which claims a name that curators describe too; an asset without
    terms; a name that one party describes twice, and one that two describe."""
    press, curator, other = (Actor(node).join(who) for who in ("Press & <Sons>", "Curator", "Other"))
    terms = {"currency": "EUR", "offers": [offer("search", "call", 10**9)]}
    fields = {"type": "dataset", "root": MANIFEST.root, "items": 2, "bytes": MANIFEST.bytes, "license": "CC-BY-4.0"}
    paper = ref_of(node, press.log(body("asset", name=HOSTILE, aka=[NAME], uri=NAME, terms=terms, **fields)))
    newer = {"currency": "EUR", "offers": [offer("search", "call", 25 * 10**8)], "url": "https://press.example/terms"}
    press.log(body("terms", asset=paper.pack(), **newer))
    sources = [{"asset": paper.pack(), "as": "derived_from"}]
    bare = ref_of(node, press.log(body("asset", type="dataset", name="bare", sources=sources)))
    curator.log(body("description", name=NAME, type="dataset", title="a copy"))
    curator.log(body("description", name=LONE, type="dataset", title="older"))
    curator.log(body("description", name=LONE, type="dataset", title=HOSTILE, license="MIT"))
    curator.log(body("description", name=TWICE, type="dataset"))
    other.log(body("description", name=TWICE, type="dataset"))
    return Library(press, curator, paper, bare)


def test_rsl_says_the_terms_in_force(cli: Cli, library: Library) -> None:
    """The newest terms, not the asset's first; a name is text in XML, whatever is in it; what isn't carried is told."""
    done = cli("export", "rsl", library.paper.index)
    assert done.code == 0
    root = ElementTree.fromstring(done.out)
    assert [element.text for element in root.iter() if element.tag.endswith("amount")] == ["2.5"]
    assert [element.get("url") for element in root.iter() if element.get("url")] == [NAME]
    assert "not carried" in done.err
    assert "<script>" not in done.out
    said = cli.json("export", "rsl", NAME, "-o", "paper.xml")  # by the name that it claims
    assert (cli.folder / "paper.xml").read_text(encoding="utf-8") == done.out
    assert (said["ref"], said["name"]) == (str(library.paper), NAME)
    assert said["terms"] != said["ref"]
    assert {note["reason"] for note in said["notes"]} >= {"not carried"}
    assert len(done.err.splitlines()) == len(said["notes"])


def test_croissant_of_an_asset_with_its_files(cli: Cli, library: Library) -> None:
    """Owner, licence and the manifest's files; another asset's manifest is refused."""
    lines = ({"path": item.path, "size": item.size, "sha256": item.sha256.hex()} for item in MANIFEST.items)
    (cli.folder / "m").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = json.loads(cli("export", "croissant", library.paper.index, "--manifest", "m").out)
    assert said["name"] == HOSTILE
    assert {entry["sha256"] for entry in said["distribution"]} >= {item.sha256.hex() for item in MANIFEST.items}
    line = cli.fails(2, "export", "croissant", library.bare.index, "--manifest", "m")
    assert "another manifest root" in line


def test_a_description_is_the_newest_of_its_one_author(cli: Cli, library: Library) -> None:
    """Of several by one party the newest counts; several parties' are a choice for the user; an owner's word is taken
    before any curator's."""
    lone = json.loads(cli("export", "croissant", LONE).out)
    assert lone["name"] == HOSTILE
    line = cli.fails(2, "export", "croissant", TWICE)
    assert line.count("description " + TWICE) == 2
    assert json.loads(cli("export", "croissant", NAME).out)["name"] == HOSTILE


def test_what_can_t_be_exported_is_named(cli: Cli, library: Library) -> None:
    """Nothing of the name, no terms, a record that is no asset, a place that can't be written; nothing is written."""
    assert "claims or describes" in cli.fails(2, "export", "rsl", "pkg:generic/nobody", "-o", "x")
    assert "is called" in cli.fails(2, "export", "croissant", "nobody's", "-o", "x")
    assert "no terms" in cli.fails(2, "export", "rsl", library.bare.index, "-o", "x")
    assert "no terms" in cli.fails(2, "export", "rsl", LONE, "-o", "x")
    assert "of kind party" in cli.fails(2, "export", "rsl", 1, "-o", "x")
    (cli.folder / "d").mkdir()
    assert "is a folder" in cli.fails(2, "export", "rsl", library.paper.index, "-o", "d")
    assert not (cli.folder / "x").exists()
    assert "can't write" in cli.fails(5, "export", "rsl", library.paper.index, "-o", "no/where")


def test_a_retired_asset_gives_way_to_a_description(cli: Cli, node: NodeProcess) -> None:
    """Once the owner withdrew it, its claim on the name is no more, and its last terms are no offer."""
    owner, curator = Actor(node).join("Owner"), Actor(node).join("Another")
    name = "pkg:generic/retired"
    terms = {"currency": "EUR", "offers": [offer("search", "call", 5)]}
    asset = ref_of(node, owner.log(body("asset", type="dataset", name="mine", aka=[name], uri=NAME, terms=terms)))
    curator.log(body("description", name=name, type="dataset", title="theirs", collected_from=NOW_MS))
    assert json.loads(cli("export", "croissant", name).out)["name"] == "mine"
    assert cli("export", "rsl", asset.index).code == 0
    owner.log(body("withdraw", target=asset.pack()))
    assert "no terms" in cli.fails(2, "export", "rsl", asset.index)
    assert json.loads(cli("export", "croissant", name).out)["name"] == "theirs"


def test_a_file_is_replaced_at_once(cli: Cli, library: Library, tmp_path: Path) -> None:
    """-o replaces what is there; where the asset can't be exported, what is there stays."""
    (cli.folder / "x").write_text("old")
    cli.fails(2, "export", "rsl", library.bare.index, "-o", "x")
    assert (cli.folder / "x").read_text() == "old"
    assert cli("export", "rsl", library.paper.index, "-o", "x").code == 0
    assert (cli.folder / "x").read_text().startswith("<?xml")
