"""What an agent may settle by itself: limits for each payee and in total, by currency (design section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ledger.postings import Account
from node.agents.amounts import parse_money
from proofs.amounts import show_amount
from proofs.errors import InputError


@dataclass(frozen=True, slots=True)
class Limits:
    """Nanos by currency, for each payee and for all together. A kind of limit that is given for one currency is zero
    for all others: whoever names what he would pay doesn't mean any sum of something else. None at all: no limit."""

    per_payee: Mapping[str, int] = field(default_factory=dict)
    total: Mapping[str, int] = field(default_factory=dict)


def parse_limits(*, per_payee: Iterable[str], total: Iterable[str]) -> Limits:
    """Limits from options as `100.00EUR`, each currency once. Raises InputError."""
    return Limits(_parse(per_payee, "--limit-per-payee"), _parse(total, "--limit-total"))


def _parse(texts: Iterable[str], option: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts:
        nanos, currency = parse_money(text, field=option)
        if currency in found:
            raise InputError(f"{currency} twice", field=option, expected="each currency once")
        found[currency] = nanos
    return found


class Allowance:
    """What is left of limits in one run. Owner: one thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._total: Counter[str] = Counter()
        self._payees: Counter[Account] = Counter()

    def take(self, account: Account, nanos: int) -> str:
        """Take an amount from what is left, or say why not: "" where it fits. What doesn't fit takes nothing, so that
        smaller sums after it may."""
        currency = account.currency
        over = self._over(self._limits.per_payee, self._payees[account] + nanos, currency, "for this payee")
        over = over or self._over(self._limits.total, self._total[currency] + nanos, currency, "in total")
        if not over:
            self._payees[account] += nanos
            self._total[currency] += nanos
        return over

    def _over(self, limits: Mapping[str, int], wanted: int, currency: str, which: str) -> str:
        if not limits or wanted <= limits.get(currency, 0):
            return ""
        if currency not in limits:
            return f"no limit {which} is given in {currency}"
        limit = show_amount(limits[currency], currency)
        return f"{show_amount(wanted, currency)} would pass the limit {which}, {limit}"
