"""`usance records`, `assets` and `proof`: one entry is checked by its proof, a list is the node's word."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

from ledger.signrecord import write_durably
from node.cli.common import add_node, need_log, open_client, party_bytes
from node.cli.files import emit_file
from node.cli.moneytext import extras_in, extras_lines, money_text
from node.cli.outcome import OK
from node.cli.terms import offer_text, terms_lines
from node.cli.text import emit, short, show_time, show_value, table
from node.client import Client, VerifiedEntry, check_entry_proof
from node.errors import FileError, NetworkError
from node.resolve import find_entry, resolve
from proofs.errors import InputError
from proofs.fields import is_external_name
from proofs.jsonform import to_json
from proofs.kinds import KINDS
from proofs.tlogproof import parse_tlog_proof

LIMIT_MAX = 100_000
PAGE = 500
_NAMING = (
    "name", "use", "asset", "target", "key", "terms", "licensee", "usage", "correction", "statement", "dispute",
    "outcome",
)  # fmt: skip
"""What a record is about, for a list: fields that are a text or a reference."""


def configure_records(parser: argparse.ArgumentParser) -> None:
    """One record, or filters."""
    parser.add_argument("record", metavar="REF", nargs="?", help="an index or a reference: that record, verified")
    parser.add_argument("--kind", choices=tuple(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument(
        "--asset",
        metavar="ASSET",
        help="uses of this asset or external name; with --kind claim or canary: those about it",
    )
    parser.add_argument("--party", metavar="PARTY", help="records of this party: its key in hex, or a file of it")
    parser.add_argument("--against", metavar="PARTY", help="claims against this party or what it owns")
    _paging(parser)
    parser.set_defaults(run=run_records)


def configure_assets(parser: argparse.ArgumentParser) -> None:
    """One asset, or one filter."""
    parser.add_argument("asset", metavar="ASSET", nargs="?", help="a reference, an index, or name[@version]: all of it")
    parser.add_argument("--name", help="assets and descriptions of this name or title")
    parser.add_argument("--party", metavar="PARTY", help="assets of this party: its key in hex, or a file of it")
    parser.add_argument("--root", metavar="HEX", help="assets with this manifest root")
    parser.add_argument("--aka", metavar="NAME", help="assets that claim this external name")
    _paging(parser)
    parser.set_defaults(run=run_assets)


def configure_proof(parser: argparse.ArgumentParser) -> None:
    """Which entry, at which size, into which file."""
    parser.add_argument("record", metavar="REF", help="an index or a reference")
    parser.add_argument("--size", type=int, metavar="N", help="prove it in the tree of this size (default: the newest)")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it here (default: print it)")
    add_node(parser)
    parser.set_defaults(run=run_proof)


def _paging(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="from_", type=int, metavar="INDEX", default=0, help="begin at this leaf")
    parser.add_argument("--limit", type=int, metavar="N", default=100, help="at most this many (default: 100)")
    add_node(parser)


def run_records(args: argparse.Namespace) -> int:
    """One, verified, or a list as the node has it."""
    client = open_client(args)
    if args.record is not None:
        if args.kind or args.asset or args.party or args.against:
            raise InputError("REF and filters exclude each other")
        return _show_one(args, client, find_entry(client, args.record))
    asset, party = args.asset, _party(args)
    against = None if args.against is None else party_bytes(args.against, field="--against").hex()
    if asset is not None and not is_external_name(asset):
        found = resolve(client, asset)
        asset = found.text
    filters = {"kind": args.kind, "asset": asset, "party": party, "against": against}
    rows, following = _collect(args, client, "/records", "records", **filters)
    head = ("index", "kind", "status", "signer", "at", "what")
    cells = [_record_row(row) for row in rows]
    lines = [*table([head, *cells]), *_remarks(following, "usance records INDEX")] if cells else ["none"]
    emit({"records": rows, "next": following, "verified": False}, as_json=args.json, lines=lines)
    return OK


def _remarks(following: int | None, command: str) -> list[str]:
    """What a list isn't: checked entry by entry, or all there is."""
    more = [f"there may be more: --from {following}, or a larger --limit"] if following is not None else []
    return [*more, f"as the node lists them; `{command}` shows one, verified"]


def _party(args: argparse.Namespace) -> str | None:
    return None if args.party is None else party_bytes(args.party, field="--party").hex()


def _show_one(args: argparse.Namespace, client: Client, found: VerifiedEntry) -> int:
    entry = found.entry
    body = to_json(found.body)
    said = client.get(f"/records/{found.ref.index}")
    status, party = said.get("status"), said.get("signer", {})
    party = party.get("party") if isinstance(party, dict) else None
    value = {
        "index": found.ref.index, "ref": str(found.ref), "verified": True,
        "signer": {"key": entry.key.hex(), "party": party}, "number": entry.number, "status": status, "record": body,
        "node_says": extras_in(said),
    }  # fmt: skip
    lines = [f"{found.ref}", f"  signed by {entry.key.hex()}, its record {entry.number}"]
    lines += [f"  node says: party {party}, status {status}"]
    lines += [f"  node says: {line}" for line in extras_lines(extras_in(said), currency=body.get("currency"))]
    lines += [f"  {name} {_in_words(body, name, item, found.body)}" for name, item in body.items()]
    emit(value, as_json=args.json, lines=lines)
    return OK


def _in_words(body: dict[str, Any], name: str, value: Any, signed: Mapping[str, Any]) -> str:
    """A field of a record's JSON form (`signed`: as it was signed); sums and prices in their currency."""
    if name == "offers":
        return "; ".join(offer_text(offer, signed["currency"]) for offer in signed["offers"])
    if name == "terms" and isinstance(value, dict):
        return "; ".join(terms_lines(signed["terms"]))
    if body["kind"] == "statement" and name in ("gross", "credits", "billed", "due"):
        return f"{value} ({money_text(value, body['currency'])})"
    return show_value(name, value)


def _record_row(row: dict[str, Any]) -> tuple[str, ...]:
    record = row.get("record")
    body: dict[str, Any] = record if isinstance(record, dict) else {}
    signer = row.get("signer")
    key = signer.get("key", "") if isinstance(signer, dict) else ""
    what = [short(str(body[name])) for name in _NAMING if isinstance(body.get(name), str)]
    what += [short(show_value("", body["quantities"]))] if "quantities" in body else []
    what += [f"due {money_text(body['due'], body.get('currency'))}"] if "due" in body else []
    what += _claim_words(body, row.get("events")) if body.get("kind") == "claim" else []
    at = body.get("at")
    return (
        str(row.get("index")), str(body.get("kind")), str(row.get("status")), str(key)[:16],
        show_time(at) if type(at) is int else "", " ".join(what),
    )  # fmt: skip


_ANSWERS = {"usage": "accepted by", "dispute": "disputed by", "resolution": "resolved by", "withdraw": "WITHDRAWN by"}


def _claim_words(body: dict[str, Any], events: object) -> list[str]:
    """Whom a claim is against, its score, and what came of it."""
    against = body.get("against")
    words = [f"against {what} {short(str(value))}" for what, value in against.items()] if type(against) is dict else []
    words.append(f"{str(body.get('method')).rpartition('; ')[2]} {body.get('score')}")
    for event in events if type(events) is list else []:
        if isinstance(event, dict) and event.get("kind") in _ANSWERS:
            words.append(f"{_ANSWERS[event['kind']]} {event.get('index')}")
    return words


def run_assets(args: argparse.Namespace) -> int:
    """One, verified, or a list as the node has it."""
    client = open_client(args)
    if args.asset is not None:
        found = resolve(client, args.asset)
        if found.entry is None:
            named, following = _collect(args, client, "/assets", "assets", name=args.asset)
            claimed, after = _collect(args, client, "/assets", "assets", aka=args.asset)
            more = min((at for at in (following, after) if at is not None), default=None)
            return _list_assets(args, named + claimed, more)
        return _show_one(args, client, found.entry)
    filters = {"name": args.name, "party": _party(args), "root": args.root, "aka": args.aka}
    if sum(value is not None for value in filters.values()) > 1:
        raise InputError("give one of --name, --party, --root and --aka")
    return _list_assets(args, *_collect(args, client, "/assets", "assets", **filters))


def _list_assets(args: argparse.Namespace, rows: list[dict[str, Any]], following: int | None) -> int:
    lines = [*_asset_lines(rows), *_remarks(following, "usance assets INDEX")] if rows else ["none"]
    emit({"assets": rows, "next": following, "verified": False}, as_json=args.json, lines=lines)
    return OK


def _asset_lines(rows: list[dict[str, Any]]) -> list[str]:
    head = ("index", "kind", "type", "name", "version", "party", "")
    cells = [
        (str(row.get("index")), str(row.get("kind")), str(row.get("type", "")), str(row.get("name", "")),
         str(row.get("version", "")), str(row.get("party", ""))[:16], "retired" if row.get("retired") else "")
        for row in rows
    ]  # fmt: skip
    return table([head, *cells])


def _collect(
    args: argparse.Namespace, client: Client, path: str, field: str, **filters: str | None
) -> tuple[list[dict[str, Any]], int | None]:
    """Pages until the limit, bounded by it, and where to go on (None at the end). The rows are the node's word; that it
    serves this log is checked first."""
    if not 1 <= args.limit <= LIMIT_MAX:
        raise InputError(f"--limit {args.limit}", field="--limit", expected=f"1 to {LIMIT_MAX}")
    client.checkpoint()
    rows: list[dict[str, Any]] = []
    start: int | None = args.from_
    while start is not None and len(rows) < args.limit:
        page = client.get(path, from_=start, limit=min(PAGE, args.limit - len(rows)), **filters)
        listed, following = page.get(field), page.get("next")
        if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
            raise NetworkError(f"the node's list has another form: is {client.transport.url} a Usance node?")
        rows.extend(listed)
        if type(following) is int and following <= start:
            raise NetworkError("the node's list doesn't go on")
        start = following if type(following) is int else None
    return rows[: args.limit], start


def run_proof(args: argparse.Namespace) -> int:
    """Nothing that wasn't checked is written; what was is written at once."""
    keys = need_log(args)
    found = find_entry(open_client(args), args.record, size=args.size)
    # What stands in the file is what counts: read it back as a verifier will.
    proof = parse_tlog_proof(found.proof)
    check_entry_proof(proof, checkpoint=keys.open_checkpoint(proof.checkpoint_note))
    size = found.checkpoint.size
    if args.output is None:
        value = {"ref": str(found.ref), "size": size, "proof": found.proof.decode()}
        emit_file(value, found.proof, as_json=args.json)
        return OK
    if os.path.isdir(args.output):
        raise FileError(f"{args.output} is a folder", field="-o", expected="a file")
    write_durably(args.output, found.proof)
    emit({"ref": str(found.ref), "size": size, "file": args.output}, as_json=args.json,
         lines=[f"{args.output}: proof of {found.ref} in the tree of size {size}, verified"])  # fmt: skip
    return OK
