"""fsck, repair and migration of a stopped node's folder (design sections 8 and 9).

The database is judged by ledger/fsck.py; here are the files around it, a database that LevelDB won't open, and the
steps that put a database made anew in the old one's place (ledger/swap.py). Entries and the sign record are never
written, nor is any file that stands: what a new database replaces is kept beside it.

The database is held open from the first look until its replacement is whole, so that no node runs meanwhile. For the
renames it is closed, and only its lock is held (ledger/swap.py).
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from ledger import keys, signrecord, swap
from ledger.append import STORE_VERSION, Ledger, check_version, stored_version
from ledger.context import LogIdentity
from ledger.errors import StorageError, UnreadableError
from ledger.fsck import Checked, Finding, Show, check_database, stored_entries
from ledger.leveldb import DamagedError, LevelStore, salvage
from ledger.rebuild import rebuild
from ledger.rowcheck import is_conflict
from ledger.signrecord import SignRecord
from ledger.state import State
from ledger.store import View
from ledger.stored import signer_of
from ledger.tree import read_head
from node.config import Config
from node.examiners import Examiners
from node.keyfiles import load_key
from node.logfolder import (
    CLOSED_FILE,
    LOG_KEY_FILE,
    LOG_VKEY_FILE,
    NEXT_KEY_FILE,
    SIGN_RECORD_FILE,
    Closed,
    current_keys,
    known_keys,
    read_closed,
)
from node.server import OPERATOR_KEY_FILE, load_config
from node.tls import Tls
from node.tokens import Tokens
from proofs.ed25519 import public_bytes
from proofs.errors import UsanceError
from proofs.logkeys import LogKeys
from proofs.records import peek

Read = TypeVar("Read")

SPACE_FACTOR = 1.2


@dataclass(slots=True)
class Report:
    """What a check found. `findings`: the first difference first; `remarks`: what was done or is left over;
    `is_repaired`: all that was wrong with the database was made anew; `kept`: the name of the folder that holds the
    damaged one still, empty where there is none; `is_signed_known`: whether the folder says what was signed last,
    without which nothing is repaired."""

    checked: Checked
    findings: list[Finding]
    remarks: list[str]
    is_repaired: bool = False
    kept: str = ""
    is_signed_known: bool = True

    @property
    def open(self) -> list[Finding]:
        """What is wrong still: all of it, or after a repair the files around the database."""
        done = self.checked.findings if self.is_repaired else []
        return [finding for finding in self.findings if finding not in done]


@dataclass(frozen=True, slots=True)
class Migrated:
    """A database made anew in this program's version. `old_version`: what it was; `kept`: the name of the folder that
    holds it still, empty where it was deleted or nothing had to be done."""

    old_version: int
    size: int
    root: bytes
    kept: str
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class Head:
    """A size, and the root that goes with it."""

    size: int
    root: bytes


@dataclass(slots=True)
class _Files:
    """What the folder's files say. None where a file is missing or damaged, which is a finding. `private`: the public
    half of each private key, by its file's name."""

    findings: list[Finding] = field(default_factory=list)
    config: Config | None = None
    log_keys: LogKeys | None = None
    signed: SignRecord | None = None
    closed: Closed | None = None
    private: dict[str, bytes | None] = field(default_factory=dict)

    def add(self, where: str, detail: str) -> None:
        """Something is wrong with a file."""
        self.findings.append(Finding(where, detail))

    @property
    def last_signed(self) -> SignRecord | None:
        """What the log signed last; a closed one has said so with its end, too, which a restore puts back."""
        if self.closed is None or (self.signed is not None and self.signed.size >= self.closed.closing.size):
            return self.signed
        closing = self.closed.closing
        return SignRecord(closing.size, closing.root, 0, self.closed.checkpoint)

    def tried(self, where: str, read: Callable[[], Read]) -> Read | None:
        """What `read` gives; None, and a finding, where it refuses."""
        try:
            return read()
        except UsanceError as error:
            expected = getattr(error, "expected", "")
            self.add(where, f"{error.detail}{f': expected {expected}' if expected else ''}")
            return None


def fsck(folder: str, *, repair: bool = False, delete_old: bool = False, show: Show) -> Report:
    """Check everything in a stopped node's folder; `repair` makes every row but entries and batches anew where one
    differs, `delete_old` deletes the database that it replaced. Raises StartupError where there is no database, a
    process holds it, or it is of another store version, StorageError where it can't be read at all or the disk fails.
    """
    with swap.alone(folder):
        return _fsck(folder, repair=repair, delete_old=delete_old, show=show)


def _fsck(folder: str, *, repair: bool, delete_old: bool, show: Show) -> Report:
    remarks = [said for said in (swap.recover(folder),) if said]
    files = _read_files(folder)
    signed = files.last_signed
    with _opened(folder) as (store, problem):
        version = stored_version(store)
        if version is not None:
            check_version(version)
        origin = genesis_origin(store) or (files.log_keys.origin if files.log_keys is not None else "")
        log = LogIdentity(origin, files.log_keys.public if files.log_keys is not None else frozenset())
        with Examiners() as pool:
            checked = check_database(store, log=log, signed=signed, executor=pool, show=show)
        if problem:
            checked.findings.insert(0, Finding("database", problem))
        _check_around(store, files, checked)
        report = Report(
            checked, [*checked.findings, *files.findings], remarks, is_signed_known=signed is not None
        )  # fmt: skip
        if repair and checked.findings:
            report.kept = _repair(folder, store, log, checked, signed, show)
            report.is_repaired = bool(report.kept)
        opened = swap.opening(folder)
    if report.kept:
        swap.finish(folder, kept=report.kept, opened=opened)
    if report.kept and delete_old:
        swap.remove(os.path.join(folder, report.kept))
        report.kept = ""
    remarks += [f"{name}: {what}" for name, what in swap.leftovers(folder).items()]
    return report


def migrate(folder: str, *, delete_old: bool = False, show: Show) -> Migrated:
    """Make a database of an older store version anew in this program's. Raises StartupError for a newer version, and
    what `fsck` and ledger/rebuild.py raise; then the old one stands."""
    load_config(folder)
    with swap.alone(folder):
        return _migrate(folder, delete_old=delete_old, show=show)


def _migrate(folder: str, *, delete_old: bool, show: Show) -> Migrated:
    remarks = [said for said in (swap.recover(folder),) if said]
    log_keys = known_keys(folder)
    log = LogIdentity(log_keys.origin, log_keys.public)
    with _opened(folder) as (store, problem):
        version = stored_version(store)
        if version is None or version > STORE_VERSION:
            check_version(version)
        size, root, _ = read_head(store)
        if version is None or version == STORE_VERSION:
            return Migrated(STORE_VERSION, size, root, "", remarks)
        if problem:
            remarks.append(f"{problem}; it was read all the same")
        signed = signrecord.load(os.path.join(folder, SIGN_RECORD_FILE), log_keys)
        kept = f"{swap.OLD_VERSION}{version}"
        _make(folder, store, log, Head(size, root), signed, kept=kept, show=show)
        opened = swap.opening(folder)
    swap.finish(folder, kept=kept, opened=opened)
    if delete_old:
        swap.remove(os.path.join(folder, kept))
        kept = ""
    return Migrated(version, size, root, kept, remarks)


@contextmanager
def _opened(folder: str) -> Iterator[tuple[LevelStore, str]]:
    """The folder's database, and why it can't be opened as it is: then what can be read of it, in a folder of its own
    that is gone after the block. Raises StartupError, and StorageError where nothing can be read."""
    path, apart = swap.database_path(folder), os.path.join(folder, swap.SALVAGE)
    problem = ""
    try:
        store = LevelStore(path)
    except DamagedError as error:
        problem = error.said
        swap.remove(apart)
        salvage(path, apart)
        store = LevelStore(apart)
    try:
        with contextlib.closing(store):
            yield store, problem
    finally:
        if problem:
            swap.remove(apart)


def _repair(
    folder: str, store: LevelStore, log: LogIdentity, checked: Checked, signed: SignRecord | None, show: Show
) -> str:
    """Make a new database of the good entries, if they are all that was ever acknowledged; answers what the old one is
    to be called, empty where they aren't."""
    if not checked.can_rebuild:
        return ""
    _make(folder, store, log, Head(checked.size, checked.root), signed, kept=swap.OLD, show=show)
    return swap.OLD


def _make(
    folder: str, view: View, log: LogIdentity, head: Head, signed: SignRecord | None, *, kept: str, show: Show
) -> None:
    """Make a database of a view's entries up to a head, whole and checked, to be put in the place of the folder's once
    that is closed. Raises StorageError where there isn't room for it or it isn't what the log has signed."""
    path = swap.begin(folder, kept=kept)
    _check_room(os.path.join(folder, swap.DATABASE))
    conflicts = (
        row for row in view.scan(keys.CONFLICT, keys.after(keys.CONFLICT)) if is_conflict(*row, log.origin)
    )  # fmt: skip
    with Examiners() as pool, show("rebuilding", "records", head.size) as progress:
        rebuild(
            stored_entries(view), path, log=log, size=head.size, root=head.root, executor=pool, conflicts=conflicts,
            progress=progress,
        )  # fmt: skip
    try:
        _check_made(path, log, head, signed)
    except BaseException:
        swap.remove(path)
        raise


def _check_made(path: str, log: LogIdentity, head: Head, signed: SignRecord | None) -> None:
    """Open the new database as a node would. Raises StorageError unless it goes on from what was signed."""
    with contextlib.closing(LevelStore(path)) as store:
        ledger = Ledger(store, log=log)
        is_same = (ledger.size, ledger.tree.root) == (head.size, head.root)
        if not is_same or (signed is not None and ledger.root_at(signed.size) != signed.root):
            raise StorageError("the new database doesn't go on from what this log signed last: the old one stays")


def _check_room(database: str) -> None:
    needed = round(SPACE_FACTOR * sum(entry.stat().st_size for entry in os.scandir(database) if entry.is_file()))
    free = shutil.disk_usage(database).free
    if free < needed:
        raise StorageError(
            f"a new database needs about {needed >> 20} MiB beside the old one, and {free >> 20} MiB are free: free "
            "space, then try again"
        )


def _read_files(folder: str) -> _Files:
    """Everything but the database, each file by itself."""
    files = _Files()
    config = files.config = files.tried("node.toml", lambda: load_config(folder))
    log_keys = files.log_keys = files.tried("log.vkey", lambda: known_keys(folder))
    for name in sorted(filter(_is_nodes_key, os.listdir(folder))):
        files.private[name] = files.tried(name, partial(_public_half, os.path.join(folder, name)))
    if log_keys is not None:
        path = os.path.join(folder, SIGN_RECORD_FILE)
        files.signed = files.tried(SIGN_RECORD_FILE, lambda: signrecord.load(path, log_keys))
        files.closed = files.tried(CLOSED_FILE, lambda: read_closed(folder, log_keys, files.signed))
        if files.closed is not None and not os.path.exists(os.path.join(folder, CLOSED_FILE)):
            files.add(CLOSED_FILE, "it is missing, and the sign record says that the log was closed: start the node")
        _check_log_key(folder, files)
    if files.signed is None and files.closed is None and not os.path.exists(os.path.join(folder, SIGN_RECORD_FILE)):
        files.add(SIGN_RECORD_FILE, "it is missing: without it a database that was rolled back can't be told")
    if files.signed is not None and files.signed.time_ms > time.time_ns() // 1_000_000:
        files.add(SIGN_RECORD_FILE, f"the clock is before the last signature's time ({files.signed.time_ms} ms)")
    if config is not None and config.readers == "token":
        files.tried("tokens.json", lambda: Tokens(folder))
    if config is not None and (config.certificate or config.private_key):
        files.tried("tls", lambda: Tls(config, folder))
    return files


def _is_nodes_key(name: str) -> bool:
    """Whether this is a private key of the log or its operator: others may lie there, as that of a certificate."""
    return name in (LOG_KEY_FILE, NEXT_KEY_FILE, OPERATOR_KEY_FILE) or fnmatch.fnmatchcase(name, "log-old-*.key")


def _public_half(path: str) -> bytes:
    return public_bytes(load_key(path))


def _check_log_key(folder: str, files: _Files) -> None:
    """That the key which signs is the one that clients know; a closed log may have none."""
    key = files.private.get(LOG_KEY_FILE)
    signing = files.tried(LOG_VKEY_FILE, lambda: current_keys(folder))
    if LOG_KEY_FILE not in files.private and files.closed is None:
        files.add(LOG_KEY_FILE, "it is missing: put it back")
    elif key is not None and signing is not None and key not in signing.public:
        files.add(LOG_KEY_FILE, f"it is another key than log.vkey says ({signing.text}): put the right one back")


def _check_around(view: View, files: _Files, checked: Checked) -> None:
    """What files say of the log, held against its first entry and its state."""
    found = genesis_origin(view)
    if found is not None and files.config is not None and files.config.origin != found:
        files.add("node.toml", f"the database is the log {found!r}, the file says {files.config.origin!r}")
    if found is not None and files.log_keys is not None and files.log_keys.origin != found:
        files.add("log.vkey", f"the database is the log {found!r}, the key's name is {files.log_keys.origin!r}")
    if files.closed is not None and checked.can_rebuild:
        closing = files.closed.closing
        if (closing.size, closing.root) != (checked.size, checked.root):
            files.add(
                CLOSED_FILE, f"the log was closed at size {closing.size}, the database has {checked.size} entries"
            )
    operator = files.private.get(OPERATOR_KEY_FILE)
    if operator is None or checked.findings:
        return
    row, first = State(view).key(operator), signer_of(view, 0)
    if row is None or row.party != first.party:
        files.add(OPERATOR_KEY_FILE, "it is no key of the party that the log's genesis names")


def genesis_origin(view: View) -> str | None:
    """The origin in the log's first entry; None where it can't be read."""
    try:
        body = view.get(keys.ENTRY + keys.number(0))
    except UnreadableError:
        return None
    origin = peek(body).get("origin") if body is not None else None
    return origin if isinstance(origin, str) else None
