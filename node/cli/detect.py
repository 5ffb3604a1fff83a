"""`usance detect`: which registered material is in texts, and how sure that is (docs/detect.md).

Its actions are named (`detect index …`), but for looking itself: `detect PATH…`. A path called as an action is given as
./index. Numpy comes with the `detect` extra: nothing of node/detect is imported before an action runs.
"""

from __future__ import annotations

import argparse

from node.cli import Parser
from node.cli.common import add_access, add_log, add_output
from proofs.errors import InputError

RULES = ("documents", "answers")
MOST = 50
"""Findings of one owner that are kept, unless --most says otherwise."""


def configure_detect(parser: Parser) -> None:
    """`detect PATH…`, and the actions that have names."""
    actions = parser.add_subparsers(dest="action", metavar="PATH|index|send|prints|calibrate", required=True)
    look = actions.add_parser(
        "look", prog=parser.prog, help="look for registered material in PATH (the word may be left out)",
        description=parser.description, epilog=parser.epilog,
    )  # fmt: skip
    _configure_look(look)
    parser.unnamed = ("look", actions.choices.keys())


def _configure_look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="+",
        help="files, folders or print sets to look at; - reads standard input",
    )  # fmt: skip
    parser.add_argument(
        "--against", metavar="PATH", nargs="+", action="extend", default=[],
        help="what to look for: an index made by `usance detect index`; or texts and print sets, each path an owner; "
        "left out: what is registered with the node",
    )  # fmt: skip
    parser.add_argument(
        "--column", metavar="NAME", action="append", default=[],
        help="of .jsonl and .csv, the field that is read, each row an item; may be repeated",
    )  # fmt: skip
    parser.add_argument("--prompt", metavar="NAME", help="the field with what was asked: its words don't count")
    parser.add_argument(
        "--rule", choices=RULES,
        help="texts written independently, or answers to the same questions (default: documents; with --prompt: "
        "answers)",
    )  # fmt: skip
    parser.add_argument("--exclude", metavar="PATTERN", action="append", default=[], help="leave these files out")
    parser.add_argument("--calibration", metavar="FILE", help="measured rates of `detect calibrate` instead of ours")
    parser.add_argument(
        "--most", metavar="N", type=int, default=MOST, help=f"keep so many findings of an owner (default: {MOST})"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the findings as JSON; replaces FILE")
    parser.add_argument(
        "--html", metavar="FILE", help="write one page with the passages side by side; replaces FILE"
    )  # fmt: skip
    parser.add_argument("--fail-on-match", action="store_true", help="end with 1 where something was found")
    group = parser.add_argument_group("the log")
    group.add_argument(
        "--node", metavar="URL", help="the node to ask (or USANCE_NODE), with a token of scope detect; gets no text"
    )
    add_log(group)  # type: ignore[arg-type]
    add_access(group)  # type: ignore[arg-type]
    add_output(parser)
    parser.set_defaults(run=run_look)


def run_look(args: argparse.Namespace) -> int:
    """Look, write, print."""
    raise InputError("nothing to look with yet")
