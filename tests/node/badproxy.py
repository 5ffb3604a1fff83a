"""A proxy between client and node that does what networks do: drops requests and answers, cuts them, sends requests
twice, and delivers some of them much later."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.loopback import Handler, listening

LATE_S = (0.0, 1.5)
TIMEOUT_S = 20


class BadProxy:
    """`port`: of the node, 0 while there is none. `mischief`: the share of writes to which something happens; `done`:
    how often each thing happened; `writes`: how many came."""

    def __init__(self, *, seed: int, mischief: float) -> None:
        self.port = 0
        self.url = ""
        self.mischief = mischief
        self.done: Counter[str] = Counter()
        self.writes = 0
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._late: list[threading.Thread] = []

    def draw(self) -> tuple[str, float]:
        """What happens to a write, and how late."""
        with self._lock:
            self.writes += 1
            if self._random.random() >= self.mischief:
                return "", 0.0
            what = self._random.choice(["drop request", "drop answer", "cut answer", "twice", "late", "late and drop"])
            self.done[what] += 1
            return what, self._random.uniform(*LATE_S)

    def ask(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes] | None:
        """The node's answer, None where there is none."""
        if not self.port:
            return None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            headers = {"Content-Type": "application/msgpack"} if method == "POST" else {}
            connection.request(method, path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def later(self, wait_s: float, body: bytes) -> None:
        """Deliver a write on its own, after a while."""

        def run() -> None:
            time.sleep(wait_s)
            self.ask("POST", "/records", body)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._late.append(thread)

    def settle(self) -> None:
        """Wait until nothing is on its way any more."""
        for thread in self._late:
            thread.join()
        self._late.clear()


@contextmanager
def proxying(proxy: BadProxy) -> Iterator[BadProxy]:
    """Serve it on a free port for the time of the block."""

    class Passing(Handler):
        def do_GET(self) -> None:
            body = self.body()
            what, wait_s = proxy.draw() if self.command == "POST" else ("", 0.0)
            if what in ("twice", "late", "late and drop"):
                proxy.later(0.0 if what == "twice" else wait_s, body)
            answer = None
            if what not in ("drop request", "late and drop"):
                answer = proxy.ask(self.command, self.path, body)
            if answer is None or what == "drop answer":
                self.close_connection = True
                return
            self.reply(*answer, lost=(len(answer[2]) + 1) // 2 if what == "cut answer" else 0)

        do_POST = do_GET

    with listening(Passing) as proxy.url:
        yield proxy
