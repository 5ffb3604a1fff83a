"""The appending half of the spool: what `append` took is in a segment, whole and in order, whatever comes between."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import StorageError
from node.errors import FileError
from node.spool.segment import SegmentReader, is_segment_name
from node.spool.writer import OfflineWriter, SpoolWriter
from proofs.checkpoint import log_vkey
from proofs.ed25519 import public_bytes
from proofs.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
LOG = log_vkey(origin="log.example/writer", public_key=public_bytes(Ed25519PrivateKey.from_private_bytes(b"\1" * 32)))
VKEY = LOG.text
HOUR_S = 3600.0


def segments(folder: Path) -> list[Path]:
    """The segments of a folder by name, which is their order."""
    return sorted(path for path in folder.iterdir() if is_segment_name(path.name))


def bodies(path: Path) -> list[bytes]:
    """The bodies in one segment; its tail must not be torn."""
    with path.open("rb") as file:
        reader = SegmentReader(file)
        found = [record.body for record in reader.records()]
        assert reader.torn == 0
    return found


def stored(folder: Path) -> list[bytes]:
    """The bodies in all segments, in their order."""
    return [body for path in segments(folder) for body in bodies(path)]


def is_free(path: Path) -> bool:
    """Whether nobody holds the segment."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def run(code: str, *args: object) -> subprocess.Popen[str]:
    """A program of its own, with a writer `w` on the folder that is its first argument."""
    start = (
        "import os, sys, time, signal\nfrom pathlib import Path\nfrom node.spool.writer import SpoolWriter\n"
        f"w = SpoolWriter(sys.argv[1], {VKEY!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code, *map(str, args)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> int:
    """Its exit code, when it has ended."""
    process.communicate(timeout=60)
    return process.returncode


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    """Bodies come back as they went in, under the log's key and the signer's, and the end is marked."""
    writer = SpoolWriter(str(tmp_path / "s"), VKEY, key=bytes(32))
    given = [b"x" * size for size in (1, 2, 255, 4096, 60_000)]
    for body in given:
        writer.append(body)
    (path,) = segments(tmp_path / "s")
    assert bodies(path) == given
    assert not is_free(path)
    assert writer.count == 5
    writer.close()
    writer.close()
    assert bodies(path) == given
    assert is_free(path)
    with path.open("rb") as file:
        reader = SegmentReader(file)
        list(reader.records())
    assert reader.ended
    assert (reader.header.vkey, reader.header.key) == (VKEY, bytes(32))
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StorageError, match="closed"):
        writer.append(b"late")


def test_a_program_that_logs_nothing_leaves_nothing(tmp_path: Path) -> None:
    """An empty segment goes with its writer; sizes other than 1 to 60,000 bytes are refused and leave nothing."""
    writer = SpoolWriter(str(tmp_path), VKEY)
    for body in (b"", b"x" * 60_001):
        with pytest.raises(InputError):
            writer.append(body)
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_kill_9_right_after_append_loses_nothing(tmp_path: Path) -> None:
    """What `append` returned from is in the file though the process dies at once, unsynced and unclosed."""
    process = run("for n in range(100): w.append(b'%d' % n)\nos.kill(os.getpid(), signal.SIGKILL)", tmp_path / "s")
    assert ended(process) == -signal.SIGKILL
    assert stored(tmp_path / "s") == [b"%d" % n for n in range(100)]
    assert is_free(segments(tmp_path / "s")[0])


def test_many_threads_share_a_writer(tmp_path: Path) -> None:
    """Each thread's records are there once and in its order, while others sync."""
    writer = SpoolWriter(str(tmp_path), VKEY, segment_bytes_max=4000, sync_interval_s=0.001)

    def work(name: int) -> None:
        for n in range(300):
            writer.append(b"%d:%d" % (name, n))
            if n % 100 == 99:
                writer.sync()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = stored(tmp_path)
    assert len(found) == 2400
    for name in range(8):
        assert [body for body in found if body.startswith(b"%d:" % name)] == [b"%d:%d" % (name, n) for n in range(300)]
    assert all(map(is_free, segments(tmp_path)))


def test_processes_that_start_at_once_have_a_segment_each(tmp_path: Path) -> None:
    """Several programs begin on a folder that isn't there yet: every record of each is stored, in its order."""
    go = tmp_path / "go"
    code = (
        "while not Path(sys.argv[3]).exists(): pass\n"
        "for n in range(200): w.append(b'%s:%d' % (sys.argv[2].encode(), n))"
    )
    processes = [run(code, tmp_path / "s", name, go) for name in range(4)]
    go.touch()
    assert [ended(process) for process in processes] == [0] * 4
    assert sorted(map(len, map(bodies, segments(tmp_path / "s")))) == [200] * 4
    for path in segments(tmp_path / "s"):
        found = bodies(path)
        assert found == [found[0].split(b":")[0] + b":%d" % n for n in range(200)]


def test_a_fork_has_a_segment_of_its_own(tmp_path: Path) -> None:
    """Parent and child go on into two segments; the parent's is free once it is closed, though the child lives."""
    code = (
        "w.append(b'before')\nchild = os.fork()\n"
        "if not child:\n    w.append(b'child')\n    Path(sys.argv[2]).touch()\n"
        "    while not Path(sys.argv[3]).exists(): time.sleep(0.01)\n    os._exit(0)\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.01)\n"
        "w.append(b'parent')\nw.close()\nprint('closed', flush=True)\nos.waitpid(child, 0)\n"
    )
    process = run(code, tmp_path / "s", tmp_path / "ready", tmp_path / "go")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "closed\n"
        by_bodies = {tuple(bodies(path)): path for path in segments(tmp_path / "s")}
        assert set(by_bodies) == {(b"before", b"parent"), (b"child",)}
        assert is_free(by_bodies[b"before", b"parent"])
        assert not is_free(by_bodies[b"child",])
    finally:
        (tmp_path / "go").touch()
        assert ended(process) == 0


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    """A writer's segments sort in its order, whatever the clock says between two of them."""
    times = iter([5_000, 4_000, 4_000, 9_000, 1, 2])
    writer = SpoolWriter(str(tmp_path), VKEY, segment_bytes_max=1, now_ms=lambda: next(times))
    given = [b"%d" % n for n in range(6)]
    for body in given:
        writer.append(body)
    writer.close()
    assert [bodies(path) for path in segments(tmp_path)] == [[body] for body in given]


def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path) -> None:
    """A write that the disk takes only in part is cut off, the caller is told, and when there is room the next one goes
    on behind the last whole record."""
    writer = SpoolWriter(str(tmp_path), VKEY)
    writer.append(b"a" * 100)
    (path,) = segments(tmp_path)
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for room in (50, 0):  # a part fits; nothing fits
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, hard))
            with pytest.raises(StorageError, match=r"full|File too large"):
                writer.append(b"b" * 100)
            assert path.stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    writer.append(b"c" * 100)
    writer.close()
    assert stored(tmp_path) == [b"a" * 100, b"c" * 100]


def test_where_not_even_cutting_works_another_segment_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece that can't be cut off is the torn tail of a segment that is left; what follows stands in the next one."""
    writer = SpoolWriter(str(tmp_path), VKEY)
    writer.append(b"one")
    write = os.write

    def half(handle: int, data: bytes) -> int:
        return write(handle, data[: len(data) // 2])

    def refuse(handle: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", half)
        broken.setattr(os, "ftruncate", refuse)
        with pytest.raises(StorageError):
            writer.append(b"two")
    writer.append(b"three")
    writer.close()
    first, second = segments(tmp_path)
    with first.open("rb") as file:
        reader = SegmentReader(file)
        assert [record.body for record in reader.records()] == [b"one"]
        assert reader.torn
    assert bodies(second) == [b"three"]
    assert is_free(first)


@pytest.mark.parametrize("part", [0, 5, 14, None])
def test_an_interrupted_write_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int | None) -> None:
    """Ctrl-C in the middle of `append`, before, within or after the write: the record is there whole or not at all, and
    what follows is good."""
    writer = SpoolWriter(str(tmp_path), VKEY)
    writer.append(b"one")
    write = os.write

    def interrupted(handle: int, data: bytes) -> int:
        write(handle, data[:part])
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.append(b"two")
    writer.append(b"three")
    writer.close()
    assert stored(tmp_path) == [b"one", *([b"two"] if part is None else []), b"three"]


def test_a_signal_handler_may_append_sync_and_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that runs while its thread is writing neither waits for itself nor spoils what is being written."""
    writer = SpoolWriter(str(tmp_path), VKEY)
    write = os.write

    def interrupted(handle: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        writer.append(b"from the handler")
        writer.sync()
        writer.close()
        return write(handle, data)

    monkeypatch.setattr(os, "write", interrupted)
    writer.append(b"from the program")
    assert stored(tmp_path) == [b"from the program", b"from the handler"]
    writer.close()


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    """At once, when the writer is made; and later, where its segment was removed: what was in it is told as lost, and
    the next record is stored."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"can't write to the spool .*spool= or USANCE_SPOOL"):
        SpoolWriter(str(tmp_path / "file" / "s"), VKEY)
    writer = SpoolWriter(str(tmp_path / "s"), VKEY)
    writer.append(b"one")
    segments(tmp_path / "s")[0].unlink()
    with pytest.raises(StorageError, match="was removed"):
        writer.sync()
    writer.sync()
    writer.append(b"two")
    writer.close()
    assert stored(tmp_path / "s") == [b"two"]


def test_a_disk_that_fails_to_keep_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An fsync that fails is an error of `sync`, or of the next `append` where the thread met it, once; and no later
    fsync passes for it: another segment begins."""
    writer = SpoolWriter(str(tmp_path), VKEY, sync_interval_s=0.001)
    failed = threading.Event()

    def fail(handle: int) -> None:
        failed.set()
        raise OSError(errno.EIO, "Input/output error")

    writer.append(b"zero")
    writer.sync()
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        writer.append(b"one")
        assert failed.wait(10)
    for _ in range(1000):
        if writer._failure is not None:
            break
        threading.Event().wait(0.005)
    with pytest.raises(StorageError, match="check the disk"):
        writer.append(b"two")
    writer.append(b"three")
    assert len(segments(tmp_path)) == 2
    writer.close()
    writer = SpoolWriter(str(tmp_path), VKEY, sync_interval_s=HOUR_S)
    writer.append(b"four")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(StorageError, match="check the disk"):
            writer.sync()
    writer.close()


def test_a_closed_writer_leaves_no_thread(tmp_path: Path) -> None:
    """Whatever the interval at which it syncs, and whether it waits for a record or is about to sync one."""
    waiting, pausing = (SpoolWriter(str(tmp_path), VKEY, sync_interval_s=s) for s in (0.001, HOUR_S))
    for writer in (waiting, pausing):
        writer.append(b"one")
        assert writer._thread is not None
    waiting.sync()
    for writer in (waiting, pausing):
        writer.close()
        writer._thread.join(60)
        assert not writer._thread.is_alive()


def test_an_offline_file_is_gone_on_with(tmp_path: Path) -> None:
    """One file holds what several runs wrote, in order; a tail that a loss of power tore off is cut, and a run that
    logs nothing leaves the file that was asked for."""
    path = tmp_path / "sub" / "uses.spool"
    for run_of, torn in ((b"one", b"\0\0"), (b"two", b"\0\0\0\x05torn"), (b"three", b"")):
        writer = OfflineWriter(str(path), VKEY)
        writer.append(run_of)
        writer.close()
        with path.open("ab") as file:
            file.write(torn)
    assert bodies(path) == [b"one", b"two", b"three"]
    OfflineWriter(str(tmp_path / "empty.spool"), VKEY).close()
    assert bodies(tmp_path / "empty.spool") == []


def test_an_offline_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """Another log's file, another key's, a damaged one, one that another process writes, and one that is something else
    are refused in words, and left as they are."""
    path = tmp_path / "uses.spool"
    writer = OfflineWriter(str(path), VKEY)
    writer.append(b"one")
    with pytest.raises(FileError, match="another process writes"):
        OfflineWriter(str(path), VKEY)
    writer.close()
    other = log_vkey(origin="log.example/other", public_key=LOG.key).text
    with pytest.raises(FileError, match="another log, or with another key"):
        OfflineWriter(str(path), other)
    with pytest.raises(FileError, match="another log, or with another key"):
        OfflineWriter(str(path), VKEY, key=bytes(32))
    data = bytearray(path.read_bytes())
    data[-14] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="no spool file that can be gone on with"):
        OfflineWriter(str(path), VKEY)
    assert path.read_bytes() == data
    (tmp_path / "text").write_text("dear diary")
    with pytest.raises(FileError):
        OfflineWriter(str(tmp_path / "text"), VKEY)
    with pytest.raises(StorageError):
        OfflineWriter(str(tmp_path), VKEY)


def test_a_fork_offline_writes_a_file_beside(tmp_path: Path) -> None:
    """The child's records don't go into the parent's file, which one process writes."""
    path = tmp_path / "uses.spool"
    code = (
        "from node.spool.writer import OfflineWriter\n"
        f"o = OfflineWriter(sys.argv[2], {VKEY!r})\no.append(b'parent')\nchild = os.fork()\n"
        "if not child:\n    o.append(b'child')\n    o.close()\n    os._exit(0)\n"
        "os.waitpid(child, 0)\no.append(b'more')\no.close()\n"
    )
    assert ended(run(code, tmp_path / "s", path)) == 0
    assert bodies(path) == [b"parent", b"more"]
    (other,) = tmp_path.glob("uses-*.spool")
    assert bodies(other) == [b"child"]


def test_an_interrupted_write_that_was_whole_stays_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception right after the write, then the close: a sender may have sent the record by now, and a segment that
    is shorter than what was settled of it is damaged."""
    writer = SpoolWriter(str(tmp_path), VKEY)
    real = os.write

    def interrupted(handle: int, data: bytes) -> int:
        real(handle, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.append(b"one")
    (path,) = tmp_path.glob("*.spool")
    before = path.stat().st_size
    writer.close()
    assert stored(tmp_path) == [b"one"]
    assert path.stat().st_size > before
