"""Whose word counts in a report: the owner's, then the provider's, then everybody else's; claims merge nothing."""

from typing import Any

import pytest

from node.lineage.graph import parse_graph
from node.reports.document import DIFFER, Item, Report, markdown
from node.reports.materials import gather
from tests.lineage.making import CURATOR, LAB, OWNER, Maker, use
from tests.reports.reporting import DAY, ab2013_of, art53_of

PACKAGE = "pkg:huggingface/o/n"
BYTES = "Training data size in bytes"
LATEST = "Latest date of data acquisition/collection for model training"
LICENCES = "Licences of the sources"
DEPENDENCIES = "Model dependencies"
TITLE = {
    "public": "List of publicly available datasets", "crawled": "Type of content and online sources crawled",
    "user": "User data",
}  # fmt: skip
SIZED = {"items": 1, "root": "aa" * 32}


def model(**record: Any) -> Maker:
    """A lineage whose root is a lab's model."""
    make = Maker("30")
    make.asset(30, "chat", type="model", party=LAB, record=record)
    return make


def claim(make: Maker, asset: str, name: str) -> None:
    """An asset claims a name that is there."""
    make.edge(name, asset, kind="claim", relations=[])
    next(node for node in make.value["nodes"] if node["id"] == name)["claimed_by"].append(asset)


def art53(make: Maker, curators: list[str] | None = None) -> Report:
    """The summary for a made lineage."""
    return art53_of(parse_graph(make.json()), curators=curators)


def found(report: Report, label: str) -> Item:
    """The item of this label."""
    (one,) = [it for part in report.sections for it in part.items if it.label == label]
    return one


def abouts(report: Report, label: str) -> list[str]:
    """What the answers of an item are about; none where it isn't asked."""
    return [one.about for part in report.sections for it in part.items if it.label == label for one in it.answers]


def versions() -> Maker:
    """A model trained on two versions of a package, which each have their description."""
    make = model()
    make.external(PACKAGE)
    for at, (license_, origin) in enumerate((("CC-BY-NC-4.0", "public"), ("GPL-3.0-only", "crawled")), 1):
        name = f"{PACKAGE}@v{at}"
        make.external(name, {"license": license_, "origin": origin, "bytes": 100 * at, **SIZED})
        make.edge("30", name, "trained_on")
        make.edge(name, PACKAGE, "version_of", said_by=[])
    return make


def test_versions_of_a_claimed_package_are_sources_of_their_own() -> None:
    """Each stands with its own licence, origin and size; who claims the package merges nothing and adds nothing."""
    make = versions()
    make.asset(10, "n", record={"aka": [PACKAGE], "license": "MIT", "origin": "user", "bytes": 7, **SIZED})
    claim(make, "10", PACKAGE)
    report = art53(make)
    assert abouts(report, TITLE["public"]) == [f"{PACKAGE}@v1"]
    assert abouts(report, TITLE["crawled"]) == [f"{PACKAGE}@v2"]
    assert [(one.about, one.quoted) for one in found(report, LICENCES).answers] == [
        (f"{PACKAGE}@v1", "CC-BY-NC-4.0"), (f"{PACKAGE}@v2", "GPL-3.0-only"),
    ]  # fmt: skip
    assert found(report, BYTES).answers[0].value["sum"] == "300"


def test_a_package_s_word_holds_for_versions_of_which_nobody_says_one() -> None:
    """Its modality and claimant's media do; its licence, title and size don't, where the version has its own, and what
    is said of a version holds for no other, nor for the package."""
    make = versions()
    make.external(f"{PACKAGE}@v3")
    make.edge("30", f"{PACKAGE}@v3", "trained_on")
    make.edge("30", PACKAGE, "trained_on")
    make.edge(f"{PACKAGE}@v3", PACKAGE, "version_of", said_by=[])
    node = next(node for node in make.value["nodes"] if node["id"] == PACKAGE)
    other = Maker(PACKAGE)
    other.external(PACKAGE, {"license": "MIT", "modality": "text", "version": "9", "title": "n"})
    node["descriptions"] = other.value["nodes"][0]["descriptions"]
    training = gather(parse_graph(make.json()))
    said = {
        one.material.id[len(PACKAGE) :]: {name: [fact.value for fact in one.material.facts(name)]
                                          for name in ("license", "modality", "bytes", "version")}
        for one in training.data
    }  # fmt: skip
    assert said == {
        "": {"license": ["MIT"], "modality": ["text"], "bytes": [], "version": ["9"]},
        "@v1": {"license": ["CC-BY-NC-4.0"], "modality": ["text"], "bytes": [100], "version": []},
        "@v2": {"license": ["GPL-3.0-only"], "modality": ["text"], "bytes": [200], "version": []},
        "@v3": {"license": ["MIT"], "modality": ["text"], "bytes": [], "version": []},
    }


def test_a_claim_of_two_names_merges_neither() -> None:
    """Both logged data sets stay, each with its own licence; the claimant's stands beside, as claimed."""
    make = model()
    for name, license_ in (("y", "GPL-3.0-only"), ("z", "MIT")):
        make.external(f"pkg:generic/x/{name}", {"license": license_, "origin": "public"})
        make.edge("30", f"pkg:generic/x/{name}", "trained_on")
    make.asset(10, "s", record={"aka": ["pkg:generic/x/y", "pkg:generic/x/z"], "license": "0BSD"})
    for name in "yz":
        claim(make, "10", f"pkg:generic/x/{name}")
    report = art53(make)
    assert abouts(report, TITLE["public"]) == ["pkg:generic/x/y", "pkg:generic/x/z"]
    assert [(one.about[-1], one.quoted, one.standing) for one in found(report, LICENCES).answers] == [
        ("y", "GPL-3.0-only", "concluded"), ("y", "0BSD", "claimed"),
        ("z", "MIT", "concluded"), ("z", "0BSD", "claimed"),
    ]  # fmt: skip


def test_a_stranger_s_word_makes_no_data_set_a_model() -> None:
    """Where others differ of the type it stays listed as data, with what each says; an owner's own word ends it."""
    make = model()
    make.external("pkg:generic/x/set", {"type": "model", "origin": "crawled"})
    make.asset(10, "set", record={"aka": ["pkg:generic/x/set"], "origin": "crawled"})
    claim(make, "10", "pkg:generic/x/set")
    make.edge("30", "pkg:generic/x/set", "trained_on")
    make.edge("30", "10", "trained_on")
    report = art53(make)
    assert abouts(report, TITLE["crawled"]) == ["pkg:generic/x/set", "10"]
    assert abouts(report, DEPENDENCIES) == []
    named, owned = found(report, TITLE["crawled"]).answers
    assert not [one for one in owned.details if "type" in one.text]
    assert [(one.text, one.standing) for one in named.details if "type" in one.text] == [
        (f"type model: {DIFFER}", "concluded"), (f"type dataset: {DIFFER}", "claimed"),
    ]  # fmt: skip


def test_a_model_s_name_that_others_claim_is_contested() -> None:
    """Nothing of the other's is in the report but that he claims the name: neither provider, version nor sources."""
    make = model(aka=["model:lab/chat"], version="1")
    make.asset(31, "chat", type="model", record={"aka": ["model:lab/chat"], "version": "9"})
    make.external("model:lab/chat", {"type": "model", "title": "Chat"})
    for asset in ("30", "31"):
        claim(make, asset, "model:lab/chat")
    make.asset(11, "stolen", record={"origin": "crawled"})
    make.edge("31", "11", "trained_on")
    make.asset(10, "data", record={"origin": "public"})
    make.edge("30", "10", "trained_on")
    report = art53(make)
    assert [one.quoted for one in found(report, "Provider name").answers] == ["Lab & <Sons>"]
    assert [(one.quoted, one.standing) for one in found(report, "Versioned model name(s)").answers] == [
        ("chat", "declared"), ("Chat", "concluded"), ("1", "declared"),
    ]  # fmt: skip
    assert [one.material.id for one in gather(parse_graph(make.json())).data] == ["10"]
    for one in (report, ab2013_of(parse_graph(make.json()))):
        (rival,) = found(one, "Others that claim the model's name").answers
        assert (rival.about, rival.value["asset"], rival.standing) == ("model:lab/chat", "31", "claimed")
        assert "contested" in "\n".join(markdown(one))


def test_sources_that_others_say_of_the_model_s_name_are_theirs() -> None:
    """They are listed as concluded, with their authors, beside the provider's own."""
    make = model(aka=["model:lab/chat"])
    make.external("model:lab/chat")
    claim(make, "30", "model:lab/chat")
    for name in ("own", "said"):
        make.external(f"pkg:generic/x/{name}", {"origin": "public"})
    make.edge("30", "pkg:generic/x/own", "trained_on")
    make.edge("model:lab/chat", "pkg:generic/x/said", "trained_on")
    answers = found(art53(make), TITLE["public"]).answers
    assert [(one.about[-4:], one.standing) for one in answers] == [("/own", "declared"), ("said", "concluded")]
    for curators, listed in ((None, 2), ([CURATOR], 2), ([OWNER], 1)):
        assert len(gather(parse_graph(make.json()), curators).data) == listed


def test_a_claim_is_no_declaration() -> None:
    """A claimant's figure beats no curator's: where they differ nothing is added up; two claimants are contested."""
    make = model()
    make.external("pkg:generic/x/set", {"bytes": 100, **SIZED, "origin": "crawled"})
    make.asset(10, "set", record={"aka": ["pkg:generic/x/set"], "bytes": 7, **SIZED, "origin": "public"})
    make.asset(11, "set", party=CURATOR, record={"aka": ["pkg:generic/x/set"], "bytes": 7, **SIZED})
    make.edge("30", "pkg:generic/x/set", "trained_on")
    for asset in ("10", "11"):
        claim(make, asset, "pkg:generic/x/set")
    report = art53(make)
    assert (found(report, BYTES).answers, found(report, BYTES).missing) == ((), DIFFER)
    (answer,) = found(report, TITLE["public"]).answers
    assert [(one.text, one.standing) for one in answer.details if "bytes" in one.text] == [
        (f"100 bytes: {DIFFER}", "concluded"), (f"7 bytes: {DIFFER}", "claimed"), (f"7 bytes: {DIFFER}", "claimed"),
    ]  # fmt: skip
    assert answer.value["contested"] == ["pkg:generic/x/set"]
    owners = found(ab2013_of(parse_graph(make.json())), "Owners, where they registered them in this log").answers
    assert [(one.standing, one.text) for one in owners] == [
        ("claimed", f"asset {at} claims that name: contested") for at in (10, 11)
    ]  # fmt: skip


def test_the_provider_s_word_counts_before_others() -> None:
    """Of what it trained on: its description's origin and size, not those of others."""
    make = model()
    make.external("pkg:generic/x/set", {"bytes": 9, **SIZED, "origin": "user"},
                  {"bytes": 5, **SIZED, "origin": "public", "party": LAB})  # fmt: skip
    make.edge("30", "pkg:generic/x/set", "trained_on")
    report = art53(make)
    assert abouts(report, TITLE["public"]) == ["pkg:generic/x/set"]
    assert abouts(report, TITLE["user"]) == []
    assert found(report, BYTES).answers[0].value["sum"] == "5"


def test_the_latest_date_is_by_the_same_rule() -> None:
    """An owner's date, whatever a stranger says of a name that he claims; of those who differ none."""
    make = model()
    make.asset(10, "set", record={"aka": ["pkg:generic/x/a"], "collected_until": 10 * DAY})
    make.external("pkg:generic/x/a", {"collected_until": 900 * DAY})
    claim(make, "10", "pkg:generic/x/a")
    make.edge("30", "10", "trained_on")
    make.external("pkg:generic/x/b", {"collected_until": 800 * DAY}, {"collected_until": 5 * DAY, "party": OWNER})
    make.edge("30", "pkg:generic/x/b", "trained_on")
    latest = found(art53(make), LATEST)
    assert [(one.about, one.value) for one in latest.answers] == [("10", 10 * DAY)]
    assert latest.note == "The authors differ of 1 of 2 sources: none of their dates is taken"


def test_a_provider_chooses_whose_word_counts() -> None:
    """Of everybody else only the chosen parties'; owners and the provider keep theirs, and the report says so."""
    make = model()
    make.external("pkg:generic/x/a", {"bytes": 9, **SIZED}, {"bytes": 5, **SIZED, "party": OWNER})
    make.external("pkg:generic/x/b", {"bytes": 30, **SIZED, "party": LAB})
    make.asset(10, "set", record={"bytes": 200, **SIZED})
    for name in ("pkg:generic/x/a", "pkg:generic/x/b", "10"):
        make.edge("30", name, "trained_on")
    sums = {
        only: found(art53(make, curators), BYTES).answers[0].value["sum"]
        for only, curators in (("", None), ("curator", [CURATOR]), ("owner", [OWNER]), ("nobody", []))
    }  # fmt: skip
    assert sums == {"": "230", "curator": "239", "owner": "235", "nobody": "230"}
    assert CURATOR in art53(make, [CURATOR]).basis[-1]
    assert "nobody" in art53(make, []).basis[-1]


@pytest.mark.parametrize(("relation", "bases"), [("derived_from", True), ("trained_on", False), ("contains", False)])
def test_what_a_model_is_derived_from_is_its_base_though_nobody_described_it(relation: str, bases: bool) -> None:
    """A card may name its base by an address that doesn't say what it is; a description that does is heard, and what it
    was trained on is data."""
    for described, is_base in ((None, bases), ({"type": "dataset"}, False), ({"type": "model"}, True)):
        make = model()
        make.external("pkg:huggingface/lab/base", *([described] if described else []))
        make.edge("30", "pkg:huggingface/lab/base", relation)
        assert abouts(art53(make), DEPENDENCIES) == (["pkg:huggingface/lab/base"] if is_base else [])


def test_what_anything_was_distilled_from_is_a_model() -> None:
    """Though nobody described it: a teacher, of the model and of its data, wherever else it stands."""
    make = model()
    make.external("pkg:huggingface/lab/teacher")
    make.asset(10, "answers", record={"origin": "synthetic"})
    make.asset(11, "more", record={"origin": "public"})
    for made in ("10", "11"):
        make.edge("30", made, "trained_on")
    make.edge("11", "pkg:huggingface/lab/teacher", "contains")
    make.edge("10", "pkg:huggingface/lab/teacher", "distilled_from")
    report = art53(make)
    for label in ("Models that made it, or that the model was distilled from", "Other models that data was made from"):
        assert abouts(report, label) == ["pkg:huggingface/lab/teacher"]
    assert [one.material.id for one in gather(parse_graph(make.json())).data] == ["10", "11"]


def test_uses_into_an_asset_that_claims_a_source_are_its_claimant_s() -> None:
    """They count for the claimed name, but not where its claimant's word isn't asked for."""
    make = model()
    make.external("pkg:generic/x/a", {"type": "dataset"})
    make.asset(10, "a", record={"aka": ["pkg:generic/x/a"]})
    claim(make, "10", "pkg:generic/x/a")
    make.edge("30", "pkg:generic/x/a", "trained_on")
    make.asset(11, "part", uses=[use(into="10")])
    for curators, listed in ((None, ["pkg:generic/x/a", "11"]), ([CURATOR], ["pkg:generic/x/a"])):
        assert [one.material.id for one in gather(parse_graph(make.json()), curators).data] == listed


def test_a_package_s_sources_are_told_once() -> None:
    """Where nobody says any of its versions: for the first of them, so that a thousand of each make no million ways."""
    make = model()
    for at in range(1000):
        make.external(f"pkg:generic/x/part{at}")
        make.edge(PACKAGE, f"pkg:generic/x/part{at}")
        make.external(f"{PACKAGE}@{at}")
        make.edge("30", f"{PACKAGE}@{at}", "trained_on")
        make.edge(f"{PACKAGE}@{at}", PACKAGE, "version_of", said_by=[])
    make.external(PACKAGE)
    data = gather(parse_graph(make.json())).data
    assert (len(data), sum(len(one.ways) for one in data)) == (2000, 2000)


def test_a_package_s_sources_are_those_of_versions_of_which_nobody_says_any() -> None:
    """What is said to be in one version isn't what is in its package, nor the other way round."""
    make = versions()
    for name in ("own", "part"):
        make.external(f"pkg:generic/x/{name}")
    make.edge(f"{PACKAGE}@v1", "pkg:generic/x/own")
    make.edge(PACKAGE, "pkg:generic/x/part")
    data = gather(parse_graph(make.json())).data
    ways = [(one.material.id, way.made.id) for one in data if not one.is_direct for way in one.ways]
    assert ways == [("pkg:generic/x/own", f"{PACKAGE}@v1"), ("pkg:generic/x/part", f"{PACKAGE}@v2")]


def test_of_many_claimants_the_oldest_are_heard() -> None:
    """At most 64 of a name, whatever the order of the lineage; and of the names of an asset the first that it lists."""
    make = model()
    make.external("pkg:generic/x/a", {"origin": "public"})
    make.edge("30", "pkg:generic/x/a", "trained_on")
    for at in reversed(range(100, 200)):
        make.asset(at, f"a{at}", record={"aka": ["pkg:generic/x/a"]})
        claim(make, str(at), "pkg:generic/x/a")
    names = [f"pkg:generic/x/name{at}" for at in range(100)]
    make.asset(10, "many", record={"aka": names})
    make.edge("30", "10", "trained_on")
    for name in reversed(names):
        make.external(name)
        claim(make, "10", name)
    owned, named = gather(parse_graph(make.json())).data
    assert [node.id for node in named.material.claimants] == [str(at) for at in range(100, 164)]
    assert list(owned.material.names) == names[:64]
