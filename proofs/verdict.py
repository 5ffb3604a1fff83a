"""A verdict: the steps of a check in order, what each rests on, and what the whole doesn't show (design sections 1, 7).

Made by whoever judges (a proof file, an evidence file), printed by the command line. The first step that fails ends
the verdict: what would come after it would rest on nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proofs.checkpoint import Checkpoint
from proofs.entry import Entry
from proofs.errors import InputError
from proofs.jsonform import to_json
from proofs.policy import Policy
from proofs.ref import Ref

GOOD, FAILED, INCOMPLETE = "good", "failed", "incomplete"
OPEN = "open"

NO_WITNESS = "that the log shows everybody this same history: no witness's cosignature was asked for"


@dataclass(frozen=True, slots=True)
class Step:
    """One check. `result`: good, failed or open; `says`: what it means; `rests_on`: what one has to trust for it."""

    name: str
    result: str
    says: str
    rests_on: str = ""


@dataclass
class Verdict:
    """Steps in order, and what is known after them. `result`: good, failed, or incomplete: good as far as it goes.
    `more`: figures for programs, besides the steps."""

    steps: list[Step] = field(default_factory=list)
    not_shown: list[str] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    ref: Ref | None = None
    entry: Entry | None = None
    body: dict[str, Any] | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def result(self) -> str:
        """good, failed or incomplete."""
        results = {step.result for step in self.steps}
        if FAILED in results:
            return FAILED
        return INCOMPLETE if OPEN in results or not self.steps else GOOD

    def good(self, name: str, says: str, rests_on: str = "") -> None:
        """Add a step that holds."""
        self.steps.append(Step(name, GOOD, says, rests_on))

    def open(self, name: str, says: str, rests_on: str = "") -> None:
        """Add a step that can't be decided with what is at hand."""
        self.steps.append(Step(name, OPEN, says, rests_on))

    def fail(self, name: str, error: InputError) -> None:
        """Add the step that doesn't hold."""
        expected = f" (expected {error.expected})" if error.expected else ""
        self.steps.append(Step(name, FAILED, error.detail + expected))

    def value(self) -> dict[str, Any]:
        """As JSON."""
        head = self.checkpoint
        return {
            "verdict": self.result,
            "log": head.origin if head else None,
            "size": head.size if head else None,
            "ref": str(self.ref) if self.ref else None,
            "key": self.entry.key.hex() if self.entry else None,
            "number": self.entry.number if self.entry else None,
            "record": to_json(self.body) if self.body is not None else None,
            **self.more,
            "steps": [
                {"step": step.name, "result": step.result, "says": step.says, "rests_on": step.rests_on}
                for step in self.steps
            ],
            "not_shown": self.not_shown,
        }


def judge_checkpoint(verdict: Verdict, note: bytes, policy: Policy | None, checkpoint: Checkpoint) -> None:
    """Add what anchors the checkpoint that `note` holds. `policy` None: nothing does, which leaves the step open.

    Raises as `Policy.check`.
    """
    about = f"log {checkpoint.origin}, size {checkpoint.size}"
    if policy is None:
        says = f"{about}: no key was given that could anchor it; give --log VKEY or --policy FILE"
        verdict.open("checkpoint", says, "nothing yet")
        return
    checked = policy.check(note)
    verdict.good("checkpoint", f"{about}: signed by {checked.log.text}", "the log's key that you gave")
    for cosigner in checked.cosigners:
        when = f" at {cosigner.time_s} s since 1970" if cosigner.time_s else ""
        verdict.good(
            "cosignature", f"witness {cosigner.name} ({cosigner.key.text[:80]}) cosigned{when}: consistent with all "
            "that it saw of this log", "the witness's key in the policy",
        )  # fmt: skip
    if not checked.cosigners:
        verdict.not_shown.append(NO_WITNESS)
