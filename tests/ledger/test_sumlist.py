"""ledger.sumlist: lists that grow, with sums and subtrees kept, against lists kept plainly (design section 6)."""

import random
from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import keys, sumlist
from ledger.errors import StorageError
from ledger.store import MemoryStore, Overlay, Row
from ledger.sumlist import Extent, Pair, SumTree
from proofs import sumtree
from proofs.errors import InputError
from tests.proofs.sums import naive_path, naive_root

KEY = b"l" + b"payer".ljust(32, b".") + b"payee".ljust(32, b".") + b"EUR\0"
NEIGHBOURS = (KEY[:-4] + b"EUQ\0", KEY[:-4] + b"EURO\0", b"c" + KEY[1:])
"""Lists whose keys stand right beside it."""


class Lists:
    """A store with lists, and one of them kept plainly too."""

    def __init__(self, *, with_tree: bool = True) -> None:
        self.store = MemoryStore()
        self.pairs: list[Pair] = []
        self.with_tree = with_tree
        for key in NEIGHBOURS:
            self.write(key, [(3, 10**6)], [(4, 1)])

    def write(self, key: bytes, *chunks: Sequence[Pair]) -> None:
        """Append chunks to a list, each by a write of its own."""
        for chunk in chunks:
            overlay = Overlay(self.store)
            sumlist.append(overlay, key, [number for pair in chunk for number in pair], with_tree=self.with_tree)
            self.store.write(overlay.rows())

    def add(self, *chunks: Sequence[Pair]) -> None:
        """Append to both."""
        for chunk in chunks:
            self.write(KEY, chunk)
            self.pairs += chunk

    def below(self, to: int) -> list[Pair]:
        """The entries at leaves below `to`, plainly."""
        return [pair for pair in self.pairs if pair[0] < to]

    def check(self, to: int) -> SumTree:
        """Count, sum and root at a leaf are those of the plain list."""
        below = self.below(to)
        assert sumlist.extent_at(self.store, KEY, to) == Extent(len(below), sum(amount for _, amount in below))
        tree = SumTree(self.store, KEY, to)
        assert tree.root() == naive_root(below)
        return tree


def entries(count: int, *, start: int = 0, seed: int = 1) -> list[Pair]:
    """Entries at leaves with gaps, from `start` on."""
    chance = random.Random(seed)
    index = start
    found = []
    for _ in range(count):
        index += chance.choice((1, 1, 1, 2, 9))
        found.append((index, chance.choice((1, 7, 10**9, 2**62, 2**63 - 1))))
    return found


def chunked(pairs: Sequence[Pair], sizes: Iterator[int]) -> list[Sequence[Pair]]:
    """The entries cut into chunks of these sizes."""
    chunks, at = [], 0
    while at < len(pairs):
        size = next(sizes)
        chunks.append(pairs[at : at + size])
        at += size
    return chunks


amounts = st.integers(1, 2**63 - 1)
gaps = st.integers(1, 5)


@given(st.lists(st.lists(st.tuples(gaps, amounts), min_size=1, max_size=40), max_size=12), st.data())
def test_random_lists_match_plain_ones(chunks: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    """However entries come in chunks, extents, roots and paths at any leaf are those of the plain list."""
    lists, index = Lists(), 0
    for chunk in chunks:
        placed = []
        for gap, amount in chunk:
            index += gap
            placed.append((index, amount))
        lists.add(placed)
    for to in {0, 1, index, index + 1, 2**63 - 1, data.draw(st.integers(0, index + 2))}:
        tree = lists.check(to)
        below = lists.below(to)
        if below:
            position = data.draw(st.integers(0, len(below) - 1))
            assert tree.path(position) == naive_path(below, position)
            assert tree.position(below[position][0]) == position
    assert list(sumlist.iterate(lists.store, KEY, start=0, below=2**63 - 1)) == lists.pairs


@pytest.mark.parametrize("sizes", [(1,), (2, 1, 3), (255, 1), (256,), (257, 255), (100, 200, 700), (1024,), (600, 1)])
def test_each_size_of_chunk_around_256(sizes: tuple[int, ...]) -> None:
    """Blocks of 256 that one chunk fills, many chunks fill, or a chunk begins and another ends: all the same tree."""
    lists = Lists()
    pairs = entries(1300)
    lists.add(*chunked(pairs, (sizes[n % len(sizes)] for n in range(10**6))))
    for count in (0, 1, 2, 255, 256, 257, 511, 512, 513, 767, 768, 769, 1023, 1024, 1025, 1299, 1300):
        to = pairs[count][0] if count < len(pairs) else pairs[-1][0] + 1
        tree = lists.check(to)
        for position in {0, count // 2, count - 256, count - 1}:
            if 0 <= position < count:
                assert tree.path(position) == naive_path(pairs[:count], position)


def test_each_chunk_leaves_the_same_subtrees() -> None:
    """The rows of finished subtrees and the peaks don't depend on how entries came."""
    pairs = entries(2000)

    def rows(*sizes: int) -> dict[bytes, bytes]:
        lists = Lists()
        lists.add(*chunked(pairs, (sizes[n % len(sizes)] for n in range(10**6))))
        prefixes = (keys.LIST_NODE, keys.LIST_HEAD)
        return {k: v for p in prefixes for k, v in lists.store.scan(p + KEY, keys.after(p + KEY))}

    assert rows(1) == rows(1024) == rows(3, 300, 1)
    assert len(rows(1)) == 2000 // 256 + 1


def test_across_65536_in_chunks_of_all_sizes() -> None:
    """Roots and paths on both sides of 65,536 entries, where three levels of subtrees are kept, in small and large
    chunks alike."""
    lists = Lists()
    pairs = entries(65_536 + 700, seed=3)
    chance = random.Random(5)
    lists.add(*chunked(pairs, (chance.choice((1, 1, 2, 40, 256, 1024, 3000)) for _ in range(10**6))))
    blobs = [sumtree.leaf(*pair) for pair in pairs]
    for count in (65_280, 65_535, 65_536, 65_537, 66_236):
        to = pairs[count - 1][0] + 1
        tree = SumTree(lists.store, KEY, to)
        assert tree.extent == Extent(count, sum(amount for _, amount in pairs[:count]))
        blob = tree.root()
        assert blob == sumtree.root(blobs[:count])
        digest, total = sumtree.split(blob)
        for position in (0, 255, 40_000, 65_278, count - 1):
            index, amount = pairs[position]
            assert tree.position(index) == position
            sumtree.check_line(
                index=index, amount=amount, position=position, lines=count, total=total, root=digest,
                path=tree.path(position),
            )  # fmt: skip


def test_lists_without_a_tree_keep_sums_alone() -> None:
    """A list that only counts has extents at every leaf, and no subtrees."""
    lists = Lists(with_tree=False)
    pairs = entries(600)
    lists.add(*chunked(pairs, iter([1, 500, 90, 9])))
    for to in range(0, pairs[-1][0] + 2, 7):
        below = lists.below(to)
        assert sumlist.extent_at(lists.store, KEY, to) == Extent(len(below), sum(amount for _, amount in below))
    assert sumlist.extent(lists.store, KEY).count == 600
    assert not list(lists.store.scan(keys.LIST_NODE, keys.after(keys.LIST_NODE)))


def test_iterate_begins_and_ends_anywhere() -> None:
    """Entries of any range of leaves, also where it begins or ends inside of a chunk or between two."""
    lists = Lists()
    pairs = entries(60)
    lists.add(*chunked(pairs, iter([1, 10, 30, 2, 17])))
    last = pairs[-1][0]
    for start in range(last + 3):
        for below in (0, start, start + 1, last // 2, last, last + 1, 2**63 - 1):
            found = list(sumlist.iterate(lists.store, KEY, start=start, below=below))
            assert found == [pair for pair in pairs if start <= pair[0] < below]


def test_an_empty_list_is_the_empty_tree() -> None:
    """A list without entries has the root of nothing, the sum 0 and no path."""
    tree = SumTree(MemoryStore(), KEY, 9)
    assert (tree.extent, tree.root()) == (Extent(0, 0), sha256(b"").digest() + bytes(16))
    with pytest.raises(InputError):
        tree.path(0)


def test_missing_rows_are_said_to_be_damage() -> None:
    """A chunk or a subtree that is gone, and a position asked for at a leaf without an entry, are StorageErrors."""
    lists = Lists()
    pairs = [(2 * number, 1) for number in range(1, 700)]
    lists.add(*chunked(pairs, iter([100] * 7)))
    to = pairs[-2][0] + 1
    tree = SumTree(lists.store, KEY, to)
    with pytest.raises(StorageError):
        tree.position(11)
    chunk, node = keys.LIST_CHUNK + KEY, keys.LIST_NODE + KEY
    for prefix in (chunk, node):
        held = dict(lists.store.scan(prefix, keys.after(prefix)))
        victim = list(held)[-2]
        lists.store.write({victim: None})
        with pytest.raises(StorageError):
            SumTree(lists.store, KEY, to).root()
        lists.store.write({victim: held[victim]})
    lists.check(to)


class CountingStore(MemoryStore):
    """Counts the rows that are read."""

    reads = 0

    def get(self, key: bytes) -> bytes | None:
        """See MemoryStore."""
        self.reads += 1
        return super().get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See MemoryStore."""
        for row in super().scan(start, stop, reverse=reverse):
            self.reads += 1
            yield row


def large(count: int, chunk: int) -> tuple[CountingStore, int]:
    """A list of many entries, and the last one's leaf."""
    store = CountingStore()
    for first in range(1, count + 1, chunk):
        overlay = Overlay(store)
        flat = [number for index in range(first, min(first + chunk, count + 1)) for number in (index, index)]
        sumlist.append(overlay, KEY, flat, with_tree=True)
        store.write(overlay.rows())
    return store, count


@pytest.mark.parametrize("chunk", [1, 256, 1000])
def test_what_a_root_and_an_append_cost(chunk: int, long_run: bool) -> None:
    """Rows read for the whole list's root: two; for the root one line lower: the tail of each level, at most 255
    entries and 255 subtrees a level; for one more entry: one, however long the list."""
    # One below a full subtree on each level: the longest tails there are.
    store, last = large(1_048_575 if long_run and chunk > 1 else 66_047 if chunk > 1 else 2_047, chunk)
    store.reads = 0
    SumTree(store, KEY, last + 1).root()
    assert store.reads <= 3
    store.reads = 0
    SumTree(store, KEY, last).root()
    assert store.reads <= 3 + 256 * 3
    store.reads = 0
    SumTree(store, KEY, last).path(last // 5)
    # A position in the midst is sought by bisection of leaves: at most 63 seeks for each group of 256 entries read.
    assert store.reads <= 5 * (256 + 63)
    store.reads = 0
    sumlist.append(Overlay(store), KEY, [last + 1, 5], with_tree=True)
    assert store.reads == 1
