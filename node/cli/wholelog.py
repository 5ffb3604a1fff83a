"""What commands share that read all usage of a replayed log: filters, assets by name, what parties are called."""

from __future__ import annotations

import argparse
from typing import Any

from ledger.state import State
from node.agents.meters import Target, show_target
from node.agents.reconcile import Filters
from node.cli.common import party_bytes
from node.cli.text import parse_time, short
from node.client import Client
from node.resolve import resolve
from proofs.errors import InputError
from proofs.ref import Ref, unpack_ref

CLAIMANTS_MAX = 16


def add_filters(what: Any) -> None:
    """--party, --asset, --since and --until, to a group of a parser."""
    what.add_argument("--party", metavar="PARTY", help="uses by this party: its key in hex, or a file of it")
    what.add_argument("--asset", metavar="ASSET", help="uses of this asset, by reference or by a name that it alone "
                      "claims; or by this external name")  # fmt: skip
    what.add_argument("--since", metavar="TIME", help="uses whose `from` is at or after this time")
    what.add_argument("--until", metavar="TIME", help="uses whose `from` is before this time")


def check_filters(args: argparse.Namespace) -> Filters:
    """All but the asset, which a node is asked for. Raises InputError."""
    party, provider = (
        None if text is None else party_bytes(text, field=option)
        for text, option in ((args.party, "--party"), (getattr(args, "provider", None), "--provider"))
    )
    since, until = (
        None if text is None else parse_time(text, field=option)
        for text, option in ((args.since, "--since"), (args.until, "--until"))
    )
    if since is not None and until is not None and until <= since:
        raise InputError("--until is not after --since", field="--until", expected="a later time")
    return Filters(party=party, provider=provider, since=since, until=until)


def find_asset(client: Client, text: str | None) -> tuple[Target | None, tuple[str, ...]]:
    """What --asset means, and the names that it claims."""
    if text is None:
        return None, ()
    found = resolve(client, text)
    aka = found.entry.body.get("aka", ()) if found.entry is not None and isinstance(found.target, bytes) else ()
    return found.target, tuple(aka)


def claims(state: State, name: str) -> tuple[bytes, ...]:
    """The assets (packed references) that claim an external name: each claiming party's newest, CLAIMANTS_MAX of
    them."""
    found = []
    for _, index in state.claimants(name, most=CLAIMANTS_MAX):
        row = state.asset(index)
        if row is not None:
            found.append(Ref(index, row.leaf).pack())
    return tuple(found)


class Names:
    """What parties and assets are called, as claims beside what they are."""

    def __init__(self, state: State) -> None:
        self._state = state

    def party_name(self, party: bytes) -> str:
        """A party's name, "" for no party of this log."""
        row = self._state.party(party)
        return row.name if row is not None else ""

    def asset_name(self, asset: Target) -> str:
        """An asset's name; "" for an external name, which stands for itself."""
        row = None if isinstance(asset, str) else self._state.asset(unpack_ref(asset).index)
        return row.name if row is not None else ""

    def party(self, party: bytes) -> str:
        """The beginning of its key, and its name."""
        row = self._state.party(party)
        return short(party.hex()) + (f" {short(row.name)!r}" if row is not None else " (no party of this log)")

    def asset(self, asset: Target) -> str:
        """The beginning of its reference and its name, or the external name."""
        row = None if isinstance(asset, str) else self._state.asset(unpack_ref(asset).index)
        return short(show_target(asset)) + (f" {short(row.name)!r}" if row is not None else "")
