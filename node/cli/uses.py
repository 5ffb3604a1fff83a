"""`usance use` and `nil`: what was used, how much of it, and when (design section 4)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from node.agents.inforce import PublishedTerms, terms_in_force, terms_of_entry
from node.cli.common import add_key, add_node, hex_bytes, now_ms, open_signing, party_bytes
from node.cli.hidden import add_hidden, read_hidden
from node.cli.moneytext import extras_lines, extras_of
from node.cli.outcome import OK
from node.cli.quantities import add_quantities, read_quantities
from node.cli.text import parse_time
from node.cli.writing import body_of, fields_given, log_one, report, split_pair
from node.client import Client
from node.manifests import position_of, read_manifest
from node.resolve import Found, find_entry, find_kind, need_ref, resolve
from proofs import merkle
from proofs.errors import InputError
from proofs.fields import USES
from proofs.ref import unpack_ref

_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_ATTRIBUTE = "NAME=TEXT, or NAME:=NUMBER"


def configure_use(parser: argparse.ArgumentParser) -> None:
    """The asset, the use, how much, when, into what."""
    parser.add_argument("asset", metavar="ASSET", help="a reference, an index, an external name, or name[@version]")
    parser.add_argument("--as", dest="use", required=True, choices=USES, metavar="USE", help=", ".join(USES))
    add_quantities(parser, "how much (one at least)")
    _period(parser, "default: now")
    parser.add_argument(
        "--terms", metavar="TERMS",
        help="agree to these terms only, by index or reference, or `current` for those in force now (default: those in "
        "force at the newest tree head that this program has verified)",
    )  # fmt: skip
    into = parser.add_argument_group("what it went into")
    into.add_argument("--into", metavar="ASSET", help="an asset of the party, which lists the used one")
    into.add_argument("--into-name", metavar="NAME", help="the name of what is being made")
    items = parser.add_argument_group("which part of it")
    items.add_argument("--item", metavar="PATH", action="append", default=[],
                       help="a path in the manifest, or an item's digest in hex (repeatable)")  # fmt: skip
    items.add_argument("--manifest", metavar="FILE", help="the asset's manifest, where --item names paths")
    items.add_argument("--items", metavar="HEX", help="the root over several items, with --item-count")
    items.add_argument("--item-count", type=int, metavar="N", help="how many items --items covers")
    more = parser.add_argument_group("who and how")
    more.add_argument("--calls", type=int, metavar="N", help="calls that this record stands for, with --detail")
    more.add_argument("--detail", metavar="HEX", help="the root over their details")
    more.add_argument("--seen-by", choices=("user", "provider"), help="who metered it (default: user)")
    more.add_argument(
        "--party", metavar="PARTY", help="who used it, with --seen-by provider: its key in hex, or a file of it"
    )
    more.add_argument("--user", metavar="HEX", help="a salted digest of the end user")
    more.add_argument("--call", metavar="ID", help="the gateway's id of the call")
    more.add_argument("--attr", metavar="NAME=VALUE", action="append", default=[], help=_ATTRIBUTE + " (repeatable)")
    more.add_argument(
        "--claim", metavar="CLAIM", help="accept this claim against the party or its asset: an index or a reference"
    )
    add_hidden(more)
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_use)


def configure_nil(parser: argparse.ArgumentParser) -> None:
    """The period."""
    _period(parser, "required")
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_nil)


def _period(parser: argparse.ArgumentParser, default: str) -> None:
    group = parser.add_argument_group("when")
    group.add_argument("--from", dest="from_", metavar="TIME", help=f"ISO 8601, or milliseconds since 1970 ({default})")
    group.add_argument("--until", metavar="TIME", help=f"likewise ({default})")


def run_nil(args: argparse.Namespace) -> int:
    """A signed report of nothing."""
    if args.from_ is None or args.until is None:
        raise InputError("a nil report needs its period: give --from and --until")
    fields = {"kind": "none", "from": parse_time(args.from_, field="--from"),
              "until": parse_time(args.until, field="--until")}  # fmt: skip
    body_of(fields)
    ref, status = log_one(open_signing(args), fields)
    report(args, "none", ref, status)
    return OK


def run_use(args: argparse.Namespace) -> int:
    """Everything that can be judged here is, before the node is asked; the salts are safe before the record leaves."""
    fields = _fields(args)
    hidden = read_hidden(args)
    fields.update(hidden.fields)
    body_of({**fields, "asset": "model:x/y"})
    signing = open_signing(args)
    client: Client = signing.client
    found = resolve(client, args.asset)
    fields["asset"] = found.target
    if args.into is not None:
        fields["into"] = need_ref(resolve(client, args.into), "--into")
    if args.claim is not None:
        fields["claim"] = find_kind(client, args.claim, "claim", field="--claim").ref.pack()
    if args.terms is not None:
        fields["terms"] = _agreed(client, args.terms, found).ref.pack()
    hidden.write(client.origin)
    ref, status = log_one(signing, fields)
    said = extras_of(client, ref.index)
    news = {name: value for name, value in said.items() if value != found.text}  # judged as what was named: no news
    report(args, "usage", ref, status, asset=found.text, use=args.use, quantities=fields["quantities"],
           accepts_claim=None if args.claim is None else str(unpack_ref(fields["claim"])),
           json={"node_says": said}, lines=[f"  node says: {line}" for line in extras_lines(news)])  # fmt: skip
    return OK


def _agreed(client: Client, text: str, found: Found) -> PublishedTerms:
    """The terms that --terms means. That they are the used asset's is for the log to judge: an external name may be
    claimed by several."""
    if text != "current":
        return terms_of_entry(find_entry(client, text, field="--terms"))
    if isinstance(found.target, str):
        raise InputError(
            f"{found.target} is an external name", field="--terms", expected="the terms of an asset that claims it"
        )
    terms = terms_in_force(client, unpack_ref(found.target))
    if terms is None:
        raise InputError(f"{found.text} has no terms", field="--terms", expected="an asset with terms, or no --terms")
    return terms


def _fields(args: argparse.Namespace) -> dict[str, Any]:
    now = now_ms()
    start = parse_time(args.from_, field="--from") if args.from_ is not None else None
    until = parse_time(args.until, field="--until") if args.until is not None else None
    fields: dict[str, Any] = {
        "kind": "usage",
        "use": args.use,
        "quantities": read_quantities(args, least=1),
        "from": start if start is not None else (until if until is not None else now),
        "until": until if until is not None else max(now, start or 0),
        "into_name": args.into_name,
        "calls": args.calls,
        "detail": _hex(args.detail, "--detail"),
        "seen_by": args.seen_by,
        "party": None if args.party is None else party_bytes(args.party, field="--party"),
        "user": _hex(args.user, "--user"),
        "call": args.call,
        "attrs": _attributes(args.attr),
        **_items(args),
    }
    if (args.seen_by == "provider") != (args.party is not None):
        raise InputError("--seen-by provider and --party, who used it, come only together", field="--party")
    if args.into is not None and args.into_name is not None:
        raise InputError("--into and --into-name exclude each other")
    return fields_given(fields)


def _hex(text: str | None, option: str) -> bytes | None:
    return None if text is None else hex_bytes(text, length=32, field=option)


def _attributes(pairs: Sequence[str]) -> dict[str, str | int] | None:
    found: dict[str, str | int] = {}
    for pair in pairs:
        name, value = split_pair(pair, option="--attr", expected=_ATTRIBUTE)
        if name in found or name[:-1] in found:
            raise InputError(f"--attr {name[:80]} twice", field="--attr", expected="each name once")
        if name.endswith(":"):
            if not value.isascii() or not value.isdigit():
                raise InputError(f"--attr {pair[:80]!r}", field="--attr", expected=_ATTRIBUTE)
            found[name[:-1]] = int(value)
        else:
            found[name] = value
    return found or None


def _items(args: argparse.Namespace) -> dict[str, Any]:
    """`item` for one, `items` with its count for several, in manifest order."""
    if args.items is not None:
        if args.item:
            raise InputError("--item and --items exclude each other")
        return {"items": hex_bytes(args.items, length=32, field="--items"), "item_count": args.item_count}
    if args.item_count is not None:
        raise InputError("--item-count goes with --items")
    if not args.item:
        if args.manifest:
            raise InputError("--manifest goes with --item PATH: it says which item a path is")
        return {}
    manifest = read_manifest(args.manifest) if args.manifest else None
    if manifest is not None:
        positions = sorted({position_of(manifest, path) for path in args.item})
        digests = [manifest.leaves[position] for position in positions]
    else:
        for text in args.item:
            if not _HEX_DIGEST.fullmatch(text):
                raise InputError(f"--item {text[:80]!r} is a path: give the --manifest that it is in", field="--item")
        digests = list(dict.fromkeys(bytes.fromhex(text) for text in args.item))
    if len(digests) == 1:
        return {"item": digests[0]}
    # An item's digest is its manifest leaf's hash already: naming every item gives the manifest's own root.
    return {"items": merkle.root(digests), "item_count": len(digests)}
