"""The sum tree by its recursive definition (design section 6): slow, and plain to see."""

from collections.abc import Sequence
from hashlib import sha256

Line = tuple[int, int]
"""Leaf index and amount."""


def naive_root(lines: Sequence[Line]) -> bytes:
    """Hash and sum over lines, by RFC 6962's recursion."""
    if not lines:
        return sha256(b"").digest() + bytes(16)
    if len(lines) == 1:
        index, amount = lines[0]
        total = amount.to_bytes(16, "big")
        return sha256(b"\x00" + index.to_bytes(8, "big") + total).digest() + total
    half = largest_half(len(lines))
    left, right = naive_root(lines[:half]), naive_root(lines[half:])
    total = (int.from_bytes(left[32:], "big") + int.from_bytes(right[32:], "big")).to_bytes(16, "big")
    return sha256(b"\x01" + left[:32] + left[32:] + right[:32] + right[32:]).digest() + total


def naive_path(lines: Sequence[Line], position: int) -> list[tuple[bytes, int]]:
    """A line's siblings, leaf upwards, each with its sum."""
    if len(lines) == 1:
        return []
    half = largest_half(len(lines))
    if position < half:
        path, sibling = naive_path(lines[:half], position), naive_root(lines[half:])
    else:
        path, sibling = naive_path(lines[half:], position - half), naive_root(lines[:half])
    return [*path, (sibling[:32], int.from_bytes(sibling[32:], "big"))]


def largest_half(count: int) -> int:
    """The largest power of two below `count` (2 or more)."""
    half = 1
    while 2 * half < count:
        half *= 2
    return half
