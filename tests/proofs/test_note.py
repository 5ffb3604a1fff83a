"""proofs.note: signed notes and verifier keys as C2SP signed-note has them, and nothing more lenient."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st

from proofs import ed25519, note
from proofs.errors import InputError, VerifyError
from proofs.text import encode_base64
from tests import strategies

# From the C2SP signed-note document.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
""".encode()

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TEXT = "one\n\ntwo\n"


def vkey(name: str, key: Ed25519PrivateKey, kind: int = note.TYPE_ED25519) -> note.VerifierKey:
    return note.VerifierKey(name, kind, ed25519.public_bytes(key))


def line(name: str, key: Ed25519PrivateKey = KEY, text: str = TEXT) -> str:
    return note.sign(text=text, name=name, private_key=key)


def test_the_documents_example_verifies() -> None:
    """The signed note of the C2SP document opens with the key given there, and prints back."""
    key = note.parse_vkey(EXAMPLE_KEY)
    opened, signers = note.open_note(EXAMPLE, [key])
    assert opened.text == "This is an example message.\n"
    assert opened.data == EXAMPLE
    assert signers == (key,)
    assert key.text == EXAMPLE_KEY
    assert (key.name, key.type, key.id.hex()) == ("example.com/foo", 1, "530d903a")
    note.check_signature(opened, key)


@given(st.data())
def test_any_change_to_the_example_is_refused(data: st.DataObject) -> None:
    """A note with one signature has no byte that can be changed, taken out, added or left off."""
    with pytest.raises(InputError):
        note.open_note(data.draw(strategies.mutated(EXAMPLE)), [note.parse_vkey(EXAMPLE_KEY)])


@given(strategies.note_texts, strategies.names, strategies.ed25519_keys)
def test_notes_read_back(text: str, name: str, key: Ed25519PrivateKey) -> None:
    """What is signed opens, with its text as it was, empty lines included, and prints back."""
    data = note.make_note(text, [line(name, key, text)])
    opened, signers = note.open_note(data, [vkey(name, key)])
    assert opened.text == text
    assert opened.data == data
    assert signers == (vkey(name, key),)
    assert note.parse_vkey(vkey(name, key).text) == vkey(name, key)


@given(st.binary(max_size=80))
def test_what_parses_prints_back(data: bytes) -> None:
    """No two byte strings are the same note."""
    for candidate in (data, data + b"\n\n" + EXAMPLE.split(b"\n\n")[1]):
        try:
            parsed = note.parse_note(candidate)
        except InputError:
            continue
        assert parsed.data == candidate


def test_the_last_empty_line_ends_the_text() -> None:
    """A text may itself hold what looks like signatures; the signed text is up to the last empty line."""
    inner = note.make_note(TEXT, [line("a")])
    text = inner.decode()
    outer = note.make_note(text, [line("b", OTHER, text)])
    opened, _ = note.open_note(outer, [vkey("b", OTHER)])
    assert opened.text == text
    with pytest.raises(VerifyError):
        note.open_note(outer, [vkey("a", KEY)])


SIGNED = note.make_note(TEXT, [line("a")])
GOOD_LINE = line("a").encode()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(TEXT.encode(), id="no-signatures"),
        pytest.param(TEXT.encode() + b"\n", id="no-signature-after-the-empty-line"),
        pytest.param(SIGNED[:-1], id="missing-last-newline"),
        pytest.param(SIGNED + b"\n", id="empty-line-at-the-end"),
        pytest.param(SIGNED + b"x", id="trailing-text"),
        pytest.param(SIGNED + b"x\n", id="trailing-line"),
        pytest.param(SIGNED.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param(TEXT.encode() + GOOD_LINE, id="no-empty-line"),
        pytest.param(SIGNED.replace("—".encode(), b"-"), id="hyphen-for-dash"),
        pytest.param(SIGNED.replace("—".encode(), "–".encode()), id="en-dash"),
        pytest.param(SIGNED.replace("— a ".encode(), "—  a ".encode()), id="two-spaces"),
        pytest.param(SIGNED.replace("— a ".encode(), "— a  ".encode()), id="two-spaces-before-base64"),
        pytest.param(SIGNED.replace("— a ".encode(), "— ".encode()), id="no-name"),
        pytest.param(SIGNED.replace("— a ".encode(), "—  ".encode()), id="empty-name"),
        pytest.param(SIGNED.replace("— a ".encode(), "— a+b ".encode()), id="plus-in-name"),
        pytest.param(SIGNED.replace("— a ".encode(), "— a\u00a0b ".encode()), id="unicode-space-in-name"),
        pytest.param(SIGNED.replace("— a ".encode(), "— a\tb ".encode()), id="tab-in-name"),
        pytest.param(SIGNED[:-1] + b" \n", id="space-after-base64"),
        pytest.param(SIGNED[:-2] + b"\n", id="padding-missing"),
        pytest.param(SIGNED[:-3] + b"!=\n", id="junk-in-base64"),
        pytest.param(SIGNED + "— b AAAAAA==\n".encode(), id="other-line-without-signature"),
        pytest.param(SIGNED + "— b AAAAAAB=\n".encode(), id="other-line-with-stray-bits"),
        pytest.param(SIGNED + "— b\n".encode(), id="other-line-without-base64"),
        pytest.param(b"\x00" + SIGNED, id="control-character"),
        pytest.param(b"\xff" + SIGNED, id="not-utf8"),
        pytest.param(b"x" * note.NOTE_BYTES_MAX + SIGNED, id="too-long"),
        pytest.param(SIGNED + b"".join(f"— b{n} AAAAAAA=\n".encode() for n in range(64)), id="65-signatures"),
    ],
)  # fmt: skip
def test_malformed_notes_are_refused(data: bytes) -> None:
    """Each way in which lenient readers let a note differ from its one form is refused."""
    with pytest.raises(InputError) as caught:
        note.open_note(data, [vkey("a", KEY)])
    assert not isinstance(caught.value, VerifyError)


def test_64_signatures_are_read() -> None:
    """The bound on signatures is 64, well above the 16 that every reader must take."""
    others = [f"— b{n} AAAAAAA=\n" for n in range(63)]
    opened, _ = note.open_note(note.make_note(TEXT, [*others, line("a")]), [vkey("a", KEY)])
    assert len(opened.signatures) == note.SIGNATURES_MAX


def test_unknown_keys_are_ignored() -> None:
    """Lines by other keys do no harm, even if they share the name or the id with a known one, and come twice."""
    known = vkey("a", KEY)
    same_name = note.NoteSignature("a", b"\x00" * 4, bytes(64)).line
    same_id = note.NoteSignature("b", known.id, bytes(64)).line
    data = note.make_note(TEXT, [same_name, same_id, line("a"), same_name, same_id])
    opened, signers = note.open_note(data, [known, vkey("c", OTHER)])
    assert signers == (known,)
    assert len(opened.signatures) == 5


def test_a_known_key_that_fails_refuses_the_note() -> None:
    """One good signature doesn't make up for a failing one by another known key."""
    bad = note.NoteSignature("b", vkey("b", OTHER).id, bytes(64)).line
    short = note.NoteSignature("b", vkey("b", OTHER).id, b"x").line
    for wrong in (bad, short, line("b", OTHER, "another text\n")):
        data = note.make_note(TEXT, [line("a"), wrong])
        note.open_note(data, [vkey("a", KEY)])
        with pytest.raises(VerifyError):
            note.open_note(data, [vkey("a", KEY), vkey("b", OTHER)])


def test_a_known_key_signs_once() -> None:
    """Two lines by one known key are refused, good ones too."""
    data = note.make_note(TEXT, [line("a"), line("a")])
    with pytest.raises(VerifyError, match="more than once"):
        note.open_note(data, [vkey("a", KEY)])
    with pytest.raises(VerifyError, match="more than once"):
        note.check_signature(note.parse_note(data), vkey("a", KEY))


def test_a_note_without_a_known_key_is_refused() -> None:
    """No known key, another key of that name, or none at all: refused."""
    for keys in ([], [vkey("b", KEY)], [vkey("a", OTHER)]):
        with pytest.raises(VerifyError):
            note.open_note(SIGNED, keys)


def test_a_witness_key_does_not_sign_notes() -> None:
    """A key of type 04 isn't taken for one of type 01, though its bytes are of the same kind."""
    witness = vkey("a", KEY, note.TYPE_COSIGNATURE_ED25519)
    forged = note.NoteSignature("a", witness.id, KEY.sign(TEXT.encode())).line
    data = note.make_note(TEXT, [forged])
    with pytest.raises(InputError):
        note.open_note(data, [witness])
    with pytest.raises(InputError):
        note.check_signature(note.parse_note(data), witness)


def test_signatures_are_added_at_the_end() -> None:
    """A line is added after the others, once for each key, one at a time, as long as there is room."""
    added = note.add_signature(SIGNED, line("b", OTHER))
    assert added == SIGNED + line("b", OTHER).encode()
    note.open_note(added, [vkey("a", KEY), vkey("b", OTHER)])
    for bad in (line("a"), line("b", OTHER) + line("c"), "", "\n", "x\n", line("b", OTHER)[:-1], "\n" + line("c")):
        with pytest.raises(InputError):
            note.add_signature(SIGNED, bad)
    with pytest.raises(InputError):
        note.add_signature(TEXT.encode(), line("b", OTHER))
    full = note.make_note(TEXT, [f"— b{n} AAAAAAA=\n" for n in range(64)])
    with pytest.raises(InputError, match="no room"):
        note.add_signature(full, line("c"))


def test_signature_lines_parse_alone() -> None:
    """A witness's answer, signature lines and no more, is read by the same rules."""
    data = (line("a") + line("b", OTHER)).encode()
    assert [signature.line for signature in note.parse_signatures(data)] == [line("a"), line("b", OTHER)]
    for bad in (b"", b"\n", data[:-1], data + b"\n", SIGNED):
        with pytest.raises(InputError):
            note.parse_signatures(bad)


@pytest.mark.parametrize("text", ["", "no newline", "a\rb\n", "\x00\n", "\ud800\n", "x" * note.NOTE_BYTES_MAX + "\n"])
def test_texts_that_cannot_be_notes_are_not_signed(text: str) -> None:
    """Nothing is signed that could not be read back."""
    with pytest.raises(InputError):
        note.sign(text=text, name="a", private_key=KEY)


BAD_NAMES = [
    "", " ", "a b", "a+b", "a\nb", "a\tb", "a\x7fb", "a\x85b", "a\u00a0b", "a\u2028b", "a\u3000b", "\ud800", "é" * 128,
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused(name: str) -> None:
    """A name without characters, with spaces, plus or control characters, or of more than 255 bytes names no key."""
    with pytest.raises(InputError):
        note.check_name(name)
    with pytest.raises(InputError):
        vkey(name, KEY)


def remade(name: str, hex_id: str, data: bytes) -> str:
    return f"{name}+{hex_id}+{encode_base64(data)}"


RAW = b"\x01" + ed25519.public_bytes(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "", "+", "++", "a", "a+b", EXAMPLE_KEY[:-1], EXAMPLE_KEY + "=", EXAMPLE_KEY + "\n", " " + EXAMPLE_KEY,
        EXAMPLE_KEY.replace("530d903a", "530D903A"), EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("530d903a", "530d903"), EXAMPLE_KEY.replace("530d903a", "0530d903a"),
        EXAMPLE_KEY.replace("530d903a", "0x530d90"), EXAMPLE_KEY.replace("foo", "fop"),
        EXAMPLE_KEY.replace("example.com/foo", ""), EXAMPLE_KEY.replace("foo", "f oo"), EXAMPLE_KEY[:-2] + "l",
        remade("a", "00000000", b""), remade("a", "00000000", RAW), remade("a", "00000000", RAW[:-1]),
        "a" * 100_000,
    ],
)  # fmt: skip
def test_malformed_verifier_keys_are_refused(text: str) -> None:
    """Parts missing, a hash in capitals, too short or not of this key, base64 that isn't canonical: refused."""
    with pytest.raises(InputError):
        note.parse_vkey(text)


@pytest.mark.parametrize("kind", [0x00, 0x02, 0x03, 0x05, 0x07, 0xFA, 0xFF, 0x100, -1])
def test_other_signature_types_are_refused(kind: int) -> None:
    """Only types 01, 04 and 06 are known."""
    with pytest.raises(InputError):
        note.VerifierKey("a", kind, RAW[1:])


@pytest.mark.parametrize(
    ("kind", "key"),
    [(1, bytes(31)), (1, b"\x05" * 33), (4, b"\x05" * 31), (6, b"\x05" * 32), (6, b"\x05" * 1313), (1, b"\x05" * 1312)],
)
def test_keys_have_their_types_length(kind: int, key: bytes) -> None:
    """32 bytes for Ed25519, 1,312 for ML-DSA-44."""
    with pytest.raises(InputError):
        note.VerifierKey("a", kind, key)


@pytest.mark.parametrize("kind", [1, 4])
def test_small_order_keys_are_refused(kind: int) -> None:
    """The strict rules for keys hold for verifier keys too."""
    for key in ed25519.SMALL_ORDER:
        with pytest.raises(InputError):
            note.VerifierKey("a", kind, key)


@given(strategies.names, strategies.ed25519_keys, st.data())
def test_a_changed_verifier_key_is_refused(name: str, key: Ed25519PrivateKey, data: st.DataObject) -> None:
    """The hash ties name, type and key together: a changed byte anywhere is noticed (one in 2^32 would not be)."""
    text = data.draw(strategies.mutated(vkey(name, key).text.encode())).decode(errors="replace")
    assume(text != vkey(name, key).text)
    with pytest.raises(InputError):
        note.parse_vkey(text)
