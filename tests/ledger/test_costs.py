"""What a step costs is counted, not timed: rows read, rows found, comparisons. None of it grows with the log."""

from collections.abc import Iterator

import pytest

from ledger import context
from ledger.errors import Refusal
from ledger.reader import EntryCache, Reader
from ledger.store import MemoryStore, Overlay, Row
from tests.ledger.market import Market, offer, splits
from tests.ledger.support import NAME, Log, asset, body, delegate, none, source, usage


class CountingStore(MemoryStore):
    """Counts the rows that are asked for and found."""

    reads = 0

    def get(self, key: bytes) -> bytes | None:
        """See MemoryStore."""
        self.reads += 1
        return super().get(key)

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See MemoryStore."""
        self.reads += 1
        for row in super().scan(start, stop, reverse=reverse):
            self.reads += 1
            yield row


@pytest.fixture
def log() -> Log:
    """A log with a `lab` and an `owner`, over a store that counts."""
    made = Log(CountingStore())
    made.join("lab")
    made.join("owner")
    return made


def reads(log: Log) -> int:
    """Rows read since the last call."""
    store = log.store
    assert isinstance(store, CountingStore)
    count, store.reads = store.reads, 0
    return count


def grow(log: Log, count: int) -> None:
    """So many more entries, in batches of 64."""
    for _ in range(count // 64):
        log.put("lab", *[none()] * 64)


def cost(log: Log, *bodies: bytes, who: str = "lab") -> int:
    """Rows read to judge and commit one batch at the present head."""
    batch = log.sign(who, *bodies)
    reads(log)
    log.take(batch)
    return reads(log)


def test_a_batch_costs_the_same_in_a_long_log(log: Log) -> None:
    """Rows read for a batch don't grow with the log, and hardly with the batch."""
    ref = log.register("owner", "corpus", sources=[source(NAME)])
    made = log.register("lab", "made", sources=[source(ref)])
    batches = ([none()], [usage(ref)] * 100, [usage(NAME)] * 10, [usage(ref, into=made)] * 10, [asset("x")])
    before = [cost(log, *bodies) for bodies in batches]
    grow(log, 2048)
    after = [cost(log, *bodies) for bodies in batches]
    assert all(late <= early for early, late in zip(before, after, strict=True)), (before, after)
    assert after[0] <= 10
    assert after[1] <= 20


def test_a_refusal_costs_little(log: Log) -> None:
    """A gap, a used number or an unknown key is refused after a handful of rows, however long the log."""
    grow(log, 1024)
    for batch in (log.sign("lab", none(), first=10**6), log.sign("stranger", none()), log.sign("lab", none(), first=7)):
        reads(log)
        with pytest.raises(Refusal):
            log.take(batch)
        assert reads(log) <= 10


def test_many_claims_cost_what_two_do(log: Log) -> None:
    """The status of a use by name costs the same, with however many assets the name is claimed by one party."""
    log.register("owner", "a", aka=[NAME])
    few = cost(log, usage(NAME))
    for number in range(200):
        log.register("owner", f"a{number}", aka=[NAME])
    assert cost(log, usage(NAME)) <= few


def test_a_repeat_costs_its_own_batch(log: Log) -> None:
    """A batch sent again costs rows in proportion to itself, not to what came after it."""
    batch = log.sign("lab", *[none()] * 10)
    log.take(batch)
    reads(log)
    log.take(batch)
    first = reads(log)
    grow(log, 2048)
    reads(log)
    log.take(batch)
    assert reads(log) <= first <= 40


def test_a_conflict_costs_nothing_of_the_batch_it_conflicts_with(log: Log) -> None:
    """Another batch over the numbers of a long one is refused after a handful of rows, and so is one that has its head
    and count: whoever sends small ones doesn't have large ones read again."""
    first = log.next("lab")
    head = (log.size, log.root)
    log.put("lab", *[none()] * 512)
    for batch in (log.sign("lab", none(9), first=first), log.sign("lab", *[none(9)] * 512, first=first, head=head)):
        reads(log)
        with pytest.raises(Refusal):
            log.take(batch)
        assert reads(log) <= 10


def test_a_start_reads_the_edge_only(log: Log) -> None:
    """A start reads the tree head, tiles of the right edge and the last entries: a bound, whatever the size."""
    grow(log, 128)
    reads(log)
    log.open()
    small = reads(log)
    for _ in range(12):
        grow(log, 1024)
    log.put("lab", *[none()] * 100)
    reads(log)
    log.open()
    assert reads(log) <= small + 256 + 2 * 256


def test_a_proof_reads_few_tiles(log: Log) -> None:
    """Inclusion and consistency proofs read at most two tiles a level, an entry its own batch."""
    grow(log, 4096)
    reader = Reader(log.ledger.tree.view(log.store), EntryCache())
    for ask in (lambda: reader.inclusion(7, reader.size), lambda: reader.consistency(257, reader.size)):
        reads(log)
        ask()
        assert reads(log) <= 6
    reads(log)
    reader.entry(1000)
    assert reads(log) <= 64 + 6
    reader.entry(1000)
    assert reads(log) <= 4


class CountedKey(bytes):
    """A bound of a scan that counts how often it is compared."""

    count = 0

    def _counted(self) -> bytes:
        CountedKey.count += 1
        return bytes(self)

    def __lt__(self, other: bytes) -> bool:
        return self._counted() < other

    def __le__(self, other: bytes) -> bool:
        return self._counted() <= other

    def __gt__(self, other: bytes) -> bool:
        return self._counted() > other

    def __ge__(self, other: bytes) -> bool:
        return self._counted() >= other


def test_a_scan_of_many_held_rows_costs_what_it_finds() -> None:
    """With 50,000 rows held under a prefix, a scan of a few of them compares its bounds some dozens of times."""
    overlay = Overlay(MemoryStore())
    for number in range(50_000):
        overlay.put(b"p" + number.to_bytes(4, "big"), b"")
    held = Overlay(overlay)
    for _ in range(2):
        CountedKey.count = 0
        start, stop = CountedKey(b"p" + (777).to_bytes(4, "big")), CountedKey(b"p" + (779).to_bytes(4, "big"))
        assert len(list(held.scan(start, stop))) == 2
        assert len(list(held.scan(start, stop, reverse=True))) == 2
        assert CountedKey.count < 500


def test_state_does_not_pile_up_in_memory(log: Log) -> None:
    """What a ledger keeps in memory besides the store stays within its bounds while the log grows."""
    ref = log.register("owner", "corpus")
    log.put("lab", *[delegate(f"agent {number}", "lab", "usage") for number in range(10)])
    for number in range(100):
        log.put(f"agent {number % 10}", usage(ref))
        log.put("owner", asset(f"a{number}"), body("description", name=NAME, type="work"))
    ledger = log.ledger
    assert len(ledger.roots) <= log.size
    assert len(ledger.memo.behind) <= ledger.memo.entries_max
    assert sum(map(len, ledger.tree.edge)) < 256 * 32 * len(ledger.tree.edge)


def test_plans_do_not_pile_up_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What uses of assets come to is remembered for so many assets, splits and offers and no more, and is the same
    whether it was remembered or not."""
    log = Market()
    offers = [offer(1), offer(2, unit="call"), offer(3, use="infer")]
    refs = [log.sell("owner", f"a{n}", offers=offers, splits=splits(owner=5000, maker=5000)) for n in range(6)]
    for assets, parts in ((4, 10**6), (4096, 5 * 3), (4096, 1)):
        monkeypatch.setattr(context, "PLANS_MAX", assets)
        monkeypatch.setattr(context, "PLAN_PARTS_MAX", parts)
        memo = log.ledger.memo
        memo.forget_plans()
        for ref in (*refs, *refs):
            assert log.lines(log.use("lab", ref, 10)) == {"owner": 5, "maker": 5}
            kept = sum(plan.parts + 3 for plan in memo.plans.values())
            assert len(memo.plans) <= assets
            assert kept <= max(parts, 5)
    log.check()
