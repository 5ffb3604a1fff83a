"""Nodes in processes of their own, and the load on them: started, traced, killed and looked at from outside only."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.append import prepare
from node.server import init_node, load_config, open_node
from proofs import merkle
from proofs.checkpoint import Checkpoint, open_checkpoint
from proofs.entry import Batch, encode_request, sign_batch
from proofs.note import VerifierKey, parse_vkey
from proofs.records import make_body
from proofs.ref import Ref

ROOT = Path(__file__).resolve().parent.parent.parent
ORIGIN = "log.example/durable"
AT_MS = 1_700_000_000_000
START_S = 30
REQUEST_S = 20
TRACER_S = 20
TAIL_BYTES = 16_384


class NodeDied(Exception):
    """The node ended instead of serving; `code` as it exited, `text` what it wrote to stderr."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"exit {code}: {text}")
        self.code = code
        self.text = text


class Node:
    """One run of `usance node run` on a folder. Ends with the `with` block, whatever happened in it."""

    def __init__(
        self, folder: Path, *, wrap: Sequence[str] = (), before: str = "", options: Sequence[str] = (),
        errors: Path | None = None,
    ) -> None:  # fmt: skip
        """`wrap`: a command that runs the rest of its words in the same process; `before`: Python to run in it first;
        `options`: further words for `node run`; `errors`: where stderr goes, beside the folder by default."""
        self.folder = folder
        self.errors = errors or folder.parent / f"{folder.name}.err"
        arguments = ["node", "run", str(folder), "--listen", "127.0.0.1:0", *options]
        code = f"{before}\nimport sys\nfrom node.cli import main\nsys.exit(main({arguments!r}))"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*wrap, sys.executable, "-c", code],
                stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        self.port = 0

    def __enter__(self) -> Node:
        try:
            self._await_url()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(START_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _await_url(self) -> None:
        output = self.process.stdout
        if output is None:
            raise NodeDied(-1, "no output")
        ready, _, _ = select.select([output], [], [], START_S)
        line = output.readline().decode() if ready else ""
        if "http://" not in line:
            if not ready:
                self.process.kill()
            raise NodeDied(self.process.wait(START_S), self.stderr())
        self.port = int(line.rstrip().rsplit(":", 1)[1])

    def stderr(self) -> str:
        """What it wrote to stderr so far."""
        return self.errors.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(START_S)

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        self.process.terminate()
        return self.process.wait(START_S)

    def request(self, path: str, *, data: bytes | None = None) -> Reply:
        """One request on a connection of its own. Raises OSError or HTTPException where none is answered."""
        with Connection(self.port) as connection:
            return connection.request(path, data=data)

    def checkpoint(self, vkey: VerifierKey) -> Checkpoint:
        """The newest checkpoint, verified."""
        return open_checkpoint(self.request("/checkpoint").good(), vkey)


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def good(self) -> bytes:
        """The body of a 200."""
        assert self.status == 200, (self.status, self.body[:500])
        return self.body

    def json(self) -> Any:
        """The body of a 200, decoded."""
        return json.loads(self.good())


class Connection:
    """A kept-alive connection to a node."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_S)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def request(self, path: str, *, data: bytes | None = None) -> Reply:
        """Ask, and read the whole answer."""
        headers = {"Content-Type": "application/msgpack"} if data is not None else {}
        self._http.request("GET" if data is None else "POST", path, body=data, headers=headers)
        answer = self._http.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@dataclass(frozen=True)
class Answered:
    """A batch that was answered 200, with its result and the whole answer's body."""

    batch: Batch
    result: dict[str, Any]
    reply: bytes


@dataclass
class Journal:
    """What the clients of a log were told, over all runs of its node. Shared by their threads; owner: `lock`."""

    vkey: VerifierKey
    answered: list[Answered] = field(default_factory=list)
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def saw(self, note: bytes) -> Checkpoint:
        """Keep a checkpoint that was given out; two of one size must be the same."""
        checkpoint = open_checkpoint(note, self.vkey)
        with self.lock:
            if self.checkpoints.setdefault(checkpoint.size, checkpoint.root) != checkpoint.root:
                self.faults.append(f"two trees of size {checkpoint.size} were signed")
        return checkpoint

    def blame(self, fault: str) -> None:
        """Note what must not be."""
        with self.lock:
            self.faults.append(fault)


class Submitter:
    """A key with a party of its own that logs usages; what was sent and not answered is sent again as it is."""

    def __init__(self, journal: Journal, *, seed: int, asset: bytes) -> None:
        self.random = random.Random(seed)
        self.key = Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))
        self.journal = journal
        self.asset = asset
        self.next = 0
        self.pending: list[Batch] = []
        self.head: tuple[int, bytes] = (0, merkle.EMPTY_ROOT)

    def body(self) -> bytes:
        """A usage with random bytes of its own, of one of the statuses."""
        draw = self.random
        asset: Any = draw.choice([self.asset, "pkg:pypi/nobody-claims-this"])
        return make_body({
            "kind": "usage", "at": AT_MS, "asset": asset, "use": "train", "quantities": {"token": 5}, "from": AT_MS,
            "until": AT_MS, "commitment": draw.randbytes(32), "names": ["prompt"], "item": draw.randbytes(32),
        })  # fmt: skip

    def make(self, batches: int, records: int) -> list[Batch]:
        """The next batches, signed over the newest head that this submitter saw."""
        made = []
        number = self.next
        for _ in range(batches):
            bodies = [self.body() for _ in range(records)]
            if number == 0:
                bodies.insert(
                    0, make_body({"kind": "party", "at": AT_MS, "name": "party " + str(self.random.random())})
                )
            made.append(
                sign_batch(
                    self.key, origin=ORIGIN, size=self.head[0], root=self.head[1], first=number, bodies=bodies
                )
            )  # fmt: skip
            number += len(bodies)
        return made

    def send(self, connection: Connection, *, batches: int = 1, records: int = 1) -> Reply:
        """Send what is pending, or new batches. Raises OSError or HTTPException; they then stay pending."""
        if not self.pending:
            self.pending = self.make(batches, records)
        reply = connection.request("/records", data=encode_request(self.pending))
        if reply.status == 200:
            self._take(reply)
        elif reply.status != 503:
            self.journal.blame(f"HTTP {reply.status}: {reply.body[:200]!r}")
        return reply

    def _take(self, reply: Reply) -> None:
        said = json.loads(reply.body)
        checkpoint = self.journal.saw(said["checkpoint"].encode())
        if checkpoint.size < self.head[0]:
            self.journal.blame(f"a checkpoint of size {checkpoint.size} after one of {self.head[0]}")
        self.head = (checkpoint.size, checkpoint.root)
        for batch, result in zip(self.pending, said["results"], strict=True):
            if result["status"] != 200:
                self.journal.blame(f"refused: {result}")
                continue
            if result["first_index"] + result["count"] > checkpoint.size:
                self.journal.blame(f"answered beyond its checkpoint: {result}")
            with self.journal.lock:
                self.journal.answered.append(Answered(batch, result, reply.body))
            self.next = batch.first + len(batch.bodies)
        self.pending = []

    def run(self, port: int, stop: threading.Event, *, requests_max: int = 100_000) -> None:
        """Send until told to stop, or until the node goes away."""
        try:
            with Connection(port) as connection:
                for _ in range(requests_max):
                    if stop.is_set():
                        return
                    reply = self.send(
                        connection, batches=self.random.randint(1, 3), records=self.random.randint(1, 12)
                    )  # fmt: skip
                    if reply.status == 503:
                        return
        except (OSError, http.client.HTTPException):
            return


@dataclass
class Log:
    """A log under test: its folder, its journal, its submitters."""

    folder: Path
    journal: Journal
    submitters: list[Submitter]

    @property
    def record(self) -> Path:
        """The sign record's file."""
        return self.folder / "sign-record.json"


def make_log(folder: Path, *, seed: int, submitters: int) -> Log:
    """A new node's folder with one registered asset, and submitters that know it."""
    vkey = parse_vkey(init_node(str(folder), origin=ORIGIN, name="operator"))
    journal = Journal(vkey)
    draw = random.Random(seed)
    publisher = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
    bodies = [
        make_body({"kind": "party", "at": AT_MS, "name": "publisher"}),
        make_body({"kind": "asset", "at": AT_MS, "type": "dataset", "name": "data"}),
    ]
    batch = sign_batch(publisher, origin=ORIGIN, size=0, root=merkle.EMPTY_ROOT, first=0, bodies=bodies)
    # In this process: a node of its own for one batch would cost every test a second.
    opened = open_node(str(folder), load_config(str(folder)))
    try:
        group = opened.ledger.group()
        outcome = group.take(prepare(batch, origin=ORIGIN, root_at=opened.ledger.root_at))
        group.commit()
        journal.saw(opened.signer.sign(opened.ledger.size, opened.ledger.tree.root))
    finally:
        opened.store.close()
    asset = Ref(outcome.first_index + 1, merkle.leaf_hash(batch.entries()[1])).pack()
    made = [Submitter(journal, seed=draw.getrandbits(64), asset=asset) for _ in range(submitters)]
    return Log(folder, journal, made)


@contextlib.contextmanager
def load(log: Log, port: int) -> Iterator[threading.Event]:
    """All submitters at work, each in a thread; they end with the block, or when the node goes away."""
    stop = threading.Event()
    threads = [threading.Thread(target=one.run, args=(port, stop)) for one in log.submitters]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(REQUEST_S + 10)
            assert not thread.is_alive(), "a client hangs"


def need_strace(folder: Path) -> None:
    """Skip, saying why, where no tracer may be used."""
    if not sys.platform.startswith("linux") or shutil.which("strace") is None:
        pytest.skip("strace is missing: apt-get install strace")
    output = folder / "strace-probe"
    tried = subprocess.run(
        ["strace", "-f", "-y", "--seccomp-bpf", "-o", str(output), "true"],
        capture_output=True, text=True, timeout=TRACER_S, check=False,
    )  # fmt: skip
    if tried.returncode != 0 or "+++ exited with 0 +++" not in output.read_text():
        pytest.skip(f"strace isn't allowed to trace here: {tried.stderr.strip()[:200]}")


def read_trace(path: Path, pid: int) -> str:
    """A tracer's whole output, once it has seen the process end."""
    end = re.compile(rf"^{pid} +\+\+\+ (exited|killed)", re.MULTILINE)
    tail = ""
    for _ in range(TRACER_S * 50):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            tail = file.read().decode("latin-1")
        if end.search(tail):
            return path.read_text(encoding="latin-1")
        time.sleep(0.02)
    raise AssertionError(f"the tracer didn't see {pid} end: {tail[-300:]}")


@contextlib.contextmanager
def injected(pid: int, fault: str, output: Path, *, only: Path | None = None) -> Iterator[None]:
    """A tracer on a running process that injects `fault` (strace's `-e inject=`) until the block or the process ends;
    `only`: it strikes calls on this file alone."""
    calls = fault.split(":", 1)[0]
    narrowed = ["-P", str(only)] if only is not None else []
    tracer = subprocess.Popen(
        ["strace", "-f", *narrowed, "-o", str(output), "-e", f"trace={calls}", "-e", f"inject={fault}", "-p", str(pid)],
        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert tracer.stderr is not None
        ready, _, _ = select.select([tracer.stderr], [], [], TRACER_S)
        first = tracer.stderr.readline() if ready else b""
        assert b"attached" in first, first
        yield
    finally:
        # It lets go of the process on SIGTERM, and has ended by itself where the process is gone.
        tracer.terminate()
        tracer.wait(TRACER_S)
        if tracer.stderr is not None:
            tracer.stderr.close()
