"""A disk that is really full: 503 and a clean restart, nothing answered is lost (the issue's "Bad input")."""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulation.audit import check_all, problem
from tests.simulation.nodes import Connection, Log, Node, NodeDied, Reply, Submitter, make_log

MIB = 1024 * 1024
MOUNT_S = 10
FILLING_MAX = 3000


@dataclass(frozen=True)
class Disk:
    """A small file system. `path`: as this process reaches it; `inside`: as a process under `wrap` does."""

    path: Path
    inside: Path
    wrap: tuple[str, ...]

    @property
    def ballast(self) -> Path:
        """A file that takes up room; removing it makes room."""
        return self.path / "ballast"

    def free(self) -> int:
        """Bytes left."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, *, leave: int) -> None:
        """Take all room but about `leave` bytes."""
        with self.ballast.open("ab") as file:
            more = self.free() - leave
            if more > 0:
                os.posix_fallocate(file.fileno(), file.tell(), more)


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=MOUNT_S, check=False)


@contextlib.contextmanager
def _mounted(folder: Path, size: int) -> Iterator[Disk]:
    try:
        yield Disk(folder, folder, ())
    finally:
        done = _run("umount", str(folder))
        if done.returncode != 0:
            _run("umount", "-l", str(folder))


@contextlib.contextmanager
def _own_namespace(folder: Path, size: int) -> Iterator[Disk]:
    """Without rights to mount: a user and mount namespace of its own, held by a process that sleeps in it."""
    script = f"mount -t tmpfs -o size={size} tmpfs '{folder}' && echo mounted && exec sleep 600"
    holder = subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"mounted\n":
            pytest.skip("no small disk can be made here: neither mount nor unshare with a user namespace is allowed")
        enter = ("nsenter", "--user", "--mount", "--preserve-credentials", f"--target={holder.pid}")
        yield Disk(Path(f"/proc/{holder.pid}/root{folder}"), folder, enter)
    finally:
        holder.kill()
        holder.communicate(timeout=MOUNT_S)


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk]:
    """A tmpfs of this many bytes on a new folder; skips, saying why, where none can be made."""
    folder.mkdir()
    if not sys.platform.startswith("linux") or not all(map(shutil.which, ("mount", "umount", "unshare", "nsenter"))):
        pytest.skip("a small disk needs Linux with mount, umount, unshare and nsenter")
    may_mount = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)).returncode == 0
    with (_mounted if may_mount else _own_namespace)(folder, size) as disk:
        yield disk


@contextlib.contextmanager
def node_on(disk: Disk, log: Log, errors: Path) -> Iterator[Node]:
    """The log's node, in the disk's namespace."""
    with Node(disk.inside / log.folder.name, wrap=disk.wrap, errors=errors) as node:
        yield node


def set_floor(log: Log, size: int) -> None:
    """Set the free space below which the node refuses writes."""
    config = log.folder / "node.toml"
    text = config.read_text()
    line = next(line for line in text.splitlines() if line.startswith("# disk_free_bytes_min ="))
    config.write_text(text.replace(line, f"disk_free_bytes_min = {size}"))


def send_until_refused(one: Submitter, node: Node, *, records: int) -> Reply:
    """Load until the first answer that isn't 200."""
    with Connection(node.port) as connection:
        for _ in range(FILLING_MAX):
            reply = one.send(connection, records=records)
            if reply.status != 200:
                return reply
    raise AssertionError("the disk never filled up")


def check_refusal(reply: Reply) -> str:
    """A 503 that says when to come back; answers what it says."""
    assert reply.status == 503, reply.body
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert int(reply.headers["retry-after"]) >= 1
    return str(problem(reply.body)["detail"])


@pytest.mark.timeout(600)
def test_full_disk_loses_nothing(tmp_path: Path, long_run: bool) -> None:
    """Filled up to the last byte: 503, reads go on, a start on the full disk says what to do, and with room again a
    clean restart has everything."""
    draw = random.Random(21)
    with small_disk(tmp_path / "disk", 96 * MIB) as disk:
        log = make_log(disk.path / "node", seed=21, submitters=1)
        set_floor(log, 0)
        one = log.submitters[0]
        errors = tmp_path / "err"
        for turn in range(12 if long_run else 2):
            with node_on(disk, log, errors) as node:
                check_all(log, node)
                answered = len(log.journal.answered)
                disk.fill(leave=MIB + draw.randrange(64) * 4096)
                reply = send_until_refused(one, node, records=draw.randint(1, 200))
                assert "free space" in check_refusal(reply)
                assert len(log.journal.answered) > answered
                assert node.checkpoint(log.journal.vkey).size == max(log.journal.checkpoints)
                last = log.journal.answered[-1].result["first_index"]
                assert node.request(f"/proof/{last}").status == 200
                assert node.request("/readyz").status == 503
                if turn % 2:
                    assert node.stop() == 0
                else:
                    node.kill()
            start_when_full(disk, log, errors)
            disk.ballast.unlink()
        with node_on(disk, log, errors) as node:
            check_all(log, node)
            assert node.stop() == 0
        assert not one.pending


def start_when_full(disk: Disk, log: Log, errors: Path) -> None:
    """A start on a full disk either serves what there is, or says in one line that room is needed."""
    disk.fill(leave=0)
    try:
        with node_on(disk, log, errors) as node:
            assert node.checkpoint(log.journal.vkey).size >= max(log.journal.checkpoints)
    except NodeDied as died:
        lines = [line for line in died.text.splitlines() if " INFO " not in line]
        assert (died.code, len(lines)) == (5, 1), died.text  # noqa: PT017
        assert "free space" in lines[0]
        assert "backup" not in lines[0], "nothing is damaged"


def test_low_disk_refuses_before_anything_fails(tmp_path: Path) -> None:
    """Below the default floor writes get 503 and nothing breaks; with room again they go on without a restart."""
    with small_disk(tmp_path / "disk", 300 * MIB) as disk:
        log = make_log(disk.path / "node", seed=22, submitters=1)
        one = log.submitters[0]
        with node_on(disk, log, tmp_path / "err") as node, Connection(node.port) as connection:
            for _ in range(2):
                assert one.send(connection).status == 200
                size = node.checkpoint(log.journal.vkey).size
                disk.fill(leave=255 * MIB)
                assert "nearly full" in check_refusal(one.send(connection))
                assert node.request("/readyz").status == 503
                assert node.checkpoint(log.journal.vkey).size == size
                assert node.request("/records/0").status == 200
                disk.ballast.unlink()
                began = time.monotonic()
                assert one.send(connection).status == 200
                assert time.monotonic() - began < 30
                assert node.request("/readyz").status == 200
            check_all(log, node)
            assert node.stop() == 0
