"""Every write fails in two ways, lost or written but reported as failed: then nothing answered is missing,
no signed head
is contradicted, and the log goes on (house-style 23)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger import signrecord
from ledger.append import Outcome
from ledger.errors import Refusal, StorageError
from ledger.leveldb import LevelStore
from ledger.reader import EntryCache, Reader
from ledger.signrecord import Signer
from ledger.store import MemoryStore, Row, Store, View
from proofs import merkle
from proofs.checkpoint import Checkpoint, open_checkpoint
from proofs.entry import Batch
from tests.ledger.support import (
    LOG_KEY,
    NAME,
    ORIGIN,
    Log,
    asset,
    body,
    delegate,
    none,
    party,
    public,
    revoke,
    rotate,
    usage,
)

LOST = "lost"
UNSURE = "written, but reported as failed"


class FaultStore:
    """A store of which one write fails. `at`: the number of that write, from 0."""

    def __init__(self, inner: Store, *, at: int, how: str) -> None:
        self.inner = inner
        self.left = at
        self.how = how

    def get(self, key: bytes) -> bytes | None:
        return self.inner.get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        return self.inner.scan(start, stop, reverse=reverse)

    def write(self, rows: Mapping[bytes, bytes | None]) -> None:
        self.left -= 1
        if self.left == -1:
            if self.how == UNSURE:
                self.inner.write(rows)
            raise StorageError("the disk failed")
        self.inner.write(rows)

    def snapshot(self) -> View:
        return self.inner.snapshot()

    def close(self) -> None:
        self.inner.close()


@dataclass
class Node:
    """What a node's writer does: take, commit, sign, answer. It remembers every answer and every head given out."""

    log: Log
    record: str
    answered: list[tuple[Batch, Outcome]] = field(default_factory=list)
    heads: list[Checkpoint] = field(default_factory=list)

    def start(self) -> None:
        """As at every start: the record is read, the database held against it, the newest head signed."""
        self.signer = Signer(self.record, origin=ORIGIN, private_keys=(LOG_KEY,), clock_ms=lambda: 1)
        self.signer.check_start(self.log.ledger.view())
        self.publish()

    def publish(self) -> None:
        note = self.signer.sign(self.log.size, self.log.root)
        self.heads.append(open_checkpoint(note, self.signer.vkeys[0]))

    def group(self, *batches: Batch) -> list[Outcome | Refusal]:
        """One group commit; answers only after the signature."""
        group = self.log.ledger.group()
        results: list[Outcome | Refusal] = []
        for batch in batches:
            try:
                results.append(group.take(self.log.prepare(batch)))
            except Refusal as refusal:
                results.append(refusal)
        group.commit()
        if group.count:
            self.publish()
        self.answered += [(b, r) for b, r in zip(batches, results, strict=True) if isinstance(r, Outcome)]
        return results

    def check(self) -> None:
        """Every answer still holds and is given again, every head is this log's past, and an audit agrees."""
        for batch, outcome in self.answered:
            again = self.log.take(batch)
            assert again.repeated
            assert (again.first_index, again.count, again.statuses) == (
                outcome.first_index,
                outcome.count,
                outcome.statuses,
            )
        reader = Reader(self.log.ledger.tree.view(self.log.store.snapshot()), EntryCache())
        for head in self.heads:
            assert reader.root_at(head.size) == head.root
            if head.size:
                path = reader.consistency(head.size, reader.size)
                merkle.check_consistency(
                    old_size=head.size, new_size=reader.size, old_root=head.root, new_root=reader.tree.root, path=path
                )
        self.log.check()


def rounds(log: Log) -> Iterator[list[Batch]]:
    """What the keys send, each round signed when the one before it was answered: all that the state rules write."""
    yield [log.sign("operator", body("genesis", origin=ORIGIN, name="operator"))]
    yield [log.sign("lab", party(), delegate("agent", "lab", "none", "usage")), log.sign("owner", party())]
    yield [
        log.sign("owner", asset("corpus", aka=[NAME])),
        log.sign("agent", usage(NAME, into_name="m"), *[none()] * 250),
    ]
    yield [log.sign("lab", none(9), first=0)]  # a conflict alone
    yield [log.sign("lab", none()), log.sign("lab", none(8), first=1), log.sign("owner", revoke("lab"))]
    yield [
        log.sign("lab", rotate("lab-2", "lab"), none()),
        log.sign("lab", rotate("lab-2", "lab")),
        log.sign("x", none()),
    ]
    yield [log.sign("agent", usage(NAME)), log.sign("owner", body("withdraw", target=log.ref(3)))]
    yield [log.sign("owner", revoke("owner")), log.sign("lab-2", none())]


def run(node: Node) -> list[Batch] | None:
    """Send everything; the round in which the disk failed, or None where it didn't."""
    for batches in rounds(node.log):
        try:
            node.group(*batches)
        except StorageError:
            return batches
    return None


def writes_of_a_run(tmp_path: Path) -> int:
    store = FaultStore(MemoryStore(), at=10**6, how=LOST)
    node = Node(Log(store, begin=False), str(tmp_path / "count.json"))
    node.start()
    assert run(node) is None
    return 10**6 - store.left


def reopened(node: Node, store: Store) -> None:
    """A new process on what the old one left."""
    node.log.open(store)
    node.start()


def goes_on(node: Node, failed: list[Batch], *, how: str) -> None:
    """The clients send the unanswered round again, then new records: each batch once in the log,
    whatever was stored."""
    size = node.log.size
    results = node.group(*failed)
    taken = [r for r in results if isinstance(r, Outcome)]
    assert all(outcome.repeated == (how == UNSURE) for outcome in taken)
    assert (node.log.size == size) == (how == UNSURE or not taken)
    assert isinstance(node.group(node.log.sign("late", party(), none()))[0], Outcome)
    assert isinstance(node.group(node.log.sign("late", none()))[0], Outcome)
    node.check()


NUMBER_OF_WRITES = 8


def test_the_scenario_has_as_many_writes_as_are_tried(tmp_path: Path) -> None:
    """Every write of the scenario is among those that are made to fail, and the scenario itself is sound."""
    assert writes_of_a_run(tmp_path) == NUMBER_OF_WRITES


@pytest.mark.parametrize("how", [LOST, UNSURE])
@pytest.mark.parametrize("at", range(NUMBER_OF_WRITES))
def test_a_failed_database_write(tmp_path: Path, at: int, how: str) -> None:
    """The write of any round fails: the process takes no more; a new one has all that was answered, and goes on."""
    inner = MemoryStore()
    node = Node(Log(FaultStore(inner, at=at, how=how), begin=False), str(tmp_path / "sign.json"))
    node.start()
    failed = run(node)
    assert failed is not None
    answered, heads = list(node.answered), list(node.heads)
    with pytest.raises(StorageError):
        node.group(node.log.sign("late", party()))
    assert (node.answered, node.heads) == (answered, heads)
    reopened(node, inner)
    node.check()
    goes_on(node, failed, how=how)


@pytest.mark.parametrize("how", [LOST, UNSURE])
@pytest.mark.parametrize("at", range(1, NUMBER_OF_WRITES))
def test_a_failed_sign_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, how: str) -> None:
    """The record of any signature fails: no answer and no head leaves; a new start signs what the database holds."""
    inner = MemoryStore()
    node = Node(Log(inner, begin=False), str(tmp_path / "sign.json"))
    node.start()
    left = at
    real = signrecord.write_durably

    def write(path: str, data: bytes, *, mode: int = 0o644) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            if how == UNSURE:
                real(path, data, mode=mode)
            raise StorageError("the disk failed")
        real(path, data, mode=mode)

    monkeypatch.setattr(signrecord, "write_durably", write)
    failed = run(node)
    assert failed is not None
    heads = len(node.heads)
    monkeypatch.setattr(signrecord, "write_durably", real)
    reopened(node, inner)
    assert node.heads[heads].size == node.log.size > node.heads[heads - 1].size
    goes_on(node, failed, how=UNSURE)  # the database had been written


@pytest.mark.parametrize("how", [LOST, UNSURE])
@pytest.mark.parametrize("at", [0, 2, 3, 5, 7])
def test_a_failed_write_on_leveldb(tmp_path: Path, at: int, how: str) -> None:
    """The same on a real database that is closed and opened again after the failure."""
    folder = str(tmp_path / "db")
    inner = LevelStore(folder, create=True)
    node = Node(Log(FaultStore(inner, at=at, how=how), begin=False), str(tmp_path / "sign.json"))
    node.start()
    failed = run(node)
    assert failed is not None
    inner.close()
    reopened(node, LevelStore(folder))
    goes_on(node, failed, how=how)
    node.log.store.close()


@pytest.mark.parametrize("how", [LOST, UNSURE])
def test_a_disk_that_fails_again_and_again(tmp_path: Path, how: str) -> None:
    """After each start the first write fails, many times in a row: the batch is in the log once, in the end."""
    inner = MemoryStore()
    node = Node(Log(inner), str(tmp_path / "sign.json"))
    node.start()
    batch = node.log.sign("lab", party(), none())
    for _ in range(5):
        reopened(node, FaultStore(inner, at=0, how=how))
        try:
            (outcome,) = node.group(batch)
        except StorageError:
            continue
        assert how == UNSURE
        assert outcome.repeated
    reopened(node, inner)
    (outcome,) = node.group(batch)
    assert isinstance(outcome, Outcome)
    assert (outcome.first_index, outcome.repeated, node.log.size) == (1, how == UNSURE, 3)
    assert node.log.state.key(public("lab")).next == 2
    node.check()


def test_a_lost_conflict_is_no_loss_of_records(tmp_path: Path) -> None:
    """Where only a conflict was to be written and the write failed,
    the log is as it was and keeps the conflict later."""
    inner = MemoryStore()
    node = Node(Log(inner), str(tmp_path / "sign.json"))
    node.start()
    node.group(node.log.sign("lab", party()))
    node.log.open(FaultStore(inner, at=0, how=LOST))
    conflict = node.log.sign("lab", none(), first=0)
    with pytest.raises(StorageError):
        node.group(conflict)
    reopened(node, inner)
    assert node.log.conflicts("lab") == []
    node.group(conflict)
    assert len(node.log.conflicts("lab")) == 1
    node.check()
