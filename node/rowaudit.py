"""The derived rows of a stopped node's database, held against those of a replay (design sections 1 and 8).

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
from dataclasses import dataclass
from typing import TypeVar

from ledger import keys, sumlist
from ledger.replay import AuditFailure
from ledger.state import State, UsageRow
from ledger.store import MemoryStore, View
from node.rowleaf import leaf_of
from proofs import codec, ed25519
from proofs.errors import InputError, VerifyError

NAMED_MAX = 8
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


@dataclass(slots=True)
class Differences:
    """How many rows differ, by prefix, and the one of the lowest leaf."""

    counts: Counter[str]
    first: Difference | None = None

    def add(self, found: Difference) -> None:
        """One more."""
        self.counts[found.prefix] += 1
        if self.first is None or _place(found) < _place(self.first):
            self.first = found


def _place(found: Difference) -> float:
    return float("inf") if found.leaf is None else found.leaf


def compare_rows(held: View, made: View, *, size: int, progress: Progress) -> int:
    """Compare all derived rows of a database with those of a replay of its `size` entries; answers how many rows were
    compared. Raises AuditFailure that names the first leaf whose row differs, VerifyError where it is about none."""
    found = Differences(Counter())
    rows = 0
    for name, prefix in keys.PREFIXES.items():
        if prefix in _APART:
            continue
        for key, one, other in _side_by_side(_rows(held, prefix), _rows(made, prefix)):
            rows += 1
            if one != other:
                leaf = leaf_of(made, key, one, other, size=size)
                found.add(Difference(name, leaf, _short(key[1:]), _show(prefix, one), _show(prefix, other)))
            if not rows & 0xFFF:
                progress(rows)
    for place, line, right in _side_by_side(_lines(held), _lines(made)):
        rows += 1
        if line != right:
            found.add(Difference("LIST_CHUNK", place[1], _list_name(place[0]), _show_line(line), _show_line(right)))
        if not rows & 0xFFF:
            progress(rows)
    rows += _check_others(held, size, found)
    if found.first is not None:
        raise _failure(found.first, found.counts)
    return rows


def _failure(first: Difference, counts: Counter[str]) -> VerifyError:
    total = sum(counts.values())
    more = ", ".join(f"{name} {count}" for name, count in counts.most_common(NAMED_MAX))
    detail = (
        f"the database's {first.prefix} row {first.what} is not what the entries give: it holds {first.held}, "
        f"recomputed is {first.made} ({total} rows differ: {more})"
    )
    return VerifyError(detail, field="row") if first.leaf is None else AuditFailure(first.leaf, detail)


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


def _check_others(held: View, size: int, found: Differences) -> int:
    """Rows that no replay makes: conflicts, whose signatures must hold, and what ought not to be there at all."""
    rows = 0
    for key, value in _rows(held, keys.CONFLICT):
        rows += 1
        try:
            lines, signature, _, _ = codec.unpack(value, field="conflict")
            ed25519.check(key[1:33], lines, signature)
        except (InputError, ValueError, TypeError):
            found.add(Difference("CONFLICT", None, _short(key[1:]), "no signed batch", "one that the key signed"))
    for name, prefix in (("ENTRY", keys.ENTRY), ("BATCH", keys.BATCH)):
        for key, _ in held.scan(prefix + keys.number(size), keys.after(prefix)):
            index = int.from_bytes(key[1:9], "big")
            found.add(Difference(name, index, _short(key[1:]), "a row past the log's end", "nothing"))
    known = {prefix[0] for prefix in keys.PREFIXES.values()}
    for byte in set(range(256)) - known:
        for key, _ in held.scan(bytes([byte]), bytes([byte + 1]) if byte < 255 else b"\xff" * 64):
            found.add(Difference("unknown", None, _short(key), "a row", "nothing"))
    return rows


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
