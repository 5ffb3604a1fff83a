"""`usance detect PATH…`: what is found, how sure that is, what isn't looked at; for texts, print sets and indexes."""

import gzip
import json
import random
import sys
from fractions import Fraction
from hashlib import sha256
from io import BytesIO, TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.detect import finding, given, looking
from node.detect.calibration import default_table, encode_boilerplate
from node.detect.chances import Counted, decimal_text, expected_of
from node.detect.finding import Findings, read_findings
from node.detect.index import create_index
from node.detect.prints import Item, print_item
from node.detect.text import normalise
from node.detect.winnow import Winnower
from tests.node.clitool import Cli

SEED = 20261122
WORDS = ["river", "stone", "window", "letter", "market", "garden", "winter", "summer", "morning", "paper", "copper"]


def words(seed: object, count: int = 120) -> str:
    """Text that no other seed gives: about 1,000 letters and digits."""
    chance = random.Random(f"{SEED} {seed}")
    return " ".join(f"{chance.choice(WORDS)}{chance.randrange(100_000)}" for _ in range(count))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A user without a node, with two owners' texts and something that has a part of one."""
    for owner in ("ann", "bob"):
        (tmp_path / owner).mkdir()
        for number in range(3):
            (tmp_path / owner / f"{number}.txt").write_text(words((owner, number)))
    (tmp_path / "found").mkdir()
    taken = words(("ann", 1)).split()[20:60]
    (tmp_path / "found" / "mixed.txt").write_text(f"{words('x', 60)} {' '.join(taken)} {words('y', 60)}")
    (tmp_path / "found" / "own.txt").write_text(words("own"))
    (tmp_path / "found" / "short.txt").write_text("too short")
    return Cli(tmp_path)


def findings(cli: Cli, *args: object, code: int = 0) -> Findings:
    """What a command with -o writes, read back; --json prints the same."""
    done = cli("detect", *args, "-o", "out.json", "--json")
    assert done.code == code, done
    found = read_findings(str(cli.folder / "out.json"))
    assert found.value() == done.json()
    return found


def test_an_excerpt_is_found_with_its_passage(cli: Cli) -> None:
    """Its owner, where it stands, how much of either it is, the passage on both sides, and the measured rate."""
    found = findings(cli, "found", "--against", "ann", "bob")
    assert [(owner.owner, owner.items, owner.matches) for owner in found.owners] == [("ann", 1, 1)]
    (one,) = found.findings
    assert (one.item.name, one.source.name) == ("found/mixed.txt", "ann/1.txt")
    assert one.method.endswith("; documents; run")
    assert (one.rung, one.copy, one.policy, one.registered) == (3, False, None, None)
    assert 200_000 < one.of_item < one.of_source < 400_000
    taken = " ".join(words(("ann", 1)).split()[20:60])
    assert one.passages[0].item[1].endswith(taken)
    assert one.passages[0].source is not None
    assert one.passages[0].source[1] == one.passages[0].item[1]
    assert one.run <= len(taken)
    assert one.rate is not None
    assert one.rate.low <= one.length < (one.rate.high or 10**9)
    assert found.owners[0].characters == one.item.length * one.of_item // 1_000_000
    assert (found.against.what, found.against.owners, found.against.items) == ("paths", 2, 6)


def altered(text: str) -> str:
    """The text with letters changed that no print covers: it has the same prints."""
    winnower, letters = Winnower(), list(text)
    prints = print_item(Item("", bytes(32), text), winnower)
    for place in prints.places[:-1][np.diff(prints.places) == 26].tolist():
        for letter in "abcdefghijklmnopqrstuvwxyz":
            tried = [*letters[: place + 25], letter, *letters[place + 26 :]]
            same = print_item(Item("", bytes(32), "".join(tried)), winnower)
            if letter != text[place + 25] and same.places.tolist() == prints.places.tolist():
                letters = tried
                break
    return "".join(letters)


def test_a_run_is_what_is_the_same_letter_by_letter(cli: Cli) -> None:
    """A letter that no print covers ends it where both texts are at hand; by prints alone it is about so long, and only
    what they cover counts."""
    chance = random.Random(SEED)
    text = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=4_000))
    other = altered(text)
    differ = [-1, *(at for at in range(len(text)) if text[at] != other[at]), len(text)]
    assert len(differ) > 3
    (cli.folder / "ann" / "long.txt").write_text(text)
    (cli.folder / "found" / "long.txt").write_text(other)
    (cli.folder / "bob" / "same.txt").write_text(other.upper())
    (one,) = (one for one in findings(cli, "found/long.txt", "--against", "ann").findings)
    assert one.run == one.score == max(after - before - 1 for before, after in pairwise(differ))
    assert one.proves.startswith(f"rung 3 of 6, long verbatim match: {one.run:,} bytes of letters")
    assert findings(cli, "found/long.txt", "--against", "bob").findings[0].run == len(text)
    assert cli("detect", "prints", "ann", "-o", "ann.prints").code == 0
    found = findings(cli, "found/long.txt", "--against", "ann.prints")
    places = print_item(Item("", bytes(32), text), Winnower()).places.astype(int)
    assert found.findings[0].run == places[-1] + 25 - places[0] - np.count_nonzero(np.diff(places) == 26)
    assert f"match: about {found.findings[0].run:,} bytes" in found.findings[0].proves
    shown = cli.ok("detect", "found", "--against", "ann.prints").out
    assert f"longest run about {found.findings[0].run:,} bytes" in shown


def test_a_run_goes_through_what_counts_for_nothing(cli: Cli) -> None:
    """A licence within a copied text doesn't end the run, nor is it one where only the rest is shared; a copy's run is
    its whole form, however often its lines come again."""
    licence = words("licence", 60)
    kept = np.unique(print_item(Item("", bytes(32), licence), Winnower()).hashes)
    (cli.folder / "list").write_bytes(encode_boilerplate(kept))
    whole = f"{words('a', 60)} {licence} {words('b', 60)}"
    (cli.folder / "ann" / "whole.txt").write_text(whole)
    (cli.folder / "found" / "whole.txt").write_text("Different " + whole)
    parts = words("c", 300).split()
    broken = " ".join(f"{' '.join(parts[at : at + 10])} x{at}" for at in range(0, 300, 10))
    (cli.folder / "bob" / "parts.txt").write_text(f"{' '.join(parts)} {licence}")
    (cli.folder / "found" / "parts.txt").write_text(f"{licence} {broken}")
    (cli.folder / "bob" / "lines.txt").write_text(f"{words('line', 12)}\n" * 9)
    (cli.folder / "found" / "lines.txt").write_text(f"{words('line', 12)}\n" * 9)
    found = findings(cli, "found", "--against", "ann/whole.txt", "bob", "--boilerplate", "list")
    runs = {one.item.name: one.run for one in found.findings}
    assert runs["found/whole.txt"] == len(normalise(whole))
    assert runs["found/lines.txt"] == 9 * len(normalise(words("line", 12)))
    assert runs["found/parts.txt"] < len(normalise(licence)) / 2
    assert cli("detect", "prints", "bob", "-o", "bob.prints").code == 0
    by_prints = findings(cli, "found/lines.txt", "--against", "bob.prints").findings[0]
    assert (by_prints.copy, by_prints.run) == (True, runs["found/lines.txt"])


def test_what_was_looked_at_is_told(cli: Cli) -> None:
    """Items, those too short, pairs, and how many of them would match if all were unrelated: rate times pairs."""
    found = findings(cli, "found", "--against", "ann", "bob")
    looked = found.looked_at
    assert (looked.items, looked.too_short, looked.pairs, looked.matches) == (3, 1, 2 * 6, 1)
    rate = found.findings[0].rate
    assert rate is not None
    assert looked.expected_false_upper is not None
    assert float(looked.expected_false_upper) == pytest.approx(12 * rate.upper_ppm / 1e6, rel=0.02)
    text = cli.ok("detect", "found", "--against", "ann", "bob").out
    assert "1 too short to tell" in text
    assert f"if all were unrelated, about {looked.expected_false} would match" in text
    assert "common source" in text
    assert text.index("owner ") < text.index("0. found/mixed.txt")


def test_a_long_text_is_many_chances(cli: Cli) -> None:
    """The rate of a class is of pairs as long as were measured: a text that is so many times longer has as many
    chances, in the finding's rate and in what is expected of the whole run, whichever side it is on."""
    (cli.folder / "long").mkdir()
    (cli.folder / "long" / "book.txt").write_text(words("a", 2500) + words(("ann", 1)) + words("b", 2500))
    table = default_table()
    rates = [
        table.rate_for("documents", len(normalise((cli.folder / "ann" / f"{n}.txt").read_text()))) for n in range(3)
    ]
    for found in (findings(cli, "long", "--against", "ann"), findings(cli, "ann", "--against", "long")):
        (one,) = found.findings
        rate, book, plain = one.rate, max(one.item.length, one.source.length), table.rate_for("documents", one.length)
        assert rate is not None
        assert plain is not None
        assert rate.stretches == plain.stretches(book) == round(book / plain.longer) > 5
        assert (rate.ppm, rate.upper_ppm) == (plain.ppm * rate.stretches, plain.upper_ppm * rate.stretches)
        assert found.looked_at.pairs == 3
        expected = sum(own.upper_ppm * own.stretches(book) / 1e6 for own in rates if own is not None)
        assert float(found.looked_at.expected_false_upper or 0) == pytest.approx(expected, rel=0.02)
        shown = cli.ok("detect", "long", "--against", "ann").out
        assert f", {rate.stretches} times what was measured: the longer one is so long" in shown


def test_no_rate_is_given_for_scripts_that_were_not_measured(cli: Cli) -> None:
    """A text whose letters take two bytes or more has no measured rate, and nothing is expected of such pairs; it is
    found all the same."""
    letters = "абвгдежзиклмнопрст"
    russian = " ".join("".join(letters[int(digit)] for digit in str(n * 7919)) for n in range(300))
    (cli.folder / "ann" / "russian.txt").write_text(russian)
    (cli.folder / "found" / "russian.txt").write_text(russian[:1500])
    found = findings(cli, "found/russian.txt", "--against", "ann")
    (one,) = found.findings
    assert (one.rate, found.looked_at.expected_false) == (None, None)
    text = cli.ok("detect", "found/russian.txt", "--against", "ann").out
    assert "by chance not measured for texts of this length or script" in text


def test_prints_left_out_are_counted_as_such(cli: Cli) -> None:
    """Prints that a list names count for nothing: they are counted apart, and are no matches."""
    text = words(("ann", 1))
    prints = print_item(Item("a", bytes(32), text), Winnower())
    (cli.folder / "common.txt").write_bytes(encode_boilerplate(prints.distinct[:12]))
    plain = findings(cli, "found", "ann", "--against", "ann", "bob")
    known = findings(cli, "found", "ann", "--against", "ann", "bob", "--boilerplate", "common.txt")
    assert (plain.looked_at.boilerplate, known.looked_at.boilerplate >= 12) == (0, True)
    assert plain.looked_at.matches == known.looked_at.matches == sum(owner.matches for owner in known.owners)


def test_an_index_and_print_sets_give_the_same(cli: Cli) -> None:
    """The same finding in texts, in an index of them, and in their print sets, whichever side those are on."""
    with create_index(str(cli.folder / "press.index")) as index:
        for owner in ("ann", "bob"):
            texts = [(f"{owner}/{n}.txt", (cli.folder / owner / f"{n}.txt").read_text()) for n in range(3)]
            winnower = Winnower()
            index.add(owner, [(print_item(Item(name, bytes([n]) * 32, text), winnower), text)
                              for n, (name, text) in enumerate(texts)])  # fmt: skip
    for path in ("ann", "found"):
        assert cli("detect", "prints", path, "-o", f"{path}.prints").code == 0

    def figures(*args: object) -> list[Any]:
        one = findings(cli, *args)
        return [(f.run, (f.hits, f.of_item, f.of_source, f.rung)) for f in one.findings]

    ((exact, plain),) = figures("found", "--against", "ann", "bob")
    assert figures("found", "--against", "press.index") == [(exact, plain)]
    ((about, by_prints),) = figures("found", "--against", "ann.prints")
    assert by_prints == plain
    assert exact - 2 * 26 < about <= exact
    assert figures("found.prints", "--against", "ann", "bob") == [(about, plain)]
    by_index = findings(cli, "found", "--against", "press.index")
    assert (by_index.against.what, by_index.against.owners, by_index.against.items) == ("index", 2, 6)
    assert by_index.looked_at.pairs == 12
    assert by_index.findings[0].passages == findings(cli, "found", "--against", "ann", "bob").findings[0].passages
    one = findings(cli, "found", "--against", "ann.prints").findings[0]
    assert one.passages[0].source is None
    assert one.passages[0].item[1] in words(("ann", 1))
    assert findings(cli, "found.prints", "--against", "ann.prints").findings[0].passages == ()


def test_a_stream_is_looked_at(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's outputs come on standard input, a JSON object a line."""
    rows = [{"answer": words(("ann", 2))}, {"answer": words("new")}, {"answer": "no"}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data)))
    found = findings(cli, "-", "--column", "answer", "--against", "ann")
    assert [(one.item.name, one.copy) for one in found.findings] == [("-:1", True)]
    assert (found.looked_at.items, found.looked_at.too_short) == (3, 1)
    assert "byte for byte" in found.findings[0].proves


def rows(path: Path, pairs: list[tuple[str, str]]) -> None:
    """A packed file of prompts and answers."""
    lines = [json.dumps({"prompt": prompt, "answer": answer}) for prompt, answer in pairs]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def test_answers_are_compared_with_answers_to_the_same_prompt(cli: Cli) -> None:
    """Under `answers` what the prompt holds doesn't count, pairs are those of equal prompts, and half of the smaller
    one's prints must be in the other."""
    prompts = [words(("prompt", n), 90) for n in range(3)]
    same, other = words("same"), words("other")
    rows(cli.folder / "one.jsonl.gz", [(prompts[0], same), (prompts[1], words(1)), (prompts[2], prompts[2])])
    rows(cli.folder / "two.jsonl.gz", [(prompts[0], same), (prompts[1], words(2)), (prompts[2], prompts[2])])
    rows(cli.folder / "three.jsonl.gz", [(prompts[0], other), (prompts[1], same)])
    args = ("one.jsonl.gz", "--column", "answer", "--prompt", "prompt", "--against", "two.jsonl.gz", "three.jsonl.gz")
    found = findings(cli, *args)
    assert found.rule.name == "answers"
    assert [(one.owner, one.item.name) for one in found.findings] == [("two.jsonl.gz", "one.jsonl.gz:1")]
    assert found.looked_at.pairs == 3 + 2
    assert "alike by themselves" in found.findings[0].proves
    # As documents without prompts everything is compared with everything.
    found = findings(cli, *args[:3], *args[5:])
    assert {(one.owner, one.item.name) for one in found.findings} == {
        ("two.jsonl.gz", "one.jsonl.gz:1"), ("three.jsonl.gz", "one.jsonl.gz:1"), ("two.jsonl.gz", "one.jsonl.gz:3"),
    }  # fmt: skip


def test_an_unknown_prompt_is_compared(cli: Cli) -> None:
    """Answers beside texts, print sets, or the other way round: where nobody knows what one of them answers, the pair
    is compared and counted; only what is known to answer something else is not."""
    taken, other = words(("ann", 1)), words("other")
    rows(cli.folder / "one.jsonl.gz", [("p", taken), ("q", other)])
    rows(cli.folder / "two.jsonl.gz", [("q", taken)])
    assert cli("detect", "prints", "ann", "-o", "ann.prints").code == 0
    names = ("--column", "answer", "--prompt", "prompt", "--against")
    for args in (
        ("one.jsonl.gz", *names, "ann"), ("one.jsonl.gz", *names, "ann.prints"), ("ann", *names, "one.jsonl.gz"),
        ("ann.prints", *names, "one.jsonl.gz"),
    ):  # fmt: skip
        found = findings(cli, *args)
        assert len(found.findings) == 1, args
        assert found.looked_at.pairs == 2 * 3
    found = findings(cli, "one.jsonl.gz", *names, "ann", "two.jsonl.gz")
    assert [owner.owner for owner in found.owners] == ["ann"]
    assert found.looked_at.pairs == 2 * 3 + 1


def test_what_is_expected_bounds_pairs_of_unequal_lengths() -> None:
    """Within a class a pair counts as its longer one does: the sum over all pairs, which no maximum of sums is."""
    rate = next(one for one in default_table().rates if one.rule == "documents" and one.high is None)
    ours, theirs = [rate.low, 40 * rate.longer, 7 * rate.longer], [9 * rate.longer, rate.low, rate.low]
    counted = [Counted([rate]), Counted([rate])]
    for one, lengths in zip(counted, (ours, theirs), strict=True):
        for length in lengths:
            one.add(length)
    chances = sum(rate.stretches(max(one, other)) for one in ours for other in theirs)
    pairs, expected, upper = expected_of(*counted)
    assert pairs == 9
    assert upper == decimal_text(Fraction(chances * rate.upper_ppm, 1_000_000))
    assert expected == decimal_text(Fraction(chances * rate.false, rate.pairs))


def test_prompts_that_nobody_answered_take_no_memory(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stream with ever new prompts those are counted that sources answer; against an index, none by itself."""
    counted: list[Counted] = []
    expected = looking.Looker._looked_at

    def noted(self: looking.Looker, *args: Any) -> Any:
        counted.append(self._counted)
        return expected(self, *args)

    monkeypatch.setattr(looking.Looker, "_looked_at", noted)
    rows(cli.folder / "many.jsonl.gz", [(f"question {n}", words(("many", n))) for n in range(40)])
    rows(cli.folder / "few.jsonl.gz", [("question 3", words("few"))])
    args = ("many.jsonl.gz", "--column", "answer", "--prompt", "prompt", "--against")
    assert findings(cli, *args, "few.jsonl.gz").looked_at.pairs == 1
    create_index(str(cli.folder / "an.index")).close()
    assert findings(cli, *args, "an.index").looked_at.pairs == 0
    assert [len(one.by_prompt) for one in counted] == [1, 1]


def test_what_can_t_be_read_ends_with_3(cli: Cli) -> None:
    """The rest is looked at, and what is missing is named, in the file too."""
    data = gzip.compress(words(("ann", 0)).encode())
    (cli.folder / "found" / "cut.txt.gz").write_bytes(data[: len(data) // 2])
    done = cli("detect", "found", "--against", "ann", "-o", "out.json")
    assert done.code == 3
    assert "cut.txt.gz" in done.err
    assert "not everything was looked at" in done.err
    found = read_findings(str(cli.folder / "out.json"))
    assert any("damaged gzip" in remark.reason for remark in found.looked_at.remarks)
    assert len(found.findings) >= 1


def test_nothing_to_look_at_is_3(cli: Cli) -> None:
    """An empty folder, or a column that no row has, is no clean result."""
    (cli.folder / "empty").mkdir()
    assert cli("detect", "empty", "--against", "ann").code == 3
    rows(cli.folder / "one.jsonl.gz", [("p", words(1))])
    assert cli("detect", "one.jsonl.gz", "--column", "output", "--against", "ann").code == 3
    done = cli("detect", "one.jsonl.gz", "--column", "answer", "--prompt", "question", "--against", "ann")
    assert done.code == 3
    assert "prompt" in done.err


def test_files_that_are_no_text_are_found_by_their_hash(cli: Cli) -> None:
    """A binary file is compared byte for byte; what it proves says so."""
    data = bytes(range(256)) * 50
    (cli.folder / "ann" / "picture.bin").write_bytes(data)
    (cli.folder / "found" / "same.bin").write_bytes(data)
    (cli.folder / "found" / "other.bin").write_bytes(data[1:])
    found = findings(cli, "found", "--against", "ann")
    binary = [one for one in found.findings if one.method.endswith("sha-256")]
    assert [(one.item.name, one.source.name, one.copy, one.rate) for one in binary] == [
        ("found/same.bin", "ann/picture.bin", True, None)
    ]
    assert found.looked_at.not_text == 2


def test_what_two_owners_have_is_found_in_both(cli: Cli) -> None:
    """An owner's text isn't passed over because another has the same; given twice, an owner is one."""
    (cli.folder / "bob" / "same.txt").write_text(words(("ann", 1)))
    found = findings(cli, "found", "--against", "ann", "bob", "ann")
    assert [(owner.owner, owner.matches) for owner in found.owners] == [("ann", 1), ("bob", 1)]


def test_an_item_counts_once_however_many_sources_it_has(cli: Cli) -> None:
    """Of an owner's sources the one counts that has most of it: two copies aren't twice the characters."""
    text = (cli.folder / "found" / "mixed.txt").read_text()
    (cli.folder / "ann" / "copy.txt").write_text(text)
    found = findings(cli, "found", "--against", "ann")
    (owner,) = found.owners
    assert (owner.items, owner.matches) == (1, 2)
    assert owner.characters == found.findings[0].item.length


def test_fail_on_match(cli: Cli) -> None:
    """For a build that must not go on: 1 where something was found, 0 where nothing was."""
    assert cli("detect", "found", "--against", "ann", "--fail-on-match").code == 1
    assert cli("detect", "found", "--against", "bob", "--fail-on-match").code == 0
    assert cli("detect", "found", "--against", "ann").code == 0


def test_owners_come_by_matched_items_and_keep_their_best(cli: Cli) -> None:
    """The first is the first source; of each the longest runs are kept, the others counted."""
    for number in range(6):
        (cli.folder / "found" / f"b{number}.txt").write_text(words(("bob", 0), 60 + 8 * number))
    found = findings(cli, "found", "--against", "ann", "bob", "--most", "2")
    assert [(owner.owner, owner.items, owner.matches) for owner in found.owners] == [("bob", 6, 6), ("ann", 1, 1)]
    assert [one.item.name for one in found.findings if one.owner == "bob"] == ["found/b5.txt", "found/b4.txt"]
    assert [one.number for one in found.findings] == [0, 1, 2]
    assert found.owners[0].run == found.findings[0].run
    assert cli("detect", "found", "--against", "ann", "bob", "--most", "2", "--html", "f.html").code == 0
    assert "best 3 of 7" in (cli.folder / "f.html").read_text()


def test_all_together_are_bounded(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound every owner keeps its best one before anybody keeps a second."""
    monkeypatch.setattr(finding, "FINDINGS_MAX", 3)
    for number in range(8):
        (cli.folder / "found" / f"b{number}.txt").write_text(words(("bob", 0), 60 + 8 * number))
    found = findings(cli, "found", "--against", "ann", "bob")
    assert found.looked_at.matches == 9
    assert [one.item.name for one in found.findings] == ["found/b7.txt", "found/b6.txt", "found/mixed.txt"]
    assert [owner.matches for owner in found.owners] == [8, 1]


def test_batches_change_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at one by one or all at once, the findings are the same."""
    for number in range(6):
        (cli.folder / "found" / f"b{number}.txt").write_text(words(("bob", number % 3), 60 + 8 * number))
    whole = findings(cli, "found", "--against", "ann", "bob")
    for name in ("BATCH_ITEMS", "BATCH_PRINTS", "BATCH_CHARS"):
        with monkeypatch.context() as patch:
            patch.setattr(looking, name, 1)
            one_by_one = findings(cli, "found", "--against", "ann", "bob")
        assert one_by_one.findings == whole.findings
        assert one_by_one.owners == whole.owners


def test_too_much_for_memory_says_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """More sources than memory is for are refused, not taken in."""
    monkeypatch.setattr(looking, "MEMORY_PRINTS_MAX", 100)
    assert "usance detect index" in cli.fails(2, "detect", "found", "--against", "ann")


def test_many_small_items_are_too_much_for_memory(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item counts even where it has no prints: rows without end aren't taken in."""
    rows(cli.folder / "few.jsonl.gz", [("", f"no {n}") for n in range(40)])
    monkeypatch.setattr(looking, "MEMORY_PRINTS_MAX", 40 * looking.ITEM_PRINTS - 1)
    said = cli.fails(2, "detect", "found", "--against", "few.jsonl.gz", "--column", "answer")
    assert "usance detect index" in said


def test_a_copy_is_found_whatever_its_prints(cli: Cli) -> None:
    """One with hardly any different prints, and one of boilerplate alone; not twice what has enough of them, and not an
    answer that only says its prompt."""
    licence = words("licence")
    kept = np.unique(print_item(Item("", bytes(32), licence), Winnower()).hashes)
    (cli.folder / "list").write_bytes(encode_boilerplate(kept))
    for name, text in (("none", "a" * 1000), ("licence", licence), ("plain", words("plain"))):
        for folder in ("ann", "found"):
            (cli.folder / folder / f"{name}.txt").write_text(text)
    args = ("--against", "ann", "--boilerplate", "list")
    found = findings(cli, "found", *args)
    copies = sorted((one.item.name, one.run) for one in found.findings if one.copy)
    lengths = [("licence", len(normalise(licence))), ("none", 1000), ("plain", len(normalise(words("plain"))))]
    assert copies == [(f"found/{name}.txt", length) for name, length in lengths]
    with create_index(str(cli.folder / "an.index")) as index:
        winnower = Winnower()
        texts = [("none", "a" * 1000), ("licence", licence)]
        index.add("ann", [(print_item(Item(name, sha256(text.encode()).digest(), text), winnower), text)
                          for name, text in texts])  # fmt: skip
    found = findings(cli, "found", "--against", "an.index", "--boilerplate", "list")
    assert sorted(one.source.name for one in found.findings) == ["licence", "none"]


def test_print_sets_hold_files_that_are_no_text(cli: Cli) -> None:
    """They are compared byte for byte, whichever side they are on."""
    for folder in ("ann", "found"):
        (cli.folder / folder / "same.bin").write_bytes(bytes(range(256)) * 50)
        assert cli("detect", "prints", folder, "-o", f"{folder}.prints").code == 0
    for item, source in (("found.prints", "ann"), ("found", "ann.prints"), ("found.prints", "ann.prints")):
        found = findings(cli, item, "--against", source)
        assert [one.copy for one in found.findings if one.method.endswith("sha-256")] == [True]
        assert found.looked_at.not_text == 1


def test_a_print_set_named_twice_counts_once(cli: Cli) -> None:
    """Its items are repeated ones, as those of a text are."""
    assert cli("detect", "prints", "found", "-o", "found.prints").code == 0
    once = findings(cli, "found.prints", "--against", "ann")
    (cli.folder / "again.prints").write_bytes((cli.folder / "found.prints").read_bytes())
    twice = findings(cli, "found.prints", "again.prints", "--against", "ann")
    assert (twice.looked_at.items, twice.looked_at.matches) == (once.looked_at.items, once.looked_at.matches)
    assert twice.looked_at.repeated == once.looked_at.items


def test_outputs_never_replace_inputs(cli: Cli) -> None:
    """Neither what is looked at, nor what is looked for, nor a list; by whatever name."""
    (cli.folder / "link").symlink_to("ann/0.txt")
    before = (cli.folder / "ann" / "0.txt").read_bytes()
    for option in ("-o", "--html"):
        for args in (("ann/0.txt", "--against", "bob"), ("found", "--against", "ann/0.txt"),
                     ("found", "--against", "bob", "ann/0.txt", "--boilerplate", "ann/0.txt")):  # fmt: skip
            for output in ("./ann/0.txt", "link"):
                assert "is read, too" in cli.fails(2, "detect", *args, option, output)
    assert (cli.folder / "ann" / "0.txt").read_bytes() == before


def test_long_names_are_cut(cli: Cli) -> None:
    """What is looked for is named within bounds, alone or among others; the file is read back."""
    path = "/".join(["ann", *["x" * 200] * 7])
    (cli.folder / path).mkdir(parents=True)
    (cli.folder / path / "0.txt").write_text(words(("ann", 1)))
    found = findings(cli, "found", "--against", path)
    assert (len(found.against.name), found.against.name[-1]) == (given.NAMES_CHARS_MAX, "…")
    assert findings(cli, "found", "--against", path, "bob").against.name.endswith("… and 1 more")
    create_index(str(cli.folder / path / "an.index")).close()
    assert findings(cli, "found", "--against", f"{path}/an.index").against.name.endswith("…")


def test_a_pipe_or_device_that_is_named_ends_with_3(cli: Cli) -> None:
    """It was asked for, and nothing of it was looked at."""
    assert cli("detect", "found", "/dev/null", "--against", "ann").code == 3


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("found",), "nothing to look for"),
        (("nowhere", "--against", "ann"), "no file or folder nowhere"),
        (("found", "--against", "nowhere"), "no file or folder nowhere"),
        (("-", "--against", "-"), "twice"),
        (("found", "--against", "ann", "--prompt", "p"), "--column"),
        (("found", "--against", "ann", "--most", "0"), "--most"),
        (("found", "--against", "ann", "-o", "ann"), "a folder"),
        (("found", "--against", "ann", "-o", "x", "--html", "./x"), "same file"),
        (("found", "--against", "ann", "--calibration", "ann/0.txt"), "JSON"),
        (("found", "--against", "ann", "--node", "http://127.0.0.1:9"), "exclude each other"),
        (("found", "--node", "http://127.0.0.1:9"), "--log"),
        (("found", "--against", "bad.prints"), "bad.prints"),
        (("found", "--against", "ann", "--rule", "guess"), "invalid choice"),
    ],
)
def test_bad_usage_is_one_line(cli: Cli, args: tuple[str, ...], says: str) -> None:
    """Exit 2 before anything is written."""
    assert cli("detect", "prints", "ann", "-o", "bad.prints").code == 0
    path = cli.folder / "bad.prints"
    path.write_bytes(path.read_bytes()[:-3])
    assert says in cli.fails(2, "detect", *args)


def test_a_path_called_as_an_action_is_given_with_its_folder(cli: Cli) -> None:
    """`./prints` is a path, and `look` says the same as no action."""
    (cli.folder / "found").rename(cli.folder / "prints")
    found = findings(cli, "./prints", "--against", "ann")
    assert len(found.findings) == 1
    assert findings(cli, "look", "./prints", "--against", "ann").findings == found.findings
    assert findings(cli, "--against", "ann", "--most", "5", "./prints").findings == found.findings


def test_print_sets_are_known_by_their_beginning(cli: Cli) -> None:
    """Whatever a file is called; a text that speaks of them is a text."""
    assert cli("detect", "prints", "ann", "-o", "ann.txt").code == 0
    (cli.folder / "about.prints").write_text("x" * 100 + "usance/prints/v1")
    assert given.is_print_set(str(cli.folder / "ann.txt"))
    assert not given.is_print_set(str(cli.folder / "about.prints"))
    (cli.folder / "about.prints").write_text("usance/prints/v1 is how print sets begin")
    assert not given.is_print_set(str(cli.folder / "about.prints"))
    (cli.folder / "about.prints").write_text("\0\0\0\x11\xb0usance/prints/v1")
    assert not given.is_print_set(str(cli.folder / "about.prints"))
    assert not given.is_print_set(str(cli.folder / "ann"))


@pytest.mark.parametrize(
    ("top", "bottom", "text"),
    [(0, 7, "0"), (1, 3, "0.334"), (1, 10**9, "0.000000001"), (12_345, 1, "12400"), (5, 2, "2.5"),
     (10**14, 1, "1" + "0" * 14)],
)  # fmt: skip
def test_expected_numbers_are_plain_decimals_rounded_up(top: int, bottom: int, text: str) -> None:
    """Three digits that count, never less than it is."""
    assert decimal_text(Fraction(top, bottom)) == text
