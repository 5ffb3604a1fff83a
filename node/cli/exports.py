"""`usance export`: a log, its statements, its assets and their lineage in formats of others (docs/export.md).

Figures come from the whole log replayed as by `usance audit`; terms and assets from verified entries. What a format
can't say is listed, so that nobody takes a file for the whole.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ledger.accounts import account_row, accounts_of, statement_row
from ledger.signrecord import write_durably
from ledger.stored import party_of as signer_of
from ledger.trace import DEPTH_MAX
from node.agents import statementview
from node.agents.focus import csv_head, statement_rows
from node.agents.statementview import MovementWatch, StatementView, asset_name, view_statement
from node.cli.common import add_node, now_ms, open_client, party_bytes
from node.cli.files import check_file, joined, print_bytes
from node.cli.lineagefetch import LIMIT, Fetched, Wanted, add_verify, check_bounds, fetch_lineage
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.replays import Replayed, open_store, replay_node
from node.cli.text import MS_MAX, counted, emit, note_line, parse_time
from node.client import Client
from node.exports.model import Exported
from node.imports.model import NOT_CARRIED, Note
from node.manifests import read_manifest
from node.resolve import find_kind, resolve
from proofs.amounts import show_amount
from proofs.errors import InputError
from proofs.merkle import HASH_BYTES
from proofs.ref import Ref

PARQUET, FOCUS, DSR, RSL, CROISSANT, PROV, OPENLINEAGE = (
    "parquet", "focus", "dsr", "rsl", "croissant", "prov", "openlineage"
)  # fmt: skip
FORMATS = (PARQUET, FOCUS, DSR, RSL, CROISSANT, PROV, OPENLINEAGE)
STATEMENTS_MAX = 10_000
NOTES_SHOWN = 50


def configure_export(parser: argparse.ArgumentParser) -> None:
    """One action a format."""
    actions = parser.add_subparsers(dest="action", metavar="|".join(FORMATS), required=True)

    def add(name: str, summary: str, example: str, run: Callable[[argparse.Namespace], int]) -> Any:
        action = actions.add_parser(name, help=summary, description=summary, epilog=f"example:\n  {example}")
        action.set_defaults(run=run)
        if name != PARQUET:
            action.add_argument(
                "-o", "--output", metavar="FILE", help="write it here; replaces FILE (default: print it)"
            )
        return action

    parquet = add(PARQUET, "the whole log as tables, for analysis: records, lines, credits, parties, assets, edges",
                  "usance export parquet ./log-parquet", run_parquet)  # fmt: skip
    parquet.add_argument("folder", metavar="DIR", help="a folder that isn't there yet, or an empty one")
    focus = add(FOCUS, "lines of statements as CSV, with the column names of FOCUS",
                "usance export focus 1250 -o statement.csv", run_focus)  # fmt: skip
    focus.add_argument("statements", metavar="STATEMENT", nargs="*", help="statements, each an index or a reference")
    focus.add_argument("--payer", metavar="PARTY", help="instead: all statements of what this party owes")
    focus.add_argument("--payee", metavar="PARTY", help="instead: all statements of what this party is owed")
    dsr = add(DSR, "what was used of a party's material, and what it came to: tab-separated, in the style of DDEX DSR",
              "usance export dsr --party press.key --since 2026-11-01 --until 2026-12-01 -o november.tsv",
              run_dsr)  # fmt: skip
    dsr.add_argument("--party", required=True, metavar="PARTY", help="whose material: its key in hex, or a file of it")
    dsr.add_argument("--payer", metavar="PARTY", help="uses by this party only")
    dsr.add_argument("--since", metavar="TIME", help="uses whose `from` is at or after this time")
    dsr.add_argument("--until", metavar="TIME", help="uses whose `from` is before this time")
    rsl = add(RSL, "licence terms of an asset as RSL 1.0 XML", "usance export rsl corpus -o corpus.rsl.xml", run_rsl)
    croissant = add(CROISSANT, "an asset as Croissant JSON-LD, with its terms as usage information",
                    "usance export croissant corpus --manifest corpus.manifest -o corpus.croissant.json",
                    run_croissant)  # fmt: skip
    croissant.add_argument("--manifest", metavar="FILE", help="the asset's manifest: its files are listed")
    prov = add(
        PROV, "the lineage of an asset as W3C PROV-JSON", "usance export prov corpus -o corpus.prov.json", run_prov
    )
    events = add(OPENLINEAGE, "the lineage of an asset as OpenLineage events, one JSON object a line",
                 "usance export openlineage corpus -o corpus.openlineage.jsonl", run_openlineage)  # fmt: skip
    for action in (rsl, croissant, prov, events):
        action.add_argument("asset", metavar="ASSET", help="an asset or a description, or an external name")
    for action in (prov, events):
        action.add_argument("--depth", type=int, default=DEPTH_MAX, metavar="N", help="at most N steps (default: all)")
        action.add_argument("--limit", type=int, default=LIMIT, metavar="N",
                            help=f"at most N materials (default: {LIMIT})")  # fmt: skip
        add_verify(action)
    for action in (parquet, focus, dsr, rsl, croissant, prov, events):
        add_node(action)


def _check(args: argparse.Namespace) -> None:
    """What can be known before the work."""
    if args.json and args.output is None:
        raise InputError("--json prints a summary, so the file needs a place", field="-o", expected="-o FILE")
    if args.output is not None:
        check_file(args.output, field="-o")


def _finish(
    args: argparse.Namespace, data: bytes, *, said: dict[str, Any], lines: Iterable[str], notes: Iterable[Note] = ()
) -> int:
    """Write or print the file; say what it holds and what it doesn't."""
    kept = list(notes)
    shown = [f"{_where(note.place)}{note.field}: {note.reason}: {note.detail}" for note in kept[:NOTES_SHOWN]]
    if len(kept) > NOTES_SHOWN:
        shown.append(f"and {len(kept) - NOTES_SHOWN} more; --json lists them")
    if args.output is None:
        for line in shown:
            note_line(line)
        print_bytes(data)
        return OK
    write_durably(args.output, data)
    value = {"format": args.action, "file": args.output, "bytes": len(data), **said,
             "notes": [asdict(note) for note in kept]}  # fmt: skip
    emit(value, as_json=args.json, lines=[f"{args.output}: {counted(len(data), 'byte')}", *lines])
    if not args.json:
        for line in shown:
            note_line(line)
    return OK


def _where(place: str) -> str:
    """A note's place for a person: of a reference the index alone, for the summary has it whole."""
    index, colon, digest = place.partition(":")
    short = index if colon and index.isdigit() and len(digest) == 2 * HASH_BYTES else place
    return f"{short} " if short else ""


def _anchored(found: Replayed) -> dict[str, Any]:
    checkpoint = found.anchor.checkpoint
    return {"log": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "verified": True}


def _anchor_line(found: Replayed) -> str:
    checkpoint = found.anchor.checkpoint
    return f"  recomputed from {checkpoint.size:,} entries, root {checkpoint.root.hex()}"


# Parquet


def run_parquet(args: argparse.Namespace) -> int:
    """Replay the log, then write the tables."""
    try:
        parquet = importlib.import_module("node.exports.parquet")
    except ImportError as error:
        raise InputError(
            f"Parquet files need pyarrow, which can't be imported ({error})", expected="pip install 'usance[analysis]'"
        ) from None
    from node.exports.tables import Tables

    parquet.check_folder(args.folder)
    found = replay_node(args, open_client(args), open_store(args))
    checkpoint = found.anchor.checkpoint
    tables = Tables(found.state, leaf_at=found.leaf_at, size=checkpoint.size)
    said = {"origin": checkpoint.origin, "size": str(checkpoint.size), "root": checkpoint.root.hex()}
    with progress("writing", unit="rows", quiet=args.json) as bar:
        written = parquet.write_tables(args.folder, tables, said=said, progress=bar.update)
    value = {"format": PARQUET, "folder": args.folder, **_anchored(found),
             "tables": {file.table: {"rows": file.rows, "bytes": file.bytes} for file in written}}  # fmt: skip
    lines = [f"  {file.table}.parquet: {counted(file.rows, 'row')}, {file.bytes:,} bytes" for file in written]
    emit(value, as_json=args.json, lines=[f"{args.folder}: {len(written)} tables", *lines, _anchor_line(found)])
    return OK


# FOCUS


def run_focus(args: argparse.Namespace) -> int:
    """Replay the log, gather the statements, hold each against its own figures, write their rows."""
    _check(args)
    payer, payee = _parties(args, "payer", "payee")
    if bool(args.statements) == (payer is not None or payee is not None):
        raise InputError("name statements, or --payer, --payee or both", field="STATEMENT", expected="one of the two")
    client = open_client(args)
    asked = [find_kind(client, text, "statement", field="STATEMENT").ref for text in args.statements]
    watch = MovementWatch(asked[0] if len(asked) == 1 else None)
    found = replay_node(args, client, open_store(args), watch=watch.add)
    refs = asked or list(_statements(found, payer, payee))
    due: dict[str, int] = {}
    rows = 0

    def parts() -> Iterator[str]:
        nonlocal rows
        yield csv_head()
        for ref in refs:
            view = view_statement(
                found.state, ref, signer=signer_of(found.state.view, ref.index), leaf_at=found.leaf_at,
                movements=watch.of(ref),
            )  # fmt: skip
            due[view.account.currency] = due.get(view.account.currency, 0) + view.due
            for row in _rows(found, view):
                rows += 1
                yield row

    data = joined(parts(), what="the file")
    said = {"statements": [str(ref) for ref in refs], "rows": rows,
            "due": {currency: str(nanos) for currency, nanos in sorted(due.items())}, **_anchored(found)}  # fmt: skip
    sums = ", ".join(show_amount(nanos, currency) for currency, nanos in sorted(due.items()))
    head = f"  {counted(len(refs), 'statement')}, {counted(rows, 'row')}" + (f", due {sums}" if sums else "")
    return _finish(args, data, said=said, lines=[head, _anchor_line(found)])


def _rows(found: Replayed, view: StatementView) -> Iterator[str]:
    def lines() -> Iterator[statementview.Line]:
        return statementview.iterate_lines(found.state, view.account, view.ref.index)

    return statement_rows(view, lines=lines, ref_of=lambda index: str(Ref(index, found.leaf_at(index))))


def _statements(found: Replayed, payer: bytes | None, payee: bytes | None) -> Iterator[Ref]:
    """All statements of the accounts asked for, each account's from its first. Raises InputError where there are too
    many for one file."""
    count = 0
    for account in accounts_of(found.state, payer if payer is not None else payee):
        if (payer is not None and account.payer != payer) or (payee is not None and account.payee != payee):
            continue
        indices = []
        index = account_row(found.state, account).statement
        while index:
            indices.append(index)
            row = statement_row(found.state, index)
            index = 0 if row is None else row.previous
            count += 1
            if count > STATEMENTS_MAX:
                raise InputError(
                    f"more than {STATEMENTS_MAX} statements", expected="--payer and --payee, or their names"
                )
        yield from (Ref(index, found.leaf_at(index)) for index in reversed(indices))


# DSR


def run_dsr(args: argparse.Namespace) -> int:
    """Replay the log, sum up, write the report."""
    from node.exports.dsr import Asked, Report, dsr_lines, gather

    _check(args)
    party, payer = _parties(args, "party", "payer")
    since = 0 if args.since is None else parse_time(args.since, field="--since")
    until = MS_MAX if args.until is None else parse_time(args.until, field="--until")
    if until <= since:
        raise InputError("--until is not after --since", field="--until", expected="a later time")
    if party is None or party == payer:
        raise InputError("a party pays nobody for its own use", field="--payer", expected="another party")
    found = replay_node(args, open_client(args), open_store(args))
    state, checkpoint = found.state, found.anchor.checkpoint
    for key, option in ((party, "--party"), (payer, "--payer")):
        if key is not None and state.party(key) is None:
            raise InputError(f"{key.hex()} is no party of this log", field=option, expected="a party's first key")
    asked = Asked(party, payer, since, until)
    report = Report(
        origin=checkpoint.origin, root=checkpoint.root, size=checkpoint.size, created_ms=now_ms(), asked=asked,
        recipient=statementview.party_of(state, party),
        sender=None if payer is None else statementview.party_of(state, payer),
        rows=gather(state, asked, size=checkpoint.size),
        name_of=lambda index: asset_name(state, index, found.leaf_at),
        party_of=lambda key: statementview.party_of(state, key),
    )  # fmt: skip
    data = joined(dsr_lines(report), what="the report")
    totals = {
        currency: dict(zip(("charge", "amount", "credited"), map(str, sums), strict=True))
        for currency, sums in report.totals().items()
    }
    said = {"message_id": report.message_id, "rows": len(report.rows), "totals": totals, **_anchored(found)}
    lines = [f"  {counted(len(report.rows), 'row')}"]
    for currency, sums in report.totals().items():
        charge, amount, credited = (show_amount(nanos, currency) for nanos in sums)
        lines.append(f"  charged {charge}, of it for the party {amount}, credited since {credited}")
    return _finish(args, data, said=said, lines=[*lines, _anchor_line(found)])


def _parties(args: argparse.Namespace, *options: str) -> list[bytes | None]:
    given = [(getattr(args, option), f"--{option}") for option in options]
    return [None if text is None else party_bytes(text, field=option) for text, option in given]


# RSL and Croissant


def run_rsl(args: argparse.Namespace) -> int:
    """Find the asset and its terms, write them."""
    from node.exports.rsl import export_rsl

    return _material(args, export_rsl)


def run_croissant(args: argparse.Namespace) -> int:
    """Find the asset, its terms and files, write them."""
    from node.exports.croissant import export_croissant

    return _material(args, export_croissant, manifest=args.manifest)


def _material(args: argparse.Namespace, write: Callable[..., Exported], *, manifest: str | None = None) -> int:
    from node.exports.material import find_material

    _check(args)
    files = read_manifest(manifest) if manifest else None
    material = find_material(open_client(args), args.asset, manifest=files)
    made = write(material)
    said = {"name": material.name, "ref": material.ref, "terms": material.terms_ref}
    return _finish(args, made.data, said=said, lines=[f"  {material.name} {material.ref}"], notes=made.notes)


# PROV and OpenLineage


def run_prov(args: argparse.Namespace) -> int:
    """The lineage as one document, indented; as `usance trace --format prov-json` draws it. 3 where it was cut."""
    from node.lineage.prov import prov_json

    client, fetched = _lineage(args)
    document = prov_json(fetched.graph, origin=client.signer().name)
    return _finish_lineage(args, fetched, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def run_openlineage(args: argparse.Namespace) -> int:
    """The lineage as events, one a line. 3 where it was cut."""
    from node.lineage.openlineage import openlineage_events

    client, fetched = _lineage(args)
    events = openlineage_events(fetched.graph, origin=client.signer().name, time_ms=now_ms())
    return _finish_lineage(args, fetched, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))


def _lineage(args: argparse.Namespace) -> tuple[Client, Fetched]:
    _check(args)
    check_bounds(depth=args.depth, limit=args.limit)
    client = open_client(args)
    return client, fetch_lineage(args, client, resolve(client, args.asset), Wanted(depth=args.depth, limit=args.limit))


def _finish_lineage(args: argparse.Namespace, fetched: Fetched, text: str) -> int:
    graph = fetched.graph
    notes = [Note("", "lineage", "", NOT_CARRIED, text) for text in graph.truncated]
    said = {"root": graph.root, "size": graph.size, "verified": fetched.is_verified, "materials": len(graph.nodes),
            "edges": len(graph.edges)}  # fmt: skip
    word = "recomputed from the whole log" if fetched.is_verified else "the node's word: --verify recomputes it"
    head = f"  {counted(len(graph.nodes), 'material')}, {counted(len(graph.edges), 'edge')}; {word}"
    _finish(args, joined([text], what="the file"), said=said, lines=[head], notes=notes)
    return INCOMPLETE if notes else OK
