"""JSON answers about money: what a usage came to, accounts, statements and drafts; nanos as decimal strings."""

from __future__ import annotations

from typing import Any

from ledger.accountquery import AccountQuery, Balance, Draft
from ledger.accounts import StatementRow, statement_row
from ledger.corrections import lines_of
from ledger.disputes import dispute_state
from ledger.postings import account_of
from ledger.query import Query
from ledger.state import State
from proofs.jsonform import to_json
from proofs.ref import Ref


def ref_text(query: Query, index: int) -> str:
    """The full reference to an entry."""
    return str(Ref(index, query.reader.tree.leaf(index)))


def record_extras(query: Query, index: int, kind: str) -> dict[str, Any]:
    """What the log knows of a record besides itself: what a usage came to, how a statement or dispute stands, and later
    records about it."""
    accounts = AccountQuery(query)
    found: dict[str, Any] = {}
    if kind == "usage":
        found.update(_usage(query, accounts, index))
    elif kind == "statement":
        row = statement_row(query.state, index)
        if row is not None:
            found["received"], found["open"] = str(row.received), str(row.open)
    elif kind == "dispute":
        state = dispute_state(query.state, index)
        if state is not None:
            found["dispute"] = state[2]
    events = accounts.events(index)
    if events:
        found["events"] = [{"index": at, "kind": what} for at, what in events]
    return found


def _usage(query: Query, accounts: AccountQuery, index: int) -> dict[str, Any]:
    row = query.state.usage(index)
    if row is None:
        return {}
    found: dict[str, Any] = {}
    if row.reason:
        found["reason"] = row.reason
    if row.asset is not None:
        found["judged_as"] = ref_text(query, row.asset)
    if row.terms is not None:
        terms = query.state.terms(row.terms)
        found["terms"] = ref_text(query, row.terms)
        if terms is not None:
            found["currency"] = terms.terms.currency
        found["charge"] = str(row.charge)
    if row.charge:
        found["lines"] = [
            {"payee": account.payee.hex(), "currency": account.currency, "amount": str(amount)}
            for account, amount in sorted(lines_of(query.state, index, row).items(), key=lambda item: item[0].key)
        ]
    corrected = accounts.corrected(index)
    if corrected is not None:
        found["corrected_to"] = {unit: str(count) for unit, count in corrected.items()}
    return found


def asset_extras(query: Query, index: int) -> dict[str, Any]:
    """Terms in force and whom the asset pays."""
    have = query.state.asset_terms(index)
    found: dict[str, Any] = {}
    if have is not None:
        found["terms_in_force"] = ref_text(query, have.newest)
        found["terms"] = terms_fields(query, have.newest)
        found["currency"] = have.currency
    closure = query.state.closure(index)
    if closure.shares or closure.fault:
        found["pays"] = [{"asset": ref_text(query, source), "bps": bps} for source, bps in closure.shares]
        if closure.fault:
            found["cannot_sell"] = closure.fault
    return found


def terms_fields(query: Query, index: int) -> dict[str, Any]:
    """The fields of the terms at a leaf, as JSON, whether they stand alone or inside an asset."""
    body = query.record(index).body
    inner = body.get("terms") if body["kind"] == "asset" else body
    fields = inner if isinstance(inner, dict) else {}
    return to_json({name: value for name, value in fields.items() if name not in ("kind", "at", "asset")})


def page_start(following: tuple[str, bytes]) -> str:
    """Where a page of accounts goes on, for `from`."""
    account = account_of(following[1])
    return f"{following[0]}:{account.payer.hex()}:{account.payee.hex()}:{account.currency}"


def _name(state: State, party: bytes) -> str:
    row = state.party(party)
    return "" if row is None else row.name


def balance(query: Query, found: Balance) -> dict[str, Any]:
    """An account at a glance. Names are what the parties call themselves."""
    account, row = found.account, found.row
    return {
        "payer": account.payer.hex(),
        "payee": account.payee.hex(),
        "currency": account.currency,
        "payer_name": _name(query.state, account.payer),
        "payee_name": _name(query.state, account.payee),
        "lines": found.lines,
        "credit_lines": found.credit_lines,
        "accrued": str(found.accrued),
        "stated": str(found.stated),
        "received": str(found.received),
        "open": str(found.open),
        "statement": ref_text(query, row.statement) if row.statement else None,
        "to": row.to,
    }


def statement(query: Query, index: int, row: StatementRow) -> dict[str, Any]:
    """A statement in an account's list."""
    return {
        "ref": ref_text(query, index),
        "index": index,
        "to": row.to,
        "due": str(row.due),
        "billed": str(row.billed),
        "received": str(row.received),
        "open": str(row.open),
    }


def draft(found: Draft) -> dict[str, Any]:
    """A draft: the statement's fields, and why it can't be signed where it can't."""
    fields = to_json(found.fields)
    # A due beyond what a record can say is shown all the same.
    return {"statement": {**fields, "due": str(found.fields["due"])}, "statable": not found.reason,
            "reason": found.reason or None}  # fmt: skip
