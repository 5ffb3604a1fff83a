"""Running the command line in a test: in this process, or as a program of its own."""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from node.cli import main
from node.logs import ROOT as ROOT_LOGGER

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60


@contextlib.contextmanager
def logging_as_before() -> Iterator[None]:
    """A command that sets up where messages go does so for this call only: its stderr is gone afterwards."""
    loggers = (logging.getLogger(), logging.getLogger(ROOT_LOGGER))
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers, level in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


@dataclass
class Cli:
    """`usance` with one user's folder and environment. Paths are relative to `folder`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {"USANCE_STATE": str(self.folder / "state"), **self.environment}

    def __call__(self, *args: object, **environment: str) -> Done:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("USANCE_", "XDG_"))}
        given = {**clean, **self.environment, **environment}
        with (
            logging_as_before(),
            mock.patch.dict(os.environ, given, clear=True),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main([str(arg) for arg in args])
        return Done(code, out.getvalue(), err.getvalue())

    def ok(self, *args: object, **environment: str) -> Done:
        """Run a command that must succeed and say nothing on stderr."""
        done = self(*args, **environment)
        assert (done.code, done.err) == (0, ""), done
        return done

    def json(self, *args: object) -> Any:
        """Run a command with --json that must succeed; what it printed."""
        return self.ok(*args, "--json").json()

    def fails(self, code: int, *args: object, **environment: str) -> str:
        """Run a command that must end with this code, one line on stderr and none on stdout; the line."""
        done = self(*args, **environment)
        assert done.code == code, done
        assert done.err.count("\n") == 1, done.err
        assert done.err.startswith("usance"), done.err
        assert "Traceback" not in done.err
        assert done.out == ""
        return done.err.rstrip("\n")

    def start(self, *args: object, **options: Any) -> subprocess.Popen[str]:
        """Start it as a program of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "node.cli", *map(str, args)], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment}, **options,
        )  # fmt: skip

    def program(self, *args: object) -> Done:
        """Run it as a program of its own."""
        with self.start(*args) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
        return Done(process.returncode, out, err)
