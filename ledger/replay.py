"""Replay (audit): judge a whole log again from its entries alone (design sections 1 and 8).

Every entry is parsed, its batch put together and signed anew in thought: signature, numbers, heads, paths and rules are
those of the append path itself, over a store that keeps only what a rule reads.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import NoReturn

from ledger import keys
from ledger.append import Ledger, Outcome, Prepared, prepare
from ledger.context import Body, LogIdentity
from ledger.errors import Refusal
from ledger.spill import SpillStore
from ledger.state import State
from ledger.store import Store
from proofs import codec, ed25519
from proofs.entry import Batch, Entry, parse_entry
from proofs.errors import InputError, InvariantError, VerifyError

PENDING_MAX = 2048


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
    """Takes a log's entries in order. `executor`: threads for checking signatures; None checks them in line. `watch` is
    shown every record in log order, as its batch is taken; that its signature holds is sure when `finish` returns.
    `store`: an empty one to keep every row in, where more than the rules' own state is wanted."""

    def __init__(
        self,
        log: LogIdentity,
        *,
        executor: Executor | None = None,
        watch: Watch | None = None,
        store: Store | None = None,
    ) -> None:
        self.ledger = Ledger(store or SpillStore(spill=keys.REPLAY_SPILLS, drop=keys.REPLAY_DROPS), log=log)
        self.kinds: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.batches = 0
        self._executor = executor
        self._watch = watch
        self._pending: deque[tuple[int, Future[None]]] = deque()
        # The batch that is being put together: its entries as they came, their bodies, and the first one parsed.
        self._raw: list[bytes] = []
        self._bodies: list[bytes] = []
        self._first: Entry

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
            if not self._raw:
                self._first = self._parse(raw, self.size)
            position, body = _glance(raw)
            self._raw.append(raw)
            self._bodies.append(body)
            if position != len(self._raw) - 1:
                index = self.size + len(self._raw) - 1
                self._blame(index, f"position {position} of its batch where {len(self._raw) - 1} was due")
            if len(self._raw) == self._first.count:
                self._judge(self._first)

    def _parse(self, raw: bytes, index: int) -> Entry:
        try:
            return parse_entry(raw)
        except InputError as error:
            raise AuditFailure(index, f"{error.detail} ({error.field}: expected {error.expected})") from None

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

    def _judge(self, first: Entry) -> None:
        batch = Batch(first.key, first.size, first.root, first.first, first.signature, tuple(self._bodies))
        # Made anew and compared: that judges form, head, path and signature bytes of every entry at once.
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
        self._raw, self._bodies = [], []
        if self._watch is not None:
            self._show(self._watch, index, prepared, outcome)

    def _show(self, watch: Watch, index: int, prepared: Prepared, outcome: Outcome) -> None:
        row = State(self.ledger.store).key(prepared.batch.key)
        if row is None:
            raise InvariantError("a batch was taken from a key that isn't bound")
        taken = zip(prepared.leaves, outcome.statuses, prepared.bodies, strict=True)
        for position, (leaf, status, body) in enumerate(taken):
            watch(Judged(index + position, leaf, row.party, status, body))

    def _blame(self, index: int, detail: str) -> NoReturn:
        """Entries that don't fit together: the first whose own signature doesn't hold was changed; if all hold, what
        is wrong is where they stand, as `detail` says of `index`."""
        for position, raw in enumerate(self._raw):
            entry = self._parse(raw, self.size + position)
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
                batch,
                origin=log.origin,
                root_at=self.ledger.root_at,
                check_signature=self._executor is None,
                entries=self._raw,
            )
        except Refusal as error:
            raise AuditFailure(index, _explain(error)) from None
        if self._executor is not None:
            # The five lines and not the batch, so that what waits holds no bodies.
            judged = self._executor.submit(ed25519.check, batch.key, prepared.lines, batch.signature)
            self._pending.append((index, judged))
            self._settle(PENDING_MAX)
        return prepared


def _glance(raw: bytes) -> tuple[int, bytes]:
    """Position and body of what may be an entry, -1 where it is none: enough to put a batch together, which is then
    compared whole."""
    try:
        item = codec.unpack(raw, field="entry")
    except InputError:
        return -1, b""
    if type(item) is not list or len(item) != 10 or type(item[6]) is not int or type(item[9]) is not bytes:
        return -1, b""
    return item[6], item[9]


def _explain(error: Refusal) -> str:
    expected = f", expected {error.expected}" if error.expected else ""
    return f"{error.detail} ({error.field}{expected})" if error.field else error.detail
