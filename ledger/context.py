"""What a state rule is given besides the record: where it will stand and who signed it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.errors import RuleRefusal
from ledger.state import KeyRow, State
from proofs.ref import unpack_ref


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """The log that is being written. `keys`: its own signing keys, which no party may use."""

    origin: str
    keys: frozenset[bytes]


REFS_MAX = 65_536


class Behind(NamedTuple):
    """What stands behind something: leaf indices and external names, and how many edges a walk through it meets."""

    targets: frozenset[int | str]
    edges: int


@dataclass(slots=True)
class Memo:
    """Answers that never change once given. Owner: whoever appends.

    `behind`: what stands behind an asset, by its leaf hash. `edges` and `paid`: what the walks of the present batch
    came to, and what they found, kept to the batch's end: were it forgotten sooner, a batch would pay again, and
    whether it is taken would hang on what this process happens to remember. `refs`: references known to name an asset;
    only those below `committed`, the log's size when the group began: what a refused batch held was never there.
    """

    behind: OrderedDict[bytes, Behind] = field(default_factory=OrderedDict)
    entries_max: int = 64
    edges: int = 0
    paid: dict[bytes, Behind] = field(default_factory=dict)
    committed: int = 0
    refs: dict[bytes, int] = field(default_factory=dict)

    def begin_batch(self) -> None:
        """Nothing was walked for the batch that comes now."""
        self.edges = 0
        self.paid.clear()


@dataclass(frozen=True, slots=True)
class Context:
    """One record on its way into the log. `leaf`: hash of its entry. `row`: the signing key's, None while unbound."""

    log: LogIdentity
    memo: Memo
    index: int
    leaf: bytes
    key: bytes
    row: KeyRow | None

    @property
    def party(self) -> bytes:
        """The signer's party; an unbound key is about to become its own."""
        return self.key if self.row is None else self.row.party


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
