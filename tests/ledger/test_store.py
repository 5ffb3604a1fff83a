"""ledger.store and ledger.leveldb: every store is the same ordered map, whatever was written and however it is read."""

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import keys
from ledger.bulk import ROW_BYTES, BulkStore
from ledger.errors import StartupError, StorageError
from ledger.leveldb import DamagedError, LevelStore, _cannot_open
from ledger.store import MemoryStore, Overlay, RowCache, Store, View

ALPHABET = [b"", b"\x00", b"\x00\xff", b"a", b"ab", b"\xff", b"\xff\xff"]
PREFIXES = [b"p", b"q"]
row_keys = st.tuples(st.sampled_from(PREFIXES), st.sampled_from(ALPHABET)).map(b"".join)
bounds = st.one_of(row_keys, st.sampled_from([b"p", b"q", b"r"]))
values = st.one_of(st.none(), st.binary(max_size=3))
writes = st.lists(st.dictionaries(row_keys, values, max_size=6), max_size=8)
Model = dict[bytes, bytes]


def apply(model: Model, rows: dict[bytes, bytes | None]) -> None:
    for key, value in rows.items():
        if value is None:
            model.pop(key, None)
        else:
            model[key] = value


def expected(model: Model, start: bytes, stop: bytes) -> list[tuple[bytes, bytes]]:
    return sorted((key, value) for key, value in model.items() if start <= key < stop)


def check_scans(view: View, model: Model) -> None:
    """Every pair of bounds within a prefix, both ways, and every key."""
    for prefix in PREFIXES:
        edges = [prefix + key for key in ALPHABET] + [keys.after(prefix)]
        for start, stop in itertools.product(edges[:-1], edges):
            rows = expected(model, start, stop)
            assert list(view.scan(start, stop)) == rows
            assert list(view.scan(start, stop, reverse=True)) == rows[::-1]
        for key in edges:
            assert view.get(key) == model.get(key)


@contextlib.contextmanager
def memory(_: Path) -> Iterator[Store]:
    yield MemoryStore()


@contextlib.contextmanager
def level(folder: Path) -> Iterator[Store]:
    store = LevelStore(str(folder / "db"), create=True)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def bulk(folder: Path) -> Iterator[Store]:
    """One that hands over nearly every write to its thread."""
    with level(folder) as below:
        store = BulkStore(below, buffer_bytes=2 * ROW_BYTES)
        try:
            yield store
        finally:
            store.close()


STORES = pytest.mark.parametrize("opened", [memory, level, bulk])
F = TypeVar("F", bound=Callable[..., object])
Opened = Callable[[Path], contextlib.AbstractContextManager[Store]]


def fewer(opened: Opened) -> Callable[[F], F]:
    """Fewer examples where each write is an fsync."""
    return settings(max_examples=settings().max_examples // (1 if opened is memory else 3))


def wipe(store: Store) -> None:
    store.write({key: None for prefix in PREFIXES for key, _ in store.scan(prefix, keys.after(prefix))})


@STORES
def test_a_store_is_an_ordered_map(opened: Opened, tmp_path: Path) -> None:
    """After any writes and deletes, gets and scans of any range, both ways, are those of a plain dict."""
    with opened(tmp_path) as store:

        @fewer(opened)
        @given(writes)
        def run(batches: list[dict[bytes, bytes | None]]) -> None:
            wipe(store)
            model: Model = {}
            for rows in batches:
                store.write(rows)
                apply(model, rows)
            check_scans(store, model)

        run()


@pytest.mark.parametrize("opened", [memory, level])
def test_a_snapshot_stays_as_it_was(opened: Opened, tmp_path: Path) -> None:
    """What is written after a snapshot is not seen through it, and scans of it are as strict."""
    with opened(tmp_path) as store:

        @fewer(opened)
        @given(writes, writes)
        def run(before: list[dict[bytes, bytes | None]], after: list[dict[bytes, bytes | None]]) -> None:
            wipe(store)
            model: Model = {}
            for rows in before:
                store.write(rows)
                apply(model, rows)
            snapshot = store.snapshot()
            for rows in after:
                store.write(rows)
            check_scans(snapshot, model)

        run()


@STORES
def test_an_overlay_reads_as_if_it_were_written(opened: Opened, tmp_path: Path) -> None:
    """Rows held over a store, in two layers, read as the merged map; below stays untouched until they are written."""
    with opened(tmp_path) as store:

        @fewer(opened)
        @given(writes, writes, writes, st.booleans())
        def run(below: list[dict], middle: list[dict], top: list[dict], push: bool) -> None:
            wipe(store)
            model: Model = {}
            for rows in below:
                store.write(rows)
                apply(model, rows)
            stored = dict(model)
            group = Overlay(store)
            for rows in middle:
                hold(group, rows)
                apply(model, rows)
                check_some(group, model)
            kept = dict(model)
            held = Overlay(group)
            for rows in top:
                hold(held, rows)
                apply(model, rows)
                check_some(held, model)
            check_scans(held, model)
            check_scans(group, kept)
            check_scans(store, stored)
            if push:
                held.into(group)
                check_scans(group, model)
                store.write(group.rows())
                check_scans(store, model)

        run()


def hold(overlay: Overlay, rows: dict[bytes, bytes | None]) -> None:
    for key, value in rows.items():
        if value is None:
            overlay.delete(key)
        else:
            overlay.put(key, value)


def check_some(view: View, model: Model) -> None:
    """A scan between writes, so that an order which is kept has to be brought up to date."""
    rows = expected(model, b"p", b"q")
    assert list(view.scan(b"p", b"q")) == rows
    assert list(view.scan(b"p", b"q", reverse=True)) == rows[::-1]


@given(
    st.lists(st.tuples(st.dictionaries(row_keys, values, max_size=4), st.lists(row_keys, max_size=6)), max_size=12),
    st.booleans(),
)
def test_rows_read_through_memory_are_the_stores(
    steps: list[tuple[dict[bytes, bytes | None], list[bytes]]], is_empty: bool
) -> None:
    """A cache of some prefixes that is told of each write answers as the store does, and keeps within its bound,
    whether or not it knows that the store began empty."""
    store = MemoryStore()
    cache = RowCache(store, (b"p",), rows_max=4, is_empty=is_empty)
    model: Model = {}
    for rows, reads in steps:
        for key in reads:
            assert cache.get(key) == model.get(key)
        store.write(rows)
        cache.wrote(rows)
        apply(model, rows)
        for key in (*reads, *rows):
            assert cache.get(key) == model.get(key)
        held = [*cache._rows, *cache._older]
        assert len(held) <= 4
        assert all(key.startswith(b"p") for key in held)
    check_scans(cache, model)


class Asked(MemoryStore):
    """Remembers which rows were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """See View."""
        self.keys.append(key)
        return super().get(key)


def test_a_row_in_use_stays_in_memory_while_others_come_and_go() -> None:
    """What is read again before half of the bound has come is read from the store once."""
    store = Asked()
    cache = RowCache(store, (b"p",), rows_max=8)
    for at in range(100):
        cache.get(b"p often")
        cache.get(b"p%d" % at)
    assert store.keys.count(b"p often") == 1
    assert len(store.keys) == 101


def test_a_store_that_began_empty_is_asked_when_something_was_forgotten() -> None:
    """Until then what isn't in memory isn't anywhere; from then on the store knows more."""
    store = Asked()
    cache = RowCache(store, (b"p",), rows_max=8, is_empty=True)
    for at in range(8):
        assert cache.get(b"p%d" % at) is None
        rows: dict[bytes, bytes | None] = {b"p%d" % at: b"v"}
        store.write(rows)
        cache.wrote(rows)
    assert [cache.get(b"p%d" % at) for at in (0, 8)] == [b"v", None]
    assert b"p0" not in store.keys
    for at in range(8, 20):
        rows = {b"p%d" % at: b"v"}
        store.write(rows)
        cache.wrote(rows)
    assert cache.get(b"p0") == b"v"
    assert store.keys[-1] == b"p0"


def test_many_held_rows_stay_in_order() -> None:
    """An overlay that takes rows by ones and by thousands between scans keeps them all in order."""
    overlay, model = Overlay(MemoryStore()), {}
    number = 0
    for count in (1, 2000, 1, 64, 65, 1, 1000):
        for _ in range(count):
            number = (number * 1_103_515_245 + 12_345) % 2**31
            key = b"p" + number.to_bytes(4, "big")
            overlay.put(key, b"v")
            model[key] = b"v"
        assert list(overlay.scan(b"p", b"q")) == expected(model, b"p", b"q")
        middle = b"p\x40"
        assert list(overlay.scan(middle, b"q", reverse=True)) == expected(model, middle, b"q")[::-1]


def test_writes_during_a_scan_do_not_disturb_it() -> None:
    """A scan of an overlay that is written to meanwhile yields the rows of its start, each at most once."""
    overlay = Overlay(MemoryStore())
    for letter in b"abc":
        overlay.put(b"p" + bytes([letter]), b"1")
    seen = []
    for key, _ in overlay.scan(b"p", b"q"):
        seen.append(key)
        overlay.put(key + b"x", b"2")
    assert seen == [b"pa", b"pb", b"pc"]


def test_dropped_prefixes_are_not_kept() -> None:
    """A store in memory keeps nothing of the prefixes that it was told to drop."""
    store = MemoryStore(drop=(b"p",))
    store.write({b"pa": b"1", b"qa": b"2"})
    assert store.get(b"pa") is None
    assert list(store.scan(b"p", b"q")) == []
    assert store.get(b"qa") == b"2"


def test_a_row_alone_in_its_range_is_found_backwards(tmp_path: Path) -> None:
    """A single row that equals the range's start is found by a reverse scan of database and snapshot."""
    with level(tmp_path) as store:
        store.write({b"pa": b"1"})
        for view in (store, store.snapshot()):
            assert list(view.scan(b"pa", b"pb", reverse=True)) == [(b"pa", b"1")]
            assert list(view.scan(b"pa", b"z", reverse=True)) == [(b"pa", b"1")]
            assert next(iter(view.scan(b"p", b"q", reverse=True))) == (b"pa", b"1")


def test_rows_outlive_the_process(tmp_path: Path) -> None:
    """Closed and opened again, also compacted, the database holds what was written."""
    rows = {b"p" + number.to_bytes(4, "big"): bytes(50) for number in range(3000)}
    with level(tmp_path) as store:
        store.write(rows)
        store.write({b"p" + number.to_bytes(4, "big"): None for number in range(0, 3000, 2)})
        store.close()
        store.close()
    again = LevelStore(str(tmp_path / "db"))
    left = {key: value for key, value in rows.items() if key[-1] % 2}
    assert dict(again.scan(b"p", b"q")) == left
    again.compact()
    assert dict(again.scan(b"p", b"q")) == left
    again.close()


def test_a_write_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """A batch of rows that can't be written to its end writes none of them."""
    with level(tmp_path) as store:
        with pytest.raises(TypeError):
            store.write({b"pa": b"1", b"pb": 5})
        assert list(store.scan(b"p", b"q")) == []


def test_a_missing_foreign_or_existing_database_is_refused(tmp_path: Path) -> None:
    """No folder, a folder without a database, and creating over an existing one end in words, not in a new database."""
    for name in ("nothing", "empty"):
        if name == "empty":
            (tmp_path / name).mkdir()
        with pytest.raises(StartupError):
            LevelStore(str(tmp_path / name))
    assert not (tmp_path / "nothing").exists()
    with level(tmp_path) as store:
        store.write({b"pa": b"1"})
        store.close()
        with pytest.raises(StartupError):
            LevelStore(str(tmp_path / "db"), create=True)
    with pytest.raises(StartupError):
        LevelStore(str(tmp_path / "no" / "folder" / "there"), create=True)


def test_one_process_holds_the_database(tmp_path: Path, repo_root: Path) -> None:
    """A second opening is refused, whether by this process or by another, and the first of these doesn't let the
    second in."""
    folder = str(tmp_path / "db")
    code = "import sys; from ledger.leveldb import LevelStore; LevelStore(sys.argv[1])"
    open_elsewhere = [sys.executable, "-c", code, folder]
    with level(tmp_path) as store:
        for _ in range(2):
            done = subprocess.run(
                open_elsewhere, cwd=repo_root, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 1
            assert "another process holds the database" in done.stderr
            for path in (folder, f"{folder}/../db"):
                with pytest.raises(StartupError, match="this process holds the database"):
                    LevelStore(path)
        store.close()
        LevelStore(folder).close()
        subprocess.run(open_elsewhere, cwd=repo_root, timeout=60, check=True)


def test_a_flipped_bit_is_never_served(tmp_path: Path) -> None:
    """A byte changed in a log or table file: the database refuses to open, or a read says so; it never loses rows in
    silence."""
    rows = {b"p" + number.to_bytes(4, "big"): number.to_bytes(4, "big") * 20 for number in range(500)}
    for compacted in (False, True):
        folder = tmp_path / f"db{compacted}"
        store = LevelStore(str(folder), create=True)
        for key, value in rows.items():
            store.write({key: value})
        if compacted:
            store.compact()
        store.close()
        suffix = ".ldb" if compacted else ".log"
        (target,) = [path for path in folder.iterdir() if path.suffix == suffix and path.stat().st_size > 5000]
        data = bytearray(target.read_bytes())
        data[len(data) // 3] ^= 0x10
        target.write_bytes(data)
        with pytest.raises((StartupError, StorageError)):
            read_all(folder, list(rows))


def read_all(folder: Path, row_keys: list[bytes]) -> None:
    """Open the database and read each row in both ways."""
    with contextlib.closing(LevelStore(str(folder))) as store:
        list(store.scan(b"p", b"q"))
        for key in row_keys:
            store.get(key)


def test_prefixes_are_one_byte_and_their_own() -> None:
    """No two kinds of rows share a prefix, and each prefix is one byte that a scan can end after."""
    assert len(set(keys.PREFIXES.values())) == len(keys.PREFIXES) > 15
    assert all(len(prefix) == 1 and prefix < b"\xff" for prefix in keys.PREFIXES.values())
    assert set(keys.REPLAY_DROPS) <= set(keys.PREFIXES.values())


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_after_is_the_first_key_beyond_a_prefix(prefix: bytes, key: bytes) -> None:
    """A key is below `after(prefix)` and not below the prefix exactly when it starts with it."""
    if prefix.strip(b"\xff"):
        assert (prefix <= key < keys.after(prefix)) == key.startswith(prefix)
        assert prefix <= prefix + key < keys.after(prefix)


def test_a_folders_name_says_nothing_of_a_lock(tmp_path: Path) -> None:
    """LevelDB's messages hold the path: a damaged database in a folder named `blocks` is held by nobody."""
    path = tmp_path / "blocks" / "db"
    path.parent.mkdir()
    LevelStore(str(path), create=True).close()
    next(path.glob("MANIFEST-*")).unlink()
    with pytest.raises(DamagedError, match="fsck"):
        LevelStore(str(path))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("IO error: lock /d/db/LOCK: Resource temporarily unavailable", "a node probably runs on /d. Stop it"),
        ("IO error: lock /d/db/LOCK: already held by process", "another process holds the database"),
        ("IO error: /d/db/LOCK: Permission denied", "as the user that runs the node"),
        ("IO error: /d/db/MANIFEST-000002: Permission denied", "as the user that runs the node"),
        ("IO error: /d/db/LOCK: Read-only file system", "mend the disk"),
    ],
)
def test_why_a_database_can_t_be_opened_is_told_apart(said: str, words: str) -> None:
    """As LevelDB words it: held by a process, another user's files, a disk that can't be written."""
    error = _cannot_open(said, "/d/db", is_io=True)
    assert words in error.detail
    assert not isinstance(error, DamagedError)
