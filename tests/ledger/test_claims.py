"""Claims on external names and shares by grant: what rules ask of them is at hand, whatever was withdrawn before."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import context, keys
from ledger.claims import CLAIM_STEPS
from ledger.store import MemoryStore, Row
from tests.ledger.market import Market, terms
from tests.ledger.support import NAME, Log, asset, body, public, source, usage

NAMES = [NAME, "doi:10.1234/other"]
CLAIMANTS = ["owner", "maker", "third"]


class WatchedStore(MemoryStore):
    """Remembers which prefixes were gone through."""

    def __init__(self) -> None:
        super().__init__()
        self.scanned: set[bytes] = set()

    def scan(self, start: bytes, stop: bytes, *, reverse: bool = False) -> Iterator[Row]:
        """See MemoryStore."""
        self.scanned.add(start[:1])
        return super().scan(start, stop, reverse=reverse)


@given(st.lists(st.tuples(st.sampled_from(CLAIMANTS), st.sets(st.sampled_from(NAMES)), st.integers(0, 9)), max_size=24))
def test_what_is_kept_of_claims_is_what_stands(steps: list[tuple[str, set[str], int]]) -> None:
    """Whatever parties claim and withdraw, in whatever order: how many claim a name, the one that does, and each one's
    newest claim are those of the rows that stand."""
    log = Market()
    standing: list[tuple[str, bytes]] = []
    for who, names, pick in steps:
        if names:
            standing.append((who, log.register(who, "claims", aka=sorted(names))))
        elif standing:
            owner, ref = standing.pop(pick % len(standing))
            log.put(owner, body("withdraw", target=ref))
        for name in NAMES:
            there = dict(log.state.claimants(name, most=10))
            count, claimant = log.state.claims(name)
            assert count == len(there)
            assert count != 1 or claimant in there
            assert {party: log.state.claim_of(name, party) for party in map(public, CLAIMANTS)} == {
                party: there.get(party) for party in map(public, CLAIMANTS)
            }
    for owner, ref in standing:
        log.put(owner, body("withdraw", target=ref))
    left = [row for prefix in (keys.AKA, keys.CLAIM, keys.CLAIMS) for row in log.store.scan(prefix, keys.after(prefix))]
    assert left == []


def test_no_rule_goes_through_rows_that_are_withdrawn() -> None:
    """Uses by name, claims, shares by grant and disputes about them are judged without a scan over rows that get
    deleted: on LevelDB, twenty thousand deleted ones would cost each of them milliseconds of the writer's time."""
    store = WatchedStore()
    log = Market(store)
    claim = log.register("owner", "corpus", aka=NAMES, terms=terms(derivatives=500))
    old = log.publish("owner", claim, derivatives=300)
    log.publish("owner", claim, derivatives=700)
    grant = log.ref(log.put("owner", body("grant", terms=old, licensee=public("lab"))).first_index)
    store.scanned.clear()
    log.put("lab", usage(NAME), usage(NAMES[1]))
    log.register("lab", "model", sources=[source(claim, bps=300)])
    rival = log.register("third", "rival", aka=NAMES)
    log.put("lab", usage(NAME))
    log.put("maker", asset("another"), body("withdraw", target=log.register("maker", "more", aka=NAMES)))
    log.put("owner", body("withdraw", target=grant))
    log.put("third", body("dispute", target=claim, reason="ours"), body("withdraw", target=rival))
    assert not store.scanned & {keys.AKA, keys.CLAIM, keys.CLAIMS, keys.GRANTED, keys.GRANT_SHARE, keys.GRANT_SHARES}
    log.rule("lab", asset("late", sources=[source(claim, bps=300)]), field="sources.0.bps")
    log.check()


def test_a_share_is_granted_as_long_as_one_grant_of_it_stands(log: Log) -> None:
    """Two grants of terms that ask the same share: it may be listed until both are withdrawn."""
    ref = log.register("owner", "corpus", terms=terms(derivatives=500))
    second = log.ref(log.put("owner", body("terms", asset=ref, **terms(derivatives=500))).first_index)
    log.put("owner", body("terms", asset=ref, **terms(derivatives=700)))
    grants = [
        log.ref(log.put("owner", body("grant", terms=which, licensee=public("lab"))).first_index)
        for which in (ref, second)
    ]
    for grant in grants:
        log.register("lab", "model", sources=[source(ref, bps=500)])
        log.put("owner", body("withdraw", target=grant))
    log.rule("lab", asset("model", sources=[source(ref, bps=500)]), field="sources.0.bps")
    log.check()


@pytest.fixture
def log() -> Market:
    """A log with parties."""
    return Market()


def test_claims_are_counted_as_work(log: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name that an asset begins or ceases to claim is counted: a batch that withdraws a thousand assets of a
    thousand names each is too much for one."""
    ref = log.register("owner", "corpus", aka=NAMES)
    for record, field in ((asset("more", aka=NAMES), "aka"), (body("withdraw", target=ref), "target")):
        monkeypatch.setattr(context, "STEPS_MAX", CLAIM_STEPS * len(NAMES) - 1)
        log.rule("owner", record, field=field)
        monkeypatch.setattr(context, "STEPS_MAX", CLAIM_STEPS * len(NAMES))
        log.put("owner", record)
    log.check()
