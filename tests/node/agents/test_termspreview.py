"""What terms would come to: typical uses priced and handed down, changes in words, refusals as a node's."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.agents.termspreview import TYPICAL, Standing, check_shares, preview
from node.cli.termspreview import percent_text
from proofs import pricing
from proofs.errors import InputError
from proofs.fields import UNITS, USES
from proofs.pricing import Closure
from proofs.ref import Ref

OWNER, OTHER, THIRD = (bytes([at]) * 32 for at in (1, 2, 3))
ASSET = Ref(7, bytes(32))
EUR = 10**9


def fields(*offers: tuple[str, str, int, int], **more: Any) -> dict[str, Any]:
    """Terms in euros."""
    listed = [dict(zip(("use", "unit", "price", "per"), offer, strict=True)) for offer in offers]
    return {"currency": "EUR", "offers": listed, **more}


def standing(**more: Any) -> Standing:
    """An asset without sources and terms, unless told."""
    usual: dict[str, Any] = {"closure": pricing.NOTHING, "splits": {}, "in_force": None}
    return Standing(ASSET, OWNER, **{**usual, **more})


def test_the_design_s_example() -> None:
    """A asks 5 %, B 10 %: of 100.00 charged on C, C gets 85.00, B 10.00, A 5.00; the most first."""
    known = standing(
        closure=Closure(((1, 500), (2, 1000)), "EUR"),
        splits={1: ((OTHER, 10_000),), 2: ((THIRD, 10_000),)},
    )
    example = preview(fields(("train", "use", 100 * EUR, 1)), known).examples[0]
    assert (example.charge, example.quantity) == (100 * EUR, 1)
    assert [(part.payee, part.amount) for part in example.parts] == [
        (OWNER, 85 * EUR), (THIRD, 10 * EUR), (OTHER, 5 * EUR)
    ]  # fmt: skip


def test_splits_are_exact() -> None:
    """3334, 3333 and 3333 bps of 100 nanos are 34, 33 and 33."""
    splits = [{"party": party, "bps": bps} for party, bps in ((OWNER, 3334), (OTHER, 3333), (THIRD, 3333))]
    example = preview(fields(("train", "use", 100, 1), splits=splits), standing()).examples[0]
    assert [part.amount for part in example.parts] == [34, 33, 33]


@given(
    use=st.sampled_from(USES), unit=st.sampled_from(UNITS), price=st.integers(0, 2**53), per=st.integers(1, 2**63 - 1),
    bps=st.integers(0, 10_000),
)  # fmt: skip
def test_parts_come_to_the_charge(use: str, unit: str, price: int, per: int, bps: int) -> None:
    """Whatever the price: the parts are the whole charge, and the charge is the price of the quantity, rounded up."""
    known = standing(closure=Closure(((1, bps),), "EUR") if bps else pricing.NOTHING, splits={1: ((OTHER, 10_000),)})
    example = preview(fields((use, unit, price, per)), known).examples[0]
    exact = Fraction(price * TYPICAL[unit][0], per)
    assert sum(part.amount for part in example.parts) == example.charge
    if example.status == pricing.LICENSED:
        assert exact <= example.charge < exact + 1
    else:
        assert (example.reason, example.charge) == (pricing.OVERFLOW, 0)


def test_every_unit_has_a_typical_quantity() -> None:
    """A unit that is added later can't be forgotten here."""
    assert set(TYPICAL) == set(UNITS)


def refusals(terms: dict[str, Any], known: Standing) -> list[str]:
    """Fields of the refusals."""
    return [refusal.field for refusal in preview(terms, known).refusals]


def test_what_a_node_would_refuse() -> None:
    """Another's asset, another currency than the asset's or its sources', offers where sources can't be paid, parties
    that the log doesn't have."""
    selling = fields(("train", "use", 1, 1))
    assert refusals(selling, standing(signer=OWNER)) == []
    assert refusals(selling, standing(signer=OTHER)) == ["asset"]
    assert refusals(selling, standing(in_force={**fields(), "currency": "USD"})) == ["currency"]
    paid = {1: ((OTHER, 10_000),)}
    assert refusals(selling, standing(closure=Closure(((1, 5),), "JPY"), splits=paid)) == ["currency"]
    for fault in pricing.FAULTS:
        assert refusals(selling, standing(closure=Closure(fault=fault))) == ["offers"]
        assert refusals(fields(), standing(closure=Closure(fault=fault))) == []
    named = fields(splits=[{"party": OWNER, "bps": 5000}, {"party": OTHER, "bps": 5000}], arbiter=THIRD)
    assert refusals(named, standing(unknown=frozenset((OTHER, THIRD)))) == ["[[splits]] 2, party", "arbiter"]


def test_what_changes() -> None:
    """Offers by their unit price, up, down, new and gone; other fields by their values, order aside."""
    old = fields(("train", "token", 100, 10), ("infer", "call", 30, 1), ("index", "item", 5, 1), ("embed", "use", 0, 1),
                 prohibits=["distill", "search"], derivatives=500)  # fmt: skip
    new = fields(("train", "token", 25, 2), ("infer", "call", 20, 1), ("ground", "item", 5, 1), ("embed", "use", 7, 1),
                 prohibits=["search", "finetune"], needs_grant=True)  # fmt: skip
    seen = preview(new, standing(in_force=old))
    found = {(change.use, change.unit): (change.old, change.new, change.percent) for change in seen.offers}
    assert found == {
        ("train", "token"): (10, Fraction(25, 2), 25),
        ("infer", "call"): (30, 20, Fraction(-100, 3)),
        ("index", "item"): (5, None, None),
        ("ground", "item"): (None, 5, None),
        ("embed", "use"): (0, 7, None),
    }
    assert [(change.field, change.old, change.new) for change in seen.changes] == [
        ("derivatives", 500, 0), ("needs_grant", False, True),
        ("prohibits", ["distill", "search"], ["search", "finetune"]),
    ]  # fmt: skip
    same = preview(fields(("train", "token", 10, 1)), standing(in_force=fields(("train", "token", 1000, 100))))
    assert (same.offers, same.changes) == ((), ())


@pytest.mark.parametrize(
    ("value", "said"),
    [(Fraction(25), "+25 %"), (Fraction(-100, 3), "-33.3 %"), (Fraction(1, 1000), "less than 0.1 % up"),
     (Fraction(-1, 1000), "less than 0.1 % down"), (Fraction(123456), "+123,456 %"), (Fraction(-100), "-100 %")],
)  # fmt: skip
def test_percent_in_words(value: Fraction, said: str) -> None:
    """One decimal where there is one."""
    assert percent_text(value) == said


def test_remarks_on_what_is_probably_not_meant() -> None:
    """Offers for prohibited uses, a retired asset, sources that take all, what is free."""
    terms = fields(("train", "token", 0, 1), ("infer", "call", 5, 1), prohibits=["infer"])
    known = standing(is_retired=True, closure=Closure(((1, 10_000),), "EUR"), splits={1: ((OTHER, 10_000),)})
    said = " ".join(preview(terms, known).remarks)
    for words in ("never count: infer", "retired", "take the whole charge", "free: train by token"):
        assert words in said
    assert "ISO 4217" not in said
    (unknown,) = preview({**fields(("train", "token", 5, 1)), "currency": "EUO"}, standing()).remarks
    assert "ISO 4217 has no EUO" in unknown


@pytest.mark.parametrize("said", [None, [], "x", [{}], [{"asset": "1:00", "bps": 6}], [{"asset": "2:00", "bps": 5}]])
def test_a_node_that_names_other_payees_is_caught(said: Any) -> None:
    """The closure is computed from entries; the node's list must be the same."""
    closure = Closure(((1, 5),), "EUR")
    check_shares(closure, [{"asset": "1:" + "00" * 32, "bps": 5}])
    with pytest.raises(InputError):
        check_shares(closure, said)
