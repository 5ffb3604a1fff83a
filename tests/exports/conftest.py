"""A running node for each module, and somebody with the log's key: the fixtures of tests/node."""

from pathlib import Path

import pytest

from tests.node.clitool import Cli
from tests.node.conftest import make_node, node
from tests.node.harness import NodeProcess

__all__ = ["cli", "make_node", "node"]


@pytest.fixture
def cli(tmp_path: Path, node: NodeProcess) -> Cli:
    """Somebody with the log's key."""
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text})
