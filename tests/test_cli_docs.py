"""docs/cli.md is true: every command's synopsis, options and example, every exit code and variable are the code's."""

import re
from pathlib import Path

from node.cli.outcome import EXIT_CODES
from scripts import clidocs


def test_the_sections_of_commands_are_those_of_the_code() -> None:
    """Else: `.venv/bin/python -m scripts.clidocs` writes them anew."""
    text = clidocs.PAGE.read_text(encoding="utf-8")
    assert text == clidocs.render(text)


def test_the_exit_codes_are_those_of_the_code() -> None:
    """Every code with its meaning, in the code's words."""
    text = clidocs.PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9]+) \| (.+) \|$", text, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == EXIT_CODES


def test_every_variable_that_commands_read_is_documented(repo_root: Path) -> None:
    """USANCE_… of the command line stand on the page, and no other."""
    sources = [*(repo_root / "node" / "cli").glob("*.py"), repo_root / "node" / "heads.py"]
    read = {name for path in sources for name in re.findall(r"USANCE_[A-Z]+", path.read_text(encoding="utf-8"))}
    assert set(re.findall(r"USANCE_[A-Z]+", clidocs.PAGE.read_text(encoding="utf-8"))) == read
