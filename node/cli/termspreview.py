"""`usance terms ASSET FILE.toml --dry-run`: what typical uses would cost and who would get it; nothing is logged."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from node.agents.standing import StandingReader
from node.agents.termspreview import TYPICAL, Change, Example, OfferChange, Preview, Standing, preview
from node.cli.common import open_client, signing_key
from node.cli.outcome import OK
from node.cli.terms import show_bps
from node.cli.text import counted, emit, short
from node.resolve import need_ref, resolve
from proofs.amounts import show_amount
from proofs.ed25519 import public_bytes
from proofs.errors import InputError

WORD = (
    "the node's word: which terms are newest, who owns assets, what parties are called; the asset, what stands behind "
    "it and the terms are verified entries"
)


def run_preview(args: argparse.Namespace, fields: Mapping[str, Any]) -> int:
    """Show what the terms would come to. Exit 2 where a node would refuse them."""
    key = public_bytes(signing_key(args)) if args.key or os.environ.get("USANCE_KEY") else None
    client = open_client(args)
    found = resolve(client, args.asset)
    need_ref(found, "ASSET")
    if found.entry is None:
        raise InputError(f"{found.text} is no asset of this log", field="ASSET")
    signer = None if key is None else client.key_state(key).party or key
    reader = StandingReader(client)
    standing = reader.standing(found.entry, fields, signer=signer)
    seen = preview(fields, standing)
    parties = {part.payee for example in seen.examples for part in example.parts}
    names = reader.names(sorted(parties))
    newest = reader.newest_ref(standing.asset)
    grants = 0 if newest is None else reader.grants(newest)
    value = {**preview_value(seen, standing, names), "terms_in_force": None if newest is None else str(newest),
             "grants": grants}  # fmt: skip
    lines = [f"terms for {found.text}, not logged"]
    lines += preview_lines(fields, seen, standing, names)
    for source, bps in standing.closure.shares:
        lines.append(f"{show_bps(bps)} of each charge is asset {source}'s, {reader.asset_name(source)!r}")
    if grants:
        lines.append(f"the terms in force were granted {counted(grants, 'time')}: those licensees may go on under them")
    emit(value, as_json=args.json, lines=[*lines, WORD])
    if seen.refusals:
        first = seen.refusals[0]
        raise InputError(f"a node would refuse this: {first.detail}", field=first.field, expected=first.expected)
    return OK


def preview_value(seen: Preview, standing: Standing, names: Mapping[bytes, str]) -> dict[str, Any]:
    """As JSON; nanos and quantities as decimal strings, unit prices as fractions of nanos."""
    return {
        "logged": False,
        "asset": str(standing.asset),
        "examples": [
            {"use": example.use, "unit": example.unit, "quantity": str(example.quantity),
             "charge": str(example.charge), "status": example.status, "reason": example.reason or None,
             "parts": [{"payee": part.payee.hex(), "name": names.get(part.payee, ""), "amount": str(part.amount)}
                       for part in example.parts]}
            for example in seen.examples
        ],
        "refusals": [
            {"detail": refusal.detail, "field": refusal.field, "expected": refusal.expected}
            for refusal in seen.refusals
        ],
        "offers_changed": [
            {"use": change.use, "unit": change.unit, "old": _fraction(change.old), "new": _fraction(change.new),
             "percent": None if change.percent is None else percent_text(change.percent)}
            for change in seen.offers
        ],
        "changed": [
            {"field": change.field, "old": _plain(change.old), "new": _plain(change.new)} for change in seen.changes
        ],
        "remarks": list(seen.remarks),
    }  # fmt: skip


def _fraction(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key.hex(): item for key, item in value.items()}
    return value


def preview_lines(
    fields: Mapping[str, Any], seen: Preview, standing: Standing, names: Mapping[bytes, str]
) -> Iterator[str]:
    """For people: examples, rules, what changes, what a node would refuse."""
    currency = fields["currency"]
    for example in seen.examples:
        yield from _example_lines(example, currency, names)
    if not seen.examples:
        yield f"no offers (currency {currency}): uses are unpriced"
    yield from _rule_lines(fields)
    if standing.in_force is None:
        yield "the asset has no terms yet: its uses so far are unlicensed"
    elif not seen.offers and not seen.changes:
        yield "nothing changes against the terms in force"
    else:
        yield "against the terms in force:"
        # Prices in two currencies can't be compared; the change of currency is refused, and said below.
        comparable = seen.offers if standing.in_force["currency"] == currency else ()
        yield from (f"  {_offer_text(change, currency)}" for change in comparable)
        yield from (f"  {_change_text(change)}" for change in seen.changes)
    yield from (f"remark: {remark}" for remark in seen.remarks)
    for refusal in seen.refusals:
        yield f"REFUSED by a node: {refusal.detail} ({refusal.field}: expected {refusal.expected})"


def _example_lines(example: Example, currency: str, names: Mapping[bytes, str]) -> Iterator[str]:
    said = f"{example.use}, {example.quantity:,} {TYPICAL[example.unit][1]}"
    if example.status not in ("licensed", "part-priced"):
        yield f"{said}: {example.status}{f' ({example.reason})' if example.reason else ''}"
        return
    yield f"{said}: {show_amount(example.charge, currency)}"
    for part in example.parts:
        name = names.get(part.payee, "")
        yield f"  of it {show_amount(part.amount, currency)} to {short(part.payee.hex())}" + (f" {name!r}" * bool(name))


def _rule_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, words in (("prohibits", "prohibited"), ("duties", "duties")):
        if fields.get(name):
            yield f"{words}: {', '.join(fields[name])}"
    if fields.get("needs_grant"):
        yield "only for parties with a grant: without one, uses are unlicensed"
    if fields.get("derivatives"):
        yield f"assets made from it owe it {show_bps(fields['derivatives'])} of their charges"


def _offer_text(change: OfferChange, currency: str) -> str:
    quantity, words = TYPICAL[change.unit]
    said = f"{change.use}, {quantity:,} {words}"
    old, new = (None if price is None else _cost(price, quantity, currency) for price in (change.old, change.new))
    if old is None:
        return f"{said}: {new}, new"
    if new is None:
        return f"{said}: no offer any more (was {old})"
    by = "" if change.percent is None else f", {percent_text(change.percent)}"
    return f"{said}: {old} -> {new}{by}"


def _cost(price: Fraction, quantity: int, currency: str) -> str:
    """A unit price times a quantity, rounded up to a nano as a use's charge is."""
    return show_amount(-(-price.numerator * quantity // price.denominator), currency)


def percent_text(value: Fraction) -> str:
    """`+25 %`, `-33.3 %`: one decimal, as far as there is one; what is less than that is said to be."""
    tenths = round(value * 10)
    if not tenths:
        return "less than 0.1 % up" if value > 0 else "less than 0.1 % down"
    whole, rest = divmod(abs(tenths), 10)
    return f"{'+' if tenths > 0 else '-'}{whole:,}{f'.{rest}' if rest else ''} %"


def _change_text(change: Change) -> str:
    if change.field == "splits":
        return f"splits: {_splits(change.old)} -> {_splits(change.new)}"
    if change.field == "derivatives":
        return f"share of derivatives' charges: {show_bps(change.old)} -> {show_bps(change.new)}"
    if isinstance(change.new, list):
        added = [word for word in change.new if word not in change.old]
        gone = [word for word in change.old if word not in change.new]
        what = {"prohibits": "prohibited", "duties": "duties"}[change.field]
        parts = [f"{what} from now on: {', '.join(added)}"] * bool(added)
        return "; ".join([*parts, *([f"{what} no more: {', '.join(gone)}"] * bool(gone))])
    old, new = ("none" if value is None else _plain(value) for value in (change.old, change.new))
    return f"{change.field}: {old} -> {new}"


def _splits(splits: Mapping[bytes, int]) -> str:
    shown = ", ".join(f"{short(party.hex())} {show_bps(bps)}" for party, bps in splits.items())
    return shown or "all to the owner"
