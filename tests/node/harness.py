"""A real node process on a free port, a raw HTTP client, and keys that log: what the tests over HTTP share."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.append import VERSION_KEY, Ledger
from ledger.context import LogIdentity
from ledger.leveldb import LevelStore
from ledger.reader import EntryCache, Reader
from ledger.replay import Replay
from ledger.store import MemoryStore
from ledger.stored import edge_leaves
from ledger.tree import HEAD_KEY, load, read_head
from node.server import init_node
from proofs.checkpoint import Checkpoint, open_checkpoint, parse_log_vkey
from proofs.entry import Batch, encode_request, sign_batch
from proofs.merkle import EMPTY_ROOT
from proofs.records import make_body

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "log.example/usance"
NOW_MS = 1_700_000_000_000
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 60

_RUN = (
    "import logging, sys\n"
    "logging.basicConfig(level='INFO')\n"
    "from node.server import run_node\n"
    "run_node(sys.argv[1], listen='127.0.0.1:0', on_ready=lambda url: print(url, flush=True))\n"
)


@dataclass
class Answer:
    """An HTTP answer; header names in lower case, several of one name joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        """The content type, parameters included."""
        return self.headers.get("content-type", "")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class NodeProcess:
    """One node in a process of its own, with a folder of its own."""

    def __init__(self, folder: Path, *, origin: str = ORIGIN, **settings: Any) -> None:
        """`settings`: values of node.toml by their names, where they differ from the defaults."""
        self.folder = folder
        self.origin = origin
        self.vkey = parse_log_vkey(init_node(str(folder), origin=origin, name="Operator"))
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        if settings:
            self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Change node.toml; takes effect at the next start."""
        path = self.folder / "node.toml"
        text = path.read_text()
        for name, value in settings.items():
            text, count = re.subn(rf"(?m)^#? ?{name} = .*$", f"{name} = {json.dumps(value)}", text)
            assert count == 1, f"no setting {name}"
        path.write_text(text)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """What it wrote to stderr."""
        return self.folder.with_suffix(".log")

    def start(self) -> "NodeProcess":
        """Start it, and wait until its port is open."""
        with open(self.log_path, "ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUN, str(self.folder)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT_S)
        line = self._process.stdout.readline().strip() if ready else ""
        if not line:
            self.kill()
            raise AssertionError(f"the node did not start: {self.log_path.read_text()[-2000:]}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def terminate(self) -> None:
        """Ask it to stop, without waiting."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        return self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """Stop it by SIGTERM; the exit code."""
        self.terminate()
        code = self.wait()
        self._close()
        return code

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
            self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def rss_bytes(self) -> int:
        """Its resident memory (Linux)."""
        text = Path(f"/proc/{self.pid}/statm").read_text()
        return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def failures(self) -> list[str]:
        """Lines of its own log that tell of a defect."""
        text = self.log_path.read_text(errors="replace")
        return [line for line in text.splitlines() if re.search(r"Traceback|a request failed|ERROR|CRITICAL", line)]

    # HTTP

    def open_files(self) -> int:
        """Descriptors that the node holds."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def raw(self, data: bytes, *, timeout_s: float = 20, half_close: bool = False) -> bytes:
        """Send bytes as they are; everything that comes back until the node closes (or `timeout_s` of silence)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            try:
                connection.sendall(data)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may have answered and closed before it had everything
            return read_all(connection)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; `path` goes on the wire as it is."""
        head = {"Host": "node.example", "Connection": "close", **(headers or {})}
        if body is not None and "Transfer-Encoding" not in head:
            head.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        return parse_answer(self.raw("\r\n".join(lines).encode() + (body or b"")), head_only=method == "HEAD")

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """GET."""
        return self.request("GET", path, headers=headers)

    def json(self, path: str) -> Any:
        """GET, which must succeed, as JSON."""
        answer = self.get(path)
        assert answer.status == 200, answer
        return answer.json()

    def post(self, data: bytes, headers: dict[str, str] | None = None) -> Answer:
        """POST /records with these bytes."""
        return self.request("POST", "/records", data, {"Content-Type": "application/msgpack", **(headers or {})})

    def submit(self, *batches: Batch) -> list[dict[str, Any]]:
        """POST these batches; their results."""
        answer = self.post(encode_request(batches))
        assert answer.status == 200, answer
        return answer.json()["results"]

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, its signature verified."""
        return open_checkpoint(self.get("/checkpoint").body, self.vkey)

    def next_of(self, key: bytes) -> int:
        """A key's next number."""
        return self.json(f"/keys/{key.hex()}")["next"]

    def audit(self) -> tuple[int, bytes]:
        """Of the stopped node: replay the whole log, and compare every row of its state with what replay gives.

        Returns size and root. Nothing half-stored can hide: rows that no replayed record makes would differ.
        """
        assert not self.alive
        store = LevelStore(str(self.folder / "db"))
        try:
            return audit_store(store, LogIdentity(self.origin, frozenset((self.vkey.key,))))
        finally:
            store.close()


def audit_store(store: LevelStore, log: LogIdentity) -> tuple[int, bytes]:
    """See NodeProcess.audit."""
    tree = load(store, _edge(store))
    size = tree.size
    reader = Reader(tree.view(store), EntryCache())
    replay = Replay(log)
    # Everything is kept here, rows that no rule reads too, so that all of them can be compared.
    replay.ledger = Ledger(MemoryStore(), log=log)
    for first in range(0, size, 256):
        replay.feed(list(reader.entries(first, min(256, size - first))))
    replay.finish()
    assert (replay.size, replay.root) == (size, tree.root)
    held = {key: value for key, value in store.scan(b"\x00", b"\xff") if key[:1] != keys.CONFLICT}
    made = {
        key: value
        for prefix in keys.PREFIXES.values()
        for key, value in replay.ledger.store.scan(prefix, keys.after(prefix))
    }
    assert VERSION_KEY in held
    assert HEAD_KEY in held
    different = {key for key in held.keys() | made.keys() if held.get(key) != made.get(key)}
    assert not different, [(key, held.get(key), made.get(key)) for key in sorted(different)[:5]]
    return size, tree.root


def _edge(store: LevelStore) -> list[bytes]:
    size = read_head(store)[0]
    first = size - size % 256
    return edge_leaves(store, first, size)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side closes, or stays silent for the socket's timeout."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except OSError:
        pass
    return b"".join(parts)


def parse_answer(data: bytes, *, head_only: bool = False) -> Answer:
    """The one answer in what a node sent; interim 1xx answers are passed over. The body's length is checked."""
    while True:
        head, separator, rest = data.partition(b"\r\n\r\n")
        assert separator, f"no whole answer: {data[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1")
        if not 100 <= int(status) < 200:
            break
        data = rest
    headers: dict[str, str] = {}
    for line in lines:
        name, value = line.split(":", 1)
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    if headers.get("transfer-encoding") == "chunked":
        rest = _unchunk(rest)
    elif not head_only:
        assert len(rest) == int(headers.get("content-length", len(rest))), "another length than it said"
    return Answer(int(status), headers, rest)


def _unchunk(data: bytes) -> bytes:
    parts = []
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        if size == 0:
            return b"".join(parts)
        parts.append(data[:size])
        data = data[size + 2 :]


@dataclass
class Actor:
    """A key that logs on one node. `next`: number of its next record. Its batches name the empty tree as their head,
    which every log's past begins with."""

    node: NodeProcess
    private_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    next: int = 0

    @property
    def key(self) -> bytes:
        """The public key."""
        return self.private_key.public_key().public_bytes_raw()

    def sign(self, *bodies: bytes, first: int | None = None, **changed: Any) -> Batch:
        """A signed batch, at the next number unless told."""
        head = {"origin": self.node.origin, "size": 0, "root": EMPTY_ROOT, **changed}
        return sign_batch(self.private_key, first=self.next if first is None else first, bodies=bodies, **head)

    def log(self, *bodies: bytes) -> dict[str, Any]:
        """Log these records, which must be taken; the result."""
        result = self.node.submit(self.sign(*bodies))[0]
        assert result["status"] == 200, result
        self.next += len(bodies)
        return result

    def join(self, name: str = "A party") -> "Actor":
        """Become a party."""
        self.log(body("party", name=name))
        return self


def body(kind: str, **fields: Any) -> bytes:
    """A record's canonical bytes; `at` is given, `from_` stands for `from` and `as_` for `as`."""
    return make_body({"kind": kind, "at": NOW_MS, **{name.rstrip("_"): value for name, value in fields.items()}})


def use_body(asset: bytes | str = "model:lab/one", **fields: Any) -> bytes:
    """A usage record, small and good unless `fields` say otherwise."""
    usage = {"asset": asset, "use": "train", "quantities": {"token": 7}, "from_": NOW_MS, "until": NOW_MS + 5}
    return body("usage", **{**usage, **fields})


def nil_body(offset_ms: int = 0) -> bytes:
    """A nil report; different ones for different offsets."""
    return body("none", from_=NOW_MS + offset_ms, until=NOW_MS + offset_ms + 1)


def check_problem(answer: Answer, status: int, *, type: str = "about:blank") -> dict[str, Any]:
    """The problem object in an answer, once its form was checked: RFC 9457 with title and detail, not to be cached."""
    assert answer.status == status, (answer.status, answer.body[:300])
    assert answer.type.split(";")[0] == "application/problem+json"
    assert answer.headers.get("cache-control") == "no-store"
    said = answer.json()
    assert said["status"] == status
    assert said["type"] == type
    assert said["title"]
    assert said["detail"]
    return said


def until(condition: Any, *, timeout_s: float = 60) -> None:
    """Wait until `condition()` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def chunked(parts: Sequence[bytes]) -> bytes:
    """A body in chunked form."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
