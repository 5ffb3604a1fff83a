"""Reading the log at one published size: entries, bundles, tiles and proofs (C2SP tlog-tiles; design section 8).

A `Reader` is made over an unchanging snapshot and used by any number of threads. What it serves is exact: entries are
rebuilt from bodies and batch rows, and a test holds that they hash to the leaves.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

from ledger.stored import batch_start, stored_batch
from ledger.tree import TreeView
from proofs import merkle, tiles
from proofs.errors import InputError

CACHE_BYTES_MAX = 8 * 1024 * 1024


class EntryCache:
    """Rebuilt batches, the last used kept, at most CACHE_BYTES_MAX together. Owner: its lock; entries never change.

    `rebuilding` is held by whoever rebuilds a batch: a batch that two bundles share, asked for by two threads at once,
    is rebuilt once, and of all threads that hash one at a time competes with the writer for the interpreter.
    """

    def __init__(self, bytes_max: int = CACHE_BYTES_MAX) -> None:
        self._lock = threading.Lock()
        self.rebuilding = threading.Lock()
        self._bytes_max = bytes_max
        self._bytes = 0
        self._rows: OrderedDict[int, list[bytes]] = OrderedDict()

    def get(self, first_index: int) -> list[bytes] | None:
        """The entries of the batch that begins there, if kept."""
        with self._lock:
            found = self._rows.get(first_index)
            if found is not None:
                self._rows.move_to_end(first_index)
            return found

    def put(self, first_index: int, entries: list[bytes]) -> None:
        """Keep a batch's entries, forgetting the longest unused."""
        size = sum(map(len, entries))
        with self._lock:
            if first_index in self._rows or size > self._bytes_max:
                return
            self._rows[first_index] = entries
            self._bytes += size
            while self._bytes > self._bytes_max:
                _, dropped = self._rows.popitem(last=False)
                self._bytes -= sum(map(len, dropped))


class Reader:
    """The log as it was at `tree.size`."""

    def __init__(self, tree: TreeView, cache: EntryCache) -> None:
        self.tree = tree
        self._cache = cache

    @property
    def size(self) -> int:
        """Entries in the log at this point."""
        return self.tree.size

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise InputError(f"no entry {index}", field="index", expected=f"0 to {self.size - 1}")

    def _batch_entries(self, first_index: int) -> list[bytes]:
        found = self._cache.get(first_index)
        if found is not None:
            return found
        with self._cache.rebuilding:
            found = self._cache.get(first_index)
            if found is None:
                found = stored_batch(self.tree.view, first_index).entries()
                self._cache.put(first_index, found)
        return found

    def entries(self, first: int, count: int) -> Iterator[bytes]:
        """`count` encoded entries from index `first` on. Raises InputError past the end."""
        if count < 1:
            return
        self._check_index(first)
        self._check_index(first + count - 1)
        index, end = first, first + count
        while index < end:
            start = batch_start(self.tree.view, index)
            found = self._batch_entries(start)
            yield from found[index - start : end - start]
            index = start + len(found)

    def entry(self, index: int) -> bytes:
        """The encoded entry at a leaf index. Raises InputError where there is none."""
        return next(iter(self.entries(index, 1)))

    def bundle(self, index: int, width: int) -> bytes:
        """An entry bundle of `width` 1 … 256. Raises InputError where the log isn't that long."""
        if not 1 <= width <= tiles.TILE_WIDTH or index * tiles.TILE_WIDTH + width > self.size:
            raise InputError("no such bundle", field="path", expected=f"entries below {self.size}")
        return tiles.encode_bundle(list(self.entries(index * tiles.TILE_WIDTH, width)))

    def tile(self, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile. Raises InputError where the tree isn't that wide."""
        if not 1 <= width <= tiles.tile_width(level, index, self.size):
            raise InputError("no such tile", field="path", expected=f"a tile of the tree of {self.size} leaves")
        return self.tree.tile(level, index, width)

    def root_at(self, size: int) -> bytes:
        """The root at any size up to the present. Raises InputError beyond."""
        if not 0 <= size <= self.size:
            raise InputError(f"no tree of size {size}", field="size", expected=f"0 to {self.size}")
        return self.tree.root_at(size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The inclusion path of a leaf at any size up to the present. Raises InputError."""
        if not 0 < size <= self.size:
            raise InputError(f"no tree of size {size}", field="size", expected=f"1 to {self.size}")
        return merkle.inclusion_path(index=index, size=size, read=self.tree.nodes)

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """The consistency proof between two sizes up to the present. Raises InputError."""
        if new_size > self.size:
            raise InputError(f"no tree of size {new_size}", field="to", expected=f"0 to {self.size}")
        return merkle.consistency_path(old_size=old_size, new_size=new_size, read=self.tree.nodes)
