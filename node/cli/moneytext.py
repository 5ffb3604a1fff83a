"""What the node says a record came to, in words: charges, lines, sums. Never verified here, and said to be the node's.

Whatever is not as a node writes it is shown as "?" or left out, so that a strange answer can't break a command whose
record is logged already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from node.cli.text import short, show_value
from node.client import Client
from proofs.amounts import show_amount
from proofs.errors import UsanceError
from proofs.fields import CURRENCY

EXTRAS = (
    "reason", "judged_as", "terms", "currency", "charge", "lines", "corrected_to", "received", "open", "dispute",
    "events",
)  # fmt: skip
"""What `GET /records/<index>` may say beyond the record itself."""
_NANOS = re.compile(r"0|[1-9][0-9]{0,38}", re.ASCII)


def extras_in(said: dict[str, Any]) -> dict[str, Any]:
    """The extras in a node's answer about a record."""
    return {name: said[name] for name in EXTRAS if name in said}


def extras_of(client: Client, index: int) -> dict[str, Any]:
    """What the node knows of a record besides itself; nothing where that can't be had."""
    try:
        return extras_in(client.get(f"/records/{index}"))
    except UsanceError:
        return {}


def nanos_of(value: Any) -> int | None:
    """The nanos in an amount as a node writes it, decimal digits in a string; None for anything else."""
    return int(value) if isinstance(value, str) and _NANOS.fullmatch(value) else None


def money_text(value: Any, currency: Any) -> str:
    """An amount as a node writes it, in words."""
    nanos = nanos_of(value)
    return "?" if nanos is None or not CURRENCY.ok(currency) else show_amount(nanos, currency)


def extras_lines(extras: dict[str, Any], *, currency: Any = None) -> Iterator[str]:
    """The extras in words. `currency`: of the record itself, where it names one (a statement does)."""
    currency = extras.get("currency", currency)
    for name in ("reason", "judged_as", "terms"):
        if name in extras:
            yield f"{name} {extras[name]}"
    if "charge" in extras:
        yield f"charged {money_text(extras['charge'], currency)}"
    lines = extras.get("lines")
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, dict):
            yield f"  {money_text(line.get('amount'), line.get('currency'))} to {line.get('payee')}"
    if "corrected_to" in extras:
        yield f"corrected to {show_value('quantities', extras['corrected_to']) or 'nothing'}"
    for name in ("received", "open"):
        if name in extras:
            yield f"{name} {money_text(extras[name], currency)}"
    if "dispute" in extras:
        yield f"the dispute is {extras['dispute']}"
    events = extras.get("events")
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict):
            yield f"later: entry {event.get('index')}, {short(str(event.get('kind')))}"
