"""A page that stands alone: one HTML file without scripts, pictures or anything from elsewhere, made to be printed.

Names in it are hostile input: parties and assets choose them. Every text goes through `text`, tags are made by `tag`
alone, and a `Html` is what has been through them; a plain string can't get into a page unescaped. The content security
policy allows the page's own style by its hash and nothing else, so that a mistake here still runs nothing.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: #ffffff; color: #1a1a1a;
  font: 1rem/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 2px solid #1a1a1a; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: #4a4a4a; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #b5b5b5; }
bdi { overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid #1a1a1a; }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.due { font-size: 1.4rem; font-weight: 700; }
.claim { color: #4a4a4a; font-size: .85em; }
code, pre { font: .85em/1.4 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; background: #f3f3f3; padding: .6rem; margin: .3rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dt { font-weight: 700; }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } .scroll { overflow-x: auto; } }
@page { margin: 18mm 15mm; }
@media print {
  body { margin: 0; max-width: none; padding: 0; font-size: 10pt; }
  h2, caption { break-after: avoid; }
  thead { display: table-header-group; }
  tfoot { display: table-row-group; }
  tr, pre, dl > * { break-inside: avoid; }
  pre { background: none; border: 1px solid #b5b5b5; }
  .scroll { overflow: visible; }
}
"""
"""Text and background have a contrast of 8.8 to 1 or more."""


def policy(style: str) -> str:
    """A content security policy that lets this one style through, and nothing else."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


POLICY = policy(STYLE)
VOID = frozenset(("meta",))


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that may stand in a page as it is."""

    source: str


Content = Html | str


def text(value: str) -> Html:
    """A text, escaped; what can't be printed is shown as an escape, and it can't reorder what stands around it."""
    shown = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in value)
    return Html(html.escape(shown, quote=True))


def tag(name: str, *content: Content, **attributes: str) -> Html:
    """An element. Attributes: `class_` for `class`, `http_equiv` for `http-equiv`; values are escaped."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value).source}"' for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(content).source}</{name}>")


def join(content: Iterable[Content]) -> Html:
    """Several pieces, one after the other."""
    return Html("".join((item if isinstance(item, Html) else text(item)).source for item in content))


def claim(name: str, key: str) -> Html:
    """A name that somebody gave himself or his asset, kept apart from what stands beside it, and the key or reference
    that it goes with."""
    shown = tag("bdi", name) if name else tag("span", "(no name)", class_="claim")
    return join((shown, " ", tag("code", key, class_="claim")))


Cell = tuple[Content, str]
"""What stands in a cell, and its class: "" or "number"."""


def cell(content: Content) -> Cell:
    """A cell of words."""
    return content, ""


def number(content: Content) -> Cell:
    """A cell with a figure."""
    return content, "number"


def table(caption: str, head: Sequence[Cell], rows: Iterable[Sequence[Cell]], foot: Sequence[Cell] = ()) -> Html:
    """A table whose first column names its rows; column and row heads say what they are heads of."""
    parts = [tag("caption", caption), tag("thead", _row(head, "col"))]
    parts.append(tag("tbody", *(_row(row, "row") for row in rows)))
    if foot:
        parts.append(tag("tfoot", _row(foot, "row")))
    return tag("div", tag("table", *parts), class_="scroll")


def _row(cells: Sequence[Cell], scope: str) -> Html:
    made = []
    for place, (content, kind) in enumerate(cells):
        attributes = {"class_": kind} if kind else {}
        if scope == "col" or not place:
            made.append(tag("th", content, scope=scope, **attributes))
        else:
            made.append(tag("td", content, **attributes))
    return tag("tr", *made)


def pairs(rows: Iterable[tuple[Content, Content]]) -> Html:
    """Terms and what they are, as a list."""
    return tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in rows))


def section(title: str, *content: Content) -> Html:
    """A part of the page under a heading of the second level."""
    return tag("section", tag("h2", title), *content)


def page(title: str, *content: Content, style: str = "") -> str:
    """The whole file. `style`: what its kind of page adds to STYLE."""
    style = STYLE + style
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(style)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("title", title),
        Html(f"<style>{style}</style>"),
    )
    body = tag("body", tag("main", *content))
    return "<!DOCTYPE html>\n" + tag("html", head, body, lang="en").source + "\n"
