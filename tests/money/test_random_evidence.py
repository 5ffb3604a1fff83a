"""Evidence out of random ledgers: whatever was used, the file shows what the ledger says of it, and no more."""

import dataclasses

import pytest
from hypothesis import given

from ledger.accounts import covering_statement, statement_row
from ledger.corrections import base_of, basis_of, lines_of
from ledger.evidence import make_evidence
from ledger.query import Query
from proofs import pricing
from proofs.checkpoint import log_vkey, sign_checkpoint
from proofs.ed25519 import public_bytes
from proofs.evidence import format_evidence, parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.policy import log_policy
from proofs.verdict import FAILED, GOOD, INCOMPLETE, Verdict
from tests.ledger.support import LOG_KEY, ORIGIN, Log
from tests.money.player import Player
from tests.money.test_random_ledgers import plays
from tests.money.worlds import Action, plans

POLICY = log_policy(log_vkey(origin=ORIGIN, public_key=public_bytes(LOG_KEY)))
USAGES_MAX = 12
UNCHARGED_BY_NAME = (pricing.UNCLAIMED, pricing.CONTESTED, pricing.UNLICENSED)


def show(log: Log, usage: int, payee: bytes | None = None) -> Verdict:
    """The verdict on the evidence for a use, written and read."""
    note = sign_checkpoint(origin=ORIGIN, size=log.size, root=log.root, private_key=LOG_KEY)
    made = make_evidence(Query(log.reader()), usage, checkpoint=note, payee=payee)
    data = format_evidence(made)
    assert parse_evidence(data) == made
    verdict = check_evidence(made, policy=POLICY)
    assert verdict.result != FAILED, verdict.steps[-1]
    return verdict


def compare(log: Log, usage: int, verdict: Verdict) -> None:
    """Status, price, parts, what is settled and what was credited: all as the ledger has it."""
    state = log.state
    row = state.usage(usage)
    assert row is not None
    said = verdict.more["usage"]
    assert said["party"] == row.party.hex()
    if type(state.body(usage)["asset"]) is str and row.terms is None and row.status != pricing.OBSERVED:
        # Claims that were withdrawn since aren't in the file: it can show fewer of them.
        assert said["status"] in UNCHARGED_BY_NAME
    else:
        assert (said["status"], said["reason"]) == (row.status, row.reason)
    assert int(said["charge"]) == row.charge
    parts = lines_of(state, usage, row)
    assert {one["payee"]: int(one["amount"]) for one in verdict.more["payees"]} == {
        account.payee.hex(): amount for account, amount in parts.items()
    }
    settled = {}
    for account in parts:
        statement = covering_statement(state, account, usage)
        stated = None if statement is None else statement_row(state, statement)
        settled[account.payee.hex()] = stated is not None and stated.open == 0
    assert {one["payee"]: one["settled"] for one in verdict.more["payees"]} == settled
    if parts:
        assert verdict.result == (GOOD if all(settled.values()) else INCOMPLETE)
    basis = basis_of(state, usage, row)
    at_first = {} if basis is None else basis.handed_down(basis.quantities)
    credited: dict[str, int] = {}
    for one in verdict.more["credits"]:
        credited[one["payee"]] = credited.get(one["payee"], 0) + int(one["amount"])
    for payee, amount in at_first.items():
        held = base_of(state, usage, payee)
        assert credited.get(payee.hex(), 0) == (amount - held[0] if held else 0)


@pytest.mark.timeout(3600)
@plays(2)
@given(plan=plans)
def test_evidence_shows_what_the_ledger_says(plan: list[Action]) -> None:
    """For any use in any ledger, the file that is made verifies, and says what the ledger says."""
    player = Player(Log(begin=False))
    for action in plan:
        player.play(action)
    log = player.log
    usages = [entry.index for entry in player.known if entry.kind == "usage"]
    for usage in usages[:: max(1, len(usages) // USAGES_MAX)]:
        verdict = show(log, usage)
        compare(log, usage, verdict)
        payees = verdict.more["payees"]
        if payees:
            alone = show(log, usage, bytes.fromhex(payees[0]["payee"]))
            assert [one["amount"] for one in alone.more["payees"]] == [one["amount"] for one in payees]
            assert dataclasses.asdict(alone)["ref"] == dataclasses.asdict(verdict)["ref"]
