"""The integrations with the real packages: torch, transformers, datasets, on tiny local data, without a network.

They come from requirements/huggingface.lock into .venv-huggingface: gigabytes, so this is in the long form only, and is
skipped where the registry can't be reached.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.clients import ROOT, python_environment
from tests.node.recording import RANKS, World
from tests.node.test_recorder import world  # noqa: F401 fixture

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
INSTALL_S = 1500


@pytest.fixture(scope="module")
def python() -> Path:
    """The Python that has the packages."""
    return python_environment("huggingface", timeout=INSTALL_S) / "python"


def training(python: Path, world: World, command: str) -> Any:  # noqa: F811
    """What a command of training.py printed."""
    clean = {name: value for name, value in os.environ.items() if name not in RANKS}
    environment = {
        **clean, **world.environment, "HF_HOME": str(world.folder / "hf"), "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "node" / "public")]),
    }  # fmt: skip
    done = subprocess.run(
        [python, ROOT / "tests" / "integrations" / "training.py", command, world.folder / "run"],
        cwd=world.folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))


def test_a_real_training_breaks_off_and_is_resumed(python: Path, world: World) -> None:  # noqa: F811
    """Each token is logged as often as it was trained on: those after the last checkpoint twice, all others once."""
    said = training(python, world, "log")
    found = world.logged()
    assert sum(body["quantities"]["token"] for body in found) == said["lost"] + said["end"] - 8 * 4 * 8
    assert said["same"]
    for body in found:
        assert body["asset"] == "pkg:huggingface/org/tiny@rev"
        assert body["into_name"] == "tiny-model@1"
        assert body["attrs"]["dataset.fingerprint"] == said["fingerprint"]
    assert world.stored() == []


def test_real_data_sets_are_named_by_their_commit(python: Path, world: World) -> None:  # noqa: F811
    """From the files that were downloaded, or from the cache; local files have no name, and nobody makes one up."""
    local, told, both, train = training(python, world, "hub")
    assert (local["name"], local["has_print"]) == ("", True)
    assert told["name"] == "pkg:huggingface/org/Told@" + "b" * 40
    assert both == train == {
        "name": "pkg:huggingface/org/cached@" + "c" * 40, "revision": "c" * 40, "license": "mit", "has_print": True,
    }  # fmt: skip
    assert told["license"] == "mit"


def test_recorded_states_are_what_a_real_trainer_gives(python: Path, world: World) -> None:  # noqa: F811
    """The states that the short tests replay are those of the packages as they are locked."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    folder = world.folder / "states"
    done = subprocess.run(
        [python, ROOT / "tests" / "integrations" / "training.py", "states", folder],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("fresh", "resumed", "uncounted"):
        made = json.loads((folder / f"{name}.json").read_text())
        kept = json.loads((ROOT / "tests" / "integrations" / "states" / f"{name}.json").read_text())
        assert made == kept, name
