"""The budget that a ledger asks before it runs the rules, and tells what they came to."""

import pytest

from ledger.append import Ledger, prepare
from ledger.context import LogIdentity
from ledger.errors import Refusal
from ledger.store import MemoryStore
from proofs.ed25519 import public_bytes
from proofs.entry import sign_batch
from proofs.merkle import EMPTY_ROOT
from proofs.records import make_body
from tests.node.fakelog import NOW_MS, ORIGIN
from tests.node.test_settle_liars import Market


class Purse:
    """A budget that writes down what it is asked and told."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.spent: list[tuple[bytes, int]] = []
        self.refuses = False

    def check(self, party: bytes) -> None:
        """Refuse where the test wants it."""
        self.asked.append(party)
        if self.refuses:
            raise Refusal("too much", status=429, type="usance:quota")

    def spend(self, party: bytes, steps: int) -> None:
        """Write it down."""
        self.spent.append((party, steps))


def statement(**changed: object) -> bytes:
    """A statement that no account fits: refused, at its price in steps."""
    fields = {"payer": bytes(32), "payee": bytes(32), "currency": "EUR", "to": 1, "lines": 1, "gross": bytes(16),
              "root": bytes(32), "credit_lines": 0, "credits": bytes(16), "credit_root": bytes(32), "billed": bytes(16),
              "due": 1, "unpriced": 0, "unlicensed": 0}  # fmt: skip
    return make_body({"kind": "statement", "at": NOW_MS, **fields, **changed})


def test_steps_are_told_whether_a_batch_is_taken_or_refused() -> None:
    """Each batch that reaches the rules is asked about once, and its steps are told under its party's name, also where
    a rule refuses it; what is refused before costs nothing."""
    log = Market()
    purse = Purse()
    log.ledger.budget = purse
    lab = public_bytes(log.lab)
    log.use(5)
    assert purse.asked == [lab]
    assert [party for party, _ in purse.spent] == [lab]
    assert purse.spent[0][1] > 0
    batch = sign_batch(
        log.lab, origin=ORIGIN, size=0, root=EMPTY_ROOT, first=_next(log, lab),
        bodies=[statement(payer=lab, payee=public_bytes(log.owner))],
    )  # fmt: skip
    with pytest.raises(Refusal):
        log.ledger.group().take(prepare(batch, origin=ORIGIN, root_at=log.ledger.root_at))
    assert [party for party, _ in purse.spent] == [lab, lab]
    assert purse.spent[1][1] >= 512
    gap = sign_batch(log.lab, origin=ORIGIN, size=0, root=EMPTY_ROOT, first=10**6, bodies=[statement()])
    with pytest.raises(Refusal):
        log.ledger.group().take(prepare(gap, origin=ORIGIN, root_at=log.ledger.root_at))
    assert len(purse.asked) == 2


def _next(log: Market, key: bytes) -> int:
    from ledger.state import State

    row = State(log.ledger.rows).key(key)
    assert row is not None
    return row.next


def test_over_budget_nothing_is_judged_and_repeats_are_answered() -> None:
    """A batch of a party that has spent too much is refused before its first rule, and nothing of it stays; one that
    was taken before gets its first answer."""
    log = Market()
    lab = public_bytes(log.lab)
    batch = sign_batch(
        log.lab, origin=ORIGIN, size=0, root=EMPTY_ROOT, first=_next(log, lab),
        bodies=[make_body({"kind": "none", "at": NOW_MS, "from": 1, "until": 2})],
    )  # fmt: skip
    prepared = prepare(batch, origin=ORIGIN, root_at=log.ledger.root_at)
    purse = Purse()
    purse.refuses = True
    log.ledger.budget = purse
    group = log.ledger.group()
    with pytest.raises(Refusal) as caught:
        group.take(prepared)
    assert caught.value.status == 429
    assert (group.count, purse.spent) == (0, [])
    purse.refuses = False
    group = log.ledger.group()
    first = group.take(prepared)
    group.commit()
    purse.refuses = True
    again = log.ledger.group().take(prepared)
    assert (again.first_index, again.repeated) == (first.first_index, True)


def test_a_replay_has_no_budget() -> None:
    """Quotas are no rule of the log: a ledger asks nobody unless it is given one."""
    assert Ledger(MemoryStore(), log=LogIdentity(ORIGIN, frozenset())).budget is None
