"""Rules of disputes and resolutions (design section 4): recorded beside their target, they erase nothing.

A target has two sides: the party that signed it, and those whom it is about. Either side may dispute; the other
concedes or rejects, the disputer withdraws, and the arbiter named by the terms upholds or rejects. A rejection by the
other side leaves the dispute open to all the rest; any other outcome ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ledger import keys
from ledger.accounts import statement_row
from ledger.context import LOOKUP_STEPS, Body, Context
from ledger.corrections import basis_steps, corrected_usage, lines_of
from ledger.errors import RuleRefusal
from ledger.events import note_event
from ledger.findings import finding_row
from ledger.lineage import note_dispute
from ledger.state import LOGGED, State
from ledger.stored import party_of
from proofs import codec
from proofs.ref import unpack_ref

OPEN = "open"
FINAL = ("conceded", "withdrawn", "upheld", "dismissed")
"""States that nothing follows; `dismissed` is the arbiter's rejection."""
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class _Target:
    """The record that a dispute is about, and who signed it."""

    index: int
    signer: bytes
    body: dict[str, Any]

    @property
    def usage(self) -> int | None:
        """The usage that it is, or that it corrects."""
        if self.body["kind"] == "correction":
            return unpack_ref(self.body["usage"]).index
        return self.index if self.body["kind"] == "usage" else None


def _concerns_usage(state: State, target: _Target, party: bytes) -> bool:
    """Those that it pays, the asset's owner, and whom a provider saw using it."""
    index = target.usage
    row = None if index is None else state.usage(index)
    if index is None or row is None:
        return False
    asset = None if row.asset is None else state.asset(row.asset)
    if party == target.body.get("party") or (asset is not None and party == asset.party):
        return True
    return any(party == account.payee for account in lines_of(state, index, row))


def _concerns_accept(state: State, target: _Target, party: bytes) -> bool:
    usage = corrected_usage(state, unpack_ref(target.body["correction"]).index)
    row = None if usage is None else state.usage(usage)
    return row is not None and party == row.party


def _concerns_statement(state: State, target: _Target, party: bytes) -> bool:
    body = target.body
    row = statement_row(state, target.index if body["kind"] == "statement" else unpack_ref(body["statement"]).index)
    return row is not None and party != target.signer and party in (row.account.payer, row.account.payee)


def _concerns_grant(state: State, target: _Target, party: bytes) -> bool:
    return bool(party == target.body["licensee"])


def _concerns_asset(state: State, target: _Target, party: bytes) -> bool:
    """The owners of what it lists, and others who claim the same names."""
    if party == target.signer:
        return False
    sources, names = target.body.get("sources", ()), target.body.get("aka", ())
    refs = [source["asset"] for source in sources if not isinstance(source["asset"], str)]
    owners = (state.asset(unpack_ref(raw).index) for raw in refs)
    return any(row is not None and row.party == party for row in owners) or any(
        state.claim_of(name, party) is not None for name in names
    )


def _concerns_claim(state: State, target: _Target, party: bytes) -> bool:
    """Whom it is against: nobody, where that is a digest."""
    row = finding_row(state, target.index)
    return row is not None and party == row.accused


_CONCERNS: dict[str, Callable[[State, _Target, bytes], bool]] = {
    "usage": _concerns_usage,
    "correction": _concerns_usage,
    "accept": _concerns_accept,
    "statement": _concerns_statement,
    "payment": _concerns_statement,
    "receipt": _concerns_statement,
    "grant": _concerns_grant,
    "asset": _concerns_asset,
    "description": _concerns_asset,
    "claim": _concerns_claim,
}
"""Kinds that can be disputed, and whom besides its signer a record of them is about."""


def _arbiter(state: State, index: int, body: dict[str, Any]) -> bytes | None:
    """Whom the terms behind the target name: a usage's own, or the newest of its asset before it; a grant's; an
    asset's newest; the newest of a claim's asset before the claim."""
    kind = body["kind"]
    if kind == "correction":
        index = unpack_ref(body["usage"]).index
    elif kind == "accept":
        index = corrected_usage(state, unpack_ref(body["correction"]).index) or 0
    terms: int | None = None
    if kind in ("usage", "correction", "accept"):
        row = state.usage(index)
        if row is not None and row.terms is not None:
            terms = row.terms
        elif row is not None and row.asset is not None:
            terms = state.terms_below(row.asset, index)
    elif kind == "grant":
        terms = unpack_ref(body["terms"]).index
    elif kind == "claim":
        terms = state.terms_below(unpack_ref(body["asset"]).index, index)
    elif kind == "asset":
        have = state.asset_terms(index)
        terms = None if have is None else have.newest
    found = None if terms is None else state.terms(terms)
    return None if found is None else found.terms.arbiter


def dispute_state(state: State, index: int) -> tuple[bytes, int, str] | None:
    """(disputer, target, state) of the dispute at this leaf."""
    data = state.view.get(keys.DISPUTE + keys.number(index))
    if data is None:
        return None
    party, target, what = codec.unpack(data, field="row")
    return party, target, what


def dispute(state: State, context: Context, body: Body) -> str:
    """A party to the target says that it is wrong."""
    expected = "a reference to a " + ", ".join(_CONCERNS) + " that the signer is a party to"
    index = context.check_ref(body["target"], "target", expected)
    target = _target(state, context, index, "target")
    concerns = _CONCERNS.get(target.body["kind"])
    if concerns is None:
        raise RuleRefusal(f"a {target.body['kind']} can't be disputed", field="target", expected=expected)
    if context.party != target.signer and not concerns(state, target, context.party):
        raise RuleRefusal("a dispute by a stranger", field="target", expected=expected)
    state.overlay.put(keys.DISPUTE + keys.number(context.index), codec.pack([context.party, index, OPEN]))
    note_event(state, index, context.index, "dispute")
    note_dispute(state, context, target.usage, index, target.body)
    return LOGGED


def _target(state: State, context: Context, index: int, field: str) -> _Target:
    """The record at a leaf; the batch pays for asking whom it concerns, whether or not that has to be asked."""
    target = _Target(index, party_of(state.view, index), context.read(state, index, field))
    usage = target.usage
    row = None if usage is None else state.usage(usage)
    if usage is not None and row is not None and row.charge and row.asset is not None:
        context.spend(basis_steps(state.closure(row.asset), state.record(usage)), field)
    if target.body["kind"] in ("asset", "description"):
        context.spend(LOOKUP_STEPS * (len(target.body.get("sources", ())) + len(target.body.get("aka", ()))), field)
    return target


def resolution(state: State, context: Context, body: Body) -> str:
    """How a dispute ends, by who may say so."""
    expected = "a reference to a dispute that is not ended"
    index = context.check_ref(body["dispute"], "dispute", expected)
    found = dispute_state(state, index)
    if found is None:
        raise RuleRefusal("not a dispute", field="dispute", expected=expected)
    disputer, at, now = found
    if now in FINAL:
        raise RuleRefusal(f"ended already: {now}", field="dispute", expected=expected)
    after = _outcome(state, _target(state, context, at, "dispute"), context.party, disputer, body["outcome"])
    if after == REJECTED == now:
        raise RuleRefusal("rejected already", field="outcome", expected="another outcome")
    state.overlay.put(keys.DISPUTE + keys.number(index), codec.pack([disputer, at, after]))
    for about in (index, at):
        note_event(state, about, context.index, "resolution")
    return LOGGED


def _outcome(state: State, target: _Target, party: bytes, disputer: bytes, outcome: str) -> str:
    """The dispute's state after a resolution. Raises RuleRefusal where the signer can't say that."""
    if outcome == "withdrawn":
        if party == disputer:
            return outcome
        raise RuleRefusal("withdrawn by another", field="outcome", expected="the disputer as signer")
    concerns = _CONCERNS[target.body["kind"]]
    is_other_side = concerns(state, target, party) if disputer == target.signer else party == target.signer
    # Nobody arbitrates a dispute of his own: whoever names himself as arbiter stays what he is in it.
    is_arbiter = not is_other_side and party != disputer and party == _arbiter(state, target.index, target.body)
    if is_arbiter and outcome in ("upheld", REJECTED):
        return "dismissed" if outcome == REJECTED else outcome
    if outcome == "upheld":
        raise RuleRefusal("upheld by another", field="outcome", expected="the arbiter that the terms name as signer")
    if party != disputer and is_other_side:
        return outcome
    raise RuleRefusal(
        f"{outcome} by another", field="outcome",
        expected="the other side as signer" + (", or the arbiter that the terms name" if outcome == REJECTED else ""),
    )  # fmt: skip
