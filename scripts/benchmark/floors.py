"""What the machine itself can do, measured in the same run: the floors that the node's figures stand beside."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.leveldb import LevelStore
from proofs import ed25519


def _rate(work: Callable[[], None], *, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        work()
    return repeats / (time.perf_counter() - begin)


def _verify_rate(threads: int, *, repeats: int = 4_000) -> float:
    key = Ed25519PrivateKey.generate()
    message = os.urandom(200)
    raw, signature = ed25519.public_bytes(key), key.sign(message)

    def work() -> None:
        for _ in range(repeats):
            ed25519.check(raw, message, signature)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return threads * repeats / (time.perf_counter() - begin)


def _leveldb_rate(folder: str, *, rows: int = 256, rounds: int = 100) -> float:
    store = LevelStore(os.path.join(folder, "floor"), create=True)
    value = os.urandom(270)
    begin = time.perf_counter()
    for turn in range(rounds):
        store.write({b"e" + (turn * rows + at).to_bytes(8, "big"): value for at in range(rows)})
    rate = rows * rounds / (time.perf_counter() - begin)
    store.close()
    return rate


def _fsync_ms(folder: str, *, rounds: int = 200) -> dict[str, float]:
    times = []
    with open(os.path.join(folder, "fsync"), "wb") as file:
        for _ in range(rounds):
            file.write(os.urandom(4096))
            file.flush()
            begin = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    return {"p50": round(times[rounds // 2], 3), "p99": round(times[rounds * 99 // 100], 3)}


def measure(folder: str) -> dict[str, object]:
    """Rates a second and fsync times in ms, on the disk of `folder`."""
    leaf = os.urandom(680)

    def sha256() -> None:
        hashlib.sha256(leaf).digest()

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        return {
            "sha256_680_bytes_per_s": round(_rate(sha256, repeats=200_000)),
            "ed25519_verify_1_thread_per_s": round(_verify_rate(1)),
            "ed25519_verify_2_threads_per_s": round(_verify_rate(2)),
            "leveldb_rows_per_s_in_synced_256": round(_leveldb_rate(scratch)),
            "fsync_ms": _fsync_ms(scratch),
        }
