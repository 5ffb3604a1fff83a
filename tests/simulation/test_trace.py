"""The judge of system calls is judged itself: small made-up traces, good ones and each way in which one can be bad."""

import json
import re

import pytest

from tests.simulation.trace import Answer, Trace, TraceError, check_order, parse, unescape

FOLDER = "/n"
ORIGIN = "log.example/a"
ROW = b"\x9d\x01row one\xff"
SIGNATURE = "Knty" + "A" * 88
ROOT = bytes(range(32))
LOG = "5</n/db/000006.log>"
TMP = "7</n/sign-record.json.tmp>"
SOCKET = "18<socket:[4711]>"


def quoted(data: bytes) -> str:
    """A string as strace prints one."""
    plain = {ord("\n"): "\\n", ord("\r"): "\\r", ord('"'): '\\"', ord("\\"): "\\\\"}
    return '"' + "".join(plain.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in data) + '"'


def framed(payload: bytes, kind: int = 1) -> bytes:
    """A record of LevelDB's write-ahead log; nobody looks at the checksum here."""
    return b"crc!" + len(payload).to_bytes(2, "little") + bytes([kind]) + payload


def note(size: int = 2, signature: str = SIGNATURE) -> str:
    """A signed checkpoint."""
    root = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    return f"{ORIGIN}\n{size}\n{root}\n\n— {ORIGIN} {signature}\n"


def record(size: int = 2, signature: str = SIGNATURE) -> bytes:
    """A sign record."""
    return json.dumps({"size": size, "root": ROOT.hex(), "note": note(size, signature)}).encode()


def reply(size: int = 2) -> bytes:
    """An answer's body."""
    return json.dumps({"results": [{"status": 200}], "checkpoint": note(size)}).encode()


def wrote(handle: str, data: bytes) -> str:
    """A write that worked."""
    return f"write({handle}, {quoted(data)}, {len(data)}) = {len(data)}"


SENT = wrote(SOCKET, b"HTTP/1.1 200 OK\r\n\r\n" + reply())
GOOD = (
    "11 openat(AT_FDCWD</>, \"/n/db/000006.log\", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 5</n/db/000006.log>",
    "12 " + wrote(LOG, framed(b"head" + ROW + b"more")),
    "12 fdatasync(5</n/db/000006.log>) = 0",
    "12 openat(AT_FDCWD</>, \"/n/sign-record.json.tmp\", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0644)"
    " = 7</n/sign-record.json.tmp>",
    "12 " + wrote(TMP, record()),
    "12 fsync(7</n/sign-record.json.tmp>) = 0",
    "12 rename(\"/n/sign-record.json.tmp\", \"/n/sign-record.json\") = 0",
    "12 fsync(7</n>) = 0",
    "11 " + SENT,
    "11 +++ exited with 0 +++",
)  # fmt: skip


def judge(lines: list[str] | tuple[str, ...], *, held: bytes | None = None, rows: tuple[bytes, ...] = (ROW,)) -> str:
    """All faults in one text."""
    trace = Trace("\n".join(lines), folder=FOLDER)
    return "; ".join(check_order(trace, origin=ORIGIN, answers=[Answer(reply(), rows)], held=held))


def moved(at: int, to: int) -> list[str]:
    """The good trace with one line moved."""
    lines = list(GOOD)
    lines.insert(to, lines.pop(at))
    return lines


def test_right_order_has_no_fault() -> None:
    """Log, fsync, sign record, fsync, rename, folder, answer: nothing to report."""
    assert judge(GOOD) == ""


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        pytest.param([*GOOD[:2], *GOOD[3:]], "before row", id="log-never-synced"),
        pytest.param(moved(2, 8), "before row", id="log-synced-after-the-answer"),
        pytest.param(moved(1, 2), "before row", id="log-written-after-its-sync"),
        pytest.param([GOOD[0], *GOOD[2:]], "never in the write-ahead log", id="row-never-written"),
        pytest.param([s.replace("fdatasync(5</n/db/000006.log>) = 0", "fdatasync(5</n/db/000006.log>) = -1 EIO (x)")
                      for s in GOOD], "before row", id="log-sync-failed"),
        pytest.param([s.replace("fdatasync(5</n/db/000006.log>", "fdatasync(9</n/db/000005.log>") for s in GOOD],
                     "before row", id="another-file-synced"),
        pytest.param([*GOOD[:5], *GOOD[6:]], "checkpoint of size 2 left", id="record-never-synced"),
        pytest.param(moved(5, 6), "checkpoint of size 2 left", id="record-renamed-before-its-sync"),
        pytest.param([*GOOD[:6], *GOOD[7:]], "checkpoint of size 2 left", id="record-never-renamed"),
        pytest.param([*GOOD[:7], *GOOD[8:]], "checkpoint of size 2 left", id="folder-never-synced"),
        pytest.param(moved(7, 6), "checkpoint of size 2 left", id="folder-synced-before-the-rename"),
        pytest.param(moved(8, 7), "checkpoint of size 2 left", id="answer-before-the-folder"),
        pytest.param(moved(8, 1), "before row", id="answer-first"),
        pytest.param([*GOOD[:8], *GOOD[9:]], "never seen", id="answer-not-in-the-trace"),
        pytest.param([*GOOD[:8], "11 sendfile(18<socket:[4711]>, 5</n/db/000006.log>, NULL, 9) = 9", *GOOD[8:]],
                     "unseen", id="bytes-that-no-one-sees"),
        pytest.param([*GOOD[:8], "11 pwrite64(5</n/db/000006.log>, \"x\", 1, 0) = 1", *GOOD[8:]],
                     "isn't followed", id="a-write-at-an-offset"),
        pytest.param([s.replace(SIGNATURE, "Lnty" + "A" * 88) if i == 4 else s for i, s in enumerate(GOOD)],
                     "checkpoint of size 2 left", id="record-of-another-checkpoint"),
    ],
)  # fmt: skip
def test_each_wrong_order_is_found(lines: list[str], fault: str) -> None:
    """Whatever is missing, too late or failed is reported, by what left too early."""
    assert fault in judge(lines)


def test_calls_count_from_entry_to_return() -> None:
    """An fsync that hasn't returned when the answer is entered doesn't count; a send counts from its entry."""
    begun, ended = "12 fdatasync(5</n/db/000006.log> <unfinished ...>", "12 <... fdatasync resumed>) = 0"
    early = list(GOOD)
    early[2:3] = [begun, ended]
    assert judge(early) == ""
    late = [*early[:3], *early[4:9], early[9], ended]
    # The writer's own calls can't be interleaved with its fdatasync, so another thread does them here.
    late = [line.replace("12 ", "13 ", 1) if 3 <= at <= 8 else line for at, line in enumerate(late)]
    assert "before row" in judge(late)
    entered = [*GOOD[:7], "11 " + SENT.split(") = ")[0] + " <unfinished ...>", GOOD[7],
               f"11 <... write resumed>) = {len(reply()) + 19}"]  # fmt: skip
    assert "checkpoint of size 2 left" in judge(entered)


def test_first_byte_of_the_answer_counts() -> None:
    """An answer whose headers leave before the fsync is too early, even if its body leaves after it."""
    early = "11 " + wrote(SOCKET, b"HTTP/1.1 200 OK\r\n\r\n")
    lines = [*GOOD[:1], early, *GOOD[1:8], "11 " + wrote(SOCKET, reply())]
    assert "before row" in judge(lines)


def test_answer_in_pieces_and_vectors() -> None:
    """An answer over several calls is found, whichever call carries it."""
    whole = b"HTTP/1.1 200 OK\r\n\r\n" + reply()
    a, b, c = whole[:30], whole[30:99], whole[99:]
    pieces = [
        f"11 writev({SOCKET}, [{{iov_base={quoted(a)}, iov_len={len(a)}}}, {{iov_base={quoted(b)}, iov_len={len(b)}}}],"
        f" 2) = {len(a + b)}",
        f"11 sendto({SOCKET}, {quoted(c)}, {len(c)}, MSG_NOSIGNAL, NULL, 0) = {len(c)}",
    ]
    assert judge([*GOOD[:8], *pieces]) == ""
    assert "before row" in judge([*GOOD[:2], *pieces, *GOOD[2:8]])


def test_record_over_log_blocks_and_writes() -> None:
    """A batch over two blocks of the log, in two writes, is durable only when both are."""
    first = framed(b"x" * 32_754 + ROW[:7], kind=2)
    second = framed(ROW[7:] + b"end", kind=4)
    assert len(first) == 32_768
    both = ["12 " + wrote(LOG, first), "12 " + wrote(LOG, second)]
    sync = GOOD[2]
    assert judge([GOOD[0], *both, *GOOD[2:]]) == ""
    assert "before row" in judge([GOOD[0], both[0], sync, both[1], *GOOD[3:]])
    assert "never in the write-ahead log" in judge([GOOD[0], both[0], *GOOD[2:]])


def test_short_write_holds_only_what_was_written() -> None:
    """What a write did not take is not on disk."""
    data = framed(b"head" + ROW + b"more")
    short = f"12 write({LOG}, {quoted(data)}, {len(data)}) = 9"
    assert "never in the write-ahead log" in judge([GOOD[0], short, *GOOD[2:]])


def test_held_record_counts_once_it_is_synced() -> None:
    """The record of an earlier process backs its checkpoint only after this one has synced file and folder."""
    synced = ["11 fsync(6</n/sign-record.json>) = 0", "11 fsync(6</n>) = 0"]
    lines = [*GOOD[:3], *synced, *GOOD[8:]]
    assert judge(lines, held=record()) == ""
    assert "checkpoint of size 2 left" in judge([*GOOD[:3], *GOOD[8:]], held=record())
    assert "checkpoint of size 2 left" in judge([*GOOD[:3], *synced[::-1], *GOOD[8:]], held=record())
    assert "checkpoint of size 2 left" in judge(lines)


def test_earlier_tree_may_be_signed_afresh() -> None:
    """A proof at an earlier size carries a signature that no record holds; a larger one must be backed."""
    other = note(1, "Mnty" + "B" * 88).encode()
    lines = [*GOOD[:8], "11 " + wrote(SOCKET, b"HTTP/1.1 200 OK\r\n\r\n" + other), *GOOD[8:]]
    assert judge(lines) == ""
    larger = note(3, "Mnty" + "B" * 88).encode()
    lines = [*GOOD[:8], "11 " + wrote(SOCKET, b"HTTP/1.1 200 OK\r\n\r\n" + larger), *GOOD[8:]]
    assert "checkpoint of size 3 left" in judge(lines)


def test_rows_that_readers_see_count_too() -> None:
    """A record read by somebody else before it is durable is a fault; one that nobody saw is none."""
    early = "11 " + wrote("19<socket:[99]>", b"data: " + ROW.hex().encode())
    leak = Answer(ROW.hex().encode(), (ROW,), whole=False)
    for lines, faulty in ((GOOD, False), ([*GOOD[:2], early, *GOOD[2:]], True), ([*GOOD[:8], early], False)):
        found = check_order(Trace("\n".join(lines), folder=FOLDER), origin=ORIGIN, answers=[leak])
        assert bool(found) == faulty


def test_killed_calls_are_kept_as_possible_sends() -> None:
    """A send that was killed inside may have left; an fsync that was killed inside did nothing that counts."""
    killed = "11 " + SENT.split(") = ")[0] + ") = ?"
    assert "before row" in judge([*GOOD[:2], killed])
    unfinished = "11 " + SENT.split(") = ")[0] + " <unfinished ...>"
    assert "before row" in judge([*GOOD[:2], unfinished, "11 +++ killed by SIGKILL +++"])
    assert "before row" in judge([*GOOD[:2], "12 fdatasync(5</n/db/000006.log>) = ?", *GOOD[3:]])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "doesn't begin with a process"),
        ("11 nonsense", "is no system call"),
        ("11 <... fsync resumed>) = 0", "didn't begin"),
        ('11 write(5</n/x>, "abc"..., 9999) = 9999', "was cut"),
        (r'11 write(5</n/x>, "\q", 1) = 1', "unknown escape"),
        (r'11 write(5</n/x>, "\777", 1) = 1', "unknown escape"),
    ],
)
def test_unreadable_trace_is_an_error(line: str, why: str) -> None:
    """What can't be read is never passed over."""
    with pytest.raises(TraceError, match=re.escape(why)):
        parse(line)


def test_call_inside_of_a_call_is_an_error() -> None:
    """A thread that enters a second call before its first returned shows that lines are missing."""
    with pytest.raises(TraceError, match="inside of another"):
        parse("11 fsync(5</n/x> <unfinished ...>\n11 fsync(5</n/x>) = 0")


def test_every_byte_comes_back_from_its_escape() -> None:
    """Strings are read as strace prints them: octal of one to three digits, letters, and plain."""
    data = bytes(range(256))
    assert unescape(quoted(data)[1:-1]) == data
    assert unescape(r"\0\33x\1778") == b"\0\x1bx\x7f8"
