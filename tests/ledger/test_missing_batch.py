"""A database in which the row of a batch is missing: reads and starts end with an error, not in an endless loop."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import keys
from ledger.append import Ledger, prepare
from ledger.context import LogIdentity
from ledger.errors import StorageError
from ledger.reader import EntryCache, Reader
from ledger.store import MemoryStore
from proofs.entry import sign_batch
from proofs.records import make_body

ORIGIN = "log.example/a"
AT_MS = 1_700_000_000_000
LOG = LogIdentity(ORIGIN, frozenset())


def three_batches() -> tuple[MemoryStore, Ledger]:
    """A log of three batches of one record each."""
    store = MemoryStore()
    ledger = Ledger(store, log=LOG)
    bodies: list[dict[str, object]] = [
        {"kind": "genesis", "at": AT_MS, "origin": ORIGIN, "name": "operator"},
        {"kind": "party", "at": AT_MS, "name": "one"},
        {"kind": "party", "at": AT_MS, "name": "two"},
    ]
    for number, body in enumerate(bodies):
        key = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        batch = sign_batch(
            key, origin=ORIGIN, size=ledger.size, root=ledger.tree.root, first=0, bodies=[make_body(body)]
        )  # fmt: skip
        group = ledger.group()
        group.take(prepare(batch, origin=ORIGIN, root_at=ledger.root_at))
        group.commit()
    return store, ledger


@pytest.mark.timeout(20)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_missing_batch_row_is_an_error(index: int) -> None:
    """A read of its entry and a new start both say that the batch is missing."""
    store, ledger = three_batches()
    store.write({keys.BATCH + keys.number(index): None})
    reader = Reader(ledger.tree.view(store), EntryCache())
    with pytest.raises(StorageError, match=f"no batch holds entry {index}"):
        reader.entry(index)
    with pytest.raises(StorageError, match=f"no batch holds entry {index}"):
        list(reader.entries(0, 3))
    with pytest.raises(StorageError, match=f"no batch holds entry {index}"):
        Ledger(store, log=LOG)
