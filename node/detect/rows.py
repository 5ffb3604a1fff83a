"""Fields of JSON Lines and CSV (RFC 4180), row by row, each row bounded."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from node.detect.content import Content
from node.detect.remarks import (
    BROKEN,
    EMPTY,
    NO_COLUMN,
    NO_JSON,
    NO_PROMPT,
    NO_ROW,
    NO_TEXT,
    REPEATED,
    TOO_LONG,
    TWICE,
    Remarks,
)

RECORD_BYTES_MAX = 8 * 1024 * 1024
"""Of a row. JSON made for it takes 25 times as much memory once parsed."""

ROW_ENDINGS = {"jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl", "csv": "csv", "tsv": "tsv"}
"""Kinds of rows by a file's ending, before `.gz`."""

LOOK_BYTES = 64 * 1024
"""In which line ends are looked for at a time."""

_LINE_ENDS = (b"\n", b"\r")
_BROKEN = re.compile("[\udc80-\udcff]")


class _TooLong(Exception):
    """A record of CSV beyond RECORD_BYTES_MAX."""


def read_rows(
    content: Content, kind: str, columns: Sequence[str], prompt: str | None, remarks: Remarks
) -> Iterator[tuple[str, str, str | None]]:
    """(name, text, prompt) of each field of these columns that has text. `kind`: of ROW_ENDINGS' values.

    Rows count from 1: lines of JSON Lines, records of CSV after the header.
    """
    wanted = [*columns, prompt] if prompt is not None else list(columns)
    broken = remarks.broken
    if kind == "jsonl":
        rows = _json_rows(content, wanted, len(columns), remarks)
    else:
        rows = _csv_rows(content, kind, wanted, remarks)
    count = remarks.counts.total()
    is_blank = True
    for number, values in rows:
        is_blank = False
        row = f"{content.name}:{number}"
        asked = None
        if prompt is not None:
            asked = values[-1] if isinstance(values[-1], str) else None
            if asked is None:
                remarks.note(NO_PROMPT, row)
        for column, value in zip(columns, values, strict=False):
            name = f"{row}:{column}" if len(columns) > 1 else row
            if type(value) is not str:
                remarks.note(NO_TEXT, name)
            elif not value:
                remarks.note(EMPTY, name)
            else:
                yield name, value, asked
    if is_blank and not content.is_cut and remarks.counts.total() == count:
        remarks.note(EMPTY, content.name)
    if remarks.broken > broken:
        remarks.note(BROKEN, content.name)


def decoded(data: bytes, remarks: Remarks) -> str:
    """UTF-8 as text; each byte that is none becomes U+FFFD, and is counted."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return mended(data.decode("utf-8", "surrogateescape"), remarks)


def mended(text: str, remarks: Remarks) -> str:
    """Text that was decoded with `surrogateescape`: likewise."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text, count = _BROKEN.subn("\N{REPLACEMENT CHARACTER}", text)
        remarks.broken += count
    return text


def _json_rows(
    content: Content, wanted: Sequence[str], columns: int, remarks: Remarks
) -> Iterator[tuple[int, list[Any]]]:
    """Each row's values; the last of `wanted` may be the prompt's, after so many columns'."""
    lines = content.reader()
    number = 0
    last = b""
    twice: set[str] = set()

    def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; the outermost comes last."""
        made = dict(pairs)
        twice.clear()
        if len(made) < len(pairs):
            twice.update(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return made

    decode = json.JSONDecoder(object_pairs_hook=whole).decode
    while line := lines.readline(RECORD_BYTES_MAX + 1):
        number += 1
        if len(line) > RECORD_BYTES_MAX:
            remarks.note(TOO_LONG, f"{content.name}:{number}")
            while line and not line.endswith(b"\n"):
                line = lines.readline(RECORD_BYTES_MAX)
            continue
        if line.isspace():
            continue
        if line == last:  # millions of equal rows: not parsed, hashed and looked up again
            for _ in range(columns):
                remarks.note(REPEATED, f"{content.name}:{number}")
            continue
        try:
            row = decode(decoded(line, remarks))
        except (ValueError, RecursionError):
            row = None
        if type(row) is not dict:
            remarks.note(NO_JSON, f"{content.name}:{number}")
            continue
        if twice and not twice.isdisjoint(wanted):  # which of them is meant, programs disagree
            remarks.note(TWICE, f"{content.name}:{number}")
            continue
        values = [row.get(name) for name in wanted]
        last = line if all(type(value) is str and value for value in values) else b""
        yield number, values


class _Lines:
    """A CSV file's lines for `csv.reader`, which takes as many as a record has: they are bounded together."""

    def __init__(self, content: Content, remarks: Remarks) -> None:
        self._file, self._remarks = content.reader(), remarks
        self._size = self._quotes = 0
        self._last = self._held = b""
        self._at = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self._last = self._line(RECORD_BYTES_MAX - self._size + 1)
        if not self._last:
            raise StopIteration
        self._size += len(self._last)
        self._quotes += self._last.count(b'"')
        if self._size > RECORD_BYTES_MAX:
            raise _TooLong
        return decoded(self._last, self._remarks)

    def _line(self, bytes_max: int) -> bytes:
        """The next line, or the beginning of one that is longer. It ends with LF, CR or both."""
        parts: list[bytes] = []
        while bytes_max > 0:
            if self._at == len(self._held):
                self._held, self._at = self._file.readline(LOOK_BYTES), 0
                if not self._held:
                    break
            end = self._held.find(b"\r", self._at) + 1 or len(self._held)
            if self._held.startswith(b"\n", end):
                end += 1
            end = min(end, self._at + bytes_max)
            parts.append(self._held[self._at : end])
            bytes_max -= end - self._at
            self._at = end
            if parts[-1].endswith(_LINE_ENDS):
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def begin(self) -> None:
        """The next line is a new record's."""
        self._size = self._quotes = 0

    def skip(self) -> None:
        """Pass the record over, to the line's end at which as many quotation marks were closed as opened."""
        line = self._last
        while line and (self._quotes % 2 or not line.endswith(_LINE_ENDS)):
            line = self._line(RECORD_BYTES_MAX)
            self._quotes += line.count(b'"')
        self.begin()


def _csv_rows(content: Content, kind: str, wanted: Sequence[str], remarks: Remarks) -> Iterator[tuple[int, list[Any]]]:
    csv.field_size_limit(RECORD_BYTES_MAX + 1)  # the process's; a record is bounded as a whole here
    lines = _Lines(content, remarks)
    columns: list[int] | None = None
    number = 0  # of the record before: the header is 0
    for row in _records(lines, content, kind):
        if columns is None:
            if isinstance(row, str):
                remarks.note(NO_ROW, f"{content.name}: {row}")
                content.drain()
                return
            header = row or []
            missing = [name for name in wanted if name not in header]
            for name in missing:
                remarks.note(NO_COLUMN, f"{content.name}: {name}")
            if len(missing) == len(wanted):
                content.drain()
                return
            columns = [header.index(name) if name in header else -1 for name in wanted]
            continue
        number += 1
        if row is None:
            remarks.note(TOO_LONG, f"{content.name}:{number}")
        elif isinstance(row, str):
            remarks.note(NO_ROW, f"{content.name}:{number}: {row}")
        else:
            yield number, [row[at] if 0 <= at < len(row) else None for at in columns]


def _records(lines: _Lines, content: Content, kind: str) -> Iterator[list[str] | str | None]:
    """Rows that aren't blank; None for one that is too long, a text that says why one can't be read."""
    while True:
        rows = csv.reader(lines, delimiter="\t" if kind == "tsv" else ",")
        try:
            for row in rows:
                lines.begin()
                if row:
                    yield row
            return
        except _TooLong:
            lines.skip()
            yield None
        except csv.Error as error:
            lines.begin()
            yield str(error)
