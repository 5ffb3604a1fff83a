"""`usance key`: key files, and the public keys in them."""

from __future__ import annotations

import argparse
import os

from ledger.signrecord import write_durably
from node.cli.common import VKEY_FILE_BYTES_MAX, add_output, read_file
from node.cli.files import emit_file
from node.cli.outcome import OK
from node.errors import FileError
from node.keyfiles import load_key, new_key
from proofs.ed25519 import public_bytes
from proofs.errors import InputError
from proofs.note import TYPE_ED25519, VerifierKey, check_name, parse_vkey


def configure_key(parser: argparse.ArgumentParser) -> None:
    """`key new` and `key show`."""
    actions = parser.add_subparsers(dest="action", metavar="new|show", required=True)
    new = actions.add_parser("new", help="make a key file (PKCS#8 PEM, mode 0600) and its verifier key beside it")
    new.add_argument("file", metavar="FILE", help="the file to make; one that exists is never replaced")
    new.add_argument("--name", help="the name in the verifier key (default: the file's name without its ending)")
    add_output(new)
    new.set_defaults(run=run_new)
    show = actions.add_parser("show", help="print the verifier key of a key file")
    show.add_argument("file", metavar="FILE", help="a key file")
    show.add_argument("--name", help="the name in it (default: that of the .vkey file beside, or the file's name)")
    show.add_argument("--hex", action="store_true", help="print the 32-byte public key in hex instead")
    add_output(show)
    show.set_defaults(run=run_show)


def run_new(args: argparse.Namespace) -> int:
    """Make both files; the name is checked first, so that a bad one leaves nothing behind."""
    name = args.name if args.name is not None else _stem(args.file)
    _check_name(name)
    beside = _vkey_path(args.file)
    if os.path.exists(beside):
        raise FileError(f"{beside} exists already", field="FILE", expected="a new name: keys are never replaced")
    key = public_bytes(new_key(args.file))
    vkey = VerifierKey(name=name, type=TYPE_ED25519, key=key)
    write_durably(beside, vkey.text.encode() + b"\n")
    _print(args, vkey, vkey.text)
    return OK


def run_show(args: argparse.Namespace) -> int:
    """Read the private key, print its public half."""
    key = public_bytes(load_key(args.file))
    name = args.name if args.name is not None else _known_name(args.file, key)
    _check_name(name)
    vkey = VerifierKey(name=name, type=TYPE_ED25519, key=key)
    _print(args, vkey, key.hex() if args.hex else vkey.text)
    return OK


def _print(args: argparse.Namespace, vkey: VerifierKey, text: str) -> None:
    """As a file of it has it, whatever the locale."""
    value = {"file": args.file, "vkey": vkey.text, "key": vkey.key.hex(), "name": vkey.name}
    emit_file(value, f"{text}\n".encode(), as_json=args.json)


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _vkey_path(path: str) -> str:
    return os.path.splitext(path)[0] + ".vkey"


def _known_name(path: str, key: bytes) -> str:
    """The name that the .vkey file beside has for this key; without one, the file's name."""
    beside = _vkey_path(path)
    if os.path.exists(beside):
        text = read_file(beside, bytes_max=VKEY_FILE_BYTES_MAX, what="the verifier key").decode("utf-8", "replace")
        try:
            vkey = parse_vkey(text.strip())
        except InputError:
            return _stem(path)
        if vkey.key == key:
            return vkey.name
    return _stem(path)


def _check_name(name: str) -> None:
    try:
        check_name(name)
    except InputError as error:
        raise InputError(f"{error.detail}: give another --name", field="name", expected=error.expected) from None
