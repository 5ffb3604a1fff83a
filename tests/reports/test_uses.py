"""Figures from the records of uses: what was logged stands with its record, what wasn't is missing, never guessed."""

import pytest

from node.lineage.graph import parse_graph
from node.reports.document import NOBODY, Item, Report, as_value
from node.reports.materials import gather
from node.reports.useanswers import TOKEN_RANGES, UNREAD
from node.reports.uses import Logged, UseFigures
from tests.lineage.making import LAB, Maker, use
from tests.reports.reporting import DAY, ab2013_of, art53_of, logged

TOTAL, EACH = "Quantities of logged uses for the model", "Quantities of logged uses, by source"
RANGE = "Training data size in the template's ranges (tokens, images, hours)"
LATEST, FIRST = "Latest logged use for the model", "Dates of first use"


def model() -> Maker:
    """A lineage whose root is version 2 of a lab's model."""
    make = Maker("30")
    make.asset(30, "chat@2", type="model", party=LAB, record={"name": "chat", "version": "2"})
    return make


def source(make: Maker, at: int, *uses: dict[str, object], made: str = "30", **record: object) -> None:
    """A data set in the model, or in another material, with the lab's uses of it."""
    make.asset(at, f"set{at}", record=record, uses=list(uses))
    make.edge(made, str(at), "trained_on")


def art53(make: Maker, *records: Logged) -> Report:
    """The summary of a made lineage, with these records of uses."""
    return art53_of(parse_graph(make.json()), *records)


def ab2013(make: Maker, *records: Logged) -> Report:
    """The same of the documentation."""
    return ab2013_of(parse_graph(make.json()), *records)


def found(report: Report, label: str) -> Item:
    """The item of this label."""
    (one,) = [it for part in report.sections for it in part.items if it.label == label]
    return one


def totals(report: Report) -> dict[str, dict[str, str]]:
    """What was used in total, by use and unit."""
    return {one.value["use"]: one.value["quantities"] for one in found(report, TOTAL).answers}


def test_quantities_are_added_up_by_use_and_unit() -> None:
    """In total over direct sources, and for each source, every unit as it was logged: none is made into another."""
    make = model()
    source(make, 10, use(into="30", uses=2), use("finetune", into="30"))
    source(make, 11, use(into="30"))
    records = (
        logged("10", 100, token=1000, byte=7), logged("10", 101, token=100), logged("10", 102, use="finetune", item=3),
        logged("11", 103, token=5),
    )  # fmt: skip
    for report in (art53(make, *records), ab2013(make, *records)):
        assert totals(report) == {"finetune": {"item": "3"}, "train": {"byte": "7", "token": "1105"}}
        each = found(report, EACH).answers
        assert [(one.about, one.value["use"], one.value["quantities"]) for one in each] == [
            ("10", "train", {"byte": "7", "token": "1100"}), ("10", "finetune", {"item": "3"}),
            ("11", "train", {"token": "5"}),
        ]  # fmt: skip
        assert [one.record for one in each[0].sources] == [f"{at}:{at:064x}" for at in (100, 101)]
        assert {one.party for answer in each for one in answer.sources} == {LAB}
        assert not report.left_out


def test_sums_are_exact_beyond_64_bits() -> None:
    """A quantity has up to 2^63-1; sums in JSON are decimal strings."""
    make = model()
    source(make, 10, use(into="30", uses=2), modality="text")
    report = art53(make, *(logged("10", at, token=2**63 - 1) for at in (100, 101)))
    assert totals(report) == {"train": {"token": str(2**64 - 2)}}
    (answer,) = as_value(report)["sections"][3]["items"][3]["answers"]
    assert answer["value"]["token"] == str(2**64 - 2)


def test_what_lies_behind_sources_is_in_no_total() -> None:
    """Uses for a source of the model stand with their own source, and would count twice in the sum."""
    make = model()
    source(make, 10, use(into="30"))
    source(make, 11, use(into="10"), made="10")
    report = art53(make, logged("10", 100, token=5), logged("11", 101, into="10", token=7))
    assert totals(report) == {"train": {"token": "5"}}
    each = found(report, EACH).answers
    assert [(one.about, one.value["through"]) for one in each] == [("10", []), ("11", ["10"])]


def test_a_source_in_the_model_by_two_ways_has_the_uses_of_both() -> None:
    """What went into it directly is in the total; what went into another source of it stands with that way."""
    make = model()
    source(make, 10)
    source(make, 11, use(into="30"), use(into="10"))
    make.edge("10", "11", "derived_from")
    records = logged("11", 100, token=5, since=2 * DAY), logged("11", 101, into="10", token=7, since=DAY)
    report = ab2013(make, *records)
    assert totals(report) == {"train": {"token": "5"}}
    assert [(one.about, one.value["through"]) for one in found(report, EACH).answers] == [("11", []), ("11", ["10"])]
    assert [one.text for one in found(report, FIRST).answers] == ["from 1970-01-02 (train), through 1 other source"]


@pytest.mark.parametrize("name", ["=chat", "=chat@2"])
def test_uses_that_name_the_model_before_it_is_registered_count(name: str) -> None:
    """By `into_name`, as the log's rule has it: name, or name and version, of the same party's asset."""
    make = model()
    source(make, 10, use(into=name))
    assert totals(art53(make, logged("10", 100, into=name, token=5))) == {"train": {"token": "5"}}
    make = model()
    source(make, 10, {**use(into=name), "party": "dd" * 32})
    assert not gather(parse_graph(make.json())).data[0].uses


def test_what_a_provider_saw_adds_nothing() -> None:
    """It is the second meter of the same use: neither a figure nor a record that is waited for."""
    make = model()
    source(make, 10, use(into="30"), use(into="30", status="observed"))
    report = art53(make, logged("10", 100, token=5), logged("10", 101, status="observed", token=5))
    assert totals(report) == {"train": {"token": "5"}}
    assert not report.left_out


def test_what_puts_nothing_into_a_model_is_no_quantity_of_it() -> None:
    """Of a source that it was also evaluated on, only what it was trained on counts."""
    make = model()
    source(make, 10, use(into="30"), use("evaluate", into="30"))
    report = art53(make, logged("10", 100, token=5), logged("10", 101, use="evaluate", token=90))
    assert totals(report) == {"train": {"token": "5"}}


def test_corrections_stand_with_the_figure() -> None:
    """A figure after a correction names both records; a use corrected to nothing was none, and has no time."""
    make = model()
    source(make, 10, use(into="30", uses=2))
    source(make, 11, use(into="30"))
    records = (
        logged("10", 100, token=5, since=3 * DAY, until=4 * DAY, correction=110),
        logged("10", 101, since=DAY, until=9 * DAY, correction=111), logged("11", 102, correction=112),
    )  # fmt: skip
    (answer,) = found(art53(make, *records), EACH).answers
    assert answer.text == "train: 5 token (1 record, 1 corrected, 1 more corrected to nothing)"
    assert [answer.value[name] for name in ("records", "corrected", "annulled")] == [1, 1, 1]
    assert [one.record for one in answer.sources] == [f"100:{100:064x}", "110", "111"]
    assert [one.value for one in found(art53(make, *records), LATEST).answers] == [4 * DAY]
    first = found(ab2013(make, *records), FIRST)
    assert [(one.about, one.value) for one in first.answers] == [("10", 3 * DAY)]
    assert first.note == "Not logged for 1 of 2 sources"


def test_many_records_are_named_by_who_logged_them() -> None:
    """Up to four records stand with a figure; of more, the party."""
    make = model()
    source(make, 10, use(into="30", uses=5))
    (answer,) = found(art53(make, *(logged("10", at, token=1) for at in range(100, 105))), EACH).answers
    assert [(one.record, one.party) for one in answer.sources] == [("its usage records", LAB)]
    assert answer.text == "train: 5 token (5 records)"


@pytest.mark.parametrize(
    ("tokens", "name"),
    [
        (1, TOKEN_RANGES[0][1]), (10**9 - 1, TOKEN_RANGES[0][1]), (10**9, TOKEN_RANGES[1][1]),
        (10**13, TOKEN_RANGES[1][1]), (10**13 + 1, TOKEN_RANGES[2][1]),
    ],
)  # fmt: skip
def test_tokens_of_text_have_the_template_s_range(tokens: int, name: str) -> None:
    """Less than 1 billion, to 10 trillion, more; with the sum that it is made from and of how many sources."""
    make = model()
    source(make, 10, use(into="30"), modality="text")
    source(make, 11, modality="text")
    (answer,) = found(art53(make, logged("10", 100, token=tokens)), RANGE).answers
    assert answer.value == {"range": name, "token": str(tokens), "of": 1, "sources": 2}
    assert [one.record for one in answer.sources] == [f"100:{100:064x}"]


@pytest.mark.parametrize(
    ("modality", "kind", "unit"),
    [("text", "train", "byte"), ("text", "train", "item"), ("text", "train", "input_token"),
     ("image", "train", "token"), (None, "train", "token"), ("text", "redistribute", "token")],
)  # fmt: skip
def test_nothing_else_is_made_into_tokens(modality: str | None, kind: str, unit: str) -> None:
    """Neither bytes nor items, nor tokens of images or of nobody knows what; they stand as they were logged."""
    make = model()
    source(make, 10, use(kind, into="30"), **({"modality": modality} if modality else {}))
    report = art53(make, logged("10", 100, use=kind, **{unit: 10**12}))
    assert not found(report, RANGE).answers
    assert totals(report) == {kind: {unit: str(10**12)}}


def test_first_and_latest_use_are_the_records_own() -> None:
    """The earliest `from` of each source and the latest `until` of all, each with the record that says it."""
    make = model()
    source(make, 10, use(into="30", uses=2))
    source(make, 11, use("finetune", into="30"))
    records = (
        logged("10", 100, token=1, since=20 * DAY, until=40 * DAY),
        logged("10", 101, token=1, since=10 * DAY, until=DAY),
        logged("11", 102, use="finetune", token=1, since=15 * DAY, until=30 * DAY),
    )  # fmt: skip
    first = found(ab2013(make, *records), FIRST).answers
    assert [(one.about, one.text, one.sources[0].record[:4]) for one in first] == [
        ("10", "from 1970-01-11 (train)", "101:"), ("11", "from 1970-01-16 (finetune)", "102:"),
    ]  # fmt: skip
    (latest,) = found(art53(make, *records), LATEST).answers
    assert (latest.about, latest.text, latest.sources[0].record[:4]) == ("10", "until 1970-02-10 (train)", "100:")


def test_without_uses_the_figures_are_missing() -> None:
    """Nobody logged them, and nothing stands in their place."""
    make = model()
    source(make, 10, modality="text", bytes=1000, items=3, root="aa" * 32)
    report = art53(make)
    assert [found(report, label).missing for label in (TOTAL, EACH, RANGE, LATEST)] == [NOBODY] * 4
    assert not any(found(report, label).answers for label in (TOTAL, EACH, RANGE, LATEST))
    assert not found(ab2013(make), FIRST).answers
    assert not report.left_out


def test_a_part_of_the_records_makes_no_figure() -> None:
    """A source of which not every record was read has none, the others keep theirs, and it is said what is missing."""
    make = model()
    source(make, 10, use(into="30", uses=2), modality="text")
    source(make, 11, use(into="30"), modality="text")
    report = art53(make, logged("10", 100, token=5), logged("11", 101, token=7, until=DAY))
    assert totals(report) == {"train": {"token": "7"}}
    assert [one.about for one in found(report, EACH).answers] == ["11"]
    assert "of 1 source not all" in found(report, TOTAL).note.lower()
    assert report.left_out == ("quantities and times of 2 of 3 uses: not all of their records were read",)
    none = ab2013(make)
    assert {found(none, label).missing for label in (TOTAL, EACH, FIRST)} == {UNREAD}


def test_more_records_than_the_lineage_counts_make_no_figure() -> None:
    """Where a node's records and its lineage differ, neither is believed."""
    make = model()
    source(make, 10, use(into="30"))
    report = art53(make, logged("10", 100, token=5), logged("10", 101, token=5))
    assert not found(report, TOTAL).answers
    assert report.left_out


def test_uses_of_models_count_too() -> None:
    """What a teacher wrote for the model, by its use; the teacher once, whether it is a base as well."""
    make = model()
    make.asset(29, "teacher", type="model", uses=[use("distill", into="30")])
    make.edge("30", "29", "distilled_from", "derived_from")
    report = art53(make, logged("29", 100, use="distill", output_token=11))
    assert totals(report) == {"distill": {"output_token": "11"}}
    assert [one.about for one in found(report, EACH).answers] == ["29"]


def test_uses_by_a_claimed_name_are_the_name_s() -> None:
    """Uses by an asset and by a name that it claims stand with each as it was logged; each counts once in the sum."""
    make = model()
    source(make, 10, use(into="30"), aka=["pkg:generic/x/a"])
    make.external("pkg:generic/x/a", claimed_by=["10"], uses=[use(into="30")])
    make.edge("pkg:generic/x/a", "10", kind="claim", relations=[])
    records = logged("10", 100, token=5), logged("pkg:generic/x/a", 101, token=7)
    report = art53(make, *records)
    assert totals(report) == {"train": {"token": "12"}}
    assert [one.about for one in found(report, EACH).answers] == ["10", "pkg:generic/x/a"]
    uses = UseFigures(gather(parse_graph(make.json())))
    assert set(uses.pairs) == {("10", LAB), ("pkg:generic/x/a", LAB)}


@pytest.mark.parametrize(
    ("relation", "kind", "wrote"),
    [("derived_from", None, False), ("contains", None, False), ("trained_on", None, False),
     ("derived_from", "train", False), ("generated_by", None, True), ("distilled_from", None, True),
     ("derived_from", "infer", True), ("contains", "distill", True)],
)  # fmt: skip
def test_only_who_says_outputs_makes_a_writer(relation: str, kind: str | None, wrote: bool) -> None:
    """A model that data was derived from is listed with that relation; nobody says that its outputs are in the data."""
    make = model()
    source(make, 10)
    make.asset(9, "base", type="model", uses=[use(kind, into="10")] if kind else [])
    make.edge("10", "9", relation)
    training = gather(parse_graph(make.json()))
    assert [bool(training.writers), bool(training.others)] == [wrote, not wrote]
    other = "Other models that data was made from"
    for report, label in (
        (art53(make), "Models that made it, or that the model was distilled from"),
        (ab2013(make), "Models whose outputs are in the training data"),
    ):
        items = {one.label: one for part in report.sections for one in part.items}
        if wrote:
            assert [one.about for one in items[label].answers] == ["9"]
            assert other not in items
        else:
            assert label not in items or not items[label].answers
            assert [(one.about, one.value["in"], one.value["relations"]) for one in items[other].answers] == [
                ("9", ["10"], [relation])
            ]
    synthetic = found(ab2013(make), "Synthetic data")
    assert bool(synthetic.answers) == wrote
