"""Agents on a real node: who settles, with which bank details, and what the log and the outbox hold afterwards.

As a program it runs one settlement and kills itself on the way: `settling.py FOLDER STEP`, FOLDER as `write_plan` left
it. STEP: one of STEPS; or `WHEN NUMBER`, with WHEN one of MOMENTS of the NUMBERth write to the node; "" to end well.
"""

import csv
import datetime
import http.client
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.agents.agent import Agent, tell_nobody
from node.agents.books import PAYER
from node.agents.payees import Account, Payees
from node.agents.payments import Adapter, Timing
from node.agents.settle import ADAPTERS, Options, Paying, settle
from node.agents.settlement import Settlement
from node.client import Client
from node.sources import HttpSource
from proofs.checkpoint import parse_log_vkey
from proofs.errors import RetryableError
from tests.node.agents.support import DUTCH, GERMAN
from tests.node.harness import NOW_MS, Actor, NodeProcess

TIMING = Timing(NOW_MS, datetime.date(2026, 2, 2))
STEPS = ("locked", "replayed", "compared", "stated", "handed", "paid")
MOMENTS = ("before", "sent", "answered")
BUSY = 4


def book(payer: Actor, *payees: Actor) -> Payees:
    """A payees file's content in which these payees have accounts."""
    accounts = {payee.key: Account(f"Payee {at}", iban=DUTCH) for at, payee in enumerate(payees)}
    return Payees(payer.key, Account("Payer", iban=GERMAN), accounts)


@dataclass
class Desk:
    """Where one party's agent works: its key, its state, its outbox."""

    url: str
    vkey: Any
    folder: Path
    private_key: Ed25519PrivateKey
    payees: Payees | None = None
    adapter: Adapter = field(default_factory=lambda: ADAPTERS["csv"])

    def __post_init__(self) -> None:
        self.outbox.mkdir(parents=True, exist_ok=True)

    @property
    def outbox(self) -> Path:
        """The folder of payment files."""
        return self.folder / "outbox"

    @property
    def state(self) -> Path:
        """What remembers handed payments."""
        return self.folder / "settle"

    def agent(self, reached: Callable[[str], None] = tell_nobody) -> Agent:
        """An agent with connections of its own."""
        client = Client(self.url, self.vkey, state_folder=str(self.folder / "heads"), sleep=lambda seconds: None)
        return Agent(client, HttpSource(self.url), self.private_key, lambda: NOW_MS, reached=reached)

    def options(self, **more: Any) -> Options:
        """Pay what is due, unless told otherwise."""
        paying = None
        if self.payees is not None and more.get("side", PAYER) == PAYER:
            paying = Paying(self.payees, self.adapter, str(self.outbox), TIMING)
        return Options(**{"state": str(self.state), "paying": paying, **more})

    def settle(self, reached: Callable[[str], None] = tell_nobody, **more: Any) -> Settlement:
        """One run."""
        agent = self.agent(reached)
        try:
            return settle(agent, self.options(**more))
        finally:
            agent.client.close()
            agent.source.close()

    def files(self) -> list[Path]:
        """The payment files, hidden ones too."""
        return sorted(self.outbox.iterdir())

    def paid(self) -> Counter[tuple[str, str, str, str]]:
        """(statement, payee, amount, currency) of every row of every CSV file in the outbox."""
        found: Counter[tuple[str, str, str, str]] = Counter()
        for path in self.files():
            with open(path, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    found[row["statement"], row["payee"], row["amount"], row["currency"]] += 1
        return found


def desk(node: NodeProcess, folder: Path, who: Actor, *payees: Actor, **more: Any) -> Desk:
    """A desk of a party, which pays these payees."""
    return Desk(node.url, node.vkey, folder, who.private_key, book(who, *payees) if payees else None, **more)


def records_of(node: NodeProcess, kind: str, *parties: Actor) -> list[dict[str, Any]]:
    """All records of a kind by these parties (by any where none is named), as the node lists them."""
    found: list[dict[str, Any]] = []
    start: int | None = 0
    while start is not None:
        page = node.json(f"/records?kind={kind}&limit=1000&from={start}")
        found += page["records"]
        start = page["next"]
    keys = {party.key.hex() for party in parties}
    return [row for row in found if not keys or row["signer"]["party"] in keys]


def check_paid_once(node: NodeProcess, at: Desk, payer: Actor, amounts: dict[bytes, str]) -> None:
    """The end of every settlement, however it came about: of each payee one statement of exactly that amount, one row
    in one file, one payment record, and nothing else in the outbox."""
    rows = [row for row in records_of(node, "statement") if row["record"]["payer"] == payer.key.hex()]
    stated = {row["ref"]: row["record"]["payee"] for row in rows}
    assert Counter(stated.values()) == Counter(payee.hex() for payee in amounts)
    wanted = {(ref, payee, amounts[bytes.fromhex(payee)], "EUR") for ref, payee in stated.items()}
    assert at.paid() == Counter(wanted)
    said = Counter(row["record"]["statement"] for row in records_of(node, "payment", payer))
    assert said == Counter(stated.keys())
    assert not [path for path in at.files() if path.name.startswith(".")]


# A run in a process of its own


def write_plan(at: Desk) -> None:
    """What the program needs to know of a desk."""
    payees = at.payees
    assert payees is not None
    plan = {
        "url": at.url, "vkey": at.vkey.text, "key": at.private_key.private_bytes_raw().hex(),
        "payer": payees.payer.hex(), "payees": [payee.hex() for payee in payees.accounts],
    }  # fmt: skip
    (at.folder / "plan.json").write_text(json.dumps(plan))


def _watch_writes(reached: Callable[[str], None]) -> None:
    """Tell of every POST: before it is sent, when it is sent and not answered yet, when its answer is there."""
    writes = 0
    request, answer = http.client.HTTPConnection.request, http.client.HTTPConnection.getresponse

    def sending(self: Any, method: str, *args: Any, **kwargs: Any) -> None:
        nonlocal writes
        writes += method == "POST"
        self.is_write = method == "POST"
        if self.is_write:
            reached(f"before {writes}")
        request(self, method, *args, **kwargs)
        if self.is_write:
            reached(f"sent {writes}")

    def answering(self: Any) -> Any:
        response = answer(self)
        if self.is_write:
            response.read = lambda *args, read=response.read: _told(read(*args), lambda: reached(f"answered {writes}"))
        return response

    http.client.HTTPConnection.request = sending  # type: ignore[method-assign, assignment]
    http.client.HTTPConnection.getresponse = answering  # type: ignore[method-assign]


def _told(data: bytes, tell: Callable[[], None]) -> bytes:
    tell()
    return data


def main(folder: str, step: str) -> int:
    """Settle, and die at a step; BUSY where another run is under way."""
    plan = json.loads(Path(folder, "plan.json").read_text())
    accounts = {bytes.fromhex(payee): Account(f"Payee {at}", iban=DUTCH) for at, payee in enumerate(plan["payees"])}
    payees = Payees(bytes.fromhex(plan["payer"]), Account("Payer", iban=GERMAN), accounts)
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(plan["key"]))
    at = Desk(plan["url"], parse_log_vkey(plan["vkey"]), Path(folder), key, payees)

    def reached(now: str) -> None:
        if now == step:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch_writes(reached)
    try:
        at.settle(reached)
    except RetryableError:
        return BUSY
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
