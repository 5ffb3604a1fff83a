"""Dead letters: records that the log refused for good, each with its reason, one JSON object a line in `dead.jsonl`.

A letter is durable before the sender passes its record, and known by the record's place, so that a crash in between
makes no second one. They wait until somebody puts them back into the spool (`retry`) or away (`drop`). Only who holds
the folder's lock writes here.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.errors import StorageError
from node.errors import FileError, ProblemError
from node.spool.folder import sync_folder
from node.spool.segment import Header
from node.spool.state import Place
from proofs.errors import InputError, excerpt
from proofs.jsonform import from_json, to_json
from proofs.records import check_body, make_body

LINE_BYTES_MAX = 1024 * 1024
SHORT_CHARS = 8
_EXTRA_CHARS_MAX = 500
_EXTRAS_MAX = 16


@dataclass(frozen=True, slots=True)
class Letter:
    """One record that was refused. `log`, `key`: of its segment's header; `at_ms`: when it was refused, by this
    machine's clock; `problem`: the log's words; `body`: the record's bytes."""

    place: Place
    log: str
    key: bytes | None
    at_ms: int
    problem: dict[str, Any]
    body: bytes

    @property
    def name(self) -> str:
        """What a person calls it by."""
        return f"{self.place.segment[:SHORT_CHARS]}:{self.place.position}"

    def view(self) -> dict[str, Any]:
        """Its JSON form: the record as an object, or its bytes in hex where it is none in canonical form."""
        value: dict[str, Any] = {
            "name": self.name, "segment": self.place.segment, "position": self.place.position, "log": self.log,
            "key": None if self.key is None else self.key.hex(), "at": self.at_ms, "problem": self.problem,
        }  # fmt: skip
        with contextlib.suppress(InputError):
            record = to_json(check_body(self.body))
            if make_body(from_json(record)) == self.body:
                return {**value, "record": record}
        return {**value, "body": self.body.hex()}


def make_letter(place: Place, header: Header, body: bytes, problem: ProblemError, *, at_ms: int) -> Letter:
    """The letter of a record that was refused with this problem."""
    said: dict[str, Any] = {"status": problem.status, "type": problem.type, "detail": problem.detail}
    said.update((name, value) for name in ("field", "expected") if (value := getattr(problem, name)))
    for name, value in list(problem.extra.items())[:_EXTRAS_MAX]:  # as the terms now in force
        if isinstance(value, str | int) and len(name) + len(str(value)) <= _EXTRA_CHARS_MAX:
            said.setdefault(name, value)
    return Letter(place, header.vkey, header.key, at_ms, said, body)


class DeadLetters:
    """The file. Reading needs no lock: a line that is being written is passed over. One who adds makes one of these for
    each time that it holds the folder's lock."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._size: int | None = None  # of whole lines; known to the one who writes

    def stamp(self) -> tuple[int, ...]:
        """Another one whenever the file is another."""
        try:
            found = os.stat(self.path)
        except OSError:
            return ()
        return (found.st_ino, found.st_size, found.st_mtime_ns)

    def letters(self) -> Iterator[Letter]:
        """All of them, in the order in which they died. Raises FileError for a line that is damaged."""
        for number, line in enumerate(self._lines(), 1):
            try:
                yield _parse(json.loads(line))
            except (InputError, ValueError, KeyError, TypeError, RecursionError):
                raise FileError(
                    f"line {number} of {self.path} is damaged: mend it, or move it to another file", field="spool"
                ) from None

    def _lines(self) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                while (line := file.readline(LINE_BYTES_MAX)).endswith(b"\n"):
                    yield line
                if len(line) == LINE_BYTES_MAX:
                    raise FileError(f"a line of {self.path} is too long: move it to another file", field="spool")
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(f"can't read {self.path}: {error.strerror}; mend its permissions", field="spool") from None

    def add(self, letter: Letter) -> None:
        """Append one, durably. What a crash left of a line before is cut off first. Raises StorageError."""
        data = _line(letter)
        good = self._size if self._size is not None else sum(map(len, self._lines()))
        self._size = None
        try:
            is_new = not os.path.exists(self.path)
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.ftruncate(handle, good)
                os.lseek(handle, good, os.SEEK_SET)
                with os.fdopen(handle, "wb", closefd=False) as file:
                    file.write(data)
                os.fsync(handle)
            finally:
                os.close(handle)
            if is_new or not good:
                sync_folder(os.path.dirname(self.path))
        except OSError as error:
            raise StorageError(f"can't write {self.path}: {error.strerror}; free space or mend the disk") from None
        self._size = good + len(data)

    def keep(self, wanted: Callable[[Letter], bool]) -> None:
        """Leave only the letters that are wanted; a crash leaves the old file or the new one. Raises StorageError."""
        temporary = self.path + ".tmp"
        self._size = None
        try:
            with open(temporary, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                for letter in self.letters():
                    if wanted(letter):
                        file.write(_line(letter))
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self.path)
            sync_folder(os.path.dirname(self.path))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise StorageError(f"can't write {self.path}: {error.strerror}; free space or mend the disk") from None

    def choose(self, names: Sequence[str]) -> set[Place]:
        """The places of the letters that are named, of all for none. Raises InputError for a name that no letter has,
        or two have."""
        found: dict[str, list[Place]] = {name: [] for name in names}
        places = set()
        for letter in self.letters():
            long = f"{letter.place.segment}:{letter.place.position}"
            for name in {letter.name, long} & found.keys():
                found[name].append(letter.place)
            if not names or letter.name in found or long in found:
                places.add(letter.place)
        for name, hits in found.items():
            if len(hits) != 1:
                what = "no dead letter has" if not hits else "two dead letters have"
                raise InputError(f"{what} the name {excerpt(name)}", field="NAME", expected="one that `status` shows")
        return places


def _line(letter: Letter) -> bytes:
    """A half of a surrogate pair in what a node said stays the escape that it came as."""
    return json.dumps(letter.view(), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _parse(value: Any) -> Letter:
    body = bytes.fromhex(value["body"]) if "body" in value else make_body(from_json(value["record"]))
    key = value["key"]
    place = Place(str(value["segment"]), int(value["position"]))
    return Letter(
        place, str(value["log"]), None if key is None else bytes.fromhex(key), int(value["at"]),
        dict(value["problem"]), body,
    )  # fmt: skip
