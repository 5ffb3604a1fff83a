"""Answers that both reports give in the same words: facts with their authors, periods, and who wrote what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from node.lineage.graph import UseSum
from node.lineage.wording import use_words
from node.reports.authority import Fact, Material, source_of
from node.reports.document import (
    CLAIMED,
    COUNTED,
    DECLARED,
    DIFFER,
    LOGGED,
    NO_FIELD,
    NOBODY,
    USAGES,
    Answer,
    Item,
    Source,
    code,
    item,
    listed,
)
from node.reports.materials import MODEL, Entry, Training, Used, sources_of

WAYS_MAX = 8
"""Ways of one source, or things that one model wrote, that are shown; how many more there are is said."""
BASIS = (
    "Filled in from the lineage of a public log and from the records of uses: every figure stands with the record that "
    "says it and with that record's author. Declared: by the owner of the asset; concluded: in a description, of "
    "material that isn't its author's; claimed: in the record of an asset that claims the material's name, which is no "
    "ownership. Of each field the owner's word counts, else that of the model's provider, else everybody else's.",
    "A missing figure is printed as not logged. That nobody logged something doesn't mean that it isn't so.",
)
NOT_SHOWN = (
    "what nobody logged; uses that name the model without being a source of it are here only where their asset is",
    "whether a statement is true: records show who said it and when, not that it is so",
    "what the law asks beyond these headings: this is a draft for the provider, and no legal advice",
)
Found = tuple[Entry | Used, tuple[Source, ...]]
"""Something of a kind, and who says that it is of it."""
DAY_MS = 86_400_000
_DAYS_MAX = 2_932_896
"""The last day of the year 9999, since 1970."""


def day(ms: int) -> str:
    """The day of a time in Unix milliseconds, UTC, as 2026-01-31; the number itself beyond the year 9999."""
    if ms // DAY_MS > _DAYS_MAX:
        return f"{ms} ms since 1970"
    return datetime.fromtimestamp(ms // 1000, tz=UTC).date().isoformat()


def basis(training: Training) -> tuple[str, ...]:
    """What the report was made from, and whose words count where only some do."""
    if training.curators is None:
        return BASIS
    only = ", ".join(map(code, training.curators)) or "nobody"
    return (*BASIS, f"Chosen for this report: of everybody else's words only those of {only} count.")


def fact_answer(used: Entry | None, fact: Fact, words: Callable[[Any], str] | None = None, text: str = "") -> Answer:
    """One fact. `words`: how its value is written by us; a text of its author is quoted."""
    about = used.material.id if used else ""
    if words is None:
        return Answer(text, fact.standing, (fact.source,), quoted=str(fact.value), about=about, value=fact.value)
    return Answer(f"{text}{words(fact.value)}", fact.standing, (fact.source,), about=about, value=fact.value)


def said(label: str, used: Iterable[Entry], name: str, words: Callable[[Any], str] | None = None) -> Item:
    """An item with everything that counts in one field of these sources. How many say nothing, or are said
    differently, is noted."""
    every = tuple(used)
    pairs = list(sources_of(every, name))
    silent = len(every) - len({one.material.id for one, _ in pairs})
    differ = sum(one.material.differ(name) for one in every)
    notes = [silence(silent, len(every)) if pairs else "", _difference(differ, len(every))]
    return listed(label, pairs, lambda pair: fact_answer(*pair, words), note=". ".join(filter(None, notes)))


def silence(silent: int, total: int) -> str:
    """How many sources say nothing; "" where all do say it."""
    return f"Not logged for {silent:,} of {total:,} sources" if silent else ""


def _difference(differ: int, total: int, end: str = "") -> str:
    return f"The authors differ of {differ:,} of {total:,} sources{end}" if differ else ""


def source_items(label: str, used: Iterable[Entry]) -> Item:
    """A list of sources: how each got into the model, title, size and origin, each with who says it."""
    return listed(label, tuple(used), source_answer)


def source_answer(one: Entry) -> Answer:
    """One source: how it is joined with the model, and beneath it, each with its own record, further ways, uses,
    figures, where it is from, and what is contested."""
    ways = [(way, answer) for way in one.ways for answer in way_answers(way)]
    nearest, first = ways[0]
    more = [_placed(way, answer) for way, answer in ways[1 : WAYS_MAX + 1]]
    details = [*more, *_beyond(len(ways) - 1 - WAYS_MAX, "ways"), *_fact_details(one.material)]
    value = {
        "relations": list(one.relations), "through": list(one.through.ids), "through_count": one.through.steps,
        "uses": [use_value(use) for use in one.uses], "ways": [answer.value for _, answer in ways[: WAYS_MAX + 1]],
        "ways_count": len(ways), "contested": list(one.material.contested),
        "claimed_by": [node.id for node in one.material.claimants],
        "said": [
            {"field": name, "value": fact.value, "standing": fact.standing, "record": fact.source.record,
             "party": fact.source.party}
            for name in ("type", "version", "license", "origin", "modality", "media", "uri", "root", "items", "bytes",
                         "collected_from", "collected_until")
            for fact in one.material.facts(name)
        ],
    }  # fmt: skip
    return replace(
        first, text=f"{first.text}{through_words(nearest)}", quoted=_title(one.material), about=one.material.id,
        value=value, details=tuple(details),
    )  # fmt: skip


def way_answers(way: Used) -> Iterator[Answer]:
    """How a source is in one thing: what each record says of it, and uses by who logged them."""
    for one in way.statements:
        relations = [relation for relation in one.relations if relation in way.relations]
        if relations:
            yield Answer(
                ", ".join(relations), one.standing, one.sources,
                value={"into": way.made.id, "relations": relations, "standing": one.standing,
                       "records": [source.record for source in one.sources]},
            )  # fmt: skip
    by_party: dict[str, list[UseSum]] = {}
    for use in way.uses:
        by_party.setdefault(use.party, []).append(use)
    for uses in by_party.values():
        yield Answer(
            f"used: {', '.join(use_words(uses))}", LOGGED, (used_by(uses[0]),),
            value={"into": way.made.id, "uses": [use_value(use) for use in uses], "standing": LOGGED},
        )  # fmt: skip


def used_by(use: UseSum) -> Source:
    """Who logged uses, as a source."""
    return Source(USAGES, use.party, use.party_name)


def _placed(way: Used, answer: Answer) -> Answer:
    """With what it is in, where that isn't the model."""
    return answer if way.is_direct else replace(answer, text=f"{answer.text}, for", quoted=way.made.id)


def _title(material: Material) -> str:
    return material.title if material.title != material.id else ""


def through_words(way: Used) -> str:
    """Says of what isn't in the model itself how far behind it is."""
    steps = way.through.steps
    return f", through {steps:,} other source{'s'[: steps != 1]}" if steps else ""


def _beyond(count: int, what: str) -> list[Answer]:
    return [Answer(f"and {count:,} more {what}", COUNTED)] if count > 0 else []


def _fact_details(material: Material) -> Iterator[Answer]:
    """Figures and origin, what is said differently, and who claims a name."""
    for name, words in (("bytes", "{:,} bytes"), ("items", "{:,} items"), ("origin", "origin {}"), ("type", "type {}")):
        differ = material.differ(name)
        facts = material.facts(name)
        if name == "type" and not differ and {fact.value for fact in facts} != {MODEL}:
            continue
        for fact in facts[:WAYS_MAX]:
            text = words.format(fact.value)
            yield Answer(f"{text}: {DIFFER}" if differ else text, fact.standing, (fact.source,))
        yield from _beyond(len(facts) - WAYS_MAX, f"that say its {name}")
    for name in material.contested[:WAYS_MAX]:
        yield Answer("contested: assets of several parties claim", COUNTED, quoted=name)
    yield from _beyond(len(material.contested) - WAYS_MAX, "contested names")


def claim_answers(material: Material) -> Iterator[Answer]:
    """Who owns it in this log, or claims its name, which is no ownership."""
    if material.owner is not None:
        yield _party_answer(material, material.owner.id, source_of(material.owner), DECLARED, "")
    contested = ": contested" if material.contested else ""
    for node in material.claimants:
        words = f"asset {node.id} claims that name{contested}"
        yield _party_answer(material, node.id, source_of(node), CLAIMED, words)


def _party_answer(material: Material, asset: str, source: Source, standing: str, words: str) -> Answer:
    return Answer(
        words, standing, (source,), quoted=source.party_name, about=material.id,
        value={"party": source.party, "name": source.party_name, "asset": asset},
    )  # fmt: skip


def contested_items(training: Training) -> Iterator[Item]:
    """Where there are any: names of the model that assets of other parties claim too. Nothing of these is in it."""
    answers = [
        Answer(
            f"asset {node.id} claims that name too: contested", CLAIMED, (source_of(node),),
            quoted=str(node.party_name), about=name, value={"asset": node.id, "party": node.party},
        )
        for name, node in training.rivals
    ]  # fmt: skip
    if training.model.contested:
        names = ", ".join(map(code, training.model.contested[:WAYS_MAX]))
        note = f"Assets of several parties claim {names}. What others say of theirs is nothing of this model"
        yield item("Others that claim the model's name", answers, missing="they aren't in this lineage", note=note)


def use_value(use: UseSum) -> dict[str, Any]:
    """A sum of uses for JSON."""
    return {
        "use": use.use, "status": use.status, "uses": use.uses, "charge": str(use.charge), "currency": use.currency,
        "party": use.party, "party_name": use.party_name,
    }  # fmt: skip


def period_item(label: str, used: Iterable[Entry]) -> Item:
    """When sources were collected: each with its own period."""
    every = tuple(used)
    words = {"collected_from": "from ", "collected_until": "until "}
    said_of = [(one, fact, words[name]) for name in words for one, fact in sources_of(every, name)]
    silent = sum(not one.material.facts(name) for one in every for name in words)
    note = f"Not logged: {silent:,} of {2 * len(every):,} beginnings and ends" if said_of and silent else ""
    return listed(label, said_of, lambda one: fact_answer(one[0], one[1], day, one[2]), note=note)


def latest_item(label: str, used: Iterable[Entry]) -> Item:
    """The latest day until which any source was collected, with the record that says it. Of sources whose authors
    differ none is taken."""
    every = tuple(used)
    dated = [(one, fact) for one in every if (fact := one.material.figure("collected_until")) is not None]
    differ = sum(one.material.differ("collected_until") for one in every)
    if not dated:
        return item(label, (), missing=DIFFER if differ else NOBODY)
    one, fact = max(dated, key=lambda pair: pair[1].value)
    silent = sum(not one.material.facts("collected_until") for one in every)
    notes = [silence(silent, len(every)), _difference(differ, len(every), ": none of their dates is taken")]
    return item(label, (fact_answer(one, fact, day, "until "),), note=". ".join(filter(None, notes)))


def writer_answers(training: Training) -> Iterator[Answer]:
    """The models whose outputs are in the training data, each once, with what it wrote."""
    for used in _by_material(training.writers):
        material = used[0].material
        own = material.owner
        of = None if own is None or training.model.owner is None else own.party == training.model.owner.party
        words = {True: "of the provider", False: "of others", None: "not logged whose"}[of]
        yield _model_answer(used, words, {
            "wrote": [way.made.id for way in used[:WAYS_MAX]], "wrote_count": len(used),
            "relations": list(dict.fromkeys(relation for way in used for relation in way.relations)),
            "of_provider": of,
        })  # fmt: skip


def other_model_items(training: Training) -> Iterator[Item]:
    """Where there are any: models in the data of which nobody says that their outputs are, with what is said."""
    answers = [
        _model_answer(used, "joined with data", {
            "in": [way.made.id for way in used[:WAYS_MAX]], "in_count": len(used),
            "relations": list(dict.fromkeys(relation for way in used for relation in way.relations)),
            "uses": [use_value(use) for way in used for use in way.uses],
        })
        for used in _by_material(training.others)
    ]  # fmt: skip
    if answers:
        yield item(
            "Other models that data was made from", answers, note="Nobody says that outputs of these are in the data"
        )


def _by_material(ways: Iterable[Used]) -> Iterator[list[Used]]:
    found: dict[str, list[Used]] = {}
    for way in ways:
        found.setdefault(way.material.id, []).append(way)
    yield from found.values()


def _model_answer(used: list[Used], words: str, value: dict[str, Any]) -> Answer:
    """A model in one line, and beneath it each thing that it is joined with, and who says so."""
    ways = [replace(answer, about=way.made.id) for way in used[:WAYS_MAX] for answer in way_answers(way)]
    sources = tuple(source for way in used for source in said_by(way))
    return Answer(
        words, LOGGED, sources, quoted=_title(used[0].material), about=used[0].material.id,
        value={**value, "ways": [answer.value for answer in ways]},
        details=(*ways, *_beyond(len(used) - WAYS_MAX, "things")),
    )  # fmt: skip


def said_by(way: Used) -> tuple[Source, ...]:
    """Everybody who says that a source is in something, or used it for that."""
    sources = [source for one in way.statements for source in one.sources]
    return tuple(dict.fromkeys([*sources, *map(used_by, way.uses)]))


def of_origin(training: Training, origin: str) -> list[Found]:
    """The data of this origin, and who says so."""
    return [
        (one, tuple(fact.source for fact in one.material.facts("origin") if fact.value == origin))
        for one in training.of_origin(origin)
    ]  # fmt: skip


LICENSED = "logged with origin licensed, or charged for under terms of this log"


def licensed(training: Training) -> list[Found]:
    """The data that is LICENSED, and who says so: both reports answer by this."""
    known = {one.material.id: sources for one, sources in of_origin(training, "licensed")}
    found: list[Found] = []
    for one in training.data:
        charged = dict.fromkeys(used_by(use) for use in one.uses if use.charge)
        if one.material.id in known or charged:
            found.append((one, (*known.get(one.material.id, ()), *charged)))
    return found


SYNTHETIC = "logged with origin synthetic, as a model's outputs, or as a model that this one was distilled from"


def synthetic(training: Training) -> list[Found]:
    """What is SYNTHETIC, and who says so: both reports answer by this."""
    known = {one.material.id: sources for one, sources in of_origin(training, "synthetic")}
    written: dict[str, list[Source]] = {}
    for way in training.writers:
        written.setdefault(way.made.id, []).extend(said_by(way))
    found: list[Found] = []
    for one in training.data:
        typed = tuple(fact.source for fact in one.material.facts("type") if fact.value == "outputs")
        sources = (*known.get(one.material.id, ()), *typed, *written.get(one.material.id, ()))
        if typed or one.material.id in known or one.material.id in written:
            found.append((one, sources))
    return found + [(way, said_by(way)) for way in training.writers if way.is_direct]


def entries(found: Iterable[Found]) -> tuple[Entry, ...]:
    """The data among these, without models."""
    return tuple(one for one, _ in found if isinstance(one, Entry))


def yes_item(label: str, found: Sequence[Found], *, what: str) -> Item:
    """Yes where somebody says so of a source, with who does. Never no: that nobody logged one doesn't mean that there
    is none."""
    if not found:
        return item(label, (), missing=f"{NOBODY}; that is no `no`")
    sources = tuple(source for _, said in found for source in said)
    return item(label, (Answer(f"yes: {len(found):,} {what}", COUNTED, sources, value=True),))


def no_field(label: str, note: str = "") -> Item:
    """An item that can't come from a log."""
    return item(label, (), missing=NO_FIELD, note=note)
