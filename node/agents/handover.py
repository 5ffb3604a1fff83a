"""Handing payment files over exactly once, whatever crash comes in between (design section 6: run twice, pay once).

A bank's program may watch the outbox and take a file away the moment that it stands there; so what tells whether a file
was handed over is not the file itself but the hidden part file that it is renamed from. In this order:

1. intent        the whole file and its payments, durable in the state folder, marked "write"
2. part file     `.NAME.part` in the outbox, durable
3. intent        marked "ready", durable. From here on: the part file is there, or the bank has the file
4. rename        the part file becomes NAME, at once; its folder is synced
5. journal       a line for each payment, durable
6. intent        removed

The next run goes on where the last one stopped, with the bytes of the intent, and by the same code. A crash after 4
never makes the file again, even if nothing is left of it in the outbox.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

from ledger.errors import StorageError
from ledger.signrecord import settle, write_durably
from node.agents.alone import alone
from node.agents.handed import Handed, HandedJournal, sync_folder
from node.agents.payments import Order, PaymentFile
from node.errors import FileError
from proofs import codec
from proofs.errors import InputError, InvariantError
from proofs.ref import unpack_ref

FORMAT = "usance/handover/v1"
INTENT_BYTES_MAX = 64 * 1024 * 1024
_WRITE, _READY = "write", "ready"


@dataclass(frozen=True, slots=True)
class Intent:
    """A handover under way. `outbox`: the folder's path as bytes, `inode`: its number, which tells whether it is still
    that folder; `offset`: where its lines begin in the journal."""

    stage: str
    outbox: bytes
    inode: int
    name: str
    data: bytes
    orders: tuple[Order, ...]
    offset: int

    @property
    def target(self) -> str:
        """The file that the bank gets."""
        return os.path.join(os.fsdecode(self.outbox), self.name)

    @property
    def part(self) -> str:
        """The file that it is renamed from."""
        return os.path.join(os.fsdecode(self.outbox), f".{self.name}.part")

    def payments(self) -> list[Handed]:
        """What the journal keeps of it."""
        digest = sha256(self.data).digest()
        return [Handed(order, self.name, digest) for order in self.orders]


@dataclass(frozen=True, slots=True)
class HandedFile:
    """A file that was handed over. `path`: where it was put."""

    path: str
    payments: tuple[Handed, ...]


class Handover:
    """The state folder, held by one process from `__enter__` to `__exit__`: nobody else hands over meanwhile."""

    def __init__(self, state: str) -> None:
        """`state`: a private folder, made where it is missing. It must outlive every payment that was handed over."""
        self.state = os.path.abspath(state)
        self.recovered: HandedFile | None = None
        """What an earlier run had begun and this one completed."""
        self._journal, self._path = _files(self.state)
        self._lock = contextlib.ExitStack()
        self._free: set[str] = set()  # references that this process has looked up, and that were never handed over
        self._stopped = True

    def __enter__(self) -> Self:
        """Take the lock and complete what a crash left. Raises RetryableError where another process holds the lock,
        StorageError where a file is damaged or can't be written."""
        try:
            os.makedirs(self.state, mode=0o700, exist_ok=True)
        except OSError as error:
            raise FileError(f"can't make {self.state}: {error.strerror}", field="state") from None
        self._lock.enter_context(_locked(self.state))
        try:
            settle(self.state)
            intent = _load_intent(self._path)
            if intent is not None:
                self.recovered = self._complete(intent)
            self._stopped = False
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the lock."""
        self._stopped = True
        self._lock.close()

    def earlier(self, orders: Iterable[Order]) -> list[Handed]:
        """Which of these orders were handed over before. Raises InputError for an order of a statement that was handed
        over with other parties or another amount, StorageError for a damaged journal."""
        wanted = {order.reference: order for order in orders}
        found = self._journal.find(wanted)
        _check_same(found, wanted)
        self._free |= wanted.keys() - {handed.order.reference for handed in found}
        return found

    def hand(self, file: PaymentFile, outbox: str) -> HandedFile:
        """Put the file into the folder `outbox`, and never again any of its payments.

        Raises FileError, and changes nothing, where the outbox isn't a folder or has a file of that name; InputError
        where one of the payments was handed over before; StorageError where it can't be told how far it came: then
        nothing more may be handed over by this object, and the next run completes it.
        """
        if self._stopped:
            raise InvariantError("a handover that has stopped was used")
        folder = os.path.realpath(outbox)
        if not os.path.isdir(folder):
            raise FileError(f"{outbox} is no folder", field="outbox", expected="a folder for payment files")
        intent = Intent(
            _WRITE, os.fsencode(folder), _inode(folder), file.name, file.data, file.orders, self._journal.size()
        )
        if len(_encode(intent)) > INTENT_BYTES_MAX:
            raise InputError("the file is too large", field="file", expected=f"at most {INTENT_BYTES_MAX} bytes")
        if _is_there(intent.target):
            raise FileError(
                f"{intent.target} exists already: these payments were handed over before, but not with the state in "
                f"{self.state}. Move the file away only if the bank hasn't got it",
                field="outbox",
            )
        again = [order for order in file.orders if order.reference not in self._free]
        if again and self.earlier(again):
            raise InputError("a payment was handed over before", field="orders", expected="new payments only")
        self._stopped = True  # until it is known to be done
        _save_intent(self._path, intent)
        done = self._complete(intent)
        self._free -= {order.reference for order in file.orders}
        self._stopped = False
        return done

    def _complete(self, intent: Intent) -> HandedFile:
        """Steps 2 to 6, of which any number may be done already. Raises StorageError."""
        if intent.stage == _WRITE:
            _write_part(intent)
            intent = replace(intent, stage=_READY)
            _save_intent(self._path, intent)
        _rename_part(intent)
        payments = intent.payments()
        self._journal.write_at(intent.offset, payments)
        try:
            os.unlink(self._path)
            sync_folder(self.state)
        except OSError as error:
            raise StorageError(
                f"can't remove {self._path}: {error.strerror}; mend the disk, then run it again"
            ) from None
        return HandedFile(intent.target, tuple(payments))


def handed_before(state: str, orders: Iterable[Order]) -> list[Handed]:
    """As `Handover.earlier`, for a dry run: it changes nothing, and counts what a crash has left half-way as handed."""
    wanted = {order.reference: order for order in orders}
    if not os.path.isdir(state):
        return []
    journal, path = _files(os.path.abspath(state))
    with _locked(state):
        intent = _load_intent(path)
        found = journal.find(wanted, until=intent.offset if intent else None)
        found += [handed for handed in (intent.payments() if intent else []) if handed.order.reference in wanted]
    _check_same(found, wanted)
    return found


def _files(state: str) -> tuple[HandedJournal, str]:
    return HandedJournal(os.path.join(state, "handed")), os.path.join(state, "intent")


def _locked(state: str) -> contextlib.AbstractContextManager[None]:
    busy = f"another program is handing payments over with {state}"
    return alone(os.path.join(state, "lock"), field="state", busy=busy)


def _check_same(found: Iterable[Handed], wanted: dict[str, Order]) -> None:
    for handed in found:
        if wanted[handed.order.reference] != handed.order:
            raise InputError(
                f"the statement {handed.order.statement} was handed over in {handed.file} with other figures "
                f"({handed.order.amount_nanos} nanos of {handed.order.currency} to {handed.order.payee.hex()})",
                field="orders",
                expected="the order as it was",
            )


def _encode(intent: Intent) -> bytes:
    rows = [[o.statement.pack(), o.payer, o.payee, o.currency, o.amount_nanos] for o in intent.orders]
    return codec.encode({
        "format": FORMAT, "stage": intent.stage, "outbox": intent.outbox, "inode": intent.inode,
        "name": intent.name, "data": intent.data, "orders": rows, "offset": intent.offset,
    })  # fmt: skip


def _save_intent(path: str, intent: Intent) -> None:
    write_durably(path, _encode(intent), mode=0o600)


def _load_intent(path: str) -> Intent | None:
    try:
        with open(path, "rb") as file:
            data = file.read(INTENT_BYTES_MAX + 1)
        settle(path)  # whoever wrote it may have died before its name was durable
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"can't read {path}: {error.strerror}; mend its permissions") from None
    try:
        return _parse_intent(codec.decode(data, field="intent"))
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        raise StorageError(
            f"{path} is damaged: look whether the bank has the file that was being handed over. Only then move it away"
        ) from None


def _parse_intent(value: Any) -> Intent:
    orders = tuple(Order(unpack_ref(row[0]), row[1], row[2], row[3], row[4]) for row in value["orders"])
    intent = Intent(
        value["stage"], value["outbox"], value["inode"], value["name"], value["data"], orders, value["offset"]
    )
    if (
        value["format"] != FORMAT
        or intent.stage not in (_WRITE, _READY)
        or type(intent.outbox) is not bytes
        or type(intent.name) is not str
        or os.path.basename(intent.name) != intent.name
        or type(intent.data) is not bytes
        or type(intent.inode) is not int
        or type(intent.offset) is not int
        or intent.offset < 0
    ):
        raise InputError("another format")
    return intent


def _write_part(intent: Intent) -> None:
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(intent.part, flags, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(intent.data)
            file.flush()
            os.fsync(handle)
        sync_folder(os.path.dirname(intent.part))
    except OSError as error:
        raise StorageError(
            f"can't write {intent.part}: {error.strerror}; free space or mend the folder, then run it again"
        ) from None


def _rename_part(intent: Intent) -> None:
    folder = os.path.dirname(intent.part)
    try:
        if _inode(folder) != intent.inode:  # an empty mount point has no part file either
            raise StorageError(
                f"{folder} is another folder than the one into which {intent.name} was being put: mount or put back "
                "that one, then run it again"
            )
        if _is_there(intent.part):
            with open(intent.part, "rb") as file:
                whole = file.read(len(intent.data) + 1) == intent.data
            if not whole:  # the disk kept less than it said; nobody has had it yet
                _write_part(intent)
            if _is_there(intent.target):
                raise StorageError(f"{intent.target} was put there by another program: move it away, then run it again")
            os.rename(intent.part, intent.target)
        sync_folder(folder)
    except OSError as error:
        raise StorageError(
            f"can't put {intent.name} into {folder}: {error.strerror}; mend that, then run it again"
        ) from None


def _inode(folder: str) -> int:
    """The folder's number, as far as the intent's integers reach. Raises StorageError."""
    try:
        return os.stat(folder).st_ino & codec.INT_MAX
    except OSError as error:
        raise StorageError(f"can't look at {folder}: {error.strerror}; mend that, then run it again") from None


def _is_there(path: str) -> bool:
    """Whether the name is taken. Unlike os.path.lexists, it doesn't take an error for a no. Raises StorageError."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"can't look for {path}: {error.strerror}; mend that, then run it again") from None
    return True
