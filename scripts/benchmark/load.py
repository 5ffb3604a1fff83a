"""The load: a process of its own that sends prepared requests over kept-alive connections and times the answers."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import multiprocessing
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

HEADERS = {"Content-Type": "application/msgpack"}


class Connection:
    """One kept-alive connection to the node."""

    def __init__(self, address: str) -> None:
        self._http = http.client.HTTPConnection(address, timeout=120)

    def get(self, path: str) -> bytes:
        """The body of a 200 answer."""
        self._http.request("GET", path)
        answer = self._http.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {data[:200]!r}")
        return data

    def get_json(self, path: str) -> dict[str, Any]:
        """The object in a 200 answer."""
        found: dict[str, Any] = json.loads(self.get(path))
        return found

    def post(self, body: bytes) -> list[dict[str, Any]]:
        """The results of a request whose batches must all be taken."""
        self._http.request("POST", "/records", body, HEADERS)
        answer = self._http.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"POST /records: {answer.status} {data[:200]!r}")
        results: list[dict[str, Any]] = json.loads(data)["results"]
        for result in results:
            if result["status"] != 200:
                raise RuntimeError(f"refused: {result}")
        return results


class Flood:
    """Requests that the node refuses, sent at a fixed rate beside other work, by a process of its own."""

    def __init__(self, address: str, requests: Sequence[bytes], *, per_s: float, connections: int = 100) -> None:
        self._address = address
        self._requests = requests
        self._per_s = per_s
        self._connections = connections
        fork = multiprocessing.get_context("fork")
        self._end = fork.Event()
        self._counts = fork.RawArray(ctypes.c_longlong, connections)
        self._process = fork.Process(target=self._send, daemon=True)

    @property
    def answered(self) -> int:
        """Requests answered so far."""
        return sum(list(self._counts))

    def _send(self) -> None:
        begin = time.perf_counter()

        def run(worker: int) -> None:
            link = http.client.HTTPConnection(self._address, timeout=120)
            for place in range(worker, len(self._requests), self._connections):
                if self._end.wait(max(0.0, begin + place / self._per_s - time.perf_counter())):
                    return
                link.request("POST", "/records", self._requests[place], HEADERS)
                link.getresponse().read()
                self._counts[worker] += 1

        threads = [threading.Thread(target=run, args=(worker,)) for worker in range(self._connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Send until the end of the block, or of the requests."""
        self._process.start()
        try:
            yield
        finally:
            self._end.set()
            self._process.join(timeout=60)
            self._process.close()


def blast(address: str, requests: Sequence[bytes], *, connections: int) -> float:
    """Send all requests over several connections as fast as they are answered; seconds that it took."""
    work: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for request in requests:
        work.put(request)
    errors: list[BaseException] = []

    def run() -> None:
        connection = Connection(address)
        try:
            while True:
                connection.post(work.get_nowait())
        except queue.Empty:
            return
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(connections)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    if errors:
        raise errors[0]
    return took


def paced(address: str, requests: Sequence[bytes], *, per_s: float, connections: int = 8) -> list[float]:
    """Send requests at a fixed rate whatever the answers take (no waiting for the one before); times in ms, sorted.

    A request's time counts from when it was due, so a slow answer isn't hidden by a late start.
    """
    times: list[float] = []
    lock = threading.Lock()
    errors: list[BaseException] = []
    begin = time.perf_counter() + 0.2

    def run(worker: int) -> None:
        connection = Connection(address)
        try:
            for place in range(worker, len(requests), connections):
                due = begin + place / per_s
                time.sleep(max(0.0, due - time.perf_counter()))
                connection.post(requests[place])
                took = (time.perf_counter() - due) * 1000
                with lock:
                    times.append(took)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sorted(times)
