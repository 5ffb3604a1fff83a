"""`usance detect prints` and `usance asset --prints`: the file that is written is the one whose root is on the log."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.detect.printset import PrintSetReader, Summary
from node.detect.winnow import DEFAULT
from tests.node.clitool import Cli
from tests.node.conftest import make_node, node
from tests.node.harness import NodeProcess

__all__ = ["make_node", "node"]

TEXT = "Some words that anybody could have written, and {} of them are only here. "


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A user's folder with a corpus of three files, one of them a copy, and rows."""
    made = Cli(tmp_path)
    (tmp_path / "corpus/sub").mkdir(parents=True)
    (tmp_path / "corpus/a.txt").write_text(TEXT.format("forty") * 9)
    (tmp_path / "corpus/sub/b.txt").write_text(TEXT.format("fifty") * 9)
    (tmp_path / "corpus/sub/copy.txt").write_text(TEXT.format("fifty") * 9)
    rows = [{"q": "Say something.", "a": TEXT.format(at)} for at in range(5)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


@pytest.fixture
def party(cli: Cli, node: NodeProcess) -> Cli:
    """The same, with a party on the module's node."""
    cli.environment |= {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "me.key"}
    cli.ok("key", "new", "me.key")
    cli.ok("party", "Press")
    return cli


def summary(path: Path) -> Summary:
    """What a print set sums up to, read whole."""
    with open(path, "rb") as file:
        reader = PrintSetReader(file)
        for _ in reader:
            pass
        return reader.summary()


def body_of(cli: Cli, ref: str) -> dict[str, Any]:
    """A record's fields, from the node, verified."""
    return cli.json("records", ref.partition(":")[0])["record"]  # type: ignore[no-any-return]


def test_prints_writes_what_it_says(cli: Cli) -> None:
    """Scheme, count and root are the file's; the copy is remarked; the same again changes nothing."""
    done = cli("detect", "prints", "corpus", "-o", "corpus.prints", "--json")
    said = done.json()
    found = summary(cli.folder / "corpus.prints")
    assert said["prints"] == {"scheme": str(DEFAULT), "count": found.count, "root": found.root.hex()}
    assert (said["items"], said["file"]) == (2, "corpus.prints")
    assert said["remarks"] == [{"reason": "the same as one before", "count": 1, "names": ["corpus/sub/copy.txt"]}]
    assert "the same as one before: corpus/sub/copy.txt" in done.err
    before = (cli.folder / "corpus.prints").stat().st_ino, (cli.folder / "corpus.prints").read_bytes()
    again = cli("detect", "prints", "corpus", "-o", "corpus.prints")
    assert again.code == 0
    assert found.root.hex() in again.out
    assert (cli.folder / "corpus.prints").read_bytes() == before[1]
    assert cli("detect", "prints", "corpus").out.splitlines()[:3] == again.out.splitlines()[:3]
    assert (cli.folder / "corpus.prints").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in cli.folder.iterdir()) == ["corpus", "corpus.prints", "rows.jsonl"]


def test_another_file_is_never_replaced(cli: Cli) -> None:
    """Nor is one written into the folder that is read, or left half written."""
    (cli.folder / "other").write_text("mine")
    for path, said in (("other", "another file"), ("corpus/x.prints", "would lie in the folder"), ("corpus", "")):
        done = cli("detect", "prints", "corpus", "-o", path)
        assert (done.code, said in done.err) == (2, True), done.err
    assert cli("detect", "prints", "corpus", "-o", "nowhere/x").code == 5
    assert (cli.folder / "other").read_text() == "mine"
    assert sorted(path.name for path in cli.folder.iterdir()) == ["corpus", "other", "rows.jsonl"]
    assert sorted(path.name for path in (cli.folder / "corpus").iterdir()) == ["a.txt", "sub"]


def test_nothing_to_print_is_said(cli: Cli) -> None:
    """No item at all is an error that says why; so are options that can't be meant."""
    (cli.folder / "empty").mkdir()
    done = cli("detect", "prints", "empty")
    assert (done.code, "nothing to make prints of" in done.err) == (2, True)
    done = cli("detect", "prints", "rows.jsonl", "--column", "answer")
    assert (done.code, "no text in the column: rows.jsonl:1" in done.err) == (2, True)
    assert cli("detect", "prints", "rows.jsonl", "--prompt", "q").code == 2
    assert cli("detect", "prints", "nowhere").code == 2


def test_what_could_not_be_read_ends_with_3(cli: Cli) -> None:
    """The print set of the rest is written; a repeated item or a link is nothing that was missed."""
    rows = cli.folder / "rows.jsonl"
    rows.write_text(rows.read_text() + "[]\n")
    done = cli("detect", "prints", "rows.jsonl", "--column", "a", "-o", "rows.prints")
    assert (done.code, "not everything was read" in done.err) == (3, True), done.err
    assert summary(cli.folder / "rows.prints").count
    (cli.folder / "corpus/link").symlink_to("a.txt")
    assert cli("detect", "prints", "corpus").code == 0


def test_standard_input_and_rows(cli: Cli) -> None:
    """A stream of rows has the prints that the file has."""
    words = ("detect", "prints", "--column", "a", "--prompt", "q", "--json")
    whole = cli.json(*words, "rows.jsonl")
    with open(cli.folder / "rows.jsonl", "rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "node.cli", *words, "-"], stdin=file, capture_output=True, timeout=60, check=True
        )
    assert json.loads(done.stdout)["prints"] == whole["prints"]
    assert whole["items"] == 5


def test_an_asset_is_registered_with_its_prints(party: Cli) -> None:
    """The record has the written file's scheme, count and root, beside the manifest's root."""
    words = ("asset", "corpus", "--prints", "corpus.prints", "--manifest", "corpus.manifest", "--json")
    dry = party(*words, "--dry-run").json()
    said = party(*words).json()
    found = summary(party.folder / "corpus.prints")
    assert dry["prints"] == said["prints"] == {**found.value(), "root": found.root.hex()}
    body = body_of(party, said["ref"])
    assert body["prints"] == said["prints"]
    assert (body["items"], found.count) == (3, said["prints"]["count"])
    shown = party("asset", "corpus", "--name", "again", "--prints", "corpus.prints").out
    assert f"prints: {found.count:,}, {DEFAULT}, root {found.root.hex()}" in shown


def test_an_asset_of_rows_has_the_prints_of_its_column(party: Cli) -> None:
    """--column and --prompt reach the prints; without --prints they are refused, as is a FILE in the folder."""
    said = party.json("asset", "rows.jsonl", "--prints", "rows.prints", "--column", "a", "--prompt", "q")
    whole = party.json("detect", "prints", "rows.jsonl", "--column", "a", "--prompt", "q")
    assert body_of(party, said["ref"])["prints"] == whole["prints"]
    for words, why in (
        (("rows.jsonl", "--column", "a"), "--prints FILE"),
        (("--name", "x", "--prints", "x.prints"), "a PATH that is read"),
        (("corpus", "--prints", "corpus/x.prints"), "would lie in the folder"),
        (("--name", "x", "--iscc", "auto"), "goes with a PATH"),
    ):
        done = party("asset", *words)
        assert (done.code, why in done.err) == (2, True), done.err


def test_without_the_library_there_is_no_iscc(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install; a code that is given needs no library."""
    monkeypatch.setitem(sys.modules, "iscc_core", None)
    for words in (("detect", "prints", "corpus", "--iscc"), ("asset", "corpus/a.txt", "--iscc", "auto", "--dry-run")):
        done = cli(*words)
        assert (done.code, "usance[iscc]" in done.err) == (2, True), done.err
    assert cli("asset", "--name", "x", "--iscc", "ISCC:KACT4EBWK27737D2", "--dry-run").code == 0


def test_without_numpy_the_extra_is_named(tmp_path: Path) -> None:
    """A base installation says what to install, and everything else works."""
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'numpy' else real(name, *a)\n"
        "sys.modules['numpy'] = None\n"
        "from node.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    (tmp_path / "a").write_text("text")
    for words, want in ((["detect", "prints", "a"], 2), (["asset", "a", "--dry-run"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "USANCE_STATE": str(tmp_path)},
        )  # fmt: skip
        assert (done.returncode, "usance[detect]" in done.stderr) == (want, want == 2), done.stderr


def test_the_stored_hash_is_the_files_own(cli: Cli) -> None:
    """An item's leaf has the SHA-256 of its bytes, so that whoever has the file finds it."""
    cli("detect", "prints", "corpus", "-o", "x.prints")
    with open(cli.folder / "x.prints", "rb") as file:
        found = [item.sha256 for item in PrintSetReader(file)]
    assert found == [
        hashlib.sha256((cli.folder / "corpus" / name).read_bytes()).digest() for name in ("a.txt", "sub/b.txt")
    ]
