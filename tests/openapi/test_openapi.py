"""What a node answers is what its OpenAPI document says, for real requests and for made ones."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.readers import SCOPED
from proofs.entry import encode_request
from tests.interop.clients import python_environment, run
from tests.node.detecting import SET_TYPE, Detector, asked, print_set, print_text, prose, register
from tests.node.harness import Actor, NodeProcess, body, nil_body, use_body
from tests.node.moneyworld import World, make_world, settle_once

HERE = Path(__file__).resolve().parent
SHORT, LONG = 1, 60
RUN_S = 300
RUN_LONG_S = 1800

# A request of the documented form that a node refuses all the same: what the document can't say.
REFUSED_BY_MORE = {
    "/assets": "at most one filter at a time",
    "/assets/{material}/lineage": "an asset, and one of party and to",
    "/consistency": "sizes up to the log's, the first one the smaller",
    "/proof/{index}": "a size above the index, up to the log's",
    "/records": "the asset an external name; on a write, batches in canonical MessagePack",
    "/evidence/{index}": "a payee whom something of the use reaches",
    "/accounts/{payer}/{payee}/{currency}/draft": "a leaf up to the log's size",
}


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of programs of the environment."""
    return python_environment("openapi")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node with a small economy; at the end it must have failed on nothing, and its log must replay."""
    node = NodeProcess(tmp_path_factory.mktemp("openapi") / "node", metrics="main").start()
    try:
        made = make_world(node)
        settle_once(made)
        yield made
        assert node.stop() == 0
        assert node.failures() == []
        node.audit()
    finally:
        node.kill()


def requests_of(world: World) -> list[dict[str, Any]]:
    """Requests with a good answer, or with a problem that was asked for, for every route of the document."""
    node, size = world.node, world.node.checkpoint().size
    account = {"payer": world.lab.key.hex(), "payee": world.publisher.key.hex(), "currency": "EUR"}
    lineage = "/assets/{material}/lineage"
    one = "/accounts/{payer}/{payee}/{currency}"
    usage = next(at for at in range(size) if node.json(f"/records/{at}")["record"]["kind"] == "usage")
    dispute = world.lab.log(body("dispute", target=world.ref(usage).pack(), reason="wrong", note="x"))
    corpus = str(world.corpus)
    maker = Actor(node).join("Another")
    gap = maker.sign(nil_body(1), first=9)
    refused = maker.sign(body("grant", terms=bytes(40), licensee=bytes(32)))
    good = [encode_request([maker.sign(use_body(), first=1)]), encode_request([gap, refused])]

    def get(
        route: str, status: int = 200, /, *, query: dict[str, Any] | None = None, **parameters: Any
    ) -> dict[str, Any]:
        return {"method": "GET", "path": route, "parameters": parameters, "query": query or {}, "status": status}

    return [
        *(get("/records/{index}", index=at) for at in range(size)),
        get("/records/{index}", index=dispute["first_index"]),
        get("/records/{index}", 404, index=10**6),
        get("/records", query={"limit": 3, "kind": "usage", "asset": corpus}),
        get("/records", query={"from": 2, "party": world.lab.key.hex()}),
        get("/records", 400, query={"limit": 0}),
        *(get("/evidence/{index}", index=at) for at in (usage, usage + 1)),
        get("/evidence/{index}", 404, index=0),
        *map(get, ("/checkpoint", "/genesis", "/assets", "/accounts", "/conflicts", "/healthz", "/readyz", "/metrics")),
        get("/openapi.json"), get("/closed", 404),
        get("/tile/{path}", path="0/000.p/1"), get("/tile/{path}", path="entries/000.p/2"),
        get("/proof/{index}", index=1), get("/proof/{index}", index=1, query={"size": 3}),
        get("/consistency", query={"from": 1, "to": 5}), get("/consistency", 400),
        get("/keys/{key}", key=world.lab.key.hex()), get("/keys/{key}", key="00" * 32),
        get("/parties/{party}", party=world.lab.key.hex()), get("/parties/{party}", 404, party="00" * 32),
        get("/assets/{ref}", ref=corpus), get("/assets/{ref}", ref=world.model.index), get("/assets/{ref}", 404, ref=0),
        get("/assets", query={"party": world.maker.key.hex()}),
        get(lineage, material=corpus), get(lineage, material="model:p/unknown"), get(lineage, 404, material=10**6),
        get(lineage, material=world.model.index, query={"direction": "up", "since": 3, "depth": 2, "limit": 7}),
        get(lineage, material=world.model.index, query={"to": corpus}),
        get(lineage, material=corpus, query={"to": "doi:10.1234/none"}),
        get(lineage, 400, material=corpus, query={"depth": 0}),
        get(one, **account), get(f"{one}/draft", **account), get(f"{one}/lines", **account),
        get(f"{one}/lines", **account, query={"of": "credits"}), get(f"{one}/draft", **account, query={"to": 3}),
        get("/accounts", query={"party": world.lab.key.hex(), "limit": 1}),
        *({"method": "POST", "path": "/records", "body": data.hex()} for data in (*good, good[0])),
        {"method": "POST", "path": "/records", "body": "90", "status": 400},
        *_detection(world),
    ]  # fmt: skip


def _detection(world: World) -> list[dict[str, Any]]:
    """A print set that is taken, looks with and without matches, and refusals."""
    detector, reader = Detector(world.node), Detector(world.node, "reader", may=["read"])
    data, summary = print_set([print_text("a", prose(1))])
    ref = register(world.lab, summary, "printed")
    put = {"method": "PUT", "path": "/assets/{ref}/prints", "parameters": {"ref": ref}, "body": data.hex(),
           "type": SET_TYPE}  # fmt: skip
    look = {"method": "POST", "path": "/detect", "body": asked([print_text("b", prose(1))]).hex()}
    return [
        {**put, "status": 401}, {**put, "status": 403, "token": reader.token}, {**put, "token": detector.token},
        {**put, "token": detector.token},
        {**put, "token": detector.token, "parameters": {"ref": str(world.corpus)}, "status": 400},
        {**look, "status": 401}, {**look, "status": 403, "token": reader.token}, {**look, "token": detector.token},
        {**look, "token": detector.token, "body": asked([print_text("c", "short")]).hex()},
        {**look, "token": detector.token, "body": "90", "status": 400},
    ]  # fmt: skip


def test_answers_of_every_route_are_as_documented(tools: Path, world: World, tmp_path: Path) -> None:
    """Statuses, headers, content types and schemas of real answers, for every operation but the stream."""
    wanted_all = requests_of(world)
    documented = world.node.json("/openapi.json")["paths"]
    operations = {(method.upper(), path) for path, item in documented.items() for method in item}
    assert operations - {(wanted["method"], wanted["path"]) for wanted in wanted_all} == {("GET", "/records/stream")}
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(wanted_all), encoding="utf-8")
    done = run(tools / "python", HERE / "probe.py", world.node.url, file)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert f"{len(wanted_all)} requests, 0 wrong" in done.stdout


def configuration() -> str:
    """How schemathesis runs here."""
    lines = [
        "hooks = \"hooks.py\"", "request-timeout = 10", "[phases.examples]", "enabled = false",
        "[phases.stateful]", "enabled = false",
    ]  # fmt: skip
    for path in REFUSED_BY_MORE:
        lines += [
            "[[operations]]", f'include-path = "{path}"',
            "[operations.checks.positive_data_acceptance]", 'expected-statuses = ["2xx", "400", "404", "503"]',
        ]  # fmt: skip
    for path in SCOPED:  # nobody made up here has a token
        lines += [
            "[[operations]]", f'include-path = "{path}"',
            "[operations.checks.positive_data_acceptance]", 'expected-statuses = ["401"]',
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(RUN_LONG_S + RUN_S)
def test_made_requests_are_answered_as_documented(
    tools: Path, world: World, tmp_path: Path, long_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Requests made from the document, right and wrong ones: nothing fails, and no answer is another than it says."""
    (tmp_path / "schemathesis.toml").write_text(configuration(), encoding="utf-8")
    (tmp_path / "hooks.py").write_bytes((HERE / "hooks.py").read_bytes())
    size = world.node.checkpoint().size
    done = run(
        tools / "schemathesis", "--config-file", tmp_path / "schemathesis.toml", "run",
        f"{world.node.url}/openapi.json", "--exclude-path", "/records/stream", "--continue-on-failure", "--no-color",
        "--max-examples", LONG if long_run else SHORT,
        *(("--seed", int.from_bytes(os.urandom(4))) if long_run else ("--generation-deterministic",)),
        cwd=tmp_path, timeout=RUN_LONG_S if long_run else RUN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    found = re.search(r"([0-9]+) generated, ([0-9]+) passed", done.stdout)
    assert found is not None, done.stdout[-2000:]
    assert found[1] == found[2]
    assert int(found[1]) > 200
    assert world.node.checkpoint().size == size, "what was made up was logged"
    with capsys.disabled():
        print(f"\nopenapi: {found[1]} made requests, all answered as documented")
