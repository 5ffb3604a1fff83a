"""`usance backup`: a log in one file from a running node, brought up to date by each run; on the base dependencies."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from node.backup import Backup, CheckedBackup, backup, check_backup
from node.backupbeside import fetch_beside
from node.cli.common import add_access, add_log, add_output, need_log, node_access, now_ms
from node.cli.outcome import OK
from node.cli.progress import steps
from node.cli.text import counted, emit, show_time
from node.errors import IncompleteError
from node.sources import HttpSource
from node.transport import Transport
from proofs.errors import InputError
from proofs.logkeys import LogKeys, log_keys


def configure_backup(parser: argparse.ArgumentParser) -> None:
    """Where the log is served, the file, and the log's key."""
    parser.add_argument("url", metavar="URL", nargs="?", help="the node, or a mirror of its log (or USANCE_NODE)")
    parser.add_argument("file", metavar="FILE", help="the backup: made anew, or brought up to date")
    add_log(parser)
    add_access(parser)
    parser.add_argument("--check", action="store_true", help="read FILE whole and judge every byte of it; no network")
    add_output(parser)
    parser.set_defaults(run=run_backup)


def run_backup(args: argparse.Namespace) -> int:
    """Fetch what is new, or judge what is there."""
    keys = log_keys(need_log(args))
    if args.check:
        if args.url:
            raise InputError("--check reads a file alone", field="URL", expected="usance backup --check FILE")
        return _check(args, keys)
    url = args.url or os.environ.get("USANCE_NODE")
    if not url:
        raise InputError("no node is named: usance backup URL FILE, or set USANCE_NODE", field="URL")
    began = time.monotonic()
    access = node_access(args)
    source = HttpSource(url, access=access)
    args.at_end.callback(source.close)
    transport = Transport(url, access=access)
    args.at_end.callback(transport.close)
    found = backup(
        source, args.file, keys, beside=lambda: fetch_beside(transport, keys.origin), clock_ms=now_ms,
        show=show_of(args, "backing up"),
    )  # fmt: skip
    seconds = time.monotonic() - began
    head = found.checkpoint
    value = {"file": args.file, "log": head.origin, "size": head.size, "root": head.root.hex(), "added": found.added,
             "resumed": found.resumed, "conflicts": found.conflicts, "conflicts_served": found.conflicts_served,
             "closed": found.is_closed, "bytes": found.bytes, "seconds": round(seconds, 3),
             "records_per_s": round(found.added / seconds)}  # fmt: skip
    emit(value, as_json=args.json, lines=_lines(args.file, found, seconds))
    return OK


def show_of(args: argparse.Namespace, what: str) -> Callable[[int, int], AbstractContextManager[Callable[[int], None]]]:
    """A progress bar over records, where a person watches."""
    show = steps(quiet=args.json)
    return lambda done, total: show(what, "records", total)


def _lines(file: str, found: Backup, seconds: float) -> list[str]:
    resumed = f", and {found.resumed:,} that a run before had left" if found.resumed else ""
    lines = [
        f"{file}: {counted(found.checkpoint.size, 'record')} of {found.checkpoint.origin}, verified",
        f"  added    {found.added:,} in {seconds:.1f} s{resumed}",
        f"  size     {found.bytes:,} bytes, {counted(found.conflicts, 'conflict')}",
        f"  root     {found.checkpoint.root.hex()}",
    ]
    if found.is_closed:
        lines.append("  the log has ended: this is all of it")
    if not found.conflicts_served:
        lines.append("  conflicts aren't served here: back up the node itself to have them")
    return lines


def _check(args: argparse.Namespace, keys: LogKeys) -> int:
    found = check_backup(args.file, keys, show=show_of(args, "checking"))
    head = found.checkpoint
    value = {"verdict": "incomplete" if found.tail_bytes else "good", "file": args.file, "log": head.origin,
             "size": head.size, "root": head.root.hex(), "note": found.note.decode(), "at": found.at_ms,
             "checkpoints": found.checkpoints, "conflicts": found.conflicts, "closed": found.is_closed,
             "bytes": found.bytes, "tail_bytes": found.tail_bytes, "tail": found.tail}  # fmt: skip
    emit(value, as_json=args.json, lines=_checked_lines(args.file, found))
    if found.tail_bytes:
        why = f": {found.tail}" if found.tail else ""
        raise IncompleteError(
            f"good up to {counted(head.size, 'record')}, but {found.tail_bytes} bytes stand behind the last checkpoint "
            f"and don't count{why}; a run was cut, or they are damaged: run `usance backup` again to go on from there"
        )
    return OK


def _checked_lines(file: str, found: CheckedBackup) -> list[str]:
    head = found.checkpoint
    return [
        f"{file}: {counted(head.size, 'record')} of {head.origin}, every byte judged",
        f"  fetched  {show_time(found.at_ms)}, by the clock of the machine that did",
        f"  holds    {counted(found.checkpoints, 'checkpoint')}, {counted(found.conflicts, 'conflict')}"
        + (", the log's closing note" if found.is_closed else ""),
        f"  root     {head.root.hex()}",
    ]
