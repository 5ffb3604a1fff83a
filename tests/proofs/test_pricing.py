"""proofs.pricing: charges, closures and hand-downs, against fractions and the design's own numbers (section 5)."""

import math
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import pricing
from proofs.codec import INT_MAX
from proofs.currencies import minor_unit_nanos, round_down
from proofs.errors import InputError
from proofs.pricing import Closure, Source, Splits, Terms

A, B, C, D = (bytes([n]) * 32 for n in range(1, 5))
EURO = 10**9


def make_terms(offers: dict[str, dict[str, tuple[int, int]]] | None = None, **fields: object) -> Terms:
    """Terms in EUR: by default a token of training for a nano."""
    chosen = {"train": {"token": (1, 1)}} if offers is None else offers
    basis: dict[str, object] = {
        "currency": "EUR", "offers": chosen, "prohibits": frozenset(), "splits": (), "derivatives": 0,
        "needs_grant": False, "arbiter": None,
    }  # fmt: skip
    return Terms(**{**basis, **fields})  # type: ignore[arg-type]


def cost(quantity: int, price: int, per: int, **fields: object) -> tuple[str, str, int]:
    """What so many tokens of training come to."""
    terms = make_terms({"train": {"token": (price, per)}}, **fields)
    return tuple(pricing.charge(terms, use="train", quantities={"token": quantity}))  # type: ignore[return-value]


# Charges


@pytest.mark.parametrize(
    ("quantity", "price", "per", "charge"),
    [
        (1_000_000, 2_500_000_000, 1_000_000, 2_500_000_000),  # 2.50 for a million
        (1, 1, 1000, 1),
        (1000, 1, 1000, 1),
        (1001, 1, 1000, 2),
        (7, 0, 1, 0),
        (3, 1, 3, 1),
        (4, 1, 3, 2),
        (1, 2**53, INT_MAX, 1),
        (INT_MAX, 2**53, INT_MAX, 2**53),
    ],
)
def test_a_charge_is_rounded_up(quantity: int, price: int, per: int, charge: int) -> None:
    """Quantity by price over per, up to the next nano; nothing but a price of 0 is free."""
    assert cost(quantity, price, per) == ("licensed", "", charge)


quantities = st.integers(1, INT_MAX)
prices = st.integers(0, 2**53)


@given(quantities, prices, st.integers(1, INT_MAX), st.sampled_from(["EUR", "JPY", "KWD", "CLF", "USDC"]))
def test_a_charge_is_the_exact_one_rounded_up(quantity: int, price: int, per: int, currency: str) -> None:
    """Against fractions: at least what is owed, by less than a nano more; above what a statement can bill, nothing."""
    status, reason, amount = cost(quantity, price, per, currency=currency)
    exact = math.ceil(Fraction(quantity * price, per))
    if exact > round_down(INT_MAX, currency):
        assert (status, reason, amount) == ("unpriced", "overflow", 0)
    else:
        assert (status, reason, amount) == ("licensed", "", exact)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), prices, st.integers(1, 10**9))
def test_shredding_never_gains(parts: list[int], price: int, per: int) -> None:
    """A use in many records costs at least what it costs in one."""
    whole = cost(sum(parts), price, per)
    shreds = [cost(part, price, per) for part in parts]
    if whole[1] == "":
        assert sum(shred[2] for shred in shreds) >= whole[2]


def test_units_are_rounded_one_by_one() -> None:
    """Each unit is rounded by itself, and the sum is the charge."""
    terms = make_terms({"train": {"token": (1, 3), "call": (1, 3), "item": (0, 1)}})
    found = pricing.charge(terms, use="train", quantities={"call": 1, "item": 9, "token": 1})
    assert tuple(found) == ("licensed", "", 2)


def test_statuses_of_a_charge() -> None:
    """Prohibited before all; no offer for the use or for any of its units: unpriced; for some: part-priced, and these
    are charged; overflow before part-priced."""
    terms = make_terms(
        {"train": {"token": (1, 1), "call": (0, 1)}, "ground": {"call": (2**53, 1)}}, prohibits=frozenset({"distill"})
    )

    def look(use: str, **units: int) -> tuple[str, str, int]:
        return tuple(pricing.charge(terms, use=use, quantities=units))  # type: ignore[return-value]

    assert look("distill", token=5) == ("unlicensed", "prohibited", 0)
    assert look("embed", token=5) == ("unpriced", "no-offer", 0)
    assert look("train", item=5) == ("unpriced", "no-offer", 0)
    assert look("train", item=5, token=5) == ("part-priced", "", 5)
    assert look("train", call=1, item=1) == ("part-priced", "", 0)
    assert look("train", call=1) == ("licensed", "", 0)
    assert look("ground", call=INT_MAX) == ("unpriced", "overflow", 0)
    assert look("ground", call=INT_MAX, item=1) == ("unpriced", "overflow", 0)
    both = make_terms({"train": {"token": (1, 1)}}, prohibits=frozenset({"train"}))
    assert pricing.charge(both, use="train", quantities={"token": 1}).reason == "prohibited"


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD", "CLF", "USDC"])
def test_a_charge_fits_a_statement_whatever_was_left(currency: str) -> None:
    """The largest charge, on top of the most that rounding leaves open, is still due in one statement; one nano more
    is unpriced."""
    largest, unit = round_down(INT_MAX, currency), minor_unit_nanos(currency)
    assert cost(largest, 1, 1, currency=currency) == ("licensed", "", largest)
    assert round_down(largest + unit - 1, currency) <= INT_MAX
    if largest < INT_MAX:
        assert cost(largest + 1, 1, 1, currency=currency) == ("unpriced", "overflow", 0)
    assert largest <= pricing.CHARGE_MAX == INT_MAX


# Closures


def source(asset: int, bps: int, closure: Closure = pricing.NOTHING, currency: str = "EUR") -> Source:
    return Source(asset, bps, currency, closure)


def test_the_largest_bps_of_an_asset_is_kept() -> None:
    """An asset that comes several times, directly or through others, keeps its largest share; those at 0 drop out."""
    b = pricing.close([source(1, 500)])
    assert b == Closure(((1, 500),), "EUR")
    assert pricing.close([source(2, 1000, b)]).shares == ((1, 500), (2, 1000))
    assert pricing.close([source(1, 700), source(2, 1000, b)]).shares == ((1, 700), (2, 1000))
    assert pricing.close([source(1, 300), source(2, 1000, b)]).shares == ((1, 500), (2, 1000))
    assert pricing.close([source(2, 0, b), source(3, 0)]).shares == ((1, 500),)
    assert pricing.close([]) == pricing.close([source(3, 0)]) == pricing.NOTHING


def test_shares_pass_through_what_asks_nothing() -> None:
    """However many assets that ask nothing lie between, an ancestor's share arrives undiminished."""
    closure = pricing.close([source(1, 500)])
    for asset in range(2, 12):
        closure = pricing.close([source(asset, 0, closure, currency="")])
    assert closure == Closure(((1, 500),), "EUR")


def test_what_bars_an_asset_from_selling() -> None:
    """More than 32 assets, more than 10,000 bps, or two currencies: a fault, which is handed on to whatever is made
    from it; 32 assets and 10,000 bps are none."""
    many = [source(n, 300) for n in range(33)]
    assert pricing.close(many[:32]).fault == ""
    assert pricing.close(many).fault == pricing.TOO_MANY
    assert pricing.close([source(1, 4000), source(2, 6000)]).fault == ""
    over = pricing.close([source(1, 4000), source(2, 6001)])
    assert over == Closure(fault=pricing.OVERSUBSCRIBED)
    mixed = pricing.close([source(1, 1), source(2, 1, currency="USD")])
    assert mixed.fault == pricing.MIXED
    for bad in (over, mixed):
        assert pricing.close([source(9, 0, bad)]).fault == bad.fault
    halves = [pricing.close([source(n + m, 300) for n in range(17)]) for m in (0, 17)]
    assert pricing.close([source(90 + at, 0, half) for at, half in enumerate(halves)]).fault == pricing.TOO_MANY
    deep = pricing.close([source(1, 1, currency="USD")])
    assert pricing.close([source(2, 1, deep)]).fault == pricing.MIXED


inner = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1500)), max_size=4, unique_by=lambda pair: pair[0])


@given(st.lists(st.tuples(st.integers(10, 19), st.integers(0, 1500), inner), max_size=6, unique_by=lambda s: s[0]))
def test_closures_match_a_plain_maximum(drawn: list[tuple[int, int, list[tuple[int, int]]]]) -> None:
    """Against the definition, said plainly: for each asset the largest of all shares that lead to it."""
    closures = [pricing.close([source(asset, bps) for asset, bps in below]) for _, _, below in drawn]
    found = pricing.close([source(s[0], s[1], closure) for s, closure in zip(drawn, closures, strict=True)])
    pairs = [(s[0], s[1]) for s in drawn] + [pair for closure in closures for pair in closure.shares]
    right = {asset: max(bps for at, bps in pairs if at == asset) for asset, _ in pairs}
    right = {asset: bps for asset, bps in right.items() if bps}
    if any(closure.fault for closure in closures) or sum(right.values()) > 10_000:
        assert found.fault == pricing.OVERSUBSCRIBED
        assert not found.shares
    else:
        assert dict(found.shares) == right
        assert list(found.shares) == sorted(found.shares)


# Hand-downs


def whole(party: bytes) -> Splits:
    return ((party, 10_000),)


def test_the_design_example() -> None:
    """100.00 charged on C, made from B (10 %), made from A (5 %): 85.00, 10.00, 5.00."""
    paid = pricing.hand_down(100 * EURO, shares=[(500, whole(A)), (1000, whole(B))], rest=whole(C))
    assert paid == {A: 5 * EURO, B: 10 * EURO, C: 85 * EURO}


def test_the_design_splits() -> None:
    """3334/3333/3333 bps of 100 nanos: 34, 33, 33; ties to the earlier split."""
    assert pricing.divide(100, ((A, 3334), (B, 3333), (C, 3333))) == [34, 33, 33]
    assert pricing.divide(100, ((A, 3333), (B, 3334), (C, 3333))) == [33, 34, 33]
    assert pricing.divide(1, ((A, 5000), (B, 5000))) == [1, 0]
    assert pricing.divide(3, ((A, 2500), (B, 2500), (C, 2500), (D, 2500))) == [1, 1, 1, 0]
    assert pricing.divide(2, ((A, 1), (B, 4999), (C, 5000))) == [0, 1, 1]
    assert pricing.divide(9, ((A, 0), (B, 10_000))) == [0, 9]


def weighed(weights: list[int]) -> Splits:
    """Splits with these parts of 10,000, the last one what is left."""
    total = sum(weights)
    bps = [weight * 10_000 // total for weight in weights]
    bps[-1] += 10_000 - sum(bps)
    return tuple((bytes([n]) * 32, part) for n, part in enumerate(bps))


some_splits = st.lists(st.integers(1, 100), min_size=1, max_size=8).map(weighed)
amounts = st.integers(0, INT_MAX)


@given(amounts, some_splits)
def test_parts_are_the_floors_and_the_largest_fractions(amount: int, splits: Splits) -> None:
    """Parts sum to the whole; each is its exact part, floored or a nano more; whoever gets one more has a larger
    fraction than whoever doesn't, or the same and comes earlier."""
    parts = pricing.divide(amount, splits)
    exact = [Fraction(amount * bps, 10_000) for _, bps in splits]
    assert sum(parts) == amount
    raised = [part - math.floor(share) for part, share in zip(parts, exact, strict=True)]
    assert set(raised) <= {0, 1}
    fractions = [share - math.floor(share) for share in exact]
    for up, one in enumerate(raised):
        for down, none in enumerate(raised):
            if one and not none:
                assert (fractions[up], -up) > (fractions[down], -down)


@given(amounts, st.lists(st.tuples(st.integers(0, 800), some_splits), max_size=12), some_splits)
def test_nothing_is_lost_on_the_way_down(amount: int, shares: list[tuple[int, Splits]], rest: Splits) -> None:
    """What reaches everybody sums to the charge; each asset gets its share of the charge itself, floored."""
    paid = pricing.hand_down(amount, shares=shares, rest=rest)
    assert sum(paid.values()) == amount
    assert all(paid.values())
    apart: dict[bytes, int] = {}
    used = amount - sum(amount * bps // 10_000 for bps, _ in shares)
    for part, splits in [*((amount * bps // 10_000, splits) for bps, splits in shares), (used, rest)]:
        for (party, _), one in zip(splits, pricing.divide(part, splits), strict=True):
            apart[party] = apart.get(party, 0) + one
    assert paid == {party: part for party, part in apart.items() if part}


def test_shares_of_more_than_the_whole_are_refused() -> None:
    """A hand-down whose shares pass 10,000 bps is an error, never a negative amount."""
    assert pricing.hand_down(100, shares=[(10_000, whole(A))], rest=whole(B)) == {A: 100}
    with pytest.raises(InputError):
        pricing.hand_down(100, shares=[(9_000, whole(A)), (2_000, whole(B))], rest=whole(C))


def test_payments_look_splits_up() -> None:
    """The same with each asset's splits asked for by its index."""
    found = pricing.payments(
        1000, asset=3, closure=Closure(((1, 500), (2, 1000)), "EUR"), payees_of=lambda asset: whole(bytes([asset]) * 32)
    )
    assert found == {A: 50, B: 100, C: 850}


def test_terms_are_read_whole() -> None:
    """Every field that pricing reads, and what stands for one that is absent."""
    read = pricing.read_terms(
        {
            "currency": "USDC", "offers": [{"use": "train", "unit": "token", "price": 3, "per": 7}],
            "prohibits": ["infer"], "splits": [{"party": A, "bps": 10_000}], "derivatives": 500, "needs_grant": True,
            "arbiter": B,
        }
    )  # fmt: skip
    assert read == make_terms(
        {"train": {"token": (3, 7)}}, currency="USDC", prohibits=frozenset({"infer"}), splits=whole(A), derivatives=500,
        needs_grant=True, arbiter=B,
    )  # fmt: skip
    assert pricing.read_terms({"currency": "EUR", "offers": []}) == make_terms({})


def test_a_closure_of_32_prices_in_under_a_millisecond() -> None:
    """32 assets with 8 splits each, and the used one's own: charged and handed down to 264 parties in under 1 ms (the
    fastest of many, so that a busy machine doesn't decide)."""
    parties = [n.to_bytes(32, "big") for n in range(264)]
    shares = [(300, tuple((party, 1250) for party in parties[8 * n : 8 * n + 8])) for n in range(32)]
    rest = tuple((party, 1250) for party in parties[256:])
    terms = make_terms({"train": {"token": (2_500_000_000, 1_000_000)}})
    best = math.inf
    for number in range(300):
        began = time.perf_counter()
        amount = pricing.charge(terms, use="train", quantities={"token": 1_234_567 + number}).amount
        paid = pricing.hand_down(amount, shares=shares, rest=rest)
        best = min(best, time.perf_counter() - began)
        assert len(paid) == 264
    assert best < 0.001
