"""The index on LevelDB answers as postings in memory do; what is added comes whole or not at all, killed or not."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.errors import StorageError
from ledger.leveldb import LevelStore
from node.detect import index as index_module
from node.detect import indexfound, indexmerge, indexrows, indexwriter
from node.detect.index import Index, create_index, has_index, open_index
from node.detect.indexfolder import MARKER, making
from node.detect.postings import POSTINGS_MAX, Hits, MemoryPostings
from node.detect.prints import Prints
from node.detect.printset import write_print_set
from node.detect.winnow import DEFAULT, Scheme
from proofs.errors import InputError

SEED = 20261122


def make_prints(name: str, hashes: Any, *, length: int | None = None) -> Prints:
    """An item with these hashes, ten bytes apart."""
    hashes = np.array(hashes, np.uint64)
    places = np.arange(len(hashes), dtype=np.uint32) * 10
    return Prints(name, sha256(name.encode()).digest(), length or 10 * len(hashes) + 1, hashes, places)


def random_items(rng: np.random.Generator, owner: str, count: int, pool: Any) -> list[tuple[Prints, str | None]]:
    """Items whose prints are partly their own and partly of a pool that others draw from too."""
    items: list[tuple[Prints, str | None]] = []
    for at in range(count):
        own = rng.integers(0, 2**64, int(rng.integers(0, 200)), dtype=np.uint64)
        shared = rng.choice(pool, int(rng.integers(0, 60)), replace=False)
        items.append((make_prints(f"{owner}/{at}", np.concatenate([own, shared])), f"text of {owner} {at}"))
    return items


def named(postings: Any, hits: Hits) -> tuple[set[tuple[int, str, str, int]], list[int]]:
    """Hits without numbers, which may differ: hash, owner, item and place."""
    sources = {doc: postings.source(doc) for doc in set(hits.docs.tolist())}
    rows = zip(hits.hashes.tolist(), hits.docs.tolist(), hits.places.tolist(), strict=True)
    return (
        {(value, sources[doc].owner, sources[doc].name, place) for value, doc, place in rows},
        hits.crowded.tolist(),
    )


def check_alike(
    index: Index, owned: dict[str, list[tuple[Prints, str | None]]], asked: Any, *, owners_max: int
) -> None:
    """The index and postings in memory of the same items give the same answers."""
    memory = MemoryPostings([(owner, prints) for owner, items in owned.items() for prints, _ in items])
    ours, theirs = (postings.lookup(asked, owners_max=owners_max) for postings in (index, memory))
    assert named(index, ours) == named(memory, theirs)
    assert len(ours.hashes) == len(theirs.hashes)
    assert (np.diff(ours.hashes.astype(object)) >= 0).all()
    assert (index.owners, index.items) == (len(owned), len(memory))
    for doc in set(ours.docs.tolist()):
        source, (lengths, distinct) = index.source(doc), index.lengths(np.array([doc], np.uint32))
        assert (source.length, source.distinct) == (lengths[0], distinct[0])
        assert [index.source(copy).name for copy in index.copies(source.sha256)] == [source.name]


@pytest.mark.parametrize("bulk", [False, True])
def test_answers_as_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bulk: bool) -> None:
    """Random items of random owners, added, replaced and removed, with runs and merges in between and reopenings:
    every lookup is as postings in memory answer it."""
    monkeypatch.setattr(indexwriter, "RUN_POSTINGS", 500)
    monkeypatch.setattr(indexwriter, "BULK_POSTINGS", 900)
    monkeypatch.setattr(index_module, "FRESH_MAX", 2500)
    rng, choice = np.random.default_rng(SEED), random.Random(SEED)
    pool = rng.integers(0, 2**64, 120, dtype=np.uint64)
    owned: dict[str, list[tuple[Prints, str | None]]] = {}
    index = create_index(str(tmp_path / "index"), bulk=bulk)
    for step in range(12):
        name = f"owner {choice.randrange(7)}"
        if name in owned and choice.random() < 0.5:
            index.remove(name)
            del owned[name]
        else:
            items = random_items(rng, f"{name}.{step}", choice.randrange(15), pool)
            index.add(name, items, replaces=name in owned)
            owned.pop(name, None)
            owned[name] = items
        if step % 5 == 4:
            index.close()
            index = open_index(str(tmp_path / "index"), bulk=bulk)
        everything = np.unique(
            np.concatenate([pool, *(prints.hashes for items in owned.values() for prints, _ in items)])
        )
        check_alike(index, owned, everything, owners_max=choice.choice([2, 5, 100]))
        check_alike(index, owned, np.unique(rng.choice(everything, min(40, len(everything)))), owners_max=3)
    index.merge()
    check_alike(index, owned, everything, owners_max=4)
    index.close()


def owners_of(index: Index) -> list[tuple[str, int, int]]:
    """What is there."""
    return [(owner.text, owner.items, owner.prints) for owner in index.list_owners()]


def rows_of(folder: Path) -> dict[bytes, int]:
    """How many rows of each kind a closed index has."""
    store = LevelStore(str(folder))
    try:
        found: dict[bytes, int] = {}
        for key, _ in store.scan(b"", b"\xff"):
            found[key[:1]] = found.get(key[:1], 0) + 1
        return found
    finally:
        store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an index may be made."""
    return tmp_path / "index"


def test_an_addition_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items that end in an error are taken back, rows and all, and the owner can be added after."""
    monkeypatch.setattr(indexwriter, "RUN_POSTINGS", 100)
    rng = np.random.default_rng(SEED)
    items = random_items(rng, "a", 8, rng.integers(0, 2**64, 100, dtype=np.uint64))

    def failing() -> Iterator[tuple[Prints, str | None]]:
        yield from items
        raise InputError("no more")

    with create_index(str(folder)) as index:
        with pytest.raises(InputError, match="no more"):
            index.add("a", failing())
        assert owners_of(index) == []
        assert len(index.lookup(np.unique(items[0][0].hashes), owners_max=10).docs) == 0
    assert rows_of(folder) == {b"m": 1}
    with open_index(str(folder)) as index:
        index.add("a", items)
        check_alike(index, {"a": items}, np.unique(np.concatenate([one.hashes for one, _ in items])), owners_max=5)


ADDING = """
import sys
import numpy as np
from node.detect import indexwriter
from node.detect.index import open_index
from node.detect.prints import Prints
indexwriter.RUN_POSTINGS, indexwriter.BATCH_BYTES = 2000, 20000
rng = np.random.default_rng(5)
def items():
    for at in range(100000):
        hashes = rng.integers(0, 2**64, 100, dtype=np.uint64)
        yield Prints(f"new {at}", at.to_bytes(32, "big"), 999, hashes, np.arange(100, dtype=np.uint32)), "text"
        if at == 60:
            print("well under way", flush=True)
            sys.stdin.read()
open_index(sys.argv[1]).add("new", items())
"""


def test_a_killed_addition_leaves_nothing(folder: Path, repo_root: Path) -> None:
    """A process that is killed while it adds leaves rows that nobody sees, and the next opening clears them away."""
    rng = np.random.default_rng(SEED)
    items = random_items(rng, "old", 5, rng.integers(0, 2**64, 100, dtype=np.uint64))
    with create_index(str(folder)) as index:
        index.add("old", items)
    before = rows_of(folder)
    with subprocess.Popen(
        [sys.executable, "-c", ADDING, str(folder)], cwd=repo_root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(repo_root)}, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "well under way\n"
        with pytest.raises(StorageError, match="another process"):
            open_index(str(folder))
        process.send_signal(signal.SIGKILL)
    left = rows_of(folder)
    assert left[b"w"] == 1
    assert left[b"p"] > before[b"p"] + 1000
    with open_index(str(folder)) as index:
        assert owners_of(index) == [("old", len(items), sum(len(one) for one, _ in items))]
    assert rows_of(folder) == before
    with open_index(str(folder)) as index:
        again = random_items(rng, "again", 5, rng.integers(0, 2**64, 100, dtype=np.uint64))
        index.add("again", again)
        asked = np.unique(np.concatenate([one.hashes for one, _ in [*items, *again]]))
        check_alike(index, {"old": items, "again": again}, asked, owners_max=5)


def test_what_is_being_added_is_not_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an owner's items come, nothing of them is found; afterwards all of it."""
    monkeypatch.setattr(indexwriter, "RUN_POSTINGS", 50)
    monkeypatch.setattr(indexwriter, "BATCH_BYTES", 100)
    parts = [make_prints(f"part {at}", range(1000 * at, 1000 * at + 100)) for at in range(1, 4)]
    asked = np.unique(np.concatenate([part.hashes for part in parts]))
    with create_index(str(folder)) as index:
        seen = []

        def coming() -> Iterator[tuple[Prints, str | None]]:
            for part in parts:
                yield part, "text"
                seen.append((len(index.lookup(asked, owners_max=10).docs), index.owners, index.texts(0),
                             index.copies(part.sha256), len(index.docs())))  # fmt: skip

        index.add("a", coming())
        assert seen == [(0, 0, None, [], 0)] * 3
        assert len(index.lookup(asked, owners_max=10).docs) == 300


def test_what_a_failed_undo_left_is_cleared_before_the_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that couldn't be taken back never come to count as another owner's."""
    monkeypatch.setattr(indexwriter, "RUN_POSTINGS", 100)
    monkeypatch.setattr(indexwriter, "BATCH_BYTES", 100)
    ghost = make_prints("ghost", range(5000, 5400))
    with create_index(str(folder)) as index:
        with monkeypatch.context() as patched:
            patched.setattr(indexwriter.Addition, "undo", lambda self: None)

            def failing() -> Iterator[tuple[Prints, str | None]]:
                yield ghost, "ghost"
                yield make_prints("other", range(9000, 9400)), "other"
                raise InputError("no more")

            with pytest.raises(InputError):
                index.add("ghost", failing())
        index.add("a", [(make_prints("a", range(10)), None)])
        assert len(index.lookup(np.unique(ghost.hashes), owners_max=10).docs) == 0
        assert index.texts(0) is None
    assert rows_of(folder)[b"d"] == 1


def test_a_write_of_which_nobody_knows_whether_it_came_ends_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a commit that failed, and may be on disk all the same, nothing more is changed before the index is opened
    anew; what it then has is whole."""
    with create_index(str(folder)) as index:
        write = LevelStore.write

        def failing(store: LevelStore, rows: Any) -> None:
            write(store, rows)
            if indexrows.META in rows:
                raise StorageError("lost")

        with monkeypatch.context() as patched:
            patched.setattr(LevelStore, "write", failing)
            with pytest.raises(StorageError, match="lost"):
                index.add("a", [(make_prints("a", range(10)), None)])
        with pytest.raises(StorageError, match="open it anew"):
            index.add("b", [(make_prints("b", range(10)), None)])
        with pytest.raises(StorageError, match="open it anew"):
            index.remove("a")
    with open_index(str(folder)) as index:
        assert owners_of(index) == [("a", 1, 10)]
        index.add("b", [(make_prints("b", range(10)), None)])
        assert len(index.lookup(np.arange(10, dtype=np.uint64), owners_max=10).docs) == 20


def test_what_is_removed_counts_no_more_at_once(folder: Path) -> None:
    """Long before its rows are cleared away, of which there are too few to be worth it; after an opening anew too."""
    with create_index(str(folder)) as index:
        index.add("large", [(make_prints("large", range(1000)), None)])
        index.add("small", [(make_prints("small", range(10)), None)])
        index.remove("small")
        assert index.lookup(np.arange(10, dtype=np.uint64), owners_max=10).docs.tolist() == [0] * 10
    assert rows_of(folder)[b"x"] == 1
    with open_index(str(folder)) as index:
        assert index.lookup(np.arange(10, dtype=np.uint64), owners_max=10).docs.tolist() == [0] * 10
        index.merge()
    assert b"x" not in rows_of(folder)


def test_removal_clears_everything_away_in_time(folder: Path) -> None:
    """A removed owner counts no more at once; its rows are gone once they are a quarter of what is there."""
    rng = np.random.default_rng(SEED)
    pool = rng.integers(0, 2**64, 100, dtype=np.uint64)
    owned = {name: random_items(rng, name, 6, pool) for name in ("a", "b", "c")}
    asked = np.unique(np.concatenate([one.hashes for items in owned.values() for one, _ in items]))
    with create_index(str(folder)) as index:
        for name, items in owned.items():
            index.add(name, items)
        docs = index.docs().tolist()
        gone = owned.pop("b")
        assert index.remove("b").items == 6
        check_alike(index, owned, asked, owners_max=5)
        assert index.docs().tolist() == docs[:6] + docs[12:]
        assert index.copies(gone[0][0].sha256) == []
        with pytest.raises(InputError, match="no item"):
            index.source(6)
        with pytest.raises(InputError, match="is not in this index"):
            index.remove("b")
        assert index.texts(0) == "text of a 0"
    assert {kind: rows_of(folder).get(kind, 0) for kind in (b"d", b"t", b"c", b"x", b"o", b"s", b"n")} == {
        b"d": 12, b"t": 12, b"c": 12, b"x": 0, b"o": 2, b"s": 2, b"n": 2,
    }  # fmt: skip
    with open_index(str(folder)) as index:
        check_alike(index, owned, asked, owners_max=5)
        for name in list(owned):
            index.remove(name)
        assert (index.owners, index.items, index.prints, index.docs().tolist()) == (0, 0, 0, [])
    assert rows_of(folder) == {b"m": 1}


def test_merging_makes_few_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small owners with prints in the same buckets: rows are joined by and by, never beyond a row's bound."""
    monkeypatch.setattr(index_module, "FRESH_MAX", 300)
    monkeypatch.setattr(indexmerge, "ROW_BYTES_MAX", 40 * indexrows.POSTING.itemsize)
    with create_index(str(folder)) as index:
        for at in range(90):
            hashes = [(bucket << 48) + 1000 * at + bucket for bucket in range(10)]
            index.add(f"owner {at}", [(make_prints(f"item {at}", hashes), None)])
        asked = np.unique(np.array([(b << 48) + 1000 * at + b for b in range(10) for at in range(90)], np.uint64))
        found = index.lookup(asked, owners_max=5)
        assert len(found.docs) == 900
    store = LevelStore(str(folder))
    try:
        sizes = [len(data) // indexrows.POSTING.itemsize for _, data in store.scan(b"p", b"q")]
    finally:
        store.close()
    assert sum(sizes) == 900
    assert len(sizes) < 300 + 10 * 8
    assert max(sizes) <= 40


def test_an_owner_stands_once(folder: Path) -> None:
    """One that is there is refused, or replaced in one step where that is wanted; names are bounded and printable."""
    with create_index(str(folder)) as index:
        index.add("a", [(make_prints("one", range(10)), None)])
        with pytest.raises(InputError, match="in this index already"):
            index.add("a", [(make_prints("two", range(20)), None)])
        index.add("a", [(make_prints("two", range(20)), None)], replaces=True)
        assert owners_of(index) == [("a", 1, 20)]
        for name in ("", "x" * 257, "a\nb", "a\udc80"):
            with pytest.raises(InputError, match="can't be an owner"):
                index.add(name, [])


def test_an_item_stands_once_with_an_owner_and_the_root_is_the_print_sets(folder: Path) -> None:
    """Copies are passed over within an owner, not between owners; an owner's root is that of its print set."""
    one, two = make_prints("one", range(10)), make_prints("two", range(5, 20))
    with create_index(str(folder)) as index:
        added = index.add("a", [(one, None), (replace(one, name="copy"), None), (two, None)])
        index.add("b", [(one, None)])
        assert (added.items, added.prints) == (2, 25)
        assert added.root == write_print_set(None, [one, two]).root
        assert index.owner("a") == added
        assert sorted(index.source(doc).owner for doc in index.copies(one.sha256)) == ["a", "b"]


def test_crowded_prints_are_named_and_answers_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A print in more places than POSTINGS_MAX is crowded; where an answer would pass its bound, the commonest prints
    are crowded too, and the others all answered."""
    monkeypatch.setattr(indexfound, "SLAB_BYTES", 1024)
    items = [(make_prints(f"i{at}", [7, 8 if at < 300 else 9, 100 + at]), None) for at in range(POSTINGS_MAX + 1)]
    asked = np.unique(np.concatenate([one.hashes for one, _ in items]))
    with create_index(str(folder)) as index:
        index.add("a", items)
        found = index.lookup(asked, owners_max=10)
        assert found.crowded.tolist() == [7]
        assert len(found.docs) == 2 * (POSTINGS_MAX + 1)
    with open_index(str(folder), found_max=1500) as index:
        found = index.lookup(asked, owners_max=10)
        assert found.crowded.tolist() == [7, 9]
        assert len(found.docs) == POSTINGS_MAX + 1 + 300


def test_prints_chosen_to_fall_together_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All prints in one bucket, more than a row holds: rows are split, and answers as ever."""
    monkeypatch.setattr(indexwriter, "ROW_POSTINGS_MAX", 50)
    hashes = np.arange(3, 1003, dtype=np.uint64) * np.uint64(2**20)
    items = [(make_prints(f"i{at}", hashes[at::4]), None) for at in range(4)]
    with create_index(str(folder)) as index:
        index.add("a", items)
        check_alike(index, {"a": items}, hashes, owners_max=5)


def damage(folder: Path, prefix: bytes, change: Any) -> None:
    """Write another value into the first row of a kind."""
    store = LevelStore(str(folder))
    try:
        key, value = next(iter(store.scan(prefix, bytes([prefix[0] + 1]))))
        store.write(change(key, value))
    finally:
        store.close()


DAMAGES: dict[str, tuple[bytes, Any]] = {
    "no meta": (b"m", lambda key, value: {key: None}),
    "meta cut": (b"m", lambda key, value: {key: value[:-1]}),
    "docs beyond the numbers": (b"p", lambda key, value: {key: value[:8] + b"\xff\xff\xff\x00" + value[12:]}),
    "postings cut": (b"p", lambda key, value: {key: value[:-1]}),
    "postings empty": (b"p", lambda key, value: {key: b""}),
    "a key cut": (b"p", lambda key, value: {key: None, key[:-1]: value}),
    "sizes cut": (b"s", lambda key, value: {key: value[:-1]}),
    "sizes beyond": (b"s", lambda key, value: {key: value * 2}),
    "owner cut": (b"o", lambda key, value: {key: value[:-1]}),
    "owner's number": (b"o", lambda key, value: {b"o\xff\xff\xff\xff": value}),
    "owner's items": (b"o", lambda key, value: {key: value.replace(b"\xa1a\x00\x01", b"\xa1a\x00\x02")}),
    "item gone": (b"d", lambda key, value: {key: None}),
    "item cut": (b"d", lambda key, value: {key: value[:-1]}),
    "text cut": (b"t", lambda key, value: {key: value[:-3]}),
    "text long": (b"t", lambda key, value: {key: value + b"x"}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_rows_are_storage_errors(folder: Path, name: str) -> None:
    """A row that this program doesn't write stops what needs it, in words that say what to do, never by a crash."""
    item = make_prints("one", range(10))
    with create_index(str(folder)) as index:
        index.add("a", [(item, "the text")])
    damage(folder, *DAMAGES[name])

    def use() -> None:
        with open_index(str(folder)) as index:
            found = index.lookup(item.hashes, owners_max=5)
            for doc in set(found.docs.tolist()):
                index.source(doc)
                index.texts(doc)

    with pytest.raises(StorageError, match=r"is damaged .*make the index again"):
        use()


def test_a_flipped_bit_is_noticed(folder: Path) -> None:
    """LevelDB's checksums cover every row: a table that isn't as it was written is a StorageError, no wrong answer."""
    rng = np.random.default_rng(SEED)
    item = make_prints("one", rng.integers(0, 2**64, 3000, dtype=np.uint64))
    with create_index(str(folder)) as index:
        index.add("a", [(item, None)])
        index._store.compact()
    table = max(folder.glob("*.ldb"), key=lambda path: path.stat().st_size)
    data = bytearray(table.read_bytes())
    data[len(data) // 3] ^= 4
    table.write_bytes(data)
    with pytest.raises(StorageError, match="damaged"), open_index(str(folder)) as index:
        index.lookup(np.unique(item.hashes), owners_max=5)


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    """No index, another program's folder, one of another scheme's making: each in words; nothing is written into it."""
    with pytest.raises(InputError, match="there is no index"):
        open_index(str(tmp_path / "none"))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("a")
    for act in (open_index, create_index):
        with pytest.raises(InputError):
            act(str(tmp_path / "letters"))
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["a.txt"]
    with create_index(str(tmp_path / "other"), Scheme(10, 8)) as index:
        assert index.scheme == Scheme(10, 8) != DEFAULT
    with open_index(str(tmp_path / "other")) as index:
        assert index.scheme == Scheme(10, 8)
    assert has_index(str(tmp_path / "other"))
    assert not has_index(str(tmp_path / "letters"))


def test_other_databases_are_never_opened(tmp_path: Path) -> None:
    """A LevelDB of another program, as a node's own, or any file called CURRENT: no index, and left as it is."""
    LevelStore(str(tmp_path / "db"), create=True).close()
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / "CURRENT").write_text("MANIFEST-000001\n")
    (tmp_path / "current" / MARKER).write_text("a marker of somebody else's\n")
    for folder in (tmp_path / "db", tmp_path / "current"):
        before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
        assert not has_index(str(folder))
        for act in (open_index, create_index):
            with pytest.raises(InputError) as refused:
                act(str(folder))
            assert "remove" not in f"{refused.value}"
        assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()} == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is no folder"):
        create_index(str(tmp_path / "file"))


MAKING = """
import os, signal, sys
from node.detect import index, indexfolder
step, left = sys.argv[2], 1
def dying(call, before):
    def act(*args, **kwargs):
        if before:
            os.kill(os.getpid(), signal.SIGKILL)
        found = call(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return found
    return act
if step == "folder":
    indexfolder.fcntl.flock = dying(indexfolder.fcntl.flock, True)
elif step == "marker":
    index.LevelStore = dying(index.LevelStore, True)
elif step == "database":
    index.LevelStore = dying(index.LevelStore, False)
elif step == "meta":
    index.Index = dying(index.Index, False)
elif step == "part of the line":
    indexfolder.LINE = indexfolder.LINE[:7]
    os.fsync = dying(os.fsync, False)
elif step == "line":
    os.fsync = dying(os.fsync, False)
index.create_index(sys.argv[1])
"""


@pytest.mark.parametrize("step", ["folder", "marker", "database", "meta", "part of the line", "line"])
def test_an_index_whose_making_is_killed_is_begun_anew(folder: Path, repo_root: Path, step: str) -> None:
    """At any moment: what is left is no index yet, and is made by the next who needs it, or it is whole."""
    done = subprocess.run(
        [sys.executable, "-c", MAKING, str(folder), step], cwd=repo_root, check=False,
        env={**os.environ, "PYTHONPATH": str(repo_root)}, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert has_index(str(folder)) == (step == "line")
    if step != "line":
        with pytest.raises(InputError, match="there is no index"):
            open_index(str(folder))
    with open_index(str(folder)) if has_index(str(folder)) else create_index(str(folder)) as index:
        index.add("a", [(make_prints("a", range(10)), None)])
    with open_index(str(folder)) as index:
        assert owners_of(index) == [("a", 1, 10)]


def test_an_index_is_made_by_one_process_at_a_time(folder: Path) -> None:
    """Who comes while it is made clears nothing away."""
    with making(str(folder)):
        with pytest.raises(StorageError, match="another process"):
            create_index(str(folder))
        (folder / "CURRENT").write_text("made meanwhile")
        with pytest.raises(StorageError, match="another process"):
            create_index(str(folder))
        assert (folder / "CURRENT").exists()


def test_lookups_run_beside_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While owners come, go and are merged, lookups on another thread always find what was there all the time."""
    monkeypatch.setattr(index_module, "FRESH_MAX", 200)
    rng = np.random.default_rng(SEED)
    firm = [(make_prints("firm", rng.integers(0, 2**64, 100, dtype=np.uint64)), None)]
    asked = np.unique(firm[0][0].hashes)
    with create_index(str(folder)) as index:
        index.add("firm", firm)
        ended = threading.Event()
        wrong: list[Any] = []

        def look() -> None:
            while not ended.is_set():
                found = index.lookup(asked, owners_max=10)
                if set(found.hashes.tolist()) != set(asked.tolist()):
                    wrong.append(found)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            for at in range(12):
                own = rng.integers(0, 2**64, 50, dtype=np.uint64)
                index.add(f"o{at}", [(make_prints(f"i{at}", np.concatenate([own, asked[:5]])), None)])
                if at % 3 == 2:
                    index.remove(f"o{at - 1}")
        finally:
            ended.set()
            thread.join()
    assert not wrong
