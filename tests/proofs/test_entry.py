"""proofs.entry: what a submitter signs and what the log stores of it (design sections 3.2 and 3.3)."""

import base64
import hashlib
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs import codec, ed25519, merkle
from proofs.entry import (
    BATCH_RECORDS_MAX,
    REQUEST_BYTES_MAX,
    Batch,
    Entry,
    delegate_message,
    encode_request,
    parse_entry,
    parse_request,
    rotate_message,
    sign_batch,
)
from proofs.errors import InputError, VerifyError
from tests import strategies
from tests.proofs import oracle

ORIGIN = "log.example/one"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"submitter").digest())
BODIES = [b"body %d" % number for number in range(5)]


def batch_of(bodies: list[bytes], *, first: int = 7, size: int = 3, root: bytes = merkle.EMPTY_ROOT) -> Batch:
    return sign_batch(KEY, origin=ORIGIN, size=size, root=root, first=first, bodies=bodies)


def wire(**changes: Any) -> list[Any]:
    """A good batch's array with parts exchanged by their name."""
    names = ["version", "key", "size", "root", "first", "signature", "bodies"]
    parts = dict(zip(names, batch_of(BODIES).wire(), strict=True))
    return list({**parts, **changes}.values())


def test_the_five_lines() -> None:
    """The signed bytes are the design's five lines, letter by letter, and one Ed25519 signature is over them."""
    batch = sign_batch(KEY, origin="a.example/x", size=12, root=bytes(32), first=3, bodies=[b"a", b"b"])
    a, b = (hashlib.sha256(b"\0" + body).digest() for body in (b"a", b"b"))
    root = hashlib.sha256(b"\1" + a + b).digest()
    lines = (
        b"usance/batch/v1\na.example/x\n12 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n3 2\n"
        + base64.b64encode(root)
        + b"\n"
    )
    assert batch.lines("a.example/x") == lines
    KEY.public_key().verify(batch.signature, lines)
    assert batch.key == KEY.public_key().public_bytes_raw()


def test_accept_messages() -> None:
    """What a new key signs names its use, the log, the party in hex and, for a delegate, the kinds."""
    party = bytes(range(32))
    assert delegate_message(origin=ORIGIN, party=party, kinds=["none", "usage"]) == (
        b"usance/delegate/v1\nlog.example/one\n" + party.hex().encode() + b"\nnone,usage\n"
    )
    assert rotate_message(origin=ORIGIN, party=party) == (
        b"usance/rotate/v1\nlog.example/one\n" + party.hex().encode() + b"\n"
    )


def test_a_signature_holds_for_one_batch_on_one_log() -> None:
    """Any other origin, head, number, key, body, order or count of bodies breaks the signature."""
    batch = batch_of(BODIES)
    batch.check_signature(ORIGIN)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    flipped = bytearray(batch.signature)
    flipped[5] ^= 1
    changes: list[dict[str, Any]] = [
        {"key": other}, {"size": 4}, {"root": bytes(32)}, {"first": 8}, {"signature": bytes(flipped)},
         {"signature": bytes(64)},
        {"bodies": batch.bodies[:-1]}, {"bodies": (*batch.bodies, b"x")}, {"bodies": batch.bodies[::-1]},
        {"bodies": (b"other", *batch.bodies[1:])}, {"bodies": (batch.bodies[0] + batch.bodies[1], *batch.bodies[2:])},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(VerifyError):
            replace(batch, **change).check_signature(ORIGIN)
    for origin in ("log.example/two", "log.example/one\n", ""):
        with pytest.raises(VerifyError):
            batch.check_signature(origin)


def test_strict_signatures_only() -> None:
    """A second signature made of the first (S + L) and a key of small order are refused for batches and entries."""
    batch = batch_of([b"a"])
    s = int.from_bytes(batch.signature[32:], "little") + ed25519.GROUP_ORDER
    doubled = replace(batch, signature=batch.signature[:32] + s.to_bytes(32, "little"))
    small = Batch(bytes([1]) + bytes(31), 0, merkle.EMPTY_ROOT, 0, bytes([1]) + bytes(63), (b"a",))
    for bad in (doubled, small):
        with pytest.raises(VerifyError):
            bad.check_signature(ORIGIN)
        with pytest.raises(VerifyError):
            parse_entry(bad.entries()[0]).check_signature(ORIGIN)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 31, 255, 256, 257, 1023, 1024])
def test_each_entry_proves_its_signer(count: int) -> None:
    """Every entry of a batch of any count parses back, carries the RFC's path and proves by itself who signed it."""
    bodies = [b"body %d" % number for number in range(count)]
    batch = batch_of(bodies)
    entries = batch.entries()
    assert len(entries) == count
    for position in {0, 1 % count, count // 2, count - 1}:
        entry = parse_entry(entries[position])
        assert entry.body == bodies[position]
        assert (entry.position, entry.count, entry.number) == (position, count, 7 + position)
        assert entry.path == b"".join(oracle.path(position, bodies))
        assert entry.bodies_root() == batch.bodies_root == oracle.mth(bodies)
        entry.check_signature(ORIGIN)
        assert entry.encode() == entries[position]
        with pytest.raises(VerifyError):
            entry.check_signature("log.example/two")


@pytest.mark.parametrize("position", range(5))
def test_an_entry_proves_one_body_at_one_place(position: int) -> None:
    """Any change to one part of an entry is refused: as malformed, or because the signature doesn't hold."""
    entry = parse_entry(batch_of(BODIES).entries()[position])
    path = entry.path
    changes: list[dict[str, Any]] = [
        {"key": bytes(32)}, {"size": 4}, {"root": bytes(32)}, {"first": 8}, {"body": b"other"},
         {"signature": bytes(64)},
        {"path": path[:-32]}, {"path": path + bytes(32)},
         {"path": path[32:] + path[:32]} if len(path) > 32 else {"path": b""},
        {"path": bytes(len(path))}, {"count": 6}, {"count": 4}, {"position": (position + 1) % 5},
         {"position": 4 - position},
    ]  # fmt: skip
    for change in changes:
        changed = replace(entry, **change)
        if changed == entry:
            continue
        with pytest.raises(InputError):
            parse_entry(changed.encode()).check_signature(ORIGIN)


@given(strategies.mutated(batch_of(BODIES).entries()[2]))
def test_a_mutated_entry_is_refused(data: bytes) -> None:
    """One bit, byte or cut away from a good entry: refused, by its form or its signature."""
    with pytest.raises(InputError):
        parse_entry(data).check_signature(ORIGIN)


ENTRY = [1, bytes(32), 0, bytes(32), 0, 2, 1, bytes(64), bytes(32), b"a"]
BAD_ENTRIES = [
    (0, 2), (0, 0), (0, True), (0, "1"), (1, bytes(31)), (1, "a" * 32), (2, -1), (2, 2**63), (2, False), (2, b""),
     (3, bytes(33)),
    (3, None), (4, -1), (4, 2**63 - 2), (4, True), (5, 0), (5, 1025), (5, True), (5, 1.0), (6, 2), (6, -1), (6,
     True), (6, None),
    (7, bytes(63)), (7, bytes(65)), (8, bytes(31)), (8, bytes(352)), (8, "a" * 32), (8, []), (9, b""), (9, "a"), (9,
     {}),
    (9, bytes(60_001)),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), BAD_ENTRIES)
def test_a_malformed_entry_is_refused(place: int, value: Any) -> None:
    """Wrong types, lengths, versions, counts and positions in an entry are refused, and the part is named."""
    item = [*ENTRY[:place], value, *ENTRY[place + 1 :]]
    with pytest.raises(InputError) as caught:
        parse_entry(msgpack.packb(item, use_bin_type=True))
    names = ["version", "key", "size", "root", "first", "count", "position", "signature", "path", "body"]
    assert caught.value.field == names[place]


def test_other_things_are_no_entries() -> None:
    """Longer encodings, wrong numbers of parts, trailing bytes and too many bytes are refused."""
    good = codec.pack(ENTRY)
    parse_entry(good)
    for wrong in (b"", good + b"\0", good[:-1], codec.pack(ENTRY[:-1]), codec.pack([*ENTRY, 1]), codec.pack({"a": 1}),
                  good.replace(b"\x9a\x01", b"\x9a\xcc\x01"), b"\xdc\x00\x0a" + good[1:], b"\x91" * 2000,
                   bytes(65_536)):  # fmt: skip
        with pytest.raises(InputError):
            parse_entry(wrong)


def test_the_largest_entry_fits_a_bundle() -> None:
    """A body of 60,000 bytes in a batch of 1,024 with the largest numbers makes an entry within 65,535 bytes."""
    entry = Entry(bytes(32), 2**63 - 1, bytes(32), 2**63 - 1025, 1024, 1023, bytes(64), bytes(320), bytes(60_000))
    assert len(entry.encode()) <= 65_535
    assert parse_entry(entry.encode()) == entry


def test_requests_come_back_as_they_went() -> None:
    """1 to 256 batches encode and parse to the same batches, in order."""
    for count in (1, 2, 255, 256):
        batches = [batch_of([b"%d" % number], first=number) for number in range(count)]
        assert parse_request(encode_request(batches)) == batches
    for wrong in ([], batches * 2):
        with pytest.raises(InputError):
            encode_request(wrong)


BAD_BATCHES = [
    ("version", 2), ("version", True), ("version", "1"), ("key", bytes(31)), ("key", bytes(33)), ("key", "a" * 32),
     ("key", None),
    ("size", -1), ("size", 2**63), ("size", True), ("size", 1.0), ("size", "0"), ("root", bytes(31)), ("root",
     "a" * 32),
    ("first", -1), ("first", 2**63), ("first", 2**63 - 5), ("first", False), ("signature", bytes(63)), ("signature",
     bytes(65)),
    ("signature", "a" * 64), ("bodies", []), ("bodies", [b"a"] * 1025), ("bodies", ["a"]), ("bodies", [b"a", None]),
    ("bodies", b"a"), ("bodies", {"a": b"a"}), ("bodies", [[b"a"]]), ("bodies", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_BATCHES)
def test_a_malformed_batch_is_refused(name: str, value: Any) -> None:
    """Wrong types and lengths, and 0 or more than 1,024 bodies, are refused; batch and part are named."""
    data = msgpack.packb([batch_of(BODIES).wire(), wire(**{name: value})], use_bin_type=True)
    with pytest.raises(InputError) as caught:
        parse_request(data)
    assert caught.value.field == f"batches.1.{name}"
    assert caught.value.expected


def test_bodies_and_signatures_are_judged_later() -> None:
    """An empty, too long or senseless body and a wrong signature are the batch's own trouble, not the request's."""
    item = wire(bodies=[b"", b"\xc1", bytes(60_001)], signature=bytes(64), size=2**63 - 1, first=2**63 - 4)
    (batch,) = parse_request(codec.pack([item]))
    assert [len(body) for body in batch.bodies] == [0, 1, 60_001]


def test_other_things_are_no_requests() -> None:
    """No array, no batch, longer encodings, cut or trailing bytes, pits, bombs and over 8 MiB are refused."""
    good = encode_request([batch_of(BODIES)])
    for wrong in (b"", b"\x90", b"\xc0", b"\x01", b"\x80", good + b"\0", good[:-1], good[1:], codec.pack([1]),
     codec.pack([[]]),
                  codec.pack([wire()[:-1]]), codec.pack([[*wire(), 1]]), codec.pack([wire()] * 257), codec.pack(wire()),
                  codec.pack([dict.fromkeys("abcdefg", 1)]), b"\xdc\x00\x01" + good[1:], b"\x91" * 100_000,
                  good.replace(b"\x97\x01", b"\x97\xcc\x01"), good.replace(b"\x97\x01", b"\x97\xd0\x01"),
                  good.replace(b"\xc4\x20", b"\xc5\x00\x20", 1), b"\xdd\xff\xff\xff\xff", b"\x91\xdd\xff\xff\xff\xff",
                  bytes(REQUEST_BYTES_MAX + 1)):  # fmt: skip
        with pytest.raises(InputError):
            parse_request(wrong)
    with pytest.raises(InputError):
        encode_request([batch_of([bytes(60_000)] * 140)])


@given(strategies.mutated(encode_request([batch_of(BODIES[:2]), batch_of(BODIES[:1])])))
def test_a_mutated_request_is_refused_or_comes_back(data: bytes) -> None:
    """One bit, byte or cut away from a good request: InputError, or batches that encode to these very bytes."""
    try:
        batches = parse_request(data)
    except InputError:
        return
    assert encode_request(batches) == data
    good = 0
    for batch in batches:
        try:
            batch.check_signature(ORIGIN)
        except VerifyError:
            continue
        good += 1
    assert good < 2


def is_list_of_bins(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(item, bytes) for item in value)


@given(strategies.canonical_values.filter(lambda value: not is_list_of_bins(value)))
def test_any_value_as_a_request(value: Any) -> None:
    """Whatever MessagePack holds, a request of something else is refused with InputError."""
    for data in (msgpack.packb(value), msgpack.packb([value]), msgpack.packb([wire(bodies=value)])):
        with pytest.raises(InputError):
            parse_request(data)
        with pytest.raises(InputError):
            parse_entry(data)


@given(st.integers(1, 40), st.integers(0, 2**63 - 2000))
def test_batches_of_any_count_and_number(count: int, first: int) -> None:
    """Entries of a batch carry the numbers first … first + count - 1 in order."""
    entries = [parse_entry(data) for data in batch_of(BODIES * 8, first=first).entries()[:count]]
    assert [entry.number for entry in entries] == list(range(first, first + count))


def test_signing_keeps_the_bounds() -> None:
    """Nobody can sign a batch of 0 or of more than 1,024 records."""
    for count in (0, BATCH_RECORDS_MAX + 1):
        with pytest.raises(InputError):
            batch_of([b"a"] * count)
    assert len(batch_of([b"a"] * BATCH_RECORDS_MAX).bodies) == BATCH_RECORDS_MAX


@pytest.mark.parametrize("count", [1, 2, 3, 127, 129, 257, BATCH_RECORDS_MAX])
def test_entries_are_what_packing_them_whole_gives(count: int) -> None:
    """However entries are put together, they are the canonical encoding of their array, for bodies of every length of
    head and every position."""
    lengths = [1, 31, 32, 255, 256, 257, 1023, 1024, 1025, 60_000, 65_535, 65_536]
    batch = batch_of([bytes([at % 256]) * lengths[at % len(lengths)] for at in range(count)])
    paths = merkle.all_paths([merkle.leaf_hash(body) for body in batch.bodies])
    fields = (batch.key, batch.size, batch.root, batch.first, count)
    packed = [
        msgpack.packb([1, *fields, at, batch.signature, paths[at], batch.bodies[at]], use_bin_type=True)
        for at in range(count)
    ]
    assert batch.entries() == packed
    assert merkle.leaf_hashes(packed) == [hashlib.sha256(b"\0" + entry).digest() for entry in packed]
