"""What terms would come to before they are published: typical uses priced and handed down, what changes, what a node
would refuse (design sections 4 and 5).

`preview` is a pure function of the terms and of what is known of the asset (`Standing`); nothing is logged. Prices and
hand-downs are those of proofs/pricing.py, so they are the ledger's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofs import pricing
from proofs.currencies import MINOR_UNIT_DIGITS
from proofs.errors import InputError
from proofs.pricing import Closure, Splits, Terms, read_terms
from proofs.ref import Ref

TYPICAL = {
    "token": (1_000_000, "tokens"),
    "input_token": (1_000_000, "input tokens"),
    "cached_token": (1_000_000, "cached tokens"),
    "output_token": (1_000_000, "output tokens"),
    "byte": (10**9, "bytes (1 GB)"),
    "item": (1000, "items"),
    "call": (1000, "calls"),
    "second": (3600, "seconds (1 hour)"),
    "use": (1, "use"),
}
"""A quantity of each unit that a person can picture, and its words."""

_FAULTS = {
    pricing.TOO_MANY: f"more than {pricing.CLOSURE_MAX} assets have a share in its charges",
    pricing.OVERSUBSCRIBED: "its sources ask for more than 10,000 bps together",
    pricing.MIXED: "its sources are paid in different currencies",
}
_PLAIN = ("currency", "needs_grant", "on_match", "arbiter", "license", "url", "text")
_LISTS = ("prohibits", "duties")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an asset whose terms are looked at. `owner`: its party; `splits`: of each asset in its closure,
    by leaf index; `in_force`: the fields of its newest terms, None without any; `signer`: the party that would sign,
    None where that isn't known; `unknown`: parties named in the terms that the log doesn't have."""

    asset: Ref
    owner: bytes
    closure: Closure
    splits: Mapping[int, Splits]
    in_force: Mapping[str, Any] | None
    signer: bytes | None = None
    is_retired: bool = False
    unknown: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Part:
    """What of a charge reaches one payee."""

    payee: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class Example:
    """One offer with a typical quantity: what it costs (0 where it isn't charged), the status that such a use gets, and
    who gets what, the most first. Nanos."""

    use: str
    unit: str
    quantity: int
    charge: int
    status: str
    reason: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class OfferChange:
    """How an offer differs from the one in force. Prices in nanos per one unit, None where there is none. `percent`:
    of the old price, None where there is none to compare with, or it was 0."""

    use: str
    unit: str
    old: Fraction | None
    new: Fraction | None

    @property
    def percent(self) -> Fraction | None:
        """By how much the price goes up (or, below 0, down)."""
        if self.old is None or self.new is None or not self.old:
            return None
        return (self.new - self.old) / self.old * 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a node would refuse the terms: as its answer would say."""

    detail: str
    field: str
    expected: str


@dataclass(frozen=True, slots=True)
class Change:
    """A field that isn't as in the terms in force. None: absent."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Preview:
    """All of it. `remarks`: what is allowed and probably not meant."""

    examples: tuple[Example, ...]
    refusals: tuple[Refusal, ...]
    offers: tuple[OfferChange, ...]
    changes: tuple[Change, ...]
    remarks: tuple[str, ...]


def preview(fields: Mapping[str, Any], standing: Standing) -> Preview:
    """Look at terms (the record's fields, checked) before they are published. Pure."""
    terms = read_terms(fields)
    old = standing.in_force
    return Preview(
        examples=tuple(_examples(fields, terms, standing)),
        refusals=tuple(_refusals(fields, standing)),
        offers=tuple(_offer_changes(old["offers"], fields["offers"])) if old is not None else (),
        changes=tuple(_changes(old, fields)) if old is not None else (),
        remarks=tuple(_remarks(fields, terms, standing)),
    )


def _examples(fields: Mapping[str, Any], terms: Terms, standing: Standing) -> Iterator[Example]:
    own = terms.splits or ((standing.owner, pricing.BPS_MAX),)
    shares = [(bps, standing.splits[source]) for source, bps in standing.closure.shares]
    for offer in fields["offers"]:
        quantity = TYPICAL[offer["unit"]][0]
        found = pricing.charge(terms, use=offer["use"], quantities={offer["unit"]: quantity})
        parts: tuple[Part, ...] = ()
        if not standing.closure.fault and found.amount:
            handed = pricing.hand_down(found.amount, shares=shares, rest=own)
            parts = tuple(Part(*item) for item in sorted(handed.items(), key=lambda item: (-item[1], item[0])))
        yield Example(offer["use"], offer["unit"], quantity, found.amount, found.status, found.reason, parts)


def _refusals(fields: Mapping[str, Any], standing: Standing) -> Iterator[Refusal]:
    """In the order in which a node checks."""
    if standing.signer is not None and standing.signer != standing.owner:
        yield Refusal("the asset of another party", "asset", "an asset that the signer's party owns")
    currency, closure = fields["currency"], standing.closure
    before = standing.in_force["currency"] if standing.in_force is not None else ""
    if before and currency != before:
        yield Refusal("the asset's currency is another, for ever", "currency", before)
    elif closure.currency and currency != closure.currency:
        yield Refusal("its sources are paid in another currency", "currency", closure.currency)
    if fields["offers"] and closure.fault:
        detail = f"an asset that can't pay all its sources can't sell: {_FAULTS[closure.fault]}"
        yield Refusal(detail, "offers", "no offers")
    named = [(f"[[splits]] {at}, party", split["party"]) for at, split in enumerate(fields.get("splits", ()), start=1)]
    if "arbiter" in fields:
        named.append(("arbiter", fields["arbiter"]))
    for field, party in named:
        if party in standing.unknown:
            yield Refusal("no party of this log", field, "a party bound before")


def _unit_prices(offers: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Fraction]:
    return {(offer["use"], offer["unit"]): Fraction(offer["price"], offer["per"]) for offer in offers}


def _offer_changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[OfferChange]:
    before, after = _unit_prices(old), _unit_prices(new)
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield OfferChange(*key, before.get(key), after.get(key))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    defaults = {"derivatives": 0, "needs_grant": False}
    for name in ("derivatives", *_PLAIN):
        one, other = old.get(name, defaults.get(name)), new.get(name, defaults.get(name))
        if one != other:
            yield Change(name, one, other)
    for name in _LISTS:
        one, other = old.get(name, []), new.get(name, [])
        if set(one) != set(other):
            yield Change(name, list(one), list(other))
    splits = [{split["party"]: split["bps"] for split in fields.get("splits", ())} for fields in (old, new)]
    if splits[0] != splits[1]:
        yield Change("splits", *splits)


def _remarks(fields: Mapping[str, Any], terms: Terms, standing: Standing) -> Iterator[str]:
    prohibited = sorted(terms.prohibits & set(terms.offers))
    if prohibited:
        yield f"prohibited uses have offers, which never count: {', '.join(prohibited)}"
    if standing.is_retired:
        yield "the asset is retired: its uses are unlicensed, whatever its terms say"
    given = sum(bps for _, bps in standing.closure.shares)
    if given == pricing.BPS_MAX and fields["offers"]:
        yield "the sources' shares take the whole charge: nothing is left for the asset itself"
    currency = fields["currency"]
    if currency not in MINOR_UNIT_DIGITS:
        yield f"ISO 4217 has no {currency}: sums are not rounded to coins, and only the csv adapter pays them"
    free = [f"{offer['use']} by {offer['unit']}" for offer in fields["offers"] if not offer["price"]]
    if free:
        yield f"free: {', '.join(free)}"


def check_shares(closure: Closure, said: object) -> None:
    """Hold the closure that was computed against the node's list of whom an asset pays. Raises InputError."""
    listed = said if isinstance(said, list) else []
    shares = {row.get("asset"): row.get("bps") for row in listed if isinstance(row, dict)}
    theirs = {str(text).partition(":")[0]: bps for text, bps in shares.items()}
    if {str(index): bps for index, bps in closure.shares} != theirs:
        raise InputError("the node says that the asset pays others than its sources", field="pays")
