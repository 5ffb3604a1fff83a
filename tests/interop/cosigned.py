"""A checkpoint with cosignatures of both types by our code: what clients of others are to accept."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from proofs import cosignature, note

TIME_S = 1_700_000_000
ED25519_WITNESS = "witness.example/ed25519"
MLDSA44_WITNESS = "witness.example/ml-dsa-44"


def cosigned(data: bytes) -> tuple[bytes, list[str]]:
    """The note with an Ed25519 (0x04) and an ML-DSA-44 (0x06) cosignature more, and the vkeys of the two."""
    text = note.parse_note(data).text
    witnesses = (
        (ED25519_WITNESS, Ed25519PrivateKey.from_private_bytes(bytes(range(32)))),
        (MLDSA44_WITNESS, MLDSA44PrivateKey.from_seed_bytes(bytes(range(32, 64)))),
    )
    vkeys = []
    for name, key in witnesses:
        data = note.add_signature(data, cosignature.sign(text=text, name=name, time_s=TIME_S, private_key=key))
        vkeys.append(cosignature.witness_vkey(name=name, private_key=key).text)
    return data, vkeys
