"""A sender that dies between any two of its steps: the next one logs every record once, each dead letter made once.

Every call that changes something outside of the process (a sync, a rename, a deletion, a request) is a step; the run
dies right before it or right after it, for each step in turn.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client import Client
from node.spool import refill
from node.spool.folder import SpoolFolder
from tests.node.fakelog import NOW_MS, FakeLog
from tests.node.spooling import Spool, bad, calls, expected, segment_bytes, use, uses

# A sync is a step; what it does can't be seen within one boot.
pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

STEPS_MAX = 200
STRIDE = 4
"""The short form dies at every fourth step."""
STEPS_OF = ("fsync", "rename", "unlink", "ftruncate")


class Died(BaseException):
    """The process is gone: no handler of errors may run."""


@contextlib.contextmanager
def dying(step: int, *, after: bool) -> Iterator[list[str]]:
    """The process ends before or after this step (from 0); the list has the steps that were reached."""
    steps: list[str] = []
    real = {name: getattr(os, name) for name in STEPS_OF}
    submit = Client.submit

    def reach(name: str, run):
        if len(steps) > step:
            raise Died  # what clean-up there is must not reach the disk either
        steps.append(name)
        if len(steps) > step and not after:
            raise Died
        result = run()
        if len(steps) > step:
            raise Died
        return result

    def wrapped(name: str):
        return lambda *args: reach(name, lambda: real[name](*args))

    with contextlib.ExitStack() as stack:
        for name in STEPS_OF:
            stack.enter_context(mock.patch.object(os, name, wrapped(name)))
        stack.enter_context(
            mock.patch.object(Client, "submit", lambda self, batches: reach("submit", lambda: submit(self, batches)))
        )
        yield steps


def new_spool(log: FakeLog, folder: Path) -> Spool:
    """A spool with three segments, refused records in two, damage in one."""
    key = Ed25519PrivateKey.generate()
    log.join(key)
    spool = Spool(log, key, SpoolFolder(str(folder / "spool")), folder / "state")
    name = folder.name
    spool.put(*uses(f"{name}a", 4))
    spool.put(use(f"{name}b0"), bad(f"{name}x0"), use(f"{name}b1"), bad(f"{name}x1"))
    path = spool.put(*uses(f"{name}c", 4))
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    return spool


def trials(log: FakeLog, folder: Path, long_run: bool) -> Iterator[tuple[int, Spool]]:
    """The steps to die at, each with a spool of its own whose records' names begin with the step's."""
    for step in range(0, STEPS_MAX, 1 if long_run else STRIDE):
        (folder / f"{step:03}-").mkdir()
        yield step, new_spool(log, folder / f"{step:03}-")


def letters(spool: Spool) -> list[str]:
    """The call ids of the dead letters."""
    path = Path(spool.folder.file("dead.jsonl"))
    if not path.exists():
        return []
    return [json.loads(line)["record"]["call"] for line in path.read_text().splitlines()]


def run(spool: Spool, step: int, *, after: bool, what) -> list[str] | None:
    """Run something until it dies; the steps it reached, None where it came to its end."""
    with dying(step, after=after) as steps:
        try:
            what(spool)
        except Died:
            return steps
    return None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_every_step_of_sending(log, tmp_path, after, long_run) -> None:
    """Three records a batch, so that batches end within segments and across them."""
    for step, spool in trials(log, tmp_path, long_run):
        name = f"{step:03}-"
        steps = run(spool, step, after=after, what=lambda spool: spool.send(batch_records=3))
        spool.send(batch_records=3)
        found = [call for call in calls(log) if call.startswith(name)]
        assert found == [
            *expected(f"{name}a", 4), f"{name}b0", f"{name}b1", *expected(f"{name}c", 3)
        ], (step, steps)  # fmt: skip
        assert letters(spool) == [f"{name}x0", f"{name}x1"], (step, steps)
        assert len(spool.folder.damaged()) == 1
        assert not [file for file in spool.files() if file.endswith(".spool")]
        if steps is None:
            break
    assert 30 < step < STEPS_MAX - STRIDE


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_every_step_of_a_retry(log, tmp_path, after, long_run) -> None:
    """A letter is in the dead letters or back in the spool, never in both once anything is sent, never in neither."""
    for step, spool in trials(log, tmp_path, long_run):
        name = f"{step:03}-"
        spool.send()

        def retry(spool: Spool) -> None:
            with spool.folder.sending():
                refill.retry_letters(spool.folder, [], now_ms=NOW_MS)

        steps = run(spool, step, after=after, what=retry)
        spool.send()
        assert sorted(letters(spool)) == [f"{name}x0", f"{name}x1"], (step, steps)
        retry(spool)
        spool.send()
        assert sorted(letters(spool)) == [f"{name}x0", f"{name}x1"], (step, steps)
        assert not Path(spool.folder.file("retry.json")).exists()
        if steps is None:
            break
    assert 5 < step < STEPS_MAX - STRIDE


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_every_step_of_an_import(log, tmp_path, after, long_run) -> None:
    """Of a file that grows between two imports; whatever died, importing it again logs what is new, once."""
    for step, spool in trials(log, tmp_path, long_run):
        name = f"{step:03}-"
        spool.send()
        file, id = tmp_path / name / "uses.spool", os.urandom(16)

        def take(spool: Spool, count: int, file: Path = file, id: bytes = id, name: str = name) -> None:
            file.write_bytes(segment_bytes(log.vkey.text, uses(f"{name}d", count), id=id, end=False))
            client = spool.client()
            try:
                sender = spool.sender(client)
                sender.import_file(str(file))
                sender.run()
            finally:
                client.close()

        take(spool, 2)
        steps = run(spool, step, after=after, what=lambda spool, take=take: take(spool, 5))
        take(spool, 5)
        take(spool, 5)
        assert [call for call in calls(log) if call.startswith(f"{name}d")] == expected(f"{name}d", 5), (step, steps)
        assert not list(Path(spool.folder.path).glob(".part-*"))
        if steps is None:
            break
    assert 5 < step < STEPS_MAX - STRIDE
