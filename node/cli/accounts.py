"""`usance accounts`: who owes whom, and what was stated and paid of it (design section 6). The node's word."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from node.cli.common import add_node, open_client, party_bytes
from node.cli.moneytext import money_text
from node.cli.outcome import OK
from node.cli.text import emit, right, short, table
from node.client import Client
from node.errors import NetworkError
from proofs.errors import InputError
from proofs.fields import CURRENCY

PAGE = 500
LIMIT_MAX = 100_000
PAGES_MAX = 2_000
_SUMS = ("accrued", "stated", "received", "open")


def configure_accounts(parser: argparse.ArgumentParser) -> None:
    """Whose accounts, or which one."""
    parser.add_argument(
        "--party", metavar="PARTY", help="accounts in which this party pays or is paid: its key in hex, or a file of it"
    )
    parser.add_argument("--payer", metavar="PARTY", help="accounts in which this party pays")
    parser.add_argument("--payee", metavar="PARTY", help="accounts in which this party is paid")
    parser.add_argument("--currency", metavar="CODE", help="accounts of this currency; with --payer and --payee: one "
                        "account, with its newest statements and the draft of the next")  # fmt: skip
    parser.add_argument("--limit", type=int, metavar="N", default=1000, help="at most this many (default: 1000)")
    add_node(parser)
    parser.set_defaults(run=run_accounts)


def run_accounts(args: argparse.Namespace) -> int:
    """A list, or one account with its statements."""
    wanted = {
        name: party_bytes(text, field=f"--{name}").hex()
        for name in ("party", "payer", "payee")
        if (text := getattr(args, name)) is not None
    }
    if args.currency is not None and not CURRENCY.ok(args.currency):
        raise InputError("no currency", field="--currency", expected=CURRENCY.expected)
    if not 1 <= args.limit <= LIMIT_MAX:
        raise InputError(f"--limit {args.limit}", field="--limit", expected=f"1 to {LIMIT_MAX}")
    client = open_client(args)
    client.checkpoint()  # that it serves this log is checked; its sums are its word
    if args.currency and {"payer", "payee"} <= wanted.keys():
        return _one(args, client, f"/accounts/{wanted['payer']}/{wanted['payee']}/{args.currency}")
    found, is_all = _collect(client, wanted, args.currency, args.limit)
    emit({"accounts": found, "complete": is_all, "verified": False}, as_json=args.json, lines=_lines(found, is_all))
    return OK


def _collect(
    client: Client, wanted: dict[str, str], currency: str | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """The accounts that fit, and whether they are all. An account of a party with itself doesn't exist, so none comes
    twice."""
    party = wanted.get("party") or wanted.get("payer") or wanted.get("payee")
    found: list[dict[str, Any]] = []
    start: str | None = None
    for _ in range(PAGES_MAX):
        page = client.get("/accounts", party=party, from_=start, limit=PAGE)
        rows, following = page.get("accounts"), page.get("next")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise NetworkError(f"the node's list has another form: is {client.transport.url} a Usance node?")
        found += [row for row in rows if _fits(row, wanted, currency)]
        if len(found) > limit:
            return found[:limit], False
        if not isinstance(following, str):
            return found, True
        start = following
    return found, False


def _fits(row: dict[str, Any], wanted: dict[str, str], currency: str | None) -> bool:
    return (
        all(row.get(side) == wanted[side] for side in ("payer", "payee") if side in wanted)
        and ("party" not in wanted or wanted["party"] in (row.get("payer"), row.get("payee")))
        and currency in (None, row.get("currency"))
    )


def _lines(rows: list[dict[str, Any]], is_all: bool) -> Iterator[str]:
    if not rows:
        yield "none"
    else:
        cells: list[tuple[str, ...]] = [("payer", "payee", *_SUMS)]
        cells += [(_party(row, "payer"), _party(row, "payee"), *_sums(row)) for row in rows]
        yield from table(right(cells, 2, 6))
    if not is_all:
        yield "there may be more: a larger --limit, or fewer parties"
    yield "as the node says; `usance settle --dry-run` recomputes what a party owes, `usance audit` the whole log"


def _party(row: dict[str, Any], side: str) -> str:
    name = row.get(f"{side}_name")
    return short(str(row.get(side))) + (f" {short(name)!r}" if isinstance(name, str) and name else "")


def _sums(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(money_text(row.get(name), row.get("currency")) for name in _SUMS)


def _one(args: argparse.Namespace, client: Client, path: str) -> int:
    account, draft = client.get(path), client.get(f"{path}/draft")
    emit({"account": account, "draft": draft, "verified": False}, as_json=args.json,
         lines=_one_lines(account, draft))  # fmt: skip
    return OK


def _one_lines(account: dict[str, Any], draft: dict[str, Any]) -> Iterator[str]:
    currency = account.get("currency")
    yield f"{_party(account, 'payer')} pays {_party(account, 'payee')} in {short(str(currency))}"
    yield f"  {account.get('lines')} lines, {account.get('credit_lines')} credits"
    for name, value in zip(_SUMS, _sums(account), strict=True):
        yield f"  {name} {value}"
    rows = account.get("statements")
    statements = [row for row in (rows if isinstance(rows, list) else []) if isinstance(row, dict)]
    if statements:
        cells: list[tuple[str, ...]] = [("statement", "to", "due", "received", "open")]
        cells += [
            (str(row.get("index")), str(row.get("to")),
             *(money_text(row.get(name), currency) for name in ("due", "received", "open")))
            for row in statements
        ]  # fmt: skip
        yield from (f"  {line}" for line in table(right(cells, 1, 5)))
    fields = draft.get("statement")
    due = fields.get("due") if isinstance(fields, dict) else None
    reason = draft.get("reason")
    said = f"can't be stated: {reason}" if reason else "can be stated"
    yield f"  not stated yet: {money_text(due, currency)}; {said}"
    yield "as the node says; `usance settle --dry-run` recomputes what a party owes, `usance audit` the whole log"
