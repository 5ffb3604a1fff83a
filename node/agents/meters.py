"""What a comparison of two meters consists of: figures, and findings by call id and by detail root.

A call may have several records: one for each asset, use or item that it touched. Those of one party, asset and use are
compared together, by their sums; the same call, asset, use and item twice on one side is a duplicate, which is counted
in the sums as often as it was logged, because it is charged as often.
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node.agents.windows import Window, window_label
from proofs.ref import Ref, unpack_ref

USER, PROVIDER = 0, 1
SIDES = ("user", "provider")
CALL, DETAIL = "call", "detail"

MISSING, QUANTITIES, WINDOW, END_USER, DUPLICATE = "missing", "quantities", "window", "user", "duplicate"
WHATS = (MISSING, QUANTITIES, WINDOW, END_USER, DUPLICATE)
AGREE, DIFFER, INCOMPLETE = "agree", "differ", "incomplete"
BOTH = "both"
PROVIDERS_MAX = 32
"""Providers of one party and asset that are named; the records of all are counted."""
FINDINGS_MAX = 10_000
"""Findings that are kept of each sort; all are counted."""

Target = bytes | str
"""A packed reference or an external name."""
Quantities = tuple[tuple[str, int], ...]


def packed(quantities: Mapping[str, int]) -> Quantities:
    """A record's quantities in the form that takes least memory."""
    return tuple((sys.intern(unit), count) for unit, count in quantities.items())


def order(target: Target) -> tuple[int, int, Target]:
    """Sorts references by index, and external names after them."""
    return (1, 0, target) if isinstance(target, str) else (0, unpack_ref(target).index, target)


def show_target(target: Target) -> str:
    """`INDEX:HEX`, or the name."""
    return target if isinstance(target, str) else str(unpack_ref(target))


@dataclass(slots=True, eq=False)
class Line:
    """What one party's records name: an asset and a use. `target`: as it was logged; `asset`: what that turned out to
    mean; `rank`: its place when lines are ordered by asset and use. Counts of records: `records` and `unnamed` (neither
    call nor detail) on each side, `own` provider-seen ones that the party signed itself, `corrected` user-seen ones,
    `providers` provider-seen ones of each signer."""

    party: bytes
    target: Target
    use: str
    asset: Target = b""
    rank: int = 0
    records: list[int] = field(default_factory=lambda: [0, 0])
    unnamed: list[int] = field(default_factory=lambda: [0, 0])
    own: int = 0
    corrected: int = 0
    providers: dict[bytes, int] = field(default_factory=dict)

    def count_provider(self, signer: bytes) -> None:
        """Count a provider-seen record of this signer, while there is room for its name."""
        if signer in self.providers or len(self.providers) < PROVIDERS_MAX:
            self.providers[signer] = self.providers.get(signer, 0) + 1


RowKey = tuple[Line, bytes, str, int]
"""Line, end user (empty unless asked for), unit, first millisecond of the window."""


@dataclass(slots=True)
class Mark:
    """One identifier of one record. `part`: the item or items that the record is about; `window`: its first ms."""

    side: int
    sort: str
    name: str
    line: Line
    part: bytes
    user: bytes
    window: int
    index: int
    leaf: bytes
    signer: bytes
    quantities: Quantities


@dataclass(slots=True)
class Scope:
    """A party and an asset: where it is judged which meters there are. `named`: sorts of identifiers on each side."""

    party: bytes
    asset: Target
    records: list[int] = field(default_factory=lambda: [0, 0])
    unnamed: list[int] = field(default_factory=lambda: [0, 0])
    named: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    own: int = 0
    corrected: int = 0
    providers: Counter[bytes] = field(default_factory=Counter)

    @property
    def meters(self) -> str:
        """`both`, `user` or `provider`. What the user signed as its own provider is no second meter."""
        if self.records[USER] and self.records[PROVIDER] > self.own:
            return BOTH
        return SIDES[USER if self.records[USER] else PROVIDER]

    @property
    def totals_only(self) -> tuple[str, ...]:
        """Sorts of identifiers that one side names and the other doesn't, so that nothing is compared by them."""
        if self.meters != BOTH:
            return ()
        return tuple(sort for sort in (CALL, DETAIL) if (sort in self.named[USER]) != (sort in self.named[PROVIDER]))

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "party": self.party.hex(), "asset": show_target(self.asset), "meters": self.meters,
            "user_records": self.records[USER], "provider_records": self.records[PROVIDER],
            "user_unnamed": self.unnamed[USER], "provider_unnamed": self.unnamed[PROVIDER],
            "totals_only": list(self.totals_only), "provider_seen_by_itself": self.own, "corrected": self.corrected,
            "providers": {signer.hex(): count for signer, count in sorted(self.providers.items())},
        }  # fmt: skip


ScopeKey = tuple[bytes, Target]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both meters. `user`: the end user's digest, empty unless asked for; `window`: its first ms;
    `state`: agree or differ, or which meter is the only one."""

    party: bytes
    asset: Target
    use: str
    unit: str
    window: int
    user: bytes
    user_seen: int
    provider_seen: int
    state: str

    @property
    def difference(self) -> int:
        """What the user's meter has above the provider's."""
        return self.user_seen - self.provider_seen

    def value(self, window: Window) -> dict[str, Any]:
        """As JSON; figures are decimal strings."""
        return {
            "party": self.party.hex(), "asset": show_target(self.asset), "use": self.use, "unit": self.unit,
            "window": window_label(self.window, window), "user": self.user.hex() or None,
            "user_seen": str(self.user_seen), "provider_seen": str(self.provider_seen),
            "difference": str(self.difference), "state": self.state,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one side that a finding is about. `signers`: the parties that logged them."""

    refs: tuple[Ref, ...] = ()
    signers: tuple[bytes, ...] = ()
    quantities: dict[str, int] = field(default_factory=dict)
    windows: tuple[int, ...] = ()
    users: tuple[bytes, ...] = ()

    def value(self, window: Window) -> dict[str, Any]:
        """As JSON."""
        return {
            "refs": [str(ref) for ref in self.refs],
            "signers": [signer.hex() for signer in self.signers],
            "quantities": {unit: str(count) for unit, count in self.quantities.items()},
            "windows": [window_label(start, window) for start in self.windows],
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at, by an identifier. `what`: one of WHATS; `side`: where it is missing or stands twice;
    `elsewhere`: of a missing one, records of that side which name the same identifier with another asset or use."""

    what: str
    sort: str
    name: str
    party: bytes
    asset: Target
    use: str
    user: Records
    provider: Records
    side: str = ""
    elsewhere: tuple[Ref, ...] = ()

    def value(self, window: Window) -> dict[str, Any]:
        """As JSON."""
        return {
            "what": self.what, "side": self.side or None, self.sort: self.name, "party": self.party.hex(),
            "asset": show_target(self.asset), "use": self.use, "user_seen": self.user.value(window),
            "provider_seen": self.provider.value(window), "elsewhere": [str(ref) for ref in self.elsewhere],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings in order of sort, identifier and asset: all of them counted, at most FINDINGS_MAX of each kind kept."""

    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Count it, and keep it while there is room."""
        self.counts[finding.what] += 1
        if self.counts[finding.what] <= FINDINGS_MAX:
            self.kept.append(finding)


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison. `names`: external names that were logged, with the assets that claim each: the one asset that it
    was counted as, or none or several, and then it stands for itself."""

    window: Window
    rows: list[Row]
    scopes: list[Scope]
    findings: Findings
    names: dict[str, tuple[bytes, ...]]
    with_ids: bool

    @property
    def verdict(self) -> str:
        """differ: a figure where both meters are, or a finding; incomplete: one meter only, or no record at all."""
        if self.findings.counts or any(row.state == DIFFER for row in self.rows):
            return DIFFER
        return AGREE if self.scopes and all(scope.meters == BOTH for scope in self.scopes) else INCOMPLETE

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "verdict": self.verdict,
            "window": self.window,
            "figures": [row.value(self.window) for row in self.rows],
            "compared": [scope.value() for scope in self.scopes],
            "finding_counts": {what: self.findings.counts[what] for what in WHATS},
            "findings": [finding.value(self.window) for finding in self.findings.kept],
            "names": {name: [show_target(asset) for asset in assets] for name, assets in sorted(self.names.items())},
            "by_identifiers": self.with_ids,
        }


def place(lines: Iterable[Line], means: Mapping[Target, Target]) -> None:
    """Give each line the asset that its target means, and its rank."""
    for line in lines:
        line.asset = means.get(line.target, line.target)
    lines = sorted(lines, key=lambda line: (order(line.asset), line.use))
    same = itertools.groupby(lines, key=lambda line: (line.asset, line.use))
    for rank, (_, group) in enumerate(same):
        for line in group:
            line.rank = rank


def make_scopes(lines: Iterable[Line], marks: Iterable[Mark]) -> dict[ScopeKey, Scope]:
    """What each party's records of each asset are."""
    scopes: dict[ScopeKey, Scope] = {}
    for line in lines:
        scope = scopes.setdefault((line.party, line.asset), Scope(line.party, line.asset))
        for side in (USER, PROVIDER):
            scope.records[side] += line.records[side]
            scope.unnamed[side] += line.unnamed[side]
        scope.own += line.own
        scope.corrected += line.corrected
        scope.providers.update(line.providers)
    for mark in marks:
        scopes[mark.line.party, mark.line.asset].named[mark.side].add(mark.sort)
    return scopes


def make_rows(sums: Mapping[RowKey, Sequence[int]], scopes: Mapping[ScopeKey, Scope]) -> list[Row]:
    """The figures of these scopes, ordered, those of one asset under several names put together."""
    merged: dict[tuple[bytes, Target, str, str, int, bytes], list[int]] = {}
    for (line, user, unit, window), pair in sums.items():
        if (line.party, line.asset) in scopes:
            total = merged.setdefault((line.party, line.asset, line.use, unit, window, user), [0, 0])
            total[USER] += pair[USER]
            total[PROVIDER] += pair[PROVIDER]
    rows = []
    for (party, asset, use, unit, window, user), (seen, provided) in merged.items():
        meters = scopes[party, asset].meters
        state = meters if meters != BOTH else AGREE if seen == provided else DIFFER
        rows.append(Row(party, asset, use, unit, window, user, seen, provided, state))
    return sorted(rows, key=lambda row: (row.party, order(row.asset), row.use, row.unit, row.window, row.user))


def find(marks: Iterable[Mark], scopes: Mapping[ScopeKey, Scope], *, by_user: bool) -> Findings:
    """Compare by identifiers; every mark's line has its rank. A usage that was corrected to nothing is as if it had not
    been logged. What one side lacks is a finding only where both meters are there and both name that sort."""
    findings = Findings()
    standing = sorted((mark for mark in marks if mark.quantities), key=_by_identifier)
    for _, same in itertools.groupby(standing, key=lambda mark: (mark.line.party, mark.sort, mark.name)):
        missing: list[Finding] = []
        for _, group in itertools.groupby(same, key=lambda mark: (mark.line.asset, mark.line.use)):
            sides: tuple[list[Mark], list[Mark]] = ([], [])
            for mark in group:
                sides[mark.side].append(mark)
            for finding in _compare(sides, scopes, by_user=by_user):
                if finding.what == MISSING:
                    missing.append(finding)
                else:
                    findings.add(finding)
        for finding in _located(missing):
            findings.add(finding)
    return findings


def _by_identifier(mark: Mark) -> tuple[bytes, str, str, int, int]:
    return mark.line.party, mark.sort, mark.name, mark.line.rank, mark.index


def _compare(
    sides: tuple[list[Mark], list[Mark]], scopes: Mapping[ScopeKey, Scope], *, by_user: bool
) -> Iterator[Finding]:
    """What is to be said of one identifier with one party, asset and use."""
    first = (sides[USER] or sides[PROVIDER])[0]
    both = (_records(sides[USER]), _records(sides[PROVIDER]))

    def finding(what: str, side: str = "", parts: tuple[Records, Records] = both) -> Finding:
        line = first.line
        return Finding(what, first.sort, first.name, line.party, line.asset, line.use, parts[0], parts[1], side)

    for side, marks in enumerate(sides):
        for twice in _twice(marks):
            parts = (twice, Records()) if side == USER else (Records(), twice)
            yield finding(DUPLICATE, SIDES[side], parts)
    if sides[USER] and sides[PROVIDER]:
        for what, differs in (
            (QUANTITIES, both[USER].quantities != both[PROVIDER].quantities),
            (WINDOW, both[USER].windows != both[PROVIDER].windows),
            (END_USER, by_user and both[USER].users != both[PROVIDER].users),
        ):
            if differs:
                yield finding(what)
        return
    scope = scopes[first.line.party, first.line.asset]
    absent = PROVIDER if sides[USER] else USER
    if scope.meters == BOTH and first.sort in scope.named[absent]:
        yield finding(MISSING, SIDES[absent])


def _twice(marks: Sequence[Mark]) -> Iterator[Records]:
    """Records of one side with the same identifier and about the same items."""
    parts: dict[bytes, list[Mark]] = {}
    for mark in marks:
        parts.setdefault(mark.part, []).append(mark)
    for same in parts.values():
        if len(same) > 1:
            yield _records(same)


def _records(marks: Sequence[Mark]) -> Records:
    quantities: Counter[str] = Counter()
    for mark in marks:
        quantities.update(dict(mark.quantities))
    return Records(
        tuple(Ref(mark.index, mark.leaf) for mark in marks),
        tuple(dict.fromkeys(mark.signer for mark in marks)),
        dict(sorted(quantities.items())),
        tuple(sorted({mark.window for mark in marks})),
        tuple(sorted({mark.user for mark in marks})),
    )


def _located(missing: Sequence[Finding]) -> Iterator[Finding]:
    """Missing ones of one identifier, each with what the side that lacks it has under another asset or use."""
    for finding in missing:
        # What the provider's side has and the user's lacks stands in `provider` of a finding about the user's side.
        others = [other for other in missing if other.side != finding.side]
        refs = [ref for other in others for ref in (*other.user.refs, *other.provider.refs)]
        yield replace(finding, elsewhere=tuple(sorted(refs)))
