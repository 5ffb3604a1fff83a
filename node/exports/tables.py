"""A replayed log as tables for analysis (docs/export.md, "Parquet"): records, lines, credits, parties, assets, edges.

Rows are made of a replay's state alone, so no figure is a node's word. Money is in nanos, whole numbers; sums over
rows are for the reader to make, in 128 bits or more. Nothing here grows with the log: rows are streamed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger import keys, sumlist
from ledger.accounts import accounts_of, statement_row
from ledger.corrections import corrected_usage
from ledger.errors import StorageError
from ledger.postings import Account
from ledger.state import LOGGED, State, UsageRow
from proofs import codec
from proofs.jsonform import to_json
from proofs.ref import REF_BYTES, Ref, unpack_ref

INT, FLAG, TEXT, TEXTS, COUNTS = "int64", "bool", "string", "list", "map"
"""Sorts of columns. TEXTS: strings; COUNTS: int64 by string."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; None stands in it where the record has nothing of the sort. `says`: for docs/export.md."""

    name: str
    sort: str
    says: str


TABLES: dict[str, tuple[Column, ...]] = {
    "records": (
        Column("index", INT, "leaf index"),
        Column("ref", TEXT, "`INDEX:HEX`"),
        Column("kind", TEXT, "kind of the record"),
        Column("status", TEXT, "what the rules made of it: `logged`, or a usage's status"),
        Column("reason", TEXT, "why a usage has that status, where there is a reason"),
        Column("party", TEXT, "the party whose key signed it, hex"),
        Column("key", TEXT, "the key, hex"),
        Column("number", INT, "the record's number among the key's own"),
        Column("at_ms", INT, "the signer's clock, Unix milliseconds, as the other times"),
        Column("asset", TEXT, "the asset that it names, as it names it: `INDEX:HEX` or an external name"),
        Column("asset_index", INT, "the asset of this log that it concerns; of a usage the one that it was judged as"),
        Column("use", TEXT, "how it was used"),
        Column("from_ms", INT, "beginning of the period of a usage or nil report"),
        Column("until_ms", INT, "its end"),
        Column("units", COUNTS, "quantities by unit, as logged; of a correction the lowered ones"),
        Column("charge_nanos", INT, "what a usage was charged, for all payees together"),
        Column("currency", TEXT, "of the amounts beside it"),
        Column("terms_index", INT, "the terms that a usage was judged by; of a grant those granted"),
        Column("into", TEXT, "what the use went into: `INDEX:HEX` or the name given"),
        Column("into_index", INT, "its leaf index, where it is in this log"),
        Column("seen_by", TEXT, "`user` or `provider`: which meter"),
        Column("used_by", TEXT, "the party that used, by either meter"),
        Column("call", TEXT, "call id"),
        Column("calls", INT, "how many calls"),
        Column("item", TEXT, "the item or the root over several, hex"),
        Column("item_count", INT, "how many items"),
        Column("about_index", INT, "the earlier record that it corrects, accepts, pays, disputes, resolves, withdraws"),
        Column("payer", TEXT, "of a statement, and of a payment or receipt for one"),
        Column("payee", TEXT, "the same"),
        Column("amount_nanos", INT, "what a statement says is due, or a payment or receipt says moved"),
        Column("body", TEXT, "the whole record in its JSON form"),
    ),
    "lines": (
        Column("payer", TEXT, "the account: who pays"),
        Column("payee", TEXT, "whom"),
        Column("currency", TEXT, "in what"),
        Column("position", INT, "the line's place in the account, from 0"),
        Column("index", INT, "the usage"),
        Column("amount_nanos", INT, "what of its charge is for the payee"),
        Column("asset_index", INT, "the used asset"),
        Column("use", TEXT, "how it was used"),
        Column("statement_index", INT, "the first statement that covers it"),
    ),
    "credits": (
        Column("payer", TEXT, "the account: who is credited"),
        Column("payee", TEXT, "by whom"),
        Column("currency", TEXT, "in what"),
        Column("position", INT, "the credit's place in the account, from 0"),
        Column("index", INT, "the acceptance"),
        Column("amount_nanos", INT, "what is taken back"),
        Column("correction_index", INT, "the correction that it accepts"),
        Column("usage_index", INT, "the usage that this corrects"),
        Column("asset_index", INT, "the used asset"),
        Column("use", TEXT, "how it was used"),
        Column("statement_index", INT, "the first statement that covers it"),
    ),
    "parties": (
        Column("party", TEXT, "its first key, hex"),
        Column("name", TEXT, "what it calls itself"),
        Column("profile_index", INT, "its newest `party` or `genesis` record"),
        Column("main_key", TEXT, "its main key now, hex"),
        Column("ended", FLAG, "whether its main key was revoked"),
    ),
    "assets": (
        Column("index", INT, "leaf index"),
        Column("ref", TEXT, "`INDEX:HEX`"),
        Column("kind", TEXT, "`asset`, or `description` of an external name"),
        Column("party", TEXT, "its owner; of a description who says so"),
        Column("type", TEXT, "dataset, model, outputs or work"),
        Column("name", TEXT, "the asset's name, or the external name described"),
        Column("title", TEXT, "of a description"),
        Column("version", TEXT, "as said"),
        Column("license", TEXT, "SPDX expression"),
        Column("root", TEXT, "root of its manifest, hex"),
        Column("items", INT, "how many items"),
        Column("bytes", INT, "how many bytes"),
        Column("media", TEXT, "media type"),
        Column("uri", TEXT, "where it is"),
        Column("origin", TEXT, "human, generated and so on, as said"),
        Column("modality", TEXT, "as said"),
        Column("collected_from_ms", INT, "as said"),
        Column("collected_until_ms", INT, "as said"),
        Column("aka", TEXTS, "external names that it claims"),
        Column("retired_index", INT, "the record that withdrew it"),
        Column("terms_index", INT, "its newest terms"),
        Column("currency", TEXT, "of its terms, for ever"),
    ),
    "edges": (
        Column("from_id", TEXT, "what was made: decimal leaf index of an asset, or an external name"),
        Column("to_id", TEXT, "what it was made from, the same way"),
        Column("relation", TEXT, "how"),
        Column("bps", INT, "share that it owes, basis points"),
        Column("said_by_index", INT, "the record that says so"),
        Column("said_by", TEXT, "the party that signed it"),
    ),
}  # fmt: skip
"""Every table and its columns, in order; docs/export.md has the same."""

CURRENCIES_KEPT_MAX = 100_000


class Tables:
    """The rows of one replayed log. `leaf_at`: leaf hashes of its entries; `size`: how many there are."""

    def __init__(self, state: State, *, leaf_at: Callable[[int], bytes], size: int) -> None:
        self._state = state
        self._leaf_at = leaf_at
        self._size = size
        self._currencies: dict[int, str] = {}  # by index of terms

    def rows(self) -> Iterator[tuple[str, Row]]:
        """(table, row) of everything, records first. Raises StorageError where the replay's rows are damaged."""
        yield from self._entries()
        for key, _ in self._state.view.scan(keys.PARTY, keys.after(keys.PARTY)):
            row = self._state.party(key[1:])
            if row is not None:
                yield "parties", (key[1:].hex(), row.name, row.profile, row.main.hex(), row.ended)
        for account in accounts_of(self._state):
            yield from self._lines(account)
            yield from self._credits(account)

    def _entries(self) -> Iterator[tuple[str, Row]]:
        view = self._state.view
        end = 0
        key, party, number = b"", "", 0
        for place, raw in view.scan(keys.ENTRY, keys.ENTRY + keys.number(self._size)):
            index = int.from_bytes(place[1:], "big")
            if index == end:
                batch = view.get(keys.BATCH + keys.number(index))
                signer = None
                if batch is not None:
                    key, _, _, number, count, _ = codec.unpack(batch, field="batch")
                    end, signer = index + count, self._state.key(key)
                if signer is None:
                    raise StorageError(f"the batch of entry {index} is missing: the database is damaged")
                party = signer.party.hex()
            body = codec.unpack(raw, field="row")
            signed = (party, key.hex(), number)
            yield "records", self._record(index, body, signed)
            if body["kind"] in ("asset", "description"):
                yield "assets", self._asset(index, body, party)
                yield from self._edges(index, body, party)
            number += 1

    def _record(self, index: int, body: dict[str, Any], signed: tuple[str, str, int]) -> Row:
        usage = self._state.usage(index) if body["kind"] == "usage" else None
        asset, into = body.get("asset"), body.get("into")
        account, currency = self._money(body, usage)
        by_provider = body.get("seen_by") == "provider"
        item = body.get("item") or (body.get("items") if usage else None)
        return (
            index, str(Ref(index, self._leaf_at(index))), body["kind"],
            usage.status if usage else LOGGED, (usage.reason or None) if usage else None, *signed, body["at"],
            _named(asset), usage.asset if usage else _index(asset), body.get("use"), body.get("from"),
            body.get("until"), list(body["quantities"].items()) if "quantities" in body else None,
            usage.charge if usage else None, currency, usage.terms if usage else _index(body.get("terms")),
            _named(into) or body.get("into_name"), _index(into),
            body.get("seen_by", "user") if usage else None,
            (body["party"].hex() if by_provider else signed[0]) if usage else None,
            body.get("call"), body.get("calls"), item.hex() if item else None, body.get("item_count"), _about(body),
            account.payer.hex() if account else None, account.payee.hex() if account else None,
            body.get("due", body.get("amount")),
            json.dumps(to_json(body), ensure_ascii=False, separators=(",", ":")),
        )  # fmt: skip

    def _money(self, body: dict[str, Any], usage: UsageRow | None) -> tuple[Account | None, str | None]:
        if usage is not None:
            return None, None if usage.terms is None else self._currency(usage.terms)
        if body["kind"] == "statement":
            return Account(body["payer"], body["payee"], body["currency"]), body["currency"]
        if body["kind"] in ("payment", "receipt"):
            row = statement_row(self._state, unpack_ref(body["statement"]).index)
            return (None, None) if row is None else (row.account, row.account.currency)
        terms = body.get("terms", {}) if body["kind"] == "asset" else body
        return None, terms.get("currency")

    def _currency(self, terms: int) -> str:
        found = self._currencies.get(terms)
        if found is None:
            row = self._state.terms(terms)
            if row is None:
                raise StorageError(f"terms {terms} are missing: the database is damaged")
            if len(self._currencies) == CURRENCIES_KEPT_MAX:
                self._currencies.clear()
            found = self._currencies[terms] = row.terms.currency
        return found

    def _asset(self, index: int, body: dict[str, Any], party: str) -> Row:
        row, terms = self._state.asset(index), self._state.asset_terms(index)
        return (
            index, str(Ref(index, self._leaf_at(index))), body["kind"], party, body["type"], body["name"],
            body.get("title"), body.get("version"), body.get("license"), body["root"].hex() if "root" in body else None,
            body.get("items"), body.get("bytes"), body.get("media"), body.get("uri"), body.get("origin"),
            body.get("modality"), body.get("collected_from"), body.get("collected_until"), body.get("aka"),
            (row.retired or None) if row else None, terms.newest if terms else None, terms.currency if terms else None,
        )  # fmt: skip

    def _edges(self, index: int, body: dict[str, Any], party: str) -> Iterator[tuple[str, Row]]:
        made = str(index) if body["kind"] == "asset" else body["name"]
        for source in body.get("sources", ()):
            target = source["asset"]
            to = target if isinstance(target, str) else str(unpack_ref(target).index)
            yield "edges", (made, to, source["as"], source.get("bps", 0), index, party)

    def _lines(self, account: Account) -> Iterator[tuple[str, Row]]:
        named = (account.payer.hex(), account.payee.hex(), account.currency)
        stated = _Stated(self._state, account)
        rows = sumlist.iterate(self._state.view, account.lines, start=0, below=self._size)
        for position, (index, amount) in enumerate(rows):
            used = self._used(index)
            yield "lines", (*named, position, index, amount, *used, stated.covering(index))

    def _credits(self, account: Account) -> Iterator[tuple[str, Row]]:
        named = (account.payer.hex(), account.payee.hex(), account.currency)
        stated = _Stated(self._state, account)
        rows = sumlist.iterate(self._state.view, account.credits, start=0, below=self._size)
        for position, (index, amount) in enumerate(rows):
            correction = unpack_ref(self._state.body(index)["correction"]).index
            usage = corrected_usage(self._state, correction)
            if usage is None:
                raise StorageError(f"a credit at entry {index}, which accepts no correction: the database is damaged")
            used = self._used(usage)
            yield "credits", (
                *named, position, index, amount, correction, usage, *used, stated.covering(index)
            )  # fmt: skip

    def _used(self, index: int) -> tuple[int, str]:
        """The asset and the use of a charged usage."""
        row = self._state.usage(index)
        if row is None or row.asset is None:
            raise StorageError(f"a line at entry {index}, which is no charged use: the database is damaged")
        return row.asset, self._state.body(index)["use"]


class _Stated:
    """Which statement covers a leaf of an account's lists; asked for in ascending order."""

    def __init__(self, state: State, account: Account) -> None:
        prefix = keys.STATED + account.key
        self._rows = state.view.scan(prefix, keys.after(prefix))
        self._to, self._statement = 0, 0
        self._ended = False

    def covering(self, index: int) -> int | None:
        while self._to <= index and not self._ended:
            found = next(self._rows, None)
            if found is None:
                self._ended = True
            else:
                self._to, self._statement = int.from_bytes(found[0][-8:], "big"), int.from_bytes(found[1], "big")
        return None if self._ended else self._statement


_ABOUT = ("usage", "correction", "statement", "dispute", "target")
"""Fields by which a record names the earlier one that it is about; each kind has one at most."""


def _about(body: dict[str, Any]) -> int | None:
    return next((_index(body[name]) for name in _ABOUT if name in body), None)


def _index(value: object) -> int | None:
    return unpack_ref(value).index if isinstance(value, bytes) and len(value) == REF_BYTES else None


def _named(value: object) -> str | None:
    if isinstance(value, bytes):
        return str(unpack_ref(value))
    return value if isinstance(value, str) else None
