"""Making an evidence file: which entries of the log show what a use came to, and that it was paid (design section 7).

What a verifier will need is gathered from the state, by index walks over one published snapshot; whether it shows
anything is judged by proofs/evidencecheck.py alone. Nothing that no check needs may be among the entries.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from ledger import keys
from ledger.accounts import covering_statement, statement_row
from ledger.corrections import lines_of
from ledger.errors import StorageError
from ledger.postings import Account
from ledger.query import Query
from ledger.state import State, UsageRow
from ledger.stored import signer_of
from ledger.sumlist import SumTree
from proofs import codec, evidence, pricing
from proofs.errors import InputError
from proofs.evidence import EVIDENCE_BYTES_MAX, Evidence, ShownEntry, ShownLine
from proofs.ref import unpack_ref

ENTRIES_MAX = 4096
"""Entries in one file; what needs more would pass its 4 MiB too."""
ROWS_MAX = 16_384
"""Rows gone through for one file: terms and grants that ended since, claims, later records about the use."""
LOOKS_MAX = 131_072
"""Shares looked at for one file, some more than once: what explains one may need another to be explained."""
PAYMENT_ROWS_MAX = 1024
"""Later records about one statement among which its payments are looked for."""
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
        self._rows = 0
        self._asked: dict[int, int] = {}

    def add(self, index: int) -> None:
        """Show an entry. Raises InputError where that makes too many."""
        self.indices.add(index)
        if len(self.indices) > ENTRIES_MAX:
            raise _too_much()

    def add_signed(self, index: int) -> None:
        """Show an entry, and the records that bind its key to its party."""
        self.add(index)
        while (bound := signer_of(self.state.view, index).bound) != index:  # a party's first record binds its own key
            index = bound
            self.add(index)

    def rows(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows of the state. Raises InputError where the file has asked for ROWS_MAX of them: strangers can log any
        number of records about a use, and of terms of what stands behind it."""
        for row in self.state.view.scan(start, stop):
            self._rows += 1
            if self._rows > ROWS_MAX:
                raise _too_much()
            yield row

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
        prefix = start = keys.AKA + keys.text(name)
        shown = 0
        while shown < 2 and (row := next(self.rows(start, keys.after(prefix)), None)) is not None:
            index = int.from_bytes(row[0][-8:], "big")  # the party's oldest
            if index < self.at:
                self.add_signed(index)
                shown += 1
            start = keys.after(row[0][:-8])

    def _grant(self, terms: int, licensee: bytes, *, below: int) -> bool:
        """Show the grant of these terms that stood for a party at a leaf."""
        index = self._find_grant(terms, licensee, below)
        if index is None:
            return False
        self.add_signed(index)
        self.grants[terms, licensee] = min(index, self.grants.get((terms, licensee), index))
        return True

    def _find_grant(self, terms: int, licensee: bytes, below: int) -> int | None:
        standing = self.state.granted(terms, licensee)
        if standing is not None and standing < below:
            return standing
        row = self.state.terms(terms)
        asked = None if row is None else self._share(row.asset, row.terms.derivatives, licensee) + keys.number(terms)
        for key, _ in () if asked is None else self.rows(asked, asked + keys.number(below)):
            index = int.from_bytes(key[-8:], "big")
            grant = self.state.grant(index)
            if grant is not None and (not grant.withdrawn or grant.withdrawn > below):
                return index
        return None

    def _share(self, asset: int, bps: int, licensee: bytes) -> bytes:
        """What the keys of all grants begin with by which the licensee may list the asset at this share."""
        return keys.GRANT_SHARE + licensee + keys.number(asset) + bps.to_bytes(2, "big")

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
        looked = 0
        while sum(self._explain(terms, *edge) for edge in edges):
            looked += len(edges)
            if looked > LOOKS_MAX:
                raise _too_much()

    def _edges(self, used: int) -> Iterator[tuple[int, int, int]]:
        """(asset, source, bps) of everything listed behind the used asset; all these assets are shown."""
        waiting, seen, size = [used], {used}, 0
        while waiting:
            asset = waiting.pop()
            self.add(asset)
            record = self.state.record(asset)
            size += len(record)
            if size > EVIDENCE_BYTES_MAX:
                raise _too_much()
            for source in codec.unpack(record).get("sources", ()):
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
        below = [index for index in known if index < asset]
        if not below or self._derivatives(max(below)) == bps:
            return False
        party = self._owner(asset)
        granted = (index for index in below if self.grants.get((index, party), asset) < asset)
        if any(self._derivatives(index) == bps for index in granted):
            return False
        newest = self.state.terms_below(source, asset)
        if newest is not None and newest not in known and self._derivatives(newest) == bps:
            self.add_signed(newest)
            known.add(newest)
            return True
        share = self._share(source, bps, party)
        for key, _ in self.rows(share, share + keys.number(asset)):
            index = int.from_bytes(key[-16:-8], "big")
            if self._grant(index, party, below=asset):
                for shown in (asset, source, index):
                    self.add_signed(shown)
                known.add(index)
                return True
        return False

    def _derivatives(self, terms: int) -> int:
        """The share that terms ask for."""
        known = self._asked.get(terms)
        if known is None:
            found = self.state.terms(terms)
            known = self._asked[terms] = 0 if found is None else found.terms.derivatives
        return known

    def _owner(self, asset: int) -> bytes:
        """The party of an asset."""
        row = self.state.asset(asset)
        if row is None:
            raise StorageError(f"asset {asset} is missing: the database is damaged")
        return row.party

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
        prefix = keys.RECEIPT + keys.number(statement)
        for _, receipt in self.rows(prefix, keys.after(prefix)):
            self.add_signed(int.from_bytes(receipt, "big"))
        prefix = keys.EVENT + keys.number(statement)
        later = itertools.islice(self.state.view.scan(prefix, keys.after(prefix)), PAYMENT_ROWS_MAX)
        payments = (key for key, kind in later if kind == b"payment")
        for key in itertools.islice(payments, PAYMENTS_MAX):
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
        for key, kind in self.rows(prefix, keys.after(prefix)):
            if kind in (b"correction", b"accept"):
                self.add_signed(int.from_bytes(key[-8:], "big"))


def _too_much() -> InputError:
    return InputError(
        "too much stands behind this use for one file",
        field="index",
        expected=f"at most {ENTRIES_MAX} entries, to be found among {ROWS_MAX} rows",
    )
