"""Random ledgers against the naive money rules: terms, uses, corrections, statements, receipts in any course."""

import dataclasses
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings

from ledger import accounts
from ledger.append import Group
from ledger.errors import Refusal
from ledger.leveldb import LevelStore
from ledger.postings import Account
from ledger.replay import Replay
from ledger.state import State
from ledger.store import MemoryStore
from proofs.entry import Batch
from tests.conftest import LONG
from tests.ledger.support import Log, all_rows, kept_by_replays
from tests.money import books, naive
from tests.money.player import Answer, Player
from tests.money.worlds import Action, corner_plans, interruptions, plans

COMPARED_EVERY = 12


def plays(parts: int) -> settings:
    """The profile's examples, divided. The short form says that something is wrong, at once; the long form also finds
    the shortest plan that shows it."""
    phases = tuple(Phase) if LONG else (Phase.explicit, Phase.generate)
    return settings(max_examples=settings().max_examples // parts, phases=phases)


def play(plan: list[Action]) -> Player:
    """Play a plan; now and then and in the end, everything is compared."""
    player = Player(Log(begin=False))
    for count, action in enumerate(plan, 1):
        before = len(player.known)
        player.play(action)
        for entry in player.known[before:]:
            if entry.kind == "usage":
                books.compare_usage(player.log.state, player.known, entry)
        if count % COMPARED_EVERY == 0:
            books.compare_all(player.log.state, player.known)
    books.compare_all(player.log.state, player.known)
    return player


class SecondRun:
    """The same batches once more, on a ledger of its own, with other groups, repeats, crashes and starts."""

    def __init__(self, path: str | None) -> None:
        """On LevelDB in a new folder, or in memory."""
        self.path = path
        self.log = Log(LevelStore(path, create=True) if path else None, begin=False)
        self.group: Group | None = None
        self.pending: list[tuple[Batch, Answer]] = []
        self.done: list[tuple[Batch, Answer]] = []

    def send(self, batch: Batch, answer: Answer) -> None:
        """A batch, to which the answer must be the same as in the first run."""
        if batch.size > self.log.size:
            self.commit()
        self.pending.append((batch, answer))
        self.take(batch, answer, repeated=False)

    def take(self, batch: Batch, answer: Answer, *, repeated: bool) -> None:
        """Judge it within the open group; statements that the committed log can judge are computed before, as a node
        does."""
        self.group = self.group or self.log.ledger.group()
        prepared = self.log.prepare(batch)
        state = State(self.log.store.snapshot())
        figures = {
            position: accounts.figures_at(state, Account(body["payer"], body["payee"], body["currency"]), body["to"])
            for position, body in enumerate(prepared.bodies)
            if body["kind"] == "statement" and body["to"] <= self.log.size
        }
        try:
            outcome = self.group.take(dataclasses.replace(prepared, figures=figures))
            found = Answer(outcome.first_index, tuple(outcome.statuses))
            assert outcome.repeated == repeated
        except Refusal as refusal:
            found = Answer(refusal=refusal)
        assert found == answer

    def commit(self) -> None:
        """What is held becomes durable."""
        if self.group is not None:
            self.group.commit()
        self.group, self.pending, self.done = None, [], self.done + self.pending

    def start(self) -> None:
        """A new process on the same store."""
        if self.path:
            self.log.store.close()
            self.log.open(LevelStore(self.path))
        else:
            self.log.open()

    def interrupt(self, how: str) -> None:
        """What comes between two batches."""
        if how == "commit":
            self.commit()
        elif how == "restart":
            self.commit()
            self.start()
        elif how == "crash":
            # Nothing of the open group was written or answered: its senders send it again.
            lost, self.pending, self.group = self.pending, [], None
            self.start()
            for batch, answer in lost:
                self.send(batch, answer)
        elif how == "repeat":
            taken = [pair for pair in (self.done + self.pending)[-3:] if pair[1].refusal is None]
            for batch, answer in taken:
                self.take(batch, answer, repeated=True)


@pytest.mark.timeout(3600)
@plays(2)
@given(plan=plans)
def test_the_ledger_does_what_the_naive_rules_say(plan: list[Action]) -> None:
    """Every answer, status, reason, line, credit, figure and receipt is that of the naive rules."""
    play(plan)


@pytest.mark.timeout(3600)
@plays(1)
@given(plan=corner_plans)
def test_rare_courses_agree_too(plan: list[Action]) -> None:
    """So it is where closures are oversubscribed or mixed, shares differ by way, terms are kept by a grant, charges are
    the largest there are, names are contested, and corrections are accepted in part."""
    play(plan)


@pytest.mark.timeout(3600)
@plays(4)
@given(plan=plans)
def test_sums_hold_over_all_accounts(plan: list[Action]) -> None:
    """What all accounts accrued is all charges less self-payments and credits; at each statement's `to` the dues add up
    to gross less credits, less than a minor unit apart; a statement's trees are prefixes of the next one's."""
    player = Player(Log(begin=False))
    for action in plan:
        player.play(action)
    books.check_sums(player.log.state, player.known)
    for account in naive.accounts(player.known):
        books.check_statements(player.log.state, player.known, account)


@pytest.mark.timeout(3600)
@plays(4)
@given(plan=plans, between=interruptions)
def test_order_of_commits_retries_and_starts_changes_nothing(plan: list[Action], between: list[str]) -> None:
    """Other groups, repeats, crashes and new starts give the same answers and the same rows, bit for bit; so does a
    replay of the entries elsewhere."""
    player = Player(Log(begin=False))
    for action in plan:
        player.play(action)
    rows = all_rows(player.log.store)
    with tempfile.TemporaryDirectory() as folder:
        second = SecondRun(str(Path(folder) / "db") if LONG else None)
        for place, (batch, answer) in enumerate(player.tape):
            second.send(batch, answer)
            second.interrupt(between[place % len(between)])
        second.commit()
        assert all_rows(second.log.store) == rows
        second.log.store.close()
    entries = player.log.entries()
    full = Replay(player.log.identity, store=MemoryStore())
    short = Replay(player.log.identity)
    for replay in (full, short):
        replay.feed(entries)
        replay.finish()
        assert (replay.size, replay.root) == (player.log.size, player.log.root)
    assert all_rows(full.ledger.store) == rows
    assert all_rows(short.ledger.store) == kept_by_replays(rows)
