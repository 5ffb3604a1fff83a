"""`tlog-scales` (Python) reads a running node over HTTP: its library as a monitor does, and its command line."""

import json
from pathlib import Path

import pytest

from proofs import cosignature, note
from proofs.checkpoint import Checkpoint, parse_checkpoint
from proofs.merkle import check_inclusion, leaf_hash
from proofs.tlogproof import parse_tlog_proof
from tests.interop.clients import HERE, run
from tests.interop.cosigned import TIME_S, cosigned
from tests.interop.forger import Change, flip, forged
from tests.interop.running import RunningLog

pytestmark = pytest.mark.timeout(300)
CLIENT = HERE / "scales_client.py"


def test_it_verifies_the_log_at_every_size(log: RunningLog, python_bin: Path, tmp_path: Path) -> None:
    """Signature, root, entries, inclusion and consistency with every earlier checkpoint hold, by its code alone."""
    done = run(python_bin / "python", CLIENT, "log", *log.arguments(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == log.expected()


@pytest.mark.parametrize(
    ("prefix", "change"),
    [
        ("/checkpoint", flip(-10)),
        ("/checkpoint", lambda note: note.replace(b"\n600\n", b"\n599\n")),
        ("/tile/0/000", flip(40)),
        ("/tile/0/002.p/88", flip(-1)),
        ("/tile/1/000.p/2", flip(0)),
        ("/tile/1/000.p/2", lambda tile: tile[:32]),
        ("/tile/entries/000", flip(-1)),
        ("/tile/entries/002.p/88", flip(-1)),
    ],
    ids=["signature", "size", "tile", "partial tile", "tile above", "short tile", "bundle", "partial bundle"],
)
def test_it_refuses_a_forged_answer(prefix: str, change: Change, log_at, python_bin: Path, tmp_path: Path) -> None:
    """One changed byte in what it reads is refused: what the test above shows could have failed."""
    log = log_at(600)
    with forged(log.url, prefix, change) as url:
        done = run(python_bin / "python", CLIENT, "log", *log.arguments(tmp_path, url=url))
    assert done.returncode == 1, done.stdout
    assert "Traceback" in done.stderr


def test_it_refuses_an_earlier_checkpoint_of_another_history(log_at, python_bin: Path, tmp_path: Path) -> None:
    """An earlier head signed by the same key over other leaves is inconsistent, and it sees it."""
    log = log_at(600)
    (tmp_path / "fork").write_bytes(log.forked_note(256))
    done = run(python_bin / "python", CLIENT, "log", log.url, log.vkey, "0", tmp_path / "fork")
    assert done.returncode == 1, done.stdout
    assert "ConsistencyProofInvalid" in done.stderr


def test_its_command_line_makes_proofs_that_we_accept(log: RunningLog, python_bin: Path) -> None:
    """`tlog-tiles gen-proof` over our tiles gives the path that the node serves, and our verifier takes it."""
    for index in (0, log.size // 2, log.size - 1):
        done = run(python_bin / "tlog-tiles", "gen-proof", log.url, index)
        assert done.returncode == 0, done.stderr
        proof = parse_tlog_proof(done.stdout.encode())
        served = parse_tlog_proof(log.get(f"/proof/{index}"))
        assert (proof.index, proof.path, proof.checkpoint_note) == (index, served.path, served.checkpoint_note)
        head = proof.checkpoint
        leaf = leaf_hash(log.entries[index])
        check_inclusion(index=index, size=head.size, leaf=leaf, path=proof.path, root=head.root)


def test_its_command_line_reads_entries(log: RunningLog, python_bin: Path, tmp_path: Path) -> None:
    """`tlog-tiles get-leaf --check` gives the bytes that were logged; a forged bundle makes it fail."""
    out = tmp_path / "leaf"
    script = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[2:], stdout=open(sys.argv[1], 'wb')).returncode)"
    command = [python_bin / "python", "-c", script, out, python_bin / "tlog-tiles", "get-leaf", "--check"]
    done = run(*command, log.url, log.size - 1)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == log.entries[-1]
    with forged(log.url, "/tile/entries/", flip(-1)) as url:
        assert run(*command, url, log.size - 1).returncode == 1


def test_it_accepts_our_cosignatures(log_at, python_bin: Path, tmp_path: Path) -> None:
    """Cosignatures of both types made by our code hold for its verifiers; one changed byte of either doesn't."""
    log = log_at(257)
    data, vkeys = cosigned(log.notes[257])
    path = tmp_path / "note"
    path.write_bytes(data)
    done = run(python_bin / "python", CLIENT, "cosigned", path, log.vkey, *vkeys)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["signed"]) == 3
    for line, vkey in zip(note.parse_note(data).signatures[1:], vkeys, strict=True):
        changed = note.NoteSignature(line.name, line.id, flip(20)(line.raw))
        path.write_bytes(data.replace(line.line.encode(), changed.line.encode()))
        assert run(python_bin / "python", CLIENT, "cosigned", path, vkey).returncode == 1


def test_we_accept_its_cosignature(log_at, python_bin: Path, tmp_path: Path) -> None:
    """A cosignature by its ML-DSA-44 signer holds for our verifier, on this checkpoint and no other."""
    log = log_at(257)
    path = tmp_path / "note"
    path.write_bytes(log.notes[257])
    said = json.loads(run(python_bin / "python", CLIENT, "cosign", path).stdout)
    signed = note.parse_note(note.add_signature(log.notes[257], said["line"]))
    vkey = note.parse_vkey(said["vkey"])
    line = note.signature_by(signed, vkey)
    assert line is not None
    assert cosignature.check(text=signed.text, signature=line, key=vkey) > TIME_S
    head: Checkpoint = parse_checkpoint(note.parse_note(log.notes[256]).text)
    with pytest.raises(note.VerifyError):
        cosignature.check(text=head.text, signature=line, key=vkey)
