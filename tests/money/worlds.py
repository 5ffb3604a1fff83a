"""What Hypothesis draws for random ledgers: plans, lists of actions that name things by small numbers.

A plan knows nothing of the log. Which asset, terms or account a number means, and which values would be right there, is
found when the plan is played (tests/money/player.py). So any part of a plan is a plan, and a failing one shrinks well.
Some actions are wrong on purpose; whether they are, and how, the naive rules say.
"""

from typing import Any

from hypothesis import strategies as st

Action = dict[str, Any]
Actions = st.SearchStrategy[Action]

PARTIES = tuple(f"p{number}" for number in range(8))
GHOST = len(PARTIES)  # a party that never joins
NAMES = ("doi:10.1234/a", "pkg:pypi/b")
CURRENCIES = ("EUR", "JPY", "USDC", "KWD")
FIGURES = (
    "lines", "gross", "root", "credit_lines", "credits", "credit_root", "billed", "due", "unpriced", "unlicensed",
)  # fmt: skip
RELATIONS = ("derived_from", "contains", "trained_on", "evaluated_on")


@st.composite
def weighted(draw: st.DrawFn, *choices: tuple[int, st.SearchStrategy[Any]]) -> Any:
    """A draw from one of the strategies, by weight. (`one_of` takes each of its branches once.)"""
    places = [place for place, (weight, _) in enumerate(choices) for _ in range(weight)]
    return draw(choices[draw(st.sampled_from(places))][1])


people = st.integers(0, len(PARTIES) - 1)
# Those who use are mostly the same few, so that accounts get many lines and several statements.
users = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
# Counted from the newest, round and round: new things are more interesting than old ones.
picks = st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 11])
lags = st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2, 3, 6, 20])
rarely = st.sampled_from([False] * 11 + [True])
often = st.sampled_from([True, True, True, False])
uses = st.sampled_from(["train", "train", "train", "ground", "distill"])
units = st.sampled_from(["item", "token", "token", "call"])
counts = weighted(
    (6, st.integers(1, 12)), (6, st.sampled_from([999, 1000, 1001, 10**6])), (1, st.sampled_from([2**40, 2**63 - 1]))
)
quantities = st.dictionaries(units, counts, min_size=1, max_size=3)

prices = st.sampled_from([0, 1, 7, 100, 333, 10**6, 10**9 // 3, 10**9, 250 * 10**7, 2**53])
offers = st.lists(
    st.fixed_dictionaries({"use": uses, "unit": units, "price": prices, "per": st.sampled_from([1, 1, 1, 3, 1000])}),
    max_size=5,
    unique_by=lambda offer: (offer["use"], offer["unit"]),
)
# Parts by weight: three of the same are 3334, 3333 and 3333.
splits = st.lists(
    st.tuples(weighted((30, people), (1, st.just(GHOST))), st.sampled_from([1, 1, 1, 2, 5, 0])),
    min_size=1,
    max_size=4,
    unique_by=lambda part: part[0],
).filter(lambda parts: any(weight for _, weight in parts))
shares = st.sampled_from([0, 1, 33, 250, 500, 500, 1000, 2500, 6000, 10_000])
some_terms = st.fixed_dictionaries(
    # "own": the asset's currency or that of what stands behind it, where there is one.
    {"offers": offers, "currency": st.sampled_from(["own"] * 9 + list(CURRENCIES))},
    optional={
        "prohibits": st.lists(uses, max_size=1),
        "splits": splits,
        "derivatives": shares,
        "needs_grant": st.sampled_from([False, True]),
        "arbiter": people,
    },
)
# Terms as they mostly are: something to sell, nothing odd.
sound_terms = st.fixed_dictionaries(
    {
        "offers": st.tuples(prices, prices, st.sampled_from([1, 3, 1000])).map(
            lambda drawn: [
                {"use": "train", "unit": "token", "price": min(drawn[0], 10**12), "per": drawn[2]},
                {"use": "train", "unit": "item", "price": min(drawn[1], 10**12), "per": 1},
            ]
        ),
        "currency": st.just("own"),
    },
    optional={"splits": splits, "derivatives": st.sampled_from([0, 250, 500, 1000])},
)
likely_terms = weighted((3, sound_terms), (1, some_terms))
# Which of the right shares, by place; or one that is wrong by so much.
source_shares = st.sampled_from([0, 0, 0, 0, 1, "more", "none"])
sources = st.tuples(
    weighted((5, picks), (1, st.sampled_from(NAMES))),
    st.sampled_from(RELATIONS),
    source_shares,
)


def action(do: str, **fields: st.SearchStrategy[Any]) -> Actions:
    """One action, whose `do` is its name."""
    return st.fixed_dictionaries({"do": st.just(do), **fields})


assets = action(
    "asset",
    who=people,
    sources=st.lists(sources, max_size=4),
    aka=weighted((2, st.just([])), (1, st.lists(st.sampled_from(NAMES), max_size=2, unique=True))),
    terms=weighted((1, st.none()), (4, likely_terms)),
)
# Each from the one before, and perhaps from another: derivations ten deep, and diamonds.
chains = action(
    "chain",
    owners=st.lists(people, min_size=2, max_size=10),
    share=st.sampled_from([0, 1, 33, 250, 500, 1000]),
    skips=st.integers(0, 3),
    terms=likely_terms,
    sells=often,
)
# Several assets that all ask something, and one made from all of them: the whole and a bit more, 32 assets and one
# more.
crowds = action(
    "crowd",
    owner=people,
    who=people,
    asked=st.sampled_from([(5000, 5000), (5000, 5001), (10_000,), (9999, 1, 1), (1,) * 32, (1,) * 33]),
    # What lies between them and what is sold: nothing, or an asset that asks nothing.
    between=st.sampled_from([False, False, True]),
    other_currency=st.sampled_from([False, False, True]),
    terms=likely_terms,
)
terms = action("terms", asset=picks, stranger=rarely, who=people, terms=likely_terms)
# The same terms with another price, as owners mostly do.
reprices = action("reprice", asset=picks, price=prices)
grants = action("grant", terms=picks, licensee=weighted((11, people), (1, st.just(GHOST))), stranger=rarely, who=people)
# Terms that are granted, replaced, used all the same, and perhaps taken away again.
kept_terms = action("keep", asset=picks, who=users, price=prices, share=shares, names=often, ends=often)
withdrawals = action("withdraw", target=picks, stranger=rarely, who=people)
usages = action(
    "use",
    who=users,
    asset=weighted((6, picks), (1, st.sampled_from(NAMES))),
    use=uses,
    offered=often,  # an asset, use and units that have offers, where there are any
    quantities=quantities,
    # Terms that are named: none, by place from the newest, or those of another asset.
    named=st.sampled_from([None, None, None, 0, 0, 1, 2, "granted", "granted", "other"]),
    provider=rarely,
    lag=lags,
)
# As much as can be charged at once, of an asset that has an offer.
huge = action("huge", who=users, asset=picks)
# Charges at the bound, of an asset made for it: by so many nanos above the largest that can be billed, or 2^63 - 1.
limits = action(
    "limit",
    owner=people,
    who=users,
    currency=st.sampled_from(["EUR", "USDC"]),
    bound=st.sampled_from(["billed", "billed", "money"]),
    above=st.sampled_from([0, 1, 1, -1]),
)
# One asset reached by two ways that agreed to different shares, and sold by a third; a use, other splits, a correction.
diamonds = action(
    "diamond",
    owner=people,
    who=people,
    user=users,
    heir=people,
    asked=st.sampled_from([(500, 900), (900, 500), (0, 500), (500, 0)]),
    swapped=st.booleans(),
    between=st.booleans(),
    terms=sound_terms,
)
# Corrections of one use again and again, by little, some accepted. With these weights a part can grow as the whole
# shrinks: 11 nanos over 6, 6 and 2 give 5, 5 and 1, but 10 give 4, 4 and 2.
dwindles = action(
    "dwindle",
    who=users,
    weights=st.sampled_from([(6, 6, 2), (6, 6, 2), (1, 1, 1), (5, 3, 1, 1)]),
    count=st.integers(9, 26),
    steps=st.lists(
        st.tuples(st.integers(1, 3), st.lists(st.integers(0, 3), max_size=4, unique=True)), min_size=2, max_size=6
    ),
)
# Two parties claim a name; it is used by name alone or under the terms of one of them; perhaps one of them withdraws.
rivals = action("rivals", who=users, first=people, second=people, withdraws=st.sampled_from([None, 0, 1]))
# An asset without terms by somebody who is paid, uses of it, and perhaps terms for it: in the account's currency or
# not.
bare = action("bare", account=st.integers(0, 20), then=st.sampled_from(["own", "other", "nothing"]))
corrections = action(
    "correct",
    usage=picks,
    charged=often,
    stranger=rarely,
    who=people,
    # Each unit, in turn: the same, none, one less, half, or one more.
    change=st.lists(st.sampled_from(["same", "none", "less", "half", "half", "more"]), min_size=1, max_size=3),
)
accepts = action("accept", correction=picks, payee=st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, "stranger"]), who=people)
statements = action(
    "statement",
    account=st.integers(0, 20),
    is_due=often,
    by=st.sampled_from(["payer", "payee", "payer", "payee", "payer", "payee", "payer", "payee", "stranger"]),
    who=people,
    back=st.sampled_from([0, 0, 0, 0, 1, 2, 5, -1]),
    wrong=weighted((5, st.none()), (1, st.sampled_from(FIGURES))),
)
# A right statement, and for each of its figures one that is wrong.
altered = action("altered", account=st.integers(0, 20), by=st.sampled_from(["payer", "payee"]))
# A use that was there before once more, so that accounts get many lines.
more = action("more", usage=picks, times=st.integers(1, 4))
# Statements of all accounts where something is due, with receipts of all or a part of it.
settlements = action("settle", by=st.sampled_from(["payer", "payee"]), receipts=often)
# One batch: a use like an earlier one (by the payer) or an accept (by the payee), and a statement that covers it.
same_batch = action("same batch", account=st.integers(0, 20), by=st.sampled_from(["payer", "payee"]))
payments = action("payment", statement=picks, stranger=rarely, who=people)
receipts = action(
    "receipt",
    statement=picks,
    stranger=rarely,
    who=people,
    part=st.sampled_from(["rest", "rest", "half", "over"]),
    again=rarely,
)
rotations = action("rotate", who=people)
delegations = action("delegate", who=people)
revocations = action("revoke", who=people)
# A party's main key is revoked: it signs nothing more, but may still be paid, and named.
ends = action("end", who=st.sampled_from([6, 7]))
simple = weighted((6, usages), (2, terms), (2, reprices), (1, assets), (1, corrections), (1, grants), (1, withdrawals))
together = action("together", who=users, lag=lags, records=st.lists(simple, min_size=2, max_size=5))

anything = weighted(
    (8, usages), (3, assets), (1, chains), (2, terms), (3, reprices), (2, grants), (1, withdrawals), (3, together),
    (3, corrections), (3, accepts), (3, statements), (1, altered), (3, more), (1, settlements), (2, same_batch),
    (1, crowds), (1, huge), (1, kept_terms), (1, bare), (1, dwindles), (1, rivals),
    (1, payments), (3, receipts), (1, rotations), (1, delegations), (1, revocations), (1, ends),
)  # fmt: skip
# An ordinary course of business, again and again, so that most plans come as far as receipts for later statements.
business = st.tuples(usages, usages, more, corrections, accepts, accepts, settlements, more, statements, receipts).map(
    list
)
opening = st.tuples(chains, assets, terms, grants).map(list)
groups = weighted((3, anything.map(lambda action: [action])), (1, business))
plans = st.tuples(opening, st.lists(groups, min_size=10, max_size=30)).map(
    lambda parts: [*parts[0], *(action for group in parts[1] for action in group)]
)

# The rare things alone, in short logs.
corners = st.one_of(crowds, kept_terms, bare, limits, diamonds, dwindles, rivals, same_batch, huge, settlements)
corner_plans = st.lists(corners, min_size=4, max_size=9)

# How a tape of batches is played again: after each of them, what comes between, round and round.
interruptions = st.lists(
    st.sampled_from(["go on", "go on", "go on", "commit", "restart", "crash", "repeat"]), min_size=5, max_size=40
)
