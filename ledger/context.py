"""What a state rule is given besides the record: where it will stand and who signed it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.errors import RuleRefusal
from ledger.postings import Postings
from ledger.state import KeyRow, State
from proofs import codec
from proofs.pricing import Splits, Terms
from proofs.ref import unpack_ref


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """The log that is being written. `keys`: its own signing keys, which no party may use."""

    origin: str
    keys: frozenset[bytes]


Body = dict[str, Any]

REFS_MAX = 65_536
PLANS_MAX = 4096
PLAN_PARTS_MAX = 131_072
"""Splits and offers in all plans that are remembered, some 200 bytes each: a plan may have 264 and 90 of them."""
STEPS_MAX = 131_072
"""Work that the records of one batch may cost together. A step is a few microseconds: a payee's part of a charge. What
else costs how many is beside its rule, and all of it in docs/spec.md."""
LOOKUP_STEPS = 8
"""For each asset whose terms, or whose place among sources, a rule looks up."""
KIB_STEPS = 8
"""For each whole KiB of an earlier record that a rule reads again: one of 58,000 bytes takes a millisecond."""


class Behind(NamedTuple):
    """What stands behind something: leaf indices and external names, and how many edges a walk through it meets."""

    targets: frozenset[int | str]
    edges: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a use of an asset comes to under the terms in force now, looked up once for many uses.

    `newest`: index of its terms, None without any; `ref`: their reference. `shares`: bps and splits of every asset of
    the closure, `sources` those assets; `rest`: the asset's own splits; `parts`: how many splits that is. `suffix`: the
    currency as it ends the keys of accounts.
    """

    owner: bytes
    is_retired: bool
    newest: int | None
    ref: bytes
    terms: Terms | None
    shares: tuple[tuple[int, Splits], ...]
    sources: tuple[int, ...]
    rest: Splits
    parts: int
    suffix: bytes


@dataclass(slots=True)
class Memo:
    """Answers that never change once given. Owner: whoever appends.

    `behind`: what stands behind an asset, by its leaf hash. `edges` and `paid`: what the walks of the present batch
    came to, and what they found, kept to the batch's end: were it forgotten sooner, a batch would pay again, and
    whether it is taken would hang on what this process happens to remember. `refs`: references known to name an asset;
    only those below `committed`, the log's size when the group began: what a refused batch held was never there.
    `plans`: by asset, with `plan_parts` splits and offers in all, emptied by whatever changes one; a batch that has
    changed one, or has registered the asset, keeps its plans to itself, for it may yet be refused.
    """

    behind: OrderedDict[bytes, Behind] = field(default_factory=OrderedDict)
    entries_max: int = 64
    edges: int = 0
    paid: dict[bytes, Behind] = field(default_factory=dict)
    committed: int = 0
    refs: dict[bytes, int] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    plan_parts: int = 0

    def remember(self, asset: int, plan: Plan) -> None:
        """Keep a plan at hand, at the cost of all others where they are too many."""
        parts = plan.parts + (0 if plan.terms is None else sum(map(len, plan.terms.offers.values())))
        if len(self.plans) >= PLANS_MAX or self.plan_parts + parts > PLAN_PARTS_MAX:
            self.forget_plans()
        self.plans[asset] = plan
        self.plan_parts += parts

    def forget_plans(self) -> None:
        """What uses come to has changed."""
        self.plans.clear()
        self.plan_parts = 0

    def begin_batch(self) -> None:
        """Nothing was walked for the batch that comes now."""
        self.edges = 0
        self.paid.clear()


LeafAt = Callable[[int], bytes | None]


@dataclass(slots=True)
class Context:
    """One batch on its way into the log, and the record of it that is judged now.

    `head`: the tree size that the batch signed. `leaf_at(index)`: the leaf hash of an entry before this batch, None
    past them. `figures`: what statements of this batch, by position, ought to say, where that was computed before.
    `start`: the leaf of its first record. `plans`: of the assets that it has used, the terms being as they are now;
    `are_terms_changed`: by the batch itself. `steps`: what it has cost so far.
    `position`, `index`, `leaf` (hash of its entry), `row` (the signing key's, None while unbound) and `party` (the
    signer's; an unbound key is about to become its own): the record's.
    """

    log: LogIdentity
    memo: Memo
    key: bytes
    head: int
    start: int
    leaf_at: LeafAt
    figures: Mapping[int, Any]
    postings: Postings = field(default_factory=Postings)
    plans: dict[int, Plan] = field(default_factory=dict)
    are_terms_changed: bool = False
    steps: int = 0
    position: int = 0
    index: int = 0
    leaf: bytes = b""
    row: KeyRow | None = None
    party: bytes = b""

    def check_ref(self, raw: bytes, field_name: str, what: str) -> int:
        """The leaf index in a reference to an earlier entry. Raises RuleRefusal where the entry has another hash."""
        ref = unpack_ref(raw)
        if self.leaf_at(ref.index) != ref.leaf:
            raise RuleRefusal(f"{ref} is no entry of this log", field=field_name, expected=what)
        return ref.index

    def read(self, state: State, index: int, field_name: str) -> Body:
        """The record at a leaf before this batch, read at the batch's cost. Raises RuleRefusal as `spend` does."""
        data = state.record(index)
        self.spend(record_steps(data), field_name)
        return codec.unpack(data)  # type: ignore[no-any-return]

    def spend(self, steps: int, field_name: str) -> None:
        """Count work that the batch costs. Raises RuleRefusal where it comes to more than STEPS_MAX: what stands before
        this record would be taken as a batch of its own, and so would this record.

        The count follows from the log alone, never from what this process remembers, so that a replay judges alike.
        """
        self.steps += steps
        if self.steps > STEPS_MAX:
            raise RuleRefusal(
                "too much work for one batch",
                field=field_name,
                expected=f"at most {STEPS_MAX} steps a batch: send it in smaller ones",
                extra={"batch_max": self.position},
            )

    def terms_changed(self) -> None:
        """The record changes what uses come to."""
        self.are_terms_changed = True
        self.plans.clear()
        self.memo.forget_plans()


def record_steps(data: bytes) -> int:
    """What reading an earlier record of these bytes again costs a batch."""
    return KIB_STEPS * (len(data) >> 10)


def asset_index(state: State, context: Context, raw: bytes, field_name: str) -> int:
    """The leaf index in a reference, when it names an asset of this log. Raises RuleRefusal."""
    memo = context.memo
    known = memo.refs.get(raw)
    if known is not None:
        return known
    ref = unpack_ref(raw)
    if state.asset_by_ref(ref) is None:
        raise RuleRefusal(f"{ref} is no asset of this log", field=field_name, expected="a reference to an asset entry")
    if ref.index < memo.committed:
        if len(memo.refs) >= REFS_MAX:
            memo.refs.clear()
        memo.refs[raw] = ref.index
    return ref.index
