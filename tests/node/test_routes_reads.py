"""The JSON routes and the stream: what they answer, what they filter by, and what they refuse."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from node.routes.reads import KEEPALIVE_S
from proofs import merkle, tiles
from proofs.entry import delegate_message, encode_request, parse_entry
from proofs.jsonform import from_json
from proofs.records import check_body, make_body
from tests.node.harness import Actor, Answer, NodeProcess, body, check_problem, nil_body, until, use_body

NAME = "model:lab/one"
OTHER_NAME = "https://example.org/data set".replace(" ", "+")
ROOT = bytes(range(32))


@dataclass
class World:
    """A small log: an owner of assets, a lab that uses them, a delegate. `bodies`: every record but genesis."""

    node: NodeProcess
    owner: Actor
    lab: Actor
    delegate: Actor
    refs: dict[str, str] = field(default_factory=dict)

    def index(self, name: str) -> int:
        """Where an asset stands."""
        return int(self.refs[name].split(":")[0])

    def raw(self, name: str) -> bytes:
        """An asset's reference as it stands in records."""
        index, leaf = self.refs[name].split(":")
        return int(index).to_bytes(8, "big") + bytes.fromhex(leaf)


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """The log that these tests read."""
    made = World(node, Actor(node).join("Owner"), Actor(node).join("Lab"), Actor(node))

    def asset(name: str, actor: Actor, **fields: Any) -> None:
        first = actor.log(body("asset", type="dataset", name=name, **fields))["first_index"]
        made.refs[name] = node.json(f"/records/{first}")["ref"]

    manifest = {"root": ROOT, "items": 2, "bytes": 2**60}
    asset("plain", made.owner)
    asset("rooted", made.owner, version="1", **manifest)
    asset("copy", made.lab, aka=[NAME], **manifest)
    asset("gone", made.owner)
    made.owner.log(body("withdraw", target=made.raw("gone")))
    first = made.lab.log(body("description", name=OTHER_NAME, title="Outside data", type="dataset"))["first_index"]
    made.refs["outside"] = node.json(f"/records/{first}")["ref"]
    kinds = ["none", "usage"]
    accept = made.delegate.private_key.sign(delegate_message(origin=node.origin, party=made.lab.key, kinds=kinds))
    made.lab.log(body("delegate", key=made.delegate.key, kinds=kinds, accept=accept))
    for number in range(12):
        made.lab.log(use_body(made.raw("plain"), into_name=f"model {number}"), use_body(NAME), nil_body(number))
    made.delegate.log(use_body(made.raw("rooted"), quantities={"token": 2**60}), nil_body())
    made.owner.log(use_body(NAME), use_body(OTHER_NAME))
    return made


def all_records(node: NodeProcess, query: str = "", limit: int = 7) -> list[dict[str, Any]]:
    """Every record of a filter, page by page."""
    found: list[dict[str, Any]] = []
    start: int | None = 0
    while start is not None:
        page = node.json(f"/records?from={start}&limit={limit}{query}")
        assert len(page["records"]) <= limit
        assert page["next"] is None or page["next"] > start
        found += page["records"]
        start = page["next"]
    return found


def check_json(answer: Answer) -> Any:
    """A good JSON answer: its type, not kept without asking, one line without blanks."""
    assert (answer.status, answer.type) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-cache"
    assert int(answer.headers["content-length"]) == len(answer.body)
    return answer.json()


def test_a_record_is_its_entry_in_json(world: World) -> None:
    """Each record shows exactly what its entry's bytes say: signer, number, batch, leaf, and a body that packs back."""
    size = min(world.node.checkpoint().size, 256)
    path = tiles.entries_path(0, size)
    entries = tiles.parse_bundle(world.node.get(f"/{path}").body, size)
    for index, raw in enumerate(entries):
        said = check_json(world.node.get(f"/records/{index}"))
        leaf = merkle.leaf_hash(raw)
        assert (said["index"], said["leaf"], said["ref"]) == (index, leaf.hex(), f"{index}:{leaf.hex()}")
        entry = parse_entry(raw)
        assert said["signer"]["key"] == entry.key.hex()
        assert said["number"] == entry.number
        assert said["batch"] == {
            "first": entry.first, "count": entry.count, "position": entry.position, "size": entry.size,
            "root": entry.root.hex(), "signature": entry.signature.hex(),
        }  # fmt: skip
        assert make_body(from_json(said["record"])) == entry.body
        assert said["status"] in ("logged", "unlicensed", "unclaimed", "contested", "observed")
        assert (said["status"] == "logged") == (check_body(entry.body)["kind"] != "usage")
    assert world.node.json("/genesis") == world.node.json("/records/0")


def test_numbers_that_pass_2_53_are_strings(world: World) -> None:
    """Quantities are decimal strings, whatever their size."""
    found = all_records(world.node, f"&kind=usage&asset={world.index('rooted')}")
    assert [record["record"]["quantities"] for record in found] == [{"token": str(2**60)}]


def test_pages_hold_every_record_once(world: World) -> None:
    """Pages of any length follow each other without a gap or a repeat, and end."""
    world.lab.log(*(nil_body(5000 + number) for number in range(100)))
    size = world.node.checkpoint().size
    for limit in (1, 2, 7, 100, 1000):
        assert [record["index"] for record in all_records(world.node, limit=limit)] == list(range(size))
    assert world.node.json("/records")["size"] == size
    assert 0 < len(world.node.json("/records")["records"]) <= 100 < size
    assert world.node.json(f"/records?from={size}") == {"records": [], "next": None, "size": size}


def test_filters_agree_with_a_filter_of_everything(world: World) -> None:
    """Kind, asset and party, alone and together, find exactly the records that a look at all of them finds."""
    everything = all_records(world.node)
    names: dict[str, set[str]] = {
        str(world.index("plain")): {world.refs["plain"]}, world.refs["rooted"]: {world.refs["rooted"]},
        NAME: {NAME}, OTHER_NAME: {OTHER_NAME}, str(world.index("gone")): {world.refs["gone"]},
    }  # fmt: skip
    for kind in (None, "usage", "none", "asset", "party", "genesis", "terms"):
        for asset in (None, *names):
            for party in (None, world.lab.key, world.owner.key, bytes(32)):
                wanted = [
                    record["index"] for record in everything
                    if (kind is None or record["record"]["kind"] == kind)
                    and (asset is None or (record["record"]["kind"] == "usage"
                                           and record["record"]["asset"] in names[asset]))
                    and (party is None or record["signer"]["party"] == party.hex())
                ]  # fmt: skip
                query = "".join(
                    f"&{name}={value}"
                    for name, value in (("kind", kind), ("asset", asset and asset.replace("+", "%2B")),
                                        ("party", party.hex() if party is not None else None))
                    if value is not None
                )  # fmt: skip
                got = [record["index"] for record in all_records(world.node, query, limit=50)]
                assert got == wanted, query


def test_pages_are_bounded_in_bytes(world: World) -> None:
    """A page of large records ends early and says where to go on, so that no answer outgrows what a client takes."""
    actor = Actor(world.node).join()
    attrs = {f"{at:03}": "\N{EURO SIGN}" * 330 for at in range(55)}
    start = world.node.checkpoint().size
    for _ in range(2):
        actor.log(*(use_body(NAME, attrs=attrs) for _ in range(40)))
    answer = world.node.get(f"/records?from={start}&limit=1000")
    assert len(answer.body) < 6 * 2**20
    assert answer.json()["next"] is not None
    found = all_records(world.node, f"&party={actor.key.hex()}", limit=1000)
    assert [record["index"] for record in found] == list(range(start - 1, start + 80))


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=", "limit"), ("limit=1e2", "limit"), ("from=-1", "from"),
     ("from=01", "from"), (f"from={2**63}", "from"), ("kind=nothing", "kind"), ("kind=", "kind"),
     ("kind=Usage", "kind"),
     ("party=00", "party"), ("party=" + "AB" * 32, "party"), ("party=" + "ab" * 33, "party"), ("asset=", "asset"),
     ("asset=-1", "asset"), ("asset=pkg:a/b%00", "ref"), ("asset=model:a/b%20c", "ref"), ("asset=0:00", "ref"),
     ("from=1&from=1", "from"), ("kind=usage&kind=none", "kind"), ("x=1", "x"), ("From=1", "From"), ("%00=1", "\0"),
     ("kind=%FF", "query"), ("=1", "")],
)  # fmt: skip
def test_records_refuses_what_it_does_not_know(world: World, query: str, field: str) -> None:
    """Unknown, repeated and garbled arguments are 400 by their name; nothing is guessed."""
    assert check_problem(world.node.get("/records?" + query), 400).get("field", "") == field


def test_what_is_not_in_the_log_is_missing(world: World) -> None:
    """An index or reference beyond the log, or with another hash, is 404 wherever it is asked for."""
    size = world.node.checkpoint().size
    plain = world.refs["plain"]
    for path in (f"/records/{size}", f"/records/{2**63 - 1}", f"/assets/{size}", f"/records?asset={size}",
                 f"/assets/{plain[:-1]}{'1' if plain[-1] == '0' else '0'}", f"/assets/{size}:{'00' * 32}",
                 "/assets/0", "/parties/" + "00" * 32, f"/parties/{world.delegate.key.hex()}"):  # fmt: skip
        check_problem(world.node.get(path), 404)


@pytest.mark.parametrize(
    "path",
    ["/records/-1", "/records/01", "/records/1.0", "/records/x", "/records/1%20", "/records/%00", "/records/%2e%2e",
     f"/records/{2**63}", "/records/1?x=1", "/keys/00", "/keys/" + "0" * 65, "/keys/" + "AB" * 32, "/keys/" + "zz" * 32,
     "/keys/%00" + "0" * 63, "/parties/0", "/assets/name", "/assets/1:", "/assets/1:00", "/assets/%F0%9F%8E%B2",
     "/assets/1:" + "AB" * 32, "/keys/" + "00" * 32 + "?x", "/healthz?x=1", "/readyz?x=1", "/conflicts?x=1",
     "/conflicts?key=00", "/assets?name=&party=", "/assets?name=a&root=" + "00" * 32, "/assets?name=",
     "/assets?name=%00",
     "/assets?name=" + "a" * 1025, "/assets?name=%E2%80%AEa", "/assets?aka=plain", "/assets?aka=model:a/b%00",
     "/assets?root=00", "/assets?limit=0", "/assets?name=%ED%A0%80", "/records/stream?from=x", "/records/stream?x=1"],
)  # fmt: skip
def test_garbled_requests_are_refused(world: World, path: str) -> None:
    """Every other spelling of an index, a key, a reference or an argument is 400, and says what was expected."""
    assert check_problem(world.node.get(path), 400)["expected"]


def test_keys_say_where_they_stand(world: World) -> None:
    """A key's binding, role, kinds and next number; an unknown key's next number is 0, and nothing else is said."""
    said = check_json(world.node.get(f"/keys/{world.lab.key.hex()}"))
    assert said == {
        "key": world.lab.key.hex(), "party": world.lab.key.hex(), "role": "main", "kinds": [], "status": "active",
        "next": world.lab.next, "bound": said["bound"],
    }  # fmt: skip
    said = world.node.json(f"/keys/{world.delegate.key.hex()}")
    assert (said["party"], said["role"], said["kinds"]) == (world.lab.key.hex(), "delegate", ["none", "usage"])
    assert said["next"] == world.delegate.next
    for unknown in (bytes(32), b"\xff" * 32, world.node.vkey.key):
        assert check_json(world.node.get(f"/keys/{unknown.hex()}")) == {"next": 0}


def test_parties_show_their_keys(world: World) -> None:
    """A party shows its name, its main key and every key bound to it."""
    said = check_json(world.node.get(f"/parties/{world.lab.key.hex()}"))
    assert (said["name"], said["main"], said["ended"]) == ("Lab", world.lab.key.hex(), False)
    assert {key["key"] for key in said["keys"]} == {world.lab.key.hex(), world.delegate.key.hex()}


def test_assets_by_reference_and_index(world: World) -> None:
    """An asset is the same by index and by reference; it shows others with its root, and whether it is retired."""
    by_index = check_json(world.node.get(f"/assets/{world.index('rooted')}"))
    assert by_index == world.node.json(f"/assets/{world.refs['rooted']}")
    assert by_index["same_root"] == [world.refs["copy"]]
    assert by_index["record"]["bytes"] in (str(2**60), 2**60)
    gone = world.node.json(f"/assets/{world.index('gone')}")
    assert gone["retired"] is True
    assert gone["withdrawn_by"].split(":")[0] == str(world.index("gone") + 1)
    assert world.node.json(f"/assets/{world.index('outside')}")["kind"] == "description"


@pytest.mark.parametrize(
    ("query", "names"),
    [("name=plain", ["plain"]), ("name=nothing", []), ("root=" + ROOT.hex(), ["rooted", "copy"]),
     ("aka=" + NAME, ["copy"]), ("name=Outside%20data", ["outside"]), ("name=Outside+data", ["outside"]),
     ("name=" + OTHER_NAME.replace("+", "%2B"), ["outside"]), ("", ["plain", "rooted", "copy", "gone", "outside"]),
     ("root=" + "00" * 32, []), ("aka=model:none/none", [])],
)  # fmt: skip
def test_assets_are_found_by_each_filter(world: World, query: str, names: list[str]) -> None:
    """Name (of a description: its title too), root and aka find the assets that have them, page by page."""
    found: list[str] = []
    start: int | None = 0
    while start is not None:
        page = check_json(world.node.get(f"/assets?limit=1&from={start}&{query}".rstrip("&")))
        found += [asset["ref"] for asset in page["assets"]]
        start = page["next"]
    assert sorted(found) == sorted(world.refs[name] for name in names)


def test_assets_of_a_party(world: World) -> None:
    """A party's own assets are listed, and no other's."""
    found = world.node.json(f"/assets?party={world.owner.key.hex()}")["assets"]
    assert [asset["ref"] for asset in found] == [world.refs[name] for name in ("plain", "rooted", "gone")]


def test_health_and_readiness(world: World) -> None:
    """Both answer a plain ok that is never kept."""
    for path in ("/healthz", "/readyz"):
        answer = world.node.get(path)
        assert (answer.status, answer.body) == (200, b"ok\n")
        assert answer.headers["cache-control"] == "no-store"


ROUTES = ("/checkpoint", "/tile/0/000.p/1", "/proof/0", "/consistency?from=0", "/records", "/records/0", "/genesis",
          "/records/stream", "/keys/" + "00" * 32, "/parties/" + "00" * 32, "/assets", "/assets/1", "/conflicts",
          "/healthz", "/readyz")  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "TRACE"])
def test_other_methods_are_not_allowed(world: World, method: str, path: str) -> None:
    """Another method is 405 with the methods that are; POST of /records is judged by its type."""
    answer = world.node.request(method, path, b"")
    if (method, path) == ("POST", "/records"):
        check_problem(answer, 415)
    elif method == "BREW" and answer.status == 400:
        check_problem(answer, 400)
    else:
        check_problem(answer, 405)
        assert "GET" in answer.headers["allow"]


def test_head_of_the_stream_ends(world: World) -> None:
    """HEAD of the stream answers at once with its type, and takes no place among the readers."""
    answer = world.node.request("HEAD", "/records/stream")
    assert (answer.status, answer.type, answer.body) == (200, "text/event-stream", b"")


@pytest.mark.parametrize(
    "path",
    ["/", "", "/nothing", "//checkpoint", "/checkpoint/", "/Checkpoint", "/records/", "/records/1/", "/records/1/2",
     "/keys", "/keys/", "/parties", "/assets/", "/proof", "/proof/", "/tile", "/tile/", "/../checkpoint",
     "/./checkpoint",
     "/%63heckpoint/x", "/check%00point", "/check%0apoint", "/%F0%9F%8E%B2", "/.git/config", "/checkpoint%2F"],
)  # fmt: skip
def test_unknown_paths_are_missing(world: World, path: str) -> None:
    """A path that is no route is 404 (or 400 where it is no path at all), as a problem."""
    answer = world.node.get(path)
    check_problem(answer, 400 if path == "" and answer.status == 400 else 404)


@dataclass
class Stream:
    """A reader of /records/stream."""

    connection: http.client.HTTPConnection
    answer: http.client.HTTPResponse

    def events(self, count: int) -> list[tuple[int, dict[str, Any]]]:
        """The next `count` records, with their ids."""
        found: list[tuple[int, dict[str, Any]]] = []
        fields: dict[str, str] = {}
        while len(found) < count:
            line = self.answer.readline().decode().rstrip("\n")
            if not line:
                if fields:
                    assert fields["event"] == "record"
                    found.append((int(fields["id"]), json.loads(fields["data"])))
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
        return found

    def close(self) -> None:
        """Go away."""
        self.answer.close()
        self.connection.close()


def open_stream(node: NodeProcess, path: str = "/records/stream", **headers: str) -> Stream:
    """Open the stream."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("Content-Type") == "text/event-stream"
    assert answer.getheader("Cache-Control") == "no-store"
    return Stream(connection, answer)


def test_the_stream_begins_where_it_is_told(world: World) -> None:
    """`from` gives the log from there, in order and whole; each event is the record that /records gives."""
    size = world.node.checkpoint().size
    stream = open_stream(world.node, "/records/stream?from=0")
    events = stream.events(size)
    stream.close()
    assert [index for index, _ in events] == list(range(size))
    assert [record for _, record in events] == all_records(world.node, limit=1000)


def test_the_stream_delivers_what_is_published(world: World) -> None:
    """Without `from` only what comes afterwards is sent, soon after it was answered."""
    stream = open_stream(world.node)
    size = world.node.checkpoint().size
    started = time.monotonic()
    for number in range(5):
        world.lab.log(nil_body(1000 + number), nil_body(2000 + number))
        events = stream.events(2)
        assert [index for index, _ in events] == [size + 2 * number, size + 2 * number + 1]
    assert time.monotonic() - started < 2 * KEEPALIVE_S
    stream.close()


def test_the_stream_resumes_after_the_last_event_seen(world: World) -> None:
    """Last-Event-ID goes on with the record after it, and wins over `from`."""
    size = world.node.checkpoint().size
    stream = open_stream(world.node, "/records/stream?from=0", Last_Event_ID=str(size - 4))
    assert [index for index, _ in stream.events(3)] == [size - 3, size - 2, size - 1]
    stream.close()
    for wrong in ("x", "-1", "", str(2**63), "1, 2"):
        check_problem(world.node.get("/records/stream", {"Last-Event-ID": wrong}), 400)


def test_streams_are_bounded_and_places_come_back(make_node: Callable[..., NodeProcess]) -> None:
    """Beyond streams_max a reader gets 503 with Retry-After; a reader that left frees its place."""
    node = make_node(streams_max=2)
    streams = [open_stream(node), open_stream(node)]
    refused = node.get("/records/stream")
    check_problem(refused, 503)
    assert int(refused.headers["retry-after"]) > 0
    streams.pop().close()
    actor = Actor(node).join()
    until(lambda: actor.log(nil_body(actor.next)) and _stream_opens(node))
    streams.pop().close()


def _stream_opens(node: NodeProcess) -> bool:
    with socket.create_connection(("127.0.0.1", node.port), timeout=30) as connection:
        connection.sendall(b"GET /records/stream HTTP/1.1\r\nHost: a\r\n\r\n")
        return connection.recv(100).startswith(b"HTTP/1.1 200")


def test_conflicts_list_what_was_signed_twice(world: World) -> None:
    """A different signed batch over used numbers is listed with the five lines and the signature that prove it."""
    batch = world.owner.sign(nil_body(77), first=0)
    assert world.node.post(encode_request([batch])).json()["results"][0]["status"] == 409
    found = check_json(world.node.get(f"/conflicts?key={world.owner.key.hex()}"))["conflicts"]
    mine = [item for item in found if item["key"] == world.owner.key.hex()]
    assert mine == [
        {"key": world.owner.key.hex(), "lines": batch.lines(world.node.origin).decode(),
         "signature": batch.signature.hex(), "first": 0, "count": 1}
    ]  # fmt: skip
