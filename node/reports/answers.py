"""Answers that both reports give in the same words: facts with their authors, sums, periods, and who wrote what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from node.lineage.wording import use_words
from node.reports.document import COUNTED, LOGGED, NO_FIELD, NOBODY, Answer, Item, Source, item, listed
from node.reports.materials import Fact, Training, Used, sources_of

SPEAKERS_MAX = 4
"""Who logged an edge, in one answer."""
BASIS = (
    "Filled in from the lineage of a public log and from the records of uses: every figure stands with the record that "
    "says it and with that record's author. Declared: by the owner of the asset; concluded: by a curator, of material "
    "that isn't his.",
    "A missing figure is printed as not logged. That nobody logged something doesn't mean that it isn't so.",
)
NOT_SHOWN = (
    "what nobody logged; uses that name the model without being a source of it are here only where their asset is",
    "whether a statement is true: records show who said it and when, not that it is so",
    "what the law asks beyond these headings: this is a draft for the provider, and no legal advice",
)
DAY_MS = 86_400_000
_DAYS_MAX = 2_932_896
"""The last day of the year 9999, since 1970."""


def day(ms: int) -> str:
    """The day of a time in Unix milliseconds, UTC, as 2026-01-31; the number itself beyond the year 9999."""
    if ms // DAY_MS > _DAYS_MAX:
        return f"{ms} ms since 1970"
    return datetime.fromtimestamp(ms // 1000, tz=UTC).date().isoformat()


def fact_answer(used: Used | None, fact: Fact, words: Callable[[Any], str] | None = None, text: str = "") -> Answer:
    """One fact. `words`: how its value is written by us; a text of its author is quoted."""
    about = used.material.id if used else ""
    if words is None:
        return Answer(text, fact.standing, (fact.source,), quoted=str(fact.value), about=about, value=fact.value)
    return Answer(f"{text}{words(fact.value)}", fact.standing, (fact.source,), about=about, value=fact.value)


def said(
    label: str, used: Iterable[Used], name: str, words: Callable[[Any], str] | None = None, *, text: str = ""
) -> Item:
    """An item with everything that was said in one field of these sources; how many say nothing is noted."""
    every = tuple(used)
    pairs = list(sources_of(every, name))
    silent = len(every) - len({id(one) for one, _ in pairs})
    note = silence(silent, len(every)) if pairs else ""
    return listed(label, pairs, lambda pair: fact_answer(*pair, words, text), note=note)


def silence(silent: int, total: int) -> str:
    """How many sources say nothing; "" where all do say it."""
    return f"Not logged for {silent:,} of {total:,} sources" if silent else ""


def sum_item(label: str, groups: Iterable[tuple[str, tuple[Used, ...]]], name: str, unit: str) -> Item:
    """Sums of one figure over direct sources, for each group with its name (a stranger's text, or ""); each source
    counts once, by the owner's figure, else what all curators agree on. How many say none, or differ, is noted."""
    answers, unclear, total = [], 0, 0
    for group, used in groups:
        figures = [fact for fact in (one.material.figure(name) for one in used) if fact is not None]
        unclear += len(used) - len(figures)
        total += len(used)
        if figures:
            answers.append(_sum_answer(figures, group, unit, len(used)))
    note = f"Not logged, or said differently, for {unclear:,} of {total:,} direct sources: no sum has them"
    return item(label, answers, note=note if answers and unclear else "")


def _sum_answer(figures: list[Fact], group: str, unit: str, count: int) -> Answer:
    total = sum(fact.value for fact in figures)
    sources = tuple(dict.fromkeys(fact.source for fact in figures))
    kept = sources if len(sources) <= SPEAKERS_MAX else ()
    words = f"{total:,} {unit} (sum over {len(figures):,} of {count:,} sources; the records stand with each source)"
    value = {"sum": str(total), "of": len(figures), "sources": count, "group": group or None}
    return Answer(f"{words}, modality" if group else words, COUNTED, kept, quoted=group, value=value)


def source_items(label: str, used: Iterable[Used], training: Training) -> Item:
    """A list of sources: title, size, period, and how each got into the model."""
    return listed(label, tuple(used), lambda one: source_answer(one, training))


def source_answer(one: Used, training: Training) -> Answer:
    """One source in a line: how it is joined with the model, its figures, and who logged the edge."""
    words = [_joined(one, training)]
    for name, unit in (("bytes", "bytes"), ("items", "items")):
        fact = one.material.figure(name)
        if fact is not None:
            words.append(f"{fact.value:,} {unit}")
    sources = _sources(one)
    value = {
        "relations": list(one.relations), "through": list(one.through), "uses": [use_value(use) for use in one.uses],
        "said": [
            {"field": name, "value": fact.value, "standing": fact.standing, "record": fact.source.record,
             "party": fact.source.party}
            for name in ("type", "version", "license", "origin", "modality", "media", "uri", "root", "items", "bytes",
                         "collected_from", "collected_until")
            for fact in one.material.facts(name)
        ],
    }  # fmt: skip
    quoted = one.material.title if one.material.title != one.material.id else ""
    return Answer(", ".join(words), LOGGED, sources, quoted=quoted, about=one.material.id, value=value)


def _sources(one: Used) -> tuple[Source, ...]:
    """Who logged that it went in: the edges' speakers, else who used it."""
    speakers = [Source(str(who.index), who.party, who.party_name) for who in one.said_by]
    return tuple(dict.fromkeys(speakers))[:SPEAKERS_MAX]


def how_joined(one: Used) -> str:
    """Relations and uses in words: `trained_on; used: 3 train licensed`."""
    words = [relation for relation in one.relations if relation != "evaluated_on"]
    words += ["used: " + ", ".join(use_words(one.uses))] if one.uses else []
    return "; ".join(words)


def _joined(one: Used, training: Training) -> str:
    how = how_joined(one)
    return how if one.is_direct else f"{how}, through {len(one.through)} other source{'s'[: len(one.through) > 1]}"


def use_value(use: Any) -> dict[str, Any]:
    """A sum of uses for JSON."""
    return {
        "use": use.use, "status": use.status, "uses": use.uses, "charge": str(use.charge), "currency": use.currency,
        "party": use.party, "party_name": use.party_name,
    }  # fmt: skip


def period_item(label: str, used: Iterable[Used]) -> Item:
    """When sources were collected: each with its own period."""
    every = tuple(used)
    words = {"collected_from": "from ", "collected_until": "until "}
    said_of = [(one, fact, words[name]) for name in words for one, fact in sources_of(every, name)]
    silent = sum(not any(one.material.facts(name)) for one in every for name in words)
    note = f"Not logged: {silent:,} of {2 * len(every):,} beginnings and ends" if said_of and silent else ""
    return listed(label, said_of, lambda one: fact_answer(one[0], one[1], day, one[2]), note=note)


def latest_item(label: str, used: Iterable[Used]) -> Item:
    """The latest day until which any source was collected, with the record that says it."""
    every = tuple(used)
    dated = [(one, fact) for one, fact in sources_of(every, "collected_until")]
    if not dated:
        return item(label, ())
    one, fact = max(dated, key=lambda pair: pair[1].value)
    silent = sum(not any(one.material.facts("collected_until")) for one in every)
    return item(label, (fact_answer(one, fact, day, "until "),), note=silence(silent, len(every)))


def writer_answers(training: Training) -> Iterator[Answer]:
    """The models whose outputs are in the training data, each once for each thing that they wrote."""
    done = set()
    for used, made in training.writers:
        key = (used.material.nodes[0].id, made.nodes[0].id)
        if key in done:
            continue
        done.add(key)
        own = training.model.owners and used.material.owners
        is_own = bool(own) and used.material.owners[0].party == training.model.owners[0].party
        relation = ", ".join(one for one in used.relations if one != "evaluated_on") or "uses"
        what = "the model itself" if made is training.model else made.id
        words = f"{relation}, of {'the provider' if is_own else 'others'}"
        quoted = used.material.title if used.material.title != used.material.id else ""
        yield Answer(
            words, LOGGED, _sources(used), quoted=quoted, about=used.material.id,
            value={"wrote": what, "relations": list(used.relations), "of_provider": is_own},
        )  # fmt: skip


def other_model_items(training: Training) -> Iterator[Item]:
    """Where there are any: models in the data of which nobody says that their outputs are, with what is said."""
    answers = []
    for used, made in training.others:
        answers.append(Answer(
            f"{how_joined(used)}, for", LOGGED, _sources(used), quoted=made.id, about=used.material.id,
            value={"in": made.id, "relations": list(used.relations), "uses": [use_value(use) for use in used.uses]},
        ))  # fmt: skip
    if answers:
        yield item(
            "Other models that data was made from", answers, note="Nobody says that outputs of these are in the data"
        )


def yes_item(label: str, used: Iterable[Used], *, what: str) -> Item:
    """Yes where a source says so. Never no: that nobody logged one doesn't mean that there is none."""
    count = sum(1 for _ in used)
    if not count:
        return item(label, (), missing=f"{NOBODY}; that is no `no`")
    return item(label, (Answer(f"yes: {count:,} {what}", COUNTED, value=True),))


def no_field(label: str, note: str = "") -> Item:
    """An item that can't come from a log."""
    return item(label, (), missing=NO_FIELD, note=note)
