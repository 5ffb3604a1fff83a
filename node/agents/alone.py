"""A lock file: one program at a time does something to a folder, and another is told so at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from node.errors import FileError
from proofs.errors import RetryableError


@contextlib.contextmanager
def alone(path: str, *, field: str, busy: str) -> Iterator[None]:
    """Hold the lock file at `path` to the end of the block; it ends with the process, too, however that ends.

    Raises RetryableError saying `busy` where another process holds it, FileError naming `field` where the file can't be
    made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError(
            f"can't hold {os.path.dirname(path)}: {error.strerror}", field=field, expected="a writable folder"
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RetryableError(f"{busy}: wait until it ends") from None
        yield
    finally:
        os.close(handle)
