"""What changes slowly and costs a system call: room on the disk, size of the database, memory; and when it is full.

Owner of the samples: the event loop; they are taken on the read threads.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

SAMPLE_S = 15.0
HISTORY_STEP_S = 300.0
HISTORY_MAX = 12 * 24 + 1
"""A day of samples, one in five minutes."""
GROWTH_S_MIN = 1800.0
"""Growth seen for a shorter time says nothing about days."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the machine. `at_s`: of time.monotonic; `free_bytes`: that the node may still write;
    `database_bytes`: of all files of the database; `memory_bytes`: resident, of node and of check workers together."""

    at_s: float
    free_bytes: int
    database_bytes: int
    memory_bytes: tuple[int, int]


@dataclass(slots=True)
class Vitals:
    """The newest sample and the day before it. Owner: the event loop."""

    newest: Sample | None = None
    history: deque[Sample] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX))

    def add(self, sample: Sample) -> None:
        """Remember a sample; of those of five minutes, one."""
        self.newest = sample
        if not self.history or sample.at_s - self.history[-1].at_s >= HISTORY_STEP_S:
            self.history.append(sample)

    def days_to_full(self, floor_bytes: int) -> float | None:
        """Days until only `floor_bytes` are free, if it goes on as in the day before; infinite where nothing was taken,
        None where too little was seen to say."""
        newest = self.newest
        if newest is None or not self.history:
            return None
        oldest = self.history[0]
        seen_s = newest.at_s - oldest.at_s
        if seen_s < GROWTH_S_MIN:
            return None
        taken = oldest.free_bytes - newest.free_bytes
        left = max(0, newest.free_bytes - floor_bytes)
        return left / taken * seen_s / DAY_S if taken > 0 else math.inf


def measure(folder: str, pids: Sequence[int]) -> Sample:
    """Look at the machine; `folder` is the node's, `pids` its check workers. Raises OSError."""
    disk = os.statvfs(folder)
    own = _resident_bytes(os.getpid())
    workers = sum(_resident_bytes(pid) for pid in pids)
    return Sample(
        time.monotonic(), disk.f_bavail * disk.f_frsize, _folder_bytes(os.path.join(folder, "db")), (own, workers)
    )


def _folder_bytes(folder: str) -> int:
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # the database removes files while we look
                total += entry.stat().st_size
    return total


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 where the system doesn't say (Linux does)."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
