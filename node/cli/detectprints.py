"""`usance detect prints`, and the part of `usance asset --prints` that makes them (docs/prints.md)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from node.cli.common import add_output, need_detect
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import emit, note_line
from proofs.errors import InputError

if TYPE_CHECKING:
    from node.detect.printfile import Made

CODES_MAX = 10_000
"""Items whose ISCC is shown."""


SUMMARY = "make a print set: the prints of files, folders or rows, to keep, to compare or to register"
EXAMPLES = """examples:
  usance detect prints ./corpus -o corpus.prints
  usance detect prints answers.jsonl.gz --column output --prompt instruction -o answers.prints
  cat outputs.txt | usance detect prints -"""


def configure_prints(action: argparse.ArgumentParser) -> None:
    """What is read, and where the print set goes."""
    action.description, action.epilog = SUMMARY, EXAMPLES
    action.add_argument("paths", metavar="PATH", nargs="+", help="files or folders; - reads standard input")
    add_columns(action)
    action.add_argument("--exclude", metavar="PATTERN", action="append", default=[], help="leave these files out")
    action.add_argument("-o", "--output", metavar="FILE", help="write the print set; without it only its root is shown")
    action.add_argument("--iscc", action="store_true", help=f"show the ISCC of each text, of {CODES_MAX:,} at most")
    add_output(action)
    action.set_defaults(run=run_prints)


def add_columns(parser: Any) -> None:
    """--column and --prompt."""
    parser.add_argument(
        "--column", metavar="NAME", action="append", default=[],
        help="of .jsonl and .csv, the field that is read, each row an item; may be repeated",
    )  # fmt: skip
    parser.add_argument("--prompt", metavar="NAME", help="the field with what was asked: its words don't count")


def check_outside(path: str, file: str | None, *, field: str, what: str) -> None:
    """Raise InputError for a file that would be written into the folder that is read."""
    if file and os.path.isdir(path):
        top = os.path.realpath(path)
        if os.path.commonpath([top, os.path.realpath(file)]) == top:
            raise InputError(f"{what} would lie in the folder that it lists", field=field, expected="a file elsewhere")


def make_prints(args: argparse.Namespace, paths: Sequence[str], output: str | None, *, field: str) -> Made:
    """Make a print set as the options say; remarks go to stderr."""
    need_detect()
    from node.detect.printfile import make_print_set
    from node.detect.reading import Options

    options = Options(columns=tuple(args.column), prompt=args.prompt, exclude=tuple(args.exclude))
    for path in paths:
        check_outside(path, output, field=field, what="the print set")
    codes: list[tuple[str, str]] = []
    more: dict[str, Any] = {}
    if getattr(args, "iscc", None) is True:
        more["each"] = _coder(codes)
    with _bar(args) as bar:
        made = make_print_set(paths, output, options=options, field=field, show=bar.update, **more)
    for line in made.remarks.lines():
        note_line(line)
    args.codes = codes
    return made


def _bar(args: argparse.Namespace) -> AbstractContextManager[Any]:
    return progress("making prints", unit="items", quiet=args.json)


def _coder(codes: list[tuple[str, str]]) -> Callable[[Any], None]:
    from node.detect.iscccode import CHARS_MIN, load_library, text_code

    library = load_library()

    def code(read: Any) -> None:
        text = read.item.text
        if text is not None and len(text) >= CHARS_MIN and len(codes) < CODES_MAX:
            codes.append((read.item.name, text_code(library, text)))

    return code


def value_of(made: Made) -> dict[str, Any]:
    """For programs: what a record says of the print set, with the root in hexadecimal."""
    return {**made.summary.value(), "root": made.summary.root.hex()}


def line_of(made: Made) -> str:
    """For people."""
    return f"{made.summary.count:,} prints of {made.items:,} items, {made.summary.scheme}"


def run_prints(args: argparse.Namespace) -> int:
    """Read, print, write, say what came of it."""
    made = make_prints(args, args.paths, args.output, field="--output")
    value = {
        "prints": value_of(made), "items": made.items, "characters": made.characters, "bytes": made.remarks.size,
        "file": args.output, "remarks": made.remarks.value(), "broken_bytes": made.remarks.broken,
    }  # fmt: skip
    if args.iscc:
        value["iscc"] = [{"name": name, "iscc": code} for name, code in args.codes]
    lines = [line_of(made), f"  {made.characters:,} letters and digits in {made.remarks.size:,} bytes",
             f"  root {made.summary.root.hex()}"]  # fmt: skip
    lines += [f"  {code} {name}" for name, code in args.codes]
    if args.output:
        lines.append(f"  written to {args.output}")
    emit(value, as_json=args.json, lines=lines)
    if made.remarks.is_incomplete:
        note_line("not everything was read")
        return INCOMPLETE
    return OK
