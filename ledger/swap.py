"""Putting a new database in the old one's place, so that a crash at any moment leaves the one or the other.

In the folder of a node:

=============== ==================================================================================================
``db``          the database
``db.making``   one that is being made, perhaps half of it: worth nothing unless its maker is still running
``db.restore``  the same, made by a restore
``db.salvage``  what could be read of one that can't be opened; gone when fsck ends
``db.new``      a complete one, checked and durable, on its way to ``db``
``db.old``      what a repair replaced; ``db.v<N>``: what a migration replaced. Kept until the operator deletes it
=============== ==================================================================================================

Two renames can't be one step, so there is a moment without ``db``. A ``db.new`` in a folder without ``db`` is that
moment, and whoever comes next ends it (`recover`). A ``db.new`` beside a ``db`` is of a change that was cut before: it
lacks whatever ``db`` gets from then on, so a start removes it (`drop_stale`).

LevelDB finds its files by their path, and in the background it writes there and deletes what it doesn't know. So
nobody may have the present one open when it is renamed: its last work would be done in the new one's folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from ledger.errors import StartupError, StorageError
from ledger.signrecord import settle

DATABASE = "db"
MAKING = "db.making"
RESTORE = "db.restore"
NEW = "db.new"
SALVAGE = "db.salvage"
OLD = "db.old"
OLD_VERSION = "db.v"
BYTES_MAX = 4096


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """The folder of a node, held against a second restore, repair or migration. Raises StartupError."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StartupError(f"can't read the folder {folder}: {error.strerror}; name a node's folder") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartupError(
                f"another restore, repair or migration is under way in {folder}: wait for its end"
            ) from None
        yield
    finally:
        os.close(handle)


def database_path(folder: str) -> str:
    """Where the database of a node's folder is. Raises StartupError where a swap was cut: fsck or a start end it."""
    path = os.path.join(folder, DATABASE)
    if not os.path.isdir(path) and os.path.isdir(os.path.join(folder, NEW)):
        raise StartupError(
            f"a change of the database in {folder} was cut between two renames: `usance node fsck {folder}` or a start "
            "of the node ends it"
        )
    return path


def recover(folder: str) -> str | None:
    """End a swap that was cut, if there is one; says what was done. Raises StorageError where the rename fails."""
    path, new = os.path.join(folder, DATABASE), os.path.join(folder, NEW)
    if os.path.exists(path) or not os.path.isdir(new):
        return None
    _rename(new, path)
    return f"a change of the database was cut between two renames: {NEW} is complete and is {DATABASE} now"


def leftovers(folder: str) -> dict[str, str]:
    """What stands beside the database and isn't needed by it: its name, and what it is."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    found = {}
    for name in names:
        if name in (MAKING, RESTORE, NEW, SALVAGE):
            found[name] = "left by a rebuild that was cut: delete it, or let the next one do so"
        elif name == OLD:
            found[name] = "what a repair replaced: delete it once the node runs well"
        elif name.startswith(OLD_VERSION) and name[len(OLD_VERSION) :].isdecimal():
            found[name] = "what a migration replaced: delete it once the node runs well"
    return found


def drop_stale(folder: str) -> None:
    """Remove a `db.new` beside a database that the caller holds open and is going to write to. Raises StorageError."""
    remove(os.path.join(folder, NEW))


def begin(folder: str, *, kept: str) -> str:
    """Make room for a new database; answers the path to make it at. The caller holds the folder (`alone`). `kept`: the
    name that the present one is to get. Raises StartupError where it is taken or the present one can't be renamed,
    StorageError where what was left can't be removed."""
    path = os.path.join(folder, DATABASE)
    if os.path.islink(path) or os.path.ismount(path):
        raise StartupError(
            f"{path} is a link or a disk of its own, and can't be renamed: move the database into the folder, or the "
            "whole folder to that disk, and try again"
        )
    if os.path.exists(os.path.join(folder, kept)):
        raise StartupError(
            f"{os.path.join(folder, kept)} is still there: delete it, once you know that nothing of it is needed, and "
            "try again"
        )
    for name in (MAKING, NEW):
        remove(os.path.join(folder, name))
    return os.path.join(folder, MAKING)


def opening(folder: str) -> bytes:
    """What tells one opening of the folder's database from the next: each makes LevelDB begin a new list of tables."""
    try:
        with open(os.path.join(folder, DATABASE, "CURRENT"), "rb") as file:
            return file.read(BYTES_MAX)
    except OSError:
        return b""  # damaged: then nobody can open it


def finish(folder: str, *, kept: str, opened: bytes) -> None:
    """Put the database that was made, complete and durable, into the present one's place, and keep that as `kept`. The
    caller has closed the present one; `opened`: what `opening` said while it still was open. Raises StartupError where
    a process has it or had it meanwhile, StorageError; then the present one stands, or `recover` ends it."""
    with _unopened(folder, opened):
        _swap(folder, kept)


def _swap(folder: str, kept: str) -> None:
    path, new = os.path.join(folder, DATABASE), os.path.join(folder, NEW)
    _rename(os.path.join(folder, MAKING), new)
    _rename(path, os.path.join(folder, kept))
    try:
        _rename(new, path)
    except StorageError:
        if not os.path.isdir(path) or os.path.exists(new):
            raise  # else a start of the node has ended it meanwhile


@contextmanager
def _unopened(folder: str, opened: bytes) -> Iterator[None]:
    """Hold LevelDB's own lock on the folder's database, which nobody has opened since."""
    try:
        handle = os.open(os.path.join(folder, DATABASE, "LOCK"), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(f"can't change {folder}: {error.strerror}; mend the disk, then try again") from None
    try:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = opening(folder) == opened
        except OSError:
            is_free = False
        if not is_free:
            raise StartupError(
                f"a process has opened the database in {folder} meanwhile, so the new one may lack what it wrote: stop "
                "the node, then try again"
            )
        yield
    finally:
        os.close(handle)


def remove(path: str) -> None:
    """Delete a folder, if it is there. Raises StorageError."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"can't delete {error.filename}: {error.strerror}; delete {path} yourself") from None


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except OSError as error:
        raise StorageError(f"can't rename {old} to {new}: {error.strerror}; mend the disk, then try again") from None
    settle(new)
