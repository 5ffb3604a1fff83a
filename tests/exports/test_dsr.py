"""`usance export dsr`: a usage report that parses back, and whose sums are the accounts'."""

import re
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from node.exports.dsr import RECORDS
from tests.node.clitool import Cli
from tests.node.harness import NOW_MS, Actor, NodeProcess, body
from tests.node.moneyworld import HOSTILE, World, make_world, offer, settle_once

EUR = 10**9
LATER_MS = NOW_MS + 86_400_000
DOCS = Path(__file__).resolve().parents[2] / "docs" / "export.md"
TRICKY = "=A|B\\C \\| D\\\\"
"""A formula with both of DSR's characters that need an escape."""

Record = dict[str, str]


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """Money, credits, another currency, and uses a day later."""
    made = make_world(node, name=HOSTILE)
    settle_once(made)
    usage = made.use(made.lab, made.corpus, quantities={"token": 1000})
    lowered = {"usage": usage.pack(), "quantities": {"token": 600}, "reason": "counted twice"}
    correction = made.refs(made.lab.log(body("correction", **lowered)))[0]
    made.publisher.log(body("accept", correction=correction.pack()))
    terms = {"currency": "USD", "offers": [offer("train", "token", 1)]}
    tricky = made.refs(made.publisher.log(body("asset", type="dataset", name=TRICKY, version="+1", terms=terms)))[0]
    made.use(made.lab, tricky, quantities={"token": 7}, from_=LATER_MS, until=LATER_MS)
    made.use(made.maker, made.corpus, quantities={"token": 1}, from_=LATER_MS, until=LATER_MS)
    made.use(made.publisher, made.corpus, quantities={"token": 50})  # its own: paid to the partner alone
    seen = {"use": "train", "quantities": {"token": 1100}, "from_": NOW_MS, "until": NOW_MS, "seen_by": "provider"}
    made.publisher.log(body("usage", asset=made.corpus.pack(), party=made.lab.key, **seen))
    made.maker.log(body("usage", asset=made.corpus.pack(), party=made.lab.key, **seen))
    return made


ESCAPED = {"\\\\\\": "\\", "\\\\|": "|", "\\\t": "\t"}


def tokens(text: str) -> list[str]:
    """Escapes and characters, from the left."""
    return re.findall(r"\\\\\\|\\\\\||\\\t|.", text, re.DOTALL)


def cells_of(line: str) -> list[str]:
    """The cells of a line, still escaped: a tab that no escape holds ends one."""
    cells = [""]
    for token in tokens(line):
        if token == "\t":
            cells.append("")
        else:
            cells[-1] += token
    return cells


def unescaped(cell: str) -> str:
    """A cell of one value without DSR's escapes. Fails for a delimiter or backslash that isn't escaped."""
    assert not {"\\", "|", "\t"} & set(tokens(cell))
    return "".join(ESCAPED.get(token, token) for token in tokens(cell))


def parse(text: str) -> list[Record]:
    """The records, by the names of their cells; headings and counts are checked."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    headings = [line[1:].split("\t") for line in lines if line.startswith("#")]
    assert {cells[0]: tuple(cells[1:]) for cells in headings} == RECORDS
    found = []
    for line in lines[len(headings) :]:
        kind, *cells = cells_of(line)
        found.append({"": kind, **dict(zip(RECORDS[kind], cells, strict=True))})
    kinds = [record[""] for record in found]
    assert (kinds[0], kinds[-1], kinds.count("HEAD"), kinds.count("FOOT")) == ("HEAD", "FOOT", 1, 1)
    foot = found[-1]
    assert foot["NumberOfLinesInFile"] == foot["NumberOfLinesInReport"] == str(len(lines))
    assert foot["NumberOfSummaryRecords"] == str(kinds.count("SYX1"))
    assert foot["NumberOfBlocksInFile"] == foot["NumberOfBlocksInReport"] == str(kinds.count("ASX1"))
    return found


def of(records: list[Record], kind: str) -> list[Record]:
    """Those of a type."""
    return [record for record in records if record[""] == kind]


def sums(records: list[Record], *names: str) -> dict[tuple[str, ...], dict[str, Fraction]]:
    """Money by these cells, of records whose currency isn't empty."""
    found: dict[tuple[str, ...], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for record in records:
        if record["CurrencyOfReporting"]:
            for cell in ("Charge", "Amount", "Credited", "NetAmount"):
                found[tuple(record[name] for name in names)][cell] += Fraction(record[cell])
    return found


@pytest.fixture
def report(cli: Cli, world: World) -> Callable[..., list[Record]]:
    """A report for the publisher, or whom options name."""

    def make(*options: object, party: Actor = world.publisher) -> list[Record]:
        return parse(cli.ok("export", "dsr", "--party", party.key.hex(), *options).out)

    return make


Make = Callable[..., list[Record]]


def test_over_all_time_the_sums_are_the_accounts(report: Make, world: World, node: NodeProcess) -> None:
    """For each party and payer: amounts and credits are those of the account, to the last nano."""
    listed = node.json("/accounts")["accounts"]
    for party in (world.publisher, world.partner, world.maker):
        records = of(report(party=party), "SUX1")
        found = sums(records, "UserPartyId", "CurrencyOfReporting")
        paid = {row["payer"]: row for row in listed if row["payee"] == party.key.hex() and row["currency"] == "EUR"}
        assert paid
        for payer, row in paid.items():
            total = found[f"USANCE::{payer}", "EUR"]
            assert total["NetAmount"] == Fraction(int(row["accrued"]), EUR)
            assert total["Amount"] - total["Credited"] == total["NetAmount"]
    assert sum(total["Credited"] for total in sums(of(report(), "SUX1"), "UserPartyId").values()) == 2


def test_each_asset_payer_and_use_has_a_record(report: Make, world: World) -> None:
    """Uses, quantities, statuses, the whole charge, what reaches the party; of other assets only what pays it; of its
    own uses none."""
    records = report()
    found = {
        (row["TransactedResourceReference"], row["UserPartyId"], row["UseType"]): row for row in of(records, "SUX1")
    }
    assert len(found) == len(of(records, "SUX1")) == 6
    lab, corpus = f"USANCE::{world.lab.key.hex()}", str(world.corpus)
    train = found[corpus, lab, "train"]
    assert (train["Usages"], train["Quantities"]) == ("3", "item::3|token::2100")
    assert (train["Statuses"], train["Charge"]) == ("licensed::2|part-priced::1", "21")
    assert (train["Amount"], train["Credited"], train["NetAmount"]) == ("10.5", "2", "8.5")
    distill = found[corpus, lab, "distill"]
    assert (distill["Statuses"], distill["Charge"], distill["Amount"]) == ("unlicensed::1", "0", "0")
    assert found[corpus, lab, "search"]["Statuses"] == "unpriced::1"
    model = found[str(world.model), lab, "infer"]
    assert (model["Charge"], model["Amount"], model["Usages"]) == ("30", "1.5", "1")
    assert f"USANCE::{world.publisher.key.hex()}" not in {row["UserPartyId"] for row in of(records, "SUX1")}
    summaries = {row["SummaryRecordId"]: row for row in of(records, "SYX1")}
    for number, row in summaries.items():
        parts = [part for part in of(records, "SUX1") if part["SummaryRecordId"] == number]
        assert sum(int(part["Usages"]) for part in parts) == int(row["Usages"])
        assert {part["UseType"] for part in parts} == {row["UseType"]}
        assert {part["CurrencyOfReporting"] for part in parts} == {row["CurrencyOfReporting"]}
        for cell in ("Charge", "Amount", "Credited", "NetAmount"):
            assert sum(Fraction(part[cell] or 0) for part in parts) == Fraction(row[cell] or 0)
    blocks = {row["BlockId"]: row["ResourceReference"] for row in of(records, "ASX1")}
    assert all(blocks[row["BlockId"]] == row["TransactedResourceReference"] for row in of(records, "SUX1"))


def test_a_period_and_a_payer_narrow_it(report: Make, world: World) -> None:
    """A use belongs to the period that its `from` is in; periods side by side add up to the whole; the sender is the
    payer where there is one alone."""
    day = "2023-11-15T00:00:00Z"
    whole, before, after = (
        sums(of(report(*options), "SUX1"), "CurrencyOfReporting")
        for options in ((), ("--until", day), ("--since", day))
    )
    for currency in (("EUR",), ("USD",)):
        for cell in ("Charge", "Amount", "Credited"):
            assert whole[currency][cell] == before[currency][cell] + after[currency][cell]
    assert after["EUR",]["Amount"] == Fraction(5, 1000)
    records = report("--payer", world.maker.key.hex())
    assert [row["UserPartyId"] for row in of(records, "SUX1")] == [f"USANCE::{world.maker.key.hex()}"]
    head = records[0]
    assert (head["SenderPartyId"], head["SenderName"]) == (f"USANCE::{world.maker.key.hex()}", "Maker")
    assert report()[0]["SenderPartyId"] == f"USANCE-LOG::{world.node.origin}"


def test_the_header_names_the_question(report: Make, world: World) -> None:
    """Recipient, period, message id: the same for the same question, another for another one."""
    head, same = report()[0], report()[0]
    assert head["RecipientPartyId"] == f"USANCE::{world.publisher.key.hex()}"
    assert unescaped(head["RecipientName"]).endswith(HOSTILE.lstrip("="))
    assert (head["UsageStartDate"], head["UsageEndDate"]) == ("1970-01-01T00:00:00Z", "")
    assert re.fullmatch("[0-9a-f]{32}", head["MessageId"])
    assert head["MessageId"] == same["MessageId"]
    assert head["MessageId"] not in {
        report(*options)[0]["MessageId"]
        for options in (("--since", "2020-01-01"), ("--until", "2024-01-01"), ("--payer", world.lab.key.hex()))
    }
    assert head["MessageVersion"] == "usance-dsr/1"  # never dsrf/…: it doesn't claim to be a DSR message


def test_names_stay_in_their_cells(report: Make) -> None:
    """A name with delimiters, backslashes and a formula's sign is one cell, comes back as it was, and begins none."""
    titles = {row["Title"]: row["Version"] for row in of(report(), "ASX1")}
    named = {unescaped(title): version for title, version in titles.items()}
    assert named["'" + TRICKY] == "'+1"
    assert HOSTILE + " corpus" in named
    for record in report():
        assert not [cell for cell in record.values() if cell.startswith(("=", "+", "-", "@", "\t"))]


def test_a_party_without_uses_gets_a_report_of_nothing(cli: Cli, report: Make, world: World) -> None:
    """One summary of nothing, no blocks, as DSR has it; nothing that names no party of the log is taken."""
    records = report(party=world.lab)
    assert [record[""] for record in records] == ["HEAD", "SYX1", "FOOT"]
    assert records[1]["Usages"] == "0"
    key = world.publisher.key.hex()
    assert "no party" in cli.fails(2, "export", "dsr", "--party", "11" * 32)
    assert "no party" in cli.fails(2, "export", "dsr", "--party", key, "--payer", "11" * 32)
    assert "another party" in cli.fails(2, "export", "dsr", "--party", key, "--payer", key)
    assert "later time" in cli.fails(
        2, "export", "dsr", "--party", key, "--since", "2026-01-02", "--until", "2026-01-02"
    )


def test_a_file_is_written_whole_and_told(cli: Cli, world: World, report: Make) -> None:
    """-o replaces the file; --json says what is in it, exactly, and needs a place for the file."""
    (cli.folder / "r.tsv").write_text("old")
    key = world.publisher.key.hex()
    said = cli.json("export", "dsr", "--party", key, "-o", "r.tsv")
    records = parse((cli.folder / "r.tsv").read_text(encoding="utf-8"))
    assert said["rows"] == len(of(records, "SUX1"))
    totals = sums(of(records, "SUX1"), "CurrencyOfReporting")
    assert said["totals"] == {
        currency: {name: str(total[name.title()] * EUR) for name in ("charge", "amount", "credited")}
        for (currency,), total in sorted(totals.items())
    }
    assert (said["verified"], said["message_id"]) == (True, records[0]["MessageId"])
    assert "-o FILE" in cli.fails(2, "export", "dsr", "--party", key, "--json")
    (cli.folder / "d").mkdir()
    assert "is a folder" in cli.fails(2, "export", "dsr", "--party", key, "-o", "d")
    text = cli.ok("export", "dsr", "--party", key, "-o", "r.tsv").out
    assert "charged 51.01 EUR, of it for the party 12.005 EUR, credited since 2.00 EUR" in text


def test_cells_are_the_documented_ones() -> None:
    """docs/export.md names each record type and its cells in order."""
    part = DOCS.read_text(encoding="utf-8").partition("\n## DSR\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z0-9]+)` \| (.+?) \|", part, re.M)
    assert {kind: tuple(re.findall(r"`(\w+)`", cells)) for kind, cells in rows} == RECORDS
