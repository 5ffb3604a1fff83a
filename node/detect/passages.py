"""The stretches that two texts have word for word, side by side: what a person judges a finding by.

Prints tell where to look; from there a match goes on in both directions to the first character of normal form that
differs. Matches near each other make one passage. Everything is bounded: how many there are, and how much is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from node.detect.finding import PARTS_MAX, PASSAGE_CHARS_MAX, PASSAGES_MAX, Passage
from node.detect.normalform import is_start
from node.detect.text import Places, normalise_with_places
from node.detect.winnow import Hashes, Winnower

AROUND_CHARS = 120
"""Shown before and after."""
GAP_BYTES = 160
"""Matches nearer than this on both sides are one passage."""
SEEDS_MAX = 20_000
"""Shared prints that are looked at, of one pair."""
TRIES_MAX = 4
"""Places in the source at which one print of the item is tried."""
MATCHES_MAX = 64
"""The longest ones are kept, of one pair."""
STEP_BYTES = 64
WORD_CHARS = 40
"""Text is cut between words, where they are shorter than this."""
SHOWN_CHARS = PASSAGE_CHARS_MAX // 2
"""Of matched text and gaps in one passage; of longer matches the middle is left out."""
CUT = " […] "
MORE = "…"
_END_LOOK_CHARS = 64


@dataclass(frozen=True, slots=True)
class Match:
    """Equal bytes of two normal forms: where they begin in the item's and in the source's, and how many."""

    item: int
    source: int
    size: int


class Side:
    """A text with its normal form, and the way back."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.form, self.places = normalise_with_places(text)

    def span(self, start: int, size: int) -> tuple[int, int]:
        """Where in the text bytes of the normal form stand: indices of characters."""
        return int(self.places[start]), self._end(start + size - 1)

    def _end(self, last: int) -> int:
        place = int(self.places[last])
        after = int(np.searchsorted(self.places, place, "right"))
        end = int(self.places[after]) if after < len(self.places) else len(self.text)
        end = min(end, place + _END_LOOK_CHARS)
        # What is dropped at the end belongs to no match, but marks of the last character do.
        while end > place + 1 and is_start(self.text[end - 1]) and not self.text[end - 1].isalnum():
            end -= 1
        return end


def find_passages(item: Side, source: Side, winnower: Winnower) -> tuple[Passage, ...]:
    """What both have, the longest passages first, at most PASSAGES_MAX."""
    return show_passages(find_matches(item, source, winnower)[0], item, source)


def find_matches(item: Side, source: Side, winnower: Winnower) -> tuple[list[Match], Hashes]:
    """What both have letter for letter, as far as it goes, by its place in the item; and the source's prints,
    ascending."""
    prints = _prints(source.form, winnower)
    return list(_matches(item.form, source.form, prints, winnower)), np.sort(prints[0])


def longest_run(
    matches: Iterable[Match], item: Side, source: Side, *, places: Places, hit: tuple[int, int], gram: int
) -> int:
    """The longest of these matches that a print counts in, in bytes, or the one around `hit` (a place in either).

    Prints that count begin in the item at `places`, ascending: what is boilerplate throughout is no run."""
    around = _whole_characters(_extended(item.form, source.form, *hit, 0), item.form)
    longest = around.size if around.size >= gram else 0
    for match in matches:
        first = int(np.searchsorted(places, match.item))
        if first < len(places) and int(places[first]) + gram <= match.item + match.size:
            longest = max(longest, match.size)
    return longest


def show_passages(matches: Iterable[Match], item: Side, source: Side) -> tuple[Passage, ...]:
    """The longest of them with what stands around, at most PASSAGES_MAX."""
    longest = sorted(matches, key=lambda match: -match.size)[:MATCHES_MAX]
    groups = _joined(sorted(longest, key=lambda match: match.item))
    groups.sort(key=lambda group: -sum(match.size for match in group))
    return tuple(_passage(group, item, source) for group in groups[:PASSAGES_MAX])


def item_passage(item: Side, place: int, run: int) -> tuple[Passage, ...]:
    """Where only the source's prints are known: the item's side of the longest run, `run` bytes from `place` on."""
    size = min(run, len(item.form) - place)
    if size <= 0:
        return ()
    spans = [item.span(place, size)]
    return (Passage(_parts(item.text, spans), None, spans[0][1] - spans[0][0]),)


def _matches(item: bytes, source: bytes, prints: tuple[Hashes, Places], winnower: Winnower) -> Iterator[Match]:
    hashes, places = _prints(item, winnower)
    others, there = prints
    order = np.argsort(others, kind="stable")
    others, there = others[order], there[order]
    starts = np.searchsorted(others, hashes, "left")
    ends = np.minimum(np.searchsorted(others, hashes, "right"), starts + TRIES_MAX)
    shared = np.flatnonzero(ends > starts)[:SEEDS_MAX].tolist()
    done = shift = 0
    for at in shared:
        place = int(places[at])
        if place < done:
            continue
        tries = there[starts[at] : ends[at]].tolist()
        if 0 <= place - shift < len(source):
            tries.append(place - shift)  # on with what the last match was in
        best = max((_extended(item, source, place, other, done) for other in tries), key=lambda match: match.size)
        best = _whole_characters(best, item)
        if best.size >= winnower.scheme.gram:
            yield best
            done, shift = best.item + best.size, best.item - best.source


def _prints(form: bytes, winnower: Winnower) -> tuple[Hashes, Places]:
    parts = list(winnower.prints([form]))
    if not parts:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _extended(item: bytes, source: bytes, here: int, there: int, least: int) -> Match:
    """The match around two places, in the item from `least` on. Empty where they don't match at all."""
    ahead = _equal(lambda n: item[here : here + n] == source[there : there + n],
                   min(len(item) - here, len(source) - there))  # fmt: skip
    back = _equal(lambda n: item[here - n : here] == source[there - n : there], min(here - least, there))
    return Match(here - back, there - back, back + ahead)


def _equal(is_equal: Callable[[int], bool], most: int) -> int:
    """The largest n <= most for which `is_equal(n)`, which holds for all smaller ones too."""
    low, step = 0, STEP_BYTES
    while low < most and is_equal(min(low + step, most)):
        low = min(low + step, most)
        step *= 2
    high = min(low + step, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_equal(middle) else (low, middle - 1)
    return low


def _whole_characters(match: Match, form: bytes) -> Match:
    """Without the parts of characters at its ends."""
    start, end = match.item, match.item + match.size
    while start < end and form[start] & 0xC0 == 0x80:
        start += 1
    while start < end < len(form) and form[end] & 0xC0 == 0x80:
        end -= 1
    return Match(start, match.source + start - match.item, end - start)


def _joined(matches: Sequence[Match]) -> list[list[Match]]:
    """Ascending matches in groups of neighbours, each in the same order on both sides."""
    groups: list[list[Match]] = []
    for match in matches:
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and match.item - last.item - last.size <= GAP_BYTES
            and 0 <= match.source - last.source - last.size <= GAP_BYTES
            and len(groups[-1]) < PARTS_MAX // 2 - 1
        ):
            groups[-1].append(match)
        else:
            groups.append([match])
    return groups


def _passage(group: Sequence[Match], item: Side, source: Side) -> Passage:
    here = [item.span(match.item, match.size) for match in group]
    there = [source.span(match.source, match.size) for match in group]
    return Passage(_parts(item.text, here), _parts(source.text, there), sum(end - start for start, end in here))


def _parts(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """What stands around and in the spans, by turns; cut to a bounded length."""
    start, end = spans[0][0], spans[-1][1]
    parts = [_before(text, start)]
    done, left = start, SHOWN_CHARS
    for number, (begin, stop) in enumerate(spans):
        begin = max(begin, done)
        if number:
            parts.append(_shortened(text, done, begin, left))
            left -= len(parts[-1])
        parts.append(_shortened(text, begin, max(stop, begin), max(left, AROUND_CHARS)))
        left -= len(parts[-1])
        done = max(stop, begin)
        if left < AROUND_CHARS and number < len(spans) - 1:
            return (*parts, MORE)
    return (*parts, _after(text, end))


def _shortened(text: str, start: int, end: int, chars_max: int) -> str:
    """A stretch without its middle, where it is longer than `chars_max`."""
    if end - start <= chars_max:
        return text[start:end]
    kept = max(chars_max - len(CUT), 2) // 2
    head, space, tail = text[start : start + kept].rpartition(" ")
    head = head if space and len(tail) < WORD_CHARS else text[start : start + kept]
    word, space, tail = text[end - kept : end].partition(" ")
    tail = tail if space and len(word) < WORD_CHARS else text[end - kept : end]
    return head + CUT + tail


def _before(text: str, start: int) -> str:
    around = text[max(0, start - AROUND_CHARS) : start]
    if start <= AROUND_CHARS:
        return around
    head, space, rest = around.partition(" ")
    return MORE + (rest if space and len(head) < WORD_CHARS else around)


def _after(text: str, end: int) -> str:
    around = text[end : end + AROUND_CHARS]
    if end + AROUND_CHARS >= len(text):
        return around
    rest, space, tail = around.rpartition(" ")
    return (rest if space and len(tail) < WORD_CHARS else around) + MORE
