"""The monthly report of a publisher's items as a page, as CSV and as lines for a terminal (docs/reports.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from node.agents.focus import decimal, guarded
from node.agents.itemsview import ItemRow, ItemsView
from node.agents.page import Html, cell, claim, number, page, pairs, section, table, tag
from node.cli.statementpage import Anchor, asset_text
from node.cli.text import counted, short, show_time
from proofs.amounts import show_amount
from proofs.fields import UNITS
from proofs.pricing import STATUSES

NOT_SHOWN = (
    "uses that nobody logged",
    "uses of assets made from these, which name no item here: their shares stand in statements",
    "whether a use that names no item used all of the asset or a part",
)
ITEM_COLUMNS = (
    "month", "asset_ref", "asset_name", "item_sort", "item", "path", "items", "use", "uses", "currency", "charge",
    "share", "credited", *(f"quantity_{unit}" for unit in UNITS), *(f"status_{status}" for status in STATUSES),
)  # fmt: skip
"""The columns of the CSV file; docs/reports.md says what each holds."""
ROWS_SHOWN = 50


def items_csv(view: ItemsView) -> Iterator[str]:
    """The file's lines, the head first, each with its end (CR LF)."""
    yield _encode(ITEM_COLUMNS)
    for row in view.rows:
        asset = view.assets.get(row.asset) if isinstance(row.asset, int) else None
        cells = [
            view.month, str(asset.ref) if asset else str(row.asset), asset_text(asset) if asset else "",
            row.sort or "none", row.item.hex(), view.paths.get(row.item, ""), str(row.items or ""), row.use,
            str(row.uses), row.currency, *(decimal(nanos) for nanos in (row.charge, row.share, row.credited)),
            *(str(row.quantities.get(unit, "")) for unit in UNITS),
            *(str(row.statuses.get(status, "")) for status in STATUSES),
        ]  # fmt: skip
        yield _encode(guarded(text) for text in cells)


def _encode(cells: object) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)  # type: ignore[arg-type]
    return out.getvalue()


def _asset(view: ItemsView, row: ItemRow) -> Html:
    if isinstance(row.asset, str):
        return claim(row.asset, "by this name")
    asset = view.assets[row.asset]
    return claim(asset_text(asset), short(str(asset.ref)))


def _quantities(row: ItemRow) -> str:
    return ", ".join(f"{count:,} {unit}" for unit, count in sorted(row.quantities.items()))


def _statuses(row: ItemRow) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(row.statuses.items()))


def _money(row: ItemRow, nanos: int) -> str:
    return show_amount(nanos, row.currency) if row.currency else ""


def _period(view: ItemsView) -> str:
    since, until = show_time(view.asked.since), show_time(view.asked.until)
    return f"{since} to before {until}, by the beginning that each use names"


def items_page(view: ItemsView, anchor: Anchor) -> str:
    """The page."""
    head = (cell("Item"), cell("Asset"), cell("Use"), number("Uses"), cell("Quantities"), cell("Statuses"),
            number("Charged"), number("Share"), number("Credited since"))  # fmt: skip
    rows = (
        (cell(tag("bdi", view.item_text(row))), cell(_asset(view, row)), cell(row.use), number(f"{row.uses:,}"),
         cell(_quantities(row)), cell(_statuses(row)), number(_money(row, row.charge)), number(_money(row, row.share)),
         number(_money(row, row.credited) if row.credited else ""))
        for row in view.rows
    )  # fmt: skip
    totals = [
        (currency, f"charged {show_amount(charge, currency)}, share {show_amount(share, currency)}, "
                   f"credited since {show_amount(credited, currency)}")
        for currency, (charge, share, credited) in view.totals().items()
    ]  # fmt: skip
    return page(
        f"Uses in {view.month} of what {view.party_name or view.asked.party.hex()[:16]} owns",
        tag("h1", f"Uses in {view.month}"),
        pairs(
            [
                ("Owner", claim(view.party_name, view.asked.party.hex())),
                ("Period", _period(view)),
                *totals,
            ]
        ),
        section("Items", table("By item and use, as logged", head, rows)),
        section(
            "What this rests on",
            tag("p", f"Recomputed from the {anchor.checkpoint.size:,} entries of ",
                tag("bdi", anchor.checkpoint.origin), ", root ", tag("code", anchor.checkpoint.root.hex()), "."),
            tag("p", "Not shown:"),
            tag("ul", *(tag("li", what) for what in NOT_SHOWN)),
        ),
    )  # fmt: skip


def items_value(view: ItemsView) -> dict[str, object]:
    """As JSON; nanos and quantities as decimal strings."""
    rows = []
    for row in view.rows:
        asset = view.assets.get(row.asset) if isinstance(row.asset, int) else None
        rows.append(
            {
                "asset": str(asset.ref) if asset else row.asset, "name": asset_text(asset) if asset else None,
                "item_sort": row.sort or None, "item": row.item.hex() or None, "path": view.paths.get(row.item),
                "items": row.items or None, "use": row.use, "uses": row.uses, "currency": row.currency or None,
                "quantities": {unit: str(count) for unit, count in sorted(row.quantities.items())},
                "statuses": dict(sorted(row.statuses.items())), "charge": str(row.charge), "share": str(row.share),
                "credited": str(row.credited),
            }
        )  # fmt: skip
    totals = {
        currency: dict(zip(("charge", "share", "credited"), map(str, sums), strict=True))
        for currency, sums in view.totals().items()
    }
    return {"party": view.asked.party.hex(), "month": view.month, "items": rows, "totals": totals}


def items_lines(view: ItemsView, anchor: Anchor) -> Iterator[str]:
    """The same for a terminal."""
    yield f"uses in {view.month} of what {short(view.asked.party.hex())} {view.party_name!r} owns"
    for row in view.rows[:ROWS_SHOWN]:
        name = row.asset if isinstance(row.asset, str) else asset_text(view.assets[row.asset])
        money = f": {_money(row, row.charge)}, share {_money(row, row.share)}" if row.currency else ""
        credited = f", {_money(row, row.credited)} credited since" if row.credited else ""
        said = f"{row.use}: {counted(row.uses, 'use')}, {_quantities(row)}"
        yield f"  {short(view.item_text(row))} of {short(name)!r}, {said}"
        yield f"    {_statuses(row)}{money}{credited}"
    if len(view.rows) > ROWS_SHOWN:
        yield f"  and {len(view.rows) - ROWS_SHOWN} more; --csv, --html and --json have them"
    if not view.rows:
        yield "  none is logged"
    for currency, sums in view.totals().items():
        charge, share, given_back = (show_amount(nanos, currency) for nanos in sums)
        yield f"  together charged {charge}, share {share}, credited since {given_back}"
    yield f"  recomputed from {anchor.checkpoint.size} entries, root {anchor.checkpoint.root.hex()}"
    yield f"NOT SHOWN: {'; '.join(NOT_SHOWN)}"
