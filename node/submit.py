"""Many records from a file, one JSON object a line, each logged exactly once whatever is killed when (`usance submit`).

The file is checked whole before anything is signed. Then lines go out in batches, several a request, under a journal
(node/journal.py). A refusal of one record names its line; what stands before it is logged, and either the run stops
there or, where asked, the line goes to FILE.rejected with the reason and the rest goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StorageError
from node.client import Client
from node.errors import FileError, ProblemError
from node.journal import Flight, Journal, Mark, load_journal
from node.sending import (
    BATCH_BYTES_MAX,
    BATCH_OVERHEAD_BYTES,
    BODY_OVERHEAD_BYTES,
    Sending,
    names_record,
    smaller_batch,
)
from proofs.entry import BATCH_RECORDS_MAX, REQUEST_BATCHES_MAX, REQUEST_BYTES_MAX, Batch
from proofs.errors import InputError
from proofs.jsonform import from_json
from proofs.records import make_body

LINE_BYTES_MAX = 512 * 1024
"""A body has at most 60,000 bytes; its JSON, with binaries in hex, is at most a few times longer."""
BATCH_RECORDS = 256
REQUEST_BATCHES = 16
START = Mark(0, 0, sha256(b"").digest(), 0, 0, 0)

Progress = Callable[[int], None]
"""`progress(lines)`: lines settled so far."""


class LineError(InputError):
    """A line that is no record. `line`: its number, from 1."""

    def __init__(self, line: int, detail: str, *, field: str = "", expected: str = "") -> None:
        super().__init__(detail, field=field, expected=expected)
        self.line = line


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. `number` from 1; `end`: the offset after it; `raw`: with its newline."""

    number: int
    end: int
    raw: bytes


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InputError("a name twice in one object", field="record", expected="each name once")
    return value


def _no_number(text: str) -> Any:
    raise InputError(f"{text[:80]} is no whole number", field="record", expected="whole numbers only")


_DECODER = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_float=_no_number, parse_constant=_no_number)


def parse_line(line: Line, *, at_ms: int) -> bytes:
    """The record's body. `at_ms`: the time for a record that states none. Raises LineError."""
    try:
        if len(line.raw) > LINE_BYTES_MAX:
            raise InputError("the line is too long", field="line", expected=f"at most {LINE_BYTES_MAX} bytes")
        value = _DECODER.decode(line.raw.decode("utf-8").strip())
        return make_body({"at": at_ms, **from_json(value)})
    except InputError as error:
        raise LineError(line.number, error.detail, field=error.field, expected=error.expected) from None
    except RecursionError:
        raise LineError(line.number, "nested too deeply", expected="a JSON object") from None
    except ValueError as error:
        why = f"{error.msg}, at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise LineError(line.number, f"no JSON: {why}", expected="one JSON object a line, in UTF-8") from None


class Lines:
    """The file's lines from a mark on, with a running digest. Owner: one thread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.offset = 0
        self.number = 0
        self.digest = sha256()
        self._inside = False  # what comes next belongs to the line before, which had no newline yet

    def seek(self, mark: Mark, digest: Any) -> None:
        """Go on from a mark; `digest`: the running digest there."""
        self._file.seek(max(0, mark.offset - 1))
        self._inside = mark.offset > 0 and self._file.read(1) != b"\n"
        self.offset, self.number, self.digest = mark.offset, mark.lines, digest.copy()

    def next(self) -> Line | None:
        """The next line that isn't empty; None at the end of the file."""
        while raw := self._file.readline(LINE_BYTES_MAX + 1):
            rest = raw
            while not rest.endswith(b"\n") and len(rest) > LINE_BYTES_MAX:  # drain what is too long, in pieces
                self.offset += len(rest)
                self.digest.update(rest)
                rest = self._file.readline(LINE_BYTES_MAX + 1)
            self.offset += len(rest)
            self.number += not self._inside
            self._inside = False
            self.digest.update(rest)
            if raw.strip():
                return Line(self.number, self.offset, raw)
        return None


class Rejects:
    """FILE.rejected: the lines that were left out, each with its reason. Cut back to the last mark before lines are
    read again, so that a line stands in it once."""

    def __init__(self, path: str, mark: Mark) -> None:
        self.path = path
        self.count, self.size = mark.rejected, mark.rejected_bytes
        self._fresh: list[bytes] = []

    def cut(self, mark: Mark) -> None:
        """Forget what stands after a mark. Raises StorageError."""
        self.count, self.size = mark.rejected, mark.rejected_bytes
        self._fresh = []
        try:
            if os.path.exists(self.path) and os.path.getsize(self.path) > self.size:
                os.truncate(self.path, self.size)
        except OSError as error:
            raise StorageError(f"can't write {self.path}: {error.strerror}") from None

    def add(self, line: Line, error: InputError) -> None:
        """One more; on disk with the next `save`."""
        value = {
            "line": line.number, "error": error.detail, "field": error.field, "expected": error.expected,
            "record": line.raw.decode("utf-8", "replace").rstrip("\r\n"),
        }  # fmt: skip
        data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        self._fresh.append(data)
        self.count += 1
        self.size += len(data)

    def save(self) -> None:
        """Append what is new, durably. Raises StorageError."""
        if not self._fresh:
            return
        try:
            with open(self.path, "ab") as file:
                file.write(b"".join(self._fresh))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"can't write {self.path}: {error.strerror}") from None
        self._fresh = []


@dataclass
class Summary:
    """What a run did. `statuses`: of the records logged in this run; `before`: records logged by earlier runs."""

    logged: int = 0
    rejected: int = 0
    before: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Options:
    """`batch_records` 1 to 1,024; `request_batches` 1 to 256; `skip_bad`: go on after a bad line."""

    batch_records: int = BATCH_RECORDS
    request_batches: int = REQUEST_BATCHES
    skip_bad: bool = False

    def check(self) -> None:
        """Raise InputError for figures out of range."""
        if not 1 <= self.batch_records <= BATCH_RECORDS_MAX:
            raise InputError(
                f"{self.batch_records} records a batch", field="--batch", expected=f"1 to {BATCH_RECORDS_MAX}"
            )
        if not 1 <= self.request_batches <= REQUEST_BATCHES_MAX:
            raise InputError(
                f"{self.request_batches} batches a request", field="--pipeline", expected=f"1 to {REQUEST_BATCHES_MAX}"
            )


@contextlib.contextmanager
def open_locked(path: str) -> Iterator[BinaryIO]:
    """The file, held against a second `submit` of it. Raises FileError."""
    try:
        file = open(path, "rb")  # noqa: SIM115 closed below
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="FILE") from None
    with file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileError(f"another program is submitting {path}: wait until it ends", field="FILE") from None
        yield file


class Submission:
    """One run over one file, held open and locked by the caller."""

    def __init__(
        self, path: str, file: BinaryIO, client: Client, key: Ed25519PrivateKey, options: Options, *,
        now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        """Finds where the last run stopped. Raises FileError where the file before that place has changed."""
        options.check()
        self._client, self._options, self._now_ms = client, options, now_ms
        self._sending = Sending(client, key)
        self._path = path
        self._lines = Lines(file)
        self._batch_records = options.batch_records
        self._refused: dict[int, InputError] = {}
        self._stop_line = 0
        self.summary = Summary()
        found = load_journal(path + ".progress")
        self._journal = found or Journal(path + ".progress", client.vkey.text, self._sending.public, START)
        self._check_journal()
        self.summary.before = self._journal.done.logged
        self._rejects = Rejects(path + ".rejected", self.done)
        # Running digests at the marks that reading may have to begin at again, by offset.
        self._digests: dict[int, Any] = {}
        self._read_settled(file)

    @property
    def done(self) -> Mark:
        """Up to where everything is settled."""
        return self._journal.done

    def _check_journal(self) -> None:
        journal = self._journal
        if journal.log not in self._client.keys.texts:
            raise FileError(
                f"{journal.path} is of a run with the log key {journal.log}: use another copy of the file for another "
                "log; if this log's key was changed, name both of its keys with --policy or in the file of --log",
                field="progress",
            )
        if journal.key != self._sending.public:
            raise FileError(
                f"{journal.path} is of a run with another key: use that one, or another copy of the file",
                field="progress",
            )

    def _read_settled(self, file: BinaryIO) -> None:
        """Hash what is logged or under way once more, so that a changed file is noticed."""
        flight = self._journal.flight
        digest, offset = sha256(), 0
        file.seek(0)
        for mark in [self.done, *(flight.marks if flight else [])]:
            while offset < mark.offset and (piece := file.read(min(1024 * 1024, mark.offset - offset))):
                digest.update(piece)
                offset += len(piece)
            if digest.digest() != mark.digest:
                raise FileError(
                    f"{self._path} has changed in its first {mark.lines} lines, which are logged or under way: put "
                    "them back, or submit other records from another file",
                    field="FILE",
                )
            self._digests[mark.offset] = digest.copy()
        self._check_last_line(file, flight.marks[-1] if flight else self.done)

    def _check_last_line(self, file: BinaryIO, mark: Mark) -> None:
        if mark.offset:
            file.seek(mark.offset - 1)
            if file.read(1) != b"\n" and file.read(1) not in (b"", b"\n"):
                raise FileError(
                    f"line {mark.lines} of {self._path} was logged and has been made longer since: put a newline after "
                    "what was logged",
                    field="FILE",
                )

    def check(self, progress: Progress) -> int:
        """Parse every line that isn't settled yet; answers how many lines the file has. Raises LineError."""
        self._lines.seek(self.done, self._digests[self.done.offset])
        now = self._now_ms()
        while (line := self._lines.next()) is not None:
            try:
                parse_line(line, at_ms=now)
            except LineError as error:
                if not self._options.skip_bad:
                    raise
                self._refused[line.number] = error
            if line.number % 512 == 0:
                progress(line.number)
        return self._lines.number

    def run(self, progress: Progress) -> Summary:
        """Log everything that isn't yet. Raises LineError, ProblemError, and what Client.submit raises; then the same
        command again goes on where this one stopped."""
        if self._journal.flight is not None:
            self._send(self._journal.flight, None)
        while True:
            # Every round settles lines, or counts as one more conflict in a row, or marks one line more as refused.
            self._sending.begin()
            flight, lines = self._fill()
            if not flight.batches:
                break
            self._journal.flight = flight
            self._journal.save()
            self._send(flight, lines)
            progress(self.done.lines)
        self._finish()
        return self.summary

    def _finish(self) -> None:
        """What is left are empty and rejected lines."""
        self._journal.done = self._mark(self.done.logged)
        self._journal.flight = None
        self._journal.save()
        self.summary.rejected = self.done.rejected

    def _mark(self, logged: int) -> Mark:
        lines = self._lines
        return Mark(lines.offset, lines.number, lines.digest.digest(), logged, self._rejects.count, self._rejects.size)

    def _fill(self) -> tuple[Flight, list[list[int]]]:
        """Signed batches of the lines from the mark on, and the line number of each of their records."""
        self._lines.seek(self.done, self._digests[self.done.offset])
        self._rejects.cut(self.done)
        batches: list[Batch] = []
        marks: list[Mark] = []
        numbers: list[list[int]] = []
        room = REQUEST_BYTES_MAX
        logged = self.done.logged
        while len(batches) < self._options.request_batches and room > BATCH_BYTES_MAX + BATCH_OVERHEAD_BYTES:
            bodies, lines, size = self._collect()
            if not bodies:
                break
            room -= size + BATCH_OVERHEAD_BYTES
            batches.append(self._sending.sign(bodies))
            logged += len(bodies)
            marks.append(self._mark(logged))
            self._digests[self._lines.offset] = self._lines.digest.copy()
            numbers.append(lines)
        self._rejects.save()
        return Flight(batches, marks), numbers

    def _collect(self) -> tuple[list[bytes], list[int], int]:
        """Bodies for one batch: bounded in number and bytes, and after a refusal ending where the refused one did, so
        that no two batches which were ever signed begin at the same number but for the refused one."""
        bodies: list[bytes] = []
        numbers: list[int] = []
        size = 0
        now = self._now_ms()
        while len(bodies) < self._batch_records and size <= BATCH_BYTES_MAX - 65_536:
            line = self._lines.next()
            if line is None:
                break
            refused = self._refused.get(line.number)
            try:
                if refused is not None:
                    raise refused
                body = parse_line(line, at_ms=now)
            except InputError as error:
                if not self._options.skip_bad:
                    raise
                self._rejects.add(line, error)
            else:
                bodies.append(body)
                numbers.append(line.number)
                size += len(body) + BODY_OVERHEAD_BYTES
            if line.number == self._stop_line and bodies:
                break
        return bodies, numbers, size

    def _send(self, flight: Flight, numbers: list[list[int]] | None) -> None:
        """Send what the journal holds. `numbers`: the records' lines, None for a flight of an earlier run."""
        # What an earlier run had sent may be logged, though it never saw the answer: that isn't this run's doing.
        before = self._client.key_state(self._sending.public).next if numbers is None else 0
        sent = self._sending.send(flight.batches)
        for outcome, mark, batch in zip(sent.taken, flight.marks, flight.batches, strict=False):
            self._journal.done = mark
            if batch.first < before:
                self.summary.before += len(outcome.refs)
                continue
            self.summary.logged += len(outcome.refs)
            self.summary.statuses.update(outcome.statuses)
        if sent.left_open is not None:  # it may be taken later: it stays in the journal
            raise sent.left_open
        self._journal.flight = None
        # Where there is a refusal, none of what is left of the flight can be taken any more. One of an earlier run is
        # signed anew, and refused anew with its line at hand.
        if sent.refusal is not None and not sent.conflict and numbers is not None:
            self._refuse(sent.refusal, numbers[len(sent.taken)])

    def _refuse(self, outcome: ProblemError, lines: list[int]) -> None:
        """Keep what is settled, then stop, or go on without the line."""
        self._journal.save()
        fits = smaller_batch(outcome, count=len(lines))
        if fits is not None:
            self._batch_records = fits
            return
        if not names_record(outcome) or outcome.position is None or outcome.position >= len(lines):
            raise outcome
        line = lines[outcome.position]
        error = LineError(line, outcome.detail, field=outcome.field, expected=outcome.expected)
        if not self._options.skip_bad:
            raise error
        self._refused[line] = error
        self._stop_line = lines[-1]
