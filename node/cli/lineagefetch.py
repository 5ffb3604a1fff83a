"""The lineage of a material for a command: as the node answers it, or recomputed from a replay of the whole log."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ledger import keys, trace
from ledger.lineage import Target
from ledger.trace import BOTH, DEPTH_MAX, MATERIALS_MAX, Asked
from node import lineageviews
from node.cli.replays import Replayed, open_store, replay_node
from node.client import Client
from node.lineage.graph import Graph, parse_graph
from node.resolve import Found
from proofs.errors import InputError, VerifyError
from proofs.ref import unpack_ref

LIMIT = 500


@dataclass(frozen=True, slots=True)
class Fetched:
    """`value`: the JSON; `graph`: the same, judged; `path`: where a way was asked for, its ids or None; `replayed`: the
    log that it was recomputed from, None where it is the node's answer."""

    value: dict[str, Any]
    graph: Graph
    replayed: Replayed | None = None

    @property
    def is_verified(self) -> bool:
        """Whether it was recomputed here, so that nothing in it is the node's word."""
        return self.replayed is not None

    @property
    def path(self) -> list[str] | None:
        """The way that was asked for; None where none leads there."""
        found = self.value.get("path")
        if not isinstance(found, list) or not all(isinstance(one, str) and one in self.graph for one in found):
            return None
        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a material, as ledger.trace.Asked has it."""

    direction: str = BOTH
    depth: int = DEPTH_MAX
    since: int = 0
    limit: int = LIMIT
    party: bytes | None = None
    to: Found | None = None


def add_verify(parser: argparse.ArgumentParser) -> None:
    """--verify."""
    parser.add_argument(
        "--verify", action="store_true",
        help="replay the whole log as `usance audit` does, and answer from that: nothing then is the node's word",
    )  # fmt: skip


def check_bounds(*, depth: int, limit: int) -> None:
    """Raise InputError for figures out of range."""
    for option, value, high in (("--depth", depth, DEPTH_MAX), ("--limit", limit, MATERIALS_MAX)):
        if not 1 <= value <= high:
            raise InputError(f"{option} {value}", field=option, expected=f"1 to {high}")


def fetch_lineage(args: argparse.Namespace, client: Client, found: Found, wanted: Wanted) -> Fetched:
    """The lineage of what was resolved; from a replay where `args.verify` says so.

    Raises NetworkError, ProblemError, InputError for what the graph's form doesn't allow, and as replay_node.
    """
    if getattr(args, "verify", False):
        replayed = replay_node(args, client, open_store(args, keep=keys.LINEAGE))
        value = _recomputed(replayed, found, wanted)
        return Fetched(value, parse_graph(value), replayed)
    client.checkpoint()
    query: dict[str, str | int] = {
        "direction": wanted.direction, "depth": wanted.depth, "since": wanted.since, "limit": wanted.limit,
    }  # fmt: skip
    if wanted.party is not None:
        query["party"] = wanted.party.hex()
    if wanted.to is not None:
        query["to"] = wanted.to.text
    # The name as one segment, its slashes escaped: a path to Client.get would keep them.
    value = client.transport.get_json(f"/assets/{quote(found.text, safe='')}/lineage?{urlencode(query)}")
    graph = parse_graph(value)
    if graph.root != lineageviews.material_id(_target(found)):
        raise VerifyError("the node answers with the lineage of something else", field="root")
    return Fetched(value, graph)


def _target(found: Found) -> Target:
    return found.target if isinstance(found.target, str) else unpack_ref(found.target).index


def _recomputed(log: Replayed, found: Found, wanted: Wanted) -> dict[str, Any]:
    asked = Asked(
        _target(found), wanted.direction, wanted.depth, wanted.since, wanted.limit, wanted.party,
        None if wanted.to is None else _target(wanted.to),
    )  # fmt: skip
    answer = trace.trace(log.state, asked)
    return lineageviews.lineage(log.state, answer, size=log.anchor.checkpoint.size, leaf_at=log.leaf_at)
