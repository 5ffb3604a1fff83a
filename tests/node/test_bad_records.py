"""POST /records with bad requests, bodies, signatures, heads and numbers: each is refused in its place with what helps,
nothing of it is stored, and the next good request works.

After every refusal the checkpoint and the key's next number are compared with those before; after the module the node's
fixture replays the whole log and compares every row of the state.
"""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import ed25519
from proofs.entry import Batch, parse_request
from proofs.errors import InputError
from proofs.merkle import EMPTY_ROOT
from tests.node.harness import Actor, NodeProcess, body, check_problem, nil_body, use_body
from tests.node.refusals import NIL, Snapshot, goes_on, packed, refused, resigned, usage
from tests.node.signing import sign_with_nonce

# The form of the request


def wire(actor: Actor, **changed: Any) -> list[Any]:
    """A good batch's array with some parts replaced after signing."""
    batch = actor.sign(nil_body())
    names = ("version", "key", "size", "root", "first", "signature", "bodies")
    parts: dict[str, Any] = dict(zip(names, batch.wire(), strict=True))
    return list({**parts, **changed}.values())


REQUESTS: dict[str, Callable[[Actor], bytes]] = {
    "nothing": lambda actor: b"",
    "no batch": lambda actor: packed([]),
    "257 batches": lambda actor: packed([wire(actor)] * 257),
    "a batch without its array": lambda actor: packed(wire(actor)),
    "a map": lambda actor: packed({"batches": [wire(actor)]}),
    "a number": lambda actor: packed(7),
    "nil": lambda actor: packed(None),
    "a byte too many": lambda actor: packed([wire(actor)]) + b"\0",
    "a second value": lambda actor: packed([wire(actor)]) * 2,
    "a byte too few": lambda actor: packed([wire(actor)])[:-1],
    "cut in a length": lambda actor: b"\xdc\x00",
    "an unused type byte": lambda actor: b"\xc1",
    "JSON": lambda actor: json.dumps([{"kind": "none"}]).encode(),
    "another version": lambda actor: packed([wire(actor, version=2)]),
    "true for a version": lambda actor: packed([wire(actor, version=True)]),
    "a key of 31 bytes": lambda actor: packed([wire(actor, key=bytes(31))]),
    "a key as a string": lambda actor: packed([wire(actor, key="k" * 32)]),
    "a negative size": lambda actor: packed([wire(actor, size=-1)]),
    "a size of 2^63": lambda actor: packed([wire(actor, size=2**63)]),
    "true for a size": lambda actor: packed([wire(actor, size=True)]),
    "a float for a size": lambda actor: packed([wire(actor, size=0.0)]),
    "a root of 33 bytes": lambda actor: packed([wire(actor, root=bytes(33))]),
    "a negative first": lambda actor: packed([wire(actor, first=-1)]),
    "numbers past 2^63": lambda actor: packed([wire(actor, first=2**63 - 1)]),
    "a signature of 63 bytes": lambda actor: packed([wire(actor, signature=bytes(63))]),
    "no bodies": lambda actor: packed([wire(actor, bodies=[])]),
    "1,025 bodies": lambda actor: packed([wire(actor, bodies=[nil_body()] * 1025)]),
    "bodies as one": lambda actor: packed([wire(actor, bodies=nil_body())]),
    "a body as a map": lambda actor: packed([wire(actor, bodies=[NIL])]),
    "a body as a string": lambda actor: packed([wire(actor, bodies=["x"])]),
    "an eighth part": lambda actor: packed([[*wire(actor), 0]]),
    "six parts": lambda actor: packed([wire(actor)[:-1]]),
    "an ext": lambda actor: packed([msgpack.ExtType(5, b"x")]),
    "a long array format": lambda actor: b"\xdc\x00\x01" + packed(wire(actor)),
    "a uint16 that fits a byte": lambda actor: packed([wire(actor)]).replace(b"\x97\x01\xc4", b"\x97\xcd\x00\x01\xc4"),
    "a bin16 that fits a bin8": lambda actor: packed([wire(actor)]).replace(b"\xc4\x20", b"\xc5\x00\x20", 1),
    "8 MiB of empty arrays": lambda actor: b"\xdd\x00\x7f\xff\x00" + b"\x90" * 0x7FFF00,
    "deep nesting": lambda actor: b"\x91" * 100_000,
    "a good batch, then a broken one": lambda actor: packed([wire(actor), wire(actor, key=b"")]),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_malformed_request_is_refused_whole(node: NodeProcess, actor: Actor, name: str) -> None:
    """Wrong types, lengths, counts and encodings of the request are 400 for all of it, its good batches too."""
    before = Snapshot(node, actor.key)
    said = check_problem(node.post(REQUESTS[name](actor)), 400)
    assert said["field"]
    assert said["expected"]
    before.check()
    goes_on(actor)


# The form of a body

BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "body"),
    "60,001 bytes": (packed({**NIL, "x": "y" * 60_000}), "body"),
    "cut": (packed(NIL)[:-1], "body"),
    "a byte too many": (packed(NIL) + b"\0", "body"),
    "no map": (packed([1, 2]), "body"),
    "nil": (packed(None), "body"),
    "a uint16 that fits a byte": (packed({**NIL, "from": 1}).replace(b"\xa4from\x01", b"\xa4from\xcd\x00\x01"), "from"),
    "an int format for a positive number": (packed(NIL).replace(b"\xa4from\x01", b"\xa4from\xd0\x01"), "from"),
    "an int64 for a positive number": (packed(NIL).replace(b"\xcd\x01\x2c", b"\xd3" + (300).to_bytes(8, "big")),
    "until"),
    "true for an integer": (packed({**NIL, "from": True}), "from"),
    "a float": (packed({**NIL, "from": 1.0}), "from"),
    "nil for a value": (packed({**NIL, "from": None}), "from"),
    "an ext": (packed({**NIL, "from": msgpack.ExtType(1, b"x")}), "from"),
    "a negative time": (packed({**NIL, "from": -1}), "from"),
    "2^63": (packed({**NIL, "until": 2**63}), "until"),
    "unsorted keys": (packed(dict(reversed(NIL.items()))), "*"),
    "a key twice": (b"\x85\xa4from\x01" + packed(NIL)[1:], "*"),
    "a key that is a number": (b"\x85" + packed(NIL)[1:] + b"\x01\x01", "*"),
    "a key that is a bin": (b"\x85" + packed(NIL)[1:] + b"\xc4\x01z\x01", "*"),
    "an unknown field": (packed({**NIL, "zone": 1}), "zone"),
    "a missing field": (packed({name: NIL[name] for name in ("at", "from", "kind")}), "until"),
    "no time": (packed({name: NIL[name] for name in ("from", "kind", "until")}), "at"),
    "no kind": (packed({name: NIL[name] for name in ("at", "from", "until")}), "kind"),
    "an unknown kind": (packed({**NIL, "kind": "nothing"}), "kind"),
    "a kind as a bin": (packed({**NIL, "kind": b"none"}), "kind"),
    "a long string format": (packed(NIL).replace(b"\xa4none", b"\xd9\x04none"), "kind"),
    "a long map format": (b"\xde\x00\x04" + packed(NIL)[1:], "*"),
    "text that is not UTF-8": (packed(NIL).replace(b"none", b"n\xffne"), "body"),
    "an end before the begin": (packed({**NIL, "until": 0}), "until"),
    "deep nesting": (packed(usage(attrs={"a": [[[[[[[["x"]]]]]]]]})), "attrs"),
    "very deep nesting": (b"\x81\xa1a" + b"\x91" * 50_000 + b"\x01", "*"),
    "an unknown use": (packed(usage(use="read")), "use"),
    "an unknown unit": (packed(usage(quantities={"words": 1})), "quantities"),
    "no quantity": (packed(usage(quantities={})), "quantities"),
    "a quantity of 0": (packed(usage(quantities={"token": 0})), "quantities"),
    "units out of order": (packed(usage(quantities={"token": 1, "byte": 1})), "quantities"),
    "a control character": (packed(usage(call="a\x07b")), "call"),
    "a bidirectional control": (packed(usage(call="a\u202eb")), "call"),
    "an empty text": (packed(usage(call="")), "call"),
    "a text of 1,025 bytes": (packed(usage(call="x" * 1025)), "call"),
    "a name with a space": (packed(usage(asset="model:a/b c")), "asset"),
    "a reference of 39 bytes": (packed(usage(asset=bytes(39))), "asset"),
    "a reference past 2^63": (packed(usage(asset=b"\x80" + bytes(39))), "asset"),
    "half a pair": (packed(usage(items=bytes(32))), "item_count"),
    "both of two": (packed(usage(item=bytes(32), items=bytes(32), item_count=1)), "items"),
    "names without order": (packed(usage(commitment=bytes(32), names=["b", "a"])), "names"),
    "a party where the user sees": (packed(usage(party=bytes(32))), "party"),
    "no party where the provider sees": (packed(usage(seen_by="provider")), "party"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_malformed_body_is_that_batchs_422(node: NodeProcess, actor: Actor, name: str) -> None:
    """A body that breaks the form or a field rule, well signed, is 422 with its position and field; the records before
    it in its batch are not stored either."""
    data, field = BODIES[name]
    said = refused(actor, actor.sign(nil_body(1), nil_body(2), data), 422, "usance:field", position=2)
    assert field in ("*", said["field"].split(".")[0]), said
    refused(actor, actor.sign(data), 422, "usance:field", position=0)
    goes_on(actor)


# Signatures


def test_bad_signatures_are_403(node: NodeProcess, actor: Actor) -> None:
    """A flipped bit, S + L, another key, swapped or changed bodies, another number, another head: 403 signature."""
    good = actor.sign(nil_body(1), nil_body(2))
    s = int.from_bytes(good.signature[32:], "little") + ed25519.GROUP_ORDER
    flipped = bytearray(good.signature)
    flipped[3] ^= 4
    for bad in (
        resigned(good, signature=bytes(flipped)), resigned(good, signature=bytes(64)),
        resigned(good, signature=good.signature[:32] + s.to_bytes(32, "little")),
        resigned(good, signature=good.signature[32:] + good.signature[:32]),
        resigned(good, bodies=good.bodies[::-1]), resigned(good, bodies=good.bodies[:1]),
        resigned(good, bodies=(nil_body(1), nil_body(3))), resigned(good, first=good.first + 1),
        resigned(good, size=1), resigned(good, root=bytes(32)),
        resigned(good, key=Actor(node).key),
    ):  # fmt: skip
        refused(actor, bad, 403, "usance:signature", field="signature")
    assert actor.node.submit(good)[0]["status"] == 200


def test_another_logs_origin_is_403(node: NodeProcess, actor: Actor) -> None:
    """What was signed for another log counts nowhere else."""
    for origin in ("other.example/log", node.origin + "x", node.origin.upper()):
        refused(actor, actor.sign(nil_body(), origin=origin), 403, "usance:signature", field="signature")
    goes_on(actor)


@pytest.mark.parametrize("key", sorted(ed25519.SMALL_ORDER), ids=lambda key: key.hex()[:8] + key.hex()[-4:])
def test_small_order_keys_are_403(node: NodeProcess, key: bytes) -> None:
    """Under a key of small order one signature fits many messages: none of the 14 encodings is taken."""
    before = Snapshot(node, key)
    for signature in (bytes(64), key + bytes(32), (1).to_bytes(32, "little") + bytes(32)):
        [said] = node.submit(Batch(key, 0, EMPTY_ROOT, 0, signature, (body("party", name="x"),)))
        assert (said["status"], said["type"]) == (403, "usance:signature")
    before.check()


def test_edge_signatures_of_the_vectors_never_pass(node: NodeProcess, shared_dir: Path) -> None:
    """The keys and signatures of the strict vectors, put into batches, are refused: they sign other messages."""
    vectors = json.loads((shared_dir / "vectors" / "ed25519vectors.json").read_text())
    size = node.checkpoint().size
    batches = [
        Batch(bytes.fromhex(vector["key"]), 0, EMPTY_ROOT, 0, bytes.fromhex(vector["sig"]), (body("party", name="x"),))
        for vector in vectors
    ]
    for at in range(0, len(batches), 256):
        results = node.submit(*batches[at : at + 256])
        assert {(result["status"], result["type"]) for result in results} == {(403, "usance:signature")}
    assert node.checkpoint().size == size


# Heads


def test_heads_that_are_not_this_logs_past_are_422(node: NodeProcess, actor: Actor) -> None:
    """A size not reached yet, another root at a size, and the empty root at another size are 422 history."""
    now = node.checkpoint()
    for size, root in ((now.size + 1, now.root), (2**63 - 1, bytes(32)), (now.size, bytes(32)), (1, now.root),
                       (now.size, EMPTY_ROOT), (0, now.root), (0, bytes(32))):  # fmt: skip
        refused(actor, actor.sign(nil_body(), size=size, root=root), 422, "usance:history", field="root")
    batch = actor.sign(nil_body(), size=now.size, root=now.root)
    assert node.submit(batch)[0]["status"] == 200


def test_every_past_head_is_taken(node: NodeProcess, actor: Actor) -> None:
    """Whichever checkpoint of this log the signer verified last, its batch is taken."""
    seen = []
    for number in range(5):
        actor.log(nil_body(number))
        seen.append(node.checkpoint())
    for head in seen:
        assert node.submit(actor.sign(nil_body(9), size=head.size, root=head.root))[0]["status"] == 200
        actor.next += 1


# Numbers


def test_gaps_overlaps_and_repeats(node: NodeProcess, actor: Actor) -> None:
    """A gap is 409 with the next number; an overlap or another batch over used numbers is 409 and kept as a conflict;
    the same batch again gets its first answer, whatever its signature bytes."""
    first = actor.sign(nil_body(1), use_body(), nil_body(2))
    answer = actor.node.submit(first)[0]
    actor.next += 3
    for number in (actor.next + 1, actor.next + 1000, 2**62):
        said = refused(actor, actor.sign(nil_body(), first=number), 409, "usance:sequence", field="first")
        assert said["next"] == actor.next
    overlaps = [
        actor.sign(nil_body(5), first=actor.next - 1), actor.sign(nil_body(5), nil_body(6), first=actor.next - 1),
        actor.sign(nil_body(1), first=actor.next - 3), actor.sign(nil_body(1), use_body(), first=actor.next - 3),
        actor.sign(nil_body(1), use_body(), nil_body(3), first=actor.next - 3),
        actor.sign(nil_body(1), use_body(), nil_body(2), nil_body(3), first=actor.next - 3),
        actor.sign(use_body(), nil_body(2), first=actor.next - 2),
    ]  # fmt: skip
    for batch in overlaps:
        said = refused(actor, batch, 409, "usance:sequence", field="first")
        assert said["next"] == actor.next
    listed = [item for item in node.json(f"/conflicts?key={actor.key.hex()}")["conflicts"]
              if item["key"] == actor.key.hex()]  # fmt: skip
    assert [item["lines"] for item in listed] == [batch.lines(node.origin).decode() for batch in overlaps]
    before = Snapshot(node, actor.key)
    assert actor.node.submit(first)[0] == answer
    before.check()
    for number in range(30):
        refused(actor, actor.sign(nil_body(100 + number), first=0), 409, "usance:sequence")
    listed = node.json(f"/conflicts?key={actor.key.hex()}")["conflicts"]
    assert len([item for item in listed if item["key"] == actor.key.hex()]) == 16
    goes_on(actor)


def test_the_same_lines_under_another_signature_are_a_repeat(node: NodeProcess, actor: Actor) -> None:
    """Another valid signature over the same five lines is the same batch: the first answer, and no conflict."""
    seed = bytes(range(32))
    one = Actor(node, Ed25519PrivateKey.from_private_bytes(seed)).join()
    batch = one.sign(nil_body())
    answer = node.submit(batch)[0]
    other = sign_with_nonce(seed, batch.lines(node.origin), nonce=12345)
    assert other != batch.signature
    ed25519.check(one.key, batch.lines(node.origin), other)
    before = Snapshot(node, one.key)
    assert node.submit(resigned(batch, signature=other))[0] == answer
    before.check()
    assert all(item["key"] != one.key.hex() for item in node.json("/conflicts")["conflicts"])


def test_a_repeat_with_a_bad_signature_is_refused(node: NodeProcess, actor: Actor) -> None:
    """The first answer is given again only to valid signatures and the very bodies; and a conflict needs one too."""
    batch = actor.sign(nil_body())
    assert node.submit(batch)[0]["status"] == 200
    actor.next += 1
    refused(actor, resigned(batch, signature=bytes(64)), 403, "usance:signature")
    refused(actor, resigned(batch, bodies=(nil_body(9),)), 403, "usance:signature")
    assert all(item["key"] != actor.key.hex() for item in node.json("/conflicts")["conflicts"])


@pytest.mark.parametrize(
    "data",
    [b"\xdd\x00\x7f\xff\x00" + b"\x90" * 0x7FFF00, b"\x91\xdd\x00\x7f\x00\x00" + b"\x80" * 0x7F0000,
     (b"\xdc\x01\x00" + b"\xdc\x7f\x00" * 256)[:100_000] + b"\x90" * 0x7E0000, b"\x91" * 0x7F0000],
    ids=["empty arrays", "empty maps", "arrays of arrays", "nesting"],
)  # fmt: skip
def test_a_hostile_request_takes_little_memory(data: bytes) -> None:
    """8 MiB that would unpack to hundreds are refused before they do."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            parse_request(data)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()
