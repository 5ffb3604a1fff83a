"""`usance canary` and `verify --canary`: marks committed to before anybody sees them, found again, shown to others."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from queue import Queue
from signal import SIGKILL
from subprocess import Popen
from urllib.parse import urlsplit

import pytest

from node.detect.canaryfile import load_canaries
from node.verdict import CANARY_NOT_SHOWN
from proofs.canary import format_opening, open_mark, parse_opening
from tests.node.badproxy import TIMEOUT_S, BadProxy, proxying
from tests.node.clitool import ROOT, Cli
from tests.node.harness import NodeProcess

COUNT = 4


@pytest.fixture(scope="module")
def cli(tmp_path_factory, node: NodeProcess) -> Cli:
    """A user with an asset, its canaries, and the second of them as it is shown to others."""
    made = Cli(
        tmp_path_factory.mktemp("user"),
        {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey"), "USANCE_KEY": "me.key"},
    )
    made.ok("key", "new", "me.key")
    made.ok("party", "Me")
    made.ok("asset", "--name", "corpus")
    made.ok("canary", "make", "c", "--count", COUNT, "--asset", "corpus", "-o", "marks")
    made.ok("canary", "make", "other")
    made.ok("canary", "prove", "c", 2, "-o", "found")
    made.ok("canary", "prove", "other", 1, "-o", "another")
    (made.folder / "outputs").mkdir()
    (made.folder / "outputs" / "a.txt").write_text("Nothing of it. " * 100)
    mark = marks(made)[1]
    (made.folder / "outputs" / "b.txt").write_text(f"He said:\n«{mark.upper()}»\nand left.")
    return made


@pytest.fixture
def offline(cli) -> Cli:
    """The same user, without a node's URL and with a state folder that must not be needed."""
    return Cli(cli.folder, {"USANCE_LOG": cli.environment["USANCE_LOG"], "USANCE_STATE": "/nonexistent"})


def marks(cli: Cli, file: str = "c") -> list[str]:
    """The marks in a private file."""
    held = load_canaries(str(cli.folder / file))
    assert held is not None
    return [mark.text for mark in held.marks]


def canaries_on_log(cli: Cli) -> list[dict]:
    """The canary records, as the node lists them."""
    return cli.json("records", "--kind", "canary", "--limit", "100")["records"]


# Making


def test_only_a_hash_is_logged(cli, node) -> None:
    """The record has root, count and asset; nothing of a mark or salt is in the log, and the file is private."""
    held = json.loads((cli.folder / "c").read_text())
    assert (cli.folder / "c").stat().st_mode & 0o777 == 0o600
    record = cli.json("records", held["ref"].split(":")[0])["record"]
    assert record["asset"] == held["asset"]
    assert (record["kind"], record["root"], record["count"]) == ("canary", held["root"], COUNT)
    entry = node.get(f"/proof/{held['ref'].split(':')[0]}").body
    shown = base64.b64decode(entry.split(b"\n")[1].removeprefix(b"extra "))
    for one in held["marks"]:
        assert one["mark"][:12].encode() not in shown
        assert bytes.fromhex(one["salt"]) not in shown


def test_made_again_is_the_same(cli) -> None:
    """Run again, it shows the same passages and logs nothing; for other marks it asks for another file."""
    before = len(canaries_on_log(cli))
    value = cli.json("canary", "make", "c", "--count", COUNT, "--asset", "corpus")
    assert [row["text"] for row in value["passages"]] == marks(cli)
    assert value["resumed"]
    assert [(cli.folder / "marks" / f"mark-{at}.txt").read_text() for at in range(1, COUNT + 1)] == [
        f"{mark}\n" for mark in marks(cli)
    ]
    assert "holds 4 marks already" in cli.fails(2, "canary", "make", "c", "--count", "5")
    assert "for another asset" in cli.fails(2, "canary", "make", "c", "--asset", "model:x/y")
    assert "is something else" in cli.fails(2, "canary", "make", "other", "-o", "marks")
    assert len(canaries_on_log(cli)) == before


def test_passages_are_private_until_they_are_released(cli) -> None:
    """The folder that is made for them and each file in it are their owner's alone."""
    assert (cli.folder / "marks").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (cli.folder / "marks").iterdir()} == {0o600}


def test_logged_is_what_the_log_has(cli) -> None:
    """A file that names another record, or none that there is, isn't called logged; no passage is shown."""
    held = json.loads((cli.folder / "c").read_text())
    other = json.loads((cli.folder / "other").read_text())
    index, _, digest = held["ref"].partition(":")
    for ref, code in ((other["ref"], 1), (f"{index}:{'0' * 64}", 1), (f"999999:{digest}", 2)):
        (cli.folder / "claims").write_text(json.dumps({**held, "ref": ref}))
        (cli.folder / "claims").chmod(0o600)
        done = cli("canary", "make", "claims")
        assert (done.code, done.out) == (code, ""), done.err


def test_passages_are_shown_with_what_to_do(cli) -> None:
    """The text form has every passage, and words of an own list make them where one is given."""
    (cli.folder / "words").write_text("\n".join(f"w{chr(97 + at % 26)}{chr(97 + at // 26)}x" for at in range(300)))
    out = cli.ok("canary", "make", "worded", "--count", "2", "--words", "words").out
    for number, mark in enumerate(marks(cli, "worded"), start=1):
        assert f"{number}  {mark}" in out
        assert all(word.lower().rstrip(".").startswith("w") for word in mark.split())
    assert "keep it, private" in out
    before = len(canaries_on_log(cli))
    assert "2  " + marks(cli, "worded")[1] in cli.ok("canary", "make", "worded", "--words", "words").out
    (cli.folder / "more").write_text((cli.folder / "words").read_text() + "\nanother")
    for file, words in (("worded", "more"), ("c", "words")):
        assert "a new file for marks of these words" in cli.fails(2, "canary", "make", file, "--words", words)
    assert len(canaries_on_log(cli)) == before
    assert "in line 1 of the list" in cli.fails(2, "canary", "make", "new", "--words", "marks/mark-1.txt")
    assert not (cli.folder / "new").exists()


def test_what_cannot_be_logged_leaves_no_file(cli) -> None:
    """Refused for good, or no asset, key or count: nothing is kept that would look like canaries in a log."""
    cli.ok("key", "new", "stranger.key")
    cli.fails(2, "canary", "make", "new", "--key", "stranger.key")
    cli.ok("party", "Stranger", "--key", "stranger.key")
    assert "another party" in cli.fails(2, "canary", "make", "new", "--key", "stranger.key", "--asset", "corpus")
    cli.fails(2, "canary", "make", "new", "--asset", "no such thing")
    cli.fails(2, "canary", "make", "new", "--count", "0")
    cli.fails(2, "canary", "make", "new", "--count", "1001")
    cli.fails(2, "canary", "make", "new", "--key", "missing.key")
    cli.fails(2, "canary", "make", "missing/new")
    cli.fails(2, "canary", "make", "marks")
    assert not (cli.folder / "new").exists()
    assert "1 to 1,000" in cli.fails(2, "canary", "make", "new", "--count", "0")


class KillingProxy(BadProxy):
    """Kills the process that sends a write: before the node has it, or after."""

    def __init__(self, *, deliver: bool) -> None:
        super().__init__(seed=0, mischief=0.0)
        self.victim: Queue[Popen[str]] = Queue()
        self.deliver = deliver

    def ask(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes] | None:
        """See BadProxy."""
        if method != "POST":
            return super().ask(method, path, body)
        if self.deliver:
            super().ask(method, path, body)
        self.victim.get(timeout=TIMEOUT_S).kill()
        return None


@pytest.mark.parametrize("deliver", [False, True])
def test_a_kill_between_file_and_record(cli, node, deliver: bool) -> None:
    """Killed once the file is there, before or after the node took the record: run again, there is one record, of the
    marks that were in the file."""
    before = len(canaries_on_log(cli))
    name = f"killed-{deliver}"
    with proxying(KillingProxy(deliver=deliver)) as proxy:
        proxy.port = urlsplit(node.url).port
        with cli.start("canary", "make", name, "--node", proxy.url) as process:
            proxy.victim.put(process)
            assert process.wait(TIMEOUT_S) == -SIGKILL
            assert process.stdout is not None
            assert process.stdout.read() == ""
    kept = marks(cli, name)
    assert len(canaries_on_log(cli)) == before + deliver
    assert "isn't logged yet" in cli.fails(2, "canary", "prove", name, "1", "-o", "x")
    if deliver:
        cli.ok("key", "new", "second.key")
        cli.ok("party", "Second", "--key", "second.key")
        assert "use that one" in cli.fails(2, "canary", "make", name, "--key", "second.key")
    value = cli.json("canary", "make", name)
    assert value["resumed"]
    assert [row["text"] for row in value["passages"]] == kept
    rows = canaries_on_log(cli)
    assert len(rows) == before + 1
    assert rows[-1]["record"]["root"] == value["root"]
    cli.ok("canary", "make", name)
    assert len(canaries_on_log(cli)) == before + 1


def test_no_node_no_passage(cli) -> None:
    """Where the node can't be reached after the file is made, no passage is shown; the same command goes on later."""
    done = cli("canary", "make", "late", "--asset", "pkg:generic/x", "--node", "http://127.0.0.1:9")
    assert (done.code, done.out) == (4, "")
    kept = marks(cli, "late")
    assert not any(mark in done.err for mark in kept)
    cli.ok("canary", "make", "late", "--asset", "pkg:generic/x")
    assert marks(cli, "late") == kept


# Looking


def test_a_mark_is_found_whatever_its_dress(cli) -> None:
    """In folders, rows and on a stream; item, place, passage and what chance can do are said; 0 either way, but for
    --fail-on-match."""
    value = cli.json("canary", "check", "c", "outputs")
    (one,) = value["findings"]
    assert (one["number"], one["item"], one["is"], value["found"]) == (2, "outputs/b.txt", "whole", [2])
    text = (cli.folder / "outputs" / "b.txt").read_text()
    assert text[one["at"] : one["end"]] == one["passage"]
    assert one["passage"].startswith(marks(cli)[1][:10].upper())
    assert one["bits"] >= 128
    assert int(one["by_chance"]["in"].removeprefix("10^")) > 25
    out = cli.ok("canary", "check", "c", "outputs").out
    for said in ("mark 2, whole: outputs/b.txt", "found: 2 of the 4 marks", "usance canary prove c 2"):
        assert said in out
    rows = [{"q": marks(cli)[0], "a": "no"}, {"q": "?", "a": marks(cli)[3][5:90]}]
    (cli.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    value = cli.json("canary", "check", "c", "rows.jsonl", "--column", "a")
    assert [(one["number"], one["item"], one["is"]) for one in value["findings"]] == [(4, "rows.jsonl:2", "part")]
    assert cli("canary", "check", "c", "rows.jsonl", "--column", "a", "--fail-on-match").code == 1
    assert "a part of" in cli.ok("canary", "check", "c", "rows.jsonl", "--column", "a").out
    nothing = cli.ok("canary", "check", "c", "outputs/a.txt", "--fail-on-match").out
    assert "none of the 4 marks was found" in nothing
    with cli.start("canary", "check", "c", "-", "--json", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(f"x {marks(cli)[2]} y", timeout=TIMEOUT_S)
    assert json.loads(out)["found"] == [3]


def test_bad_files_are_refused(cli) -> None:
    """Others may read it, damaged, none, something else, no path: one line each."""
    folder = cli.folder
    text = (folder / "c").read_text()
    for name, data in (
        ("b1", text[:-20]), ("b2", "[]"), ("b3", "{}"), ("b4", text.replace('"root": "', '"root": "00')),
        ("b5", text.replace("/64", "/1", 1)), ("b6", "[" * 9000),
        ("b7", text.replace('"drawn": "0-2', '"drawn": "0-3')), ("b8", text.replace('"log"', '"lag"')),
        ("b9", text.replace('"drawn": "', '"drawn": "x')), ("b10", text.replace('"salt": "', '"salt": "z')),
    ):  # fmt: skip
        (folder / name).write_text(data)
        (folder / name).chmod(0o600)
        assert "damaged" in cli.fails(2, "canary", "check", name, "outputs"), name
        assert "damaged" in cli.fails(2, "canary", "make", name), name
    (folder / "open").write_text(text)
    (folder / "open").chmod(0o644)
    assert "chmod 600" in cli.fails(2, "canary", "check", "open", "outputs")
    assert "there is no" in cli.fails(2, "canary", "check", "none", "outputs")
    assert "no file or folder" in cli.fails(2, "canary", "check", "c", "none")


# Showing


def steps(value: dict) -> dict[str, str]:
    """Results by step."""
    return {step["step"]: step["result"] for step in value["steps"]}


def test_a_shown_mark_is_verified_offline(offline) -> None:
    """Record, mark and text hold, without a network; the mark is named, and what isn't shown is said."""
    value = offline.json("verify", "found.tlog-proof", "--canary", "found.canary.json", "--text", "outputs/b.txt")
    names = ("checkpoint", "inclusion", "signer", "record", "mark", "text")
    assert (value["verdict"], steps(value)) == ("good", dict.fromkeys(names, "good"))
    assert value["mark"] == {"index": 1, "number": 2, "count": COUNT, "text": marks(offline)[1]}
    assert set(CANARY_NOT_SHOWN) <= set(value["not_shown"])
    out = offline.ok("verify", "found.tlog-proof", "--canary", "found.canary.json").out
    assert "mark 2 of 4" in out
    assert "who took it" in out
    opening = (offline.folder / "found.canary.json").read_text()
    assert not any(mark in opening for at, mark in enumerate(marks(offline)) if at != 1)


def test_every_kind_of_lie_fails(offline, cli, make_node) -> None:
    """Another salt, text, index, count or path, another record, another log, a text without the mark: exit 1."""
    good = parse_opening((offline.folder / "found.canary.json").read_bytes())
    other = parse_opening((offline.folder / "another.canary.json").read_bytes())
    lies = json.loads(format_opening(good))
    changed = {
        "salt": base64.b64encode(bytes(32)).decode(), "mark": good.mark.text + "!", "index": 0, "count": COUNT + 1,
        "path": lies["path"][::-1],
    }  # fmt: skip
    for name, value in changed.items():
        data = json.dumps({**lies, name: value}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        (offline.folder / "lie.json").write_text(data)
        done = offline("verify", "found.tlog-proof", "--canary", "lie.json", "--json")
        assert (done.code, steps(done.json())["mark"]) == (1, "failed"), name
    (offline.folder / "lie.json").write_bytes(format_opening(other))
    assert offline("verify", "found.tlog-proof", "--canary", "lie.json").code == 1
    assert offline("verify", "another.tlog-proof", "--canary", "found.canary.json").code == 1
    cli.ok("proof", "2", "-o", "asset.tlog-proof")
    assert "commits to no marks" in offline("verify", "asset.tlog-proof", "--canary", "found.canary.json").out
    done = offline("verify", "found.tlog-proof", "--canary", "found.canary.json", "--text", "outputs/a.txt", "--json")
    assert (done.code, steps(done.json())["text"]) == (1, "failed")
    elsewhere = make_node(origin="log.example/other", start=False)
    done = offline("verify", "found.tlog-proof", "--canary", "found.canary.json", "--json",
                   USANCE_LOG=str(elsewhere.folder / "log.vkey"))  # fmt: skip
    assert (done.code, "mark" in steps(done.json())) == (1, False)


def test_what_goes_together_and_what_cannot_be_read(offline, cli) -> None:
    """--text needs --canary; evidence takes none; a file that is no opening is refused; nothing anchors: exit 3."""
    assert "--text goes with" in offline.fails(2, "verify", "found.tlog-proof", "--text", "outputs/a.txt")
    assert "not a readable opening" in offline.fails(2, "verify", "found.tlog-proof", "--canary", "outputs/a.txt")
    assert "can't read the opening" in offline.fails(2, "verify", "found.tlog-proof", "--canary", "none")
    offline.environment.pop("USANCE_LOG")
    assert offline("verify", "found.tlog-proof", "--canary", "found.canary.json").code == 3
    cli.ok("use", "corpus", "--as", "train", "--token", "5")
    index = cli.json("records", "--kind", "usage")["records"][-1]["index"]
    cli.ok("evidence", index, "-o", "use.json")
    assert "is evidence" in offline.fails(2, "verify", "use.json", "--canary", "found.canary.json")


def test_only_what_holds_is_proved(cli, make_node) -> None:
    """A number that isn't there, a node of another log, an entry that is another: nothing is written."""
    assert "no mark 5" in cli.fails(2, "canary", "prove", "c", "5", "-o", "x")
    assert "no mark 0" in cli.fails(2, "canary", "prove", "c", "0", "-o", "x")
    text = (cli.folder / "c").read_text()
    ref = json.loads(text)["ref"]
    (cli.folder / "moved").write_text(text.replace(ref, f"{int(ref.split(':')[0]) - 1}:{ref.split(':')[1]}"))
    (cli.folder / "moved").chmod(0o600)
    assert "another entry" in cli.fails(1, "canary", "prove", "moved", "1", "-o", "x")
    other = make_node(origin="log.example/other")
    line = cli.fails(2, "canary", "prove", "c", "1", "-o", "x", "--node", other.url, "--log",
                     other.folder / "log.vkey")  # fmt: skip
    assert "is of the log" in line
    assert not list(cli.folder.glob("x.*"))


def test_proving_and_verifying_need_no_arrays(cli, offline, tmp_path: Path) -> None:
    """Without numpy, marks are made, proved and verified; `check` says what is to be installed."""
    run = "import sys; sys.modules['numpy'] = None; from node.cli import main; sys.exit(main(sys.argv[1:]))"

    def without(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", run, *words], cwd=cli.folder, capture_output=True, text=True, check=False,
            timeout=TIMEOUT_S, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **cli.environment},
        )  # fmt: skip

    done = without("verify", "found.tlog-proof", "--canary", "found.canary.json", "--text", "outputs/b.txt")
    assert done.returncode == 0, done.stderr
    assert without("canary", "make", str(tmp_path / "c")).returncode == 0
    assert without("canary", "prove", str(tmp_path / "c"), "1", "-o", str(tmp_path / "x")).returncode == 0
    done = without("canary", "check", "c", "outputs")
    assert (done.returncode, "usance[detect]" in done.stderr) == (2, True)


def test_the_opening_is_the_files(cli) -> None:
    """What `prove` writes is the leaf, path and place that the private file gives."""
    held = load_canaries(str(cli.folder / "c"))
    assert held is not None
    assert (cli.folder / "found.canary.json").read_bytes() == format_opening(open_mark(held.marks, 1))
