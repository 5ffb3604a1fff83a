"""POST /records as HTTP: its form, its limits in size and time, and what a request that is cut leaves behind."""

import concurrent.futures
import gzip
import http.client
import os
import select
import socket
import time
from collections.abc import Callable

import pytest

from proofs import codec, merkle
from proofs.checkpoint import open_checkpoint
from proofs.entry import REQUEST_BYTES_MAX, encode_request
from proofs.tlogproof import parse_tlog_proof
from tests.node.harness import (
    Actor,
    NodeProcess,
    body,
    check_problem,
    chunked,
    nil_body,
    parse_answer,
    read_all,
    until,
    use_body,
)

HEAD = b"POST /records HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/msgpack\r\n"


def test_one_record_is_answered_with_its_proof(node: NodeProcess, actor: Actor) -> None:
    """A request of one record gets its index, status, the signed checkpoint, and a proof that holds against it."""
    batch = actor.sign(use_body())
    answer = node.post(encode_request([batch]))
    assert (answer.status, answer.type) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert set(said) == {"results", "checkpoint", "proof"}
    checkpoint = open_checkpoint(said["checkpoint"].encode(), node.vkey)
    proof = parse_tlog_proof(said["proof"].encode())
    index = said["results"][0]["first_index"]
    assert said["results"] == [{"status": 200, "first_index": index, "count": 1, "statuses": ["unclaimed"]}]
    assert proof.checkpoint_note == said["checkpoint"].encode()
    assert proof.extra == batch.entries()[0]
    merkle.check_inclusion(
        index=index, size=checkpoint.size, leaf=merkle.leaf_hash(proof.extra), path=proof.path, root=checkpoint.root
    )


def test_many_batches_are_answered_in_order(node: NodeProcess) -> None:
    """Each batch of a request gets its own result, in the order of the request; several records bring no proof."""
    actors = [Actor(node) for _ in range(256)]
    said = node.post(encode_request([one.sign(body("party", name=f"P {at}")) for at, one in enumerate(actors)])).json()
    assert [result["status"] for result in said["results"]] == [200] * 256
    indices = [result["first_index"] for result in said["results"]]
    assert indices == list(range(indices[0], indices[0] + 256))
    assert "proof" not in said


def test_the_largest_batch_and_the_largest_request(node: NodeProcess, actor: Actor) -> None:
    """1,024 records in a batch, a body of 60,000 bytes, and a request of nearly 8 MiB are taken."""
    result = actor.log(*(nil_body(number) for number in range(1024)))
    assert (result["count"], result["statuses"]) == (1024, ["logged"] * 1024)
    attrs = {f"{at:02}": "x" * 1000 for at in range(59)}
    large = use_body(attrs={**attrs, "99": "x" * (500 + 60_000 - len(use_body(attrs={**attrs, "99": "x" * 500})))})
    assert len(large) == 60_000
    batches = []
    for _ in range(139):
        batches.append(actor.sign(large))
        actor.next += 1
    data = encode_request(batches)
    assert REQUEST_BYTES_MAX - 60_000 < len(data) <= REQUEST_BYTES_MAX
    assert {result["status"] for result in node.post(data).json()["results"]} == {200}


@pytest.mark.parametrize(
    "kind",
    ["", "application/json", "application/x-msgpack", "text/plain", "application/octet-stream", "multipart/form-data",
     "application/msgpackx", "application /msgpack", "*/*", "application/msgpack, application/json"],
)  # fmt: skip
def test_another_content_type_is_refused(node: NodeProcess, actor: Actor, kind: str) -> None:
    """Anything but application/msgpack is 415 and says which type is read, whatever the body; nothing is stored."""
    before = node.get("/checkpoint").body
    answer = node.post(encode_request([actor.sign(nil_body())]), {"Content-Type": kind})
    said = check_problem(answer, 415)
    assert (said["field"], said["expected"]) == ("Content-Type", "application/msgpack")
    assert node.get("/checkpoint").body == before


def test_parameters_of_the_content_type_are_passed_over(node: NodeProcess, actor: Actor) -> None:
    """Media types are compared without case and parameters (RFC 9110 section 8.3.1)."""
    data = encode_request([actor.sign(nil_body())])
    assert node.post(data, {"Content-Type": "Application/MsgPack; v=1"}).status == 200


def test_compressed_bodies_are_refused(node: NodeProcess, actor: Actor) -> None:
    """A Content-Encoding is 415: what is unpacked would not be bounded by what was sent."""
    data = encode_request([actor.sign(nil_body())])
    for coding, sent in (("gzip", gzip.compress(data)), ("deflate", data), ("br", b""), ("x", data)):
        assert check_problem(node.post(sent, {"Content-Encoding": coding}), 415)["field"] == "Content-Encoding"
    assert node.post(data, {"Content-Encoding": "identity"}).status == 200


def test_an_announced_size_above_the_limit_is_refused_at_once(node: NodeProcess) -> None:
    """A Content-Length above 8 MiB is 413 before a byte of the body is sent, also where the client waits to go on."""
    length = b"Content-Length: %d\r\n" % (REQUEST_BYTES_MAX + 1)
    for expect in (b"", b"Expect: 100-continue\r\n"):
        with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
            connection.sendall(HEAD + length + expect + b"\r\n")
            first = connection.recv(4096)
            assert first.startswith(b"HTTP/1.1 413 ")


def test_a_body_above_the_limit_without_a_length_is_refused(node: NodeProcess) -> None:
    """A chunked body is counted as it comes: one byte above 8 MiB is 413."""
    for extra in (1, 2_000_000):
        body_bytes = chunked([b"\x00" * 65_536] * (REQUEST_BYTES_MAX // 65_536) + [b"\x00" * extra])
        data = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body_bytes
        said = check_problem(parse_answer(node.raw(data)), 413)
        assert said["field"] == "request"


def test_a_chunked_body_is_taken(node: NodeProcess, actor: Actor) -> None:
    """Chunks of any size make the same request as a body with a length."""
    data = encode_request([actor.sign(nil_body())])
    sent = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked([data[at : at + 3] for at in range(0, len(data), 3)])
    assert parse_answer(node.raw(sent)).json()["results"][0]["status"] == 200


def test_expect_continue_is_answered(node: NodeProcess, actor: Actor) -> None:
    """A client that waits for 100 Continue gets it, and then its answer; another expectation is 417 on any route."""
    data = encode_request([actor.sign(nil_body())])
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(data))
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(data)
        answer = parse_answer(read_all(connection))
    assert answer.json()["results"][0]["status"] == 200
    check_problem(node.post(data, {"Expect": "miracles"}), 417)
    check_problem(node.get("/checkpoint", {"Expect": "miracles"}), 417)
    for target in (b"GET /nowhere", b"PUT /records", b"GET /checkpoint"):  # no UTF-8, with and without a route
        raw = node.raw(target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 2\xa3\xcb\r\n\r\n")
        check_problem(parse_answer(raw), 417)


@pytest.mark.parametrize("left", [1, 40, 200])
def test_a_truncated_request_is_nothing(node: NodeProcess, actor: Actor, left: int) -> None:
    """A body cut anywhere is 400 where its length says so,
    and nothing where the client went away; nothing is stored."""
    before = node.get("/checkpoint").body
    data = encode_request([actor.sign(nil_body())])
    check_problem(node.post(data[:-left]), 400)
    cut = HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data[:-left]
    assert node.raw(cut, half_close=True) == b""
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(cut)
    assert node.get("/checkpoint").body == before
    assert node.next_of(actor.key) == actor.next
    actor.log(nil_body())


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: -1", b"Content-Length: +5", b"Content-Length: 5, 6", b"Content-Length: 5\r\nContent-Length: 6",
     b"Content-Length: 0x10", b"Content-Length: 1_0", b"Content-Length: 99999999999999999999999",
     b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked, x",
     b"Transfer-Encoding: chunked, chunked", b"X: " + b"a" * 20_000, b"X" * 20_000 + b": a", b"X y: z", b": z",
     b" x: z", b"X: a\x00b", b"X: a\rb", b"\r\n".join(b"X-%d: a" % at for at in range(1000))],
)  # fmt: skip
def test_broken_heads_are_refused(node: NodeProcess, head: bytes) -> None:
    """Lengths that contradict, framings that don't exist, and heads beyond the limits are 400 problems (or 415: a
    framing that is passed over), the connection is closed, and nothing is stored."""
    before = node.get("/checkpoint").body
    answer = parse_answer(node.raw(HEAD + head + b"\r\n\r\n0\r\n\r\n"))
    assert answer.status in (400, 413, 415, 501)
    check_problem(answer, answer.status)
    assert node.get("/checkpoint").body == before


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nabc", b"5\r\nabcdefgh\r\n", b"ffffffffffffffffff\r\n"])
def test_broken_chunks_are_refused(node: NodeProcess, chunk: bytes) -> None:
    """A chunk that isn't one is 400, also when it comes after the request began; the node goes on."""
    good = b"3\r\nabc\r\n"
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + good)
        time.sleep(0.05)
        connection.sendall(chunk)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    if answer:
        check_problem(parse_answer(answer), 400)
    assert node.get("/healthz").status == 200


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-OpenSSH_9.0\r\n",
     b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\0" * 100,
     b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_refused(node: NodeProcess, data: bytes) -> None:
    """Other protocols and broken request lines get 400 or 404 as a problem, and the connection is closed."""
    answer = node.raw(data, half_close=True)
    if answer:
        assert parse_answer(answer).status in (400, 404)
    assert node.get("/healthz").status == 200


@pytest.fixture
def impatient(make_node: Callable[..., NodeProcess]) -> NodeProcess:
    """A node that waits a second for anything."""
    return make_node(request_timeout_s=1, idle_timeout_s=1, in_flight_bytes_max=8 * 2**20)


def test_slow_bodies_end(impatient: NodeProcess) -> None:
    """A body that doesn't come within request_timeout_s is 408,
    also when it drips; the node serves others meanwhile."""
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        started = time.monotonic()
        while not select.select([connection], [], [], 0.1)[0]:
            connection.sendall(b"\x91")
            assert impatient.get("/healthz").status == 200
            assert time.monotonic() - started < 60
        assert time.monotonic() - started > 0.9
        check_problem(parse_answer(read_all(connection)), 408)


def test_slow_heads_and_idle_connections_are_closed(impatient: NodeProcess) -> None:
    """A connection that never finishes a head, or asks nothing more, is closed after idle_timeout_s."""
    for sent in (b"", b"GET /checkpoint HTTP/1.1\r\nHost: a\r\nX", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", impatient.port), timeout=60) as connection:
            connection.sendall(sent)
            started = time.monotonic()
            read_all(connection)
            assert 0.5 < time.monotonic() - started < 40


def test_announced_bytes_take_no_room(impatient: NodeProcess) -> None:
    """Requests that announce 8 MiB and send nothing leave the room for bytes under way to others."""
    idle = [socket.create_connection(("127.0.0.1", impatient.port), timeout=60) for _ in range(20)]
    try:
        for connection in idle:
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % REQUEST_BYTES_MAX)
        Actor(impatient).join()
    finally:
        for connection in idle:
            connection.close()


def test_bytes_under_way_are_bounded(make_node: Callable[..., NodeProcess]) -> None:
    """Beyond in_flight_bytes_max a request is 503 with Retry-After; its room comes back when the others end."""
    node = make_node(in_flight_bytes_max=8 * 2**20)
    sent, more = b"\x91" * (7 * 2**20), b"\x91" * (2 * 2**20)
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (len(sent) + 1) + sent)
        until(lambda: node.post(more).status == 503)  # once the node has read what came
        answer = node.post(more)
        check_problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
    until(lambda: node.post(more).status == 400)
    Actor(node).join()


def test_connections_are_bounded(make_node: Callable[..., NodeProcess]) -> None:
    """Beyond connections_max a connection is closed at once; those before it are served, and places come back."""
    node = make_node(connections_max=5)
    held = [socket.create_connection(("127.0.0.1", node.port), timeout=60) for _ in range(5)]
    for connection in held:  # each is known to the node once it has answered
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        assert read_all(connection) == b""
    for connection in held:
        connection.close()
    until(lambda: node.raw(b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200"))


def test_readers_that_do_not_read_are_cut_off(make_node: Callable[..., NodeProcess]) -> None:
    """A client that takes no byte of a large answer for request_timeout_s is cut off, so that the answer is dropped."""
    node = make_node(request_timeout_s=1)
    actor = Actor(node).join()
    attrs = {f"{at:02}": os.urandom(500).hex() for at in range(55)}
    actor.log(*(use_body(attrs=attrs) for _ in range(120)))
    before = node.open_files()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", node.port))
        connection.sendall(b"GET /tile/entries/000.p/100 HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        until(lambda: node.open_files() > before)
        until(lambda: node.open_files() <= before)
        data = read_all(connection)
    assert len(data) < 3 * 100 * 55_000


def test_pipelined_requests_are_answered_in_order(node: NodeProcess, actor: Actor) -> None:
    """Requests sent without waiting are answered one after the other, writes among them, each with its own answer."""
    batches = []
    for number in range(4):
        batches.append(actor.sign(nil_body(number)))
        actor.next += 1
    parts = []
    for batch in batches:
        data = encode_request([batch])
        parts.append(HEAD.replace(b"Connection: close\r\n", b"") + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        parts.append(b"GET /keys/%b HTTP/1.1\r\nHost: a\r\n\r\n" % actor.key.hex().encode())
    parts.append(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answers = node.raw(b"".join(parts))
    at = -1
    for number in range(4):
        at = answers.index(b'"first_index"', at + 1)
        at = answers.index(b'"next":%d' % (actor.next - 3 + number), at)
    assert answers.endswith(b"ok\n")


def test_a_kept_connection_survives_refusals(node: NodeProcess, actor: Actor) -> None:
    """After 4xx answers to whole requests, the same connection takes a good batch."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    for method, path, sent, kind in (
        ("POST", "/records", b"", "application/msgpack"), ("GET", "/nothing", None, ""), ("PUT", "/records", b"x", ""),
        ("POST", "/records", b"x" * 1000, "text/plain"), ("POST", "/records", codec.encode([]), "application/msgpack"),
    ):  # fmt: skip
        connection.request(method, path, sent, {"Content-Type": kind})
        answer = connection.getresponse()
        assert 400 <= answer.status < 500
        answer.read()
    connection.request(
        "POST", "/records", encode_request([actor.sign(nil_body())]), {"Content-Type": "application/msgpack"}
    )
    answer = connection.getresponse()
    assert answer.status == 200
    answer.read()
    connection.close()


def test_a_client_that_leaves_has_its_batch_taken_once(node: NodeProcess, actor: Actor) -> None:
    """A client that goes away after its request was read finds its batch taken, and gets the first answer again."""
    data = encode_request([actor.sign(nil_body())])
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        time.sleep(0.2)
    until(lambda: node.next_of(actor.key) == actor.next + 1)
    size = node.checkpoint().size
    again = node.post(data).json()["results"][0]
    assert (again["status"], again["statuses"]) == (200, ["logged"])
    assert node.checkpoint().size == size


def test_an_exact_repeat_at_the_same_time_counts_once(node: NodeProcess, actor: Actor) -> None:
    """The same batch sent ten times at once is one record: every answer names the same entry."""
    data = encode_request([actor.sign(use_body())])
    size = node.checkpoint().size
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        results = [answer.json()["results"][0] for answer in pool.map(lambda _: node.post(data), range(10))]
    assert {result["first_index"] for result in results} == {size}
    assert {result["status"] for result in results} == {200}
    assert node.checkpoint().size == size + 1
