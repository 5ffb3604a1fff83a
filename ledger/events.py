"""Later records about an entry: what its reader should know of (design section 8, `GET /records/<index>`)."""

from __future__ import annotations

from ledger import keys
from ledger.state import State


def note_event(state: State, target: int, index: int, kind: str) -> None:
    """The record at leaf `index` is about the one at `target`."""
    state.overlay.put(keys.EVENT + keys.number(target) + keys.number(index), kind.encode())
