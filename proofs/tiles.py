"""Tile geometry, paths and contents of C2SP tlog-tiles: what a log serves, and a node reader over it.

A tile of level L is a row of up to 256 hashes of nodes of level 8 L; an entry bundle is a row of up to 256 entries.
Paths are relative to the log's prefix, without a leading slash: ``tile/0/x001/067``, ``tile/entries/000.p/5``.

Invariant: a path that is parsed prints back to the same text, and no bundle or tile holds a byte more than its width
says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from proofs.errors import InputError, excerpt
from proofs.merkle import HASH_BYTES, SIZE_MAX, NodeReader, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES
# The standard's bound on what a path may say; a log of fewer than 2^63 leaves has levels 0 to 7.
LEVEL_MAX = 63
INDEX_MAX = SIZE_MAX >> TILE_HEIGHT
ENTRY_BYTES_MAX = 65_535
LENGTH_BYTES = 2

# Of one reader: 512 KiB of tiles and as many inner nodes as two full tiles have below each of eight levels.
TILES_CACHED_MAX = 64
NODES_CACHED_MAX = 4_096

_PATH_CHARS_MAX = 64
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

TileFetcher = Callable[[int, int, int], bytes]
"""``fetch(level, index, width)`` gives the ``width`` hashes of a tile, concatenated."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile (``level`` 0 to 63) or an entry bundle (``level`` None): its index in the row and its width."""

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served, relative to the log's prefix."""
        return entries_path(self.index, self.width) if self.level is None else tile_path(*self._numbers())

    def _numbers(self) -> tuple[int, int, int]:
        return self.level or 0, self.index, self.width


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """``tile/<L>/<N>[.p/<W>]`` (tlog-tiles, "Merkle Tree"). Raises ``InputError`` for numbers out of range."""
    if not 0 <= level <= LEVEL_MAX:
        raise InputError(f"no tile level {level}", field="level", expected=f"0 to {LEVEL_MAX}")
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """``tile/entries/<N>[.p/<W>]`` (tlog-tiles, "Log entries"). Raises ``InputError`` for numbers out of range."""
    return f"tile/entries/{_index_path(index, width)}"


def parse_tile_path(text: str) -> Tile:
    """The tile or bundle that a path names. Raises ``InputError`` for any text that is not exactly such a path."""
    match = _PATH.fullmatch(text) if len(text) <= _PATH_CHARS_MAX else None
    if match:
        level, leading, last, width = match.groups()
        tile = Tile(
            level=None if level == "entries" else int(level),
            index=int(leading.replace("x", "").replace("/", "") + last),
            width=int(width) if width else TILE_WIDTH,
        )
        # A full width is never written, an index never begins with x000: only the form that prints back is taken.
        in_range = tile.index <= INDEX_MAX and tile.width <= TILE_WIDTH and (tile.level or 0) <= LEVEL_MAX
        if in_range and tile.path == text:
            return tile
    raise InputError(f"no tile path: {excerpt(text)}", field="path", expected="tile/<L>/<N>[.p/<W>]")


def partial_width(level: int, size: int) -> int:
    """Width of the partial tile of a level in a tree of ``size`` leaves; 0 where there is none (for bundles: 0)."""
    return (size >> (TILE_HEIGHT * level)) % TILE_WIDTH


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile has in a tree of ``size`` leaves: 0 to 256. Bundles are as wide as level 0."""
    return min(TILE_WIDTH, max(0, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH))


def tiles_of(size: int) -> list[tuple[int, int]]:
    """(level, number of tiles, partial one included) of a tree, level 0 first; nothing for the empty tree."""
    rows = []
    level = 0
    while nodes := size >> (TILE_HEIGHT * level):
        rows.append((level, -(-nodes // TILE_WIDTH)))
        level += 1
    return rows


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length as a big-endian uint16 (tlog-tiles, "Log entries").

    Raises ``InputError`` unless there are 1 to 256 entries of at most 65,535 bytes.
    """
    _check_count(len(entries))
    lengths = list(map(len, entries))
    if max(lengths) > ENTRY_BYTES_MAX:
        raise InputError(
            f"an entry of {max(lengths)} bytes", field="entry", expected=f"at most {ENTRY_BYTES_MAX} bytes"
        )
    parts = [b""] * (2 * len(entries))
    parts[::2] = [length.to_bytes(LENGTH_BYTES, "big") for length in lengths]
    parts[1::2] = entries
    return b"".join(parts)


def parse_bundle(data: bytes, count: int) -> list[bytes]:
    """The ``count`` (1 to 256) entries of a bundle. Raises ``InputError`` unless it holds these and nothing more."""
    _check_count(count)
    entries: list[bytes] = []
    at, end = 0, len(data)
    for _ in range(count):
        start = at + LENGTH_BYTES
        at = start + (data[at] << 8 | data[at + 1]) if start <= end else end + 1
        if at > end:
            raise InputError(
                f"the bundle ends inside entry {len(entries)}", field="bundle", expected=f"{count} entries"
            )
        entries.append(data[start:at])
    if at != end:
        raise InputError(f"{end - at} bytes after the bundle's last entry", field="bundle", expected=f"{count} entries")
    return entries


def split_tile(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile. Raises ``InputError`` unless there are exactly ``width`` (1 to 256) of 32 bytes."""
    _check_count(width)
    if len(data) != width * HASH_BYTES:
        raise InputError(f"a tile of {len(data)} bytes", field="tile", expected=f"{width * HASH_BYTES} bytes")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def tile_node_reader(fetch: TileFetcher, size: int) -> NodeReader:
    """A node reader over the tiles of a tree of ``size`` leaves, for ``merkle.inclusion_path`` and its like.

    ``fetch`` is asked for each tile with the width that it has at ``size``; the last 64 tiles and 4,096 inner nodes
    are kept. The tiles are taken at their word: a proof made from them still has to be checked against a root that
    is known otherwise. The reader raises ``InputError`` for a tile of the wrong length or a node that the tree
    doesn't hold.
    """

    @lru_cache(maxsize=TILES_CACHED_MAX)
    def tile(level: int, index: int) -> list[bytes]:
        width = tile_width(level, index, size)
        return split_tile(fetch(level, index, width), width)

    @lru_cache(maxsize=NODES_CACHED_MAX)
    def inner(level: int, index: int) -> bytes:
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    def node(level: int, index: int) -> bytes:
        if level % TILE_HEIGHT:  # at most seven levels down to a row of tiles
            return inner(level, index)
        return tile(level // TILE_HEIGHT, index // TILE_WIDTH)[index % TILE_WIDTH]

    def read(level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > size:
            raise InputError(f"no node {index} at level {level} in a tree of {size}", field="index")
        return node(level, index)

    return read


def _index_path(index: int, width: int) -> str:
    if not 0 <= index <= INDEX_MAX:
        raise InputError(f"no tile {index}", field="index", expected=f"0 to {INDEX_MAX}")
    _check_count(width)
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    elements = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{element}" for element in elements[:-1]), elements[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def _check_count(count: int) -> None:
    if not 1 <= count <= TILE_WIDTH:
        raise InputError(f"a width of {count}", field="width", expected=f"1 to {TILE_WIDTH}")
