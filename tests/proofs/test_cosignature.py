"""proofs.cosignature: Ed25519 and ML-DSA-44 cosignatures hold for one checkpoint, witness and time."""

import hashlib
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs import checkpoint, cosignature, note
from proofs.errors import FatalError, InputError, VerifyError
from tests import strategies

ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ML = MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))
OTHER_ED = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OTHER_ML = MLDSA44PrivateKey.from_seed_bytes(bytes(range(1, 33)))
KEYS = [pytest.param(ED, id="ed25519"), pytest.param(ML, id="mldsa44")]
NAME = "witness.example/w1"
ORIGIN = "example.com/behind-the-sofa"
ROOT_TEXT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"{ORIGIN}\n20852163\n{ROOT_TEXT}\n"
TIME_S = 1679315147


def cosigned(key, **changes) -> note.NoteSignature:
    line = cosignature.sign(**({"text": TEXT, "name": NAME, "time_s": TIME_S, "private_key": key} | changes))
    (signature,) = note.parse_signatures(line.encode())
    return signature


def vkey(key, name: str = NAME) -> note.VerifierKey:
    return cosignature.witness_vkey(name=name, private_key=key)


def refused(text: str, signature: note.NoteSignature, key: note.VerifierKey) -> bool:
    try:
        cosignature.check(text=text, signature=signature, key=key)
    except VerifyError:
        return True
    return False


def test_the_ed25519_message_is_the_standards() -> None:
    """The five lines that tlog-cosignature shows, byte for byte, under the plain RFC 8032 signature."""
    message = f"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n{ROOT_TEXT}\n".encode()
    assert cosignature.ed25519_message(text=TEXT, time_s=TIME_S) == message
    signature = cosigned(ED)
    assert signature.raw[:8] == TIME_S.to_bytes(8, "big")
    ED.public_key().verify(signature.raw[8:], message)


def test_the_mldsa_message_is_the_standards() -> None:
    """The structure of tlog-cosignature written out by hand, under the plain FIPS 204 signature without context."""
    message = (
        b"subtree/v1\n\x00"
        + b"\x12witness.example/w1"
        + bytes.fromhex("00000000641850cb")
        + b"\x1bexample.com/behind-the-sofa"
        + bytes.fromhex("0000000000000000")
        + bytes.fromhex("00000000013e2dc3")
        + bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")
    )
    parsed = checkpoint.parse_checkpoint(TEXT)
    assert cosignature.mldsa44_message(checkpoint=parsed, name=NAME, time_s=TIME_S) == message
    signature = cosigned(ML)
    assert (len(signature.raw), signature.raw[:8]) == (8 + 2420, TIME_S.to_bytes(8, "big"))
    ML.public_key().verify(signature.raw[8:], message)


@pytest.mark.parametrize(("key", "kind", "length"), [(ED, 4, 32), (ML, 6, 1312)])
def test_verifier_keys_have_their_type(key, kind: int, length: int) -> None:
    """A witness's key prints as type 04 or 06 with its whole key, reads back, and its id is the standard's hash."""
    made = vkey(key)
    assert (made.type, len(made.key)) == (kind, length)
    assert note.parse_vkey(made.text) == made
    assert made.id == hashlib.sha256(NAME.encode() + b"\n" + bytes([kind]) + made.key).digest()[:4]


@pytest.mark.parametrize("key", KEYS)
@given(st.data())
def test_cosignatures_read_back(key, data: st.DataObject) -> None:
    """What a witness signs holds, and gives its time, for any checkpoint, name and time."""
    text = checkpoint.format_checkpoint(
        origin=data.draw(strategies.origins),
        size=data.draw(st.integers(1, strategies.SIZE_MAX)),
        root=data.draw(strategies.hashes),
    )
    name, time_s = data.draw(strategies.names), data.draw(strategies.times_s)
    signature = cosigned(key, text=text, name=name, time_s=time_s)
    assert cosignature.check(text=text, signature=signature, key=vkey(key, name)) == time_s


@pytest.mark.parametrize("key", KEYS)
def test_a_cosignature_is_for_one_checkpoint(key) -> None:
    """Another size, root or origin isn't covered."""
    signature = cosigned(key)
    for other in (
        TEXT.replace("20852163", "20852164"),
        TEXT.replace("CsUY", "DsUY"),
        TEXT.replace("sofa", "sofb"),
    ):
        assert refused(other, signature, vkey(key))


@pytest.mark.parametrize("key", KEYS)
def test_a_cosignature_is_by_one_witness(key) -> None:
    """Under another name, another key or another type's key, the line doesn't count."""
    signature = cosigned(key)
    assert refused(TEXT, signature, vkey(key, "witness.example/w2"))
    other_key = OTHER_ED if key is ED else OTHER_ML
    assert refused(TEXT, signature, vkey(other_key))
    # Even with name and id made to fit: the id is only a name for a key.
    forged = note.NoteSignature(NAME, vkey(other_key).id, signature.raw)
    assert refused(TEXT, forged, vkey(other_key))
    assert refused(TEXT, signature, vkey(ML if key is ED else ED))


def test_only_mldsa_covers_the_witness_name() -> None:
    """A type 06 cosignature moved under another name fails by its signature; type 04 doesn't sign the name."""
    for key, holds in ((ED, True), (ML, False)):
        moved = note.NoteSignature("other", vkey(key, "other").id, cosigned(key).raw)
        assert refused(TEXT, moved, vkey(key, "other")) is not holds


def test_only_ed25519_covers_extension_lines() -> None:
    """Type 04 signs the whole text; type 06 only origin, size and root, as the standard says."""
    for key, holds in ((ED, False), (ML, True)):
        assert refused(TEXT + "extension\n", cosigned(key), vkey(key)) is not holds


@pytest.mark.parametrize("key", KEYS)
def test_the_time_is_signed(key) -> None:
    """A line whose time was changed, by a second or to none, is refused."""
    signature = cosigned(key)
    for time_s in (0, TIME_S - 1, TIME_S + 1, 2**63 - 1, 2**63, 2**64 - 1):
        changed = note.NoteSignature(NAME, signature.id, time_s.to_bytes(8, "big") + signature.raw[8:])
        assert refused(TEXT, changed, vkey(key))


@pytest.mark.parametrize("key", KEYS)
def test_times_end_below_2_63(key) -> None:
    """0 and 2^63 - 1 can be signed, what lies outside can't; and signed by other means it isn't accepted."""
    for time_s in (0, 2**63 - 1):
        assert cosignature.check(text=TEXT, signature=cosigned(key, time_s=time_s), key=vkey(key)) == time_s
    for time_s in (-1, 2**63):
        with pytest.raises(InputError):
            cosigned(key, time_s=time_s)
    parsed = checkpoint.parse_checkpoint(TEXT)
    message = (
        cosignature.ed25519_message(text=TEXT, time_s=2**63)
        if key is ED
        else cosignature.mldsa44_message(checkpoint=parsed, name=NAME, time_s=2**63)
    )
    late = note.NoteSignature(NAME, vkey(key).id, (2**63).to_bytes(8, "big") + key.sign(message))
    assert refused(TEXT, late, vkey(key))


@pytest.mark.parametrize("key", KEYS)
@given(st.data())
def test_a_changed_cosignature_is_refused(key, data: st.DataObject) -> None:
    """No byte of the signature can be changed, taken out, added or left off."""
    signature = cosigned(key)
    changed = data.draw(strategies.mutated(signature.raw))
    assert refused(TEXT, note.NoteSignature(NAME, signature.id, changed), vkey(key))


@pytest.mark.parametrize("key", KEYS)
def test_only_checkpoints_are_cosigned(key) -> None:
    """Nothing but a well-formed checkpoint gets a cosignature, and nothing else is checked against one."""
    for text in ("", "text\n", TEXT[:-1], TEXT + "\n", TEXT.replace("20852163", "020852163")):
        with pytest.raises(InputError):
            cosigned(key, text=text)
        with pytest.raises(InputError):
            cosignature.check(text=text, signature=cosigned(key), key=vkey(key))
    for name in ("", "a b", "a+b", "x" * 256):
        with pytest.raises(InputError):
            cosigned(key, name=name)


def test_a_logs_key_does_not_cosign() -> None:
    """A type 01 key isn't taken for a witness's, though its signature over the same bytes would hold."""
    log = checkpoint.log_vkey(origin=ORIGIN, public_key=vkey(ED).key)
    signature = note.NoteSignature(ORIGIN, log.id, cosigned(ED).raw)
    with pytest.raises(InputError):
        cosignature.check(text=TEXT, signature=signature, key=log)


def test_without_mldsa_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library has no ML-DSA, type 04 goes on working and type 06 names the version that is needed."""
    signature, key = cosigned(ML), vkey(ML)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    monkeypatch.delattr("cryptography.hazmat.primitives.asymmetric.mldsa", raising=False)
    with pytest.raises(FatalError, match="version 48"):
        cosignature.check(text=TEXT, signature=signature, key=key)
    assert cosignature.check(text=TEXT, signature=cosigned(ED), key=vkey(ED)) == TIME_S
