"""Prints to the items that have them: what matching asks, answered from memory; on LevelDB: node/detect/index.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from node.detect.prints import NO_HASHES, NO_PLACES, Offsets, Prints
from node.detect.winnow import DEFAULT, Hashes, Scheme
from proofs.errors import InputError

POSTINGS_MAX = 1000
"""Places of one print beyond which it is passed over as crowded, however few the owners: a masthead on every page."""

Docs = np.ndarray[Any, np.dtype[np.uint32]]


@dataclass(frozen=True, slots=True)
class Source:
    """An item in an index. `owner`: the asset or group that it belongs to, as the index names it; `name`: the item's,
    "" where only prints were given; `length`: characters of its normal form; `distinct`: different prints."""

    owner: str
    name: str
    sha256: bytes
    length: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Hits:
    """Where prints stand: three arrays side by side, ascending by hash. `docs`: numbers of items; `places`: first
    bytes of the grams in them. `crowded`: hashes passed over, in too many assets or places."""

    hashes: Hashes
    docs: Docs
    places: Offsets
    crowded: Hashes


class Postings(Protocol):
    """Items by number, 0 upwards, and which of them have a print."""

    @property
    def scheme(self) -> Scheme:
        """How the prints were made; others can't be compared."""

    @property
    def owners(self) -> int:
        """How many assets or groups there are."""

    def lookup(self, hashes: Hashes, *, owners_max: int) -> Hits:
        """Where these prints stand (ascending, each once). Those of more than `owners_max` owners, or with more than
        POSTINGS_MAX places, are only named. In memory for what is found, not for what is there."""

    def docs(self) -> Docs:
        """Numbers of all items that are there, ascending."""

    def source(self, doc: int) -> Source:
        """What is known of an item."""

    def lengths(self, docs: Docs) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Of each item the length of its normal form in characters, and how many different prints it has (int64)."""

    def copies(self, sha256: bytes) -> list[int]:
        """Items with this hash, at most 16."""


def select(hashes: Hashes, docs: Docs, places: Offsets, owner_of: np.ndarray[Any, Any], *, owners_max: int) -> Hits:
    """Hits from all postings of the prints that were asked for, in any order. `owner_of`: a number for each doc."""
    order = np.lexsort((docs, hashes))
    hashes, docs, places = hashes[order], docs[order], places[order]
    if not len(hashes):
        return Hits(NO_HASHES, NO_PLACES, NO_PLACES, NO_HASHES)
    starts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1])))
    counts = np.diff(np.append(starts, len(hashes)))
    group = np.repeat(np.arange(len(starts)), counts)
    owners = owner_of[docs]
    by_owner = np.lexsort((owners, group))
    is_new = np.ones(len(hashes), np.bool_)
    one, other = by_owner[1:], by_owner[:-1]
    is_new[1:] = (group[one] != group[other]) | (owners[one] != owners[other])
    owned = np.bincount(group[by_owner], weights=is_new, minlength=len(starts))
    is_crowded = (owned > owners_max) | (counts > POSTINGS_MAX)
    kept = ~is_crowded[group]
    return Hits(hashes[kept], docs[kept], places[kept], hashes[starts[is_crowded]])


class MemoryPostings:
    """Postings of a few thousand items: two folders beside each other, calibration, tests."""

    def __init__(self, items: Iterable[tuple[str, Prints]], scheme: Scheme = DEFAULT) -> None:
        """`items`: each with its owner."""
        self.scheme = scheme
        self._sources: list[Source] = []
        numbers: dict[str, int] = {}
        owner_of, hashes, docs, places = [], [NO_HASHES], [NO_PLACES], [NO_PLACES]
        for owner, prints in items:
            docs.append(np.full(len(prints), len(self._sources), np.uint32))
            hashes.append(prints.hashes)
            places.append(prints.places)
            owner_of.append(numbers.setdefault(owner, len(numbers)))
            self._sources.append(Source(owner, prints.name, prints.sha256, prints.length, len(prints.distinct)))
        joined = np.concatenate(hashes)
        order = np.argsort(joined, kind="stable")
        self._hashes, self._docs = joined[order], np.concatenate(docs)[order]
        self._places = np.concatenate(places)[order]
        self._owner_of = np.array(owner_of, np.int64)
        self._lengths = np.array([source.length for source in self._sources], np.int64)
        self._distinct = np.array([source.distinct for source in self._sources], np.int64)
        self._by_hash: dict[bytes, list[int]] = {}
        for doc, source in enumerate(self._sources):
            self._by_hash.setdefault(source.sha256, []).append(doc)
        self.owners = len(numbers)

    def __len__(self) -> int:
        return len(self._sources)

    def lookup(self, hashes: Hashes, *, owners_max: int) -> Hits:
        """See Postings."""
        starts = np.searchsorted(self._hashes, hashes, "left")
        counts = np.searchsorted(self._hashes, hashes, "right") - starts
        at = expand(starts, counts)
        return select(self._hashes[at], self._docs[at], self._places[at], self._owner_of, owners_max=owners_max)

    def docs(self) -> Docs:
        """See Postings."""
        return np.arange(len(self._sources), dtype=np.uint32)

    def source(self, doc: int) -> Source:
        """See Postings. Raises InputError where there is no such item."""
        if not 0 <= doc < len(self._sources):
            raise InputError(f"no item {doc}", field="doc", expected=f"0 to {len(self._sources) - 1}")
        return self._sources[doc]

    def lengths(self, docs: Docs) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """See Postings."""
        return self._lengths[docs], self._distinct[docs]

    def copies(self, sha256: bytes) -> list[int]:
        """See Postings."""
        return self._by_hash.get(sha256, [])[:16]


def expand(starts: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """All of start, start + 1, … start + count - 1, one after the other."""
    total = int(counts.sum())
    before = np.cumsum(counts) - counts
    return np.arange(total) - np.repeat(before - starts, counts)
