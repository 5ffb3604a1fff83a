"""Two Go libraries that share no code read a running node, and one of them an offline proof: see go/main.go."""

import json
from pathlib import Path

import pytest

from proofs import cosignature, note
from proofs.tlogproof import TlogProof, format_tlog_proof, parse_tlog_proof
from tests.interop.clients import run
from tests.interop.cosigned import ED25519_WITNESS, MLDSA44_WITNESS, cosigned
from tests.interop.forger import Change, flip, forged
from tests.interop.running import ORIGIN, RunningLog

pytestmark = pytest.mark.timeout(300)
CLIENTS = ("xmod", "tessera")


@pytest.mark.parametrize("client", CLIENTS)
def test_they_verify_the_log_at_every_size(client: str, log: RunningLog, go_binary: Path, tmp_path: Path) -> None:
    """Every tile and entry, inclusion, and consistency with every earlier checkpoint hold, by their code alone."""
    done = run(go_binary, client, *log.arguments(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == log.expected()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("prefix", "change"),
    [
        ("/checkpoint", flip(-10)),
        ("/checkpoint", lambda note: note.replace(b"\n600\n", b"\n599\n")),
        ("/tile/0/000", flip(8000)),
        ("/tile/0/002.p/88", flip(-1)),
        ("/tile/1/000.p/2", flip(0)),
        ("/tile/1/000.p/2", lambda tile: tile[:32]),
        ("/tile/entries/001", flip(-1)),
        ("/tile/entries/002.p/88", lambda bundle: bundle[:-1]),
    ],
    ids=["signature", "size", "tile", "partial tile", "tile above", "short tile", "bundle", "short bundle"],
)
def test_they_refuse_a_forged_answer(
    client: str, prefix: str, change: Change, log_at, go_binary: Path, tmp_path: Path
) -> None:
    """One changed byte in what they read is refused: what the test above shows could have failed."""
    log = log_at(600)
    with forged(log.url, prefix, change) as url:
        done = run(go_binary, client, *log.arguments(tmp_path, url=url))
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("refused:") == 1


@pytest.mark.parametrize("client", CLIENTS)
def test_they_refuse_an_earlier_checkpoint_of_another_history(
    client: str, log_at, go_binary: Path, tmp_path: Path
) -> None:
    """An earlier head signed by the same key over other leaves is inconsistent, and they see it."""
    log = log_at(600)
    fork = log.forked_note(256)
    (tmp_path / "fork").write_bytes(fork)
    done = run(go_binary, client, log.url, log.vkey, "0", tmp_path / "fork")
    assert done.returncode == 1, done.stdout
    assert "refused:" in done.stderr


def test_it_verifies_an_offline_proof_with_cosignatures(log: RunningLog, go_binary: Path, tmp_path: Path) -> None:
    """A `.tlog-proof` of the node with both of our cosignature types added holds, its leaf made from the extra line."""
    path = tmp_path / "usage.tlog-proof"
    for index in (0, log.size // 2, log.size - 1):
        served = parse_tlog_proof(log.get(f"/proof/{index}"))
        signed, vkeys = cosigned(served.checkpoint_note)
        path.write_bytes(format_tlog_proof(TlogProof(index, served.path, signed, served.extra)))
        done = run(go_binary, "proof", path, log.vkey, *vkeys)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said.pop("leaf") == log.expected()["leaves"][str(index)]
        assert said == {"index": index, "size": log.size, "signed": [ORIGIN, ED25519_WITNESS, MLDSA44_WITNESS]}


def test_it_refuses_a_forged_offline_proof(log_at, go_binary: Path, tmp_path: Path) -> None:
    """Entry, index, path, root, and the log's and the witnesses' signatures: one changed in the file, it is refused."""
    log = log_at(257)
    served = parse_tlog_proof(log.get("/proof/255"))
    signed, vkeys = cosigned(served.checkpoint_note)
    assert served.extra is not None
    good = TlogProof(255, served.path, signed, served.extra)
    forgeries = [
        format_tlog_proof(TlogProof(255, good.path, signed, flip(-1)(good.extra or b""))),
        format_tlog_proof(TlogProof(254, good.path, signed, good.extra)),
        format_tlog_proof(TlogProof(255, (flip(0)(good.path[0]), *good.path[1:]), signed, good.extra)),
        format_tlog_proof(TlogProof(255, good.path[:-1], signed, good.extra)),
        format_tlog_proof(good).replace(b"\n257\n", b"\n258\n"),
    ]
    for line in note.parse_note(signed).signatures:
        changed = note.NoteSignature(line.name, line.id, flip(30)(line.raw)).line.encode()
        forgeries.append(format_tlog_proof(good).replace(line.line.encode(), changed))
    path = tmp_path / "forged.tlog-proof"
    for number, forgery in enumerate([format_tlog_proof(good), *forgeries]):
        path.write_bytes(forgery)
        assert run(go_binary, "proof", path, log.vkey, *vkeys).returncode == (number > 0), number


def test_we_accept_its_cosignatures(log_at, go_binary: Path, tmp_path: Path) -> None:
    """Cosignatures of both types by its signers, with fresh keys, hold for our verifier, and a changed byte doesn't."""
    log = log_at(257)
    path = tmp_path / "note"
    path.write_bytes(log.notes[257])
    said = json.loads(run(go_binary, "cosign", path).stdout)
    signed = log.notes[257]
    for line in said["lines"].splitlines(keepends=True):
        signed = note.add_signature(signed, line)
    parsed = note.parse_note(signed)
    for text in said["vkeys"]:
        vkey = note.parse_vkey(text)
        line = note.signature_by(parsed, vkey)
        assert line is not None
        assert cosignature.check(text=parsed.text, signature=line, key=vkey) > 0
        changed = note.NoteSignature(line.name, line.id, flip(-1)(line.raw))
        with pytest.raises(note.VerifyError):
            cosignature.check(text=parsed.text, signature=changed, key=vkey)
