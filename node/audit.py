"""Judging a whole log from what it serves: checkpoint, root, every tile, signature, number, head and rule.

Entries are read ahead by a few threads and replayed in order (ledger/replay.py) over a store in memory, which keeps 32
bytes an entry and the state that rules read; nothing else grows with the log. What the replay came to is then held
against what a node says of money (node/moneyaudit.py) or what a node's database holds (ledger/rowcheck.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.context import LogIdentity
from ledger.replay import AuditFailure, Replay, Watch
from ledger.store import Store
from node.examiners import Examiners
from node.sources import Source, in_order
from proofs import tiles
from proofs.checkpoint import Checkpoint
from proofs.errors import VerifyError
from proofs.logkeys import LogKeys, log_keys
from proofs.note import VerifierKey
from proofs.tiles import TILE_WIDTH

Progress = Callable[[int], None]
"""`progress(entries)`: judged so far."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What a log that passed holds. `replay`: what its entries come to."""

    checkpoint: Checkpoint
    batches: int
    kinds: dict[str, int]
    statuses: dict[str, int]
    tiles: int
    replay: Replay

    def root_at(self, size: int) -> bytes | None:
        """The log's root at any size up to the checkpoint's."""
        return self.replay.ledger.root_at(size)

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "verdict": "good",
            "log": self.checkpoint.origin,
            "size": self.checkpoint.size,
            "root": self.checkpoint.root.hex(),
            "batches": self.batches,
            "tiles": self.tiles,
            "kinds": self.kinds,
            "statuses": self.statuses,
        }


def audit(
    source: Source, checkpoint: Checkpoint, keys: VerifierKey | LogKeys, *, progress: Progress,
    store: Store | None = None, size: int = 0,
) -> Audit:  # fmt: skip
    """Judge the log up to a checkpoint that was verified. `store`: an empty one to keep every row of the replay in;
    `size`: where more entries than the checkpoint's are to be judged, how many. Raises AuditFailure naming the first
    leaf that is wrong, or VerifyError for a missing or wrong tile, and what the source raises."""
    replay = replay_log(source, checkpoint, keys, progress=progress, store=store, size=size)
    count = _check_tiles(source, checkpoint, replay)
    check_root(replay, checkpoint)
    return Audit(
        checkpoint, replay.batches, dict(sorted(replay.kinds.items())), dict(sorted(replay.statuses.items())), count,
        replay,
    )  # fmt: skip


def replay_log(
    source: Source, checkpoint: Checkpoint, keys: VerifierKey | LogKeys, *, progress: Progress,
    watch: Watch | None = None, store: Store | None = None, size: int = 0,
) -> Replay:  # fmt: skip
    """Judge every entry up to a checkpoint that was verified; `watch` is shown each record, `store` keeps every row
    (see Replay); `size` entries where that is more. What it was shown is the log's only after `check_root`. Raises
    AuditFailure, and what the source and `watch` raise."""
    log = log_keys(keys)
    with Examiners() as pool:
        replay = Replay(LogIdentity(log.origin, log.public), executor=pool, watch=watch, store=store)
        _replay(source, max(size, checkpoint.size), replay, progress)
    return replay


def check_root(replay: Replay, checkpoint: Checkpoint) -> None:
    """Raise VerifyError unless the replayed entries are the checkpoint's tree."""
    root = replay.ledger.root_at(checkpoint.size) or b""
    if root != checkpoint.root:
        raise VerifyError(
            f"the {checkpoint.size} entries hash to {root.hex()}, and not to the checkpoint's root",
            field="root", expected=checkpoint.root.hex(),
        )  # fmt: skip


def _replay(source: Source, size: int, replay: Replay, progress: Progress) -> None:
    bundles = range(-(-size // TILE_WIDTH))
    read = in_order(bundles, lambda index: source.bundle(index, tiles.tile_width(0, index, size)))
    done = 0
    for entries in read:
        replay.feed(entries)
        done += len(entries)
        progress(done)
    replay.finish()


def _check_tiles(source: Source, checkpoint: Checkpoint, replay: Replay) -> int:
    """Compare every hash tile with the one that the entries give; answers how many there are."""
    size = checkpoint.size
    own = replay.ledger.view()

    def all_tiles() -> Iterator[tuple[int, int, int]]:
        for level, count in tiles.tiles_of(size):
            for index in range(count):
                width = tiles.tile_width(level, index, size)
                if width:
                    yield level, index, width

    def read(tile: tuple[int, int, int]) -> tuple[tuple[int, int, int], bytes]:
        return tile, source.tile(*tile)

    compared = 0
    for (level, index, width), data in in_order(all_tiles(), read):
        if data != own.tile(level, index, width):
            _blame_tile(level, index, data, own.tile(level, index, width))
        compared += 1
    return compared


def _blame_tile(level: int, index: int, data: bytes, own: bytes) -> None:
    differs = next((at for at in range(0, len(own), 32) if data[at : at + 32] != own[at : at + 32]), 0) // 32
    leaf = (index * TILE_WIDTH + differs) << (tiles.TILE_HEIGHT * level)
    path = tiles.tile_path(level, index, len(own) // 32)
    raise AuditFailure(leaf, f"{path} has another hash than the entries give")
