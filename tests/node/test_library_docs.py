"""docs/library.md is true: its Python runs as it stands, and its arguments are those of the code."""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

import usance
from node.rank import VARIABLES
from node.saidfields import UNIT_ARGUMENTS, UsageFields
from proofs.fields import UNITS, USES
from tests.node.recording import World
from tests.node.test_recorder import world  # noqa: F401 fixture

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)
OURS = [block for block in BLOCKS if "transformers" not in block]
THEIRS = [block for block in BLOCKS if "transformers" in block]


def test_the_python_of_the_document_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """Each block runs after those before it, in an empty folder, and what it records is in the log (or in the file)."""
    assert len([line for line in OURS[0].splitlines() if line]) == 3
    (world.folder / "empty").mkdir()
    monkeypatch.chdir(world.folder / "empty")
    namespace: dict[str, Any] = {}
    for block in OURS:
        exec(compile(block, "docs/library.md", "exec"), namespace)
    namespace["uses"].close()
    assert sorted(body["use"] for body in world.logged()) == ["finetune", "ground", "infer", "train"]
    assert len(world.logged("none")) == 1
    assert [path.name for path in Path().iterdir()] == ["uses.spool"]


def test_the_integrations_are_called_as_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """The block for other people's libraries runs over stand-ins for them; the long form runs the real ones."""
    (block,) = THEIRS
    theirs, data = ModuleType("transformers"), ModuleType("datasets")
    made: dict[str, Any] = {}
    theirs.TrainerCallback = type("TrainerCallback", (), {})  # type: ignore[attr-defined]
    theirs.TrainingArguments = lambda **options: options  # type: ignore[attr-defined]
    theirs.Trainer = lambda **options: made.update(options)  # type: ignore[attr-defined]
    data.load_dataset = lambda path, split=None, revision=None: type("Data", (), {})()  # type: ignore[attr-defined]
    for module in (theirs, data):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.delitem(sys.modules, f"usance.integrations.{module.__name__}", raising=False)
    exec(compile(block, "docs/library.md", "exec"), {})
    (callback,) = made["callbacks"]
    assert type(callback).__name__ == "UsanceCallback"
    for module in (theirs, data):
        sys.modules.pop(f"usance.integrations.{module.__name__}", None)


def test_every_argument_is_told() -> None:
    """The table has the recorder's arguments, and no other; uses, units and rank variables are those of the code."""
    told = re.findall(r"^\| `(\w+)=`", TEXT, re.M)
    parameters = set(inspect.signature(usance.Recorder).parameters) - {"now_ms"}
    assert set(told) == parameters
    assert f"`use`: {', '.join(USES[:-1])} or {USES[-1]}." in TEXT
    assert all(f"`{unit}`" in TEXT for unit in UNITS)
    assert set(UNITS) - UNIT_ARGUMENTS == {"item", "call", "use"}
    assert set(get_type_hints(UsageFields)) > UNIT_ARGUMENTS
    assert ", ".join(f"`{name}`" for name in VARIABLES) in TEXT
