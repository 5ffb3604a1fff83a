"""The licences behind an asset (node/lineage/licenses.py), as lines for a person and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.lineage.licenseclasses import OWN_TABLE
from node.lineage.licenseexpr import YES, Effect, Read
from node.lineage.licenses import ASKS, COMMERCE, NOT_KNOWN, RIVALS, Ask, Finding, Path, Reasoning, Statement, Way

FORMAT = "usance/licenses/v1"
LINES_MAX = 200
"""Findings shown under each heading; how many more there are is said, and JSON has them all."""
NAMES_MAX = 20
NOT_SHOWN = (
    "no legal advice: classes are a reading aid, and what a text means is for those who know the law",
    "whether a licence reaches what was trained on the material is not settled; every path is shown",
    "licences that nobody said, sources that nobody logged, and agreements outside this log",
)
_HEADINGS = {
    "forbids rival models": "forbid rival models",
    "restricts commercial use": "restrict commercial use",
    "share-alike": "ask for share-alike",
    "attribution": "ask for attribution",
    "not known": "not known",
}


def license_lines(found: Reasoning) -> Iterator[str]:
    """One heading for each thing that licences ask; under it each licence, who says it, and along which path."""
    yield f"licences behind {found.title} ({found.root}), as of {found.size:,} entries"
    for what in ASKS:
        yield from _part(found, what)
    if found.free:
        yield "ask nothing of these:"
        yield from _cut([f"  {one.license} of {_named(one)}, {_speaker(one)}" for one in found.free], NAMES_MAX)
    if found.conflicts:
        yield "said differently of the same material:"
        lines = []
        for said in found.conflicts:
            lines.append(f"  {_titled(said[0].title, said[0].node)}")
            lines += [f"    {one.license} of {one.node}, {_speaker(one)}" for one in said]
        yield from _cut(lines, LINES_MAX)
    if found.contested:
        yield "claimed by several parties, of whom no one is taken for the owner:"
        yield from _cut([f"  {_titled(title, node)}" for node, title in found.contested], NAMES_MAX)
    if found.unlicensed:
        yield f"nobody says a licence of these {len(found.unlicensed):,} of {found.nodes:,} materials:"
        yield from _cut([f"  {_titled(title, node)}" for node, title in found.unlicensed], NAMES_MAX)
    for text in found.left_out:
        yield f"left out of the lineage: {text}"
    yield "NOT SHOWN: " + "; ".join(NOT_SHOWN)


def _part(found: Reasoning, what: str) -> Iterator[str]:
    asking = list(found.asking(what))
    if not asking:
        yield f"{_HEADINGS[what]}: none"
        return
    yield f"{_HEADINGS[what]}: {len(asking):,}"
    for finding, ask in asking[:LINES_MAX]:
        one = finding.statement
        yield f"  {one.license} of {_named(one)}, {_speaker(one)}{_qualified(finding, ask)}"
        yield f"    {path_text(found.root, finding.path)}"
        if what in (RIVALS, COMMERCE, NOT_KNOWN):
            for license_text, reason in _reasons(finding, what):
                yield f"    {license_text}: {reason}"
            if finding.read.has_choice:
                yield "    a choice: " + " | ".join(f"{text}: {effect_text(e)}" for text, e in finding.read.branches)
    if len(asking) > LINES_MAX:
        yield f"  and {len(asking) - LINES_MAX:,} more, with --json"


def _qualified(finding: Finding, ask: Ask) -> str:
    words = [ask.detail] if ask.detail else []
    if not ask.is_sure and finding.read.has_choice:
        words.append("not under every choice that it offers; the least restrictive may be taken")
    if finding.through_outputs:
        speaks = finding.speaks_of_outputs
        has = {"yes": "it has a term about them", "no": "it has no term about them"}.get(
            speaks, "unknown if it has one"
        )
        words.append(f"through a model's outputs: {has}")
    if finding.statement.disputes:
        words.append("that record is disputed: " + ", ".join(finding.statement.disputes))
    return f" ({'; '.join(words)})" if words else ""


def _reasons(finding: Finding, what: str) -> Iterator[tuple[str, str]]:
    for one in finding.read.licenses:
        is_it = {
            RIVALS: one.found.rivals is True,
            COMMERCE: one.found.commercial in ("non-commercial", "academic only"),
            NOT_KNOWN: one.found.commercial in ("unknown", "unspecified") or one.found.rivals is None,
        }[what]
        if is_it:
            by = one.found.by
            yield one.text, f"{one.found.reason} (classed by {by})" if by not in ("", OWN_TABLE) else one.found.reason


def effect_text(effect: Effect) -> str:
    """What an expression or one of its branches asks, in a few words."""
    words = ["commercial use " + " or ".join(sorted(effect.commercial))]
    flags = (
        ("attribution", effect.attribution), ("share-alike", effect.share_alike), ("no rival models", effect.rivals),
    )  # fmt: skip
    words += [name for name, outcomes in flags if YES in outcomes]
    return ", ".join(words)


def path_text(root: str, path: Path) -> str:
    """`12 -trained_on-> pkg:a/b -derived_from-> doi:10.1/x`; its middle counted where it was left out."""
    text = root if path.steps else f"{root} itself"
    for at, step in enumerate(path.steps):
        if path.omitted and at == path.at:
            text += f" … {path.omitted:,} steps …"
        text += f" -{','.join(step.relations)}-> {step.node}"
    return text


def _named(one: Statement) -> str:
    return f"{one.title!r} ({one.node})" if one.title != one.node else one.node


def _titled(title: str, node: str) -> str:
    return f"{title} ({node})" if title != node else node


def _speaker(one: Statement) -> str:
    index, _, digest = one.record.partition(":")
    return f"{one.standing} by {one.party_name!r} ({one.party[:8]}…) in {index}:{digest[:8]}…"


def _cut(lines: list[str], most: int) -> Iterator[str]:
    yield from lines[:most]
    if len(lines) > most:
        yield f"  and {len(lines) - most:,} more, with --json"


def license_value(found: Reasoning) -> dict[str, Any]:
    """The same as JSON, whole. What many findings share stands once: what a licence asks under `readings`, by its text;
    steps under `ways`, by their numbers. The path of a finding is its way, and back along `from` to way 0, the root."""
    reads = {one.statement.license: one for one in found.findings}
    return {
        "format": FORMAT,
        "root": found.root,
        "title": found.title,
        "size": found.size,
        "nodes": found.nodes,
        "findings": [
            {**_statement_value(one.statement), "way": one.way, "through_outputs": one.through_outputs}
            for one in found.findings
        ],
        "readings": {text: _reading_value(one) for text, one in reads.items()},
        "ways": [_way_value(found, one) for one in found.ways],
        "conflicts": [[_statement_value(one) for one in said] for said in found.conflicts],
        "contested": [{"node": node, "title": title} for node, title in found.contested],
        "free": [_statement_value(one) for one in found.free],
        "unlicensed": [{"node": node, "title": title} for node, title in found.unlicensed],
        "left_out": list(found.left_out),
        "not_shown": list(NOT_SHOWN),
    }  # fmt: skip


def _reading_value(one: Finding) -> dict[str, Any]:
    return {
        "asks": [
            {"what": ask.what, "detail": ask.detail or None, "under_every_choice": ask.is_sure} for ask in one.asks
        ],
        "effect": _effect_value(one.read.effect),
        "choices": _choices_value(one.read),
        "licenses": [
            {"license": it.text, "class": it.found.commercial, "reason": it.found.reason, "by": it.found.by or None}
            for it in one.read.licenses
        ],
        "unknown": list(one.read.unknown),
        "speaks_of_outputs": one.speaks_of_outputs,
    }  # fmt: skip


def _choices_value(read: Read) -> list[dict[str, Any]]:
    if not read.has_choice:
        return []
    return [{"license": text, "effect": _effect_value(effect)} for text, effect in read.branches]


def _effect_value(effect: Effect) -> dict[str, list[str]]:
    return {
        "commercial": sorted(effect.commercial),
        "attribution": sorted(effect.attribution),
        "share_alike": sorted(effect.share_alike),
        "rivals": sorted(effect.rivals),
    }


def _statement_value(one: Statement) -> dict[str, Any]:
    return {
        "node": one.node, "title": one.title, "license": one.license, "standing": one.standing, "party": one.party,
        "party_name": one.party_name, "record": one.record, "disputes": list(one.disputes),
    }  # fmt: skip


def _way_value(found: Reasoning, way: Way) -> dict[str, Any]:
    step = way.step
    if step is None:
        return {"to": found.root, "from": None}
    said = [{"index": one.index, "party": one.party, "party_name": one.party_name} for one in step.said_by]
    value = {"to": step.node, "from": way.before, "relations": list(step.relations), "said_by": said}
    return {**value, "said_by_others": step.others} if step.others else value
