"""Look-ups over the state at one published size: keys, parties, assets, records by kind, asset or party, conflicts.

Every answer is an index walk with a bound; none scans the log but for the one kind that nearly every record has.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from ledger import keys
from ledger.findings import claims_against
from ledger.lineage import findings_of
from ledger.reader import Reader
from ledger.state import State
from ledger.stored import status_of
from proofs import codec
from proofs.entry import Entry, parse_entry
from proofs.errors import InputError
from proofs.records import check_body
from proofs.ref import Ref

PAGE_MAX = 1000
SCAN_MAX = 10_000
_REGISTERED = (
    "asset",
    "description",
)  # what is indexed by party as well: a curator's words need no walk over all others'


_FOUND = ("claim", "canary")


@dataclass(frozen=True, slots=True)
class Record:
    """One entry with what the log knows of it."""

    ref: Ref
    entry: Entry
    body: dict[str, object]
    status: str
    party: bytes


@dataclass(frozen=True, slots=True)
class Conflict:
    """A validly signed batch over numbers that were used already."""

    key: bytes
    lines: bytes
    signature: bytes
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Page:
    """Leaf indices, ascending, and where to go on: `next` is None at the end."""

    indices: list[int]
    next: int | None


class Query:
    """Look-ups over one reader's snapshot."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.view = reader.tree.view
        self.state = State(self.view)

    def record(self, index: int) -> Record:
        """The record at a leaf. Raises InputError where there is none."""
        entry = parse_entry(self.reader.entry(index))
        row = self.state.key(entry.key)
        party = entry.key if row is None else row.party
        ref = Ref(index, self.reader.tree.leaf(index))
        return Record(ref, entry, check_body(entry.body), status_of(self.view, index), party)

    def records(
        self,
        *,
        start: int,
        limit: int,
        kind: str | None = None,
        asset: int | str | None = None,
        party: bytes | None = None,
        against: bytes | None = None,
    ) -> Page:
        """Indices from `start` on of records that fit every filter given; `limit` 1 … 1,000.

        `asset`: uses of it; with the kind `claim` or `canary`, those about it. `against`: claims against a party or
        what it owns; goes with no other filter. Looks at no more than 10,000 candidates a call, so a page may hold
        fewer than `limit` and still have a `next`.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise InputError(f"limit {limit}", field="limit", expected=f"1 to {PAGE_MAX}")
        found: list[int] = []
        if against is not None and (asset is not None or party is not None or kind not in (None, "claim")):
            raise InputError("against and another filter", field="against", expected="it alone, or with kind=claim")
        if against is None:
            candidates = self._candidates(start, kind=kind, asset=asset, party=party)
        else:
            candidates, kind = claims_against(self.state, against, start=start), None
        for seen, index in enumerate(candidates):
            if index >= self.reader.size:
                break
            if len(found) == limit or seen == SCAN_MAX:
                return Page(found, index)
            if self._fits(index, kind=kind, asset=asset, party=party):
                found.append(index)
        return Page(found, None)

    def _candidates(
        self, start: int, *, kind: str | None, asset: int | str | None, party: bytes | None
    ) -> Iterator[int]:
        if asset is not None and kind in _FOUND:
            return (index for index, _ in findings_of(self.state, asset, start=start))
        if asset is not None:
            prefix = (
                keys.BY_ASSET + keys.number(asset) if isinstance(asset, int) else keys.BY_NAME_USE + keys.text(asset)
            )
            return self._indices(prefix, start)
        if party is not None and kind in _REGISTERED:
            return self._indices(keys.ASSET_PARTY + party, start)
        if kind is not None and kind != "usage":
            return self._indices(keys.BY_KIND + keys.text(kind), start)
        if party is not None:
            return self._of_party(party, start)
        return iter(range(max(start, 0), self.reader.size))

    def _indices(self, prefix: bytes, start: int) -> Iterator[int]:
        for key, _ in self.view.scan(prefix + keys.number(start), keys.after(prefix)):
            yield int.from_bytes(key[-8:], "big")

    def _of_party(self, party: bytes, start: int) -> Iterator[int]:
        prefix = keys.BY_PARTY + party
        # A batch has at most 1,024 records, so the one that holds `start` begins at most 1,023 before it.
        for key, value in self.view.scan(prefix + keys.number(max(0, start - 1023)), keys.after(prefix)):
            first = int.from_bytes(key[-8:], "big")
            yield from range(max(first, start), first + int.from_bytes(value, "big"))

    def _fits(self, index: int, *, kind: str | None, asset: int | str | None, party: bytes | None) -> bool:
        # The index of a kind, or of a party's assets and descriptions, has answered a part of it.
        is_listed = kind is not None and kind != "usage" and asset is None
        if is_listed and party is not None and kind in _REGISTERED:
            return self._kind(index) == kind
        if kind is not None and not is_listed and self._kind(index) != kind:
            return False
        if party is not None and (asset is not None or (kind is not None and kind != "usage")):
            return self._party(index) == party
        return True

    def _kind(self, index: int) -> str:
        if self.view.get(keys.STATUS + keys.number(index)) is not None:
            return "usage"
        data = self.view.get(keys.ENTRY + keys.number(index))
        return "" if data is None else str(check_body(data)["kind"])

    def _party(self, index: int) -> bytes:
        entry = parse_entry(self.reader.entry(index))
        row = self.state.key(entry.key)
        return entry.key if row is None else row.party

    def assets(
        self,
        *,
        start: int,
        limit: int,
        name: str | None = None,
        party: bytes | None = None,
        root: bytes | None = None,
        aka: str | None = None,
    ) -> Page:
        """Assets and descriptions from index `start` on, by the one filter given, or all of them."""
        if not 1 <= limit <= PAGE_MAX:
            raise InputError(f"limit {limit}", field="limit", expected=f"1 to {PAGE_MAX}")
        found: list[int] = []
        for index in self._asset_candidates(start, name=name, party=party, root=root, aka=aka):
            if len(found) == limit:
                return Page(found, index)
            found.append(index)
        return Page(found, None)

    def _asset_candidates(
        self, start: int, *, name: str | None, party: bytes | None, root: bytes | None, aka: str | None
    ) -> Iterator[int]:
        if name is not None:
            return self._indices(keys.ASSET_NAME + keys.text(name), start)
        if party is not None:
            return self._indices(keys.ASSET_PARTY + party, start)
        if root is not None:
            return self._indices(keys.ASSET_ROOT + root, start)
        if aka is not None:
            return (index for index in self._claims(aka) if index >= start)
        of_kind = (self._indices(keys.BY_KIND + keys.text(kind), start) for kind in ("asset", "description"))
        return heapq.merge(*of_kind)

    def _claims(self, name: str) -> Iterator[int]:
        prefix = keys.AKA + keys.text(name)
        rows = self.view.scan(prefix, keys.after(prefix))
        yield from sorted(int.from_bytes(key[-8:], "big") for key, _ in _first(rows, PAGE_MAX))

    def conflicts(self, *, start: bytes = b"", limit: int = PAGE_MAX) -> list[Conflict]:
        """Kept conflicts in the order of their keys, from the key `start` on."""
        found = []
        for key, value in _first(self.view.scan(keys.CONFLICT + start, keys.after(keys.CONFLICT)), limit):
            lines, signature, first, count = codec.unpack(value, field="conflict")
            found.append(Conflict(key[1:33], lines, signature, first, count))
        return found


def _first(rows: Iterator[tuple[bytes, bytes]], most: int) -> Iterator[tuple[bytes, bytes]]:
    for _, row in zip(range(most), rows, strict=False):
        yield row
