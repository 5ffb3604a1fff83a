"""`usance submit`: many records from a file (the work is node/submit.py's)."""

from __future__ import annotations

import argparse

from node.cli.common import add_key, add_node, now_ms, open_signing
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import counted, emit
from node.submit import BATCH_RECORDS, REQUEST_BATCHES, LineError, Options, Submission, Summary, open_locked
from proofs.errors import InputError


def configure_submit(parser: argparse.ArgumentParser) -> None:
    """The file and how it goes out."""
    parser.add_argument(
        "file", metavar="FILE",
        help='one JSON object a line, as {"kind": "usage", "asset": "INDEX:HEX", "use": "train", "quantities": '
        '{"token": "5"}, "from": MS, "until": MS}; `at` is now where it is missing',
    )  # fmt: skip
    parser.add_argument(
        "--batch", type=int, metavar="N", default=BATCH_RECORDS,
        help=f"records under one signature (default: {BATCH_RECORDS})",
    )  # fmt: skip
    parser.add_argument(
        "--pipeline", type=int, metavar="N", default=REQUEST_BATCHES,
        help=f"batches in one request (default: {REQUEST_BATCHES})",
    )  # fmt: skip
    parser.add_argument(
        "--skip-bad", action="store_true",
        help="log the rest where a line is bad; bad ones go to FILE.rejected, and the exit code is 3",
    )  # fmt: skip
    parser.add_argument("--check", action="store_true", help="only check the lines, and log nothing")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_submit)


def run_submit(args: argparse.Namespace) -> int:
    """Check all lines first, then log them."""
    signing = open_signing(args)
    options = Options(batch_records=args.batch, request_batches=args.pipeline, skip_bad=args.skip_bad)
    with open_locked(args.file) as file:
        try:
            submission = Submission(args.file, file, signing.client, signing.key, options, now_ms=now_ms)
            with progress("checking", unit="lines", quiet=args.json) as bar:
                lines = submission.check(bar.update)
            if args.check:
                emit(
                    {"file": args.file, "lines": lines, "logged": 0},
                    as_json=args.json,
                    lines=[f"{counted(lines, 'line')}, good"],
                )
                return OK
            with progress("logging", unit="lines", total=lines, quiet=args.json) as bar:
                summary = submission.run(bar.update)
        except LineError as error:
            raise InputError(
                f"{args.file}, line {error.line}: {error.detail}", field=error.field, expected=error.expected
            ) from None
    return _report(args, summary)


def _report(args: argparse.Namespace, summary: Summary) -> int:
    statuses = dict(sorted(summary.statuses.items()))
    lines = [f"{counted(summary.logged, 'record')} logged" + (f" ({_counts(statuses)})" if statuses else "")]
    if summary.before:
        lines.append(f"{summary.before} were logged by earlier runs, as {args.file}.progress says, and not again")
    if summary.rejected:
        lines.append(f"{counted(summary.rejected, 'line')} rejected, with reasons in {args.file}.rejected")
    emit(
        {"file": args.file, "logged": summary.logged, "before": summary.before, "rejected": summary.rejected,
         "statuses": statuses},
        as_json=args.json, lines=lines,
    )  # fmt: skip
    return INCOMPLETE if summary.rejected else OK


def _counts(statuses: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in statuses.items())
