"""What a lookup walks through, and what it keeps of it: memory for what is found, not for what is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.detect.indexrows import POSTING, Rows, buckets_of
from node.detect.matching import contains
from node.detect.postings import POSTINGS_MAX, Hits, select
from node.detect.prints import NO_HASHES, NO_PLACES
from node.detect.winnow import Hashes

SPAN_BUCKETS_MAX = 256
GAP_BUCKETS = 2
"""Buckets that nobody asked for are read along where they are so few: a seek costs more."""
SLAB_BYTES = 4 * 1024 * 1024
SIFT_BUCKETS = 16
"""From so many buckets a table is worth its making."""
FOUND_MAX = 4 * 1024 * 1024
"""Places in an answer: 64 MB."""
PENDING_MAX = 256 * 1024

_SIFT_BITS = 20
_SIFT_SHIFT = np.uint64(64 - 16 - _SIFT_BITS)
_SIFT_MASK = np.uint64((1 << _SIFT_BITS) - 1)
_NONE = np.zeros(0, POSTING)


@dataclass(frozen=True, slots=True)
class Span:
    """Buckets `first` to `last`, and what is asked of them."""

    first: int
    last: int
    asked: Hashes


def spans(hashes: Hashes) -> Iterator[Span]:
    """The buckets that hashes (ascending) lie in, neighbours together."""
    buckets, starts = np.unique(buckets_of(hashes), return_index=True)
    ends = [*starts[1:].tolist(), len(hashes)]
    first = last = -1
    low = high = 0
    for bucket, start, end in zip(buckets.tolist(), starts.tolist(), ends, strict=True):
        if first >= 0 and (bucket - last > GAP_BUCKETS or bucket - first >= SPAN_BUCKETS_MAX):
            yield Span(first, last, hashes[low:high])
            first = -1
        if first < 0:
            first, low = bucket, start
        last, high = bucket, end
    if first >= 0:
        yield Span(first, last, hashes[low:high])


class Found:
    """Collects postings: `begin` a span, its `row`s, `end` it, `keep` what counts; at last `hits`."""

    def __init__(self, owner_of: np.ndarray[Any, Any], *, owners_max: int) -> None:
        self._owner_of, self._owners_max = owner_of, owners_max
        self._asked: Hashes = NO_HASHES
        self._sieve: np.ndarray[Any, np.dtype[np.bool_]] | None = None
        self._slab: list[Rows] = []
        self._slab_rows = 0
        self._parts: list[Rows] = []
        self._part_rows = 0
        self._pending: list[Rows] = []
        self._pending_rows = 0
        self._hits: list[Hits] = []
        self._found = 0
        self._places_max = POSTINGS_MAX

    def begin(self, span: Span) -> None:
        """What comes now are this span's rows."""
        self._asked = span.asked
        self._sieve = None
        if span.last - span.first >= SIFT_BUCKETS:
            self._sieve = np.zeros(1 << _SIFT_BITS, np.bool_)
            self._sieve[(span.asked >> _SIFT_SHIFT) & _SIFT_MASK] = True

    def row(self, postings: Rows) -> None:
        """A row of the span."""
        self._slab.append(postings)
        self._slab_rows += len(postings)
        if self._slab_rows * POSTING.itemsize >= SLAB_BYTES:
            self._sift()

    def _sift(self) -> None:
        slab = np.concatenate([_NONE, *self._slab])
        self._slab, self._slab_rows = [], 0
        if self._sieve is not None:
            slab = slab[self._sieve[(slab["hash"] >> _SIFT_SHIFT) & _SIFT_MASK]]
        slab = slab[contains(self._asked, slab["hash"])]
        self._parts.append(slab)
        self._part_rows += len(slab)
        if self._part_rows > FOUND_MAX:
            self._parts = [_first_places(np.concatenate(self._parts), POSTINGS_MAX + 1)]
            self._part_rows = len(self._parts[0])

    def end(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        """The span's rows are over: the docs of what was found in them."""
        self._sift()
        self._pending.append(np.concatenate(self._parts))
        self._parts, self._part_rows = [], 0
        docs: np.ndarray[Any, np.dtype[np.uint32]] = self._pending[-1]["doc"]
        return docs

    def keep(self, is_kept: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """Of the span's postings these count."""
        self._pending[-1] = self._pending[-1][is_kept]
        self._pending_rows += len(self._pending[-1])
        if self._pending_rows > PENDING_MAX:
            self._select()

    def _select(self) -> None:
        pending = np.concatenate([_NONE, *self._pending])
        self._pending, self._pending_rows = [], 0
        if not len(pending):
            return
        hashes, docs, places = (np.ascontiguousarray(pending[name]) for name in ("hash", "doc", "place"))
        hits = select(hashes, docs, places, self._owner_of, owners_max=self._owners_max)
        if self._places_max < POSTINGS_MAX:
            hits = _thinned(hits, self._places_max)
        self._hits.append(hits)
        self._found += len(hits.hashes)
        while self._found > FOUND_MAX and self._places_max > 1:
            self._places_max //= 2
            self._hits = [_thinned(hits, self._places_max) for hits in self._hits]
            self._found = sum(len(hits.hashes) for hits in self._hits)

    def hits(self) -> Hits:
        """All that was found."""
        self._select()
        parts = self._hits
        return Hits(
            np.concatenate([NO_HASHES, *(part.hashes for part in parts)]),
            np.concatenate([NO_PLACES, *(part.docs for part in parts)]),
            np.concatenate([NO_PLACES, *(part.places for part in parts)]),
            np.concatenate([NO_HASHES, *(part.crowded for part in parts)]),
        )


def _first_places(postings: Rows, places_max: int) -> Rows:
    """At most so many of each hash."""
    order = np.argsort(postings["hash"], kind="stable")
    hashes = postings["hash"][order]
    kept = np.ones(len(hashes), np.bool_)
    kept[places_max:] = hashes[places_max:] != hashes[:-places_max]
    return postings[order[kept]]


def _thinned(hits: Hits, places_max: int) -> Hits:
    """Hashes with more places than that are crowded too."""
    hashes, counts = np.unique(hits.hashes, return_counts=True)
    many = hashes[counts > places_max]
    if not len(many):
        return hits
    kept = ~contains(many, hits.hashes)
    crowded = np.sort(np.concatenate([hits.crowded, many]))
    return Hits(hits.hashes[kept], hits.docs[kept], hits.places[kept], crowded)
