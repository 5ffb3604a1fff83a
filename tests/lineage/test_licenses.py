"""Licence classes, expressions, and licences carried along a lineage."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.lineage.graph import Graph, parse_graph
from node.lineage.licenseclasses import (
    ACADEMIC,
    ALLOWED,
    COMMERCIAL,
    DIFFERENCES,
    NON_COMMERCIAL,
    OWN,
    UNKNOWN,
    UNKNOWN_CLASS,
    UNSPECIFIED,
    license_of,
    read_classes,
)  # fmt: skip
from node.lineage.licenseexpr import read_expression
from node.lineage.licensepage import license_lines, license_value
from node.lineage.licenses import (
    ATTRIBUTION,
    BY_CLAIM,
    COMMERCE,
    CONCLUDED,
    NOT_KNOWN,
    PATH_STEPS_MAX,
    RIVALS,
    SHARE_ALIKE,
    Reasoning,
    reason,
)  # fmt: skip
from proofs.errors import InputError
from tests.lineage.making import CURATOR, LAB, OWNER, Maker, use

SECONDS_MAX = 60  # a machine may be busy; what grows with the square of the nodes takes far longer
FILE_CLASS = {"All": ALLOWED, "NC": NON_COMMERCIAL, "Acad": ACADEMIC, "Unspecified": UNSPECIFIED}
FILE_FLAG = {"0": False, "1": True, "?": None}


def reasoned(make: Maker) -> Reasoning:
    """The licences behind a made lineage, by the own table."""
    return reason(parse_graph(make.json()), OWN)


def asked(found: Reasoning, what: str) -> list[tuple[str, str]]:
    """Licence and node of the findings that ask one thing."""
    return [(one.statement.license, one.statement.node) for one, _ in found.asking(what)]


def model() -> Maker:
    """A lineage whose root is a lab's model without a licence."""
    make = Maker("30")
    make.asset(30, "model", type="model", party=LAB)
    return make


@pytest.fixture(scope="module")
def provenance(shared_dir: Path) -> bytes:
    """The classes of the Data Provenance Collection."""
    return (shared_dir / "real" / "license_classes.json").read_bytes()


def test_every_difference_to_the_provenance_classes_is_listed(provenance: bytes) -> None:
    """Both tables agree on each licence and field, or the difference is listed with its reason; none is listed that
    isn't there."""
    found = set()
    for name, (commercial, attribution, share_alike) in json.loads(provenance).items():
        license_id = license_of(name)
        own = OWN.find(license_id)
        assert own is not UNKNOWN_CLASS, name
        theirs = (FILE_CLASS[commercial], FILE_FLAG[attribution], FILE_FLAG[share_alike])
        fields = ("commercial", "attribution", "share_alike")
        found |= {
            (license_id, field) for field, said in zip(fields, theirs, strict=True) if getattr(own, field) != said
        }
    assert found == set(DIFFERENCES)
    assert all(DIFFERENCES.values())


def test_a_file_of_classes_goes_over_the_own_table(provenance: bytes) -> None:
    """What the file says of a licence holds and is marked as its word; rival models, of which it says nothing, stay."""
    classes = read_classes(provenance, "classes.json")
    openai = classes.find("LicenseRef-OpenAI")
    assert (openai.commercial, openai.rivals, openai.by) == (NON_COMMERCIAL, True, "classes.json")
    assert classes.find("GPL-2.0-or-later") == OWN.find("GPL-2.0-or-later")
    # MIT stands there by two names with different attribution: the file doesn't agree with itself.
    assert classes.find("MIT").attribution is None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", '{"MIT": "All"}', '{"MIT": ["All", "1"]}', '{"MIT": ["All", 1, 0]}',
        '{"MIT": ["all", "1", "0"]}', '{"MIT": ["All", "1", "2"]}',
        '{"MIT": ["All", "1", "0"], "MIT": ["NC", "1", "0"]}',
        '{"MIT": ' + "[" * 5000, "\xff", '{"MIT": [["All"], "1", "0"]}',
    ],
)  # fmt: skip
def test_a_file_of_classes_that_is_none_is_refused(text: str) -> None:
    """Other shapes, classes and encodings are refused with the file's name."""
    with pytest.raises(InputError, match="classes"):
        read_classes(text.encode("latin-1"), "classes.json")


def test_a_file_of_classes_is_bounded() -> None:
    """By bytes and by names."""
    with pytest.raises(InputError, match="classes"):
        read_classes(b'{"MIT": ["All", "1", "0"]}' + b" " * (1 << 20), "classes.json")
    many = {f"L{at}": ["All", "1", "0"] for at in range(5000)}
    with pytest.raises(InputError, match="classes"):
        read_classes(json.dumps(many).encode(), "classes.json")


def test_clauses_against_rivals_are_those_of_the_texts() -> None:
    """Llama 2 and 3 forbid improving other models with outputs, 3.1 and later don't; services forbid rivals; open
    licences don't."""
    forbidding = ("Llama-2", "Llama-3", "OpenAI", "Anthropic", "Google-Cloud-Translation-API")
    assert all(OWN.find(f"LicenseRef-{name}").rivals is True for name in forbidding)
    free = ("LicenseRef-Llama-3.1", "LicenseRef-Llama-3.3", "MIT", "CC-BY-NC-4.0", "GPL-3.0-only")
    assert all(OWN.find(name).rivals is False for name in free)


def test_an_unknown_licence_is_never_guessed() -> None:
    """A name that looks like a known one is unknown; case and `+` alone don't matter."""
    for name in ("CC-BY-NC-9.0", "MITT", "LicenseRef-OpenAI-2", "DocumentRef-x:LicenseRef-OpenAI"):
        assert OWN.find(name) is UNKNOWN_CLASS
    assert OWN.find("mit") == OWN.find("MIT")
    assert OWN.find("EPL-1.0+") == OWN.find("EPL-1.0")


@pytest.mark.parametrize(
    ("text", "commercial", "share_alike"),
    [
        ("MIT AND CC-BY-NC-4.0", {NON_COMMERCIAL}, {"no"}),
        ("MIT OR CC-BY-NC-SA-4.0", {ALLOWED, NON_COMMERCIAL}, {"no", "yes"}),
        ("MIT OR Apache-2.0 AND CC-BY-NC-SA-4.0", {ALLOWED, NON_COMMERCIAL}, {"no", "yes"}),
        ("(MIT OR CC0-1.0) AND CC-BY-NC-SA-4.0", {NON_COMMERCIAL}, {"yes"}),
        ("(MIT OR CC-BY-NC-4.0) AND LicenseRef-strange", {UNKNOWN, NON_COMMERCIAL}, {"unknown"}),
        ("LicenseRef-strange AND GPL-3.0-only WITH GCC-exception-3.1", {UNKNOWN}, {"yes"}),
        ("LicenseRef-Academic-Research-Purposes-Only AND CC-BY-NC-4.0", {ACADEMIC}, {"unknown"}),
        ("MIT AND NOASSERTION", {UNSPECIFIED}, {"unknown"}),
    ],
)
def test_and_applies_all_and_or_leaves_a_choice(text: str, commercial: set[str], share_alike: set[str]) -> None:
    """AND takes the strictest of each, OR keeps what each choice leads to, AND binds stronger."""
    effect = read_expression(text, OWN).effect
    assert (set(effect.commercial), set(effect.share_alike)) == (commercial, share_alike)


def test_choices_of_the_outermost_or_are_shown() -> None:
    """Each with its own text and effect, through parentheses; an exception stays with its licence."""
    read = read_expression("(MIT OR (CC-BY-NC-4.0 AND ISC)) OR GPL-2.0-only  WITH Classpath-exception-2.0", OWN)
    assert [text for text, _ in read.branches] == [
        "MIT", "(CC-BY-NC-4.0 AND ISC)", "GPL-2.0-only  WITH Classpath-exception-2.0",
    ]  # fmt: skip
    assert [set(effect.commercial) for _, effect in read.branches] == [{ALLOWED}, {NON_COMMERCIAL}, {ALLOWED}]
    assert read.licenses[-1].text == "GPL-2.0-only WITH Classpath-exception-2.0"
    assert not read_expression("MIT AND (ISC OR Zlib)", OWN).has_choice


NAMES = st.sampled_from(["MIT", "CC-BY-NC-4.0", "GPL-3.0-only", "LicenseRef-OpenAI", "LicenseRef-x", "NOASSERTION"])
TREES = st.recursive(
    NAMES, lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner), max_leaves=8
)  # fmt: skip


def written(tree: object) -> str:
    """An expression in full parentheses."""
    return tree if isinstance(tree, str) else f"({written(tree[1])} {tree[0]} {written(tree[2])})"  # type: ignore[index]


def choices(tree: object) -> list[set[str]]:
    """The naive oracle: every set of licences that a choice leads to."""
    if isinstance(tree, str):
        return [{tree}]
    symbol, left, right = tree  # type: ignore[misc]
    if symbol == "OR":
        return choices(left) + choices(right)
    return [one | other for one in choices(left) for other in choices(right)]


@given(TREES)
def test_expressions_as_if_every_choice_were_multiplied_out(tree: object) -> None:
    """What some choice leads to is what the naive reading of all choices gives."""
    expected = {
        max((OWN.find(name).commercial for name in choice), key=COMMERCIAL.index) for choice in choices(tree)
    }  # fmt: skip
    assert set(read_expression(written(tree), OWN).effect.commercial) == expected


@pytest.mark.parametrize("text", ["", "MIT AND", "((", "see the file", "MIT\nOR", "x" * 2000, ")" * 1000])
def test_what_is_no_expression_is_unknown(text: str) -> None:
    """As a whole, and without an error."""
    read = read_expression(text, OWN)
    assert not read.is_read
    assert set(read.effect.commercial) == {UNKNOWN}
    assert read.unknown == (text,)


def test_many_choices_are_not_multiplied_out() -> None:
    """A thousand bytes of choices joined by AND are read at once."""
    text = " AND ".join(["(MIT OR ISC)"] * 60)
    began = time.monotonic()
    assert set(read_expression(text, OWN).effect.commercial) == {ALLOWED}
    assert time.monotonic() - began < 1


def test_a_licence_reaches_along_a_path() -> None:
    """A non-commercial licence two steps upstream is found with ids and relations in order, and who says each."""
    make = model()
    make.asset(10, "corpus", record={"license": "MIT"})
    make.external("pkg:generic/x/wiki", {"license": "CC-BY-NC-SA-4.0"})
    make.edge("30", "10", "trained_on")
    make.edge("10", "pkg:generic/x/wiki", "derived_from")
    found = reasoned(make)
    assert asked(found, COMMERCE) == [("CC-BY-NC-SA-4.0", "pkg:generic/x/wiki")]
    assert asked(found, SHARE_ALIKE) == [("CC-BY-NC-SA-4.0", "pkg:generic/x/wiki")]
    assert [one for one, _ in asked(found, ATTRIBUTION)] == ["MIT", "CC-BY-NC-SA-4.0"]
    steps = next(found.asking(COMMERCE))[0].path.steps
    assert [(step.node, step.relations) for step in steps] == [
        ("10", ("trained_on",)), ("pkg:generic/x/wiki", ("derived_from",)),
    ]  # fmt: skip
    assert steps[0].said_by[0].party == CURATOR
    assert found.unlicensed == (("30", "model"),)


def test_declared_and_concluded_are_kept_apart() -> None:
    """An owner declares in record and terms, a curator concludes, and what a claimant says of his asset is claimed of
    the name; of the same material they stand side by side."""
    make = model()
    make.asset(
        10, "corpus", record={"license": "MIT", "aka": ["pkg:generic/x/c"]},
        terms={"ref": f"11:{11:064x}", "license": "CC-BY-NC-4.0", "currency": "USD"},
    )  # fmt: skip
    make.external("pkg:generic/x/c", {"license": "Apache-2.0"}, {"license": "GPL-3.0-only", "party": LAB},
                  claimed_by=["10"])  # fmt: skip
    make.edge("30", "pkg:generic/x/c", "trained_on")
    make.edge("pkg:generic/x/c", "10", kind="claim", relations=[])
    found = reasoned(make)
    said = {(one.statement.license, one.statement.standing, one.statement.party) for one in found.findings}
    assert said == {
        ("MIT", BY_CLAIM, OWNER), ("CC-BY-NC-4.0", BY_CLAIM, OWNER),
        ("Apache-2.0", CONCLUDED, CURATOR), ("GPL-3.0-only", CONCLUDED, LAB),
    }  # fmt: skip
    (conflict,) = found.conflicts
    assert {(one.license, one.standing) for one in conflict} == {(text, standing) for text, standing, _ in said}
    terms = next(one for one in found.findings if one.statement.license == "CC-BY-NC-4.0")
    assert terms.statement.record == f"11:{11:064x}"
    assert [step.relations for step in terms.path.steps] == [("trained_on",), ("claimed_by",)]


def test_a_root_has_what_is_said_of_the_name_it_claims() -> None:
    """From an asset the walk goes to the name that its owner claims, where curators concluded something."""
    make = Maker("10")
    make.asset(10, "corpus", record={"license": "MIT", "aka": ["pkg:generic/x/c"]})
    make.external("pkg:generic/x/c", {"license": "CC-BY-NC-4.0"}, claimed_by=["10"])
    make.edge("pkg:generic/x/c", "10", kind="claim", relations=[])
    found = reasoned(make)
    assert asked(found, COMMERCE) == [("CC-BY-NC-4.0", "pkg:generic/x/c")]
    assert next(found.asking(COMMERCE))[0].path.steps[0].relations == ("claims",)


def test_a_name_that_several_claim_is_contested() -> None:
    """Anybody may claim a name: the step to each claimant says that there are several, and both words are shown."""
    make = model()
    for at, party in ((10, OWNER), (11, LAB)):
        make.asset(at, f"c{at}", party=party, record={"license": "CC-BY-NC-4.0", "aka": ["pkg:generic/x/c"]})
        make.edge("pkg:generic/x/c", str(at), kind="claim", relations=[])
    make.external("pkg:generic/x/c", claimed_by=["10", "11"])
    make.edge("30", "pkg:generic/x/c", "trained_on")
    found = reasoned(make)
    assert {one.statement.party for one in found.findings} == {OWNER, LAB}
    assert {one.path.steps[-1].relations for one in found.findings} == {("claimed_by", "contested")}


def test_evaluation_carries_nothing() -> None:
    """What a model was evaluated on, or used for evaluating, restricts it not; joined with another relation it does."""
    make = model()
    for at, relations in ((10, ["evaluated_on"]), (11, ["trained_on", "evaluated_on"])):
        make.asset(at, f"set{at}", record={"license": "CC-BY-NC-4.0"})
        make.edge("30", str(at), *relations)
    make.asset(12, "bench", record={"license": "CC-BY-NC-4.0"}, uses=[use("evaluate", into="30")])
    found = reasoned(make)
    assert asked(found, COMMERCE) == [("CC-BY-NC-4.0", "11")]
    assert found.findings[0].path.steps[0].relations == ("trained_on",)
    assert found.nodes == 2


def test_a_model_s_output_terms_reach_what_it_wrote() -> None:
    """Along generated_by a licence is shown as coming through outputs, with whether it speaks of outputs."""
    make = Maker("10")
    make.asset(10, "answers", record={"license": "CC-BY-4.0"})
    make.external("model:openai/gpt-3", {"license": "LicenseRef-OpenAI", "type": "model"})
    make.external("pkg:generic/x/books", {"license": "CC-BY-NC-4.0"})
    make.edge("10", "model:openai/gpt-3", "generated_by")
    make.edge("model:openai/gpt-3", "pkg:generic/x/books", "trained_on")
    found = reasoned(make)
    assert asked(found, RIVALS) == [("LicenseRef-OpenAI", "model:openai/gpt-3")]
    by = {one.statement.license: (one.through_outputs, one.speaks_of_outputs) for one in found.findings}
    assert by == {
        "CC-BY-4.0": (False, "no"), "LicenseRef-OpenAI": (True, "yes"), "CC-BY-NC-4.0": (True, "no"),
    }  # fmt: skip


def test_a_direct_path_goes_before_one_through_outputs() -> None:
    """A node that is reached both ways is shown by the direct one, even where that is longer."""
    make = model()
    for at, name in ((10, "a"), (11, "b"), (12, "writer")):
        make.asset(at, name, record={"license": "CC-BY-NC-4.0"} if name == "writer" else {})
    make.edge("30", "12", "generated_by")
    make.edge("30", "10", "trained_on")
    make.edge("10", "11", "derived_from")
    make.edge("11", "12", "contains")
    (finding,) = reasoned(make).findings
    assert (finding.through_outputs, finding.path.length) == (False, 3)


def test_logged_uses_into_a_model_carry_too() -> None:
    """Material that was used to train it, without a source edge, stands behind it."""
    make = model()
    make.asset(10, "corpus", record={"license": "CC-BY-NC-4.0"}, uses=[use("train", into="30")])
    (finding,) = reasoned(make).findings
    assert [step.relations for step in finding.path.steps] == [("use: train",)]


@pytest.mark.parametrize(
    ("into", "party", "reached"), [("=model", LAB, 1), ("=model@7", LAB, 0), ("=model", OWNER, 0), ("=other", LAB, 0)]
)
def test_uses_before_the_model_was_registered_carry_too(into: str, party: str, reached: int) -> None:
    """A use by the name of what was made is one of the model that the same party registered by it later."""
    make = model()
    said = {**use("train", into=into), "party": party}
    make.asset(10, "corpus", record={"license": "CC-BY-NC-4.0"}, uses=[said])
    assert len(reasoned(make).findings) == reached


def test_unknown_and_missing_licences_are_shown_as_such() -> None:
    """Unknown ones by name, unspecified ones, and material of which nobody said a licence."""
    make = model()
    for name, license_id in (("a", "LicenseRef-strange"), ("b", "LicenseRef-Unspecified"), ("c", None)):
        make.external(f"pkg:generic/x/{name}", {"license": license_id} if license_id else {})
        make.edge("30", f"pkg:generic/x/{name}", "trained_on")
    found = reasoned(make)
    details = [(one.statement.license, ask.detail) for one, ask in found.asking(NOT_KNOWN)]
    assert details == [("LicenseRef-strange", "unknown licence"), ("LicenseRef-Unspecified", "no licence is stated")]
    assert [node for node, _ in found.unlicensed] == ["30", "pkg:generic/x/c"]
    assert found.findings[0].read.unknown == ("LicenseRef-strange",)
    text = "\n".join(license_lines(found))
    assert "nobody says a licence of these 2 of " in text
    assert "no table knows this licence" in text
    assert "no legal advice" in text


def test_cycles_end() -> None:
    """Foreign provenance that goes round is walked once."""
    make = Maker("pkg:generic/x/a")
    for name in "abc":
        make.external(f"pkg:generic/x/{name}", {"license": "CC-BY-4.0"})
    for one, other in (("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")):
        make.edge(f"pkg:generic/x/{one}", f"pkg:generic/x/{other}")
    found = reasoned(make)
    assert [one.path.length for one in found.findings] == [0, 1, 2]


def long_chain(count: int) -> Graph:
    """A chain of external names, each under a licence that asks something."""
    make = Maker("pkg:generic/x/0")
    for at in range(count):
        make.external(f"pkg:generic/x/{at}", {"license": "CC-BY-NC-4.0"})
    for at in range(count - 1):
        make.value["edges"].append({
            "from": f"pkg:generic/x/{at}", "to": f"pkg:generic/x/{at + 1}", "relations": ["derived_from"], "bps": 0,
            "said_by": [], "kind": "source", "uses": [], "earned": [],
        })  # fmt: skip
    return parse_graph(make.value)


def test_ten_thousand_nodes_are_bounded() -> None:
    """Paths are cut in their middle, text to its lines, and the whole takes seconds at most."""
    graph = long_chain(10_000)
    began = time.monotonic()
    found = reason(graph, OWN)
    value = json.dumps(license_value(found))
    lines = list(license_lines(found))
    assert time.monotonic() - began < SECONDS_MAX
    last = found.findings[-1].path
    assert (last.length, len(last.steps), last.omitted) == (9_999, PATH_STEPS_MAX, 9_999 - PATH_STEPS_MAX)
    assert [last.steps[0].node, last.steps[-1].node] == ["pkg:generic/x/1", "pkg:generic/x/9999"]
    assert last.steps[last.at].node == f"pkg:generic/x/{9_999 - PATH_STEPS_MAX // 2 + 1}"
    assert len(lines) < 2_000
    assert len(value) < 600 * 10_000


def test_a_disputed_statement_says_so() -> None:
    """A dispute of the record that says the licence stands beside it; one of another record doesn't."""
    make = model()
    disputes = [{"index": 40, "target": 10, "state": "open"}, {"index": 41, "target": 99, "state": "conceded"}]
    make.asset(10, "corpus", record={"license": "CC-BY-NC-4.0"}, disputes=disputes)
    make.edge("30", "10", "trained_on")
    found = reasoned(make)
    assert found.findings[0].statement.disputes == ("open",)
    assert "that record is disputed: open" in "\n".join(license_lines(found))


def test_text_and_json_say_the_same() -> None:
    """Choices, paths, classes and reasons stand in both; JSON has only plain values."""
    make = model()
    make.asset(10, "corpus", record={"license": "MIT OR CC-BY-NC-4.0"})
    make.edge("30", "10", "trained_on")
    found = reasoned(make)
    text = "\n".join(license_lines(found))
    assert "the least restrictive may be taken" in text
    assert "a choice: MIT: commercial use allowed" in text
    assert "30 -trained_on-> 10" in text
    value = json.loads(json.dumps(license_value(found)))
    (finding,) = value["findings"]
    reading = value["readings"][finding["license"]]
    assert [one["license"] for one in reading["choices"]] == ["MIT", "CC-BY-NC-4.0"]
    assert {"what": COMMERCE, "detail": NON_COMMERCIAL, "under_every_choice": False} in reading["asks"]
    way = value["ways"][finding["way"]]
    assert (way["to"], way["from"], way["relations"]) == ("10", 0, ["trained_on"])
    assert value["ways"][0] == {"to": "30", "from": None}
    assert value["unlicensed"] == [{"node": "30", "title": "model"}]
