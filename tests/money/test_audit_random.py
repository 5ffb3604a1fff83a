"""An audit of random ledgers: an honest node is never blamed, and one wrong figure is, at its leaf."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import keys
from ledger.accountquery import AccountQuery
from ledger.postings import Account
from ledger.query import Query
from ledger.reader import EntryCache, Reader
from ledger.replay import AuditFailure, Replay
from ledger.rowcheck import compare_rows
from ledger.state import State
from ledger.store import MemoryStore
from node import moneyviews, views
from node.agents.statementview import Movement, MovementWatch, view_statement
from node.moneyaudit import MoneyAudit, all_accounts
from proofs.errors import VerifyError
from proofs.ref import Ref
from tests.ledger.support import Log
from tests.money.player import Player
from tests.money.test_random_ledgers import plays
from tests.money.worlds import Action, plans


class LocalNode:
    """A node's answers without the node: the same views over a ledger in this process."""

    def __init__(self, log: Log) -> None:
        self.query = Query(Reader(log.ledger.view(), EntryCache()))
        self.accounts = AccountQuery(self.query)

    def get(self, path: str) -> dict[str, Any]:
        """The answer of a route."""
        parts = urlsplit(path)
        args = {name: values[0] for name, values in parse_qs(parts.query).items()}
        words = parts.path.strip("/").split("/")
        size = self.query.reader.size
        if words == ["accounts"]:
            found, following = self.accounts.accounts(party=None, start=None, limit=1000)
            assert following is None
            rows = [moneyviews.balance(self.query, self.accounts.balance(account)) for account in found]
            return {"accounts": rows, "next": None, "size": size}
        if words == ["records"]:
            start = int(args["from"])
            rows = [
                views.record(self.query, self.query.record(index))
                for index in range(start, min(size, start + int(args["limit"])))
            ]
            return {"records": rows, "next": None, "size": size}
        account = Account(bytes.fromhex(words[1]), bytes.fromhex(words[2]), words[3])
        if words[4:] == ["draft"]:
            return moneyviews.draft(self.accounts.draft(account, int(args["to"])))
        stated = self.accounts.statements(account, limit=100)
        return {
            **moneyviews.balance(self.query, self.accounts.balance(account)),
            "statements": [moneyviews.statement(self.query, index, row) for index, row in stated],
            "size": size,
        }


def replayed(log: Log, watch: Any = None) -> Replay:
    """The log judged once more, every row kept."""
    replay = Replay(log.identity, store=MemoryStore(), watch=watch)
    reader = Reader(log.ledger.view(), EntryCache())
    replay.feed(list(reader.entries(0, reader.size)))
    replay.finish()
    return replay


def play(plan: list[Action]) -> Log:
    """A plan's log."""
    player = Player(Log(begin=False))
    for action in plan:
        player.play(action)
    return player.log


def silent(*counts: int) -> None:
    """Nobody watches."""


@settings(plays(8))
@given(plan=plans)
def test_an_honest_node_is_never_blamed(plan: list[Action]) -> None:
    """Whatever happened on a log: its node's answers and its rows are what a replay gives."""
    log = play(plan)
    replay = replayed(log)
    found = MoneyAudit(LocalNode(log).get, replay, size=log.size).compare(deep=True, progress=silent)
    assert (found.records, found.size) == (log.size, log.size)
    assert compare_rows(log.store, replay.ledger.store, size=log.size, progress=silent) > 0


@settings(plays(8))
@given(plan=plans, data=st.data())
def test_one_changed_row_is_blamed(plan: list[Action], data: st.DataObject) -> None:
    """Any row of any prefix, changed in any byte: the audit fails, and its leaf, if it names one, is in the log."""
    log = play(plan)
    replay = replayed(log)
    rows = [key for name, prefix in keys.PREFIXES.items() if name not in ("ENTRY", "BATCH", "CONFLICT")
            for key, _ in log.store.scan(prefix, keys.after(prefix))]  # fmt: skip
    key = data.draw(st.sampled_from(rows))
    value = log.store.get(key) or b""
    at = data.draw(st.integers(0, max(0, len(value) - 1)))
    changed = value[:at] + bytes([value[at] ^ (1 << data.draw(st.integers(0, 7)))]) + value[at + 1 :] if value else b"x"
    held = MemoryStore()
    held.write({row: log.store.get(row) for prefix in keys.PREFIXES.values()
                for row, _ in log.store.scan(prefix, keys.after(prefix))})  # fmt: skip
    held.write({key: changed})
    with pytest.raises(VerifyError) as failure:
        compare_rows(held, replay.ledger.store, size=log.size, progress=silent)
    if isinstance(failure.value, AuditFailure):
        assert 0 <= failure.value.index < log.size
    else:
        assert key[:1] in (keys.META, keys.PARTY_KEY, keys.LIST_HEAD, keys.KEY)


@settings(plays(8))
@given(plan=plans, data=st.data())
def test_a_draft_that_is_wrong_from_a_leaf_on_is_blamed_there(plan: list[Action], data: st.DataObject) -> None:
    """Any account's draft, wrong in any figure from any leaf on: that very leaf is named."""
    log = play(plan)
    replay = replayed(log)
    accounts = list(all_accounts(State(replay.ledger.store)))
    if not accounts:
        return
    account = data.draw(st.sampled_from(accounts))
    leaf = data.draw(st.integers(0, log.size - 1))
    field = data.draw(st.sampled_from(["lines", "credit_lines", "unpriced", "unlicensed"]))
    node = LocalNode(log)

    def get(path: str) -> dict[str, Any]:
        answer = node.get(path)
        named = f"{account.payer.hex()}/{account.payee.hex()}/{account.currency}/draft"
        if named in path and answer["statement"]["to"] > leaf:
            answer["statement"][field] += 1
        return answer

    with pytest.raises(AuditFailure) as failure:
        MoneyAudit(get, replay, size=log.size).compare(deep=True, progress=silent)
    assert failure.value.index == leaf


@settings(plays(8))
@given(plan=plans)
def test_every_statement_can_be_shown(plan: list[Action]) -> None:
    """What a report gathers comes to each statement's own figures, whatever its account went through."""
    log = play(plan)
    reader = Reader(log.ledger.view(), EntryCache())
    query = Query(reader)
    for index in query.records(start=0, limit=1000, kind="statement").indices:
        ref = Ref(index, reader.tree.leaf(index))
        watch = MovementWatch(ref)
        replay = replayed(log, watch.add)
        movements: list[Movement] = watch.of(ref)
        view = view_statement(
            State(replay.ledger.store), ref, signer=query.record(index).party, leaf_at=reader.tree.leaf,
            movements=movements,
        )  # fmt: skip
        assert sum(group.amount for group in view.groups) == view.new_gross
        assert view.due == view.new_gross - view.new_credits + view.adjustment
