"""`usance import`: licences, sources, makers and prices from files of other formats (the work is node/imports')."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from node.cli.common import Signing, add_key, add_node, now_ms, open_signing
from node.cli.files import check_file, write_parts
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import counted, emit, right, table
from node.heads import state_folder
from node.imports.formats import FORMATS, reader_of
from node.imports.model import REFUSED, Reading
from node.imports.plan import UNCHANGED, Plan, make_plan, merge, present_descriptions
from node.imports.publishing import records_to_publish
from node.imports.report import note_rows, summary, whole
from node.imports.run import open_work
from node.imports.termsfiles import TermsFile, make_files, write_files
from proofs.errors import InputError

EXAMPLES_SHOWN = 10


def configure_import(parser: argparse.ArgumentParser) -> None:
    """The format, the files, and what becomes of them."""
    formats = "; ".join(f"{known.name}: {known.help}" for known in FORMATS)
    parser.add_argument("format", metavar="FORMAT", help=formats)
    parser.add_argument("files", metavar="FILE", nargs="+", help="files of that format, plain or gzip")
    parser.add_argument("--base", metavar="URL", help="rsl: the site that paths in the file (`/articles/`) belong to")
    parser.add_argument(
        "--name", help="hfcard: ORG/NAME, cawg: the work's external name, where the file doesn't say it (one FILE only)"
    )
    parser.add_argument(
        "--dry-run", action="store_true",
        help="log nothing: show what would be logged, and what not; without a node, as if nothing were on the log",
    )  # fmt: skip
    parser.add_argument(
        "--terms-dir", metavar="DIR", help="write the terms that the files state here, a file for each material's owner"
    )
    parser.add_argument(
        "--publish-terms", action="store_true",
        help="and log them as terms of those assets of the key's party that claim the material's name and have none",
    )  # fmt: skip
    parser.add_argument(
        "--replace-terms", action="store_true",
        help="with --publish-terms: also of those that have other terms in force, which these replace whole",
    )  # fmt: skip
    parser.add_argument("--report", metavar="FILE", help="write all of it as JSON: each material and each note")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_import)


def run_import(args: argparse.Namespace) -> int:
    """Read the files first, then compare with the log, then log what is missing."""
    if args.report:
        check_file(args.report, field="--report")
    if args.name is not None and len(args.files) > 1:
        raise InputError(f"one name for {len(args.files)} files", field="--name", expected="one FILE")
    if args.replace_terms and not args.publish_terms:
        raise InputError("it replaces nothing alone", field="--replace-terms", expected="--publish-terms beside it")
    read = reader_of(args.format, base=args.base, name=args.name)
    reading = merge([(path, read(path, place=path)) for path in args.files])
    terms = make_files(reading)
    if args.dry_run:
        plan, publish = _plan(args, _signing_if_named(args), reading, terms)
        return _report(args, reading, plan, {"terms": len(terms), "terms_to_publish": len(publish)})
    signing = open_signing(args)
    with open_work(state_folder(os.environ), signing.client, signing.key, now_ms=now_ms) as work:
        before = work.settle_earlier()
        plan, publish = _plan(args, signing, reading, terms)
        records = [(one.record, one.material.place) for one in plan.to_log]
        records += [(record, file.draft.place) for file, record in publish]
        logged = 0
        if records:
            with progress("logging", unit="records", total=len(records), quiet=args.json) as bar:
                done, refused = work.log([record for record, _ in records], [place for _, place in records], bar.update)
            logged = done.logged
            reading.notes += refused
    written = write_files(args.terms_dir, terms, reading) if args.terms_dir and terms else 0
    return _report(args, reading, plan, {
        "terms": len(terms), "terms_written": written, "terms_to_publish": len(publish), "logged": logged,
        "logged_before": before,
    })  # fmt: skip


def _signing_if_named(args: argparse.Namespace) -> Signing | None:
    """A dry run needs no node; without one it compares with nothing."""
    return open_signing(args) if args.node or os.environ.get("USANCE_NODE") else None


def _plan(
    args: argparse.Namespace, signing: Signing | None, reading: Reading, terms: list[TermsFile]
) -> tuple[Plan, list[tuple[TermsFile, dict[str, Any]]]]:
    """What is new to the log, by what the key's party said before; and the terms that it may publish."""
    party = signing.client.key_state(signing.public).party if signing else None
    if signing is None or party is None:
        return make_plan(reading, {}), []
    names = {material.name for material in reading.materials}
    plan = make_plan(reading, present_descriptions(signing.client, party, names) if names else {})
    if not args.publish_terms or not terms:
        return plan, []
    return plan, records_to_publish(signing.client, party, terms, reading, is_replacing=args.replace_terms)


def _code(reading: Reading, plan: Plan) -> int:
    """3 where something of the files was left out for breaking a rule; what no field can hold doesn't count."""
    return INCOMPLETE if plan.refused or any(note.reason == REFUSED for note in reading.notes) else OK


def _report(args: argparse.Namespace, reading: Reading, plan: Plan, done: dict[str, int]) -> int:
    more = {"dry_run": bool(args.dry_run), **done}
    if args.report:
        value = {**whole(args.format, args.files, reading, plan), **more}
        write_parts(args.report, json.JSONEncoder(ensure_ascii=True, indent=1).iterencode(value))
    short = {**summary(args.format, args.files, reading, plan), **more}
    emit(short, as_json=args.json, lines=_lines(args, reading, plan, short))
    return _code(reading, plan)


def _lines(args: argparse.Namespace, reading: Reading, plan: Plan, said: dict[str, Any]) -> list[str]:
    types = ", ".join(f"{counted(count, kind)}" for kind, count in said["types"].items())
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
        lines.append(f"{counted(said['logged'], 'record')} logged")
        if said["logged_before"]:
            lines.append(f"{said['logged_before']:,} more had been under way when an earlier import was killed")
    lines += _terms_lines(args, said)
    if reading.notes:
        rows = right([("why", "field", "times", "where", "the first of them"), *note_rows(reading.notes)], 2, 3)
        lines += ["not, or not simply, carried over:", *(f"  {line}" for line in table(rows))]
    return lines


def _terms_lines(args: argparse.Namespace, said: dict[str, Any]) -> list[str]:
    if not said["terms"]:
        return []
    lines = [f"terms are stated for {counted(said['terms'], 'material')}"]
    if not args.terms_dir:
        lines[0] += ": --terms-dir DIR writes them as files for the owners"
    elif not args.dry_run:
        lines[0] += f": {counted(said['terms_written'], 'new file')} in {args.terms_dir}"
    if args.publish_terms:
        lines.append(f"  {counted(said['terms_to_publish'], 'asset')} of the key's party get new terms by them")
    return lines
