"""`usance report licenses|art53|ab2013`: what stands behind an asset or a model, from its lineage (docs/reports.md)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ledger.trace import DEPTH_MAX, MATERIALS_MAX, UP
from node.cli.common import add_node, open_client, party_bytes, read_file
from node.cli.files import check_file, joined, print_bytes, write_parts
from node.cli.lineagefetch import Fetched, Wanted, add_verify, check_bounds, fetch_lineage
from node.cli.outcome import INCOMPLETE, OK
from node.cli.text import note_line
from node.cli.usefetch import read_uses
from node.client import Client
from node.lineage.licenseclasses import FILE_BYTES_MAX, OWN, read_classes
from node.lineage.licensepage import license_lines, license_value
from node.lineage.licenses import reason
from node.printable import safe_line
from node.reports.ab2013 import report_ab2013
from node.reports.art53 import report_art53
from node.reports.document import as_value, markdown
from node.reports.materials import gather
from node.reports.uses import UseFigures
from node.resolve import resolve

MARKDOWN, JSON = "md", "json"
_WORD_OF_NODE = "the lineage is the node's word: --verify recomputes it from the whole log"
_RECOMPUTED = "the lineage was recomputed from the whole log"
_USES_OF_NODE = "the lineage and the records of uses are the node's word: --verify recomputes them from the whole log"
_USES_RECOMPUTED = "the lineage and the figures of uses were recomputed from the whole log"
_REPORTS = {"art53": report_art53, "ab2013": report_ab2013}


def add_model_reports(actions: Any) -> None:
    """`licenses`, `art53` and `ab2013` among the actions of `usance report`."""
    licenses = actions.add_parser(
        "licenses", help="which licences stand behind an asset, what they ask, along which path, and who says so"
    )
    licenses.add_argument("asset", metavar="ASSET", help="an asset or an external name")
    licenses.add_argument(
        "--classes", metavar="FILE",
        help="licence classes of your own over the built-in table: JSON, {name: [class, attribution, share-alike]}, "
        "class All, NC, Acad, Unspecified or ?, the others 0, 1 or ?",
    )  # fmt: skip
    _add_lineage(licenses)
    licenses.set_defaults(run=run_licenses)
    for name, what in (
        (
            "art53",
            "the public summary of training content of the EU AI Act, Art. 53(1)(d), by the AI Office's template",
        ),
        ("ab2013", "the training data documentation of California's AB 2013 (Civil Code 3111)"),
    ):
        parser = actions.add_parser(name, help=f"{what}, as far as the log has it; the rest is printed as missing")
        parser.add_argument("asset", metavar="MODEL", help="an asset of type model, or an external name of one")
        parser.add_argument("--format", choices=(MARKDOWN, JSON), default=MARKDOWN, help="default: md, Markdown")
        parser.add_argument(
            "--curator", action="append", metavar="PARTY",
            help="beside owners' and the provider's words only this party's count: its key in hex, or a file of it; "
            "repeatable",
        )  # fmt: skip
        _add_lineage(parser)
        parser.set_defaults(run=run_model_report, report=name)


def _add_lineage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--depth", type=int, default=DEPTH_MAX, metavar="N", help="at most N steps up (default: all)")
    parser.add_argument(
        "--limit", type=int, default=MATERIALS_MAX, metavar="N",
        help=f"at most N materials (default and most: {MATERIALS_MAX})",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", help="write it here; replaces FILE (default: print it)")
    add_verify(parser)
    add_node(parser)


def _fetch(args: argparse.Namespace) -> tuple[Client, Fetched]:
    check_bounds(depth=args.depth, limit=args.limit)
    if args.output:
        check_file(args.output, field="--output")
    client = open_client(args)
    found = resolve(client, args.asset)
    return client, fetch_lineage(args, client, found, Wanted(UP, args.depth, 0, args.limit))


def run_licenses(args: argparse.Namespace) -> int:
    """Ask or replay, reason, show. 3 where the lineage isn't whole."""
    classes = OWN
    if args.classes:
        data = read_file(args.classes, bytes_max=FILE_BYTES_MAX, what="the classes")
        classes = read_classes(data, args.classes)
    _, fetched = _fetch(args)
    found = reason(fetched.graph, classes)
    lines = (*license_lines(found), _RECOMPUTED if fetched.is_verified else _WORD_OF_NODE)
    value = {**license_value(found), "verified": fetched.is_verified}
    return _put(args, fetched.graph.truncated, value, lines, as_json=args.json)


def run_model_report(args: argparse.Namespace) -> int:
    """Ask or replay, fill in the template, show. 3 where the lineage isn't whole, or not all records were read."""
    curators = None
    if args.curator:
        curators = tuple(dict.fromkeys(party_bytes(one, field="--curator").hex() for one in args.curator))
    client, fetched = _fetch(args)
    training = gather(fetched.graph, curators)
    uses = UseFigures(training)
    read_uses(args, client, fetched, uses)
    report = _REPORTS[args.report](fetched.graph, training, uses)
    standing = _USES_RECOMPUTED if fetched.is_verified else _USES_OF_NODE
    lines = (*markdown(report), "", f"As of {report.size:,} entries of the log: {standing}.")
    value = {**as_value(report), "verified": fetched.is_verified}
    return _put(args, report.left_out, value, lines, as_json=args.json or args.format == JSON)


def _put(
    args: argparse.Namespace, left_out: Sequence[str], value: dict[str, Any], lines: Iterable[str], *, as_json: bool
) -> int:
    text = [json.dumps(value, indent=2), "\n"] if as_json else (f"{safe_line(line)}\n" for line in lines)
    if args.output:
        write_parts(args.output, text)
        note_line(f"wrote {args.output}")
    else:
        print_bytes(joined(text, what="the report"))
    for one in left_out:
        note_line(f"not all of it: {one}")
    return INCOMPLETE if left_out else OK
