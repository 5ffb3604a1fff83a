"""The review list: what is merged and kept, what is refused, and what of two meters' differences goes into it."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.detect import review
from node.detect.review import (
    BULK,
    ENTRIES_MAX,
    GROUP,
    METERS,
    Entry,
    ReviewList,
    add_to_file,
    merge,
    meter_entries,
    read_list,
)
from node.errors import FileError
from node.ownfiles import held_folder
from proofs.errors import InputError
from tests.node.agents.test_reconcile import HOST, LAB, MODEL, Book, ref_of

LOG = "log.example"
REF = str(ref_of(1))
PARTY = "ab" * 32


def entry(**given: Any) -> Entry:
    """A finding about a user."""
    usual = {"what": BULK, "asset": REF, "says": "took much", "party": PARTY, "since": 1, "until": 2,
             "figures": {"breadth": 5, "units": {"token": "9"}, "none": None}, "records": (REF,)}  # fmt: skip
    return Entry(**{**usual, **given})


def test_an_id_is_what_a_finding_is_about() -> None:
    """Words, figures, times, records and notes may change; log, party, user, asset, members and the rest may not."""
    first = entry()
    same = [entry(says="x"), entry(figures={}), entry(since=None), entry(records=()), entry(note="n", state="s")]
    assert {one.id_on(LOG) for one in same} == {first.id_on(LOG)}
    others = [entry(what=GROUP), entry(party="cd" * 32), entry(user="00" * 32), entry(asset="pkg:a/b"),
              entry(about={"since": "1"}), entry(members=(PARTY,))]  # fmt: skip
    assert len({one.id_on(LOG) for one in [*others, first]} | {first.id_on("other.log")}) == len(others) + 2


ENTRIES = st.builds(
    entry, party=st.sampled_from(["ab" * 32, "cd" * 32]), user=st.sampled_from([None, "00" * 32]),
    what=st.sampled_from([BULK, GROUP, METERS]), about=st.sampled_from([{}, {"how": "x"}]),
    says=st.sampled_from(["one", "two"]),
)  # fmt: skip


@given(st.lists(st.lists(ENTRIES, max_size=6), max_size=4), st.randoms(use_true_random=False))
def test_merging_is_deterministic(runs: list[list[Entry]], shuffle: Any) -> None:
    """Each finding stands once, whatever was found before; adding it again changes nothing; order doesn't matter."""
    merged: ReviewList | None = None
    for number, found in enumerate(runs):
        merged = merge(merged, found, log=LOG, size=number, made=number)
    once = {one.id_on(LOG): one for found in runs for one in found}
    listed = merged.entries if merged else ()
    assert {one.id_on(LOG): one for one in listed} == once
    assert len(listed) == len(once)
    mixed = list(once.values())
    shuffle.shuffle(mixed)
    assert merge(None, mixed, log=LOG, size=0, made=0).entries == listed
    if merged is not None:
        assert merge(merged, mixed, log=LOG, size=0, made=99) is merged


def test_what_a_person_wrote_stays(tmp_path: Path) -> None:
    """State and note of an entry survive newer words and figures, and an entry that isn't found again stays."""
    path = str(tmp_path / "review.json")
    assert add_to_file(path, [entry(), entry(user="00" * 32)], log=LOG, size=5, made=7).new == 2
    value = json.loads(Path(path).read_text())
    assert (value["format"], value["log"], value["size"], value["made"]) == ("usance/review/v1", LOG, 5, 7)
    value["entries"][0].update(state="cleared", note="a mirror")
    name = value["entries"][0]["id"]
    Path(path).write_text(json.dumps(value))
    done = add_to_file(
        path, [entry(says="took more"), entry(user="00" * 32, says="took more")], log=LOG, size=9, made=8
    )
    assert (done.entries, done.new) == (2, 0)
    rows = {row["id"]: row for row in json.loads(Path(path).read_text())["entries"]}
    assert (rows[name]["state"], rows[name]["note"], rows[name]["says"]) == ("cleared", "a mirror", "took more")
    assert add_to_file(path, [], log=LOG, size=3, made=9).entries == 2
    assert read_list(path).size == 9
    with pytest.raises(InputError, match="another log"):
        add_to_file(path, [], log="other.log", size=3, made=9)


@given(st.lists(ENTRIES, max_size=5))
def test_what_is_written_reads_back(found: list[Entry]) -> None:
    """Entry for entry."""
    made = merge(None, found, log=LOG, size=1, made=2)
    place = review._Place("list", "")
    assert tuple(review._entry(row, place, LOG) for row in made.value()["entries"]) == made.entries


def changed(**fields: Any) -> dict[str, Any]:
    """A list with its one entry changed."""
    value = merge(None, [entry()], log=LOG, size=1, made=2).value()
    value["entries"][0].update(fields)
    return value


def deep(levels: int) -> Any:
    """A map in a map."""
    return {} if not levels else {"a": deep(levels - 1)}


BAD: list[tuple[str, Any]] = [
    ("no object", []), ("no list", {"format": "usance/review/v1"}), ("entries", {**changed(), "entries": {}}),
    ("format", {**changed(), "format": "usance/review/v2"}), ("members", {**changed(), "more": 1}),
    ("size", {**changed(), "size": -1}), ("made", {**changed(), "made": "now"}), ("log", {**changed(), "log": 5}),
    ("twice", {**changed(), "entries": changed()["entries"] * 2}), ("what", changed(what="infringement")),
    ("level", changed(level="infringement")), ("party", changed(party="AB" * 32)), ("user", changed(user="00")),
    ("records", changed(records=["1:xy"])), ("records", changed(records="1")), ("says", changed(says=5)),
    ("says", changed(says="x" * 5000)), ("from", changed(**{"from": 2**63})), ("note", changed(note=["x"])),
    ("figure", changed(figures={"a": 0.5})), ("figures", changed(figures=[])), ("id", changed(id="00" * 16)),
    ("id", changed(party="cd" * 32)), ("about", changed(about={"a": 5})), ("deep", changed(figures=deep(40))),
    ("fields", changed(verdict="guilty")), ("members", changed(members=["x"] * 501)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "value"), BAD, ids=[f"{number} {what}" for number, (what, _) in enumerate(BAD)])
def test_what_is_no_list_is_refused(what: str, value: Any, tmp_path: Path) -> None:
    """With the file's name and where; it is left as it is."""
    path = tmp_path / "review.json"
    path.write_text(json.dumps(value))
    before = path.read_bytes()
    with pytest.raises(FileError, match=r"review\.json"):
        add_to_file(str(path), [entry()], log=LOG, size=1, made=1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe{}", b'{"format": NaN}', b"[" * 5000, b'{"a":1,"a":2}'])
def test_broken_files_are_refused(data: bytes, tmp_path: Path) -> None:
    """Cut, in another encoding, no numbers, too deep, a name twice."""
    path = tmp_path / "review.json"
    path.write_bytes(data)
    with pytest.raises(FileError):
        read_list(str(path))
    with pytest.raises(FileError):
        read_list(str(tmp_path))


def test_a_list_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One more than it may have is refused, when it is written and when it is read."""
    found = [entry(user=f"{number:064x}") for number in range(4)]
    path = str(tmp_path / "review.json")
    add_to_file(path, found, log=LOG, size=1, made=1)
    monkeypatch.setattr(review, "ENTRIES_MAX", 3)
    with pytest.raises(InputError, match="would have 4 entries"):
        merge(None, found, log=LOG, size=1, made=1)
    with pytest.raises(FileError, match="entries"):
        read_list(path)
    assert ENTRIES_MAX == 20_000


def test_commands_that_add_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    """Three, each with entries of its own: all are in the list, and no temporary file stays."""
    path = str(tmp_path / "review.json")

    def add(who: int) -> None:
        for number in range(8):
            add_to_file(path, [entry(user=f"{who * 100 + number:064x}")], log=LOG, size=1, made=1)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, range(3)))
    assert len(read_list(path).entries) == 24
    assert os.listdir(tmp_path) == ["review.json"]


def test_a_list_that_is_held_for_too_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written, and the folder is named."""
    monkeypatch.setattr(review, "WAIT_S", 0.05)
    path = str(tmp_path / "review.json")
    with (
        held_folder(path, doing="something", field="FILE"),
        pytest.raises(FileError, match="another program is adding to a review list"),
    ):
        add_to_file(path, [entry()], log=LOG, size=1, made=1)
    assert os.listdir(tmp_path) == []


# --- what reconcile finds


def test_differing_meters_become_entries() -> None:
    """The figure and the finding, with both sums, the call and the records; agreeing meters become none."""
    book = Book()
    book.use(call="both")
    book.use(by=HOST, call="both")
    assert meter_entries(book.compare()) == []
    mine = book.use(call="mine")
    twice = [book.use(by=HOST, call="twice", quantities={"token": 4}) for _ in range(2)]
    figure, *found = meter_entries(book.compare(window="day"))
    assert (figure.party, figure.asset, figure.what) == (LAB.hex(), str(review.show_target(MODEL)), METERS)
    assert figure.figures == {"user_seen": "20", "provider_seen": "18", "difference": "2"}
    assert "the user logged 2 more" in figure.says
    assert figure.about == {"use": "infer", "unit": "token", "window": "day:2026-01-01"}
    whats = {(one.about["finding"], one.about["side"], one.about["call"]): one for one in found}
    assert set(whats) == {("missing", "provider", "mine"), ("missing", "user", "twice"),
                          ("duplicate", "provider", "twice")}  # fmt: skip
    assert whats["missing", "provider", "mine"].records == (str(mine),)
    assert whats["duplicate", "provider", "twice"].records == tuple(map(str, twice))
    assert len({one.id_on(LOG) for one in (figure, *found)}) == 4
    later = book.compare(window="day")
    assert meter_entries(later) == [figure, *found]


def test_another_month_is_another_finding() -> None:
    """Figures of two windows, and of all time, are told apart."""
    book = Book()
    book.use(quantities={"token": 1})
    book.use(by=HOST)
    book.use(from_=1_767_225_600_000 + 40 * 86_400_000, quantities={"token": 2})
    book.use(by=HOST, from_=1_767_225_600_000 + 40 * 86_400_000)
    ids = [one.id_on(LOG) for window in ("month", "all") for one in meter_entries(book.compare(window=window))]
    assert len(set(ids)) == 3
