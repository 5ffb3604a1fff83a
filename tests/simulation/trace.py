"""Reads what strace wrote and judges the order of a node's writes in it (design section 8).

Nothing here trusts the node: an answer's first byte on a socket is looked up in the system calls, and so are the rows
of its batch in LevelDB's write-ahead log, the fsync behind them, and the whole life of the sign record. A call counts
as done when it has returned, and as leaving when it was entered: between the two lines anything may happen.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

CALLS = (
    "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,rename,renameat,renameat2,"
    "sendto,sendmsg,sendmmsg,sendfile,splice"
)
"""What the tracer has to follow, as `-e trace=` takes it."""

STRACE = ("strace", "-D", "-f", "-y", "-s", "16777216", "--seccomp-bpf", "-e", "signal=none", "-e", f"trace={CALLS}")
"""The tracer's command but for `-o FILE`; -D leaves the traced process its parent and its id."""

WRITES = ("write", "writev", "sendto", "sendmsg", "sendmmsg")
AT_OFFSETS = ("pwrite64", "pwritev", "pwritev2")
UNSEEN = ("sendfile", "splice")
OPENS = ("open", "openat", "creat")
SYNCS = ("fsync", "fdatasync")
RENAMES = ("rename", "renameat", "renameat2")
BLOCK_BYTES = 32_768
HEADER_BYTES = 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+|\?|0x[0-9a-f]+)(?:<([^>]*)>)?(.*)")
_FD = re.compile(r"\s*(\d+)<([^>]*)>")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_BYTES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f", b'"': b'"', b"\\": b"\\"} | {
    f"{byte:0{digits}o}".encode(): bytes([byte]) for digits in (1, 2, 3) for byte in range(256)
}


class TraceError(Exception):
    """The trace can't be read, so nothing may be concluded from it."""


@dataclass(frozen=True)
class Call:
    """One system call. `start`, `end`: lines on which it was entered and had returned (end None: it never did)."""

    pid: int
    name: str
    args: str
    strings: tuple[bytes, ...]
    start: int
    end: int | None
    result: int | None = None
    opened: str = ""

    @property
    def path(self) -> str:
        """What the first argument's file descriptor stands for."""
        match = _FD.match(self.args)
        return match[2] if match else ""

    @property
    def data(self) -> bytes:
        """The bytes that were written; all that might have been where the call never returned."""
        whole = b"".join(self.strings)
        # sendmmsg answers how many messages it sent, all others how many bytes.
        return whole if self.result is None or self.name == "sendmmsg" else whole[: max(self.result, 0)]

    @property
    def worked(self) -> bool:
        """It returned, and without an error."""
        return self.result is not None and self.result >= 0


def unescape(text: str) -> bytes:
    """The bytes behind a string as strace prints it. Raises TraceError for an escape that it doesn't use."""

    def one(match: re.Match[bytes]) -> bytes:
        byte = _BYTES.get(match[1])
        if byte is None:
            raise TraceError(f"unknown escape \\{match[1].decode('latin-1')}")
        return byte

    return _ESCAPE.sub(one, text.encode("latin-1"))


def _split_strings(text: str, line: int) -> tuple[str, tuple[bytes, ...]]:
    """The text with its strings taken out, and the strings; one that strace has cut is an error."""
    strings: list[bytes] = []

    def take(match: re.Match[str]) -> str:
        if match[2]:
            raise TraceError(f"line {line}: a string was cut; give strace a larger -s")
        strings.append(unescape(match[1]))
        return '""'

    return _STRING.sub(take, text), tuple(strings)


def parse(text: str) -> list[Call]:
    """All calls in the order in which they were entered. Raises TraceError for a line of another form."""
    calls: list[Call] = []
    open_calls: dict[int, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"(\d+) +(.*)", line)
        if head is None:
            raise TraceError(f"line {number} doesn't begin with a process: {line[:80]!r}")
        pid, rest = int(head[1]), head[2]
        if re.fullmatch(r"--- .* ---|\+\+\+ .* \+\+\+", rest):
            continue
        resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", rest)
        start = number
        if resumed is not None:
            if pid not in open_calls or not open_calls[pid][0].startswith(resumed[1] + "("):
                raise TraceError(f"line {number}: {resumed[1]} of {pid} ends, but didn't begin")
            begun, start = open_calls.pop(pid)
            rest = begun + resumed[2]
        elif pid in open_calls:
            raise TraceError(f"line {number}: {pid} enters a call inside of another")
        if rest.endswith("<unfinished ...>"):
            open_calls[pid] = (rest.removesuffix("<unfinished ...>").rstrip(), start)
            continue
        calls.append(_call(pid, rest, start, number))
    for pid, (begun, start) in open_calls.items():
        masked, strings = _split_strings(begun, start)
        name, _, args = masked.partition("(")
        calls.append(Call(pid, name, args, strings, start, None))
    return sorted(calls, key=lambda call: call.start)


def _call(pid: int, text: str, start: int, end: int) -> Call:
    # A call that was killed inside prints "<unfinished ...>) = ?".
    masked, strings = _split_strings(text.replace(" <unfinished ...>)", ")"), start)
    match = _CALL.fullmatch(masked)
    if match is None:
        raise TraceError(f"line {end} is no system call: {text[:80]!r}")
    name, args, result, opened, _ = match.groups()
    if result == "?":
        return Call(pid, name, args, strings, start, None)
    return Call(pid, name, args, strings, start, end, int(result, 0), opened or "")


@dataclass
class Stream:
    """Bytes in the order in which they were written to one file or socket, and the call behind each of them."""

    data: bytearray = field(default_factory=bytearray)
    offsets: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    syncs: list[Call] = field(default_factory=list)

    def add(self, call: Call) -> None:
        """Append a write."""
        self.offsets.append(len(self.data))
        self.calls.append(call)
        self.data += call.data

    def call_at(self, offset: int) -> Call:
        """The write that the byte at this offset belongs to."""
        return self.calls[bisect_right(self.offsets, offset) - 1]

    def durable_at(self, stop: int) -> int | None:
        """The line from which on the bytes before `stop` are known to be on disk, None where nothing says so."""
        ends = [call.end for call in self.calls[: bisect_right(self.offsets, stop - 1)]]
        if None in ends:
            return None
        written = max((end for end in ends if end is not None), default=0)
        return min((s.end for s in self.syncs if s.worked and s.end is not None and s.start > written), default=None)


@dataclass(frozen=True)
class Row:
    """One record of LevelDB's write-ahead log. `at`: the line from which on it is durable, or None."""

    payload: bytes
    at: int | None


@dataclass(frozen=True)
class Signed:
    """A checkpoint that a sign record held. `at`: the line from which on that record is durable, or None."""

    size: int
    root: bytes
    signature: bytes
    at: int | None


@dataclass(frozen=True)
class Answer:
    """Bytes that tell somebody of rows. `reply`: what to look for on the sockets; `rows`: bytes that the log must have
    held durably before. `whole`: it counts as leaving with the first byte of its HTTP answer, and must be found."""

    reply: bytes
    rows: tuple[bytes, ...]
    whole: bool = True


def log_rows(stream: Stream) -> Iterator[Row]:
    """Puts LevelDB's log records together (blocks of 32 KiB; checksum, length and type before each piece)."""
    data, at, payload = bytes(stream.data), 0, b""
    while at + HEADER_BYTES <= len(data):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < HEADER_BYTES:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        stop = at + HEADER_BYTES + length
        if not FULL <= kind <= LAST or length > left - HEADER_BYTES:
            raise TraceError(f"offset {at} of a write-ahead log is no record")
        if stop > len(data):
            return
        piece = data[at + HEADER_BYTES : stop]
        payload = piece if kind in (FULL, FIRST) else payload + piece
        if kind in (FULL, LAST):
            yield Row(payload, stream.durable_at(stop))
        at = stop


class Trace:
    """A parsed trace of one node, sorted into sockets, write-ahead logs and sign records."""

    def __init__(self, text: str, *, folder: str) -> None:
        """`folder`: the node's, absolute. Raises TraceError."""
        self.folder = folder
        self.record = os.path.join(folder, "sign-record.json")
        self.database = os.path.join(folder, "db") + os.sep
        self.sockets: dict[str, Stream] = defaultdict(Stream)
        self.faults: list[str] = []
        self._lives: dict[str, list[Stream]] = defaultdict(list)
        self._renames: list[Call] = []
        for call in parse(text):
            self._sort(call)

    def _sort(self, call: Call) -> None:
        path = call.path
        is_socket = "socket:[" in path or path.startswith(("TCP", "UNIX"))
        is_file = path.startswith(self.folder + os.sep)
        if call.name in OPENS and call.worked and call.opened:
            if "O_TRUNC" in call.args or "O_EXCL" in call.args or call.name == "creat":
                self._lives[call.opened].append(Stream())
        elif call.name in WRITES and is_socket:
            if call.result is None or call.worked:
                self.sockets[path].add(call)
        elif call.name in WRITES and is_file:
            if call.worked or call.result is None:
                self._life(path).add(call)
        elif call.name in AT_OFFSETS and (is_socket or is_file):
            self.faults.append(f"line {call.start}: {call.name} to {path} isn't followed")
        elif call.name in UNSEEN and is_socket:
            self.faults.append(f"line {call.start}: bytes left unseen by {call.name}")
        elif call.name in SYNCS:
            self._life(path).syncs.append(call)
        elif call.name in RENAMES:
            self._renames.append(call)

    def _life(self, path: str) -> Stream:
        lives = self._lives[path]
        if not lives:
            lives.append(Stream())
        return lives[-1]

    def rows(self) -> list[Row]:
        """Every record of every write-ahead log."""
        names = [p for p in self._lives if p.startswith(self.database) and p.endswith(".log")]
        return [row for name in names for life in self._lives[name] for row in log_rows(life)]

    def signed(self, held: bytes | None = None) -> list[Signed]:
        """Every sign record that was written. `held`: the file's content before, durable once the process has fsynced
        it and its folder itself: the one who wrote it may have died before that."""
        folder_syncs = self._synced(self.folder)
        found = []
        for life in self._lives.get(self.record + ".tmp", []):
            done = life.durable_at(len(life.data)) if life.data else None
            renamed = [
                call.end
                for call in self._renames
                if done is not None
                and call.worked
                and call.end is not None
                and call.start > done
                and [os.fsdecode(name) for name in call.strings] == [self.record + ".tmp", self.record]
            ]
            at = min((end for start, end in folder_syncs if renamed and start > renamed[0]), default=None)
            try:
                found.append(read_record(bytes(life.data), at))
            except (ValueError, KeyError):
                if at is not None:
                    self.faults.append("a sign record that can't be read was put in place")
        if held is not None:
            own = min((end for _, end in self._synced(self.record)), default=None)
            at = min((end for start, end in folder_syncs if own is not None and start > own), default=None)
            found.append(read_record(held, at))
        return found

    def _synced(self, path: str) -> list[tuple[int, int]]:
        syncs = [call for life in self._lives.get(path, []) for call in life.syncs]
        return [(call.start, call.end) for call in syncs if call.worked and call.end is not None]


def read_record(data: bytes, at: int | None) -> Signed:
    """What a sign record holds. Raises ValueError or KeyError."""
    value = json.loads(data)
    signature = value["note"].rstrip("\n").rsplit(" ", 1)[1]
    return Signed(value["size"], bytes.fromhex(value["root"]), signature.encode(), at)


def _checkpoints(origin: str) -> re.Pattern[bytes]:
    """A signed checkpoint, as it is or inside JSON."""
    name, end = re.escape(origin.encode()), rb"(?:\n|\\n)"
    return re.compile(
        name + end + rb"(\d+)" + end + rb"([A-Za-z0-9+/=]{44})" + end + end
        + rb"(?:\xe2\x80\x94|\\u2014) " + name + rb" ([A-Za-z0-9+/=]{92})"
    )  # fmt: skip


def check_order(trace: Trace, *, origin: str, answers: Sequence[Answer], held: bytes | None = None) -> list[str]:
    """Everything that left too early, each in a line; an empty list where the order held.

    `held`: the sign record's content before the process began.
    """
    signed = trace.signed(held)
    return [*trace.faults, *_check_checkpoints(trace, origin, signed), *_check_answers(trace, answers)]


def _check_checkpoints(trace: Trace, origin: str, signed: Sequence[Signed]) -> Iterator[str]:
    pattern = _checkpoints(origin)
    for name, stream in trace.sockets.items():
        for match in pattern.finditer(bytes(stream.data)):
            size, signature = int(match[1]), match[3]
            left = stream.call_at(match.start()).start
            before = [record for record in signed if record.at is not None and record.at < left]
            # An earlier tree is signed afresh for proofs at that size: only what was signed last is in the record.
            if any(r.signature == signature for r in before) or any(r.size > size for r in before):
                continue
            yield f"line {left}: the checkpoint of size {size} left on {name} before a sign record of it was durable"


def _check_answers(trace: Trace, answers: Sequence[Answer]) -> Iterator[str]:
    rows = trace.rows()
    for answer in answers:
        left = _first_left(trace, answer)
        if left is None:
            if answer.whole:
                yield f"the answer {answer.reply[:60]!r} was never seen on a socket"
            continue
        for marker in answer.rows:
            holding = [row.at for row in rows if marker in row.payload]
            if not holding:
                yield f"line {left}: answered, but row {marker.hex()[:16]} was never in the write-ahead log"
            elif not any(at is not None and at < left for at in holding):
                yield f"line {left}: answered before row {marker.hex()[:16]} was durable"


def _first_left(trace: Trace, answer: Answer) -> int | None:
    lines = []
    for stream in trace.sockets.values():
        at = stream.data.find(answer.reply)
        if at < 0:
            continue
        begin = stream.data.rfind(b"HTTP/1.1 ", 0, at) if answer.whole else at
        lines.append(stream.call_at(max(begin, 0)).start)
    return min(lines, default=None)
