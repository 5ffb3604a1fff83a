"""Prints against their definition in plain Python, in any pieces; and what they guarantee."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect import winnow
from node.detect.winnow import DEFAULT, Scheme, Winnower, parse_scheme
from proofs.errors import InputError, InvariantError

MASK = 2**64 - 1
BASE, STIR = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
Pairs = list[tuple[int, int]]


def gram_hash(gram: bytes) -> int:
    """As docs/prints.md has it."""
    value = 0
    for byte in gram:
        value = (value * BASE + byte) & MASK
    value ^= value >> 32
    value = value * STIR & MASK
    return value ^ value >> 32


def defined(data: bytes, scheme: Scheme) -> Pairs:
    """(hash, place) by the definition: of each window the least upper 48 bits, of equal ones the last."""
    hashes = [gram_hash(data[at : at + scheme.gram]) for at in range(len(data) - scheme.gram + 1)]
    window, kept = min(scheme.window, len(hashes)), []
    for start in range(len(hashes) - window + 1 if hashes else 0):
        best = min(range(start, start + window), key=lambda at: (hashes[at] >> 16, -at))
        if not kept or best != kept[-1][1]:
            kept.append((hashes[best], best))
    return kept


def found(winnower: Winnower, chunks: Sequence[bytes]) -> Pairs:
    """The same from the fast code."""
    return [
        (int(value), int(place))
        for values, places in winnower.prints(chunks)
        for value, place in zip(values, places, strict=True)
    ]


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    """In pieces of any size."""
    chunks = []
    while data:
        size = rng.randint(1, 200)
        chunks.append(data[:size])
        data = data[size:]
    return chunks


def drawn(rng: random.Random, scheme: Scheme, at: int) -> bytes:
    """Bytes of all sorts: any, two letters only, all equal; of lengths where rules change."""
    size = rng.choice((0, scheme.gram - 1, scheme.gram, scheme.span - 1, scheme.span, rng.randint(0, 800)))
    if at % 5 == 0:
        return b"a" * size
    return bytes(rng.choice(b"ab") if at % 2 else rng.randrange(256) for _ in range(size))


def schemes(rng: random.Random) -> Scheme:
    """A scheme, often one at the edge of what there may be."""
    return Scheme(rng.randint(8, 64), rng.choice((1, 2, 3, 26, rng.randint(1, 256))))


def test_prints_are_those_of_the_definition(monkeypatch: pytest.MonkeyPatch, long_run: bool) -> None:
    """Any bytes, in any pieces over several blocks, under any scheme; a stream has the prints of the whole."""
    monkeypatch.setattr(winnow, "BLOCK_BYTES", 64)
    rng = random.Random(3)
    for at in range(1_500 if long_run else 150):
        scheme = schemes(rng)
        data = drawn(rng, scheme, at)
        winnower, wanted = Winnower(scheme), defined(data, scheme)
        assert found(winnower, cut(rng, data)) == wanted, (scheme, len(data))
        assert found(winnower, [data]) == wanted


def test_many_texts_at_once_have_the_prints_of_each(long_run: bool) -> None:
    """Short texts beside each other, empty ones among them, don't touch each other."""
    rng = random.Random(4)
    for at in range(600 if long_run else 60):
        scheme = schemes(rng)
        winnower = Winnower(scheme)
        texts = [drawn(rng, scheme, rng.randrange(20)) for _ in range(rng.choice((1, 2, 9)))]
        hashes, places, numbers = winnower.prints_of_each(texts)
        got: list[Pairs] = [[] for _ in texts]
        for value, place, number in zip(hashes.tolist(), places.tolist(), numbers.tolist(), strict=True):
            got[number].append((value, place))
        assert got == [found(winnower, [text]) for text in texts], (scheme, at)
    assert [len(part) for part in Winnower().prints_of_each([b"", b"short"])] == [0, 0, 0]
    with pytest.raises(InvariantError):
        Winnower().prints_of_each([bytes(winnow.BLOCK_BYTES), b"more"])


@given(st.binary(max_size=120), st.binary(max_size=120), st.binary(min_size=50, max_size=50), st.binary(max_size=90))
def test_what_two_texts_share_gives_a_shared_print(before: bytes, other: bytes, shared: bytes, after: bytes) -> None:
    """Any run of gram + window - 1 bytes in both, whatever stands around it."""
    assert DEFAULT.span == 50
    winnower = Winnower()
    one = {value for value, _ in found(winnower, [before + shared + after])}
    two = {value for value, _ in found(winnower, [other + shared])}
    assert one & two


def test_the_shortest_texts() -> None:
    """Less than a gram has no print; a gram has one, and so has all that is shorter than a window of grams."""
    winnower = Winnower()
    data = bytes(range(100, 151))
    assert found(winnower, [data[:24]]) == []
    assert found(winnower, [data[:25]]) == [(gram_hash(data[:25]), 0)]
    assert [len(found(winnower, [data[:size]])) for size in (26, 49, 50)] == [1, 1, 1]


def test_equal_bytes_are_a_print_a_window() -> None:
    """Ten thousand equal letters: of equal hashes the last of each window, so each window has its own."""
    kept = found(Winnower(), [b"a" * 10_000])
    assert {value for value, _ in kept} == {gram_hash(b"a" * 25)}
    assert [place for _, place in kept] == list(range(25, 10_000 - 24))


def test_a_scheme_is_read_as_it_is_written() -> None:
    """Its name says everything, and no other name is taken."""
    for scheme in (DEFAULT, Scheme(8, 1), Scheme(64, 256)):
        assert parse_scheme(str(scheme)) == scheme
    assert str(DEFAULT) == "winnow-v1 gram=25 window=26"
    for name in (
        "", "winnow-v2 gram=25 window=26", "winnow-v1 gram=025 window=26", "winnow-v1 gram=25 window=26 ",
        "winnow-v1 gram=7 window=26", "winnow-v1 gram=65 window=26", "winnow-v1 gram=25 window=0",
        "winnow-v1 gram=25 window=257", "winnow-v1 gram=٢٥ window=26", "winnow-v1 window=26 gram=25", "x" * 10_000,
    ):  # fmt: skip
        with pytest.raises(InputError) as refused:
            parse_scheme(name)
        assert refused.value.field == "scheme"
