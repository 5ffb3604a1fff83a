"""ledger.tree: full tiles as rows, the right edge in memory, and the same tree after every start."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import keys
from ledger.errors import StorageError
from ledger.store import MemoryStore
from ledger.tree import HEAD_KEY, Tree, load, read_head, tile_key
from proofs import codec, merkle, tiles
from tests.proofs import oracle

LEAVES = [hashlib.sha256(b"\0%d" % number).digest() for number in range(70_000)]


def grow(store: MemoryStore, tree: Tree, upto: int) -> Tree:
    tree, rows = tree.grown(LEAVES[tree.size : upto])
    store.write(rows)
    return tree


def reopened(store: MemoryStore) -> Tree:
    size = read_head(store)[0]
    return load(store, LEAVES[size - size % 256 : size])


def naive_tile(level: int, index: int, width: int) -> bytes:
    """A tile from the leaves: each hash the root of a perfect subtree of 256^level leaves."""
    span = 256**level
    start = index * 256
    return b"".join(merkle.root(LEAVES[at * span : (at + 1) * span]) for at in range(start, start + width))


@given(st.lists(st.integers(1, 400), max_size=6))
def test_growing_in_any_steps_gives_one_tree(steps: list[int]) -> None:
    """However the leaves come in, root, peaks, rows and edge are those of one append, and a load finds the same."""
    store, tree, size = MemoryStore(), Tree(), 0
    for step in steps:
        size += step
        tree = grow(store, tree, size)
        assert tree.root == merkle.root(LEAVES[:size])
    once = MemoryStore()
    whole = grow(once, Tree(), size)
    for found in (tree, reopened(store) if size else Tree()):
        assert (found.size, found.root, found.edge) == (whole.size, whole.root, whole.edge)
        assert found.range.hashes == whole.range.hashes
    if size:
        prefixes = (keys.TILE, keys.META)
        assert [list(store.scan(p, keys.after(p))) for p in prefixes] == [
            list(once.scan(p, keys.after(p))) for p in prefixes
        ]


def test_only_full_tiles_are_written() -> None:
    """Rows are full tiles of the naive tree and the head; nothing partial, at sizes around one and two levels."""
    store, tree = MemoryStore(), Tree()
    for size in (1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000):
        tree = grow(store, tree, size)
        rows = dict(store.scan(keys.TILE, keys.after(keys.TILE)))
        full = {tile_key(level, index) for level, count in tiles.tiles_of(size) for index in range(count)
                if tiles.tile_width(level, index, size) == 256}  # fmt: skip
        assert set(rows) == full
        for level, index in {(0, size // 256 - 1), (1, size // 65_536 - 1)}:
            if index >= 0:
                assert rows[tile_key(level, index)] == naive_tile(level, index, 256)
        found = reopened(store)
        assert (found.size, found.root, found.edge) == (tree.size, tree.root, tree.edge)
        assert found.root == merkle.root(LEAVES[:size])


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, 65_535, 65_536, 65_537, 65_800, 66_048])
def test_a_view_serves_every_tile_and_root(size: int) -> None:
    """Every tile of each level and width, leaves, and roots and proofs at earlier sizes are those of the leaves."""
    store = MemoryStore()
    view = grow(store, Tree(), size).view(store.snapshot())
    for level, count in tiles.tiles_of(size):
        for index in {0, count // 2, count - 1}:
            width = tiles.tile_width(level, index, size)
            naive = naive_tile(level, index, width)
            for part in {1, width // 2, width} - {0}:
                assert view.tile(level, index, part) == naive[: part * 32]
    for index in {0, size // 2, size - 1}:
        assert view.leaf(index) == LEAVES[index]
        path = merkle.inclusion_path(index=index, size=size, read=view.nodes)
        merkle.check_inclusion(index=index, size=size, leaf=LEAVES[index], path=path, root=view.root)
    for earlier in {0, 1, 2, 255, 256, 257, size // 2, size - 1, size}:
        if earlier <= size:
            assert view.root_at(earlier) == merkle.root(LEAVES[:earlier])
        if 0 < earlier <= size:
            path = merkle.consistency_path(old_size=earlier, new_size=size, read=view.nodes)
            merkle.check_consistency(
                old_size=earlier, new_size=size, old_root=merkle.root(LEAVES[:earlier]), new_root=view.root, path=path
            )


def test_a_view_stays_when_the_tree_grows() -> None:
    """A view handed to a reader answers as before, and the tree that was grown from is not changed by it."""
    store = MemoryStore()
    tree = grow(store, Tree(), 300)
    view, edge, peaks = tree.view(store.snapshot()), list(tree.edge), tree.range.hashes
    for size in (301, 512, 700):
        grow(store, tree, size)
        assert (tree.size, tree.edge, tree.range.hashes) == (300, edge, peaks)
    assert view.root_at(300) == view.root == merkle.root(LEAVES[:300])
    assert view.tile(0, 1, 44) == b"".join(LEAVES[256:300])


def test_small_trees_are_the_rfcs() -> None:
    """Roots of all sizes up to 40 are those of the RFC's recursive definition, grown one leaf at a time."""
    store, tree, data = MemoryStore(), Tree(), []
    for number in range(40):
        data.append(b"%d" % number)
        tree, rows = tree.grown([merkle.leaf_hash(data[-1])])
        store.write(rows)
        assert tree.root == oracle.mth(data)


def test_an_empty_store_is_the_empty_tree() -> None:
    """Nothing written: size 0 and the empty tree's root."""
    assert read_head(MemoryStore()) == (0, merkle.EMPTY_ROOT, [])
    assert (Tree().size, Tree().root) == (0, merkle.EMPTY_ROOT)


DAMAGE = ["edge leaf", "tile flipped", "tile missing", "tile cut", "upper tile", "root", "peaks", "edge short"]


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_edge_is_refused(what: str) -> None:
    """A changed entry, tile, root or peak on the right edge: the load refuses,
    and says that the database is damaged."""
    store = MemoryStore()
    grow(store, Tree(), 66_050)
    size, root, peaks = read_head(store)
    edge = LEAVES[66_048:66_050]
    last = tile_key(0, 257)
    data = store.get(last)
    assert data is not None
    assert load(store, edge).root == root
    if what == "edge leaf":
        edge = [LEAVES[0], edge[1]]
    elif what == "edge short":
        edge = edge[:1]
    elif what == "tile flipped":
        store.write({last: bytes([data[0] ^ 1]) + data[1:]})
    elif what == "tile missing":
        store.write({last: None})
    elif what == "tile cut":
        store.write({last: data[:-32]})
    elif what == "upper tile":
        store.write({tile_key(1, 0): data})
    elif what == "root":
        store.write({HEAD_KEY: codec.pack([size, bytes(32), peaks])})
    else:
        store.write({HEAD_KEY: codec.pack([size, root, [*peaks[:-1], bytes(32)]])})
    with pytest.raises((StorageError, merkle.InputError)) as caught:
        load(store, edge)
    assert isinstance(caught.value, StorageError) or what == "edge short"


def test_a_missing_tile_is_no_answer() -> None:
    """A reader that needs a tile which is not there, or is cut, gets a storage error."""
    store = MemoryStore()
    tree = grow(store, Tree(), 600)
    row = store.get(tile_key(0, 0))
    assert row is not None
    for damaged in (None, row[:-1], row + b"a", b""):
        store.write({tile_key(0, 0): damaged})
        with pytest.raises(StorageError):
            tree.view(store).leaf(3)
