"""A usage report in the style of DDEX DSR, the Digital Sales Reporting standard's flat file (docs/export.md, "DSR").

What is like: tab-separated records, each with its type first; HEAD, summary records, blocks of a resource record and
usage records, FOOT with counts; cells, delimiters and escapes as DSR has them. What isn't: the record types between
HEAD and FOOT are our own (they end in X1), since DSR's know music only. So no file says that it conforms to DSR.

Figures come from a replay's state: amounts are the lines of accounts that pay the party, so over all time their sum is
that of the accounts, exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ledger import keys, sumlist
from ledger.accounts import accounts_of
from ledger.corrections import corrected_usage
from ledger.errors import StorageError
from ledger.postings import Account
from ledger.state import State, UsageRow
from node.agents.focus import decimal, guarded, second
from node.agents.statementview import AssetName, Party
from proofs.errors import InputError
from proofs.pricing import OBSERVED
from proofs.ref import unpack_ref

ROWS_MAX = 200_000
VERSION, PROFILE, PROFILE_VERSION = "usance-dsr/1", "x-usance-ai-use", "1"

RECORDS: dict[str, tuple[str, ...]] = {
    "HEAD": (
        "MessageVersion", "Profile", "ProfileVersion", "MessageId", "MessageCreatedDateTime", "FileNumber",
        "NumberOfFiles", "UsageStartDate", "UsageEndDate", "SenderPartyId", "SenderName", "ServiceDescription",
        "RecipientPartyId", "RecipientName", "RepresentedRepertoire",
    ),
    "SYX1": (
        "SummaryRecordId", "UseType", "CurrencyOfReporting", "Usages", "Charge", "Amount", "Credited", "NetAmount",
    ),
    "ASX1": (
        "BlockId", "ResourceReference", "ResourceType", "Title", "Version", "OwnerPartyId", "OwnerName",
    ),
    "SUX1": (
        "BlockId", "SummaryRecordId", "SalesTransactionId", "TransactedResourceReference", "UserPartyId", "UserName",
        "UseType", "Usages", "Quantities", "Statuses", "CurrencyOfReporting", "Charge", "Amount", "Credited",
        "NetAmount",
    ),
    "FOOT": (
        "NumberOfLinesInFile", "NumberOfLinesInReport", "NumberOfSummaryRecords", "NumberOfBlocksInFile",
        "NumberOfBlocksInReport",
    ),
}  # fmt: skip
"""Record types in the order in which they come, and their cells after the type; docs/export.md says what they hold."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is reported: uses that concern `party`, of one `payer` (None: of all), since ≤ `from` < until (Unix ms)."""

    party: bytes
    payer: bytes | None
    since: int
    until: int


@dataclass(slots=True)
class UseRow:
    """Uses of an asset by a payer in one way. Nanos of `currency` ("": no terms applied): `charge` for the whole uses,
    `amount` of it for the party, `credited` of that since."""

    asset: int
    payer: bytes
    use: str
    currency: str
    uses: int = 0
    charge: int = 0
    amount: int = 0
    credited: int = 0
    quantities: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


class _Gathering:
    def __init__(self, state: State, asked: Asked, size: int) -> None:
        self._state = state
        self._asked = asked
        self._size = size
        self.rows: dict[tuple[int, bytes, str, str], UseRow] = {}

    def add_lines(self, account: Account) -> None:
        for index, amount in sumlist.iterate(self._state.view, account.lines, start=0, below=self._size):
            usage = self._state.usage(index)
            if usage is None or usage.asset is None:
                raise StorageError(f"a line at entry {index}, which is no charged use: the database is damaged")
            row = self._row(index, usage, counted=not self._is_own(usage.asset))
            if row is not None:
                row.amount += amount

    def add_credits(self, account: Account) -> None:
        for index, amount in sumlist.iterate(self._state.view, account.credits, start=0, below=self._size):
            used = corrected_usage(self._state, unpack_ref(self._state.body(index)["correction"]).index)
            usage = None if used is None else self._state.usage(used)
            if used is None or usage is None:
                raise StorageError(f"a credit at entry {index}, which accepts no correction: the database is damaged")
            row = self._row(used, usage, counted=False)
            if row is not None:
                row.credited += amount

    def add_own(self) -> None:
        """Uses of the party's own assets by others, what they came to whatever it was."""
        asked = self._asked
        for place, _ in self._state.view.scan(keys.STATUS, keys.STATUS + keys.number(self._size)):
            index = int.from_bytes(place[1:], "big")
            usage = self._state.usage(index)
            if usage is None or usage.asset is None or usage.status == OBSERVED or usage.party == asked.party:
                continue
            if asked.payer in (None, usage.party) and self._is_own(usage.asset):
                self._row(index, usage, counted=True)

    def _is_own(self, asset: int) -> bool:
        row = self._state.asset(asset)
        return row is not None and row.party == self._asked.party

    def _row(self, index: int, usage: UsageRow, *, counted: bool) -> UseRow | None:
        """The row of a usage, None where it isn't of the period."""
        body = self._state.body(index)
        if usage.asset is None or not self._asked.since <= body["from"] < self._asked.until:
            return None
        terms = None if usage.terms is None else self._state.terms(usage.terms)
        currency = "" if terms is None else terms.terms.currency
        key = (usage.asset, usage.party, body["use"], currency)
        row = self.rows.get(key)
        if row is None:
            if len(self.rows) == ROWS_MAX:
                raise InputError(f"more than {ROWS_MAX} rows", field="--since", expected="a shorter time, or --payer")
            row = self.rows[key] = UseRow(*key)
        if counted:
            row.uses += 1
            row.charge += usage.charge
            row.quantities.update(body["quantities"])
            row.statuses[usage.status] += 1
        return row


def gather(state: State, asked: Asked, *, size: int) -> list[UseRow]:
    """The rows of a replayed log, by asset, payer, use and currency: uses of the party's assets by others, and of
    other assets whose charges reach the party. Raises InputError where there are more than ROWS_MAX."""
    found = _Gathering(state, asked, size)
    found.add_own()
    for account in accounts_of(state, asked.party):
        if account.payee == asked.party and asked.payer in (None, account.payer):
            found.add_lines(account)
            found.add_credits(account)
    return [found.rows[key] for key in sorted(found.rows)]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that stands in the file. `root`, `size`: of the tree that was replayed; `created_ms`: now."""

    origin: str
    root: bytes
    size: int
    created_ms: int
    asked: Asked
    recipient: Party
    sender: Party | None
    rows: Sequence[UseRow]
    name_of: Callable[[int], AssetName]
    party_of: Callable[[bytes], Party]

    @property
    def message_id(self) -> str:
        """The same for the same question of the same log, and for no other: 32 hexadecimal digits."""
        asked = self.asked
        told = [self.origin, self.size, self.root.hex(), asked.party.hex(), asked.payer.hex() if asked.payer else "",
                asked.since, asked.until]  # fmt: skip
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """(charge, amount, credited) by currency, in nanos; uses without terms have none."""
        found: dict[str, tuple[int, int, int]] = {}
        for row in self.rows:
            if row.currency:
                charge, amount, credited = found.get(row.currency, (0, 0, 0))
                found[row.currency] = charge + row.charge, amount + row.amount, credited + row.credited
        return dict(sorted(found.items()))


def dsr_lines(report: Report) -> Iterator[str]:
    """The file's lines, each with its end (LF)."""
    summaries = _summaries(report.rows)
    blocks = [(asset, list(rows)) for asset, rows in groupby(report.rows, key=lambda row: row.asset)]
    yield from (_line(f"#{kind}", *cells) for kind, cells in RECORDS.items())
    yield _line("HEAD", *_head(report))
    for number, ((use, currency), total) in enumerate(summaries.items(), 1):
        yield _line("SYX1", str(number), use, currency, str(total.uses), *_money(total))
    numbers = {key: str(number) for number, key in enumerate(summaries, 1)}
    sold = 0
    for block, (asset, rows) in enumerate(blocks, 1):
        named = report.name_of(asset)
        ref = str(named.ref)
        yield _line("ASX1", str(block), ref, named.type, _text(named.name), _text(named.version),
                    _party_id(named.owner.key), _text(named.owner.name))  # fmt: skip
        for row in rows:
            sold += 1
            payer = report.party_of(row.payer)
            yield _line("SUX1", str(block), numbers[row.use, row.currency], str(sold), ref, _party_id(row.payer),
                        _text(payer.name), row.use, str(row.uses), _counts(row.quantities), _counts(row.statuses),
                        row.currency, *_money(row))  # fmt: skip
    lines = str(len(RECORDS) + len(summaries) + len(blocks) + len(report.rows) + 2)
    yield _line("FOOT", lines, lines, str(len(summaries)), str(len(blocks)), str(len(blocks)))


def _head(report: Report) -> tuple[str, ...]:
    asked, sender = report.asked, report.sender
    ends = "" if asked.until >= 2**63 - 1 else second(asked.until)
    return (
        VERSION, PROFILE, PROFILE_VERSION, report.message_id, second(report.created_ms), "1", "1",
        second(asked.since), ends,
        _party_id(sender.key) if sender else f"USANCE-LOG::{_escaped(report.origin)}",
        _text(sender.name if sender else report.origin), _text(report.origin),
        _party_id(report.recipient.key), _text(report.recipient.name), "all",
    )  # fmt: skip


def _summaries(rows: Sequence[UseRow]) -> dict[tuple[str, str], UseRow]:
    """Sums by use and currency; one of nothing where nothing is reported, since a file has one at least."""
    found: dict[tuple[str, str], UseRow] = {}
    for row in rows:
        total = found.setdefault((row.use, row.currency), UseRow(0, b"", row.use, row.currency))
        total.uses += row.uses
        total.charge += row.charge
        total.amount += row.amount
        total.credited += row.credited
    return dict(sorted(found.items())) or {("", ""): UseRow(0, b"", "", "")}


def _money(row: UseRow) -> tuple[str, str, str, str]:
    nanos = (row.charge, row.amount, row.credited, row.amount - row.credited)
    charge, amount, credited, net = (decimal(each) if row.currency else "" for each in nanos)
    return charge, amount, credited, net


def _party_id(key: bytes) -> str:
    return f"USANCE::{key.hex()}"


def _counts(counts: Counter[str]) -> str:
    """A cell of several values: `token::1100|item::3`."""
    return "|".join(f"{name}::{count}" for name, count in sorted(counts.items()))


def _escaped(text: str) -> str:
    """DSR's escapes of the backslash, the secondary and the primary delimiter. A text of the log has no line end."""
    return text.replace("\\", "\\\\\\").replace("|", "\\\\|").replace("\t", "\\\t")


def _text(text: str) -> str:
    """A cell that somebody else wrote, as no spreadsheet takes for a formula."""
    return _escaped(guarded(text))


def _line(*cells: str) -> str:
    return "\t".join(cells) + "\n"
