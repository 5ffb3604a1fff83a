"""Looking: items against sources, in batches, and the best of what is found (docs/detect.md).

Memory is bounded by a batch of about a million prints and the findings kept: of each owner so many, best first, and of
all FINDINGS_MAX. The others are counted. What was expected of unrelated texts is added up pair by pair: each item with
each source (node/detect/chances.py).
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Protocol

import numpy as np

from node.detect import finding as found
from node.detect.calibration import Rate, Table
from node.detect.chances import UNASKED, Counted, Prompt, expected_of, expected_of_any, measured_length
from node.detect.finding import Finding, Named, OwnerFound, RateUsed, Registered, RuleUsed
from node.detect.matching import Matching, Pair, Rule, contains
from node.detect.passages import Side, find_matches, item_passage, longest_run, show_passages
from node.detect.postings import MemoryPostings, Postings, Source
from node.detect.prints import NO_HASHES, Prints
from node.detect.reading import Read, print_reads
from node.detect.remarks import REPEATED, Remarks
from node.detect.winnow import Hashes, Scheme, Winnower
from proofs.errors import InputError

BATCH_PRINTS = 1_000_000
BATCH_CHARS = 16 * 1024 * 1024
BATCH_ITEMS = 65_536
MEMORY_PRINTS_MAX = 20_000_000
"""Of sources held in memory, about 60 bytes each while they are taken in; more need an index."""
ITEM_PRINTS = 20
"""As many prints an item counts in memory, whatever it has: its name, its hash, its text."""
TEXTS_BYTES_MAX = 256 * 1024 * 1024
"""Of their texts, compressed, for the passages; of what is beyond, only the prints are kept."""
OWNER_TEXT = "owners beyond those that are listed"


@dataclass(frozen=True, slots=True)
class Looked:
    """An item with its prints. `text`: None where only prints were given, or where it is no text (`is_binary`);
    `prompt`: None where it answers none."""

    prints: Prints
    text: str | None
    is_binary: bool = False
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A source that matches an item. `pair.item`: its position in the batch; `copy`: the same SHA-256; `text`: what
    fetches the source's text, where it was kept."""

    pair: Pair
    source: Source
    copy: bool
    text: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Said:
    """What a log says of an owner: a title, its policy (on_match), and the record that its prints are registered by."""

    title: str | None = None
    policy: str | None = None
    registered: Registered | None = None


@dataclass
class Answer:
    """What came of a batch, item by item; hits may come once only, so that any number of them takes no memory.
    `left_out`: matches of one item beyond what a node tells."""

    hits: Iterable[Hit] = ()
    left_out: int = 0
    boilerplate: int = 0
    crowded: int = 0


class Sources(Protocol):
    """What is looked for."""

    @property
    def scheme(self) -> Scheme:
        """How its prints are made."""

    @property
    def boilerplate(self) -> Hashes:
        """Prints that count for nothing, ascending, where they are at hand."""

    @property
    def prompts(self) -> frozenset[Prompt | None] | None:
        """What they answer (None: that isn't known), where answers to different prompts aren't compared."""

    def against(self) -> found.Against:
        """What it is called, and how large it is."""

    def ask(self, items: Sequence[Looked], rule: Rule) -> Answer:
        """What matches these items, of which the too short ones are looked up for copies alone."""

    def classes(self, rates: Sequence[Rate], rule: Rule) -> Counted | None:
        """How many sources there are in each class of lengths; None where that isn't known."""

    def describe(self, owner: str, *, verified: bool) -> Said:
        """What is known of an owner that was found; `verified`: by its records, where there is a log."""


class LocalSources:
    """Sources whose postings are at hand: in memory, or an index on this machine."""

    def __init__(
        self, postings: Postings, against: found.Against, *, texts: Callable[[int], str | None],
        boilerplate: Hashes = NO_HASHES, prompts: Sequence[Prompt | None] | None = None,
    ) -> None:  # fmt: skip
        """`prompts`: what each source answers; answers to different prompts aren't compared then."""
        self.postings, self._against, self._texts, self._prompts = postings, against, texts, prompts
        self.boilerplate = boilerplate

    @property
    def scheme(self) -> Scheme:
        """See Sources."""
        return self.postings.scheme

    @property
    def prompts(self) -> frozenset[Prompt | None] | None:
        """See Sources."""
        return None if self._prompts is None else frozenset(self._prompts)

    def against(self) -> found.Against:
        """See Sources."""
        return self._against

    def ask(self, items: Sequence[Looked], rule: Rule) -> Answer:
        """See Sources."""
        matches = Matching([item.prints for item in items], self.postings, rule, boilerplate=self.boilerplate)
        hits = self._hits(items, matches, rule)
        return Answer(hits, boilerplate=matches.boilerplate, crowded=matches.crowded)

    def _hits(self, items: Sequence[Looked], matches: Matching, rule: Rule) -> Iterator[Hit]:
        """Matches, and copies that are none by their prints: too few of them, or all left out."""
        copies: dict[int, list[int]] = {}
        for at, item in enumerate(items):
            is_asked = item.prompt is not None and len(item.prints) < rule.hits  # an answer that says what was asked
            if item.is_binary or (item.prints.length >= rule.length and not is_asked):
                copies[at] = self.postings.copies(item.prints.sha256)
        for pair in matches.pairs():
            item = items[pair.item]
            if self._is_other_answer(item, pair.doc):
                continue
            source = self.postings.source(pair.doc)
            copy = source.sha256 == item.prints.sha256
            if copy and pair.doc in copies.get(pair.item, ()):
                copies[pair.item] = [doc for doc in copies[pair.item] if doc != pair.doc]
            yield self._hit(pair, source, copy=copy)
        for at, docs in copies.items():
            item = items[at]
            for doc in docs:
                source = self.postings.source(doc)
                if source.length == item.prints.length and not self._is_other_answer(item, doc):
                    hits = len(item.prints.distinct)
                    yield self._hit(Pair(at, doc, hits, found.PPM, found.PPM, 0, 0, 0), source, copy=True)

    def _is_other_answer(self, item: Looked, doc: int) -> bool:
        """Whether they are known to answer different prompts."""
        asked = None if self._prompts is None else self._prompts[doc]
        return asked is not None and item.prompt is not None and asked != item.prompt

    def _hit(self, pair: Pair, source: Source, *, copy: bool) -> Hit:
        return Hit(pair, source, copy, text=lambda: self._texts(pair.doc))

    def classes(self, rates: Sequence[Rate], rule: Rule) -> Counted:
        """See Sources."""
        counted = Counted(rates)
        lengths = self.postings.lengths(self.postings.docs())[0]
        if self._prompts is not None:
            for prompt, length in zip(self._prompts, lengths.tolist(), strict=True):
                if length >= rule.length:
                    counted.add(length, prompt)
            return counted
        values, counts = np.unique(lengths[lengths >= rule.length], return_counts=True)
        for length, count in zip(values.tolist(), counts.tolist(), strict=True):
            counted.add(length, times=count)
        return counted

    def describe(self, owner: str, *, verified: bool) -> Said:
        """See Sources."""
        return Said()


def read_looked(reads: Iterable[Read], *, remarks: Remarks, winnower: Winnower) -> Iterator[Looked]:
    """Items with their prints and texts."""
    for read, prints in print_reads(reads, remarks=remarks, winnower=winnower):
        prompt = None if read.prompt is None else sha256(read.prompt.encode()).digest()[:16]
        yield Looked(prints, read.item.text, read.item.text is None, prompt)


def hold(
    owners: Iterable[tuple[str, Iterator[Looked]]], scheme: Scheme, name: str, *, boilerplate: Hashes, prompts: bool
) -> LocalSources:
    """Sources in memory, each owner with its items. Raises InputError for more than MEMORY_PRINTS_MAX prints."""
    texts: list[bytes | None] = []
    asked: list[Prompt | None] = []
    names: set[str] = set()
    size = total = 0

    def items() -> Iterator[tuple[str, Prints]]:
        nonlocal size, total
        for owner, looked in owners:
            names.add(owner)
            for one in looked:
                total += len(one.prints) + ITEM_PRINTS
                if total > MEMORY_PRINTS_MAX:
                    raise InputError(
                        f"more to look for than memory is for: over {MEMORY_PRINTS_MAX:,} prints, an item counting "
                        f"{ITEM_PRINTS}", field="--against",
                        expected="an index: `usance detect index` makes one, for any number",
                    )  # fmt: skip
                packed = None
                if one.text is not None and size < TEXTS_BYTES_MAX:
                    packed = zlib.compress(one.text.encode(), 1)
                    size += len(packed)
                texts.append(packed)
                asked.append(one.prompt)
                yield owner, one.prints

    postings = MemoryPostings(items(), scheme)

    def text(doc: int) -> str | None:
        packed = texts[doc]
        return None if packed is None else zlib.decompress(packed).decode()

    against = found.Against("paths", name, len(names), len(texts))
    return LocalSources(
        postings, against, texts=text, boilerplate=boilerplate,
        prompts=asked if prompts else None,
    )  # fmt: skip


@dataclass
class _OwnerKept:
    """What is known of an owner so far. `best`: a heap, the worst first, of (rank, serial, finding)."""

    items: int = 0
    characters: int = 0
    run: int = 0
    matches: int = 0
    best: list[tuple[tuple[int, ...], int, Finding]] = field(default_factory=list)


class Looker:
    """Takes items, and says in the end what was found."""

    def __init__(self, sources: Sources, rule: Rule, table: Table, *, most: int) -> None:
        """`most`: findings kept of one owner."""
        self._sources, self._rule, self._table, self._most = sources, rule, table, most
        self._used = RuleUsed(rule.name, rule.hits, rule.run, rule.containment, rule.length)
        self._winnower = Winnower(sources.scheme)
        self._rates = [rate for rate in table.rates if rate.rule == rule.name] if table.scheme == sources.scheme else []
        self._counted = Counted(self._rates)
        self._prompts = sources.prompts
        self._owners: dict[str, _OwnerKept] = {}
        self._batch: list[Looked] = []
        self._batch_prints = self._batch_chars = self._kept = self._serial = 0
        self.items = self.characters = self.prints = self.too_short = self.not_text = 0
        self.boilerplate = self.crowded = self.matches = 0

    def add(self, item: Looked) -> None:
        """Look at one more, sooner or later."""
        self.items += 1
        self.characters += item.prints.length
        self.prints += len(item.prints)
        if item.is_binary:
            self.not_text += 1
        elif item.prints.length < self._rule.length:
            self.too_short += 1
            return
        elif self._prompts is None:
            self._counted.add(measured_length(item.prints, self._sources.scheme))
        elif item.prompt is None or item.prompt in self._prompts:
            self._counted.add(measured_length(item.prints, self._sources.scheme), item.prompt)
        elif None in self._prompts:  # with others nothing is compared
            self._counted.add(item.prints.length, UNASKED)
        self._batch.append(item)
        self._batch_prints += len(item.prints)
        self._batch_chars += len(item.text or "")
        if self._batch_prints >= BATCH_PRINTS or self._batch_chars >= BATCH_CHARS or len(self._batch) >= BATCH_ITEMS:
            self._look()

    def _look(self) -> None:
        items, self._batch = self._batch, []
        self._batch_prints = self._batch_chars = 0
        if not items:
            return
        answer = self._sources.ask(items, self._rule)
        self.boilerplate += answer.boilerplate
        self.crowded += answer.crowded
        self.matches += answer.left_out
        sides: dict[int, Side] = {}
        taken: dict[tuple[int, str], int] = {}
        for hit in answer.hits:
            item = items[hit.pair.item]
            owner = self._owners.get(hit.source.owner) or _OwnerKept()
            if not self._keep(owner, hit, item, sides):
                continue
            self._owners[hit.source.owner] = owner
            key, size = (hit.pair.item, hit.source.owner), item.prints.length * hit.pair.of_item // found.PPM
            if key not in taken:
                owner.items += 1
            owner.characters += max(0, size - taken.get(key, 0))
            taken[key] = max(size, taken.get(key, 0))
            owner.matches += 1
            owner.run = max(owner.run, hit.pair.run if not hit.copy else item.prints.length)
            self.matches += 1
            if self._kept > 2 * found.FINDINGS_MAX:
                self._prune()

    def _keep(self, owner: _OwnerKept, hit: Hit, item: Looked, sides: dict[int, Side]) -> bool:
        """Keep it if it is one of the best; False for what both texts show to be no match."""
        rank = (int(hit.copy), int(hit.pair.run >= found.LONG_RUN), hit.pair.run, hit.pair.hits)
        if len(owner.best) >= self._most and rank <= owner.best[0][0]:
            return True
        if hit.pair.item not in sides:  # hits come item by item
            sides.clear()
            if item.text is not None:
                sides[hit.pair.item] = Side(item.text)
        finding = self._finding(hit, item, sides.get(hit.pair.item))
        if finding.score < finding.threshold:
            return False
        owner.run = max(owner.run, finding.run)
        self._serial += 1
        row = (rank, -self._serial, finding)
        if len(owner.best) >= self._most:
            heapq.heapreplace(owner.best, row)
        else:
            heapq.heappush(owner.best, row)
            self._kept += 1
        return True

    def _prune(self) -> None:
        """Back to FINDINGS_MAX: of every owner the best one first, then the second of each, and so on."""
        rows = []
        for owner in self._owners.values():
            for at, row in enumerate(sorted(owner.best, reverse=True)):
                rows.append((at, [-part for part in row[0]], -row[1], owner, row))
            owner.best = []
        rows.sort(key=lambda row: row[:3])
        for *_, owner, row in rows[: found.FINDINGS_MAX]:
            owner.best.append(row)
        for owner in self._owners.values():
            heapq.heapify(owner.best)
        self._kept = min(len(rows), found.FINDINGS_MAX)

    def _finding(self, hit: Hit, item: Looked, side: Side | None) -> Finding:
        pair, source, is_text = hit.pair, hit.source, not item.is_binary
        length = min(item.prints.length, source.length)
        containment = max(pair.of_item, pair.of_source)
        run, is_exact, passages = self._run(hit, item, side)
        word, score, threshold = found.judge(
            run=run, containment=containment, copy=hit.copy, rule=self._used, text=is_text
        )
        is_measured = is_text and measured_length(item.prints, self._sources.scheme) > 0
        at = self._counted.class_of(length) if is_measured else None
        said = found.say(
            run=run, containment=containment, copy=hit.copy, rule_name=self._rule.name, text=is_text, exact=is_exact
        )
        return Finding(
            number=0, owner=source.owner, item=_named(item.prints.name, item.prints.sha256, item.prints.length),
            source=_named(source.name, source.sha256, source.length), hits=pair.hits, of_item=pair.of_item,
            of_source=pair.of_source, run=run, copy=hit.copy, length=length,
            rate=None if at is None else _rate(self._rates[at], max(item.prints.length, source.length)),
            method=f"{self._sources.scheme}; {self._rule.name}; {word}", score=score, threshold=threshold,
            rung=found.rung_of(run=run, copy=hit.copy), proves=said, registered=None,
            policy=None, passages=passages,
        )  # fmt: skip

    def _run(self, hit: Hit, item: Looked, side: Side | None) -> tuple[int, bool, tuple[found.Passage, ...]]:
        """The longest run, whether it is exact, and passages. Prints alone tell it but for what no print covers; a copy
        has all of it, which is as many bytes as characters at least."""
        pair, scheme = hit.pair, self._sources.scheme
        run = max(pair.run, item.prints.length) if hit.copy else pair.run
        if side is None:
            return run, hit.copy, ()
        text = hit.text()
        if text is None:
            run = len(side.form) if hit.copy else run
            return run, hit.copy, item_passage(side, pair.item_place, run)
        source = Side(text)
        matches, theirs = find_matches(side, source, self._winnower)
        passages = show_passages(matches, side, source)
        if hit.copy:
            return len(side.form), True, passages
        hashes = item.prints.hashes
        counts = contains(theirs, hashes) & ~contains(self._sources.boilerplate, hashes)
        places = item.prints.places[counts].astype(np.int64)
        hits = (pair.item_place, pair.source_place)
        run = longest_run(matches, side, source, places=places, hit=hits, gram=scheme.gram)
        return run, True, passages

    def finish(self, remarks: Remarks, *, made: int, others: Remarks | None = None) -> found.Findings:
        """Look at what is left; everything that was found. `remarks`: of what was looked at; `others`: of what it was
        looked for in."""
        self._look()
        self._prune()
        order = sorted(self._owners.items(), key=lambda pair: (-pair[1].items, -pair[1].characters, pair[0]))
        listed = order[: found.OWNERS_MAX]
        rows = sorted((_by_run(row) for _, owner in listed for row in owner.best), reverse=True)
        numbers: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            numbers.setdefault(row[2].owner, []).append(number)
        whose = {name: self._sources.describe(name, verified=name in numbers) for name, _ in listed}
        findings = tuple(_bounded(_with(row[2], whose[row[2].owner], number) for number, row in enumerate(rows)))
        owners = tuple(
            OwnerFound(name, whose[name].title, kept.items, kept.characters, kept.run, kept.matches,
                       tuple(numbers.get(name, ())), whose[name].policy)
            for name, kept in listed
        )  # fmt: skip
        said = _remarks(remarks, "") + _remarks(others, " (of what was looked for)")
        if len(order) > len(listed):
            said += (found.Remark(OWNER_TEXT, len(order) - len(listed), ()),)
        return found.Findings(
            made, str(self._sources.scheme), self._used, self._sources.against(),
            found.Measured(self._table.name, self._table.sha256.hex()), self._looked_at(remarks, said),
            owners, findings,
        )  # fmt: skip

    def _looked_at(self, remarks: Remarks, said: tuple[found.Remark, ...]) -> found.LookedAt:
        sources = self._sources.classes(self._rates, self._rule)
        if sources is None:
            pairs, expected, upper = expected_of_any(self._counted, self._sources.against().items)
        else:
            pairs, expected, upper = expected_of(self._counted, sources)
        return found.LookedAt(
            self.items, self.characters, self.prints, self.too_short, self.not_text, remarks.counts[REPEATED],
            self.boilerplate, self.crowded, pairs, self.matches, expected, upper, said,
        )  # fmt: skip


def _named(name: str, digest: bytes, length: int) -> Named:
    return Named(cut_name(name), digest.hex(), length)


def cut_name(name: str) -> str:
    """At most NAME_CHARS_MAX characters of it."""
    return name if len(name) <= found.NAME_CHARS_MAX else name[: found.NAME_CHARS_MAX - 1] + "…"


def _by_run(row: tuple[tuple[int, ...], int, Finding]) -> tuple[tuple[int, ...], int, Finding]:
    """Ranked by the run that its finding states, which may be longer than prints tell."""
    one = row[2]
    return (int(one.copy), int(one.run >= found.LONG_RUN), one.run, one.hits), row[1], one


def _with(one: Finding, said: Said, number: int) -> Finding:
    return replace(one, number=number, policy=said.policy, registered=said.registered)


def _bounded(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without passages after TEXT_CHARS_MAX."""
    total = 0
    for one in findings:
        total += sum(len(part) for passage in one.passages for part in (*passage.item, *(passage.source or ())))
        yield one if total <= found.TEXT_CHARS_MAX else replace(one, passages=())


def _rate(rate: Rate, longer: int) -> RateUsed:
    times = rate.stretches(longer)
    observed, upper = (min(found.PPM, ppm * times) for ppm in (rate.ppm, rate.upper_ppm))
    return RateUsed(observed, upper, rate.pairs, rate.low, rate.high, times)


def _remarks(remarks: Remarks | None, of: str) -> tuple[found.Remark, ...]:
    rows: list[dict[str, Any]] = [] if remarks is None else remarks.value()
    return tuple(
        found.Remark(
            row["reason"] + of, row["count"],
            tuple(cut_name(name) for name in row["names"][: found.REMARK_NAMES_MAX]),
        )
        for row in rows[: found.REMARKS_MAX // 2 - 1]
    )  # fmt: skip
