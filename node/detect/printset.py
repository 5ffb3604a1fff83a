"""A print set: the prints of all items of an asset in one file, with the root that the asset's record holds.

``usance/prints/v1``, as frames, each a length in 4 bytes (big-endian) and so many bytes of canonical MessagePack: first
`{format, scheme}`, then one leaf for each item in the order of reading, `[sha256, length, packed]`. `length`:
characters of the item's normal form; `packed`: for each print, in the text's order, its hash in 8 bytes and its place
in 4, big-endian. An item stands once. The root is RFC 6962's over the leaves; `count` in the record is of all prints.

So whoever has the file can show that it is what was registered, and nobody can send a node another one. It holds no
names, and no text, but whoever has a passage can tell from it that the passage is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from node.detect.prints import OCCURRENCES_MAX, PRINTS_MAX, Prints
from node.detect.winnow import DEFAULT, Scheme, parse_scheme
from proofs import codec, merkle
from proofs.errors import InputError

FORMAT = "usance/prints/v1"
HEAD_BYTES_MAX = 1024
LENGTH_MAX = 2**32 - 1
PRINT_BYTES = 12
LEAF_BYTES_MAX = PRINTS_MAX * PRINT_BYTES + 64
ITEMS_MAX = 4 * 1024 * 1024
"""Their hashes are held in memory, to let each stand once: 100 bytes an item."""

_FRAME = struct.Struct(">I")
_PRINT = np.dtype([("hash", ">u8"), ("place", ">u4")])


@dataclass(frozen=True, slots=True)
class Summary:
    """What the asset's record says of its print set: `prints` in design section 4."""

    scheme: Scheme
    count: int
    root: bytes

    def value(self) -> dict[str, Any]:
        """As the record has it."""
        return {"scheme": str(self.scheme), "count": self.count, "root": self.root}


def leaf_of(prints: Prints) -> bytes:
    """The leaf's bytes."""
    packed = np.empty(len(prints), _PRINT)
    packed["hash"], packed["place"] = prints.hashes, prints.places
    return codec.encode([prints.sha256, prints.length, packed.tobytes()])


def parse_leaf(leaf: bytes, *, name: str = "") -> Prints:
    """The item in a leaf. Raises InputError for anything that `leaf_of` doesn't write.

    Places ascend strictly, and none lies beyond what `length` characters can fill (4 bytes each).
    """
    value = codec.decode(leaf, field="item")
    if type(value) is not list or [type(part) for part in value] != [bytes, int, bytes]:
        raise InputError("not an item's prints", field="item", expected="[sha256, length, packed]")
    sha256, length, packed = value
    if len(sha256) != 32 or not 0 <= length <= LENGTH_MAX or len(packed) % PRINT_BYTES:
        raise InputError("not an item's prints", field="item", expected="a SHA-256, a length, prints of 12 bytes each")
    prints = np.frombuffer(packed, _PRINT)
    hashes, places = prints["hash"].astype(np.uint64), prints["place"].astype(np.uint32)
    if len(places) and (not (places[1:] > places[:-1]).all() or int(places[-1]) >= 4 * length):
        raise InputError("prints out of place", field="item", expected="places that ascend within the item's length")
    counts = np.unique(hashes, return_counts=True)[1]
    if len(counts) and int(counts.max()) > OCCURRENCES_MAX:
        raise InputError("a print too often", field="item", expected=f"each at most {OCCURRENCES_MAX} times in an item")
    return Prints(name, sha256, length, hashes, places)


class PrintSetWriter:
    """Writes a print set as its items come, and sums it up."""

    def __init__(self, file: BinaryIO | None, scheme: Scheme = DEFAULT) -> None:
        """`file`: where to; None only to learn the root."""
        self._file, self._scheme = file, scheme
        self._tree = merkle.CompactRange()
        self._seen: set[bytes] = set()
        self._count = 0
        self._write(codec.encode(codec.sort_maps({"format": FORMAT, "scheme": str(scheme)})))

    def add(self, prints: Prints) -> bool:
        """Whether the item is new; one with the same hash stands there already. Raises InputError beyond ITEMS_MAX."""
        if prints.sha256 in self._seen:
            return False
        if self._tree.size >= ITEMS_MAX:
            raise InputError("too many items for a print set", field="PATH", expected=f"at most {ITEMS_MAX:,}")
        self._seen.add(prints.sha256)
        leaf = leaf_of(prints)
        self._tree.append(merkle.leaf_hash(leaf))
        self._count += len(prints)
        self._write(leaf)
        return True

    @property
    def items(self) -> int:
        """How many were written."""
        return self._tree.size

    def summary(self) -> Summary:
        """Scheme, count and root of what was added."""
        return Summary(self._scheme, self._count, self._tree.root())

    def _write(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(_FRAME.pack(len(data)) + data)


class PrintSetReader:
    """Reads a print set item by item, in memory for one; knows its `summary` after the last.

    `scheme` is there at once. Raises InputError for anything that PrintSetWriter doesn't write.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = codec.decode(self._frame(HEAD_BYTES_MAX) or b"\xc0", field="format")
        if type(head) is not dict or set(head) != {"format", "scheme"} or head["format"] != FORMAT:
            raise InputError("no print set", field="format", expected=f"a file that begins with {FORMAT}")
        if type(head["scheme"]) is not str:
            raise InputError("no print set", field="scheme", expected="a scheme's name")
        self.scheme = parse_scheme(head["scheme"])
        self._tree = merkle.CompactRange()
        self._count = 0

    def __iter__(self) -> Iterator[Prints]:
        seen = set()
        while (leaf := self._frame(LEAF_BYTES_MAX)) is not None:
            found = parse_leaf(leaf, name=f"item {self._tree.size}")
            if found.sha256 in seen or self._tree.size >= ITEMS_MAX:
                raise InputError("an item twice, or too many", field="item", expected=f"{ITEMS_MAX:,} different items")
            seen.add(found.sha256)
            self._tree.append(merkle.leaf_hash(leaf))
            self._count += len(found)
            yield found

    def summary(self) -> Summary:
        """Scheme, count and root of what was read so far."""
        return Summary(self.scheme, self._count, self._tree.root())

    def _frame(self, bytes_max: int) -> bytes | None:
        head = self._file.read(_FRAME.size)
        if not head:
            return None
        size = _FRAME.unpack(head)[0] if len(head) == _FRAME.size else bytes_max + 1
        data = self._file.read(size) if size <= bytes_max else b""
        if size > bytes_max or len(data) != size:
            raise InputError("a print set that is cut or too large", field="item", expected="whole frames")
        return data


def has_format(file: BinaryIO) -> bool:
    """Whether a file's first frame says that it is a print set, of whatever scheme."""
    size = int.from_bytes(file.read(_FRAME.size), "big")
    try:
        head = codec.decode(file.read(min(size, HEAD_BYTES_MAX + 1))[:HEAD_BYTES_MAX], field="format")
    except InputError:
        return False
    return type(head) is dict and head.get("format") == FORMAT


def write_print_set(file: BinaryIO | None, items: Iterable[Prints], scheme: Scheme = DEFAULT) -> Summary:
    """Write all items; what the record says of them."""
    writer = PrintSetWriter(file, scheme)
    for item in items:
        writer.add(item)
    return writer.summary()
