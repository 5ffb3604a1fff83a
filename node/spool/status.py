"""What is in a spool, for people and programs; reads only, and needs no lock."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.errors import FileError
from node.heads import state_folder
from node.spool.deadletters import DeadLetters, Letter
from node.spool.errors import DamageError
from node.spool.folder import DEAD_FILE, IMPORTED_FILE, STATE_FILE, TRY_FILE, SpoolFolder, has_writer
from node.spool.lasttry import LastTry, load_try
from node.spool.segment import SegmentReader
from node.spool.settled import SettledFiles
from node.spool.state import Flight, Place, load_state


@dataclass(frozen=True, slots=True)
class SegmentStatus:
    """One segment. `waiting`: records that aren't settled; `size`: bytes; `log`, `key`: of its header; `writer`:
    whether a program has it open; `torn`: bytes that a crash left of a record; `damage`: what is wrong with it."""

    name: str
    waiting: int
    size: int
    log: str
    key: bytes | None
    writer: bool
    torn: int
    damage: str

    def view(self) -> dict[str, Any]:
        """Its JSON form."""
        return {
            "name": self.name, "waiting": self.waiting, "bytes": self.size, "log": self.log or None,
            "key": None if self.key is None else self.key.hex(), "writer": self.writer, "torn_bytes": self.torn,
            "damage": self.damage or None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """What is in a spool. `flight`: the batch under way; its records count as waiting too. `last_try`: what the last
    sender left, None where there was none or it left nothing."""

    path: str
    segments: list[SegmentStatus]
    flight: Flight | None
    dead: list[Letter]
    damaged: list[dict[str, object]]
    last_try: LastTry | None

    @property
    def waiting(self) -> int:
        """Records that aren't settled."""
        return sum(segment.waiting for segment in self.segments)

    def view(self) -> dict[str, Any]:
        """Its JSON form."""
        flight = None
        if self.flight is not None:
            batch = self.flight.batch
            flight = {"records": len(batch.bodies), "first": batch.first, "key": batch.key.hex(), "size": batch.size}
        return {
            "spool": self.path, "waiting": self.waiting, "segments": [segment.view() for segment in self.segments],
            "under_way": flight, "last_try": self._last_view(), "dead": [letter.view() for letter in self.dead],
            "damaged": self.damaged,
        }  # fmt: skip

    def _last_view(self) -> dict[str, Any] | None:
        last = self.last_try
        return None if last is None else {"at": last.at_ms, "why": last.why or None, "kept": dict(last.kept)}


def read_status(folder: SpoolFolder) -> SpoolStatus:
    """Count everything; costs a pass over all segments. Raises FileError for a damaged state, StorageError."""
    if not os.path.isdir(folder.path):
        return SpoolStatus(folder.path, [], None, [], [], None)
    state = load_state(folder.file(STATE_FILE))
    settled = SettledFiles(folder.file(IMPORTED_FILE))
    dead = list(DeadLetters(folder.file(DEAD_FILE)).letters())
    places = {letter.place for letter in dead} | (state.passed if state else set())
    segments = []
    for name in folder.segments():
        found = _segment(folder, name, state.done if state else {}, settled, places)
        if found is not None:
            segments.append(found)
    last = load_try(folder.file(TRY_FILE))
    return SpoolStatus(folder.path, segments, state.flight if state else None, dead, folder.damaged(), last)


def _segment(
    folder: SpoolFolder, name: str, done: dict[str, int], settled: SettledFiles, dead: set[Place]
) -> SegmentStatus | None:
    file = folder.open(name)
    if file is None:
        return None
    with file:
        size, writer = os.fstat(file.fileno()).st_size, has_writer(file)
        reader, waiting, damage = None, 0, ""
        try:
            reader = SegmentReader(file)
            id = reader.header.id
            for record in reader.records(max(done.get(id, 0), settled.get(id).position)):
                waiting += Place(id, record.position) not in dead
        except DamageError as error:
            damage = error.detail
        log, key = (reader.header.vkey, reader.header.key) if reader else ("", None)
        return SegmentStatus(name, waiting, size, log, key, writer, reader.torn if reader else 0, damage)


def only_spool(environment: Mapping[str, str]) -> str:
    """The one spool of this user, where no log is named. Raises FileError where there is none, or several."""
    parent = os.path.join(state_folder(environment), "spool")
    try:
        found = sorted(entry.path for entry in os.scandir(parent) if entry.is_dir())
    except OSError:
        found = []
    if len(found) == 1:
        return found[0]
    what = f"{parent} has {len(found)} spools" if found else f"{parent} has no spool"
    raise FileError(f"{what}: name a log with --log or USANCE_LOG, or the folder with --spool", field="--spool")
