"""`usance node fsck` and `usance node migrate`: on the folder of a node that stands still (docs/operations.md)."""

from __future__ import annotations

import argparse
import types
from typing import Any

from node.cli.common import add_output
from node.cli.outcome import FAILED, OK
from node.cli.progress import steps
from node.cli.text import counted, emit
from proofs.errors import FatalError


def configure_fsck(actions: Any) -> None:
    """The folder, and whether to repair."""
    fsck = actions.add_parser(
        "fsck", help="recompute every hash, index and derived value from the entries; name the first difference"
    )
    fsck.add_argument("folder", metavar="DIR", help="the folder of a node that stands still")
    fsck.add_argument(
        "--repair", action="store_true",
        help="where a row differs, make a new database from the entries, if these hash to what was signed; entries and "
        "the sign record are never changed",
    )  # fmt: skip
    _add_delete_old(fsck, "db.old")
    add_output(fsck)
    fsck.set_defaults(run=run_fsck)


def configure_migrate(actions: Any) -> None:
    """The folder, and whether to keep the old database."""
    migrate = actions.add_parser("migrate", help="make a database of an older version of this program one of this")
    migrate.add_argument("folder", metavar="DIR", help="the folder of a node that stands still")
    _add_delete_old(migrate, "db.v<version>")
    add_output(migrate)
    migrate.set_defaults(run=run_migrate)


def _add_delete_old(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        "--delete-old", action="store_true",
        help=f"delete the database that was replaced (default: keep it beside the new one, as {name})",
    )  # fmt: skip


def _module() -> types.ModuleType:
    try:
        from node import fsck
    except ImportError as error:
        raise FatalError(
            f"a node's folder needs the package {error.name}: install the node extra (pip install 'usance[node]')"
        ) from None
    return fsck


def run_fsck(args: argparse.Namespace) -> int:
    """Check, perhaps repair; 1 where something is wrong still."""
    report = _module().fsck(
        args.folder, repair=args.repair, delete_old=args.delete_old, show=steps(quiet=args.json)
    )  # fmt: skip
    checked = report.checked
    verdict = "good" if not report.findings else "different" if report.open else "repaired"
    value = {
        "verdict": verdict,
        "size": checked.size,
        "root": checked.root.hex(),
        "batches": checked.batches,
        "rows": checked.rows,
        "conflicts": checked.conflicts,
        "findings": [{"where": one.where, "entry": one.leaf, "detail": one.detail} for one in report.findings],
        "can_repair": bool(checked.findings) and checked.can_rebuild and not report.is_repaired,
        "repaired": report.is_repaired,
        "kept": report.kept or None,
        "remarks": report.remarks,
    }
    emit(value, as_json=args.json, lines=_lines(args.folder, report))
    return FAILED if report.open else OK


def _lines(folder: str, report: Any) -> list[str]:
    checked = report.checked
    lines = []
    if not report.findings:
        lines.append(f"{folder}: GOOD: {counted(checked.size, 'record')} in batches: {checked.batches:,}")
        lines.append(f"  root {checked.root.hex()}, which goes on from what was signed last")
        lines.append(f"  every hash, signature and rule holds; {checked.rows:,} derived rows are as recomputed")
    for at, finding in enumerate(report.findings):
        leaf = f", entry {finding.leaf}" if finding.leaf is not None and finding.where != "entries" else ""
        lines.append(f"{f'{folder}: DIFFERENT: ' if not at else '  also: '}{finding.where}{leaf}: {finding.detail}")
    if report.is_repaired:
        lines.append(f"REPAIRED: a new database of {counted(checked.size, 'record')} was made from the entries")
        if report.kept:
            lines.append(f"  the damaged one is kept as {report.kept}")
    elif checked.findings and checked.can_rebuild:
        lines.append(
            f"{counted(checked.size, 'record')} are whole, with all that was ever acknowledged: `usance node fsck "
            f"{folder} --repair` makes a new database from them"
        )
    elif checked.findings and not report.is_signed_known:
        lines.append(
            "NOT TO BE REPAIRED yet: what was signed last isn't known, so whether all of it is here can't be told; put "
            "sign-record.json right first, and log.vkey, which it is read with, then run this again"
        )
    elif checked.findings:
        lines.append(
            "NOT TO BE REPAIRED from what is here: the entries don't hash to what was signed. Restore a backup with "
            "`usance node restore`, or put back a copy of the database that is as new as the sign record"
        )
    return lines + [f"remark: {remark}" for remark in report.remarks]


def run_migrate(args: argparse.Namespace) -> int:
    """Make the new database and put it in place."""
    found = _module().migrate(args.folder, delete_old=args.delete_old, show=steps(quiet=args.json))
    from ledger.append import STORE_VERSION

    value = {
        "from_version": found.old_version,
        "to_version": STORE_VERSION,
        "size": found.size,
        "root": found.root.hex(),
        "kept": found.kept or None,
        "remarks": found.remarks,
    }
    if found.old_version == STORE_VERSION:
        lines = [f"nothing to do: the database has store version {STORE_VERSION}, which this program writes"]
    else:
        lines = [
            f"migrated {counted(found.size, 'record')} from store version {found.old_version} to {STORE_VERSION}; root "
            f"{found.root.hex()}"
        ]
        if found.kept:
            lines.append(f"  the old database is kept as {found.kept}: delete it once the node runs well")
    emit(value, as_json=args.json, lines=lines + [f"remark: {remark}" for remark in found.remarks])
    return OK
