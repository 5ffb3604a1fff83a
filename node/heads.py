"""The last verified checkpoint of each log, on disk: what makes a client notice a log that shows two histories.

One file a log key, holding the signed note itself, so that it proves what was seen; replaced as a whole under a lock
that other processes of the same user share. A crash leaves the old note or the new one.
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
from proofs.checkpoint import Checkpoint, open_checkpoint
from proofs.errors import InputError
from proofs.note import NOTE_BYTES_MAX, VerifierKey

_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")
_NAME_CHARS_MAX = 48


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that this user has verified, with its note."""

    note: bytes
    checkpoint: Checkpoint


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


class HeadStore:
    """The file of one log's key. Any number of threads and processes may use the same file."""

    def __init__(self, folder: str, vkey: VerifierKey) -> None:
        """`folder` is made when something is first kept, readable by its owner only."""
        name = _PLAIN.sub("_", vkey.name)[:_NAME_CHARS_MAX]
        self._folder = folder
        self._vkey = vkey
        self.path = os.path.join(folder, f"{name}-{sha256(vkey.text.encode()).hexdigest()[:16]}.checkpoint")

    def load(self) -> Head | None:
        """What was kept last, None where nothing was. Raises StorageError for a file that is damaged."""
        try:
            with open(self.path, "rb") as file:
                note = file.read(NOTE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"can't read {self.path}: {error.strerror}; mend its permissions") from None
        try:
            return Head(note, open_checkpoint(note, self._vkey))
        except InputError as error:
            raise StorageError(
                f"{self.path} is damaged ({error.detail}): move it away; the next checkpoint is then taken as the first"
            ) from None

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
        path = f"{self.path.removesuffix('.checkpoint')}.fork-{sha256(note).hexdigest()[:16]}"
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
