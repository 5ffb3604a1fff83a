"""The naive money rules themselves, on the design's numbers and on cases small enough to be done by hand."""

import ast
import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money import naive
from tests.money.naive import Entry, Judged, Log, Open, Refused, Taken

EUR = 10**9
NAME = "doi:10.1234/x"


def who(name: str) -> bytes:
    """A party by its name."""
    return name.encode().ljust(32, b".")


class Chain:
    """A log that is put together by hand; every batch signs the newest head unless said."""

    def __init__(self, *parties: str) -> None:
        self.log: Log = []
        for name in ("operator", *parties):
            self.add(name, "party", name=name)

    def verdict(self, party: str, kind: str, *, head: int | None = None, **body: Any) -> naive.Verdict:
        """What the ledger must say to it."""
        size = len(self.log) if head is None else head
        return naive.judge(self.log, who(party), size, {"kind": kind, **body})

    def add(self, party: str, kind: str, *, head: int | None = None, **body: Any) -> bytes:
        """An entry that must be taken; its reference."""
        verdict = self.verdict(party, kind, head=head, **body)
        assert isinstance(verdict, Taken | Open), verdict
        size = len(self.log) if head is None else head
        leaf = hashlib.sha256(len(self.log).to_bytes(8, "big")).digest()
        self.log.append(Entry(len(self.log), leaf, who(party), size, {"kind": kind, **body}))
        return self.log[-1].ref

    def asset(self, party: str, *sources: tuple[bytes, int], **fields: Any) -> bytes:
        """An asset derived from others, with what each of them gets."""
        listed = [{"asset": ref, "as": "derived_from", "bps": bps} for ref, bps in sources]
        return self.add(party, "asset", type="model", name="m", sources=listed, **fields)

    def use(self, party: str, asset: bytes | str, count: int = 1, **fields: Any) -> tuple[bytes, Judged]:
        """A use, with its judgement."""
        body = {"asset": asset, "use": "train", "quantities": {"item": count}, **fields}
        ref = self.add(party, "usage", **body)
        return ref, naive.seen(self.log, self.log[-1])

    def lines(self) -> dict[bytes, int]:
        """The lines of the newest entry by payee."""
        return naive.usage_lines(self.log, self.log[-1])[0]

    def statement(self, payer: str, payee: str, to: int | None = None, **wrong: Any) -> dict[str, Any]:
        """The fields of a right statement, or of one that is wrong in some."""
        account = (who(payer), who(payee), "EUR")
        return {**naive.figures(self.log, account, len(self.log) if to is None else to), **wrong}


def terms(price: int = EUR, per: int = 1, **fields: Any) -> dict[str, Any]:
    """Terms that charge for training on items."""
    return {
        "currency": "EUR",
        "offers": [{"use": "train", "unit": "item", "price": price, "per": per}],
        **fields,
    }


@pytest.fixture
def chain() -> Chain:
    """A log with parties a to d."""
    return Chain("a", "b", "c", "d")


def refused(verdict: naive.Verdict) -> set[str]:
    """The problem types of a refusal."""
    assert isinstance(verdict, Refused), verdict
    return {problem for problem, _ in verdict.problems}


def test_the_designs_derivation(chain: Chain) -> None:
    """A asks 5 % of its derivatives, B from A asks 10 %, C from B: 100.00 on C gives C 85.00, B 10.00, A 5.00."""
    first = chain.asset("a", terms=terms(derivatives=500))
    second = chain.asset("b", (first, 500), terms=terms(derivatives=1000))
    third = chain.asset("c", (second, 1000), terms=terms())
    _, judged = chain.use("d", third, 100)
    assert judged.charge == 100 * EUR
    assert chain.lines() == {who("c"): 85 * EUR, who("b"): 10 * EUR, who("a"): 5 * EUR}


def test_the_designs_splits(chain: Chain) -> None:
    """Splits of 3334, 3333 and 3333 bps of 100 nanos give 34, 33 and 33; ties go to the earlier split."""
    splits = [{"party": who(name), "bps": bps} for name, bps in (("a", 3334), ("b", 3333), ("c", 3333))]
    chain.use("d", chain.asset("a", terms=terms(price=100, splits=splits)))
    assert chain.lines() == {who("a"): 34, who("b"): 33, who("c"): 33}
    halves = [{"party": who(name), "bps": 5000} for name in ("c", "a")]
    assert naive.split(7, who("d"), {"splits": halves}) == {who("c"): 4, who("a"): 3}
    assert naive.split(7, who("d"), {}) == {who("d"): 7}


def test_prices_round_up_for_each_unit() -> None:
    """Each unit's price is rounded up to a nano by itself; units without an offer are named."""
    offered = terms(price=10, per=3)
    offered["offers"].append({"use": "train", "unit": "token", "price": 1, "per": 1000})
    assert naive.price(offered, "train", {"item": 1, "token": 1}) == (4 + 1, [])
    assert naive.price(offered, "train", {"call": 5, "item": 3}) == (10, ["call"])
    assert naive.price(offered, "ground", {"item": 3}) == (0, ["item"])


def test_a_sum_tree_by_hand() -> None:
    """Roots of no, one, two and three lines are those that the design's three formulas give."""

    def leaf(index: int, amount: int) -> bytes:
        return hashlib.sha256(b"\0" + index.to_bytes(8, "big") + amount.to_bytes(16, "big")).digest()

    one, two, three = leaf(3, 7), leaf(4, 2**70), leaf(9, 1)
    pair = hashlib.sha256(b"\1" + one + (7).to_bytes(16, "big") + two + (2**70).to_bytes(16, "big")).digest()
    whole = hashlib.sha256(b"\1" + pair + (7 + 2**70).to_bytes(16, "big") + three + (1).to_bytes(16, "big")).digest()
    lines = [(3, 7), (4, 2**70), (9, 1)]
    assert naive.sum_node([]) == (hashlib.sha256().digest(), 0)
    assert naive.sum_node(lines[:1]) == (one, 7)
    assert naive.sum_node(lines[:2]) == (pair, 7 + 2**70)
    assert naive.sum_node(lines) == (whole, 8 + 2**70)


def test_consent_is_the_head_or_the_terms_named(chain: Chain) -> None:
    """Terms are those at the signed head, or named; those replaced meanwhile are refused unless granted."""
    asset = chain.asset("a", terms=terms())
    size = len(chain.log)
    newer = chain.add("a", "terms", asset=asset, **terms(price=2 * EUR))
    use = {"asset": asset, "use": "train", "quantities": {"item": 1}}
    late = chain.verdict("b", "usage", head=size, **use)
    assert isinstance(late, Refused)
    assert (late.problems, late.right) == ((("terms", "terms"),), newer)
    assert refused(chain.verdict("b", "usage", **use, terms=asset)) == {"terms"}
    assert refused(chain.verdict("b", "usage", head=1, **use)) == {"terms"}
    assert chain.use("b", asset)[1].charge == 2 * EUR
    grant = chain.add("a", "grant", terms=asset, licensee=who("b"))
    assert chain.use("b", asset, terms=asset)[1].charge == EUR
    assert chain.use("b", asset, head=size)[1].charge == EUR
    assert refused(chain.verdict("c", "usage", **use, terms=asset)) == {"terms"}
    chain.add("a", "withdraw", target=grant)
    assert refused(chain.verdict("b", "usage", **use, terms=asset)) == {"terms"}


def test_every_status_and_reason(chain: Chain) -> None:
    """One case for each status and reason of the design's section 5."""
    bare = chain.asset("a", aka=[NAME])
    full = chain.asset("b", terms=terms(price=2**53, prohibits=["distill"]))
    closed = chain.asset("c", terms=terms(needs_grant=True))

    def look(*args: Any, **fields: Any) -> tuple[str, str]:
        judged = chain.use("d", *args, **fields)[1]
        return judged.status, judged.reason

    assert look(bare, seen_by="provider") == ("observed", "")
    assert look("doi:10.1234/other") == ("unclaimed", "")
    assert look(NAME) == ("unlicensed", "by-name")
    assert look(bare) == ("unlicensed", "no-terms")
    assert look(full, use="distill") == ("unlicensed", "prohibited")
    assert look(closed) == ("unlicensed", "no-grant")
    assert look(full, use="ground") == ("unpriced", "no-offer")
    assert look(full, quantities={"item": 2**63 - 1}) == ("unpriced", "overflow")
    assert look(full, quantities={"call": 1, "item": 1}) == ("part-priced", "")
    assert look(full) == ("licensed", "")
    chain.add("c", "grant", terms=closed, licensee=who("d"))
    assert look(closed) == ("licensed", "")
    chain.add("c", "withdraw", target=closed)
    assert look(closed) == ("unlicensed", "retired")
    rival = chain.asset("b", aka=[NAME], terms=terms())
    assert look(NAME) == ("contested", "")
    assert look(NAME, terms=rival) == ("licensed", "")
    chain.add("a", "withdraw", target=bare)
    assert look(NAME) == ("unlicensed", "by-name")


def test_the_newest_claim_of_a_party_counts(chain: Chain) -> None:
    """Of one party's claims the newest stands; when it is retired, the one before it does."""
    older = chain.asset("a", aka=[NAME], terms=terms())
    newer = chain.asset("a", aka=[NAME], terms=terms())
    named = {"asset": NAME, "use": "train", "quantities": {"item": 1}}
    assert refused(chain.verdict("b", "usage", **named, terms=older)) == {"rule", "terms"}
    assert chain.verdict("b", "usage", **named, terms=newer) == Taken("licensed")
    chain.add("a", "withdraw", target=newer)
    assert chain.verdict("b", "usage", **named, terms=older) == Taken("licensed")


def test_shares_are_those_in_force_or_granted(chain: Chain) -> None:
    """A source's bps is that of its newest terms, or of terms granted to whoever registers."""
    source = chain.asset("a", terms=terms(derivatives=500))
    chain.add("a", "terms", asset=source, **terms(derivatives=900))
    chain.add("a", "grant", terms=source, licensee=who("b"))
    assert naive.right_shares(chain.log, source, who("b")) == {500, 900}
    assert naive.right_shares(chain.log, source, who("c")) == {900}
    assert naive.right_shares(chain.log, chain.asset("a"), who("c")) == {0}
    chain.asset("b", (source, 500))
    bad = [{"asset": source, "as": "derived_from", "bps": 500}]
    assert refused(chain.verdict("c", "asset", type="model", name="m", sources=bad)) == {"rule"}


def test_what_bars_offers(chain: Chain) -> None:
    """Shares above the whole, more than 32 assets or two currencies in a closure bar offers, not registration."""
    half = [chain.asset("a", terms=terms(derivatives=5000)) for _ in range(3)]
    many = [chain.asset("a", terms=terms(derivatives=1)) for _ in range(33)]
    dollar = chain.asset("a", terms={**terms(derivatives=1), "currency": "USD"})
    cases = {
        "": [(half[0], 5000), (half[1], 5000)],
        "over 10,000": [(ref, 5000) for ref in half],
        "too many": [(ref, 1) for ref in many],
        "mixed currency": [(half[0], 5000), (dollar, 1)],
    }
    for why, sources in cases.items():
        made = chain.asset("b", *sources)
        body = chain.log[-1].body
        assert naive.why_no_offers(chain.log, naive.counted(body)) == why
        assert isinstance(chain.verdict("b", "terms", asset=made, **terms()), Refused if why else Taken)
        inside = {**body, "name": "n", "terms": terms()}
        assert isinstance(naive.judge(chain.log, who("b"), 0, inside), Refused if why else Taken)
    assert not naive.why_no_offers(chain.log, [{"asset": ref, "as": "contains", "bps": 1} for ref in many[:32]])


def test_a_share_passes_through_what_asks_nothing(chain: Chain) -> None:
    """An asset in between takes nothing away from an ancestor; one that comes twice keeps its largest bps."""
    first = chain.asset("a", terms=terms(derivatives=500))
    wash = chain.asset("c", (first, 500))
    chain.add("a", "terms", asset=first, **terms(derivatives=700))
    other = chain.asset("c", (first, 700))
    sold = chain.asset("c", (wash, 0), (other, 0), terms=terms())
    chain.use("d", sold, 100)
    assert chain.lines() == {who("a"): 7 * EUR, who("c"): 93 * EUR}


def test_what_one_pays_oneself_is_dropped(chain: Chain) -> None:
    """A payer's own part makes no line; lines and dropped part are the charge."""
    first = chain.asset("a", terms=terms(derivatives=2500))
    second = chain.asset("b", (first, 2500), terms=terms())
    chain.use("b", second, 4)
    assert naive.usage_lines(chain.log, chain.log[-1]) == ({who("a"): EUR}, 3 * EUR)


def test_corrections_lower_and_each_payee_accepts_for_itself(chain: Chain) -> None:
    """A correction changes nothing until a payee accepts the newest; then its own part is credited, once."""
    splits = [{"party": who("a"), "bps": 7500}, {"party": who("b"), "bps": 2500}]
    asset = chain.asset("a", terms=terms(splits=splits))
    usage, _ = chain.use("d", asset, 8)
    more = {"usage": usage, "reason": "r"}
    for wrong in ({"item": 9}, {"item": 8}, {"item": 4, "call": 1}):
        assert refused(chain.verdict("d", "correction", **more, quantities=wrong)) == {"rule"}
    assert refused(chain.verdict("a", "correction", **more, quantities={"item": 4})) == {"rule"}
    lowered = chain.add("d", "correction", **more, quantities={"item": 4})
    assert refused(chain.verdict("d", "correction", **more, quantities={"item": 5})) == {"rule"}
    account = (who("d"), who("a"), "EUR")
    assert naive.credits_of(chain.log, account) == []
    for stranger in ("c", "d"):
        assert refused(chain.verdict(stranger, "accept", correction=lowered)) == {"rule"}
    chain.add("a", "accept", correction=lowered)
    assert naive.credits_of(chain.log, account) == [(len(chain.log) - 1, 3 * EUR)]
    assert refused(chain.verdict("a", "accept", correction=lowered)) == {"rule"}
    nothing = chain.add("d", "correction", **more, quantities={})
    assert refused(chain.verdict("b", "accept", correction=lowered)) == {"rule"}
    chain.add("b", "accept", correction=nothing)
    chain.add("a", "accept", correction=nothing)
    assert [amount for _, amount in naive.credits_of(chain.log, account)] == [3 * EUR, 3 * EUR]
    assert [amount for _, amount in naive.credits_of(chain.log, (who("d"), who("b"), "EUR"))] == [2 * EUR]
    assert naive.accounts(chain.log) == [(who("d"), who("a"), "EUR"), (who("d"), who("b"), "EUR")]


def test_statements_carry_what_rounding_leaves(chain: Chain) -> None:
    """Due is rounded down to cents, the rest comes with the next one, and refunds lower what is due next."""
    asset = chain.asset("a", terms=terms(price=EUR // 300))
    usage, _ = chain.use("d", asset, 4)
    first = chain.statement("d", "a")
    assert (first["due"], first["lines"]) == (10_000_000, 1)
    chain.add("d", "statement", **first)
    chain.use("d", asset, 2)
    second = chain.statement("d", "a")
    assert int.from_bytes(second["gross"], "big") == 19_999_998
    assert second["due"] == 0
    assert refused(chain.verdict("a", "statement", **second)) == {"rule"}
    chain.use("d", asset, 1)
    third = chain.statement("d", "a")
    assert third["due"] == 10_000_000
    chain.add("a", "accept", correction=chain.add("d", "correction", usage=usage, quantities={}, reason="r"))
    fourth = chain.statement("d", "a")
    assert (fourth["due"], fourth["credit_lines"]) == (0, 1)


def test_statements_are_refused_for_each_wrong_figure(chain: Chain) -> None:
    """A stranger's, a past, a future, an empty and an altered statement are refused, with the right figures."""
    asset = chain.asset("a", terms=terms())
    chain.use("d", asset, 4)
    right = chain.statement("d", "a")
    for field, value in right.items():
        if field not in ("payer", "payee", "currency", "to"):
            other = bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else value + 1
            found = chain.verdict("d", "statement", **{**right, field: other})
            assert isinstance(found, Refused)
            assert (found.problems, found.right) == ((("rule", field),), right)
    assert refused(chain.verdict("b", "statement", **right)) == {"rule"}
    assert refused(chain.verdict("d", "statement", **{**right, "to": right["to"] + 1})) == {"rule"}
    taken = chain.add("d", "statement", **right)
    found = chain.verdict("a", "statement", **right)
    assert "stale" in refused(found)
    assert isinstance(found, Refused)
    assert found.right == naive.the(naive.find(chain.log, taken, "statement")).index
    assert refused(chain.verdict("d", "statement", **chain.statement("d", "a"))) == {"rule"}


def test_receipts_add_up_to_what_is_due(chain: Chain) -> None:
    """By the payee, each reference once, together at most what is due."""
    chain.use("d", chain.asset("a", terms=terms()), 4)
    statement = chain.add("d", "statement", **chain.statement("d", "a"))
    money = {"statement": statement, "method": "sepa"}
    chain.add("d", "payment", **money, amount=4 * EUR, reference="p")
    assert refused(chain.verdict("a", "payment", **money, amount=1, reference="p")) == {"rule"}
    assert refused(chain.verdict("d", "receipt", **money, amount=1, reference="p")) == {"rule"}
    chain.add("a", "receipt", **money, amount=3 * EUR, reference="p")
    assert refused(chain.verdict("a", "receipt", **money, amount=1, reference="p")) == {"rule"}
    assert refused(chain.verdict("a", "receipt", **money, amount=EUR + 1, reference="q")) == {"rule"}
    chain.add("a", "receipt", **money, amount=EUR, reference="q")
    assert naive.received(chain.log, statement) == 4 * EUR


def test_free_rides_are_counted_for_the_owner(chain: Chain) -> None:
    """Unpriced, part-priced and unlicensed uses of the payee's assets, of the account's currency or of none."""
    euro = chain.asset("a", terms=terms(prohibits=["distill"]), aka=[NAME])
    bare = chain.asset("a")
    dollar = chain.asset("a", terms={**terms(), "currency": "USD"})
    chain.use("d", euro, use="distill")
    chain.use("d", euro, quantities={"call": 1})
    chain.use("d", euro, quantities={"call": 1, "item": 1})
    chain.use("d", dollar, use="ground")
    chain.use("d", bare)
    chain.use("d", NAME)
    before = len(chain.log)
    assert naive.free_rides(chain.log, (who("d"), who("a"), "EUR"), before) == (2, 3)
    assert naive.free_rides(chain.log, (who("d"), who("a"), "USD"), before) == (1, 1)
    chain.add("a", "terms", asset=bare, **{**terms(), "currency": "USD"})
    assert naive.free_rides(chain.log, (who("d"), who("a"), "EUR"), before) == (2, 3)
    assert naive.free_rides(chain.log, (who("d"), who("a"), "EUR"), before + 1) == (2, 2)
    chain.asset("b", aka=[NAME])
    chain.use("d", NAME)
    assert naive.free_rides(chain.log, (who("d"), who("b"), "EUR"), len(chain.log)) == (0, 0)


def test_it_knows_nothing_of_the_code() -> None:
    """The naive rules import the standard library alone, so that they can't share a mistake with the ledger's."""
    tree = ast.parse(Path(naive.__file__).read_text(encoding="utf-8"))
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert froms | names <= sys.stdlib_module_names | {"collections.abc"}


@given(data=st.data())
def test_both_ways_to_a_closure_agree(data: st.DataObject) -> None:
    """The largest bps over all edges behind an asset is what the design's recursion over closures gives."""
    log: Log = []
    for index in range(data.draw(st.integers(1, 9))):
        known = data.draw(st.lists(st.sampled_from(log), max_size=3, unique_by=lambda e: e.index)) if log else []
        relations = st.sampled_from(["contains", "contains", "evaluated_on"])
        sources = [
            {"asset": e.ref, "as": data.draw(relations), "bps": data.draw(st.sampled_from([0, 0, 3, 500]))}
            for e in known
        ]
        log.append(Entry(index, bytes(32), who("a"), index, {"kind": "asset", "sources": sources}))
    last = naive.counted(log[-1].body)
    assert naive.closure(log, last) == naive.closure_by_recursion(log, last)
