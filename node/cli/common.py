"""What commands share: their common options, the log's key, the signing key, and the client made of them."""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node import environment
from node.access import Access, find_access
from node.agents.agent import Agent
from node.cli.progress import steps
from node.cli.text import note_line
from node.client import Client
from node.environment import VKEY_FILE_BYTES_MAX as VKEY_FILE_BYTES_MAX
from node.environment import read_file as read_file
from node.heads import state_folder
from node.keyfiles import load_key
from node.sources import HttpSource
from proofs.ed25519 import check_public_key, public_bytes
from proofs.errors import InputError, excerpt
from proofs.logkeys import LogKeys
from proofs.note import parse_vkey
from proofs.policy import Policy, log_policy

NOTED_WAIT_S = 3.0
"""A command that waits this long says so."""


def add_output(parser: argparse.ArgumentParser) -> None:
    """--json and --debug."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--debug", action="store_true", help="show a traceback where something fails")


def add_log(parser: argparse.ArgumentParser) -> None:
    """--log and --policy."""
    parser.add_argument(
        "--log", metavar="VKEY", help="the log's verifier key, or a file of its keys, one a line (or USANCE_LOG)"
    )
    parser.add_argument(
        "--policy", metavar="FILE",
        help="a trust policy instead (or USANCE_POLICY): its `log` lines are the log's keys; its quorum counts for "
        "files and audits",
    )  # fmt: skip


def add_node(parser: argparse.ArgumentParser) -> None:
    """--node, --log and --policy, with --json and --debug."""
    group = parser.add_argument_group("the log")
    group.add_argument("--node", metavar="URL", help="the node to talk to (or USANCE_NODE)")
    add_log(group)  # type: ignore[arg-type]
    add_access(group)  # type: ignore[arg-type]
    add_output(parser)


def add_access(parser: argparse.ArgumentParser) -> None:
    """--token-file and --ca-file."""
    parser.add_argument(
        "--token-file", metavar="FILE",
        help="the token of a reader, where the node asks for one (or the token itself in USANCE_TOKEN)",
    )  # fmt: skip
    parser.add_argument(
        "--ca-file", metavar="FILE",
        help="certificates (PEM) to trust in place of the system's, for an https node (or USANCE_CA_FILE)",
    )  # fmt: skip


def node_access(args: argparse.Namespace) -> Access:
    """The token and the certificates that the options name. Raises InputError."""
    return find_access(os.environ, token_file=args.token_file, ca_file=args.ca_file)


def add_key(parser: argparse.ArgumentParser) -> None:
    """--key."""
    parser.add_argument("--key", metavar="FILE", help="the key file that signs (or USANCE_KEY)")


def need_detect() -> None:
    """Before a module of node/detect that needs arrays is imported. Raises InputError where they aren't installed."""
    if importlib.util.find_spec("numpy") is None:
        raise InputError(
            "numpy is not installed: install the detect extra", expected="pip install 'usance[detect]'"
        )  # fmt: skip


def now_ms() -> int:
    """Unix milliseconds by this machine's clock."""
    return time.time_ns() // 1_000_000


def find_log(args: argparse.Namespace) -> LogKeys | None:
    """The log's keys from --log or --policy, else from USANCE_POLICY or USANCE_LOG. None where none is given.

    Raises InputError for keys that can't be read, and for a policy that knows several logs.
    """
    return environment.find_log_keys(os.environ, log=args.log, policy=args.policy)


def need_log(args: argparse.Namespace) -> LogKeys:
    """The log's keys. Raises InputError where none is given."""
    return environment.need_log_keys(os.environ, log=args.log, policy=args.policy)


def find_policy(args: argparse.Namespace) -> Policy | None:
    """The trust policy from --policy or USANCE_POLICY, or the one that knows the log of --log alone; None where none of
    them is given."""
    policy = environment.find_policy(os.environ, log=args.log, policy=args.policy)
    if policy is not None:
        return policy
    keys = find_log(args)
    return None if keys is None else log_policy(keys)


def need_node(args: argparse.Namespace) -> str:
    """The node's URL. Raises InputError where it isn't given."""
    url = args.node or os.environ.get("USANCE_NODE")
    if not url:
        raise InputError("no node is named: give --node URL or set USANCE_NODE")
    return str(url)


def _wait(seconds: float) -> None:
    """Sleep; a wait that a person would notice is told."""
    if seconds >= NOTED_WAIT_S:
        note_line(f"the node is busy, or a quota is spent: trying again in {seconds:.0f} s")
    time.sleep(seconds)


def open_client(args: argparse.Namespace) -> Client:
    """A verifying client of the node and log that the options name; closed when the command ends."""
    client = Client(
        need_node(args), need_log(args), state_folder=state_folder(os.environ), access=node_access(args), sleep=_wait
    )
    args.at_end.callback(client.close)
    return client


def signing_key(args: argparse.Namespace) -> Ed25519PrivateKey:
    """The key that signs. Raises InputError where none is named or the file isn't as it should be."""
    path = args.key or os.environ.get("USANCE_KEY")
    if not path:
        raise InputError("no key is named: give --key FILE or set USANCE_KEY; `usance key new FILE` makes one")
    return load_key(path)


def public_key_of(text: str) -> bytes:
    """A public key from 64 hexadecimal digits, a key file, or a verifier key or its file. Raises InputError."""
    if len(text) == 64 and not os.path.exists(text):
        key = hex_bytes(text, length=32, field="key")
    elif text.endswith(".vkey") and os.path.exists(text):
        data = read_file(text, bytes_max=VKEY_FILE_BYTES_MAX, what="the verifier key")
        key = parse_vkey(data.decode("utf-8", "replace").strip()).key
    elif os.path.exists(text):
        key = public_bytes(load_key(text))
    elif text.count("+") >= 2:
        key = parse_vkey(text).key
    else:
        expected = "64 hexadecimal digits, a verifier key, or a file of either key"
        raise InputError(f"{excerpt(text)} is no key", field="key", expected=expected)
    check_public_key(key)
    return key


def party_bytes(text: str, *, field: str) -> bytes:
    """A party's first key from 64 hexadecimal digits, or from its key file or .vkey file. Raises InputError naming
    `field`."""
    if os.path.isfile(text):
        return public_key_of(text)
    try:
        return hex_bytes(text, length=32, field=field)
    except InputError:
        expected = "the party's first key, 64 hexadecimal digits, or a file of it"
        raise InputError(f"{excerpt(text)} is no key", field=field, expected=expected) from None


def hex_bytes(text: str, *, length: int, field: str) -> bytes:
    """Exactly `length` bytes from hexadecimal digits. Raises InputError naming `field`."""
    try:
        value = bytes.fromhex(text) if text.isalnum() else b""
    except ValueError:
        value = b""
    if len(value) != length:
        raise InputError(f"{excerpt(text)} is not hex", field=field, expected=f"{2 * length} hexadecimal digits")
    return value


@dataclass(frozen=True, slots=True)
class Signing:
    """A client and the key that signs, as most writing commands need them."""

    client: Client
    key: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return public_bytes(self.key)


def open_signing(args: argparse.Namespace) -> Signing:
    """The key first, so that a wrong file is noticed without a network."""
    key = signing_key(args)
    return Signing(open_client(args), key)


def open_agent(args: argparse.Namespace) -> Agent:
    """An agent of the signing key's party; what it opens is closed when the command ends."""
    signing = open_signing(args)
    source = HttpSource(need_node(args), access=node_access(args))
    args.at_end.callback(source.close)
    return Agent(signing.client, source, signing.key, now_ms, show=steps(quiet=args.json))
