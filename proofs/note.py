"""Signed notes and verifier keys, as C2SP signed-note has them.

A note is a text that ends in a newline, an empty line, and signature lines::

    example.com/log
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

What a signature line holds is 4 bytes of key id and the signature. Lines by unknown keys are kept and ignored; a
line by a known key must hold, or the note is refused, and a known key signs once.

Invariants: a note that is parsed prints back to the same bytes; a ``VerifierKey`` that exists is well-formed and, if
it is an Ed25519 key, canonical and not of small order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import ed25519
from proofs.errors import InputError, VerifyError, excerpt
from proofs.text import decode_utf8, encode_base64, parse_base64

# A checkpoint with 64 cosignatures, each post-quantum (3.3 KB) under the longest name, takes half of this.
NOTE_BYTES_MAX = 512 * 1024
SIGNATURES_MAX = 64
NAME_BYTES_MAX = 255
KEY_ID_BYTES = 4

TYPE_ED25519: Literal[0x01] = 0x01
TYPE_COSIGNATURE_ED25519: Literal[0x04] = 0x04
TYPE_COSIGNATURE_MLDSA44: Literal[0x06] = 0x06
MLDSA44_KEY_BYTES = 1_312

_KEY_BYTES = {
    TYPE_ED25519: ed25519.PUBLIC_KEY_BYTES,
    TYPE_COSIGNATURE_ED25519: ed25519.PUBLIC_KEY_BYTES,
    TYPE_COSIGNATURE_MLDSA44: MLDSA44_KEY_BYTES,
}
_SIGNATURE_PREFIX = "\N{EM DASH} "
_VKEY_CHARS_MAX = 2 * (NAME_BYTES_MAX + MLDSA44_KEY_BYTES)
_NO_KEY_NAME = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HEX_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: who signed by its own word, the key's 4-byte id, and the signature (1 byte or more)."""

    name: str
    id: bytes
    raw: bytes

    @property
    def line(self) -> str:
        """The line, newline included."""
        return f"{_SIGNATURE_PREFIX}{self.name} {encode_base64(self.id + self.raw)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text (its final newline included) and its signature lines, nothing of it verified."""

    text: str
    signatures: tuple[NoteSignature, ...]

    @property
    def data(self) -> bytes:
        """The note's bytes."""
        return make_note(self.text, (signature.line for signature in self.signatures))


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name and signature type (0x01, or a witness's 0x04 or 0x06).

    Raises ``InputError`` when made of a bad name, an unknown type, or a key of the wrong length, not canonical or of
    small order.
    """

    name: str
    type: int
    key: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.type not in _KEY_BYTES:
            raise InputError(f"signature type {self.type:#04x} is not supported", field="vkey", expected="01, 04 or 06")
        if len(self.key) != _KEY_BYTES[self.type]:
            raise InputError(f"a key of {len(self.key)} bytes", field="vkey", expected=f"{_KEY_BYTES[self.type]} bytes")
        if self.type != TYPE_COSIGNATURE_MLDSA44:
            ed25519.check_public_key(self.key)

    @cached_property
    def id(self) -> bytes:
        """The first 4 bytes of SHA-256(name, newline, type, key): a name for the key, not a commitment to it."""
        return sha256(b"%b\n%c%b" % (self.name.encode(), self.type, self.key)).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """The vkey: ``name+hash+key``."""
        return f"{self.name}+{self.id.hex()}+{encode_base64(bytes([self.type]) + self.key)}"


def check_name(name: str) -> None:
    """Checks a key's name: 1 to 255 bytes of UTF-8 without spaces, ``+`` or control characters (``InputError``)."""
    # Surrogates have no UTF-8 form, and what follows would fail on them.
    size = len(name.encode(errors="surrogatepass"))
    if not _is_name(name) or size > NAME_BYTES_MAX or _NO_KEY_NAME.search(name):
        raise InputError(
            f"a key can't be named {excerpt(name)}",
            field="name",
            expected=f"1 to {NAME_BYTES_MAX} bytes without spaces, + or control characters",
        )


def parse_vkey(text: str) -> VerifierKey:
    """A verifier key from its text. Raises ``InputError``, also where the hash doesn't fit the name and key."""
    parts = text.split("+", 2)  # base64 has plus signs too
    if len(text) > _VKEY_CHARS_MAX or len(parts) != 3 or not _HEX_ID.fullmatch(parts[1]):
        raise InputError(f"no verifier key: {excerpt(text)}", field="vkey", expected="name+hash+key")
    data = parse_base64(parts[2], field="vkey")
    if not data:
        raise InputError("a verifier key without a key", field="vkey", expected="name+hash+key")
    vkey = VerifierKey(name=parts[0], type=data[0], key=data[1:])
    if vkey.id.hex() != parts[1]:
        raise InputError("the verifier key's hash doesn't fit its name and key", field="vkey", expected=vkey.id.hex())
    return vkey


def parse_note(data: bytes) -> Note:
    """A note from its bytes: at most 512 KiB, 1 to 64 signatures. Nothing is verified. Raises ``InputError``."""
    decoded = decode_utf8(data, field="note", bytes_max=NOTE_BYTES_MAX)
    # The text may hold empty lines itself: the last one in the note ends it.
    before, separator, after = decoded.rpartition("\n\n")
    if not separator:
        raise InputError("no empty line before signatures", field="note", expected="text, empty line, signatures")
    return Note(text=before + "\n", signatures=_parse_signatures(after))


def parse_signatures(data: bytes) -> tuple[NoteSignature, ...]:
    """Signature lines alone, 1 to 64 of them, as a witness answers with. Raises ``InputError``."""
    return _parse_signatures(decode_utf8(data, field="signatures", bytes_max=NOTE_BYTES_MAX))


def make_note(text: str, lines: Iterable[str]) -> bytes:
    """A note's bytes from its text and signature lines, all ended by newlines (the caller's care)."""
    return f"{text}\n{''.join(lines)}".encode()


def sign(*, text: str, name: str, private_key: Ed25519PrivateKey) -> str:
    """The signature line (newline included) of a type 0x01 key over a text.

    Raises ``InputError`` for a bad name or a text that could not be read back from a note.
    """
    _check_text(text)
    vkey = VerifierKey(name=name, type=TYPE_ED25519, key=ed25519.public_bytes(private_key))
    return NoteSignature(name=name, id=vkey.id, raw=private_key.sign(text.encode())).line


def add_signature(note: bytes, line: str) -> bytes:
    """The note with one signature line more, at its end.

    Raises ``InputError`` if either is malformed, that key (by name and id) has signed already, or the note is full.
    """
    parsed = parse_note(note)
    signatures = parse_signatures(line.encode())
    if len(signatures) != 1:
        raise InputError("not a single signature line", field="signature", expected="one line")
    signature = signatures[0]
    if any((other.name, other.id) == (signature.name, signature.id) for other in parsed.signatures):
        raise InputError(f"{signature.name} has signed this note already", field="signature")
    if len(parsed.signatures) == SIGNATURES_MAX:
        raise InputError("the note has no room", field="signature", expected=f"at most {SIGNATURES_MAX} signatures")
    return note + line.encode()


def signature_by(note: Note, key: VerifierKey) -> NoteSignature | None:
    """The note's line by a key, by name and id; None without one. Nothing is verified.

    Raises ``VerifyError`` if there are several: which one counted would depend on who reads.
    """
    found = [line for line in note.signatures if line.name == key.name and line.id == key.id]
    if len(found) > 1:
        raise VerifyError(f"{key.name} has signed the note more than once", field="signature")
    return found[0] if found else None


def check_signature(note: Note, key: VerifierKey) -> None:
    """Checks that a type 0x01 key has signed the note's text, once. Raises ``VerifyError``, also where it hasn't."""
    signature = signature_by(note, key)
    if signature is None:
        raise VerifyError(f"the note isn't signed by {key.text}", field="signature")
    _check_ed25519(note, key, signature)


def open_note(data: bytes, keys: Sequence[VerifierKey]) -> tuple[Note, tuple[VerifierKey, ...]]:
    """A note, and those of the known type 0x01 keys that signed it: at least one.

    Signatures by other keys are ignored, even if they share a name or an id with a known one. Raises ``InputError``
    for a malformed note or a key of another type, ``VerifyError`` if a known key's signature fails or comes twice, or
    none is there (signed-note, "Signatures").
    """
    note = parse_note(data)
    signers = []
    for key in keys:
        _check_type(key)
        signature = signature_by(note, key)
        if signature is not None:
            _check_ed25519(note, key, signature)
            signers.append(key)
    if not signers:
        raise VerifyError("the note isn't signed by any known key", field="signature")
    return note, tuple(signers)


def _check_ed25519(note: Note, key: VerifierKey, signature: NoteSignature) -> None:
    _check_type(key)
    try:
        ed25519.check(key.key, note.text.encode(), signature.raw)
    except VerifyError as refused:
        raise VerifyError(f"the signature by {key.name} is refused: {refused.detail}", field="signature") from None


def _check_type(key: VerifierKey) -> None:
    if key.type != TYPE_ED25519:
        raise InputError(f"{key.name} is a witness's key", field="vkey", expected="a key of type 01")


def _parse_signatures(text: str) -> tuple[NoteSignature, ...]:
    lines = text.split("\n", SIGNATURES_MAX)
    if lines.pop() != "":
        raise InputError(
            "the last signature line isn't ended, or there are too many",
            field="signature",
            expected=f"1 to {SIGNATURES_MAX} lines, each ended by a newline",
        )
    if not lines:
        raise InputError("no signatures", field="signature", expected=f"1 to {SIGNATURES_MAX} lines")
    return tuple(_parse_signature(line) for line in lines)


def _parse_signature(line: str) -> NoteSignature:
    name, separator, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    if not line.startswith(_SIGNATURE_PREFIX) or not separator or not _is_name(name):
        raise InputError(
            f"no signature line: {excerpt(line)}", field="signature", expected="em dash, space, name, space, base64"
        )
    data = parse_base64(encoded, field="signature")
    if len(data) <= KEY_ID_BYTES:
        raise InputError("a signature line without a signature", field="signature", expected="5 bytes or more")
    return NoteSignature(name=name, id=data[:KEY_ID_BYTES], raw=data[KEY_ID_BYTES:])


def _check_text(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InputError("a note's text must be UTF-8", field="text", expected="UTF-8") from None
    decode_utf8(data, field="text", bytes_max=NOTE_BYTES_MAX)
    if not text.endswith("\n"):
        raise InputError("a note's text must end in a newline", field="text", expected="a final newline")


def _is_name(name: str) -> bool:
    """What signed-note asks of a name on a line by anyone."""
    return bool(name) and not any(character == "+" or character.isspace() for character in name)
