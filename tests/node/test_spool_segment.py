"""A segment: what was written is read, whatever else is told apart from it (node/spool/segment.py)."""

import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.spool.errors import DamageError
from node.spool.segment import (
    HEAD_BYTES,
    SegmentReader,
    is_segment_name,
    make_header,
    pack_record,
    parse_header,
    segment_name,
)
from proofs.checkpoint import log_vkey
from proofs.errors import InputError
from proofs.records import BODY_BYTES_MAX
from tests.node.spooling import read_all, segment_bytes

VKEY = log_vkey(origin="log.example/spool", public_key=Ed25519PrivateKey.from_private_bytes(b"k" * 32)
                .public_key().public_bytes_raw()).text  # fmt: skip
BODIES = [b"a", b"bb" * 40, b"\x00" * 30, os.urandom(200)]


@pytest.fixture
def path(tmp_path) -> Path:
    """A file's path."""
    return tmp_path / "s.spool"


def test_what_was_written_is_read(path) -> None:
    """Bodies in order, with their places, from any record on; the header and the end mark too."""
    data = segment_bytes(VKEY, BODIES, key=b"K" * 32, id=b"i" * 16)
    path.write_bytes(data)
    records, reader = read_all(path)
    assert [record.body for record in records] == BODIES
    assert (reader.header.vkey, reader.header.key, reader.header.id) == (VKEY, b"K" * 32, (b"i" * 16).hex())
    assert (reader.position, reader.ended, reader.torn) == (len(data), True, 0)
    with open(path, "rb") as file:
        again = SegmentReader(file)
        assert [record.body for record in again.records(records[1].end)] == BODIES[2:]
        assert list(again.records(len(data))) == []


def test_a_file_cut_at_every_byte(path) -> None:
    """Every record that is whole is read, and the rest is a torn tail; within the header it is no spool file."""
    data = segment_bytes(VKEY, BODIES)
    path.write_bytes(data)
    ends = [record.end for record in read_all(path)[0]]
    header = parse_header(data).size
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        if cut < header:
            with pytest.raises(DamageError):
                read_all(path)
            continue
        records, reader = read_all(path)
        assert [record.body for record in records] == BODIES[: sum(end <= cut for end in ends)]
        assert (reader.torn, reader.ended) == (cut - reader.position, False)


def test_every_byte_changed_is_noticed(path) -> None:
    """What stands before the byte is read, nothing of or behind it; no change passes for a file cut short."""
    data = segment_bytes(VKEY, BODIES)
    path.write_bytes(data)
    ends = [record.end for record in read_all(path)[0]]
    header = parse_header(data).size
    for at in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            broken = bytearray(data)
            broken[at] ^= change
            path.write_bytes(broken)
            with open(path, "rb") as file:
                if at < header:
                    with pytest.raises(DamageError):
                        SegmentReader(file)
                    continue
                reader = SegmentReader(file)
                seen: list[bytes] = []
                with pytest.raises(DamageError) as caught:
                    _read_into(seen, reader)
            assert seen == BODIES[: sum(end <= at for end in ends)]
            assert caught.value.position == max([header, *(end for end in ends if end <= at)])


def _read_into(seen: list[bytes], reader: SegmentReader) -> None:
    for record in reader.records():
        seen.append(record.body)


@pytest.mark.parametrize("zeros", [1, HEAD_BYTES, 5000, 600_000])
def test_zeros_at_the_end_are_a_torn_tail(path, zeros) -> None:
    """Some file systems give out space before its content: after a loss of power it reads as zeros."""
    data = segment_bytes(VKEY, BODIES, end=False)
    path.write_bytes(data + bytes(zeros))
    records, reader = read_all(path)
    assert (len(records), reader.torn) == (4, zeros)
    path.write_bytes(data + bytes(zeros) + b"x")
    if zeros + 1 >= HEAD_BYTES:
        with pytest.raises(DamageError):
            read_all(path)


def test_a_record_counts_at_its_own_place_only(path) -> None:
    """One that was cut out, doubled or swapped with another is damage."""
    header = make_header(vkey=VKEY, key=None, id=b"i" * 16)
    first = pack_record(b"one", position=len(header))
    second = pack_record(b"two", position=len(header) + len(first))
    for data in (header + second, header + second + first, header + first + first):
        path.write_bytes(data)
        with pytest.raises(DamageError):
            read_all(path)


@pytest.mark.parametrize("size", [0, BODY_BYTES_MAX + 1])
def test_bodies_are_bounded(size) -> None:
    """A record has 1 to 60,000 bytes; one of 0 bytes would be an end mark."""
    with pytest.raises(InputError):
        pack_record(bytes(size), position=100)


def test_a_length_beyond_the_bound_is_damage_whatever_its_check_says(path) -> None:
    """Else a file could make its reader take any amount of memory."""
    header = make_header(vkey=VKEY, key=None, id=b"i" * 16)
    crc = zlib.crc32(struct.pack(">QII", len(header), BODY_BYTES_MAX + 1, 0))
    path.write_bytes(header + struct.pack(">III", BODY_BYTES_MAX + 1, 0, crc) + bytes(100))
    with pytest.raises(DamageError):
        read_all(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"usance/spool/v1", b"usance/spool/v2"),
        lambda data: data.replace(b"\n", b"\r\n", 3),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"-\n", b"\n"),
        lambda data: data.upper(),
        lambda data: b"",
        lambda data: b"\n" * 600,
        lambda data: b"usance/spool/v1\n" + b"x" * 2000,
        lambda data: b"usance/spool/v1\n" + b"\xff\n" * 6,
        lambda data: b"usance/spool/v1\nnokey\n-\n" + b"0" * 32 + b"\n00000000\n",
    ],
)
def test_a_header_is_read_strictly(change) -> None:
    """Whatever `make_header` doesn't write is refused, without any other error."""
    with pytest.raises(DamageError):
        parse_header(change(make_header(vkey=VKEY, key=None, id=b"i" * 16)))


@pytest.mark.parametrize("wrong", [{"vkey": "x"}, {"key": b"k"}, {"id": b"i"}])
def test_no_header_is_made_of_anything_else(wrong) -> None:
    """A log's key, a 32-byte key or none, and 16 bytes."""
    with pytest.raises(InputError):
        make_header(**{"vkey": VKEY, "key": None, "id": b"i" * 16, **wrong})


def test_names_sort_by_age() -> None:
    """Whatever the process numbers are; nothing else is taken for a segment."""
    names = [segment_name(now_ms=ms, pid=pid, random=b"abcd") for ms, pid in ((5, 9), (10**12, 1), (10**12 + 1, 0))]
    assert sorted(names) == names
    assert all(map(is_segment_name, names))
    for name in (".new-" + names[0], names[0] + ".tmp", "x.spool", "", names[0].upper()):
        assert not is_segment_name(name)


def test_memory_is_bounded(path) -> None:
    """A segment of many megabytes is read with less than two in memory."""
    with open(path, "wb") as file:
        file.write(make_header(vkey=VKEY, key=None, id=b"i" * 16))
        position = file.tell()
        for _ in range(400):
            position += file.write(pack_record(bytes(50_000), position=position))
    with open(path, "rb") as file:
        reader = SegmentReader(file)
        tracemalloc.start()
        try:
            assert sum(1 for _ in reader.records()) == 400
            assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
        finally:
            tracemalloc.stop()
