"""How often a rule is wrong, as it was measured: the table that findings cite, and prints that say nothing.

A calibration table (`usance/calibration/v1`, JSON) has for each rule and class of lengths how many pairs of unrelated
items were compared and how many of them matched. A list of boilerplate (`usance/boilerplate/v1`, text) has the hashes
of prints that many unrelated texts share: licences, templates. `usance detect calibrate` writes both
(node/detect/calibrating.py); the package has one of each, made from real text (docs/calibration.md).

The rates are those of the material that was measured. That another's are the same is nobody's claim.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Context, Decimal, localcontext
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from node.detect.matching import MILLION, RULES, Rule
from node.detect.prints import NO_HASHES
from node.detect.winnow import DEFAULT, Hashes, Scheme, parse_scheme
from node.environment import read_file
from node.imports import safejson
from proofs.errors import InputError, InvariantError, excerpt

FORMAT = "usance/calibration/v1"
BOILERPLATE_FORMAT = "usance/boilerplate/v1"
LENGTHS = (400, 1_000, 2_000, 10_000, 50_000)
"""Where classes of lengths begin, characters of normal form; the last is open."""
TABLE_BYTES_MAX = 1024 * 1024
RATES_MAX = 256
NAME_CHARS_MAX = 200
MADE_CHARS_MAX = 4_000
PAIRS_MAX = 10**15
BOILERPLATE_MAX = 1_000_000
"""Hashes in one list."""

_Z = Decimal("1.96")
_EXACT = Context(prec=60)
_TABLE_FIELDS = {"format", "name", "scheme", "made", "rules", "rates", "boilerplate"}
_RULE_FIELDS = ("hits", "run", "containment", "length")
_RATE_FIELDS = {"rule", "from", "to", "pairs", "false", "longer", "ppm", "upper_ppm"}
_LINE = re.compile(r"[0-9a-f]{16}")


def wilson(count: int, of: int, *, upper: bool) -> Decimal:
    """The upper or lower bound of Wilson's 95 % interval for a share (Wilson 1927), 0 to 1, exact to 50 digits.

    It takes trials to be independent. Pairs that have an item in common aren't, so it is a bound for pairs drawn from
    this very material, and a rough one for other material. Raises InputError unless 0 <= count <= of and of >= 1.
    """
    if not 0 <= count <= of or of < 1:
        raise InputError(f"no share: {count} of {of}", field="pairs", expected="at least 1, and at least the count")
    with localcontext(_EXACT):
        square = _Z * _Z
        half = _Z * (Decimal(count) * (of - count) / of + square / 4).sqrt()
        share = (count + square / 2 + (half if upper else -half)) / (of + square)
        return min(max(share, Decimal(0)), Decimal(1))


def _ppm(share: Decimal) -> int:
    with localcontext(_EXACT):
        return int((share * MILLION).quantize(Decimal(1), ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Rate:
    """How often unrelated items matched. `rule`: its name; `low`, `high`: the class, characters of the shorter item's
    normal form, `high` not in it and None where it is open; `pairs`: compared; `false`: of them, matched; `longer`: how
    long the longer items were that were measured, in the mean."""

    rule: str
    low: int
    high: int | None
    pairs: int
    false: int
    longer: int

    @property
    def ppm(self) -> int:
        """Observed: parts per million, rounded up."""
        return -(-self.false * MILLION // self.pairs)

    @property
    def upper_ppm(self) -> int:
        """The upper Wilson bound, parts per million, rounded up."""
        return _ppm(wilson(self.false, self.pairs, upper=True))

    def stretches(self, longer: int) -> int:
        """How many of the longer items that were measured the longer of two items is as good as, by their mean length,
        1 or more: each is another chance to match."""
        return max(1, (2 * longer + self.longer) // (2 * self.longer))

    def value(self) -> dict[str, Any]:
        """As the table has it."""
        return {"rule": self.rule, "from": self.low, "to": self.high, "pairs": self.pairs, "false": self.false,
                "longer": self.longer, "ppm": self.ppm, "upper_ppm": self.upper_ppm}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A calibration table. `made`: how, in words; `rules`: the rules as they were when measured; `boilerplate`: how
    many hashes were left out of every item, and the SHA-256 of their list; `sha256`: of the table's file."""

    name: str
    scheme: Scheme
    made: str
    rates: tuple[Rate, ...]
    boilerplate: tuple[int, str]
    rules: tuple[Rule, ...] = ()
    sha256: bytes = field(default=b"")

    def rate_for(self, rule_name: str, length: int) -> Rate | None:
        """The rate of the class that `length`, that of the shorter of two items, falls into; None where none was
        measured."""
        for rate in self.rates:
            if rate.rule == rule_name and rate.low <= length and (rate.high is None or length < rate.high):
                return rate
        return None

    def encode(self) -> bytes:
        """The file's bytes, which `parse_table` reads."""
        value = {
            "format": FORMAT,
            "name": self.name,
            "scheme": str(self.scheme),
            "made": self.made,
            "boilerplate": {"hashes": self.boilerplate[0], "sha256": self.boilerplate[1]},
            "rules": {rule.name: {name: getattr(rule, name) for name in _RULE_FIELDS} for rule in self.rules},
            "rates": [rate.value() for rate in self.rates],
        }
        return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def make_table(name: str, scheme: Scheme, made: str, rates: Sequence[Rate], *, boilerplate: tuple[int, str]) -> Table:
    """A table of these rates, by the program's own rules. `boilerplate`: of `name_boilerplate`. Raises InputError where
    it couldn't be read back."""
    rules = tuple(RULES[rule] for rule in sorted({rate.rule for rate in rates}))
    return parse_table(Table(name, scheme, made, tuple(rates), boilerplate, rules).encode(), place="the table")


def name_boilerplate(hashes: Hashes, scheme: Scheme = DEFAULT) -> tuple[int, str]:
    """How many hashes a list has, and its SHA-256 in hexadecimal."""
    return len(hashes), hashlib.sha256(encode_boilerplate(hashes, scheme)).hexdigest()


def parse_table(data: bytes, *, place: str) -> Table:
    """A table from its file's bytes. Raises InputError for anything else, naming `place` and the field; for rates that
    contradict their counts; and for rules that aren't the program's own of today: what was measured of another rule
    says nothing about ours."""
    value = _map(safejson.loads(data, place=place, bytes_max=TABLE_BYTES_MAX), place, "table", _TABLE_FIELDS)
    if value["format"] != FORMAT:
        raise _wrong(place, "format", value["format"], FORMAT)
    name = _text(value["name"], place, "name", NAME_CHARS_MAX)
    made = _text(value["made"], place, "made", MADE_CHARS_MAX)
    scheme = parse_scheme(_text(value["scheme"], place, "scheme", NAME_CHARS_MAX))
    used = _map(value["boilerplate"], place, "boilerplate", {"hashes", "sha256"})
    count = _count(used["hashes"], place, "boilerplate.hashes", BOILERPLATE_MAX)
    digest = _text(used["sha256"], place, "boilerplate.sha256", 64)
    if re.fullmatch(r"[0-9a-f]{64}", digest) is None:
        raise _wrong(place, "boilerplate.sha256", digest, "64 hexadecimal digits")
    rules = _rules(value["rules"], place)
    rates = _rates(value["rates"], place, {rule.name for rule in rules})
    return Table(name, scheme, made, rates, (count, digest), rules, hashlib.sha256(data).digest())


def _rules(value: Any, place: str) -> tuple[Rule, ...]:
    if not isinstance(value, dict) or len(value) > len(RULES):
        raise _wrong(place, "rules", value, f"an object of {', '.join(RULES)}")
    found = []
    for name, parts in value.items():
        if name not in RULES:
            raise _wrong(place, "rules", name, " or ".join(RULES))
        own = {part: getattr(RULES[name], part) for part in _RULE_FIELDS}
        if parts != own or any(type(parts[part]) is not type(own[part]) for part in own):
            raise InputError(
                f"{place}: the rule {name} was another one when this was measured", field=f"rules.{name}",
                expected=f"{json.dumps(own)}: calibrate anew",
            )  # fmt: skip
        found.append(RULES[name])
    return tuple(found)


def _rates(value: Any, place: str, rules: set[str]) -> tuple[Rate, ...]:
    if not isinstance(value, list) or len(value) > RATES_MAX:
        raise _wrong(place, "rates", value, f"a list of at most {RATES_MAX}")
    found: list[Rate] = []
    for at, item in enumerate(value):
        where = f"rates[{at}]"
        item = _map(item, place, where, _RATE_FIELDS)
        if item["rule"] not in rules:
            raise _wrong(place, f"{where}.rule", item["rule"], "a rule that `rules` has")
        low = _count(item["from"], place, f"{where}.from", PAIRS_MAX)
        high = None if item["to"] is None else _count(item["to"], place, f"{where}.to", PAIRS_MAX)
        pairs = _count(item["pairs"], place, f"{where}.pairs", PAIRS_MAX)
        false = _count(item["false"], place, f"{where}.false", PAIRS_MAX)
        if pairs < 1 or false > pairs or (high is not None and high <= low):
            raise _wrong(place, where, item, "pairs, of which `false` are a part, and `from` below `to`")
        longer = _count(item["longer"], place, f"{where}.longer", PAIRS_MAX)
        if longer < max(1, low):
            raise _wrong(place, f"{where}.longer", longer, "no less than `from`")
        rate = Rate(item["rule"], low, high, pairs, false, longer)
        if any(type(got) is not int or got != meant
               for got, meant in ((item["ppm"], rate.ppm), (item["upper_ppm"], rate.upper_ppm))):  # fmt: skip
            raise _wrong(place, where, item, f"ppm {rate.ppm} and upper_ppm {rate.upper_ppm}, from pairs and false")
        before = next((other for other in reversed(found) if other.rule == rate.rule), None)
        if before is not None and (before.high is None or before.high > low):
            raise _wrong(place, f"{where}.from", low, "classes of a rule that ascend and don't overlap")
        found.append(rate)
    return tuple(found)


def _map(value: Any, place: str, where: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise _wrong(place, where, value, f"an object of just {', '.join(sorted(names))}")
    return value


def _text(value: Any, place: str, where: str, chars_max: int) -> str:
    if type(value) is not str or not 1 <= len(value) <= chars_max or not value.isprintable():
        raise _wrong(place, where, value, f"1 to {chars_max:,} printable characters")
    return value


def _count(value: Any, place: str, where: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _wrong(place, where, value, f"a whole number, 0 to {most:,}")
    return value


def _wrong(place: str, where: str, value: Any, expected: str) -> InputError:
    return InputError(f"{place}: {where} is {excerpt(value)}", field=where, expected=expected)


def read_table(path: str) -> Table:
    """A table from a file. Raises FileError where it can't be read, InputError as `parse_table`."""
    return parse_table(read_file(path, bytes_max=TABLE_BYTES_MAX, what="the calibration table"), place=path)


def encode_boilerplate(hashes: Hashes, scheme: Scheme = DEFAULT) -> bytes:
    """A list's bytes: a line of format and scheme, then each hash as 16 hexadecimal digits, ascending."""
    lines = [f"{BOILERPLATE_FORMAT} {scheme}", *(f"{number:016x}" for number in hashes.tolist())]
    return ("\n".join(lines) + "\n").encode()


def parse_boilerplate(data: bytes, *, place: str, scheme: Scheme = DEFAULT) -> Hashes:
    """The hashes of a list, ascending. Raises InputError for anything that `encode_boilerplate` doesn't write, naming
    the line, and for another scheme's."""
    head, *lines = data.decode("ascii", "replace").split("\n")
    if head != f"{BOILERPLATE_FORMAT} {scheme}" or not lines or lines.pop() != "":
        raise InputError(
            f"{place} is no list of boilerplate for these prints: it begins with {excerpt(head)}", field="boilerplate",
            expected=f"the line {BOILERPLATE_FORMAT} {scheme}, then hashes, each on a whole line",
        )  # fmt: skip
    if len(lines) > BOILERPLATE_MAX:
        raise InputError(f"{place} has {len(lines):,} hashes", field="boilerplate", expected=f"<= {BOILERPLATE_MAX:,}")
    before = ""
    for number, line in enumerate(lines, 2):
        if _LINE.fullmatch(line) is None or line <= before:
            raise InputError(
                f"{place}, line {number}: {excerpt(line)}", field="boilerplate",
                expected="16 lower-case hexadecimal digits, larger than the line before",
            )  # fmt: skip
        before = line
    return np.array([int(line, 16) for line in lines], np.uint64)


def read_boilerplate(path: str, scheme: Scheme = DEFAULT) -> Hashes:
    """A list from a file. Raises FileError where it can't be read, InputError as `parse_boilerplate`."""
    data = read_file(path, bytes_max=32 * 1024 * 1024, what="the list of boilerplate")
    return parse_boilerplate(data, place=path, scheme=scheme)


def joined_boilerplate(lists: Iterable[Hashes]) -> Hashes:
    """All hashes of several lists, ascending, each once."""
    return np.unique(np.concatenate([NO_HASHES, *lists]))


@lru_cache(maxsize=1)
def default_table() -> Table:
    """The table that the package has: what was measured on real text (docs/calibration.md)."""
    return parse_table(_shipped("calibration.json"), place="the shipped calibration table")


@lru_cache(maxsize=1)
def boilerplate() -> Hashes:
    """The list that the package has, for the default scheme: prints of licence texts and templates."""
    hashes = parse_boilerplate(_shipped("boilerplate.txt"), place="the shipped list of boilerplate")
    hashes.flags.writeable = False  # shared by all callers
    return hashes


def _shipped(name: str) -> bytes:
    try:
        return files("node.detect").joinpath(name).read_bytes()
    except OSError as error:
        raise InvariantError(f"{name} is missing from the package: {error.strerror}; install it anew") from None
