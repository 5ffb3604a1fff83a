"""How much was used, as options say it: one for each unit, and --quantity for any (design section 4)."""

from __future__ import annotations

import argparse
import re

from node.cli.writing import split_pair
from proofs import codec
from proofs.errors import InputError
from proofs.fields import UNITS

# --item and --call name things; these units are given with --quantity.
SHORT_UNITS = tuple(unit for unit in UNITS if unit not in ("item", "call"))
_COUNT = re.compile(r"0|[1-9][0-9]{0,18}")


def add_quantities(parser: argparse.ArgumentParser, title: str) -> None:
    """An option for each unit that has one, and --quantity."""
    amounts = parser.add_argument_group(title)
    for unit in SHORT_UNITS:
        amounts.add_argument(f"--{unit.replace('_', '-')}", dest=f"unit_{unit}", metavar="N")
    amounts.add_argument("--quantity", metavar="UNIT=N", action="append", default=[],
                         help="for any unit: " + ", ".join(UNITS) + " (repeatable)")  # fmt: skip


def read_quantities(args: argparse.Namespace, *, least: int) -> dict[str, int]:
    """What the options say, by unit. `least`: the smallest number that one may say. Raises InputError where they say
    nothing, or one of them no number."""
    given = [(unit, text) for unit in SHORT_UNITS if (text := getattr(args, f"unit_{unit}")) is not None]
    given += [split_pair(pair, option="--quantity", expected="UNIT=N") for pair in args.quantity]
    found: dict[str, int] = {}
    for unit, text in given:
        if unit not in UNITS or unit in found:
            what = "twice" if unit in found else "is no unit"
            raise InputError(f"{unit[:80]} {what}", field="--quantity", expected="each once, of " + ", ".join(UNITS))
        if not _COUNT.fullmatch(text) or not least <= int(text) <= codec.INT_MAX:
            expected = f"a whole number, {least} or more, below 2^63"
            raise InputError(f"{text[:80]!r} is no quantity", field=unit, expected=expected)
        found[unit] = int(text)
    if not found:
        raise InputError("no quantity: give at least one, as --token N or --quantity item=N")
    return found
