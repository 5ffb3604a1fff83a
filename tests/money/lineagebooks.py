"""Lineage once more, naive: uses, earnings and edges found by going through the list of entries again."""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ledger.lineage import Target
from ledger.state import State
from ledger.trace import Asked, Trace, trace
from tests.money import naive
from tests.money.naive import Entry, Log


@dataclass
class Sums:
    """Uses as (use, status, party, made) -> [count, charge]; earned as (used, payer, currency) -> [lines, amount,
    credited]."""

    uses: dict[Target, dict[tuple[Any, ...], list[int]]] = field(default_factory=lambda: defaultdict(dict))
    earned: dict[int, dict[tuple[Any, ...], list[int]]] = field(default_factory=lambda: defaultdict(dict))


def _index(raw: bytes) -> int:
    return int.from_bytes(raw[:8], "big")


def target_of(raw: bytes | str) -> Target:
    """A material by a record's field."""
    return raw if isinstance(raw, str) else _index(raw)


def _add(rows: dict[tuple[Any, ...], list[int]], key: tuple[Any, ...], *amounts: int) -> None:
    rows[key] = [old + new for old, new in zip(rows.get(key, [0] * len(amounts)), amounts, strict=True)]


def sums(log: Log, since: int = 0) -> Sums:
    """What the uses from leaf `since` on came to."""
    found = Sums()
    for usage in naive.of_kind(log, "usage"):
        judged = naive.seen(log, usage)
        body = usage.body
        charge = judged.charge if judged.status in ("licensed", "part-priced") else 0
        target = target_of(body["asset"]) if judged.agreed is None or judged.asset is None else _index(judged.asset)
        if usage.index >= since:
            made = _index(body["into"]) if "into" in body else body.get("into_name")
            key = (body["use"], judged.status, usage.party, made)
            _add(found.uses[target], key, 1, charge)
        if charge:
            _add_earned(found, log, usage, judged, since)
    return found


def _add_earned(found: Sums, log: Log, usage: Entry, judged: naive.Judged, since: int) -> None:
    before = log[: usage.index]
    asset = naive.the(naive.find(before, judged.asset, "asset"))
    shares = naive.closure(before, naive.counted(asset.body))
    amounts = {ref: int(Fraction(judged.charge * bps, naive.WHOLE_BPS)) for ref, bps in shares.items()}
    amounts[asset.ref] = judged.charge - sum(amounts.values())
    currency = naive.currency_of(log, asset.ref)
    used = _index(asset.ref)
    for ref, amount in amounts.items():
        owner = naive.the(naive.find(before, ref, "asset")).party
        parts = naive.split(amount, owner, naive.fields_of_terms(naive.the(naive.newest_terms(before, ref))))
        parts.pop(usage.party, None)
        if usage.index >= since and (sum(parts.values()) or ref == asset.ref):
            _add(found.earned[_index(ref)], (used, usage.party, currency), 1, sum(parts.values()), 0)
    for payee in naive.usage_lines(log, usage)[0]:
        for leaf, amount in naive.base_after(log, usage, payee)[1]:
            if leaf >= since and amount:
                _add(found.earned[used], (used, usage.party, currency), 0, 0, amount)


def edges(log: Log) -> dict[tuple[Target, Target], set[tuple[int, str]]]:
    """(made, source) -> who says so, as (index of the record, relation)."""
    found: dict[tuple[Target, Target], set[tuple[int, str]]] = defaultdict(set)
    newest = {(entry.party, entry.body["name"]): entry for entry in naive.of_kind(log, "description")}
    for entry in [*naive.of_kind(log, "asset"), *newest.values()]:
        made: Target = entry.index if entry.kind == "asset" else entry.body["name"]
        for source in entry.body.get("sources", ()):
            found[made, target_of(source["asset"])].add((entry.index, source["as"]))
    return found


def materials(log: Log) -> list[Target]:
    """Every asset and every external name that a record speaks of."""
    found: dict[Target, None] = {}
    for entry in log:
        if entry.kind == "asset":
            found[entry.index] = None
        for name in [entry.body.get("name") if entry.kind == "description" else None, *entry.body.get("aka", ())]:
            if name is not None:
                found[name] = None
        for raw in [entry.body.get("asset"), *(source["asset"] for source in entry.body.get("sources", ()))]:
            if isinstance(raw, str):
                found[raw] = None
    return list(found)


def same(log: Log) -> dict[Target, set[Target]]:
    """Assets and the names that they claim as their party's newest, and the other way round."""
    found: dict[Target, set[Target]] = defaultdict(set)
    for entry in naive.of_kind(log, "asset"):
        if naive.is_withdrawn(log, entry.ref):
            continue
        for name in entry.body.get("aka", ()):
            newest = naive.claimants(log, name)[entry.party]
            found[newest.index].add(name)
            found[name].add(newest.index)
    return found


def packages(log: Log) -> set[tuple[Target, Target]]:
    """(version, package) where the package is described or claimed, and a record speaks of the version. Of the names in
    these tests, those with an at sign are versions."""
    known = {entry.body["name"] for entry in naive.of_kind(log, "description")}
    known |= {name for name in materials(log) if isinstance(name, str) and naive.claimants(log, name)}
    found: set[tuple[Target, Target]] = set()
    for name in materials(log):
        package, mark, _ = name.partition("@") if isinstance(name, str) else ("", "", "")
        if mark and package in known:
            found.add((name, package))
    return found


def spoken_of(log: Log) -> set[Target]:
    """Names that are used as such, described, claimed, or listed as sources."""
    newest = {(entry.party, entry.body["name"]): entry for entry in naive.of_kind(log, "description")}
    found: set[Target] = {entry.body["name"] for entry in newest.values()}
    found |= {name for name in materials(log) if isinstance(name, str) and naive.claimants(log, name)}
    for entry in [*naive.of_kind(log, "asset"), *naive.of_kind(log, "description")]:
        found |= {target_of(source["asset"]) for source in entry.body.get("sources", ())}
    for usage in naive.of_kind(log, "usage"):
        judged = naive.seen(log, usage)
        if judged.agreed is None:
            found.add(target_of(usage.body["asset"]))
    return found


def reached(log: Log, start: Target, *, up: bool) -> set[Target]:
    """Everything in one direction; what something was tested on leads one step, and no further."""
    every, twins, versions, spoken = edges(log), same(log), packages(log), spoken_of(log)
    found, waiting = {start}, [start]
    tests: set[Target] = set()
    while waiting:
        target = waiting.pop()
        steps = set(twins.get(target, ()))
        if up:
            steps |= {package for version, package in versions if version == target}
        else:
            steps |= {version for version, package in versions if package == target and version in spoken}
        for (made, source), said in every.items():
            here, there = (made, source) if up else (source, made)
            if here == target:
                relations = {relation for _, relation in said}
                if relations != {"evaluated_on"}:
                    steps.add(there)
                if "evaluated_on" in relations:
                    tests.add(there)
        waiting += steps - found
        found |= steps
    return found | tests


def compare(state: State, log: Log, *, since: int = 0) -> None:
    """Every material's trace against all this."""
    right, every = sums(log, since), edges(log)
    for target in materials(log):
        found = trace(state, Asked(target, since=since))
        assert not found.left_out
        _compare_materials(found, right)
        shown = {material.target for material in found.materials}
        assert shown == reached(log, target, up=True) | reached(log, target, up=False)
        links = {(link.made, link.source): link for link in found.links}
        drawn = {pair for pair in every.keys() | packages(log) if set(pair) <= shown}
        assert {pair for pair, link in links.items() if not link.is_claim} == drawn
        for pair, said in every.items():
            if pair in links:
                assert {index for index, _ in links[pair].said_by} == {index for index, _ in said}
                assert set(links[pair].relations) - {"version_of"} == {relation for _, relation in said}
                assert ("version_of" in links[pair].relations) == (pair in packages(log))


def _compare_materials(found: Trace, right: Sums) -> None:
    for material in found.materials:
        target = material.target
        uses = {(u.use, u.status, u.party, u.made): [u.uses, u.charge] for u in material.uses}
        assert uses == right.uses.get(target, {})
        if isinstance(target, int):
            earned = {
                (e.used, e.payer, e.currency): [e.amount, e.credited]
                for e in material.earned if e.amount or e.credited
            }  # fmt: skip
            expected = {key: row[1:] for key, row in right.earned.get(target, {}).items() if any(row[1:])}
            assert earned == expected
