"""`usance proof` and `verify`: a proof file offline, what it shows, what refuses it, and files that belong to it."""

import contextlib
import os
import random
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.verdict import NOT_SHOWN, judge_proof
from proofs import cosignature, merkle, note
from proofs.checkpoint import sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.entry import sign_batch
from proofs.errors import InputError
from proofs.policy import log_policy
from proofs.records import make_body
from proofs.tlogproof import TlogProof, format_tlog_proof, parse_tlog_proof
from proofs.verdict import NO_WITNESS
from tests.node.clitool import ROOT, Cli
from tests.node.fakelog import NOW_MS, ORIGIN
from tests.node.harness import NodeProcess


@pytest.fixture(scope="module")
def cli(tmp_path_factory, node: NodeProcess) -> Cli:
    """A user with a data set, a use of one of its files, and both proofs; afterwards nothing needs the node."""
    made = Cli(
        tmp_path_factory.mktemp("user"),
        {"USANCE_NODE": node.url, "USANCE_LOG": str(node.folder / "log.vkey"), "USANCE_KEY": "me.key"},
    )
    made.ok("key", "new", "me.key")
    made.ok("party", "Me")
    (made.folder / "data" / "b").mkdir(parents=True)
    for name, text in (("a.txt", "hello"), ("b/c.txt", "world"), ("b/copy.txt", "hello")):
        (made.folder / "data" / name).write_text(text)
    made.ok("asset", "data", "--manifest", "m")
    made.ok("asset", "--name", "other")
    made.ok("use", "data", "--as", "train", "--token", "5", "--item", "b/c.txt", "--manifest", "m")
    made.ok("use", "data", "--as", "train", "--token", "5")
    several = ("--item", "a.txt", "--item", "b/c.txt")
    made.ok("use", "data", "--as", "train", "--token", "5", *several, "--manifest", "m")
    made.ok("use", "data", "--as", "train", "--token", "5", "--item", "b/copy.txt", "--manifest", "m")
    names = ("party", "asset", "other", "use", "whole", "several", "copy")
    for index, name in enumerate(names, start=1):
        made.ok("proof", index, "-o", f"{name}.tlog-proof")
    return made


@pytest.fixture
def offline(cli, monkeypatch) -> Cli:
    """The same user, without a node's URL and with a state folder that must not be needed."""
    return Cli(cli.folder, {"USANCE_LOG": cli.environment["USANCE_LOG"], "USANCE_STATE": "/nonexistent"})


def steps(value: dict) -> dict[str, str]:
    """Results by step."""
    return {step["step"]: step["result"] for step in value["steps"]}


# Proofs


def test_a_proof_is_verified_before_it_is_written(cli, node) -> None:
    """The file is the node's, byte for byte, and any size that was reached can be asked for."""
    size = node.checkpoint().size
    assert cli.ok("proof", "4").out.encode() == node.get(f"/proof/4?size={size}").body
    small = cli.json("proof", "4", "--size", "5", "-o", "small")
    assert small["size"] == 5
    assert parse_tlog_proof((cli.folder / "small").read_bytes()).checkpoint.size == 5
    assert "another entry" in cli.fails(1, "proof", f"4:{'0' * 64}")
    assert "folder" in cli.fails(2, "proof", "4", "-o", "data")
    assert "mend the path" in cli.fails(5, "proof", "4", "-o", "missing/file")
    cli.fails(2, "proof", "4", "--size", "4")
    assert "an index" in cli.fails(2, "proof", "x")


# What it shows


def test_a_good_proof(offline) -> None:
    """Exit 0 with every step, what each rests on, the record, and what isn't shown."""
    value = offline.json("verify", "use.tlog-proof")
    assert value["verdict"] == "good"
    assert steps(value) == dict.fromkeys(("checkpoint", "inclusion", "signer", "record"), "good")
    assert all(step["rests_on"] for step in value["steps"])
    assert value["record"]["kind"] == "usage"
    assert value["not_shown"] == [NO_WITNESS, *NOT_SHOWN]
    text = offline.ok("verify", "use.tlog-proof").out
    for word in ("GOOD: every step holds", "NOT SHOWN:", "quantities: token 5", value["key"], value["ref"]):
        assert word in text


def test_without_a_key_it_is_good_as_far_as_it_goes(offline) -> None:
    """Exit 3: nothing anchors the checkpoint."""
    del offline.environment["USANCE_LOG"]
    done = offline("verify", "use.tlog-proof", "--json")
    assert (done.code, done.json()["verdict"], steps(done.json())["checkpoint"]) == (3, "incomplete", "open")
    assert "AS FAR AS IT GOES" in offline("verify", "use.tlog-proof").out


def test_another_logs_key_is_exit_1(offline) -> None:
    """The checkpoint must be that log's, by that key."""
    if not (offline.folder / "other.key").exists():
        offline.ok("key", "new", "other.key", "--name", "log.example/usance")
        offline.ok("key", "new", "third.key")
    for vkey in ("other.vkey", "third.vkey"):
        done = offline("verify", "use.tlog-proof", "--log", vkey, "--json")
        assert (done.code, steps(done.json())) == (1, {"checkpoint": "failed"})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "proof"),
        (b"junk", "proof"),
        (b"c2sp.org/tlog-proof@v1\n", "proof"),
        (b"\xdb" + random.Random(1).randbytes(300), "proof"),
        # What begins as JSON does is read as an evidence file, and is none.
        (b"{\xdb" + random.Random(2).randbytes(300), "evidence file"),
    ],
)
def test_no_proof_is_exit_2(offline, data, what) -> None:
    """Not a readable file; one line."""
    (offline.folder / "junk").write_bytes(data)
    assert f"not a readable {what}" in offline.fails(2, "verify", "junk")
    assert "can't read" in offline.fails(2, "verify", "missing")


def test_every_changed_byte_is_refused(offline, node, long_run) -> None:
    """Whatever single byte is changed, added or left out: never good."""
    data = (offline.folder / "use.tlog-proof").read_bytes()
    policy = log_policy(node.vkey)
    draw = random.Random(1)
    places = range(len(data)) if long_run else sorted(draw.sample(range(len(data)), 400))
    for place in places:
        flipped = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]
        for changed in (flipped, data[:place] + data[place + 1 :], data[:place] + b"A" + data[place:]):
            if changed == data:
                continue
            with contextlib.suppress(InputError):
                assert judge_proof(parse_tlog_proof(changed), policy=policy).result == "failed", place


def signed(log_key, batch, *, size=1) -> bytes:
    """A proof file of a tree that holds one entry, whatever that is."""
    entry = batch if isinstance(batch, bytes) else batch.entries()[0]
    root = merkle.leaf_hash(entry)
    checkpoint = sign_checkpoint(origin=ORIGIN, size=size, root=root, private_key=log_key)
    return format_tlog_proof(TlogProof(0, (), checkpoint, entry))


def test_each_step_fails_by_itself(cli, tmp_path) -> None:
    """A log that signs nonsense: entries that are none, of another log, badly signed, misplaced, or with bad fields."""
    log_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    vkey = note.VerifierKey(ORIGIN, note.TYPE_ED25519, public_bytes(log_key)).text
    body = make_body({"kind": "party", "at": NOW_MS, "name": "a\u00fc"})

    def batch(origin: str = ORIGIN, data: bytes = body, *, size: int = 0, root: bytes = merkle.EMPTY_ROOT, first=0):
        return sign_batch(key, origin=origin, size=size, root=root, first=first, bodies=[data])

    forged = batch()
    object.__setattr__(forged, "signature", bytes(64))
    cases = {
        "good": (batch(), None),
        "no entry": (b"junk", "signer"),
        "another log": (batch("log.example/other"), "signer"),
        "forged": (forged, "signer"),
        "a number too high": (batch(first=1), "signer"),
        "a head from later": (batch(size=1), "signer"),
        "a root of nothing": (batch(root=bytes(32)), "signer"),
        "bad fields": (batch(data=b"\x81\xa4kind\xa5party"), "record"),
    }
    user = Cli(tmp_path)
    for name, (made, failing) in cases.items():
        (tmp_path / "p").write_bytes(signed(log_key, made))
        done = user("verify", "p", "--log", vkey, "--json")
        results = steps(done.json())
        assert done.code == (1 if failing else 0), name
        assert [step for step, result in results.items() if result != "good"] == ([failing] if failing else []), name


def test_a_proof_without_its_entry(offline) -> None:
    """The standard's proofs needn't carry it: then it is given beside, and must be the one."""
    data = (offline.folder / "use.tlog-proof").read_bytes()
    proof = parse_tlog_proof(data)
    bare = TlogProof(proof.index, proof.path, proof.checkpoint_note)
    (offline.folder / "bare").write_bytes(format_tlog_proof(bare))
    (offline.folder / "entry").write_bytes(proof.extra or b"")
    assert offline("verify", "bare").code == 1
    assert offline.json("verify", "bare", "--entry", "entry")["verdict"] == "good"
    (offline.folder / "entry").write_bytes((proof.extra or b"")[:-1])
    assert offline("verify", "bare", "--entry", "entry").code == 1


# Policies


def test_policies_with_and_without_witnesses(offline, node) -> None:
    """A policy that knows the log suffices; one that asks for a witness holds only with its cosignature."""
    witness = Ed25519PrivateKey.generate()
    key = note.VerifierKey("witness.example/w", note.TYPE_COSIGNATURE_ED25519, public_bytes(witness))
    plain = f"log {node.vkey.text}\nquorum none\n"
    asking = f"log {node.vkey.text}\nwitness W {key.text}\nquorum W\n"
    (offline.folder / "plain").write_text(plain)
    (offline.folder / "asking").write_text(asking)
    environment = {"USANCE_LOG": ""}
    assert offline("verify", "use.tlog-proof", "--policy", "plain", **environment).code == 0
    assert offline("verify", "use.tlog-proof", "--policy", "asking", **environment).code == 1
    proof = parse_tlog_proof((offline.folder / "use.tlog-proof").read_bytes())
    text = note.parse_note(proof.checkpoint_note).text
    line = cosignature.sign(text=text, name=key.name, private_key=witness, time_s=1_700_000_000)
    cosigned = TlogProof(proof.index, proof.path, note.add_signature(proof.checkpoint_note, line), proof.extra)
    (offline.folder / "cosigned").write_bytes(format_tlog_proof(cosigned))
    value = offline("verify", "cosigned", "--policy", "asking", "--json", **environment).json()
    assert steps(value)["cosignature"] == "good"
    assert NO_WITNESS not in value["not_shown"]
    (offline.folder / "broken").write_text("log x\n")
    assert "line 1" in offline.fails(2, "verify", "cosigned", "--policy", "broken", **environment)
    assert "exclude" in offline.fails(2, "verify", "cosigned", "--policy", "plain", "--log", node.vkey.text)


# Files


def item(cli: Cli, file: str, *more: str, proof: str = "use", asset: str | None = "asset"):
    """Verify a file as an item."""
    assets = ("--asset-proof", f"{asset}.tlog-proof") if asset else ()
    done = cli("verify", f"{proof}.tlog-proof", "--item", file, "--manifest", "m", *assets, *more, "--json")
    return done.code, steps(done.json())


def test_this_very_file_belongs_to_the_data_set_and_the_use(offline) -> None:
    """Root, manifest, content and the item that the usage names: all four fit."""
    code, results = item(offline, "data/b/c.txt")
    assert code == 0
    assert list(results)[-4:] == ["asset", "manifest", "file", "item"]
    assert item(offline, "data/a.txt", proof="asset", asset=None)[0] == 0
    assert item(offline, "data/a.txt", proof="whole") == (0, {**results, "item": "good"})


def test_a_changed_byte_of_the_file_is_refused(offline, tmp_path) -> None:
    """Or a byte more, or one less; also where the path is named."""
    for text in (b"worle", b"world!", b"worl", b""):
        (tmp_path / "x").write_bytes(text)
        code, results = item(offline, str(tmp_path / "x"))
        assert (code, results["file"]) == (1, "failed")
        code, results = item(offline, str(tmp_path / "x"), "--item-path", "b/c.txt")
        assert (code, results["file"]) == (1, "failed")


def test_a_file_of_the_set_that_the_usage_does_not_name(offline) -> None:
    """It belongs to the data set, but not to this record; which of several equal files is meant can be said."""
    assert item(offline, "data/a.txt")[1]["item"] == "failed"
    assert item(offline, "data/a.txt", "--item-path", "b/copy.txt", proof="asset", asset=None)[0] == 0
    assert item(offline, "data/b/c.txt", proof="several")[1]["item"] == "failed"


def test_of_several_equal_files_the_named_one_is_found(offline) -> None:
    """A data set holds many empty files: which one the usage means stands in the usage."""
    assert item(offline, "data/b/copy.txt", proof="copy")[0] == 0
    assert item(offline, "data/a.txt", "--item-path", "a.txt", proof="copy")[1]["item"] == "failed"


def test_proofs_and_manifests_that_do_not_fit(offline, tmp_path) -> None:
    """Another asset's proof, no asset's proof, none at all, a record that names no item, another manifest."""
    assert item(offline, "data/b/c.txt", asset="other")[1]["asset"] == "failed"
    assert item(offline, "data/b/c.txt", asset="party")[1]["asset"] == "failed"
    assert item(offline, "data/b/c.txt", proof="party")[1]["asset"] == "failed"
    assert item(offline, "data/b/c.txt", proof="other", asset=None)[1]["manifest"] == "failed"
    lines = (offline.folder / "m").read_text().splitlines(keepends=True)
    (tmp_path / "m").write_text("".join(lines[:-1]))
    done = offline("verify", "asset.tlog-proof", "--item", "data/a.txt", "--manifest", str(tmp_path / "m"), "--json")
    assert (done.code, steps(done.json())["manifest"]) == (1, "failed")


def test_item_options_go_together(offline) -> None:
    """One line says which is missing."""
    assert "--manifest" in offline.fails(2, "verify", "use.tlog-proof", "--item", "data/a.txt")
    assert "--item" in offline.fails(2, "verify", "use.tlog-proof", "--manifest", "m")
    line = offline.fails(2, "verify", "use.tlog-proof", "--item", "data/b/c.txt", "--manifest", "m")
    assert "add --asset-proof FILE with the proof of its asset, 2:" in line
    assert "not in the manifest" in offline.fails(
        2, "verify", "asset.tlog-proof", "--item", "data/a.txt", "--manifest", "m", "--item-path", "nope"
    )


def test_verify_runs_on_the_base_packages(offline, node) -> None:
    """With neither database, server nor anything optional importable, from standard input too."""
    code = (
        "import sys\nclass Base:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('plyvel', 'plyvel_next', 'aiohttp', 'uvloop', 'rich'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Base())\nfrom node.cli import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    with open(offline.folder / "use.tlog-proof", "rb") as file:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, "verify", "-", "--log", node.vkey.text], stdin=file,
            cwd=offline.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("-: GOOD")
