"""The state's rows and how they are read: who a key is, who a party is, what an asset is (design section 4).

A `State` reads any view, so the writer (over an overlay), a reader (over a snapshot) and a replay share these answers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger import keys
from ledger.errors import StorageError
from ledger.store import Overlay, View
from proofs import codec, pricing
from proofs.pricing import Closure, Splits, Terms, read_terms
from proofs.ref import Ref

MAIN = "main"
DELEGATE = "delegate"
ACTIVE = "active"
ROTATED = "rotated"
REVOKED = "revoked"

LOGGED = "logged"
STATUS_CODES = {
    LOGGED: 0, pricing.OBSERVED: 1, pricing.UNLICENSED: 2, pricing.UNCLAIMED: 3, pricing.CONTESTED: 4,
    pricing.LICENSED: 5, pricing.PART_PRICED: 6, pricing.UNPRICED: 7,
}  # fmt: skip
STATUS_NAMES = {code: name for name, code in STATUS_CODES.items()}
REASON_CODES = {"": 0, **{reason: code for code, reason in enumerate(pricing.REASONS, 1)}}
REASON_NAMES = {code: name for name, code in REASON_CODES.items()}
NONE = 2**63
"""No asset, or no terms, in a row of numbers."""

_USAGE = struct.Struct(">BB32sQQQ")
ROOT_BITS = 1024
_MORE = struct.Struct(f">?{ROOT_BITS // 8}sH")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A bound key. `next`: number of its next record. `bound`: index of the entry that bound it."""

    party: bytes
    role: str
    kinds: tuple[str, ...]
    status: str
    next: int
    bound: int

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.party, self.role, self.kinds, self.status, self.next, self.bound])

    def with_next(self, number: int) -> KeyRow:
        """The row after records up to this number."""
        return KeyRow(self.party, self.role, self.kinds, self.status, number, self.bound)


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A party. `profile`: index of its newest genesis or party record. `main`: its current main key. `ended`: its main
    key was revoked, and all of its delegates with it."""

    name: str
    profile: int
    main: bytes
    ended: bool

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.name, self.profile, self.main, self.ended])


@dataclass(frozen=True, slots=True)
class AssetRow:
    """A registered asset. `leaf`: its entry's leaf hash. `retired`: index of the withdraw record, or 0."""

    leaf: bytes
    party: bytes
    type: str
    name: str
    version: str
    retired: int

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.leaf, self.party, self.type, self.name, self.version, self.retired])


@dataclass(frozen=True, slots=True)
class AssetMore:
    """What an asset lists. `assets`, `names`: its sources, evaluated_on left out; `aka`: names that it claims.
    `has_names`: it has names, or what it lists has, so its lineage isn't for ever: of names anybody may say more.
    `roots`: a bit, by root_bit, for each asset behind it that lists nothing itself; 0 where that isn't known."""

    assets: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    aka: tuple[str, ...] = ()
    has_names: bool = False
    roots: int = 0

    @property
    def sources(self) -> tuple[int | str, ...]:
        """Leaf indices, then external names."""
        return self.assets + self.names

    def pack(self) -> bytes:
        """The row's value: the assets in a form that walks through many rows can take apart fast."""
        count = len(self.assets)
        rest = codec.pack([self.names, self.aka]) if self.names or self.aka else b""
        head = _MORE.pack(self.has_names, self.roots.to_bytes(ROOT_BITS // 8, "big"), count)
        return head + struct.pack(f">{count}Q", *self.assets) + rest


def root_bit(index: int) -> int:
    """Where an asset that lists nothing stands among `roots`. Others may stand there too."""
    return 1 << (index * 0x9E3779B97F4A7C15 >> 32) % ROOT_BITS


def unpack_assets(row: bytes) -> tuple[int, ...]:
    """The assets alone of an AssetMore row."""
    return struct.unpack_from(f">{_MORE.unpack_from(row)[2]}Q", row, _MORE.size)


class UsageRow(NamedTuple):
    """What a usage came to. `party`: whose key signed it. `asset`: the asset it was judged as, or the only claimant of
    its name; `terms`: index of the terms it was judged by; both None where there are none. `charge`: nanos."""

    status: str
    reason: str
    party: bytes
    asset: int | None
    terms: int | None
    charge: int

    def pack(self) -> bytes:
        """The row's value, 58 bytes."""
        return _USAGE.pack(
            STATUS_CODES[self.status],
            REASON_CODES[self.reason],
            self.party,
            NONE if self.asset is None else self.asset,
            NONE if self.terms is None else self.terms,
            self.charge,
        )


@dataclass(frozen=True, slots=True)
class TermsRow:
    """Published terms. `asset`: whose they are; `leaf`: hash of the entry that holds them (a `terms` record or an asset
    with inline terms)."""

    asset: int
    leaf: bytes
    terms: Terms


@dataclass(frozen=True, slots=True)
class AssetTerms:
    """An asset's terms so far: indices of the `newest` and the `first`, the currency, which is for ever, and the share
    of derivatives that the newest ask."""

    newest: int
    first: int
    currency: str
    derivatives: int


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant. `withdrawn`: index of the withdraw record, or 0."""

    terms: int
    licensee: bytes
    asset: int
    derivatives: int
    withdrawn: int

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.terms, self.licensee, self.asset, self.derivatives, self.withdrawn])


def _row(data: bytes) -> Any:
    return codec.unpack(data, field="row")


class State:
    """Typed reading of one view, and writing where the view is an overlay."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._overlay = view if isinstance(view, Overlay) else None

    @property
    def overlay(self) -> Overlay:
        """The overlay that rules write to."""
        if self._overlay is None:
            raise TypeError("this state is read only")
        return self._overlay

    def key(self, key: bytes) -> KeyRow | None:
        """The row of a bound key. Its status is its own: an ended party's keys are revoked too, see `key_status`."""
        data = self.view.get(keys.KEY + key)
        if data is None:
            return None
        party, role, kinds, status, number, bound = _row(data)
        return KeyRow(party, role, tuple(kinds), status, number, bound)

    def put_key(self, key: bytes, row: KeyRow) -> None:
        """Write a key's row."""
        self.overlay.put(keys.KEY + key, row.pack())

    def party(self, party: bytes) -> PartyRow | None:
        """The party's row."""
        data = self.view.get(keys.PARTY + party)
        return None if data is None else PartyRow(*_row(data))

    def put_party(self, party: bytes, row: PartyRow) -> None:
        """Write a party's row."""
        self.overlay.put(keys.PARTY + party, row.pack())

    def key_status(self, row: KeyRow) -> str:
        """active, rotated or revoked, the end of the party included."""
        if row.status == ACTIVE:
            party = self.party(row.party)
            if party is not None and party.ended:
                return REVOKED
        return row.status

    def party_keys(self, party: bytes) -> Iterator[bytes]:
        """Every key that was ever bound to the party."""
        prefix = keys.PARTY_KEY + party
        for key, _ in self.view.scan(prefix, keys.after(prefix)):
            yield key[len(prefix) :]

    def asset(self, index: int) -> AssetRow | None:
        """The asset registered at this leaf."""
        data = self.view.get(keys.ASSET + keys.number(index))
        return None if data is None else AssetRow(*_row(data))

    def put_asset(self, index: int, row: AssetRow) -> None:
        """Write an asset's row."""
        self.overlay.put(keys.ASSET + keys.number(index), row.pack())

    def asset_more(self, index: int) -> AssetMore:
        """The asset's sources and claimed names (none where there is no such asset)."""
        data = self.view.get(keys.ASSET_MORE + keys.number(index))
        if data is None:
            return AssetMore()
        has_names, roots, count = _MORE.unpack_from(data)
        rest = data[_MORE.size + 8 * count :]
        names, aka = _row(rest) if rest else ((), ())
        return AssetMore(unpack_assets(data), tuple(names), tuple(aka), has_names, int.from_bytes(roots, "big"))

    def roots(self, asset: int) -> int:
        """The bits of the assets behind this one that list nothing, or of itself; 0 where they aren't known."""
        more = self.asset_more(asset)
        return more.roots or (0 if more.has_names else root_bit(asset))

    def asset_by_ref(self, ref: Ref) -> AssetRow | None:
        """The asset that a reference names; None where the leaf is another kind or has another hash."""
        row = self.asset(ref.index)
        return row if row is not None and row.leaf == ref.leaf else None

    def claimants(self, name: str, *, most: int = 2) -> list[tuple[bytes, int]]:
        """Parties that claim an external name by `aka`, each with its newest claiming asset; at most `most` of them.

        For readers: costs two seeks a party, and the rows of claims that were withdrawn lately. Rules ask `claims`.
        """
        prefix = keys.AKA + keys.text(name)
        found: list[tuple[bytes, int]] = []
        start = prefix
        while len(found) < most:
            first = next(iter(self.view.scan(start, keys.after(prefix))), None)
            if first is None:
                break
            party = first[0][len(prefix) : len(prefix) + 32]
            end = keys.after(prefix + party)
            newest = next(iter(self.view.scan(prefix + party, end, reverse=True)))
            found.append((party, int.from_bytes(newest[0][-8:], "big")))
            start = end
        return found

    def claims(self, name: str) -> tuple[int, bytes]:
        """How many parties claim an external name, and which, where it is one. Of several, no party's key."""
        data = self.view.get(keys.CLAIMS + keys.text(name))
        return (0, bytes(32)) if data is None else (int.from_bytes(data[:8], "big"), data[8:])

    def claim_of(self, name: str, party: bytes) -> int | None:
        """The newest asset by which the party claims an external name; None where it claims it by none."""
        data = self.view.get(keys.CLAIM + keys.text(name) + party)
        return None if data is None else int.from_bytes(data, "big")

    def usage(self, index: int) -> UsageRow | None:
        """What the usage at this leaf came to; None where there is no usage."""
        data = self.view.get(keys.STATUS + keys.number(index))
        if data is None:
            return None
        status, reason, party, asset, terms, charge = _USAGE.unpack(data)
        return UsageRow(
            STATUS_NAMES[status],
            REASON_NAMES[reason],
            party,
            None if asset == NONE else asset,
            None if terms == NONE else terms,
            charge,
        )

    def record(self, index: int) -> bytes:
        """The body of the entry at this leaf, which must be one of an earlier batch, as it came."""
        data = self.view.get(keys.ENTRY + keys.number(index))
        if data is None:
            raise StorageError(f"entry {index} is missing: the database is damaged")
        return data

    def body(self, index: int) -> dict[str, Any]:
        """The same, decoded."""
        return _row(self.record(index))  # type: ignore[no-any-return]

    def terms(self, index: int) -> TermsRow | None:
        """The terms published at this leaf."""
        data = self.view.get(keys.TERMS + keys.number(index))
        if data is None:
            return None
        asset, leaf, _, fields = _row(data)
        return TermsRow(asset, leaf, read_terms(_row(fields)))

    def asset_terms(self, asset: int) -> AssetTerms | None:
        """Which terms an asset has; None where it has none."""
        data = self.view.get(keys.ASSET_TERMS + keys.number(asset))
        return None if data is None else AssetTerms(*_row(data))

    def terms_below(self, asset: int, below: int) -> int | None:
        """Index of the asset's newest terms below a leaf (or a tree size)."""
        prefix = keys.TERMS_OF + keys.number(asset)
        found = next(iter(self.view.scan(prefix, prefix + keys.number(below), reverse=True)), None)
        return None if found is None else int.from_bytes(found[0][-8:], "big")

    def closure(self, asset: int) -> Closure:
        """Whom the asset pays."""
        data = self.view.get(keys.CLOSURE + keys.number(asset))
        if data is None:
            return pricing.NOTHING
        shares, currency, fault = _row(data)
        return Closure(tuple((index, bps) for index, bps in shares), currency, fault)

    def grant(self, index: int) -> GrantRow | None:
        """The grant at this leaf."""
        data = self.view.get(keys.GRANT + keys.number(index))
        return None if data is None else GrantRow(*_row(data))

    def granted(self, terms: int, licensee: bytes) -> int | None:
        """Index of the grant by which these terms stand open to a party, while it stands."""
        data = self.view.get(keys.GRANTED + keys.number(terms) + licensee)
        return None if data is None else int.from_bytes(data, "big")

    def splits_at(self, asset: int, below: int) -> Splits:
        """Who gets what the asset gets, by its newest terms below a leaf: their splits, or all to its owner."""
        return self._splits(asset, self.terms_below(asset, below))

    def splits_now(self, asset: int) -> Splits:
        """The same by its newest terms of all."""
        have = self.asset_terms(asset)
        return self._splits(asset, None if have is None else have.newest)

    def _splits(self, asset: int, index: int | None) -> Splits:
        data = None if index is None else self.view.get(keys.TERMS + keys.number(index))
        # Apart from the other fields in the row: these are many, and a charge may reach 33 assets.
        splits = () if data is None else _row(data)[2]
        if splits:
            return tuple((party, bps) for party, bps in splits)
        row = self.asset(asset)
        if row is None:
            raise StorageError(f"asset {asset} is missing: the database is damaged")
        return ((row.party, pricing.BPS_MAX),)
