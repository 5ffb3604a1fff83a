"""The public summary of training content that Art. 53(1)(d) of the EU AI Act asks of a provider, from a lineage.

Headings and numbers are those of the AI Office's template (July 2025; C(2025) 8311). What stands under each is what the
log has; docs/reports.md says field by field where it comes from and what can't come from a log.
"""

from __future__ import annotations

from collections.abc import Iterable

from node.lineage.graph import Graph
from node.lineage.wording import use_words
from node.reports.answers import (
    LICENSED,
    NOT_SHOWN,
    SYNTHETIC,
    Found,
    basis,
    claim_answers,
    contested_items,
    entries,
    fact_answer,
    latest_item,
    licensed,
    no_field,
    of_origin,
    other_model_items,
    period_item,
    said,
    said_by,
    source_answer,
    source_items,
    synthetic,
    used_by,
    writer_answers,
    yes_item,
)
from node.reports.document import COUNTED, LOGGED, Answer, Item, Report, Section, Source, item
from node.reports.materials import Entry, Training
from node.reports.sums import sum_item
from node.reports.useanswers import latest_use_item, quantity_items, range_item
from node.reports.uses import UseFigures

FORMAT = "usance/report-art53/v1"
TITLE = "Public summary of training content for general-purpose AI models (Art. 53(1)(d) AI Act)"


def report_art53(graph: Graph, training: Training, uses: UseFigures) -> Report:
    """The summary for the lineage's root. `training`: what `gather` found in the graph; `uses`: what was read of the
    records of its uses."""
    sections = (
        Section("1", "General information"),
        Section("1.1", "Provider identification", tuple(_provider(training))),
        Section("1.2", "Model identification", tuple(_identification(training))),
        Section(
            "1.3", "Modalities, overall training data size and other characteristics", tuple(_size(training, uses))
        ),
        Section("2", "List of data sources"),
        *_sources(training),
        Section("3", "Data processing aspects"),
        *_processing(training),
    )
    model = training.model
    left_out = (*graph.truncated, *uses.left_out())
    return Report(FORMAT, TITLE, model.id, model.title, graph.size, basis(training), left_out, sections, NOT_SHOWN)


def _provider(training: Training) -> Iterable[Item]:
    names = tuple(claim_answers(training.model))
    notes = ["A name is a party's own claim; its key counts"] if names else []
    notes += ["Who claims a model's name needn't be its provider"] if training.model.claimants else []
    yield item("Provider name", names, note=". ".join(notes))
    yield item("Contact details", (), missing="not in a lineage; the provider's party record may have a URL")
    yield no_field("Authorised representative: name and contact details")


def _identification(training: Training) -> Iterable[Item]:
    model = training.model
    names = [fact_answer(None, fact) for name in ("name", "title") for fact in model.facts(name)]
    versions = [fact_answer(None, fact, text="version") for fact in model.facts("version")]
    yield item("Versioned model name(s)", names + versions, note="" if versions else "No version is logged")
    yield item(
        "Model dependencies", map(source_answer, training.bases),
        note="What these were trained on is for their own summaries" if training.bases else "",
    )  # fmt: skip
    yield from other_model_items(training)
    yield from contested_items(training)
    yield no_field("Date of placement of the model on the Union market")


def _size(training: Training, uses: UseFigures) -> Iterable[Item]:
    direct = training.direct
    yield said("Modality", direct, "modality")
    groups = _by_modality(direct)
    yield sum_item("Training data size in bytes", groups, "bytes", "bytes", training)
    yield sum_item("Training data size in items", groups, "items", "items (files of the manifests)", training)
    yield range_item("Training data size in the template's ranges (tokens, images, hours)", training, uses)
    yield from quantity_items(training, uses)
    yield said("Types of content (media types)", direct, "media")
    yield latest_item("Latest date of data acquisition/collection for model training", training.data)
    yield latest_use_item("Latest logged use for the model", training, uses)
    yield no_field("Whether data collection and training go on")
    yield no_field("Description of the linguistic characteristics of the overall training data")
    yield no_field("Other relevant characteristics of the overall training data")
    if training.evaluated:
        count = len(training.evaluated)
        text = f"{count:,} further: only evaluated on, searched or grounded on, so not training content"
        sources = tuple(source for one in training.evaluated for source in said_by(one))
        yield item("Additional comments", (Answer(text, COUNTED, sources, value=count),))


def _by_modality(direct: tuple[Entry, ...]) -> list[tuple[str, tuple[Entry, ...]]]:
    """The sources apart by the modality that is said of them; "" for those of which none is, or several are."""
    groups: dict[str, list[Entry]] = {}
    for one in direct:
        fact = one.material.figure("modality")
        groups.setdefault("" if fact is None else str(fact.value), []).append(one)
    return [(modality, tuple(groups[modality])) for modality in sorted(groups)]


def _sources(training: Training) -> Iterable[Section]:
    of = {origin: of_origin(training, origin) for origin in ("public", "crawled", "user", "other")}
    public, crawled, user, other = (entries(found) for found in of.values())
    yield _section(of["public"], "2.1", "Publicly available datasets", "logged with origin public", (
        said("Modalities of their content", public, "modality"),
        source_items("List of publicly available datasets", public),
        period_item("Period of data collection", public),
    ))  # fmt: skip
    yield Section("2.2", "Private non-publicly available datasets obtained from third parties")
    found = licensed(training)
    paid = entries(found)
    heading = "Datasets commercially licensed by rightsholders or their representatives"
    yield _section(found, "2.2.1", heading, LICENSED, (
        said("Modalities of their content", paid, "modality"),
        source_items("Datasets", paid),
        _licensed_uses(training),
    ))  # fmt: skip
    yield Section("2.2.2", "Private datasets obtained from other third parties", (
        no_field("Private datasets of other third parties", "A log has no origin of that kind"),
    ))  # fmt: skip
    yield _section(of["crawled"], "2.3", "Data crawled and scraped from online sources", "logged with origin crawled", (
        no_field("Crawler names or identifiers"),
        no_field("Purposes of the crawlers"),
        no_field("General description of crawler behaviour"),
        period_item("Period of data collection", crawled),
        source_items("Type of content and online sources crawled", crawled),
        said("Type of modality covered", crawled, "modality"),
        said("Addresses that were logged of them", crawled, "uri"),
        no_field("Summary of the most relevant domain names crawled"),
    ))  # fmt: skip
    yield _section(of["user"], "2.4", "User data", "logged with origin user", (
        no_field("Whether from interactions with the model, or with other services"),
        no_field("Services or products that collected it"),
        said("Modalities of the content", user, "modality"),
        source_items("User data", user),
        period_item("Period of data collection", user),
    ))  # fmt: skip
    made = synthetic(training)
    written = entries(made)
    yield _section(made, "2.5", "Synthetic data", SYNTHETIC, (
        said("Modality of the synthetic data", written, "modality"),
        source_items("Synthetic data", written),
    ), (
        item("Models that made it, or that the model was distilled from", writer_answers(training)),
        no_field("Whether those models are available on the market"),
    ) if made else ())  # fmt: skip
    yield _section(of["other"], "2.6", "Other sources of data", "logged with origin other", (
        source_items("Other sources", other),
    ))  # fmt: skip
    unknown = training.of_origin(None)
    if unknown:
        yield Section("2.x", "Sources of which nobody logged an origin: they belong to one of 2.1 to 2.6", (
            source_items("Sources without an origin", unknown),
        ))  # fmt: skip


def _section(
    found: list[Found], number: str, heading: str, what: str, items: tuple[Item, ...], always: tuple[Item, ...] = ()
) -> Section:
    """Whether there is such data, and what the template asks of it where there is."""
    asked = items if entries(found) else ()
    return Section(number, heading, (yes_item("Used", found, what=what), *asked, *always))


def _licensed_uses(training: Training) -> Item:
    answers = [
        Answer(
            f"used: {use_words([use])[0]}", LOGGED, (used_by(use),), about=one.material.id,
            value={"charge": str(use.charge), "currency": use.currency, "uses": use.uses},
        )
        for one in training.data for use in one.uses if use.status in ("licensed", "part-priced")
    ]  # fmt: skip
    return item("Uses for the model under terms of this log", answers)


def _processing(training: Training) -> Iterable[Section]:
    data = training.data
    yield Section("3.1", "Respect of reservation of rights from text and data mining exception or limitation", (
        no_field("Signatory to the Code of Practice"),
        no_field("Measures to respect reservations of rights before and during data collection"),
        said("Licences of the sources", data, "license"),
        _statuses(training),
        _disputed(training),
    ))  # fmt: skip
    yield Section("3.2", "Removal of illegal content", (no_field("General description of measures taken"),))
    yield Section("3.3", "Other information", (no_field("Other relevant information about data processing"),))


def _statuses(training: Training) -> Item:
    counts: dict[str, int] = {}
    users: dict[str, list[Source]] = {}
    for use in (use for one in training.data for use in one.uses):
        counts[use.status] = counts.get(use.status, 0) + use.uses
        users.setdefault(use.status, []).append(used_by(use))
    answers = [
        Answer(f"{status}: {count:,}", COUNTED, tuple(dict.fromkeys(users[status])), value=count)
        for status, count in sorted(counts.items())
    ]  # fmt: skip
    return item("Logged uses for the model by their status in this log", answers)


def _disputed(training: Training) -> Item:
    disputes = [
        Answer(f"record {one.target}, {one.state}, disputed in record {one.index}", LOGGED, about=used.material.id,
               value=one.index)
        for used in training.data for node in (*used.material.own, *used.material.packages) for one in node.disputes
    ]  # fmt: skip
    return item("Disputes about the sources' records", disputes)
