"""The bytes of a file or stream as they come: unpacked where they are gzip, in UTF-8 where they are UTF-16, bounded.

Layers of generators, each over the one before: what is read, what it unpacks to, its hash, its encoding.
"""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain
from typing import Any, BinaryIO, cast

from node.detect.remarks import CUT, DAMAGED, OTHER_UNICODE, UNREADABLE, Remarks

CHUNK_BYTES = 256 * 1024
STEP_BYTES = 256
"""Of a gzip's next member, at first."""
LOOK_BYTES = 64 * 1024
"""From which it is told whether a file is text."""
BROKEN_SHARE = 8
"""One character in so many that is no UTF-8, or a control character: then it is no text."""

_GZIP = b"\x1f\x8b"
_BOMS = (  # the longest first
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PACKED = (_GZIP, b"%PDF-", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"PAR1")
"""Beginnings of formats that hold text, but not as text."""
_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\b\x1b")


class Content:
    """What comes out of an open file. `digest()` is that of the unpacked bytes read so far; `is_cut`: not all of it
    came, which was remarked."""

    def __init__(self, file: BinaryIO, name: str, remarks: Remarks, *, bytes_max: int) -> None:
        """`bytes_max`: of what a gzip unpacks to."""
        self.name = name
        self.size = 0
        self.is_cut = False
        self._remarks = remarks
        self._hash = sha256()
        head, chunks = _ahead(self._read(file), len(_GZIP))
        if head.startswith(_GZIP):
            chunks = self._unpacked(chunks, bytes_max)
        head, chunks = _ahead(self._hashed(chunks), 4)
        for mark, encoding in _BOMS:
            if head.startswith(mark):
                remarks.note(OTHER_UNICODE, name)
                head, chunks = _ahead(_transcoded(chunks, encoding), 4)
                break
        self._chunks = chunks
        if head.startswith(codecs.BOM_UTF8):
            self._chunks = _without(self._chunks, len(codecs.BOM_UTF8))

    def digest(self) -> bytes:
        """SHA-256 of what was read, unpacked."""
        return self._hash.digest()

    def ahead(self, size: int) -> bytes:
        """At least the first `size` bytes, or all there are; they still come."""
        head, self._chunks = _ahead(self._chunks, size)
        return head

    def chunks(self) -> Iterator[bytes]:
        """All of it, once; never more than a few hundred KB at a time."""
        return self._chunks

    def drain(self) -> None:
        """Read on to the end, for the hash."""
        for _ in self._chunks:
            pass

    def reader(self) -> io.BufferedReader:
        """All of it as a file, for lines."""
        return io.BufferedReader(cast(Any, _Raw(self._chunks)), CHUNK_BYTES)

    def is_text(self) -> bool:
        """Whether it begins as text does: no zero bytes, no packed format's mark, and hardly anything but UTF-8."""
        head = self.ahead(LOOK_BYTES)[:LOOK_BYTES]
        if b"\0" in head or head.startswith(_PACKED):
            return False
        text = head.decode("utf-8", "replace")
        return (text.count("\ufffd") + len(head) - len(head.translate(None, _CONTROL))) * BROKEN_SHARE <= len(text)

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        # What a pipe has now, not what it will have: a model's outputs come slowly.
        read = getattr(file, "read1", file.read)
        while True:
            try:
                chunk = read(CHUNK_BYTES)
            except OSError as error:
                self.is_cut = True
                self._remarks.note(UNREADABLE, f"{self.name}: {error.strerror}")
                return
            if chunk is None:  # a stream that somebody set not to block
                self._note_cut(UNREADABLE)
            if not chunk:
                return
            yield chunk

    def _unpacked(self, chunks: Iterator[bytes], bytes_max: int) -> Iterator[bytes]:
        """What a gzip of one or more members unpacks to, up to the bound or the first damage."""
        left = bytes_max
        unpacker = zlib.decompressobj(wbits=31)
        begun = False
        step = CHUNK_BYTES
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                if unpacker.eof:
                    step = STEP_BYTES  # what a member leaves is copied: of many small ones, little at a time
                    if not rest[0]:  # padding, as tar and tapes leave it
                        zeros = rest[:STEP_BYTES].tobytes()
                        rest = rest[len(zeros) - len(zeros.lstrip(b"\0")) :]
                        continue
                    unpacker, begun = zlib.decompressobj(wbits=31), False
                begun = True
                held = rest[:step]
                try:
                    out = unpacker.decompress(held, min(CHUNK_BYTES, left + 1))
                except zlib.error:
                    self._note_cut(DAMAGED)
                    return
                rest = rest[len(held) - len(unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail) :]
                step = min(2 * step, CHUNK_BYTES)
                if len(out) > left:
                    yield out[:left]
                    self._note_cut(CUT)
                    return
                left -= len(out)
                if out:
                    yield out
        if begun and not unpacker.eof:
            out = unpacker.flush()  # what the bound of a piece held back: a few KB at most
            yield out[:left]
            if len(out) > left or not unpacker.eof:
                self._note_cut(CUT if len(out) > left else DAMAGED)

    def _note_cut(self, reason: str) -> None:
        self.is_cut = True
        self._remarks.note(reason, self.name)

    def _hashed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._hash.update(chunk)
            self.size += len(chunk)
            self._remarks.size += len(chunk)
            yield chunk


class _Raw(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = memoryview(chunk)
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


def _ahead(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first `size` bytes or more, and all chunks again."""
    held = b""
    while len(held) < size:
        chunk = next(chunks, None)
        if chunk is None:
            break
        held += chunk
    return held, chain((held,) if held else (), chunks)


def _without(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Chunks without the first `size` bytes, which are in the first of them."""
    yield next(chunks)[size:]
    yield from chunks


def _transcoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
