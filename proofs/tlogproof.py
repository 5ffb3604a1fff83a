"""Offline proof files (``.tlog-proof``): an entry's index, its inclusion path and a signed checkpoint.

As C2SP tlog-proof has them::

    c2sp.org/tlog-proof@v1
    extra <base64>                 optional; ours hold the entry itself
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
    (more hashes, from the leaf's sibling upwards, one a line)

    (the checkpoint's note)

Invariant: a file that is parsed prints back to the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from proofs import merkle, note
from proofs.checkpoint import Checkpoint, parse_checkpoint
from proofs.errors import InputError
from proofs.policy import Policy, PolicyVerdict
from proofs.text import decode_utf8, encode_base64, parse_base64, parse_decimal, parse_hash

HEADER = "c2sp.org/tlog-proof@v1"
# Ours hold an entry, at most 65,535 bytes; other logs' may hold more.
EXTRA_BYTES_MAX = 1024 * 1024
PROOF_BYTES_MAX = 2 * EXTRA_BYTES_MAX + note.NOTE_BYTES_MAX

_EXTRA = "extra "
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof file's content, of the right form but not verified.

    ``index``: the entry's leaf index; ``path``: hashes from the leaf upwards; ``checkpoint_note``: the signed
    checkpoint as it came; ``extra``: opaque and not authenticated, None without (never empty).
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint in the note, its signatures not verified."""
        return parse_checkpoint(note.parse_note(self.checkpoint_note).text)


def parse_tlog_proof(data: bytes) -> TlogProof:
    """A proof from its file's bytes, at most 2.5 MiB. Raises ``InputError`` unless the checkpoint's note is
    well-formed too and its tree holds the index."""
    text = decode_utf8(data, field="proof", bytes_max=PROOF_BYTES_MAX)
    # No line before the checkpoint may be empty, so the first empty line ends them.
    head, separator, signed = text.partition("\n\n")
    # Bounded before it is split: header, extra, index and path, and one line more that is then refused.
    lines = head.split("\n", merkle.PATH_HASHES_MAX + 3)
    if not separator or lines.pop(0) != HEADER:
        raise InputError("the file is no proof", field="proof", expected=f"{HEADER}, a head, an empty line, a note")
    extra = None
    if lines and lines[0].startswith(_EXTRA):
        extra = parse_base64(lines.pop(0).removeprefix(_EXTRA), field="extra")
    if not lines or not lines[0].startswith(_INDEX):
        raise InputError("the proof has no index line", field="index", expected="index and a decimal")
    index = parse_decimal(lines.pop(0).removeprefix(_INDEX), field="index")
    if len(lines) > merkle.PATH_HASHES_MAX:
        raise InputError("the proof is too long", field="path", expected=f"at most {merkle.PATH_HASHES_MAX} hashes")
    path = tuple(parse_hash(line, field="path") for line in lines)
    proof = TlogProof(index=index, path=path, checkpoint_note=signed.encode(), extra=extra)
    _check_form(proof)
    return proof


def format_tlog_proof(proof: TlogProof) -> bytes:
    """The proof file's bytes. Raises ``InputError`` for values that could not be read back."""
    if len(proof.path) > merkle.PATH_HASHES_MAX or any(len(digest) != merkle.HASH_BYTES for digest in proof.path):
        raise InputError("the path is no inclusion proof", field="path", expected="at most 63 hashes of 32 bytes")
    _check_form(proof)
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(_EXTRA + encode_base64(proof.extra))
    lines.append(f"{_INDEX}{proof.index}")
    lines.extend(encode_base64(digest) for digest in proof.path)
    return "\n".join(lines).encode() + b"\n\n" + proof.checkpoint_note


def check_tlog_proof(proof: TlogProof, *, leaf: bytes, policy: Policy) -> PolicyVerdict:
    """Checks that the policy holds for the proof's checkpoint and that its tree has the leaf hash at the index.

    Returns what the policy says of the checkpoint. Raises as ``Policy.check``, and ``VerifyError`` if the path
    doesn't lead from the leaf to the root.
    """
    verdict = policy.check(proof.checkpoint_note)
    checkpoint = verdict.checkpoint
    merkle.check_inclusion(index=proof.index, size=checkpoint.size, leaf=leaf, path=proof.path, root=checkpoint.root)
    return verdict


def _check_form(proof: TlogProof) -> None:
    if proof.extra is not None and not 0 < len(proof.extra) <= EXTRA_BYTES_MAX:
        raise InputError(
            f"{len(proof.extra)} extra bytes", field="extra", expected=f"1 to {EXTRA_BYTES_MAX}, or no such line"
        )
    size = proof.checkpoint.size
    if not 0 <= proof.index < size:
        raise InputError(f"no leaf {proof.index} in a tree of {size}", field="index", expected=f"below {size}")
