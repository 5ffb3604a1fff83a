"""Canaries (design section 4, `canary`): secret marks that a record commits to before anybody sees them.

The record holds the RFC 6962 root over its `count` leaves, canonical `[salt, mark]`; salts and marks stay with whoever
logged it. One mark is shown later by an opening, JSON as RFC 8785 has it, binaries in base64, without a newline at the
end, `index` the leaf's, from 0::

    {"count": 5, "format": "usance/canary-opening/v1", "index": 2, "mark": text, "path": [hash], "salt": base64}

Beside the record's proof it shows that this very mark existed at the record's position in the log, which had seen
nothing of it but a hash. The other marks stay hidden: their salts aren't in it. Invariant: an opening that is parsed
prints back to the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofs import codec, commitment, jcs, jsonread, merkle
from proofs.errors import InputError, VerifyError
from proofs.fields import is_text
from proofs.text import encode_base64

FORMAT = "usance/canary-opening/v1"
OPENING_BYTES_MAX = 16 * 1024


@dataclass(frozen=True, slots=True)
class Mark:
    """A passage that stands nowhere else. `salt`: 16 to 1,024 bytes of fresh randomness, the caller's; `text`: 1 to
    1,024 bytes of UTF-8 without control characters."""

    salt: bytes
    text: str

    def leaf(self) -> bytes:
        """The leaf's bytes. Raises InputError for what a leaf can't hold."""
        commitment.check_salt(self.salt)
        if not is_text(self.text):
            raise InputError("not a mark", field="mark", expected="1 to 1,024 bytes of text without control characters")
        return codec.encode([self.salt, self.text])


@dataclass(frozen=True, slots=True)
class Opening:
    """One mark with its place: leaf `index` of `count`, and the RFC 6962 inclusion path, leaf upwards."""

    mark: Mark
    index: int
    count: int
    path: tuple[bytes, ...]


def root(marks: Sequence[Mark]) -> bytes:
    """What the record's `root` says of these marks, in this order. Raises InputError for a bad mark, for none, and for
    a salt or a mark twice."""
    if not marks:
        raise InputError("no marks", field="marks", expected="1 or more")
    if len({mark.salt for mark in marks}) < len(marks) or len({mark.text for mark in marks}) < len(marks):
        raise InputError("a salt or a mark twice", field="marks", expected="each of them once")
    return commitment.root([mark.leaf() for mark in marks])


def open_mark(marks: Sequence[Mark], index: int) -> Opening:
    """The opening of the mark at leaf `index`. Raises InputError where there is none."""
    path = commitment.path([mark.leaf() for mark in marks], index)
    return Opening(marks[index], index, len(marks), path)


def check_opening(body: Mapping[str, Any], opening: Opening) -> None:
    """Raise VerifyError unless the checked body is of a canary that commits to this very mark, at this leaf of as many;
    InputError for what is no mark."""
    if body.get("kind") != "canary":
        raise VerifyError(f"a {body.get('kind')} record commits to no marks", field="kind", expected="canary")
    count = commitment.committed(body, "count", "root", opening.index)
    if opening.count != count:
        raise VerifyError(f"an opening of one mark of {opening.count}", field="count", expected=f"one of {count}")
    leaf = merkle.leaf_hash(opening.mark.leaf())
    merkle.check_inclusion(index=opening.index, size=count, leaf=leaf, path=opening.path, root=body["root"])


def format_opening(opening: Opening) -> bytes:
    """The file's bytes. Raises InputError for values that could not be read back."""
    opening.mark.leaf()
    if not 0 <= opening.index < opening.count:
        raise InputError(f"no leaf {opening.index} of {opening.count}", field="index", expected="below count")
    return jcs.encode(
        {
            "count": opening.count,
            "format": FORMAT,
            "index": opening.index,
            "mark": opening.mark.text,
            "path": [encode_base64(digest) for digest in opening.path],
            "salt": encode_base64(opening.mark.salt),
        }
    )


def parse_opening(data: bytes) -> Opening:
    """The content of a file of at most OPENING_BYTES_MAX bytes. Nothing of it is verified. Raises InputError that names
    the field for anything else than the one form of what it holds."""
    value = jcs.load(data, field="opening", bytes_max=OPENING_BYTES_MAX)
    if type(value) is not dict or value.get("format") != FORMAT:
        raise InputError("the file is no opening of a canary", field="format", expected=FORMAT)
    count, _, index, text, path, salt = jsonread.members(
        value, "opening", "count", "format", "index", "mark", "path", "salt"
    )
    found = Opening(
        mark=Mark(jsonread.binary(salt, "salt", commitment.SALT_BYTES_MAX), jsonread.text(text, "mark")),
        index=jsonread.index(index, "index"),
        count=jsonread.index(count, "count"),
        path=jsonread.hashes(path, "path"),
    )
    if format_opening(found) != data:
        raise InputError("not in canonical form", field="opening", expected="JSON as RFC 8785 writes it, no newline")
    return found
