"""Two meters compared: what a party logged itself (user-seen) against what providers logged of it (provider-seen).

Usage records stream in, in log order, and only sums are kept, for each party, asset, use, unit and window; beside them
the call ids and detail roots, up to a stated number, so that what one side alone has can be named. Neither meter is
taken for the right one. Invariant: over all figures of a party, asset, use and unit, the difference is that of the
records which name a call, plus that of those which don't. No I/O here: who replays a log calls `add`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ledger.replay import Judged
from node.agents.meters import (
    CALL,
    DETAIL,
    PROVIDER,
    USER,
    Line,
    Mark,
    Quantities,
    Report,
    RowKey,
    Target,
    find,
    make_rows,
    make_scopes,
    order,
    packed,
    place,
)
from node.agents.windows import MONTH, Window, check_window, window_start
from proofs.errors import InputError
from proofs.ref import Ref, unpack_ref

IDS_MAX = 500_000
ID_BYTES_MAX = 64 * 1024 * 1024
ROWS_MAX = 200_000
CORRECTED_MAX = 200_000
_NARROW = "a narrower run: by party, provider or asset, or a shorter time"

Body = dict[str, Any]
BodyOf = Callable[[Ref], Body]
"""The body of an earlier entry; asked for in ascending order of indices."""
Claimed = Callable[[str], tuple[bytes, ...]]
"""The assets (packed references) that claim an external name by `aka`: each claiming party's newest."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What is compared; None: everything. `party`: who used; `provider`: whose provider-seen records count (a user-seen
    record names no provider, so it narrows that side only); `asset`: a packed reference or an external name; `aka`: the
    names that this asset claims; `since` ≤ a record's `from` < `until`, Unix milliseconds."""

    party: bytes | None = None
    provider: bytes | None = None
    asset: Target | None = None
    aka: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None

    def first_targets(self) -> set[Target]:
        """Where one asset is asked for: what its uses may name, as far as that is known before the log is read. A
        reference points backwards, so an asset that claims the name comes before every use that refers to it."""
        return set() if self.asset is None else {self.asset, *self.aka}

    def admits(self, body: Body, *, signer: bytes, targets: set[Target]) -> bool:
        """Whether a usage counts; `targets`: what uses of the asset that is asked for may name."""
        provider = body.get("seen_by") == "provider"
        if self.party is not None and (body["party"] if provider else signer) != self.party:
            return False
        if provider and self.provider is not None and signer != self.provider:
            return False
        if self.asset is not None and body["asset"] not in targets:
            return False
        start = body["from"]
        return (self.since is None or start >= self.since) and (self.until is None or start < self.until)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run keeps in memory at most: identifiers (calls and details) and their bytes, rows, corrected usages.
    500,000 identifiers take about 400 MB."""

    ids: int = IDS_MAX
    id_bytes: int = ID_BYTES_MAX
    rows: int = ROWS_MAX
    corrected: int = CORRECTED_MAX


@dataclass(frozen=True, slots=True)
class _Correction:
    """A usage's newest correction. `party`: its signer's, which is the usage's too."""

    usage: Ref
    party: bytes
    quantities: Quantities


@dataclass(slots=True)
class _Kept:
    """What grows while records stream in. Rows: (line, end user, unit, window) -> user-seen and provider-seen sums."""

    lines: dict[tuple[bytes, Target, str], Line] = field(default_factory=dict)
    rows: dict[RowKey, list[int]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    corrected: dict[int, _Correction] = field(default_factory=dict)
    signers: dict[bytes, bytes] = field(default_factory=dict)
    id_bytes: int = 0


class Reconciler:
    """One comparison. `add` every record of a log, or every usage, correction and asset of it, in order; `finish`."""

    def __init__(
        self, *, window: Window = MONTH, filters: Filters | None = None, by_user: bool = False, with_ids: bool = True,
        limits: Limits | None = None,
    ) -> None:  # fmt: skip
        """`by_user`: a figure for each end user (`user`); `with_ids=False`: totals only. Raises InputError for a window
        that is none."""
        check_window(window)
        self._window = window
        self._filters = filters or Filters()
        self._by_user = by_user
        self._with_ids = with_ids
        self._limits = limits or Limits()
        self._kept = _Kept()
        self._targets = self._filters.first_targets()

    def add(self, record: Judged) -> None:
        """Take one record. Raises InputError naming the bound where more would have to be kept than Limits allow."""
        kind = record.body["kind"]
        if kind == "usage":
            self._add_usage(record)
        elif kind == "correction":
            self._add_correction(record)
        elif kind == "asset" and self._filters.asset in record.body.get("aka", ()):
            self._targets.add(Ref(record.index, record.leaf).pack())

    def finish(self, *, body_of: BodyOf, claimed: Claimed) -> Report:
        """The comparison of everything that was added; the reconciler is spent. `body_of` is asked for the usages that
        were corrected, `claimed` for each external name that was used. Raises what they raise."""
        self._apply_corrections(body_of)
        wanted = self._filters.asset
        names = {target: claimed(target) for _, target, _ in self._kept.lines if isinstance(target, str)}
        if isinstance(wanted, str):
            names.setdefault(wanted, claimed(wanted))
        means: dict[Target, Target] = {name: assets[0] for name, assets in names.items() if len(assets) == 1}
        keep = None if wanted is None else means.get(wanted, wanted)
        place(self._kept.lines.values(), means)
        lines = [line for line in self._kept.lines.values() if keep is None or line.asset == keep]
        kept = {(line.party, line.asset) for line in lines}
        marks = [mark for mark in self._kept.marks if (mark.line.party, mark.line.asset) in kept]
        scopes = make_scopes(lines, marks)
        return Report(
            window=self._window,
            rows=make_rows(self._kept.rows, scopes),
            scopes=sorted(scopes.values(), key=lambda scope: (scope.party, order(scope.asset))),
            findings=find(marks, scopes, by_user=self._by_user),
            names=names,
            with_ids=self._with_ids,
        )

    def _add_usage(self, record: Judged) -> None:
        body = record.body
        if not self._filters.admits(body, signer=record.party, targets=self._targets):
            return
        side = PROVIDER if body.get("seen_by") == "provider" else USER
        party = body["party"] if side == PROVIDER else record.party
        line = self._line(party, body["asset"], body["use"])
        window = window_start(body["from"], self._window)
        user = body.get("user", b"") if self._by_user else b""
        line.records[side] += 1
        if side == PROVIDER:
            line.own += record.party == party
            line.count_provider(record.party)
        for unit, count in body["quantities"].items():
            self._sums(line, user, unit, window)[side] += count
        named = False
        for sort, name in ((CALL, body.get("call")), (DETAIL, body.get("detail"))):
            if name is not None:
                named = True
                text = name if isinstance(name, str) else name.hex()
                self._mark(Mark(
                    side, sort, text, line, body.get("item") or body.get("items") or b"", user, window, record.index,
                    record.leaf, self._kept.signers.setdefault(record.party, record.party),
                    packed(body["quantities"]),
                ))  # fmt: skip
        line.unnamed[side] += not named

    def _line(self, party: bytes, target: Target, use: str) -> Line:
        found = self._kept.lines.get((party, target, use))
        if found is None:
            found = self._kept.lines[party, target, use] = Line(party, target, use)
        return found

    def _sums(self, line: Line, user: bytes, unit: str, window: int) -> list[int]:
        rows = self._kept.rows
        found = rows.get((line, user, unit, window))
        if found is None:
            if len(rows) >= self._limits.rows:
                _refuse(f"{self._limits.rows:,} figures", "a longer window, or " + _NARROW)
            found = rows[line, user, sys.intern(unit), window] = [0, 0]
        return found

    def _mark(self, mark: Mark) -> None:
        if not self._with_ids:
            return
        kept, limits = self._kept, self._limits
        kept.id_bytes += len(mark.name)
        if len(kept.marks) >= limits.ids or kept.id_bytes > limits.id_bytes:
            what = f"{limits.ids:,} call ids and detail roots, {limits.id_bytes // 2**20} MiB together"
            _refuse(what, _NARROW + "; or totals only")
        kept.marks.append(mark)

    def _add_correction(self, record: Judged) -> None:
        if self._filters.party not in (None, record.party):  # only the usage's own party may correct it
            return
        kept, ref = self._kept.corrected, unpack_ref(record.body["usage"])
        if ref.index not in kept and len(kept) >= self._limits.corrected:
            _refuse(f"{self._limits.corrected:,} corrected usages", "a run for one party")
        kept[ref.index] = _Correction(ref, record.party, packed(record.body["quantities"]))

    def _apply_corrections(self, body_of: BodyOf) -> None:
        """Put each corrected usage's newest quantities in the place of its own."""
        corrected = self._kept.corrected
        marks: dict[int, list[Mark]] = {}
        for mark in self._kept.marks:
            if mark.index in corrected:
                marks.setdefault(mark.index, []).append(mark)
        for index, correction in sorted(corrected.items()):
            body = body_of(correction.usage)
            admitted = self._filters.admits(body, signer=correction.party, targets=self._targets)
            if body.get("seen_by") == "provider" or not admitted:
                continue
            line = self._line(correction.party, body["asset"], body["use"])
            line.corrected += 1
            window = window_start(body["from"], self._window)
            user = body.get("user", b"") if self._by_user else b""
            left = dict(correction.quantities)
            for unit, count in body["quantities"].items():
                self._sums(line, user, unit, window)[USER] -= count - left.get(unit, 0)
            for mark in marks.get(index, ()):
                mark.quantities = correction.quantities


def reconcile(
    records: Iterable[Judged], *, body_of: BodyOf, claimed: Claimed = lambda name: (), window: Window = MONTH,
    filters: Filters | None = None, by_user: bool = False, with_ids: bool = True, limits: Limits | None = None,
) -> Report:  # fmt: skip
    """Compare the two meters in these records at once; see Reconciler. Raises InputError."""
    reconciler = Reconciler(window=window, filters=filters, by_user=by_user, with_ids=with_ids, limits=limits)
    for record in records:
        reconciler.add(record)
    return reconciler.finish(body_of=body_of, claimed=claimed)


def _refuse(what: str, narrow: str) -> NoReturn:
    raise InputError(f"more than {what}: one run keeps no more", field="filters", expected=narrow)
