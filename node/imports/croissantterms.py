"""Terms within `usageInfo` of Croissant: an ODRL offer whose actions are uses of ours, as our export writes it.

An offer that asks for anything that isn't understood is left out, never taken without its condition. Other people's
usage information (an address, DUO terms, ODRL of other actions) states no terms that the log could hold: it is noted.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from node.agents.amounts import parse_amount
from node.imports.drafting import Draft
from node.imports.jsonld import Context, each, text_of
from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED
from proofs.errors import InputError, excerpt
from proofs.fields import USES
from proofs.records import make_body

POLICIES = frozenset(("odrl:Offer", "odrl:Set", "odrl:Policy"))
_ACTION = "usance:"
_PLAIN = {  # names of a document, fields of a record
    "usance:currency": "currency", "usance:derivatives": "derivatives", "usance:needsGrant": "needs_grant",
    "usance:onMatch": "on_match", "license": "license", "url": "url",
}  # fmt: skip
_BINARY = {"usance:arbiter": "arbiter", "usance:text": "text"}
_KNOWN = frozenset((
    "@type", "@id", "name", "description", "odrl:uid", "odrl:permission", "odrl:prohibition", "usance:duties",
    "usance:splits", *_PLAIN, *_BINARY,
))  # fmt: skip
PLAIN = {field: name for name, field in (*_PLAIN.items(), *_BINARY.items())}
"""How a document calls the fields of terms that are single values."""


def read_usage_info(draft: Draft, context: Context, value: object) -> dict[str, object] | None:
    """The fields of a `terms` record that usage information states; None, noted, where it states none."""
    found: list[dict[str, object]] = []
    for item in each(value):
        if not isinstance(item, dict) or not context.types(item) & POLICIES or not _has_our_uses(context, item):
            shown = item.get("url") or item.get("name") or item if isinstance(item, dict) else item
            draft.note("usageInfo", shown, NOT_CARRIED, "it states no terms that a record holds")
            continue
        terms = _read_policy(draft, context, context.view(item))
        if found and terms is not None:
            draft.note("usageInfo", item.get("name"), AMBIGUOUS, "several offers: only the first was taken")
        elif terms is not None:
            found.append(terms)
    return found[0] if found else None


def _has_our_uses(context: Context, item: dict[str, Any]) -> bool:
    """Whether an offer is of our uses: by its own names, or by an action."""
    policy = context.view(item)
    rules = [*each(policy.get("odrl:permission")), *each(policy.get("odrl:prohibition"))]
    actions = [_thing(context, context.view(rule).get("odrl:action")) for rule in rules if isinstance(rule, dict)]
    return any(name.startswith(_ACTION) for name in (*policy, *actions))


def _read_policy(draft: Draft, context: Context, policy: dict[str, Any]) -> dict[str, object] | None:
    terms: dict[str, object] = {"offers": []}
    unknown = sorted(policy.keys() - _KNOWN)
    for name in unknown:
        draft.note(f"usageInfo/{name}", policy[name], REFUSED, "a condition of the whole, maybe: no terms were taken")
    if unknown:
        return None
    try:
        for name, field in _PLAIN.items():
            if name in policy:
                terms[field] = policy[name]
        for name, field in _BINARY.items():
            if name in policy:
                terms[field] = _binary(policy[name], name)
        if "usance:duties" in policy:
            terms["duties"] = each(policy["usance:duties"])
        if "usance:splits" in policy:
            terms["splits"] = [_split(context, item) for item in each(policy["usance:splits"])]
    except InputError as error:
        draft.note(f"usageInfo/{error.field}", error.detail, REFUSED, f"expected {error.expected}: no terms were taken")
        return None
    prohibited = [
        _use_of(context, context.view(item)) for item in each(policy.get("odrl:prohibition")) if _is_map(item)
    ]
    if any(use is None for use in prohibited) or len(prohibited) != len(each(policy.get("odrl:prohibition"))):
        draft.note("usageInfo/prohibition", "", REFUSED, "one of them is no use of ours: no terms were taken")
        return None
    for item in each(policy.get("odrl:prohibition")):
        for name, value in context.view(item).items():
            if name not in ("@type", "odrl:action"):
                detail = "prohibited whatever this says"
                draft.note(f"usageInfo/prohibition/{name}", value, NOT_CARRIED, detail)
    if prohibited:
        terms["prohibits"] = list(dict.fromkeys(prohibited))
    terms["offers"] = _offers(draft, context, policy, terms.get("currency"))
    if "currency" not in terms:
        draft.note("usageInfo/currency", "", GUESSED, "none is stated: add it before you publish the terms")
    try:
        make_body({"kind": "terms", "at": 0, "asset": bytes(40), "currency": "XXX", **terms})
    except InputError as error:
        draft.note(f"usageInfo/{error.field}", error.detail, REFUSED, f"expected {error.expected}: no terms were taken")
        return None
    return terms


def _offers(draft: Draft, context: Context, policy: dict[str, Any], currency: object) -> list[dict[str, object]]:
    offers: list[dict[str, object]] = []
    for place, item in enumerate(each(policy.get("odrl:permission"))):
        try:
            offers.append(_offer(context, item, currency))
        except InputError as error:
            detail = f"{error.detail}, expected {error.expected}: this offer was left out"
            draft.note(f"usageInfo/permission/{place}/{error.field}", item, REFUSED, detail)
    return offers


def _offer(context: Context, item: object, currency: object) -> dict[str, object]:
    """One permission: an action, and a duty to compensate by an amount for so many units."""
    permission = _strict(context, item, "permission", ("@type", "odrl:action", "odrl:duty"))
    use = _use_of(context, permission)
    if use is None:
        raise InputError("no use of ours", field="action", expected=f"one of usance:{', usance:'.join(USES)}")
    duty = _strict(
        context, permission.get("odrl:duty"), "duty",
        ("@type", "odrl:action", "odrl:constraint", "usance:unit", "usance:per"),
    )  # fmt: skip
    if _thing(context, duty.get("odrl:action")) != "odrl:compensate":
        raise InputError("a duty of another kind", field="duty", expected="odrl:compensate")
    constraint = _strict(
        context, duty.get("odrl:constraint"), "constraint",
        ("@type", "odrl:leftOperand", "odrl:operator", "odrl:rightOperand", "odrl:unit"),
    )  # fmt: skip
    operands = (_thing(context, constraint.get("odrl:leftOperand")), _thing(context, constraint.get("odrl:operator")))
    if operands != ("odrl:payAmount", "odrl:eq"):
        raise InputError("a condition of another kind", field="constraint", expected="odrl:payAmount odrl:eq")
    if constraint.get("odrl:unit") != currency:
        raise InputError("another currency", field="unit", expected=f"{excerpt(currency)}, as the terms have")
    amount = text_of(constraint.get("odrl:rightOperand")) or ""
    if "E" in amount.upper() and isinstance(constraint.get("odrl:rightOperand"), Decimal):
        amount = format(constraint["odrl:rightOperand"], "f")
    return {
        "use": use,
        "unit": duty.get("usance:unit"),
        "price": parse_amount(amount, field="rightOperand"),
        "per": duty.get("usance:per"),
    }


def _strict(context: Context, value: object, field: str, known: tuple[str, ...]) -> dict[str, Any]:
    """One object that says nothing but what is known: a condition that isn't understood can't be passed over."""
    items = each(value)
    if len(items) != 1 or not isinstance(items[0], dict):
        raise InputError("not one object", field=field, expected="one")
    found = context.view(items[0])
    strange = sorted(found.keys() - set(known))
    if strange:
        raise InputError(f"{excerpt(strange[0])} isn't understood", field=field, expected=", ".join(known))
    return found


def _use_of(context: Context, rule: dict[str, Any]) -> str | None:
    action = _thing(context, rule.get("odrl:action"))
    use = action.removeprefix(_ACTION)
    return use if action.startswith(_ACTION) and use in USES else None


def _thing(context: Context, value: object) -> str:
    """The short form of a thing that is named: `{"@id": …}`, or its name alone."""
    if isinstance(value, dict):
        value = value.get("@id")
    return context.short(value) if isinstance(value, str) else ""


def _split(context: Context, value: object) -> dict[str, object]:
    found = _strict(context, value, "splits", ("usance:party", "usance:bps"))
    return {"party": _binary(found.get("usance:party"), "splits"), "bps": found.get("usance:bps")}


def _binary(value: object, field: str) -> bytes:
    try:
        return bytes.fromhex(value if isinstance(value, str) else "-")
    except ValueError:
        raise InputError("no hexadecimal digits", field=field, expected="64 hexadecimal digits") from None


def _is_map(value: object) -> bool:
    return isinstance(value, dict)
