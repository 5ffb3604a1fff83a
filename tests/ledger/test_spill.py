"""ledger.spill: a replay's store, half in a file, is a store like any other."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import keys, spill
from ledger.errors import StorageError
from ledger.replay import Replay
from ledger.spill import SpillStore
from ledger.state import State
from ledger.store import MemoryStore, Overlay
from proofs.errors import InvariantError
from tests.ledger.market import Market
from tests.ledger.support import all_rows, body, kept_by_replays, none

FILED = b"e"
PLAIN = b"p"
DROPPED = b"x"


def both() -> tuple[SpillStore, MemoryStore]:
    """A spill store and a plain one."""
    return SpillStore(spill=(FILED, b"f"), drop=(DROPPED,)), MemoryStore(drop=(DROPPED,))


def filed(number: int, prefix: bytes = FILED) -> bytes:
    """The key of a row in the file."""
    return prefix + keys.number(number)


values = st.binary(max_size=40)
gaps = st.integers(1, 3)
batches = st.lists(
    st.tuples(
        st.lists(st.tuples(gaps, values), max_size=6),
        st.dictionaries(st.binary(max_size=3), st.one_of(st.none(), values), max_size=4),
    ),
    max_size=12,
)


@given(batches, st.integers(1, 60), st.data())
def test_it_reads_as_a_store_in_memory(
    drawn: list[tuple[list[tuple[int, bytes]], dict[bytes, bytes | None]]], buffer: int, data: st.DataObject
) -> None:
    """Whatever was written in however many batches, and whatever of it is in the file by now: every row and every
    range, either way round, is that of a plain store."""
    store, plain = both()
    number = -1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "BUFFER_BYTES", buffer)
        for ascending, others in drawn:
            rows: dict[bytes, bytes | None] = {}
            for gap, value in ascending:
                number += gap
                rows[filed(number)] = value
                rows[filed(number, b"f")] = value + b"f"
            rows |= {prefix + key: value for key, value in others.items() for prefix in (PLAIN, DROPPED)}
            store.write(rows)
            plain.write(rows)
    for key in [filed(n, prefix) for n in range(number + 3) for prefix in (FILED, b"f")]:
        assert store.get(key) == plain.get(key)
    bounds = st.one_of(
        st.integers(0, number + 3).map(filed), st.sampled_from([FILED, keys.after(FILED), filed(2**64 - 1)])
    )
    start, stop, reverse = data.draw(bounds), data.draw(bounds), data.draw(st.booleans())
    other = b"f" + stop[1:] if stop[:1] == FILED else b"g"
    for first, last in ((start, stop), (b"f" + start[1:], other), (PLAIN, b"q")):
        if first <= last:
            assert list(store.scan(first, last, reverse=reverse)) == list(plain.scan(first, last, reverse=reverse))
    store.close()


def test_keys_of_another_length_are_not_found() -> None:
    """Only whole keys name a row of the file."""
    store, _ = both()
    store.write({filed(7): b"seven"})
    assert store.get(filed(7)) == b"seven"
    for key in (FILED, filed(7)[:-1], filed(7) + b"\0", FILED + b"\x07", filed(8)):
        assert store.get(key) is None
    assert store.get(filed(7, b"f")) is None


@pytest.mark.parametrize(
    "rows",
    [
        {filed(7): b"again"},
        {filed(6): b"earlier"},
        {filed(9): b"", filed(8): b""},
        {filed(9): None},
        {FILED + b"9": b""},
    ],
    ids=["twice", "behind", "out of order", "deleted", "a short key"],
)
def test_rows_of_the_file_come_once_in_order(rows: dict[bytes, bytes | None]) -> None:
    """What a file can't hold is an error, not a row that is lost."""
    store, _ = both()
    store.write({filed(7): b"seven"})
    with pytest.raises(InvariantError):
        store.write(rows)


def test_a_file_that_fails_is_said() -> None:
    """A file that was cut, or can't be written any more, is a StorageError."""
    store, _ = both()
    store.write({filed(1): bytes(spill.BUFFER_BYTES)})
    store.write({filed(2): b"in the buffer"})
    assert store.get(filed(2)) == b"in the buffer"
    os.ftruncate(store._fd, 100)
    with pytest.raises(StorageError):
        store.get(filed(1))
    reading = os.open(os.devnull, os.O_RDONLY)
    os.dup2(reading, store._fd)
    os.close(reading)
    with pytest.raises(StorageError):
        store.write({filed(3): bytes(spill.BUFFER_BYTES)})
    store.close()


def test_a_snapshot_is_the_store_itself() -> None:
    """It sees what is added; and the file has no name from the beginning."""
    store, _ = both()
    seen = store.snapshot()
    store.write({filed(1): b"one"})
    assert seen.get(filed(1)) == b"one"
    assert os.fstat(store._fd).st_nlink == 0
    descriptor = store._fd
    store.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_rules_read_through_it_as_through_any_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay in small pieces, with every row in the file at once, ends in the same state as the log, less what only
    traces read; every body and every usage is found again, also from within an overlay."""
    monkeypatch.setattr(spill, "BUFFER_BYTES", 1)
    log = Market()
    _, _, c = log.chain()
    chance = random.Random(3)
    for number in range(40):
        log.use(chance.choice(["lab", "fourth"]), c, 1000 + number)
    index = log.use("lab", c, 5000)
    log.accept(log.correct(index, token=1))
    log.put("owner", body("dispute", target=log.ref(index), reason="r"), none())
    replay = Replay(log.identity)
    replay.feed(log.entries())
    replay.finish()
    store = replay.ledger.store
    overlay = State(Overlay(store))
    for at in range(log.size):
        assert overlay.body(at) == State(store).body(at) == log.state.body(at)
        assert overlay.usage(at) == log.state.usage(at)
    assert all_rows(store) == kept_by_replays(all_rows(log.store))
