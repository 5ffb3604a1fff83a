"""Print sets: what is read is what was written, the root is RFC 6962's, and nothing else is taken for one."""

import hashlib
import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect import iscccode, printset
from node.detect.iscccode import CHARS_MIN
from node.detect.prints import OCCURRENCES_MAX, PART_CHARS_MAX, PRINTS_MAX, Item, Prints, print_item
from node.detect.printset import ITEMS_MAX, PrintSetReader, PrintSetWriter, leaf_of, parse_leaf, write_print_set
from node.detect.reading import BYTES_MAX, LINE_LOOK_CHARS, SEEN_MAX
from node.detect.rows import RECORD_BYTES_MAX
from node.detect.text import normalise
from node.detect.winnow import DEFAULT, Scheme, Winnower
from proofs import codec
from proofs.errors import InputError


def made(number: int, hashes: list[int], *, gap: int = 7) -> Prints:
    """An item with those hashes, its places a few bytes apart."""
    places = np.arange(len(hashes), dtype=np.uint32) * gap
    return Prints(f"item {number}", hashlib.sha256(b"%d" % number).digest(), len(hashes) * gap + 1,
                  np.array(hashes, np.uint64), places)  # fmt: skip


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is defined there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def same(one: Prints, other: Prints) -> bool:
    """Whether two items have the same prints."""
    return (one.sha256, one.length, one.hashes.tolist(), one.places.tolist()) == (
        other.sha256, other.length, other.hashes.tolist(), other.places.tolist(),
    )  # fmt: skip


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=6, unique=True), max_size=9))
def test_what_is_written_is_read(lists: list[list[int]]) -> None:
    """Every item, the scheme, the count and the root; the root by its definition, from the bytes of the file."""
    items = [made(number, hashes) for number, hashes in enumerate(lists)]
    file = io.BytesIO()
    said = write_print_set(file, items, Scheme(30, 40))
    file.seek(0)
    reader = PrintSetReader(file)
    assert reader.scheme == Scheme(30, 40)
    assert all(same(one, other) for one, other in zip(reader, items, strict=True))
    assert reader.summary() == said == write_print_set(None, items, Scheme(30, 40))
    assert said.value() == {
        "scheme": "winnow-v1 gram=30 window=40", "count": sum(map(len, lists)), "root": naive_root(frames(file)[1:]),
    }  # fmt: skip


def frames(file: io.BytesIO) -> list[bytes]:
    """The file's frames, by hand."""
    data, found = file.getvalue(), []
    while data:
        (size,) = struct.unpack(">I", data[:4])
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def test_the_bytes_are_those_of_the_document() -> None:
    """A set of two prints, byte by byte as docs/prints.md has it."""
    file = io.BytesIO()
    write_print_set(file, [made(0, [1, 2**64 - 1])])
    digest = hashlib.sha256(b"0").digest()
    head = b"\x82\xa6format\xb0usance/prints/v1\xa6scheme\xbbwinnow-v1 gram=25 window=26"
    packed = bytes(7) + b"\x01" + bytes(4) + b"\xff" * 8 + b"\0\0\0\x07"
    leaf = b"\x93\xc4\x20" + digest + b"\x0f\xc4\x18" + packed
    assert file.getvalue() == struct.pack(">I", len(head)) + head + struct.pack(">I", len(leaf)) + leaf


def test_an_item_stands_once() -> None:
    """A second one with the same hash isn't written, and isn't read."""
    file = io.BytesIO()
    writer = PrintSetWriter(file)
    assert writer.add(made(1, [5]))
    assert not writer.add(made(1, [6]))
    assert (writer.items, writer.summary().count) == (1, 1)
    leaf = frames(file)[1]
    file.write(struct.pack(">I", len(leaf)) + leaf)
    file.seek(0)
    with pytest.raises(InputError, match="twice"):
        list(PrintSetReader(file))


def test_a_set_has_so_many_items_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing and reading end there."""
    file = io.BytesIO()
    write_print_set(file, [made(number, [number]) for number in range(4)])
    monkeypatch.setattr(printset, "ITEMS_MAX", 3)
    file.seek(0)
    with pytest.raises(InputError, match="too many"):
        list(PrintSetReader(file))
    with pytest.raises(InputError, match="too many items"):
        write_print_set(None, [made(number, [number]) for number in range(4)])


def leaf(*, sha256: Any = bytes(32), length: Any = 100, packed: Any = None, more: tuple[Any, ...] = ()) -> bytes:
    """A leaf with a part of it replaced."""
    good = struct.pack(">QI", 9, 0) + struct.pack(">QI", 8, 30)
    return codec.encode([sha256, length, good if packed is None else packed, *more])


WRONG_LEAVES: dict[str, Callable[[], bytes]] = {
    "no MessagePack": lambda: b"\xc1",
    "nothing": lambda: b"",
    "a map": lambda: codec.encode({}),
    "more behind it": lambda: leaf() + b"\0",
    "a part more": lambda: leaf(more=(1,)),
    "a hash of 31 bytes": lambda: leaf(sha256=bytes(31)),
    "a hash that is text": lambda: leaf(sha256="a" * 32),
    "a negative length": lambda: leaf(length=-1),
    "a length beyond": lambda: leaf(length=2**32),
    "a length that is true": lambda: leaf(length=True),
    "half a print": lambda: leaf(packed=bytes(13)),
    "places that descend": lambda: leaf(packed=struct.pack(">QIQI", 9, 30, 8, 0)),
    "a place twice": lambda: leaf(packed=struct.pack(">QIQI", 9, 3, 8, 3)),
    "a place beyond the text": lambda: leaf(packed=struct.pack(">QI", 9, 400)),
    "prints of no text": lambda: leaf(length=0, packed=struct.pack(">QI", 9, 0)),
    "a print five times": lambda: leaf(packed=b"".join(struct.pack(">QI", 9, at) for at in range(5))),
    "a longer form of a number": lambda: leaf()[:35] + b"\xcd\0\x64" + leaf()[36:],
}


@pytest.mark.parametrize("name", WRONG_LEAVES)
def test_other_leaves_are_refused(name: str) -> None:
    """Anything that isn't what is written for an item: nobody can send another one."""
    assert same(parse_leaf(leaf_of(parse_leaf(leaf()))), parse_leaf(leaf()))
    with pytest.raises(InputError):
        parse_leaf(WRONG_LEAVES[name]())


def framed(*parts: bytes) -> bytes:
    """Frames of these."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def head(**fields: Any) -> bytes:
    """A head with fields replaced or added; None leaves one out."""
    value = {"format": "usance/prints/v1", "scheme": str(DEFAULT), **fields}
    return codec.encode(codec.sort_maps({name: part for name, part in value.items() if part is not None}))


WRONG_FILES = {
    "nothing": b"",
    "half a length": b"\0\0",
    "text": b"This is no print set at all, only some text.",
    "another format": framed(head(format="usance/prints/v2")),
    "no scheme": framed(head(scheme=None)),
    "a scheme that is a number": framed(head(scheme=3)),
    "an unknown scheme": framed(head(scheme="minhash-128")),
    "a field more": framed(head(more=1)),
    "a list for a head": framed(codec.encode([])),
    "a head of no size": framed(b""),
    "a head cut": framed(head())[:-1],
    "a head of a megabyte": framed(head(scheme="x" * 1_000_000)),
    "a leaf cut": framed(head(), leaf())[:-1],
    "a leaf's length cut": framed(head(), leaf()) + b"\0",
    "an empty leaf": framed(head(), leaf(), b""),
    "a leaf of 4 GB": framed(head()) + b"\xff\xff\xff\xff" + bytes(100),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_other_files_are_refused(name: str) -> None:
    """Cut, too large, of another format or scheme: before memory is spent on it."""
    with pytest.raises(InputError):
        list(PrintSetReader(Bounded(WRONG_FILES[name])))


class Bounded(io.BytesIO):
    """A file of which nobody asks for more than a leaf's bytes."""

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= printset.LEAF_BYTES_MAX
        return super().read(size)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_damaged_file_is_refused_or_another_set(junk: bytes, at: int) -> None:
    """Whatever stands in a file, it is refused in so many words, or its root is another's."""
    file = io.BytesIO()
    said = write_print_set(file, [made(number, [number, number + 1]) for number in range(5)])
    data = bytearray(file.getvalue())
    at %= len(data)
    data[at : at + len(junk)] = junk
    try:
        reader = PrintSetReader(io.BytesIO(bytes(data)))
        list(reader)
    except InputError:
        return
    assert (reader.summary() == said) == (bytes(data) == file.getvalue())


def test_the_documents_example_is_what_is_made(repo_root: Path) -> None:
    """docs/prints.md: its text has its form, its print, its leaf and its root; its bounds are the code's."""
    document = (repo_root / "docs" / "prints.md").read_text(encoding="utf-8")
    text = re.search(r"```text\n(“To be.*)\n```", document)[1]  # type: ignore[index]
    form = normalise(text).decode()
    made = print_item(Item("x", hashlib.sha256(text.encode()).digest(), text), Winnower())
    place = int(made.places[0])
    said = f"is `{form}` ({len(form)} bytes) and has one print, `{int(made.hashes[0]):016x}` at {place}: the gram "
    assert f"{said}`{form[place : place + 25]}`" in document
    assert f"\n{leaf_of(made).hex()}\n" in document
    assert f"root `{write_print_set(None, [made]).root.hex()}`" in document
    for number in (PART_CHARS_MAX, PRINTS_MAX, ITEMS_MAX, LINE_LOOK_CHARS, SEEN_MAX, CHARS_MIN):
        assert f"{number:,}" in document
    assert f"first {OCCURRENCES_MAX} places" in document
    assert (RECORD_BYTES_MAX, BYTES_MAX, iscccode.BYTES_MAX) == (8 * 2**20, 4 * 2**30, 16 * 2**20)
