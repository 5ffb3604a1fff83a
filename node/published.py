"""What readers see: the log at its newest signed checkpoint, replaced as a whole when a new one is signed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from ledger.reader import Reader
from proofs.tlogproof import TlogProof, format_tlog_proof

HEADS_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Published:
    """One published state: the reader over its snapshot, and the signed checkpoint of exactly that size."""

    reader: Reader
    checkpoint: bytes

    @property
    def size(self) -> int:
        """Entries in the published log."""
        return self.reader.size

    def proof(self, index: int) -> bytes:
        """The tlog-proof of an entry at this checkpoint, the entry as extra data. Raises InputError."""
        path = tuple(self.reader.inclusion(index, self.size))
        return format_tlog_proof(
            TlogProof(index=index, path=path, checkpoint_note=self.checkpoint, extra=self.reader.entry(index))
        )


class Board:
    """The place where the newest published state hangs. Written by the writer thread, read by any.

    Also remembers roots of published sizes: the heads that submitters sign are nearly always among them.
    """

    def __init__(self, published: Published) -> None:
        self._lock = threading.Lock()
        self._roots: OrderedDict[int, bytes] = OrderedDict()
        self.published = published
        self._remember(published.size, published.reader.tree.root)

    def publish(self, published: Published) -> None:
        """Replace the published state; readers under way keep the one that they took."""
        self._remember(published.size, published.reader.tree.root)
        self.published = published

    def root_at(self, size: int) -> bytes | None:
        """This log's root at a published or earlier size, None beyond."""
        with self._lock:
            known = self._roots.get(size)
        if known is not None:
            return known
        reader = self.published.reader
        if size > reader.size:
            return None
        known = reader.root_at(size)
        self._remember(size, known)
        return known

    def _remember(self, size: int, root: bytes) -> None:
        with self._lock:
            self._roots[size] = root
            if len(self._roots) > HEADS_MAX:
                self._roots.popitem(last=False)
