"""RFC 6962 section 2.1 as it is written there: recursive, over the leaves' data, slow, easy to compare.

Nothing is shared with the code under test, hash calls included.
"""

import hashlib


def mth(leaves: list[bytes]) -> bytes:
    """Section 2.1: the Merkle Tree Hash of D[n]."""
    n = len(leaves)
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = largest_power_of_two_below(n)
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """Section 2.1.1: PATH(m, D[n])."""
    n = len(leaves)
    if n == 1:
        return []
    k = largest_power_of_two_below(n)
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: list[bytes]) -> list[bytes]:
    """Section 2.1.2: PROOF(m, D[n]) for 0 < m <= n."""
    return subproof(m, leaves, b=True)


def subproof(m: int, leaves: list[bytes], *, b: bool) -> list[bytes]:
    """Section 2.1.2: SUBPROOF(m, D[n], b)."""
    n = len(leaves)
    if m == n:
        return [] if b else [mth(leaves)]
    k = largest_power_of_two_below(n)
    if m <= k:
        return [*subproof(m, leaves[:k], b=b), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], b=False), mth(leaves[:k])]


def largest_power_of_two_below(n: int) -> int:
    """The largest power of two that is smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


# Edwards curve arithmetic of RFC 8032 section 5.1, in affine coordinates: only to see which points have small order.

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """The sum of two points of edwards25519."""
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + product, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P
    return x, y


def decode_lenient(encoding: bytes) -> Point | None:
    """The point of an encoding, y taken modulo p and the sign of x = 0 ignored; None where there is none."""
    number = int.from_bytes(encoding, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return (P - x if x % 2 != sign and x else x), y


def has_small_order(point: Point) -> bool:
    """Whether eight times the point is the neutral element."""
    for _ in range(3):
        point = add(point, point)
    return point == (0, 1)
