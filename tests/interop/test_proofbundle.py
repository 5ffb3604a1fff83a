"""`proofbundle verify-proof` (Python) checks a running node's `.tlog-proof` files offline, by its command line."""

import json
import subprocess
from pathlib import Path

import pytest

from proofs import note
from proofs.tlogproof import TlogProof, format_tlog_proof, parse_tlog_proof
from tests.interop.clients import run
from tests.interop.cosigned import ED25519_WITNESS, MLDSA44_WITNESS, cosigned
from tests.interop.forger import flip
from tests.interop.running import ORIGIN, RunningLog

pytestmark = pytest.mark.timeout(300)


def verify(
    python_bin: Path, folder: Path, proof: bytes, leaf: bytes, vkey: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """Run its command on a proof and the bytes of the leaf."""
    (folder / "entry").write_bytes(leaf)
    (folder / "usage.tlog-proof").write_bytes(proof)
    return run(
        python_bin / "proofbundle", "verify-proof", folder / "usage.tlog-proof", "--payload-file", folder / "entry",
        "--log-vkey", vkey, "--json", *more,
    )  # fmt: skip


def test_it_verifies_our_proofs_at_every_size(log: RunningLog, python_bin: Path, tmp_path: Path) -> None:
    """Proofs of the first, a middle and the last entry, at the present and at an earlier size, hold for it."""
    wanted = [(index, log.size) for index in (0, log.size // 2, log.size - 1)]
    wanted.append((log.size // 2, log.size // 2 + 1))  # an earlier size, signed afresh
    for index, size in sorted(set(wanted)):
        proof = log.get(f"/proof/{index}?size={size}")
        done = verify(python_bin, tmp_path, proof, log.entries[index], log.vkey, "--expected-origin", ORIGIN)
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(done.stdout)
        assert (said["ok"], said["index"], said["tree_size"], said["origin"]) == (True, index, size, ORIGIN)


def test_it_counts_our_cosignatures(log_at, python_bin: Path, tmp_path: Path) -> None:
    """Cosignatures of both types reach its quorum of two; with a byte of one changed they don't."""
    log = log_at(257)
    served = parse_tlog_proof(log.get("/proof/256"))
    signed, vkeys = cosigned(served.checkpoint_note)
    proof = format_tlog_proof(TlogProof(256, served.path, signed, served.extra))
    quorum = [part for vkey in vkeys for part in ("--witness-vkey", vkey)] + ["--threshold", "2"]
    done = verify(python_bin, tmp_path, proof, log.entries[256], log.vkey, *quorum)
    assert done.returncode == 0, done.stdout + done.stderr
    witnesses = {name.split("+")[0]: said["ok"] for name, said in json.loads(done.stdout)["witnesses"].items()}
    assert witnesses == {ED25519_WITNESS: True, MLDSA44_WITNESS: True}
    for line in note.parse_note(signed).signatures[1:]:
        changed = note.NoteSignature(line.name, line.id, flip(-1)(line.raw)).line.encode()
        forged = proof.replace(line.line.encode(), changed)
        assert verify(python_bin, tmp_path, forged, log.entries[256], log.vkey, *quorum).returncode == 1


def test_it_refuses_what_is_forged(log_at, python_bin: Path, tmp_path: Path) -> None:
    """Entry, index, path, size, root, signature, another log's key or origin: each alone is refused."""
    log, other = log_at(257), log_at(256)
    leaf = log.entries[255]
    good = parse_tlog_proof(log.get("/proof/255"))
    data = format_tlog_proof(good)
    root_line = good.checkpoint_note.split(b"\n")[2]
    forgeries = {
        "index": data.replace(b"\nindex 255\n", b"\nindex 254\n"),
        "path": format_tlog_proof(TlogProof(255, (flip(0)(good.path[0]), *good.path[1:]), good.checkpoint_note)),
        "short path": format_tlog_proof(TlogProof(255, good.path[:-1], good.checkpoint_note)),
        "size": data.replace(b"\n257\n", b"\n258\n"),
        "root": data.replace(root_line, other.notes[256].split(b"\n")[2]),
        "signature": data[:-10] + (b"A" if data[-10:-9] != b"A" else b"B") + data[-9:],
    }
    assert verify(python_bin, tmp_path, data, leaf, log.vkey).returncode == 0
    assert verify(python_bin, tmp_path, data, flip(-1)(leaf), log.vkey).returncode == 1
    assert verify(python_bin, tmp_path, data, leaf, other.vkey).returncode == 1
    assert verify(python_bin, tmp_path, data, leaf, log.vkey, "--expected-origin", "other.example").returncode == 1
    for what, forgery in forgeries.items():
        assert forgery != data, what
        assert verify(python_bin, tmp_path, forgery, leaf, log.vkey).returncode == 1, what
