"""What an asset was made from, as options say it, and what each source asks of it (design sections 4 and 5)."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from typing import Any

from node.agents.inforce import terms_in_force
from node.cli.terms import show_bps
from node.client import Client
from node.resolve import resolve
from proofs.errors import InputError
from proofs.fields import BPS_MAX, RELATIONS
from proofs.ref import unpack_ref

_SOURCE = re.compile(rf"(.+):({'|'.join(RELATIONS)})(?::([0-9]{{1,5}}))?", re.DOTALL)
_EXPECTED = "ASSET:RELATION or ASSET:RELATION:BPS; relations: " + ", ".join(RELATIONS)
NO_SHARE = "evaluated_on"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source as the user named it. `bps`: None to take what it asks."""

    asset: str
    relation: str
    bps: int | None


def add_sources(parser: argparse.ArgumentParser, *, with_shares: bool) -> None:
    """One option for each relation; where the sources are paid, --source too."""
    sources = parser.add_argument_group("what it was made from (each may come several times)")
    if with_shares:
        sources.add_argument(
            "--source", metavar="ASSET:RELATION[:BPS]", action="append", default=[],
            help="a source and the share of every charge that it gets, in basis points (default: what its terms in "
            "force ask of assets made from it, as for the options below; it is shown)",
        )  # fmt: skip
    for relation in RELATIONS:
        sources.add_argument(
            f"--{relation.replace('_', '-')}", dest=relation, metavar="ASSET", action="append", default=[]
        )


def sources_wanted(args: argparse.Namespace) -> list[Wanted]:
    """What the options name, before anything is looked up. Raises InputError."""
    found = [_parse(text) for text in getattr(args, "source", ())]
    return found + [Wanted(text, relation, None) for relation in RELATIONS for text in getattr(args, relation)]


def _parse(text: str) -> Wanted:
    match = _SOURCE.fullmatch(text)
    if match is None or (match[3] is not None and int(match[3]) > BPS_MAX):
        raise InputError(f"--source {text[:80]!r}", field="--source", expected=_EXPECTED)
    return Wanted(match[1], match[2], None if match[3] is None else int(match[3]))


def resolve_sources(
    client: Client, wanted: list[Wanted], *, with_shares: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """The record's `sources`, and what each gets in words. The terms that are asked are verified, that they are the
    newest is the node's word: the log refuses any other share."""
    sources: list[dict[str, Any]] = []
    words: list[str] = []
    for one in wanted:
        found = resolve(client, one.asset)
        bps = one.bps
        source: dict[str, Any] = {"asset": found.target, "as": one.relation}
        if bps is None and with_shares and isinstance(found.target, bytes) and one.relation != NO_SHARE:
            terms = terms_in_force(client, unpack_ref(found.target))
            bps = terms.derivatives if terms else 0
        if bps:
            source["bps"] = bps
        sources.append(source)
        words.append(f"{one.relation} {found.text}" + (f", which gets {show_bps(bps)} of every charge" if bps else ""))
    return sources, words
