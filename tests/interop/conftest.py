"""The clients of others and the logs that they read: each made when a test first asks for it, kept for the session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop import clients, running
from tests.interop.running import RunningLog

LogAt = Callable[[int], RunningLog]


@pytest.fixture(scope="session")
def log_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogAt]:
    """`log_at(size)`: a running node whose log has this size and was grown through the smaller ones."""
    logs: dict[int, RunningLog] = {}

    def get(size: int) -> RunningLog:
        if size not in logs:
            log = logs[size] = running.start(tmp_path_factory.mktemp(f"log-{size}") / "node")
            for step in (*running.SIZES, *running.LONG_SIZES):
                if step <= size:
                    log.grow(step)
        return logs[size]

    try:
        yield get
        for log in logs.values():
            assert log.node.stop() == 0
            assert log.node.failures() == []
    finally:
        for log in logs.values():
            log.node.kill()


@pytest.fixture(
    params=[*running.SIZES, *(pytest.param(size, marks=pytest.mark.long) for size in running.LONG_SIZES)],
    ids=lambda size: f"size{size}",
)
def log(request: pytest.FixtureRequest, log_at: LogAt) -> RunningLog:
    """A running node at each of the sizes."""
    return log_at(request.param)


@pytest.fixture(scope="session")
def python_bin() -> Path:
    """The folder of programs of the environment with the Python clients."""
    return clients.python_environment()


@pytest.fixture(scope="session")
def go_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go client."""
    return clients.go_client(tmp_path_factory.mktemp("go"))
