"""What the entries of one batch say by themselves: form, signature, paths, fields and hashes, without the log.

This is the larger half of a replay and needs no state, so other processes may do it (node/examiners.py); the rules run
where the state is, in order (ledger/replay.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger.append import check_batch
from ledger.context import Body
from ledger.errors import Refusal
from proofs import codec
from proofs.entry import BATCH_RECORDS_MAX, Batch, Entry, parse_entry
from proofs.errors import InputError, VerifyError

ENTRY_ITEMS = 10


@dataclass(frozen=True, slots=True)
class Examined:
    """A batch's entries, judged by themselves. `failure`: the position of the first that is wrong, and why; then the
    rest is empty. `lines`: what was signed; `leaves`: the entries' hashes; `lengths`: the bodies', which end the
    entries; `fields`: the first record that is not allowed; `bodies`: decoded, up to that one."""

    failure: tuple[int, str] | None = None
    lines: bytes = b""
    leaves: Sequence[bytes] = ()
    lengths: Sequence[int] = ()
    fields: Refusal | None = None
    bodies: list[Body] = field(default_factory=list)


def batch_count(raw: bytes) -> int:
    """How many entries a batch has by its first one's bytes; 1 where they are no entry, which `examine` will say."""
    try:
        item = codec.unpack(raw, field="entry")
    except InputError:
        return 1
    count = item[5] if type(item) is list and len(item) == ENTRY_ITEMS else 1
    return count if type(count) is int and 1 <= count <= BATCH_RECORDS_MAX else 1


def batch_of(raws: Sequence[bytes], lengths: Sequence[int]) -> Batch:
    """The batch of entries that `examine` found good, in another process; checks nothing."""
    _, key, size, root, first, _, _, signature, _, _ = codec.unpack(raws[0], field="entry")
    bodies = tuple(raw[-length:] for raw, length in zip(raws, lengths, strict=True))
    return Batch(key, size, root, first, signature, bodies)


def examine(origin: str, raws: Sequence[bytes]) -> Examined:
    """Judge the entries of one batch, from its first one on, for the log of this origin. Never raises for what they
    hold. Cost: 110 µs for the signature and about 30 µs an entry."""
    try:
        first = parse_entry(raws[0])
    except InputError as error:
        return Examined(_malformed(error, 0))
    bodies: list[bytes] = []
    for position, raw in enumerate(raws):
        found, body = _glance(raw)
        if found != position:
            detail = f"position {found} of its batch where {position} was due"
            return Examined(_blame(origin, raws[: position + 1], position, detail))
        bodies.append(body)
    if len(raws) < first.count:
        return Examined((len(raws) - 1, "the log ends inside a batch"))
    batch = Batch(first.key, first.size, first.root, first.first, first.signature, tuple(bodies))
    # Made anew and compared: that judges form, head, path and signature bytes of every entry at once.
    for position, (made, came) in enumerate(zip(batch.entries(), raws, strict=True)):
        if made != came:
            return Examined(_blame(origin, raws, position, "its path, head or signature is not its batch's"))
    try:
        checked, decoded = check_batch(batch, origin=origin, entries=raws)
    except Refusal as error:
        return Examined((0, error.detail))
    return Examined(None, checked.lines, checked.leaves, list(map(len, bodies)), checked.fields, decoded)


def _glance(raw: bytes) -> tuple[int, bytes]:
    """Position and body of what may be an entry, -1 where it is none: enough to put a batch together, which is then
    compared with what came."""
    try:
        item = codec.unpack(raw, field="entry")
    except InputError:
        return -1, b""
    if type(item) is not list or len(item) != ENTRY_ITEMS or type(item[6]) is not int or type(item[9]) is not bytes:
        return -1, b""
    return item[6], item[9]


def _malformed(error: InputError, position: int) -> tuple[int, str]:
    return position, f"{error.detail} ({error.field}: expected {error.expected})"


def _blame(origin: str, raws: Sequence[bytes], position: int, detail: str) -> tuple[int, str]:
    """Entries that don't fit together: the first whose own signature doesn't hold was changed; if all hold, what is
    wrong is where they stand, as `detail` says of `position`."""
    for at, raw in enumerate(raws):
        try:
            entry: Entry = parse_entry(raw)
        except InputError as error:
            return _malformed(error, at)
        try:
            entry.check_signature(origin)
        except VerifyError as error:
            return at, error.detail
    return position, detail
