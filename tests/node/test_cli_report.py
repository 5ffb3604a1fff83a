"""`usance report` against a real node: statements and items, recomputed from the whole log."""

import csv
import io
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from node.agents.focus import COLUMNS, MANDATORY
from node.cli.report import month_bounds
from proofs.errors import InputError
from proofs.manifest import Item, Manifest
from tests.node.clitool import Cli
from tests.node.harness import Actor, NodeProcess, body
from tests.node.moneyworld import HOSTILE, World, make_world, settle_once

EUR = 10**9
AT = 1_794_000_000_000  # 2026-11-06
NEXT = AT + 30 * 86_400_000


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """A log with money in it."""
    return make_world(node, name=HOSTILE)


@pytest.fixture(scope="module")
def statement(world: World) -> int:
    """The lab's second statement to the publisher: after 7 EUR before, uses for 5.000000005 EUR and a credit."""
    first = settle_once(world)
    world.receipt(world.publisher, first, 4 * EUR, "=HYPERLINK(1)")
    usage = world.use(world.lab, world.corpus, quantities={"token": 1000})
    world.use(world.lab, world.corpus, use="infer", quantities={"output_token": 1}, item=bytes(range(32)))
    fields = {"usage": usage.pack(), "quantities": {"token": 600}, "reason": "counted twice"}
    correction = world.refs(world.lab.log(body("correction", **fields)))[0]
    world.publisher.log(body("accept", correction=correction.pack()))
    second = world.state(world.lab, world.publisher, by=world.publisher)
    paid = {"statement": second.pack(), "amount": 2 * EUR, "method": "SEPA", "reference": "-1+2"}
    world.lab.log(body("payment", **paid))
    world.receipt(world.publisher, second, 2 * EUR, "x")
    return second.index


@pytest.fixture
def cli(tmp_path: Path, node: NodeProcess) -> Cli:
    """Somebody with the log's key."""
    return Cli(tmp_path, {"USANCE_NODE": node.url, "USANCE_LOG": node.vkey.text})


def rows_in(path: Path) -> list[dict[str, str]]:
    """A CSV file by its columns."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_a_statement_is_shown_with_its_own_figures(cli: Cli, world: World, statement: int) -> None:
    """Lines by asset and use, credits, free rides, what was received: as the statement says, and computed here."""
    said = cli.json("report", "statement", statement)
    assert said["statement"]["due"] == str(3 * EUR)
    assert (said["received"], said["open"], said["verified"]) == (str(2 * EUR), str(EUR), True)
    assert [(row["use"], row["uses"], row["quantities"], row["amount"], row["charge"]) for row in said["new"]] == [
        ("infer", 1, {"output_token": "1"}, "1250", "2500"),
        ("train", 1, {"token": "1000"}, str(5 * EUR), str(10 * EUR)),
    ]
    assert [row["amount"] for row in said["new_credits"]] == [str(2 * EUR)]
    assert said["before"] == {"statements": 1, "to": said["before"]["to"], "gross": str(7 * EUR), "credits": "0"}
    rides = {(row["use"], row["status"], row["reason"]): row["uses"] for row in said["free_rides"]}
    assert rides == {
        ("distill", "unlicensed", "prohibited"): 1,
        ("train", "part-priced", None): 1,
        ("search", "unpriced", "no-offer"): 1,
    }
    assert (said["statement"]["unpriced"], said["statement"]["unlicensed"]) == (2, 1)
    text = cli.ok("report", "statement", statement).out
    assert "due 3.00 EUR, received 2.00 EUR, open 1.00 EUR; billed before 7.00 EUR" in text
    assert "carried and rounded: -0.00000125 EUR" in text
    assert "unlicensed (prohibited): 1 times distill" in text


def test_the_csv_adds_up_to_what_is_due(cli: Cli, world: World, statement: int) -> None:
    """Every mandatory column of FOCUS is there; BilledCost adds up to the statement's due, exactly."""
    cli("export", "focus", statement, "-o", "s.csv")
    rows = rows_in(cli.folder / "s.csv")
    assert list(rows[0]) == [column.name for column in COLUMNS]
    assert sum(Fraction(row["BilledCost"]) for row in rows) == 3
    assert sum(int(row["x_AmountNanos"]) for row in rows) == 3 * EUR
    assert [row["ChargeCategory"] for row in rows] == ["Usage", "Usage", "Credit", "Adjustment"]
    nullable = {"ChargeClass", "PricingQuantity", "PricingUnit"}
    for row in rows:
        assert all(row[name] for name in MANDATORY if name not in nullable), row
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
        assert row["BillingAccountId"] == world.lab.key.hex()
        if row["ChargeCategory"] == "Usage":
            assert Fraction(row["ListUnitPrice"]) * Fraction(row["PricingQuantity"]) == Fraction(row["ListCost"])
    assert (rows[0]["ConsumedQuantity"], rows[0]["ConsumedUnit"], rows[0]["BilledCost"]) == ("1000", "token", "5")
    assert rows[1]["x_Item"] == bytes(range(32)).hex()
    assert rows[0]["SkuPriceId"] == f"{world.corpus}/train"
    # A credit for a use that this very statement covers is no correction of an earlier bill.
    assert (rows[2]["BilledCost"], rows[2]["ChargeClass"]) == ("-2", "")
    assert rows[3]["BilledCost"] == "-0.00000125"


def test_a_spreadsheet_takes_no_name_for_a_formula(cli: Cli, world: World, statement: int) -> None:
    """Texts that others chose never begin a formula; only our own numbers may begin with a minus sign."""
    cli("export", "focus", statement, "-o", "s.csv")
    cli("report", "items", "--party", world.publisher.key.hex(), "--month", "2023-11", "--csv", "i.csv")
    numbers = {"BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "x_AmountNanos", "share", "credited"}
    for name in ("s.csv", "i.csv"):
        for row in rows_in(cli.folder / name):
            for column, value in row.items():
                assert column in numbers or not value.startswith(("=", "+", "-", "@", "\t")), (column, value)
    assert HOSTILE in rows_in(cli.folder / "s.csv")[0]["ProviderName"]


def test_a_statement_that_is_none_is_refused(cli: Cli, world: World, statement: int) -> None:
    """Another entry, nothing at all, and a file that is a folder."""
    assert "statement" in cli.fails(2, "report", "statement", world.corpus.index)
    assert "no entry" in cli.fails(2, "report", "statement", 10**6)
    (cli.folder / "d").mkdir()
    assert "is a folder" in cli.fails(2, "report", "statement", statement, "--html", "d")
    options = ("--party", world.lab.key.hex(), "--month", "2023-11", "--html", "x", "--csv", "./x")
    assert "same file" in cli.fails(2, "report", "items", *options)


def test_a_figure_that_isn_t_met_is_named(
    cli: Cli, statement: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what is shown comes to another figure than the statement's, the command fails and says which; no file."""
    from node.agents import statementview

    whole = statementview.iterate_lines
    monkeypatch.setattr(statementview, "iterate_lines", lambda *args: iter(list(whole(*args))[:-1]))
    for words in (("report", "statement", statement, "--html", "x"), ("export", "focus", statement, "-o", "x")):
        assert "comes to lines" in cli.fails(1, *words)
        assert not (cli.folder / "x").exists()


# Items


@pytest.fixture(scope="module")
def press(world: World) -> tuple[Actor, Any, Manifest]:
    """A newspaper with three articles, and what others used of them in November 2026."""
    owner = Actor(world.node).join("Press")
    manifest = Manifest(Item(name, 10, bytes([at]) * 32) for at, name in enumerate(("a.txt", "=b.txt", "c.txt")))
    offers = [{"use": "ground", "unit": "item", "price": EUR, "per": 1}]
    terms = {"currency": "EUR", "offers": offers, "prohibits": ["train"]}
    fields = {"type": "dataset", "name": "paper", "root": manifest.root, "items": 3, "bytes": 30, "terms": terms,
              "aka": ["https://press.example/"]}  # fmt: skip
    paper = world.refs(owner.log(body("asset", **fields)))[0]
    used = {"use": "ground", "quantities": {"item": 1}, "from_": AT, "until": AT}
    b, a, _ = manifest.leaves  # sorted by path
    first = world.use(world.lab, paper, item=a, **used)
    world.use(world.lab, paper, item=a, **used)
    world.use(world.partner, paper, item=b, **{**used, "quantities": {"item": 1, "token": 40}})
    world.use(world.lab, paper, item=a, **{**used, "from_": NEXT, "until": NEXT})
    world.use(world.lab, paper, items=manifest.root, item_count=3, **{**used, "quantities": {"item": 3}})
    world.use(world.lab, paper, **{**used, "use": "train"})
    world.lab.log(body("usage", asset="https://press.example/", **{**used, "quantities": {"item": 9}}))
    seen = {"seen_by": "provider", "party": world.lab.key}
    world.maker.log(body("usage", asset=paper.pack(), item=a, **used, **seen))
    lowered = {"usage": first.pack(), "quantities": {}, "reason": "not used"}
    correction = world.refs(world.lab.log(body("correction", **lowered)))[0]
    owner.log(body("accept", correction=correction.pack()))
    return owner, paper, manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """A manifest as `usance asset --manifest` writes it."""
    lines = ({"path": item.path, "size": item.size, "sha256": item.sha256.hex()} for item in manifest.items)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_items_are_summed_for_a_month(cli: Cli, press: tuple[Actor, Any, Manifest]) -> None:
    """By item and use: quantities, charge, share, statuses; a root of several items is said to be one; a use of the
    next month, and the second meter's quantities, don't count."""
    owner, paper, manifest = press
    write_manifest(cli.folder / "m", manifest)
    said = cli.json(
        "report", "items", "--party", owner.key.hex(), "--month", "2026-11", "--asset", paper.index, "--manifest", "m"
    )
    found = {(row["path"] or row["item_sort"], row["use"]): row for row in said["items"]}
    a = found["a.txt", "ground"]
    assert (a["uses"], a["quantities"], a["charge"], a["share"], a["credited"]) == (
        2, {"item": "2"}, str(2 * EUR), str(2 * EUR), str(EUR)
    )  # fmt: skip
    b = found["=b.txt", "ground"]
    assert (b["quantities"], b["statuses"], b["share"]) == ({"item": "1", "token": "40"}, {"part-priced": 1}, str(EUR))
    assert (found["items", "ground"]["items"], found["items", "ground"]["item"]) == (3, manifest.root.hex())
    assert found[None, "train"]["statuses"] == {"unlicensed": 1}
    assert found[None, "train"]["share"] == "0"
    # By a name that the asset claims, and what another meter saw.
    assert (found[None, "ground"]["statuses"], found[None, "ground"]["quantities"]) == (
        {"unlicensed": 1},
        {"item": "9"},
    )
    assert a["statuses"] == {"licensed": 2, "observed": 1}
    assert said["totals"] == {"EUR": {"charge": str(6 * EUR), "share": str(6 * EUR), "credited": str(EUR)}}
    text = cli.ok("report", "items", "--party", owner.key.hex(), "--month", "2026-11", "--manifest", "m").out
    assert "a.txt of 'paper', ground: 2 uses, 2 item" in text
    assert "2 licensed, 1 observed: 2.00 EUR, share 2.00 EUR, 1.00 EUR credited since" in text
    assert "(3 items, root " in text


def test_items_in_other_forms(cli: Cli, press: tuple[Actor, Any, Manifest]) -> None:
    """The CSV has every figure of the JSON; the page is written; an empty month is no error."""
    owner, _, manifest = press
    write_manifest(cli.folder / "m", manifest)
    options = ("--party", owner.key.hex(), "--manifest", "m", "--csv", "i.csv", "--html", "i.html")
    done = cli("report", "items", "--month", "2026-11", *options)
    assert (done.code, done.err) == (0, "wrote i.html\nwrote i.csv\n")
    rows = rows_in(cli.folder / "i.csv")
    assert sum(Fraction(row["share"]) for row in rows) == 6
    assert {row["path"] for row in rows} == {"a.txt", "'=b.txt", ""}
    assert "a.txt" in (cli.folder / "i.html").read_text()
    assert cli.json("report", "items", "--party", owner.key.hex(), "--month", "2020-01")["items"] == []


def test_a_manifest_of_something_else_is_refused(cli: Cli, press: tuple[Actor, Any, Manifest]) -> None:
    """Names come from a manifest that an asset of the report commits to, or not at all."""
    owner, _, _ = press
    write_manifest(cli.folder / "m", Manifest([Item("z.txt", 1, bytes(32))]))
    options = ("--party", owner.key.hex(), "--month", "2026-11", "--manifest", "m")
    assert "no asset of the report" in cli.fails(2, "report", "items", *options)
    assert "no party" in cli.fails(2, "report", "items", "--party", "11" * 32, "--month", "2026-11")


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-1", "2026-00", "26-01", "9999-12", "1969-12", "2026-11-01", "２０２６-11"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    """Four digits and two, of a calendar that computers share."""
    with pytest.raises(InputError):
        month_bounds(text)


def test_months_follow_each_other() -> None:
    """Each ends where the next begins, December too."""
    months = [f"{year}-{month:02}" for year in (2026, 2027, 2028) for month in range(1, 13)]
    bounds = [month_bounds(month) for month in months]
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    assert bounds[0][0] == 1_767_225_600_000
