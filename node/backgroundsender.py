"""The thread that sends what a recorder stores, while the program goes on (docs/library.md, "Sending").

It drains the spool's folder whenever something is new, under the folder's lock: of all the programs that use one spool
one sends at a time, everybody's records, oldest first. What can't be sent stays; the thread says why once, and tries
again with growing pauses. It is a daemon: the process may end at any moment, since the sender's state is on disk.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client import Client
from node.errors import ForkError, why_not_sent
from node.spool.deadletters import DeadLetters
from node.spool.errors import DamageError, SpoolBusyError
from node.spool.folder import DEAD_FILE, STATE_FILE, SpoolFolder
from node.spool.segment import SegmentReader
from node.spool.sender import Drained, SpoolSender
from node.spool.state import load_state
from node.spool.writer import Made, SpoolWriter
from node.spread import spread
from proofs.errors import RetryableError, UsanceError

INTERVAL_S = 0.5
"""How often the thread looks whether something is new."""
LOOK_AROUND_S = 60.0
"""How often it drains the folder though its own program stored nothing: others may have left something."""
BUSY_S = 1.0
PAUSE_S = 1.0
PAUSE_S_MAX = 600.0
POLL_S = 0.1
BREATH_S_MAX = 0.25

_log = logging.getLogger("usance")


@dataclass(frozen=True, slots=True)
class Left:
    """What is not logged yet. `waiting`: records of this process in the spool; `dead`: records of this process that the
    log refused, with their reasons among the spool's dead letters; `why`: what kept them, "" where nothing did so far.
    """

    waiting: int
    dead: int
    why: str

    def __str__(self) -> str:
        parts = []
        if self.waiting:
            reason = f" ({self.why})" if self.why else ""
            parts.append(
                f"{_wait(self.waiting)} in the spool{reason}; the next recorder or `usance spool send` sends "
                f"{'it' if self.waiting == 1 else 'them'}"
            )
        if self.dead:
            parts.append(f"{_refused(self.dead)}; `usance spool status` tells why")
        return "; ".join(parts) or "everything is logged"


def _wait(count: int) -> str:
    return f"{count} records wait" if count != 1 else "1 record waits"


def _refused(count: int) -> str:
    return f"{count} records were refused" if count != 1 else "1 record was refused"


def is_settled(folder: SpoolFolder, made: Sequence[Made]) -> bool:
    """Whether all that was written to these segments is logged or refused. Raises FileError for a damaged state."""
    state = load_state(folder.file(STATE_FILE))
    for one in made:
        try:
            size = os.stat(one.path).st_size
        except OSError:  # settled to its end, and deleted
            continue
        if size > max(one.begin, state.done.get(one.id, 0) if state else 0):
            return False
    return True


def what_is_left(folder: SpoolFolder, made: Sequence[Made], why: str) -> Left:
    """Count the records in these segments that aren't settled, and the dead letters from them. Reads the segments, so
    it costs about 2 µs a waiting record. Raises FileError, StorageError as reading the spool does."""
    state = load_state(folder.file(STATE_FILE))
    waiting = 0
    for one in made:
        file = folder.open(os.path.basename(one.path))
        if file is None:
            continue
        with file:
            try:
                done = state.done.get(one.id, 0) if state else 0
                waiting += sum(1 for _ in SegmentReader(file).records(done))
            except DamageError as error:
                why = why or f"{one.path} is damaged: {error.detail}"
    ids = {one.id for one in made}
    dead = sum(1 for letter in DeadLetters(folder.file(DEAD_FILE)).letters() if letter.place.segment in ids)
    return Left(waiting, dead, why if waiting else "")


class BackgroundSender:
    """Sends one spool's records in a thread of its own."""

    def __init__(
        self, folder: str, client: Client, key: Ed25519PrivateKey, writer: SpoolWriter
    ) -> None:  # fmt: skip
        """`client`: the thread's own from here on; `writer`: whose `count` tells that something is new."""
        self._folder, self._writer = SpoolFolder(folder), writer
        self._client, self._sender = client, SpoolSender(self._folder, client, key)  # owner: the thread
        self._changed = threading.Condition()  # owner of the next four
        self._waiters = 0
        self._rounds = 0  # that have ended
        self._in_round = False
        self._why = ""  # what kept the last round from sending everything
        self._is_ending = False
        self._told: set[str] = set()  # owner: the thread, of this one and the next
        self._batch_s = 0.0  # when the batch under way began
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usance-spool-send", daemon=True)

    def start(self) -> None:
        """Start the thread; where none is to be had (the interpreter ends), records wait in the spool."""
        try:
            self._thread.start()
        except RuntimeError:
            self._why = "no thread could be started to send them"

    def left(self) -> Left:
        """What of this process isn't logged yet; at worst everything, where the spool can't be read."""
        try:
            return what_is_left(self._folder, self._writer.made, self._why)
        except UsanceError as error:
            return Left(self._writer.count, 0, error.detail)

    def wait(self, timeout_s: float, *, is_end: bool = False) -> Left:
        """Wait until this process's records are settled, something keeps them from being sent, or the time is over.
        `is_end`: and for a whole round, which sends what forks have left as well."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._waiters += 1
            begun = self._rounds + self._in_round
        try:
            while not (self._is_settled() and (not is_end or self._rounds > begun)):
                with self._changed:
                    if (self._rounds > begun and self._why) or not self._thread.is_alive():
                        break
                    rest_s = deadline - time.monotonic()
                    if rest_s <= 0:
                        self._why = self._why or "there was no more time to wait for the node"
                        break
                    self._wake.set()
                    self._changed.wait(min(rest_s, POLL_S))
        finally:
            with self._changed:
                self._waiters -= 1
        return self.left()

    def _is_settled(self) -> bool:
        try:
            return is_settled(self._folder, self._writer.made)
        except UsanceError:  # a damaged state: a round says so, and ends the waiting
            return False

    def finish(self, timeout_s: float) -> Left:
        """As `wait`, once the writer is closed; then the thread ends after the request that it is at."""
        try:
            return self.wait(timeout_s, is_end=self._writer.count > 0)
        finally:
            self._is_ending = True
            self._wake.set()

    def _run(self) -> None:
        pause_s, seen, looked_s, failures = 0.0, -1, 0.0, 0
        try:
            while True:
                self._wake.wait(pause_s)
                self._wake.clear()
                if self._is_ending:
                    return
                count, is_due = self._writer.count, time.monotonic() - looked_s > LOOK_AROUND_S
                if count == seen and not is_due and not failures and not self._waiters:
                    continue
                seen, looked_s = count, time.monotonic()
                pause_s = self._round(failures)
                failures = failures + 1 if pause_s else 0
                pause_s = pause_s or INTERVAL_S
        except ForkError as error:
            self._end_round(f"sending has stopped for good: {error.detail}", is_news=True)
        finally:
            self._client.close()

    def _round(self, failures: int) -> float:
        """Send everything that is there. Answers how long to pause after a failure, 0 after none. Raises ForkError."""
        with self._changed:
            self._in_round = True
        share = spread(0.5, 1.0)  # programs that use one node
        try:
            self._batch_s = time.monotonic()
            self._tell(self._sender.run(self._breathe))
        except ForkError:
            raise
        except SpoolBusyError:  # that program sends this one's records as well
            self._end_round("")
            return BUSY_S * share
        except UsanceError as error:
            why = why_not_sent(error)
            self._end_round(why, is_news=why != self._why)
            wait_s = error.retry_after_s if isinstance(error, RetryableError) else 0
            return max(wait_s, min(PAUSE_S * 2 ** min(failures, 20), PAUSE_S_MAX) * share)
        except Exception as error:
            # A defect: the thread must not end without a word, nor the program with it.
            self._end_round(f"a defect in the sender: {type(error).__name__}: {error}")
            _log.exception("usance: sending failed; records wait in %s", self._folder.path)
            return PAUSE_S_MAX
        self._end_round("")
        return 0.0

    def _breathe(self, records: int) -> None:
        """After each batch, leave the interpreter to the program for as long as the batch took, at most: sending is
        never what slows a training by more than it has to. Nobody who waits for the end is held up."""
        if not self._waiters and not self._is_ending:
            self._wake.wait(min(time.monotonic() - self._batch_s, BREATH_S_MAX))
        self._batch_s = time.monotonic()

    def _tell(self, drained: Drained) -> None:
        if drained.dead:
            _log.warning("%s: `usance spool status` tells why", _refused(drained.dead))
        for path, why in {**drained.kept, **drained.damaged}.items():
            if path not in self._told:
                self._told.add(path)
                _log.warning("%s is not sent: %s", path, why)

    def _end_round(self, why: str, *, is_news: bool = False) -> None:
        if is_news:
            _log.warning("records are not sent for now: %s; they wait in %s", why, self._folder.path)
        with self._changed:
            self._in_round = False
            self._rounds += 1
            self._why = why
            self._changed.notify_all()
