"""SIGTERM while requests are under way: what was taken is answered and in the log, the rest is not, nothing hangs."""

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from proofs.entry import REQUEST_BYTES_MAX, encode_request
from tests.node.harness import Actor, NodeProcess, check_problem, nil_body, parse_answer, read_all, until, use_body

HEAD = b"POST /records HTTP/1.1\r\nHost: a\r\nContent-Type: application/msgpack\r\n"


@dataclass
class Load:
    """One key that posts batch after batch on a kept connection, until the node is gone."""

    actor: Actor
    taken: list[tuple[int, int]] = field(default_factory=list)
    ended: str = ""

    def run(self) -> None:
        """Post until something else than 200 comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.actor.node.port, timeout=30)
        try:
            while True:
                batch = self.actor.sign(*(nil_body(self.actor.next + at) for at in range(3)))
                connection.request("POST", "/records", encode_request([batch]), {"Content-Type": "application/msgpack"})
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status != 200:
                    self.ended = str(answer.status)
                    return
                assert said["results"][0]["status"] == 200, said
                self.taken.append((said["results"][0]["first_index"], self.actor.next))
                self.actor.next += 3
        except (OSError, http.client.HTTPException) as error:
            self.ended = type(error).__name__
        finally:
            connection.close()


@pytest.mark.parametrize("after_s", [0.05, 0.4])
def test_a_stop_answers_what_it_took(make_node: Callable[..., NodeProcess], after_s: float) -> None:
    """Concurrent posts at the moment of SIGTERM: each that is in the log was answered 200, each answered one is in the
    log after a restart, and the process ends well and soon."""
    node = make_node()
    loads = [Load(Actor(node).join()) for _ in range(8)]
    threads = [threading.Thread(target=load.run) for load in loads]
    for thread in threads:
        thread.start()
    until(lambda: all(load.taken for load in loads))
    time.sleep(after_s)
    started = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - started < 40
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert all(load.ended for load in loads)
    assert node.failures() == []
    node.start()
    for load in loads:
        assert node.next_of(load.actor.key) == load.actor.next, load.ended
        for index, number in load.taken[-3:]:
            record = node.json(f"/records/{index}")
            assert (record["signer"]["key"], record["number"]) == (load.actor.key.hex(), number)
        load.actor.log(nil_body())
    assert node.stop() == 0
    node.audit()


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    """Where sockets are closed at the end, whatever happened."""
    with contextlib.ExitStack() as stack:
        yield stack


def test_clients_that_hang_do_not_hold_up_a_stop(
    make_node: Callable[..., NodeProcess], sockets: contextlib.ExitStack
) -> None:
    """Idle connections, half heads, half bodies, open streams and readers that don't read: the node stops in seconds,
    and tells the half body that it is stopping."""
    node = make_node(request_timeout_s=3)
    actor = Actor(node).join()
    attrs = {f"{at:02}": os.urandom(500).hex() for at in range(55)}
    actor.log(*(use_body(attrs=attrs) for _ in range(120)))
    sent = (
        b"", b"GET /checkpoint HTTP/1.1\r\nHost: a\r\nX", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /records/stream HTTP/1.1\r\nHost: a\r\n\r\n", HEAD + b"Content-Length: 1000\r\n\r\n\x91",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"GET /tile/entries/000.p/100 HTTP/1.1\r\nHost: a\r\n\r\n" * 5,
        b"GET /records/stream?from=0 HTTP/1.1\r\nHost: a\r\n\r\n",
    )  # fmt: skip
    held: list[socket.socket] = []
    for data in sent:
        connection = sockets.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", node.port))
        connection.sendall(data)
        held.append(connection)
    time.sleep(0.3)
    started = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - started < 40
    check_problem(parse_answer(read_all(held[4])), 503)
    assert node.failures() == []


def test_a_body_that_arrives_in_time_is_still_taken(make_node: Callable[..., NodeProcess]) -> None:
    """A body under way at SIGTERM that comes within the second is taken and answered; a new write is refused."""
    node = make_node()
    actor = Actor(node).join()
    batch = actor.sign(*(nil_body(at) for at in range(500)))
    data = encode_request([batch])
    with (
        socket.create_connection(("127.0.0.1", node.port), timeout=60) as late,
        socket.create_connection(("127.0.0.1", node.port), timeout=60) as held,
        socket.create_connection(("127.0.0.1", node.port), timeout=60) as new,
    ):
        late.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data[:1000])
        held.sendall(HEAD + b"Content-Length: %d\r\n\r\n\x91" % REQUEST_BYTES_MAX)
        time.sleep(0.2)
        node.terminate()
        until(lambda: "stopping" in node.log_path.read_text())
        new.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        late.sendall(data[1000:])
        answer = parse_answer(read_all(late))
        assert answer.json()["results"][0]["status"] == 200
        check_problem(parse_answer(read_all(held)), 503)
        refused = read_all(new)
        if refused:
            check_problem(parse_answer(refused), 503)
    assert node.stop() == 0
    node.start()
    assert node.next_of(actor.key) == actor.next + 500


def test_a_second_signal_and_a_stop_at_once(make_node: Callable[..., NodeProcess]) -> None:
    """SIGTERM right after the start, and twice, ends the node well."""
    node = make_node()
    node.terminate()
    node.terminate()
    assert node.stop() == 0
    for _ in range(2):
        node.start()
        assert node.stop() == 0
    assert node.failures() == []
    assert node.audit()[0] == 1
