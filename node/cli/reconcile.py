"""`usance reconcile`: what a party logged of its use against what providers logged of it (design sections 1 and 4).

The whole log is replayed as `audit` replays it, so nothing here is the node's word: who signed what, that no record is
missing or counted twice, which corrections stand and who claims a name all follow from the entries.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from node.agents.meters import (
    AGREE,
    BOTH,
    CALL,
    DIFFER,
    DUPLICATE,
    END_USER,
    INCOMPLETE,
    MISSING,
    PROVIDER,
    QUANTITIES,
    SIDES,
    USER,
    WHATS,
    WINDOW,
    Records,
    Report,
    Row,
    Scope,
    ScopeKey,
    show_target,
)
from node.agents.reconcile import Reconciler
from node.agents.windows import ALL, MONTH, NAMED, window_label
from node.cli.common import add_node, now_ms, open_client
from node.cli.files import check_file
from node.cli.outcome import FAILED, OK
from node.cli.outcome import INCOMPLETE as EXIT_INCOMPLETE
from node.cli.replays import open_store, replay_node
from node.cli.text import emit, right, short, table
from node.cli.wholelog import Names, add_filters, check_filters, claims, find_asset
from node.detect.review import Written, add_to_file, meter_entries
from proofs.checkpoint import Checkpoint
from proofs.ref import Ref

LISTED_MAX = 20
REFS_SHOWN = 8
_EXITS = {AGREE: OK, DIFFER: FAILED, INCOMPLETE: EXIT_INCOMPLETE}
_VERDICTS = {AGREE: "THE METERS AGREE", DIFFER: "THE METERS DIFFER", INCOMPLETE: "INCOMPLETE"}
_SAID = {
    MISSING: "missing on the {side}'s side",
    DUPLICATE: "logged twice on the {side}'s side",
    QUANTITIES: "with other quantities",
    WINDOW: "in another window",
    END_USER: "of another end user",
}


def configure_reconcile(parser: argparse.ArgumentParser) -> None:
    """What is compared, and how finely."""
    what = parser.add_argument_group("what is compared (default: everything)")
    add_filters(what)
    what.add_argument("--provider", metavar="PARTY", help="of the provider-seen records, those that this party signed")
    how = parser.add_argument_group("how")
    how.add_argument("--window", choices=NAMED, default=MONTH, help="a figure for each day or month in UTC, or one for "
                     "all time (default: month)")  # fmt: skip
    how.add_argument("--by-user", action="store_true", help="a figure for each end user (the digest in `user`)")
    how.add_argument("--totals", action="store_true", help="compare figures only, not call ids and detail roots")
    how.add_argument("--review", metavar="FILE", help="add what differs to this review list, which `usance watch` "
                     "writes too")  # fmt: skip
    add_node(parser)
    parser.set_defaults(run=run_reconcile)


def run_reconcile(args: argparse.Namespace) -> int:
    """Replay the log, compare, print. Exit 0: both meters agree; 1: they differ; 3: there is one meter only."""
    filters = check_filters(args)
    if args.review is not None:
        check_file(args.review, field="--review")
    client = open_client(args)
    asset, aka = find_asset(client, args.asset)
    reconciler = Reconciler(
        window=args.window, filters=replace(filters, asset=asset, aka=aka), by_user=args.by_user,
        with_ids=not args.totals,
    )  # fmt: skip
    replayed = replay_node(args, client, open_store(args), watch=reconciler.add)
    checkpoint, state = replayed.anchor.checkpoint, replayed.state
    report = reconciler.finish(body_of=lambda ref: state.body(ref.index), claimed=lambda name: claims(state, name))
    written = _write_review(args.review, report, checkpoint)
    head = {"log": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "verified": True}
    value = {**head, **report.value(), **({"review": written.value()} if written else {})}
    lines = [*_lines(report, checkpoint, Names(state)), *([written.line()] if written else [])]
    emit(value, as_json=args.json, lines=lines)
    return _EXITS[report.verdict]


def _write_review(path: str | None, report: Report, checkpoint: Checkpoint) -> Written | None:
    if path is None:
        return None
    found = meter_entries(report)
    return add_to_file(path, found, log=checkpoint.origin, size=checkpoint.size, made=now_ms())


def _lines(report: Report, checkpoint: Checkpoint, names: Names) -> Iterator[str]:
    counts = report.findings.counts
    differ = sum(row.state == DIFFER for row in report.rows)
    yield (
        f"{checkpoint.origin}: {_VERDICTS[report.verdict]}: {differ} of {len(report.rows)} figures differ, "
        f"{sum(counts.values())} findings"
    )
    yield f"  {checkpoint.size} records replayed, root {checkpoint.root.hex()}"
    if not report.scopes:
        yield "no usage of that sort is logged by either meter"
    rows: dict[ScopeKey, list[Row]] = {(scope.party, scope.asset): [] for scope in report.scopes}
    for row in report.rows:
        rows[row.party, row.asset].append(row)
    for scope in report.scopes:
        yield ""
        yield from _scope_lines(scope, rows[scope.party, scope.asset], report, names)
    for what in WHATS:
        if counts[what]:
            yield ""
            yield from _finding_lines(what, report, names)
    yield ""
    yield from _name_lines(report)
    yield "NOT SHOWN: uses that neither meter logged; which meter is right; whether two parties are one in the world"


def _scope_lines(scope: Scope, rows: Iterable[Row], report: Report, names: Names) -> Iterator[str]:
    yield f"{names.asset(scope.asset)} used by {names.party(scope.party)}"
    user, provider = scope.records
    if scope.meters == BOTH:
        yield f"  {user} user-seen and {provider} provider-seen records"
    elif scope.meters == SIDES[USER]:
        yield f"  ONE METER ONLY: {user} user-seen records, and no other party's provider-seen one"
    else:
        yield f"  ONE METER ONLY: {provider} provider-seen records, and no user-seen one"
    if scope.providers:
        yield f"  provider-seen records by: {_providers(scope, names)}"
    if scope.corrected:
        yield f"  {scope.corrected} user-seen records count with their newest correction"
    if scope.own:
        yield f"  {scope.own} provider-seen records are signed by the user itself, which is no second meter"
    if report.with_ids and scope.meters == BOTH:
        for sort in scope.totals_only:
            side = SIDES[USER if sort in scope.named[USER] else PROVIDER]
            yield f"  only the {side}'s records name a {sort}: compared in totals only"
        if any(scope.unnamed):
            yield (
                f"  {scope.unnamed[USER]} user-seen and {scope.unnamed[PROVIDER]} provider-seen records name neither "
                "call nor detail: compared in totals only"
            )
    yield from ("  " + line for line in _figures(list(rows), report))


def _providers(scope: Scope, names: Names) -> str:
    shown = [f"{names.party(signer)} ({count})" for signer, count in scope.providers.most_common(REFS_SHOWN)]
    others = scope.records[PROVIDER] - sum(count for _, count in scope.providers.most_common(REFS_SHOWN))
    return ", ".join(shown) + (f", and {others} records of others" if others else "")


def _figures(rows: Sequence[Row], report: Report) -> list[str]:
    by_user = any(row.user for row in rows)
    window = "window" if report.window == ALL else str(report.window)
    cells: list[tuple[str, ...]] = [
        ("use", "unit", window, "user-seen", "provider-seen", "difference", "end user"[: None if by_user else 0])
    ]
    for row in rows:
        difference = "" if row.state not in (AGREE, DIFFER) else f"{row.difference:+,}" if row.difference else "0"
        cells.append(
            (row.use, row.unit, window_label(row.window, report.window), f"{row.user_seen:,}",
             f"{row.provider_seen:,}", difference, short(row.user.hex() or "none") if by_user else "")
        )  # fmt: skip
    return table(right(cells, 3, 6))


def _finding_lines(what: str, report: Report, names: Names) -> Iterator[str]:
    found = [finding for finding in report.findings.kept if finding.what == what]
    yield f"{what}: {report.findings.counts[what]}"
    for finding in found[:LISTED_MAX]:
        said = _SAID[what].format(side=finding.side)
        sort = "call" if finding.sort == CALL else "detail"
        yield f"  {sort} {short(finding.name)} {said}: {finding.use} of {names.asset(finding.asset)}"
        yield f"    used by {names.party(finding.party)}"
        for side, records in ((USER, finding.user), (PROVIDER, finding.provider)):
            if records.refs:
                yield f"    {SIDES[side]}-seen: {_records_text(records, report)}"
        if finding.elsewhere:
            yield f"    the {finding.side}'s side has it under another asset or use: {_refs_text(finding.elsewhere)}"
    more = report.findings.counts[what] - len(found[:LISTED_MAX])
    if more:
        yield f"  and {more} more" + ("" if len(found) <= LISTED_MAX else "; --json lists them")


def _records_text(records: Records, report: Report) -> str:
    amounts = ", ".join(f"{count:,} {unit}" for unit, count in records.quantities.items())
    windows = ", ".join(window_label(start, report.window) for start in records.windows)
    return f"{amounts} in {windows}: {_refs_text(records.refs)}"


def _name_lines(report: Report) -> Iterator[str]:
    """Which external names were counted as which asset, and which stand for themselves."""
    claimed = [(name, assets) for name, assets in sorted(report.names.items()) if assets]
    for name, assets in claimed[:LISTED_MAX]:
        if len(assets) == 1:
            yield f"{short(name)}: counted as the asset that claims it, {short(show_target(assets[0]))}"
        else:
            yield f"{short(name)}: listed for itself, several parties' assets claim it: {_refs_text(assets)}"
    if len(claimed) > LISTED_MAX:
        yield f"and {len(claimed) - LISTED_MAX} more claimed names; --json lists them"
    if len(claimed) < len(report.names):
        yield f"external names that no asset claims are listed for themselves: {len(report.names) - len(claimed)}"


def _refs_text(refs: Sequence[Ref | bytes]) -> str:
    shown = [short(str(ref) if isinstance(ref, Ref) else show_target(ref)) for ref in refs[:REFS_SHOWN]]
    return ", ".join(shown) + (f" and {len(refs) - REFS_SHOWN} more" if len(refs) > REFS_SHOWN else "")
