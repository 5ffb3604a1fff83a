"""An HTTP server within a test's own process, on a free port of this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Keeps connections, writes no log; subclasses answer with `reply`."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65_536
    disable_nagle_algorithm = True  # else head and body of an answer wait for each other

    def body(self) -> bytes:
        """The request's body, by its length."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status: int, content_type: str, data: bytes, *, lost: int = 0) -> None:
        """Answer; of the body's bytes the last `lost` don't come, and the connection ends then."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.close_connection = bool(lost)
        self.wfile.write(data[: len(data) - lost])

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the tests' output is for failures."""


class Server(ThreadingHTTPServer):
    """A thread a connection."""

    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may go away, or be killed."""


@contextmanager
def listening(handler: type[Handler]) -> Iterator[str]:
    """Its URL, for the time of the block."""
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
