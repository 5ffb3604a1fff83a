"""Durability by system calls, not by luck: a tracer sees what was on disk when an answer left (design section 8).

kill -9 can't show it, because the page cache survives. And so that the test is known to be able to fail, nodes with a
defect each are traced as well.
"""

import contextlib
import http.client
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from tests.simulation.nodes import ORIGIN, Connection, Log, Node, make_log, need_strace, read_trace
from tests.simulation.trace import STRACE, Answer, Trace, check_order

REQUESTS = 12
REQUESTS_LONG = 120
POLLS_MAX = 20_000

# What a defective node runs before it starts; each takes away one step of the order.
DEFECTS = {
    "log-not-synced": (
        """
from ledger import leveldb
def write(self, rows):
    with self._db.write_batch(transaction=True, sync=False) as batch:
        for key, value in rows.items():
            batch.delete(key) if value is None else batch.put(key, value)
leveldb.LevelStore.write = write
""",
        "answered before row",
    ),
    "record-not-synced": (
        """
import os, stat
real = os.fsync
os.fsync = lambda handle: None if stat.S_ISREG(os.fstat(handle).st_mode) else real(handle)
""",
        "before a sign record of it was durable",
    ),
    "folder-not-synced": (
        """
import os, stat
real = os.fsync
os.fsync = lambda handle: None if stat.S_ISDIR(os.fstat(handle).st_mode) else real(handle)
""",
        "before a sign record of it was durable",
    ),
    "record-written-later": (
        """
import threading
from ledger import signrecord
real = signrecord.write_durably
signrecord.write_durably = lambda *given: threading.Timer(0.05, real, given).start()
""",
        "before a sign record of it was durable",
    ),
    "signed-before-the-commit": (
        """
from ledger import append
from node import writer
real = append.Group.commit
def commit(self):
    ledger = self._ledger
    before = ledger.store.write
    def write(rows):
        ledger.store.write = before
        import threading
        threading.Timer(0.05, before, (dict(rows),)).start()
    ledger.store.write = write
    real(self)
append.Group.commit = commit
""",
        "answered before row",
    ),
}


def poll(port: int, stop: threading.Event) -> None:
    """A reader who asks for everything new all the time, so that whatever gets out early is seen getting out."""
    size = 1
    # A defective node may fail its readers too; what it showed them before is what counts.
    with contextlib.suppress(OSError, http.client.HTTPException), Connection(port) as connection:
        for number in range(POLLS_MAX):
            if stop.is_set():
                return
            newest = (f"/records?from={size}&limit=20", f"/records/{size}", f"/proof/{size}", f"/proof/1?size={size}",
                      f"/tile/entries/{size // 256:03}.p/{size % 256 or 1}", "/conflicts")  # fmt: skip
            connection.request(newest[number % len(newest)])
            note = connection.request("/checkpoint").body.split(b"\n")
            size = int(note[1]) if len(note) > 1 else size


def follow(port: int, stop: threading.Event, seen: list[bytes]) -> None:
    """A reader of the live stream."""
    stream = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(stream):
        stream.request("GET", "/records/stream?from=0")
        answer = stream.getresponse()
        while not stop.is_set() and (data := answer.read1(65_536)):
            seen.append(data)


def traced_run(log: Log, trace_file: Path, *, requests: int, before: str = "") -> tuple[str, list[bytes]]:
    """Load a traced node from two submitters, with two readers beside them; its trace, and what the stream showed."""
    stop = threading.Event()
    seen: list[bytes] = []
    with Node(log.folder, wrap=[*STRACE, "-o", str(trace_file)], before=before) as node:
        readers = [
            threading.Thread(target=poll, args=(node.port, stop)),
            threading.Thread(target=follow, args=(node.port, stop, seen)),
        ]
        writers = [
            threading.Thread(target=one.run, args=(node.port, threading.Event()), kwargs={"requests_max": requests})
            for one in log.submitters
        ]
        for thread in (*readers, *writers):
            thread.start()
        for thread in writers:
            thread.join(60)
        time.sleep(0.1)  # what a defective node does too late still belongs to its trace
        stop.set()
        assert node.stop() == 0
        for thread in readers:
            thread.join(20)
        assert not any(thread.is_alive() for thread in (*readers, *writers))
    return read_trace(trace_file, node.process.pid), seen


def answers_of(log: Log) -> list[Answer]:
    """What was answered, with the random bytes that its rows hold; and the same bytes where readers would see them."""
    answers = []
    for item in log.journal.answered:
        bodies = item.batch.bodies
        rows = (*(body[-40:] for body in bodies), item.batch.signature)
        answers.append(Answer(item.reply, rows))
        answers += [Answer(digest.hex().encode(), rows, whole=False) for digest in _commitments(bodies)]
    return answers


def _commitments(bodies: tuple[bytes, ...]) -> list[bytes]:
    found = [re.search(rb"commitment\xc4\x20(.{32})", body, re.DOTALL) for body in bodies]
    return [match[1] for match in found if match is not None]


def test_nothing_leaves_before_it_is_durable(tmp_path: Path, long_run: bool) -> None:
    """Rows are fsynced before their answer's first byte leaves, and the sign record, renamed in a synced folder, before
    any byte of its checkpoint; readers at the same time see nothing earlier."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=7, submitters=2)
    held = log.record.read_bytes()
    text, seen = traced_run(log, tmp_path / "trace", requests=REQUESTS_LONG if long_run else REQUESTS)
    assert log.journal.faults == []
    assert len(log.journal.answered) >= 2 * REQUESTS
    trace = Trace(text, folder=str(log.folder))
    answers = answers_of(log)
    assert check_order(trace, origin=ORIGIN, answers=answers, held=held) == []
    streamed = b"".join(seen)
    assert any(answer.reply in streamed for answer in answers), "the stream showed nothing"
    # Durable is what the tracer has seen, so there must have been something to see.
    signed = [one for one in trace.signed() if one.at is not None]
    assert signed
    given = {item.result["first_index"] + item.result["count"] for item in log.journal.answered}
    assert {one.size for one in signed} >= given & set(log.journal.checkpoints)
    assert sum(row.at is not None for row in trace.rows()) >= len(signed)


@pytest.mark.parametrize("defect", DEFECTS)
def test_defective_order_is_caught(tmp_path: Path, defect: str) -> None:
    """A node that leaves one step out is found out by the same check."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=8, submitters=1)
    before, fault = DEFECTS[defect]
    text, _ = traced_run(log, tmp_path / "trace", requests=2, before=before)
    found = check_order(Trace(text, folder=str(log.folder)), origin=ORIGIN, answers=answers_of(log))
    assert any(fault in line for line in found), found


def test_record_of_a_killed_process_is_synced_first(tmp_path: Path) -> None:
    """A restarted node gives out the note that it finds only after it has synced the record and its folder itself."""
    need_strace(tmp_path)
    log = make_log(tmp_path / "node", seed=9, submitters=1)
    held = log.record.read_bytes()
    with Node(log.folder, wrap=[*STRACE, "-o", str(tmp_path / "trace")]) as node:
        note = node.request("/checkpoint").good()
        assert node.stop() == 0
    trace = Trace(read_trace(tmp_path / "trace", node.process.pid), folder=str(log.folder))
    assert json.loads(held)["note"].encode() == note, "the start signed something new"
    assert check_order(trace, origin=ORIGIN, answers=[Answer(note, ())], held=held) == []
    assert os.path.exists(log.record)
