"""What detection finds among real models' answers to the same prompts (`../shared/real/outputs`): five calibrate,
the others are looked at, each against each.

Of the five come the conventions: prints that three of them share in answers to one prompt. All 462 choices of five are
judged by the pairs that match without any convention, since leaving prints out makes no new matches; `look_at` is the
same for one choice, by detection itself.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from node.detect.calibrating import Entry, Material, read_material, shared_answers
from node.detect.calibration import boilerplate
from node.detect.matching import ANSWERS, MILLION, contains, match
from node.detect.postings import MemoryPostings
from node.detect.reading import Options
from node.detect.remarks import Remarks
from node.detect.winnow import Hashes

CALIBRATING = 5
CONVENTION = 3
"""Models of the five that share a print in answers to one prompt."""
ALIGNER, OPUS, CLAUDE = "aligner-2b_claude-3-opus-20240229", "claude-3-opus-20240229", "claude"
BUILT = frozenset((frozenset((ALIGNER, OPUS)), frozenset(("alpaca-7b", "text_davinci_003"))))
"""Models that were made from each other's answers, as is known: one rewrites the other's, one was trained on them."""
UNEXPECTED = frozenset((ALIGNER, CLAUDE))
"""Nothing says that they are related, but answers are equal (docs/calibration.md)."""

PairCounts = Counter[frozenset[str]]


def load(folder: Path) -> Material:
    """All answers, without the prints of their prompts; owners are the models."""
    paths = sorted(str(path) for path in folder.glob("*.jsonl.gz"))
    options = Options(columns=("output",), prompt="prompt")
    material = read_material(paths, options=options, owner_column=None, remarks=Remarks())
    return replace(material, owners=[Path(path).name.removesuffix(".jsonl.gz") for path in material.owners])


def comparable(material: Material) -> PairCounts:
    """Of each two models how many prompts both answered at length."""
    long: dict[str | None, set[str]] = {}
    for entry in material.entries:
        if entry.prints.length >= ANSWERS.length:
            long.setdefault(entry.prompt, set()).add(material.owners[entry.owner])
    return Counter(frozenset(pair) for models in long.values() for pair in combinations(sorted(models), 2))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found among the models that didn't calibrate. `findings`: of each two models; `pairs`: comparable ones;
    `first`: of each model that has findings, the one that most of its answers match."""

    five: tuple[str, ...]
    findings: PairCounts
    pairs: PairCounts
    first: dict[str, str]

    def unrelated(self, *, without: Iterable[frozenset[str]] = ()) -> tuple[int, int]:
        """Findings and pairs of models not built from each other, and not among those left out."""
        left_out = BUILT | set(without)
        pairs = {pair: count for pair, count in self.pairs.items() if pair not in left_out}
        return sum(self.findings[pair] for pair in pairs), sum(pairs.values())


def conventions(material: Material, five: Sequence[str]) -> Hashes:
    """What the five share, beside the package's boilerplate."""
    chosen = [entry for entry in material.entries if material.owners[entry.owner] in five]
    return np.union1d(boilerplate(), shared_answers(chosen, CONVENTION))


def look_at(material: Material, five: Sequence[str]) -> Outcome:
    """The others, each against each, as `usance detect` does it."""
    entries = [entry for entry in material.entries if material.owners[entry.owner] not in five]
    names = [material.owners[entry.owner] for entry in entries]
    postings = MemoryPostings((name, entry.prints) for name, entry in zip(names, entries, strict=True))
    found = match([entry.prints for entry in entries], postings, ANSWERS, boilerplate=conventions(material, five))
    matched = {(pair.item, pair.doc) for pair in found.pairs if names[pair.item] != names[pair.doc]}
    return _outcome(five, [(names[one], names[other]) for one, other in matched], comparable(material))


def _outcome(five: Sequence[str], matched: Iterable[tuple[str, str]], pairs: PairCounts) -> Outcome:
    """`matched`: the models of each item and what it matched, both ways."""
    counts = Counter(matched)
    first: dict[str, str] = {}
    for (model, other), count in sorted(counts.items()):
        if count > counts[model, first.get(model, "")]:
            first[model] = other
    findings = Counter({pair: sum(counts[way] for way in ((a, b), (b, a))) // 2
                        for pair in pairs for a, b in [sorted(pair)]})  # fmt: skip
    own = Counter({pair: count for pair, count in pairs.items() if not pair & set(five)})
    return Outcome(tuple(five), findings, own, first)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A pair that matches as long as few of its prints are conventions."""

    models: tuple[str, str]
    shared: Hashes
    smaller: int

    def holds(self, left_out: Hashes) -> bool:
        hits = int((~contains(left_out, self.shared)).sum())
        return hits >= ANSWERS.hits and hits * MILLION // self.smaller >= ANSWERS.containment


def candidates(material: Material) -> list[_Candidate]:
    """All pairs that match where nothing is a convention."""
    entries = material.entries
    postings = MemoryPostings((str(entry.owner), entry.prints) for entry in entries)
    pairs = match([entry.prints for entry in entries], postings, ANSWERS, owners_max=len(material.owners)).pairs
    return [_candidate(material, entries[pair.item], entries[pair.doc]) for pair in pairs
            if pair.item < pair.doc and entries[pair.item].owner != entries[pair.doc].owner]  # fmt: skip


def _candidate(material: Material, one: Entry, other: Entry) -> _Candidate:
    own, its = one.prints.distinct, other.prints.distinct
    names = (material.owners[one.owner], material.owners[other.owner])
    return _Candidate(names, np.intersect1d(own, its), min(len(own), len(its)))


def judge(
    material: Material, five: Sequence[str], found: Sequence[_Candidate], pairs: PairCounts
) -> Outcome:  # fmt: skip
    """As `look_at`, from the candidates."""
    left_out = conventions(material, five)
    matched = []
    for one in found:
        if not set(one.models) & set(five) and one.holds(left_out):
            matched += [one.models, one.models[::-1]]
    return _outcome(five, matched, pairs)


def all_choices(material: Material) -> dict[str, Any]:
    """Every choice of five: the rates of findings among unrelated models, in per cent of their comparable pairs, with
    and without the unexpected pair; and how often the aligner's first source is what it rewrites."""
    found, pairs = candidates(material), comparable(material)
    shares: dict[str, list[float]] = {"all": [], "without_unexpected": []}
    right = both = 0
    for five in combinations(sorted(material.owners), CALIBRATING):
        outcome = judge(material, five, found, pairs)
        for name, without in (("all", ()), ("without_unexpected", (UNEXPECTED,))):
            count, of = outcome.unrelated(without=without)
            shares[name].append(100 * count / of)
        if not {ALIGNER, OPUS} & set(five):
            both += 1
            right += outcome.first.get(ALIGNER) == OPUS
    return {
        "models": len(material.owners),
        "choices": comb(len(material.owners), CALIBRATING),
        "pairs": sum(pairs.values()),
        "matching_without_conventions": _by_name(Counter(frozenset(one.models) for one in found), pairs),
        **{name: _summary(values) for name, values in shares.items()},
        "first_source": {"choices": both, "right": right},
    }


def _by_name(counts: PairCounts, pairs: PairCounts) -> dict[str, str]:
    return {" and ".join(sorted(pair)): f"{count} of {pairs[pair]}" for pair, count in counts.most_common()}


def _summary(percent: Sequence[float]) -> dict[str, Any]:
    return {
        "median_percent": round(statistics.median(percent), 4),
        "max_percent": round(max(percent), 4),
        "choices_to_0.1_percent": sum(value <= 0.1 for value in percent),
    }
