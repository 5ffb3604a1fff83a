"""Which items share so much that it is no chance, by a rule whose error rate is measured (node/detect/calibration.py).

A *hit* is a print that both have. A *run* is a stretch that both have word for word: hits one after the other, as far
apart on one side as on the other, and never farther than a window, within which equal text must have a print. It counts
the bytes that its hits cover: between two that are farther apart than a gram something may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from node.detect.postings import Hits, Postings, expand
from node.detect.prints import NO_HASHES, Prints, unique
from node.detect.winnow import Hashes

MILLION = 1_000_000
JOINED_MAX = 1024 * 1024
"""Pairs of places looked at together: bounds the memory, about 150 bytes each."""

Ints = np.ndarray[Any, np.dtype[np.int64]]

_PAIRS_AT_ONCE = 4096
_NO_PAIRS: Ints = np.zeros((8, 0), np.int64)


@dataclass(frozen=True, slots=True)
class Rule:
    """When two items match: `hits` different prints or more in both, and a run of `run` bytes of normal form or more
    (None: none is enough) or `containment` of the smaller one's prints or more (parts per million). Items of fewer
    than `length` characters of normal form are too short to tell."""

    name: str
    hits: int
    run: int | None
    containment: int
    length: int

    def owners_max(self, owners: int) -> int:
        """A print of more owners than this says nothing about any of them: 10, or 0.5 % of many."""
        return max(10, owners // 200)


DOCUMENTS = Rule("documents", hits=5, run=85, containment=100_000, length=400)
"""Texts that were written independently."""
ANSWERS = Rule("answers", hits=3, run=None, containment=500_000, length=400)
"""Answers to the same questions, which are alike without anybody having taken anything. Their prompts' prints are left
out beforehand."""
RULES = {rule.name: rule for rule in (DOCUMENTS, ANSWERS)}


@dataclass(frozen=True, slots=True)
class Pair:
    """An item looked at and an item of an index that share something. `item`: its position; `doc`: the other's number;
    `of_item`, `of_source`: containment of each in the other, parts per million of its different prints; `run`: the
    longest run, bytes of normal form; `item_place`, `source_place`: where it begins in each."""

    item: int
    doc: int
    hits: int
    of_item: int
    of_source: int
    run: int
    item_place: int
    source_place: int


@dataclass
class Matches:
    """What came of items. `pairs`: matches only, by item, then hits, most first; `too_short`: positions of items that
    are too short; `boilerplate`: prints left out because many texts have them; `crowded`: because many owners have
    them in this index, or one has them in very many places."""

    pairs: list[Pair] = field(default_factory=list)
    too_short: list[int] = field(default_factory=list)
    boilerplate: int = 0
    crowded: int = 0


class Matching:
    """As Matches, for any number of pairs: they come one by one. `joined`: places of what was asked beside places in
    the index, all of which going through the pairs looks at; `left_out`: pairs beyond `pairs_max`, counted by then."""

    def __init__(
        self, items: Sequence[Prints], postings: Postings, rule: Rule, *, boilerplate: Hashes = NO_HASHES,
        rule_pairs: bool = True, owners_max: int | None = None, joined_max: int = JOINED_MAX,
        pairs_max: int | None = None,
    ) -> None:  # fmt: skip
        """See `match`. `joined_max`: of `joined` so many are looked at together; `pairs_max`: pairs that come, None for
        all of them."""
        self._postings, self._rule, self._rule_pairs, self._joined_max = postings, rule, rule_pairs, joined_max
        self._room = pairs_max
        self.too_short = [at for at, item in enumerate(items) if item.length < rule.length]
        self.boilerplate = self.crowded = self.joined = self.left_out = 0
        self._asked: _Asked | None = None
        asked = [at for at, item in enumerate(items) if item.length >= rule.length and len(item)]
        if not asked:
            return
        hashes = np.concatenate([items[at].hashes for at in asked])
        places = np.concatenate([items[at].places for at in asked]).astype(np.int64)
        owner = np.repeat(np.array(asked, np.int64), [len(items[at]) for at in asked])
        kept = ~contains(boilerplate, hashes)
        self.boilerplate = int(len(hashes) - kept.sum())
        hashes, places, owner = hashes[kept], places[kept], owner[kept]
        hits = postings.lookup(
            unique(hashes), owners_max=rule.owners_max(postings.owners) if owners_max is None else owners_max
        )
        self.crowded = int(contains(hits.crowded, hashes).sum())
        long = postings.lengths(hits.docs)[0] >= rule.length
        hits = Hits(hits.hashes[long], hits.docs[long], hits.places[long], hits.crowded)
        starts = np.searchsorted(hits.hashes, hashes, "left")
        counts = np.searchsorted(hits.hashes, hashes, "right") - starts
        self.joined = int(counts.sum())
        distinct = np.zeros(len(items), np.int64)
        distinct[asked] = [len(items[at].distinct) for at in asked]
        self._asked = _Asked(hashes, places, owner, hits, starts, counts, distinct)

    def pairs(self) -> Iterator[Pair]:
        """Pairs by item, then hits, most first; once."""
        asked, self._asked = self._asked, None
        if asked is None:
            return
        held: list[Ints] = []
        for rows, is_last in _joined(asked, self._joined_max):
            held.append(_matched(rows, asked.distinct, self._postings, self._rule, rule_pairs=self._rule_pairs))
            if not is_last:
                continue
            found, held = np.concatenate(held, axis=1), []
            found = found[:, np.lexsort((found[1], -found[2], found[0]))]
            if self._room is not None:
                taken = min(self._room, found.shape[1])
                self._room -= taken
                self.left_out += found.shape[1] - taken
                found = found[:, :taken]
            for begin in range(0, found.shape[1], _PAIRS_AT_ONCE):
                for row in found[:, begin : begin + _PAIRS_AT_ONCE].T.tolist():
                    yield Pair(*row)


def match(
    items: Sequence[Prints],
    postings: Postings,
    rule: Rule,
    *,
    boilerplate: Hashes = NO_HASHES,
    rule_pairs: bool = True,
    owners_max: int | None = None,
) -> Matches:
    """Look items up, at best so many at a time that they have about a million prints; all pairs in memory.

    `boilerplate`: hashes (ascending) that count for nothing. For whoever measures rules: `rule_pairs` False: also pairs
    that have the rule's hits but aren't matches; `owners_max`: in place of the rule's.
    """
    found = Matching(items, postings, rule, boilerplate=boilerplate, rule_pairs=rule_pairs, owners_max=owners_max)
    return Matches(list(found.pairs()), found.too_short, found.boilerplate, found.crowded)


def contains(among: Hashes, hashes: Hashes) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of each hash whether it is in `among`, which ascends."""
    if not len(among):
        return np.zeros(len(hashes), np.bool_)
    at = np.minimum(np.searchsorted(among, hashes), len(among) - 1)
    return among[at] == hashes


@dataclass(frozen=True, slots=True)
class _Asked:
    """Prints of items (`owner`: their positions, ascending) side by side with where they begin in `hits`, and how many
    of those they have. `distinct`: by item."""

    hashes: Hashes
    places: Ints
    owner: Ints
    hits: Hits
    starts: Ints
    counts: Ints
    distinct: Ints


@dataclass(frozen=True, slots=True)
class _Rows:
    """Each place of a print in an item beside each of its places in a doc."""

    hashes: Hashes
    items: Ints
    docs: Ints
    here: Ints
    there: Ints


def _joined(asked: _Asked, joined_max: int) -> Iterator[tuple[_Rows, bool]]:
    """Rows in portions, each with all of the rows of its pairs, and whether it is the last one of its items."""
    hashes, places, owner, hits = asked.hashes, asked.places, asked.owner, asked.hits
    ends = np.cumsum(asked.counts)
    begin = 0
    while begin < len(hashes):
        done = int(ends[begin - 1]) if begin else 0
        end = int(np.searchsorted(ends, done + joined_max, "right"))
        if end < len(hashes):  # back to where an item begins; one that is too large for itself goes by docs
            first = int(np.searchsorted(owner, owner[end], "left"))
            end = first if first > begin else int(np.searchsorted(owner, owner[begin], "right"))
        own = slice(begin, end)
        total = int(ends[end - 1]) - done
        split = -(-total // joined_max) or 1
        index = np.repeat(np.arange(begin, end), asked.counts[own])
        at = expand(asked.starts[own], asked.counts[own])
        docs = hits.docs[at].astype(np.int64)
        for part in range(split):
            mine = slice(None) if split == 1 else np.flatnonzero(docs % split == part)
            here, there = index[mine], at[mine]
            rows = _Rows(hashes[here], owner[here], docs[mine], places[here], hits.places[there].astype(np.int64))
            yield rows, part == split - 1
        begin = end


def _matched(rows: _Rows, distinct: Ints, postings: Postings, rule: Rule, *, rule_pairs: bool) -> Ints:
    """The fields of Pair, a row each, of the pairs that fulfil the rule (or only have its hits)."""
    if not len(rows.hashes):
        return _NO_PAIRS
    order = np.lexsort((rows.hashes, rows.docs, rows.items))
    items, docs, hashes = rows.items[order], rows.docs[order], rows.hashes[order]
    new_pair = np.concatenate(([True], (items[1:] != items[:-1]) | (docs[1:] != docs[:-1])))
    new_hash = new_pair | np.concatenate(([True], hashes[1:] != hashes[:-1]))
    pair_of = np.cumsum(new_pair) - 1
    hit_counts = np.bincount(pair_of, weights=new_hash).astype(np.int64)
    enough = hit_counts[pair_of] >= rule.hits
    if not enough.any():
        return _NO_PAIRS
    order, items, docs, pair_of = order[enough], items[enough], docs[enough], pair_of[enough]
    here, there = rows.here[order], rows.there[order]
    runs, heres, theres = _longest(pair_of, here, there, postings.scheme.gram, postings.scheme.window)
    first = np.flatnonzero(np.concatenate(([True], pair_of[1:] != pair_of[:-1])))
    items, docs, hits = items[first], docs[first], hit_counts[pair_of[first]]
    of_item = hits * MILLION // distinct[items]
    of_source = hits * MILLION // postings.lengths(docs.astype(np.uint32))[1]
    found = np.stack((items, docs, hits, of_item, of_source, runs, heres, theres))
    if not rule_pairs:
        return found
    fulfils = np.maximum(of_item, of_source) >= rule.containment  # of a pair, the smaller one's is the larger
    if rule.run is not None:
        fulfils |= runs >= rule.run
    return found[:, fulfils]


def _longest(pair: Ints, here: Ints, there: Ints, gram: int, window: int) -> tuple[Ints, Ints, Ints]:
    """Of each pair (ascending) the longest run in bytes, and where it begins on both sides."""
    shift = here - there
    order = np.lexsort((here, shift, pair))
    pair, shift, here, there = pair[order], shift[order], here[order], there[order]
    steps = here[1:] - here[:-1]
    is_new = np.concatenate(([True], (pair[1:] != pair[:-1]) | (shift[1:] != shift[:-1]) | (steps > window)))
    begins = np.flatnonzero(is_new)
    ends = np.append(begins[1:], len(pair)) - 1
    covered = np.concatenate(([0], np.cumsum(np.where(is_new[1:], 0, np.minimum(steps, gram)))))
    runs = covered[ends] - covered[begins] + gram
    # The longest of each pair first, of equal ones the first in the text.
    best = np.lexsort((here[begins], -runs, pair[begins]))
    owner = pair[begins][best]
    best = best[np.concatenate(([True], owner[1:] != owner[:-1]))]
    return runs[best], here[begins][best], there[begins][best]
