"""What a claim's record says of a finding; made by `usance claim`, checked by `usance verify` (docs/claims.md)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from node.detect.finding import Finding, Findings, RuleUsed, say
from proofs.errors import InputError
from proofs.ref import unpack_ref


def claim_fields(finding: Finding, evidence: bytes) -> dict[str, Any]:
    """The record's fields but for asset and `against`. `evidence`: SHA-256 of the file of findings.

    The rate is the upper bound of the measured one, not what happened to be observed. Raises InputError for a finding
    whose length class nobody has measured: a claim without an error rate is none.
    """
    if finding.rate is not None:
        fpr = finding.rate.upper_ppm
    elif finding.copy and finding.length == 0:  # of bytes that are no text: SHA-256 decides
        fpr = 0
    else:
        raise InputError(
            f"no error rate was measured for items of {finding.length:,} characters", field="--finding",
            expected="findings made with a calibration of that length class: `usance detect calibrate`",
        )  # fmt: skip
    return {
        "kind": "claim", "method": finding.method, "score": finding.score, "threshold": finding.threshold, "fpr": fpr,
        "length": finding.length, "proves": finding.proves, "evidence": evidence,
    }  # fmt: skip


def check_said(finding: Finding, rule: RuleUsed) -> None:
    """Raise InputError where a finding's words aren't what this program says of its figures: they go into the log."""
    is_text = finding.length > 0
    containment = max(finding.of_item, finding.of_source)
    said = say(run=finding.run, containment=containment, copy=finding.copy, rule_name=rule.name, text=is_text)
    if finding.proves != said:
        raise InputError(
            f"finding {finding.number} says what its figures don't, or another version made it", field="proves",
            expected="a file of this version: run `usance detect` again",
        )  # fmt: skip


def find_claimed(body: dict[str, Any], data: bytes, found: Findings) -> list[Finding]:
    """The findings that a claim may be about, one or more: many may have the same figures. `data`: the file's bytes,
    `found`: what they hold.

    Raises InputError where the record is no claim, holds another file's digest, or none of the findings has its
    figures, or could be of its asset.
    """
    if body.get("kind") != "claim":
        raise InputError(f"a {body.get('kind')} record rests on no findings", expected="the proof of a claim")
    digest = sha256(data).digest()
    if digest != body["evidence"]:
        raise InputError(
            f"the file's SHA-256 is {digest.hex()}: not the claim's evidence", expected=body["evidence"].hex()
        )
    asset = str(unpack_ref(body["asset"]))
    fits = []
    for finding in found.findings:
        try:
            said = claim_fields(finding, digest)
        except InputError:  # of no measured rate, so never claimed
            continue
        is_other = finding.registered is not None and finding.registered.ref != asset
        if not is_other and all(body[name] == value for name, value in said.items()):
            fits.append(finding)
    if not fits:
        raise InputError(
            "no finding of the file has the claim's method, score, rate and length, and may be its asset's"
        )
    named = [finding for finding in fits if {"digest": bytes.fromhex(finding.item.sha256)} == body["against"]]
    return named or fits
