"""Rules of usage and nil records (design sections 4 and 5): what a use names, and the status that it gets.

A node doesn't refuse the use of unregistered or unlicensed material: it logs it, with that status. The ledger states
what happened, not what should have.
"""

from __future__ import annotations

from ledger import keys
from ledger.assets import behind_asset, pack_into, target_of
from ledger.context import Body, Context, asset_index, not_yet
from ledger.errors import RuleRefusal
from ledger.state import CONTESTED, LOGGED, OBSERVED, UNCLAIMED, UNLICENSED, State
from proofs.ref import unpack_ref


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


def _status(state: State, body: Body) -> str:
    if body.get("seen_by") == "provider":
        return OBSERVED
    if type(body["asset"]) is bytes:
        return UNLICENSED  # no asset has terms yet
    claimants = state.claimants(body["asset"])
    if not claimants:
        return UNCLAIMED
    return CONTESTED if len(claimants) > 1 else UNLICENSED


def usage(state: State, context: Context, body: Body) -> str:
    """A use of an asset or of outside material; answers its status."""
    for name in ("terms", "claim"):
        if name in body:
            raise not_yet(name, f"usage.{name}")
    asset = body["asset"]
    if type(asset) is bytes:
        index = asset_index(state, context, asset, "asset")
        state.overlay.put(keys.BY_ASSET + keys.number(index) + keys.number(context.index), b"")
    else:
        state.overlay.put(keys.BY_NAME_USE + keys.text(asset) + keys.number(context.index), b"")
    if "into" in body:
        _check_into(state, context, body)
    elif "into_name" in body and body["use"] != "evaluate" and body.get("seen_by") != "provider":
        key = keys.INTO + context.party + keys.text(body["into_name"]) + pack_into(target_of(asset))
        if state.view.get(key) is None:
            state.overlay.put(key, keys.number(context.index))
    return _status(state, body)


def none(state: State, context: Context, body: Body) -> str:
    """A signed nil report: its period is all that it says."""
    return LOGGED
