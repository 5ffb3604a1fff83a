"""Rules of terms and grants (design section 4): who may publish what, and what a licensee keeps.

The newest terms in log order are in force. A grant keeps older ones open to one party, who uses them by naming them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger import keys
from ledger.context import Body, Context, asset_index
from ledger.errors import RuleRefusal
from ledger.events import note_event
from ledger.postings import move_riders
from ledger.state import LOGGED, AssetRow, GrantRow, State, TermsRow
from proofs import codec, pricing
from proofs.pricing import Closure
from proofs.ref import unpack_ref

_FAULTS = {
    pricing.TOO_MANY: f"more than {pricing.CLOSURE_MAX} assets have a share in its charges",
    pricing.OVERSUBSCRIBED: "its sources ask for more than 10,000 bps together",
    pricing.MIXED: "its sources are paid in different currencies",
}


def terms(state: State, context: Context, body: Body) -> str:
    """The owner's terms for an asset: in force from here on."""
    asset = asset_index(state, context, body["asset"], "asset")
    row = state.asset(asset)
    if row is None or row.party != context.party:
        raise RuleRefusal("the asset of another party", field="asset", expected="an asset that the signer's party owns")
    fields = {name: value for name, value in body.items() if name not in ("kind", "at", "asset")}
    publish(state, context, asset=asset, row=row, fields=fields, closure=state.closure(asset), prefix="")
    note_event(state, asset, context.index, "terms")
    return LOGGED


def publish(
    state: State,
    context: Context,
    *,
    asset: int,
    row: AssetRow,
    fields: Mapping[str, Any],
    closure: Closure,
    prefix: str,
) -> None:
    """Judge terms and put them in force from this leaf on. `prefix`: of field names in refusals ("terms." where they
    stand inside an asset). Raises RuleRefusal."""
    before = state.asset_terms(asset)
    currency = fields["currency"]
    for wanted, whose in ((before.currency if before else "", "the asset"), (closure.currency, "its sources")):
        if wanted and currency != wanted:
            raise RuleRefusal(
                f"{whose}'s currency is another, for ever" if before else f"{whose} are paid in another currency",
                field=f"{prefix}currency",
                expected=wanted,
            )
    if fields["offers"] and closure.fault:
        raise RuleRefusal(
            f"an asset that can't pay all its sources can't sell: {_FAULTS[closure.fault]}",
            field=f"{prefix}offers",
            expected="no offers",
        )
    named = [(f"splits.{at}.party", split["party"]) for at, split in enumerate(fields.get("splits", ()))]
    if "arbiter" in fields:
        named.append(("arbiter", fields["arbiter"]))
    for field, party in named:
        if state.party(party) is None:
            raise RuleRefusal("no party of this log", field=prefix + field, expected="a party bound before")
    if asset != context.index:  # of a new asset nobody has asked yet what its use comes to
        context.terms_changed()
        if before is None:
            move_riders(
                state, context.postings, asset=asset, owner=row.party, currency=currency, index=context.index,
                spend=context.spend,
            )  # fmt: skip
    put, index = state.overlay.put, keys.number(context.index)
    splits = [(split["party"], split["bps"]) for split in fields.get("splits", ())]
    put(keys.TERMS + index, codec.pack([asset, context.leaf, splits, codec.pack(dict(fields))]))
    put(keys.TERMS_OF + keys.number(asset) + index, b"")
    first = before.first if before else context.index
    derivatives = fields.get("derivatives", 0)
    put(keys.ASSET_TERMS + keys.number(asset), codec.pack([context.index, first, currency, derivatives]))


def find_terms(state: State, raw: bytes) -> tuple[int, TermsRow] | None:
    """The terms that a reference names (a `terms` entry, or an asset with inline terms); None where it names none."""
    ref = unpack_ref(raw)
    row = state.terms(ref.index)
    return (ref.index, row) if row is not None and row.leaf == ref.leaf else None


def grant(state: State, context: Context, body: Body) -> str:
    """These terms stay open to the licensee, also when newer ones are in force."""
    found = find_terms(state, body["terms"])
    if found is None:
        raise RuleRefusal(
            "no terms of this log", field="terms", expected="a reference to terms, or to an asset with inline terms"
        )
    index, row = found
    asset = state.asset(row.asset)
    if asset is None or asset.party != context.party:
        raise RuleRefusal("terms of another party", field="terms", expected="terms of the signer's own asset")
    licensee = body["licensee"]
    if state.party(licensee) is None:
        raise RuleRefusal("no party of this log", field="licensee", expected="a party bound before")
    standing = state.granted(index, licensee)
    if standing is not None:
        raise RuleRefusal(
            f"granted already, by entry {standing}", field="licensee", expected="a party without a standing grant of it"
        )
    made = GrantRow(index, licensee, row.asset, row.terms.derivatives, 0)
    put = state.overlay.put
    put(keys.GRANT + keys.number(context.index), made.pack())
    put(keys.GRANTED + keys.number(index) + licensee, keys.number(context.index))
    put(keys.GRANT_SHARE + _share(made) + keys.number(index) + keys.number(context.index), b"")
    _count_share(state, made, 1)
    note_event(state, index, context.index, "grant")
    return LOGGED


def end_grant(state: State, context: Context, row: GrantRow, index: int) -> None:
    """Withdraw a standing grant of the signer's."""
    ended = GrantRow(row.terms, row.licensee, row.asset, row.derivatives, context.index)
    state.overlay.put(keys.GRANT + keys.number(index), ended.pack())
    state.overlay.delete(keys.GRANTED + keys.number(row.terms) + row.licensee)
    _count_share(state, row, -1)


def _share(row: GrantRow) -> bytes:
    return row.licensee + keys.number(row.asset) + row.derivatives.to_bytes(2, "big")


def _count_share(state: State, row: GrantRow, change: int) -> None:
    """One grant more, or less, that allows its licensee this share: counted, for a registration must not have to go
    through what was withdrawn."""
    key = keys.GRANT_SHARES + _share(row)
    count = int.from_bytes(state.view.get(key) or b"", "big") + change
    if count:
        state.overlay.put(key, keys.number(count))
    else:
        state.overlay.delete(key)


def agreed_share(state: State, *, source: int, registrant: bytes, bps: int) -> int | None:
    """None where `bps` is what the source asks of its derivatives, by its newest terms or by terms granted to the
    registrant; else what its newest terms ask."""
    have = state.asset_terms(source)
    asked = 0 if have is None else have.derivatives
    if bps == asked:
        return None
    granted = keys.GRANT_SHARES + registrant + keys.number(source) + bps.to_bytes(2, "big")
    return asked if state.view.get(granted) is None else None
