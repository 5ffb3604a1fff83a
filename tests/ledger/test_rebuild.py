"""ledger.rebuild: a database made from entries alone is the one that the log was written to; or there is none."""

from pathlib import Path

import pytest

from ledger import keys
from ledger.errors import StartupError, StorageError
from ledger.leveldb import LevelStore
from ledger.rebuild import rebuild
from ledger.replay import AuditFailure
from ledger.store import Row
from proofs import codec
from proofs.entry import Batch, parse_entry
from proofs.errors import VerifyError
from tests.ledger.support import ORIGIN, Log, all_rows, none, public, synced, usage
from tests.ledger.test_replay import full_log


@pytest.fixture(scope="module")
def log() -> Log:
    """Every kind, a conflict, and two full tiles."""
    made = full_log()
    made.put("lab-2", *(usage() for _ in range(600)))
    made.refused(made.sign("lab-2", none(9), first=1), 409, "usance:sequence", field="first")
    return made


def conflicts(log: Log) -> list[Row]:
    return list(log.store.scan(keys.CONFLICT, keys.after(keys.CONFLICT)))


@pytest.mark.parametrize("step", [1, 256, 10_000])
def test_the_database_is_the_logs_own(log: Log, tmp_path: Path, step: int) -> None:
    """Row by row, whatever the entries' lists were, and it opens as a node opens it; entries behind the size stay out
    of it."""
    entries = log.entries()
    lists = (entries[at : at + step] for at in range(0, len(entries), step))
    seen: list[int] = []
    made = rebuild(
        lists, str(tmp_path / "db"), log=log.identity, size=log.size, root=log.root, conflicts=conflicts(log),
        progress=seen.append,
    )  # fmt: skip
    store = LevelStore(str(tmp_path / "db"))
    assert all_rows(store) == all_rows(log.store)
    opened = Log(store, begin=False)
    assert (opened.size, opened.root) == (made.size, made.root) == (log.size, log.root)
    assert seen == sorted(seen)
    assert seen[-1] == log.size
    assert (made.batches, made.kinds["usage"]) == (12, 604)
    store.close()


def test_a_database_that_was_made_is_durable(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of its files, and its own, are synced before anybody renames it to where it counts."""
    with synced(monkeypatch) as seen:
        rebuild([log.entries()], str(tmp_path / "db"), log=log.identity, size=log.size, root=log.root)
    assert {str(tmp_path / "db"), str(tmp_path)} <= set(seen)


def test_a_shorter_log_is_rebuilt_from_the_same_entries(log: Log, tmp_path: Path) -> None:
    """The size says where it ends; what comes behind isn't even judged."""
    size = log.size - 600
    root = log.ledger.root_at(size)
    assert root is not None
    entries = [*log.entries()[:size], b"junk"]
    assert rebuild([entries], str(tmp_path / "db"), log=log.identity, size=size, root=root).size == size


def test_a_conflict_that_is_none_is_left_out(log: Log, tmp_path: Path) -> None:
    """Whoever hands over conflicts can't make the log accuse a key of its own batch, of numbers that it never used, or
    a stranger; what is left is numbered on, so that the next one is added behind it."""
    mine = keys.CONFLICT + public("lab-2")
    value = dict(conflicts(log))[mine + b"\0"]
    index = log.store.get(keys.KEY_BATCH + public("lab-2") + keys.number(0))
    assert index is not None
    own = parse_entry(log.entries()[int.from_bytes(index, "big")])

    def signed(batch: Batch) -> bytes:
        return codec.pack([batch.lines(ORIGIN), batch.signature, batch.first, len(batch.bodies)])

    rows = [
        (mine + b"\0", codec.pack([own.lines(ORIGIN), own.signature, own.first, own.count])),
        (mine + b"\1", signed(log.sign("lab-2", none(1), first=log.next("lab-2")))),
        (mine + b"\2", value),
        (keys.CONFLICT + public("nobody") + b"\0", signed(log.sign("nobody", none(1), first=0))),
    ]
    path = str(tmp_path / "db")
    rebuild([log.entries()], path, log=log.identity, size=log.size, root=log.root, conflicts=rows)
    store = LevelStore(path)
    assert list(store.scan(keys.CONFLICT, keys.after(keys.CONFLICT))) == [(mine + b"\0", value)]
    store.close()


def test_nothing_is_left_of_a_rebuild_that_failed(log: Log, tmp_path: Path) -> None:
    """A wrong entry, another size or root, a source or a disk that fails: it says so, and the folder is gone."""
    entries, path = log.entries(), tmp_path / "db"
    bad = [*entries[:20], entries[21], *entries[21:]]

    def failing() -> list[list[bytes]]:
        raise StorageError("the source ended")

    for error, source, size, root, rows in (
        (AuditFailure, [bad], log.size, log.root, []),
        (VerifyError, [entries], log.size, bytes(32), []),
        (VerifyError, [entries], log.size + 1, log.root, []),
        (AuditFailure, [entries], log.size - 1, log.root, []),
        (StorageError, [entries], log.size, log.root, [(keys.KEY + b"k", b"")]),
        (StorageError, (failing() for _ in range(1)), log.size, log.root, []),
    ):
        with pytest.raises(error):
            rebuild(source, str(path), log=log.identity, size=size, root=root, conflicts=rows)
        assert not path.exists()


def test_what_stands_is_never_overwritten(log: Log, tmp_path: Path) -> None:
    """A folder with a database is refused, and stays as it was."""
    path = tmp_path / "db"
    store = LevelStore(str(path), create=True)
    store.write({b"p": b"1"})
    store.close()
    with pytest.raises(StartupError):
        rebuild([log.entries()], str(path), log=log.identity, size=log.size, root=log.root)
    again = LevelStore(str(path))
    assert again.get(b"p") == b"1"
    again.close()


def test_a_write_that_fails_leaves_no_database(log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk while rows are written ends it, and the folder is gone."""

    def full(self: LevelStore, rows: object) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr(LevelStore, "write", full)
    with pytest.raises(StorageError):
        rebuild([log.entries()], str(tmp_path / "db"), log=log.identity, size=log.size, root=log.root)
    assert not (tmp_path / "db").exists()
