"""Worked numbers of docs/spec.md on money, recomputed by the ledger and by the formulas as they stand there."""

import json
import re
from fractions import Fraction
from functools import cache
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import accounts, disputes, sumlist
from ledger.accounts import account_row, figures_at, statement_fields
from ledger.corrections import lines_of
from ledger.errors import Refusal
from ledger.postings import RIDERS_MAX, Account
from ledger.sumlist import SumTree
from node import admission
from proofs import pricing, sumtree
from proofs.codec import unpack
from proofs.jsonform import to_json
from proofs.kinds import KINDS
from proofs.pricing import Source as PricedSource
from proofs.pricing import Terms, charge, close, divide
from tests.ledger.support import Log, asset, body, party, public, source, usage
from tests.test_docs import SPEC, code, section, table

EXAMPLE = "Example: from a use to a receipt"
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    for name, seed in {"archive": 4, "studio": 5, "lab": 6, "customer": 7}.items()
}
PAYEES = ("lab", "studio", "archive")
OFFER = {"use": "infer", "unit": "output_token", "price": 2_500_000_000, "per": 1_000_000}


def nanos(text: str) -> int:
    """An amount as the spec writes it, in units of the currency."""
    value = Fraction(text.replace(",", "")) * 10**9
    assert value.denominator == 1, text
    return int(value)


def integer(text: str) -> int:
    return int(text.replace(",", ""))


def account(payee: str) -> Account:
    return Account(public(KEYS["customer"]), public(KEYS[payee]), "EUR")


class Example:
    """The log of the spec's example, record by record."""

    def __init__(self) -> None:
        self.log = log = Log()
        for name, key in KEYS.items():
            log.put(key, party(name))
        terms = {"currency": "EUR", "offers": []}
        stories = self.register("archive", "stories", terms={**terms, "derivatives": 500})
        teller = self.register(
            "studio",
            "storyteller",
            sources=[source(stories, "trained_on", bps=500)],
            terms={**terms, "derivatives": 1000},
        )
        self.model = self.register(
            "lab",
            "storyteller-small",
            sources=[source(teller, "distilled_from", bps=1000)],
            terms={**terms, "offers": [OFFER]},
        )
        self.first_use = self.use(40_000_000)
        self.use(1_234_567)
        statement = self.state()
        for who, kind in (("customer", "payment"), ("lab", "receipt")):
            self.put(who, kind, statement=statement, amount=nanos("87.62"), method="sepa", reference="one")
        correction = self.put("customer", "correction", usage=self.first_use, quantities=tokens(30_000_000), reason="r")
        for who in ("lab", "studio"):
            self.put(who, "accept", correction=correction)
        self.use(20_000_000)
        self.state()

    def register(self, who: str, name: str, **fields: object) -> bytes:
        kind = "dataset" if who == "archive" else "model"
        return self.log.ref(self.log.put(KEYS[who], asset(name, type=kind, **fields)).first_index)

    def put(self, who: str, kind: str, **fields: object) -> bytes:
        return self.log.ref(self.log.put(KEYS[who], body(kind, **fields)).first_index)

    def use(self, count: int) -> bytes:
        return self.log.ref(
            self.log.put(KEYS["customer"], usage(self.model, "infer", quantities=tokens(count))).first_index
        )

    def state(self) -> bytes:
        of, to = account("lab"), self.log.size
        billed = account_row(self.log.state, of).billed
        return self.put("lab", "statement", **statement_fields(of, self.figures(to), to=to, billed=billed))

    def figures(self, to: int) -> accounts.Figures:
        return figures_at(self.log.state, account("lab"), to)

    def body(self, index: int) -> dict[str, object]:
        return self.log.state.body(index)

    def credits(self, payee: str) -> list[tuple[int, int]]:
        return list(sumlist.iterate(self.log.state.view, account(payee).credits, start=0, below=self.log.size))


def tokens(count: int) -> dict[str, int]:
    return {"output_token": count} if count else {}


@cache
def example() -> Example:
    """The example as the spec leaves it; whoever goes on makes one of its own."""
    return Example()


def test_the_example_log_is_that_of_the_table() -> None:
    """Leaf for leaf: the kind, and whose key signed it."""
    log = example().log
    names = {public(key): name for name, key in KEYS.items()}
    rows = [(kind, names.get(log.state.key(key).party, "operator")) for kind, key in _signed(log)]
    said = []
    for leaf, kind, by, _ in table(section(SPEC, EXAMPLE), "leaf", "record", "by", "what"):
        first, _, last = leaf.partition(" to ")
        assert int(first) == len(said)
        said += [(code(kind), by)] * (int(last or first) - int(first) + 1)
    assert [kind for kind, _ in said] == [kind for kind, _ in rows]
    assert all(by in (name, "each of the four") for (_, by), (_, name) in zip(said, rows, strict=True))


def _signed(log: Log) -> list[tuple[str, bytes]]:
    entries = [log.reader().entry(index) for index in range(log.size)]
    return [(unpack(entry[-1])["kind"], entry[1]) for entry in map(unpack, entries)]


def test_charges_and_lines_of_the_example() -> None:
    """Each use's charge and what reaches whom: 85, 10 and 5 of 100."""
    state = example().log.state
    for leaf, quantity, amount, *parts in table(section(SPEC, EXAMPLE), "leaf", "quantity", "charge", *PAYEES):
        index = int(leaf)
        row = state.usage(index)
        assert row is not None
        assert state.body(index)["quantities"] == tokens(integer(quantity))
        assert (row.status, row.charge) == ("licensed", nanos(amount))
        expected = {account(payee): nanos(part) for payee, part in zip(PAYEES, parts, strict=True)}
        assert lines_of(state, index, row) == expected


def test_statements_of_the_example() -> None:
    """Every figure of both; the second is the JSON that the spec shows."""
    columns = ("to", "lines", "gross", "credit_lines", "credits", "billed", "due")
    rows = table(section(SPEC, EXAMPLE), *(f"`{name}`" for name in columns))
    shown = [to_json(example().body(int(row[0]))) for row in rows]
    for row, statement in zip(rows, shown, strict=True):
        expected = dict(zip(columns, row, strict=True))
        for name in columns:
            value = integer(expected[name]) if name in ("to", "lines", "credit_lines") else str(nanos(expected[name]))
            assert statement[name] == value, name
    assert f"```json\n{json.dumps(shown[-1], indent=1)}\n```" in section(SPEC, EXAMPLE)


def tree_rows() -> list[tuple[str, bytes, int]]:
    """The example's tree, name, hash and sum, by hashlib alone and as the spec has the formulas."""
    lines = [(8, nanos("85")), (9, nanos("2.623454875")), (16, nanos("42.5"))]
    leaves = [
        (f"leaf {index}", sha256(b"\0" + index.to_bytes(8, "big") + amount.to_bytes(16, "big")).digest(), amount)
        for index, amount in lines
    ]
    node = _above("node over 8 and 9", leaves[0], leaves[1])
    return [*leaves, node, _above("root", node, leaves[2])]


def _above(name: str, left: tuple[str, bytes, int], right: tuple[str, bytes, int]) -> tuple[str, bytes, int]:
    data = b"".join(digest + total.to_bytes(16, "big") for _, digest, total in (left, right))
    return name, sha256(b"\1" + data).digest(), left[2] + right[2]


def test_sum_tree_bytes_of_the_example() -> None:
    """The hashes and sums that the spec shows follow from its formulas, and are the ledger's and the verifier's."""
    rows = tree_rows()
    shown = "\n".join(f"{name:<19}{digest.hex()} {total:032x}" for name, digest, total in rows)
    assert shown in section(SPEC, "Accounts")
    tree = SumTree(example().log.state.view, account("lab").lines, 17)
    root = rows[-1][1:]
    assert sumtree.split(tree.root()) == root
    assert tree.path(2) == [rows[3][1:]]
    path = [rows[0][1:], rows[2][1:]]
    sumtree.check_line(index=9, amount=rows[1][2], position=1, lines=3, total=root[1], root=root[0], path=path)
    assert tree.path(1) == path
    assert example().body(17)["root"] == root[0]


def test_prices() -> None:
    """Quantity x price / per, rounded up; too much is not charged."""
    rows = table(section(SPEC, "Price"), "price, nanos", "per", "quantity", "charge, nanos")
    assert len(rows) > 5
    for price, per, quantity, expected in rows:
        terms = Terms("EUR", {"infer": {"call": (int(price), int(per))}}, frozenset(), (), 0, False, None)
        found = charge(terms, use="infer", quantities={"call": int(quantity)})
        if expected == "`overflow`":
            assert (found.status, found.reason, found.amount) == ("unpriced", "overflow", 0)
        else:
            exact = Fraction(int(quantity) * int(price), int(per))
            assert found.amount == int(expected) == -(-exact.numerator // exact.denominator)


def test_splits() -> None:
    """Floors and largest fractions, 34, 33 and 33 of 100 among them."""
    rows = table(section(SPEC, "Hand-down"), "nanos", "splits, bps", "parts")
    assert ["100", "3334 3333 3333", "34 33 33"] in rows
    for amount, bps, parts in rows:
        splits = tuple((bytes([at]) * 32, int(share)) for at, share in enumerate(bps.split()))
        assert divide(int(amount), splits) == [int(part) for part in parts.split()]


def test_a_share_passes_through_what_asks_nothing() -> None:
    """The sentence about laundering: C pays A, although it lists B at 0."""
    text = " ".join(section(SPEC, "Closure").split())
    assert "Where B lists A at 500 bps, and C lists B at 0, the closure of C is A at 500." in text
    inner = close([PricedSource(1, 500, "EUR", pricing.NOTHING)])
    assert close([PricedSource(2, 0, "EUR", inner)]).shares == ((1, 500),)


def handed_down(made: Example, count: int) -> dict[bytes, int]:
    """H of so many tokens, for the example's first use."""
    state, index = made.log.state, int.from_bytes(made.first_use[:8], "big")
    row = state.usage(index)
    assert row is not None
    assert row.asset is not None
    assert row.terms is not None
    terms = state.terms(row.terms)
    assert terms is not None
    amount = charge(terms.terms, use="infer", quantities=tokens(count)).amount
    return pricing.payments(
        amount,
        asset=row.asset,
        closure=state.closure(row.asset),
        payees_of=lambda source: state.splits_at(source, index),
    )


def test_corrections() -> None:
    """The example's first use, corrected twice: every H and every credit of the table."""
    made = Example()
    rows = table(section(SPEC, "Corrections"), "record", "quantity", *PAYEES)
    # The example has the first four already; what follows them is put in here.
    for place, (record, quantity, *cells) in enumerate(rows):
        said = {payee: nanos(cell) for payee, cell in zip(PAYEES, cells, strict=True) if cell}
        if not record.startswith("`accept`"):
            parts = {public(KEYS[payee]): part for payee, part in said.items() if part}
            assert handed_down(made, integer(quantity)) == parts
            if place >= 4:
                after = tokens(integer(quantity))
                newest = made.put("customer", "correction", usage=made.first_use, quantities=after, reason="r")
            continue
        ((payee, amount),) = said.items()
        assert record == f"`accept` by {payee}: credit"
        if place >= 4:
            made.put(payee, "accept", correction=newest)
        assert made.credits(payee)[-1][1] == amount
    assert [record.startswith("`accept`") for record, *_ in rows] == [False, False, True, True, False, True, True]


def test_a_base_never_rises() -> None:
    """The table about remainders: a lower charge hands the first party more, and credits and asks it nothing."""
    splits = tuple((bytes([at]) * 32, share) for at, share in enumerate((500, 3000, 6500)))
    rows = table(section(SPEC, "Corrections"), "nanos charged", "H, the first party's", "credit", "base after")
    base = None
    for amount, part, credit, after in rows:
        right = divide(int(amount), splits)[0]
        assert right == int(part)
        if base is not None:
            assert int(credit) == max(0, base - right)
        base = right if base is None else min(base, right)
        assert base == int(after)


def test_reasons_and_faults_are_the_codes() -> None:
    """Every reason with its status, every fault, in the code's own order."""
    rows = table(section(SPEC, "Statuses"), "reason", "status", "when")
    assert [code(row[0]) for row in rows] == list(pricing.REASONS)
    of = {pricing.NO_OFFER: pricing.UNPRICED, pricing.OVERFLOW: pricing.UNPRICED}
    assert all(code(row[1]) == of.get(code(row[0]), pricing.UNLICENSED) for row in rows)
    assert [code(row[0]) for row in table(section(SPEC, "Closure"), "fault", "what")] == list(pricing.FAULTS)


def test_sides_and_outcomes_of_disputes_are_the_codes() -> None:
    """What can be disputed, what can come of it, and in what states a dispute can be."""
    text = section(SPEC, "Disputes")
    made = Example()
    with pytest.raises(Refusal) as caught:
        made.put("lab", "dispute", target=made.log.ref(0), reason="r")
    kinds = caught.value.expected.removeprefix("a reference to a ").removesuffix(" that the signer is a party to")
    assert [code(row[0]) for row in table(text, "target", "made by", "about")] == kinds.split(", ")
    rows = table(text, "outcome", "by", "the dispute is then")
    words = KINDS["resolution"].required["outcome"].expected.removeprefix("one of ").split(", ")
    assert {code(row[0]) for row in rows} == set(words)
    states = [re.match(r"`(\w+)`", row[2])[1] for row in rows]  # type: ignore[index]
    assert set(states) == {*disputes.FINAL, disputes.REJECTED}
    assert {state for state, row in zip(states, rows, strict=True) if row[2].endswith("ended")} == set(disputes.FINAL)


def test_figures_in_the_text_are_the_codes() -> None:
    """Bounds that stand in sentences."""
    text = " ".join(section(SPEC, "Statements").split())
    for stated in (
        f"has sent {admission.WRONG_BURST} wrong ones",
        "it forgives two a second",
        f"Only the first {RIDERS_MAX:,} parties",
    ):
        assert stated in text
    assert admission.WRONG_PER_S == 2
    assert f"more than {pricing.CLOSURE_MAX} assets" in section(SPEC, "Closure")


@pytest.mark.parametrize(
    ("change", "problem", "field"),
    [
        ({"to": 17}, "usance:stale", "to"),
        ({"to": 99}, "usance:rule", "to"),
        ({"to": 18}, "usance:rule", "to"),
        ({"gross": bytes(16), "to": 20}, "usance:rule", "gross"),
        ({"due": 1, "to": 20}, "usance:rule", "due"),
    ],
    ids=["stale", "not reached", "nothing new", "figure", "due"],
)
def test_checks_of_a_statement(change: dict[str, object], problem: str, field: str) -> None:
    """The table of checks: each answers with its type and field, whoever logs the statement."""
    made = Example()
    made.log.put(KEYS["customer"], body("none", from_=1, until=2))
    fields = {**made.body(17), "to": 18, **change}
    if fields["to"] == 20:
        made.log.put(KEYS["customer"], usage(made.model, "infer", quantities=tokens(1_000_000)))
        right = statement_fields(account("lab"), made.figures(20), to=20, billed=nanos("108.87"))
        fields = {**fields, **right, **change}
    with pytest.raises(Refusal) as caught:
        made.put("lab", **fields)  # type: ignore[arg-type]
    assert (caught.value.type, caught.value.field) == (problem, field)
    assert ("figures" in caught.value.extra) == (field in ("gross", "due"))
