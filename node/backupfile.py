"""A backup file: blocks that are only ever added, each with checksums of its own (docs/backup.md).

::

    usance/backup/v1\\n
    block, block, ...

    block = kind (1 byte) | packing (1) | length (4) | first (8) | count (4) | CRC-32 of the payload (4)
            | CRC-32 of the block's offset (8) and the 22 bytes before (4) | payload

Numbers are big-endian; the payload is as the file has it, after packing (0 none, z zlib).

    L  the log's origin; the first block, and only there
    E  entries `first` to `first + count - 1`, as an entry bundle of tlog-tiles has them
    X  conflicts known by then: `count` arrays [key, lines, signature, first, count] in one canonical MessagePack array
    Z  the closing note of a log that has ended
    C  a checkpoint of the `first` entries so far: [peaks of their tree, signed note, Unix ms when it was fetched]

Invariants: nothing counts that no C block follows. What stands behind the last one is a *tail*: of a run that was cut,
or damaged. Anything wrong before it is *damage*. Damage is told from a tail by whether a C block follows somewhere.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ledger.query import Conflict
from node.errors import BackupDamage, FileError
from proofs import codec, merkle, tiles
from proofs.checkpoint import Checkpoint, parse_checkpoint
from proofs.errors import InputError
from proofs.merkle import CompactRange
from proofs.note import NOTE_BYTES_MAX, parse_note

MAGIC = b"usance/backup/v1\n"
LOG, ENTRIES, CONFLICTS, CLOSING, CHECKPOINT = "L", "E", "X", "Z", "C"
RAW, ZLIB = "0", "z"
ZLIB_LEVEL = 1
"""Higher levels find hardly more: paths repeat, and most else are keys, hashes and signatures."""
CONFLICTS_BLOCK_MAX = 256
LINES_BYTES_MAX = 1024

_HEAD = struct.Struct(">ccIQII")
_PLACE = struct.Struct(">Q")
_CRC = struct.Struct(">I")
HEAD_BYTES = _HEAD.size + _CRC.size
_BYTES_MAX = {
    LOG: 255,
    ENTRIES: tiles.TILE_WIDTH * (tiles.LENGTH_BYTES + tiles.ENTRY_BYTES_MAX),
    CONFLICTS: CONFLICTS_BLOCK_MAX * (LINES_BYTES_MAX + 256),
    CLOSING: NOTE_BYTES_MAX,
    CHECKPOINT: NOTE_BYTES_MAX + 4096,
}
_SEARCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """A block by its head. `number`: its place among the file's blocks; `offset`: where it begins; `crc`: of its
    payload as the file has it."""

    number: int
    offset: int
    kind: str
    packing: str
    length: int
    first: int
    count: int
    crc: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + HEAD_BYTES + self.length


class Squeezed(NamedTuple):
    """A payload as the file has it; made apart from its block, since packing is most of the work."""

    packing: str
    data: bytes
    crc: int


class Entries(NamedTuple):
    """Entries read from a block."""

    first: int
    entries: list[bytes]


@dataclass(frozen=True, slots=True)
class Mark:
    """A checkpoint block: up to here the file is a backup. `peaks`: of the tree over all entries before it, largest
    first; `at_ms`: when the note was fetched, by that machine's clock; `end`: the file's size with it."""

    checkpoint: Checkpoint
    peaks: tuple[bytes, ...]
    note: bytes
    at_ms: int
    end: int

    @property
    def size(self) -> int:
        """Entries in the backup."""
        return self.checkpoint.size

    def range(self) -> CompactRange:
        """The tree so far, to be continued."""
        return CompactRange.from_parts(self.size, self.peaks)


class ClosingNote(NamedTuple):
    """The closing note of a log that has ended."""

    note: bytes


Part = Entries | list[Conflict] | ClosingNote | Mark


def squeeze(payload: bytes, *, packing: str = ZLIB) -> Squeezed:
    """Pack a payload, where that makes it smaller."""
    data = zlib.compress(payload, ZLIB_LEVEL) if packing == ZLIB else payload
    if len(data) >= len(payload):
        packing, data = RAW, payload
    return Squeezed(packing, data, zlib.crc32(data))


def make_block(kind: str, payload: Squeezed, *, offset: int, first: int, count: int) -> bytes:
    """A block that begins at `offset`."""
    head = _HEAD.pack(kind.encode(), payload.packing.encode(), len(payload.data), first, count, payload.crc)
    return head + _CRC.pack(zlib.crc32(_PLACE.pack(offset) + head)) + payload.data


def read_head(data: bytes, *, offset: int, number: int) -> Block:
    """The head of the block that begins at `offset`, from its HEAD_BYTES. Raises BackupDamage."""
    head = data[: _HEAD.size]
    if len(data) != HEAD_BYTES or _CRC.unpack(data[_HEAD.size :])[0] != zlib.crc32(_PLACE.pack(offset) + head):
        raise BackupDamage(f"block {number} has a damaged head", offset=offset)
    kind, packing, length, first, count, crc = _HEAD.unpack(head)
    block = Block(number, offset, kind.decode("latin-1"), packing.decode("latin-1"), length, first, count, crc)
    if length > _BYTES_MAX.get(block.kind, 0) or block.packing not in (RAW, ZLIB) or first > merkle.SIZE_MAX:
        raise BackupDamage(f"block {number} is of no known form; does it need a newer program?", offset=offset)
    return block


def pack_mark(*, peaks: tuple[bytes, ...], note: bytes, at_ms: int) -> bytes:
    """The payload of a checkpoint block."""
    return codec.pack([list(peaks), note, at_ms])


def pack_conflicts(conflicts: list[Conflict]) -> bytes:
    """The payload of a block of 1 to CONFLICTS_BLOCK_MAX conflicts."""
    return codec.pack([[one.key, one.lines, one.signature, one.first, one.count] for one in conflicts])


class BackupReader:
    """Reads a backup file. At once: its origin, its last checkpoint, and where that ends, from the blocks' heads alone.

    Owner of the descriptor: whoever opened it.
    """

    def __init__(self, handle: int, *, path: str) -> None:
        """Raises FileError where it is no backup file, BackupDamage where it is damaged before its last checkpoint."""
        self._handle = handle
        self.path = path
        self.bytes = os.fstat(handle).st_size
        self.origin = ""
        self.begin = 0
        """Offset of the first block after the origin's; 0 where the file ends before it."""
        self.mark: Mark | None = None
        self.marks: list[Block] = []
        """The block of every checkpoint that counts."""
        self.sealed = 0
        """Bytes that count: up to the end of the last checkpoint."""
        self.tail: BackupDamage | None = None
        """What is wrong behind the last checkpoint; None where the file goes on with whole blocks, or ends."""
        self._beside: list[Block] = []
        self._after: list[Block] = []
        self._read_beginning()
        self._survey()

    @property
    def size(self) -> int:
        """Entries that count."""
        return self.mark.size if self.mark is not None else 0

    def _pread(self, count: int, offset: int) -> bytes:
        parts = []
        while count > 0:
            try:
                part = os.pread(self._handle, count, offset)
            except OSError as error:
                raise FileError(f"can't read {self.path}: {error.strerror}") from None
            if not part:
                break
            parts.append(part)
            count -= len(part)
            offset += len(part)
        return b"".join(parts)

    def _read_beginning(self) -> None:
        start = self._pread(len(MAGIC), 0)
        if start != MAGIC:
            if self.bytes <= len(MAGIC) and MAGIC.startswith(start):
                return  # cut while it was made
            raise FileError(f"{self.path} is no backup file, and is left as it is", field="FILE")
        try:
            block = read_head(self._pread(HEAD_BYTES, len(MAGIC)), offset=len(MAGIC), number=0)
            origin = self.payload(block)
        except BackupDamage:
            if self._goes_on(len(MAGIC)):
                raise
            return
        self.origin, self.begin = origin.decode("utf-8", "replace"), block.end
        self.sealed = block.end

    def _survey(self) -> None:
        if not self.begin:
            return
        offset, number, entries = self.begin, 1, 0
        while offset < self.bytes:
            try:
                block = self._check_block(offset, number, entries)
                if block.kind == CHECKPOINT:
                    self.mark = self._read_mark(block)
                    self.marks.append(block)
                    self._beside += [one for one in self._after if one.kind != ENTRIES]
                    self.sealed, self._after = block.end, []
            except BackupDamage as damage:
                if self._goes_on(offset):
                    raise
                self.tail = damage
                return
            if block.kind != CHECKPOINT:
                self._after.append(block)
            if block.kind == ENTRIES:
                entries += block.count
            offset, number = block.end, number + 1

    def _check_block(self, offset: int, number: int, entries: int) -> Block:
        block = read_head(self._pread(HEAD_BYTES, offset), offset=offset, number=number)
        most = {ENTRIES: tiles.TILE_WIDTH, CONFLICTS: CONFLICTS_BLOCK_MAX}.get(block.kind, 0)
        fits = block.kind != LOG and block.count <= most and (block.count > 0) == (most > 0)
        if not fits or block.first != entries:
            raise BackupDamage(f"block {number} doesn't fit what stands before it", offset=offset)
        if block.end > self.bytes:
            raise BackupDamage(f"block {number} is cut", offset=offset)
        return block

    def _goes_on(self, offset: int) -> bool:
        """Whether a checkpoint block follows somewhere: then what is wrong here is damage, and no tail."""
        start = offset + 1
        while start < self.bytes:
            data = self._pread(_SEARCH_BYTES + HEAD_BYTES, start)
            at = data.find(b"C0")
            while 0 <= at < _SEARCH_BYTES:
                try:
                    block = read_head(data[at : at + HEAD_BYTES], offset=start + at, number=0)
                    self._read_mark(block, of_any_log=True)
                    return True
                except BackupDamage:
                    at = data.find(b"C0", at + 1)
            start += _SEARCH_BYTES
        return False

    def payload(self, block: Block) -> bytes:
        """A block's payload, unpacked. Raises BackupDamage where it isn't what was written."""
        data = self._pread(block.length, block.offset + HEAD_BYTES)
        if len(data) != block.length or zlib.crc32(data) != block.crc:
            raise BackupDamage(f"{_name(block)} is damaged", offset=block.offset)
        if block.packing == RAW:
            return data
        unpack = zlib.decompressobj()
        try:
            payload = unpack.decompress(data, _BYTES_MAX[block.kind])
        except zlib.error as error:
            raise BackupDamage(f"{_name(block)} can't be unpacked: {error}", offset=block.offset) from None
        if not unpack.eof or unpack.unused_data:
            raise BackupDamage(f"{_name(block)} unpacks to something else", offset=block.offset)
        return payload

    def _read_mark(self, block: Block, *, of_any_log: bool = False) -> Mark:
        try:
            value = codec.decode(self.payload(block), field="checkpoint")
            if type(value) is not list or [type(item) for item in value] != [list, bytes, int]:
                raise InputError("wrong types")
            peaks, note, at_ms = value
            checkpoint = parse_checkpoint(parse_note(note).text)
            if checkpoint.size != block.first or not (of_any_log or checkpoint.origin == self.origin):
                raise InputError("another log's checkpoint, or of another size")
            tree = CompactRange.from_parts(block.first, peaks)
            if tree.root() != checkpoint.root:
                raise InputError("its peaks don't hash to its root")
        except BackupDamage:
            raise
        except (InputError, TypeError) as error:
            raise BackupDamage(f"{_name(block)} is wrong: {error}", offset=block.offset) from None
        return Mark(checkpoint, tree.hashes, note, at_ms, block.end)

    def _read_entries(self, block: Block) -> Entries:
        try:
            return Entries(block.first, tiles.parse_bundle(self.payload(block), block.count))
        except BackupDamage:
            raise
        except InputError as error:
            raise BackupDamage(f"{_name(block)} holds no entries: {error.detail}", offset=block.offset) from None

    def _read_other(self, block: Block) -> list[Conflict] | ClosingNote:
        if block.kind == CLOSING:
            return ClosingNote(self.payload(block))
        wanted = [bytes, bytes, bytes, int, int]
        try:
            rows = codec.decode(self.payload(block), field="conflicts")
            if type(rows) is not list or len(rows) != block.count:
                raise InputError("another count")
            if not all(type(row) is list and [type(item) for item in row] == wanted for row in rows):
                raise InputError("wrong types")
        except BackupDamage:
            raise
        except InputError as error:
            raise BackupDamage(f"{_name(block)} holds no conflicts: {error.detail}", offset=block.offset) from None
        return [Conflict(*row) for row in rows]

    def _blocks(self, offset: int, number: int, entries: int, end: int) -> Iterator[Block]:
        while offset < end:
            block = self._check_block(offset, number, entries)
            yield block
            if block.kind == ENTRIES:
                entries += block.count
            offset, number = block.end, number + 1

    def besides(self) -> Iterator[list[Conflict] | ClosingNote]:
        """What counts and is no entry, as the file has it. Raises BackupDamage."""
        for block in self._beside:
            yield self._read_other(block)

    def parts(self, *, check_roots: bool = True) -> Iterator[Part]:
        """All that counts, every byte of it checked: payloads' checksums, and at each checkpoint the root over all
        entries before it (unless the caller hashes the entries itself). Nothing of what it yields is sure before the
        last one, whose signature is the caller's to check. Raises BackupDamage."""
        tree = CompactRange()
        for block in self._blocks(self.begin, 1, 0, self.sealed):
            if block.kind == ENTRIES:
                entries = self._read_entries(block)
                if check_roots:
                    tree.extend(merkle.leaf_hashes(entries.entries))
                yield entries
            elif block.kind != CHECKPOINT:
                yield self._read_other(block)
            else:
                mark = self._read_mark(block)
                if check_roots and mark.peaks != tree.hashes:
                    raise BackupDamage(
                        f"the {block.first} entries before {_name(block)} don't hash to its root", offset=block.offset
                    )
                yield mark

    def unsealed(self) -> Iterator[tuple[Entries, int]]:
        """Whole blocks of entries directly behind the last checkpoint, each with the file's size up to its end: of a
        run that was cut. They prove nothing yet. Ends at the first that is damaged or no entries."""
        for block in self._after:
            if block.kind != ENTRIES:
                return
            try:
                found = self._read_entries(block)
            except BackupDamage:
                return
            yield found, block.end

    def root_at(self, size: int) -> bytes:
        """The root over the first `size` entries, which the backup holds. Costs reading what lies between the last
        checkpoint before and there. Raises BackupDamage."""
        before = next((block for block in reversed(self.marks) if block.first <= size), None)
        tree = CompactRange() if before is None else self._read_mark(before).range()
        start = (self.begin, 1) if before is None else (before.end, before.number + 1)
        for block in self._blocks(*start, tree.size, self.sealed):
            if tree.size == size:
                break
            if block.kind == ENTRIES:
                leaves = merkle.leaf_hashes(self._read_entries(block).entries)
                tree.extend(leaves[: size - tree.size])
        return tree.root()


def _name(block: Block) -> str:
    what = {
        LOG: "the origin",
        ENTRIES: f"entries {block.first} to {block.first + block.count - 1}",
        CONFLICTS: f"{block.count} conflicts",
        CLOSING: "the closing note",
        CHECKPOINT: f"the checkpoint of size {block.first}",
    }[block.kind]
    return f"block {block.number} ({what})"
