"""Exports of random ledgers: whatever happened on a log, tables and usage reports have its accounts' sums."""

from collections import Counter, defaultdict
from typing import Any

from hypothesis import given, settings

from ledger.accounts import accounts_of, covering_statement, figures_at
from ledger.state import State
from ledger.stored import party_of, signer_of, status_of
from node.exports.dsr import Asked, gather
from node.exports.tables import TABLES, Tables
from tests.money.test_audit_random import play, replayed
from tests.money.test_random_ledgers import plays
from tests.money.worlds import Action, plans

FOREVER = 2**63 - 1


def tables_of(state: State, leaf_at: Any, size: int) -> dict[str, list[dict[str, Any]]]:
    """Every table, its rows by column."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for table, row in Tables(state, leaf_at=leaf_at, size=size).rows():
        found[table].append(dict(zip((column.name for column in TABLES[table]), row, strict=True)))
    return found


@settings(plays(8))
@given(plan=plans)
def test_tables_have_the_ledger_s_rows_and_sums(plan: list[Action]) -> None:
    """Each entry is a record with its signer and status; lines and credits come to each account's figures, and name the
    statement that covers them."""
    log = play(plan)
    replay = replayed(log)
    state = State(replay.ledger.store)
    found = tables_of(state, replay.ledger.view().leaf, log.size)
    assert [row["index"] for row in found["records"]] == list(range(log.size))
    numbers: Counter[str] = Counter()
    for row in found["records"]:
        at = row["index"]
        assert row["party"] == party_of(state.view, at).hex()
        assert state.key(bytes.fromhex(row["key"])) == signer_of(state.view, at)
        assert row["number"] == numbers[row["key"]]
        numbers[row["key"]] += 1
        assert row["status"] == status_of(state.view, at)
        assert state.body(at)["kind"] == row["kind"]
    accounts = list(accounts_of(state))
    for table, is_credit in (("lines", False), ("credits", True)):
        sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
        for row in found[table]:
            total = sums[row["payer"], row["payee"], row["currency"]]
            assert row["position"] == total[0]
            total[0] += 1
            total[1] += row["amount_nanos"]
        for account in accounts:
            named = (account.payer.hex(), account.payee.hex(), account.currency)
            figures = figures_at(state, account, log.size)
            wanted = (figures.credit_lines, figures.credits) if is_credit else (figures.lines, figures.gross)
            assert tuple(sums.pop(named, (0, 0))) == wanted
            for row in found[table]:
                if (row["payer"], row["payee"], row["currency"]) == named:
                    assert row["statement_index"] == covering_statement(state, account, row["index"])
        assert not sums


@settings(plays(8))
@given(plan=plans)
def test_a_usage_report_has_the_accounts_sums(plan: list[Action]) -> None:
    """For every party, over all time: amounts and credits by payer and currency are the accounts'; two periods side by
    side come to the whole; uses are counted once."""
    log = play(plan)
    state = State(replayed(log).ledger.store)
    starts = sorted(state.body(at)["from"] for at in range(log.size) if state.usage(at) is not None)
    middle = starts[len(starts) // 2] if starts else 1
    for party in {account.payee for account in accounts_of(state)}:
        sums: dict[tuple[bytes, str], list[int]] = defaultdict(lambda: [0, 0])
        rows = gather(state, Asked(party, None, 0, FOREVER), size=log.size)
        for row in rows:
            sums[row.payer, row.currency][0] += row.amount
            sums[row.payer, row.currency][1] += row.credited
            assert row.payer != party
            assert row.uses == sum(row.statuses.values())
        for account in accounts_of(state, party):
            if account.payee == party:
                figures = figures_at(state, account, log.size)
                assert sums[account.payer, account.currency] == [figures.gross, figures.credits]
        parts = [
            part
            for since, until in ((0, middle), (middle, FOREVER))
            for part in gather(state, Asked(party, None, since, until), size=log.size)
        ]
        for figure in ("uses", "charge", "amount", "credited"):
            assert sum(getattr(row, figure) for row in rows) == sum(getattr(part, figure) for part in parts)
