"""A file of findings, as `usance detect -o` writes it, without anything being looked for."""

from dataclasses import replace
from typing import Any

from node.detect.finding import (
    Against,
    Finding,
    Findings,
    LookedAt,
    Measured,
    Named,
    OwnerFound,
    RateUsed,
    RuleUsed,
    judge,
    rung_of,
    say,
)

RULE = RuleUsed("documents", hits=5, run=100, containment=100_000, length=400)


def finding(number: int = 0, owner: str = "corpus", **changed: Any) -> Finding:
    """A long verbatim match."""
    run, containment = changed.get("run", 410), 250_000
    word, score, threshold = judge(run=run, containment=containment, copy=False, rule=RULE)
    made = Finding(
        number=number, owner=owner, item=Named("answers.jsonl:7", "11" * 32, 2_000),
        source=Named("a.txt", "22" * 32, 5_000), hits=40, of_item=containment, of_source=100_000,
        run=run, copy=False, length=2_000,
        rate=RateUsed(20, 45, 1_000_000, 2_000, 10_000), method=f"winnow-v1 gram=25 window=26; documents; {word}",
        score=score, threshold=threshold, rung=rung_of(run=run, copy=False),
        proves=say(run=run, containment=containment, copy=False, rule_name="documents"), registered=None, policy=None,
        passages=(),
    )  # fmt: skip
    return replace(made, **changed)


def findings(*found: Finding) -> Findings:
    """A file of these."""
    owners = dict.fromkeys(one.owner for one in found)
    return Findings(
        made=1_700_000_000_000, scheme="winnow-v1 gram=25 window=26", rule=RULE,
        against=Against("paths", "corpus", len(owners), 10), calibration=Measured("default", "33" * 32),
        looked_at=LookedAt(100, 200_000, 15_000, 3, 0, 0, 0, 0, 1_000, len(found), "0.02", "0.05", ()),
        owners=tuple(
            OwnerFound(owner, None, 1, 500, 410, 1, tuple(one.number for one in found if one.owner == owner), None)
            for owner in owners
        ),
        findings=found,
    )  # fmt: skip
