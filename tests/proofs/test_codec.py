"""proofs.codec: one byte string for each value, and nothing but InputError for every other byte string."""

import datetime
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import codec
from proofs.errors import InputError
from tests import strategies


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


def is_canonical(data: bytes) -> bool:
    try:
        codec.decode(data)
    except InputError:
        return False
    return True


@given(strategies.canonical_values)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    """Any allowed value of at most 6 levels comes back the same, types included; a deeper one is refused."""
    if depth_of(value) > codec.DEPTH_MAX:
        with pytest.raises(InputError):
            codec.encode(value)
        return
    data = codec.encode(value)
    found = codec.decode(data)
    assert repr(found) == repr(codec.sort_maps(value))  # repr tells True from 1
    assert codec.encode(found) == data


@given(st.one_of(st.binary(max_size=40), strategies.canonical_values.map(msgpack.packb).flatmap(strategies.mutated)))
def test_no_value_has_two_byte_strings(data: bytes) -> None:
    """Bytes are refused with InputError, or they are exactly what their value encodes to."""
    try:
        value = codec.decode(data)
    except InputError:
        return
    assert codec.encode(value) == data


EXACT = {
    0: "00", 127: "7f", 128: "cc80", 255: "ccff", 256: "cd0100", 65_535: "cdffff", 65_536: "ce00010000",
    2**32 - 1: "ceffffffff", 2**32: "cf0000000100000000", 2**63 - 1: "cf7fffffffffffffff",
    -1: "ff", -32: "e0", -33: "d0df", -128: "d080", -129: "d1ff7f", -32_768: "d18000", -32_769: "d2ffff7fff",
    -(2**31): "d280000000", -(2**31) - 1: "d3ffffffff7fffffff", -(2**63): "d38000000000000000",
}  # fmt: skip


@pytest.mark.parametrize(("value", "encoding"), EXACT.items())
def test_integers_take_the_smallest_format(value: int, encoding: str) -> None:
    """Non-negative integers stand in fixint or the smallest uint, negative ones in fixint or the smallest int."""
    assert codec.encode(value).hex() == encoding
    assert codec.decode(bytes.fromhex(encoding)) == value


def test_lengths_take_the_smallest_format() -> None:
    """Strings, binaries, arrays and maps have the shortest header at each border."""
    for length, text_head, bin_head in ((31, "bf", "c41f"), (32, "d920", "c420"), (255, "d9ff", "c4ff"),
                                        (256, "da0100", "c50100"), (65_536, "db00010000", "c600010000")):  # fmt: skip
        assert codec.encode("a" * length) == bytes.fromhex(text_head) + b"a" * length
        assert codec.encode(b"a" * length) == bytes.fromhex(bin_head) + b"a" * length
    for length, array_head, map_head in (
        (15, "9f", "8f"),
        (16, "dc0010", "de0010"),
        (65_536, "dd00010000", "df00010000"),
    ):
        assert codec.encode([1] * length) == bytes.fromhex(array_head) + b"\x01" * length
        keys = [f"{number:06}" for number in range(length)]
        assert codec.encode(dict.fromkeys(keys, 1)).startswith(bytes.fromhex(map_head) + b"\xa6000000\x01")


NOT_CANONICAL = {
    "uint8 that fits a fixint": "cc7f",
    "uint16 that fits a byte": "cd00ff",
    "uint32 that fits 16 bits": "ce0000ffff",
    "uint64 that fits 32 bits": "cf00000000ffffffff",
    "int8 for a positive number": "d001",
    "int16 for a positive number": "d10100",
    "int32 for a positive number": "d200010000",
    "int64 for a positive number": "d30000000100000000",
    "int8 that fits a negative fixint": "d0ff",
    "int16 that fits int8": "d1ff80",
    "int32 that fits int16": "d2ffff8000",
    "int64 that fits int32": "d3ffffffff80000000",
    "uint64 of 2^63": "cf8000000000000000",
    "uint64 of 2^64-1": "cfffffffffffffffff",
    "str8 that fits fixstr": "d90161",
    "str16 that fits str8": "da002061" + "61" * 31,
    "str32": "db0000000161",
    "bin16 that fits bin8": "c5000161",
    "bin32": "c60000000161",
    "array16 that fits fixarray": "dc000101",
    "array32": "dd0000000101",
    "map16 that fits fixmap": "de0001a16101",
    "map32": "df00000001a16101",
    "nil": "c0",
    "never used": "c1",
    "float32": "ca3f800000",
    "float64": "cb3ff0000000000000",
    "float64 nan": "cb7ff8000000000000",
    "fixext1": "d40100",
    "ext8": "c7010100",
    "timestamp": "d6ff00000001",
    "bad timestamp": "d7ffffffffff00000001",
    "nil in a map": "81a161c0",
    "float in an array": "91cb3ff0000000000000",
    "map key int": "810101",
    "map key bin": "81c4016101",
    "map key nil": "81c001",
    "map key array": "819001",
    "map key twice": "82a16101a16101",
    "map keys descending": "82a16201a16101",
    "map keys by length": "82a16201a2616101",
    "inner map keys descending": "9182a16201a16101",
    "inner map key twice": "81a16182a16101a16101",
    "trailing byte": "0100",
    "two values": "0101",
    "nothing": "",
    "cut array": "9301",
    "cut string": "a361",
    "cut map": "82a16101",
    "cut integer": "cd01",
    "array of 2^32-1": "ddffffffff",
    "map of 2^32-1": "dfffffffff",
    "bin of 2^32-1": "c6ffffffff",
    "not UTF-8": "a1ff",
    "overlong UTF-8": "a2c0af",
    "surrogate as UTF-8": "a3eda080",
    "key not UTF-8": "81a1ff01",
}


@pytest.mark.parametrize("encoding", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_every_other_form_is_refused(encoding: str) -> None:
    """A longer, cut, unsorted or foreign form is refused as input, alone and inside of an array."""
    data = bytes.fromhex(encoding)
    assert not is_canonical(data)
    assert not is_canonical(b"\x91" + data)
    with pytest.raises(InputError) as refused:
        codec.decode(data, field="item")
    assert refused.value.field == "item"
    assert refused.value.expected


def test_keys_ascend_by_their_utf8_bytes() -> None:
    """The order is that of UTF-8, not of UTF-16 code units, of lengths or of letters without case."""
    keys = ["", "B", "a", "aa", "b", "é", "\uffff", "\U00010000"]
    assert keys == sorted(keys, key=str.encode)
    data = codec.encode(dict.fromkeys(reversed(keys), 0))
    assert data == b"\x88" + b"".join(codec.encode(key) + b"\0" for key in keys)
    assert list(codec.decode(data)) == keys


@pytest.mark.parametrize("wrap", [b"\x91", b"\x81\xa1a"], ids=["arrays", "maps"])
def test_six_levels_and_no_more(wrap: bytes) -> None:
    """Six levels are read and seven refused, and any number beyond ends in InputError, not in the stack."""
    assert is_canonical(wrap * 6 + b"\x01")
    for levels in (7, 100, 512, 1023, 1024, 1025, 30_000):
        assert not is_canonical(wrap * levels + b"\x01")
    assert codec.decode(wrap * 7 + b"\x01", depth_max=7)
    with pytest.raises(InputError):
        codec.decode(wrap * 2 + b"\x01", depth_max=1)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


class Number(int):
    """A subclass whose packing nobody has thought about."""


NO_FORM = {
    "nil": None,
    "float": 1.0,
    "2^63": 2**63,
    "below -2^63": -(2**63) - 1,
    "int key": {1: 2},
    "bin key": {b"a": 1},
    "mixed keys": {"a": 1, 2: 3},
    "nil key": {None: 1},
    "surrogate": "\ud800",
    "surrogate key": {"\udfff": 1},
    "inner surrogate key": {"a": {"\ud800": 1}},
    "inner nil": {"a": None},
    "inner float": [1.5],
    "set": {1, 2},
    "object": object(),
    "subclass": Number(3),
    "bytearray": bytearray(b"a"),
    "complex": complex(1),
    "datetime": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "ext": msgpack.ExtType(1, b""),
    "seven levels": nested(7),
    "a pit": nested(5000),
}


@pytest.mark.parametrize("name", NO_FORM)
def test_what_has_no_form_is_not_encoded(name: str) -> None:
    """A program that hands over a float, a nil, a foreign type or key, a lone surrogate or a pit gets InputError."""
    with pytest.raises(InputError):
        codec.encode(NO_FORM[name])


def test_tuples_are_arrays_and_bools_are_no_integers() -> None:
    """A tuple encodes as the list does; True and 1 have different bytes and come back as what they were."""
    assert codec.encode((1, ("a",))) == codec.encode([1, ["a"]])
    assert codec.encode([True, False]).hex() == "92c3c2"
    assert [type(item) for item in codec.decode(bytes.fromhex("94c3c20100"))] == [bool, bool, int, int]
