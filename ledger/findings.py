"""Rules of detection (docs/spec.md, "Findings"): canaries, claims, and usages that accept a claim.

A claim is its signer's word. It changes no account, whoever it is against: only a usage that the other side logs itself
is charged. (Claims on names, `aka`, are ledger/claims.py.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ledger import keys
from ledger.context import Body, Context, asset_index
from ledger.errors import RuleRefusal
from ledger.events import note_event
from ledger.lineage import note_finding
from ledger.state import LOGGED, State
from proofs import codec
from proofs.ref import unpack_ref


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A claim. `leaf`: its entry's hash; `asset`: whose material it is about; `accused`: the party that it is against,
    or that owns the asset that it is against, None of a digest; `withdrawn`: index of the withdrawal, 0 while it
    stands."""

    leaf: bytes
    asset: int
    accused: bytes | None
    withdrawn: int = 0

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.leaf, self.asset, self.accused, self.withdrawn])


def finding_row(state: State, index: int) -> FindingRow | None:
    """The claim at a leaf; None where there is none."""
    data = state.view.get(keys.FINDING + keys.number(index))
    return None if data is None else FindingRow(*codec.unpack(data, field="row"))


def _by_ref(state: State, raw: bytes) -> FindingRow | None:
    """The claim that a reference names; None where it names none, or has another hash."""
    ref = unpack_ref(raw)
    row = finding_row(state, ref.index)
    return row if row is not None and row.leaf == ref.leaf else None


def claims_against(state: State, party: bytes, *, start: int = 0) -> Iterator[int]:
    """Claims against a party or what it owns, by their indices from `start` on."""
    prefix = keys.ACCUSED + party
    for key, _ in state.view.scan(prefix + keys.number(start), keys.after(prefix)):
        yield int.from_bytes(key[-8:], "big")


def _own_asset(state: State, context: Context, raw: bytes) -> int:
    """The leaf index of an asset that the signer's party owns. Raises RuleRefusal."""
    index = asset_index(state, context, raw, "asset")
    row = state.asset(index)
    if row is None or row.party != context.party:
        raise RuleRefusal("the asset of another party", field="asset", expected="an asset that the signer's party owns")
    return index


def canary(state: State, context: Context, body: Body) -> str:
    """A commitment to marks that nobody has seen yet. Of an asset, only by its owner; of outside material by anyone."""
    target = body.get("asset")
    if isinstance(target, bytes):
        note_event(state, _own_asset(state, context, target), context.index, "canary")
    if target is not None:
        note_finding(state.overlay, context, target, "canary")
    return LOGGED


def claim(state: State, context: Context, body: Body) -> str:
    """The owner of an asset says that it was found in what another party has."""
    asset = _own_asset(state, context, body["asset"])
    what, value = next(iter(body["against"].items()))
    accused: bytes | None = None
    if what == "asset":
        against = asset_index(state, context, value, "against.asset")
        row = state.asset(against)
        accused = None if row is None else row.party
        note_event(state, against, context.index, "claim")
        note_finding(state.overlay, context, value, "claim")
    elif what == "party":
        if state.party(value) is None:
            raise RuleRefusal(
                "no party of this log", field="against.party", expected="a party's key; or a digest, of what was found"
            )
        accused = value
    if accused == context.party:
        raise RuleRefusal("a claim against oneself", field=f"against.{what}", expected="another party, or its asset")
    note_event(state, asset, context.index, "claim")
    note_finding(state.overlay, context, body["asset"], "claim")
    state.overlay.put(keys.FINDING + keys.number(context.index), FindingRow(context.leaf, asset, accused).pack())
    if accused is not None:
        state.overlay.put(keys.ACCUSED + accused + keys.number(context.index), b"")
    return LOGGED


def withdraw_claim(state: State, context: Context, raw: bytes) -> bool:
    """Whether the reference is to a claim, which then stands no more. Raises RuleRefusal where that isn't for the
    signer to say."""
    index = unpack_ref(raw).index
    row = _by_ref(state, raw)
    if row is None:
        return False
    expected = "a standing claim of the signer's party"
    owner = state.asset(row.asset)
    if owner is None or owner.party != context.party:
        raise RuleRefusal("the claim of another party", field="target", expected=expected)
    if row.withdrawn:
        raise RuleRefusal(f"withdrawn already, by entry {row.withdrawn}", field="target", expected=expected)
    state.overlay.put(keys.FINDING + keys.number(index), replace(row, withdrawn=context.index).pack())
    note_event(state, index, context.index, "withdraw")
    return True


def accept_claim(state: State, context: Context, body: Body, asset: int | None) -> None:
    """A usage accepts a claim: it is of the claim's asset, and by the party that the claim is against. What it costs
    follows from its own fields, as of any usage. Raises RuleRefusal."""
    expected = "a standing claim, on the asset that was used, against the signer's party or what it owns"
    index = unpack_ref(body["claim"]).index
    row = _by_ref(state, body["claim"])
    if row is None:
        raise RuleRefusal("no claim of this log", field="claim", expected=expected)
    if body.get("seen_by") == "provider":
        raise RuleRefusal("accepted for another", field="claim", expected="a usage of the signer's own (seen_by user)")
    if row.asset != asset:
        raise RuleRefusal("a claim on another asset", field="claim", expected=f"a reference to asset {row.asset}")
    if row.accused != context.party:
        raise RuleRefusal("a claim that isn't against the signer's party", field="claim", expected=expected)
    if row.withdrawn:
        raise RuleRefusal(f"withdrawn, by entry {row.withdrawn}", field="claim", expected=expected)
    note_event(state, index, context.index, "usage")
