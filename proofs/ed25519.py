"""Strict Ed25519: RFC 8032 section 5.1.7 without cofactor, and without the inputs on which verifiers disagree.

The library's check is cofactorless but takes any encoding of a public key and points of small order. Refused besides:

* S >= L (a second signature over the same message made from the first);
* a public key or an R that is not the canonical encoding of its point (y >= p, or the sign of x = 0 set);
* a public key or an R of small order (a signature that holds for many messages).

What is left is the same answer from every strict implementation, so a replay on another machine decides the same.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proofs.errors import InputError, VerifyError

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
FIELD_PRIME = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

# y of the two pairs of points of order 8 is +-this (the points' orders are recomputed in the tests).
_ORDER_8_Y = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# y = 1 and -1 have order 1 and 2, 0 has order 4; p and p + 1 are the same points as 0 and 1 once more.
_SMALL_ORDER_YS = (0, 1, FIELD_PRIME - 1, _ORDER_8_Y, FIELD_PRIME - _ORDER_8_Y, FIELD_PRIME, FIELD_PRIME + 1)
SMALL_ORDER = frozenset((y | sign << 255).to_bytes(32, "little") for y in _SMALL_ORDER_YS for sign in (0, 1))
"""All 14 encodings of the eight points of small order; they include every encoding with the sign of x = 0 set."""

# y >= p means that all bits of y are set but some of the lowest byte, which is then at least 0xed.
_PRIME_MIDDLE = b"\xff" * 30


def check(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Checks a signature over ``message`` (any length). About 110 us, nearly all of it the library's.

    Raises ``VerifyError`` for every reason to refuse, wrong lengths included.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise VerifyError(
            f"a signature of {len(signature)} bytes", field="signature", expected=f"{SIGNATURE_BYTES} bytes"
        )
    point = signature[:32]
    if _refused(public_key) or _refused(point):
        raise VerifyError("a point of the signature or its key is not canonical or of small order", field="signature")
    # Below 2^252 nothing needs comparing: the group's order is just above it.
    if signature[63] >= 0x10 and int.from_bytes(signature[32:], "little") >= GROUP_ORDER:
        raise VerifyError("the signature's S is not below the group's order", field="signature")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise VerifyError("the signature doesn't hold", field="signature") from None


def check_public_key(raw: bytes) -> None:
    """Checks that a key has 32 bytes, is canonically encoded and not of small order. Raises ``InputError``.

    Whether the point lies on the curve is not tested: under a key that doesn't, no signature holds.
    """
    if len(raw) != PUBLIC_KEY_BYTES:
        raise InputError(f"a public key of {len(raw)} bytes", field="key", expected=f"{PUBLIC_KEY_BYTES} bytes")
    if _refused(raw):
        raise InputError("the public key is not canonical or of small order", field="key", expected="an Ed25519 key")


def public_bytes(private_key: Ed25519PrivateKey) -> bytes:
    """The 32-byte public key of a private one."""
    return private_key.public_key().public_bytes_raw()


def _refused(point: bytes) -> bool:
    if len(point) != PUBLIC_KEY_BYTES or point in SMALL_ORDER:
        return True
    return point[31] & 0x7F == 0x7F and point[0] >= 0xED and point[1:31] == _PRIME_MIDDLE
