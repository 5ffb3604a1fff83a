"""`usance correct` and `accept`: lowering what was logged, and agreeing to it (design sections 4 and 5)."""

from __future__ import annotations

import argparse
from typing import Any

from node.cli.common import add_key, add_node, open_signing
from node.cli.outcome import OK
from node.cli.quantities import add_quantities, read_quantities
from node.cli.text import show_value
from node.cli.writing import log_one, report
from node.client import Client, VerifiedEntry
from node.resolve import find_kind
from proofs.errors import InputError
from proofs.jsonform import to_json


def configure_correct(parser: argparse.ArgumentParser) -> None:
    """Which usage, and what it comes down to."""
    parser.add_argument("usage", metavar="USAGE", help="the usage: an index or a reference")
    add_quantities(parser, "what it comes down to (units that aren't named stay as they are, 0 takes one away)")
    parser.add_argument("--reason", required=True, help="why, for everybody to read")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_correct)


def run_correct(args: argparse.Namespace) -> int:
    """Lower a usage; its payees are credited for nothing until they accept."""
    wanted = read_quantities(args, least=0)
    signing = open_signing(args)
    usage = find_kind(signing.client, args.usage, "usage", field="USAGE")
    before = _newest(signing.client, usage)
    for unit, count in wanted.items():
        if count > before.get(unit, 0):
            raise InputError(
                "a correction only lowers; more than was logged is a new usage", field=unit,
                expected=f"at most {before.get(unit, 0)}",
            )  # fmt: skip
    after = {unit: count for unit, count in {**before, **wanted}.items() if count}
    if after == before:
        raise InputError("that is what it says already", field="quantities", expected="one unit lower")
    fields = {"kind": "correction", "usage": usage.ref.pack(), "quantities": after, "reason": args.reason}
    ref, status = log_one(signing, fields)
    report(args, "correction", ref, status, usage=str(usage.ref), lines=[
        f"  from {_show(before)}", f"  to {_show(after)}",
        f"  each payee is credited when it accepts: usance accept {ref.index}",
    ], json=to_json({"quantities": after}) | {"before": to_json({"quantities": before})["quantities"]})  # fmt: skip
    return OK


def _newest(client: Client, usage: VerifiedEntry) -> dict[str, int]:
    """What the usage comes to by its newest correction. The node says which that is, its entry is verified: had the
    node left one out, the log would refuse to raise it."""
    events = client.get(f"/records/{usage.ref.index}").get("events")
    found = [
        event["index"]
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict) and event.get("kind") == "correction" and type(event.get("index")) is int
    ]
    body: dict[str, Any] = usage.body
    if found:
        newest = find_kind(client, str(max(found)), "correction", field="USAGE")
        if newest.body["usage"] != usage.ref.pack():
            raise InputError(f"the node names entry {newest.ref.index}, which corrects another usage", field="USAGE")
        body = newest.body
    return dict(body["quantities"])


def _show(quantities: dict[str, int]) -> str:
    return show_value("quantities", quantities) or "nothing"


def configure_accept(parser: argparse.ArgumentParser) -> None:
    """Which correction."""
    parser.add_argument("correction", metavar="CORRECTION", help="the correction: an index or a reference")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_accept)


def run_accept(args: argparse.Namespace) -> int:
    """Credit the payer with this party's own part of what the correction takes back."""
    signing = open_signing(args)
    found = find_kind(signing.client, args.correction, "correction", field="CORRECTION")
    ref, status = log_one(signing, {"kind": "accept", "correction": found.ref.pack()})
    shown = to_json(found.body)
    report(args, "accept", ref, status, correction=str(found.ref), usage=shown["usage"], reason=shown["reason"],
           lines=[f"  the use comes down to {_show(found.body['quantities'])}"],
           json={"quantities": shown["quantities"]})  # fmt: skip
    return OK
