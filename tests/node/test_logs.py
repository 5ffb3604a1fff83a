"""What a node writes to stderr: forms that programs can rely on, lines that nobody can forge, no secrets."""

import json
import logging
import re
import sys
from collections.abc import Callable

import pytest

from node.logs import JsonLines, TextLines, event
from node.tokens import add_token
from proofs.entry import encode_request
from tests.node.harness import Actor, NodeProcess, body, nil_body

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) ([a-z-]+: )?.*")
HOSTILE = "a\nWARNING forged: b\x1b[31m\u202e\u2028c"


def record(level: int, message: str, *args: object, name: str = "usance.http", **extra: object) -> logging.LogRecord:
    """A message as the logging module hands it to a formatter."""
    made = logging.LogRecord(name, level, __file__, 1, message, args, None)
    made.created = 1_700_000_000.25
    for key, value in extra.items():
        setattr(made, key, value)
    return made


def test_text_has_time_level_event_and_message() -> None:
    """One line: UTC to the millisecond, level, the event's name, the message."""
    made = record(logging.WARNING, "it is %s", "late", **event("not-ready", reasons="x"))
    assert TextLines().format(made) == "2023-11-14 22:13:20.250Z WARNING not-ready: it is late"
    assert TextLines().format(record(logging.INFO, "x")) == "2023-11-14 22:13:20.250Z INFO x"


def test_json_has_the_same_and_the_fields() -> None:
    """One object a line, the event's fields beside the rest; a traceback stays inside of its line."""
    made = record(logging.ERROR, "it is %s", "late", **event("request-failed", request="a-1", status=500, field=None))
    said = json.loads(JsonLines().format(made))
    assert said == {
        "time": "2023-11-14T22:13:20.250Z", "level": "error", "logger": "usance.http", "event": "request-failed",
        "message": "it is late", "request": "a-1", "status": 500,
    }  # fmt: skip
    try:
        raise ValueError("inner")
    except ValueError:
        made.exc_info = sys.exc_info()
    line = JsonLines().format(made)
    assert "\n" not in line
    assert json.loads(line)["trace"].endswith("ValueError: inner")


@pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])
def test_what_a_stranger_sent_makes_no_line_of_its_own(formatter: logging.Formatter) -> None:
    """Line ends, control and bidirectional characters are written as escapes."""
    line = formatter.format(record(logging.INFO, "path %s", HOSTILE, **event("request", path=HOSTILE)))
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_messages_of_libraries_have_an_event_of_their_own() -> None:
    """A library's warning can be told by an alert on events, too; its small talk has none."""
    assert "WARNING library: x" in TextLines().format(record(logging.WARNING, "x", name="asyncio"))
    assert json.loads(JsonLines().format(record(logging.INFO, "x", name="asyncio")))["event"] == ""


def lines(node: NodeProcess) -> list[str]:
    """What the node wrote."""
    return node.log_path.read_text().splitlines()


def test_every_line_of_a_text_log_has_its_form(make_node: Callable[..., NodeProcess]) -> None:
    """From start to stop, bad requests among it."""
    node = make_node(access_log="all")
    Actor(node).join()
    node.raw(b"\x00\x01\r\n\r\n")
    node.get("/a%0Ab")
    assert node.stop() == 0
    assert len(lines(node)) > 3
    assert not [line for line in lines(node) if not LINE.fullmatch(line)]


def test_access_lines_are_as_configured(make_node: Callable[..., NodeProcess]) -> None:
    """Off by default; `failed` writes those of 400 and above alone; each has the name that the answer has."""
    node = make_node(log_format="json", access_log="failed")
    actor = Actor(node).join()
    node.get("/genesis")
    missing = node.get("/records/999?x=1")
    assert missing.status == 400
    refused = node.post(b"\x90")
    assert node.stop() == 0
    found = [json.loads(line) for line in lines(node)]
    asked = [said for said in found if said["event"] == "request"]
    assert [(said["method"], said["path"], said["status"]) for said in asked] == [
        ("GET", "/records/999", 400), ("POST", "/records", 400),
    ]  # fmt: skip
    assert [said["request"] for said in asked] == [missing.headers["x-request-id"], refused.headers["x-request-id"]]
    assert all(said["client"] == "127.0.0.1" and said["seconds"] >= 0 for said in asked)
    assert actor.next


def test_answers_that_caches_keep_have_no_name(node: NodeProcess) -> None:
    """A request's name stands in answers that aren't cached, and differs from one to the next."""
    names = {node.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(names) == 3
    assert "x-request-id" not in node.get("/checkpoint").headers
    assert "x-request-id" not in node.get("/tile/0/000.p/1").headers


def test_the_level_is_the_least_that_is_written(make_node: Callable[..., NodeProcess]) -> None:
    """At `error` neither access lines nor warnings are written."""
    node = make_node(log_level="error", access_log="all", disk_free_bytes_min=2**50)
    node.get("/genesis")
    assert node.stop() == 0
    assert lines(node) == []


def test_no_secret_is_ever_written(make_node: Callable[..., NodeProcess]) -> None:
    """Not with every message there is: private keys, tokens (right and wrong ones, in headers and arguments), what a
    record says, and signatures are in no line."""
    node = make_node(start=False, log_level="debug", access_log="all", readers="token")
    token = add_token(str(node.folder), "reader", now_ms=1)
    node.start()
    actor = Actor(node).join("Secretive party")
    secret = "a-salted-secret-of-the-body"
    batch = actor.sign(body("party", name=secret))
    assert node.post(encode_request([batch])).status == 200
    node.post(encode_request([batch])[:-3])
    node.post(encode_request([actor.sign(nil_body(), first=9)]) + secret.encode())
    wrong = "usance_" + "w" * 43
    for given in (token, wrong):
        node.get("/genesis", {"Authorization": f"Bearer {given}"})
        node.get(f"/genesis?token={given}", {"Authorization": f"Basic {given}"})
        node.get("/genesis", {"Cookie": f"token={given}"})
    node.raw(f"GET / HTTP/1.1\r\nAuthorization Bearer {token}\r\n\r\n".encode())
    assert node.stop() == 0
    text = node.log_path.read_text()
    assert len(text.splitlines()) > 8
    keys = [(node.folder / name).read_text().split("\n")[1] for name in ("log.key", "operator.key")]
    hidden = [token, wrong, secret, batch.signature.hex(), actor.private_key.private_bytes_raw().hex(), *keys]
    assert not [what for what in hidden if what in text]
