"""Files from strangers, read whole within a bound: size before reading, `.gz` by its first bytes, UTF-8 or a clear no.

All readers of foreign formats begin here: `read_bytes(path)` gives the bytes (unpacked), `decode(data, place=path)`
the text. What is too large, damaged or in another encoding raises FileError, naming the file and the offset.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from node.errors import FileError
from node.ownfiles import unblocked

BYTES_MAX = 64 * 1024 * 1024
"""Of a file, and of what comes out of a packed one."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_OTHER_ENCODINGS = (  # longest first: the first two bytes of UTF-32 are those of UTF-16
    (b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip
_UTF8 = "UTF-8: save it so, or use iconv"


def read_bytes(path: str, *, bytes_max: int = BYTES_MAX) -> bytes:
    """The content of a file, plain or gzip, of at most `bytes_max` bytes on disk and unpacked.

    A larger file is refused by its size, before anything is read of it; a packed one as soon as more comes out. Raises
    FileError.
    """
    with open_plain(path, bytes_max=bytes_max) as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise too_large(path, bytes_max)
    return data


@contextlib.contextmanager
def open_plain(path: str, *, bytes_max: int = BYTES_MAX) -> Iterator[BinaryIO]:
    """A file to read from, unpacked as it is read where it is gzip: the caller bounds what it takes. What goes wrong
    while it reads is raised as FileError."""
    try:
        with open(path, "rb", opener=unblocked) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise FileError(f"{path} is no regular file", field="FILE", expected="a file")
            if found.st_size > bytes_max:
                raise too_large(path, bytes_max, found.st_size)
            if file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"{path}: damaged gzip: {error}", field="FILE", expected="a whole file") from None
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror or error}", field="FILE") from None


def too_large(path: str, bytes_max: int, size: int | None = None) -> FileError:
    """The refusal of a file by its size. `size`: None where more comes out of a packed file than is read."""
    found = f"is {size:,} bytes" if size is not None else "holds more than that once it is unpacked"
    return FileError(f"{path} {found}", field="FILE", expected=f"at most {bytes_max:,} bytes")


def check_encoding(data: bytes, *, place: str) -> None:
    """Raise FileError where a file begins as one in another encoding does: with its byte order mark, or with the
    zeroes that it writes around an ASCII character, as every JSON text and every card's header begins with one."""
    found = next((name for mark, name in _OTHER_ENCODINGS if data.startswith(mark)), None)
    if found is None and b"\0" in data[:2]:
        found = "UTF-32" if data[1:3] == b"\0\0" else "UTF-16"
    if found is not None:
        raise FileError(f"{place} is {found}", field="FILE", expected=_UTF8)


def decode(data: bytes, *, place: str) -> str:
    """UTF-8 as text, without a byte order mark at its beginning. `place`: the file, for the message. Raises FileError
    with the offset of the first byte that isn't UTF-8."""
    check_encoding(data, place=place)
    try:
        return data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        offset = error.start + (len(_BOM) if data.startswith(_BOM) else 0)
        raise FileError(
            f"{place} is not UTF-8: byte {data[offset]:#04x} at offset {offset}", field="FILE", expected=_UTF8
        ) from None
