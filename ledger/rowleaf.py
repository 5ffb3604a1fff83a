"""Which leaf a row of the database is about: the entry that wrote it, or the one that it is kept for.

The table of prefixes (ledger/keys.py) says what keys and values hold; here it is read backwards.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger import keys, sumlist
from ledger.errors import StorageError
from ledger.store import View
from proofs import codec
from proofs.errors import InputError

Reader = Callable[[bytes, bytes], int]
"""(key, value) -> leaf; may raise for a row of another form."""


def _first(key: bytes, value: bytes) -> int:
    """The integer right behind the prefix."""
    return int.from_bytes(key[1:9], "big")


def _last(key: bytes, value: bytes) -> int:
    """The integer at the key's end."""
    return int.from_bytes(key[-8:], "big")


def _value(key: bytes, value: bytes) -> int:
    return int.from_bytes(value[:8], "big")


def _granted(key: bytes, value: bytes) -> int:
    """The asset whose terms were granted."""
    return int.from_bytes(key[33:41], "big")


def _field(place: int) -> Reader:
    """A field of a packed value."""

    def read(key: bytes, value: bytes) -> int:
        found = codec.unpack(value, field="row")[place]
        if type(found) is not int:
            raise InputError("not an index", field="row")
        return found

    return read


def _tile(key: bytes, value: bytes) -> int:
    return int.from_bytes(key[2:10], "big") << (8 * (key[1] + 1))


_READERS: dict[bytes, Reader] = {
    keys.TILE: _tile,
    keys.KEY_BATCH: _value,
    keys.STATUS: _first,
    keys.BY_KIND: _last,
    keys.BY_PARTY: _last,
    keys.BY_ASSET: _last,
    keys.BY_NAME_USE: _last,
    keys.KEY: _field(5),
    keys.PARTY: _field(1),
    keys.ASSET: _first,
    keys.ASSET_MORE: _first,
    keys.ASSET_NAME: _last,
    keys.ASSET_PARTY: _last,
    keys.ASSET_ROOT: _last,
    keys.AKA: _last,
    keys.CLAIM: _value,
    keys.INTO: _value,
    keys.TERMS: _first,
    keys.TERMS_OF: _last,
    keys.ASSET_TERMS: _field(0),
    keys.CLOSURE: _first,
    keys.GRANT: _first,
    keys.GRANTED: _value,
    keys.GRANT_SHARE: _last,
    keys.GRANT_SHARES: _granted,
    keys.RIDER: _first,
    keys.ACCOUNT: _field(0),
    keys.STATEMENT: _first,
    keys.STATED: _value,
    keys.RECEIPT: _value,
    keys.CORRECTED: _first,
    keys.CORRECTION: _first,
    keys.BASE: _first,
    keys.DISPUTE: _first,
    keys.EVENT: _last,
    keys.MADE_FROM: _last,
    keys.DESCRIBED: _value,
    keys.DISPUTED: _last,
    keys.FINDING: _first,
    keys.ACCUSED: _last,
    keys.FOUND: _last,
}


def leaf_of(made: View, key: bytes, held: bytes | None, right: bytes | None, *, size: int) -> int | None:
    """The leaf that a row is about, by the row that the entries give (`right`), or else by the one that was found
    (`held`). None where it is about no one entry, or past the log's `size`."""
    prefix = key[:1]
    if prefix == keys.LIST_HEAD:
        return _line_leaf(made, key[1:], sumlist.extent(made, key[1:]).count - 1, size)
    if prefix == keys.LIST_NODE:
        level, number = key[-9], int.from_bytes(key[-8:], "big")
        return _line_leaf(made, key[1:-9], ((number + 1) << level) - 1, size)
    if prefix == keys.PAYEE:
        return _line_leaf(made, b"l" + key[33:65] + key[1:33] + key[65:], 0, size)
    if prefix == keys.CLAIMS:
        claim = next(iter(made.scan(keys.AKA + key[1:], keys.after(keys.AKA + key[1:]))), None)
        return None if claim is None else _last(*claim)
    if prefix == keys.PARTY_KEY:
        row = made.get(keys.KEY + key[33:])
        return None if row is None else leaf_of(made, keys.KEY + key[33:], None, row, size=size)
    reader = _READERS.get(prefix)
    for value in (right, held):
        if reader is not None and value is not None:
            try:
                found = reader(key, value)
            except (InputError, LookupError, TypeError):
                continue
            return found if 0 <= found < size else None
    return None


def _line_leaf(made: View, name: bytes, position: int, size: int) -> int | None:
    """The leaf of a list's entry by its position."""
    if position < 0:
        return None
    try:
        return sumlist.read_entries(made, name, start=position, count=1, below=size)[0][0]
    except StorageError:
        return None
