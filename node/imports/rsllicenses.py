"""One `license` element of RSL: what it permits and prohibits, at what price, and what of it terms can't hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from node.imports.model import AMBIGUOUS, GUESSED, NOT_CARRIED, REFUSED, UNKNOWN
from node.imports.prices import exact_price
from node.imports.rslwords import (
    ALIASES,
    ARRANGED,
    COVERED,
    FREE,
    METERED,
    PAYMENT_ALIASES,
    USAGES,
    uses_of,
)
from node.imports.spdxlicenses import license_expression
from node.xmlstream import Node
from proofs.errors import InputError, excerpt
from proofs.fields import CURRENCY

NoteOf = Callable[[Node, str, object, str, str], None]
"""`note(element, field, value, reason, detail)`: where it stands is the element's line."""

_AMOUNT = re.compile(r"[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LIMITS = ("user", "geo")
_CHILDREN = ("permits", "prohibits", "payment", "legal", "reporting")
_PAYMENT_CHILDREN = ("amount", "standard", "custom", "accepts")
_ATTRIBUTES = {"permits": ("type",), "prohibits": ("type",), "payment": ("type",), "amount": ("currency",)}


@dataclass(frozen=True, slots=True)
class Price:
    """What one use costs: `price` nanos of `currency` for `per` units."""

    use: str
    unit: str
    price: int
    per: int
    currency: str
    element: Node


@dataclass(slots=True)
class Licence:
    """What a licence says in the log's words. `permitted`: uses; `prohibited`: those it names as such; `free`: none of
    the permitted costs anything; `attribution`: but a credit; `prices`: of permitted uses; `limited`: it holds for
    some only, so that nothing else of it may be taken."""

    element: Node
    permitted: tuple[str, ...] = COVERED
    prohibited: tuple[str, ...] = ()
    free: bool = False
    attribution: bool = False
    prices: list[Price] = field(default_factory=list)
    standards: list[str] = field(default_factory=list)
    limited: bool = False


def read_licence(element: Node, note: NoteOf) -> Licence:
    """What a `license` element says. `note`: for what isn't carried over. Never raises."""
    licence = Licence(element)
    permits = _usages(element, "permits", licence, note)
    licence.prohibited = _usages(element, "prohibits", licence, note) or ()
    listed = COVERED if permits is None else permits
    licence.permitted = tuple(use for use in listed if use not in licence.prohibited)
    for child in element.children:
        if child.name == "legal":
            kind = child.attributes.get("type", "")
            note(child, f"legal {kind}".strip(), child.text, NOT_CARRIED, "no field of terms holds it")
        elif child.name == "reporting":
            licence.limited = True
            detail = "who can't report so has no licence: terms can't ask for it, so this licence isn't taken"
            note(child, "reporting", child.attributes.get("profile", ""), NOT_CARRIED, detail)
        elif child.name not in _CHILDREN:
            note_stranger(child, note)
    _read_payment(element, licence, note)
    note_rest(element, note)
    return licence


def note_stranger(element: Node, note: NoteOf) -> None:
    """An element that RSL doesn't have here: of another namespace it is an extension, else a mistake."""
    if element.name:
        note(element, element.name, element.text, UNKNOWN, "RSL 1.0 has no such element here: left out")
    else:
        shown = element.text or " ".join(element.attributes.values())
        note(element, "extension", shown, NOT_CARRIED, "an element of another namespace")


def note_rest(element: Node, note: NoteOf) -> None:
    """What an element and those in it say beside what is read of them: attributes that RSL doesn't have there, and
    elements within a text."""
    for name, value in element.attributes.items():
        if name not in _ATTRIBUTES.get(element.name, ()):
            note(element, f"{element.name} {name}", value, UNKNOWN, "RSL 1.0 has no such attribute here: left out")
    for child in element.children:
        if element.name in ("license", "payment"):
            if child.name in ("permits", "prohibits", "payment", "amount", "standard"):
                note_rest(child, note)
        else:
            note_stranger(child, note)


def _usages(element: Node, name: str, licence: Licence, note: NoteOf) -> tuple[str, ...] | None:
    """The uses in all `permits` or `prohibits` elements of type usage; None where there is no such element."""
    found: set[str] | None = None
    for child in element.all(name):
        kind = child.attributes.get("type", "").strip()
        tokens = child.text.replace(",", " ").split()
        if not kind and tokens and all(uses_of(token) is not None for token in tokens):
            kind = "usage"
            note(child, name, child.text, GUESSED, 'it has no type: its words are of type="usage"')
        if kind == "usage":
            found = (found or set()) | _uses_in(child, name, tokens, note)
            continue
        licence.limited = True
        detail = "terms hold for everybody: this licence isn't taken"
        reason = NOT_CARRIED if kind in _LIMITS else UNKNOWN
        note(child, f"{name} {kind or 'without type'}", child.text, reason, detail)
    return None if found is None else tuple(use for use in COVERED if use in found)


def _uses_in(element: Node, name: str, tokens: list[str], note: NoteOf) -> set[str]:
    found: set[str] = set()
    for token in tokens:
        uses = uses_of(token)
        if uses is None:
            left = "not permitted" if name == "permits" else "nothing is prohibited by it"
            note(element, f"{name} usage", token, UNKNOWN, f"no usage of RSL 1.0: {left}")
            continue
        if token in ALIASES:
            note(element, f"{name} usage", token, GUESSED, f"taken as {ALIASES[token]}")
        found.update(uses)
    return found


def _read_payment(element: Node, licence: Licence, note: NoteOf) -> None:
    payments = list(element.all("payment"))
    if not payments:  # section 3.7: a licence without it is free
        licence.free = True
        return
    if len(payments) > 1:
        for payment in payments:
            detail = "several payments in one licence: none was taken, its uses have no price"
            note(payment, "payment", payment.attributes.get("type", ""), AMBIGUOUS, detail)
        return
    payment = payments[0]
    kind = payment.attributes.get("type", "").strip()
    if kind in PAYMENT_ALIASES:
        note(payment, "payment", kind, GUESSED, f"taken as {PAYMENT_ALIASES[kind]}, as RSL 1.0 calls it")
        kind = PAYMENT_ALIASES[kind]
    _read_beside(payment, licence, note)
    amounts = list(payment.all("amount"))
    if kind in FREE:
        licence.free, licence.attribution = True, kind == "attribution"
    elif kind in ARRANGED:
        note(payment, "payment", kind, NOT_CARRIED, "no price for a use: permitted uses have none until you offer one")
    elif kind not in METERED:
        note(payment, "payment", kind, UNKNOWN, "no payment type of RSL 1.0: permitted uses have no price")
    elif len(amounts) == 1:
        _read_price(kind, amounts[0], licence, note)
        return
    elif not amounts:
        note(payment, "payment", kind, NOT_CARRIED, "it states no amount: permitted uses have no price")
    for amount in amounts:
        reason = AMBIGUOUS if kind in METERED else NOT_CARRIED
        detail = "several amounts in one payment: none was taken" if kind in METERED else "no price for a use"
        note(amount, "amount", _shown(amount), reason, detail)


def _read_beside(payment: Node, licence: Licence, note: NoteOf) -> None:
    """Whatever a payment says besides its amount."""
    for child in payment.children:
        if child.name == "standard":
            expression = license_expression(child.text)
            if expression is None:
                note(child, "standard", child.text, UNKNOWN, "no licence that SPDX lists: left out")
            else:
                licence.standards.append(expression)
        elif child.name in ("custom", "accepts"):
            shown = child.text or child.attributes.get("type", "")
            note(child, child.name, shown, NOT_CARRIED, "no field of terms holds how to pay or ask")
        elif child.name not in _PAYMENT_CHILDREN:
            note_stranger(child, note)


def _read_price(kind: str, amount: Node, licence: Licence, note: NoteOf) -> None:
    unit, usages = METERED[kind]
    currency = amount.attributes.get("currency", "")
    try:
        if not CURRENCY.ok(currency):
            raise InputError(f"the currency is {excerpt(currency)}", field="currency", expected=CURRENCY.expected)
        if _AMOUNT.fullmatch(amount.text) is None:
            raise InputError("no decimal number", field="amount", expected="as 0.015, or 1.5e-2")
        price, per = exact_price(Decimal(amount.text))
    except InputError as error:
        detail = f"{error.detail}, expected {error.expected}: permitted uses have no price"
        note(amount, "amount", _shown(amount), REFUSED, detail)
        return
    metered = [use for usage in usages for use in USAGES[usage]]
    licence.prices = [Price(use, unit, price, per, currency, amount) for use in licence.permitted if use in metered]
    rest = [use for use in licence.permitted if use not in metered]
    if rest:
        detail = f"it meters {', '.join(usages)}: {', '.join(rest)} are permitted, and have no price"
        note(amount, f"payment {kind}", _shown(amount), GUESSED, detail)


def _shown(amount: Node) -> str:
    return f"{amount.text} {amount.attributes.get('currency', '')}".strip()
