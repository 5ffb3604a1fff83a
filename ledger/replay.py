"""Replay (audit): judge a whole log again from its entries alone (design sections 1 and 8).

Every entry is parsed, its batch put together and signed anew in thought: signature, numbers, heads, paths and rules are
those of the append path itself, over a store in memory that keeps only what a rule reads.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import NoReturn

from ledger import keys
from ledger.append import Ledger, Prepared, prepare
from ledger.context import LogIdentity
from ledger.errors import Refusal
from ledger.store import MemoryStore
from proofs import ed25519
from proofs.entry import Batch, Entry, parse_entry
from proofs.errors import InputError, VerifyError

PENDING_MAX = 2048
DROPPED = (*keys.REPLAY_DROPS, keys.BATCH, keys.KEY_BATCH)


class AuditFailure(VerifyError):
    """The first thing wrong with a log. `index`: the leaf at which it shows."""

    def __init__(self, index: int, detail: str) -> None:
        super().__init__(f"entry {index}: {detail}", field="entry")
        self.index = index


class Replay:
    """Takes a log's entries in order. `executor`: threads for checking signatures; None checks them in line."""

    def __init__(self, log: LogIdentity, *, executor: Executor | None = None) -> None:
        self.ledger = Ledger(MemoryStore(drop=DROPPED), log=log)
        self.kinds: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.batches = 0
        self._executor = executor
        self._pending: deque[tuple[int, Future[None]]] = deque()
        self._raw: list[bytes] = []
        self._entries: list[Entry] = []

    @property
    def size(self) -> int:
        """Entries judged so far; those of a batch that is not complete yet are not among them."""
        return self.ledger.size

    @property
    def root(self) -> bytes:
        """The root over the entries judged so far."""
        return self.ledger.tree.root

    def feed(self, entries: Sequence[bytes]) -> None:
        """Judge the next entries. Raises AuditFailure at the first that is wrong."""
        try:
            self._feed(entries)
        except AuditFailure:
            self._settle(0)  # an earlier entry, whose signature was still being judged, comes first
            raise

    def _feed(self, entries: Sequence[bytes]) -> None:
        for raw in entries:
            index = self.size + len(self._raw)
            try:
                entry = parse_entry(raw)
            except InputError as error:
                raise AuditFailure(index, f"{error.detail} ({error.field}: expected {error.expected})") from None
            self._raw.append(raw)
            self._entries.append(entry)
            if entry.position != len(self._raw) - 1:
                self._blame(index, f"position {entry.position} of its batch where {len(self._raw) - 1} was due")
            if len(self._raw) == entry.count:
                self._judge()

    def finish(self) -> None:
        """Judge what is still open. Raises AuditFailure for a batch that was cut, and for a bad signature."""
        self._settle(0)
        if self._raw:
            raise AuditFailure(self.size + len(self._raw) - 1, "the log ends inside a batch")

    def _settle(self, left: int) -> None:
        while len(self._pending) > left:
            index, future = self._pending.popleft()
            try:
                future.result()
            except InputError as error:
                raise AuditFailure(index, error.detail) from None

    def _judge(self) -> None:
        first = self._entries[0]
        batch = Batch(first.key, first.size, first.root, first.first, first.signature,
                      tuple(entry.body for entry in self._entries))  # fmt: skip
        for position, (made, came) in enumerate(zip(batch.entries(), self._raw, strict=True)):
            if made != came:
                self._blame(self.size + position, "its path, head or signature is not its batch's")
        index = self.size
        prepared = self._prepare(batch, index)
        group = self.ledger.group()
        try:
            outcome = group.take(prepared)
        except Refusal as error:
            raise AuditFailure(index + (error.position or 0), _explain(error)) from None
        group.commit()
        self.batches += 1
        for body, status in zip(prepared.bodies, outcome.statuses, strict=True):
            self.kinds[body["kind"]] += 1
            if body["kind"] == "usage":
                self.statuses[status] += 1
        self._raw, self._entries = [], []

    def _blame(self, index: int, detail: str) -> NoReturn:
        """Entries that don't fit together: the first whose own signature doesn't hold was changed; if all hold, what
        is wrong is where they stand, as `detail` says of `index`."""
        for position, entry in enumerate(self._entries):
            try:
                entry.check_signature(self.ledger.log.origin)
            except VerifyError as error:
                raise AuditFailure(self.size + position, error.detail) from None
        raise AuditFailure(index, detail)

    def _prepare(self, batch: Batch, index: int) -> Prepared:
        """Checks as on the way in, but for the signature, which may be judged by other threads meanwhile."""
        log = self.ledger.log
        try:
            prepared = prepare(
                batch, origin=log.origin, root_at=self.ledger.root_at, check_signature=self._executor is None
            )
        except Refusal as error:
            raise AuditFailure(index, _explain(error)) from None
        if self._executor is not None:
            # The five lines and not the batch, so that what waits holds no bodies.
            judged = self._executor.submit(ed25519.check, batch.key, prepared.lines, batch.signature)
            self._pending.append((index, judged))
            self._settle(PENDING_MAX)
        return prepared


def _explain(error: Refusal) -> str:
    expected = f", expected {error.expected}" if error.expected else ""
    return f"{error.detail} ({error.field}{expected})" if error.field else error.detail
