"""Tables of a log as Parquet files (docs/export.md, "Parquet"; decision 20). The one module that imports pyarrow.

A folder comes whole or not at all: the files are written and synced in a folder beside it, which is renamed last.
Rows are held for one row group of each table at a time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.errors import StorageError
from ledger.signrecord import settle
from node.errors import FileError
from node.exports.tables import COUNTS, FLAG, INT, TABLES, TEXT, TEXTS, Row, Tables

FORMAT = "usance/tables/v1"
GROUP_ROWS_MAX = 50_000
GROUP_CHARS_MAX = 32 * 1024 * 1024
"""Of one row group: rows, and characters of records' JSON, which may have 120,000 each."""
EVERY = 1024
"""Rows between two updates of the progress bar."""

_TYPES: dict[str, Any] = {
    INT: pa.int64(), FLAG: pa.bool_(), TEXT: pa.string(), TEXTS: pa.list_(pa.string()),
    COUNTS: pa.map_(pa.string(), pa.int64()),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the folder."""

    table: str
    rows: int
    bytes: int


@dataclass(slots=True)
class _File:
    table: str
    schema: Any
    writer: Any
    held: list[Row] = field(default_factory=list)
    chars: int = 0
    rows: int = 0

    def add(self, row: Row) -> None:
        self.held.append(row)
        self.chars += len(row[-1]) if self.table == "records" else 0
        if len(self.held) >= GROUP_ROWS_MAX or self.chars >= GROUP_CHARS_MAX:
            self.flush()

    def flush(self) -> None:
        if self.held:
            arrays = [
                pa.array(list(column), type=kind.type)
                for column, kind in zip(zip(*self.held, strict=True), self.schema, strict=True)
            ]
            self.writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self.schema))
        self.rows += len(self.held)
        self.held.clear()
        self.chars = 0


def check_folder(folder: str) -> str:
    """The folder's full path, which must not be there yet, or be empty. Raises FileError."""
    path = os.path.abspath(folder)
    expected = "a folder that isn't there yet, or an empty one, beside others that can be written"
    try:
        if os.path.lexists(path) and (not os.path.isdir(path) or os.path.islink(path) or os.listdir(path)):
            raise FileError(f"{folder} is there already", field="DIR", expected=expected)
        if not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
            raise FileError(f"{folder} can't be made", field="DIR", expected=expected)
    except OSError as error:
        raise FileError(f"{folder} can't be read: {error.strerror}", field="DIR", expected=expected) from None
    return path


def write_tables(folder: str, tables: Tables, *, said: Mapping[str, str], progress: Any) -> list[Written]:
    """Write every table to FOLDER/<table>.parquet. `said`: of the log, kept in each file's metadata; `progress(rows)`.
    Raises FileError for a folder that can't be used and StorageError where writing fails: then there is no folder."""
    path = check_folder(folder)
    try:
        with _beside(path) as part:
            found = _write(part, tables, said=said, progress=progress)
            os.rename(part, path)
    except OSError as error:
        raise StorageError(f"can't write {folder}: {error.strerror or error}; free space or mend the disk") from None
    settle(path)
    return found


@contextlib.contextmanager
def _beside(path: str) -> Iterator[str]:
    part = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        os.chmod(part, 0o755)  # noqa: S103 - as a folder that the user makes
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _write(part: str, tables: Tables, *, said: Mapping[str, str], progress: Any) -> list[Written]:
    metadata = {"usance.format": FORMAT, **{f"usance.{name}": value for name, value in said.items()}}
    files: dict[str, _File] = {}
    with contextlib.ExitStack() as at_end:
        for name, columns in TABLES.items():
            schema = pa.schema([pa.field(column.name, _TYPES[column.sort]) for column in columns], metadata=metadata)
            writer = pq.ParquetWriter(_place(part, name), schema, compression="zstd")
            files[name] = _File(name, schema, at_end.enter_context(writer))
        for done, (table, row) in enumerate(tables.rows(), 1):
            files[table].add(row)
            if done % EVERY == 0:
                progress(done)
        for file in files.values():
            file.flush()
    for name in TABLES:
        settle(_place(part, name))
    return [Written(file.table, file.rows, os.path.getsize(_place(part, file.table))) for file in files.values()]


def _place(folder: str, table: str) -> str:
    return os.path.join(folder, f"{table}.parquet")
