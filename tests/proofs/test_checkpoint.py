"""proofs.checkpoint: a log's tree head in its one form, signed by the log that it names."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs import checkpoint, ed25519, note
from proofs.errors import InputError, VerifyError
from proofs.merkle import EMPTY_ROOT
from tests import strategies

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ORIGIN = "example.com/log"
ROOT = bytes(range(32))
ROOT_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
TEXT = f"{ORIGIN}\n1000\n{ROOT_TEXT}\n"
VKEY = checkpoint.log_vkey(origin=ORIGIN, public_key=ed25519.public_bytes(KEY))


def signed(text: str, name: str = ORIGIN, key: Ed25519PrivateKey = KEY) -> bytes:
    return note.make_note(text, [note.sign(text=text, name=name, private_key=key)])


@given(strategies.origins, st.integers(1, strategies.SIZE_MAX), strategies.hashes, strategies.ed25519_keys)
def test_checkpoints_read_back(origin: str, size: int, root: bytes, key: Ed25519PrivateKey) -> None:
    """What a log signs opens with its key, and holds the same origin, size and root."""
    data = checkpoint.sign_checkpoint(origin=origin, size=size, root=root, private_key=key)
    vkey = checkpoint.log_vkey(origin=origin, public_key=ed25519.public_bytes(key))
    opened = checkpoint.open_checkpoint(data, vkey)
    assert opened == checkpoint.Checkpoint(origin, size, root)
    assert (
        opened.text == note.parse_note(data).text == checkpoint.format_checkpoint(origin=origin, size=size, root=root)
    )
    assert checkpoint.parse_log_vkey(vkey.text) == vkey


def test_the_text_is_the_standards() -> None:
    """Three lines: origin, decimal size, base64 root."""
    assert checkpoint.format_checkpoint(origin=ORIGIN, size=1000, root=ROOT) == TEXT
    assert checkpoint.parse_checkpoint(TEXT) == checkpoint.Checkpoint(ORIGIN, 1000, ROOT)


def test_extension_lines_are_read() -> None:
    """Lines after the root are accepted, kept and signed over; they are never written."""
    text = TEXT + "extension 1\n— looks like a signature\n"
    opened = checkpoint.open_checkpoint(signed(text), VKEY)
    assert opened.extensions == ("extension 1", "— looks like a signature")
    assert opened.text == text
    with pytest.raises(VerifyError):
        checkpoint.open_checkpoint(signed(TEXT).replace(b"h8=\n", b"h8=\nx\n", 1), VKEY)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\n", id="empty-line"),
        pytest.param(f"{ORIGIN}\n1000\n", id="no-root"),
        pytest.param(f"{ORIGIN}\n{ROOT_TEXT}\n", id="no-size"),
        pytest.param(f"1000\n{ROOT_TEXT}\n", id="no-origin"),
        pytest.param(f"\n1000\n{ROOT_TEXT}\n", id="empty-origin"),
        pytest.param(TEXT[:-1], id="missing-last-newline"),
        pytest.param(TEXT + "\n", id="empty-extension"),
        pytest.param(TEXT + "x\n\ny\n", id="empty-line-among-extensions"),
        pytest.param(TEXT + "x", id="extension-not-ended"),
        pytest.param(TEXT.replace("\n", "\r\n"), id="crlf"),
        pytest.param(TEXT.replace("1000", "1_000"), id="underscore"),
        pytest.param(TEXT.replace("1000", "007"), id="leading-zeros"),
        pytest.param(TEXT.replace("1000", "00"), id="two-zeros"),
        pytest.param(TEXT.replace("1000", "-5"), id="negative"),
        pytest.param(TEXT.replace("1000", "+5"), id="plus-sign"),
        pytest.param(TEXT.replace("1000", "1000 "), id="space-after-size"),
        pytest.param(TEXT.replace("1000", " 1000"), id="space-before-size"),
        pytest.param(TEXT.replace("1000", "1000 x"), id="text-after-size"),
        pytest.param(TEXT.replace("1000", "1e3"), id="exponent"),
        pytest.param(TEXT.replace("1000", "0x3e8"), id="hex"),
        pytest.param(TEXT.replace("1000", "\u0661\u0660"), id="unicode-digits"),
        pytest.param(TEXT.replace("1000", str(2**63)), id="size-2^63"),
        pytest.param(TEXT.replace("1000", "9" * 5000), id="size-of-5000-digits"),
        pytest.param(TEXT.replace("1000", "0"), id="size-0-with-a-root"),
        pytest.param(TEXT.replace(ROOT_TEXT, "AAEC"), id="3-byte-root"),
        pytest.param(TEXT.replace(ROOT_TEXT, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="), id="31-byte-root"),
        pytest.param(TEXT.replace(ROOT_TEXT, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"), id="33-byte-root"),
        pytest.param(TEXT.replace(ROOT_TEXT, ROOT_TEXT[:-1]), id="root-without-padding"),
        pytest.param(TEXT.replace("h8=", "h9="), id="root-with-stray-bits"),
        pytest.param(TEXT.replace("AAEC", "AA*EC"), id="junk-in-root"),
        pytest.param(TEXT.replace("AAEC", "AA EC"), id="space-in-root"),
        pytest.param(TEXT.replace("h8=", "h8= x"), id="text-after-root"),
        pytest.param(TEXT.replace(ORIGIN, "two words"), id="space-in-origin"),
        pytest.param(TEXT.replace(ORIGIN, "a+b"), id="plus-in-origin"),
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    """Each leniency seen in the field is refused, as a text and, where a note can hold it, under a good signature."""
    with pytest.raises(InputError):
        checkpoint.parse_checkpoint(text)
    if text.endswith("\n") and "\r" not in text:
        with pytest.raises(InputError):
            checkpoint.open_checkpoint(signed(text), VKEY)


def test_the_empty_tree_has_one_root() -> None:
    """Size 0 goes with SHA-256 of nothing and no other root."""
    data = checkpoint.sign_checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT, private_key=KEY)
    assert checkpoint.open_checkpoint(data, VKEY).root == EMPTY_ROOT
    with pytest.raises(InputError):
        checkpoint.sign_checkpoint(origin=ORIGIN, size=0, root=ROOT, private_key=KEY)


@pytest.mark.parametrize(("size", "root"), [(-1, ROOT), (2**63, ROOT), (1, ROOT[:31]), (1, b""), (1, ROOT + b"x")])
def test_nothing_else_is_signed(size: int, root: bytes) -> None:
    """Sizes and roots out of range never get a signature."""
    with pytest.raises(InputError):
        checkpoint.sign_checkpoint(origin=ORIGIN, size=size, root=root, private_key=KEY)


@pytest.mark.parametrize(
    "origin",
    ["", " ", "a b", "a+b", "a\nb", "a\x00", "a\x9f", "\u2003", "usance/", "usance/batch/v1", "cosignature/v1",
     "subtree/v1", "é" * 128, "\udcff"],
)  # fmt: skip
def test_origins_that_are_none(origin: str) -> None:
    """Empty, long, with spaces, plus or controls, or beginning as other signed texts do: no function takes it."""
    with pytest.raises(InputError) as caught:
        checkpoint.check_origin(origin)
    assert caught.value.field == "origin"
    with pytest.raises(InputError):
        checkpoint.sign_checkpoint(origin=origin, size=1, root=ROOT, private_key=KEY)
    with pytest.raises(InputError):
        checkpoint.log_vkey(origin=origin, public_key=ed25519.public_bytes(KEY))
    with pytest.raises(InputError):
        checkpoint.parse_checkpoint(TEXT.replace(ORIGIN, origin))


@pytest.mark.parametrize("origin", ["a", "usance", "usance.example/log", "é" * 127 + "a", "例え/ログ", "x/usance/"])
def test_origins_that_are_one(origin: str) -> None:
    """Up to 255 bytes of anything else is an origin."""
    checkpoint.check_origin(origin)


@given(st.data())
def test_any_change_to_a_checkpoint_is_refused(data: st.DataObject) -> None:
    """A checkpoint with the log's signature alone has no byte that can be changed, added or left off."""
    good = signed(TEXT)
    checkpoint.open_checkpoint(good, VKEY)
    with pytest.raises(InputError):
        checkpoint.open_checkpoint(data.draw(strategies.mutated(good)), VKEY)


def test_the_keys_name_is_the_origin() -> None:
    """A good signature by a key of another name, or of another log's key under this name, doesn't count."""
    with pytest.raises(VerifyError):
        checkpoint.open_checkpoint(signed(TEXT, name="example.com/other"), VKEY)
    other_name = checkpoint.log_vkey(origin="example.com/other", public_key=ed25519.public_bytes(KEY))
    with pytest.raises(VerifyError, match=r"example\.com/log"):
        checkpoint.open_checkpoint(signed(TEXT, name="example.com/other"), other_name)
    with pytest.raises(VerifyError):
        checkpoint.open_checkpoint(signed(TEXT, key=OTHER), VKEY)


def test_a_logs_key_is_of_type_01() -> None:
    """A witness's verifier key isn't taken for a log's."""
    witness = note.VerifierKey(ORIGIN, note.TYPE_COSIGNATURE_ED25519, ed25519.public_bytes(KEY))
    with pytest.raises(InputError):
        checkpoint.parse_log_vkey(witness.text)
    reserved = note.VerifierKey("usance/x", note.TYPE_ED25519, ed25519.public_bytes(KEY))
    with pytest.raises(InputError):
        checkpoint.parse_log_vkey(reserved.text)
