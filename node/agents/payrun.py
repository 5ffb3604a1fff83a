"""From orders to payment files in the outbox: what was handed over before stays out (design section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from node.agents.handed import Handed
from node.agents.handover import HandedFile, Handover, handed_before
from node.agents.payees import Payees
from node.agents.payments import ORDERS_MAX, Adapter, Order, PaymentFile, Prepared, RefusedOrder, Timing, prepare
from proofs.errors import InputError

RUN_ORDERS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class PayRun:
    """What a run did, or would do. `files`: made now; `earlier`: payments of earlier runs; `refused`: in no file, with
    the reason; `recovered`: a file that a crash had left half-way and that this run completed, whatever its orders."""

    files: tuple[PaymentFile, ...]
    earlier: tuple[Handed, ...]
    refused: tuple[RefusedOrder, ...]
    recovered: HandedFile | None = None


def plan(orders: Sequence[Order], *, adapter: Adapter, payees: Payees, timing: Timing, state: str) -> PayRun:
    """What `hand_over` would do now; nothing is written. Raises as it does."""
    _check(orders)
    earlier = handed_before(state, orders)
    prepared = [prepare(adapter, chunk, payees, timing) for chunk in _chunks(orders, earlier)]
    return _sum_up(prepared, earlier, None)


def hand_over(
    orders: Sequence[Order], *, adapter: Adapter, payees: Payees, timing: Timing, state: str, outbox: str
) -> PayRun:
    """Put every order into a payment file in the folder `outbox`, once and only once, ORDERS_MAX at most in each.

    `state`: the folder that remembers it. Raises InputError for a statement that comes twice or that was handed over
    with other figures, RetryableError where another process is at it, and FileError and StorageError as `Handover`.
    """
    _check(orders)
    prepared = []
    with Handover(state) as handover:
        earlier = handover.earlier(orders)
        for chunk in _chunks(orders, earlier):
            made = prepare(adapter, chunk, payees, timing)
            if made.file is not None:
                handover.hand(made.file, outbox)
            prepared.append(made)
        return _sum_up(prepared, earlier, handover.recovered)


def _check(orders: Sequence[Order]) -> None:
    if len(orders) > RUN_ORDERS_MAX:
        raise InputError(f"{len(orders)} orders", field="orders", expected=f"at most {RUN_ORDERS_MAX} a run")
    if len({order.reference for order in orders}) != len(orders):
        raise InputError("a statement stands twice among the orders", field="orders", expected="each statement once")


def _chunks(orders: Iterable[Order], earlier: Iterable[Handed]) -> Iterator[list[Order]]:
    """The orders that are still to be handed over, always in the same sequence, a file's worth at a time."""
    done = {handed.order.reference for handed in earlier}
    left = sorted(
        (order for order in orders if order.reference not in done), key=lambda order: (order.currency, order.reference)
    )
    for start in range(0, len(left), ORDERS_MAX):
        yield left[start : start + ORDERS_MAX]


def _sum_up(prepared: Iterable[Prepared], earlier: Iterable[Handed], recovered: HandedFile | None) -> PayRun:
    made = list(prepared)
    return PayRun(
        files=tuple(one.file for one in made if one.file is not None),
        earlier=tuple(earlier),
        refused=tuple(refused for one in made for refused in one.refused),
        recovered=recovered,
    )
