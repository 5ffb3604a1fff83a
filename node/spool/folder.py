"""A spool's folder: which files are in it, who is at work on them, and how they leave it (docs/spool.md).

Writers and senders share it without knowing of each other: a writer appends to a segment of its own and holds a lock on
it while it lives; one sender at a time holds the lock of `sender.lock`. A segment leaves the folder in one of two ways:
deleted, when everything in it is settled, or moved to `damaged/` with a note beside it that says why.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import BinaryIO

from ledger.errors import StorageError
from ledger.signrecord import write_durably
from node.errors import FileError
from node.heads import state_folder
from node.spool.errors import SpoolBusyError
from node.spool.segment import is_segment_name
from proofs.checkpoint import parse_log_vkey

LOCK_FILE = "sender.lock"
STATE_FILE = "sender.state"
DEAD_FILE = "dead.jsonl"
RETRY_FILE = "retry.json"
IMPORTED_FILE = "imported.json"
TRY_FILE = "last-try.json"
DAMAGED_FOLDER = "damaged"
_POLL_S = 0.05
_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")
_NAME_CHARS_MAX = 48


def spool_path(environment: Mapping[str, str], vkey: str) -> str:
    """The folder of a log's spool: USANCE_SPOOL, or one named after the log's verifier key in the state folder."""
    own = environment.get("USANCE_SPOOL")
    if own:
        return own
    name = _PLAIN.sub("_", parse_log_vkey(vkey).name)[:_NAME_CHARS_MAX]
    return os.path.join(state_folder(environment), "spool", f"{name}-{sha256(vkey.encode()).hexdigest()[:16]}")


def sync_folder(path: str) -> None:
    """Make renames and deletions in a folder durable. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SpoolFolder:
    """The folder of one spool. Any number of threads and processes may have one of these of the same folder."""

    def __init__(self, path: str) -> None:
        """`path` needn't exist yet."""
        self.path = os.path.abspath(path)

    def make(self) -> None:
        """Make the folder, readable by its owner only, if it isn't there. Raises StorageError."""
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"can't make the spool {self.path}: {error.strerror}; set USANCE_SPOOL to a writable folder"
            ) from None

    def file(self, name: str) -> str:
        """The path of a file in the folder."""
        return os.path.join(self.path, name)

    def segments(self) -> list[str]:
        """The names of all segments, those of each writer in its order. Raises StorageError."""
        try:
            names = [name for name in os.listdir(self.path) if is_segment_name(name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"can't read the spool {self.path}: {error.strerror}; mend its permissions") from None
        return sorted(names)

    def open(self, name: str) -> BinaryIO | None:
        """A segment, for reading; None where it is gone meanwhile. Raises StorageError."""
        try:
            return open(self.file(name), "rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"can't read {self.file(name)}: {error.strerror}; mend its permissions") from None

    @contextlib.contextmanager
    def sending(self, *, wait_s: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Hold the folder against every other sender. `wait_s`: how long to wait for one that is at work.

        Raises SpoolBusyError where it takes longer, StorageError where the folder can't be written, FileError where
        anybody can write in it.
        """
        self.make()
        self._check_mode()
        try:
            handle = os.open(self.file(LOCK_FILE), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(
                f"can't write in the spool {self.path}: {error.strerror}; mend its permissions or the disk"
            ) from None
        _held.add(handle)
        try:
            for _ in range(max(1, round(wait_s / _POLL_S) + 1)):
                if _lock(handle):
                    break
                sleep(_POLL_S)
            else:
                raise SpoolBusyError(
                    f"another program is sending from {self.path}: wait until it is done", retry_after_s=1
                )
            yield
        finally:
            _held.discard(handle)
            os.close(handle)

    def _check_mode(self) -> None:
        """What lies here is signed with the sender's key, so strangers must not be able to put anything here."""
        try:
            mode = stat.S_IMODE(os.stat(self.path).st_mode)
        except OSError as error:
            raise StorageError(f"can't read the spool {self.path}: {error.strerror}; mend its permissions") from None
        if mode & stat.S_IWOTH:
            raise FileError(
                f"{self.path} has mode {mode:04o}: anybody can put records there, to be signed with your key",
                field="spool", expected=f"mode 0700: chmod 700 {self.path}, or name a new folder in it",
            )  # fmt: skip

    def delete(self, names: list[str]) -> None:
        """Delete settled segments, durably: one that came back after a loss of power would be logged again once its
        position is forgotten. Raises StorageError."""
        try:
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.file(name))
            if names:
                sync_folder(self.path)
        except OSError as error:
            raise StorageError(f"can't delete in {self.path}: {error.strerror}; mend its permissions") from None

    def put_aside(self, name: str, note: dict[str, object]) -> str:
        """Move a damaged segment to `damaged/`, with a note of what is known of it; answers where it is then.

        The note is there first, so a crash leaves the segment here (to be moved again) or there. Raises StorageError.
        """
        folder = self.file(DAMAGED_FOLDER)
        target = os.path.join(folder, name)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            write_durably(target + ".json", json.dumps(note, indent=1).encode() + b"\n", mode=0o600)
            os.rename(self.file(name), target)
            sync_folder(folder)
            sync_folder(self.path)
        except OSError as error:
            raise StorageError(f"can't move {self.file(name)} to {folder}: {error.strerror}; mend the disk") from None
        return target

    def damaged(self) -> list[dict[str, object]]:
        """The notes of the segments that were put aside, oldest first. Raises StorageError."""
        folder = self.file(DAMAGED_FOLDER)
        try:
            names = sorted(name for name in os.listdir(folder) if is_segment_name(name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"can't read {folder}: {error.strerror}; mend its permissions") from None
        return [self._note(os.path.join(folder, name)) for name in names]

    @staticmethod
    def _note(path: str) -> dict[str, object]:
        try:
            with open(path + ".json", "rb") as file:
                note = json.loads(file.read(65_536))
        except (OSError, ValueError, RecursionError):
            note = None
        return {**(note if isinstance(note, dict) else {}), "file": path}


def is_alone(file: BinaryIO) -> bool:
    """Whether no writer has the segment open any more; nothing can be appended to it then, as writers never open a
    segment of a spool again. Holds it from here on, until the file is closed."""
    return _lock(file.fileno())


def has_writer(file: BinaryIO) -> bool:
    """Whether a writer has the segment open, for a reader that doesn't send."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file.fileno(), fcntl.LOCK_UN)
    return False


def open_outside(path: str) -> BinaryIO:
    """A spool file that the user named. Raises FileError."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="FILE") from None


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


_held: set[int] = set()
"""Open handles of `sender.lock`. Owner: the interpreter's lock."""


def _after_fork() -> None:
    """A child that kept its parent's handle would hold the lock for its whole life, though nothing in it sends."""
    for handle in _held:
        with contextlib.suppress(OSError):
            os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)
