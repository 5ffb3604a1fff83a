"""The Merkle sum tree of an account (design section 6): RFC 6962 in shape, every node with the sum of what is below it.

::

    leaf  = SHA-256(0x00 || leaf index, 8 bytes || amount, 16 bytes)                                sum = amount
    node  = SHA-256(0x01 || left hash || left sum || right hash || right sum)                       sum = left + right
    empty = SHA-256 of nothing, sum 0                                                               big-endian

A node is kept as its *blob*: 32 bytes of hash and 16 of sum, 48 together. Both sums are hashed apart, so that a total
can't be understated by moving value between siblings.

Invariants: amounts are above 0, so every node's sum is; whoever checks a line takes count and total from the statement
and refuses a sum that doesn't fit.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256

from proofs import merkle
from proofs.errors import VerifyError
from proofs.merkle import HASH_BYTES, NodeReader

SUM_BYTES = 16
BLOB_BYTES = HASH_BYTES + SUM_BYTES
EMPTY = merkle.EMPTY_ROOT + bytes(SUM_BYTES)

Step = tuple[bytes, int]
"""One sibling of a line's path: its hash, 32 bytes, and its sum in nanos."""

_pack_leaf = struct.Struct(">xQQQ").pack
_LOW = 2**64 - 1


def leaf(index: int, amount: int) -> bytes:
    """The blob of one line: the log's leaf `index` (below 2^63) and the `amount` in nanos (below 2^128)."""
    data = _pack_leaf(index, amount >> 64, amount & _LOW)
    return sha256(data).digest() + data[9:]


def node(left: bytes, right: bytes) -> bytes:
    """The blob above two blobs."""
    total = int.from_bytes(left[HASH_BYTES:], "big") + int.from_bytes(right[HASH_BYTES:], "big")
    return sha256(b"\1" + left + right).digest() + total.to_bytes(SUM_BYTES, "big")


def split(blob: bytes) -> Step:
    """(hash, sum) of a blob."""
    return blob[:HASH_BYTES], int.from_bytes(blob[HASH_BYTES:], "big")


def root(blobs: Sequence[bytes]) -> bytes:
    """The blob at the root over these leaves' blobs; EMPTY of none. n - 1 hashes."""
    if not blobs:
        return EMPTY
    level = list(blobs)
    while len(level) > 1:
        pairs = iter(level)
        above = [node(left, right) for left, right in zip(pairs, pairs, strict=False)]
        if len(level) & 1:
            above.append(level[-1])
        level = above
    return level[0]


def root_at(size: int, read: NodeReader) -> bytes:
    """The blob at the root of the tree of `size` lines, folded from at most 63 blobs; `read(level, index)` gives them.
    Raises InputError for a size out of range."""
    return EMPTY if size == 0 else merkle.root_at(size, read, node)


def path(*, position: int, size: int, read: NodeReader) -> list[Step]:
    """The siblings of a line, leaf upwards, in the tree of `size` lines. Raises InputError unless position < size."""
    return [split(blob) for blob in merkle.inclusion_path(index=position, size=size, read=read, combine=node)]


def check_line(
    *, index: int, amount: int, position: int, lines: int, total: int, root: bytes, path: Sequence[Step]
) -> None:
    """Check that (index, amount) is line `position` (0-based) of the tree with `lines` lines, that root hash and total.

    `path`: the siblings, leaf upwards, exactly as many as position and count give. Raises VerifyError also for a sum
    of 0, for one that passes the total, and where the sums don't come to it.
    """
    if not 0 < lines < 2**63 or not 0 <= position < lines:
        raise VerifyError(f"no line {position} among {lines}", field="position", expected=f"0 to {lines - 1}")
    if not 0 < amount <= total or not 0 <= index < 2**63:
        raise VerifyError("a line outside the statement's total", field="amount", expected=f"1 to {total}")
    blob, used, at, last = leaf(index, amount), 0, position, lines - 1
    while last:
        if at & 1 or at < last:
            if used == len(path):
                raise VerifyError("the line's path is too short", field="path")
            blob = _above(blob, path[used], total=total, is_right=bool(at & 1))
            used += 1
        at >>= 1
        last >>= 1
    if used != len(path):
        raise VerifyError("the line's path is too long", field="path", expected=f"{used} siblings")
    found, summed = split(blob)
    if summed != total:
        raise VerifyError("the sums on the line's path don't come to the total", field="path", expected=f"{total}")
    if found != root:
        raise VerifyError("the line's path doesn't lead to the statement's root", field="path")


def _above(blob: bytes, step: Step, *, total: int, is_right: bool) -> bytes:
    digest, sibling_sum = step
    if len(digest) != HASH_BYTES:
        raise VerifyError(f"a hash of {len(digest)} bytes in the line's path", field="path", expected="32 bytes")
    if not 0 < sibling_sum <= total - split(blob)[1]:
        raise VerifyError("a sum on the line's path doesn't fit the total", field="path", expected=f"1 to {total}")
    sibling = digest + sibling_sum.to_bytes(SUM_BYTES, "big")
    return node(sibling, blob) if is_right else node(blob, sibling)
