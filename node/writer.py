"""The single writer thread: takes what is queued, commits it as one group, signs, publishes, answers (section 8).

Order of one round, and what a crash after each step leaves behind:

1. batches are judged in order: nothing is stored yet, nobody was answered;
2. one synchronous LevelDB write: entries are durable but unsigned; the next start signs them, and a submitter that
   sends its batch again gets its first answer;
3. the signature and then the sign record: the next start finds database and record alike;
4. publish and answer: whatever a client has seen is durable and signed.

State shared with other threads: the queue and its counts (under `_lock`), `Board` (its own lock), `failed` (written
once by the writer, read by any).
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from ledger.append import Group, Ledger, Outcome, Prepared
from ledger.errors import Refusal
from ledger.reader import EntryCache, Reader
from ledger.signrecord import Signer
from node.logs import event
from node.published import Board, Published
from node.tally import WriterTally
from proofs.errors import FatalError, RetryableError, UsanceError

log = logging.getLogger("usance.writer")

LINGER_S = 0.005
GROUP_S_MAX = 0.5
"""After so long no further batch joins a group: a request of many heavy ones must not keep all others waiting."""
RETRY_AFTER_S = 1
RETRY_AFTER_DISK_S = 60
Result = Outcome | Refusal


@dataclass(slots=True)
class Job:
    """One request's batches, in order; a Refusal stands for a batch that was refused before the queue. `results`: of
    those that were judged so far; `over`: keys whose party has cost the writer too much, with the answer to all that
    they have left. Owner of both: the writer."""

    batches: list[Prepared | Refusal]
    done: Future[tuple[list[Result], Published]] = field(default_factory=Future)
    results: list[Result] = field(default_factory=list)
    over: dict[bytes, Refusal] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records are to be judged yet."""
        return sum(len(item.batch.bodies) for item in self.batches[len(self.results) :] if isinstance(item, Prepared))

    @property
    def is_judged(self) -> bool:
        """Whether nothing is left to be judged."""
        return len(self.results) == len(self.batches)


class Writer:
    """Owns the ledger and the signer from `start` to the end of `stop`."""

    def __init__(
        self,
        ledger: Ledger,
        signer: Signer,
        *,
        folder: str,
        queue_requests_max: int,
        group_records_max: int,
        disk_free_bytes_min: int,
        on_publish: Callable[[Published], None] | None = None,
        expected: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Signs what the database holds beyond the last signature, and publishes it. `expected()`: how many requests
        are being checked now, of any thread's making; `clock()`: seconds, never backwards. Raises StorageError."""
        self._ledger = ledger
        self._signer = signer
        self._folder = folder
        self._group_records_max = group_records_max
        self._disk_free_bytes_min = disk_free_bytes_min
        self._on_publish = on_publish
        self._expected = expected
        self._clock = clock
        self._cache = EntryCache()
        self._queue: queue.Queue[Job | None] = queue.Queue(queue_requests_max)
        self._lock = threading.Lock()
        self._stopping = False
        # Jobs that come before the queue. Owner: the writer.
        self._held_over: deque[Job] = deque()
        self.failed: str | None = None
        self.tally = WriterTally()
        note = signer.sign(ledger.size, ledger.tree.root)
        self.board = Board(self._published(note))
        self._thread = threading.Thread(target=self._run, name="usance-writer", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job. Raises RetryableError where the node is stopping, failed, full or short of disk."""
        self.check_ready()
        with self._lock:
            if self._stopping:
                raise RetryableError("the node is stopping", retry_after_s=RETRY_AFTER_S)
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise RetryableError("too many requests are waiting", retry_after_s=RETRY_AFTER_S) from None

    def check_ready(self) -> None:
        """Raise RetryableError unless a write would be taken now."""
        if self.failed is not None:
            raise self._stopped()
        if self.disk_free_bytes() < self._disk_free_bytes_min:
            raise RetryableError("the disk is nearly full", retry_after_s=RETRY_AFTER_DISK_S)

    def disk_free_bytes(self) -> int:
        """Bytes that the node may still write to its disk."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._queue.qsize()

    @property
    def is_full(self) -> bool:
        """Whether the queue takes no more now."""
        return self._queue.full()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Finish and answer what was accepted, then end the thread. A second call does nothing."""
        with self._lock:
            first = not self._stopping
            self._stopping = True
        if first and self._thread.is_alive():
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _published(self, note: bytes) -> Published:
        tree = self._ledger.tree.view(self._ledger.store.snapshot())
        return Published(Reader(tree, self._cache), note)

    def _run(self) -> None:
        while (jobs := self._next_group()) is not None:
            if self.failed is not None:
                self._answer_failed(jobs)
                continue
            self.tally.began = time.monotonic()
            try:
                self._round(jobs)
            except Exception as error:
                # The database may hold more than was answered, so this process must not write again; a new start
                # reads what is there.
                detail = error.detail if isinstance(error, UsanceError) else f"{type(error).__name__}: {error}"
                self.failed = detail
                log.critical(
                    "the writer stopped: %s", detail, exc_info=not isinstance(error, FatalError),
                    extra=event("writer-failed"),
                )  # fmt: skip
                self._answer_failed(jobs)
            finally:
                self.tally.began = None

    def _next_group(self) -> list[Job] | None:
        """Wait for work; then everything that waits, up to the bound on records. None: the end.

        A group costs a signature and three syncs however small it is, so while other requests are being checked it is
        held open for LINGER_S.
        """
        job = self._held_over.popleft() if self._held_over else self._queue.get()
        if job is None:
            return None
        jobs, records = [job], job.records
        end = self._clock() + LINGER_S
        while True:
            left_s = end - self._clock() if self._expected() and not self._held_over else 0.0
            try:
                job = self._next_job(left_s)
            except queue.Empty:
                return jobs
            if job is None:  # the end comes after what was accepted before it
                self._queue.put(None)
                return jobs
            if records + job.records > self._group_records_max:
                self._held_over.appendleft(job)
                return jobs
            jobs.append(job)
            records += job.records

    def _next_job(self, left_s: float) -> Job | None:
        if self._held_over:
            return self._held_over.popleft()
        return self._queue.get(timeout=left_s) if left_s > 0 else self._queue.get_nowait()

    def _round(self, jobs: list[Job]) -> None:
        group = self._ledger.group()
        end = self._clock() + GROUP_S_MAX
        for job in jobs:
            if job is jobs[0] or self._clock() < end:
                self._judge(group, job, end)
        if group.dirty:
            published = self._published(self._store(group, len(jobs)))
            self.board.publish(published)
            if self._on_publish is not None:
                self._on_publish(published)
        published = self.board.published
        for job in jobs:
            if job.is_judged and job.done.set_running_or_notify_cancel():
                job.done.set_result((job.results, published))
        # Whoever had a share of this round comes behind those who had none.
        untouched = [job for job in jobs if not job.results]
        begun = [job for job in jobs if job.results and not job.is_judged]
        self._held_over.extendleft(reversed(untouched + begun))

    def _store(self, group: Group, requests: int) -> bytes:
        """Write the group and sign what the log is then; the signed checkpoint."""
        tally, before, began = self.tally, self._ledger.size, time.perf_counter()
        group.commit()
        written = time.perf_counter()
        note = self._signer.sign(self._ledger.size, self._ledger.tree.root)
        tally.sign_s.add(time.perf_counter() - written)
        tally.commit_s.add(written - began)
        tally.group_records.add(self._ledger.size - before)
        tally.group_requests.add(requests)
        return note

    def _judge(self, group: Group, job: Job, end: float) -> None:
        """Judge a job's batches in order, at least one of them, until the round's time is over."""
        for item in job.batches[len(job.results) :]:
            if isinstance(item, Refusal):
                job.results.append(item)
                continue
            over = job.over.get(item.batch.key)
            if over is not None:
                job.results.append(over)
                continue
            try:
                job.results.append(group.take(item))
            except Refusal as refusal:
                if refusal.status == 429:
                    job.over[item.batch.key] = refusal
                job.results.append(refusal)
            if self._clock() >= end:
                return

    def _answer_failed(self, jobs: list[Job]) -> None:
        for job in jobs:
            if not job.done.done() and job.done.set_running_or_notify_cancel():
                job.done.set_exception(self._stopped())

    def _stopped(self) -> RetryableError:
        return RetryableError(
            f"the writer has stopped, restart the node: {self.failed}", retry_after_s=RETRY_AFTER_DISK_S
        )
