"""Batches and entries (design sections 3.2 and 3.3): what a submitter signs, and what the log stores of it.

A batch is a run of a key's records under one signature. Each record becomes one entry, which carries the signature and
its body's path in the batch's tree, so that it proves by itself who signed it. The first number of an entry names the
encoding and every rule by which it is judged, for ever.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import codec, ed25519, merkle
from proofs.errors import InputError, VerifyError
from proofs.records import BODY_BYTES_MAX

RULES = 1
BATCH_RECORDS_MAX = 1024
REQUEST_BATCHES_MAX = 256
REQUEST_BYTES_MAX = 8 * 1024 * 1024
ENTRY_BYTES_MAX = 65_535
_INT_MAX = codec.INT_MAX
_ENTRY_ARRAY = b"\x9a"
_POSITIONS = [codec.pack(position) for position in range(BATCH_RECORDS_MAX)]
_BIN_HEADS = [codec.pack(bytes(length))[: -length or None] for length in range(1024)]


def batch_lines(*, origin: str, size: int, root: bytes, first: int, count: int, bodies_root: bytes) -> bytes:
    """The five lines that a submitter signs, each ended by a newline (section 3.2)."""
    return (
        f"usance/batch/v1\n{origin}\n{size} {base64.b64encode(root).decode()}\n"
        f"{first} {count}\n{base64.b64encode(bodies_root).decode()}\n"
    ).encode()


def delegate_message(*, origin: str, party: bytes, kinds: Sequence[str]) -> bytes:
    """What a delegate's new key signs to accept: it binds the log, the party and the kinds (section 4)."""
    return f"usance/delegate/v1\n{origin}\n{party.hex()}\n{','.join(kinds)}\n".encode()


def rotate_message(*, origin: str, party: bytes) -> bytes:
    """What a new main key signs to accept (section 4)."""
    return f"usance/rotate/v1\n{origin}\n{party.hex()}\n".encode()


@dataclass(frozen=True)
class Batch:
    """A signed run of records.

    `key`: 32-byte Ed25519 key. `size`, `root`: the tree head that the signer verified. `first`: number of the first
    record among the key's own. `bodies`: 1 to 1,024 records as they came, in order.
    """

    key: bytes
    size: int
    root: bytes
    first: int
    signature: bytes
    bodies: tuple[bytes, ...]

    @cached_property
    def leaves(self) -> list[bytes]:
        """The leaf hashes of the batch's own tree, one a body."""
        return merkle.leaf_hashes(self.bodies)

    @cached_property
    def bodies_root(self) -> bytes:
        """RFC 6962 tree hash over the bodies."""
        return merkle.root(self.leaves)

    def lines(self, origin: str) -> bytes:
        """The bytes under the signature, for the log of this origin."""
        return batch_lines(
            origin=origin,
            size=self.size,
            root=self.root,
            first=self.first,
            count=len(self.bodies),
            bodies_root=self.bodies_root,
        )

    def check_signature(self, origin: str) -> None:
        """Raise VerifyError unless the batch's key signed exactly this run, for the log of this origin."""
        ed25519.check(self.key, self.lines(origin), self.signature)

    def entries(self) -> list[bytes]:
        """The encoded entries, in order; about 2 µs each. What the log hashes and stores.

        Put together from parts: what a batch's entries share is encoded once, and of the rest only the heads differ.
        """
        fields = [RULES, self.key, self.size, self.root, self.first, len(self.bodies)]
        head = _ENTRY_ARRAY + codec.pack(fields)[1:]  # the same fields under the head of a longer array
        signature = codec.pack(self.signature)
        join, paths, heads = b"".join, merkle.all_paths(self.leaves), _BIN_HEADS  # paths are short
        return [
            join((head, position, signature, heads[len(path)], path, _bin_head(len(body)), body))
            for position, path, body in zip(_POSITIONS, paths, self.bodies, strict=False)
        ]

    def wire(self) -> list[Any]:
        """The array that stands for this batch in a request."""
        return [RULES, self.key, self.size, self.root, self.first, self.signature, list(self.bodies)]


def sign_batch(
    private_key: Ed25519PrivateKey, *, origin: str, size: int, root: bytes, first: int, bodies: Sequence[bytes]
) -> Batch:
    """Sign a run of 1 to 1,024 record bodies. `size` and `root`: the newest head that the signer verified itself."""
    if not 1 <= len(bodies) <= BATCH_RECORDS_MAX:
        raise InputError(f"{len(bodies)} records", field="bodies", expected=f"1 to {BATCH_RECORDS_MAX} records")
    key = private_key.public_key().public_bytes_raw()
    unsigned = Batch(key, size, root, first, b"", tuple(bodies))
    return Batch(key, size, root, first, private_key.sign(unsigned.lines(origin)), unsigned.bodies)


def encode_request(batches: Sequence[Batch]) -> bytes:
    """The body of `POST /records` for these batches: 1 to 256, at most 8 MiB together. Raises InputError beyond."""
    if not 1 <= len(batches) <= REQUEST_BATCHES_MAX:
        raise InputError(f"{len(batches)} batches", field="batches", expected=f"1 to {REQUEST_BATCHES_MAX}")
    data = codec.pack([batch.wire() for batch in batches])
    if len(data) > REQUEST_BYTES_MAX:
        raise InputError(f"{len(data)} bytes", field="request", expected=f"at most {REQUEST_BYTES_MAX} bytes")
    return data


def _bin_head(length: int) -> bytes:
    """What stands before binary data of a length (at most 65,535 in an entry; larger ones are never taken)."""
    if length < len(_BIN_HEADS):
        return _BIN_HEADS[length]
    return b"\xc5" + length.to_bytes(2, "big") if length < 65_536 else b"\xc6" + length.to_bytes(4, "big")


def _is_bin(value: Any, length: int) -> bool:
    return type(value) is bytes and len(value) == length


def _is_int(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _INT_MAX


def _parse_batch(item: Any, position: int) -> Batch:
    where = f"batches.{position}"
    if type(item) is not list or len(item) != 7:
        raise InputError("not a batch", field=where, expected="[1, key, size, root, first, signature, bodies]")
    version, key, size, root, first, signature, bodies = item
    for name, good, expected in (
        ("version", type(version) is int and version == RULES, "1"),
        ("key", _is_bin(key, 32), "32 bytes"),
        ("size", _is_int(size), "an integer of 0 to 2^63-1"),
        ("root", _is_bin(root, 32), "32 bytes"),
        ("first", _is_int(first), "an integer of 0 to 2^63-1"),
        ("signature", _is_bin(signature, 64), "64 bytes"),
        ("bodies", type(bodies) is list and 1 <= len(bodies) <= BATCH_RECORDS_MAX, "an array of 1 to 1,024 bins"),
    ):
        if not good:
            raise InputError(f"wrong {name} of a batch", field=f"{where}.{name}", expected=expected)
    if not all(type(body) is bytes for body in bodies):
        raise InputError("a body is no bin", field=f"{where}.bodies", expected="an array of 1 to 1,024 bins")
    if first + len(bodies) > _INT_MAX:
        raise InputError("numbers out of range", field=f"{where}.first", expected="numbers below 2^63-1")
    return Batch(key, size, root, first, signature, tuple(bodies))


def reparse_request(data: bytes) -> list[Batch]:
    """The batches in a request that `parse_request` has accepted already, in another process; checks nothing."""
    items = codec.unpack(data, field="request")
    return [Batch(item[1], item[2], item[3], item[4], item[5], tuple(item[6])) for item in items]


def parse_request(data: bytes) -> list[Batch]:
    """The batches in the body of `POST /records`; their signatures and bodies are not judged here.

    Raises InputError (400 as a whole) for more than 8 MiB, wrong types or lengths, 0 or over 256 batches, 0 or over
    1,024 bodies, or any other than the canonical encoding.
    """
    if len(data) > REQUEST_BYTES_MAX:
        raise InputError(f"{len(data)} bytes", field="request", expected=f"at most {REQUEST_BYTES_MAX} bytes")
    items = codec.unpack_wide(
        data, field="request", items_max=2 * BATCH_RECORDS_MAX, containers_max=1 + 2 * REQUEST_BATCHES_MAX
    )
    if type(items) is not list or not 1 <= len(items) <= REQUEST_BATCHES_MAX:
        raise InputError("not a request", field="request", expected=f"an array of 1 to {REQUEST_BATCHES_MAX} batches")
    batches = [_parse_batch(item, position) for position, item in enumerate(items)]
    if codec.pack(items) != data:
        raise InputError("not in canonical form", field="request", expected="the shortest encodings")
    return batches


@dataclass(frozen=True)
class Entry:
    """One leaf of the log: a record with what proves its signer. `path`: the body's path in the batch's tree."""

    key: bytes
    size: int
    root: bytes
    first: int
    count: int
    position: int
    signature: bytes
    path: bytes
    body: bytes

    @property
    def number(self) -> int:
        """The record's number among its key's own."""
        return self.first + self.position

    def bodies_root(self) -> bytes:
        """The root of the batch's tree that body and path lead to. Raises VerifyError for a path of wrong length."""
        hashes = [self.path[i : i + 32] for i in range(0, len(self.path), 32)]
        return merkle.root_from_path(
            index=self.position, size=self.count, leaf=merkle.leaf_hash(self.body), path=hashes
        )

    def lines(self, origin: str) -> bytes:
        """The five lines that were signed, for the log of this origin."""
        return batch_lines(
            origin=origin,
            size=self.size,
            root=self.root,
            first=self.first,
            count=self.count,
            bodies_root=self.bodies_root(),
        )

    def check_signature(self, origin: str) -> None:
        """Raise VerifyError unless the entry's key signed a batch with this body at this position, for this log."""
        ed25519.check(self.key, self.lines(origin), self.signature)

    def check_place(self, index: int) -> None:
        """Raise VerifyError where no log that keeps the rules has this entry at that leaf: before its batch's first
        entry stand all of the key's earlier records, and all that its signer saw (section 3.4)."""
        before = index - self.position
        if before < 0 or self.first > before:
            raise VerifyError(
                f"record {self.number} of its key can't stand at leaf {index}", field="first",
                expected="as many entries before it as the key has earlier records",
            )  # fmt: skip
        if self.size > before or (self.size == 0 and self.root != merkle.EMPTY_ROOT):
            raise VerifyError(
                f"the signed head of size {self.size} is not the past of leaf {index}", field="size",
                expected=f"a tree head of size 0 to {before}",
            )  # fmt: skip

    def encode(self) -> bytes:
        """The entry's bytes, as hashed into the log."""
        return codec.pack(
            [RULES, self.key, self.size, self.root, self.first, self.count, self.position, self.signature, self.path,
             self.body]
        )  # fmt: skip


def parse_entry(data: bytes) -> Entry:
    """Read one entry strictly; its signature and body are not judged here. Raises InputError naming the field."""
    if len(data) > ENTRY_BYTES_MAX:
        raise InputError(f"{len(data)} bytes", field="entry", expected=f"at most {ENTRY_BYTES_MAX} bytes")
    item = codec.unpack(data, field="entry")
    if type(item) is not list or len(item) != 10:
        raise InputError("not an entry", field="entry", expected="an array of 10")
    version, key, size, root, first, count, position, signature, path, body = item
    for name, good, expected in (
        ("version", type(version) is int and version == RULES, "1; a later rule needs a later program"),
        ("key", _is_bin(key, 32), "32 bytes"),
        ("size", _is_int(size), "an integer of 0 to 2^63-1"),
        ("root", _is_bin(root, 32), "32 bytes"),
        ("first", _is_int(first), "an integer of 0 to 2^63-1"),
        ("count", type(count) is int and 1 <= count <= BATCH_RECORDS_MAX, f"1 to {BATCH_RECORDS_MAX}"),
        ("position", _is_int(position) and type(count) is int and position < count, "below count"),
        ("signature", _is_bin(signature, 64), "64 bytes"),
        ("path", type(path) is bytes and len(path) % 32 == 0 and len(path) <= 320, "0 to 10 hashes of 32 bytes"),
        ("body", type(body) is bytes and 0 < len(body) <= BODY_BYTES_MAX, f"1 to {BODY_BYTES_MAX} bytes"),
    ):
        if not good:
            raise InputError(f"wrong {name} of an entry", field=name, expected=expected)
    if first + count > _INT_MAX:
        raise InputError("numbers out of range", field="first", expected="numbers below 2^63-1")
    if codec.pack(item) != data:
        raise InputError("not in canonical form", field="entry", expected="the shortest encodings")
    return Entry(key, size, root, first, count, position, signature, path, body)
