"""Matching goes portion by portion: the same pairs however large those are, in memory that doesn't grow with them."""

import tracemalloc
from hashlib import sha256

import numpy as np
import pytest

from node.detect.matching import ANSWERS, DOCUMENTS, Matching, Rule, match
from node.detect.postings import MemoryPostings
from node.detect.prints import Prints

SEED = 20261122


def some_items(count: int, kind: str) -> list[Prints]:
    """Items with a stretch of what all have in common, and prints of their own."""
    common = np.random.default_rng(SEED).integers(0, 2**63, 200, dtype=np.uint64)
    rng = np.random.default_rng([SEED, ord(kind)])
    items = []
    for at in range(count):
        begin = int(rng.integers(0, 150))
        hashes = np.concatenate(
            [common[begin : begin + int(rng.integers(1, 50))], rng.integers(0, 2**63, 20, np.uint64)]
        )
        places = np.cumsum(rng.integers(1, 27, len(hashes))).astype(np.uint32)
        items.append(Prints(f"{kind}{at}", sha256(f"{kind}{at}".encode()).digest(), 500, hashes, places))
    return items


@pytest.mark.parametrize("rule", [DOCUMENTS, ANSWERS], ids=lambda rule: rule.name)
@pytest.mark.parametrize("joined_max", [1, 40, 1000])
def test_portions_change_nothing(rule: Rule, joined_max: int) -> None:
    """Whether all is looked at together, a few items at a time, or one item in parts: the same pairs, in order."""
    items = some_items(40, "a")
    postings = MemoryPostings((f"owner {at % 7}", item) for at, item in enumerate(some_items(60, "b")))
    whole = match(items, postings, rule)
    assert len(whole.pairs) > 50
    assert [(pair.item, -pair.hits, pair.doc) for pair in whole.pairs] == sorted(
        (pair.item, -pair.hits, pair.doc) for pair in whole.pairs
    )
    assert list(Matching(items, postings, rule, joined_max=joined_max).pairs()) == whole.pairs
    bounded = Matching(items, postings, rule, joined_max=joined_max, pairs_max=20)
    assert list(bounded.pairs()) == whole.pairs[:20]
    assert bounded.left_out == len(whole.pairs) - 20


def test_memory_is_for_a_portion_not_for_all_pairs() -> None:
    """Near-equal items against near-equal sources: 40,000 pairs come in a few MB."""
    hashes = np.random.default_rng(SEED).integers(0, 2**63, 20, dtype=np.uint64)
    places = np.arange(20, dtype=np.uint32) * 20
    items = [Prints(str(at), at.to_bytes(32, "big"), 400, hashes, places) for at in range(200)]
    postings = MemoryPostings(("owner", item) for item in items)
    matching = Matching(items, postings, DOCUMENTS, joined_max=16 * 1024)
    assert matching.joined == 200 * 200 * 20
    tracemalloc.start()
    try:
        assert sum(1 for _ in matching.pairs()) == 40_000
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
