"""Passages: exactly what two texts share, as far as it goes, shown bounded and at its place in either text."""

import random
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect.finding import PARTS_MAX, PASSAGE_CHARS_MAX, PASSAGES_MAX, Passage
from node.detect.normalform import normalise_slowly
from node.detect.passages import AROUND_CHARS, CUT, MORE, Side, find_passages, item_passage
from node.detect.text import normalise, normalise_with_places
from node.detect.winnow import Winnower

SEED = 20261122
WORDS = ["river", "stone", "window", "letter", "market", "garden", "winter", "summer", "morning", "paper", "copper"]
WINNOWER = Winnower()


def words(seed: object, count: int) -> str:
    """Text that no other seed gives."""
    chance = random.Random(f"{SEED} {seed}")
    return " ".join(f"{chance.choice(WORDS)}{chance.randrange(100_000)}" for _ in range(count))


def shared(item: str, source: str) -> list[tuple[str, str]]:
    """The marked text of both sides, passage by passage."""
    found = find_passages(Side(item), Side(source), WINNOWER)
    return [("|".join(one.item[1::2]), "|".join((one.source or ())[1::2])) for one in found]


def check(passage: Passage) -> None:
    """What holds of every passage."""
    for side in filter(None, (passage.item, passage.source)):
        assert len(side) % 2
        assert len(side) <= PARTS_MAX
        assert sum(map(len, side)) <= PASSAGE_CHARS_MAX


def test_a_match_goes_as_far_as_the_texts_agree() -> None:
    """To the first letter that differs, both ways; case, spaces and punctuation are no difference."""
    same = words("same", 20)
    item = f"{words(1, 30)} X, {same}! Y {words(2, 30)}"
    source = f"{words(3, 12)} Z {same.upper().replace(' ', ' -- ')}. Q {words(4, 9)}"
    assert shared(item, source) == [(same, same.upper().replace(" ", " -- "))]
    found = find_passages(Side(item), Side(source), WINNOWER)
    assert found[0].characters == len(same)
    assert found[0].item[0].endswith(" X, ")
    assert found[0].item[2].startswith("! Y ")
    assert found[0].source is not None
    assert found[0].source[0].endswith(" Z ")


def test_nothing_shared_is_no_passage() -> None:
    """Nor is what is shorter than a gram."""
    assert shared(words(1, 50), words(2, 50)) == []
    assert shared("", words(2, 50)) == []
    assert shared("the same few words", "the same few words") == []


@given(st.integers(0, 10**6), st.integers(26, 400), st.sampled_from(["a", "é", "я", "語", "ᄀ", "\U0001f3a8x"]))
def test_marked_text_is_the_same_in_normal_form(seed: int, size: int, extra: str) -> None:
    """Whatever is marked on both sides has one normal form, which stands in both texts."""
    same = (words(seed, size // 10 + 5) + extra)[: size + 60]
    item, source = words(("i", seed), 20) + " " + same, same + " " + words(("s", seed), 20)
    for one, other in shared(item, source):
        assert normalise(one) == normalise(other)
        assert len(normalise(one)) >= 25
        assert one in item
        assert other in source
    assert shared(item, source)


@pytest.mark.parametrize(
    "sentence",
    [
        "هذه جملة عربية طويلة بما يكفي لتكون بصمة واحدة على الأقل في النصين معا وهي مكتوبة من اليمين إلى اليسار",
        "זהו משפט עברי ארוך מספיק כדי שתהיה בו לפחות טביעת אצבע אחת בשני הטקסטים, והוא נכתב מימין לשמאל",
        "हिन्दी में एक लंबा वाक्य जो बहुत सारे चिह्नों से भरा है और दोनों पाठों में मिलता है",
        "これは両方の文章に含まれる十分に長い日本語の文であり、少なくとも一つの指紋を持つはずです。漢字と仮名が混ざっています",
        unicodedata.normalize("NFD", "Über längere Sätze hinweg müssen größere Blöcke übereinstimmen, fände ich schön"),
    ],
)
def test_other_scripts_are_marked_at_their_places(sentence: str) -> None:
    """Right to left, full of marks, without spaces, decomposed: the marked text is the sentence, to the character."""
    inner = sentence.rstrip(".。")
    found = shared(f"{words(1, 9)} x « {sentence} » y {words(2, 9)}", f"{words(3, 5)} p ({sentence}) q {words(4, 5)}")
    assert found == [(inner, inner)]


@given(st.text(st.sampled_from("aé\u0301\u0301 ᄀ\u1161\u11a8कि\u0937\u094dﬁＡİß.\u200d"), max_size=60))
def test_every_byte_has_the_place_of_its_character(text: str) -> None:
    """The normal form with places is the definition's; places ascend, and what is cut out at them has the form's
    bytes, cluster by cluster."""
    form, places = normalise_with_places(text)
    assert form == normalise_slowly(text).encode()
    assert places.tolist() == sorted(places.tolist())
    cuts = [*sorted(set(places.tolist())), len(text)]
    for begin, end in pairwise(cuts):
        piece = bytes(byte for byte, place in zip(form, places.tolist(), strict=True) if place == begin)
        assert piece == normalise_slowly(text[begin:end]).encode()


def test_neighbours_are_one_passage() -> None:
    """A changed word makes a gap in a passage; a changed page makes two, the longer first."""
    one, two, three = words("one", 12), words("two", 14), words("three", 40)
    item = f"{one} changed, {two} {words('far', 60)} {three}"
    source = f"{one} otherwise, {two} {words('off', 60)} {three}"
    found = find_passages(Side(item), Side(source), WINNOWER)
    assert [one.item[1::2] for one in found] == [(three,), (one, two)]
    assert found[1].item[2].strip(" ,") == "changed"


def test_order_matters_for_neighbours() -> None:
    """What stands the other way round in the source is no one passage."""
    one, two = words("one", 12), words("two", 14)
    assert shared(f"{one}. {two}", f"{two}. {one}") == [(two, two), (one, one)]


def test_the_best_of_several_places_is_shown() -> None:
    """Of a sentence that stands in the source three times, the place is shown where more around it is the same."""
    heading, body = words("heading", 6), words("body", 20)
    source = f"{heading}. {words(1, 20)} {heading}. {body} {words(2, 20)} {heading}."
    assert shared(f"{heading}. {body}", source)[0] == (f"{heading}. {body}",) * 2


def test_what_is_shown_is_bounded() -> None:
    """Of a long match the middle is left out, of many passages the shorter ones; `characters` counts all."""
    text = words("long", 9_000)
    found = find_passages(Side(text), Side(text), WINNOWER)
    assert len(found) == 1
    check(found[0])
    assert CUT in found[0].item[1]
    assert found[0].characters == len(text)
    many = [words(number, 6) for number in range(200)]
    item = " ".join(f"{one} {words(('i', at), 40)}" for at, one in enumerate(many))
    source = " ".join(f"{one} {words(('s', at), 40)}" for at, one in enumerate(many))
    found = find_passages(Side(item), Side(source), WINNOWER)
    assert len(found) == PASSAGES_MAX
    for one in found:
        check(one)
        assert len(one.item[0]) <= AROUND_CHARS + len(MORE)


def test_a_text_full_of_changes_stays_bounded() -> None:
    """Hundreds of gaps in one stretch: so many parts as may be, no more."""
    kept = [words(number, 4) for number in range(300)]
    found = find_passages(Side(" a ".join(kept)), Side(" b ".join(kept)), WINNOWER)
    assert found
    for one in found:
        check(one)


@pytest.mark.timeout(20)
def test_repetition_and_size_take_no_time() -> None:
    """A million equal letters, and two texts of a million characters in another script, are looked at in seconds."""
    for text in ("a" * 1_000_000, "नमस्ते दुनिया " * 70_000):
        found = find_passages(Side(text), Side(text[7:]), WINNOWER)
        assert found
        for one in found:
            check(one)


def test_where_only_prints_are_known_the_item_is_shown_alone() -> None:
    """The run's place, and nothing of the source."""
    text = f"{words(1, 10)} {words('run', 10)} {words(2, 10)}"
    start = len(normalise(words(1, 10)))
    (passage,) = item_passage(Side(text), start, len(normalise(words("run", 10))))
    assert passage.item[1] == words("run", 10)
    assert passage.source is None
    assert item_passage(Side("short"), 90, 10) == ()
