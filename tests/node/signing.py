"""Ed25519 signing with a nonce of one's choice, straight from RFC 8032 section 5.1.6 and slow: for a second valid
signature over the same message, which no careful library makes."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P

Point = tuple[int, int]


def _add(one: Point, two: Point) -> Point:
    (x1, y1), (x2, y2) = one, two
    k = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P
    return x, y


def _times(scalar: int, point: Point) -> Point:
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _base() -> Point:
    xx = (BASE_Y * BASE_Y - 1) * pow(D * BASE_Y * BASE_Y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (P - x if x % 2 else x), BASE_Y


def _encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def sign_with_nonce(seed: bytes, message: bytes, *, nonce: int) -> bytes:
    """A signature over `message` by the key of this seed, with this nonce in place of the derived one."""
    digest = hashlib.sha512(seed).digest()
    secret = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    public = _encode(_times(secret, _base()))
    commitment = _encode(_times(nonce, _base()))
    challenge = int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little") % L
    return commitment + ((nonce + challenge * secret) % L).to_bytes(32, "little")
