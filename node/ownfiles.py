"""Small files of a user's own: reading those that a user wrote, or in which a sender keeps where it stands, and holding
the folder of one that several programs change."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from node.errors import FileError

_POLL_S = 0.02


def read_own(path: str, *, bytes_max: int, field: str) -> bytes | None:
    """The file's bytes, None where there is none; of one of more than `bytes_max` a byte beyond them at most, which its
    reader is to take for damage. Raises FileError, about `field`, where it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read(bytes_max + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}; mend its permissions", field=field) from None


def unblocked(path: str, flags: int) -> int:
    """An opener for `open`: a pipe in a file's place doesn't make the program wait."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@contextmanager
def held_folder(path: str, *, doing: str, field: str, wait_s: float = 0) -> Iterator[None]:
    """Hold the folder that a file is in, or comes to be in, against other programs that do the same: whoever reads,
    changes and replaces the file in it loses nothing of theirs. Waits up to `wait_s` seconds for it. Raises FileError,
    about `field`, that says what the other one is `doing`."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise FileError(f"can't open the folder {folder}: {error.strerror}", field=field) from None
    try:
        until = time.monotonic() + wait_s
        while not _locked(handle):
            if time.monotonic() >= until:
                raise FileError(f"another program is {doing} in {folder}: wait until it ends", field=field)
            time.sleep(_POLL_S)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
