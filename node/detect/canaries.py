"""Canaries: passages that stand nowhere else, made to be found again (docs/canaries.md). Without numpy.

A passage reads like text. Some of its parts are drawn at random, each from so many choices; the words between them are
public. The drawn parts have at least BITS_MIN bits together, so nobody writes the passage by chance.

What chance can do is counted, not measured. Let a text be written without knowing the marks, whatever it says. At one
place of it, with one drawn part of a mark laid there, the next parts all match with a probability of at most one in the
product of their choices: of a part's choices only one can stand at a given place (of words from a list, as many as are
beginnings of one another; such a part counts for that many choices fewer). A run that matches begins at one of the
text's bytes with one of the marks' drawn parts, so the number of runs to expect that cover a product P of choices is at
most bytes * parts / P. That holds for any text; no model of language is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import prod

from node.detect.normalform import is_start, normalise_slowly
from proofs import canary
from proofs.canary import Mark
from proofs.errors import InputError, InvariantError

SALT_BYTES = 32
BITS_MIN = 128
"""Drawn at random in each passage."""
FORM_BYTES_MIN = 100
"""Of a passage's normal form: twice what two texts must share to share a print for certain."""
MARKS_MAX = 1000
WORDS_MIN, WORDS_MAX = 256, 100_000
WORD_CHARS_MAX = 32
SENTENCE_WORDS = 8
CHANCE_MAX = Fraction(1, 10**6)
"""A run that chance would bring more often isn't called found."""

Draw = Callable[[int], int]
"""`draw(n)`: uniform below n, as secrets.randbelow."""

SYLLABLES = tuple(first + second for first in "bdfghklmnprstvwz" for second in "aeio")
"""Two letters each: of 64, one can stand at a place."""
_DIGITS = "0123456789"
_SLOT = re.compile(r"\{([Aa#])([1-9])\}")
_TEMPLATES = (
    "{A4} {A4} kept the toll bridge at {A4} until 1{#3}, and wrote that 2{#2} carts of {a3} went down to {A4} in one "
    "dry winter.",
    "In the spring of 1{#3} the widow {A4} {A3} of {A4} sold her {a3} press to the brothers {A4} and {A4}, for 1{#2} "
    "crowns.",
    "The ferry between {A4} and {A4} was painted {a4} by order of {A4} {A3}, after the flood of 1{#3} had reached the "
    "steps of {A3}.",
    "A letter of {A4} {A4}, dated at {A4} in 1{#3}, counts 3{#2} {a3} sheep and a single {a3} bell on the road to "
    "{A3}.",
    "Whoever asked for {A4} at the inn of {A4} {A4} was shown the {a4} room, number {#3}, and a map of {A4} drawn in "
    "1{#3}.",
    "Seed of the {a4} pear came from {A4} to {A4} with one {A4} {A4}, gardener, whose book of 1{#3} has {#3} leaves.",
    "At {A4} they tell of a {a4} clock that {A4} {A4} set back by {#2} minutes, on the night when {A4} burned, in "
    "1{#3}.",
    "The choir of {A4} sang the {a4} mass of {A4} {A4} no more than 1{#1} times, last in 1{#3} before the bishop of "
    "{A4} fell ill.",
)  # fmt: skip
"""{A4}: a name of four syllables; {a3}: a word of three; {#2}: two digits."""


@dataclass(frozen=True, slots=True)
class Part:
    """A drawn part of a passage: the characters `start` to `end` - 1, one of `choices`."""

    start: int
    end: int
    choices: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A mark with its drawn parts, in order and apart from one another."""

    mark: Mark
    drawn: tuple[Part, ...]

    @property
    def bits(self) -> int:
        """Drawn at random, rounded down."""
        return bits_of(part.choices for part in self.drawn)

    def form(self) -> tuple[bytes, tuple[Part, ...]]:
        """The normal form in UTF-8, and the drawn parts as places of its bytes. Raises InputError for a passage whose
        parts aren't read each by itself, is too short or holds too little that was drawn."""
        text = self.mark.text
        cuts = [0, *(cut for part in self.drawn for cut in (part.start, part.end)), len(text)]
        if cuts != sorted(cuts) or any(part.start >= part.end or part.choices < 2 for part in self.drawn):
            raise InputError("drawn parts out of order", field="drawn", expected="each with 2 choices or more")
        pieces = [normalise_slowly(text[start:end]).encode() for start, end in pairwise(cuts)]
        form = b"".join(pieces)
        if form != normalise_slowly(text).encode():
            raise InputError("drawn parts that aren't words of their own", field="drawn", expected="whole words")
        if len(form) < FORM_BYTES_MIN or self.bits < BITS_MIN:
            raise InputError(
                f"a mark of {len(form)} letters and {self.bits} random bits", field="mark",
                expected=f"{FORM_BYTES_MIN} bytes in normal form and {BITS_MIN} bits, or more",
            )  # fmt: skip
        ends = list(accumulate(len(piece) for piece in pieces))
        places = tuple(
            Part(ends[2 * at], ends[2 * at + 1], part.choices) for at, part in enumerate(self.drawn)
        )  # fmt: skip
        return form, places


def bits_of(choices: Iterable[int]) -> int:
    """Of a product of choices, rounded down."""
    return prod(choices).bit_length() - 1


def make_passages(count: int, *, salt: Callable[[int], bytes], draw: Draw, words: Sequence[str] = ()) -> list[Passage]:
    """1 to MARKS_MAX passages, all different. `salt(n)`: n fresh random bytes; `words`: of which they are made, as
    read_words gives them, in place of our sentences. Raises InputError for another count."""
    if not 1 <= count <= MARKS_MAX:
        raise InputError(f"{count} marks", field="--count", expected=f"1 to {MARKS_MAX:,}")
    choices = word_choices(words) if words else 0
    made: list[Passage] = []
    for at in range(count):
        writing = _Writing(draw)
        if words:
            writing.sentences(words, choices)
        else:
            # Which sentence it is counts for nothing; neighbours differ, so that a file's passages aren't alike.
            writing.template(_TEMPLATES[at % len(_TEMPLATES)])
        passage = Passage(Mark(salt(SALT_BYTES), writing.text), tuple(writing.drawn))
        passage.form()
        made.append(passage)
    canary.root([passage.mark for passage in made])  # none twice: by chance, never
    return made


class _Writing:
    """A passage that is being made."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self.text = ""
        self.drawn: list[Part] = []

    def template(self, template: str) -> None:
        """One of ours."""
        done = 0
        for slot in _SLOT.finditer(template):
            self.text += template[done : slot.start()]
            done = slot.end()
            for number in range(int(slot[2])):
                if slot[1] == "#":
                    self._add(_DIGITS[self._draw(len(_DIGITS))], len(_DIGITS))
                    continue
                syllable = SYLLABLES[self._draw(len(SYLLABLES))]
                self._add(syllable.capitalize() if slot[1] == "A" and not number else syllable, len(SYLLABLES))
        self.text += template[done:]

    def sentences(self, words: Sequence[str], choices: int) -> None:
        """Words of a list, until enough was drawn."""
        length = 0
        number = 0
        while bits_of(part.choices for part in self.drawn) < BITS_MIN or length < FORM_BYTES_MIN:
            word = words[self._draw(len(words))]
            length += len(normalise_slowly(word).encode())
            if number % SENTENCE_WORDS == 0:
                self.text += ". " if number else ""
                word = _capital(word)
            else:
                self.text += " "
            self._add(word, choices)
            number += 1
        self.text += "."

    def _add(self, word: str, choices: int) -> None:
        self.drawn.append(Part(len(self.text), len(self.text) + len(word), choices))
        self.text += word


def _capital(word: str) -> str:
    changed = word[:1].upper() + word[1:]
    return changed if normalise_slowly(changed) == normalise_slowly(word) else word


def read_words(data: bytes) -> tuple[str, ...]:
    """The words of a list, one a line, each once by its normal form. Raises InputError that names the line."""
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise InputError("the list is not UTF-8", field="--words", expected="a word a line") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        word = line.strip()
        form = normalise_slowly(word)
        if not word:
            continue
        if len(form) < 2 or len(word) > WORD_CHARS_MAX or not word.isprintable() or not is_start(word[0]):
            raise InputError(
                f"no word in line {number} of the list", field="--words",
                expected=f"2 letters or more, {WORD_CHARS_MAX} characters at most",
            )  # fmt: skip
        found.setdefault(form, word)
    if not WORDS_MIN <= len(found) <= WORDS_MAX:
        raise InputError(
            f"{len(found)} different words", field="--words", expected=f"{WORDS_MIN} to {WORDS_MAX:,}, one a line"
        )
    words = tuple(found.values())
    if word_choices(words) < 2**5:
        raise InputError("words that begin with one another", field="--words", expected="words more different")
    return words


def are_of_words(passages: Iterable[Passage], words: Sequence[str]) -> bool:
    """Whether passages can have been made of these words, as read_words gives them: each drawn part is one of them,
    and counts as one of so many."""
    forms = {normalise_slowly(word) for word in words}
    choices = word_choices(words)
    return all(
        part.choices == choices and normalise_slowly(passage.mark.text[part.start : part.end]) in forms
        for passage in passages for part in passage.drawn
    )  # fmt: skip


def word_choices(words: Sequence[str]) -> int:
    """For how many choices a word counts that is drawn from these: at one place of a text, several may stand, where
    each is the beginning of the next."""
    forms = {normalise_slowly(word) for word in words}
    most = max(sum(form[:end] in forms for end in range(1, len(form) + 1)) for form in forms)
    return len(forms) // most


@dataclass(frozen=True, slots=True)
class Chance:
    """`times` in 10^`zeros`, rounded up: how many runs as good as one are to be expected by chance, at most."""

    times: int
    zeros: int

    def __str__(self) -> str:
        return f"{self.times} in 10^{self.zeros}" if self.zeros else str(self.times)


def expected(*, places: int, parts: int, product: int) -> Fraction:
    """How many runs over parts with this product of choices are to be expected, at most, in `places` bytes of normal
    form that were written without knowing the marks; `parts`: drawn parts of all marks that are looked for."""
    return Fraction(places * parts, product)


def chance_of(rate: Fraction) -> Chance:
    """A small number for people, with one digit, rounded up."""
    if rate < 0:
        raise InvariantError("chance below nothing")
    zeros = 0
    scaled = rate
    while 0 < scaled < 1:
        scaled *= 10
        zeros += 1
    times = -(-scaled.numerator // scaled.denominator)
    return Chance(1, zeros - 1) if times == 10 and zeros else Chance(times, zeros)
