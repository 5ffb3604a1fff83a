"""GET /readyz tells the truth: real faults in a running node, and each reason by itself."""

import contextlib
import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node import health
from node.health import REASONS, reasons
from proofs.entry import encode_request
from tests.node.harness import Actor, NodeProcess, check_problem, nil_body, until, use_body


def why(node: NodeProcess) -> list[str]:
    """The reasons that /readyz gives, none where it is ready."""
    answer = node.get("/readyz")
    if answer.status == 200:
        assert answer.body == b"ok\n"
        return []
    said = check_problem(answer, 503)
    assert int(answer.headers["retry-after"]) >= 1
    assert all(REASONS[code] in said["detail"] for code in said["reasons"])
    return list(said["reasons"])


def workers(node: NodeProcess) -> list[int]:
    """Process ids of the node's check workers (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == node.pid and state != "Z" and b"checkwork" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def samples(node: NodeProcess) -> dict[str, float]:
    """The node's metrics, by the text before their value."""
    lines = node.get("/metrics").body.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(number) for name, number in pairs}


def test_a_node_that_may_not_write_any_more_says_so(make_node: Callable[..., NodeProcess]) -> None:
    """A write that fails (no file may grow any more) stops the writer: writes and /readyz say so, the metrics and the
    log too, reads go on, and a restart has everything that was answered."""
    node = make_node(metrics="main")
    actor = Actor(node).join()
    assert why(node) == []
    unlimited = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
    assert node.post(encode_request([actor.sign(nil_body())])).status == 503
    assert why(node) == ["writer-failed"]
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, unlimited)  # its messages go to a file, too
    figures = samples(node)
    assert figures["usance_ready"] == 0
    assert figures["usance_writer_failed"] == figures['usance_not_ready{reason="writer-failed"}'] == 1
    assert figures['usance_not_ready{reason="disk-full"}'] == 0
    assert node.get("/records/0").status == node.get("/healthz").status == 200
    assert node.stop() == 0
    node.start()
    assert why(node) == []
    actor.next = node.next_of(actor.key)
    actor.log(use_body())
    assert node.stop() == 0
    node.audit()


def test_below_the_floor_of_the_disk(make_node: Callable[..., NodeProcess]) -> None:
    """Less free than the configuration wants: not ready, writes 503, reads go on; the log says so once."""
    node = make_node(disk_free_bytes_min=2**50, metrics="main")
    assert why(node) == ["disk-full"]
    assert node.post(b"").status == 503
    assert node.get("/genesis").status == 200
    assert samples(node)["usance_disk_floor_bytes"] == 2**50
    until(lambda: "not-ready" in node.log_path.read_text())
    assert node.log_path.read_text().count("not-ready") == 1


def test_dead_check_workers_are_seen_and_come_back(make_node: Callable[..., NodeProcess]) -> None:
    """Killed while nobody needs them, they are replaced before anybody does, without a single 503; counted, and said
    in the log. Where the new ones die at once as well, the node isn't ready until some live."""
    node = make_node(metrics="main")
    actor = Actor(node).join()
    first = workers(node)
    assert len(first) == 2
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(workers(node)) - set(first)) == 2)
    assert why(node) == []
    for number in range(8):
        actor.log(nil_body(number))
    assert samples(node)["usance_check_workers_ended_total"] == 2
    assert node.log_path.read_text().count("check-worker-ended") == 2

    def kill_all() -> list[str]:
        for pid in workers(node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return why(node)

    until(lambda: kill_all() == ["no-check-worker"])
    until(lambda: why(node) == [])
    actor.log(nil_body(100))
    assert node.stop() == 0
    node.audit()


def test_a_worker_that_dies_with_a_request_is_replaced(make_node: Callable[..., NodeProcess]) -> None:
    """A worker that is stopped gets a request and is killed: that request is 503, to be sent again, which is taken."""
    node = make_node(check_workers=1)
    actor = Actor(node).join()
    (pid,) = workers(node)
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    data = encode_request([actor.sign(nil_body())])
    said = check_problem(node.post(data), 503)
    assert "again" in said["detail"]
    killer.join()
    assert node.post(data).status == 200


NOW_S = 1_000_000.0


def fake(folder: Path, **changed: Any) -> Any:
    """What `reasons` looks at, of a node that is ready."""
    writer = {"failed": None, "is_alive": True, "is_full": False, "tally": SimpleNamespace(began=None)}
    context = {
        "folder": str(folder), "stopping": SimpleNamespace(is_set=lambda: False), "bytes_in_flight": 0,
        "config": SimpleNamespace(disk_free_bytes_min=0, in_flight_bytes_max=100), "checks": SimpleNamespace(pids=[1]),
    }  # fmt: skip
    return SimpleNamespace(**{
        **context, "writer": SimpleNamespace(**{**writer, **changed.pop("writer", {})}), **changed,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, []),
        ({"stopping": SimpleNamespace(is_set=lambda: True)}, ["stopping"]),
        ({"writer": {"failed": "the disk is gone"}}, ["writer-failed"]),
        ({"writer": {"is_alive": False}}, ["writer-failed"]),
        ({"writer": {"tally": SimpleNamespace(began=NOW_S - health.STUCK_S - 1)}}, ["writer-stuck"]),
        ({"writer": {"tally": SimpleNamespace(began=NOW_S - health.STUCK_S + 1)}}, []),
        ({"writer": {"is_full": True}}, ["queue-full"]),
        ({"bytes_in_flight": 100}, ["memory-full"]),
        ({"bytes_in_flight": 99}, []),
        ({"checks": SimpleNamespace(pids=[])}, ["no-check-worker"]),
        ({"bytes_in_flight": 100, "writer": {"failed": "x"}}, ["writer-failed", "memory-full"]),
    ],
)  # fmt: skip
def test_each_reason_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], codes: list[str]
) -> None:
    """Every state that keeps a write out is a reason, several at once too, and nothing else is."""
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: NOW_S))
    found = reasons(fake(tmp_path, **changed))
    assert [reason.code for reason in found] == codes
    assert all(reason.retry_after_s >= 1 for reason in found)


def test_a_folder_that_is_gone_is_a_reason(make_node: Callable[..., NodeProcess]) -> None:
    """Readiness and metrics answer, and tell that the disk is lost."""
    node = make_node(metrics="main")
    gone = node.folder.with_name("gone")
    node.folder.rename(gone)
    try:
        assert "disk-lost" in why(node)
        assert samples(node)['usance_not_ready{reason="disk-lost"}'] == 1
    finally:
        gone.rename(node.folder)
    until(lambda: node.get("/readyz").status == 200)


def test_a_read_only_disk_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that the kernel has made read-only takes no writes, however much of it is free."""
    free = SimpleNamespace(f_flag=os.ST_RDONLY, f_bavail=10**9, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: free)
    assert [reason.code for reason in reasons(fake(tmp_path))] == ["disk-read-only"]
