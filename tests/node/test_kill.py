"""kill -9 under load: whatever was answered is there after a restart (the issue's "It must show")."""

import random
import time
from pathlib import Path

import pytest

from tests.simulation.audit import check_all
from tests.simulation.nodes import Log, Node, load, make_log

ROUNDS = 4
ROUNDS_LONG = 50
LOAD_S = (0.0, 0.7)
EARLY = 0.2
"""Share of the kills that don't wait for the first answer."""
FIRST_ANSWER_S = 20


def await_answer(log: Log, count: int) -> None:
    """Wait until more than `count` batches were answered, so that the load is one when the kill comes."""
    for _ in range(FIRST_ANSWER_S * 100):
        if len(log.journal.answered) > count:
            return
        time.sleep(0.01)
    raise AssertionError("nothing was answered")


@pytest.mark.timeout(600)
def test_nothing_answered_is_lost_by_kill_9(tmp_path: Path, long_run: bool) -> None:
    """Kill at random moments under load, restart, and hold the log against all that its clients were told."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    log = make_log(tmp_path / "node", seed=seed, submitters=4)
    killed_inside = 0
    for number in range(ROUNDS_LONG if long_run else ROUNDS):
        before = len(log.journal.answered)
        with Node(log.folder) as node, load(log, node.port):
            if draw.random() >= EARLY:
                await_answer(log, before)
            time.sleep(draw.uniform(*LOAD_S))
            node.kill()
        pending = sum(len(one.pending) for one in log.submitters)
        killed_inside += bool(pending)
        with Node(log.folder) as node:
            checkpoint = check_all(log, node)
            assert node.stop() == 0
        print(f"round {number}: {len(log.journal.answered) - before} batches answered, {pending} pending, "
              f"size {checkpoint.size}")  # fmt: skip
    assert len(log.journal.answered) > 20, "the load was no load"
    assert killed_inside, "no kill met a request under way"


def test_kill_before_the_first_answer(tmp_path: Path) -> None:
    """A node that is killed again and again as soon as it serves starts each time, with the same checkpoint."""
    log = make_log(tmp_path / "node", seed=1, submitters=1)
    seen = set()
    for _ in range(3):
        with Node(log.folder) as node:
            seen.add(node.checkpoint(log.journal.vkey))
            node.kill()
    assert len(seen) == 1
    with Node(log.folder) as node:
        check_all(log, node)
