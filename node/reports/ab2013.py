"""The documentation of training data that California's AB 2013 asks of a developer (Civil Code, section 3111), from a
lineage: items (a)(1) to (a)(12) of the section in their order.
"""

from __future__ import annotations

from collections.abc import Iterable

from node.lineage.graph import Graph
from node.lineage.wording import use_words
from node.reports.answers import (
    LICENSED,
    NOT_SHOWN,
    SYNTHETIC,
    basis,
    claim_answers,
    contested_items,
    entries,
    licensed,
    no_field,
    other_model_items,
    period_item,
    said,
    source_answer,
    source_items,
    synthetic,
    used_by,
    writer_answers,
    yes_item,
)
from node.reports.document import LOGGED, Answer, Item, Report, Section, item
from node.reports.materials import Training
from node.reports.sums import sum_item
from node.reports.useanswers import first_use_item, quantity_items
from node.reports.uses import UseFigures

FORMAT = "usance/report-ab2013/v1"
TITLE = "Training data documentation (California AB 2013, Civil Code section 3111)"


def report_ab2013(graph: Graph, training: Training, uses: UseFigures) -> Report:
    """The documentation for the lineage's root. `training`: what `gather` found in the graph; `uses`: what was read of
    the records of its uses."""
    model = training.model
    sections = (*_first(training, uses), *_rights(training), *_last(training, uses))
    left_out = (*graph.truncated, *uses.left_out())
    return Report(FORMAT, TITLE, model.id, model.title, graph.size, basis(training), left_out, sections, NOT_SHOWN)


def _first(training: Training, uses: UseFigures) -> Iterable[Section]:
    data, direct = training.data, training.direct
    yield Section("(a)(1)", "Sources or owners of the datasets", (
        source_items("Sources", data),
        item("Owners, where they registered them in this log",
             (answer for one in data for answer in claim_answers(one.material))),
        said("Addresses", data, "uri"),
        item("Base models, whose own training data isn't listed here",
             map(source_answer, training.bases)),
        *other_model_items(training),
        *contested_items(training),
    ))  # fmt: skip
    yield Section("(a)(2)", "How the datasets further the intended purpose", (
        no_field("Description", "What is logged is in which way each went in, with the sources under (a)(1)"),
    ))  # fmt: skip
    yield Section("(a)(3)", "Number of data points", (
        sum_item("Items of the direct sources", [("", direct)], "items", "items (files of the manifests)", training),
        sum_item("Bytes of the direct sources", [("", direct)], "bytes", "bytes", training),
        said("Items of each source", data, "items", lambda count: f"{count:,} items"),
        *quantity_items(training, uses),
        no_field("Data points", "An item of a manifest is a file, which may hold many data points"),
    ))  # fmt: skip
    yield Section("(a)(4)", "Types of data points", (
        said("Types of the sources", data, "type", str),
        said("Modalities", data, "modality"),
        said("Media types", data, "media"),
        no_field("Labels used, or the general characteristics of unlabelled data"),
    ))  # fmt: skip


def _rights(training: Training) -> Iterable[Section]:
    data = training.data
    yield Section("(a)(5)", "Data protected by copyright, trademark or patent, or in the public domain", (
        said("Licences of the sources", data, "license"),
        no_field("Whether data is so protected, or entirely in the public domain",
                 "A licence is the word of whoever states it; `usance report licenses` shows what each asks"),
    ))  # fmt: skip
    paid = licensed(training)
    yield Section("(a)(6)", "Whether the datasets were purchased or licensed by the developer", (
        yes_item("Licensed", paid, what=LICENSED),
        source_items("Datasets that were licensed", entries(paid)),
        _charged(training),
    ))  # fmt: skip
    yield Section("(a)(7)", "Personal information (section 1798.140(v))", (
        no_field("Whether the datasets include personal information"),
        source_items("User data: logged with origin user", training.of_origin("user")),
    ))  # fmt: skip
    yield Section("(a)(8)", "Aggregate consumer information (section 1798.140(b))", (
        no_field("Whether the datasets include aggregate consumer information"),
    ))  # fmt: skip


def _charged(training: Training) -> Item:
    answers = [
        Answer(
            f"used: {use_words([use])[0]}", LOGGED, (used_by(use),), about=one.material.id,
            value={"use": use.use, "uses": use.uses, "charge": str(use.charge), "currency": use.currency},
        )
        for one in training.data for use in one.uses if use.charge
    ]  # fmt: skip
    return item("Uses for the model that were charged under terms of this log", answers)


def _last(training: Training, uses: UseFigures) -> Iterable[Section]:
    data = training.data
    modified = tuple(one for one in data if "derived_from" in one.relations)
    yield Section("(a)(9)", "Cleaning, processing or other modification by the developer", (
        no_field("Cleaning, processing or modification, and its purpose"),
        source_items("Sources of which something was derived on the way into the model", modified),
    ))  # fmt: skip
    yield Section("(a)(10)", "Time period of collection", (
        period_item("Periods", data),
        no_field("Whether the collection is ongoing"),
    ))  # fmt: skip
    yield Section("(a)(11)", "Dates the datasets were first used during development", (
        first_use_item("Dates of first use", training, uses),
    ))  # fmt: skip
    yield Section("(a)(12)", "Synthetic data generation", (
        yes_item("Synthetic data", synthetic(training), what=SYNTHETIC),
        item("Models whose outputs are in the training data", writer_answers(training)),
        no_field("Functional need or purpose of the synthetic data; whether its generation goes on"),
    ))  # fmt: skip
