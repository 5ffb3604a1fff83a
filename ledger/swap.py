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
moment, and whoever comes next ends it (`recover`).
"""

from __future__ import annotations

import os
import shutil

from ledger.errors import StartupError, StorageError
from ledger.signrecord import settle

DATABASE = "db"
MAKING = "db.making"
RESTORE = "db.restore"
NEW = "db.new"
SALVAGE = "db.salvage"
OLD = "db.old"
OLD_VERSION = "db.v"


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


def begin(folder: str, *, kept: str) -> str:
    """Make room for a new database; answers the path to make it at. The caller holds the present one open, so nobody
    else is at work here. `kept`: the name that the present one is to get. Raises StartupError where it is taken,
    StorageError where what was left can't be removed."""
    if os.path.exists(os.path.join(folder, kept)):
        raise StartupError(
            f"{os.path.join(folder, kept)} is still there: delete it, once you know that nothing of it is needed, and "
            "try again"
        )
    for name in (MAKING, NEW):
        remove(os.path.join(folder, name))
    return os.path.join(folder, MAKING)


def finish(folder: str, *, kept: str) -> None:
    """Put the database that was made, complete and durable, into the present one's place, and keep that as `kept`.
    Raises StorageError; then the present one stands, or `recover` ends it."""
    path, new = os.path.join(folder, DATABASE), os.path.join(folder, NEW)
    _rename(os.path.join(folder, MAKING), new)
    _rename(path, os.path.join(folder, kept))
    try:
        _rename(new, path)
    except StorageError:
        if not os.path.isdir(path) or os.path.exists(new):
            raise  # else a start of the node has ended it meanwhile


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
