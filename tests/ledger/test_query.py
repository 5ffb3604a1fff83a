"""Look-ups over a published state (ledger/query.py): which assets and descriptions a list holds."""

import pytest

from ledger.query import Page, Query
from tests.ledger.support import NAME, Log, body

ROOT = bytes(range(32))


@pytest.fixture
def query() -> Query:
    log = Log()
    log.join("press")
    log.join("curator")
    log.register("press", "corpus", root=ROOT, items=1, bytes=5)
    log.put("curator", body("description", name=NAME, type="dataset", title="corpus", root=ROOT, items=1, bytes=5))
    log.register("press", "other")
    return Query(log.reader())


def test_what_a_party_registered_is_found_among_its_own(query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assets and descriptions by kind and party, paged, without a look at anybody else's entries."""
    press, curator = query.record(3).party, query.record(4).party
    monkeypatch.setattr(query, "_party", None)
    assert query.records(start=0, limit=10, kind="asset", party=press).indices == [3, 5]
    assert query.records(start=0, limit=1, kind="asset", party=press) == Page([3], 5)
    assert query.records(start=4, limit=10, kind="asset", party=press) == Page([5], None)
    assert query.records(start=0, limit=10, kind="description", party=press).indices == []
    assert query.records(start=0, limit=10, kind="description", party=curator).indices == [4]


def test_lists_hold_assets_and_descriptions(query: Query) -> None:
    """Without a filter, and by name, root and party, both kinds are found, in the log's order."""
    assert query.assets(start=0, limit=10).indices == [3, 4, 5]
    assert query.assets(start=4, limit=1).indices == [4]
    assert query.assets(start=4, limit=1).next == 5
    assert query.assets(start=0, limit=10, name="corpus").indices == [3, 4]
    assert query.assets(start=0, limit=10, root=ROOT).indices == [3, 4]
    assert query.assets(start=0, limit=10, party=query.record(4).party).indices == [4]
