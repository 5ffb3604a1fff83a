"""What was handed to a bank, for ever: one line a payment, in a file that only grows (docs/settlement.md).

It is what keeps a payment from being made twice, so it is read strictly: a line that is cut or changed stops the run. A
line's reference must be its statement's, which a flipped bit in either breaks. Owner: the process that holds the lock
of its folder (node/agents/handover.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from ledger.errors import StorageError
from node.agents.payments import Order, reference_of
from proofs.codec import INT_MAX
from proofs.ref import Ref

HEADER = b"usance/handed/v1 reference statement payer payee currency nanos file sha256\n"
LINE_BYTES_MAX = 600
_LINE = re.compile(
    rb"([A-Z2-7]{32}) (0|[1-9][0-9]{0,18}):([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9a-f]{64}) ([A-Z0-9]{3,12}) "
    rb"([1-9][0-9]{0,18}) ([A-Za-z0-9._-]{1,100}) ([0-9a-f]{64})\n"
)


@dataclass(frozen=True, slots=True)
class Handed:
    """A payment that was handed over. `file`: the name of the file that it stands in, `sha256`: its hash, 32 bytes."""

    order: Order
    file: str
    sha256: bytes

    def line(self) -> bytes:
        """Its line in the journal."""
        order = self.order
        return (
            f"{order.reference} {order.statement} {order.payer.hex()} {order.payee.hex()} {order.currency} "
            f"{order.amount_nanos} {self.file} {self.sha256.hex()}\n"
        ).encode()


class HandedJournal:
    """The file. A crash while it is written leaves a part of the new lines, which `write_at` writes anew."""

    def __init__(self, path: str) -> None:
        self.path = path

    def size(self) -> int:
        """Its length in bytes, 0 where there is none yet. Raises StorageError."""
        try:
            return os.stat(self.path).st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StorageError(f"can't read {self.path}: {error.strerror}; mend its permissions") from None

    def find(self, references: Container[str], *, until: int | None = None) -> list[Handed]:
        """The payments with these references. `until`: look at so many bytes only. Raises StorageError for a damaged
        file. Cost: reads and checks it all, some 100,000 lines a second."""
        return [_handed(found) for found in self._lines(until) if found[1].decode() in references]

    def _lines(self, until: int | None) -> Iterator[re.Match[bytes]]:
        left = self.size() if until is None else until
        if not left:
            return
        try:
            with open(self.path, "rb") as file:
                number, line = 1, file.readline(LINE_BYTES_MAX)
                if line != HEADER:
                    raise self._damaged(number)
                left -= len(line)
                while left > 0:
                    number, line = number + 1, file.readline(LINE_BYTES_MAX)
                    left -= len(line)
                    found = _LINE.fullmatch(line)
                    if found is None or left < 0 or not _is_sound(found):
                        raise self._damaged(number)
                    yield found
        except OSError as error:
            raise StorageError(f"can't read {self.path}: {error.strerror}; mend its permissions") from None

    def write_at(self, offset: int, payments: Iterable[Handed]) -> None:
        """Make the file end with these payments, which begin at `offset`: what stands behind it is cut off first.

        Doing it again changes nothing. Durable on return. Raises StorageError; also where the file is shorter than
        `offset`, so that something was lost.
        """
        if self.size() < offset:
            raise StorageError(
                f"{self.path} has lost lines since the last run: put back the newest copy; it keeps payments from "
                "being made twice"
            )
        data = (b"" if offset else HEADER) + b"".join(payment.line() for payment in payments)
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                os.ftruncate(handle, offset)
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(handle)
            sync_folder(os.path.dirname(self.path))
        except OSError as error:
            raise StorageError(
                f"can't write {self.path}: {error.strerror}; free space or mend the disk, then run it again"
            ) from None

    def _damaged(self, number: int) -> StorageError:
        return StorageError(
            f"{self.path} is damaged in line {number}: put back a whole copy; it keeps payments from being made twice"
        )


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_sound(found: re.Match[bytes]) -> bool:
    """Whether a line's numbers are in range and its reference is its statement's."""
    leaf = bytes.fromhex(found[3].decode())
    return int(found[2]) <= INT_MAX and int(found[7]) <= INT_MAX and reference_of(leaf) == found[1].decode()


def _handed(found: re.Match[bytes]) -> Handed:
    index, leaf, payer, payee, currency, amount, file, digest = (found[n].decode() for n in range(2, 10))
    order = Order(
        Ref(int(index), bytes.fromhex(leaf)), bytes.fromhex(payer), bytes.fromhex(payee), currency, int(amount)
    )
    return Handed(order, file, bytes.fromhex(digest))
