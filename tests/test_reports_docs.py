"""docs/reports.md and docs/export.md say what the files hold: their columns are the code's."""

import re
from pathlib import Path

from node.agents.focus import COLUMNS, FORMULA_STARTS, MANDATORY
from node.cli.itemspage import ITEM_COLUMNS
from proofs.fields import UNITS
from proofs.pricing import STATUSES

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = "\n## \n".join((DOCS / name).read_text(encoding="utf-8") for name in ("reports.md", "export.md"))
# FOCUS 1.2, section "Columns": feature level Mandatory.
FOCUS_MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName",
    "ServiceCategory", "ServiceName",
}  # fmt: skip


def rows(title: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    part = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.split("\n") if line.startswith("| `")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_focus_columns_are_the_code_s() -> None:
    """Name, level and words of each column, in the file's order."""
    assert rows("FOCUS") == [[f"`{column.name}`", column.level, column.says] for column in COLUMNS]


def test_every_mandatory_focus_column_is_there() -> None:
    """And our own have the prefix that FOCUS keeps for them."""
    assert set(MANDATORY) == FOCUS_MANDATORY
    assert all(column.name.startswith("x_") == (column.level == "Custom") for column in COLUMNS)
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


def test_item_columns_are_the_code_s() -> None:
    """Each column of the items file has a row, and each row a column."""
    named = re.findall(r"`([a-z_<>]+)`", " ".join(row[0] for row in rows("Items")))
    expanded: list[str] = []
    for name in named:
        many = {"quantity_<unit>": UNITS, "status_<status>": STATUSES}.get(name)
        expanded += [name] if many is None else [name.partition("<")[0] + item for item in many]
    assert tuple(expanded) == ITEM_COLUMNS


def test_what_begins_a_formula_is_said() -> None:
    """The signs that are guarded against."""
    assert all(f"`{sign}`" in PAGE for sign in FORMULA_STARTS if sign.isascii() and sign.isprintable())
