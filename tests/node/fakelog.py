"""A log in memory behind a small HTTP server in this process: as honest as a node until a test makes it lie."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.accountquery import AccountQuery
from ledger.append import Ledger, Outcome, prepare
from ledger.context import LogIdentity
from ledger.errors import Refusal
from ledger.postings import Account
from ledger.query import Query
from ledger.reader import EntryCache, Reader
from ledger.state import State
from ledger.store import MemoryStore
from node import moneyviews
from proofs.checkpoint import log_vkey, sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.entry import parse_request, sign_batch
from proofs.errors import InputError
from proofs.merkle import EMPTY_ROOT
from proofs.records import make_body
from proofs.text import encode_base64
from proofs.tiles import parse_tile_path
from proofs.tlogproof import TlogProof, format_tlog_proof
from tests.loopback import Handler, listening

ORIGIN = "log.example/fake"
NOW_MS = 1_700_000_000_000

Answer = tuple[int, str, bytes]
JSON = "application/json"
PROBLEM = "application/problem+json"
Hook = Callable[[str, str, bytes, Answer], Answer | None]


class FakeLog:
    """The log itself. `hook(method, path, body, answer)`: gives another answer, or None to drop the connection;
    `requests`: method, path and body of everything that was asked; `cut`: bytes that the next answer lacks when its
    connection is lost."""

    def __init__(self, *, operator: Ed25519PrivateKey | None = None, key: Ed25519PrivateKey | None = None) -> None:
        self.key = key or Ed25519PrivateKey.generate()
        self.vkey = log_vkey(origin=ORIGIN, public_key=public_bytes(self.key))
        self.ledger = Ledger(MemoryStore(), log=LogIdentity(ORIGIN, frozenset((self.vkey.key,))))
        self.hook: Hook = lambda method, path, body, answer: answer
        self.requests: list[tuple[str, str, bytes]] = []
        self.cut = 0
        self.lock = threading.Lock()
        self.url = ""
        genesis = make_body({"kind": "genesis", "at": NOW_MS, "origin": ORIGIN, "name": "Operator"})
        self.log(operator or Ed25519PrivateKey.generate(), 0, [genesis])

    def log(self, key: Ed25519PrivateKey, first: int, bodies: list[bytes]) -> Outcome:
        """Log a batch without HTTP."""
        head = (self.ledger.size, self.ledger.tree.root) if self.ledger.size else (0, EMPTY_ROOT)
        batch = sign_batch(key, origin=ORIGIN, size=head[0], root=head[1], first=first, bodies=bodies)
        return self._take(batch)

    def join(self, key: Ed25519PrivateKey, name: str = "Lab") -> None:
        """Make a key a party."""
        self.log(key, 0, [make_body({"kind": "party", "at": NOW_MS, "name": name})])

    def _take(self, batch) -> Outcome:
        group = self.ledger.group()
        try:
            return group.take(prepare(batch, origin=ORIGIN, root_at=self.ledger.root_at))
        finally:
            group.commit()

    @property
    def reader(self) -> Reader:
        """What readers see."""
        return Reader(self.ledger.view(), EntryCache())

    def checkpoint(self, size: int | None = None, root: bytes | None = None) -> bytes:
        """A signed checkpoint, of the present tree unless told."""
        size = self.ledger.size if size is None else size
        root = self.reader.root_at(size) if root is None else root
        return sign_checkpoint(origin=ORIGIN, size=size, root=root, private_key=self.key)

    def proof(self, index: int) -> bytes:
        """The proof file of an entry at the present size."""
        path = tuple(self.reader.inclusion(index, self.ledger.size))
        return format_tlog_proof(TlogProof(index, path, self.checkpoint(), self.reader.entry(index)))

    def answer(self, method: str, path: str, body: bytes) -> Answer | None:
        """What a request gets, after the hook."""
        with self.lock:
            self.requests.append((method, path, body))
            try:
                honest = self._honest(method, path, body)
            except InputError as error:
                honest = 400, PROBLEM, json.dumps({"type": "about:blank", "detail": error.detail}).encode()
            return self.hook(method, path, body, honest)

    def _honest(self, method: str, path: str, body: bytes) -> Answer:
        parts = urlsplit(path)
        args = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if method == "POST" and parts.path == "/records":
            return self._records(body)
        if parts.path == "/checkpoint":
            return 200, "text/plain", self.checkpoint()
        if parts.path == "/consistency":
            hashes = self.reader.consistency(int(args["from"]), int(args["to"]))
            return 200, "text/plain", "".join(encode_base64(item) + "\n" for item in hashes).encode()
        if parts.path.startswith("/keys/"):
            state = State(self.ledger.store)
            row = state.key(bytes.fromhex(parts.path[6:]))
            value: dict[str, object] = {"next": 0}
            if row is not None:
                status = state.key_status(row)
                value = {"party": row.party.hex(), "next": row.next, "role": row.role, "status": status}
            return 200, JSON, json.dumps(value).encode()
        if parts.path.startswith("/proof/"):
            return 200, "text/plain", self.proof(int(parts.path[7:]))
        if parts.path.startswith("/tile/"):
            tile = parse_tile_path(parts.path[1:])
            if tile.level is None:
                return 200, "application/octet-stream", self.reader.bundle(tile.index, tile.width)
            return 200, "application/octet-stream", self.reader.tile(tile.level, tile.index, tile.width)
        if parts.path.startswith("/accounts/"):
            return 200, JSON, json.dumps(self._account(parts.path.split("/")[2:], args)).encode()
        return 404, PROBLEM, b'{"type":"about:blank","detail":"no such route"}'

    def _account(self, path: list[str], args: dict[str, str]) -> dict:
        """An account, or its draft, by the node's own views."""
        query = Query(self.reader)
        account = Account(bytes.fromhex(path[0]), bytes.fromhex(path[1]), path[2])
        if path[3:] == ["draft"]:
            return moneyviews.draft(AccountQuery(query).draft(account, int(args["to"])))
        return moneyviews.balance(query, AccountQuery(query).balance(account))

    def _records(self, body: bytes) -> Answer:
        results: list[dict] = []
        count = 0
        for batch in parse_request(body):
            try:
                taken = self._take(batch)
            except Refusal as error:
                row = {"status": error.status, "type": error.type, "detail": error.detail, "position": error.position}
                results.append({**row, "field": error.field, "expected": error.expected, **error.extra})
            else:
                count += taken.count
                results.append(
                    {"status": 200, "first_index": taken.first_index, "count": taken.count, "statuses": taken.statuses}
                )
        value: dict = {"results": results, "checkpoint": self.checkpoint().decode()}
        if len(results) == 1 and count == 1:
            value["proof"] = self.proof(results[0]["first_index"]).decode()
        return 200, JSON, json.dumps(value).encode()


@contextmanager
def serving(log: FakeLog) -> Iterator[FakeLog]:
    """Serve the log on a free port for the time of the block."""

    class Answering(Handler):
        def do_GET(self) -> None:
            answer = log.answer(self.command, self.path, self.body())
            if answer is None:
                self.close_connection = True
                return
            lost, log.cut = log.cut, 0
            self.reply(*answer, lost=lost)

        do_POST = do_GET

    with listening(Answering) as log.url:
        yield log
