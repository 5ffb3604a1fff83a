"""Where a `submit` stands: FILE.progress, replaced at once and durably before each request leaves (design section 8).

It holds how far into the file every line is logged, and the signed batches that are under way, so that after a crash at
any moment the very same batches are sent again: the log answers those it has with its first answer, and no line is
logged twice or left out. A crash leaves the old journal or the new one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from ledger.signrecord import write_durably
from node.errors import FileError
from node.ownfiles import read_own
from proofs import codec
from proofs.entry import REQUEST_BYTES_MAX, Batch, encode_request, parse_request
from proofs.errors import InputError

FORMAT = "usance/submit/v1"
JOURNAL_BYTES_MAX = REQUEST_BYTES_MAX + 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file up to which every line is settled. `offset`: bytes; `lines`: lines, empty ones included;
    `digest`: SHA-256 of the file up to there; `logged`, `rejected`: records; `rejected_bytes`: length of FILE.rejected.
    """

    offset: int
    lines: int
    digest: bytes
    logged: int
    rejected: int
    rejected_bytes: int

    def row(self) -> list[Any]:
        """For the journal."""
        return [self.offset, self.lines, self.digest, self.logged, self.rejected, self.rejected_bytes]


@dataclass(frozen=True, slots=True)
class Flight:
    """Signed batches under way, and the mark that each one reaches when it is logged."""

    batches: list[Batch]
    marks: list[Mark]


@dataclass
class Journal:
    """The file of one `submit`. `log`: the log's vkey; `key`: the signing key, 32 bytes."""

    path: str
    log: str
    key: bytes
    done: Mark
    flight: Flight | None = field(default=None)

    def save(self) -> None:
        """Make it durable. Raises StorageError."""
        value: dict[str, Any] = {"format": FORMAT, "log": self.log, "key": self.key, "done": self.done.row()}
        if self.flight is not None:
            value["request"] = encode_request(self.flight.batches)
            value["marks"] = [mark.row() for mark in self.flight.marks]
        write_durably(self.path, codec.encode(value), mode=0o600)


def load_journal(path: str) -> Journal | None:
    """The journal of an earlier run, None where there is none. Raises FileError for one that is damaged."""
    data = read_own(path, bytes_max=JOURNAL_BYTES_MAX, field="progress")
    if data is None:
        return None
    try:
        return _parse(path, codec.decode(data, field="progress"))
    except (InputError, KeyError, TypeError, ValueError):
        raise FileError(
            f"{path} is damaged: move it away only if nothing of the file was logged, since it is what keeps lines "
            "from being logged twice",
            field="progress",
        ) from None


def _parse(path: str, value: Any) -> Journal:
    if value["format"] != FORMAT or not os.path.basename(path) or len(value["key"]) != 32:
        raise InputError("another format")
    flight = None
    if "request" in value:
        batches = parse_request(value["request"])
        marks = [_mark(row) for row in value["marks"]]
        if len(marks) != len(batches):
            raise InputError("marks don't fit the batches")
        flight = Flight(batches, marks)
    return Journal(path, str(value["log"]), value["key"], _mark(value["done"]), flight)


def _mark(row: Any) -> Mark:
    offset, lines, digest, logged, rejected, rejected_bytes = row
    numbers = (offset, lines, logged, rejected, rejected_bytes)
    if any(type(number) is not int or number < 0 for number in numbers) or len(digest) != 32:
        raise InputError("not a mark")
    return Mark(offset, lines, digest, logged, rejected, rejected_bytes)
