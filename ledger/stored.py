"""What the log's own rows say: batches and entries rebuilt, and whose they are. Read by rules, readers and replays."""

from __future__ import annotations

from ledger import keys
from ledger.errors import StorageError
from ledger.state import STATUS_NAMES, KeyRow, State
from ledger.store import View
from proofs import codec, merkle
from proofs.entry import Batch


def status_of(view: View, index: int) -> str:
    """The status that the record at this leaf got."""
    data = view.get(keys.STATUS + keys.number(index))
    return "logged" if data is None else STATUS_NAMES[data[0]]


def signer_of(view: View, index: int) -> KeyRow:
    """The key that signed the entry at this leaf. Raises StorageError where a row is missing."""
    data = view.get(keys.BATCH + keys.number(batch_start(view, index)))
    row = None if data is None else State(view).key(codec.unpack(data, field="batch")[0])
    if row is None:
        raise StorageError(f"the batch of entry {index} is missing: the database is damaged")
    return row


def party_of(view: View, index: int) -> bytes:
    """Whose key signed the entry at this leaf. Raises StorageError where a row is missing."""
    return signer_of(view, index).party


def stored_batch(view: View, first_index: int) -> Batch:
    """The batch whose first entry stands at this leaf, rebuilt. Raises StorageError where a row of it is missing."""
    data = view.get(keys.BATCH + keys.number(first_index))
    if data is None:
        raise StorageError(f"no batch begins at entry {first_index}: the database is damaged")
    key, size, root, first, count, signature = codec.unpack(data, field="batch")
    start = keys.ENTRY + keys.number(first_index)
    stop = keys.ENTRY + keys.number(first_index + count)
    bodies = tuple(body for _, body in view.scan(start, stop))
    if len(bodies) != count:
        raise StorageError(f"entries are missing from {first_index} on: the database is damaged")
    return Batch(key, size, root, first, signature, bodies)


def batch_start(view: View, index: int) -> int:
    """The leaf at which the batch that holds `index` begins."""
    start, stop = keys.BATCH + keys.number(0), keys.BATCH + keys.number(index + 1)
    found = next(iter(view.scan(start, stop, reverse=True)), None)
    first_index = int.from_bytes(found[0][1:], "big") if found is not None else 0
    # Whoever goes on after this batch must get past `index`, also where the row of the batch that held it is gone.
    if found is None or index >= first_index + codec.unpack(found[1], field="batch")[4]:
        raise StorageError(f"no batch holds entry {index}: the database is damaged")
    return first_index


def edge_leaves(view: View, first: int, size: int) -> list[bytes]:
    """Leaf hashes of the entries first … size − 1, hashed anew from what is stored."""
    leaves: list[bytes] = []
    index = first
    while index < size:
        start = batch_start(view, index)
        entries = stored_batch(view, start).entries()
        leaves.extend(merkle.leaf_hash(entry) for entry in entries[index - start : size - start])
        index = start + len(entries)
    return leaves
