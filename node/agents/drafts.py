"""Drafts of statements: the party's own figures, held against the node's (design section 6).

A node that reckons otherwise than the log's entries say is found out before anything is signed: the run ends, and the
figure and the account are named. That the other side was faster is no difference.
"""

from __future__ import annotations

from typing import Any

from ledger.accountquery import Draft
from ledger.accounts import account_row
from ledger.postings import Account
from node.agents.books import Books, Stated
from node.client import Client, VerifiedEntry
from proofs.amounts import show_amount
from proofs.codec import INT_MAX
from proofs.errors import InputError, RetryableError, VerifyError
from proofs.jsonform import to_json
from proofs.ref import parse_ref


class Moved(RetryableError):
    """The log has grown by something that matters since it was replayed: look at it again."""


def new_drafts(books: Books, side: str) -> list[tuple[Account, Draft]]:
    """The draft of each account on that side which has lines or credits that no statement covers."""
    found = []
    for account in books.accounts(side):
        draft = books.draft(account)
        row = account_row(books.query.state, account)
        if (draft.fields["lines"], draft.fields["credit_lines"]) != (row.lines, row.credit_lines):
            found.append((account, draft))
    return found


def compare(client: Client, books: Books, account: Account, draft: Draft) -> None:
    """Hold a draft against the node's for the same `to`. Raises VerifyError naming the figure and the account, Moved
    where a newer statement explains it, and what the client raises."""
    said = client.get(f"{path_of(account)}/draft", to=draft.fields["to"]).get("statement")
    theirs: dict[str, Any] = said if isinstance(said, dict) else {}
    ours = {**to_json(draft.fields), "due": str(draft.fields["due"])}
    for name, value in ours.items():
        if theirs.get(name) != value:
            if name in ("billed", "due") and newer_statement(client, books, account) is not None:
                raise Moved(f"{describe(account)} was stated meanwhile; try again")
            raise VerifyError(
                f"the node's draft for {describe(account)} has another {name} than the log's entries give, "
                f"{_show(name, theirs.get(name), account)}: nothing was signed",
                field=name, expected=_show(name, value, account),
            )  # fmt: skip


def newer_statement(client: Client, books: Books, account: Account) -> VerifiedEntry | None:
    """The account's newest statement as the node names it, verified, where it was logged after the books were read."""
    said = client.get(path_of(account)).get("statement")
    try:
        ref = parse_ref(said if isinstance(said, str) else "")
    except InputError:
        return None
    entry = client.entry(ref.index)
    if entry.ref.index < books.size:
        return None
    _check_states(entry, account)
    return entry


def standing(client: Client, books: Books, account: Account, index: Any) -> Stated:
    """The statement at `index`, which the node names as the account's newest, if its figures are ours.

    Raises VerifyError where it states another account, Moved where only a new replay can tell.
    """
    if type(index) is not int or not 0 <= index <= INT_MAX:
        raise VerifyError("the node names no statement that stands", field="statement")
    entry = client.entry(index)
    _check_states(entry, account)
    body = entry.body
    row = books.query.state.key(entry.entry.key)
    if row is None or body["to"] > books.size:
        raise Moved(f"{describe(account)} was stated meanwhile; try again")
    if row.party not in (account.payer, account.payee) or books.draft(account, body["to"]).fields != {
        name: value for name, value in body.items() if name not in ("kind", "at")
    }:
        raise Moved(f"{describe(account)} was stated meanwhile, with other figures; try again")
    return Stated(entry.ref, account, body["to"], body["due"], row.party)


def _check_states(entry: VerifiedEntry, account: Account) -> None:
    body = entry.body
    if body["kind"] != "statement" or Account(body["payer"], body["payee"], body["currency"]) != account:
        raise VerifyError(
            f"the node names entry {entry.ref.index} as the newest statement of {describe(account)}, which it isn't",
            field="statement",
        )


def path_of(account: Account) -> str:
    """The account's route."""
    return f"/accounts/{account.payer.hex()}/{account.payee.hex()}/{account.currency}"


def describe(account: Account) -> str:
    """An account for a message."""
    return f"the account of {account.payer.hex()} with {account.payee.hex()} in {account.currency}"


def _show(name: str, value: Any, account: Account) -> str:
    if name in ("gross", "credits", "billed", "due") and isinstance(value, str) and value.isdigit() and len(value) < 40:
        return show_amount(int(value), account.currency)
    return str(value)[:80]
