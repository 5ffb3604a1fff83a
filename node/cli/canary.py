"""`usance canary`: passages that stand nowhere else, committed to before release, looked for later (docs/canaries.md).

Numpy is needed by `check` alone.
"""

from __future__ import annotations

import argparse
import os
import secrets
from typing import TYPE_CHECKING, Any

from ledger.signrecord import write_durably
from node.cli.common import (
    Signing,
    add_key,
    add_node,
    add_output,
    need_detect,
    open_client,
    open_signing,
    read_file,
)
from node.cli.files import check_file
from node.cli.outcome import FAILED, INCOMPLETE, OK
from node.cli.progress import progress
from node.cli.text import counted, emit, note_line
from node.cli.writing import body_of
from node.errors import FileError
from node.resolve import Found, resolve
from node.verdict import judge_canary, judge_proof
from proofs.canary import check_opening, format_opening
from proofs.errors import InputError, VerifyError
from proofs.fields import is_external_name
from proofs.policy import log_policy
from proofs.ref import Ref, parse_ref
from proofs.tlogproof import parse_tlog_proof
from proofs.verdict import GOOD

if TYPE_CHECKING:  # not before a command of it runs
    from node.client import Client, VerifiedEntry
    from node.detect.canaryfile import Canaries
    from node.detect.marksfound import MarksFound

COUNT = 5
WORDS_BYTES_MAX = 8 * 1024 * 1024
PASSAGE_NAME = "mark-{}.txt"
PROOF_END, OPENING_END = ".tlog-proof", ".canary.json"


def configure_canary(parser: argparse.ArgumentParser) -> None:
    """`canary make`, `check` and `prove`."""
    actions = parser.add_subparsers(dest="action", metavar="make|check|prove", required=True)
    make = actions.add_parser(
        "make", help="make marked passages, log only their salted commitment, then show them; run again, it goes on"
    )
    make.add_argument("file", metavar="FILE", help="where salts and marks are kept: keep it, private")
    make.add_argument("--count", type=int, metavar="N", help=f"how many (1 to 1,000; default: {COUNT})")
    make.add_argument("--asset", metavar="ASSET", help="what they are put into: an asset of the party, or an external "
                      "name")  # fmt: skip
    make.add_argument("--words", metavar="LIST", help="a file of words, one a line, to make the passages of: those of "
                      "the material's language (default: sentences of our own with made-up names)")  # fmt: skip
    make.add_argument("-o", "--output", metavar="FOLDER", help="also write each passage to a file of this folder")
    add_key(make)
    add_node(make)
    make.set_defaults(run=run_make)
    check = actions.add_parser("check", help="look for the marks in texts: whole, or a part that no chance brings")
    check.add_argument("file", metavar="FILE", help="the file that `canary make` wrote")
    check.add_argument("paths", metavar="PATH", nargs="+", help="files or folders to look at; - reads standard input")
    check.add_argument(
        "--column", metavar="NAME", action="append", default=[],
        help="of .jsonl and .csv, the field that is read, each row an item; may be repeated",
    )  # fmt: skip
    check.add_argument("--exclude", metavar="PATTERN", action="append", default=[], help="leave these files out")
    check.add_argument("--fail-on-match", action="store_true", help="end with 1 where a mark was found")
    add_output(check)
    check.set_defaults(run=run_check)
    prove = actions.add_parser("prove", help="write what shows one mark to others: the record's proof, and its opening")
    prove.add_argument("file", metavar="FILE", help="the file that `canary make` wrote")
    prove.add_argument("number", metavar="NUMBER", type=int, help="the mark's number, from 1; the others stay secret")
    prove.add_argument(
        "-o", "--output", metavar="NAME", required=True, help=f"write NAME{PROOF_END} and NAME{OPENING_END}"
    )
    add_node(prove)
    prove.set_defaults(run=run_prove)


def _load(path: str) -> Canaries:
    from node.detect.canaryfile import load_canaries

    held = load_canaries(path)
    if held is None:
        raise FileError(f"there is no {path}", field="FILE", expected="the file that `usance canary make` wrote")
    return held


def run_make(args: argparse.Namespace) -> int:
    """The file is durable before the record leaves, the record is in a checkpoint before a passage is shown."""
    from node.detect.canaryfile import held_folder, load_canaries

    check_file(args.file, field="FILE")
    if args.output and os.path.exists(args.output) and not os.path.isdir(args.output):
        raise FileError(f"{args.output} is a file", field="-o", expected="a folder")
    with held_folder(args.file):
        held = load_canaries(args.file)
        is_new = held is None
        if held is None:
            held, signing = _begin(args)
        else:
            signing = open_signing(args)
            _check_same(args, held, signing)
        if held.ref is None:
            held = _log(args.file, held, signing, is_new=is_new)
        else:
            _logged(signing.client, held, held.ref)
    if held.ref is None:
        raise InputError("the record has no place yet", field="FILE")
    if args.output:
        _write_passages(args.output, held)
    _show_made(args, held, held.ref, is_new=is_new)
    return OK


def _begin(args: argparse.Namespace) -> tuple[Canaries, Signing]:
    """Everything that can be judged here is, before the file is made."""
    from node.detect.canaries import make_passages
    from node.detect.canaryfile import Canaries

    words = _words(args.words) if args.words else ()
    count = COUNT if args.count is None else args.count
    passages = make_passages(count, salt=secrets.token_bytes, draw=secrets.randbelow, words=words)
    signing = open_signing(args)
    found = resolve(signing.client, args.asset) if args.asset is not None else None
    held = Canaries(signing.client.origin, _target_text(found), tuple(passages))
    held.save(args.file)
    return held, signing


def _words(path: str) -> tuple[str, ...]:
    from node.detect.canaries import read_words

    return read_words(read_file(path, bytes_max=WORDS_BYTES_MAX, what="the list of words"))


def _target_text(found: Found | None) -> str | None:
    return None if found is None else found.text if isinstance(found.target, bytes) else found.target


def _check_same(args: argparse.Namespace, held: Canaries, signing: Signing) -> None:
    """What is asked for is what an earlier run began."""
    from node.detect.canaries import are_of_words

    if held.log != signing.client.origin:
        raise FileError(f"{args.file} is of the log {held.log}", field="FILE", expected="another file for another log")
    if args.count is not None and args.count != len(held.passages):
        raise FileError(
            f"{args.file} holds {counted(len(held.passages), 'mark')} already", field="--count",
            expected="a new file for other marks",
        )  # fmt: skip
    if args.words and not are_of_words(held.passages, _words(args.words)):
        raise FileError(
            f"the marks of {args.file} were made already, and not of {args.words}", field="--words",
            expected="a new file for marks of these words",
        )  # fmt: skip
    if args.asset is not None and _target_text(resolve(signing.client, args.asset)) != held.asset:
        raise FileError(
            f"the marks of {args.file} are of {held.asset or 'no asset'}", field="--asset",
            expected="a new file for another asset",
        )  # fmt: skip


def _logged(client: Client, held: Canaries, ref: Ref) -> VerifiedEntry:
    """The record that the file names, as the log has it now. Raises VerifyError for another one there."""
    found = client.entry(ref.index)
    if found.ref != ref:
        raise VerifyError(f"the log has another entry at {ref.index}", field="FILE", expected=str(ref))
    check_opening(found.body, held.open(1))  # the root over all marks is the record's
    return found


def _log(path: str, held: Canaries, signing: Signing, *, is_new: bool) -> Canaries:
    from node.detect.canaryfile import log_canaries

    asset = held.asset
    target = asset if asset is None or is_external_name(asset) else parse_ref(asset).pack()
    body = body_of({"kind": "canary", "asset": target, "root": held.root, "count": len(held.passages)})
    try:
        return log_canaries(path, held, body, signing.client, signing.key)
    except InputError as error:
        after = None if isinstance(error, VerifyError) or not is_new else _load(path)
        if after is not None and after.request is None:  # refused for good, and nobody has seen a mark
            os.unlink(path)
        raise


def _write_passages(folder: str, held: Canaries) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise FileError(f"can't make {folder}: {error.strerror}", field="-o", expected="a folder") from None
    for number, passage in enumerate(held.passages, start=1):
        path = os.path.join(folder, PASSAGE_NAME.format(number))
        check_file(path, field="-o")
        data = passage.mark.text.encode() + b"\n"
        if os.path.exists(path) and read_file(path, bytes_max=len(data), what="the passage") != data:
            raise FileError(f"{path} is something else", field="-o", expected="another folder")
        write_durably(path, data, mode=0o600)


def _show_made(args: argparse.Namespace, held: Canaries, ref: Ref, *, is_new: bool) -> None:
    passages = [{"number": at, "text": one.mark.text} for at, one in enumerate(held.passages, start=1)]
    lines = [
        f"canary logged as {ref}",
        f"  the log has seen one hash; {args.file} opens it, and nothing else does: keep it, private, with a copy",
        "  put each passage into another part of the material, as it stands, then release it: the record is in a "
        "checkpoint",
    ]
    if args.output:
        lines.append(f"  each stands in a file of {args.output}")
    lines += ["", *(f"{row['number']:>3}  {row['text']}" for row in passages)]
    value = {
        "kind": "canary", "ref": str(ref), "index": ref.index, "file": args.file, "asset": held.asset,
        "count": len(passages), "root": held.root.hex(), "resumed": not is_new, "passages": passages,
    }  # fmt: skip
    emit(value, as_json=args.json, lines=lines)


def run_check(args: argparse.Namespace) -> int:
    """Read everything once; what was found is judged by how much was read."""
    held = _load(args.file)
    need_detect()
    from node.detect.marksfound import find_marks
    from node.detect.reading import Options, read_items
    from node.detect.remarks import Remarks

    remarks = Remarks()
    options = Options(columns=tuple(args.column), exclude=tuple(args.exclude))
    with progress("looking", unit="bytes", quiet=args.json) as bar:
        reads = read_items(args.paths, options=options, remarks=remarks)
        items = (read.item for read in reads)
        found = find_marks(held.passages, items, lambda: bar.update(remarks.size), remarks)
    said = {"items": remarks.items, "bytes": remarks.size, "form_bytes": found.form_bytes, "remarks": remarks.value()}
    value = {
        "format": "usance/canary-check/v1", "file": args.file, "ref": str(held.ref) if held.ref else None,
        "marks": len(held.passages), "looked_at": said, **found.value(),
    }  # fmt: skip
    lines = _found_lines(args.file, held, found)
    looked = f"looked at {counted(remarks.items, 'item')}, {found.form_bytes:,} letters and digits"
    emit(value, as_json=args.json, lines=[*lines, looked, *(f"  {line}" for line in remarks.lines())])
    if remarks.is_incomplete:
        note_line("not everything was looked at")
        return INCOMPLETE
    return FAILED if args.fail_on_match and found.numbers else OK


def _found_lines(path: str, held: Canaries, found: MarksFound) -> list[str]:
    lines = []
    for one in found.findings:
        again = f", {one.times:,} times" if one.times > 1 else ""
        what = "whole" if one.run.is_whole else f"a part of {one.run.size} letters and digits, {one.bits} random bits"
        where = " of it without tags and with entities decoded" if one.is_plain else ""
        lines.append(f"mark {one.number}, {what}: {one.item}, from character {one.at:,}{where}{again}")
        lines.append(f"  {one.passage}")
        lines.append(f"  such runs to expect by chance in all that was looked at: {found.chance(one)}, or fewer")
    if found.more:
        lines.append(f"and {found.more:,} more, not shown")
    if found.too_little:
        lines.append(f"{counted(found.too_little, 'shorter run')} that chance may have brought")
    marks = counted(len(held.passages), "mark")
    if not found.numbers:
        return [*lines, f"none of the {marks} was found"]
    lines.append(f"found: {', '.join(map(str, found.numbers))} of the {marks}")
    if held.ref is None:
        return [*lines, "these marks are in no log: that they are older than what they stand in can't be shown"]
    return [*lines, f"to show it: usance canary prove {path} {found.numbers[0]} -o NAME (makes that mark known)"]


def run_prove(args: argparse.Namespace) -> int:
    """Nothing that doesn't hold is written."""
    held = _load(args.file)
    if held.ref is None:
        raise FileError(f"the record of {args.file} isn't logged yet: run `usance canary make` with it", field="FILE")
    opening = held.open(args.number)
    paths = [args.output + PROOF_END, args.output + OPENING_END]
    for path in paths:
        check_file(path, field="-o")
    client = open_client(args)
    if held.log != client.origin:
        raise FileError(f"{args.file} is of the log {held.log}", field="FILE", expected="a node of that log")
    found = _logged(client, held, held.ref)
    # What stands in the files is what counts: judged once more as a verifier will.
    verdict = judge_proof(parse_tlog_proof(found.proof), policy=log_policy(client.keys))
    judge_canary(verdict, opening)
    if verdict.result != GOOD:
        raise VerifyError(f"the proof doesn't hold: {verdict.steps[-1].says}", field=verdict.steps[-1].name)
    for path, data in zip(paths, (found.proof, format_opening(opening)), strict=True):
        write_durably(path, data)
    note = f"mark {args.number} is known to whoever has them; the others of {args.file} stay secret"
    value: dict[str, Any] = {
        "ref": str(held.ref), "number": args.number, "size": found.checkpoint.size, "proof": paths[0],
        "opening": paths[1],
    }  # fmt: skip
    emit(value, as_json=args.json, lines=[f"{paths[0]}, {paths[1]}: mark {args.number} in {held.ref}, verified",
                                          f"  {note}"])  # fmt: skip
    return OK
