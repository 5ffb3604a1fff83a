"""ledger.signrecord: a log signs heads that only grow,
and doesn't start on what it hasn't signed (design section 8)."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import signrecord
from ledger.errors import StartupError, StorageError
from ledger.leveldb import LevelStore
from ledger.signrecord import FORMAT, Signer, write_durably
from proofs.checkpoint import open_checkpoint
from proofs.closing import Closing, open_closing
from proofs.errors import VerifyError
from proofs.note import VerifierKey, parse_note
from tests.ledger.support import LOG_KEY, ORIGIN, Log, key, none, synced

NOW = 1_700_000_000_000


class Clock:
    """A clock that a test sets."""

    now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(tmp_path: Path, clock: Clock) -> Callable[[], Signer]:
    """Starts a signer on the one record of this test."""
    path = str(tmp_path / "sign.json")
    return lambda: Signer(path, origin=ORIGIN, private_keys=(LOG_KEY,), clock_ms=clock)


def grown(count: int, log: Log | None = None) -> Log:
    made = log or Log()
    if made.next("lab") == 0:
        made.join("lab")
    for _ in range(count):
        made.put("lab", none())
    return made


def test_a_record_that_is_found_is_made_durable(
    signer: Callable[[], Signer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer may have been killed between its rename and the folder's sync, and its note leaves again as it is."""
    log = grown(1)
    signer().sign(log.size, log.root)
    with synced(monkeypatch) as seen:
        assert signer().last is not None
    assert {str(tmp_path / "sign.json"), str(tmp_path)} <= set(seen)


def test_a_signature_is_on_record_before_it_is_given(
    signer: Callable[[], Signer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When `sign` returns, size, root, time and note are on disk; where they can't be written, no note is given."""
    log, hand = grown(1), signer()
    assert hand.last is None
    note = hand.sign(log.size, log.root)
    checkpoint = open_checkpoint(note, hand.vkeys[0])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, log.size, log.root)
    value = json.loads((tmp_path / "sign.json").read_text())
    assert value == {"format": FORMAT, "size": log.size, "root": log.root.hex(), "time_ms": NOW, "note": note.decode()}
    before = (tmp_path / "sign.json").read_bytes()
    grown(1, log)
    for call in ("fsync", "rename", "open"):
        with monkeypatch.context() as patched:
            patched.setattr(signrecord.os, call, fail)
            with pytest.raises(StorageError):
                hand.sign(log.size, log.root)
        assert (tmp_path / "sign.json").read_bytes() == before
        assert hand.last.note == note
    assert [path.name for path in tmp_path.iterdir()] == ["sign.json"]
    assert hand.sign(log.size, log.root) != note


def fail(*_: object, **__: object) -> int:
    raise OSError(28, "No space left on device")


def test_the_record_survives_a_start(signer: Callable[[], Signer], clock: Clock) -> None:
    """A new start finds the last signature, gives the same note for the same head, and goes on from there."""
    log, hand = grown(2), signer()
    note = hand.sign(log.size, log.root)
    again = signer()
    assert again.last == hand.last
    again.check_start(log.ledger.view())
    clock.now_ms += 5
    assert again.sign(log.size, log.root) == note
    grown(1, log)
    again.check_start(log.ledger.view())
    assert again.sign(log.size, log.root) != note


def test_heads_only_grow(signer: Callable[[], Signer]) -> None:
    """A smaller head, or another root at the same size, is never signed, also after a start."""
    log, hand = grown(3), signer()
    hand.sign(log.size, log.root)
    for starter in (hand, signer()):
        for size, root in ((log.size - 1, log.ledger.root_at(log.size - 1)), (log.size, bytes(32)), (1, log.root)):
            with pytest.raises(StorageError):
                starter.sign(size, root)
        assert starter.last.size == log.size


def test_a_past_head_is_signed_without_a_trace(signer: Callable[[], Signer], tmp_path: Path) -> None:
    """A checkpoint of an earlier head is signed afresh, the record stays; beyond the last signature there is none."""
    log, hand = grown(3), signer()
    with pytest.raises(StorageError):
        hand.sign_past(1, log.ledger.root_at(1))
    hand.sign(log.size, log.root)
    before = (tmp_path / "sign.json").read_bytes()
    for size in (1, log.size):
        checkpoint = open_checkpoint(hand.sign_past(size, log.ledger.root_at(size)), hand.vkeys[0])
        assert (checkpoint.size, checkpoint.root) == (size, log.ledger.root_at(size))
    with pytest.raises(StorageError):
        hand.sign_past(log.size + 1, bytes(32))
    assert (tmp_path / "sign.json").read_bytes() == before


def test_a_database_ahead_of_the_record_is_normal(signer: Callable[[], Signer]) -> None:
    """A crash between the write and the signature leaves entries that nobody was answered about: the start goes on."""
    log, hand = grown(2), signer()
    hand.sign(log.size, log.root)
    grown(4, log)
    again = signer()
    again.check_start(log.ledger.view())
    again.sign(log.size, log.root)


def test_no_record_is_the_first_start(signer: Callable[[], Signer]) -> None:
    """Where nothing was signed yet, nothing contradicts the database."""
    signer().check_start(Log(begin=False).ledger.view())
    signer().check_start(grown(1).ledger.view())


def test_a_rolled_back_database_is_refused(signer: Callable[[], Signer], tmp_path: Path) -> None:
    """A database that is behind the record, as after a restored backup, is refused; with the newer one it starts."""
    folder = tmp_path / "db"
    log = Log(LevelStore(str(folder), create=True))
    grown(2, log)
    log.store.close()
    shutil.copytree(folder, tmp_path / "backup")
    log.open(LevelStore(str(folder)))
    grown(3, log)
    signer().sign(log.size, log.root)
    log.store.close()
    old = Log(LevelStore(str(tmp_path / "backup")))
    with pytest.raises(StartupError, match="never delete the sign record"):
        signer().check_start(old.ledger.view())
    old.store.close()
    empty = Log(begin=False)
    with pytest.raises(StartupError):
        signer().check_start(empty.ledger.view())
    log.open(LevelStore(str(folder)))
    signer().check_start(log.ledger.view())
    log.store.close()


def test_another_history_is_refused(signer: Callable[[], Signer]) -> None:
    """A database of the same or a larger size whose root at the signed size is another one is refused."""
    log = grown(3)
    signer().sign(log.size, log.root)
    fork = Log()
    fork.join("lab", name="another history")
    for more in (3, 10):
        grown(more, fork)
        assert fork.size >= log.size
        with pytest.raises(StartupError, match="isn't a continuation"):
            signer().check_start(fork.ledger.view())


def test_a_clock_before_the_record_is_refused(signer: Callable[[], Signer], clock: Clock) -> None:
    """One millisecond before the last signature's time is too early; the same millisecond is not."""
    log = grown(1)
    signer().sign(log.size, log.root)
    clock.now_ms = NOW - 1
    with pytest.raises(StartupError, match="clock"):
        signer().check_start(log.ledger.view())
    clock.now_ms = NOW
    signer().check_start(log.ledger.view())


def test_a_clock_that_was_ahead_is_forgotten(signer: Callable[[], Signer], clock: Clock) -> None:
    """Told that the clock is right now, a start goes on: the record has its time, the same head and note, and what is
    signed later no earlier time. A record that isn't ahead stays as it is, and a wrong database is refused as ever."""
    log, hand = grown(2), signer()
    note = hand.sign(log.size, log.root)
    clock.now_ms = NOW - 1000
    again = signer()
    again.check_start(log.ledger.view(), clock_back=True)
    with pytest.raises(StartupError, match="continuation"):
        again.check_start(grown(1).ledger.view(), clock_back=True)
    again.set_clock_back()
    assert (again.last.time_ms, again.last.note) == (NOW - 1000, note)
    assert signer().last == again.last
    signer().check_start(log.ledger.view())
    clock.now_ms = NOW + 1000
    again.set_clock_back()
    assert again.last.time_ms == NOW - 1000
    assert again.sign(log.size, log.root) == note


def test_a_clock_that_steps_back_while_running(signer: Callable[[], Signer], clock: Clock) -> None:
    """The recorded time never goes backwards."""
    log, hand = grown(1), signer()
    hand.sign(log.size, log.root)
    clock.now_ms = NOW - 1000
    grown(1, log)
    hand.sign(log.size, log.root)
    assert hand.last.time_ms == signer().last.time_ms == NOW


def damaged(good: bytes) -> dict[str, bytes]:
    value = json.loads(good)

    def with_(**changes: object) -> bytes:
        return json.dumps({**value, **changes}).encode()

    other = Signer("/nonexistent/sign.json", origin=ORIGIN, private_keys=(key("x"),), clock_ms=lambda: NOW)
    other.last = signrecord.SignRecord(value["size"], bytes(32), NOW, b"")
    foreign = other.sign_past(value["size"], bytes.fromhex(value["root"])).decode()
    return {
        "empty": b"", "cut": good[: len(good) // 2], "no JSON": b"sign record\n", "an array": b"[]", "null": b"null",
        "number": b"1",
        "not UTF-8": b"\xff" + good, "long": good + b" " * 70_000, "pit": b"[" * 60_000,
        "another format": with_(format="x/v2"),
        "no note": json.dumps({k: v for k, v in value.items() if k != "note"}).encode(), "note null": with_(note=None),
        "no time": json.dumps({k: v for k, v in value.items() if k != "time_ms"}).encode(),
        "time text": with_(time_ms="1"),
        "time flag": with_(time_ms=True), "time float": with_(time_ms=1.5),
        "another size": with_(size=value["size"] + 1),
        "size text": with_(size=str(value["size"])), "another root": with_(root="00" * 32),
        "root null": with_(root=None),
        "note cut": with_(note=value["note"][:-4]), "another log's key": with_(note=foreign),
        "surrogate": with_(note="\ud800"),
        "note of another size": with_(note=value["note"].replace(f"\n{value['size']}\n", f"\n{value['size'] + 1}\n")),
        "another origin": with_(note=value["note"].replace("one\n", "two\n")), "NUL": b"\0" * len(good),
    }  # fmt: skip


def refusal(signer: Callable[[], Signer]) -> str:
    """What a start says when it refuses; nothing where it goes on."""
    try:
        signer()
    except StartupError as error:
        return error.detail
    return ""


def test_a_damaged_record_is_refused(signer: Callable[[], Signer], tmp_path: Path) -> None:
    """A record that is cut, edited,
    another log's or no record at all: refused in words that forbid going on without."""
    log = grown(2)
    signer().sign(log.size, log.root)
    path = tmp_path / "sign.json"
    good = path.read_bytes()
    for name, data in damaged(good).items():
        path.write_bytes(data)
        assert "fork" in refusal(signer), name
    path.write_bytes(good)
    signer().check_start(log.ledger.view())
    path.unlink()
    path.mkdir()
    with pytest.raises(StartupError, match="can't read"):
        signer()


def test_the_record_is_of_this_logs_key(signer: Callable[[], Signer], tmp_path: Path) -> None:
    """A node with another key or origin refuses the record."""
    log = grown(1)
    signer().sign(log.size, log.root)
    path = str(tmp_path / "sign.json")
    for origin, private_key in ((ORIGIN, key("x")), ("log.example/two", LOG_KEY)):
        with pytest.raises(StartupError):
            Signer(path, origin=origin, private_keys=(private_key,), clock_ms=lambda: NOW)
    with pytest.raises(VerifyError):
        open_checkpoint(
            signer().last.note, Signer("/x", origin=ORIGIN, private_keys=(key("x"),), clock_ms=lambda: NOW).vkeys[0]
        )


def test_files_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file left by a crash is in nobody's way; data is synced before the rename, the folder after it."""
    path = tmp_path / "file"
    write_durably(str(path), b"one")
    (tmp_path / "file.tmp").write_bytes(b"left over, and longer than what comes")
    steps: list[str] = []
    for name in ("fsync", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(signrecord.os, name, lambda *a, real=real, name=name: (steps.append(name), real(*a))[1])
    write_durably(str(path), b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert steps == ["fsync", "rename", "fsync"]
    assert not (tmp_path / "file.tmp").exists()
    with pytest.raises(StorageError):
        write_durably(str(tmp_path / "none" / "file"), b"x")


@pytest.mark.parametrize("kind", ["open to all", "a link", "a hard link", "a pipe"])
def test_what_stands_in_the_temporary_files_place_is_not_written_to(tmp_path: Path, kind: str) -> None:
    """Neither its mode nor what it leads to counts: a private file is private, and nothing else changes."""
    path, other, temporary = tmp_path / "file", tmp_path / "other", tmp_path / "file.tmp"
    other.write_text("somebody's")
    other.chmod(0o666)
    if kind == "a link":
        temporary.symlink_to(other)
    elif kind == "a hard link":
        temporary.hardlink_to(other)
    elif kind == "a pipe":
        os.mkfifo(temporary)
    else:
        temporary.touch()
        temporary.chmod(0o666)
    write_durably(str(path), b"salts", mode=0o600)
    assert path.read_bytes() == b"salts"
    assert path.lstat().st_mode == stat.S_IFREG | 0o600
    assert other.read_text() == "somebody's"


# The log's key is changed


def test_while_the_key_is_changed_both_sign(tmp_path: Path, clock: Clock) -> None:
    """Each note, of the present and of earlier heads, carries a line of each key; a head that one key had signed is
    signed anew by both, and by the new one alone at the end; the record is read with any of them."""
    path, new = str(tmp_path / "sign.json"), key("new")

    def start(*private_keys: Ed25519PrivateKey, retired: tuple[VerifierKey, ...] = ()) -> Signer:
        return Signer(path, origin=ORIGIN, private_keys=private_keys, clock_ms=clock, retired=retired)

    log, before = grown(2), start(LOG_KEY)
    first = before.sign(log.size, log.root)
    during = start(LOG_KEY, new)
    assert during.last == before.last
    old_vkey, new_vkey = during.vkeys
    for note in (during.sign(log.size, log.root), during.sign_past(1, log.ledger.root_at(1))):
        for vkey in (old_vkey, new_vkey):
            open_checkpoint(note, vkey)
    held = during.sign(log.size, log.root)
    assert held.startswith(first)
    assert held == during.sign(log.size, log.root) == start(LOG_KEY, new).sign(log.size, log.root)
    grown(1, log)
    assert len(parse_note(during.sign(log.size, log.root)).signatures) == 2
    after = start(new, retired=(old_vkey,))
    after.check_start(log.ledger.view())
    note = after.sign(log.size, log.root)
    assert [line.id for line in parse_note(note).signatures] == [new_vkey.id]
    with pytest.raises(StorageError, match="fork"):
        after.sign(log.size, bytes(32))
    with pytest.raises(StorageError, match="fork"):
        after.sign(log.size - 1, log.ledger.root_at(log.size - 1))
    with pytest.raises(StartupError):
        start(LOG_KEY)


def test_the_record_of_an_unknown_key_is_refused_during_a_change(tmp_path: Path, clock: Clock) -> None:
    """Two keys that sign don't make a third one's record good."""
    path, log = str(tmp_path / "sign.json"), grown(1)
    Signer(path, origin=ORIGIN, private_keys=(key("x"),), clock_ms=clock).sign(log.size, log.root)
    with pytest.raises(StartupError, match="fork"):
        Signer(path, origin=ORIGIN, private_keys=(LOG_KEY, key("new")), clock_ms=clock)


def test_a_log_ends_at_its_last_head(signer: Callable[[], Signer], tmp_path: Path, clock: Clock) -> None:
    """The closing note is of the head that was signed last; without a key the last note is given out as it is, and
    nothing else is signed."""
    log, hand = grown(1), signer()
    with pytest.raises(StorageError):
        hand.sign_end()
    note = hand.sign(log.size, log.root)
    assert open_closing(hand.sign_end(), hand.keys) == Closing(ORIGIN, log.size, log.root)
    path = str(tmp_path / "sign.json")
    mute = Signer(path, origin=ORIGIN, private_keys=(), clock_ms=clock, retired=hand.vkeys)
    assert not mute.can_sign
    assert mute.sign(log.size, log.root) == note
    for refused in (
        lambda: mute.sign(log.size + 1, bytes(32)), lambda: mute.sign_past(1, log.ledger.root_at(1)), mute.sign_end,
    ):  # fmt: skip
        with pytest.raises(StorageError):
            refused()
    (tmp_path / "sign.json").unlink()
    restored = Signer(path, origin=ORIGIN, private_keys=(), clock_ms=clock, retired=hand.vkeys)
    restored.end(hand.sign_end(), note)
    assert restored.sign(log.size, log.root) == note


def test_a_log_that_ended_is_on_record(signer: Callable[[], Signer], tmp_path: Path, clock: Clock) -> None:
    """The record holds the closing note, once and over every start, with or without a record before; no head after it
    is signed, while another key's line for the very end is. A record without one, and one that says another end or
    none, are told apart."""
    log, hand = grown(1), signer()
    note = hand.sign(log.size, log.root)
    open_record = (tmp_path / "sign.json").read_text()
    closing = hand.sign_end()
    hand.end(closing, note)
    value = json.loads((tmp_path / "sign.json").read_text())
    assert value == {**json.loads(open_record), "closing": closing.decode()}
    assert (hand.last.closing, signer().last) == (closing, hand.last)
    with pytest.raises(StorageError, match="after the log's end"):
        signer().sign(log.size + 1, bytes(32))
    path = str(tmp_path / "sign.json")
    both = Signer(path, origin=ORIGIN, private_keys=(LOG_KEY, key("new")), clock_ms=clock)
    assert both.sign(log.size, log.root) != note
    assert (both.last.closing, len(parse_note(both.last.note).signatures)) == (closing, 2)
    (tmp_path / "sign.json").unlink()
    signer().end(closing, note)
    assert signer().last == hand.last
    grown(1, log)
    (tmp_path / "sign.json").write_text(open_record)
    later = signer()
    later.sign(log.size, log.root)
    other = later.sign_end()
    for bad in (other.decode(), note.decode(), "", 7, None):
        (tmp_path / "sign.json").write_text(json.dumps({**json.loads(open_record), "closing": bad}))
        with pytest.raises(StartupError, match="damaged"):
            signer()
