"""Findings on a terminal: the owners, then the best findings, each with what it proves."""

from __future__ import annotations

from collections.abc import Iterator

from node.cli.text import counted, right, short, table
from node.detect.finding import LIMITS, Finding, Findings
from node.detect.telling import (
    against_text,
    chance_text,
    looked_text,
    owner_text,
    rate_text,
    run_text,
    share,
    untold_text,
)

OWNERS_MAX = 20
FINDINGS_MAX = 10
"""Shown; the rest is in the file of -o and on the page of --html."""


def finding_lines(found: Findings) -> Iterator[str]:
    """Everything, in short."""
    yield f"looked at {looked_text(found)}"
    yield f"against {against_text(found)}"
    if untold := untold_text(found):
        yield untold
    yield chance_text(found.looked_at)
    if not found.owners:
        return
    yield ""
    head = ("owner", "items", "characters", "longest run", "matches", "policy")
    rows = [
        (short(owner_text(owner)), f"{owner.items:,}", f"~{owner.characters:,}", f"{owner.run:,}",
         f"{owner.matches:,}", owner.policy or "none said")
        for owner in found.owners[:OWNERS_MAX]
    ]  # fmt: skip
    yield from table(right([head, *rows], 1, 5))
    if len(found.owners) > OWNERS_MAX:
        yield f"… and {counted(len(found.owners) - OWNERS_MAX, 'owner')} more"
    for one in found.findings[:FINDINGS_MAX]:
        yield ""
        yield from _finding_lines(one)
    if found.looked_at.matches > FINDINGS_MAX:
        yield ""
        yield (
            f"the best {min(FINDINGS_MAX, len(found.findings))} of {found.looked_at.matches:,} matches; -o FILE keeps "
            f"{len(found.findings):,} of them, --html FILE shows their passages"
        )
    yield ""
    yield f"No finding is a verdict. {LIMITS}"


def _finding_lines(one: Finding) -> Iterator[str]:
    source = one.source.name or one.source.sha256[:16]
    whose = "" if source.startswith(one.owner) else f" of {one.owner}"
    yield f"{one.number}. {one.item.name} ({one.item.length:,} characters)"
    yield f"   and {source}{whose} ({one.source.length:,})"
    yield (
        f"   {share(one.of_item)} of it in the source, {share(one.of_source)} of the source in it; longest run "
        f"{run_text(one)}, {one.hits:,} prints in both"
    )
    yield f"   by chance {rate_text(one.rate)}"
    yield f"   {one.proves.partition('. ' + LIMITS)[0]}"
    if one.registered is not None:
        yield f"   registered before: {one.registered.ref}"
