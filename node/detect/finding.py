"""What was found, what it proves and what it doesn't, and the file of it: `usance/findings/v1` (docs/detect.md).

A finding says which rung of the ladder it stands on. It never says who copied from whom, nor that anything was trained
on it: texts may have a third one as their common source. The file is read as strictly as it is written, by
`read_findings`; nothing here needs numpy, so that a claim can be made from a file wherever it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from node.environment import read_file
from node.imports import safejson
from proofs.errors import InputError, excerpt

FORMAT = "usance/findings/v1"
FILE_BYTES_MAX = 128 * 1024 * 1024
FINDINGS_MAX = 1_000
OWNERS_MAX = 10_000
"""In a file: of more, the first ones."""
PASSAGES_MAX = 5
"""Of a finding."""
PARTS_MAX = 64
"""Of a passage: around, within, around, within… the match."""
PASSAGE_CHARS_MAX = 3_000
"""Of one side of a passage, what stands around included."""
TEXT_CHARS_MAX = 8 * 1024 * 1024
"""Of all passages together; the findings after that have none."""
REMARKS_MAX = 64
REMARK_NAMES_MAX = 100
NAME_CHARS_MAX = 1_000
OWNER_CHARS_MAX = 8_192
PROVES_CHARS_MAX = 1_000
COUNT_MAX = 2**63 - 1
PPM = 1_000_000

LADDER = (
    "logged and countersigned",
    "canary committed before release",
    "long verbatim match",
    "statistical watermark",
    "dataset inference",
    "suspicious behaviour",
)
"""What shows most first (rung 1). Style stands on none."""
VERBATIM, SUSPICIOUS = 3, 6
LONG_RUN = 85
"""Bytes of normal form from which on a run is long: as in the rule `documents`, whose error rate is measured."""
LIMITS = (
    "It doesn't show who had it first, who copied from whom, or that anything was trained on it; both may have it from "
    "a common source."
)
POLICIES = ("track", "charge", "block")
WHATS = ("paths", "index", "node")


@dataclass(frozen=True, slots=True)
class RuleUsed:
    """The rule, as node/detect/matching.py has it: `run`: bytes or None; `containment`: parts per million; `length`:
    characters below which nothing is said."""

    name: str
    hits: int
    run: int | None
    containment: int
    length: int


@dataclass(frozen=True, slots=True)
class Against:
    """What was looked for. `what`: one of WHATS; `items` and `owners`: None where a node doesn't tell."""

    what: str
    name: str
    owners: int | None
    items: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The calibration that rates are from."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was not looked at, or not as it stands, with the first names."""

    reason: str
    count: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What came before anything was found. `pairs`: items long enough x sources long enough; `expected_false`: how many
    of them would match by the measured rate if all were unrelated, `expected_false_upper` by the rate's upper bound,
    both decimals; None where the sources aren't known or a class wasn't measured."""

    items: int
    characters: int
    prints: int
    too_short: int
    not_text: int
    repeated: int
    boilerplate: int
    crowded: int
    pairs: int | None
    matches: int
    expected_false: str | None
    expected_false_upper: str | None
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class OwnerFound:
    """An owner some of whose items matched. `items`: looked-at items that did; `characters`: about how many of theirs
    stand in the owner's, by containment; `run`: the longest, in bytes; `matches`: pairs, of which `findings` (numbers)
    were kept."""

    owner: str
    title: str | None
    items: int
    characters: int
    run: int
    matches: int
    findings: tuple[int, ...]
    policy: str | None


@dataclass(frozen=True, slots=True)
class Named:
    """One side of a finding: `name` "" where only its prints are known; `length`: characters of its normal form."""

    name: str
    sha256: str
    length: int


@dataclass(frozen=True, slots=True)
class RateUsed:
    """How often items like these match by chance: parts per million observed, and their upper Wilson bound. Both are
    those of the class of lengths, `low` to `high` characters of the shorter item (None: open), of which `pairs` were
    measured, times the `stretches` that the longer item is as good as: how many of those that were measured."""

    ppm: int
    upper_ppm: int
    pairs: int
    low: int
    high: int | None
    stretches: int = 1


@dataclass(frozen=True, slots=True)
class Registered:
    """The asset whose record held the root of the prints before anybody looked."""

    ref: str
    prints_root: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch that both have. `item`, `source`: text in parts, by turns around and in the match, beginning and ending
    with what is around; `source` None where only its prints are known. `characters`: matched, of the item's side, also
    where what is shown was cut."""

    item: tuple[str, ...]
    source: tuple[str, ...] | None
    characters: int


@dataclass(frozen=True, slots=True)
class Finding:
    """An item and a source that match. `rung`: on LADDER, from 1; `of_item`, `of_source`: containment, parts per
    million; `run`: bytes of normal form; `copy`: the same SHA-256; `length`: the shorter one's; `score`, `threshold`:
    what `method`'s last word counts."""

    number: int
    owner: str
    item: Named
    source: Named
    hits: int
    of_item: int
    of_source: int
    run: int
    copy: bool
    length: int
    rate: RateUsed | None
    method: str
    score: int
    threshold: int
    rung: int
    proves: str
    registered: Registered | None
    policy: str | None
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The whole file. `owners`: by matched items, most first, so that the first is the first source."""

    made: int
    scheme: str
    rule: RuleUsed
    against: Against
    calibration: Measured
    looked_at: LookedAt
    owners: tuple[OwnerFound, ...]
    findings: tuple[Finding, ...]

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {"format": FORMAT, **_value(self)}

    def encode(self) -> bytes:
        """The file's bytes."""
        return (json.dumps(self.value(), ensure_ascii=True, indent=1) + "\n").encode()


def judge(*, run: int, containment: int, copy: bool, rule: RuleUsed, text: bool = True) -> tuple[str, int, int]:
    """What a match counts by: the method's last word, its score and its threshold. `text` False: bytes alone."""
    if copy and not text:
        return "sha-256", 1, 1
    if rule.run is not None and run >= rule.run:
        return "run", run, rule.run
    return "containment", containment, rule.containment


def rung_of(*, run: int, copy: bool) -> int:
    """Where a match stands on the ladder: what has no long run shows no more than suspicious behaviour does."""
    return VERBATIM if copy or run >= LONG_RUN else SUSPICIOUS


def say(*, run: int, containment: int, copy: bool, rule_name: str, text: bool = True, exact: bool = True) -> str:
    """What a match proves, and what it doesn't, in words. `exact` False: the run is what prints cover of it, and what
    stands between them wasn't compared."""
    rung = rung_of(run=run, copy=copy)
    place = f"rung {rung} of {len(LADDER)}, {LADDER[rung - 1]}"
    if copy and not text:
        shown = "both are the same file, byte for byte"
    elif copy:
        shown = "both are the same text, byte for byte"
    elif rung == VERBATIM:
        shown = f"{'' if exact else 'about '}{run:,} bytes of letters and digits in a row are the same in both"
        shown += "" if exact else ", by their prints"
    else:
        shown = f"{containment * 100 // PPM} % of the smaller one's prints are in the other, but no long run is"
    asked = " Answers to one question are alike by themselves; the measured rate counts that in."
    return f"{place}: {shown}. {LIMITS}{asked if rule_name == 'answers' and text else ''}"


# --- as JSON, and back

_NAMES = {"low": "from", "high": "to"}


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {_NAMES.get(name, name): _value(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


Form = Callable[[Any, str], Any]
"""Checks a JSON value at a place, and makes what it stands for."""


def _count(most: int = COUNT_MAX, least: int = 0) -> Form:
    def read(value: Any, where: str) -> int:
        if type(value) is not int or not least <= value <= most:
            raise _wrong(where, value, f"a whole number, {least:,} to {most:,}")
        return value

    return read


def _text(chars_max: int = NAME_CHARS_MAX, pattern: str = "") -> Form:
    def read(value: Any, where: str) -> str:
        if type(value) is not str or len(value) > chars_max or (pattern and re.fullmatch(pattern, value) is None):
            raise _wrong(where, value, f"a text as {pattern}" if pattern else f"at most {chars_max:,} characters")
        return value

    return read


def _one_of(words: tuple[str, ...]) -> Form:
    return _text(pattern="|".join(words))


def _maybe(form: Form) -> Form:
    return lambda value, where: None if value is None else form(value, where)


def _flag(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise _wrong(where, value, "true or false")
    return value


def _list(form: Form, most: int) -> Form:
    def read(value: Any, where: str) -> tuple[Any, ...]:
        if type(value) is not list or len(value) > most:
            raise _wrong(where, value, f"a list of at most {most:,}")
        return tuple(form(item, f"{where}[{at}]") for at, item in enumerate(value))

    return read


def _made(kind: Callable[..., Any], forms: dict[str, Form]) -> Form:
    names = {_NAMES.get(name, name): name for name in forms}

    def read(value: Any, where: str) -> Any:
        if type(value) is not dict or value.keys() != names.keys():
            raise _wrong(where, value, f"an object of just {', '.join(names)}")
        inner = where + "." if where else ""
        return kind(**{own: forms[own](value[name], inner + name) for name, own in names.items()})

    return read


def _parts(value: Any, where: str) -> tuple[str, ...]:
    parts: tuple[str, ...] = _list(_text(PASSAGE_CHARS_MAX), PARTS_MAX)(value, where)
    if len(parts) % 2 == 0 or sum(map(len, parts)) > PASSAGE_CHARS_MAX:
        raise _wrong(where, value, f"an odd number of texts, together at most {PASSAGE_CHARS_MAX:,} characters")
    return parts


def _wrong(where: str, value: Any, expected: str) -> InputError:
    return InputError(f"{where or 'the file'} is {excerpt(value)}", field=where, expected=expected)


_SHA256 = _text(64, "[0-9a-f]{64}")
_DECIMAL = _text(40, r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_PPM = _count(PPM)
_WHOSE = _text(OWNER_CHARS_MAX)
_POLICY = _maybe(_one_of(POLICIES))
_SIDE = _made(Named, {"name": _text(), "sha256": _SHA256, "length": _count()})
_RATE = _made(
    RateUsed,
    {
        "ppm": _PPM,
        "upper_ppm": _PPM,
        "pairs": _count(least=1),
        "low": _count(),
        "high": _maybe(_count()),
        "stretches": _count(least=1),
    },
)
_REMARK = _made(Remark, {"reason": _text(), "count": _count(), "names": _list(_text(), REMARK_NAMES_MAX)})
_PASSAGE = _made(Passage, {"item": _parts, "source": _maybe(_parts), "characters": _count()})
_FINDING = _made(
    Finding,
    {
        "number": _count(FINDINGS_MAX), "owner": _WHOSE, "item": _SIDE, "source": _SIDE, "hits": _count(),
        "of_item": _PPM, "of_source": _PPM, "run": _count(), "copy": _flag, "length": _count(), "rate": _maybe(_RATE),
        "method": _text(200), "score": _count(), "threshold": _count(), "rung": _count(len(LADDER), 1),
        "proves": _text(PROVES_CHARS_MAX),
        "registered": _maybe(_made(Registered, {"ref": _text(100, "[0-9]+:[0-9a-f]{64}"), "prints_root": _SHA256})),
        "policy": _POLICY, "passages": _list(_PASSAGE, PASSAGES_MAX),
    },
)  # fmt: skip
_OWNER = _made(
    OwnerFound,
    {
        "owner": _WHOSE, "title": _maybe(_text()), "items": _count(), "characters": _count(), "run": _count(),
        "matches": _count(), "findings": _list(_count(FINDINGS_MAX), FINDINGS_MAX), "policy": _POLICY,
    },
)  # fmt: skip
_LOOKED_AT = _made(
    LookedAt,
    {
        "items": _count(), "characters": _count(), "prints": _count(), "too_short": _count(), "not_text": _count(),
        "repeated": _count(), "boilerplate": _count(), "crowded": _count(), "pairs": _maybe(_count()),
        "matches": _count(), "expected_false": _maybe(_DECIMAL), "expected_false_upper": _maybe(_DECIMAL),
        "remarks": _list(_REMARK, REMARKS_MAX),
    },
)  # fmt: skip
_RULE = _made(
    RuleUsed,
    {"name": _text(40), "hits": _count(), "run": _maybe(_count()), "containment": _PPM, "length": _count()},
)
_AGAINST = _made(
    Against,
    {"what": _one_of(WHATS), "name": _text(), "owners": _maybe(_count()), "items": _maybe(_count())},
)
_FINDINGS = _made(
    Findings,
    {
        "made": _count(), "scheme": _text(100), "rule": _RULE, "against": _AGAINST,
        "calibration": _made(Measured, {"name": _text(200), "sha256": _SHA256}), "looked_at": _LOOKED_AT,
        "owners": _list(_OWNER, OWNERS_MAX), "findings": _list(_FINDING, FINDINGS_MAX),
    },
)  # fmt: skip


def parse_findings(data: bytes, *, place: str) -> Findings:
    """Findings from their file's bytes. Raises InputError for anything that `Findings.encode` doesn't write (but for
    white space and the order of names), naming `place` and the field."""
    value = safejson.loads(data, place=place, bytes_max=FILE_BYTES_MAX, depth_max=12)
    if type(value) is not dict or value.get("format") != FORMAT:
        raise InputError(f"{place} is no file of findings", field="format", expected=FORMAT)
    try:
        found: Findings = _FINDINGS({name: part for name, part in value.items() if name != "format"}, "")
        for error in _contradictions(found):
            raise error
    except InputError as error:
        raise InputError(f"{place}: {error.detail}", field=error.field, expected=error.expected) from None
    return found


def _contradictions(found: Findings) -> Iterator[InputError]:
    """What each field may say, but not together."""
    owner_of: dict[int, str] = {}
    for at, owner in enumerate(found.owners):
        for number in owner.findings:
            if number in owner_of:
                yield _wrong(f"owners[{at}].findings", number, "each finding under one owner")
            owner_of[number] = owner.owner
    for at, finding in enumerate(found.findings):
        where = f"findings[{at}]"
        if finding.number != at:
            yield _wrong(f"{where}.number", finding.number, str(at))
        if owner_of.pop(at, None) != finding.owner:
            yield _wrong(f"{where}.owner", finding.owner, "the owner whose findings it stands among")
        if finding.score < finding.threshold:
            yield _wrong(f"{where}.score", finding.score, f"at least the threshold, {finding.threshold:,}")
        if finding.length != min(finding.item.length, finding.source.length):
            yield _wrong(f"{where}.length", finding.length, "that of the shorter of item and source")
        if finding.copy and finding.item.sha256 != finding.source.sha256:
            yield _wrong(f"{where}.copy", finding.copy, "false where the SHA-256 differ")
        yield from _miscounted(found, finding, where)
    if owner_of:
        yield _wrong("owners", min(owner_of), "numbers of findings that are there")
    if len({owner.owner for owner in found.owners}) != len(found.owners):
        yield _wrong("owners", len(found.owners), "each owner once")


def _miscounted(found: Findings, finding: Finding, where: str) -> Iterator[InputError]:
    """Where a finding's figures don't give what it counts by, or fall out of the class of its rate."""
    word, score, threshold = judge(
        run=finding.run, containment=max(finding.of_item, finding.of_source), copy=finding.copy, rule=found.rule,
        text=finding.length > 0,
    )  # fmt: skip
    for name, said, meant in (
        ("method", finding.method, f"{found.scheme}; {found.rule.name}; {word}"),
        ("score", finding.score, score),
        ("threshold", finding.threshold, threshold),
        ("rung", finding.rung, rung_of(run=finding.run, copy=finding.copy)),
    ):
        if said != meant:
            yield _wrong(f"{where}.{name}", said, f"{meant}, by its other figures")
    rate = finding.rate
    if rate is not None and not (
        rate.ppm <= rate.upper_ppm and rate.low <= finding.length and (rate.high is None or finding.length < rate.high)
    ):
        yield _wrong(f"{where}.rate", finding.length, "the class of this length, and a bound no lower than the rate")


def read_findings(path: str) -> Findings:
    """The findings in a file. Raises FileError where it can't be read, InputError as `parse_findings`."""
    return parse_findings(read_file(path, bytes_max=FILE_BYTES_MAX, what="the findings"), place=path)
