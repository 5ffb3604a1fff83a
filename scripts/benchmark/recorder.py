"""What a record costs the program that logs it: `Recorder.use` in a loop, in the caller's thread."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from node.recorder import Recorder
from scripts.benchmark.node import USANCE, Node, say

ASSET = "pkg:huggingface/org/corpus@0123456789abcdef0123456789abcdef01234567"


def _loop(use: Callable[..., None], *, records: int) -> dict[str, float]:
    """Times of so many calls, in µs, with the fields that a training loop logs. `cpu_us`: what the caller's thread
    computed for each, which a busy machine doesn't change."""
    times = []
    begin_cpu = time.thread_time_ns()
    for step in range(records):
        attrs: dict[str, str | int] = {"gen_ai.operation.name": "train", "step": step}
        begin = time.perf_counter_ns()
        use(ASSET, "train", token=1_000_000 + step, into_name="lab-model@2026-11", attrs=attrs)
        times.append(time.perf_counter_ns() - begin)
    cpu = time.thread_time_ns() - begin_cpu
    times.sort()
    return {
        "p50_us": round(times[records // 2] / 1000, 2),
        "p99_us": round(times[records * 99 // 100] / 1000, 2),
        "mean_us": round(sum(times) / records / 1000, 2),
        "cpu_us": round(cpu / records / 1000, 2),
    }


def overhead(node: Node, folder: str, *, records: int, rounds: int = 3) -> dict[str, Any]:
    """µs a record, the best round's of each, without and with a sender at work in the same process; with it, at once
    (the sender takes its turns in the loop) and at 1,000 records a second."""
    key = os.path.join(folder, "recorder.key")
    if not os.path.exists(key):
        subprocess.run([*USANCE, "key", "new", key], check=True, stdout=subprocess.DEVNULL)
    vkey = os.path.join(node.folder, "log.vkey")
    environment = {
        "USANCE_NODE": f"http://{node.address}", "USANCE_KEY": key, "USANCE_LOG": vkey,
        "USANCE_STATE": os.path.join(folder, "state"),
    }  # fmt: skip
    subprocess.run(
        [*USANCE, "party", "Recorder"], check=True, stdout=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    result: dict[str, Any] = {"records": records}
    for name in ("storing", "sending"):
        found = []
        for turn in range(rounds):
            with mock.patch.dict(os.environ, environment | {"USANCE_SPOOL": os.path.join(folder, f"{name}-{turn}")}):
                if name == "storing":
                    del os.environ["USANCE_NODE"]
                uses = Recorder(all_ranks=True)
                uses.use(ASSET, "train", token=1)
                found.append(_loop(uses.use, records=records))
                left = uses.close(120.0)
                if name == "sending" and left.waiting:
                    raise RuntimeError(f"not everything was logged: {left}")
            say(f"  {name}: {found[-1]}")
        result[name] = min(found, key=lambda times: times["mean_us"])
    return result
