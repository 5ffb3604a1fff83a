"""Terms in force as Croissant's `usageInfo`: an ODRL offer (W3C ODRL 2.2) with our uses as its actions.

Croissant 1.1 recommends ODRL there. What it lacks (per how many units of what, derivatives, splits, …) has names of
ours beside it. node/imports/croissantterms.py reads it back whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.imports.croissantterms import PLAIN
from proofs.currencies import NANOS_DIGITS

_DONE = frozenset(("kind", "at", "asset", "offers", "prohibits", "duties", "splits"))


def usage_info(terms: Mapping[str, Any], *, title: str, terms_ref: str | None) -> dict[str, Any]:
    """The JSON-LD of an offer with all fields of a `terms` record but its asset. `title`: whose terms, for people."""
    policy: dict[str, Any] = {"@type": ["sc:CreativeWork", "odrl:Offer"], "name": f"Terms of use of {title}"}
    if terms_ref is not None:
        policy["description"] = f"Entry {terms_ref} of a Usance log"
    for field in sorted(terms.keys() - _DONE):
        value = terms[field]
        policy[PLAIN[field]] = value.hex() if isinstance(value, bytes) else value
    if "duties" in terms:
        policy["usance:duties"] = list(terms["duties"])
    if "splits" in terms:
        policy["usance:splits"] = [
            {"usance:party": split["party"].hex(), "usance:bps": split["bps"]} for split in terms["splits"]
        ]
    policy["odrl:permission"] = [_permission(offer, terms.get("currency")) for offer in terms.get("offers", ())]
    policy["odrl:prohibition"] = [
        {"@type": "odrl:Prohibition", "odrl:action": {"@id": f"usance:{use}"}} for use in terms.get("prohibits", ())
    ]
    return policy


def _permission(offer: Mapping[str, Any], currency: object) -> dict[str, Any]:
    constraint = {
        "@type": "odrl:Constraint",
        "odrl:leftOperand": {"@id": "odrl:payAmount"},
        "odrl:operator": {"@id": "odrl:eq"},
        "odrl:rightOperand": {"@value": _decimal(offer["price"]), "@type": "xsd:decimal"},
        **({"odrl:unit": currency} if currency is not None else {}),
    }
    duty = {
        "@type": "odrl:Duty",
        "odrl:action": {"@id": "odrl:compensate"},
        "odrl:constraint": constraint,
        "usance:unit": offer["unit"],
        "usance:per": offer["per"],
    }
    return {"@type": "odrl:Permission", "odrl:action": {"@id": f"usance:{offer['use']}"}, "odrl:duty": duty}


def _decimal(nanos: int) -> str:
    whole, rest = divmod(nanos, 10**NANOS_DIGITS)
    return f"{whole}.{rest:0{NANOS_DIGITS}d}".rstrip("0").removesuffix(".")
