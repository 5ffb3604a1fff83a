"""Signature checks in processes of their own, for an audit: the library keeps the interpreter to itself meanwhile,
so threads would gain nothing.

Each process reads lists of (key, message, signature) from standard input and writes a list of refusals; it ends when
its input does, so an audit that was killed leaves none behind.
"""

from __future__ import annotations

import contextlib
import marshal
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, BinaryIO

from node.children import command
from proofs import ed25519
from proofs.errors import FatalError, InputError, VerifyError

CHUNK = 64
"""Checks sent to a process at a time."""
QUEUE_CHUNKS = 32
COMMAND = command("node.signatures")
LENGTH_BYTES = 8

Check = tuple[bytes, bytes, bytes]
_Chunk = list[tuple[Check, "_Judged"]]


class _Judged(Future[None]):
    """The verdict on one signature. Whoever waits for it sends the chunk that it may still lie in."""

    def __init__(self, flush: Callable[[], None]) -> None:
        super().__init__()
        self._flush = flush

    def result(self, timeout: float | None = None) -> None:
        """None, or raises the VerifyError."""
        if not self.done():
            self._flush()
        return super().result(timeout)


class SignaturePool(Executor):
    """Takes `submit(ed25519.check, key, message, signature)`, and no other work. Processes start when they are needed.

    Owner of the open chunk: the one thread that submits.
    """

    def __init__(self, processes: int) -> None:
        self._open: _Chunk = []
        self._queue: queue.Queue[_Chunk | None] = queue.Queue(QUEUE_CHUNKS)
        self._count = processes
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue one check; its future holds the VerifyError where it fails. Nothing happens before the chunk is full
        or somebody waits."""
        if fn is not ed25519.check or len(args) != 3:
            raise FatalError("this pool checks signatures only")
        future = _Judged(self.flush)
        self._open.append((args, future))
        if len(self._open) == CHUNK:
            self.flush()
        return future

    def flush(self) -> None:
        """Send what is open; blocks while QUEUE_CHUNKS wait."""
        if not self._open:
            return
        if not self._threads:
            self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(self._count)]
            for thread in self._threads:
                thread.start()
        chunk, self._open = self._open, []
        self._queue.put(chunk)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes."""
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
        self._threads = []

    def _serve(self) -> None:
        process = None
        with contextlib.suppress(OSError):
            process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        while (chunk := self._queue.get()) is not None:
            try:
                refusals = _ask(process, [check for check, _ in chunk])
            except (OSError, EOFError, ValueError):
                # The process was lost: the checks themselves are what matters, so they are made here.
                refusals = judge([check for check, _ in chunk])
            for (_, future), refusal in zip(chunk, refusals, strict=True):
                if refusal is None:
                    future.set_result(None)
                else:
                    future.set_exception(VerifyError(refusal, field="signature"))
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def judge(checks: list[Check]) -> list[str | None]:
    """None for each signature that holds, else why it doesn't."""
    found: list[str | None] = []
    for key, message, signature in checks:
        try:
            ed25519.check(key, message, signature)
        except InputError as error:
            found.append(error.detail)
        else:
            found.append(None)
    return found


def _ask(process: subprocess.Popen[bytes] | None, checks: list[Check]) -> list[str | None]:
    if process is None or process.stdin is None or process.stdout is None:
        raise OSError("a process without pipes")
    _write(process.stdin, checks)
    answer = _read(process.stdout)
    if not isinstance(answer, list) or len(answer) != len(checks):
        raise EOFError
    return answer


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
    while (checks := _read(sys.stdin.buffer)) is not None:
        try:
            _write(sys.stdout.buffer, judge(checks))
        except BrokenPipeError:
            break
    return 0
