"""proofs.tiles: paths, widths and bundles as tlog-tiles has them, and proofs read from tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import merkle, tiles
from proofs.errors import InputError
from tests.proofs import oracle


def row(leaves: list[bytes], level: int, index: int, width: int) -> bytes:
    """A tile by the standard's formula: MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])."""
    span = 256**level
    first = index * 256
    return b"".join(oracle.mth(leaves[at * span : (at + 1) * span]) for at in range(first, first + width))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (tiles.Tile(0, 0), "tile/0/000"),
        (tiles.Tile(1, 1234067), "tile/1/x001/x234/067"),
        (tiles.Tile(0, 999, 1), "tile/0/999.p/1"),
        (tiles.Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
        (tiles.Tile(None, 273, 112), "tile/entries/273.p/112"),
        (tiles.Tile(None, 273), "tile/entries/273"),
        (tiles.Tile(0, tiles.INDEX_MAX), "tile/0/x036/x028/x797/x018/x963/967"),
    ],
)
def test_paths_are_the_standards(tile: tiles.Tile, path: str) -> None:
    """Known paths print and parse as tlog-tiles writes them."""
    assert tile.path == path
    assert tiles.parse_tile_path(path) == tile
    made = (
        tiles.entries_path(tile.index, tile.width)
        if tile.level is None
        else tiles.tile_path(tile.level, tile.index, tile.width)
    )
    assert made == path


@given(
    st.one_of(st.none(), st.integers(0, 63)),
    st.one_of(st.integers(0, 2_000), st.integers(0, tiles.INDEX_MAX)),
    st.integers(1, 256),
)
def test_every_path_reads_back(level: int | None, index: int, width: int) -> None:
    """A path that is printed parses to the tile that it was printed from."""
    tile = tiles.Tile(level, index, width)
    assert tiles.parse_tile_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile/0/000\n", " tile/0/000",
        "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/x001", "tile/0/001/002", "tile/0/X001/002",
        "tile/00/000", "tile/64/000", "tile/100/000", "tile/-1/000", "tile/+1/000", "tile/a/000", "tile//000",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/1/",
        "tile/0/000.p/-1", "tile/0/000.p/1_0", "tile/0/000.p/999", "tile/entries", "tile/entries/", "tile/data/000",
        "tile/0/\u0660\u0660\u0660", "tile/\u0661/000", "tile/0/000.p/\u0661", "tile/0/0x1", "tile/0/1_0",
        "tile/0/x036/x028/x797/x018/x963/968", "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x001/" * 40 + "000",
        "tile/0/../000", "tile/0/000?x", "tile/0/%30%30%30", "tile/entries/000.P/1",
    ],
)  # fmt: skip
def test_other_paths_are_refused(path: str) -> None:
    """Short or long elements, needless zeros, signs, other digits, levels and widths out of range: no tile."""
    with pytest.raises(InputError):
        tiles.parse_tile_path(path)


@given(st.text(alphabet="tileenr/x.p0123456789", max_size=30))
def test_what_parses_prints_back(text: str) -> None:
    """No two texts name one tile."""
    for path in (text, f"tile/0/{text}", f"tile/entries/{text}"):
        try:
            tile = tiles.parse_tile_path(path)
        except InputError:
            continue
        assert tile.path == path


@pytest.mark.parametrize(("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_no_path_is_made_of_numbers_out_of_range(level: int, index: int, width: int) -> None:
    """A tile that can't be is not given a path."""
    with pytest.raises(InputError):
        tiles.tile_path(level, index, width)


def test_the_standards_tree_of_70000() -> None:
    """The widths and counts that tlog-tiles gives for trees of 70,000 and 256 leaves."""
    assert tiles.tiles_of(70_000) == [(0, 274), (1, 2), (2, 1)]
    assert [tiles.partial_width(level, 70_000) for level in range(4)] == [112, 17, 1, 0]
    assert [tiles.tile_width(0, index, 70_000) for index in (0, 272, 273, 274)] == [256, 256, 112, 0]
    assert [tiles.tile_width(1, index, 70_000) for index in (0, 1, 2)] == [256, 17, 0]
    assert tiles.tiles_of(256) == [(0, 1), (1, 1)]
    assert tiles.partial_width(0, 256) == 0
    assert tiles.partial_width(1, 256) == 1
    assert tiles.tiles_of(0) == []


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_read_back(entries: list[bytes]) -> None:
    """A bundle's entries come back as they went in, empty ones too."""
    data = tiles.encode_bundle(entries)
    assert data == b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    assert tiles.parse_bundle(data, len(entries)) == entries


def test_a_bundle_holds_its_entries_and_nothing_more() -> None:
    """Cut anywhere, with a byte more, or asked for another count, a bundle is refused."""
    entries = [b"one", b"", b"three", bytes(300)]
    data = tiles.encode_bundle(entries)
    for bad in [data[:at] for at in range(len(data))] + [data + b"\x00", data + b"\x00\x00"]:
        with pytest.raises(InputError):
            tiles.parse_bundle(bad, len(entries))
    for count in (0, 3, 5, 257, -1):
        with pytest.raises(InputError):
            tiles.parse_bundle(data, count)


def test_bundles_have_bounds() -> None:
    """65,535 bytes an entry and 256 entries fit, one more of either doesn't, and no bundle is empty."""
    tiles.encode_bundle([bytes(65_535)] * 256)
    for bad in ([bytes(65_536)], [b""] * 257, []):
        with pytest.raises(InputError):
            tiles.encode_bundle(bad)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 513, 700])
def test_proofs_from_tiles_are_the_trees(size: int) -> None:
    """Roots, paths and consistency proofs read from tiles are those of the tree, at sizes around a tile's."""
    leaves = [b"%d" % number for number in range(size)]
    leaf_hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    asked = []

    def fetch(level: int, index: int, width: int) -> bytes:
        assert width == tiles.tile_width(level, index, size) > 0
        asked.append((level, index))
        return row(leaves, level, index, width)

    read = tiles.tile_node_reader(fetch, size)
    root = merkle.root(leaf_hashes)
    assert merkle.root_at(size, read) == root
    paths = merkle.all_paths(leaf_hashes)
    for index in {0, size // 3, size - 1, min(size - 1, 256)}:
        assert b"".join(merkle.inclusion_path(index=index, size=size, read=read)) == paths[index]
    for old_size in {1, size // 2 or 1, min(size, 256), min(size, 257), size}:
        path = merkle.consistency_path(old_size=old_size, new_size=size, read=read)
        merkle.check_consistency(
            old_size=old_size, new_size=size, old_root=merkle.root(leaf_hashes[:old_size]), new_root=root, path=path
        )
    assert len(asked) == len(set(asked)), "a kept tile was fetched again"


def test_a_reader_refuses_what_the_tree_does_not_hold() -> None:
    """Nodes past the right edge, and tiles that are a byte or a hash off, are refused."""
    leaves = [b"%d" % number for number in range(5)]

    def fetch(level: int, index: int, width: int) -> bytes:
        return row(leaves, level, index, width)

    read = tiles.tile_node_reader(fetch, 5)
    assert read(2, 0) == oracle.mth(leaves[:4])
    for level, index in ((0, 5), (2, 1), (3, 0), (0, -1), (-1, 0), (8, 0)):
        with pytest.raises(InputError):
            read(level, index)
    whole = row(leaves, 0, 0, 5)
    for wrong in (b"", whole[:-1], whole[:-32], whole + b"\x00", whole + bytes(32)):
        bad = tiles.tile_node_reader(lambda level, index, width, wrong=wrong: wrong, 5)
        with pytest.raises(InputError):
            bad(0, 0)


@given(st.integers(1, 256))
def test_tiles_split_into_hashes(width: int) -> None:
    """A tile is exactly as many hashes as its width says."""
    data = bytes(range(32)) * width
    assert tiles.split_tile(data, width) == [bytes(range(32))] * width
    for wrong in (0, width - 1, width + 1, 257):
        with pytest.raises(InputError):
            tiles.split_tile(data, wrong)
