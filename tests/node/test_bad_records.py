"""POST /records with bad batches, one by one and several in a request: each is refused in its place with what helps,
nothing of it is stored, and the next good request works.

After every refusal the checkpoint and the key's next number are compared with those before; after the module the node's
fixture replays the whole log and compares every row of the state.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.keyfiles import load_key
from proofs import ed25519, merkle
from proofs.entry import Batch, delegate_message, encode_request, rotate_message, sign_batch
from proofs.merkle import EMPTY_ROOT
from tests.node.harness import NOW_MS, Actor, NodeProcess, body, check_problem, nil_body, use_body
from tests.node.signing import sign_with_nonce

NIL = {"at": NOW_MS, "from": 1, "kind": "none", "until": 300}


def packed(value: Any) -> bytes:
    """MessagePack as the library writes it, in the order given, whatever our rules say."""
    data = msgpack.packb(value, use_bin_type=True, use_single_float=False)
    assert isinstance(data, bytes)
    return data


def usage(**changed: Any) -> dict[str, Any]:
    """A usage record's fields, keys in order; None leaves one out."""
    fields = {"kind": "usage", "at": NOW_MS, "asset": "model:lab/one", "use": "train", "quantities": {"token": 7},
              "from": 1, "until": 2, **{name.rstrip("_"): value for name, value in changed.items()}}  # fmt: skip
    return {name: fields[name] for name in sorted(fields) if fields[name] is not None}


class Snapshot:
    """What must not change by a refusal."""

    def __init__(self, node: NodeProcess, *keys: bytes) -> None:
        self.node, self.keys = node, keys
        self.seen = self._look()

    def _look(self) -> list[bytes]:
        paths = ["/checkpoint", *(f"/keys/{key.hex()}" for key in self.keys)]
        return [self.node.get(path).body for path in paths]

    def check(self) -> None:
        """Raise unless checkpoint and keys are as they were."""
        assert self._look() == self.seen


def refused(
    actor: Actor, batch: Batch, status: int, kind: str, *, field: str | None = None, position: int | None = None
) -> dict[str, Any]:
    """Submit a batch that must be refused so; and nothing may have changed by it."""
    before = Snapshot(actor.node, actor.key)
    [problem] = actor.node.submit(batch)
    before.check()
    assert (problem["status"], problem["type"]) == (status, kind), problem
    assert problem["title"]
    assert problem["detail"]
    assert problem.get("position") == position, problem
    if field is not None:
        assert problem.get("field") == field, problem
    assert problem["expected"], problem
    return problem


def goes_on(actor: Actor) -> None:
    """The next good request works."""
    actor.log(nil_body(actor.next))


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


def resigned(batch: Batch, **changed: Any) -> Batch:
    """The batch with parts replaced and its signature as it was."""
    parts = {name: getattr(batch, name) for name in ("key", "size", "root", "first", "signature", "bodies")}
    return Batch(**{**parts, **changed})


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


# Keys


def delegation(owner: Actor, delegate: Actor, kinds: list[str], /, **changed: Any) -> bytes:
    """A delegate record; `changed` replaces what the new key signs its acceptance over."""
    signed = {"origin": owner.node.origin, "party": owner.key, "kinds": kinds, **changed}
    accept = delegate.private_key.sign(delegate_message(**signed))
    return body("delegate", key=delegate.key, kinds=kinds, accept=accept)


def rotation(owner: Actor, new: Actor, /, **changed: Any) -> bytes:
    """A rotate record."""
    signed = {"origin": owner.node.origin, "party": owner.key, **changed}
    return body("rotate", key=new.key, accept=new.private_key.sign(rotate_message(**signed)))


def test_an_unbound_key_must_begin_as_a_party(node: NodeProcess) -> None:
    """A key's first record is `party`; anything else, a genesis too, is 403 key."""
    stranger = Actor(node)
    for first in (nil_body(), use_body(), body("genesis", origin=node.origin, name="x"), b"\xc1"):
        refused(stranger, stranger.sign(first), 403, "usance:key", position=0)
    refused(stranger, stranger.sign(nil_body(), first=1), 409, "usance:sequence", field="first")
    stranger.join()
    refused(stranger, stranger.sign(body("genesis", origin=node.origin, name="x")), 422, "usance:rule", field="kind",
            position=0)  # fmt: skip


def test_acceptances_for_something_else_are_refused(node: NodeProcess, actor: Actor) -> None:
    """An `accept` made for another party, another log, other kinds, the other use, or by another key is 422 key."""
    other, new = Actor(node).join(), Actor(node)
    kinds = ["usage"]
    as_rotation = body("delegate", key=new.key, kinds=kinds,
                       accept=new.private_key.sign(rotate_message(origin=node.origin, party=actor.key)))  # fmt: skip
    as_delegation = body("rotate", key=new.key, accept=new.private_key.sign(
        delegate_message(origin=node.origin, party=actor.key, kinds=kinds)))  # fmt: skip
    by_another = body("delegate", key=new.key, kinds=kinds, accept=other.private_key.sign(
        delegate_message(origin=node.origin, party=actor.key, kinds=kinds)))  # fmt: skip
    for record in (
        delegation(actor, new, kinds, party=other.key), delegation(actor, new, kinds, origin="other.example/log"),
        delegation(actor, new, kinds, kinds=["none"]), as_rotation, as_delegation, by_another,
        rotation(actor, new, party=other.key), rotation(actor, new, origin="other.example/log"),
    ):  # fmt: skip
        refused(actor, actor.sign(nil_body(), record), 422, "usance:key", field="accept", position=1)
    assert node.json(f"/keys/{new.key.hex()}") == {"next": 0}
    actor.log(delegation(actor, new, kinds))
    assert node.json(f"/keys/{new.key.hex()}")["party"] == actor.key.hex()


def test_a_key_is_bound_once(node: NodeProcess, actor: Actor) -> None:
    """A key that any party has or had, and the log's own, can't be bound again in any role."""
    other, delegate = Actor(node).join(), Actor(node)
    actor.log(delegation(actor, delegate, ["usage"]))
    for bound in (delegate, other, actor):
        for party in (actor, other):
            refused(party, party.sign(delegation(party, bound, ["usage"])), 422, "usance:key", field="key", position=0)
            refused(party, party.sign(rotation(party, bound)), 422, "usance:key", field="key", position=0)
    log_key = Ed25519PrivateKey.from_private_bytes(_log_seed(node))
    own = Actor(node, log_key)
    refused(actor, actor.sign(delegation(actor, own, ["usage"])), 422, "usance:key", field="key", position=0)
    refused(own, own.sign(body("party", name="The log itself")), 422, "usance:key", field="key", position=0)


def _log_seed(node: NodeProcess) -> bytes:
    return load_key(str(node.folder / "log.key")).private_bytes_raw()


def test_a_delegate_signs_what_it_may(node: NodeProcess, actor: Actor) -> None:
    """A delegate's other kinds are 403 at their position, before any other rule; never party, delegate or rotate."""
    delegate, third = Actor(node), Actor(node)
    actor.log(delegation(actor, delegate, ["none", "usage"]))
    for record in (
        body("asset", type="dataset", name="x"), body("party", name="x"), delegation(actor, third, ["usage"]),
        rotation(actor, third), body("revoke", key=actor.key), b"\xc1", packed({"kind": "x" * 500}),
    ):  # fmt: skip
        said = refused(delegate, delegate.sign(nil_body(), use_body(), record), 403, "usance:key", field="kind",
                       position=2)  # fmt: skip
        assert said["expected"] == "one of none, usage"
    bad_field_first = delegate.sign(packed({**NIL, "x": 1}), body("asset", type="dataset", name="x"))
    refused(delegate, bad_field_first, 403, "usance:key", position=1)
    goes_on(delegate)
    delegate.log(body("revoke", key=delegate.key))
    refused(delegate, delegate.sign(nil_body()), 403, "usance:key")


def test_kinds_never_delegated(node: NodeProcess, actor: Actor) -> None:
    """A delegation of genesis, party, delegate, rotate or revoke, of nothing, or out of order is 422 field."""
    for kinds in (["genesis"], ["party"], ["delegate"], ["rotate"], ["revoke"], [], ["usage", "none"],
                  ["usage", "usage"], ["nothing"]):  # fmt: skip
        delegate = Actor(node)
        accept = delegate.private_key.sign(delegate_message(origin=node.origin, party=actor.key, kinds=kinds))
        record = packed({"accept": accept, "at": NOW_MS, "key": delegate.key, "kind": "delegate", "kinds": kinds})
        refused(actor, actor.sign(record), 422, "usance:field", field="kinds", position=0)


def test_rotated_and_revoked_keys_end(node: NodeProcess, actor: Actor) -> None:
    """After a rotation the old key is 403, the new one goes on; after a revocation the party and its delegates end;
    batches taken before still get their first answer."""
    new, delegate = Actor(node), Actor(node)
    old_batch = actor.sign(nil_body(1))
    first_answer = node.submit(old_batch)[0]
    actor.next += 1
    actor.log(delegation(actor, delegate, ["none"]), rotation(actor, new))
    refused(actor, actor.sign(nil_body()), 403, "usance:key")
    refused(actor, actor.sign(nil_body(), first=actor.next + 1), 403, "usance:key")
    assert node.submit(old_batch)[0] == first_answer
    goes_on(new)
    goes_on(delegate)
    refused(new, new.sign(body("revoke", key=new.key), nil_body()), 403, "usance:key", position=1)
    refused(new, new.sign(body("revoke", key=actor.key)), 422, "usance:key", field="key", position=0)
    new.log(body("revoke", key=new.key))
    for ended in (new, delegate, actor):
        refused(ended, ended.sign(nil_body()), 403, "usance:key")
    assert node.submit(old_batch)[0] == first_answer
    assert node.json(f"/parties/{actor.key.hex()}")["ended"] is True


def test_a_batch_that_rotates_and_goes_on_is_refused(node: NodeProcess, actor: Actor) -> None:
    """Records after the one that ended their own key are 403 at their position, and the rotation isn't stored."""
    new = Actor(node)
    refused(actor, actor.sign(rotation(actor, new), nil_body()), 403, "usance:key", position=1)
    assert node.json(f"/keys/{new.key.hex()}") == {"next": 0}
    goes_on(actor)


def test_other_parties_keys_cannot_be_revoked(node: NodeProcess, actor: Actor) -> None:
    """Only a party's own active keys can be revoked by it."""
    other = Actor(node).join()
    for key in (other.key, Actor(node).key, bytes(32)):
        refused(actor, actor.sign(body("revoke", key=key)), 422, "usance:key", field="key", position=0)
    goes_on(other)


# State rules


def test_rules_that_need_the_log(node: NodeProcess, actor: Actor) -> None:
    """References to what isn't there, others' assets, and what isn't supported yet are 422 with position and field."""
    other = Actor(node).join()
    size = node.checkpoint().size
    own = actor.log(body("asset", type="dataset", name="own"))["first_index"]
    ref = _ref(node, own)
    cases: list[tuple[bytes, str]] = [
        (use_body(bytes(40)), "asset"), (use_body(size.to_bytes(8, "big") + bytes(32)), "asset"),
        (use_body(b"\x7f" + b"\xff" * 39), "asset"), (use_body(_ref(node, 0)), "asset"),
        (body("asset", type="dataset", name="x", sources=[{"as": "contains", "asset": bytes(40)}]), "sources.0.asset"),
        (body("asset", type="dataset", name="x", sources=[{"as": "contains", "asset": ref, "bps": 1}]),
        "sources.0.bps"),
        (use_body(into=bytes(40)), "into"), (use_body(into=ref), "into"), (use_body(terms=ref), "terms"),
        (use_body(claim=ref), "claim"), (body("withdraw", target=_ref(node, 0)), "target"),
        (body("terms", asset=ref, currency="EUR", offers=[]), "kind"),
        (body("grant", terms=ref, licensee=actor.key), "kind"),
        (body("accept", correction=ref), "kind"), (body("canary", root=bytes(32), count=1), "kind"),
        (body("asset", type="dataset", name="x", terms={"currency": "EUR", "offers": []}), "terms"),
    ]  # fmt: skip
    for record, field in cases:
        refused(actor, actor.sign(nil_body(), record, nil_body()), 422, "usance:rule", field=field, position=1)
    refused(other, other.sign(body("withdraw", target=ref)), 422, "usance:rule", field="target", position=0)
    refused(other, other.sign(use_body(into=ref)), 422, "usance:rule", field="into", position=0)
    goes_on(actor)


def _ref(node: NodeProcess, index: int) -> bytes:
    number, leaf = node.json(f"/records/{index}")["ref"].split(":")
    return int(number).to_bytes(8, "big") + bytes.fromhex(leaf)


def test_records_of_one_batch_do_not_refer_to_each_other(node: NodeProcess, actor: Actor) -> None:
    """A reference made by guessing where an entry of the same batch will stand is refused."""
    asset = body("asset", type="dataset", name="guessed")
    index = node.checkpoint().size
    guess = index.to_bytes(8, "big") + merkle.leaf_hash(actor.sign(asset).entries()[0])
    refused(actor, actor.sign(asset, use_body(guess)), 422, "usance:rule", field="asset", position=1)
    goes_on(actor)


def test_into_name_lists_what_is_missing(node: NodeProcess, actor: Actor) -> None:
    """An asset whose making was logged must list what it was made from; the refusal says what is missing."""
    actor.log(use_body("model:lab/base", use="distill", into_name="Student"))
    said = refused(actor, actor.sign(body("asset", type="model", name="Student")), 422, "usance:rule", field="sources",
                   position=0)  # fmt: skip
    assert "model:lab/base" in said["detail"]
    sources = [{"as": "distilled_from", "asset": "model:lab/base"}]
    actor.log(body("asset", type="model", name="Student", sources=sources))


# The order of checks, and several batches in one request


def test_the_order_of_checks(node: NodeProcess, actor: Actor) -> None:
    """Of a batch with many faults the first in the order of section 3.4 answers; mending them one by one shows each."""
    delegate = Actor(node)
    actor.log(delegation(actor, delegate, ["none", "usage"]))
    bad_head = {"size": 1, "root": bytes(32)}
    bad_field, other_kind = packed({**NIL, "x": 1}), body("asset", type="dataset", name="x")
    rule = use_body(bytes(40))
    delegate.log(nil_body())
    faults = delegate.sign(bad_field, other_kind, rule, first=0, **bad_head)
    refused(delegate, resigned(faults, signature=bytes(64)), 403, "usance:signature")
    refused(delegate, faults, 409, "usance:sequence")
    refused(delegate, delegate.sign(bad_field, other_kind, rule, first=9, **bad_head), 409, "usance:sequence")
    refused(delegate, delegate.sign(bad_field, other_kind, rule, **bad_head), 403, "usance:key", position=1)
    refused(delegate, delegate.sign(bad_field, rule, **bad_head), 422, "usance:history")
    refused(delegate, delegate.sign(rule, bad_field), 422, "usance:field", position=1)
    refused(delegate, delegate.sign(rule, nil_body()), 422, "usance:rule", position=0)
    goes_on(delegate)
    stranger = Actor(node)
    refused(stranger, stranger.sign(bad_field, first=1, **bad_head), 409, "usance:sequence")
    refused(stranger, stranger.sign(bad_field, **bad_head), 403, "usance:key", position=0)
    actor.log(body("revoke", key=delegate.key))
    refused(delegate, delegate.sign(bad_field, first=0, **bad_head), 409, "usance:sequence")
    refused(delegate, delegate.sign(bad_field, other_kind, first=99, **bad_head), 403, "usance:key")


def test_each_batch_of_a_request_is_judged_after_those_before_it(node: NodeProcess) -> None:
    """Batches of one request are taken in order: later ones see what earlier ones did, refused ones leave nothing."""
    party, delegate, lab = Actor(node), Actor(node), Actor(node)
    joined = party.sign(body("party", name="P"))
    party.next = 1
    refused_then = party.sign(nil_body(), packed({**NIL, "x": 1}))
    delegated = party.sign(delegation(party, delegate, ["none"]))
    party.next = 2
    batches = [
        delegate.sign(nil_body()),  # not bound yet
        joined,
        party.sign(nil_body()),  # a gap, until the next two are taken
        refused_then,
        delegated,
        delegate.sign(nil_body(3)),
        joined,  # a repeat
        party.sign(nil_body(), first=0),  # a conflict
        lab.sign(nil_body()),  # a stranger
        party.sign(body("revoke", key=delegate.key)),
        delegate.sign(nil_body(), first=1),  # revoked by the batch before
        resigned(lab.sign(body("party", name="L")), signature=bytes(64)),
        lab.sign(body("party", name="L")),
    ]
    size = node.checkpoint().size
    results = node.submit(*batches)
    assert [(result["status"], result.get("type", "")) for result in results] == [
        (403, "usance:key"), (200, ""), (409, "usance:sequence"), (422, "usance:field"), (200, ""), (200, ""),
        (200, ""),
        (409, "usance:sequence"), (403, "usance:key"), (200, ""), (403, "usance:key"), (403, "usance:signature"),
        (200, ""),
    ]  # fmt: skip
    taken = [result["first_index"] for result in results if result["status"] == 200]
    assert taken == [size, size + 1, size + 2, size, size + 3, size + 4]
    assert node.checkpoint().size == size + 5
    assert (node.next_of(party.key), node.next_of(delegate.key), node.next_of(lab.key)) == (3, 1, 1)


def test_only_listed_parties_are_admitted(make_node: Callable[..., NodeProcess]) -> None:
    """Where admission is listed, others are 403 key, their delegates too, after numbers and before kinds and heads."""
    listed_key, other_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    listed = listed_key.public_key().public_bytes_raw().hex()
    node = make_node(mode="listed", parties=[listed])
    one, other = Actor(node, listed_key).join(), Actor(node, other_key)
    refused(other, other.sign(body("party", name="x")), 403, "usance:key")
    refused(other, other.sign(body("party", name="x"), size=1, root=bytes(32)), 403, "usance:key")
    refused(other, other.sign(nil_body()), 403, "usance:key", position=0)
    delegate = Actor(node)
    one.log(delegation(one, delegate, ["none"]))
    goes_on(delegate)


def test_a_batch_signed_at_a_head_of_the_same_size_of_another_log(
    node: NodeProcess, make_node: Callable[..., NodeProcess]
) -> None:
    """A log of the same origin started anew doesn't take what was signed on the first: its history is another."""
    twin = make_node(origin=node.origin)
    key = Ed25519PrivateKey.generate()
    here, there = Actor(node, key).join(), Actor(twin, key).join()
    head = twin.checkpoint()
    refused(here, here.sign(nil_body(), size=head.size, root=head.root), 422, "usance:history", field="root")
    signed = sign_batch(key, origin=node.origin, size=head.size, root=head.root, first=1, bodies=[nil_body()])
    assert twin.submit(signed)[0]["status"] == 200
    assert node.post(encode_request([signed])).json()["results"][0]["type"] == "usance:history"
    assert there.key == here.key
