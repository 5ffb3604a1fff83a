"""`usance terms` and `grant`: what uses of an asset cost, who may go on under older terms (design section 4)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from typing import Any

from node.agents.inforce import PublishedTerms, terms_in_force, terms_of_entry
from node.agents.termsfile import read_terms_file
from node.cli.common import add_key, add_node, open_signing, public_key_of
from node.cli.outcome import OK
from node.cli.text import emit
from node.cli.writing import log_one, report
from node.client import Client
from node.errors import ProblemError
from node.resolve import find_entry, is_place, need_ref, resolve
from proofs.amounts import show_amount
from proofs.errors import InputError
from proofs.jsonform import to_json
from proofs.ref import unpack_ref

_LISTED = re.compile(r"(offers|splits)\.([0-9]+)(?:\.(\w+))?")


def configure_terms(parser: argparse.ArgumentParser) -> None:
    """Which asset, and the file."""
    parser.add_argument("asset", metavar="ASSET", help="a reference, an index, or name[@version]")
    parser.add_argument("file", metavar="FILE", help="the terms, as TOML: see docs/terms.md")
    parser.add_argument(
        "--dry-run", action="store_true",
        help="log nothing: show what typical uses would cost, who gets it, and what changes against the terms in force",
    )  # fmt: skip
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_terms)


def run_terms(args: argparse.Namespace) -> int:
    """Put terms in force; the file is judged before anything is asked of a node."""
    fields = read_terms_file(args.file)
    if args.dry_run:
        from node.cli.termspreview import run_preview  # which words terms as this module does

        return run_preview(args, fields)
    signing = open_signing(args)
    found = resolve(signing.client, args.asset)
    asset = need_ref(found, "ASSET")
    try:
        ref, _ = log_one(signing, {"kind": "terms", "asset": asset, **fields})
    except ProblemError as error:
        raise in_file(error, args.file) from None
    value = {"kind": "terms", "ref": str(ref), "index": ref.index, "asset": found.text, "terms": to_json(dict(fields))}
    emit(value, as_json=args.json, lines=[f"terms logged as {ref}, in force from here on", f"  asset {found.text}",
                                          *(f"  {line}" for line in terms_lines(fields))])  # fmt: skip
    return OK


def in_file(error: ProblemError, path: str) -> ProblemError:
    """The node's refusal of terms, its field named as it stands in the file."""
    field = error.field.removeprefix("terms.")
    listed = _LISTED.fullmatch(field)
    if listed:
        field = f"[[{listed[1]}]] {int(listed[2]) + 1}" + (f", {listed[3]}" if listed[3] else "")
    return ProblemError(
        f"{path}: {error.detail}", status=error.status, type=error.type, position=error.position, field=field,
        expected=error.expected, extra=error.extra,
    )  # fmt: skip


def terms_lines(fields: Mapping[str, Any]) -> Iterator[str]:
    """Terms (the record's fields) for people, the offers first."""
    currency = fields["currency"]
    for offer in fields["offers"]:
        yield offer_text(offer, currency)
    if not fields["offers"]:
        yield f"no offers (currency {currency})"
    for name, words in (("prohibits", "prohibited"), ("duties", "duties")):
        if fields.get(name):
            yield f"{words}: {', '.join(fields[name])}"
    for split in fields.get("splits", ()):
        yield f"of it {show_bps(split['bps'])} to {split['party'].hex()}"
    if fields.get("derivatives"):
        yield f"assets made from it owe it {show_bps(fields['derivatives'])} of their charges"
    if fields.get("needs_grant"):
        yield "only for parties with a grant"
    for name in ("on_match", "arbiter", "license", "url", "text"):
        if name in fields:
            value = fields[name]
            yield f"{name} {value.hex() if isinstance(value, bytes) else value}"


def offer_text(offer: Mapping[str, Any], currency: str) -> str:
    """`train: 2.50 EUR per 1,000,000 token`."""
    per = "" if offer["per"] == 1 else f"{offer['per']:,} "
    return f"{offer['use']}: {show_amount(offer['price'], currency)} per {per}{offer['unit']}"


def show_bps(bps: int) -> str:
    """Basis points as per cent: `12.5 %`."""
    whole, rest = divmod(bps, 100)
    return f"{whole}{f'.{rest:02d}'.rstrip('0') if rest else ''} %"


def configure_grant(parser: argparse.ArgumentParser) -> None:
    """Which terms, and to whom."""
    parser.add_argument(
        "terms", metavar="TERMS",
        help="terms by index or reference (or an asset with inline terms), or an asset's name: those in force",
    )  # fmt: skip
    parser.add_argument("licensee", metavar="PARTY", help="who may go on using them: 64 hexadecimal digits, or a file")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_grant)


def run_grant(args: argparse.Namespace) -> int:
    """Keep terms open to a party, also when newer ones are in force."""
    licensee = public_key_of(args.licensee)
    signing = open_signing(args)
    found = find_terms(signing.client, args.terms)
    ref, status = log_one(signing, {"kind": "grant", "terms": found.ref.pack(), "licensee": licensee})
    report(args, "grant", ref, status, terms=str(found.ref), asset=str(found.asset), licensee=licensee.hex(),
           lines=[f"the licensee names them to use them: usance use … --terms {found.ref.index}"])  # fmt: skip
    return OK


def find_terms(client: Client, text: str) -> PublishedTerms:
    """The terms that an argument means: an entry that holds terms, or the ones in force of an asset by name. Raises
    InputError."""
    if is_place(text):
        return terms_of_entry(find_entry(client, text, field="TERMS"))
    found = resolve(client, text)
    terms = terms_in_force(client, unpack_ref(need_ref(found, "TERMS")))
    if terms is None:
        raise InputError(f"{text} has no terms", field="TERMS", expected="an asset with terms, or terms by reference")
    return terms
