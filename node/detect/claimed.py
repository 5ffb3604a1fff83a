"""What a claim's record says of a finding; made by `usance claim`, checked by `usance verify` (docs/claims.md)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from node.detect.finding import Finding, Findings
from proofs.errors import InputError


def claim_fields(finding: Finding, evidence: bytes) -> dict[str, Any]:
    """The record's fields but for asset and `against`. `evidence`: SHA-256 of the file of findings.

    The rate is the upper bound of the measured one, not what happened to be observed. Raises InputError for a finding
    whose length class nobody has measured: a claim without an error rate is none.
    """
    if finding.rate is not None:
        fpr = finding.rate.upper_ppm
    elif finding.method.endswith("sha-256"):
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


def find_claimed(body: dict[str, Any], data: bytes, found: Findings) -> Finding:
    """The finding that a claim is about. `data`: the file's bytes, `found`: what they hold. Raises InputError where the
    record is no claim, holds another file's digest, or none of the findings has its figures."""
    if body.get("kind") != "claim":
        raise InputError(f"a {body.get('kind')} record rests on no findings", expected="the proof of a claim")
    digest = sha256(data).digest()
    if digest != body["evidence"]:
        raise InputError(
            f"the file's SHA-256 is {digest.hex()}: not the claim's evidence", expected=body["evidence"].hex()
        )
    for finding in found.findings:
        try:
            said = claim_fields(finding, digest)
        except InputError:  # of no measured rate, so never claimed
            continue
        if all(body[name] == value for name, value in said.items()):
            return finding
    raise InputError("no finding of the file has the claim's method, score, rate and length")
