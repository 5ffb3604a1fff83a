"""A statement as people read it: lines by asset and use, credits, free rides, receipts (design section 6).

Everything is read from a replay's state, so nothing rests on a node's word. Invariant: the groups' sums are the
statement's own figures, or `view_statement` raises and says which figure isn't met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger import keys, sumlist
from ledger.accounts import Figures, due_of, figures_at, statement_row
from ledger.corrections import corrected_usage
from ledger.postings import Account
from ledger.replay import Judged
from ledger.state import State
from proofs.errors import InputError, VerifyError
from proofs.pricing import PART_PRICED, UNLICENSED, UNPRICED
from proofs.ref import Ref, unpack_ref

GROUPS_MAX = 10_000
"""Groups of an asset and a use that one statement is shown by."""
RIDERS = (UNPRICED, PART_PRICED, UNLICENSED)

LeafAt = Callable[[int], bytes]
"""The leaf hash of an entry."""


@dataclass(frozen=True, slots=True)
class Party:
    """A key and what its party calls itself: a claim, "" where nothing is known."""

    key: bytes
    name: str


@dataclass(frozen=True, slots=True)
class AssetName:
    """An asset, what its owner calls it, and the owner."""

    ref: Ref
    type: str
    name: str
    version: str
    owner: Party


@dataclass(frozen=True, slots=True)
class Line:
    """One new line. `position`: its place among the account's lines; `amount`: what reaches the payee, of the `charge`
    for the whole use, in nanos; `since`, `until`: Unix milliseconds by the signer's clock."""

    index: int
    position: int
    amount: int
    charge: int
    asset: int
    terms: int
    use: str
    quantities: dict[str, int]
    since: int
    until: int
    item: bytes | None


@dataclass(frozen=True, slots=True)
class Credit:
    """One new credit. `index`: the acceptance; `correction` and `usage`: what it accepts, and what that corrects."""

    index: int
    amount: int
    correction: int
    usage: int
    asset: int
    use: str
    since: int
    until: int


@dataclass(slots=True)
class Group:
    """New lines of one asset and use. `uses`: how many; `charge`: for the whole uses; `amount`: of it for the payee."""

    asset: int
    use: str
    uses: int = 0
    charge: int = 0
    amount: int = 0
    quantities: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Ride:
    """Uses that were not, or not wholly, paid for, since the account began."""

    asset: int
    use: str
    status: str
    reason: str
    uses: int


@dataclass(frozen=True, slots=True)
class Movement:
    """A payment or receipt: who says so, how much, how."""

    index: int
    kind: str
    amount: int
    method: str
    reference: str


@dataclass(frozen=True, slots=True)
class Previous:
    """What earlier statements covered: up to leaf `to`, so many lines and credits, and their sums; `count` of them."""

    count: int
    to: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class StatementView:
    """A statement, whole. `fields`: the record's; `received`: by all receipts so far."""

    ref: Ref
    signer: Party
    fields: dict[str, Any]
    account: Account
    payer: Party
    payee: Party
    figures: Figures
    previous: Previous
    billed: int
    due: int
    received: int
    groups: Sequence[Group]
    credits: Sequence[Credit]
    rides: Sequence[Ride]
    movements: Sequence[Movement]
    assets: dict[int, AssetName]

    @property
    def open(self) -> int:
        """What is due and not acknowledged."""
        return self.due - self.received

    @property
    def new_gross(self) -> int:
        """The new lines together."""
        return sum(group.amount for group in self.groups)

    @property
    def new_credits(self) -> int:
        """The new credits together."""
        return sum(credit.amount for credit in self.credits)

    @property
    def adjustment(self) -> int:
        """What is carried from earlier statements, less what is rounded off this one, in nanos."""
        return self.due - self.new_gross + self.new_credits


class MovementWatch:
    """Collects payments and receipts while a log is replayed: of one statement, or of all (None)."""

    def __init__(self, statement: Ref | None) -> None:
        self._statement = None if statement is None else statement.pack()
        self._found: dict[bytes, list[Movement]] = {}

    def add(self, record: Judged) -> None:
        """The next record."""
        body = record.body
        if body["kind"] in ("payment", "receipt") and self._statement in (None, body["statement"]):
            found = self._found.setdefault(body["statement"], [])
            found.append(Movement(record.index, body["kind"], body["amount"], body["method"], body["reference"]))

    def of(self, statement: Ref) -> list[Movement]:
        """What moved for a statement, in the log's order."""
        return self._found.get(statement.pack(), [])


def party_of(state: State, key: bytes) -> Party:
    """A party with its name."""
    row = state.party(key)
    return Party(key, "" if row is None else row.name)


def asset_name(state: State, index: int, leaf_at: LeafAt) -> AssetName:
    """An asset with its names. Raises InputError where there is none."""
    row = state.asset(index)
    if row is None:
        raise InputError(f"entry {index} is no asset", field="asset")
    return AssetName(Ref(index, leaf_at(index)), row.type, row.name, row.version, party_of(state, row.party))


def view_statement(
    state: State, ref: Ref, *, signer: bytes, leaf_at: LeafAt, movements: Sequence[Movement]
) -> StatementView:
    """Gather a statement's view from a replay's state. Raises InputError where the entry is no statement, VerifyError
    naming the figure that the gathered lines don't come to."""
    row = statement_row(state, ref.index)
    if row is None:
        raise InputError(f"entry {ref.index} is no statement", field="REF", expected="a statement")
    body = state.body(ref.index)
    account = row.account
    groups = _group(iterate_lines(state, account, ref.index))
    credits = list(_credits(state, account, start=_previous_to(state, row.previous), to=row.to))
    rides = _rides(state, account, row.to)
    shown = {group.asset for group in groups} | {ride.asset for ride in rides} | {credit.asset for credit in credits}
    view = StatementView(
        ref=ref, signer=party_of(state, signer), fields=body, account=account,
        payer=party_of(state, account.payer), payee=party_of(state, account.payee),
        figures=figures_at(state, account, row.to), previous=_previous(state, account, row.previous),
        billed=row.billed, due=row.due, received=row.received, groups=groups, credits=credits, rides=rides,
        movements=list(movements), assets={index: asset_name(state, index, leaf_at) for index in sorted(shown)},
    )  # fmt: skip
    _check(view)
    return view


def _previous_to(state: State, index: int) -> int:
    row = statement_row(state, index) if index else None
    return 0 if row is None else row.to


def _previous(state: State, account: Account, index: int) -> Previous:
    to = _previous_to(state, index)
    count = 0
    while index:
        row = statement_row(state, index)
        count += 1
        index = 0 if row is None else row.previous
    return Previous(count, to, figures_at(state, account, to))


def iterate_lines(state: State, account: Account, statement: int) -> Iterator[Line]:
    """The lines that are new in the statement at a leaf, ascending; streamed."""
    row = statement_row(state, statement)
    if row is None:
        return
    start = _previous_to(state, row.previous)
    position = sumlist.extent_at(state.view, account.lines, start).count
    for index, amount in sumlist.iterate(state.view, account.lines, start=start, below=row.to):
        usage, body = state.usage(index), state.body(index)
        if usage is None or usage.asset is None or usage.terms is None:
            raise VerifyError(f"a line at entry {index}, which is no charged use", field="lines")
        yield Line(
            index, position, amount, usage.charge, usage.asset, usage.terms, body["use"], body["quantities"],
            body["from"], body["until"], body.get("item") or body.get("items"),
        )  # fmt: skip
        position += 1


def _group(lines: Iterator[Line]) -> list[Group]:
    groups: dict[tuple[int, str], Group] = {}
    for line in lines:
        group = groups.get((line.asset, line.use))
        if group is None:
            if len(groups) == GROUPS_MAX:
                raise InputError(
                    f"lines of more than {GROUPS_MAX} assets and uses", field="REF",
                    expected="a smaller statement: `usance export focus` writes the lines of this one",
                )  # fmt: skip
            group = groups[line.asset, line.use] = Group(line.asset, line.use)
        group.uses += 1
        group.charge += line.charge
        group.amount += line.amount
        group.quantities.update(line.quantities)
    return [groups[key] for key in sorted(groups)]


def _credits(state: State, account: Account, *, start: int, to: int) -> Iterator[Credit]:
    for index, amount in sumlist.iterate(state.view, account.credits, start=start, below=to):
        correction = unpack_ref(state.body(index)["correction"]).index
        usage = corrected_usage(state, correction)
        row = None if usage is None else state.usage(usage)
        if usage is None or row is None or row.asset is None:
            raise VerifyError(f"a credit at entry {index}, which accepts no correction", field="credits")
        body = state.body(usage)
        yield Credit(index, amount, correction, usage, row.asset, body["use"], body["from"], body["until"])


def _rides(state: State, account: Account, to: int) -> list[Ride]:
    """The payer's uses below leaf `to` that count in the account's statements as unpriced or unlicensed."""
    found: Counter[tuple[int, str, str, str]] = Counter()
    for key, _ in state.view.scan(keys.STATUS, keys.STATUS + keys.number(to)):
        index = int.from_bytes(key[1:], "big")
        row = state.usage(index)
        if row is None or row.asset is None or row.party != account.payer or row.status not in RIDERS:
            continue
        if _counts(state, account, row.asset, to):
            found[row.asset, state.body(index)["use"], row.status, row.reason] += 1
    return [Ride(*key, uses) for key, uses in sorted(found.items())]


def _counts(state: State, account: Account, asset: int, to: int) -> bool:
    """The payee owns it, and it was of the account's currency, as known below leaf `to`, or of none."""
    row, terms = state.asset(asset), state.asset_terms(asset)
    if row is None or row.party != account.payee:
        return False
    return terms is None or terms.first >= to or terms.currency == account.currency


def _check(view: StatementView) -> None:
    """Hold what is shown against the statement's own figures. Raises VerifyError naming the one that isn't met."""
    fields, before = view.fields, view.previous.figures
    rides: Counter[str] = Counter()
    for ride in view.rides:
        rides[UNLICENSED if ride.status == UNLICENSED else UNPRICED] += ride.uses
    shown: dict[str, int | bytes] = {
        "lines": before.lines + sum(group.uses for group in view.groups),
        "gross": before.gross + view.new_gross,
        "root": view.figures.root,
        "credit_lines": before.credit_lines + len(view.credits),
        "credits": before.credits + view.new_credits,
        "credit_root": view.figures.credit_root,
        "billed": view.billed,
        "due": due_of(view.figures, billed=view.billed, currency=view.account.currency),
        "unpriced": rides[UNPRICED],
        "unlicensed": rides[UNLICENSED],
    }
    for name, value in shown.items():
        stated = fields[name]
        if isinstance(stated, bytes) and isinstance(value, int):
            stated = int.from_bytes(stated, "big")
        if stated != value:
            said, comes = (item.hex() if isinstance(item, bytes) else item for item in (stated, value))
            raise VerifyError(f"what is shown comes to {name} {comes}, the statement says {said}", field=name)
    received = sum(move.amount for move in view.movements if move.kind == "receipt")
    if received != view.received:
        raise VerifyError(f"the receipts come to {received}, the replay says {view.received}", field="received")
