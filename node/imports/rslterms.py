"""The licences of one content as one set of terms: RSL lets the most restrictive hold, whatever their order."""

from __future__ import annotations

from fractions import Fraction

from node.imports.model import AMBIGUOUS, NOT_CARRIED
from node.imports.rsllicenses import Licence, NoteOf, Price
from node.imports.rslwords import COVERED
from node.xmlstream import Node

FREE_UNIT = "use"


def join_licences(content: Node, licences: list[Licence], note: NoteOf) -> dict[str, object]:
    """Fields of a `terms` record: offers, prohibits, duties, currency. `licences`: one or more that hold for everybody.

    A use is prohibited where one of them says so, or none permits it. Of two prices of one use and unit the higher
    counts; a use that is free in one licence and not in another isn't free. `currency` is absent where no price
    stands. Never raises.
    """
    named = {use for licence in licences for use in licence.prohibited}
    allowed = {use for licence in licences for use in licence.permitted} - named
    for licence in licences:
        lost = [use for use in licence.permitted if use in named]
        if lost:
            note(
                licence.element, "permits usage", " ".join(lost), AMBIGUOUS, "another licence prohibits it: prohibited"
            )
    stated = [price for licence in licences for price in licence.prices if price.use in allowed]
    prices = _one_currency(_highest(stated, note), note)
    free = _free_uses(licences, allowed, note)
    offers = [_offer(price) for price in prices]
    offers += [{"use": use, "unit": FREE_UNIT, "price": 0, "per": 1} for use in free]
    terms: dict[str, object] = {"offers": sorted(offers, key=_place)}
    prohibited = [use for use in COVERED if use not in allowed]
    if prohibited:
        terms["prohibits"] = prohibited
    if any(licence.attribution and set(licence.permitted) & free for licence in licences):
        terms["duties"] = ["attribution"]
        if any(price.price for price in prices):
            detail = "only its free uses ask for it: terms ask for it of all"
            note(content, "payment attribution", "attribution", AMBIGUOUS, detail)
    currencies = [price.currency for price in prices if not _is_free(price)]
    if currencies:
        terms["currency"] = currencies[0]
    else:
        detail = "no price states one, and terms need one: add it before you publish them"
        note(content, "currency", "", NOT_CARRIED, detail)
    return terms


def _offer(price: Price) -> dict[str, object]:
    return {"use": price.use, "unit": price.unit, "price": price.price, "per": price.per}


def _is_free(price: Price) -> bool:
    """Nothing for each use is what a free licence asks: no currency hangs on it."""
    return price.price == 0 and price.unit == FREE_UNIT


def _place(offer: dict[str, object]) -> tuple[int, str]:
    return COVERED.index(str(offer["use"])), str(offer["unit"])


def _highest(prices: list[Price], note: NoteOf) -> list[Price]:
    """One price for a use, unit and currency: the highest."""
    kept: dict[tuple[str, str, str], Price] = {}
    for price in prices:
        key = (price.use, price.unit, price.currency)
        other = kept.get(key)
        if other is None:
            kept[key] = price
            continue
        high, low = sorted((other, price), key=lambda one: Fraction(one.price, one.per), reverse=True)
        kept[key] = high
        if Fraction(high.price, high.per) != Fraction(low.price, low.per):
            detail = f"line {high.element.line} asks more for {price.use}: the higher price was taken"
            note(low.element, "amount", low.element.text, AMBIGUOUS, detail)
    return list(kept.values())


def _one_currency(prices: list[Price], note: NoteOf) -> list[Price]:
    """Terms have one currency: of several none can be preferred."""
    currencies = {price.currency for price in prices if not _is_free(price)}
    if len(currencies) < 2:
        return prices
    for element in {id(price.element): price.element for price in prices}.values():
        detail = f"prices in {', '.join(sorted(currencies))}, and terms have one currency: no price was taken"
        note(element, "amount", f"{element.text} {element.attributes.get('currency', '')}", AMBIGUOUS, detail)
    return []


def _free_uses(licences: list[Licence], allowed: set[str], note: NoteOf) -> set[str]:
    paid = {use for licence in licences if not licence.free for use in licence.permitted}
    free: set[str] = set()
    for licence in licences:
        if licence.free:
            both = [use for use in licence.permitted if use in paid and use in allowed]
            if both:
                detail = "another licence asks for payment: not free"
                note(licence.element, "payment", " ".join(both), AMBIGUOUS, detail)
            free.update(use for use in licence.permitted if use in allowed and use not in paid)
    return free
