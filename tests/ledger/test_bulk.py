"""ledger.bulk: what is written in large batches is all there, in steps of which each is whole; a failure shows."""

import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from ledger import keys
from ledger.bulk import SCRATCH_PREFIX, BulkStore, scratch_store
from ledger.errors import StorageError
from ledger.leveldb import LevelStore
from ledger.replay import Replay
from ledger.store import MemoryStore
from tests.ledger.support import Log, all_rows, none, usage


class Slow(MemoryStore):
    """A store that waits before each write, and may fail it; keeps what it was given."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.go = threading.Event()
        self.fails = fails
        self.came: list[Mapping[bytes, bytes | None]] = []

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        self.go.wait(10)
        if self.fails:
            raise StorageError("the disk is full")
        self.came.append(dict(rows))
        super().write(rows)


def test_rows_are_read_while_they_are_being_written() -> None:
    """What was handed over, overwritten or removed meanwhile reads as it was written last."""
    below = Slow()
    store = BulkStore(below, buffer_bytes=1)
    store.write({b"pa": b"1", b"pb": b"1", b"pd": b"1"})
    store._buffer_bytes = 1 << 30
    store.write({b"pa": b"2", b"pb": None, b"pc": b"3"})
    assert (store.get(b"pa"), store.get(b"pb"), store.get(b"pd"), below.get(b"pa")) == (b"2", None, b"1", None)
    assert list(store.scan(b"p", b"q")) == [(b"pa", b"2"), (b"pc", b"3"), (b"pd", b"1")]
    below.go.set()
    store.flush()
    assert list(below.scan(b"p", b"q")) == list(store.scan(b"p", b"q")) == [(b"pa", b"2"), (b"pc", b"3"), (b"pd", b"1")]
    assert below.came == [{b"pa": b"1", b"pb": b"1", b"pd": b"1"}, {b"pa": b"2", b"pb": None, b"pc": b"3"}]
    store.close()


def test_a_write_that_failed_is_told() -> None:
    """A full disk shows with the next hand-over or flush, and never passes for a good end."""
    below = Slow(fails=True)
    below.go.set()
    store = BulkStore(below, buffer_bytes=1)
    store.write({b"p": b"1"})
    with pytest.raises(StorageError):
        store.flush()
    store.close()


def test_flushed_rows_outlive_the_process(tmp_path: Path) -> None:
    """After a flush the store below has everything; without one, what was held is lost."""
    path = str(tmp_path / "db")
    store = BulkStore(LevelStore(path, create=True))
    store.write({b"pa": b"1"})
    store.flush()
    store.write({b"pb": b"2"})
    store.close()
    reopened = LevelStore(path)
    assert list(reopened.scan(b"p", b"q")) == [(b"pa", b"1")]
    reopened.close()


def test_what_reached_the_disk_is_always_a_whole_log() -> None:
    """Whenever the process dies, the rows below are those of a shorter log: a replay's batches are never torn."""
    log = Log()
    log.join("lab")
    for at in range(40):
        log.put("lab", usage(), none(at + 2))
    below = Slow()
    below.go.set()
    replay = Replay(log.identity, store=BulkStore(below, buffer_bytes=9_000))
    replay.feed(log.entries())
    sizes = set()
    for end in range(1, len(below.came) + 1):
        store = MemoryStore()
        for rows in below.came[:end]:
            store.write(rows)
        shorter = Log(store, begin=False)
        shorter.check()
        sizes.add(shorter.size)
    assert len(sizes) > 3
    replay.ledger.store.close()


def test_a_scratch_store_reads_the_log_and_writes_none_of_it() -> None:
    """Entries and batches are those of the log that it was given; its folder is gone after the block."""
    log = Log()
    log.join("lab", usage())
    with scratch_store(log.store) as store:
        folder = next(Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*/db"), None)
        replay = Replay(log.identity, store=store)
        replay.feed(log.entries())
        replay.finish()
        store.flush()
        below = all_rows(store._store)
        assert all_rows(store) == all_rows(log.store)
        assert folder is not None
    assert not {key[:1] for key in below} & {keys.ENTRY, keys.BATCH}
    assert not folder.exists()
