"""Evidence files, `usance/evidence/v1` (design section 7): what they hold, and their one form.

JSON as RFC 8785 has it, binaries in base64, sums and amounts as decimal strings of nanos, indices and positions as
numbers, no newline at the end::

    {"checkpoint": note, "entries": [{"entry", "index", "path": [hash]}], "format", "usage": index,
     "lines": [{"account": [payer, payee, currency], "amount", "path": [[hash, sum]], "position", "statement": index}],
     "disclosed"?: [{"entry": index, "leaf", "of": "commitment" or "detail", "path": [hash], "position"}]}

Entries ascend by index, lines by account, disclosed leaves by entry, list and position, none twice; `disclosed` is
absent where nothing is. Invariant: a file that is parsed prints back to the same bytes. Whether it shows anything is
proofs/evidencecheck.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from proofs import jcs, jsonread, note
from proofs.entry import ENTRY_BYTES_MAX
from proofs.errors import InputError
from proofs.sumtree import SUM_BYTES, Step
from proofs.text import encode_base64

FORMAT = "usance/evidence/v1"
EVIDENCE_BYTES_MAX = 4 * 1024 * 1024
"""About 2,500 entries: enough for hundreds of sources, and little enough to be judged in a second."""
SUM_MAX = 256**SUM_BYTES - 1
DISCLOSED_LEAF_BYTES_MAX = 60_000

COMMITMENT = "commitment"
DETAIL = "detail"
LISTS = (COMMITMENT, DETAIL)
"""What a disclosed leaf is of: the usage's field with the root."""

_SUM = re.compile(r"[1-9][0-9]{0,38}", re.ASCII)
_Item = TypeVar("_Item")


class Account(NamedTuple):
    """Who pays whom in which currency; parties are 32 bytes."""

    payer: bytes
    payee: bytes
    currency: str


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry's bytes as logged, its leaf index, and its inclusion path in the checkpoint's tree, leaf upwards."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ShownLine:
    """The usage's line in an account: its 0-based position and `amount` in nanos, its path in the sum tree of the
    statement at leaf `statement`."""

    account: Account
    position: int
    amount: int
    path: tuple[Step, ...]
    statement: int


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A disclosed leaf of what the entry at leaf `entry` commits to. `of`: one of LISTS; `position`: 0-based; `leaf`:
    its bytes; `path`: RFC 6962 inclusion path."""

    entry: int
    of: str
    position: int
    leaf: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence file's content, of the right form but not verified. `usage`: leaf index of the usage that it is
    about; `checkpoint_note`: the signed checkpoint as it came."""

    checkpoint_note: bytes
    entries: tuple[ShownEntry, ...]
    usage: int
    lines: tuple[ShownLine, ...] = ()
    disclosed: tuple[ShownLeaf, ...] = ()


def format_evidence(evidence: Evidence) -> bytes:
    """The file's bytes. Raises InputError for values that could not be read back, a file of more than
    EVIDENCE_BYTES_MAX bytes included."""
    _check_order(evidence)
    value: dict[str, Any] = {
        "checkpoint": _text_of(evidence.checkpoint_note),
        "entries": [
            {"entry": encode_base64(shown.entry), "index": shown.index, "path": _encode_all(shown.path)}
            for shown in evidence.entries
        ],
        "format": FORMAT,
        "lines": [_line_value(line) for line in evidence.lines],
        "usage": evidence.usage,
    }
    if evidence.disclosed:
        value["disclosed"] = [
            {"entry": shown.entry, "leaf": encode_base64(shown.leaf), "of": shown.of,
             "path": _encode_all(shown.path), "position": shown.position}
            for shown in evidence.disclosed
        ]  # fmt: skip
    data = jcs.encode(value)
    if len(data) > EVIDENCE_BYTES_MAX:
        raise InputError(
            f"evidence of {len(data)} bytes", field="evidence",
            expected=f"at most {EVIDENCE_BYTES_MAX} bytes: too much stands behind this use for one file",
        )  # fmt: skip
    return data


def parse_evidence(data: bytes) -> Evidence:
    """The content of a file of at most EVIDENCE_BYTES_MAX bytes. Nothing of it is verified.

    Raises InputError that names the part for anything else than the one form of what it holds.
    """
    value = jcs.load(data, field="evidence", bytes_max=EVIDENCE_BYTES_MAX)
    names = {"checkpoint", "entries", "format", "lines", "usage"}
    if type(value) is not dict or value.get("format") != FORMAT:
        raise InputError("the file is no evidence", field="format", expected=FORMAT)
    if set(value) - {"disclosed"} != names:
        raise InputError("a field too many or too few", field="evidence", expected=", ".join(sorted(names)))
    found = Evidence(
        checkpoint_note=jsonread.text(value["checkpoint"], "checkpoint").encode("utf-8", "surrogatepass"),
        entries=_each(value["entries"], "entries", _parse_entry),
        usage=jsonread.index(value["usage"], "usage"),
        lines=_each(value["lines"], "lines", _parse_line),
        disclosed=_each(value["disclosed"], "disclosed", _parse_leaf) if "disclosed" in value else (),
    )
    if format_evidence(found) != data:
        raise InputError("not in canonical form", field="evidence", expected="JSON as RFC 8785 writes it, no newline")
    return found


def _check_order(evidence: Evidence) -> None:
    if len(evidence.checkpoint_note) > note.NOTE_BYTES_MAX:
        raise InputError("the checkpoint is too large", field="checkpoint", expected=f"{note.NOTE_BYTES_MAX} bytes")
    _ascending([shown.index for shown in evidence.entries], "entries", "by index")
    _ascending([line.account for line in evidence.lines], "lines", "by account")
    _ascending([(shown.entry, shown.of, shown.position) for shown in evidence.disclosed], "disclosed", "by position")


def _ascending(keys: Sequence[Any], field: str, how: str) -> None:
    if any(later <= earlier for earlier, later in pairwise(keys)):
        raise InputError(f"{field} out of order, or one of them twice", field=field, expected=f"ascending {how}")


def _text_of(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the checkpoint is not UTF-8", field="checkpoint", expected="a signed note") from None


def _encode_all(hashes: Iterable[bytes]) -> list[str]:
    return [encode_base64(digest) for digest in hashes]


def _line_value(line: ShownLine) -> dict[str, Any]:
    payer, payee, currency = line.account
    return {
        "account": [encode_base64(payer), encode_base64(payee), currency],
        "amount": str(line.amount),
        "path": [[encode_base64(digest), str(total)] for digest, total in line.path],
        "position": line.position,
        "statement": line.statement,
    }


def _parse_entry(value: Any, where: str) -> ShownEntry:
    entry, index, path = jsonread.members(value, where, "entry", "index", "path")
    return ShownEntry(
        jsonread.index(index, where), jsonread.binary(entry, where, ENTRY_BYTES_MAX), jsonread.hashes(path, where)
    )


def _parse_line(value: Any, where: str) -> ShownLine:
    account, amount, path, position, statement = jsonread.members(
        value, where, "account", "amount", "path", "position", "statement"
    )
    if type(account) is not list or len(account) != 3:
        raise InputError("not an account", field=where, expected="[payer, payee, currency]")
    payer, payee = (jsonread.digest(key, where) for key in account[:2])
    return ShownLine(
        account=Account(payer, payee, jsonread.text(account[2], where)),
        position=jsonread.index(position, where),
        amount=_sum(amount, where),
        path=tuple(_step(step, where) for step in jsonread.path(path, where)),
        statement=jsonread.index(statement, where),
    )


def _parse_leaf(value: Any, where: str) -> ShownLeaf:
    entry, leaf, of, path, position = jsonread.members(value, where, "entry", "leaf", "of", "path", "position")
    if of not in LISTS:
        raise InputError("disclosed from another list", field=where, expected=" or ".join(LISTS))
    return ShownLeaf(
        entry=jsonread.index(entry, where),
        of=of,
        position=jsonread.index(position, where),
        leaf=jsonread.binary(leaf, where, DISCLOSED_LEAF_BYTES_MAX),
        path=jsonread.hashes(path, where),
    )


def _each(value: Any, field: str, read: Callable[[Any, str], _Item]) -> tuple[_Item, ...]:
    if type(value) is not list:
        raise InputError(f"{field} is no list", field=field, expected="a list")
    return tuple(read(item, f"{field}.{at}") for at, item in enumerate(value))


def _sum(value: Any, where: str) -> int:
    if type(value) is not str or not _SUM.fullmatch(value) or int(value) > SUM_MAX:
        raise InputError("not a sum", field=where, expected="a decimal string of nanos, 1 to 2^128-1")
    return int(value)


def _step(value: Any, where: str) -> Step:
    if type(value) is not list or len(value) != 2:
        raise InputError("not a sibling", field=where, expected="[hash, sum]")
    return jsonread.digest(value[0], where), _sum(value[1], where)
