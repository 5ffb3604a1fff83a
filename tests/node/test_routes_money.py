"""The routes of accounts over HTTP: what they answer, page by page, at any `to`, and what they refuse."""

from collections.abc import Iterator
from typing import Any

import pytest

from ledger.postings import Account
from node.agents.drafts import path_of
from proofs.jsonform import from_json
from proofs.ref import Ref
from tests.node.harness import NOW_MS, Actor, NodeProcess, body, check_problem
from tests.node.moneyworld import World, make_world, offer, settle_once

EUR = 10**9
TOK_PRICE = 2**53


def make_busy(node: NodeProcess) -> World:
    """The economy of settle_once, and a second statement's worth of lines and a credit after it."""
    made = make_world(node)
    settle_once(made)
    made.use(made.maker, made.corpus)
    used = made.use(made.lab, made.corpus, quantities={"token": 200})
    correction = made.refs(made.lab.log(body("correction", usage=used.pack(), quantities={"token": 100}, reason="x")))
    made.publisher.log(body("accept", correction=correction[0].pack()))
    return made


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """What these tests read."""
    return make_busy(node)


@pytest.fixture
def busy(node: NodeProcess) -> World:
    """The same once more, for a test that states: wrong statements count against the lab that sends them."""
    return make_busy(node)


@pytest.fixture(scope="module")
def path(world: World) -> str:
    """The account of the lab with the publisher."""
    return world.account(world.lab, world.publisher)


def all_accounts(node: NodeProcess, query: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
    """Every account of a filter, page by page."""
    found: list[dict[str, Any]] = []
    start = ""
    while True:
        page = node.json(f"/accounts?limit={limit}{query}{start}")
        assert len(page["accounts"]) <= limit
        found += page["accounts"]
        if page["next"] is None:
            return found
        start = f"&from={page['next']}"


def all_lines(node: NodeProcess, path: str, of: str, *, limit: int) -> Iterator[list[Any]]:
    """Every line, or credit, page by page."""
    start: int | None = 0
    while start is not None:
        page = node.json(f"{path}/lines?of={of}&limit={limit}&from={start}")
        assert len(page[of]) <= limit
        yield from page[of]
        start = page["next"]


def name_of(row: dict[str, Any]) -> tuple[str, str, str]:
    """What identifies an account."""
    return row["payer"], row["payee"], row["currency"]


def test_an_account_adds_up(world: World, path: str) -> None:
    """The sums are those of its lines, credits, statements and receipts."""
    account = world.node.json(path)
    lines, credits = (list(all_lines(world.node, path, of, limit=1000)) for of in ("lines", "credits"))
    assert (account["lines"], account["credit_lines"]) == (len(lines), len(credits)) == (4, 1)
    assert int(account["accrued"]) == sum(int(amount) for _, amount in lines) - sum(int(n) for _, n in credits)
    statements = account["statements"]
    assert int(account["stated"]) == sum(int(row["due"]) for row in statements) == 7 * EUR
    assert int(account["received"]) == sum(int(row["received"]) for row in statements) == 3 * EUR
    assert int(account["open"]) == int(account["stated"]) - int(account["received"])
    assert account["statement"] == statements[0]["ref"]
    assert (account["payer_name"], account["payee_name"]) == ("Lab", "Publisher")
    listed = next(row for row in all_accounts(world.node) if name_of(row) == name_of(account))
    assert listed == {name: value for name, value in account.items() if name not in ("statements", "size")}


def test_pages_of_accounts_hold_each_once(world: World) -> None:
    """Any page length gives the same list: everybody's, and a party's on both of its sides."""
    everything = all_accounts(world.node)
    names = [name_of(row) for row in everything]
    assert len(names) == len(set(names)) >= 4
    for limit in (1, 2, 3):
        assert all_accounts(world.node, limit=limit) == everything
    for party in (world.lab, world.publisher, world.maker, world.partner):
        key = party.key.hex()
        wanted = [row for row in everything if row["payer"] == key] + [row for row in everything if row["payee"] == key]
        for limit in (1, 2, 1000):
            assert sorted(map(name_of, all_accounts(world.node, f"&party={key}", limit=limit))) == sorted(
                map(name_of, wanted)
            )
    assert all_accounts(world.node, "&party=" + "77" * 32) == []


def test_pages_of_lines_hold_each_once(world: World, path: str) -> None:
    """Lines and credits in log order, whatever the page length, from any leaf on."""
    for of in ("lines", "credits"):
        whole = list(all_lines(world.node, path, of, limit=1000))
        assert [index for index, _ in whole] == sorted({index for index, _ in whole})
        for limit in (1, 2):
            assert list(all_lines(world.node, path, of, limit=limit)) == whole
        for at, (index, _) in enumerate(whole):
            assert world.node.json(f"{path}/lines?of={of}&from={index}")[of] == whole[at:]
            assert world.node.json(f"{path}/lines?of={of}&from={index + 1}")[of] == whole[at + 1 :]
    assert world.node.json(f"{path}/lines") == world.node.json(f"{path}/lines?of=lines&from=0&limit=100")


def test_lines_are_those_of_the_usages(world: World, path: str) -> None:
    """Each line is what the usage at its leaf says that this payee got."""
    for index, amount in all_lines(world.node, path, "lines", limit=1000):
        usage = world.node.json(f"/records/{index}")
        said = {row["payee"]: row["amount"] for row in usage["lines"]}
        assert said[world.publisher.key.hex()] == amount
        assert int(usage["charge"]) == sum(int(row["amount"]) for row in usage["lines"])


def test_a_draft_is_the_statement_that_the_log_takes(busy: World) -> None:
    """At every `to`: what it says can't be stated is refused, what it says can be is taken."""
    path = busy.account(busy.lab, busy.publisher)
    size = busy.node.checkpoint().size
    newest = busy.node.json(path)["to"]
    reasons, statable = set(), []
    for to in range(newest - 2, size + 1):
        draft = busy.node.json(f"{path}/draft?to={to}")
        assert draft["statement"]["to"] == to
        assert draft["statable"] == (draft["reason"] is None)
        if draft["statable"]:
            statable.append(to)
        else:
            reasons.add(draft["reason"].split(" ")[0])
            assert state(busy, draft["statement"])["status"] == (409 if to <= newest else 422), draft
    assert reasons == {"entry", "nothing"}
    assert statable == list(range(statable[0], size + 1))
    assert busy.node.json(f"{path}/draft")["statement"]["to"] >= size
    taken = state(busy, busy.node.json(f"{path}/draft?to={statable[0]}")["statement"])
    assert taken["statuses"] == ["logged"]
    assert not busy.node.json(f"{path}/draft?to={statable[0]}")["statable"]


def state(world: World, fields: dict[str, Any]) -> dict[str, Any]:
    """What the lab is told to a statement."""
    return world.node.submit(world.lab.sign(body(**from_json({"kind": "statement", "at": NOW_MS, **fields}))))[0]


def test_the_refusal_of_a_wrong_figure_holds_the_right_ones(busy: World) -> None:
    """All of them, so that a program needn't ask again; nothing is stored."""
    draft = busy.node.json(f"{busy.account(busy.lab, busy.publisher)}/draft")["statement"]
    size = busy.node.checkpoint().size
    for name in ("lines", "gross", "root", "credit_lines", "credits", "credit_root", "billed", "due", "unpriced"):
        refused = state(busy, {**draft, name: another(draft[name])})
        assert (refused["status"], refused["type"], refused["field"]) == (422, "usance:rule", name)
        assert refused["figures"] == draft
        assert refused["expected"] == str(draft[name])
    assert busy.node.checkpoint().size == size


def another(figure: Any) -> Any:
    """Another figure of the same form."""
    return figure + 1 if type(figure) is int else figure[:-1] + ("1" if figure[-1] == "0" else "0")


def test_a_stale_statement_names_the_one_that_stands(busy: World) -> None:
    """409, with its index."""
    path = busy.account(busy.lab, busy.publisher)
    account = busy.node.json(path)
    refused = state(busy, busy.node.json(f"{path}/draft?to={account['to']}")["statement"])
    assert (refused["status"], refused["type"]) == (409, "usance:stale")
    assert refused["statement"] == account["statements"][0]["index"]


def test_an_account_without_lines_is_all_zero(world: World) -> None:
    """Whatever parties and currency: nothing there is no error, and nothing can be stated."""
    path = world.account(world.publisher, world.lab, "XTS12")
    account = world.node.json(path)
    assert {account[name] for name in ("accrued", "stated", "received", "open")} == {"0"}
    assert (account["lines"], account["statement"], account["statements"]) == (0, None, [])
    draft = world.node.json(f"{path}/draft")
    assert (draft["statable"], draft["statement"]["due"]) == (False, "0")
    for of in ("lines", "credits"):
        assert world.node.json(f"{path}/lines?of={of}")[of] == []
    assert world.node.json(world.account(Actor(world.node), Actor(world.node)))["payer_name"] == ""


def test_more_than_one_statement_can_say_is_drafted_in_parts(world: World) -> None:
    """The draft stops at the leaf up to which it fits; asked for all, it says that it doesn't."""
    terms = {"currency": "TOK", "offers": [offer("train", "token", TOK_PRICE)]}
    made = world.maker.log(body("asset", type="dataset", name="dear", terms=terms))
    asset = world.refs(made)[0]
    uses = [world.use(world.lab, asset, quantities={"token": 1000}) for _ in range(3)]
    path = world.account(world.lab, world.maker, "TOK")
    for number, used in enumerate(uses, start=1):
        draft = world.node.json(f"{path}/draft")
        assert draft["statable"]
        assert (draft["statement"]["lines"], draft["statement"]["due"]) == (number, str(TOK_PRICE * 1000))
        whole = world.node.json(f"{path}/draft?to={world.node.checkpoint().size}")
        assert whole["statable"] == (number == 3)
        assert used.index < draft["statement"]["to"]
        stated = world.lab.log(body(**from_json({"kind": "statement", "at": NOW_MS, **draft["statement"]})))
        assert stated["statuses"] == ["logged"]


def test_events_of_a_record_are_those_about_it(busy: World) -> None:
    """A usage, its correction, its statement: each names the later records about it, in log order."""
    used = busy.use(busy.lab, busy.corpus, quantities={"token": 50})
    correction = busy.refs(busy.lab.log(body("correction", usage=used.pack(), quantities={}, reason="none")))[0]
    accepted = busy.publisher.log(body("accept", correction=correction.pack()))["first_index"]
    dispute = busy.refs(busy.lab.log(body("dispute", target=used.pack(), reason="x")))[0]
    ended = busy.publisher.log(body("resolution", dispute=dispute.pack(), outcome="conceded"))["first_index"]
    said = busy.node.json(f"/records/{used.index}")
    assert [(event["index"], event["kind"]) for event in said["events"]] == [
        (correction.index, "correction"), (accepted, "accept"), (dispute.index, "dispute"), (ended, "resolution"),
    ]  # fmt: skip
    assert said["corrected_to"] == {}
    assert busy.node.json(f"/records/{correction.index}")["events"] == [{"index": accepted, "kind": "accept"}]
    assert busy.node.json(f"/records/{dispute.index}")["dispute"] == "conceded"


def test_an_asset_comes_with_its_terms_and_whom_it_pays(world: World) -> None:
    """Those in force now, and every asset with a share, through all levels."""
    corpus, model = (world.node.json(f"/assets/{asset}") for asset in (world.corpus, world.model))
    assert (corpus["terms_in_force"], corpus["currency"]) == (str(world.corpus), "EUR")
    assert (corpus["terms"]["derivatives"], corpus["terms"]["prohibits"]) == (1000, ["distill"])
    assert "pays" not in corpus
    assert model["pays"] == [{"asset": str(world.corpus), "bps": 1000}]
    plain = world.refs(world.lab.log(body("asset", type="dataset", name="plain")))[0]
    assert not {"terms", "terms_in_force", "currency", "pays"} & world.node.json(f"/assets/{plain}").keys()
    greedy = [{"asset": asset(world, 6000).pack(), "as": "derived_from", "bps": 6000} for _ in range(2)]
    both = world.refs(world.lab.log(body("asset", type="model", name="both", sources=greedy)))[0]
    assert world.node.json(f"/assets/{both}")["cannot_sell"] == "oversubscribed"


def asset(world: World, derivatives: int) -> Ref:
    """An asset that asks so much of what is made from it."""
    terms = {"currency": "EUR", "offers": [], "derivatives": derivatives}
    return world.refs(world.maker.log(body("asset", type="dataset", name="greedy", terms=terms)))[0]


HEX = "ab" * 32
ONE = f"/accounts/{HEX}/{HEX}/EUR"


@pytest.mark.parametrize(
    ("path", "field"),
    [("/accounts?party=00", "party"), ("/accounts?party=" + "AB" * 32, "party"), ("/accounts?limit=0", "limit"),
     ("/accounts?limit=1001", "limit"), ("/accounts?limit=x", "limit"), ("/accounts?from=1", "from"),
     (f"/accounts?from=pays:{HEX}:{HEX}", "from"), (f"/accounts?from=owes:{HEX}:{HEX}:EUR", "from"),
     (f"/accounts?from=pays:{HEX}:{HEX}:eur", "from"), (f"/accounts?from=paid:00:{HEX}:EUR", "from"),
     ("/accounts?from=", "from"), ("/accounts?payer=" + HEX, "payer"), ("/accounts?limit=1&limit=1", "limit"),
     (f"/accounts/00/{HEX}/EUR", "payer"), (f"/accounts/{HEX}/{HEX[:-1]}/EUR", "payee"),
     (f"/accounts/{HEX}/{HEX}/eur", "currency"), (f"/accounts/{HEX}/{HEX}/E", "currency"),
     (f"/accounts/{HEX}/{HEX}/EUR%00", "currency"), (ONE + "?x=1", "x"), (ONE + "/draft?to=-1", "to"),
     (ONE + "/draft?to=01", "to"), (ONE + f"/draft?to={2**63 - 1}", "to"), (ONE + f"/draft?to={2**63}", "to"),
     (ONE + "/draft?from=1", "from"), (ONE + "/lines?of=debits", "of"), (ONE + "/lines?of=", "of"),
     (ONE + "/lines?limit=1001", "limit"), (ONE + "/lines?from=x", "from"), (ONE + f"/lines?from={2**63}", "from")],
)  # fmt: skip
def test_what_is_malformed_is_refused(world: World, path: str, field: str) -> None:
    """400, with the field; nothing is guessed."""
    assert check_problem(world.node.get(path), 400).get("field") == field


@pytest.mark.parametrize(
    "path", [f"/accounts/{HEX}", f"/accounts/{HEX}/{HEX}", ONE + "/", ONE + "/statements", f"{ONE}/draft/1"]
)
def test_what_is_no_route_is_missing(world: World, path: str) -> None:
    """404."""
    check_problem(world.node.get(path), 404)


def test_other_methods_are_refused(world: World) -> None:
    """405, with what is allowed."""
    for path in ("/accounts", ONE, ONE + "/draft", ONE + "/lines"):
        answer = world.node.request("POST", path, b"")
        check_problem(answer, 405)
        assert answer.headers["allow"] == "GET, HEAD"
        head = world.node.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")


def test_the_client_s_path_is_the_route(world: World, path: str) -> None:
    """What agents ask for is what is served."""
    assert path_of(Account(world.lab.key, world.publisher.key, "EUR")) == path
