"""The payee's agent against a real node: all money of a bank's file that pays a statement is receipted, once."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node.agents.agent import tell_nobody
from node.agents.bank import parse_bank_file
from node.agents.payments import reference_of
from node.agents.receipts import METHOD, BankRun, receipt_bank
from proofs.errors import InputError
from proofs.ref import Ref
from tests.node.agents.statements import csv_file, detail, document, entry
from tests.node.harness import ROOT, Actor, NodeProcess
from tests.node.moneyworld import World, make_world
from tests.node.settling import Desk, desk, records_of

CENT = 10**7
HEADER = ("booked", "amount", "currency", "reference", "text")
RUN_S = 60


@pytest.fixture
def world(node: NodeProcess) -> World:
    """The lab owes the publisher money."""
    return make_world(node)


@pytest.fixture
def first(world: World) -> Ref:
    """A statement of 5.00 EUR."""
    world.use(world.lab, world.corpus)
    return world.state(world.lab, world.publisher)


@pytest.fixture
def second(world: World, first: Ref) -> Ref:
    """The next one, of 1.50 EUR."""
    world.use(world.lab, world.model, use="infer", quantities={"output_token": 30_000})
    return world.state(world.lab, world.publisher)


@pytest.fixture
def publisher(world: World, tmp_path: Path) -> Desk:
    """The publisher's agent."""
    return desk(world.node, tmp_path, world.publisher)


def read(at: Desk, data: bytes, *, dry_run: bool = False, reached: Any = tell_nobody) -> BankRun:
    """One run over a bank's file."""
    agent = at.agent(reached)
    try:
        return receipt_bank(agent, parse_bank_file(data), dry_run=dry_run)
    finally:
        agent.client.close()
        agent.source.close()


def rows_of(*rows: tuple[str, str, str, str]) -> bytes:
    """A CSV file of (amount, currency, reference, text)."""
    return csv_file([HEADER, *(("2026-02-02", *row) for row in rows)])


def text_of(statement: Ref) -> str:
    """What a payment of a statement carries."""
    return reference_of(statement.leaf)


def receipts(world: World) -> dict[str, list[tuple[int, str, str]]]:
    """(amount, reference, method) of the publisher's receipts by statement, as the log has them."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for row in records_of(world.node, "receipt", world.publisher):
        record = row["record"]
        found.setdefault(record["statement"], []).append((int(record["amount"]), record["reference"], record["method"]))
    return found


CAMT = "camt.053"


@pytest.mark.parametrize("kind", [CAMT, "csv"])
def test_money_is_receipted_once(world: World, publisher: Desk, first: Ref, second: Ref, kind: str) -> None:
    """Both formats; the file read again, and a later file with the same money in it, add nothing."""
    if kind == CAMT:
        paid = [entry("5.00", detail(end_to_end=text_of(first)), reference="A"),
                entry("1.50", detail(f"thanks {text_of(second)[:20]} {text_of(second)[20:]}"), reference="B"),
                entry("9.00", detail("rent"), reference="C"), entry("2.00", side="DBIT")]  # fmt: skip
        data = document(*paid)
    else:
        data = rows_of(("5.00", "EUR", "A", text_of(first)), ("1.50", "EUR", "B", f"x {text_of(second)}"),
                       ("9.00", "EUR", "C", "rent"), ("-2.00", "EUR", "D", text_of(first)))  # fmt: skip
    dry = read(publisher, data, dry_run=True)
    assert ([one.amount for one in dry.signed], receipts(world)) == ([500 * CENT, 150 * CENT], {})
    done = read(publisher, data)
    assert [one.receipt is not None for one in done.signed] == [True, True]
    assert (done.unmatched, done.known, [one.amount for one in done.unrelated]) == ([], [], [900 * CENT])
    expected = {str(first): [(500 * CENT, "A", METHOD)], str(second): [(150 * CENT, "B", METHOD)]}
    assert receipts(world) == expected
    for _ in range(2):
        again = read(publisher, data)
        assert (again.signed, again.unmatched, len(again.known)) == ([], [], 2)
    assert receipts(world) == expected
    assert {row["open"] for row in world.node.json(world.account(world.lab, world.publisher))["statements"]} == {"0"}


def test_what_is_not_clear_is_left_to_a_person(world: World, publisher: Desk, first: Ref, second: Ref) -> None:
    """Too much, another currency, a part, a reference twice in the file: each with its reason, and never more than is
    open."""
    done = read(publisher, rows_of(
        ("4.00", "EUR", "A", text_of(first)), ("3.00", "EUR", "B", text_of(first)),
        ("1.50", "USD", "C", text_of(second)), ("1.00", "EUR", "A", text_of(second)),
        ("0.505", "EUR", "E", text_of(second)),
    ))  # fmt: skip
    assert [(one.amount, one.incoming.bank_reference) for one in done.signed] == [(400 * CENT, "A"), (100 * CENT, "B")]
    left = {(one.incoming.bank_reference, one.amount): one.reason for one in done.unmatched}
    assert set(left) == {("B", 200 * CENT), ("C", 150 * CENT), ("A", 100 * CENT)}
    assert "beyond what was open" in left["B", 200 * CENT]
    assert "USD" in left["C", 150 * CENT]
    assert "twice in the file" in left["A", 100 * CENT]
    assert len(done.skipped) == 1
    assert sum(amount for amount, _, _ in receipts(world)[str(first)]) == 500 * CENT
    assert str(second) not in receipts(world)


def test_money_of_several_parts_settles_a_statement(world: World, publisher: Desk, first: Ref) -> None:
    """Day by day: each file adds its part, until nothing is open."""
    for day, amount in enumerate(("1.00", "1.50", "2.50")):
        assert len(read(publisher, rows_of((amount, "EUR", f"day{day}", text_of(first)))).signed) == 1
    assert sum(amount for amount, _, _ in receipts(world)[str(first)]) == 500 * CENT
    late = read(publisher, rows_of(("1.00", "EUR", "day3", text_of(first))))
    assert (late.signed, len(late.unmatched)) == ([], 1)


def test_other_payees_statements_are_not_receipted(world: World, first: Ref, tmp_path: Path) -> None:
    """The partner's file with the publisher's reference in it: no statement of the partner's, so no receipt."""
    partner = desk(world.node, tmp_path, world.partner)
    done = read(partner, rows_of(("5.00", "EUR", "A", text_of(first))))
    assert (done.signed, len(done.unrelated)) == ([], 1)
    assert records_of(world.node, "receipt", world.partner) == []


def test_a_receipt_that_another_run_was_faster_with_is_known(world: World, publisher: Desk, first: Ref) -> None:
    """Between reading the log and signing, another run logs the same receipt: the log refuses ours, which is fine."""
    raced: list[Ref] = []
    agent = publisher.agent()
    log, data = agent.client.log, rows_of(("5.00", "EUR", "A", text_of(first)))

    def slow(key: Any, bodies: Any) -> Any:
        if not raced:
            raced.append(world.receipt(world.publisher, first, 500 * CENT, "A"))
        return log(key, bodies)

    agent.client.log = slow  # type: ignore[method-assign]
    done = receipt_bank(agent, parse_bank_file(data), dry_run=False)
    agent.client.close()
    agent.source.close()
    assert (done.signed, done.unmatched, len(done.known)) == ([], [], 1)
    assert receipts(world) == {str(first): [(500 * CENT, "A", "SEPA")]}


def test_two_runs_at_once_receipt_once(world: World, publisher: Desk, first: Ref, second: Ref) -> None:
    """Two processes read the same file at the same time."""
    data = rows_of(("5.00", "EUR", "A", text_of(first)), ("1.50", "EUR", "B", text_of(second)))
    (publisher.folder / "bank.csv").write_bytes(data)
    (publisher.folder / "key.pem").touch(mode=0o600)
    write_key(publisher)
    with start(publisher) as one, start(publisher) as other:
        for process in (one, other):
            _, err = process.communicate(timeout=RUN_S)
            assert process.returncode == 0, err
    assert receipts(world) == {str(first): [(500 * CENT, "A", METHOD)], str(second): [(150 * CENT, "B", METHOD)]}


def write_key(at: Desk) -> None:
    """The key file that the program reads."""
    data = at.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (at.folder / "key.pem").write_bytes(data)


def start(at: Desk) -> "subprocess.Popen[bytes]":
    """`usance receipt --bank`, as a program of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "node.cli", "receipt", "--bank", "bank.csv", "--key", "key.pem", "--node", at.url,
         "--log", at.vkey.text],
        cwd=at.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "USANCE_STATE": str(at.folder / "heads")},
    )  # fmt: skip


def test_many_receipts_take_several_batches(world: World, publisher: Desk, first: Ref) -> None:
    """Seventy small sums on one statement: all of them stand, in the file's order, and add up."""
    rows = [("0.05", "EUR", f"R{at}", text_of(first)) for at in range(70)]
    done = read(publisher, rows_of(*rows))
    assert [one.incoming.bank_reference for one in done.signed] == [f"R{at}" for at in range(70)]
    assert [reference for _, reference, _ in receipts(world)[str(first)]] == [f"R{at}" for at in range(70)]


def test_a_key_without_a_party_signs_nothing(world: World, tmp_path: Path) -> None:
    """It has no statements to match with."""
    with pytest.raises(InputError, match="no party"):
        read(desk(world.node, tmp_path, Actor(world.node)), rows_of(("5.00", "EUR", "A", "x")))
