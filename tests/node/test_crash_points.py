"""Crash points, one by one: the process is killed at the Nth call of each kind that touches the disk, or that call
fails, and a restart has to find everything that was answered. Systematic where test_kill.py is lucky.

The tracer counts each kind of call in each thread for itself; one round of the writer is: log written (write), log
synced (fdatasync), temporary file opened (openat), written, synced (fsync), renamed, folder opened, synced, answered.
"""

import random
import time
from pathlib import Path

import pytest

from tests.simulation.audit import check_all, problem
from tests.simulation.nodes import (
    Connection,
    Log,
    Node,
    NodeDied,
    injected,
    load,
    make_log,
    need_strace,
    read_trace,
)
from tests.simulation.trace import STRACE, Answer, Trace, check_order

DIES_S = 20
KILLS = [("write", 2), ("fdatasync", 2), ("fsync", 3), ("rename", 2), ("fsync", 4)]
KILLS_LONG = {"write": 24, "fdatasync": 8, "openat": 16, "fsync": 16, "rename": 8}
START_KILLS = [("fdatasync", 2), ("rename", 1), ("fsync", 2)]
START_KILLS_LONG = {"fdatasync": 6, "fsync": 5, "rename": 3, "write": 16}


def points(kinds: dict[str, int]) -> list[tuple[str, int]]:
    """Every call of every kind up to its count."""
    return [(call, number) for call, most in kinds.items() for number in range(1, most + 1)]


def crash(log: Log, output: Path, call: str, number: int) -> bool:
    """Start a node, look at everything, load it and kill it at that call; whether it died of it."""
    with Node(log.folder) as node:
        check_all(log, node)
        with injected(node.process.pid, f"{call}:signal=SIGKILL:when={number}", output), load(log, node.port) as stop:
            for _ in range(DIES_S * 50):
                if node.process.poll() is not None:
                    break
                time.sleep(0.02)
            stop.set()
        died = node.process.poll() is not None
        node.kill()
    return died


def newest_log(log: Log) -> Path:
    """The write-ahead log that was written last."""
    return max((log.folder / "db").glob("*.log"))


def recover(log: Log) -> None:
    """Restart without any fault, look at everything, stop."""
    with Node(log.folder) as node:
        check_all(log, node)
        assert node.stop() == 0


@pytest.mark.timeout(1800)
def test_killed_at_each_call_of_the_writer(tmp_path: Path, long_run: bool) -> None:
    """Killed on entering a call of the commit, the sign record or the answer: nothing answered is lost."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=11, submitters=3)
    chosen = points(KILLS_LONG) if long_run else KILLS
    for at, (call, number) in enumerate(chosen):
        assert crash(log, tmp_path / f"kill-{at}", call, number), f"never reached {call} {number}"
    recover(log)


def leave_unsigned(log: Log, output: Path) -> None:
    """Leave the database ahead of the sign record: killed between its commit and the record's rename."""
    assert crash(log, output, "rename", 1)


def start_once(log: Log, wrap: list[str]) -> int | None:
    """Start a node and kill it once it serves; the exit code where it ended before that."""
    try:
        with Node(log.folder, wrap=wrap) as node:
            node.kill()
    except NodeDied as died:
        return died.code
    return None


@pytest.mark.timeout(1800)
def test_killed_at_each_call_of_a_start(tmp_path: Path, long_run: bool) -> None:
    """Killed while it recovers from a crash, at any call that changes the disk: the next start finds everything."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=12, submitters=2)
    chosen = points(START_KILLS_LONG) if long_run else START_KILLS
    reached = 0
    for at, (call, number) in enumerate(chosen):
        leave_unsigned(log, tmp_path / f"unsigned-{at}")
        wrap = ["strace", "-D", "-f", "-o", str(tmp_path / f"start-{at}"), "-e", f"trace={call}",
                "-e", f"inject={call}:signal=SIGKILL:when={number}"]  # fmt: skip
        code = start_once(log, wrap)
        assert code in (None, -9), code
        reached += code == -9
    recover(log)
    assert reached >= len(chosen) // 2


FAULTS = {
    "log not written": ("write:error=ENOSPC", "db"),
    "log written, but its sync failed": ("fdatasync:error=EIO", "db"),
    "record not written": ("write:error=ENOSPC", "sign-record.json.tmp"),
    "record written, but its sync failed": ("fsync:error=EIO", "sign-record.json.tmp"),
    "record not renamed": ("rename:error=EIO", "sign-record.json.tmp"),
    "record renamed, but its folder's sync failed": ("fsync:error=EIO", ""),
}


@pytest.mark.timeout(300)
def test_failed_write_stops_the_writer(tmp_path: Path) -> None:
    """A write that is lost, or written but reported failed: 503 and no checkpoint of it, reads go on, a restart too."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=13, submitters=1)
    for name, (fault, file) in FAULTS.items():
        print(name)
        fail_once(log, fault, file, tmp_path / f"trace of {name}")
    recover(log)


def fail_once(log: Log, fault: str, file: str, output: Path) -> None:
    """Start a node, look at everything, and make one of its calls on a file fail."""
    one = log.submitters[0]
    with Node(log.folder) as node, Connection(node.port) as connection:
        check_all(log, node)
        assert one.send(connection).status == 200
        before = node.checkpoint(log.journal.vkey)
        only = newest_log(log) if file == "db" else log.folder / file
        with injected(node.process.pid, f"{fault}:when=1", output, only=only):
            reply = one.send(connection)
            assert "INJECTED" in output.read_text(), "the fault didn't strike"
            assert reply.status == 503, reply.body
            assert int(reply.headers["retry-after"]) > 0
            assert "restart" in str(problem(reply.body)["detail"])
        # The fault is gone, but nobody knows what is on disk: it must not write again before it has read it anew.
        assert one.send(connection).status == 503
        assert one.pending
        assert node.request("/readyz").status == 503
        assert node.checkpoint(log.journal.vkey) == before
        assert node.request("/records/0").status == 200
        assert node.stop() == 0
        assert "Traceback" not in node.stderr(), node.stderr()


def test_checkpoint_after_a_crash_waits_for_its_record(tmp_path: Path) -> None:
    """Started on entries that were never signed, a node gives out their checkpoint only after its record is durable."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=14, submitters=1)
    leave_unsigned(log, tmp_path / "unsigned")
    held = log.record.read_bytes()
    with Node(log.folder, wrap=[*STRACE, "-o", str(tmp_path / "trace")]) as node:
        note = node.request("/checkpoint").good()
        assert node.stop() == 0
    assert note.decode() not in held.decode()
    trace = Trace(read_trace(tmp_path / "trace", node.process.pid), folder=str(log.folder))
    answers = [Answer(note, ())]
    assert check_order(trace, origin=log.journal.vkey.name, answers=answers, held=held) == []
    recover(log)


def test_cut_tail_of_the_log_is_no_damage(tmp_path: Path, long_run: bool) -> None:
    """A loss of power leaves any part of a write that was not synced: the start drops it and goes on."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=15, submitters=1)
    draw = random.Random(15)
    for at in range(12 if long_run else 3):
        with Node(log.folder) as node, Connection(node.port) as connection:
            check_all(log, node)
            assert log.submitters[0].send(connection, records=3).status == 200
            synced = newest_log(log).stat().st_size
            with injected(node.process.pid, "fdatasync:signal=SIGKILL:when=1", tmp_path / f"cut-{at}"), \
                    load(log, node.port):  # fmt: skip
                node.process.wait(DIES_S)
        tail = newest_log(log)
        written = tail.stat().st_size
        assert written > synced, "nothing was written before the sync"
        with tail.open("r+b") as file:
            file.truncate(draw.randrange(synced, written))
    recover(log)
