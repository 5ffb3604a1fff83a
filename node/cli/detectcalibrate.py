"""`usance detect calibrate`: how often unrelated texts match, on material of one's own (docs/calibration.md)."""

from __future__ import annotations

import argparse
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ledger.signrecord import write_durably
from node.cli.common import add_output, need_detect
from node.cli.files import check_file
from node.cli.outcome import OK
from node.cli.progress import progress
from node.cli.text import emit, note_line
from proofs.errors import InputError

if TYPE_CHECKING:
    from node.detect.calibrating import Material, Measured
    from node.detect.remarks import Remarks
    from node.detect.winnow import Hashes

DOCUMENTS, ANSWERS = "documents", "answers"
SHARED = {DOCUMENTS: 4, ANSWERS: 3}
"""Owners that share what is boilerplate, unless --shared says otherwise."""
WORST = 20
SEEDS = 2**32


SUMMARY = "measure how often unrelated texts match, and write the table that findings cite"
EXAMPLES = """examples:
  usance detect calibrate authors/a authors/b authors/c -o table.json
  usance detect calibrate readmes.jsonl --column text --owner-column owner --boilerplate common.txt -o table.json
  usance detect calibrate model-a.jsonl model-b.jsonl --column output --prompt prompt -o answers.json"""


def configure_calibrate(action: argparse.ArgumentParser) -> None:
    """What is measured, and where table and boilerplate go."""
    action.description, action.epilog = SUMMARY, EXAMPLES
    add = action.add_argument
    add("groups", metavar="GROUP", nargs="+", help="files or folders, each of one owner; none took from another")
    add("--owner-column", metavar="NAME", help="of .jsonl and .csv: whose each row is, in place of one owner a GROUP")
    add(
        "--column", metavar="NAME", action="append", default=[],
        help="of .jsonl and .csv, the field that is read, each row an item; may be repeated",
    )  # fmt: skip
    add(
        "--prompt", metavar="NAME",
        help="the field with what was asked: answers to the same prompt are compared, each GROUP a model",
    )  # fmt: skip
    add(
        "--rule", choices=(DOCUMENTS, ANSWERS),
        help="what is measured (default: documents; with --prompt: answers)",
    )  # fmt: skip
    add("--exclude", metavar="PATTERN", action="append", default=[], help="leave these files out")
    add(
        "--boilerplate", metavar="FILE",
        help="write the prints that many owners share, for `usance detect --boilerplate`, and measure documents "
        "without them; replaces FILE",
    )  # fmt: skip
    add(
        "--shared", metavar="N", type=int,
        help=f"so many owners make a print boilerplate (default: {SHARED[DOCUMENTS]}; of models that answer the same "
        f"prompt: {SHARED[ANSWERS]})",
    )  # fmt: skip
    add("--bare", action="store_true", help="count the boilerplate that this program knows, too")
    add("--seed", type=int, help="repeat a measurement (default: drawn, and printed)")
    add("--name", default="own material", help="the table's name (default: %(default)s)")
    add("--note", default="", metavar="TEXT", help="what the material is, for the table's `made`")
    add("--with", dest="base", metavar="TABLE", help="take over the other rules' rates of this table")
    add(
        "--worst", metavar="N", type=int, default=WORST,
        help="list so many pairs that matched, longest first (default: %(default)s)",
    )  # fmt: skip
    add("-o", "--output", metavar="FILE", help="write the table; replaces FILE")
    add_output(action)
    action.set_defaults(run=run_calibrate)


def run_calibrate(args: argparse.Namespace) -> int:
    """Read, measure, write, print. Nothing is written before all is measured."""
    rule_name = _checked(args)
    need_detect()
    from node.detect import calibration
    from node.detect.calibrating import read_material
    from node.detect.prints import NO_HASHES
    from node.detect.reading import Options
    from node.detect.remarks import Remarks
    from node.detect.winnow import DEFAULT

    base = calibration.read_table(args.base) if args.base else None
    if base is not None and any(rate.rule == rule_name for rate in base.rates):
        raise InputError(f"{args.base} has rates of {rule_name}", field="--with", expected="a table of the other rule")
    known = NO_HASHES if args.bare else calibration.boilerplate()
    seed = secrets.randbelow(SEEDS) if args.seed is None else args.seed
    note_line(f"seed {seed}")
    remarks = Remarks()
    options = Options(columns=tuple(args.column), prompt=args.prompt, exclude=tuple(args.exclude))
    with progress("reading", unit="items", quiet=args.json) as bar:
        material = read_material(
            args.groups, options=options, owner_column=args.owner_column, remarks=remarks, show=bar.update
        )
    measured, shared = _measure(args, rule_name, material, known, seed)
    if not measured.rates:
        raise InputError(
            "no two items to compare", field="GROUP", expected="texts of several owners, of 400 letters and digits "
            "at least" + (", that answer the same prompts" if rule_name == ANSWERS else ""),
        )  # fmt: skip
    made = _made(args, material, measured, seed, base.made if base else "")
    used = known if shared is None or rule_name == ANSWERS else calibration.joined_boilerplate((known, shared))
    # What documents are looked at without is what a table's user leaves out.
    listed = base.boilerplate if base is not None and rule_name == ANSWERS else calibration.name_boilerplate(used)
    rates = [*(base.rates if base else ()), *measured.rates]
    table = calibration.make_table(args.name, DEFAULT, made, rates, boilerplate=listed)
    if args.boilerplate and shared is not None:
        write_durably(args.boilerplate, calibration.encode_boilerplate(shared))
    if args.output:
        write_durably(args.output, table.encode())
    value = _value(material, measured, seed, remarks, table.encode(), shared)
    emit(value, as_json=args.json, lines=_lines(args, value))
    return OK


def _checked(args: argparse.Namespace) -> str:
    """The rule's name. Raises InputError for options that contradict each other, FileError for bad places."""
    rule = args.rule or (ANSWERS if args.prompt else DOCUMENTS)
    if (rule == ANSWERS) != bool(args.prompt):
        raise InputError(f"the rule {rule}", field="--rule", expected="answers with --prompt, documents without")
    if args.owner_column and (args.prompt or not args.column):
        raise InputError("--owner-column", field="--owner-column", expected="with --column, and without --prompt")
    if args.shared is not None and (args.shared < 2 or not args.boilerplate):
        raise InputError(f"--shared {args.shared}", field="--shared", expected="2 owners or more, with --boilerplate")
    if args.seed is not None and not 0 <= args.seed < SEEDS:
        raise InputError(f"--seed {args.seed}", field="--seed", expected=f"0 to {SEEDS - 1}")
    if not 0 <= args.worst <= 1000:
        raise InputError(f"--worst {args.worst}", field="--worst", expected="0 to 1000")
    for path, field in ((args.output, "--output"), (args.boilerplate, "--boilerplate")):
        if path:
            check_file(path, field=field)
    return rule


def _measure(
    args: argparse.Namespace, rule_name: str, material: Material, known: Hashes, seed: int
) -> tuple[Measured, Hashes | None]:
    """What was measured, and the boilerplate that was found, where that is asked for."""
    from node.detect import calibrating
    from node.detect.matching import RULES

    owners_min = (args.shared or SHARED[rule_name]) if args.boilerplate else None
    with progress("comparing", unit="steps", quiet=args.json) as bar:
        if rule_name == ANSWERS:
            measured = calibrating.measure_answers(
                material, RULES[rule_name], known=known, worst_max=args.worst, show=bar.update
            )
            found = None if owners_min is None else calibrating.shared_answers(material.entries, owners_min)
        else:
            measured = calibrating.measure_documents(
                material, RULES[rule_name], known=known, owners_min=owners_min, seed=seed, worst_max=args.worst,
                show=bar.update,
            )  # fmt: skip
            found = None if owners_min is None else calibrating.shared_by(material.entries, owners_min)
    return measured, found


def _made(args: argparse.Namespace, material: Material, measured: Measured, seed: int, before: str) -> str:
    rule = measured.rates[0].rule
    said = (f"{rule}: usance detect calibrate, seed {seed}, {len(material.entries):,} items of "
            f"{len(material.owners):,} owners, {material.chars:,} letters and digits")  # fmt: skip
    if args.boilerplate and rule == DOCUMENTS:
        said += f"; left out of each half of the owners: prints of {args.shared or SHARED[rule]} owners of the other"
    for low in measured.joined:
        said += f"; from {low:,} characters on: items of several owners joined"
    said += f"; {args.note}" if args.note else ""
    return f"{before}. {said}" if before else said


def _value(
    material: Material, measured: Measured, seed: int, remarks: Remarks, table: bytes, shared: Hashes | None
) -> dict[str, Any]:
    return {
        "rule": measured.rates[0].rule,
        "seed": seed,
        "items": len(material.entries),
        "owners": len(material.owners),
        "characters": material.chars,
        "rates": [rate.value() for rate in measured.rates],
        "joined": measured.joined,
        "boilerplate": None if shared is None else len(shared),
        "table_sha256": sha256(table).hexdigest(),
        "worst": [
            {"item": one.one, "source": one.other, "from": one.low, "hits": one.hits, "containment": one.contained,
             "run": one.run, "excerpt": one.excerpt}
            for one in measured.worst
        ],
        "remarks": remarks.value(),
    }  # fmt: skip


def _lines(args: argparse.Namespace, value: dict[str, Any]) -> list[str]:
    heads = ("length of the shorter", "pairs", "matched", "per million", "at most")
    lines = [
        f"{value['items']:,} items of {value['owners']:,} owners, {value['characters']:,} letters and digits; "
        f"rule {value['rule']}, seed {value['seed']}",
        "",
        "{:>22}  {:>13}  {:>8}  {:>11}  {:>9}".format(*heads),
    ]
    for rate in value["rates"]:
        until = f"{rate['to']:,}" if rate["to"] is not None else "more"
        mark = "*" if rate["from"] in value["joined"] else " "
        lines.append(f"{rate['from']:>10,} to {until:>8}  {rate['pairs']:>13,}  {rate['false']:>8,}  {rate['ppm']:>11,}"
                     f"  {rate['upper_ppm']:>9,}{mark}")  # fmt: skip
    if value["joined"]:
        lines.append("* items of several owners, joined, since few are long enough")
    if value["boilerplate"] is not None:
        lines += ["", f"{value['boilerplate']:,} prints of many owners, in {args.boilerplate}"]
    if value["worst"]:
        lines += ["", "pairs that matched, longest run first: look whether they are unrelated"]
    for one in value["worst"]:
        lines += [f"  {one['item']} and {one['source']}: {one['hits']:,} hits, run {one['run']:,}, "
                  f"{one['containment'] / 10_000:.0f} % of the smaller", f"    {one['excerpt']}"]  # fmt: skip
    lines += [f"{one['reason']}: {one['count']:,}, as {one['names'][0]}" for one in value["remarks"]]
    if args.output:
        lines += ["", f"the table is in {args.output} (SHA-256 {value['table_sha256']})"]
    return lines
