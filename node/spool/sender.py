"""Sending what is spooled: each record logged exactly once, each writer's in its order, whatever is killed when.

One batch is under way at a time, and these steps keep to their order:

1. segments are read from where they are settled, and synced: what is sent can't be lost from them any more;
2. a batch is signed and is durable in `sender.state`, with the places that it came from; only then it leaves;
3. its answer is verified, and its places are settled; the state says so durably with the next batch or at the end;
4. a record that is refused is durable in `dead.jsonl` before anything behind it is signed;
5. a segment is deleted when all of it is settled and no writer has it open.

A crash after 2 sends the same batch again, and the log gives its first answer. One after 4 doesn't: a batch with a dead
letter in it was refused, and by now might be taken. Only one batch is under way because one behind a refused one would
be a signed batch that the log might still take later.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import HISTORY, KEY, TERMS, StorageError
from node.client import Client
from node.errors import FileError, ProblemError, why_not_sent
from node.sending import BATCH_BYTES_MAX, BODY_OVERHEAD_BYTES, Sending, names_record, smaller_batch
from node.spool.deadletters import DeadLetters, make_letter
from node.spool.errors import DamageError
from node.spool.folder import DEAD_FILE, IMPORTED_FILE, STATE_FILE, TRY_FILE, SpoolFolder, is_alone
from node.spool.lasttry import LastTry, note_try
from node.spool.refill import Imported, finish_retry, import_file, why_not
from node.spool.segment import Header, SegmentReader
from node.spool.settled import Mark, SettledFiles, digest_of
from node.spool.state import Flight, Place, SenderState, load_state
from proofs.entry import BATCH_RECORDS_MAX
from proofs.errors import InputError, UsanceError
from proofs.records import BODY_BYTES_MAX, check_body

_ENDED = ("rotated", "revoked")
CALM_BATCHES = 8
"""Batches that have to be taken before one is larger than what the log said it could do at once."""

Progress = Callable[[int], None]
"""`progress(records)`: records settled so far in this run, logged or refused."""


@dataclass
class Drained:
    """What a run did. `logged`, `statuses`: records of this run; `dead`: records refused in it; `kept`: segments that
    stay as they are, each with why; `damaged`: where damaged segments lie now, each with what is wrong."""

    logged: int = 0
    dead: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    kept: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


@dataclass
class _Pace:
    """How many records go in the next batch: fewer after a refusal, so that many bad ones don't cost a large batch
    each, and more again as batches are taken."""

    limit: int
    now: int
    calm: int = 0

    def taken(self) -> None:
        self.calm -= 1
        if self.calm <= 0:
            self.now = min(2 * self.now, self.limit)

    def refused(self) -> None:
        self.now = max(1, self.now // 2)

    def too_much(self, fits: int) -> None:
        self.now, self.calm = fits, CALM_BATCHES


@dataclass
class _Load:
    """What one look at the segments found for a batch."""

    bodies: list[bytes] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    marks: dict[str, int] = field(default_factory=dict)
    size: int = 0


class SpoolSender:
    """Drains one spool to one log with one key. Owner: one thread; other threads and processes may have their own."""

    def __init__(
        self, folder: SpoolFolder, client: Client, key: Ed25519PrivateKey, *, also_for: Collection[bytes] = (),
        batch_records: int = BATCH_RECORDS_MAX, sleep: Callable[[float], None] = time.sleep,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        """`also_for`: other keys whose records this one signs too, as after a rotation; `batch_records`: 1 to 1,024;
        `sleep(seconds)` waits; `now_ms` only dates dead letters and names files."""
        if not 1 <= batch_records <= BATCH_RECORDS_MAX:
            raise InputError(f"{batch_records} records a batch", field="--batch", expected=f"1 to {BATCH_RECORDS_MAX}")
        self._folder, self._client, self._sleep, self._now_ms = folder, client, sleep, now_ms
        self._logs = client.keys.texts
        self._sending = Sending(client, key, sleep=sleep)
        self._keys = frozenset((self._sending.public, *also_for))
        self._pace = _Pace(batch_records, batch_records)
        self._letters: set[Place] = set()
        self._letters_of: tuple[int, ...] | None = None

    def import_file(self, path: str, *, wait_s: float = 0.0) -> Imported:
        """Copy an offline file into the spool; `run` sends it. Raises InputError for a file of another log or key, or
        one that is no spool file, SpoolBusyError as `run` does."""

        def check(header: Header) -> None:
            why = why_not(header, self._logs, self._keys)
            if why:
                raise FileError(f"{path}: {why}", field="FILE")

        with self._folder.sending(wait_s=wait_s, sleep=self._sleep):
            return import_file(self._folder, path, check, now_ms=self._now_ms())

    def run(self, progress: Progress = lambda records: None, *, wait_s: float = 0.0) -> Drained:
        """Send everything that is there now.

        `wait_s`: how long to wait for another sender. Raises SpoolBusyError where it takes longer, NetworkError for a
        node that can't be reached or is busy (the same call later goes on); ProblemError where the key is refused, the
        log doesn't know the history, or another program keeps using the key; VerifyError for an answer that doesn't
        hold; StorageError. What isn't logged stays in the spool, whatever is raised.
        """
        with self._folder.sending(wait_s=wait_s, sleep=self._sleep):
            note = self._folder.file(TRY_FILE)
            try:
                drained = self._drain(progress)
            except UsanceError as error:
                note_try(note, LastTry(self._now_ms(), why_not_sent(error)))
                raise
            note_try(note, LastTry(self._now_ms(), "", drained.kept))
            return drained

    def _drain(self, progress: Progress) -> Drained:
        finish_retry(self._folder)
        self._open()
        self._sending.forget()
        before, resumed = dict(self._state.done), self._state.flight
        if self._state.flight is not None and not any(map(self._is_dead, self._state.flight.places)):
            self._send(self._state.flight)
        self._state.flight = None  # one with a dead letter in it was refused
        while True:
            # Every round settles records, or deletes what is settled, or counts as one more conflict in a row, or marks
            # a record as refused, or halves the batch.
            load = self._look()
            if not load.bodies and not load.marks:
                break
            if load.bodies:
                self._sending.begin()
                batch = self._sending.sign(load.bodies)
                self._state.flight = Flight(batch, tuple(load.places), load.marks)
                self._state.save()
                self._send(self._state.flight)
            else:  # nothing but dead letters
                self._state.done.update(load.marks)
            progress(self._drained.logged + self._drained.dead)
        self._state.done = {id: end for id, end in self._state.done.items() if id in self._seen}
        self._state.passed = {
            one for one in self._state.passed if one.segment in self._seen and one.position >= self._start(one.segment)
        }
        if self._state.done != before or self._drained.logged or resumed:
            self._state.save()
        return self._drained

    def _open(self) -> None:
        """Read what the last sender left. Raises FileError where it is damaged or of another log."""
        path = self._folder.file(STATE_FILE)
        self._state = load_state(path) or SenderState(path, self._client.vkey.text)
        if self._state.log not in self._logs:
            raise FileError(
                f"{self._folder.path} is the spool of another log, {self._state.log}: name another folder with "
                "USANCE_SPOOL",
                field="spool",
            )
        self._settled = SettledFiles(self._folder.file(IMPORTED_FILE))
        self._drained = Drained()
        self._headers: dict[str, Header] = {}
        self._seen: set[str] = set()
        self._synced: dict[str, int] = {}
        self._renewed: Place | None = None
        self._dead = DeadLetters(self._folder.file(DEAD_FILE))  # made anew: others may have added to it
        stamp = self._dead.stamp()
        if stamp != self._letters_of:
            self._letters = {letter.place for letter in self._dead.letters()}
            self._letters_of = stamp

    # Reading

    def _look(self) -> _Load:
        """The next records to sign, and what they settle. Deletes what is settled on the way, and puts damage aside."""
        load = _Load()
        settled: list[str] = []
        for name in self._folder.segments():
            if self._is_full(load):
                break
            file = self._folder.open(name)
            if file is None:
                continue
            with file:
                alone = is_alone(file)  # before it is read: nothing is appended from here on
                try:
                    if self._read(name, file, load) and alone:
                        self._remember(name, file)
                        settled.append(name)
                except DamageError as error:
                    self._damaged(name, file, error, alone=alone)
                except OSError as error:
                    raise _unreadable(self._folder.file(name), error) from None
        self._folder.delete(settled)
        return load

    def _start(self, id: str) -> int:
        """Up to where a segment is settled."""
        return max(self._state.done.get(id, 0), self._settled.get(id).position)

    def _is_dead(self, place: Place) -> bool:
        return place in self._letters or place in self._state.passed

    def _is_full(self, load: _Load) -> bool:
        return len(load.bodies) >= self._pace.now or load.size > BATCH_BYTES_MAX - BODY_BYTES_MAX

    def _read(self, name: str, file: BinaryIO, load: _Load) -> bool:
        """Take records of a segment into the load; whether there are none, so that all of it is settled."""
        reader = SegmentReader(file)
        header = self._headers[name] = reader.header
        self._seen.add(header.id)
        why = why_not(header, self._logs, self._keys)
        if why:
            self._drained.kept[name] = why
            return False
        if header.id in load.marks:  # a copy of one that was read just now
            return False
        found = False
        try:
            for record in reader.records(self._start(header.id)):
                found = True
                place = Place(header.id, record.position)
                if not self._is_dead(place):
                    load.bodies.append(record.body)
                    load.places.append(place)
                    load.size += len(record.body) + BODY_OVERHEAD_BYTES
                load.marks[header.id] = record.end
                if self._is_full(load):
                    break
        except DamageError:
            if not found:
                raise
            # What stands before it goes first; it is met again when that is settled.
        if found and self._synced.get(header.id, 0) < reader.position:
            size = os.fstat(file.fileno()).st_size
            os.fsync(file.fileno())
            self._synced[header.id] = size
        return not found

    def _remember(self, name: str, file: BinaryIO) -> None:
        """Of a file that may come again: how much of it was settled."""
        id = self._headers[name].id
        if id in self._settled:
            self._settled.put(id, Mark(self._start(id), digest_of(file, self._start(id))))

    def _damaged(self, name: str, file: BinaryIO, error: DamageError, *, alone: bool) -> None:
        """Nothing more can be read of a segment: it is put aside, or stays until its writer has ended."""
        header = self._headers.get(name)
        if not alone:
            self._drained.kept[name] = f"damaged ({error.detail}), and its writer is still at work"
            return
        done = self._start(header.id) if header else 0
        size = os.fstat(file.fileno()).st_size
        if header is not None:
            self._settled.put(header.id, Mark(done, digest_of(file, done) if size >= done else ""))
        note: dict[str, object] = {
            "why": error.detail, "good_bytes": error.position, "settled_bytes": done, "bytes": size,
            "at": self._now_ms(), "id": header.id if header else None,
        }  # fmt: skip
        where = self._folder.put_aside(name, note)
        self._drained.damaged[where] = error.detail

    # Sending

    def _send(self, flight: Flight) -> None:
        """Send what the state holds, and settle it by its answer."""
        sent = self._sending.send([flight.batch])
        if sent.left_open is not None and not self._is_void(flight, sent.left_open):
            raise _explained(sent.left_open) if isinstance(sent.left_open, ProblemError) else sent.left_open
        if sent.taken:
            self._drained.logged += len(sent.taken[0].refs)
            self._drained.statuses.update(sent.taken[0].statuses)
            self._state.done.update(flight.marks)
            self._pace.taken()
        elif sent.refusal is not None and not sent.conflict:
            self._refused(flight, sent.refusal)
        self._state.flight = None

    def _is_void(self, flight: Flight, error: Exception) -> bool:
        """Whether a batch that another key signed can't be taken any more, because that key has ended: the log has
        answered that it doesn't know the batch, and an ended key never signs again."""
        key = flight.batch.key
        if not isinstance(error, ProblemError) or (error.status, error.type) != (403, KEY):
            return False
        return key != self._sending.public and self._client.key_state(key).status in _ENDED

    def _refused(self, flight: Flight, problem: ProblemError) -> None:
        """A batch that can't be taken any more: find out what is to be signed in its place."""
        count, position = len(flight.batch.bodies), problem.position
        fits = smaller_batch(problem, count=count)
        if fits is not None:
            self._pace.too_much(fits)
            return
        if not names_record(problem) or position is None or position >= count:
            raise problem
        place, body = flight.places[position], flight.batch.bodies[position]
        if problem.type == TERMS and place != self._renewed and _names_no_terms(body):
            self._renewed = place
            if self._client.checkpoint().size > flight.batch.size:
                return  # signed anew at a head that has seen the terms now in force
        self._pace.refused()
        self._dead.add(make_letter(place, self._header_of(place), body, problem, at_ms=self._now_ms()))
        self._letters.add(place)
        self._letters_of = self._dead.stamp()  # nobody else adds while the folder is held
        self._drained.dead += 1

    def _header_of(self, place: Place) -> Header:
        for header in self._headers.values():
            if header.id == place.segment:
                return header
        for name in self._folder.segments():  # a flight of an earlier run: nothing was read in this one yet
            file = self._folder.open(name)
            if file is None:
                continue
            with file:
                try:
                    header = SegmentReader(file).header
                except DamageError:
                    continue
            if header.id == place.segment:
                return header
        return Header(self._state.log, self._sending.public, place.segment, 0)


def _unreadable(path: str, error: OSError) -> StorageError:
    return StorageError(f"can't read or sync {path}: {error.strerror}; mend the disk or the file's permissions")


def _names_no_terms(body: bytes) -> bool:
    try:
        return "terms" not in check_body(body)
    except InputError:
        return False


def _explained(problem: ProblemError) -> ProblemError:
    """What a refusal that isn't about a record means for a spool."""
    if problem.type != HISTORY:
        return problem
    return ProblemError(
        f"{problem.detail}; the log was rolled back, restored from an older copy, or shows this node another history: "
        "ask its operator, and keep the spool until the log is whole again",
        status=problem.status, type=problem.type, field=problem.field, expected=problem.expected, extra=problem.extra,
    )  # fmt: skip
