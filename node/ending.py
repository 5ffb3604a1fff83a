"""Closing a log for good (docs/log-keys.md), on the folder of a node that stands still.

In this order, so that a crash leaves an open log or a closed one: the last checkpoint is signed and on record; the
closing note and that checkpoint are written as one file, whose rename decides; the closing note goes into the sign
record; keys are erased, the log's own first. Every later start honours file and record, each of which suffices: it
serves reads, answers batches that it has, and takes nothing more.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ledger.accountquery import PAGE_MAX, AccountQuery
from ledger.errors import StorageError
from ledger.query import Query
from ledger.reader import EntryCache, Reader
from ledger.signrecord import settle
from node.logfolder import LOG_KEY_FILE, NEXT_KEY_FILE, check_closed, keep_closed
from node.server import OpenNode, load_config, open_node
from proofs.closing import Closing

_OLD_KEY = re.compile(r"log-old-[0-9a-f]{8}\.key(\.tmp)?")  # the latter of a `rekey` that was cut


@dataclass(frozen=True, slots=True)
class Ended:
    """A closed log. `erased`: names of the key files that were removed now; `was_closed`: before this run."""

    closing: Closing
    erased: tuple[str, ...]
    was_closed: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A log that may be ended. `open_accounts`: those of which something could be stated, or was and isn't
    acknowledged, among the first PAGE_MAX accounts; `is_all`: whether these are all."""

    origin: str
    size: int
    is_closed: bool
    open_accounts: int
    is_all: bool


def read_end(folder: str) -> Pending:
    """What `close_log` would end. Costs a look at up to PAGE_MAX accounts. Raises as `open_node`."""
    node = open_node(folder, load_config(folder))
    try:
        query = AccountQuery(Query(Reader(node.ledger.view(), EntryCache())))
        accounts, following = query.accounts(party=None, start=None, limit=PAGE_MAX)
        is_open = [query.balance(account).open > 0 or not query.draft(account).reason for account in accounts]
        return Pending(node.config.origin, node.ledger.size, node.closed is not None, sum(is_open), following is None)
    finally:
        node.store.close()


def close_log(folder: str, *, erase_key: bool = False) -> Ended:
    """Close the log at what its database holds, for good; with `erase_key` nobody can sign for it any more, either.

    Run again, it does what is left. Raises as `open_node`, StorageError.
    """
    node = open_node(folder, load_config(folder))
    try:
        was_closed = node.closed is not None
        closing = node.closed.closing if node.closed is not None else _close(folder, node)
        return Ended(closing, _erase(folder) if erase_key else (), was_closed)
    finally:
        node.store.close()


def _close(folder: str, node: OpenNode) -> Closing:
    checkpoint = node.signer.sign(node.ledger.size, node.ledger.tree.root)
    closed = check_closed(node.signer.sign_end(), checkpoint, node.signer.keys)
    keep_closed(folder, node.signer, closed)
    return closed.closing


def _erase(folder: str) -> tuple[str, ...]:
    """Remove every private key of the log; its own first, for a start needs that one and all others, or none."""
    try:
        others = sorted(name for name in os.listdir(folder) if name == NEXT_KEY_FILE or _OLD_KEY.fullmatch(name))
        names = [name for name in (LOG_KEY_FILE, *others) if os.path.exists(os.path.join(folder, name))]
        for name in names:
            os.unlink(os.path.join(folder, name))
    except OSError as error:
        raise StorageError(
            f"can't erase the log's key in {folder}: {error.strerror}; mend it, then run the same command again"
        ) from None
    settle(os.path.abspath(folder))
    return tuple(names)
