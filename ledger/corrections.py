"""Rules of corrections and their acceptance (design sections 4 and 5).

A correction lowers what a use came to; each payee's own part is credited when that payee accepts. H(q) is the
hand-down of quantities q by the usage's own terms, closure and splits; each payee has a base, at first H(usage). An
acceptance of the newest correction, to q, credits max(0, base - H(q)), and the base becomes min(base, H(q)): nobody is
made to pay back what another's correction would move to him.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger import keys
from ledger.context import Body, Context, record_steps
from ledger.errors import RuleRefusal, StorageError
from ledger.events import note_event
from ledger.lineage import note_credit
from ledger.postings import Account, Spend
from ledger.state import LOGGED, State, UsageRow
from proofs import codec, pricing
from proofs.pricing import Closure, Splits, Terms


@dataclass(frozen=True, slots=True)
class Corrected:
    """A usage's newest correction: its index, and what it lowered the use to."""

    index: int
    quantities: dict[str, int]


def newest_correction(state: State, usage: int) -> Corrected | None:
    """The newest correction of the usage at this leaf."""
    data = state.view.get(keys.CORRECTED + keys.number(usage))
    return None if data is None else Corrected(*codec.unpack(data, field="row"))


def corrected_usage(state: State, correction: int) -> int | None:
    """The usage that the correction at this leaf is of; None where there is no correction."""
    data = state.view.get(keys.CORRECTION + keys.number(correction))
    return None if data is None else int.from_bytes(data, "big")


def base_of(state: State, usage: int, payee: bytes) -> tuple[int, int] | None:
    """(base, newest correction accepted) of a payee who has accepted one."""
    data = state.view.get(keys.BASE + keys.number(usage) + payee)
    if data is None:
        return None
    base, accepted = codec.unpack(data, field="row")
    return base, accepted


@dataclass(frozen=True, slots=True)
class Basis:
    """By what a charged usage is handed down, once and for ever: its own terms and closure, and the splits that were
    the newest before its leaf. `quantities`: as it logged them."""

    terms: Terms
    shares: tuple[tuple[int, Splits], ...]
    rest: Splits
    use: str
    quantities: dict[str, int]

    def handed_down(self, quantities: Mapping[str, int]) -> dict[bytes, int]:
        """H(quantities): what would reach each party, the payer's own part included."""
        amount = pricing.charge(self.terms, use=self.use, quantities=quantities).amount
        return pricing.hand_down(amount, shares=self.shares, rest=self.rest)


BASIS_STEPS = 16
"""For each asset whose splits before a leaf are looked up (see Context.spend)."""


def basis_steps(closure: Closure, record: bytes) -> int:
    """What basis_of costs a batch for a charged usage, `record`, of an asset with this closure."""
    return BASIS_STEPS * (1 + len(closure.shares)) + record_steps(record)


def basis_of(state: State, index: int, row: UsageRow, *, spend: Spend | None = None) -> Basis | None:
    """The basis of the usage at leaf `index`; None where it was not charged.

    Looks up the splits of up to 33 assets; `spend` counts them, and may raise RuleRefusal.
    """
    if not row.charge or row.terms is None or row.asset is None:
        return None
    closure, record = state.closure(row.asset), state.record(index)
    if spend is not None:
        spend(basis_steps(closure, record), "correction")
    found = state.terms(row.terms)
    if found is None:
        raise StorageError(f"terms {row.terms} are missing: the database is damaged")
    shares = tuple((bps, state.splits_at(source, index)) for source, bps in closure.shares)
    body = codec.unpack(record)
    return Basis(found.terms, shares, state.splits_at(row.asset, index), body["use"], body["quantities"])


def lines_of(state: State, index: int, row: UsageRow) -> dict[Account, int]:
    """The lines of the usage at leaf `index`: one for each payee but the payer itself, in nanos. Costs as basis_of."""
    basis = basis_of(state, index, row)
    if basis is None:
        return {}
    currency, parts = basis.terms.currency, basis.handed_down(basis.quantities)
    return {Account(row.party, payee, currency): part for payee, part in parts.items() if payee != row.party}


def correction(state: State, context: Context, body: Body) -> str:
    """Lower a user-seen usage of the signer's party."""
    expected = "a reference to a user-seen usage of the signer's party"
    index = context.check_ref(body["usage"], "usage", expected)
    row = state.usage(index)
    if row is None or row.party != context.party or row.status == pricing.OBSERVED:
        raise RuleRefusal("not a user-seen usage of the signer's party", field="usage", expected=expected)
    newest = newest_correction(state, index)
    before: dict[str, Any] = newest.quantities if newest else context.read(state, index, "usage")["quantities"]
    after = body["quantities"]
    raised = next((unit for unit, count in after.items() if count > before.get(unit, 0)), None)
    if raised is not None:
        raise RuleRefusal(
            "a correction only lowers; more than was logged is a new usage",
            field=f"quantities.{raised}",
            expected=f"at most {before.get(raised, 0)}",
        )
    if after == before:
        raise RuleRefusal("a correction that lowers nothing", field="quantities", expected="one unit lower, or absent")
    put = state.overlay.put
    put(keys.CORRECTED + keys.number(index), codec.pack([context.index, after]))
    put(keys.CORRECTION + keys.number(context.index), keys.number(index))
    note_event(state, index, context.index, "correction")
    return LOGGED


def accept(state: State, context: Context, body: Body) -> str:
    """A payee takes the usage's newest correction: its own part is credited."""
    expected = "a reference to the newest correction of a usage that pays the signer's party"
    index = context.check_ref(body["correction"], "correction", expected)
    usage = corrected_usage(state, index)
    row = None if usage is None else state.usage(usage)
    newest = None if usage is None else newest_correction(state, usage)
    if usage is None or row is None or newest is None:
        raise RuleRefusal("not a correction", field="correction", expected=expected)
    if newest.index != index:
        raise RuleRefusal(
            f"a newer correction replaced this one, entry {newest.index}", field="correction", expected=expected
        )
    party = context.party
    held = base_of(state, usage, party)
    if held is not None and held[1] == index:
        raise RuleRefusal("accepted already", field="correction", expected="one acceptance of a correction by a payee")
    basis = basis_of(state, usage, row, spend=context.spend)
    base = held[0] if held else 0 if basis is None else basis.handed_down(basis.quantities).get(party, 0)
    if basis is None or party == row.party or (held is None and not base):
        raise RuleRefusal("not a payee of the corrected usage", field="correction", expected=expected)
    lowered = basis.handed_down(newest.quantities).get(party, 0)
    state.overlay.put(keys.BASE + keys.number(usage) + party, codec.pack([min(base, lowered), index]))
    if base > lowered:
        account = Account(row.party, party, basis.terms.currency)
        context.postings.add(account.credits, context.index, base - lowered)
        note_credit(context, row, account, base - lowered)
    for target in (usage, index):
        note_event(state, target, context.index, "accept")
    return LOGGED
