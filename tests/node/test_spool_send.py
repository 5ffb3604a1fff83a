"""Sending a spool: every record once and in order, whatever the node answers and whatever stands in the folder."""

import contextlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import context
from ledger.errors import StorageError
from node.errors import ForkError, NetworkError, ProblemError
from node.spool.errors import SpoolBusyError
from node.spool.folder import SpoolFolder, spool_path
from node.spool.refill import drop_letters, retry_letters
from node.spool.state import SenderState, load_state
from node.spool.writer import SpoolWriter
from proofs.checkpoint import sign_checkpoint
from proofs.codec import unpack
from proofs.ed25519 import public_bytes
from proofs.entry import parse_entry
from proofs.errors import InputError, VerifyError
from proofs.records import make_body
from proofs.ref import Ref
from tests.node.fakelog import NOW_MS, ORIGIN, FakeLog
from tests.node.spooling import bad, calls, expected, use, uses

# What survives a crash is tested elsewhere (test_spool_crash.py, test_spool_kill.py).
pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def posts(log) -> list[bytes]:
    """The bodies of all writes that came."""
    return [body for method, _, body in log.requests if method == "POST"]


def dead(spool) -> list[dict]:
    """The dead letters."""
    path = Path(spool.folder.file("dead.jsonl"))
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextlib.contextmanager
def gone_back_to(log: FakeLog, older: FakeLog) -> Iterator[None]:
    """The log judges batches and knows keys as its older copy does, and shows the newest checkpoint all the same."""
    honest, hook = log._honest, log.hook

    def shown(method, path, body, answer):
        if method != "POST":
            return answer
        said = {**json.loads(answer[2]), "checkpoint": log.checkpoint().decode()}
        return 200, "application/json", json.dumps(said).encode()

    log.hook = shown
    log._honest = lambda method, path, body: (
        older._honest(method, path, body)
        if method == "POST" or path.startswith("/keys")
        else honest(method, path, body)
    )
    yield
    log._honest, log.hook = honest, hook


# One run


@pytest.mark.parametrize(("count", "options"), [(1, {}), (5, {"batch_records": 2}), (2500, {})])
def test_every_record_is_logged_once_and_in_order(log, spool, count, options) -> None:
    """Whatever the batches; then the segment is gone, and nothing is sent for an empty spool."""
    spool.put(*uses("c", count))
    sent = spool.send(**options)
    assert (sent.logged, sent.dead, sent.statuses) == (count, 0, Counter(unclaimed=count))
    assert calls(log) == expected("c", count)
    assert spool.files() == []
    asked = len(log.requests)
    assert spool.send().logged == 0
    assert len(log.requests) == asked


def test_many_small_segments_go_in_few_batches(log, spool) -> None:
    """A program that is started for each record costs no request for each."""
    for number in range(60):
        spool.put(use(f"c{number}"))
    spool.put()
    assert spool.send().logged == 60
    assert calls(log) == expected("c", 60)
    assert len(posts(log)) == 1
    assert spool.files() == []


def test_large_records_keep_within_a_request(log, spool) -> None:
    """Batches are bounded in bytes too."""
    attrs = {f"k{number:03}": "x" * 1000 for number in range(55)}
    spool.put(*(use(f"c{number}", attrs=attrs) for number in range(150)))
    assert spool.send().logged == 150
    assert calls(log) == expected("c", 150)
    assert max(map(len, posts(log))) <= 2 * 1024 * 1024 + 4096


def test_what_a_living_writer_appends_follows(log, spool) -> None:
    """Its segment is sent up to where it is and stays; when the writer has ended, it goes."""
    writer = SpoolWriter(spool.folder.path, log.vkey.text, key=spool.public)
    for number in range(3):
        writer.append(use(f"c{number}"))
    assert spool.send().logged == 3
    assert len(spool.files()) == 1
    assert spool.send().logged == 0
    writer.append(use("c3"))
    writer.close()
    assert spool.send().logged == 1
    assert spool.files() == []
    assert calls(log) == expected("c", 4)


def test_records_are_synced_before_they_are_sent(log, spool, monkeypatch) -> None:
    """What is logged can't be lost from its segment any more, nor what was appended while the batch before was sent:
    the position behind it would be that of another record later."""
    writer = SpoolWriter(spool.folder.path, log.vkey.text, key=spool.public, sync_interval_s=3600)
    writer.append(use("c0"))
    (name,) = spool.folder.segments()
    events: list[str] = []

    def fsync(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").endswith(name):
            events.append("sync")

    def hook(method, path, body, answer):
        if method == "POST":
            events.append("send")
            if events.count("send") == 1:
                writer.append(use("c1"))
        return answer

    monkeypatch.setattr(os, "fsync", fsync)
    log.hook = hook
    assert spool.send().logged == 2
    assert events == ["sync", "send", "sync", "send"]
    writer.close()


def test_segments_of_one_writer_keep_their_order_when_the_clock_jumps(log, spool) -> None:
    """Names come from the clock, but never fall behind: nothing depends on what time it is."""
    times = iter([NOW_MS, 5, NOW_MS * 3, 0, 1, 2, NOW_MS])
    writer = SpoolWriter(spool.folder.path, log.vkey.text, segment_bytes_max=400, now_ms=lambda: next(times))
    for number in range(12):
        writer.append(use(f"c{number}"))
    writer.close()
    assert len(spool.files()) > 3
    clock = iter([10**15, 0, *range(100)])
    assert spool.send(batch_records=5, now_ms=lambda: next(clock)).logged == 12
    assert calls(log) == expected("c", 12)


def test_a_torn_tail_is_left_out(log, spool) -> None:
    """What was never said to be stored is not logged, and holds nothing up."""
    path = spool.put(*uses("c", 3), end=False)
    path.write_bytes(path.read_bytes()[:-7])
    sent = spool.send()
    assert (sent.logged, sent.damaged) == (2, {})
    assert calls(log) == expected("c", 2)
    assert spool.files() == []


# Answers that are lost, late, or from elsewhere


@pytest.mark.parametrize("lose", ["answer", "request"])
def test_a_lost_connection_loses_and_doubles_nothing(log, spool, lose) -> None:
    """Whether the request or only its answer was lost: the next run sends the very same bytes."""
    spool.put(*uses("c", 10))
    honest = log._honest
    log.hook = lambda method, path, body, answer: None if method == "POST" else answer
    if lose == "request":
        log._honest = lambda method, path, body: honest(method, path, body) if method != "POST" else (404, "x", b"")
    with pytest.raises(NetworkError):
        spool.send(batch_records=4)
    log._honest = honest
    log.hook = lambda method, path, body, answer: answer
    before = len(posts(log))
    assert spool.send(batch_records=4).logged == 10
    assert posts(log)[before] == posts(log)[0]
    assert len(set(posts(log)[:before])) == 1
    assert calls(log) == expected("c", 10)


def test_a_batch_that_is_known_is_settled_by_the_first_answer(log, spool) -> None:
    """A request that comes twice, or once more much later, changes nothing."""
    spool.put(*uses("c", 4))
    honest = log._honest

    def twice(method, path, body):
        if method == "POST":
            honest(method, path, body)
        return honest(method, path, body)

    log._honest = twice
    assert spool.send(batch_records=2).logged == 4
    for body in posts(log):
        honest("POST", "/records", body)
    assert calls(log) == expected("c", 4)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_node_keeps_the_batch(log, spool, status) -> None:
    """A refusal that is only for now: the very same batch goes again, and the wait is passed on."""
    spool.put(*uses("c", 3))
    busy = {"status": status, "detail": "not now", "retry_after_s": 7}

    def hook(method, path, body, answer):
        if method != "POST":
            return answer
        return 200, "application/json", json.dumps({**json.loads(answer[2]), "results": [busy]}).encode()

    honest = log._honest
    checkpoint = log.checkpoint().decode()
    log._honest = lambda method, path, body: (
        (200, "application/json", json.dumps({"results": [], "checkpoint": checkpoint}).encode())
        if method == "POST" else honest(method, path, body)
    )  # fmt: skip
    log.hook = hook
    with pytest.raises(NetworkError, match="not now") as caught:
        spool.send()
    assert caught.value.retry_after_s == 7
    log.hook, log._honest = (lambda method, path, body, answer: answer), honest
    assert spool.send().logged == 3
    assert len(set(posts(log))) == 1
    assert calls(log) == expected("c", 3)


def test_another_program_with_the_same_key(log, spool) -> None:
    """Numbers taken meanwhile: signed anew, logged once; where it never ends, it says so and keeps everything."""
    spool.put(*uses("c", 6))
    number, left = [1], [3]

    def hook(method, path, body, answer):
        if path.startswith("/keys/") and left[0]:
            log.log(spool.key, number[0], [make_body({"kind": "none", "at": 1, "from": 1, "until": 1})])
            number[0] += 1
            left[0] -= 1
        return answer

    log.hook = hook
    assert spool.send(batch_records=2).logged == 6
    assert calls(log) == expected("c", 6)
    number[0], left[0] = 10, 10**6
    spool.put(use("d"))
    client = spool.client()
    sender = spool.sender(client)
    with pytest.raises(ProblemError, match="another program"):
        sender.run()
    left[0] = 0
    assert sender.run().logged == 1
    client.close()
    assert calls(log) == [*expected("c", 6), "d"]


def test_a_forged_checkpoint_is_refused_and_the_spool_kept(log, spool) -> None:
    """An answer that the log's key didn't sign settles nothing; the honest answer later does, once."""
    spool.put(*uses("c", 4))
    forger = Ed25519PrivateKey.generate()

    def hook(method, path, body, answer):
        if method != "POST":
            return answer
        note = sign_checkpoint(origin=ORIGIN, size=log.ledger.size, root=log.reader.tree.root, private_key=forger)
        return 200, "application/json", json.dumps({**json.loads(answer[2]), "checkpoint": note.decode()}).encode()

    log.hook = hook
    with pytest.raises(VerifyError):
        spool.send()
    assert len(spool.files()) == 1
    assert load_state(spool.folder.file("sender.state")).flight is not None
    log.hook = lambda method, path, body, answer: answer
    assert spool.send().logged == 4
    assert calls(log) == expected("c", 4)


def test_a_fork_is_refused_and_the_spool_kept(log, spool) -> None:
    """A validly signed checkpoint of another history: nothing counts as logged by it."""
    spool.put(*uses("c", 2))
    client = spool.client()
    client.checkpoint()
    client.close()

    def hook(method, path, body, answer):
        if method != "POST":
            return answer
        note = sign_checkpoint(origin=ORIGIN, size=log.ledger.size, root=b"x" * 32, private_key=log.key)
        return 200, "application/json", json.dumps({**json.loads(answer[2]), "checkpoint": note.decode()}).encode()

    log.hook = hook
    with pytest.raises(ForkError):
        spool.send()
    log.hook = lambda method, path, body, answer: answer
    assert spool.send().logged == 2
    assert calls(log) == expected("c", 2)


def test_an_answer_without_its_records_is_refused(log, spool) -> None:
    """A node that says "logged" of what its tree doesn't hold: the inclusion is checked."""
    spool.put(*uses("c", 3))

    def hook(method, path, body, answer):
        if method != "POST":
            return answer
        said = json.loads(answer[2])
        said["results"][0]["first_index"] = 0
        return 200, "application/json", json.dumps(said).encode()

    log.hook = hook
    with pytest.raises(VerifyError):
        spool.send()
    assert len(spool.files()) == 1


def test_a_log_that_went_back_keeps_everything(log, spool, tmp_path) -> None:
    """`usage:history` names no record: stop, keep the very batch, say so; when the log is whole again, it goes on."""
    spool.put(*uses("c", 2))
    assert spool.send().logged == 2  # the head that is known now is one that the older copy lacks
    spool.put(use("d"))
    older = FakeLog(key=log.key)
    older.join(spool.key)
    older.log(spool.key, 1, [make_body({"kind": "none", "at": 1, "from": n, "until": n + 1}) for n in range(2)])
    with gone_back_to(log, older), pytest.raises(ProblemError, match="rolled back") as caught:
        spool.send()
    assert caught.value.type == "usance:history"
    kept = posts(log)[-1]
    assert spool.send().logged == 1
    assert posts(log)[-1] == kept
    assert calls(log) == ["c0", "c1", "d"]


def test_a_batch_that_was_taken_before_the_log_went_back_is_kept(log, spool) -> None:
    """Taken, the answer lost, the log restored from an older copy: there is a gap before the batch then. Signed anew it
    would be logged twice once the log is put right."""
    spool.put(*uses("c", 2))
    spool.send()
    spool.put(use("d"))
    log.hook = lambda method, path, body, answer: None if method == "POST" else answer
    with pytest.raises(NetworkError):
        spool.send()
    assert calls(log) == ["c0", "c1", "d"]
    older = FakeLog(key=log.key)
    older.join(spool.key)
    log.hook = lambda method, path, body, answer: answer
    with gone_back_to(log, older):
        for _ in range(2):
            with pytest.raises(ProblemError, match="rolled back") as caught:
                spool.send()
            assert caught.value.type == "usance:sequence"
    assert spool.send().logged == 1
    assert calls(log) == ["c0", "c1", "d"]


def test_a_proxy_that_takes_less_than_it_did(log, spool) -> None:
    """Taken, the answer lost, and 413 for the same batch then: halves of it would be logged twice."""
    spool.put(*uses("c", 4))
    log.hook = lambda method, path, body, answer: None if method == "POST" else answer
    with pytest.raises(NetworkError):
        spool.send()
    log.hook = lambda method, path, body, answer: (413, "text/html", b"") if len(body) > 500 else answer
    for _ in range(2):
        with pytest.raises(ProblemError, match="may have been logged"):
            spool.send()
    log.hook = lambda method, path, body, answer: answer
    assert spool.send().logged == 4
    assert calls(log) == expected("c", 4)


def test_a_proxy_that_takes_only_small_requests(log, spool) -> None:
    """413 for a whole request: it was not read, so smaller batches go in its place."""
    spool.put(*uses("c", 100))
    honest = log._honest
    log._honest = lambda method, path, body: (
        (413, "text/html", b"too large") if len(body) > 2000 else honest(method, path, body)
    )
    assert spool.send().logged == 100
    assert calls(log) == expected("c", 100)


def test_a_lost_disk_goes_on_with_the_next_number(log, spool) -> None:
    """A new folder knows nothing: the log says which number is next."""
    spool.put(*uses("c", 3))
    spool.send()
    spool.folder = SpoolFolder(spool.folder.path + "-new")
    spool.put(*uses("d", 2))
    assert spool.send().logged == 2
    assert calls(log) == ["c0", "c1", "c2", "d0", "d1"]


# Refusals


def test_refused_records_become_dead_letters_and_the_rest_goes_on(log, spool) -> None:
    """One after the other, wherever they stand, each once and with its reason."""
    wrong = {0, 1, 2, 6, 9, 10, 11, 12, 13, 14, 19}
    spool.put(*((bad if number in wrong else use)(f"c{number}") for number in range(20)))
    sent = spool.send(batch_records=5)
    assert (sent.logged, sent.dead) == (9, 11)
    assert calls(log) == [f"c{number}" for number in range(20) if number not in wrong]
    assert [letter["record"]["call"] for letter in dead(spool)] == [f"c{number}" for number in sorted(wrong)]
    assert {letter["problem"]["type"] for letter in dead(spool)} == {"usance:rule"}
    assert {letter["problem"]["field"] for letter in dead(spool)} == {"asset"}
    assert [name for name in spool.files() if name.endswith(".spool")] == []


def test_one_bad_record_costs_one_more_signature(log, spool) -> None:
    """What is signed in its batch's place is the rest of that batch."""
    spool.put(*((bad if number == 1500 else use)(f"c{number}") for number in range(3000)))
    assert spool.send().logged == 2999
    assert len(posts(log)) <= 5


def test_many_bad_records_cost_little_each(log, spool) -> None:
    """Batches shrink where nothing but refusals come: a large batch isn't sent for each."""
    spool.put(*(bad(f"c{number}") for number in range(100)), use("good"))
    sent = spool.send()
    assert (sent.logged, sent.dead) == (1, 100)
    assert sum(map(len, posts(log))) < 6 * 100 * 400


def test_a_body_that_is_no_record_is_a_dead_letter_in_hex(log, spool) -> None:
    """As from a file of another program: nothing of it is lost, and it can be dropped or tried again."""
    spool.put(use("c0"), b"junk", use("c1"))
    assert (spool.send().logged, calls(log)) == (2, ["c0", "c1"])
    assert [letter["body"] for letter in dead(spool)] == [b"junk".hex()]


def test_batches_that_are_too_much_work_are_made_smaller(log, spool, monkeypatch) -> None:
    """Where a batch's uses cost the log more than one batch may, no record is at fault."""
    owner = Ed25519PrivateKey.generate()
    log.join(owner)
    terms = {"currency": "EUR", "offers": [{"use": "infer", "unit": "token", "price": 7, "per": 1}]}
    fields = {"kind": "asset", "at": NOW_MS, "type": "work", "name": "w", "terms": terms}
    ref = Ref(log.log(owner, 1, [make_body(fields)]).first_index, log.reader.tree.leaf(log.ledger.size - 1))
    spool.put(*(use(f"c{number}", asset=ref.pack()) for number in range(20)))
    monkeypatch.setattr(context, "STEPS_MAX", 8 + 4 + 7)
    sent = spool.send(batch_records=9)
    assert (sent.logged, sent.dead) == (20, 0)
    assert calls(log) == expected("c", 20)


def offer_terms(log, owner, number, asset=None):
    """Log an asset with terms, or newer terms of it; its reference."""
    terms = {"currency": "EUR", "offers": [{"use": "infer", "unit": "token", "price": 7 + number, "per": 1}]}
    if asset is None:
        fields = {"kind": "asset", "at": NOW_MS, "type": "work", "name": "w", "terms": terms}
    else:
        fields = {"kind": "terms", "at": NOW_MS, "asset": asset.pack(), **terms}
    index = log.log(owner, number, [make_body(fields)]).first_index
    return Ref(index, log.reader.tree.leaf(index))


def test_terms_that_came_after_the_known_head_are_agreed_to_at_a_fresh_one(log, spool) -> None:
    """A record that names no terms is signed anew once, at a head that has seen them."""
    owner = Ed25519PrivateKey.generate()
    log.join(owner)
    client = spool.client()
    client.checkpoint()
    client.close()
    asset = offer_terms(log, owner, 1)
    spool.put(use("c0"), use("c1", asset=asset.pack()), use("c2"))
    sent = spool.send()
    assert (sent.logged, sent.dead) == (3, 0)
    assert sent.statuses == Counter(licensed=1, unclaimed=2)
    assert len(posts(log)) == 2


def test_terms_that_are_named_and_gone_make_a_dead_letter(log, spool) -> None:
    """It says which are in force now; no other terms are put in their place."""
    owner = Ed25519PrivateKey.generate()
    log.join(owner)
    asset = offer_terms(log, owner, 1)
    newest = offer_terms(log, owner, 2, asset)
    spool.put(use("c0", asset=asset.pack(), terms=asset.pack()), use("c1", asset=asset.pack(), terms=newest.pack()))
    sent = spool.send()
    assert (sent.logged, sent.dead) == (1, 1)
    assert calls(log) == ["c1"]
    assert dead(spool)[0]["problem"]["terms"] == str(newest)


def test_terms_that_stay_ahead_of_every_head_make_a_dead_letter(log, spool) -> None:
    """Signed anew once, not for ever."""
    owner = Ed25519PrivateKey.generate()
    log.join(owner)
    client = spool.client()
    client.checkpoint()
    client.close()
    asset = offer_terms(log, owner, 1)
    number = [2]

    def hook(method, path, body, answer):
        if path == "/checkpoint":
            offer_terms(log, owner, number[0], asset)
            number[0] += 1
        return answer

    log.hook = hook
    spool.put(use("c0", asset=asset.pack()), use("c1"))
    sent = spool.send()
    assert (sent.logged, sent.dead) == (1, 1)
    assert calls(log) == ["c1"]


def test_a_key_that_may_not_sign_stops_everything(log, spool) -> None:
    """Unbound, revoked: nothing is given up, and the same records go when the key may."""
    spool.key = Ed25519PrivateKey.generate()
    spool.put(*uses("c", 3))
    with pytest.raises(ProblemError) as caught:
        spool.send()
    assert caught.value.status == 403
    assert (dead(spool), len(spool.files())) == ([], 1)
    log.join(spool.key)
    assert spool.send().logged == 3
    log.log(spool.key, 4, [make_body({"kind": "revoke", "at": 1, "key": spool.public})])
    spool.put(use("d"))
    for _ in range(2):
        with pytest.raises(ProblemError, match="revoked"):
            spool.send()
    assert (calls(log), dead(spool), len(spool.files())) == (expected("c", 3), [], 1)


def test_kinds_that_a_delegate_may_not_sign_are_dead_letters(log, spool) -> None:
    """The refusal names one record: the others go on."""
    meter = Ed25519PrivateKey.generate()
    kinds = ["usage"]
    accept = meter.sign(f"usance/delegate/v1\n{ORIGIN}\n{spool.public.hex()}\nusage\n".encode())
    fields = {"kind": "delegate", "at": 1, "key": public_bytes(meter), "kinds": kinds, "accept": accept}
    log.log(spool.key, 1, [make_body(fields)])
    spool.key = meter
    spool.put(use("c0"), make_body({"kind": "none", "at": 1, "from": 1, "until": 2}), use("c1"))
    sent = spool.send()
    assert (sent.logged, sent.dead, calls(log)) == (2, 1, ["c0", "c1"])
    assert dead(spool)[0]["problem"]["field"] == "kind"


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("what", ["send", "retry", "drop"])
def test_a_record_that_would_be_taken_later_is_logged_once_at_most(log, spool, monkeypatch, what) -> None:
    """Refused, then the sender died, then what was missing came: the refused batch is never sent again, so that a
    letter that is retried isn't logged twice, and a dropped one not at all."""
    spool.put(*uses("c", 3))
    honest, real = log._honest, SenderState.save
    row = {"status": 422, "type": "usance:rule", "detail": "not yet", "position": 1}
    refusal = json.dumps({"results": [row], "checkpoint": log.checkpoint().decode()}).encode()
    log._honest = lambda method, path, body: (
        (200, "application/json", refusal) if method == "POST" else honest(method, path, body)
    )

    def save(state: SenderState) -> None:
        if dead(spool):
            raise Died
        real(state)

    monkeypatch.setattr(SenderState, "save", save)
    with pytest.raises(Died):
        spool.send()
    monkeypatch.setattr(SenderState, "save", real)
    assert [letter["record"]["call"] for letter in dead(spool)] == ["c1"]
    log._honest = honest
    if what != "send":
        with spool.folder.sending():
            if what == "retry":
                assert retry_letters(spool.folder, [], now_ms=NOW_MS * 2) == 1
            else:
                assert drop_letters(spool.folder, []) == 1
    spool.send()
    assert calls(log) == (["c0", "c2", "c1"] if what == "retry" else ["c0", "c2"])
    assert len(dead(spool)) == (what == "send")
    assert load_state(spool.folder.file("sender.state")).passed == set()


def test_senders_in_turn_keep_each_others_letters(log, spool) -> None:
    """Each of several programs that send in turn adds to the same file."""
    clients = [spool.client(), spool.client()]
    senders = [spool.sender(client) for client in clients]
    for number in range(6):
        spool.put(bad(f"x{number}"), use(f"c{number}"))
        assert senders[number % 2].run().dead == 1
    for client in clients:
        client.close()
    assert [letter["record"]["call"] for letter in dead(spool)] == expected("x", 6)
    assert calls(log) == expected("c", 6)


# Disk, and other senders


def test_a_full_disk_sends_nothing_and_loses_nothing(log, spool, monkeypatch) -> None:
    """A batch whose state can't be kept must not leave."""
    spool.put(*uses("c", 3))

    def full(handle):
        if os.readlink(f"/proc/self/fd/{handle}").endswith("sender.state.tmp"):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        spool.send()
    assert posts(log) == []
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    assert spool.send().logged == 3


def test_two_senders_at_once(log, spool) -> None:
    """The second one is told, or waits; nothing goes twice."""
    spool.put(*uses("c", 50))
    inside, go = threading.Event(), threading.Event()

    def hook(method, path, body, answer):
        if method == "POST" and not inside.is_set():
            inside.set()
            assert go.wait(20)
        return answer

    log.hook = hook
    first = threading.Thread(target=spool.send, kwargs={"batch_records": 10})
    first.start()
    assert inside.wait(20)
    with pytest.raises(SpoolBusyError, match="another program"):
        spool.send()
    go.set()
    client = spool.client()
    spool.put(use("d"))
    spool.sender(client, sleep=time.sleep).run(wait_s=20)
    first.join()
    client.close()
    assert calls(log) == [*expected("c", 50), "d"]


def test_a_spool_has_a_folder_of_its_own_for_each_log(tmp_path) -> None:
    """Named after the log's key in the state folder, or as USANCE_SPOOL says; only its owner reads it."""
    one, two = FakeLog().vkey.text, FakeLog().vkey.text
    environment = {"USANCE_STATE": str(tmp_path)}
    assert spool_path(environment, one) != spool_path(environment, two)
    assert spool_path(environment, one).startswith(f"{tmp_path}/spool/log.example_fake-")
    assert spool_path({**environment, "USANCE_SPOOL": "/x"}, one) == "/x"
    folder = SpoolFolder(spool_path(environment, one))
    folder.make()
    assert os.stat(folder.path).st_mode & 0o777 == 0o700
    with pytest.raises(StorageError):
        SpoolFolder("/proc/none").make()


def test_options_are_bounded(spool) -> None:
    """A batch has 1 to 1,024 records."""
    client = spool.client()
    for count in (0, 1025):
        with pytest.raises(InputError):
            spool.sender(client, batch_records=count)
    client.close()


def test_the_head_of_a_batch_is_one_that_was_verified(log, spool) -> None:
    """Each batch names the newest head that this user has checked."""
    spool.put(*uses("c", 4))
    spool.send(batch_records=2)
    sizes = [parse_entry(raw).size for raw in log.reader.entries(2, 4)]
    assert sizes == [2, 2, 4, 4]
    assert unpack(parse_entry(log.reader.entry(2)).body)["call"] == "c0"
