"""`usance reconcile`: what a party logged of its use against what providers logged of it (design sections 1 and 4).

The whole log is replayed as `audit` replays it, so nothing here is the node's word: who signed what, that no record is
missing or counted twice, which corrections stand and who claims a name all follow from the entries.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence

from ledger.state import State
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
    Target,
    show_target,
)
from node.agents.reconcile import Filters, Reconciler
from node.agents.windows import ALL, MONTH, NAMED, window_label
from node.audit import check_root, replay_log
from node.cli.common import add_node, need_node, node_access, open_client, party_bytes
from node.cli.outcome import FAILED, OK
from node.cli.outcome import INCOMPLETE as EXIT_INCOMPLETE
from node.cli.progress import progress
from node.cli.text import emit, parse_time, right, short, table
from node.client import Client
from node.resolve import resolve
from node.sources import HttpSource
from proofs.checkpoint import Checkpoint
from proofs.errors import InputError
from proofs.ref import Ref, unpack_ref

CLAIMANTS_MAX = 16
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
    what.add_argument("--party", metavar="PARTY", help="uses by this party: its key in hex, or a file of it")
    what.add_argument("--provider", metavar="PARTY", help="of the provider-seen records, those that this party signed")
    what.add_argument("--asset", metavar="ASSET", help="uses of this asset, by reference or by a name that it alone "
                      "claims; or by this external name")  # fmt: skip
    what.add_argument("--since", metavar="TIME", help="uses whose `from` is at or after this time")
    what.add_argument("--until", metavar="TIME", help="uses whose `from` is before this time")
    how = parser.add_argument_group("how")
    how.add_argument("--window", choices=NAMED, default=MONTH, help="a figure for each day or month in UTC, or one for "
                     "all time (default: month)")  # fmt: skip
    how.add_argument("--by-user", action="store_true", help="a figure for each end user (the digest in `user`)")
    how.add_argument("--totals", action="store_true", help="compare figures only, not call ids and detail roots")
    add_node(parser)
    parser.set_defaults(run=run_reconcile)


def run_reconcile(args: argparse.Namespace) -> int:
    """Replay the log, compare, print. Exit 0: both meters agree; 1: they differ; 3: there is one meter only."""
    party, provider = (
        None if text is None else party_bytes(text, field=option)
        for text, option in ((args.party, "--party"), (args.provider, "--provider"))
    )
    since, until = (
        None if text is None else parse_time(text, field=option)
        for text, option in ((args.since, "--since"), (args.until, "--until"))
    )
    if since is not None and until is not None and until <= since:
        raise InputError("--until is not after --since", field="--until", expected="a later time")
    client = open_client(args)
    asset, aka = _asset(client, args.asset)
    reconciler = Reconciler(
        window=args.window, filters=Filters(party, provider, asset, aka, since, until), by_user=args.by_user,
        with_ids=not args.totals,
    )  # fmt: skip
    checkpoint = client.checkpoint()
    source = HttpSource(need_node(args), access=node_access(args))
    args.at_end.callback(source.close)
    with progress("replaying", unit="records", total=checkpoint.size, quiet=args.json) as bar:
        replay = replay_log(source, checkpoint, client.keys, progress=bar.update, watch=reconciler.add)
    check_root(replay, checkpoint)
    state = State(replay.ledger.store)
    report = reconciler.finish(body_of=lambda ref: state.body(ref.index), claimed=lambda name: _claims(state, name))
    head = {"log": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "verified": True}
    emit({**head, **report.value()}, as_json=args.json, lines=_lines(report, checkpoint, _Names(state)))
    return _EXITS[report.verdict]


def _asset(client: Client, text: str | None) -> tuple[Target | None, tuple[str, ...]]:
    """What --asset means, and the names that it claims."""
    if text is None:
        return None, ()
    found = resolve(client, text)
    aka = found.entry.body.get("aka", ()) if found.entry is not None and isinstance(found.target, bytes) else ()
    return found.target, tuple(aka)


def _claims(state: State, name: str) -> tuple[bytes, ...]:
    found = []
    for _, index in state.claimants(name, most=CLAIMANTS_MAX):
        row = state.asset(index)
        if row is not None:
            found.append(Ref(index, row.leaf).pack())
    return tuple(found)


class _Names:
    """What parties and assets are called, as claims beside what they are."""

    def __init__(self, state: State) -> None:
        self._state = state

    def party(self, party: bytes) -> str:
        """The beginning of its key, and its name."""
        row = self._state.party(party)
        return short(party.hex()) + (f" {short(row.name)!r}" if row is not None else " (no party of this log)")

    def asset(self, asset: Target) -> str:
        """The beginning of its reference and its name, or the external name."""
        row = None if isinstance(asset, str) else self._state.asset(unpack_ref(asset).index)
        return short(show_target(asset)) + (f" {short(row.name)!r}" if row is not None else "")


def _lines(report: Report, checkpoint: Checkpoint, names: _Names) -> Iterator[str]:
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


def _scope_lines(scope: Scope, rows: Iterable[Row], report: Report, names: _Names) -> Iterator[str]:
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


def _providers(scope: Scope, names: _Names) -> str:
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


def _finding_lines(what: str, report: Report, names: _Names) -> Iterator[str]:
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
