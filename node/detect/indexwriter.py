"""How an owner's items come into an index: in runs, each a row a bucket, beyond the numbers that count already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ledger.leveldb import LevelStore
from node.detect import indexrows as rows
from node.detect.indexrows import Meta, Owner
from node.detect.prints import Prints
from node.detect.printset import LENGTH_MAX, PrintSetWriter
from proofs.errors import InputError

RUN_POSTINGS = 256 * 1024
BULK_POSTINGS = 4 * 1024 * 1024
"""Held and sorted at a time: 64 MB, and as much again while they are written."""
ROW_POSTINGS_MAX = 64 * 1024
"""In one row, a megabyte: hashes can be chosen, so that all are in one bucket."""
DOCS_MAX = 2**26
"""Items that an index ever had: their sizes are held in memory, 12 bytes each."""
SIZES_MAX = 64 * 1024
BATCH_BYTES = 8 * 1024 * 1024

Changes = dict[bytes, bytes | None]


class Addition:
    """One owner's items on their way. Nothing of it counts before its caller has written what `finish` gives."""

    def __init__(self, store: LevelStore, meta: Meta, *, bulk: bool) -> None:
        self._store, self._begun = store, meta
        self._run_postings = BULK_POSTINGS if bulk else RUN_POSTINGS
        self._docs, self._run, self._fresh = meta.docs, meta.runs, meta.fresh
        self._set = PrintSetWriter(None, meta.scheme)
        self._most: dict[bytes, int] = {}  # prints by item's hash; 200 bytes each
        self._again = 0  # prints of items that the set has with others
        self._postings: list[rows.Rows] = []
        self._held = 0
        self._sizes: list[tuple[int, int]] = []
        self._all_sizes: list[rows.Rows] = []
        self._changes: Changes = {}
        self._bytes = 0
        if store.get(rows.MARK) is not None:  # an earlier one couldn't clear away what it had written
            clear(store, meta)
        store.write({rows.MARK: b""})

    @property
    def sizes(self) -> np.ndarray[Any, Any]:
        """Of all items, as they are held in memory."""
        return np.concatenate([np.zeros(0, rows.SIZE), *self._all_sizes])

    def add(self, prints: Prints, text: str | None) -> None:
        """One item more, unless it is a copy of one; one with more prints than those before, of which more was left
        out as their prompts', stands beside them. Raises InputError beyond DOCS_MAX, StorageError."""
        if not self._set.add(prints):
            if len(prints) <= self._most[prints.sha256]:
                return
            self._again += len(prints)
        self._most[prints.sha256] = len(prints)
        doc = self._docs
        if doc >= DOCS_MAX:
            raise InputError(
                "the index has had too many items", field="index", expected=f"at most {DOCS_MAX:,}: make a new one"
            )
        self._docs += 1
        name = prints.name[: rows.NAME_CHARS_MAX].encode("utf-8", "replace").decode()
        self._put(rows.numbered(rows.DOC, doc), rows.Doc(name, prints.sha256).encode())
        self._put(rows.COPY + prints.sha256 + doc.to_bytes(4, "big"), b"")
        if text is not None:
            self._put(rows.numbered(rows.TEXT, doc), rows.pack_text(text))
        self._sizes.append((min(prints.length, LENGTH_MAX), len(prints.distinct)))
        if len(self._sizes) >= SIZES_MAX:
            self._put_sizes()
        packed = np.empty(len(prints), rows.POSTING)
        packed["hash"], packed["doc"], packed["place"] = prints.hashes, doc, prints.places
        self._postings.append(packed)
        self._held += len(packed)
        if self._held >= self._run_postings:
            self._write_run()

    def finish(self, owner: str) -> tuple[Owner, Meta]:
        """Write what is held; the owner, and where the index goes to with it."""
        self._write_run()
        self._put_sizes()
        self._flush()
        begun, summary = self._begun, self._set.summary()
        made = Owner(
            begun.owners, owner, begun.docs, self._docs - begun.docs, summary.count + self._again, summary.root
        )
        meta = replace(begun, docs=self._docs, owners=begun.owners + 1, runs=self._run, fresh=self._fresh)
        return made, meta

    def undo(self) -> None:
        """Clear away what was written."""
        clear(self._store, self._begun)

    def _put(self, key: bytes, value: bytes) -> None:
        self._changes[key] = value
        self._bytes += len(key) + len(value)
        if self._bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._changes:
            self._store.write(self._changes)
        self._changes, self._bytes = {}, 0

    def _put_sizes(self) -> None:
        if self._sizes:
            packed = np.array(self._sizes, rows.SIZE)
            self._put(rows.numbered(rows.SIZES, self._docs - len(packed)), packed.tobytes())
            self._all_sizes.append(packed)
            self._sizes = []

    def _write_run(self) -> None:
        """The postings that are held, by bucket, a row each."""
        if not self._held:
            return
        held = np.concatenate(self._postings)
        self._postings, self._held = [], 0
        buckets = rows.buckets_of(held["hash"])
        order = np.argsort(buckets, kind="stable")
        held, buckets = held[order], buckets[order]
        del order
        starts = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
        ends = [*starts[1:].tolist(), len(held)]
        for bucket, start, end in zip(buckets[starts].tolist(), starts.tolist(), ends, strict=True):
            for part, at in enumerate(range(start, end, ROW_POSTINGS_MAX)):
                row = held[at : min(end, at + ROW_POSTINGS_MAX)]
                self._put(rows.post_key(bucket, self._run, part), row.tobytes())
                self._fresh += 1
        self._run += 1


def clear(store: LevelStore, meta: Meta) -> None:
    """Clear away what an addition left beyond the numbers that count, then its mark. Raises StorageError, BadRow."""
    changes: Changes = {}

    def drop(*keys: bytes) -> None:
        changes.update(dict.fromkeys(keys))
        if len(changes) >= SIZES_MAX:
            store.write(changes)
            changes.clear()

    for key, data in store.scan(rows.numbered(rows.DOC, meta.docs), bytes([rows.DOC[0] + 1])):
        drop(*doc_keys(key, data))
    for prefix in (rows.SIZES, rows.TEXT):
        for key, _ in store.scan(rows.numbered(prefix, meta.docs), bytes([prefix[0] + 1])):
            drop(key)
    for key, _ in store.scan(rows.COPY, bytes([rows.COPY[0] + 1])):
        if rows.number_of(key) >= meta.docs:
            drop(key)
    for bucket in range(rows.BUCKETS):
        for key, _ in store.scan(rows.post_key(bucket, meta.runs), rows.bucket_start(bucket + 1)):
            drop(key)
    store.write({**changes, rows.MARK: None})


def doc_keys(key: bytes, data: bytes) -> tuple[bytes, ...]:
    """The keys of all rows of an item, but for its sizes. Raises BadRow."""
    doc = rows.number_of(key)
    found = rows.parse_doc(data, doc)
    return key, rows.numbered(rows.TEXT, doc), rows.COPY + found.sha256 + doc.to_bytes(4, "big")
