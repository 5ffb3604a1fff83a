"""Builders for tests of money: a log with parties that own, sell, use, state and pay, each in a line.

Unless told otherwise everything is in EUR, offered for training by the token, and one token costs one nano: so charges
can be read off the quantities.
"""

from typing import Any

from ledger.accounts import account_row, accounts_of, figures_at, statement_fields, statement_row
from ledger.corrections import lines_of
from ledger.postings import Account
from ledger.state import UsageRow
from ledger.store import Store
from ledger.sumlist import iterate
from tests.ledger.support import Log, Who, asset, body, public, source, usage

CENT = 10**7
PARTIES = ("owner", "maker", "lab", "third", "fourth")


def offer(price: int = 1, *, use: str = "train", unit: str = "token", per: int = 1) -> dict[str, Any]:
    """One offer."""
    return {"use": use, "unit": unit, "price": price, "per": per}


def terms(*offers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Fields of terms; without offers given, the usual one."""
    return {"currency": "EUR", "offers": list(offers) or [offer()], **fields}


def splits(**parts: int) -> list[dict[str, Any]]:
    """Splits by name and bps."""
    return [{"party": public(name), "bps": bps} for name, bps in parts.items()]


class Market(Log):
    """A log with the parties `owner`, `maker`, `lab`, `third` and `fourth`."""

    def __init__(self, store: Store | None = None) -> None:
        super().__init__(store)
        for who in PARTIES:
            if not self.next(who):
                self.join(who, name=who)

    def sell(self, who: Who, name: str, *sources: dict[str, Any], aka: list[str] | None = None, **fields: Any) -> bytes:
        """A new asset with inline terms; its reference."""
        named: dict[str, Any] = {"aka": aka} if aka else {}
        if sources:
            named["sources"] = list(sources)
        return self.register(who, name, terms=terms(**fields), **named)

    def publish(self, who: Who, ref: bytes, *offers: dict[str, Any], **fields: Any) -> bytes:
        """Terms for an asset; their reference."""
        return self.ref(self.put(who, body("terms", asset=ref, **terms(*offers, **fields))).first_index)

    def use(self, who: Who, target: bytes | str, tokens: int = 1000, **fields: Any) -> int:
        """A use; its index."""
        return self.put(who, usage(target, **{"quantities": {"token": tokens}, **fields})).first_index

    def row(self, index: int) -> UsageRow:
        """What a usage came to."""
        row = self.state.usage(index)
        assert row is not None
        return row

    def verdict(self, index: int) -> tuple[str, str]:
        """Status and reason of a usage."""
        row = self.row(index)
        return row.status, row.reason

    def lines(self, index: int) -> dict[str, int]:
        """Whom a usage paid, by name: what its row says, which is what stands in the accounts, and nothing else."""
        row = self.row(index)
        found = lines_of(self.state, index, row)
        accounts = {account for account in accounts_of(self.state, row.party) if account.payer == row.party}
        for account in accounts | found.keys():
            standing = list(iterate(self.store, account.lines, start=index, below=index + 1))
            assert standing == ([(index, found[account])] if account in found else [])
        names = {public(name): name for name in PARTIES}
        return {names.get(account.payee, account.payee.hex()): amount for account, amount in found.items()}

    def account(self, payer: Who = "lab", payee: Who = "owner", currency: str = "EUR") -> Account:
        """An account."""
        return Account(public(payer), public(payee), currency)

    def balance(self, payer: Who = "lab", payee: Who = "owner", currency: str = "EUR") -> tuple[int, int, int]:
        """(gross, credits, billed) of an account at present."""
        account = self.account(payer, payee, currency)
        figures = figures_at(self.state, account, self.size)
        return figures.gross, figures.credits, account_row(self.state, account).billed

    def figures(self, account: Account | None = None, to: int | None = None) -> dict[str, Any]:
        """The fields of the statement to be made of an account."""
        account = account or self.account()
        to = self.size if to is None else to
        billed = account_row(self.state, account).billed
        return statement_fields(account, figures_at(self.state, account, to), to=to, billed=billed)

    def statement(self, account: Account | None = None, to: int | None = None, **wrong: Any) -> bytes:
        """The body of that statement, some figures as told."""
        return body("statement", **{**self.figures(account, to), **wrong})

    def bill(self, who: Who = "lab", account: Account | None = None, to: int | None = None) -> int:
        """Log that statement; its index."""
        return self.put(who, self.statement(account, to)).first_index

    def due(self, statement: int) -> int:
        """What a logged statement says is due."""
        row = statement_row(self.state, statement)
        assert row is not None
        return row.due

    def pay(self, statement: int, amount: int, reference: str = "r", who: Who = "owner") -> int:
        """A receipt; its index."""
        return self.put(who, self.receipt(statement, amount, reference)).first_index

    def receipt(self, statement: int, amount: int, reference: str = "r", kind: str = "receipt") -> bytes:
        """The body of a receipt, or of a payment."""
        return body(kind, statement=self.ref(statement), amount=amount, method="bank", reference=reference)

    def correct(self, index: int, who: Who = "lab", **quantities: int) -> int:
        """A correction to these quantities; its index."""
        return self.put(who, self.correction(index, **quantities)).first_index

    def correction(self, index: int, **quantities: int) -> bytes:
        """The body of a correction."""
        return body("correction", usage=self.ref(index), quantities=quantities, reason="miscounted")

    def accept(self, correction: int, who: Who = "owner") -> int:
        """An acceptance; its index."""
        return self.put(who, self.acceptance(correction)).first_index

    def acceptance(self, correction: int) -> bytes:
        """The body of an acceptance."""
        return body("accept", correction=self.ref(correction))

    def chain(self, *, share: int = 500) -> tuple[bytes, bytes, bytes]:
        """The design's example: A of `owner` asks 5 %, B of `maker` from A 10 %, C of `third` from B; all at the same
        price."""
        a = self.sell("owner", "A", derivatives=share)
        b = self.sell("maker", "B", source(a, bps=share), derivatives=1000)
        c = self.sell("third", "C", source(b, "trained_on", bps=1000))
        return a, b, c


def plain(name: str = "bare", **fields: Any) -> bytes:
    """An asset without terms."""
    return asset(name, **fields)
