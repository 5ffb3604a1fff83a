"""Rules of usage and nil records (design sections 4 and 5): what a use names, what it costs, whom that reaches.

A node doesn't refuse the use of unregistered or unlicensed material: it logs it, with that status. The ledger states
what happened, not what should have.
"""

from __future__ import annotations

from ledger import keys
from ledger.assets import behind_asset, pack_into, target_of
from ledger.context import LOOKUP_STEPS, Body, Context, Plan, asset_index
from ledger.errors import TERMS, RuleRefusal
from ledger.findings import accept_claim
from ledger.lineage import note_charge, note_use
from ledger.postings import LINES, LIST_STEPS, NO_TERMS, PART, UNLICENSED
from ledger.state import LOGGED, State, UsageRow
from ledger.terms import find_terms
from proofs import pricing
from proofs.pricing import Terms
from proofs.ref import Ref, unpack_ref


def _check_into(state: State, context: Context, body: Body) -> None:
    ref = unpack_ref(body["into"])
    made = state.asset_by_ref(ref)
    if made is None or made.party != context.party:
        raise RuleRefusal(f"{ref} is no asset of the signer's party", field="into", expected="an asset of your own")
    if body["use"] == "evaluate":
        return
    if target_of(body["asset"]) not in behind_asset(state, context, ref.index, ref.leaf, field="into"):
        raise RuleRefusal(
            "the asset that was made doesn't list the used one",
            field="into",
            expected="an asset whose sources hold the used one, under a relation other than evaluated_on",
        )


def plan_of(state: State, context: Context, asset: int) -> Plan:
    """What a use of the asset comes to now.

    A batch pays for it once, and again after it has changed terms itself, whether or not the plan is remembered.
    """
    plan = context.plans.get(asset)
    if plan is not None:
        return plan
    plan = context.memo.plans.get(asset)
    if plan is None:
        plan = _make_plan(state, asset)
        if not context.are_terms_changed and asset < context.start:
            context.memo.remember(asset, plan)
    context.spend(LOOKUP_STEPS * (1 + len(plan.shares)), "asset")
    context.plans[asset] = plan
    return plan


def _make_plan(state: State, asset: int) -> Plan:
    row = state.asset(asset)
    if row is None:
        raise RuleRefusal("no asset of this log", field="asset", expected="a reference to an asset entry")
    have = state.asset_terms(asset)
    newest = None if have is None else state.terms(have.newest)
    if have is None or newest is None:
        return Plan(row.party, row.retired > 0, None, b"", None, (), (), (), 0, b"")
    closure = state.closure(asset).shares
    shares = tuple((bps, state.splits_now(source)) for source, bps in closure)
    sources = tuple(source for source, _ in closure)
    rest = newest.terms.splits or ((row.party, pricing.BPS_MAX),)
    parts = len(rest) + sum(len(splits) for _, splits in shares)
    ref = Ref(have.newest, newest.leaf).pack()
    return Plan(
        row.party,
        row.retired > 0,
        have.newest,
        ref,
        newest.terms,
        shares,
        sources,
        rest,
        parts,
        keys.text(have.currency),
    )


def _terms_refusal(plan: Plan, detail: str) -> RuleRefusal:
    if plan.newest is None:
        return RuleRefusal(detail, field="terms", expected="no terms: the asset has none", type=TERMS)
    ref = str(unpack_ref(plan.ref))
    return RuleRefusal(detail, field="terms", expected=ref, type=TERMS, extra={"terms": ref})


def _agreed(state: State, context: Context, asset: int, plan: Plan, raw: bytes | None) -> tuple[int, Terms] | None:
    """The terms that the signer agreed to: those it names, or those in force at the tree head that its batch signed.

    They must be the newest at this leaf, or granted to its party. None where the asset has none at all. Raises
    RuleRefusal of type `usance:terms` with the ref now in force.
    """
    newest, terms = plan.newest, plan.terms
    if raw is None:
        if newest is None or terms is None:
            return None
        if newest < context.head:
            return newest, terms
        index = state.terms_below(asset, context.head)
        row = None if index is None else state.terms(index)
        if index is None or row is None:
            raise _terms_refusal(plan, "the asset got its terms after the tree head that the batch signed")
    else:
        if raw == plan.ref and newest is not None and terms is not None:
            return newest, terms
        found = find_terms(state, raw)
        if found is None or found[1].asset != asset:
            raise _terms_refusal(plan, "these are no terms of the used asset")
        index, row = found
    if state.granted(index, context.party) is None:
        raise _terms_refusal(plan, f"the terms agreed to, entry {index}, are not in force any more")
    return index, row.terms


def _claiming(state: State, context: Context, name: str, raw: bytes) -> int:
    """The asset whose terms are named, where it claims the external name."""
    found = find_terms(state, raw)
    asset = None if found is None else state.asset(found[1].asset)
    if found is not None and asset is not None and state.claim_of(name, asset.party) == found[1].asset:
        return found[1].asset
    raise RuleRefusal(
        "not the terms of an asset that claims this name",
        field="terms",
        expected="terms of an asset that claims the name, or none",
        type=TERMS,
    )


def _judge(state: State, context: Context, body: Body, index: int | None) -> UsageRow:
    """What a user-seen use comes to. `index`: the asset that it refers to, None for an external name."""
    raw, party = body.get("terms"), context.party
    if index is not None:
        asset = index
    elif raw is not None:
        asset = _claiming(state, context, body["asset"], raw)
    else:
        count, claimant = state.claims(body["asset"])
        if count != 1:
            status = pricing.CONTESTED if count else pricing.UNCLAIMED
            return UsageRow(status, "", party, None, None, 0)
        claim = state.claim_of(body["asset"], claimant)
        return UsageRow(pricing.UNLICENSED, pricing.BY_NAME, party, claim, None, 0)
    plan = context.plans.get(asset) or plan_of(state, context, asset)
    agreed = _agreed(state, context, asset, plan, raw)
    if agreed is None:
        return UsageRow(pricing.UNLICENSED, pricing.NO_TERMS, party, asset, None, 0)
    agreed_at, terms = agreed
    status, reason, amount = pricing.charge(terms, use=body["use"], quantities=body["quantities"])
    if status != pricing.UNLICENSED:  # else prohibited, which comes first
        if plan.is_retired:
            status, reason, amount = pricing.UNLICENSED, pricing.RETIRED, 0
        elif terms.needs_grant and state.granted(agreed_at, party) is None:
            status, reason, amount = pricing.UNLICENSED, pricing.NO_GRANT, 0
    if amount:
        lists, number = context.postings.lists, context.index
        touched = len(lists)
        for payee, part in pricing.hand_down(amount, shares=plan.shares, rest=plan.rest).items():
            if payee != party:
                lists[LINES + party + payee + plan.suffix] += (number, part)
        context.spend(plan.parts + LIST_STEPS * (len(lists) - touched), "asset")
        note_charge(context, plan, asset, amount)
    return UsageRow(status, reason, party, asset, agreed_at, amount)


def _count_ride(state: State, context: Context, row: UsageRow) -> None:
    """A use that was not, or not wholly, paid for: it stands in the statements to the asset's owner."""
    if row.asset is None:
        return
    plan = context.plans.get(row.asset) or plan_of(state, context, row.asset)
    if plan.owner == row.party:
        return
    pair, postings = row.party + plan.owner, context.postings
    if plan.newest is None:
        key = NO_TERMS + pair
        postings.riders[row.asset, row.party] += 1
    else:
        key = (UNLICENSED if row.status == pricing.UNLICENSED else PART) + pair + plan.suffix
    postings.lists[key] += (context.index, 1)


def usage(state: State, context: Context, body: Body) -> str:
    """A use of an asset or of outside material; answers its status."""
    asset = body["asset"]
    number = context.index.to_bytes(8, "big")
    overlay = state.overlay
    index = None
    if type(asset) is bytes:
        index = asset_index(state, context, asset, "asset")
        # A reference begins with the index as keys have it.
        overlay.put(keys.BY_ASSET + asset[:8] + number, b"")
    else:
        overlay.put(keys.BY_NAME_USE + keys.text(asset) + number, b"")
    if "claim" in body:
        accept_claim(state, context, body, index)
    is_provider_seen = body.get("seen_by") == "provider"
    if "into" in body:
        _check_into(state, context, body)
    elif "into_name" in body and body["use"] != "evaluate" and not is_provider_seen:
        key = keys.INTO + context.party + keys.text(body["into_name"]) + pack_into(target_of(asset))
        if state.view.get(key) is None:
            overlay.put(key, number)
    if is_provider_seen:
        row = UsageRow(pricing.OBSERVED, "", context.party, index, None, 0)
    else:
        row = _judge(state, context, body, index)
        if row.status != pricing.LICENSED:
            _count_ride(state, context, row)
    overlay.put(keys.STATUS + number, row.pack())
    note_use(context, body, row)
    return row.status


def none(state: State, context: Context, body: Body) -> str:
    """A signed nil report: its period is all that it says."""
    return LOGGED
