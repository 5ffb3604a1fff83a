"""Checkpoints: a log's signed tree head, as C2SP tlog-checkpoint has it.

::

    example.com/log                                  the log's origin
    20852163                                         its size
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=     its RFC 6962 root

and signature lines after an empty line. Extension lines (more lines of text, none empty) are accepted when read,
mean nothing here, and are never written.

Invariant: a text that is parsed prints back to the same text.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs import ed25519, note
from proofs.errors import InputError, VerifyError, excerpt
from proofs.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX
from proofs.text import encode_base64, parse_decimal, parse_hash

# Other things that our keys, or witnesses, sign begin with these: no checkpoint may look like one of them.
RESERVED_PREFIXES = ("usance/", "cosignature/", "subtree/")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: ``origin``, ``size`` (leaves), ``root`` (32 bytes) and extension lines without their newlines."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note text, extension lines included."""
        head = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in head)


def check_origin(text: str) -> None:
    """Checks a log's origin: 1 to 255 bytes of UTF-8 without spaces, ``+`` or control characters, that doesn't begin
    with ``usance/``, ``cosignature/`` or ``subtree/``. Raises ``InputError``."""
    try:
        note.check_name(text)
    except InputError as refused:
        raise InputError(
            f"a log can't have the origin {excerpt(text)}", field="origin", expected=refused.expected
        ) from None
    if text.startswith(RESERVED_PREFIXES):
        raise InputError(
            f"the origin {excerpt(text)} begins as other signed texts do",
            field="origin",
            expected=f"not {', '.join(RESERVED_PREFIXES)}",
        )


def format_checkpoint(*, origin: str, size: int, root: bytes) -> str:
    """The note text of a tree head, its final newline included. Raises ``InputError`` for values out of range."""
    check_origin(origin)
    if not 0 <= size <= SIZE_MAX:
        raise InputError(f"a tree of {size} leaves", field="size", expected="0 to 2^63 - 1")
    if len(root) != HASH_BYTES:
        raise InputError(f"a root of {len(root)} bytes", field="root", expected=f"{HASH_BYTES} bytes")
    _check_empty(size, root)
    return Checkpoint(origin=origin, size=size, root=root).text


def parse_checkpoint(text: str) -> Checkpoint:
    """A checkpoint from its note text (final newline included). Raises ``InputError``.

    A tree of size 0 must have the empty tree's root: any other pair is no tree head.
    """
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise InputError(
            "the text is no checkpoint", field="checkpoint", expected="origin, size and root, a line each, none empty"
        )
    origin, size_text, root_text, *extensions = lines
    check_origin(origin)
    size = parse_decimal(size_text, field="size")
    root = parse_hash(root_text, field="root")
    _check_empty(size, root)
    return Checkpoint(origin=origin, size=size, root=root, extensions=tuple(extensions))


def open_checkpoint(data: bytes, vkey: note.VerifierKey) -> Checkpoint:
    """The checkpoint in a note signed by a log's key (type 0x01), whose name must be the checkpoint's origin.

    Other signatures are ignored. Raises ``InputError`` for a malformed note, ``VerifyError`` if the signature is
    missing, there twice or wrong, or the key is another log's.
    """
    signed = note.parse_note(data)
    checkpoint = parse_checkpoint(signed.text)
    check_log_signature(signed, checkpoint, vkey)
    return checkpoint


def check_log_signature(signed: note.Note, checkpoint: Checkpoint, vkey: note.VerifierKey) -> None:
    """Checks that ``vkey`` is the key of the checkpoint's log and has signed the note it came in. ``VerifyError``."""
    if vkey.name != checkpoint.origin:
        raise VerifyError(
            f"the checkpoint is of the log {excerpt(checkpoint.origin)}",
            field="origin",
            expected=f"{vkey.name}, whose key was given",
        )
    note.check_signature(signed, vkey)


def log_vkey(*, origin: str, public_key: bytes) -> note.VerifierKey:
    """The verifier key (type 0x01) of a log. Raises ``InputError`` for a bad origin or key."""
    check_origin(origin)
    return note.VerifierKey(name=origin, type=note.TYPE_ED25519, key=public_key)


def parse_log_vkey(text: str) -> note.VerifierKey:
    """A log's verifier key from its text: type 0x01, its name an origin. Raises ``InputError``."""
    vkey = note.parse_vkey(text)
    if vkey.type != note.TYPE_ED25519:
        raise InputError(f"{vkey.name} is a witness's key", field="vkey", expected="a log's key, of type 01")
    check_origin(vkey.name)
    return vkey


def sign_checkpoint(*, origin: str, size: int, root: bytes, private_key: Ed25519PrivateKey) -> bytes:
    """A checkpoint signed by its log, as the note's bytes. Raises ``InputError`` for values out of range.

    Whether it is consistent with what the log signed before is the caller's care.
    """
    vkey = log_vkey(origin=origin, public_key=ed25519.public_bytes(private_key))
    text = format_checkpoint(origin=origin, size=size, root=root)
    return note.make_note(text, [note.sign(text=text, name=vkey.name, private_key=private_key)])


def _check_empty(size: int, root: bytes) -> None:
    if size == 0 and root != EMPTY_ROOT:
        raise InputError("a tree of size 0 with a root", field="root", expected=encode_base64(EMPTY_ROOT))
