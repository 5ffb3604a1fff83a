"""`usance node token`: tokens of those who may read, where node.toml asks for them (`admission.readers`), and of those
who may look for registered material."""

from __future__ import annotations

import argparse

from node.cli.common import add_output, now_ms
from node.cli.outcome import OK
from node.cli.text import emit, note_line, show_time
from node.tokens import READ, SCOPES, add_token, check_folder, load_tokens, remove_token
from proofs.errors import InputError


def configure_token(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`node token`."""
    token = actions.add_parser(
        "token", help="make, list or remove tokens for reading or detection; a running node follows within a second",
    )  # fmt: skip
    token.add_argument("folder", metavar="DIR", help="the node's folder")
    token.add_argument(
        "what", metavar="add|list|remove", choices=("add", "list", "remove"),
        help="add prints the token, once: it is kept nowhere",
    )  # fmt: skip
    token.add_argument("name", metavar="NAME", nargs="?", help="whose token it is: 1 to 64 of A-Z a-z 0-9 . _ @ -")
    token.add_argument(
        "--may", choices=SCOPES, action="append", default=[],
        help="of add, what it is for: to read, or to look for registered material and send print sets; both: twice "
        "(default: read)",
    )  # fmt: skip
    add_output(token)
    token.set_defaults(run=run_token)


def run_token(args: argparse.Namespace) -> int:
    """Change the node's file of tokens."""
    if args.may and args.what != "add":
        raise InputError(f"{args.what} takes no --may", field="--may", expected="it with add alone")
    if args.what == "list":
        if args.name is not None:
            raise InputError("list takes no name", field="NAME", expected="usance node token DIR list")
        check_folder(args.folder)
        tokens = load_tokens(args.folder)
        value = {"tokens": [{"name": token.name, "created": token.created, "may": list(token.may)} for token in tokens]}
        lines = [f"{token.name:32} made {show_time(token.created)}, may {', '.join(token.may)}" for token in tokens]
        emit(value, as_json=args.json, lines=lines or ["no tokens"])
        return OK
    if args.name is None:
        raise InputError(
            "whose token it is must be said", field="NAME", expected=f"usance node token DIR {args.what} NAME"
        )
    if args.what == "remove":
        remove_token(args.folder, args.name)
        emit({"removed": args.name}, as_json=args.json, lines=[f"{args.name} may do nothing any more"])
        return OK
    text = add_token(args.folder, args.name, now_ms=now_ms(), may=args.may or (READ,))
    emit({"name": args.name, "token": text}, as_json=args.json, lines=[text])
    if not args.json:
        note_line("this is shown only now: store it with mode 0600, and name the file with --token-file")
    return OK
