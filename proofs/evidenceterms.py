"""From a usage to what each payee gets, recomputed from the entries inside an evidence file (design sections 4, 5, 7).

Each function raises VerifyError where the file shows what no log that keeps the rules can have, or lacks what is
needed. Terms, grants, claims and withdrawals that a file leaves out can't be seen: what rests on their absence is said
so (`Judged.rests_on_absence`), and the line in a statement, which the log itself added up, is the test of a price.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field

from proofs import pricing
from proofs.errors import InputError, VerifyError
from proofs.evidencelog import Entries, Logged
from proofs.fields import BPS_MAX
from proofs.pricing import Charge, Closure, Source, Splits, Terms
from proofs.ref import unpack_ref


@dataclass(frozen=True, slots=True)
class TermsAt:
    """Terms in the file: the entry that holds them (a `terms` record, or an asset with inline ones)."""

    by: Logged
    terms: Terms

    @property
    def index(self) -> int:
        """Leaf index of that entry."""
        return self.by.index


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant in the file, and the terms that it keeps open."""

    by: Logged
    terms: TermsAt


@dataclass(frozen=True, slots=True)
class Edge:
    """A source that an asset lists with what the source's terms asked then: `asked` is None where the file doesn't hold
    terms from before the listing; `grant`: the grant that the share rests on."""

    asset: Logged
    source: Logged
    bps: int
    asked: TermsAt | None
    grant: Logged | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What the usage came to. `party`: whose key signed it; `owner`: the used asset's; `terms`: those that it is judged
    by, `grant` what keeps them open. `rests_on_absence`: what the file would have to lack for this, "" for nothing.
    `claims`: assets that claim the external name, where no terms were named."""

    party: bytes
    asset: Logged | None
    owner: bytes | None
    terms: TermsAt | None
    grant: Logged | None
    charge: Charge
    rests_on_absence: str = ""
    retired: Logged | None = None
    claims: tuple[Logged, ...] = ()


@dataclass
class Lineage:
    """What a charge is handed down through. `closure`: whom the used asset pays; `splits`: by asset index, who gets
    what that asset gets; `terms`: the newest terms, by asset index."""

    closure: Closure = pricing.NOTHING
    assets: list[Logged] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    splits: dict[int, Splits] = field(default_factory=dict)
    terms: dict[int, TermsAt] = field(default_factory=dict)


class Book:
    """The terms, grants and withdrawals in a file, found by what they are about; none counts as used by that."""

    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self._terms: dict[bytes, list[TermsAt]] = {}
        self._withdrawals: dict[bytes, list[Logged]] = {}
        by_ref: dict[bytes, tuple[bytes, TermsAt]] = {}
        # Of terms to a licensee, and of a share of an asset: the grants with what they grant, ascending.
        self._grants: dict[tuple[bytes, bytes], list[Granted]] = {}
        self._shares: dict[tuple[bytes, bytes, int], list[Granted]] = {}
        for one in entries:
            body = one.body
            if one.kind == "terms" or (one.kind == "asset" and "terms" in body):
                about, fields = (body["asset"], body) if one.kind == "terms" else (one.ref.pack(), body["terms"])
                terms = TermsAt(one, pricing.read_terms(fields))
                self._terms.setdefault(about, []).append(terms)
                by_ref[one.ref.pack()] = about, terms
            elif one.kind == "grant" and body["terms"] in by_ref:
                (asset, terms), licensee = by_ref[body["terms"]], body["licensee"]
                granted = Granted(one, terms)
                self._grants.setdefault((body["terms"], licensee), []).append(granted)
                self._shares.setdefault((asset, licensee, terms.terms.derivatives), []).append(granted)
            elif one.kind == "withdraw":
                self._withdrawals.setdefault(body["target"], []).append(one)

    def terms_of(self, asset: Logged, *, below: int) -> list[TermsAt]:
        """The asset's terms at leaves under `below`, ascending."""
        known = self._terms.get(asset.ref.pack(), [])
        return known[: bisect.bisect_left(known, below, key=lambda one: one.index)]

    def newest(self, asset: Logged, *, below: int) -> TermsAt | None:
        """The asset's newest terms at a leaf under `below`."""
        known = self._terms.get(asset.ref.pack(), [])
        at = bisect.bisect_left(known, below, key=lambda one: one.index)
        return known[at - 1] if at else None

    def use(self, terms: TermsAt, owner: bytes) -> TermsAt:
        """Say that a check rests on these terms, which only the asset's owner may publish."""
        if self.entries.party_of(self.entries.use(terms.by)) != owner:
            raise VerifyError(f"the terms at entry {terms.index} are not by the asset's owner", expected=owner.hex())
        return terms

    def grant(self, terms: TermsAt, *, licensee: bytes, owner: bytes, before: Logged) -> Logged | None:
        """The newest grant of these terms to a party, by the asset's owner, that stands before an entry; used now."""
        found = _newest(self._grants.get((terms.by.ref.pack(), licensee), []), before)
        return None if found is None else self._by_owner(found.by, "grant", owner)

    def granted_share(
        self, asset: Logged, *, bps: int, licensee: bytes, owner: bytes, before: Logged
    ) -> tuple[TermsAt, Logged] | None:
        """Terms of the asset that ask this share, and the newest grant of such to a party before an entry; both used
        now."""
        found = _newest(self._shares.get((asset.ref.pack(), licensee, bps), []), before)
        return None if found is None else (self.use(found.terms, owner), self._by_owner(found.by, "grant", owner))

    def withdrawal(self, asset: Logged, *, owner: bytes, before: Logged) -> Logged | None:
        """The record before an entry by which the owner retired the asset; used now."""
        known = self._withdrawals.get(asset.ref.pack(), [])
        return self._by_owner(known[0], "withdrawal", owner) if known and known[0].index < before.index else None

    def _by_owner(self, found: Logged, what: str, owner: bytes) -> Logged:
        if self.entries.party_of(self.entries.use(found)) != owner:
            raise VerifyError(f"the {what} at entry {found.index} is not by the asset's owner", expected=owner.hex())
        return found


def _newest(known: list[Granted], before: Logged) -> Granted | None:
    at = bisect.bisect_left(known, before.index, key=lambda one: one.by.index)
    return known[at - 1] if at else None


def judge(book: Book, usage: Logged) -> Judged:
    """The usage's status and charge (section 5), by the first rule that fits."""
    entries = book.entries
    body = usage.body
    party = entries.party_of(usage)
    asset = _used_asset(entries, usage)
    owner = None if asset is None else entries.party_of(asset)
    if body.get("seen_by") == "provider":
        return Judged(party, asset, owner, None, None, Charge(pricing.OBSERVED, "", 0))
    if asset is None or owner is None:
        return _by_name(entries, usage, party)
    agreed, grant = _agreed(book, usage, asset, party=party, owner=owner)
    if agreed is None:
        charge = Charge(pricing.UNLICENSED, pricing.NO_TERMS, 0)
        return Judged(party, asset, owner, None, None, charge, "terms of the asset")
    charge = pricing.charge(agreed.terms, use=body["use"], quantities=body["quantities"])
    unsure = "" if "terms" in body else "newer terms of the asset"
    retired = None
    if charge.status != pricing.UNLICENSED:  # prohibited comes first
        retired = book.withdrawal(asset, owner=owner, before=usage)
        if retired is not None:
            charge, unsure = Charge(pricing.UNLICENSED, pricing.RETIRED, 0), ""
        elif agreed.terms.needs_grant:
            grant = grant or book.grant(agreed, licensee=party, owner=owner, before=usage)
            if grant is None:
                charge, unsure = Charge(pricing.UNLICENSED, pricing.NO_GRANT, 0), "a grant of these terms"
    return Judged(party, asset, owner, agreed, grant, charge, unsure, retired)


def _used_asset(entries: Entries, usage: Logged) -> Logged | None:
    """The asset that the usage is judged as; None for an external name without terms."""
    body = usage.body
    target, raw = body["asset"], body.get("terms")
    if type(target) is bytes:
        return entries.referred(target, "asset", what="the used asset", by=usage)
    if raw is None:
        return None
    holder = entries.referred(raw, "terms", "asset", what="the terms that the usage names", by=usage)
    asset = holder
    if holder.kind == "terms":
        asset = entries.referred(holder.body["asset"], "asset", what="the asset of these terms", by=holder)
    if target not in asset.body.get("aka", ()):
        raise VerifyError(
            f"the usage names terms of an asset that doesn't claim {target!r}", field="terms",
            expected="terms of an asset that lists the name in aka",
        )  # fmt: skip
    return asset


def _by_name(entries: Entries, usage: Logged, party: bytes) -> Judged:
    """Use by an external name that names no terms is never charged; its status depends on who claims the name."""
    target = usage.body["asset"]
    claims = [
        asset for asset in entries.of_kind("asset")
        if asset.index < usage.index and target in asset.body.get("aka", ())
    ]  # fmt: skip
    owners = {entries.party_of(entries.use(asset)) for asset in claims}
    if len(owners) != len(claims) or len(claims) > 2:
        raise VerifyError("more claims on the name than show its status", field="entries", expected="two at most")
    charge = Charge(pricing.UNCLAIMED, "", 0)
    if len(owners) == 1:
        charge = Charge(pricing.UNLICENSED, pricing.BY_NAME, 0)
    elif owners:
        charge = Charge(pricing.CONTESTED, "", 0)
    return Judged(party, None, None, None, None, charge, claims=tuple(claims))


def _agreed(
    book: Book, usage: Logged, asset: Logged, *, party: bytes, owner: bytes
) -> tuple[TermsAt | None, Logged | None]:
    """The terms that the signer agreed to, and the grant that keeps them open where newer ones stand before the usage.

    Those it names, or the newest in the tree that its batch signed the head of.
    """
    known = book.terms_of(asset, below=usage.index)
    raw = usage.body.get("terms")
    if raw is not None:
        found = next((one for one in known if one.by.ref.pack() == raw), None)
        if found is None:
            raise VerifyError(
                f"the terms that the usage names, entry {unpack_ref(raw).index}, are not in the file as terms of the "
                "used asset", field="terms", expected=f"the entry {unpack_ref(raw)}",
            )  # fmt: skip
    else:
        head = usage.entry.size
        found = next((one for one in reversed(known) if one.index < head), None)
        if found is None and known:
            raise VerifyError(
                f"the asset's terms at entry {known[0].index} came after the tree of size {head} that the signer saw",
                field="terms", expected="terms in that tree: else the log refuses the usage",
            )  # fmt: skip
    if found is None:
        return None, None
    book.use(found, owner)
    if found.index == known[-1].index:
        return found, None
    grant = book.grant(found, licensee=party, owner=owner, before=usage)
    if grant is None:
        raise VerifyError(
            f"the terms at entry {found.index} had been replaced by those at {known[-1].index} before the usage",
            field="terms", expected="the newest terms, or a grant of these to the usage's party",
        )  # fmt: skip
    return found, grant


def trace(book: Book, usage: Logged, judged: Judged) -> Lineage:
    """Whom a charge on the used asset reaches: its closure, computed anew from every asset behind it, and who gets what
    each gets. Only for a usage that is charged."""
    if judged.asset is None or judged.owner is None or judged.terms is None:
        raise VerifyError("only the use of an asset under terms is charged", field="usage")
    found = Lineage()
    links = _reached(book.entries, judged.asset, found)
    closures: dict[int, Closure] = {}
    for asset in found.assets:  # ascending, so that every source's closure is there before it is asked for
        sources = []
        for source, bps in links[asset.index]:
            if bps and source.index not in found.terms:
                _take_terms(book, source, usage, found)
            currency = found.terms[source.index].terms.currency if bps else ""
            sources.append(Source(source.index, bps, currency, closures[source.index]))
        closures[asset.index] = pricing.close(sources)
    found.closure = closures[judged.asset.index]
    _take_terms(book, judged.asset, usage, found)
    if found.closure.fault:
        raise VerifyError(f"the used asset can have no offers: {found.closure.fault}", field="terms")
    if found.closure.currency not in ("", judged.terms.terms.currency):
        raise VerifyError("the asset's terms are of another currency than its sources'", field="terms")
    for asset in found.assets:
        found.edges += [_edge(book, asset, source, bps) for source, bps in links[asset.index]]
    return found


_Links = dict[int, list[tuple[Logged, int]]]


def _reached(entries: Entries, first: Logged, found: Lineage) -> _Links:
    """Every asset behind one, itself included, and what each lists: (source, bps). References point backwards, so that
    this ends."""
    links: _Links = {}
    waiting = [first]
    while waiting:
        asset = waiting.pop()
        if asset.index in links:
            continue
        found.assets.append(asset)
        what = f"a source of the asset at entry {asset.index}"
        listed = links[asset.index] = [
            (entries.referred(source["asset"], "asset", what=what, by=asset), source.get("bps", 0))
            for source in asset.body.get("sources", ())
            if type(source["asset"]) is bytes and source["as"] != "evaluated_on"
        ]
        waiting += [logged for logged, _ in listed if logged.index not in links]
    found.assets.sort(key=lambda logged: logged.index)
    return links


def _take_terms(book: Book, asset: Logged, usage: Logged, found: Lineage) -> None:
    """The newest terms of an asset that is to be paid, before the usage's leaf, and whom they name."""
    newest = book.newest(asset, below=usage.index)
    if newest is None:
        raise VerifyError(
            f"the asset at entry {asset.index} has a share, and its terms are not in the file", field="entries",
            expected="the newest terms before the usage",
        )  # fmt: skip
    owner = book.entries.party_of(asset)
    found.terms[asset.index] = book.use(newest, owner)
    found.splits[asset.index] = newest.terms.splits or ((owner, BPS_MAX),)


def _edge(book: Book, asset: Logged, source: Logged, bps: int) -> Edge:
    """Hold a listed share against the source's terms from before the listing, as far as the file has them."""
    newest = book.newest(source, below=asset.index)
    if newest is None:
        return Edge(asset, source, bps, None, None)
    if newest.by is not source:  # inline terms are the owner's as the asset is
        book.use(newest, book.entries.party_of(source))
    if newest.terms.derivatives == bps:
        return Edge(asset, source, bps, newest, None)
    owner, registrant = book.entries.party_of(source), book.entries.party_of(asset)
    granted = book.granted_share(source, bps=bps, licensee=registrant, owner=owner, before=asset)
    if granted is not None:
        return Edge(asset, source, bps, *granted)
    raise VerifyError(
        f"the asset at entry {asset.index} lists its source, entry {source.index}, at {bps} bps", field="sources",
        expected=f"{newest.terms.derivatives}, as its terms at entry {newest.index} asked",
    )  # fmt: skip


def hand_down(usage: Logged, judged: Judged, lineage: Lineage, quantities: Mapping[str, int]) -> dict[bytes, int]:
    """H(quantities): what reaches each party, the payer's own part included, by the usage's own terms, closure and
    splits; nothing for a usage that was not charged."""
    if not judged.charge.amount or judged.terms is None or judged.asset is None:
        return {}
    amount = pricing.charge(judged.terms.terms, use=usage.body["use"], quantities=quantities).amount
    try:
        return pricing.payments(
            amount, asset=judged.asset.index, closure=lineage.closure, payees_of=lineage.splits.__getitem__
        )
    except InputError as error:
        raise VerifyError(error.detail, field=error.field, expected=error.expected) from None
