"""Random ledgers' lineage against naive sums and walks: uses, earnings, edges, who says so, and the ways between."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import trace as trace_module
from ledger import walk
from ledger.errors import Refusal
from ledger.lineage import Target
from ledger.query import Query
from ledger.reader import EntryCache, Reader
from ledger.replay import Replay
from ledger.store import MemoryStore
from ledger.trace import Asked, trace
from tests.ledger.market import Market, offer
from tests.ledger.support import body, source
from tests.money import lineagebooks
from tests.money.naive import Entry
from tests.money.player import Player
from tests.money.test_random_ledgers import plays
from tests.money.worlds import Action, plans

WHO = ("owner", "maker", "lab")
NAMES = ("pkg:generic/a", "pkg:generic/a@1", "doi:10.1234/b", "model:p/c")
RELATIONS = ("derived_from", "contains", "generated_by", "trained_on", "evaluated_on")
small = st.integers(0, 30)
targets = st.one_of(small, small, small, small, st.sampled_from(NAMES))
listed = st.lists(st.tuples(targets, st.sampled_from(RELATIONS)), max_size=3)
claimed = st.one_of(*[st.just([])] * 4, st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
steps = st.one_of(
    st.tuples(
        st.just("asset"), st.sampled_from(WHO), listed, st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
    ),
    st.tuples(st.just("describe"), st.sampled_from(WHO), listed, st.sampled_from(NAMES)),
    st.tuples(st.just("use"), st.sampled_from(WHO), targets, st.one_of(st.none(), small, st.just("thing"))),
    st.tuples(st.just("withdraw"), st.sampled_from(WHO), small, st.none()),
    st.tuples(st.just("terms"), st.sampled_from(WHO), small, st.none()),
)


class Web:
    """A log on which drawn steps are played; what the rules refuse is left out."""

    def __init__(self) -> None:
        self.market = Market()
        self.assets: list[bytes] = []

    def _target(self, drawn: int | str) -> bytes | str | None:
        if isinstance(drawn, str):
            return drawn
        return self.assets[drawn % len(self.assets)] if self.assets else None

    def _sources(self, drawn: list[tuple[int | str, str]]) -> list[dict[str, Any]]:
        found: dict[tuple[bytes | str, str], None] = {}
        for one, relation in drawn:
            target = self._target(one)
            if target is not None:
                found[target, relation] = None
        return [source(target, relation) for target, relation in found]

    def play(self, step: tuple[Any, ...]) -> None:
        what, who, first, second = step
        market = self.market
        try:
            if what == "asset":
                at = len(self.assets)
                named = {"aka": sorted(second)} if second else {}
                self.assets.append(market.register(who, f"a{at}", sources=self._sources(first), **named))
            elif what == "describe":
                fields = {"type": "dataset", "name": second, "sources": self._sources(first)}
                market.put(who, body("description", **fields))
            elif what == "use" and self._target(first) is not None:
                into: dict[str, Any] = {}
                if isinstance(second, str):
                    into = {"into_name": second}
                elif second is not None and self.assets:
                    into = {"into": self._target(second)}
                market.use(who, self._target(first) or "", **into)
            elif what == "withdraw" and self.assets:
                market.put(who, body("withdraw", target=self._target(first)))
            elif what == "terms" and self.assets:
                market.publish(who, self.assets[first % len(self.assets)], offer(1000))
        except Refusal:
            return

    def entries(self) -> list[Entry]:
        query = Query(Reader(self.market.ledger.view(), EntryCache()))
        found = []
        for index in range(self.market.size):
            record = query.record(index)
            found.append(Entry(index, record.ref.leaf, record.party, record.entry.size, dict(record.body)))
        return found


@given(plans, st.integers(0, 60))
@plays(4)
def test_money_along_lineage_is_what_naive_sums_say(plan: list[Action], since: int) -> None:
    """Uses and earnings of every material, whole and since a leaf, are those that going through the entries gives."""
    player = Player(lineagebooks_log())
    for action in plan:
        player.play(action)
    lineagebooks.compare(player.log.state, player.known)
    lineagebooks.compare(player.log.state, player.known, since=since)


def lineagebooks_log() -> Any:
    """A log that the player begins itself."""
    from tests.ledger.support import Log

    return Log(begin=False)


@given(st.lists(steps, max_size=30))
@plays(3)
def test_webs_of_assets_and_names_are_walked_whole(drawn: list[tuple[Any, ...]]) -> None:
    """Traces of random webs (names described in cycles, claimed, withdrawn, replaced) hold what naive walks find, and a
    replay and a rebuilt state answer alike."""
    web = Web()
    for step in drawn:
        web.play(step)
    log = web.entries()
    lineagebooks.compare(web.market.state, log)
    made = MemoryStore()
    replay = Replay(web.market.identity, store=made)
    replay.feed(web.market.entries())
    replay.finish()
    again = trace_module.State(made)
    for target in lineagebooks.materials(log):
        assert trace(again, Asked(target)) == trace(web.market.state, Asked(target))


@given(st.lists(steps, max_size=30), st.booleans())
@plays(3)
def test_a_way_is_found_where_there_is_one(drawn: list[tuple[Any, ...]], is_swept: bool) -> None:
    """`find_path` answers a chain of real edges exactly where a naive walk reaches the source, searched or swept."""
    web = Web()
    for step in drawn:
        web.play(step)
    log, state = web.entries(), web.market.state
    with pytest.MonkeyPatch.context() as patch:
        if is_swept:
            patch.setattr(walk, "SEARCH_EDGES", 0)
        every, twins = lineagebooks.edges(log), lineagebooks.same(log)
        lasting = {pair for pair, said in every.items() if any(relation != "evaluated_on" for _, relation in said)}
        lasting |= {(one, other) for one, others in twins.items() for other in others} | lineagebooks.packages(log)
        for made in lineagebooks.materials(log):
            behind = _closure(lasting, made)
            for goal in lineagebooks.materials(log):
                way = walk.find_path(state, made, goal)
                assert (way is not None) == (goal in behind)
                if way is not None:
                    assert (way[0], way[-1]) == (made, goal)
                    assert all(pair in lasting for pair in itertools.pairwise(way))


def _closure(pairs: set[tuple[Target, Target]], start: Target) -> set[Target]:
    found, edge = {start}, [start]
    while edge:
        at = edge.pop()
        for made, behind in pairs:
            if made == at and behind not in found:
                found.add(behind)
                edge.append(behind)
    return found
