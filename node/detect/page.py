"""Findings as one page: owners, each finding with what it proves, and the passages side by side (docs/detect.md).

Texts and names are strangers' and hostile; everything goes through node/agents/page.py, which runs no script and
fetches nothing. Each text stands in an element of its own with its own direction, so that no text reorders another.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from node.agents.page import Content, Html, cell, join, number, page, pairs, section, table, tag
from node.detect.finding import LADDER, Finding, Findings, Named, OwnerFound, Passage
from node.detect.telling import (
    READ_SO,
    against_text,
    chance_text,
    looked_text,
    many,
    rate_text,
    rule_text,
    run_text,
    share,
    untold_text,
)

SHOWN_MAX = 200
"""Findings with their passages; the others are in the JSON."""
OWNERS_SHOWN_MAX = 1_000
STYLE = """
:root { color-scheme: light dark; --mark: #ffe58a; --soft: #f3f3f3; --line: #b5b5b5; }
body { max-width: 76rem; }
h3 { font-size: 1rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
.big { font-size: 1.15rem; margin: .8rem 0 1.2rem; }
article { border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; margin: 0 0 1rem; }
article dl { font-size: .9rem; }
.proves { margin: .6rem 0 .8rem; max-width: 60rem; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; margin: .6rem 0 0; }
.sides > div { min-width: 0; }
.side { font-size: .8rem; margin: 0 0 .2rem; }
blockquote { margin: 0; padding: .5rem .7rem; background: var(--soft); border-radius: .3rem; font-size: .9rem;
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
mark { background: var(--mark); color: inherit; border-radius: .15rem; padding: .05rem 0;
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.rung { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .8rem;
  font-weight: 400; white-space: nowrap; }
ol, ul { padding-left: 1.4rem; }
@media (max-width: 48rem) { .sides { grid-template-columns: 1fr; } }
@media screen and (prefers-color-scheme: dark) {
  :root { --mark: #6b5500; --soft: #23272e; --line: #4a4f57; }
  body { background: #15181c; color: #e6e6e6; }
  h2, thead th { border-bottom-color: #e6e6e6; }
  th, td { border-bottom-color: #4a4f57; }
  caption, .claim { color: #b9bec6; }
  pre { background: #23272e; }
}
@media print {
  article { border-radius: 0; }
  .sides > div { break-inside: avoid; }
  h3 { break-after: avoid; }
  blockquote { background: none; border: 1px solid var(--line); }
  mark { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
"""Marked text, too, has a contrast of 4.5 to 1 or more, in light and dark."""

_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n{3,}")
_HARMLESS = "\n\u00ad\u200c\u200d"  # joiners and soft hyphens, without which Persian and Hindi can't be read


def findings_page(found: Findings) -> str:
    """The page."""
    title = f"Findings in {many(found.looked_at.items, 'item')} against {found.against.name}"
    return page(
        title,
        tag("h1", "Findings"),
        tag("p", chance_text(found.looked_at), ".", class_="big"),
        _head(found),
        _owners(found),
        _all(found),
        _remarks(found),
        _how(),
        style=STYLE,
    )


def _bdi(text: str) -> Html:
    return tag("bdi", text, dir="auto")


def _head(found: Findings) -> Html:
    rows: list[tuple[Content, Content]] = [
        ("Looked at", looked_text(found)),
        ("Against", _bdi(against_text(found))),
        ("Rule", rule_text(found)),
        ("Error rates", join((_bdi(found.calibration.name), " ", tag("code", found.calibration.sha256[:16])))),
        ("Made", _time(found.made)),
    ]
    untold = untold_text(found)
    return pairs([*rows, ("Not told", untold)] if untold else rows)


def _time(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms // 1000, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"


def _owner(owner: OwnerFound) -> Html:
    if not owner.title:
        return _bdi(owner.owner)
    return join((_bdi(owner.title), " ", tag("span", _bdi(owner.owner), class_="claim")))


def _owners(found: Findings) -> Html:
    if not found.owners:
        return section("Owners", tag("p", "Nothing was found."))
    head = (cell("Owner"), number("Items"), number("Characters, about"), number("Longest run"), number("Matches"),
            cell("Policy"))  # fmt: skip
    rows = (
        (cell(_owner(owner)), number(f"{owner.items:,}"), number(f"{owner.characters:,}"), number(f"{owner.run:,}"),
         number(f"{owner.matches:,}"), cell(owner.policy or "none said"))
        for owner in found.owners[:OWNERS_SHOWN_MAX]
    )  # fmt: skip
    more = len(found.owners) - OWNERS_SHOWN_MAX
    return section(
        "Owners",
        table("By matched items, most first; runs in bytes of letters and digits", head, rows),
        *([tag("p", f"{more:,} more are in the JSON.")] if more > 0 else []),
    )


def _all(found: Findings) -> Html:
    if not found.findings:
        return join(())
    shown = found.findings[:SHOWN_MAX]
    titles = {owner.owner: owner for owner in found.owners}
    matches = found.looked_at.matches
    said = "" if len(shown) == matches else f"The best {len(shown):,} of {matches:,} matches."
    return section(
        "Passages", *([tag("p", said)] if said else []), *(_finding(one, titles[one.owner]) for one in shown)
    )


def _side(side: Named) -> Html:
    name = _bdi(side.name) if side.name else tag("code", side.sha256[:16])
    return join((name, f", {side.length:,} characters"))


def _finding(finding: Finding, owner: OwnerFound) -> Html:
    rows: list[tuple[Content, Content]] = [
        ("Looked at", join((_side(finding.item), f", {share(finding.of_item)} of it in the source"))),
        ("Source", join((_side(finding.source), f", {share(finding.of_source)} of it in the item"))),
        ("Longest run", f"{run_text(finding)} of letters and digits; {finding.hits:,} prints in both"),
        (
            "By chance",
            rate_text(finding.rate)
            + (f"; {finding.rate.pairs:,} unrelated pairs were measured" if finding.rate is not None else ""),
        ),
    ]
    if finding.registered is not None:
        rows.append(
            ("Registered", join(("before, with the root of its prints: ", tag("code", finding.registered.ref))))
        )
    rung = tag("span", f"{finding.rung} of {len(LADDER)}: {LADDER[finding.rung - 1]}", class_="rung")
    return tag(
        "article",
        tag("h3", f"{finding.number}. ", _bdi(finding.item.name), " and ", _owner(owner), " ", rung),
        pairs(rows),
        tag("p", finding.proves, class_="proves"),
        *(_passage(passage) for passage in finding.passages),
    )


def _passage(passage: Passage) -> Html:
    if passage.source is None:
        other = tag("p", "Only the source's prints are known, not its text.", class_="claim")
    else:
        other = tag("blockquote", *_marked(passage.source), dir="auto")
    return tag(
        "div",
        tag("div", tag("p", f"Looked at ({passage.characters:,} characters match)", class_="side"),
            tag("blockquote", *_marked(passage.item), dir="auto")),
        tag("div", tag("p", "Source", class_="side"), other),
        class_="sides",
    )  # fmt: skip


def _marked(parts: tuple[str, ...]) -> Iterator[Html]:
    for at, part in enumerate(parts):
        yield tag("mark", shown(part)) if at % 2 else shown(part)


def shown(text: str) -> Html:
    """Running text of a stranger, escaped: spaces are one kind, lines stay, what can't be seen or would reorder what is
    read is an escape."""
    plain = _LINES.sub("\n\n", _SPACES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))
    safe = "".join(c if c.isprintable() or c in _HARMLESS else c.encode("unicode_escape").decode() for c in plain)
    return Html(html.escape(safe, quote=True))


def _remarks(found: Findings) -> Html:
    remarks = found.looked_at.remarks
    if not remarks:
        return join(())
    head = (cell("What"), number("How many"), cell("First names"))
    rows = ((cell(one.reason), number(f"{one.count:,}"), cell(join(_listed(one.names)))) for one in remarks)
    return section("Left out, or not read as it stands", table("By reason", head, rows))


def _listed(names: tuple[str, ...]) -> Iterator[Content]:
    for at, name in enumerate(names):
        yield ", " if at else ""
        yield _bdi(name)


def _how() -> Html:
    rungs = (tag("li", rung) for rung in LADDER)
    return section(
        "How to read this",
        *(tag("p", said) for said in READ_SO),
        tag("p", "What shows most, first:"),
        tag("ol", *rungs),
    )
