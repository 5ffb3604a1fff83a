"""What each user took of each asset, summed from usage records as they stream by, in log order (docs/watch.md).

A *user* is a party and, where records name one, the end user's digest. What the user logged itself, and what each
provider logged of it, are *meters* of their own, which are never added up. A *taking* is one item, or one call: a
record counts for the greater of its `item_count` and its `calls`, and 1 where it has neither; where items are counted,
a record that names one counts once, whatever its `calls`. What is kept grows with the number of users of assets and of
five-minute times in which they took something, not with the number of records; each has its bound, past which a run
ends and says so. No I/O here: a replay calls `add`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ledger.replay import Judged
from node.agents.meters import SIDES, Target, order
from node.agents.reconcile import BodyOf, Claimed, Filters
from node.detect.sketch import Distinct, item_hash
from node.detect.slots import SLOTS_MAX, TAKERS_MAX, WEIGHT_MAX, SlotCounts, Slots
from proofs.errors import InputError
from proofs.ref import Ref, unpack_ref

USERS_MAX = 200_000
CORRECTED_MAX = 200_000
REFS_KEPT = 8
"""References at a user's beginning, and as many at its end."""
SHORT_MS = 3_600_000
"""A record that stands for a longer time says nothing of when in it something was taken."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run keeps at most: users of assets, each as often as it has meters (about 1.5 KB each, and up to 64 KB
    where one took many items), times of five minutes (16 bytes), corrected usages."""

    users: int = USERS_MAX
    slots: int = SLOTS_MAX
    corrected: int = CORRECTED_MAX


@dataclass(slots=True, eq=False)
class Taken:
    """What one user took of one asset, as one meter has it: its `side`, and the `signer` of its records. `takings`:
    all; `named`: items that its records name, each as often as a record does; `items`: distinct items named one by one;
    `root_takings`: items behind roots, as often as a record has the root, `roots`: distinct roots, `rooted` and
    `rooted_most`: items behind distinct roots, together and of one; `first`, `last`: the earliest and latest `from`;
    `long`: takings of records that stand for more than an hour; `refs`, `last_refs`: records at its beginning and end
    in the log."""

    party: bytes
    user: bytes
    asset: Target
    side: int
    signer: bytes
    number: int
    records: int = 0
    takings: int = 0
    named: int = 0
    long: int = 0
    first: int = 2**63
    last: int = 0
    items: Distinct = field(default_factory=Distinct)
    roots: Distinct | None = None
    root_takings: int = 0
    rooted: int = 0
    rooted_most: int = 0
    quantities: Counter[str] = field(default_factory=Counter)
    uses: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    refs: list[tuple[int, bytes]] = field(default_factory=list)
    last_refs: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=REFS_KEPT))
    corrected: int = 0
    short_slots: Slots | None = None
    all_slots: Slots | None = None

    @property
    def breadth_least(self) -> int:
        """Distinct items, at the least: roots may be over items that are named elsewhere too."""
        return max(self._items, self.rooted_most)

    @property
    def breadth(self) -> int:
        """Distinct items, at the most: as if no two roots, and no root and item, had an item in common."""
        return self._items + self.rooted

    @property
    def returns(self) -> int:
        """Takings of items that it had taken before: at the most, as if all roots were over the same items."""
        return self.items.returns if self.roots is None else max(0, self.named - self.breadth_least)

    @property
    def returns_least(self) -> int:
        """The same as if no two roots, and no root and item, had an item in common."""
        return self.items.returns + max(0, self.root_takings - self.rooted)

    @property
    def _items(self) -> int:
        return min(self.items.count, self.named)  # an estimate may pass what can be

    def take(self, record: Judged, *, key: bytes) -> int:
        """Add one record; its takings."""
        body = record.body
        start, item, root = body["from"], body.get("item"), body.get("items")
        count = min(body.get("item_count", 0), WEIGHT_MAX)
        taken: int = min(max(1, count, body.get("calls", 1)), WEIGHT_MAX)
        self.records += 1
        self.takings += taken
        self.first, self.last = min(self.first, start), max(self.last, start)
        if item is not None:
            self.named += 1
            self.items.add(item_hash(item, key=key), start)
        elif root is not None:
            self.named += max(1, count)
            self.root_takings += max(1, count)
            self.roots = self.roots or Distinct()
            # In the place of a time: the least number of items that anybody gave for this root.
            if self.roots.add(item_hash(root, key=key), count):
                self.rooted += count
            self.rooted_most = max(self.rooted_most, count)
        for unit, quantity in body["quantities"].items():
            self.quantities[unit] += quantity
        self.uses[body["use"]] += 1
        self.statuses[record.status] += 1
        if len(self.refs) < REFS_KEPT:
            self.refs.append((record.index, record.leaf))
        else:
            self.last_refs.append((record.index, record.leaf))
        return taken

    def merge(self, other: Taken) -> None:
        """Add what the same user took of the same asset under another name of it."""
        self.records += other.records
        self.takings += other.takings
        self.named += other.named
        self.long += other.long
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.items.merge(other.items)
        self.root_takings += other.root_takings
        self.rooted += other.rooted
        if other.roots is not None:
            self.roots = self.roots or Distinct()
            mine = dict(zip(self.roots.hashes, self.roots.times, strict=True))
            both = zip(other.roots.hashes, other.roots.times, strict=True)
            self.rooted -= sum(min(count, mine[root]) for root, count in both if root in mine)
            self.roots.merge(other.roots)
        self.rooted_most = max(self.rooted_most, other.rooted_most)
        for sums, more in (
            (self.quantities, other.quantities), (self.uses, other.uses), (self.statuses, other.statuses),
        ):  # fmt: skip
            sums.update(more)
        refs = sorted({*self.refs, *self.last_refs, *other.refs, *other.last_refs})
        self.refs, self.last_refs = refs[:REFS_KEPT], deque(refs[REFS_KEPT:], maxlen=REFS_KEPT)
        self.corrected += other.corrected

    def shown_refs(self) -> list[Ref]:
        """Its first and last records."""
        return [Ref(index, leaf) for index, leaf in (*self.refs, *self.last_refs)]


@dataclass(frozen=True, slots=True)
class AllTaken:
    """Everything that was taken, ordered by asset, party, user and meter; `records`: usage records that were counted;
    `names`: external names with the assets that claim each."""

    takers: list[Taken]
    records: int
    corrected: int
    names: dict[str, tuple[bytes, ...]]


class Takings:
    """`add` every record of a log, in its order; `finish` once."""

    def __init__(self, *, key: bytes, filters: Filters | None = None, limits: Limits | None = None) -> None:
        """`key`: up to 64 bytes that nobody knew when the records were logged (the checkpoint's root)."""
        self._key = key[:64]
        self._filters = filters or Filters()
        self._limits = limits or Limits()
        self._kept: dict[tuple[bytes, bytes, Target, int, bytes], Taken] = {}
        self._short = SlotCounts(slots_max=self._limits.slots)
        self._long = SlotCounts(slots_max=self._limits.slots)
        self._corrected: dict[int, tuple[Ref, bytes]] = {}
        self._targets = self._filters.first_targets()
        self._records = 0

    def add(self, record: Judged) -> None:
        """Take one record. Raises InputError naming the bound where more would have to be kept than Limits allow."""
        body, kind = record.body, record.body["kind"]
        if kind == "correction":
            self._add_correction(record)
        elif kind == "asset" and self._filters.asset in body.get("aka", ()):
            self._targets.add(Ref(record.index, record.leaf).pack())
        elif kind == "usage" and self._filters.admits(body, signer=record.party, targets=self._targets):
            self._add_usage(record)

    def _add_usage(self, record: Judged) -> None:
        body = record.body
        side = SIDES.index(body.get("seen_by", "user"))
        identity = (body.get("party", record.party), body.get("user", b""), body["asset"], side, record.party)
        found = self._kept.get(identity)
        if found is None:
            if len(self._kept) >= min(self._limits.users, TAKERS_MAX):
                raise _too_many(f"{self._limits.users:,} users of assets, each as often as it has meters")
            found = self._kept[identity] = Taken(*identity, number=len(self._kept))
        taken = found.take(record, key=self._key)
        self._records += 1
        if body["until"] - body["from"] <= SHORT_MS:
            self._short.add(found.number, body["from"], taken)
        else:
            found.long += taken
            self._long.add(found.number, body["from"], taken)

    def _add_correction(self, record: Judged) -> None:
        if self._filters.party not in (None, record.party):
            return
        ref = unpack_ref(record.body["usage"])
        if ref.index not in self._corrected and len(self._corrected) >= self._limits.corrected:
            raise _too_many(f"{self._limits.corrected:,} corrected usages")
        self._corrected[ref.index] = ref, record.party

    def finish(self, *, body_of: BodyOf, claimed: Claimed) -> AllTaken:
        """Everything that was added; the object is spent. `body_of` is asked for the usages that were corrected,
        `claimed` for each external name that was used. Raises what they raise."""
        corrected = self._count_corrected(body_of)
        wanted = self._filters.asset
        names = {taken.asset: claimed(taken.asset) for taken in self._kept.values() if isinstance(taken.asset, str)}
        if isinstance(wanted, str):
            names.setdefault(wanted, claimed(wanted))
        means: dict[Target, Target] = {name: assets[0] for name, assets in names.items() if len(assets) == 1}
        keep = None if wanted is None else means.get(wanted, wanted)
        for taken in self._kept.values():
            taken.asset = means.get(taken.asset, taken.asset)
        numbers = self._merge_names()
        takers = self._with_slots(numbers)
        kept = [taken for taken in takers if keep is None or taken.asset == keep]
        return AllTaken(kept, self._records, corrected, names)

    def _count_corrected(self, body_of: BodyOf) -> int:
        """Say of each user how many of its records were corrected; their amounts stay as they were logged first."""
        total = 0
        for _, (ref, party) in sorted(self._corrected.items()):
            body = body_of(ref)
            found = self._kept.get((party, body.get("user", b""), body["asset"], 0, party))
            if found is not None and self._filters.admits(body, signer=party, targets=self._targets):
                found.corrected += 1
                total += 1
        return total

    def _merge_names(self) -> list[int]:
        """Put together what is one user's of one asset; answers what each number is then."""
        merged: dict[tuple[bytes, bytes, Target, int, bytes], Taken] = {}
        numbers = []
        for taken in self._kept.values():
            first = merged.setdefault((taken.party, taken.user, taken.asset, taken.side, taken.signer), taken)
            if first is not taken:
                first.merge(taken)
            numbers.append(first.number)
        self._kept = merged
        return numbers

    def _with_slots(self, numbers: list[int]) -> list[Taken]:
        short = self._short.finish(numbers, len(numbers))
        long = self._long.finish(numbers, len(numbers))
        for taken in self._kept.values():
            taken.short_slots = short[taken.number]
            taken.all_slots = short[taken.number] if not taken.long else joined(short[taken.number], long[taken.number])
        return sorted(self._kept.values(), key=_place)


def joined(one: Slots, other: Slots) -> Slots:
    """The sums of both."""
    slots, places = np.unique(np.concatenate((one[0], other[0])), return_inverse=True)
    return slots, np.bincount(places, np.concatenate((one[1], other[1])), len(slots))


def _place(taken: Taken) -> tuple[tuple[int, int, Target], bytes, bytes, int, bytes]:
    return order(taken.asset), taken.party, taken.user, taken.side, taken.signer


def _too_many(what: str) -> InputError:
    expected = "a run for one asset or party, or a shorter time"
    return InputError(f"more than {what}: one run keeps no more", field="filters", expected=expected)


def read_takings(
    records: Iterable[Judged], *, key: bytes, body_of: BodyOf, claimed: Claimed = lambda name: (),
    filters: Filters | None = None, limits: Limits | None = None,
) -> AllTaken:  # fmt: skip
    """Add up these records at once; see Takings. Raises InputError."""
    takings = Takings(key=key, filters=filters, limits=limits)
    for record in records:
        takings.add(record)
    return takings.finish(body_of=body_of, claimed=claimed)
