"""ledger.parties: a key is bound once, for ever, to one party in one role (design section 4)."""

from pathlib import Path

import pytest

from ledger.errors import Refusal
from ledger.leveldb import LevelStore
from proofs.entry import delegate_message, rotate_message
from proofs.records import make_body
from tests.ledger.support import (
    AT,
    ORIGIN,
    Log,
    asset,
    body,
    delegate,
    key,
    none,
    party,
    public,
    revoke,
    rotate,
    usage,
)

KEY = "usance:key"


@pytest.fixture
def log() -> Log:
    """A log with two parties, `lab` and `other`; `agent` signs `none` for the lab."""
    made = Log()
    made.join("lab", delegate("agent", "lab", "none"), name="Lab")
    made.join("other", name="Other")
    return made


def test_genesis_binds_the_operators_party() -> None:
    """The genesis is the operator's party record: name, key, number."""
    log = Log()
    row = log.state.party(public("operator"))
    assert row is not None
    assert (row.name, row.profile, row.main, row.ended) == ("operator", 0, public("operator"), False)
    found = log.state.key(public("operator"))
    assert found is not None
    assert (found.party, found.role, found.status, found.next, found.bound) == (
        public("operator"),
        "main",
        "active",
        1,
        0,
    )
    log.put("operator", party("another name"))
    row = log.state.party(public("operator"))
    assert row is not None
    assert (row.name, row.profile) == ("another name", 1)


def test_a_party_updates_itself(log: Log) -> None:
    """The current main key may send `party` again, after a rotation the new one; delegates never."""
    log.put("lab", party("Lab 2"), none(), party("Lab 3"))
    row = log.state.party(public("lab"))
    assert row is not None
    assert (row.name, row.profile) == ("Lab 3", log.size - 1)
    log.put("lab", rotate("lab-2", "lab"))
    log.put("lab-2", party("Lab 4"))
    row = log.state.party(public("lab"))
    assert row is not None
    assert (row.name, row.main) == ("Lab 4", public("lab-2"))
    assert log.state.party(public("lab-2")) is None
    log.refused(log.sign("agent", party("Agent")), 403, KEY, position=0, field="kind")
    log.check()


def test_every_key_ever_bound_is_listed(log: Log) -> None:
    """The party's keys are its first, its delegates and its later main keys, ended ones too."""
    log.put("lab", revoke("agent"), delegate("agent-2", "lab", "usage"), rotate("lab-2", "lab"))
    assert set(log.state.party_keys(public("lab"))) == {public(who) for who in ("lab", "agent", "agent-2", "lab-2")}
    assert set(log.state.party_keys(public("other"))) == {public("other")}
    assert {who: log.status(who) for who in ("lab", "agent", "agent-2", "lab-2")} == {
        "lab": "rotated", "agent": "revoked", "agent-2": "active", "lab-2": "active",
    }  # fmt: skip


def accepts(new: str, *, delegate: bool) -> dict[str, bytes]:
    """Signatures of the new key that must not do for a delegate of, or a rotation by, the lab."""
    lab, other = public("lab"), public("other")
    kinds = ["none", "usage"]
    texts = {
        "another party": (delegate_message(origin=ORIGIN, party=other, kinds=kinds), rotate_message(origin=ORIGIN,
        party=other)),
        "another log": (delegate_message(origin="log.example/two", party=lab, kinds=kinds),
                        rotate_message(origin="log.example/two", party=lab)),
        "the other use": (rotate_message(origin=ORIGIN, party=lab), delegate_message(origin=ORIGIN, party=lab,
        kinds=kinds)),
        "another rotation": (b"", rotate_message(origin=ORIGIN, party=public("lab-0"))),
        "other kinds": (delegate_message(origin=ORIGIN, party=lab, kinds=["none"]), b""),
        "more kinds": (delegate_message(origin=ORIGIN, party=lab, kinds=["none", "usage", "withdraw"]), b""),
        "no kinds": (delegate_message(origin=ORIGIN, party=lab, kinds=[]), delegate_message(origin=ORIGIN, party=lab,
        kinds=[])),
    }  # fmt: skip
    place = 0 if delegate else 1
    return {name: key(new).sign(text[place]) for name, text in texts.items()}


@pytest.mark.parametrize("name", accepts("new", delegate=True))
def test_a_delegate_accepts_this_log_party_and_kinds(log: Log, name: str) -> None:
    """The new key's signature over anything but this origin, party and list of kinds is no accept (422 key)."""
    wrong = accepts("new", delegate=True)[name]
    log.rule("lab", delegate("new", "lab", "none", "usage", accept=wrong), field="accept", problem=KEY)
    log.put("lab", delegate("new", "lab", "none", "usage"))


@pytest.mark.parametrize("name", accepts("new", delegate=False))
def test_a_new_main_key_accepts_this_log_and_party(log: Log, name: str) -> None:
    """The new key's signature over anything but this origin and party is no accept of a rotation."""
    wrong = accepts("new", delegate=False)[name]
    log.rule("lab", rotate("new", "lab", accept=wrong), field="accept", problem=KEY)
    log.put("lab", rotate("new", "lab"))


def test_an_accept_is_strict(log: Log) -> None:
    """Another key's signature, one of S + L and a key of small order are no accepts."""
    text = rotate_message(origin=ORIGIN, party=public("lab"))
    good = key("new").sign(text)
    s = int.from_bytes(good[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    small = bytes([1]) + bytes(31)
    for wrong in ({"accept": key("lab").sign(text)}, {"accept": good[:32] + s.to_bytes(32, "little")},
    {"accept": bytes(64)},
                  {"key": small, "accept": small + bytes(32)}, {"key": public("newer"), "accept": good}):  # fmt: skip
        log.rule("lab", rotate("new", "lab", **wrong), field="accept", problem=KEY)


@pytest.mark.parametrize("bound", ["lab", "agent", "other", "operator", "lab-0", "gone"])
def test_a_key_is_bound_once(log: Log, bound: str) -> None:
    """A key that is or was a main key or a delegate of any party can't be bound again, in either role (422 key)."""
    log.put("lab", delegate("gone", "lab", "none"), revoke("gone"))
    log.join("third", name="Third")
    log.put("third", rotate("lab-0", "third"))
    for made in (delegate(bound, "lab", "none"), rotate(bound, "lab")):
        log.rule("lab", made, field="key", problem=KEY)


def test_a_key_bound_in_the_same_batch_is_bound(log: Log) -> None:
    """Two records of one batch, or two batches of one group, can't bind the same key."""
    log.rule("lab", delegate("new", "lab", "none"), rotate("new", "lab"), field="key", position=1, problem=KEY)
    group = log.ledger.group()
    log.take(log.sign("lab", delegate("new", "lab", "none")), group)
    for batch in (log.sign("other", rotate("new", "other")), log.sign("new", party(), first=0)):
        with pytest.raises(Refusal):
            log.take(batch, group)
    group.commit()
    assert log.state.key(public("new")).party == public("lab")
    log.check()


def test_a_bound_key_founds_no_party(log: Log) -> None:
    """A delegate or a new main key that sends `party` makes no party of its own."""
    log.put("lab", rotate("lab-2", "lab"))
    log.refused(log.sign("agent", party("mine")), 403, KEY, position=0)
    log.put("lab-2", party("Lab again"))
    assert log.state.party(public("lab-2")) is None


def test_rotation_keeps_what_the_party_has(log: Log) -> None:
    """Assets, delegates and the party's name for ever stay through a chain of rotations."""
    owned = log.register("lab", "corpus")
    for old, new in (("lab", "lab-2"), ("lab-2", "lab-3"), ("lab-3", "lab-4")):
        log.put(old, rotate(new, "lab"))
        log.refused(log.sign(old, none()), 403, KEY)
        assert log.state.party(public("lab")).main == public(new)
    log.put("agent", none())
    log.put("lab-4", body("withdraw", target=owned))
    log.put("lab-4", revoke("agent"))
    log.refused(log.sign("agent", none()), 403, KEY)
    assert [log.status(who) for who in ("lab", "lab-2", "lab-3", "lab-4")] == ["rotated"] * 3 + ["active"]
    log.check()


@pytest.mark.parametrize("which", ["unknown", "other", "other-agent", "operator", "lab-0", "gone"])
def test_only_active_keys_of_the_party_are_revoked(log: Log, which: str) -> None:
    """An unbound key, another party's, a rotated or an already revoked one can't be revoked (422 key)."""
    log.put("lab", rotate("lab-2", "lab"))
    log.put("other", delegate("other-agent", "other", "none"))
    log.put("lab-2", delegate("gone", "lab", "none"), revoke("gone"))
    log.rule("lab-2", revoke("lab" if which == "lab-0" else which), field="key", problem=KEY)


def test_a_delegate_ends_itself_but_nobody_else(log: Log) -> None:
    """A delegate may revoke itself; its party's main key or another delegate it may not (403)."""
    log.put("lab", delegate("agent-2", "lab", "none", "usage"))
    for which in ("lab", "agent-2", "other", "unknown"):
        log.refused(log.sign("agent", revoke(which)), 403, KEY, position=0, field="kind")
    log.put("agent", revoke("agent"))
    log.refused(log.sign("agent", none()), 403, KEY)
    log.put("agent-2", usage())
    log.check()


def test_the_main_keys_end_is_the_partys(log: Log) -> None:
    """With its current main key the party and all its delegates end; nobody signs for it again,
    nobody is bound to it."""
    log.put("lab", delegate("agent-2", "lab", "usage"), revoke("lab", reason="lost"))
    assert log.state.party(public("lab")).ended
    for who, record in (
        ("lab", none()),
        ("agent", none()),
        ("agent-2", usage()),
        ("lab", party()),
        ("agent", revoke("agent")),
    ):
        assert log.status(who) == "revoked"
        log.refused(log.sign(who, record), 403, KEY)
    log.open()
    log.refused(log.sign("agent", none()), 403, KEY)
    log.put("other", none())
    log.check()


def test_a_rotated_partys_end(log: Log) -> None:
    """After a rotation it is the new main key whose revocation ends the party."""
    log.put("lab", rotate("lab-2", "lab"))
    log.rule("lab-2", revoke("lab"), field="key", problem=KEY)
    log.put("lab-2", revoke("lab-2"))
    assert log.state.party(public("lab")).ended
    assert [log.status(who) for who in ("lab", "lab-2", "agent")] == ["rotated", "revoked", "revoked"]


def test_an_ended_partys_keys_stay_bound(log: Log) -> None:
    """A key of a party that has ended can't begin anew elsewhere."""
    log.put("lab", revoke("lab"))
    for which in ("lab", "agent"):
        log.rule("other", rotate(which, "other"), field="key", problem=KEY)
        log.rule("other", delegate(which, "other", "none"), field="key", problem=KEY)
    log.refused(log.sign("agent", party(), first=0), 403, KEY)


def test_delegates_act_for_their_party(log: Log) -> None:
    """What a delegate registers is its party's; what another party registers isn't."""
    log.put("lab", delegate("clerk", "lab", "asset", "withdraw"))
    made = log.ref(log.put("clerk", asset("corpus")).first_index)
    index = int.from_bytes(made[:8], "big")
    assert log.state.asset(index).party == public("lab")
    log.rule("other", body("withdraw", target=made), field="target")
    log.put("lab", body("withdraw", target=made))
    log.check()


def test_state_outlives_the_process(tmp_path: Path) -> None:
    """Roles, numbers, kinds and ends are the same after the database was closed and opened again."""
    path = str(tmp_path / "db")
    log = Log(LevelStore(path, create=True))
    log.join("lab", delegate("agent", "lab", "none", "usage"), delegate("agent-2", "lab", "none"))
    log.put("agent", none(), usage())
    log.put("lab", revoke("agent-2"), rotate("lab-2", "lab"))
    before = [log.state.key(public(who)) for who in ("operator", "lab", "lab-2", "agent", "agent-2")]
    log.store.close()
    log.open(LevelStore(path))
    assert [log.state.key(public(who)) for who in ("operator", "lab", "lab-2", "agent", "agent-2")] == before
    assert before[3].kinds == ("none", "usage")
    assert before[3].next == 2
    log.put("agent", none())
    log.refused(log.sign("agent-2", none()), 403, KEY)
    log.check()
    log.store.close()


def test_times_are_not_judged(log: Log) -> None:
    """`at` is the signer's own clock: a record may be older than the one before it."""
    log.put("lab", make_body({"kind": "none", "at": AT + 10**9, "from": 1, "until": 2}))
    log.put("lab", make_body({"kind": "none", "at": 0, "from": 1, "until": 2}))


def test_new_keys_in_a_batch_are_bounded(log: Log) -> None:
    """Sixteen new keys in one batch are taken; a seventeenth refuses it, before any of their signatures is checked."""
    log.put("lab", *(delegate(f"helper {i}", "lab", "none") for i in range(16)))
    more = [delegate(f"other {i}", "lab", "none", accept=bytes(64)) for i in range(17)]
    log.refused(log.sign("lab", *more), 422, "usance:rule", position=16, field="accept")
