"""While a log changes its key, its notes have two signatures: the clients of others read them with either key."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from node import rekey
from proofs.note import parse_note
from tests.interop import running
from tests.interop.clients import HERE, run
from tests.interop.running import ORIGIN, RunningLog
from tests.interop.test_proofbundle import verify

pytestmark = pytest.mark.timeout(300)
SIZE = 300


class NewKeyLog(RunningLog):
    """The same log, as one sees it who knows the new key alone."""

    @property
    def vkey(self) -> str:
        """The new key."""
        return (self.node.folder / "log-next.vkey").read_text().strip()


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory):
    """A log that grew under its old key, then under both; as those see it who know one of the keys."""
    log = running.start(tmp_path_factory.mktemp("log-keys") / "node")
    try:
        log.grow(257)
        assert log.node.stop() == 0
        rekey.begin(str(log.node.folder))
        log.node.start()
        log.grow(SIZE)
        assert len(parse_note(log.notes[SIZE]).signatures) == 2
        new = replace(NewKeyLog(log.node), entries=log.entries, notes={SIZE: log.notes[SIZE]}, key=log.key)
        yield {"old": log, "new": new}
        assert log.node.stop() == 0
    finally:
        log.node.kill()


@pytest.mark.parametrize("reader", ["old", "new"])
@pytest.mark.parametrize("client", ["xmod", "tessera"])
def test_the_go_clients_read_it(client: str, reader: str, changing, go_binary: Path, tmp_path: Path) -> None:
    """Every tile and entry, inclusion, and consistency, with one of two signatures known."""
    log = changing[reader]
    done = run(go_binary, client, *log.arguments(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == log.expected()


@pytest.mark.parametrize("reader", ["old", "new"])
def test_the_python_clients_read_it(reader: str, changing, python_bin: Path, tmp_path: Path) -> None:
    """The log over HTTP, and offline proofs of the present and of an earlier size."""
    log = changing[reader]
    done = run(python_bin / "python", HERE / "scales_client.py", "log", *log.arguments(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == log.expected()
    for size in (SIZE, 256):
        proof = log.get(f"/proof/255?size={size}")
        done = verify(python_bin, tmp_path, proof, log.entries[255], log.vkey, "--expected-origin", ORIGIN)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_old_key_alone_signed_is_refused_with_the_new_one(
    changing, go_binary: Path, python_bin: Path, tmp_path: Path
) -> None:
    """A checkpoint of before the change is not the new key's: what the tests above show could have failed."""
    old, new = changing["old"], changing["new"]
    mixed = replace(new, notes=old.notes)
    assert run(go_binary, "xmod", *mixed.arguments(tmp_path)).returncode != 0
    assert run(python_bin / "python", HERE / "scales_client.py", "log", *mixed.arguments(tmp_path)).returncode != 0
