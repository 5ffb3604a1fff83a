"""Read routes of settlement: accounts, their lines, and the draft of the next statement (design sections 6 and 8)."""

from __future__ import annotations

from aiohttp import web

from ledger.accountquery import PAGE_MAX, AccountQuery
from ledger.postings import Account
from ledger.query import Query
from node import moneyviews
from node.connections import expect
from node.context import CONTEXT, decimal, hex_bytes, query_args
from node.routes.reads import PAGE_DEFAULT, json_answer
from proofs.codec import INT_MAX
from proofs.errors import InputError, excerpt
from proofs.fields import CURRENCY

STATEMENTS_SHOWN = 100


def _account(request: web.Request) -> Account:
    info = request.match_info
    if not CURRENCY.ok(info["currency"]):
        raise InputError(f"no currency: {excerpt(info['currency'])}", field="currency", expected=CURRENCY.expected)
    return Account(hex_bytes(info["payer"], 32, "payer"), hex_bytes(info["payee"], 32, "payee"), info["currency"])


def _limit(args: dict[str, str]) -> int:
    limit = decimal(args.get("limit", str(PAGE_DEFAULT)), "limit")
    if not 1 <= limit <= PAGE_MAX:
        raise InputError(f"limit {limit}", field="limit", expected=f"1 to {PAGE_MAX}")
    return limit


def _start(args: dict[str, str]) -> tuple[str, bytes] | None:
    """Where a page goes on, as the page before said: `pays:PAYER:PAYEE:CURRENCY` or `paid:…`."""
    if "from" not in args:
        return None
    parts = args["from"].split(":")
    if len(parts) != 4 or parts[0] not in ("pays", "paid") or not CURRENCY.ok(parts[3]):
        raise InputError(f"{excerpt(args['from'])} is no page", field="from", expected="`next` of the page before")
    payer, payee = (hex_bytes(text, 32, "from") for text in parts[1:3])
    return parts[0], Account(payer, payee, parts[3]).key


async def get_accounts(request: web.Request) -> web.StreamResponse:
    """A page of accounts, all or a party's."""
    args = query_args(request, "party", "from", "limit")
    party = hex_bytes(args["party"], 32, "party") if "party" in args else None
    start, limit = _start(args), _limit(args)

    def find(query: Query) -> dict[str, object]:
        accounts = AccountQuery(query)
        found, following = accounts.accounts(party=party, start=start, limit=limit)
        return {
            "accounts": [moneyviews.balance(query, accounts.balance(account)) for account in found],
            "next": None if following is None else moneyviews.page_start(following),
            "size": query.reader.size,
        }

    return json_answer(await request.app[CONTEXT].query(find))


async def get_account(request: web.Request) -> web.StreamResponse:
    """One account, with its newest statements."""
    query_args(request)
    account = _account(request)

    def find(query: Query) -> dict[str, object]:
        accounts = AccountQuery(query)
        stated = accounts.statements(account, limit=STATEMENTS_SHOWN)
        return {
            **moneyviews.balance(query, accounts.balance(account)),
            "statements": [moneyviews.statement(query, index, row) for index, row in stated],
            "size": query.reader.size,
        }

    return json_answer(await request.app[CONTEXT].query(find))


async def get_draft(request: web.Request) -> web.StreamResponse:
    """The statement that either side could sign now."""
    args = query_args(request, "to")
    account = _account(request)
    to = decimal(args["to"], "to") if "to" in args else None
    found = await request.app[CONTEXT].query(lambda query: moneyviews.draft(AccountQuery(query).draft(account, to)))
    return json_answer(found)


async def get_lines(request: web.Request) -> web.StreamResponse:
    """A page of an account's lines, or of its credits."""
    args = query_args(request, "of", "from", "limit")
    account, limit = _account(request), _limit(args)
    of = args.get("of", "lines")
    if of not in ("lines", "credits"):
        raise InputError(f"of={excerpt(of)}", field="of", expected="lines or credits")
    start = min(decimal(args.get("from", "0"), "from"), INT_MAX - 1)

    def find(query: Query) -> dict[str, object]:
        rows, following = AccountQuery(query).lines(account, credits=of == "credits", start=start, limit=limit)
        return {of: [[index, str(amount)] for index, amount in rows], "next": following, "size": query.reader.size}

    return json_answer(await request.app[CONTEXT].query(find))


def setup(app: web.Application) -> None:
    """Add the routes."""
    one = "/accounts/{payer}/{payee}/{currency}"
    app.router.add_get("/accounts", get_accounts, expect_handler=expect)
    app.router.add_get(one, get_account, expect_handler=expect)
    app.router.add_get(f"{one}/draft", get_draft, expect_handler=expect)
    app.router.add_get(f"{one}/lines", get_lines, expect_handler=expect)
