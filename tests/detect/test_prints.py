"""An item's prints: the same alone and beside others, a few places of each, without those of what was asked."""

import random
from hashlib import sha256

import numpy as np
import pytest

from node.detect import prints as prints_module
from node.detect.prints import OCCURRENCES_MAX, PART_CHARS_MAX, Item, Prints, count_chars, print_item, print_short
from node.detect.reading import Read, print_items, print_reads
from node.detect.remarks import PROMPT_CUT, TOO_MANY, Remarks
from node.detect.text import normalise
from node.detect.winnow import DEFAULT, Scheme, Winnower
from proofs.errors import InputError
from tests.detect.test_text import hostile
from tests.detect.test_winnow import defined


def item(text: str | None, name: str = "x") -> Item:
    """An item of that text."""
    return Item(name, sha256((text or "").encode("utf-8", "replace")).digest(), text)


def plain(text: str) -> list[tuple[int, int]]:
    """(hash, place) by the definition: of each hash the first places only."""
    kept: list[tuple[int, int]] = []
    times: dict[int, int] = {}
    for value, place in defined(normalise(text), DEFAULT):
        times[value] = times.get(value, 0) + 1
        if times[value] <= OCCURRENCES_MAX:
            kept.append((value, place))
    return kept


def pairs(prints: Prints) -> list[tuple[int, int]]:
    """(hash, place) of an item's prints."""
    return list(zip(prints.hashes.tolist(), prints.places.tolist(), strict=True))


def texts(seed: int, count: int) -> list[str]:
    """Hostile ones, repeating ones, short and long ones."""
    rng = random.Random(seed)
    found = []
    for string in hostile(seed, count):
        if rng.random() < 0.3:
            string = (string + " and so on and on") * rng.randint(2, 40)
        found.append(string[: rng.choice((5, 60, 5_000))])
    return found


def test_an_item_has_the_prints_of_its_normal_form() -> None:
    """By the definitions of form, prints and places kept; the length counts characters, not bytes."""
    for text in texts(7, 60):
        made = print_item(item(text), Winnower())
        assert pairs(made) == plain(text)
        assert made.length == len(normalise(text).decode())
        assert (made.hashes.dtype, made.places.dtype) == (np.uint64, np.uint32)


def test_many_at_once_are_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short items printed together, over several blocks, with one longer than a block and binaries between."""
    monkeypatch.setattr(prints_module, "BLOCK_BYTES", 4_000)
    items = [item(text, str(at)) for at, text in enumerate([*texts(8, 300), "", "ﷺ" * 4_000])]
    items.insert(5, item(None, "binary"))
    winnower = Winnower()
    alone = [print_item(one, winnower) for one in items]
    together = print_short(items, winnower)
    assert [(p.name, p.sha256, p.length, pairs(p)) for p in together] == [
        (p.name, p.sha256, p.length, pairs(p)) for p in alone
    ]
    reads = list(print_reads(map(Read, items), remarks=Remarks(), winnower=winnower))
    assert [(read.item, pairs(p)) for read, p in reads] == [(i, pairs(p)) for i, p in zip(items, alone, strict=True)]


def test_of_one_print_a_few_places_are_kept() -> None:
    """A megabyte of one line is a handful of prints, the first places of each."""
    made = print_item(item("The same line over and over again.\n" * 30_000), Winnower())
    assert len(made.distinct) < 30
    assert len(made) == OCCURRENCES_MAX * len(made.distinct)
    assert int(made.places[-1]) < 27 * (OCCURRENCES_MAX + 2)


def test_characters_are_counted_by_their_first_bytes() -> None:
    """ASCII or not."""
    for text in ("", "abc", "äöü", "日本語", "\U0001d518x"):
        assert count_chars(text.encode()) == len(text)


def test_an_item_with_too_many_prints_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name; those beside it are printed, and it is remarked."""
    monkeypatch.setattr(prints_module, "PRINTS_MAX", 10)
    rng = random.Random(1)
    long = "".join(rng.choice("abcdefgh") for _ in range(40_000))
    with pytest.raises(InputError, match="prints"):
        print_item(item(long), Winnower())
    remarks = Remarks()
    items = [item(long[:90], "before"), item(long, "long"), item(long[100:190], "after")]
    assert [p.name for p in print_items(map(Read, items), remarks=remarks)] == ["before", "after"]
    assert remarks.names[TOO_MANY] == ["long"]


def test_what_was_asked_does_not_count_in_the_answer() -> None:
    """An answer that repeats its question has no print with a gram of it, at its edges neither; the rest stays."""
    rng = random.Random(2)
    words = ["".join(rng.choice("abcdefghijkl") for _ in range(rng.randint(2, 9))) for _ in range(400)]
    question, own = " ".join(words[:200]), " ".join(words[200:])
    answer = f"{own} {question} {own[::-1]}"
    (whole,) = print_items([Read(item(answer))], remarks=Remarks())
    (left,) = print_items([Read(item(answer), question)], remarks=Remarks())
    asked = {value for value, _ in defined(normalise(question), Scheme(25, 1))}
    assert asked & set(whole.hashes.tolist())
    assert pairs(left) == [pair for pair in pairs(whole) if pair[0] not in asked]
    assert left.length == whole.length
    (same,) = print_items([Read(item(answer), "short")], remarks=Remarks())
    assert pairs(same) == pairs(whole)


def test_of_an_endless_question_the_beginning_counts() -> None:
    """A prompt longer than a part is cut, and that is said."""
    remarks = Remarks()
    list(
        print_items(
            [Read(item("an answer of some length, long enough", "a:1"), "q " * PART_CHARS_MAX)], remarks=remarks
        )
    )
    assert remarks.names == {PROMPT_CUT: ["a:1"]}
