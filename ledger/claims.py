"""Claims on external names by `aka` (design section 4): begun and ended at the cost of a few look-ups each.

A party's standing claims on one name are linked, older and newer, with the newest at hand; of a name is kept how many
parties claim it, and which, where it is one. So no rule has to go through rows for an answer: what was deleted still
lies in LevelDB for a while, and whoever claims a name twenty thousand times and withdraws it would make each use of the
name cost that many rows.
"""

from __future__ import annotations

from ledger import keys
from ledger.errors import StorageError
from ledger.state import State

CLAIM_STEPS = 4
"""For each name that an asset begins or ceases to claim (see Context.spend)."""
_NONE = bytes(8)
_OLDER, _NEWER = slice(0, 8), slice(8, 16)


def begin_claim(state: State, name: str, party: bytes, index: int) -> None:
    """The asset at leaf `index`, the party's newest, claims the name from here on."""
    owner = keys.text(name) + party
    put, number = state.overlay.put, keys.number(index)
    older = state.view.get(keys.CLAIM + owner)
    if older is None:
        _count(state, name, party, 1)
    else:
        _link(state, owner, older, _NEWER, number)
    put(keys.AKA + owner + number, (older or _NONE) + _NONE)
    put(keys.CLAIM + owner, number)


def end_claim(state: State, name: str, party: bytes, index: int) -> None:
    """The asset claims the name no more. Raises StorageError where it doesn't anyway."""
    owner = keys.text(name) + party
    row = _row(state, owner, keys.number(index))
    older, newer = row[_OLDER], row[_NEWER]
    state.overlay.delete(keys.AKA + owner + keys.number(index))
    if older != _NONE:
        _link(state, owner, older, _NEWER, newer)
    if newer != _NONE:
        _link(state, owner, newer, _OLDER, older)
    elif older != _NONE:
        state.overlay.put(keys.CLAIM + owner, older)
    else:
        state.overlay.delete(keys.CLAIM + owner)
        _count(state, name, party, -1)


def _row(state: State, owner: bytes, number: bytes) -> bytes:
    row = state.view.get(keys.AKA + owner + number)
    if row is None:
        raise StorageError("a claim on a name is missing: the database is damaged")
    return row


def _link(state: State, owner: bytes, number: bytes, side: slice, other: bytes) -> None:
    row = bytearray(_row(state, owner, number))
    row[side] = other
    state.overlay.put(keys.AKA + owner + number, bytes(row))


def _count(state: State, name: str, party: bytes, change: int) -> None:
    count, mixed = state.claims(name)
    key = keys.CLAIMS + keys.text(name)
    if count + change:
        mixed = bytes(one ^ other for one, other in zip(mixed, party, strict=True))
        state.overlay.put(key, keys.number(count + change) + mixed)
    else:
        state.overlay.delete(key)
