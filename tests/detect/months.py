"""Simulated months as they were read, kept for the tests that look at the same ones."""

from functools import lru_cache
from typing import Any

from node.detect.extraction import Extraction, look_at
from node.detect.takings import AllTaken, read_takings
from tests.detect.simulatedmonth import DAY_MS, ITEMS, Month, simulate


@lru_cache(maxsize=3)
def read_month(seed: int, *, extractors: bool = True) -> tuple[Month, AllTaken]:
    """The month of this seed, and what was taken in it."""
    month = simulate(seed, extractors=extractors)
    return month, read_takings(month.records(), key=b"key %d" % seed, body_of=lambda ref: {})


def compared(taken: AllTaken, **given: Any) -> Extraction:
    """Everybody in it, held against the others."""
    return look_at(taken, items_of=lambda target: ITEMS, window_ms=DAY_MS, **given)
