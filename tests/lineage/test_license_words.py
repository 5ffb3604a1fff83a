"""Whose word a licence is: of packages and their versions, of claimed names, of models whose outputs were used."""

import pytest

from node.lineage.graph import parse_graph
from node.lineage.licenseclasses import OWN
from node.lineage.licensepage import license_lines
from node.lineage.licenses import BY_CLAIM, COMMERCE, CONCLUDED, DECLARED, NOT_KNOWN, RIVALS, Reasoning, reason
from tests.lineage.making import LAB, OWNER, Maker, use

PACKAGE = "pkg:huggingface/o/n"
OTHER = "pkg:huggingface/o/q"


def model(*sources: str) -> Maker:
    """A lineage whose root is a lab's model, trained on these."""
    make = Maker("30")
    make.asset(30, "model", type="model", party=LAB, record={"license": "MIT"})
    for source in sources:
        make.edge("30", source, "trained_on")
    return make


def versions(make: Maker, package: str, **licenses: str | None) -> None:
    """Describe versions of a package, each with a licence or without one."""
    for version, license_id in licenses.items():
        make.external(f"{package}@{version}", {"license": license_id} if license_id else {})
        make.edge(f"{package}@{version}", package, "version_of", said_by=[])


def reasoned(make: Maker) -> Reasoning:
    """The licences behind a made lineage, by the own table."""
    return reason(parse_graph(make.json()), OWN)


def said(found: Reasoning) -> set[tuple[str, str, str]]:
    """Licence, node and standing of whatever was found behind the root."""
    behind = [one.statement for one in found.findings if one.statement.node != found.root] + list(found.free)
    return {(one.license, one.node, one.standing) for one in behind}


def differing(found: Reasoning) -> list[set[str]]:
    """The licences of each material of which different ones were said."""
    return [{one.license for one in statements} for statements in found.conflicts]


def test_a_package_s_licence_holds_for_versions_without_one() -> None:
    """A version that nobody gave a licence has its package's; nothing is missing, and no two licences differ."""
    make = model(f"{PACKAGE}@v1", f"{PACKAGE}@v2")
    make.external(PACKAGE, {"license": "Apache-2.0"})
    versions(make, PACKAGE, v1=None, v2="GPL-3.0-only")
    found = reasoned(make)
    assert said(found) == {("Apache-2.0", PACKAGE, CONCLUDED), ("GPL-3.0-only", f"{PACKAGE}@v2", CONCLUDED)}
    assert (found.unlicensed, differing(found)) == ((), [])
    (path,) = [one.path for one in found.findings if one.statement.node == PACKAGE]
    assert [step.node for step in path.steps] == [f"{PACKAGE}@v1", PACKAGE]


def test_a_package_s_licence_holds_for_no_version_that_has_its_own() -> None:
    """What is said of the package isn't behind a model that was made from another-licensed version only."""
    make = model(f"{PACKAGE}@v2")
    make.external(PACKAGE, {"license": "Apache-2.0"})
    versions(make, PACKAGE, v2="GPL-3.0-only")
    assert said(reasoned(make)) == {("GPL-3.0-only", f"{PACKAGE}@v2", CONCLUDED)}


def test_one_version_s_licence_holds_for_no_other() -> None:
    """Nor for the package: who was trained on these has no licence, whatever another version says."""
    make = model(f"{PACKAGE}@v1", PACKAGE)
    make.external(PACKAGE, {})
    versions(make, PACKAGE, v1=None, v2="GPL-3.0-only")
    found = reasoned(make)
    assert said(found) == set()
    assert {node for node, _ in found.unlicensed} == {f"{PACKAGE}@v1", PACKAGE}


def test_sources_of_a_package_are_those_of_versions_without_sources() -> None:
    """What a version itself is said to be made from goes before what is said of its package."""
    make = model(f"{PACKAGE}@v1")
    make.external(PACKAGE, {"license": "MIT"})
    versions(make, PACKAGE, v1="MIT")
    for name in "ab":
        make.external(f"pkg:generic/x/{name}", {"license": "CC-BY-NC-4.0"})
    make.edge(PACKAGE, "pkg:generic/x/a")
    assert [one.statement.node for one, _ in reasoned(make).asking(COMMERCE)] == ["pkg:generic/x/a"]
    make.edge(f"{PACKAGE}@v1", "pkg:generic/x/b")
    assert [one.statement.node for one, _ in reasoned(make).asking(COMMERCE)] == ["pkg:generic/x/b"]


def test_an_asset_that_claims_a_package_claims_no_licence_of_its_versions() -> None:
    """Its licence is claimed of the versions of which nobody says one, and never stands as declared of a name."""
    make = model(f"{PACKAGE}@v1", f"{PACKAGE}@v2")
    make.asset(10, "n", record={"license": "CC-BY-4.0", "aka": [PACKAGE]})
    make.external(PACKAGE, claimed_by=["10"])
    make.edge(PACKAGE, "10", kind="claim", relations=[])
    versions(make, PACKAGE, v1="CC-BY-NC-4.0", v2="GPL-3.0-only")
    assert said(reasoned(make)) == {
        ("CC-BY-NC-4.0", f"{PACKAGE}@v1", CONCLUDED), ("GPL-3.0-only", f"{PACKAGE}@v2", CONCLUDED),
    }  # fmt: skip
    versions(make, PACKAGE, v3=None)
    make.edge("30", f"{PACKAGE}@v3", "trained_on")
    found = reasoned(make)
    assert ("CC-BY-4.0", "10", BY_CLAIM) in said(found)
    assert "CC-BY-4.0 of 'n' (10), claimed by 'Example Archive'" in "\n".join(license_lines(found))
    assert (found.unlicensed, differing(found)) == ((), [])


def test_a_claim_joins_no_two_names() -> None:
    """A stranger's asset that claims two names makes them no one material, and gives neither the other's licence."""
    make = model(PACKAGE)
    make.external(PACKAGE, {}, claimed_by=["10"])
    make.external(OTHER, {"license": "GPL-3.0-only"}, claimed_by=["10"])
    make.asset(10, "s", record={"aka": [PACKAGE, OTHER]})
    for name in (PACKAGE, OTHER):
        make.edge(name, "10", kind="claim", relations=[])
    found = reasoned(make)
    assert said(found) == set()
    assert [node for node, _ in found.unlicensed] == [PACKAGE]
    make = model(PACKAGE, OTHER)
    make.external(PACKAGE, {"license": "MIT"}, claimed_by=["10"])
    make.external(OTHER, {"license": "GPL-3.0-only"}, claimed_by=["10"])
    make.asset(10, "s", record={"aka": [PACKAGE, OTHER]})
    for name in (PACKAGE, OTHER):
        make.edge(name, "10", kind="claim", relations=[])
    assert differing(reasoned(make)) == []


def test_the_root_s_own_word_is_declared_and_other_claimants_add_nothing() -> None:
    """Of an asset curators conclude by the name that it claims; who else claims that name says nothing of the asset,
    and the name is listed as contested."""
    make = Maker("10")
    make.asset(10, "corpus", record={"license": "CC-BY-4.0", "aka": [PACKAGE]})
    make.asset(11, "copy", party=LAB, record={"license": "CC-BY-NC-4.0", "aka": [PACKAGE]})
    make.external(PACKAGE, {"license": "GPL-3.0-only"}, claimed_by=["10", "11"])
    for asset in ("10", "11"):
        make.edge(PACKAGE, asset, kind="claim", relations=[])
    found = reasoned(make)
    standings = {(one.statement.license, one.statement.standing) for one in found.findings}
    assert standings == {("CC-BY-4.0", DECLARED), ("GPL-3.0-only", CONCLUDED)}
    assert differing(found) == [{"CC-BY-4.0", "GPL-3.0-only"}]
    assert found.contested == ((PACKAGE, PACKAGE),)
    assert "claimed by several parties" in "\n".join(license_lines(found))


def test_an_asset_that_was_logged_is_declared_though_it_claims_a_name_too() -> None:
    """The shorter way over a claim makes the owner's word of his own logged asset no claim."""
    make = model(PACKAGE, "12")
    make.asset(10, "corpus", record={"license": "CC-BY-NC-4.0", "aka": [PACKAGE]})
    make.asset(12, "mix", record={"license": "MIT"})
    make.external(PACKAGE, claimed_by=["10"])
    make.edge(PACKAGE, "10", kind="claim", relations=[])
    make.asset(13, "inner", record={"license": "MIT"})
    make.edge("12", "13", "contains")
    make.edge("13", "10", "contains")
    found = reasoned(make)
    (finding,) = [one for one, _ in found.asking(COMMERCE)]
    assert (finding.statement.standing, [step.node for step in finding.path.steps]) == (DECLARED, ["12", "13", "10"])


@pytest.mark.parametrize(("kind", "is_outputs"), [("infer", True), ("distill", True), ("train", False)])
def test_a_logged_use_of_outputs_is_no_use_of_the_model(kind: str, is_outputs: bool) -> None:
    """Inference of a teacher, or distilling from it, into a data set leads through the teacher's outputs, as
    generated_by does; training on it doesn't, even beside an edge that does."""
    make = model("10")
    make.asset(10, "answers", record={"license": "MIT"})
    make.external("model:openai/gpt-3", {"license": "LicenseRef-OpenAI", "type": "model"}, uses=[use(kind, into="10")])
    (finding,) = [one for one, _ in reasoned(make).asking(RIVALS)]
    assert finding.through_outputs is is_outputs
    make.edge("10", "model:openai/gpt-3", "generated_by")
    (finding,) = [one for one, _ in reasoned(make).asking(RIVALS)]
    assert finding.through_outputs is is_outputs


def test_distilling_leads_through_outputs() -> None:
    """An edge distilled_from is about a teacher's outputs; beside another relation it is a direct one."""
    make = model()
    make.external("model:x/teacher", {"license": "LicenseRef-OpenAI", "type": "model"})
    make.edge("30", "model:x/teacher", "distilled_from")
    assert [one.through_outputs for one, _ in reasoned(make).asking(RIVALS)] == [True]
    make.value["edges"][-1]["relations"].append("derived_from")
    assert [one.through_outputs for one, _ in reasoned(make).asking(RIVALS)] == [False]


@pytest.mark.parametrize(
    ("text", "detail", "is_sure"),
    [
        ("CC-BY-NC-4.0 AND LicenseRef-Various AND MIT", "unknown licence in it: LicenseRef-Various", True),
        ("LicenseRef-OpenAI AND CC-BY-NC-4.0 AND LicenseRef-q", "unknown licence in it: LicenseRef-q", True),
        ("CC-BY-NC-4.0 AND NOASSERTION", "no licence is stated in it: NOASSERTION", True),
        ("MIT OR (CC-BY-NC-4.0 AND LicenseRef-q)", "unknown licence in it: LicenseRef-q", False),
        ("LicenseRef-q AND MIT", "unknown licence", True),
    ],
)
def test_an_unknown_part_is_listed_beside_whatever_is_stricter(text: str, detail: str, is_sure: bool) -> None:
    """That a known part forbids more makes the unknown one no better known."""
    make = model("10")
    make.asset(10, "corpus", party=OWNER, record={"license": text})
    found = reasoned(make)
    asked = [(one.statement.license, ask.detail, ask.is_sure) for one, ask in found.asking(NOT_KNOWN)]
    assert asked == [(text, detail, is_sure)]
    assert "not known: none" not in list(license_lines(found))
