"""`usance import`: licences, sources, makers and prices from files of other formats (the work is node/imports')."""

from __future__ import annotations

import argparse
import json
import os

from ledger.signrecord import write_durably
from node.cli.common import Signing, add_key, add_node, now_ms, open_signing
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import counted, emit, right, table
from node.heads import state_folder
from node.imports.formats import FORMATS, reader_of
from node.imports.model import REFUSED, Reading
from node.imports.plan import UNCHANGED, Plan, make_plan, merge, present_descriptions
from node.imports.report import note_rows, summary, whole
from node.imports.run import open_work

EXAMPLES_SHOWN = 10


def configure_import(parser: argparse.ArgumentParser) -> None:
    """The format, the files, and what becomes of them."""
    formats = "; ".join(f"{known.name}: {known.help}" for known in FORMATS)
    parser.add_argument("format", metavar="FORMAT", help=formats)
    parser.add_argument("files", metavar="FILE", nargs="+", help="files of that format, plain or gzip")
    parser.add_argument("--dry-run", action="store_true", help="log nothing: show what would be logged, and what not")
    parser.add_argument("--report", metavar="FILE", help="write all of it as JSON: each material and each note")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_import)


def run_import(args: argparse.Namespace) -> int:
    """Read the files first, then compare with the log, then log what is missing."""
    read = reader_of(args.format)
    reading = merge([(path, read(path, place=path)) for path in args.files])
    signing = open_signing(args)
    if args.dry_run:
        plan = _plan(args, signing, reading)
        _report(args, reading, plan, logged=0, before=0)
        return _code(reading, plan)
    with open_work(state_folder(os.environ), signing.client, signing.key, now_ms=now_ms) as work:
        before = work.settle_earlier()
        plan = _plan(args, signing, reading)
        to_log = plan.to_log
        logged = 0
        if to_log:
            with progress("logging", unit="records", total=len(to_log), quiet=args.json) as bar:
                done, refused = work.log(
                    [one.record for one in to_log], [one.material.place for one in to_log], bar.update
                )
            logged = done.logged
            reading.notes += refused
    _report(args, reading, plan, logged=logged, before=before)
    return _code(reading, plan)


def _plan(args: argparse.Namespace, signing: Signing, reading: Reading) -> Plan:
    """What is new to the log, by what the key's party said before."""
    party = signing.client.key_state(signing.public).party
    present = {}
    if party is not None:
        names = {material.name for material in reading.materials}
        with progress("comparing", unit="records", quiet=args.json):
            present = present_descriptions(signing.client, party, names)
    return make_plan(reading, present)


def _code(reading: Reading, plan: Plan) -> int:
    """3 where something of the files was left out for breaking a rule; what no field can hold doesn't count."""
    return INCOMPLETE if plan.refused or any(note.reason == REFUSED for note in reading.notes) else OK


def _report(args: argparse.Namespace, reading: Reading, plan: Plan, *, logged: int, before: int) -> None:
    done = {"dry_run": bool(args.dry_run), "logged": logged, "logged_before": before}
    if args.report:
        value = {**whole(args.format, args.files, reading, plan), **done}
        write_durably(args.report, json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n")
    short = {**summary(args.format, args.files, reading, plan), **done}
    emit(short, as_json=args.json, lines=_lines(args, reading, plan, short))


def _lines(args: argparse.Namespace, reading: Reading, plan: Plan, said: dict[str, object]) -> list[str]:
    types = ", ".join(f"{counted(count, kind)}" for kind, count in said["types"].items())  # type: ignore[attr-defined]
    lines = [
        f"{reading.source or ', '.join(args.files)}: {counted(len(plan.planned), 'material')} ({types or 'none'})",
        f"  {said['new']:,} new, {said['changed']:,} changed, {said['unchanged']:,} as on the log already"
        + (f", {plan.refused:,} left out" if plan.refused else ""),
    ]
    if args.dry_run:
        shown = [
            (one.state, one.material.type, one.material.name, str(one.material.fields.get("title", "")))
            for one in plan.planned if one.state != UNCHANGED
        ]  # fmt: skip
        lines += ["nothing was logged; it would be:"] * bool(shown)
        lines += [f"  {line}" for line in table(shown[:EXAMPLES_SHOWN])]
        lines += [f"  … and {len(shown) - EXAMPLES_SHOWN:,} more"] * (len(shown) > EXAMPLES_SHOWN)
    else:
        lines.append(f"{counted(int(str(said['logged'])), 'record')} logged")
        if said["logged_before"]:
            lines.append(f"{said['logged_before']} more had been under way when an earlier import was killed")
    if reading.notes:
        rows = right([("why", "field", "times", "where", "the first of them"), *note_rows(reading.notes)], 2, 3)
        lines += ["not, or not simply, carried over:", *(f"  {line}" for line in table(rows))]
    return lines
