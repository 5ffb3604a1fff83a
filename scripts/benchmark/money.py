"""What money costs: uses under terms beside uses without, a draft over a long account, the replay of it all.

Rates with and without terms are taken in turns over the same node, so that a noisy machine is noisy for both.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import Any

from proofs.entry import Batch, encode_request
from proofs.evidence import parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.jsonform import from_json
from proofs.policy import log_policy
from proofs.records import make_body
from proofs.ref import Ref
from scripts.benchmark.load import Connection, Flood, blast
from scripts.benchmark.node import Node, requests_of, say, set_up
from scripts.benchmark.workload import ASSETS, CURRENCY, DERIVED_EVERY, Workload

PAYER = 0
OWNER = 1


def _register(connection: Connection, node: Node, batches: list[Batch]) -> list[Ref]:
    """Send batches of one asset each; their references."""
    refs = []
    for result in connection.post(encode_request(batches)):
        record = connection.get_json(f"/records/{result['first_index']}")
        index, _, leaf = str(record["ref"]).partition(":")
        refs.append(Ref(int(index), bytes.fromhex(leaf)))
    return refs


def set_up_priced(node: Node, work: Workload) -> None:
    """Parties and 200 assets under terms; every fifth derived from one that is derived from another."""
    connection = Connection(node.address)
    for request in requests_of(list(work.parties(node.checkpoint())), batches_each=256):
        connection.post(request)
    derived = [place for place in range(ASSETS) if place % DERIVED_EVERY == DERIVED_EVERY - 1]

    def round_of(places: list[int], what: str, sources: dict[int, Ref]) -> dict[int, Ref]:
        head = node.checkpoint()
        made = [work.priced(p, name=f"{what} {p}", source=sources.get(p), head=head) for p in places]
        return dict(zip(places, _register(connection, node, made), strict=True))

    # The ancestors belong to parties that own nothing else, so that every share is a line of its own.
    bases = round_of([place + ASSETS for place in derived], "base", {})
    middles = round_of(
        [p + 2 * ASSETS for p in derived], "middle", {p + 2 * ASSETS: bases[p + ASSETS] for p in derived}
    )
    found = round_of(list(range(ASSETS)), "asset", {p: middles[p + 2 * ASSETS] for p in derived})
    work.set_assets([found[place] for place in range(ASSETS)])


def ingest(node: Node, seed: int, *, records: int, rounds: int) -> dict[str, Any]:
    """Records a second in batches of 256, without and with terms, in turns."""
    plain, priced = Workload(seed + 100, node.origin), Workload(seed + 200, node.origin)
    set_up(node, plain)
    set_up_priced(node, priced)
    rates: dict[str, list[int]] = {"without": [], "with": []}
    for turn in range(rounds + 1):
        for name, work in (("without", plain), ("with", priced)):
            batches = list(work.batches(records // 256, records=256, head=node.checkpoint()))
            took = blast(node.address, requests_of(batches, batches_each=1), connections=8)
            if turn:  # the first round warms the caches of both
                rates[name].append(round(len(batches) * 256 / took))
        if turn:
            say(f"  round {turn}: {rates['without'][-1]} without terms, {rates['with'][-1]} with")
    ratios = [with_ / without for with_, without in zip(rates["with"], rates["without"], strict=True)]
    return {
        "without_terms_per_s": rates["without"],
        "with_terms_per_s": rates["with"],
        "ratio_of_best": round(max(rates["with"]) / max(rates["without"]), 3),
        "ratio_median": round(statistics.median(ratios), 3),
    }


def long_account(node: Node, seed: int, *, lines: int) -> dict[str, Any]:
    """One payer, one priced asset derived two levels deep, `lines` uses: drafts, evidence, and the audit of it all."""
    work = Workload(seed + 300, node.origin)
    set_up_priced(node, work)
    connection = Connection(node.address)
    derived = DERIVED_EVERY - 1
    work.set_assets([work.reference(derived)] * ASSETS)
    done = 0
    while done < lines:
        count = min(100, -(-(lines - done) // 1024))
        batches = list(work.batches(count, records=1024, head=node.checkpoint(), only=PAYER))
        blast(node.address, requests_of(batches, batches_each=1), connections=1)
        done += count * 1024
        say(f"  {done} of {lines} lines, {node.rss_mb()} MB resident")
    payer, payee = work.public(PAYER), work.public(derived)
    path = f"/accounts/{payer.hex()}/{payee.hex()}/{CURRENCY}"
    times = []
    draft: dict[str, Any] = {}
    size = node.checkpoint()[0]
    for turn in range(41):
        # Another `to` each time, so that nothing is remembered from the one before.
        begin = time.perf_counter()
        draft = connection.get_json(f"{path}/draft?to={size - turn}")
        times.append((time.perf_counter() - begin) * 1000)
    times.sort()
    return {
        "lines": int(draft["statement"]["lines"]),
        "draft_ms": {"p50": round(times[len(times) // 2], 2), "max": round(times[-1], 2)},
        **_evidence(node, work, payer, last=size - 1),
        "rss_mb": node.rss_mb(),
    }


def _evidence(node: Node, work: Workload, payer: bytes, *, last: int) -> dict[str, Any]:
    """State and acknowledge all three accounts; then the evidence of uses all over them: made, and judged."""
    connection = Connection(node.address)
    places = {work.public(place): place for place in range(len(work.keys))}
    for account in connection.get_json(f"/accounts?party={payer.hex()}")["accounts"]:
        path = f"/accounts/{account['payer']}/{account['payee']}/{account['currency']}/draft"
        fields = from_json({"kind": "statement", "at": 1, **connection.get_json(path)["statement"]})
        (statement,) = _register(connection, node, [work.signed(PAYER, fields, node.checkpoint())])
        receipt = {"kind": "receipt", "at": 1, "statement": statement.pack(), "amount": fields["due"],
                   "method": "bench", "reference": "1"}  # fmt: skip
        owner = places[bytes.fromhex(account["payee"])]
        connection.post(encode_request([work.signed(owner, receipt, node.checkpoint())]))
    made, judged, largest = [], [], 0
    policy = log_policy(node.vkey)
    for turn in range(21):
        begin = time.perf_counter()
        data = connection.get(f"/evidence/{last - turn * (last // 40)}")
        made.append((time.perf_counter() - begin) * 1000)
        begin = time.perf_counter()
        verdict = check_evidence(parse_evidence(data), policy=policy)
        judged.append((time.perf_counter() - begin) * 1000)
        if verdict.result != "good":
            raise RuntimeError(f"the evidence is {verdict.result}")
        largest = max(largest, len(data))
    return {
        "evidence_make_ms": {"p50": round(statistics.median(made), 2), "max": round(max(made), 2)},
        "evidence_verify_ms": {"p50": round(statistics.median(judged), 2), "max": round(max(judged), 2)},
        "evidence_bytes_max": largest,
    }


def wrong_statements(node: Node, seed: int, *, records: int, per_s: int = 1_000) -> dict[str, Any]:
    """Uses a second in batches of 256, alone, and while a payer sends wrong statements, each signed, up to `per_s` a
    second; and while it sends as many nil reports that are refused without being looked into: what any request costs.
    """
    work, payer = Workload(seed + 400, node.origin), Workload(seed + 500, node.origin)
    set_up_priced(node, work)
    set_up_priced(node, payer)
    connection = Connection(node.address)
    payer.set_assets([payer.reference(OWNER)] * ASSETS)
    connection.post(encode_request(list(payer.batches(1, records=1024, head=node.checkpoint(), only=PAYER))))
    draft = f"/accounts/{payer.public(PAYER).hex()}/{payer.public(OWNER).hex()}/{CURRENCY}/draft"
    fields = from_json({"kind": "statement", "at": 1, **connection.get_json(draft)["statement"]})
    rates: dict[str, list[int]] = {"alone": [], "refused_unread": [], "wrong_statements": []}
    answered: dict[str, list[int]] = {"refused_unread": [], "wrong_statements": []}
    nil = make_body({"kind": "none", "at": 1, "from": 1, "until": 1})
    for turn in range(4):
        for name, found in rates.items():
            head = node.checkpoint()
            requests = requests_of(list(work.batches(records // 256, records=256, head=head)), batches_each=1)
            bodies, gap = [nil] * (per_s * 4), 1
            if name == "wrong_statements":
                # Another `to` each, so that nothing is remembered from the one before.
                bodies = [make_body({**fields, "to": 1 + at % head[0], "unpriced": 10**6}) for at in range(per_s * 4)]
                gap = 0
            sent = [encode_request([payer.unsent(PAYER, body, head, gap=gap)]) for body in bodies]
            flood = Flood(node.address, sent, per_s=per_s)
            with contextlib.nullcontext() if name == "alone" else flood.running():
                took = blast(node.address, requests, connections=8)
            if turn:  # the first round warms
                found.append(round(len(requests) * 256 / took))
                if name in answered:
                    answered[name].append(round(flood.answered / took))
        if turn:
            say("  round " + ", ".join(f"{found[-1]} {name}" for name, found in rates.items()))
    best = {name: max(found) for name, found in rates.items()}
    return {
        "per_s": rates,
        "answered_beside_per_s": answered,
        "ratio_to_alone": round(best["wrong_statements"] / best["alone"], 3),
        "ratio_to_refused_unread": round(best["wrong_statements"] / best["refused_unread"], 3),
    }
