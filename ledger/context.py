"""What a state rule is given besides the record: where it will stand and who signed it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.errors import RuleRefusal
from ledger.postings import Postings
from ledger.state import KeyRow, State
from proofs.errors import InvariantError
from proofs.pricing import Splits, Terms
from proofs.ref import Ref, unpack_ref


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """The log that is being written. `keys`: its own signing keys, which no party may use."""

    origin: str
    keys: frozenset[bytes]


REFS_MAX = 65_536
PLANS_MAX = 4096


class Behind(NamedTuple):
    """What stands behind something: leaf indices and external names, and how many edges a walk through it meets."""

    targets: frozenset[int | str]
    edges: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a use of an asset comes to under the terms in force now, looked up once for many uses.

    `newest` and `first`: indices of its terms, None without any. `shares`: bps and splits of every asset of the
    closure; `rest`: the asset's own splits. `suffix`: the currency as it ends the keys of accounts.
    """

    owner: bytes
    is_retired: bool
    newest: int | None
    first: int
    terms: Terms | None
    shares: tuple[tuple[int, Splits], ...]
    rest: Splits
    suffix: bytes


@dataclass(slots=True)
class Memo:
    """Answers that never change once given. Owner: whoever appends.

    `behind`: what stands behind an asset, by its leaf hash. `edges` and `paid`: what the walks of the present batch
    came to, and what they found, kept to the batch's end: were it forgotten sooner, a batch would pay again, and
    whether it is taken would hang on what this process happens to remember. `refs`: references known to name an asset;
    only those below `committed`, the log's size when the group began: what a refused batch held was never there.
    `plans`: by asset, emptied by whatever changes one, and once more after the batch that did, taken or refused.
    """

    behind: OrderedDict[bytes, Behind] = field(default_factory=OrderedDict)
    entries_max: int = 64
    edges: int = 0
    paid: dict[bytes, Behind] = field(default_factory=dict)
    committed: int = 0
    refs: dict[bytes, int] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    are_plans_tentative: bool = False

    def begin_batch(self) -> None:
        """Nothing was walked for the batch that comes now."""
        self.edges = 0
        self.paid.clear()
        if self.are_plans_tentative:
            self.plans.clear()
            self.are_plans_tentative = False

    def terms_changed(self) -> None:
        """The batch at hand, which may yet be refused, changes what uses come to."""
        self.plans.clear()
        self.are_plans_tentative = True


LeafAt = Callable[[int], bytes | None]


@dataclass(slots=True)
class Context:
    """One batch on its way into the log, and the record of it that is judged now.

    `head`: the tree size that the batch signed. `leaf_at(index)`: the leaf hash of an entry before this batch, None
    past them. `figures`: what statements of this batch, by position, ought to say, where that was computed before.
    `position`, `index`, `leaf` (hash of its entry), `row` (the signing key's, None while unbound) and `party` (the
    signer's; an unbound key is about to become its own): the record's.
    """

    log: LogIdentity
    memo: Memo
    key: bytes
    head: int
    leaf_at: LeafAt
    figures: Mapping[int, Any]
    postings: Postings = field(default_factory=Postings)
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

    def ref(self, index: int) -> Ref:
        """The reference to an entry before this batch."""
        leaf = self.leaf_at(index)
        if leaf is None:
            raise InvariantError(f"entry {index} is not before this batch")
        return Ref(index, leaf)


def not_yet(field_name: str, what: str) -> RuleRefusal:
    """The refusal of what a later version of the rules will take."""
    return RuleRefusal(f"{what}: not yet supported", field=field_name, expected="a record without it")


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


Body = dict[str, Any]
