"""A party's own books: the whole log replayed and checked, and of it the statements that the party owes or is owed.

Nothing here is a node's word. Every entry is judged anew by the ledger's own rules (ledger/replay.py) and the tree they
make is that of a checkpoint which the log has signed, so a statement that stands here is exact, and none is missing.
Memory: what a replay keeps, and a row for each statement and receipt of the party.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.accountquery import AccountQuery, Draft
from ledger.accounts import accounts_of
from ledger.disputes import dispute_state
from ledger.postings import Account
from ledger.query import Query
from ledger.reader import EntryCache, Reader
from ledger.replay import Judged
from ledger.state import ACTIVE, DELEGATE, KeyRow
from node.agents.agent import Agent
from node.audit import check_root, replay_log
from proofs.checkpoint import Checkpoint
from proofs.errors import InputError, VerifyError
from proofs.ref import Ref, unpack_ref

PAYER, PAYEE = "payer", "payee"
_SETTLED_DISPUTES = ("withdrawn", "dismissed")


@dataclass(slots=True)
class Stated:
    """A statement in the log, and what was logged about it. `signer`: the party that stated; `paid_by`: leaf indices of
    the payer's payment records; `receipts`: nanos by the reference of each receipt; `disputes`: their leaf indices."""

    ref: Ref
    account: Account
    to: int
    due: int
    signer: bytes
    paid_by: list[int] = field(default_factory=list)
    receipts: dict[str, int] = field(default_factory=dict)
    disputes: list[int] = field(default_factory=list)

    @property
    def received(self) -> int:
        """The sum of its receipts, in nanos."""
        return sum(self.receipts.values())


class _Watch:
    """Gathers a party's statements while the log is replayed."""

    def __init__(self, party: bytes) -> None:
        self.party = party
        self.statements: dict[int, Stated] = {}

    def see(self, record: Judged) -> None:
        """One record; the rules have taken it, so what it refers to is there."""
        body = record.body
        kind = body["kind"]
        if kind == "statement":
            if self.party in (body["payer"], body["payee"]):
                account = Account(body["payer"], body["payee"], body["currency"])
                ref = Ref(record.index, record.leaf)
                self.statements[record.index] = Stated(ref, account, body["to"], body["due"], record.party)
        elif kind in ("payment", "receipt"):
            found = self.statements.get(unpack_ref(body["statement"]).index)
            if found is not None and kind == "payment":
                found.paid_by.append(record.index)
            elif found is not None:
                found.receipts[body["reference"]] = body["amount"]
        elif kind == "dispute":
            found = self.statements.get(unpack_ref(body["target"]).index)
            if found is not None:
                found.disputes.append(record.index)


@dataclass(frozen=True, slots=True)
class Books:
    """What a log comes to for one party, up to a checkpoint that was verified. `statements`: by leaf index."""

    party: bytes
    key: KeyRow
    checkpoint: Checkpoint
    statements: dict[int, Stated]
    query: Query

    @property
    def size(self) -> int:
        """Entries that were replayed."""
        return self.checkpoint.size

    def name(self, party: bytes) -> str:
        """What a party calls itself, "" where it is none."""
        row = self.query.state.party(party)
        return "" if row is None else row.name

    def accounts(self, side: str) -> Iterator[Account]:
        """The accounts in which the party is the payer, or the payee."""
        for account in accounts_of(self.query.state, self.party):
            if (account.payer if side == PAYER else account.payee) == self.party:
                yield account

    def draft(self, account: Account, to: int | None = None) -> Draft:
        """The statement that can be signed of an account; see AccountQuery.draft."""
        return AccountQuery(self.query).draft(account, to)

    def accrued(self, account: Account) -> int:
        """What an account comes to: its lines less its credits, in nanos."""
        return AccountQuery(self.query).balance(account).accrued

    def objection(self, statement: Stated) -> int | None:
        """Index of a dispute of the statement that stands; None where none does. One that the other side rejected
        stands for whoever disputes."""
        for index in statement.disputes:
            disputer, _, now = dispute_state(self.query.state, index) or (b"", 0, "")
            if now not in _SETTLED_DISPUTES and not (now == "rejected" and disputer != self.party):
                return index
        return None

    def check_may_sign(self, *kinds: str) -> None:
        """Raise InputError unless the key that the books are for may sign these kinds."""
        if self.query.state.key_status(self.key) != ACTIVE:
            raise InputError("this key is revoked or replaced", field="--key", expected="an active key of the party")
        for kind in kinds:
            if self.key.role == DELEGATE and kind not in self.key.kinds:
                raise InputError(
                    f"this key may not sign a {kind}", field="--key",
                    expected=f"the party's main key, or one that {kind} is delegated to",
                )  # fmt: skip


def party_of(agent: Agent) -> bytes:
    """Whose key it is, says the node; read_books finds out. Raises InputError for a key without a party."""
    party = agent.client.key_state(agent.public).party
    if party is None:
        raise _no_party()
    return party


def read_books(agent: Agent) -> Books:
    """Replay the log up to its newest checkpoint, for the party of the agent's key.

    Raises AuditFailure at the first entry that is wrong, VerifyError where the entries aren't the checkpoint's tree,
    InputError for a key without a party, and what client and source raise. Costs the whole log.
    """
    client, key = agent.client, agent.public
    party = party_of(agent)
    watch = _Watch(party)
    checkpoint = client.checkpoint()
    with agent.show("replaying", "records", checkpoint.size) as update:
        replay = replay_log(agent.source, checkpoint, client.keys, progress=update, watch=watch.see)
    check_root(replay, checkpoint)
    query = Query(Reader(replay.ledger.view(), EntryCache()))
    row = query.state.key(key)
    if row is None:
        raise _no_party()
    if row.party != party:
        raise VerifyError(
            f"the node says that the key is of {party.hex()}, the log says {row.party.hex()}", field="key"
        )
    return Books(party, row, checkpoint, watch.statements, query)


def _no_party() -> InputError:
    return InputError("this key has no party on the log yet: run `usance party NAME` with it first", field="--key")


def fields_of(draft: Draft) -> dict[str, Any]:
    """A draft as a `statement` record, but for `at`."""
    return {"kind": "statement", **draft.fields}
