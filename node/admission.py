"""Who may write, and how much (design section 8): the list of parties, how fast strangers join, and each party's quota.

Records and bytes are counted once a batch's signature holds; before everything that needs the log, so that what the
log refuses counts too. Steps are counted by the writer, which alone knows them, right before the rules run. Keys are
charged to their party; keys without one share one quota, for they cost nothing, and joining is bounded for all of them
together.

A batch over used numbers is counted apart, at the same rates: once a batch is in the log everybody can read it and send
it again, and must not spend what its party has for new ones. Besides, what has spent its party's burst can then be
asked for once more. So nobody can spend another's quota for new records.

No rule of the log: a replay knows nothing of this.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence

from ledger.append import Checked, Outcome
from ledger.context import STEPS_MAX
from ledger.errors import QUOTA, SEQUENCE, Refusal
from ledger.reader import Reader
from ledger.state import State
from node.config import Config
from node.quotas import EVERYBODY, Kind, Over, Quotas, Rate
from proofs.entry import BATCH_RECORDS_MAX, REQUEST_BYTES_MAX, Batch
from proofs.records import peek

KEYS_MAX = 16_384
ENTRY_BYTES = 256
"""What a batch costs the log besides its records: its head, its signature, its place."""
WRONG_PER_S = 2.0
WRONG_BURST = 20
"""Wrong statements of a party: so many at once, of which so many a second are forgiven."""
_HOUR_S = 3600

Verdict = Checked | Refusal

_WORDS = {
    Kind.RECORDS: ("records", "too many records of this party", "at most {:g} records a second"),
    Kind.BYTES: ("records", "too many bytes of this party", "at most {:g} bytes a second"),
    Kind.STEPS: ("records", "this party's records are too much work", "at most {:g} steps a second"),
    Kind.STATEMENTS: (
        "statement", "too many wrong statements", "at most {:g} wrong ones a second; read the draft first",
    ),
    Kind.JOINS: ("party", "too many new parties", "fewer new parties, all together"),
}  # fmt: skip


def rates_of(config: Config) -> dict[Kind, Rate]:
    """The rates that a configuration sets. A burst is never less than one full batch."""
    burst_s = config.burst_s
    return {
        Kind.RECORDS: Rate(config.records_per_s, max(BATCH_RECORDS_MAX, burst_s * config.records_per_s)),
        Kind.BYTES: Rate(config.bytes_per_s, max(REQUEST_BYTES_MAX, burst_s * config.bytes_per_s)),
        Kind.STEPS: Rate(config.steps_per_s, max(STEPS_MAX, burst_s * config.steps_per_s)),
        Kind.STATEMENTS: Rate(WRONG_PER_S, WRONG_BURST),
        Kind.JOINS: Rate(config.new_parties_per_hour / _HOUR_S, config.new_parties_per_hour),
    }


Late = dict[int, tuple[bytes, Mapping[Kind, float]]]
"""Batches of one request that are over a quota, by position: whom they are charged to, and how much."""


class Gate:
    """Owner: its lock, for what it knows of keys; `admits`, `check` and `spend` are the writer's; `learn` and `settle`
    read, so they are for reading threads."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock()`: seconds, never backwards."""
        self._lock = threading.Lock()
        # Of each key its party (it is bound once, for ever), and a number below which all of its are used: the next
        # one, but for what is under way.
        self._parties: OrderedDict[bytes, tuple[bytes, int]] = OrderedDict()
        self.quotas = Quotas(rates_of(config), clock=clock)
        self.repeats = Quotas(rates_of(config), clock=clock)
        """For batches over used numbers."""
        self.refused: Counter[Kind] = Counter()
        """Refusals so far, by what there was too much of; written under the lock."""
        self._listed: frozenset[bytes] | None = None
        self.reload(config)

    def reload(self, config: Config) -> None:
        """Take on another list, or other rates; what comes from now on is judged by them."""
        listed = frozenset(bytes.fromhex(text) for text in config.parties)
        self._listed = listed if config.mode == "listed" else None
        for quotas in (self.quotas, self.repeats):
            quotas.set_rates(rates_of(config))

    # What the ledger asks (its `admission` and its `budget`)

    def admits(self, party: bytes) -> bool:
        """Whether the party is on the list, where there is one."""
        listed = self._listed
        return listed is None or party in listed

    def check(self, party: bytes) -> None:
        """Raise Refusal 429 where the party has cost the writer too much lately."""
        refused = self.over(party, Kind.STEPS, 0)
        if refused is not None:
            raise refused

    def spend(self, party: bytes, steps: int) -> None:
        """Count what a batch of the party came to."""
        self.quotas.spend(party, Kind.STEPS, steps)

    # What the request's way asks

    def unknown(self, batches: Sequence[Batch], verdicts: Sequence[Verdict]) -> list[bytes]:
        """Keys of a request that have to be looked up."""
        signed = {batch.key for batch, verdict in zip(batches, verdicts, strict=True) if isinstance(verdict, Checked)}
        with self._lock:
            return [key for key in signed if self._known(key) is None]

    def _known(self, key: bytes) -> tuple[bytes, int] | None:
        """Under the lock."""
        found = self._parties.get(key)
        if found is not None:
            self._parties.move_to_end(key)
        return found

    def learn(self, keys: Sequence[bytes], reader: Reader) -> None:
        """Look the keys' parties up in what is published."""
        state = State(reader.tree.view)
        found = {key: (row.party, row.next) for key in keys if (row := state.key(key)) is not None}
        with self._lock:
            self._parties.update(found)
            while len(self._parties) > KEYS_MAX:
                self._parties.popitem(last=False)

    def note(self, batches: Sequence[Batch], results: Sequence[Outcome | Refusal]) -> None:
        """Take on what a request's answers say of the numbers that its keys have used."""
        with self._lock:
            for batch, result in zip(batches, results, strict=True):
                known = self._parties.get(batch.key)
                if known is None:
                    continue
                if isinstance(result, Outcome):
                    following = batch.first + result.count
                elif result.type == SEQUENCE:
                    following = result.extra["next"]
                else:
                    continue
                self._parties[batch.key] = (known[0], max(known[1], following))

    def charge(self, batches: Sequence[Batch], verdicts: list[Verdict]) -> Late:
        """Count a request's batches against their parties, in order; answers those that are over. With the first of a
        key go its later ones: they would only leave a gap."""
        late: Late = {}
        late_keys: set[bytes] = set()
        joining: dict[bytes, Refusal | None] = {}
        for position, (batch, verdict) in enumerate(zip(batches, verdicts, strict=True)):
            if isinstance(verdict, Refusal):
                continue
            key = batch.key
            with self._lock:
                known = self._known(key)
            quotas = self.quotas
            if known is not None:
                party, following = known
                quotas = self.repeats if batch.first < following else quotas
            else:
                if key not in joining and self._would_join(batch, verdict):
                    joining[key] = (
                        None if self._listed is not None else self._take(self.quotas, EVERYBODY, {Kind.JOINS: 1})
                    )
                refused = joining.get(key)
                if refused is not None:
                    verdicts[position] = refused
                    continue
                party = key if key in joining else EVERYBODY
            amounts = _amounts(batch)
            if key in late_keys or quotas.take(party, amounts) is not None:
                late[position] = (party, amounts)
                late_keys.add(key)
        return late

    def settle(self, batches: Sequence[Batch], verdicts: list[Verdict], late: Late, reader: Reader) -> None:
        """Refuse what is over, now that the log itself says which numbers are used."""
        state = State(reader.tree.view)
        refused: dict[bytes, Refusal] = {}
        for position, (party, amounts) in late.items():
            batch = batches[position]
            if batch.key not in refused:
                row = state.key(batch.key)
                quotas = self.repeats if row is not None and batch.first < row.next else self.quotas
                over = self._take(quotas, party, amounts)
                if over is None:
                    continue
                refused[batch.key] = over
            verdicts[position] = refused[batch.key]

    def _would_join(self, batch: Batch, verdict: Checked) -> bool:
        """Whether a batch of an unbound key would make it a party."""
        if verdict.fields is not None or batch.first:
            return False
        return peek(batch.bodies[0])["kind"] == "party" and self.admits(batch.key)

    def _take(self, quotas: Quotas, party: bytes, amounts: Mapping[Kind, float]) -> Refusal | None:
        over = quotas.take(party, amounts)
        return None if over is None else self._refusal(over)

    def over(self, party: bytes, kind: Kind, amount: float) -> Refusal | None:
        """The refusal of so much, where it is over the party's quota; nothing is counted."""
        over = self.quotas.check(party, kind, amount)
        return None if over is None else self._refusal(over)

    def _refusal(self, over: Over) -> Refusal:
        with self._lock:
            self.refused[over.kind] += 1
        field, detail, expected = _WORDS[over.kind]
        rate = self.quotas.rate(over.kind)
        return Refusal(
            detail, status=429, type=QUOTA, field=field,
            expected=expected.format(0 if rate is None else rate.per_s) + "; send the same again after retry_after_s",
            extra={"retry_after_s": over.retry_after_s},
        )  # fmt: skip


def _amounts(batch: Batch) -> dict[Kind, float]:
    return {Kind.RECORDS: len(batch.bodies), Kind.BYTES: ENTRY_BYTES + sum(map(len, batch.bodies)), Kind.STEPS: 0}
