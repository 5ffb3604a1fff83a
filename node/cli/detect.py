"""`usance detect`: which registered material is in texts, and how sure that is (docs/detect.md).

Its actions are named (`detect index …`), but for looking itself: `detect PATH…`. A path called as an action is given as
./index. Numpy comes with the `detect` extra: nothing of node/detect is imported before an action runs.
"""

from __future__ import annotations

import argparse
import os

from ledger.signrecord import write_durably
from node.cli import Parser
from node.cli.common import add_access, add_log, add_output, need_detect, now_ms, open_client
from node.cli.detectcalibrate import SUMMARY as CALIBRATE_SUMMARY
from node.cli.detectcalibrate import configure_calibrate
from node.cli.detectindex import SUMMARY as INDEX_SUMMARY
from node.cli.detectindex import configure_index
from node.cli.detectlines import finding_lines
from node.cli.detectprints import SUMMARY as PRINTS_SUMMARY
from node.cli.detectprints import configure_prints
from node.cli.detectsend import SUMMARY as SEND_SUMMARY
from node.cli.detectsend import configure_send
from node.cli.files import check_file, write_parts
from node.cli.outcome import FAILED, INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import emit, note_line
from node.detect.page import findings_page
from node.errors import FileError
from proofs.errors import InputError

DOCUMENTS, ANSWERS = "documents", "answers"
MOST, MOST_MAX = 50, 1_000
"""Findings of one owner that are kept, unless --most says otherwise; and at most."""
OTHERS = """more: usance detect index|send|prints|calibrate --help
  what to look for, kept; sent to a node; as prints alone; error rates on your own material"""


def configure_detect(parser: Parser) -> None:
    """`detect PATH…`, and the actions that have names."""
    actions = parser.add_subparsers(dest="action", metavar="PATH|index|send|prints|calibrate", required=True)
    look = actions.add_parser(
        "look", prog=parser.prog, help="look for registered material in PATH (the word may be left out)",
        description=parser.description, epilog=f"{parser.epilog}\n\n{OTHERS}",
    )  # fmt: skip
    _configure_look(look)
    configure_index(actions.add_parser("index", help=INDEX_SUMMARY))
    configure_send(actions.add_parser("send", help=SEND_SUMMARY))
    configure_prints(actions.add_parser("prints", help=PRINTS_SUMMARY))
    configure_calibrate(actions.add_parser("calibrate", help=CALIBRATE_SUMMARY))
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
        "--rule", choices=(DOCUMENTS, ANSWERS),
        help="texts written independently, or answers to the same questions (default: documents; with --prompt: "
        "answers)",
    )  # fmt: skip
    parser.add_argument("--exclude", metavar="PATTERN", action="append", default=[], help="leave these files out")
    parser.add_argument("--calibration", metavar="FILE", help="measured rates of `detect calibrate` instead of ours")
    parser.add_argument(
        "--boilerplate", metavar="FILE", action="append", default=[],
        help="prints that count for nothing, of `detect calibrate --boilerplate`, beside ours; may be repeated",
    )  # fmt: skip
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
    _check(args)
    need_detect()
    from node.detect.asking import NodeSources
    from node.detect.calibration import boilerplate, default_table, joined_boilerplate, read_boilerplate, read_table
    from node.detect.given import open_sources, read_given
    from node.detect.looking import Looker, Sources
    from node.detect.matching import RULES
    from node.detect.reading import Options
    from node.detect.remarks import Remarks
    from node.detect.winnow import Winnower

    rule = RULES[args.rule or (ANSWERS if args.prompt else DOCUMENTS)]
    table = read_table(args.calibration) if args.calibration else default_table()
    known = joined_boilerplate([boilerplate(), *map(read_boilerplate, args.boilerplate)])
    options = Options(columns=tuple(args.column), prompt=args.prompt, exclude=tuple(args.exclude))
    remarks, others = Remarks(), Remarks()
    sources: Sources
    if args.against:
        with progress("reading what to look for", unit="items", quiet=args.json) as bar:
            sources = open_sources(
                args.against, rule=rule, options=options, remarks=others, boilerplate=known,
                at_end=args.at_end.callback, show=lambda: bar.update(others.items),
            )  # fmt: skip
    else:
        sources = NodeSources(open_client(args), remarks)
    looker = Looker(sources, rule, table, most=args.most)
    with progress("looking", unit="bytes", quiet=args.json) as bar:
        for item in read_given(
            args.paths, Winnower(sources.scheme), options=options, remarks=remarks,
            show=lambda: bar.update(remarks.size),
        ):  # fmt: skip
            looker.add(item)
        found = looker.finish(remarks, made=now_ms(), others=others)
    if args.output:
        write_durably(args.output, found.encode())
    if args.html:
        write_parts(args.html, [findings_page(found)])
    emit(found.value(), as_json=args.json, lines=finding_lines(found))
    for line in (*remarks.lines(), *others.lines()):
        note_line(line)
    if remarks.is_incomplete or others.is_incomplete or not looker.items:
        note_line("not everything was looked at" if looker.items else "there was nothing to look at")
        return INCOMPLETE
    return FAILED if args.fail_on_match and found.looked_at.matches else OK


def _check(args: argparse.Namespace) -> None:
    """Raise InputError for options that can't be meant, before anything is read."""
    if not 1 <= args.most <= MOST_MAX:
        raise InputError(f"--most {args.most}", field="--most", expected=f"1 to {MOST_MAX}")
    if args.prompt and not args.column:
        raise InputError("--prompt alone", field="--prompt", expected="--column too: the field of the answers")
    if args.rule == ANSWERS and not args.prompt:
        note_line("answers are compared with what their prompts hold, too: --prompt NAME leaves that out")
    given = [*args.paths, *args.against]
    if given.count("-") > 1:
        raise InputError("standard input is named twice", field="PATH", expected="- once")
    for path in given:  # a wrong name is noticed before the work
        if path != "-" and not os.path.exists(path):
            raise FileError(f"there is no file or folder {path}", field="PATH")
    for option in ("output", "html"):
        if getattr(args, option):
            check_file(getattr(args, option), field=f"--{option}")
    inputs = [*given, *args.boilerplate, *([args.calibration] if args.calibration else [])]
    for option in ("output", "html"):
        path = getattr(args, option)
        if path and os.path.realpath(path) in {os.path.realpath(one) for one in inputs if one != "-"}:
            raise InputError(
                f"{path} is read, too, and would be replaced", field=f"--{option}", expected="another file"
            )
    if args.output and args.html and os.path.realpath(args.output) == os.path.realpath(args.html):
        raise InputError("-o and --html name the same file", field="--html", expected="another file")
    if args.against and args.node:
        raise InputError("--against and --node exclude each other", field="--against", expected="one of them")
    if not args.against and not args.node and not os.environ.get("USANCE_NODE"):
        raise InputError("there is nothing to look for", field="--against", expected="--against PATH, or --node URL")
    if not args.against and args.boilerplate:
        raise InputError("a node has its own boilerplate", field="--boilerplate", expected="--against PATH")
