"""Pricing (design section 5): what a use costs and whom the charge reaches. Integers in nanos, nothing but arguments.

The ledger prices with it as records come in, a verifier once more from the terms inside an evidence file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from proofs.codec import INT_MAX
from proofs.currencies import NANOS_DIGITS, round_down
from proofs.errors import InputError
from proofs.fields import BPS_MAX as BPS_MAX

CHARGE_MAX = INT_MAX
"""Of any currency; of one with minor units, rounded down to a whole number of them (see `charge`)."""
CLOSURE_MAX = 32
"""Assets that an asset with offers may have to pay."""

OBSERVED = "observed"
LICENSED = "licensed"
PART_PRICED = "part-priced"
UNPRICED = "unpriced"
UNLICENSED = "unlicensed"
UNCLAIMED = "unclaimed"
CONTESTED = "contested"
STATUSES = (OBSERVED, LICENSED, PART_PRICED, UNPRICED, UNLICENSED, UNCLAIMED, CONTESTED)
"""What a usage can come to, as its status says."""

PROHIBITED = "prohibited"
NO_TERMS = "no-terms"
RETIRED = "retired"
NO_GRANT = "no-grant"
BY_NAME = "by-name"
NO_OFFER = "no-offer"
OVERFLOW = "overflow"
REASONS = (PROHIBITED, NO_TERMS, RETIRED, NO_GRANT, BY_NAME, NO_OFFER, OVERFLOW)
"""Why a usage is unlicensed or unpriced."""

TOO_MANY = "too-many"
OVERSUBSCRIBED = "oversubscribed"
MIXED = "mixed-currencies"
FAULTS = (TOO_MANY, OVERSUBSCRIBED, MIXED)
"""Why an asset can have no offers: whoever can't pay all of its sources can't sell."""

Splits = tuple[tuple[bytes, int], ...]
"""(party, bps), bps summing to 10,000."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms as pricing reads them. `offers`: by use, by unit, (price in nanos, per). `splits`: empty means all to the
    asset's owner."""

    currency: str
    offers: Mapping[str, Mapping[str, tuple[int, int]]]
    prohibits: frozenset[str]
    splits: Splits
    derivatives: int
    needs_grant: bool
    arbiter: bytes | None


def read_terms(fields: Mapping[str, Any]) -> Terms:
    """The terms in a checked `terms` body, or in the `terms` of a checked `asset` body."""
    offers: dict[str, dict[str, tuple[int, int]]] = {}
    for offer in fields["offers"]:
        offers.setdefault(offer["use"], {})[offer["unit"]] = (offer["price"], offer["per"])
    return Terms(
        currency=fields["currency"],
        offers=offers,
        prohibits=frozenset(fields.get("prohibits", ())),
        splits=tuple((split["party"], split["bps"]) for split in fields.get("splits", ())),
        derivatives=fields.get("derivatives", 0),
        needs_grant=fields.get("needs_grant", False),
        arbiter=fields.get("arbiter"),
    )


class Charge(NamedTuple):
    """What a use comes to under terms. `reason`: one of REASONS, or "". `amount`: nanos, 0 unless charged."""

    status: str
    reason: str
    amount: int


def charge(terms: Terms, *, use: str, quantities: Mapping[str, int]) -> Charge:
    """Price a use: per unit with an offer, quantity x price / per rounded up to a nano, and their sum.

    Grants and retirement are the caller's to look up first.
    """
    if use in terms.prohibits:
        return Charge(UNLICENSED, PROHIBITED, 0)
    offers = terms.offers.get(use)
    if not offers:
        return Charge(UNPRICED, NO_OFFER, 0)
    amount = priced = 0
    for unit, quantity in quantities.items():
        offer = offers.get(unit)
        if offer is not None:
            # Upwards: the payer chooses how many records a use is split into.
            amount -= -quantity * offer[0] // offer[1]
            priced += 1
    if not priced:
        return Charge(UNPRICED, NO_OFFER, 0)
    # What one statement can bill: on top of a fraction that rounding left open, a charge of more could put the account
    # out of every statement's reach, for ever.
    if amount > CHARGE_MAX - 10**NANOS_DIGITS and amount > round_down(CHARGE_MAX, terms.currency):
        return Charge(UNPRICED, OVERFLOW, 0)
    return Charge(LICENSED if priced == len(quantities) else PART_PRICED, "", amount)


@dataclass(frozen=True, slots=True)
class Closure:
    """Whom an asset pays: bps by asset index, ascending, at most CLOSURE_MAX of them, all of one currency ("" of none).

    `fault`: one of FAULTS, then nothing else is kept: shares are never lost on the way down, so whatever is made from
    a faulty asset is faulty too.
    """

    shares: tuple[tuple[int, int], ...] = ()
    currency: str = ""
    fault: str = ""


NOTHING = Closure()


@dataclass(frozen=True, slots=True)
class Source:
    """One listed source in this log (not evaluated_on): its index, the bps agreed, its currency ("" without terms),
    and its own closure."""

    asset: int
    bps: int
    currency: str
    closure: Closure


def close(sources: Iterable[Source]) -> Closure:
    """The closure of an asset with these sources: each with its bps and the closures of all of them, the largest bps of
    each asset; those at 0 drop out."""
    shares: dict[int, int] = {}
    currencies: set[str] = set()
    faults: set[str] = set()
    merged: set[tuple[tuple[int, int], ...]] = set()
    for source in sources:
        if source.bps:
            shares[source.asset] = max(shares.get(source.asset, 0), source.bps)
            currencies.add(source.currency)
        inner = source.closure
        if inner.fault:
            faults.add(inner.fault)
        elif inner.shares and inner.shares not in merged:
            merged.add(inner.shares)
            currencies.add(inner.currency)
            for asset, bps in inner.shares:
                if bps > shares.get(asset, 0):
                    shares[asset] = bps
    if len(shares) > CLOSURE_MAX:
        faults.add(TOO_MANY)
    if sum(shares.values()) > BPS_MAX:
        faults.add(OVERSUBSCRIBED)
    if len(currencies) > 1:
        faults.add(MIXED)
    if faults:
        return Closure(fault=next(fault for fault in FAULTS if fault in faults))
    return Closure(tuple(sorted(shares.items())), next(iter(currencies), ""))


def divide(amount: int, splits: Splits) -> list[int]:
    """An amount over splits: floor each, the remainder a nano each by largest fraction, ties to the earlier split."""
    parts = [amount * bps // BPS_MAX for _, bps in splits]
    left = amount - sum(parts)
    if left:
        order = sorted(range(len(splits)), key=lambda at: -(amount * splits[at][1] % BPS_MAX))
        for at in order[:left]:
            parts[at] += 1
    return parts


def hand_down(amount: int, *, shares: Sequence[tuple[int, Splits]], rest: Splits) -> dict[bytes, int]:
    """Hand a charge down: `shares` is (bps, that asset's splits) for every asset of the closure, `rest` the splits of
    the used asset itself.

    Returns what reaches each party, those that get nothing left out. The amounts sum to `amount`; the payer's own part
    is among them. Raises InputError where the shares pass 10,000 bps.
    """
    if not shares and len(rest) == 1:
        return {rest[0][0]: amount} if amount else {}
    found: dict[bytes, int] = {}
    left = amount
    for bps, splits in shares:
        part = amount * bps // BPS_MAX
        left -= part
        _give(found, part, splits)
    if left < 0:
        raise InputError("shares of more than the whole", field="sources", expected="at most 10,000 bps together")
    _give(found, left, rest)
    return found


def _give(found: dict[bytes, int], amount: int, splits: Splits) -> None:
    if len(splits) == 1:
        if amount:
            found[splits[0][0]] = found.get(splits[0][0], 0) + amount
        return
    for (party, _), part in zip(splits, divide(amount, splits), strict=True):
        if part:
            found[party] = found.get(party, 0) + part


PayeesOf = Callable[[int], Splits]
"""The splits of an asset's newest terms before the usage's leaf; ((owner, 10,000),) where they name none."""


def payments(amount: int, *, asset: int, closure: Closure, payees_of: PayeesOf) -> dict[bytes, int]:
    """`hand_down` for a use of `asset`, the splits looked up."""
    shares = [(bps, payees_of(source)) for source, bps in closure.shares]
    return hand_down(amount, shares=shares, rest=payees_of(asset))
