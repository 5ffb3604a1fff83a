"""What lineage costs: path questions and traces in a web of assets, an import, a drawing.

The web has two halves that share nothing, so that a question over both has no way as its answer and much to look at.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import time
from typing import Any

from node.lineage.graph import parse_graph
from node.lineage.svg import render_svg
from proofs.entry import encode_request
from proofs.merkle import leaf_hash
from proofs.records import make_body
from proofs.ref import Ref
from scripts.benchmark.load import Connection
from scripts.benchmark.node import USANCE, Node, say, set_up
from scripts.benchmark.workload import Workload

SOURCES_EACH = 10
NEAR = 1_000
BATCH = 512
HALVES = 2
COLLECTION = os.path.join("..", "shared", "real", "datasets.jsonl.gz")
DRAWN = 500


def web(node: Node, seed: int, *, assets: int) -> list[list[Ref]]:
    """Register assets, each made from ten before it: five of its half's last thousand, five of any. The references, by
    halves."""
    work = Workload(seed + 600, node.origin)
    set_up(node, work)
    connection = Connection(node.address)
    rng = random.Random(seed)  # noqa: S311 a workload, no secret
    halves: list[list[Ref]] = [[] for _ in range(HALVES)]
    done = 0
    while done < assets:
        count = min(BATCH, assets - done)
        bodies = [_asset(rng, halves[(done + at) % HALVES], f"asset {done + at}") for at in range(count)]
        batch = work.signed_many(1, bodies, node.checkpoint())
        (result,) = connection.post(encode_request([batch]))
        for at, entry in enumerate(batch.entries()):
            halves[(done + at) % HALVES].append(Ref(int(result["first_index"]) + at, leaf_hash(entry)))
        done += count
        if done % (BATCH * 20) == 0:
            say(f"  {done} of {assets} assets")
    return halves


def _asset(rng: random.Random, before: list[Ref], name: str) -> bytes:
    fields: dict[str, Any] = {"kind": "asset", "at": 1, "type": "dataset", "name": name}
    chosen = {rng.choice(before[-NEAR:] if at % 2 else before) for at in range(SOURCES_EACH)} if before else set()
    if chosen:
        fields["sources"] = [{"asset": ref.pack(), "as": "derived_from"} for ref in sorted(chosen)]
    return make_body(fields)


def paths(node: Node, halves: list[list[Ref]], seed: int, *, questions: int) -> dict[str, Any]:
    """Milliseconds of `GET /assets/<ref>/lineage?to=`: pairs of one half, pairs of two, and the hardest: the newest of
    one and the oldest of the other."""
    rng = random.Random(seed)  # noqa: S311 a workload, no secret
    pairs: dict[str, list[tuple[int, int]]] = {"same_half": [], "other_half": []}
    for name, offset in (("same_half", 0), ("other_half", 1)):
        for _ in range(questions):
            first, second = rng.choice(halves[0]).index, rng.choice(halves[offset]).index
            pairs[name].append((max(first, second), min(first, second)))
    pairs["hardest"] = [(halves[0][-1 - at].index, halves[1][at].index) for at in range(5)]
    connection = Connection(node.address)
    result: dict[str, Any] = {"edges": sum(len(half) for half in halves) * SOURCES_EACH}
    for name, asked in pairs.items():
        times, ways = [], 0
        for made, source in asked:
            begin = time.perf_counter()
            answer = connection.get_json(f"/assets/{made}/lineage?to={source}")
            times.append((time.perf_counter() - begin) * 1000)
            ways += answer["path"] is not None
        times.sort()
        result[name] = {
            "p50_ms": round(statistics.median(times), 1), "max_ms": round(times[-1], 1), "with_a_way": ways,
            "questions": len(times),
        }  # fmt: skip
        say(f"  {name}: {result[name]}")
    return result


def drawing(node: Node, halves: list[list[Ref]]) -> dict[str, Any]:
    """Seconds of a trace of 500 materials, and of drawing it, the best of three."""
    connection = Connection(node.address)
    newest = halves[0][-1].index
    begin = time.perf_counter()
    answer = connection.get_json(f"/assets/{newest}/lineage?direction=up&limit={DRAWN}")
    asked = time.perf_counter() - begin
    graph = parse_graph(answer)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        render_svg(graph)
        times.append(time.perf_counter() - begin)
    return {
        "nodes": len(graph.nodes), "edges": len(graph.edges), "trace_s": round(asked, 2), "svg_s": round(min(times), 3),
    }  # fmt: skip


def importing(node: Node, folder: str) -> dict[str, Any]:
    """Seconds of `usance import` of the real collection, and of the same again, which logs nothing."""
    if not os.path.exists(COLLECTION):
        return {"skipped": f"no {COLLECTION}"}
    key = os.path.join(folder, "curator.key")
    environment = {
        **os.environ, "USANCE_NODE": f"http://{node.address}", "USANCE_KEY": key,
        "USANCE_LOG": os.path.join(node.folder, "log.vkey"), "USANCE_STATE": os.path.join(folder, "state"),
    }  # fmt: skip
    for words in (["key", "new", key], ["party", "Curator"]):
        subprocess.run([*USANCE, *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    result: dict[str, Any] = {}
    for name in ("first", "again"):
        before, begin = node.checkpoint()[0], time.perf_counter()
        done = subprocess.run(
            [*USANCE, "import", "provenance", COLLECTION, "--json"],
            stdout=subprocess.PIPE,
            env=environment,
            check=False,
        )
        took = time.perf_counter() - begin
        said = json.loads(done.stdout)
        result[name] = {
            "seconds": round(took, 1), "records": node.checkpoint()[0] - before, "exit": done.returncode,
            "materials": said.get("materials"),
        }  # fmt: skip
        say(f"  {name}: {result[name]}")
    return result
