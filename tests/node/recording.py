"""What the tests of the library share: a log that is served, a party, and programs that record."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import node.recorder
import usance
from node.keyfiles import new_key
from node.spool.segment import SegmentReader, is_segment_name
from proofs.codec import unpack
from proofs.entry import parse_entry
from tests.node.fakelog import FakeLog

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")


class World:
    """A log that is served, a party's key file, and the environment that names both."""

    def __init__(self, log: FakeLog, folder: Path) -> None:
        self.log, self.folder = log, folder
        self.key = new_key(str(folder / "me.key"))
        log.join(self.key)
        (folder / "log.vkey").write_text(log.vkey.text + "\n")
        self.spool = folder / "spool"
        self.environment = {
            "USANCE_NODE": log.url, "USANCE_KEY": str(folder / "me.key"), "USANCE_LOG": str(folder / "log.vkey"),
            "USANCE_SPOOL": str(self.spool), "USANCE_STATE": str(folder / "state"),
        }  # fmt: skip

    def logged(self, kind: str = "usage") -> list[dict[str, Any]]:
        """The bodies of a kind in the log, in its order."""
        bodies = [unpack(parse_entry(raw).body) for raw in self.log.reader.entries(0, self.log.ledger.size)]
        return [body for body in bodies if body["kind"] == kind]

    def stored(self) -> list[dict[str, Any]]:
        """The bodies in the spool's segments."""
        found = []
        for path in sorted(self.spool.glob("*.spool")):
            assert is_segment_name(path.name)
            with path.open("rb") as file:
                found += [unpack(record.body) for record in SegmentReader(file).records()]
        return found

    def run(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A program that begins with the first two lines, in a process of its own."""
        lines = "import usance, os, sys\nuses = usance.Recorder()\n"
        path = os.pathsep.join([str(ROOT), str(ROOT / "node" / "public")])
        clean = {name: value for name, value in os.environ.items() if name not in RANKS}
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", lines + code], env={**clean, "PYTHONPATH": path, **environment},
            cwd=self.folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    @contextmanager
    def entered(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """This process's environment is that of a program here; whatever recorders were made are closed at the end."""
        for name in (*RANKS, *(name for name in os.environ if name.startswith("USANCE_"))):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        node.recorder._said.clear()
        opened: list[usance.Recorder] = []
        make = usance.Recorder.__init__

        def noted(recorder: usance.Recorder, **options: Any) -> None:
            make(recorder, **options)
            opened.append(recorder)

        monkeypatch.setattr(usance.Recorder, "__init__", noted)
        yield
        for recorder in opened:
            recorder.close(0)
