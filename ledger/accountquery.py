"""Look-ups over accounts at one published size: what accrued, was stated and received; drafts, lines (section 6).

Every answer costs a bounded number of seeks and the tails of lists, however long the history.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger import keys, sumlist
from ledger.accounts import (
    DUE_MAX,
    AccountRow,
    Figures,
    StatementRow,
    account_row,
    due_of,
    figures_at,
    statement_fields,
    statement_row,
)
from ledger.corrections import newest_correction
from ledger.postings import CREDITS, LINES, Account, account_of
from ledger.query import Query
from proofs.currencies import round_down
from proofs.errors import InputError

PAGE_MAX = 1000
EVENTS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Balance:
    """An account at a glance; sums in nanos. `accrued`: lines less credits; `stated`: the dues of all statements;
    `received`: all receipts; `open`: stated and not received."""

    account: Account
    lines: int
    credit_lines: int
    accrued: int
    row: AccountRow

    @property
    def stated(self) -> int:
        """The dues of all statements."""
        return self.row.billed

    @property
    def received(self) -> int:
        """All receipts."""
        return self.row.received

    @property
    def open(self) -> int:
        """What was stated and not acknowledged."""
        return self.row.billed - self.row.received


@dataclass(frozen=True, slots=True)
class Draft:
    """The statement that could be signed. `fields`: all but kind and at; `reason`: why it can't be, or ""."""

    fields: dict[str, Any]
    reason: str


class AccountQuery:
    """Look-ups over one query's snapshot."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.state = query.state
        self.size = query.reader.size

    def balance(self, account: Account) -> Balance:
        """An account as it is now; all zero where there is none."""
        lines = sumlist.extent(self.state.view, account.lines)
        credits = sumlist.extent(self.state.view, account.credits)
        row = account_row(self.state, account)
        return Balance(account, lines.count, credits.count, lines.total - credits.total, row)

    def accounts(
        self, *, party: bytes | None, start: tuple[str, bytes] | None, limit: int
    ) -> tuple[list[Account], tuple[str, bytes] | None]:
        """A page of accounts, all of them or a party's (first those where it pays, then those where it is paid), and
        where to go on. `start`: ("pays" or "paid", account key) as a page before said. Raises InputError."""
        if not 1 <= limit <= PAGE_MAX:
            raise InputError(f"limit {limit}", field="limit", expected=f"1 to {PAGE_MAX}")
        rows = self._from(party, start)
        found = list(itertools.islice(rows, limit + 1))
        following = None if len(found) <= limit else (found[limit][0], found[limit][1].key)
        return [account for _, account in found[:limit]], following

    def _from(self, party: bytes | None, start: tuple[str, bytes] | None) -> Iterator[tuple[str, Account]]:
        view = self.state.view
        if start is None or start[0] == "pays":
            prefix = keys.LIST_HEAD + LINES
            begin = prefix + (start[1] if start else party or b"")
            for key, _ in view.scan(begin, keys.after(prefix + (party or b""))):
                yield "pays", account_of(key[2:])
        if party is not None:
            begin = keys.PAYEE + party
            if start is not None and start[0] == "paid":
                begin += start[1][:32] + start[1][64:]
            for key, _ in view.scan(begin, keys.after(keys.PAYEE + party)):
                yield "paid", Account(key[33:65], key[1:33], key[65:-1].decode())

    def draft(self, account: Account, to: int | None = None) -> Draft:
        """The statement of an account below leaf `to`: at most the log's size, which it is unless said (or less, where
        more would be due than one statement can say). Raises InputError for a `to` beyond the log."""
        row = account_row(self.state, account)
        if to is not None and to > self.size:
            raise InputError(f"the log has {self.size} entries", field="to", expected=f"at most {self.size}")
        at = self.size if to is None else to
        figures = figures_at(self.state, account, at)
        if to is None and due_of(figures, billed=row.billed, currency=account.currency) > DUE_MAX:
            at = self._statable(account, row)
            figures = figures_at(self.state, account, at)
        fields = statement_fields(account, figures, to=at, billed=row.billed)
        return Draft(fields, _why_not(row, figures, fields))

    def _statable(self, account: Account, row: AccountRow) -> int:
        """A `to` that can be stated where at the log's size more would be due than one statement can say: by bisection,
        a leaf that takes what is due past the bound. No line is above that bound, so something is due below it."""
        low, high = row.to, self.size
        while high - low > 1:
            middle = (low + high) // 2
            if self._due_at(account, row, middle) <= DUE_MAX:
                low = middle
            else:
                high = middle
        return low

    def _due_at(self, account: Account, row: AccountRow, to: int) -> int:
        gross, credits = (
            sumlist.extent_at(self.state.view, key, to).total for key in (account.lines, account.credits)
        )  # fmt: skip
        return round_down(max(0, gross - credits - row.billed), account.currency)

    def statements(self, account: Account, *, limit: int) -> list[tuple[int, StatementRow]]:
        """The account's statements with their leaf indices, the newest first, at most `limit`."""
        found: list[tuple[int, StatementRow]] = []
        index = account_row(self.state, account).statement
        while index and len(found) < limit:
            row = statement_row(self.state, index)
            if row is None:
                break
            found.append((index, row))
            index = row.previous
        return found

    def lines(
        self, account: Account, *, credits: bool, start: int, limit: int
    ) -> tuple[list[sumlist.Pair], int | None]:
        """Lines (or credits) at leaves from `start` on, (leaf, nanos), at most `limit`, and the leaf to go on from."""
        if not 1 <= limit <= PAGE_MAX:
            raise InputError(f"limit {limit}", field="limit", expected=f"1 to {PAGE_MAX}")
        key = (CREDITS if credits else LINES) + account.key
        rows = sumlist.iterate(self.state.view, key, start=start, below=self.size)
        found = list(itertools.islice(rows, limit + 1))
        return found[:limit], None if len(found) <= limit else found[limit][0]

    def events(self, target: int) -> list[tuple[int, str]]:
        """(leaf index, kind) of later records about an entry, the first 1,000."""
        prefix = keys.EVENT + keys.number(target)
        rows = itertools.islice(self.state.view.scan(prefix, keys.after(prefix)), EVENTS_MAX)
        return [(int.from_bytes(key[-8:], "big"), kind.decode()) for key, kind in rows]

    def corrected(self, usage: int) -> dict[str, int] | None:
        """What the newest correction lowered a usage to."""
        found = newest_correction(self.state, usage)
        return None if found is None else found.quantities


def _why_not(row: AccountRow, figures: Figures, fields: dict[str, Any]) -> str:
    if row.statement and fields["to"] <= row.to:
        return f"entry {row.statement} states this account up to {row.to} already"
    if figures.lines == row.lines and figures.credit_lines == row.credit_lines:
        return "nothing new to state"
    if not fields["due"]:
        return "nothing is due"
    return "" if fields["due"] <= DUE_MAX else "more is due than one statement can say: choose a lower `to`"
