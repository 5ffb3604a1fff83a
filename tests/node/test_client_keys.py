"""A client over a change of the log's key: one history, whichever of the keys it knows, and a fork by the new key."""

import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StorageError
from node.audit import audit
from node.client import Client
from node.errors import FileError, ForkError, NetworkError, ProblemError
from node.heads import HeadStore, log_name
from node.sources import HttpSource
from node.spool.folder import SpoolFolder
from node.spool.sender import SpoolSender
from node.spool.writer import SpoolWriter
from node.submit import Options, Submission, open_locked
from proofs import note
from proofs.checkpoint import log_vkey
from proofs.closing import sign_closing
from proofs.cosignature import witness_vkey
from proofs.ed25519 import public_bytes
from proofs.errors import VerifyError
from proofs.logkeys import LogKeys
from proofs.records import make_body
from tests.node.clitool import Cli
from tests.node.fakelog import NOW_MS, ORIGIN, FakeLog, serving

OLD, NEW = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
OLD_VKEY, NEW_VKEY = (log_vkey(origin=ORIGIN, public_key=public_bytes(key)) for key in (OLD, NEW))
ONLY_OLD, BOTH, ONLY_NEW = LogKeys((OLD_VKEY,)), LogKeys((OLD_VKEY, NEW_VKEY)), LogKeys((NEW_VKEY,))


class ChangingLog(FakeLog):
    """An honest log whose checkpoints are signed by `signing`."""

    def __init__(self) -> None:
        self.signing: tuple[Ed25519PrivateKey, ...] = (OLD,)
        super().__init__(key=OLD)

    def checkpoint(self, size: int | None = None, root: bytes | None = None) -> bytes:
        """A line of each."""
        self.key = self.signing[0]
        made = super().checkpoint(size, root)
        for key in self.signing[1:]:
            line = note.sign(text=note.parse_note(made).text, name=ORIGIN, private_key=key)
            made = note.add_signature(made, line)
        return made


@dataclass
class World:
    """The log, a key that grows it, and one user's state folder."""

    log: ChangingLog
    folder: str
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    next: int = 0

    def grow(self) -> None:
        """One entry more."""
        kind = {"kind": "none", "from": 1, "until": 1} if self.next else {"kind": "party", "name": "Lab"}
        self.log.log(self.key, self.next, [make_body({"at": NOW_MS, **kind})])
        self.next += 1

    def see(self, keys: LogKeys, *, folder: str = "") -> int:
        """The size that a client with these keys verifies now."""
        client = Client(self.log.url, keys, state_folder=folder or self.folder, sleep=lambda seconds: None)
        try:
            return client.checkpoint().size
        finally:
            client.close()

    def files(self) -> set[str]:
        """Names of what is kept."""
        return {name for name in os.listdir(self.folder) if name.endswith(".checkpoint")}


@pytest.fixture
def world(tmp_path: Path):
    """A log that signs with its old key."""
    with serving(ChangingLog()) as log:
        yield World(log, str(tmp_path / "state"))


def fork(log: ChangingLog, *signing: Ed25519PrivateKey) -> None:
    """From here on another history is served, signed so."""
    other = ChangingLog()
    other.join(Ed25519PrivateKey.generate())
    log.ledger, log.signing = other.ledger, signing


@pytest.mark.parametrize("order", [(OLD_VKEY, NEW_VKEY), (NEW_VKEY, OLD_VKEY)], ids=["old first", "new first"])
def test_a_fork_by_the_new_key_is_noticed(world: World, order) -> None:
    """Whoever saw checkpoints of the old key refuses another history that the new one signed, whatever the order of the
    keys, and keeps both notes."""
    world.grow()
    assert world.see(ONLY_OLD) == 2
    fork(world.log, NEW)
    with pytest.raises(ForkError, match=log_name(OLD_VKEY)):
        world.see(LogKeys(order))
    assert len([name for name in os.listdir(world.folder) if ".fork-" in name]) == 1
    assert world.files() == {f"{log_name(OLD_VKEY)}.checkpoint"}


def test_one_history_over_a_change(world: World) -> None:
    """Old key, both, new key alone: each takes up what was seen before; the file keeps its name while the old key is
    known, and a fork is noticed at the end. Who knows the old key alone by then is told where the new one is."""
    assert world.see(ONLY_OLD) == 1
    world.log.signing = (OLD, NEW)
    world.grow()
    assert world.see(BOTH) == world.see(ONLY_OLD) == 2
    client = Client(world.log.url, BOTH, state_folder=world.folder)
    assert client.signer() == NEW_VKEY
    world.log.signing = (NEW,)
    world.grow()
    assert world.see(BOTH) == 3
    assert client.signer() == NEW_VKEY
    client.close()
    assert world.files() == {f"{log_name(OLD_VKEY)}.checkpoint"}
    with pytest.raises(VerifyError, match="isn't signed") as told:
        world.see(ONLY_OLD)
    for hint in ("`usance node rekey DIR show`", "DIR/log.vkey", "docs/log-keys.md"):
        assert hint in told.value.expected
    client = Client(world.log.url, ONLY_OLD, state_folder=world.folder)
    with pytest.raises(StorageError, match="give all keys of the log"):
        client.head()
    assert world.see(ONLY_NEW) == 3
    fork(world.log, NEW)
    for keys in (BOTH, ONLY_NEW):
        with pytest.raises(ForkError):
            world.see(keys)


def test_a_reader_of_the_new_key_alone_takes_up_what_both_signed(world: World) -> None:
    """A checkpoint seen while both signed, even one of a size that was known before, is found by the new key later."""
    world.grow()
    assert world.see(ONLY_OLD) == 2
    world.log.signing = (OLD, NEW)
    assert world.see(ONLY_OLD) == 2
    fork(world.log, NEW)
    with pytest.raises(ForkError):
        world.see(ONLY_NEW)


def test_what_no_known_key_signed_is_another_log(world: World) -> None:
    """A note of this origin by keys that this reader doesn't know is neither an error nor its history."""
    world.grow()
    assert world.see(ONLY_OLD) == 2
    fork(world.log, NEW)
    assert world.see(ONLY_NEW) == 2
    assert world.files() == {f"{log_name(OLD_VKEY)}.checkpoint", f"{log_name(NEW_VKEY)}.checkpoint"}


def test_files_of_two_keys_must_be_one_history(world: World) -> None:
    """Two clients that each knew one key have kept a file each: whoever knows both keys finds out where they differ,
    and asks once where they don't."""
    assert world.see(ONLY_OLD) == 1
    world.grow()
    world.log.signing = (NEW,)
    assert world.see(ONLY_NEW) == 2
    world.grow()
    assert world.see(BOTH) == 3
    honest = world.log.ledger
    fork(world.log, NEW)
    elsewhere = world.folder + "2"
    world.see(ONLY_NEW, folder=elsewhere)
    os.rename(
        os.path.join(elsewhere, f"{log_name(NEW_VKEY)}.checkpoint"),
        os.path.join(world.folder, f"{log_name(NEW_VKEY)}.checkpoint"),
    )
    for served in (world.log.ledger, honest):
        world.log.ledger = served
        with pytest.raises(ForkError):
            world.see(BOTH)


def test_a_note_of_the_old_key_alone_is_refused_by_the_new_one(world: World) -> None:
    """A reader of the new key takes nothing that it hasn't signed."""
    with pytest.raises(VerifyError, match="isn't signed"):
        world.see(ONLY_NEW)
    world.log.signing = (NEW,)
    with pytest.raises(VerifyError, match="isn't signed"):
        world.see(ONLY_OLD)


def test_one_key_is_named_as_ever(tmp_path: Path) -> None:
    """The file of a log with one key has the name that it always had; with several, that of the first."""
    name = f"log.example_fake-{sha256(OLD_VKEY.text.encode()).hexdigest()[:16]}.checkpoint"
    for keys in (OLD_VKEY, ONLY_OLD, BOTH):
        assert HeadStore(str(tmp_path), keys).path == str(tmp_path / name)
    assert HeadStore(str(tmp_path), ONLY_NEW).path != str(tmp_path / name)


def test_a_submit_goes_on_over_a_change(world: World, tmp_path: Path) -> None:
    """The journal of a run under the old key is gone on with by whoever knows both, and refused with the reason by a
    client of the new one alone."""
    world.grow()
    path = tmp_path / "records.jsonl"
    path.write_text('{"kind": "none", "from": 1, "until": 2}\n')

    def run(keys: LogKeys) -> int:
        client = Client(world.log.url, keys, state_folder=world.folder, sleep=lambda seconds: None)
        try:
            with open_locked(str(path)) as file:
                run = Submission(str(path), file, client, world.key, Options(), now_ms=lambda: NOW_MS)
                run.check(lambda lines: None)
                return run.run(lambda lines: None).logged
        finally:
            client.close()

    assert run(ONLY_OLD) == 1
    with path.open("a") as file:
        file.write('{"kind": "none", "from": 3, "until": 4}\n')
    world.log.signing = (OLD, NEW)
    with pytest.raises(FileError, match="key was changed"):
        run(ONLY_NEW)
    assert run(BOTH) == 1


def test_an_audit_takes_any_known_key(world: World) -> None:
    """A replay judges a log by all keys that are known of it: a party that uses one of them is a fault of the log."""
    world.log.join(NEW, "Sly")
    source = HttpSource(world.log.url)
    head = ONLY_OLD.open_checkpoint(world.log.checkpoint())
    assert audit(source, head, ONLY_OLD, progress=lambda count: None).checkpoint.size == 2
    with pytest.raises(VerifyError, match="entry 1"):
        audit(source, head, BOTH, progress=lambda count: None)
    source.close()


def spooled(world: World, path: str, vkey_text: str, *numbers: int) -> SpoolFolder:
    """A spool with records that were made for the log under one of its keys."""
    writer = SpoolWriter(path, vkey_text)
    for number in numbers:
        writer.append(make_body({"kind": "none", "at": NOW_MS, "from": number, "until": number + 1}))
    writer.close()
    return SpoolFolder(path)


def drain(world: World, folder: SpoolFolder, keys: LogKeys) -> int:
    """Send what the spool holds, as a client with these keys; how many were logged."""
    client = Client(world.log.url, keys, state_folder=world.folder, sleep=lambda seconds: None)
    try:
        return SpoolSender(folder, client, world.key, sleep=lambda seconds: None).run().logged
    finally:
        client.close()


def test_a_spool_goes_on_over_a_change(world: World, tmp_path: Path) -> None:
    """What was spooled under the old key is sent by whoever knows both, after what was sent under the old one, and
    with what is spooled under the new one; the new key alone doesn't take it for its log's."""
    world.grow()
    path = str(tmp_path / "spool")
    assert drain(world, spooled(world, path, OLD_VKEY.text, 1), ONLY_OLD) == 1
    world.log.signing = (OLD, NEW)
    folder = spooled(world, path, OLD_VKEY.text, 2, 3)
    with pytest.raises(FileError, match="log"):
        drain(world, folder, ONLY_NEW)
    spooled(world, path, NEW_VKEY.text, 4)
    assert drain(world, folder, BOTH) == 3
    assert world.log.ledger.size == 2 + 4
    assert drain(world, folder, BOTH) == 0


def test_a_spool_of_a_closed_log_keeps_what_it_holds(world: World, tmp_path: Path) -> None:
    """The sender says that the log is closed, every time; nothing becomes a dead letter, nothing is lost, and what had
    been taken just before the end, its answer lost, is settled and not sent elsewhere again."""
    world.grow()
    path = str(tmp_path / "spool")
    folder = spooled(world, path, OLD_VKEY.text, 1, 2)

    def lose(method, path, body, answer):
        return None if method == "POST" else answer

    world.log.hook = lose
    with pytest.raises(NetworkError):
        drain(world, folder, ONLY_OLD)
    world.log.hook = lambda method, path, body, answer: answer
    assert world.log.ledger.size == 4
    world.log.ledger.is_closed = True
    spooled(world, path, OLD_VKEY.text, 3)
    for _ in range(2):
        with pytest.raises(ProblemError, match="closed for good") as caught:
            drain(world, folder, ONLY_OLD)
        assert (caught.value.status, caught.value.type) == (410, "usance:closed")
    held = b"".join(Path(path, name).read_bytes() for name in folder.segments())
    assert make_body({"kind": "none", "at": NOW_MS, "from": 3, "until": 4}) in held
    assert not os.path.exists(folder.file("dead.jsonl")) or not Path(folder.file("dead.jsonl")).read_text()
    world.log.ledger.is_closed = False  # as if it had been a mistake of ours: the one record, and once
    assert drain(world, folder, ONLY_OLD) == 1
    assert world.log.ledger.size == 5


def test_an_audit_holds_a_log_to_its_end(world: World, tmp_path: Path) -> None:
    """A closing note of the log's own key is what an audit says, and a log that goes on after it is refused, with
    either of its keys; whatever else stands in its place counts for nothing."""
    cli = Cli(tmp_path)
    (tmp_path / "keys").write_text(f"{OLD_VKEY.text}\n{NEW_VKEY.text}\n")
    world.grow()
    size, root = world.log.ledger.size, world.log.ledger.tree.root
    own, foreign = (
        sign_closing(origin=ORIGIN, size=size, root=root, private_keys=[key])
        for key in (NEW, Ed25519PrivateKey.generate())
    )
    found = {"/closed": foreign}
    world.log.hook = lambda method, path, body, answer: (200, "text/plain", found[path]) if path in found else answer
    for other in (foreign, b"<html>", b"", world.log.checkpoint()):
        found["/closed"] = other
        assert cli.json("audit", world.log.url, "--log", "keys")["closed"] is False
    found["/closed"] = own
    assert cli.json("audit", world.log.url, "--log", "keys")["closed"] is True
    assert "closed for good at this size" in cli.ok("audit", world.log.url, "--log", "keys").out
    world.grow()
    assert "has signed that it ended at size 2" in cli.fails(1, "audit", world.log.url, "--log", "keys")
    assert cli.json("audit", world.log.url, "--log", OLD_VKEY.text)["closed"] is False


# Which keys a command is given


def test_where_a_command_finds_the_keys(world: World, tmp_path: Path) -> None:
    """--log or --policy, else USANCE_POLICY, else USANCE_LOG; a file of keys and a policy's log lines do alike; both
    options at once, keys or policies of several logs, and files that are none, are refused."""
    world.grow()
    foreign = log_vkey(origin="log.example/other", public_key=public_bytes(NEW))
    for name, text in {
        "both": f"# two keys\n{OLD_VKEY.text}\n\n{NEW_VKEY.text}\n", "new": NEW_VKEY.text, "old": OLD_VKEY.text,
        "policy": f"log {OLD_VKEY.text}\nlog {NEW_VKEY.text}\nquorum none\n", "empty": "# nothing\n",
        "new policy": f"log {NEW_VKEY.text}\nquorum none\n", "junk": "junk\n", "long": "#" * 20_000,
        "two logs": f"{OLD_VKEY.text}\n{foreign.text}\n", "no log": "quorum none\n",
        "policy of two": f"log {OLD_VKEY.text}\nlog {foreign.text}\nquorum none\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    cli = Cli(tmp_path, {"USANCE_NODE": world.log.url})
    show = ("proof", "1")
    for given, environment in (
        (("--log", "both"), {}), (("--log", OLD_VKEY.text), {}), (("--policy", "policy"), {}),
        ((), {"USANCE_LOG": "both"}), ((), {"USANCE_POLICY": "policy"}),
        ((), {"USANCE_POLICY": "policy", "USANCE_LOG": "new"}), (("--log", "old"), {"USANCE_POLICY": "new policy"}),
        (("--policy", "policy"), {"USANCE_LOG": "new"}),
    ):  # fmt: skip
        cli.ok(*show, *given, **environment)
    for code, word, given in (
        (1, "isn't signed", ("--log", "new")), (1, "isn't signed", ("--policy", "new policy")),
        (2, "exclude each other", ("--log", "old", "--policy", "policy")), (2, "0 keys", ("--log", "empty")),
        (2, "knows 2 logs", ("--policy", "policy of two")), (2, "knows 0 logs", ("--policy", "no log")),
        (2, "verifier key", ("--log", "junk")), (2, "too large", ("--log", "long")), (2, "USANCE_POLICY", ()),
        (2, "keys of one log", ("--log", "two logs")), (2, "junk", ("--policy", "junk")),
        (2, "No such file", ("--policy", "missing")),
    ):  # fmt: skip
        assert word in cli.fails(code, *show, *given)


def test_a_quorum_counts_for_files_and_audits(world: World, tmp_path: Path) -> None:
    """A policy whose quorum no answer reaches serves commands that talk to a node all the same; `verify` and `audit`
    hold what they judge against the whole of it."""
    world.grow()
    witness = witness_vkey(name="witness.example/w", private_key=Ed25519PrivateKey.generate())
    (tmp_path / "policy").write_text(f"log {OLD_VKEY.text}\nwitness W {witness.text}\nquorum W\n")
    cli = Cli(tmp_path, {"USANCE_NODE": world.log.url, "USANCE_POLICY": "policy"})
    cli.ok("proof", "1", "-o", "file")
    cli.ok("verify", "file", "--log", OLD_VKEY.text)
    assert "quorum" in cli("verify", "file").out
    assert cli("verify", "file").code == 1
    assert "quorum" in cli.fails(1, "audit", world.log.url)
