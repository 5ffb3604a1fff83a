"""An index of many prints: how long it takes to make, how large it is, and a corpus of 10 MB looked up in it.

    python -m scripts.benchmark.detectionindex [--prints 10000000] [--seed 20261122]

Each step is a process of its own, so that the memory is that step's alone. Most of the index is random hashes, which
is what prints of unrelated texts are; of the corpus every twentieth text is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np

from node.detect.calibration import boilerplate
from node.detect.index import create_index, open_index
from node.detect.matching import DOCUMENTS, match
from node.detect.prints import Item, Prints, print_item
from node.detect.reading import Options, print_items, read_items
from node.detect.remarks import Remarks
from node.detect.winnow import Winnower

PRINTS = 10_000_000
SEED = 20261122
OWNER_PRINTS = 500_000
ITEM_PRINTS = 500
CORPUS_BYTES = 10_000_000
TEXT_BYTES = 4_000
KNOWN_EVERY = 20
BATCH_PRINTS = 1_000_000


def measure(seed: int = SEED, *, prints: int = PRINTS) -> dict[str, Any]:
    """Make the index, look the corpus up twice (the first time the disk may be cold), and clear all away."""
    folder = tempfile.mkdtemp(prefix="usance-bench-", dir=os.environ.get("USANCE_BENCH_DIR"))
    try:
        write_corpus(folder, seed)
        built = _step("build", folder, str(prints), str(seed))
        return {"prints": prints, "seed": seed, "build": built, "look": [_step("look", folder) for _ in range(2)]}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _step(name: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmark.detectionindex", name, *arguments], stdout=subprocess.PIPE,
        check=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write_corpus(folder: str, seed: int) -> None:
    """CORPUS_BYTES of texts of random words, a file each."""
    rng = random.Random(seed)  # noqa: S311 (nothing secret)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(20_000)]
    os.mkdir(os.path.join(folder, "corpus"))
    for at in range(CORPUS_BYTES // TEXT_BYTES):
        text = " ".join(rng.choices(words, k=TEXT_BYTES // 7))[:TEXT_BYTES]
        with open(_text_path(folder, at), "w", encoding="ascii") as file:
            file.write(text.ljust(TEXT_BYTES))


def _text_path(folder: str, at: int) -> str:
    return os.path.join(folder, "corpus", f"{at:05}.txt")


def random_items(seed: int, count: int) -> Iterator[tuple[Prints, str | None]]:
    """Items of ITEM_PRINTS prints that nothing else has."""
    rng = np.random.default_rng(seed)
    places = np.arange(ITEM_PRINTS, dtype=np.uint32) * 14
    for at in range(count):
        hashes = rng.integers(0, 2**64, ITEM_PRINTS, dtype=np.uint64)
        yield Prints(f"{seed}/{at}", sha256(b"%d %d" % (seed, at)).digest(), 14 * ITEM_PRINTS, hashes, places), None


def known_items(folder: str) -> Iterator[tuple[Prints, str | None]]:
    """Every KNOWN_EVERYth text of the corpus."""
    winnower = Winnower()
    for at in range(0, CORPUS_BYTES // TEXT_BYTES, KNOWN_EVERY):
        with open(_text_path(folder, at), encoding="ascii") as file:
            text = file.read()
        yield print_item(Item(f"known {at}", sha256(text.encode()).digest(), text), winnower), None


def build(folder: str, prints: int, seed: int) -> dict[str, Any]:
    """Make the index, an owner for each OWNER_PRINTS."""
    began = time.perf_counter()
    path = os.path.join(folder, "index")
    with create_index(path, bulk=True) as index:
        index.add("known", known_items(folder))
        for at in range(prints // OWNER_PRINTS):
            index.add(f"owner {at}", random_items(seed + at, OWNER_PRINTS // ITEM_PRINTS))
        count = index.prints
    seconds = time.perf_counter() - began
    size = sum(entry.stat().st_size for entry in os.scandir(path))
    return {
        "seconds": round(seconds, 2),
        "cpu_s": round(time.process_time(), 2),
        "prints": count,
        "disk_mb": size >> 20,
        "memory_mb": peak_mb(),
    }


def look(folder: str) -> dict[str, Any]:
    """Read the corpus, make its prints, match them against the index: as `usance detect --against` does."""
    began = time.perf_counter()
    remarks = Remarks()
    with open_index(os.path.join(folder, "index")) as index:
        opened = time.perf_counter() - began
        prints = matched = pairs = 0
        looked = 0.0
        batch: list[Prints] = []
        size = 0
        reads = read_items([os.path.join(folder, "corpus")], options=Options(), remarks=remarks)

        def flush() -> None:
            nonlocal looked, matched, pairs, prints, size
            start = time.perf_counter()
            found = match(batch, index, DOCUMENTS, boilerplate=boilerplate())
            looked += time.perf_counter() - start
            matched += len({pair.item for pair in found.pairs})
            pairs += len(found.pairs)
            prints += size
            size = 0
            batch.clear()

        for item in print_items(reads, remarks=remarks):
            batch.append(item)
            size += len(item)
            if size >= BATCH_PRINTS:
                flush()
        flush()
    return {
        "seconds": round(time.perf_counter() - began, 2), "cpu_s": round(time.process_time(), 2),
        "open_s": round(opened, 2), "match_s": round(looked, 2),
        "bytes": remarks.size, "items": remarks.items, "prints": prints, "items_matched": matched, "pairs": pairs,
        "memory_mb": peak_mb(),
    }  # fmt: skip


def peak_mb() -> int:
    """The most memory that this process had resident (Linux)."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) >> 10 for line in file if line.startswith("VmHWM:"))


def main(arguments: list[str]) -> int:
    """A step, or all of it; prints JSON."""
    if arguments[:1] == ["build"]:
        print(json.dumps(build(arguments[1], int(arguments[2]), int(arguments[3]))))
        return 0
    if arguments[:1] == ["look"]:
        print(json.dumps(look(arguments[1])))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prints", type=int, default=PRINTS, help="in the index (100000000 takes minutes and 3 GB)")
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args(arguments)
    print(json.dumps(measure(args.seed, prints=args.prints), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
