"""The Merkle tree of RFC 6962 section 2.1 over SHA-256: hashes, compact ranges, proofs made and proofs checked.

A *node* is named by (level, index): the perfect subtree over the leaves [index << level, (index + 1) << level). Nodes
of a growing tree never change, so they are what is stored; the ragged right edge of a tree of a given size is folded
from them when asked for.

Invariants:

* Hash, tags and fold order are fixed here; nothing in a proof chooses them.
* Proof lengths are exact: a proof with one hash too many or too few is refused, whatever it hashes to.
* Whoever makes a proof raises ``InputError`` for a question that has no answer (an index outside the tree); whoever
  checks one raises ``VerifyError`` for every reason to refuse, so that one ``except`` catches them all.

Leaf indices, sizes and counts are plain integers (wrapping them in types of their own would make every caller convert
without catching more than the keyword-only arguments do).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from proofs.errors import InputError, InvariantError, VerifyError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
SIZE_MAX = 2**63 - 1
# An inclusion path has at most one hash a level. A consistency path may have one more in front, where the old tree's
# root isn't a node of the new one; only trees of more than 2^62 leaves need the 64th.
PATH_HASHES_MAX = 63
CONSISTENCY_HASHES_MAX = 64

LEAF_TAG = b"\x00"
NODE_TAG = b"\x01"

NodeReader = Callable[[int, int], bytes]
"""``read(level, index)`` gives the 32-byte hash of a node that is complete in the tree at hand."""

Combine = Callable[[bytes, bytes], bytes]
"""Two neighbouring nodes to the one above them: ``node_hash`` here, a hash and a sum in proofs/sumtree.py."""


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), 32 bytes (RFC 6962 section 2.1)."""
    return sha256(LEAF_TAG + data).digest()


def leaf_hashes(datas: Iterable[bytes]) -> list[bytes]:
    """``leaf_hash`` of each, for many at once."""
    digest_of, tag = sha256, LEAF_TAG
    return [digest_of(tag + data).digest() for data in datas]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes (RFC 6962 section 2.1). The children's lengths are the caller's care."""
    return sha256(NODE_TAG + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The tree's root over leaf *hashes*; of none, SHA-256 of nothing. n - 1 hashes (RFC 6962 section 2.1)."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = leaf_hashes
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def all_paths(leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Every leaf's inclusion path, leaf upwards, its hashes concatenated (empty in a tree of one leaf).

    Costs n - 1 hashes and 2n concatenations: paths are built from the root down, where siblings share their tails.
    """
    if not leaf_hashes:
        return []
    levels = [leaf_hashes]
    while len(levels[-1]) > 1:
        levels.append(_level_above(levels[-1]))
    tails = [b""]
    for level in reversed(levels[:-1]):
        paths = []
        pairs = iter(level)
        for left, right, tail in zip(pairs, pairs, tails, strict=False):
            paths.append(right + tail)
            paths.append(left + tail)
        if len(level) & 1:  # a last node without a sibling is promoted: its path has nothing at this level
            paths.append(tails[-1])
        tails = paths
    return tails


def inclusion_path(*, index: int, size: int, read: NodeReader, combine: Combine | None = None) -> list[bytes]:
    """The inclusion path of a leaf in the tree of ``size`` leaves, leaf upwards (RFC 6962 section 2.1.1).

    ``read`` is asked for nodes complete at ``size`` only: at most 126 of them. ``combine``: what makes a node of two,
    ``node_hash`` unless said. Raises ``InputError`` unless
    0 <= index < size <= SIZE_MAX, and whatever ``read`` raises.
    """
    _check_size(size)
    if not 0 <= index < size:
        raise InputError(f"no leaf {index} in a tree of {size}", field="index", expected=f"0 to {size - 1}")
    return _path_from(level=0, index=index, size=size, read=read, combine=combine or node_hash)


def consistency_path(*, old_size: int, new_size: int, read: NodeReader) -> list[bytes]:
    """The consistency proof between two sizes of one log (RFC 6962 section 2.1.2).

    Empty from size 0 and between equal sizes, where there is nothing to prove. Raises ``InputError`` unless
    0 <= old_size <= new_size <= SIZE_MAX, and whatever ``read`` raises.
    """
    _check_size(new_size)
    if not 0 <= old_size <= new_size:
        raise InputError(
            f"no tree of size {old_size} before one of {new_size}", field="from", expected=f"0 to {new_size}"
        )
    if old_size in (0, new_size):
        return []
    level, index = _last_node(old_size)
    path = _path_from(level=level, index=index, size=new_size, read=read, combine=node_hash)
    # An old tree that is a single node is known to the verifier: it is the old root itself.
    return path if index == 0 else [read(level, index), *path]


def root_at(size: int, read: NodeReader, combine: Combine | None = None) -> bytes:
    """The root of the tree of ``size`` leaves, folded from at most 63 nodes by ``combine`` (``node_hash`` unless said).

    Raises ``InputError`` for a size out of range, and whatever ``read`` raises.
    """
    _check_size(size)
    return EMPTY_ROOT if size == 0 else _edge_hash(start=0, size=size, read=read, combine=combine or node_hash)


def range_nodes(*, start: int, end: int) -> list[tuple[int, int]]:
    """The (level, index) of the fewest nodes that cover the leaves [start, end), from left to right.

    With ``start`` 0 these are the peaks of a compact range of size ``end``. Raises ``InputError`` unless
    0 <= start <= end <= SIZE_MAX.
    """
    _check_size(end)
    if not 0 <= start <= end:
        raise InputError(f"no leaves from {start} to {end}", field="start", expected=f"0 to {end}")
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def root_from_path(*, index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a leaf hash and its inclusion path lead to (RFC 6962 section 2.1.1), leaf upwards.

    Raises ``VerifyError`` unless 0 <= index < size <= SIZE_MAX, every hash has 32 bytes and the path has exactly the
    length that index and size give it. The caller still has to compare the root with one that it trusts.
    """
    if not 0 < size <= SIZE_MAX:
        raise VerifyError(f"a tree of {size} leaves has no inclusion proofs", field="size", expected="1 to 2^63 - 1")
    if not 0 <= index < size:
        raise VerifyError(f"no leaf {index} in a tree of {size}", field="index", expected=f"0 to {size - 1}")
    _check_hashes("inclusion", PATH_HASHES_MAX, path, leaf)
    digest, used, last = leaf, 0, size - 1
    while last:
        # On the right of its parent a node always has a sibling; on the left it has one unless it is the last.
        if index & 1 or index < last:
            if used == len(path):
                raise VerifyError("the inclusion proof is too short", field="path")
            sibling = path[used]
            used += 1
            digest = node_hash(sibling, digest) if index & 1 else node_hash(digest, sibling)
        index >>= 1
        last >>= 1
    if used != len(path):
        raise VerifyError("the inclusion proof is too long", field="path", expected=f"{used} hashes")
    return digest


def check_inclusion(*, index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Checks that the leaf with hash ``leaf`` stands at ``index`` in the tree of that size and root.

    ``path`` is the inclusion path, leaf upwards. Raises ``VerifyError`` for whatever root_from_path refuses, and where
    the path leads to another root.
    """
    _check_hashes("inclusion", PATH_HASHES_MAX, (), root)
    if root_from_path(index=index, size=size, leaf=leaf, path=path) != root:
        raise VerifyError("the inclusion proof doesn't lead to the root", field="path")


def check_consistency(*, old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Checks that the tree of (old_size, old_root) is a prefix of the tree of (new_size, new_root).

    Strict: a proof from size 0 says nothing and is refused, also to size 0; a caller for whom an empty old tree is
    fine handles it before. Between equal sizes the proof must be empty and the roots the same. Otherwise RFC 6962
    section 2.1.2 with its exact length. Raises ``VerifyError``.
    """
    if not 0 < old_size <= new_size <= SIZE_MAX:
        raise VerifyError(
            f"no consistency proof leads from size {old_size} to {new_size}",
            field="old_size",
            expected="1 <= old size <= new size < 2^63",
        )
    if old_size == new_size:
        # Nothing is hashed, so the roots' own form doesn't matter here (a published vector compares shorter ones).
        if path:
            raise VerifyError("the consistency proof is too long", field="path", expected="0 hashes")
        if old_root != new_root:
            raise VerifyError("two roots at one size", field="new_root")
        return
    _check_hashes("consistency", CONSISTENCY_HASHES_MAX, path, old_root, new_root)
    level, index = _last_node(old_size)
    last = (new_size - 1) >> level
    used = 0
    old = new = old_root
    if index:  # else the old tree is a single node, and its root the starting point
        if not path:
            raise VerifyError("the consistency proof is too short", field="path")
        old = new = path[0]
        used = 1
    while last:
        if index & 1 or index < last:
            if used == len(path):
                raise VerifyError("the consistency proof is too short", field="path")
            sibling = path[used]
            used += 1
            if index & 1:
                old, new = node_hash(sibling, old), node_hash(sibling, new)
            else:  # what stands on the right came after the old tree
                new = node_hash(new, sibling)
        index >>= 1
        last >>= 1
    if used != len(path):
        raise VerifyError("the consistency proof is too long", field="path", expected=f"{used} hashes")
    if old != old_root:
        raise VerifyError("the consistency proof doesn't lead to the old root", field="path")
    if new != new_root:
        raise VerifyError("the consistency proof doesn't lead to the new root", field="path")


class CompactRange:
    """The peaks of a growing tree: all that is needed to append to it and to know its root.

    At most 63 hashes; one for each bit of the size. Not safe for use by several threads at once: its owner is
    whoever appends.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self) -> None:
        self._size = 0
        # By level; meaningful where that bit of the size is set, b"" elsewhere.
        self._peaks: list[bytes] = []

    @classmethod
    def from_parts(cls, size: int, hashes: Iterable[bytes]) -> CompactRange:
        """A range from its size and peaks, largest first, as ``hashes`` gives them. Raises ``InputError``."""
        _check_size(size)
        peaks = list(hashes)
        if len(peaks) != size.bit_count() or any(len(peak) != HASH_BYTES for peak in peaks):
            raise InputError(
                f"{len(peaks)} hashes don't fit a compact range of size {size}",
                field="hashes",
                expected=f"{size.bit_count()} hashes of {HASH_BYTES} bytes",
            )
        made = cls()
        made._size = size
        made._peaks = [peaks.pop() if size >> level & 1 else b"" for level in range(size.bit_length())]
        return made

    @property
    def size(self) -> int:
        """Leaves appended so far."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The peaks, largest first: the nodes ``range_nodes(start=0, end=size)``."""
        return tuple(peak for peak in reversed(self._peaks) if peak)

    def copy(self) -> CompactRange:
        """An independent copy, for trying an append that may be given up."""
        made = CompactRange()
        made._size = self._size
        made._peaks = self._peaks.copy()
        return made

    def append(self, leaf: bytes) -> None:
        """Appends one leaf hash. Raises ``InputError`` unless it has 32 bytes."""
        self.extend((leaf,))

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
        """Appends leaf hashes and returns the nodes that this completed, level by level.

        The first node in ``result[level]`` has the index ``old size >> level``; the rest follow it. Levels at which
        nothing was completed are left off at the end. One hash a leaf on average. Raises ``InputError`` (and
        appends nothing) unless each hash has 32 bytes and the size stays within SIZE_MAX.
        """
        for leaf in leaf_hashes:
            if len(leaf) != HASH_BYTES:
                raise InputError(f"a leaf hash of {len(leaf)} bytes", field="leaf", expected=f"{HASH_BYTES} bytes")
        _check_size(self._size + len(leaf_hashes))
        completed: list[list[bytes]] = []
        fresh = list(leaf_hashes)
        level = 0
        while fresh:
            completed.append(fresh)
            if level == len(self._peaks):
                self._peaks.append(b"")
            peak = self._peaks[level]
            nodes = [peak, *fresh] if peak else fresh
            self._peaks[level] = nodes[-1] if len(nodes) & 1 else b""
            fresh = _pair_hashes(nodes)
            level += 1
        self._size += len(leaf_hashes)
        return completed

    def root(self) -> bytes:
        """The root of the tree so far: at most 62 hashes."""
        digest = b""
        for peak in self._peaks:
            if peak:
                digest = node_hash(peak, digest) if digest else peak
        return digest or EMPTY_ROOT


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    """One level up: pairs hashed, a last one without a sibling promoted as it is (its subtree is the right edge)."""
    above = _pair_hashes(level)
    if len(level) & 1:
        above.append(level[-1])
    return above


def _pair_hashes(nodes: Sequence[bytes]) -> list[bytes]:
    # The hot loop of the writer and the auditor: names bound locally, no call but the hash itself.
    digest_of, tag = sha256, NODE_TAG
    pairs = iter(nodes)
    return [digest_of(tag + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]


def _last_node(size: int) -> tuple[int, int]:
    """Level and index of the largest node that ends with the last leaf of a tree of ``size`` > 0 leaves."""
    level = (size & -size).bit_length() - 1
    return level, (size >> level) - 1


def _path_from(*, level: int, index: int, size: int, read: NodeReader, combine: Combine) -> list[bytes]:
    """The siblings from a node up to the root of the tree of ``size`` leaves, which holds the node."""
    path = []
    last = (size - 1) >> level
    while last:
        sibling = index ^ 1
        if (sibling + 1) << level <= size:
            path.append(read(level, sibling))
        elif sibling <= last:  # the right edge, not complete at this size
            path.append(_edge_hash(start=sibling << level, size=size, read=read, combine=combine))
        index >>= 1
        last >>= 1
        level += 1
    return path


def _edge_hash(*, start: int, size: int, read: NodeReader, combine: Combine) -> bytes:
    """The hash over the leaves [start, size), where start begins a subtree that the end of the tree cuts off."""
    nodes = range_nodes(start=start, end=size)
    if not nodes:
        raise InvariantError(f"no leaves from {start} to {size}")
    digest = read(*nodes.pop())
    while nodes:
        digest = combine(read(*nodes.pop()), digest)
    return digest


def _check_size(size: int) -> None:
    if not 0 <= size <= SIZE_MAX:
        raise InputError(f"a tree of {size} leaves", field="size", expected="0 to 2^63 - 1")


def _check_hashes(what: str, most: int, path: Sequence[bytes], *others: bytes) -> None:
    if len(path) > most:
        raise VerifyError(f"the {what} proof is too long", field="path", expected=f"at most {most} hashes")
    for digest in (*path, *others):
        if len(digest) != HASH_BYTES:
            raise VerifyError(f"a hash of {len(digest)} bytes in the {what} proof", expected=f"{HASH_BYTES} bytes")
