"""Manifests (design section 4, `asset.root`): the files of a data set as one RFC 6962 tree.

One leaf a file, canonical `[path, size, sha256]`; paths are relative, `/`-separated, unique and sorted by their bytes,
so that a file's membership can be proved, and so that one data set has one root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proofs import codec, merkle
from proofs.errors import InputError, VerifyError
from proofs.fields import TEXT_BYTES_MAX, is_digest, is_text


@dataclass(frozen=True, slots=True)
class Item:
    """One file: `path` relative to the data set, `size` in bytes, `sha256` of the content."""

    path: str
    size: int
    sha256: bytes

    def leaf(self) -> bytes:
        """The canonical leaf data."""
        return codec.encode([self.path, self.size, self.sha256])

    def digest(self) -> bytes:
        """The leaf's hash: what a usage names as its `item`."""
        return merkle.leaf_hash(self.leaf())


def check_item(item: Item) -> None:
    """Raise InputError unless the path is relative and plain (no empty, `.` or `..` part) and the figures fit.

    A path is a string of ours as any other: at most 1,024 bytes of UTF-8 without control characters (section 3.1).
    """
    if not is_text(item.path) or any(part in ("", ".", "..") for part in item.path.split("/")):
        raise InputError(
            f"not a manifest path: {item.path[:80]!r}",
            field="path",
            expected=f"a relative path of plain parts, 1 to {TEXT_BYTES_MAX} bytes of text without control characters",
        )
    if not 0 <= item.size <= codec.INT_MAX or not is_digest(item.sha256):
        raise InputError(f"wrong figures for {item.path[:80]!r}", field="size", expected="size >= 0 and a SHA-256")


def parse_item(leaf: bytes) -> Item:
    """Read one manifest leaf strictly. Raises InputError."""
    value = codec.decode(leaf, field="item")
    if type(value) is not list or [type(part) for part in value] != [str, int, bytes]:
        raise InputError("not a manifest leaf", field="item", expected="[path, size, sha256]")
    item = Item(*value)
    check_item(item)
    return item


class Manifest:
    """The items of one data set in order, with their tree. Raises InputError for a bad or repeated path."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items: Sequence[Item] = sorted(items, key=lambda item: item.path.encode("utf-8", "surrogatepass"))
        for item in self.items:
            check_item(item)
        for one, other in zip(self.items, self.items[1:], strict=False):
            if one.path == other.path:
                raise InputError(f"a path twice: {one.path[:80]!r}", field="path", expected="unique paths")
        self.leaves = [item.digest() for item in self.items]
        self.root = merkle.root(self.leaves)
        self.bytes = sum(item.size for item in self.items)

    def path(self, position: int) -> list[bytes]:
        """The inclusion path of the item at this position."""
        joined = merkle.all_paths(self.leaves)[position]
        return [joined[i : i + 32] for i in range(0, len(joined), 32)]


def check_membership(*, item: Item, position: int, count: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise VerifyError unless this very item stands at `position` of the `count` items under `root`."""
    check_item(item)
    if not 0 <= position < count:
        raise VerifyError("position outside the manifest", field="position", expected=f"0 to {count - 1}")
    merkle.check_inclusion(index=position, size=count, leaf=item.digest(), path=path, root=root)
