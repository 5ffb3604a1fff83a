"""Closing notes: a log's word that it has ended, signed by its own key.

::

    usance/closed/v1
    example.com/log                                  the log's origin
    20852163                                         its last size
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=     its last root

as the text of a C2SP signed note. No checkpoint begins so (an origin never begins with ``usance/``), so neither can be
taken for the other. Whoever holds a closing note and a checkpoint of the same log that is larger, or another at that
size, has shown that the log broke its word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import note
from proofs.checkpoint import Checkpoint, check_origin
from proofs.errors import InputError
from proofs.logkeys import LogKeys
from proofs.merkle import HASH_BYTES, SIZE_MAX
from proofs.text import encode_base64, parse_decimal, parse_hash

HEADER = "usance/closed/v1"


@dataclass(frozen=True, slots=True)
class Closing:
    """The head at which a log ended: ``origin``, ``size`` (1 or more leaves) and ``root`` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text."""
        return f"{HEADER}\n{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    def allows(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint of the log is one that it can have signed: no larger, and the same at this size."""
        if checkpoint.size == self.size:
            return checkpoint.root == self.root
        return checkpoint.size < self.size


def sign_closing(*, origin: str, size: int, root: bytes, private_keys: Sequence[Ed25519PrivateKey]) -> bytes:
    """The closing note of a log, a line for each of its keys. Raises ``InputError`` for values out of range."""
    check_origin(origin)
    if not 0 < size <= SIZE_MAX or len(root) != HASH_BYTES or not private_keys:
        raise InputError("no head to close a log at", field="size", expected="a size of 1 or more, its root, a key")
    text = Closing(origin, size, root).text
    return note.make_note(text, [note.sign(text=text, name=origin, private_key=key) for key in private_keys])


def open_closing(data: bytes, keys: LogKeys) -> Closing:
    """The closing in a note that at least one of the log's keys has signed.

    Raises ``InputError`` for another form, ``VerifyError`` for a signature that is missing or wrong, or another log's.
    """
    signed = note.parse_note(data)
    lines = signed.text.split("\n")
    if len(lines) != 5 or lines[0] != HEADER or lines[4] != "":
        raise InputError("the note is no closing note", field="closing", expected=f"{HEADER}, origin, size and root")
    check_origin(lines[1])
    size = parse_decimal(lines[2], field="size")
    if size == 0:
        raise InputError("a log closed at size 0", field="size", expected="1 or more")
    root = parse_hash(lines[3], field="root")
    keys.check(signed, lines[1])
    return Closing(lines[1], size, root)
