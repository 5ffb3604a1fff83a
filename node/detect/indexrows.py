"""Rows of an index on LevelDB (docs/detect-index.md): keys, and what stands under them, read strictly.

::

    m                          meta: how far the index goes
    w                          an addition under way: what comes from its numbers on is nobody's yet
    n  owner text              its number (4 bytes)
    o  owner number            an owner; x: one that was removed, until its postings are gone
    d  doc                     an item; t: its text, deflated; c, sha256, doc: so that copies are found
    s  first doc               length and different prints of items one after the other, 8 bytes each
    p  bucket, run, part       postings, 16 bytes each

Numbers in keys are big-endian. Everything else is canonical MessagePack, or packed little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.detect.prints import PART_CHARS_MAX
from node.detect.winnow import Hashes, Scheme, parse_scheme
from proofs import codec
from proofs.errors import InputError

FORMAT = "usance/index/v1"
META, MARK, NAME, OWNER, GONE, DOC, TEXT, COPY, SIZES, POST = b"m", b"w", b"n", b"o", b"x", b"d", b"t", b"c", b"s", b"p"
BUCKET_BITS = 16
BUCKETS = 1 << BUCKET_BITS
OWNER_CHARS_MAX = 256
NAME_CHARS_MAX = 4096
TEXT_BYTES_MAX = 4 * PART_CHARS_MAX

POSTING = np.dtype([("hash", "<u8"), ("doc", "<u4"), ("place", "<u4")])
SIZE = np.dtype([("length", "<u4"), ("distinct", "<u4")])
Rows = np.ndarray[Any, np.dtype[Any]]

_NUMBER = struct.Struct(">I")
_POST = struct.Struct(">HIH")


class BadRow(Exception):
    """A row that this program doesn't write. Says which; index.py makes a StorageError of it."""


@dataclass(frozen=True, slots=True)
class Meta:
    """`docs`, `owners`: the next number to be given; `runs`: the next of postings; `fresh`: rows of postings since they
    were last merged."""

    scheme: Scheme
    docs: int
    owners: int
    runs: int
    fresh: int

    def encode(self) -> bytes:
        """The row."""
        return codec.encode([FORMAT, str(self.scheme), self.docs, self.owners, self.runs, self.fresh])


@dataclass(frozen=True, slots=True)
class Owner:
    """Of whom items are. `first`: the number of its first item, `items` of which follow each other; `prints`: all of
    them; `root`: of its print set (printset.py)."""

    number: int
    text: str
    first: int
    items: int
    prints: int
    root: bytes

    def encode(self) -> bytes:
        """The row."""
        return codec.encode([self.text, self.first, self.items, self.prints, self.root])


@dataclass(frozen=True, slots=True)
class Doc:
    """An item as it is kept."""

    name: str
    sha256: bytes

    def encode(self) -> bytes:
        """The row."""
        return codec.encode([self.name, self.sha256])


def numbered(prefix: bytes, number: int) -> bytes:
    """A row's key."""
    return prefix + _NUMBER.pack(number)


def number_of(key: bytes) -> int:
    """The number that a key ends with. Raises BadRow."""
    if len(key) < 1 + _NUMBER.size:
        raise BadRow(f"a key of {len(key)} bytes")
    return int(_NUMBER.unpack(key[-_NUMBER.size :])[0])


def post_key(bucket: int, run: int, part: int = 0) -> bytes:
    """The key of a row of postings."""
    return POST + _POST.pack(bucket, run, part)


def bucket_start(bucket: int) -> bytes:
    """Where the rows of a bucket begin; of the one after the last: where they all end."""
    return POST + bucket.to_bytes(2, "big") if bucket < BUCKETS else bytes([POST[0] + 1])


def parse_post_key(key: bytes) -> tuple[int, int]:
    """Bucket and run. Raises BadRow."""
    if len(key) != 1 + _POST.size:
        raise BadRow(f"a key of postings of {len(key)} bytes")
    bucket, run, _ = _POST.unpack(key[1:])
    return bucket, run


def parse_meta(data: bytes) -> Meta:
    """Raises BadRow, and InputError for another program's scheme or format."""
    value = _list(data, [str, str, int, int, int, int], "meta")
    if value[0] != FORMAT:
        raise InputError(f"an index of the format {value[0][:80]!r}", field="index", expected=FORMAT)
    if min(value[2:]) < 0 or max(value[2:5]) >= 2**32:
        raise BadRow("meta")
    return Meta(parse_scheme(value[1]), *value[2:])


def parse_owner(key: bytes, data: bytes, *, docs: int) -> Owner:
    """`docs`: how far items go. Raises BadRow."""
    number = number_of(key)
    text, first, items, prints, root = _list(data, [str, int, int, int, bytes], f"owner {number}")
    if min(first, items, prints) < 0 or first + items > docs or len(root) != 32:
        raise BadRow(f"owner {number}")
    return Owner(number, text, first, items, prints, root)


def parse_doc(data: bytes | None, doc: int) -> Doc:
    """Raises BadRow, also where there is no row."""
    name, sha256 = _list(data or b"", [str, bytes], f"item {doc}")
    if len(sha256) != 32:
        raise BadRow(f"item {doc}")
    return Doc(name, sha256)


def parse_sizes(data: bytes) -> Rows:
    """Raises BadRow."""
    if not data or len(data) % SIZE.itemsize:
        raise BadRow("sizes of items")
    return np.frombuffer(data, SIZE)


def pack_text(text: str) -> bytes:
    """Deflated UTF-8; what can't be encoded is replaced, since texts are only shown."""
    return zlib.compress(text.encode("utf-8", "replace"), 6)


def unpack_text(data: bytes, doc: int) -> str:
    """Raises BadRow."""
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, TEXT_BYTES_MAX)
        if not inflate.eof or inflate.unused_data:
            raise BadRow(f"text of item {doc}")
        return text.decode()
    except (zlib.error, UnicodeDecodeError):
        raise BadRow(f"text of item {doc}") from None


def buckets_of(hashes: Hashes) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The upper 16 bits."""
    return (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.uint16)


def _list(data: bytes, types: list[type], what: str) -> list[Any]:
    try:
        value = codec.decode(data, field=what)
    except InputError:
        raise BadRow(what) from None
    if type(value) is not list or [type(part) for part in value] != types:
        raise BadRow(what)
    return value
