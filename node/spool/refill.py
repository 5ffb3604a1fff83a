"""What goes into a spool other than by a program that logs: files of machines without a network, and dead letters that
are tried again. Both need the folder's lock, and leave nothing in two places whatever is killed when.

An imported file keeps its id, under which its settled position is known, and lies in the folder as a copy of it. Dead
letters go by a plan in `retry.json`: the plan is durable, then the segments are made, the letters removed, and the plan
removed; whoever takes the lock next finishes a plan that is still there before anything is sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from ledger.errors import StorageError
from ledger.signrecord import write_durably
from node.errors import FileError
from node.spool.deadletters import DeadLetters, Letter
from node.spool.errors import DamageError
from node.spool.folder import (
    DEAD_FILE,
    IMPORTED_FILE,
    RETRY_FILE,
    STATE_FILE,
    SpoolFolder,
    open_outside,
    sync_folder,
)
from node.spool.segment import (
    ID_BYTES,
    Header,
    SegmentReader,
    make_header,
    pack_end,
    pack_record,
    segment_name,
)
from node.spool.settled import SettledFiles, digest_of
from node.spool.state import Place, load_state
from proofs.errors import InputError, excerpt

PLAN_BYTES_MAX = 64 * 1024 * 1024
RETRIED_MAX = 500_000
"""Letters in one plan, of 60 bytes each."""
_CHUNK_BYTES = 1024 * 1024
_PART = ".part-"


@dataclass(frozen=True, slots=True)
class Imported:
    """What was found in a file. `records`: new ones, now in the spool; `known`: ones that were imported before;
    `closed`: its writer ended it, so that nothing was cut off; `damage`: what is wrong after them."""

    path: str
    records: int
    known: int
    closed: bool
    damage: DamageError | None


def new_name(now_ms: int) -> str:
    """A name for a segment that this process makes."""
    return segment_name(now_ms=now_ms, pid=os.getpid(), random=os.urandom(4))


def import_file(folder: SpoolFolder, path: str, check: Callable[[Header], None], *, now_ms: int) -> Imported:
    """Copy an offline file into the spool, what is new of it; under the folder's lock. `check(header)` raises for a
    file of another log or key. Raises InputError for a file that isn't a spool file, or another one of a known id."""
    with open_outside(path) as file:
        try:
            reader = SegmentReader(file)
        except DamageError as error:
            raise FileError(f"{path} is no spool file: {error.detail}", field="FILE") from None
        check(reader.header)
        settled = SettledFiles(folder.file(IMPORTED_FILE))
        before, name = _known(folder, settled, path, file, reader.header)
        damage, new, known = None, 0, 0
        try:
            for record in reader.records():
                new, known = (new, known + 1) if record.end <= before else (new + 1, known)
        except DamageError as error:
            damage = error
        if reader.position > before:
            # Known first: a copy that is sent and deleted before this run ends must not be forgotten.
            settled.put(reader.header.id, settled.get(reader.header.id))
            _write(folder, name or new_name(now_ms), _pieces(file, reader.position))
        return Imported(path, new, known, reader.ended and not reader.torn, damage)


def _known(
    folder: SpoolFolder, settled: SettledFiles, path: str, file: BinaryIO, header: Header
) -> tuple[int, str | None]:
    """How much of a file has been imported, and the segment in which that still lies. Raises InputError where the file
    isn't the one that was imported, or doesn't contain it."""
    mark = settled.get(header.id)
    before, digest, found = mark.position, mark.digest, None
    for name in folder.segments():
        segment = folder.open(name)
        if segment is None:
            continue
        with segment:
            try:
                if os.path.samestat(os.fstat(segment.fileno()), os.fstat(file.fileno())):
                    return sys.maxsize, name  # it is in the spool, and its writer may be at work: nothing of it is new
                if SegmentReader(segment).header.id == header.id:
                    size = os.fstat(segment.fileno()).st_size
                    before, digest, found = size, digest_of(segment, size), name
            except DamageError:
                continue
    size = os.fstat(file.fileno()).st_size
    if digest and size >= before and digest_of(file, before) != digest:
        raise InputError(
            f"{path} is another file than the one of the same id that was imported before", field="FILE",
            expected="a file that was only appended to",
        )  # fmt: skip
    return before, found


def _pieces(file: BinaryIO, size: int) -> Iterable[bytes]:
    file.seek(0)
    while size and (piece := file.read(min(_CHUNK_BYTES, size))):
        size -= len(piece)
        yield piece


def _write(folder: SpoolFolder, name: str, pieces: Iterable[bytes]) -> None:
    """A whole segment at once, durably: it is there with all that it holds, or not at all. Raises StorageError.

    A crash leaves its part, which the next one deletes: who holds the folder's lock is the only one to write any.
    """
    temporary = folder.file(f"{_PART}{name}")
    try:
        _delete_parts(folder)
        with open(temporary, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, folder.file(name))
        sync_folder(folder.path)
    except OSError as error:
        with contextlib.suppress(OSError):
            _delete_parts(folder)
        raise StorageError(f"can't write in {folder.path}: {error.strerror}; free space or mend the disk") from None


def _delete_parts(folder: SpoolFolder) -> None:
    for name in os.listdir(folder.path):
        if name.startswith(_PART):
            os.unlink(folder.file(name))


def _let_go(folder: SpoolFolder, letters: Collection[Place]) -> None:
    """Before letters leave `dead.jsonl`: note those whose records the sender hasn't passed yet, for it would send them
    again, and forget a batch under way that holds one: it was refused, and must not be taken later."""
    state = load_state(folder.file(STATE_FILE))
    if state is None:
        return
    there = _ids(folder)  # of a segment that is gone nothing is sent again
    ahead = {
        place for place in letters if place.segment in there and place.position >= state.done.get(place.segment, 0)
    } - state.passed
    void = state.flight is not None and any(place in letters for place in state.flight.places)
    if ahead or void:
        state.passed |= ahead
        state.flight = None if void else state.flight
        state.save()


def _ids(folder: SpoolFolder) -> set[str]:
    """The ids of all segments whose headers can be read."""
    found = set()
    for name in folder.segments():
        file = folder.open(name)
        if file is not None:
            with file, contextlib.suppress(DamageError):
                found.add(SegmentReader(file).header.id)
    return found


def retry_letters(folder: SpoolFolder, names: Iterable[str], *, now_ms: int) -> int:
    """Put dead letters (those named, or all; the first RETRIED_MAX of them) back into the spool, behind what is there;
    under the folder's lock. Answers how many. Raises InputError for a name that no letter has."""
    dead = DeadLetters(folder.file(DEAD_FILE))
    chosen = dead.choose(list(names))
    groups: dict[tuple[str, str], list[Place]] = {}
    count = 0
    for letter in dead.letters():
        if letter.place in chosen and count < RETRIED_MAX:
            count += 1
            groups.setdefault((letter.log, letter.key.hex() if letter.key else ""), []).append(letter.place)
    if not groups:
        return 0
    plan = [
        {"name": new_name(now_ms + at), "id": os.urandom(ID_BYTES).hex(), "log": log, "key": key,
         "letters": [[place.segment, place.position] for place in places]}
        for at, ((log, key), places) in enumerate(groups.items())
    ]  # fmt: skip
    write_durably(folder.file(RETRY_FILE), json.dumps(plan).encode() + b"\n", mode=0o600)
    finish_retry(folder)
    return count


def finish_retry(folder: SpoolFolder) -> None:
    """Carry out what is left of a plan, if there is one; under the folder's lock, before anything is sent."""
    path = folder.file(RETRY_FILE)
    try:
        with open(path, "rb") as file:
            plan = json.loads(file.read(PLAN_BYTES_MAX))
            wanted = [(row, {Place(segment, position) for segment, position in row["letters"]}) for row in plan]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"can't read the plan of a retry, {path}: {error}; put it back", field="spool") from None
    dead = DeadLetters(folder.file(DEAD_FILE))
    there = set(folder.segments())
    for row, places in wanted:
        if row["name"] not in there:  # else it was made before a crash, with all of its letters
            _write(folder, row["name"], _retry_pieces(row, (one for one in dead.letters() if one.place in places)))
    gone = {place for _, places in wanted for place in places}
    _let_go(folder, gone)
    dead.keep(lambda letter: letter.place not in gone)
    try:
        os.unlink(path)
        sync_folder(folder.path)
    except OSError as error:
        raise StorageError(f"can't delete {path}: {error.strerror}; mend its permissions") from None


def _retry_pieces(row: dict[str, Any], letters: Iterable[Letter]) -> Iterable[bytes]:
    key = bytes.fromhex(row["key"]) if row["key"] else None
    header = make_header(vkey=row["log"], key=key, id=bytes.fromhex(row["id"]))
    yield header
    position = len(header)
    for letter in letters:
        piece = pack_record(letter.body, position=position)
        position += len(piece)
        yield piece
    yield pack_end(position=position)


def drop_letters(folder: SpoolFolder, names: Iterable[str]) -> int:
    """Delete dead letters (those named, or all) for good; under the folder's lock. Answers how many. Raises InputError
    for a name that no letter has."""
    dead = DeadLetters(folder.file(DEAD_FILE))
    chosen = dead.choose(list(names))
    if chosen:
        _let_go(folder, chosen)
        dead.keep(lambda letter: letter.place not in chosen)
    return len(chosen)


def why_not(header: Header, logs: frozenset[str], keys: frozenset[bytes]) -> str:
    """Why records of a segment may not be signed with one of these keys for this log; nothing where they may."""
    if header.vkey not in logs:
        return f"it is for another log, {excerpt(header.vkey)}"
    if header.key is not None and header.key not in keys:
        return f"it is to be signed by another key, {header.key.hex()}: send it with that one, or with --also-for"
    return ""
