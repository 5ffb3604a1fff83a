"""What a node answers about money, held against a replay of its log (design sections 1, 5 and 6).

A log's entries are compared by the audit itself; this is about what a node derives from them and its readers rely on:
accounts, drafts and statements, and what each use came to. An account's figures below a leaf never change, so they can
be compared at the audited size, although the node has gone on meanwhile; and the first leaf at which they part is found
by bisection. What depends on the present (what was stated and received so far) is compared where the node still stands
at that size, and else statement by statement, as far as it can't change any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ledger import keys, sumlist
from ledger.accounts import Figures, account_row, accounts_of, due_of, figures_at, statement_row
from ledger.corrections import lines_of, newest_correction
from ledger.disputes import dispute_state
from ledger.postings import MOVED_IN, NO_TERMS, PART, UNLICENSED, Account, account_of
from ledger.replay import AuditFailure, Replay
from ledger.state import State
from node.errors import ProblemError
from proofs.errors import VerifyError
from proofs.fields import CURRENCY
from proofs.ref import Ref

PAGE = 1000
NEW_ACCOUNTS_MAX = 100_000
"""Accounts that a node which has gone on may list beyond the audited ones."""
SAMPLE_ACCOUNTS = 1000
"""Accounts, evenly over all, whose figures and statements are asked for one by one, where not all are (`deep`); the
totals of every account stand in the node's list, a thousand a request."""
SAMPLE_PAGES = 10
"""Pages of records, evenly over the log, whose statuses are compared where not all are asked for."""
NO_CURRENCY = "XXX"
"""ISO 4217's code for none: uses of assets without terms count in an account of any currency."""
_LISTED_MAX = 100

Get = Callable[[str], dict[str, Any]]
"""The JSON object that a path answers with; raises ProblemError for a refusal."""
Progress = Callable[[int, int], None]
"""`progress(done, total)`."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was held against the replay: so many accounts, statements and records. `size`: the node's, at the end."""

    accounts: int
    statements: int
    records: int
    size: int


def all_accounts(state: State) -> dict[Account, bool]:
    """Every account that has lines (True), and those of which only free rides are known, in the keys' order."""
    found = dict.fromkeys(accounts_of(state), True)
    for prefix in (PART, UNLICENSED, MOVED_IN, NO_TERMS):
        start = keys.LIST_HEAD + prefix
        for key, _ in state.view.scan(start, keys.after(start)):
            pair = key[2:] if prefix != NO_TERMS else key[2:] + keys.text(NO_CURRENCY)
            found.setdefault(account_of(pair), False)
    return found


class MoneyAudit:
    """One node's answers against one replay."""

    def __init__(self, get: Get, replay: Replay, *, size: int) -> None:
        """`size`: the audited one, up to which `replay` has judged."""
        self._get = get
        self._state = State(replay.ledger.store)
        self._view = replay.ledger.view()
        self._size = size
        self._node_size = size
        self._statements = 0
        # The first leaf known to differ, up to which it is worth looking for an earlier one.
        self._found: AuditFailure | None = None
        self._limit = size

    def is_served(self) -> str:
        """ "", or why this source answers nothing about money: it may be a mirror, or ask for a token."""
        try:
            page = self._get("/accounts?limit=1")
        except ProblemError as error:
            if error.status in (401, 403, 404):
                return error.detail
            raise
        _int(page, "size")
        return ""

    def compare(self, *, deep: bool, progress: Progress) -> Compared:
        """Compare everything; of records, and of accounts one by one, all (`deep`) or a sample.

        Raises AuditFailure that names the first leaf that was found to differ, VerifyError for an answer of another
        form, and what `get` raises.
        """
        known = all_accounts(self._state)
        listed = self._compare_list({account for account, has_lines in known.items() if has_lines})
        chosen = list(known)
        if not deep and len(chosen) > SAMPLE_ACCOUNTS:
            chosen = chosen[:: -(-len(chosen) // SAMPLE_ACCOUNTS)]
        for done, account in enumerate(chosen):
            progress(done, len(chosen))
            self._compare_figures(account)
            if account_row(self._state, account).statement or listed.get(account):
                self._compare_statements(account)
        records = self._compare_records(deep, progress)
        if self._found is not None:
            raise self._found
        return Compared(len(chosen), self._statements, records, self._node_size)

    def _note(self, index: int, detail: str) -> None:
        if index < self._limit:
            self._found, self._limit = AuditFailure(index, detail), index

    # --- accounts

    def _compare_list(self, own: set[Account]) -> dict[Account, bool]:
        """The node's list of accounts; answers which of them it says are stated."""
        listed: dict[Account, bool] = {}
        before, start = b"", ""
        while True:
            page = self._get(f"/accounts?limit={PAGE}" + (f"&from={quote(start)}" if start else ""))
            size = self._see_size(page)
            for row in _list(page, "accounts"):
                account = _account(row)
                if account.key <= before:
                    raise VerifyError("the node's accounts are not in order", field="accounts")
                before = account.key
                listed[account] = row.get("statement") is not None
                if account in own:
                    self._compare_balance(account, row, size)
                elif size == self._size or _entries(self._draft(account, self._size)):
                    self._note(self._blame(account), f"the node lists {_words(account)}, which has no line")
            if len(listed) > len(own) + NEW_ACCOUNTS_MAX:
                raise VerifyError("the node lists ever more accounts", field="accounts")
            following = page.get("next")
            if following is None:
                break
            start = _text(page, "next")
        for missing in own - listed.keys():
            first = next(sumlist.iterate(self._state.view, missing.lines, start=0, below=self._size))[0]
            self._note(first, f"the node's list lacks {_words(missing)}, which has its first line here")
        return listed

    def _compare_balance(self, account: Account, row: dict[str, Any], size: int) -> None:
        """Where the node stands at the audited size, the account at a glance is as recomputed."""
        if size != self._size:
            return
        state = self._state
        lines, credits = (sumlist.extent(state.view, name) for name in (account.lines, account.credits))
        have = account_row(state, account)
        right = {
            "lines": lines.count, "credit_lines": credits.count, "accrued": str(lines.total - credits.total),
            "stated": str(have.billed), "received": str(have.received), "open": str(have.billed - have.received),
            "to": have.to, "statement": self._ref(have.statement) if have.statement else None,
        }  # fmt: skip
        for name, value in right.items():
            if row.get(name) != value:
                # Where the draft or a statement differs too, the leaf is found there, and it is an earlier one.
                self._note(
                    self._size - 1,
                    f"the node's list says {name} {_quoted(row.get(name))} of {_words(account)}; recomputed is {value}",
                )

    def _compare_figures(self, account: Account) -> None:
        """The draft as of what is still in question; where it differs, the first leaf from which it does is noted."""
        draft = self._draft(account, self._limit)
        own = figures_at(self._state, account, self._limit)
        if _figures(draft) != own:
            leaf = self._blame(account)
            said, right = _figures(self._draft(account, leaf + 1)), figures_at(self._state, account, leaf + 1)
            name = next((name for name in _SHOWN if getattr(said, name) != getattr(right, name)), "root")
            self._note(
                leaf,
                f"from here on {_words(account)} differs: the node says {name} {_show(said, name)}; recomputed is "
                f"{_show(right, name)}",
            )
            return
        billed, have = _nanos(draft, "billed"), account_row(self._state, account).billed
        if billed != have and (billed < have or self._see_size(self._get(_path(account))) == self._size):
            self._note(
                self._limit - 1,
                f"the node's draft of {_words(account)} says {billed} nanos billed; recomputed is {have}",
            )
        due = due_of(own, billed=billed, currency=account.currency)
        if _nanos(draft, "due") != due:
            self._note(
                self._limit - 1,
                f"the node's draft of {_words(account)} says {_nanos(draft, 'due')} nanos due; recomputed is {due}",
            )

    def _blame(self, account: Account) -> int:
        """The first leaf whose entry makes the node's draft differ: a draft is a prefix of the later ones."""
        low, high = 0, self._limit
        while high - low > 1:
            middle = (low + high) // 2
            if _figures(self._draft(account, middle)) == figures_at(self._state, account, middle):
                low = middle
            else:
                high = middle
        return low

    def _draft(self, account: Account, to: int) -> dict[str, Any]:
        draft = self._get(f"{_path(account)}/draft?to={to}").get("statement")
        if not isinstance(draft, dict) or draft.get("to") != to or _account(draft) != account:
            raise VerifyError("the node's draft is of something else", field="statement")
        return draft

    # --- statements

    def _compare_statements(self, account: Account) -> None:
        """The account's newest statements below the audited size, one by one."""
        said = self._get(_path(account))
        size = self._see_size(said)
        rows = [row for row in _list(said, "statements") if _int(row, "index") < self._size]
        index = account_row(self._state, account).statement
        count = 0
        while index and count < _LISTED_MAX:
            if len(rows) <= count:
                if len(_list(said, "statements")) == _LISTED_MAX:
                    break  # newer ones fill the list
                self._note(index, f"the node lacks this statement of {_words(account)}")
                break
            self._compare_statement(rows[count], index, exact=size == self._size)
            row = statement_row(self._state, index)
            index = 0 if row is None else row.previous
            count += 1
        if not index and count < len(rows):
            self._note(_int(rows[-1], "index"), f"no statement of {_words(account)} stands here")
        self._statements += count

    def _compare_statement(self, said: dict[str, Any], index: int, *, exact: bool) -> None:
        row = statement_row(self._state, index)
        if row is None:
            raise VerifyError("a statement that the replay doesn't know", field="statement")
        right = {
            "index": index, "ref": self._ref(index), "to": row.to, "due": str(row.due), "billed": str(row.billed),
            "received": str(row.received), "open": str(row.open),
        }  # fmt: skip
        for name, value in right.items():
            if said.get(name) == value:
                continue
            if name in ("received", "open") and not exact and row.received < _nanos(said, "received") <= row.due:
                continue  # later receipts, which the replay hasn't seen
            self._note(
                min(index, _int(said, "index")),
                f"the node says {name} {_quoted(said.get(name))} of this statement; recomputed is {_quoted(value)}",
            )

    # --- records

    def _compare_records(self, deep: bool, progress: Progress) -> int:
        """What the node says that records came to: all of them, or pages spread evenly over the log."""
        size, done = self._size, 0
        pages = -(-size // PAGE)
        starts = range(0, size, PAGE) if deep or pages <= SAMPLE_PAGES else range(0, size, size // SAMPLE_PAGES)
        for start in starts:
            if start >= self._limit:
                break
            done += self._compare_page(start, min(size, start + PAGE))
            progress(start, size)
        return done

    def _compare_page(self, start: int, end: int) -> int:
        at = start
        while at < end:
            page = self._get(f"/records?from={at}&limit={end - at}")
            size = self._see_size(page)
            rows = _list(page, "records")
            for row in rows:
                if row.get("index") != at or at >= end:
                    raise VerifyError("the node's page of records is another one", field="records")
                self._compare_record(row, at, exact=size == self._size)
                at += 1
            if not rows:
                self._note(at, "the node's list lacks this entry")
                break
        return end - start

    def _compare_record(self, row: dict[str, Any], index: int, *, exact: bool) -> None:
        for name, value in self.expected(index, exact=exact).items():
            if row.get(name) != value:
                self._note(
                    index, f"the node says {name} {_quoted(row.get(name))} of it; recomputed is {_quoted(value)}"
                )

    def expected(self, index: int, *, exact: bool) -> dict[str, Any]:
        """What a node must say that the record at a leaf came to; None: nothing. `exact`: also what later entries may
        have changed."""
        state = self._state
        right: dict[str, Any] = {"ref": self._ref(index), "status": "logged"}
        row = state.usage(index)
        if row is not None:
            lines = lines_of(state, index, row) if row.charge else {}
            right |= {
                "status": row.status,
                "reason": row.reason or None,
                "judged_as": None if row.asset is None else self._ref(row.asset),
                "terms": None if row.terms is None else self._ref(row.terms),
                "charge": None if row.terms is None else str(row.charge),
                "lines": [
                    {"payee": account.payee.hex(), "currency": account.currency, "amount": str(amount)}
                    for account, amount in sorted(lines.items(), key=lambda item: item[0].key)
                ] if row.charge else None,
            }  # fmt: skip
            corrected = newest_correction(state, index)
            if exact:
                quantities = {} if corrected is None else corrected.quantities
                shown = {unit: str(count) for unit, count in quantities.items()}
                right["corrected_to"] = None if corrected is None else shown
        elif exact and (stated := statement_row(state, index)) is not None:
            right |= {"received": str(stated.received), "open": str(stated.open)}
        elif exact and (dispute := dispute_state(state, index)) is not None:
            right["dispute"] = dispute[2]
        return right

    # --- small things

    def _ref(self, index: int) -> str:
        return str(Ref(index, self._view.leaf(index)))

    def _see_size(self, answer: dict[str, Any]) -> int:
        self._node_size = _int(answer, "size")
        if self._node_size < self._size:
            raise VerifyError(
                f"the node answers for {self._node_size} entries, fewer than its checkpoint has", field="size"
            )
        return self._node_size


_SHOWN = ("gross", "lines", "credits", "credit_lines", "unlicensed", "unpriced", "root", "credit_root")


def _figures(draft: dict[str, Any]) -> Figures:
    """The facts in a draft. Raises VerifyError for another form."""
    try:
        roots = [bytes.fromhex(_text(draft, name)) for name in ("root", "credit_root")]
    except ValueError:
        raise VerifyError("a root in the node's draft is no hex", field="root") from None
    return Figures(
        lines=_int(draft, "lines"), gross=_nanos(draft, "gross"), root=roots[0],
        credit_lines=_int(draft, "credit_lines"), credits=_nanos(draft, "credits"), credit_root=roots[1],
        unpriced=_int(draft, "unpriced"), unlicensed=_int(draft, "unlicensed"),
    )  # fmt: skip


def _entries(draft: dict[str, Any]) -> int:
    return _int(draft, "lines") + _int(draft, "credit_lines")


def _show(figures: Figures, name: str) -> str:
    value = getattr(figures, name)
    return value.hex() if isinstance(value, bytes) else str(value)


def _words(account: Account) -> str:
    return f"the account {account.payer.hex()[:16]}… to {account.payee.hex()[:16]}… in {account.currency}"


def _path(account: Account) -> str:
    return f"/accounts/{account.payer.hex()}/{account.payee.hex()}/{account.currency}"


def _account(row: dict[str, Any]) -> Account:
    try:
        payer, payee = bytes.fromhex(_text(row, "payer")), bytes.fromhex(_text(row, "payee"))
    except ValueError:
        payer = payee = b""
    currency = row.get("currency")
    if len(payer) != 32 or len(payee) != 32 or not CURRENCY.ok(currency):
        raise VerifyError("an account of another form in the node's answer", field="accounts")
    return Account(payer, payee, str(currency))


def _list(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise VerifyError(f"the node's {name} are no list of objects", field=name)
    return found


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise VerifyError(f"no {name} in the node's answer", field=name)
    return value


def _int(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if type(value) is not int or value < 0:
        raise VerifyError(f"no {name} in the node's answer", field=name)
    return value


def _nanos(row: dict[str, Any], name: str) -> int:
    text = _text(row, name)
    if len(text) > 39 or not text.isascii() or not text.isdigit():
        raise VerifyError(f"{name} in the node's answer is no sum", field=name)
    return int(text)


def _quoted(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 200 else text[:199] + "…"
