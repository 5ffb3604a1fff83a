"""POST /records with batches that keys, rules or the order of checks refuse; see test_bad_records.py."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.keyfiles import load_key
from proofs import merkle
from proofs.entry import delegate_message, encode_request, rotate_message, sign_batch
from tests.node.harness import NOW_MS, Actor, NodeProcess, body, nil_body, use_body
from tests.node.refusals import NIL, delegation, goes_on, packed, refused, resigned, rotation

# Keys


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
    """References to what isn't there or is another's, wrong shares and terms are 422 with position and
    field."""
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
        (use_body(into=bytes(40)), "into"), (use_body(into=ref), "into"),
        (use_body(claim=ref), "claim"), (body("withdraw", target=_ref(node, 0)), "target"),
        (body("terms", asset=bytes(40), currency="EUR", offers=[]), "asset"),
        (body("terms", asset=ref, currency="EUR", offers=[], arbiter=bytes(32)), "arbiter"),
        (body("grant", terms=ref, licensee=actor.key), "terms"),
        (body("accept", correction=ref), "correction"),
        (body("canary", asset=bytes(40), root=bytes(32), count=1), "asset"),
        (body("asset", type="dataset", name="x", terms={"currency": "EUR", "offers": [], "arbiter": bytes(32)}),
         "terms.arbiter"),
    ]  # fmt: skip
    for record, field in cases:
        refused(actor, actor.sign(nil_body(), record, nil_body()), 422, "usance:rule", field=field, position=1)
    refused(actor, actor.sign(use_body(terms=ref)), 422, "usance:terms", field="terms", position=0)
    refused(other, other.sign(body("withdraw", target=ref)), 422, "usance:rule", field="target", position=0)
    refused(other, other.sign(body("terms", asset=ref, currency="EUR", offers=[])), 422, "usance:rule", field="asset",
            position=0)  # fmt: skip
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
