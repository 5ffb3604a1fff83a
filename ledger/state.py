"""The state's rows and how they are read: who a key is, who a party is, what an asset is (design section 4).

A `State` reads any view, so the writer (over an overlay), a reader (over a snapshot) and a replay share these answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ledger import keys
from ledger.store import Overlay, View
from proofs import codec
from proofs.ref import Ref

MAIN = "main"
DELEGATE = "delegate"
ACTIVE = "active"
ROTATED = "rotated"
REVOKED = "revoked"

LOGGED = "logged"
OBSERVED = "observed"
UNLICENSED = "unlicensed"
UNCLAIMED = "unclaimed"
CONTESTED = "contested"
STATUS_CODES = {LOGGED: 0, OBSERVED: 1, UNLICENSED: 2, UNCLAIMED: 3, CONTESTED: 4}
STATUS_BYTES = {name: bytes([code]) for name, code in STATUS_CODES.items()}
STATUS_NAMES = {code: name for name, code in STATUS_CODES.items()}


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
    """What an asset lists. `sources`: leaf indices and external names, evaluated_on left out. `aka`: claimed names."""

    sources: tuple[int | str, ...]
    aka: tuple[str, ...]

    def pack(self) -> bytes:
        """The row's value."""
        return codec.pack([self.sources, self.aka])


def _row(data: bytes) -> Any:
    return codec.unpack(data, field="row")


class State:
    """Typed reading of one view, and writing where the view is an overlay."""

    def __init__(self, view: View) -> None:
        self.view = view

    @property
    def overlay(self) -> Overlay:
        """The overlay that rules write to."""
        if not isinstance(self.view, Overlay):
            raise TypeError("this state is read only")
        return self.view

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
            return AssetMore((), ())
        sources, aka = _row(data)
        return AssetMore(tuple(sources), tuple(aka))

    def asset_by_ref(self, ref: Ref) -> AssetRow | None:
        """The asset that a reference names; None where the leaf is another kind or has another hash."""
        row = self.asset(ref.index)
        return row if row is not None and row.leaf == ref.leaf else None

    def claimants(self, name: str, *, most: int = 2) -> list[tuple[bytes, int]]:
        """Parties that claim an external name by `aka`, each with its newest claiming asset; at most `most` of them.

        Costs two seeks a party, however many assets a party claims the name with.
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
