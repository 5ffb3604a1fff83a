"""The sign record: what this log last signed, outside of the database (design section 8).

Its order is the whole point: database write, signature, sign record durable, and only then may the signature leave the
process. A crash before the record leaves a database that is ahead of it, which is normal; a database that is behind
it, or has another root there, was rolled back or damaged, and the log must not go on.

While the log's key is changed there are two that sign: every note carries a line of each. The record is read with any
key that is or was the log's own.

A log that was closed has its closing note in the record as well: no other file decides alone whether it is open.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StartupError, StorageError
from ledger.tree import TreeView
from proofs.checkpoint import log_vkey, sign_checkpoint
from proofs.closing import open_closing, sign_closing
from proofs.ed25519 import public_bytes
from proofs.errors import InputError
from proofs.logkeys import LogKeys
from proofs.note import VerifierKey, add_signature, parse_note
from proofs.note import sign as sign_note

FORMAT = "usance/sign-record/v1"
RECORD_BYTES_MAX = 65_536
_NAMING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


@dataclass(frozen=True, slots=True)
class SignRecord:
    """The last signature. `time_ms`: Unix milliseconds by the node's clock. `note`: the signed checkpoint; `closing`:
    the closing note of a log that ended with it."""

    size: int
    root: bytes
    time_ms: int
    note: bytes
    closing: bytes | None = None


def write_durably(path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file at once: temporary file, fsync, rename, fsync the folder. Raises StorageError.

    A crash leaves the old file or the new one, and perhaps a `.tmp` beside it that the next call removes: whoever made
    it, the file is a new one, with this mode. Calls for one path come one after the other: their caller sees to that.
    """
    temporary = path + ".tmp"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(handle, "wb", closefd=False) as file:
                file.write(data)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(temporary, path)
        folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        advice = "mend the path or its permissions" if error.errno in _NAMING else "free space or mend the disk"
        raise StorageError(f"can't write {path}: {error.strerror}; {advice}, then try again") from None


def settle(path: str) -> None:
    """Make a file or folder that stands in its place already durable there. Raises StorageError.

    Whoever wrote it may have been killed between its rename and the folder's fsync: then it can be read, and still be
    gone after a loss of power.
    """
    try:
        for name, flags in (
            (path, os.O_RDONLY),
            (os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY),
        ):
            handle = os.open(name, flags)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        raise StorageError(f"can't sync {path}: {error.strerror}; mend the disk, then restart") from None


def load(path: str, keys: LogKeys) -> SignRecord | None:
    """The record on disk, signed by one of the log's keys; None where there is none. Raises StartupError for one that
    is damaged or another log's."""
    try:
        with open(path, "rb") as file:
            data = file.read(RECORD_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(f"can't read the sign record {path}: {error.strerror}") from None
    try:
        value = json.loads(data.decode()) if len(data) <= RECORD_BYTES_MAX else None
        if not isinstance(value, dict) or value.get("format") != FORMAT or type(value["time_ms"]) is not int:
            raise InputError("another format")
        note = value["note"].encode()
        checkpoint = keys.open_checkpoint(note)
        if checkpoint.size != value["size"] or checkpoint.root.hex() != value["root"]:
            raise InputError("size or root differ from the note's")
        closing = value["closing"].encode() if "closing" in value else None
        if closing is not None:
            end = open_closing(closing, keys)
            if (end.size, end.root) != (checkpoint.size, checkpoint.root):
                raise InputError("its checkpoint isn't the one that the log was closed at")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, InputError) as error:
        raise StartupError(
            f"the sign record {path} is damaged or another log's ({error}): put back the one that belongs to this "
            "node; without it a fork can't be ruled out"
        ) from None
    return SignRecord(checkpoint.size, checkpoint.root, value["time_ms"], note, closing)


class Signer:
    """The log's hand: signs tree heads that only ever grow, and keeps the record. Owner: the thread that appends."""

    def __init__(
        self,
        path: str,
        *,
        origin: str,
        private_keys: Sequence[Ed25519PrivateKey],
        clock_ms: Callable[[], int],
        retired: Sequence[VerifierKey] = (),
    ) -> None:
        """`private_keys`: all of them sign each head; none where a closed log's were erased. `retired`: keys that the
        log signed with before. `clock_ms()`: Unix milliseconds. Raises StartupError for a damaged record, StorageError
        for a failed sync, InputError for keys that aren't of one log."""
        self._path = path
        self._origin = origin
        self._private_keys = tuple(private_keys)
        self._clock_ms = clock_ms
        self.vkeys = tuple(log_vkey(origin=origin, public_key=public_bytes(key)) for key in private_keys)
        self.keys = LogKeys(tuple(dict.fromkeys((*self.vkeys, *retired))))
        self.last = load(path, self.keys)
        if self.last is not None:
            settle(path)  # its note may leave as it is, so it has to be as durable as one that is written now

    def end(self, closing: bytes, note: bytes) -> None:
        """Put on record, durably, that the log has ended: its closing note and the checkpoint that it ended with, both
        checked by the caller, and a continuation of the record. From then on no other head is signed. Raises
        StorageError."""
        last = self.last
        if last is not None and last.closing is not None:
            return
        head = self.keys.open_checkpoint(note)
        if last is not None and (last.size, last.root) == (head.size, head.root):
            self._keep(replace(last, closing=closing))
        else:
            self._keep(SignRecord(head.size, head.root, self._time_ms(), note, closing))

    def check_start(self, tree: TreeView, *, clock_back: bool = False) -> None:
        """Refuse to go on from a database that isn't the continuation of what was signed, and unless `clock_back` with
        a clock before the record's. Raises StartupError."""
        last = self.last
        if last is None:
            return
        if last.size > tree.size or tree.root_at(last.size) != last.root:
            raise StartupError(
                f"the database (size {tree.size}) isn't a continuation of what this log signed (size {last.size}): it "
                "was rolled back, replaced or damaged. Put back the newer database or restore the missing entries; "
                "never delete the sign record"
            )
        if self._clock_ms() < last.time_ms and not clock_back:
            raise StartupError(
                f"the clock is before the last signature's time ({last.time_ms} ms since 1970): set the clock. If it "
                "is right, and was ahead when that was signed: `usance node run DIR --clock-back`, once"
            )

    def set_clock_back(self) -> None:
        """Put the clock's time on record in place of a later one: only the record holds a time, no checkpoint does, so
        nobody else can tell. Raises StorageError."""
        if self.last is not None and self._clock_ms() < self.last.time_ms:
            self._keep(replace(self.last, time_ms=self._clock_ms()))

    def sign(self, size: int, root: bytes) -> bytes:
        """The signed checkpoint of a head, with the record durable before it is returned. Raises StorageError.

        The same head again gives the same note, unless other keys sign by now. Raises StorageError for a head before or
        beside the last one or after the log's end, and where no key is left to sign with.
        """
        last = self.last
        if last is not None:
            if last.size == size and last.root == root and self._signed_as_now(last.note):
                return last.note
            if size < last.size or (size == last.size and root != last.root):
                raise StorageError(f"a head of size {size} after one of size {last.size} would fork the log")
            if last.closing is not None and size > last.size:
                raise StorageError(f"a head of size {size} would go on after the log's end at size {last.size}")
        note = self._note(size, root)
        self._keep(SignRecord(size, root, self._time_ms(), note, last.closing if last is not None else None))
        return note

    def _time_ms(self) -> int:
        """The clock's time, never before the record's: one that steps back while the node runs doesn't stop it."""
        return max(self._clock_ms(), self.last.time_ms if self.last is not None else 0)

    def _keep(self, record: SignRecord) -> None:
        """Make the record durable, then go on from it. Raises StorageError: then the one before still holds."""
        value: dict[str, object] = {
            "format": FORMAT, "size": record.size, "root": record.root.hex(), "time_ms": record.time_ms,
            "note": record.note.decode(),
        }  # fmt: skip
        if record.closing is not None:
            value["closing"] = record.closing.decode()
        write_durably(self._path, json.dumps(value, indent=1).encode() + b"\n")
        self.last = record

    def sign_past(self, size: int, root: bytes) -> bytes:
        """A checkpoint of an earlier head of this very log, signed afresh; the record isn't touched.

        The caller has computed the root from the log's own tiles. Raises StorageError for a size above the last.
        """
        if self.last is None or size > self.last.size:
            raise StorageError(f"size {size} was never signed")
        return self._note(size, root)

    def sign_end(self) -> bytes:
        """The closing note of the last head, after which nothing more is to be signed (proofs/closing.py). Raises
        StorageError where nothing was signed yet or no key is left."""
        if self.last is None or not self.can_sign:
            raise StorageError("nothing was signed that the log could be closed at: start the node once")
        return sign_closing(
            origin=self._origin, size=self.last.size, root=self.last.root, private_keys=self._private_keys
        )

    @property
    def can_sign(self) -> bool:
        """Whether a key is there: not where a closed log's was erased."""
        return bool(self._private_keys)

    def _note(self, size: int, root: bytes) -> bytes:
        if not self.can_sign:
            raise StorageError(f"no key is left to sign a head of size {size} with: the log is closed, its key erased")
        first, *others = self._private_keys
        signed = sign_checkpoint(origin=self._origin, size=size, root=root, private_key=first)
        for key in others:
            line = sign_note(text=parse_note(signed).text, name=self._origin, private_key=key)
            signed = add_signature(signed, line)
        return signed

    def _signed_as_now(self, note: bytes) -> bool:
        """Whether a note has a line of each key that signs now and of no other of the log's; kept as it is without a
        key to sign another with."""
        parsed = parse_note(note)
        return not self.can_sign or self.keys.check(parsed, self._origin) == self.vkeys
