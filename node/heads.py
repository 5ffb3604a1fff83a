"""The last verified checkpoint of each log, on disk: what makes a client notice a log that shows two histories.

One file a log, named by the first of the keys that its reader knows, holding the signed note itself, so that it proves
what was seen; replaced as a whole under a lock that other processes of the same user share. A crash leaves the old note
or the new one.

A log whose signing key changes stays one history: files that are named by another of the known keys count as well,
and where none of them is there, any file of this origin whose note one of the keys has signed, as those of the time
when the log signed with both.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from ledger.errors import StorageError
from ledger.signrecord import write_durably
from proofs.checkpoint import Checkpoint
from proofs.errors import InputError
from proofs.logkeys import LogKeys, log_keys
from proofs.note import NOTE_BYTES_MAX, VerifierKey

_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")
_NAME_CHARS_MAX = 48
_ENDING = ".checkpoint"


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that this user has verified, with its note and the file that keeps it."""

    note: bytes
    checkpoint: Checkpoint
    path: str


def state_folder(environment: Mapping[str, str]) -> str:
    """$USANCE_STATE, or `usance` in $XDG_STATE_HOME, or ~/.local/state/usance."""
    own = environment.get("USANCE_STATE")
    if own:
        return own
    base = environment.get("XDG_STATE_HOME", "")
    # The XDG specification says that a relative path there is to be ignored.
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "usance")


def log_name(key: VerifierKey) -> str:
    """How files and folders of a log are called: its origin in plain characters, and 16 hex digits of its key."""
    return f"{_PLAIN.sub('_', key.name)[:_NAME_CHARS_MAX]}-{sha256(key.text.encode()).hexdigest()[:16]}"


class HeadStore:
    """The file of one log. Any number of threads and processes may use the same file."""

    def __init__(self, folder: str, keys: VerifierKey | LogKeys) -> None:
        """`folder` is made when something is first kept, readable by its owner only."""
        self._folder = folder
        self._keys = log_keys(keys)
        self._stem = _PLAIN.sub("_", self._keys.origin)[:_NAME_CHARS_MAX]
        paths = [os.path.join(folder, f"{log_name(key)}{_ENDING}") for key in self._keys.keys]
        self.path, self._others = paths[0], paths[1:]

    def load(self) -> Head | None:
        """The largest that was kept, None where none was. Raises StorageError for a file that is damaged."""
        heads = self.heads()
        return heads[0] if heads else None

    def heads(self) -> list[Head]:
        """Everything that was kept of this log, one a file, the largest first. Raises StorageError as `load`."""
        found = [head for path in (self.path, *self._others) if (head := self._read(path)) is not None]
        return sorted(found or self._adopted(), key=lambda head: head.checkpoint.size, reverse=True)

    def _read(self, path: str) -> Head | None:
        try:
            with open(path, "rb") as file:
                note = file.read(NOTE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"can't read {path}: {error.strerror}; mend its permissions") from None
        try:
            return Head(note, self._keys.open_checkpoint(note), path)
        except InputError as error:
            raise StorageError(
                f"{path} is damaged, or signed by a key that wasn't given ({error.detail}): give all keys of the log "
                "(docs/log-keys.md), or move it away; the next checkpoint is then taken as the first"
            ) from None

    def _adopted(self) -> list[Head]:
        """Notes under names of keys that aren't known here, which a known key has signed. Others of this origin are
        those of another log, or of keys that this reader doesn't trust."""
        found = []
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return []
        for name in names:
            if name.startswith(f"{self._stem}-") and name.endswith(_ENDING):
                with contextlib.suppress(StorageError):
                    head = self._read(os.path.join(self._folder, name))
                    found += [head] if head is not None else []
        return found

    def replace(self, old: Head | None, note: bytes) -> bool:
        """Keep a verified note, if `old` is still what is kept; answers whether it was. Raises StorageError."""
        with self._locked():
            now = self.load()
            if (now.note if now else None) != (old.note if old else None):
                return False
            write_durably(self.path, note, mode=0o600)
            return True

    def keep_evidence(self, note: bytes) -> str:
        """Keep a validly signed note that contradicts what was seen, beside it; answers the file's path."""
        path = f"{self.path.removesuffix(_ENDING)}.fork-{sha256(note).hexdigest()[:16]}"
        with self._locked():
            write_durably(path, note, mode=0o600)
        return path

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            handle = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(
                f"can't keep checkpoints in {self._folder}: {error.strerror}; set USANCE_STATE to a writable folder"
            ) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
