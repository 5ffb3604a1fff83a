"""proofs.text and proofs.errors: one form for each number and binary, and messages of bounded length."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.errors import EXCERPT_CHARS_MAX, InputError, excerpt
from proofs.text import decode_utf8, encode_base64, parse_base64, parse_decimal, parse_hash
from tests import strategies

BAD_DECIMALS = [
    "", " ", "-5", "+5", "007", "00", "1_000", "1,000", "1.0", "1e3", "0x10", " 1", "1 ", "1\n", "1\r", "\t1", "abc",
    "\u0661", "1\u0662", "\uff11", "\u00b2", "9223372036854775808", "18446744073709551616", "1" * 20, "1" * 5000,
]  # fmt: skip
BAD_BASE64 = [
    "A", "AA", "AAA", "AA=", "AB==", "AAB=", "AA==\n", " AA==", "AA== ", "A A==", "AA\n==", "AA\r\n==", "AA===",
    "AA==A", "=", "====", "-_==", "AA==AA==", "A*A=", "\u0410A==", "AA==\x00", "!AA==", "AA=A",
]  # fmt: skip


@given(st.integers(0, strategies.SIZE_MAX))
def test_decimals_read_back(value: int) -> None:
    """Every number from 0 to 2^63 - 1 reads back from its one form."""
    assert parse_decimal(str(value), field="n") == value


@pytest.mark.parametrize("text", BAD_DECIMALS)
def test_other_decimals_are_refused(text: str) -> None:
    """Signs, zeros in front, underscores, spaces, newlines, other digits and numbers too large name their field."""
    with pytest.raises(InputError) as caught:
        parse_decimal(text, field="size")
    assert caught.value.field == "size"
    assert caught.value.expected


def test_decimals_have_a_maximum() -> None:
    """The largest allowed number is read, the next one isn't."""
    assert parse_decimal("255", field="n", maximum=255) == 255
    with pytest.raises(InputError):
        parse_decimal("256", field="n", maximum=255)
    with pytest.raises(InputError):
        parse_decimal(str(2**63), field="n", maximum=2**70)


@given(st.binary(max_size=80))
def test_base64_reads_back(data: bytes) -> None:
    """All bytes read back from their one form."""
    text = encode_base64(data)
    assert text == base64.b64encode(data).decode()
    assert parse_base64(text, field="b") == data


@pytest.mark.parametrize("text", BAD_BASE64)
def test_other_base64_is_refused(text: str) -> None:
    """Missing or extra padding, stray bits, other alphabets, white space and trailing text are refused."""
    with pytest.raises(InputError):
        parse_base64(text, field="b")


@given(st.text(max_size=12))
def test_what_reads_as_base64_prints_back(text: str) -> None:
    """No two texts read as the same bytes."""
    try:
        data = parse_base64(text, field="b")
    except InputError:
        return
    assert encode_base64(data) == text


@pytest.mark.parametrize("length", [0, 3, 31, 33, 64])
def test_hashes_have_32_bytes(length: int) -> None:
    """A hash of another length is refused."""
    assert parse_hash(encode_base64(bytes(32)), field="root") == bytes(32)
    with pytest.raises(InputError):
        parse_hash(encode_base64(bytes(length)), field="root")


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\r\n", b"\x00", b"\t"])
def test_text_is_utf8_without_controls(data: bytes) -> None:
    """Overlong forms, surrogates, bytes that are no UTF-8, and control characters but newline are refused."""
    with pytest.raises(InputError):
        decode_utf8(data, field="note", bytes_max=100)


def test_text_has_a_bound() -> None:
    """The bound counts bytes, not characters."""
    assert decode_utf8("é\n".encode(), field="note", bytes_max=3) == "é\n"
    with pytest.raises(InputError):
        decode_utf8("éé".encode(), field="note", bytes_max=3)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300), st.integers()))
def test_excerpts_are_short_and_printable(value: object) -> None:
    """Whatever came in, what a message repeats of it is one short line."""
    shown = excerpt(value)
    assert len(shown) <= EXCERPT_CHARS_MAX
    assert shown.isprintable()
