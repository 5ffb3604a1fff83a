"""`usance report`: a statement for people, and what was used of a publisher's items in a month (docs/reports.md).

For these the whole log is replayed as by `usance audit`, so no figure is the node's word. What stands behind an asset
or a model is in node/cli/modelreport.py.
"""

from __future__ import annotations

import argparse
import os
import re
from datetime import UTC, datetime
from typing import Any

from ledger.state import State
from ledger.stored import party_of
from node.agents import statementview
from node.agents.itemsview import Asked, ItemsView, ItemsWatch, view_items
from node.agents.statementview import MovementWatch, StatementView, asset_name, view_statement
from node.cli.common import add_node, open_client, party_bytes
from node.cli.files import check_file, write_parts
from node.cli.itemspage import items_csv, items_lines, items_page, items_value
from node.cli.modelreport import add_model_reports
from node.cli.outcome import OK
from node.cli.replays import open_store, replay_node
from node.cli.statementpage import Anchor, statement_lines, statement_page
from node.cli.text import emit, note_line
from node.manifests import read_manifest
from node.resolve import find_kind, need_ref, resolve
from proofs.errors import InputError, excerpt
from proofs.jsonform import to_json
from proofs.ref import unpack_ref

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)


def configure_report(parser: argparse.ArgumentParser) -> None:
    """`report statement` and `report items`, and those of node/cli/modelreport.py."""
    actions = parser.add_subparsers(
        dest="action", metavar="statement|items|licenses|art53|ab2013", required=True
    )  # fmt: skip
    statement = actions.add_parser("statement", help="one statement: by asset and use, with how to verify it")
    statement.add_argument("statement", metavar="REF", help="the statement, an index or a reference")
    _add_page(statement)
    add_node(statement)
    statement.set_defaults(run=run_statement)
    items = actions.add_parser("items", help="which items of a party's assets were used in a month")
    items.add_argument("--party", required=True, metavar="PARTY", help="whose assets: its key in hex, or a file of it")
    items.add_argument("--month", required=True, metavar="YYYY-MM", help="uses whose `from` is in this month, in UTC")
    items.add_argument("--asset", metavar="ASSET", help="of this asset only")
    items.add_argument("--manifest", metavar="FILE", help="the asset's manifest: items are shown by their paths")
    _add_page(items)
    items.add_argument("--csv", metavar="FILE", help="write the same as CSV; replaces FILE")
    add_node(items)
    items.set_defaults(run=run_items)
    add_model_reports(actions)


def _add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--html", metavar="FILE", help="write one page to read and print; replaces FILE")
    parser.set_defaults(csv=None)


def run_statement(args: argparse.Namespace) -> int:
    """Replay the log, gather the statement, write what was asked for; a figure that isn't met ends it with 1."""
    _check_files(args)
    client = open_client(args)
    ref = find_kind(client, args.statement, "statement", field="REF").ref
    store, watch = open_store(args), MovementWatch(ref)
    found = replay_node(args, client, store, watch=watch.add)
    view = view_statement(
        found.state, ref, signer=party_of(store, ref.index), leaf_at=found.leaf_at, movements=watch.of(ref)
    )
    if args.html:
        write_parts(args.html, [statement_page(view, found.anchor)])
    emit(_statement_value(view, found.anchor), as_json=args.json, lines=statement_lines(view, found.anchor))
    _say_files(args)
    return OK


def _statement_value(view: StatementView, anchor: Anchor) -> dict[str, Any]:
    """As JSON; nanos and quantities as decimal strings."""
    return {
        "ref": str(view.ref),
        "statement": to_json(view.fields),
        "payer_name": view.payer.name,
        "payee_name": view.payee.name,
        "signer": view.signer.key.hex(),
        "received": str(view.received),
        "open": str(view.open),
        "before": {"statements": view.previous.count, "to": view.previous.to,
                   "gross": str(view.previous.figures.gross), "credits": str(view.previous.figures.credits)},
        "new": [
            {"asset": str(view.assets[group.asset].ref), "name": view.assets[group.asset].name, "use": group.use,
             "uses": group.uses, "quantities": {unit: str(count) for unit, count in sorted(group.quantities.items())},
             "charge": str(group.charge), "amount": str(group.amount)}
            for group in view.groups
        ],
        "new_credits": [
            {"index": credit.index, "correction": credit.correction, "usage": credit.usage,
             "amount": str(credit.amount)} for credit in view.credits
        ],
        "free_rides": [
            {"asset": str(view.assets[ride.asset].ref), "use": ride.use, "status": ride.status,
             "reason": ride.reason or None, "uses": ride.uses} for ride in view.rides
        ],
        "movements": [
            {"index": move.index, "kind": move.kind, "amount": str(move.amount), "method": move.method,
             "reference": move.reference} for move in view.movements
        ],
        "verified": True,
        "size": anchor.checkpoint.size,
        "root": anchor.checkpoint.root.hex(),
    }  # fmt: skip


def run_items(args: argparse.Namespace) -> int:
    """Replay the log, sum up, write what was asked for."""
    _check_files(args)
    party = party_bytes(args.party, field="--party")
    since, until = month_bounds(args.month)
    manifest = read_manifest(args.manifest) if args.manifest else None
    client = open_client(args)
    asset = None
    if args.asset is not None:
        entry = resolve(client, args.asset)
        asset = unpack_ref(need_ref(entry, "--asset")).index
    asked = Asked(party, asset, since, until)
    store = open_store(args)
    watch = ItemsWatch(asked, State(store))
    found = replay_node(args, client, store, watch=watch.add)
    if found.state.party(party) is None:
        raise InputError(f"{args.party} is no party of this log", field="--party", expected="a party's first key")
    rows = watch.finish()
    shown = {row.asset for row in rows if isinstance(row.asset, int)}
    roots = _roots(found.state, shown if asset is None else shown | {asset})
    view = view_items(
        rows, asked, month=args.month, party_name=statementview.party_of(found.state, party).name,
        name_of=lambda index: asset_name(found.state, index, found.leaf_at), manifest=manifest, roots=roots,
    )  # fmt: skip
    _write_items(args, view, found.anchor)
    head = {"verified": True, "size": found.anchor.checkpoint.size, "root": found.anchor.checkpoint.root.hex()}
    emit({**items_value(view), **head}, as_json=args.json, lines=items_lines(view, found.anchor))
    _say_files(args)
    return OK


def _write_items(args: argparse.Namespace, view: ItemsView, anchor: Anchor) -> None:
    if args.csv:
        write_parts(args.csv, items_csv(view))
    if args.html:
        write_parts(args.html, [items_page(view, anchor)])


def _roots(state: State, assets: set[int]) -> dict[int, bytes]:
    """The manifest roots of those assets that have one."""
    bodies = {index: state.body(index) for index in assets}
    return {index: body["root"] for index, body in bodies.items() if "root" in body}


def month_bounds(text: str) -> tuple[int, int]:
    """The first millisecond of a month YYYY-MM in UTC, and that of the next one. Raises InputError."""
    match = _MONTH.fullmatch(text)
    if match is None or not 1970 <= int(match[1]) < 9999:
        raise InputError(f"{excerpt(text)} is no month", field="--month", expected="YYYY-MM, as 2026-11")
    year, month = int(match[1]), int(match[2])
    bounds = (datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))
    return int(bounds[0].timestamp() * 1000), int(bounds[1].timestamp() * 1000)


def _check_files(args: argparse.Namespace) -> None:
    for option in ("html", "csv"):
        if getattr(args, option):
            check_file(getattr(args, option), field=f"--{option}")
    if args.html and args.csv and os.path.realpath(args.html) == os.path.realpath(args.csv):
        raise InputError("--html and --csv name the same file", field="--csv", expected="another file")


def _say_files(args: argparse.Namespace) -> None:
    for path in (args.html, args.csv):
        if path and not args.json:
            note_line(f"wrote {path}")
