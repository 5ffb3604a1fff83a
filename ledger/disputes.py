"""Rules of disputes and resolutions (design section 4): recorded beside their target, they erase nothing.

A target has two sides: the party that signed it, and those whom it is about. Either side may dispute; the other
concedes or rejects, the disputer withdraws, and the arbiter named by the terms upholds or rejects. A rejection by the
other side leaves the dispute open to all the rest; any other outcome ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import keys
from ledger.accounts import statement_row
from ledger.context import Body, Context
from ledger.corrections import corrected_usage, lines_of
from ledger.errors import RuleRefusal
from ledger.events import note_event
from ledger.state import LOGGED, State
from ledger.stored import party_of
from proofs import codec
from proofs.ref import unpack_ref

OPEN = "open"
FINAL = ("conceded", "withdrawn", "upheld", "dismissed")
"""States that nothing follows; `dismissed` is the arbiter's rejection."""
REJECTED = "rejected"

Sides = tuple[frozenset[bytes], frozenset[bytes]]
"""Who made the target, and whom it is about."""


def _usage_sides(state: State, index: int, signer: bytes, body: dict[str, Any]) -> Sides:
    about: set[bytes] = set()
    row = state.usage(index)
    if row is not None:
        about.update(account.payee for account in lines_of(state, index, row))
        asset = None if row.asset is None else state.asset(row.asset)
        if asset is not None:
            about.add(asset.party)
    if "party" in body:
        about.add(body["party"])
    return frozenset((signer,)), frozenset(about)


def _correction_sides(state: State, index: int, signer: bytes, body: dict[str, Any]) -> Sides:
    usage = unpack_ref(body["usage"]).index
    return _usage_sides(state, usage, signer, state.body(usage))


def _accept_sides(state: State, index: int, signer: bytes, body: dict[str, Any]) -> Sides:
    usage = corrected_usage(state, unpack_ref(body["correction"]).index)
    row = None if usage is None else state.usage(usage)
    return frozenset((signer,)), frozenset(() if row is None else (row.party,))


def _statement_sides(state: State, index: int, signer: bytes, body: dict[str, Any]) -> Sides:
    at = index if body["kind"] == "statement" else unpack_ref(body["statement"]).index
    row = statement_row(state, at)
    if row is None:
        return frozenset(), frozenset()
    sides = frozenset((row.account.payer,)), frozenset((row.account.payee,))
    return sides if signer == row.account.payer else (sides[1], sides[0])


def _grant_sides(state: State, index: int, signer: bytes, body: dict[str, Any]) -> Sides:
    return frozenset((signer,)), frozenset((body["licensee"],))


def _asset_sides(state: State, index: int, signer: bytes, body: dict[str, Any]) -> Sides:
    """An asset is also about the owners of what it lists, and about others who claim the same names."""
    about: set[bytes] = set()
    for source in body.get("sources", ()):
        row = None if isinstance(source["asset"], str) else state.asset(unpack_ref(source["asset"]).index)
        if row is not None:
            about.add(row.party)
    for name in body.get("aka", ()):
        about.update(party for party, _ in state.claimants(name, most=CLAIMANTS_MAX))
    return frozenset((signer,)), frozenset(about - {signer})


CLAIMANTS_MAX = 64
_SIDES: dict[str, Callable[[State, int, bytes, dict[str, Any]], Sides]] = {
    "usage": _usage_sides,
    "correction": _correction_sides,
    "accept": _accept_sides,
    "statement": _statement_sides,
    "payment": _statement_sides,
    "receipt": _statement_sides,
    "grant": _grant_sides,
    "asset": _asset_sides,
    "description": _asset_sides,
}
"""Kinds that can be disputed."""


def _arbiter(state: State, index: int, body: dict[str, Any]) -> bytes | None:
    """Whom the terms behind the target name: a usage's own, or the newest of its asset before it; a grant's; an
    asset's newest."""
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
    expected = "a reference to a " + ", ".join(_SIDES) + " that the signer is a party to"
    target = context.check_ref(body["target"], "target", expected)
    about = state.body(target)
    sides_of = _SIDES.get(about["kind"])
    if sides_of is None:
        raise RuleRefusal(f"a {about['kind']} can't be disputed", field="target", expected=expected)
    made_by, those = sides_of(state, target, party_of(state.view, target), about)
    if context.party not in made_by | those:
        raise RuleRefusal("a dispute by a stranger", field="target", expected=expected)
    state.overlay.put(keys.DISPUTE + keys.number(context.index), codec.pack([context.party, target, OPEN]))
    note_event(state, target, context.index, "dispute")
    return LOGGED


def resolution(state: State, context: Context, body: Body) -> str:
    """How a dispute ends, by who may say so."""
    expected = "a reference to a dispute that is not ended"
    index = context.check_ref(body["dispute"], "dispute", expected)
    found = dispute_state(state, index)
    if found is None:
        raise RuleRefusal("not a dispute", field="dispute", expected=expected)
    disputer, target, now = found
    if now in FINAL:
        raise RuleRefusal(f"ended already: {now}", field="dispute", expected=expected)
    about = state.body(target)
    outcome = body["outcome"]
    after = _outcome(state, context.party, disputer, target, about, outcome)
    if after == REJECTED == now:
        raise RuleRefusal("rejected already", field="outcome", expected="another outcome")
    state.overlay.put(keys.DISPUTE + keys.number(index), codec.pack([disputer, target, after]))
    for at in (index, target):
        note_event(state, at, context.index, "resolution")
    return LOGGED


def _outcome(state: State, party: bytes, disputer: bytes, target: int, about: dict[str, Any], outcome: str) -> str:
    """The dispute's state after a resolution. Raises RuleRefusal where the signer can't say that."""
    if outcome == "withdrawn":
        if party == disputer:
            return outcome
        raise RuleRefusal("withdrawn by another", field="outcome", expected="the disputer as signer")
    if party == _arbiter(state, target, about) and outcome in ("upheld", REJECTED):
        return "dismissed" if outcome == REJECTED else outcome
    if outcome == "upheld":
        raise RuleRefusal("upheld by another", field="outcome", expected="the arbiter that the terms name as signer")
    made_by, those = _SIDES[about["kind"]](state, target, party_of(state.view, target), about)
    if party != disputer and party in (those if disputer in made_by else made_by):
        return outcome
    raise RuleRefusal(
        f"{outcome} by another", field="outcome",
        expected="the other side as signer" + (", or the arbiter that the terms name" if outcome == REJECTED else ""),
    )  # fmt: skip
