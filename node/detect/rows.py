"""Fields of JSON Lines and CSV (RFC 4180), row by row, each row bounded."""

from __future__ import annotations

import csv
import io
import json
import re
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
    Remarks,
)

RECORD_BYTES_MAX = 8 * 1024 * 1024
"""Of a row. JSON made for it takes 25 times as much memory once parsed."""

ROW_ENDINGS = {"jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl", "csv": "csv", "tsv": "tsv"}
"""Kinds of rows by a file's ending, before `.gz`."""

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
    for number, values in rows:
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
    if content.size == 0 and not content.is_cut:
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
    while line := lines.readline(RECORD_BYTES_MAX + 1):
        number += 1
        if len(line) > RECORD_BYTES_MAX:
            remarks.note(TOO_LONG, f"{content.name}:{number}")
            _skip_line(lines, line)
            continue
        if line.isspace():
            continue
        if line == last:  # millions of equal rows: not parsed, hashed and looked up again
            for _ in range(columns):
                remarks.note(REPEATED, f"{content.name}:{number}")
            continue
        try:
            row = json.loads(decoded(line, remarks))
        except (ValueError, RecursionError):
            row = None
        if type(row) is not dict:
            remarks.note(NO_JSON, f"{content.name}:{number}")
            continue
        values = [row.get(name) for name in wanted]
        last = line if all(type(value) is str and value for value in values) else b""
        yield number, values


def _skip_line(lines: io.BufferedReader, line: bytes) -> int:
    """Read to the line's end; how many quotation marks were passed."""
    quotes = 0
    while line and not line.endswith(b"\n"):
        line = lines.readline(RECORD_BYTES_MAX)
        quotes += line.count(b'"')
    return quotes


class _Lines:
    """A CSV file's lines for `csv.reader`, which takes as many as a record has: they are bounded together."""

    def __init__(self, content: Content, remarks: Remarks) -> None:
        self._file, self._remarks = content.reader(), remarks
        self._size = self._quotes = 0
        self._last = b""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self._last = self._file.readline(RECORD_BYTES_MAX - self._size + 1)
        if not self._last:
            raise StopIteration
        self._size += len(self._last)
        self._quotes += self._last.count(b'"')
        if self._size > RECORD_BYTES_MAX:
            raise _TooLong
        return decoded(self._last, self._remarks)

    def begin(self) -> None:
        """The next line is a new record's."""
        self._size = self._quotes = 0

    def skip(self) -> None:
        """Pass the record over, to the line's end at which as many quotation marks were closed as opened."""
        self._quotes += _skip_line(self._file, self._last)
        while self._quotes % 2 and (line := self._file.readline(RECORD_BYTES_MAX)):
            self._quotes += line.count(b'"') + _skip_line(self._file, line)
        self.begin()


def _csv_rows(content: Content, kind: str, wanted: Sequence[str], remarks: Remarks) -> Iterator[tuple[int, list[Any]]]:
    csv.field_size_limit(RECORD_BYTES_MAX + 1)  # the process's; a record is bounded as a whole here
    lines = _Lines(content, remarks)
    columns: list[int] | None = None
    number = 0  # of the record before: the header is 0
    for row in _records(lines, content, kind):
        if columns is None:
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
