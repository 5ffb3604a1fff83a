"""proofs.jcs: RFC 8785 for whole numbers, texts, lists and maps."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import jcs
from proofs.errors import InputError

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
values = st.recursive(
    st.one_of(st.booleans(), st.integers(-jcs.INTEGER_MAX, jcs.INTEGER_MAX), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
)


def test_the_rfcs_examples() -> None:
    """Escapes of section 3.2.2.2, and the order of section 3.2.3: by UTF-16 code units, not by code points."""
    text = "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/"
    assert jcs.encode({"string": text}) == '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'.encode()
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = json.loads(jcs.encode(dict.fromkeys(names, "x")), object_pairs_hook=lambda pairs: [n for n, _ in pairs])
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert jcs.encode([True, False, 0, -1, "\x7f"]) == b'[true,false,0,-1,"\x7f"]'


@given(values)
def test_what_is_written_reads_back(value: Any) -> None:
    """Any allowed value reads back, and is written the same again."""
    data = jcs.encode(value)
    assert jcs.load(data, field="x", bytes_max=len(data)) == value
    assert jcs.encode(jcs.load(data, field="x", bytes_max=len(data))) == data


@pytest.mark.parametrize("value", [1.0, None, 2**53, -(2**53), {1: "x"}, b"x", "\ud800", {"\ud800": 1}, ("x",)])
def test_what_json_readers_disagree_on_is_not_written(value: Any) -> None:
    """Fractions, nulls, numbers past 2^53, lone surrogates: an error that is ours, never a guess."""
    with pytest.raises(InputError):
        jcs.encode([value])


NO_JSON = [
    b"", b"{", b"1.0", b"1e3", b"NaN", b"Infinity", b"\xff", b"[" * 100_000, b"1" * 5000, b'"\x00"', b"\xef\xbb\xbf1",
]  # fmt: skip


@pytest.mark.parametrize("data", NO_JSON)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """Cut, fractional, not UTF-8, nested past the stack, or digits without end: refused as bad input."""
    with pytest.raises(InputError):
        jcs.load(data, field="x", bytes_max=1_000_000)


def test_the_bound_is_held_before_anything_is_read() -> None:
    """One byte more than allowed is refused."""
    assert jcs.load(b"[1]", field="x", bytes_max=3) == [1]
    with pytest.raises(InputError):
        jcs.load(b"[1]", field="x", bytes_max=2)
