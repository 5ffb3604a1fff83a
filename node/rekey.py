"""Changing a log's own signing key (docs/log-keys.md), on the folder of a node that stands still.

``begin`` → the log signs with both keys from its next start on → clients are told → ``finish``, or ``cancel``.

Each step writes what makes the next one safe before it, and one rename or unlink decides:

- begin: the new private key, then its vkey. The vkey's rename decides: without it the key beside has signed nothing.
- finish: the old vkey among the retired ones, the old private key aside, then the new private key in place of the old.
  That rename decides. What is left to do (log.vkey, the mark) is done by the next `finish`; a node starts all the same.
- cancel: the new vkey among the cancelled ones, then the mark is removed, which decides, then the new private key.

The database is held open all the while, so that no node runs and no second command changes the folder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StorageError
from ledger.leveldb import LevelStore
from ledger.signrecord import settle, write_durably
from ledger.state import State
from node.keyfiles import KEY_FILE_BYTES_MAX, load_key, save_key
from node.logfolder import (
    CANCELLED_VKEYS_FILE,
    LOG_KEY_FILE,
    LOG_VKEY_FILE,
    NEXT_KEY_FILE,
    NEXT_VKEY_FILE,
    OLD_VKEYS_FILE,
    add_vkey,
    next_vkey,
    policy_keys,
    read_vkeys,
)
from node.server import DATABASE_FOLDER, OpenNode, load_config, open_node
from proofs.checkpoint import log_vkey
from proofs.ed25519 import public_bytes
from proofs.errors import InputError
from proofs.logkeys import KEYS_MAX, LogKeys
from proofs.note import VerifierKey, parse_note


@dataclass(frozen=True, slots=True)
class KeyChange:
    """Where a change stands. `state`: none, begun (the log hasn't signed with the new key yet), both, or cut (finish
    has to be run once more); `keys`: what clients are to know, the oldest first."""

    state: str
    keys: LogKeys


def policy_text(keys: LogKeys) -> str:
    """The trust policy to hand out to clients: the log's keys, no witnesses."""
    lines = "".join(f"log {key.text}\n" for key in keys.keys)
    return f"# The keys of {keys.origin}, the oldest first: keep their order.\n{lines}quorum none\n"


def change_state(folder: str) -> KeyChange:
    """Where the change of a stopped node's folder stands; nothing is changed. Raises as `open_node`."""
    with _stopped(folder) as node:
        return KeyChange(_state(folder, node), policy_keys(folder))


def begin(folder: str, *, key_file: str | None = None) -> KeyChange:
    """Add a new key, made here or read from `key_file`; from its next start on the log signs with both.

    Raises InputError where a change is under way, the log is closed, or the key is known already: as one that the log
    has had, or as a party's; else as `open_node`.
    """
    with _stopped(folder) as node:
        if node.closed is not None:
            raise InputError("the log is closed for good: it signs nothing more", field="DIR", expected="an open log")
        if next_vkey(folder) is not None:
            raise InputError(
                "the log's key is being changed already", field="DIR",
                expected=f"`usance node rekey {folder} finish` or `cancel` first",
            )  # fmt: skip
        key = load_key(key_file) if key_file is not None else Ed25519PrivateKey.generate()
        vkey = log_vkey(origin=node.config.origin, public_key=public_bytes(key))
        _check_new(node, vkey)
        path = os.path.join(folder, NEXT_KEY_FILE)
        with _storing(path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # of a begin that was cut: it has signed nothing
        save_key(path, key)
        settle(path)  # its name, too, before the mark's
        write_durably(os.path.join(folder, NEXT_VKEY_FILE), vkey.text.encode() + b"\n")
    return KeyChange("begun", policy_keys(folder))


def _check_new(node: OpenNode, vkey: VerifierKey) -> None:
    known = node.signer.keys
    if vkey.key in known.public:
        raise InputError("this key is or was the log's own", field="--new", expected="a key that was never used")
    if len(known.keys) + 1 >= KEYS_MAX:
        raise InputError(f"the log has had {len(known.keys)} keys", field="DIR", expected=f"fewer than {KEYS_MAX - 1}")
    LogKeys((*known.keys, vkey))
    if State(node.store).key(vkey.key) is not None:
        raise InputError(
            "this key is a party's on this log: one key has one role", field="--new", expected="a key of its own"
        )


def finish(folder: str, *, erase_old: bool = False) -> KeyChange:
    """Make the new key the only one. The old private key is kept aside, or with `erase_old` not at all.

    Raises InputError where no change is under way, or the log hasn't signed with the new key yet.
    """
    with _stopped(folder) as node:
        state = _state(folder, node)
        new = next_vkey(folder)
        if new is None:
            raise InputError(
                "the log's key isn't being changed", field="DIR", expected=f"`usance node rekey {folder} begin` first"
            )
        if state == "begun":
            raise InputError(
                "the log hasn't signed with its new key yet: start the node once, and give clients the policy with "
                "both keys before you finish",
                field="DIR", expected="a last checkpoint that both keys have signed",
            )  # fmt: skip
        if state == "both":
            _replace_key(folder, node.signer.vkeys[0], erase_old=erase_old)
        if erase_old:
            _erase_old(folder)
        write_durably(os.path.join(folder, LOG_VKEY_FILE), new.text.encode() + b"\n")
        _remove(os.path.join(folder, NEXT_VKEY_FILE))
    return KeyChange("none", policy_keys(folder))


def _replace_key(folder: str, old: VerifierKey, *, erase_old: bool) -> None:
    path = os.path.join(folder, LOG_KEY_FILE)
    add_vkey(folder, OLD_VKEYS_FILE, old)
    with _storing(path):
        if not erase_old:
            with open(path, "rb") as file:
                data = file.read(KEY_FILE_BYTES_MAX)
            write_durably(os.path.join(folder, f"log-old-{old.id.hex()}.key"), data, mode=0o600)
        os.rename(os.path.join(folder, NEXT_KEY_FILE), path)
    settle(path)


def _erase_old(folder: str) -> None:
    """Remove the copy of the key replaced last that a run which was cut, and was to keep it, has left."""
    old = read_vkeys(folder, OLD_VKEYS_FILE)
    for ending in (".key.tmp", ".key") if old else ():
        _remove(os.path.join(folder, f"log-old-{old[-1].id.hex()}{ending}"))


def cancel(folder: str) -> KeyChange:
    """End a change without it: the old key stays the only one. Works without the new private key, too.

    Raises InputError where no change is under way, or the new key has replaced the old one already.
    """
    with contextlib.closing(LevelStore(os.path.join(folder, DATABASE_FOLDER))):
        new = next_vkey(folder)
        if new is None:
            raise InputError("the log's key isn't being changed", field="DIR", expected="a change under way")
        if public_bytes(load_key(os.path.join(folder, LOG_KEY_FILE))) == new.key:
            raise InputError(
                "the new key is in place of the old one already", field="DIR",
                expected=f"`usance node rekey {folder} finish`, to do what is left",
            )  # fmt: skip
        add_vkey(folder, CANCELLED_VKEYS_FILE, new)
        _remove(os.path.join(folder, NEXT_VKEY_FILE))
        _remove(os.path.join(folder, NEXT_KEY_FILE))
    return KeyChange("none", policy_keys(folder))


def _state(folder: str, node: OpenNode) -> str:
    new = next_vkey(folder)
    if new is None:
        return "none"
    if len(node.signer.vkeys) < 2:
        return "cut" if node.closed is None else "none"
    last = node.signer.last
    signers = node.signer.keys.check(parse_note(last.note), node.config.origin) if last is not None else ()
    return "both" if new in signers else "begun"


@contextlib.contextmanager
def _stopped(folder: str) -> Iterator[OpenNode]:
    """The folder of a node that doesn't run, held so that none starts, with everything checked that a start checks."""
    node = open_node(folder, load_config(folder))
    try:
        yield node
    finally:
        node.store.close()


@contextlib.contextmanager
def _storing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"can't change {path}: {error.strerror}; mend it, then run the same command again") from None


def _remove(path: str) -> None:
    """Remove a file, durably; nothing where it isn't there."""
    with _storing(path), contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    settle(os.path.dirname(os.path.abspath(path)))
