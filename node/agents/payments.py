"""Payment orders, and the small interface of the adapters that make one file of them (design section 6).

A file is a pure function of its orders, the payees file and a time that is passed in: the same call gives the same
bytes, and the name says which orders are inside. What an adapter can't pay exactly is refused with the reason, order by
order; nothing is rounded and nothing is left out in silence.
"""

from __future__ import annotations

import datetime
from base64 import b32encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from node.agents.amounts import is_payable
from node.agents.payees import Payees
from proofs.codec import INT_MAX
from proofs.currencies import minor_unit_nanos
from proofs.errors import InputError
from proofs.fields import CURRENCY
from proofs.ref import Ref

REFERENCE_BYTES = 20
REFERENCE_CHARS = 32
ORDERS_MAX = 10_000
"""Orders in one file."""
TIME_MS_MAX = 253_402_300_799_999
"""The end of the year 9999."""


def reference_of(leaf: bytes) -> str:
    """What a payment of a statement carries from end to end: base32 of the first 20 bytes of its leaf hash.

    32 characters of A-Z 2-7. `leaf`: 32 bytes. Raises InputError for another length. Source: design, deliverables.
    """
    if len(leaf) != 32:
        raise InputError(f"{len(leaf)} bytes", field="statement", expected="a leaf hash of 32 bytes")
    return b32encode(leaf[:REFERENCE_BYTES]).decode()


@dataclass(frozen=True, slots=True)
class Order:
    """What a payer owes on one statement, exactly its `due`. `payer`, `payee`: parties, 32 bytes. Raises InputError
    where a part is out of its range."""

    statement: Ref
    payer: bytes
    payee: bytes
    currency: str
    amount_nanos: int

    def __post_init__(self) -> None:
        if len(self.statement.leaf) != 32 or len(self.payer) != 32 or len(self.payee) != 32:
            raise InputError("not an order", field="order", expected="a reference and two parties")
        if not CURRENCY.ok(self.currency):
            raise InputError("no currency", field="currency", expected=CURRENCY.expected)
        if type(self.amount_nanos) is not int or not 1 <= self.amount_nanos <= INT_MAX:
            raise InputError("no amount to pay", field="amount", expected="1 to 2^63-1 nanos")

    @property
    def reference(self) -> str:
        """See reference_of."""
        return reference_of(self.statement.leaf)

    @property
    def remittance(self) -> str:
        """What the payee reads on the bank statement, at most 124 characters. The reference stands first, so that it
        survives a bank that cuts."""
        return f"{self.reference} usance {self.statement}"


@dataclass(frozen=True, slots=True)
class Timing:
    """The times inside a file. `created_ms`: Unix milliseconds; `execute`: the day on which the bank is to pay."""

    created_ms: int
    execute: datetime.date

    def __post_init__(self) -> None:
        if type(self.created_ms) is not int or not 0 <= self.created_ms <= TIME_MS_MAX:
            raise InputError("no time", field="created", expected="Unix milliseconds up to the year 9999")

    @property
    def created_text(self) -> str:
        """The creation time in UTC, to the second: 2026-01-31T12:00:00Z."""
        moment = datetime.datetime.fromtimestamp(self.created_ms // 1000, tz=datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """A file to hand to a bank. `orders` in the order in which they stand inside."""

    name: str
    data: bytes
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    """An order that stands in no file, and why: one line for a person."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of some orders: a file (None where none could be paid) and the rest."""

    file: PaymentFile | None
    refused: tuple[RefusedOrder, ...]


class Adapter(Protocol):
    """One way to hand payments over. Pure: no clock, no file."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def suffix(self) -> str:
        """The end of its files' names, with the dot."""

    def refusal(self, order: Order, payees: Payees) -> str:
        """Why this order can't be paid this way; "" where it can. `payees` has an account for it, and its amount is a
        whole number of its currency's minor units."""

    def render(self, orders: Sequence[Order], payees: Payees, timing: Timing, *, identity: str) -> bytes:
        """The file of these orders, all payable, sorted by currency and reference. `identity`: 32 characters of A-Z
        2-7 that name exactly these orders."""


def identity_of(orders: Iterable[Order]) -> str:
    """The name of a set of orders: base32 of a hash over their references, 32 characters, whatever their sequence."""
    joined = "\n".join(sorted(order.reference for order in orders))
    return b32encode(sha256(b"usance/payments/v1\n" + joined.encode()).digest()[:REFERENCE_BYTES]).decode()


def prepare(adapter: Adapter, orders: Sequence[Order], payees: Payees, timing: Timing) -> Prepared:
    """One file of all orders that the adapter can pay exactly, and the others with the reason.

    The sequence of `orders` doesn't matter. Raises InputError for a statement that comes twice and above ORDERS_MAX.
    """
    if len(orders) > ORDERS_MAX:
        raise InputError(f"{len(orders)} orders", field="orders", expected=f"at most {ORDERS_MAX} a file")
    if len({order.reference for order in orders}) != len(orders):
        raise InputError("a statement stands twice among the orders", field="orders", expected="each statement once")
    payable: list[Order] = []
    refused: list[RefusedOrder] = []
    for order in sorted(orders, key=lambda order: (order.currency, order.reference)):
        reason = _common_refusal(order, payees) or adapter.refusal(order, payees)
        if reason:
            refused.append(RefusedOrder(order, reason))
        else:
            payable.append(order)
    if not payable:
        return Prepared(None, tuple(refused))
    identity = identity_of(payable)
    data = adapter.render(payable, payees, timing, identity=identity)
    return Prepared(PaymentFile(f"usance-{identity}{adapter.suffix}", data, tuple(payable)), tuple(refused))


def _common_refusal(order: Order, payees: Payees) -> str:
    if order.payer != payees.payer:
        return f"the account in [debtor] pays for {payees.payer.hex()}, not for {order.payer.hex()}"
    if order.payee not in payees.accounts:
        return f"the payees file has no [payees.{order.payee.hex()}]"
    if not is_payable(order.amount_nanos, order.currency):
        unit = minor_unit_nanos(order.currency)
        return f"{order.amount_nanos} nanos of {order.currency} can't be paid exactly: its minor unit is {unit} nanos"
    return ""
