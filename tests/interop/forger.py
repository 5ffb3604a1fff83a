"""A man in the middle: passes a node's answers on, with one of them changed. A client that takes it proves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.interop.running import fetch

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

    class Handler(BaseHTTPRequestHandler):
        """One request, passed on."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Fetch from the node, change where asked to, answer."""
            try:
                data, status = fetch(url, self.path), 200
            except RuntimeError:
                data, status = b"", 404
            if status == 200 and self.path.startswith(prefix):
                data = change(data)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output is for failures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
