"""ledger.fsck: what a database holds against its own entries: a good one passes, any changed row is found and named."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import keys
from ledger.append import VERSION_KEY
from ledger.errors import UnreadableError
from ledger.fsck import Checked, check_database, stored_entries
from ledger.signrecord import SignRecord
from ledger.store import MemoryStore, Row
from ledger.tree import HEAD_KEY, tile_key
from proofs import codec
from tests.ledger.support import Log, all_rows, key, none, usage
from tests.ledger.test_replay import full_log


def quiet(what: str, unit: str, total: int) -> contextlib.AbstractContextManager[Callable[[int], None]]:
    return contextlib.nullcontext(lambda done: None)


def signed(log: Log, size: int | None = None) -> SignRecord:
    root = log.ledger.root_at(log.size if size is None else size)
    assert root is not None
    return SignRecord(log.size if size is None else size, root, 0, b"")


def large_log() -> Log:
    """Every kind, a full tile, a conflict."""
    made = full_log()
    made.put("lab-2", *(usage() for _ in range(250)))
    made.put("lab-2", usage(), none())
    made.refused(made.sign("lab-2", none(9), first=1), 409, "usance:sequence", field="first")
    return made


LOG = large_log()
ROWS = all_rows(LOG.store)
STARTS = [int.from_bytes(row[1:], "big") for row in ROWS if row[:1] == keys.BATCH]


class Torn(MemoryStore):
    """A store of which the rows of one prefix can't be read from a key on."""

    def __init__(self, start: bytes) -> None:
        super().__init__()
        self.start = start

    def _check(self, row: bytes) -> None:
        if row[:1] == self.start[:1] and row >= self.start:
            raise UnreadableError("the database can't be read: checksum mismatch")

    def get(self, key: bytes) -> bytes | None:
        self._check(key)
        return super().get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        for row, value in super().scan(start, stop, reverse=reverse):
            self._check(row)
            yield row, value


def changed(rows: dict[bytes, bytes | None], store: MemoryStore | None = None) -> MemoryStore:
    made = store or MemoryStore()
    made.write(dict(ROWS))
    made.write(rows)
    return made


def check(store: MemoryStore, record: SignRecord | None = None, **how: ThreadPoolExecutor) -> Checked:
    return check_database(
        store, log=LOG.identity, signed=record or signed(LOG), executor=how.get("executor"), show=quiet
    )  # fmt: skip


def batch_of(index: int) -> int:
    """The first leaf of the batch that holds one."""
    return max(start for start in STARTS if start <= index)


def test_a_good_database_passes() -> None:
    """Nothing is found; size, root, batches and conflicts are the log's, with what was signed last at its end or
    before it."""
    for record in (signed(LOG), signed(LOG, LOG.size - 2), signed(LOG, 0)):
        found = check(changed({}), record)
        assert (found.findings, found.can_rebuild) == ([], True)
        assert (found.size, found.root, found.batches, found.conflicts) == (LOG.size, LOG.root, len(STARTS), 1)
    assert [entry for batch in stored_entries(LOG.store) for entry in batch] == LOG.entries()


def test_without_a_sign_record_nothing_can_be_made_anew() -> None:
    """What was acknowledged isn't known then; what is wrong with rows is said all the same."""
    found = check_database(changed({}), log=LOG.identity, signed=None, executor=None, show=quiet)
    assert (found.findings, found.can_rebuild) == ([], False)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_changed_row_is_found(data: st.DataObject) -> None:
    """One row of the log itself changed or gone: its batch is named, and nothing may be made anew. Any other row, or
    one too many: it is found, and everything can be made anew."""
    row = data.draw(st.sampled_from(sorted(ROWS)))
    how = data.draw(st.sampled_from(["flip", "gone", "more"]))
    value = ROWS[row]
    if how == "flip" and value:
        at = data.draw(st.integers(0, len(value) - 1))
        rows: dict[bytes, bytes | None] = {row: value[:at] + bytes([value[at] ^ 4]) + value[at + 1 :]}
    elif how == "more":
        rows = {row + b"\1": b"x"}
    else:
        rows = {row: None}
    found = check(changed(rows))
    if row[:1] == keys.CONFLICT and how == "gone":
        return  # what was refused is in no other row
    first = found.findings[0]
    if row[:1] in (keys.ENTRY, keys.BATCH):
        assert (first.where, found.can_rebuild) == ("entries", False)
        assert first.leaf is not None
        index = int.from_bytes(row[1:9], "big")
        assert batch_of(index) <= first.leaf <= index + (how == "more") + (LOG.size if how != "flip" else 0)
    else:
        # A head that names more entries than there are is told of the entries.
        assert first.where == "rows" or row == HEAD_KEY
        assert found.can_rebuild
        assert found.size == LOG.size


@pytest.mark.parametrize("threads", [0, 2])
def test_the_first_wrong_entry_is_named(threads: int) -> None:
    """Of several, also where a later row is missing and an earlier batch is still being examined."""
    early, late = STARTS[4], STARTS[-2]
    body = keys.ENTRY + keys.number(early)
    rows: dict[bytes, bytes | None] = {body: ROWS[body][:-1] + b"\7", keys.ENTRY + keys.number(late): None}
    executor = ThreadPoolExecutor(threads) if threads else None
    found = check(changed(rows), **({"executor": executor} if executor else {}))
    assert found.findings[0].leaf == early
    if executor:
        executor.shutdown()


def test_entries_that_were_never_signed_may_be_lost() -> None:
    """Damage behind the signed size: what is whole of it counts, and everything can be made anew; damage before it
    leaves nothing to make anew from."""
    last = STARTS[-1]
    torn = {keys.ENTRY + keys.number(last): None}
    found = check(changed(torn), signed(LOG, last))
    assert (found.can_rebuild, found.size, found.root) == (True, last, LOG.ledger.root_at(last))
    assert found.findings[0].leaf == last
    assert not check(changed(torn), signed(LOG, last + 1)).can_rebuild


def test_what_was_signed_has_to_be_there() -> None:
    """A sign record that is ahead, or has another root, is found, and nothing can be made anew."""
    for record in (SignRecord(LOG.size + 1, LOG.root, 0, b""), SignRecord(LOG.size, bytes(32), 0, b"")):
        found = check(changed({}), record)
        assert ([one.where for one in found.findings], found.can_rebuild) == (["sign record"], False)


@pytest.mark.parametrize("name", ["TILE", "BATCH", "ENTRY", "STATUS", "CONFLICT", "META", "BY_KIND"])
def test_rows_that_can_t_be_read_are_found(name: str) -> None:
    """A checksum that doesn't match: of derived rows, they can be made anew; of the log's own, its place is named."""
    prefix = keys.PREFIXES[name]
    start = sorted(row for row in ROWS if row[:1] == prefix)[-1]
    found = check(changed({}, Torn(start)))
    is_log = name in ("BATCH", "ENTRY")
    assert found.findings
    assert "can't be read" in found.findings[0].detail
    assert (found.findings[0].where == "entries", found.can_rebuild) == (is_log, not is_log)


def test_heads_versions_tiles_and_strangers_are_rows_too() -> None:
    """Each of them changed, missing, or of no known sort."""
    head = codec.pack([LOG.size - 1, LOG.root, []])
    for rows, word in (
        ({HEAD_KEY: None}, "META"), ({HEAD_KEY: head}, "META"), ({HEAD_KEY: b"junk"}, "META"),
        ({VERSION_KEY: None}, "META"), ({tile_key(0, 0): None}, "TILE"), ({tile_key(0, 0): bytes(8192)}, "TILE"),
        ({tile_key(0, 1): bytes(8192)}, "TILE"), ({b"\xfejunk": b""}, "unknown"),
        ({keys.CONFLICT + key("lab").public_key().public_bytes_raw() + b"\0": b"junk"}, "CONFLICT"),
    ):  # fmt: skip
        found = check(changed(rows))
        assert found.can_rebuild
        assert word in found.findings[0].detail


def test_a_head_beyond_the_entries_is_a_loss() -> None:
    """Entries that the head names and nobody finds: named, whatever was signed."""
    found = check(changed({HEAD_KEY: codec.pack([LOG.size + 3, LOG.root, []])}))
    assert (found.findings[0].leaf, found.findings[0].where) == (LOG.size, "entries")


def test_an_empty_database_is_no_log() -> None:
    """Without any entry there is nothing to be good."""
    found = check_database(MemoryStore(), log=LOG.identity, signed=signed(LOG, 0), executor=None, show=quiet)
    assert found.findings[0].leaf == 0
