"""scripts/setup says in one line what is wrong, never with a traceback, and leaves nothing that looks ready."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = (
    "bash",
    "cat",
    "cksum",
    "cp",
    "dirname",
    "env",
    "flock",
    "grep",
    "ls",
    "mkdir",
    "rm",
    "sed",
    "sort",
    "tail",
    "uname",
)


def run_setup(venv: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs scripts/setup for another folder than .venv, with these variables set."""
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "setup"), *arguments],
        env={**os.environ, "USANCE_VENV": str(venv), **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder for PATH that holds the shell's tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (folder / tool).symlink_to(found)
    return folder


@pytest.mark.parametrize("arguments", [("everything",), ("base", "node")])
def test_a_wrong_argument_prints_the_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """An unknown profile is refused before anything is made."""
    done = run_setup(tmp_path / "venv", *arguments)
    assert (done.returncode, done.stderr) == (2, "setup: usage: scripts/setup [base|node|dev]\n")
    assert not (tmp_path / "venv").exists()


def test_a_named_python_that_does_not_run_is_said(tmp_path: Path) -> None:
    """PYTHON is taken at its word: no other interpreter is used in its place."""
    done = run_setup(tmp_path / "venv", "base", PYTHON=str(tmp_path / "python3.12"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "does not run" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_launchers_that_fail_are_no_python(tmp_path: Path, bare_path: Path) -> None:
    """A name on PATH that only prints an error (version managers leave such) is passed over; none left is one line."""
    for name in ("python3.12", "python3"):
        launcher = bare_path / name
        launcher.write_text("#!/bin/sh\necho 'not installed' >&2\nexit 127\n")
        launcher.chmod(0o755)
    done = run_setup(tmp_path / "venv", "base", PATH=str(bare_path), PYTHON="")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "3.11 or newer" in done.stderr


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    """Set-up removes an old environment of its own, and never a folder of somebody else's files."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("kept")
    done = run_setup(tmp_path / "mine", "base", PYTHON=sys.executable)
    assert done.returncode == 2
    assert "no virtual environment" in done.stderr
    assert (tmp_path / "mine" / "letter").read_text() == "kept"


def test_packages_that_cannot_be_had_are_one_line_and_not_ready(tmp_path: Path) -> None:
    """Where the locked packages can't be had, the run fails, and the next one starts anew: nothing looks ready."""
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CACHE_DIR": str(tmp_path / "cache")}
    done = run_setup(tmp_path / "venv", "base", PYTHON=sys.executable, **environment)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "venv" / "setup.stamp").exists()
