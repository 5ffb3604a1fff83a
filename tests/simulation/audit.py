"""Looks at a restarted node from outside: is everything there that anybody was told before? (design section 8)"""

from __future__ import annotations

import itertools
import json
from collections import Counter

from ledger.context import LogIdentity
from ledger.replay import Replay
from proofs import merkle, tiles
from proofs.checkpoint import Checkpoint
from proofs.entry import encode_request
from proofs.merkle import CompactRange
from proofs.text import parse_hash
from tests.simulation.nodes import ORIGIN, Answered, Connection, Log, Node

PAIRS_MAX = 40
STATUSES_MAX = 20


def read_entries(connection: Connection, size: int) -> list[bytes]:
    """All entries, from the bundles that any client reads."""
    entries: list[bytes] = []
    while len(entries) < size:
        width = min(tiles.TILE_WIDTH, size - len(entries))
        data = connection.request("/" + tiles.entries_path(len(entries) // tiles.TILE_WIDTH, width)).good()
        entries += tiles.parse_bundle(data, width)
    return entries


def check_all(log: Log, node: Node) -> Checkpoint:
    """Everything: places, statuses, repeats, checkpoints and rules; sends what is pending once more first.

    Answers the checkpoint at which all of it holds. Raises AssertionError.
    """
    journal = log.journal
    with Connection(node.port) as connection:
        for submitter in log.submitters:
            if submitter.pending:
                assert submitter.send(connection).status == 200
        assert journal.faults == []
        before = journal.saw(connection.request("/checkpoint").good())
        check_repeats(journal.answered, connection)
        checkpoint = journal.saw(connection.request("/checkpoint").good())
        assert checkpoint == before, "repeats made the log grow"
        entries = read_entries(connection, checkpoint.size)
        check_places(journal.answered, entries)
        check_statuses(journal.answered, connection)
        check_history(journal.checkpoints, entries, connection)
        assert connection.request("/conflicts").json() == {"conflicts": []}
    replay = Replay(LogIdentity(ORIGIN, frozenset((journal.vkey.key,))))
    replay.feed(entries)
    replay.finish()
    assert (replay.size, replay.root) == (checkpoint.size, checkpoint.root)
    assert journal.faults == []
    return checkpoint


def check_places(answered: list[Answered], entries: list[bytes]) -> None:
    """Each answered batch stands where it was said to, and its entries nowhere else."""
    times = Counter(entries)
    for item in answered:
        first = item.result["first_index"]
        expected = item.batch.entries()
        assert entries[first : first + len(expected)] == expected, f"entry {first} isn't what was answered"
        assert all(times[entry] == 1 for entry in expected), f"the batch at entry {first} was taken twice"


def check_repeats(answered: list[Answered], connection: Connection) -> None:
    """Each answered batch, sent again, gets its first answer: place and statuses."""
    for start in range(0, len(answered), 256):
        part = answered[start : start + 256]
        said = connection.request("/records", data=encode_request([item.batch for item in part])).json()
        assert said["results"] == [item.result for item in part]


def check_statuses(answered: list[Answered], connection: Connection) -> None:
    """The last answered records are read back with the status that was answered."""
    for item in answered[-STATUSES_MAX:]:
        first, count = item.result["first_index"], item.result["count"]
        page = connection.request(f"/records?from={first}&limit={count}").json()
        assert [record["status"] for record in page["records"]] == item.result["statuses"]


def check_history(checkpoints: dict[int, bytes], entries: list[bytes], connection: Connection) -> None:
    """Every checkpoint ever given out is of this log's past: by hashing all entries anew, and by the node's proofs."""
    grown, at = CompactRange(), 0
    for size in sorted(checkpoints):
        assert size <= len(entries), f"a checkpoint of size {size} was given out, {len(entries)} entries are left"
        grown.extend([merkle.leaf_hash(entry) for entry in entries[at:size]])
        at = size
        assert grown.root() == checkpoints[size], f"the tree of size {size} isn't the one that was signed"
    sizes = sorted(checkpoints)[-PAIRS_MAX:]
    for old, new in itertools.pairwise(sizes):
        lines = connection.request(f"/consistency?from={old}&to={new}").good().decode().splitlines()
        merkle.check_consistency(
            old_size=old, new_size=new, old_root=checkpoints[old], new_root=checkpoints[new],
            path=[parse_hash(line, field="path") for line in lines],
        )  # fmt: skip


def problem(body: bytes) -> dict[str, object]:
    """A problem answer, decoded."""
    value = json.loads(body)
    assert isinstance(value, dict)
    assert {"type", "title", "status", "detail"} <= set(value)
    return value
