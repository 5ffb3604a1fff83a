"""SEPA credit transfers as ISO 20022 pain.001, versions 001.001.09 and 001.001.03 (docs/settlement.md).

One payment information block from the debtor's account, one transaction an order. The end-to-end id is the statement's
reference; the message id names the set of orders, so a bank that looks for duplicates finds the same file sent again.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from node.agents.amounts import UNIT_NANOS, format_amount
from node.agents.iban import SEPA_IBAN_LENGTHS
from node.agents.payees import Account, Payees
from node.agents.payments import Order, Timing
from proofs.errors import InputError

VERSIONS = ("pain.001.001.09", "pain.001.001.03")
CURRENCY = "EUR"
SEPA_AMOUNT_NANOS_MAX = 99_999_999_999 * (UNIT_NANOS // 100)
"""999,999,999.99 EUR: the scheme's limit of one transfer."""


class Pain001:
    """See Adapter."""

    name = "pain001"
    suffix = ".xml"

    def __init__(self, version: str = VERSIONS[0]) -> None:
        """`version`: one of VERSIONS. Raises InputError for another."""
        if version not in VERSIONS:
            raise InputError(f"{version[:80]} isn't written", field="version", expected=f"one of {', '.join(VERSIONS)}")
        self.version = version
        self._bic = "BIC" if version.endswith(".03") else "BICFI"

    def refusal(self, order: Order, payees: Payees) -> str:
        """See Adapter: SEPA moves euros only, between accounts with an IBAN that it reaches, up to a limit."""
        if order.currency != CURRENCY:
            return f"a SEPA transfer pays {CURRENCY} only, not {order.currency}: use the CSV file for it"
        if order.amount_nanos > SEPA_AMOUNT_NANOS_MAX:
            return "a SEPA transfer pays at most 999,999,999.99 EUR"
        ends = (("[debtor]", payees.debtor), (f"[payees.{order.payee.hex()}]", payees.accounts[order.payee]))
        for where, account in ends:
            if not account.iban:
                return f"{where} has no iban, which a SEPA transfer needs"
            if account.iban[:2] not in SEPA_IBAN_LENGTHS:
                return f"SEPA doesn't reach the IBAN of {where} (country {account.iban[:2]}): use the CSV file for it"
        return ""

    def render(self, orders: Sequence[Order], payees: Payees, timing: Timing, *, identity: str) -> bytes:
        """See Adapter."""
        count = str(len(orders))
        total = format_amount(sum(order.amount_nanos for order in orders), CURRENCY)
        document = ET.Element("Document", {"xmlns": f"urn:iso:std:iso:20022:tech:xsd:{self.version}"})
        message = ET.SubElement(document, "CstmrCdtTrfInitn")
        header = ET.SubElement(message, "GrpHdr")
        _add(header, "MsgId", identity)
        _add(header, "CreDtTm", timing.created_text)
        _add(header, "NbOfTxs", count)
        _add(header, "CtrlSum", total)
        _add(header, "InitgPty/Nm", payees.debtor.name)
        block = ET.SubElement(message, "PmtInf")
        _add(block, "PmtInfId", f"{identity}-1")
        _add(block, "PmtMtd", "TRF")
        _add(block, "NbOfTxs", count)
        _add(block, "CtrlSum", total)
        _add(block, "PmtTpInf/SvcLvl/Cd", "SEPA")
        _add(block, "ReqdExctnDt" if self.version.endswith(".03") else "ReqdExctnDt/Dt", timing.execute.isoformat())
        _add(block, "Dbtr/Nm", payees.debtor.name)
        _add(block, "DbtrAcct/Id/IBAN", payees.debtor.iban)
        self._add_bank(block, "DbtrAgt", payees.debtor)
        _add(block, "ChrgBr", "SLEV")
        for order in orders:
            self._add_transaction(block, order, payees.accounts[order.payee])
        ET.indent(document)
        return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(document, encoding="utf-8") + b"\n"

    def _add_transaction(self, block: ET.Element, order: Order, to: Account) -> None:
        transaction = ET.SubElement(block, "CdtTrfTxInf")
        _add(transaction, "PmtId/EndToEndId", order.reference)
        _add(transaction, "Amt/InstdAmt", format_amount(order.amount_nanos, CURRENCY)).set("Ccy", CURRENCY)
        if to.bic:
            self._add_bank(transaction, "CdtrAgt", to)
        _add(transaction, "Cdtr/Nm", to.name)
        _add(transaction, "CdtrAcct/Id/IBAN", to.iban)
        _add(transaction, "RmtInf/Ustrd", order.remittance)

    def _add_bank(self, parent: ET.Element, name: str, account: Account) -> None:
        # The debtor's bank must be there; without a BIC the scheme has this word for it.
        where = f"{name}/FinInstnId/"
        _add(parent, where + (self._bic if account.bic else "Othr/Id"), account.bic or "NOTPROVIDED")


def _add(parent: ET.Element, path: str, text: str) -> ET.Element:
    """A new element for each name of the path, each in the one before; the last one gets the text."""
    for name in path.split("/"):
        parent = ET.SubElement(parent, name)
    parent.text = text
    return parent
