"""Who may read: every route is public or wants a token, tokens come and go while the node runs, and none is shown."""

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from node.access import Access, find_access
from node.errors import ProblemError
from node.readers import PUBLIC, SCOPED, Readers
from node.routes import detect, evidence, money, operate, reads, writes
from node.routes import log as log_routes
from node.tokens import TOKENS_MAX, Tokens, add_token, load_tokens, remove_token
from node.transport import Transport
from proofs.entry import encode_request
from proofs.errors import InputError
from tests.node.clitool import Cli
from tests.node.harness import Actor, Answer, NodeProcess, check_problem, nil_body, until, use_body

ROUTES = {
    "/checkpoint": "public",
    "/tile/{path}": "hashes public, bundles token",
    "/proof/{index}": "token",
    "/consistency": "public",
    "/records": "GET token, POST public",
    "/records/stream": "token",
    "/records/{index}": "token",
    "/genesis": "token",
    "/keys/{key}": "public",
    "/parties/{party}": "token",
    "/assets": "token",
    "/assets/{ref}": "token",
    "/accounts": "token",
    "/accounts/{payer}/{payee}/{currency}": "token",
    "/accounts/{payer}/{payee}/{currency}/draft": "token",
    "/accounts/{payer}/{payee}/{currency}/lines": "token",
    "/evidence/{index}": "token",
    "/conflicts": "token",
    "/closed": "public",
    "/detect": "detection",
    "/assets/{ref}/prints": "detection",
    "/healthz": "public",
    "/readyz": "public",
    "/metrics": "token",
    "/openapi.json": "public",
}
"""Every route of the application, and who may ask it."""

HEX = "ab" * 32


@pytest.fixture
def guarded(make_node: Callable[..., NodeProcess]) -> tuple[NodeProcess, str]:
    """A node whose readers need a token, and one that it knows."""
    node = make_node(start=False, readers="token")
    token = add_token(str(node.folder), "auditor", now_ms=1)
    return node.start(), token


def bearer(token: str) -> dict[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {token}"}


def routes() -> set[str]:
    """Paths of the application's routes."""
    application = web.Application()
    for module in (log_routes, writes, reads, money, evidence, detect, operate):
        module.setup(application)
    return {resource.canonical for resource in application.router.resources()}


def test_the_table_names_every_route() -> None:
    """A route that is added has to be put into the table here, and is closed until it is made public."""
    assert routes() <= set(ROUTES)
    public = {path for path, access in ROUTES.items() if "public" in access}
    assert {entry.partition(" ")[0] for entry in PUBLIC} <= public
    assert {path for path, access in ROUTES.items() if access == "detection"} == SCOPED
    assert public & routes() <= {entry.partition(" ")[0] for entry in PUBLIC}


def paths_of(route: str) -> list[str]:
    """Paths that ask a route for something that is there, or at least well asked."""
    values = {"index": "1", "ref": "1", "key": HEX, "party": HEX, "payer": HEX, "payee": HEX, "currency": "EUR"}
    if route == "/tile/{path}":
        return ["/tile/0/000.p/2", "/tile/entries/000.p/2"]
    if route == "/consistency":
        return ["/consistency?from=1"]
    return [re.sub(r"\{(\w+)\}", lambda match: values[match[1]], route)]


@pytest.mark.parametrize("route", sorted(routes() - SCOPED))
def test_each_route_keeps_to_the_table(guarded_module: tuple[NodeProcess, str], route: str) -> None:
    """Without a token, and with a wrong one, exactly the public routes answer; with the right one all do."""
    node, token = guarded_module
    for path in paths_of(route):
        access = ROUTES[route]
        is_public = access == "public" or (access.startswith("hashes") and "entries" not in path)
        for headers in ({}, bearer("usance_" + "A" * 43)):
            answer = stream_head(node, path, headers) if route == "/records/stream" else node.get(path, headers)
            assert (answer.status != 401) == is_public, path
            if not is_public:
                check_problem(answer, 401)
                error = ', error="invalid_token"' if headers else ""
                assert answer.headers["www-authenticate"] == f'Bearer realm="usance"{error}'
        if route != "/records/stream":
            assert node.get(path, bearer(token)).status != 401
            assert node.request("HEAD", path).status == (200 if is_public else 401) or is_public


@pytest.fixture(scope="module")
def guarded_module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One such node for the module."""
    node = NodeProcess(tmp_path_factory.mktemp("guarded") / "n", readers="token")
    token = add_token(str(node.folder), "auditor", now_ms=1)
    node.start()
    Actor(node).join()
    yield node, token
    try:
        assert node.stop() == 0
        assert node.failures() == []
        assert token not in node.log_path.read_text()
    finally:
        node.kill()


def stream_head(node: NodeProcess, path: str, headers: dict[str, str]) -> Answer:
    """A stream's answer where it ends at once, as a refusal does."""
    return node.get(path, headers)


def test_writers_need_no_token(guarded_module: tuple[NodeProcess, str]) -> None:
    """Admission rules writing: who may write does so without a token and verifies the answer from public routes."""
    node, _ = guarded_module
    actor = Actor(node).join()
    answer = node.post(encode_request([actor.sign(nil_body(), nil_body(1))]))
    assert answer.json()["results"][0]["status"] == 200


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Basic {token}", "{token}", "Bearer {token} x", "Bearer {token}x", "Bearer x{token}",
     "Bearer {token},Bearer {token}", "bearer\t{token}", "Bearer {upper}", "Bearer {short}"],
)  # fmt: skip
def test_almost_a_token_is_none(guarded_module: tuple[NodeProcess, str], value: str) -> None:
    """Another scheme, a part of a token, more than one, other spacing or case: 401."""
    node, token = guarded_module
    header = value.format(token=token, upper=token.upper(), short=token[:-1])
    check_problem(node.get("/records", {"Authorization": header}), 401)


def test_the_header_is_read_strictly_but_as_the_standard_says(guarded_module: tuple[NodeProcess, str]) -> None:
    """The scheme's name has no case (RFC 9110 section 11.1); two headers are none; an argument is no token."""
    node, token = guarded_module
    assert node.get("/records", {"Authorization": f"bEARER {token}"}).status == 200
    raw = f"GET /records HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n"
    assert node.raw((raw + "\r\n").encode()).startswith(b"HTTP/1.1 200 ")
    twice = node.raw((raw + f"Authorization: Bearer {token}\r\n\r\n").encode())
    assert twice.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 "))
    assert node.get(f"/records?access_token={token}").status == 401


def test_spellings_of_bundles_are_closed(guarded_module: tuple[NodeProcess, str]) -> None:
    """No spelling of a bundle's path gets past the check for hash tiles."""
    node, _ = guarded_module
    for path in ("/tile/%65ntries/000.p/2", "/tile/entries%2F000.p/2", "/tile//entries/000.p/2",
                 "/tile/0/../entries/000.p/2", "/tile/./entries/000.p/2", "//tile/entries/000.p/2",
                 "/tile/entries/000.p/2?"):  # fmt: skip
        answer = node.get(path)
        assert answer.status in (400, 401, 404), path
    assert node.get("/tile/0/000.p/2").status == 200


def test_caches_do_not_answer_others(guarded_module: tuple[NodeProcess, str]) -> None:
    """What needs a token is never `public`, so that no shared cache hands it to somebody without; hash tiles are."""
    node, token = guarded_module
    bundle = node.get("/tile/entries/000.p/2", bearer(token))
    assert "private" in bundle.headers["cache-control"]
    assert "public" not in bundle.headers["cache-control"]
    assert "public" in node.get("/tile/0/000.p/2").headers["cache-control"]
    for path in ("/records", "/records/1", "/proof/1", "/genesis", "/assets", "/accounts"):
        assert "public" not in node.get(path, bearer(token)).headers["cache-control"], path


def test_tokens_come_and_go_without_a_restart(guarded: tuple[NodeProcess, str]) -> None:
    """One that was added reads within seconds; one that was removed no longer does, and its open stream ends."""
    node, token = guarded
    assert node.get("/records", bearer(token)).status == 200
    second = add_token(str(node.folder), "second", now_ms=2)
    until(lambda: node.get("/records", bearer(second)).status == 200)
    ended = threading.Event()

    def follow() -> None:
        head = f"GET /records/stream?from=0 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {second}"
        request = head + "\r\n\r\n"
        node.raw(request.encode(), timeout_s=40)
        ended.set()

    reader = threading.Thread(target=follow)
    reader.start()
    time.sleep(0.5)
    remove_token(str(node.folder), "second")
    until(lambda: node.get("/records", bearer(second)).status == 401)
    Actor(node).join()  # something new for the stream
    assert ended.wait(30)
    reader.join()
    assert node.get("/records", bearer(token)).status == 200


def test_a_file_that_cannot_be_read_changes_nothing(guarded: tuple[NodeProcess, str]) -> None:
    """Junk, or a mode that lets others in, leaves the tokens as they were and is an error in the log; a missing file
    leaves no reader."""
    node, token = guarded
    path = node.folder / "tokens.json"
    good = path.read_text()
    for spoil in (lambda: path.write_text("{"), lambda: path.chmod(0o644)):
        path.write_text(good)
        path.chmod(0o600)
        time.sleep(1.1)
        assert node.get("/records", bearer(token)).status == 200
        count = node.log_path.read_text().count("tokens-failed")
        spoil()
        until(lambda count=count: [node.get("/records", bearer(token)).status == 200,
                                   node.log_path.read_text().count("tokens-failed") > count][1])  # fmt: skip
        assert node.get("/records", bearer(token)).status == 200
    path.unlink()
    until(lambda: node.get("/records", bearer(token)).status == 401)
    assert node.get("/checkpoint").status == 200


@pytest.mark.parametrize(("listen", "is_warned"), [("127.0.0.1:0", False), ("0.0.0.0:0", True), ("[::1]:0", False)])
def test_tokens_in_the_clear_are_warned_of(
    make_node: Callable[..., NodeProcess], tmp_path: Path, listen: str, is_warned: bool
) -> None:
    """A node whose tokens would cross a network unencrypted says so at start; on loopback it doesn't."""
    node = make_node(start=False, readers="token")
    with Cli(tmp_path).start("node", "run", node.folder, "--listen", listen) as process:
        assert process.stdout is not None
        assert "serving" in process.stdout.readline()
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert ("tokens-in-the-clear" in err) == is_warned


# The file


def folder_of(tmp_path: Path) -> str:
    """What passes for a node's folder."""
    (tmp_path / "node.toml").write_text("")
    return str(tmp_path)


def test_only_hashes_are_kept(tmp_path: Path) -> None:
    """The file has mode 0600, names and SHA-256; no token; each token is another."""
    folder = folder_of(tmp_path)
    made = [add_token(folder, name, now_ms=5) for name in ("a", "b@c.example")]
    path = tmp_path / "tokens.json"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert not [token for token in made if token in text or token[7:] in text]
    assert len(set(made)) == 2
    assert [token.name for token in load_tokens(folder)] == ["a", "b@c.example"]
    known = Tokens(folder)
    assert [known.find(token) for token in made] == load_tokens(folder)
    assert known.find(made[0] + "x") is None
    assert known.find(load_tokens(folder)[0].sha256) is None  # the hash isn't a token


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "a" * 65, "a\nb", "../x"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    """A name is a short word, so that lists and logs can show it."""
    with pytest.raises(InputError):
        add_token(folder_of(tmp_path), name, now_ms=1)


def test_names_are_unique_and_bounded_in_number(tmp_path: Path) -> None:
    """A second token of a name, more than TOKENS_MAX, and removing one that isn't there are refused."""
    folder = folder_of(tmp_path)
    add_token(folder, "a", now_ms=1)
    for act in (lambda: add_token(folder, "a", now_ms=1), lambda: remove_token(folder, "b")):
        with pytest.raises(InputError):
            act()
    path = tmp_path / "tokens.json"
    value = json.loads(path.read_text())
    value["tokens"] = [{**value["tokens"][0], "name": f"n{at}"} for at in range(TOKENS_MAX)]
    path.write_text(json.dumps(value))
    with pytest.raises(InputError, match="too many"):
        add_token(folder, "b", now_ms=1)
    remove_token(folder, "n7")
    add_token(folder, "b", now_ms=1)


GOOD = {"name": "a", "sha256": HEX, "created": 1}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", "{", '{"format": "usance/tokens/v2", "tokens": []}',
     json.dumps({"format": "usance/tokens/v1", "tokens": [GOOD, GOOD]}),
     json.dumps({"format": "usance/tokens/v1", "tokens": [{**GOOD, "sha256": HEX[:-1]}]}),
     json.dumps({"format": "usance/tokens/v1", "tokens": [{**GOOD, "sha256": HEX.upper()}]}),
     json.dumps({"format": "usance/tokens/v1", "tokens": [{**GOOD, "sha256": 5}]}),
     json.dumps({"format": "usance/tokens/v1", "tokens": [{**GOOD, "more": 5}]}),
     json.dumps({"format": "usance/tokens/v1", "tokens": [{"name": "a"}]}),
     json.dumps({"format": "usance/tokens/v1", "tokens": "a"}), "[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    """What `usance node token` didn't write stops a start and every change, by an error that names the file."""
    folder = folder_of(tmp_path)
    path = tmp_path / "tokens.json"
    path.write_text(text)
    path.chmod(0o600)
    for act in (lambda: load_tokens(folder), lambda: add_token(folder, "b", now_ms=1), lambda: Tokens(folder)):
        with pytest.raises(InputError, match=r"tokens\.json"):
            act()
    assert path.read_text() == text


def test_a_node_does_not_start_on_a_file_that_others_can_read(
    make_node: Callable[..., NodeProcess], tmp_path: Path
) -> None:
    """Mode 0644 of the tokens' file stops the start, saying what to do; one that the group can read is refused, too."""
    node = make_node(start=False, readers="token")
    add_token(str(node.folder), "a", now_ms=1)
    for mode in (0o640, 0o644):
        (node.folder / "tokens.json").chmod(mode)
        with pytest.raises(InputError, match=f"mode {mode:04o}"):
            load_tokens(str(node.folder))
    done = Cli(tmp_path).program("node", "run", str(node.folder), "--listen", "127.0.0.1:0")
    assert done.code == 2
    assert "chmod 600" in done.err


# The client


def test_a_client_shows_its_token_and_nothing_shows_it(guarded: tuple[NodeProcess, str], tmp_path: Path) -> None:
    """Every reading command works with --token-file or USANCE_TOKEN; without one, and with a wrong one, exit code 2 and
    what to do; the token is in no output."""
    node, token = guarded
    asset_key = Actor(node).join()
    asset_key.log(use_body())
    file = tmp_path / "token"
    file.write_text(token + "\n")
    file.chmod(0o600)
    cli = Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "k.key"})
    cli.ok("key", "new", "k.key")
    cli.ok("party", "Reader")
    for words in (("records",), ("records", "1"), ("proof", "1"), ("assets",), ("accounts",)):
        cli.ok(*words, "--token-file", "token")
        cli.ok(*words, USANCE_TOKEN=token)
        assert "--token-file" in cli.fails(2, *words)
        line = cli.fails(2, *words, USANCE_TOKEN="usance_" + "B" * 43)
        assert "knows no such token" in line
        assert "BBBB" not in line
    done = cli("audit", node.url, "--token-file", "token", "--debug")
    assert done.code == 0
    assert token not in done.out + done.err
    done = cli("audit", node.url, "--debug", USANCE_TOKEN="usance_" + "B" * 43)
    assert done.code == 2
    assert "BBBB" not in done.out + done.err


@pytest.mark.parametrize("text", ["a b", "a\r\nX: y", "é", "x" * 600, " ", "a\x00b"])
def test_what_is_no_token_is_not_sent(tmp_path: Path, text: str) -> None:
    """A token that could break the request's head is refused before anything is sent, and not shown."""
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(0o600)
    for act in (
        lambda: find_access({}, token_file=str(file)),
        lambda: find_access({"USANCE_TOKEN": text}),
    ):
        with pytest.raises(InputError) as caught:
            act()
        assert text.strip() == "" or text not in str(caught.value.detail)


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """As key files are."""
    file = tmp_path / "token"
    file.write_text("abc")
    file.chmod(0o640)
    with pytest.raises(InputError, match="0640"):
        find_access({}, token_file=str(file))
    with pytest.raises(InputError, match="can't read"):
        find_access({}, token_file=str(tmp_path / "missing"))


def test_a_token_is_not_in_a_representation() -> None:
    """Debug output of what holds it doesn't show it."""
    assert "secret" not in repr(Access("secret"))


def test_refusals_are_not_tried_again(guarded: tuple[NodeProcess, str]) -> None:
    """401 is final: one request, no waiting."""
    waits: list[float] = []
    transport = Transport(guarded[0].url, access=Access("wrong"), sleep=waits.append)
    with contextlib.closing(transport), pytest.raises(ProblemError) as caught:
        transport.get_json("/records")
    assert (caught.value.status, waits) == (401, [])


def test_the_command_makes_lists_and_removes(tmp_path: Path, make_node: Callable[..., NodeProcess]) -> None:
    """`usance node token`: the token once on stdout and nowhere else, a list of names, a removal; bad usage is 2."""
    node = make_node(start=False)
    cli = Cli(tmp_path)
    done = cli("node", "token", node.folder, "add", "ci")
    assert done.code == 0
    token = done.out.strip()
    assert [found.name for found in [Tokens(str(node.folder)).find(token)] if found] == ["ci"]
    assert token not in done.err
    assert token not in (node.folder / "tokens.json").read_text()
    listed = cli.ok("node", "token", node.folder, "list").out
    assert "ci" in listed
    assert token not in listed
    assert [item["name"] for item in cli.json("node", "token", node.folder, "list")["tokens"]] == ["ci"]
    for words in (("add",), ("remove",), ("list", "ci"), ("remove", "nobody"), ("add", "ci"), ("add", "a b")):
        cli.fails(2, "node", "token", node.folder, *words)
    cli.fails(2, "node", "token", tmp_path, "list")
    cli.ok("node", "token", node.folder, "remove", "ci")
    assert cli.ok("node", "token", node.folder, "list").out == "no tokens\n"


def test_public_readers_need_nothing(tmp_path: Path) -> None:
    """Without tokens everything is allowed, whatever header comes."""
    assert Readers(None).allows(None)  # type: ignore[arg-type]
    assert os.path.exists(tmp_path)
