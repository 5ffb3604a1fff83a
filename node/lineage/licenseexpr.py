"""SPDX licence expressions: what applies under every choice, under some choice, or not at all.

AND joins licences that all apply; OR offers a choice, of which the licensee takes one; WITH names an exception, which
is shown and whose effect isn't judged. AND binds stronger than OR (SPDX 2.3 annex D). An expression is at most 1,024
bytes, and its evaluation is linear in them: no choice is multiplied out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from node.lineage.licenseclasses import COMMERCIAL, UNKNOWN, UNKNOWN_CLASS, Classes, LicenseClass
from proofs.fields import is_spdx_expression

YES, NO, OPEN = "yes", "no", "unknown"
ASPECTS = ("attribution", "share_alike", "rivals", "outputs", "open")
_TOKEN = re.compile(r" *([()]|[A-Za-z0-9.:+-]+)")
_BINDS = {"(": 0, "OR": 1, "AND": 2}

Outcomes = frozenset[str]


@dataclass(frozen=True, slots=True)
class License:
    """One licence of an expression. `text`: as it stands there, with its exception; `id`: without."""

    text: str
    id: str
    found: LicenseClass


@dataclass(frozen=True, slots=True)
class Effect:
    """What an expression asks. Each field holds the outcomes that some choice leads to; of several choices there may be
    several. `commercial`: of COMMERCIAL; the others: yes, no, unknown; `open`: whether a licence of the choice is
    unknown or unspecified."""

    commercial: Outcomes
    attribution: Outcomes
    share_alike: Outcomes
    rivals: Outcomes
    outputs: Outcomes
    open: Outcomes


@dataclass(frozen=True, slots=True)
class Read:
    """An expression that was read. `branches`: what the outermost OR offers, each with its own effect; one where there
    is no such choice. `licenses`: those in it, each once. `is_read`: False for a text that is no expression, which is
    then all unknown."""

    text: str
    effect: Effect
    branches: tuple[tuple[str, Effect], ...]
    licenses: tuple[License, ...]
    is_read: bool = True

    @property
    def has_choice(self) -> bool:
        """Whether the licensee chooses."""
        return len(self.branches) > 1

    @property
    def unknown(self) -> tuple[str, ...]:
        """Its licences that no table classes."""
        if not self.is_read:
            return (self.text,)
        return tuple(one.text for one in self.licenses if one.found.commercial == UNKNOWN)


def _flag(value: bool | None) -> Outcomes:
    return frozenset((OPEN if value is None else YES if value else NO,))


def _effect_of(found: LicenseClass) -> Effect:
    return Effect(frozenset((found.commercial,)), *(_flag(getattr(found, name)) for name in ASPECTS))


_ALL_UNKNOWN = _effect_of(UNKNOWN_CLASS)
_RANK = {name: at for at, name in enumerate(COMMERCIAL)}
_FLAG_RANK = {NO: 0, OPEN: 1, YES: 2}


def _joined(one: Outcomes, other: Outcomes, rank: Mapping[str, int]) -> Outcomes:
    """Both apply: of each pair of outcomes, the stricter."""
    return frozenset(max(pair, key=rank.__getitem__) for pair in product(one, other))


def _both(one: Effect, other: Effect) -> Effect:
    flags = (_joined(getattr(one, name), getattr(other, name), _FLAG_RANK) for name in ASPECTS)
    return Effect(_joined(one.commercial, other.commercial, _RANK), *flags)


def _either(one: Effect, other: Effect) -> Effect:
    return Effect(one.commercial | other.commercial, *(getattr(one, name) | getattr(other, name) for name in ASPECTS))


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression: its text's ends, its effect, and the choices of its outermost OR."""

    effect: Effect
    start: int
    end: int
    branches: tuple[tuple[int, int, Effect], ...] = ()


def read_expression(text: str, classes: Classes) -> Read:
    """What an expression asks, by these classes. Never raises: a text that is no expression is unknown as a whole."""
    if not is_spdx_expression(text):
        return Read(text, _ALL_UNKNOWN, ((text, _ALL_UNKNOWN),), (), is_read=False)
    licenses: dict[str, License] = {}
    parts: list[_Part] = []
    waiting: list[tuple[str, int]] = []

    def combine() -> None:
        symbol, _ = waiting.pop()
        right, left = parts.pop(), parts.pop()
        if symbol == "AND":
            parts.append(_Part(_both(left.effect, right.effect), left.start, right.end))
        else:
            branches = (left.branches or (_whole(left),)) + (right.branches or (_whole(right),))
            parts.append(_Part(_either(left.effect, right.effect), left.start, right.end, branches))

    for token, start, end in _licenses_and_symbols(text):
        if token == "(":
            waiting.append((token, start))
        elif token == ")":
            while waiting[-1][0] != "(":
                combine()
            inner, (_, opened) = parts.pop(), waiting.pop()
            parts.append(_Part(inner.effect, opened, end, inner.branches))
        elif token in _BINDS:
            while waiting and _BINDS[waiting[-1][0]] >= _BINDS[token]:
                combine()
            waiting.append((token, start))
        else:
            license_id = token.partition(" WITH ")[0]
            one = licenses.setdefault(token, License(token, license_id, classes.find(license_id)))
            parts.append(_Part(_effect_of(one.found), start, end))
    while waiting:
        combine()
    whole = parts.pop()
    branches = tuple((text[start:end].strip(), effect) for start, end, effect in whole.branches)
    return Read(text, whole.effect, branches or ((text.strip(), whole.effect),), tuple(licenses.values()))


def _whole(part: _Part) -> tuple[int, int, Effect]:
    return part.start, part.end, part.effect


def _licenses_and_symbols(text: str) -> Iterable[tuple[str, int, int]]:
    """Tokens with their ends; `X WITH Y` is one of them, with single spaces."""
    found = [(match[1], match.start(1), match.end(1)) for match in _TOKEN.finditer(text)]
    at = 0
    while at < len(found):
        token, start, end = found[at]
        if at + 2 < len(found) and found[at + 1][0] == "WITH":
            yield f"{token} WITH {found[at + 2][0]}", start, found[at + 2][2]
            at += 3
        else:
            yield token, start, end
            at += 1


def is_sure(outcomes: Outcomes, test: Callable[[str], bool]) -> bool:
    """Whether every choice leads to such an outcome."""
    return all(map(test, outcomes))
