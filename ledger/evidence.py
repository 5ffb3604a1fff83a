"""Making an evidence file: which entries of the log show what a use came to, and that it was paid (design section 7).

What a verifier will need is gathered from the state, by index walks over one published snapshot; whether it shows
anything is judged by proofs/evidencecheck.py alone. Nothing that no check needs may be among the entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger import keys
from ledger.accounts import covering_statement, statement_row
from ledger.corrections import lines_of
from ledger.errors import StorageError
from ledger.postings import Account
from ledger.query import Query
from ledger.state import State, UsageRow
from ledger.sumlist import SumTree
from proofs import evidence, pricing
from proofs.entry import parse_entry
from proofs.errors import InputError
from proofs.evidence import EVIDENCE_BYTES_MAX, Evidence, ShownEntry, ShownLine
from proofs.ref import unpack_ref

ENTRIES_MAX = 4096
"""Entries in one file; what needs more would pass its 4 MiB too."""
ROWS_MAX = 16_384
"""Rows gone through for one grant or claim that ended since."""
SOURCE_BYTES = 48
"""At least so many bytes has a source in an asset's record."""
PAYMENTS_MAX = 16
"""Payments of one statement that are shown: the payer's word, which settles nothing."""


def make_evidence(query: Query, usage: int, *, checkpoint: bytes, payee: bytes | None = None) -> Evidence:
    """The evidence for the use at a leaf, under the signed `checkpoint` of exactly the query's size.

    `payee`: of its lines only this one's. Costs some 30 entries for a use of a derived asset. Raises InputError where
    no use stands there, the payee gets nothing of it, or one file can't hold what stands behind it.
    """
    row = query.state.usage(usage)
    if row is None:
        raise InputError(f"entry {usage} is no usage", field="index", expected="the index of a usage record")
    found = _Collector(query, usage, row)
    found.usage()
    lines = found.money(payee)
    found.corrections()
    reader = query.reader
    entries = [
        ShownEntry(index, reader.entry(index), tuple(reader.inclusion(index, reader.size)))
        for index in sorted(found.indices)
    ]  # fmt: skip
    return Evidence(checkpoint, tuple(entries), usage, tuple(sorted(lines, key=lambda line: line.account)))


class _Collector:
    """One gathering. `indices`: the leaves of the entries so far."""

    def __init__(self, query: Query, usage: int, row: UsageRow) -> None:
        self.query = query
        self.state: State = query.state
        self.at = usage
        self.row = row
        self.indices: set[int] = set()
        # By (terms, licensee): the grants among them.
        self.grants: dict[tuple[int, bytes], int] = {}

    def add(self, index: int) -> None:
        """Show an entry. Raises InputError where that makes too many."""
        self.indices.add(index)
        if len(self.indices) > ENTRIES_MAX:
            raise _too_much()

    def add_signed(self, index: int) -> None:
        """Show an entry, and the records that bind its key to its party."""
        self.add(index)
        while True:
            row = self.state.key(parse_entry(self.query.reader.entry(index)).key)
            if row is None:
                raise StorageError(f"the key of entry {index} is not bound: the database is damaged")
            if row.bound == index:  # a party's first record binds its own key
                return
            index = row.bound
            self.add(index)

    def body(self, index: int) -> dict[str, Any]:
        """The record at a leaf."""
        return self.state.body(index)

    def usage(self) -> None:
        """The use, what was used, and what it came to."""
        row, body = self.row, self.body(self.at)
        self.add_signed(self.at)
        if row.asset is None or row.reason == pricing.BY_NAME:
            if row.status != pricing.OBSERVED:
                self._claims(body["asset"])
            return
        self.add_signed(row.asset)
        if row.terms is None:
            return
        self.add_signed(row.terms)
        found = self.state.terms(row.terms)
        if found is None:
            raise StorageError(f"terms {row.terms} are missing: the database is damaged")
        if row.reason == pricing.RETIRED:
            asset = self.state.asset(row.asset)
            self.add_signed(asset.retired if asset else 0)
        elif found.terms.needs_grant and row.reason not in (pricing.PROHIBITED, pricing.NO_GRANT):
            self._grant(row.terms, row.party, below=self.at)
        if row.charge:
            self._lineage(row.asset, row.terms)

    def _claims(self, name: str) -> None:
        """Who claimed the name at the use's leaf, as far as the claims stand today: one asset of each of two parties
        is enough to contest it."""
        if self.row.asset is not None:
            self.add_signed(self.row.asset)
            return
        if self.row.status != pricing.CONTESTED:
            return
        prefix = keys.AKA + keys.text(name)
        claims: dict[bytes, int] = {}
        for key, _ in _first(self.state.view.scan(prefix, keys.after(prefix)), ROWS_MAX):
            party, index = key[len(prefix) : len(prefix) + 32], int.from_bytes(key[-8:], "big")
            if index < self.at and len(claims) < 2:
                claims[party] = index
        for index in claims.values():
            self.add_signed(index)

    def _grant(self, terms: int, licensee: bytes, *, below: int) -> bool:
        """Show the grant of these terms that stood for a party at a leaf."""
        index = self._find_grant(terms, licensee, below)
        if index is None:
            return False
        self.add_signed(index)
        self.grants.setdefault((terms, licensee), index)
        return True

    def _find_grant(self, terms: int, licensee: bytes, below: int) -> int | None:
        standing = self.state.granted(terms, licensee)
        if standing is not None and standing < below:
            return standing
        prefix = keys.EVENT + keys.number(terms)
        for key, kind in _first(self.state.view.scan(prefix, prefix + keys.number(below)), ROWS_MAX):
            index = int.from_bytes(key[-8:], "big")
            row = self.state.grant(index) if kind == b"grant" else None
            if row is not None and row.licensee == licensee and (not row.withdrawn or row.withdrawn > below):
                return index
        return None

    def _lineage(self, used: int, agreed: int) -> None:
        """Every asset behind the used one, and the newest terms before the use of those that get a share."""
        newest = self.state.terms_below(used, self.at)
        if newest is not None and newest != agreed:
            self.add_signed(newest)
            self._grant(agreed, self.row.party, below=self.at)
        terms: dict[int, set[int]] = {}
        for source, _ in self.state.closure(used).shares:
            self.add_signed(source)
            newest = self.state.terms_below(source, self.at)
            if newest is not None:
                self.add_signed(newest)
                terms[source] = {newest}
        edges = sorted(self._edges(used))
        for _, source, _ in edges:
            if self.state.terms(source) is not None:  # inline ones come with the asset
                terms.setdefault(source, set()).add(source)
        edges = [edge for edge in edges if edge[1] in terms]
        # What is added to explain one share may stand before another listing; there is an end of terms.
        while sum(self._explain(terms, *edge) for edge in edges):
            continue

    def _edges(self, used: int) -> Iterator[tuple[int, int, int]]:
        """(asset, source, bps) of everything listed behind the used asset; all these assets are shown."""
        waiting, seen, size = [used], {used}, 0
        while waiting:
            asset = waiting.pop()
            self.add(asset)
            body = self.body(asset)
            size += SOURCE_BYTES * len(body.get("sources", ()))
            if size > EVIDENCE_BYTES_MAX:
                raise _too_much()
            for source in body.get("sources", ()):
                if type(source["asset"]) is not bytes or source["as"] == "evaluated_on":
                    continue
                index = unpack_ref(source["asset"]).index
                yield asset, index, source.get("bps", 0)
                if index not in seen:
                    seen.add(index)
                    waiting.append(index)

    def _explain(self, terms: dict[int, set[int]], asset: int, source: int, bps: int) -> bool:
        """Where terms of the source in the file stand before the listing, they must explain the share: else what was
        the newest then comes along, or the granted terms that the share rests on. Answers whether anything came."""
        known = terms[source]
        registrant = self.state.asset(asset)
        below = [index for index in known if index < asset]
        if not below or registrant is None or self._derivatives(max(below)) == bps:
            return False
        party = registrant.party
        if any(self._derivatives(index) == bps and (index, party) in self.grants for index in below):
            return False
        newest = self.state.terms_below(source, asset)
        if newest is not None and newest not in known and self._derivatives(newest) == bps:
            self.add_signed(newest)
            known.add(newest)
            return True
        prefix = keys.TERMS_OF + keys.number(source)
        for key, _ in _first(self.state.view.scan(prefix, prefix + keys.number(asset)), ROWS_MAX):
            index = int.from_bytes(key[-8:], "big")
            if self._derivatives(index) == bps and self._grant(index, party, below=asset):
                for shown in (asset, source, index):
                    self.add_signed(shown)
                known.add(index)
                return True
        return False

    def _derivatives(self, terms: int) -> int:
        found = self.state.terms(terms)
        return 0 if found is None else found.terms.derivatives

    def money(self, payee: bytes | None) -> list[ShownLine]:
        """Lines in the first statement that covers each, the statement before, payments and receipts."""
        accounts = lines_of(self.state, self.at, self.row)
        if payee is not None:
            accounts = {account: amount for account, amount in accounts.items() if account.payee == payee}
            if not accounts:
                raise InputError("nothing of this use reaches that party", field="payee", expected="one of its payees")
        lines = []
        for account, amount in accounts.items():
            statement = covering_statement(self.state, account, self.at)
            if statement is not None:
                lines.append(self._stated(account, amount, statement))
        return lines

    def _stated(self, account: Account, amount: int, statement: int) -> ShownLine:
        row = statement_row(self.state, statement)
        if row is None:
            raise StorageError(f"statement {statement} is missing: the database is damaged")
        self.add_signed(statement)
        if row.previous:
            self.add_signed(row.previous)
        prefix = keys.EVENT + keys.number(statement)
        payments = 0
        for key, kind in self.state.view.scan(prefix, keys.after(prefix)):
            payments += kind == b"payment"
            if kind == b"receipt" or (kind == b"payment" and payments <= PAYMENTS_MAX):
                self.add_signed(int.from_bytes(key[-8:], "big"))
        tree = SumTree(self.state.view, account.lines, row.to)
        position = tree.position(self.at)
        return ShownLine(
            account=evidence.Account(account.payer, account.payee, account.currency),
            position=position,
            amount=amount,
            path=tuple(tree.path(position)),
            statement=statement,
        )

    def corrections(self) -> None:
        """Corrections of the use, and who accepted them."""
        prefix = keys.EVENT + keys.number(self.at)
        for key, kind in self.state.view.scan(prefix, keys.after(prefix)):
            if kind in (b"correction", b"accept"):
                self.add_signed(int.from_bytes(key[-8:], "big"))


def _too_much() -> InputError:
    return InputError(
        "too much stands behind this use for one file", field="index", expected=f"at most {ENTRIES_MAX} entries"
    )


def _first(rows: Iterator[tuple[bytes, bytes]], most: int) -> Iterator[tuple[bytes, bytes]]:
    for _, row in zip(range(most), rows, strict=False):
        yield row
