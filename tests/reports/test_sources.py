"""Sources with every way by which they got in, sums without parts, and each figure beneath its own record."""

import re
from typing import Any

import pytest

from node.lineage.graph import parse_graph
from node.reports.document import Item, Report, markdown
from node.reports.materials import Training, gather
from tests.lineage.making import CURATOR, LAB, NAMES, OWNER, Maker, use
from tests.reports.reporting import ab2013_of, art53_of, logged

BYTES = "Training data size in bytes"
NOWHERE = "Sources without an origin"
WRITERS = "Models that made it, or that the model was distilled from"
TOTAL = "Quantities of logged uses for the model"
SIZED: dict[str, Any] = {"items": 1, "root": "aa" * 32}
BY_LAB = [{"index": 30, "party": LAB, "party_name": NAMES[LAB]}]


def model(**said: Any) -> Maker:
    """A lineage whose root is a lab's model."""
    make = Maker("30")
    make.asset(30, "chat", type="model", party=LAB, **said)
    return make


def source(
    make: Maker, at: int, *, made: str = "30", relation: str = "trained_on", uses: Any = (), **said: Any
) -> None:
    """A data set in the model, or in another material."""
    make.asset(at, f"set{at}", record=said, uses=list(uses))
    make.edge(made, str(at), relation)


def trained(make: Maker) -> Training:
    """What went into the model of a made lineage."""
    return gather(parse_graph(make.json()))


def found(report: Report, label: str) -> Item:
    """The item of this label."""
    (one,) = [it for part in report.sections for it in part.items if it.label == label]
    return one


def both(make: Maker) -> tuple[Report, Report]:
    """Both reports for a made lineage."""
    return art53_of(parse_graph(make.json())), ab2013_of(parse_graph(make.json()))


@pytest.mark.parametrize("steps", [1, 8, 12, 300])
def test_how_far_behind_a_source_is_is_its_true_number(steps: int) -> None:
    """However long the way, with its ends; what is kept of it is bounded."""
    make = model()
    for at in range(steps + 1):
        source(make, 100 + at, made=str(99 + at) if at else "30")
    last = trained(make).data[-1]
    assert (last.through.steps, last.through.ids[0], last.through.ids[-1]) == (steps, "100", str(99 + steps))
    assert len(last.through.ids) == min(steps, 8)
    answer = found(art53_of(parse_graph(make.json())), NOWHERE).answers[-1]
    assert answer.text == f"trained_on, through {steps} other source{'s' if steps > 1 else ''}"
    assert (answer.value["through_count"], answer.value["through"]) == (steps, list(last.through.ids))


@pytest.mark.parametrize("order", [(10, 12), (12, 10)])
def test_a_part_is_not_added_beside_its_whole(order: tuple[int, int]) -> None:
    """Whichever was logged first, and however deep it is contained; the report says so. A part whose whole has no
    figure counts."""
    for whole, total in (({"bytes": 100, **SIZED}, "100"), ({}, "30")):
        make = model()
        for at in order:
            source(make, at, **({"bytes": 30, **SIZED} if at == 12 else whole))
        source(make, 11, made="10", relation="contains", bytes=60, **SIZED)
        make.edge("11", "12", "contains")
        art53, ab2013 = both(make)
        for size in (found(art53, BYTES), found(ab2013, "Bytes of the direct sources")):
            assert [one.value["sum"] for one in size.answers] == [total]
            assert ("not added again" in size.note) == (total == "100")


def test_of_what_contains_each_other_one_is_added() -> None:
    """The first: there is no whole among external names that go round."""
    make = model()
    for name in "ab":
        make.external(f"pkg:generic/x/{name}", {"bytes": 50, **SIZED})
        make.edge("30", f"pkg:generic/x/{name}", "trained_on")
    make.edge("pkg:generic/x/a", "pkg:generic/x/b", "contains")
    make.edge("pkg:generic/x/b", "pkg:generic/x/a", "contains")
    assert found(both(make)[0], BYTES).answers[0].value["sum"] == "50"


def test_a_name_is_not_added_beside_the_asset_that_claims_it() -> None:
    """Nor one record's figure twice: a package's, for two of its versions."""
    make = model()
    source(make, 10, aka=["pkg:generic/x/a"], bytes=100, **SIZED)
    make.external("pkg:generic/x/a", {"bytes": 100, **SIZED}, claimed_by=["10"])
    make.edge("pkg:generic/x/a", "10", kind="claim", relations=[])
    make.edge("30", "pkg:generic/x/a", "trained_on")
    make.external("pkg:generic/x/b", {"bytes": 7, **SIZED})
    for at in (1, 2):
        make.external(f"pkg:generic/x/b@{at}")
        make.edge(f"pkg:generic/x/b@{at}", "pkg:generic/x/b", "version_of", said_by=[])
        make.edge("30", f"pkg:generic/x/b@{at}", "trained_on")
    size = found(both(make)[0], BYTES)
    assert size.answers[0].value["sum"] == "107"
    assert "2 of 4 direct sources: not added again" in size.note


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_source_by_several_ways_has_all_of_them(names: tuple[str, str]) -> None:
    """All relations, and each logged use once, in whatever order the ways are found."""
    make = model()
    behind = []
    for at, name in enumerate(names):
        make.asset(10 + at, name)
        make.edge("30", str(10 + at), "trained_on")
        behind.append(str(10 + at))
    make.asset(20, "base", uses=[use(into=at, uses=2) for at in behind])
    make.edge(behind[0], "20", "derived_from")
    make.edge(behind[1], "20", "contains")
    training = trained(make)
    (entry,) = [one for one in training.data if one.material.id == "20"]
    assert sorted(entry.relations) == ["contains", "derived_from"]
    assert sum(one.uses for one in entry.uses) == 4
    assert found(both(make)[0], "Logged uses for the model by their status in this log").answers[0].value == 4
    answer = next(one for one in found(both(make)[0], NOWHERE).answers if one.about == "20")
    assert (answer.value["ways_count"], {one["into"] for one in answer.value["ways"]}) == (4, {"10", "11"})
    modified = found(both(make)[1], "Sources of which something was derived on the way into the model")
    assert [one.about for one in modified.answers] == ["20"]


def test_a_use_by_a_name_without_a_version_counts_once() -> None:
    """For the version nearest to the model, though an older one is behind it."""
    make = model(record={"name": "chat", "version": "2"})
    make.asset(29, "chat", party=LAB, record={"name": "chat", "version": "1"})
    make.edge("30", "29", "derived_from")
    source(make, 10, uses=[use(into="=chat", uses=3)])
    make.edge("29", "10", "trained_on")
    report = art53_of(parse_graph(make.json()), *(logged("10", at, into="=chat", token=5) for at in range(3)))
    assert found(report, TOTAL).answers[0].value["quantities"] == {"token": "15"}
    assert found(report, "Logged uses for the model by their status in this log").answers[0].value == 3
    assert len(found(report, "Quantities of logged uses, by source").answers) == 1


def test_whose_a_writer_is_is_said_or_not_logged() -> None:
    """The provider's, others', or of a name that nobody registered: not guessed."""
    make = model()
    source(make, 10)
    make.asset(27, "own", type="model", party=LAB)
    make.asset(28, "theirs", type="model")
    make.external("model:openai/gpt-3", {"type": "model"})
    for writer in ("27", "28", "model:openai/gpt-3"):
        make.edge("10", writer, "generated_by")
    answers = found(both(make)[0], WRITERS).answers
    assert {one.about: (one.text, one.value["of_provider"]) for one in answers} == {
        "27": ("of the provider", True), "28": ("of others", False), "model:openai/gpt-3": ("not logged whose", None),
    }  # fmt: skip


def test_a_writer_stands_once_with_what_it_wrote() -> None:
    """Bounded, with how many more there are; each thing with who says so, also where only uses do."""
    make = model()
    for at in range(100, 112):
        source(make, at)
    make.asset(28, "writer", type="model", uses=[use("infer", into="100")])
    for at in range(101, 112):
        make.edge(str(at), "28", "generated_by", said_by=[{"index": at, "party": OWNER, "party_name": "Archive"}])
    for report, label in zip(both(make), (WRITERS, "Models whose outputs are in the training data"), strict=True):
        (answer,) = found(report, label).answers
        assert (answer.about, answer.value["wrote_count"], len(answer.value["wrote"])) == ("28", 12, 8)
        assert [one.about for one in answer.details[:2]] == ["100", "101"]
        assert [answer.details[at].sources[0].party for at in (0, 1)] == [LAB, OWNER]
        assert answer.details[-1].text == "and 4 more things"
        assert {one.party for one in answer.sources} == {LAB, OWNER}


def test_every_line_that_only_uses_join_names_who_logged_them() -> None:
    """In lists of sources, of base models and of other models; in Markdown too."""
    make = model()
    source(make, 10)
    for at, into, kind in ((11, "30", "dataset"), (12, "30", "model"), (13, "10", "model")):
        make.asset(at, f"set{at}", type=kind, uses=[use(into=into)])
    report = both(make)[0]
    for label, about in ((NOWHERE, "11"), ("Model dependencies", "12"), ("Other models that data was made from", "13")):
        (answer,) = [one for one in found(report, label).answers if one.about == about]
        assert [(one.record, one.party) for one in answer.sources] == [("its usage records", LAB)]
    assert "- `11` used: 1 train licensed: set11 (logged by Lab &" in "\n".join(markdown(report)).replace("\\", "")


def test_each_figure_stands_with_the_record_that_says_it() -> None:
    """In Markdown: the edge's record with the relation, a size's with the size, and so on; none with another's."""
    make = model()
    make.external("pkg:generic/x/a", {"bytes": 100, **SIZED, "origin": "user"})
    make.edge("30", "pkg:generic/x/a", "trained_on", said_by=BY_LAB)
    make.asset(10, "a", record={"aka": ["pkg:generic/x/a"], "bytes": 7, **SIZED, "origin": "user"})
    make.edge("pkg:generic/x/a", "10", kind="claim", relations=[])
    lines = [line.replace("\\", "") for line in markdown(both(make)[0])]
    said = {number: [line for line in lines if re.search(rf"\b{number} bytes", line)] for number in (100, 7)}
    description = parse_graph(make.json()).node("pkg:generic/x/a").descriptions[0].ref
    for number, words in ((100, f"concluded by Data Curators e.V. `{CURATOR[:16]}…` in `{description}`"),
                          (7, f"claimed by Example Archive `{OWNER[:16]}…` in `10:{10:064x}`")):  # fmt: skip
        assert said[number] == [f"  - {number} bytes: its authors differ ({words})"]
    assert f"- `pkg:generic/x/a` trained_on (declared by Lab & <Sons> `{LAB[:16]}…` in `30`)" in lines
    (yes,) = [line for line in lines if line.startswith("- yes: 1 logged with origin user")]
    assert description in yes
    assert f"10:{10:064x}" in yes


def test_of_many_records_the_first_stand_and_the_others_are_counted() -> None:
    """A sum of six sources names four records in Markdown, all in JSON; each figure stands with its own beneath."""
    make = model()
    for at in range(10, 16):
        source(make, at, bytes=at, **SIZED)
    report = both(make)[0]
    lines = list(markdown(report))
    (line,) = [line for line in lines if line.startswith("- 75 bytes")]
    assert line.endswith("and 2 more records)")
    assert len(found(report, BYTES).answers[0].sources) == 6
    assert [f"  - {at} bytes (declared by" in "\n".join(lines) for at in range(10, 16)] == [True] * 6


def test_sums_of_a_lineage_that_was_cut_say_so() -> None:
    """They are of the sources that were read, not of all."""
    make = model()
    make.value["truncated"] = ["900 materials left out"]
    source(make, 10, bytes=5, modality="text", uses=[use(into="30")], **SIZED)
    report = art53_of(parse_graph(make.json()), logged("10", 100, token=7))
    for label in (BYTES, TOTAL, "Training data size in the template's ranges (tokens, images, hours)"):
        (answer,) = found(report, label).answers
        assert "of 1 direct source among those read: the lineage was cut" in answer.text
    assert found(report, BYTES).answers[0].value["cut"] is True


def test_both_reports_say_the_same_of_what_was_licensed() -> None:
    """By its origin or by a charged use, under 2.2.1 and (a)(6); a free one is no licence that was paid."""
    make = model()
    source(make, 10, uses=[use(into="30", charge=5, currency="EUR")])
    source(make, 11, origin="licensed")
    source(make, 12, uses=[use(into="30")])
    art53, ab2013 = both(make)
    yes = [it for part in art53.sections for it in part.items if part.number == "2.2.1" and it.label == "Used"]
    assert yes[0].answers == found(ab2013, "Licensed").answers
    assert yes[0].answers[0].text.startswith("yes: 2 ")
    assert {one.party for one in yes[0].answers[0].sources} == {LAB, OWNER}
    for report, label in ((art53, "Datasets"), (ab2013, "Datasets that were licensed")):
        assert [one.about for one in found(report, label).answers] == ["10", "11"]
