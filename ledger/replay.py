"""Replay (audit): judge a whole log again from its entries alone (design sections 1 and 8).

Every entry is parsed, its batch put together and signed anew in thought: signature, numbers, heads, paths and rules are
those of the append path itself, over a store that keeps only what a rule reads. What needs no state is examined first
(ledger/examine.py), perhaps by other processes, while the rules run on the batches before.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from ledger import keys
from ledger.append import ROWS_CACHED_MAX as WRITER_ROWS_MAX
from ledger.append import Ledger, Outcome, Prepared, check_head
from ledger.context import Body, LogIdentity
from ledger.errors import Refusal
from ledger.examine import Examined, batch_count, batch_of, examine
from ledger.spill import SpillStore
from ledger.state import State
from ledger.store import MemoryStore, Store
from proofs.errors import InvariantError, VerifyError

PENDING_MAX = 2048
PENDING_BYTES_MAX = 16 * 1024 * 1024
"""Batches that are being examined, and their entries' bytes."""
ROWS_CACHED_MAX = 1_000_000
"""Rows kept in memory, some 300 bytes each, where every row goes to a store: 1,000 parties that used 200 assets have
400,000 that most batches ask for."""


class AuditFailure(VerifyError):
    """The first thing wrong with a log. `index`: the leaf at which it shows."""

    def __init__(self, index: int, detail: str) -> None:
        super().__init__(f"entry {index}: {detail}", field="entry")
        self.index = index


@dataclass(frozen=True, slots=True)
class Judged:
    """A record that the rules took. `party`: whose key signed it (32 bytes); `leaf`: hash of its entry."""

    index: int
    leaf: bytes
    party: bytes
    status: str
    body: Body


Watch = Callable[[Judged], None]


class Replay:
    """Takes a log's entries in order. `executor` runs `examine`; None: in line. `watch` is shown every record in log
    order, as its batch is taken. `store`: an empty one to keep every row in, where more than the rules' own state is
    wanted."""

    def __init__(
        self,
        log: LogIdentity,
        *,
        executor: Executor | None = None,
        watch: Watch | None = None,
        store: Store | None = None,
    ) -> None:
        kept = SpillStore(spill=keys.REPLAY_SPILLS, drop=keys.REPLAY_DROPS) if store is None else store
        self.ledger = Ledger(
            kept, log=log, rows_cached=WRITER_ROWS_MAX if store is None else ROWS_CACHED_MAX,
            sums_uses=not (isinstance(kept, MemoryStore) and kept.drops(keys.MADE_FROM)),
        )  # fmt: skip
        self.kinds: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.batches = 0
        self._executor = executor
        self._watch = watch
        # Batches that are being examined, in order, with the bytes of their entries.
        self._pending: deque[tuple[list[bytes], int, Future[Examined]]] = deque()
        self._pending_bytes = 0
        # The batch that is being put together: its entries as they came, and how many it will have.
        self._raw: list[bytes] = []
        self._count = 0

    @property
    def size(self) -> int:
        """Entries judged so far; those still being examined, or of a batch that is not complete, are not among them."""
        return self.ledger.size

    @property
    def root(self) -> bytes:
        """The root over the entries judged so far."""
        return self.ledger.tree.root

    def feed(self, entries: Sequence[bytes]) -> None:
        """Judge the next entries; with an executor, some of them later. Raises AuditFailure at the first that is
        wrong, and then no more may be fed."""
        at = 0
        while at < len(entries):
            if not self._raw:
                self._count = batch_count(entries[at])
            wanted = self._count - len(self._raw)
            self._raw += entries[at : at + wanted]
            at += wanted
            if len(self._raw) == self._count:
                self._examine()

    def finish(self) -> None:
        """Judge what is still open. Raises AuditFailure, also for a batch that was cut."""
        if self._raw:
            self._examine()
        while self._pending:
            self._take_next()

    def _examine(self) -> None:
        raws, self._raw = self._raw, []
        if self._executor is None:
            self._judge(raws, examine(self.ledger.log.origin, raws))
            return
        held = sum(map(len, raws))
        self._pending.append((raws, held, self._executor.submit(examine, self.ledger.log.origin, raws)))
        self._pending_bytes += held
        while len(self._pending) > PENDING_MAX or self._pending_bytes > PENDING_BYTES_MAX:
            self._take_next()

    def _take_next(self) -> None:
        raws, held, future = self._pending.popleft()
        self._pending_bytes -= held
        self._judge(raws, future.result())

    def _judge(self, raws: Sequence[bytes], found: Examined) -> None:
        index = self.size
        if found.failure is not None:
            raise AuditFailure(index + found.failure[0], found.failure[1])
        batch = batch_of(raws, found.lengths)
        head = check_head(batch, self.ledger.root_at)
        prepared = Prepared(batch, found.bodies, list(found.leaves), found.lines, head, found.fields)
        group = self.ledger.group()
        try:
            outcome = group.take(prepared)
        except Refusal as error:
            raise AuditFailure(index + (error.position or 0), _explain(error)) from None
        group.commit()
        self.batches += 1
        for body, status in zip(found.bodies, outcome.statuses, strict=True):
            self.kinds[body["kind"]] += 1
            if body["kind"] == "usage":
                self.statuses[status] += 1
        if self._watch is not None:
            self._show(self._watch, index, prepared, outcome)

    def _show(self, watch: Watch, index: int, prepared: Prepared, outcome: Outcome) -> None:
        row = State(self.ledger.store).key(prepared.batch.key)
        if row is None:
            raise InvariantError("a batch was taken from a key that isn't bound")
        taken = zip(prepared.leaves, outcome.statuses, prepared.bodies, strict=True)
        for position, (leaf, status, body) in enumerate(taken):
            watch(Judged(index + position, leaf, row.party, status, body))


def _explain(error: Refusal) -> str:
    expected = f", expected {error.expected}" if error.expected else ""
    return f"{error.detail} ({error.field}{expected})" if error.field else error.detail
