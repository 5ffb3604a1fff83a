"""Look-ups over a published state (ledger/query.py): which assets and descriptions a list holds."""

import pytest

from ledger.query import Page, Query
from proofs.errors import InputError
from tests.ledger.market import Market
from tests.ledger.support import NAME, Log, body, public
from tests.ledger.test_findings import claimed

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


def test_claims_are_listed_by_whom_they_are_against_and_by_asset() -> None:
    """Paged like any list; `against` goes with no other filter but the kind claim."""
    log = Market()
    a, model = log.sell("owner", "a"), log.register("lab", "model")
    at = log.put("owner", claimed(a, asset=model), body("canary", asset=a, root=ROOT, count=1)).first_index
    log.put("owner", claimed(a, party=public("lab")), claimed(a, digest=ROOT))
    log.use("lab", a)
    query = Query(log.reader())
    assert query.records(start=0, limit=1, against=public("lab")) == Page([at], at + 2)
    assert query.records(start=at + 1, limit=5, kind="claim", against=public("lab")) == Page([at + 2], None)
    assert query.records(start=0, limit=5, against=public("owner")).indices == []
    asset = int.from_bytes(a[:8], "big")
    assert query.records(start=0, limit=9, kind="claim", asset=asset).indices == [at, at + 2, at + 3]
    assert query.records(start=at + 1, limit=9, kind="claim", asset=asset, party=public("owner")).indices == [
        at + 2,
        at + 3,
    ]
    assert query.records(start=0, limit=9, kind="claim", asset=asset, party=public("lab")).indices == []
    assert query.records(start=0, limit=9, kind="canary", asset=asset).indices == [at + 1]
    for more in ({"kind": "usage"}, {"asset": asset}, {"party": public("lab")}):
        with pytest.raises(InputError):
            query.records(start=0, limit=9, against=public("lab"), **more)
