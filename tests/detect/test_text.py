"""The normal form of texts: every fast way gives what the definition gives, in any pieces, with true places."""

import random
import sys
import time
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect import text
from node.detect.normalform import RUN_MAX, is_start, normalise_slowly
from node.detect.text import normalise, normalise_with_places, pieces

LETTERS = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
HARD = [c for c in LETTERS if not is_start(c) or len(normalise_slowly(c)) > 1]
PLAIN = "abZ 1."
MIXED = "éß한가ᄀ’—日本ﷺİאבمرحبا"
SURROGATES = ["\ud800", "\udfff", "\udc80"]
NO_STARTS = [c for c in LETTERS if not is_start(c)]
RUN_SECONDS_MAX = 60
"""For a million marks, which take a second: without a bound to a run they take twenty minutes."""


def hostile(seed: int, count: int, *, length: int = 40) -> Iterator[str]:
    """Texts of all sorts of characters, each third with long ASCII stretches and marks between them."""
    rng = random.Random(seed)
    for at in range(count):
        drawn = "".join(
            rng.choice(rng.choice((LETTERS, HARD, PLAIN, MIXED, SURROGATES))) for _ in range(rng.randint(1, length))
        )
        if at % 3 == 0:
            drawn += (
                "plain text in between here. " * rng.randint(1, 30)
                + rng.choice("aeO9")
                + rng.choice(HARD)
                + "tail"
                + rng.choice(MIXED)
            )
            drawn += "and then still more of the plain sort" * rng.randint(0, 9)
        if at % 10 == 1:
            drawn += "".join(rng.choices(NO_STARTS, k=rng.choice((RUN_MAX, RUN_MAX + 1, rng.randint(1, 300)))))
            drawn += rng.choice(("", "and more", rng.choice(HARD)))
        if at % 10 == 2:  # what becomes one with what stands before it, near and far
            drawn += "".join(rng.choices("aeか\u0301\u0327\uff9e\u3099", k=150))
            drawn += rng.choice("aeか") + "\u0316" * rng.randint(50, 140) + "\u0301\u0308"
        yield drawn


def defined(string: str) -> bytes:
    """The normal form by its definition."""
    return normalise_slowly(string).encode("utf-8", "ignore")


def plainly(string: str) -> bytes:
    """Likewise as docs/prints.md has it, character by character."""
    sections, run = [""], 0
    for char in string:
        if is_start(char):
            run = 0
        elif run == RUN_MAX:
            sections.append("")
            run = 1
        else:
            run += 1
        sections[-1] += char
    forms = (unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", one).casefold()) for one in sections)
    return "".join(char for form in forms for char in form if char.isalnum()).encode("utf-8", "ignore")


def test_long_runs_are_cut_where_the_definition_says(long_run: bool) -> None:
    """Each time that RUN_MAX characters in a row were no start, and nowhere else."""
    for string in hostile(6, 20_000 if long_run else 2_000):
        assert defined(string) == plainly(string), ascii(string)
    # Sorted by their class, marks below come before marks above, and the letter takes the first one above.
    for marks in (RUN_MAX - 1, RUN_MAX, RUN_MAX + 1):
        string = "a" + "\u0316" * (marks - 1) + "\u0301"
        assert (defined(string) == "á".encode()) == (marks <= RUN_MAX)
        assert normalise(string) == normalise_with_places(string)[0] == defined(string)


def test_what_becomes_one_with_the_character_before_is_no_start(long_run: bool) -> None:
    """Whatever two characters stand together, a text cut before a start has the form of the whole."""
    drawn = LETTERS if long_run else random.Random(7).sample(LETTERS, 1000)
    drawn = drawn + [char for char in LETTERS if unicodedata.decomposition(char)]
    bases = ["a", "か", "ᄀ", "ㄱ", "가", "ｶ", "ﾡ", "ก", "e\u0316"]
    for char in filter(is_start, drawn):
        for base in bases:
            assert defined(base + char) == defined(base) + defined(char), ascii(base + char)


@pytest.mark.parametrize("marks", ["\u0301\u0316", "\uff9e\u0301", "\u0316\u0345\u0301"], ids=ascii)
def test_a_million_marks_take_no_longer_than_other_text(marks: str) -> None:
    """A run of marks that have to be sorted takes time by its length, in every way there is."""
    string = "か" + marks * (1_000_000 // len(marks))
    begun = time.monotonic()
    form = normalise(string)
    assert form == defined(string)
    assert form == normalise_with_places(string)[0]
    assert form == b"".join(map(normalise, pieces([string])))
    assert time.monotonic() - begun < RUN_SECONDS_MAX


def test_the_fast_ways_give_what_the_definition_gives(long_run: bool) -> None:
    """Table of bytes, table of code points, short stretches: one normal form."""
    for string in hostile(2, 60_000 if long_run else 6_000):
        assert normalise(string) == defined(string), ascii(string)


@given(st.text(max_size=200))
def test_any_text_has_its_defined_form(string: str) -> None:
    """Likewise, of what Hypothesis thinks of."""
    assert normalise(string) == defined(string)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_form_is_the_same_however_the_text_is_composed(form: str) -> None:
    """Scripts, accents and Hangul syllables stand the same whichever way their writer's system puts them together."""
    for string in ("Ünïcödé naïve ﬁancée", "한글 맞춤법", "ｆｕｌｌ　ｗｉｄｔｈ", "Ελλάδα", "שלום עולם", "العربية ١٢٣"):
        assert normalise(unicodedata.normalize(form, string)) == normalise(string)


def test_what_makes_no_difference() -> None:
    """Case, spaces, punctuation, quotation marks, ligatures and direction marks don't count; letters and digits do."""
    assert normalise("“The ﬁrst—LINE”\n\t(№ 1)") == normalise('the first line no 1"') == b"thefirstlineno1"
    assert normalise("\u202eabc\u202c \u200f١٢") == "abc١٢".encode()
    assert normalise("straße") == normalise("STRASSE") == b"strasse"
    assert normalise("\ud800") == normalise("") == normalise(" \0\x1b[2J".replace("2J", "")) == b""
    assert normalise("a") != normalise("á")


def test_places_lead_back_to_the_text(long_run: bool) -> None:
    """Each byte of the form comes from the character that its place names, and places ascend."""
    for string in hostile(3, 20_000 if long_run else 2_000):
        form, places = normalise_with_places(string)
        assert form == defined(string)
        assert len(places) == len(form)
        assert all(0 <= one <= other for one, other in zip(places.tolist(), places.tolist()[1:], strict=False))
        assert not len(places) or int(places[-1]) < len(string)
    form, places = normalise_with_places("He said: “naïve”")
    assert [(" ".join("He said: “naïve”"[at] for at in places.tolist()))] == ["H e s a i d n a ï ï v e"]


def test_pieces_have_the_forms_of_the_whole(monkeypatch: pytest.MonkeyPatch, long_run: bool) -> None:
    """However a stream is cut, the pieces are the text, their forms are the text's, and none is long."""
    monkeypatch.setattr(text, "PIECE_CHARS", RUN_MAX + 3)
    rng = random.Random(5)
    several = 0
    for string in hostile(4, 20_000 if long_run else 2_000, length=300):
        chunks, rest = [], string
        while rest:
            size = rng.randint(1, 200)
            chunks.append(rest[:size])
            rest = rest[size:]
        found = list(pieces(chunks))
        assert "".join(found) == string
        assert all(0 < len(piece) <= RUN_MAX + 3 for piece in found)
        assert b"".join(map(normalise, found)) == defined(string)
        several += len(found) > 1
    assert several > 1000
