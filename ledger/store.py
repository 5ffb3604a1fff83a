"""Storage behind one small interface: ordered bytes to bytes, written in atomic batches.

`Store` is what LevelDB (ledger/leveldb.py) and `MemoryStore` offer; `Overlay` holds the writes of a batch until it is
known to be taken whole.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Protocol

from ledger.sortedkeys import SortedKeys

Row = tuple[bytes, bytes]

INSORT_MAX = 64
"""New keys that are put in place one by one; more are sorted together."""


class View(Protocol):
    """A readable, unchanging or live set of rows."""

    def get(self, key: bytes) -> bytes | None:
        """The row's value, or None."""

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """Rows with start <= key < stop, in key order or backwards."""


class Store(View, Protocol):
    """Rows that outlive the process (or not: MemoryStore)."""

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write all rows at once or none (None deletes), and return when they are durable. Raises StorageError."""

    def snapshot(self) -> View:
        """The rows as they are now, whatever is written later; safe to read from other threads."""

    def close(self) -> None:
        """Let go of the storage."""


class MemoryStore:
    """Rows in memory: for replay on an auditor's machine and for tests. `drop`: first bytes of rows not kept."""

    def __init__(self, *, drop: tuple[bytes, ...] = ()) -> None:
        self._drop = frozenset(prefix[0] for prefix in drop)
        self._rows: dict[bytes, bytes] = {}
        self._keys: defaultdict[int, SortedKeys] = defaultdict(SortedKeys)

    def drops(self, prefix: bytes) -> bool:
        """Whether rows of this prefix aren't kept."""
        return prefix[0] in self._drop

    def get(self, key: bytes) -> bytes | None:
        """See View."""
        return self._rows.get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See View; within one prefix, as every scan of this package is."""
        keys = self._keys.get(start[0])
        if keys is not None:
            for key in keys.between(start, stop, reverse=reverse):
                yield key, self._rows[key]

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """See Store; durable only as long as the process."""
        held, order = self._rows, self._keys
        for key, value in rows.items():
            if key[0] in self._drop:
                continue
            if value is None:
                if held.pop(key, None) is not None:
                    order[key[0]].remove(key)
                continue
            if key not in held:
                order[key[0]].add(key)
            held[key] = value

    def snapshot(self) -> View:
        """A copy."""
        copy = MemoryStore()
        copy.write(self._rows)
        return copy

    def close(self) -> None:
        """Nothing to let go of."""


class RowCache:
    """A store read through memory for rows of a few prefixes: those that every batch asks for.

    Owner: the one thread that writes; it says what it wrote (`wrote`) after the store has it. Of the `rows_max` rows
    the newer half is filled until it is full and becomes the older one, whose rows are forgotten: what is read or
    written now and then stays.
    """

    def __init__(self, store: View, prefixes: tuple[bytes, ...], *, rows_max: int, is_empty: bool = False) -> None:
        """`is_empty`: the store has no rows of these prefixes yet. Then it needn't be asked before one is forgotten."""
        self._store = store
        self._prefixes = frozenset(prefix[0] for prefix in prefixes)
        self._half = max(1, rows_max // 2)
        self._rows: dict[bytes, bytes | None] = {}
        self._older: dict[bytes, bytes | None] = {}
        self._is_whole = is_empty

    def get(self, key: bytes) -> bytes | None:
        """See View."""
        if key[0] not in self._prefixes:
            return self._store.get(key)
        if key in self._rows:
            return self._rows[key]
        if key in self._older:
            value = self._older[key]
        elif self._is_whole:
            return None
        else:
            value = self._store.get(key)
        if len(self._rows) >= self._half:
            self._age()
        self._rows[key] = value
        return value

    def _age(self) -> None:
        self._is_whole = self._is_whole and not self._older
        self._older, self._rows = self._rows, {}

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See View."""
        return self._store.scan(start, stop, reverse=reverse)

    def wrote(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Keep what of it is of these prefixes."""
        prefixes = self._prefixes
        for key, value in rows.items():
            if key[0] in prefixes:
                if len(self._rows) >= self._half and key not in self._rows:
                    self._age()
                self._rows[key] = value


class Overlay:
    """Writes held over a view: read through, kept apart, and pushed down or forgotten as a whole."""

    def __init__(self, below: View) -> None:
        self._below = below
        # By first byte, so that a scan looks at the held rows of its own prefix only.
        self._rows: defaultdict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        # The same keys in order, brought up to date when a scan asks: a scan must cost what it finds, also where
        # somebody has made a group hold hundreds of thousands of rows. Held keys are never taken out again.
        self._order: dict[int, list[bytes]] = {}

    def get(self, key: bytes) -> bytes | None:
        """See View."""
        held = self._rows.get(key[0])
        if held is not None and key in held:
            return held[key]
        return self._below.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set a row."""
        self._rows[key[0]][key] = value

    def delete(self, key: bytes) -> None:
        """Remove a row."""
        self._rows[key[0]][key] = None

    def put_all(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Set and remove rows (None removes)."""
        held = self._rows
        for key, value in rows.items():
            held[key[0]][key] = value

    def rebase(self, below: View) -> None:
        """Read through to another view from now on, one that shows the same."""
        self._below = below

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See View; within one prefix. The rows below and above merged, in order."""
        held = self._rows.get(start[0], {})
        order = self._sorted_keys(start[0])
        above = order[bisect.bisect_left(order, start) : bisect.bisect_left(order, stop)]
        if reverse:
            above.reverse()
        at = 0
        for key, value in self._below.scan(start, stop, reverse=reverse):
            while at < len(above) and (above[at] > key if reverse else above[at] < key):
                row = held[above[at]]
                if row is not None:
                    yield above[at], row
                at += 1
            if at < len(above) and above[at] == key:
                continue  # the held row comes in its turn, or was deleted
            yield key, value
        for key in above[at:]:
            row = held[key]
            if row is not None:
                yield key, row

    def _sorted_keys(self, prefix: int) -> list[bytes]:
        rows, order = self._rows.get(prefix, {}), self._order.setdefault(prefix, [])
        fresh = list(itertools.islice(reversed(rows), len(rows) - len(order)))
        if len(fresh) <= INSORT_MAX:
            for key in fresh:
                bisect.insort(order, key)
        else:
            order += fresh
            order.sort()
        return order

    def into(self, other: Overlay) -> None:
        """Push these writes into another overlay."""
        for prefix, rows in self._rows.items():
            other._rows[prefix].update(rows)

    def rows(self) -> dict[bytes, bytes | None]:
        """All held writes, for Store.write."""
        made: dict[bytes, bytes | None] = {}
        for rows in self._rows.values():
            made.update(rows)
        return made
