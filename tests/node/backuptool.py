"""What the tests of backups share: a log behind HTTP, runs of the command, and another reading of the file."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.backup import CheckedBackup, check_backup
from node.backupfile import RAW, ZLIB, make_block, squeeze
from proofs.logkeys import log_keys
from proofs.note import VerifierKey
from tests.node.clitool import Cli
from tests.node.fakelog import FakeLog
from tests.node.harness import nil_body

MAGIC = b"usance/backup/v1\n"
HEAD = struct.Struct(">ccIQIII")


class Piece(NamedTuple):
    """A block, as docs/backup.md has it."""

    offset: int
    kind: str
    first: int
    count: int
    payload: bytes
    end: int


def pieces(data: bytes) -> Iterator[Piece]:
    """The blocks of a whole file, read without the program's own code."""
    assert data.startswith(MAGIC)
    at = len(MAGIC)
    while at < len(data):
        kind, packing, length, first, count, crc, head_crc = HEAD.unpack_from(data, at)
        assert zlib.crc32(struct.pack(">Q", at) + data[at : at + HEAD.size - 4]) == head_crc
        start = at + HEAD.size
        payload = data[start : start + length]
        assert len(payload) == length
        assert zlib.crc32(payload) == crc
        yield Piece(at, kind.decode(), first, count, zlib.decompress(payload) if packing == b"z" else payload,
                    start + length)  # fmt: skip
        at = start + length


def rewritten(blocks: Sequence[Piece]) -> bytes:
    """A file of these blocks, each with right checksums at the place where it comes to stand."""
    data = MAGIC
    for block in blocks:
        payload = squeeze(block.payload, packing=ZLIB if block.kind in "EX" else RAW)
        data += make_block(block.kind, payload, offset=len(data), first=block.first, count=block.count)
    return data


def entries_in(data: bytes) -> list[bytes]:
    """Every entry of a whole file, in order."""
    found: list[bytes] = []
    for piece in pieces(data):
        if piece.kind != "E":
            continue
        assert piece.first == len(found)
        at = 0
        for _ in range(piece.count):
            length = int.from_bytes(piece.payload[at : at + 2], "big")
            found.append(piece.payload[at + 2 : at + 2 + length])
            at += 2 + length
        assert at == len(piece.payload)
    return found


def marks_in(data: bytes) -> list[int]:
    """The sizes of a whole file's checkpoints."""
    sizes = []
    for piece in pieces(data):
        if piece.kind == "C":
            _, note, _ = msgpack.unpackb(piece.payload)
            assert int(note.split(b"\n")[1]) == piece.first
            sizes.append(piece.first)
    return sizes


def judge(path: Path, vkey: VerifierKey) -> CheckedBackup:
    """`--check` without the command line."""

    @contextmanager
    def show(done: int, total: int) -> Iterator[Any]:
        yield lambda count: None

    return check_backup(str(path), log_keys(vkey), show=show)


@dataclass
class Growing:
    """A fake log that grows, and the command that backs it up."""

    cli: Cli
    log: FakeLog = field(default_factory=FakeLog)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    number: int = 0

    def __post_init__(self) -> None:
        self.log.join(self.key)
        self.number = 1

    def grow(self, *batches: int) -> None:
        """Log batches of so many records each."""
        for count in batches:
            self.log.log(self.key, self.number, [nil_body(self.number + at) for at in range(count)])
            self.number += count

    @property
    def path(self) -> Path:
        """The backup."""
        return self.cli.folder / "log.backup"

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return self.path.read_bytes()

    @property
    def words(self) -> tuple[object, ...]:
        """The command's words."""
        return ("backup", self.log.url, self.path, "--log", self.log.vkey.text)

    def run(self) -> dict[str, Any]:
        """Back up; what the command says."""
        return self.cli.json(*self.words)

    def entries(self) -> list[bytes]:
        """What the log holds."""
        return list(self.log.reader.entries(0, self.log.ledger.size))
