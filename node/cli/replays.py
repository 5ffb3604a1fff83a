"""Replaying a node's whole log for a command, as `usance audit` does: what it shows then is no figure of the node's."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from ledger import keys
from ledger.replay import Watch
from ledger.spill import SpillStore
from ledger.state import State
from node.audit import check_root, replay_log
from node.cli.common import need_node, node_access
from node.cli.progress import progress
from node.cli.statementpage import Anchor
from node.client import Client
from node.sources import HttpSource


@dataclass(frozen=True, slots=True)
class Replayed:
    """A log that was read and judged. `leaf_at`: leaf hashes of its entries."""

    state: State
    anchor: Anchor
    leaf_at: Callable[[int], bytes]


def open_store(args: argparse.Namespace, *, keep: tuple[bytes, ...] = ()) -> SpillStore:
    """An empty store for a replay; closed when the command ends. `keep`: rows that the command reads."""
    drop = tuple(prefix for prefix in keys.REPLAY_DROPS if prefix not in keep)
    store = SpillStore(spill=keys.REPLAY_SPILLS, drop=drop)
    args.at_end.callback(store.close)
    return store


def replay_node(args: argparse.Namespace, client: Client, store: SpillStore, *, watch: Watch | None = None) -> Replayed:
    """Judge the log of the node that the options name, up to its newest checkpoint; what `watch` was shown is the log's
    once this returns. Raises AuditFailure, VerifyError, NetworkError, and what `watch` raises."""
    checkpoint = client.checkpoint()
    node = need_node(args)
    source = HttpSource(node, access=node_access(args))
    args.at_end.callback(source.close)
    with progress("replaying", unit="records", total=checkpoint.size, quiet=args.json) as bar:
        replay = replay_log(source, checkpoint, client.keys, progress=bar.update, watch=watch, store=store)
    check_root(replay, checkpoint)
    return Replayed(State(store), Anchor(checkpoint, client.signer().text, node), replay.ledger.view().leaf)
