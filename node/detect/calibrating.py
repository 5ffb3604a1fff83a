"""Measures how often a rule is wrong, on items that are known to be unrelated (docs/calibration.md).

Items of different owners are compared pair by pair; whatever matches is false. Two ways:

* documents: for each class of lengths a piece of each longer item is cut out, so that short classes are measured on the
  same material; where too few items are long enough, items of several owners are joined. Each pair counts once.
* answers: pairs of answers to the same prompt, at the lengths that they have.

Nothing helps that an index wouldn't have: no print is left out for being in many of the owners here, as it would be in
a large index; and boilerplate that is found in the material itself is used only for owners that it wasn't found in.
For that the owners are halved SPLITS times by chance: pairs within a half are measured with what the other half has.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from node.detect.calibration import LENGTHS, Rate
from node.detect.matching import MILLION, Pair, Rule, match
from node.detect.postings import MemoryPostings
from node.detect.prints import NO_HASHES, Item, Prints, print_item
from node.detect.reading import Options, Read, print_reads, read_items
from node.detect.remarks import NO_PROMPT, Remarks
from node.detect.text import normalise
from node.detect.winnow import Hashes, Winnower
from proofs.errors import InputError

ITEMS_MAX = 100_000
CHARS_MAX = 200_000_000
"""Of normal form, held in memory: about 500 MB with its prints."""
SPLITS = 4
"""So all but one pair in sixteen is within a half once."""
LONG_ITEMS_MIN = 100
"""Where fewer are long enough for a class, and joining makes more, joined ones are used."""
BATCH_PRINTS = 500_000
EXCERPT_BYTES = 100

NO_OWNER = "no owner in the column; left out"

Show = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the material. `form`: its normal form; `prompt`: what was asked."""

    owner: int
    form: str
    prints: Prints
    prompt: str | None = None


@dataclass(slots=True)
class Material:
    """Items and whose they are. `owners`: their names; an entry's `owner` is the place there."""

    owners: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    chars: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, owner: str, form: str, prints: Prints, prompt: str | None = None) -> None:
        """One more. Raises InputError where it is more than memory is meant to hold."""
        self.chars += len(form)
        if self.chars > CHARS_MAX or len(self.entries) >= ITEMS_MAX:
            raise InputError(
                "more material than is measured at once", field="GROUP",
                expected=f"at most {ITEMS_MAX:,} items of {CHARS_MAX:,} letters and digits: leave some out by chance",
            )  # fmt: skip
        if owner not in self._numbers:
            self._numbers[owner] = len(self.owners)
            self.owners.append(owner)
        self.entries.append(Entry(self._numbers[owner], form, prints, prompt))


@dataclass(frozen=True, slots=True)
class Worst:
    """A pair that matched. `low`: its class; `excerpt`: where the longest run begins, in normal form."""

    one: str
    other: str
    low: int
    hits: int
    contained: int
    run: int
    excerpt: str


@dataclass(slots=True)
class Measured:
    """What came of it. `worst`: pairs that matched, those with the longest runs first; `joined`: classes (their lower
    ends) measured on joined items."""

    rates: list[Rate] = field(default_factory=list)
    worst: list[Worst] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)


def read_material(
    groups: Sequence[str], *, options: Options, owner_column: str | None, remarks: Remarks, show: Show | None = None
) -> Material:
    """Each of `groups` (files, folders) is an owner; with `owner_column` the rows of each say whose they are.

    Raises FileError, InputError as `read_items`; for less than two owners; for more than is held in memory.
    """
    material = Material()
    winnower = Winnower()
    if owner_column is not None:
        # A second column of a row is read as prompts are; what an owner is called isn't taken from the texts.
        options = replace(options, prompt=owner_column)
    owners: dict[str, str] = {}  # of items that are read already and not yet printed

    def texts(group: str) -> Iterator[Read]:
        for read in read_items([group], options=options, remarks=remarks):
            if read.item.text is None:
                continue
            if owner_column is None:
                yield read
            elif read.prompt is None:
                remarks.note(NO_OWNER, read.item.name)
            else:
                owners[read.item.name] = read.prompt
                yield Read(read.item)

    for group in groups:
        for read, prints in print_reads(texts(group), remarks=remarks, winnower=winnower):
            form = normalise(read.item.text or "").decode()
            material.add(owners.pop(read.item.name, group), form, prints, read.prompt)
            if show is not None:
                show(len(material.entries), 0)
    if owner_column is not None:
        remarks.counts.pop(NO_PROMPT, None)  # said as NO_OWNER
        remarks.names.pop(NO_PROMPT, None)
    if len(material.owners) < 2:
        raise InputError(
            f"material of {len(material.owners)} owners", field="GROUP", expected="two at least: each GROUP is one, or "
            "--owner-column names them",
        )  # fmt: skip
    return material


def shared_by(entries: Iterable[Entry], owners_min: int) -> Hashes:
    """Prints that so many owners have, ascending."""
    by_owner = defaultdict(list)
    for entry in entries:
        by_owner[entry.owner].append(entry.prints.hashes)
    hashes, counts = np.unique(
        np.concatenate([NO_HASHES, *(np.unique(np.concatenate(own)) for own in by_owner.values())]),
        return_counts=True,
    )
    return hashes[counts >= owners_min]


def shared_answers(entries: Iterable[Entry], owners_min: int) -> Hashes:
    """Prints that so many owners' answers to one prompt have, ascending: how such a question is answered."""
    return np.unique(np.concatenate([NO_HASHES, *(shared_by(own, owners_min) for own in _by_prompt(entries).values())]))


def measure_answers(material: Material, rule: Rule, *, known: Hashes, worst_max: int, show: Show) -> Measured:
    """Compare answers to the same prompt. `known`: boilerplate."""
    tally = _Tally(rule, worst_max)
    entries = [entry for entry in material.entries if entry.prompt is not None and entry.prints.length >= rule.length]
    groups = _by_prompt(entries)
    for own in groups.values():
        lengths = sorted(own, key=lambda entry: entry.prints.length)
        seen: Counter[int] = Counter()
        characters: Counter[int] = Counter()
        for at, entry in enumerate(reversed(lengths)):  # every one before is as long or longer
            low = _class_of(entry.prints.length)
            tally.pairs[low] += at - seen[entry.owner]
            tally.note_longer(low, characters.total() - characters[entry.owner], at - seen[entry.owner])
            seen[entry.owner] += 1
            characters[entry.owner] += entry.prints.length
    postings = MemoryPostings((material.owners[entry.owner], entry.prints) for entry in entries)
    done = 0
    for start, batch in _batches(entries):
        for pair in match([entry.prints for entry in batch], postings, rule, boilerplate=known,
                          owners_max=len(material.owners)).pairs:  # fmt: skip
            one, other = batch[pair.item], entries[pair.doc]
            if start + pair.item < pair.doc and one.owner != other.owner and one.prompt == other.prompt:
                tally.add(_class_of(min(one.prints.length, other.prints.length)), pair, one, other.prints.name)
        done += len(batch)
        show(done, len(entries))
    return tally.measured()


def measure_documents(
    material: Material, rule: Rule, *, known: Hashes, owners_min: int | None, seed: int, worst_max: int, show: Show
) -> Measured:
    """Compare documents. `known`: boilerplate that is left out everywhere; `owners_min`: leave out, too, what so many
    owners of the other half share (None: nothing)."""
    chance = random.Random(seed)  # noqa: S311 - to be repeatable, not secret
    entries = [entry for entry in material.entries if entry.prints.length >= rule.length]
    chance.shuffle(entries)  # by chance, which of a pair is cut
    turns = [(0, 0)] if owners_min is None else [(split, half) for split in range(SPLITS) for half in (0, 1)]
    codes = [0 if owners_min is None else chance.getrandbits(SPLITS) for _ in material.owners]
    tally = _Tally(rule, worst_max)
    for low in LENGTHS:
        long = [entry for entry in entries if entry.prints.length >= low]
        if len(long) < LONG_ITEMS_MIN and len(_bundles(entries, low, random.Random(seed))) > len(long):  # noqa: S311
            tally.joined.append(low)
        else:
            tally.pairs[low] += count_pairs(long, codes)
            tally.note_longer(low, sum(entry.prints.length for entry in long), len(long))
    for done, (split, half) in enumerate(turns):
        own = [entry for entry in entries if (codes[entry.owner] >> split & 1) == half]
        left_out = known
        if owners_min is not None:
            other = [entry for entry in entries if (codes[entry.owner] >> split & 1) != half]
            left_out = np.union1d(known, shared_by(other, owners_min))
        for at, low in enumerate(LENGTHS):
            show(done * len(LENGTHS) + at, len(turns) * len(LENGTHS))
            if low in tally.joined:
                _measure_joined(own, low, tally, left_out, chance)
            else:
                _measure_pieces(own, low, tally, left_out, chance, (codes, split))
    return tally.measured()


def count_pairs(entries: Sequence[Entry], codes: Sequence[int]) -> int:
    """Pairs of different owners that are in one half at least once: whose codes aren't each other's complement."""
    owned = Counter(entry.owner for entry in entries)
    coded = Counter(codes[entry.owner] for entry in entries)
    never = sum(count * coded[code ^ (2**SPLITS - 1)] for code, count in coded.items()) // 2
    return math.comb(len(entries), 2) - sum(math.comb(count, 2) for count in owned.values()) - never


def _is_first(one: int, other: int, split: int) -> bool:
    """Whether two codes agree in this split for the first time."""
    agree = ~(one ^ other) & (2**SPLITS - 1)
    return agree & -agree == 1 << split


def _measure_pieces(
    own: Sequence[Entry], low: int, tally: _Tally, left_out: Hashes, chance: random.Random, turn: tuple[list[int], int]
) -> None:
    """Pieces of a half's items that fall into the class, against its items that are as long at least."""
    codes, split = turn
    long = [entry for entry in own if entry.prints.length >= low]
    pieces = list(cut_pieces(long, low, chance))
    postings = MemoryPostings((str(entry.owner), entry.prints) for entry in long)
    for start, batch in _batches(pieces):
        found = match([entry.prints for entry in batch], postings, tally.rule, boilerplate=left_out,
                      owners_max=len(codes)).pairs  # fmt: skip
        for pair in found:
            one, other = batch[pair.item], long[pair.doc]
            is_new = start + pair.item < pair.doc and one.owner != other.owner
            if is_new and _is_first(codes[one.owner], codes[other.owner], split):
                tally.add(low, pair, one, other.prints.name)


def cut_pieces(entries: Iterable[Entry], low: int, chance: random.Random) -> Iterator[Entry]:
    """Of each item a piece in the class that begins at `low`: all of one that falls into it, else as many characters
    as chance says, evenly over their logarithms, from anywhere in it."""
    winnower = Winnower()
    high = _high(low)
    for entry in entries:
        if high is None or len(entry.form) < high:
            yield entry
            continue
        size = min(int(low * (high / low) ** chance.random()), high - 1)
        at = chance.randrange(len(entry.form) - size + 1)
        form = entry.form[at : at + size]
        yield replace(entry, form=form, prints=print_item(Item(entry.prints.name, entry.prints.sha256, form), winnower))


def _measure_joined(own: Sequence[Entry], low: int, tally: _Tally, left_out: Hashes, chance: random.Random) -> None:
    """Items of several owners as one, of the class; no owner is in two of them."""
    joined = list(cut_pieces(_joined(_bundles(own, low, chance)), low, chance))
    tally.pairs[low] += math.comb(len(joined), 2)
    tally.note_longer(low, sum(entry.prints.length for entry in joined), len(joined))
    postings = MemoryPostings((str(entry.owner), entry.prints) for entry in joined)
    for start, batch in _batches(joined):
        found = match([entry.prints for entry in batch], postings, tally.rule, boilerplate=left_out,
                      owners_max=len(joined)).pairs  # fmt: skip
        for pair in found:
            if start + pair.item < pair.doc:
                tally.add(low, pair, batch[pair.item], joined[pair.doc].prints.name)


def _bundles(own: Sequence[Entry], low: int, chance: random.Random) -> list[list[Entry]]:
    """All items of some owners, by chance, that have `low` characters together."""
    by_owner = defaultdict(list)
    for entry in own:
        by_owner[entry.owner].append(entry)
    order = list(by_owner)
    chance.shuffle(order)
    bundles: list[list[Entry]] = []
    held: list[Entry] = []
    for owner in order:
        held += by_owner[owner]
        if sum(len(entry.form) for entry in held) >= low:
            bundles.append(held)
            held = []
    return bundles


def _joined(bundles: Iterable[list[Entry]]) -> Iterator[Entry]:
    winnower = Winnower()
    for number, held in enumerate(bundles):
        form = "".join(entry.form for entry in held)
        name = " + ".join(entry.prints.name for entry in held[:3]) + (" + …" if len(held) > 3 else "")
        yield Entry(number, form, print_item(Item(name, number.to_bytes(32, "big"), form), winnower))


class _Tally:
    """Counts by class (its lower end), and the worst pairs."""

    def __init__(self, rule: Rule, worst_max: int) -> None:
        self.rule = rule
        self.pairs: Counter[int] = Counter()
        self.false: Counter[int] = Counter()
        self.longer: dict[int, tuple[int, int]] = {}
        self.joined: list[int] = []
        self._worst_max = worst_max
        self._worst: list[tuple[int, int, Worst]] = []

    def add(self, low: int, pair: Pair, one: Entry, other: str) -> None:
        """A pair that matched."""
        self.false[low] += 1
        excerpt = one.form.encode()[pair.item_place : pair.item_place + min(pair.run, EXCERPT_BYTES)]
        contained = min(max(pair.of_item, pair.of_source), MILLION)
        worst = Worst(one.prints.name, other, low, pair.hits, contained, pair.run, excerpt.decode("utf-8", "ignore"))
        heapq.heappush(self._worst, (pair.run, -sum(self.false.values()), worst))
        if len(self._worst) > self._worst_max:
            heapq.heappop(self._worst)

    def note_longer(self, low: int, characters: int, count: int) -> None:
        """So many longer items of pairs, with so many characters together."""
        before = self.longer.get(low, (0, 0))
        self.longer[low] = (before[0] + characters, before[1] + count)

    def measured(self) -> Measured:
        """Classes that had pairs."""
        rates = [Rate(self.rule.name, low, _high(low), self.pairs[low], self.false[low],
                      self.longer[low][0] // self.longer[low][1])
                 for low in LENGTHS if self.pairs[low]]  # fmt: skip
        worst = [found for _, _, found in sorted(self._worst, key=lambda one: (-one[0], -one[1]))]
        return Measured(rates, worst, [low for low in self.joined if self.pairs[low]])


def _high(low: int) -> int | None:
    at = LENGTHS.index(low) + 1
    return LENGTHS[at] if at < len(LENGTHS) else None


def _class_of(length: int) -> int:
    return max(low for low in LENGTHS if low <= length)


def _by_prompt(entries: Iterable[Entry]) -> dict[str | None, list[Entry]]:
    found = defaultdict(list)
    for entry in entries:
        found[entry.prompt].append(entry)
    return found


def _batches(entries: Sequence[Entry]) -> Iterator[tuple[int, Sequence[Entry]]]:
    """Portions of so many prints, and where each begins."""
    begin = size = 0
    for at, entry in enumerate(entries, 1):
        size += len(entry.prints)
        if size >= BATCH_PRINTS or at == len(entries):
            yield begin, entries[begin:at]
            begin, size = at, 0
