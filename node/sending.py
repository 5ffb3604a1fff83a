"""One key's numbers on one log: sign batches, send them, say what became of them. `submit` and the spool share it.

A batch that was signed and may have reached the log is dangerous to forget: the log can still take it, and its records
would be logged again under other numbers. So an answer is one of three kinds, and only two of them let go of a batch:

- taken, and verified;
- refused for good: its numbers are used by others, or a record in it is against the rules. It begins at the key's
  next number (nothing before it is missing), and what is signed instead begins there too, so only one can ever count;
- left open: the node is busy, the key isn't admitted (yet), the log doesn't know the tree head or numbers before the
  batch's (it may have been rolled back, and be put right). The caller keeps the very same batch and sends that again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import HISTORY, KEY, QUOTA, SEQUENCE
from node.client import Client, Taken
from node.errors import NetworkError, ProblemError
from node.spread import spread
from proofs.checkpoint import Checkpoint
from proofs.ed25519 import public_bytes
from proofs.entry import Batch, sign_batch
from proofs.errors import InvariantError, RetryableError
from proofs.records import peek

BATCH_BYTES_MAX = 2 * 1024 * 1024
BATCH_OVERHEAD_BYTES = 256
BODY_OVERHEAD_BYTES = 5
CONFLICTS_MAX = 8
CONFLICT_WAIT_S = 0.02
CONFLICT_WAIT_S_MAX = 0.5


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of batches sent together. `taken`: the first ones, verified. Of the batch after them: `refusal`: it
    is refused for good, with all that follow it (`conflict`: its numbers were used by another program); `left_open`:
    why it stays under way, with all that follow it."""

    taken: tuple[Taken, ...]
    refusal: ProblemError | None = None
    conflict: bool = False
    left_open: RetryableError | ProblemError | None = None


class Sending:
    """Signs with one key and sends. Owner: one thread."""

    def __init__(self, client: Client, key: Ed25519PrivateKey, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """`sleep(seconds)` waits between two attempts where another program uses the key."""
        self._client, self._key, self._sleep = client, key, sleep
        self.public = public_bytes(key)
        self._number: int | None = None
        self._is_stranger = False
        self._head: Checkpoint | None = None
        self._conflicts = 0

    def forget(self) -> None:
        """Begin afresh after a while: others may have used the key's numbers meanwhile, or have stopped to."""
        self._number = None
        self._conflicts = 0

    def begin(self) -> None:
        """Before batches are signed: learn the key's next number, where it isn't known, and the newest verified head.

        Raises ProblemError where other programs took the numbers again and again, and as the client does.
        """
        if self._conflicts > CONFLICTS_MAX:
            raise ProblemError(
                "another program keeps using this key's numbers: stop it, or use a key of its own",
                status=409, type=SEQUENCE,
            )  # fmt: skip
        if self._conflicts:
            wait_s = min(CONFLICT_WAIT_S * 2**self._conflicts, CONFLICT_WAIT_S_MAX)
            self._sleep(spread(0, wait_s))  # programs that sign with one key
        if self._number is None:
            state = self._client.key_state(self.public)
            self._number, self._is_stranger = state.next, state.party is None
        self._head = self._client.head()

    def sign(self, bodies: Sequence[bytes]) -> Batch:
        """The next batch: 1 to 1,024 bodies, after `begin` or another `sign`.

        Raises ProblemError where the key has no party and these wouldn't make it one: the batch would stay under way,
        before all that others send, for as long as nobody joins with this key.
        """
        if self._number is None or self._head is None:
            raise InvariantError("signed before it was known with which number")
        if self._is_stranger and peek(bodies[0])["kind"] != "party":
            raise ProblemError(
                f"the key {self.public.hex()} is not bound", status=403, type=KEY, position=0, field="key",
                expected="a first record of kind party",
            )  # fmt: skip
        self._is_stranger = False
        head = self._head
        batch = sign_batch(
            self._key, origin=self._client.origin, size=head.size, root=head.root, first=self._number, bodies=bodies
        )
        self._number += len(bodies)
        return batch

    def send(self, batches: Sequence[Batch]) -> Sent:
        """Send batches whose flight is durable already. Raises NetworkError, VerifyError, ProblemError for the request
        as a whole, and StorageError as `Client.submit` does: then nothing is known of them, and they stay under way."""
        last = batches[-1]
        self._number = None
        taken: list[Taken] = []
        try:
            outcomes = self._client.submit(batches)
        except ProblemError as error:
            count = len(batches[0].bodies)
            if error.status != 413 or count == 1:
                raise
            # Something on the way takes no request of this size, and has read none of this one. But of an earlier one?
            if self._client.key_state(batches[0].key).next > batches[0].first:
                raise ProblemError(
                    f"{error.detail}, and the batch may have been logged by an earlier request: let requests of that "
                    "size through once more", status=error.status, type=error.type,
                ) from None  # fmt: skip
            error.extra = {"batch_max": count // 2}
            return Sent((), error)
        for outcome in outcomes:
            if isinstance(outcome, Taken):
                taken.append(outcome)
                continue
            return self._not_taken(batches[len(taken)], tuple(taken), outcome)
        self._conflicts = 0
        if last.key == self.public:
            self._number = last.first + len(last.bodies)
        return Sent(tuple(taken))

    def _not_taken(self, batch: Batch, taken: tuple[Taken, ...], problem: ProblemError) -> Sent:
        if problem.type == SEQUENCE:
            following = problem.extra.get("next")
            if type(following) is int and following < batch.first:
                return Sent(taken, left_open=_went_back(problem, batch, following))
            self._conflicts = 0 if taken else self._conflicts + 1
            return Sent(taken, problem, conflict=True)
        self._conflicts = 0
        if problem.status == 429 or problem.status >= 500:
            wait = problem.extra.get("retry_after_s")
            busy = NetworkError(
                f"the node is busy ({problem.detail}): run the same command again later",
                retry_after_s=wait if type(wait) is int and wait > 0 else 0,
            )
            return Sent(taken, left_open=busy)
        if names_record(problem) or problem.extra.get("batch_max"):
            if batch.key == self.public:
                self._number = batch.first  # it was its turn, and still is
            return Sent(taken, problem)
        return Sent(taken, left_open=problem)


def _went_back(problem: ProblemError, batch: Batch, following: int) -> ProblemError:
    """A gap before a batch that began at the key's next number: the log lacks what it had, so it may have had this
    batch as well, and have it again when it is put right."""
    return ProblemError(
        f"{problem.detail}: its next number was {batch.first} and is {following} now, so the log was rolled back or "
        "restored from an older copy: ask its operator, and keep what is under way until the log is whole again",
        status=problem.status, type=problem.type, field=problem.field, expected=problem.expected, extra=problem.extra,
    )  # fmt: skip


def names_record(problem: ProblemError) -> bool:
    """Whether a refusal is about one record of its batch, and not about the key, the head or the batch as such."""
    if problem.position is None or problem.type in (HISTORY, QUOTA, SEQUENCE):
        return False
    return problem.status in (409, 422) or (problem.status == 403 and problem.field == "kind")


def smaller_batch(problem: ProblemError, *, count: int) -> int | None:
    """How many of a refused batch's `count` records fit in one, where it was too much work; nothing is wrong with any
    of them then. None for another refusal."""
    fits = problem.extra.get("batch_max")
    return fits if type(fits) is int and 0 < fits < count else None
