"""A segment: one file of a spool, which one process appends to; an offline file has the same form (docs/spool.md).

::

    usance/spool/v1\\n
    <the log's verifier key>\\n
    <64 hex digits, the public key that is to sign, or - for whoever sends it>\\n
    <32 hex digits, the file's own random id>\\n
    <8 hex digits, CRC-32 of the lines above>\\n
    record, record, ...

    record = length of the body (4 bytes) | CRC-32 of the body (4) | CRC-32 of position and both (4) | body

Numbers are big-endian; the position (8 bytes) is the offset at which the record begins, so that a record counts at its
own place only. The head has a check of its own, so that a length that was changed isn't taken for a record cut short.
A record of length 0 is an end mark: its writer closed the file here (it may have been opened again, and gone on).

Invariants: a record is written by one `write` that appends, so what a crash leaves is a prefix of it. Fewer bytes than
a record's head says, or nothing but zeros (space that a file system had given out when the power went), are a *torn
tail*: never acknowledged as synced, and what stands before counts. Everything else that doesn't fit is *damage*.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from node.spool.errors import DamageError
from proofs.checkpoint import parse_log_vkey
from proofs.errors import InputError
from proofs.records import BODY_BYTES_MAX

MAGIC = b"usance/spool/v1\n"
SUFFIX = ".spool"
ID_BYTES = 16
KEY_BYTES = 32
HEAD_BYTES = 12
VKEY_CHARS_MAX = 512
HEADER_BYTES_MAX = len(MAGIC) + VKEY_CHARS_MAX + 1 + 65 + 2 * ID_BYTES + 1 + 9
SEGMENT_BYTES_MAX = 16 * 1024 * 1024
"""A writer goes on in a new segment beyond this size, so that what is settled can be deleted while it lives."""
_CHUNK_BYTES = 256 * 1024
_HEAD = struct.Struct(">III")
_PLACE = struct.Struct(">QII")
_NAME = re.compile(r"[0-9]{13,16}-[0-9]{1,10}-[0-9a-f]{8}\.spool")


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself. `vkey`: its log's, as text; `key`: the 32-byte key that is to sign, None where
    that is left to the sender; `id`: 32 hex digits; `size`: where records begin."""

    vkey: str
    key: bytes | None
    id: str
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its body, where it begins and where it ends, in bytes from the start of the file."""

    position: int
    end: int
    body: bytes


def segment_name(*, now_ms: int, pid: int, random: bytes) -> str:
    """A segment's file name; names sort by `now_ms`. A writer's next segment has a larger `now_ms` than its last one,
    whatever the clock says. `random`: 4 bytes, against two processes of one number (containers on one folder)."""
    return f"{now_ms:013}-{pid}-{random.hex()}{SUFFIX}"


def is_segment_name(name: str) -> bool:
    """Whether a file in a spool's folder is a segment."""
    return _NAME.fullmatch(name) is not None


def make_header(*, vkey: str, key: bytes | None, id: bytes) -> bytes:
    """The first bytes of a segment. `key`: who is to sign, so that no program's records go out under another's key;
    None leaves it to the sender (offline files). `id`: 16 random bytes. Raises InputError for a key that no log has."""
    parse_log_vkey(vkey)
    if len(id) != ID_BYTES or len(vkey) > VKEY_CHARS_MAX or (key is not None and len(key) != KEY_BYTES):
        raise InputError("not a segment's header", field="header", expected=f"keys and {ID_BYTES} random bytes")
    lines = MAGIC + f"{vkey}\n{'-' if key is None else key.hex()}\n{id.hex()}\n".encode()
    return lines + b"%08x\n" % zlib.crc32(lines)


def parse_header(data: bytes) -> Header:
    """Read the header from the first HEADER_BYTES_MAX bytes of a segment (or all of a shorter one).

    Raises DamageError for anything else than `make_header` writes: a writer gives a segment its name when its header
    is durable, so there is none cut short by a crash.
    """
    if not data.startswith(MAGIC):
        why = "it ends within its header" if MAGIC.startswith(data) else "it doesn't begin as a spool file does"
        raise DamageError(why, position=0)
    lines = data[:HEADER_BYTES_MAX].split(b"\n", 5)
    if len(lines) < 6:
        raise DamageError("its header has no end", position=0)
    size = sum(len(line) + 1 for line in lines[:5])
    try:
        vkey, signer, id = (line.decode() for line in lines[1:4])
        key = None if signer == "-" else bytes.fromhex(signer)
        if make_header(vkey=vkey, key=key, id=bytes.fromhex(id)) == data[:size]:
            return Header(vkey, key, id, size)
    except (InputError, ValueError):
        pass
    raise DamageError("its header is damaged", position=0)


def pack_record(body: bytes, *, position: int) -> bytes:
    """A record's bytes at this offset of the file. Raises InputError for a body of 0 or over 60,000 bytes."""
    if not 1 <= len(body) <= BODY_BYTES_MAX:
        raise InputError(f"{len(body)} bytes", field="body", expected=f"1 to {BODY_BYTES_MAX} bytes")
    return _head(body, position) + body


def pack_end(*, position: int) -> bytes:
    """An end mark's bytes at this offset: the writer closes the file knowing that all before it is there."""
    return _head(b"", position)


def _head(body: bytes, position: int) -> bytes:
    crc = zlib.crc32(body)
    return _HEAD.pack(len(body), crc, zlib.crc32(_PLACE.pack(position, len(body), crc)))


class SegmentReader:
    """A segment's records, read in order and in bounded memory (one chunk and one record). Owner: one thread.

    `position`: the offset after the last good record or end mark that was read. `ended`: an end mark is the last thing
    before it. `torn`: bytes after it that are a torn tail, known once `records` came to its end.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Raises DamageError for the header."""
        self._file = file
        file.seek(0)
        self.header = parse_header(file.read(HEADER_BYTES_MAX))
        self.position = self.header.size
        self.ended = False
        self.torn = 0

    def records(self, start: int = 0) -> Iterator[Record]:
        """The records from an offset on at which one begins (0: the first one), up to the file's present end.

        Raises DamageError, after all good records before the damage were yielded; also where the file ends before
        `start`.
        """
        self.position = max(start, self.header.size)
        self.ended, self.torn = False, 0
        if os.fstat(self._file.fileno()).st_size < self.position:
            raise DamageError(f"it ends before offset {self.position}, where it was good once", position=self.position)
        self._file.seek(self.position)
        buffer, at = b"", 0
        while True:
            buffer, at = self._more(buffer, at, HEAD_BYTES)
            rest = len(buffer) - at
            if rest < HEAD_BYTES:
                self.torn = rest
                return
            length, crc, check = _HEAD.unpack_from(buffer, at)
            if length > BODY_BYTES_MAX or zlib.crc32(_PLACE.pack(self.position, length, crc)) != check:
                self.torn = self._zeros(buffer[at:])
                return
            buffer, at = self._more(buffer, at, HEAD_BYTES + length)
            if len(buffer) - at < HEAD_BYTES + length:
                self.torn = len(buffer) - at
                return
            body = buffer[at + HEAD_BYTES : at + HEAD_BYTES + length]
            if zlib.crc32(body) != crc:
                raise DamageError(f"the record at offset {self.position} was changed", position=self.position)
            begin, self.position = self.position, self.position + HEAD_BYTES + length
            at += HEAD_BYTES + length
            self.ended = not length
            if length:
                yield Record(begin, self.position, body)

    def _more(self, buffer: bytes, at: int, need: int) -> tuple[bytes, int]:
        """The buffer with `need` bytes after `at`, or all that there are."""
        while len(buffer) - at < need and (piece := self._file.read(_CHUNK_BYTES)):
            buffer, at = buffer[at:] + piece, 0
        return buffer, at

    def _zeros(self, piece: bytes) -> int:
        """The length of the rest of the file, which has to be zeros: the damage is one otherwise."""
        count = 0
        while piece:
            if piece.count(0) != len(piece):
                raise DamageError(f"at offset {self.position} stands no record", position=self.position)
            count += len(piece)
            piece = self._file.read(_CHUNK_BYTES)
        return count
