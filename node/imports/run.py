"""An import, logged: each record exactly once, whatever is killed when.

The records are written to a work file in the user's state folder, one for each log and key, and go out through the
engine of `usance submit`, under its journal. An import that was killed is resumed so: what was under way is settled
first (the very same batches, which the log takes once), the rest is forgotten, and a fresh plan, made from what the log
holds now, finds what is missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StorageError
from node.client import Client
from node.errors import FileError
from node.imports.model import REFUSED, Note
from node.journal import load_journal
from node.ownfiles import read_own
from node.submit import Options, Progress, Submission, Summary
from proofs.ed25519 import public_bytes

REJECTS_BYTES_MAX = 256 * 1024 * 1024
_OPTIONS = Options(request_batches=4, skip_bad=True)


class Work:
    """The work file of one log and key, held by this process. Made by `open_work`."""

    def __init__(
        self, path: str, file: BinaryIO, client: Client, key: Ed25519PrivateKey, *, now_ms: Callable[[], int]
    ) -> None:
        self._path, self._file = path, file
        self._client, self._key, self._now_ms = client, key, now_ms

    def settle_earlier(self) -> int:
        """Send what an import that was killed had under way, and forget the rest of it; answers how many records of it
        are on the log by this. Raises as Submission.run: then it stays under way."""
        journal = load_journal(self._path + ".progress")
        if journal is None:  # killed before anything was signed, or after everything was done
            self._forget()
            return 0
        logged = 0
        if journal.flight is not None:
            self._file.truncate(journal.flight.marks[-1].offset)
            settled, before = self._send(lambda lines: None), journal.done.logged
            logged = settled.logged + settled.before - before
        self._forget()
        return logged

    def log(self, records: list[dict[str, Any]], places: list[str], progress: Progress) -> tuple[Summary, list[Note]]:
        """Log records in JSON form, `places` telling where each comes from, after `settle_earlier`. Answers what was
        done, and a note for each that the node refused; the others are logged. Raises as Submission.run; the same
        import again goes on from there."""
        at = self._now_ms()
        lines = (json.dumps({**record, "at": at}, ensure_ascii=True) for record in records)
        try:
            self._file.seek(0)
            self._file.write("".join(f"{line}\n" for line in lines).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StorageError(f"can't write {self._path}: {error.strerror}") from None
        summary = self._send(progress)
        notes = [
            Note.of(
                places[said["line"] - 1], str(said["field"]), records[said["line"] - 1].get("name", ""), REFUSED,
                f"the node refuses it: {said['error']}",
            )
            for said in self._rejects()
        ]  # fmt: skip
        self._forget()
        return summary, notes

    def _send(self, progress: Progress) -> Summary:
        made = Submission(self._path, self._file, self._client, self._key, _OPTIONS, now_ms=self._now_ms)
        return made.run(progress)

    def _rejects(self) -> list[dict[str, Any]]:
        data = read_own(self._path + ".rejected", bytes_max=REJECTS_BYTES_MAX, field="rejected") or b""
        return [json.loads(line) for line in data.splitlines()]

    def _forget(self) -> None:
        """The journal first: without it, what the file holds was never signed."""
        try:
            for ending in (".progress", ".rejected"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path + ending)
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise StorageError(f"can't write {self._path}: {error.strerror}") from None


@contextlib.contextmanager
def open_work(folder: str, client: Client, key: Ed25519PrivateKey, *, now_ms: Callable[[], int]) -> Iterator[Work]:
    """The work file in a state folder, for the time of the block. Raises FileError while another import with this key
    runs, StorageError where the file can't be made."""
    name = sha256(f"{client.vkey.text}\n{public_bytes(key).hex()}".encode()).hexdigest()[:32]
    path = os.path.join(folder, "imports", name)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"can't write {path}: {error.strerror}") from None
    with os.fdopen(handle, "r+b") as file:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileError("another import with this key is running: wait until it ends", field="--key") from None
        yield Work(path, file, client, key, now_ms=now_ms)
