"""The start-up question to witnesses: has one of them seen more of this log than the database holds (section 8)?"""

from __future__ import annotations

import hashlib
import http.client
import logging
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

from ledger.errors import StartupError
from ledger.tree import TreeView
from node.config import Config
from node.logs import event
from proofs import cosignature
from proofs.checkpoint import Checkpoint, parse_checkpoint
from proofs.errors import InputError
from proofs.logkeys import LogKeys
from proofs.note import NOTE_BYTES_MAX, Note, VerifierKey, parse_note, parse_vkey, signature_by

log = logging.getLogger("usance.witness")
TIMEOUT_S = 10
NO_ANSWER = "no-answer"
STATES = ("agrees", "knows-nothing", NO_ANSWER)
"""What a witness may have said at a start that went on."""


def ask_witnesses(config: Config, log_keys: LogKeys) -> Iterator[tuple[str, str, Checkpoint | None]]:
    """Ask each configured witness for the newest checkpoint that it saw of this log: (prefix, state, checkpoint).

    A witness that doesn't answer, or answers nothing that the log signed, is logged and passed over: anybody could
    stop a node otherwise.
    """
    keys = [parse_vkey(text) for text in config.witness_keys]
    for prefix in config.witnesses:
        try:
            note = _fetch(prefix, config.origin)
            seen = _judge(note, log_keys, keys) if note is not None else None
        except (InputError, OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a bad URL
            log.warning(
                "witness %s gave no usable answer: %s", prefix, error, extra=event("witness-no-answer", witness=prefix)
            )
            yield prefix, NO_ANSWER, None
        else:
            yield prefix, "agrees" if seen is not None else "knows-nothing", seen


def check_witnesses(config: Config, log_keys: LogKeys, tree: TreeView) -> dict[str, str]:
    """Hold the database against what each configured witness saw of this log; its state by its prefix.

    Raises StartupError where one has seen a larger tree, or another one of a size that this log has had.
    """
    states: dict[str, str] = {}
    for prefix, state, seen in ask_witnesses(config, log_keys):
        states[prefix] = state
        if seen is None:
            continue
        if seen.size > tree.size:
            raise StartupError(
                f"the witness {prefix} has seen {seen.size} entries, the database holds {tree.size}: it was rolled "
                "back. Restore the missing entries before this node runs again"
            )
        if tree.root_at(seen.size) != seen.root:
            raise StartupError(
                f"the witness {prefix} has seen another tree of {seen.size} entries: this database is a fork. Restore "
                "the one that was witnessed"
            )
    return states


def _fetch(prefix: str, origin: str) -> bytes | None:
    """What the witness serves, within TIMEOUT_S altogether: the timeout of a socket begins anew with every byte, so a
    witness that drips could hold up a start for ever."""
    url = f"{prefix.rstrip('/')}/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
    answer: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(_get(url))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, name="usance-witness", daemon=True).start()
    try:
        found = answer.get(timeout=TIMEOUT_S)
    except queue.Empty:
        raise TimeoutError(f"no whole answer within {TIMEOUT_S} s") from None
    if isinstance(found, Exception):
        raise found
    return found


def _get(url: str) -> bytes | None:
    try:
        # The configuration allows http and https only.
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            data: bytes = answer.read(NOTE_BYTES_MAX + 1)
            return data
    except urllib.error.HTTPError as error:
        if error.code == 404:  # it has seen nothing of this log
            return None
        raise


def _judge(data: bytes, log_keys: LogKeys, keys: list[VerifierKey]) -> Checkpoint:
    note: Note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    log_keys.check(note, checkpoint.origin)
    if keys and not any(_cosigned(note, key) for key in keys):
        raise InputError("not cosigned by a configured witness")
    return checkpoint


def _cosigned(note: Note, key: VerifierKey) -> bool:
    try:
        signature = signature_by(note, key)
        if signature is not None:
            cosignature.check(text=note.text, signature=signature, key=key)
    except InputError:
        return False
    return signature is not None
