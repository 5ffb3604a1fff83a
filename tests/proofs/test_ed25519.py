"""proofs.ed25519: every edge case on which verifiers disagree has one answer here."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs import ed25519
from proofs.errors import InputError, VerifyError
from tests import strategies
from tests.proofs import oracle

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = ed25519.public_bytes(KEY)
MESSAGE = b"a message"
SIGNATURE = KEY.sign(MESSAGE)


def holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        ed25519.check(public_key, message, signature)
    except VerifyError:
        return False
    return True


def test_all_914_verdicts(shared_dir: Path) -> None:
    """Each of the 914 published edge cases gets the strict verdict written beside them."""
    folder = shared_dir / "vectors"
    cases = json.loads((folder / "ed25519vectors.json").read_text(encoding="utf-8"))
    strict = json.loads((folder / "ed25519-strict.json").read_text(encoding="utf-8"))
    accept = {verdict["number"]: verdict["accept"] for verdict in strict}
    assert len(cases) == len(accept) == 914
    wrong = [
        case["number"]
        for case in cases
        if holds(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"])) != accept[case["number"]]
    ]
    assert wrong == []


def test_the_table_has_every_encoding_of_small_order() -> None:
    """The 14 encodings are, by the curve's own arithmetic, exactly those of the eight points of small order."""
    assert len(ed25519.SMALL_ORDER) == 14
    points = [oracle.decode_lenient(encoding) for encoding in ed25519.SMALL_ORDER]
    assert all(point is not None and oracle.has_small_order(point) for point in points)
    assert len(set(points)) == 8
    # No other encoding has one of these y: all that are congruent to them, with either sign, are in the table.
    for _, y in set(points):
        for congruent in (y, y + oracle.P):
            for sign in (0, 1):
                if congruent < 2**255:
                    assert (congruent | sign << 255).to_bytes(32, "little") in ed25519.SMALL_ORDER
    assert not oracle.has_small_order(oracle.decode_lenient(PUBLIC))


@pytest.mark.parametrize("encoding", sorted(ed25519.SMALL_ORDER), ids=bytes.hex)
def test_small_order_is_refused_as_key_and_as_r(encoding: bytes) -> None:
    """A point of small order, in any encoding, is neither a key nor an R."""
    with pytest.raises(InputError):
        ed25519.check_public_key(encoding)
    # Under a key of small order, this "signature" holds for every eighth message or more in a lenient verifier.
    assert not any(holds(encoding, b"%d" % n, encoding + bytes(32)) for n in range(32))
    assert not holds(PUBLIC, MESSAGE, encoding + SIGNATURE[32:])


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("excess", range(19))
def test_an_encoding_of_p_or_more_is_refused(excess: int, sign: int) -> None:
    """Each of the 38 encodings with y >= p is refused as a key, and the one before them is not."""
    encoding = (oracle.P + excess | sign << 255).to_bytes(32, "little")
    with pytest.raises(InputError):
        ed25519.check_public_key(encoding)
    with pytest.raises(VerifyError, match="canonical"):
        ed25519.check(PUBLIC, MESSAGE, encoding + SIGNATURE[32:])
    ed25519.check_public_key((oracle.P - 2 | sign << 255).to_bytes(32, "little"))


def test_s_plus_l_is_refused() -> None:
    """The second signature that anyone can make from a first, by adding the group's order to S, is refused."""
    s = int.from_bytes(SIGNATURE[32:], "little")
    ed25519.check(PUBLIC, MESSAGE, SIGNATURE)
    for times in range(1, 16):
        if (s + times * ed25519.GROUP_ORDER) < 2**256:
            other = SIGNATURE[:32] + (s + times * ed25519.GROUP_ORDER).to_bytes(32, "little")
            with pytest.raises(VerifyError, match="order"):
                ed25519.check(PUBLIC, MESSAGE, other)


def test_s_is_compared_to_the_order_exactly() -> None:
    """S = L - 1 goes on to the library's check; S = L doesn't."""
    for s, reason in ((ed25519.GROUP_ORDER - 1, "hold"), (ed25519.GROUP_ORDER, "order")):
        with pytest.raises(VerifyError, match=reason):
            ed25519.check(PUBLIC, MESSAGE, SIGNATURE[:32] + s.to_bytes(32, "little"))


@given(strategies.ed25519_keys, st.binary(max_size=200), st.data())
def test_signatures_hold_for_their_message_only(key: Ed25519PrivateKey, message: bytes, data: st.DataObject) -> None:
    """What a key signed holds; with anything changed, in message, signature or key, it doesn't."""
    public, signature = ed25519.public_bytes(key), key.sign(message)
    ed25519.check_public_key(public)
    ed25519.check(public, message, signature)
    assert not holds(public, message + b"x", signature)
    assert not holds(public, message, data.draw(strategies.mutated(signature)))
    assert not holds(data.draw(strategies.mutated(public)), message, signature)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_keys_have_32_bytes(length: int) -> None:
    """A key of another length is refused, by both functions."""
    with pytest.raises(InputError):
        ed25519.check_public_key(b"\x05" * length)
    assert not holds(b"\x05" * length, MESSAGE, SIGNATURE)


@pytest.mark.parametrize("length", [0, 32, 63, 65])
def test_signatures_have_64_bytes(length: int) -> None:
    """A signature of another length is refused."""
    assert not holds(PUBLIC, MESSAGE, (SIGNATURE + b"\x00")[:length])
