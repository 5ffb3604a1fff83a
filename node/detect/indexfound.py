"""What a lookup walks through, and what it keeps of it: memory for what is found, not for what is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.detect.indexrows import POSTING, BadRow, Rows, buckets_of
from node.detect.matching import contains
from node.detect.postings import POSTINGS_MAX, Hits, select
from node.detect.prints import NO_PLACES
from node.detect.winnow import NO_HASHES, Hashes

SPAN_BUCKETS_MAX = 256
GAP_BUCKETS = 2
"""Buckets that nobody asked for are read along where they are so few: a seek costs more."""
SLAB_BYTES = 4 * 1024 * 1024
SIEVE_POSTINGS = 32 * 1024
"""For so many a table is worth its making."""
FOUND_MAX = 4 * 1024 * 1024
"""Places in an answer: 64 MB."""
PENDING_MAX = 256 * 1024

_SIEVE_BITS = 20
_SIEVE_SHIFT = np.uint64(64 - 16 - _SIEVE_BITS)
_SIEVE_MASK = np.uint64((1 << _SIEVE_BITS) - 1)

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """Buckets `first` to `last`, and from where to where hashes are asked of them."""

    first: int
    last: int
    low: int
    high: int


def spans(hashes: Hashes) -> Iterator[Span]:
    """The buckets that hashes (ascending) lie in, neighbours together."""
    buckets, starts = np.unique(buckets_of(hashes), return_index=True)
    ends = [*starts[1:].tolist(), len(hashes)]
    first = last = -1
    low = high = 0
    for bucket, start, end in zip(buckets.tolist(), starts.tolist(), ends, strict=True):
        if first >= 0 and (bucket - last > GAP_BUCKETS or bucket - first >= SPAN_BUCKETS_MAX):
            yield Span(first, last, low, high)
            first = -1
        if first < 0:
            first, low = bucket, start
        last, high = bucket, end
    if first >= 0:
        yield Span(first, last, low, high)


class Found:
    """Collects postings: `begin` each span, ascending, then its rows (`row`); at last `hits`."""

    def __init__(self, asked: Hashes, owner_of: Array, is_dead: Array, *, owners_max: int, found_max: int) -> None:
        """`asked`: ascending; `owner_of`: by item; `is_dead`: by owner, whether its postings count no more;
        `found_max`: places in the answer."""
        self._found_max = found_max
        self._asked, self._owner_of, self._is_dead, self._owners_max = asked, owner_of, is_dead, owners_max
        self._span = Span(0, 0, 0, 0)
        self._low = 0  # what the slab's rows are asked for begins here, and ends with the span
        self._slab: list[bytes] = []
        self._slab_bytes = 0
        self._pending: list[Rows] = []  # of whole spans, and what there is of this one
        self._pending_rows = 0
        self._hits: list[Hits] = []
        self._found = 0
        self._places_max = POSTINGS_MAX

    def begin(self, span: Span) -> None:
        """What comes now are this span's rows. Raises BadRow."""
        if self._pending_rows > PENDING_MAX:
            self._sift()
            self._select()
        if not self._slab:
            self._low = span.low
        self._span = span

    def row(self, data: bytes) -> None:
        """A row of the span. Raises BadRow."""
        if not data or len(data) % POSTING.itemsize:
            raise BadRow(f"postings of buckets {self._span.first} to {self._span.last}")
        self._slab.append(data)
        self._slab_bytes += len(data)
        if self._slab_bytes >= SLAB_BYTES:
            self._sift()

    def _sift(self) -> None:
        """Keep of the slab what was asked for and counts."""
        slab: Rows = np.frombuffer(b"".join(self._slab), POSTING)
        asked = self._asked[self._low : self._span.high]
        self._slab, self._slab_bytes, self._low = [], 0, self._span.low
        if len(slab) >= SIEVE_POSTINGS:
            sieve = np.zeros(1 << _SIEVE_BITS, np.bool_)
            sieve[(asked >> _SIEVE_SHIFT) & _SIEVE_MASK] = True
            slab = slab[sieve[(slab["hash"] >> _SIEVE_SHIFT) & _SIEVE_MASK]]
        slab = slab[contains(asked, slab["hash"])]
        if len(slab) and int(slab["doc"].max()) >= len(self._owner_of):
            raise BadRow(f"postings of buckets up to {self._span.last}")
        slab = slab[~self._is_dead[self._owner_of[slab["doc"]]]]
        self._pending.append(slab)
        self._pending_rows += len(slab)
        if self._pending_rows > self._found_max:
            self._pending = [_first_places(_joined(self._pending), POSTINGS_MAX + 1)]
            self._pending_rows = len(self._pending[0])

    def _select(self) -> None:
        pending = _joined(self._pending)
        self._pending, self._pending_rows = [], 0
        hashes, docs, places = (np.ascontiguousarray(pending[name]) for name in ("hash", "doc", "place"))
        hits = select(hashes, docs, places, self._owner_of, owners_max=self._owners_max)
        if self._places_max < POSTINGS_MAX:
            hits = _thinned(hits, self._places_max)
        self._hits.append(hits)
        self._found += len(hits.hashes)
        while self._found > self._found_max and self._places_max > 1:
            self._places_max //= 2
            self._hits = [_thinned(hits, self._places_max) for hits in self._hits]
            self._found = sum(len(hits.hashes) for hits in self._hits)

    def hits(self) -> Hits:
        """All that was found. Raises BadRow."""
        self._sift()
        self._select()
        parts = self._hits
        return Hits(
            np.concatenate([NO_HASHES, *(part.hashes for part in parts)]),
            np.concatenate([NO_PLACES, *(part.docs for part in parts)]),
            np.concatenate([NO_PLACES, *(part.places for part in parts)]),
            np.concatenate([NO_HASHES, *(part.crowded for part in parts)]),
        )


def _joined(parts: list[Rows]) -> Rows:
    """One after the other. (numpy's own way looks at every field of every part.)"""
    return np.frombuffer(b"".join(part.tobytes() for part in parts), POSTING)


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
