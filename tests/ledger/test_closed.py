"""ledger.append on a log that has ended: what it has is answered again, nothing else is taken or kept."""

from ledger.errors import CLOSED
from tests.ledger.support import Log, delegate, none, party


def test_a_closed_log_takes_and_keeps_nothing() -> None:
    """A new batch, one after a gap, another over used numbers (not even as a conflict), a new party, a bad head or a
    record that breaks a rule: 410, in place of what else is wrong but the signature."""
    log = Log()
    log.join("lab")
    log.put("lab", none())
    log.ledger.is_closed = True
    for batch in (
        log.sign("lab", none()), log.sign("lab", none(), first=9), log.sign("lab", none(77), first=1),
        log.sign("new", party()), log.sign("lab", none(), head=(1, bytes(32))), log.sign("stranger", none()),
        log.sign("lab", delegate("lab", "lab", "none")),
    ):  # fmt: skip
        refusal = log.refused(batch, 410, CLOSED)
        assert "closed for good at size 3" in refusal.detail
    assert log.conflicts("lab") == []
    log.refused(log.sign("lab", none(), origin="log.example/other"), 403, "usance:signature")


def test_a_batch_that_it_has_is_answered_once_more() -> None:
    """Whoever lost an answer before the end gets it after the end, beside others that are refused."""
    log = Log()
    log.join("lab")
    batch = log.sign("lab", none(), none(3))
    first = log.take(batch)
    log.ledger.is_closed = True
    again = log.take(batch)
    assert (again.first_index, again.count, again.statuses) == (first.first_index, first.count, first.statuses)
    assert not log.ledger.group().dirty
