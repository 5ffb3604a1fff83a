"""`usance node`: make a node's folder, run a node. The server and its packages are loaded only here."""

from __future__ import annotations

import argparse
import types

from node.cli.common import add_output
from node.cli.files import emit_file
from node.cli.logkeys import configure_close, configure_rekey
from node.cli.nodecheck import configure_fsck, configure_migrate
from node.cli.outcome import OK
from node.cli.restore import configure_restore
from node.cli.text import note_line
from node.cli.tokens import configure_token
from node.printable import safe_line
from proofs.errors import FatalError


def configure_node(parser: argparse.ArgumentParser) -> None:
    """`node init` and `node run`."""
    names = "init|run|restore|token|rekey|close|fsck|migrate"
    actions = parser.add_subparsers(dest="action", metavar=names, required=True)
    init = actions.add_parser("init", help="make a folder with configuration and keys, log the genesis, print the vkey")
    init.add_argument("folder", metavar="DIR", help="a new or empty folder")
    init.add_argument("--origin", required=True, help="the log's name for ever, as log.example.org/uses")
    init.add_argument("--name", help="the operator's name in the genesis (default: the origin)")
    init.add_argument("--url", help="the operator's page")
    init.add_argument("--contact", help="how to reach the operator")
    add_output(init)
    init.set_defaults(run=run_init)
    run = actions.add_parser("run", help="serve the log until SIGTERM or SIGINT; prints its URL once it answers")
    run.add_argument("folder", metavar="DIR", help="a folder that `usance node init` made")
    run.add_argument("--listen", metavar="HOST:PORT", help="where to serve (default: as node.toml says); port 0: any")
    run.add_argument(
        "--new-sign-record", action="store_true",
        help="start without the record of what was signed last: only after a restore, when the old node is gone",
    )  # fmt: skip
    run.add_argument(
        "--clock-back", action="store_true",
        help="start though the last signature's time is still to come: once, when the clock was ahead and is right now",
    )  # fmt: skip
    add_output(run)
    run.set_defaults(run=run_run)
    configure_restore(actions)
    configure_token(actions)
    configure_rekey(actions)
    configure_close(actions)
    configure_fsck(actions)
    configure_migrate(actions)


def _server() -> types.ModuleType:
    try:
        from node import server
    except ImportError as error:
        raise FatalError(
            f"a node needs the package {error.name}: install the node extra (pip install 'usance[node]')"
        ) from None
    return server


def run_init(args: argparse.Namespace) -> int:
    """Make the folder; the vkey is what everybody else needs."""
    name = args.name if args.name is not None else args.origin
    vkey = _server().init_node(args.folder, origin=args.origin, name=name, url=args.url, contact=args.contact)
    emit_file({"folder": args.folder, "origin": args.origin, "vkey": vkey}, f"{vkey}\n".encode(), as_json=args.json)
    return OK


def run_run(args: argparse.Namespace) -> int:
    """Serve. What is printed on stdout is one line with the URL; the node's own messages go to stderr, in the form that
    node.toml says."""

    def ready(url: str) -> None:
        if args.json:
            print(f'{{"url": "{url}"}}', flush=True)
        else:
            print(safe_line(f"serving {args.folder} at {url}"), flush=True)

    _server().run_node(
        args.folder, listen=args.listen, new_sign_record=args.new_sign_record, clock_back=args.clock_back,
        on_ready=ready,
    )  # fmt: skip
    note_line("stopped")
    return OK
