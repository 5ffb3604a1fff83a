"""POST /detect and PUT /assets/<ref>/prints on a real node: who may, how much, what is answered and what never is."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ledger.leveldb import LevelStore
from node.detect.matching import DOCUMENTS, match
from node.detect.postings import MemoryPostings
from node.detect.prints import Prints
from node.detect.printset import leaf_of
from node.detect.serving import WORK_FREE, rounded
from node.tokens import add_token
from proofs import codec
from tests.node.clitool import Cli
from tests.node.detecting import LOOK_TYPE, SET_TYPE, Detector, asked, print_set, print_text, prose, register
from tests.node.harness import Actor, NodeProcess, check_problem, nil_body, until

CORPUS = [print_text(f"item {at}", prose(at)) for at in range(8)] + [print_text("binary", None)]
DATA, SUMMARY = print_set(CORPUS)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with metrics; nothing that these tests do may end up in its log as a defect."""
    made = NodeProcess(tmp_path_factory.mktemp("detect") / "n", metrics="main").start()
    try:
        yield made
        assert made.stop() == 0
        assert made.failures() == []
    finally:
        made.kill()


@pytest.fixture(scope="module")
def detector(serving: NodeProcess) -> Detector:
    """Who may detect there."""
    return Detector(serving)


@pytest.fixture(scope="module")
def owner(serving: NodeProcess) -> Actor:
    """Who registers assets."""
    return Actor(serving).join("Press")


@pytest.fixture(scope="module")
def corpus(detector: Detector, owner: Actor) -> str:
    """An asset whose print set is in the index."""
    terms = {"currency": "EUR", "offers": [], "on_match": "charge"}
    ref = register(owner, SUMMARY, terms=terms)
    assert detector.send(ref, DATA).status == 200
    return ref


def figure(node: NodeProcess, name: str) -> float:
    """A metric without labels."""
    rows = node.get("/metrics").body.decode().splitlines()
    return next(float(row.split()[1]) for row in rows if row.startswith(f"{name} "))


def test_matches_are_those_of_the_rule_and_say_where(detector: Detector, corpus: str) -> None:
    """What a node answers is what matching finds in memory, without places in the source; an owner is shown as the log
    has it."""
    excerpt = print_text("excerpt", f"{prose(100)} {prose(3)[200:1000]}")
    items = [excerpt, print_text("whole", prose(5)), print_text("other", prose(101)), print_text("short", prose(2, 20)),
             print_text("binary", None)]  # fmt: skip
    answer = detector.look(items)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    found = answer.json()
    memory = MemoryPostings([("corpus", item) for item in CORPUS])
    expected = match(items, memory, DOCUMENTS).pairs
    assert [(one["item"], one["hits"], one["of_item"], one["of_source"], one["run"], one["place"])
            for one in found["pairs"] if one["hits"]] == [
        (pair.item, rounded(pair.hits, step=5, least=5), pair.of_item // 10_000 * 10_000,
         pair.of_source // 10_000 * 10_000, rounded(pair.run, step=50, least=85), pair.item_place) for pair in expected
    ]  # fmt: skip
    assert "crowded" not in found
    by_item = {one["item"]: one for one in found["pairs"]}
    assert sorted(by_item) == [0, 1, 4]
    assert [by_item[at]["copy"] for at in (0, 1, 4)] == [False, True, True]
    assert by_item[0]["source"] == {"sha256": CORPUS[3].sha256.hex(), "length": CORPUS[3].length}
    assert {one["owner"] for one in found["pairs"]} == {corpus}
    assert {one["prints_root"] for one in found["pairs"]} == {SUMMARY.root.hex()}
    assert found["owners"] == {corpus: {"title": "corpus", "on_match": "charge", "retired": False}}
    assert (found["too_short"], found["left_out"], found["rule"]) == ([3, 4], 0, "documents")
    assert found["index"]["owners"] >= 1
    assert found["index"]["items"] >= len(CORPUS)


def test_what_doesnt_match_is_not_told(detector: Detector, corpus: str) -> None:
    """A few prints of a source, below the rule, are answered as none at all are."""
    one = CORPUS[3]
    rest = np.arange(60, dtype=np.uint64) + np.uint64(10**9)
    hashes = np.concatenate([one.hashes[::9][:6], rest])  # as many hits as the rule wants, but scattered, and few
    few = Prints("few", bytes(32), 5000, hashes, np.arange(66, dtype=np.uint32) * 20)
    none = Prints("none", bytes(32), 5000, rest, np.arange(60, dtype=np.uint32) * 20)
    answers = [detector.look([item]).json() for item in (few, none)]
    assert answers[0] == answers[1]
    assert (answers[0]["pairs"], answers[0]["too_short"]) == ([], [])


def test_prints_of_no_text_are_too_short(detector: Detector, corpus: str) -> None:
    """A handful of prints that are said to be of a long text, or far apart as winnowing never leaves them, tell
    nothing; of a text cut down to what a rule needs they do."""
    one = CORPUS[3]
    start = Prints("start", bytes(32), 400, one.hashes[:12], one.places[:12])
    spread = Prints("spread", bytes(32), 5000, one.hashes[:20], np.arange(20, dtype=np.uint32) * 900)
    honest = print_text("honest", prose(3)[:480])
    answer = detector.look([start, spread, honest]).json()
    assert answer["too_short"] == [0, 1]
    assert [pair["item"] for pair in answer["pairs"]] == [2]


def test_figures_are_rounded_down_and_fulfil_the_rule_as_before() -> None:
    """So that a guess more mostly changes nothing; what a threshold asks for stays."""
    assert [rounded(hits, step=5, least=5) for hits in (0, 4, 5, 9, 10, 31, 99, 100, 129, 1299)] == [
        0, 4, 5, 5, 10, 30, 95, 100, 120, 1200]  # fmt: skip
    assert [rounded(run, step=50, least=85) for run in (25, 84, 85, 99, 149, 640, 1299)] == [
        25, 84, 85, 85, 100, 600, 1200]  # fmt: skip


def test_much_that_is_alike_is_asked_a_few_items_at_a_time(make_node: Callable[..., NodeProcess]) -> None:
    """Near-equal items against near-equal sources: refused before it is looked at where it is too much, else bounded
    in the answer, and charged by what it costs."""
    hashes = np.random.default_rng(5).integers(0, 2**63, 20, dtype=np.uint64)
    alike = [Prints(str(at), at.to_bytes(32, "big"), 400, hashes, np.arange(20, dtype=np.uint32) * 20)
             for at in range(1000)]  # fmt: skip
    node = make_node(start=False, prints_per_hour=500 * 20)
    one, other = Detector(node, "one"), Detector(node, "other")
    node.start()
    data, summary = print_set(alike)
    ref = register(Actor(node).join(), summary)
    assert one.send(ref, data).status == 200
    assert check_problem(other.look(alike[:300]), 400)["field"] == "items"
    few = one.look(alike[:100]).json()
    assert (len(few["pairs"]), few["left_out"]) == (4096, 100_000 - 4096)
    wait = int(one.look(alike[:1]).headers["retry-after"])
    assert wait > 3600 * (100 * 20 * 1000 - WORK_FREE * 2000) // 10_000 * 0.9


def test_who_sends_slowly_keeps_nobody_else_out(make_node: Callable[..., NodeProcess]) -> None:
    """Of all places a token has two, whether it looks or uploads."""
    node = make_node(start=False)
    slow, other = Detector(node, "slow"), Detector(node, "other")
    node.start()
    ref = register(Actor(node).join(), SUMMARY)
    for line, kind, statuses in (("POST /detect", LOOK_TYPE, []), (f"PUT /assets/{ref}/prints", SET_TYPE, [])):
        head = f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {slow.token}\r\nContent-Type: {kind}\r\n"
        connections = [socket.create_connection(("127.0.0.1", node.port), timeout=60) for _ in range(8)]
        try:
            for connection in connections:
                connection.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
            for connection in connections[2:]:
                statuses.append(connection.recv(12))
            assert statuses == [b"HTTP/1.1 503"] * 6
            answer = other.look(CORPUS[:1]) if kind == LOOK_TYPE else other.send(ref, DATA)
            assert answer.status == 200
        finally:
            for connection in connections:
                connection.close()


def test_a_disk_error_of_an_upload_is_logged_and_counted(make_node: Callable[..., NodeProcess]) -> None:
    """503 without the server's paths, the event and the metric; the next that can be stored is taken."""
    node = make_node(metrics="main")
    detector, owner = Detector(node), Actor(node).join()
    ref = register(owner, SUMMARY)
    head = f"PUT /assets/{ref}/prints HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {detector.token}\r\n"
    head += f"Content-Type: {SET_TYPE}\r\nContent-Length: {len(DATA)}\r\nConnection: close\r\n\r\n"
    uploads = node.folder / "prints-uploads"
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(head.encode() + DATA[:100])
        until(lambda: uploads.is_dir() and len(os.listdir(uploads)) == 1)
        shutil.rmtree(uploads)
        connection.sendall(DATA[100:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert str(node.folder).encode() not in answer
    assert "a print set can't be stored" in node.log_path.read_text()
    assert figure(node, "usance_detect_failed") == 1
    uploads.mkdir()
    assert detector.send(ref, DATA).json()["status"] == "taken"
    assert figure(node, "usance_detect_failed") == 0


@pytest.mark.parametrize("made", ["folder", "file"])
def test_something_else_in_the_indexs_place_is_for_who_runs_the_node(
    make_node: Callable[..., NodeProcess], made: str
) -> None:
    """503, logged and counted, without the server's paths; once it is gone, detection works. What a killed node was
    being sent is cleared away at the start."""
    node = make_node(start=False, metrics="main")
    detector = Detector(node)
    (node.folder / "prints-uploads").mkdir()
    (node.folder / "prints-uploads" / "half").write_bytes(b"x")
    if made == "folder":
        (node.folder / "prints").mkdir()
        (node.folder / "prints" / "LOG").write_text("")
    else:
        (node.folder / "prints").write_text("")
    node.start()
    assert not (node.folder / "prints-uploads").exists()
    answer = detector.look(CORPUS[:1])
    check_problem(answer, 503)
    assert str(node.folder).encode() not in answer.body
    assert "can't be used" in node.log_path.read_text()
    assert figure(node, "usance_detect_failed") == 1
    os.rename(node.folder / "prints", node.folder / "away")
    assert detector.look(CORPUS[:1]).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_only_tokens_for_detection_open_it(serving: NodeProcess, corpus: str, method: str) -> None:
    """Though anybody may read here: no token or an unknown one is 401, one for reading 403, and both routes alike."""
    reader = Detector(serving, f"reader-{method}", may=["read"])
    until(lambda: reader.look([]).status != 401)  # the node reads its tokens again
    path, kind, body = ("/detect", LOOK_TYPE, asked(CORPUS)) if method == "POST" else (
        f"/assets/{corpus}/prints", SET_TYPE, DATA)  # fmt: skip
    for headers, status in (
        ({}, 401), ({"Authorization": "Bearer usance_" + "A" * 43}, 401), ({"Authorization": "Basic x"}, 401),
        ({"Authorization": f"Bearer {reader.token}"}, 403),
    ):  # fmt: skip
        answer = serving.request(method, path, body, {"Content-Type": kind, **headers})
        check_problem(answer, status)
        assert ("www-authenticate" in answer.headers) == (status == 401)
        assert b"pairs" not in answer.body


def test_a_token_for_detection_reads_nothing_else(make_node: Callable[..., NodeProcess]) -> None:
    """Where readers need a token, one for detection alone opens no other route; one for both opens both."""
    node = make_node(start=False, readers="token")
    alone, both = Detector(node, "alone"), Detector(node, "both", may=["detect", "read"])
    node.start()
    assert node.get("/records", {"Authorization": f"Bearer {alone.token}"}).status == 401
    assert alone.look([CORPUS[0]]).status == 200
    assert node.get("/records", {"Authorization": f"Bearer {both.token}"}).status == 200
    assert both.look([CORPUS[0]]).status == 200


def test_the_command_makes_tokens_for_detection(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """`--may detect`; the running node knows it; an old file, without scopes, goes on to mean reading."""
    node = make_node()
    cli = Cli(tmp_path)
    old = add_token(str(node.folder), "old", now_ms=1)
    assert "may" not in (node.folder / "tokens.json").read_text()
    token = cli("node", "token", node.folder, "add", "new", "--may", "detect").out.strip()
    listed = cli.ok("node", "token", node.folder, "list", "--json").json()["tokens"]
    assert [(one["name"], one["may"]) for one in listed] == [("old", ["read"]), ("new", ["detect"])]
    for text, status in ((old, 403), (token, 200)):
        headers = {"Authorization": f"Bearer {text}", "Content-Type": LOOK_TYPE}
        assert node.request("POST", "/detect", asked([CORPUS[0]]), headers).status == status
    assert cli("node", "token", node.folder, "remove", "new", "--may", "detect").code == 2


LEAF = leaf_of(CORPUS[0])
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "body"),
    "no map": (codec.pack([]), "body"),
    "cut": (asked([CORPUS[0]])[:-1], "body"),
    "more": (asked([CORPUS[0]]) + b"\x00", "body"),
    "another field": (asked([CORPUS[0]], extra=1), "body"),
    "not canonical": (codec.pack({"scheme": "x", "items": [LEAF], "rule": "documents"}), "body"),
    "no items": (asked([]), "items"),
    "items of text": (asked([], items=["a"]), "items"),
    "too many items": (asked([], items=[leaf_of(CORPUS[-1])] * 4097), "body"),
    "items nested": (asked([], items=[[LEAF]]), "body"),
    "a leaf cut": (asked([], items=[LEAF, LEAF[:-1]]), "items.1"),
    "places that don't ascend": (asked([], items=[codec.pack([bytes(32), 99, LEAF[-24:] * 2])]), "items.0"),
    "another rule": (asked([CORPUS[0]], rule="all"), "rule"),
    "a rule of bytes": (asked([CORPUS[0]], rule=b"documents"), "rule"),
    "another scheme": (asked([CORPUS[0]], scheme="winnow-v1 gram=20 window=26"), "scheme"),
    "no scheme": (asked([CORPUS[0]], scheme="x"), "scheme"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused(serving: NodeProcess, detector: Detector, name: str) -> None:
    """400 with the field, and the token's quota is as it was."""
    body, field = MALFORMED[name]
    answer = serving.request("POST", "/detect", body, detector.headers(LOOK_TYPE))
    assert check_problem(answer, 400)["field"] == field


def test_bodies_are_bounded_and_of_the_right_kind(serving: NodeProcess, detector: Detector, corpus: str) -> None:
    """Another content type, an encoding, a body that is too large, announced or not; an argument; another method."""
    headers = detector.headers(LOOK_TYPE)
    check_problem(serving.request("POST", "/detect", b"x", {**headers, "Content-Type": "application/json"}), 415)
    check_problem(serving.request("POST", "/detect", b"x", {**headers, "Content-Encoding": "gzip"}), 415)
    check_problem(serving.request("POST", "/detect", None, {**headers, "Content-Length": str(9 * 2**20)}), 413)
    chunks = b"".join(b"100000\r\n" + bytes(2**20) + b"\r\n" for _ in range(9)) + b"0\r\n\r\n"
    check_problem(serving.request("POST", "/detect", chunks, {**headers, "Transfer-Encoding": "chunked"}), 413)
    check_problem(serving.request("POST", "/detect?x=1", b"x", headers), 400)
    check_problem(serving.request("GET", "/detect", None, headers), 405)
    headers = detector.headers(SET_TYPE)
    check_problem(serving.request("PUT", f"/assets/{corpus}/prints", b"x", {**headers, "Content-Type": LOOK_TYPE}), 415)
    check_problem(serving.request("PUT", f"/assets/{corpus}/prints", None, {**headers, "Content-Length": str(2**40)}),
                  413)  # fmt: skip


def test_a_quota_by_the_hour(make_node: Callable[..., NodeProcess]) -> None:
    """Each token has its own; beyond it 429 with Retry-After, nothing is looked up, and it is counted."""
    prints = len(CORPUS[0])
    node = make_node(start=False, prints_per_hour=2 * prints + 1, prints_max=3 * prints, metrics="main")
    one, other = Detector(node, "one"), Detector(node, "other")
    node.start()
    assert [one.look([CORPUS[0]]).status for _ in range(2)] == [200, 200]
    answer = one.look([CORPUS[0]])
    assert 1 <= int(answer.headers["retry-after"]) <= 1800
    assert check_problem(answer, 429)["field"] == "prints"
    assert other.look([CORPUS[0]]).status == 200
    assert check_problem(other.look([CORPUS[0]] * 4), 400)["field"] == "items"
    assert figure(node, "usance_detect_looks_total") == 3
    assert 'usance_quota_refused_total{of="prints"} 1.0' in node.get("/metrics").body.decode()


def test_print_sets_authenticate_themselves(serving: NodeProcess, detector: Detector, owner: Actor) -> None:
    """Only the set with the root, count and scheme of the asset's record is taken; of others nothing stays."""
    mine = [print_text(f"mine {at}", prose(500 + at)) for at in range(3)]
    data, summary = print_set(mine)
    ref, plain = register(owner, summary, "mine"), register(owner, None, "plain")
    before = figure(serving, "usance_detect_index_prints")
    wrong = [DATA, data[:-1], data[:-40], b"", b"x" * 100, data + b"\x00", print_set(mine[:2])[0],
             print_set(mine[::-1])[0], data.replace(b"window=26", b"window=27")]  # fmt: skip
    for sent in wrong:
        check_problem(detector.send(ref, sent), 400)
    assert check_problem(detector.send(plain, data), 400)["field"] == "prints"
    check_problem(detector.send("99999", data), 404)
    check_problem(detector.send("1", data), 404)
    check_problem(detector.send("1:" + "00" * 32, data), 404)
    check_problem(detector.send("x", data), 400)
    assert detector.look(mine).json()["pairs"] == []
    assert os.listdir(serving.folder / "prints-uploads") == []
    taken = detector.send(ref, data)
    assert taken.json() == {"ref": ref, "status": "taken", "items": 3, "prints": summary.count,
                            "root": summary.root.hex()}  # fmt: skip
    assert detector.send(ref.split(":")[0], data).json()["status"] == "there"
    assert len(detector.look(mine).json()["pairs"]) == 3
    assert figure(serving, "usance_detect_index_prints") >= before + summary.count
    assert os.listdir(serving.folder / "prints-uploads") == []


def test_a_set_beyond_the_bound_and_one_that_breaks_off_leave_nothing(make_node: Callable[..., NodeProcess]) -> None:
    """Sets larger than `detect.set_bytes_max`, or whose sender goes away, are forgotten; the next is taken."""
    node = make_node(set_bytes_max=len(DATA), request_timeout_s=2)
    detector, owner = Detector(node), Actor(node).join()
    ref = register(owner, SUMMARY)
    check_problem(detector.send(ref, DATA + b"\x00"), 413)
    head = f"PUT /assets/{ref}/prints HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {detector.token}\r\n"
    head += f"Content-Type: {SET_TYPE}\r\nContent-Length: {len(DATA)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", node.port)) as connection:
        connection.sendall(head.encode() + DATA[:100])
        uploads = node.folder / "prints-uploads"
        until(lambda: uploads.is_dir() and len(os.listdir(uploads)) == 1)
    until(lambda: os.listdir(uploads) == [])
    slow = node.raw(head.encode() + DATA[:100])
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert os.listdir(uploads) == []
    assert detector.send(ref, DATA).json()["status"] == "taken"


def test_the_index_outlives_the_node(make_node: Callable[..., NodeProcess]) -> None:
    """A node that is killed and started again answers as before; what was being uploaded is gone."""
    node = make_node()
    detector, owner = Detector(node), Actor(node).join()
    ref = register(owner, SUMMARY)
    detector.send(ref, DATA)
    before = detector.look(CORPUS[:3]).json()
    node.kill()
    (node.folder / "prints-uploads" / "half").write_bytes(b"x")
    node.start()
    assert detector.look(CORPUS[:3]).json() == before
    assert os.listdir(node.folder / "prints-uploads") == []
    assert node.stop() == 0
    cli = Cli(node.folder.parent)
    listed = cli.ok("detect", "index", node.folder / "prints", "--list", "--json").json()
    assert [one["owner"] for one in listed["owners"]] == [ref]
    cli.ok("detect", "index", node.folder / "prints", "--remove", ref)
    node.start()
    assert detector.look(CORPUS[:3]).json()["pairs"] == []


def test_a_damaged_index_stops_nothing_else(make_node: Callable[..., NodeProcess]) -> None:
    """The node starts, is ready, and logs; detection alone answers 503, its log says what to do, and a metric tells."""
    node = make_node(metrics="main")
    detector, owner = Detector(node), Actor(node).join()
    detector.send(register(owner, SUMMARY), DATA)
    assert node.stop() == 0
    store = LevelStore(str(node.folder / "prints"))
    store.write({b"m": b"damaged"})
    store.close()
    node.start()
    assert node.get("/readyz").status == 200
    answer = detector.look(CORPUS[:1])
    assert int(answer.headers["retry-after"]) > 0
    check_problem(answer, 503)
    assert str(node.folder).encode() not in answer.body
    assert "make the index again" in node.log_path.read_text()
    assert figure(node, "usance_detect_failed") == 1
    assert owner.log(nil_body())["count"] == 1


NO_NUMPY = (
    "import sys\n"
    "sys.modules['numpy'] = None\n"
    "from node.server import run_node\n"
    "run_node(sys.argv[1], listen='127.0.0.1:0', on_ready=lambda url: print(url, flush=True))\n"
)


def test_a_node_without_numpy_logs_and_says_what_is_missing(
    make_node: Callable[..., NodeProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts, and answers 501 to whoever may detect."""
    monkeypatch.setattr("tests.node.harness._RUN", NO_NUMPY)
    node = make_node()
    detector = Detector(node)
    Actor(node).join()
    problem = check_problem(detector.look(CORPUS[:1]), 501)
    assert "usance[detect]" in problem["expected"]
    assert node.stop() == 0


def test_detection_holds_nobody_up(make_node: Callable[..., NodeProcess]) -> None:
    """While the largest requests are looked up, more than may wait are told to come again, and records are logged."""
    node = make_node(start=False, prints_per_hour=0)
    detectors = [Detector(node, f"detector-{at}") for at in range(6)]
    node.start()
    actor = Actor(node).join()
    rng = np.random.default_rng(1)
    many = [Prints(str(at), at.to_bytes(32, "big"), 10**6, rng.integers(0, 2**64, 2**13, dtype=np.uint64),
                   np.arange(2**13, dtype=np.uint32)) for at in range(8)]  # fmt: skip
    body = asked(many)
    named = {"Host": "x", "Connection": "close", "Content-Length": len(body)}
    heads = []
    for detector in detectors:
        rows = (f"{name}: {value}" for name, value in {**named, **detector.headers(LOOK_TYPE)}.items())
        heads.append("\r\n".join(["POST /detect HTTP/1.1", *rows, "", ""]).encode())
    connections = [socket.create_connection(("127.0.0.1", node.port), timeout=60) for _ in range(12)]
    try:
        for at, connection in enumerate(connections):
            connection.sendall(heads[at // 2] + body[:1000])
        statuses = []
        for connection in connections[8:]:
            statuses.append(connection.recv(12))
        assert statuses == [b"HTTP/1.1 503"] * 4
        for connection in connections[:8]:
            connection.sendall(body[1000:])
        assert actor.log(nil_body())["count"] == 1
        assert [connection.recv(12) for connection in connections[:8]] == [b"HTTP/1.1 200"] * 8
    finally:
        for connection in connections:
            connection.close()


def test_sending_by_the_command(make_node: Callable[..., NodeProcess], tmp_path: Path) -> None:
    """`detect send` compares the file with the verified record, sends it, and says when it was there already."""
    node = make_node()
    detector, owner = Detector(node), Actor(node).join()
    ref, plain = register(owner, SUMMARY), register(owner, None, "plain")
    file, other = tmp_path / "corpus.prints", tmp_path / "other.prints"
    file.write_bytes(DATA)
    other.write_bytes(print_set(CORPUS[:2])[0])
    cli = Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_TOKEN": detector.token})
    for arguments, said in (
        (("corpus", other), "is not the print set"), (("plain", file), "without prints"),
        (("corpus", tmp_path / "none"), "can't read"), (("model:x/y", file), "external name"),
    ):  # fmt: skip
        done = cli("detect", "send", *arguments)
        assert done.code == 2
        assert said in done.err
    assert cli.ok("detect", "send", "corpus", file, "--json").json()["status"] == "taken"
    assert "was there already" in cli.ok("detect", "send", ref, file).out
    assert plain
    assert len(detector.look(CORPUS[:3]).json()["pairs"]) == 3
