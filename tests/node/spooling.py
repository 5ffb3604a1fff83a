"""What the tests of the spool share: records, segments made by hand, and what of them is in a log."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client import Client
from node.spool.folder import SpoolFolder
from node.spool.segment import Record, SegmentReader, make_header, pack_end, pack_record, segment_name
from node.spool.sender import Drained, SpoolSender
from proofs.codec import unpack
from proofs.entry import parse_entry
from proofs.records import make_body
from tests.node.fakelog import NOW_MS, FakeLog

NO_ASSET = b"\x00" * 7 + b"\x01" + b"\x00" * 32
"""A reference that is well formed, but no asset of a log: only the node can tell."""


def use(call: str, **fields: object) -> bytes:
    """A usage record's body."""
    usage = {
        "kind": "usage", "at": NOW_MS, "asset": "model:x/y", "use": "infer", "quantities": {"token": 5}, "from": NOW_MS,
        "until": NOW_MS, "call": call, **fields,
    }  # fmt: skip
    return make_body(usage)


def bad(call: str) -> bytes:
    """A record that a node refuses, as the rules have it."""
    return use(call, asset=NO_ASSET)


def uses(prefix: str, count: int) -> list[bytes]:
    """Records with the call ids `prefix0`, `prefix1`, …"""
    return [use(f"{prefix}{number}") for number in range(count)]


def expected(prefix: str, count: int) -> list[str]:
    """The call ids of `uses`."""
    return [f"{prefix}{number}" for number in range(count)]


def calls_of(entries: Iterator[bytes]) -> list[str]:
    """The call ids of the usage records among entries, in order."""
    bodies = (unpack(parse_entry(raw).body) for raw in entries)
    return [body["call"] for body in bodies if body["kind"] == "usage"]


def calls(log: FakeLog) -> list[str]:
    """The call ids in a log, in its order."""
    return calls_of(log.reader.entries(0, log.ledger.size))


def segment_bytes(
    vkey: str, bodies: Sequence[bytes], *, key: bytes | None = None, id: bytes | None = None, end: bool = True
) -> bytes:
    """A whole segment."""
    data = make_header(vkey=vkey, key=key, id=id or os.urandom(16))
    for body in bodies:
        data += pack_record(body, position=len(data))
    return data + (pack_end(position=len(data)) if end else b"")


def read_all(path: Path) -> tuple[list[Record], SegmentReader]:
    """A segment's records and the reader after them. Raises DamageError."""
    with open(path, "rb") as file:
        reader = SegmentReader(file)
        return list(reader.records()), reader


@dataclass
class Spool:
    """A spool for one log, with a key that is a party there."""

    log: FakeLog
    key: Ed25519PrivateKey
    folder: SpoolFolder
    state: Path
    segments: int = 0

    @property
    def public(self) -> bytes:
        """The public key."""
        return self.key.public_key().public_bytes_raw()

    def put(self, *bodies: bytes, key: bytes | None = None, vkey: str = "", **options: object) -> Path:
        """A segment of a writer that has ended, behind all others."""
        self.segments += 1
        name = segment_name(now_ms=NOW_MS + self.segments, pid=1, random=b"\x00" * 4)
        data = segment_bytes(vkey or self.log.vkey.text, bodies, key=key, **options)  # type: ignore[arg-type]
        return self.put_file(name, data)

    def put_file(self, name: str, data: bytes) -> Path:
        """A file in the folder."""
        self.folder.make()
        path = Path(self.folder.file(name))
        path.write_bytes(data)
        return path

    def client(self) -> Client:
        """A client that waits for nothing."""
        return Client(self.log.url, self.log.vkey, state_folder=str(self.state), sleep=lambda seconds: None)

    def sender(self, client: Client, **options: object) -> SpoolSender:
        """A sender with the spool's key."""
        given = {"sleep": lambda seconds: None, "now_ms": lambda: NOW_MS, **options}
        return SpoolSender(self.folder, client, self.key, **given)  # type: ignore[arg-type]

    def send(self, **options: object) -> Drained:
        """One run of a new sender."""
        client = self.client()
        try:
            return self.sender(client, **options).run()
        finally:
            client.close()

    def files(self) -> list[str]:
        """What is in the folder but for the sender's own files."""
        own = ("sender.lock", "sender.state", "last-try.json")
        return sorted(entry.name for entry in os.scandir(self.folder.path) if entry.name not in own)
