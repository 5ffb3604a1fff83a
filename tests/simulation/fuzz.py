"""Random and mutated bytes against every route of a node, from several threads, repeatable by its seed.

Three sorts of requests: broken HTTP on raw sockets; every route with garbled paths, queries and headers; and POST
/records with mutated batches, of which at least a third are signed again after the mutation, so that they get past the
signature and reach the rules. What must hold: no answer is 5xx, the node lives, and its memory does not grow once it is
warm.
"""

import contextlib
import os
import random
import re
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import codec
from proofs.entry import Batch, delegate_message, rotate_message, sign_batch
from proofs.merkle import EMPTY_ROOT
from tests.node.harness import Actor, NodeProcess, body, chunked, nil_body, parse_answer, read_all, use_body
from tests.proofs.bodies import FULL, MINIMAL, REF

GROWTH_BYTES_MAX = 32 * 2**20
"""What the node and its workers may grow by between the end of warm-up and the end, however long that is: room for
caches that are still filling (entries up to 16 MiB, LevelDB's write buffer up to 16 MiB), not for a leak."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_NAMES = ("model:fuzz/one", "https://fuzz.example/a", "pkg:pypi/x@1", "doi:10.1234/x")
_ODD = (
    None, True, False, 0, 1, -1, 127, 128, 255, 256, 65_535, 65_536, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1,
    -(2**63), 0.0, 1.5, float("nan"), float("inf"), "", "a", "\0", "\u202e", "x" * 1025, "é" * 600, "\U0010ffff", b"",
    b"\0", b"x" * 31, bytes(32), bytes(40), b"\x80" + bytes(39), b"\xff" * 64, [], [[]], {}, {"": ""}, {1: 2},
    {b"k": 1}, [None], [0] * 1025,
)  # fmt: skip
_PIECES = (
    "checkpoint", "tile", "entries", "records", "stream", "proof", "consistency", "genesis", "keys", "parties",
    "assets",
    "conflicts", "healthz", "readyz", "0", "1", "000", "001", "x001", "000.p", "7", "-1", "9" * 30, "%00", "%2e%2e",
    "..", "",
    "%ff", "%F0%9F%8E%B2", "%2F", "ab" * 32, "0:" + "00" * 32, "a" * 300, "*", "?", "&", "=", "from", "limit", "size",
    "to",
    "kind", "party", "asset", "name", "aka", "root", "usage", "none", "+", "%20", ";", "#", "\\", "model:a/b", "1e9",
    "0x1",
)  # fmt: skip
_ROUTES = (
    "/checkpoint", "/tile/0/000.p/{n}", "/tile/1/{n}", "/tile/entries/000.p/{n}", "/tile/entries/{n}", "/proof/{n}",
    "/proof/{n}?size={n}", "/consistency?from={n}&to={n}", "/genesis", "/records/{n}", "/records?from={n}&limit={n}",
    "/records?kind=usage&party={k}", "/records?asset={n}", "/records?asset=model:fuzz/one",
    "/records?kind=asset&limit=5",
    "/keys/{k}", "/parties/{k}", "/assets", "/assets/{n}", "/assets?party={k}", "/assets?root={k}", "/assets?name=fuzz",
    "/assets?aka=model:fuzz/one", "/conflicts", "/conflicts?key={k}", "/healthz", "/readyz",
)  # fmt: skip
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "BREW", "G\0T")
_HEADERS = (
    "Connection: close", "Connection: keep-alive, upgrade", "Upgrade: websocket", "Expect: 100-continue", "Expect: x",
    "Content-Length: 5", "Content-Length: 99999999999", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
    "Content-Type: application/msgpack", "Content-Type: text/html", "Content-Encoding: gzip", "Accept-Encoding: gzip",
    "Last-Event-ID: 1", "Last-Event-ID: x", "Range: bytes=0-1", "If-None-Match: *", "Host: a b", "X: " + "y" * 9000,
    "Sec-WebSocket-Key: x", "Accept-Encoding: " + "gzip," * 500, "Cookie: a=b", "Connection: upgrade\r\nUpgrade: h2c",
)  # fmt: skip


@dataclass
class Report:
    """What a run did. `signed`: POST mutations that were signed after the mutation."""

    seed: int
    requests: int = 0
    posts: int = 0
    signed: int = 0
    warm_bytes: int = 0
    end_bytes: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def memory_bytes(node: NodeProcess) -> int:
    """Resident memory of a node and its check workers (Linux)."""
    pids, total = [node.pid], 0
    while pids:
        pid = pids.pop()
        for task in Path(f"/proc/{pid}/task").iterdir():
            pids += [int(child) for child in (task / "children").read_text().split()]
        total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


class Worker:
    """One thread's requests. All chance comes from its own generator, seeded by the run's seed and its number."""

    def __init__(self, node: NodeProcess, report: Report, lock: threading.Lock, seed: int, number: int) -> None:
        self.node, self.report, self.lock = node, report, lock
        self.random = random.Random(f"{seed}:{number}")
        self.party = Actor(node, self._key()).join(f"fuzz {number}")
        self.delegate = Actor(node, self._key())
        kinds = ["none", "usage"]
        accept = self.delegate.private_key.sign(delegate_message(origin=node.origin, party=self.party.key, kinds=kinds))
        self.party.log(body("delegate", key=self.delegate.key, kinds=kinds, accept=accept))
        asset = self.party.log(body("asset", type="dataset", name="fuzz", aka=[_NAMES[0]]))["first_index"]
        self.refs = [self._ref(0), self._ref(asset)]
        self.kept: list[bytes] = [_post(codec.pack([self.party.sign(nil_body()).wire()]))]

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))

    def _ref(self, index: int) -> bytes:
        number, leaf = self.node.json(f"/records/{index}")["ref"].split(":")
        return int(number).to_bytes(8, "big") + bytes.fromhex(leaf)

    def run(self, until_s: float) -> None:
        """Send requests until the clock says so, or something was wrong."""
        choices = (self._post_mutated,) * 6 + (self._post_bytes,) * 3 + (self._route,) * 4 + (self._broken,) * 3
        while time.monotonic() < until_s and not self.report.faults:
            self.random.choice(choices)()

    def _send(self, data: bytes, *, patience_s: float = 20) -> bytes:
        """What comes back until the node closes, or is silent for `patience_s`: it may be waiting for more."""
        answer = b""
        try:
            with socket.create_connection(("127.0.0.1", self.node.port), timeout=20) as connection:
                with contextlib.suppress(OSError):  # refused before it was all sent
                    connection.sendall(data)
                connection.settimeout(patience_s)
                answer = read_all(connection)
        except OSError as error:
            self._fault(f"no connection: {error}", data)
        statuses = [found.decode() for found in _STATUS.findall(answer)] or ["none"]
        with self.lock:
            self.report.requests += 1
            self.report.statuses.update(statuses)
        if any(status.startswith("5") for status in statuses):
            self._fault("an answer of 5xx: " + answer[:300].decode("latin-1"), data)
        return answer

    def _fault(self, what: str, data: bytes) -> None:
        with self.lock:
            self.report.faults.append(f"{what}; request: {data[:2000]!r}")

    # Broken HTTP

    def _broken(self) -> None:
        pick = self.random
        data = pick.choice(self.kept) if pick.random() < 0.5 else self._request()
        for _ in range(pick.randint(1, 4)):
            data = self._mutated(data)
        if pick.random() < 0.2:
            data = data + self._request() + data[: pick.randint(0, len(data))]
        self._send(data[:200_000], patience_s=0.05)

    def _mutated(self, data: bytes) -> bytes:
        pick = self.random
        at = pick.randint(0, len(data))
        how = pick.randrange(7)
        if how == 0 and data:
            at = min(at, len(data) - 1)
            return data[:at] + bytes([data[at] ^ 1 << pick.randrange(8)]) + data[at + 1 :]
        if how == 1:
            return data[:at] + data[at + pick.randint(1, 8) :]
        if how == 2:
            return data[:at] + pick.randbytes(pick.randint(1, 8)) + data[at:]
        if how == 3:
            return data[:at]
        if how == 4:
            return data[:at] + data[max(0, at - 30) : at] * pick.randint(1, 20) + data[at:]
        if how == 5:
            return (
                data[:at]
                + pick.choice((b"\r\n", b"\0", b"\r", b"\n\n", b" ", b"\xff\xff", b"%", b"\xdd\xff\xff\xff\xff"))
                + data[at:]
            )
        return data[:at] + _msgpack(pick.choice(_ODD)) + data[at + 1 :]

    # Routes

    def _path(self) -> str:
        pick = self.random
        if pick.random() < 0.6:
            path = pick.choice(_ROUTES)
            while "{n}" in path:
                path = path.replace("{n}", str(pick.choice((0, 1, 2, 7, 100, 255, 256, 1000, 2**63 - 1, 2**64, -1))), 1)
            key = pick.choice((self.party.key, self.delegate.key, bytes(32), pick.randbytes(32))).hex()
            path = path.replace("{k}", key)
            return path + pick.choice(("", "", "", "?", "&x=1", "?x=%00", "&from=1&from=2", "/", "%00", "é"))
        return "/" + pick.choice(("/", "?", "=", "&", "//", "")).join(
            pick.choice(_PIECES) for _ in range(pick.randint(1, 6))
        )

    def _request(self) -> bytes:
        pick = self.random
        method = pick.choice(_METHODS) if pick.random() < 0.3 else "GET"
        headers = "".join(f"{pick.choice(_HEADERS)}\r\n" for _ in range(pick.choice((0, 0, 0, 1, 3))))
        return f"{method} {self._path()} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode()

    def _route(self) -> None:
        data = self._request()
        if b"stream" in data.split(b"\r\n", 1)[0]:
            with socket.create_connection(("127.0.0.1", self.node.port), timeout=20) as connection:
                connection.sendall(data)
                connection.recv(1000)
            return
        answer = self._send(data.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n"), patience_s=0.3)
        if answer.startswith(b"HTTP/1.1 4") and not data.startswith(b"HEAD"):
            said = parse_answer(answer)
            if said.type.split(";")[0] != "application/problem+json":
                self._fault(f"a refusal that is no problem: {answer[:300]!r}", data)

    # POST /records

    def _post_bytes(self) -> None:
        """A good request with its bytes mutated: mostly refused by its form or its signature."""
        actor = self.random.choice((self.party, self.delegate))
        data = codec.pack([actor.sign(nil_body(self.random.randrange(1000))).wire()])
        for _ in range(self.random.randint(1, 3)):
            data = self._mutated(data)
        self._count(signed=False)
        self._send(_post(data), patience_s=0.5)

    def _count(self, *, signed: bool) -> None:
        with self.lock:
            self.report.posts += 1
            self.report.signed += signed

    def _post_mutated(self) -> None:
        """One to four batches, mutated in their bodies or heads and then signed."""
        pick = self.random
        actors = [
            pick.choice((self.party, self.party, self.delegate, Actor(self.node, self._key())))
            for _ in range(pick.randint(1, 4))
        ]
        batches = [self._batch(actor) for actor in actors]
        data = codec.pack([batch.wire() for batch in batches])
        self._count(signed=True)
        request = _post(data, parts=pick.randint(2, 9) if pick.random() < 0.1 else 0)
        self.kept = [*self.kept[-20:], request]
        answer = self._send(request)
        if not answer.startswith(b"HTTP/1.1 200 "):
            return self._fault(f"a well-formed request was not answered: {answer[:300]!r}", data)
        results = parse_answer(answer).json()["results"]
        with self.lock:
            self.report.results.update(str(result["status"]) for result in results)
        for actor in {id(actor): actor for actor in actors}.values():
            actor.next = self.node.next_of(actor.key)
        return None

    def _batch(self, actor: Actor) -> Batch:
        pick = self.random
        bodies = [self._body() for _ in range(pick.choice((1, 1, 1, 2, 3, 20)))]
        if actor.next == 0 and pick.random() < 0.8:
            bodies[0] = body("party", name="stranger")
        if pick.random() < 0.8:
            at = pick.randrange(len(bodies))
            bodies[at] = self._mutated_body(bodies[at])
        first = actor.next if pick.random() < 0.85 else max(0, actor.next + pick.choice((-5, -1, 1, 1000, 2**60)))
        size, root = 0, EMPTY_ROOT
        if pick.random() < 0.1:
            size, root = pick.choice(((1, bytes(32)), (2**63 - 1, bytes(32)), (0, bytes(32)), (3, EMPTY_ROOT)))
        return sign_batch(actor.private_key, origin=self.node.origin, size=size, root=root, first=first, bodies=bodies)

    def _body(self) -> bytes:
        """A body of any kind, its references to what is in the log; some good, some against a rule."""
        pick = self.random
        if pick.random() < 0.4:
            name = pick.choice((*_NAMES, *self.refs))
            return pick.choice((nil_body(pick.randrange(1000)), use_body(name, into_name=pick.choice(("m", "n")))))
        kind = pick.choice(list(MINIMAL))
        fields = {**pick.choice((MINIMAL, FULL))[kind], "kind": kind, "at": pick.randrange(2**40)}
        new = self._key()
        if kind == "rotate" and pick.random() < 0.95:  # a rotation ends what this worker can sign
            fields["accept"] = bytes(64)
        elif kind in ("delegate", "rotate"):
            message = (
                delegate_message(origin=self.node.origin, party=self.party.key, kinds=fields["kinds"])
                if kind == "delegate" else rotate_message(origin=self.node.origin, party=self.party.key)
            )  # fmt: skip
            fields |= {"key": new.public_key().public_bytes_raw(), "accept": new.sign(message)}
        elif kind == "revoke":
            fields["key"] = pick.choice((bytes(32), pick.randbytes(32)))
        for name, value in fields.items():
            if value == REF:
                fields[name] = pick.choice((*self.refs, REF, bytes(40)))
        return _msgpack({name: fields[name] for name in sorted(fields)})

    def _mutated_body(self, data: bytes) -> bytes:
        """The body with a field's value, its fields, their order or its bytes changed."""
        pick = self.random
        how = pick.randrange(6)
        if how == 0:
            return self._mutated(data)[:60_100] or b"\xc0"
        try:
            value = msgpack.unpackb(data)
        except Exception:  # made by a mutation before
            return data
        if not isinstance(value, dict) or not value:
            return data
        name = pick.choice(list(value))
        if how in (1, 2):
            value[name] = pick.choice((*_ODD, *value.values()))
        elif how == 3:
            value = self._deeper(value)
        elif how == 4:
            value.pop(name)
        else:
            odd = pick.choice(("zzz", "a", "", "é", "attrs", "terms", "sources", "kind", "x" * 300))
            value[odd] = pick.choice(_ODD)
            if pick.random() < 0.7:
                value = {key: value[key] for key in sorted(value)}
        return _msgpack(value)

    def _deeper(self, value: Any) -> Any:
        """The value with something inside of it changed."""
        pick = self.random
        if isinstance(value, dict) and value and pick.random() < 0.8:
            name = pick.choice(list(value))
            return {**value, name: self._deeper(value[name])}
        if isinstance(value, list) and value and pick.random() < 0.8:
            at = pick.randrange(len(value))
            return [*value[:at], self._deeper(value[at]), *value[at + 1 :]]
        if isinstance(value, bytes) and value:
            return self._mutated(value)
        return pick.choice(_ODD)


def _msgpack(value: Any) -> bytes:
    data = msgpack.packb(value, use_bin_type=True)
    return data if isinstance(data, bytes) else b""


def _post(data: bytes, *, parts: int = 0) -> bytes:
    head = b"POST /records HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/msgpack\r\n"
    if parts:
        step = max(1, len(data) // parts)
        pieces = chunked([data[at : at + step] for at in range(0, len(data), step)])
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + pieces
    return head + b"Content-Length: %d\r\n\r\n" % len(data) + data


def run(node: NodeProcess, *, seed: int, seconds: float, threads: int = 3) -> Report:
    """Fuzz a running node for so long; a third of the time is warm-up. The report's `faults` says what was wrong."""
    report, lock = Report(seed), threading.Lock()
    workers = [Worker(node, report, lock, seed, number) for number in range(threads)]
    for name in ("warm_bytes", "end_bytes"):
        until_s = time.monotonic() + seconds * (1 / 3 if name == "warm_bytes" else 2 / 3)
        running = [threading.Thread(target=worker.run, args=(until_s,)) for worker in workers]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        setattr(report, name, memory_bytes(node) if node.alive else 0)
    return report
