"""A trace: the lineage of one material, up and down, with what its uses came to (docs/spec.md, "Lineage").

Every figure is a sum that the log's rules make of its entries; every edge has those who say so. A trace is bounded in
materials, edges and rows, and says what it left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from ledger import keys, sumlist
from ledger.disputes import dispute_state
from ledger.findings import finding_row
from ledger.lineage import (
    Target,
    descriptions,
    disputes_of,
    findings_of,
    pack_material,
    said_of,
    sources_in,
    split_material,
)
from ledger.postings import CREDITED, EARNED, NOT_KEPT, USES
from ledger.state import STATUS_NAMES, State
from ledger.stored import party_of
from ledger.walk import TooFarError, find_path, is_material, made_from, package_of, same_as, sources_of, walk
from proofs import codec
from proofs.errors import InputError
from proofs.fields import USES as USE_NAMES

MATERIALS_MAX = 5_000
EDGES_MAX = 250_000
"""Edges that one trace looks at."""
DEPTH_MAX = 1_000
LISTS_MAX = 40_000
"""Sums that one trace reads."""
LISTS_MATERIAL_MAX = 10_000
"""Of one material."""
DISPUTES_MAX = 32
FINDINGS_MAX = 32
"""Of one material; each is read."""
FINDINGS_PARTY_MAX = 4
"""Of one party and kind about one material: nobody crowds out another's."""
FINDING_ROWS_MAX = 20_000
"""That one trace looks at."""
AUTHORS_MAX = 64
"""Of one name, whose descriptions are shown: the first by their keys."""
SAYINGS_MAX = 20_000
"""Records, of all materials of a trace, that say what was made from what."""
RECORD_BYTES_MAX = 64 * 1024 * 1024
"""Of these, read for their sources."""
EVALUATED_ON = "evaluated_on"

UP, DOWN, BOTH = "up", "down", "both"
VERSION_OF = "version_of"
"""The one relation that no record states."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. `depth`: 1 … DEPTH_MAX steps; `since`: the first leaf whose uses and money count; `most`: materials,
    1 … MATERIALS_MAX; `party`: only ways up to what this party owns; `to`: only one way up to this material."""

    root: Target
    direction: str = BOTH
    depth: int = DEPTH_MAX
    since: int = 0
    most: int = 500
    party: bytes | None = None
    to: Target | None = None


@dataclass(frozen=True, slots=True)
class UseSum:
    """Uses of a material by one party. `made`: what they say they went into: an asset, or a name that the party gave
    it; `charge`: nanos."""

    use: str
    status: str
    party: bytes
    made: Target | None
    uses: int
    charge: int


@dataclass(frozen=True, slots=True)
class EarnedSum:
    """What reached the payees of an asset, other than the payer, for uses of another or of itself, before credits.

    `used`: the asset that was used; `lines`: charges; `amount`, `credited`: nanos. What was credited is known for the
    used asset as a whole only, so it stands at the asset's own uses, and is what all its payees took back."""

    used: int
    payer: bytes
    currency: str
    lines: int
    amount: int
    credited: int = 0


@dataclass(slots=True)
class Material:
    """A material of a trace. `level`: steps from the root, negative upwards. `described`: (author, index). `disputes`:
    (index, target, state). `findings`: (index, kind) of canaries and of claims that stand, the newest of each party;
    `findings_left_out`: how many more, -1 where they weren't counted; `findings_withdrawn`: claims taken back. None of
    that is lineage: whoever logs a thousand claims makes no trace incomplete."""

    target: Target
    level: int
    described: list[tuple[bytes, int]] = field(default_factory=list)
    claimed_by: list[int] = field(default_factory=list)
    uses: list[UseSum] = field(default_factory=list)
    earned: list[EarnedSum] = field(default_factory=list)
    disputes: list[tuple[int, int, str]] = field(default_factory=list)
    findings: list[tuple[int, str]] = field(default_factory=list)
    findings_left_out: int = 0
    findings_withdrawn: int = 0


@dataclass(slots=True)
class Link:
    """An edge of a trace. `said_by`: (index of the record, its author). `relations`: of records, and VERSION_OF where
    `made` is by its name a version of the package `source`; `is_claim`: `made` is a name, and `source` an asset that
    claims it."""

    made: Target
    source: Target
    relations: list[str]
    bps: int
    said_by: list[tuple[int, bytes]]
    is_claim: bool = False
    uses: list[UseSum] = field(default_factory=list)
    earned: list[EarnedSum] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """The answer. `left_out`: in words, nothing where it is whole; `path`: the way that was asked for, None where none
    leads there."""

    asked: Asked
    materials: list[Material]
    links: list[Link]
    left_out: list[str]
    path: list[Target] | None = None


@dataclass(slots=True)
class _Side:
    """What was reached in one direction. `is_full`: there was no room for more; `is_deep`: there is more beyond the
    depth that was asked for; `lacks_tests`: more was evaluated on what."""

    levels: dict[Target, int]
    is_whole: bool
    is_full: bool
    is_deep: bool
    lacks_tests: bool = False


class Tracer:
    """Makes one trace of a state. Owner: whoever asks."""

    def __init__(self, state: State, asked: Asked) -> None:
        """Raises InputError for figures out of range and a root that is no material."""
        for name, value, high in (("depth", asked.depth, DEPTH_MAX), ("limit", asked.most, MATERIALS_MAX)):
            if not 1 <= value <= high:
                raise InputError(f"{name} {value}", field=name, expected=f"1 to {high}")
        for name, target in (("material", asked.root), ("to", asked.to)):
            if target is not None and not is_material(state, target):
                raise InputError(f"entry {target} is no asset", field=name, expected="an asset, or an external name")
        self._state, self._asked = state, asked
        self._lists = LISTS_MAX
        self._finding_rows = FINDING_ROWS_MAX
        self._left_out: dict[str, None] = {}
        self._are_sums_cut = False
        self._said: dict[Target, list[tuple[int, bytes]]] = {}
        self._speakers = SAYINGS_MAX
        self._listed: dict[int, dict[Target, tuple[list[str], int]]] = {}
        self._bytes = RECORD_BYTES_MAX

    def trace(self) -> Trace:
        """The whole of it. Raises TooFarError where a way is asked for and there is too much to search, or to show."""
        path = None if self._asked.to is None else find_path(self._state, self._asked.root, self._asked.to)
        if path is not None and len(path) > MATERIALS_MAX:
            expected = f"one about materials that are nearer to each other: at most {MATERIALS_MAX} are shown"
            raise TooFarError(f"the way that was found is over {len(path)} materials", field="to", expected=expected)
        levels = self._levels() if self._asked.to is None else _along(path or [self._asked.root])
        materials = [self._material(target, level) for target, level in levels.items()]
        links = self._links(levels)
        self._share_out(materials, links)
        return Trace(self._asked, materials, links, list(self._left_out), path)

    def _levels(self) -> dict[Target, int]:
        asked = self._asked
        if asked.party is not None:
            return self._ways_to(asked.party)
        levels: dict[Target, int] = {asked.root: 0}
        sides = self._sides(asked.direction)
        is_shared = len(sides) == 2 and all(len(side.levels) > 1 for side in sides.values())
        for direction, side in sides.items():
            self._note_whole(side, direction, is_shared=is_shared)
            for target, level in side.levels.items():
                levels.setdefault(target, -level if direction == UP else level)
        return levels

    def _sides(self, direction: str) -> dict[str, _Side]:
        """What was reached in each direction. Half of the room is each one's own, or a wide one would leave nothing for
        the other; what one has no use for is the other's."""
        most = self._asked.most
        if direction != BOTH:
            return {direction: self._side(direction, most)}
        up = self._side(UP, most - (most - 1) // 2)
        down = self._side(DOWN, most + 1 - len(up.levels))
        if up.is_full and len(up.levels) + len(down.levels) - 1 < most:
            up = self._side(UP, most + 1 - len(down.levels))
        return {UP: up, DOWN: down}

    def _side(self, direction: str, room: int) -> _Side:
        """One direction, in at most `room` materials with the root."""
        asked = self._asked
        step = sources_of if direction == UP else made_from
        found = walk(self._state, asked.root, step, depth=asked.depth, materials_max=room, edges_max=EDGES_MAX)
        is_full = not found.is_whole and len(found.levels) >= room
        is_deep = not found.is_whole and not is_full and max(found.levels.values()) >= asked.depth
        side = _Side(found.levels, found.is_whole, is_full, is_deep)
        self._add_tests(side, self._tested_on if direction == UP else self._tested, room)
        return side

    def _add_tests(self, side: _Side, tests: Callable[[Target], Iterator[Target | None]], room: int) -> None:
        """What these were tested on, or what was tested on them: one step, and no further. None of them counts as a
        look."""
        left = EDGES_MAX
        for target, level in list(side.levels.items()):
            for other in tests(target) if level < self._asked.depth else ():
                left -= 1
                if other is not None and other not in side.levels and len(side.levels) == room:
                    side.is_full = side.lacks_tests = True
                    return
                if left < 0:
                    side.lacks_tests = True
                    return
                if other is not None:
                    side.levels.setdefault(other, level + 1)

    def _note_whole(self, side: _Side, direction: str, *, is_shared: bool) -> None:
        """Say what is missing of one direction, and what shows it. `is_shared`: the other one takes some of the
        room."""
        if side.is_whole and not side.lacks_tests:
            return
        asked = self._asked
        advice = "a trace of one of these goes on from there"
        if side.is_full and asked.most < MATERIALS_MAX:
            advice = "a larger limit shows more"
        elif side.is_full and is_shared:
            advice = "one direction alone (--up, --down) shows more"
        elif side.is_deep and asked.depth < DEPTH_MAX:
            advice = "a larger depth shows more"
        if not side.is_whole:
            what = "what it was made from" if direction == UP else "what was made from it"
            self._left_out[f"more of {what}: {len(side.levels) - 1:,} shown, {advice}"] = None
        if side.lacks_tests:
            self._left_out[f"more of what was evaluated on what: {advice}"] = None

    def _ways_to(self, party: bytes) -> dict[Target, int]:
        """What lies on one short way to each asset of the party that stands behind the root."""
        asked, state = self._asked, self._state
        found = walk(state, asked.root, sources_of, depth=asked.depth, materials_max=EDGES_MAX, edges_max=EDGES_MAX)
        if not found.is_whole:
            self._left_out[f"what lies farther than {len(found.levels)} materials up"] = None
        levels: dict[Target, int] = {asked.root: 0}
        for target in found.levels:
            row = state.asset(target) if isinstance(target, int) else None
            if row is None or row.party != party:
                continue
            way: list[Target] = []
            at: Target = target
            while at not in levels:
                way.append(at)
                at = found.before[at]
            if len(levels) + len(way) > asked.most:
                self._left_out["more of the party's assets"] = None
                break
            levels.update((one, -found.levels[one]) for one in way)
        return dict(sorted(levels.items(), key=lambda item: -item[1]))  # the nearest first

    def _tested_on(self, target: Target) -> Iterator[Target | None]:
        for index, _ in self._sayings(target):
            for source, (relations, _) in self._sources(index).items():
                yield source if EVALUATED_ON in relations else None

    def _tested(self, target: Target) -> Iterator[Target | None]:
        for said in said_of(self._state, target):
            yield None if said is None or EVALUATED_ON not in said.relations else said.made

    def _sayings(self, target: Target) -> list[tuple[int, bytes]]:
        """(index, author) of the records that say what a material was made from."""
        state = self._state
        if isinstance(target, int):
            row = state.asset(target)
            return [] if row is None else [(target, row.party)]
        found = self._said.get(target)
        if found is None:
            most = min(AUTHORS_MAX, self._speakers)
            found = [(index, author) for author, index in islice(descriptions(state, target), most + 1)]
            if len(found) > most:
                self._left_out[f"what others than {AUTHORS_MAX} parties say of a name"] = None
            found = self._said[target] = found[:most]
            self._speakers -= len(found)
        return found

    def _sources(self, index: int) -> dict[Target, tuple[list[str], int]]:
        """What a record lists; nothing where the records of this trace are too large together."""
        found = self._listed.get(index)
        if found is None:
            data = self._state.record(index) if self._bytes > 0 else b""
            self._bytes -= len(data)
            if not data:
                self._left_out["what further records say that materials were made from"] = None
            found = self._listed[index] = sources_in(codec.unpack(data)) if data else {}
        return found

    def _material(self, target: Target, level: int) -> Material:
        found = Material(target, level)
        if isinstance(target, str):
            found.described = [(author, index) for index, author in self._sayings(target)]
            found.claimed_by = [asset for asset in same_as(self._state, target) if isinstance(asset, int)]
        self._are_sums_cut = False
        found.uses = self._uses(target)
        if isinstance(target, int):
            found.earned = self._earned(target, found.uses)
        for index in islice(disputes_of(self._state, target), DISPUTES_MAX + 1):
            row = dispute_state(self._state, index)
            if len(found.disputes) == DISPUTES_MAX:
                self._left_out["more disputes"] = None
            elif row is not None:
                found.disputes.append((index, row[1], row[2]))
        self._find(found)
        return found

    def _find(self, found: Material) -> None:
        """Claims and canaries about a material."""
        state = self._state
        seen: Counter[tuple[str, bytes]] = Counter()
        for index, kind in findings_of(state, found.target, newest_first=True):
            if self._finding_rows == 0:
                found.findings_left_out = -1
                return
            self._finding_rows -= 1
            row = finding_row(state, index) if kind == "claim" else None
            if row is not None and row.withdrawn:
                found.findings_withdrawn += 1
                continue
            owner = None if row is None else state.asset(row.asset)
            by = kind, party_of(state.view, index) if owner is None else owner.party
            seen[by] += 1
            if len(found.findings) < FINDINGS_MAX and seen[by] <= FINDINGS_PARTY_MAX:
                found.findings.append((index, kind))
            else:
                found.findings_left_out += 1

    def _sums(self, prefix: bytes) -> Iterator[tuple[bytes, int, int]]:
        """(rest of the key, entries, sum) of the lists with a prefix, since the leaf that was asked for."""
        state, since = self._state, self._asked.since
        start = keys.LIST_HEAD + prefix
        for read, (key, value) in enumerate(state.view.scan(start, keys.after(start))):
            if self._lists == 0 or read == LISTS_MATERIAL_MAX:
                self._left_out["sums of further parties"] = None
                self._are_sums_cut = True
                return
            self._lists -= 1
            count, total = int.from_bytes(value[:8], "big"), int.from_bytes(value[8 : sumlist.HEAD_BYTES], "big")
            if since:
                before = sumlist.extent_at(state.view, key[1:], since)
                count, total = count - before.count, total - before.total
            if count:
                yield key[len(start) :], count, total

    def _uses(self, target: Target) -> list[UseSum]:
        found = []
        for rest, count, total in self._sums(USES + pack_material(target)):
            made, end = split_material(rest)
            found.append(UseSum(USE_NAMES[end[32]], STATUS_NAMES[end[33]], end[:32], made, count, total))
        return sorted(found, key=lambda one: (-one.uses, one.use, one.status, one.party))

    def _earned(self, asset: int, uses: list[UseSum]) -> list[EarnedSum]:
        """By which assets and payers it earned: of its own uses what was charged, less what wasn't for its payees."""
        number = keys.number(asset)
        found = []
        for rest, count, total in self._sums(EARNED + number):
            used, payer, currency = int.from_bytes(rest[:8], "big"), rest[8:40], rest[40:-1].decode()
            found.append(EarnedSum(used, payer, currency, count, total))
        have = self._state.asset_terms(asset)
        if have is not None:
            own: dict[bytes, list[int]] = {}
            for one in uses:
                if one.charge:
                    sums = own.setdefault(one.party, [0, 0, 0])
                    sums[0] += one.uses
                    sums[1] += one.charge
            for kind, at, sign in ((NOT_KEPT, 1, -1), (CREDITED, 2, 1)):
                for rest, _, total in self._sums(kind + number):
                    own.setdefault(rest[:32], [0, 0, 0])[at] += sign * total
            if self._are_sums_cut:  # a difference of sums of which some weren't read
                self._left_out["what an asset with very many users earned of its own uses"] = None
                own.clear()
            found += [EarnedSum(asset, payer, have.currency, *sums) for payer, sums in own.items() if any(sums[1:])]
        return sorted(found, key=lambda one: (one.currency, -one.amount, one.used, one.payer))

    def _links(self, levels: dict[Target, int]) -> list[Link]:
        """Every edge between two materials of the trace."""
        found: dict[tuple[Target, Target], Link] = {}
        for target in levels:
            for index, author in self._sayings(target):
                for source, (relations, bps) in self._sources(index).items():
                    if source not in levels:
                        continue
                    link = found.setdefault((target, source), Link(target, source, [], 0, []))
                    link.relations += [relation for relation in relations if relation not in link.relations]
                    link.bps = max(link.bps, bps)
                    link.said_by.append((index, author))
            if not isinstance(target, str):
                continue
            for asset in same_as(self._state, target):
                row = self._state.asset(asset) if isinstance(asset, int) and asset in levels else None
                if row is not None and isinstance(asset, int):
                    found.setdefault((target, asset), Link(target, asset, [], 0, [(asset, row.party)], is_claim=True))
            package = package_of(self._state, target)
            if package in levels and package is not None:
                link = found.setdefault((target, package), Link(target, package, [], 0, []))
                link.relations.append(VERSION_OF)
        return list(found.values())

    def _share_out(self, materials: list[Material], links: list[Link]) -> None:
        """Put uses and money beside the edges that they went along."""
        by_target = {material.target: material for material in materials}
        for link in links:
            source = by_target[link.source]
            made = None
            if isinstance(link.made, int):
                made = self._state.asset(link.made)
            if made is not None:
                names = {made.name, f"{made.name}@{made.version}"}
                link.uses = [
                    one for one in source.uses
                    if one.made == link.made or (one.made in names and one.party == made.party)
                ]  # fmt: skip
            link.earned = [one for one in source.earned if one.used == link.made]


def _along(path: list[Target]) -> dict[Target, int]:
    return {target: -steps for steps, target in enumerate(path)}


def trace(state: State, asked: Asked) -> Trace:
    """The lineage of a material. Raises InputError as Tracer, TooFarError as Tracer.trace."""
    return Tracer(state, asked).trace()
