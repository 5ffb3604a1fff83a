"""`usance verify`: what a proof or evidence file shows, without a network, a database, or a package beyond the base."""

from __future__ import annotations

import argparse
import sys

from node.cli.common import add_log, add_output, find_policy, read_file
from node.cli.outcome import FAILED, INCOMPLETE, OK
from node.cli.text import emit, show_value
from node.detect.finding import FILE_BYTES_MAX, parse_findings
from node.errors import FileError
from node.manifests import hash_file, position_of, read_manifest
from node.verdict import REPLAY, judge_canary, judge_findings, judge_item, judge_proof
from proofs import verdict as judged
from proofs.canary import OPENING_BYTES_MAX, parse_opening
from proofs.errors import InputError, VerifyError
from proofs.evidence import EVIDENCE_BYTES_MAX, Evidence, parse_evidence
from proofs.evidencecheck import check_evidence
from proofs.jsonform import to_json
from proofs.policy import Policy
from proofs.tiles import ENTRY_BYTES_MAX
from proofs.tlogproof import PROOF_BYTES_MAX, TlogProof, parse_tlog_proof
from proofs.verdict import Verdict

TEXT_BYTES_MAX = 64 * 1024 * 1024
"""Of a text that is to have a mark; a larger one is cut to where the mark stands."""
_BYTES_MAX = max(PROOF_BYTES_MAX, EVIDENCE_BYTES_MAX)
_MARKS = {"good": "ok  ", "failed": "FAIL", "open": "open"}
_HEADLINES = {
    "good": "GOOD: every step holds",
    "failed": "FAILED: a step doesn't hold, and nothing after it was judged",
    "incomplete": "GOOD AS FAR AS IT GOES: what is marked open is missing",
}


def configure_verify(parser: argparse.ArgumentParser) -> None:
    """The file, what anchors it, and what else is to be shown with it."""
    parser.add_argument("file", metavar="FILE", help="a .tlog-proof or evidence file; - for standard input")
    anchor = parser.add_argument_group("what anchors it (without either, exit code 3)")
    add_log(anchor)  # type: ignore[arg-type]
    parser.add_argument("--entry", metavar="FILE", help="the entry's bytes, where the proof doesn't carry them")
    item = parser.add_argument_group("does this file belong to it?")
    item.add_argument("--item", metavar="FILE", help="a file of the data set that the record is about")
    item.add_argument("--item-path", metavar="PATH", help="its path in the manifest (default: found by its content)")
    item.add_argument("--manifest", metavar="FILE", help="the data set's manifest")
    item.add_argument("--asset-proof", metavar="FILE", help="the proof of the asset, where FILE is that of a usage")
    canary = parser.add_argument_group("does a canary's record commit to this mark?")
    canary.add_argument("--canary", metavar="FILE", help="the mark's opening, as `usance canary prove` writes it")
    canary.add_argument("--text", metavar="FILE", help="a text, as it was found: does it have the mark, whole?")
    claim = parser.add_argument_group("does a claim's record rest on this file?")
    claim.add_argument("--findings", metavar="FILE", help="the file of findings, as `usance detect -o` wrote it")
    add_output(parser)
    parser.set_defaults(run=run_verify)


def _read(path: str) -> TlogProof | Evidence:
    """By its first byte: evidence is one JSON object, a proof begins with its header."""
    if path == "-":
        data = sys.stdin.buffer.read(_BYTES_MAX + 1)
    else:
        data = read_file(path, bytes_max=_BYTES_MAX, what="the file")
    is_evidence = data[:1] == b"{"
    try:
        return parse_evidence(data) if is_evidence else parse_tlog_proof(data)
    except VerifyError:
        raise
    except InputError as error:
        kind = "evidence file" if is_evidence else "proof"
        raise FileError(
            f"{path} is not a readable {kind}: {error.detail}", field=error.field, expected=error.expected
        ) from None


def run_verify(args: argparse.Namespace) -> int:
    """Judge, print, and say it with the exit code."""
    if args.item and not args.manifest:
        raise InputError("--item needs --manifest, the list that the asset's root commits to")
    if not args.item and (args.manifest or args.asset_proof or args.item_path):
        raise InputError("--manifest, --asset-proof and --item-path go with --item FILE")
    if args.text and not args.canary:
        raise InputError("--text goes with --canary FILE, the opening of the mark that the text is to have")
    policy = find_policy(args)
    shown = _read(args.file)
    if isinstance(shown, Evidence):
        if args.entry or args.item or args.canary or args.findings:
            raise InputError(
                f"{args.file} is evidence: --entry, --item, --canary and --findings go with a .tlog-proof file"
            )
        verdict = check_evidence(shown, policy=policy)
    else:
        entry = read_file(args.entry, bytes_max=ENTRY_BYTES_MAX, what="the entry") if args.entry else None
        verdict = judge_proof(shown, policy=policy, entry=entry)
        if args.item:
            _with_item(args, verdict, policy)
        if args.canary:
            _with_canary(args, verdict)
        if args.findings:
            data = read_file(args.findings, bytes_max=FILE_BYTES_MAX, what="the findings")
            judge_findings(verdict, data, parse_findings(data, place=args.findings))
    emit({"file": args.file, **verdict.value()}, as_json=args.json, lines=show_verdict(args.file, verdict))
    if verdict.result == judged.FAILED:
        return FAILED
    return OK if verdict.result == judged.GOOD else INCOMPLETE


def _with_item(args: argparse.Namespace, verdict: Verdict, policy: Policy | None) -> None:
    if args.asset_proof is None and verdict.body is not None and verdict.body["kind"] == "usage":
        used = to_json(verdict.body)["asset"]
        raise InputError(
            f"{args.file} is the proof of a usage: add --asset-proof FILE with the proof of its asset, {used} "
            "(`usance proof REF -o FILE` fetches it)"
        )
    asset = None
    if args.asset_proof:
        shown = _read(args.asset_proof)
        if isinstance(shown, Evidence):
            raise InputError(f"{args.asset_proof} is evidence", field="--asset-proof", expected="a .tlog-proof file")
        asset = judge_proof(shown, policy=policy)
    manifest = read_manifest(args.manifest)
    digest, size = hash_file(args.item)
    position = position_of(manifest, args.item_path) if args.item_path else None
    judge_item(verdict, manifest=manifest, position=position, sha256=digest, size=size, asset=asset)


def _with_canary(args: argparse.Namespace, verdict: Verdict) -> None:
    data = read_file(args.canary, bytes_max=OPENING_BYTES_MAX, what="the opening")
    try:
        opening = parse_opening(data)
    except InputError as error:
        raise FileError(
            f"{args.canary} is not a readable opening: {error.detail}", field=error.field, expected=error.expected
        ) from None
    text = read_file(args.text, bytes_max=TEXT_BYTES_MAX, what="the text") if args.text else None
    judge_canary(verdict, opening, text=None if text is None else text.decode("utf-8", "replace"))


def show_verdict(path: str, verdict: Verdict) -> list[str]:
    """The verdict for a person: steps and what each rests on, what the record says, who is who, what isn't shown."""
    lines = [f"{path}: {_HEADLINES[verdict.result]}"]
    if verdict.ref is not None:
        lines.append(f"entry {verdict.ref}")
    for step in verdict.steps:
        rests = f"   [rests on {step.rests_on}]" if step.rests_on else ""
        lines.append(f"  {_MARKS[step.result]} {step.name}: {step.says}{rests}")
    if verdict.body is not None:
        lines.append("the record says (the signer's claims):")
        lines += [f"  {name}: {show_value(name, value)}" for name, value in to_json(verdict.body).items()]
    if verdict.more.get("parties"):
        lines.append("parties (names are their own claims):")
        lines += [f"  {party} {name}".rstrip() for party, name in verdict.more["parties"].items()]
    lines.append("NOT SHOWN:")
    lines += [f"  - {what}" for what in verdict.not_shown]
    lines.append(f"  {REPLAY}")
    return lines
