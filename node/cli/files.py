"""Files that a command writes for people and other programs: checked before the work, bounded, replaced at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from ledger.signrecord import write_durably
from node.cli.text import emit
from node.errors import FileError
from proofs.errors import InputError

FILE_BYTES_MAX = 256 * 1024 * 1024
"""Of one file; it is put together in memory."""


def check_file(path: str, *, field: str) -> None:
    """Raise FileError for what would be replaced and is no file: a folder, a device, a pipe."""
    if os.path.exists(path) and not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "no regular file, and would be replaced by one"
        raise FileError(f"{path} is {what}", field=field, expected="a file")


def print_bytes(data: bytes) -> None:
    """Print a file's UTF-8 bytes as they are: it is for programs, whatever the terminal is said to be able to show."""
    if sys.stdout is None:  # closed by whoever started this
        return
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:
        sys.stdout.write(data.decode())
        return
    sys.stdout.flush()
    raw.write(data)


def emit_file(value: dict[str, Any], data: bytes, *, as_json: bool) -> None:
    """Print one object as JSON, or what else would be a file: its bytes as they are."""
    if as_json:
        emit(value, as_json=True, lines=[])
    else:
        print_bytes(data)


def joined(parts: Iterable[str], *, what: str) -> bytes:
    """The file's bytes. Raises InputError where it would have too many."""
    data = bytearray()
    for part in parts:
        data += part.encode()
        if len(data) > FILE_BYTES_MAX:
            raise InputError(f"{what} would have more than {FILE_BYTES_MAX} bytes", expected="a narrower report")
    return bytes(data)


def write_parts(path: str, parts: Iterable[str]) -> None:
    """Replace a file by these parts. Raises InputError where it would have too many bytes, StorageError."""
    write_durably(path, joined(parts, what=path))
