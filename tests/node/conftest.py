"""Fixtures over a real node process: one for each module, and a maker of others with settings of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.harness import Actor, NodeProcess


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
