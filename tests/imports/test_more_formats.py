"""SPDX, cards, litellm and CAWG through the command line, on a running node."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.imports.foreign import DATA
from tests.node.clitool import Cli

FORMATS = {  # arguments, materials, terms, exit code
    "spdx": (["model.spdx.json"], 4, 0, 0),
    "hfcard": (["model-card.md", "--name", "archive/herring"], 1, 0, 0),
    "litellm": (["prices.json"], 7, 5, 3),  # impossible prices are refused
    "cawg": (["manifest-store.json"], 1, 1, 0),
}


def run(cli: Cli, name: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Import the example of a format: exit code, and what was said as JSON."""
    (file, *options), *_ = FORMATS[name]
    done = cli("import", name, str(DATA / file), *options, *more, "--json")
    return done.code, done.json()


@pytest.mark.parametrize("name", list(FORMATS))
def test_an_import_twice(cli: Cli, name: str, tmp_path: Path) -> None:
    """Everything is logged once, whoever imports it again; terms are files that their owner can read."""
    _, materials, terms, code = FORMATS[name]
    done, said = run(cli, name, "--terms-dir", str(tmp_path / "terms"))
    assert (done, said["logged"], said["new"], said.get("terms")) == (code, materials, materials, terms)
    files = sorted((tmp_path / "terms").glob("*.toml"))
    assert len(files) == terms
    for file in files:
        assert "offers" in tomllib.loads(file.read_text()) or "prohibits" in file.read_text()
    done, said = run(cli, name, "--terms-dir", str(tmp_path / "terms"))
    assert (done, said["logged"], said["unchanged"]) == (code, 0, materials)


def test_options_of_other_formats(cli: Cli) -> None:
    """A name for a format that finds its own, or for several files, is refused and says which formats take it."""
    file = str(DATA / "model.spdx.json")
    assert "a format of hfcard, cawg" in cli.fails(2, "import", "spdx", file, "--name", "x")
    assert "one FILE" in cli.fails(2, "import", "cawg", file, file, "--name", "x")
    assert "--name" in cli.fails(2, "import", "hfcard", str(DATA / "model-card.md"))
