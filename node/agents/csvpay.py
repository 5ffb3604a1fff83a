"""Payments as CSV, for whatever isn't a SEPA bank: one row an order, RFC 4180, UTF-8 (docs/settlement.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from node.agents.amounts import format_amount
from node.agents.payees import Payees
from node.agents.payments import Order, Timing

COLUMNS = (
    "reference", "statement", "payee", "name", "iban", "bic", "account", "currency", "amount", "execution_date",
    "remittance",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guard(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


class CsvPayments:
    """See Adapter. Pays every currency; what the account means is between the payer and whoever reads the file."""

    name = "csv"
    suffix = ".csv"

    def refusal(self, order: Order, payees: Payees) -> str:
        """See Adapter; it refuses nothing more."""
        return ""

    def render(self, orders: Sequence[Order], payees: Payees, timing: Timing, *, identity: str) -> bytes:
        """See Adapter."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for order in orders:
            to = payees.accounts[order.payee]
            row = (
                order.reference, str(order.statement), order.payee.hex(), to.name, to.iban, to.bic, to.account,
                order.currency, format_amount(order.amount_nanos, order.currency), timing.execute.isoformat(),
                order.remittance,
            )  # fmt: skip
            writer.writerow([guard(cell) for cell in row])
        return text.getvalue().encode()
