"""`usance node rekey`: a log changes its own signing key, and nobody who was told loses it (docs/log-keys.md)."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StartupError, StorageError
from node import logfolder, rekey
from node.keyfiles import load_key, new_key
from node.server import init_node, load_config, open_node
from proofs.checkpoint import log_vkey
from proofs.ed25519 import public_bytes
from proofs.errors import InputError
from proofs.note import parse_note
from proofs.policy import parse_policy
from proofs.tlogproof import parse_tlog_proof
from tests.node.clitool import ROOT, Cli
from tests.node.harness import Actor, NodeProcess, body
from tests.simulation.nodes import need_strace

ORIGIN = "log.example/rekey"
TERMS = 'currency = "USD"\n[[offers]]\nuse = "train"\nunit = "token"\nprice = "0.001"\nper = 1\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's folder with one entry; nobody runs it."""
    made = tmp_path / "node"
    init_node(str(made), origin=ORIGIN, name="Operator")
    return made


def started(folder: Path) -> bytes:
    """What a start signs; the checkpoint. The node is stopped again."""
    node = open_node(str(folder), load_config(str(folder)))
    try:
        return node.signer.sign(node.ledger.size, node.ledger.tree.root)
    finally:
        node.store.close()


def signers(note: bytes) -> set[str]:
    """The key hashes of a note's lines, in hex."""
    return {line.id.hex() for line in parse_note(note).signatures}


def private(folder: Path, name: str = "log.key") -> bytes:
    """The public half of a key file of the folder."""
    return public_bytes(load_key(str(folder / name)))


def names(folder: Path) -> set[str]:
    """The folder's files that have to do with keys."""
    return {path.name for path in folder.iterdir() if path.name.startswith("log")}


# Steps on a folder


def test_begin_sign_finish(folder: Path) -> None:
    """Both sign from the start after `begin`; `finish` leaves the new key alone, the old one aside and known."""
    (old,) = logfolder.current_keys(str(folder)).keys
    before = started(folder)
    change = rekey.begin(str(folder))
    new = change.keys.keys[1]
    assert (change.state, change.keys.keys[0]) == ("begun", old)
    assert stat.S_IMODE((folder / "log-next.key").stat().st_mode) == 0o600
    assert rekey.change_state(str(folder)) == change
    during = started(folder)
    assert during.startswith(before)
    assert signers(during) == {old.id.hex(), new.id.hex()}
    assert rekey.change_state(str(folder)).state == "both"
    assert rekey.finish(str(folder)).state == "none"
    assert private(folder) == new.key
    assert private(folder, f"log-old-{old.id.hex()}.key") == old.key
    assert signers(started(folder)) == {new.id.hex()}
    assert logfolder.known_keys(str(folder)).keys == (new, old)
    assert rekey.change_state(str(folder)).keys.keys == (old, new)
    assert names(folder) == {"log.key", "log.vkey", "log-old.vkey", f"log-old-{old.id.hex()}.key"}
    second = rekey.begin(str(folder)).keys.keys
    started(folder)
    assert rekey.finish(str(folder), erase_old=True).keys.keys == second == (old, new, second[2])
    assert f"log-old-{new.id.hex()}.key" not in names(folder)
    assert signers(started(folder)) == {second[2].id.hex()}


def test_cancel_leaves_the_old_key_alone(folder: Path) -> None:
    """Before or after both have signed; the new key stays known as the log's own, and doesn't come back."""
    (old,) = logfolder.current_keys(str(folder)).keys
    for has_signed in (False, True):
        new = rekey.begin(str(folder)).keys.keys[-1]
        shutil.copy(folder / "log-next.key", folder.parent / "copy.key")
        if has_signed:
            started(folder)
        assert rekey.cancel(str(folder)).keys.keys == (old,)
        assert signers(started(folder)) == {old.id.hex()}
        assert names(folder) == {"log.key", "log.vkey", "log-cancelled.vkey"}
        assert new in logfolder.retired_keys(str(folder))
        with pytest.raises(InputError, match="was the log's own"):
            rekey.begin(str(folder), key_file=str(folder.parent / "copy.key"))
    rekey.begin(str(folder))
    (folder / "log-next.key").unlink()
    with pytest.raises(InputError, match=r"log-next\.key"):
        started(folder)
    rekey.cancel(str(folder))
    started(folder)


def test_steps_out_of_turn_are_refused(folder: Path) -> None:
    """No finish or cancel before begin, no second begin, no finish before both have signed; nothing changes."""
    for step in (rekey.finish, rekey.cancel):
        with pytest.raises(InputError, match="isn't being changed"):
            step(str(folder))
    rekey.begin(str(folder))
    held = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(InputError, match="being changed already"):
        rekey.begin(str(folder))
    with pytest.raises(InputError, match="hasn't signed"):
        rekey.finish(str(folder))
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == held


def test_a_key_has_one_role(folder: Path) -> None:
    """`begin` refuses a key that is the log's own, or a party's on this log (the operator's is one)."""
    for name, word in (("log.key", "was the log's own"), ("operator.key", "is a party's")):
        with pytest.raises(InputError, match=word):
            rekey.begin(str(folder), key_file=str(folder / name))
    own = folder.parent / "own.key"
    new_key(str(own))
    rekey.begin(str(folder), key_file=str(own))
    assert private(folder, "log-next.key") == public_bytes(load_key(str(own)))


def test_no_party_may_use_a_key_of_the_log(make_node: Callable[..., NodeProcess]) -> None:
    """Neither the new key while it is one of two, nor an old or a cancelled one ever after."""
    node = make_node(origin=ORIGIN, start=False)
    folder = str(node.folder)

    def refused(key: Ed25519PrivateKey) -> None:
        node.start()
        result = node.submit(Actor(node, key).sign(body("party", name="Sly")))[0]
        assert (result["status"], result["type"]) == (422, "usance:key"), result
        assert node.stop() == 0

    rekey.begin(folder)
    cancelled = load_key(os.path.join(folder, "log-next.key"))
    refused(cancelled)
    rekey.cancel(folder)
    refused(cancelled)
    old = load_key(os.path.join(folder, "log.key"))
    rekey.begin(folder)
    refused(load_key(os.path.join(folder, "log-next.key")))
    rekey.finish(folder)
    refused(old)


def test_a_running_node_is_left_alone(make_node: Callable[..., NodeProcess]) -> None:
    """Each step needs the folder for itself."""
    node = make_node(origin=ORIGIN)
    for step in (rekey.begin, rekey.finish, rekey.cancel, rekey.change_state):
        with pytest.raises((StartupError, StorageError)):
            step(str(node.folder))
    assert "log-next.vkey" not in names(node.folder)


DAMAGE = {
    "another next key": lambda folder: shutil.copy(folder / "operator.key", folder / "log-next.key"),
    "a next vkey of another log": lambda folder: (folder / "log-next.vkey").write_text(
        log_vkey(origin="log.example/other", public_key=private(folder, "log-next.key")).text
    ),
    "junk for a next vkey": lambda folder: (folder / "log-next.vkey").write_text("junk\n"),
    "an empty next vkey": lambda folder: (folder / "log-next.vkey").write_text(""),
    "a long next vkey": lambda folder: (folder / "log-next.vkey").write_text("#" * 20_000),
    "a next key that others read": lambda folder: (folder / "log-next.key").chmod(0o644),
    "a next key that is none": lambda folder: (folder / "log-next.key").write_text("-----BEGIN NOTHING-----\n"),
    "junk among the old keys": lambda folder: (folder / "log-old.vkey").write_text("junk\n"),
    "a folder for old keys": lambda folder: (folder / "log-old.vkey").mkdir(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_stop_the_start(folder: Path, damage: str) -> None:
    """In words that name the file; the sign record stays as it is."""
    rekey.begin(str(folder))
    DAMAGE[damage](folder)
    before = (folder / "sign-record.json").read_bytes()
    with pytest.raises((StartupError, InputError), match=r"log-(next|old)"):
        started(folder)
    assert (folder / "sign-record.json").read_bytes() == before


# Crashes


class Crash(BaseException):
    """The process ends here."""


@contextlib.contextmanager
def crashing(patch: pytest.MonkeyPatch, number: int) -> Iterator[list[str]]:
    """End at the so-manieth call that changes a folder, before it has done anything; what was called until then."""
    calls: list[str] = []
    with patch.context() as patched:
        for name in ("open", "rename", "unlink", "fsync"):
            real = getattr(os, name)

            def call(*args, name=name, real=real, **more):
                if name == "open" and not args[1] & os.O_CREAT:
                    return real(*args, **more)
                calls.append(name)
                if len(calls) == number:
                    raise Crash
                return real(*args, **more)

            patched.setattr(os, name, call)
        yield calls


@dataclass
class Step:
    """A step, run on a folder where `ready` has prepared it; `done`: the hashes of the keys that sign afterwards."""

    ready: Callable[[Path], None]
    run: Callable[[str], object]


def _begun(folder: Path) -> None:
    rekey.begin(str(folder))


def _both(folder: Path) -> None:
    rekey.begin(str(folder))
    started(folder)


STEPS = {
    "begin": Step(lambda folder: None, rekey.begin),
    "finish": Step(_both, rekey.finish),
    "finish, erasing": Step(_both, lambda folder: rekey.finish(folder, erase_old=True)),
    "cancel": Step(_begun, rekey.cancel),
    "cancel after both": Step(_both, rekey.cancel),
}


@pytest.mark.parametrize("name", STEPS)
def test_cut_anywhere_a_step_is_done_by_running_it_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whichever call a crash comes before: the node starts and signs with a key that clients know, and the same command
    again, where it isn't done yet, ends as if nothing had happened."""
    step = STEPS[name]
    step.ready(folder)
    whole = shutil.copytree(folder, folder.parent / "whole")
    step.run(str(whole))
    number, ends = 0, []
    while True:
        number += 1
        cut = shutil.copytree(folder, folder.parent / f"cut-{number}")
        known = {key.id.hex() for key in logfolder.policy_keys(str(cut)).keys}
        with crashing(monkeypatch, number) as calls:
            try:
                step.run(str(cut))
            except Crash:
                pass
            else:
                break
        between = signers(started(cut))
        assert between, calls
        assert name == "begin" or between <= known, (calls, between, known)
        with contextlib.suppress(InputError):  # it was done already, and says so
            step.run(str(cut))
        ends.append(len(signers(started(cut))))
        if name == "begin":
            assert rekey.change_state(str(cut)).state == "both"
            continue
        assert private(cut) == private(whole)
        assert logfolder.known_keys(str(cut)) == logfolder.known_keys(str(whole))
        assert rekey.change_state(str(cut)) == rekey.change_state(str(whole))
    assert number > 3
    assert set(ends) == ({2} if name == "begin" else {1})


# The whole way, as clients see it


def test_a_finish_that_erases_leaves_nothing_of_one_that_did_not(folder: Path, tmp_path: Path) -> None:
    """Killed after any of its steps, a `finish` that keeps the old key aside may have written it, under a temporary
    name, too; `finish --erase-old` after it removes what is there: nowhere in the folder is the old private key."""
    _both(folder)
    old = (folder / "log.key").read_bytes()
    number = 0
    while True:
        number += 1
        cut = shutil.copytree(folder, tmp_path / f"cut-{number}")
        with pytest.MonkeyPatch.context() as patch, crashing(patch, number), contextlib.suppress(Crash, StorageError):
            rekey.finish(str(cut))
            break
        if (cut / "log-next.vkey").exists():
            rekey.finish(str(cut), erase_old=True)
            left = [path.name for path in cut.iterdir() if path.is_file() and path.read_bytes() == old]
            assert left == [], number
        started(cut)
    assert number > 8


def test_the_new_keys_name_is_durable_before_the_mark(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a loss of power the mark may not be there without the key that it asks for."""
    seen: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def synced(handle: int) -> None:
        seen.append(("sync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def renamed(old: str, new: str) -> None:
        seen.append(("rename", os.path.realpath(new)))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    rekey.begin(str(folder))
    own = [(what, Path(path).name) for what, path in seen]
    mark = own.index(("rename", "log-next.vkey"))
    key = own.index(("sync", "log-next.key"))
    assert ("sync", folder.name) in own[key:mark]


@dataclass
class World:
    """A node, a user, and files that each of three readers is given: keys of before, of both, of after."""

    node: NodeProcess
    cli: Cli
    readers: dict[str, dict[str, str]]

    def run(self, reader: str, *args: object) -> tuple[int, str]:
        """A command as this reader; exit code and stderr."""
        done = self.cli(*args, USANCE_NODE=self.node.url, **self.readers[reader])
        return done.code, done.err

    def good(self, reader: str, *args: object) -> None:
        """A command as this reader, which must succeed."""
        code, err = self.run(reader, *args)
        assert code == 0, (reader, args, err)

    def files(self, when: str, reader: str) -> None:
        """A proof and evidence of one more use."""
        self.good(reader, "use", "corpus", "--as", "train", "--token", "1000")
        use = str(self.node.json("/records?kind=usage&limit=1000")["records"][-1]["index"])
        self.good(reader, "proof", use, "-o", f"{when}.tlog-proof")
        self.good(reader, "evidence", use, "-o", f"{when}.json")


def world(node: NodeProcess, folder: Path) -> World:
    """Before the change: a party with a priced asset, which uses it itself."""
    cli = Cli(folder, {"USANCE_KEY": "me.key"})
    (folder / "old.vkey").write_text((node.folder / "log.vkey").read_text())
    (folder / "terms.toml").write_text(TERMS)
    made = World(node, cli, {"old": {"USANCE_LOG": "old.vkey"}})
    cli.ok("key", "new", "me.key")
    made.good("old", "party", "Me")
    made.good("old", "asset", "--name", "corpus")
    made.good("old", "terms", "corpus", "terms.toml")
    return made


def test_a_whole_change(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """Clients with the old key, both and the new one, before, while and after; proofs, evidence, audits and the history
    that a user has seen; the table of docs/log-keys.md."""
    node = make_node(origin=ORIGIN)
    made = world(node, tmp_path)
    made.files("before", "old")
    assert node.stop() == 0

    begun = made.cli("node", "rekey", node.folder, "begin")
    assert begun.code == 0, begun
    (tmp_path / "policy").write_text(begun.out)
    (tmp_path / "new.vkey").write_text((node.folder / "log-next.vkey").read_text())
    made.readers |= {"both": {"USANCE_POLICY": "policy"}, "new": {"USANCE_LOG": "new.vkey"}}
    node.start()
    for reader in ("old", "both", "new"):
        made.files("during", reader)
        made.good(reader, "audit", node.url)
    size = node.json("/records?limit=1")["records"][0]["index"] + 1
    made.good("new", "proof", "0", "--size", size, "-o", "past.tlog-proof")
    past = parse_tlog_proof((tmp_path / "past.tlog-proof").read_bytes())
    assert len(signers(past.checkpoint_note)) == 2
    assert node.stop() == 0
    for reader in ("old", "both", "new"):
        made.good(reader, "audit", node.folder)

    finished = made.cli("node", "rekey", node.folder, "finish")
    assert finished.code == 0
    assert finished.out == begun.out
    node.start()
    for reader in ("both", "new"):
        made.files("after", reader)
        made.good(reader, "audit", node.url)
    for command in (("use", "corpus", "--as", "train", "--token", "1"), ("audit", node.url), ("records", "1")):
        code, err = made.run("old", *command)
        assert code == 1, err
        assert "signed" in err
    assert node.stop() == 0
    code, err = made.run("old", "audit", node.folder)
    assert code == 1
    assert "is the node of the log" in err
    made.good("new", "audit", node.folder)

    table = {"before": {"old", "both"}, "during": {"old", "both", "new"}, "after": {"both", "new"}}
    found = {
        when: {
            reader
            for reader in made.readers
            if {made.run(reader, "verify", f"{when}.{kind}")[0] for kind in ("tlog-proof", "json")} <= {0, 3}
        }
        for when in table
    }
    assert found == table
    assert parse_policy(finished.out.encode()).keys_of(ORIGIN) == logfolder.policy_keys(str(node.folder))


def test_the_commands_say_what_to_do(folder: Path, tmp_path: Path) -> None:
    """The policy on stdout, the next step on stderr, or all of it as JSON; options that don't fit are refused."""
    cli = Cli(tmp_path)
    cli.fails(2, "node", "rekey", folder, "finish", "--new", "x")
    cli.fails(2, "node", "rekey", folder, "begin", "--erase-old")
    cli.fails(2, "node", "rekey", folder, "begin", "--new", "missing")
    cli.fails(5, "node", "rekey", tmp_path / "nowhere", "begin")
    assert "begin" in cli.fails(2, "node", "rekey", folder, "finish")
    done = cli("node", "rekey", folder, "begin")
    assert parse_policy(done.out.encode()).keys_of(ORIGIN) == logfolder.policy_keys(str(folder))
    assert "rekey" in done.err
    assert "finish" in done.err
    shown = json.loads(cli("node", "rekey", folder, "show", "--json").out)
    assert (shown["state"], len(shown["keys"]), shown["policy"]) == ("begun", 2, done.out)
    assert json.loads(cli("node", "rekey", folder, "cancel", "--json").out)["state"] == "none"


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "command", ["finish", *(pytest.param(name, marks=pytest.mark.long) for name in ("begin", "cancel", "close"))]
)
def test_killed_at_a_call_of_the_kernel(folder: Path, tmp_path: Path, command: str, long_run: bool) -> None:
    """The program itself, killed on entering a call that changes the disk: the node starts, and the command again does
    what is left. In short, at the removals alone of one command."""
    need_strace(tmp_path)
    words = ["close", "--yes", "--erase-key"] if command == "close" else ["rekey", command]
    if command in ("finish", "cancel"):
        rekey.begin(str(folder))
        started(folder)
    killed = 0
    for call in ("rename", "unlink", "fsync") if long_run else ("unlink",):
        for number in range(1, 40):
            cut = shutil.copytree(folder, tmp_path / f"{call}-{number}")
            line = [words[0], str(cut), *words[1:]]
            done = subprocess.run(
                ["strace", "-D", "-f", "-o", str(tmp_path / "trace"), "-e", f"trace={call}", "-e",
                 f"inject={call}:signal=SIGKILL:when={number}", sys.executable, "-m", "node.cli", "node", *line],
                cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                break
            assert done.returncode == -signal.SIGKILL, done.stderr
            killed += 1
            assert signers(started(cut))
            again = Cli(tmp_path)("node", *line)
            assert again.code == 0 or "being changed" in again.err, again
            assert signers(started(cut))
            assert (cut / "closed.json").exists() == (command == "close")
            assert command == "begin" or not (cut / "log-next.vkey").exists()
            shutil.rmtree(cut)
        else:
            raise AssertionError(f"{call} is called without end")
    assert killed or command == "begin"
