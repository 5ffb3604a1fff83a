"""Keys and parties on the command line: files, modes, delegates, rotation, revocation."""

import os
import shutil
import subprocess

import pytest

from node.client import Client
from proofs.note import parse_vkey
from tests.node.clitool import Cli
from tests.node.harness import NodeProcess


@pytest.fixture
def cli(tmp_path, node: NodeProcess) -> Cli:
    """A user of the module's node."""
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey")})


def new_key(cli: Cli, name: str) -> str:
    """Make a key file; its public key in hex."""
    return cli.json("key", "new", f"{name}.key")["key"]


def key_state(cli: Cli, node: NodeProcess, key: str) -> tuple[str, str, list[str]]:
    """Role, status and kinds of a key, as the node has them."""
    said = node.json(f"/keys/{key}")
    return said["role"], said["status"], said["kinds"]


# Files


def test_a_new_key_is_private_and_stays(cli) -> None:
    """Mode 0600 whatever the umask, the vkey beside, and no second `new` over either."""
    old = os.umask(0)
    try:
        vkey = cli.ok("key", "new", "a.key").out
    finally:
        os.umask(old)
    assert (cli.folder / "a.key").stat().st_mode & 0o777 == 0o600
    assert (cli.folder / "a.vkey").read_text() == vkey
    before = (cli.folder / "a.key").read_bytes()
    assert "never replaced" in cli.fails(2, "key", "new", "a.key")
    (cli.folder / "b.vkey").write_text("x")
    assert "exists already" in cli.fails(2, "key", "new", "b.key")
    assert not (cli.folder / "b.key").exists()
    assert (cli.folder / "a.key").read_bytes() == before


def test_show_prints_the_vkey(cli) -> None:
    """The name comes from --name, from the file beside, or from the file's name; --hex prints the key itself."""
    made = parse_vkey(cli.ok("key", "new", "a.key", "--name", "lab.example/a").out.strip())
    assert made.name == "lab.example/a"
    assert cli.ok("key", "show", "a.key").out.strip() == made.text
    assert cli.ok("key", "show", "a.key", "--hex").out.strip() == made.key.hex()
    (cli.folder / "a.vkey").unlink()
    assert parse_vkey(cli.ok("key", "show", "a.key").out.strip()).name == "a"
    assert parse_vkey(cli.ok("key", "show", "a.key", "--name", "c").out.strip()).key == made.key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(cli, mode) -> None:
    """The line says which chmod mends it."""
    cli.ok("key", "new", "a.key")
    (cli.folder / "a.key").chmod(mode)
    assert "chmod 600" in cli.fails(2, "key", "show", "a.key")


def test_a_bad_name_leaves_nothing_behind(cli) -> None:
    """The name is judged before a file is made."""
    assert "--name" in cli.fails(2, "key", "new", "a b.key")
    assert list(cli.folder.iterdir()) == []


def test_openssl_reads_key_files(cli) -> None:
    """PKCS#8 PEM, as every tool reads it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program here")
    key = new_key(cli, "a")
    done = subprocess.run(
        ["openssl", "pkey", "-in", cli.folder / "a.key", "-pubout", "-outform", "DER"], capture_output=True, check=True,
        timeout=30,
    )  # fmt: skip
    assert done.stdout[-32:].hex() == key


def test_foreign_keys_are_refused(cli) -> None:
    """Only an unencrypted Ed25519 private key will do."""
    (cli.folder / "a.key").write_text("junk")
    (cli.folder / "a.key").chmod(0o600)
    assert "no private key" in cli.fails(2, "key", "show", "a.key")
    (cli.folder / "a.key").chmod(0o644)  # what is no key needs no chmod
    assert "no private key" in cli.fails(2, "key", "show", "a.key")


# Parties


def test_a_party_registers_and_renames_itself(cli, node) -> None:
    """The first record makes the party, a later one changes its name; each answer has its verified reference."""
    key = new_key(cli, "a")
    first = cli.json("party", "Lab", "--url", "https://lab.example", "--key", "a.key")
    assert first["party"] == key
    cli.ok("party", "Lab Two", "--key", "a.key")
    assert node.json(f"/parties/{key}")["name"] == "Lab Two"
    assert cli.json("records", first["ref"])["record"]["name"] == "Lab"


def test_a_delegate_whose_key_is_at_hand(cli, node) -> None:
    """It signs what it may and nothing else, and is ended by the party."""
    new_key(cli, "a")
    meter = new_key(cli, "m")
    cli.ok("party", "Lab", "--key", "a.key")
    cli.ok("delegate", "m.key", "--kinds", "usage, none", "--key", "a.key")
    assert key_state(cli, node, meter) == ("delegate", "active", ["none", "usage"])
    cli.ok("use", "model:x/y", "--as", "infer", "--token", "5", "--key", "m.key")
    assert "may not sign asset" in cli.fails(2, "asset", "--name", "d", "--key", "m.key")
    cli.ok("revoke", "m.key", "--reason", "retired", "--key", "a.key")
    assert key_state(cli, node, meter)[1] == "revoked"
    assert "403" in cli.fails(2, "use", "model:x/y", "--as", "infer", "--token", "5", "--key", "m.key")


def test_a_delegate_whose_key_is_elsewhere(cli, node, tmp_path_factory) -> None:
    """Its machine makes the consent without a network; the party's machine needs no more than what was printed."""
    party = new_key(cli, "a")
    cli.ok("party", "Lab", "--key", "a.key")
    there = Cli(tmp_path_factory.mktemp("meter"), {"USANCE_LOG": str(node.folder / "log.vkey")})
    meter = new_key(there, "m")
    made = there.json("delegate", "--make-accept", "--key", "m.key", "--party", party, "--kinds", "usage")
    assert made["new_key"] == meter
    line = made["command"].split()
    assert line[0] == "usance"
    cli.ok(*line[1:], "--key", "a.key")
    assert key_state(cli, node, meter) == ("delegate", "active", ["usage"])


def test_a_consent_for_another_use_is_refused(cli, node) -> None:
    """`accept` binds the kinds: one more is refused by the log, with the field."""
    party = new_key(cli, "a")
    new_key(cli, "m")
    cli.ok("party", "Lab", "--key", "a.key")
    made = cli.json("delegate", "--make-accept", "--key", "m.key", "--party", party, "--kinds", "usage")
    more = ("--new-key", made["new_key"], "--accept", made["accept"], "--key", "a.key")
    assert "accept" in cli.fails(2, "delegate", *more, "--kinds", "usage,none")
    assert "accept" in cli.fails(2, "rotate", *more)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_party_rotates_its_key(cli, node, elsewhere) -> None:
    """The new key signs for the same party, the old one no more."""
    party = new_key(cli, "a")
    new = new_key(cli, "b")
    cli.ok("party", "Lab", "--key", "a.key")
    if elsewhere:
        made = cli.json("rotate", "--make-accept", "--key", "b.key", "--party", party)
        cli.ok(*made["command"].split()[1:], "--key", "a.key")
    else:
        cli.ok("rotate", "b.key", "--key", "a.key")
    assert key_state(cli, node, new)[:2] == ("main", "active")
    assert key_state(cli, node, party)[:2] == ("main", "rotated")
    assert cli.json("party", "Lab B", "--key", "b.key")["party"] == party
    assert "rotated" in cli.fails(2, "nil", "--from", "2026-01-01", "--until", "2026-01-02", "--key", "a.key")


def test_ending_a_party_is_said_twice(cli, node) -> None:
    """The main key isn't revoked by a slip."""
    key = new_key(cli, "a")
    cli.ok("party", "Lab", "--key", "a.key")
    assert "--end-party" in cli.fails(2, "revoke", key, "--key", "a.key")
    cli.ok("revoke", key, "--end-party", "--key", "a.key")
    assert node.json(f"/parties/{key}")["ended"] is True


def test_only_standing_keys_of_the_own_party_are_revoked(cli, node) -> None:
    """Another party's key, or one that ended, gets no advice to end the party; a lost key's .vkey file names it."""
    new_key(cli, "a")
    new_key(cli, "b")
    new_key(cli, "m")
    for name in ("a", "b"):
        cli.ok("party", name, "--key", f"{name}.key")
    assert "no key of your party" in cli.fails(2, "revoke", "b.key", "--key", "a.key")
    cli.ok("delegate", "m.key", "--kinds", "usage", "--key", "a.key")
    (cli.folder / "m.key").unlink()
    cli.ok("revoke", "m.vkey", "--key", "a.key")
    vkey = (cli.folder / "m.vkey").read_text().strip()
    assert "revoked already" in cli.fails(2, "revoke", vkey, "--key", "a.key")
    new_key(cli, "c")
    assert "signs with c.key" in cli.ok("rotate", "c.key", "--key", "a.key").out
    assert "rotated already" in cli.fails(2, "revoke", "a.key", "--key", "c.key")


@pytest.mark.parametrize(
    "line",
    [
        ("delegate", "--kinds", "usage"),
        ("delegate", "m.key", "--kinds", "usage", "--accept", "00" * 64),
        ("delegate", "--new-key", "00" * 32, "--kinds", "usage"),
        ("delegate", "m.key", "--kinds", "usage", "--party", "00" * 32),
        ("delegate", "--make-accept", "--kinds", "usage"),
        ("rotate",),
        ("rotate", "missing.key"),
        ("rotate", "--new-key", "zz", "--accept", "00"),
        ("revoke", "zz"),
        ("revoke", "00" * 32),
    ],
)
def test_unclear_key_commands_are_refused(cli, line) -> None:
    """Each with one line, before anything is asked of the node or changed."""
    new_key(cli, "a")
    new_key(cli, "m")
    cli.fails(2, *line, "--key", "a.key")


def test_a_key_without_a_party_is_told_what_to_do_first(cli) -> None:
    """Delegating before registering names the command that is missing."""
    new_key(cli, "a")
    new_key(cli, "m")
    assert "usance party NAME" in cli.fails(2, "delegate", "m.key", "--kinds", "usage", "--key", "a.key")
    assert "not bound" in cli.fails(2, "asset", "--name", "d", "--key", "a.key")


def test_the_logs_key_may_be_given_as_text_or_file(cli, node) -> None:
    """--log takes both; another log's key takes no answer of this one."""
    for value in (node.vkey.text, str(node.folder / "log.vkey")):
        assert cli.json("records", "0", "--log", value)["record"]["kind"] == "genesis"
    cli.ok("key", "new", "other.key", "--name", node.origin)
    assert "isn't signed" in cli.fails(1, "records", "0", "--log", "other.vkey")
    cli.ok("key", "new", "third.key")
    assert node.origin in cli.fails(1, "records", "0", "--log", "third.vkey")
    for command in ("records", "assets"):  # lists are the node's word, but of this log
        assert node.origin in cli.fails(1, command, "--log", "third.vkey")
    assert isinstance(Client(node.url, node.vkey, state_folder=str(cli.folder)), Client)
