"""`usance spool`: what waits to be logged, send it, and what became of records that were refused (node/spool)."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import Any

from node.cli.common import add_key, add_log, add_node, add_output, find_log, now_ms, open_signing, public_key_of
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import counted, emit, note_line, show_time, table
from node.spool.folder import SpoolFolder, spool_path
from node.spool.refill import Imported, drop_letters, retry_letters
from node.spool.sender import Drained, SpoolSender
from node.spool.status import SegmentStatus, SpoolStatus, only_spool, read_status
from proofs.entry import BATCH_RECORDS_MAX
from proofs.errors import InputError, UsanceError

LOCK_WAIT_S = 10.0


def configure_spool(parser: argparse.ArgumentParser) -> None:
    """`spool status`, `send`, `retry` and `drop`."""
    actions = parser.add_subparsers(dest="action", metavar="status|send|retry|drop", required=True)
    status = actions.add_parser("status", help="show what waits, what is under way, and what was refused and why")
    _add_folder(status, log=True)
    status.set_defaults(run=run_status)
    send = actions.add_parser("send", help="log what waits; with files, also what they hold")
    send.add_argument(
        "files", metavar="FILE", nargs="*", default=[],
        help="a spool file from a machine without a network: what is new in it goes to the spool first",
    )  # fmt: skip
    send.add_argument(
        "--also-for", metavar="KEY", action="append", default=[],
        help="sign also what was spooled for this other key (hex or a file), as after a rotation; may be repeated",
    )  # fmt: skip
    send.add_argument(
        "--batch", type=int, metavar="N", default=BATCH_RECORDS_MAX,
        help=f"records under one signature (default: {BATCH_RECORDS_MAX})",
    )  # fmt: skip
    _add_folder(send, log=False)
    add_key(send)
    add_node(send)
    send.set_defaults(run=run_send)
    retry = actions.add_parser("retry", help="put refused records back into the spool; `send` tries them again")
    retry.add_argument("names", metavar="NAME", nargs="*", default=[], help="as `status` shows it (default: all)")
    _add_folder(retry, log=True)
    retry.set_defaults(run=run_retry)
    drop = actions.add_parser("drop", help="delete refused records for good")
    drop.add_argument("names", metavar="NAME", nargs="*", default=[], help="as `status` shows it")
    drop.add_argument("--all", action="store_true", help="all of them")
    _add_folder(drop, log=True)
    drop.set_defaults(run=run_drop)


def _add_folder(parser: argparse.ArgumentParser, *, log: bool) -> None:
    parser.add_argument("--spool", metavar="DIR", help="the spool's folder (or USANCE_SPOOL; default: the log's own)")
    if log:
        add_log(parser)
        add_output(parser)


def _folder(args: argparse.Namespace) -> SpoolFolder:
    """The folder that the options name, or the log's, or the only one that there is. Raises InputError."""
    path = args.spool or os.environ.get("USANCE_SPOOL")
    if not path:
        keys = find_log(args)
        path = only_spool(os.environ) if keys is None else spool_path(os.environ, keys.text)
    return SpoolFolder(path)


def run_status(args: argparse.Namespace) -> int:
    """Read everything; changes nothing."""
    status = read_status(_folder(args))
    emit(status.view(), as_json=args.json, lines=_status_lines(status, _option(args)))
    return OK


def _option(args: argparse.Namespace) -> str:
    """What another command has to be given, too, to find the same spool."""
    return f" --spool {shlex.quote(args.spool)}" if args.spool else ""


def _status_lines(status: SpoolStatus, option: str) -> list[str]:
    last = status.last_try
    kept = last.kept if last is not None else {}
    lines = [f"spool {status.path}", f"{counted(status.waiting, 'record')} waiting"]
    if last is not None and last.why and status.waiting:
        lines.append(f"not sent, last tried {show_time(last.at_ms)}: {last.why}")
    elif any(one.waiting and one.name not in kept for one in status.segments):
        lines.append(f"no sender has tried since, or one is at work now: `usance spool send{option}` logs them")
    lines += table(
        ("  " + one.name, counted(one.waiting, "record"), _remark(one, kept.get(one.name, "")))
        for one in status.segments
    )
    if status.flight is not None:
        batch = status.flight.batch
        lines.append(f"{counted(len(batch.bodies), 'record')} of them under way, as numbers from {batch.first} on")
    lines.append(counted(len(status.dead), "dead letter"))
    for letter in status.dead:
        problem = letter.problem
        where = ": ".join(str(problem[name]) for name in ("field", "expected") if name in problem)
        kind = letter.view().get("record", {}).get("kind", "no record")
        lines.append(f"  {letter.name}  {kind}, {show_time(letter.at_ms)}: {problem.get('status')} "
                     f"{problem.get('type')}: {problem.get('detail')}" + (f" ({where})" if where else ""))  # fmt: skip
    for note in status.damaged:
        lines.append(f"damaged: {note['file']}: {note.get('why')}; {note.get('settled_bytes')} of {note.get('bytes')} "
                     "bytes were settled")  # fmt: skip
    return lines


def _remark(segment: SegmentStatus, kept: str) -> str:
    remarks = ["being written"] if segment.writer else []
    if kept and segment.waiting:
        remarks.append(f"not sent: {kept}")
    if segment.torn:
        remarks.append(f"{counted(segment.torn, 'byte')} of a record cut short at its end")
    if segment.damage:
        remarks.append(f"damaged: {segment.damage}")
    return "; ".join(remarks)


def run_send(args: argparse.Namespace) -> int:
    """Import what files hold, then send everything."""
    folder = _folder(args)
    signing = open_signing(args)
    also = [public_key_of(text) for text in args.also_for]
    sender = SpoolSender(folder, signing.client, signing.key, also_for=also, batch_records=args.batch)
    files = [sender.import_file(path, wait_s=LOCK_WAIT_S) for path in args.files]
    total = None
    if sys.stderr.isatty() and not args.json:
        total = read_status(folder).waiting
    try:
        with progress("logging", unit="records", total=total, quiet=args.json) as bar:
            drained = sender.run(bar.update, wait_s=LOCK_WAIT_S)
    except UsanceError as error:
        error.detail += f"; what isn't logged stays in {folder.path}"
        raise
    for line in _left_lines(files, drained, _option(args)):
        note_line(line)
    emit(_send_view(folder, files, drained), as_json=args.json, lines=_send_lines(files, drained))
    damaged = any(file.damage is not None for file in files)
    return INCOMPLETE if drained.dead or drained.kept or drained.damaged or damaged else OK


def _send_view(folder: SpoolFolder, files: list[Imported], drained: Drained) -> dict[str, Any]:
    return {
        "spool": folder.path, "logged": drained.logged, "dead": drained.dead,
        "statuses": dict(sorted(drained.statuses.items())), "kept": drained.kept, "damaged": drained.damaged,
        "files": [
            {"file": one.path, "new": one.records, "known": one.known, "closed": one.closed,
             "damage": one.damage.detail if one.damage else None}
            for one in files
        ],
    }  # fmt: skip


def _send_lines(files: list[Imported], drained: Drained) -> list[str]:
    lines = []
    for one in files:
        known = f", {counted(one.known, 'record')} imported before" if one.known else ""
        lines.append(f"{one.path}: {counted(one.records, 'new record')}{known}")
    counts = ", ".join(f"{count} {status}" for status, count in sorted(drained.statuses.items()))
    lines.append(f"{counted(drained.logged, 'record')} logged" + (f" ({counts})" if counts else ""))
    return lines


def _left_lines(files: list[Imported], drained: Drained, option: str) -> list[str]:
    """What didn't go as it should, and what to do about it."""
    lines = []
    for one in files:
        if one.damage is not None:
            lines.append(f"{one.path}: {one.damage.detail}: what stands before that is imported; copy the file again")
        elif not one.closed:
            lines.append(f"{one.path}: its writer hasn't closed it (it is still at work, or was killed, or the copy is "
                         "cut): send it again when it is longer, and only what is new is logged")  # fmt: skip
    if drained.dead:
        lines.append(f"{counted(drained.dead, 'record')} refused: `usance spool status{option}` shows each and why; "
                     f"then `usance spool retry{option}` or `drop`")  # fmt: skip
    lines += [f"{name} stays: {why}" for name, why in drained.kept.items()]
    lines += [f"{path} is damaged ({why}): what stands before that is logged" for path, why in drained.damaged.items()]
    return lines


def run_retry(args: argparse.Namespace) -> int:
    """Back into the spool, behind what is there."""
    folder = _folder(args)
    with folder.sending(wait_s=LOCK_WAIT_S):
        count = retry_letters(folder, args.names, now_ms=now_ms())
    emit({"spool": folder.path, "retried": count}, as_json=args.json,
         lines=[f"{counted(count, 'record')} back in the spool: `usance spool send` tries again"])  # fmt: skip
    return OK


def run_drop(args: argparse.Namespace) -> int:
    """Only what was said: names, or --all."""
    if bool(args.names) == args.all:
        raise InputError("say what to drop", field="NAME", expected="names that `usance spool status` shows, or --all")
    folder = _folder(args)
    with folder.sending(wait_s=LOCK_WAIT_S):
        count = drop_letters(folder, args.names)
    emit({"spool": folder.path, "dropped": count}, as_json=args.json,
         lines=[f"{counted(count, 'record')} dropped"])  # fmt: skip
    return OK
