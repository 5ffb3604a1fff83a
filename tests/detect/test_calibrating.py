"""Measuring rates: which pairs count, in which class, and that nothing helps which an index wouldn't have."""

import math
import random
from collections import Counter
from itertools import combinations

import pytest

from node.detect import calibrating
from node.detect.calibrating import (
    LONG_ITEMS_MIN,
    SPLITS,
    Entry,
    Material,
    count_pairs,
    cut_pieces,
    measure_answers,
    measure_documents,
    shared_answers,
    shared_by,
)
from node.detect.calibration import LENGTHS
from node.detect.matching import ANSWERS, DOCUMENTS
from node.detect.prints import NO_HASHES, Item, print_item
from node.detect.text import normalise
from node.detect.winnow import Winnower
from proofs.errors import InputError

WINNOWER = Winnower()


def words(seed: object, chars: int) -> str:
    """Letters and digits that no other seed gives."""
    chance = random.Random(f"calibrating {seed}")
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(chars))


def material(*items: tuple[str, str] | tuple[str, str, str]) -> Material:
    """Of (owner, text) or (owner, text, prompt)."""
    made = Material()
    for number, (owner, text, *prompt) in enumerate(items):
        form = normalise(text).decode()
        made.add(owner, form, print_item(Item(f"{owner}:{number}", b"", text), WINNOWER), *prompt)
    return made


def documents(made: Material, *, owners_min: int | None = None, seed: int = 1) -> calibrating.Measured:
    """All documents compared."""
    return measure_documents(
        made, DOCUMENTS, known=NO_HASHES, owners_min=owners_min, seed=seed, worst_max=5, show=lambda done, total: None
    )


def by_class(measured: calibrating.Measured) -> dict[int, tuple[int, int]]:
    """Of each class that has pairs: pairs, false."""
    return {rate.low: (rate.pairs, rate.false) for rate in measured.rates}


def test_each_pair_of_owners_counts_once_in_every_class_that_both_reach() -> None:
    """Three owners, one with two texts: five pairs of different owners; short classes are measured on pieces of the
    long, long ones on joined texts; what is too short to tell isn't counted."""
    made = material(("a", words(1, 1_500)), ("a", words(2, 1_500)), ("b", words(3, 600)), ("c", words(4, 2_500)),
                    ("c", words(5, 399)))  # fmt: skip
    measured = documents(made)
    assert by_class(measured) == {400: (5, 0), 1_000: (2, 0), 2_000: (1, 0)}
    assert measured.joined == [2_000]


def test_what_matches_is_false_and_shown() -> None:
    """Two owners with the same long passage: it is counted once in each class, and said where it is."""
    shared = words("shared", 900)
    made = material(("a", words(1, 50) + shared), ("b", shared + words(2, 50)), ("c", words(3, 950)))
    measured = documents(made)
    assert by_class(measured) == {400: (3, 1)}
    (worst,) = measured.worst
    assert {worst.one, worst.other} == {"a:0", "b:1"}
    assert worst.run > 800
    assert worst.excerpt in shared
    assert len(worst.excerpt) == calibrating.EXCERPT_BYTES


def test_texts_of_one_owner_are_not_unrelated() -> None:
    """What one owner repeats says nothing of others."""
    shared = words("shared", 900)
    assert by_class(documents(material(("a", shared + "x"), ("a", shared), ("b", words(1, 900))))) == {400: (2, 0)}


def test_no_print_is_left_out_for_being_in_many_of_the_material() -> None:
    """A passage that twenty owners have is crowded in an index of them, but a small index wouldn't know it."""
    shared = words("shared", 300)
    made = material(*((str(owner), words(owner, 300) + shared) for owner in range(20)))
    assert by_class(documents(made))[400] == (190, 190)


def test_what_the_other_half_shares_is_left_out_and_what_only_ones_own_half_shares_is_not() -> None:
    """Boilerplate of forty owners is known to either half from the other, so no pair matches; a passage that two have
    stays a false match, in the one split that counts the pair."""
    shared, rare = words("shared", 300), words("rare", 300)
    items = [(str(owner), words(owner, 300) + shared) for owner in range(40)]
    items += [("x", words("x", 300) + rare), ("y", words("y", 300) + rare)]
    hits = set()
    for seed in range(6):
        pairs, false = by_class(documents(material(*items), owners_min=2, seed=seed))[400]
        assert pairs < math.comb(42, 2)
        hits.add(false)
    assert hits <= {0, 1}
    assert 1 in hits


def test_halves_count_each_pair_once() -> None:
    """Pairs that agree in a split are counted, once; those that never do are not: as counted one by one."""
    chance = random.Random(5)
    entries = [Entry(chance.randrange(30), "", print_item(Item("", b"", ""), WINNOWER)) for _ in range(60)]
    codes = [chance.getrandbits(SPLITS) for _ in range(30)]
    slow = Counter(
        sum(calibrating._is_first(codes[one.owner], codes[other.owner], split) for split in range(SPLITS))
        for one, other in combinations(entries, 2)
        if one.owner != other.owner
    )
    assert set(slow) <= {0, 1}
    assert slow[1] == count_pairs(entries, codes)
    never = sum(
        codes[one.owner] ^ codes[other.owner] == 2**SPLITS - 1
        for one, other in combinations(entries, 2)
        if one.owner != other.owner
    )
    assert slow[0] == never


@pytest.mark.parametrize("low", LENGTHS)
def test_pieces_are_of_the_class_and_of_their_text(low: int) -> None:
    """A piece is in the class and stands in its text; what is in the class anyway stays whole."""
    high = next((other for other in LENGTHS if other > low), 120_000)
    inside, longer = material(("a", words(1, high - 1)), ("a", words(2, high + 1))).entries
    chance = random.Random(low)
    assert next(cut_pieces([inside], low, chance)) is inside
    for piece in [next(cut_pieces([longer], low, chance)) for _ in range(5)]:
        assert piece.form in longer.form
        if low == LENGTHS[-1]:
            assert piece is longer
        else:
            assert low <= piece.prints.length == len(piece.form) < high


def test_where_few_are_long_items_of_several_owners_are_joined() -> None:
    """Classes that no text reaches are measured on joined ones, of disjoint owners; where enough are long, not."""
    made = material(*((str(owner), words(owner, 1_100)) for owner in range(LONG_ITEMS_MIN)))
    measured = documents(made)
    assert measured.joined == [2_000, 10_000, 50_000]
    assert by_class(measured) == {
        400: (4_950, 0), 1_000: (4_950, 0), 2_000: (math.comb(50, 2), 0), 10_000: (math.comb(10, 2), 0), 50_000: (1, 0),
    }  # fmt: skip


def test_the_same_seed_measures_the_same() -> None:
    """A measurement can be repeated from its seed, and another seed cuts other pieces."""
    shared = words("shared", 300)
    made = material(*((str(owner), words(owner, 2_000) + shared) for owner in range(30)))
    first, again, other = (documents(made, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.rates != other.rates


def test_answers_are_compared_where_the_prompt_is_the_same() -> None:
    """By the shorter's class; one owner's two answers aren't a pair; other prompts don't count, even where equal."""
    shared = words("shared", 500)
    made = material(
        ("a", shared, "p"), ("b", shared + words(1, 700), "p"), ("c", words(2, 1_200), "p"), ("c", words(3, 450), "p"),
        ("a", words(4, 399), "p"), ("a", words(5, 500), "q"), ("b", shared, "q"), ("c", words(6, 500)),
    )  # fmt: skip
    measured = measure_answers(made, ANSWERS, known=NO_HASHES, worst_max=5, show=lambda done, total: None)
    # p: a-b, a-c, a-c2, b-c2 by 400 to 1,000; b-c by 1,000. q: a-b.
    assert by_class(measured) == {400: (5, 1), 1_000: (1, 0)}
    assert [{worst.one, worst.other} for worst in measured.worst] == [{"a:0", "b:1"}]


def test_what_is_shared_is_counted_by_owners() -> None:
    """A print that one owner repeats is no boilerplate; of answers only those to one prompt count together."""
    phrase = words("phrase", 60)
    own = print_item(Item("", b"", phrase), WINNOWER).distinct
    repeated = material(*(("a", phrase + words(n, 500)) for n in range(5)), ("b", phrase + words("b", 500)))
    assert len(shared_by(repeated.entries, 3)) == 0
    assert set(own.tolist()) & set(shared_by(repeated.entries, 2).tolist())
    asked = material(*((owner, phrase + words(owner, 500), prompt) for owner, prompt in ("ap", "bp", "cq", "dp")))
    assert len(shared_answers(asked.entries, 4)) == 0
    assert set(shared_answers(asked.entries, 3).tolist()) == set(shared_by(asked.entries, 4).tolist())
    assert len(shared_answers(asked.entries, 3)) > 0


def test_material_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than memory is meant to hold is refused, by characters and by items."""
    monkeypatch.setattr(calibrating, "CHARS_MAX", 100)
    with pytest.raises(InputError, match="more material"):
        material(("a", "x" * 101))
    monkeypatch.setattr(calibrating, "ITEMS_MAX", 1)
    with pytest.raises(InputError, match="more material"):
        material(("a", "x"), ("b", "x"))
