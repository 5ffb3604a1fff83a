"""The summary of Art. 53(1)(d) AI Act and AB 2013, filled in from lineages made by hand."""

import json
import time
from typing import Any

import pytest

from node.lineage.graph import parse_graph
from node.reports.document import NO_FIELD, Item, Report, as_value, markdown
from node.reports.materials import gather
from proofs.errors import InputError
from tests.lineage.making import CURATOR, LAB, OWNER, Maker, use
from tests.reports.reporting import ab2013_of, art53_of

DAY = 86_400_000
SECONDS_MAX = 60  # a machine may be busy; what grows with the square of the sources takes far longer
TEMPLATE = ["1", "1.1", "1.2", "1.3", "2", *(f"2.{text}" for text in ("1", "2", "2.1", "2.2", "3", "4", "5", "6")), "3"]
TEMPLATE += ["3.1", "3.2", "3.3"]


def model(**said: Any) -> Maker:
    """A lineage whose root is a lab's model."""
    make = Maker("30")
    make.asset(30, "chat-model@2", type="model", party=LAB, record={"name": "chat-model", "version": "2"}, **said)
    return make


def source(make: Maker, at: int, **record: Any) -> None:
    """A data set of the owner's, on which the model was trained."""
    make.asset(at, f"set{at}", record=record)
    make.edge("30", str(at), "trained_on")


def art53(make: Maker) -> Report:
    """The summary for a made lineage."""
    return art53_of(parse_graph(make.json()))


def ab2013(make: Maker) -> Report:
    """The documentation for a made lineage."""
    return ab2013_of(parse_graph(make.json()))


def found(report: Report, number: str, label: str) -> Item:
    """One item of a section."""
    (one,) = [it for part in report.sections if part.number == number for it in part.items if it.label == label]
    return one


def abouts(report: Report, number: str, label: str) -> list[str]:
    """What the answers of an item are about."""
    return [answer.about for answer in found(report, number, label).answers]


def test_sections_are_numbered_as_the_template_s() -> None:
    """Art. 53: 1 to 3.3 of the AI Office's template; AB 2013: (a)(1) to (a)(12)."""
    assert [part.number for part in art53(model()).sections] == TEMPLATE
    assert [part.number for part in ab2013(model()).sections] == [f"(a)({at})" for at in range(1, 13)]


def test_nothing_logged_is_nothing_guessed() -> None:
    """A model without sources: name, version, owner and no other figure; the rest is missing, and never `no`."""
    report = art53(model())
    answered = [(part.number, it.label) for part in report.sections for it in part.items if it.answers]
    assert answered == [("1.1", "Provider name"), ("1.2", "Versioned model name(s)")]
    assert found(report, "3.2", "General description of measures taken").missing == NO_FIELD
    assert "no `no`" in found(report, "2.1", "Used").missing
    assert not [it for part in ab2013(model()).sections for it in part.items if it.answers]


@pytest.mark.parametrize(
    ("origin", "number", "label"),
    [
        ("public", "2.1", "List of publicly available datasets"),
        ("licensed", "2.2.1", "Datasets"),
        ("crawled", "2.3", "Type of content and online sources crawled"),
        ("user", "2.4", "User data"),
        ("synthetic", "2.5", "Synthetic data"),
        ("other", "2.6", "Other sources"),
    ],
)
def test_a_source_stands_in_the_section_of_its_origin(origin: str, number: str, label: str) -> None:
    """And in no other; the section's other questions are then asked too."""
    make = model()
    source(make, 10, origin=origin)
    report = art53(make)
    assert abouts(report, number, label) == ["10"]
    used = [part.number for part in report.sections for it in part.items if it.label == "Used" and it.answers]
    assert used == [number]


def test_a_source_without_an_origin_is_put_nowhere() -> None:
    """It is listed as one of which nobody logged an origin."""
    make = model()
    source(make, 10)
    report = art53(make)
    assert abouts(report, "2.x", "Sources without an origin") == ["10"]
    assert not [it for part in report.sections for it in part.items if it.label == "Used" and it.answers]


def test_curators_who_differ_stand_side_by_side() -> None:
    """A source of two origins stands under both, each statement with its author as concluded."""
    make = model()
    make.external("pkg:generic/x/web", {"origin": "crawled", "license": "MIT"},
                  {"origin": "public", "party": OWNER, "license": "CC-BY-4.0"})  # fmt: skip
    make.edge("30", "pkg:generic/x/web", "trained_on")
    report = art53(make)
    assert abouts(report, "2.1", "List of publicly available datasets") == ["pkg:generic/x/web"]
    assert abouts(report, "2.3", "Type of content and online sources crawled") == ["pkg:generic/x/web"]
    licences = found(report, "3.1", "Licences of the sources").answers
    assert [(one.quoted, one.standing, one.sources[0].party) for one in licences] == [
        ("MIT", "concluded", CURATOR), ("CC-BY-4.0", "concluded", OWNER),
    ]  # fmt: skip


def test_sums_say_of_how_many() -> None:
    """Bytes and items are added up by modality over direct sources only; who logged none is counted, not guessed."""
    make = model()
    source(make, 10, modality="text", bytes=1000, items=3, root="aa" * 32)
    source(make, 11, modality="text", bytes=500, items=1, root="bb" * 32)
    source(make, 12, modality="text")
    make.asset(13, "part", record={"modality": "text", "bytes": 7, "items": 1, "root": "cc" * 32})
    make.edge("10", "13", "contains")
    source(make, 14, modality="image", bytes=9, items=1, root="dd" * 32)
    report = art53(make)
    size = found(report, "1.3", "Training data size in bytes")
    image, answer = size.answers
    assert (image.value["sum"], image.quoted) == ("9", "image")
    assert answer.value == {"sum": "1500", "of": 2, "sources": 3, "cut": False, "group": "text"}
    assert answer.text == "1,500 bytes (sum over 2 of 3 direct sources), modality"
    assert "1 of 4 direct sources" in size.note
    assert {one.record for one in answer.sources} == {f"{at}:{at:064x}" for at in (10, 11)}
    (items,) = found(ab2013(make), "(a)(3)", "Items of the direct sources").answers
    assert items.value["sum"] == "5"


def test_large_integers_are_exact() -> None:
    """Sizes beyond 2^53 come as decimal strings and are added up exactly."""
    make = model()
    source(make, 10, bytes=str(2**62), items=str(2**60), root="aa" * 32)
    source(make, 11, bytes=str(2**62 + 1), items=1, root="bb" * 32)
    (answer,) = found(art53(make), "1.3", "Training data size in bytes").answers
    assert answer.value["sum"] == str(2**63 + 1)


def test_figures_that_curators_dispute_are_not_added_up() -> None:
    """Where the owner says one, it is taken; where others differ, who claims a name among them, none is."""
    make = model()
    for name, sizes in (("a", (5, 6)), ("b", (7, 7))):
        described = [
            {"bytes": size, "items": 1, "root": "aa" * 32, "party": party}
            for size, party in zip(sizes, (CURATOR, OWNER), strict=True)
        ]
        make.external(f"pkg:generic/x/{name}", *described)
        make.edge("30", f"pkg:generic/x/{name}", "trained_on")
    make.asset(10, "own", record={"bytes": 100, "items": 1, "root": "bb" * 32, "aka": ["pkg:generic/x/own"]})
    make.external("pkg:generic/x/own", {"bytes": 99, "items": 1, "root": "cc" * 32}, claimed_by=["10"])
    make.edge("pkg:generic/x/own", "10", kind="claim", relations=[])
    make.edge("30", "pkg:generic/x/own", "trained_on")
    make.asset(11, "owned", record={"bytes": 200, "items": 1, "root": "bb" * 32, "aka": ["pkg:generic/x/owned"]})
    make.external("pkg:generic/x/owned", {"bytes": 99, "items": 1, "root": "cc" * 32}, claimed_by=["11"])
    make.edge("pkg:generic/x/owned", "11", kind="claim", relations=[])
    make.edge("30", "11", "trained_on")
    size = found(art53(make), "1.3", "Training data size in bytes")
    assert [one.value["sum"] for one in size.answers] == ["207"]
    assert size.note == "The authors differ of 2 of 4 direct sources: no sum has them"


def test_the_latest_date_is_the_latest_that_is_logged() -> None:
    """With the record that says it, and how many sources say none; periods stand with each source."""
    make = model()
    source(make, 10, origin="crawled", collected_from=0, collected_until=20_000 * DAY)
    source(make, 11, origin="crawled", collected_until=19_000 * DAY)
    source(make, 12)
    report = art53(make)
    latest = found(report, "1.3", "Latest date of data acquisition/collection for model training")
    assert [(one.text, one.about) for one in latest.answers] == [("until 2024-10-04", "10")]
    assert latest.note == "Not logged for 1 of 3 sources"
    periods = found(report, "2.3", "Period of data collection")
    assert [one.text for one in periods.answers] == ["from 1970-01-01", "until 2024-10-04", "until 2022-01-08"]
    assert periods.note == "Not logged: 1 of 4 beginnings and ends"


def test_a_date_beyond_the_calendar_is_a_number() -> None:
    """A hostile clock makes no error."""
    make = model()
    source(make, 10, collected_until=str(2**63 - 1))
    (answer,) = found(ab2013(make), "(a)(10)", "Periods").answers
    assert answer.text == f"until {2**63 - 1} ms since 1970"


def test_synthetic_data_names_the_models_that_made_it() -> None:
    """Writers of sources, and models that it was distilled from; whether they are the provider's own is said."""
    make = model()
    make.asset(10, "answers", type="outputs")
    make.asset(29, "teacher", type="model", party=LAB)
    make.external("model:openai/gpt-3", {"type": "model", "title": "GPT-3"})
    make.edge("30", "10", "trained_on")
    make.edge("10", "model:openai/gpt-3", "generated_by")
    make.edge("30", "29", "distilled_from")
    report = art53(make)
    writers = found(report, "2.5", "Models that made it, or that the model was distilled from").answers
    assert [(one.about, one.value["wrote"], one.value["of_provider"]) for one in writers] == [
        ("29", ["30"], True), ("model:openai/gpt-3", ["10"], None),
    ]  # fmt: skip
    assert abouts(report, "2.5", "Synthetic data") == ["10"]
    assert not found(report, "1.2", "Model dependencies").answers
    said = found(ab2013(make), "(a)(12)", "Synthetic data").answers
    assert [answer.value for answer in said] == [True]
    twelfth = found(ab2013(make), "(a)(12)", "Models whose outputs are in the training data")
    assert [one.about for one in twelfth.answers] == ["29", "model:openai/gpt-3"]


def test_a_base_model_s_own_training_is_not_this_model_s() -> None:
    """A base model is a dependency; what it was trained on is left to its own summary."""
    make = model()
    make.external("model:meta/llama", {"type": "model"})
    make.external("pkg:generic/x/crawl", {"origin": "crawled"})
    make.edge("30", "model:meta/llama", "derived_from")
    make.edge("model:meta/llama", "pkg:generic/x/crawl", "trained_on")
    report = art53(make)
    assert abouts(report, "1.2", "Model dependencies") == ["model:meta/llama"]
    assert not found(report, "2.3", "Used").answers


def test_a_claim_puts_no_asset_in_the_place_of_what_was_logged() -> None:
    """Who claims a source's name is named as claiming it; the source stands under the name that the model's owner
    logged, with its title."""
    make = model()
    make.asset(10, "squat")
    make.external("pkg:generic/x/set", {"title": "set", "origin": "public"}, title="set", claimed_by=["10"])
    make.edge("pkg:generic/x/set", "10", kind="claim", relations=[])
    make.edge("30", "pkg:generic/x/set", "trained_on")
    (answer,) = found(art53(make), "2.1", "List of publicly available datasets").answers
    assert (answer.about, answer.quoted) == ("pkg:generic/x/set", "set")
    (owner,) = found(ab2013(make), "(a)(1)", "Owners, where they registered them in this log").answers
    assert (owner.about, owner.text) == ("pkg:generic/x/set", "asset 10 claims that name")


def test_what_it_was_evaluated_on_is_no_training_content() -> None:
    """Neither by an edge nor by a use; how many there are is said."""
    make = model()
    make.asset(10, "bench", record={"origin": "public"})
    make.edge("30", "10", "evaluated_on")
    for at, kind in ((11, "evaluate"), (12, "ground"), (13, "search")):
        make.asset(at, f"bench{at}", record={"origin": "public"}, uses=[use(kind, into="30")])
    report = art53(make)
    assert not found(report, "2.1", "Used").answers
    assert found(report, "1.3", "Additional comments").answers[0].value == 4


def test_uses_logged_into_the_model_count_as_sources() -> None:
    """With their count, status and charge, and licensed ones under 2.2.1 and (a)(6)."""
    make = model()
    make.asset(10, "corpus", uses=[use("train", into="30", uses=3, charge=12 * 10**9, currency="EUR")])
    report = art53(make)
    (answer,) = found(report, "2.2.1", "Uses for the model under terms of this log").answers
    assert (answer.about, answer.value) == ("10", {"charge": "12000000000", "currency": "EUR", "uses": 3})
    (charged,) = found(ab2013(make), "(a)(6)", "Uses for the model that were charged under terms of this log").answers
    assert charged.text == "used: 3 train licensed (12.00 EUR)"
    assert found(report, "3.1", "Logged uses for the model by their status in this log").answers[0].text == (
        "licensed: 3"
    )  # fmt: skip


def test_sources_behind_sources_are_listed_once() -> None:
    """By a shortest way, however cycles and claims go round; the model itself is no source of it."""
    make = model()
    source(make, 10, aka=["pkg:generic/x/a"], origin="public")
    for name in "abc":
        make.external(f"pkg:generic/x/{name}", {"origin": "public"}, claimed_by=["10"] if name == "a" else [])
    make.edge("pkg:generic/x/a", "10", kind="claim", relations=[])
    for one, other in (("a", "b"), ("b", "c"), ("c", "a"), ("c", "b")):
        make.edge(f"pkg:generic/x/{one}", f"pkg:generic/x/{other}")
    make.edge("pkg:generic/x/c", "30", "derived_from")
    training = gather(parse_graph(make.json()))
    a, b, c = (f"pkg:generic/x/{name}" for name in "abc")
    assert [(one.material.id, one.through.ids) for one in training.data] == [
        ("10", ()), (b, ("10",)), (c, ("10", b)), (a, ("10", b, c)),
    ]  # fmt: skip


@pytest.mark.parametrize("type_", ["dataset", "work", "outputs"])
def test_what_is_no_model_is_refused(type_: str) -> None:
    """An asset of another type, and a name of which nobody says that it is a model."""
    make = Maker("30")
    make.asset(30, "corpus", type=type_)
    with pytest.raises(InputError, match="no model"):
        art53(make)
    make = Maker("pkg:generic/x/a")
    make.external("pkg:generic/x/a", {"type": type_})
    with pytest.raises(InputError, match="no model"):
        ab2013(make)


def test_an_external_model_has_no_provider_here() -> None:
    """What curators say of it is concluded; a provider is nobody's word but an owner's."""
    make = Maker("model:openai/gpt-3")
    make.external("model:openai/gpt-3", {"type": "model", "title": "GPT-3", "version": "davinci"})
    make.external("pkg:generic/x/web", {"origin": "crawled"})
    make.edge("model:openai/gpt-3", "pkg:generic/x/web", "trained_on")
    report = art53(make)
    assert not found(report, "1.1", "Provider name").answers
    names = found(report, "1.2", "Versioned model name(s)").answers
    assert all(one.standing == "concluded" for one in names if one.text)
    assert abouts(report, "2.3", "Type of content and online sources crawled") == ["pkg:generic/x/web"]


def test_ten_thousand_sources_are_bounded() -> None:
    """A model of ten thousand sources in a chain and a fan is reported in seconds, in both forms."""
    make = model()
    for at in range(10_000):
        name = f"pkg:generic/x/{at}"
        make.external(name, {"origin": "public", "bytes": 1, "items": 1, "root": "aa" * 32})
        behind = "30" if at % 2 else f"pkg:generic/x/{at - 1}" if at else "30"
        make.value["edges"].append({
            "from": behind, "to": name, "relations": ["derived_from"], "bps": 0, "said_by": [], "kind": "source",
            "uses": [], "earned": [],
        })  # fmt: skip
    graph = parse_graph(make.value)
    began = time.monotonic()
    report = art53_of(graph)
    text = "\n".join(markdown(report))
    value = json.dumps(as_value(ab2013_of(graph)))
    assert time.monotonic() - began < SECONDS_MAX
    assert len(text) < 2_000_000
    assert len(value) < 20_000_000
    assert found(report, "2.1", "List of publicly available datasets").more == 9_000


def test_what_the_lineage_left_out_is_said() -> None:
    """In both forms, so that a summary of a part is not taken for the whole."""
    make = model()
    make.value["truncated"] = ["depth 2 reached at 3 nodes"]
    report = art53(make)
    assert "Left out of the lineage: depth 2 reached at 3 nodes." in list(markdown(report))
    assert as_value(report)["left_out"] == ["depth 2 reached at 3 nodes"]


def test_owners_are_named_by_what_they_registered() -> None:
    """(a)(1): each owner with its asset's record."""
    make = model()
    source(make, 10)
    (answer,) = found(ab2013(make), "(a)(1)", "Owners, where they registered them in this log").answers
    assert (answer.about, answer.value["party"], answer.sources[0].record) == ("10", OWNER, f"10:{10:064x}")


@pytest.mark.parametrize("license_", [None, "MIT"])
def test_a_licence_in_terms_is_declared(license_: str | None) -> None:
    """What an owner says in his terms stands beside what he says in the asset, and alone where that says none."""
    make = model()
    make.edge("30", "10", "trained_on")
    terms = {"ref": "12:" + "0c" * 32, "license": "CC-BY-NC-4.0", "currency": "EUR"}
    make.asset(10, "corpus", record={"license": license_} if license_ else {}, terms=terms)
    for number, report in (("3.1", art53(make)), ("(a)(5)", ab2013(make))):
        answers = found(report, number, "Licences of the sources").answers
        assert [answer.quoted for answer in answers] == [*filter(None, [license_]), "CC-BY-NC-4.0"]
        assert (answers[-1].standing, answers[-1].sources[0].record) == ("declared", terms["ref"])
