"""What was used of a publisher's assets in a month, item by item (docs/reports.md).

Usage records stream in while a log is replayed; only sums are kept, for each asset, item and use. A use belongs to the
month of its `from`, in UTC. Figures: quantities as logged; the charge for the whole use; the publisher's share of it,
which is what stands in accounts that pay it; and what of that share it has credited since. Provider-seen records are
the second meter of the same uses: they are counted, and add to no quantity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger import keys
from ledger.corrections import base_of, lines_of
from ledger.replay import Judged
from ledger.state import State, UsageRow
from node.agents.statementview import AssetName
from proofs.errors import InputError
from proofs.manifest import Manifest
from proofs.pricing import OBSERVED

ROWS_MAX = 200_000
_NARROW = "one asset at a time (--asset)"

ONE, SEVERAL, NONE = "item", "items", ""
"""How a use names what it used: one item, the root over several, or nothing below the asset."""

RowKey = tuple[int | str, str, bytes, str]
"""(asset, or the name that it was used by; sort and hash of the item; use). An asset has one currency for ever."""


@dataclass(slots=True)
class ItemRow:
    """Uses of one item. `items`: how many items stand behind a root, at most; money in nanos of `currency`, "" where
    no terms applied; `share`: what reaches the publisher; `credited`: of it, given back."""

    asset: int | str
    sort: str
    item: bytes
    use: str
    currency: str = ""
    uses: int = 0
    items: int = 0
    charge: int = 0
    share: int = 0
    credited: int = 0
    quantities: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is reported: a party's assets, or one of them (by leaf index), in since ≤ `from` < until (Unix ms)."""

    party: bytes
    asset: int | None
    since: int
    until: int


class ItemsWatch:
    """Gathers the rows while a log is replayed. `state`: the one that the replay builds, read as it grows."""

    def __init__(self, asked: Asked, state: State) -> None:
        self.asked = asked
        self.rows: dict[RowKey, ItemRow] = {}
        self._state = state

    def add(self, record: Judged) -> None:
        """The next record. Raises InputError where there are too many items to keep."""
        body = record.body
        if body["kind"] != "usage" or not self.asked.since <= body["from"] < self.asked.until:
            return
        row = self._state.usage(record.index)
        if row is None:
            return
        target: int | str | None = row.asset
        if target is None and isinstance(body["asset"], str):
            target = body["asset"]
        if target is None or not self._is_asked(target):
            return
        terms = None if row.terms is None else self._state.terms(row.terms)
        currency = "" if terms is None else terms.terms.currency
        kept = self._row(target, body)
        kept.currency = currency or kept.currency
        kept.statuses[row.status] += 1
        if row.status == OBSERVED:
            return
        kept.uses += 1
        kept.items = max(kept.items, body.get("item_count", 0))
        kept.quantities.update(body["quantities"])
        kept.charge += row.charge
        kept.share += self._share(record.index, row)

    def _is_asked(self, target: int | str) -> bool:
        if isinstance(target, str):  # who claims the name is known at the end
            return True
        asked = self.asked
        asset = self._state.asset(target)
        return asset is not None and asset.party == asked.party and asked.asset in (None, target)

    def _row(self, target: int | str, body: Mapping[str, object]) -> ItemRow:
        sort = ONE if "item" in body else SEVERAL if "items" in body else NONE
        item = body.get(sort) if sort else b""
        made = ItemRow(target, sort, item if isinstance(item, bytes) else b"", str(body["use"]))
        found = self.rows.setdefault(_key(made), made)
        if len(self.rows) > ROWS_MAX:
            raise InputError(f"more than {ROWS_MAX} items", field="--month", expected=_NARROW)
        return found

    def finish(self) -> list[ItemRow]:
        """The rows of the party's assets, in order: uses by a name that only its assets claim among them, with what was
        credited since."""
        self._add_credits()
        kept = [row for row in self.rows.values() if not isinstance(row.asset, str) or self._claims(row.asset)]
        return sorted(kept, key=lambda row: (str(row.asset).zfill(20), row.use, row.sort, -row.share, row.item))

    def _share(self, index: int, row: UsageRow) -> int:
        """What of a use's charge stands in the account that pays the party."""
        lines = lines_of(self._state, index, row) if row.charge else {}
        return sum(amount for account, amount in lines.items() if account.payee == self.asked.party)

    def _add_credits(self) -> None:
        """What the party has credited: of each use that it accepted a correction of, its line less what is left."""
        for key, _ in self._state.view.scan(keys.BASE, keys.after(keys.BASE)):
            index, payee = int.from_bytes(key[1:9], "big"), key[9:]
            if payee != self.asked.party:
                continue
            row, base, body = self._state.usage(index), base_of(self._state, index, payee), self._state.body(index)
            if row is None or row.asset is None or base is None or not self._is_asked(row.asset):
                continue
            if self.asked.since <= body["from"] < self.asked.until:
                self._row(row.asset, body).credited += self._share(index, row) - base[0]

    def _claims(self, name: str) -> bool:
        asked = self.asked
        return any(
            party == asked.party and asked.asset in (None, asset)
            for party, asset in self._state.claimants(name, most=16)
        )


def _key(row: ItemRow) -> RowKey:
    return row.asset, row.sort, row.item, row.use


@dataclass(frozen=True, slots=True)
class ItemsView:
    """The report. `assets`: by leaf index; `paths`: of items in the manifest that was given, by their digest."""

    asked: Asked
    party_name: str
    month: str
    rows: Sequence[ItemRow]
    assets: dict[int, AssetName]
    paths: dict[bytes, str]
    has_manifest: bool

    def item_text(self, row: ItemRow) -> str:
        """The item for people."""
        if row.sort == NONE:
            return "(no item named)"
        if row.sort == SEVERAL:
            return f"({row.items:,} items, root {row.item.hex()})"
        path = self.paths.get(row.item)
        return path if path is not None else row.item.hex() + (" (not in the manifest)" if self.has_manifest else "")

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """(charge, share, credited) by currency."""
        found: dict[str, tuple[int, int, int]] = {}
        for row in self.rows:
            if row.currency:
                charge, share, credited = found.get(row.currency, (0, 0, 0))
                found[row.currency] = charge + row.charge, share + row.share, credited + row.credited
        return dict(sorted(found.items()))


NameOf = Callable[[int], AssetName]


def view_items(
    rows: Iterable[ItemRow], asked: Asked, *, month: str, party_name: str, name_of: NameOf, manifest: Manifest | None,
    roots: Mapping[int, bytes],
) -> ItemsView:  # fmt: skip
    """Put names to the rows. `roots`: the manifest root of each asset that has one. Raises InputError where the
    manifest given is none of the used assets'."""
    listed = list(rows)
    used = sorted({row.asset for row in listed if isinstance(row.asset, int)})
    paths: dict[bytes, str] = {}
    if manifest is not None:
        if manifest.root not in roots.values():
            raise InputError(
                f"no asset of the report has the manifest's root {manifest.root.hex()}", field="--manifest",
                expected="the manifest of an asset of this party",
            )  # fmt: skip
        paths = {leaf: item.path for leaf, item in zip(manifest.leaves, manifest.items, strict=True)}
    return ItemsView(
        asked, party_name, month, listed, {index: name_of(index) for index in used}, paths, manifest is not None
    )
