"""ledger.reader: entries, bundles, tiles and proofs are exact at every size (C2SP tlog-tiles, RFC 6962)."""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import reader as reader_module
from ledger.leveldb import LevelStore
from ledger.reader import EntryCache, Reader
from ledger.store import View
from proofs import merkle, tiles
from proofs.entry import Batch, parse_entry
from proofs.errors import InputError
from tests.ledger.support import ORIGIN, Log, none, party
from tests.proofs import oracle

SMALL = [1, 2, 3, 254, 255, 256, 257, 511, 512, 513, 600]
LARGE = [65_535, 65_536, 65_537, 66_000]


@dataclass
class Grown:
    """Readers made when the log had each of the sizes, and all entries and their leaf hashes at the end."""

    readers: dict[int, Reader]
    entries: list[bytes]
    leaves: list[bytes]

    def roots(self, size: int) -> bytes:
        return merkle.root(self.leaves[:size])


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    """A log on LevelDB, grown in uneven batches through all of the sizes."""
    with contextlib.closing(LevelStore(str(tmp_path_factory.mktemp("reader") / "db"), create=True)) as store:
        log = Log(store)
        readers = {1: log.reader()}
        for size in (SMALL + LARGE)[1:]:
            while log.size < size:
                count = min(size - log.size, 1024 if size > 600 else 7)
                first = [party("lab")] if log.size == 1 else [none()]
                log.put("lab", *first, *[none(2 + number) for number in range(1, count)])
            readers[size] = log.reader()
        entries = list(readers[LARGE[-1]].entries(0, LARGE[-1]))
        yield Grown(readers, entries, [merkle.leaf_hash(data) for data in entries])


def split(data: bytes) -> list[bytes]:
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def test_entries_hash_to_the_leaves(grown: Grown) -> None:
    """At every size the reader serves exactly the first entries; they hash to the root of that size."""
    for size, reader in grown.readers.items():
        assert reader.size == size
        assert list(reader.entries(0, size)) == grown.entries[:size]
        assert reader.tree.root == grown.roots(size)
        assert reader.entry(size - 1) == grown.entries[size - 1]
        assert reader.tree.leaf(size // 2) == grown.leaves[size // 2]
    assert len(set(grown.entries)) == len(grown.entries)


def test_entries_are_what_was_signed(grown: Grown) -> None:
    """Rebuilt entries prove their signer; numbers and positions run as the batches were."""
    last = -1
    for index in (*range(1, 600), *range(65_000, 66_000, 97)):
        entry = parse_entry(grown.entries[index])
        assert entry.number == index - 1
        if index < 600:
            assert entry.number == last + 1
            last = entry.number
        if index % 50 == 0:
            entry.check_signature(ORIGIN)


@given(st.data())
def test_any_range_of_entries(grown: Grown, data: st.DataObject) -> None:
    """Entries from anywhere, across batches, are that slice of the log."""
    size = data.draw(st.sampled_from(SMALL + LARGE))
    first = data.draw(st.integers(0, size - 1))
    count = data.draw(st.integers(0, min(size - first, 1500)))
    assert list(grown.readers[size].entries(first, count)) == grown.entries[first : first + count]


@pytest.mark.parametrize("size", SMALL + LARGE)
def test_bundles_of_every_width(grown: Grown, size: int) -> None:
    """The last and first bundles parse to their entries at any width up to what exists; one more is refused."""
    reader = grown.readers[size]
    for index in {0, (size - 1) // 256}:
        full = min(256, size - index * 256)
        for width in {1, 2, full // 2, full - 1, full} - {0}:
            if width <= full:
                bundle = tiles.parse_bundle(reader.bundle(index, width), width)
                assert bundle == grown.entries[index * 256 : index * 256 + width]
        for wrong in (0, -1, full + 1, 257):
            with pytest.raises(InputError):
                reader.bundle(index, wrong)
    for index in (-1, size // 256 + 1, 2**40):
        with pytest.raises(InputError):
            reader.bundle(index, 1)


@pytest.mark.parametrize("size", SMALL + LARGE)
def test_tiles_of_every_level(grown: Grown, size: int) -> None:
    """Each level's tiles hold the roots of 256^level leaves at any width up to what exists; one more is refused."""
    reader = grown.readers[size]
    for level, count in tiles.tiles_of(size):
        span = 256**level
        for index in {0, count - 1}:
            full = tiles.tile_width(level, index, size)
            for width in {1, full // 2, full} - {0}:
                found = split(reader.tile(level, index, width))
                starts = range(index * 256 * span, (index * 256 + width) * span, span)
                assert found == [merkle.root(grown.leaves[start : start + span]) for start in starts]
            for wrong in (0, -1, full + 1, 257):
                with pytest.raises(InputError):
                    reader.tile(level, index, wrong)
    for level, index in ((0, size), (3, 0), (7, 0), (0, 2**40), (2 if size < 65_536 else 3, 0)):
        with pytest.raises(InputError):
            reader.tile(level, index, 1)


@given(st.data())
def test_proofs_at_any_size_are_the_rfcs(grown: Grown, data: st.DataObject) -> None:
    """Inclusion and consistency for any index and sizes, asked of any later reader,
    are those of the RFC's recursion."""
    reader = grown.readers[data.draw(st.sampled_from([513, 600, 66_000]))]
    new = data.draw(st.integers(1, min(600, reader.size)))
    index = data.draw(st.integers(0, new - 1))
    old = data.draw(st.integers(0, new))
    leaves = grown.entries[:new]
    root = oracle.mth(leaves)
    assert reader.root_at(new) == root
    assert reader.inclusion(index, new) == oracle.path(index, leaves)
    expected = oracle.proof(old, leaves) if 0 < old < new else []
    assert reader.consistency(old, new) == expected


def test_all_small_proofs_are_the_rfcs(grown: Grown) -> None:
    """Every index and pair of sizes up to 20."""
    reader = grown.readers[66_000]
    for new in range(1, 21):
        leaves = grown.entries[:new]
        for index in range(new):
            assert reader.inclusion(index, new) == oracle.path(index, leaves)
            assert reader.consistency(index + 1, new) == oracle.proof(index + 1, leaves)


@pytest.mark.parametrize("size", LARGE)
def test_large_proofs_are_the_rfcs(grown: Grown, size: int) -> None:
    """Around 65,536 leaves, where a third level of tiles begins, proofs are the RFC's too."""
    reader, leaves = grown.readers[size], grown.entries[:size]
    root = oracle.mth(leaves)
    assert reader.tree.root == root == reader.root_at(size)
    for index in (40_000, size - 1):
        path = reader.inclusion(index, size)
        assert path == oracle.path(index, leaves)
        merkle.check_inclusion(index=index, size=size, leaf=grown.leaves[index], path=path, root=root)
    for old in (257, 65_535):
        path = reader.consistency(old, size)
        if old < size:
            assert path == oracle.proof(old, leaves)
        merkle.check_consistency(old_size=old, new_size=size, old_root=grown.roots(old), new_root=root, path=path)


def test_what_is_not_there_is_refused(grown: Grown) -> None:
    """Indices and sizes outside of the log, negative ones too, are InputError, from every question."""
    for size in (1, 257, 65_537):
        reader = grown.readers[size]
        wrong = [
            lambda r=reader, s=size: r.entry(s), lambda r=reader: r.entry(-1), lambda r=reader: list(r.entries(-1, 2)),
            lambda r=reader, s=size: list(r.entries(s - 1, 2)), lambda r=reader, s=size: list(r.entries(s, 1)),
            lambda r=reader, s=size: r.root_at(s + 1), lambda r=reader: r.root_at(-1),
            lambda r=reader: r.inclusion(0, 0),
            lambda r=reader, s=size: r.inclusion(s, s), lambda r=reader, s=size: r.inclusion(0, s + 1),
            lambda r=reader, s=size: r.inclusion(-1, s), lambda r=reader, s=size: r.consistency(0, s + 1),
            lambda r=reader, s=size: r.consistency(s, s - 1) if s > 1 else r.consistency(2, 1),
            lambda r=reader, s=size: r.consistency(-1, s), lambda r=reader: r.inclusion(2**63, 2**64),
        ]  # fmt: skip
        for ask in wrong:
            with pytest.raises(InputError):
                ask()
        assert list(reader.entries(size, 0)) == []
        assert reader.root_at(0) == merkle.EMPTY_ROOT
        assert reader.consistency(0, size) == reader.consistency(size, size) == []


def test_the_cache_is_bounded_and_changes_no_answer(grown: Grown) -> None:
    """A cache that holds little, or less than one batch, gives the same entries and never grows beyond its bound."""
    reader = grown.readers[66_000]
    for bytes_max in (0, 5_000, 400_000):
        cache = EntryCache(bytes_max)
        small = Reader(reader.tree, cache)
        for first in (0, 10, 300, 599, 64_000, 65_990, 5, 64_500, 0):
            count = min(700, 66_000 - first)
            assert list(small.entries(first, count)) == grown.entries[first : first + count]
            held = sum(len(entry) for rows in cache._rows.values() for entry in rows)
            assert held == cache._bytes <= bytes_max


def test_many_threads_share_a_reader(grown: Grown) -> None:
    """Entries, tiles and proofs asked from several threads at once are the same answers."""
    reader = Reader(grown.readers[66_000].tree, EntryCache(100_000))
    root = reader.tree.root
    good: list[int] = []

    def ask(seed: int) -> None:
        for step in range(15):
            index = (seed * 7919 + step * 104_729) % 66_000
            merkle.check_inclusion(
                index=index, size=66_000, leaf=grown.leaves[index], path=reader.inclusion(index, 66_000), root=root
            )
            if reader.entry(index) == grown.entries[index]:
                good.append(index)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(good) == 6 * 15


def test_a_batch_that_threads_ask_for_at_once_is_rebuilt_once(grown: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles that share a batch, read by several threads together, cost one rebuilding of it."""
    made: list[int] = []
    real = reader_module.stored_batch

    def slow(view: View, first_index: int) -> Batch:
        made.append(first_index)
        time.sleep(0.02)
        return real(view, first_index)

    monkeypatch.setattr(reader_module, "stored_batch", slow)
    reader = Reader(grown.readers[66_000].tree, EntryCache())
    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(lambda _: reader.bundle(3, 256), range(8)))
    assert len(set(same)) == 1
    assert len(made) == len(set(made))
