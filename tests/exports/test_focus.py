"""`usance export focus`: statements by name or by account in one file, each with its own sum."""

import csv
import io
from collections import defaultdict
from fractions import Fraction

import pytest

from node.cli import exports
from tests.node.clitool import Cli
from tests.node.harness import NodeProcess
from tests.node.moneyworld import World, make_world, settle_once

EUR = 10**9


@pytest.fixture(scope="module")
def world(node: NodeProcess) -> World:
    """Three statements of the lab to the publisher, and one to the maker."""
    made = make_world(node)
    settle_once(made)
    for tokens in (300, 7):
        made.use(made.lab, made.corpus, quantities={"token": tokens})
        made.state(made.lab, made.publisher)
    made.state(made.lab, made.maker)
    return made


def dues(text: str) -> dict[str, Fraction]:
    """What the rows of each statement come to."""
    found: dict[str, Fraction] = defaultdict(Fraction)
    for row in csv.DictReader(io.StringIO(text, newline="")):
        found[row["InvoiceId"]] += Fraction(row["BilledCost"])
    return found


def stated(node: NodeProcess) -> dict[str, tuple[str, str, Fraction]]:
    """Every statement's payer, payee and due, as logged."""
    rows = [node.json(f"/records/{index}") for index in range(node.checkpoint().size)]
    return {
        row["ref"]: (row["record"]["payer"], row["record"]["payee"], Fraction(int(row["record"]["due"]), EUR))
        for row in rows
        if row["record"]["kind"] == "statement"
    }


def test_all_statements_of_an_account_stand_in_one_file(cli: Cli, world: World, node: NodeProcess) -> None:
    """By payer, by payee or both: the statements of those accounts, each with rows that come to its due."""
    logged = stated(node)
    lab, publisher = world.lab.key.hex(), world.publisher.key.hex()
    for options, wanted in (
        (("--payer", lab), set(logged)),
        (("--payee", publisher), {ref for ref, row in logged.items() if row[1] == publisher}),
        (("--payer", lab, "--payee", publisher), {ref for ref, row in logged.items() if row[1] == publisher}),
        (("--payee", lab), set()),
    ):
        text = cli.ok("export", "focus", *options).out
        assert text.count("BilledCost") == 1
        assert dues(text) == {ref: logged[ref][2] for ref in wanted}
    assert len(logged) == 4
    assert [int(ref.split(":")[0]) for ref in dues(cli.ok("export", "focus", "--payee", publisher).out)] == sorted(
        int(ref.split(":")[0]) for ref, row in logged.items() if row[1] == publisher
    )


def test_statements_are_named(cli: Cli, world: World, node: NodeProcess) -> None:
    """One or several, by index or reference; the summary has their sum by currency, in nanos."""
    logged = stated(node)
    one, *others = logged
    assert set(dues(cli.ok("export", "focus", one).out)) == {one}
    said = cli.json("export", "focus", one, others[0].split(":")[0], "-o", "s.csv")
    assert said["statements"] == [one, others[0]]
    assert said["due"] == {"EUR": str(int((logged[one][2] + logged[others[0]][2]) * EUR))}
    assert (said["file"], said["verified"], said["size"]) == ("s.csv", True, node.checkpoint().size)
    file = (cli.folder / "s.csv").read_bytes().decode()
    assert said["rows"] == file.count("\r\n") - 1
    assert dues(file) == {ref: logged[ref][2] for ref in (one, others[0])}


def test_what_names_no_statement_is_refused(cli: Cli, world: World) -> None:
    """Neither statements nor parties, both of them, another record, a log without any."""
    assert "name statements" in cli.fails(2, "export", "focus")
    assert "name statements" in cli.fails(2, "export", "focus", "9", "--payer", world.lab.key.hex())
    assert "expected statement" in cli.fails(2, "export", "focus", world.corpus.index)
    assert "is no key" in cli.fails(2, "export", "focus", "--payer", "nobody")


def test_a_file_of_too_many_statements_is_refused(cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a file may have: the message says how to ask for fewer."""
    monkeypatch.setattr(exports, "STATEMENTS_MAX", 3)
    assert "more than 3 statements" in cli.fails(2, "export", "focus", "--payer", world.lab.key.hex(), "-o", "x")
    assert not (cli.folder / "x").exists()
