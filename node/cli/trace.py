"""`usance trace`: what a material was made from, what was made from it, and what its uses came to (docs/trace.md)."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable

from ledger.signrecord import write_durably
from ledger.trace import BOTH, DEPTH_MAX, DOWN, MATERIALS_MAX, UP
from node.cli.common import add_node, open_client, party_bytes
from node.cli.files import check_file, print_bytes
from node.cli.lineagefetch import LIMIT, Fetched, Wanted, add_verify, check_bounds, fetch_lineage
from node.cli.outcome import INCOMPLETE, OK
from node.cli.text import note_line, parse_time, show_time
from node.client import Client
from node.lineage.graph import Graph
from node.printable import safe_line
from node.resolve import resolve
from proofs.errors import InputError
from proofs.text import parse_decimal

TREE, JSON, DOT, SVG, PROV = "tree", "json", "dot", "svg", "prov-json"
FORMATS = (TREE, JSON, DOT, SVG, PROV)
WIDTH_DEFAULT = 100
DATE_STEPS_MAX = 64


def configure_trace(parser: argparse.ArgumentParser) -> None:
    """The material, how far, and how it is shown."""
    parser.add_argument(
        "asset", metavar="ASSET", help="a reference, an index, an external name, a title, or name[@version]"
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--up", action="store_true", help="only what it was made from")
    ways.add_argument("--down", action="store_true", help="only what was made from it")
    ways.add_argument("--to", metavar="SOURCE", help="only one way to this material behind it, if there is one")
    ways.add_argument(
        "--owner", metavar="PARTY",
        help="only the ways to what this party owns: its key in hex, or a file of it. Which of my assets stand behind "
        "this model?",
    )  # fmt: skip
    parser.add_argument("--depth", type=int, default=DEPTH_MAX, metavar="N", help="at most N steps (default: all)")
    parser.add_argument(
        "--limit", type=int, default=LIMIT, metavar="N",
        help=f"at most N materials, {MATERIALS_MAX} at most (default: {LIMIT})",
    )  # fmt: skip
    parser.add_argument(
        "--since", metavar="INDEX|DATE",
        help="count uses and money from this leaf on, or from the first record that is not before this date by its "
        "signer's clock",
    )  # fmt: skip
    parser.add_argument("--format", choices=FORMATS, help="default: tree, or json with --json")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it here; replaces FILE (default: print it)")
    add_verify(parser)
    add_node(parser)
    parser.set_defaults(run=run_trace)


def run_trace(args: argparse.Namespace) -> int:
    """Resolve, ask or replay, draw. 3 where a way was asked for and none leads there."""
    check_bounds(depth=args.depth, limit=args.limit)
    if args.json and args.format not in (None, JSON):
        raise InputError(f"--format {args.format} with --json", field="--format", expected="one of both")
    args.format = args.format or (JSON if args.json else TREE)
    if args.output:
        check_file(args.output, field="--output")
    client = open_client(args)
    found = resolve(client, args.asset)
    wanted = Wanted(
        UP if args.up or args.to or args.owner else DOWN if args.down else BOTH,
        args.depth, _since(client, args.since), args.limit,
        None if args.owner is None else party_bytes(args.owner, field="--owner"),
        None if args.to is None else resolve(client, args.to),
    )  # fmt: skip
    fetched = fetch_lineage(args, client, found, wanted)
    _put(args, _shown(args, fetched, client))
    if args.to is not None and fetched.path is None:
        note_line(f"no way leads from {fetched.graph.root} up to {args.to}")
        return INCOMPLETE
    if not args.since:
        _say_unknown(fetched.graph)
    _say_rest(args, fetched)
    return OK


def _shown(args: argparse.Namespace, fetched: Fetched, client: Client) -> str:
    if args.format == JSON:
        return json.dumps({**fetched.value, "verified": fetched.is_verified}, ensure_ascii=False, indent=2)
    makers: dict[str, Callable[[Graph], str]] = {TREE: lambda graph: _tree(args, graph, fetched), DOT: _dot, SVG: _svg}
    if args.format == PROV:
        from node.lineage.prov import prov_json

        return json.dumps(prov_json(fetched.graph, origin=client.signer().name), ensure_ascii=False, indent=2)
    return makers[args.format](fetched.graph)


def _tree(args: argparse.Namespace, graph: Graph, fetched: Fetched) -> str:
    from node.lineage.tree import NOTHING, render_tree

    is_ascii = not args.output and not _prints_signs()
    width = WIDTH_DEFAULT if args.output else shutil.get_terminal_size((WIDTH_DEFAULT, 24)).columns
    nothing = "nothing that this party owns" if args.owner else f"no way leads to {args.to}" if args.to else NOTHING
    if fetched.path is not None and len(fetched.path) == 1:
        nothing = "nothing: it is the same material"
    lines = render_tree(
        graph, width=width, direction=graph.direction, limit=args.limit, is_ascii=is_ascii, nothing=safe_line(nothing)
    )
    return "\n".join([*lines, "", _standing(fetched)])


def _standing(fetched: Fetched) -> str:
    graph = fetched.graph
    since = f", uses and money since leaf {graph.since}" if graph.since else ""
    word = "recomputed from the whole log" if fetched.is_verified else "the node's word: --verify recomputes it"
    return f"as of {graph.size:,} entries{since}; {word}"


def _dot(graph: Graph) -> str:
    from node.lineage.dot import render_dot

    return render_dot(graph)


def _svg(graph: Graph) -> str:
    from node.lineage.svg import render_svg

    return render_svg(graph)


def _prints_signs() -> bool:
    try:
        "├─└│…×".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _put(args: argparse.Namespace, text: str) -> None:
    if not text.endswith("\n"):
        text += "\n"
    if args.output:
        write_durably(args.output, text.encode())
    elif args.format == TREE:
        sys.stdout.write(text)
    else:
        print_bytes(text.encode())


def _say_unknown(graph: Graph) -> None:
    """An external name needs no entry on the log, so a misspelt one is no error: say that nobody spoke of it."""
    from node.imports.foreignnames import name_of_url

    root = graph.node(graph.root)
    if root.is_asset or root.descriptions or root.uses or len(graph.nodes) > 1 or graph.direction != BOTH:
        return
    other = name_of_url(root.id) if root.id.startswith("http") else None
    hint = f"; it may be known here as {safe_line(other)}" if other and other != root.id else ""
    note_line(f"nobody on this log describes, claims, uses or names {safe_line(root.id)}{hint}")


def _say_rest(args: argparse.Namespace, fetched: Fetched) -> None:
    if args.output:
        note_line(f"wrote {args.output}")
    if args.format != TREE and not args.json:
        for text in fetched.graph.truncated:
            note_line(f"not shown: {text}")


def _since(client: Client, text: str | None) -> int:
    """The leaf that --since means: an index as it is; a date by bisection over the records' own times, which their
    signers set, and which are only roughly in order."""
    if text is None:
        return 0
    if text.isascii() and text.isdigit() and len(text) < 9:
        return parse_decimal(text, field="--since")
    moment = parse_time(text, field="--since")
    low, high = 0, client.checkpoint().size
    for _ in range(DATE_STEPS_MAX):
        if low >= high:
            break
        middle = (low + high) // 2
        at = client.entry(middle).body.get("at")
        if not isinstance(at, int):
            raise InputError(f"record {middle} states no time", field="--since", expected="a leaf index")
        if at < moment:
            low = middle + 1
        else:
            high = middle
    note_line(f"--since {show_time(moment)} is leaf {low}")
    return low
