"""`usance claim`: log that one's own material was found in what another has (docs/claims.md).

What is logged is the finding's figures and the digest of its file. The file itself, with the passages, stays here: it
is the evidence, and whoever is shown it can check that it is what was claimed.
"""

from __future__ import annotations

import argparse
import os
from hashlib import sha256
from typing import Any

from ledger.signrecord import write_durably
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
LOOKED_BACK = 500
"""Claims of the asset among which the same one is looked for."""
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
    parser.add_argument("--again", action="store_true", help="log it also where the same finding was claimed already")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_claim)


def _chosen(text: str) -> tuple[str, bytes, Finding]:
    """The file, its bytes, and the finding."""
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
    return path, data, finding


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


def _check_sides(client: Client, fields: dict[str, Any]) -> list[str]:
    """Refuse a claim against oneself and, where it was logged already with the same evidence, a second one; what a
    person should know of the asset. What the node says here decides nothing: the log judges for itself."""
    ref = str(unpack_ref(fields["asset"]))
    asset = client.get(f"/assets/{ref}")
    what, value = next(iter(fields["against"].items()))
    other = None
    if what == "asset":
        other = client.get(f"/assets/{unpack_ref(value)}").get("party")
    elif what == "party":
        other = value.hex()
    if other is not None and other == asset.get("party"):
        raise InputError("a claim against oneself", field="--against", expected="another party, or its asset")
    if asset.get("retired") is True:
        return ["  the asset was withdrawn: a use that accepts this claim is unlicensed, and costs nothing"]
    return []


def _check_new(client: Client, fields: dict[str, Any]) -> None:
    wanted = to_json({name: fields[name] for name in ("evidence", "score", "against", "method")})
    page = client.get("/records", kind="claim", asset=str(unpack_ref(fields["asset"])), limit=LOOKED_BACK)
    rows = page.get("records")
    for row in rows if isinstance(rows, list) else []:
        record = row.get("record") if isinstance(row, dict) else None
        events = row.get("events") if isinstance(row, dict) else None
        gone = any(isinstance(event, dict) and event.get("kind") == "withdraw" for event in events or [])
        if isinstance(record, dict) and not gone and all(record.get(name) == said for name, said in wanted.items()):
            raise InputError(
                f"claimed already, as {row.get('index')}: the same finding against the same", field="--finding",
                expected="another finding; or --again, to log it once more",
            )  # fmt: skip


def _keep(path: str, data: bytes, index: int) -> str:
    """A copy of the evidence beside the file, which the next look may replace; where it is."""
    copy = f"{path}.claim-{index}"
    write_durably(copy, data, mode=0o600)
    return copy


def run_claim(args: argparse.Namespace) -> int:
    """Log the finding as a claim; it charges nobody."""
    path, data, finding = _chosen(args.finding)
    fields = claim_fields(finding, sha256(data).digest())
    signing = None if args.dry_run else open_signing(args)
    client = open_client(args) if signing is None else signing.client
    found = resolve(client, args.asset)
    fields["asset"] = need_ref(found, "ASSET")
    _check_owner(found, fields["asset"], finding)
    fields["against"] = _against(args, client, finding)
    remarks = _check_sides(client, fields)
    if not args.again:
        _check_new(client, fields)
    terms = terms_in_force(client, unpack_ref(fields["asset"]))
    policy = None if terms is None else terms.fields.get("on_match")
    words = _NOBODY if "digest" in fields["against"] else _NEXT[policy]
    shown: dict[str, Any] = to_json({name: value for name, value in fields.items() if name != "kind"})
    json = {"policy": policy, "finding": finding.number}
    lines = [*_lines(fields, shown, finding), *remarks]
    if signing is None:
        body_of(fields)
        emit({"kind": "claim", "logged": False, **shown, **json}, as_json=args.json,
             lines=["claim, not logged", *lines, f"  {words.format(index='INDEX')}"])  # fmt: skip
        return OK
    ref, status = log_one(signing, fields)
    kept = _keep(path, data, ref.index)
    report(args, "claim", ref, status, json={**shown, **json, "kept": kept},
           lines=[*lines, f"  kept as {kept}: it is the evidence", f"  {words.format(index=ref.index)}"])  # fmt: skip
    return OK


def _lines(fields: dict[str, Any], shown: dict[str, Any], finding: Finding) -> list[str]:
    """For people. `shown`: the same in JSON, in which large numbers are texts."""
    what, value = next(iter(shown["against"].items()))
    source = excerpt(finding.source.name) if finding.source.name else f"an item of {finding.owner}"
    return [
        f"  finding {finding.number}: {excerpt(finding.item.name)} matches {source}",
        f"  asset {shown['asset']}",
        f"  against {what} {value}",
        f"  {fields['method']}: {fields['score']:,}, where {fields['threshold']:,} counts",
        f"  wrong at most {fields['fpr']:,} times in a million pairs of unrelated items as long (95 % sure)",
        f"  proves: {fields['proves']}",
        f"  evidence: the file of findings; its SHA-256 is {shown['evidence']}",
    ]
