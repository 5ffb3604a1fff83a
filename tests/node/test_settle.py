"""The payer's agent against a real node: stated, paid and logged exactly once, whatever comes in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.postings import Account
from node.agents.books import PAYEE
from node.agents.limits import Limits, parse_limits
from node.agents.settle import ADAPTERS, MORE_THAN_ONE_STATEMENT, ROUNDS_MAX, Options
from node.errors import FileError
from proofs.entry import delegate_message
from proofs.errors import InputError, RetryableError
from proofs.jsonform import from_json
from proofs.ref import Ref
from tests.node.harness import NOW_MS, ROOT, Actor, NodeProcess, body, nil_body
from tests.node.moneyworld import World, make_world, offer
from tests.node.settling import BUSY, MOMENTS, STEPS, Desk, check_paid_once, desk, records_of, write_plan

EUR = 10**9
CENT = EUR // 100
PROGRAM = ROOT / "tests" / "node" / "settling.py"
RUN_S = 60


@pytest.fixture
def world(node: NodeProcess) -> World:
    """The lab owes the publisher 6.50, the partner 6.50 and the maker 27.00 EUR, as make_world's terms have it."""
    made = make_world(node)
    made.use(made.lab, made.corpus)
    made.use(made.lab, made.model, use="infer", quantities={"output_token": 30_000})
    return made


AMOUNTS = ("6.50", "6.50", "27.00")


def payees_of(world: World) -> tuple[Actor, Actor, Actor]:
    """Whom the lab owes, in AMOUNTS' order."""
    return world.publisher, world.partner, world.maker


def amounts_of(world: World) -> dict[bytes, str]:
    """What the lab owes each payee."""
    return {payee.key: amount for payee, amount in zip(payees_of(world), AMOUNTS, strict=True)}


@pytest.fixture
def lab(world: World, tmp_path: Path) -> Desk:
    """The lab's agent, which knows everybody's account."""
    return desk(world.node, tmp_path, world.lab, *payees_of(world))


def resume(actor: Actor) -> Actor:
    """The actor, going on after what its agent logged."""
    actor.next = actor.node.next_of(actor.key)
    return actor


def test_what_is_due_is_stated_paid_and_logged_once(world: World, lab: Desk) -> None:
    """One run settles every account to the cent; the next one finds nothing and changes nothing."""
    done = lab.settle()
    assert not done.left
    assert {one.account.payee: one.due for one in done.stated} == {
        world.publisher.key: 650 * CENT, world.partner.key: 650 * CENT, world.maker.key: 2700 * CENT,
    }  # fmt: skip
    assert sorted(one.amount for one in done.paid) == [650 * CENT, 650 * CENT, 2700 * CENT]
    check_paid_once(world.node, lab, world.lab, amounts_of(world))
    for row in records_of(world.node, "payment", world.lab):
        statement = world.node.json(f"/records/{row['record']['statement'].split(':')[0]}")
        assert row["record"]["amount"] == statement["record"]["due"]
        assert row["record"]["method"] == "csv"
        assert [event["kind"] for event in statement["events"]] == ["payment"]
    before, files = world.node.checkpoint(), lab.files()
    assert lab.settle().is_idle
    assert (world.node.checkpoint(), lab.files()) == (before, files)


def test_a_dry_run_signs_and_writes_nothing(world: World, lab: Desk) -> None:
    """It says the same as the run would, and leaves log, outbox and state folder as they were."""
    before = world.node.checkpoint()
    done = lab.settle(dry_run=True)
    assert sorted(one.due for one in done.stated) == [650 * CENT, 650 * CENT, 2700 * CENT]
    assert [one.payment for one in done.paid] == [None] * 3
    assert {one.statement for one in (*done.stated, *done.paid)} == {None}
    assert world.node.checkpoint() == before
    assert (lab.files(), lab.state.exists()) == ([], False)
    assert len(lab.settle().stated) == 3


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_is_finished_by_the_next(world: World, lab: Desk, step: str) -> None:
    """Killed after each durable step: run again, and each payee has one statement, one payment, one record of it."""
    write_plan(lab)
    killed = run(lab, step)
    assert killed.returncode == -signal.SIGKILL
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))
    assert lab.settle().is_idle


@pytest.mark.parametrize("write", [1, 2])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_at_a_write_is_finished_by_the_next(world: World, lab: Desk, moment: str, write: int) -> None:
    """The statements' batch and the payments': killed before it is sent, before it is answered, and after."""
    write_plan(lab)
    assert run(lab, f"{moment} {write}").returncode == -signal.SIGKILL
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))
    assert lab.settle().is_idle


def test_runs_killed_one_after_the_other_pay_once(world: World, lab: Desk) -> None:
    """A crash at every step in turn, each run going a step further than the one before."""
    write_plan(lab)
    for step in STEPS:
        run(lab, step)
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def run(at: Desk, step: str = "") -> "subprocess.CompletedProcess[bytes]":
    """One settlement in a process of its own."""
    with start(at, step) as process:
        out, err = process.communicate(timeout=RUN_S)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start(at: Desk, step: str = "") -> "subprocess.Popen[bytes]":
    """Start one."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(at.folder), step], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize("times", [1, 10])
def test_a_key_that_other_programs_use_settles_too(world: World, lab: Desk, times: int) -> None:
    """Another record of the same key before the payments are logged: looked at again, and logged once all the same."""
    logged: list[str] = []

    def reached(step: str) -> None:
        if step == "handed" and len(logged) < times:
            resume(world.lab).log(nil_body())
            logged.append(step)

    done = lab.settle(reached)
    assert len(logged) == min(times, ROUNDS_MAX)
    assert [one.earlier for one in done.paid] == [False] * 3
    assert len(done.files) == 1
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_two_runs_at_once_pay_once(world: World, lab: Desk) -> None:
    """One of them holds the state folder and settles, the other says that it is busy or finds nothing to do."""
    write_plan(lab)
    with start(lab) as one, start(lab) as other:
        codes = [process.wait(RUN_S) for process in (one, other)]
        errors = [process.communicate()[1] for process in (one, other)]
    assert 0 in codes, errors
    assert set(codes) <= {0, BUSY}, errors
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_a_second_run_is_refused_while_one_is_under_way(lab: Desk) -> None:
    """The lock is held from before the log is read until everything is logged."""
    refused = []

    def reached(step: str) -> None:
        with pytest.raises(RetryableError, match="another settle is under way"):
            lab.settle()
        refused.append(step)

    lab.settle(reached)
    assert set(refused) == set(STEPS)


# The other side


def test_what_the_payee_stated_first_is_paid(world: World, lab: Desk) -> None:
    """It is the same statement whoever signs it; the payer's agent pays it and states only the other accounts."""
    statement = world.state(world.lab, world.publisher, by=world.publisher)
    done = lab.settle()
    assert statement in {one.statement for one in done.paid}
    assert world.publisher.key not in {one.account.payee for one in done.stated}
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


@pytest.mark.parametrize("step", ["locked", "replayed", "compared"])
def test_a_payee_who_states_meanwhile_is_paid_once(world: World, lab: Desk, step: str) -> None:
    """The other side logs the same statement at the worst moment: it stands, and is paid in the place of ours."""
    stated: list[Ref] = []

    def reached(now: str) -> None:
        if now == step and not stated:
            stated.append(world.state(world.lab, world.publisher, by=world.publisher))

    done = lab.settle(reached)
    assert stated[0] in {one.statement for one in done.paid}
    assert not done.left
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_a_payee_who_states_less_meanwhile_is_paid_once(world: World, lab: Desk) -> None:
    """The other side states up to an earlier leaf just before ours arrives: what it leaves out is stated after it."""
    at_first = world.node.checkpoint().size - 1

    def reached(now: str) -> None:
        if now == "compared" and not records_of(world.node, "statement", world.publisher):
            path = f"{world.account(world.lab, world.publisher)}/draft?to={at_first}"
            draft = world.node.json(path)["statement"]
            world.publisher.log(body(**from_json({"kind": "statement", "at": NOW_MS, **draft})))

    done = lab.settle(reached)
    paid = [one.amount for one in done.paid if one.account.payee == world.publisher.key]
    assert (sum(paid), len(paid)) == (650 * CENT, 2)
    assert lab.settle().is_idle


def test_the_payees_agent_states_and_pays_nothing(world: World, lab: Desk, tmp_path: Path) -> None:
    """`--as payee` logs the statement; the payer then only pays."""
    owner = desk(world.node, tmp_path / "owner", world.publisher)
    done = owner.settle(side=PAYEE)
    assert [(one.account.payer, one.due) for one in done.stated] == [(world.lab.key, 650 * CENT)]
    assert (done.paid, done.left, owner.files()) == ([], [], [])
    assert owner.settle(side=PAYEE).is_idle
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


# What is left to a person


def reasons(done: Any) -> dict[tuple[bytes, int], str]:
    """Why something is left, by payee and amount."""
    return {(left.account.payee, left.amount): left.reason for left in done.left}


def test_what_passes_a_limit_is_not_signed(world: World, lab: Desk) -> None:
    """Per payee and in total: the sum that doesn't fit is left with the reason, and settled once the limit lets it."""
    done = lab.settle(limits=parse_limits(per_payee=["20.00EUR"], total=["10 EUR"]))
    assert len(done.stated) == len(done.paid) == 1
    left = reasons(done)
    assert "for this payee, 20.00 EUR" in left[world.maker.key, 2700 * CENT]
    assert len(left) == 2
    assert any("13.00 EUR would pass the limit in total, 10.00 EUR" in reason for reason in left.values())
    assert {one.statement for one in done.left} == {None}
    done = lab.settle(limits=parse_limits(per_payee=["27.00EUR"], total=[]))
    assert not done.left
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_a_payee_can_not_pass_a_limit_by_stating_first(world: World, lab: Desk) -> None:
    """What stands on the log already is held back as well."""
    statement = world.state(world.lab, world.maker, by=world.maker)
    done = lab.settle(limits=parse_limits(per_payee=["26.99EUR"], total=[]))
    assert [(left.statement, left.amount) for left in done.left] == [(statement, 2700 * CENT)]
    assert world.maker.key.hex() not in {payee for _, payee, _, _ in lab.paid()}
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_a_limit_holds_over_all_rounds_of_a_run(world: World, lab: Desk) -> None:
    """More uses of the same key between handing over and logging: the run looks again, and what it has handed over
    already counts against its limits."""
    used: list[Ref] = []

    def reached(step: str) -> None:
        if step == "handed" and not used:
            resume(world.lab)
            used.append(world.use(world.lab, world.corpus))

    done = lab.settle(reached, limits=parse_limits(per_payee=[], total=["41.00EUR"]))
    assert used
    assert sum(one.amount for one in done.paid) == 40 * EUR
    assert {left.account.payee for left in done.left} == {world.publisher.key, world.partner.key}
    assert all("would pass the limit in total, 41.00 EUR" in left.reason for left in done.left)


def test_other_currencies_than_the_limited_ones_are_not_settled(world: World, lab: Desk) -> None:
    """A limit in dollars doesn't allow any sum of euros."""
    done = lab.settle(limits=parse_limits(per_payee=[], total=["1000000USD"]))
    assert (done.stated, done.paid) == ([], [])
    assert {left.reason for left in done.left} == {"no limit in total is given in EUR"}


def test_limits_are_taken_to_the_nano() -> None:
    """As written, each currency once, never a float."""
    limits = parse_limits(per_payee=["0.000000001EUR", "5 USD"], total=["100.5TOK"])
    assert limits == Limits({"EUR": 1, "USD": 5 * EUR}, {"TOK": 100_500_000_000})
    for bad in ("100", "EUR", "1e2EUR", "100eur", "-1EUR", "1.EUR", "1,5EUR", "100 EUR "):
        with pytest.raises(InputError):
            parse_limits(per_payee=[bad], total=[])
    with pytest.raises(InputError, match="twice"):
        parse_limits(per_payee=["1EUR", "2EUR"], total=[])


def test_a_payee_without_bank_details_is_stated_and_listed(world: World, tmp_path: Path) -> None:
    """The others are paid; once the details are there, the next run pays it."""
    some = desk(world.node, tmp_path, world.lab, world.publisher, world.partner)
    done = some.settle()
    assert len(done.stated) == 3
    assert len(done.paid) == 2
    left = done.left[0]
    assert (left.account.payee, left.amount) == (world.maker.key, 2700 * CENT)
    assert "payees file" in left.reason
    assert left.statement is not None
    assert reasons(some.settle()) == {(world.maker.key, 2700 * CENT): left.reason}
    whole = desk(world.node, tmp_path, world.lab, *payees_of(world))
    assert not whole.settle().left
    check_paid_once(world.node, whole, world.lab, amounts_of(world))


def test_without_a_payees_file_it_is_stated_only(world: World, lab: Desk) -> None:
    """And listed as not paid, so that nobody takes it for settled."""
    done = lab.settle(paying=None)
    assert len(done.stated) == len(done.left) == 3
    assert lab.files() == []
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_what_the_adapter_cannot_pay_is_left(world: World, lab: Desk) -> None:
    """A SEPA file pays no dollars: that statement is left with the reason, the others are paid."""
    asset = world.refs(world.maker.log(body("asset", type="dataset", name="usd", terms={
        "currency": "USD", "offers": [offer("train", "token", EUR)]})))[0]  # fmt: skip
    world.use(world.lab, asset, quantities={"token": 2})
    lab.adapter = ADAPTERS["pain001"]
    done = lab.settle()
    assert len(done.stated) == 4
    assert len(done.paid) == 3
    assert {one.method for one in done.paid} == {"pain001"}
    assert [(left.account.currency, left.amount) for left in done.left] == [("USD", 2 * EUR)]
    lab.adapter = ADAPTERS["csv"]
    assert [one.amount for one in lab.settle().paid] == [2 * EUR]


def test_a_disputed_statement_is_not_paid(world: World, lab: Desk) -> None:
    """Until the dispute is withdrawn."""
    statement = world.state(world.lab, world.publisher)
    dispute = world.refs(world.lab.log(body("dispute", target=statement.pack(), reason="not ours")))[0]
    done = lab.settle()
    assert [(left.statement, left.amount) for left in done.left] == [(statement, 650 * CENT)]
    assert f"entry {dispute.index} disputes it" in done.left[0].reason
    resume(world.lab).log(body("resolution", dispute=dispute.pack(), outcome="withdrawn"))
    assert [one.statement for one in lab.settle().paid] == [statement]
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_no_more_is_paid_than_an_account_comes_to(world: World, lab: Desk) -> None:
    """A payee accepts a correction, and then states the account below its own credit: the statement is exact at its
    `to`, and stands. It is paid once that much is owed again, together with nothing else."""
    lab.settle()
    resume(world.lab)
    use = world.use(world.lab, world.corpus)
    lowered = world.refs(
        world.lab.log(body("correction", usage=use.pack(), quantities={}, reason="never happened"))
    )[0]  # fmt: skip
    world.publisher.log(body("accept", correction=lowered.pack()))
    path = f"{world.account(world.lab, world.publisher)}/draft?to={use.index + 1}"
    draft = world.node.json(path)["statement"]
    clever = world.refs(world.publisher.log(body(**from_json({"kind": "statement", "at": NOW_MS, **draft}))))[0]
    for dry_run in (True, False):
        done = lab.settle(dry_run=dry_run)
        assert [(left.statement, left.amount) for left in done.left] == [(clever, 500 * CENT)]
        assert "leave 0.00 EUR owed" in done.left[0].reason
        assert {one.account.payee for one in done.paid} == {world.partner.key}
    resume(world.lab)
    world.use(world.lab, world.corpus)
    done = lab.settle()
    assert not done.left
    assert {one.account.payee: (one.statement == clever, one.amount) for one in done.paid} == {
        world.publisher.key: (True, 500 * CENT),
        world.partner.key: (False, 500 * CENT),
    }
    assert lab.settle().is_idle


def test_what_was_paid_by_hand_is_not_paid_again(world: World, lab: Desk) -> None:
    """A payment record, or receipts for all of it, settle it; a receipt for a part leaves it to a person."""
    first, second, third = (world.state(world.lab, payee) for payee in payees_of(world))
    paid = {"statement": first.pack(), "amount": 650 * CENT, "method": "cash", "reference": "by hand"}
    world.lab.log(body("payment", **paid))
    world.receipt(world.partner, second, 650 * CENT)
    world.receipt(world.maker, third, 100 * CENT)
    done = lab.settle()
    assert (done.stated, done.paid, lab.files()) == ([], [], [])
    assert [(left.statement, left.amount) for left in done.left] == [(third, 2700 * CENT)]
    assert "a part of it was received" in done.left[0].reason


def test_what_was_handed_over_is_logged_though_it_was_received_since(world: World, lab: Desk) -> None:
    """Killed before it could say so, and the money was faster than the next run: the payment is logged, not made."""
    write_plan(lab)
    assert run(lab, "handed").returncode == -signal.SIGKILL
    files = lab.files()
    for row in records_of(world.node, "statement", world.lab):
        payee = next(who for who in payees_of(world) if who.key.hex() == row["record"]["payee"])
        world.receipt(payee, world.ref(row["index"]), int(row["record"]["due"]))
    done = lab.settle()
    assert [one.earlier for one in done.paid] == [True] * 3
    assert lab.files() == files
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_more_than_one_statement_can_say_takes_two_runs(world: World, tmp_path: Path) -> None:
    """Due above 2^63-1 nanos: the first run states what fits, and says that there is more."""
    asset = world.refs(world.maker.log(body("asset", type="dataset", name="dear", terms={
        "currency": "TOK", "offers": [offer("train", "token", 2**53)]})))[0]  # fmt: skip
    for _ in range(2):
        world.use(world.lab, asset, quantities={"token": 1000})
    lab = desk(world.node, tmp_path, world.lab, *payees_of(world))
    done = lab.settle()
    account = Account(world.lab.key, world.maker.key, "TOK")
    assert [one.due for one in done.stated if one.account == account] == [2**53 * 1000]
    assert [left.reason for left in done.left] == [MORE_THAN_ONE_STATEMENT]
    assert [one.due for one in lab.settle().stated] == [2**53 * 1000]
    assert lab.settle().is_idle


# What is wrong before anything is signed


def test_bad_settings_sign_nothing(world: World, lab: Desk, tmp_path: Path) -> None:
    """Another party's payees file, an outbox that isn't there, a payee who pays: refused, and the log is as it was."""
    before = world.node.checkpoint()
    strange = desk(world.node, tmp_path / "strange", world.maker, world.publisher)
    strange.private_key = world.lab.private_key
    with pytest.raises(InputError, match="pays for"):
        strange.settle()
    lab.outbox.rmdir()
    with pytest.raises(FileError, match="no folder"):
        lab.settle()
    lab.outbox.mkdir()
    paying = lab.options().paying
    with pytest.raises(InputError, match="pays nothing"):
        lab.settle(side=PAYEE, paying=paying)
    assert world.node.checkpoint() == before


def test_a_key_that_may_not_sign_statements_signs_nothing(world: World, lab: Desk) -> None:
    """A delegate needs the kinds that a settlement logs; with them it settles for its party."""
    for kinds in (["statement"], ["payment", "statement"]):
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw()
        accept = key.sign(delegate_message(origin=world.node.origin, party=world.lab.key, kinds=kinds))
        world.lab.log(body("delegate", key=public, kinds=kinds, accept=accept))
        lab.private_key = key
        if kinds == ["statement"]:
            with pytest.raises(InputError, match="may not sign a payment"):
                lab.settle()
            assert not records_of(world.node, "statement", world.lab)
    lab.settle()
    check_paid_once(world.node, lab, world.lab, amounts_of(world))


def test_a_key_without_a_party_is_told_so(node: NodeProcess, tmp_path: Path) -> None:
    """Nothing is replayed for nobody."""
    with pytest.raises(InputError, match="no party"):
        desk(node, tmp_path, Actor(node)).settle()


def test_options_are_the_payers_by_default() -> None:
    """Whoever calls it without saying a side owes."""
    assert Options("x").side == "payer"
