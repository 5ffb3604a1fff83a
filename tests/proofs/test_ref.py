"""proofs.ref: leaf index and leaf hash together, in 40 bytes and as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.errors import InputError
from proofs.ref import Ref, parse_ref, unpack_ref
from tests import strategies

HEX = "0123456789abcdef" * 4


@given(st.integers(0, 2**63 - 1), strategies.hashes)
def test_both_forms_come_back(index: int, leaf: bytes) -> None:
    """Any index and hash come back the same from the 40 bytes and from the text."""
    ref = Ref(index, leaf)
    assert len(ref.pack()) == 40
    assert unpack_ref(ref.pack()) == ref
    assert parse_ref(str(ref)) == ref


def test_the_forms_are_the_designs() -> None:
    """Index big-endian, then the hash; in text a decimal, a colon and lower-case hex."""
    ref = Ref(258, bytes.fromhex(HEX))
    assert ref.pack() == bytes([0, 0, 0, 0, 0, 0, 1, 2]) + bytes.fromhex(HEX)
    assert str(ref) == f"258:{HEX}"


@pytest.mark.parametrize("raw", [b"", bytes(39), bytes(41), b"\x80" + bytes(39), b"\xff" * 40], ids=range(5))
def test_other_bytes_are_refused(raw: bytes) -> None:
    """Another length, or an index of 2^63 or more."""
    with pytest.raises(InputError):
        unpack_ref(raw)


@pytest.mark.parametrize(
    "text",
    ["", ":", HEX, f"7{HEX}", f"07:{HEX}", f"+7:{HEX}", f"-7:{HEX}", f" 7:{HEX}", f"7:{HEX} ", f"7:{HEX}\n",
     f"7 :{HEX}",
     f"7:{HEX.upper()}", f"7:{HEX[:-1]}", f"7:{HEX}0", f"7:0x{HEX[2:]}", f"7_0:{HEX}", f"{2**63}:{HEX}",
      f"{10**19}:{HEX}",
     f"\u0667:{HEX}", f"7:{HEX[:-1]}\uff11", f"7.0:{HEX}", f"1e1:{HEX}", f"7::{HEX}", f"0x7:{HEX}",
      "7:" + "a" * 100_000],
    ids=range(25),
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    """Leading zeros, signs, spaces, capitals, other digits, other lengths, numbers of 2^63 and more."""
    with pytest.raises(InputError) as caught:
        parse_ref(text)
    assert len(caught.value.detail) < 200


@given(strategies.mutated(f"12:{HEX}".encode()))
def test_a_text_is_refused_or_prints_back(data: bytes) -> None:
    """Whatever is taken prints back to the same text."""
    text = data.decode("latin-1")
    try:
        ref = parse_ref(text)
    except InputError:
        return
    assert str(ref) == text
