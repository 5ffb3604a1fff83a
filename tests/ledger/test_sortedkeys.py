"""Keys in order: the same as a sorted set, whatever was put in, taken out and asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger.sortedkeys as sortedkeys

key = st.binary(max_size=2)


@given(st.lists(st.tuples(key, key, key), max_size=60))
def test_sorted_keys_are_a_sorted_set(steps: list[tuple[bytes, bytes, bytes]]) -> None:
    """With buckets of four: after each change, any range is what a sorted set gives, forwards and backwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sortedkeys, "BUCKET_MAX", 4)
        found, model = sortedkeys.SortedKeys(), set()
        for changed, start, stop in steps:
            if changed in model:
                found.remove(changed)
                model.discard(changed)
            else:
                found.add(changed)
                model.add(changed)
            expected = sorted(one for one in model if start <= one < stop)
            assert list(found.between(start, stop, reverse=False)) == expected
            assert list(found.between(start, stop, reverse=True)) == expected[::-1]
