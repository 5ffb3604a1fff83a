"""The index on LevelDB answers as postings in memory do; what is added comes whole or not at all, killed or not."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ledger.errors import StorageError
from ledger.leveldb import LevelStore
from node.detect import index as index_module
from node.detect import indexfound, indexmerge, indexrows, indexwriter
from node.detect.index import Index, create_index, has_index, open_index
from node.detect.postings import POSTINGS_MAX, Hits, MemoryPostings
from node.detect.prints import Prints
from node.detect.printset import write_print_set
from node.detect.winnow import DEFAULT, Scheme
from proofs.errors import InputError

SEED = 20261122


def make_prints(name: str, hashes: Any, *, length: int | None = None) -> Prints:
    """An item with these hashes, ten bytes apart."""
    hashes = np.array(hashes, np.uint64)
    places = np.arange(len(hashes), dtype=np.uint32) * 10
    return Prints(name, sha256(name.encode()).digest(), length or 10 * len(hashes) + 1, hashes, places)


def random_items(rng: np.random.Generator, owner: str, count: int, pool: Any) -> list[tuple[Prints, str | None]]:
    """Items whose prints are partly their own and partly of a pool that others draw from too."""
    items: list[tuple[Prints, str | None]] = []
    for at in range(count):
        own = rng.integers(0, 2**64, int(rng.integers(0, 200)), dtype=np.uint64)
        shared = rng.choice(pool, int(rng.integers(0, 60)), replace=False)
        items.append((make_prints(f"{owner}/{at}", np.concatenate([own, shared])), f"text of {owner} {at}"))
    return items


def named(postings: Any, hits: Hits) -> tuple[set[tuple[int, str, str, int]], list[int]]:
    """Hits without numbers, which may differ: hash, owner, item and place."""
    sources = {doc: postings.source(doc) for doc in set(hits.docs.tolist())}
    rows = zip(hits.hashes.tolist(), hits.docs.tolist(), hits.places.tolist(), strict=True)
    return (
        {(value, sources[doc].owner, sources[doc].name, place) for value, doc, place in rows},
        hits.crowded.tolist(),
    )


def check_alike(
    index: Index, owned: dict[str, list[tuple[Prints, str | None]]], asked: Any, *, owners_max: int
) -> None:
    """The index and postings in memory of the same items give the same answers."""
    memory = MemoryPostings([(owner, prints) for owner, items in owned.items() for prints, _ in items])
    ours, theirs = (postings.lookup(asked, owners_max=owners_max) for postings in (index, memory))
    assert named(index, ours) == named(memory, theirs)
    assert len(ours.hashes) == len(theirs.hashes)
    assert (np.diff(ours.hashes.astype(object)) >= 0).all()
    assert (index.owners, index.items) == (len(owned), len(memory))
    for doc in set(ours.docs.tolist()):
        source, (lengths, distinct) = index.source(doc), index.lengths(np.array([doc], np.uint32))
        assert (source.length, source.distinct) == (lengths[0], distinct[0])
        assert [index.source(copy).name for copy in index.copies(source.sha256)] == [source.name]


@pytest.mark.parametrize("bulk", [False, True])
def test_answers_as_memory_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bulk: bool) -> None:
    """Random items of random owners, added, replaced and removed, with runs and merges in between and reopenings:
    every lookup is as postings in memory answer it."""
    monkeypatch.setattr(indexwriter, "RUN_POSTINGS", 500)
    monkeypatch.setattr(indexwriter, "BULK_POSTINGS", 900)
    monkeypatch.setattr(index_module, "FRESH_MAX", 2500)
    rng, choice = np.random.default_rng(SEED), random.Random(SEED)
    pool = rng.integers(0, 2**64, 120, dtype=np.uint64)
    owned: dict[str, list[tuple[Prints, str | None]]] = {}
    index = create_index(str(tmp_path / "index"), bulk=bulk)
    for step in range(12):
        name = f"owner {choice.randrange(7)}"
        if name in owned and choice.random() < 0.5:
            index.remove(name)
            del owned[name]
        else:
            items = random_items(rng, f"{name}.{step}", choice.randrange(15), pool)
            index.add(name, items, replaces=name in owned)
            owned.pop(name, None)
            owned[name] = items
        if step % 5 == 4:
            index.close()
            index = open_index(str(tmp_path / "index"), bulk=bulk)
        everything = np.unique(
            np.concatenate([pool, *(prints.hashes for items in owned.values() for prints, _ in items)])
        )
        check_alike(index, owned, everything, owners_max=choice.choice([2, 5, 100]))
        check_alike(index, owned, np.unique(rng.choice(everything, min(40, len(everything)))), owners_max=3)
    index.merge()
    check_alike(index, owned, everything, owners_max=4)
    index.close()
