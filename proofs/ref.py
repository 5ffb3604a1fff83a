"""References to earlier entries of one log (design section 3.1): leaf index and leaf hash together.

The hash pins the content, so a reference signed against one log means nothing in another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from proofs.errors import InputError

REF_BYTES = 40
_TEXT = re.compile(r"(0|[1-9][0-9]{0,18}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """`index`: 0-based leaf index; `leaf`: the entry's RFC 6962 leaf hash, 32 bytes."""

    index: int
    leaf: bytes

    def pack(self) -> bytes:
        """The 40 bytes that stand in records: index, 8 bytes big-endian, then the leaf hash."""
        return self.index.to_bytes(8, "big") + self.leaf

    def __str__(self) -> str:
        return f"{self.index}:{self.leaf.hex()}"


def unpack_ref(raw: bytes) -> Ref:
    """The reference in 40 bytes. Raises InputError for another length or an index of 2^63 or more."""
    if len(raw) != REF_BYTES or raw[0] > 0x7F:
        raise InputError("not a reference", field="ref", expected="40 bytes: leaf index and leaf hash")
    return Ref(int.from_bytes(raw[:8], "big"), raw[8:])


def parse_ref(text: str) -> Ref:
    """The reference in its text form `INDEX:HEX`. Raises InputError for anything else."""
    match = _TEXT.fullmatch(text)
    if match is None or int(match[1]) >= 2**63:
        raise InputError(f"not a reference: {text[:80]!r}", field="ref", expected="INDEX:HEX (64 hexadecimal digits)")
    return Ref(int(match[1]), bytes.fromhex(match[2]))
