"""`usance node rekey` and `usance node close`: on the folder of a node that stands still (docs/log-keys.md)."""

from __future__ import annotations

import argparse
import importlib
import sys
import types
from typing import Any

from node.cli.common import add_output
from node.cli.files import emit_file
from node.cli.outcome import OK
from node.cli.text import emit, note_line
from proofs.errors import FatalError, InputError

_STEPS = {
    "begun": (
        "The log signs with both keys from its next start on. Start the node, and give the policy above to clients, "
        "mirrors and witnesses. When all have it: `usance node rekey {folder} finish`."
    ),
    "both": (
        "The log has signed with both keys. When all clients have the policy above: stop the node and run `usance node "
        "rekey {folder} finish`."
    ),
    "cut": "The new key is in place. Run `usance node rekey {folder} finish` once more, to do what is left.",
    "none": "The log signs with one key, the last one above. The others stay good for what they signed.",
}


def configure_rekey(actions: Any) -> None:
    """The folder, the step, and what each step may be told."""
    rekey = actions.add_parser("rekey", help="change the log's own signing key, with both signatures meanwhile")
    rekey.add_argument("folder", metavar="DIR", help="the folder of a node that stands still")
    rekey.add_argument(
        "step", choices=("begin", "finish", "cancel", "show"), metavar="begin|finish|cancel|show",
        help="begin: add a new key; finish: make it the only one; cancel: end the change without it; show: where it "
        "stands. Each prints the policy for clients",
    )  # fmt: skip
    rekey.add_argument("--new", metavar="FILE", help="begin: the new key, made before (default: make one)")
    rekey.add_argument("--erase-old", action="store_true", help="finish: don't keep the old private key aside")
    add_output(rekey)
    rekey.set_defaults(run=run_rekey)


def configure_close(actions: Any) -> None:
    """The folder, the confirmation, and whether keys are erased."""
    close = actions.add_parser("close", help="end the log for good: nothing more is taken, every proof stays valid")
    close.add_argument("folder", metavar="DIR", help="the folder of a node that stands still")
    close.add_argument("--yes", action="store_true", help="don't ask for the log's origin first")
    close.add_argument(
        "--erase-key", action="store_true",
        help="erase the log's private key, too: nobody can sign for it any more, and only its last head stays provable "
        "afresh",
    )  # fmt: skip
    add_output(close)
    close.set_defaults(run=run_close)


def _node_module(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(f"node.{name}")
    except ImportError as error:
        raise FatalError(
            f"a node's folder needs the package {error.name}: install the node extra (pip install 'usance[node]')"
        ) from None


def run_rekey(args: argparse.Namespace) -> int:
    """One step. The policy goes to stdout, so that it can be written to a file; what to do next to stderr."""
    if args.new is not None and args.step != "begin":
        raise InputError("--new goes with begin", field="--new")
    if args.erase_old and args.step != "finish":
        raise InputError("--erase-old goes with finish", field="--erase-old")
    rekey = _node_module("rekey")
    if args.step == "begin":
        change = rekey.begin(args.folder, key_file=args.new)
    elif args.step == "finish":
        change = rekey.finish(args.folder, erase_old=args.erase_old)
    elif args.step == "cancel":
        change = rekey.cancel(args.folder)
    else:
        change = rekey.change_state(args.folder)
    policy = rekey.policy_text(change.keys)
    value = {
        "origin": change.keys.origin, "state": change.state, "keys": [key.text for key in change.keys.keys],
        "policy": policy,
    }  # fmt: skip
    emit_file(value, policy.encode(), as_json=args.json)
    if not args.json:
        note_line(_STEPS[change.state].format(folder=args.folder))
    return OK


def run_close(args: argparse.Namespace) -> int:
    """Ask, close, say what that means."""
    ending = _node_module("ending")
    if not args.yes:
        _ask(ending.read_end(args.folder), erase_key=args.erase_key)
    ended = ending.close_log(args.folder, erase_key=args.erase_key)
    closing = ended.closing
    value = {
        "origin": closing.origin, "size": closing.size, "root": closing.root.hex(), "was_closed": ended.was_closed,
        "erased": list(ended.erased),
    }  # fmt: skip
    lines = [
        f"{closing.origin}: closed{' already' * ended.was_closed} at size {closing.size}, root {closing.root.hex()}",
        "  nothing more is taken; reads, proofs and audits go on as long as the node runs, or a copy is served",
    ]
    if ended.erased:
        lines.append(f"  erased: {', '.join(ended.erased)}; keep no copy of them, also in backups")
    emit(value, as_json=args.json, lines=lines)
    return OK


def _ask(pending: Any, *, erase_key: bool) -> None:
    """Raise InputError unless somebody types the log's origin."""
    what = "is closed already" if pending.is_closed else f"ends for good at size {pending.size}; it never opens again"
    note_line(f"The log {pending.origin} {what}{', and its private key is erased' * erase_key}.")
    if pending.open_accounts and not pending.is_closed:
        count = f"{pending.open_accounts}{'' if pending.is_all else ' or more'}"
        note_line(f"{count} accounts aren't settled: nothing can be stated or acknowledged once the log is closed.")
    note_line(f"Type its origin to go on (or give --yes): {pending.origin}")
    if sys.stdin.readline().strip() != pending.origin:
        raise InputError("that isn't the log's origin: nothing was changed", field="origin", expected=pending.origin)
