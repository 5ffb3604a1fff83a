"""Money that came in, as a bank's file tells it, whatever the file's format (docs/settlement.md)."""

from __future__ import annotations

import json
from base64 import b32encode
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256

from node.agents.amounts import is_payable, parse_amount
from proofs.errors import InputError
from proofs.fields import CURRENCY, is_text

INCOMING_MAX = 200_000
REFERENCE_CHARS_MAX = 140
_NO_REFERENCE = {"", "NONREF", "NOTPROVIDED", "NOTAVAILABLE"}


@dataclass(frozen=True, slots=True)
class Incoming:
    """One sum that was booked to an account. `references`: end-to-end ids and the like, `text`: what was written to
    it, both as the bank gave them; `bank_reference`: the bank's own name of it, or one that was derived from all the
    rest; `booked`: the day, as the bank gave it, perhaps ""."""

    amount_nanos: int
    currency: str
    text: str
    references: tuple[str, ...]
    bank_reference: str
    booked: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A credit that isn't taken for money that came. `where`: its place in the file; `reason`: one line."""

    where: str
    reason: str


@dataclass(slots=True)
class BankFile:
    """What a file says. `debits`: entries that took money out of the account; they don't matter here."""

    incoming: list[Incoming] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    debits: int = 0

    def add(self, incoming: Incoming) -> None:
        """Raises InputError above INCOMING_MAX."""
        if len(self.incoming) >= INCOMING_MAX:
            raise InputError("too many entries", field="bank", expected=f"at most {INCOMING_MAX} credits a file")
        self.incoming.append(incoming)

    def skip(self, where: str, reason: str) -> None:
        """Raises InputError above INCOMING_MAX."""
        if len(self.skipped) >= INCOMING_MAX:
            raise InputError("too many entries", field="bank", expected=f"at most {INCOMING_MAX} credits a file")
        self.skipped.append(Skipped(where, reason))


class Namer:
    """Gives each credit of a file the bank's reference, or where the bank has none a name made of what it says.

    A derived name is the same in every file that tells the same credit, so that it is receipted once. Credits that are
    alike in everything are told apart by their number among them.
    """

    def __init__(self) -> None:
        self._alike: Counter[bytes] = Counter()

    def name(self, given: str, *told: str) -> str:
        """`given`: the bank's reference or ""; `told`: all else that is known of the credit."""
        given = given.strip()
        if given.upper() not in _NO_REFERENCE and len(given) <= REFERENCE_CHARS_MAX and is_text(given):
            return given
        digest = sha256(json.dumps(told).encode()).digest()
        self._alike[digest] += 1
        number = self._alike[digest]
        return f"derived-{b32encode(digest[:20]).decode()}{'' if number == 1 else f'-{number}'}"


def read_credit(text: str, currency: str) -> int:
    """The nanos of a credit. Raises InputError unless it is above zero and a whole number of minor units of a
    currency."""
    if not CURRENCY.ok(currency):
        raise InputError("no currency", field="currency", expected=CURRENCY.expected)
    nanos = parse_amount(text, field="amount")
    if nanos == 0 or not is_payable(nanos, currency):
        raise InputError(
            f"{text} {currency} is not paid in one piece", field="amount", expected="whole minor units, more than zero"
        )
    return nanos
