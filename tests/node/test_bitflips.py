"""Single bits flipped, and files cut, in a stopped node's database: each is found by the start, by a read or by fsck,
or every key and value reads as before; and no wrong byte is ever served (design section 8)."""

import contextlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import StorageError
from ledger.leveldb import LevelStore
from ledger.reader import EntryCache, Reader
from ledger.tree import HEAD_KEY
from node import fsck as checking
from node.fsck import fsck, migrate
from node.server import load_config, open_node
from proofs import tiles
from proofs.errors import FatalError
from tests.node.oldstores import grow, old_folder, quiet, rows_of
from tests.simulation.nodes import Connection, Node, NodeDied

FLIPS, FLIPS_LONG = 40, 500
SERVED, SERVED_LONG = 2, 40
"""Of the flips after which a node starts, so many are read over HTTP too."""
SHARES = {".ldb": 60, ".log": 25, "MANIFEST": 11, "CURRENT": 4}
"""Of a hundred flips, how many in each sort of file."""
BATCHES, BATCHES_LONG = 4, 20
ROWS, PAGE = 200, 100


@pytest.fixture(autouse=True)
def in_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are examined in this process, which costs less than starting others for so few."""
    monkeypatch.setattr(checking, "Examiners", lambda: contextlib.nullcontext(None))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, long_run: bool) -> Path:
    """A node's folder whose database has several tables, and its newest rows in the write-ahead log, as a node leaves
    it that was just writing."""
    folder = old_folder(2, tmp_path_factory.mktemp("flips") / "node")
    migrate(str(folder), delete_old=True, show=quiet)
    grow(folder, BATCHES_LONG if long_run else BATCHES)
    rows = rows_of(folder)
    shutil.rmtree(folder / "db")
    LevelStore(str(folder / "db"), create=True).close()
    order = sorted(rows, key=lambda key: (key == HEAD_KEY, key[-6:]))
    in_tables = len(order) * 4 // 5
    for start, end in ((0, in_tables // 2), (in_tables // 2, in_tables), (in_tables, len(order))):
        with contextlib.closing(LevelStore(str(folder / "db"))) as store:
            for at in range(start, end, ROWS):
                store.write({key: rows[key] for key in order[at : min(at + ROWS, end)]})
    assert {sort: bool(paths) for sort, paths in live_files(folder).items()} == dict.fromkeys(SHARES, True)
    return folder


class Good:
    """What a good folder's node reads and serves."""

    def __init__(self, folder: Path) -> None:
        self.rows = rows_of(shutil.copytree(folder, folder.parent / "good"))
        assert HEAD_KEY in self.rows
        node = open_node(str(folder.parent / "good"), load_config(str(folder.parent / "good")))
        self.read = read_log(Reader(node.ledger.view(), EntryCache()))
        self.size = node.ledger.size
        node.store.close()
        with Node(folder.parent / "good") as served:
            self.answers = ask(served, self.paths())
            assert served.stop() == 0

    def paths(self) -> list[str]:
        """Every sort of answer, and all of the log."""
        found = ["/checkpoint", "/genesis", "/conflicts", "/assets", "/accounts", "/consistency?from=1"]
        found += [f"/records?from={start}&limit={PAGE}" for start in range(0, self.size, PAGE)]
        for index in range(0, self.size, 25):
            found += [f"/records/{index}", f"/proof/{index}", f"/evidence/{index}"]
        for level, count in tiles.tiles_of(self.size):
            for index in range(count):
                width = tiles.tile_width(level, index, self.size)
                if width:
                    found.append("/" + tiles.tile_path(level, index, width))
        for index in range(-(-self.size // tiles.TILE_WIDTH)):
            found.append("/" + tiles.entries_path(index, tiles.tile_width(0, index, self.size)))
        return found


@pytest.fixture(scope="module")
def good(base: Path) -> Good:
    return Good(base)


def read_log(reader: Reader) -> list[bytes]:
    """All entries and hash tiles."""
    found = list(reader.entries(0, reader.size))
    for level, count in tiles.tiles_of(reader.size):
        for index in range(count):
            width = tiles.tile_width(level, index, reader.size)
            if width:
                found.append(reader.tile(level, index, width))
    return found


def ask(node: Node, paths: list[str]) -> dict[str, bytes]:
    """The bodies of all answers that are no errors of the node's."""
    found = {}
    for path in paths:
        with Connection(node.port) as connection:
            reply = connection.request(path)
        if reply.status < 500:
            found[path] = reply.body
    return found


def judge(folder: Path, good: Good) -> str:
    """How damage is found: start, read or fsck; `unchanged` where every row reads as it was. Fails where a read gives
    anything else than what was written."""
    try:
        node = open_node(str(folder), load_config(str(folder)))
    except FatalError:
        return "start"
    try:
        wrong = [key for key, value in good.rows.items() if node.store.get(key) != value]
        assert not wrong, f"{len(wrong)} rows read wrong: {wrong[0].hex()}"
        assert dict(node.store.scan(b"", b"\xff" * 64)) == good.rows
        assert dict(node.store.scan(b"", b"\xff" * 64, reverse=True)) == good.rows
        assert read_log(Reader(node.ledger.view(), EntryCache())) == good.read
    except StorageError:
        return "read"
    finally:
        node.store.close()
    try:
        return "fsck" if fsck(str(folder), show=quiet).findings else "unchanged"
    except FatalError:
        return "fsck"


def sort_of(path: Path) -> str:
    return path.suffix if path.suffix in SHARES else path.name.split("-")[0]


def live_files(folder: Path) -> dict[str, list[Path]]:
    """The database's files by their sort, but for LOCK and what LevelDB tells of itself."""
    found: dict[str, list[Path]] = {sort: [] for sort in SHARES}
    for path in sorted((folder / "db").iterdir()):
        if sort_of(path) in SHARES and path.stat().st_size:
            found[sort_of(path)].append(path)
    return found


def served_right(folder: Path, good: Good) -> None:
    """A node on this folder serves nothing but what the good one does, or an error."""
    try:
        with Node(folder) as node:
            answers = ask(node, list(good.answers))
            node.stop()
    except NodeDied:
        return
    assert {path: body for path, body in answers.items() if good.answers[path] != body} == {}


@pytest.mark.timeout(1800)
def test_a_flipped_bit_is_found_or_harmless(base: Path, good: Good, tmp_path: Path, long_run: bool) -> None:
    """Single bits in live files of all sorts, at random places: found by start, read or fsck, or every key and value
    reads unchanged; what a node that starts serves over HTTP is right or an error."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    count = FLIPS_LONG if long_run else FLIPS
    found: dict[str, Counter[str]] = {sort: Counter() for sort in SHARES}
    to_serve: list[Path] = []
    for number in range(count):
        folder = shutil.copytree(base, tmp_path / str(number))
        sort = draw.choices(list(SHARES), weights=list(SHARES.values()))[0] if number >= 4 else list(SHARES)[number]
        path = draw.choice(live_files(folder)[sort])
        data = bytearray(path.read_bytes())
        at, bit = draw.randrange(len(data)), draw.randrange(8)
        data[at] ^= 1 << bit
        path.write_bytes(data)
        kept = shutil.copytree(folder, tmp_path / f"{number}-again")
        try:
            how = judge(folder, good)
        except AssertionError as error:
            raise AssertionError(f"bit {bit} of byte {at} of {path.name} ({len(data)} bytes): {error}") from None
        found[sort][how] += 1
        shutil.rmtree(folder)
        if how in ("read", "fsck", "unchanged") and len(to_serve) < (SERVED_LONG if long_run else SERVED):
            to_serve.append(kept)
        else:
            shutil.rmtree(kept)
    for folder in to_serve:
        served_right(folder, good)
    for sort, ways in found.items():
        print(f"{sort:9} {dict(sorted(ways.items()))}")
    total = sum(found.values(), Counter())
    print(f"{count} flips: {dict(sorted(total.items()))}; {len(to_serve)} nodes asked over HTTP")
    assert total.total() == count
    assert total["start"] + total["read"] > count // 2


def cut(path: Path, draw: random.Random) -> None:
    """A random part of the file is left."""
    os.truncate(path, draw.randrange(path.stat().st_size))


def gone(path: Path, draw: random.Random) -> None:
    path.unlink()


def zeros(path: Path, draw: random.Random) -> None:
    """The end of the file reads as zeros, as after a loss of power on some file systems."""
    size = path.stat().st_size
    os.truncate(path, draw.randrange(size))
    os.truncate(path, size)


@pytest.mark.parametrize("sort", SHARES)
@pytest.mark.parametrize("damage", [cut, gone, zeros])
def test_a_cut_file_is_found(
    base: Path, good: Good, tmp_path: Path, sort: str, damage: Callable[[Path, random.Random], None], long_run: bool
) -> None:
    """Any file of the database cut, gone or ending in zeros: found, or every key and value reads unchanged."""
    draw = random.Random(f"{sort} {damage.__name__}")
    for number in range(20 if long_run else 2):
        folder = shutil.copytree(base, tmp_path / str(number))
        damage(draw.choice(live_files(folder)[sort]), draw)
        assert judge(folder, good) in ("start", "read", "fsck", "unchanged")
        shutil.rmtree(folder)
