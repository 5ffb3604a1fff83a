"""`usance detect send`: send a registered asset's print set to the node, so that others' look-ups find it."""

from __future__ import annotations

import argparse
import contextlib
import mmap
from typing import TYPE_CHECKING
from urllib.parse import quote

from node.cli.common import add_node, need_detect, need_node, node_access, open_client
from node.cli.outcome import OK
from node.cli.text import emit
from node.errors import FileError
from node.resolve import find_kind, need_ref, resolve
from node.transport import Transport, json_object
from proofs.errors import InputError

if TYPE_CHECKING:
    from node.detect.printset import Summary

TIMEOUT_S = 600.0
"""Seconds for the answer, which comes when all of it is in the index."""
SET_TYPE = "application/octet-stream"
ANSWER_BYTES_MAX = 64 * 1024
SUMMARY = "send the print set of a registered asset to the node; it takes none but the one that was registered"
EXAMPLES = """examples:
  usance detect send corpus@2026-01 corpus.prints --node https://log.example.org --token-file detect.token"""


def configure_send(action: argparse.ArgumentParser) -> None:
    """The asset and its print set."""
    action.description, action.epilog = SUMMARY, EXAMPLES
    action.add_argument("asset", metavar="ASSET", help="a name, NAME@VERSION, index or reference")
    action.add_argument("file", metavar="FILE", help="its print set, as `usance asset … --prints FILE` wrote it")
    add_node(action)
    action.set_defaults(run=run_send)


def run_send(args: argparse.Namespace) -> int:
    """Compare the file with the record, then send it."""
    need_detect()
    client = open_client(args)
    need_ref(named := resolve(client, args.asset), "ASSET")
    found = find_kind(client, named.text, "asset", field="ASSET")
    registered = found.body.get("prints")
    if registered is None:
        raise InputError(
            f"{found.ref} was registered without prints", field="ASSET", expected="one of `usance asset … --prints`"
        )
    summary = _summary(args.file)
    if summary.value() != registered:
        raise InputError(
            f"{args.file} is not the print set that {found.ref} names", field="FILE",
            expected=f"one with the root {registered['root'].hex()}",
        )  # fmt: skip
    path = f"/assets/{quote(str(found.ref), safe=':')}/prints"
    with (
        contextlib.closing(Transport(need_node(args), access=node_access(args), timeout_s=TIMEOUT_S)) as transport,
        open(args.file, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as body,
    ):
        answer = transport.request("PUT", path, bytes_max=ANSWER_BYTES_MAX, body=body, content_type=SET_TYPE)
        said = json_object(transport.url, answer)
    is_there = said.get("status") == "there"
    value = {"ref": str(found.ref), "status": "there" if is_there else "taken", **summary.value()}
    value["root"] = summary.root.hex()
    what = "was there already" if is_there else "is looked for from now on"
    emit(value, as_json=args.json, lines=[f"{found.ref} {what}: {summary.count:,} prints"])
    return OK


def _summary(path: str) -> Summary:
    from node.detect.printset import PrintSetReader

    try:
        with open(path, "rb") as file:
            reader = PrintSetReader(file)
            for _ in reader:
                pass
            return reader.summary()
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}", field="FILE") from None
