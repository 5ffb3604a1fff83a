"""A check worker: a process of its own that judges requests by their own bytes (signatures, fields, entry hashes).

Half of a node's time goes into this, and none of it needs the log, so it runs beside the process that writes. Started
with the log's origin; reads requests from standard input and writes verdicts to standard output, each after its length
as 8 bytes big-endian. It ends when its input does, so a node that was killed leaves none behind.

A verdict is in the interpreter's own marshal format: both ends are the same program, started by the same interpreter.
"""

from __future__ import annotations

import gc
import itertools
import marshal
import signal
import sys
from typing import Any, BinaryIO

from ledger.append import Checked, check_batch
from ledger.errors import Refusal
from proofs.entry import parse_request
from proofs.errors import InputError

LENGTH_BYTES = 8
COLLECT_EVERY = 256

Verdict = Checked | Refusal


def judge(data: bytes, origin: str) -> bytes:
    """The verdict on the body of one `POST /records`."""
    try:
        batches = parse_request(data)
    except InputError as error:
        return marshal.dumps((False, [error.detail, error.field, error.expected]))
    rows: list[Any] = []
    for batch in batches:
        try:
            checked, _ = check_batch(batch, origin=origin)
        except Refusal as error:
            rows.append(pack_refusal(error))
            continue
        fields = None if checked.fields is None else pack_refusal(checked.fields)
        rows.append((checked.lines, b"".join(checked.leaves), fields))
    return marshal.dumps((True, rows))


def read_verdict(data: bytes) -> list[Verdict]:
    """What `judge` found, one item a batch. Raises InputError where the request was refused as a whole."""
    good, rows = marshal.loads(data)  # noqa: S302 - written by our own worker, over a pipe of our own
    if not good:
        detail, field, expected = rows
        raise InputError(detail, field=field, expected=expected)
    found: list[Verdict] = []
    for row in rows:
        if isinstance(row, list):
            found.append(unpack_refusal(row))
            continue
        lines, joined, fields = row
        leaves = [joined[at : at + 32] for at in range(0, len(joined), 32)]
        found.append(Checked(lines, leaves, None if fields is None else unpack_refusal(fields)))
    return found


def pack_refusal(error: Refusal) -> list[Any]:
    """A refusal for the pipe."""
    return [error.detail, error.status, error.type, error.position, error.field, error.expected]


def unpack_refusal(row: list[Any]) -> Refusal:
    """What `pack_refusal` made."""
    detail, status, kind, position, field, expected = row
    return Refusal(detail, status=status, type=kind, position=position, field=field, expected=expected)


def _read(file: BinaryIO, count: int) -> bytes | None:
    data = file.read(count)
    return data if len(data) == count else None


def main() -> int:
    """Serve until the input ends."""
    # A terminal's Ctrl-C and a service manager's stop reach every process of the group; the node decides when its
    # workers end, by closing their input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    origin = sys.argv[-1]
    # Nothing here lives longer than a request, and what does is no garbage: collecting cycles by count of objects would
    # go through every decoded record for nothing.
    gc.freeze()
    gc.disable()
    requests, verdicts = sys.stdin.buffer, sys.stdout.buffer
    for turn in itertools.count(1):
        head = _read(requests, LENGTH_BYTES)
        if head is None:
            break
        data = _read(requests, int.from_bytes(head, "big"))
        if data is None:
            break
        verdict = judge(data, origin)
        try:
            verdicts.write(len(verdict).to_bytes(LENGTH_BYTES, "big") + verdict)
            verdicts.flush()
        except BrokenPipeError:
            break
        if turn % COLLECT_EVERY == 0:
            gc.collect()
    return 0
