"""The verifying client against a log that lies, fails, or goes away: what it takes for true, and what it keeps."""

import json
import os
import threading
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import StorageError
from node.client import Client, Taken
from node.errors import ForkError, NetworkError, ProblemError
from node.heads import HeadStore, state_folder
from node.inclusion import check_runs
from node.transport import Transport, check_url
from proofs import merkle
from proofs.entry import sign_batch
from proofs.errors import InputError, VerifyError
from proofs.records import make_body
from tests.node.fakelog import NOW_MS, ORIGIN, FakeLog


@pytest.fixture
def client(log, tmp_path):
    """A client of it, whose waits take no time."""
    made = Client(log.url, log.vkey, state_folder=str(tmp_path / "state"), timeout_s=5, sleep=lambda seconds: None)
    yield made
    made.close()


def nil(number: int = 0) -> bytes:
    """A small record."""
    return make_body({"kind": "none", "at": NOW_MS, "from": number, "until": number})


def batches(log, key, *sizes: int):
    """Signed batches that follow each other."""
    first, made = 1, []
    for size in sizes:
        bodies = [nil(first + at) for at in range(size)]
        head = (log.ledger.size, log.ledger.tree.root)
        made.append(sign_batch(key, origin=ORIGIN, size=head[0], root=head[1], first=first, bodies=bodies))
        first += size
    return made


def changed_json(**changes):
    """A hook that changes fields of the answer to POST /records."""

    def hook(method, path, body, answer):
        if method != "POST":
            return answer
        value = json.loads(answer[2])
        for name, change in changes.items():
            value[name] = change(value[name])
        return 200, "application/json", json.dumps(value).encode()

    return hook


# What is taken


def test_one_record_is_logged_and_verified(log, key, client) -> None:
    """A single record comes back with its verified reference, and the checkpoint is kept."""
    taken = client.log(key, [nil()])
    assert [ref.index for ref in taken.refs] == [2]
    assert merkle.leaf_hash(log.reader.entry(2)) == taken.refs[0].leaf
    assert client.head().size == 3


@pytest.mark.parametrize("sizes", [(2,), (3, 1), (256, 256, 5), (1024,), (1, 1, 1, 1)])
def test_batches_are_verified_from_tiles(log, key, client, sizes) -> None:
    """Requests of any shape are checked against the tree, and every reference is right."""
    outcomes = client.submit(batches(log, key, *sizes))
    refs = [ref for outcome in outcomes for ref in outcome.refs]
    assert [ref.index for ref in refs] == list(range(2, 2 + sum(sizes)))
    entries = log.reader.entries(2, sum(sizes))
    assert [ref.leaf for ref in refs] == [merkle.leaf_hash(entry) for entry in entries]


def test_a_batch_sent_again_gets_its_first_answer(log, key, client) -> None:
    """The same signed batch is verified at its old place, however much was logged meanwhile."""
    made = batches(log, key, 3)
    first = client.submit(made)
    client.log(key, [nil(9)])
    assert client.submit(made) == first


def test_a_refused_batch_is_an_outcome_beside_the_others(log, key, client) -> None:
    """Each batch is answered for itself."""
    good, _, gap = batches(log, key, 2, 2, 2)
    taken, refused = client.submit([good, gap])
    assert isinstance(taken, Taken)
    assert isinstance(refused, ProblemError)
    assert (refused.status, refused.type, refused.extra["next"]) == (409, "usance:sequence", 3)


def test_numbers_used_by_another_program_are_no_failure(log, key, client) -> None:
    """Where the key's numbers move on between asking and sending, the batch is signed anew, and logged once."""
    state = client.key_state

    def stale(public):
        found = state(public)
        log.log(key, found.next, [nil(77)])
        client.key_state = state
        return found

    client.key_state = stale
    taken = client.log(key, [nil(5)])
    assert taken.refs[0].index == 3
    assert log.ledger.size == 4


# Lies


def test_a_checkpoint_of_another_key_is_refused(log, key, client, tmp_path) -> None:
    """A signature by any other key gives an error and leaves what was kept."""
    client.checkpoint()
    kept = client.head()
    other = FakeLog()
    log.hook = lambda method, path, body, answer: (200, "text/plain", other.checkpoint())
    with pytest.raises(VerifyError, match="isn't signed"):
        client.checkpoint()
    assert client.head() == kept


def test_a_forked_checkpoint_is_refused_and_kept_as_evidence(log, key, client) -> None:
    """A validly signed checkpoint that no tree has together with the one seen: refused, and kept beside it."""
    client.checkpoint()
    kept = client.head()
    forged = log.checkpoint(size=9, root=bytes(32))
    log.hook = lambda method, path, body, answer: (
        (200, "text/plain", forged) if path == "/checkpoint" else (200, "text/plain", b"")
    )
    with pytest.raises(ForkError, match="one history"):
        client.checkpoint()
    assert client.head() == kept
    folder = os.path.dirname(client._heads.path)
    evidence = [name for name in os.listdir(folder) if ".fork-" in name]
    assert len(evidence) == 1
    with open(os.path.join(folder, evidence[0]), "rb") as file:
        assert file.read() == forged


def test_two_roots_at_one_size_are_a_fork(log, client) -> None:
    """Equal sizes need equal roots; no proof is asked for."""
    client.checkpoint()
    log.hook = lambda method, path, body, answer: (200, "text/plain", log.checkpoint(root=bytes(32)))
    with pytest.raises(ForkError):
        client.checkpoint()


def test_a_log_that_shrank_is_a_fork(log, key, client, tmp_path) -> None:
    """A smaller tree that isn't a prefix of the one seen is refused; one that is, is an older answer and changes
    nothing."""
    older = log.checkpoint()
    client.log(key, [nil()])
    kept = client.head()
    log.hook = lambda method, path, body, answer: (200, "text/plain", older) if path == "/checkpoint" else answer
    assert client.checkpoint().size == 2
    assert client.head() == kept
    other = FakeLog(key=log.key)
    log.ledger, log.hook = other.ledger, lambda method, path, body, answer: answer
    with pytest.raises(ForkError):
        client.checkpoint()
    assert client.head() == kept


@pytest.mark.parametrize("shift", [-1, 1, 1000, 2**62])
def test_a_wrong_place_is_refused(log, key, client, shift) -> None:
    """Records that aren't where the answer says don't count, for one record and for many."""

    def move(results):
        return [{**results[0], "first_index": results[0]["first_index"] + shift}]

    log.hook = changed_json(results=move)
    with pytest.raises(VerifyError):
        client.log(key, [nil()])
    with pytest.raises(VerifyError):
        client.submit(
            [sign_batch(key, origin=ORIGIN, size=0, root=merkle.EMPTY_ROOT, first=2, bodies=[nil(1), nil(2)])]
        )


def test_an_answer_without_the_record_is_refused(log, key, client) -> None:
    """A node that says 200 but leaves a record out of its tree is found out, though its checkpoint is well signed."""
    before = log.checkpoint().decode()
    log.hook = changed_json(checkpoint=lambda _: before, results=lambda rows: [{**rows[0], "first_index": 0}])
    with pytest.raises(VerifyError):
        client.submit(batches(log, key, 2))


@pytest.mark.parametrize(
    "answer",
    [
        (200, "application/json", b"[]"),
        (200, "application/json", b'{"results": [], "checkpoint": ""}'),
        (200, "application/json", b'{"results": [1], "checkpoint": "x"}'),
        (200, "application/json", b"[" * 100_000),
        (200, "text/html", b"<html>"),
        (404, "text/html", b"<html>"),
        (500, "application/problem+json", b'{"detail": "broken"}'),
        (200, "application/json", b"x" * (33 * 1024 * 1024)),
    ],
    ids=["list", "none", "number", "deep", "html", "404", "500", "large"],
)
def test_answers_that_are_no_nodes_are_errors_of_ours(log, key, client, answer) -> None:
    """Whatever comes back, the caller gets one of the package's errors, and nothing was taken for logged."""
    log.hook = lambda method, path, body, honest: answer if method == "POST" else honest
    with pytest.raises((NetworkError, VerifyError, ProblemError, InputError)):
        client.submit(batches(log, key, 1))


@pytest.mark.parametrize("change", [{"count": 2}, {"statuses": []}, {"statuses": [1]}, {"first_index": True}])
def test_results_of_another_form_are_refused(log, key, client, change) -> None:
    """A result must fit its batch in every field."""
    log.hook = changed_json(results=lambda rows: [{**rows[0], **change}])
    with pytest.raises(VerifyError):
        client.submit(batches(log, key, 1))


def test_an_entry_is_checked_by_its_proof(log, key, client) -> None:
    """An entry comes with its verified reference; another entry's proof in its place is refused."""
    client.log(key, [nil(3)])
    found = client.entry(2)
    assert (found.ref.index, found.body["kind"]) == (2, "none")
    wrong = log.proof(1)
    log.hook = lambda method, path, body, answer: (200, "text/plain", wrong) if path.startswith("/proof") else answer
    with pytest.raises(VerifyError):
        client.entry(2)


# Failures on the way


@pytest.mark.parametrize("failure", [None, (503, "text/plain", b""), (429, "text/plain", b"")])
def test_the_very_same_request_is_sent_again(log, key, client, failure) -> None:
    """Lost answers, 503 and 429: the same bytes again, the record logged once, the first answer taken."""
    left = [3]

    def hook(method, path, body, answer):
        if method == "POST" and left[0]:
            left[0] -= 1
            return failure
        return answer

    log.hook = hook
    taken = client.log(key, [nil()])
    posts = [body for method, _, body in log.requests if method == "POST"]
    assert len(posts) == 4
    assert len(set(posts)) == 1
    assert taken.refs[0].index == 2
    assert log.ledger.size == 3


@pytest.mark.parametrize("route", ["/checkpoint", "/consistency", "/keys/", "/records", "/tile/"])
def test_an_answer_that_is_cut_is_asked_for_again(log, key, client, route) -> None:
    """Half an answer is none: nobody is blamed for what it lacks, and nothing is logged twice."""
    client.checkpoint()
    log.join(Ed25519PrivateKey.generate())
    cuts = [20]

    def hook(method, path, body, answer):
        if path.startswith(route) and cuts:
            log.cut = cuts.pop()
        return answer

    log.hook = hook
    client.checkpoint()
    client.log(key, [nil(1), nil(2)])
    assert (cuts, log.ledger.size) == ([], 5)


def test_attempts_are_bounded(log, client) -> None:
    """A node that never answers gives a network error after a fixed number of tries."""
    log.hook = lambda method, path, body, answer: (503, "text/plain", b"")
    with pytest.raises(NetworkError, match="busy"):
        client.checkpoint()
    assert len(log.requests) == 5


def test_retry_after_is_followed(log, tmp_path) -> None:
    """The wait before the next try is at least what the node asks for, and at most a minute."""
    waits = []
    transport = Transport(log.url, sleep=waits.append)
    log.hook = lambda method, path, body, answer: (503, "text/plain", b"")
    with pytest.raises(NetworkError):
        transport.get("/checkpoint", bytes_max=1000)
    assert len(waits) == 4
    assert all(0 < wait <= 5 for wait in waits)
    transport.close()


def test_nobody_there_is_a_network_error(tmp_path) -> None:
    """A closed port says what to check."""
    transport = Transport("http://127.0.0.1:9", attempts=2, sleep=lambda seconds: None)
    with pytest.raises(NetworkError, match="can't be reached"):
        transport.get("/checkpoint", bytes_max=10)


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://a", "http://", "http://a?b", "http://a#b", "http://u@a", "http://a b", "http://a..b",
        "http://" + "a" * 64,
    ],
)  # fmt: skip
def test_bad_urls_are_refused(url) -> None:
    """Only http(s) with a host and a path."""
    with pytest.raises(InputError):
        check_url(url)


# What is kept


def test_concurrent_clients_share_one_file(log, key, tmp_path) -> None:
    """Many threads accept checkpoints of a growing log into one file: none fails, and the largest is kept."""
    errors = []

    def work() -> None:
        mine = Client(log.url, log.vkey, state_folder=str(tmp_path / "s"), sleep=lambda seconds: None)
        try:
            for _ in range(10):
                mine.checkpoint()
        except Exception as error:
            errors.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 30):
        with log.lock:
            log.log(key, number, [nil(number)])
    for thread in threads:
        thread.join()
    assert errors == []
    last = Client(log.url, log.vkey, state_folder=str(tmp_path / "s"))
    assert last.checkpoint().size == log.ledger.size
    last.close()


def test_a_damaged_file_says_what_to_do(log, client, tmp_path) -> None:
    """What can't be read is no reason to start anew silently."""
    client.checkpoint()
    with open(client._heads.path, "wb") as file:
        file.write(b"junk")
    with pytest.raises(StorageError, match="move it away"):
        client.head()


def test_replace_refuses_what_has_moved_on(log, tmp_path) -> None:
    """Compare and swap: a note is kept only in place of the one that it was checked against."""
    store = HeadStore(str(tmp_path / "s"), log.vkey)
    first = log.checkpoint()
    assert store.replace(None, first)
    assert not store.replace(None, first)
    assert os.stat(store.path).st_mode & 0o077 == 0


def test_the_state_folder_follows_the_environment() -> None:
    """USANCE_STATE, then XDG_STATE_HOME where it is absolute, then the home folder."""
    assert state_folder({"USANCE_STATE": "/a", "XDG_STATE_HOME": "/b"}) == "/a"
    assert state_folder({"XDG_STATE_HOME": "/b"}) == "/b/usance"
    assert state_folder({"XDG_STATE_HOME": "b"}).endswith("/.local/state/usance")


# Many leaves at once


@given(
    size=st.integers(1, 600),
    cuts=st.lists(st.integers(0, 600), min_size=2, max_size=6),
    flip=st.integers(0, 600),
)
def test_runs_are_included_exactly_if_their_leaves_are_there(size, cuts, flip) -> None:
    """Against the whole tree: right runs pass and ask for no node over their own leaves; one other leaf fails."""
    leaves = [merkle.leaf_hash(at.to_bytes(4, "big")) for at in range(size)]
    bounds = sorted({min(cut, size) for cut in cuts})
    runs = [(a, leaves[a:b]) for a, b in pairwise(bounds)][::2]
    own = {at for first, run in runs for at in range(first, first + len(run))}

    def read(level: int, index: int) -> bytes:
        covered = range(index << level, (index + 1) << level)
        assert own.isdisjoint(covered)
        return merkle.root([leaves[at] for at in covered])

    root = merkle.root(leaves)
    check_runs(runs, size=size, root=root, read=read)
    if own:
        place = sorted(own)[flip % len(own)]
        wrong = [
            (first, [bytes(32) if first + at == place else leaf for at, leaf in enumerate(run)]) for first, run in runs
        ]
        with pytest.raises(VerifyError):
            check_runs(wrong, size=size, root=root, read=read)


def test_runs_that_overlap_or_pass_the_end_are_refused() -> None:
    """A place holds one record, and the tree holds it; the same run twice is one run."""
    leaves = [merkle.leaf_hash(bytes([at])) for at in range(4)]
    root = merkle.root(leaves)

    def read(level: int, index: int) -> bytes:
        return merkle.root(leaves[index << level : (index + 1) << level])

    check_runs([(1, leaves[1:3]), (1, leaves[1:3])], size=4, root=root, read=read)
    for runs in ([(1, leaves[1:3]), (2, leaves[2:4])], [(3, leaves[3:] * 2)], [(0, [])]):
        with pytest.raises(VerifyError):
            check_runs(runs, size=4, root=root, read=read)
