"""node.vitals: what a node knows of its disk and memory, and when it doesn't know."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.vitals import DAY_S, HISTORY_MAX, HISTORY_STEP_S, Sample, Vitals, measure

GIB = 2**30


def grown(*samples: tuple[float, int]) -> Vitals:
    """Vitals that saw so many bytes free at these seconds."""
    vitals = Vitals()
    for at_s, free_bytes in samples:
        vitals.add(Sample(at_s, free_bytes, 0, (0, 0)))
    return vitals


@pytest.mark.parametrize(
    ("samples", "days"),
    [
        ([], None),
        ([(0, 10 * GIB)], None),
        ([(0, 10 * GIB), (1500, 9 * GIB)], None),
        ([(0, 10 * GIB), (DAY_S / 2, 9 * GIB)], 4.0),  # a GiB in half a day, 8 above the floor
        ([(0, 10 * GIB), (DAY_S / 2, 10 * GIB)], math.inf),
        ([(0, 10 * GIB), (DAY_S / 2, 11 * GIB)], math.inf),
        ([(0, 10 * GIB), (DAY_S / 2, GIB // 2)], 0.0),
    ],
)  # fmt: skip
def test_days_to_a_full_disk(samples: list[tuple[float, int]], days: float | None) -> None:
    """From the growth seen: unknown at first, infinite where nothing is taken, 0 below the floor."""
    assert grown(*samples).days_to_full(GIB) == days


def test_only_a_day_is_remembered() -> None:
    """One sample in five minutes, of the last day: what was long ago tells nothing, and memory is bounded."""
    vitals = grown(*((step * 15.0, GIB - step) for step in range(3 * int(DAY_S) // 15)))
    assert len(vitals.history) == HISTORY_MAX
    newest = vitals.newest
    assert newest is not None
    assert DAY_S <= newest.at_s - vitals.history[0].at_s <= DAY_S + HISTORY_STEP_S


def test_the_machine_is_measured(tmp_path: Path) -> None:
    """Free bytes, the database's files, and memory of the process and of those that it names."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "000001.ldb").write_bytes(bytes(1000))
    (tmp_path / "db" / "LOG").write_bytes(bytes(24))
    child = subprocess.Popen(
        [sys.executable, "-c", "input('ready')"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    try:
        assert child.stdout is not None
        assert child.stdout.read(5) == b"ready"  # it is itself by now, no copy of us
        found = measure(str(tmp_path), [child.pid, 2**22 + 1])
    finally:
        child.communicate()
    assert found.database_bytes == 1024
    disk = os.statvfs(tmp_path)
    assert abs(found.free_bytes - disk.f_bavail * disk.f_frsize) < GIB
    if sys.platform.startswith("linux"):
        assert found.memory_bytes[0] > 2**20
        assert found.memory_bytes[1] > 2**20


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """A disk that went away isn't one without use."""
    with pytest.raises(OSError, match="No such file"):
        measure(str(tmp_path / "gone"), [])
