"""The record kinds (design section 4): their fields, and the rules that join several fields of one record.

This is the one table of kinds; the command line, the ledger and the documents are checked against it. Rules that need
the log (is this reference an asset, who owns it) are the ledger's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from proofs import fields as f
from proofs.checkpoint import check_origin
from proofs.codec import INT_MAX
from proofs.errors import InputError
from proofs.fields import Rule

DELEGABLE = (
    "asset", "terms", "description", "grant", "withdraw", "usage", "none", "correction", "accept", "statement",
    "payment", "receipt", "dispute", "resolution", "canary", "claim",
)  # fmt: skip

Fields = dict[str, Rule]
Cross = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One record kind. `together`: groups of fields that come all or none. `apart`: groups of which one at most may
    stand. `cross`: rules over values, which raise InputError."""

    name: str
    required: Fields
    optional: Fields
    together: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    cross: tuple[Cross, ...] = ()


def _is_origin(value: Any) -> bool:
    if not f.is_text(value):
        return False
    try:
        check_origin(value)
    except InputError:
        return False
    return True


def _until_not_before_from(body: dict[str, Any]) -> None:
    if body["until"] < body["from"]:
        raise InputError("a period that ends before it begins", field="until", expected="at least `from`")


def _collected_in_order(body: dict[str, Any]) -> None:
    if body.get("collected_until", INT_MAX) < body.get("collected_from", 0):
        raise InputError("ends before it begins", field="collected_until", expected="at least `collected_from`")


def _seen_by(body: dict[str, Any]) -> None:
    provider = body.get("seen_by", "user") == "provider"
    if provider != ("party" in body):
        raise InputError("who used it", field="party", expected="exactly when seen_by is provider")
    if provider and "terms" in body:
        raise InputError("a provider-seen use is never charged", field="terms", expected="no terms")


def _splits_whole(terms: dict[str, Any], field: str) -> None:
    if "splits" in terms and sum(split["bps"] for split in terms["splits"]) != f.BPS_MAX:
        raise InputError("splits don't add up", field=field, expected="bps that sum to 10,000")


def _no_shares(body: dict[str, Any]) -> None:
    if any(source.get("bps", 0) for source in body.get("sources", ())):
        raise InputError("a description claims no share", field="sources", expected="bps absent or 0")


def _no_share_outside(body: dict[str, Any]) -> None:
    for position, source in enumerate(body.get("sources", ())):
        if source.get("bps", 0) and (type(source["asset"]) is str or source["as"] == "evaluated_on"):
            raise InputError(
                "a share without terms behind it",
                field=f"sources.{position}.bps",
                expected="absent or 0 for external names and evaluated_on",
            )


_SOURCE = f.struct({"asset": f.TARGET, "as": f.one_of(*f.RELATIONS)}, {"bps": f.BPS})
_OFFER = f.struct(
    {
        "use": f.USE,
        "unit": f.UNIT,
        "price": f.integer(0, f.PRICE_MAX, "nanos, 0 to 2^53"),
        "per": f.POSITIVE,
    }
)
_SPLIT = f.struct({"party": f.PARTY, "bps": f.BPS})
_PRINTS = f.struct({"scheme": f.TEXT, "count": f.COUNT, "root": f.DIGEST})

_TERMS: tuple[Fields, Fields] = (
    {
        "currency": f.CURRENCY,
        "offers": f.list_of(_OFFER, low=0, distinct=lambda offer: (offer["use"], offer["unit"])),
    },
    {
        "prohibits": f.unique_list(f.USE, low=0),
        "duties": f.unique_list(f.one_of(*f.DUTIES), low=0),
        "splits": f.list_of(_SPLIT, low=1, high=8, distinct=lambda split: split["party"]),
        "derivatives": f.BPS,
        "needs_grant": f.BOOL,
        "on_match": f.one_of("track", "charge", "block"),
        "arbiter": f.PARTY,
        "license": f.LICENSE,
        "url": f.URL,
        "text": f.DIGEST,
    },
)

_DESCRIBED: Fields = {
    "version": f.TEXT,
    "root": f.DIGEST,
    "items": f.COUNT,
    "bytes": f.COUNT,
    "media": f.MEDIA,
    "uri": f.URI,
    "license": f.LICENSE,
    "iscc": f.ISCC,
    "origin": f.one_of(*f.ASSET_ORIGINS),
    "modality": f.TEXT,
    "collected_from": f.MS,
    "collected_until": f.MS,
    "sources": f.list_of(_SOURCE, low=0, distinct=lambda source: (source["asset"], source["as"])),
}
_ROOT_TOGETHER = ("root", "items", "bytes")
_PROFILE: Fields = {"url": f.URL, "contact": f.TEXT}
_MONEY_MOVED: Fields = {"statement": f.REF, "method": f.TEXT, "reference": f.TEXT}

_AGAINST = (f.struct({"asset": f.REF}), f.struct({"party": f.PARTY}), f.struct({"digest": f.DIGEST}))
_DELEGATED = f.unique_list(f.one_of(*DELEGABLE), low=1, is_sorted=True)

_KINDS = (
    Kind("genesis", {"origin": Rule(_is_origin, "an origin: 1 to 255 bytes without spaces, + or control characters"),
                     "name": f.TEXT}, _PROFILE),
    Kind("party", {"name": f.TEXT}, _PROFILE),
    Kind("delegate", {"key": f.KEY, "kinds": _DELEGATED, "accept": f.SIGNATURE}, {}),
    Kind("rotate", {"key": f.KEY, "accept": f.SIGNATURE}, {}),
    Kind("revoke", {"key": f.KEY}, {"reason": f.TEXT}),
    Kind("asset", {"type": f.one_of(*f.ASSET_TYPES), "name": f.TEXT},
         {**_DESCRIBED, "aka": f.unique_list(f.EXTERNAL, low=1), "prints": _PRINTS, "terms": f.struct(*_TERMS)},
         together=(_ROOT_TOGETHER,),
         cross=(_collected_in_order, _no_share_outside,
                lambda body: _splits_whole(body.get("terms", {}), "terms.splits"))),
    Kind("terms", {"asset": f.REF, **_TERMS[0]}, _TERMS[1], cross=(lambda body: _splits_whole(body, "splits"),)),
    Kind("description", {"name": f.EXTERNAL, "type": f.one_of(*f.ASSET_TYPES)}, {"title": f.TEXT, **_DESCRIBED},
         together=(_ROOT_TOGETHER,), cross=(_collected_in_order, _no_shares)),
    Kind("grant", {"terms": f.REF, "licensee": f.PARTY}, {}),
    Kind("withdraw", {"target": f.REF}, {}),
    Kind("usage",
         {"asset": f.TARGET, "use": f.USE, "quantities": f.QUANTITIES, "from": f.MS, "until": f.MS},
         {"terms": f.REF, "into": f.REF, "into_name": f.TEXT, "item": f.DIGEST, "items": f.DIGEST,
          "item_count": f.COUNT, "calls": f.COUNT, "detail": f.DIGEST,
          "seen_by": f.one_of("user", "provider"), "party": f.PARTY, "user": f.DIGEST, "call": f.TEXT,
          "commitment": f.DIGEST, "names": f.unique_list(f.TEXT, low=1, is_sorted=True), "attrs": f.ATTRIBUTES,
          "claim": f.REF},
         together=(("items", "item_count"), ("calls", "detail"), ("commitment", "names")),
         apart=(("item", "items"), ("into", "into_name")),
         cross=(_until_not_before_from, _seen_by)),
    Kind("none", {"from": f.MS, "until": f.MS}, {}, cross=(_until_not_before_from,)),
    Kind("correction", {"usage": f.REF, "quantities": f.LOWERED, "reason": f.TEXT}, {}),
    Kind("accept", {"correction": f.REF}, {}),
    Kind("statement",
         {"payer": f.PARTY, "payee": f.PARTY, "currency": f.CURRENCY, "to": f.COUNT, "lines": f.COUNT,
          "gross": f.SUM, "root": f.DIGEST, "credit_lines": f.COUNT, "credits": f.SUM, "credit_root": f.DIGEST,
          "billed": f.SUM, "due": f.MONEY, "unpriced": f.COUNT, "unlicensed": f.COUNT}, {}),
    Kind("payment", {**_MONEY_MOVED, "amount": f.MONEY}, {}),
    Kind("receipt", {**_MONEY_MOVED, "amount": f.POSITIVE}, {}),
    Kind("dispute", {"target": f.REF, "reason": f.TEXT}, {"note": f.TEXT, "evidence": f.DIGEST}),
    Kind("resolution", {"dispute": f.REF, "outcome": f.one_of("conceded", "rejected", "withdrawn", "upheld")},
         {"note": f.TEXT}),
    Kind("canary", {"root": f.DIGEST, "count": f.COUNT}, {"asset": f.TARGET}),
    Kind("claim",
         {"asset": f.REF,
          "against": Rule(lambda value: any(rule.ok(value) for rule in _AGAINST),
                          "a map of one of: asset (a reference), party, digest"),
          "method": f.TEXT, "score": f.COUNT, "threshold": f.COUNT,
          "fpr": f.integer(0, 1_000_000, "parts per million, 0 to 1,000,000"), "length": f.COUNT,
          "proves": f.TEXT, "evidence": f.DIGEST}, {}),
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""Every record kind by its name."""
