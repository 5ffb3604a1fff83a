"""Files that may come (back) to a spool after the sender was done with them: offline files that were imported, and
damaged segments that were put aside. What of each was settled, by its id, so that nothing in it is logged twice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from ledger.signrecord import write_durably
from node.errors import FileError
from node.ownfiles import read_own
from proofs.errors import InputError

FILE_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where a file is settled, in bytes, and the SHA-256 of it up to there, in hex; "" where the file was cut
    below that, so that there is nothing to compare another copy with."""

    position: int
    digest: str


NOTHING = Mark(0, sha256(b"").hexdigest())


def digest_of(file: BinaryIO, size: int) -> str:
    """The SHA-256 of a file's first `size` bytes, in hex. Raises InputError where it has fewer."""
    file.seek(0)
    digest, left = sha256(), size
    while left and (piece := file.read(min(_CHUNK_BYTES, left))):
        digest.update(piece)
        left -= len(piece)
    if left:
        raise InputError(f"it ends {left} bytes before what was imported of it", field="FILE")
    return digest.hexdigest()


class SettledFiles:
    """`imported.json`. Owner: who holds the folder's lock."""

    def __init__(self, path: str) -> None:
        """Raises FileError for a file that is damaged."""
        self._path = path
        data = read_own(path, bytes_max=FILE_BYTES_MAX, field="spool")
        try:
            self._marks = {} if data is None else _parse(json.loads(data))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FileError(
                f"{path} is damaged, and it is what keeps files from being imported twice: put it back as it was",
                field="spool",
            ) from None

    def __contains__(self, id: str) -> bool:
        return id in self._marks

    def get(self, id: str) -> Mark:
        """What was settled of a file; NOTHING for one that isn't known."""
        return self._marks.get(id, NOTHING)

    def put(self, id: str, mark: Mark) -> None:
        """Remember it, durably. Raises StorageError."""
        if self._marks.get(id) != mark:
            self._marks[id] = mark
            rows = {id: {"position": one.position, "sha256": one.digest} for id, one in self._marks.items()}
            write_durably(self._path, json.dumps(rows, indent=1).encode() + b"\n", mode=0o600)


def _parse(value: Any) -> dict[str, Mark]:
    marks = {str(id): Mark(row["position"], row["sha256"]) for id, row in value.items()}
    for mark in marks.values():
        if type(mark.position) is not int or mark.position < 0 or len(bytes.fromhex(mark.digest)) not in (0, 32):
            raise ValueError("not a mark")
    return marks
