"""Builders for tests of the ledger: a log in a line, keys from their names, bodies with what a kind needs."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.append import Admission, Group, Ledger, Outcome, Prepared, prepare
from ledger.context import LogIdentity
from ledger.errors import Refusal
from ledger.postings import TRACED
from ledger.reader import EntryCache, Reader
from ledger.replay import Replay
from ledger.state import State
from ledger.store import MemoryStore, Store
from proofs.entry import Batch, delegate_message, parse_entry, rotate_message, sign_batch
from proofs.merkle import leaf_hash
from proofs.records import make_body
from proofs.ref import Ref
from tests.proofs import oracle

ORIGIN = "log.example/one"
AT = 1_700_000_000_000
NAME = "doi:10.1234/material"

Who = str | Ed25519PrivateKey


@cache
def key(name: str) -> Ed25519PrivateKey:
    """The same key for the same name, everywhere."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def private(who: Who) -> Ed25519PrivateKey:
    return key(who) if isinstance(who, str) else who


def public(who: Who) -> bytes:
    return private(who).public_key().public_bytes_raw()


LOG_KEY = key("the log")


def body(kind: str, **fields: Any) -> bytes:
    """A record; a trailing underscore keeps `from_`, `as_` and their like out of Python's way."""
    return make_body({"kind": kind, "at": AT, **{name.rstrip("_"): value for name, value in fields.items()}})


def party(name: str = "somebody", **fields: Any) -> bytes:
    return body("party", name=name, **fields)


def asset(name: str, **fields: Any) -> bytes:
    return body("asset", **{"type": "dataset", "name": name, **fields})


def usage(target: bytes | str = NAME, use: str = "train", **fields: Any) -> bytes:
    return body("usage", **{"asset": target, "use": use, "quantities": {"token": 5}, "from": 1, "until": 2, **fields})


def none(until: int = 2) -> bytes:
    return body("none", from_=1, until=until)


def source(target: bytes | str, relation: str = "derived_from", **fields: Any) -> dict[str, Any]:
    return {"as": relation, "asset": target, **fields}


def delegate(new: Who, of: Who, *kinds: str, origin: str = ORIGIN, **fields: Any) -> bytes:
    """A delegate record for the party of `of`, with the new key's accept."""
    named = sorted(kinds)
    accept = private(new).sign(delegate_message(origin=origin, party=public(of), kinds=named))
    return body("delegate", **{"key": public(new), "kinds": named, "accept": accept, **fields})


def rotate(new: Who, of: Who, *, origin: str = ORIGIN, **fields: Any) -> bytes:
    """A rotate record for the party of `of`, with the new key's accept."""
    accept = private(new).sign(rotate_message(origin=origin, party=public(of)))
    return body("rotate", **{"key": public(new), "accept": accept, **fields})


def revoke(which: Who, **fields: Any) -> bytes:
    return body("revoke", key=public(which), **fields)


def kept_by_replays(rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Of a log's rows those that a replay keeps: not what no rule reads."""
    lists = tuple(prefix + kind for prefix in (keys.LIST_HEAD, keys.LIST_CHUNK) for kind in TRACED)
    return {key: value for key, value in rows.items() if not key.startswith((*keys.REPLAY_DROPS, *lists))}


def all_rows(store: Store) -> dict[bytes, bytes]:
    """Every row, of every prefix."""
    return {k: v for prefix in keys.PREFIXES.values() for k, v in store.scan(prefix, keys.after(prefix))}


class Log:
    """A ledger with short ways to sign, take, commit and look. It begins with the operator's genesis."""

    def __init__(self, store: Store | None = None, *, begin: bool = True, admission: Admission | None = None) -> None:
        self.identity = LogIdentity(ORIGIN, frozenset((public(LOG_KEY),)))
        self.store: Store = MemoryStore() if store is None else store
        self.admission = admission
        self.open()
        if begin and self.size == 0:
            self.put("operator", body("genesis", origin=ORIGIN, name="operator"))

    def open(self, store: Store | None = None) -> None:
        """Start anew on the store, or on this one."""
        self.store = store or self.store
        self.ledger = Ledger(self.store, log=self.identity, admission=self.admission)

    @property
    def size(self) -> int:
        return self.ledger.size

    @property
    def root(self) -> bytes:
        return self.ledger.tree.root

    @property
    def state(self) -> State:
        return State(self.store)

    def next(self, who: Who) -> int:
        row = self.state.key(public(who))
        return 0 if row is None else row.next

    def status(self, who: Who) -> str:
        row = self.state.key(public(who))
        return "" if row is None else self.state.key_status(row)

    def sign(
        self,
        who: Who,
        *bodies: bytes,
        first: int | None = None,
        head: tuple[int, bytes] | None = None,
        origin: str = ORIGIN,
    ) -> Batch:
        """A batch at the key's next number and the present head, unless said otherwise."""
        size, root = head or (self.size, self.root)
        number = self.next(who) if first is None else first
        return sign_batch(private(who), origin=origin, size=size, root=root, first=number, bodies=bodies)

    def prepare(self, batch: Batch) -> Prepared:
        return prepare(batch, origin=ORIGIN, root_at=self.ledger.root_at)

    def take(self, batch: Batch, group: Group | None = None) -> Outcome:
        """Judge and commit one batch; with a group, leave the commit to the caller."""
        made = group or self.ledger.group()
        try:
            return made.take(self.prepare(batch))
        finally:
            if group is None:
                made.commit()

    def put(self, who: Who, *bodies: bytes, **how: Any) -> Outcome:
        return self.take(self.sign(who, *bodies, **how))

    def join(self, who: Who, *bodies: bytes, name: str = "somebody") -> Outcome:
        """A new party, with more records in the same batch."""
        return self.put(who, party(name), *bodies)

    def register(self, who: Who, name: str, **fields: Any) -> bytes:
        """A new asset; its reference."""
        return self.ref(self.put(who, asset(name, **fields)).first_index)

    def ref(self, index: int) -> bytes:
        return Ref(index, self.ledger.view().leaf(index)).pack()

    def refused(
        self, batch: Batch, status: int, problem: str, *, position: int | None = None, field: str | None = None
    ) -> Refusal:
        """Offer a batch that must be refused so, and that must leave nothing but, for used numbers, a conflict."""
        before, head = all_rows(self.store), (self.size, self.root)
        with pytest.raises(Refusal) as caught:
            self.take(batch)
        refusal = caught.value
        assert (refusal.status, refusal.type) == (status, problem), refusal.detail
        assert refusal.position == position, refusal.detail
        assert field is None or refusal.field == field, refusal.detail
        assert refusal.expected
        after = all_rows(self.store)
        changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
        assert all(status == 409 and k.startswith(keys.CONFLICT) for k in changed)
        assert (self.size, self.root) == head
        return refusal

    def rule(self, who: Who, *bodies: bytes, field: str, position: int = 0, problem: str = "usance:rule") -> Refusal:
        """A batch that a state rule must refuse."""
        return self.refused(self.sign(who, *bodies), 422, problem, position=position, field=field)

    def conflicts(self, who: Who) -> list[bytes]:
        prefix = keys.CONFLICT + public(who)
        return [value for _, value in self.store.scan(prefix, keys.after(prefix))]

    def reader(self) -> Reader:
        return Reader(self.ledger.tree.view(self.store.snapshot()), EntryCache())

    def entries(self) -> list[bytes]:
        reader = self.reader()
        return list(reader.entries(0, reader.size))

    def check(self) -> None:
        """Whatever was done: the tree is that of the entries, each entry proves its signer, and a replay agrees."""
        entries = self.entries()
        view = self.ledger.view()
        for index, data in enumerate(entries):
            assert view.leaf(index) == leaf_hash(data)
            parse_entry(data).check_signature(ORIGIN)
        replay = Replay(self.identity)
        replay.feed(entries)
        replay.finish()
        assert (replay.size, replay.root) == (self.size, self.root)


@contextmanager
def synced(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What this process syncs within the block, by path, in order."""
    seen: list[str] = []
    fsync = os.fsync

    def look(handle: int) -> None:
        seen.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    with patch.context() as patched:
        patched.setattr(os, "fsync", look)
        yield seen


@contextmanager
def level_log(path: str) -> Iterator[Log]:
    """A log on LevelDB in a new folder."""
    from ledger.leveldb import LevelStore

    store = LevelStore(path, create=True)
    log = Log(store)
    try:
        yield log
    finally:
        log.store.close()


def sign_with_nonce(signer: Ed25519PrivateKey, message: bytes, nonce: int) -> bytes:
    """A valid Ed25519 signature other than RFC 8032's own: with this nonce instead of the derived one. Slow."""
    half = hashlib.sha512(signer.private_bytes_raw()).digest()[:32]
    secret = (int.from_bytes(half, "little") & ((1 << 254) - 8)) | 1 << 254
    r = encode_point(times(nonce, BASE))
    hashed = hashlib.sha512(r + signer.public_key().public_bytes_raw() + message).digest()
    s = (nonce + int.from_bytes(hashed, "little") * secret) % GROUP_ORDER
    return r + s.to_bytes(32, "little")


def encode_point(point: oracle.Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def times(factor: int, point: oracle.Point) -> oracle.Point:
    total = (0, 1)
    while factor:
        if factor & 1:
            total = oracle.add(total, point)
        point = oracle.add(point, point)
        factor >>= 1
    return total


GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
BASE = oracle.decode_lenient((4 * pow(5, -1, oracle.P) % oracle.P).to_bytes(32, "little")) or (0, 1)
