"""Statements as CSV with the column names of FOCUS, the FinOps Open Cost and Usage Specification (docs/export.md).

A row for each new line of a statement, one for each new credit, and one for what is carried or rounded off, so that
BilledCost adds up to what is due, exactly. The priced thing is the logged use: its quantity is 1 and its unit price is
what reaches the payee for it, since shares and rounding are of the whole charge. What was metered stands in the
consumed columns and in `x_Quantities`.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from node.agents.statementview import AssetName, Credit, Line, Party, StatementView
from proofs.currencies import NANOS_DIGITS


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `level`: Mandatory, Conditional or Recommended as FOCUS 1.2 has it, or Custom; `says`: what stands in
    it here."""

    name: str
    level: str
    says: str


COLUMNS = (
    Column("BilledCost", "Mandatory", "what is owed for the row; a statement's rows add up to its `due`"),
    Column("BillingAccountId", "Mandatory", "the payer's key in hex"),
    Column("BillingAccountName", "Mandatory", "what the payer calls itself"),
    Column("BillingCurrency", "Mandatory", "the account's currency"),
    Column("BillingPeriodEnd", "Mandatory", "the latest ChargePeriodEnd of the statement's rows"),
    Column("BillingPeriodStart", "Mandatory", "the earliest ChargePeriodStart of them"),
    Column("ChargeCategory", "Mandatory", "Usage for a line, Credit for a credit, Adjustment for what is carried or "
           "rounded off"),
    Column("ChargeClass", "Mandatory", "Correction for the credit of a use that an earlier statement covers, or empty"),
    Column("ChargeDescription", "Mandatory", "the row in words"),
    Column("ChargePeriodEnd", "Mandatory", "the first whole second after the use's `until`, by the signer's clock"),
    Column("ChargePeriodStart", "Mandatory", "the second of the use's `from`, by the signer's clock"),
    Column("ContractedCost", "Mandatory", "as BilledCost"),
    Column("EffectiveCost", "Mandatory", "as BilledCost"),
    Column("InvoiceIssuerName", "Mandatory", "what the payee calls itself"),
    Column("ListCost", "Mandatory", "as BilledCost"),
    Column("PricingQuantity", "Mandatory", "1 for a line, else empty"),
    Column("PricingUnit", "Mandatory", "Uses for a line, else empty"),
    Column("ProviderName", "Mandatory", "what the payee calls itself"),
    Column("PublisherName", "Mandatory", "what the used asset's owner calls itself"),
    Column("ServiceCategory", "Mandatory", "AI and Machine Learning"),
    Column("ServiceName", "Mandatory", "Use of AI material"),
    Column("ChargeFrequency", "Recommended", "Usage-Based for a line, else One-Time"),
    Column("ConsumedQuantity", "Conditional", "the quantity of a use that has one unit only, else empty"),
    Column("ConsumedUnit", "Conditional", "its unit"),
    Column("ContractedUnitPrice", "Conditional", "as ListUnitPrice"),
    Column("InvoiceId", "Recommended", "the statement's reference"),
    Column("ListUnitPrice", "Conditional", "BilledCost of a line, else empty"),
    Column("PricingCategory", "Conditional", "Standard for a line, else empty"),
    Column("ResourceId", "Conditional", "the used asset's reference"),
    Column("ResourceName", "Conditional", "what its owner calls it"),
    Column("ResourceType", "Conditional", "the asset's type"),
    Column("SkuId", "Conditional", "the used asset's reference and the use"),
    Column("SkuPriceId", "Conditional", "the reference of the terms agreed to, and the use"),
    Column("x_AmountNanos", "Custom", "BilledCost in nanos, 10^-9 of the currency's unit"),
    Column("x_ChargeNanos", "Custom", "the charge for the whole use, of which BilledCost is the payee's part"),
    Column("x_CreditedUse", "Custom", "for a credit, the reference of the corrected use"),
    Column("x_Item", "Custom", "the item or items of the use, in hex"),
    Column("x_LeafRef", "Custom", "the reference of the use, or of the acceptance behind a credit"),
    Column("x_LinePosition", "Custom", "the line's place in the account, from 0: its proof is made for it"),
    Column("x_PayeeKey", "Custom", "the payee's key in hex"),
    Column("x_Quantities", "Custom", "the use's quantities, JSON by unit"),
    Column("x_Use", "Custom", "how the asset was used"),
)  # fmt: skip
"""The one table of columns; docs/export.md has the same."""

MANDATORY = tuple(column.name for column in COLUMNS if column.level == "Mandatory")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula."""
_LAST = "9999-12-31T23:59:59Z"
_NUMBERS = frozenset(
    ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost", "ListUnitPrice", "ContractedUnitPrice",
     "x_AmountNanos")
)  # fmt: skip
"""Columns that may begin with a minus sign and hold numbers of ours only."""


def decimal(nanos: int) -> str:
    """Nanos as a plain decimal of the currency's unit, exact: `-0.0000025`, `10`."""
    sign, size = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, rest = divmod(size, 10**NANOS_DIGITS)
    tail = f"{rest:0{NANOS_DIGITS}d}".rstrip("0")
    return f"{sign}{whole}{'.' + tail if tail else ''}"


def guarded(text: str) -> str:
    """A text that a spreadsheet shows as it is: an apostrophe before what would begin a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def second(ms: int, *, ceil: bool = False) -> str:
    """Unix milliseconds as ISO 8601 in UTC to the second: the one that holds it, or (`ceil`) the first one after it.
    What no calendar has becomes the calendar's last second."""
    try:
        return datetime.fromtimestamp(ms // 1000 + ceil, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return _LAST


Lines = Callable[[], Iterable[Line]]
"""The statement's new lines, from the first, each time it is called."""
Named = Callable[[int], str]
"""The full reference of an entry in text form."""
Row = dict[str, str]


def csv_head() -> str:
    """The file's first line: the columns' names. Each line ends with CR LF (RFC 4180)."""
    return _encode([column.name for column in COLUMNS])


def statement_rows(view: StatementView, *, lines: Lines, ref_of: Named) -> Iterator[str]:
    """A statement's lines of the file; a file holds those of one or several, told apart by InvoiceId."""
    start, end = _period(view, lines)
    fixed = {
        "BillingAccountId": view.payer.key.hex(),
        "BillingAccountName": view.payer.name,
        "BillingCurrency": view.account.currency,
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "InvoiceId": str(view.ref),
        "InvoiceIssuerName": _called(view.payee),
        "ProviderName": _called(view.payee),
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Use of AI material",
        "x_PayeeKey": view.payee.key.hex(),
    }
    for line in lines():
        yield _row({**fixed, **_line(view, line, ref_of)})
    for credit in view.credits:
        yield _row({**fixed, **_credit(view, credit, ref_of)})
    if view.adjustment:
        said = "Carried from earlier statements, less what is below the smallest amount that can be paid"
        more = {"ChargeCategory": "Adjustment", "ChargeDescription": said, "ChargeFrequency": "One-Time",
                "ChargePeriodStart": start, "ChargePeriodEnd": end, "PublisherName": _called(view.payee)}  # fmt: skip
        yield _row({**fixed, **more, **_cost(view.adjustment)})


def _period(view: StatementView, lines: Lines) -> tuple[str, str]:
    start, end = _LAST, ""
    times: Iterable[Line | Credit] = itertools.chain(view.credits, lines())
    for item in times:
        start = min(start, second(item.since))
        end = max(end, second(item.until, ceil=True))
    return start, end


def _called(party: Party) -> str:
    return party.name or party.key.hex()


def _cost(nanos: int) -> Row:
    cost = decimal(nanos)
    names = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
    return {**dict.fromkeys(names, cost), "x_AmountNanos": str(nanos)}


def _asset(asset: AssetName, use: str) -> Row:
    version = f"@{asset.version}" if asset.version else ""
    return {
        "PublisherName": _called(asset.owner),
        "ResourceId": str(asset.ref),
        "ResourceName": asset.name + version,
        "ResourceType": asset.type,
        "SkuId": f"{asset.ref}/{use}",
        "x_Use": use,
    }


def _line(view: StatementView, line: Line, ref_of: Named) -> Row:
    asset = view.assets[line.asset]
    metered = next(iter(line.quantities.items())) if len(line.quantities) == 1 else None
    words = ", ".join(f"{count} {unit}" for unit, count in line.quantities.items())
    return {
        **_cost(line.amount),
        **_asset(asset, line.use),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{line.use}: {words} of {asset.name}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": second(line.since),
        "ChargePeriodEnd": second(line.until, ceil=True),
        "ConsumedQuantity": str(metered[1]) if metered else "",
        "ConsumedUnit": metered[0] if metered else "",
        "ContractedUnitPrice": decimal(line.amount),
        "ListUnitPrice": decimal(line.amount),
        "PricingCategory": "Standard",
        "PricingQuantity": "1",
        "PricingUnit": "Uses",
        "SkuPriceId": f"{ref_of(line.terms)}/{line.use}",
        "x_ChargeNanos": str(line.charge),
        "x_Item": line.item.hex() if line.item else "",
        "x_LeafRef": ref_of(line.index),
        "x_LinePosition": str(line.position),
        "x_Quantities": json.dumps({unit: str(count) for unit, count in line.quantities.items()}),
    }


def _credit(view: StatementView, credit: Credit, ref_of: Named) -> Row:
    asset = view.assets[credit.asset]
    return {
        **_cost(-credit.amount),
        **_asset(asset, credit.use),
        "ChargeCategory": "Credit",
        "ChargeClass": "Correction" if credit.usage < view.previous.to else "",
        "ChargeDescription": f"Credit for a corrected use: {credit.use} of {asset.name}",
        "ChargeFrequency": "One-Time",
        "ChargePeriodStart": second(credit.since),
        "ChargePeriodEnd": second(credit.until, ceil=True),
        "x_CreditedUse": ref_of(credit.usage),
        "x_LeafRef": ref_of(credit.index),
    }


def _row(values: Row) -> str:
    cells = (values.get(column.name, "") for column in COLUMNS)
    return _encode(
        [cell if column.name in _NUMBERS else guarded(cell) for column, cell in zip(COLUMNS, cells, strict=True)]
    )


def _encode(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
