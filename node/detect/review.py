"""The review list, ``usance/review/v1``: all that somebody should look at on a log, in one JSON file (docs/watch.md).

Commands add to it what they find; a person adds to each entry a `state` and a `note`. An entry's `id` follows from what
it is about, so that the same finding of the same log stands once: found again, it takes the newer words and figures and
keeps what the person wrote. What isn't found any more stays: somebody may have looked at it. No entry is a verdict:
`level` is always "review".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from ledger.signrecord import write_durably
from node.agents.meters import DIFFER, Finding, Report, Row, show_target
from node.agents.windows import ALL, window_label
from node.errors import FileError
from node.imports import safejson
from node.ownfiles import held_folder
from proofs import jcs
from proofs.errors import InputError
from proofs.ref import Ref, parse_ref

FORMAT = "usance/review/v1"
REVIEW = "review"
BULK, GROUP, METERS = "bulk extraction", "group", "meters differ"
WHATS = (BULK, GROUP, METERS)
ENTRIES_MAX = 20_000
BYTES_MAX = 64 * 1024 * 1024
RECORDS_MAX = 64
MEMBERS_MAX = 500
TEXT_MAX = 4096
DEPTH_MAX = 6
WAIT_S = 30.0
"""For another command that adds to a list in the same folder."""
MS_MAX = 2**63 - 1

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to look at. `party`, `user`: who, as hex; `members`: of a group, each `party` or `party/user`; `asset`:
    `INDEX:HEX` or an external name; `since`, `until`: when, in ms; `about`: what else tells this finding from others;
    `says`: in words; `figures`: whole numbers and texts; `records`: references; `state`, `note`: the reviewer's own."""

    what: str
    asset: str
    says: str
    party: str | None = None
    user: str | None = None
    members: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    about: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    records: tuple[str, ...] = ()
    state: str | None = None
    note: str | None = None

    def id_on(self, log: str) -> str:
        """32 hexadecimal digits for what this is about on this log: its figures, words and times may change."""
        about = {"log": log, "what": self.what, "asset": self.asset, "party": self.party or "",
                 "user": self.user or "", "members": list(self.members), "about": self.about}  # fmt: skip
        return sha256(jcs.encode(about)).hexdigest()[:32]

    def value(self, log: str) -> dict[str, Any]:
        """As JSON."""
        value = {
            "id": self.id_on(log), "what": self.what, "level": REVIEW, "party": self.party, "user": self.user,
            "members": list(self.members) or None, "asset": self.asset, "from": self.since, "until": self.until,
            "about": self.about, "says": self.says, "figures": self.figures, "records": list(self.records),
            "state": self.state, "note": self.note,
        }  # fmt: skip
        return {name: value[name] for name in value if value[name] is not None or name in ("party", "from", "until")}


@dataclass(frozen=True, slots=True)
class ReviewList:
    """The file's content. `log`: the origin of the log that it is about; `size`: the greatest size looked at."""

    log: str
    size: int
    made: int
    entries: tuple[Entry, ...]

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {"format": FORMAT, "made": self.made, "log": self.log, "size": self.size,
                "entries": [entry.value(self.log) for entry in self.entries]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """How a list was added to."""

    path: str
    entries: int
    new: int

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {"file": self.path, "entries": self.entries, "new": self.new}

    def line(self) -> str:
        """For a person."""
        return f"review list {self.path}: {self.entries:,} entries, {self.new:,} of them new"


def merge(old: ReviewList | None, found: Iterable[Entry], *, log: str, size: int, made: int) -> ReviewList:
    """The list with what was found now, whatever the order in which lists were added to. Raises InputError for a list
    about another log, and where it would have more than ENTRIES_MAX entries."""
    if old is not None and old.log != log:
        raise InputError("the review list is about another log", field="--review", expected=f"a list about {log}")
    entries = {} if old is None else {entry.id_on(log): entry for entry in old.entries}
    for entry in found:
        name = entry.id_on(log)
        before = entries.get(name)
        entries[name] = entry if before is None else replace(entry, state=before.state, note=before.note)
    if len(entries) > ENTRIES_MAX:
        expected = f"at most {ENTRIES_MAX:,} entries: a narrower run, or another file"
        raise InputError(f"the review list would have {len(entries):,} entries", field="--review", expected=expected)
    ordered = sorted(entries.items(), key=lambda pair: (WHATS.index(pair[1].what), pair[1].asset, pair[0]))
    merged = ReviewList(log, size, made, tuple(entry for _, entry in ordered))
    if old is None:
        return merged
    same = old.entries == merged.entries and old.size >= size
    return old if same else replace(merged, size=max(old.size, size))


def add_to_file(path: str, found: Iterable[Entry], *, log: str, size: int, made: int) -> Written:
    """Merge into a file, which may be missing; it is replaced at once, and left alone where nothing changes; commands
    that add at the same time wait for each other. Raises InputError as `merge`, `read_list` and `held_folder` do, and
    StorageError."""
    with held_folder(path, doing="adding to a review list", field="--review", wait_s=WAIT_S):
        old = read_list(path) if os.path.lexists(path) else None
        merged = merge(old, found, log=log, size=size, made=made)
        if merged is not old:
            write_durably(path, (json.dumps(merged.value(), ensure_ascii=True, indent=1) + "\n").encode())
    before = set() if old is None else {entry.id_on(log) for entry in old.entries}
    new = sum(entry.id_on(log) not in before for entry in merged.entries)
    return Written(path, len(merged.entries), new)


def read_list(path: str) -> ReviewList:
    """A list from its file. Raises FileError for anything that isn't one."""
    value = safejson.load_file(path, bytes_max=BYTES_MAX, depth_max=DEPTH_MAX + 4)
    place = _Place(path, "")
    top = place.members(value, ("format", "made", "log", "size", "entries"), ())
    if top["format"] != FORMAT:
        raise place.at("format").wrong("no review list", FORMAT)
    log = place.at("log").text(top["log"], 255)
    rows = top["entries"]
    if type(rows) is not list or len(rows) > ENTRIES_MAX:
        raise place.at("entries").wrong("not its entries", f"a list of at most {ENTRIES_MAX:,}")
    entries = tuple(_entry(row, place.at(f"entries[{number}]"), log) for number, row in enumerate(rows))
    if len({entry.id_on(log) for entry in entries}) != len(entries):
        raise place.at("entries").wrong("the same finding twice", "each once")
    size, made = (place.at(name).number(top[name]) for name in ("size", "made"))
    return ReviewList(log, size, made, entries)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands, and what it must be."""

    path: str
    field: str

    def at(self, name: str) -> _Place:
        return _Place(self.path, f"{self.field}.{name}" if self.field else name)

    def wrong(self, detail: str, expected: str) -> FileError:
        return FileError(f"{self.path}: {self.field or 'the list'}: {detail}", field="--review", expected=expected)

    def members(self, value: Any, needed: tuple[str, ...], more: tuple[str, ...]) -> dict[str, Any]:
        if type(value) is not dict or not set(needed) <= set(value) <= {*needed, *more}:
            raise self.wrong("other fields than these", ", ".join((*needed, *(f"{name}?" for name in more))))
        return value

    def text(self, value: Any, most: int = TEXT_MAX) -> str:
        if type(value) is not str or len(value) > most:
            raise self.wrong("not a text", f"a string of at most {most} characters")
        return value

    def number(self, value: Any) -> int:
        if type(value) is not int or not 0 <= value <= MS_MAX:
            raise self.wrong("not a number", "0 to 2^63-1")
        return value

    def digest(self, value: Any) -> str:
        if type(value) is not str or len(value) != 64 or not set(value) <= _HEX:
            raise self.wrong("not a key or digest", "64 hexadecimal digits")
        return value

    def reference(self, value: Any) -> str:
        text = self.text(value, 128)
        try:
            parse_ref(text)
        except InputError as error:
            raise self.wrong(error.detail, "a reference INDEX:HEX") from None
        return text

    def figures(self, value: Any) -> Any:
        """Maps, lists, texts, whole numbers, true, false and null."""
        if isinstance(value, dict):
            return {self.text(name, 255): self.at(name).figures(value[name]) for name in value}
        if isinstance(value, list):
            return [self.figures(one) for one in value]
        if value is not None and type(value) not in (str, int, bool):
            raise self.wrong("not a figure", "whole numbers, texts, lists and maps")
        return value


_NEEDED = ("id", "what", "level", "party", "asset", "from", "until", "about", "says", "figures", "records")
_MORE = ("user", "members", "state", "note")


def _entry(value: Any, place: _Place, log: str) -> Entry:
    row = place.members(value, _NEEDED, _MORE)
    if row["what"] not in WHATS:
        raise place.at("what").wrong("not known", ", ".join(WHATS))
    if row["level"] != REVIEW:
        raise place.at("level").wrong("no such level", REVIEW)
    about, figures = row["about"], row["figures"]
    if type(about) is not dict or type(figures) is not dict:
        raise place.wrong("about or figures", "a map each")
    for name, most in (("records", RECORDS_MAX), ("members", MEMBERS_MAX)):
        if type(row.get(name, [])) is not list or len(row.get(name, [])) > most:
            raise place.at(name).wrong("not a list of them", f"at most {most}")

    def optional(name: str, parse: Any) -> Any:
        return None if row.get(name) is None else parse(place.at(name), row[name])

    entry = Entry(
        row["what"], place.at("asset").text(row["asset"]), place.at("says").text(row["says"]),
        party=optional("party", _Place.digest), user=optional("user", _Place.digest),
        members=tuple(place.at("members").text(one, 129) for one in row.get("members", [])),
        since=optional("from", _Place.number), until=optional("until", _Place.number),
        about={place.at("about").text(key, 64): place.at("about").text(about[key]) for key in about},
        figures=place.at("figures").figures(figures),
        records=tuple(place.at("records").reference(one) for one in row["records"]),
        state=optional("state", _Place.text), note=optional("note", _Place.text),
    )  # fmt: skip
    if row["id"] != entry.id_on(log):
        raise place.at("id").wrong("not the id of this finding", entry.id_on(log))
    return entry


# --- what reconcile finds


def meter_entries(report: Report) -> list[Entry]:
    """Where two meters differ: the figures, then the findings by call and detail root, in the report's order."""
    rows = [_row_entry(row, report) for row in report.rows if row.state == DIFFER]
    return rows + [_finding_entry(finding, report) for finding in report.findings.kept]


def _row_entry(row: Row, report: Report) -> Entry:
    window = window_label(row.window, report.window)
    when = "over all" if report.window == ALL else f"in {window}"
    more = "more" if row.difference > 0 else "less"
    says = (
        f"the user's meter has {row.user_seen:,} {row.unit} of {row.use} {when}, the providers' has "
        f"{row.provider_seen:,}: the user logged {abs(row.difference):,} {more}; which of them is right isn't said here"
    )
    return Entry(
        METERS, show_target(row.asset), says, party=row.party.hex(), user=row.user.hex() or None,
        since=None if report.window == ALL else row.window,
        about={"use": row.use, "unit": row.unit, "window": f"{report.window}:{window}"},
        figures={"user_seen": str(row.user_seen), "provider_seen": str(row.provider_seen),
                 "difference": str(row.difference)},
    )  # fmt: skip


_SAYS = {
    "missing": "{name} is missing on the {side}'s side: the other meter logged it",
    "duplicate": "{name} is logged twice on the {side}'s side, and counts twice",
    "quantities": "{name} has other quantities on the two sides",
    "window": "{name} stands in another window on each side",
    "user": "{name} is of another end user on each side",
}


def _finding_entry(finding: Finding, report: Report) -> Entry:
    name = f"{'call' if finding.sort == 'call' else 'detail root'} {finding.name[:128]}"
    refs: list[Ref] = sorted({*finding.user.refs, *finding.provider.refs, *finding.elsewhere})
    value = finding.value(report.window)
    figures = {side: value[side]["quantities"] for side in ("user_seen", "provider_seen")}
    about = {"finding": finding.what, "side": finding.side, "use": finding.use, finding.sort: finding.name}
    if finding.what == "duplicate":
        about["first"] = str(refs[0])
    starts = (*finding.user.windows, *finding.provider.windows)
    return Entry(
        METERS, show_target(finding.asset), _SAYS[finding.what].format(name=name, side=finding.side),
        party=finding.party.hex(), since=None if report.window == ALL else min(starts, default=None),
        about=about, figures={**figures, "records": len(refs)}, records=tuple(map(str, refs[:RECORDS_MAX])),
    )  # fmt: skip
