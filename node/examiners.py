"""Examining batches (ledger/examine.py) in processes of their own, for replays: the interpreter runs one thread at a
time, so threads would gain nothing.

Each process reads lists of batches, each a list of encoded entries, from standard input, and writes what it found; it
ends when its input does, so an audit that was killed leaves none behind. What goes through the pipes is in the
interpreter's own marshal format: both ends are the same program.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, BinaryIO

from ledger.examine import Examined, examine
from node.checkwork import LENGTH_BYTES, pack_refusal, unpack_refusal
from node.children import command
from proofs.errors import FatalError

CHUNK_BATCHES = 64
CHUNK_BYTES = 512 * 1024
"""A chunk is sent when it holds so many batches or bytes. Large ones, because a thread that hands one over waits for
the interpreter several times, each up to 5 ms."""
QUEUE_CHUNKS = 16
COLLECT_EVERY = 50_000
"""Objects made between two searches for cyclic garbage, while bodies come back by the thousand: at the interpreter's
own 700 the searches take as long as reading the answers."""
PROCESSES_MAX = 8
HASH_BYTES = 32
COMMAND = command("node.examiners")

_Chunk = list[tuple[str, Sequence[bytes], "_Verdict"]]


class _Verdict(Future[Examined]):
    """What one batch was found to be. Whoever waits for it sends the chunk that it may still lie in."""

    def __init__(self, flush: Callable[[], None]) -> None:
        super().__init__()
        self._flush = flush

    def result(self, timeout: float | None = None) -> Examined:
        """See Future."""
        if not self.done():
            self._flush()
        return super().result(timeout)


class Examiners(Executor):
    """Takes `submit(examine, origin, entries)`, and no other work. Processes start when they are needed; by default two
    for each core that this machine has to spare, so that one works while the other's answer waits to be read.

    Owner of the open chunk: the one thread that submits.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._open: _Chunk = []
        self._open_bytes = 0
        self._queue: queue.Queue[_Chunk | None] = queue.Queue(QUEUE_CHUNKS)
        spare = (os.cpu_count() or 1) - 1
        self._count = processes or max(1, min(PROCESSES_MAX, 2 * spare))
        self._threads: list[threading.Thread] = []
        self._collect_every = gc.get_threshold()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue one batch. Nothing happens before the chunk is full or somebody waits."""
        if fn is not examine or len(args) != 2:
            raise FatalError("these processes examine batches only")
        origin, entries = args
        future = _Verdict(self.flush)
        self._open.append((origin, entries, future))
        self._open_bytes += sum(map(len, entries))
        if len(self._open) == CHUNK_BATCHES or self._open_bytes >= CHUNK_BYTES:
            self.flush()
        return future

    def flush(self) -> None:
        """Send what is open; blocks while QUEUE_CHUNKS wait."""
        if not self._open:
            return
        if not self._threads:
            self._threads = [
                threading.Thread(target=self._serve, name="usance-examine", daemon=True) for _ in range(self._count)
            ]
            for thread in self._threads:
                thread.start()
            self._collect_every = gc.get_threshold()
            gc.set_threshold(COLLECT_EVERY, *self._collect_every[1:])
        chunk, self._open, self._open_bytes = self._open, [], 0
        self._queue.put(chunk)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes."""
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
        if self._threads:
            gc.set_threshold(*self._collect_every)
        self._threads = []

    def _serve(self) -> None:
        process = None
        with contextlib.suppress(OSError):
            process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        while (chunk := self._queue.get()) is not None:
            try:
                found = _ask(process, chunk)
            except (OSError, EOFError, ValueError, TypeError):
                # The process was lost: what it was to find out is what matters, so that is done here.
                found = [examine(origin, entries) for origin, entries, _ in chunk]
            for (_, _, future), verdict in zip(chunk, found, strict=True):
                future.set_result(verdict)
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def pack_examined(found: Examined) -> tuple[Any, ...]:
    """For the pipe. Decoded bodies are read at the other end in half the time that decoding them again would take."""
    fields = None if found.fields is None else pack_refusal(found.fields)
    return found.failure, found.lines, b"".join(found.leaves), found.lengths, fields, found.bodies


def unpack_examined(row: tuple[Any, ...]) -> Examined:
    """What `pack_examined` made."""
    failure, lines, joined, lengths, fields, bodies = row
    leaves = [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
    return Examined(failure, lines, leaves, lengths, None if fields is None else unpack_refusal(fields), bodies)


def _ask(process: subprocess.Popen[bytes] | None, chunk: _Chunk) -> list[Examined]:
    if process is None or process.stdin is None or process.stdout is None:
        raise OSError("a process without pipes")
    _write(process.stdin, [(origin, list(entries)) for origin, entries, _ in chunk])
    answer = _read(process.stdout)
    if not isinstance(answer, list) or len(answer) != len(chunk):
        raise EOFError
    return [unpack_examined(row) for row in answer]


def _write(file: Any, value: Any) -> None:
    data = marshal.dumps(value)
    file.write(len(data).to_bytes(LENGTH_BYTES, "big") + data)
    file.flush()


def _read(file: BinaryIO | Any) -> Any:
    head = file.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    size = int.from_bytes(head, "big")
    data = file.read(size)
    if len(data) < size:
        return None
    return marshal.loads(data)  # noqa: S302 - written by the other end of our own pipe


def main() -> int:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the audit decides, by closing the input
    # Nothing lives longer than a chunk, and none of it has cycles.
    gc.freeze()
    gc.disable()
    while (chunk := _read(sys.stdin.buffer)) is not None:
        try:
            _write(sys.stdout.buffer, [pack_examined(examine(origin, entries)) for origin, entries in chunk])
        except BrokenPipeError:
            break
    return 0
