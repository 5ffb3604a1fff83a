"""A man in the middle: passes a node's answers on, with one of them changed. A client that takes it proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.interop.running import fetch
from tests.loopback import Handler, listening

Change = Callable[[bytes], bytes]


def flip(at: int) -> Change:
    """A change of one bit of the byte at this place, counted from the end where negative."""

    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return change


@contextmanager
def forged(url: str, prefix: str, change: Change) -> Iterator[str]:
    """The URL of a server that answers as the node does, but for paths that begin so. Ends with the block."""

    class Passing(Handler):
        def do_GET(self) -> None:
            try:
                data, status = fetch(url, self.path), 200
            except RuntimeError:
                data, status = b"", 404
            if status == 200 and self.path.startswith(prefix):
                data = change(data)
            self.reply(status, "application/octet-stream", data)

    with listening(Passing) as its_url:
        yield its_url
