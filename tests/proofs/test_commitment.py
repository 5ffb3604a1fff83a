"""proofs.commitment: hidden fields and single calls, and what opens them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import codec, commitment
from proofs.commitment import Call, Field
from proofs.errors import InputError, VerifyError
from tests import strategies
from tests.proofs import oracle


def salts(count: int) -> list[bytes]:
    """Salts that are all different."""
    return [bytes([number]) * 16 for number in range(count)]


VALUES = {"model": "m-1", "prompt": "hello", "tokens": 12}
FIELDS = commitment.hide(VALUES, salts(3))
LEAVES = [field.leaf() for field in FIELDS]
BODY = {"commitment": commitment.root(LEAVES), "names": sorted(VALUES)}
CALLS = [Call(salt, f"c-{at}", 1000 + at, {"call": 1, "token": at + 1}) for at, salt in enumerate(salts(5))]
CALL_LEAVES = [call.leaf() for call in CALLS]
DETAILED = {"calls": 5, "detail": commitment.root(CALL_LEAVES)}


def test_the_leaves_are_the_designs() -> None:
    """Canonical [salt, name, value] in the order of names, [salt, call, at, quantities]; RFC 6962 over both."""
    assert LEAVES[0] == codec.encode([bytes(16), "model", "m-1"])
    assert CALL_LEAVES[1] == codec.encode([b"\1" * 16, "c-1", 1001, {"call": 1, "token": 2}])
    assert BODY["commitment"] == oracle.mth(LEAVES)
    assert DETAILED["detail"] == oracle.mth(CALL_LEAVES)
    assert list(commitment.path(CALL_LEAVES, 4)) == oracle.path(4, CALL_LEAVES)


def test_each_opens_at_its_place_only() -> None:
    """A field or call is shown by its leaf, position and path; at another position or in another record it isn't."""
    for at, field in enumerate(FIELDS):
        path = commitment.path(LEAVES, at)
        assert commitment.check_field(BODY, position=at, leaf=LEAVES[at], path=path) == field
        for other in {0, 1, 2} - {at}:
            with pytest.raises(VerifyError):
                commitment.check_field(BODY, position=other, leaf=LEAVES[at], path=path)
    for at, call in enumerate(CALLS):
        path = commitment.path(CALL_LEAVES, at)
        assert commitment.check_call(DETAILED, position=at, leaf=CALL_LEAVES[at], path=path) == call
    path = commitment.path(LEAVES, 0)
    with pytest.raises(VerifyError, match="no detail"):
        commitment.check_call(BODY, position=0, leaf=CALL_LEAVES[0], path=path)
    with pytest.raises(VerifyError, match="no commitment"):
        commitment.check_field(DETAILED, position=0, leaf=LEAVES[0], path=path)
    for position in (-1, 3):
        with pytest.raises(VerifyError):
            commitment.check_field(BODY, position=position, leaf=LEAVES[0], path=path)


def test_a_leaf_under_another_name_is_refused() -> None:
    """The names stand in the record: whoever built the tree in another order shows nothing."""
    swapped = LEAVES[::-1]
    body = {**BODY, "commitment": commitment.root(swapped)}
    with pytest.raises(VerifyError, match="another name"):
        commitment.check_field(body, position=0, leaf=swapped[0], path=commitment.path(swapped, 0))


@given(st.data())
def test_any_changed_leaf_is_refused(data: st.DataObject) -> None:
    """No other bytes than the committed ones open it."""
    at = data.draw(st.integers(0, 2))
    with pytest.raises(InputError):
        commitment.check_field(
            BODY, position=at, leaf=data.draw(strategies.mutated(LEAVES[at])), path=commitment.path(LEAVES, at)
        )


@pytest.mark.parametrize(
    "field",
    [Field(bytes(15), "n", 1), Field("x" * 16, "n", 1), Field(bytes(1025), "n", 1), Field(bytes(16), "", 1),
     Field(bytes(16), "n", 1.5), Field(bytes(16), "n", None)],
)  # fmt: skip
def test_fields_that_are_none(field: Any) -> None:
    """Short salts, no names, values that canonical MessagePack hasn't."""
    with pytest.raises(InputError):
        field.leaf()


@pytest.mark.parametrize(
    "call",
    [Call(bytes(15), "c", 1, {"token": 1}), Call(bytes(16), "", 1, {"token": 1}),
     Call(bytes(16), "c", -1, {"token": 1}), Call(bytes(16), "c", True, {"token": 1}), Call(bytes(16), "c", 1, {}),
     Call(bytes(16), "c", 1, {"pages": 1}),
     Call(bytes(16), "c", 1, {"token": 0})],
)  # fmt: skip
def test_calls_that_are_none(call: Any) -> None:
    """Short salts, no ids, times or quantities that a usage couldn't have either."""
    with pytest.raises(InputError):
        call.leaf()


@pytest.mark.parametrize(
    "leaf", [codec.encode(value) for value in (1, [], [bytes(16), "n"], [bytes(16), "n", 1, 2, 3])]
)
def test_leaves_of_another_shape(leaf: bytes) -> None:
    """What isn't a list of three or four says nothing."""
    for parse in (commitment.parse_field, commitment.parse_call):
        with pytest.raises(InputError):
            parse(leaf)


def test_every_field_has_a_salt_of_its_own() -> None:
    """One salt for two fields, or one too few, is refused: who learns one could guess the other."""
    for given_salts in (salts(2), salts(4), [bytes(16)] * 3):
        with pytest.raises(InputError):
            commitment.hide(VALUES, given_salts)
    with pytest.raises(InputError):
        commitment.path(LEAVES, 3)
