"""A print set made of files and folders, as a new file that stands in its place whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, cast

from ledger.errors import StorageError
from ledger.signrecord import settle
from node.detect.printset import PrintSetWriter, Summary
from node.detect.reading import Options, Read, print_items, read_items
from node.detect.remarks import REPEATED, Remarks
from node.errors import FileError
from proofs.errors import InputError


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it. `items`: leaves; `characters`: of their normal form."""

    summary: Summary
    items: int
    characters: int
    remarks: Remarks


def make_print_set(
    paths: Sequence[str],
    output: str | None,
    *,
    options: Options,
    field: str,
    show: Callable[[int], None] = lambda items: None,
    each: Callable[[Read], None] = lambda read: None,
) -> Made:
    """Read, print, and write to `output` (None: only sum up). `field`: the option that names the file; `show`: items
    done so far; `each` sees every item before its prints are made.

    Raises FileError where another file stands there, StorageError where it can't be written, and as read_items does.
    """
    remarks = Remarks()
    characters = 0

    def reads() -> Iterator[Read]:
        for read in read_items(paths, options=options, remarks=remarks):
            each(read)
            yield read

    with _new_file(output, field) as file:
        writer = PrintSetWriter(file)
        for prints in print_items(reads(), remarks=remarks):
            if writer.add(prints):
                characters += prints.length
            else:
                remarks.note(REPEATED, prints.name)
            show(writer.items)
        if not writer.items:
            said = "; ".join(remarks.lines())
            raise InputError(
                f"nothing to make prints of{': ' + said if said else ''}", field="PATH", expected="text, or other files"
            )
    return Made(writer.summary(), writer.items, characters, remarks)


@contextmanager
def _new_file(path: str | None, field: str) -> Iterator[BinaryIO | None]:
    """Written beside its place, and put there at the end; the same file there already is as good."""
    if path is None:
        yield None
        return
    if os.path.lexists(path) and not os.path.isfile(path):
        raise FileError(f"{path} is no regular file", field=field, expected="a new file")
    place = os.path.abspath(path)
    part = ""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{os.path.basename(place)}.", dir=os.path.dirname(place))
        with os.fdopen(handle, "wb") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(place) and _sha256(place) != _sha256(part):
            raise FileError(f"{path} exists and is another file", field=field, expected="a new file")
        os.rename(part, place)
        part = ""
    except OSError as error:
        raise StorageError(f"can't write {path}: {error.strerror or error}; free space or mend its folder") from None
    finally:
        if part:
            with suppress(OSError):
                os.unlink(part)
    settle(place)


def _sha256(path: str) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
