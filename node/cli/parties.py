"""`usance party`, `delegate`, `rotate` and `revoke`: who signs for whom (design section 4)."""

from __future__ import annotations

import argparse
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.cli.common import (
    Signing,
    add_key,
    add_node,
    hex_bytes,
    need_log,
    now_ms,
    open_signing,
    public_key_of,
    signing_key,
)
from node.cli.outcome import OK
from node.cli.text import emit
from node.cli.writing import log_one, report
from node.keyfiles import load_key
from node.printable import safe_line
from proofs.ed25519 import public_bytes
from proofs.entry import delegate_message, rotate_message
from proofs.errors import InputError
from proofs.kinds import DELEGABLE
from proofs.records import make_body

MAIN, ACTIVE = "main", "active"


def configure_party(parser: argparse.ArgumentParser) -> None:
    """The party's profile."""
    parser.add_argument("name", metavar="NAME", help="the party's name: a claim, shown beside its key")
    parser.add_argument("--url", help="its page")
    parser.add_argument("--contact", help="how to reach it")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_party)


def run_party(args: argparse.Namespace) -> int:
    """First record of a new key, or news of a known party."""
    signing = open_signing(args)
    ref, status = log_one(signing, {"kind": "party", "name": args.name, "url": args.url, "contact": args.contact})
    party = signing.client.key_state(signing.public).party or signing.public
    report(args, "party", ref, status, party=party.hex(), name=args.name)
    return OK


def _accept_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="NEWKEY", nargs="?", help="the new key's file, where it is at hand")
    parser.add_argument("--new-key", metavar="HEX", help="the new public key, where its file is elsewhere")
    parser.add_argument("--accept", metavar="HEX", help="what --make-accept printed there")
    parser.add_argument(
        "--make-accept", action="store_true",
        help="where the new key is: sign that it accepts, and print that (no network; --key names the NEW key's file)",
    )  # fmt: skip
    parser.add_argument("--party", metavar="HEX", help="with --make-accept: the party that is to be signed for")
    add_key(parser)
    add_node(parser)


def configure_delegate(parser: argparse.ArgumentParser) -> None:
    """The new key, what it may sign, and its consent."""
    parser.add_argument(
        "--kinds", required=True, metavar="KIND,…", help="what it may sign, of: " + ", ".join(DELEGABLE)
    )
    _accept_options(parser)
    parser.set_defaults(run=run_delegate)


def configure_rotate(parser: argparse.ArgumentParser) -> None:
    """The new key and its consent."""
    _accept_options(parser)
    parser.set_defaults(run=run_rotate)


def run_delegate(args: argparse.Namespace) -> int:
    """Bind a delegate, or make its consent."""
    kinds = sorted({kind.strip() for kind in args.kinds.split(",")} - {""})
    unknown = [kind for kind in kinds if kind not in DELEGABLE]
    if unknown or not kinds:
        raise InputError(
            f"{', '.join(unknown) or 'nothing'} can't be delegated", field="--kinds", expected=", ".join(DELEGABLE)
        )

    def message(origin: str, party: bytes) -> bytes:
        return delegate_message(origin=origin, party=party, kinds=kinds)

    return _bind(args, message, {"kind": "delegate", "kinds": kinds}, f"--kinds {','.join(kinds)}")


def run_rotate(args: argparse.Namespace) -> int:
    """Change the main key, or make the new one's consent."""

    def message(origin: str, party: bytes) -> bytes:
        return rotate_message(origin=origin, party=party)

    return _bind(args, message, {"kind": "rotate"}, "")


def _bind(args: argparse.Namespace, message: Any, fields: dict[str, Any], options: str) -> int:
    if args.make_accept:
        return _make_accept(args, message, fields["kind"], options)
    if args.party:
        raise InputError("--party goes with --make-accept: the signing key's own party is used here")
    new: Ed25519PrivateKey | None = None
    if args.file:
        if args.new_key or args.accept:
            raise InputError("NEWKEY's file makes --new-key and --accept needless: give one or the other")
        new = load_key(args.file)
        key, accept = public_bytes(new), b""
    elif args.new_key and args.accept:
        key = hex_bytes(args.new_key, length=32, field="--new-key")
        accept = hex_bytes(args.accept, length=64, field="--accept")
    else:
        raise InputError("no new key: give its file, or --new-key HEX and --accept HEX from --make-accept")
    signing = open_signing(args)
    party = _party_of(signing)
    if new is not None:
        accept = new.sign(message(signing.client.origin, party))
    ref, status = log_one(signing, {**fields, "key": key, "accept": accept})
    report(args, fields["kind"], ref, status, party=party.hex(), key=key.hex())
    if fields["kind"] == "rotate" and not args.json:
        print(f"from here on the party signs with {safe_line(args.file or 'the new key')}: --key, or USANCE_KEY")
    return OK


def _make_accept(args: argparse.Namespace, message: Any, command: str, options: str) -> int:
    if not args.party or args.file or args.new_key or args.accept:
        raise InputError("--make-accept needs --party HEX and --key with the NEW key's file, and nothing else of these")
    new = signing_key(args)
    party = hex_bytes(args.party, length=32, field="--party")
    accept = new.sign(message(need_log(args).origin, party)).hex()
    key = public_bytes(new).hex()
    line = " ".join(part for part in ("usance", command, "--new-key", key, "--accept", accept, options) if part)
    emit({"new_key": key, "accept": accept, "party": party.hex(), "command": line}, as_json=args.json,
         lines=[f"the party now runs, with its own --key, --node and --log:\n  {line}"])  # fmt: skip
    return OK


def _party_of(signing: Signing) -> bytes:
    party = signing.client.key_state(signing.public).party
    if party is None:
        raise InputError("this key has no party on the log yet: run `usance party NAME` with it first", field="--key")
    return party


def configure_revoke(parser: argparse.ArgumentParser) -> None:
    """Which key ends."""
    parser.add_argument("target", metavar="KEY", help="the key to end: 64 hexadecimal digits, its file or .vkey file")
    parser.add_argument("--reason", help="why, for everybody to read")
    parser.add_argument(
        "--end-party", action="store_true", help="needed to revoke the main key: it ends the party and all delegates"
    )
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_revoke)


def run_revoke(args: argparse.Namespace) -> int:
    """End a delegate; the main key only where that is said twice."""
    key = public_key_of(args.target)
    make_body({"kind": "revoke", "at": now_ms(), "key": key, **({"reason": args.reason} if args.reason else {})})
    signing = open_signing(args)
    state = signing.client.key_state(key)
    if state.party is None or state.party != signing.client.key_state(signing.public).party:
        raise InputError(f"{key.hex()} is no key of your party", field="KEY", expected="a delegate of it")
    if state.status != ACTIVE:
        raise InputError(f"that key is {state.status} already", field="KEY", expected="an active delegate")
    if state.role == MAIN and not args.end_party:
        raise InputError(
            "that is the party's main key: revoking it ends the party and its delegates for ever; add --end-party to "
            "do that"
        )
    ref, status = log_one(signing, {"kind": "revoke", "key": key, "reason": args.reason})
    report(args, "revoke", ref, status, key=key.hex())
    return OK
