"""What a state rule is given besides the record: where it will stand and who signed it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from ledger.errors import RuleRefusal
from ledger.state import KeyRow, State
from proofs.ref import Ref, unpack_ref


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """The log that is being written. `keys`: its own signing keys, which no party may use."""

    origin: str
    keys: frozenset[bytes]


@dataclass(slots=True)
class Memo:
    """Answers that never change once given, kept by leaf hash: what stands behind an asset. Owner: whoever appends."""

    behind: OrderedDict[bytes, frozenset[int | str]] = field(default_factory=OrderedDict)
    entries_max: int = 64


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


def asset_ref(state: State, raw: bytes, field_name: str) -> Ref:
    """The reference, when it names an asset of this log. Raises RuleRefusal."""
    ref = unpack_ref(raw)
    if state.asset_by_ref(ref) is None:
        raise RuleRefusal(f"{ref} is no asset of this log", field=field_name, expected="a reference to an asset entry")
    return ref


Body = dict[str, Any]
