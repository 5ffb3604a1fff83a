"""`usance detect index`: prints of owners' material on disk, for `detect --against` (docs/detect-index.md)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from node.cli.common import add_output, need_detect
from node.cli.detectprints import add_columns, check_outside
from node.cli.outcome import INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import emit, note_line
from proofs.errors import InputError

if TYPE_CHECKING:
    from node.detect.index import Index
    from node.detect.indexrows import Owner
    from node.detect.looking import Looked
    from node.detect.prints import Prints
    from node.detect.remarks import Remarks

SUMMARY = "keep an owner's prints in an index, to look for them again and again; or list or remove owners"
EXAMPLES = """examples:
  usance detect index press.index ./articles --owner press
  usance detect index press.index corpus.prints --owner 1234:HEX
  usance detect index press.index --list
  usance detect index press.index --remove press"""


def configure_index(action: argparse.ArgumentParser) -> None:
    """The folder, what comes into it, and whose it is."""
    action.description, action.epilog = SUMMARY, EXAMPLES
    action.add_argument("folder", metavar="DIR", help="the index's folder; made where there is none")
    action.add_argument(
        "paths", metavar="PATH", nargs="*",
        help="files, folders or print sets of one owner; an owner that is there is replaced, whole",
    )  # fmt: skip
    action.add_argument(
        "--owner", metavar="NAME", help="whose they are, or INDEX:HEX of an asset (default: PATH's name)"
    )
    add_columns(action)
    action.add_argument("--exclude", metavar="PATTERN", action="append", default=[], help="leave these files out")
    action.add_argument("--no-texts", action="store_true", help="keep prints alone: passages of it can't be shown then")
    action.add_argument("--remove", metavar="NAME", help="remove this owner")
    action.add_argument("--list", action="store_true", help="show the owners")
    add_output(action)
    action.set_defaults(run=run_index)


def run_index(args: argparse.Namespace) -> int:
    """Add, remove or list."""
    if sum((bool(args.paths), args.remove is not None, args.list)) != 1:
        raise InputError("what is to be done?", field="PATH", expected="PATH…, --remove NAME or --list, one of them")
    need_detect()
    from node.detect.index import create_index, has_index, open_index

    if not args.paths:
        with open_index(args.folder) as index:
            return _list(index, args) if args.list else _remove(index, args)
    owner = _owner(args)
    for path in args.paths:
        check_outside(path, args.folder, field="DIR", what="the index")
    with (
        open_index(args.folder, bulk=True) if has_index(args.folder) else create_index(args.folder, bulk=True) as index
    ):
        return _add(index, owner, args)


def _owner(args: argparse.Namespace) -> str:
    if args.owner is not None:
        return str(args.owner)
    if len(args.paths) > 1 or args.paths == ["-"]:
        raise InputError("whose these are must be said", field="--owner", expected="--owner NAME")
    return os.path.basename(os.path.realpath(args.paths[0]))


def _add(index: Index, owner: str, args: argparse.Namespace) -> int:
    from node.detect.given import read_given
    from node.detect.reading import Options
    from node.detect.remarks import Remarks
    from node.detect.winnow import Winnower

    options = Options(columns=tuple(args.column), prompt=args.prompt, exclude=tuple(args.exclude))
    remarks = Remarks()
    with progress(f"adding {owner}", unit="items", quiet=args.json) as bar:
        given = read_given(
            args.paths, Winnower(index.scheme), options=options, remarks=remarks, show=lambda: bar.update(remarks.items)
        )
        items = _some(_kept(given, texts=not args.no_texts), remarks)
        if index.owner(owner) is not None:
            items = _all(items, remarks)
        try:
            added = index.add(owner, items, replaces=True)
        except _PartError:
            added = None
    for line in remarks.lines():
        note_line(line)
    if added is None:
        note_line(f"not everything was read: what {args.folder} has of {owner} stays as it was")
        return INCOMPLETE
    value = {**_value(added), "index": _sizes(index), "remarks": remarks.value()}
    emit(value, as_json=args.json, lines=[f"{_line(added)} in {args.folder}"])
    if remarks.is_incomplete:
        note_line("not everything was read")
        return INCOMPLETE
    return OK


class _PartError(Exception):
    """Not all of what is to replace an owner could be read."""


def _all(items: Iterator[tuple[Prints, str | None]], remarks: Remarks) -> Iterator[tuple[Prints, str | None]]:
    """The items; a part of them must not replace what was read whole before. Raises _PartError."""
    yield from items
    if remarks.is_incomplete:
        raise _PartError


def _kept(given: Iterator[Looked], *, texts: bool) -> Iterator[tuple[Prints, str | None]]:
    for looked in given:
        yield looked.prints, looked.text if texts else None


def _some(items: Iterator[tuple[Prints, str | None]], remarks: Remarks) -> Iterator[tuple[Prints, str | None]]:
    """The items; an owner without any is a mistake, and must not replace one that has some. Raises InputError."""
    is_empty = True
    for item in items:
        is_empty = False
        yield item
    if is_empty:
        said = "; ".join(remarks.lines())
        raise InputError(f"nothing to add{': ' + said if said else ''}", field="PATH", expected="files with text")


def _list(index: Index, args: argparse.Namespace) -> int:
    owners = list(index.list_owners())
    lines = [_line(owner) for owner in owners] or ["no owners"]
    value = {"owners": [_value(owner) for owner in owners], "index": _sizes(index)}
    emit(value, as_json=args.json, lines=lines)
    return OK


def _remove(index: Index, args: argparse.Namespace) -> int:
    removed = index.remove(args.remove)
    value = {"removed": args.remove, "index": _sizes(index)}
    emit(value, as_json=args.json, lines=[f"{_line(removed)} removed"])
    return OK


def _value(owner: Owner) -> dict[str, Any]:
    return {"owner": owner.text, "items": owner.items, "prints": owner.prints, "root": owner.root.hex()}


def _line(owner: Owner) -> str:
    return f"{owner.text}: {owner.items:,} items, {owner.prints:,} prints"


def _sizes(index: Index) -> dict[str, Any]:
    return {"owners": index.owners, "items": index.items, "prints": index.prints, "scheme": str(index.scheme)}
