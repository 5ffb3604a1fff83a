"""Runs one handover in a process of its own and kills it on the way: `killed.py STATE OUTBOX CALL before|after`.

The process kills itself with SIGKILL before or after the CALLth of its calls that touch the disk; beyond the last one
it ends normally.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from node.agents.csvpay import CsvPayments
from node.agents.payrun import hand_over
from tests.node.agents.support import BOOK, TIMING, order

CALLS = ("open", "fsync", "rename", "unlink", "ftruncate", "mkdir")
OPEN = os.open
ORDERS = [order(n, payee=n % 4) for n in range(3)]


def count_calls(at: Callable[[int, bool], None]) -> dict[str, Any]:
    """The counted versions of CALLS: `at(number, done)` is called before (False) and after (True) each."""
    number = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal number
            number += 1
            mine = number
            at(mine, False)
            result = real(*args, **kwargs)
            try:
                at(mine, True)
            except BaseException:
                if real is OPEN:  # nobody else has the handle
                    os.close(result)
                raise
            return result

        return call

    return {name: counted(getattr(os, name)) for name in CALLS}


def main(state: str, outbox: str, call: int, when: str) -> None:
    """Hand over ORDERS and die on the way."""

    def at(number: int, done: bool) -> None:
        if number == call and done == (when == "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    for name, counted in count_calls(at).items():
        setattr(os, name, counted)
    hand_over(ORDERS, adapter=CsvPayments(), payees=BOOK, timing=TIMING, state=state, outbox=outbox)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
