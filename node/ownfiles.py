"""Reading small files: those that a user wrote, and those in which a sender keeps where it stands."""

from __future__ import annotations

import os

from node.errors import FileError


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
