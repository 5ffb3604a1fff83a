"""What there is to look at, as items of text: files, folders, JSON Lines and CSV columns, gzip, and a stream.

Everything is read in pieces and bounded (docs/prints.md): a line of 2 GB comes in parts, of a packed file no more is
unpacked than `bytes_max`, a record of JSON Lines or CSV beyond RECORD_BYTES_MAX is passed over. What isn't read, or not
as it stands, is remarked (node/detect/remarks.py).
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import BinaryIO

import numpy as np

from node.detect.content import Content
from node.detect.markup import is_page, without_markup
from node.detect.matching import contains
from node.detect.prints import PART_CHARS_MAX, SHORT_CHARS, Item, Prints, print_short
from node.detect.remarks import (
    BINARY,
    BROKEN,
    EMPTY,
    LINK,
    NOT_A_FILE,
    PAGE,
    PROMPT_CUT,
    REPEATED,
    ROWS_WHOLE,
    SURROGATES,
    TOO_MANY,
    UNREADABLE,
    Remarks,
)
from node.detect.rows import ROW_ENDINGS, mended, read_rows
from node.detect.text import normalise, pieces
from node.detect.winnow import BLOCK_BYTES, DEFAULT, Hashes, Scheme, Winnower
from node.errors import FileError
from node.manifests import matches_pattern
from node.ownfiles import unblocked
from proofs.errors import InputError

BYTES_MAX = 4 * 1024 * 1024 * 1024
"""Of what a gzip unpacks to, unless another bound is given."""
SEEN_MAX = 1_000_000
"""Items whose hashes are kept to know repeated ones, 100 bytes each; beyond them one may come twice."""
SHORT_MAX = 256
"""Short items printed together."""
LINE_LOOK_CHARS = 64 * 1024
"""So near its end a part is cut after a line, if there is one."""
STREAM = "-"


@dataclass(frozen=True, slots=True)
class Options:
    """`columns`: of JSON Lines and CSV, whose fields are the items; none: a file is one item, whatever is in it.
    `prompt`: the column of what was asked, whose own prints don't count in the answers. `exclude`: patterns of a shell
    for paths below a folder, or their last part. `bytes_max`: of what a gzip unpacks to."""

    columns: tuple[str, ...] = ()
    prompt: str | None = None
    exclude: tuple[str, ...] = ()
    bytes_max: int = BYTES_MAX

    def __post_init__(self) -> None:
        if self.prompt is not None and not self.columns:
            raise InputError("a prompt's column alone", field="--prompt", expected="--column too: what was answered")


@dataclass(frozen=True, slots=True)
class Read:
    """An item, and what was asked where its row says that."""

    item: Item
    prompt: str | None = None


def read_items(
    paths: Sequence[str], *, options: Options, remarks: Remarks, stream: BinaryIO | None = None
) -> Iterator[Read]:
    """All items of these files and folders, folders in order of their entries' bytes; "-" is standard input (`stream`
    in its place, for tests).

    Names: the path; `path:ROW` of a row, from 1 (of several columns `path:ROW:COLUMN`); `path#PART` of what is longer
    than PART_CHARS_MAX characters. An item that was there already is counted and passed over. Raises FileError for a
    path that is no file or folder; all else that can't be read is remarked.
    """
    for path in paths:  # a wrong name is noticed before the work
        if path != STREAM and not os.path.exists(path):
            raise FileError(f"there is no file or folder {path}", field="PATH")
    seen: set[bytes] = set()
    for path in paths:
        for read in _read_path(path, options, remarks, stream):
            key = read.item.sha256[:16]
            if read.prompt is not None:  # another question leaves other prints out
                key = sha256(key + read.prompt.encode()).digest()[:16]
            if key in seen:
                remarks.note(REPEATED, read.item.name)
                continue
            if len(seen) < SEEN_MAX:
                seen.add(key)
            remarks.items += 1
            yield read


def print_items(
    reads: Iterable[Read], *, remarks: Remarks, scheme: Scheme = DEFAULT, winnower: Winnower | None = None
) -> Iterator[Prints]:
    """The prints of each, as print_reads gives them."""
    for _, prints in print_reads(reads, remarks=remarks, winnower=winnower or Winnower(scheme)):
        yield prints


def print_reads(reads: Iterable[Read], *, remarks: Remarks, winnower: Winnower) -> Iterator[tuple[Read, Prints]]:
    """Each item with its prints, without those of grams that its prompt has. One with too many is remarked and left
    out. Reads ahead: short items are printed many at a time."""
    grams = Winnower(Scheme(winnower.scheme.gram, 1))
    short: list[Read] = []
    chars = 0
    for read in reads:
        size = len(read.item.text or "")
        if chars + size > BLOCK_BYTES or size > SHORT_CHARS or len(short) == SHORT_MAX:
            yield from _printed(short, grams, remarks, winnower)
            short, chars = [], 0
        short.append(read)
        chars += size
    yield from _printed(short, grams, remarks, winnower)


def _printed(
    reads: Sequence[Read], grams: Winnower, remarks: Remarks, winnower: Winnower
) -> Iterator[tuple[Read, Prints]]:
    try:
        found = print_short([read.item for read in reads], winnower)
    except InputError:  # only one that stands alone is large enough
        remarks.note(TOO_MANY, reads[0].item.name)
        return
    for read, prints in zip(reads, found, strict=True):
        yield read, _without_prompt(prints, read.prompt, grams, remarks) if read.prompt else prints


def _without_prompt(prints: Prints, prompt: str, grams: Winnower, remarks: Remarks) -> Prints:
    if len(prompt) > PART_CHARS_MAX:
        remarks.note(PROMPT_CUT, prints.name)
    # Every gram, not only the winnowed ones: at the edges of what is quoted others are chosen.
    forms = (normalise(piece) for piece in pieces([prompt[:PART_CHARS_MAX]]))
    asked: list[Hashes] = [found for found, _ in grams.prints(forms)]
    if not asked:
        return prints
    kept = ~contains(np.unique(np.concatenate(asked)), prints.hashes)
    return Prints(prints.name, prints.sha256, prints.length, prints.hashes[kept], prints.places[kept])


def _read_path(path: str, options: Options, remarks: Remarks, stream: BinaryIO | None) -> Iterator[Read]:
    if path == STREAM:
        file = stream or getattr(sys.stdin, "buffer", None)
        if file is None:
            raise InputError("standard input is closed", field="PATH", expected="a stream, or a file's name")
        content = Content(file, STREAM, remarks, bytes_max=options.bytes_max)
        yield from _read_content(content, STREAM, options, remarks, is_stream=True)
    elif os.path.isdir(path):
        for below in walk(path, options.exclude, remarks):
            yield from _read_file(below, options, remarks)
    else:
        yield from _read_file(path, options, remarks, is_named=True)


def walk(top: str, exclude: Iterable[str], remarks: Remarks) -> Iterator[str]:
    """Files below a folder: depth first, in the order of their names' bytes. Links and what is no file are remarked."""
    patterns, root = tuple(exclude), os.fsencode(top)
    waiting = [b""]
    while waiting:
        relative = waiting.pop()
        path = os.path.join(root, relative) if relative else root
        name = printed(path)
        if relative and any(matches_pattern(printed(relative), pattern) for pattern in patterns):
            continue
        try:
            mode = os.stat(path).st_mode if not relative else os.lstat(path).st_mode
            if stat.S_ISDIR(mode):
                entries = sorted(os.listdir(path), reverse=True)
                waiting += [os.path.join(relative, entry) for entry in entries]
                continue
        except OSError as error:
            remarks.note(UNREADABLE, f"{name}: {error.strerror}")
            continue
        if stat.S_ISREG(mode):
            yield os.fsdecode(path)
        else:
            remarks.note(LINK if stat.S_ISLNK(mode) else NOT_A_FILE, name)


def printed(path: bytes) -> str:
    """A path as text; what is no UTF-8 in it becomes U+FFFD."""
    return path.decode("utf-8", "replace")


def _read_file(path: str, options: Options, remarks: Remarks, *, is_named: bool = False) -> Iterator[Read]:
    """A file's items. `is_named`: by the user, who may also name a pipe, as shells do for <(…)."""
    name = printed(os.fsencode(path))
    try:
        is_pipe = is_named and stat.S_ISFIFO(os.stat(path).st_mode)
        opener = None if is_pipe else unblocked
        with open(path, "rb", opener=opener) as file:
            if not is_pipe and not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                remarks.note(UNREADABLE, f"{name}: {NOT_A_FILE}") if is_named else remarks.note(NOT_A_FILE, name)
                return
            content = Content(file, name, remarks, bytes_max=options.bytes_max)
            yield from _read_content(content, path, options, remarks, is_stream=is_pipe)
    except OSError as error:
        remarks.note(UNREADABLE, f"{name}: {error.strerror or error}")


def _read_content(
    content: Content, path: str, options: Options, remarks: Remarks, *, is_stream: bool
) -> Iterator[Read]:
    kind = _row_kind(path, content, is_stream=is_stream)
    if kind and options.columns:
        for name, text, prompt in read_rows(content, kind, options.columns, options.prompt, remarks):
            for item in _row_items(name, text, remarks):
                yield Read(item, prompt and _whole(prompt, name, remarks)[0])
        return
    if kind and not is_stream and not path.lower().removesuffix(".gz").endswith(".json"):
        remarks.note(ROWS_WHOLE, content.name)
    if content.is_text():
        yield from map(Read, _text_items(content, remarks, is_stream=is_stream))
    else:
        content.drain()
        remarks.note(BINARY, content.name)
        yield Read(Item(content.name, content.digest(), None))


def _row_kind(path: str, content: Content, *, is_stream: bool) -> str:
    """Which rows a file has: "jsonl", "csv", "tsv", or "" for none. Of a stream its beginning tells."""
    if is_stream:
        return "jsonl" if content.ahead(1).lstrip()[:1] == b"{" else "csv"
    ending = path.lower().removesuffix(".gz").rpartition(".")[2]
    return ROW_ENDINGS.get(ending, "")


def _row_items(name: str, text: str, remarks: Remarks) -> Iterator[Item]:
    whole, data = _whole(text, name, remarks)
    if len(whole) <= PART_CHARS_MAX:
        is_markup = is_page(whole)
        if is_markup:
            remarks.note(PAGE, name)
        yield Item(name, sha256(data).digest(), without_markup(whole) if is_markup else whole)
        return
    yield from _parts(iter((whole,)), name, lambda _: b"")


def _whole(text: str, name: str, remarks: Remarks) -> tuple[str, bytes]:
    """Text that UTF-8 can hold, and its bytes."""
    try:
        return text, text.encode()
    except UnicodeEncodeError:
        remarks.note(SURROGATES, name)
        data = text.encode("utf-16-le", "surrogatepass")  # a pair in two halves becomes one character
        text = data.decode("utf-16-le", "replace")
        return text, text.encode()


def _text_items(content: Content, remarks: Remarks, *, is_stream: bool) -> Iterator[Item]:
    """A file's text as one item or several."""
    broken = remarks.broken

    def texts() -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        for chunk in content.chunks():
            yield mended(decoder.decode(chunk), remarks)
        yield mended(decoder.decode(b"", final=True), remarks)

    def digest(text: str) -> bytes:
        return sha256(text.encode()).digest() if is_stream else content.digest()

    is_blank, is_markup = True, False
    for item in _parts(texts(), content.name, digest):
        is_markup = is_markup or (is_blank and is_page(item.text or ""))
        is_blank = False
        yield replace(item, text=without_markup(item.text or "")) if is_markup else item
    if is_markup:
        remarks.note(PAGE, content.name)
    if is_blank and not content.is_cut:
        remarks.note(EMPTY, content.name)
    if remarks.broken > broken:
        remarks.note(BROKEN, content.name)


def _parts(texts: Iterator[str], name: str, whole_digest: Callable[[str], bytes]) -> Iterator[Item]:
    """Text that comes in pieces, as one item, or in parts of at most PART_CHARS_MAX, cut after a line where one ends
    near: so equal lines make equal parts."""
    held: list[str] = []
    size = number = 0
    for text in texts:
        held.append(text)
        size += len(text)
        while size > PART_CHARS_MAX:
            joined = "".join(held)
            cut = joined.rfind("\n", PART_CHARS_MAX - LINE_LOOK_CHARS, PART_CHARS_MAX) + 1 or PART_CHARS_MAX
            number += 1
            yield _part(joined[:cut], name, number)
            held, size = [joined[cut:]], size - cut
    rest = "".join(held)
    if number:
        yield _part(rest, name, number + 1)
    elif rest:
        yield Item(name, whole_digest(rest), rest)


def _part(text: str, name: str, number: int) -> Item:
    return Item(f"{name}#{number}", sha256(text.encode()).digest(), text)
