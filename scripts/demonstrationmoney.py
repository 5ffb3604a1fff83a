"""The demonstration goes on: terms, a model made from the data set, its uses, statements, payments, receipts, evidence.

The bank is played by a few lines: what the payment file orders comes in at each payee's, as the bank's CSV tells it.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import time
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.demonstration import Demo

USES = 300
SHOWN = 41
"""Which of the uses is proved in the end."""

DATA_SET_TERMS = """\
currency = "EUR"
derivatives = 1000          # 10 % of what assets made from it bring
duties = ["attribution"]
on_match = "charge"         # what is found elsewhere is to be logged and paid

[[offers]]
use = "train"
unit = "byte"
price = "0.50"
per = 1000000

[[splits]]
party = "{publisher}"
bps = 7000

[[splits]]
party = "{authors}"
bps = 3000
"""
MODEL_TERMS = """\
currency = "EUR"
prohibits = ["distill"]

[[offers]]
use = "infer"
unit = "input_token"
price = "0.50"
per = 1000000

[[offers]]
use = "infer"
unit = "output_token"
price = "2.50"
per = 1000000
"""
APP = """\
import os, random, signal, sys
import usance

model, calls, chance = sys.argv[1], int(sys.argv[2]), random.Random(7)
uses = usance.Recorder()
for call in range(calls):
    said = {"input_token": chance.randrange(10**5, 10**6), "output_token": chance.randrange(1, 10**5)}
    uses.use(model, "infer", quantities=said, call=f"call-{call}")
os.kill(os.getpid(), signal.SIGKILL)
"""
PAYEES = """\
[debtor]
party = "{app}"
name = "Example App"
iban = "DE89370400440532013000"

[payees.{lab}]
name = "Example Lab"
iban = "NL91ABNA0417164300"

[payees.{publisher}]
name = "Standard Library Press"
iban = "FR1420041010050500013M02606"

[payees.{authors}]
name = "Writers Cooperative"
iban = "BE68539007547034"
"""


def _write(demo: Demo, name: str, text: str, mode: int = 0o644) -> str:
    path = demo.path(name)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _party(demo: Demo, key: str) -> str:
    """The party that a key file founded, in hex."""
    said = demo.usance("key", "show", demo.path(f"{key}.key"), "--json", quiet=True)
    return str(json.loads(said)["key"])


def publish(demo: Demo, data_set: int) -> str:
    """Terms for the data set, a model made from it with its own, and who will pay; the model's reference."""
    demo.step("The publisher sets terms: a share of what models made from it bring, split with the authors")
    demo.usance("key", "new", demo.path("authors.key"), "--name", "authors")
    demo.usance("party", "Writers Cooperative", key="authors")
    names = {key: _party(demo, key) for key in ("publisher", "authors", "lab")}
    terms = _write(demo, "corpus-terms.toml", DATA_SET_TERMS.format(**names))
    demo.usance("terms", str(data_set), terms, "--dry-run", key="publisher")
    demo.usance("terms", str(data_set), terms, key="publisher")
    demo.step("The lab registers its model, with terms: refused while a source that it used is left out, then taken")
    terms = _write(demo, "model-terms.toml", MODEL_TERMS)
    # Without the data set among its sources the log refuses the model: the lab's own records say that it was used.
    demo.usance("asset", "--name", "demo-model", "--type", "model", "--terms", terms, key="lab", expect=2)
    said = demo.usance(
        "asset", "--name", "demo-model", "--type", "model", "--trained-on", str(data_set), "--terms", terms, "--json",
        key="lab", quiet=True,
    )  # fmt: skip
    ref = str(json.loads(said)["ref"])
    print(f"   {ref[:24]}…: demo-model, made from the data set", flush=True)
    return ref


def use_and_settle(demo: Demo, model: str) -> int:
    """Uses of the model, then statements, payments, receipts; the leaf index of the use to prove."""
    demo.step(f"An application uses the model {USES} times, and is killed before it has sent a record of it")
    demo.usance("key", "new", demo.path("app.key"), "--name", "app")
    demo.usance("party", "Example App", key="app")
    _write(demo, "app.py", APP)
    url, demo.url = demo.url, ""  # it knows of no node: all that it logs stays in the spool
    demo.python("app.py", model, str(USES), key="app", expect=-signal.SIGKILL)
    demo.url = url
    demo.usance("spool", "status", key="app")
    demo.usance("spool", "send", key="app")
    party = _party(demo, "app")
    said = demo.usance("records", "--party", party, "--kind", "usage", "--limit", "1", "--json", quiet=True)
    shown = int(json.loads(said)["records"][0]["index"]) + SHOWN
    demo.usance("accounts", "--party", party)
    demo.step("Its agent adds everything up again from the log, signs the statements, and orders the payments")
    names = {key: _party(demo, key) for key in ("app", "lab", "publisher", "authors")}
    payees = _write(demo, "payees.toml", PAYEES.format(**names), 0o600)
    os.makedirs(demo.path("outbox"), exist_ok=True)
    settle = ("settle", "--payees", payees, "--adapter", "pain001", "--out", demo.path("outbox"),
              "--limit-total", "1000.00EUR")  # fmt: skip
    demo.usance(*settle, "--dry-run", key="app")
    demo.usance(*settle, key="app")
    demo.usance(*settle, key="app")  # run twice, paid once
    demo.step("The money comes in; the payees' agents match it, and sign receipts")
    for key, name in (("lab", "Example Lab"), ("publisher", "Standard Library Press"),
                      ("authors", "Writers Cooperative")):  # fmt: skip
        demo.usance("receipt", "--bank", _bank_says(demo, key, name), key=key)
    demo.usance("accounts", "--party", party)
    return shown


def _bank_says(demo: Demo, key: str, name: str) -> str:
    """The bank's CSV of a payee: what the payment file orders for it has come in."""
    folder = demo.path("outbox")
    (file,) = (os.path.join(folder, entry) for entry in os.listdir(folder) if entry.endswith(".xml"))
    tree = ElementTree.parse(file)  # noqa: S314 (the program's own file)
    space = {"p": tree.getroot().tag[1:].partition("}")[0]}
    path = demo.path(f"bank-{key}.csv")
    with open(path, "w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("booked", "amount", "currency", "reference", "text"))
        for at, order in enumerate(tree.iterfind(".//p:CdtTrfTxInf", space)):
            amount = order.find("p:Amt/p:InstdAmt", space)
            if amount is not None and order.findtext("p:Cdtr/p:Nm", "", space) == name:
                text = order.findtext("p:RmtInf/p:Ustrd", "", space)
                rows.writerow((time.strftime("%Y-%m-%d"), amount.text, amount.get("Ccy"), f"BANK-{at}", text))
    return path


def show(demo: Demo, use: int) -> None:
    """The evidence file of one use; then no node, and it is verified."""
    demo.step("One file for one use: logged, priced, stated, acknowledged; then the node is stopped for good")
    demo.usance("evidence", str(use), "-o", demo.path("use.evidence.json"))
    demo.usance("audit", demo.url, "--log", demo.path("node/log.vkey"))
    demo.stop_node()
    demo.url = ""
    demo.step("Verify it offline")
    demo.usance("verify", demo.path("use.evidence.json"), "--log", demo.path("node/log.vkey"))
