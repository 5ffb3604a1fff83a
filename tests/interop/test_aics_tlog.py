"""`aics-tlog` (Python 3.12 and later) reads a running node by its command line."""

import json
from pathlib import Path

import pytest

from tests.interop.clients import run
from tests.interop.cosigned import cosigned
from tests.interop.forger import Change, flip, forged
from tests.interop.running import ORIGIN, RunningLog

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="session")
def aics(python_bin: Path) -> Path:
    """The program, which has no release for Python 3.11."""
    program = python_bin / "aics-tlog"
    if not program.exists():
        pytest.skip("aics-tlog needs Python 3.12 or newer")
    return program


def test_it_verifies_inclusion_and_consistency(log: RunningLog, aics: Path, tmp_path: Path) -> None:
    """Over tiles that it authenticates itself, entries are in the tree and earlier checkpoints are of its past."""
    key = ("--tiles", log.url, "--log-key", log.vkey, "--origin", ORIGIN)
    for index in (0, log.size // 2, log.size - 1):
        done = run(aics, "verify-inclusion", "--index", index, "--entry-out", tmp_path / "entry", *key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (tmp_path / "entry").read_bytes() == log.entries[index]
    for earlier in log.earlier_notes(tmp_path):
        done = run(aics, "verify-consistency", "--old-checkpoint", earlier, *key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["ok"] is True


@pytest.mark.parametrize(
    ("prefix", "change"),
    [("/checkpoint", flip(-10)), ("/tile/0/000", flip(40)), ("/tile/1/000.p/2", flip(0)), ("/tile/entries/", flip(-1))],
    ids=["signature", "tile", "tile above", "bundle"],
)
def test_it_refuses_a_forged_answer(prefix: str, change: Change, log_at, aics: Path) -> None:
    """One changed byte in what it reads is refused: what the test above shows could have failed."""
    log = log_at(600)
    with forged(log.url, prefix, change) as url:
        done = run(aics, "verify-inclusion", "--index", 255, "--tiles", url, "--log-key", log.vkey, "--origin", ORIGIN)
    assert done.returncode == 1, done.stdout


def test_it_refuses_an_earlier_checkpoint_of_another_history(log_at, aics: Path, tmp_path: Path) -> None:
    """An earlier head signed by the same key over other leaves is inconsistent, and it sees it."""
    log = log_at(600)
    (tmp_path / "fork").write_bytes(log.forked_note(256))
    key = ("--tiles", log.url, "--log-key", log.vkey, "--origin", ORIGIN)
    assert run(aics, "verify-consistency", "--old-checkpoint", tmp_path / "fork", *key).returncode == 1


def test_it_counts_our_ed25519_cosignature(log_at, aics: Path, tmp_path: Path) -> None:
    """Our 0x04 cosignature reaches its quorum of one, beside a 0x06 line that it doesn't know and passes over."""
    log = log_at(257)
    data, vkeys = cosigned(log.notes[257])
    (tmp_path / "note").write_bytes(data)
    command = (aics, "verify-checkpoint", "--note", tmp_path / "note", "--log-key", log.vkey, "--quorum", "1")
    done = run(*command, "--witness-key", vkeys[0])
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "note").write_bytes(log.notes[257])
    assert run(*command, "--witness-key", vkeys[0]).returncode == 1
