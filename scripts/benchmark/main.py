"""Measures what issue and README state, on this tree and this machine, and prints JSON.

Node and load are separate processes, the disk is the folder's own, every answer is durable and checkpointed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from ledger.leveldb import LevelStore
from proofs.checkpoint import open_checkpoint
from proofs.entry import parse_entry
from proofs.merkle import check_inclusion, leaf_hash
from proofs.records import check_body
from proofs.tlogproof import parse_tlog_proof
from scripts.benchmark import backup, detection, detectionindex, detectionrecall, floors, lineage, money, recorder
from scripts.benchmark.load import Connection, blast, paced
from scripts.benchmark.node import ORIGIN, USANCE, Node, requests_of, say, set_up
from scripts.benchmark.span import Span
from scripts.benchmark.workload import Workload

PARTS = ("log", "money", "recorder", "lineage", "detect")


def throughput(
    node: Node, work: Workload, *, records: int, per_batch: int, batches_each: int, connections: int, rounds: int
) -> dict[str, Any]:
    """Records a second into the log; the best of `rounds`, all of them shown."""
    rates, cpu = [], []
    span = Span()
    for turn in range(rounds):
        batches = list(work.batches(records // per_batch, records=per_batch, head=node.checkpoint()))
        requests = requests_of(batches, batches_each=batches_each)
        before = node.cpu_s()
        took = blast(node.address, requests, connections=connections)
        count = len(batches) * per_batch
        rates.append(round(count / took))
        cpu.append(round((node.cpu_s() - before) / took, 2))
        say(f"  round {turn + 1}: {rates[-1]} records/s, node {cpu[-1]} cores")
    return {
        "best_per_s": max(rates),
        "rounds_per_s": rates,
        "node_cores": cpu,
        "records_per_round": records,
        "stolen_cores": span.cost(0)["stolen_cores"],
    }


def latency(node: Node, work: Workload, *, seconds: int) -> dict[str, Any]:
    """Answer times of single records at 100 a second."""
    batches = list(work.batches(100 * seconds, records=1, head=node.checkpoint()))
    times = paced(node.address, requests_of(batches, batches_each=1), per_s=100)
    return {
        "p50_ms": round(times[len(times) // 2], 2),
        "p99_ms": round(times[len(times) * 99 // 100], 2),
        "max_ms": round(times[-1], 2),
        "requests": len(times),
    }


def proof_check(node: Node) -> dict[str, Any]:
    """Time of one offline check: parse, inclusion, checkpoint's signature, entry's signature, record's fields."""
    size, _ = node.checkpoint()
    data = Connection(node.address).get(f"/proof/{size - 1}")
    rounds = 200
    begin = time.perf_counter()
    for _ in range(rounds):
        proof = parse_tlog_proof(data)
        checkpoint = open_checkpoint(proof.checkpoint_note, node.vkey)
        raw = proof.extra or b""
        check_inclusion(
            index=proof.index, size=checkpoint.size, leaf=leaf_hash(raw), path=proof.path, root=checkpoint.root
        )
        entry = parse_entry(raw)
        entry.check_signature(checkpoint.origin)
        check_body(entry.body)
    return {"ms": round((time.perf_counter() - begin) / rounds * 1000, 3), "tree_size": size}


def audit(node: Node) -> dict[str, Any]:
    """Rate of `usance audit` of the whole log over HTTP: every entry judged and every tile compared; and how long the
    command took in all, with its start and what it asks the node about money."""
    size, _ = node.checkpoint()
    vkey = os.path.join(node.folder, "log.vkey")
    span = Span()
    done = subprocess.run(
        [*USANCE, "audit", f"http://{node.address}", "--log", vkey, "--json"], check=True, stdout=subprocess.PIPE
    )
    took, cost = span.seconds(), span.cost(size)
    per_s = json.loads(done.stdout)["records_per_s"]
    return {"per_s": per_s, "records": size, "seconds": round(took, 1), **cost}


def disk(folder: str, entry_bytes: int) -> dict[str, Any]:
    """Size of the stopped node's database after compaction, against the bytes of its entries."""
    path = os.path.join(folder, "db")
    store = LevelStore(path)
    store.compact()
    store.close()
    used = sum(os.path.getsize(os.path.join(path, name)) for name in os.listdir(path))
    return {"bytes": used, "entry_bytes": entry_bytes, "ratio": round(used / entry_bytes, 3)}


def entry_bytes(node: Node) -> int:
    """Bytes of all entries, as bundles serve them less the length prefixes."""
    connection = Connection(node.address)
    size, _ = node.checkpoint()
    total = 0
    for index in range(-(-size // 256)):
        width = min(256, size - index * 256)
        digits = f"{index:03d}" if index < 1000 else f"{index:06d}"
        path = "/".join([f"x{digits[at : at + 3]}" for at in range(0, len(digits) - 3, 3)] + [digits[-3:]])
        suffix = "" if width == 256 else f".p/{width}"
        total += len(connection.get(f"/tile/entries/{path}{suffix}")) - 2 * width
    return total


def grow(node: Node, work: Workload, size: int) -> None:
    """Fill the log up to a size, in batches of 256."""
    while (missing := size - node.checkpoint()[0]) > 0:
        count = min(200, -(-missing // 256))
        batches = list(work.batches(count, records=256, head=node.checkpoint()))
        blast(node.address, requests_of(batches, batches_each=4), connections=4)
        say(f"  {node.checkpoint()[0]} of {size} entries, {node.rss_mb()} MB resident")


def run(args: argparse.Namespace, folder: str) -> dict[str, Any]:
    """The chosen parts, in order."""
    say("floors")
    result: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "seed": args.seed,
        "floors": floors.measure(folder),
    }
    if "log" in args.parts:
        result |= run_log(args, folder, floor=result["floors"]["ed25519_verify_2_threads_per_s"])
    if "money" in args.parts:
        result["money"] = run_money(args, folder)
    if "recorder" in args.parts:
        result["recorder"] = run_recorder(args, folder)
    if "lineage" in args.parts:
        result["lineage"] = run_lineage(args, folder)
    if "detect" in args.parts:
        result["detect"] = {"prints": detection.measure(args.seed), "index": detectionindex.measure(args.seed)}
        say("recall on real text")
        result["detect"]["recall"] = detectionrecall.measure(args.seed, args.pairs, args.texts)
    return result


def run_log(args: argparse.Namespace, folder: str, *, floor: float) -> dict[str, Any]:
    """What a log does that grows; `floor`: signatures a second that two threads verify."""
    result: dict[str, Any] = {}
    node = Node(os.path.join(folder, "node"))
    try:
        work = Workload(args.seed, ORIGIN)
        set_up(node, work)
        result["body_bytes"] = len(work.body())
        say("batches of 256")
        result["batches_of_256"] = throughput(
            node, work, records=args.records, per_batch=256, batches_each=1, connections=8, rounds=3
        )
        say("one signature each, 32 batches a request")
        singles = throughput(
            node, work, records=args.records // 8, per_batch=1, batches_each=32, connections=16, rounds=3
        )
        result["one_signature_each"] = {**singles, "ratio_to_2_thread_verify": round(singles["best_per_s"] / floor, 3)}
        say("single records at 100/s")
        result["single_record_answer"] = latency(node, work, seconds=args.latency_seconds)
        result["proof_check"] = proof_check(node)
        if args.grow:
            say(f"growing to {args.grow} entries")
            result["rss_mb_before_growth"] = node.rss_mb()
            grow(node, work, args.grow)
            result["rss_mb"] = node.rss_mb()
        say("audit")
        result["audit"] = audit(node)
        result["rss_mb_after_audit"] = node.rss_mb()
        say("backup beside single records, and restore")
        result["backup"] = backup.measure(node, work, seconds=args.latency_seconds)
        result["rss_mb_after_backup"] = node.rss_mb()
        result["size"] = node.checkpoint()[0]
        total = entry_bytes(node)
        node.stop()
        say("start, and size on disk")
        node.start()
        result["start_s"] = round(node.start_s, 2)
        result["rss_mb_after_start"] = node.rss_mb()
    finally:
        node.stop()
    result["disk"] = disk(node.folder, total)
    return result


def run_money(args: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What terms, accounts and statements cost, on a node of its own."""
    node = Node(os.path.join(folder, "money"))
    try:
        say("uses with and without terms, in turns")
        result: dict[str, Any] = {"ingest": money.ingest(node, args.seed, records=args.records // 2, rounds=4)}
        say("uses beside wrong statements")
        result["wrong_statements"] = money.wrong_statements(node, args.seed, records=args.records // 2)
    finally:
        node.stop()
    node = Node(os.path.join(folder, "account"))
    try:
        say("a long account")
        result["account"] = money.long_account(node, args.seed, lines=args.lines)
        say("audit")
        result["audit"] = audit(node)
    finally:
        node.stop()
    return result


def run_recorder(args: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What a record costs the program that logs it, beside a node of its own."""
    node = Node(os.path.join(folder, "recorder"))
    try:
        say("the library in a loop")
        return recorder.overhead(node, folder, records=min(20_000, args.records))
    finally:
        node.stop()


def run_lineage(args: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What lineage costs, on a node of its own, and an import into another."""
    node = Node(os.path.join(folder, "lineage"))
    try:
        say(f"a web of {args.assets} assets")
        halves = lineage.web(node, args.seed, assets=args.assets)
        say("ways through it")
        result: dict[str, Any] = {"paths": lineage.paths(node, halves, args.seed, questions=100)}
        say("a trace, drawn")
        result["drawing"] = lineage.drawing(node, halves)
    finally:
        node.stop()
    node = Node(os.path.join(folder, "import"))
    try:
        say("the real collection, twice")
        result["import"] = lineage.importing(node, folder)
    finally:
        node.stop()
    return result


def main() -> int:
    """Parse arguments, run, print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--records", type=int, default=102_400, help="records in each round (default %(default)s)")
    parser.add_argument("--latency-seconds", type=int, default=20, help="length of the latency run")
    parser.add_argument("--grow", type=int, default=0, metavar="N", help="grow the log to N entries first (1000000)")
    parser.add_argument("--lines", type=int, default=100_000, metavar="N", help="lines of the long account (1000000)")
    parser.add_argument("--assets", type=int, default=10_000, metavar="N", help="assets in the web (100000)")
    parser.add_argument("--pairs", type=int, default=1_000, metavar="N", help="pairs in each row of recall (1000)")
    parser.add_argument("--texts", metavar="FILE", help="JSON Lines of owner and text for recall and false matches")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="measure only these (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=".bench", help="where the temporary node is made: its disk is measured")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="run-", dir=args.folder)
    try:
        print(json.dumps(run(args, folder), indent=2))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
