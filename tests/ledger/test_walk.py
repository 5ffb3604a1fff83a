"""Ways between assets: what each rests on, the search from both ends, and the pass over the rows, on known webs."""

import pytest

from ledger import walk
from ledger.walk import find_path
from proofs.ref import unpack_ref
from tests.ledger.market import Market
from tests.ledger.support import source


@pytest.fixture
def web() -> tuple[Market, dict[str, int]]:
    """a <- b <- c <- d, one after the other in the log; e of a and d; f of its own; g of f and a."""
    market = Market()
    refs: dict[str, bytes] = {}
    for name, sources in (("a", ""), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "ad"), ("f", ""), ("g", "fa")):
        listed = {"sources": [source(refs[one]) for one in sources]} if sources else {}
        refs[name] = market.register("owner", name, **listed)
    return market, {name: unpack_ref(ref).index for name, ref in refs.items()}


@pytest.mark.parametrize("edges", [10_000, 0], ids=["searched", "swept"])
@pytest.mark.parametrize(
    ("made", "goal", "way"),
    [
        ("b", "a", "ba"), ("c", "a", "cba"), ("d", "a", "dcba"), ("d", "c", "dc"), ("e", "b", "edcb"), ("g", "a", "ga"),
        ("a", "b", None), ("g", "b", None), ("e", "f", None), ("f", "a", None), ("d", "d", "d"),
    ],
)  # fmt: skip
def test_a_way_goes_along_edges_or_there_is_none(
    web: tuple[Market, dict[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    made: str,
    goal: str,
    way: str | None,
    edges: int,
) -> None:  # fmt: skip
    """The only way there is, each step of it, by either means; also where its middle stands right above the source."""
    market, at = web
    monkeypatch.setattr(walk, "SEARCH_EDGES", edges)
    found = find_path(market.state, at[made], at[goal])
    assert found == (None if way is None else [at[name] for name in way])


def test_what_an_asset_rests_on_spares_the_search(
    web: tuple[Market, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the source rests on something that the other doesn't, nothing is searched or passed over."""
    market, at = web

    def never(*_: object) -> None:
        raise AssertionError("it was searched for")

    monkeypatch.setattr(walk, "_meet", never)
    assert find_path(market.state, at["e"], at["f"]) is None
    assert market.state.roots(at["g"]) == market.state.roots(at["a"]) | market.state.roots(at["f"])
