"""Canaries: passages that nobody writes by chance, found whole or in part, with a bound on what chance can do."""

import json
import random
import secrets
import time
from collections.abc import Callable
from fractions import Fraction
from math import log2, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.detect import canaries, marksfound
from node.detect.canaries import (
    BITS_MIN,
    CHANCE_MAX,
    FORM_BYTES_MIN,
    SYLLABLES,
    Part,
    Passage,
    chance_of,
    expected,
    make_passages,
    read_words,
    word_choices,
)
from node.detect.canaryfile import Canaries, held_folder, load_canaries, parse_canaries
from node.detect.marksearch import PART_BITS_MIN, SEED_BYTES, MarkSearch
from node.detect.marksfound import find_marks
from node.detect.markup import without_markup
from node.detect.normalform import normalise_slowly
from node.detect.prints import Item, print_item
from node.detect.remarks import HTML, JSON, Remarks
from node.detect.text import normalise
from node.detect.winnow import DEFAULT, Winnower
from node.errors import FileError
from proofs.canary import Mark, check_opening
from proofs.errors import InputError
from proofs.fields import is_text

ENDS = ("", "a", "ek", "im", "ost", "unt", "yl", "zar", "bo", "cu", "dra", "fe", "ghi", "jo", "ku", "la")
WORDS = tuple(a + b + c for a in ("mo", "li", "ta", "re") for b in ("ban", "dos", "fil", "gur") for c in ENDS)
PROSE = "The toll bridge stood where two roads met, and nobody alive could say who had kept it in 1641. "


def made(count: int, seed: int, words: tuple[str, ...] = ()) -> list[Passage]:
    """Passages that are the same every time."""
    source = random.Random(seed)
    return make_passages(count, salt=source.randbytes, draw=source.randrange, words=words)


def item(text: str, name: str = "a") -> Item:
    """An item of text."""
    return Item(name, bytes(32), text)


# Making


@pytest.mark.parametrize("words", [(), WORDS], ids=["our sentences", "a list of words"])
def test_passages_are_what_they_have_to_be(words: tuple[str, ...]) -> None:
    """Each is text of a leaf, long enough to share prints for certain, with 128 random bits or more, all different."""
    passages = made(40, 1, words)
    assert len({passage.mark.text for passage in passages}) == 40
    for passage in passages:
        form, parts = passage.form()
        assert is_text(passage.mark.text)
        assert passage.mark.text.isprintable()
        assert len(form) >= FORM_BYTES_MIN >= 2 * DEFAULT.span - 1
        assert BITS_MIN <= passage.bits <= sum(log2(part.choices) for part in passage.drawn)
        assert all(form[part.start : part.end] for part in parts)
        assert form == normalise(passage.mark.text)


def test_every_sentence_of_ours_has_enough_bits() -> None:
    """Whichever template comes, at its worst draw."""
    for at in range(len(canaries._TEMPLATES)):
        for digit in (lambda n: 0, lambda n: n - 1):
            writing = canaries._Writing(digit)
            writing.template(canaries._TEMPLATES[at])
            passage = Passage(Mark(bytes(32), writing.text), tuple(writing.drawn))
            assert passage.form()
            assert "{" not in writing.text


def test_of_the_choices_one_can_stand_at_a_place() -> None:
    """Syllables are 64, of one length and one case; what the arithmetic of chance rests on."""
    assert len(set(SYLLABLES)) == 64
    assert {len(normalise_slowly(one)) for one in SYLLABLES} == {2}


def test_words_that_begin_with_one_another_count_for_fewer_choices() -> None:
    """Of in, ink and inkwell three may stand at one place: the list's words count for a third."""
    plain = [f"w{number:04}" for number in range(300)]
    assert word_choices(plain) == 300
    assert word_choices([*plain, "in", "ink", "inkwell"]) == 303 // 3
    assert word_choices(WORDS) == len(WORDS) // 2


def test_a_list_of_words_is_read_strictly() -> None:
    """Once each by normal form; too few, too long, signs alone, marks at the start, no UTF-8: refused by line."""
    plain = [f"wort{chr(97 + at % 26)}{chr(97 + at // 26)}" for at in range(300)]
    assert read_words("\r\n".join([*plain, "", plain[0].upper()]).encode()) == tuple(plain)
    greek = [f"λόγος{chr(945 + at % 17)}{chr(945 + at // 17)}" for at in range(289)]
    assert len(made(2, 3, read_words("\n".join(greek).encode()))) == 2
    bad = ["a", "x" * 33, "--", "\u0301bc", "a\u202eb", "a\tb"]
    for word in bad:
        with pytest.raises(InputError, match="line 301"):
            read_words("\n".join([*plain, word]).encode())
    nested = ["a" * length for length in range(2, 32)] + plain
    for data in ("\n".join(plain[:255]).encode(), b"\xff" * 9, b"", "\n".join(nested).encode()):
        with pytest.raises(InputError):
            read_words(data)


def test_parts_that_are_not_words_of_their_own_are_refused() -> None:
    """Overlaps, a choice of one, a part that reads otherwise with what follows, too little drawn."""
    passage = made(1, 4)[0]
    text = passage.mark.text
    for drawn in (
        (Part(0, 3, 64), *passage.drawn[1:]),
        (Part(0, 2, 1), *passage.drawn[1:]),
        (Part(2, 2, 64), *passage.drawn[1:]),
        passage.drawn[:20],
        (),
    ):
        with pytest.raises(InputError):
            Passage(passage.mark, drawn).form()
    accented = Mark(passage.mark.salt, text.replace(text[:2], text[0] + "e\u0301", 1))
    with pytest.raises(InputError):
        Passage(accented, passage.drawn).form()
    for count in (0, 1001):
        with pytest.raises(InputError):
            made(count, 0)


# Chance


@given(st.integers(0, 10**12), st.integers(1, 10**5), st.integers(0, 200))
def test_chance_is_never_said_to_be_less(places: int, parts: int, bits: int) -> None:
    """What is shown is the expectation, one digit, rounded up by less than a digit."""
    rate = expected(places=places, parts=parts, product=2**bits)
    shown = chance_of(rate)
    value = Fraction(shown.times, 10**shown.zeros)
    assert rate <= value
    assert value <= 2 * rate or not shown.zeros
    assert 1 <= shown.times <= 9 or not shown.zeros


@pytest.mark.parametrize("words", [(), WORDS], ids=["our sentences", "a list of words"])
def test_chance_brings_no_more_runs_than_said(words: tuple[str, ...]) -> None:
    """Measured: texts made of the same parts, as alike as texts can be that don't know the marks. Over many marks, runs
    over a product of choices come no more often than expected (with three standard deviations' room)."""
    source = random.Random(777)
    pool = words or SYLLABLES
    text = normalise("".join(source.choice(pool) for _ in range(4000)))
    counts = dict.fromkeys((6, 12, 18), 0)
    rates = dict.fromkeys(counts, Fraction(0))
    for seed in range(12):
        for passage in made(8, seed, words):
            form, parts = passage.form()
            for bits in counts:
                counts[bits] += runs_of(text, form, parts, 2**bits)
                rates[bits] += expected(places=len(text), parts=len(parts), product=2**bits)
    for bits, count in counts.items():
        assert count <= rates[bits] + 3 * float(rates[bits]) ** 0.5 + 3, bits
    assert counts[6] > 0


def runs_of(text: bytes, form: bytes, parts: tuple[Part, ...], product: int) -> int:
    """Places and first parts from where on the text and the mark agree over this product: the definition, slowly."""
    found = 0
    for at in range(len(parts)):
        covered, last = 1, at
        while last < len(parts) and covered < product:
            covered *= parts[last].choices
            last += 1
        if covered >= product:
            needle = form[parts[at].start : parts[last - 1].end]
            found += text.count(needle)
    return found


# Looking


def test_a_whole_mark_is_found_in_any_dress() -> None:
    """Case, spaces, punctuation, widths, lines: none hides it; it shares prints with the text as well."""
    passages = made(30, 8)
    search = MarkSearch(passages)
    dresses: list[Callable[[str], str]] = [
        str, str.upper, lambda text: " ".join(text), lambda text: text.replace(" ", "\n> "),
        lambda text: "".join(chr(ord(sign) + 0xFEE0) if sign.isalnum() else sign for sign in text),
    ]  # fmt: skip
    for number, passage in enumerate(passages):
        text = PROSE * 3 + dresses[number % len(dresses)](passage.mark.text) + PROSE * 3
        _, runs = search.look(text)
        assert [(run.mark, run.is_whole) for run in runs] == [(number, True)]
        assert normalise(text)[runs[0].place : runs[0].place + runs[0].size] == passage.form()[0]
        own = print_item(item(passage.mark.text), Winnower()).distinct
        assert set(own.tolist()) & set(print_item(item(text), Winnower()).distinct.tolist())


@pytest.mark.parametrize("words", [(), WORDS], ids=["our sentences", "a list of words"])
def test_runs_are_those_of_the_definition(words: tuple[str, ...]) -> None:
    """Any piece of a mark in any text: reported exactly where its whole drawn parts come to PART_BITS_MIN."""
    source = random.Random(9)
    passages = made(6, 9, words)
    search = MarkSearch(passages)
    for _ in range(300):
        number = source.randrange(6)
        form, parts = passages[number].form()
        start = source.randrange(len(form) - SEED_BYTES)
        end = source.randrange(start + 1, len(form) + 1)
        text = b"qqqq" * source.randrange(4) + form[start:end] + b"qqqq"
        product = prod(part.choices for part in parts if start <= part.start and part.end <= end)
        size, runs = search.look(text.decode())
        assert size == len(text)
        if product < 2**PART_BITS_MIN:
            assert not runs
            continue
        (run,) = runs
        assert (run.mark, run.product, run.is_whole) == (number, product, end - start == len(form))
        assert (run.start, run.size, run.place) == (start, end - start, len(text) - 4 - (end - start))


def test_prose_and_our_own_sentences_hold_no_mark() -> None:
    """Other text, the templates' own words, and other marks of the same templates: nothing is reported."""
    search = MarkSearch(made(10, 10))
    for text in (PROSE * 1000, " ".join(canaries._TEMPLATES), *(one.mark.text for one in made(10, 11)), "", "abc"):
        assert search.look(text)[1] == []


def test_repeated_marks_are_one_finding_an_item() -> None:
    """The best run of each mark in each item, with how often; broken and longer ones beside it make no second one."""
    passages = made(2, 12)
    mark = passages[1].mark.text
    text = mark[:80] + PROSE + (mark + PROSE) * 500
    found = find_marks(passages, [item(text), item("no", "b")], lambda: None, Remarks())
    (one,) = found.findings
    assert (one.number, one.item, one.times, one.run.is_whole, found.numbers) == (2, "a", 501, True, [2])
    assert one.passage == mark[: len(one.passage)]
    assert found.form_bytes == len(normalise(text)) + 2


def test_marks_are_found_under_markup() -> None:
    """With tags among its words and entities in them a mark is found, where in the text without; both texts count for
    chance. One that stands in the text as it is has its place there."""
    passages = made(3, 15)
    marks = [passage.mark.text for passage in passages]
    tagged = "".join(f"<span class='w'>{word}</span>&nbsp;" for word in marks[1].split(" "))
    coded = "".join(f"&#{ord(char)};" if at % 3 else f"&#x{ord(char):X};" for at, char in enumerate(marks[2]))
    text = f"\n<!DOCTYPE html><p title='a'>{marks[0]}</p>{PROSE}{tagged}<br/>{coded}"
    remarks = Remarks()
    found = find_marks(passages, [item(text, "page"), item(PROSE)], lambda: None, remarks)
    assert found.numbers == [1, 2, 3]
    findings = sorted(found.findings, key=lambda one: one.number)
    assert [(one.is_plain, one.run.is_whole) for one in findings] == [(False, True), (True, True), (True, True)]
    plain = without_markup(text)
    for one, whole in zip(findings, (text, plain, plain), strict=True):
        assert whole[one.at : one.end] == one.passage
        assert normalise(one.passage) == normalise(marks[one.number - 1])
    assert found.form_bytes == sum(len(normalise(one)) for one in (text, plain, PROSE))
    assert remarks.value() == [{"reason": HTML, "count": 1, "names": ["page"]}]


def test_json_that_is_read_as_text_is_said() -> None:
    """Its escapes hide what stands there, and whoever reads the result has to know; brackets in text are no JSON."""
    texts = (' {"a": "\\u00e9"}', "[\n[1]]", '["a"]', "[1] a note", "{a} b", "a <b> c", "<3")
    remarks = Remarks()
    find_marks(made(1, 16), (item(text, str(at)) for at, text in enumerate(texts)), lambda: None, remarks)
    assert remarks.value() == [{"reason": JSON, "count": 3, "names": ["0", "1", "2"]}]


def test_hostile_markup_takes_no_longer_than_text() -> None:
    """Tags and entities that never end are text, and are passed over once each."""
    for piece in ("<", "<a", "<!--", "&", "&#", "&#1", "&a", "< a", "&#x1"):
        text = piece + piece * (1_000_000 // len(piece)) + "1" * 100_000
        begun = time.monotonic()
        assert without_markup(text) == text
        assert time.monotonic() - begun < 20
    assert without_markup("&#0;&#xD800;&#1114112;&bogus;&lt;p&gt; 1 < 2 <a>") == "\ufffd\ufffd\ufffd&bogus;<p> 1 < 2 "


def test_what_chance_may_have_brought_is_not_found() -> None:
    """A short run in very much text is counted, not called found."""
    passages = made(1, 13)
    text = passages[0].mark.text[:80]
    found = find_marks(passages, [item(text)], lambda: None, Remarks())
    assert (found.numbers, found.too_little, len(found.findings)) == ([1], 0, 1)
    product = found.findings[0].run.product
    found.form_bytes = int(CHANCE_MAX * product / found.parts) + 1
    assert (found.numbers, found.too_little, found.findings) == ([], 1, [])


def test_findings_are_bounded(monkeypatch) -> None:
    """More items with marks than are kept are counted, and which marks were found stays whole."""
    monkeypatch.setattr(marksfound, "FINDINGS_MAX", 20)
    passages = made(2, 14)
    texts = [f"{passages[0].mark.text} {number}" for number in range(20)] + [passages[1].mark.text]
    found = find_marks(passages, map(item, texts), lambda: None, Remarks())
    assert (len(found.findings), found.more, found.numbers) == (20, 1, [1, 2])


def test_hostile_text_is_looked_through_in_time() -> None:
    """A megabyte of one mark's seeds, and of one letter: seconds at most."""
    passages = made(20, 15)
    seed = passages[0].form()[0][:SEED_BYTES].decode()
    for text in (seed * 40_000, "a" * 1_000_000, passages[0].mark.text * 2000):
        began = time.monotonic()
        MarkSearch(passages).look(text)
        assert time.monotonic() - began < 20


@settings(max_examples=30)
@given(st.text(max_size=400))
def test_any_text_is_looked_through(text: str) -> None:
    """No text makes the search fail, and a mark in the middle of it is found whatever stands around."""
    passages = made(1, 16)
    search = MarkSearch(passages)
    assert search.look(text)[1] == []
    assert [run.is_whole for run in search.look(f"{text} {passages[0].mark.text} {text}")[1]] == [True]


# The file


def test_the_file_reads_back(tmp_path) -> None:
    """What is saved is read as it was, private; each opening holds for the record of its root and count."""
    held = Canaries("log.example/x", "pkg:generic/x", tuple(made(5, 17)))
    path = str(tmp_path / "c")
    held.save(path)
    assert load_canaries(path) == held
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    body = {"kind": "canary", "root": held.root, "count": 5}
    for number in range(1, 6):
        check_opening(body, held.open(number))
        assert held.open(number).index == number - 1
    assert load_canaries(str(tmp_path / "none")) is None


def test_salts_and_draws_are_fresh() -> None:
    """With the system's randomness no salt or mark comes twice, and salts are 32 bytes."""
    passages = [*make_passages(9, salt=secrets.token_bytes, draw=secrets.randbelow),
                *make_passages(9, salt=secrets.token_bytes, draw=secrets.randbelow)]  # fmt: skip
    assert len({passage.mark.salt for passage in passages}) == len({one.mark.text for one in passages}) == 18
    assert {len(passage.mark.salt) for passage in passages} == {32}


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> bytes:
    """A file of two marks."""
    path = tmp_path_factory.mktemp("file") / "c"
    Canaries("log.example/x", None, tuple(made(2, 18))).save(str(path))
    return path.read_bytes()


@given(data=st.data())
def test_a_damaged_file_is_refused(data: st.DataObject, saved: bytes) -> None:
    """Any byte changed: InputError, or the same marks under the same root."""
    at = data.draw(st.integers(0, len(saved) - 1))
    changed = saved[:at] + data.draw(st.binary(max_size=2)) + saved[at + data.draw(st.integers(0, 2)) :]
    try:
        found = parse_canaries(changed)
    except InputError:
        return
    assert found.root == parse_canaries(saved).root


def test_other_values_in_the_file_are_refused() -> None:
    """Each field of another type, left out, or one more."""
    held = Canaries("log.example/x", None, tuple(made(1, 19)))
    value = {
        "format": "usance/canaries/v1", "log": held.log, "root": held.root.hex(), "asset": "model:a/b",
        "ref": f"7:{'0' * 64}", "marks": [
            {"salt": one.mark.salt.hex(), "mark": one.mark.text,
             "drawn": " ".join(f"{part.start}-{part.end}/{part.choices}" for part in one.drawn)} for one in
            held.passages],
    }  # fmt: skip
    assert parse_canaries(json.dumps(value).encode()).ref is not None
    for name in value:
        for other in (None, 1, "x", [], {}, [1], True):
            if name in ("log", "asset") and other == "x":
                continue
            with pytest.raises(InputError):
                parse_canaries(json.dumps({**value, name: other}).encode())
        if name not in ("asset", "ref"):
            with pytest.raises(InputError):
                parse_canaries(json.dumps({key: item for key, item in value.items() if key != name}).encode())
    for more in ({"other": 1}, {"request": "eA=="}, {"request": 1}):
        with pytest.raises(InputError):
            parse_canaries(json.dumps({**value, **more}).encode())


def test_two_programs_do_not_make_canaries_in_one_folder(tmp_path) -> None:
    """The second is told to wait; afterwards it may; a folder that isn't there is named."""
    other = held_folder(str(tmp_path / "d"))
    with held_folder(str(tmp_path / "c")), pytest.raises(FileError, match="another program"), other:
        pass
    with held_folder(str(tmp_path / "d")):
        pass
    with pytest.raises(FileError, match="can't open the folder"), held_folder(str(tmp_path / "no" / "c")):
        pass
