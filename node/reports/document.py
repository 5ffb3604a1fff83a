"""A report as a value, and its two forms: Markdown and JSON.

Every figure stands with the record that says it and with that record's author. What nobody logged is an item without
answers, printed as missing with the reason. Texts of strangers are escaped for Markdown: they can make no heading,
link, picture, table, code or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from node.printable import safe_line

DECLARED, CONCLUDED, CLAIMED, LOGGED, COUNTED = "declared", "concluded", "claimed", "logged", "counted"
"""Who stands behind an answer: the asset's owner of his own asset; a curator of material that isn't his; the owner of
an asset that claims the material's name, which is no ownership; whoever logged the use; this program, which added up
what others said."""
NOBODY = "nobody logged it"
DIFFER = "its authors differ"
NO_FIELD = "no record of a log has a field for it"
ANSWERS_MAX = 1000
"""Of one item; how many more there are is said."""
RECORDS_MAX = 4
"""That stand with one answer; how many more there are is said."""
T = TypeVar("T")
USAGES = "its usage records"
"""In place of one record's reference: a lineage adds uses up."""
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+.!|~&:@$=-])")
_TICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an answer stands. `record`: a reference or an index; `party`: hex."""

    record: str
    party: str
    party_name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `text`: of our own words; `quoted`: a stranger's text that follows; `about`: the id of the material
    that it is about; `value`: the same for programs; `details`: what its own records say of its parts, for people: for
    programs it is in `value`."""

    text: str
    standing: str
    sources: tuple[Source, ...] = ()
    quoted: str = ""
    about: str = ""
    value: Any = None
    details: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A question of the template. Without answers it is missing, for the reason `missing`; `note`: what else to know of
    the answers, as how many sources say nothing."""

    label: str
    answers: tuple[Answer, ...] = ()
    missing: str = NOBODY
    note: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A section by the number that the template gives it."""

    number: str
    heading: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report. `format`: of its JSON; `basis`: what it was made from, in our words; `left_out`: what the
    lineage left out, in the node's; `not_shown`: what it can't show."""

    format: str
    title: str
    model: str
    model_title: str
    size: int
    basis: tuple[str, ...]
    left_out: tuple[str, ...]
    sections: tuple[Section, ...]
    not_shown: tuple[str, ...]

    def missing(self) -> Iterator[tuple[Section, Item]]:
        """The items that nobody logged, for the provider to fill in."""
        for section in self.sections:
            for item in section.items:
                if not item.answers:
                    yield section, item


def item(label: str, answers: Iterable[Answer], *, missing: str = NOBODY, note: str = "") -> Item:
    """An item with at most ANSWERS_MAX answers; the others are counted."""
    return listed(label, tuple(answers), lambda answer: answer, missing=missing, note=note)


def listed(
    label: str, things: Sequence[T], answer: Callable[[T], Answer], *, missing: str = NOBODY, note: str = ""
) -> Item:
    """An item with an answer for each thing; for those beyond ANSWERS_MAX none is made, they are counted."""
    kept = tuple(answer(thing) for thing in things[:ANSWERS_MAX])
    return Item(label, kept, missing, note, max(0, len(things) - ANSWERS_MAX))


def escaped(text: str) -> str:
    """A stranger's text for Markdown: on one line, every sign that means something there written with a backslash."""
    return _MARKS.sub(r"\\\1", safe_line(text))


def code(text: str) -> str:
    """A stranger's text as a code span, whatever backticks are in it."""
    line = safe_line(text)
    longest = max((len(run) for run in _TICKS.findall(line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def markdown(report: Report) -> Iterator[str]:
    """The report's lines in CommonMark: headings, lists and no table."""
    yield f"# {report.title}"
    yield ""
    yield f"Model: {escaped(report.model_title)} ({code(report.model)}), as of {report.size:,} entries of the log."
    for text in (*report.basis, *(f"Left out of the lineage: {escaped(text)}." for text in report.left_out)):
        yield ""
        yield text
    for section in report.sections:
        yield ""
        yield f"{'#' * min(6, 2 + section.number.count('.'))} {_heading(section)}"
        for one in section.items:
            yield ""
            yield from _item_lines(one)
    missing = list(report.missing())
    yield ""
    yield f"## Missing: {len(missing)}"
    yield ""
    yield "These the provider has to fill in; nothing was guessed."
    yield ""
    for section, one in missing:
        yield f"- {section.number} {one.label}: {one.missing}"
    yield ""
    yield "## Not shown"
    yield ""
    for text in report.not_shown:
        yield f"- {text}"


def _heading(section: Section) -> str:
    """`2.1. Publicly available datasets`."""
    return f"{section.number}. {section.heading}" if section.number else section.heading


def _item_lines(one: Item) -> Iterator[str]:
    if not one.answers:
        yield f"**{one.label}:** not logged ({one.missing})"
        if one.note:
            yield ""
            yield f"{one.note}."
        return
    yield f"**{one.label}:**"
    yield ""
    for answer in one.answers:
        yield _answer_line(answer)
        for detail in answer.details:
            yield f"  {_answer_line(detail)}"
    if one.more:
        yield f"- and {one.more:,} more"
    if one.note:
        yield ""
        yield f"{one.note}."


def _answer_line(answer: Answer) -> str:
    about = f" {code(answer.about)}" if answer.about else ""
    words = [answer.text] if answer.text else []
    words += [escaped(answer.quoted)] if answer.quoted else []
    return f"-{about} {': '.join(words)} ({_said(answer)})"


def _said(answer: Answer) -> str:
    """Who says it, in which records: of more than RECORDS_MAX how many more there are."""
    sources = tuple(dict.fromkeys(answer.sources))
    who = ", ".join(
        f"{escaped(one.party_name)} {code(one.party[:16] + '…')} in "
        + (one.record if one.record == USAGES else code(one.record))
        for one in sources[:RECORDS_MAX]
    )
    more = len(sources) - RECORDS_MAX
    who += f" and {more:,} more record{'s'[: more != 1]}" if more > 0 else ""
    return f"{answer.standing} {'from' if answer.standing == COUNTED else 'by'} {who}" if who else answer.standing


def as_value(report: Report) -> dict[str, Any]:
    """The report as JSON."""
    return {
        "format": report.format,
        "title": report.title,
        "model": report.model,
        "model_title": report.model_title,
        "size": report.size,
        "basis": list(report.basis),
        "left_out": list(report.left_out),
        "sections": [
            {"number": part.number, "heading": part.heading, "items": [_item_value(one) for one in part.items]}
            for part in report.sections
        ],
        "missing": [
            {"section": section.number, "item": one.label, "reason": one.missing} for section, one in report.missing()
        ],
        "not_shown": list(report.not_shown),
    }


def _item_value(one: Item) -> dict[str, Any]:
    value: dict[str, Any] = {"label": one.label, "answers": [_answer_value(answer) for answer in one.answers]}
    if not one.answers:
        value["missing"] = one.missing
    if one.note:
        value["note"] = one.note
    if one.more:
        value["more"] = one.more
    return value


def _answer_value(answer: Answer) -> dict[str, Any]:
    return {
        "text": answer.text, "quoted": answer.quoted or None, "about": answer.about or None, "value": answer.value,
        "standing": answer.standing,
        "sources": [
            {"record": one.record, "party": one.party, "party_name": one.party_name}
            for one in dict.fromkeys(answer.sources)
        ],
    }  # fmt: skip
