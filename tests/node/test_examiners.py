"""node.examiners: batches are examined by other processes exactly as in line."""

import gc
import sys
from dataclasses import replace

import pytest

from ledger.examine import examine
from node.examiners import CHUNK_BATCHES, COLLECT_EVERY, Examiners, pack_examined, unpack_examined
from proofs.entry import Batch, sign_batch
from proofs.errors import FatalError
from proofs.merkle import EMPTY_ROOT
from tests.ledger.support import ORIGIN, key, none


def batch(first: int, *bodies: bytes) -> Batch:
    return sign_batch(key("lab"), origin=ORIGIN, size=0, root=EMPTY_ROOT, first=first, bodies=bodies)


GOOD = batch(0, none(1), none(2), none(3))
REFUSED = batch(3, none(1), b"\xc0")
FORGED = replace(GOOD, signature=bytes(64))
MANY = [batch(at, none(at + 1)).entries() for at in range(2 * CHUNK_BATCHES + 9)]
ALL = [GOOD.entries(), REFUSED.entries(), FORGED.entries(), GOOD.entries()[:2], GOOD.entries()[1:], [b""], *MANY]


def test_processes_find_what_is_found_in_line() -> None:
    """Every batch gets the verdict that it gets without a pool, good or bad, whoever is asked first."""
    with Examiners(2) as pool:
        futures = [pool.submit(examine, ORIGIN, entries) for entries in ALL]
        last = futures[-1].result(30)
        found = [future.result(30) for future in futures]
    expected = [unpack_examined(pack_examined(examine(ORIGIN, entries))) for entries in ALL]
    # Refusals are exceptions, which have no equality of their own.
    assert [(repr(one), pack_examined(one)) for one in found] == [(repr(one), pack_examined(one)) for one in expected]
    assert last == found[-1]
    assert [at for at, one in enumerate(found) if one.failure or one.fields] == [1, 2, 3, 4, 5]


def test_what_goes_through_the_pipe_comes_out_as_it_was() -> None:
    """Packed and unpacked, a verdict is the same, decoded bodies and all."""
    for entries in ALL[:6]:
        found = examine(ORIGIN, entries)
        came = unpack_examined(pack_examined(found))
        assert (came.failure, came.lines, list(came.leaves), list(came.lengths)) == (
            found.failure, found.lines, list(found.leaves), list(found.lengths),
        )  # fmt: skip
        assert came.bodies == found.bodies
        assert str(came.fields) == str(found.fields)


def test_the_interpreter_searches_for_garbage_as_before_when_they_are_done() -> None:
    """Rarely while the processes work, and as often as before afterwards; also where none was needed."""
    before = gc.get_threshold()
    with Examiners(1) as pool:
        assert pool.submit(examine, ORIGIN, GOOD.entries()).result(30).failure is None
        assert gc.get_threshold() == (COLLECT_EVERY, *before[1:])
    assert gc.get_threshold() == before
    Examiners(1).shutdown()
    assert gc.get_threshold() == before


def test_other_work_is_refused() -> None:
    """The processes are for batches; a call of anything else is a defect that shows at once."""
    with Examiners(1) as pool, pytest.raises(FatalError):
        pool.submit(print)


@pytest.mark.parametrize("command", [[sys.executable, "-c", "print('hello')"], ["/nonexistent/python"]])
def test_a_lost_process_costs_no_verdict(monkeypatch, command) -> None:
    """Where a process ends, can't be understood or can't be started, the work is done here, and nothing waits."""
    monkeypatch.setattr("node.examiners.COMMAND", command)
    with Examiners(1) as pool:
        good = pool.submit(examine, ORIGIN, GOOD.entries())
        bad = pool.submit(examine, ORIGIN, FORGED.entries())
        assert good.result(30).failure is None
        assert bad.result(30).failure is not None
