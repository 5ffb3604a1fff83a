"""What a run of `settle` did, or would do: the outcome as values, for people and programs to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ledger.postings import Account
from node.agents.payments import Order
from proofs.ref import Ref


@dataclass(frozen=True, slots=True)
class StatedNow:
    """A statement of this run. `statement`: None in a dry run; `by_other`: the other side was faster, and its figures
    are ours."""

    account: Account
    to: int
    lines: int
    due: int
    statement: Ref | None
    by_other: bool = False

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {**_account(self.account), "statement": _text(self.statement), "to": self.to, "lines": self.lines,
                "due": str(self.due), "by_other": self.by_other}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PaidNow:
    """A statement that was handed over to be paid. `payment`: the record that says so, None in a dry run; `earlier`: it
    was handed over by an earlier run that didn't come to log it."""

    statement: Ref | None
    account: Account
    amount: int
    reference: str
    method: str
    payment: Ref | None
    earlier: bool = False

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {**_account(self.account), "statement": _text(self.statement), "amount": str(self.amount),
                "reference": self.reference, "method": self.method, "payment": _text(self.payment),
                "handed_over_earlier": self.earlier}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Left:
    """What wasn't settled, and why. `statement`: None where it wasn't stated either."""

    account: Account
    amount: int
    statement: Ref | None
    reason: str

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {**_account(self.account), "statement": _text(self.statement), "amount": str(self.amount),
                "reason": self.reason}  # fmt: skip


@dataclass(slots=True)
class Settlement:
    """A run. `size`, `root`: the log that was replayed; `names`: what the parties call themselves; `files`: paths of
    payment files, in a dry run their names; `handed`: orders that this run has handed over, by reference."""

    log: str
    party: bytes
    side: str
    dry_run: bool
    size: int = 0
    root: bytes = b""
    names: dict[bytes, str] = field(default_factory=dict)
    stated: list[StatedNow] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    paid: list[PaidNow] = field(default_factory=list)
    handed: dict[str, Order] = field(default_factory=dict)
    left: list[Left] = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        """Nothing was done, and nothing is left."""
        return not (self.stated or self.files or self.paid or self.left)

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "log": self.log,
            "size": self.size,
            "root": self.root.hex(),
            "verified": True,
            "party": self.party.hex(),
            "as": self.side,
            "dry_run": self.dry_run,
            "stated": [one.value() for one in self.stated],
            "files": self.files,
            "paid": [one.value() for one in self.paid],
            "left": [one.value() for one in self.left],
        }


def _account(account: Account) -> dict[str, str]:
    return {"payer": account.payer.hex(), "payee": account.payee.hex(), "currency": account.currency}


def _text(ref: Ref | None) -> str | None:
    return None if ref is None else str(ref)
