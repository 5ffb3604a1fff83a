"""proofs.tlogproof: proof files in their one form, and what they prove."""

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs import checkpoint, ed25519, merkle, note, tlogproof
from proofs.errors import InputError, VerifyError
from proofs.policy import log_policy
from tests import strategies
from tests.proofs import oracle

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "example.com/log"
POLICY = log_policy(checkpoint.log_vkey(origin=ORIGIN, public_key=ed25519.public_bytes(KEY)))
LEAVES = [b"leaf %d" % number for number in range(11)]


def proof_of(index: int, size: int = len(LEAVES), extra: bytes | None = b"extra data") -> tlogproof.TlogProof:
    leaves = LEAVES[:size]
    signed = checkpoint.sign_checkpoint(origin=ORIGIN, size=size, root=oracle.mth(leaves), private_key=KEY)
    return tlogproof.TlogProof(index, tuple(oracle.path(index, leaves)), signed, extra)


FILE = tlogproof.format_tlog_proof(proof_of(4))
HEAD, _, SIGNED = FILE.partition(b"\n\n")


@given(st.data(), st.one_of(st.none(), st.binary(min_size=1, max_size=100)))
def test_proofs_read_back_and_hold(data: st.DataObject, extra: bytes | None) -> None:
    """For any leaf of any small tree, the file reads back, prints the same, and proves that leaf and no other."""
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))
    proof = proof_of(index, size, extra)
    file = tlogproof.format_tlog_proof(proof)
    parsed = tlogproof.parse_tlog_proof(file)
    assert parsed == proof
    assert tlogproof.format_tlog_proof(parsed) == file
    verdict = tlogproof.check_tlog_proof(parsed, leaf=merkle.leaf_hash(LEAVES[index]), policy=POLICY)
    assert verdict.checkpoint == parsed.checkpoint == checkpoint.Checkpoint(ORIGIN, size, oracle.mth(LEAVES[:size]))
    with pytest.raises(VerifyError):
        tlogproof.check_tlog_proof(parsed, leaf=merkle.leaf_hash(b"another"), policy=POLICY)


def test_the_file_is_the_standards() -> None:
    """Header, extra, index, one hash a line, an empty line, the checkpoint as it came."""
    lines = FILE.decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra ZXh0cmEgZGF0YQ==", "index 4"]
    assert lines[7] == ""
    assert lines[8] == ORIGIN
    assert tlogproof.format_tlog_proof(proof_of(0, 1, None)).startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nexample")


@given(st.data())
def test_any_changed_byte_is_refused_except_in_the_extra_data(data: st.DataObject) -> None:
    """Only the extra data is not covered: whatever else changes, the file doesn't read or doesn't hold."""
    changed = data.draw(strategies.mutated(FILE))
    try:
        parsed = tlogproof.parse_tlog_proof(changed)
        tlogproof.check_tlog_proof(parsed, leaf=merkle.leaf_hash(LEAVES[4]), policy=POLICY)
    except InputError:
        return
    assert dataclasses.replace(parsed, extra=b"extra data") == proof_of(4)


HASH = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def changed(old: str, new: str) -> bytes:
    assert old.encode() in FILE
    return FILE.replace(old.encode(), new.encode(), 1)


def with_lines(lines: list[str]) -> bytes:
    return "\n".join(["c2sp.org/tlog-proof@v1", *lines]).encode() + b"\n\n" + SIGNED


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n\n", id="empty-lines"),
        pytest.param(HEAD, id="head-alone"),
        pytest.param(HEAD + b"\n", id="no-empty-line"),
        pytest.param(HEAD + b"\n\n", id="no-checkpoint"),
        pytest.param(SIGNED, id="checkpoint-alone"),
        pytest.param(b"\n" + FILE, id="empty-line-in-front"),
        pytest.param(FILE.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(FILE[:-1], id="missing-last-newline"),
        pytest.param(FILE + b"\n", id="empty-line-at-the-end"),
        pytest.param(FILE + b"x\n", id="trailing-text"),
        pytest.param(HEAD + b"\n\n\n" + SIGNED, id="two-empty-lines"),
        pytest.param(changed("tlog-proof@v1", "tlog-proof@v2"), id="other-version"),
        pytest.param(changed("@v1\n", "@v1 \n"), id="space-after-header"),
        pytest.param(changed("extra ", "Extra "), id="extra-in-capitals"),
        pytest.param(changed("extra ", "extra  "), id="extra-two-spaces"),
        pytest.param(changed("extra ZXh0cmEgZGF0YQ==", "extra "), id="extra-empty"),
        pytest.param(changed("extra ZXh0cmEgZGF0YQ==", "extra"), id="extra-bare"),
        pytest.param(changed("YQ==", "YR=="), id="extra-stray-bits"),
        pytest.param(changed("YQ==", "YQ"), id="extra-without-padding"),
        pytest.param(changed("index 4", "index 04"), id="index-leading-zero"),
        pytest.param(changed("index 4", "index -4"), id="index-negative"),
        pytest.param(changed("index 4", "index +4"), id="index-plus"),
        pytest.param(changed("index 4", "index 4 "), id="index-space"),
        pytest.param(changed("index 4", "index  4"), id="index-two-spaces"),
        pytest.param(changed("index 4", "index"), id="index-bare"),
        pytest.param(changed("index 4", "index \u0664"), id="index-in-other-digits"),
        pytest.param(changed("index 4", "index 11"), id="index-past-the-tree"),
        pytest.param(changed("index 4", f"index {2**63}"), id="index-2^63"),
        pytest.param(changed("index 4\n", ""), id="no-index"),
        pytest.param(changed("index 4\n", "index 4\nindex 4\n"), id="index-twice"),
        pytest.param(with_lines(["index 4", "extra AA=="]), id="extra-after-index"),
        pytest.param(with_lines(["extra AA==", "extra AA==", "index 4"]), id="extra-twice"),
        pytest.param(with_lines(["index 4", HASH[:-1]]), id="hash-without-padding"),
        pytest.param(with_lines(["index 4", "AAEC"]), id="3-byte-hash"),
        pytest.param(with_lines(["index 4", HASH[:-4] + "Hg=="]), id="31-byte-hash"),
        pytest.param(with_lines(["index 4", HASH + " "]), id="space-after-hash"),
        pytest.param(with_lines(["index 4", *[HASH] * 64]), id="64-hashes"),
        pytest.param(with_lines(["extra AA==", "index 4", *[HASH] * 64]), id="64-hashes-and-extra"),
        pytest.param(with_lines(["index 4", *[HASH] * 5000]), id="5000-hashes"),
        pytest.param(HEAD + b"\n\nno checkpoint\n\n" + SIGNED.partition(b"\n\n")[2], id="note-of-something-else"),
        pytest.param(b"\xff" + FILE, id="not-utf8"),
        pytest.param(FILE + b"x" * tlogproof.PROOF_BYTES_MAX, id="too-long"),
    ],
)
def test_malformed_files_are_refused(data: bytes) -> None:
    """Each way in which a file could differ from its one form is refused when it is read."""
    tlogproof.parse_tlog_proof(FILE)
    with pytest.raises(InputError):
        tlogproof.parse_tlog_proof(data)


def test_63_hashes_are_read_and_then_refused() -> None:
    """The longest path is read, but isn't this leaf's: the length is exact."""
    for lines in (["index 4", *[HASH] * 63], ["extra AA==", "index 4", *[HASH] * 63]):
        proof = tlogproof.parse_tlog_proof(with_lines(lines))
        with pytest.raises(VerifyError):
            tlogproof.check_tlog_proof(proof, leaf=merkle.leaf_hash(LEAVES[4]), policy=POLICY)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": b""},
        {"extra": bytes(tlogproof.EXTRA_BYTES_MAX + 1)},
        {"index": -1},
        {"index": 11},
        {"path": (bytes(31),)},
        {"path": (bytes(32),) * 64},
        {"checkpoint_note": b""},
        {"checkpoint_note": SIGNED + b"\n"},
    ],
)
def test_what_could_not_be_read_back_is_not_written(change: dict) -> None:
    """Writing has the same bounds as reading."""
    with pytest.raises(InputError):
        tlogproof.format_tlog_proof(dataclasses.replace(proof_of(4), **change))


def test_a_proof_needs_its_log() -> None:
    """A proof of another log, or under a checkpoint whose signature was left off, doesn't hold."""
    proof, leaf = proof_of(4), merkle.leaf_hash(LEAVES[4])
    other = log_policy(checkpoint.log_vkey(origin="example.com/other", public_key=ed25519.public_bytes(KEY)))
    with pytest.raises(VerifyError):
        tlogproof.check_tlog_proof(proof, leaf=leaf, policy=other)
    text = note.parse_note(proof.checkpoint_note).text
    unsigned = note.make_note(text, ["— x AAAAAAA=\n"])
    with pytest.raises(VerifyError):
        tlogproof.check_tlog_proof(dataclasses.replace(proof, checkpoint_note=unsigned), leaf=leaf, policy=POLICY)
