"""ledger.replay: a good log passes, and of a bad one the first wrong entry is named (design section 1,
`usance audit`)."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import keys
from ledger import replay as replaying
from ledger.context import LogIdentity
from ledger.replay import AuditFailure, Judged, Replay
from ledger.state import State
from proofs import merkle
from proofs.entry import Batch, parse_entry, sign_batch
from proofs.records import check_body
from tests import strategies
from tests.ledger.support import (
    LOG_KEY,
    NAME,
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
    sign_with_nonce,
    source,
    usage,
)

IDENTITY = LogIdentity(ORIGIN, frozenset((public(LOG_KEY),)))


def full_log() -> Log:
    """A log with every supported kind, batches of 1 to 5 and several keys."""
    log = Log()
    log.join("lab", delegate("agent", "lab", "none", "usage"), name="lab")
    log.join("owner")
    ref = log.register("owner", "corpus", aka=[NAME])
    log.put("agent", usage(ref, into_name="model"), usage(NAME), none(), usage("pkg:pypi/x"))
    log.put(
        "lab",
        asset("model", sources=[source(ref)]),
        body("description", name=NAME, type="work"),
        none(),
        none(),
        none(),
    )
    log.put("owner", body("withdraw", target=ref))
    log.put("agent", usage(NAME, seen_by="provider", party=public("owner")), revoke("agent"))
    log.put("lab", rotate("lab-2", "lab"))
    log.put("lab-2", none(), party("lab again"), none())
    log.put("owner", revoke("owner"))
    return log


LOG = full_log()
ENTRIES = LOG.entries()
PARSED = [parse_entry(data) for data in ENTRIES]


def audit(
    entries: Sequence[bytes], *, origin: str = ORIGIN, step: int = 0, executor: ThreadPoolExecutor | None = None
) -> Replay:
    replay = Replay(LogIdentity(origin, IDENTITY.keys), executor=executor)
    step = step or len(entries) or 1
    for start in range(0, len(entries), step):
        replay.feed(entries[start : start + step])
    replay.finish()
    return replay


def failure(entries: Sequence[bytes], **how: Any) -> AuditFailure:
    with pytest.raises(AuditFailure) as caught:
        audit(entries, **how)
    assert f"entry {caught.value.index}:" in caught.value.detail
    return caught.value


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_a_good_log_passes(step: int, threads: int) -> None:
    """Fed in any portions, with signatures judged in line or by threads, root, kinds and statuses are the log's own."""
    executor = ThreadPoolExecutor(threads) if threads else None
    found = audit(ENTRIES, step=step, executor=executor)
    assert (found.size, found.root, found.batches) == (LOG.size, LOG.root, 11)
    assert found.kinds == {"genesis": 1, "party": 3, "delegate": 1, "asset": 2, "usage": 4, "none": 6, "description": 1,
                           "withdraw": 1, "revoke": 2, "rotate": 1}  # fmt: skip
    assert found.statuses == {"unlicensed": 2, "unclaimed": 1, "observed": 1}
    if executor:
        executor.shutdown()


def test_an_empty_log_passes() -> None:
    """Nothing to judge: the empty tree."""
    assert (audit([]).size, audit([]).root) == (0, merkle.EMPTY_ROOT)


@pytest.mark.parametrize("step", [0, 3])
def test_whoever_watches_is_shown_every_record_of_the_log(step: int) -> None:
    """In log order, each with its leaf, its body, its status, and the party behind the key that signed it."""
    shown: list[Judged] = []
    replay = Replay(IDENTITY, watch=shown.append)
    for start in range(0, len(ENTRIES), step or len(ENTRIES)):
        replay.feed(ENTRIES[start : start + (step or len(ENTRIES))])
    replay.finish()
    assert [record.index for record in shown] == list(range(LOG.size))
    assert [record.leaf for record in shown] == [merkle.leaf_hash(entry) for entry in ENTRIES]
    assert [record.body for record in shown] == [check_body(entry.body) for entry in PARSED]
    behind = {public("agent"): public("lab"), public("lab-2"): public("lab")}
    assert [record.party for record in shown] == [behind.get(entry.key, entry.key) for entry in PARSED]
    assert Counter(record.status for record in shown if record.body["kind"] == "usage") == replay.statuses


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


CHANGES = {
    "key": lambda e: {"key": public("operator") if e.key != public("operator") else public("lab")},
    "key flipped": lambda e: {"key": flip(e.key, 7)},
    "size": lambda e: {"size": e.size + 1},
    "root": lambda e: {"root": flip(e.root, 3)},
    "first": lambda e: {"first": e.first + 1},
    "count up": lambda e: {"count": e.count + 1},
    "count down": lambda e: {"count": max(e.count - 1, 1)},
    "position": lambda e: {"position": (e.position + 1) % e.count},
    "signature": lambda e: {"signature": flip(e.signature, 40)},
    "no signature": lambda e: {"signature": bytes(64)},
    "path": lambda e: {"path": flip(e.path, 0) if e.path else bytes(32)},
    "path cut": lambda e: {"path": e.path[:-32]},
    "path longer": lambda e: {"path": e.path + bytes(32)},
    "body": lambda e: {"body": flip(e.body, len(e.body) - 1)},
    "another body": lambda e: {"body": none(77)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_changed_entry_is_named(change: str) -> None:
    """Any part of any one entry changed: the audit fails and names that very leaf."""
    for index, entry in enumerate(PARSED):
        changed = replace(entry, **CHANGES[change](entry)).encode()
        if changed != ENTRIES[index]:
            assert failure([*ENTRIES[:index], changed, *ENTRIES[index + 1 :]]).index == index


@given(st.data())
def test_a_mutated_entry_is_named(data: st.DataObject) -> None:
    """One bit, byte or cut in any entry: the audit fails and names that leaf, with threads too."""
    index = data.draw(st.integers(0, len(ENTRIES) - 1))
    changed = data.draw(strategies.mutated(ENTRIES[index]))
    entries = [*ENTRIES[:index], changed, *ENTRIES[index + 1 :]]
    assert failure(entries).index == index
    with ThreadPoolExecutor(1) as executor:
        assert failure(entries, executor=executor).index == index


@pytest.mark.parametrize("index", range(len(ENTRIES)))
def test_missing_doubled_and_exchanged_entries_are_found(index: int) -> None:
    """An entry left out, there twice, or exchanged with its neighbour breaks the log there,
    or where its batch shows it."""
    start = index - PARSED[index].position
    if index < len(ENTRIES) - 1:
        assert start <= failure([*ENTRIES[:index], *ENTRIES[index + 1 :]]).index
        swapped = [*ENTRIES[:index], ENTRIES[index + 1], ENTRIES[index], *ENTRIES[index + 2 :]]
        assert start <= failure(swapped).index <= index + 1
    found = failure([*ENTRIES[: index + 1], *ENTRIES[index:]]).index
    assert index <= found <= index + PARSED[index].count


def test_a_cut_log_is_found_inside_of_a_batch() -> None:
    """A log that ends within a batch fails at its last entry; one that ends between batches is a good, shorter log."""
    for size in range(1, len(ENTRIES)):
        last = PARSED[size - 1]
        if last.position == last.count - 1:
            assert audit(ENTRIES[:size]).root == LOG.ledger.root_at(size)
        else:
            assert failure(ENTRIES[:size]).index == size - 1


def test_another_logs_entries_fail() -> None:
    """Under another origin no signature holds: the first entry is named."""
    assert failure(ENTRIES, origin="log.example/two").index == 0
    assert failure(ENTRIES[1:]).index == 0
    for raw in (b"", b"\xc1", bytes(70_000)):
        assert failure([*ENTRIES[:3], raw]).index == 3


def appended(log: Log, batch: Batch) -> AuditFailure:
    """What an audit says of a log to which its operator has added a batch against the rules."""
    return failure([*log.entries(), *batch.entries()])


def lawless(log: Log) -> dict[str, tuple[Batch, int, str]]:
    """Validly signed batches that break one rule each, the position to blame, and a word that must be said."""
    unknown = usage((1).to_bytes(8, "big") + bytes(32))
    return {
        "an unbound key": (log.sign("new", none()), 0, "not bound"),
        "a revoked key": (log.sign("owner", none()), 0, "revoked"),
        "a rotated key": (log.sign("lab", none()), 0, "rotated"),
        "an ended delegate": (log.sign("agent", none()), 0, "revoked"),
        "a gap": (log.sign("lab-2", none(), first=9), 0, "gap"),
        "a repeat": (log.sign("lab-2", none(), first=0), 0, "used"),
        "a head of the future": (log.sign("lab-2", none(), head=(log.size + 1, log.root)), 0, "no tree of that size"),
        "a head of another history": (log.sign("lab-2", none(), head=(log.size, bytes(32))), 0, "another tree"),
        "a bad field": (log.sign("lab-2", none(), b"\xc0", none()), 1, "not a map"),
        "a bad reference": (log.sign("lab-2", none(), none(), unknown), 2, "no asset"),
        "a second genesis": (log.sign("lab-2", none(), body("genesis", origin=ORIGIN, name="x")), 1, "genesis"),
        "a stranger's canary": (
            log.sign("lab-2", body("canary", root=bytes(32), count=1, asset=log.ref(4))),
            0,
            "another party",
        ),
        "a grant of nothing": (log.sign("lab-2", body("grant", terms=log.ref(1), licensee=bytes(32))), 0, "no terms"),
        "the log's own key": (log.sign(LOG_KEY, party()), 0, "log's own key"),
        "missing sources": (log.sign("lab-2", none(), asset("model")), 1, "not listed"),
    }


@pytest.mark.parametrize("name", lawless(LOG))
@pytest.mark.parametrize("threads", [0, 1])
def test_a_broken_rule_is_named(name: str, threads: int) -> None:
    """An operator who takes what the rules refuse is found out at that record, and the audit says why."""
    batch, position, word = lawless(LOG)[name]
    executor = ThreadPoolExecutor(threads) if threads else None
    found = failure([*ENTRIES, *batch.entries()], executor=executor)
    assert found.index == LOG.size + position
    assert word in found.detail
    if executor:
        executor.shutdown()


def test_a_log_begins_with_its_genesis() -> None:
    """Another first record, or a genesis for another origin, fails at entry 0."""
    for first in (party(), body("genesis", origin="log.example/two", name="x")):
        batch = sign_batch(key("operator"), origin=ORIGIN, size=0, root=merkle.EMPTY_ROOT, first=0, bodies=[first])
        assert failure(batch.entries()).index == 0


def test_a_repeat_under_another_signature_is_found() -> None:
    """The same signed lines twice, also with other signature bytes, count as a repeated number."""
    batch = LOG.sign("lab-2", none())
    again = replace(batch, signature=sign_with_nonce(key("lab-2"), batch.lines(ORIGIN), 7))
    assert audit([*ENTRIES, *again.entries()]).size == LOG.size + 1
    found = failure([*ENTRIES, *batch.entries(), *again.entries()])
    assert (found.index, "used" in found.detail) == (LOG.size + 1, True)


def test_mixed_signatures_in_one_batch_are_found() -> None:
    """Entries of one batch that carry different valid signatures are not what a node can have stored."""
    batch = LOG.sign("lab-2", none(), none(), none())
    other = replace(batch, signature=sign_with_nonce(key("lab-2"), batch.lines(ORIGIN), 7))
    entries = batch.entries()
    entries[1] = other.entries()[1]
    assert failure([*ENTRIES, *entries]).index == LOG.size + 1


def test_bad_signatures_are_found_by_threads_however_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """With signatures judged elsewhere, a bad one is found at the end or before, whatever waits."""
    log = Log()
    log.join("lab")
    for _ in range(30):
        log.put("lab", none())
    entries = log.entries()
    bad = parse_entry(entries[9])
    forged = replace(bad, signature=flip(bad.signature, 33)).encode()
    for pending in (0, 1, 5, 1000):
        monkeypatch.setattr(replaying, "PENDING_MAX", pending)
        with ThreadPoolExecutor(2) as executor:
            assert failure([*entries[:9], forged], executor=executor).index == 9
            assert failure([*entries[:9], forged, *entries[10:]], executor=executor).index == 9
            assert failure([*entries[:9], forged, entries[10][:-1]], executor=executor).index == 9
            assert audit(entries, executor=executor).root == log.root


def test_an_audit_keeps_only_what_rules_read() -> None:
    """The memory of an audit holds no bodies, statuses or indices, however long the log: entries lie in a file."""
    store = audit(ENTRIES).ledger.store
    kept = {k[:1] for k in store._rows}
    assert not kept & {*keys.REPLAY_DROPS, *keys.REPLAY_SPILLS}
    assert {keys.META, keys.KEY, keys.PARTY, keys.ASSET} <= kept
    assert State(store).body(0)["kind"] == "genesis"
