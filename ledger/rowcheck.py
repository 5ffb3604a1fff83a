"""The derived rows of a database, held against those of a replay (design sections 1, 8 and 9).

A replay keeps every row in a database of its own, in a temporary folder, so memory stays bounded however long the log
is. Then both are read side by side, prefix by prefix. Entries and batches are the log itself: they were replayed from
that very database, which hashes to the checkpoint, and are not compared once more. Conflicts can't be replayed, for
what was refused is not in the log; each is judged by its own signature.

How lists are cut into chunks depends on what was asked while a batch was taken, so lists are compared line by line.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ledger import keys, sumlist
from ledger.errors import UnreadableError
from ledger.replay import AuditFailure
from ledger.rowleaf import leaf_of
from ledger.state import State, UsageRow
from ledger.store import MemoryStore, View
from proofs import codec, ed25519
from proofs.errors import InputError, VerifyError

NAMED_MAX = 8
BATCH_LINE = b"usance/batch/v1"
CONFLICT_KEY_BYTES = 34
SHOWN_CHARS = 96
_APART = (keys.ENTRY, keys.BATCH, keys.CONFLICT, keys.LIST_CHUNK)

Key = TypeVar("Key", bytes, tuple[bytes, int])
Value = TypeVar("Value", bytes, tuple[int, int, int])

Progress = Callable[[int], None]
"""`progress(rows)`: compared so far."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that isn't as recomputed. `leaf`: the entry that it is about, None where it is about none; `held`, `made`:
    what the database holds and what the entries give, in words."""

    prefix: str
    leaf: int | None
    what: str
    held: str
    made: str

    @property
    def text(self) -> str:
        """In a sentence."""
        return (
            f"the database's {self.prefix} row {self.what} is not what the entries give: it holds {self.held}, "
            f"recomputed is {self.made}"
        )


@dataclass(slots=True)
class Differences:
    """How many rows differ, by prefix, and the one of the lowest leaf. `rows`: compared."""

    counts: Counter[str] = field(default_factory=Counter)
    first: Difference | None = None
    rows: int = 0

    def add(self, found: Difference) -> None:
        """One more."""
        self.counts[found.prefix] += 1
        if self.first is None or _place(found) < _place(self.first):
            self.first = found

    @property
    def text(self) -> str:
        """The first, and how many there are, in a sentence; empty where there is none."""
        if self.first is None:
            return ""
        total = sum(self.counts.values())
        more = ", ".join(f"{name} {count}" for name, count in self.counts.most_common(NAMED_MAX))
        return f"{self.first.text} ({total} rows differ: {more})"


def _place(found: Difference) -> float:
    return float("inf") if found.leaf is None else found.leaf


def compare_rows(held: View, made: View, *, size: int, progress: Progress) -> int:
    """Compare all derived rows of a database with those of a replay of its `size` entries; answers how many rows were
    compared. Raises AuditFailure that names the first leaf whose row differs, VerifyError where it is about none."""
    found = find_differences(held, made, size=size, origin=None, progress=progress)
    if found.first is None:
        return found.rows
    leaf = found.first.leaf
    raise VerifyError(found.text, field="row") if leaf is None else AuditFailure(leaf, found.text)


def find_differences(held: View, made: View, *, size: int, origin: str | None, progress: Progress) -> Differences:
    """Compare all derived rows of a database with those of a replay of its `size` entries. `origin`: the log's, to
    judge what conflicts say of it. Rows that can't be read are differences of their prefix."""
    found = Differences()
    for name, prefix in keys.PREFIXES.items():
        if prefix in _APART:
            continue
        with _unreadable(name, found):
            _compare_prefix(held, made, name, prefix, size, found, progress)
    with _unreadable("LIST_CHUNK", found):
        _compare_lists(held, made, found, progress)
    with _unreadable("CONFLICT", found):
        _check_conflicts(held, origin, found)
    with _unreadable("unknown", found):
        _check_unknown(held, found)
    with _unreadable("ENTRY", found):
        _check_past(held, size, found)
    return found


@contextmanager
def _unreadable(name: str, found: Differences) -> Iterator[None]:
    """What can't be read of a prefix is a difference, and the next one is compared."""
    try:
        yield
    except UnreadableError as error:
        found.add(Difference(name, None, "(one or more)", f"what can't be read ({error.detail})", "rows"))


def _compare_prefix(
    held: View, made: View, name: str, prefix: bytes, size: int, found: Differences, progress: Progress
) -> None:
    for key, one, other in _side_by_side(_rows(held, prefix), _rows(made, prefix)):
        found.rows += 1
        if one != other:
            leaf = leaf_of(made, key, one, other, size=size)
            found.add(Difference(name, leaf, _short(key[1:]), _show(prefix, one), _show(prefix, other)))
        if not found.rows & 0xFFF:
            progress(found.rows)


def _compare_lists(held: View, made: View, found: Differences, progress: Progress) -> None:
    for place, line, right in _side_by_side(_lines(held), _lines(made)):
        found.rows += 1
        if line != right:
            found.add(Difference("LIST_CHUNK", place[1], _list_name(place[0]), _show_line(line), _show_line(right)))
        if not found.rows & 0xFFF:
            progress(found.rows)


def _rows(view: View, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    return view.scan(prefix, keys.after(prefix))


def _side_by_side(
    left: Iterator[tuple[Key, Value]], right: Iterator[tuple[Key, Value]]
) -> Iterator[tuple[Key, Value | None, Value | None]]:
    """(key, left's value, right's value) for every key of two ascending streams; None where one hasn't got it."""
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        if one is not None and (other is None or one[0] < other[0]):
            yield one[0], one[1], None
            one = next(left, None)
        elif other is not None and (one is None or other[0] < one[0]):
            yield other[0], None, other[1]
            other = next(right, None)
        elif one is not None and other is not None:
            yield one[0], one[1], other[1]
            one, other = next(left, None), next(right, None)


Line = tuple[int, int, int]
"""An entry of a list: its amount, and count and sum of those before it; an amount of -1 for a chunk of another form."""


def _lines(view: View) -> Iterator[tuple[tuple[bytes, int], Line]]:
    """((list, leaf index), line) of every list, as its chunks have them."""
    for key, chunk in _rows(view, keys.LIST_CHUNK):
        name, first = key[1:-8], int.from_bytes(key[-8:], "big")
        data = chunk[sumlist.HEAD_BYTES :]
        if not data or len(data) % sumlist.PAIR_BYTES or int.from_bytes(data[:8], "big") != first:
            yield (name, first), (-1, 0, 0)
            continue
        count, total = int.from_bytes(chunk[:8], "big"), int.from_bytes(chunk[8 : sumlist.HEAD_BYTES], "big")
        for index, amount in struct.iter_unpack(">QQ", data):
            yield (name, index), (amount, count, total)
            count += 1
            total += amount


def is_conflict(key: bytes, value: bytes, origin: str | None) -> bool:
    """Whether a row is a batch that its key has signed, and of the log of this origin (None: any)."""
    try:
        lines, signature, first, count = codec.decode(value, field="conflict")
        ed25519.check(key[1:33], lines, signature)
        head, named, _, numbers, _, end = lines.split(b"\n")
    except (InputError, ValueError, TypeError, AttributeError):
        return False
    return (
        head == BATCH_LINE and end == b"" and numbers == b"%d %d" % (first, count) and len(key) == CONFLICT_KEY_BYTES
        and (origin is None or named == origin.encode())
    )  # fmt: skip


def _check_conflicts(held: View, origin: str | None, found: Differences) -> None:
    """No replay makes them: each is judged by its own signature."""
    for key, value in _rows(held, keys.CONFLICT):
        found.rows += 1
        if not is_conflict(key, value, origin):
            found.add(Difference("CONFLICT", None, _short(key[1:]), "no signed batch", "one that the key signed"))


def _check_past(held: View, size: int, found: Differences) -> None:
    """Entries and batches that the log doesn't have."""
    for name, prefix in (("ENTRY", keys.ENTRY), ("BATCH", keys.BATCH)):
        for key, _ in held.scan(prefix + keys.number(size), keys.after(prefix)):
            index = int.from_bytes(key[1:9], "big")
            found.add(Difference(name, index, _short(key[1:]), "a row past the log's end", "nothing"))


def _check_unknown(held: View, found: Differences) -> None:
    """Rows of no known sort."""
    known = {prefix[0] for prefix in keys.PREFIXES.values()}
    for byte in sorted(set(range(256)) - known):
        for key, _ in held.scan(bytes([byte]), bytes([byte + 1]) if byte < 255 else b"\xff" * 64):
            found.add(Difference("unknown", None, _short(key), "a row", "nothing"))


def _short(data: bytes) -> str:
    text = data.hex()
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


def _show(prefix: bytes, value: bytes | None) -> str:
    if value is None:
        return "nothing"
    if prefix == keys.STATUS:
        row = _usage(value)
        if row is not None:
            reason = f" ({row.reason})" if row.reason else ""
            return f"{row.status}{reason}, a charge of {row.charge} nanos, terms {row.terms}, asset {row.asset}"
    return _short(value) or "an empty value"


def _usage(value: bytes) -> UsageRow | None:
    """The row of a usage; None where it has another form."""
    one = MemoryStore()
    one.write({keys.STATUS + keys.number(0): value})
    try:
        return State(one).usage(0)
    except (struct.error, LookupError):
        return None


def _show_line(line: Line | None) -> str:
    if line is None:
        return "nothing"
    amount, count, total = line
    return "a chunk of another form" if amount < 0 else f"{amount} after {count} entries of {total} together"


def _list_name(name: bytes) -> str:
    return f"of list {_short(name)}"
