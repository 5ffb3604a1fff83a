"""The log's tree on a store: full tiles as rows, the right edge in memory (design section 8).

Only full tiles are written; the partial ones are at most 255 hashes a level and are rebuilt at start from the entries
and the full tiles. The tree head's row holds size, root and the compact range's peaks, so that a start finds out
whether tiles and entries still hash to what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger import keys
from ledger.errors import StorageError
from ledger.store import View
from proofs import codec, merkle, tiles
from proofs.merkle import HASH_BYTES, CompactRange, NodeReader

HEAD_KEY = keys.META + b"head"


def tile_key(level: int, index: int) -> bytes:
    """The row of a full tile."""
    return keys.TILE + bytes([level]) + keys.number(index)


@dataclass(frozen=True)
class TreeView:
    """The tree at one size, over an unchanging view: what readers of several threads share.

    `edge`: by tile level, the hashes of the partial tile, concatenated.
    """

    view: View
    size: int
    root: bytes
    edge: tuple[bytes, ...]
    nodes: NodeReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", tiles.tile_node_reader(self.tile, self.size))

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile, concatenated. The caller has checked that the tree is that wide.

        Raises StorageError where a full tile is missing or has another length.
        """
        if level < len(self.edge) and index == (self.size >> (tiles.TILE_HEIGHT * level)) // tiles.TILE_WIDTH:
            return self.edge[level][: width * HASH_BYTES]
        data = self.view.get(tile_key(level, index))
        if data is None or len(data) != tiles.TILE_BYTES:
            raise StorageError(f"tile {level}/{index} is missing or cut: the database is damaged")
        return data[: width * HASH_BYTES]

    def root_at(self, size: int) -> bytes:
        """The root at an earlier size, or this one."""
        return self.root if size == self.size else merkle.root_at(size, self.nodes)

    def leaf(self, index: int) -> bytes:
        """The leaf hash at an index below the size."""
        return self.nodes(0, index)


class Tree:
    """The growing tree. Owner: the one thread that appends; readers get a `TreeView`."""

    def __init__(self) -> None:
        self.range = CompactRange()
        self.edge: list[bytes] = []
        self.root = merkle.EMPTY_ROOT

    @property
    def size(self) -> int:
        """Leaves so far."""
        return self.range.size

    def view(self, view: View) -> TreeView:
        """The tree as it is now."""
        return TreeView(view, self.size, self.root, tuple(self.edge))

    def grown(self, leaves: Sequence[bytes]) -> tuple[Tree, dict[bytes, bytes | None]]:
        """A copy with these leaf hashes appended, and the rows that make it durable. This tree stays as it is, so a
        failed write leaves nothing behind in memory."""
        made = Tree()
        made.range = self.range.copy()
        completed = made.range.extend(leaves)
        made.edge = list(self.edge)
        rows: dict[bytes, bytes | None] = {}
        for level in range(0, len(completed), tiles.TILE_HEIGHT):
            row = level // tiles.TILE_HEIGHT
            if row == len(made.edge):
                made.edge.append(b"")
            index = (self.size >> level) // tiles.TILE_WIDTH
            hashes = made.edge[row] + b"".join(completed[level])
            at = 0
            while len(hashes) - at >= tiles.TILE_BYTES:
                rows[tile_key(row, index)] = hashes[at : at + tiles.TILE_BYTES]
                at += tiles.TILE_BYTES
                index += 1
            made.edge[row] = hashes[at:]
        made.root = made.range.root()
        rows[HEAD_KEY] = codec.pack([made.size, made.root, list(made.range.hashes)])
        return made, rows


def read_head(view: View) -> tuple[int, bytes, list[bytes]]:
    """(size, root, peaks) as last written; the empty tree where nothing was."""
    data = view.get(HEAD_KEY)
    if data is None:
        return 0, merkle.EMPTY_ROOT, []
    size, root, peaks = codec.decode(data, field="head")
    return size, root, peaks


def load(view: View, edge_leaves: Sequence[bytes]) -> Tree:
    """The tree as stored. `edge_leaves`: leaf hashes of the last size mod 256 entries, hashed anew from the entries.

    Raises StorageError unless the right edge of the tiles and those entries hash to the root that was written.
    """
    size, root, peaks = read_head(view)
    made = Tree()
    made.range = CompactRange.from_parts(size, peaks)
    made.root = root
    level = 0
    while size >> (tiles.TILE_HEIGHT * level):
        width = tiles.partial_width(level, size)
        if level == 0:
            hashes = list(edge_leaves)
        else:
            start = (size >> (tiles.TILE_HEIGHT * level)) - width
            hashes = [_tile_root(view, level - 1, start + at) for at in range(width)]
        made.edge.append(b"".join(hashes))
        level += 1
    rebuilt = merkle.root_at(size, made.view(view).nodes)
    if rebuilt != root or made.range.root() != root:
        raise StorageError(
            f"the right edge of the tiles doesn't hash to the root at size {size}: the database is damaged; "
            "restore it from a backup"
        )
    return made


def _tile_root(view: View, level: int, index: int) -> bytes:
    data = view.get(tile_key(level, index))
    if data is None or len(data) != tiles.TILE_BYTES:
        raise StorageError(f"tile {level}/{index} is missing or cut: the database is damaged; restore it from a backup")
    return merkle.root(tiles.split_tile(data, tiles.TILE_WIDTH))
