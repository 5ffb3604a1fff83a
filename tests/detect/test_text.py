"""The normal form of texts: every fast way gives what the definition gives, in any pieces, with true places."""

import random
import sys
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect import text
from node.detect.normalform import is_start, normalise_slowly
from node.detect.text import normalise, normalise_with_places, pieces

LETTERS = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
HARD = [c for c in LETTERS if not is_start(c) or len(normalise_slowly(c)) > 1]
PLAIN = "abZ 1."
MIXED = "éß한가ᄀ’—日本ﷺİאבمرحبا"
SURROGATES = ["\ud800", "\udfff", "\udc80"]


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
        yield drawn


def defined(string: str) -> bytes:
    """The normal form by its definition."""
    return normalise_slowly(string).encode("utf-8", "ignore")


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
    """However a stream is cut, the pieces are the text, and unless a run of marks had to be cut, so are their forms."""
    monkeypatch.setattr(text, "PIECE_CHARS", 7)
    monkeypatch.setattr(text, "MARKS_MAX", 30)
    rng = random.Random(5)
    joined = 0
    for string in hostile(4, 20_000 if long_run else 2_000, length=80):
        chunks, rest = [], string
        while rest:
            size = rng.randint(1, 20)
            chunks.append(rest[:size])
            rest = rest[size:]
        found = list(pieces(chunks))
        assert "".join(found) == string
        assert all(len(piece) <= 60 for piece in found)
        if all(is_start(piece[0]) for piece in found[1:]):
            joined += 1
            assert b"".join(map(normalise, found)) == defined(string)
    assert joined > 1000


def test_a_text_of_marks_alone_is_cut() -> None:
    """A million marks without a letter, which belong together by Unicode's rules, are read in bounded pieces."""
    found = list(pieces(["e" + "\u0301" * 300_000]))
    assert max(map(len, found)) <= text.MARKS_MAX
    assert sum(map(len, found)) == 300_001
