"""Fewer, larger rows of postings, without those of what was removed. A bucket at a time, so a crash leaves no half."""

from __future__ import annotations

from typing import Any

import numpy as np

from ledger.leveldb import LevelStore
from node.detect import indexrows as rows
from node.detect.indexrows import Meta
from node.detect.indexwriter import BATCH_BYTES, ROW_POSTINGS_MAX, SIZES_MAX, Changes, doc_keys

ROW_BYTES_MAX = ROW_POSTINGS_MAX * rows.POSTING.itemsize
GROWTH = 2
"""A row is written again once those after it are together a part of this many of it: so each posting is, over time, as
often as the index doubles."""

IsDead = np.ndarray[Any, np.dtype[np.bool_]] | None


class _Merger:
    """Takes rows in order, and writes those that come of them."""

    def __init__(self, store: LevelStore, meta: Meta, is_dead: IsDead) -> None:
        self._store, self._meta, self._is_dead = store, meta, is_dead
        self._bucket = -1
        self._group: list[tuple[bytes, bytes]] = []  # of one bucket; changed ones are in `_changes` too
        self._size = 0
        self._changes: Changes = {}
        self._bytes = 0

    def row(self, key: bytes, data: bytes) -> None:
        """The next one. Raises BadRow, StorageError."""
        bucket, run = rows.parse_post_key(key)
        if run >= self._meta.runs:
            return
        if bucket != self._bucket or self._size + len(data) > ROW_BYTES_MAX:
            self.end_group()
            self._bucket = bucket
        if not data or len(data) % rows.POSTING.itemsize:
            raise rows.BadRow(f"postings of bucket {bucket}")
        if self._is_dead is not None:
            postings = np.frombuffer(data, rows.POSTING)
            if int(postings["doc"].max()) >= len(self._is_dead):
                raise rows.BadRow(f"postings of bucket {bucket}")
            dead = self._is_dead[postings["doc"]]
            if dead.any():
                data = postings[~dead].tobytes()
                self._change(key, data or None)
        if data:
            self._group.append((key, data))
            self._size += len(data)

    def end_group(self) -> None:
        """Join the newest rows as far back as it is worth it; the joined one stands where the oldest of them stood."""
        group, at, size = self._group, len(self._group) - 1, 0
        while at >= 0 and (not size or len(group[at][1]) <= GROWTH * size):
            size += len(group[at][1])
            at -= 1
        joined = group[at + 1 :]
        if len(joined) > 1:
            for key, _ in joined[1:]:
                self._change(key, None)
            self._change(joined[0][0], b"".join(data for _, data in joined))
        self._group, self._size = [], 0
        if self._bytes >= BATCH_BYTES:
            self.write()

    def write(self) -> None:
        """Write what has changed."""
        if self._changes:
            self._store.write(self._changes)
        self._changes, self._bytes = {}, 0

    def _change(self, key: bytes, data: bytes | None) -> None:
        self._changes[key] = data
        self._bytes += len(key) + len(data or b"")


def merge(store: LevelStore, meta: Meta, is_dead: IsDead) -> None:
    """Join rows. `is_dead`: by item, whether its postings are left out; None: all stay. Raises BadRow, StorageError."""
    merger = _Merger(store, meta, is_dead)
    for key, data in store.scan(rows.POST, bytes([rows.POST[0] + 1])):
        merger.row(key, data)
    merger.end_group()
    merger.write()


def purge(store: LevelStore, meta: Meta) -> None:
    """Drop the items of owners that were removed, whose postings are gone, then the owners. Raises BadRow,
    StorageError."""
    for key, data in store.scan(rows.GONE, bytes([rows.GONE[0] + 1])):
        owner = rows.parse_owner(key, data, docs=meta.docs)
        changes: Changes = {}
        stop = rows.numbered(rows.DOC, owner.first + owner.items)
        for doc_key, row in store.scan(rows.numbered(rows.DOC, owner.first), stop):
            changes.update(dict.fromkeys(doc_keys(doc_key, row)))
            if len(changes) >= SIZES_MAX:
                store.write(changes)
                changes = {}
        stop = rows.numbered(rows.SIZES, owner.first + owner.items)
        changes.update(dict.fromkeys(key for key, _ in store.scan(rows.numbered(rows.SIZES, owner.first), stop)))
        store.write({**changes, key: None})
