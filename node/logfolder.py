"""The keys in a node's folder, and the mark of a closed log (docs/log-keys.md). No package of the server is needed.

====================== ====================================================================================
``log.key``            the private key that signs; gone where a closed log's key was erased
``log.vkey``           its verifier key
``log-next.vkey``      while the key is changed: the new one. It is the mark: with it, the log signs with both
``log-next.key``       the new private key; without its vkey beside it, it has signed nothing
``log-old.vkey``       keys that the log signed with before, a line each, the oldest first
``log-cancelled.vkey`` new keys of changes that were cancelled
``log-old-<id>.key``   private keys that were replaced, where they were kept
``sign-record.json``   what was signed last (ledger/signrecord.py); of a closed log its closing note, too
``closed.json``        the closing note and the last checkpoint of a closed log
====================== ====================================================================================

A log is closed if ``closed.json`` or the sign record says so; a start writes the one that lacks it.

A key that has once been the log's own stays known as such: no party may use it, and no later change may bring it back.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StartupError
from ledger.signrecord import Signer, SignRecord, write_durably
from node.keyfiles import load_key
from proofs.checkpoint import log_vkey
from proofs.closing import Closing, open_closing
from proofs.ed25519 import public_bytes
from proofs.errors import InputError
from proofs.logkeys import LogKeys, parse_log_keys
from proofs.note import VerifierKey

LOG_KEY_FILE = "log.key"
LOG_VKEY_FILE = "log.vkey"
NEXT_KEY_FILE = "log-next.key"
NEXT_VKEY_FILE = "log-next.vkey"
OLD_VKEYS_FILE = "log-old.vkey"
CANCELLED_VKEYS_FILE = "log-cancelled.vkey"
CLOSED_FILE = "closed.json"
SIGN_RECORD_FILE = "sign-record.json"

CLOSED_FORMAT = "usance/closed-folder/v1"
CLOSED_BYTES_MAX = 65_536
VKEYS_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class Closed:
    """What a closed log's folder says. `note`: the closing note; `checkpoint`: the last one, signed."""

    closing: Closing
    note: bytes
    checkpoint: bytes


def read_vkeys(folder: str, name: str) -> tuple[VerifierKey, ...]:
    """The verifier keys in a file of the folder, none where it isn't there. Raises StartupError for a damaged one."""
    path = os.path.join(folder, name)
    data = _read(path, VKEYS_BYTES_MAX)
    if data is None:
        return ()
    try:
        if len(data) > VKEYS_BYTES_MAX:
            raise InputError(f"more than {VKEYS_BYTES_MAX} bytes")
        return parse_log_keys(data.decode("utf-8", "replace")).keys
    except InputError as error:
        raise StartupError(f"{path} holds no keys of a log ({error.detail}): put the right file back") from None


def _read(path: str, bytes_max: int) -> bytes | None:
    """A file of the folder, to a byte beyond `bytes_max` at most; None where it isn't there."""
    try:
        with open(path, "rb") as file:
            return file.read(bytes_max + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(f"can't read {path}: {error.strerror}") from None


def add_vkey(folder: str, name: str, key: VerifierKey) -> None:
    """Add a key to a list of the folder, durably; once, however often it is asked for. Raises as `read_vkeys`."""
    known = read_vkeys(folder, name)
    if key not in known:
        text = "".join(f"{each.text}\n" for each in (*known, key))
        write_durably(os.path.join(folder, name), text.encode())


def current_keys(folder: str) -> LogKeys:
    """The keys that the folder's log signs with. Raises StartupError where its vkey is missing or damaged."""
    return _of_files(folder, LOG_VKEY_FILE, NEXT_VKEY_FILE)


def known_keys(folder: str) -> LogKeys:
    """All keys that are or were the log's own, by the folder's vkey files; the present one first. StartupError."""
    return _of_files(folder, LOG_VKEY_FILE, NEXT_VKEY_FILE, OLD_VKEYS_FILE, CANCELLED_VKEYS_FILE)


def retired_keys(folder: str) -> tuple[VerifierKey, ...]:
    """Keys that the log has signed with and doesn't any more. Raises StartupError."""
    return read_vkeys(folder, OLD_VKEYS_FILE) + read_vkeys(folder, CANCELLED_VKEYS_FILE)


def policy_keys(folder: str) -> LogKeys:
    """What clients are to know, in the order of a policy: the oldest first, a new one last. Raises StartupError."""
    return _of_files(folder, OLD_VKEYS_FILE, LOG_VKEY_FILE, NEXT_VKEY_FILE)


def _of_files(folder: str, *names: str) -> LogKeys:
    found = [key for name in names for key in read_vkeys(folder, name)]
    try:
        return LogKeys(tuple(dict.fromkeys(found)))
    except InputError as error:
        raise StartupError(f"the log's keys in {folder} can't be read ({error.detail}): put log.vkey back") from None


def load_signing_keys(folder: str, origin: str) -> tuple[Ed25519PrivateKey, ...]:
    """The private keys that sign: the log's, and while it is changed the new one after it.

    A change whose last step was cut, with the new key in place already, is over. Raises InputError for a key file that
    is missing or not as it should be, StartupError where the new key isn't the one that its vkey says.
    """
    key = load_key(os.path.join(folder, LOG_KEY_FILE))
    following = next_vkey(folder)
    if following is None or following == log_vkey(origin=origin, public_key=public_bytes(key)):
        return (key,)
    new = load_key(os.path.join(folder, NEXT_KEY_FILE))
    if log_vkey(origin=origin, public_key=public_bytes(new)) != following:
        raise StartupError(
            f"{NEXT_KEY_FILE} is another key than {NEXT_VKEY_FILE} says: put the right one back, or end the change by "
            f"`usance node rekey {folder} cancel`"
        )
    return key, new


def next_vkey(folder: str) -> VerifierKey | None:
    """The new key of a change under way, None where there is none. Raises StartupError."""
    found = read_vkeys(folder, NEXT_VKEY_FILE)
    return found[0] if found else None


def read_closed(folder: str, keys: LogKeys, record: SignRecord | None) -> Closed | None:
    """How the log was closed, by its file or its sign record; None where it is open. Raises StartupError for a damaged
    file, another log's, or one that says another end than the record."""
    closed = _read_closed_file(folder, keys)
    if record is None or record.closing is None:
        return closed
    recorded = Closed(open_closing(record.closing, keys), record.closing, record.note)
    if closed is not None and closed.closing != recorded.closing:
        raise StartupError(
            f"{os.path.join(folder, CLOSED_FILE)} says that the log was closed at size {closed.closing.size}, the sign "
            f"record at {recorded.closing.size}: put the right one back; a closed log never opens again"
        )
    return closed or recorded


def _read_closed_file(folder: str, keys: LogKeys) -> Closed | None:
    path = os.path.join(folder, CLOSED_FILE)
    data = _read(path, CLOSED_BYTES_MAX)
    if data is None:
        return None
    try:
        value = json.loads(data.decode()) if len(data) <= CLOSED_BYTES_MAX else None
        if not isinstance(value, dict) or value.get("format") != CLOSED_FORMAT:
            raise InputError("another format")
        note, checkpoint = value["closing"].encode(), value["checkpoint"].encode()
        return check_closed(note, checkpoint, keys)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, InputError) as error:
        raise StartupError(
            f"{path} is damaged or another log's ({error}): put the right one back; a closed log never opens again"
        ) from None


def check_closed(note: bytes, checkpoint: bytes, keys: LogKeys) -> Closed:
    """A closing note and the checkpoint that it ends with, both signed by the log. Raises InputError."""
    closing = open_closing(note, keys)
    head = keys.open_checkpoint(checkpoint)
    if (head.size, head.root) != (closing.size, closing.root):
        raise InputError("the checkpoint isn't the one that the log was closed at", field="checkpoint")
    return Closed(closing, note, checkpoint)


def keep_closed(folder: str, signer: Signer, closed: Closed) -> None:
    """Mark the folder's log as closed, durably: the file, then the sign record; what is there stays. A crash between
    leaves a closed log, too, and the next start writes the other. Raises StorageError."""
    path = os.path.join(folder, CLOSED_FILE)
    if not os.path.exists(path):
        value = {"format": CLOSED_FORMAT, "closing": closed.note.decode(), "checkpoint": closed.checkpoint.decode()}
        write_durably(path, json.dumps(value, indent=1).encode() + b"\n")
    signer.end(closed.note, closed.checkpoint)
