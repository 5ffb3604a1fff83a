"""Where a spool's sender stands: `sender.state`, replaced at once and durably before each request leaves.

It holds, for each segment, up to where everything in it is settled, and the signed batch under way with the places that
its records came from: after a crash at any moment the very same batch is sent again, and the log answers one that it
has with its first answer. A crash leaves the old file or the new one. A hash in front of it tells damage: a position
that was changed would let records be logged twice, or never.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ledger.signrecord import write_durably
from node.errors import FileError
from node.ownfiles import read_own
from proofs import codec
from proofs.entry import Batch, encode_request, parse_request
from proofs.errors import InputError

FORMAT = "usance/spool-state/v1"
STATE_BYTES_MAX = 64 * 1024 * 1024
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record of a batch stands: its segment's id, and its offset in it, in bytes."""

    segment: str
    position: int


@dataclass(frozen=True, slots=True)
class Flight:
    """The signed batch under way. `places`: of its records, in order; `marks`: by segment id, up to where everything is
    settled once it is taken."""

    batch: Batch
    places: tuple[Place, ...]
    marks: dict[str, int]


@dataclass
class SenderState:
    """The file. `log`: the log's verifier key; `done`: by segment id, up to where everything is settled, in bytes;
    `passed`: records beyond that whose dead letters were retried or dropped already."""

    path: str
    log: str
    done: dict[str, int] = field(default_factory=dict)
    flight: Flight | None = None
    passed: set[Place] = field(default_factory=set)

    def save(self) -> None:
        """Make it durable. Raises StorageError."""
        passed = sorted([place.segment, place.position] for place in self.passed)
        value: dict[str, Any] = {"format": FORMAT, "log": self.log, "done": self.done, "passed": passed}
        if self.flight is not None:
            value["request"] = encode_request([self.flight.batch])
            value["places"] = [[place.segment, place.position] for place in self.flight.places]
            value["marks"] = self.flight.marks
        data = codec.encode(value)
        write_durably(self.path, sha256(data).digest() + data, mode=0o600)


def load_state(path: str) -> SenderState | None:
    """What the last sender left, None where there was none. Raises FileError for a file that is damaged."""
    data = read_own(path, bytes_max=STATE_BYTES_MAX, field="spool")
    if data is None:
        return None
    try:
        if sha256(data[_HASH_BYTES:]).digest() != data[:_HASH_BYTES]:
            raise InputError("another hash")
        return _parse(path, codec.decode(data[_HASH_BYTES:], field="spool"))
    except (InputError, KeyError, TypeError, ValueError):
        raise FileError(
            f"{path} is damaged, and it is what keeps records from being logged twice: put it back as it was; or find "
            "with `usance records` what the key has logged, move the segments of that away, and then this file",
            field="spool",
        ) from None


def _parse(path: str, value: Any) -> SenderState:
    if value["format"] != FORMAT:
        raise InputError("another format")
    state = SenderState(path, str(value["log"]), _positions(value["done"]), passed=set(_places(value["passed"])))
    if "request" in value:
        (batch,) = parse_request(value["request"])
        places = _places(value["places"])
        if len(places) != len(batch.bodies):
            raise InputError("places don't fit the batch")
        state.flight = Flight(batch, places, _positions(value["marks"]))
    return state


def _places(value: Any) -> tuple[Place, ...]:
    return tuple(Place(str(segment), _position(position)) for segment, position in value)


def _positions(value: Any) -> dict[str, int]:
    return {str(id): _position(position) for id, position in value.items()}


def _position(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise InputError("no position")
    return value
