"""What a proof file shows, step by step, and what it doesn't: bytes in, verdict out, no network (design sections 1, 7).

Each step says what was checked and what it rests on. The first that fails ends the verdict: what would come after it
would rest on nothing. Names are claims of whoever signed them and stand beside their keys.
"""

from __future__ import annotations

import json
from typing import Any

from node.detect.claimed import find_claimed
from node.detect.finding import Findings
from node.detect.normalform import normalise_slowly
from proofs import merkle
from proofs.canary import Opening, check_opening
from proofs.entry import parse_entry
from proofs.errors import InputError, excerpt
from proofs.manifest import Manifest, check_membership
from proofs.policy import Policy
from proofs.records import check_body
from proofs.ref import Ref, unpack_ref
from proofs.tlogproof import TlogProof
from proofs.verdict import FAILED, GOOD, INCOMPLETE, Verdict, judge_checkpoint

NOT_SHOWN = (
    "that the log bound this key to a party, and who a party is in the world: names are claims",
    "that the record broke no rule of the log, and what came after it: corrections, withdrawals, revoked keys",
    "that the signer logged every use: what nobody logged can't be seen",
    "when it happened: times are the signer's word; only order is proved",
)
CANARY_NOT_SHOWN = (
    "that the mark was new: its maker may have it from somewhere; whether it was drawn at random is for you to see",
    "that it was put into any material, or which",
    "that its maker kept it secret until the record, or until the material was released: only the log saw nothing",
    "when in the world it was logged, but for what a witness's cosignature says",
    "who took it from where: whoever has it may have it from anybody who published it",
)
REPLAY = "`usance audit` replays the whole log and shows the rules, bindings and gaps"

FINDINGS_NAMED = 8
MARK_CHARS_MIN = 50
"""Letters and digits: shorter ones stand in texts by chance. (`usance canary make` makes longer ones.)"""


def judge_proof(proof: TlogProof, *, policy: Policy | None, entry: bytes | None = None) -> Verdict:
    """Judge one proof. `policy` None: nothing anchors the checkpoint, which leaves that step open. `entry`: its bytes
    where the proof doesn't carry them. Raises nothing for what fails: the verdict says it."""
    verdict = Verdict()
    data = proof.extra if proof.extra is not None else entry
    step = "checkpoint"
    try:
        checkpoint = verdict.checkpoint = proof.checkpoint
        judge_checkpoint(verdict, proof.checkpoint_note, policy, checkpoint)
        step = "inclusion"
        if data is None:
            raise InputError("the proof doesn't carry the entry", expected="--entry FILE with the entry's bytes")
        leaf = merkle.leaf_hash(data)
        merkle.check_inclusion(
            index=proof.index, size=checkpoint.size, leaf=leaf, path=proof.path, root=checkpoint.root
        )
        verdict.ref = Ref(proof.index, leaf)
        verdict.good(
            step, f"the entry stands at leaf {proof.index} of the {checkpoint.size} that the checkpoint covers, with "
            f"the hash {leaf.hex()}", "SHA-256 and the checkpoint",
        )  # fmt: skip
        step = "signer"
        made = verdict.entry = parse_entry(data)
        made.check_signature(checkpoint.origin)
        made.check_place(proof.index)
        verdict.good(
            step, f"key {made.key.hex()} signed this record as its number {made.number} ({made.position + 1} of "
            f"{made.count} under one signature), for this log only, having seen its tree of size {made.size}",
            "Ed25519 and the entry itself",
        )  # fmt: skip
        step = "record"
        verdict.body = check_body(made.body)
        verdict.good(step, f"of kind {verdict.body['kind']}, every field of its form", "what the signer says")
    except InputError as error:
        verdict.fail(step, error)
    verdict.not_shown += list(NOT_SHOWN)
    return verdict


def judge_item(
    verdict: Verdict, *, manifest: Manifest, position: int | None, sha256: bytes, size: int, asset: Verdict | None
) -> None:
    """Add what a file at hand has to do with the record: it is in the manifest that the asset's root commits to, and,
    for a usage, it is the item that the usage names.

    `position`: where in the manifest, None to look for the content; `asset`: the verdict on the asset's own proof,
    None where the record itself is the asset. Changes `verdict`; raises nothing for what fails.
    """
    if verdict.result == FAILED:
        return
    step = "asset"
    try:
        owner = _asset_behind(verdict, asset)
        step = "manifest"
        _check_manifest(verdict, manifest, owner)
        step = "file"
        at = _find(manifest, position, sha256, size, named=(verdict.body or {}).get("item"))
        item = manifest.items[at]
        if (item.sha256, item.size) != (sha256, size):
            raise InputError(f"the file is not the {item.path} of the manifest: its content differs")
        check_membership(item=item, position=at, count=len(manifest.items), path=manifest.path(at), root=owner["root"])
        verdict.good(
            step, f"the file is {item.path}, item {at} of {len(manifest.items)}", "SHA-256 and the asset's root"
        )
        if asset is not None:
            step = "item"
            _check_named(verdict, item.digest(), item.path)
    except InputError as error:
        verdict.fail(step, error)


def judge_canary(verdict: Verdict, opening: Opening, *, text: str | None = None) -> None:
    """Add what an opening shows beside the record: that the canary commits to this mark; and where `text` is given,
    that the mark stands in it, whole, in normal form. Changes `verdict`; raises nothing for what fails."""
    if verdict.result == FAILED:
        return
    verdict.not_shown += CANARY_NOT_SHOWN
    step = "mark"
    try:
        check_opening(verdict.body or {}, opening)
        verdict.more["mark"] = {
            "index": opening.index, "number": opening.index + 1, "count": opening.count, "text": opening.mark.text,
        }  # fmt: skip
        quoted = json.dumps(opening.mark.text, ensure_ascii=False)
        verdict.good(
            step, f"mark {opening.index + 1} of {opening.count} existed when this was logged, and the log saw a hash "
            f"alone: {quoted}", "SHA-256 and the salt",
        )  # fmt: skip
        if text is not None:
            step = "text"
            form = normalise_slowly(opening.mark.text)
            if len(form) < MARK_CHARS_MIN:
                raise InputError(
                    f"the mark has {len(form)} letters and digits: too short to tell",
                    expected=f"a mark of {MARK_CHARS_MIN} or more",
                )
            at = normalise_slowly(text).find(form)
            if at < 0:
                raise InputError(
                    "the text doesn't have the mark, whole", expected="all its letters and digits in order"
                )
            verdict.good(step, f"the text has the mark, all {len(form)} letters and digits of it, in order", "the text")
    except InputError as error:
        verdict.fail(step, error)


def judge_findings(verdict: Verdict, data: bytes, found: Findings) -> None:
    """Add what a file of findings has to do with a claim: it is the evidence that the record names, and which of its
    findings is claimed. Changes `verdict`; raises nothing for what fails."""
    if verdict.result == FAILED:
        return
    verdict.not_shown.append("that the finding is right: the file is its maker's; look at the passages, and look again")
    step = "evidence"
    try:
        fits = find_claimed(verdict.body or {}, data, found)
        verdict.more["findings"] = [
            {"number": one.number, "item": one.item.name, "source": one.source.name} for one in fits
        ]
        first = f"{excerpt(fits[0].item.name)} matches {excerpt(fits[0].source.name)}"
        if len(fits) > 1:
            numbers = ", ".join(str(one.number) for one in fits[:FINDINGS_NAMED]) + (
                ", …" if len(fits) > FINDINGS_NAMED else ""
            )
            said = f"one of the findings {numbers}, which have the same figures, is claimed; in the first, {first}"
        else:
            said = f"finding {fits[0].number} is claimed: {first}"
        verdict.good(step, f"the file is the claim's evidence; {said}", "SHA-256")
    except InputError as error:
        verdict.fail(step, error)


def _asset_behind(verdict: Verdict, asset: Verdict | None) -> dict[str, Any]:
    body = verdict.body or {}
    if asset is None:
        if body.get("kind") not in ("asset", "description"):
            raise InputError("the proof is not an asset's", expected="--asset-proof FILE with the proof of the asset")
        return body
    if asset.result == FAILED or asset.body is None or asset.ref is None:
        said = next((step.says for step in asset.steps if step.result == FAILED), "it can't be read")
        raise InputError(f"the asset's own proof doesn't hold: {said}")
    if body.get("kind") != "usage":
        raise InputError(f"a {body.get('kind')} record names no item", expected="the proof of a usage")
    owner, used = asset.body, body["asset"]
    kind, log = owner.get("kind"), (verdict.checkpoint, asset.checkpoint)
    if log[0] is None or log[1] is None or log[0].origin != log[1].origin:
        raise InputError("the asset's proof is of another log")
    if isinstance(used, bytes):
        fits = kind == "asset" and unpack_ref(used) == asset.ref
    else:
        fits = (kind == "description" and owner["name"] == used) or (kind == "asset" and used in owner.get("aka", ()))
    if not fits:
        shown = used if isinstance(used, str) else str(unpack_ref(used))
        raise InputError("the asset's proof is of another asset than the one that was used", expected=shown)
    key = asset.entry.key.hex() if asset.entry else ""
    if isinstance(used, bytes):
        says, rests = f"the used asset is {owner['name']!r}", "the same log's key; its name is a claim"
    else:
        link = "described by" if kind == "description" else "claimed by the asset"
        says = f"the used name {used!r} is {link} {owner['name']!r}"
        rests = "the same log's key; anybody may say so of a name"
    verdict.good("asset", f"{says}, entry {asset.ref}, signed by {key}: its own proof holds", rests)
    if asset.result == INCOMPLETE and verdict.result == GOOD:
        verdict.open("asset", "the asset's checkpoint is not anchored", "nothing yet")
    return owner


def _check_manifest(verdict: Verdict, manifest: Manifest, owner: dict[str, Any]) -> None:
    if "root" not in owner:
        raise InputError("the asset commits to no manifest", expected="an asset with a root")
    if manifest.root != owner["root"]:
        raise InputError("the manifest is not the asset's: its root differs", expected=owner["root"].hex())
    if (len(manifest.items), manifest.bytes) != (owner["items"], owner["bytes"]):
        raise InputError("the asset states other figures", expected=f"{owner['items']} files, {owner['bytes']} bytes")
    verdict.good(
        "manifest", f"{len(manifest.items)} files, {manifest.bytes} bytes, with the root {manifest.root.hex()}",
        "SHA-256 and the asset's record",
    )  # fmt: skip


def _find(manifest: Manifest, position: int | None, sha256: bytes, size: int, *, named: bytes | None) -> int:
    """Of several files with this content, the one that the usage names."""
    if position is not None:
        return position
    alike = [at for at, item in enumerate(manifest.items) if (item.sha256, item.size) == (sha256, size)]
    if not alike:
        raise InputError("no file of the manifest has this content", expected="a file of the data set, unchanged")
    return next((at for at in alike if manifest.leaves[at] == named), alike[0])


def _check_named(verdict: Verdict, digest: bytes, path: str) -> None:
    body = verdict.body or {}
    if "item" in body:
        if body["item"] != digest:
            raise InputError(f"the usage names another item than {path}", expected=body["item"].hex())
        verdict.good("item", f"the usage names this very item, {digest.hex()}", "the signer's word")
    elif "items" in body:
        raise InputError("the usage names several items by one root; which ones is not in the proof")
    else:
        verdict.good("item", "the usage names no single item: it is of the whole asset", "the signer's word")
