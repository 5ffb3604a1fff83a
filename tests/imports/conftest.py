"""A running node for each module, as in tests/node, and a curator on it."""

from pathlib import Path

import pytest

from tests.node.clitool import Cli
from tests.node.conftest import make_node, node
from tests.node.harness import NodeProcess

__all__ = ["cli", "make_node", "node", "real_collection"]


@pytest.fixture
def cli(tmp_path: Path, node: NodeProcess) -> Cli:
    """A fresh party on the module's node."""
    made = Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "me.key"})
    made.ok("key", "new", "me.key")
    made.ok("party", "Curator")
    return made


@pytest.fixture(scope="session")
def real_collection(shared_dir: Path) -> Path:
    """The Data Provenance Collection, where it is."""
    found = shared_dir / "real" / "datasets.jsonl.gz"
    if not found.is_file():
        pytest.skip(f"no real data at {found}")
    return found
