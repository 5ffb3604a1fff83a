"""How fast prints are made, on one core: text to prints, beside the same by a plain loop in Python."""

from __future__ import annotations

import glob
import gzip
import json
import os
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from node.detect.normalform import normalise_slowly
from node.detect.prints import OCCURRENCES_MAX, PART_CHARS_MAX, Item, Prints, print_item
from node.detect.reading import Read, print_items
from node.detect.remarks import Remarks
from node.detect.winnow import DEFAULT, Winnower
from scripts.benchmark.node import say

OUTPUTS = os.path.join("..", "shared", "real", "outputs", "*.jsonl.gz")
MASK = 2**64 - 1
BASE, STIR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
PLAIN_CHARS = 300_000
ROUNDS = 3


def texts(seed: int) -> tuple[str, list[str]]:
    """(where from, texts): real models' outputs, where they are; else generated ones of words that repeat as in
    language."""
    found = []
    for path in sorted(glob.glob(OUTPUTS)):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [row["output"] for row in map(json.loads, file) if isinstance(row["output"], str)]
    if found:
        return "outputs of real models", found
    rng = random.Random(seed)  # noqa: S311 a workload, no secret
    words = ["".join(rng.choices("etaoinshrdlucmfwypvbgkéü", k=rng.randint(2, 9))) for _ in range(20_000)]
    return "generated", [
        " ".join(words[min(int(rng.paretovariate(0.7)), 19_999)] for _ in range(200)) + "…" for _ in range(8_000)
    ]


def prints_plainly(text: str) -> list[tuple[int, int]]:
    """(hash, place) as print_item gives them: a rolling hash and a queue of the window's least."""
    gram, window = DEFAULT.gram, DEFAULT.window
    form = normalise_slowly(text).encode("utf-8", "ignore")
    out = pow(BASE, gram, 2**64)
    rolling, last = 0, -1
    queue: deque[tuple[int, int, int]] = deque()  # (upper bits, place, hash)
    kept: list[tuple[int, int]] = []
    times: dict[int, int] = {}
    grams = len(form) - gram + 1
    window = min(window, max(grams, 1))
    for end, byte in enumerate(form):
        rolling = (rolling * BASE + byte) & MASK
        place = end - gram + 1
        if place > 0:
            rolling = (rolling - form[place - 1] * out) & MASK
        if place < 0:
            continue
        value = rolling ^ rolling >> 32
        value = value * STIR & MASK
        value ^= value >> 32
        key = value >> 16
        while queue and queue[-1][0] >= key:
            queue.pop()
        queue.append((key, place, value))
        if queue[0][1] <= place - window:
            queue.popleft()
        if place >= window - 1 and queue[0][1] != last:
            _, last, chosen = queue[0]
            times[chosen] = times.get(chosen, 0) + 1
            if times[chosen] <= OCCURRENCES_MAX:
                kept.append((chosen, last))
    return kept


def _rate(size: int, work: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """MB/s of a core's time, the best and the median of some rounds."""
    rates = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        rates.append(size / 1e6 / (time.process_time() - begin))
    rates.sort()
    return round(rates[-1], 2), round(rates[len(rates) // 2], 2)


def _items(texts: Sequence[str]) -> list[Item]:
    return [Item(str(at), sha256(text.encode()).digest(), text) for at, text in enumerate(texts)]


def _same(found: Prints, wanted: list[tuple[int, int]]) -> bool:
    return list(zip(found.hashes.tolist(), found.places.tolist(), strict=True)) == wanted


def measure(seed: int) -> dict[str, Any]:
    """MB/s of texts as they are, and joined to long ones; and of the plain loop, which must give the same prints."""
    source, short = texts(seed)
    joined = "\n".join(short)
    size = len(joined.encode())
    winnower = Winnower()
    long = _items([joined[at : at + PART_CHARS_MAX] for at in range(0, len(joined), PART_CHARS_MAX)])
    reads = [Read(item) for item in _items(short)]
    say("prints of long texts, and of short ones")
    best, median = _rate(size, lambda: [print_item(item, winnower) for item in long], ROUNDS)
    many, many_median = _rate(size, lambda: list(print_items(reads, remarks=Remarks(), winnower=winnower)), ROUNDS)
    say("prints by a plain loop")
    piece = joined[:PLAIN_CHARS]
    plain, _ = _rate(len(piece.encode()), lambda: prints_plainly(piece), 2)
    (cut,) = _items([piece])
    return {
        "text": source, "bytes": size, "items": len(short), "long_texts_mb_per_s": best,
        "long_texts_median_mb_per_s": median, "short_texts_mb_per_s": many,
        "short_texts_median_mb_per_s": many_median, "plain_python_mb_per_s": plain,
        "times_plain_python": round(best / plain, 1),
        "same_prints": _same(print_item(cut, winnower), prints_plainly(piece)),
    }  # fmt: skip
