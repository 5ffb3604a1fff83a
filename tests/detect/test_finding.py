"""Findings: what they say they prove, and that their file is read as strictly as it is written."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect import finding as module
from node.detect.finding import (
    FINDINGS_MAX,
    LADDER,
    LIMITS,
    LONG_RUN,
    Passage,
    Registered,
    Remark,
    RuleUsed,
    judge,
    parse_findings,
    read_findings,
    rung_of,
    say,
)
from node.detect.matching import DOCUMENTS
from proofs.errors import InputError
from tests.detect.findingsfile import RULE, finding, findings

PASSAGE = Passage(("before ", "the same words", " after"), ("", "the same words", ""), 14)
WHOLE = replace(
    findings(
        finding(0, registered=Registered("12:" + "ab" * 32, "cd" * 32), policy="charge", passages=(PASSAGE,)),
        finding(1, owner="other", passages=(Passage(("a", "b", "c"), None, 1),), rate=None),
    ),
    looked_at=replace(
        findings().looked_at, pairs=None, expected_false=None, expected_false_upper=None,
        remarks=(Remark("empty", 2, ("a.txt", "b\u202e.txt")),),
    ),
)  # fmt: skip


def changed(*path: Any, to: Any) -> bytes:
    """The file with one value in another's place; `...` takes it away."""
    value = copy.deepcopy(WHOLE.value())
    inner: Any = value
    for step in path[:-1]:
        inner = inner[step]
    if to is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return json.dumps(value).encode()


def test_what_is_written_is_read() -> None:
    """Every field comes back, those that may be null too."""
    assert parse_findings(WHOLE.encode(), place="f.json") == WHOLE
    assert parse_findings(findings().encode(), place="f.json") == findings()


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=40), st.integers(0, 2**63 - 1))
def test_any_text_and_count_comes_back(text: str, count: int) -> None:
    """Names and passages hold whatever a text holds: NULs, markup, other scripts."""
    passage = Passage((text, text, ""), ("", text, text), count)
    whole = findings(finding(item=module.Named(text, "11" * 32, 2_000), hits=count, passages=(passage,)))
    assert parse_findings(whole.encode(), place="f.json") == whole


@pytest.mark.parametrize(
    ("path", "to", "field"),
    [
        (("format",), "usance/findings/v2", "format"),
        (("more",), 1, ""),
        (("made",), ..., ""),
        (("made",), -1, "made"),
        (("made",), True, "made"),
        (("made",), 1.5, "made"),
        (("rule", "hits"), "5", "rule.hits"),
        (("rule", "containment"), 1_000_001, "rule.containment"),
        (("against", "what"), "cloud", "against.what"),
        (("calibration", "sha256"), "AA" * 32, "calibration.sha256"),
        (("looked_at", "expected_false"), "1e5", "looked_at.expected_false"),
        (("looked_at", "expected_false"), "01", "looked_at.expected_false"),
        (("looked_at", "remarks", 0, "names"), "a", "looked_at.remarks[0].names"),
        (("owners", 0, "policy"), "sue", "owners[0].policy"),
        (("owners", 0, "findings"), [0, 1], "owners[1].findings"),
        (("owners", 1, "findings"), [], "findings[1].owner"),
        (("owners", 1, "owner"), "corpus", "findings[1].owner"),
        (("owners", 0, "findings"), [0, 2], "owners"),
        (("findings", 1, "number"), 2, "findings[1].number"),
        (("findings", 0, "owner"), "nobody", "findings[0].owner"),
        (("findings", 0, "item", "sha256"), "11" * 31, "findings[0].item.sha256"),
        (("findings", 0, "copy"), True, "findings[0].copy"),
        (("findings", 0, "copy"), 0, "findings[0].copy"),
        (("findings", 0, "length"), 1_999, "findings[0].length"),
        (("findings", 0, "score"), 99, "findings[0].score"),
        (("findings", 0, "score"), 411, "findings[0].score"),
        (("findings", 0, "threshold"), 0, "findings[0].threshold"),
        (("findings", 0, "method"), "magic; sha-256", "findings[0].method"),
        (("findings", 0, "rung"), 1, "findings[0].rung"),
        (("findings", 0, "rate", "upper_ppm"), 19, "findings[0].rate"),
        (("findings", 0, "rate", "from"), 2_001, "findings[0].rate"),
        (("findings", 0, "rate", "to"), 2_000, "findings[0].rate"),
        (("findings", 0, "rung"), 0, "findings[0].rung"),
        (("findings", 0, "rung"), 7, "findings[0].rung"),
        (("findings", 0, "rate", "pairs"), 0, "findings[0].rate.pairs"),
        (("findings", 0, "rate", "from"), ..., "findings[0].rate"),
        (("findings", 0, "registered", "ref"), "x:" + "ab" * 32, "findings[0].registered.ref"),
        (("findings", 0, "passages", 0, "item"), ["a", "b"], "findings[0].passages[0].item"),
        (("findings", 0, "passages", 0, "item"), [], "findings[0].passages[0].item"),
        (("findings", 0, "passages", 0, "source"), ["x" * 4_000], "findings[0].passages[0].source[0]"),
        (("findings", 0, "passages", 0, "item"), ["x" * 2_000] * 3, "findings[0].passages[0].item"),
        (("findings", 0, "passages"), [WHOLE.value()["findings"][0]["passages"][0]] * 6, "findings[0].passages"),
    ],
)
def test_what_was_not_written_is_refused_by_its_place(path: tuple[Any, ...], to: Any, field: str) -> None:
    """One value otherwise, and the error names the file and the field."""
    with pytest.raises(InputError, match=r"^f\.json") as raised:
        parse_findings(changed(*path, to=to), place="f.json")
    assert raised.value.field == field
    assert raised.value.expected


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"null", b'{"format": []}', b"[" * 100_000, b"\xff\xfe"])
def test_other_files_are_refused(data: bytes, tmp_path: Any) -> None:
    """Also what is no JSON at all, or deeper than any of these files."""
    (tmp_path / "f.json").write_bytes(data)
    with pytest.raises(InputError):
        read_findings(str(tmp_path / "f.json"))


def test_there_may_be_only_so_many() -> None:
    """A list beyond its bound is refused."""
    many = [finding(number) for number in range(FINDINGS_MAX + 1)]
    with pytest.raises(InputError, match="findings"):
        parse_findings(findings(*many).encode(), place="f.json")
    assert len(parse_findings(findings(*many[:-1]).encode(), place="f.json").findings) == FINDINGS_MAX


def test_a_finding_says_its_rung_and_its_limits() -> None:
    """A long run or a copy is a long verbatim match; overlap without one is no more than suspicious; each says what it
    doesn't show."""
    assert DOCUMENTS.run == LONG_RUN
    assert rung_of(run=LONG_RUN, copy=False) == rung_of(run=0, copy=True) == LADDER.index("long verbatim match") + 1
    assert rung_of(run=LONG_RUN - 1, copy=False) == len(LADDER)
    for run, copied, said in ((1_234, False, "1,234 bytes"), (0, True, "byte for byte"), (60, False, "no long run")):
        text = say(run=run, containment=600_000, copy=copied, rule_name="documents")
        assert said in text
        assert text.startswith(f"rung {rung_of(run=run, copy=copied)} of 6")
        assert text.endswith(LIMITS)
    for word in ("had it first", "copied from whom", "trained", "common source"):
        assert word in LIMITS
    assert "alike by themselves" in say(run=200, containment=0, copy=False, rule_name="answers")


def test_the_score_counts_what_the_method_says() -> None:
    """A run where it is long enough by the rule, else containment; of what is no text, the hash."""
    answers = RuleUsed("answers", 3, None, 500_000, 400)
    assert judge(run=100, containment=5, copy=False, rule=RULE) == ("run", 100, 100)
    assert judge(run=99, containment=100_000, copy=False, rule=RULE) == ("containment", 100_000, 100_000)
    assert judge(run=900, containment=600_000, copy=False, rule=answers) == ("containment", 600_000, 500_000)
    assert judge(run=0, containment=1_000_000, copy=True, rule=RULE, text=False) == ("sha-256", 1, 1)
