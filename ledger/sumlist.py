"""Growing lists of (leaf index, amount) on the store, with running sums and finished subtrees kept (design section 6).

An account's lines and credits are such lists, and the counts of free rides. A list's rows:

* LIST_HEAD: how many entries and their sum; for lists with a tree, its peaks too: the blobs of the perfect subtrees
  that it consists of, largest first;
* LIST_CHUNK: the entries of one flush (a batch's, mostly), after the count and sum before them;
* LIST_NODE: for lists with a tree, the blob over every 256 finished entries, every 65,536, and so on.

So the root of the whole list costs its peaks, and a count, a sum or a root at any leaf costs a seek and the tail (at
most 255 entries a level), never the history. An entry, once there, never changes, and the list of an earlier leaf is a
prefix of that of a later one.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger import keys
from ledger.errors import StorageError
from ledger.store import Overlay, View
from proofs import sumtree
from proofs.sumtree import BLOB_BYTES, SUM_BYTES

FAN_BITS = 8
FAN = 1 << FAN_BITS
HEAD_BYTES = 8 + SUM_BYTES
PAIR_BYTES = 16
_PAIR = struct.Struct(">QQ")
_NO_ENTRIES = bytes(HEAD_BYTES)

Pair = tuple[int, int]
"""(leaf index, amount in nanos): amounts of one leaf are below 2^63."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a list is, and what its entries sum to."""

    count: int
    total: int


EMPTY = Extent(0, 0)


def _unpack_extent(data: bytes) -> Extent:
    return Extent(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:HEAD_BYTES], "big"))


def _pairs(chunk: bytes) -> Iterator[Pair]:
    return struct.iter_unpack(">QQ", chunk[HEAD_BYTES:])


def extent(view: View, key: bytes) -> Extent:
    """The whole list as it is now."""
    data = view.get(keys.LIST_HEAD + key)
    return EMPTY if data is None else _unpack_extent(data)


def extent_at(view: View, key: bytes, to: int) -> Extent:
    """The entries whose leaf is below `to`."""
    return _locate(view, key, to)


def _locate(view: View, key: bytes, to: int) -> Extent:
    prefix = keys.LIST_CHUNK + key
    for _, chunk in view.scan(prefix, prefix + keys.number(to), reverse=True):
        before = _unpack_extent(chunk)
        flat = struct.unpack(f">{(len(chunk) - HEAD_BYTES) // 8}Q", chunk[HEAD_BYTES:])
        below = bisect.bisect_left(flat[::2], to)
        return Extent(before.count + below, before.total + sum(flat[1 : 2 * below : 2]))
    return EMPTY


def append(overlay: Overlay, key: bytes, flat: Sequence[int], *, with_tree: bool) -> int:
    """Add entries, given as leaf and amount by turns, their leaves ascending and above all before; answers how many
    there were before. Costs these entries and one row, however long the list."""
    head = keys.LIST_HEAD + key
    data = overlay.get(head) or _NO_ENTRIES
    before, length = int.from_bytes(data[:8], "big"), len(flat)
    total = int.from_bytes(data[8:HEAD_BYTES], "big") + (flat[1] if length == 2 else sum(flat[1::2]))
    entries = _PAIR.pack(*flat) if length == 2 else struct.pack(f">{length}Q", *flat)
    overlay.put(keys.LIST_CHUNK + key + flat[0].to_bytes(8, "big"), data[:HEAD_BYTES] + entries)
    count = (before + length // 2).to_bytes(8, "big") + total.to_bytes(SUM_BYTES, "big")
    overlay.put(head, count + _grow(overlay, key, before, data[HEAD_BYTES:], flat) if with_tree else count)
    return before


def _grow(overlay: Overlay, key: bytes, position: int, peaks: bytes, flat: Sequence[int]) -> bytes:
    """The peaks after these entries, the first at a position; what is finished on the way becomes rows.

    Nothing that was there before is read: otherwise somebody could fill many accounts up to one line below a full
    subtree, and have them all read again by one batch.
    """
    stack = _split(peaks)
    at, end = 0, len(flat)
    while at < end:
        if not position & (FAN - 1) and end - at >= 2 * FAN:
            width, level = FAN, FAN_BITS
            pairs = zip(flat[at : at + 2 * FAN : 2], flat[at + 1 : at + 2 * FAN : 2], strict=True)
            blob = sumtree.root([sumtree.leaf(index, amount) for index, amount in pairs])
        else:
            width, level = 1, 0
            blob = sumtree.leaf(flat[at], flat[at + 1])
        number = position >> level
        while True:
            if level and not level % FAN_BITS:
                overlay.put(_node_key(key, level, number), blob)
            if not number & 1:
                break
            blob = sumtree.node(stack.pop(), blob)
            number >>= 1
            level += 1
        stack.append(blob)
        position += width
        at += 2 * width
    return b"".join(stack)


def _split(peaks: bytes) -> list[bytes]:
    return [peaks[at : at + BLOB_BYTES] for at in range(0, len(peaks), BLOB_BYTES)]


def _node_key(key: bytes, level: int, number: int) -> bytes:
    return keys.LIST_NODE + key + bytes([level]) + keys.number(number)


def _read_nodes(view: View, key: bytes, level: int, first: int, count: int) -> list[bytes]:
    rows = view.scan(_node_key(key, level, first), _node_key(key, level, first + count))
    found = [blob for _, blob in rows]
    if len(found) != count or any(len(blob) != BLOB_BYTES for blob in found):
        raise StorageError("subtrees of an account are missing: the database is damaged")
    return found


def read_entries(view: View, key: bytes, *, start: int, count: int, below: int) -> list[Pair]:
    """`count` entries from position `start` (0-based) on, all of them at leaves below `below`.

    Cost: the chunks between `start` and `below`. Raises StorageError where some are missing.
    """
    prefix = keys.LIST_CHUNK + key
    parts: list[list[Pair]] = []
    if not count:
        return []
    for _, chunk in view.scan(prefix, prefix + keys.number(below), reverse=True):
        before = _unpack_extent(chunk).count
        end = start + count - before
        if end > 0:
            at = max(0, start - before)
            data = chunk[HEAD_BYTES + at * PAIR_BYTES : HEAD_BYTES + end * PAIR_BYTES]
            parts.append(list(struct.iter_unpack(">QQ", data)))
        if before <= start:
            break
    found = [pair for part in reversed(parts) for pair in part]
    if len(found) != count:
        raise StorageError("lines of an account are missing: the database is damaged")
    return found


def iterate(view: View, key: bytes, *, start: int, below: int) -> Iterator[Pair]:
    """The entries at leaves start <= index < below, ascending; streamed, a chunk at a time."""
    prefix = keys.LIST_CHUNK + key
    # The chunk that holds `start` may begin before it.
    first = next(iter(view.scan(prefix, prefix + keys.number(start + 1), reverse=True)), None)
    begin = prefix + keys.number(start) if first is None else first[0]
    for _, chunk in view.scan(begin, prefix + keys.number(below)):
        for index, amount in _pairs(chunk):
            if start <= index < below:
                yield index, amount


class SumTree:
    """The tree over a list's entries below leaf `to`: its root and its paths, at a cost of the tail."""

    def __init__(self, view: View, key: bytes, to: int) -> None:
        self._view = view
        self._key = key
        self._to = to
        self.extent = _locate(view, key, to)
        # (level, number) -> blobs of the group of 256 siblings, as far as the tree has them.
        self._groups: dict[tuple[int, int], list[bytes]] = {}

    def root(self) -> bytes:
        """The blob at the root. Costs the peaks alone where nothing was added since."""
        head = self._view.get(keys.LIST_HEAD + self._key)
        if head is None or _unpack_extent(head).count != self.extent.count:
            return sumtree.root_at(self.extent.count, self._read)
        stack = _split(head[HEAD_BYTES:])
        blob = stack.pop()
        while stack:
            blob = sumtree.node(stack.pop(), blob)
        return blob

    def position(self, index: int) -> int:
        """The 0-based position of the entry at a leaf. Raises StorageError where it has none there."""
        position = _locate(self._view, self._key, index).count
        if read_entries(self._view, self._key, start=position, count=1, below=index + 1)[0][0] != index:
            raise StorageError(f"no line at entry {index}")
        return position

    def path(self, position: int) -> list[sumtree.Step]:
        """The path of an entry. Raises InputError for a position outside."""
        return sumtree.path(position=position, size=self.extent.count, read=self._read)

    def _read(self, level: int, number: int) -> bytes:
        base = level - level % FAN_BITS
        first, width = number << (level - base), 1 << (level - base)
        group = self._group(base, first >> FAN_BITS)
        at = first & (FAN - 1)
        return sumtree.root(group[at : at + width])

    def _group(self, level: int, number: int) -> list[bytes]:
        found = self._groups.get((level, number))
        if found is not None:
            return found
        start = number << FAN_BITS
        count = min(FAN, (self.extent.count >> level) - start)
        if level:
            found = _read_nodes(self._view, self._key, level, start, count)
        else:
            found = [sumtree.leaf(index, amount) for index, amount in self._entries(start, count)]
        self._groups[level, number] = found
        return found

    def _entries(self, start: int, count: int) -> list[Pair]:
        """The entries from a position on; sought by position, for a path may stand anywhere."""
        below = self._to
        if start + count < self.extent.count:
            below = self._leaf_after(start + count)
        return read_entries(self._view, self._key, start=start, count=count, below=below)

    def _leaf_after(self, position: int) -> int:
        """A leaf index that has at least `position` entries below it, and not many chunks more: by bisection."""
        low, high = 0, self._to
        while low < high:
            middle = (low + high) // 2
            if _locate(self._view, self._key, middle).count >= position:
                high = middle
            else:
                low = middle + 1
        return low
