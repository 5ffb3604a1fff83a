"""What a ledger's state says about money, held against the naive rules (tests/money/naive.py)."""

from ledger import accounts, corrections, sumlist
from ledger.postings import Account
from ledger.state import State
from tests.money import naive
from tests.money.naive import Entry, Line, Log

END = 2**63 - 1


def lines(state: State, account: Account) -> list[Line]:
    """An account's lines as the ledger keeps them."""
    return list(sumlist.iterate(state.view, account.lines, start=0, below=END))


def credits(state: State, account: Account) -> list[Line]:
    """An account's credits as the ledger keeps them."""
    return list(sumlist.iterate(state.view, account.credits, start=0, below=END))


def compare_usage(state: State, known: Log, usage: Entry) -> None:
    """Status, reason, asset, terms, charge and lines of one usage; lines and what is dropped make up the charge."""
    row, judged = state.usage(usage.index), naive.seen(known, usage)
    assert row is not None
    found = (row.status, row.reason, row.party, row.charge)
    assert found == (judged.status, judged.reason, usage.party, judged.charge), usage
    if judged.agreed is not None:
        assert row.terms == judged.agreed.index
    if judged.asset is not None:
        assert row.asset == int.from_bytes(judged.asset[:8], "big")
    right, dropped = naive.usage_lines(known, usage)
    made = corrections.lines_of(state, usage.index, row)
    assert {account.payee: amount for account, amount in made.items() if amount} == right, usage
    assert sum(right.values()) + dropped == judged.charge


def compare_account(state: State, known: Log, account: Account) -> None:
    """Lines, credits, and what was stated, due and received."""
    key = (account.payer, account.payee, account.currency)
    assert lines(state, account) == naive.lines_of(known, key)
    assert credits(state, account) == naive.credits_of(known, key)
    stated = naive.statements_of(known, key)
    row = accounts.account_row(state, account)
    assert row.billed == sum(entry.body["due"] for entry in stated)
    assert row.received == sum(naive.received(known, entry.ref) for entry in stated)
    for entry in stated:
        made = accounts.statement_row(state, entry.index)
        assert made is not None
        assert (made.to, made.due, made.account) == (entry.body["to"], entry.body["due"], account)
        assert made.received == naive.received(known, entry.ref)


def compare_figures(state: State, known: Log, account: Account, to: int) -> None:
    """A statement of the account up to leaf `to`, to be signed now."""
    figures = accounts.figures_at(state, account, to)
    billed = accounts.account_row(state, account).billed
    made = accounts.statement_fields(account, figures, to=to, billed=billed)
    assert made == naive.figures(known, (account.payer, account.payee, account.currency), to)


def compare_all(state: State, known: Log) -> None:
    """Everything: each usage, each account, and drafts of each account at several leaves."""
    for usage in naive.of_kind(known, "usage"):
        compare_usage(state, known, usage)
    expected = [Account(*account) for account in naive.accounts(known)]
    assert sorted(accounts.accounts_of(state), key=lambda a: a.key) == sorted(expected, key=lambda a: a.key)
    size = len(known)
    for account in expected:
        compare_account(state, known, account)
        for to in sorted({size, size * 2 // 3, size // 2}):
            compare_figures(state, known, account, to)


def check_statements(state: State, known: Log, account: naive.Account) -> None:
    """At each statement's `to`, the sum of all dues (its own included) is at most gross less credits, by less than one
    minor unit; and its trees are those of the first lines and credits of every later one."""
    billed = 0
    unit = naive.minor_unit(account[2])
    kept = Account(*account)
    gone, refunded = lines(state, kept), credits(state, kept)
    for entry in naive.statements_of(known, account):
        body = entry.body
        billed += body["due"]
        gross, credited = (int.from_bytes(body[name], "big") for name in ("gross", "credits"))
        assert billed <= gross - credited < billed + unit
        assert naive.sum_node(gone[: body["lines"]]) == (body["root"], gross)
        assert naive.sum_node(refunded[: body["credit_lines"]]) == (body["credit_root"], credited)


def check_sums(state: State, known: Log) -> None:
    """All accounts' accrued together are the sum of all charges, less self-payments, less credits."""
    accrued = sum(
        sum(amount for _, amount in lines(state, account)) - sum(amount for _, amount in credits(state, account))
        for account in accounts.accounts_of(state)
    )
    charges = dropped = credited = 0
    for usage in naive.of_kind(known, "usage"):
        charges += naive.seen(known, usage).charge
        right, own = naive.usage_lines(known, usage)
        dropped += own
        credited += sum(amount for payee in right for _, amount in naive.base_after(known, usage, payee)[1])
    assert accrued == charges - dropped - credited
