"""Cosignatures: a witness's word that a checkpoint is consistent with all it saw of the log before.

As C2SP tlog-cosignature has them, of Ed25519 (type 0x04) and ML-DSA-44 (type 0x06). Both carry a time: seconds since
the Unix epoch by the witness's clock, 0 where the witness states none. The signature on the note's line is the time
as 8 bytes, big-endian, and the algorithm's signature over

* 0x04: ``cosignature/v1``, ``time <decimal>``, each on a line, and the checkpoint's text, extension lines included;
* 0x06: a binary structure of witness name, time, origin, size and root, which leaves extension lines out.

The key's type decides which of the two is read; nothing on the line does. ML-DSA-44 needs a recent cryptography with
a backend that has it. It is imported when first needed, so that everything else works without.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import ed25519, note
from proofs.checkpoint import Checkpoint, parse_checkpoint
from proofs.errors import FatalError, InputError, VerifyError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

TIME_S_MAX = 2**63 - 1
TIME_BYTES = 8
MLDSA44_SIGNATURE_BYTES = 2_420
MLDSA44_LABEL = b"subtree/v1\n\x00"

_SIGNATURE_BYTES = {
    note.TYPE_COSIGNATURE_ED25519: TIME_BYTES + ed25519.SIGNATURE_BYTES,
    note.TYPE_COSIGNATURE_MLDSA44: TIME_BYTES + MLDSA44_SIGNATURE_BYTES,
}


def witness_vkey(*, name: str, private_key: Ed25519PrivateKey | MLDSA44PrivateKey) -> note.VerifierKey:
    """The verifier key of a witness: type 0x04 or 0x06 by what the private key is. Raises ``InputError`` for a bad
    name, ``FatalError`` where ML-DSA-44 isn't available."""
    if isinstance(private_key, Ed25519PrivateKey):
        return note.VerifierKey(name, note.TYPE_COSIGNATURE_ED25519, ed25519.public_bytes(private_key))
    return note.VerifierKey(name, note.TYPE_COSIGNATURE_MLDSA44, private_key.public_key().public_bytes_raw())


def sign(*, text: str, name: str, time_s: int, private_key: Ed25519PrivateKey | MLDSA44PrivateKey) -> str:
    """The signature line (newline included) by which a witness cosigns a checkpoint's text.

    ``time_s``: 0 to 2^63 - 1, seconds since the Unix epoch. Raises ``InputError`` if text, name or time are not of
    the form. Whether the checkpoint is signed by its log and consistent with the last one is the caller's care.
    """
    checkpoint = parse_checkpoint(text)
    _check_time(time_s)
    vkey = witness_vkey(name=name, private_key=private_key)
    if isinstance(private_key, Ed25519PrivateKey):
        signature = private_key.sign(ed25519_message(text=text, time_s=time_s))
    else:
        signature = private_key.sign(mldsa44_message(checkpoint=checkpoint, name=name, time_s=time_s))
    raw = time_s.to_bytes(TIME_BYTES, "big") + signature
    return note.NoteSignature(name=name, id=vkey.id, raw=raw).line


def check(*, text: str, signature: note.NoteSignature, key: note.VerifierKey) -> int:
    """Checks a witness's cosignature on a checkpoint's text and returns its time in seconds (0: none stated).

    Raises ``InputError`` if the text is no checkpoint or the key not a witness's, ``VerifyError`` if the line is not
    this key's or doesn't hold, ``FatalError`` if the key is ML-DSA-44 and the library at hand can't do it.
    """
    if key.type not in _SIGNATURE_BYTES:
        raise InputError(f"{key.name} is a log's key", field="vkey", expected="a witness's key, of type 04 or 06")
    checkpoint = parse_checkpoint(text)
    if (signature.name, signature.id) != (key.name, key.id):
        raise VerifyError(f"the cosignature is not by {key.name}", field="signature")
    if len(signature.raw) != _SIGNATURE_BYTES[key.type]:
        raise VerifyError(
            f"the cosignature by {key.name} has {len(signature.raw)} bytes",
            field="signature",
            expected=f"{_SIGNATURE_BYTES[key.type]} bytes",
        )
    time_s, raw = int.from_bytes(signature.raw[:TIME_BYTES], "big"), signature.raw[TIME_BYTES:]
    if time_s > TIME_S_MAX:
        raise VerifyError(f"the cosignature by {key.name} has no valid time", field="signature", expected="below 2^63")
    if key.type == note.TYPE_COSIGNATURE_ED25519:
        ed25519.check(key.key, ed25519_message(text=text, time_s=time_s), raw)
    else:
        _check_mldsa44(key.key, mldsa44_message(checkpoint=checkpoint, name=key.name, time_s=time_s), raw)
    return time_s


def ed25519_message(*, text: str, time_s: int) -> bytes:
    """What a type 0x04 cosignature signs (tlog-cosignature, "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def mldsa44_message(*, checkpoint: Checkpoint, name: str, time_s: int) -> bytes:
    """What a type 0x06 cosignature of a whole tree signs (tlog-cosignature, "ML-DSA-44 signed message")."""
    witness, origin = name.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            MLDSA44_LABEL,
            bytes([len(witness)]) + witness,
            time_s.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            bytes(8),  # the first leaf: a checkpoint begins at 0
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _check_time(time_s: int) -> None:
    if not 0 <= time_s <= TIME_S_MAX:
        raise InputError(f"a time of {time_s} s", field="time", expected="0 to 2^63 - 1 seconds")


def _check_mldsa44(key: bytes, message: bytes, signature: bytes) -> None:
    mldsa = _load_mldsa()
    try:
        mldsa.MLDSA44PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise VerifyError("the signature doesn't hold", field="signature") from None
    except UnsupportedAlgorithm:
        raise _no_mldsa() from None


def _load_mldsa() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        raise _no_mldsa() from None
    return mldsa


def _no_mldsa() -> FatalError:
    return FatalError("the installed cryptography has no ML-DSA-44: install version 48 or newer from its wheels")
