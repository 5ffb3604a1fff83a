"""`usance node restore`: a node's database made from a backup, and what the operator has to do next."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from ledger import keys as prefixes
from ledger.query import Conflict
from ledger.signrecord import load
from ledger.store import View
from node.backupbeside import Beside, fetch_beside
from node.cli.backup import show_of
from node.cli.common import add_access, add_log, add_output, find_log, need_log, node_access
from node.cli.outcome import OK
from node.cli.text import counted, emit
from node.errors import FileError
from node.logfolder import LOG_VKEY_FILE, SIGN_RECORD_FILE, known_keys, read_closed
from node.restore import Restored, Tail, check_named, restore
from node.sources import HttpSource, NodeFolderSource, open_source
from node.transport import Transport
from proofs import codec
from proofs.checkpoint import Checkpoint
from proofs.logkeys import LogKeys


def configure_restore(actions: argparse._SubParsersAction) -> None:
    """`node restore`."""
    parser = actions.add_parser("restore", help="make a node's database from a backup; keys and sign record stay")
    parser.add_argument("file", metavar="FILE", help="a file that `usance backup` made")
    parser.add_argument("folder", metavar="DIR", help="the node's folder without its database, or a new folder")
    parser.add_argument(
        "--tail", metavar="URL|DIR",
        help="where the entries after the backup are: a mirror, a folder with checkpoint and tile/, or the old node's "
        "folder",
    )  # fmt: skip
    add_log(parser)
    add_access(parser)
    add_output(parser)
    parser.set_defaults(run=run_restore)


def run_restore(args: argparse.Namespace) -> int:
    """Make it; then say what is still to do."""
    keys = _keys(args)
    tail = _open_tail(args, keys)
    from node.examiners import Examiners

    examiners = Examiners()
    args.at_end.callback(examiners.shutdown)
    found = restore(
        args.file, args.folder, keys, tail=tail, witnessed=lambda: _witnessed(args.folder, keys), executor=examiners,
        show=show_of(args, "restoring"),
    )  # fmt: skip
    todo = _todo(args.folder, found)
    value = {"folder": args.folder, "log": keys.origin, "size": found.size, "root": found.root.hex(),
             "tail": found.tail, "conflicts": found.conflicts, "closed": found.is_closed,
             "missing": list(found.missing), "sign_record": found.is_signed, "to_do": todo}  # fmt: skip
    lines = [
        f"{args.folder}: {counted(found.size, 'record')} of {keys.origin} restored"
        + (f", the last {found.tail:,} from {args.tail}" if found.tail else ""),
        f"  root     {found.root.hex()}",
        *(f"  to do    {line}" for line in todo),
    ]
    emit(value, as_json=args.json, lines=lines)
    return OK


def _keys(args: argparse.Namespace) -> LogKeys:
    """The log's keys, as given and as the folder has them."""
    given = find_log(args)
    if os.path.exists(os.path.join(args.folder, LOG_VKEY_FILE)):
        known = known_keys(args.folder)
        return known if given is None else check_named(args.folder, given, known)
    return need_log(args)


def _open_tail(args: argparse.Namespace, keys: LogKeys) -> Tail | None:
    if args.tail is None:
        return None
    if os.path.isdir(args.tail) and os.path.realpath(args.tail) == os.path.realpath(args.folder):
        raise FileError("the tail is the folder that is restored itself", field="--tail", expected="another copy")
    access = node_access(args)
    source = open_source(args.tail, keys, access=access)
    args.at_end.callback(source.close)
    if isinstance(source, HttpSource):
        transport = Transport(args.tail, access=access)
        args.at_end.callback(transport.close)
        return Tail(source, args.tail, lambda: fetch_beside(transport, keys.origin))
    if isinstance(source, NodeFolderSource):
        view = source.view
        return Tail(source, args.tail, lambda: _beside_of(args.tail, view, keys))
    return Tail(source, args.tail, Beside)


def _beside_of(folder: str, view: View, keys: LogKeys) -> Beside:
    closed = read_closed(folder, keys, load(os.path.join(folder, SIGN_RECORD_FILE), keys))
    return Beside(list(_conflicts(view)), closed.note if closed is not None else None)


def _conflicts(view: View) -> Iterator[Conflict]:
    for key, value in view.scan(prefixes.CONFLICT, prefixes.after(prefixes.CONFLICT)):
        lines, signature, first, count = codec.unpack(value, field="conflict")
        yield Conflict(key[1:33], lines, signature, first, count)


def _witnessed(folder: str, keys: LogKeys) -> Iterator[tuple[str, Checkpoint]]:
    """What the witnesses in the folder's configuration have seen; nothing where there is none yet."""
    from node.server import CONFIG_FILE, load_config
    from node.witnesses import ask_witnesses

    if not os.path.exists(os.path.join(folder, CONFIG_FILE)):
        return
    config = load_config(folder)
    if config.origin != keys.origin:
        raise FileError(
            f"{CONFIG_FILE} in {folder} is for the log {config.origin}", field="log.origin", expected=keys.origin
        )
    for prefix, _, seen in ask_witnesses(config, keys):
        if seen is not None:
            yield prefix, seen


def _todo(folder: str, found: Restored) -> list[str]:
    lines = [f"put back {name}" for name in found.missing if not (found.is_closed and name == "log.key")]
    if found.is_signed or found.is_closed:
        return [*lines, f"start the node: usance node run {folder}"]
    return [
        *lines,
        "there is no sign record: put it back if the old node's folder still has it, and restore again if it is ahead. "
        f"Only if the old node is gone for good: usance node run {folder} --new-sign-record",
    ]
