"""Text as prints see it: letters and digits alone, in one form (docs/prints.md).

NFKC, case folded, NFKC again; of that the characters of the Unicode categories L and N (`str.isalnum`), as UTF-8. So
spaces, punctuation, case, ligatures, widths and combining marks that no letter holds make no difference.

ASCII goes through one table of bytes; what stands in it here and there is cut out. Other text goes through a table of
code points, filled page by page, where a character's form depends on nothing around it; only what is left (characters
that become several, marks, and the character before them) goes through `unicodedata`. All ways give the same bytes; a
test compares them.

Unicode keeps the forms of characters that it knows. Text with characters newer than a Python's tables (Unicode 14 in
3.11) may come out otherwise under a newer one: they count as neither letters nor digits there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from node.detect.normalform import RUN_MAX, is_start, normalise_slowly

PIECE_CHARS = 16 * 1024
"""What is normalised at a time: most such pieces of English are ASCII throughout."""

Codes = np.ndarray[Any, np.dtype[np.uint32]]
Places = np.ndarray[Any, np.dtype[np.int64]]

_PAGE_BITS = 8
_CODES = 0x110000
_HARD = 0xFFFFFFFF
"""In the table: the form depends on neighbours, or isn't one character."""
_HARD_SHARE = 8
"""One hard character in so many, and the whole piece goes the slow way."""

_OTHERS_SHARE = 24
"""One run that is no ASCII in so many bytes, and the whole piece goes through the table of code points."""
_SHORT_BYTES = 16
"""Runs up to this come again and again: quotation marks, dashes, letters with accents."""

_LOWER = bytes(ord(chr(code).lower()) if code < 0x80 else code for code in range(256))
_DROPPED = bytes(code for code in range(0x80) if not chr(code).isalnum())

_forms: Codes = np.zeros(_CODES, np.uint32)
_loaded = np.zeros(_CODES >> _PAGE_BITS, np.bool_)


def normalise(text: str) -> bytes:
    """The normal form of a text, in UTF-8. Lone surrogates, which no UTF-8 holds, are dropped."""
    if text.isascii():
        return text.encode().translate(_LOWER, _DROPPED)
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate still stands between a letter and its mark
        return _by_table(text)
    high = np.flatnonzero(np.frombuffer(data, np.int8) < 0)
    gaps = np.flatnonzero(high[1:] - high[:-1] > 1)
    if len(gaps) * _OTHERS_SHARE >= len(data):
        return _by_table(text)
    starts = [int(high[0]), *high[gaps + 1].tolist()]
    ends = [*(high[gaps] + 1).tolist(), int(high[-1]) + 1]
    return b"".join(_by_stretches(data, starts, ends))


def _by_table(text: str) -> bytes:
    forms = _look_up(text)
    return b"".join(
        _encode(forms[start:end]) if is_simple else _slowly(text[start:end])
        for start, end, is_simple in _stretches(forms)
    )


def _by_stretches(data: bytes, starts: Sequence[int], ends: Sequence[int]) -> Iterator[bytes]:
    """The normal forms of ASCII, and of what is none with the character before it, by turns."""
    done = 0
    for start, end in zip(starts, ends, strict=True):
        start = max(done, start - 1)
        yield data[done:start].translate(_LOWER, _DROPPED)
        yield _short(data[start:end]) if end - start <= _SHORT_BYTES else _by_table(data[start:end].decode())
        done = end
    yield data[done:].translate(_LOWER, _DROPPED)


def normalise_with_places(text: str) -> tuple[bytes, Places]:
    """The normal form, and for each of its bytes the index in `text` of the character that it came from (of characters
    that are read together, of the first)."""
    forms = _look_up(text)
    parts, places = [], [np.zeros(0, np.int64)]
    for start, end, is_simple in _stretches(forms):
        if is_simple:
            kept = np.flatnonzero(forms[start:end])
            codes = forms[start:end][kept]
            widths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
            parts.append(_encode(codes))
            places.append(np.repeat(kept + start, widths))
        else:
            clusters = list(_clusters(text, start, end))
            forms_here = [_cluster_form(cluster) for _, cluster in clusters]
            parts += forms_here
            places.append(np.repeat([begin for begin, _ in clusters], [len(form) for form in forms_here]))
    return b"".join(parts), np.concatenate(places)


def pieces(chunks: Iterable[str]) -> Iterator[str]:
    """The same text in pieces of at most PIECE_CHARS, cut where it may be: the pieces' normal forms are the text's."""
    rest = ""
    for chunk in chunks:
        rest += chunk
        at = 0
        while len(rest) - at > PIECE_CHARS:
            cut = next((i for i in range(at + PIECE_CHARS, at, -1) if is_start(rest[i])), None)
            if cut is None:  # within one run, where normalise_slowly cuts it
                begin = at + is_start(rest[at])
                cut = begin + (at + PIECE_CHARS - begin) // RUN_MAX * RUN_MAX
            yield rest[at:cut]
            at = cut
        rest = rest[at:]
    if rest:
        yield rest


def _look_up(text: str) -> Codes:
    """For each character its form's code point, 0 where it is dropped, or _HARD."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    seen = np.zeros_like(_loaded)
    seen[codes >> _PAGE_BITS] = True
    for page in np.flatnonzero(seen & ~_loaded).tolist():
        first = page << _PAGE_BITS
        _forms[first : first + (1 << _PAGE_BITS)] = [_form(code) for code in range(first, first + (1 << _PAGE_BITS))]
        _loaded[page] = True  # after the forms: another thread may read this page now
    return _forms[codes]


def _form(code: int) -> int:
    if 0xD800 <= code < 0xE000:
        return 0
    char = chr(code)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
    if not is_start(char) or len(folded) != 1 or not is_start(folded):
        return _HARD
    return ord(folded) if folded.isalnum() else 0


def _stretches(forms: Codes) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether simple): what goes through the table, and runs of hard characters with the one before."""
    hard = np.flatnonzero(forms == _HARD)
    if len(hard) * _HARD_SHARE > len(forms):
        yield 0, len(forms), False
        return
    done = 0
    if len(hard):
        gaps = np.flatnonzero(np.diff(hard) > 1)
        starts = hard[np.concatenate(([0], gaps + 1))]
        ends = hard[np.concatenate((gaps, [len(hard) - 1]))] + 1
        for start, end in zip(np.maximum(starts - 1, 0).tolist(), ends.tolist(), strict=True):
            if done < start:
                yield done, start, True
            # Where only one character is between two runs, it is read with the second.
            yield max(start, done), end, False
            done = end
    if done < len(forms):
        yield done, len(forms), True


def _clusters(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """A stretch cut wherever it may be, with where each part begins: places in scripts full of marks stay exact."""
    begin = start
    run = 0 if start < end and is_start(text[start]) else 1
    for at in range(start + 1, end + 1):
        if at == end or run == RUN_MAX or is_start(text[at]):
            yield begin, text[begin:at]
            begin = at
            run = 0 if at < end and is_start(text[at]) else 1
        else:
            run += 1


@lru_cache(maxsize=4096)
def _cluster_form(cluster: str) -> bytes:
    return _slowly(cluster)


def _encode(forms: Codes) -> bytes:
    return forms[forms != 0].tobytes().decode("utf-32-le").encode()


def _slowly(text: str) -> bytes:
    return normalise_slowly(text).encode("utf-8", "ignore")


@lru_cache(maxsize=16 * 1024)
def _short(data: bytes) -> bytes:
    return _slowly(data.decode())
