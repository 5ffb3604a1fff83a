"""Assets, descriptions, uses and nil reports on the command line, and what an ASSET argument means."""

import json
import os
from hashlib import sha256

import pytest

from node.manifests import read_manifest, scan
from proofs import codec, merkle
from proofs.errors import InputError
from proofs.manifest import Item, Manifest
from tests.node.clitool import Cli
from tests.node.harness import NodeProcess


@pytest.fixture
def cli(tmp_path, node: NodeProcess) -> Cli:
    """A party on the module's node."""
    made = Cli(
        tmp_path,
        {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey"), "USANCE_KEY": "me.key"},
    )
    made.ok("key", "new", "me.key")
    made.ok("party", tmp_path.name)
    return made


def make_folder(cli: Cli, name: str = "corpus") -> None:
    """A small data set with what may go wrong in one: folders, empty files, links, odd names."""
    top = cli.folder / name
    (top / "b").mkdir(parents=True)
    (top / "a.txt").write_text("hello")
    (top / "b" / "c.bin").write_bytes(bytes(3000))
    (top / "b-x").write_text("")
    (top / "ü").write_text("ü")
    (top / "link").symlink_to("a.txt")
    (top / "loop").symlink_to(".")


def record(cli: Cli, index: int) -> dict:
    """A record as its verified entry says."""
    return cli.json("records", str(index))["record"]


# Manifests and assets


def test_a_folder_becomes_an_asset(cli) -> None:
    """Root, items and bytes are those of the files by the definition; links are left out, and that is said."""
    make_folder(cli)
    done = cli("asset", "corpus", "--version", "1", "--license", "CC-BY-4.0", "--manifest", "m", "--json")
    assert done.code == 0
    assert done.err == "left out, because they are no regular files: link, loop\n"
    made = done.json()
    files = {"a.txt": b"hello", "b-x": b"", "b/c.bin": bytes(3000), "ü": "ü".encode()}
    items = [Item(name, len(data), sha256(data).digest()) for name, data in files.items()]
    leaves = [
        merkle.leaf_hash(codec.encode([item.path, item.size, item.sha256]))
        for item in sorted(items, key=lambda i: i.path.encode())
    ]
    assert made["root"] == merkle.root(leaves).hex()
    body = record(cli, made["index"])
    assert (body["name"], body["items"], body["bytes"], body["license"]) == ("corpus", 4, 3007, "CC-BY-4.0")
    assert read_manifest(str(cli.folder / "m")).root.hex() == made["root"]


def test_a_manifest_is_the_same_whatever_the_order_on_disk(cli, tmp_path) -> None:
    """Names and contents decide, not times, modes or the order in which files were made."""
    make_folder(cli, "one")
    other = cli.folder / "two"
    (other / "b").mkdir(parents=True)
    for name in ("ü", "b-x", "b/c.bin", "a.txt"):
        (other / name).write_bytes((cli.folder / "one" / name).read_bytes())
        os.utime(other / name, (0, 0))
    assert Manifest(scan(str(cli.folder / "one")).items).root == Manifest(scan(str(other)).items).root


def test_a_single_file_and_excluded_ones(cli) -> None:
    """A file is a data set of one; patterns leave out paths and names, also whole folders."""
    make_folder(cli)
    made = cli.json("asset", "corpus/a.txt", "--dry-run")
    assert (made["name"], made["items"], made["bytes"], made["logged"]) == ("a.txt", 1, 5, False)
    done = cli("asset", "corpus", "--exclude", "b", "--exclude", "*.txt", "--dry-run", "--json")
    assert done.json()["items"] == 2


def test_manifest_files_are_not_overwritten_by_others(cli) -> None:
    """The same manifest again is fine; another one, or one inside of what it lists, is not."""
    make_folder(cli)
    for _ in range(2):
        assert cli("asset", "corpus", "--manifest", "m", "--dry-run").code == 0
    (cli.folder / "corpus" / "a.txt").write_text("changed")
    done = cli("asset", "corpus", "--manifest", "m", "--dry-run")
    assert done.code == 2
    assert "another manifest" in done.err
    assert "the folder that it lists" in cli.fails(2, "asset", "corpus", "--manifest", "corpus/m", "--dry-run")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b'{"path": "a", "size": 1}',
        b'{"path": "../a", "size": 1, "sha256": "' + b"0" * 64 + b'"}',
        b'{"path": "a", "size": -1, "sha256": "' + b"0" * 64 + b'"}',
        b'{"path": "a", "size": 1.0, "sha256": "' + b"0" * 64 + b'"}',
        b'{"path": "a", "size": 1, "sha256": "' + b"A" * 64 + b'"}',
        b'{"path": "a", "size": 1, "sha256": "' + b"0" * 64 + b'", "x": 1}',
        b"x" * 10_000,
        b"\xff",
    ],
)
def test_manifest_files_are_read_strictly(tmp_path, line) -> None:
    """A line of any other form is refused with its number."""
    good = b'{"path": "a", "size": 1, "sha256": "' + b"0" * 64 + b'"}\n'
    (tmp_path / "m").write_bytes(good + line + b"\n")
    with pytest.raises(InputError, match="line 2"):
        read_manifest(str(tmp_path / "m"))


def test_paths_that_no_manifest_holds_are_refused(cli) -> None:
    """A name that isn't UTF-8, or holds control characters, is named and stops it."""
    folder = os.fsencode(cli.folder / "bad")
    os.mkdir(folder)
    with open(folder + b"/\xff", "wb"):
        pass
    assert "UTF-8" in cli.fails(2, "asset", "bad", "--dry-run")
    os.rename(folder + b"/\xff", folder + b"/a\nb")
    assert "manifest path" in cli.fails(2, "asset", "bad", "--dry-run")


def test_sources_and_claims(cli) -> None:
    """Relations are options, their assets anything that names one; claimed names stand in the record."""
    base = cli.json("asset", "--name", "base")
    made = cli.json(
        "asset", "--name", "model", "--type", "model", "--trained-on", "base", "--derived-from", "pkg:pypi/x@1",
        "--trained-on", "doi:10.1234/abc", "--aka", "model:me/one", "--collected-until", "2026-01-01",
    )  # fmt: skip
    body = record(cli, made["index"])
    assert body["sources"] == [
        {"as": "derived_from", "asset": "pkg:pypi/x@1"},
        {"as": "trained_on", "asset": base["ref"]},
        {"as": "trained_on", "asset": "doi:10.1234/abc"},
    ]
    assert (body["aka"], body["collected_until"]) == (["model:me/one"], 1_767_225_600_000)
    assert [row["index"] for row in cli.json("assets", "--aka", "model:me/one")["assets"]] == [made["index"]]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (("asset", "--name", ""), "name"),
        (("asset", "--name", "d", "--license", "not a licence("), "license"),
        (("asset", "--name", "d", "--root", "00" * 32), "--items"),
        (("asset", "--name", "d", "--manifest", "m"), "PATH"),
        (("asset", "nowhere"), "no file or folder"),
        (("asset", "--name", "d", "--aka", "no name"), "aka"),
        (("asset", "--name", "d", "--trained-on", "nothing"), "nothing on this log"),
        (("describe", "corpus"), "external name"),
        (("withdraw", "pkg:pypi/x@1"), "external name"),
        (("withdraw", "0"), "genesis"),
        (("use", "nothing", "--as", "train", "--token", "1"), "nothing on this log"),
        (("use", "0", "--as", "train", "--token", "1"), "genesis"),
        (("use", "999999", "--as", "train", "--token", "1"), "no entry"),
        (("use", "model:x/y", "--as", "train", "--token", "0"), "1 or more"),
        (("use", "model:x/y", "--as", "train", "--token", "1.5"), "1 or more"),
        (("use", "model:x/y", "--as", "train", "--token", "9" * 19), "below 2^63"),
        (("use", "model:x/y", "--as", "train", "--quantity", "pages=1"), "no unit"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--quantity", "token=1"), "twice"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--from", "2030-01-01", "--until", "2026-01-01"),
         "until"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--seen-by", "provider"), "party"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--item", "a.txt"), "--manifest"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--items", "00" * 32), "item_count"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--calls", "5"), "detail"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--commit", "a=b"), "--commit-out"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--attr", "x"), "NAME=TEXT"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--attr", "x:=y"), "NAME=TEXT"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--into", "a", "--into-name", "b"), "exclude"),
        (("use", "model:x/y", "--as", "train", "--token", "1", "--user", "zz"), "hexadecimal"),
        (("nil", "--from", "2026-02-01", "--until", "2026-01-01"), "until"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_bad_input_names_the_field_and_logs_nothing(cli, node, line, says) -> None:
    """Exit 2 with one line; the log is as long as before."""
    before = node.checkpoint().size
    assert says in cli.fails(2, *line)
    assert node.checkpoint().size == before


# What ASSET means


def test_an_asset_is_found_in_every_way(cli) -> None:
    """Reference, index, name, name@version, party/name by hex, prefix and name, and a title for outside material."""
    me = cli.folder.name
    made = cli.json("asset", "--name", f"{me}/data", "--version", "2")
    key = cli.json("key", "show", "me.key")["key"]
    name = f"{me}/data"
    ways = [made["ref"], str(made["index"]), name, f"{name}@2", f"{key}/{name}", f"{key[:8]}/{name}@2", f"{me}/{name}"]
    for way in ways:
        assert record(cli, cli.json("use", way, "--as", "train", "--token", "1")["index"])["asset"] == made["ref"], way
    said = cli.json("describe", f"pkg:pypi/{me}@1", "--title", f"Title {me}", "--type", "model")
    for way in (f"pkg:pypi/{me}@1", f"Title {me}", str(said["index"]), said["ref"]):
        used = cli.json("use", way, "--as", "infer", "--token", "1")
        assert record(cli, used["index"])["asset"] == f"pkg:pypi/{me}@1", way
        assert used["status"] == "unclaimed"


def test_an_ambiguous_name_lists_what_it_could_mean(cli) -> None:
    """Exit 2 with each candidate's index; a version or what is left after a withdrawal settles it."""
    name = f"{cli.folder.name}-twice"
    one = cli.json("asset", "--name", name, "--version", "1")
    two = cli.json("asset", "--name", name, "--version", "2")
    line = cli.fails(2, "use", name, "--as", "train", "--token", "1")
    assert f"{one['index']} asset {name}@1" in line
    assert f"{two['index']} asset {name}@2" in line
    cli.ok("use", f"{name}@1", "--as", "train", "--token", "1")
    cli.ok("withdraw", f"{name}@1")
    used = cli.json("use", name, "--as", "train", "--token", "1")
    assert record(cli, used["index"])["asset"] == two["ref"]


def test_a_reference_with_another_hash_is_not_in_this_log(cli) -> None:
    """The hash pins the content: an index that fits is not enough."""
    made = cli.json("asset", "--name", "pinned")
    wrong = f"{made['index']}:{'0' * 64}"
    assert "not in this log" in cli.fails(2, "use", wrong, "--as", "train", "--token", "1")


# Uses


def test_a_use_says_everything_that_it_is_told(cli) -> None:
    """Every option reaches its field, in the record as it is in the log."""
    made = cli.json(
        "use", "model:x/y", "--as", "infer", "--input-token", "10", "--output-token", "20", "--quantity", "call=2",
        "--quantity", "item=3", "--from", "2026-01-01", "--until", "2026-01-02", "--into-name", "thing",
        "--item", "ab" * 32,
        "--calls", "2", "--detail", "cd" * 32, "--user", "ef" * 32, "--call", "id-1", "--attr", "gen_ai.system=x",
        "--attr", "n:=5", "--seen-by", "user",
    )  # fmt: skip
    body = record(cli, made["index"])
    del body["at"]
    assert body == {
        "kind": "usage", "asset": "model:x/y", "use": "infer", "from": 1_767_225_600_000, "until": 1_767_312_000_000,
        "quantities": {"call": "2", "input_token": "10", "item": "3", "output_token": "20"}, "into_name": "thing",
        "item": "ab" * 32, "calls": 2, "detail": "cd" * 32, "user": "ef" * 32, "call": "id-1", "seen_by": "user",
        "attrs": {"gen_ai.system": "x", "n": 5},
    }  # fmt: skip


def test_a_provider_logs_what_it_saw(cli) -> None:
    """The second meter names who used it, and is never charged."""
    made = cli.json("use", "model:x/y", "--as", "infer", "--token", "1", "--seen-by", "provider", "--party", "ab" * 32)
    assert made["status"] == "observed"


def test_items_are_named_by_their_manifest(cli) -> None:
    """One path gives the item's digest, several the root over them, all of them the manifest's own root."""
    make_folder(cli)
    assert cli("asset", "corpus", "--name", f"{cli.folder.name}-items", "--manifest", "m").code == 0
    manifest = read_manifest(str(cli.folder / "m"))
    asset, use = f"{cli.folder.name}-items", ("--as", "train", "--token", "1", "--manifest", "m")
    one = record(cli, cli.json("use", asset, *use, "--item", "b/c.bin")["index"])
    assert one["item"] == manifest.items[2].digest().hex()
    several = [word for item in reversed(manifest.items) for word in ("--item", item.path)]
    every = record(cli, cli.json("use", asset, *use, *several)["index"])
    assert (every["items"], every["item_count"]) == (manifest.root.hex(), 4)
    assert "not in the manifest" in cli.fails(2, "use", asset, *use, "--item", "nope")


def test_a_commitment_opens_to_what_was_committed(cli) -> None:
    """The record holds root and names only; the private file holds salts from which anyone computes the root anew."""
    made = cli.json(
        "use", "model:x/y", "--as", "infer", "--token", "1", "--commit", "prompt=what?", "--commit", "answer=42",
        "--commit-out", "salts",
    )  # fmt: skip
    body = record(cli, made["index"])
    assert (cli.folder / "salts").stat().st_mode & 0o777 == 0o600
    opened = json.loads((cli.folder / "salts").read_text())
    leaves = [
        merkle.leaf_hash(codec.encode([bytes.fromhex(leaf["salt"]), leaf["name"], leaf["value"]]))
        for leaf in opened["leaves"]
    ]
    assert body["names"] == ["answer", "prompt"] == [leaf["name"] for leaf in opened["leaves"]]
    assert body["commitment"] == merkle.root(leaves).hex()
    assert all(len(leaf["salt"]) >= 32 for leaf in opened["leaves"])
    again = ("use", "model:x/y", "--as", "infer", "--token", "1", "--commit", "a=b", "--commit-out", "salts")
    assert "exists already" in cli.fails(2, *again)


def test_what_is_made_lists_what_it_was_made_from(cli) -> None:
    """`into_name` is remembered: registering that name without its source is refused, with the source named."""
    made = cli.json("asset", "--name", "source")
    name = f"{cli.folder.name}-made"
    cli.ok("use", made["ref"], "--as", "train", "--token", "1", "--into-name", name)
    assert made["ref"] in cli.fails(2, "asset", "--name", name)
    thing = cli.json("asset", "--name", name, "--trained-on", made["ref"])
    cli.ok("use", made["ref"], "--as", "train", "--token", "1", "--into", thing["ref"])
    assert "into" in cli.fails(2, "use", "model:x/y", "--as", "train", "--token", "1", "--into", thing["ref"])


def test_a_nil_report(cli) -> None:
    """Its period is all that it says."""
    made = cli.json("nil", "--from", "2026-01-01", "--until", "2026-02-01")
    body = record(cli, made["index"])
    assert (body["kind"], body["from"], body["until"]) == ("none", 1_767_225_600_000, 1_769_904_000_000)


# Reading


def test_lists_and_single_records(cli, node) -> None:
    """Filters reach the node, pages are put together, and one record is checked against its reference."""
    key = cli.json("key", "show", "me.key")["key"]
    made = [cli.json("use", "model:list/me", "--as", "infer", "--token", str(n + 1))["index"] for n in range(5)]
    rows = cli.json("records", "--party", key, "--kind", "usage", "--limit", "3")["records"]
    assert [row["index"] for row in rows] == made[:3]
    rows = cli.json("records", "--asset", "model:list/me", "--from", str(made[2]))["records"]
    assert [row["index"] for row in rows][-3:] == made[2:]
    done = cli.json("records", "--party", key, "--kind", "usage", "--limit", "3")
    assert cli.json("records", "--party", key, "--from", done["next"])["records"][0]["index"] == made[3]
    assert f"--from {done['next']}" in cli.ok("records", "--party", key, "--kind", "usage", "--limit", "3").out
    assert cli.json("records", "--party", key)["next"] is None
    text = cli.ok("records", "--party", key).out.splitlines()
    assert text[0].split()[:3] == ["index", "kind", "status"]
    assert "infer model:list/me token 1" in "\n".join(text)
    assert "another entry" in cli.fails(1, "records", f"{made[0]}:{'0' * 64}")
    assert "expected 0 to" in cli.fails(2, "records", str(10**9))
    assert f"{node.url}/x answered 404" in cli.fails(2, "records", "--node", f"{node.url}/x")
    for command in (("records",), ("records", "--asset"), ("proof",), ("withdraw",)):
        assert "expected a decimal" in cli.fails(2, *command, "1" * 5000)


def test_assets_are_listed_and_shown(cli) -> None:
    """By name, owner and root; one in full; an unknown external name gives an empty list."""
    make_folder(cli)
    name = f"{cli.folder.name}-shown"
    assert cli("asset", "corpus", "--name", name).code == 0
    made = cli.json("assets", name)["record"]
    key = cli.json("key", "show", "me.key")["key"]
    for filters in (("--name", name), ("--party", key), ("--root", made["root"])):
        assert name in [row["name"] for row in cli.json("assets", *filters)["assets"]]
    assert name in cli.ok("assets", "--party", key).out
    assert cli.json("assets", "pkg:pypi/never@1")["assets"] == []
    assert "one of" in cli.fails(2, "assets", "--name", "a", "--party", key)
