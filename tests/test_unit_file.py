"""docs/operations/usance.service: valid, stops as the node does, and lets a node do all that it does."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.outcome import USAGE
from node.config import SETTINGS
from tests.simulation.nodes import Connection, Node, make_log, need_strace

UNIT = Path(__file__).resolve().parent.parent / "docs" / "operations" / "usance.service"
EXPOSURE_MAX = 20
"""In tenths, of systemd's own measure: 15 now, 96 without the options."""


def settings(section: str) -> dict[str, list[str]]:
    """A section's settings, each with all its values in order."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            inside = line == f"[{section}]"
        elif inside and line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    assert found, section
    return found


def analyze(*words: str) -> str:
    """What systemd-analyze prints; skips where it isn't installed."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_stops_and_starts_as_a_node_does() -> None:
    """A stop has more time than the node takes for it; only the node itself is told; a start that another try can't
    mend isn't tried again; restarts go on for ever."""
    unit, service = settings("Unit"), settings("Service")
    grace_s = next(setting.default for setting in SETTINGS if setting.field == "stop.grace_s")
    assert int(service["TimeoutStopSec"][0]) >= 2 * grace_s
    assert service["KillMode"] == ["mixed"]
    assert service["KillSignal"] == [signal.SIGTERM.name]
    assert service["Restart"] == ["on-failure"]
    assert service["RestartPreventExitStatus"] == [str(USAGE)]
    assert unit["StartLimitIntervalSec"] == ["0"]


def test_it_runs_the_command_on_its_own_folder() -> None:
    """The folder that the page makes is the one that systemd keeps for the unit, closed to others."""
    service = settings("Service")
    folder = service["StateDirectory"][0]
    (command,) = service["ExecStart"]
    assert command == f"/opt/usance/.venv/bin/usance node run %S/{folder}/log"
    assert (service["StateDirectoryMode"], service["UMask"]) == (["0700"], ["0077"])
    page = (UNIT.parent.parent / "operations.md").read_text(encoding="utf-8")
    assert f"node init /var/lib/{folder}/log" in page
    assert "/opt/usance" in page


def test_it_is_shut_in() -> None:
    """No capability, no new rights, nothing to write to but its folder, and only network sockets."""
    service = settings("Service")
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == [""]
    assert service["ProtectSystem"] == ["strict"]
    assert service["NoNewPrivileges"] == service["ProtectHome"] == service["PrivateTmp"] == ["yes"]
    assert service["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert "ReadWritePaths" not in service


def test_systemd_takes_it(tmp_path: Path) -> None:
    """systemd knows every setting of it, and rates it as well shut in."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/usance/.venv/bin/usance", sys.executable))
    assert "usance.service" not in analyze("verify", str(copy))
    rated = re.search(r"exposure level for usance.service: ([0-9]+)\.([0-9]+)", analyze(
        "security", "--offline=true", "--no-pager", str(copy)
    ))  # fmt: skip
    assert rated is not None
    assert int(rated[1]) * 10 + int(rated[2]) <= EXPOSURE_MAX


def allowed() -> set[str]:
    """The system calls that the unit's filter lets through."""
    sets: dict[str, set[str]] = {}
    name = ""
    for line in analyze("syscall-filter", "--no-pager").splitlines():
        if line.startswith(("@", "\x1b")):
            name = re.sub(r"\x1b\[[0-9;]*m", "", line).strip()
            sets[name] = set()
        elif line.strip() and "#" not in line:
            sets[name].add(line.strip())

    def expand(word: str) -> set[str]:
        return set().union(*map(expand, sets[word])) if word.startswith("@") else {word}

    found: set[str] = set()
    for words in settings("Service")["SystemCallFilter"]:
        calls = set().union(*map(expand, words.lstrip("~").split()))
        found = found - calls if words.startswith("~") else found | calls
    return found


@pytest.mark.timeout(180)
def test_a_node_needs_no_system_call_that_it_forbids(tmp_path: Path) -> None:
    """Of all calls that a node makes from its start over writes and reads to its stop, those that are refused under the
    unit are none."""
    need_strace(tmp_path)
    may = allowed()
    assert {"fsync", "accept4", "execve"} <= may
    assert not {"reboot", "mount", "ptrace"} & may
    log = make_log(tmp_path / "node", seed=5, submitters=1)
    trace = tmp_path / "trace"
    wrap = ("strace", "-D", "-f", "-qq", "-e", "signal=none", "-o", str(trace))
    with Node(log.folder, wrap=wrap) as node, Connection(node.port) as connection:
        for _ in range(3):
            assert log.submitters[0].send(connection, records=20).status == 200
        for path in ("/records?limit=5", "/tile/0/000.p/3", "/readyz", "/proof/1"):
            assert node.request(path).status == 200
        assert node.stop() == 0
    made = set(re.findall(r"(?m)^[0-9]+ +(?:<\.\.\. )?([a-z0-9_]+)(?:\(| resumed)", trace.read_text(errors="replace")))
    assert {"fsync", "execve", "rename"} <= made
    assert not made - may
