"""JSON from strangers: every size bounded, numbers exact, each name once, and errors that say file, line and column.

How to call it::

    value = safejson.load_file("model.spdx.json")               # plain or .gz, at most 64 MB
    value = safejson.loads(data, place="card.json")             # bytes that are at hand
    for number, row in safejson.iterate_lines("rows.jsonl.gz"):   # JSON Lines: a bad line raises,
    for number, row in safejson.iterate_lines(path, on_bad=note): # … or goes to `note(number, error)`, and the rest on

Objects come as dict, arrays as list, whole numbers as int, other numbers as `decimal.Decimal`, exact (`1e-7`, `2.50`);
NaN and Infinity are refused. Everything that is refused raises FileError, a subclass of InputError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from node.errors import FileError
from node.imports.foreignfile import BYTES_MAX, check_encoding, decode, open_plain, read_bytes, too_large
from proofs.errors import InputError, excerpt

DEPTH_MAX = 64
VALUES_MAX = 5_000_000
"""Commas and opening brackets, an upper bound of the values: 64 MB of empty lists would take gigabytes of memory."""
DIGITS_MAX = 100
EXPONENT_MAX = 400
"""Of ten, either way, in a number's scientific form: the floats of other programs go to 10^308. An exact integer made
of any number stays small."""
LINE_BYTES_MAX = 4 * 1024 * 1024

# Possessive: nothing is kept for a second try, which for a string of megabytes would take gigabytes.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}:]|-?[0-9][0-9.eE+-]*|-?[A-Za-z]+', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

OnBad = Callable[[int, InputError], None]


class _Refused(Exception):
    """A token that breaks a rule of ours; where it stands is found afterwards."""

    def __init__(self, token: str, detail: str, expected: str) -> None:
        super().__init__(detail)
        self.token, self.detail, self.expected = token, detail, expected


class _Repeated(Exception):
    """A name twice in one object."""


def load_file(path: str, *, bytes_max: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """The value in a JSON file, plain or gzip, of at most `bytes_max` bytes (by its size before it is read) and
    `depth_max` levels of objects and arrays. Raises FileError."""
    return loads(read_bytes(path, bytes_max=bytes_max), place=path, bytes_max=bytes_max, depth_max=depth_max)


def loads(data: bytes, *, place: str, bytes_max: int = BYTES_MAX, depth_max: int = DEPTH_MAX) -> Any:
    """The value in a JSON text in UTF-8. `place`: what the text is called in messages. Raises FileError."""
    if len(data) > bytes_max:
        raise too_large(place, bytes_max, len(data))
    if sum(data.count(sign) for sign in (b",", b"[", b"{")) > VALUES_MAX:
        raise FileError(f"{place} holds too many values", field="FILE", expected=f"at most {VALUES_MAX:,}")
    return _parse(decode(data, place=place), place, 1, depth_max)


def iterate_lines(
    path: str, *, bytes_max: int = BYTES_MAX, line_bytes_max: int = LINE_BYTES_MAX, on_bad: OnBad | None = None
) -> Iterator[tuple[int, Any]]:
    """The values of a JSON Lines file, plain or gzip, with their line numbers from 1; empty lines are passed over.

    A line that is no JSON, or longer than `line_bytes_max`, raises FileError, or goes to `on_bad(line, error)` where
    that is given, and the next follow; a file in another encoding always raises. The whole is bounded by `bytes_max`,
    unpacked: memory by one line.
    """
    with open_plain(path, bytes_max=bytes_max) as file:
        number, total = 0, 0
        while raw := file.readline(line_bytes_max + 1):
            number += 1
            if number == 1:
                check_encoding(raw, place=path)
            whole = _rest_of_line(raw, file, line_bytes_max, bytes_max - total)
            total += whole
            if total > bytes_max:
                raise too_large(path, bytes_max)
            try:
                if whole > line_bytes_max:
                    raise FileError(
                        f"{path}, line {number}: too long", field="FILE", expected=f"at most {line_bytes_max:,} bytes"
                    )
                if not raw.strip():
                    continue
                value = _parse(decode(raw.rstrip(b"\r\n"), place=f"{path}, line {number},"), path, number, DEPTH_MAX)
            except FileError as error:
                if on_bad is None:
                    raise
                on_bad(number, error)
                continue
            yield number, value


def _rest_of_line(raw: bytes, file: Any, line_bytes_max: int, left: int) -> int:
    """Pass over what a line has beyond its bound, as far as the file's bound goes; answers the line's length."""
    length = len(raw)
    while length > line_bytes_max and not raw.endswith(b"\n") and length <= left:
        raw = file.readline(line_bytes_max + 1)
        if not raw:
            break
        length += len(raw)
    return length


def _parse(text: str, place: str, line: int, depth_max: int) -> Any:
    """`line`: the number of the text's first line."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _error(place, text, error.pos, line, f"no JSON: {error.msg}", "JSON (RFC 8259)") from None
    except _Refused as error:
        raise _error(place, text, _find_token(text, error.token), line, error.detail, error.expected) from None
    except (_Repeated, RecursionError):
        raise _structure_error(text, place, line, depth_max) from None
    if _deeper_than(value, depth_max):
        raise _structure_error(text, place, line, depth_max)
    if _SURROGATE.search(text):
        _check_surrogates(text, place, line)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Repeated
    return value


def _whole(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise _Refused(text, "a number of too many digits", f"at most {DIGITS_MAX}")
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text) if len(text) <= DIGITS_MAX else None
    except InvalidOperation:
        number = None
    if number is None or abs(number.adjusted()) > EXPONENT_MAX:
        expected = f"at most {DIGITS_MAX} characters, exponents to {EXPONENT_MAX}"
        raise _Refused(text, f"the number {excerpt(text)} is out of range", expected)
    return number


def _constant(text: str) -> Any:
    raise _Refused(text, f"{text} is no number of JSON", "a number, or null")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_decimal, parse_int=_whole, parse_constant=_constant)


def _deeper_than(value: Any, depth_max: int) -> bool:
    """Level by level: a deep value must not end in a RecursionError here."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth_max):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return bool(level)


def _error(place: str, text: str, offset: int, line: int, detail: str, expected: str) -> FileError:
    lines = text.count("\n", 0, offset)
    column = offset - text.rfind("\n", 0, offset)
    return FileError(f"{place}, line {line + lines}, column {column}: {detail}", field="FILE", expected=expected)


def _find_token(text: str, token: str) -> int:
    for match in _TOKEN.finditer(text):
        if match[0] == token:
            return match.start()
    return 0


def _structure_error(text: str, place: str, line: int, depth_max: int) -> FileError:
    """Where the first name stands twice in its object, or an object or array lies too deep."""
    names: list[set[str]] = []  # of each level that is open; an array's stays empty
    last = ""
    last_at = 0
    for match in _TOKEN.finditer(text):
        sign = match[0]
        if sign in "[{":
            if len(names) == depth_max:
                return _error(place, text, match.start(), line, "nested too deep", f"at most {depth_max} levels")
            names.append(set())
        elif sign in "]}":
            names.pop()
        elif sign == ":":
            name = json.loads(last)
            if name in names[-1]:
                return _error(
                    place, text, last_at, line, f"the name {excerpt(name)} twice in one object", "each name once"
                )
            names[-1].add(name)
        else:
            last, last_at = sign, match.start()
    return _error(place, text, 0, line, "nested too deep", f"at most {depth_max} levels")


def _check_surrogates(text: str, place: str, line: int) -> None:
    """Half a character, written as an escape, is no text: it couldn't be written in UTF-8."""
    for match in _TOKEN.finditer(text):
        if match[0].startswith('"') and _SURROGATE.search(match[0]):
            try:
                json.loads(match[0]).encode("utf-8")
            except UnicodeEncodeError:
                raise _error(
                    place,
                    text,
                    match.start(),
                    line,
                    "half a character: a lone surrogate",
                    "whole pairs of \\uD8…\\uDC…",
                ) from None
