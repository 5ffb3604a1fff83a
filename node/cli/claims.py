"""`usance claim`: log that one's own material was found in what another has (docs/claims.md).

What is logged is the finding's figures and the digest of its file. The file itself, with the passages, stays here: it
is the evidence, and whoever is shown it can check that it is what was claimed.
"""

from __future__ import annotations

import argparse
import os
from hashlib import sha256
from typing import Any

from node.agents.inforce import terms_in_force
from node.cli.common import add_key, add_node, hex_bytes, open_client, open_signing, party_bytes
from node.cli.outcome import OK
from node.cli.text import emit, note_line
from node.cli.writing import body_of, log_one, report
from node.client import Client
from node.detect.claimed import check_said, claim_fields
from node.detect.finding import FILE_BYTES_MAX, Finding, parse_findings
from node.environment import read_file
from node.resolve import Found, need_ref, resolve
from proofs.errors import InputError, excerpt
from proofs.jsonform import to_json
from proofs.ref import unpack_ref
from proofs.text import parse_decimal

_NEXT = {
    "track": "your terms say track: nothing is asked of anybody",
    "charge": "your terms say charge: whoever it is against accepts it with `usance use ASSET --as … --claim {index}`, "
    "priced as any other use, or answers with `usance dispute {index}`",
    "block": "your terms say block: the claim asks for the use to end; its answer is `usance dispute {index}`",
    None: "your terms say nothing of matches (on_match): whoever it is against can accept it with `usance use ASSET "
    "--as … --claim {index}`, or answer with `usance dispute {index}`",
}
_NOBODY = "it is against a digest, so nobody is asked: it fixes that you had found this by now"


def configure_claim(parser: argparse.ArgumentParser) -> None:
    """The asset, the finding, and whom it is against."""
    parser.add_argument("asset", metavar="ASSET", help="the asset that was found, of the key's party")
    parser.add_argument(
        "--finding", metavar="FILE[:NUMBER]", required=True,
        help="a file that `usance detect -o` wrote, and which of its findings (where it has several)",
    )  # fmt: skip
    whom = parser.add_argument_group("against whom (default: nobody, only the content, by the SHA-256 of the item)")
    only = whom.add_mutually_exclusive_group()
    only.add_argument("--against", metavar="ASSET", help="an asset of another party: its model, outputs or data set")
    only.add_argument("--against-party", metavar="PARTY", help="a party: its key in hex, or a file of it")
    only.add_argument("--against-digest", metavar="HEX", help="the SHA-256 of what it was found in")
    parser.add_argument("--dry-run", action="store_true", help="show what would be logged, and log nothing")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_claim)


def _chosen(text: str) -> tuple[Finding, bytes]:
    """The finding, and its file's digest."""
    path, colon, tail = text.rpartition(":")
    number = None
    if colon and path and tail.isascii() and tail.isdigit() and not os.path.exists(text):
        number = parse_decimal(tail, field="--finding")
    else:
        path = text
    data = read_file(path, bytes_max=FILE_BYTES_MAX, what="the findings")
    found = parse_findings(data, place=path)
    if number is None and len(found.findings) != 1:
        raise InputError(
            f"{path} holds {len(found.findings)} findings", field="--finding", expected="FILE:NUMBER, one of them"
        )
    if number is not None and number >= len(found.findings):
        raise InputError(
            f"{path} holds no finding {number}", field="--finding", expected=f"a number below {len(found.findings)}"
        )
    finding = found.findings[number or 0]
    check_said(finding, found.rule)
    return finding, sha256(data).digest()


def _against(args: argparse.Namespace, client: Client, finding: Finding) -> dict[str, bytes]:
    if args.against is not None:
        return {"asset": need_ref(resolve(client, args.against), "--against")}
    if args.against_party is not None:
        return {"party": party_bytes(args.against_party, field="--against-party")}
    if args.against_digest is not None:
        return {"digest": hex_bytes(args.against_digest, length=32, field="--against-digest")}
    note_line("against nobody: the claim names the content only")
    return {"digest": bytes.fromhex(finding.item.sha256)}


def _check_owner(found: Found, ref: bytes, finding: Finding) -> None:
    """Refuse a finding that is tied to another asset; remark on one that merely names its owner otherwise."""
    own = str(unpack_ref(ref))
    if finding.registered is not None and finding.registered.ref != own:
        raise InputError(
            f"the finding is of asset {finding.registered.ref}", field="--finding", expected=f"a finding of {own}"
        )
    body = {} if found.entry is None else found.entry.body
    name, version = str(body.get("name", "")), body.get("version")
    names = {own, own.partition(":")[0], name, f"{name}@{version}"}
    if finding.registered is None and finding.owner not in names:
        note_line(
            f"remark: the finding names its source {excerpt(finding.owner)}; that this is asset {own} is your word"
        )
    prints = body.get("prints")
    if finding.registered is not None and (prints is None or prints["root"].hex() != finding.registered.prints_root):
        raise InputError(
            "the asset's record holds another root of prints", field="--finding", expected="a finding of this asset"
        )


def run_claim(args: argparse.Namespace) -> int:
    """Log the finding as a claim; it charges nobody."""
    finding, evidence = _chosen(args.finding)
    fields = claim_fields(finding, evidence)
    signing = None if args.dry_run else open_signing(args)
    client = open_client(args) if signing is None else signing.client
    found = resolve(client, args.asset)
    fields["asset"] = need_ref(found, "ASSET")
    _check_owner(found, fields["asset"], finding)
    fields["against"] = _against(args, client, finding)
    terms = terms_in_force(client, unpack_ref(fields["asset"]))
    policy = None if terms is None else terms.fields.get("on_match")
    shown: dict[str, Any] = to_json({name: value for name, value in fields.items() if name != "kind"})
    json = {"policy": policy}
    lines = _lines(fields, shown)
    if signing is None:
        body_of(fields)
        emit({"kind": "claim", "logged": False, **shown, **json}, as_json=args.json,
             lines=["claim, not logged", *lines])  # fmt: skip
        return OK
    ref, status = log_one(signing, fields)
    words = _NOBODY if "digest" in fields["against"] else _NEXT[policy].format(index=ref.index)
    report(args, "claim", ref, status, json={**shown, **json}, lines=[*lines, f"  {words}"])
    return OK


def _lines(fields: dict[str, Any], shown: dict[str, Any]) -> list[str]:
    """For people. `shown`: the same in JSON, in which large numbers are texts."""
    what, value = next(iter(shown["against"].items()))
    return [
        f"  asset {shown['asset']}",
        f"  against {what} {value}",
        f"  {fields['method']}: {fields['score']:,}, where {fields['threshold']:,} counts",
        f"  wrong at most {fields['fpr']:,} times in a million pairs of unrelated items as long (95 % sure)",
        f"  proves: {fields['proves']}",
        f"  evidence: keep the file of findings; its SHA-256 is {shown['evidence']}",
    ]
