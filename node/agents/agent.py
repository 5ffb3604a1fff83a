"""What an agent works with: a client, the log's entries, a key, a clock, and somebody to show progress to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.client import Client
from node.sources import Source
from proofs.ed25519 import public_bytes

Show = Callable[[str, str, int], AbstractContextManager[Callable[[int], None]]]
"""`show(what, unit, total)`: shows progress as long as it is held, `update(done)` by what it gives."""


@contextlib.contextmanager
def show_nothing(what: str, unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """Nobody watches."""
    yield lambda done: None


def tell_nobody(step: str) -> None:
    """No step is of interest."""
    return


@dataclass(frozen=True, slots=True)
class Agent:
    """`source`: where entries are read from; `now_ms()`: Unix milliseconds; `reached` is told the name of each step
    that is done and durable."""

    client: Client
    source: Source
    key: Ed25519PrivateKey
    now_ms: Callable[[], int]
    show: Show = show_nothing
    reached: Callable[[str], None] = tell_nobody

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return public_bytes(self.key)
