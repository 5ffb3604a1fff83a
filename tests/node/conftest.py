"""Fixtures over a real node process: one for each module, and a maker of others with settings of their own; and over a
log that is served within the test's process."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.spool.folder import SpoolFolder
from tests.node.fakelog import FakeLog, serving
from tests.node.harness import Actor, NodeProcess
from tests.node.spooling import Spool


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A running node with default settings. At the end it must stop well, and its log must replay to its state."""
    made = NodeProcess(tmp_path_factory.mktemp("node") / "n").start()
    try:
        yield made
        assert made.stop() == 0
        assert made.failures() == []
        made.audit()
    finally:
        made.kill()


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Makes and starts nodes; `settings` are node.toml's by name. What still runs at the end is ended."""
    made: list[NodeProcess] = []

    def make(*, origin: str | None = None, start: bool = True, **settings: Any) -> NodeProcess:
        named = {} if origin is None else {"origin": origin}
        process = NodeProcess(tmp_path / f"n{len(made)}", **named, **settings)
        made.append(process)
        return process.start() if start else process

    yield make
    for process in made:
        process.kill()


@pytest.fixture
def actor(node: NodeProcess) -> Actor:
    """A fresh party on the module's node."""
    return Actor(node).join()


@pytest.fixture
def log() -> Iterator[FakeLog]:
    """An honest log, served in this process."""
    with serving(FakeLog()) as served:
        yield served


@pytest.fixture
def key(log: FakeLog) -> Ed25519PrivateKey:
    """A party's key on it."""
    made = Ed25519PrivateKey.generate()
    log.join(made)
    return made


@pytest.fixture
def spool(log: FakeLog, key: Ed25519PrivateKey, tmp_path: Path) -> Spool:
    """An empty spool of a party."""
    return Spool(log, key, SpoolFolder(str(tmp_path / "spool")), tmp_path / "state")


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no test looks at what survives a crash."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)
