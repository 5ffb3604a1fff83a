"""Prints to the items that have them, on LevelDB: hundreds of millions, in bounded memory (docs/detect-index.md).

Postings lie in 65,536 buckets by the upper bits of the hash, which are as good as random. A lookup sorts what is asked
and walks through the buckets that it needs, a slab at a time; so many prints cost one pass, and few only theirs.

- An owner's items come all or none: postings and items are numbered upwards, what lies beyond the numbers in the meta
  row is nobody's, and one write moves them. A killed addition leaves a mark, by which the next opening clears it away.
- What was removed counts no more at once; its postings go when rows are merged.
- In memory: 12 bytes an item, a byte an owner, and what is being looked at.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from ledger.errors import StorageError, UnreadableError
from ledger.leveldb import DamagedError, HeldError, LevelStore
from node.detect import indexrows as rows
from node.detect.indexfolder import has_index as has_index
from node.detect.indexfolder import making
from node.detect.indexfound import FOUND_MAX, Found, spans
from node.detect.indexmerge import merge, purge
from node.detect.indexrows import Meta, Owner
from node.detect.indexwriter import Addition, clear
from node.detect.postings import Docs, Hits, Source
from node.detect.prints import Prints
from node.detect.winnow import DEFAULT, Hashes, Scheme
from proofs.errors import InputError, excerpt

FRESH_MAX = 16 * rows.BUCKETS
"""New rows of postings after which they are merged: a lookup takes about a second for a million rows."""
DEAD_SHARE = 4
"""Removed postings are cleared away once they are one in so many."""
COPIES_MAX = 16
COPIES_LOOKED_AT = 4096

Items = Iterable[tuple[Prints, str | None]]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class _State:
    """What a lookup goes by; replaced as a whole. By item: `owner_of`, `sizes`; by owner's number: `is_dead`."""

    meta: Meta
    owner_of: Array
    sizes: Array
    is_dead: Array
    owners: int
    items: int
    prints: int
    dead_prints: int


class Index:
    """An index that is open: by one process at a time. Lookups may run beside each other and beside one change."""

    def __init__(self, store: LevelStore, folder: str, scheme: Scheme | None, *, bulk: bool, found_max: int) -> None:
        """See `open_index` and `create_index`. `scheme`: of a new one."""
        self._store, self._folder, self._bulk, self._found_max = store, folder, bulk, found_max
        self._changing = threading.Lock()
        # Held while what counts is written and `_state` follows: a lookup takes rows and state of one moment.
        self._moment = threading.Lock()
        self._is_unsure = False  # a write failed that may have reached the disk all the same
        with self._reading():
            data = store.get(rows.META)
            if data is None and scheme is not None:
                store.write({rows.META: Meta(scheme, 0, 1, 0, 0).encode()})
            elif data is None:
                raise rows.BadRow("no meta row")
            self._state = self._load()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """What is not as it was written, in words for whoever has to act on it."""
        try:
            yield
        except rows.BadRow as error:
            raise self._damaged(str(error)) from None
        except UnreadableError as error:
            raise self._damaged(error.detail.partition(":")[0]) from None

    def _damaged(self, what: str) -> StorageError:
        return StorageError(
            f"the index {self._folder} is damaged ({what}): remove the folder, and make the index again of its files "
            "or print sets"
        )

    def _load(self) -> _State:
        store = self._store
        meta = rows.parse_meta(store.get(rows.META) or b"")
        if store.get(rows.MARK) is not None:
            clear(store, meta)
        owner_of, sizes = np.zeros(meta.docs, np.uint32), np.zeros(meta.docs, rows.SIZE)
        is_dead = np.ones(meta.owners, np.bool_)
        owners = items = prints = dead = 0
        for prefix in (rows.OWNER, rows.GONE):
            for key, data in store.scan(prefix, bytes([prefix[0] + 1])):
                owner = rows.parse_owner(key, data, docs=meta.docs)
                if not 0 < owner.number < meta.owners:
                    raise rows.BadRow(f"owner {owner.number}")
                owner_of[owner.first : owner.first + owner.items] = owner.number
                if prefix == rows.GONE:
                    dead += owner.prints
                    continue
                is_dead[owner.number] = False
                owners, items, prints = owners + 1, items + owner.items, prints + owner.prints
        for key, data in store.scan(rows.SIZES, bytes([rows.SIZES[0] + 1])):
            part, first = rows.parse_sizes(data), rows.number_of(key)
            if first + len(part) > meta.docs:
                raise rows.BadRow("sizes of items")
            sizes[first : first + len(part)] = part
        return _State(meta, owner_of, sizes, is_dead, owners, items, prints, dead)

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._store.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def scheme(self) -> Scheme:
        """See Postings."""
        return self._state.meta.scheme

    @property
    def owners(self) -> int:
        """See Postings."""
        return self._state.owners

    @property
    def items(self) -> int:
        """Of all owners."""
        return self._state.items

    @property
    def prints(self) -> int:
        """Of all owners; one that stands at several places is so many."""
        return self._state.prints

    def lookup(self, hashes: Hashes, *, owners_max: int) -> Hits:
        """See Postings. Where more places would be found than `found_max`, those prints that have most count as crowded
        too. Raises StorageError for rows that are damaged."""
        with self._moment:
            state, view = self._state, self._store.snapshot()
        found = Found(hashes, state.owner_of, state.is_dead, owners_max=owners_max, found_max=self._found_max)
        with self._reading():
            for span in spans(hashes):
                found.begin(span)
                for key, data in view.scan(rows.bucket_start(span.first), rows.bucket_start(span.last + 1)):
                    if rows.parse_post_key(key)[1] < state.meta.runs:
                        found.row(data)
            return found.hits()

    def docs(self) -> Docs:
        """Numbers of all items that are there, ascending."""
        state = self._state
        return np.flatnonzero(~state.is_dead[state.owner_of]).astype(np.uint32)

    def source(self, doc: int) -> Source:
        """See Postings. Raises InputError where there is no such item (any more), StorageError."""
        state = self._state
        if not 0 <= doc < state.meta.docs or state.is_dead[state.owner_of[doc]]:
            raise InputError(f"no item {doc}", field="doc", expected="an item of an owner that is there")
        with self._reading():
            found = rows.parse_doc(self._store.get(rows.numbered(rows.DOC, doc)), doc)
            owner = self._owner(int(state.owner_of[doc]))
        length, distinct = state.sizes[doc].tolist()
        return Source(owner.text, found.name, found.sha256, length, distinct)

    def lengths(self, docs: Docs) -> tuple[Array, Array]:
        """See Postings."""
        sizes = self._state.sizes[docs]
        return sizes["length"].astype(np.int64), sizes["distinct"].astype(np.int64)

    def copies(self, sha256: bytes) -> list[int]:
        """See Postings."""
        state, start = self._state, rows.COPY + sha256
        with self._reading():
            keys = islice(self._store.scan(start, start + b"\xff" * 5), COPIES_LOOKED_AT)
            found = [doc for key, _ in keys if (doc := rows.number_of(key)) < state.meta.docs]
        return [doc for doc in found if not state.is_dead[state.owner_of[doc]]][:COPIES_MAX]

    def texts(self, doc: int) -> str | None:
        """An item's text, where it was kept. Raises StorageError."""
        with self._reading():
            data = self._store.get(rows.numbered(rows.TEXT, doc))
            return None if data is None or doc >= self._state.meta.docs else rows.unpack_text(data, doc)

    def owner(self, text: str) -> Owner | None:
        """The owner of this name, None where there is none. Raises StorageError."""
        with self._reading():
            number = self._store.get(rows.NAME + text.encode("utf-8", "surrogateescape"))
            return None if number is None else self._owner(rows.number_of(rows.NAME + number))

    def list_owners(self) -> Iterator[Owner]:
        """All owners, in the order in which they came. Raises StorageError."""
        meta = self._state.meta
        with self._reading():
            for key, data in self._store.scan(rows.OWNER, bytes([rows.OWNER[0] + 1])):
                yield rows.parse_owner(key, data, docs=meta.docs)

    def _owner(self, number: int) -> Owner:
        key = rows.numbered(rows.OWNER, number)
        return rows.parse_owner(key, self._store.get(key) or b"", docs=self._state.meta.docs)

    def add(self, owner: str, items: Items, *, replaces: bool = False) -> Owner:
        """Add an owner with all of its items, or, where this raises or the process is killed, none of it.

        `items`: prints, each with the text to be kept or None; one with the hash of an earlier one is passed over.
        `replaces`: an owner of that name is removed in the same moment. Raises InputError (and whatever `items` does),
        StorageError.
        """
        if not 0 < len(owner) <= rows.OWNER_CHARS_MAX or not owner.isprintable():
            raise InputError(
                f"{excerpt(owner)} can't be an owner", field="owner",
                expected=f"1 to {rows.OWNER_CHARS_MAX} printable characters",
            )  # fmt: skip
        with self._changing, self._reading():
            self._check_sure()
            before = self.owner(owner)
            if before is not None and not replaces:
                raise InputError(f"{owner} is in this index already", field="owner", expected="another, or remove it")
            addition = Addition(self._store, self._state.meta, bulk=self._bulk)
            try:
                for prints, text in items:
                    addition.add(prints, text)
                added, meta = addition.finish(owner)
            except BaseException:
                addition.undo()
                raise
            changes: dict[bytes, bytes | None] = {}
            if before is not None:
                changes |= self._buried(before)
            changes |= {
                rows.META: meta.encode(),
                rows.MARK: None,
                rows.numbered(rows.OWNER, added.number): added.encode(),
                rows.NAME + owner.encode(): added.number.to_bytes(4, "big"),
            }
            with self._moment:
                self._commit(changes)
                self._grow(added, addition.sizes, meta)
                if before is not None:
                    self._bury(before)
            self._tidy()
        return added

    def remove(self, owner: str) -> Owner:
        """Remove an owner and all of its items. Raises InputError where it isn't there, StorageError."""
        with self._changing, self._reading():
            self._check_sure()
            found = self.owner(owner)
            if found is None:
                raise InputError(f"{excerpt(owner)} is not in this index", field="owner", expected="one that is there")
            with self._moment:
                self._commit({rows.NAME + owner.encode(): None, **self._buried(found)})
                self._bury(found)
            self._tidy()
        return found

    def _check_sure(self) -> None:
        if self._is_unsure:
            raise StorageError(f"the index {self._folder} can't be written: free space or mend the disk, open it anew")

    def _commit(self, changes: dict[bytes, bytes | None]) -> None:
        """What makes a change count: one write."""
        self._is_unsure = True
        self._store.write(changes)
        self._is_unsure = False

    def _grow(self, added: Owner, sizes: Array, meta: Meta) -> None:
        """Arrays have room to spare, so that growing by little is cheap; older states see no more of them."""
        state = self._state
        owner_of = _grown(state.owner_of, meta.docs)
        owner_of[added.first : meta.docs] = added.number
        all_sizes = _grown(state.sizes, meta.docs)
        all_sizes[added.first : meta.docs] = sizes
        is_dead = _grown(state.is_dead, meta.owners)
        is_dead[added.number] = False
        self._state = _State(
            meta, owner_of, all_sizes, is_dead, state.owners + 1, state.items + added.items,
            state.prints + added.prints, state.dead_prints,
        )  # fmt: skip

    @staticmethod
    def _buried(owner: Owner) -> dict[bytes, bytes | None]:
        return {
            rows.numbered(rows.OWNER, owner.number): None,
            rows.numbered(rows.GONE, owner.number): owner.encode(),
        }

    def _bury(self, owner: Owner) -> None:
        state = self._state
        is_dead = state.is_dead.copy()
        is_dead[owner.number] = True
        self._state = replace(
            state, is_dead=is_dead, owners=state.owners - 1, items=state.items - owner.items,
            prints=state.prints - owner.prints, dead_prints=state.dead_prints + owner.prints,
        )  # fmt: skip

    def _tidy(self) -> None:
        state = self._state
        if state.meta.fresh > FRESH_MAX or state.dead_prints * DEAD_SHARE > state.prints:
            self._merge()

    def merge(self) -> None:
        """Join rows, and clear away what was removed, at once. Reads everything that there is."""
        with self._changing, self._reading():
            self._check_sure()
            self._merge()

    def _merge(self) -> None:
        """Under the lock. A crash in between leaves some buckets merged and others not."""
        state = self._state
        merge(self._store, state.meta, state.is_dead[state.owner_of] if state.dead_prints else None)
        purge(self._store, state.meta)
        meta = replace(state.meta, fresh=0)
        self._store.write({rows.META: meta.encode()})
        self._state = replace(state, meta=meta, dead_prints=0)


def _grown(array: Array, size: int) -> Array:
    """A view of `size`, on the same memory where that has the room."""
    base = array.base if array.base is not None else array
    if len(base) < size:
        base = np.zeros(max(size, 2 * len(array)), array.dtype)
        base[: len(array)] = array
    return base[:size]


def open_index(folder: str, *, bulk: bool = False, found_max: int = FOUND_MAX) -> Index:
    """Open an index. `bulk`: for large additions, at the price of memory; `found_max`: places in one answer. Raises
    InputError where none is there, StorageError where it is damaged, or open in another process; StartupError where
    the disk doesn't let it be opened."""
    if not has_index(folder):
        raise InputError(f"there is no index in {folder}", field="DIR", expected="one that `usance detect index` made")
    return _open(folder, None, bulk=bulk, found_max=found_max)


def create_index(folder: str, scheme: Scheme = DEFAULT, *, bulk: bool = False) -> Index:
    """Make an index in a new or empty folder, or where the making of one was broken off, and open it. Raises InputError
    where there is something, StorageError."""
    with making(folder):
        return _open(folder, scheme, bulk=bulk, found_max=FOUND_MAX)


def _open(folder: str, scheme: Scheme | None, *, bulk: bool, found_max: int) -> Index:
    try:
        store = LevelStore(folder, create=scheme is not None, bulk=bulk)
    except HeldError:
        raise StorageError(f"another process has the index {folder} open: wait for it, then try again") from None
    except DamagedError as error:
        raise StorageError(
            f"the index {folder} is damaged ({error.said}): remove the folder, and make the index again of its files "
            "or print sets"
        ) from None
    try:
        return Index(store, folder, scheme, bulk=bulk, found_max=found_max)
    except BaseException:
        store.close()
        raise
