"""A measured stretch: how long it took, what the commands in it cost, and what the host gave to others meanwhile.

On a virtual machine the clock alone tells little: the same work takes twice as long where the host is busy.
"""

from __future__ import annotations

import os
import resource
import time
from typing import Any


class Span:
    """Begins when it is made."""

    def __init__(self) -> None:
        self._begin, self._children, self._stolen = time.perf_counter(), _children_s(), _stolen_s()

    def seconds(self) -> float:
        """How long it has lasted."""
        return time.perf_counter() - self._begin

    def cost(self, records: int) -> dict[str, Any]:
        """`cpu_us`: processor time a record of the commands that ended meanwhile, with their own processes;
        `stolen_cores`: how many of this machine's cores the host kept from it, on average."""
        stolen = (_stolen_s() - self._stolen) / self.seconds()
        return {
            "cpu_us": round((_children_s() - self._children) / max(records, 1) * 1e6, 1),
            "stolen_cores": round(stolen, 2),
        }


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _stolen_s() -> float:
    with open("/proc/stat", encoding="ascii") as file:
        fields = file.readline().split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")
