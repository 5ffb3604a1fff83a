"""RSL 1.0 of one asset: the terms in force as licences that permit what they permit, at the price they ask.

RSL's usages are wider than uses here. A usage is permitted only where the terms permit every use that it stands for;
what can't be said so, and every field that RSL has no place for, is noted. A use without an offer is written as a
`purchase` to be arranged: left out it would be forbidden, without a payment it would be free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from node.exports.licenseurls import license_url
from node.exports.model import Exported, ExportMaterial
from node.imports.model import NOT_CARRIED, Note
from node.imports.rslwords import METERED, NAMESPACE, OUTSIDE, USAGES
from proofs.currencies import NANOS_DIGITS
from proofs.errors import InputError
from proofs.fields import URL

_CARRIED = frozenset(("kind", "at", "name", "type", "license", "aka", "terms"))
_TERMS_CARRIED = frozenset(("kind", "at", "asset", "offers", "prohibits", "currency", "duties", "license", "url"))
_METERS = {  # by unit and usage: how RSL calls a price for each time
    (unit, usage): kind
    for kind in ("training", "use", "crawl")
    for unit, usages in (METERED[kind],)
    for usage in usages
}


_MAKES_NOTHING = ("search",)
"""Usages by which no asset is made that could owe a share."""


@dataclass(frozen=True, slots=True, order=True)
class Payment:
    """A `payment` element: its type, and the amount where it has one."""

    kind: str
    amount: str = ""


ARRANGED = Payment("purchase")
FREE = Payment("free")
CREDITED = Payment("attribution")


def export_rsl(material: ExportMaterial) -> Exported:
    """An RSL document of one `content`. Raises InputError where no terms are in force, for then nothing is licensed,
    and where the material has no http(s) address."""
    if material.terms is None:
        raise InputError(
            "no terms are in force: an RSL document would license what nobody licensed", field="ASSET",
            expected="an asset with terms",
        )  # fmt: skip
    writer = _Writer(material, material.terms)
    return Exported(writer.document(), writer.notes)


class _Writer:
    """One document in the making."""

    def __init__(self, material: ExportMaterial, terms: Mapping[str, Any]) -> None:
        self.notes: list[Note] = []
        self._material, self._terms = material, terms
        self._place = material.ref or material.name
        self._conditions = False  # whether the terms ask what no licence of RSL can
        self._offers: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for offer in terms.get("offers", ()):
            self._offers[offer["use"]].append(offer)

    def document(self) -> bytes:
        """The whole file."""
        url = self._address()
        self._note_fields(url)
        standard = self._standard()
        self._conditions = self._terms.get("needs_grant", False) or (
            standard is None and (self._other_duties() or self._is_unnamed_licence())
        )
        groups = self._groups()
        prohibited = [usage for usage in USAGES if not any(usage in usages for usages in groups.values())]
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<rsl xmlns="{NAMESPACE}">']
        lines.append(f"  <content url={quoteattr(url)}>")
        for payment in sorted(groups):
            lines += self._license(groups[payment], prohibited, payment, standard)
        if not groups:
            lines += self._license((), ["all"], ARRANGED, standard)
        if _is_address(self._terms.get("url")):
            lines.append(f"    <terms>{escape(self._terms['url'])}</terms>")
        elif "url" in self._terms:
            self._note("terms.url", self._terms["url"], "it has characters that XML hasn't")
        lines += ["  </content>", "</rsl>", ""]
        return "\n".join(lines).encode()

    def _license(
        self, usages: Sequence[str], prohibited: list[str], payment: Payment, standard: str | None
    ) -> list[str]:
        lines = ["    <license>"]
        if usages:
            lines.append(f'      <permits type="usage">{" ".join(usages)}</permits>')
        if prohibited:
            lines.append(f'      <prohibits type="usage">{" ".join(prohibited)}</prohibits>')
        inside = []
        if standard is not None:
            inside.append(f"        <standard>{escape(standard)}</standard>")
        if payment.amount:
            currency = quoteattr(str(self._terms["currency"]))
            inside.append(f"        <amount currency={currency}>{payment.amount}</amount>")
        if inside:
            lines += [f'      <payment type="{payment.kind}">', *inside, "      </payment>"]
        else:
            lines.append(f'      <payment type="{payment.kind}"/>')
        return [*lines, "    </license>"]

    def _note(self, field: str, value: object, detail: str) -> None:
        self.notes.append(Note.of(self._place, field, value, NOT_CARRIED, detail))

    def _address(self) -> str:
        name, uri = self._material.name, self._material.record.get("uri")
        if _is_address(name):
            return name
        if not _is_address(uri):
            raise InputError(
                "it has no http(s) address, by which RSL names content", field="ASSET",
                expected="an asset whose aka or uri is an http(s) URL",
            )  # fmt: skip
        self._note("name", name, "RSL names content by its address: the uri stands for it")
        return str(uri)

    def _other_duties(self) -> bool:
        return any(duty != "attribution" for duty in self._terms.get("duties", ()))

    def _is_unnamed_licence(self) -> bool:
        """Whether the terms hold under a licence or contract that the file can't point to, by its address or theirs."""
        is_more = "license" in self._terms or "text" in self._terms
        return is_more and not _is_address(self._terms.get("url"))

    def _note_fields(self, address: str) -> None:
        record = self._material.record
        for field in sorted(record):
            if field not in _CARRIED and (field, record[field]) != ("uri", address):
                self._note(field, record[field], "RSL says nothing about the material itself")
        if record["type"] != "work":
            self._note("type", record["type"], "RSL has content of one kind")
        for field in sorted(self._terms.keys() - _TERMS_CARRIED):
            self._note(f"terms.{field}", self._terms[field], "RSL has no word for it")
        for duty in self._terms.get("duties", ()):
            if duty != "attribution":
                self._note("terms.duties", duty, "RSL has no word for it")

    def _standard(self) -> str | None:
        declared, said = self._terms.get("license"), self._material.record.get("license")
        expression = declared or said
        if said is not None and said != expression:
            self._note("license", said, f"the terms' licence stands for it: {expression}")
        if expression is None:
            return None
        url = license_url(str(expression))
        if url is None:
            self._note("license", expression, "RSL names licences by their address, and this has none")
        return url

    def _groups(self) -> dict[Payment, list[str]]:
        """The usages that each payment permits."""
        credited = "attribution" in self._terms.get("duties", ())
        groups: dict[Payment, list[str]] = defaultdict(list)
        for usage in USAGES:
            for payment in self._payments(usage, CREDITED if credited else FREE):
                groups[payment].append(usage)
        if credited and CREDITED not in groups:
            self._note("terms.duties", "attribution", "RSL asks for it only where nothing is to be paid")
        currency = self._terms.get("currency")
        if currency is not None and not any(payment.amount for payment in groups):
            self._note("terms.currency", currency, "no amount is written that would have one")
        prohibited = self._terms.get("prohibits", ())
        for use in OUTSIDE:
            if use in prohibited or use in self._offers:
                what = "prohibited" if use in prohibited else "offered"
                self._note(f"terms, {use}", what, "RSL has no word for it")
        return groups

    def _payments(self, usage: str, free: Payment) -> list[Payment]:
        """How a usage may be paid; empty: it isn't permitted."""
        uses = USAGES[usage]
        prohibited = [use for use in uses if use in self._terms.get("prohibits", ())]
        if prohibited:
            for use in uses:
                if use not in prohibited:
                    detail = f"RSL's {usage} means {', '.join(prohibited)} too, which the terms prohibit: not permitted"
                    self._note(f"terms, {use}", "permitted", detail)
            return []
        each = [self._payments_of(use, usage, free) for use in uses]
        common = [payment for payment in each[0] if all(payment in other for other in each[1:])]
        for use, payments in zip(uses, each, strict=True):
            for payment in payments:
                if payment not in common and payment != ARRANGED:
                    detail = f"RSL's {usage} means {', '.join(uses)}, which are offered otherwise"
                    self._note(f"terms, {use}", f"{payment.kind} {payment.amount}".strip(), detail)
        if common != [free] and free in common:
            self._note(f"terms, {usage}", free.kind, "it is to be paid otherwise too: RSL lets the dearer hold")
            common.remove(free)
        return common or [ARRANGED]

    def _payments_of(self, use: str, usage: str, free: Payment) -> list[Payment]:
        found = []
        for offer in self._offers.get(use, ()):
            amount = _amount(offer)
            if self._conditions:
                detail = "the terms ask for a grant, or for duties or a licence that RSL can't say: to be arranged"
                self._note(f"terms.offers, {use}", _shown(offer), detail)
            elif self._terms.get("derivatives") and usage not in _MAKES_NOTHING:
                detail = "what is made by it owes a share (derivatives), which RSL can't say: to be arranged"
                self._note(f"terms.offers, {use}", _shown(offer), detail)
            elif offer["unit"] == "use" and offer["price"] == 0:
                found.append(free)
            elif (offer["unit"], usage) in _METERS and amount is not None:
                found.append(Payment(_METERS[offer["unit"], usage], amount))
            else:
                self._note(f"terms.offers, {use}", _shown(offer), f"RSL's {usage} has no such meter: to be arranged")
        if not found:
            found.append(ARRANGED)
        return found


def _is_address(value: object) -> bool:
    """XML 1.0 has no U+FFFE and U+FFFF, not even as references."""
    return URL.ok(value) and not set("\ufffe\uffff") & set(str(value))


def _shown(offer: Mapping[str, Any]) -> str:
    return f"{offer['price']} nanos per {offer['per']} {offer['unit']}"


def _amount(offer: Mapping[str, Any]) -> str | None:
    """The price of one unit as a decimal, exact; None where it has no end."""
    value = Fraction(offer["price"], offer["per"] * 10**NANOS_DIGITS)
    rest, digits = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        digits = max(digits, count)
    if rest != 1:
        return None
    with localcontext() as context:
        context.prec = 100
        shown = Decimal(value.numerator * 10**digits // value.denominator).scaleb(-digits)
    return format(shown, "f")
