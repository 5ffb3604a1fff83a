"""The README is true: its commands run as they stand, and say what it says they do."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

LINES_MAX = 120
_BLOCK = re.compile(r"<!-- runs in tests/test_readme\.py -->\n```sh\n(.*?)```", re.DOTALL)
_OUTPUT = re.compile(r"```text\n(.*?)```", re.DOTALL)

_HEAD = """set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_readme_commands_run_and_print_what_it_shows(repo_root: Path, tmp_path: Path) -> None:
    """Every marked block runs in order in an empty folder, and each line of the shown verdict is printed."""
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    blocks = _BLOCK.findall(text)
    assert len(blocks) == 4
    script = _HEAD + "".join(blocks).replace("8463", str(_free_port()))
    # The program by its module, so that the tree under test is run and not an installed one.
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in (("usance", "-m node.cli"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(repo_root),
        "USANCE_STATE": str(tmp_path / "state"),
    }
    folder = tmp_path / "work"
    folder.mkdir()
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = _OUTPUT.search(text)
    assert shown is not None
    missing = [line for line in shown[1].splitlines() if line.split("…")[0].strip() not in done.stdout]
    assert missing == []


def test_readme_begins_with_demo_and_test_and_stays_short(repo_root: Path) -> None:
    """The first two commands are ./scripts/demo and ./scripts/test, and the page has at most 120 lines."""
    text = (repo_root / "README.md").read_text(encoding="utf-8")
    commands = [line.split()[0] for line in text.splitlines() if line.startswith("./")]
    assert commands[:2] == ["./scripts/demo", "./scripts/test"]
    assert len(text.splitlines()) <= LINES_MAX
