"""Orders, payees and bank details for the agents' tests, and what Hypothesis draws of them."""

import datetime
import os
from pathlib import Path

from hypothesis import strategies as st

from node.agents.payees import Account, Payees
from node.agents.payments import Order, Timing
from proofs.currencies import MINOR_UNIT_DIGITS, minor_unit_nanos
from proofs.ref import Ref

EUR_CENT = 10**7
PAYER = bytes([1]) * 32
PAYEES = [bytes([0xA2, n]) * 16 for n in range(6)]
TIMING = Timing(1_769_860_800_000, datetime.date(2026, 2, 2))
LATER = Timing(1_769_947_200_000, datetime.date(2026, 2, 3))
BODIES = {"DE": "370400440532013000", "NL": "ABNA0417164300", "FR": "20041010050500013M02606", "US": "12345678901"}


def iban(country: str, body: str) -> str:
    """An IBAN with the check digits that fit."""
    digits = "".join(str(int(character, 36)) for character in f"{body}{country}00")
    return f"{country}{98 - int(digits) % 97:02}{body}"


GERMAN, DUTCH, FRENCH = (iban(country, BODIES[country]) for country in ("DE", "NL", "FR"))
ACCOUNTS = {
    PAYEES[0]: Account("Archive & <Sons> Ltd", iban=DUTCH, bic="ABNANL2A"),
    PAYEES[1]: Account("Münchner Verlag", iban=GERMAN),
    PAYEES[2]: Account("Éditions du Midi", iban=FRENCH, bic="PSSTFRPPXXX", account="wallet 7"),
    PAYEES[3]: Account("=SUM(A1:A9)", account="+49 170 0000"),
    PAYEES[4]: Account("Overseas Inc", iban=iban("US", BODIES["US"])),
}
BOOK = Payees(PAYER, Account("Acme Models", iban=GERMAN, bic="COBADEFFXXX"), ACCOUNTS)
"""PAYEES[5] has no account."""


def statement(number: int) -> Ref:
    """A statement's reference, another for each number."""
    return Ref(number, number.to_bytes(4, "big") * 8)


def order(number: int, *, payee: int = 0, currency: str = "EUR", amount: int = 1250 * EUR_CENT) -> Order:
    """An order for the payee of this number."""
    return Order(statement(number), PAYER, PAYEES[payee], currency, amount)


def write_private(path: Path, text: str) -> str:
    """A file with mode 0600."""
    path.write_text(text, encoding="utf-8")
    os.chmod(path, 0o600)
    return str(path)


leaf_hashes = st.binary(min_size=32, max_size=32)
currencies = st.one_of(st.sampled_from([*MINOR_UNIT_DIGITS]), st.just("GPUHOURS"))


@st.composite
def amounts(draw: st.DrawFn, currency: str, *, nanos_max: int = 2**63 - 1) -> int:
    """Whole minor units of a currency, in nanos, at least one."""
    unit = minor_unit_nanos(currency)
    return unit * draw(st.one_of(st.integers(1, nanos_max // unit), st.integers(1, 1000), st.just(nanos_max // unit)))


@st.composite
def orders(draw: st.DrawFn, *, payees: int = 3, currency: str = "", nanos_max: int = 2**63 - 1) -> list[Order]:
    """One to twelve orders of different statements, to the first so many payees."""
    made = []
    for leaf in draw(st.lists(leaf_hashes, min_size=1, max_size=12, unique_by=lambda leaf: leaf[:20])):
        of = currency or draw(currencies)
        to = PAYEES[draw(st.integers(0, payees - 1))]
        ref = Ref(draw(st.integers(0, 2**63 - 1)), leaf)
        made.append(Order(ref, PAYER, to, of, draw(amounts(of, nanos_max=nanos_max))))
    return made
