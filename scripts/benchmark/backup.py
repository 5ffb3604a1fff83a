"""Backup and restore: how fast, and what answers to writers take meanwhile.

Backups of the whole log follow one another while single records come at 100 a second, so that the load's answer times
are all from beside a backup. The restore is one of the last file, into a new folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from typing import Any

from scripts.benchmark.load import paced
from scripts.benchmark.node import USANCE, Node, requests_of, say
from scripts.benchmark.span import Span
from scripts.benchmark.workload import Workload

PER_S = 100
NICE = ["nice", "-n", "10"]
"""As docs/backup.md says for a backup on the node's own machine."""


def measure(node: Node, work: Workload, *, seconds: int) -> dict[str, Any]:
    """Answer times with and without backups beside them, the backups' rate, and the restore's, of the log as it is."""
    alone = _times(node, work, seconds=seconds)
    backups = _Backups(node)
    thread = threading.Thread(target=backups.run)
    thread.start()
    try:
        beside = _times(node, work, seconds=seconds)
    finally:
        backups.end.set()
        thread.join()
    if backups.error is not None:
        raise backups.error
    best = max(backups.done, key=lambda said: float(said["records_per_s"]))
    say(f"  backup {best['records_per_s']} records/s, p99 {alone['p99_ms']} ms alone, {beside['p99_ms']} ms beside it")
    try:
        restored = _restore(node, backups.path)
    finally:
        os.unlink(backups.path)
    say(f"  restore {restored['per_s']} records/s")
    return {
        "per_s": best["records_per_s"],
        "rounds_per_s": [said["records_per_s"] for said in backups.done],
        "records": best["size"],
        "bytes_per_record": round(best["bytes"] / best["size"], 1),
        **backups.cost,
        "answers_alone": alone,
        "answers_beside": beside,
        "p99_ratio": round(beside["p99_ms"] / alone["p99_ms"], 2),
        "restore": restored,
    }


def _times(node: Node, work: Workload, *, seconds: int) -> dict[str, Any]:
    batches = list(work.batches(PER_S * seconds, records=1, head=node.checkpoint()))
    times = paced(node.address, requests_of(batches, batches_each=1), per_s=PER_S)
    return {"p50_ms": round(times[len(times) // 2], 2), "p99_ms": round(times[len(times) * 99 // 100], 2)}


class _Backups:
    """One backup of the whole log after the other, each a process of its own; at least one."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.path = os.path.join(os.path.dirname(node.folder), "log.backup")
        self.end = threading.Event()
        self.done: list[dict[str, Any]] = []
        self.error: BaseException | None = None
        self.cost: dict[str, Any] = {}

    def run(self) -> None:
        """Until the end is asked for."""
        span = Span()
        try:
            while not (self.done and self.end.is_set()):
                if os.path.exists(self.path):
                    os.unlink(self.path)
                words = ["backup", f"http://{self._node.address}", self.path, "--log", _vkey(self._node), "--json"]
                done = subprocess.run([*NICE, *USANCE, *words], check=True, stdout=subprocess.PIPE)
                self.done.append(json.loads(done.stdout))
            self.cost = span.cost(sum(said["size"] for said in self.done))
        except BaseException as error:
            self.error = error


def _vkey(node: Node) -> str:
    return os.path.join(node.folder, "log.vkey")


def _restore(node: Node, path: str) -> dict[str, Any]:
    folder = os.path.join(os.path.dirname(node.folder), "restored")
    span = Span()
    words = ["node", "restore", path, folder, "--log", _vkey(node), "--json"]
    try:
        done = subprocess.run([*USANCE, *words], check=True, stdout=subprocess.PIPE)
        said = json.loads(done.stdout)
        took, cost = span.seconds(), span.cost(said["size"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {"per_s": round(said["size"] / took), "records": said["size"], "seconds": round(took, 2), **cost}
