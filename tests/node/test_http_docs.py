"""docs/http.md against the running code: routes, arguments, answers, problem types, statuses and limits."""

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import node.app
import node.connections
import node.readers
from ledger.errors import PROBLEM_TYPES
from node.problems import TITLES
from node.routes import detect, evidence, lineage, log, money, operate, reads, writes
from proofs.entry import encode_request
from proofs.ref import parse_ref
from tests.node.detecting import Detector, print_set, print_text, prose, register
from tests.node.harness import Actor, NodeProcess, body, nil_body, use_body
from tests.node.moneyworld import make_world, offer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
HEADING = re.compile(r"^### `(GET|POST|PUT) (/[^`]*)`$", re.M)
MODULES = (log, reads, lineage, writes, money, evidence, detect, operate)


def page() -> str:
    """The document."""
    return PAGE.read_text(encoding="utf-8")


def section(method: str, path: str) -> str:
    """What the document says of one route."""
    text = page()
    start = text.index(f"### `{method} {path}`\n")
    end = re.compile(r"^##", re.M).search(text, start + 4)
    return text[start : end.start() if end else None]


def routes() -> dict[tuple[str, str], Any]:
    """(method, path as the document writes it) of every route of the application, with its handler."""
    application = web.Application()
    for module in MODULES:
        module.setup(application)
    found = {}
    for route in application.router.routes():
        if route.method == "HEAD" or route.resource is None:
            continue
        found[route.method, re.sub(r"\{(\w+)\}", r"<\1>", route.resource.canonical)] = route.handler
    return found


ROUTES = routes()


def test_every_route_is_documented_and_no_other() -> None:
    """The document has a heading for each route of the application, and none for another."""
    headings = HEADING.findall(page())
    assert len(headings) == len(set(headings))
    assert set(headings) == set(ROUTES)


def test_the_application_has_these_routes() -> None:
    """The application is made of the modules that the tests here look at."""
    source = inspect.getsource(node.app.make_app)
    assert re.search(r"for module in \(log_routes, writes, reads, lineage, money, evidence, detect, operate\)", source)


@pytest.mark.parametrize("route", sorted(ROUTES), ids="{0[0]} {0[1]}".format)
def test_arguments_are_those_of_the_code(route: tuple[str, str]) -> None:
    """Each route's table of arguments names what its handler takes, in any order; no table where it takes none."""
    called = re.findall(r"query_args\(request(?:, ([^)]*))?\)", inspect.getsource(ROUTES[route]))
    assert len(called) == 1, "a handler looks at its query once"
    taken = set(re.findall(r'"(\w+)"', called[0]))
    documented = set(re.findall(r"^\| `(\w+)` \|", section(*route), re.M))
    assert documented == taken


def test_problem_types_and_titles_are_those_of_the_code() -> None:
    """Every type with its title, and no other."""
    rows = re.findall(r"^\| `(usance:\w+)` \| ([^|]+) \| ([^|]+) \|$", page(), re.M)
    assert {name: title for name, title, _ in rows} == TITLES
    assert [name for name, _, _ in rows] == list(PROBLEM_TYPES)


def test_statuses_are_those_of_the_code() -> None:
    """Every status that the code answers a whole request with is in the table of errors, and no other."""
    source = "".join(inspect.getsource(module) for module in (*MODULES, node.app, node.connections, node.readers))
    answered = {int(status) for status in re.findall(r"(?:problem|bad_input)\(\s*([0-9]{3})", source)}
    answered |= {405, 404}  # from the router, through the middleware
    table = page().split("### Errors")[1].split("### Problem types")[0]
    assert {int(status) for status in re.findall(r"^\| ([0-9]{3}) \|", table, re.M)} == answered


def test_limits_are_those_of_the_code() -> None:
    """Each bound in the table of limits is the constant that it names."""
    rows = re.findall(r"^\| [^|]+ \| ([0-9,]+)( MiB)? \| `([\w.]+)\.([A-Z_]+)` \|$", page(), re.M)
    assert len(rows) == page().split("### Limits")[1].split("\n## ")[0].count("| `")
    for number, unit, module, name in rows:
        bound = int(number.replace(",", "")) * (2**20 if unit else 1)
        assert getattr(importlib.import_module(module), name) == bound, name


def shape(value: Any) -> Any:
    """A JSON value's form: the fields of objects and the forms of a list's first item; what a record holds aside."""
    if isinstance(value, dict):
        return {name: "record" if name == "record" else shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else "list"
    return {bool: "bool", int: "number", str: "text"}.get(type(value), "null")


def examples() -> dict[str, Any]:
    """The JSON examples by their labels."""
    found = re.findall(r"^```json ([^\n]+)\n(.*?)^```$", page(), re.M | re.S)
    return {label: json.loads(text) for label, text in found}


def assets(node: NodeProcess, lab: Actor) -> dict[str, Any]:
    """Answers about an asset that has and had everything: a claimed name, shares to pay, terms; and that is retired."""
    source = {"currency": "EUR", "offers": [], "derivatives": 1000}
    made = lab.log(body("asset", type="dataset", name="source", terms=source))["first_index"]
    source_ref = parse_ref(node.json(f"/records/{made}")["ref"])
    sources = [{"asset": source_ref.pack(), "as": "contains", "bps": 1000}]
    fields = {"type": "dataset", "name": "corpus", "root": bytes(32), "items": 3, "bytes": 300, "sources": sources,
              "aka": ["model:lab/one"]}  # fmt: skip
    first = lab.log(body("asset", **fields))["first_index"]
    listed = node.json(f"/assets?limit=1&from={first}")
    lab.log(body("asset", **fields))
    ref = parse_ref(node.json(f"/assets/{first}")["ref"])
    splits = [{"party": lab.key, "bps": 10_000}]
    terms = {"currency": "EUR", "offers": [offer("train", "token", 7)], "derivatives": 5, "splits": splits}
    lab.log(body("terms", asset=ref.pack(), **terms))
    lab.log(body("withdraw", target=ref.pack()))
    listed["next"] = None
    return {"GET /assets": listed, "GET /assets/<ref>": node.json(f"/assets/{first}")}


def lineages(node: NodeProcess, lab: Actor) -> dict[str, Any]:
    """The answer about a model that was made from an asset with terms and an external name, with a use of the asset."""
    maker = Actor(node).join("Press")
    terms = {"currency": "EUR", "offers": [offer("train", "token", 7)], "license": "CC-BY-4.0", "derivatives": 500}
    fields = {"type": "dataset", "name": "lineage corpus", "terms": terms}
    corpus = parse_ref(node.json(f"/records/{maker.log(body('asset', **fields))['first_index']}")["ref"])
    name = "model:p/lineage"
    maker.log(body("description", type="model", name=name, title="A model"))
    sources = [{"asset": corpus.pack(), "as": "trained_on", "bps": 500}, {"asset": name, "as": "distilled_from"}]
    made = lab.log(body("asset", type="model", name="lineage model", version="1", sources=sources))["first_index"]
    into = parse_ref(node.json(f"/records/{made}")["ref"]).pack()
    lab.log(use_body(asset=corpus.pack(), terms=corpus.pack(), into=into))
    return {"GET /assets/<material>/lineage": node.json(f"/assets/{made}/lineage?direction=up")}


def accounts(node: NodeProcess) -> dict[str, Any]:
    """Answers about a usage that was corrected, a statement with a receipt, and their account."""
    world = make_world(node)
    used = world.use(world.lab, world.corpus)
    correction = world.refs(world.lab.log(body("correction", usage=used.pack(), quantities={"token": 900}, reason="x")))
    world.publisher.log(body("accept", correction=correction[0].pack()))
    stated = world.state(world.lab, world.publisher)
    world.receipt(world.publisher, stated, 3 * 10**9)
    world.use(world.lab, world.corpus, quantities={"token": 100})
    world.use(world.maker, world.corpus)
    world.state(world.maker, world.publisher)  # so that the first of the publisher's accounts is like the second
    path, label = world.account(world.lab, world.publisher), "GET /accounts/<payer>/<payee>/<currency>"
    return {
        "GET /records/<index>": node.json(f"/records/{used.index}"),
        "GET /records/<index> (statement)": node.json(f"/records/{stated.index}"),
        "GET /accounts": node.json(f"/accounts?party={world.publisher.key.hex()}&limit=1"),
        label: node.json(path),
        f"{label}/draft": node.json(f"{path}/draft"),
        f"{label}/lines": node.json(f"{path}/lines"),
    }


def detection(node: NodeProcess, owner: Actor) -> dict[str, Any]:
    """Answers to a print set that is taken in, and to a text with a part of it."""
    detector = Detector(node)
    data, summary = print_set([print_text("a", prose(1)), print_text("b", prose(2))])
    terms = {"currency": "EUR", "offers": [], "on_match": "charge"}
    ref = register(owner, summary, terms=terms)
    sent = detector.send(ref, data).json()
    items = [print_text("c", prose(3) + " " + prose(1)[:900]), print_text("d", "too short")]
    return {"PUT /assets/<ref>/prints": sent, "POST /detect": without_keys(detector.look(items).json())}


def without_keys(found: dict[str, Any]) -> dict[str, Any]:
    """The example's asset in place of the one in an answer, where it is a field's name."""
    (owner,) = found["owners"].values()
    return {**found, "owners": {"8:79a227ae…": owner}}


def not_ready(folder: Path) -> Any:
    """What a node says that has less room than it wants."""
    node = NodeProcess(folder, disk_free_bytes_min=2**50).start()
    try:
        return node.get("/readyz").json()
    finally:
        node.kill()


@pytest.fixture(scope="module")
def answers(node: NodeProcess, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Real answers by the labels of the examples."""
    lab = Actor(node).join("Example lab")
    shown = {**assets(node, lab), **lineages(node, lab), **accounts(node), **detection(node, lab)}
    gap = node.submit(lab.sign(nil_body(), first=lab.next + 1))[0]
    node.submit(lab.sign(nil_body(), first=0))
    taken = node.post(encode_request([lab.sign(use_body())])).json()
    used = taken["results"][0]["first_index"]
    return {
        **shown,
        "result": gap,
        "GET /readyz (503)": not_ready(tmp_path_factory.mktemp("full") / "n"),
        "POST /records": taken,
        "GET /records": node.json(f"/records?from={used + 1}"),
        "GET /keys/<key>": node.json(f"/keys/{lab.key.hex()}"),
        "GET /parties/<party>": node.json(f"/parties/{lab.key.hex()}"),
        "GET /conflicts": node.json("/conflicts"),
    }


@pytest.mark.parametrize("label", sorted(examples()))
def test_examples_have_the_form_of_real_answers(answers: dict[str, Any], label: str) -> None:
    """Each example has exactly the fields, and the types, of what a node answers."""
    assert shape(answers[label]) == shape(examples()[label])


def test_json_routes_have_examples() -> None:
    """Every route that answers an object of its own form has an example of it."""
    plain = {"/checkpoint", "/tile/<path>", "/proof/<index>", "/consistency", "/records/stream", "/genesis", "/healthz",
             "/readyz", "/metrics", "/openapi.json", "/evidence/<index>", "/closed"}  # fmt: skip
    shown = {label.partition(" (")[0] for label in examples()} - {"result", "GET /readyz"}
    assert shown == {f"{method} {path}" for method, path in ROUTES if path not in plain}


def test_headings_of_the_spec_that_are_referred_to_exist(repo_root: Path) -> None:
    """Links into the other documents lead to headings that are there."""
    for name, fragment in re.findall(r"\]\((\w+\.md)#([\w-]+)\)", page()):
        text = (repo_root / "docs" / name).read_text(encoding="utf-8")
        slugs = {re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-")
                 for line in re.findall(r"^#+ (.+)$", text, re.M)}  # fmt: skip
        assert fragment in slugs
