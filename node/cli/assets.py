"""`usance asset`, `describe` and `withdraw`: what there is to use, whose it is, what it was made from (section 4)."""

from __future__ import annotations

import argparse
import os
from typing import Any

from node.agents.termsfile import read_terms_file
from node.cli.common import add_key, add_node, hex_bytes, open_client, open_signing
from node.cli.detectprints import add_columns, check_outside, make_prints
from node.cli.lineage import add_sources, resolve_sources, sources_wanted
from node.cli.outcome import OK
from node.cli.progress import progress
from node.cli.terms import in_file, terms_lines
from node.cli.text import emit, note_line, parse_time
from node.cli.writing import body_of, fields_given, log_one, report
from node.errors import ProblemError
from node.manifests import Found, scan, write_manifest
from node.resolve import find_entry, is_place, need_ref, resolve
from proofs.errors import InputError
from proofs.fields import ASSET_ORIGINS, ASSET_TYPES
from proofs.jsonform import to_json
from proofs.manifest import Manifest

LEFT_OUT_SHOWN = 3


def _described(parser: argparse.ArgumentParser, *, with_shares: bool) -> None:
    """Options for the fields that assets and descriptions share."""
    parser.add_argument("--type", choices=ASSET_TYPES, default="dataset", help="default: dataset")
    parser.add_argument("--version", help="which version of it")
    group = parser.add_argument_group("what it is")
    group.add_argument("--license", help="an SPDX expression, as CC-BY-4.0 or LicenseRef-own")
    group.add_argument("--uri", help="where it is")
    group.add_argument("--media", help="its media type, as text/plain")
    group.add_argument("--iscc", metavar="CODE", help="its ISCC code; `auto` makes it of PATH, one file")
    group.add_argument("--origin", choices=ASSET_ORIGINS, help="where its content came from")
    group.add_argument("--modality", help="as text, image, audio")
    group.add_argument("--collected-from", metavar="TIME", help="ISO 8601, or milliseconds since 1970")
    group.add_argument("--collected-until", metavar="TIME", help="likewise")
    add_sources(parser, with_shares=with_shares)
    content = parser.add_argument_group("its content, where it is not hashed here")
    content.add_argument("--root", metavar="HEX", help="the manifest's root, with --items and --bytes")
    content.add_argument("--items", type=int, metavar="N", help="files in the manifest")
    content.add_argument("--bytes", type=int, metavar="N", help="their bytes")


def _hashed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--manifest", metavar="FILE", help="write the manifest here, to name and prove single files later"
    )
    parser.add_argument(
        "--exclude", metavar="PATTERN", action="append", default=[], help="leave out paths or names like this"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be logged, and log nothing (only sources need a node)"
    )
    add_key(parser)
    add_node(parser)


def configure_asset(parser: argparse.ArgumentParser) -> None:
    """A folder, a file, or nothing but a name."""
    parser.add_argument(
        "path", metavar="PATH", nargs="?", help="a folder or file: its files are hashed into a manifest"
    )
    parser.add_argument("--name", help="the asset's name (default: the folder's or file's)")
    parser.add_argument(
        "--aka",
        metavar="NAME",
        action="append",
        default=[],
        help="an external name that this asset claims (repeatable)",
    )
    parser.add_argument("--terms", metavar="FILE", help="its terms from the beginning, as TOML: see docs/terms.md")
    _described(parser, with_shares=True)
    group = parser.add_argument_group("its prints, by which it is found in what others publish (docs/prints.md)")
    group.add_argument("--prints", metavar="FILE", help="write the print set of PATH here; the record has its root")
    add_columns(group)
    _hashed(parser)
    parser.set_defaults(run=run_asset)


def configure_describe(parser: argparse.ArgumentParser) -> None:
    """An external name, and what is known of it."""
    parser.add_argument("name", metavar="NAME", help="an external name: pkg:…, http(s)://…, doi:10.…/… or model:…/…")
    parser.add_argument("--title", help="what people call it")
    parser.add_argument("--path", metavar="PATH", help="a copy of it here: its files are hashed into a manifest")
    _described(parser, with_shares=False)
    _hashed(parser)
    parser.set_defaults(run=run_describe)


def _content(args: argparse.Namespace) -> dict[str, Any]:
    """root, items and bytes: hashed here, given, or left out."""
    given = [name for name in ("root", "items", "bytes") if getattr(args, name) is not None]
    if args.path is None:
        if args.manifest or args.exclude:
            raise InputError("--manifest and --exclude go with a PATH that is hashed here")
        if given and len(given) < 3:
            raise InputError("--root, --items and --bytes come only together")
        root = hex_bytes(args.root, length=32, field="--root") if args.root is not None else None
        return {"root": root, "items": args.items, "bytes": args.bytes}
    if given:
        raise InputError(f"--{given[0]} is computed from PATH: give one or the other")
    check_outside(args.path, args.manifest, field="--manifest", what="the manifest")
    with progress("hashing", unit="files", quiet=args.json) as bar:
        found = scan(args.path, exclude=args.exclude, progress=lambda files, size: bar.update(files))
    manifest = Manifest(found.items)
    _remark(found)
    if not found.items:
        note_line(f"remark: {args.path} holds no file that is not left out")
    if args.manifest:
        write_manifest(args.manifest, manifest)
    return {"root": manifest.root, "items": len(manifest.items), "bytes": manifest.bytes}


def _remark(found: Found) -> None:
    if found.left_out:
        shown = ", ".join(found.left_out[:LEFT_OUT_SHOWN])
        more = f" and {len(found.left_out) - LEFT_OUT_SHOWN} more" if len(found.left_out) > LEFT_OUT_SHOWN else ""
        note_line(f"left out, because they are no regular files: {shown}{more}")


def _fields(args: argparse.Namespace) -> dict[str, Any]:
    times = {
        name: parse_time(value, field=f"--{name.replace('_', '-')}")
        for name in ("collected_from", "collected_until")
        if (value := getattr(args, name)) is not None
    }
    plain = ("type", "version", "license", "uri", "media", "origin", "modality")
    return {**{name: getattr(args, name) for name in plain}, "iscc": _iscc(args), **times}


def _iscc(args: argparse.Namespace) -> str | None:
    """The code that was given, or that of the file."""
    if args.iscc != "auto":
        return str(args.iscc) if args.iscc is not None else None
    if args.path is None:
        raise InputError("--iscc auto goes with a PATH", field="--iscc", expected="one file, or its code")
    from node.detect.iscccode import file_code, load_library

    return file_code(load_library(), args.path)


def _prints(args: argparse.Namespace) -> dict[str, Any] | None:
    """The record's field, from a print set that is written now."""
    if not args.prints:
        if args.column or args.prompt:
            raise InputError("--column and --prompt go with --prints FILE", field="--prints", expected="a new file")
        return None
    if args.path is None:
        raise InputError("--prints goes with a PATH that is read", field="--prints", expected="a file or folder")
    return make_prints(args, [args.path], args.prints, field="--prints").summary.value()


def _said(more: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Terms and prints, for people and for programs."""
    lines = [f"  terms: {line}" for line in terms_lines(more["terms"])] if more.get("terms") else []
    if prints := more.get("prints"):
        lines.append(f"  prints: {prints['count']:,}, {prints['scheme']}, root {prints['root'].hex()}")
    return lines, {name: to_json(more[name]) for name in ("terms", "prints") if more.get(name)}


def _run(args: argparse.Namespace, kind: str, name: str, more: dict[str, Any]) -> int:
    wanted = sources_wanted(args)
    content = _content(args)
    fields = {"kind": kind, "name": name, **more, **content, **_fields(args)}
    shown: dict[str, Any] = {
        key: value.hex() if isinstance(value, bytes) else value for key, value in fields_given(content).items()
    }
    lines, json = _said(more)
    body_of(fields)
    if args.dry_run:
        sources, words = resolve_sources(open_client(args), wanted, with_shares=kind == "asset") if wanted else ([], [])
        said = [f"{kind} {name}, not logged", *(f"  {key} {value}" for key, value in shown.items())]
        emit({"kind": kind, "name": name, "logged": False, **shown, **json, **to_json({"sources": sources})},
             as_json=args.json, lines=[*said, *(f"  {line}" for line in words), *lines])  # fmt: skip
        return OK
    signing = open_signing(args)
    sources, words = resolve_sources(signing.client, wanted, with_shares=kind == "asset")
    try:
        ref, status = log_one(signing, {**fields, "sources": sources or None})
    except ProblemError as error:
        if more.get("terms") and error.field.startswith("terms."):
            raise in_file(error, args.terms) from None
        raise
    report(args, kind, ref, status, name=name, **shown, lines=[*(f"  {line}" for line in words), *lines],
           json={**json, "sources": to_json({"sources": sources})["sources"]})  # fmt: skip
    return OK


def run_asset(args: argparse.Namespace) -> int:
    """Register an asset of the key's party."""
    if args.path is None and args.name is None:
        raise InputError("no asset: give PATH, or --name NAME")
    name = args.name if args.name is not None else os.path.basename(os.path.abspath(args.path))
    terms = read_terms_file(args.terms) if args.terms is not None else None
    return _run(args, "asset", name, {"aka": args.aka or None, "prints": _prints(args), "terms": terms})


def run_describe(args: argparse.Namespace) -> int:
    """Log a description; it gives no ownership."""
    return _run(args, "description", args.name, {"title": args.title})


def configure_withdraw(parser: argparse.ArgumentParser) -> None:
    """Which asset, grant or claim."""
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="an asset (a reference, an index, or name[@version]), or the index of a grant or claim",
    )
    add_key(parser)
    add_node(parser)
    parser.set_defaults(run=run_withdraw)


def run_withdraw(args: argparse.Namespace) -> int:
    """Retire an asset, end a grant, or take back a claim; what happened stays."""
    signing = open_signing(args)
    client, text = signing.client, args.target
    entry = find_entry(client, text, field="TARGET") if is_place(text) else None
    if entry is not None and entry.body["kind"] == "grant":
        ref, status = log_one(signing, {"kind": "withdraw", "target": entry.ref.pack()})
        report(args, "withdraw", ref, status, grant=str(entry.ref), licensee=entry.body["licensee"].hex())
        return OK
    if entry is not None and entry.body["kind"] == "claim":
        ref, status = log_one(signing, {"kind": "withdraw", "target": entry.ref.pack()})
        report(args, "withdraw", ref, status, claim=str(entry.ref))
        return OK
    found = resolve(client, text)
    ref, status = log_one(signing, {"kind": "withdraw", "target": need_ref(found, "TARGET")})
    report(args, "withdraw", ref, status, asset=found.text)
    return OK
