"""Manifests on disk: made from a folder or file, written and read as JSON lines (design section 4, `asset.root`).

One line a file, `{"path": …, "size": …, "sha256": …}`, in manifest order. The file is for whoever has to name or prove
one item later; what counts is the root that it hashes to. The same folder gives the same manifest on every machine:
order is by bytes, symbolic links are not followed, and nothing but paths and contents goes in.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import islice

from ledger.signrecord import write_durably
from node.errors import FileError
from proofs.errors import InputError, excerpt
from proofs.manifest import Item, Manifest, check_item

CHUNK_BYTES = 1024 * 1024
LINE_BYTES_MAX = 8192
ITEMS_MAX = 20_000_000
WINDOW = 512
"""Files that are under way at a time: keeps memory and open files bounded."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int, int], None]
"""`progress(files, bytes)`: done so far."""


@dataclass
class Found:
    """A data set as it lies on disk. `left_out`: relative paths of symbolic links and other things that are no files;
    `excluded`: how many files a pattern left out."""

    items: list[Item] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    excluded: int = 0


def scan(path: str, *, exclude: Iterable[str] = (), progress: Progress = lambda files, size: None) -> Found:
    """Hash a file, or every file below a folder. `exclude`: patterns (as of a shell) for relative paths or any part.

    Contents are read in pieces. Raises FileError for what can't be read, InputError for a path that no manifest holds.
    """
    found = Found()
    if os.path.isfile(path):
        name = os.path.basename(os.path.abspath(path))
        paths: Iterator[tuple[str, str]] = iter([(_text(os.fsencode(name)), path)])
    elif os.path.isdir(path):
        paths = _walk(os.fsencode(path), found, tuple(exclude))
    else:
        raise FileError(f"there is no file or folder {path}", field="PATH")
    size = 0
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        while window := list(islice(paths, WINDOW)):
            for item in pool.map(_hash_file, window):
                found.items.append(item)
                size += item.size
                if len(found.items) > ITEMS_MAX:
                    raise InputError(f"more than {ITEMS_MAX} files", field="PATH", expected="a smaller data set")
            progress(len(found.items), size)
    return found


def _walk(top: bytes, found: Found, exclude: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(relative path, path) of every file, folder by folder."""
    folders = [b""]
    while folders:
        relative = folders.pop()
        here = os.path.join(top, relative) if relative else top
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            raise FileError(f"can't read {os.fsdecode(here)}: {error.strerror}", field="PATH") from None
        for entry in entries:
            below = relative + b"/" + entry.name if relative else entry.name
            name = _text(below)
            if any(matches_pattern(name, pattern) for pattern in exclude):
                found.excluded += 1
            elif entry.is_symlink():
                found.left_out.append(name)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(below)
            elif entry.is_file(follow_symlinks=False):
                yield name, os.fsdecode(entry.path)
            else:
                found.left_out.append(name)


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a relative path, or its last part, is like the pattern, as of a shell."""
    return fnmatchcase(name, pattern) or fnmatchcase(name.rpartition("/")[2], pattern)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"the path {excerpt(raw)} is not UTF-8", field="PATH", expected="paths in UTF-8: rename the file"
        ) from None


def _hash_file(paths: tuple[str, str]) -> Item:
    name, path = paths
    digest, size = hash_file(path)
    item = Item(name, size, digest)
    check_item(item)
    return item


def hash_file(path: str) -> tuple[bytes, int]:
    """SHA-256 and size of a file's content, read once. Raises FileError."""
    digest = sha256()
    size = 0
    try:
        with open(path, "rb") as file:
            while piece := file.read(CHUNK_BYTES):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="file") from None
    return digest.digest(), size


def write_manifest(path: str, manifest: Manifest) -> None:
    """Write the file at once. Raises FileError where another one is there, StorageError where it can't be written."""
    lines = (
        json.dumps({"path": item.path, "size": item.size, "sha256": item.sha256.hex()}, ensure_ascii=False)
        for item in manifest.items
    )
    data = "".join(f"{line}\n" for line in lines).encode()
    if os.path.exists(path):
        if hash_file(path) == (sha256(data).digest(), len(data)):
            return
        raise FileError(f"{path} exists and is another manifest", field="--manifest", expected="a new file")
    write_durably(path, data)


def read_manifest(path: str) -> Manifest:
    """A manifest from its file, strict. Raises FileError naming the line, InputError for paths that don't fit."""
    items = []
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX + 1), b""), start=1):
                items.append(_read_line(path, number, line))
                if number > ITEMS_MAX:
                    raise FileError(f"{path} has more than {ITEMS_MAX} lines", field="manifest")
    except OSError as error:
        raise FileError(f"can't read the manifest {path}: {error.strerror}", field="manifest") from None
    return Manifest(items)


def _read_line(path: str, number: int, line: bytes) -> Item:
    expected = '{"path": text, "size": number, "sha256": 64 hexadecimal digits}'
    try:
        value = json.loads(line) if len(line) <= LINE_BYTES_MAX else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or set(value) != {"path", "size", "sha256"}:
        raise FileError(f"{path}, line {number}: no manifest line", field="manifest", expected=expected)
    name, size, digest = value["path"], value["size"], value["sha256"]
    good = isinstance(name, str) and type(size) is int and isinstance(digest, str)
    if not good or not _SHA256.fullmatch(digest):
        raise FileError(f"{path}, line {number}: wrong values", field="manifest", expected=expected)
    item = Item(name, size, bytes.fromhex(digest))
    try:
        check_item(item)
    except InputError as error:
        raise FileError(f"{path}, line {number}: {error.detail}", field=error.field, expected=error.expected) from None
    return item


def position_of(manifest: Manifest, name: str) -> int:
    """Where a path stands in the manifest. Raises InputError where it doesn't."""
    for position, item in enumerate(manifest.items):
        if item.path == name:
            return position
    raise InputError(f"{excerpt(name)} is not in the manifest", field="--item", expected="a path of the manifest")
