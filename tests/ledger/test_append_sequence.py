"""ledger.append: exactly once, no gaps, and the order in which a batch is judged (design section 3.4)."""

import itertools
from collections.abc import Mapping

import pytest

from ledger import append, keys
from ledger.append import Ledger
from ledger.errors import Refusal, StartupError, StorageError
from ledger.store import MemoryStore
from ledger.tree import HEAD_KEY
from proofs import codec, merkle
from proofs.entry import Batch, parse_request, sign_batch
from tests.ledger.support import (
    AT,
    LOG_KEY,
    NAME,
    ORIGIN,
    Log,
    all_rows,
    body,
    delegate,
    key,
    none,
    party,
    public,
    revoke,
    rotate,
    sign_with_nonce,
    usage,
)

BAD_FIELD = codec.encode({"kind": "none", "at": AT, "from": 2, "until": 1})
BAD_STATE = usage((5).to_bytes(8, "big") + bytes(32))


@pytest.fixture
def log() -> Log:
    """A log with the party of `lab`, whose number 0 is used."""
    made = Log()
    made.join("lab")
    return made


def test_numbers_are_taken_in_order(log: Log) -> None:
    """Each batch at the key's next number is taken; its entries stand where the answer says, in order."""
    for count in (1, 3, 1, 300):
        size, number = log.size, log.next("lab")
        outcome = log.put("lab", *[none(2 + n) for n in range(count)])
        assert (outcome.first_index, outcome.count, outcome.repeated) == (size, count, False)
        assert outcome.statuses == ["logged"] * count
        assert log.next("lab") == number + count
    log.check()


# Each defect, in the order in which the checks run, with its status, type and a word of its detail.
DEFECTS = {
    "signature": (403, "usance:signature", ""),
    "used": (409, "usance:sequence", "used"),
    "revoked": (403, "usance:key", "revoked"),
    "gap": (409, "usance:sequence", "gap"),
    "unbound": (403, "usance:key", "not bound"),
    "admission": (403, "usance:key", "not admitted"),
    "kind": (403, "usance:key", "may not sign"),
    "head": (422, "usance:history", "past"),
    "fields": (422, "usance:field", "ends before"),
    "state": (422, "usance:rule", "no asset"),
}
NEVER_TOGETHER = ({"used", "gap"}, {"unbound", "used"}, {"unbound", "revoked"}, {"unbound", "kind"})


def with_defects(defects: set[str]) -> tuple[Log, Batch]:
    """A log and a batch with these defects and no others."""
    log = Log()
    log.join("lab", delegate("agent", "lab", "none"))
    log.put("agent", none())
    who = "stranger" if "unbound" in defects else "agent" if "kind" in defects else "lab"
    if "revoked" in defects:
        log.put("lab", revoke(who))
    if "admission" in defects:
        log.ledger.admission = lambda _: False
    bodies = [BAD_STATE if "state" in defects else usage() if {"kind", "unbound"} & defects else none(9)]
    if "fields" in defects:
        bodies += [none(9), BAD_FIELD]
    first = 0 if "used" in defects else log.next(who) + ("gap" in defects)
    head = (log.size, bytes(32)) if "head" in defects else None
    batch = log.sign(who, *bodies, first=first, head=head)
    if "signature" in defects:
        batch = Batch(batch.key, batch.size, batch.root, batch.first, batch.signature[:-1] + b"\x01", batch.bodies)
    return log, batch


@pytest.mark.parametrize("pair", [*itertools.combinations(DEFECTS, 2), *((name,) for name in DEFECTS)], ids="+".join)
def test_the_first_check_that_fails_answers(pair: tuple[str, ...]) -> None:
    """Of any two defects the one that stands earlier in the design's order is answered; nothing is stored."""
    defects = set(pair)
    if defects in NEVER_TOGETHER:
        assert len(defects) == 2
        return
    log, batch = with_defects(defects)
    status, problem, word = DEFECTS[pair[0]]
    position = {"unbound": 0, "kind": 0, "fields": 2, "state": 0}.get(pair[0])
    refusal = log.refused(batch, status, problem, position=position)
    assert word in refusal.detail
    log.ledger.admission = None
    log.put("operator", none())
    log.check()


def test_all_defects_but_none_together_is_fine() -> None:
    """Without a defect the same batch is taken, so each of the refusals above has its own cause."""
    log, batch = with_defects(set())
    assert log.take(batch).count == 1


def test_a_repeat_gets_the_first_answer(log: Log) -> None:
    """The same five lines again: indices and statuses of the first time, no change to the tree, however much later."""
    batches = [log.sign("lab", usage(), none()), None, None]
    first = log.take(batches[0])
    for _ in range(3):
        log.put("lab", none(), none())
    rows, head = all_rows(log.store), (log.size, log.root)
    for again in (batches[0], Batch(**vars_of(batches[0]))):
        outcome = log.take(again)
        assert (outcome.first_index, outcome.count, outcome.statuses) == (first.first_index, 2, ["unclaimed", "logged"])
        assert outcome.repeated
    assert (all_rows(log.store), (log.size, log.root)) == (rows, head)
    log.open()
    assert log.take(batches[0]).first_index == first.first_index


def vars_of(batch: Batch) -> dict:
    return {"key": batch.key, "size": batch.size, "root": batch.root, "first": batch.first,
     "signature": batch.signature,
            "bodies": batch.bodies}  # fmt: skip


def test_a_repeat_may_carry_another_signature(log: Log) -> None:
    """The same lines under other, valid signature bytes are the same batch; under invalid ones they are refused."""
    batch = log.sign("lab", none())
    first = log.take(batch)
    again = Batch(**{**vars_of(batch), "signature": sign_with_nonce(key("lab"), batch.lines(ORIGIN), 12345)})
    assert again.signature != batch.signature
    head = (log.size, log.root)
    outcome = log.take(again)
    assert (outcome.first_index, outcome.repeated) == (first.first_index, True)
    assert (log.size, log.root) == head
    log.refused(Batch(**{**vars_of(batch), "signature": bytes(64)}), 403, "usance:signature")
    assert log.conflicts("lab") == []


@pytest.mark.parametrize("end", ["revoked", "rotated", "party ended", "not admitted", "delegate revoked"])
def test_a_repeat_is_answered_after_the_keys_end(log: Log, end: str) -> None:
    """A batch that was taken is answered again though its key is revoked, rotated away or not admitted by now."""
    log.put("lab", delegate("agent", "lab", "none"))
    who = "agent" if end in ("delegate revoked", "party ended") else "lab"
    batch = log.sign(who, none())
    first = log.take(batch)
    if end == "rotated":
        log.put("lab", rotate("lab-2", "lab"))
    elif end == "not admitted":
        log.ledger.admission = lambda _: False
    elif end == "delegate revoked":
        log.put("lab", revoke("agent"))
    else:
        log.put("lab", revoke("lab"))
    outcome = log.take(batch)
    assert (outcome.first_index, outcome.repeated) == (first.first_index, True)
    with pytest.raises(Refusal) as caught:
        log.take(log.sign(who, none()))
    assert caught.value.status == 403


def test_a_repeat_within_one_group(log: Log) -> None:
    """A batch that comes twice before anything is committed is taken once, and its repeat answered alike."""
    batch = log.sign("lab", none(), none())
    group = log.ledger.group()
    first, again = (log.take(batch, group) for _ in range(2))
    group.commit()
    assert (first.first_index, first.repeated, again.first_index, again.repeated) == (2, False, 2, True)
    assert log.size == 4
    log.check()


def test_used_numbers_are_a_conflict(log: Log) -> None:
    """Anything else over used numbers is 409 with the next number, and is kept: lines and signature, verifiable."""
    log.put("lab", none(2), none(3), none(4))
    offered = [
        log.sign("lab", none(2), first=2),  # the same body, cut otherwise
        log.sign("lab", none(2), none(3), first=1),
        log.sign("lab", none(2), none(3), none(4), none(5), first=1),  # begins within, goes beyond
        log.sign("lab", none(2), none(3), none(4), first=1),  # the same records under another head
        log.sign("lab", party(), first=0),
    ]
    for number, batch in enumerate(offered, 1):
        refusal = log.refused(batch, 409, "usance:sequence", field="first")
        assert refusal.extra == {"next": 4}
        assert len(log.conflicts("lab")) == number
    for value, batch in zip(log.conflicts("lab"), offered, strict=True):
        lines, signature, first, count = codec.decode(value)
        assert lines == batch.lines(ORIGIN)
        key("lab").public_key().verify(signature, lines)
        assert (first, count) == (batch.first, len(batch.bodies))
    log.check()


def test_a_conflict_is_kept_once(log: Log) -> None:
    """The same conflicting lines again, also under another signature, make no second row; nor does a bad signature."""
    batch = log.sign("lab", none(), first=0)
    other = sign_with_nonce(key("lab"), batch.lines(ORIGIN), 99)
    for signature in (batch.signature, batch.signature, other):
        log.refused(Batch(**{**vars_of(batch), "signature": signature}), 409, "usance:sequence")
    log.refused(Batch(**{**vars_of(batch), "signature": bytes(64)}), 403, "usance:signature")
    assert len(log.conflicts("lab")) == 1
    log.open()
    assert len(log.conflicts("lab")) == 1


def test_at_most_16_conflicts_of_a_key(log: Log) -> None:
    """Sixteen are kept, in the order they came, over several groups and starts; another key has its own."""
    log.join("other")
    for number in range(20):
        log.refused(log.sign("lab", none(2 + number), first=0), 409, "usance:sequence")
        if number == 7:
            log.open()
    kept = [codec.decode(value)[0] for value in log.conflicts("lab")]
    assert kept == [log.sign("lab", none(2 + number), first=0).lines(ORIGIN) for number in range(append.CONFLICTS_MAX)]
    assert append.CONFLICTS_MAX == 16
    group = log.ledger.group()
    for number in range(20):
        with pytest.raises(Refusal):
            log.take(log.sign("other", none(2 + number), first=0), group)
    group.commit()
    assert len(log.conflicts("other")) == 16
    assert len(log.conflicts("lab")) == 16


def test_a_conflict_with_bad_bodies_is_kept_too(log: Log) -> None:
    """Used numbers come before heads and fields: such a batch is a conflict as any other."""
    log.refused(log.sign("lab", BAD_FIELD, first=0), 409, "usance:sequence")
    log.refused(log.sign("lab", none(), first=0, head=(99, bytes(32))), 409, "usance:sequence")
    assert len(log.conflicts("lab")) == 2


def test_a_conflict_of_an_ended_key_is_kept(log: Log) -> None:
    """A revoked key that contradicts itself is caught all the same."""
    log.put("lab", revoke("lab"))
    log.refused(log.sign("lab", none(), first=0), 409, "usance:sequence")
    assert len(log.conflicts("lab")) == 1


def test_gaps_are_refused(log: Log) -> None:
    """A number above the next one is 409 with the next, for bound and unbound keys, up to the largest number."""
    for first in (2, 3, 2**63 - 2):
        refusal = log.refused(log.sign("lab", none(), first=first), 409, "usance:sequence", field="first")
        assert refusal.extra == {"next": 1}
        assert refusal.expected == "1"
    refusal = log.refused(log.sign("new", party(), first=1), 409, "usance:sequence")
    assert refusal.extra == {"next": 0}
    assert log.conflicts("lab") == log.conflicts("new") == []


def test_an_unbound_key_begins_with_party(log: Log) -> None:
    """The first record of an unbound key is `party`; anything else, genesis or unreadable bytes too, is 403."""
    bodies = [none(), usage(), revoke("new"), body("genesis", origin=ORIGIN, name="x"), b"\xc1", b"", BAD_FIELD,
              codec.encode({"kind": ["party"]}), codec.encode({"at": 1}), bytes(70_000), rotate("newer",
               "new")]  # fmt: skip
    for first in bodies:
        log.refused(log.sign("new", first, party()), 403, "usance:key", position=0)
    assert log.put("new", party(), none()).count == 2


def test_an_unreadable_party_record_is_a_field_error(log: Log) -> None:
    """An unbound key whose party record breaks a field rule gets 422 for it, not 403."""
    for wrong in ({"kind": "party", "at": AT}, {"kind": "party", "at": AT, "name": ""}, {"kind": "party", "name": "a"}):
        log.refused(log.sign("new", codec.encode(wrong)), 422, "usance:field", position=0)


def test_a_bad_body_is_its_batchs_422(log: Log) -> None:
    """A body that is empty, too long or senseless is 422 at its position; good batches of the same group go through."""
    group = log.ledger.group()
    log.take(log.sign("lab", none()), group)
    for at, wrong in enumerate((b"", b"\xc1", bytes(60_001), BAD_FIELD)):
        bodies = [none()] * at + [wrong, b""]
        with pytest.raises(Refusal) as caught:
            log.take(log.sign("lab", *bodies, first=2), group)
        assert (caught.value.status, caught.value.type, caught.value.position) == (422, "usance:field", at)
    assert log.take(log.sign("lab", none(), first=2), group).first_index == 3
    group.commit()
    log.check()


def test_heads_of_this_logs_past_are_taken(log: Log) -> None:
    """Every size up to the present with its root, those within a batch too; each is this log's past for ever."""
    log.put("lab", *[none()] * 5)
    heads = [(size, merkle.root([log.ledger.view().leaf(i) for i in range(size)])) for size in range(log.size + 1)]
    for head in heads:
        log.put("lab", none(), head=head)
    log.open()
    for head in heads:
        log.put("lab", none(), head=head)
    log.check()


def test_other_heads_are_refused(log: Log) -> None:
    """Another root, a size that wasn't reached yet, another log's head: 422 history, whole batch."""
    log.put("lab", none())
    other = Log()
    other.join("somebody else")
    for head in ((log.size, bytes(32)), (0, bytes(32)), (1, log.root), (log.size - 1, log.root), (log.size + 1,
     log.root),
                 (2**63 - 1, log.root), (0, log.root), (log.size, merkle.EMPTY_ROOT), (other.size,
                  other.root)):  # fmt: skip
        log.refused(log.sign("lab", none(), head=head), 422, "usance:history", field="root")
    log.put("lab", none())


def test_a_head_is_judged_when_it_comes(log: Log) -> None:
    """A batch prepared early stays good when the log has grown before it is taken."""
    prepared = log.prepare(log.sign("lab", none()))
    log.put("operator", none(), none())
    group = log.ledger.group()
    assert group.take(prepared).first_index == log.size
    group.commit()
    log.check()


def test_another_logs_batch_is_refused(log: Log) -> None:
    """A batch signed for another origin doesn't count here, nor does one whose lines lie about its count or number."""
    batch = log.sign("lab", none(), none())
    for wrong in (log.sign("lab", none(), origin="log.example/two"), Batch(**{**vars_of(batch), "first": 2}),
                  Batch(**{**vars_of(batch), "bodies": batch.bodies[:1]}), Batch(**{**vars_of(batch),
                   "key": public("x")}),
                  Batch(**{**vars_of(batch), "size": 0, "root": merkle.EMPTY_ROOT})):  # fmt: skip
        log.refused(wrong, 403, "usance:signature", field="signature")


def test_one_batch_by_two_keys(log: Log) -> None:
    """A batch of one key signed by another, or replayed under another key, is refused."""
    log.join("other")
    batch = log.sign("other", none())
    log.refused(Batch(**{**vars_of(batch), "key": public("lab")}), 403, "usance:signature")


def test_delegates_sign_what_they_may(log: Log) -> None:
    """A delegate has numbers of its own; a record of any other kind anywhere in its batch is 403 at that position."""
    log.put("lab", delegate("agent", "lab", "none", "usage"))
    outcome = log.put("agent", none(), usage())
    assert outcome.count == 2
    assert (log.next("agent"), log.next("lab")) == (2, 2)
    for kind, wrong in (("asset", body("asset", type="work", name="a")), ("party", party()), ("rotate", rotate("x",
     "lab")),
                        ("delegate", delegate("x", "lab", "none")), ("revoke", revoke("lab")), ("", b"\xc1"),
                        ("genesis", body("genesis", origin=ORIGIN, name="x"))):  # fmt: skip
        refusal = log.refused(log.sign("agent", none(), usage(), wrong), 403, "usance:key", position=2, field="kind")
        assert kind in refusal.detail
    log.check()


def test_a_delegate_may_end_itself(log: Log) -> None:
    """Revoking itself is not a matter of kinds, also behind a record with a bad field,
    which is then what is answered."""
    log.put("lab", delegate("agent", "lab", "none"))
    log.refused(log.sign("agent", BAD_FIELD, revoke("agent")), 422, "usance:field", position=0)
    log.put("agent", none(), revoke("agent"))
    assert (log.status("agent"), log.status("lab")) == ("revoked", "active")
    log.refused(log.sign("agent", none()), 403, "usance:key")
    log.check()


ENDINGS = {
    "revokes itself": ("lab", lambda: revoke("lab")),
    "rotates": ("lab", lambda: rotate("lab-2", "lab")),
    "delegate revokes itself": ("agent", lambda: revoke("agent")),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_batch_that_ends_its_key_ends_there(log: Log, ending: str) -> None:
    """A batch may end its own key with its last record; one that goes on is 403 at the next position, and undone."""
    who, made = ENDINGS[ending]
    log.put("lab", delegate("agent", "lab", "none"))
    refusal = log.refused(log.sign(who, none(), made(), none()), 403, "usance:key", position=2)
    assert "ended its own key" in refusal.detail
    assert log.status(who) == "active"
    assert log.state.key(public("lab-2")) is None
    number = log.next(who)
    log.put(who, none(), made())
    assert log.status(who) in ("revoked", "rotated")
    assert log.next(who) == number + 2
    log.refused(log.sign(who, none()), 403, "usance:key")
    log.check()


def test_rotated_keys_are_as_revoked(log: Log) -> None:
    """After a rotation the old key's next number is 403, a used one 409; the new key begins at 0."""
    log.put("lab", rotate("lab-2", "lab"))
    log.refused(log.sign("lab", none()), 403, "usance:key")
    log.refused(log.sign("lab", none(), first=9), 403, "usance:key")
    log.refused(log.sign("lab", none(), first=0), 409, "usance:sequence")
    log.refused(log.sign("lab-2", none(), first=1), 409, "usance:sequence")
    log.put("lab-2", none())
    assert (log.next("lab"), log.next("lab-2")) == (2, 1)


def test_genesis_comes_first_and_once() -> None:
    """Entry 0 is a genesis for this origin and nothing else; later a genesis is refused, from whomever it comes."""
    log = Log(begin=False)
    for first in (party(), none(), b"\xc1"):
        log.refused(log.sign("operator", first), 403, "usance:key", position=0)
    log.rule("operator", body("genesis", origin="log.example/two", name="x"), field="origin")
    genesis = body("genesis", origin=ORIGIN, name="operator")
    log.rule("operator", genesis, genesis, field="kind", position=1)
    group = log.ledger.group()
    log.take(log.sign("operator", genesis, none()), group)
    with pytest.raises(Refusal) as caught:
        log.take(log.sign("second", genesis), group)
    assert caught.value.status == 403
    log.take(log.sign("lab", party()), group)
    group.commit()
    assert log.size == 3
    log.rule("operator", genesis, field="kind")
    log.rule("lab", genesis, field="kind")
    log.refused(log.sign("third", genesis), 403, "usance:key", position=0)
    log.check()


def test_the_logs_own_key_is_never_a_partys(log: Log) -> None:
    """The log's key can't become a party, a delegate or a main key (422 key)."""
    log.rule(LOG_KEY, party(), field="key", problem="usance:key")
    log.rule("lab", delegate(LOG_KEY, "lab", "none"), field="key", problem="usance:key")
    log.rule("lab", rotate(LOG_KEY, "lab"), field="key", problem="usance:key")
    empty = Log(begin=False)
    empty.rule(LOG_KEY, body("genesis", origin=ORIGIN, name="x"), field="key", problem="usance:key")


def test_admission_is_by_party(log: Log) -> None:
    """Who is not on the list is 403, a new party by its own key; delegates and new main keys are their party's."""
    log.put("lab", delegate("agent", "lab", "none"), rotate("lab-2", "lab"))
    log.ledger.admission = lambda asked: asked == public("lab")
    for who in ("agent", "lab-2"):
        log.put(who, none())
    log.refused(log.sign("operator", none()), 403, "usance:key")
    log.refused(log.sign("new", party()), 403, "usance:key")


def test_new_keys_in_a_batch_are_bounded(log: Log) -> None:
    """Sixteen signatures of new keys fit one batch; the next record with one is refused by its position."""
    made = [delegate(f"agent {number}", "lab", "none") for number in range(append.BATCH_ACCEPTS_MAX)]
    refusal = log.refused(
        log.sign("lab", none(), *made, none(), rotate("lab-2", "lab")), 422, "usance:rule", position=18
    )
    assert refusal.field == "accept"
    log.put("lab", none(), *made, none())
    log.put("lab", rotate("lab-2", "lab"))
    log.check()


class CountingStore(MemoryStore):
    """Counts its writes."""

    writes = 0

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """See MemoryStore."""
        self.writes += 1
        super().write(rows)


def test_a_group_is_one_write(log: Log) -> None:
    """Many batches, good and refused, of several keys, are one write; nothing is stored before it, or without it."""
    store = CountingStore()
    log = Log(store)
    log.join("lab")
    log.join("other")
    writes, rows, size = store.writes, all_rows(store), log.size
    group = log.ledger.group()
    for number in range(1, 6):
        log.take(log.sign("lab", none(), usage(), first=2 * number - 1), group)
        log.take(log.sign("other", none(), first=number), group)
        for bad in (log.sign("lab", none(), first=0), log.sign("other", BAD_STATE, first=number + 1)):
            with pytest.raises(Refusal):
                log.take(bad, group)
    assert (store.writes, all_rows(store), log.size, group.count) == (writes, rows, size, 15)
    group.commit()
    assert (store.writes, log.size) == (writes + 1, size + 15)
    log.check()
    abandoned = log.ledger.group()
    log.take(log.sign("lab", none()), abandoned)
    log.ledger.group().commit()
    assert (store.writes, log.size) == (writes + 1, size + 15)


def test_a_failed_write_stops_the_ledger(log: Log) -> None:
    """After a write that failed nothing more is taken by this process: what is on disk is found by a new start."""
    head = (log.size, log.root)

    def fail(_: object) -> None:
        raise StorageError("no space")

    write = log.store.write
    log.store.write = fail
    with pytest.raises(StorageError):
        log.put("lab", none())
    log.store.write = write
    with pytest.raises(StorageError):
        log.ledger.group()
    assert (log.size, log.root) == head
    log.open()
    log.put("lab", none())
    log.check()


@pytest.mark.parametrize(
    "value",
    [b"", b"\xc0", codec.pack([1]), codec.pack(["1", bytes(32), []]), codec.pack([3, bytes(31), [bytes(32)] * 2]),
     codec.pack([3, bytes(32), [bytes(32)]]), codec.pack([3, "a", 5]), codec.pack({"a": 1}), codec.pack([-1,
      bytes(32), []]),
     codec.pack([4, bytes(32), [bytes(32)]]), codec.pack([2**62, bytes(32), [bytes(32)]])],
    ids=range(11),
)  # fmt: skip
def test_a_damaged_head_row_is_a_storage_error(log: Log, value: bytes) -> None:
    """Whatever stands in the tree head's row instead of what was written: a start refuses in words."""
    log.put("lab", none())
    log.store.write({HEAD_KEY: value})
    with pytest.raises(StorageError):
        log.open()


def test_missing_entries_are_a_storage_error(log: Log) -> None:
    """An entry or batch row of the right edge that is gone or changed is found at the start."""
    log.put("lab", none(), none())
    rows = all_rows(log.store)
    for row in sorted(rows):
        if row[:1] not in (keys.ENTRY, keys.BATCH):
            continue
        for value in (None, rows[row] + b"a", b"\x90"):
            log.store.write({row: value})
            with pytest.raises(StorageError):
                log.open()
        log.store.write({row: rows[row]})
    log.open()


def test_another_store_version_is_refused(log: Log) -> None:
    """A database of another version, or of none, is not touched, and the refusal says what to do."""
    newer = bytes([append.STORE_VERSION + 1])
    for version, advice in (
        (None, "node fsck"),
        (b"", "node fsck"),
        (b"\x01", "node migrate"),
        (newer, "newer program"),
    ):
        log.store.write({append.VERSION_KEY: version})
        with pytest.raises(StartupError, match=advice):
            log.open()


def test_roots_are_found_whether_kept_or_not(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The root at every size is the same from memory and from the tiles, and memory stays bounded."""
    monkeypatch.setattr(append, "ROOTS_MAX", 4)
    for number in range(30):
        log.put("lab", *[none(2 + n) for n in range(number)] or [none()])
    leaves = [log.ledger.view().leaf(i) for i in range(log.size)]
    for size in range(log.size + 1):
        assert log.ledger.root_at(size) == merkle.root(leaves[:size])
    assert len(log.ledger.roots) <= 4
    assert log.ledger.root_at(log.size + 1) is None
    assert Ledger(log.store, log=log.identity).root_at(7) == merkle.root(leaves[:7])


def test_what_goes_over_the_wire_is_what_is_judged(log: Log) -> None:
    """A batch that was encoded and parsed as a request is the same batch."""
    batch = sign_batch(key("lab"), origin=ORIGIN, size=log.size, root=log.root, first=1, bodies=[usage(NAME)])
    (parsed,) = parse_request(codec.pack([batch.wire()]))
    log.take(parsed)
    assert log.take(batch).repeated
